/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures [B, H, W, C] and clips [B, T, H, W, C] (T is then part of the batch): resize, pool, warp. Formulas in
 * tensor/kernels.h.
 */
#include "graph/graph_internal.h"

static Tensor pictures(const Node *n)
{
    return (Tensor){n->t.type, shape_pictures(n->t.shape), n->t.data};
}

static bool is_picture(Graph *g, const char *op, Node *x)
{
    char text[96];
    if (!op_floats(g, op, &x, 1)) return false;
    if (x->t.shape.n == 4 || x->t.shape.n == 5) return true;
    return graph_fail(g, "%s: got x %s, expected [B, (T,) H, W, C]", op, shape_text(x->t.shape, text));
}

static Shape with_size(Shape s, int64_t h, int64_t w)
{
    s.d[s.n - 3] = h;
    s.d[s.n - 2] = w;
    return s;
}

/* ---- resize ------------------------------------------------------------------------------------------------------ */

typedef struct ResizeAttr { Resize mode; bool align; } ResizeAttr;

static void resize_run(Node *n)
{
    const ResizeAttr *at = n->attr;
    node_kernels(n)->resize(pictures(n->in[0]), pictures(n), at->mode, at->align);
}

static void resize_back_run(Node *n)
{
    const ResizeAttr *at = n->attr;
    node_kernels(n)->resize_grad(pictures(n->in[0]), pictures(n), at->mode, at->align);
}

static const Op resize_back_op = {.name = "resize'", .run = resize_back_run};

static void resize_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0];
    if (grad_wanted(x))
        grad_add(g, x, graph_node(g, &resize_back_op, x->t.type, x->t.shape, 1, &dy, n->attr, sizeof(ResizeAttr)));
}

static const Op resize_op = {.name = "resize", .run = resize_run, .grad = resize_grad};

Node *op_resize(Graph *g, Node *x, int64_t h, int64_t w, Resize mode, bool align)
{
    if (!is_picture(g, "resize", x)) return NULL;
    Shape s = with_size(x->t.shape, h, w);
    if (shape_equal(s, x->t.shape)) return x; /* every mode is the identity at equal size */
    return graph_node(g, &resize_op, x->t.type, s, 1, &x, &(ResizeAttr){mode, align}, sizeof(ResizeAttr));
}

/* ---- pool -------------------------------------------------------------------------------------------------------- */

typedef struct PoolAttr { int size, stride, pad; bool max; } PoolAttr;

static void pool_run(Node *n)
{
    const PoolAttr *at = n->attr;
    node_kernels(n)->pool(pictures(n->in[0]), pictures(n), at->size, at->stride, at->pad, at->max);
}

/* inputs: x, dy. Only the maximum looks at x's values. */
static void pool_back_run(Node *n)
{
    const PoolAttr *at = n->attr;
    Tensor x = n->in[0] ? pictures(n->in[0]) : pictures(n);
    node_kernels(n)->pool_grad(x, pictures(n->in[1]), pictures(n), at->size, at->stride, at->pad, at->max);
}

static const Op pool_back_op = {.name = "pool'", .run = pool_back_run};

static void pool_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *in[] = {((PoolAttr *)n->attr)->max ? x : NULL, dy};
    if (grad_wanted(x))
        grad_add(g, x, graph_node(g, &pool_back_op, x->t.type, x->t.shape, 2, in, n->attr, sizeof(PoolAttr)));
}

static const Op pool_op = {.name = "pool", .run = pool_run, .grad = pool_grad};

Node *op_pool(Graph *g, Node *x, int size, int stride, int pad, bool max)
{
    char text[96];
    if (!is_picture(g, "pool", x)) return NULL;
    int64_t h = node_dim(x, -3) + 2 * (int64_t)pad - size, w = node_dim(x, -2) + 2 * (int64_t)pad - size;
    if (size < 1 || stride < 1 || pad < 0 || 2 * pad > size || h < 0 || w < 0)
        return graph_fail(
            g, "pool: got windows of %d, stride %d, padding %d for %s; expected 1..side, from 1, 0..half a window",
            size, stride, pad, shape_text(x->t.shape, text));
    Shape s = with_size(x->t.shape, h / stride + 1, w / stride + 1);
    return graph_node(g, &pool_op, x->t.type, s, 1, &x, &(PoolAttr){size, stride, pad, max}, sizeof(PoolAttr));
}

/* ---- warp -------------------------------------------------------------------------------------------------------- */

typedef struct WarpAttr { WarpEdge edge; bool align, pixels; } WarpAttr;

static WarpArgs warp_args(const Node *n, const Node *x, const Node *grid)
{
    const WarpAttr *at = n->attr;
    return (WarpArgs){
        .x = pictures(x), .grid = pictures(grid), .edge = at->edge, .align = at->align, .pixels = at->pixels};
}

static void warp_run(Node *n)
{
    WarpArgs a = warp_args(n, n->in[0], n->in[1]);
    a.y = pictures(n);
    node_kernels(n)->warp(&a);
}

/* inputs: grid, dy */
static void warp_back_x_run(Node *n)
{
    WarpArgs a = warp_args(n, n, n->in[0]);
    a.y = pictures(n->in[1]);
    a.dy = a.y.data;
    a.dx = a.x;
    node_kernels(n)->warp_grad_x(&a);
}

/* inputs: x, grid, dy */
static void warp_back_grid_run(Node *n)
{
    WarpArgs a = warp_args(n, n->in[0], n->in[1]);
    a.y = pictures(n->in[2]);
    a.dy = a.y.data;
    a.dgrid = pictures(n);
    node_kernels(n)->warp_grad_grid(&a);
}

static const Op warp_back_x_op = {.name = "warp'x", .run = warp_back_x_run};
static const Op warp_back_grid_op = {.name = "warp'grid", .run = warp_back_grid_run};

static void warp_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *grid = n->in[1];
    Node *in_x[] = {grid, dy}, *in_grid[] = {x, grid, dy};
    if (grad_wanted(x))
        grad_add(g, x, graph_node(g, &warp_back_x_op, x->t.type, x->t.shape, 2, in_x, n->attr, sizeof(WarpAttr)));
    if (grad_wanted(grid))
        grad_add(g, grid,
                 graph_node(g, &warp_back_grid_op, JIG_F32, grid->t.shape, 3, in_grid, n->attr, sizeof(WarpAttr)));
}

static const Op warp_op = {.name = "warp", .run = warp_run, .grad = warp_grad};

Node *op_warp(Graph *g, Node *x, Node *grid, WarpEdge edge, bool align, bool pixels)
{
    char xs[96], gs[96];
    if (!is_picture(g, "warp", x) || !is_picture(g, "warp", grid)) return NULL;
    Shape s = x->t.shape, t = grid->t.shape;
    if (s.n != t.n || t.d[t.n - 1] != 2 || shape_pictures(s).d[0] != shape_pictures(t).d[0])
        return graph_fail(g, "warp: x %s and grid %s; expected [B, H, W, C] and [B, h, w, 2]", shape_text(s, xs),
                          shape_text(t, gs));
    Node *in[] = {x, op_cast(g, grid, JIG_F32)};
    return graph_node(g, &warp_op, x->t.type, with_size(s, t.d[t.n - 3], t.d[t.n - 2]), 2, in,
                      &(WarpAttr){edge, align, pixels}, sizeof(WarpAttr));
}
