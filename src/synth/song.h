/* SPDX-License-Identifier: Apache-2.0
 *
 * synth/song: songs composed by the program, whose beats are known exactly, and sounds without a beat. Drums, bass,
 * chords and lead of fifteen styles; intro, verse, build, chorus, break, bridge; fills, stops, swing, two, three and four
 * beats a bar; on request what makes beats hard to find: wide drift, changes of tempo, half-time parts, no drums. What is played repeats as songs do: sections of one theme have the same chords, riffs and tune.
 * Everything follows from the seed.
 * For training and tests where no recordings with known beats may be shipped (data/README.md section 4).
 */
#ifndef JIG_SYNTH_SONG_H
#define JIG_SYNTH_SONG_H

#include "base/base.h"

typedef enum MusicStyle {
    MUSIC_HIPHOP, MUSIC_HOUSE, MUSIC_TECHNO, MUSIC_DISCO, MUSIC_FUNK, MUSIC_ROCK, MUSIC_POP, MUSIC_SALSA,
        MUSIC_REGGAETON,
    MUSIC_DNB, MUSIC_BREAKS, MUSIC_SWING, MUSIC_BALLAD, MUSIC_WALTZ,
    MUSIC_DRAWN_STYLES,                      /* those that are drawn when no style is asked for */
    MUSIC_SIX_EIGHT = MUSIC_DRAWN_STYLES,    /* two beats a bar, each of three eighths */
    MUSIC_STYLES
} MusicStyle;
const char *music_style_name(MusicStyle s);
void music_style_tempo(MusicStyle s, double *lo, double *hi); /* where the style is at home, beats per minute */

typedef enum SectionKind {
    SECTION_INTRO, SECTION_VERSE, SECTION_BUILD, SECTION_CHORUS, SECTION_BREAK, SECTION_BRIDGE, SECTION_OUTRO
} SectionKind;

typedef struct SongSection {
    SectionKind kind;
    int first_beat, beats;
    int theme;     /* 0..3: sections of one theme have the same music */
    float energy;  /* 0..1 */
} SongSection;

/* Drum sounds from files: single hits in a folder, sorted into instruments by their names (bd_, sn_, hat_, drum_snare_
 * ...). */
typedef struct SongKit SongKit;
SongKit *song_kit_open(const char *folder, Err *e); /* NULL on error, also when the folder has no kick or no snare */
void song_kit_close(SongKit *k);

typedef struct SongOptions {
    uint64_t seed;
    double seconds;      /* 2..3600 */
    double tempo;        /* beats per minute, 50..220; 0: drawn from the style's range */
    int style;           /* MusicStyle; negative: drawn (at home in the tempo, where one is given) */
    int rate, channels;  /* 22050 or 44100; 1 or 2 */
    const SongKit *kit;  /* NULL: all drums are synthesised; else about half of the songs use it */
    bool steady;         /* no quiet parts: all sections as loud as a chorus */
    double drift;        /* 0: as drawn; else the length of a beat swings by this fraction, up to 0.15 */
    double swing;        /* 0: the style's; else how late every second eighth comes, 1/3 a triplet; up to 0.4 */
    int tempo_changes;   /* 0..4: at as many beginnings of a section the tempo jumps by 7 to 22 % */
    bool half_time;      /* every second section is played in half-time feel: snare on 3 only */
    bool drum_breaks;    /* every third section has no drums */
} SongOptions;

typedef struct Song {
    int rate, channels;
    int64_t frames;
    float *samples;      /* interleaved, peak below 1 */
    MusicStyle style;
    double tempo;        /* of the beginning, about; a fifth of the songs breathe by up to 2 % */
    int metre;           /* beats in a bar: 2, 3 or 4 */
    int beats;
    double *beat;        /* [beats] seconds, rising, all within the song */
    int *beat_in_bar;    /* [beats] 1 = downbeat */
    float *energy;       /* [beats] 0..1: how much is going on */
    int *theme;          /* [beats] of its section */
    int sections;
    SongSection *section;
} Song;

bool song_compose(const SongOptions *o, Song *out, Err *e);
void song_finish(Song *s);

/* ---- sounds without a beat (song_idle.c) ------------------------------------------------------------------------- */
typedef enum IdleSound { IDLE_SILENCE, IDLE_NOISE, IDLE_SPEECH, IDLE_DRONE, IDLE_SOUNDS } IdleSound;
/* Mono samples[frames] at `rate`: silence (at most a noise floor), coloured noise that swells, syllables of a voice in
 * irregular rhythm, slow chords without attacks. */
void song_idle_sound(IdleSound kind, uint64_t seed, int rate, int64_t frames, float *samples);

#endif
