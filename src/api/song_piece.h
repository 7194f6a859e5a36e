/* SPDX-License-Identifier: Apache-2.0
 *
 * A song with its beats, and pieces of it: what --start, --length, --from, --to and --beats mean, the same for every
 * command. Times may be seconds, m:ss, bars of the song's own grid ("8bars"), or parts of the song ("chorus", "B2").
 */
#ifndef JIG_SONG_PIECE_H
#define JIG_SONG_PIECE_H

#include "audio/audio.h"
#include "media/media.h"

typedef struct SongPiece {
    Sound sound;         /* the whole song */
    int64_t from, frames; /* the piece, in sample frames of sound */
    const float *mono;   /* [frames] of the piece */
    float *whole;        /* [sound.frames], owner of mono */
    double start, seconds;
    BeatGrid grid;       /* of the piece: 0 = its first sample */
} SongPiece;

/* The beats are tracked over the whole song, then cut: a piece alone tells too little. beats: a .beats file or NULL. */
bool song_piece_open(SongPiece *s, const char *path, const char *beats, const char *start, const char *length, const Progress *p, Err *e);
void song_piece_finish(SongPiece *s);

/* A time that somebody wrote, as seconds from the song's start.
 * TIME_START: bars count from the first downbeat, a part means its beginning. TIME_END: the same, but a part means its end.
 * TIME_LENGTH: seconds and bars count from `from`, a part means the end of the first such part that ends after `from`. */
typedef enum TimeRole { TIME_START, TIME_END, TIME_LENGTH } TimeRole;
bool song_time_is_part(const char *text); /* needs the form: anything that is neither a number nor bars */
bool song_time(const char *flag, const char *text, TimeRole role, double from, const BeatGrid *g, const SongForm *form, double *seconds,
               Err *e);

#endif
