/* SPDX-License-Identifier: Apache-2.0
 *
 * The two stocks that training windows are drawn from: songs with their features, made when first used, and captured
 * clips on the canonical body with their hits, headings and usable stretches. Private to moves_source.c and
 * moves_pool.c.
 */
#ifndef JIG_SYNTH_MOVES_POOL_H
#define JIG_SYNTH_MOVES_POOL_H

#include "synth/moves_source.h"

#include <pthread.h>

typedef struct PoolSong {
    pthread_mutex_t lock;
    bool ready;
    Song song;           /* without samples */
    float *features;     /* [frames, SONG_COLUMNS] */
    int frames;          /* at 25 fps */
} PoolSong;

typedef struct SongPool {
    PoolSong *song;
    int n, idle;         /* the last `idle` of them have no beat */
    double seconds;
    uint64_t seed;
    SongKit *kit;
} SongPool;

bool song_pool_init(SongPool *p, const MovesSourceOptions *o, double idle_share, Err *e);
void song_pool_finish(SongPool *p);
bool song_pool_compose(const SongPool *p, int k, Song *out, Err *e); /* with samples */
const PoolSong *song_pool_get(SongPool *p, int k, Err *e);           /* made now if need be; any thread */

/* radians: pieces that turn further are left out, others are turned back to the viewer */
#define MOVES_HEADING_RANGE 4.4

/* A place where a window may begin, within a stretch of lively frames without glitches; seconds. */
typedef struct ClipStart { double at, from, to; } ClipStart;

typedef struct PoolClip {
    Clip clip;           /* canonical, its own rate */
    DanceFamily family;
    int hits;
    double *hit;         /* seconds */
    float *depth;
    float *yaw;          /* [frames] unwrapped heading */
    int starts;
    ClipStart *start;
    double weight;       /* how often it is drawn among its family */
} PoolClip;

typedef struct ClipPool { PoolClip *clip; int n; double family_weight[DANCE_FAMILIES]; } ClipPool;

bool clip_pool_init(ClipPool *p, const MovesSourceOptions *o, Err *e);
void clip_pool_finish(ClipPool *p);
float pool_clip_turn(const PoolClip *c, double from, double to); /* range of the heading between two seconds */

#endif
