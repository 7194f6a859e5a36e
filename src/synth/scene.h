/* SPDX-License-Identifier: Apache-2.0
 *
 * All that is decided about one pair before anything is drawn. Private to src/synth.
 */
#ifndef JIG_SYNTH_SCENE_H
#define JIG_SYNTH_SCENE_H

#include "synth/degrade.h"
#include "synth/looks.h"
#include "synth/place.h"
#include "synth/poses.h"
#include "synth/puppet.h"

/* A figure ready to be posed and drawn. */
typedef struct Figure {
    const Mesh *mesh;
    Mesh *own;        /* the mesh when it was made for this figure alone; the scene frees it */
    Dress dress;
    Bearing bearing;
    SynthLook look;
    SynthStyle style;
    float outline;    /* ink width in pixels, 0 = none */
    int levels;       /* steps of light and colour, 0 = smooth */
    const char *name;
} Figure;

/* Where the dancer stands: the view of a place, or how to make one. */
typedef struct Setting {
    const Texture *view;   /* NULL: by code */
    float x, y, step;      /* place_view */
    PlaceKind kind;
    bool floor;            /* has one for shadows to fall on */
    char name[64];
} Setting;

typedef struct Scene {
    Figure figure, second;
    bool has_second;
    Posed posed[2], second_posed; /* source, target */
    Camera camera;
    Light light;
    Setting setting;
    SynthFraming framing;
    Grade grade;
    Wear wear;
    float shadow;  /* 0..1 */
    Rng place_rng; /* for place_make */
    bool blue_screen; /* place is one colour, far from the figure's */
} Scene;

/* false: an asset could not be read. */
bool scene_draw(SynthSource *s, uint64_t index, Scene *out);
/* The same for a dance: the figure walks the moves with its own bones; track[moves->frames] are its poses. */
bool scene_draw_clip(SynthSource *s, uint64_t index, const Moves *moves, Scene *out, Posed *track, Err *e);
void scene_finish(Scene *s);

enum { CLOTHS = 96 };

/* What scene_draw needs of the source. */
struct SynthSource {
    SynthOptions options;
    Looks looks;
    PoseBank *poses;
    NoiseField noise;
    Grain grain;
    Texture cloths[CLOTHS]; /* stripes, checks, dots in two colours */
};

/* Figures (figure.c) */
bool figure_choose(SynthSource *s, Rng *r, SynthLook look, SynthStyle style, Figure *out);
/* One cloth: a plain colour, a pattern by code, or a fabric of the folder. false: it could not be read. */
bool figure_cloth(SynthSource *s, Rng *r, Material *m);
void figure_skin_colour(Rng *r, float rgb[3]);
void figure_hair_colour(Rng *r, float rgb[3]);
void figure_pose(const Figure *f, const Pose pose, float lift, Posed *out);
void figure_finish(Figure *f);

#endif
