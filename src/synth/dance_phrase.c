/* SPDX-License-Identifier: Apache-2.0
 *
 * What is danced when. Counts lie on the beats; phrases of eight counts (twelve in three) follow the song's themes as A
 * A B A; each phrase draws its patterns from a stream of the theme and its place, so that it comes back where the music
 * does.
 */
#include "synth/dance_internal.h"

#include <math.h>
#include <string.h>

#define STREAM_DANCER 0x44414E43u
#define STREAM_PHRASE 0x50485241u
#define HALF_TIME_ABOVE 133.0
#define LEAD 0.045 /* counts: a body comes to rest a little after its parts have arrived */

static double beat_time(const DanceBeats *b, double beat)
{
    int i = (int)CLAMP(floor(beat), 0.0, b->beats - 2.0);
    return b->beat[i] + (beat - i) * (b->beat[i + 1] - b->beat[i]);
}

static double beat_at(const DanceBeats *b, double t)
{
    int low = 0, high = b->beats - 1;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (b->beat[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    return low + (t - b->beat[low]) / (b->beat[low + 1] - b->beat[low]);
}

double dancer_count_at(const Dancer *d, double seconds)
{
    return (beat_at(d->beats, seconds) - d->first_downbeat) / d->beats_per_count + LEAD;
}

double dancer_time_of(const Dancer *d, double count)
{
    return beat_time(d->beats, (count - LEAD) * d->beats_per_count + d->first_downbeat);
}

static bool check(const DanceBeats *b, const DanceOptions *o, Err *e)
{
    if (b->beats < 2)
        return err_set(e, "a dance needs two beats or more, there are %d", b->beats);
    for (int i = 0; i < b->beats; i++)
        if (!(fabs(b->beat[i]) < 1e6) || (i && b->beat[i] - b->beat[i - 1] < 0.05))
            return err_set(e, "beat %d at %g s: beats have to rise by 0.05 s or more", i, b->beat[i]);
    if (o->family < DANCE_STREET || o->family > DANCE_POP)
        return err_set(e, "dances of family %d are not composed", (int)o->family);
    if (!(o->size >= 0.1f && o->size <= 2))
        return err_set(e, "movements of size %g: 0.1 to 2 are possible", (double)o->size);
    return true;
}

bool dancer_init(Dancer *d, const DanceBeats *b, const DanceOptions *o, Err *e)
{
    memset(d, 0, sizeof *d);
    if (!check(b, o, e))
        return false;
    Rng r = rng_make(o->seed, STREAM_DANCER);
    d->beats = b;
    d->seed = o->seed;
    d->family = o->family;
    d->size = o->size * rng_range(&r, 0.85f, 1.15f);
    d->sharpness = rng_range(&r, 0.6f, 1.15f);
    int first = 0, metre = 1;
    for (int i = 0; b->beat_in_bar && i < b->beats; i++)
        metre = MAX(metre, b->beat_in_bar[i]);
    while (b->beat_in_bar && first < b->beats - 1 && b->beat_in_bar[first] != 1)
        first++;
    d->first_downbeat = b->beat_in_bar && b->beat_in_bar[first] == 1 ? first : 0;
    d->metre = b->beat_in_bar ? metre : 4;
    d->counts = d->metre % 3 == 0 ? 12 : 8;
    double tempo = 60 * (b->beats - 1) / (b->beat[b->beats - 1] - b->beat[0]);
    bool half = d->metre % 3 != 0 && tempo > HALF_TIME_ABOVE && rng_chance(&r, tempo > 155 ? 0.85f : 0.65f);
    d->beats_per_count = half ? 2 : 1;
    for (int c = 0; c < 128; c++)
        for (int k = 0; k < 6; k++)
            d->arm_taste[c][k] = 0.07f * rng_normal(&r);
    return true;
}

/* ---- phrases ----------------------------------------------------------------------------------------------------- */

static int phrase_beat(const Dancer *d, int k)
{
    double beat = d->first_downbeat + (double)k * d->counts * d->beats_per_count;
    return (int)CLAMP(beat, 0.0, d->beats->beats - 1.0);
}

static int phrase_theme(const Dancer *d, int k)
{
    static const int form[4] = {0, 1, 0, 2};
    return d->beats->theme ? d->beats->theme[phrase_beat(d, k)] : form[((k >> 2) % 4 + 4) % 4];
}

static float phrase_energy(const Dancer *d, int k)
{
    int from = phrase_beat(d, k), to = MAX(phrase_beat(d, k + 1), from + 1);
    float sum = 0;
    if (!d->beats->energy)
        return 0.7f;
    for (int i = from; i < to; i++)
        sum += d->beats->energy[i];
    return CLAMP(sum / (float)(to - from), 0.0f, 1.0f);
}

/* How many phrases of the same theme came right before; without themes of the song, its own form starts every four. */
static int phrase_in_theme(const Dancer *d, int k)
{
    int n = 0;
    if (!d->beats->theme)
        return (k % 4 + 4) % 4;
    while (n < 24 && k - n - 1 >= -1 && phrase_theme(d, k - n - 1) == phrase_theme(d, k))
        n++;
    return n;
}

static bool suits(unsigned families, float lo, float hi, DanceFamily family, float energy)
{
    return (families >> family & 1) && energy >= lo - 1e-3f && energy <= hi + 1e-3f;
}

static int choose(Rng *r, const int *fit, int n) { return n ? fit[rng_int(r, 0, n - 1)] : 0; }

enum { MOST_PATTERNS = 64 };

static const LegPattern *choose_legs(Rng *r, DanceFamily family, float energy, bool three)
{
    int fit[MOST_PATTERNS], n = 0;
    for (int i = 0; i < dance_legs_count && n < MOST_PATTERNS; i++) {
        const LegPattern *p = &dance_legs[i];
        if (p->three == three && suits(p->families, p->lo, p->hi, family, energy))
            fit[n++] = i;
    }
    return &dance_legs[choose(r, fit, n)];
}

static const ArmPattern *choose_arms(Rng *r, DanceFamily family, float energy)
{
    int fit[MOST_PATTERNS], n = 0;
    for (int i = 0; i < dance_arms_count && n < MOST_PATTERNS; i++)
        if (suits(dance_arms[i].families, dance_arms[i].lo, dance_arms[i].hi, family, energy))
            fit[n++] = i;
    return &dance_arms[choose(r, fit, n)];
}

static TrunkKind choose_trunk(Rng *r, DanceFamily family, float energy)
{
    int fit[MOST_PATTERNS], n = 0;
    for (int i = 0; i < dance_trunks_count; i++)
        if (suits(dance_trunks[i].families, dance_trunks[i].lo, dance_trunks[i].hi, family, energy))
            fit[n++] = i;
    return dance_trunks[choose(r, fit, n)].kind;
}

void dancer_phrase(const Dancer *d, int k, Phrase *out)
{
    static const int form[4] = {0, 0, 1, 0};
    int place = phrase_in_theme(d, k), cycle = place / 4 % 3, role = form[place % 4];
    float energy = phrase_energy(d, k);
    Rng r = rng_make(d->seed, STREAM_PHRASE + (uint64_t)(phrase_theme(d, k) * 16 + cycle * 4 + role));
    bool mirrored = rng_chance(&r, 0.5f);
    float turn = rng_range(&r, -0.5f, 0.5f);
    *out = (Phrase){.mirrored = mirrored != (place % 4 == 1),
                    .heading = rng_chance(&r, 0.55f) ? 0 : turn,
                    .snap = rng_range(&r, 0.45f, 1) * d->sharpness,
                    .reach = rng_range(&r, 0.7f, 1.1f) * (0.55f + 0.45f * energy) * sqrtf(d->size),
                    .size = d->size * (0.45f + 0.65f * energy)};
    if (out->mirrored)
        out->heading = -out->heading;
    out->snap = CLAMP(out->snap, 0.35f, 1.0f);
    out->legs = choose_legs(&r, d->family, energy, d->metre % 3 == 0);
    out->arms = choose_arms(&r, d->family, energy);
    out->trunk = choose_trunk(&r, d->family, energy);
    if (energy > 0.5f && rng_chance(&r, 0.3f)) {
        static const char strong[][3] = {"UU", "eh", "xx", "he", "tt", "DN", "ff", "HH", "ud", "kk"};
        memcpy(out->accent, strong[rng_int(&r, 0, (int)ARRAY_LEN(strong) - 1)], 2);
    }
}
