/* SPDX-License-Identifier: Apache-2.0
 *
 * Sounds to which nobody should dance: silence, noise, a voice that speaks, slow chords. They teach the motion network
 * that music matters (data/README.md section 4).
 */
#include "synth/song_internal.h"

#include <string.h>

#define STREAM_IDLE 0x49444C45u

static void fill_noise(Rng *r, int rate, int64_t n, float *x)
{
    uint32_t state = rng_u32(r) | 1;
    float colour = rng_range(r, 0.02f, 1), low = 0, level = rng_range(r, 0.02f, 0.5f), swell = 1, target = 1;
    int64_t until = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i >= until) { /* every second or so another loudness, approached slowly */
            target = rng_range(r, 0.3f, 1);
            until = i + (int64_t)(rng_range(r, 0.4f, 2) * (float)rate);
        }
        swell += (target - swell) * 2 / (float)rate;
        low += colour * (noise_float(&state) - low);
        x[i] = level * swell * low / sqrtf(colour);
    }
}

/* Syllables of 80 to 300 ms in phrases of 1 to 4 s with pauses, pitch falling over a phrase, hiss for consonants. */
static void fill_speech(Rng *r, int rate, int64_t n, float *x)
{
    Patch voice = {.wave = WAVE_VOICE, .unison = 1, .attack = 0.03f, .decay = 0.2f, .sustain = 0.6f, .release = 0.05f,
                   .cutoff = 2600, .sweep = 1, .vibrato = 0.01f, .gain = rng_range(r, 0.2f, 0.7f)};
    uint32_t state = rng_u32(r) | 1;
    float *bus[2] = {x, NULL}, base = rng_range(r, 85, 240);
    double t = (double)rng_range(r, 0, 0.5f), end = (double)n / rate;
    memset(x, 0, (size_t)n * sizeof *x);
    while (t < end) {
        double phrase = (double)rng_range(r, 1, 4), start = t;
        while (t < MIN(start + phrase, end)) {
            float length = rng_range(r, 0.08f, 0.3f), falling = 1.15f - 0.3f * (float)((t - start) / phrase);
            Note syllable = {t, length, base * falling * rng_range(r, 0.93f, 1.08f), rng_range(r, 0.4f, 1)};
            song_voice_add(&voice, &syllable, rng_u32(r) >> 16, rate, 1, n, bus);
            if (rng_chance(r, 0.5f))
                for (int64_t i = (int64_t)(t * rate), k = 0; k < rate / 16 && i + k < n; k++)
                    x[i + k] += 0.05f * syllable.loud * noise_float(&state) * (1 - (float)k / ((float)rate / 16));
            t += (double)length * (double)rng_range(r, 0.8f, 1.3f);
        }
        t += (double)rng_range(r, 0.2f, 1.4f);
    }
}

static void fill_drone(Rng *r, int rate, int64_t n, float *x)
{
    Patch pad = {.wave = rng_chance(r, 0.5f) ? WAVE_SAW : WAVE_SINE, .unison = 3, .detune = 0.006f, .attack = 1.5f,
                 .decay = 3,
                 .sustain = 1, .release = 2, .cutoff = rng_range(r, 400, 1800), .sweep = 1, .gain = 0.15f};
    float *bus[2] = {x, NULL};
    memset(x, 0, (size_t)n * sizeof *x);
    for (double t = 0; t * rate < (double)n;) {
        double length = (double)rng_range(r, 3, 8);
        float root = rng_range(r, 45, 57);
        for (int k = 0; k < 3; k++) {
            Note note = {t, (float)length, 440 * powf(2, (root + (float)(7 * k) - 69) / 12), 0.8f};
            song_voice_add(&pad, &note, 0, rate, 1, n, bus);
        }
        t += length;
    }
}

void song_idle_sound(IdleSound kind, uint64_t seed, int rate, int64_t frames, float *samples)
{
    Rng r = rng_make(seed, STREAM_IDLE);
    uint32_t state = rng_u32(&r) | 1;
    float floor = rng_chance(&r, 0.5f) ? rng_range(&r, 0, 0.0008f) : 0, peak = 0;
    if (kind == IDLE_NOISE)
        fill_noise(&r, rate, frames, samples);
    else if (kind == IDLE_SPEECH)
        fill_speech(&r, rate, frames, samples);
    else if (kind == IDLE_DRONE)
        fill_drone(&r, rate, frames, samples);
    else
        memset(samples, 0, (size_t)frames * sizeof *samples);
    for (int64_t i = 0; i < frames; i++) {
        samples[i] += floor * noise_float(&state);
        peak = MAX(peak, fabsf(samples[i]));
    }
    for (int64_t i = 0; peak > 0.97f && i < frames; i++)
        samples[i] *= 0.97f / peak;
}
