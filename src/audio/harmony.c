/* SPDX-License-Identifier: Apache-2.0
 *
 * How the harmony moves, for finding bars: chords and bass notes change on downbeats. Not the chroma that models are
 * fed with (that follows librosa); only differences are used, so octaves and tuning do not matter.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <string.h>

enum { FFT = 4096, WIDE = 2 * CHROMA };

typedef struct Job {
    const float *x;
    int64_t n;
    float *chroma; /* [T, WIDE] */
} Job;

static void chroma_range(void *ctx, int64_t from, int64_t to)
{
    const Job *j = ctx;
    AudioFft *f = audio_fft_create(FFT);
    float power[FFT / 2 + 1];
    for (int64_t t = from; t < to; t++) {
        float *c = j->chroma + t * WIDE;
        memset(c, 0, WIDE * sizeof(float));
        audio_fft_power(f, j->x, j->n, t * CHROMA_HOP, AUDIO_PAD_ZERO, power);
        for (int k = 8; k < 400; k++) { /* 43 to 2150 Hz */
            double hz = (double)k * TRACK_RATE / FFT;
            int pitch = (int)lround(12 * log2(hz / 440) + 69) % CHROMA;
            float a = sqrtf(power[k]);
            if (hz > 150)
                c[pitch] += a;
            if (hz < 280)
                c[CHROMA + pitch] += a;
        }
    }
    audio_fft_destroy(f);
}

bool audio_harmony_init(Harmony *h, const float *x, int64_t n, Err *e)
{
    *h = (Harmony){.n = audio_stft_frames(n, CHROMA_HOP)};
    h->sum = mem_try((size_t)(h->n + 1) * WIDE * sizeof(float));
    if (!h->sum)
        return err_set(e, "no memory to analyse a song of %.0f s", (double)n / TRACK_RATE);
    memset(h->sum, 0, WIDE * sizeof(float));
    Job j = {x, n, h->sum + WIDE};
    threads_for(h->n, 64, chroma_range, &j);
    double mean = 0;
    for (int64_t i = 0; i < h->n * WIDE; i++)
        mean += j.chroma[i];
    float gain = (float)(1 / (mean / (double)(h->n * WIDE) + 1e-9));
    for (int64_t i = 0; i < h->n * WIDE; i++)
        j.chroma[i] = j.chroma[i - WIDE] + log1pf(j.chroma[i] * gain);
    return true;
}

void audio_harmony_finish(Harmony *h)
{
    mem_free(h->sum);
    *h = (Harmony){0};
}

static int64_t frame_of(const Harmony *h, double t)
{
    int64_t i = (int64_t)floor(t * TRACK_RATE / CHROMA_HOP + 0.5);
    return CLAMP(i, 0, h->n);
}

/* The part that all twelve classes share is mostly drums: 0.7 of it is taken away. */
static void pitch_part(const float *from, const float *to, double *c)
{
    double mean = 0;
    for (int i = 0; i < CHROMA; i++)
        mean += (to[i] - from[i]) / CHROMA;
    for (int i = 0; i < CHROMA; i++)
        c[i] = to[i] - from[i] - 0.7 * mean;
}

void audio_harmony_change(const Harmony *h, double t, double width, double change[2])
{
    const float *a = h->sum + frame_of(h, t - width) * WIDE, *b = h->sum + frame_of(h, t) * WIDE;
    const float *c = h->sum + frame_of(h, t + width) * WIDE;
    for (int part = 0; part < 2; part++) {
        double old[CHROMA], new[CHROMA], dot = 0, oo = 0, nn = 0;
        pitch_part(a + part * CHROMA, b + part * CHROMA, old);
        pitch_part(b + part * CHROMA, c + part * CHROMA, new);
        for (int i = 0; i < CHROMA; i++) {
            dot += old[i] * new[i];
            oo += old[i] * old[i];
            nn += new[i] * new[i];
        }
        change[part] = 1 - dot / (sqrt(oo * nn) + 1e-6);
    }
}
