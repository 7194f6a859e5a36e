/* SPDX-License-Identifier: Apache-2.0
 *
 * Ops that work element by element: activations, affine maps, pairs with numpy broadcasting, casts, fills, op_stop.
 *
 * Gradients of the pairs are summed over the broadcast axes by grad_add. max and min need a step function, which is the
 * slope of ReLU: step(d) dy = relu'(d) dy. Where both sides are equal the gradient goes to b, as the kernels choose b.
 */
#include "graph/graph_internal.h"

/* ---- y = f(x) ---------------------------------------------------------------------------------------------------- */

static void act_run(Node *n)
{
    node_kernels(n)->unary(((ActAttr *)n->attr)->f, n->in[0]->t, n->t);
}

/* dx = f'(x) dy. ReLU and its leaky form have the sign of x in y too, so that x need not be kept. */
static void act_grad(Graph *g, Node *n, Node *dy)
{
    Act f = ((ActAttr *)n->attr)->f;
    if (!grad_wanted(n->in[0])) return;
    if (f == ACT_EXP) grad_add(g, n->in[0], op_mul(g, dy, n));
    else grad_add(g, n->in[0], op_act_grad(g, f, f == ACT_RELU || f == ACT_LEAKY_RELU ? n : n->in[0], dy));
}

const Op op_act_info = {.name = "act", .run = act_run, .grad = act_grad, .in_place = 1};

Node *op_act(Graph *g, Act f, Node *x)
{
    if (!op_floats(g, "act", &x, 1)) return NULL;
    if (f < 0 || f >= ACT_COUNT) return graph_fail(g, "act: got function %d, expected 0..%d", (int)f, ACT_COUNT - 1);
    return f == ACT_NONE ? x
                         : graph_node(g, &op_act_info, x->t.type, x->t.shape, 1, &x, &(ActAttr){f}, sizeof(ActAttr));
}

static void slope_run(Node *n)
{
    node_kernels(n)->unary_grad(((ActAttr *)n->attr)->f, n->in[0]->t, n->in[1]->t, n->t);
}

static const Op slope_op = {.name = "act'", .run = slope_run, .in_place = 2};

Node *op_act_grad(Graph *g, Act f, Node *x, Node *dy)
{
    Node *in[] = {x, dy};
    if (!op_floats(g, "act'", in, 2)) return NULL;
    return graph_node(g, &slope_op, x->t.type, x->t.shape, 2, in, &(ActAttr){f}, sizeof(ActAttr));
}

/* ---- y = a x + b ------------------------------------------------------------------------------------------------- */

typedef struct AffineAttr { float a, b; } AffineAttr;

static void affine_run(Node *n)
{
    const AffineAttr *at = n->attr;
    node_kernels(n)->affine(n->in[0]->t, at->a, at->b, n->t);
}

/* dx = a dy */
static void affine_grad(Graph *g, Node *n, Node *dy)
{
    if (grad_wanted(n->in[0])) grad_add(g, n->in[0], op_affine(g, dy, ((AffineAttr *)n->attr)->a, 0));
}

static const Op affine_op = {.name = "affine", .run = affine_run, .grad = affine_grad, .in_place = 1};

Node *op_affine(Graph *g, Node *x, float a, float b)
{
    if (!op_floats(g, "affine", &x, 1)) return NULL;
    if (x->op == &affine_op && x->stretch == g->stretch) { /* of an affine map: one map */
        const AffineAttr *in = x->attr;
        return op_affine(g, x->in[0], a * in->a, a * in->b + b);
    }
    if (a == 1 && b == 0) return x;
    return graph_node(g, &affine_op, x->t.type, x->t.shape, 1, &x, &(AffineAttr){a, b}, sizeof(AffineAttr));
}

/* ---- y = f(a, b), broadcast -------------------------------------------------------------------------------------- */

static void binary_run(Node *n)
{
    const BinaryAttr *at = n->attr;
    Tensor a = n->in[0]->t, b = n->in[1]->t;
    a.shape = at->a;
    b.shape = at->b;
    node_kernels(n)->binary(at->f, a, b, n->t);
}

/* add: dy, dy.  sub: dy, -dy.  mul: dy b, dy a.  div: q = dy / b, -q y.
 * max: da = step(a - b) dy, db = dy - da; min with step(b - a). */
static void binary_grad(Graph *g, Node *n, Node *dy)
{
    Binary f = ((BinaryAttr *)n->attr)->f;
    Node *a = n->in[0], *b = n->in[1], *da = dy, *db = dy;
    if (f == BIN_SUB) {
        db = grad_wanted(b) ? op_affine(g, dy, -1, 0) : NULL;
    } else if (f == BIN_MUL) {
        da = grad_wanted(a) ? op_mul(g, dy, b) : NULL;
        db = grad_wanted(b) ? op_mul(g, dy, a) : NULL;
    } else if (f == BIN_DIV) {
        da = op_div(g, dy, b);
        db = grad_wanted(b) ? op_affine(g, op_mul(g, da, n), -1, 0) : NULL;
    } else if (f == BIN_MAX || f == BIN_MIN) {
        Node *d = f == BIN_MAX ? op_sub(g, a, b) : op_sub(g, b, a);
        da = op_act_grad(g, ACT_RELU, d, dy);
        db = grad_wanted(b) ? op_sub(g, dy, da) : NULL;
    }
    if (grad_wanted(a)) grad_add(g, a, da);
    if (grad_wanted(b)) grad_add(g, b, db);
}

const Op op_binary_info = {.name = "binary", .run = binary_run, .grad = binary_grad, .in_place = 1 | 2};

static const char *const binary_names[BIN_COUNT] = {"add", "sub", "mul", "div", "max", "min"};

static Shape padded(Shape s, int n)
{
    Shape p = {.n = n};
    for (int i = 0; i < n; i++) p.d[i] = i < n - s.n ? 1 : s.d[i - (n - s.n)];
    return p;
}

static Node *binary(Graph *g, Binary f, Node *a, Node *b)
{
    Node *in[] = {a, b};
    char sa[96], sb[96];
    if (!op_floats(g, binary_names[f], in, 2)) return NULL;
    int n = MAX(a->t.shape.n, b->t.shape.n);
    BinaryAttr at = {f, padded(a->t.shape, n), padded(b->t.shape, n)};
    Shape y = {.n = n};
    for (int i = 0; i < n; i++) {
        int64_t p = at.a.d[i], q = at.b.d[i];
        if (p != q && p != 1 && q != 1)
            return graph_fail(g, "%s: shapes %s and %s do not broadcast (axis %d from the end)", binary_names[f],
                              shape_text(a->t.shape, sa), shape_text(b->t.shape, sb), n - i);
        y.d[i] = MAX(p, q);
    }
    return graph_node(g, &op_binary_info, type_promote(a->t.type, b->t.type), y, 2, in, &at, sizeof at);
}

Node *op_add(Graph *g, Node *a, Node *b)
{
    return binary(g, BIN_ADD, a, b);
}

Node *op_sub(Graph *g, Node *a, Node *b)
{
    return binary(g, BIN_SUB, a, b);
}

Node *op_mul(Graph *g, Node *a, Node *b)
{
    return binary(g, BIN_MUL, a, b);
}

Node *op_div(Graph *g, Node *a, Node *b)
{
    return binary(g, BIN_DIV, a, b);
}

Node *op_max(Graph *g, Node *a, Node *b)
{
    return binary(g, BIN_MAX, a, b);
}

Node *op_min(Graph *g, Node *a, Node *b)
{
    return binary(g, BIN_MIN, a, b);
}

Node *op_clamp(Graph *g, Node *x, float lo, float hi)
{
    if (!op_floats(g, "clamp", &x, 1)) return NULL;
    if (!(lo <= hi)) return graph_fail(g, "clamp: got %g..%g, expected lo <= hi", (double)lo, (double)hi);
    x = op_max(g, x, graph_scalar(g, lo, x->t.type, x->t.shape.n));
    return x ? op_min(g, x, graph_scalar(g, hi, x->t.type, x->t.shape.n)) : NULL;
}

/* ---- casts and copies -------------------------------------------------------------------------------------------- */

static void cast_run(Node *n)
{
    node_kernels(n)->cast(n->in[0]->t, n->t);
}

static void cast_grad(Graph *g, Node *n, Node *dy)
{
    if (grad_wanted(n->in[0])) grad_add(g, n->in[0], dy);
}

const Op op_cast_info = {.name = "cast", .run = cast_run, .grad = cast_grad};

Node *op_copy(Graph *g, Node *x, DType type)
{
    return x ? graph_node(g, &op_cast_info, type, x->t.shape, 1, &x, NULL, 0) : NULL;
}

Node *op_cast(Graph *g, Node *x, DType to)
{
    if (!x || x->t.type == to) return x;
    bool from_int = x->t.type == JIG_I32, known = node_is_float(x) || from_int;
    if (!known || (to != JIG_F32 && to != JIG_BF16))
        return graph_fail(g, "cast: got %s to %s, expected F32, BF16 or I32 to F32 or BF16", dtype_name(x->t.type),
                          dtype_name(to));
    return op_copy(g, from_int && to == JIG_BF16 ? op_copy(g, x, JIG_F32) : x, to);
}

/* Identity that graph_grad does not look behind. */
const Op op_stop_info = {.name = "stop"};

Node *op_stop(Graph *g, Node *x)
{
    return x ? graph_view(g, &op_stop_info, x, x->t.shape, 0) : NULL;
}

/* ---- fill -------------------------------------------------------------------------------------------------------- */

static void fill_run(Node *n)
{
    node_kernels(n)->fill(n->t, ((FillAttr *)n->attr)->value);
}

const Op op_fill_info = {.name = "fill", .run = fill_run};

Node *graph_fill(Graph *g, float value, DType type, Shape s)
{
    if (type != JIG_F32 && type != JIG_BF16)
        return graph_fail(g, "fill: got type %s, expected F32 or BF16", dtype_name(type));
    return graph_node(g, &op_fill_info, type, s, 0, NULL, &(FillAttr){value}, sizeof(FillAttr));
}
