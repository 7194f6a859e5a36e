/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums, means and maxima over axes (kept as length 1), softmax. Sums accumulate in f32 inside the kernel; the result
 * has x's type, but for op_mean_all, which is f32.
 */
#include "graph/graph_internal.h"

typedef struct ReduceAttr { Reduce f; unsigned axes; } ReduceAttr;

static void reduce_run(Node *n)
{
    node_kernels(n)->reduce(((ReduceAttr *)n->attr)->f, n->in[0]->t, n->t);
}

/* max: dy / count where x is the maximum. With d = y - x >= 0: the mask is 1 - relu'(d). */
static Node *max_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *d = op_sub(g, n, x);
    Node *above = op_act_grad(g, ACT_RELU, d, graph_fill(g, 1, d->t.type, d->t.shape));
    Node *mask = op_affine(g, above, -1, 1);
    Node *count = op_reduce_as(g, RED_SUM, mask, ((ReduceAttr *)n->attr)->axes, JIG_F32);
    return op_mul(g, mask, op_div(g, dy, count));
}

/* sum: dy;  mean: dy / count: both repeated over the axes. */
static void reduce_grad(Graph *g, Node *n, Node *dy)
{
    const ReduceAttr *at = n->attr;
    Node *x = n->in[0];
    if (!grad_wanted(x)) return;
    if (at->f == RED_MAX) {
        grad_add(g, x, max_grad(g, n, dy));
        return;
    }
    double count = (double)shape_count(x->t.shape) / (double)shape_count(n->t.shape);
    if (at->f == RED_MEAN) dy = op_affine(g, dy, (float)(1 / count), 0);
    grad_add(g, x, op_expand(g, op_cast(g, dy, x->t.type), x->t.shape));
}

static const Op reduce_op = {.name = "reduce", .run = reduce_run, .grad = reduce_grad};

Node *op_reduce_as(Graph *g, Reduce f, Node *x, unsigned axes, DType type)
{
    if (!op_floats(g, "reduce", &x, 1)) return NULL;
    Shape s = x->t.shape;
    if (axes >> s.n) return graph_fail(g, "reduce: got axes 0x%x, expected bits 0..%d", axes, s.n - 1);
    for (int i = 0; i < s.n; i++)
        if (axes >> i & 1) s.d[i] = 1;
    if (shape_equal(s, x->t.shape)) return op_cast(g, x, type);
    return graph_node(g, &reduce_op, type, s, 1, &x, &(ReduceAttr){f, axes}, sizeof(ReduceAttr));
}

Node *op_sum(Graph *g, Node *x, unsigned axes)
{
    return op_reduce_as(g, RED_SUM, x, axes, node_type(x));
}

Node *op_mean(Graph *g, Node *x, unsigned axes)
{
    return op_reduce_as(g, RED_MEAN, x, axes, node_type(x));
}

Node *op_reduce_max(Graph *g, Node *x, unsigned axes)
{
    return op_reduce_as(g, RED_MAX, x, axes, node_type(x));
}

Node *op_mean_all(Graph *g, Node *x)
{
    if (!op_floats(g, "mean_all", &x, 1)) return NULL;
    return op_reshape(g, op_reduce_as(g, RED_MEAN, x, (1u << x->t.shape.n) - 1, JIG_F32), SHAPE(1));
}

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

typedef struct SoftmaxAttr { int64_t outer, N, inner; bool log; } SoftmaxAttr;

static void softmax_run(Node *n)
{
    const SoftmaxAttr *at = n->attr;
    node_kernels(n)->softmax(n->in[0]->t, n->t, at->outer, at->N, at->inner, at->log);
}

static void softmax_back_run(Node *n)
{
    const SoftmaxAttr *at = n->attr;
    node_kernels(n)->softmax_grad(n->in[0]->t, n->in[1]->t, n->t, at->outer, at->N, at->inner, at->log);
}

static const Op softmax_back_op = {.name = "softmax'", .run = softmax_back_run};

/* dx = y (dy - sum y dy); log: dy - exp(y) sum dy. From y, so x need not be kept. */
static void softmax_grad(Graph *g, Node *n, Node *dy)
{
    Node *in[] = {n, dy};
    if (!grad_wanted(n->in[0])) return;
    grad_add(g, n->in[0], graph_node(g, &softmax_back_op, n->t.type, n->t.shape, 2, in, n->attr, sizeof(SoftmaxAttr)));
}

static const Op softmax_op = {.name = "softmax", .run = softmax_run, .grad = softmax_grad};

static Node *softmax(Graph *g, Node *x, int axis, bool log)
{
    if (!op_floats(g, "softmax", &x, 1) || (axis = op_axis(g, "softmax", x, axis)) < 0) return NULL;
    SoftmaxAttr at = {.N = x->t.shape.d[axis], .log = log};
    shape_around(x->t.shape, axis, &at.outer, &at.inner);
    return graph_node(g, &softmax_op, x->t.type, x->t.shape, 1, &x, &at, sizeof at);
}

Node *op_softmax(Graph *g, Node *x, int axis)
{
    return softmax(g, x, axis, false);
}

Node *op_log_softmax(Graph *g, Node *x, int axis)
{
    return softmax(g, x, axis, true);
}
