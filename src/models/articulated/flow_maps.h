/* SPDX-License-Identifier: Apache-2.0
 *
 * flow_maps: what P's input is made of, on the host, the same in training and in use. Exact maps of bones between two
 * poses of one figure, and per bone: the source's parts and mask carried along by its map, the target bone's capsule
 * and depth (docs/models/articulated.md, section 4).
 *
 * All coordinates are "frame pixels": the frame's longer side is about 128 of them, P's grid has one cell for 2 x 2,
 * and G works on one value a frame pixel. Whoever has another resolution scales coordinates first. A map takes a point
 * of the target frame to the point of the source that is shown there.
 */
#ifndef JIG_ARTICULATED_FLOW_MAPS_H
#define JIG_ARTICULATED_FLOW_MAPS_H

#include "base/base.h"

enum { FLOW_JOINTS = 18, FLOW_PARTS = 15, FLOW_CELL = 2, FLOW_FRAME = 128 };
typedef enum FlowBone {
    FLOW_HEAD,
    FLOW_TRUNK,
    FLOW_L_UPPER_ARM,
    FLOW_L_FOREARM,
    FLOW_R_UPPER_ARM,
    FLOW_R_FOREARM, /* forearms with hands */
    FLOW_L_THIGH,
    FLOW_L_SHIN,
    FLOW_L_FOOT,
    FLOW_R_THIGH,
    FLOW_R_SHIN,
    FLOW_R_FOOT,
    FLOW_BONES /* 12 */
} FlowBone;
enum {
    FLOW_PLANES = 4,
    FLOW_INPUTS = FLOW_PLANES * FLOW_BONES
}; /* 48 channels: parts, mask, capsules, depths, 12 each */

extern const int flow_part_bone[FLOW_PARTS]; /* SynthPart -> FlowBone; -1 for PART_NONE */

typedef struct FlowMap {
    float m[2][3];
} FlowMap; /* source = m (x, y, 1) */

/* Similarities from target bone to source bone with the scale along the bone only (limits: limbs 0.4..2.5, feet 0.5..2,
 * head 0.8..1.25), anchored at the joint nearer to the trunk; for the trunk an affine map of its seven joints, drawn
 * towards the best rotation. scale: size of the source figure over size of the target figure (1 unless the frame
 * zooms). */
void flow_make_maps(const float (*source)[2], const float (*target)[2], float scale, FlowMap out[FLOW_BONES]);
void flow_apply(const FlowMap *m, float x, float y, float out[2]);

/* Standing height that the joints of a figure suggest: its longest bones in proportion; frame pixels. */
float flow_body_height(const float (*joint)[2]);

/* The source figure as planes that maps sample: computed once a picture. */
typedef struct FlowSource {
    int w, h;        /* of the planes */
    float per_pixel; /* cells of the planes per frame pixel */
    float *bone;     /* [12][h][w] probability of the bone's parts */
    float *mask;     /* [h][w] */
} FlowSource;
/* parts [h][w][15] probabilities and mask [h][w], as in PoseFound. */
void flow_source_init(FlowSource *s, const float *parts, const float *mask, int w, int h, float per_pixel);
void flow_source_finish(FlowSource *s); /* takes NULL */

/* P's input for a target pose: out [rows][columns][48] of the frame's grid. target: frame pixels; depth: body heights
 * relative to the pelvis, + towards the viewer; height: flow_body_height of the source, over `scale`. */
void flow_make_input(const FlowSource *s, const FlowMap maps[FLOW_BONES], const float (*target)[2], const float *depth,
                     float height, int columns, int rows, float *out);

#endif
