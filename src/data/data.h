/* SPDX-License-Identifier: Apache-2.0
 *
 * data: folders of real or rendered clips as training material, the same for every model. Layer 4; knows no network.
 *
 * A dataset is a folder with metadata.jsonl, one JSON object a line beside plain media files (what `jig synth` and
 * `jig data` write, and what people can write by hand):
 *     file_name   the video, a path inside the folder                                     (needed)
 *     music       its sound; without: the video's own
 *     beats       a .beats file of that sound; without: the beats are tracked when they are asked for
 *     caption     what is seen
 *     song        name of the song: clips of one song are never on both sides of the split; without: of an AIST name its
 *                 song, else the music's path
 *     split       "train" or "test"; without: AIST's test songs, else a tenth of the songs by their names' hash
 *     genre       name of the dance; without: of an AIST name its genre
 *     seconds, tempo
 * Other keys are ignored. Truth that a row may name (pose, flow, mask) is not read here: a clip is treated as a filmed one.
 *
 * FOLDER/cache holds what is made from the clips (decoded frames, a teacher's outputs); it can be removed at any time.
 */
#ifndef JIG_DATA_H
#define JIG_DATA_H

#include "audio/audio.h"
#include "media/media.h"

/* ---- AIST names (aist_name.c): gBR_sBM_c01_d04_mBR0_ch03 ------------------------------------------------------------- */
enum { AIST_GENRES = 10 };
typedef struct AistName {
    int genre;            /* 0..9 in the order of aist_genres */
    char situation[8];    /* "BM" basic, "FM" advanced, ... */
    int camera, dancer, song_index, choreography;
    char song[16];        /* "mBR0" */
    double tempo;         /* 80 + 10 index; house 110 + 5 index */
} AistName;
extern const char *const aist_genres[AIST_GENRES]; /* "break", "pop", ... */
bool aist_parse(const char *file_name, AistName *out); /* folders and ending are ignored; false: another kind of name */
bool aist_is_test_song(const char *song);              /* of the cross-modal split */

/* ---- the list (dataset.c) ------------------------------------------------------------------------------------------ */
typedef struct DataClip {
    const char *name;             /* file_name of the row */
    const char *video, *music;    /* paths; music may be the video */
    const char *beats, *caption;  /* NULL: none */
    const char *song, *genre;     /* genre NULL: not known */
    double seconds, tempo;        /* tempo 0: not known */
    int64_t frames;               /* at the set's rate */
    bool held_out;
} DataClip;

typedef struct DataOptions {
    int size;   /* side of the square frames */
    double fps; /* of the frames */
} DataOptions;

typedef struct DataSet DataSet;
/* Reads and checks the list; files that are missing or broken are left out and named in the log. Error: no list, a line that
 * is not an object, a path that leaves the folder, no usable clip. */
DataSet *data_open(const char *folder, const DataOptions *o, Err *e);
void data_close(DataSet *set);
int data_count(const DataSet *set);
const DataClip *data_clip(const DataSet *set, int i);
const char *data_folder(const DataSet *set);
/* Path of FOLDER/cache/NAME, whose folder is made. NULL: it cannot be written. */
const char *data_cache(DataSet *set, Arena *a, const char *name, Err *e);
uint64_t data_clip_key(const DataSet *set, int i); /* changes when the clip's file, size or rate does */

/* Clips of a side, by number: when a side is empty (a set of one song) it is the other side, and the log says so. */
int data_side(const DataSet *set, bool held_out, int *out); /* out: [data_count] or NULL; returns how many */

/* Pieces of `frames` frames that do not overlap, of one side. out: [n] or NULL. */
typedef struct DataWindow {
    int clip;
    int64_t first;
} DataWindow;
int data_windows(const DataSet *set, bool held_out, int64_t frames, DataWindow *out);

/* ---- frames (clip_frames.c) ---------------------------------------------------------------------------------------- */
/* Where a picture's content lies in the square: the rest is black. */
typedef struct DataBox { int x, y, w, h; } DataBox;
/* Longest side to `size` by area averaging, centred, black around it. rgb: [size, size, 3]. */
DataBox data_letterbox(const Picture *p, int size, uint8_t *rgb);
/* All frames of a clip at the set's size and rate, [n, size, size, 3]: frame i shows the picture nearest to i / fps.
 * Decoded at the first call, then kept in the cache and mapped; lives as long as the set. Any number of threads. */
const uint8_t *data_frames(DataSet *set, int clip, int64_t *n, Err *e);

/* ---- sound (clip_song.c) ------------------------------------------------------------------------------------------- */
/* The clip's sound in mono (mem_free) and its beats from the row's file, else tracked. grid is initialised here. */
bool data_song(const DataSet *set, int clip, float **mono, int64_t *n, double *rate, BeatGrid *grid, Err *e);

#endif
