/* SPDX-License-Identifier: Apache-2.0
 *
 * What is played: drums from the style's patterns with fills, bass, chords and a tune over a progression of four
 * chords. All that a theme fixes (which optional strokes, which chords, which riff) is drawn from the theme's own
 * stream, so that a theme sounds the same whenever it returns; loudness and small delays are drawn bar by bar. How many
 * players join follows energy.
 */
#include "synth/song_internal.h"

#include <string.h>

#define STREAM_THEME 0x5448454Du
#define STREAM_BAR 0x42415252u

enum { THEMES = 4, PROGRESSION = 4, MAX_STEPS = 16 };

typedef struct Theme {
    const char *kick, *snare, *hat, *open, *perc[2];
    int perc_drum[2];
    uint32_t optional;          /* bit i: optional stroke i of each pattern is played */
    bool ride;                  /* instead of the hat */
    int chord[PROGRESSION];     /* degrees 0..6 */
    int bars_per_chord;
    uint8_t stab[MAX_STEPS];    /* rhythm of stabs and comping: loudness or 0 */
    struct { int8_t step, length, degree; } tune[24]; /* two bars; degree relative to the chord's scale */
    int tune_notes;
} Theme;

typedef struct Writer {
    const SongPlan *p;
    Score *s;
    Theme theme[THEMES];
    Rng r;       /* of the bar */
    float level; /* of the bar: quiet parts are played softly, not only by fewer */
    int steps;
} Writer;

/* ---- themes ------------------------------------------------------------------------------------------------------ */

static const int8_t progressions[][PROGRESSION] = {
    {0, 4, 5, 3}, {5, 3, 0, 4}, {0, 5, 3, 4}, {0, 3, 4, 3}, {0, 0, 3, 4}, {0, 6, 5, 6}, {0, 5, 2, 6}, {1, 4, 0, 5},
    {0, 3, 0, 4},
    {0, 0, 0, 0}, {0, 6, 3, 0}, {0, 2, 3, 4}, {3, 4, 0, 0}};

static void write_tune(Theme *t, Rng *r, int steps)
{
    int degree = rng_int(r, 0, 4), half = 0;
    for (int bar = 0; bar < 2; bar++) {
        if (bar == 1 && rng_chance(r, 0.5f)) { /* the answer repeats the call's rhythm, ending elsewhere */
            int first = t->tune_notes - half;
            for (int i = 0; i < half && t->tune_notes < 24; i++, t->tune_notes++) {
                t->tune[t->tune_notes] = t->tune[first + i];
                t->tune[t->tune_notes].step = (int8_t)(t->tune[first + i].step + steps);
                if (i == half - 1)
                    t->tune[t->tune_notes].degree = (int8_t)(2 * rng_int(r, 0, 2));
            }
            return;
        }
        for (int step = rng_int(r, 0, 2) * 2; step < steps && t->tune_notes < 24;) {
            static const int lengths[] = {2, 2, 2, 3, 4, 4, 6, 1};
            int length = lengths[rng_int(r, 0, 7)];
            if (!rng_chance(r, 0.25f)) {
                t->tune[t->tune_notes].step = (int8_t)(bar * steps + step);
                t->tune[t->tune_notes].length = (int8_t)length;
                t->tune[t->tune_notes++].degree = (int8_t)degree;
                half += bar == 0;
            }
            step += length;
            degree += rng_int(r, -2, 2);
            degree = CLAMP(degree, -3, 9);
        }
    }
}

static void make_theme(Theme *t, const SongPlan *p, int which)
{
    Rng r = rng_make(p->seed, STREAM_THEME + (uint64_t)which);
    Rng shared = rng_make(p->seed, STREAM_THEME + 99); /* drums mostly stay the same through a song */
    Rng *d = rng_chance(&r, 0.6f) ? &shared : &r;
    const StyleInfo *s = p->style;
    int steps = p->metre * p->beat_steps;
    memset(t, 0, sizeof *t);
    t->kick = s->kick[rng_int(d, 0, 2)];
    t->snare = s->snare[rng_int(d, 0, 2)];
    t->hat = s->hat[rng_int(d, 0, 2)];
    t->open = s->open[rng_int(d, 0, 1)];
    for (int k = 0; k < 2; k++) {
        int which_perc = (rng_int(d, 0, 2) + k) % 3;
        t->perc[k] = s->perc[which_perc];
        t->perc_drum[k] = s->perc_drum[which_perc];
    }
    t->optional = rng_u32(d) & rng_u32(d);
    t->ride = rng_chance(&r, 0.2f);
    const int8_t *chords = progressions[rng_int(&r, 0, (int)ARRAY_LEN(progressions) - 1)];
    for (int k = 0; k < PROGRESSION; k++)
        t->chord[k] = chords[k];
    t->bars_per_chord = rng_chance(&r, 0.25f) ? 2 : 1;
    for (int i = 0; i < steps; i++) {
        bool strong = i % 4 == 0, even = i % 2 == 0;
        float chance = p->chord == CHORD_OFFBEAT ? (i % 4 == 2 ? 0.95f : 0) : strong ? 0.3f : even ? 0.35f : 0.2f;
        t->stab[i] = rng_chance(&r, chance) ? (uint8_t)rng_int(&r, 5, 9) : 0;
    }
    write_tune(t, &r, steps);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void strike(Writer *w, double at, int drum, float loud)
{
    Score *s = w->s;
    if (s->n_strikes == s->strike_room) {
        s->strike_room = MAX(1024, 2 * s->strike_room);
        s->strike = mem_resize(s->strike, (size_t)s->strike_room * sizeof *s->strike);
    }
    s->strike[s->n_strikes++] = (Strike){(float)MAX(at, 0), w->level * loud * rng_range(&w->r, 0.85f, 1.1f),
                                         (uint8_t)drum};
}

static void note(Writer *w, int part, double at, double until, float semitones, float loud)
{
    Score *s = w->s;
    if (s->n_notes == s->note_room) {
        s->note_room = MAX(1024, 2 * s->note_room);
        s->note = mem_resize(s->note, (size_t)s->note_room * sizeof *s->note);
    }
    Note n = {at, (float)(until - at), 440 * powf(2, (semitones - 69) / 12),
              w->level * loud * rng_range(&w->r, 0.85f, 1.1f)};
    s->note[s->n_notes].note = n;
    s->note[s->n_notes++].part = (uint8_t)part;
}

/* MIDI number of a degree of the song's scale, counted from the key note nearest above `base`. */
static float pitch(const SongPlan *p, int degree, int base)
{
    int octave = (int)floor(degree / 7.0), root = base + ((p->key - base) % 12 + 12) % 12;
    return (float)(root + 12 * octave + song_scales[p->scale][degree - 7 * octave]);
}

/* Loudness of a pattern's character; 0: silent. Letters are strokes of some themes only. */
static float stroke(const Theme *t, char c, int step)
{
    if (c >= '1' && c <= '9')
        return (float)(c - '0') / 9;
    if (c >= 'a' && c <= 'i' && (t->optional >> (step + c) % 32 & 1))
        return (float)(c - 'a' + 5) / 13;
    return 0;
}

static void play_pattern(Writer *w, const Theme *t, int bar, const char *pattern, int drum, float level, int last_step)
{
    for (int i = 0; i < w->steps && i < last_step && pattern[i]; i++) {
        float loud = stroke(t, pattern[i], i) * level;
        if (loud <= 0)
            continue;
        double human = drum == DRUM_KICK ? 0 : (double)rng_range(&w->r, -0.003f, 0.004f);
        strike(w, song_plan_step_time(w->p, bar, i) + human, drum, loud);
    }
}

static void play_fill(Writer *w, int bar, int from)
{
    static const int toms[] = {DRUM_SNARE, DRUM_TOM_HI, DRUM_TOM_MID, DRUM_TOM_LO};
    int kind = rng_int(&w->r, 0, 2), stride = rng_chance(&w->r, 0.4f) ? 2 : 1;
    for (int i = from; i < w->steps; i += stride) {
        float rise = (float)(i - from + 1) / (float)(w->steps - from);
        int drum = kind == 0 ? DRUM_SNARE : toms[MIN(3, (i - from) * 4 / (w->steps - from))];
        if (kind == 2 && i % 2)
            continue;
        strike(w, song_plan_step_time(w->p, bar, i), drum, 0.45f + 0.5f * rise);
    }
}

static void play_drums(Writer *w, const Theme *t, int bar, const SongBar *b, SectionKind kind)
{
    const StyleInfo *s = w->p->style;
    float e = b->energy;
    if (b->no_drums)
        return;
    int fill_from = b->fill ? w->steps - (rng_chance(&w->r, 0.6f) ? 4 : MIN(8, w->steps - 4)) : w->steps;
    int last = b->stop ? w->steps - 4 : w->steps;
    bool build = kind == SECTION_BUILD;
    if (b->in_section == 0 && e > 0.5f && rng_chance(&w->r, 0.7f))
        strike(w, song_plan_step_time(w->p, bar, 0), DRUM_CRASH, 0.6f);
    const char *kick = b->half_time ? "9.........d....." : t->kick, *snare = b->half_time ? "........9......." : t->snare;
    if (e > 0.28f)
        play_pattern(w, t, bar, kick, DRUM_KICK, 1, MIN(last, fill_from));
    if (e > 0.42f && !(build && b->in_section < 2)) {
        bool both = s->clap && e > 0.7f;
        play_pattern(w, t, bar, snare, s->clap && w->p->seed % 3 ? DRUM_CLAP : DRUM_SNARE, 0.9f, MIN(last, fill_from));
        if (both)
            play_pattern(w, t, bar, snare, w->p->seed % 3 ? DRUM_SNARE : DRUM_CLAP, 0.6f, MIN(last, fill_from));
    }
    if (e > 0.22f)
        play_pattern(w, t, bar, t->hat, t->ride && e > 0.8f ? DRUM_RIDE : DRUM_HAT, 0.3f + 0.2f * e, last);
    if (e > 0.5f)
        play_pattern(w, t, bar, t->open, DRUM_OPEN_HAT, 0.5f, MIN(last, fill_from));
    if (e > 0.35f)
        play_pattern(w, t, bar, t->perc[0], t->perc_drum[0], 0.45f, last);
    if (e > 0.75f)
        play_pattern(w, t, bar, t->perc[1], t->perc_drum[1], 0.4f, last);
    if (b->fill && e > 0.3f && !b->stop)
        play_fill(w, bar, fill_from);
}

/* ---- bass, chords, tune ------------------------------------------------------------------------------------------ */

static int chord_of(const Theme *t, const SongBar *b)
{
    return t->chord[b->in_section / t->bars_per_chord % PROGRESSION];
}

static void bass_note(Writer *w, int bar, double step, double length, int degree, float loud)
{
    double at = song_plan_step_time(w->p, bar, step);
    note(w, 0, at, song_plan_step_time(w->p, bar, step + length * 0.9), pitch(w->p, degree, 31), loud);
}

/* One bar of the bass on the chord's root. last: no note begins there or later. */
static void play_bass(Writer *w, const Theme *t, int bar, int chord, int last)
{
    const SongPlan *p = w->p;
    for (int i = 0; i < last; i++) {
        bool beat = i % 4 == 0, eighth = i % 2 == 0;
        int top = w->steps - i;
        switch (p->bass) {
        case BASS_ROOT8: if (eighth) bass_note(w, bar, i, 2, chord, 0.8f); break;
        case BASS_OFFBEAT: if (i % 4 == 2) bass_note(w, bar, i, 2, chord, 0.9f); break;
        case BASS_OCTAVE: if (eighth) bass_note(w, bar, i, 2, chord + (beat ? 0 : 7), 0.8f); break;
        case BASS_KICK:
            if (stroke(t, t->kick[i], i) > 0) bass_note(w, bar, i, MIN(4, top), chord, 0.9f);
            else if (t->optional >> i & 1 && eighth) bass_note(w, bar, i, 2, chord + (i % 4 ? 4 : 2), 0.6f);
            break;
        case BASS_TUMBAO:
            if (i == 6) bass_note(w, bar, i, 6, chord + 4, 0.9f);
            if (i == 12) bass_note(w, bar, i, 4, chord, 0.9f);
            break;
        case BASS_WALK: if (beat) bass_note(w, bar, i, 4, chord + (i == 0 ? 0 : rng_int(&w->r, -2, 5)), 0.9f); break;
        case BASS_LONG: if (i == 0) bass_note(w, bar, 0, w->steps, chord, 0.9f); break;
        case BASS_WALTZ: if (i == 0) bass_note(w, bar, 0, 6, chord, 0.9f); break;
        case BASS_SIXTEENTH: if (stroke(t, t->kick[i], i) <= 0 && (t->stab[i] || eighth))
                bass_note(w, bar, i, 1, chord + (t->stab[i] > 7 ? 7 : 0), 0.7f);
            break;
        }
    }
}

static void chord_notes(Writer *w, int bar, double step, double length, int chord, float loud)
{
    double at = song_plan_step_time(w->p, bar, step), until = song_plan_step_time(w->p, bar, step + length);
    int notes = w->p->scale == SCALE_DORIAN || w->p->style_id == MUSIC_SWING ? 4 : 3;
    for (int k = 0; k < notes; k++)
        note(w, 1, at, until, pitch(w->p, chord + 2 * k, 52), loud);
}

static void play_chords(Writer *w, const Theme *t, int bar, int chord, int last)
{
    const SongPlan *p = w->p;
    if (p->chord == CHORD_PAD) {
        chord_notes(w, bar, 0, last, chord, 0.6f);
        return;
    }
    for (int i = 0; i < last; i++) {
        bool eighth = i % 2 == 0;
        if (p->chord == CHORD_WALTZ && i % 4 == 0 && i > 0)
            chord_notes(w, bar, i, 2, chord, 0.8f);
        else if (p->chord == CHORD_EIGHTHS && eighth)
            chord_notes(w, bar, i, 2, chord, i % 4 == 0 ? 0.8f : 0.6f);
        else if (p->chord == CHORD_MONTUNO && (i == 0 || i == 2 || i % 4 == 3 || i == 10)) {
            double at = song_plan_step_time(p, bar, i), until = song_plan_step_time(p, bar, i + 1.5);
            note(w, 1, at, until, pitch(p, chord + 2 * (i % 3), 60), 1);
            note(w, 1, at, until, pitch(p, chord + 2 * (i % 3) + 7, 60), 1);
        } else if (p->chord == CHORD_ARPEGGIO && eighth)
            note(w, 1, song_plan_step_time(p, bar, i), song_plan_step_time(p, bar, i + 3),
                 pitch(p, chord + (int[]){0, 2, 4, 7, 4, 2, 4, 2}[i / 2 % 8], 57), 1.2f);
        else if ((p->chord == CHORD_STABS || p->chord == CHORD_OFFBEAT || p->chord == CHORD_COMP) && t->stab[i])
            chord_notes(w, bar, i, p->chord == CHORD_COMP ? 3 : 1.5, chord, (float)t->stab[i] / 9);
    }
}

static void play_tune(Writer *w, const Theme *t, int bar, int in_section, int chord)
{
    int from = in_section % 2 * w->steps;
    for (int i = 0; i < t->tune_notes; i++) {
        int step = t->tune[i].step - from;
        if (step < 0 || step >= w->steps)
            continue;
        note(w, 2, song_plan_step_time(w->p, bar, step),
             song_plan_step_time(w->p, bar, step + t->tune[i].length * 0.92),
             pitch(w->p, t->tune[i].degree + (in_section / 2 % 2 ? 0 : chord % 2), 64), 0.9f);
    }
}

void song_score_write(const SongPlan *p, Score *s)
{
    Writer w = {.p = p, .s = s, .steps = p->metre * p->beat_steps};
    memset(s, 0, sizeof *s);
    for (int k = 0; k < THEMES; k++)
        make_theme(&w.theme[k], p, k);
    for (int bar = 0; bar < p->n_bars; bar++) {
        const SongBar *b = &p->bar[bar];
        const Theme *t = &w.theme[b->theme];
        SectionKind kind = p->section[b->section].kind;
        w.r = rng_make(p->seed, STREAM_BAR + (uint64_t)bar);
        w.level = 0.25f + 0.75f * b->energy;
        if (b->silent)
            continue;
        int chord = chord_of(t, b), last = b->stop ? w.steps - 4 : w.steps;
        play_drums(&w, t, bar, b, kind);
        if (b->energy > 0.33f && kind != SECTION_BREAK)
            play_bass(&w, t, bar, chord, last);
        if (kind == SECTION_BREAK || b->energy > 0.45f || p->chord == CHORD_PAD)
            play_chords(&w, t, bar, chord, last);
        if (p->lead && (kind == SECTION_CHORUS || kind == SECTION_BRIDGE ||
                        (kind == SECTION_VERSE && b->in_section % 8 > 3)))
            play_tune(&w, t, bar, b->in_section, chord);
    }
}

void song_score_finish(Score *s)
{
    mem_free(s->strike);
    mem_free(s->note);
    memset(s, 0, sizeof *s);
}
