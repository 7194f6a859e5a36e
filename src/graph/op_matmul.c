/* SPDX-License-Identifier: Apache-2.0
 *
 * Products: op_linear with a weight, op_matmul of two values, and their gradients, all one node kind over the strided
 * kernel:
 *   y = act(alpha A B + bias + residual),   A [m, k], B [k, n], one or two batch axes.
 * The weight of a linear layer is [O, I], so B = w^T is expressed by strides.
 */
#include "graph/graph_internal.h"

typedef struct MatmulAttr {
    Epilogue out;
    int64_t batch, m, n, k;
    int64_t sa[4], sb[4]; /* kernels.h: batch 0, batch 1, row, column */
} MatmulAttr;

static void matmul_run(Node *n)
{
    const MatmulAttr *at = n->attr;
    const Node *bias = n->in[EPILOGUE_BIAS], *r = n->in[EPILOGUE_RESIDUAL];
    MatmulArgs a = {.batch = {at->batch, 1},
                    .m = at->m,
                    .n = at->n,
                    .k = at->k,
                    .ta = n->in[0]->t.type,
                    .tb = n->in[1]->t.type,
                    .ty = n->t.type,
                    .a = n->in[0]->t.data,
                    .b = n->in[1]->t.data,
                    .y = n->t.data,
                    .alpha = 1,
                    .sy = {at->m * at->n, 0, at->n, 1},
                    .bias = bias ? bias->t.data : NULL,
                    .r = r ? r->t.data : NULL,
                    .act = at->out.act,
                    .b_is_weight = n->weight == 1,
                    .state = &n->state};
    for (int i = 0; i < 4; i++) {
        a.sa[i] = at->sa[i];
        a.sb[i] = at->sb[i];
    }
    node_kernels(n)->matmul(&a);
}

static double matmul_flops(const Node *n)
{
    const MatmulAttr *at = n->attr;
    return 2.0 * (double)at->batch * (double)at->m * (double)at->n * (double)at->k;
}

/* ---- y = A B of values ------------------------------------------------------------------------------------------- */

typedef struct Product { bool ta, tb; } Product;

/* A and B as they lie in memory: [.., m, k], or [.., k, m] when transposed; likewise B. */
typedef struct ProductAttr {
    MatmulAttr m; /* first: what matmul_run reads */
    Product t;
} ProductAttr;

static void product_grad(Graph *g, Node *n, Node *dy)
{
    Product t = ((ProductAttr *)n->attr)->t;
    Node *a = n->in[0], *b = n->in[1];
    if (grad_wanted(a)) grad_add(g, a, t.ta ? op_matmul(g, b, dy, t.tb, true) : op_matmul(g, dy, b, false, !t.tb));
    if (grad_wanted(b)) grad_add(g, b, t.tb ? op_matmul(g, dy, a, true, t.ta) : op_matmul(g, a, dy, !t.ta, false));
}

static const Op product_op = {
    .name = "matmul", .run = matmul_run, .grad = product_grad, .flops = matmul_flops, .epilogue = true};

static Node *product(Graph *g, Node *a, Node *b, bool ta, bool tb, DType type)
{
    Shape sa = a->t.shape, sb = b->t.shape, y = sa;
    char ta_text[96], tb_text[96];
    int r = sa.n;
    bool fits = r >= 2 && sb.n == r;
    for (int i = 0; fits && i < r - 2; i++) fits = sa.d[i] == sb.d[i];
    int64_t k = fits ? sa.d[r - (ta ? 2 : 1)] : 0;
    if (!fits || k != sb.d[r - (tb ? 1 : 2)])
        return graph_fail(g, "matmul: got %s%s and %s%s, expected [.., m, k] and [.., k, n]", shape_text(sa, ta_text),
                          ta ? " transposed" : "", shape_text(sb, tb_text), tb ? " transposed" : "");
    int64_t m = sa.d[r - (ta ? 1 : 2)], n = sb.d[r - (tb ? 2 : 1)];
    ProductAttr at = {.m = {.batch = shape_count(sa) / (m * k), .m = m, .n = n, .k = k,
                            .sa = {m * k, 0, ta ? 1 : k, ta ? m : 1}, .sb = {k * n, 0, tb ? 1 : n, tb ? k : 1}},
                      .t = {ta, tb}};
    y.d[r - 2] = m;
    y.d[r - 1] = n;
    Node *in[EPILOGUE_INPUTS] = {a, b};
    return graph_node(g, &product_op, type, y, EPILOGUE_INPUTS, in, &at, sizeof at);
}

Node *op_matmul(Graph *g, Node *a, Node *b, bool ta, bool tb)
{
    Node *in[] = {a, b};
    return op_floats(g, "matmul", in, 2) ? product(g, a, b, ta, tb, type_promote(a->t.type, b->t.type)) : NULL;
}

/* ---- linear layers ----------------------------------------------------------------------------------------------- */

static const Op linear_back_op = {.name = "linear'x", .run = matmul_run, .flops = matmul_flops, .epilogue = true};

/* dx = dy w */
static Node *linear_back(Graph *g, Node *x, Node *w, Node *dy)
{
    int64_t out = w->t.shape.d[0], in = shape_count(w->t.shape) / out, rows = shape_count(x->t.shape) / in;
    MatmulAttr at = {.batch = 1, .m = rows, .n = in, .k = out, .sa = {0, 0, out, 1}, .sb = {0, 0, in, 1}};
    Node *ins[EPILOGUE_INPUTS] = {dy, w};
    Node *n = graph_node(g, &linear_back_op, x->t.type, x->t.shape, EPILOGUE_INPUTS, ins, &at, sizeof at);
    if (n) n->weight = 1;
    return n;
}

/* dw = dy^T x [O, I], db = sum of dy over the rows; both f32. */
static void linear_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *w = n->in[1], *b = n->in[EPILOGUE_BIAS];
    int64_t out = node_dim(n, -1), in = node_dim(x, -1);
    Node *flat = op_reshape(g, dy, SHAPE(-1, out));
    if (grad_wanted(w)) {
        Node *dw = product(g, flat, op_reshape(g, x, SHAPE(-1, in)), true, false, JIG_F32);
        grad_add(g, w, op_reshape(g, dw, w->t.shape));
    }
    if (grad_wanted(b)) grad_add(g, b, op_reshape(g, op_reduce_as(g, RED_SUM, flat, 1, JIG_F32), b->t.shape));
    if (grad_wanted(x)) grad_add(g, x, linear_back(g, x, w, dy));
}

static const Op linear_op = {
    .name = "linear", .run = matmul_run, .grad = linear_grad, .flops = matmul_flops, .epilogue = true};

Node *op_linear(Graph *g, Node *x, Param *w, Param *b)
{
    char xs[96], ws[96];
    if (!op_floats(g, "linear", &x, 1)) return NULL;
    Node *weight = graph_param(g, w);
    if (!weight) return NULL;
    Shape s = weight->t.shape;
    int64_t out = s.n ? s.d[0] : 0, in = node_dim(x, -1);
    if (s.n < 2 || in * out != shape_count(s) || s.d[1] != in)
        return graph_fail(g, "linear: x %s needs a weight [out, %lld], got %s %s", shape_text(x->t.shape, xs),
                          (long long)in, w->name, shape_text(s, ws));
    Node *bias = op_param_f32(g, b, out, "bias");
    if (b && !bias) return NULL;
    MatmulAttr at = {
        .batch = 1, .m = shape_count(x->t.shape) / in, .n = out, .k = in, .sa = {0, 0, in, 1}, .sb = {0, 0, 1, in}};
    Node *ins[EPILOGUE_INPUTS] = {x, weight, bias};
    Node *n = graph_node(g, &linear_op, x->t.type, shape_replace(x->t.shape, x->t.shape.n - 1, out), EPILOGUE_INPUTS,
                         ins, &at, sizeof at);
    if (n) n->weight = 1;
    return n;
}
