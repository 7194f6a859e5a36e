/* SPDX-License-Identifier: Apache-2.0
 *
 * The last step onto the beat. M's hits (moments at which the dancer arrives: motion/hits.c) fall near beats, about as
 * scattered as its training let it be. Here time is bent so that they fall on them: each hit near a beat or half beat,
 * in fast songs near a beat, comes to lie there; between hits the moves run a little slower or faster, within the
 * bounds that the training data was warped with (synth/timewarp.c). What is far from any beat stays where it is.
 */
#include "models/articulated/articulated_internal.h"
#include "synth/moves_source.h"

#include <math.h>

#define REACH 0.22      /* of the distance between places: hits farther from one stay */
#define REACH_MOST 0.13 /* s */

typedef struct Pair {
    double hit, place;
    float depth; /* small: a firm hit */
} Pair;

/* The place nearest to t and its distance to the next; false outside the grid. */
static bool nearest_place(const BeatGrid *g, double t, double *place, double *spacing)
{
    int i = 0;
    while (i + 1 < g->n && g->seconds[i + 1] <= t)
        i++;
    if (i + 1 >= g->n || t < g->seconds[0])
        return false;
    double a = g->seconds[i], b = g->seconds[i + 1], half = 0.5 * (a + b);
    bool halves = 60 / (b - a) <= TIMEWARP_WHOLE_BEATS;
    *spacing = halves ? half - a : b - a;
    *place = t - a < b - t ? a : b;
    if (halves && fabs(t - half) < fabs(t - *place))
        *place = half;
    return true;
}

static bool fits(const Pair *a, const Pair *b)
{
    double captured = b->hit - a->hit, length = b->place - a->place;
    return length > 0 && captured > 0 && length / captured >= TIMEWARP_FASTEST &&
           length / captured <= TIMEWARP_SLOWEST;
}

/* Hits that move, in order; of two that do not fit together the firmer one stays. Room for n + 2. */
static int choose_pairs(const double *hit, const float *depth, int n, const BeatGrid *g, double seconds, Pair *pair)
{
    int count = 0;
    pair[count++] = (Pair){0, 0, -1};
    for (int i = 0; i < n; i++) {
        double place, spacing;
        if (!nearest_place(g, hit[i], &place, &spacing) || fabs(place - hit[i]) > MIN(REACH * spacing, REACH_MOST))
            continue;
        Pair p = {hit[i], place, depth[i]};
        while (count > 1 && !fits(&pair[count - 1], &p) && p.depth < pair[count - 1].depth)
            count--;
        if (fits(&pair[count - 1], &p))
            pair[count++] = p;
    }
    Pair end = {seconds, seconds, -1};
    while (count > 1 && !fits(&pair[count - 1], &end))
        count--;
    pair[count++] = end;
    return count;
}

bool beat_snap(Moves *m, const BeatGrid *grid, Err *e)
{
    Clip clip = {0};
    double *hit = NULL;
    float *depth = NULL;
    if (m->frames < 2 || !audio_grid_has_beat(grid))
        return true;
    if (!moves_to_clip(m, NULL, &clip, e))
        return false;
    int n = clip_find_hits(&clip, &hit, &depth);
    clip_finish(&clip);
    double last = (double)(m->frames - 1) / MOTION_FPS;
    Pair *pair = mem_alloc((size_t)(n + 2) * sizeof *pair);
    double *song = mem_alloc((size_t)(n + 2) * sizeof *song), *from = mem_alloc((size_t)(n + 2) * sizeof *from);
    int pairs = choose_pairs(hit, depth, n, grid, last, pair);
    for (int i = 0; i < pairs; i++) {
        song[i] = pair[i].place;
        from[i] = pair[i].hit;
    }
    TimeWarp warp;
    timewarp_through(song, from, pairs, &warp);
    double *at = mem_alloc((size_t)m->frames * sizeof *at);
    for (int t = 0; t < m->frames; t++)
        at[t] = timewarp_at(&warp, (double)t / MOTION_FPS) * MOTION_FPS;
    Moves bent = {0};
    bool ok = moves_resample(m, at, m->frames, &bent, e);
    if (ok) {
        moves_finish(m);
        *m = bent;
    }
    timewarp_finish(&warp);
    mem_free(at);
    mem_free(from);
    mem_free(song);
    mem_free(pair);
    mem_free(hit);
    mem_free(depth);
    return ok;
}
