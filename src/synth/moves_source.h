/* SPDX-License-Identifier: Apache-2.0
 *
 * synth/moves_source: dances for the motion network. Choreography composed by code over the beat, captured motion whose
 * pose hits are warped onto beats, and the source of training windows that mixes both with songs (data/README.md
 * section 4; spec of the articulated model, section 2).
 */
#ifndef JIG_SYNTH_MOVES_SOURCE_H
#define JIG_SYNTH_MOVES_SOURCE_H

#include "audio/audio.h"
#include "motion/motion.h"
#include "synth/song.h"

/* ---- families of dances: the style token of the motion network --------------------------------------------------- */
typedef enum DanceFamily {
    DANCE_IDLE,     /* stands and sways; no beat */
    DANCE_STREET, DANCE_CLUB, DANCE_DISCO, DANCE_LATIN, DANCE_ROCK, DANCE_BALLROOM, DANCE_POP, /* composed */
    DANCE_SHOW,     /* captured: G1 (step-touch, modern, Broadway, hype ...) */
    DANCE_SALSA,    /* captured: CMU couples */
    DANCE_GESTURE,  /* captured: single gestures */
    DANCE_FAMILIES
} DanceFamily;
const char *dance_family_name(DanceFamily f);
int dance_family_find(const char *name); /* -1: none of that name */
DanceFamily dance_family_of_music(MusicStyle s); /* STREET .. POP */

/* ---- choreography (choreography.c, dance_steps.c, dance_body.c) -------------------------------------------------- */
typedef struct DanceBeats {
    int beats;
    const double *beat;      /* [beats] seconds, rising; goes on with the first and the last interval outside */
    const int *beat_in_bar;  /* [beats] 1 = downbeat; NULL: bars of four */
    const float *energy;     /* [beats] 0..1; NULL: 0.7 */
    const int *theme;        /* [beats] phrases of one theme repeat; NULL: a form of its own */
} DanceBeats;

typedef struct DanceOptions {
    uint64_t seed;
    DanceFamily family;      /* DANCE_STREET .. DANCE_POP */
    double start, seconds;   /* the piece of the song that is wanted */
    double fps;
    float size;              /* of all movements, 0.3..1.5; 1 usual */
} DanceOptions;

/* A dance in phrases of eight counts (A A B A, the second mirrored), of steps, arms and trunk drawn per theme; arrives
 * on the beats; as large as the energy. Above about 133 beats a minute most dances count every second beat. Feet stand
 * exactly where they stand; contact[frames] (may be NULL) says when. The same moment of the same song has the same
 * pose whatever start and seconds. */
bool choreography_compose(const DanceBeats *b, const DanceOptions *o, Clip *out, Contacts *contact, Err *e);

/* Somebody who waits: breathes, shifts his weight now and then, looks about. */
bool choreography_idle(uint64_t seed, double seconds, double fps, Clip *out, Contacts *contact, Err *e);

/* ---- time warping (timewarp.c) ----------------------------------------------------------------------------------- */
#define TIMEWARP_SLOWEST (4.0 / 3) /* a piece between two hits may take this many times its captured time */
#define TIMEWARP_FASTEST 0.75
#define TIMEWARP_WHOLE_BEATS 133.0 /* above this tempo hits go to beats only, else to half beats too */

typedef struct TimeWarp {
    int n;                  /* knots, two or more */
    double *song, *clip;    /* [n] seconds; both rise */
    double *slope;          /* [n] d clip / d song at the knots: a monotone cubic between them */
    int hits, on_grid;      /* pose hits within the piece; those that lie on a beat or half beat */
    double cost;            /* mean squared logarithm of the stretches plus what skipped hits cost: small is good */
} TimeWarp;

/* Maps song time 0..seconds to clip time so that pose hits hit[n] (clip seconds; depth[n] 0..1, small = firm, may be
 * NULL) fall on grid[] (song seconds of the beats, around and beyond the piece). The piece of the clip begins near
 * `from` and stays within [lo, hi]. false (not an error): no such map within the limits. */
bool timewarp_fit(const double *hit, const float *depth, int n, double from, double lo, double hi,
                  const double *grid, int n_grid, double seconds, TimeWarp *out);
/* The map through n >= 2 pairs of times, both rising. */
void timewarp_through(const double *song, const double *clip, int n, TimeWarp *out);
double timewarp_at(const TimeWarp *w, double song); /* clip seconds */
void timewarp_finish(TimeWarp *w);

/* ---- training windows (moves_source.c) --------------------------------------------------------------------------- */
typedef struct MovesSourceOptions {
    const char *motion;      /* folder of captured clips; NULL: everything is composed */
    const char *gestures;    /* folder of BVH gestures; NULL: none */
    const char *samples;     /* folder of drum hits for songs; NULL: synthesised */
    bool held_out;           /* captured clips: only the held-out ones (for validation), else all but these */
    /* songs that windows are drawn from; 0: 400. 40 s each, made when first used, 0.2 MB kept of each */
    int songs;
    double song_seconds;     /* 0: 40 */
    /* shares of windows; both 0: 0.35 and 0.10. Without captured clips all that dance is composed */
    float composed, idle;
    uint64_t seed;           /* of songs and windows; validation uses another one */
} MovesSourceOptions;

typedef struct MovesSource MovesSource;

typedef struct MovesWindow {
    int frames;
    MovesRow *row;           /* [frames] 25 fps, root from the first frame */
    float *song;             /* [frames, SONG_COLUMNS] features of the same frames (audio/audio.h) */
    DanceFamily family;
    float energy;            /* mean energy of the song in the window, 0..1 */
    double tempo;            /* 0: no beat */
    int song_index;          /* which song of the pool */
    double song_start;       /* seconds; always a whole frame */
    char clip[96];           /* captured clip; empty: composed */
    bool mirrored;
} MovesWindow;

MovesSource *moves_source_open(const MovesSourceOptions *o, Err *e);
void moves_source_close(MovesSource *s);
int moves_source_clips(const MovesSource *s); /* captured clips in use */

void moves_window_init(MovesWindow *w, int frames);
void moves_window_finish(MovesWindow *w);
/* Window `index`, always the same for one set of options and w->frames; any number of threads at once. */
bool moves_source_window(MovesSource *s, uint64_t index, MovesWindow *w, Err *e);
/* Song k of the pool again, with its samples (song_finish). Songs without a beat have beats = 0. */
bool moves_source_song(MovesSource *s, int k, Song *out, Err *e);

#endif
