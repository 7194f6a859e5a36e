/* SPDX-License-Identifier: Apache-2.0
 *
 * Building meshes from round and square pieces, bound to joints as they are made. Private to src/synth.
 */
#ifndef JIG_SYNTH_MESH_BUILD_H
#define JIG_SYNTH_MESH_BUILD_H

#include "synth/synth_internal.h"

/* A mesh that grows. Texture coordinates are in metres, so patterns have one scale everywhere. */
typedef struct Builder {
    float (*pos)[3], (*uv)[2], (*weight)[2];
    uint8_t (*joint)[2];
    uint16_t (*tri)[3];
    uint8_t *part, *material;
    int n_verts, n_tris, vert_room, tri_room;
} Builder;

/* What a piece is bound to and looks like. part PART_NONE: found from the joints. */
typedef struct Piece { uint8_t material, part; } Piece;

/* A ring of a tube: centre, half axes across (a) and along the front (b), and its share of joint `second`. */
typedef struct Ring { Vec3 at; float a, b; uint8_t first, second; float share; uint8_t material; } Ring;

/* Closed by flat ends (give small first and last rings for round ones). The rings' plane is across the tube; `front` is
 * the direction of b. */
void build_tube(Builder *b, const Ring *ring, int n, int sides, Vec3 front, uint8_t part);
void build_ball(Builder *b, Vec3 at, Vec3 half, int joint, Piece piece); /* ellipsoid along the axes */
/* The ball above from * half.y, tilted back. */
void build_cap(Builder *b, Vec3 at, Vec3 half, float from, float tilt, int joint, Piece piece);
void build_box(Builder *b, Vec3 at, Vec3 half, int joint, Piece piece);
void build_box_between(Builder *b, Vec3 from, Vec3 to, float wide, float deep, int joint, Piece piece);
/* The mesh with rest joints set, completed; empties the builder. */
Mesh *build_finish(Builder *b, const Pose rest);

#endif
