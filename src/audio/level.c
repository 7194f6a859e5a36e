/* SPDX-License-Identifier: Apache-2.0
 *
 * Loudness and brightness of frames: root mean square (librosa.feature.rms with zero padding) and spectral centroid
 * (librosa.feature.spectral_centroid, which weighs by magnitude, not power).
 */
#include "audio/audio.h"

#include <math.h>

void audio_rms(const float *x, int64_t n, int frame, int hop, float *rms)
{
    int64_t frames = audio_stft_frames(n, hop);
    for (int64_t t = 0; t < frames; t++) {
        int64_t from = MAX(t * hop - frame / 2, 0), to = MIN(t * hop - frame / 2 + frame, n);
        double sum = 0;
        for (int64_t i = from; i < to; i++)
            sum += (double)x[i] * x[i];
        rms[t] = (float)sqrt(sum / frame);
    }
}

float audio_centroid(const float *power, int n_fft, double rate)
{
    double sum = 0, moment = 0;
    for (int k = 0; k <= n_fft / 2; k++) {
        double a = sqrt(power[k]);
        sum += a;
        moment += a * k;
    }
    return sum > 0 ? (float)(moment / sum * rate / n_fft) : 0;
}
