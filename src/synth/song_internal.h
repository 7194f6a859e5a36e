/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of songs: plan (sections, bars, beats), score (notes), sounds (drums, voices), mix.
 */
#ifndef JIG_SYNTH_SONG_INTERNAL_H
#define JIG_SYNTH_SONG_INTERNAL_H

#include "synth/song.h"

#include <math.h>

/* ---- styles (song_style.c) --------------------------------------------------------------------------------------- */
typedef enum BassKind {
    BASS_ROOT8, BASS_OFFBEAT, BASS_OCTAVE, BASS_KICK, BASS_TUMBAO, BASS_WALK, BASS_LONG, BASS_WALTZ, BASS_SIXTEENTH
} BassKind;
typedef enum ChordKind {
    CHORD_PAD, CHORD_OFFBEAT, CHORD_STABS, CHORD_MONTUNO, CHORD_WALTZ, CHORD_EIGHTHS, CHORD_COMP, CHORD_ARPEGGIO
} ChordKind;

/* A pattern is a bar of sixteenths: '.' nothing, '1'..'9' loudness, 'a'..'i' the same but only in some themes. */
typedef struct StyleInfo {
    const char *name;
    double tempo_lo, tempo_hi;
    int metre;
    float swing_lo, swing_hi;   /* how late the second half of each pair comes: 0 even, 1/3 a triplet */
    bool swing_eighths;         /* pairs of eighths, otherwise of sixteenths */
    bool electronic;            /* form with builds and drops; pads duck under the kick */
    bool clap;                  /* clap with or instead of the snare */
    const char *kick[3], *snare[3], *hat[3], *open[2], *perc[3];
    int perc_drum[3];           /* which instrument plays each perc pattern */
    BassKind bass[2];
    ChordKind chord[2];
    int scale[2];
    int beat_steps;             /* sixteenths in a beat; 0: four */
} StyleInfo;
extern const StyleInfo song_styles[MUSIC_STYLES];

enum { SCALE_MAJOR, SCALE_MINOR, SCALE_DORIAN, SCALE_MIXOLYDIAN, SCALE_HARMONIC, SCALES };
extern const int song_scales[SCALES][7];

/* ---- plan (song_plan.c) ------------------------------------------------------------------------------------------ */
enum { SONG_MAX_SECTIONS = 512, SONG_MAX_CHANGES = 4 };
typedef struct SongBar {
    int section, theme;
    int in_section;  /* number of the bar in its section */
    float energy;
    bool fill;       /* the drums lead into the next section */
    bool stop;       /* nothing on the last beat: the breath before a drop */
    bool silent;     /* nothing but what rings */
    bool half_time;  /* snare on 3 only, kick on 1 */
    bool no_drums;
} SongBar;

typedef struct SongPlan {
    uint64_t seed;
    const StyleInfo *style;
    MusicStyle style_id;
    double tempo, first_beat, seconds;
    float drift, drift_rate; /* tempo breathes by `drift` with this many turns in the song */
    int n_changes;
    double change_beat[SONG_MAX_CHANGES], change_tempo[SONG_MAX_CHANGES]; /* from this beat on, times the first tempo */
    bool swing_eighths;
    int metre, beat_steps, n_bars, n_sections;
    SongBar *bar;
    SongSection section[SONG_MAX_SECTIONS];
    int key;                 /* semitones above C */
    int scale;
    float swing;
    BassKind bass;
    ChordKind chord;
    bool lead;
} SongPlan;

void song_plan_make(SongPlan *p, const SongOptions *o);
void song_plan_finish(SongPlan *p);
double song_plan_beat_time(const SongPlan *p, double beat); /* beats from the first one, fractions too */
double song_plan_step_time(const SongPlan *p, int bar, double step); /* swung */

/* ---- sounds (song_sounds.c, song_voice.c, song_kit.c) ------------------------------------------------------------ */
typedef enum Drum {
    DRUM_KICK, DRUM_SNARE, DRUM_CLAP, DRUM_HAT, DRUM_OPEN_HAT, DRUM_RIDE, DRUM_CRASH, DRUM_TOM_LO, DRUM_TOM_MID,
        DRUM_TOM_HI,
    DRUM_RIM, DRUM_COWBELL, DRUM_CONGA_LO, DRUM_CONGA_HI, DRUM_SHAKER, DRUM_TAMBOURINE, DRUMS
} Drum;
typedef struct OneShot { float *x; int n; } OneShot;

/* All instruments of one song, synthesised; *owner holds the memory. With a kit, its files replace what it has. */
void song_drums_make(OneShot shot[DRUMS], Rng *r, int rate, float **owner);
void song_kit_choose(const SongKit *k, Rng *r, int rate, OneShot shot[DRUMS], Arena *a);

typedef enum Wave { WAVE_SINE, WAVE_SAW, WAVE_SQUARE, WAVE_FM, WAVE_VOICE } Wave;
typedef struct Patch {
    Wave wave;
    int unison;          /* 1..3 oscillators */
    float detune;        /* relative */
    float attack, decay, sustain, release; /* s, s, 0..1, s */
    float cutoff, sweep; /* Hz at the end and how many times that at the attack */
    float resonance;     /* 0..0.8 */
    float fm_ratio, fm_index;
    float vibrato;       /* relative depth */
    float drive;         /* 0: clean */
    float gain, pan;
} Patch;
typedef struct Note { double start; float seconds, hz, loud; } Note;

Patch song_patch_bass(Rng *r, MusicStyle s);
Patch song_patch_chord(Rng *r, MusicStyle s, ChordKind kind);
Patch song_patch_lead(Rng *r);
/* Adds a note to bus[channels][frames]. vowel: for WAVE_VOICE, any number. */
void song_voice_add(const Patch *p, const Note *n, uint32_t vowel, int rate, int channels, int64_t frames,
                    float *const bus[2]);

/* ---- score (song_score.c): what is played, in time order per part ------------------------------------------------ */
typedef struct Strike { float at; float loud; uint8_t drum; } Strike;
typedef struct Score {
    Strike *strike; int n_strikes, strike_room;
    struct ScoreNote { Note note; uint8_t part; } *note; int n_notes, note_room; /* part: 0 bass, 1 chords, 2 lead */
} Score;
void song_score_write(const SongPlan *p, Score *s);
void song_score_finish(Score *s);

/* ---- mix (song_mix.c) -------------------------------------------------------------------------------------------- */
void song_mix(const SongPlan *p, const Score *s, const OneShot shot[DRUMS], const SongOptions *o, float *samples,
              int64_t frames);

/* ---- small things ------------------------------------------------------------------------------------------------ */
static inline uint32_t noise_next(uint32_t *state) /* xorshift: white noise by the million, from a state drawn by Rng */
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}
static inline float noise_float(uint32_t *state) { return (float)(int32_t)noise_next(state) * 0x1p-31f; }

#endif
