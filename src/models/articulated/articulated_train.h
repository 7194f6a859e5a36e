/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of the articulated model's networks: the TrainTasks, and what they share (where their pictures come from,
 * how samples are drawn, the credits that every weight file carries). Layer 5.
 *
 * Recipes: tools/train-articulated.sh.
 */
#ifndef JIG_ARTICULATED_TRAIN_H
#define JIG_ARTICULATED_TRAIN_H

#include "media/media.h"
#include "models/articulated/nets.h"
#include "synth/synth.h"
#include "train/train.h"

extern const TrainTask pose_task, motion_task, flow_task, pixels_task, background_task; /* K, M, P, G, B */
extern const TrainTask *const articulated_tasks[]; /* all of them, in the order of training */
extern const int articulated_n_tasks;
const TrainTask *articulated_find_task(const char *name); /* NULL: no such task */

/* ---- shared (train_common.c) ------------------------------------------------------------------------------------- */
/* Rendered pairs from a folder that holds any of looks/, motion/, puppets/characters/; NULL: all drawn by code. */
typedef struct PictureData {
    SynthSource *train, *held_out;
    int size;
} PictureData;
bool picture_data_open(PictureData *d, const char *folder, int size, uint64_t seed, Err *e);
void picture_data_close(PictureData *d);
/* Why a picture of that source could not be made. Returns false. */
bool picture_data_failed(const PictureData *d, bool held_out, Err *e);

/* A graph input for row description `in`, [batch, row...]. */
Node *train_graph_input(Graph *g, const TrainInput *in, int64_t batch, DType type);
/* Adds factor * loss to sum (NULL: nothing yet) and makes loss the output "loss:NAME". */
Node *train_add_loss(Graph *g, Node *sum, const char *name, float factor, Node *loss);

/* What weights made from the free motion and music must say (metadata "credits"). */
extern const char train_credits[];

/* Pictures for samples/: [h][w][3] bytes -> opaque Picture; marks on it. Coordinates in pixels. */
bool draw_from_rgb(Picture *p, const uint8_t *rgb, int w, int h, Err *e);
void draw_finish(Picture *pics, int n);
void draw_dot(Picture *p, float x, float y, int radius, const uint8_t colour[3]);
void draw_line(Picture *p, const float a[2], const float b[2], const uint8_t colour[3]);
extern const uint8_t draw_part_colours[POSE_PARTS][3];
extern const int draw_bones[17][2]; /* parent and child joints of DMOT's bones */
/* Sheet of pics[0..n), columns a row, to path. */
bool draw_sheet(const Picture *pics, int n, int columns, const char *path, Err *e);

#endif
