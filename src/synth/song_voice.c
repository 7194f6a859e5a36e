/* SPDX-License-Identifier: Apache-2.0
 *
 * Tonal instruments: one to three oscillators (sine, band-limited saw and square, FM, a voice with formants) through an
 * envelope and a low-pass filter that closes after the attack. Wavetables of an octave each are computed once per
 * process.
 */
#include "synth/song_internal.h"

#include <pthread.h>
#include <string.h>

enum { TABLE = 1024, TABLE_OCTAVES = 10 }; /* octave k holds harmonics up to 512 >> k */

static float sine[TABLE + 1];
static float saws[TABLE_OCTAVES][TABLE + 1], squares[TABLE_OCTAVES][TABLE + 1];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (int i = 0; i <= TABLE; i++)
        sine[i] = (float)sin(2 * M_PI * i / TABLE);
    for (int k = 0; k < TABLE_OCTAVES; k++)
        for (int h = 1; h <= 512 >> k; h++)
            for (int i = 0; i <= TABLE; i++) {
                float s = sine[(int64_t)i * h % TABLE] / (float)h;
                saws[k][i] += 0.6f * s;
                squares[k][i] += h % 2 ? 1.1f * s : 0;
            }
}

static inline float table_read(const float *table, float phase)
{
    float x = phase * TABLE;
    int i = (int)x;
    return table[i] + (x - (float)i) * (table[i + 1] - table[i]);
}

static const float *table_for(Wave wave, float hz, int rate)
{
    int k = 0;
    while (k < TABLE_OCTAVES - 1 && hz * (float)(512 >> k) > 0.45f * (float)rate)
        k++;
    return wave == WAVE_SQUARE ? squares[k] : wave == WAVE_SINE || wave == WAVE_FM ? sine : saws[k];
}

/* Two formants of five vowels, Hz. */
static const float vowels[5][2] = {{730, 1090}, {530, 1840}, {270, 2290}, {570, 840}, {300, 870}};

typedef struct Voice {
    const Patch *p;
    const float *table;
    float phase[3], step[3], mod_phase;
    float low, band;                  /* low-pass */
    float formant[2][2], formant_f[2]; /* low, band; coefficient */
    float vibrato_phase;
} Voice;

static float envelope(const Patch *p, float t, float held)
{
    float level = t < p->attack ? t / p->attack : p->sustain + (1 - p->sustain) * expf(-3 * (t - p->attack) / p->decay);
    if (t <= held)
        return level;
    float at_end = held < p->attack ? held / p->attack
        : p->sustain + (1 - p->sustain) * expf(-3 * (held - p->attack) / p->decay);
    return at_end * MAX(0, 1 - (t - held) / p->release);
}

static inline float oscillate(Voice *v, float bend)
{
    const Patch *p = v->p;
    float x = 0;
    if (p->wave == WAVE_FM) {
        v->mod_phase += v->step[0] * p->fm_ratio * bend;
        v->mod_phase -= floorf(v->mod_phase);
        v->phase[0] += v->step[0] * bend;
        v->phase[0] -= floorf(v->phase[0]);
        float turned = v->phase[0] + v->formant[0][0] * table_read(sine, v->mod_phase);
        return table_read(sine, turned - floorf(turned));
    }
    for (int k = 0; k < p->unison; k++) {
        v->phase[k] += v->step[k] * bend;
        if (v->phase[k] >= 1)
            v->phase[k] -= 1;
        x += table_read(v->table, v->phase[k]);
    }
    return x;
}

static inline float through_formants(Voice *v, float x)
{
    float sum = 0;
    for (int k = 0; k < 2; k++) {
        v->formant[k][0] += v->formant_f[k] * v->formant[k][1];
        v->formant[k][1] += v->formant_f[k] * (x - v->formant[k][0] - 0.12f * v->formant[k][1]);
        sum += v->formant[k][1];
    }
    return 0.5f * sum;
}

static void start_voice(Voice *v, const Patch *p, const Note *n, uint32_t vowel, int rate)
{
    memset(v, 0, sizeof *v);
    v->p = p;
    v->table = table_for(p->wave, n->hz * 1.02f, rate);
    for (int k = 0; k < p->unison; k++) {
        float off = p->unison > 1 ? 2 * (float)k / (float)(p->unison - 1) - 1 : 0;
        v->step[k] = MIN(n->hz * (1 + p->detune * off) / (float)rate, 0.45f);
        v->phase[k] = 0.37f * (float)k;
    }
    for (int k = 0; k < 2; k++)
        v->formant_f[k] = 2 * sinf((float)M_PI * vowels[vowel % 5][k] / (float)rate);
}

enum { BLOCK = 32 }; /* envelope and filter are set this often */

void song_voice_add(const Patch *p, const Note *n, uint32_t vowel, int rate, int channels, int64_t frames,
                    float *const bus[2])
{
    pthread_once(&tables_once, make_tables);
    Voice v;
    start_voice(&v, p, n, vowel, rate);
    int64_t first = (int64_t)(n->start * rate), count = (int64_t)((n->seconds + p->release) * (float)rate);
    if (first < 0 || n->hz <= 0 || n->hz > 0.45f * (float)rate)
        return;
    count = MIN(count, frames - first);
    float gain = p->gain * n->loud / sqrtf((float)p->unison), level = 0;
    float left = channels == 2 ? cosf((p->pan + 1) * (float)M_PI / 4) * 1.414f : 1,
        right = sinf((p->pan + 1) * (float)M_PI / 4) * 1.414f;
    for (int64_t from = 0; from < count; from += BLOCK) {
        int m = (int)MIN(BLOCK, count - from);
        float t = (float)from / (float)rate, next = envelope(p, t + (float)m / (float)rate, n->seconds);
        float slope = (next - level) / (float)m, sweep = 1 + (p->sweep - 1) * expf(-t / MAX(p->decay, 0.02f));
        float hz = MIN(p->cutoff * MAX(sweep, 0.1f) * (0.5f + 0.5f * n->loud), (float)rate / 6.5f);
        float f = 2 * sinf((float)M_PI * hz / (float)rate), q = 1 - p->resonance, bend = 1;
        if (p->vibrato > 0 && t > 0.15f) {
            v.vibrato_phase += 5.5f * (float)m / (float)rate;
            bend += p->vibrato * sinf(2 * (float)M_PI * v.vibrato_phase);
        }
        if (p->wave == WAVE_FM)
            v.formant[0][0] = p->fm_index * (0.3f + 0.7f * expf(-t / p->decay)) / 6.28f;
        for (int i = 0; i < m; i++) {
            level += slope;
            float x = oscillate(&v, bend);
            if (p->wave == WAVE_VOICE)
                x = through_formants(&v, x);
            v.low += f * v.band;
            v.band += f * (x - v.low - q * v.band);
            float y = v.low * level * gain;
            if (p->drive > 0)
                y = y * (1 + p->drive) / (1 + p->drive * fabsf(y) * 2);
            bus[0][first + from + i] += y * left;
            if (channels == 2)
                bus[1][first + from + i] += y * right;
        }
        level = next;
    }
}

/* ---- patches ----------------------------------------------------------------------------------------------------- */

Patch song_patch_bass(Rng *r, MusicStyle s)
{
    bool plucked = s == MUSIC_SWING || s == MUSIC_SALSA || s == MUSIC_WALTZ || s == MUSIC_BALLAD || s == MUSIC_ROCK
        || s == MUSIC_SIX_EIGHT;
    Patch p = {.unison = 1, .detune = 0.004f, .attack = 0.006f, .sustain = 0.3f, .release = 0.06f, .gain = 0.5f};
    p.wave = plucked ? (rng_chance(r, 0.5f) ? WAVE_SAW : WAVE_FM) : (Wave)rng_int(r, WAVE_SINE, WAVE_FM);
    if (!plucked) {
        p.unison = rng_int(r, 1, 2);
        p.sustain = rng_range(r, 0.3f, 0.9f);
    }
    p.decay = rng_range(r, 0.12f, 0.5f);
    p.cutoff = rng_range(r, 250, 900);
    p.sweep = rng_range(r, 1, 4);
    p.resonance = rng_range(r, 0, 0.6f);
    p.fm_ratio = rng_chance(r, 0.5f) ? 1 : 2;
    p.fm_index = rng_range(r, 0.5f, 3);
    p.drive = rng_chance(r, 0.3f) ? rng_range(r, 0.5f, 2) : 0;
    return p;
}

Patch song_patch_chord(Rng *r, MusicStyle s, ChordKind kind)
{
    bool pad = kind == CHORD_PAD;
    bool keys = s == MUSIC_SALSA || s == MUSIC_SWING || s == MUSIC_WALTZ || s == MUSIC_BALLAD
        || s == MUSIC_SIX_EIGHT;
    Patch p = {.attack = 0.004f, .release = 0.12f, .gain = 0.14f, .pan = rng_range(r, -0.5f, 0.5f)};
    p.wave = keys ? WAVE_FM : rng_chance(r, 0.7f) ? WAVE_SAW : WAVE_SQUARE;
    p.unison = rng_int(r, 1, 3);
    p.detune = rng_range(r, 0.002f, 0.012f);
    p.decay = rng_range(r, 0.2f, 0.9f);
    p.sustain = rng_range(r, 0.05f, 0.4f);
    p.cutoff = rng_range(r, 900, 3000);
    p.sweep = rng_range(r, 1, 2.5f);
    p.resonance = rng_range(r, 0, 0.4f);
    p.fm_ratio = (float)rng_int(r, 1, 4);
    p.fm_index = rng_range(r, 0.4f, 2);
    p.drive = s == MUSIC_ROCK ? rng_range(r, 4, 12) : 0;
    if (pad) {
        p.unison = 3;
        p.attack = rng_range(r, 0.08f, 0.4f);
        p.sustain = 0.9f;
        p.release = 0.35f;
        p.sweep = 1;
    }
    return p;
}

Patch song_patch_lead(Rng *r)
{
    static const Wave waves[] = {WAVE_SAW, WAVE_SQUARE, WAVE_FM, WAVE_VOICE, WAVE_VOICE};
    Wave wave = waves[rng_int(r, 0, 4)];
    bool sung = wave == WAVE_VOICE;
    Patch p = {.wave = wave, .unison = wave == WAVE_SAW ? rng_int(r, 1, 3) : 1, .detune = 0.006f, .release = 0.1f,
               .sweep = 1.3f, .resonance = 0.1f, .gain = sung ? 0.35f : 0.2f};
    p.attack = sung ? 0.05f : rng_range(r, 0.004f, 0.03f);
    p.decay = rng_range(r, 0.2f, 0.8f);
    p.sustain = rng_range(r, 0.4f, 0.9f);
    p.cutoff = rng_range(r, 1500, 3200);
    p.fm_ratio = (float)rng_int(r, 1, 5);
    p.fm_index = rng_range(r, 0.5f, 2.5f);
    p.vibrato = rng_chance(r, 0.6f) ? rng_range(r, 0.002f, 0.01f) : 0;
    p.pan = rng_range(r, -0.3f, 0.3f);
    return p;
}
