/* SPDX-License-Identifier: Apache-2.0
 *
 * Composes songs with known beats, in groups of what makes beats hard to find, to score beat trackers on (bench/beats.py).
 *
 *     songs OUT GROUP SEED COUNT SECONDS [SAMPLES]     writes OUT/GROUP_SEED.wav and .beats; SAMPLES: a folder of drum hits
 *
 * Groups: steady, swing, drift (the beat's length swings by 5 to 10 %), changes (the tempo jumps one to three times),
 * breaks (every third section without drums), threes (waltzes and 6/8), half (half-time feel in every second section),
 * plain (as the composer draws them: for noise, reverb and low bit rates, which beats.py adds).
 */
#include <stdlib.h>
#include <string.h>

#include "media/media.h"
#include "synth/song.h"

#define STREAM_GROUP 0x47525550u

static int die(const char *what)
{
    fprintf(stderr, "songs: %s\n", what);
    exit(1);
}

static SongOptions options_for(const char *group, uint64_t seed, double seconds, const SongKit *kit)
{
    static const int shuffled[] = {MUSIC_SWING, MUSIC_HIPHOP, MUSIC_FUNK, MUSIC_POP, MUSIC_ROCK, MUSIC_BALLAD};
    static const int fours[] = {MUSIC_POP, MUSIC_ROCK, MUSIC_FUNK, MUSIC_HOUSE, MUSIC_BREAKS, MUSIC_DISCO, MUSIC_BALLAD};
    Rng r = rng_make(seed, STREAM_GROUP);
    SongOptions o = {.seed = seed, .seconds = seconds, .style = -1, .rate = 22050, .channels = 1, .kit = kit};
    if (!strcmp(group, "steady"))
        o.drift = 1e-9;
    else if (!strcmp(group, "swing")) {
        o.style = shuffled[seed % ARRAY_LEN(shuffled)];
        o.swing = o.style == MUSIC_SWING ? 0 : (double)rng_range(&r, 0.2f, 0.34f);
    } else if (!strcmp(group, "drift"))
        o.drift = (double)rng_range(&r, 0.05f, 0.1f);
    else if (!strcmp(group, "changes"))
        o.tempo_changes = rng_int(&r, 1, 3);
    else if (!strcmp(group, "breaks"))
        o.drum_breaks = true;
    else if (!strcmp(group, "threes"))
        o.style = seed % 2 ? MUSIC_WALTZ : MUSIC_SIX_EIGHT;
    else if (!strcmp(group, "half")) {
        o.style = fours[seed % ARRAY_LEN(fours)];
        o.half_time = true;
    } else if (strcmp(group, "plain"))
        die("groups: steady swing drift changes breaks threes half plain");
    return o;
}

static void write_song(const char *folder, const char *group, const SongOptions *o)
{
    Song s;
    Err e = {0};
    char path[1000];
    if (!song_compose(o, &s, &e))
        die(e.text);
    Sound sound = {.rate = s.rate, .channels = s.channels, .frames = s.frames, .samples = s.samples};
    snprintf(path, sizeof path, "%s/%s_%llu.wav", folder, group, (unsigned long long)o->seed);
    if (!sound_save_wav(&sound, path, 16, &e))
        die(e.text);
    Text t = {0};
    text_add(&t, "# %s, %.2f beats a minute\n", music_style_name(s.style), s.tempo);
    for (int i = 0; i < s.beats; i++)
        text_add(&t, "%.6f\t%d\n", s.beat[i], s.beat_in_bar[i]);
    snprintf(path, sizeof path, "%s/%s_%llu.beats", folder, group, (unsigned long long)o->seed);
    if (!file_write(path, t.s, t.len, &e))
        die(e.text);
    text_finish(&t);
    song_finish(&s);
}

int main(int argc, char **argv)
{
    Err e = {0};
    if (argc < 6)
        die("usage: songs OUT GROUP SEED COUNT SECONDS [SAMPLES]");
    SongKit *kit = argc > 6 ? song_kit_open(argv[6], &e) : NULL;
    if ((argc > 6 && !kit) || !file_make_dir(argv[1], &e))
        die(e.text);
    for (int i = 0; i < atoi(argv[4]); i++) {
        SongOptions o = options_for(argv[2], strtoull(argv[3], NULL, 10) + (uint64_t)i, atof(argv[5]), kit);
        write_song(argv[1], argv[2], &o);
    }
    song_kit_close(kit);
    return 0;
}
