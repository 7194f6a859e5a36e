/* SPDX-License-Identifier: Apache-2.0
 *
 * One training clip (synth.h): a window of moves with its song, a figure that dances it before a place, the files.
 */
#include "synth/training_clip.h"

#include <math.h>
#include <string.h>

#include "audio/audio.h"
#include "media/media.h"
#include "synth/render.h"
#include "tensor/tensor.h"

enum { CLIP_STREAM = 1 << 20 }; /* scenes of clips lie far from those of pairs */

/* ---- what is kept of every frame ----------------------------------------------------------------------------------- */
typedef struct Truth {
    int frames, size, cells;  /* cells: flow_size, 0 = none */
    float *joints;            /* [T][18][3] */
    uint8_t *present;         /* [T][18] */
    uint16_t *flow;           /* [T][h][w][2] f16 */
    uint8_t *visible, *mask, *parts; /* [T][h][w] */
    uint8_t *background;      /* [H][W][3] */
} Truth;

static bool truth_init(Truth *t, int frames, int size, int cells, Err *e)
{
    size_t n = (size_t)frames * cells * cells;
    *t = (Truth){.frames = frames, .size = size, .cells = cells};
    t->joints = mem_try(sizeof(float) * 54 * frames);
    t->present = mem_try((size_t)18 * frames);
    t->flow = mem_try(sizeof(uint16_t) * 2 * n + 1);
    t->visible = mem_try(n + 1);
    t->mask = mem_try(n + 1);
    t->parts = mem_try(n + 1);
    t->background = mem_try((size_t)3 * size * size);
    return (t->joints && t->present && t->flow && t->visible && t->mask && t->parts && t->background) ||
           err_set(e, "no memory for the flow of %d frames at %d x %d", frames, cells, cells);
}

static void truth_finish(Truth *t)
{
    mem_free(t->joints);
    mem_free(t->present);
    mem_free(t->flow);
    mem_free(t->visible);
    mem_free(t->mask);
    mem_free(t->parts);
    mem_free(t->background);
}

/* One cell of the coarse grid: mean cover, the part most of it shows, and the mean flow of that part. */
static void keep_cell(Truth *t, const SynthPair *p, int frame, int cx, int cy)
{
    int step = t->size / t->cells, count[SYNTH_PARTS] = {0}, cover = 0, best = 0, n = 0, seen = 0;
    for (int y = cy * step; y < (cy + 1) * step; y++)
        for (int x = cx * step; x < (cx + 1) * step; x++) {
            size_t o = (size_t)y * t->size + x;
            cover += p->target.alpha[o];
            count[p->target.parts[o]]++;
        }
    for (int k = 1; k < SYNTH_PARTS; k++)
        if (count[k] > count[best] || (best == 0 && count[k] > 0))
            best = k;
    float dx = 0, dy = 0;
    for (int y = cy * step; y < (cy + 1) * step && best; y++)
        for (int x = cx * step; x < (cx + 1) * step; x++) {
            size_t o = (size_t)y * t->size + x;
            if (p->target.parts[o] != best)
                continue;
            dx += p->flow[2 * o];
            dy += p->flow[2 * o + 1];
            seen += p->visible[o];
            n++;
        }
    size_t at = ((size_t)frame * t->cells + cy) * t->cells + cx;
    t->mask[at] = (uint8_t)(cover / (step * step));
    t->parts[at] = (uint8_t)best;
    t->visible[at] = n && 2 * seen > n;
    t->flow[2 * at] = f16_from_f32(n ? dx / n : 0);
    t->flow[2 * at + 1] = f16_from_f32(n ? dy / n : 0);
}

static void keep_frame(Truth *t, const SynthPair *p, int frame)
{
    memcpy(t->joints + 54 * (size_t)frame, p->target.joints, sizeof p->target.joints);
    memcpy(t->present + 18 * (size_t)frame, p->target.present, sizeof p->target.present);
    for (int y = 0; y < t->cells; y++)
        for (int x = 0; x < t->cells; x++)
            keep_cell(t, p, frame, x, y);
}

static bool write_truth(const Truth *t, const MovesRow *row, const char *pose_path, const char *flow_path, Err *e)
{
    Arena *a = arena_create();
    const MetaPair meta[] = {
        {"fps", arena_printf(a, "%d", MOTION_FPS)},
        {"size", arena_printf(a, "%d", t->size)},
        {"joints", "pelvis chest neck head l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist l_hip l_knee l_ankle "
                   "r_hip r_knee r_ankle l_toe r_toe"}};
    int T = t->frames, c = t->cells;
    const NamedTensor pose[] = {{"joints", {JIG_F32, SHAPE(T, 18, 3), t->joints}},
                                {"moves", {JIG_F32, SHAPE(T, MOVES_WIDTH), (void *)row}},
                                {"present", {JIG_U8, SHAPE(T, 18), t->present}}};
    const NamedTensor flow[] = {{"flow", {JIG_F16, SHAPE(T, c, c, 2), t->flow}},
                                {"visible", {JIG_U8, SHAPE(T, c, c), t->visible}},
                                {"mask", {JIG_U8, SHAPE(T, c, c), t->mask}},
                                {"parts", {JIG_U8, SHAPE(T, c, c), t->parts}},
                                {"background", {JIG_U8, SHAPE(t->size, t->size, 3), t->background}}};
    bool ok = safetensors_write(pose_path, pose, ARRAY_LEN(pose), meta, ARRAY_LEN(meta), e) &&
              (c == 0 || safetensors_write(flow_path, flow, ARRAY_LEN(flow), meta, 2, e));
    arena_destroy(a);
    return ok;
}

/* ---- sound ------------------------------------------------------------------------------------------------------- */
/* The window's piece of its song, as sound and as beats. */
static bool cut_song(const ClipMaker *k, const MovesWindow *w, Sound *sound, BeatGrid *grid, Err *e)
{
    Song song;
    if (!moves_source_song(k->moves, w->song_index, &song, e))
        return false;
    double seconds = (double)w->frames / MOTION_FPS;
    int64_t from = llround(w->song_start * song.rate), n = llround(seconds * song.rate);
    *sound = (Sound){.rate = song.rate, .channels = song.channels, .frames = n};
    sound->samples = mem_zero(sizeof(float) * n * song.channels);
    int64_t have = CLAMP(song.frames - from, 0, n);
    memcpy(sound->samples, song.samples + from * song.channels, sizeof(float) * have * song.channels);
    audio_grid_set(grid, song.beat, song.beat_in_bar, song.beats, (double)song.frames / song.rate);
    audio_grid_cut(grid, w->song_start, seconds);
    song_finish(&song);
    return true;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */
static bool film(const ClipMaker *k, uint64_t index, Scene *s, const Posed *track, int frames, const char *path,
                 const Sound *sound, Truth *truth, bool (*stop)(void *), void *user, Err *e)
{
    int size = k->size;
    SynthPair p;
    synth_pair_init(&p, size);
    SynthWork *w = p.work;
    render_place(k->looks, w, s, size, p.background);
    Wear wear = {.noise = 0.35f * s->wear.noise, .coarse = s->wear.coarse, .shrink = 1};
    VideoOptions v = {
        .w = size, .h = size, .fps_num = MOTION_FPS, .fps_den = 1, .quality = 16, .sound = sound, .sound_frames = -1};
    VideoWriter *out = NULL;
    bool ok = video_writer_open(&out, path, &v, e);
    for (int i = 0; ok && i < frames; i++) {
        if (stop && stop(user)) {
            ok = err_cancel(e);
            break;
        }
        if (i == 0) /* frame 0 is the source of every flow: it stays in layer 0 */
            render_picture(w, s, &track[0], 0, size, p.background, &p.source);
        render_picture(w, s, &track[i], 1, size, p.background, &p.target);
        shade_flow(&w->layer[1], &w->layer[0], s->figure.mesh, &s->camera, size, p.flow, p.visible);
        keep_frame(truth, &p, i);
        grade_apply(&s->grade, size, p.target.rgb, w->scratch);
        Rng grain = rng_make(k->seed + 2, index * 4096 + i);
        wear_apply(&wear, &k->looks->grain, &grain, size, p.target.rgb, w->scratch);
        ok = video_writer_frame(out, p.target.rgb, 3, (size_t)3 * size, e);
    }
    grade_apply(&s->grade, size, p.background, w->scratch);
    memcpy(truth->background, p.background, (size_t)3 * size * size);
    if (ok)
        ok = video_writer_finish(out, e);
    else
        video_writer_abandon(out);
    synth_pair_finish(&p);
    return ok;
}

/* ---- the row ----------------------------------------------------------------------------------------------------- */
static void add_json(Text *t, const char *key, const char *value)
{
    text_add(t, "\"%s\": \"", key);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        if (*c < 32 || *c == '"' || *c == '\\')
            text_add(t, "\\u%04x", *c);
        else
            text_add_bytes(t, c, 1);
    text_add(t, "\", ");
}

static bool write_row(const char *dir, uint64_t index, const MovesWindow *w, const Scene *s, bool flow, bool beats,
                      Err *e)
{
    static const char *const looks[] = {"person", "drawn figure", "cut-out figure", "silhouette",
                                        "person before a plain screen"};
    static const char *const styles[] = {"filmed", "flat colours", "ink lines", "poster"};
    Arena *a = arena_create();
    Text row = {0};
    const char *name = arena_printf(a, "clips/%05d", (int)index);
    text_add(&row, "{");
    add_json(&row, "file_name", arena_printf(a, "%s.mp4", name));
    add_json(&row, "music", arena_printf(a, "%s.wav", name));
    if (beats)
        add_json(&row, "beats", arena_printf(a, "%s.beats", name));
    add_json(&row, "pose", arena_printf(a, "%s.pose.safetensors", name));
    if (flow) {
        add_json(&row, "flow", arena_printf(a, "%s.flow.safetensors", name));
        add_json(&row, "mask", arena_printf(a, "%s.flow.safetensors", name));
    }
    const char *dance =
        w->family == DANCE_IDLE ? "stands and sways" : arena_printf(a, "dances, %s", dance_family_name(w->family));
    add_json(&row, "caption", arena_printf(a, "a %s %s", looks[s->figure.look], dance));
    add_json(&row, "family", dance_family_name(w->family));
    add_json(&row, "figure", s->figure.name);
    add_json(&row, "style", styles[s->figure.style]);
    add_json(&row, "place", s->setting.name);
    add_json(&row, "clip", w->clip);
    text_add(&row, "\"tempo\": %.3f, \"energy\": %.3f, \"seconds\": %.2f}\n", w->tempo, w->energy,
             (double)w->frames / MOTION_FPS);
    bool ok = file_write(arena_printf(a, "%s/%s.json", dir, name), row.s, row.len, e);
    text_finish(&row);
    arena_destroy(a);
    return ok;
}

static bool moves_of(const MovesWindow *w, const BeatGrid *grid, Moves *m, Err *e)
{
    if (!moves_init(m, w->frames, e))
        return false;
    memcpy(m->row, w->row, sizeof *m->row * w->frames);
    if (grid->n)
        moves_set_beats(m, grid->seconds, grid->beat_in_bar, grid->n);
    return true;
}

bool training_clip_write(const ClipMaker *k, uint64_t index, bool (*stop)(void *user), void *user, Err *e)
{
    Rng r = rng_make(k->seed, ((uint64_t)CLIP_STREAM << 20) + index);
    int frames = (int)lrint(MOTION_FPS * (k->seconds_min + rng_float(&r) * (k->seconds_max - k->seconds_min)));
    MovesWindow window;
    moves_window_init(&window, frames);
    Arena *a = arena_create();
    const char *base = arena_printf(a, "%s/clips/%05d", k->dir, (int)index);
    Sound sound = {0};
    BeatGrid grid;
    audio_grid_init(&grid);
    Moves moves = {0};
    Scene s = {0};
    Truth truth = {0};
    Posed *track = mem_zero(sizeof *track * frames);
    bool ok = moves_source_window(k->moves, index, &window, e) && cut_song(k, &window, &sound, &grid, e) &&
              moves_of(&window, &grid, &moves, e) && truth_init(&truth, frames, k->size, k->flow_size, e) &&
              scene_draw_clip(k->looks, ((uint64_t)CLIP_STREAM << 20) + index, &moves, &s, track, e);
    ok = ok && film(k, index, &s, track, frames, arena_printf(a, "%s.mp4", base), &sound, &truth, stop, user, e) &&
         sound_save_wav(&sound, arena_printf(a, "%s.wav", base), 16, e) &&
         (grid.n == 0 || audio_beats_write(&grid, arena_printf(a, "%s.beats", base), e)) &&
         write_truth(&truth, window.row, arena_printf(a, "%s.pose.safetensors", base),
                     arena_printf(a, "%s.flow.safetensors", base), e) &&
         write_row(k->dir, index, &window, &s, k->flow_size > 0, grid.n > 0, e);
    if (!ok)
        err_context(e, "clip %d", (int)index);
    scene_finish(&s);
    mem_free(track);
    truth_finish(&truth);
    moves_finish(&moves);
    audio_grid_finish(&grid);
    sound_finish(&sound);
    moves_window_finish(&window);
    arena_destroy(a);
    return ok;
}
