/* SPDX-License-Identifier: Apache-2.0
 *
 * The region predictor R of the LFAE (spec 2.1, 2.2): a picture becomes K regions, each a centre mu, a covariance Sigma and
 * a 2x2 affine A with A A^T = Sigma. Picture [B, H, W, 3] in 0..1.
 *
 *   p_k = softmax over positions of logits / 0.1;  mu_k = sum p_k g;  Sigma_k = sum p_k (g - mu_k)(g - mu_k)^T
 *   Sigma = U S U^T;  A = U diag(sqrt(s1), sqrt(s2)), s1 >= s2
 *
 * Traps: with pad 0 the heat map is smaller but still spans the whole grid; U is a reflection whose sign depends on the
 * data (what LAPACK's gesdd gives); the gap of the eigenvalues is clamped in the gradient, or it explodes when they meet.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

#include <string.h>

#define TEMPERATURE 0.1f
#define LEAST_GAP 1e-6f   /* between eigenvalues, in the gradient (decision 13) */
#define LEAST_ROOT 1e-12f /* of an eigenvalue under the root: one cell of a 256 grid has 1e-5 */

struct RegionPredictor {
    RegionConfig c;
    Arena *arena;
    AntiAlias shrink;
    Hourglass net;
    Conv regions;
};

RegionPredictor *region_predictor_create(ParamSet *ps, const char *prefix, const RegionConfig *c)
{
    RegionPredictor *net = mem_zero(sizeof *net);
    net->c = *c;
    net->arena = arena_create();
    const char *name = arena_printf(net->arena, "%spredictor.", prefix);
    int64_t width = hourglass_init(&net->net, ps, name, 3, c->width, c->max_width, c->blocks);
    conv2d_init(&net->regions, ps, arena_printf(net->arena, "%sregions", prefix), width, c->regions, 7, 1, c->pad, true);
    anti_alias_init(&net->shrink, ps, arena_printf(net->arena, "%sdown.weight", prefix), 3, c->step);
    return net;
}

void region_predictor_fill(const RegionPredictor *net)
{
    anti_alias_fill(&net->shrink);
}

void region_predictor_destroy(RegionPredictor *net)
{
    if (!net)
        return;
    arena_destroy(net->arena);
    mem_free(net);
}

/* ---- A from Sigma ------------------------------------------------------------------------------------------------ */

static Node *product(Graph *g, Node *a, Node *b, Node *c)
{
    return op_mul(g, op_mul(g, a, b), c);
}

static Node *step_of(Graph *g, Node *x, float at_zero) /* 1 above 0, else 0 */
{
    return op_clamp(g, op_affine(g, x, 1e30f, at_zero), 0, 1);
}

/* The eigenvectors' turn and signs, without a gradient (spec 2.2): u1 = (p, q), u2 = sign2 (q, -p).
 * With m = (a - d)/2, r = sqrt(m^2 + b^2): the larger of |cos t|, |sin t| is sqrt((r + |m|) / 2r), the other |b| / (2 r larger). */
typedef struct Turn {
    Node *p, *q, *sign2, *gap;
} Turn;

static Turn turn_of(Graph *g, Node *a, Node *b, Node *d)
{
    const float tiny = 1e-37f; /* Sigma = 0 or a multiple of I: 0 / 0 becomes 1 */
    Node *m = op_affine(g, op_sub(g, a, d), 0.5f, 0), *size = op_act(g, ACT_ABS, b);
    Node *r = op_act(g, ACT_SQRT, op_add(g, op_mul(g, m, m), op_mul(g, b, b))), *twice = op_affine(g, r, 2, tiny);
    Node *larger = op_act(g, ACT_SQRT, op_div(g, op_affine(g, op_add(g, r, op_act(g, ACT_ABS, m)), 1, tiny), twice));
    Node *smaller = op_div(g, size, op_mul(g, twice, larger));
    Node *wide = step_of(g, m, 1), *change = op_mul(g, wide, op_sub(g, larger, smaller)); /* wide: a >= d */
    Node *cosine = op_add(g, smaller, change), *sine = op_sub(g, larger, change);
    Node *none = op_affine(g, step_of(g, size, 0), -1, 1); /* b is exactly 0: U is I or the swap */
    Node *rule = op_sub(g, op_mul(g, a, op_sub(g, d, a)), op_affine(g, op_mul(g, b, b), 2, 0)); /* ad - b^2 - (a^2 + b^2) */
    Node *positive = op_mul(g, step_of(g, b, 0), step_of(g, rule, 0));
    Node *sign = op_affine(g, op_add(g, positive, none), 2, -1);
    Node *side = op_add(g, op_clamp(g, op_affine(g, b, 1e30f, 0), -1, 1), none);
    return (Turn){.p = op_stop(g, op_mul(g, sign, cosine)),
                  .q = op_stop(g, product(g, sign, side, sine)),
                  .sign2 = op_stop(g, op_affine(g, op_mul(g, none, wide), -2, 1)),
                  .gap = op_stop(g, op_clamp(g, op_affine(g, r, 2, 0), LEAST_GAP, 1e30f))};
}

/* Sigma F [B, K, 3] = a, b, d -> A F [B, K, 4], row by row. With u fixed, lambda_i = u_i^T Sigma u_i and
 * u_1 + (u_2^T Sigma u_1 / gap) u_2 have the values of the eigenvalues and vectors and also their derivatives:
 * d lambda_i = u_i^T dSigma u_i, du_1 = (u_2^T dSigma u_1) / (l1 - l2) u_2, du_2 = -(u_1^T dSigma u_2) / (l1 - l2) u_1. */
Node *region_affine(Graph *g, Node *sigma)
{
    Node *a = channel_of(g, sigma, 0), *b = channel_of(g, sigma, 1), *d = channel_of(g, sigma, 2);
    Turn t = turn_of(g, a, b, d);
    Node *pp = op_mul(g, t.p, t.p), *qq = op_mul(g, t.q, t.q), *pq = op_mul(g, t.p, t.q);
    Node *cross = op_affine(g, op_mul(g, pq, b), 2, 0);
    Node *l1 = op_add(g, op_add(g, op_mul(g, pp, a), op_mul(g, qq, d)), cross);
    Node *l2 = op_sub(g, op_add(g, op_mul(g, qq, a), op_mul(g, pp, d)), cross);
    Node *s1 = op_act(g, ACT_SQRT, op_clamp(g, l1, LEAST_ROOT, 1e30f));
    Node *s2 = op_act(g, ACT_SQRT, op_clamp(g, l2, LEAST_ROOT, 1e30f));
    /* (q, -p)^T Sigma (p, q) over the gap: how far the vectors turn */
    Node *off = op_add(g, op_mul(g, pq, op_sub(g, a, d)), op_mul(g, op_sub(g, qq, pp), b));
    Node *by = op_div(g, op_sub(g, off, op_stop(g, off)), t.gap);
    Node *u1x = op_add(g, t.p, op_mul(g, by, t.q)), *u1y = op_sub(g, t.q, op_mul(g, by, t.p));
    Node *u2x = op_mul(g, t.sign2, op_sub(g, t.q, op_mul(g, by, t.p)));
    Node *u2y = op_mul(g, t.sign2, op_affine(g, op_add(g, t.p, op_mul(g, by, t.q)), -1, 0));
    Node *parts[] = {op_mul(g, u1x, s1), op_mul(g, u2x, s2), op_mul(g, u1y, s1), op_mul(g, u2y, s2)};
    return op_concat(g, parts, 4, 2);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* sum over positions of p f, [B, n, K] -> [B, K, 1] */
static Node *expected(Graph *g, Node *p, Node *f)
{
    Node *sum = op_sum(g, op_mul(g, p, f), 1u << 1);
    return op_reshape(g, sum, SHAPE(node_dim(sum, 0), node_dim(sum, 2), 1));
}

Regions region_predictor(Graph *g, const RegionPredictor *net, Node *picture, bool train)
{
    graph_push(g, "regions");
    Node *x = hourglass(g, &net->net, anti_alias(g, &net->shrink, picture), train);
    Node *logits = op_cast(g, nn_conv(g, &net->regions, x), JIG_F32);
    int64_t B = node_dim(logits, 0), h = node_dim(logits, 1), w = node_dim(logits, 2), K = net->c.regions;
    Node *p = op_softmax(g, op_affine(g, op_reshape(g, logits, SHAPE(B, h * w, K)), 1 / TEMPERATURE, 0), 1);
    Coordinates at = coordinates(g, net->arena, h, w);
    Node *x0 = op_reshape(g, at.x, SHAPE(1, h * w, 1)), *y0 = op_reshape(g, at.y, SHAPE(1, h * w, 1));
    Node *mx = expected(g, p, x0), *my = expected(g, p, y0);
    Node *dx = op_sub(g, x0, op_reshape(g, mx, SHAPE(B, 1, K))), *dy = op_sub(g, y0, op_reshape(g, my, SHAPE(B, 1, K)));
    Regions r = {.heat = op_reshape(g, p, SHAPE(B, h, w, K))};
    r.centre = op_concat(g, (Node *[]){mx, my}, 2, 2);
    r.covariance = op_concat(g, (Node *[]){expected(g, p, op_mul(g, dx, dx)), expected(g, p, op_mul(g, dx, dy)),
                                           expected(g, p, op_mul(g, dy, dy))}, 3, 2);
    r.affine = region_affine(g, r.covariance);
    graph_pop(g);
    return r;
}
