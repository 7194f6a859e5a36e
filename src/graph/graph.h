/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: build, plan, run. Layer 2.
 *
 * Model code builds a Graph once; nothing is computed while building. graph_plan checks it, fuses it, places every value
 * in one arena by lifetime and knows the exact number of bytes; graph_run executes it as often as wanted.
 *
 * Mistakes surface while building: an op that does not fit records "what: got, expected, where" and returns NULL; ops given
 * NULL return NULL; so model code has no checks, and graph_plan reports all mistakes at once. "Where" is the path of
 * graph_push/graph_pop names.
 *
 * Ownership: the graph owns its nodes and the arena. Parameters and constants belong to the caller and outlive the graph.
 * Layout: channels last. All shapes include the batch. Types: an op's result has the type of its input (of the wider
 * one, F32, when two differ); weights may be F32 or BF16 in either; losses, statistics and gradients of parameters are
 * F32. Inputs keep their values from run to run. Different graphs may run on different threads at once.
 */
#ifndef JIG_GRAPH_H
#define JIG_GRAPH_H

#include "tensor/kernels.h"

typedef struct Graph Graph;
typedef struct Node Node;

/* A trainable or constant weight. Named as in its file ("down.0.conv.weight"). Owned by nn's ParamSet. */
typedef struct Param {
    const char *name;
    Tensor value;   /* f32 master under training, any float type when constant */
    float *grad;    /* F, same shape, or NULL when it is not trained; written (not added) by graph_run of a graph that
                       has graph_grad. Whether it is NULL is read by graph_param, where it points by graph_grad */
    bool trainable;
    bool decay;     /* weight decay applies (matrices and kernels: yes; biases, gains: no) */
    bool running;   /* a statistic kept of what passes in training (not trainable): graph_track writes the batch's to grad */
    float keep;     /* running: what a training step leaves of it; the rest comes from grad (set by graph_grad) */
} Param;

Graph *graph_create(const Device *dev, DType compute); /* compute: type of activations, JIG_F32 or JIG_BF16 */
void   graph_destroy(Graph *g);
const Device *graph_device(const Graph *g);
DType  graph_type(const Graph *g);

void  graph_push(Graph *g, const char *fmt, ...) PRINTF_LIKE(2, 3); /* names for messages, --profile and graph_watch */
void  graph_pop(Graph *g);
Node *graph_fail(Graph *g, const char *fmt, ...) PRINTF_LIKE(2, 3); /* records a mistake; returns NULL */
Shape node_shape(const Node *n);                                    /* {0} for NULL */
DType node_type(const Node *n);
int64_t node_dim(const Node *n, int axis);                          /* negative axes from the end; 0 for NULL */

Node *graph_input(Graph *g, const char *name, DType type, Shape s); /* F32 host data given to a BF16 input is converted by graph_set */
Node *graph_param(Graph *g, Param *p);                              /* one node a Param: asked twice, the same node */
Node *graph_const(Graph *g, Tensor value);                          /* data stays the caller's */
Node *graph_scalar(Graph *g, float value, DType type, int rank);    /* shape [1, 1, ...] */
void  graph_output(Graph *g, const char *name, Node *n);
Node *graph_watch(Graph *g, const char *name, Node *n);             /* keeps n's value readable by graph_get under its name; returns n */

/* Appends the backward pass of a scalar loss as ordinary nodes: gradients of all trainable params that loss depends on are
 * written to Param.grad; and, for each of `wrt` (inputs or any nodes, may be NULL), its gradient becomes the output
 * "grad:NAME" when it is a named input, or dwrt[i] when dwrt is given. */
bool graph_grad(Graph *g, Node *loss, Node **wrt, Node **dwrt, int n_wrt);
/* p is a running statistic and value [count of p] what the batch says. Called again for the same p (a network that is run
 * twice), the later measure counts on top of the earlier ones, each moving p by a tenth (PyTorch's momentum 0.1). In a graph
 * that gets a backward pass, each run writes their mean, so weighted, to p->grad; elsewhere it is not computed. */
void graph_track(Graph *g, Param *p, Node *value);
/* Recompute instead of keep: what was built between the two calls is computed again in the backward pass. */
void graph_checkpoint_begin(Graph *g);
Node *graph_checkpoint_end(Graph *g, Node *out); /* returns out */

bool graph_plan(Graph *g, Err *e);
uint64_t graph_bytes(const Graph *g);      /* arena (exact after graph_plan) + packed weights (exact after the first run, before
                                              it their size in the compute type) */
double   graph_flops(const Graph *g);      /* multiply-adds x 2 of convolutions, products, attention of one run */
bool graph_set(Graph *g, const char *name, const void *host, DType type); /* copies shape_count elements; false: no such input */
bool graph_get(Graph *g, const char *name, float *host);                  /* converts to f32 */
const void *graph_peek(Graph *g, const char *name, Shape *s, DType *t);    /* the arena's own bytes, valid until the next run */
bool graph_run(Graph *g, Err *e);
/* Constant params (those not trained, and all in a graph without graph_grad) were rewritten or moved: what is made of
 * them is packed and computed again at the next run. Not needed after an optimizer's step in a graph that trains. */
void graph_weights_changed(Graph *g);
void graph_profile(Graph *g, bool on);     /* time every node */
void graph_profile_report(const Graph *g, Text *out); /* per op kind and per name: calls, ms, GFLOP/s, GB/s */

/* ---- ops: each is one place (formula comment, shape rule, run, grad, builder) in src/graph/op_*.c -------------------- */

/* elementwise (op_elementwise.c). Shapes broadcast as numpy's; types are promoted to f32 if one side is f32. */
Node *op_add(Graph *g, Node *a, Node *b);
Node *op_sub(Graph *g, Node *a, Node *b);
Node *op_mul(Graph *g, Node *a, Node *b);
Node *op_div(Graph *g, Node *a, Node *b);
Node *op_max(Graph *g, Node *a, Node *b);
Node *op_min(Graph *g, Node *a, Node *b);
Node *op_affine(Graph *g, Node *x, float a, float b); /* a x + b */
Node *op_act(Graph *g, Act f, Node *x);
Node *op_clamp(Graph *g, Node *x, float lo, float hi);
Node *op_cast(Graph *g, Node *x, DType to);
Node *op_stop(Graph *g, Node *x);                     /* identity whose gradient is zero */

/* shape (op_shape.c). reshape and view cost nothing. */
Node *op_reshape(Graph *g, Node *x, Shape s);         /* one axis may be -1 */
Node *op_permute(Graph *g, Node *x, const int *axes); /* a copy */
/* x seen as rows of its last axis: row i of the result is row from[i], row i of x goes to back[i]. I32 constants, each the
 * other's inverse (not checked). s: the result's shape, with the same last axis. */
Node *op_reorder(Graph *g, Node *x, Node *from, Node *back, Shape s);
Node *op_slice(Graph *g, Node *x, int axis, int64_t from, int64_t count);
Node *op_concat(Graph *g, Node **xs, int n, int axis);
Node *op_repeat(Graph *g, Node *x, int axis, int64_t times); /* axis of length 1 becomes `times` */
Node *op_pad(Graph *g, Node *x, const int64_t *lo, const int64_t *hi, Pad mode);

/* reductions (op_reduce.c): axes as a bit mask, kept as 1 */
Node *op_sum(Graph *g, Node *x, unsigned axes);
Node *op_mean(Graph *g, Node *x, unsigned axes);
Node *op_reduce_max(Graph *g, Node *x, unsigned axes);  /* gradient to all maxima equally */
Node *op_mean_all(Graph *g, Node *x);                   /* f32 scalar [1] */
Node *op_softmax(Graph *g, Node *x, int axis);
Node *op_log_softmax(Graph *g, Node *x, int axis);

/* products (op_matmul.c) */
Node *op_linear(Graph *g, Node *x, Param *w, Param *b);  /* x [..., I], w [O, I], b [O] or NULL -> [..., O] */
Node *op_matmul(Graph *g, Node *a, Node *b, bool ta, bool tb); /* [..., m, k] x [..., k, n]; leading axes equal */

/* convolution (op_conv.c): x [B, W, C] with w [O, I/groups, kw], x [B, H, W, C] with w [O, I/groups, kh, kw], or
 * x [B, T, H, W, C] with w [O, I/g, kt, kh, kw] */
typedef struct ConvOpts { int64_t stride[3], pad_lo[3], pad_hi[3], dilation[3], groups; } ConvOpts; /* T, H, W; 0 = 1 (pads 0) */
Node *op_conv(Graph *g, Node *x, Param *w, Param *b, ConvOpts o);
Node *op_conv_transpose(Graph *g, Node *x, Param *w, Param *b, ConvOpts o);
Node *op_conv_node(Graph *g, Node *x, Node *w, Node *b, ConvOpts o); /* w, b F32, made of parameters, as by weight norm */

/* norms (op_norm.c): y = act(norm(x)*gamma+beta, then *(1+scale)+shift). scale/shift [B, C] or NULL; also [1, C], or
 * x's first axes and C where each has statistics of its own ([B, T, C]: layer norm of [B, T, .., C], group norm a frame). */
typedef enum NormKind { NORM_LAYER, NORM_RMS, NORM_GROUP /* over all axes but batch */, NORM_GROUP_FRAME /* x [B,T,H,W,C], per frame */, NORM_BATCH } NormKind;
Node *op_norm(Graph *g, NormKind kind, Node *x, int groups, float eps, Param *gamma, Param *beta, Node *scale, Node *shift, Act act);
/* Batch norm in training: by the batch's own statistics, which are tracked for the running ones (op_norm.c): mean, and variance
 * over N - 1. At least two values a channel. */
Node *op_batch_norm(Graph *g, Node *x, Param *mean, Param *var, Param *gamma, Param *beta, float eps, Act act);
/* Batch norm with the given running statistics (inference), same as a per-channel affine map. */
Node *op_batch_norm_fixed(Graph *g, Node *x, Param *mean, Param *var, Param *gamma, Param *beta, float eps, Act act);

/* attention (op_attention.c): q [.., Nq, ..], tokens along `axis` of channels-last tensors; q, k, v may be the same node (a fused
 * projection) read at channel offsets q_at, k_at, v_at; width = heads * dim channels each. Result: q's shape with width channels. */
typedef struct AttentionOpts {
    int axis;                 /* token axis of q (and k, v); the others before it are `outer`, between it and the channels `inner` */
    int heads, dim;
    int64_t q_at, k_at, v_at;
    float scale;              /* 0 = dim^-1/2 */
    Node *bias;               /* f32 [heads, Nq, Nk], or [G, heads, Nq, Nk]: number i of the `outer` takes i % G; or NULL */
    Node *key_mask;           /* U8 [outer, Nk] or NULL */
    bool causal, linear;      /* linear: DabFusion's linear attention */
} AttentionOpts;
Node *op_attention(Graph *g, Node *q, Node *k, Node *v, AttentionOpts o);
Node *op_rope(Graph *g, Node *x, int axis, int heads, int dim, int64_t at, const float *angles, bool interleaved); /* rotates channels at..at+heads*dim, passes the rest; angles F [N, dim/2], caller's */

/* pictures (op_picture.c): x [B, H, W, C] or [B, T, H, W, C] (T is then part of the batch) */
Node *op_resize(Graph *g, Node *x, int64_t h, int64_t w, Resize mode, bool align);
Node *op_pool(Graph *g, Node *x, int size, int stride, int pad, bool max);
Node *op_warp(Graph *g, Node *x, Node *grid, WarpEdge edge, bool align, bool pixels); /* grid f32 [B, h, w, 2] as (x, y) */

/* ids I32 [...] -> [..., D] in the table's type; graph_run checks the ids */
Node *op_embedding(Graph *g, Param *table, Node *ids);

/* losses (op_loss.c): f32 scalars [1]; composed of the ops above, computed in f32. weight (same shape as or broadcastable to x) or NULL. */
Node *op_loss_l1(Graph *g, Node *x, Node *target, Node *weight);   /* mean of w |x - target| */
Node *op_loss_mse(Graph *g, Node *x, Node *target, Node *weight);
Node *op_loss_bce(Graph *g, Node *logits, Node *target, Node *weight); /* mean of max(x,0) - x t + log(1 + exp(-|x|)), times w */
Node *op_loss_xent(Graph *g, Node *logits, Node *target, int axis, Node *weight); /* mean over positions of -sum_axis target * log softmax; weight has axis 1 */

#endif
