/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention (softmax and linear) over one token axis of channels-last tensors, and rotary positions.
 *
 * q, k and v are windows of channels: a fused projection is read in place, at its offsets. When the window lies in one
 * part of a concat or in a slice, the part itself is read, so that rotary positions on q and k alone need no copy of v.
 */
#include "graph/graph_internal.h"

#include <math.h>
#include <string.h>

enum { IN_Q, IN_K, IN_V, IN_BIAS, IN_MASK, IN_DOUT, ATTENTION_INPUTS, TOKENS = 3 };

typedef struct AttentionAttr {
    int64_t outer, inner, n[TOKENS]; /* tokens of q, k, v */
    int heads, dim;
    float scale;
    int64_t at[TOKENS];              /* first channel of the window */
    bool causal, linear;
    int out[TOKENS]; /* gradient: which result (0: the node, 1, 2: its sides) takes dq, dk, dv; -1: none */
    int64_t out_at[TOKENS];
} AttentionAttr;

static void *channel(const Node *n, int64_t at)
{
    return (char *)n->t.data + (size_t)at * dtype_size(n->t.type);
}

static int64_t bias_groups(const Node *bias)
{
    return bias && bias->t.shape.n == 4 ? bias->t.shape.d[0] : 1;
}

static AttentionArgs args(const Node *n)
{
    const AttentionAttr *at = n->attr;
    int64_t pitch[TOKENS];
    for (int i = 0; i < TOKENS; i++) pitch[i] = node_dim(n->in[i], -1);
    return (AttentionArgs){.outer = at->outer,
                           .inner = at->inner,
                           .nq = at->n[0],
                           .nk = at->n[1],
                           .heads = at->heads,
                           .dim = at->dim,
                           .type = n->in[IN_Q]->t.type,
                           .q = channel(n->in[IN_Q], at->at[0]),
                           .k = channel(n->in[IN_K], at->at[1]),
                           .v = channel(n->in[IN_V], at->at[2]),
                           .q_pitch = pitch[0],
                           .k_pitch = pitch[1],
                           .v_pitch = pitch[2],
                           .out_pitch = (int64_t)at->heads * at->dim,
                           .scale = at->scale,
                           .bias = n->in[IN_BIAS] ? n->in[IN_BIAS]->t.data : NULL,
                           .bias_groups = bias_groups(n->in[IN_BIAS]),
                           .key_mask = n->in[IN_MASK] ? n->in[IN_MASK]->t.data : NULL,
                           .causal = at->causal};
}

static void attention_run(Node *n)
{
    AttentionArgs a = args(n);
    a.out = n->t.data;
    const Kernels *k = node_kernels(n);
    (((AttentionAttr *)n->attr)->linear ? k->linear_attention : k->attention)(&a);
}

/* Two products of nq x nk x dim a head; linear: two of n x dim x dim. */
static double attention_flops(const Node *n)
{
    const AttentionAttr *at = n->attr;
    double keys = at->linear ? at->dim : (double)at->n[1];
    return 4.0 * (double)(at->outer * at->inner * at->heads) * (double)at->n[0] * keys * at->dim;
}

/* ---- gradient ---------------------------------------------------------------------------------------------------- */

/* The result number r of a backward node: itself, then its sides. */
static Node *result(Node *n, int r)
{
    return r == 0 ? n : n->side[r - 1];
}

static void attention_back_run(Node *n)
{
    const AttentionAttr *at = n->attr;
    AttentionArgs a = args(n);
    const Kernels *k = node_kernels(n);
    void **d[TOKENS] = {&a.dq, &a.dk, &a.dv};
    int64_t *pitch[TOKENS] = {&a.dq_pitch, &a.dk_pitch, &a.dv_pitch};
    int64_t width = (int64_t)at->heads * at->dim, used[TOKENS] = {0};
    for (int i = 0; i < TOKENS; i++) used[at->out[i]] += width;
    for (int i = 0; i < TOKENS; i++) {
        Node *to = result(n, at->out[i]);
        *d[i] = channel(to, at->out_at[i]);
        *pitch[i] = node_dim(to, -1);
        if (used[at->out[i]] < *pitch[i]) k->fill(to->t, 0); /* before the kernel: channels that nobody read */
    }
    Node *bias = n->in[IN_BIAS] ? n->side[TOKENS - 1] : NULL;
    a.dbias = bias ? bias->t.data : NULL;
    a.dout = n->in[IN_DOUT]->t.data;
    (at->linear ? k->linear_attention_grad : k->attention_grad)(&a);
}

/* Softmax: the scores again, then four products; linear: about five. */
static double attention_back_flops(const Node *n)
{
    return 2.5 * attention_flops(n);
}

static const Op attention_back_op = {.name = "attention'", .run = attention_back_run, .flops = attention_back_flops};

static bool overlaps(const AttentionAttr *at, int i, int j)
{
    int64_t width = (int64_t)at->heads * at->dim;
    return at->at[i] < at->at[j] + width && at->at[j] < at->at[i] + width;
}

/* The first result that token kind i may share: the same node read at other channels. */
static int result_for(const AttentionAttr *at, Node *const *in, int i, int n_results)
{
    for (int r = 0; r < n_results; r++) {
        bool fits = true;
        for (int j = 0; j < i; j++)
            if (at->out[j] == r) fits = fits && in[j] == in[i] && !overlaps(at, i, j);
        if (fits) return r;
    }
    return n_results;
}

/* One result for each different node among q, k, v: all its channels from the first to the last one read. The kernel
 * writes all three gradients, wanted or not. */
static void attention_grad(Graph *g, Node *n, Node *dy)
{
    AttentionAttr at = *(AttentionAttr *)n->attr;
    int64_t width = (int64_t)at.heads * at.dim, from[TOKENS], to[TOKENS];
    Node *in[ATTENTION_INPUTS], *source[TOKENS];
    memcpy(in, n->in, sizeof in);
    in[IN_DOUT] = dy;
    int n_sources = 0;
    for (int i = 0; i < TOKENS; i++) {
        int r = result_for(&at, in, i, n_sources);
        if (r == n_sources) {
            source[n_sources++] = in[i];
            from[r] = at.at[i];
            to[r] = at.at[i] + width;
        }
        from[r] = MIN(from[r], at.at[i]);
        to[r] = MAX(to[r], at.at[i] + width);
        at.out[i] = r;
    }
    for (int i = 0; i < TOKENS; i++) at.out_at[i] = at.at[i] - from[at.out[i]];
    Node *back = NULL;
    for (int r = 0; r < n_sources; r++) {
        Shape s = shape_replace(source[r]->t.shape, source[r]->t.shape.n - 1, to[r] - from[r]);
        Node *d = r == 0 ? graph_node(g, &attention_back_op, n->t.type, s, ATTENTION_INPUTS, in, &at, sizeof at)
                         : graph_side(g, back, r - 1, n->t.type, s);
        if (r == 0) back = d;
        if (grad_wanted(source[r])) grad_add_part(g, source[r], d, s.n - 1, from[r]);
    }
    Node *bias = in[IN_BIAS];
    if (grad_wanted(bias)) grad_add(g, bias, graph_side(g, back, TOKENS - 1, JIG_F32, bias->t.shape));
}

static const Op attention_op = {
    .name = "attention", .run = attention_run, .grad = attention_grad, .flops = attention_flops};

/* ---- building ---------------------------------------------------------------------------------------------------- */

/* The node that really holds channels at..at+width of x. */
static Node *holder(Node *x, int64_t *at, int64_t width)
{
    for (;;) {
        const BoxAttr *box = x->attr;
        bool last = (x->op == &op_concat_info || x->op == &op_slice_info) && box->axis == x->t.shape.n - 1;
        if (!last || x->kept) return x;
        if (x->op == &op_slice_info) {
            *at += box->from;
            x = x->in[0];
            continue;
        }
        int64_t from = 0;
        Node *part = NULL;
        for (int i = 0; i < x->n_in && !part; i++) {
            int64_t count = node_dim(x->in[i], -1);
            if (*at >= from && *at + width <= from + count) part = x->in[i];
            else from += count;
        }
        if (!part) return x;
        *at -= from;
        x = part;
    }
}

static bool tokens_fit(Graph *g, AttentionAttr *at, Node *const *in, int axis)
{
    static const char *const names[] = {"q", "k", "v"};
    int64_t width = (int64_t)at->heads * at->dim;
    char text[96];
    for (int i = 0; i < TOKENS; i++) {
        Shape s = in[i]->t.shape;
        int64_t outer = 0, inner = 0;
        if (s.n == in[0]->t.shape.n) shape_around(s, axis, &outer, &inner);
        inner /= MAX(node_dim(in[i], -1), 1);
        if (i == 0) {
            at->outer = outer;
            at->inner = inner;
        }
        at->n[i] = s.n == in[0]->t.shape.n ? s.d[axis] : 0;
        if (outer != at->outer || inner != at->inner || (i == 2 && at->n[2] != at->n[1]) ||
            (at->linear && at->n[i] != at->n[0]) || in[i]->t.type != in[0]->t.type) {
            graph_fail(g, "attention: %s is %s %s, which does not fit q along axis %d", names[i],
                       dtype_name(in[i]->t.type), shape_text(s, text), axis);
            return false;
        }
        if (at->at[i] < 0 || at->at[i] + width > node_dim(in[i], -1)) {
            graph_fail(g, "attention: %s has %lld channels, %d heads of %d at %lld were asked for", names[i],
                       (long long)node_dim(in[i], -1), at->heads, at->dim, (long long)at->at[i]);
            return false;
        }
    }
    return true;
}

static bool extras_fit(Graph *g, const AttentionAttr *at, const AttentionOpts *o)
{
    char text[96];
    int64_t groups = bias_groups(o->bias);
    Shape bias = SHAPE(at->heads, at->n[0], at->n[1]), mask = SHAPE(at->outer, at->n[1]);
    if (o->bias && o->bias->t.shape.n == 4) bias = SHAPE(groups, at->heads, at->n[0], at->n[1]);
    if (o->bias && (o->bias->t.type != JIG_F32 || !shape_equal(o->bias->t.shape, bias) || at->outer % groups))
        return graph_fail(g, "attention: bias is %s %s, expected F32 [%d, %lld, %lld], or a part of %lld such",
                          dtype_name(o->bias->t.type), shape_text(o->bias->t.shape, text), at->heads,
                          (long long)at->n[0], (long long)at->n[1], (long long)at->outer);
    if (o->key_mask && (o->key_mask->t.type != JIG_U8 || !shape_equal(o->key_mask->t.shape, mask)))
        return graph_fail(g, "attention: mask is %s %s, expected U8 [%lld, %lld]", dtype_name(o->key_mask->t.type),
                          shape_text(o->key_mask->t.shape, text), (long long)at->outer, (long long)at->n[1]);
    if (o->linear && (o->bias || o->key_mask || o->causal))
        return graph_fail(g, "attention: the linear kind has no bias, mask or causal order");
    return true;
}

Node *op_attention(Graph *g, Node *q, Node *k, Node *v, AttentionOpts o)
{
    Node *in[ATTENTION_INPUTS] = {q, k, v, o.bias, o.key_mask};
    AttentionAttr at = {.heads = o.heads,
                        .dim = o.dim,
                        .scale = o.scale,
                        .at = {o.q_at, o.k_at, o.v_at},
                        .causal = o.causal,
                        .linear = o.linear};
    if (!op_floats(g, "attention", in, TOKENS)) return NULL;
    int axis = op_axis(g, "attention", q, o.axis);
    if (axis < 0) return NULL;
    if (axis == q->t.shape.n - 1 || o.heads < 1 || o.dim < 1)
        return graph_fail(g,
                          "attention: got token axis %d, %d heads of %d; expected an axis before the channels, from 1",
                          axis, o.heads, o.dim);
    if (!tokens_fit(g, &at, in, axis) || !extras_fit(g, &at, &o)) return NULL;
    if (at.scale == 0) at.scale = 1 / sqrtf((float)o.dim);
    int64_t width = (int64_t)o.heads * o.dim;
    for (int i = 0; i < TOKENS; i++) in[i] = holder(in[i], &at.at[i], width);
    return graph_node(g, &attention_op, q->t.type, shape_replace(q->t.shape, q->t.shape.n - 1, width), ATTENTION_INPUTS,
                      in, &at, sizeof at);
}

/* ---- rotary positions -------------------------------------------------------------------------------------------- */

typedef struct RopeAttr {
    const float *angles; /* the caller's, F [N, dim/2] */
    int64_t outer, N, inner;
    int heads, dim;
    bool interleaved;
    float sign;
} RopeAttr;

static void rope_run(Node *n)
{
    const RopeAttr *at = n->attr;
    node_kernels(n)->rope(n->in[0]->t, n->t, at->angles, at->outer, at->N, at->inner, at->heads, at->dim,
                          at->interleaved, at->sign);
}

static const Op rope_op;

/* A rotation's gradient is the rotation back. */
static void rope_grad(Graph *g, Node *n, Node *dy)
{
    RopeAttr at = *(RopeAttr *)n->attr;
    at.sign = -at.sign;
    if (grad_wanted(n->in[0]))
        grad_add(g, n->in[0], graph_node(g, &rope_op, n->t.type, n->t.shape, 1, &dy, &at, sizeof at));
}

static const Op rope_op = {.name = "rope", .run = rope_run, .grad = rope_grad};

Node *op_rope(Graph *g, Node *x, int axis, int heads, int dim, int64_t at, const float *angles, bool interleaved)
{
    if (!op_floats(g, "rope", &x, 1) || (axis = op_axis(g, "rope", x, axis)) < 0) return NULL;
    int last = x->t.shape.n - 1;
    int64_t channels = node_dim(x, -1), width = (int64_t)heads * dim;
    if (axis == last || heads < 1 || dim < 2 || dim % 2 || at < 0 || at + width > channels)
        return graph_fail(
            g,
            "rope: got axis %d, %d heads of %d at channel %lld of %lld; expected an axis before the channels, an even "
            "width and room for them",
            axis, heads, dim, (long long)at, (long long)channels);
    RopeAttr a = {
        .angles = angles, .N = node_dim(x, axis), .heads = heads, .dim = dim, .interleaved = interleaved, .sign = 1};
    shape_around(x->t.shape, axis, &a.outer, &a.inner);
    a.inner /= channels;
    Node *parts[3], *turned = op_slice(g, x, last, at, width);
    if (!turned) return NULL;
    int n = 0;
    if (at > 0) parts[n++] = op_slice(g, x, last, 0, at);
    parts[n++] = graph_node(g, &rope_op, x->t.type, turned->t.shape, 1, &turned, &a, sizeof a);
    if (at + width < channels) parts[n++] = op_slice(g, x, last, at + width, channels - at - width);
    return op_concat(g, parts, n, last);
}
