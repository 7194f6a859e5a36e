/* SPDX-License-Identifier: Apache-2.0
 *
 * Librosa's (0.11) mel spectrogram in decibels, the onset strength made of it (librosa.onset.onset_strength), and the
 * onsets picked from that (librosa.onset.onset_detect; Boeck, Krebs and Schedl 2012), all with librosa's defaults.
 * Inputs of models that were trained on them; the beat tracker has its own onsets (onset.c).
 * Layout: mel [T, 128] with the bands contiguous, one strength a frame.
 */
#include "audio/audio.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

void audio_power_to_db(float *v, int64_t n, float range)
{
    float top = -1000;
    for (int64_t i = 0; i < n; i++) {
        v[i] = 10 * log10f(fmaxf(v[i], 1e-10f));
        top = fmaxf(top, v[i]);
    }
    for (int64_t i = 0; range > 0 && i < n; i++)
        v[i] = fmaxf(v[i], top - range);
}

void audio_librosa_mel(const float *x, int64_t n, double rate, float *db)
{
    AudioMel mel;
    audio_mel_init(&mel, rate, LIBROSA_FFT, LIBROSA_MELS, 0, rate / 2, AUDIO_MEL_SLANEY, true);
    audio_mel_spectrogram(&mel, LIBROSA_HOP, AUDIO_PAD_ZERO, x, n, db);
    audio_power_to_db(db, audio_stft_frames(n, LIBROSA_HOP) * LIBROSA_MELS, 80);
    audio_mel_finish(&mel);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float merge_bands(float *rise, int bands, AudioMerge merge)
{
    if (merge == AUDIO_MERGE_MEDIAN) {
        qsort(rise, (size_t)bands, sizeof(float), by_value);
        return (rise[(bands - 1) / 2] + rise[bands / 2]) / 2;
    }
    double sum = 0;
    for (int b = 0; b < bands; b++)
        sum += rise[b];
    return (float)(sum / bands);
}

void audio_librosa_onset(const float *db, int64_t frames, AudioMerge merge, float *out)
{
    /* one frame for the difference, half a window for the frame's centre */
    enum { BANDS = LIBROSA_MELS, SHIFT = 1 + LIBROSA_FFT / (2 * LIBROSA_HOP) };
    for (int64_t t = 0; t < MIN(frames, SHIFT); t++)
        out[t] = 0;
    float rise[BANDS];
    for (int64_t t = SHIFT; t < frames; t++) {
        const float *now = db + (t - SHIFT + 1) * BANDS;
        for (int b = 0; b < BANDS; b++)
            rise[b] = fmaxf(now[b] - now[b - BANDS], 0);
        out[t] = merge_bands(rise, BANDS, merge);
    }
}

void audio_onset_strength(const float *x, int64_t n, double rate, AudioMerge merge, float *out)
{
    int64_t frames = audio_stft_frames(n, LIBROSA_HOP);
    float *db = mem_alloc((size_t)frames * LIBROSA_MELS * sizeof(float));
    audio_librosa_mel(x, n, rate, db);
    audio_librosa_onset(db, frames, merge, out);
    mem_free(db);
}

/* ---- onsets picked ---------------------------------------------------------------------------------------------- */

static float scaled(const float *strength, int64_t t, float low, float high)
{
    return (strength[t] - low) / (high - low + FLT_MIN);
}

/* Is frame t the largest of [t - before, t + after) and delta above the mean of its wider surroundings? */
static bool is_peak(const float *v, int64_t n, int64_t t, const int64_t max_around[2], const int64_t mean_around[2])
{
    float largest = v[t];
    for (int64_t i = MAX(t - max_around[0], 0); i < MIN(t + max_around[1], n); i++)
        largest = fmaxf(largest, v[i]);
    if (v[t] != largest)
        return false;
    double sum = 0;
    int64_t from = MAX(t - mean_around[0], 0), to = MIN(t + mean_around[1], n);
    for (int64_t i = from; i < to; i++)
        sum += v[i];
    return v[t] >= sum / (double)(to - from) + 0.07;
}

int64_t audio_onset_peaks(const float *strength, int64_t n, double rate, int64_t *frames)
{
    if (n < 1)
        return 0;
    float low = strength[0], high = strength[0];
    for (int64_t t = 1; t < n; t++) {
        low = fminf(low, strength[t]);
        high = fmaxf(high, strength[t]);
    }
    if (!(high > low))
        return 0;
    float *v = mem_alloc((size_t)n * sizeof(float));
    for (int64_t t = 0; t < n; t++)
        v[t] = scaled(strength, t, low, high);
    int64_t near = (int64_t)floor(0.03 * rate / LIBROSA_HOP), wide = (int64_t)floor(0.1 * rate / LIBROSA_HOP);
    int64_t max_around[2] = {near, 1}, mean_around[2] = {wide, wide + 1}, count = 0;
    for (int64_t t = 0; t < n; t++)
        if (is_peak(v, n, t, max_around, mean_around)) {
            frames[count++] = t;
            t += near; /* librosa's "wait": the same 30 ms */
        }
    mem_free(v);
    return count;
}
