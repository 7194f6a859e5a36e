/* SPDX-License-Identifier: Apache-2.0
 *
 * Mel filter banks, Slaney and HTK, equal to librosa.filters.mel to rounding. A band stores only the bins that it
 * touches. Leaves out logarithms: every user compresses in its own way.
 */
#include "audio/audio.h"

#include <assert.h>
#include <math.h>

static double to_mel(double f, AudioMelScale s)
{
    if (s == AUDIO_MEL_HTK)
        return 2595 * log10(1 + f / 700);
    return f < 1000 ? 3 * f / 200 : 15 + 27 * log(f / 1000) / log(6.4);
}

static double from_mel(double m, AudioMelScale s)
{
    if (s == AUDIO_MEL_HTK)
        return 700 * (pow(10, m / 2595) - 1);
    return m < 15 ? 200 * m / 3 : 1000 * exp((m - 15) * log(6.4) / 27);
}

void audio_mel_init(AudioMel *m, double rate, int n_fft, int bands, double lo, double hi, AudioMelScale scale,
    bool area_norm)
{
    assert(bands > 0 && lo >= 0 && hi > lo && rate > 0);
    int bins = n_fft / 2 + 1, used = 0;
    size_t ints = (size_t)bands * sizeof(int);
    *m = (AudioMel){n_fft, bands, mem_zero(ints), mem_zero(ints), mem_zero(ints), NULL};
    /* A bin lies in at most two triangles, so all weights fit into twice the bins. */
    m->weight = mem_alloc(2 * (size_t)bins * sizeof(float));
    double a = to_mel(lo, scale), step = (to_mel(hi, scale) - a) / (bands + 1);
    for (int b = 0; b < bands; b++) {
        double left = from_mel(a + b * step, scale), peak = from_mel(a + (b + 1) * step, scale);
        double right = from_mel(a + (b + 2) * step, scale);
        double gain = area_norm ? 2 / (right - left) : 1;
        m->at[b] = used;
        for (int k = 0; k < bins; k++) {
            double f = k * rate / n_fft, w = MIN((f - left) / (peak - left), (right - f) / (right - peak));
            if (w <= 0)
                continue;
            if (m->count[b]++ == 0)
                m->first[b] = k;
            assert(used < 2 * bins);
            m->weight[used++] = (float)(w * gain);
        }
    }
}

void audio_mel_finish(AudioMel *m)
{
    if (!m)
        return;
    mem_free(m->first);
    mem_free(m->count);
    mem_free(m->at);
    mem_free(m->weight);
    *m = (AudioMel){0};
}

void audio_mel_apply(const AudioMel *m, const float *power, float *out)
{
    for (int b = 0; b < m->bands; b++) {
        const float *w = m->weight + m->at[b], *p = power + m->first[b];
        float sum = 0;
        for (int k = 0; k < m->count[b]; k++)
            sum += w[k] * p[k];
        out[b] = sum;
    }
}

typedef struct Job {
    const AudioMel *mel;
    int hop;
    AudioPad pad;
    const float *x;
    int64_t n;
    float *out;
} Job;

static void mel_range(void *ctx, int64_t from, int64_t to)
{
    const Job *j = ctx;
    AudioFft *f = audio_fft_create(j->mel->n_fft);
    float *power = mem_alloc((size_t)(j->mel->n_fft / 2 + 1) * sizeof(float));
    for (int64_t t = from; t < to; t++) {
        audio_fft_power(f, j->x, j->n, t * j->hop, j->pad, power);
        audio_mel_apply(j->mel, power, j->out + t * j->mel->bands);
    }
    mem_free(power);
    audio_fft_destroy(f);
}

void audio_mel_spectrogram(const AudioMel *m, int hop, AudioPad pad, const float *x, int64_t n, float *out)
{
    Job j = {m, hop, pad, x, n, out};
    threads_for(audio_stft_frames(n, hop), 256, mel_range, &j);
}
