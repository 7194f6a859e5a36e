/* SPDX-License-Identifier: Apache-2.0
 *
 * What the diffusion hears (spec 3, decisions 2 and 3; 11.2): one vector a window, e = the chosen parts of
 * [e_c 512, e_w 512, e_b frames], and in the improved mode eight numbers a frame. Private to models/dabfusion.
 */
#ifndef JIG_MUSIC_CONDITION_H
#define JIG_MUSIC_CONDITION_H

#include "audio/audio.h"

enum { MUSIC_EMBEDDING = 512 };

/* The numbers of one frame. */
enum { MUSIC_PULSE, MUSIC_DOWNBEAT, MUSIC_BEAT_SIN, MUSIC_BEAT_COS, MUSIC_BAR_SIN, MUSIC_BAR_COS, MUSIC_ONSET, MUSIC_PLACE, MUSIC_FRAME };

typedef struct MusicPlan {
    bool clap, wav2clip, beats; /* parts of e, in this order */
    int frames;                 /* of a window */
    double fps;
} MusicPlan;
/* "clap+wav2clip+beats", any of them; e has `width` numbers. */
bool music_plan_parse(const char *text, MusicPlan *p, Err *e);
const char *music_plan_text(const MusicPlan *p, Arena *a);
int64_t music_plan_width(const MusicPlan *p);

/* A song as far as it does not depend on the window: beats, and rows of MUSIC_FRAME numbers at fps (MUSIC_PLACE is 0). */
typedef struct Music {
    double *beats;
    int n_beats;
    float *rows; /* [frames, MUSIC_FRAME] */
    int64_t frames;
} Music;
bool music_hear(Music *m, const MusicPlan *p, const float *samples, int64_t n, double rate, const BeatGrid *grid, Err *e);
void music_finish(Music *m);

/* e_b of the window that begins at frame `first`: 1 on the frame nearest to each beat. flags: [plan frames] */
void music_beat_flags(const Music *m, const MusicPlan *p, int64_t first, float *flags);
/* [plan frames, MUSIC_FRAME]; beyond the song the last row goes on. */
void music_frames(const Music *m, const MusicPlan *p, int64_t first, float *rows);

#endif
