/* SPDX-License-Identifier: Apache-2.0
 *
 * From notes to samples: drums on one bus, tones on another that ducks under the kick in electronic styles, a room, a
 * tilt of the spectrum, soft clipping, a level and a noise floor, all drawn per song.
 */
#include "synth/song_internal.h"

#include <string.h>

#define STREAM_MIX 0x4D495821u

typedef struct Buses {
    int rate, channels;
    int64_t frames;
    float *drums[2], *tones[2];
} Buses;

static void add_strike(const Buses *b, const OneShot *shot, double at, float gain, float pan)
{
    int64_t first = (int64_t)(at * b->rate + 0.5), n = MIN((int64_t)shot->n, b->frames - first);
    float side[2] = {b->channels == 2 ? 1 - MAX(pan, 0) : 1, 1 + MIN(pan, 0)};
    for (int c = 0; c < b->channels; c++) {
        float *bus = b->drums[c] + first, g = gain * side[c];
        for (int64_t i = 0; i < n; i++)
            bus[i] += g * shot->x[i];
    }
}

/* Pads and bass give way to the kick: down by `depth` at the stroke, back after `seconds`. */
static void duck(const Buses *b, const Score *s, float depth, float seconds)
{
    int n = (int)(seconds * (float)b->rate);
    for (int k = 0; k < s->n_strikes; k++) {
        if (s->strike[k].drum != DRUM_KICK)
            continue;
        int64_t first = (int64_t)((double)s->strike[k].at * b->rate);
        for (int i = 0; i < n && first + i < b->frames; i++) {
            float gain = 1 - depth * (1 - (float)i / (float)n);
            for (int c = 0; c < b->channels; c++)
                b->tones[c][first + i] *= gain;
        }
    }
}

enum { COMBS = 4 };

/* Four combs and an all-pass (Schroeder); adds `wet` of it to x. */
static void room(float *x, int64_t n, int rate, float wet, float size, int offset)
{
    static const int lengths[COMBS] = {1116, 1277, 1422, 1617};
    float *line = mem_zero(8192 * (COMBS + 1) * sizeof *line), damp[COMBS] = {0};
    int length[COMBS + 1], at[COMBS + 1] = {0};
    for (int k = 0; k < COMBS; k++)
        length[k] = MIN((int)((float)(lengths[k] + offset) * size * (float)rate / 44100), 8191);
    length[COMBS] = MIN((int)(556.0f * (float)rate / 44100), 8191);
    for (int64_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < COMBS; k++) {
            float *cell = &line[8192 * k + at[k]];
            sum += *cell;
            damp[k] += 0.5f * (*cell - damp[k]);
            *cell = x[i] * 0.25f + 0.78f * damp[k];
            if (++at[k] >= length[k])
                at[k] = 0;
        }
        float *cell = &line[8192 * COMBS + at[COMBS]], out = *cell - 0.5f * sum;
        *cell = sum + 0.5f * out;
        if (++at[COMBS] >= length[COMBS])
            at[COMBS] = 0;
        x[i] += wet * out;
    }
    mem_free(line);
}

static void render_parts(const SongPlan *p, const Score *s, const OneShot shot[DRUMS], const Buses *b, Rng *r)
{
    float gain[DRUMS], pan[DRUMS];
    for (int d = 0; d < DRUMS; d++) {
        gain[d] = rng_range(r, 0.6f, 1.1f) * (d == DRUM_KICK ? 1.1f : d == DRUM_SNARE || d == DRUM_CLAP ? 0.75f : 0.4f);
        pan[d] = d <= DRUM_CLAP ? 0 : rng_range(r, -0.6f, 0.6f);
    }
    for (int k = 0; k < s->n_strikes; k++)
        if ((double)s->strike[k].at * b->rate + 1 < (double)b->frames)
            add_strike(b, &shot[s->strike[k].drum], (double)s->strike[k].at,
                       gain[s->strike[k].drum] * s->strike[k].loud,
                       pan[s->strike[k].drum]);
    Patch patch[3] = {song_patch_bass(r, p->style_id), song_patch_chord(r, p->style_id, p->chord),
                      song_patch_lead(r)};
    for (int k = 0; k < 3; k++)
        patch[k].gain *= rng_range(r, 0.6f, 1.3f);
    for (int k = 0; k < s->n_notes; k++)
        if (s->note[k].note.start * b->rate + 1 < (double)b->frames)
            song_voice_add(&patch[s->note[k].part], &s->note[k].note, (uint32_t)k * 2654435761u >> 16, b->rate,
                           b->channels,
                           b->frames, b->tones);
    if (p->style->electronic && rng_chance(r, 0.6f))
        duck(b, s, rng_range(r, 0.3f, 0.8f), rng_range(r, 0.12f, 0.3f));
    float wet = rng_chance(r, 0.7f) ? rng_range(r, 0.05f, 0.5f) : 0, size = rng_range(r, 0.7f, 1.4f);
    for (int c = 0; c < b->channels && wet > 0; c++)
        room(b->tones[c], b->frames, b->rate, wet, size, 23 * c);
}

void song_mix(const SongPlan *p, const Score *s, const OneShot shot[DRUMS], const SongOptions *o, float *samples,
              int64_t frames)
{
    Rng r = rng_make(p->seed, STREAM_MIX);
    Buses b = {.rate = o->rate, .channels = o->channels, .frames = frames};
    float *memory = mem_zero((size_t)frames * 4 * sizeof *memory);
    for (int c = 0; c < 2; c++)
        b.drums[c] = memory + frames * c, b.tones[c] = memory + frames * (2 + c);
    render_parts(p, s, shot, &b, &r);
    float balance = rng_range(&r, 0.4f, 1.1f), tilt = rng_range(&r, -0.35f, 0.35f), drive = rng_range(&r, 0.4f, 1.6f);
    float level = rng_chance(&r, 0.7f) ? rng_range(&r, 0.6f, 0.97f) : rng_range(&r, 0.05f, 0.6f), peak = 1e-6f;
    float low[2] = {0}, f = 1 - expf(-2 * (float)M_PI * 900 / (float)o->rate);
    for (int64_t i = 0; i < frames; i++)
        for (int c = 0; c < o->channels; c++) {
            float x = b.drums[c][i] + balance * b.tones[c][i];
            low[c] += f * (x - low[c]);
            x = drive * ((1 + tilt) * low[c] + (1 - tilt) * (x - low[c]));
            x = x / (1 + fabsf(x) * 0.5f); /* soft: peaks come to rest at 2 */
            samples[i * o->channels + c] = x;
            peak = MAX(peak, fabsf(x));
        }
    uint32_t noise = rng_u32(&r) | 1;
    float floor = rng_chance(&r, 0.3f) ? level * rng_range(&r, 0.0005f, 0.008f) : 0;
    int64_t fade = MIN(frames, (int64_t)(0.02 * o->rate));
    for (int64_t i = 0; i < frames * o->channels; i++) {
        int64_t left = frames - i / o->channels;
        float out = left < fade ? (float)left / (float)fade : 1;
        samples[i] = (samples[i] * (level / peak) + floor * noise_float(&noise)) * out;
    }
    mem_free(memory);
}
