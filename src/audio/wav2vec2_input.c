/* SPDX-License-Identifier: Apache-2.0
 *
 * What wav2vec 2.0 hears: samples at 16 kHz with mean 0 and deviation 1 over the window, its silence included
 * (transformers' Wav2Vec2FeatureExtractor; MusicInfuser specification, section 3.2), and MusicInfuser's window of a
 * song (section 3.1): F video frames at 30 a second and 0.09 s more, of the first channel, from a start in seconds.
 */
#include "audio/audio.h"

#include <math.h>

void audio_wav2vec2_normalise(float *x, int64_t n)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    double scale = 1 / sqrt(squares / (double)MAX(n, 1) + 1e-7);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((x[i] - mean) * scale);
}

int64_t audio_wav2vec2_frames(int64_t n)
{
    return n < 400 ? 0 : (n - 400) / 320 + 1;
}

int64_t audio_musicinfuser_samples(int frames)
{
    return 1440 + (AUDIO_WAV2VEC2_RATE / 10 * (int64_t)frames + 2) / 3; /* ceil(16000 (F / 30 + 0.09)) */
}

bool audio_musicinfuser_input(
    const float *samples, int channels, int64_t n, int rate, double start, int frames, float *out, Err *e)
{
    double seconds = (double)n / rate;
    if (!(start >= 0 && start <= seconds))
        return err_set(e, "start %g s: must lie in the song, 0 to %.2f s", start, seconds);
    /* the published code chooses a sample of the original, then cuts the resampled song at its whole part */
    int64_t first = (int64_t)((double)llround(start * rate) / rate * AUDIO_WAV2VEC2_RATE);
    int64_t count = audio_musicinfuser_samples(frames);
    if (!audio_sinc_resample(samples, channels, n, rate, AUDIO_WAV2VEC2_RATE, first, count, out, e))
        return false;
    audio_wav2vec2_normalise(out, count);
    return true;
}

int64_t audio_nearest_frame(int64_t i, int64_t from, int64_t to)
{
    /* float, as torch's interpolate(mode="nearest") computes it */
    return MIN((int64_t)floorf((float)i * ((float)from / (float)to)), from - 1);
}
