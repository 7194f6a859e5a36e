/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that the four networks of the LFAE share (spec 2): convolution + batch norm, hourglass, anti-aliased shrinking,
 * coordinate grids. Activations [B, H, W, C]; parameters under their published names. Private to models/dabfusion.
 */
#ifndef JIG_LFAE_BLOCKS_H
#define JIG_LFAE_BLOCKS_H

#include "nn/nn.h"

/* relu(norm(conv(x))) */
typedef struct ConvNorm {
    Conv conv;
    BatchNorm norm;
} ConvNorm;

void conv_norm_init(ConvNorm *b, ParamSet *ps, const char *name, int64_t in, int64_t out, int k);
Node *conv_norm(Graph *g, const ConvNorm *b, Node *x, bool train);
Node *conv_norm_down(Graph *g, const ConvNorm *b, Node *x, bool train); /* then the mean of 2 x 2 */
Node *conv_norm_up(Graph *g, const ConvNorm *b, Node *x, bool train);   /* at twice the size, nearest */

/* Encoder of `blocks` Downs and decoder of as many Ups, each joined by [up, skip]; the last skip is the input. */
enum { HOURGLASS_BLOCKS = 7 };
typedef struct Hourglass {
    int blocks;
    ConvNorm down[HOURGLASS_BLOCKS], up[HOURGLASS_BLOCKS];
} Hourglass;

/* Widths: min(most, width 2^(i+1)). Names PREFIXencoder.down_blocks.N, PREFIXdecoder.up_blocks.N. Returns the output's channels. */
int64_t hourglass_init(Hourglass *h, ParamSet *ps, const char *prefix, int64_t in, int64_t width, int64_t most, int blocks);
Node *hourglass(Graph *g, const Hourglass *h, Node *x, bool train);

/* Gaussian of sigma (step - 1) / 2, then every step-th row and column. step 1: nothing is done. */
typedef struct AntiAlias {
    Param *kernel; /* [channels, 1, k, k], not trained; its values come from anti_alias_fill, never from a file */
    int64_t channels;
    int step;
} AntiAlias;

void anti_alias_init(AntiAlias *a, ParamSet *ps, const char *name, int64_t channels, int step);
void anti_alias_fill(const AntiAlias *a); /* once the parameters are allocated or loaded */
int anti_alias_side(int step);            /* of the kernel: 5, 13, 29 for steps 2, 4, 8 */
void anti_alias_kernel(int step, float *kernel); /* F [side, side] */
Node *anti_alias(Graph *g, const AntiAlias *a, Node *x);

/* Coordinates from -1 to 1 at the centres of the corners: x, y F [1, h, w, 1]. The arena outlives the graph. */
typedef struct Coordinates {
    Node *x, *y;
} Coordinates;
Coordinates coordinates(Graph *g, Arena *a, int64_t h, int64_t w);

/* Channel c of x, all other axes kept. */
Node *channel_of(Graph *g, Node *x, int64_t c);
/* 1, 0 or -1: the sign of x, without a gradient. */
Node *sign_of(Graph *g, Node *x);

#endif
