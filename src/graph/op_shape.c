/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops that only move values: reshape, permute, reorder, slice, concat, repeat, pad, and assemble (the reverse of
 * slicing). Reshapes, permutes that move only axes of length 1, and slices of which all earlier axes are 1 are views:
 * they cost nothing.
 */
#include "graph/graph_internal.h"

#include <assert.h>
#include <string.h>

static const int64_t origin[SHAPE_MAX];

/* ---- reshape ----------------------------------------------------------------------------------------------------- */

static void reshape_grad(Graph *g, Node *n, Node *dy)
{
    if (grad_wanted(n->in[0])) grad_add(g, n->in[0], op_reshape(g, dy, n->in[0]->t.shape));
}

const Op op_reshape_info = {.name = "reshape", .grad = reshape_grad};

Node *op_reshape(Graph *g, Node *x, Shape s)
{
    char from[96], to[96];
    if (!x) return NULL;
    int64_t count = shape_count(x->t.shape), known = 1;
    int open = -1;
    bool fits = true;
    for (int i = 0; i < s.n; i++) {
        if (s.d[i] == -1 && open < 0) open = i;
        else fits = fits && s.d[i] > 0 && !__builtin_mul_overflow(known, s.d[i], &known);
    }
    if (!fits || (open < 0 ? known != count : count % known != 0))
        return graph_fail(g, "reshape: %s has not as many elements as %s", shape_text(x->t.shape, from),
                          shape_text(s, to));
    if (open >= 0) s.d[open] = count / known;
    return shape_equal(s, x->t.shape) ? x : graph_view(g, &op_reshape_info, x, s, 0);
}

/* ---- permute ----------------------------------------------------------------------------------------------------- */

typedef struct PermuteAttr { int axes[SHAPE_MAX]; } PermuteAttr;

static void permute_run(Node *n)
{
    node_kernels(n)->permute(n->in[0]->t, ((PermuteAttr *)n->attr)->axes, n->t);
}

static void permute_grad(Graph *g, Node *n, Node *dy)
{
    const PermuteAttr *at = n->attr;
    int back[SHAPE_MAX];
    for (int i = 0; i < n->t.shape.n; i++) back[at->axes[i]] = i;
    if (grad_wanted(n->in[0])) grad_add(g, n->in[0], op_permute(g, dy, back));
}

static const Op permute_op = {.name = "permute", .run = permute_run, .grad = permute_grad};

Node *op_permute(Graph *g, Node *x, const int *axes)
{
    if (!x) return NULL;
    Shape s = x->t.shape;
    PermuteAttr at = {0};
    unsigned seen = 0;
    int last = -1;
    bool moves = false;
    for (int i = 0; i < s.n; i++) {
        int a = axes[i];
        if (a < 0 || a >= s.n || seen >> a & 1)
            return graph_fail(g, "permute: axis %d at place %d; expected each of 0..%d once", a, i, s.n - 1);
        seen |= 1u << a;
        at.axes[i] = a;
        s.d[i] = x->t.shape.d[a];
        if (s.d[i] == 1) continue;
        moves = moves || a < last;
        last = a;
    }
    return moves ? graph_node(g, &permute_op, x->t.type, s, 1, &x, &at, sizeof at) : op_reshape(g, x, s);
}

/* ---- reorder ----------------------------------------------------------------------------------------------------- */

enum { IN_ROWS, IN_FROM, IN_BACK };

static void reorder_run(Node *n)
{
    int64_t c = node_dim(n, -1), rows = shape_count(n->t.shape) / c;
    Tensor x = {n->t.type, SHAPE(rows, c), n->in[IN_ROWS]->t.data}, y = {n->t.type, SHAPE(rows, c), n->t.data};
    node_kernels(n)->embedding(x, n->in[IN_FROM]->t, y); /* x is the table */
}

/* The gradient takes the way back. */
static void reorder_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[IN_ROWS];
    if (grad_wanted(x)) grad_add(g, x, op_reorder(g, dy, n->in[IN_BACK], n->in[IN_FROM], x->t.shape));
}

static const Op reorder_op = {.name = "reorder", .run = reorder_run, .grad = reorder_grad};

Node *op_reorder(Graph *g, Node *x, Node *from, Node *back, Shape s)
{
    char xs[96], ss[96];
    Node *in[] = {x, from, back};
    if (!from || !back || !op_floats(g, "reorder", &x, 1)) return NULL;
    int64_t c = node_dim(x, -1), rows = shape_count(x->t.shape) / MAX(c, 1);
    Shape ids = SHAPE(rows);
    if (s.n < 1 || s.d[s.n - 1] != c || shape_count(s) != rows * c)
        return graph_fail(g, "reorder: %s cannot become %s", shape_text(x->t.shape, xs), shape_text(s, ss));
    if (from->t.type != JIG_I32 || !shape_equal(from->t.shape, ids) || !shape_equal(back->t.shape, ids))
        return graph_fail(g, "reorder: got rows %s, expected I32 [%lld] twice", shape_text(from->t.shape, xs),
                          (long long)rows);
    return graph_node(g, &reorder_op, x->t.type, s, 3, in, NULL, 0);
}

/* ---- slice ------------------------------------------------------------------------------------------------------- */

static void slice_run(Node *n)
{
    const BoxAttr *at = n->attr;
    int64_t from[SHAPE_MAX] = {0};
    from[at->axis] = at->from;
    node_kernels(n)->copy_box(n->in[0]->t, from, n->t, origin, n->t.shape.d, false);
}

static void slice_grad(Graph *g, Node *n, Node *dy)
{
    const BoxAttr *at = n->attr;
    if (grad_wanted(n->in[0])) grad_add_part(g, n->in[0], dy, at->axis, at->from);
}

const Op op_slice_info = {.name = "slice", .run = slice_run, .grad = slice_grad};

Node *op_slice(Graph *g, Node *x, int axis, int64_t from, int64_t count)
{
    if (!x || (axis = op_axis(g, "slice", x, axis)) < 0) return NULL;
    Shape s = x->t.shape;
    if (from < 0 || count < 1 || count > s.d[axis] || from > s.d[axis] - count)
        return graph_fail(g, "slice: got %lld..%lld of axis %d, expected a part of 0..%lld", (long long)from,
                          (long long)(from + count - 1), axis, (long long)s.d[axis] - 1);
    if (count == s.d[axis]) return x;
    int64_t outer, inner;
    shape_around(s, axis, &outer, &inner);
    BoxAttr at = {axis, from};
    s.d[axis] = count;
    Node *n = graph_node(g, &op_slice_info, x->t.type, s, 1, &x, &at, sizeof at);
    if (n && outer == 1) {
        n->view_of = x;
        n->view_at = (size_t)(from * inner) * dtype_size(x->t.type);
    }
    return n;
}

/* ---- concat ------------------------------------------------------------------------------------------------------ */

static void concat_run(Node *n)
{
    int axis = ((BoxAttr *)n->attr)->axis;
    int64_t to[SHAPE_MAX] = {0};
    for (int i = 0; i < n->n_in; i++) {
        Tensor x = n->in[i]->t;
        node_kernels(n)->copy_box(x, origin, n->t, to, x.shape.d, false);
        to[axis] += x.shape.d[axis];
    }
}

static void concat_grad(Graph *g, Node *n, Node *dy)
{
    int axis = ((BoxAttr *)n->attr)->axis;
    int64_t from = 0;
    for (int i = 0; i < n->n_in; i++) {
        int64_t count = n->in[i]->t.shape.d[axis];
        if (grad_wanted(n->in[i])) grad_add(g, n->in[i], op_slice(g, dy, axis, from, count));
        from += count;
    }
}

const Op op_concat_info = {.name = "concat", .run = concat_run, .grad = concat_grad};

Node *op_concat(Graph *g, Node **xs, int n, int axis)
{
    char got[96], first[96];
    if (n < 1) return graph_fail(g, "concat: got %d parts, expected at least 1", n);
    for (int i = 0; i < n; i++)
        if (!xs[i]) return NULL;
    if ((axis = op_axis(g, "concat", xs[0], axis)) < 0) return NULL;
    Shape s = xs[0]->t.shape;
    for (int i = 1; i < n; i++) {
        Shape p = xs[i]->t.shape;
        if (xs[i]->t.type != xs[0]->t.type)
            return graph_fail(g, "concat: part %d is %s, part 0 is %s", i, dtype_name(xs[i]->t.type),
                              dtype_name(xs[0]->t.type));
        if (p.n != s.n || !shape_equal(shape_replace(p, axis, 1), shape_replace(s, axis, 1)))
            return graph_fail(g, "concat: part %d is %s, part 0 is %s; expected equal but for axis %d", i,
                              shape_text(p, got), shape_text(xs[0]->t.shape, first), axis);
        s.d[axis] += p.d[axis];
    }
    return n == 1 ? xs[0]
                  : graph_node(g, &op_concat_info, xs[0]->t.type, s, n, xs, &(BoxAttr){axis, 0}, sizeof(BoxAttr));
}

/* ---- assemble: the gradient of what was sliced ------------------------------------------------------------------- */

typedef struct AssembleAttr {
    bool whole;     /* input 0 is added to; else the result starts at 0 */
    BoxAttr part[]; /* of the other inputs */
} AssembleAttr;

static void assemble_run(Node *n)
{
    const AssembleAttr *at = n->attr;
    const Kernels *k = node_kernels(n);
    if (!at->whole) k->fill(n->t, 0);
    else if (n->in[0]->t.data != n->t.data) k->cast(n->in[0]->t, n->t);
    for (int i = at->whole; i < n->n_in; i++) {
        int64_t to[SHAPE_MAX] = {0};
        const BoxAttr *box = &at->part[i];
        to[box->axis] = box->from;
        k->copy_box(n->in[i]->t, origin, n->t, to, n->in[i]->t.shape.d, true);
    }
}

static const Op assemble_op = {.name = "assemble", .run = assemble_run, .in_place = 1};

/* Parts that lie side by side along one axis and cover all of it are a concat. */
static Node *as_concat(Graph *g, Shape s, const Contribution *parts, int n)
{
    Node **xs = arena_alloc(g->mem, (size_t)n * sizeof *xs);
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        const Contribution *next = NULL;
        for (const Contribution *p = parts; p; p = p->next)
            if (p->axis == parts->axis && p->from == at) next = p;
        if (!next) return NULL;
        xs[i] = next->value;
        at += next->value->t.shape.d[parts->axis];
    }
    return at == s.d[parts->axis] ? op_concat(g, xs, n, parts->axis) : NULL;
}

Node *op_assemble(Graph *g, Shape s, DType type, Node *whole, const Contribution *parts)
{
    int n = 0;
    for (const Contribution *p = parts; p; p = p->next) n++;
    Node *y = whole ? NULL : as_concat(g, s, parts, n);
    if (y) return y;
    size_t bytes = sizeof(AssembleAttr) + (size_t)(n + 1) * sizeof(BoxAttr);
    AssembleAttr *at = arena_alloc(g->mem, bytes);
    Node **in = arena_alloc(g->mem, (size_t)(n + 1) * sizeof *in);
    at->whole = whole != NULL;
    int i = 0;
    if (whole) in[i++] = whole;
    for (const Contribution *p = parts; p; p = p->next) {
        at->part[i] = (BoxAttr){p->axis, p->from};
        in[i++] = p->value;
    }
    return graph_node(g, &assemble_op, type, s, i, in, at, bytes);
}

/* ---- repeat ------------------------------------------------------------------------------------------------------ */

enum { LONG_RUN = 64 }; /* elements from which on copying runs beats adding to zeros */

/* The axis that alone is repeated, with long runs behind it; else -1. */
static int repeated_axis(Shape x, Shape y)
{
    int axis = -1;
    int64_t outer, inner;
    for (int i = 0; i < y.n; i++) {
        if (x.d[i] == y.d[i]) continue;
        if (axis >= 0) return -1;
        axis = i;
    }
    if (axis < 0) return -1;
    shape_around(y, axis, &outer, &inner);
    return inner >= LONG_RUN ? axis : -1;
}

/* There is no kernel for it: runs are copied, single values are added to zeros. */
static void expand_run(Node *n)
{
    const Kernels *k = node_kernels(n);
    Tensor x = n->in[0]->t;
    int axis = repeated_axis(x.shape, n->t.shape);
    if (axis < 0) {
        k->fill(n->t, 0);
        k->binary(BIN_ADD, n->t, x, n->t);
    }
    for (int64_t i = 0; axis >= 0 && i < n->t.shape.d[axis]; i++) {
        int64_t to[SHAPE_MAX] = {0};
        to[axis] = i;
        k->copy_box(x, origin, n->t, to, x.shape.d, false);
    }
}

static void expand_grad(Graph *g, Node *n, Node *dy)
{
    if (grad_wanted(n->in[0])) grad_add(g, n->in[0], dy); /* grad_add sums over the repeated axes */
}

static const Op expand_op = {.name = "repeat", .run = expand_run, .grad = expand_grad};

Node *op_expand(Graph *g, Node *x, Shape s)
{
    if (!op_floats(g, "repeat", &x, 1)) return NULL;
    assert(x->t.shape.n == s.n);
    return shape_equal(x->t.shape, s) ? x : graph_node(g, &expand_op, x->t.type, s, 1, &x, NULL, 0);
}

Node *op_repeat(Graph *g, Node *x, int axis, int64_t times)
{
    if (!x || (axis = op_axis(g, "repeat", x, axis)) < 0) return NULL;
    if (x->t.shape.d[axis] != 1 || times < 1)
        return graph_fail(g, "repeat: got length %lld of axis %d, %lld times; expected length 1, at least once",
                          (long long)x->t.shape.d[axis], axis, (long long)times);
    return op_expand(g, x, shape_replace(x->t.shape, axis, times));
}

/* ---- pad --------------------------------------------------------------------------------------------------------- */

typedef struct PadAttr { int64_t lo[SHAPE_MAX]; Pad mode; } PadAttr;

static void pad_run(Node *n)
{
    const PadAttr *at = n->attr;
    node_kernels(n)->pad(n->in[0]->t, n->t, at->lo, at->mode);
}

static void pad_back_run(Node *n)
{
    const PadAttr *at = n->attr;
    node_kernels(n)->pad_grad(n->in[0]->t, n->t, at->lo, at->mode);
}

static const Op pad_back_op = {.name = "pad'", .run = pad_back_run};

static void pad_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0];
    if (grad_wanted(x))
        grad_add(g, x, graph_node(g, &pad_back_op, dy->t.type, x->t.shape, 1, &dy, n->attr, sizeof(PadAttr)));
}

static const Op pad_op = {.name = "pad", .run = pad_run, .grad = pad_grad};

Node *op_pad(Graph *g, Node *x, const int64_t *lo, const int64_t *hi, Pad mode)
{
    if (!op_floats(g, "pad", &x, 1)) return NULL;
    Shape s = x->t.shape;
    PadAttr at = {.mode = mode};
    for (int i = 0; i < s.n; i++) {
        int64_t most = mode == PAD_REFLECT ? s.d[i] - 1 : INT32_MAX;
        if (lo[i] < 0 || hi[i] < 0 || lo[i] > most || hi[i] > most)
            return graph_fail(g, "pad: got %lld before and %lld behind axis %d, expected 0..%lld", (long long)lo[i],
                              (long long)hi[i], i, (long long)most);
        at.lo[i] = lo[i];
        s.d[i] += lo[i] + hi[i];
    }
    return shape_equal(s, x->t.shape) ? x : graph_node(g, &pad_op, x->t.type, s, 1, &x, &at, sizeof at);
}
