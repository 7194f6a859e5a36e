/* SPDX-License-Identifier: Apache-2.0
 *
 * Short-time spectra: windowed real FFT of frames centred on multiples of the hop, and autocorrelation by FFT.
 * Conventions are those of librosa and torch (center=True, periodic Hann); the FFT itself is KissFFT. Leaves out
 * inverse transforms and phases: nothing in the project resynthesises sound.
 */
#include "audio/audio.h"

#include <assert.h>
#include <kiss_fftr.h>
#include <math.h>
#include <string.h>

struct AudioFft {
    int n;
    kiss_fftr_cfg forward, inverse;
    float *window, *time; /* [n] */
    kiss_fft_cpx *bins;   /* [n/2+1] */
};

AudioFft *audio_fft_create(int n_fft)
{
    assert(n_fft >= 2 && n_fft % 2 == 0);
    AudioFft *f = mem_zero(sizeof *f);
    f->n = n_fft;
    f->forward = kiss_fftr_alloc(n_fft, 0, NULL, NULL);
    f->inverse = kiss_fftr_alloc(n_fft, 1, NULL, NULL);
    assert(f->forward && f->inverse);
    f->window = mem_alloc((size_t)n_fft * sizeof(float));
    f->time = mem_alloc((size_t)n_fft * sizeof(float));
    f->bins = mem_alloc((size_t)(n_fft / 2 + 1) * sizeof(kiss_fft_cpx));
    for (int j = 0; j < n_fft; j++)
        f->window[j] = (float)(0.5 - 0.5 * cos(2 * M_PI * j / n_fft));
    return f;
}

void audio_fft_destroy(AudioFft *f)
{
    if (!f)
        return;
    kiss_fftr_free(f->forward);
    kiss_fftr_free(f->inverse);
    mem_free(f->window);
    mem_free(f->time);
    mem_free(f->bins);
    mem_free(f);
}

/* Sample i of the song as it goes on outside [0, n). A song shorter than the window is mirrored to and fro. */
static float sample_outside(const float *x, int64_t n, int64_t i, AudioPad pad)
{
    if (pad == AUDIO_PAD_ZERO || n == 0)
        return 0;
    if (n == 1)
        return x[0];
    int64_t turn = 2 * (n - 1);
    i = ((i % turn) + turn) % turn;
    return x[i < n ? i : turn - i];
}

void audio_fft_power(AudioFft *f, const float *x, int64_t n, int64_t centre, AudioPad pad, float *power)
{
    int64_t from = centre - f->n / 2;
    for (int j = 0; j < f->n; j++) {
        int64_t i = from + j;
        f->time[j] = f->window[j] * (i >= 0 && i < n ? x[i] : sample_outside(x, n, i, pad));
    }
    kiss_fftr(f->forward, f->time, f->bins);
    for (int k = 0; k <= f->n / 2; k++)
        power[k] = f->bins[k].r * f->bins[k].r + f->bins[k].i * f->bins[k].i;
}

void audio_fft_autocorrelate(AudioFft *f, const float *x, int n, float *out, int lags)
{
    assert(n + lags <= f->n);
    memcpy(f->time, x, (size_t)n * sizeof(float));
    memset(f->time + n, 0, (size_t)(f->n - n) * sizeof(float));
    kiss_fftr(f->forward, f->time, f->bins);
    for (int k = 0; k <= f->n / 2; k++) {
        f->bins[k].r = (f->bins[k].r * f->bins[k].r + f->bins[k].i * f->bins[k].i) / f->n;
        f->bins[k].i = 0;
    }
    kiss_fftri(f->inverse, f->bins, f->time);
    memcpy(out, f->time, (size_t)lags * sizeof(float));
}

int64_t audio_stft_frames(int64_t n, int hop)
{
    return 1 + n / hop;
}

typedef struct Stft {
    int n_fft, hop;
    AudioPad pad;
    const float *x;
    int64_t n;
    float *power;
} Stft;

static void stft_range(void *ctx, int64_t from, int64_t to)
{
    const Stft *s = ctx;
    AudioFft *f = audio_fft_create(s->n_fft);
    for (int64_t t = from; t < to; t++)
        audio_fft_power(f, s->x, s->n, t * s->hop, s->pad, s->power + t * (s->n_fft / 2 + 1));
    audio_fft_destroy(f);
}

void audio_stft_power(int n_fft, int hop, AudioPad pad, const float *x, int64_t n, float *power)
{
    Stft s = {n_fft, hop, pad, x, n, power};
    threads_for(audio_stft_frames(n, hop), 256, stft_range, &s);
}
