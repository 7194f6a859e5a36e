/* SPDX-License-Identifier: Apache-2.0
 *
 * What the trainings of P and G share: rendered pairs as batches, and P's inputs made from what K sees in the source
 * picture (or from the truth, without K's weights). Layer 5.
 *
 * Truth is sampled at FLOW_FRAME x FLOW_FRAME points; the pictures have the renderer's own size S (K's size).
 */
#ifndef JIG_ARTICULATED_TRAIN_PAIRS_H
#define JIG_ARTICULATED_TRAIN_PAIRS_H

#include "models/articulated/articulated_train.h"

/* The first inputs of a batch of pairs. F = FLOW_FRAME, G = F / FLOW_CELL. */
enum {
    PAIR_INPUT,   /* "input" [G, G, 48]: by pairs_prepare */
    PAIR_MAPS,    /* "maps" [12, 6]: by pairs_prepare */
    PAIR_FLOW,    /* "flow" [F*F, 2]: source coordinates, frame pixels */
    PAIR_WEIGHT,  /* "weight" [F*F, 1]: 1 visible, 0.3 hidden, 0 outside the target figure */
    PAIR_VISIBLE, /* "visible" [F*F, 1] */
    PAIR_MASK,    /* "mask" [F*F, 1]: coverage of the target figure */
    PAIR_BONES,   /* "bones" [F*F, 12]: 1 for the bone of the target's part */
    PAIR_SOURCE_RGB,
    PAIR_TARGET_RGB,
    PAIR_SOURCE_PARTS,
    PAIR_SOURCE_ALPHA, /* U8 [S, S, 3], [S, S, 3], [S, S], [S, S]: host only */
    PAIR_SOURCE_JOINTS,
    PAIR_TARGET_JOINTS, /* [18, 3] frame pixels, depth in body heights: host only */
    PAIR_INPUTS
};

/* K on batches of pictures of one size, a part of the batch on each core. */
enum { POSE_CREW = 64 };
typedef struct PoseCrew {
    int n, size;
    int64_t batch;
    PoseRunner *runner[POSE_CREW];
    PoseFound *found; /* [batch] of the last run */
} PoseCrew;
/* path NULL: only makes room for `found`. */
bool pose_crew_open(PoseCrew *c, const char *path, int64_t batch, int size, const Device *device, Err *e);
void pose_crew_close(PoseCrew *c);
bool pose_crew_run(PoseCrew *c, const TrainBatch *b, int rgb_input, Err *e); /* U8 [size, size, 3] rows -> found */

typedef struct Pairs {
    PictureData data;
    PoseCrew pose;    /* n = 0: truth instead */
    int frame, cells; /* F, G */
} Pairs;

/* pose_weights NULL: truth. size: multiple of 32. */
bool pairs_open(Pairs *p, const TrainSetup *setup, const char *pose_weights, int size, Err *e);
void pairs_close(Pairs *p);
void pairs_declare(const Pairs *p, TrainInput inputs[PAIR_INPUTS]);
/* Renders pair `index` into the worker's SynthPair and fills the rows, all but the first two. */
bool pairs_sample(const Pairs *p, SynthPair *pair, uint64_t index, bool held_out, void *const *rows, Err *e);
/* K (or truth) on the whole batch, left in p->pose.found, then PAIR_INPUT and PAIR_MAPS. */
bool pairs_prepare(Pairs *p, TrainBatch *b, Err *e);
/* rgb bytes [size][size][3] -> [side][side][3] -1..1: area means where it shrinks, nearest where it grows. */
void pairs_shrink_rgb(const uint8_t *rgb, int size, int side, float *out);

/* SynthPair as the worker of a task. */
SynthPair *pairs_worker_create(const Pairs *p);
void pairs_worker_destroy(void *worker);

#endif
