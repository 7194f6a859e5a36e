/* SPDX-License-Identifier: Apache-2.0
 *
 * Equivariance (spec 4.2): when the driving picture is read through a random map W, its regions must move with it.
 *
 *   W(c) = Theta (c, 1) + (r, r),  r(c) = sum over a 5x5 grid of control points of w_i d_i^2 log(d_i + 1e-6)
 *   shift  = mean |mu_dri - W(mu_T)|;  affine = mean |I - V|, V = A_dri^-1 J_W(mu_T) A_T, times the sign of V[0,0]
 *
 * Traps: d is the L1 distance; the same r is added to x and y; gradients flow through J too.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

#include <math.h>

enum { POINTS = TPS_POINTS * TPS_POINTS };
#define NEAR 1e-6f

PlaneMap plane_map_draw(Rng *r, float affine_sigma, float tps_sigma)
{
    PlaneMap m;
    for (int i = 0; i < 6; i++)
        m.theta[i] = (float)(i == 0 || i == 4) + affine_sigma * rng_normal(r);
    for (int i = 0; i < POINTS; i++)
        m.weight[i] = tps_sigma * rng_normal(r);
    return m;
}

/* Control point i, x fastest. */
static float point(int i, int axis)
{
    int k = axis ? i / TPS_POINTS : i % TPS_POINTS;
    return 2.0f * (float)k / (TPS_POINTS - 1) - 1;
}

void plane_map_apply(const PlaneMap *m, const float at[2], float out[2])
{
    double r = 0;
    for (int i = 0; i < POINTS; i++) {
        double d = fabs((double)at[0] - point(i, 0)) + fabs((double)at[1] - point(i, 1));
        r += m->weight[i] * d * d * log(d + NEAR);
    }
    for (int k = 0; k < 2; k++)
        out[k] = (float)((double)m->theta[3 * k] * at[0] + (double)m->theta[3 * k + 1] * at[1] + m->theta[3 * k + 2] + r);
}

void plane_map_grid(const PlaneMap *m, int64_t h, int64_t w, float *grid)
{
    for (int64_t i = 0; i < h * w; i++) {
        float at[2] = {2.0f * (float)(i % w) / (float)(w - 1) - 1, 2.0f * (float)(i / w) / (float)(h - 1) - 1};
        plane_map_apply(m, at, grid + 2 * i);
    }
}

static Node *points(Graph *g, Arena *a, int axis)
{
    float *p = arena_alloc(a, POINTS * sizeof *p);
    for (int i = 0; i < POINTS; i++)
        p[i] = point(i, axis);
    return graph_const(g, (Tensor){JIG_F32, SHAPE(1, 1, POINTS), p});
}

/* theta number i as [B, 1, 1] */
static Node *part(Graph *g, Node *theta, int i)
{
    return op_reshape(g, op_slice(g, theta, 1, i, 1), SHAPE(node_dim(theta, 0), 1, 1));
}

/* W and its Jacobian: dr/dx = sum w_i (2 d log(d + e) + d^2 / (d + e)) sign(dx). */
PlaneNodes plane_map_nodes(Graph *g, Arena *a, Node *at, Node *theta, Node *weight)
{
    Node *x = channel_of(g, at, 0), *y = channel_of(g, at, 1);
    Node *w = op_reshape(g, weight, SHAPE(node_dim(weight, 0), 1, POINTS));
    Node *dx = op_sub(g, x, points(g, a, 0)), *dy = op_sub(g, y, points(g, a, 1)); /* [B, K, 25] */
    Node *d = op_add(g, op_act(g, ACT_ABS, dx), op_act(g, ACT_ABS, dy)), *near = op_affine(g, d, 1, NEAR);
    Node *log_d = op_act(g, ACT_LOG, near), *square = op_mul(g, d, d);
    Node *r = op_sum(g, op_mul(g, w, op_mul(g, square, log_d)), 1u << 2);
    Node *slope = op_mul(g, w, op_add(g, op_affine(g, op_mul(g, d, log_d), 2, 0), op_div(g, square, near)));
    Node *rx = op_sum(g, op_mul(g, slope, sign_of(g, dx)), 1u << 2), *ry = op_sum(g, op_mul(g, slope, sign_of(g, dy)), 1u << 2);
    Node *to[2], *j[4];
    for (int k = 0; k < 2; k++) {
        Node *tx = part(g, theta, 3 * k), *ty = part(g, theta, 3 * k + 1);
        to[k] = op_add(g, op_add(g, op_add(g, op_mul(g, tx, x), op_mul(g, ty, y)), part(g, theta, 3 * k + 2)), r);
        j[2 * k] = op_add(g, rx, tx);
        j[2 * k + 1] = op_add(g, ry, ty);
    }
    return (PlaneNodes){op_concat(g, to, 2, 2), op_concat(g, j, 4, 2)};
}

/* Row-major 2x2 products, [B, K, 4] as four nodes. */
static void times(Graph *g, Node *const *a, Node *const *b, Node **out)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            out[2 * i + k] = op_add(g, op_mul(g, a[2 * i], b[k]), op_mul(g, a[2 * i + 1], b[2 + k]));
}

static void split(Graph *g, Node *x, Node **out)
{
    for (int i = 0; i < 4; i++)
        out[i] = channel_of(g, x, i);
}

Equivariance lfae_equivariance(Graph *g, Arena *a, const Regions *driving, const Regions *moved, Node *theta, Node *weight)
{
    PlaneNodes w = plane_map_nodes(g, a, moved->centre, theta, weight);
    Node *j[4], *t[4], *d[4], *ja[4], *inverse[4], *v[4];
    split(g, w.jacobian, j);
    split(g, moved->affine, t);
    split(g, driving->affine, d);
    times(g, j, t, ja);
    Node *det = op_sub(g, op_mul(g, d[0], d[3]), op_mul(g, d[1], d[2]));
    inverse[0] = op_div(g, d[3], det);
    inverse[1] = op_affine(g, op_div(g, d[1], det), -1, 0);
    inverse[2] = op_affine(g, op_div(g, d[2], det), -1, 0);
    inverse[3] = op_div(g, d[0], det);
    times(g, inverse, ja, v);
    Node *sign = sign_of(g, v[0]);
    for (int i = 0; i < 4; i++) {
        v[i] = op_mul(g, v[i], sign);
        v[i] = op_act(g, ACT_ABS, i % 3 == 0 ? op_affine(g, v[i], -1, 1) : v[i]);
    }
    return (Equivariance){op_loss_l1(g, w.at, driving->centre, NULL), op_mean_all(g, op_concat(g, v, 4, 2))};
}
