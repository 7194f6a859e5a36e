/* SPDX-License-Identifier: Apache-2.0
 *
 * models/articulated, the side that makes videos: a picture and a song become frames (docs/models/articulated.md). Layer 5.
 * The networks themselves (K, M, P, G, B) are in nets.h; this side runs them where the model folder holds their weights,
 * and does without where it does not, saying so in the log:
 *
 *     no K   the figure is cut out by colour and moved as one soft body, unless joints are given
 *     no M   the moves are composed by code over the beat
 *     no P/G the figure is warped as a puppet (a mesh with bones), whose hidden parts are filled from their surroundings
 *     no B   the background behind the figure is filled by a pyramid
 *
 * In order:
 *
 *     model   = articulated_open(folder)                              the networks, or NULL for "none"
 *     figure  = articulated_find(model, picture)                      or articulated_figure_read_joints: what is in the picture
 *     moves   = articulated_make_moves(model, song)                   or moves read from a file
 *     session = articulated_begin(model, picture, figure, moves)      background, skeleton, poses of all frames
 *     articulated_frame(session, i, rgba)                             any frame, in any order
 *
 * Everything is decided by picture, song, options and seed: the same frames on the same machine with any number of threads.
 * Memory: a session holds pictures of the output's size and the moves (6 kB a second of song), nothing else that grows.
 *
 * Pixels: continuous coordinates, origin at the outer corner of the top left pixel, x right, y down; the centre of pixel
 * (column j, row i) is (j + 0.5, i + 0.5). Left and right are always the person's own.
 */
#ifndef JIG_ARTICULATED_H
#define JIG_ARTICULATED_H

#include "audio/audio.h"
#include "media/media.h"
#include "motion/motion.h"
#include "synth/synth.h" /* SynthPart */
#include "tensor/tensor.h"

/* ---- figure (figure_make.c, figure_joints.c, figure_cut.c, figure_parts.c, figure_find.c, joints_file.c) --------------------
 * What was found in a picture. All arrays and coordinates are those of the picture itself. */
enum { FIGURE_JOINTS = MOTION_JOINTS }; /* in the order of MotionJoint */

typedef enum FigureKind {
    FIGURE_WHOLE, /* a person or something shaped like one, from head to feet */
    FIGURE_HALF,  /* head, trunk and arms; legs outside the picture */
    FIGURE_SOFT   /* something without a body that we recognise: moved as one soft piece */
} FigureKind;

typedef struct Figure {
    int width, height;
    FigureKind kind;
    float confidence;               /* K's mean peak mass, 0..1; 1 when joints were given; 0 without joints */
    float joint[FIGURE_JOINTS][2];  /* pixels; joints outside the picture are extrapolated from body proportions */
    float depth[FIGURE_JOINTS];     /* pixels relative to the pelvis, + towards the viewer */
    float presence[FIGURE_JOINTS];  /* 0..1: inside the picture and found */
    bool  has_depth;                /* depth was measured, not assumed to be 0 */
    uint8_t *mask;                  /* [height, width] coverage, 255 = all figure */
    uint8_t *part;                  /* [height, width] SynthPart where mask > 0, else PART_NONE */
    char note[200];                 /* one line for the user; empty when all is well */
} Figure;

void articulated_figure_finish(Figure *f);
bool articulated_figure_copy(const Figure *f, Figure *out, Err *e);
bool articulated_figure_resize(const Figure *f, int width, int height, Figure *out, Err *e);

/* The file of `jig pose` and --joints: JSON
 *   {"width": 640, "height": 960, "joints": {"pelvis": [318, 498], ..., "l_toe": null}, "mask": "me.mask.png"}
 * A joint is [x, y], [x, y, depth], or null when it is not in the picture; neck, head and both shoulders must be there.
 * Left-out joints count as null. "mask" is optional: a picture beside the file (white or opaque = figure), whose
 * name may hold no folder. Coordinates are scaled when the picture has another size than width x height.
 * When there is no mask, the picture's alpha is it, and without alpha the figure is cut out by colour around the joints. */
bool articulated_figure_read_joints(Figure *out, const char *path, const Picture *picture, Err *e);
bool articulated_figure_write_joints(const Figure *f, const char *path, const char *mask_name, Err *e); /* mask_name NULL: none */
/* Mask and parts for known joints: joint [FIGURE_JOINTS][2], presence and depth as above; depth and presence may be NULL. */
bool articulated_figure_from_joints(Figure *out, const Picture *picture, const float (*joint)[2], const float *depth,
                        const float *presence, Err *e);
/* The picture with mask, parts and bones drawn over it, for people to look at. */
bool articulated_figure_draw(const Figure *f, const Picture *picture, Picture *out, Err *e);
bool articulated_figure_mask(const Figure *f, Picture *out, Err *e); /* grey, opaque */

/* ---- model (model.c) --------------------------------------------------------------------------------------------------
 * A folder with model.json and any of pose.safetensors (K), motion.safetensors (M), flow.safetensors (P), pixels.safetensors
 * (G), background.safetensors (B). A network whose file is absent is done without; a file that is broken is an error. */
typedef struct ArticulatedModel ArticulatedModel;

ArticulatedModel *articulated_open(const char *folder, const Device *device, Err *e);
void articulated_close(ArticulatedModel *m);
const char *articulated_networks(const ArticulatedModel *m); /* which are there: "KMPGB" or fewer letters; "" for NULL */

/* Never fails on content: a picture without a person gives FIGURE_SOFT and a note. */
bool articulated_find(ArticulatedModel *m, const Picture *picture, Figure *out, Err *e);

/* ---- options (options table: articulated_options) ---------------------------------------------------------------------- */
typedef enum ArticulatedWarp { WARP_AUTO, WARP_PUPPET, WARP_FLOW } ArticulatedWarp;

typedef struct ArticulatedOptions {
    int64_t size;        /* long side of the frames; the other follows the picture's aspect; both even */
    double  fps;
    int64_t seed;
    const char *style;   /* family of moves; "auto": chosen from seed and tempo */
    double  energy;      /* 0.2..2: how far the body goes from its mean pose */
    int64_t steps;       /* of M's sampler */
    double  guidance;    /* on the music */
    bool    mirror;      /* the dance, left and right exchanged */
    bool    loop;        /* the end of the dance flows into its beginning */
    bool    shadow;
    bool    transparent; /* no background: frames have alpha */
    const char *background; /* "#rrggbb" behind pictures that have alpha */
    int     warp;        /* ArticulatedWarp */
} ArticulatedOptions;

extern const OptTable articulated_options;

/* ---- moves as files (moves_file.c) --------------------------------------------------------------------------------------
 * safetensors: "moves" F32 [T, 56], "beats" F64 as I64 microseconds [n], "beat_in_bar" I32 [n]; metadata "class" = "moves",
 * "fps" = "25". Names ending in .bvh are written as BVH (without beats). Read by content: safetensors, BVH or DMOT.
 * Moves with a beat grid of their own are re-timed beat by beat onto `grid` where that has beats too; moves shorter than
 * `seconds` are repeated with a smooth seam, longer ones cut. */
bool moves_read_for(Moves *out, const char *path, const BeatGrid *grid, double seconds, Err *e);
bool moves_write_for(const Moves *m, const char *path, const BeatGrid *grid, Err *e);

/* ---- moves for a song (generate.c, compose.c) --------------------------------------------------------------------------
 * samples: mono at `rate`. grid: its beats, may be empty (idle sway). Moves are 25 frames a second, as long as the song. */
bool articulated_make_moves(ArticulatedModel *m, const float *samples, int64_t n, double rate, const BeatGrid *grid,
                            const ArticulatedOptions *o, Moves *out, const Progress *p, Err *e);

/* Bytes that dancing needs beyond what is in memory already: for --dry-run. model may be NULL. */
uint64_t articulated_bytes(const ArticulatedModel *m, const Picture *picture, double seconds, const ArticulatedOptions *o);

/* ---- frames (session.c) ------------------------------------------------------------------------------------------------
 * The session copies what it needs: picture, figure and moves may be freed after begin. */
typedef struct ArticulatedSession ArticulatedSession;

bool articulated_begin(ArticulatedSession **out, ArticulatedModel *m, const Picture *picture, const Figure *figure,
                       const Moves *moves, const ArticulatedOptions *o, const Progress *p, Err *e);
void articulated_end(ArticulatedSession *s);
int     articulated_width(const ArticulatedSession *s);
int     articulated_height(const ArticulatedSession *s);
int64_t articulated_frames(const ArticulatedSession *s); /* round(length of the moves * fps) */
const char *articulated_way(const ArticulatedSession *s); /* how it is drawn: "flow", "puppet" or "soft body" */
/* Frame i at time i / fps: rgba [height, width, 4], straight alpha (255 everywhere unless transparent). */
bool articulated_frame(ArticulatedSession *s, int64_t i, uint8_t *rgba, Err *e);
/* Where the joints of frame i stand, pixels of the frame: exact input for the sync score. */
void articulated_joints(const ArticulatedSession *s, int64_t i, float joint[FIGURE_JOINTS][2]);

#endif
