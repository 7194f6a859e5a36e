/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat tracker's own onset strength in four bands: log-compressed mel bands, each relative to its own loudness in
 * this song; the rise over two frames against the loudest of the neighbouring bands (so that vibrato is not an onset;
 * Boeck and Widmer 2013, "SuperFlux"); summed in four groups; divided by the group's local level. Librosa's onset
 * strength, a model's input, is in onset_strength.c.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <string.h>

enum { BANDS = 40 };
static const double group_edge[ONSET_BANDS + 1] = {0, 200, 900, 3500, 11025}; /* Hz */
static const float group_weight[ONSET_BANDS] = {1.2f, 1.0f, 0.8f, 0.8f};

/* ln(1 + 30 S / mean of S in this band over the song); a band far under the loudest one keeps its rank. */
static void compress(float *mel, int64_t frames)
{

    double mean[BANDS] = {0}, loudest = 0;
    for (int64_t t = 0; t < frames; t++)
        for (int b = 0; b < BANDS; b++)
            mean[b] += mel[t * BANDS + b];
    for (int b = 0; b < BANDS; b++)
        loudest = fmax(loudest, mean[b] / (double)frames);
    float gain[BANDS];
    for (int b = 0; b < BANDS; b++)
        gain[b] = (float)(30 / fmax(mean[b] / (double)frames, loudest * 1e-5 + 1e-12));
    for (int64_t t = 0; t < frames; t++)
        for (int b = 0; b < BANDS; b++)
            mel[t * BANDS + b] = log1pf(mel[t * BANDS + b] * gain[b]);
}

/* Rise over two frames, in groups of bands. */
static void rise_in_groups(Onsets *o, const float *mel, const int *group)
{
    enum { LAG = 2 };
    int width[ONSET_BANDS] = {0};
    for (int b = 0; b < BANDS; b++)
        width[group[b]]++;
    for (int64_t t = LAG; t < o->n; t++) {
        const float *now = mel + t * BANDS, *old = now - LAG * BANDS;
        float sum[ONSET_BANDS] = {0};
        for (int b = 0; b < BANDS; b++) {
            float before = fmaxf(old[b], fmaxf(old[MAX(b - 1, 0)], old[MIN(b + 1, BANDS - 1)]));
            sum[group[b]] += fmaxf(now[b] - before, 0);
        }
        for (int g = 0; g < ONSET_BANDS; g++)
            o->band[g][t] = sum[g] / (float)width[g];
    }
}

/* Divides by the root mean square within 4 s on either side, mixed with that of the song, and takes away the local mean
 * of a fifth of a second on either side: only what stands out of its surroundings is an onset. */
static void level_out(float *v, int64_t n, double *sum)
{
    int64_t wide = (int64_t)(4 * TRACK_FPS), near = (int64_t)(0.2 * TRACK_FPS);
    sum[0] = 0;
    for (int64_t t = 0; t < n; t++)
        sum[t + 1] = sum[t] + v[t];
    float *out = mem_alloc((size_t)n * sizeof(float));
    for (int64_t t = 0; t < n; t++) {
        int64_t a = MAX(t - near, 0), b = MIN(t + near + 1, n);
        out[t] = fmaxf(0, v[t] - (float)(0.8 * (sum[b] - sum[a]) / (double)(b - a)));
    }
    for (int64_t t = 0; t < n; t++)
        sum[t + 1] = sum[t] + (double)out[t] * out[t];
    double whole = sqrt(sum[n] / (double)n);
    for (int64_t t = 0; t < n; t++) {
        int64_t a = MAX(t - wide, 0), b = MIN(t + wide + 1, n);
        double local = sqrt(fmax(sum[b] - sum[a], 0) / (double)(b - a));
        v[t] = (float)(out[t] / (0.7 * local + 0.3 * whole + 1e-6));
    }
    mem_free(out);
}

/* From the first to the last frame within 40 dB of the loudest and above -65 dB of full scale. */
static void find_sound(Onsets *o)
{
    float loudest = -65 + 40;
    for (int64_t t = 0; t < o->n; t++)
        loudest = fmaxf(loudest, o->level[t]);
    int64_t first = 0, last = o->n - 1;
    while (first < o->n && o->level[first] <= loudest - 40)
        first++;
    while (last > first && o->level[last] <= loudest - 40)
        last--;
    if (first < o->n) {
        o->sound_from = (double)first / TRACK_FPS;
        o->sound_to = (double)last / TRACK_FPS;
    }
}

/* Which group each band belongs to, by the middle of its bins. */
static void group_bands(const AudioMel *bank, int *group)
{
    for (int b = 0; b < BANDS; b++) {
        double centre = (bank->first[b] + bank->count[b] / 2.0) * TRACK_RATE / TRACK_FFT;
        for (group[b] = 0; centre >= group_edge[group[b] + 1]; group[b]++) {}
    }
}

bool audio_onsets_init(Onsets *o, const float *x, int64_t n, Err *e)
{
    *o = (Onsets){.n = audio_stft_frames(n, TRACK_HOP)};
    size_t row = (size_t)o->n * sizeof(float);
    float *mel = mem_try(row * BANDS), *block = mem_try(row * (ONSET_BANDS + 2));
    double *sum = mem_try((size_t)(o->n + 1) * sizeof(double));
    if (!mel || !block || !sum) {
        mem_free(mel), mem_free(block), mem_free(sum);
        return err_set(e, "no memory to analyse a song of %.0f s", (double)n / TRACK_RATE);
    }
    memset(block, 0, row * (ONSET_BANDS + 2));
    for (int g = 0; g < ONSET_BANDS; g++)
        o->band[g] = block + g * o->n;
    o->all = block + ONSET_BANDS * o->n;
    o->level = o->all + o->n;

    AudioMel bank;
    audio_mel_init(&bank, TRACK_RATE, TRACK_FFT, BANDS, 27.5, 10500, AUDIO_MEL_SLANEY, true);
    int group[BANDS];
    group_bands(&bank, group);
    audio_mel_spectrogram(&bank, TRACK_HOP, AUDIO_PAD_ZERO, x, n, mel);
    audio_mel_finish(&bank);
    compress(mel, o->n);
    rise_in_groups(o, mel, group);
    for (int64_t i = 0; i < ONSET_BANDS * o->n; i++)
        o->activity += block[i] / (double)(ONSET_BANDS * o->n);
    for (int g = 0; g < ONSET_BANDS; g++) {
        level_out(o->band[g], o->n, sum);
        for (int64_t t = 0; t < o->n; t++)
            o->all[t] += group_weight[g] * o->band[g][t];
    }
    audio_rms(x, n, TRACK_FFT, TRACK_HOP, o->level);
    for (int64_t t = 0; t < o->n; t++)
        o->level[t] = 20 * log10f(fmaxf(o->level[t], 1e-6f));
    find_sound(o);
    mem_free(mel);
    mem_free(sum);
    return true;
}

void audio_onsets_finish(Onsets *o)
{
    mem_free(o->band[0]);
    *o = (Onsets){0};
}
