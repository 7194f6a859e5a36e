/* SPDX-License-Identifier: Apache-2.0
 *
 * What the speed of the joints tells: capture glitches, and pose hits, the moments at which a dancer arrives (minima of
 * the summed speed of wrists, ankles and pelvis; data/README.md sections 2 and 4).
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int clip_find_glitches(const Clip *c, double speed, uint8_t *bad)
{
    int count = 0;
    memset(bad, 0, (size_t)c->frames);
    for (int t = 0; t + 1 < c->frames; t++)
        for (int j = 0; j < MOTION_JOINTS; j++)
            if (v3_distance(v3_at(c->pose[t][j]), v3_at(c->pose[t + 1][j])) * c->fps > speed)
                bad[t] = bad[t + 1] = 1;
    for (int t = 0; t < c->frames; t++)
        count += bad[t];
    return count;
}

/* Summed speed of the five joints, central differences of smoothed places, smoothed again. */
static void summed_speed(const Clip *c, double sigma, float *speed)
{
    static const int joints[] = {JOINT_PELVIS, JOINT_L_WRIST, JOINT_R_WRIST, JOINT_L_ANKLE, JOINT_R_ANKLE};
    int n = c->frames;
    float (*place)[3] = mem_alloc((size_t)n * sizeof *place);
    memset(speed, 0, (size_t)n * sizeof *speed);
    for (size_t j = 0; j < ARRAY_LEN(joints); j++) {
        for (int t = 0; t < n; t++)
            memcpy(place[t], c->pose[t][joints[j]], sizeof place[t]);
        for (int k = 0; k < 3; k++)
            motion_smooth(&place[0][k], n, 3, sigma);
        for (int t = 0; t < n; t++) {
            int a = MAX(t - 1, 0), b = MIN(t + 1, n - 1);
            if (b > a)
                speed[t] += v3_distance(v3_at(place[a]), v3_at(place[b])) * (float)(c->fps / (b - a));
        }
    }
    mem_free(place);
    motion_smooth(speed, n, 1, sigma);
}

/* How far x rises on the lower of both sides before it falls below x[i] again (scipy's peak_prominences of -x). */
static float prominence(const float *x, int n, int i)
{
    float left = x[i], right = x[i];
    for (int k = i - 1; k >= 0 && x[k] >= x[i]; k--)
        left = MAX(left, x[k]);
    for (int k = i + 1; k < n && x[k] >= x[i]; k++)
        right = MAX(right, x[k]);
    return MIN(left, right) - x[i];
}

typedef struct Minimum { float value; int at, place; bool kept; } Minimum;

static int deeper_first(const void *a, const void *b)
{
    const Minimum *const *x = a, *const *y = b;
    if ((*x)->value != (*y)->value)
        return (*x)->value < (*y)->value ? -1 : 1;
    return (*x)->at - (*y)->at;
}

/* Of minima nearer than `apart` frames the deeper one stays. */
static void drop_neighbours(Minimum *m, int n, int apart)
{
    Minimum **order = mem_alloc((size_t)MAX(n, 1) * sizeof *order);
    for (int i = 0; i < n; i++)
        order[i] = &m[i];
    qsort(order, (size_t)n, sizeof *order, deeper_first);
    for (int k = 0; k < n; k++) {
        if (!order[k]->kept)
            continue;
        int i = order[k]->place;
        for (int j = i - 1; j >= 0 && m[i].at - m[j].at < apart; j--)
            m[j].kept = false;
        for (int j = i + 1; j < n && m[j].at - m[i].at < apart; j++)
            m[j].kept = false;
    }
    mem_free(order);
}

int clip_find_hits(const Clip *c, double **seconds, float **depth)
{
    int n = c->frames, found = 0, kept = 0;
    float *speed = mem_alloc((size_t)n * sizeof *speed);
    Minimum *low = mem_alloc((size_t)n * sizeof *low);
    summed_speed(c, 2 * c->fps / 60, speed);
    double mean = 0, variance = 0;
    for (int t = 0; t < n; t++)
        mean += speed[t] / n;
    for (int t = 0; t < n; t++)
        variance += (speed[t] - mean) * (speed[t] - mean) / n;
    for (int t = 1; t + 1 < n; t++)
        if (speed[t] < speed[t - 1] && speed[t] <= speed[t + 1]) {
            low[found] = (Minimum){speed[t], t, found, true};
            found++;
        }
    drop_neighbours(low, found, (int)ceil(0.2 * c->fps - 1e-6));
    *seconds = mem_alloc((size_t)MAX(found, 1) * sizeof **seconds);
    if (depth)
        *depth = mem_alloc((size_t)MAX(found, 1) * sizeof **depth);
    for (int i = 0; i < found; i++) {
        if (!low[i].kept || prominence(speed, n, low[i].at) < 0.25 * sqrt(variance))
            continue;
        (*seconds)[kept] = low[i].at / c->fps;
        if (depth)
            (*depth)[kept] = mean > 0 ? (float)(low[i].value / mean) : 0;
        kept++;
    }
    mem_free(low);
    mem_free(speed);
    return kept;
}
