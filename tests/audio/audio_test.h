/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of audio share: cmocka, fixtures, a reader of 16-bit WAV (media is a stranger to audio), and sounds:
 * the clicks of tools/fixtures/audio.py, a drummer, speech-like syllables, noise.
 */
#ifndef JIG_AUDIO_TEST_H
#define JIG_AUDIO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

typedef struct Sounds { float *x; int64_t n; double rate; } Sounds;

static inline Sounds sounds_make(double seconds, double rate)
{
    Sounds s = {NULL, (int64_t)(seconds * rate), rate};
    s.x = calloc((size_t)s.n + 1, sizeof(float));
    return s;
}

/* 16-bit PCM, any number of channels, mixed to mono. x NULL: cannot be read. */
static inline Sounds wav_read(const char *path)
{
    Sounds s = {0};
    char *p;
    size_t size;
    if (!file_read(path, 100 << 20, &p, &size, NULL))
        return s;
    int channels = 0;
    for (size_t at = 12; at + 8 <= size;) {
        uint32_t bytes, rate;
        memcpy(&bytes, p + at + 4, 4);
        bytes = (uint32_t)MIN((size_t)bytes, size - at - 8);
        if (!memcmp(p + at, "fmt ", 4)) {
            channels = (unsigned char)p[at + 10];
            memcpy(&rate, p + at + 12, 4);
            s.rate = rate;
        } else if (!memcmp(p + at, "data", 4) && channels > 0) {
            s.n = bytes / 2 / channels;
            s.x = calloc((size_t)s.n + 1, sizeof(float));
            for (int64_t i = 0; i < s.n * channels; i++) {
                int16_t v;
                memcpy(&v, p + at + 8 + 2 * i, 2);
                s.x[i / channels] += (float)v / 32768 / (float)channels;
            }
            break;
        }
        at += 8 + bytes + (bytes & 1);
    }
    mem_free(p);
    return s;
}

/* NULL where there is no development data. */
static inline const char *data_path(const char *name)
{
    static char path[4096];
    const char *root = getenv("JIG_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", root ? root : "", name);
    return root && file_exists(path) ? path : NULL;
}

static inline float *fixture(const char *name, int64_t *n)
{
    char path[4096], *p;
    size_t size;
    Err e = {0};
    snprintf(path, sizeof path, "%s/tests/audio/fixtures/%s.f32", getenv("JIG_SOURCE_ROOT"), name);
    if (!file_read(path, 1 << 20, &p, &size, &e))
        fail_msg("%s", e.text);
    *n = (int64_t)(size / sizeof(float));
    return (float *)p;
}

static inline void assert_close(const float *a, const float *b, int64_t n, double tolerance)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= tolerance * fmax(1, fabs((double)b[i]))))
            fail_msg("value %lld: %.8g, should be %.8g", (long long)i, a[i], b[i]);
}

static inline Sounds clicks(double rate, double bpm)
{
    Sounds s = sounds_make(12, rate);
    double period = 60 / bpm;
    for (int64_t i = 0; i < s.n; i++) {
        double t = (double)i / rate, b = floor(t / period), p = t - b * period, a = fmod(b, 4) == 0 ? 1 : 0.6;
        s.x[i] = (float)(0.8 * a * exp(-p / 0.03) * sin(2 * M_PI * 1000 * p) + 0.05 * sin(2 * M_PI * 220 * t));
    }
    return s;
}

/* A hit at `when`: kick (0), snare (1) or hat (2). */
static inline void add_hit(Sounds *s, double when, int drum, float gain, Rng *r)
{
    int64_t from = (int64_t)(when * s->rate);
    float last = 0;
    for (int64_t i = MAX(from, 0); i < MIN(from + (int64_t)(0.3 * s->rate), s->n); i++) {
        double t = (double)(i - from) / s->rate;
        float noise = rng_range(r, -1, 1), bright = noise - last;
        last = noise;
        if (drum == 0)
            s->x[i] += gain * (float)(sin(2 * M_PI * (50 * t + 3 * (1 - exp(-t / 0.03)))) * exp(-t / 0.12));
        else
            s->x[i] += gain * (float)(drum == 1 ? 0.5 * noise * exp(-t / 0.09) : 0.3 * bright * exp(-t / 0.03));
    }
}

/* A bass note under the whole bar, so that bars can be heard. */
static inline void add_bass(Sounds *s, double from, double to, int bar, float gain)
{
    static const double hz[4] = {55, 73.4, 65.4, 82.4};
    for (int64_t i = (int64_t)(from * s->rate); i < MIN((int64_t)(to * s->rate), s->n); i++) {
        double t = (double)i / s->rate - from, turn = 2 * M_PI * hz[bar % 4] * t, end = fmin(1, (to - from - t) * 20);
        s->x[i] += gain * 0.3f * (float)((sin(turn) + 0.5 * sin(2 * turn)) * end);
    }
}

/* A simple band. Beats at lead, then 60 / bpm(t) apart, where bpm swings by `drift` in 20 s. beats: room for 1000. */
static inline Sounds band(double seconds, double bpm, int metre, double drift, double lead, double *beats, int *n_beats)
{
    Sounds s = sounds_make(seconds, 44100);
    Rng r = rng_make(7, 1);
    int n = 0;
    for (double t = lead; t < seconds - 0.5 && n < 1000; n++) {
        double next = t + 60 / (bpm * (1 + drift * sin(2 * M_PI * t / 20)));
        int place = n % metre;
        beats[n] = t;
        if (place == 0 || (metre == 4 && place == 2))
            add_hit(&s, t, 0, 0.8f, &r);
        else
            add_hit(&s, t, 1, metre == 4 ? 0.6f : 0.25f, &r);
        add_hit(&s, t, 2, 0.3f, &r);
        add_hit(&s, (t + next) / 2, 2, 0.2f, &r);
        if (place == 0)
            add_bass(&s, t, t + metre * (next - t), n / metre, 1);
        t = next;
    }
    *n_beats = n;
    return s;
}

static inline Sounds noise(double seconds, double rate, float gain)
{
    Sounds s = sounds_make(seconds, rate);
    Rng r = rng_make(3, 3);
    for (int64_t i = 0; i < s.n; i++)
        s.x[i] = gain * rng_range(&r, -1, 1);
    return s;
}

/* Syllables of irregular length: a buzz through a resonance that moves, with pauses for breath. */
static inline Sounds speech(double seconds, uint64_t seed)
{
    Sounds s = sounds_make(seconds, 22050);
    Rng r = rng_make(seed, 5);
    for (double t = 0.2; t < seconds - 0.5;) {
        double length = rng_range(&r, 0.07f, 0.28f), pitch = rng_range(&r, 95, 150);
        double formant = rng_range(&r, 350, 2200), ph = 0, y1 = 0, y2 = 0;
        double c = 2 * 0.97 * cos(2 * M_PI * formant / s.rate);
        for (int64_t i = 0; i < (int64_t)(length * s.rate); i++) {
            double u = (double)i / (length * s.rate);
            ph += pitch * (1 - 0.2 * u) / s.rate;
            double y = (ph - floor(ph) - 0.5) + 0.05 * rng_range(&r, -1, 1) + c * y1 - 0.94 * y2;
            y2 = y1;
            y1 = y;
            s.x[(int64_t)(t * s.rate) + i] += (float)(0.03 * y * sin(M_PI * u));
        }
        t += length + (rng_chance(&r, 0.15f) ? rng_range(&r, 0.2f, 0.9f) : rng_range(&r, 0, 0.05f));
    }
    return s;
}

#endif
