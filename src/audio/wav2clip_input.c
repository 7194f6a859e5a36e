/* SPDX-License-Identifier: Apache-2.0
 *
 * What Wav2CLIP hears (DabFusion specification, section 3.3): the power spectrum of a clip of any length at 16 kHz, and
 * its logarithm with mean 0 and deviation 1 over the whole clip. As a picture: rows are frequencies. Layout: [257, T].
 */
#include "audio/audio.h"

#include <math.h>

enum { FFT = 512, BINS = AUDIO_WAV2CLIP_BINS };

int64_t audio_wav2clip_frames(int64_t n)
{
    return audio_stft_frames(n, AUDIO_WAV2CLIP_HOP);
}

void audio_wav2clip_spectrogram(const float *x, int64_t n, float *out)
{
    int64_t frames = audio_wav2clip_frames(n);
    AudioFft *f = audio_fft_create(FFT);
    float power[BINS];
    for (int64_t t = 0; t < frames; t++) {
        audio_fft_power(f, x, n, t * AUDIO_WAV2CLIP_HOP, AUDIO_PAD_REFLECT, power);
        for (int k = 0; k < BINS; k++)
            out[k * frames + t] = power[k];
    }
    audio_fft_destroy(f);
}

void audio_wav2clip_input(const float *x, int64_t n, float *out)
{
    int64_t count = audio_wav2clip_frames(n) * BINS;
    double mean = 0, squares = 0;
    audio_wav2clip_spectrogram(x, n, out);
    for (int64_t i = 0; i < count; i++) {
        out[i] = logf(out[i] + 1e-7f);
        mean += out[i];
    }
    mean /= (double)count;
    for (int64_t i = 0; i < count; i++)
        squares += (out[i] - mean) * (out[i] - mean);
    double scale = 1 / (sqrt(squares / (double)(count - 1)) + 1e-9);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)((out[i] - mean) * scale);
}

int64_t audio_pieces(int64_t n, int64_t length, int64_t hop)
{
    return n >= length ? 1 + (n - length) / hop : 0;
}
