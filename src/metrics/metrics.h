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

#endif
