/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the video side of models/articulated share with each other and nobody else. Private to the folder.
 *
 * Planes are float [h, w] or [h, w, 3], colours 0..1 in the picture's own (gamma) space. Frames are drawn at the output's
 * size; the figure's pixels are kept at the texture's size, at most 1.5 times as large, so that warping does not blur.
 */
#ifndef JIG_ARTICULATED_INTERNAL_H
#define JIG_ARTICULATED_INTERNAL_H

#include "models/articulated/articulated.h"
#include "models/articulated/nets.h"

/* ---- model (model.c): each runner is NULL where the folder has no weights for it */
struct ArticulatedModel {
    PoseRunner *pose;
    MotionRunner *motion;
    FlowRunner *flow;
    PixelRunner *pixels;
    BackgroundRunner *background;
    char networks[8];
};
bool figure_find(PoseRunner *k, const Picture *picture, Figure *out, Err *e); /* figure_find.c; k may be NULL */

/* ---- planning a dance (phrases.c) -------------------------------------------------------------------------------------------
 * A song cut into stretches that are danced in one go: two bars or so each, phrases of eight bars; phrases with the same letter
 * dance the same, as the music does: A A B A within what sounds alike. Phrases begin anew with each part of the song. */
typedef struct Stretch {
    int first, count;   /* frames of moves */
    int letter;         /* of its phrase: equal letters, equal moves */
    int place;          /* number of the stretch within its phrase */
    int music;          /* letter of the part of the song */
} Stretch;
/* *out is the caller's (mem_free). frames: length of the dance; longest: of a stretch. Covers all frames without gaps. */
int phrases_plan(const SongForm *form, int frames, int longest, Stretch **out);
/* Bends time so that hits near a beat fall on it (beat_snap.c). */
bool beat_snap(Moves *m, const BeatGrid *grid, Err *e);
bool compose_moves(const SongFeatures *f, const SongForm *form, const BeatGrid *grid, const ArticulatedOptions *o, Moves *out,
                   Err *e); /* fills out's rows (compose.c) */

/* ---- planes (planes.c) --------------------------------------------------------------------------------------------------
 * All work in place or into caller's arrays, threaded over rows, the same bits on any number of threads. */
void plane_box(const float *in, float *out, int w, int h, int radius); /* mean over the part of the window inside; out != in */
void plane_blur(float *p, int w, int h, float sigma);                  /* three boxes: nearly a Gaussian */
/* Guided filter of p by a colour guide (He, Sun, Tang 2010): edges of p move onto edges of the guide. p in place. */
void plane_guided(const float *guide, float *p, int w, int h, int radius, float eps);
/* Squared Euclidean distance to the nearest pixel with inside[i] != 0 (Felzenszwalb, Huttenlocher 2012); huge without any. */
void plane_distance2(const uint8_t *inside, float *out, int w, int h);
/* Colours where weight is 0 from where it is not: averages down a pyramid, then up (Gortler et al. 1996). rgb [h, w, 3] in place;
 * pixels with weight 1 stay, in between they are mixed. */
void plane_push_pull(float *rgb, const float *weight, int w, int h);
/* The hole filled with patches from around it (inpaint.c): slower than push-pull, and keeps texture and edges. */
void plane_inpaint(float *rgb, const uint8_t *hole, int w, int h);
void plane_resize(const float *in, int w, int h, int channels, float *out, int w2, int h2); /* area when shrinking, else bilinear */
void plane_from_picture(const Picture *p, float *rgb, float *alpha); /* either may be NULL */
static inline float plane_step(float lo, float hi, float x) /* smooth step from 0 at lo to 1 at hi */
{
    float t = CLAMP((x - lo) / (hi - lo), 0.0f, 1.0f);
    return t * t * (3 - 2 * t);
}

/* ---- joints (figure_joints.c) -------------------------------------------------------------------------------------------- */
float figure_height_of(const float joint[FIGURE_JOINTS][2], const float presence[FIGURE_JOINTS]); /* sole to crown, from trunk and legs */
void  figure_complete_joints(Figure *f);  /* places joints with presence < 0.5 by body proportions; sets kind */
bool  figure_check_joints(const Figure *f, Err *e);
bool  figure_allocate(Figure *f, int width, int height, Err *e); /* empty mask and parts (figure_make.c) */

/* ---- cutting out (figure_cut.c) -------------------------------------------------------------------------------------------
 * Work is done on a copy with this long side at most; masks then follow the picture's edges by a guided filter. */
enum { FIGURE_WORK = 384 };
typedef struct WorkPicture { int w, h; float *rgb, *alpha; float scale; /* work pixels a picture pixel */ } WorkPicture;
void work_picture_init(WorkPicture *p, const Picture *picture);
void work_picture_finish(WorkPicture *p);
/* Foreground by colour: Gaussian mixtures of figure and ground, started from prior [h, w] (probability of figure), smoothed by
 * the guided filter. Only pieces that touch a pixel with prior >= 0.7 stay. */
void figure_cut(const WorkPicture *p, const float *prior, float *mask);
/* A coarse mask (probabilities, soft over a few pixels) onto the colours' own borders: where it is unsure, a pixel goes with the
 * side whose colours nearby are more like its own. height: of the figure in work pixels. */
void figure_refine(const WorkPicture *p, const float *prior, float height, float *mask);
/* A drawing on paper: lines, what they enclose, and small pieces near them, as mask 0..1 (figure_drawn.c). prior: where a network
 * saw the figure, or NULL: the piece in the middle, and then painted figures on plain ground, too. False, mask untouched: no such picture. */
bool figure_drawn(const WorkPicture *p, const float *prior, float *mask);
/* mask of the work picture -> coverage of the whole picture, [picture->h, picture->w] */
void figure_mask_to_picture(const WorkPicture *work, const float *mask, const Picture *picture, uint8_t *out);

/* ---- parts (figure_parts.c) ------------------------------------------------------------------------------------------------ */
/* From bones alone: the nearest limb, distances in units of the limb's usual half width; then drawn to colour edges. */
void figure_label_by_bones(Figure *f, const WorkPicture *work);
/* From probabilities [h2, w2, 15] over the whole picture, drawn to colour edges. */
void figure_label_by_probability(Figure *f, const WorkPicture *work, const float *probability, int w2, int h2);

/* The rim's colours are mixed with the ground's, which misleads labels: it takes those of the pixels inside. */
void figure_label_rim(Figure *f);

/* A body as capsules, for labels and for what is hidden (figure_parts.c). Coordinates of the figure times `scale`. */
typedef struct Capsule { SynthPart part; int a, b; float beyond, radius; } Capsule; /* radius: usual half width over body height */
extern const Capsule figure_capsules[];
extern const int figure_capsule_count;
typedef struct BodyShape { float at[FIGURE_JOINTS][2], height, crown[2], head_radius; } BodyShape;
void  body_shape_of(const Figure *f, float scale, BodyShape *s);
float body_to_segment(const float a[2], const float b[2], float x, float y, float *along); /* distance; along 0 at a, 1 at b */
float body_to_trunk(const BodyShape *s, float x, float y); /* to the polygon of shoulders and hips, negative inside */

/* ---- layers (sheets.c) --------------------------------------------------------------------------------------------------------
 * The figure as five sheets that are warped each by itself, so that an arm leaves the trunk without tearing it. `own` are the
 * sheet's own pixels; all own sheets together are the picture's figure. `under` lies below all own sheets: the same part a
 * little larger and where it is hidden by another part, its colours spread from its own pixels. Colours near the figure's
 * rim come from inside, so no old background travels along. */
typedef enum Sheet { SHEET_BODY, SHEET_L_ARM, SHEET_R_ARM, SHEET_L_LEG, SHEET_R_LEG, SHEETS } Sheet;
typedef struct Layer {
    int x, y, w, h;       /* box in the texture */
    uint8_t *own, *under; /* [h, w, 4] premultiplied */
    float *near_head;     /* [h, w] SHEET_BODY: share of PART_HEAD around the pixel; else NULL */
} Layer;
Sheet layer_sheet_of(SynthPart part);
/* figure and texture have the same size. Sheets without pixels have w = 0. FIGURE_SOFT: everything in SHEET_BODY. */
void layers_init(Layer layer[SHEETS], const Figure *figure, const Picture *texture);
void layers_finish(Layer layer[SHEETS]);
/* The whole figure with clean rims as one sheet, colours spread beyond it: rgb [h, w, 3] and mask [h, w], both the caller's. */
void layer_clean(const Figure *figure, const Picture *texture, float *rgb, float *mask);

/* ---- puppet (puppet_mesh.c, puppet_maps.c, puppet_draw.c) ---------------------------------------------------------------------------- */
/* A pose in pixels of the frame; z in the same unit, + towards the viewer. */
typedef struct FramePose {
    float joint[FIGURE_JOINTS][3];
    float turn_head, turn_foot[2];  /* radians in the picture, clockwise on the screen, relative to the source picture */
    float scale;                    /* of the figure against its size in the frame at rest */
    float squash, lean[2];          /* soft bodies: height against rest, shift of the top in pixels */
} FramePose;

/* ---- retargeting (retarget.c, framing.c, soft_body.c) -------------------------------------------------------------------------
 * Poses of the whole dance for one figure, 25 a second. figure: joints in frame pixels; bottom row of the mask for soft bodies. */
typedef struct Dance { int frames; FramePose *pose; } Dance;
typedef struct Stage {
    int w, h;             /* of the frame */
    float box[4];         /* of the figure's mask at rest: x0, y0, x1, y1 */
    bool free_standing;   /* no ground that it belongs to: it may have another size from the first frame on */
    bool from_picture;    /* the first half second grows out of the picture's pose */
} Stage;
bool dance_init(Dance *d, const Figure *figure, const Stage *stage, const Moves *moves, Err *e);
void dance_finish(Dance *d);
void dance_at(const Dance *d, double frame, FramePose *out); /* between two frames: linear; clamped to the ends */
void dance_blur(float *x, int n, int stride, float sigma);   /* Gaussian over time, ends repeated */
/* Slow scale about the floor and slow shift, so that all joints stay inside the frame with a margin (framing.c). */
void dance_keep_inside(Dance *d, const Figure *figure, const Stage *stage, float floor);
void dance_soft_body(Dance *d, const Clip *clip, const Stage *stage); /* for FIGURE_SOFT (soft_body.c) */

enum { MAP_PELVIS, MAP_COUNT = SYNTH_PARTS }; /* a map per SynthPart; the unused number 0 is the pelvis, PART_TRUNK the rib cage */
typedef float BoneMap[3][3]; /* (x, y, 1) of the texture -> (x, y, z) of the frame */

typedef struct PuppetWarp PuppetWarp;
/* scale: frame pixels a texture pixel. The puppet keeps what it needs. */
PuppetWarp *puppet_warp_create(const Figure *figure, const Picture *texture, float scale);
void    puppet_warp_destroy(PuppetWarp *p);
/* Premultiplied colour and coverage of the figure in this pose: rgba [h, w, 4], cleared here. */
void    puppet_warp_draw(PuppetWarp *p, const FramePose *pose, int w, int h, uint8_t *rgba);
void    puppet_warp_maps(const Figure *figure, float scale, const FramePose *pose, BoneMap map[MAP_COUNT]); /* source joints in figure pixels */

/* ---- warping by networks (flow_warp.c) ----------------------------------------------------------------------------------------- */
typedef struct FlowWarp FlowWarp;
/* P's flow on the picture's pixels, G (may be NULL) for what they do not show. figure and texture of one size; scale: frame
 * pixels a texture pixel; w, h: of the frame. */
FlowWarp *flow_warp_create(FlowRunner *flow, PixelRunner *pixels, const Figure *figure, const Picture *texture, float scale,
                           int w, int h, Err *e);
void flow_warp_destroy(FlowWarp *f);
bool flow_warp_draw(FlowWarp *f, const FramePose *pose, uint8_t *rgba, Err *e); /* as puppet_warp_draw */

/* ---- background and composite (background.c, composite.c) --------------------------------------------------------------------- */
/* The place without the figure: rgb [h, w, 3] from the picture at the frame's size, what the mask covers filled in. */
void background_fill(const Picture *frame, const uint8_t *mask, uint8_t *rgb);
/* Darkens the ground under the feet of this pose; rgb [h, w, 3]. height: of the body in frame pixels. */
void background_shadow(uint8_t *rgb, int w, int h, const FramePose *pose, float height);
/* Premultiplied figure [h, w, 4] over opaque ground -> rgba opaque. ground NULL: straight alpha. */
void composite(const uint8_t *figure, const uint8_t *ground, int w, int h, uint8_t *rgba);

#endif
