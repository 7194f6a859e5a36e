/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the beat tracker share. The way: onsets (onset.c) -> tempo map (tempo.c) -> path of pulses
 * (pulse.c) -> which of them are beats and downbeats (downbeat.c, with reading.c and harmony.c) -> exact times (beat_times.c); beat.c
 * runs it and says how sure it is. Nobody outside the folder includes this.
 */
#ifndef JIG_AUDIO_INTERNAL_H
#define JIG_AUDIO_INTERNAL_H

#include "audio/audio.h"

enum {
    TRACK_RATE = 22050, /* Hz; the tracker hears up to 10 kHz */
    TRACK_FFT = 1024,   /* 46 ms: short enough for drums */
    TRACK_HOP = 256,    /* 11.6 ms a frame; beats are refined below that afterwards */
    ONSET_BANDS = 4,    /* kick and bass; body of snare and chords; voice; cymbals */
};
#define TRACK_FPS ((double)TRACK_RATE / TRACK_HOP)

/* Onset strength per frame: how much new energy comes in, per band and together, levelled over time so that a quiet
 * part counts nearly as a loud one. */
typedef struct Onsets {
    int64_t n;
    float *band[ONSET_BANDS]; /* [n] each, root mean square about 1 */
    float *all;               /* [n], weighted sum of the bands */
    float *level;             /* [n] dB of full scale */
    double sound_from, sound_to; /* seconds between which there is something to hear; equal: nothing */
    double activity;          /* mean rise of a band per frame before levelling, ln units; under 0.01 nothing begins */
} Onsets;

/* The song at TRACK_RATE (mem_free), samples that are no sound (not finite, beyond +-1000) made silent. Checks rate and
 * length. */
bool audio_prepare(const float *x, int64_t n, double rate, float **out, int64_t *n_out, Err *e);

bool audio_onsets_init(Onsets *o, const float *x, int64_t n, Err *e); /* x at TRACK_RATE */
void audio_onsets_finish(Onsets *o);

/* How well each tempo fits around each time. Periods are log-spaced. */
typedef struct TempoMap {
    int states;            /* K */
    double *period;        /* [K] in frames, falling: state 0 is the slowest */
    int64_t step, windows; /* frames between windows, their number */
    float *fit;            /* [windows, K]: about -0.2..1 */
} TempoMap;

bool audio_tempo_init(TempoMap *m, const Onsets *o, Err *e);
void audio_tempo_finish(TempoMap *m);
const float *audio_tempo_at(const TempoMap *m, int64_t frame); /* [K] */

/* The most likely regular pulse through the song: beats, or twice or half as many. */
typedef struct PulsePath {
    int n;
    double *seconds; /* [n] */
} PulsePath;

bool audio_pulse_init(PulsePath *p, const Onsets *o, const TempoMap *m, const Progress *progress, Err *e);
void audio_pulse_finish(PulsePath *p);

/* How harmony and sound move: log-compressed energy of twelve pitch classes above 150 Hz and twelve below 280 Hz, and of
 * sixteen bands from 40 Hz to 10 kHz, as running sums, so that the mean over any stretch is one subtraction. */
enum { CHROMA_HOP = 1024, CHROMA = 12, TEXTURE = 16, HARMONY_WIDE = 2 * CHROMA + TEXTURE };
typedef struct Harmony {
    int64_t n;
    float *sum; /* [n+1, HARMONY_WIDE] */
} Harmony;

bool audio_harmony_init(Harmony *h, const float *x, int64_t n, Err *e); /* x at TRACK_RATE */
void audio_harmony_finish(Harmony *h);
/* Between [t-width, t) and [t, t+width): 1 - cosine of the chroma above (0) and below (1), distance of the bands (2). */
enum { CHANGES = 3 };
void audio_harmony_change(const Harmony *h, double t, double width, double change[CHANGES]);

typedef struct TempoRange {
    double slowest, fastest; /* beats a minute */
} TempoRange;

/* What speaks for a reading of the pulses, in deviations or fractions (reading.c lists it). */
enum { EVIDENCE = 53 };
typedef struct Candidate {
    const double *seconds;
    int n, metre, first;
    int level;             /* number of its tempo level and shift */
    const float *evidence; /* [EVIDENCE] */
} Candidate;
typedef void CandidateFn(void *user, const Candidate *c);
/* All readings: tempo level x shift x metre x first beat. */
void audio_readings_each(const PulsePath *p, const Onsets *o, const Harmony *h, TempoRange range, CandidateFn *fn, void *user);

/* Which pulses are beats, how many beats make a bar, and which of them is the first. */
typedef struct Reading {
    int n;
    double *seconds; /* [n] */
    int metre, first; /* beat i has bar position (i - first) mod metre + 1 */
    float bar_confidence;
} Reading;

/* false: too few pulses, or no reading of them within the range */
bool audio_reading_init(Reading *r, const PulsePath *p, const Onsets *o, const Harmony *h, TempoRange range);
void audio_reading_finish(Reading *r);

/* Moves beats onto what is heard, evens them out, adds missing and drops silent ones at both ends. */
void audio_refine_beats(Reading *r, const Onsets *o);

#endif
