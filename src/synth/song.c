/* SPDX-License-Identifier: Apache-2.0
 *
 * Composing a song: options are checked, the plan made, the score written, drums and voices rendered and mixed; beats,
 * energy and sections come from the plan and are therefore exact.
 */
#include "synth/song_internal.h"

#include <string.h>

#define STREAM_DRUMS 0x4452554Du

static bool check(const SongOptions *o, Err *e)
{
    if (!(o->seconds >= 2 && o->seconds <= 3600))
        return err_set(e, "a song of %g seconds: 2 to 3600 are possible", o->seconds);
    if (o->tempo != 0 && !(o->tempo >= 50 && o->tempo <= 220))
        return err_set(e, "a song at %g beats a minute: 50 to 220 are possible", o->tempo);
    if (o->style >= MUSIC_STYLES)
        return err_set(e, "music style %d: 0 to %d are possible", o->style, MUSIC_STYLES - 1);
    if (o->rate != 22050 && o->rate != 44100)
        return err_set(e, "a song at %d samples a second: 22050 and 44100 are possible", o->rate);
    if (o->channels != 1 && o->channels != 2)
        return err_set(e, "a song of %d channels: 1 and 2 are possible", o->channels);
    if (!(o->drift >= 0 && o->drift <= 0.15))
        return err_set(e, "a drift of %g: 0 to 0.15 are possible", o->drift);
    if (!(o->swing >= 0 && o->swing <= 0.4))
        return err_set(e, "a swing of %g: 0 to 0.4 are possible", o->swing);
    if (o->tempo_changes < 0 || o->tempo_changes > SONG_MAX_CHANGES)
        return err_set(e, "%d changes of tempo: 0 to %d are possible", o->tempo_changes, SONG_MAX_CHANGES);
    return true;
}

/* Beats that begin at least 10 ms before the end. */
static void tell_beats(const SongPlan *p, Song *s)
{
    int room = p->n_bars * p->metre;
    s->beat = mem_alloc((size_t)room * sizeof *s->beat);
    s->beat_in_bar = mem_alloc((size_t)room * sizeof *s->beat_in_bar);
    s->energy = mem_alloc((size_t)room * sizeof *s->energy);
    s->theme = mem_alloc((size_t)room * sizeof *s->theme);
    for (int i = 0; i < room; i++) {
        double at = song_plan_beat_time(p, i);
        if (at > p->seconds - 0.01)
            break;
        const SongBar *b = &p->bar[i / p->metre];
        s->beat[i] = at;
        s->beat_in_bar[i] = i % p->metre + 1;
        s->energy[i] = b->silent ? 0.05f : b->stop && i % p->metre == p->metre - 1 ? 0.15f : b->energy;
        s->theme[i] = b->theme;
        s->beats = i + 1;
    }
    s->section = mem_alloc((size_t)p->n_sections * sizeof *s->section);
    for (int k = 0; k < p->n_sections && p->section[k].first_beat < s->beats; k++) {
        s->section[k] = p->section[k];
        s->section[k].beats = MIN(s->section[k].beats, s->beats - s->section[k].first_beat);
        s->sections = k + 1;
    }
}

bool song_compose(const SongOptions *o, Song *out, Err *e)
{
    memset(out, 0, sizeof *out);
    if (!check(o, e))
        return false;
    int64_t frames = (int64_t)(o->seconds * o->rate);
    out->samples = mem_try((size_t)frames * (size_t)o->channels * sizeof *out->samples);
    if (!out->samples)
        return err_set(e, "no memory for a song of %g seconds", o->seconds);
    SongPlan plan;
    Score score;
    OneShot shot[DRUMS];
    float *own_drums;
    song_plan_make(&plan, o);
    song_score_write(&plan, &score);
    Rng r = rng_make(o->seed, STREAM_DRUMS);
    Arena *arena = arena_create();
    bool kit = rng_chance(&r, 0.5f) && o->kit;
    song_drums_make(shot, &r, o->rate, &own_drums);
    if (kit)
        song_kit_choose(o->kit, &r, o->rate, shot, arena);
    song_mix(&plan, &score, shot, o, out->samples, frames);
    out->rate = o->rate;
    out->channels = o->channels;
    out->frames = frames;
    out->style = plan.style_id;
    out->tempo = plan.tempo;
    out->metre = plan.metre;
    tell_beats(&plan, out);
    mem_free(own_drums);
    arena_destroy(arena);
    song_score_finish(&score);
    song_plan_finish(&plan);
    return true;
}

void song_finish(Song *s)
{
    if (!s)
        return;
    mem_free(s->samples);
    mem_free(s->beat);
    mem_free(s->beat_in_bar);
    mem_free(s->energy);
    mem_free(s->theme);
    mem_free(s->section);
    memset(s, 0, sizeof *s);
}
