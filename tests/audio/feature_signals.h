/* SPDX-License-Identifier: Apache-2.0
 *
 * The signals of tools/fixtures/features.py by the same formulas, and its fixture file.
 */
#ifndef JIG_FEATURE_SIGNALS_H
#define JIG_FEATURE_SIGNALS_H

#include "audio_test.h"
#include "tensor/tensor.h"

/* Rule G of the specifications: uniform in [-1, 1) from a stream and an index. */
static inline double uniform(uint64_t t, uint64_t k)
{
    uint64_t x = ((t << 32) | k) + 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    x = x ^ x >> 31;
    return (double)(x >> 11) * 0x1p-52 - 1;
}

/* Kick on beats, hat on eighths, a chord a bar, a little noise. gain > 1: clipped to +-1. The caller frees x. */
static inline Sounds song_of(double rate, int64_t n, double bpm, double gain, uint64_t seed)
{
    static const double chords[4][3] = {
        {261.63, 329.63, 392.0}, {220.0, 261.63, 329.63}, {174.61, 220.0, 261.63}, {196.0, 246.94, 293.66}};
    Sounds s = {calloc((size_t)n + 1, sizeof(float)), n, rate};
    double beat = 60 / bpm;
    for (int64_t i = 0; i < n; i++) {
        double t = (double)i / rate, b = floor(t / beat), p = t - b * beat, q = t - floor(t / (beat / 2)) * (beat / 2);
        double y = (fmod(b, 4) == 0 ? 0.5 : 0.35) * exp(-p / 0.06) * sin(2 * M_PI * 60 * p);
        y += 0.15 * exp(-q / 0.02) * uniform(seed, (uint64_t)i) + 0.002 * uniform(seed + 1, (uint64_t)i);
        for (int k = 0; k < 3; k++)
            y += 0.06 * sin(2 * M_PI * chords[(int)fmod(floor(b / 4), 4)][k] * t);
        s.x[i] = (float)CLAMP(gain * y, -1.0, 1.0);
    }
    return s;
}

static inline Sounds usual_song(double rate, int64_t n)
{
    return song_of(rate, n, 104, 1, 9001);
}

static inline SafeTensors *features_open(void)
{
    char path[4096];
    Err e = {0};
    snprintf(path, sizeof path, "%s/tests/audio/fixtures/features.safetensors", getenv("JIG_SOURCE_ROOT"));
    SafeTensors *st = safetensors_open(path, &e);
    if (!st)
        fail_msg("%s", e.text);
    return st;
}

/* The tensor NAME.PART (NAME alone for an empty part). */
static inline Tensor wanted(const SafeTensors *st, const char *name, const char *part)
{
    char whole[100];
    Tensor t;
    snprintf(whole, sizeof whole, "%s%s%s", name, *part ? "." : "", part);
    if (!safetensors_find(st, whole, &t))
        fail_msg("no %s in the fixture", whole);
    return t;
}

/* Frame i of twelve spread over `frames`, as the script keeps them. */
static inline int64_t spread_frame(int i, int64_t frames)
{
    return (int64_t)rint((double)i * (double)(frames - 1) / 11);
}

/* Rows of got [frames, width] at the kept frames against the fixture, absolute tolerance. */
static inline void assert_spread(const SafeTensors *st, const char *name, const char *part, const float *got,
    int64_t frames, int width, double tolerance)
{
    Tensor t = wanted(st, name, part);
    assert_int_equal(shape_count(t.shape), 12 * width);
    for (int i = 0; i < 12; i++)
        for (int k = 0; k < width; k++) {
            float want = ((const float *)t.data)[i * width + k], is = got[spread_frame(i, frames) * width + k];
            if (!(fabs((double)is - want) <= tolerance))
                fail_msg("%s.%s frame %d column %d: %.8g, should be %.8g", name, part, i, k, is, want);
        }
}

#endif
