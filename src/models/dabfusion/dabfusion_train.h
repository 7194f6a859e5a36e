/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of DabFusion: its tasks for `jig train`, and what they share (train_pictures.c). Stage 1: lfae_train.c; stage 2:
 * diffusion_train.c; the frozen stage 1 in stage 2: teacher.c; the music: music_condition.c.
 */
#ifndef JIG_DABFUSION_TRAIN_H
#define JIG_DABFUSION_TRAIN_H

#include "data/data.h"
#include "models/dabfusion/dabfusion.h"
#include "train/train.h"

extern const TrainTask lfae_task, diffusion_task;
extern const TrainTask *const dabfusion_tasks[];
extern const int dabfusion_n_tasks;

/* A graph input for row description `in`, [batch, row...]. */
Node *dabfusion_input(Graph *g, const TrainInput *in, int64_t batch, DType type);
/* Adds factor * loss to sum (NULL: nothing yet) and makes loss the output "loss:NAME". */
Node *dabfusion_add_loss(Graph *g, Node *sum, const char *name, float factor, Node *loss);

/* torchvision's ColorJitter: factors 1 +- x of brightness, contrast, saturation, a turn of +- hue of the colour circle, in
 * an order that is drawn too. One draw serves all pictures of a clip. rgb: [n, 3] in 0..1, in place. */
typedef struct ColourJitter {
    float brightness, contrast, saturation, hue;
    int order[4];
} ColourJitter;
ColourJitter colour_jitter_draw(Rng *r, float brightness, float contrast, float saturation, float hue);
void colour_jitter_apply(const ColourJitter *j, float *rgb, int64_t n);

/* x [h, w, channels] in 0..1, 1 or 3 channels, as an opaque picture; a sheet of pictures as PNG. */
bool picture_of_floats(const float *x, int channels, int w, int h, Picture *out, Err *e);
bool picture_sheet(const Picture *pics, int n, int columns, const char *path, Err *e);

#endif
