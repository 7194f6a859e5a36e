/* SPDX-License-Identifier: Apache-2.0
 *
 * A piece of a song with its beats: what --start, --length and --beats mean, the same for every command. Times may be
 * seconds, m:ss, or bars of the song's own grid ("8bars").
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

#endif
