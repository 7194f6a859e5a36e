/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of motion share and others do not need.
 */
#ifndef JIG_MOTION_INTERNAL_H
#define JIG_MOTION_INTERNAL_H

#include "motion/motion.h"
#include "motion/motion_vec.h"

void clip_lift(Clip *c, float by);

/* ---- heading.c --------------------------------------------------------------------------------------------------- */
void motion_unwrap(float *angle, int n); /* no leaps of more than half a turn */
/* yaw[n] unwrapped -> by how much each frame has to be turned to face the viewer on average and stay within ±limit.
 * Returns the range of yaw. */
float motion_limiting_turn(float *yaw, int n, float limit);

/* ---- BVH (bvh_read.c, bvh_names.c) ------------------------------------------------------------------------------- */
enum { BVH_MAX_NODES = 2048, BVH_NAME = 96 };

typedef struct BvhNode {
    int parent;         /* -1: the root; parents come first */
    bool end;           /* an End Site */
    float offset[3];
    int channels;
    uint8_t channel[6]; /* 0..2 position x y z, 3..5 rotation x y z */
    char name[BVH_NAME];
} BvhNode;

/* Which node is which joint; -1 where none is. */
void bvh_match(const BvhNode *node, int n, int joint[MOTION_JOINTS]);

#endif
