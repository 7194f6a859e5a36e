/* SPDX-License-Identifier: Apache-2.0
 *
 * Chroma: how much of each pitch class C, C#, ... B there is. From the short-time spectrum with tuning 0
 * (librosa.feature.chroma_stft with tuning=0, norm=None; the bank is librosa.filters.chroma), and its smoothed form
 * CENS (Mueller and Ewert 2011) from that, as the MuseDance specification, section 3.1, decides: librosa's own
 * chroma_cens would take a constant-Q transform. Layout: [T, 12] with the pitch classes contiguous.
 */
#include "audio/audio.h"

#include <math.h>
#include <string.h>

enum { PITCHES = AUDIO_PITCHES, BINS = LIBROSA_FFT / 2 + 1 };

/* Position of bin j on the scale of semitones above A0; bin 0 has none and is put 18 below bin 1. */
static double semitone(int j, double rate)
{
    return j ? 12 * log2(j * rate / LIBROSA_FFT / 27.5) : semitone(1, rate) - 18;
}

void audio_chroma_bank(double rate, float *bank)
{
    for (int j = 0; j < BINS; j++) {
        double q = semitone(j, rate), width = fmax(semitone(j + 1, rate) - q, 1), v[PITCHES], squares = 0;
        for (int c = 0; c < PITCHES; c++) {
            double d = fmod(q - c + 126, PITCHES);
            d = (d < 0 ? d + PITCHES : d) - PITCHES / 2;
            v[c] = exp(-0.5 * (2 * d / width) * (2 * d / width));
            squares += v[c] * v[c];
        }
        /* weight by octave: a Gaussian of two octaves' width around A5 */
        double octave = (q / 12 - 5) / 2, gain = exp(-0.5 * octave * octave) / sqrt(squares);
        for (int c = 0; c < PITCHES; c++) /* c counts from A, rows from C */
            bank[((c + 9) % PITCHES) * BINS + j] = (float)(v[c] * gain);
    }
}

typedef struct Job {
    const float *x, *bank;
    int64_t n;
    float *out;
} Job;

static void chroma_range(void *ctx, int64_t from, int64_t to)
{
    const Job *j = ctx;
    AudioFft *f = audio_fft_create(LIBROSA_FFT);
    float power[BINS];
    for (int64_t t = from; t < to; t++) {
        audio_fft_power(f, j->x, j->n, t * LIBROSA_HOP, AUDIO_PAD_ZERO, power);
        for (int c = 0; c < PITCHES; c++) {
            double sum = 0;
            for (int k = 0; k < BINS; k++)
                sum += (double)j->bank[c * BINS + k] * power[k];
            j->out[t * PITCHES + c] = (float)sum;
        }
    }
    audio_fft_destroy(f);
}

void audio_chroma(const float *x, int64_t n, double rate, float *out)
{
    float *bank = mem_alloc(PITCHES * BINS * sizeof(float));
    audio_chroma_bank(rate, bank);
    Job j = {x, bank, n, out};
    threads_for(audio_stft_frames(n, LIBROSA_HOP), 256, chroma_range, &j);
    mem_free(bank);
}

/* Share of each pitch class in its frame, on a scale of five steps. */
static void quantise(float *frame)
{
    static const float steps[] = {0.4f, 0.2f, 0.1f, 0.05f};
    float sum = 0;
    for (int c = 0; c < PITCHES; c++)
        sum += frame[c];
    for (int c = 0; c < PITCHES; c++) {
        float share = sum > 0 ? frame[c] / sum : 0;
        frame[c] = 0;
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
            frame[c] += share > steps[i] ? 0.25f : 0;
    }
}

void audio_chroma_to_cens(float *chroma, int64_t frames)
{
    enum { WIDTH = 43, HALF = WIDTH / 2 };
    double window[WIDTH], total = 0;
    for (int i = 0; i < WIDTH; i++) {
        window[i] = 0.5 - 0.5 * cos(2 * M_PI * i / (WIDTH - 1));
        total += window[i];
    }
    float *steps = mem_alloc((size_t)MAX(frames, 1) * PITCHES * sizeof(float));
    for (int64_t t = 0; t < frames; t++)
        quantise(chroma + t * PITCHES);
    memcpy(steps, chroma, (size_t)frames * PITCHES * sizeof(float));
    for (int64_t t = 0; t < frames; t++) {
        double v[PITCHES] = {0}, squares = 0;
        for (int64_t s = MAX(t - HALF, 0); s < MIN(t + HALF + 1, frames); s++)
            for (int c = 0; c < PITCHES; c++)
                v[c] += window[s - t + HALF] / total * steps[s * PITCHES + c];
        for (int c = 0; c < PITCHES; c++)
            squares += v[c] * v[c];
        for (int c = 0; c < PITCHES; c++)
            chroma[t * PITCHES + c] = squares > 0 ? (float)(v[c] / sqrt(squares)) : 0;
    }
    mem_free(steps);
}
