/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: how good a result is. Layer 6.
 */
#ifndef JIG_METRICS_H
#define JIG_METRICS_H

#include "base/base.h"

/* ---- beats against known beats (beat_fmeasure.c) -------------------------------------------------------------------
 * The F-measure of beat tracking (Davies, Degara and Plumbley 2009) as mir_eval 0.8 computes it: with m the largest
 * number of one-to-one pairs no further apart than window seconds, precision = m / found, recall = m / known and
 * f = 2 m / (found + known). Beats before trim seconds are left out on both sides (mir_eval: window 0.07, trim 5).
 * Both lists rise. An empty list on either side gives 0. */
typedef struct BeatScore { double f, precision, recall; } BeatScore;
BeatScore metrics_beat_fmeasure(const double *known, int n_known, const double *found, int n_found, double window, double trim);

/* ---- motion against music (sync.c) -----------------------------------------------------------------------------------
 * Motion beats are the moments when the body holds: local minima of its speed (Gaussian of 0.083 s, depth at least 5 % of the
 * mean speed). With sigma in seconds, d the distance to the nearest beat of the other list:
 *   motion_to_music = mean over motion beats of exp(-d^2 / (2 sigma^2))   (AIST++, arXiv 2101.08779)
 *   music_to_motion = mean over music beats  of the same                  (Bailando's script)
 *   score           = their harmonic mean: moving often alone, or seldom, does not help
 * chance is the mean score of the same motion against SYNC_TRIALS beat grids that do not belong to it: the song's own beats at
 * another tempo (0.8 to 1.25 times, not within 4 %) and shifted by a random time. Always the same ones, so results repeat.
 * lead: by how many chance deviations the score is above chance; what is below 2 is not more than luck.
 * locking = |sum E(t) exp(2 pi i phase(t))| / sum E(t) over the smoothed speed E, and its own chance: says whether energy comes
 * and goes with the beat, be it by holds or by hits on it. Only beats inside the clip count; fewer than 2 beats or motion
 * beats give 0 everywhere. */
enum { SYNC_TRIALS = 200 };
#define SYNC_SIGMA 0.05 /* seconds */

typedef struct SyncScore {
    double score, chance, chance_deviation, lead;
    double motion_to_music, music_to_motion;
    double locking, locking_chance;
    double legacy;  /* music_to_motion with sigma = 3 frames at whatever rate, as papers print it: not comparable across rates */
    double sigma;   /* seconds */
    int beats, motion_beats;
} SyncScore;

/* speed [n]: of the body, any unit, frame i at i / fps. beats: seconds, rising. fps 1..1000. */
SyncScore metrics_sync_speed(const float *speed, int64_t n, double fps, const double *beats, int n_beats);
/* joints [n][count][dims]: mean distance that the joints go from frame to frame. */
SyncScore metrics_sync_joints(const float *joints, int64_t n, int count, int dims, double fps, const double *beats, int n_beats);
/* Speed of a video's picture from two frames in turn, pixels of `channels` bytes (at least 3) tightly packed: mean change of
 * brightness on a grid of at most 96 cells, small changes (codec noise) left out. The first frame of a video gets 0. */
float metrics_frame_motion(const uint8_t *before, const uint8_t *now, int w, int h, int channels);

#endif
