/* SPDX-License-Identifier: Apache-2.0
 *
 * A song becomes moves. With M: stretch by stretch, each window beginning with the last three seconds of what was danced before
 * (memory of one window), noise and style by the phrase plan, seams taken out by inertia. Without M the moves are composed by
 * code (compose.c). Either way 25 frames a second for the whole song, with its beats.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 110, SEAM_FRAMES = 10, LOOP_FADE = 25 };

/* The style's number for M: by name, or for "auto" one that the seed picks for each kind of music in the song. */
static bool choose_style(const MotionConfig *c, const ArticulatedOptions *o, int music, int *style, Err *e)
{
    if (!o->style || !strcmp(o->style, "auto")) {
        Rng r = rng_make((uint64_t)o->seed, 0x57e1e + (uint64_t)music);
        *style = rng_int(&r, 0, c->styles - 1);
        return true;
    }
    Text names = {0};
    for (int i = 0; i < c->styles; i++) {
        text_add(&names, "%s%s", i ? ", " : "", c->style_names[i]);
        if (!strcmp(o->style, c->style_names[i])) {
            *style = i;
            text_finish(&names);
            return true;
        }
    }
    err_set(e, "there is no style \"%s\"; this model has: auto, %s", o->style, names.s);
    text_finish(&names);
    return false;
}

/* Frames [first, first + count) of out, going on from what lies before them. */
static bool sample_stretch(MotionRunner *m, const SongFeatures *f, const Stretch *s, const ArticulatedOptions *o, Moves *out, Err *e)
{
    int known = MIN(MIN(MOTION_PREFIX, s->first), MOTION_FRAMES - s->count), frames = MAX(known + s->count, 2), style;
    if (!choose_style(motion_runner_config(m), o, s->music, &style, e)) return false;
    int columns = motion_runner_config(m)->columns;
    if (columns != SONG_COLUMNS) return err_set(e, "the motion network wants %d features a frame, a song has %d", columns, SONG_COLUMNS);
    float *song = mem_alloc(sizeof(float) * (size_t)frames * SONG_COLUMNS), *moves = mem_alloc(sizeof(MovesRow) * (size_t)frames);
    for (int t = 0; t < frames; t++) { /* beyond the song's end its last frame goes on */
        int64_t at = CLAMP((int64_t)(s->first - known + t), 0, f->frames - 1);
        memcpy(song + (size_t)t * SONG_COLUMNS, f->rows + (size_t)at * SONG_COLUMNS, sizeof(float) * SONG_COLUMNS);
    }
    MotionWindow w = {.frames = frames, .song = song, .style = style, .energy = o->energy, .known = known ? out->row[s->first - known] : NULL,
                      .n_known = known, .steps = (int)o->steps, .guidance = o->guidance, .seed = (uint64_t)o->seed,
                      .stream = (uint64_t)s->letter * 1000 + (uint64_t)s->place};
    bool ok = motion_runner_sample(m, &w, moves, NULL, e);
    if (ok) memcpy(out->row[s->first], moves + (size_t)known * MOVES_WIDTH, sizeof(MovesRow) * (size_t)s->count);
    mem_free(song);
    mem_free(moves);
    return ok;
}

static bool sample_moves(MotionRunner *m, const SongFeatures *f, const SongForm *form, const BeatGrid *grid, const ArticulatedOptions *o,
                         Moves *out, const Progress *p, Err *e)
{
    Stretch *plan;
    int n = phrases_plan(form, out->frames, LONGEST, &plan);
    bool ok = true;
    for (int i = 0; i < n && ok; i++) {
        ok = progress_tick(p, "moves", i, n) || err_cancel(e);
        ok = ok && sample_stretch(m, f, &plan[i], o, out, e);
    }
    if (ok) moves_normalise(out);
    for (int i = 1; i < n && ok; i++) moves_smooth_seam(out, plan[i].first, MIN(SEAM_FRAMES, plan[i].count));
    mem_free(plan);
    return ok && beat_snap(out, grid, e);
}

bool articulated_make_moves(ArticulatedModel *m, const float *samples, int64_t n, double rate, const BeatGrid *grid,
                            const ArticulatedOptions *o, Moves *out, const Progress *p, Err *e)
{
    SongFeatures f = {0};
    int frames = (int)CLAMP(round((double)n / rate * MOTION_FPS), 2.0, (double)CLIP_MAX_FRAMES);
    *out = (Moves){0};
    if (!(progress_tick(p, "moves", 0, 1) || err_cancel(e)) || !audio_song_features_cached(&f, samples, n, rate, grid, MOTION_FPS, e)) return false;
    SongForm form = {0};
    bool ok = audio_song_form(&form, samples, n, rate, grid, e) && moves_init(out, frames, e);
    bool beat = audio_grid_has_beat(grid);
    if (ok && m && m->motion && beat) {
        ok = sample_moves(m->motion, &f, &form, grid, o, out, p, e);
    } else if (ok) { /* without a beat there is nothing to dance to: the composed idle sway is calmer than M's */
        if (beat) log_line(LOG_WARNING, "there is no motion network: the moves are composed by code over the beat");
        ok = compose_moves(&f, &form, grid, o, out, e);
    }
    if (ok && audio_grid_has_beat(grid)) moves_set_beats(out, grid->seconds, grid->beat_in_bar, grid->n);
    if (ok) {
        float start[3] = {out->row[0][0], out->row[0][1], out->row[0][2]};
        for (int t = 0; t < out->frames; t++)
            for (int k = 0; k < 3; k++) out->row[t][MOVES_ROOT + k] -= start[k];
        moves_normalise(out);
    }
    if (ok && o->loop) moves_close_loop(out, MIN(LOOP_FADE, out->frames / 2));
    audio_song_features_finish(&f);
    audio_song_form_finish(&form);
    if (!ok) moves_finish(out);
    return ok;
}
