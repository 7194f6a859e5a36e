/* SPDX-License-Identifier: Apache-2.0
 *
 * kernels: the table that each backend fills. This file is the specification: formula, shapes, types.
 *
 * Conventions. Tensors are dense and row-major, activations channels last, in f32 or bf16; `F` marks tensors that are
 * always f32 (statistics, biases, norm gains, parameter gradients). Weights w may be f32 or bf16 whatever the
 * activations are, in PyTorch's layout. All sums accumulate in f32. Output never aliases an input unless said. NULL =
 * absent. "rows x C": all axes but the last flattened to rows. A backend may keep what it prepares (packed weights,
 * cached primitives) in the KernelState that belongs to one node of one graph.
 */
#ifndef JIG_KERNELS_H
#define JIG_KERNELS_H

#include "tensor/tensor.h"

typedef enum Act {
    ACT_NONE, ACT_RELU, ACT_LEAKY_RELU /* slope 0.1 */, ACT_SILU, ACT_GELU_ERF, ACT_GELU_TANH, ACT_QUICK_GELU,
    ACT_SIGMOID, ACT_TANH, ACT_SOFTPLUS, ACT_EXP, ACT_LOG, ACT_SQRT, ACT_RSQRT, ACT_SQUARE, ACT_ABS, ACT_SIN, ACT_COS,
    ACT_COUNT
} Act;
typedef enum Binary { BIN_ADD, BIN_SUB, BIN_MUL, BIN_DIV, BIN_MAX, BIN_MIN, BIN_COUNT } Binary;
typedef enum Reduce { RED_SUM, RED_MEAN, RED_MAX } Reduce;
typedef enum Resize { RESIZE_NEAREST, RESIZE_BILINEAR, RESIZE_BICUBIC /* a = -0.75 */ } Resize;
typedef enum Pad { PAD_ZERO, PAD_REPLICATE, PAD_REFLECT /* without repeating the edge */ } Pad;
typedef enum WarpEdge { WARP_ZEROS, WARP_BORDER, WARP_REFLECT } WarpEdge;

typedef struct KernelState {
    void *data;                    /* backend's own; NULL at first */
    void (*destroy)(void *data);
    bool constant_weights; /* w never changes: pack it once. To have it packed again: destroy(data), data = NULL */
    size_t bytes;                  /* set by the backend: what data keeps beyond the arena (packed weights) */
} KernelState;

/* Convolution, 2-D as 3-D with T = 1. x [B, T, H, W, Ci], y [B, T', H', W', Co].
 * w [Co, Ci/groups, kt, kh, kw]; transposed: w [Ci, Co/groups, kt, kh, kw] and y is the gradient-of-convolution size
 * (T-1)*stride - lo - hi + k (+ out_pad). Zero padding only (other paddings by the pad kernel). */
typedef struct ConvGeom {
    int64_t kernel[3], stride[3], pad_lo[3], pad_hi[3], dilation[3], out_pad[3]; /* order T, H, W */
    int64_t groups;
    bool transposed;
} ConvGeom;

/* y = act(conv(x, w) + b + r)   with r the same shape as y; b F [Co]. */
typedef struct ConvArgs {
    ConvGeom geom;
    Tensor x, w, y;
    const Tensor *b, *r;
    Act act;
    KernelState *state;
} ConvArgs;

/* y[i,j,:,:] = act(alpha * A * B + bias + r), A [m, k], B [k, n] after the transposes that strides express; two batch
 * axes. Strides in elements: {batch 0, batch 1, row, column}; 0 broadcasts. b_is_weight: B is a parameter (pack it). */
typedef struct MatmulArgs {
    int64_t batch[2], m, n, k;
    DType ta, tb, ty;
    const void *a, *b;
    void *y;
    int64_t sa[4], sb[4], sy[4];
    float alpha;
    const float *bias;   /* F [n] */
    const void *r;       /* type ty, strides sy */
    Act act;
    bool accumulate;     /* y += ..., act none */
    bool b_is_weight;
    KernelState *state;
} MatmulArgs;

/* All norms: x seen as [outer, N, C] in G groups of C/G channels; statistics over N x C/G for each (outer, group).
 * layer/RMS norm: outer = rows, N = 1, G = 1. group norm a clip: outer = B, N = T*H*W; a frame: outer = B*T, N = H*W.
 * batch norm: outer = 1, N = all rows, G = C.
 *   h = (x - mean) * rstd * gamma + beta;  y = act(h * (1 + scale) + shift)
 * gamma, beta F [C]; scale, shift [M, C] of x's type, outer row o uses row o / (outer / M). rms: mean is taken as 0. */
typedef struct NormArgs {
    int64_t outer, N, C, G, M; /* M = 0: no scale/shift */
    float eps;
    bool rms;
    Act act;                   /* NONE, RELU, LEAKY_RELU, SILU */
    Tensor x;
    float *stats;              /* F [outer, G, 2]: mean, rstd */
    const float *gamma, *beta; /* NULL: 1, 0 */
    const void *scale, *shift; /* x's type */
    Tensor y;                  /* apply: y; grad_x: dx */
    const void *dy;            /* x's type */
    float *sums;               /* grad_params: F [max(M,1), C, 2]: with g = d loss / d (h*(1+scale)+shift) after act:
                                  sum over the rows of g, and of g * (x-mean)*rstd */
} NormArgs;

/* Softmax attention without a score matrix in memory. A token sequence lies along one axis of a channels-last tensor:
 * [outer, N, inner, row]. Time attention over [B, T, H*W, C] has outer = B, N = T, inner = H*W; space attention has
 * inner = 1. q, k, v point at head 0, channel 0; head h, channel c of token (o, i, n) lies at
 * ((o*N + n)*inner + i)*pitch + h*dim + c.
 *   out = softmax(scale * q k^T + bias[o % G, h]) v
 * bias F [G, heads, Nq, Nk] or NULL (G = bias_groups, 0 counts as 1: windows of a picture that differ in what they may
 * see); causal: key j <= query i (+ Nk - Nq). A query that sees no key gets 0. */
typedef struct AttentionArgs {
    int64_t outer, inner, nq, nk;
    int heads, dim;
    DType type;
    const void *q, *k, *v;
    int64_t q_pitch, k_pitch, v_pitch, out_pitch; /* elements from one token to the next */
    float scale;
    const float *bias;
    int64_t bias_groups;
    const uint8_t *key_mask; /* [outer, Nk]: 0 = key not there; NULL = all there */
    bool causal;
    void *out;               /* grad: not used */
    const void *dout;        /* grad: gradient of out, pitch out_pitch */
    void *dq, *dk, *dv;      /* grad: pitches dq_pitch ..; written, not added */
    int64_t dq_pitch, dk_pitch, dv_pitch;
    float *dbias;            /* grad: F, bias's shape, written; NULL = not wanted */
} AttentionArgs;

/* Sampling at absolute coordinates (grid_sample): x [B, H, W, C], grid F [B, h, w, 2] as (x, y), y [B, h, w, C].
 * Normalised grids lie in [-1, 1] (align: corners at pixel centres). pixels: coordinates in pixels, the centre of the
 * first is 0. Not-a-number counts as outside. */
typedef struct WarpArgs {
    Tensor x, grid, y;
    WarpEdge edge;
    bool align, pixels;
    const void *dy;  /* gradients: y's type */
    Tensor dx;       /* grad_x: x's shape and type, written */
    Tensor dgrid;    /* grad_grid: F, written */
} WarpArgs;

typedef struct AdamArgs {
    int64_t n;
    float *w, *m, *v;     /* F masters and moments, in place */
    const float *g;       /* F */
    float lr, beta1, beta2, eps, decay, grad_scale; /* decay decoupled; g is multiplied by grad_scale first */
    int64_t step;         /* from 1: bias correction */
} AdamArgs;

struct Kernels {
    void (*conv)(const ConvArgs *a);
    void (*conv_grad_x)(const ConvArgs *a); /* y = dy in, x = dx out; b, r, act unused */
    void (*conv_grad_w)(const ConvArgs *a); /* x, y = dy in, w = dw out F; b = db out F [Co] or NULL */
    void (*matmul)(const MatmulArgs *a);

    void (*norm_stats)(const NormArgs *a);
    void (*norm_apply)(const NormArgs *a);
    void (*norm_grad_params)(const NormArgs *a);
    void (*norm_grad_x)(const NormArgs *a);

    void (*attention)(const AttentionArgs *a);
    void (*attention_grad)(const AttentionArgs *a);
    /* DabFusion's linear attention: q softmax over dim, then * scale; k softmax over tokens; out = (k v^T)^T q. nq = nk;
     * bias, key_mask and causal are not used. */
    void (*linear_attention)(const AttentionArgs *a);
    void (*linear_attention_grad)(const AttentionArgs *a);

    /* x seen as [outer, N, inner], over N, in f32 inside. log: y = log softmax. grad: dx from y and dy. */
    void (*softmax)(Tensor x, Tensor y, int64_t outer, int64_t N, int64_t inner, bool log);
    void (*softmax_grad)(Tensor y, Tensor dy, Tensor dx, int64_t outer, int64_t N, int64_t inner, bool log);

    void (*unary)(Act f, Tensor x, Tensor y);                 /* y = f(x); may be in place */
    void (*unary_grad)(Act f, Tensor x, Tensor dy, Tensor dx); /* dx = f'(x) dy; dx may be dy */
    void (*affine)(Tensor x, float a, float b, Tensor y);     /* y = a x + b; may be in place */
    /* numpy broadcasting: shapes of equal length (leading ones added by the caller), axes equal or 1. y may alias an
     * input of its own shape. */
    void (*binary)(Binary f, Tensor a, Tensor b, Tensor y);
    /* y has x's rank with reduced axes 1. */
    void (*reduce)(Reduce f, Tensor x, Tensor y);
    void (*cast)(Tensor x, Tensor y);                         /* any of F32, BF16; I32 to F32 */
    void (*fill)(Tensor y, float value);
    void (*permute)(Tensor x, const int *axes, Tensor y);     /* y.shape[i] = x.shape[axes[i]] */
    /* y[at_y + i] (+)= x[at_x + i] for i in box; ranks equal. Slices, concatenation, their gradients. */
    void (*copy_box)(Tensor x, const int64_t *at_x, Tensor y, const int64_t *at_y, const int64_t *box, bool add);
    void (*pad)(Tensor x, Tensor y, const int64_t *lo, Pad mode);      /* any axes */
    void (*pad_grad)(Tensor dy, Tensor dx, const int64_t *lo, Pad mode);

    /* Pictures [B, H, W, C] -> [B, h, w, C]; half-pixel centres unless align (corners). Nearest: pixel
     * floor((i + 1/2) * in / out), PyTorch's "nearest-exact"; for whole factors up the same as its "nearest". */
    void (*resize)(Tensor x, Tensor y, Resize mode, bool align);
    void (*resize_grad)(Tensor dy, Tensor dx, Resize mode, bool align);
    /* size x size windows, stride, zero padding counted (count_include_pad); max ignores padding. */
    void (*pool)(Tensor x, Tensor y, int size, int stride, int pad, bool max);
    void (*pool_grad)(Tensor x, Tensor dy, Tensor dx, int size, int stride, int pad, bool max);

    void (*warp)(const WarpArgs *a);
    void (*warp_grad_x)(const WarpArgs *a);
    void (*warp_grad_grid)(const WarpArgs *a);

    /* table [V, D], ids I32 [...], y [..., D]; a bad id is the caller's fault (checked by the op). grad: F, written. */
    void (*embedding)(Tensor table, Tensor ids, Tensor y);
    void (*embedding_grad)(Tensor ids, Tensor dy, Tensor dtable);
    /* Rotary positions on x [outer, N, inner, heads*dim]: pairs (2i, 2i+1) (interleaved) or (i, i + dim/2) (halves)
     * turned by angle[n, i], F [N, dim/2], times `sign` (+1, or -1 for the gradient). */
    void (*rope)(Tensor x, Tensor y, const float *angle, int64_t outer, int64_t N, int64_t inner, int heads, int dim,
                 bool interleaved, float sign);

    void (*adamw)(const AdamArgs *a);
    void (*ema)(int64_t n, float *ema, const float *w, float decay); /* ema = decay*ema + (1-decay)*w */
    double (*sum_squares)(int64_t n, const float *x);                /* in f64, fixed order */
    void (*normal)(Tensor y, uint64_t seed, uint64_t stream, uint64_t position); /* as rng_fill_normal */

    /* Bytes of working memory that the backend holds now for this thread's calls, beyond arena and KernelStates. */
    size_t (*scratch_bytes)(void);
};

/* The backends a build may have; which there are is known to device.c only. */
extern const Kernels ref_kernels;
const Kernels *cpu_kernels(void); /* the table for this processor's instruction set */
DType cpu_fast_type(void); /* JIG_BF16 where the processor multiplies bf16 at more than f32's rate */

#endif
