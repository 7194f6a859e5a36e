/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the renderer: figures as meshes, poses on them, the rasteriser and its buffers.
 * Metres, y up; figures at rest face +z with their left hand at +x and soles at y = 0. Screen coordinates: synth.h.
 */
#ifndef JIG_SYNTH_INTERNAL_H
#define JIG_SYNTH_INTERNAL_H

#include "motion/motion.h"
#include "synth/synth.h"
#include "synth/synth_vec.h"

/* ---- textures (texture.c) ---------------------------------------------------------------------------------------- */
enum { TEXTURE_LEVELS = 12 };

/* RGBA8 with halved copies; level 0 is the picture. A level is chosen per triangle and read bilinearly. */
typedef struct Texture {
    int levels;
    int w[TEXTURE_LEVELS], h[TEXTURE_LEVELS];
    uint8_t *rgba[TEXTURE_LEVELS]; /* one allocation, held by level 0 */
    bool cut_out;                  /* alpha means something: samples below one half are not there */
} Texture;

/* Builds the levels from w x h RGBA8 (not kept). Sides above `limit` are halved away first. */
void texture_init(Texture *t, const uint8_t *rgba, int w, int h, int limit);
void texture_finish(Texture *t);
/* Bilinear, coordinates in texels of that level from its corner, clamped at the border. */
static inline void texture_read(const Texture *t, int level, float x, float y, float out[4])
{
    int w = t->w[level], h = t->h[level];
    x = CLAMP(x - 0.5f, 0.0f, (float)(w - 1));
    y = CLAMP(y - 0.5f, 0.0f, (float)(h - 1));
    int ix = (int)x, iy = (int)y, dx = ix + 1 < w ? 4 : 0, dy = iy + 1 < h ? 4 * w : 0;
    float fx = x - ix, fy = y - iy;
    const uint8_t *p = t->rgba[level] + 4 * ((size_t)iy * w + ix);
    float w11 = fx * fy, w10 = fx - w11, w01 = fy - w11, w00 = 1 - fx - w01;
    for (int c = 0; c < 4; c++)
        out[c] = w00 * p[c] + w10 * p[dx + c] + w01 * p[dy + c] + w11 * p[dx + dy + c];
}

/* ---- figures (body.c, drawn_body.c, puppet.c) -------------------------------------------------------------------- */
enum { MATERIALS = 24 };

/* How a group of triangles is coloured: a texture times a tint; `repeat` times over the uv square, mirrored. */
typedef struct Material {
    const Texture *texture; /* NULL: the tint alone */
    float tint[3];          /* 0..1 */
    float repeat;           /* 0: not repeated */
} Material;

/* A figure's clothes and skin: triangle t has material[mesh->material[t]]; by_part: a sample has material[its part]. */
typedef struct Dress {
    bool by_part;
    Material material[MATERIALS];
} Dress;

/* A rigged mesh. Immutable once made, shared by threads. */
typedef struct Mesh {
    int n_verts, n_tris;
    float (*pos)[3], (*normal)[3], (*uv)[2];
    float *area;           /* [n_verts] surface in m2 that the vertex stands for */
    uint8_t (*joint)[4];
    float (*weight)[4];    /* falling; sum 1 */
    uint16_t (*tri)[3];
    uint8_t *part, *part2; /* [n_tris] SynthPart; another second one where a border runs through the triangle */
    int8_t (*lead)[3];     /* [n_tris] at its corners: share of `part` less that of `part2`, in 1/127; border at 0 */
    uint8_t *material;     /* [n_tris] index into a Dress */
    uint8_t *feature;      /* [n_tris] FigureFeature: groups to colour */
    float *density;        /* [n_tris] uv length per metre */
    Pose rest;
    float height;          /* sole to crown */
    float sole;            /* lowest y at rest */
    bool two_sided;        /* inner sides can be seen (skirts, capes); else only faces towards the camera are drawn */
    bool flat;             /* a cut-out: no light from normals, no turning */
    Arena *arena;          /* owns the arrays */
    char name[64];
    char texture[256];     /* file beside the body; empty: dressed by materials */
} Mesh;

typedef enum FigureFeature {
    FEATURE_SKIN, FEATURE_CLOTHES, FEATURE_SHOES, FEATURE_HAIR, FEATURE_HAT, FEATURE_OTHER
} FigureFeature;
enum { MATERIAL_TROUSERS = FEATURE_OTHER + 1 };

/* Reads a BODY1 file (looks/bodies/README.txt) and checks all of it. NULL on error. */
Mesh *body_load(const char *path, Err *e);
Mesh *body_parse(const uint8_t *data, size_t size, const char *name, Err *e); /* the same from memory */
Mesh *mesh_create(int n_verts, int n_tris); /* arrays allocated and cleared */
void mesh_complete(Mesh *m);                /* normals, weights, parts, density, height of what was filled in */
void mesh_destroy(Mesh *m);

/* ---- posing (skin.c) --------------------------------------------------------------------------------------------- */
/* What joints do not tell: the turn of the head against the chest, the size of the head, relaxed fingers. */
typedef struct Bearing {
    float head_scale;              /* 0.9..1.5 */
    float head_yaw, head_pitch;    /* radians */
    float hand_bend[2], hand_turn[2]; /* radians, left and right */
    float girth;                   /* thickness of the limbs, 0.9..1.15 */
} Bearing;

/* A figure in a pose: per joint the map of its flesh, v -> turn v + shift (v at rest), and the joint's place. */
typedef struct Posed {
    Mat3 turn[SYNTH_JOINTS];
    Vec3 shift[SYNTH_JOINTS];
    Vec3 joint[SYNTH_JOINTS];
    Vec3 crown; /* highest point of the head */
    float ahead[SYNTH_JOINTS]; /* a flat figure's joints: how far before the pelvis the pose has them; else 0 */
} Posed;

/* Gives the figure the bone directions of `pose` (any size), with its own bone lengths; the pelvis comes to (0, ., 0)
 * and the lowest sole to y = lift. Twists are minimal; elbows and knees bend in the plane of the limb. */
void skin_pose(const Mesh *m, const Pose pose, const Bearing *b, float lift, Posed *out);
void skin_move(Posed *p, Vec3 by);
/* pos, normal: [n_verts][3] */
void skin_apply(const Mesh *m, const Posed *p, float (*pos)[3], float (*normal)[3]);

/* ---- camera, light, rasteriser (raster.c, shade.c) --------------------------------------------------------------- */
/* Pinhole at (0, height, distance), looks along -z, tilted up by `pitch`. screen = focal * (x, -y) / depth + centre. */
typedef struct Camera {
    float height, distance, pitch; /* metres, metres, radians */
    float focal;                   /* pixels */
    float cx, cy;                  /* pixels */
} Camera;

Vec3 camera_view(const Camera *c, Vec3 world);                   /* z: depth before the camera */
void camera_project(const Camera *c, Vec3 world, float xyz[3]); /* pixels, pixels, depth */

typedef struct Light {
    float ambient[3], key[3], rim[3];
    Vec3 direction; /* towards the key light, unit, world */
    float wrap;     /* 0 hard .. 1 soft */
} Light;

/* A vertex on the screen of the doubled picture. */
typedef struct ScreenVertex { float x, y, iz; Vec3 view; float light[3]; } ScreenVertex;

/* Depth and triangle at every sample of a picture at twice its size. */
typedef struct Layer {
    int w, h;            /* of the samples: 2 * size */
    float *iz;           /* [h][w] 1 / depth, 0 = nothing */
    uint32_t *tri;       /* [h][w] triangle + 1 */
    uint8_t *part;       /* [h][w] SynthPart where tri is set */
    ScreenVertex *vertex;
    int vertex_room;
    int x0, y0, x1, y1;  /* samples that may be set: x0 <= x < x1 */
} Layer;

void layer_init(Layer *l, int size);
void layer_finish(Layer *l);
/* Projects and lights the posed vertices, then fills the samples. */
void raster_draw(Layer *l, const Mesh *m, const Dress *dress, const Camera *c, const Light *light,
                 const float (*pos)[3], const float (*normal)[3]);

/* Do inner sides of the mesh show when it is looked at from around? (At rest; for m->two_sided.) */
bool raster_shows_backs(const Mesh *m);

/* The level of a material's texture that suits triangles of this density at this scale. */
int material_level(const Material *m, float density, float pixels_per_metre);

/* Straight colour with coverage [size][size][4], and labels [size][size]; all of both is written. */
void shade_picture(const Layer *l, const Mesh *m, const Dress *dress, const Camera *c, int size, uint8_t *rgba,
                   uint8_t *parts);

/* Exact correspondence of two layers of the same mesh: for every pixel of `target`, where its point of the body lies in
 * the picture of `source`, and whether it is seen there. */
void shade_flow(const Layer *target, const Layer *source, const Mesh *m, const Camera *c, int size,
                float *flow, uint8_t *visible);

#endif
