/* SPDX-License-Identifier: Apache-2.0
 *
 * Norms: x seen as [outer, N, C] in G groups (tensor/kernels.h):
 *   h = (x - mean) rstd gamma + beta;   z = h (1 + scale) + shift;   y = act(z)
 * Two nodes: the statistics F [outer, G, 2], and the map. Batch norm with given statistics is the same map with
 * statistics made of the stored mean and variance; its gradient does not pass through them.
 */
#include "graph/graph_internal.h"

#include <string.h>

typedef struct NormAttr {
    int64_t outer, N, C, G, M;
    float eps;
    bool rms, fixed; /* fixed: the statistics do not depend on x */
    Act act;
} NormAttr;

enum { IN_X, IN_STATS, IN_GAMMA, IN_BETA, IN_SCALE, IN_SHIFT, IN_DY, NORM_INPUTS };

static void *data(Node *const *in, int i)
{
    return in[i] ? in[i]->t.data : NULL;
}

static NormArgs args(const Node *n)
{
    const NormAttr *at = n->attr;
    NormArgs a = {.outer = at->outer,
                  .N = at->N,
                  .C = at->C,
                  .G = at->G,
                  .M = at->M,
                  .eps = at->eps,
                  .rms = at->rms,
                  .act = at->act,
                  .x = n->in[IN_X]->t};
    if (n->n_in == 1) return a; /* statistics */
    a.stats = data(n->in, IN_STATS);
    a.gamma = data(n->in, IN_GAMMA);
    a.beta = data(n->in, IN_BETA);
    a.scale = data(n->in, IN_SCALE);
    a.shift = data(n->in, IN_SHIFT);
    a.dy = data(n->in, IN_DY);
    return a;
}

static void stats_run(Node *n)
{
    NormArgs a = args(n);
    a.stats = n->t.data;
    node_kernels(n)->norm_stats(&a);
}

static void norm_run(Node *n)
{
    NormArgs a = args(n);
    a.y = n->t;
    node_kernels(n)->norm_apply(&a);
}

static void back_x_run(Node *n)
{
    NormArgs a = args(n);
    a.y = n->t;
    node_kernels(n)->norm_grad_x(&a);
}

static void sums_run(Node *n)
{
    NormArgs a = args(n);
    a.sums = n->t.data;
    node_kernels(n)->norm_grad_params(&a);
}

static const Op stats_op = {.name = "norm stats", .run = stats_run};
static const Op back_x_op = {.name = "norm'x", .run = back_x_run};
static const Op sums_op = {.name = "norm'w", .run = sums_run};

/* With the sums over the rows of one m: s0 = sum g, s1 = sum g xhat, where g = dy act'(z):
 *   dshift = s0;  dscale = beta s0 + gamma s1;  dbeta = sum_m s0 (1 + scale);  dgamma = sum_m s1 (1 + scale). */
static void params_grad(Graph *g, Node *n, Node *sums)
{
    const NormAttr *at = n->attr;
    int64_t M = MAX(at->M, 1), C = at->C;
    Node *gamma = n->in[IN_GAMMA], *beta = n->in[IN_BETA], *scale = n->in[IN_SCALE], *shift = n->in[IN_SHIFT];
    Node *s[2];
    for (int i = 0; i < 2; i++) s[i] = op_reshape(g, op_slice(g, sums, 2, i, 1), SHAPE(M, C));
    if (grad_wanted(shift)) grad_add(g, shift, op_reshape(g, s[0], shift->t.shape));
    if (grad_wanted(scale)) {
        Node *d = gamma ? op_mul(g, s[1], gamma) : s[1];
        if (beta) d = op_add(g, d, op_mul(g, s[0], beta));
        grad_add(g, scale, op_reshape(g, d, scale->t.shape));
    }
    for (int i = 0; i < 2 && (grad_wanted(beta) || grad_wanted(gamma)); i++) {
        Node *to = i ? gamma : beta, *d = s[i];
        if (!grad_wanted(to)) continue;
        if (scale) d = op_add(g, d, op_mul(g, d, op_reshape(g, scale, SHAPE(M, C))));
        grad_add(g, to, op_reshape(g, op_reduce_as(g, RED_SUM, d, 1, JIG_F32), SHAPE(C)));
    }
}

/* dx of the map with fixed statistics: dz rstd gamma, dz = dy act'(z). */
static Node *fixed_back(Graph *g, Node *n, Node *dy)
{
    NormAttr at = *(NormAttr *)n->attr;
    Node *dz = dy,
         *gain = op_reshape(g, op_slice(g, op_reshape(g, n->in[IN_STATS], SHAPE(at.C, 2)), 1, 1, 1), SHAPE(at.C));
    if (at.act == ACT_RELU || at.act == ACT_LEAKY_RELU) {
        dz = op_act_grad(g, at.act, n, dy);
    } else if (at.act != ACT_NONE) {
        Act act = at.act;
        at.act = ACT_NONE;
        Node *z = graph_node(g, n->op, n->t.type, n->t.shape, n->n_in, n->in, &at, sizeof at);
        dz = op_act_grad(g, act, z, dy);
    }
    if (n->in[IN_GAMMA]) gain = op_mul(g, gain, n->in[IN_GAMMA]);
    return op_mul(g, dz, gain);
}

static void norm_grad(Graph *g, Node *n, Node *dy)
{
    const NormAttr *at = n->attr;
    Node *in[NORM_INPUTS];
    memcpy(in, n->in, sizeof in);
    in[IN_DY] = dy;
    bool wanted = false;
    for (int i = IN_GAMMA; i <= IN_SHIFT; i++) wanted = wanted || grad_wanted(in[i]);
    if (wanted)
        params_grad(g, n,
                    graph_node(g, &sums_op, JIG_F32, SHAPE(MAX(at->M, 1), at->C, 2), NORM_INPUTS, in, at, sizeof *at));
    if (!grad_wanted(in[IN_X])) return;
    Node *dx = at->fixed ? fixed_back(g, n, dy)
                         : graph_node(g, &back_x_op, n->t.type, n->t.shape, NORM_INPUTS, in, at, sizeof *at);
    grad_add(g, in[IN_X], dx);
}

static const Op norm_op = {.name = "norm", .run = norm_run, .grad = norm_grad};

/* outer, N, C, G of the kinds; false when x or the groups do not fit. */
static bool norm_shape(Graph *g, NormAttr *at, NormKind kind, Shape s, int groups)
{
    char text[96];
    int64_t rows = s.n ? shape_count(s) / s.d[s.n - 1] : 0;
    at->C = s.n ? s.d[s.n - 1] : 0;
    at->G = kind == NORM_BATCH ? at->C : kind == NORM_LAYER || kind == NORM_RMS ? 1 : groups;
    at->outer = kind == NORM_BATCH         ? 1
                : kind == NORM_GROUP       ? s.d[0]
                : kind == NORM_GROUP_FRAME ? s.d[0] * s.d[1]
                                           : rows;
    if (s.n < 2 || (kind == NORM_GROUP_FRAME && s.n < 4)) {
        graph_fail(g, "norm: got x %s, expected [B, .., C]%s", shape_text(s, text),
                   kind == NORM_GROUP_FRAME ? " with T second" : "");
        return false;
    }
    if (at->G < 1 || at->C % at->G) {
        graph_fail(g, "norm: %lld channels do not part into %lld groups", (long long)at->C, (long long)at->G);
        return false;
    }
    at->N = rows / at->outer;
    at->rms = kind == NORM_RMS;
    return true;
}

/* Sets M from scale or shift: their axes but the last are the first axes of x (or of length 1 in all), and whole
 * outer rows belong to each. */
static bool modulation(Graph *g, NormAttr *at, Shape x, Node *mod)
{
    char got[96], of[96];
    if (!mod) return true;
    Shape s = mod->t.shape;
    int64_t M = s.n ? shape_count(s) / s.d[s.n - 1] : 0;
    bool fits = s.n >= 1 && s.n <= x.n && s.d[s.n - 1] == at->C && at->outer % MAX(M, 1) == 0;
    for (int i = 0; fits && M > 1 && i < s.n - 1; i++) fits = s.d[i] == x.d[i];
    if (!fits || (at->M && at->M != M)) {
        graph_fail(g, "norm: scale and shift are %s for x %s; expected [B, C], or x's first axes and C",
                   shape_text(s, got), shape_text(x, of));
        return false;
    }
    at->M = M;
    return true;
}

static Node *norm_node(Graph *g, Node *const *in, const NormAttr *at)
{
    if (at->act != ACT_NONE && at->act != ACT_RELU && at->act != ACT_LEAKY_RELU && at->act != ACT_SILU)
        return graph_fail(g, "norm: got activation %d, expected none, ReLU, leaky ReLU or SiLU", (int)at->act);
    return graph_node(g, &norm_op, in[IN_X]->t.type, in[IN_X]->t.shape, NORM_INPUTS, in, at, sizeof *at);
}

Node *op_norm(Graph *g, NormKind kind, Node *x, int groups, float eps, Param *gamma, Param *beta, Node *scale,
              Node *shift, Act act)
{
    NormAttr at = {.eps = eps, .act = act};
    if (!op_floats(g, "norm", &x, 1) || !norm_shape(g, &at, kind, x->t.shape, groups)) return NULL;
    if (!modulation(g, &at, x->t.shape, scale) || !modulation(g, &at, x->t.shape, shift)) return NULL;
    Node *in[NORM_INPUTS] = {x};
    in[IN_GAMMA] = op_param_f32(g, gamma, at.C, "gamma");
    in[IN_BETA] = op_param_f32(g, beta, at.C, "beta");
    if ((gamma && !in[IN_GAMMA]) || (beta && !in[IN_BETA])) return NULL;
    in[IN_SCALE] = op_cast(g, scale, x->t.type);
    in[IN_SHIFT] = op_cast(g, shift, x->t.type);
    in[IN_STATS] = graph_node(g, &stats_op, JIG_F32, SHAPE(at.outer, at.G, 2), 1, &x, &at, sizeof at);
    return in[IN_STATS] ? norm_node(g, in, &at) : NULL;
}

/* As PyTorch: the running variance is of the population, so the batch's counts N - 1. var = N / (N - 1) (1 / rstd^2 - eps). */
static void track_statistics(Graph *g, Node *norm, Param *mean, Param *var)
{
    const NormAttr *at = norm->attr;
    double unbias = (double)at->N / (double)(at->N - 1);
    Node *both = op_reshape(g, norm->in[IN_STATS], SHAPE(at->C, 2)), *of[2];
    for (int i = 0; i < 2; i++) of[i] = op_reshape(g, op_slice(g, both, 1, i, 1), SHAPE(at->C));
    Node *biased = op_div(g, graph_scalar(g, 1, JIG_F32, 1), op_mul(g, of[1], of[1]));
    Node *unbiased = op_affine(g, biased, (float)unbias, (float)(-unbias * (double)at->eps));
    graph_track(g, mean, of[0]);
    graph_track(g, var, op_max(g, unbiased, graph_scalar(g, 0, JIG_F32, 1)));
}

Node *op_batch_norm(Graph *g, Node *x, Param *mean, Param *var, Param *gamma, Param *beta, float eps, Act act)
{
    Node *y = op_norm(g, NORM_BATCH, x, 0, eps, gamma, beta, NULL, NULL, act);
    if (!y) return NULL;
    const NormAttr *at = y->attr;
    if (at->N < 2) return graph_fail(g, "batch norm: one value a channel has no variance; a batch needs two at least");
    if (shape_count(mean->value.shape) != at->C || shape_count(var->value.shape) != at->C)
        return graph_fail(g, "batch norm: the running statistics are not of %lld channels", (long long)at->C);
    track_statistics(g, y, mean, var);
    return y;
}

Node *op_batch_norm_fixed(Graph *g, Node *x, Param *mean, Param *var, Param *gamma, Param *beta, float eps, Act act)
{
    NormAttr at = {.eps = eps, .act = act, .fixed = true};
    if (!op_floats(g, "norm", &x, 1) || !norm_shape(g, &at, NORM_BATCH, x->t.shape, 0)) return NULL;
    Node *in[NORM_INPUTS] = {x}, *m = op_param_f32(g, mean, at.C, "mean"), *v = op_param_f32(g, var, at.C, "variance");
    in[IN_GAMMA] = op_param_f32(g, gamma, at.C, "gamma");
    in[IN_BETA] = op_param_f32(g, beta, at.C, "beta");
    if (!m || !v || (gamma && !in[IN_GAMMA]) || (beta && !in[IN_BETA])) return NULL;
    Node *rstd = op_act(g, ACT_RSQRT, op_affine(g, v, 1, eps));
    Node *both[] = {op_reshape(g, m, SHAPE(at.C, 1)), op_reshape(g, rstd, SHAPE(at.C, 1))};
    in[IN_STATS] = op_stop(g, op_concat(g, both, 2, 1));
    return in[IN_STATS] ? norm_node(g, in, &at) : NULL;
}
