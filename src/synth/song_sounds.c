/* SPDX-License-Identifier: Apache-2.0
 *
 * Drums, synthesised: tuned membranes (a sine whose pitch falls), noise through filters, metal (six squares), each
 * drawn anew for every song between an electronic and an acoustic kit. One-shots are rendered once per song and then
 * only added.
 */
#include "synth/song_internal.h"

#include <string.h>

/* A state-variable filter (Chamberlin), stable below a sixth of the rate. */
typedef struct Filter { float low, band, f, q; } Filter;

static Filter filter_at(float hz, float resonance, int rate)
{
    return (Filter){.f = 2 * sinf((float)M_PI * MIN(hz / (float)rate, 1 / 6.0f)), .q = 1 - resonance};
}

static inline float filter_step(Filter *s, float x, float *low, float *band)
{
    s->low += s->f * s->band;
    float high = x - s->low - s->q * s->band;
    s->band += s->f * high;
    *low = s->low;
    *band = s->band;
    return high;
}

static float fall(float t, float seconds) { return expf(-4.6f * t / seconds); } /* 1 % after `seconds` */

/* A sine from `high` to `low` Hz, reached by a fall of `drop` seconds. */
typedef struct Membrane { float high, low, drop, ring, click; } Membrane;

static void membrane(OneShot *o, const Membrane *m, int rate, uint32_t *noise)
{
    double phase = 0;
    for (int i = 0; i < o->n; i++) {
        float t = (float)i / (float)rate;
        phase += (double)(m->low + (m->high - m->low) * fall(t, m->drop)) / rate;
        float attack = MIN(1, t * 1500);
        o->x[i] += attack * sinf((float)(2 * M_PI * (phase - floor(phase)))) * fall(t, m->ring);
        if (t < 0.02f)
            o->x[i] += m->click * noise_float(noise) * fall(t, 0.012f);
    }
}

typedef struct Hiss { float hz, resonance, ring, level, attack; int kind; } Hiss; /* kind: 0 low, 1 band, 2 high */

static void hiss(OneShot *o, const Hiss *h, int rate, uint32_t *noise, float delay)
{
    Filter f = filter_at(h->hz, h->resonance, rate);
    for (int i = (int)(delay * (float)rate); i < o->n; i++) {
        float t = (float)i / (float)rate - delay, low, band;
        float high = filter_step(&f, noise_float(noise), &low, &band);
        float x = h->kind == 0 ? low : h->kind == 1 ? band : high;
        float rise = h->attack > 0 ? MIN(1, t / h->attack) : 1;
        o->x[i] += h->level * rise * x * fall(MAX(t - h->attack, 0), h->ring);
    }
}

/* Six squares in the ratios of cymbals, high-passed: hats, rides, crashes, cowbells. */
static void metal(OneShot *o, float base, float cut, float ring, float level, int squares, int rate)
{
    static const float ratio[6] = {1, 1.4827f, 1.8004f, 2.5461f, 2.6303f, 3.8974f};
    float phase[6] = {0};
    Filter f = filter_at(cut, 0.2f, rate);
    for (int i = 0; i < o->n; i++) {
        float x = 0, low, band;
        for (int k = 0; k < squares; k++) {
            phase[k] += base * ratio[k] / (float)rate;
            phase[k] -= floorf(phase[k]);
            x += phase[k] < 0.5f ? 1.0f : -1.0f;
        }
        float high = filter_step(&f, x / (float)squares, &low, &band);
        o->x[i] += level * high * fall((float)i / (float)rate, ring);
    }
}

static void finish(OneShot *o, float peak)
{
    float most = 1e-6f;
    for (int i = 0; i < o->n; i++)
        most = MAX(most, fabsf(o->x[i]));
    int tail = MIN(o->n, 64);
    for (int i = 0; i < o->n; i++) {
        float end = i >= o->n - tail ? (float)(o->n - i) / (float)tail : 1;
        o->x[i] *= peak / most * end;
    }
}

static void make_kick(OneShot *o, Rng *r, int rate, uint32_t *noise, float electronic)
{
    float low = rng_range(r, 42, 62), ring = rng_range(r, 0.15f, 0.3f + 0.25f * electronic);
    Membrane m = {rng_range(r, 110, 320), low, rng_range(r, 0.03f, 0.12f), ring, rng_range(r, 0.05f, 0.5f)};
    membrane(o, &m, rate, noise);
    float drive = rng_range(r, 1, 4);
    for (int i = 0; i < o->n; i++)
        o->x[i] = tanhf(drive * o->x[i]);
}

static void make_snare(OneShot *o, Rng *r, int rate, uint32_t *noise)
{
    float tone = rng_range(r, 150, 240);
    Membrane a = {tone * 1.4f, tone, 0.03f, rng_range(r, 0.08f, 0.2f), 0.2f};
    Membrane b = {tone * 2.2f, tone * 1.7f, 0.03f, 0.09f, 0};
    membrane(o, &a, rate, noise);
    membrane(o, &b, rate, noise);
    Hiss h = {rng_range(r, 900, 2600), 0.1f, rng_range(r, 0.12f, 0.32f), rng_range(r, 0.7f, 2), 0, 2};
    hiss(o, &h, rate, noise, 0);
}

static void make_clap(OneShot *o, Rng *r, int rate, uint32_t *noise)
{
    Hiss h = {rng_range(r, 900, 1500), 0.6f, 0.012f, 1, 0, 1};
    float gap = rng_range(r, 0.007f, 0.012f);
    for (int k = 0; k < 3; k++)
        hiss(o, &h, rate, noise, gap * (float)k);
    h.ring = rng_range(r, 0.1f, 0.3f);
    hiss(o, &h, rate, noise, gap * 3);
}

static void make_hat(OneShot *o, Rng *r, int rate, uint32_t *noise, float ring)
{
    float mix = rng_range(r, 0, 1), cut = rng_range(r, 2600, 3500);
    metal(o, rng_range(r, 300, 560), cut, ring, mix, 6, rate);
    Hiss h = {cut, 0.1f, ring, 1 - mix * 0.7f, 0, 2};
    hiss(o, &h, rate, noise, 0);
}

static const float drum_seconds[DRUMS] = {
    [DRUM_KICK] = 0.5f, [DRUM_SNARE] = 0.35f, [DRUM_CLAP] = 0.35f, [DRUM_HAT] = 0.09f, [DRUM_OPEN_HAT] = 0.35f,
    [DRUM_RIDE] = 0.7f, [DRUM_CRASH] = 1.4f, [DRUM_TOM_LO] = 0.45f, [DRUM_TOM_MID] = 0.4f, [DRUM_TOM_HI] = 0.35f,
    [DRUM_RIM] = 0.08f, [DRUM_COWBELL] = 0.22f, [DRUM_CONGA_LO] = 0.3f, [DRUM_CONGA_HI] = 0.25f, [DRUM_SHAKER] = 0.12f,
    [DRUM_TAMBOURINE] = 0.2f};

static void make_tuned(OneShot shot[DRUMS], Rng *r, int rate, uint32_t *noise)
{
    static const struct { Drum drum; float hz, ring; } tuned[] = {
        {DRUM_TOM_LO, 85, 0.35f}, {DRUM_TOM_MID, 125, 0.3f}, {DRUM_TOM_HI, 180, 0.26f},
        {DRUM_CONGA_LO, 190, 0.22f}, {DRUM_CONGA_HI, 300, 0.17f}, {DRUM_RIM, 1700, 0.04f}};
    float pitch = rng_range(r, 0.85f, 1.2f);
    for (size_t k = 0; k < ARRAY_LEN(tuned); k++) {
        float hz = tuned[k].hz * pitch;
        Membrane m = {hz * rng_range(r, 1.2f, 1.6f), hz, 0.05f, tuned[k].ring, rng_range(r, 0.1f, 0.4f)};
        membrane(&shot[tuned[k].drum], &m, rate, noise);
    }
    metal(&shot[DRUM_COWBELL], rng_range(r, 520, 600), 400, 0.2f, 1, 2, rate);
    Hiss shaker = {3200, 0.2f, 0.05f, 1, 0.02f, 2}, tambourine = {3400, 0.5f, 0.12f, 1, 0.004f, 2};
    hiss(&shot[DRUM_SHAKER], &shaker, rate, noise, 0);
    hiss(&shot[DRUM_TAMBOURINE], &tambourine, rate, noise, 0);
    metal(&shot[DRUM_RIDE], rng_range(r, 380, 480), 2800, 0.6f, 1, 6, rate);
    Hiss wash = {3000, 0.1f, 1.2f, 0.8f, 0, 2};
    metal(&shot[DRUM_CRASH], rng_range(r, 300, 420), 2500, 1.2f, 0.6f, 6, rate);
    hiss(&shot[DRUM_CRASH], &wash, rate, noise, 0);
}

void song_drums_make(OneShot shot[DRUMS], Rng *r, int rate, float **owner)
{
    size_t total = 0;
    for (int d = 0; d < DRUMS; d++)
        total += (size_t)(drum_seconds[d] * (float)rate);
    float *x = *owner = mem_zero(total * sizeof *x);
    for (int d = 0; d < DRUMS; d++) {
        shot[d] = (OneShot){x, (int)(drum_seconds[d] * (float)rate)};
        x += shot[d].n;
    }
    uint32_t noise = rng_u32(r) | 1;
    float electronic = rng_float(r);
    make_kick(&shot[DRUM_KICK], r, rate, &noise, electronic);
    make_snare(&shot[DRUM_SNARE], r, rate, &noise);
    make_clap(&shot[DRUM_CLAP], r, rate, &noise);
    make_hat(&shot[DRUM_HAT], r, rate, &noise, rng_range(r, 0.03f, 0.08f));
    make_hat(&shot[DRUM_OPEN_HAT], r, rate, &noise, rng_range(r, 0.2f, 0.35f));
    make_tuned(shot, r, rate, &noise);
    for (int d = 0; d < DRUMS; d++)
        finish(&shot[d], 1);
}
