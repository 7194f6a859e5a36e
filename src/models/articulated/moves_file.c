/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves as files that people keep, edit and feed back: safetensors with the beat grid they were made for, BVH in and out, DMOT
 * in; and fitting them to a song: beat by beat where both have beats, repeated or cut to its length.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

enum { SEAM_FRAMES = 10 };

static bool read_beats(const SafeTensors *st, Moves *m, Err *e)
{
    Tensor at, bar;
    bool has_at = safetensors_find(st, "beats", &at), has_bar = safetensors_find(st, "beat_in_bar", &bar);
    if (!has_at && !has_bar) return true;
    if (!has_at || !has_bar || at.type != JIG_I64 || bar.type != JIG_I32 || at.shape.n != 1 || !shape_equal(at.shape, bar.shape) || at.shape.d[0] > 200000)
        return err_set(e, "\"beats\" must be I64 [n] (microseconds) and \"beat_in_bar\" I32 [n], n at most 200000");
    int n = (int)at.shape.d[0];
    const int64_t *micro = at.data;
    const int32_t *in_bar = bar.data;
    double *seconds = mem_alloc(sizeof(double) * (size_t)(n + 1));
    int *bars = mem_alloc(sizeof(int) * (size_t)(n + 1));
    bool ok = true;
    for (int i = 0; i < n && ok; i++) {
        seconds[i] = (double)micro[i] * 1e-6, bars[i] = in_bar[i];
        if (bars[i] < 1 || bars[i] > 16) ok = err_set(e, "beat %d is number %d in its bar; 1 to 16 are possible", i + 1, bars[i]);
    }
    if (ok) moves_set_beats(m, seconds, bars, n);
    mem_free(seconds);
    mem_free(bars);
    return ok;
}

static bool read_safetensors(Moves *m, const char *path, Err *e)
{
    SafeTensors *st = safetensors_open(path, e);
    if (!st) return false;
    Tensor t;
    const char *fps = safetensors_meta(st, "fps");
    double rate = MOTION_FPS;
    bool ok = true;
    if (!safetensors_find(st, "moves", &t))
        ok = err_set(e, "no tensor \"moves\": not a file of moves");
    else if (t.type != JIG_F32 || t.shape.n != 2 || t.shape.d[1] != MOVES_WIDTH || t.shape.d[0] < 1 || t.shape.d[0] > CLIP_MAX_FRAMES) {
        char shape[96];
        ok = err_set(e, "\"moves\" is %s %s, must be F32 [T, %d] with T from 1 to %d", dtype_name(t.type), shape_text(t.shape, shape), MOVES_WIDTH, CLIP_MAX_FRAMES);
    } else if (fps && (!text_to_double(fps, &rate) || rate != MOTION_FPS))
        ok = err_set(e, "moves of %s frames a second; %d are needed", fps, MOTION_FPS);
    ok = ok && moves_init(m, (int)t.shape.d[0], e);
    if (ok) {
        memcpy(m->row, t.data, sizeof(MovesRow) * (size_t)m->frames);
        ok = read_beats(st, m, e) && moves_check(m, e);
        if (ok) moves_normalise(m);
    }
    safetensors_close(st);
    return ok;
}

static bool read_clip(Moves *m, const char *path, Err *e)
{
    Clip c = {0}, canonical = {0};
    bool ok = clip_read(&c, path, e);
    if (ok) clip_face_viewer(&c);
    ok = ok && clip_to_canonical(&c, &canonical, e) && moves_from_clip(&canonical, m, e);
    clip_finish(&c);
    clip_finish(&canonical);
    return ok;
}

/* The first eight bytes of safetensors are the length of a header that begins with a brace. */
static bool is_safetensors(const char *path)
{
    char head[9] = {0};
    FILE *f = fopen(path, "rb");
    bool is = f && fread(head, 1, 9, f) == 9 && head[8] == '{';
    if (f) fclose(f);
    return is;
}

/* The moves again and again up to `frames`; the path goes on where it was, seams are taken out by inertia. */
static bool repeat(const Moves *in, int frames, Moves *out, Err *e)
{
    if (!moves_init(out, frames, e)) return false;
    for (int t = 0; t < frames; t++) {
        int from = t % in->frames, turn = t / in->frames;
        memcpy(out->row[t], in->row[from], sizeof(MovesRow));
        for (int k = 0; k < 3; k += 2) out->row[t][k] += (float)turn * in->row[in->frames - 1][k];
    }
    for (int at = in->frames; at < frames; at += in->frames) moves_smooth_seam(out, at, MIN(SEAM_FRAMES, frames - at));
    return true;
}

/* Moves made for this very grid (files keep whole microseconds) need no new timing: they come back frame for frame. */
static bool same_grid(const Moves *m, const BeatGrid *grid)
{
    bool same = m->beats == grid->n;
    for (int i = 0; same && i < grid->n; i++) same = fabs(m->beat[i] - grid->seconds[i]) < 2e-6;
    return same;
}

bool moves_read_for(Moves *out, const char *path, const BeatGrid *grid, double seconds, Err *e)
{
    Moves raw = {0}, timed = {0};
    int frames = (int)CLAMP(round(seconds * MOTION_FPS), 1.0, (double)CLIP_MAX_FRAMES);
    *out = (Moves){0};
    bool ok = is_safetensors(path) ? read_safetensors(&raw, path, e) : read_clip(&raw, path, e);
    bool both = ok && raw.beats >= 2 && grid && audio_grid_has_beat(grid);
    if (both && !same_grid(&raw, grid))
        ok = moves_retime(&raw, raw.beat, raw.beats, grid->seconds, grid->n, &timed, e);
    else
        ok = ok && moves_copy(&raw, &timed, e);
    if (ok && !both) log_line(LOG_INFO, "%s: %s; the moves keep their own speed", path, raw.beats < 2 ? "no beats in this file" : "no beats in the song");
    if (ok) ok = timed.frames >= frames ? moves_cut(&timed, 0, frames, out, e) : repeat(&timed, frames, out, e);
    if (ok && grid && audio_grid_has_beat(grid)) moves_set_beats(out, grid->seconds, grid->beat_in_bar, grid->n);
    moves_finish(&raw);
    moves_finish(&timed);
    return ok || err_context(e, "%s", path);
}

bool moves_write_for(const Moves *m, const char *path, const BeatGrid *grid, Err *e)
{
    if (text_ends_with(path, ".bvh")) {
        Clip c = {0};
        bool ok = moves_to_clip(m, NULL, &c, e) && clip_write_bvh(&c, path, e);
        clip_finish(&c);
        return ok;
    }
    int n = grid ? grid->n : 0;
    int64_t *micro = mem_alloc(sizeof(int64_t) * (size_t)(n + 1));
    int32_t *bar = mem_alloc(sizeof(int32_t) * (size_t)(n + 1));
    for (int i = 0; i < n; i++) micro[i] = llround(grid->seconds[i] * 1e6), bar[i] = grid->beat_in_bar[i];
    NamedTensor ts[] = {{"moves", {JIG_F32, SHAPE(m->frames, MOVES_WIDTH), m->row}},
                        {"beats", {JIG_I64, SHAPE(n), micro}},
                        {"beat_in_bar", {JIG_I32, SHAPE(n), bar}}};
    static const MetaPair meta[] = {{"class", "moves"}, {"fps", "25"}, {"rows", "root shift in leg lengths 3, directions of 17 bones 51, contact of left and right foot 2"}};
    bool ok = safetensors_write(path, ts, n >= 2 ? 3 : 1, meta, ARRAY_LEN(meta), e);
    mem_free(micro);
    mem_free(bar);
    return ok;
}
