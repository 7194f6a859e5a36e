/* SPDX-License-Identifier: Apache-2.0
 *
 * A click on every beat and another on every downbeat, mixed into the song, so that one can hear whether a grid is right.
 * A click begins exactly on the sample of its beat and is gone after 50 ms.
 */
#include "audio/audio.h"

#include <math.h>

static const double beat_hz = 1000, downbeat_hz = 1760, fade = 0.012, click_seconds = 0.05;

/* The loudest sample, and room for the clicks under full scale. */
static float song_gain(const float *x, int64_t n)
{
    float peak = 0;
    for (int64_t i = 0; i < n; i++)
        peak = fmaxf(peak, fabsf(x[i]));
    return peak > 0.5f ? 0.5f / peak : 1;
}

void audio_add_clicks(float *samples, int64_t frames, int channels, double rate, const BeatGrid *g)
{
    float gain = song_gain(samples, frames * channels);
    for (int64_t i = 0; i < frames * channels; i++)
        samples[i] *= gain;
    int64_t length = (int64_t)(click_seconds * rate);
    for (int k = 0; k < g->n; k++) {
        bool one = g->beat_in_bar[k] == 1;
        int64_t at = llround(g->seconds[k] * rate);
        for (int64_t i = 0; i < length && at + i < frames; i++) {
            double t = (double)i / rate;
            if (at + i < 0)
                continue;
            float click = (float)((one ? 0.45 : 0.35) * cos(2 * M_PI * (one ? downbeat_hz : beat_hz) * t) * exp(-t / fade));
            for (int c = 0; c < channels; c++)
                samples[(at + i) * channels + c] += click;
        }
    }
}
