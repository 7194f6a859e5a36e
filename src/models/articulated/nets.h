/* SPDX-License-Identifier: Apache-2.0
 *
 * nets: the networks of the articulated model (docs/models/articulated.md). Layer 5. Layers, sizes, packing of inputs,
 * reading of outputs; what is done with them is in articulated.h, how they are trained in X_train.c.
 *
 *   K pose        picture -> joints, presence, relative depth, parts, foreground    pose_net.c, pose_run.c
 *   P flow        bones of source and target -> flow, visibility, target mask       flow_maps.h, flow_net.c, flow_run.c
 *   G pixels      colours for what was hidden                                       pixel_net.c, pixel_run.c
 *   B background  what stands behind the figure                                     background_net.c
 *   M motion      song -> moves (diffusion)                                         motion_net.c, motion_run.c
 *
 * Each network has X_net_create (layers in a ParamSet), X_net_build (forward pass into a Graph) and X_net_open (a
 * weight file as written by training: metadata holds the sizes; weights are constant). Sizes that a file may hold are
 * checked.
 */
#ifndef JIG_ARTICULATED_NETS_H
#define JIG_ARTICULATED_NETS_H

#include "models/articulated/flow_maps.h"
#include "nn/nn.h"

/* ---- blocks that the picture networks share (net_blocks.c) ----------------------------------------------------------
 * ResBlock: x + conv(silu(conv(silu(norm(x))))), group norm of 16 channels a group, 3x3; the second convolution starts
 * at 0. */
typedef struct ResBlock {
    Norm norm;
    Conv in, out;
} ResBlock;
void res_block_init(ResBlock *r, ParamSet *ps, const char *prefix, int64_t channels);
Node *res_block(Graph *g, const ResBlock *r, Node *x);
/* Space to depth on the host: rgb [h][w][3] bytes -> [h/f][w/f][f*f*3], channel (dy*f + dx)*3 + c, value v/127.5 - 1.
 */
void net_pack_rgb(const uint8_t *rgb, int h, int w, int f, float *out);
/* The same for a node: [B, h*f, w*f, C] -> [B, h, w, f*f*C]. */
Node *net_pack_node(Graph *g, Node *x, int f);
/* Depth to space in the graph: [B, h, w, f*f*C] -> [B, h*f, w*f, C], channel (dy*f + dx)*C + c. */
Node *net_unpack(Graph *g, Node *x, int f);
/* U-Net over four levels, each half the size of the one before: stem 3x3; blocks[l] ResBlocks at level l, 3x3
 * convolutions of stride 2 between; on the way back 1x1, nearest resize, skip added, one ResBlock. Sides must be
 * multiples of 8. */
enum { NET_LEVELS = 4, UNET_BLOCKS = 3 };
typedef struct UNet {
    int widths[NET_LEVELS], blocks[NET_LEVELS];
    Conv stem, down[NET_LEVELS - 1], up[NET_LEVELS - 1];
    ResBlock encoder[NET_LEVELS][UNET_BLOCKS], decoder[NET_LEVELS - 1];
    Norm norm; /* of the last features, before the heads */
} UNet;
void unet_init(UNet *u, ParamSet *ps, const char *prefix /* "" or "x." */, int64_t in, const int widths[NET_LEVELS],
               const int blocks[NET_LEVELS], bool decoder);
/* inject (may be NULL): added to the features of each level before its blocks. */
void unet_encode(Graph *g, const UNet *u, Node *x, Node *const inject[NET_LEVELS], Node *levels[NET_LEVELS]);
Node *unet_decode(Graph *g, const UNet *u, Node *const levels[NET_LEVELS]); /* [B, h, w, widths[0]], normed, SiLU */
bool net_check_class(const SafeTensors *st, const char *kind, Err *e);      /* metadata "class" */
/* Four widths as text "64-128-192-224", and back with checks (each 16..1024, a multiple of 16). */
char *net_widths_text(Arena *a, const int widths[NET_LEVELS]);
bool net_parse_widths(const char *text, int widths[NET_LEVELS], Err *e);

/* ---- K: pose --------------------------------------------------------------------------------------------------------
 * Input [B, H/4, W/4, 48] (net_pack_rgb with f = 4), H and W multiples of 32; trained at `size`. */
enum {
    POSE_JOINTS = 18,
    POSE_PARTS = 15,
    POSE_CELL = 4 /* pixels a heatmap cell */,
    POSE_PIXEL = 2 /* pixels a part cell */
};

typedef struct PoseConfig {
    int widths[NET_LEVELS]; /* channels at 1/4, 1/8, 1/16, 1/32 of the picture */
    int size;               /* side of the pictures it was trained on */
} PoseConfig;
typedef struct PoseNet PoseNet;
typedef struct PoseNodes {
    Node *heat;        /* [B, H/4 * W/4, 18] logits; softmax over the cells */
    Node *depth;       /* f32 [B, 18] relative to the pelvis, in body heights, + towards the viewer */
    Node *presence;    /* f32 [B, 18] logits: inside the picture */
    Node *parts;       /* [B, H/2, W/2, 16] logits: 15 of SynthPart, then foreground */
    Node *features[3]; /* encoder at 1/4, 1/8, 1/16: for G's loss */
} PoseNodes;

PoseNet *pose_net_create(const PoseConfig *c, ParamSet *ps);
void pose_net_destroy(PoseNet *net); /* takes NULL */
PoseNodes pose_net_build(Graph *g, const PoseNet *net, Node *picture);

/* K with weights and a graph for pictures of one size, batch at a time. */
typedef struct PoseFound {
    int width, height;           /* of the picture it was run on */
    float joint[POSE_JOINTS][2]; /* pixels, continuous coordinates */
    float depth[POSE_JOINTS];    /* body heights */
    float presence[POSE_JOINTS]; /* 0..1 */
    float peak[POSE_JOINTS];     /* mass of the heatmap within 2.5 cells of the joint */
    float confidence;            /* mean peak over joints with presence above 0.5; 0 without any */
    float *mask;                 /* [height/2, width/2] 0..1 */
    float *parts;                /* [height/2, width/2, 15] probabilities */
} PoseFound;
void pose_found_init(PoseFound *p, int width, int height);
void pose_found_finish(PoseFound *p);

typedef struct PoseRunner PoseRunner;
PoseRunner *pose_runner_open(const char *path, const Device *device, Err *e);
void pose_runner_close(PoseRunner *k);
const PoseConfig *pose_runner_config(const PoseRunner *k);
/* Runs K on `n` pictures of the same size, rgb[i] [height][width][3]; width, height multiples of 32, 64..1024. Graphs
 * are kept for the last size and batch. out[i] must be initialised for that size. */
bool pose_runner_run(PoseRunner *k, const uint8_t *const *rgb, int n, int width, int height, PoseFound *out, Err *e);
/* Joints, peaks and confidence from heat logits [h*w][18]; part of pose_runner_run, here for training's measures. */
void pose_decode_joints(const float *heat, int h, int w, float joint[POSE_JOINTS][2], float peak[POSE_JOINTS]);

/* ---- P: flow --------------------------------------------------------------------------------------------------------
 * Sees no colour: input [B, h, w, 48] of flow_make_input, h and w multiples of 8 (cells of 2 x 2 frame pixels). */
typedef struct FlowConfig {
    int widths[NET_LEVELS];
} FlowConfig;
typedef struct FlowNet FlowNet;
typedef struct FlowNodes {
    Node *bones;    /* [B, h, w, 12] logits: which bone's map shows here */
    Node *residual; /* [B, h, w, 2] added to the maps' flow, frame pixels */
    Node *visible;  /* [B, h, w, 1] logits: seen in the source picture */
    Node *mask;     /* [B, h, w, 1] logits: target figure */
} FlowNodes;
FlowNet *flow_net_create(const FlowConfig *c, ParamSet *ps);
void flow_net_destroy(FlowNet *net); /* takes NULL */
FlowNodes flow_net_build(Graph *g, const FlowNet *net, Node *input);
/* Weights at H x W frame pixels: softmax of 2 x the upsampled logits, f32 [B, H * W, 12]. */
Node *flow_net_weights(Graph *g, FlowNodes n, int64_t height, int64_t width);
/* Source coordinates, f32 [B, H * W, 2] frame pixels: sum of weight * map(x) + residual. maps: f32 [B, 12, 6] (FlowMap
 * rows); points: f32 [1, H * W, 6], the constant of flow_fill_points. */
Node *flow_net_field(Graph *g, FlowNodes n, Node *weights, Node *maps, Node *points, int64_t height, int64_t width);
void flow_fill_points(int height, int width, float *points); /* (x, y, 1, x, y, 1) of pixel centres */

/* P with weights, for one frame at a time (flow_run.c). */
typedef struct FlowField {
    int w, h;        /* cells */
    float *bones;    /* [h][w][12] logits */
    float *residual; /* [h][w][2] */
    float *visible;  /* [h][w] 0..1 */
    float *mask;     /* [h][w] logits (upsample, then sigmoid: edges stay sharp) */
} FlowField;
typedef struct FlowRunner FlowRunner;
FlowRunner *flow_runner_open(const char *path, const Device *device, Err *e);
void flow_runner_close(FlowRunner *p); /* takes NULL */
/* input [h][w][48] of flow_make_input; the field belongs to the runner and lasts until the next call. */
const FlowField *flow_runner_run(FlowRunner *p, const float *input, int w, int h, Err *e);
/* The field at one point of the target frame (frame pixels): source coordinates, visibility and mask, 0..1. Bilinear in
 * the logits, so it may be asked at any resolution. */
typedef struct FlowPoint {
    float source[2], visible, mask;
} FlowPoint;
void flow_field_weights(const FlowField *f, int cell, float out[FLOW_BONES]); /* softmax at one cell */
FlowPoint flow_field_at(const FlowField *f, const FlowMap maps[FLOW_BONES], float x, float y);

/* ---- G: pixels ------------------------------------------------------------------------------------------------------
 * Colours for what was hidden. All at frame pixels (H, W multiples of 16); packed by 2 (net_pack with f = 2).
 *   source  [B, H/2, W/2, 16]  packed colours -1..1 (12) and mask 0..1 (4) of the source: once a picture
 *   frame   [B, H/2, W/2, 32]  packed (warped colour 3, visibility, mask) (20), bone weights (12): every frame
 *   grids   f32 [B, H/2 >> l, W/2 >> l, 2], l = 0..3: source coordinates in pixels of that level, the centre of the
 *           first at 0 */
enum { PIXEL_PACK = 2, PIXEL_SOURCE = 16, PIXEL_FRAME = 32, PIXEL_OUT = 5 };
typedef struct PixelConfig {
    int widths[NET_LEVELS];
} PixelConfig;
typedef struct PixelNet PixelNet;
PixelNet *pixel_net_create(const PixelConfig *c, ParamSet *ps);
void pixel_net_destroy(PixelNet *net); /* takes NULL */
void pixel_net_encode(Graph *g, const PixelNet *net, Node *source, Node *features[NET_LEVELS]);
/* [B, H, W, 5]: colour -1..1 (3), gate logit (1: use the colour, not the warped pixel), alpha logit. visible: [B, H/2,
 * W/2, 1]. */
Node *pixel_net_decode(Graph *g, const PixelNet *net, Node *const features[NET_LEVELS], Node *const grids[NET_LEVELS],
                       Node *visible, Node *frame);

/* G with weights: begin once a picture, then any number of frames of its size (pixel_run.c). */
typedef struct PixelRunner PixelRunner;
PixelRunner *pixel_runner_open(const char *path, const Device *device, Err *e);
void pixel_runner_close(PixelRunner *g); /* takes NULL */
/* rgb [h][w][3] 0..1, mask [h][w] 0..1 of the source at frame pixels; w and h multiples of 16. */
bool pixel_runner_begin(PixelRunner *g, const float *rgb, const float *mask, int w, int h, Err *e);
/* field: P's for this frame (cells = frame pixels / 2), maps its bone maps. colour [h][w][3] 0..1, gate and alpha
 * [h][w] 0..1. */
bool pixel_runner_frame(PixelRunner *g, const FlowField *field, const FlowMap maps[FLOW_BONES], float *colour,
                        float *gate, float *alpha, Err *e);

/* ---- B: background --------------------------------------------------------------------------------------------------
 * What stands behind the figure: a correction of the push-pull filling. Input [B, H/2, W/2, 16]: packed filled colours
 * -1..1 (12), packed hole 0..1 (4); output [B, H, W, 3]: the correction. H and W multiples of 16, trained at 128. */
typedef struct BackgroundConfig {
    int widths[NET_LEVELS];
} BackgroundConfig;
typedef struct BackgroundNet BackgroundNet;
BackgroundNet *background_net_create(const BackgroundConfig *c, ParamSet *ps);
void background_net_destroy(BackgroundNet *net); /* takes NULL */
Node *background_net_build(Graph *g, const BackgroundNet *net, Node *input);
typedef struct BackgroundRunner BackgroundRunner;
BackgroundRunner *background_runner_open(const char *path, const Device *device, Err *e);
void background_runner_close(BackgroundRunner *b); /* takes NULL */
/* rgb [h][w][3] 0..1 and hole [h][w] 0..1 (1: figure and its rim, not to be trusted); rgb is filled in place where hole
 * > 0. */
bool background_runner_fill(BackgroundRunner *b, float *rgb, const float *hole, int w, int h, Err *e);

/* Fills the hole in rgb [h][w][3] by push-pull and packs the network's input. */
void background_input(float *rgb, const float *hole, int w, int h, float *packed);

/* Space to depth on the host for any planes: in [h][w][c] -> out rows of `pitch` floats from channel `at`: (dy*f +
 * dx)*c + k. */
void net_pack(const float *in, int h, int w, int c, int f, float *out, int pitch, int at);

/* ---- M: motion ------------------------------------------------------------------------------------------------------
 * A transformer over the frames of one window, predicting clean standardised moves from noisy ones (x0), under the
 * song's features per frame, a style and an energy. The known prefix stands in z without noise and is flagged. */
enum {
    MOTION_VALUES = 56,
    MOTION_FRAMES = 150,
    MOTION_PREFIX = 75,
    MOTION_LEVELS = 1000,
    MOTION_TIME = 128,
    MOTION_STYLES = 32
};

typedef struct MotionConfig {
    int width, layers, heads; /* width a multiple of 16 * heads */
    int columns;              /* of the song's features per frame */
    int styles;               /* families of moves; style number `styles` means "none given" */
    char style_names[MOTION_STYLES][32];
} MotionConfig;
typedef struct MotionNet MotionNet;
/* Inputs of the graph (motion_net_inputs declares them under these names):
 *   z       [B, T, 56]           noisy standardised moves, clean where known
 *   song    [B, T, columns + 2]  features; then 1 where there is music (0: dropped, features 0 too); then 1 where known
 *   level   [B, 128]             motion_embed_level
 *   style   I32 [B]
 *   energy  [B, 2]               (energy - 1, 1), or (0, 0) for "none given" */
typedef struct MotionInputs {
    Node *z, *song, *level, *style, *energy;
} MotionInputs;

MotionNet *motion_net_create(const MotionConfig *c, ParamSet *ps);
void motion_net_destroy(MotionNet *net);
MotionInputs motion_net_inputs(Graph *g, const MotionNet *net, int64_t batch, int64_t frames);
Node *motion_net_build(Graph *g, const MotionNet *net, MotionInputs in); /* x0 [B, T, 56] */
void motion_embed_level(int level, float out[MOTION_TIME]);              /* sines and cosines of the level */
const float *motion_net_mean(
    const MotionNet *net); /* [56] of the moves it was trained on (parameters "stats.mean", "stats.std") */
const float *motion_net_std(const MotionNet *net);
void motion_net_set_stats(MotionNet *net, const float mean[MOTION_VALUES],
                          const float std[MOTION_VALUES]); /* rounded to bf16 */

/* M with weights: one window at a time (motion_run.c). */
typedef struct MotionWindow {
    int frames;         /* 2..150 */
    const float *song;  /* [frames][columns] */
    int style;          /* 0..styles-1; -1: none given */
    double energy;      /* 1 = usual; 0: none given */
    const float *known; /* [n_known][56] moves that the window begins with; n_known 0..75 and < frames */
    int n_known;
    int steps;             /* of DDIM, 1..1000; usual 20 */
    double guidance;       /* on the music; 1: none, usual 2 */
    uint64_t seed, stream; /* of the noise */
} MotionWindow;
typedef struct MotionRunner MotionRunner;
MotionRunner *motion_runner_open(const char *path, const Device *device, Err *e);
void motion_runner_close(MotionRunner *m); /* takes NULL */
const MotionConfig *motion_runner_config(const MotionRunner *m);
/* out [frames][56]: moves (not normalised: directions of about unit length, contacts of about 0..1); the known rows are
 * repeated exactly. The root goes on from the known rows; without them it begins at 0. */
bool motion_runner_sample(MotionRunner *m, const MotionWindow *w, float *out, const Progress *p, Err *e);

/* All five for `jig net` (articulated_nets.c). */
extern const NetList articulated_nets;

#endif
