/* SPDX-License-Identifier: Apache-2.0
 *
 * How harmony and sound move, for finding bars: chords and bass notes change on downbeats, players come in there. Not the
 * chroma that models are
 * fed with (that follows librosa); only differences are used, so octaves and tuning do not matter.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <string.h>

enum { FFT = 4096, WIDE = HARMONY_WIDE };

typedef struct Job {
    const float *x;
    int64_t n;
    float *chroma; /* [T, WIDE] */
} Job;

/* The band of bin k, in equal steps of the logarithm from 40 Hz to 10 kHz; outside -1. */
static int band_of(int k)
{
    double hz = (double)k * TRACK_RATE / FFT;
    int band = (int)floor(TEXTURE * log(hz / 40) / log(10000.0 / 40));
    return band >= 0 && band < TEXTURE ? band : -1;
}

static void chroma_range(void *ctx, int64_t from, int64_t to)
{
    const Job *j = ctx;
    AudioFft *f = audio_fft_create(FFT);
    float power[FFT / 2 + 1];
    int band[FFT / 2 + 1], pitch[FFT / 2 + 1];
    for (int k = 1; k <= FFT / 2; k++) {
        band[k] = band_of(k);
        pitch[k] = ((int)lround(12 * log2((double)k * TRACK_RATE / FFT / 440) + 69) % CHROMA + CHROMA) % CHROMA;
    }
    for (int64_t t = from; t < to; t++) {
        float *c = j->chroma + t * WIDE;
        memset(c, 0, WIDE * sizeof(float));
        audio_fft_power(f, j->x, j->n, t * CHROMA_HOP, AUDIO_PAD_ZERO, power);
        for (int k = 8; k < 400; k++) { /* 43 to 2150 Hz */
            double hz = (double)k * TRACK_RATE / FFT;
            float a = sqrtf(power[k]);
            if (hz > 150)
                c[pitch[k]] += a;
            if (hz < 280)
                c[CHROMA + pitch[k]] += a;
        }
        for (int k = 1; k <= FFT / 2; k++)
            if (band[k] >= 0)
                c[2 * CHROMA + band[k]] += power[k];
    }
    audio_fft_destroy(f);
}

/* ln(1 + gain * value): chroma against its mean over the song, each band's power against a tenth of its own mean. */
static void compress(float *chroma, int64_t n)
{
    double mean = 0, power[TEXTURE] = {0}, loudest = 0;
    for (int64_t t = 0; t < n; t++) {
        for (int k = 0; k < 2 * CHROMA; k++)
            mean += chroma[t * WIDE + k];
        for (int k = 0; k < TEXTURE; k++)
            power[k] += chroma[t * WIDE + 2 * CHROMA + k];
    }
    for (int k = 0; k < TEXTURE; k++)
        loudest = fmax(loudest, power[k]);
    float gain = (float)(1 / (mean / (double)(n * 2 * CHROMA) + 1e-9));
    for (int64_t t = 0; t < n; t++) {
        float *c = chroma + t * WIDE;
        for (int k = 0; k < 2 * CHROMA; k++)
            c[k] = log1pf(c[k] * gain);
        for (int k = 0; k < TEXTURE; k++)
            c[2 * CHROMA + k] = log1pf(c[2 * CHROMA + k] * (float)(10 * (double)n / fmax(power[k], 1e-5 * loudest + 1e-12)));
    }
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
    compress(j.chroma, h->n);
    for (int64_t i = 0; i < h->n * WIDE; i++)
        j.chroma[i] += j.chroma[i - WIDE];
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

/* Root mean square difference of the bands' means. */
static double bands_apart(const float *a, const float *b, const float *c, double before, double after)
{
    double sum = 0;
    for (int k = 2 * CHROMA; k < WIDE; k++) {
        double d = (c[k] - b[k]) / after - (b[k] - a[k]) / before;
        sum += d * d / TEXTURE;
    }
    return sqrt(sum);
}

void audio_harmony_change(const Harmony *h, double t, double width, double change[CHANGES])
{
    int64_t first = frame_of(h, t - width), here = frame_of(h, t), last = frame_of(h, t + width);
    const float *a = h->sum + first * WIDE, *b = h->sum + here * WIDE, *c = h->sum + last * WIDE;
    change[2] = first < here && here < last ? bands_apart(a, b, c, (double)(here - first), (double)(last - here)) : 0;
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
