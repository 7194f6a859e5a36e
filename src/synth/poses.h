/* SPDX-License-Identifier: Apache-2.0
 *
 * Poses for pairs: frames of captured motion brought to one canonical form, poses made by code, and mixtures of both.
 * Private to src/synth.
 */
#ifndef JIG_SYNTH_POSES_H
#define JIG_SYNTH_POSES_H

#include "synth/synth_internal.h"

/* A body in one moment: faces +z, pelvis over the origin, head and feet in canonical directions (skin.c).
 * lift: how high the lower sole is above the floor, in leg lengths. */
typedef struct PoseFrame { Pose p; float lift; } PoseFrame;

typedef struct PoseBank PoseBank;

/* motion NULL: an empty bank, all poses are made by code. */
PoseBank *poses_open(const char *motion, bool held_out, Err *e);
void poses_close(PoseBank *b);

void poses_stand(Rng *r, PoseFrame *out);                     /* upright, arms down, bent, or on the hips */
void poses_invent(Rng *r, PoseFrame *out);                    /* any plausible pose, by joint angles */
/* Captured, arms and legs mixed between frames, mirrored at random. */
void poses_draw(const PoseBank *b, Rng *r, PoseFrame *out);

#endif
