/* SPDX-License-Identifier: Apache-2.0
 *
 * Drum sounds from a folder of single hits. Which instrument a file is follows from the beginning of its name; loops
 * and long files are left out. Files are read once, at 22,050 Hz, and shared by all songs.
 */
#include "media/media.h"
#include "synth/song_internal.h"

#include <string.h>

enum { KIT_RATE = 22050, KIT_PER_DRUM = 64 };
#define KIT_MAX_SECONDS 2.0

struct SongKit {
    Arena *arena;
    int n[DRUMS];
    OneShot shot[DRUMS][KIT_PER_DRUM];
};

static const struct { const char *prefix; Drum drum; } kinds[] = {
    {"bd_", DRUM_KICK}, {"drum_heavy_kick", DRUM_KICK}, {"drum_bass", DRUM_KICK}, {"elec_soft_kick", DRUM_KICK},
    {"elec_hollow_kick", DRUM_KICK}, {"kick", DRUM_KICK}, {"sn_", DRUM_SNARE}, {"drum_snare", DRUM_SNARE},
    {"elec_snare", DRUM_SNARE}, {"elec_hi_snare", DRUM_SNARE}, {"elec_lo_snare", DRUM_SNARE},
    {"elec_mid_snare", DRUM_SNARE},
    {"elec_filt_snare", DRUM_SNARE}, {"snare", DRUM_SNARE}, {"perc_snap", DRUM_CLAP}, {"clap", DRUM_CLAP},
    {"hat_", DRUM_HAT},
    {"drum_cymbal_closed", DRUM_HAT}, {"drum_cymbal_pedal", DRUM_HAT}, {"drum_cymbal_open", DRUM_OPEN_HAT},
    {"ride_", DRUM_RIDE}, {"drum_cymbal_soft", DRUM_RIDE}, {"drum_cymbal_hard", DRUM_CRASH},
    {"drum_splash", DRUM_CRASH},
    {"drum_tom_lo", DRUM_TOM_LO}, {"drum_tom_mid", DRUM_TOM_MID}, {"elec_fuzz_tom", DRUM_TOM_MID},
    {"drum_tom_hi", DRUM_TOM_HI}, {"drum_cowbell", DRUM_COWBELL}, {"elec_wood", DRUM_RIM}, {"elec_tick", DRUM_RIM},
    {"elec_blip", DRUM_RIM}, {"tabla_ghe", DRUM_CONGA_LO}, {"tabla_tun", DRUM_CONGA_HI}, {"tabla_na", DRUM_CONGA_HI},
    {"tabla_te", DRUM_SHAKER}, {"perc_till", DRUM_TAMBOURINE}};

static int kind_of(const char *name)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        if (strncmp(name, kinds[k].prefix, strlen(kinds[k].prefix)) == 0)
            return kinds[k].drum;
    return -1;
}

/* Mono at KIT_RATE, from its first loud sample, peak 1. */
static bool read_hit(SongKit *k, const char *path, Drum drum, Err *e)
{
    Sound s;
    float *mono = NULL;
    if (!sound_load(path, 0, KIT_MAX_SECONDS, &s, e))
        return false;
    bool good = s.rate == KIT_RATE || err_set(e, "%s: %d samples a second, %d are needed", path, s.rate, KIT_RATE);
    good = good && sound_to_mono(&s, &mono, e);
    float peak = 0;
    int64_t start = 0;
    for (int64_t i = 0; good && i < s.frames; i++)
        peak = MAX(peak, fabsf(mono[i]));
    while (good && start < s.frames && fabsf(mono[start]) < 0.02f * peak)
        start++;
    if (good && peak > 1e-3f && k->n[drum] < KIT_PER_DRUM) {
        OneShot *o = &k->shot[drum][k->n[drum]++];
        o->n = (int)(s.frames - start);
        o->x = arena_alloc(k->arena, (size_t)o->n * sizeof *o->x);
        for (int i = 0; i < o->n; i++)
            o->x[i] = mono[start + i] / peak;
    }
    mem_free(mono);
    sound_finish(&s);
    return good;
}

SongKit *song_kit_open(const char *folder, Err *e)
{
    SongKit *k = mem_zero(sizeof *k);
    char **names;
    int n = 0;
    k->arena = arena_create();
    bool good = file_list(k->arena, folder, ".wav", &names, &n, e);
    for (int i = 0; i < n && good; i++) {
        int drum = kind_of(names[i]);
        if (drum >= 0)
            good = read_hit(k, arena_printf(k->arena, "%s/%s", folder, names[i]), (Drum)drum, e);
    }
    if (good && (!k->n[DRUM_KICK] || !k->n[DRUM_SNARE]))
        good = err_set(e, "%s holds no %s (bd_*.wav, sn_*.wav)", folder, k->n[DRUM_KICK] ? "snare" : "kick");
    if (good)
        return k;
    song_kit_close(k);
    return NULL;
}

void song_kit_close(SongKit *k)
{
    if (!k)
        return;
    arena_destroy(k->arena);
    mem_free(k);
}

void song_kit_choose(const SongKit *k, Rng *r, int rate, OneShot shot[DRUMS], Arena *a)
{
    for (int d = 0; d < DRUMS; d++) {
        if (!k->n[d] || (d > DRUM_SNARE && rng_chance(r, 0.25f)))
            continue;
        OneShot chosen = k->shot[d][rng_int(r, 0, k->n[d] - 1)];
        if (rate != KIT_RATE) { /* twice the rate: linear between samples */
            float *x = arena_alloc(a, (size_t)chosen.n * 2 * sizeof *x);
            for (int i = 0; i < chosen.n; i++) {
                x[2 * i] = chosen.x[i];
                x[2 * i + 1] = 0.5f * (chosen.x[i] + chosen.x[MIN(i + 1, chosen.n - 1)]);
            }
            chosen = (OneShot){x, chosen.n * 2};
        }
        shot[d] = chosen;
    }
}
