/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution and transposed convolution: y = act(conv(x, w) + b + residual), formulas and sizes in tensor/kernels.h.
 * Pictures [B, H, W, C] are clips of one frame and sequences [B, W, C] pictures of one row: the kernels see five axes,
 * the nodes keep the caller's shapes. The weight is a parameter, or a node made of parameters (weight norm).
 */
#include "graph/graph_internal.h"

typedef struct ConvAttr {
    Epilogue out;
    ConvGeom geom;
    Shape x, w, y; /* with five axes */
} ConvAttr;

static Tensor shaped(Tensor t, Shape s)
{
    t.shape = s;
    return t;
}

static void conv_run(Node *n)
{
    const ConvAttr *at = n->attr;
    const Node *b = n->in[EPILOGUE_BIAS], *r = n->in[EPILOGUE_RESIDUAL];
    Tensor residual = r ? shaped(r->t, at->y) : (Tensor){0};
    node_kernels(n)->conv(&(ConvArgs){.geom = at->geom,
                                      .x = shaped(n->in[0]->t, at->x),
                                      .w = shaped(n->in[1]->t, at->w),
                                      .y = shaped(n->t, at->y),
                                      .b = b ? &b->t : NULL,
                                      .r = r ? &residual : NULL,
                                      .act = at->out.act,
                                      .state = &n->state});
}

/* Each tap of each weight meets each position of the narrow side once: y of a convolution, x of a transposed one. */
static double conv_flops(const Node *n)
{
    const ConvAttr *at = n->attr;
    Shape narrow = at->geom.transposed ? at->x : at->y;
    return 2.0 * (double)(narrow.d[0] * narrow.d[1] * narrow.d[2] * narrow.d[3]) * (double)shape_count(at->w);
}

/* inputs: dy, w */
static void conv_back_x_run(Node *n)
{
    const ConvAttr *at = n->attr;
    node_kernels(n)->conv_grad_x(&(ConvArgs){.geom = at->geom,
                                             .x = shaped(n->t, at->x),
                                             .w = shaped(n->in[1]->t, at->w),
                                             .y = shaped(n->in[0]->t, at->y),
                                             .state = &n->state});
}

static const Op conv_back_x_op = {.name = "conv'x", .run = conv_back_x_run, .flops = conv_flops};

/* inputs: x, dy; side 0: db */
static void conv_back_w_run(Node *n)
{
    const ConvAttr *at = n->attr;
    const Node *db = n->side[0];
    node_kernels(n)->conv_grad_w(&(ConvArgs){.geom = at->geom,
                                             .x = shaped(n->in[0]->t, at->x),
                                             .w = shaped(n->t, at->w),
                                             .y = shaped(n->in[1]->t, at->y),
                                             .b = db ? &db->t : NULL,
                                             .state = &n->state});
}

static const Op conv_back_w_op = {.name = "conv'w", .run = conv_back_w_run, .flops = conv_flops};

static void conv_grad(Graph *g, Node *n, Node *dy)
{
    const ConvAttr *at = n->attr;
    Node *x = n->in[0], *w = n->in[1], *b = n->in[EPILOGUE_BIAS];
    if (grad_wanted(w)) {
        Node *in[] = {x, dy};
        Node *dw = graph_node(g, &conv_back_w_op, JIG_F32, w->t.shape, 2, in, at, sizeof *at);
        grad_add(g, w, dw);
        if (grad_wanted(b)) grad_add(g, b, graph_side(g, dw, 0, JIG_F32, b->t.shape));
    } else if (grad_wanted(b)) {
        Node *rows = op_reshape(g, dy, SHAPE(-1, node_dim(dy, -1)));
        grad_add(g, b, op_reshape(g, op_reduce_as(g, RED_SUM, rows, 1, JIG_F32), b->t.shape));
    }
    if (grad_wanted(x)) {
        Node *in[] = {dy, w};
        Node *dx = graph_node(g, &conv_back_x_op, x->t.type, x->t.shape, 2, in, at, sizeof *at);
        if (dx) dx->weight = 1;
        grad_add(g, x, dx);
    }
}

static const Op conv_op = {.name = "conv", .run = conv_run, .grad = conv_grad, .flops = conv_flops, .epilogue = true};

/* Axes of length 1 put in at `at` until there are T, H and W. */
static Shape with_space(Shape s, int at)
{
    Shape r = {.n = 5};
    int more = 5 - s.n;
    for (int i = 0; i < 5; i++) r.d[i] = i < at ? s.d[i] : i < at + more ? 1 : s.d[i - more];
    return r;
}

/* Fills at->geom and at->y from x, w and the options; false when they do not fit. */
static bool geometry(Graph *g, ConvAttr *at, ConvOpts o, int missing)
{
    ConvGeom *geom = &at->geom;
    geom->groups = o.groups ? o.groups : 1;
    int64_t out = at->w.d[geom->transposed ? 1 : 0] * (geom->transposed ? geom->groups : 1);
    at->y = SHAPE(at->x.d[0], 1, 1, 1, out);
    for (int i = 0; i < 3; i++) {
        bool none = i < missing;
        int64_t k = at->w.d[2 + i], s = none || !o.stride[i] ? 1 : o.stride[i],
                d = none || !o.dilation[i] ? 1 : o.dilation[i];
        int64_t lo = none ? 0 : o.pad_lo[i], hi = none ? 0 : o.pad_hi[i], reach = (k - 1) * d + 1, n = at->x.d[1 + i];
        if (s < 1 || d < 1 || lo < 0 || hi < 0) {
            graph_fail(
                g, "conv: got stride %lld, dilation %lld, padding %lld and %lld on axis %c; expected from 1, 1, 0, 0",
                (long long)s, (long long)d, (long long)lo, (long long)hi, "THW"[i]);
            return false;
        }
        int64_t y = geom->transposed       ? (n - 1) * s - lo - hi + reach
                    : n + lo + hi >= reach ? (n + lo + hi - reach) / s + 1
                                           : 0;
        if (y < 1) {
            graph_fail(g, "conv: %lld along %c is too short for a kernel of %lld", (long long)n, "THW"[i],
                       (long long)reach);
            return false;
        }
        geom->kernel[i] = k;
        geom->stride[i] = s;
        geom->dilation[i] = d;
        geom->pad_lo[i] = lo;
        geom->pad_hi[i] = hi;
        at->y.d[1 + i] = y;
    }
    return true;
}

static Node *conv(Graph *g, Node *x, Node *weight, Node *bias, ConvOpts o, bool transposed)
{
    char xs[96], ws[96];
    Node *floats[] = {x, weight};
    if (!op_floats(g, "conv", floats, 2)) return NULL;
    Shape sx = x->t.shape, sw = weight->t.shape;
    int64_t groups = o.groups ? o.groups : 1, in = node_dim(x, -1);
    bool fits = sx.n >= 3 && sx.n <= 5 && sw.n == sx.n && groups > 0 && in % groups == 0;
    if (!fits || (transposed ? sw.d[0] != in : sw.d[1] * groups != in || sw.d[0] % groups))
        return graph_fail(g, "conv%s: x %s, weight %s %s, %lld groups do not fit; expected [B, (T, H,) W, C] and %s",
                          transposed ? " transposed" : "", shape_text(sx, xs), weight->param ? weight->param->name : "",
                          shape_text(sw, ws), (long long)groups,
                          transposed ? "[C, O/groups, (t, h,) w]" : "[O, C/groups, (t, h,) w]");
    ConvAttr at = {.geom.transposed = transposed, .x = with_space(sx, 1), .w = with_space(sw, 2)};
    if (!geometry(g, &at, o, 5 - sx.n)) return NULL;
    if (bias && shape_count(bias->t.shape) != at.y.d[4])
        return graph_fail(g, "conv: bias is %s, expected %lld values", shape_text(bias->t.shape, xs),
                          (long long)at.y.d[4]);
    Shape y = {.n = sx.n};
    for (int i = 0; i < y.n; i++) y.d[i] = at.y.d[i == 0 ? 0 : i + 5 - y.n];
    Node *ins[EPILOGUE_INPUTS] = {x, weight, bias};
    Node *n = graph_node(g, &conv_op, x->t.type, y, EPILOGUE_INPUTS, ins, &at, sizeof at);
    if (n) n->weight = 1;
    return n;
}

static Node *conv_of_params(Graph *g, Node *x, Param *w, Param *b, ConvOpts o, bool transposed)
{
    Node *weight = x ? graph_param(g, w) : NULL;
    if (!weight) return NULL;
    int axis = transposed ? 1 : 0;
    Node *bias = op_param_f32(g, b, weight->t.shape.d[axis] * (transposed && o.groups ? o.groups : 1), "bias");
    return b && !bias ? NULL : conv(g, x, weight, bias, o, transposed);
}

Node *op_conv_node(Graph *g, Node *x, Node *w, Node *b, ConvOpts o)
{
    if (b && (b->t.type != JIG_F32 || b->t.shape.n != 1))
        return graph_fail(g, "conv: the bias is not F32 [O]");
    return conv(g, x, w, b, o, false);
}

Node *op_conv(Graph *g, Node *x, Param *w, Param *b, ConvOpts o)
{
    return conv_of_params(g, x, w, b, o, false);
}

Node *op_conv_transpose(Graph *g, Node *x, Param *w, Param *b, ConvOpts o)
{
    return conv_of_params(g, x, w, b, o, true);
}
