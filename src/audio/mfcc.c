/* SPDX-License-Identifier: Apache-2.0
 *
 * Mel-frequency cepstral coefficients: librosa.feature.mfcc (0.11), the orthonormal DCT-II over the mel bands in
 * decibels, c[k] = s[k] sum_b db[b] cos(pi/B (b + 1/2) k), s[0] = sqrt(1/B), s[k] = sqrt(2/B).
 */
#include "audio/audio.h"

#include <assert.h>
#include <math.h>

void audio_librosa_mfcc(const float *db, int64_t frames, int coefficients, float *out)
{
    enum { BANDS = LIBROSA_MELS };
    assert(coefficients >= 1 && coefficients <= BANDS);
    double *table = mem_alloc((size_t)coefficients * BANDS * sizeof(double));
    for (int k = 0; k < coefficients; k++)
        for (int b = 0; b < BANDS; b++)
            table[k * BANDS + b] = sqrt((k ? 2.0 : 1.0) / BANDS) * cos(M_PI / BANDS * (b + 0.5) * k);
    for (int64_t t = 0; t < frames; t++)
        for (int k = 0; k < coefficients; k++) {
            double sum = 0;
            for (int b = 0; b < BANDS; b++)
                sum += table[k * BANDS + b] * db[t * BANDS + b];
            out[t * coefficients + k] = (float)sum;
        }
    mem_free(table);
}
