/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a PuppetWarp, shared by puppet_mesh.c (which builds it) and puppet_draw.c (which draws it). Private to the folder.
 */
#ifndef JIG_ARTICULATED_PUPPET_MESH_H
#define JIG_ARTICULATED_PUPPET_MESH_H

#include "models/articulated/articulated_internal.h"

typedef struct Corner { float u, v, weight[MAP_COUNT]; } Corner; /* u, v in layer pixels */
typedef struct Mesh { int corners, triangles; Corner *corner; int (*triangle)[3]; } Mesh;
typedef struct Placed { float x, y, z; } Placed;                 /* a corner in the frame */
typedef struct Facet { float z; int sheet, triangle; } Facet;    /* one triangle in drawing order */

struct PuppetWarp {
    Figure rest;             /* joints and kind in texture pixels; without its arrays */
    float scale;             /* frame pixels a texture pixel */
    float height;            /* of the body, frame pixels */
    float middle, top, bottom; /* of the mask, texture pixels */
    Layer layer[SHEETS];
    Mesh mesh[SHEETS];
    Placed *placed[SHEETS];
    Facet *order;
};

#endif
