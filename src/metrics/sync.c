/* SPDX-License-Identifier: Apache-2.0
 *
 * Does the motion keep the beat? Beat alignment in both directions, sigma in seconds, with the level that chance reaches on the
 * same motion (metrics.h has the formulas). Works on speeds, so that exact joints and plain video give the same kind of number.
 */
#include "metrics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMOOTH_SECONDS 0.083 /* 5 frames at 60 */
#define LEAST_DEPTH 0.05     /* of a minimum, share of the mean speed */

static void smooth(const float *in, double *out, int64_t n, double sigma)
{
    int r = (int)ceil(3 * sigma);
    double *weight = mem_alloc(sizeof(double) * (size_t)(r + 1)), sum = 0;
    for (int k = 0; k <= r; k++) sum += (k ? 2 : 1) * (weight[k] = exp(-k * k / (2 * sigma * sigma + 1e-9)));
    for (int64_t t = 0; t < n; t++) {
        out[t] = 0;
        for (int k = -r; k <= r; k++) out[t] += weight[abs(k)] / sum * in[CLAMP(t + k, 0, n - 1)];
    }
    mem_free(weight);
}

/* Minima that lie at least `depth` below the highest value on either side before a lower one comes. */
static int find_holds(const double *speed, int64_t n, double fps, double depth, double *seconds)
{
    int count = 0;
    double high = n ? speed[0] : 0, low = high;
    int64_t at = -1; /* of the lowest value since the last peak; -1: none deep enough yet */
    for (int64_t t = 1; t < n; t++) {
        if (speed[t] > high) high = speed[t];
        if (at < 0 ? speed[t] < high - depth : speed[t] < low) low = speed[t], at = t;
        if (at >= 0 && speed[t] > low + depth) seconds[count++] = (double)at / fps, at = -1, high = speed[t];
    }
    return count;
}

/* Mean over a of exp(-d^2 / (2 sigma^2)) with d to the nearest of b. Both rise. */
static double alignment(const double *a, int n, const double *b, int m, double sigma)
{
    double sum = 0;
    for (int i = 0, j = 0; i < n; i++) {
        while (j + 1 < m && fabs(b[j + 1] - a[i]) <= fabs(b[j] - a[i])) j++;
        double d = (b[j] - a[i]) / sigma;
        sum += exp(-d * d / 2);
    }
    return sum / n;
}

static double harmonic(double a, double b) { return a + b > 0 ? 2 * a * b / (a + b) : 0; }

/* |mean of exp(2 pi i phase) weighted by speed| between the first and the last beat. */
static double locking(const double *speed, int64_t n, double fps, const double *beats, int n_beats)
{
    double re = 0, im = 0, sum = 0;
    for (int i = 0; i + 1 < n_beats; i++)
        for (int64_t t = (int64_t)ceil(MAX(beats[i], 0) * fps); t < n && (double)t / fps < beats[i + 1]; t++) {
            double phase = 2 * M_PI * ((double)t / fps - beats[i]) / (beats[i + 1] - beats[i]);
            re += speed[t] * cos(phase), im += speed[t] * sin(phase), sum += speed[t];
        }
    return sum > 0 ? hypot(re, im) / sum : 0;
}

/* Another song's beats: these at another tempo, moved; over the whole clip. */
static int strange_beats(const double *beats, int n, double length, Rng *r, double *out, int room)
{
    float factor;
    do factor = rng_range(r, 0.8f, 1.25f);
    while (fabsf(factor - 1) < 0.04f);
    double period = (beats[n - 1] - beats[0]) / (n - 1) * factor;
    double first = fmod(beats[0] * factor + rng_float(r) * period, period);
    int count = 0;
    for (double t = first; t < length && count < room; t += period) out[count++] = t;
    return count;
}

SyncScore metrics_sync_speed(const float *speed, int64_t n, double fps, const double *beats, int n_beats)
{
    SyncScore s = {.sigma = SYNC_SIGMA};
    double length = (double)n / fps, *soft = mem_alloc(sizeof(double) * (size_t)(n + 1)), *holds = mem_alloc(sizeof(double) * (size_t)(n + 1));
    double *inside = mem_alloc(sizeof(double) * (size_t)(n_beats + 1));
    for (int i = 0; i < n_beats; i++)
        if (beats[i] >= 0 && beats[i] <= length) inside[s.beats++] = beats[i];
    smooth(speed, soft, n, SMOOTH_SECONDS * fps);
    double mean = 0;
    for (int64_t t = 0; t < n; t++) mean += soft[t] / (double)n;
    s.motion_beats = mean > 0 ? find_holds(soft, n, fps, LEAST_DEPTH * mean, holds) : 0;
    if (s.beats >= 2 && s.motion_beats >= 2) {
        s.motion_to_music = alignment(holds, s.motion_beats, inside, s.beats, SYNC_SIGMA);
        s.music_to_motion = alignment(inside, s.beats, holds, s.motion_beats, SYNC_SIGMA);
        s.legacy = alignment(inside, s.beats, holds, s.motion_beats, 3 / fps);
        s.score = harmonic(s.motion_to_music, s.music_to_motion);
        s.locking = locking(soft, n, fps, inside, s.beats);
        int room = 2 * s.beats + 16 + (int)(length * 8);
        double *other = mem_alloc(sizeof(double) * (size_t)room), square = 0;
        Rng r = rng_make(20, 26);
        for (int k = 0; k < SYNC_TRIALS; k++) {
            int m = strange_beats(inside, s.beats, length, &r, other, room);
            double v = m ? harmonic(alignment(holds, s.motion_beats, other, m, SYNC_SIGMA), alignment(other, m, holds, s.motion_beats, SYNC_SIGMA)) : 0;
            s.chance += v / SYNC_TRIALS, square += v * v / SYNC_TRIALS;
            s.locking_chance += locking(soft, n, fps, other, m) / SYNC_TRIALS;
        }
        s.chance_deviation = sqrt(MAX(square - s.chance * s.chance, 0));
        s.lead = s.chance_deviation > 1e-9 ? (s.score - s.chance) / s.chance_deviation : 0;
        mem_free(other);
    }
    mem_free(soft);
    mem_free(holds);
    mem_free(inside);
    return s;
}

SyncScore metrics_sync_joints(const float *joints, int64_t n, int count, int dims, double fps, const double *beats, int n_beats)
{
    float *speed = mem_alloc(sizeof(float) * (size_t)(n + 1));
    for (int64_t t = 0; t < n; t++) {
        const float *now = joints + (size_t)t * (size_t)(count * dims), *before = t ? now - count * dims : now;
        double sum = 0;
        for (int j = 0; j < count; j++) {
            double d = 0;
            for (int k = 0; k < dims; k++) d += ((double)now[j * dims + k] - before[j * dims + k]) * ((double)now[j * dims + k] - before[j * dims + k]);
            sum += sqrt(d);
        }
        speed[t] = (float)(sum / count * fps);
    }
    if (n > 1) speed[0] = speed[1];
    SyncScore s = metrics_sync_speed(speed, n, fps, beats, n_beats);
    mem_free(speed);
    return s;
}

float metrics_frame_motion(const uint8_t *before, const uint8_t *now, int w, int h, int channels)
{
    enum { CELLS = 96 };
    int step = MAX((MAX(w, h) + CELLS - 1) / CELLS, 1), cells = 0;
    double sum = 0;
    for (int y0 = 0; y0 + step <= h; y0 += step)
        for (int x0 = 0; x0 + step <= w; x0 += step, cells++) {
            int a = 0, b = 0;
            for (int y = y0; y < y0 + step; y++)
                for (int x = x0; x < x0 + step; x++) {
                    size_t i = (size_t)channels * ((size_t)y * (size_t)w + (size_t)x);
                    a += 77 * before[i] + 150 * before[i + 1] + 29 * before[i + 2];
                    b += 77 * now[i] + 150 * now[i + 1] + 29 * now[i + 2];
                }
            sum += MAX(fabs((double)(a - b)) / (256.0 * step * step) - 2, 0); /* levels of 255 */
        }
    return cells ? (float)(sum / cells) : 0;
}
