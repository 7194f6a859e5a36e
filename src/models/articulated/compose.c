/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves without a motion network: a dance composed over the beat (src/synth/moves_source.h), as large as the song is loud,
 * with the phrases that come back in the music coming back in the dance. Without a beat: somebody who waits.
 */
#include "models/articulated/articulated_internal.h"
#include "synth/moves_source.h"

#include <string.h>

/* Families that suit a tempo; the seed picks one of them. */
static DanceFamily family_for(const BeatGrid *g, uint64_t seed)
{
    static const struct { double below; DanceFamily one_of[3]; } table[] = {
        {96, {DANCE_STREET, DANCE_POP, DANCE_LATIN}}, {117, {DANCE_DISCO, DANCE_POP, DANCE_STREET}},
        {134, {DANCE_CLUB, DANCE_DISCO, DANCE_POP}},  {1e9, {DANCE_ROCK, DANCE_CLUB, DANCE_LATIN}}};
    Rng r = rng_make(seed, 0x57e1e);
    int pick = rng_int(&r, 0, 2);
    if (g->metre == 3) return DANCE_BALLROOM;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (g->tempo < table[i].below) return table[i].one_of[pick];
    return DANCE_POP;
}

static bool choose_family(const BeatGrid *g, const ArticulatedOptions *o, DanceFamily *out, Err *e)
{
    if (!o->style || !strcmp(o->style, "auto")) {
        *out = family_for(g, (uint64_t)o->seed);
        return true;
    }
    int f = dance_family_find(o->style);
    if (f >= DANCE_STREET && f <= DANCE_POP) {
        *out = (DanceFamily)f;
        return true;
    }
    Text names = {0};
    for (int i = DANCE_STREET; i <= DANCE_POP; i++) text_add(&names, ", %s", dance_family_name((DanceFamily)i));
    err_set(e, "there is no style \"%s\" of composed dances; there are: auto%s", o->style, names.s);
    text_finish(&names);
    return false;
}

/* Loudness around each beat, and which music its phrase belongs to. */
static void beat_by_beat(const SongFeatures *f, const SongForm *form, const BeatGrid *g, int frames, float *energy, int *theme)
{
    Stretch *plan;
    int n = phrases_plan(form, frames, frames, &plan);
    for (int i = 0, k = 0; i < g->n; i++) {
        int at = (int)(g->seconds[i] * MOTION_FPS), count = 0;
        double sum = 0;
        for (int t = MAX(at - 6, 0); t < at + 12 && t < f->frames; t++, count++) sum += f->rows[(size_t)t * SONG_COLUMNS + SONG_LOUDNESS];
        energy[i] = count ? (float)(0.25 + 0.6 * sum / count) : 0.5f;
        while (k + 1 < n && plan[k + 1].first <= at) k++;
        theme[i] = plan[k].music;
    }
    mem_free(plan);
}

bool compose_moves(const SongFeatures *f, const SongForm *form, const BeatGrid *grid, const ArticulatedOptions *o, Moves *out, Err *e)
{
    Clip clip = {0};
    Moves made = {0};
    double seconds = (double)out->frames / MOTION_FPS;
    bool ok;
    if (audio_grid_has_beat(grid)) {
        float *energy = mem_alloc(sizeof(float) * (size_t)grid->n);
        int *theme = mem_alloc(sizeof(int) * (size_t)grid->n);
        beat_by_beat(f, form, grid, out->frames, energy, theme);
        DanceBeats beats = {grid->n, grid->seconds, grid->beat_in_bar, energy, theme};
        DanceOptions dance = {.seed = (uint64_t)o->seed, .seconds = seconds, .fps = MOTION_FPS, .size = (float)CLAMP(o->energy, 0.3, 1.5)};
        ok = choose_family(grid, o, &dance.family, e) && choreography_compose(&beats, &dance, &clip, NULL, e);
        if (ok) log_line(LOG_INFO, "a composed dance of the family \"%s\"", dance_family_name(dance.family));
        mem_free(energy);
        mem_free(theme);
    } else
        ok = choreography_idle((uint64_t)o->seed, seconds, MOTION_FPS, &clip, NULL, e);
    ok = ok && moves_from_clip(&clip, &made, e);
    for (int t = 0; ok && t < out->frames; t++) memcpy(out->row[t], made.row[MIN(t, made.frames - 1)], sizeof(MovesRow));
    clip_finish(&clip);
    moves_finish(&made);
    return ok;
}
