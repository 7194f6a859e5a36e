/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures of sampled dances, for validation while M is trained.
 */
#ifndef JIG_ARTICULATED_MOTION_MEASURE_H
#define JIG_ARTICULATED_MOTION_MEASURE_H

#include "diffusion/diffusion.h"
#include "models/articulated/articulated_train.h"
#include "motion/motion.h"

/* A graph with inputs "z" and "level" and the output "x0", all else set: DDIM with 20 steps on a whole batch at once.
 */
typedef struct MotionSampling {
    Graph *g;
    int64_t batch;
    const Schedule *schedule;
} MotionSampling;
bool motion_sample_batch(MotionSampling *s, float *z,
                         Err *e); /* z [batch][150][56]: noise in, standardised moves out */

/* Of one window moves [150][56], with the features of its song and of another one ([150][columns]):
 *   WHAT_lock, WHAT_lock_other
 *                |sum speed(t) exp(i beat phase(t))| / sum speed(t): how much of the movement is in step with the beat,
 *                and with that of the other song, which is the chance level
 *   WHAT_slide   mean step of a toe in contact, centimetres a frame on the canonical body
 *   WHAT_top     fastest joint, metres a second
 *   WHAT_speed   mean speed of the joints, metres a second
 */
void motion_measure(TrainMetrics *m, const char *what, const float *moves, const float *song, const float *other,
                    int columns);

/* Fifteen stick figures of the window in a row. */
bool motion_draw_strip(Picture *p, const float *moves, Err *e);

#endif
