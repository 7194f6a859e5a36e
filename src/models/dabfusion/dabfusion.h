/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion (arXiv 2405.09266): picture + music -> video by diffusing latent optical flow. Networks only, so far: the flow
 * U-Net (flow_unet.c) and the generator of the latent flow auto-encoder (lfae_generator.c), under their published names.
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
} FlowUnetConfig;

typedef struct FlowUnet FlowUnet;
FlowUnetConfig flow_unet_published(void);
FlowUnet *flow_unet_create(ParamSet *ps, const char *prefix, const FlowUnetConfig *c);
void flow_unet_destroy(FlowUnet *net); /* the parameters stay with the set */
/* x [B, T, H, W, channels], time F [B] (0..999), cond [B, C] -> predicted noise [B, T, H, W, 3]: flow x, y, occlusion. */
Node *flow_unet(Graph *g, const FlowUnet *net, Node *x, Node *time, Node *cond);

/* Encoder, bottleneck and decoder of the LFAE. Batch norms use their stored statistics. */
typedef struct LfaeGeneratorConfig {
    int64_t width, max_width; /* 64, 512 */
    int downs, residuals;     /* 2, 6 */
} LfaeGeneratorConfig;

typedef struct LfaeGenerator LfaeGenerator;
LfaeGeneratorConfig lfae_generator_published(void);
LfaeGenerator *lfae_generator_create(ParamSet *ps, const char *prefix, const LfaeGeneratorConfig *c);
void lfae_generator_destroy(LfaeGenerator *net);
/* picture [B, H, W, 3] in 0..1, flow F [B, h, w, 2] absolute sampling grid in -1..1, occlusion [B, h, w, 1] -> [B, H, W, 3].
 * train: batch statistics instead of the stored ones. */
Node *lfae_generator(Graph *g, const LfaeGenerator *net, Node *picture, Node *flow, Node *occlusion, bool train);

/* For `jig net` (dabfusion_nets.c). */
extern const NetList dabfusion_nets;

#endif
