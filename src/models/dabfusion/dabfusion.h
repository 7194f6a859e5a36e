/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion (arXiv 2405.09266): picture + music -> video by diffusing latent optical flow. docs/models/dabfusion.md.
 *
 *   networks    flow_unet.c; region_predictor.c, background_predictor.c, flow_predictor.c, lfae_generator.c, lfae.c, lfae_blocks.c
 *   losses      lfae_losses.c, perceptual.c
 */
#ifndef JIG_DABFUSION_H
#define JIG_DABFUSION_H

#include "nn/nn.h"

/* The 3-D U-Net of LFDM that predicts the noise of the flow, paper section 3; published size = the defaults. */
typedef struct FlowUnetConfig {
    int64_t dim;         /* 64: width of the first level */
    int levels;          /* 4 */
    int64_t mults[6];    /* 1, 2, 4, 8 */
    int64_t channels;    /* 259: noisy flow and occlusion (3), then the picture's features (256) */
    int64_t cond;        /* 1064: one music vector a clip */
    int heads, head_dim; /* 8, 32; only the temporal attentions follow head_dim, the spatial ones use 32 */
    bool learned_null;   /* a trained vector stands for "no music" */
    bool nearest_up;     /* upsample by nearest + conv with reflect padding instead of a transposed convolution */
    int64_t frame_cond;  /* improved mode (spec 11.2): numbers a frame that reach only that frame's scale and shift; 0: none */
    bool recompute;      /* training: levels are computed again in the backward pass */
} FlowUnetConfig;

typedef struct FlowUnet FlowUnet;
FlowUnetConfig flow_unet_published(void);
FlowUnet *flow_unet_create(ParamSet *ps, const char *prefix, const FlowUnetConfig *c);
void flow_unet_destroy(FlowUnet *net); /* the parameters stay with the set */
/* x [B, T, H, W, channels], time F [B] (0..999), cond [B, C] -> predicted noise [B, T, H, W, 3]: flow x, y, occlusion. */
Node *flow_unet(Graph *g, const FlowUnet *net, Node *x, Node *time, Node *cond);

/* The same with the picture's features apart: they are the same for every frame and every step, so their part of the first
 * convolution is made once. z [B, H, W, channels - 3] -> [B, 1, H, W, dim]. */
Node *flow_unet_picture(Graph *g, const FlowUnet *net, Node *z);
typedef struct FlowStep {
    Node *x;       /* [B, T, H, W, 3]: noisy flow */
    Node *picture; /* of flow_unet_picture */
    Node *time, *cond;
    Node *frames;  /* F [B, T, frame_cond], NULL without */
    Node *keep;    /* F [B, 1]: 1 = with music, 0 = without (the null vector; frames 0); NULL: with */
} FlowStep;
Node *flow_unet_step(Graph *g, const FlowUnet *net, const FlowStep *s);
/* The same with x [B, T, H, W, channels] as one input; s->x and s->picture are not used. */
Node *flow_unet_whole(Graph *g, const FlowUnet *net, Node *x, const FlowStep *s);
/* Weights of the frame numbers start at 0: a network in paper mode goes on unchanged (spec 11.2). */
void flow_unet_fill(const FlowUnet *net);
/* Takes the weights of a network of the same sizes in paper mode from a file. */
bool flow_unet_take_paper(FlowUnet *net, const char *path, Err *e);

/* ---- the latent flow auto-encoder, LFAE (spec 2.1 to 2.6) ------------------------------------------------------------
 * Pictures [B, H, W, 3] in 0..1; maps at 1/step of their side. `train`: batch norms use the batch's statistics. Networks are
 * made in a ParamSet under their published names; x_fill gives constants and special first values once it is allocated
 * (and restores the constants after a load). aligned: grids are sampled as they are built (decision 12). */

/* R (region_predictor.c): regions of one picture. */
typedef struct RegionConfig {
    int64_t regions, width, max_width; /* 10, 32, 1024 */
    int blocks, step, pad;             /* 5, 4, 0 (3 for faces); the pad is in no weight file */
} RegionConfig;

typedef struct Regions {
    Node *centre;     /* F [B, K, 2] */
    Node *covariance; /* F [B, K, 3]: xx, xy, yy */
    Node *affine;     /* F [B, K, 4]: A row by row, A A^T = covariance */
    Node *heat;       /* F [B, h, w, K]: sums to 1 over the map */
} Regions;

typedef struct RegionPredictor RegionPredictor;
RegionPredictor *region_predictor_create(ParamSet *ps, const char *prefix, const RegionConfig *c);
void region_predictor_fill(const RegionPredictor *net);
void region_predictor_destroy(RegionPredictor *net);
Regions region_predictor(Graph *g, const RegionPredictor *net, Node *picture, bool train);
Node *region_affine(Graph *g, Node *covariance); /* the A of a covariance, spec 2.2 */

/* B (background_predictor.c) */
typedef enum LfaeBackgroundKind { LFAE_BACKGROUND_ZERO, LFAE_BACKGROUND_SHIFT, LFAE_BACKGROUND_AFFINE, LFAE_BACKGROUND_PERSPECTIVE } LfaeBackgroundKind;
typedef struct LfaeBackgroundConfig {
    int64_t width, max_width; /* 32, 1024 */
    int blocks, kind;         /* 5, LFAE_BACKGROUND_AFFINE */
} LfaeBackgroundConfig;

typedef struct BackgroundPredictor BackgroundPredictor;
BackgroundPredictor *background_predictor_create(ParamSet *ps, const char *prefix, const LfaeBackgroundConfig *c);
void background_predictor_fill(const BackgroundPredictor *net);
void background_predictor_destroy(BackgroundPredictor *net);
/* F [B, 9]: driving coordinates to source coordinates, row by row */
Node *background_predictor(Graph *g, const BackgroundPredictor *net, Node *source, Node *driving, bool train);

/* P (flow_predictor.c) */
typedef struct FlowPredictorConfig {
    int64_t regions, width, max_width; /* 10, 64, 1024 */
    int blocks, step;                  /* 5, 4 */
    bool aligned;
} FlowPredictorConfig;

typedef struct LatentFlow {
    Node *flow;      /* F [B, h, w, 2]: where in the source to read, -1..1 */
    Node *occlusion; /* F [B, h, w, 1]: 1 = trust the warped source */
    Node *small;     /* [B, h, w, 3]: the shrunk source */
} LatentFlow;

typedef struct FlowPredictor FlowPredictor;
FlowPredictor *flow_predictor_create(ParamSet *ps, const char *prefix, const FlowPredictorConfig *c);
void flow_predictor_fill(const FlowPredictor *net);
void flow_predictor_destroy(FlowPredictor *net);
LatentFlow flow_predictor(Graph *g, const FlowPredictor *net, Node *picture, const Regions *source, const Regions *driving,
                          Node *background, bool train);

/* G (lfae_generator.c): encoder, bottleneck and decoder. */
typedef struct LfaeGeneratorConfig {
    int64_t width, max_width; /* 64, 512 */
    int downs, residuals;     /* 2, 6 */
    bool aligned;
} LfaeGeneratorConfig;

enum { LFAE_MAX_DOWNS = 4 };
typedef struct LfaeFeatures {
    Node *picture, *level[LFAE_MAX_DOWNS + 1]; /* level[n - 1] is z */
    int n;
} LfaeFeatures;

typedef struct LfaeGenerator LfaeGenerator;
LfaeGeneratorConfig lfae_generator_published(void);
LfaeGenerator *lfae_generator_create(ParamSet *ps, const char *prefix, const LfaeGeneratorConfig *c);
void lfae_generator_destroy(LfaeGenerator *net);
LfaeFeatures lfae_encode(Graph *g, const LfaeGenerator *net, Node *picture, bool train);
/* flow F [N, h, w, 2], occlusion [N, h, w, 1] -> [N, H, W, 3]; features of N pictures, or of one for all N. */
Node *lfae_decode(Graph *g, const LfaeGenerator *net, LfaeFeatures f, Node *flow, Node *occlusion, bool train);
Node *lfae_generator(Graph *g, const LfaeGenerator *net, Node *picture, Node *flow, Node *occlusion, bool train); /* both */
Node *lfae_warped_picture(Graph *g, const LfaeGenerator *net, Node *picture, Node *flow); /* what the last blend reads */

/* All four (lfae.c), "generator.", "region_predictor.", "bg_predictor." before their published names. */
typedef struct LfaeConfig {
    int64_t size;                                      /* side of the pictures: a multiple of step 2^blocks */
    int64_t regions, region_width, flow_width, width, max_width; /* 10, 32, 64, 64, 1024 */
    int blocks, step, pad, downs, residuals, background;
    bool aligned;
} LfaeConfig;
LfaeConfig lfae_published(void); /* 128 pixels */
bool lfae_config_check(const LfaeConfig *c, Err *e);

typedef struct Lfae {
    LfaeConfig c;
    RegionPredictor *regions;
    BackgroundPredictor *background;
    FlowPredictor *flow;
    LfaeGenerator *generator;
} Lfae;
Lfae *lfae_create(ParamSet *ps, const LfaeConfig *c);
void lfae_fill(const Lfae *net, bool first_values); /* constants; first_values: also the identity of B */
void lfae_destroy(Lfae *net);
LatentFlow lfae_flow(Graph *g, const Lfae *net, Node *source, Node *driving, const Regions *of_source, const Regions *of_driving,
                     bool train);
/* Sizes as metadata of a weight file and back. */
int lfae_describe(const LfaeConfig *c, Arena *a, MetaPair *out, int max);
bool lfae_read_config(const SafeTensors *st, LfaeConfig *c, Err *e);

/* ---- losses of stage 1 (lfae_losses.c, perceptual.c; spec 4.2) --------------------------------------------------------- */
enum { TPS_POINTS = 5 }; /* a side of the grid of control points */
/* A random map W(c) = Theta (c, 1) + (r, r), r = sum w_i d_i^2 log(d_i + 1e-6), d_i the L1 distance to control point i. */
typedef struct PlaneMap {
    float theta[6], weight[TPS_POINTS * TPS_POINTS];
} PlaneMap;
PlaneMap plane_map_draw(Rng *r, float affine_sigma, float tps_sigma); /* 0.05, 0.005 */
void plane_map_apply(const PlaneMap *m, const float at[2], float out[2]);
void plane_map_grid(const PlaneMap *m, int64_t h, int64_t w, float *grid); /* F [h, w, 2] of a corner-to-corner grid */

typedef struct Equivariance {
    Node *shift, *affine; /* F scalars: mean |mu_dri - W(mu_T)|, mean |I - V| */
} Equivariance;
/* theta F [B, 6], weight F [B, 25]; `moved`: the regions of the driving picture read through W. */
Equivariance lfae_equivariance(Graph *g, Arena *a, const Regions *driving, const Regions *moved, Node *theta, Node *weight);
typedef struct PlaneNodes {
    Node *at; /* F [B, K, 2] */
    Node *jacobian; /* F [B, K, 4] */
} PlaneNodes;
PlaneNodes plane_map_nodes(Graph *g, Arena *a, Node *at, Node *theta, Node *weight);

/* Four-level pyramid of pictures and, with VGG-19's weights, of its features relu1_1 .. relu5_1; without, of the pixels
 * themselves (decision 14). Weight 10 a term. */
typedef struct Perceptual Perceptual;
Perceptual *perceptual_open(const char *vgg, Err *e); /* NULL path: pixels. Tensors features.N.weight, features.N.bias */
void perceptual_close(Perceptual *p);
bool perceptual_has_network(const Perceptual *p);
Node *perceptual_loss(Graph *g, const Perceptual *p, Node *picture, Node *target); /* F scalar */

/* For `jig net` (dabfusion_nets.c). */
extern const NetList dabfusion_nets;

#endif
