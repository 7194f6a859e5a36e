/* SPDX-License-Identifier: Apache-2.0
 *
 * The pixel-wise flow predictor P of the LFAE (spec 2.4): what the regions and the background did between two pictures
 * becomes one flow and one occlusion map at a quarter of the side.
 *
 *   M_k = A_k^source (A_k^driving)^-1, times the sign of M_k[0,0];   T_k(z) = M_k (z - mu_k^driving) + mu_k^source
 *   H_k(z) = N(z; driving) - N(z; source), H_0 = 0;                  T_0(z) = B (z, 1), dehomogenised
 *   input, k outermost: [H_k, source warped by T_k];                 w = softmax of the mask;  f = sum w_k T_k
 *
 * The flow is an absolute sampling grid in -1..1 (where in the source to read); occlusion 1 = trust the warped source.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

struct FlowPredictor {
    FlowPredictorConfig c;
    Arena *arena;
    AntiAlias shrink;
    Hourglass net;
    Conv mask, occlusion;
};

FlowPredictor *flow_predictor_create(ParamSet *ps, const char *prefix, const FlowPredictorConfig *c)
{
    FlowPredictor *net = mem_zero(sizeof *net);
    net->c = *c;
    net->arena = arena_create();
    int64_t in = 4 * (c->regions + 1);
    int64_t width = hourglass_init(&net->net, ps, arena_printf(net->arena, "%shourglass.", prefix), in, c->width, c->max_width, c->blocks);
    conv2d_init(&net->mask, ps, arena_printf(net->arena, "%smask", prefix), width, c->regions + 1, 7, 1, 3, true);
    conv2d_init(&net->occlusion, ps, arena_printf(net->arena, "%socclusion", prefix), width, 1, 7, 1, 3, true);
    anti_alias_init(&net->shrink, ps, arena_printf(net->arena, "%sdown.weight", prefix), 3, c->step);
    return net;
}

void flow_predictor_fill(const FlowPredictor *net)
{
    anti_alias_fill(&net->shrink);
}

void flow_predictor_destroy(FlowPredictor *net)
{
    if (!net)
        return;
    arena_destroy(net->arena);
    mem_free(net);
}

/* Number c of every region, F [B, K, n] -> [B, 1, 1, K], to be broadcast over a map. */
static Node *each(Graph *g, Node *x, int64_t c)
{
    return op_reshape(g, channel_of(g, x, c), SHAPE(node_dim(x, 0), 1, 1, node_dim(x, 1)));
}

/* exp(-1/2 d^T Sigma^-1 d), [B, h, w, K] */
static Node *gaussian(Graph *g, const Regions *r, Coordinates at)
{
    Node *a = each(g, r->covariance, 0), *b = each(g, r->covariance, 1), *d = each(g, r->covariance, 2);
    Node *det = op_sub(g, op_mul(g, a, d), op_mul(g, b, b));
    Node *dx = op_sub(g, at.x, each(g, r->centre, 0)), *dy = op_sub(g, at.y, each(g, r->centre, 1));
    Node *xx = op_mul(g, op_mul(g, dx, dx), op_div(g, d, det)), *yy = op_mul(g, op_mul(g, dy, dy), op_div(g, a, det));
    Node *xy = op_mul(g, op_mul(g, dx, dy), op_div(g, b, det));
    return op_act(g, ACT_EXP, op_affine(g, op_sub(g, op_add(g, xx, yy), op_affine(g, xy, 2, 0)), -0.5f, 0));
}

typedef struct Maps {
    Node *x, *y; /* [B, h, w, K + 1], the background first */
} Maps;

static Maps background_map(Graph *g, Node *matrix, Coordinates at)
{
    int64_t B = node_dim(matrix, 0);
    Node *m[9], *row[3];
    for (int i = 0; i < 9; i++)
        m[i] = op_reshape(g, op_slice(g, matrix, 1, i, 1), SHAPE(B, 1, 1, 1));
    for (int i = 0; i < 3; i++)
        row[i] = op_add(g, op_add(g, op_mul(g, m[3 * i], at.x), op_mul(g, m[3 * i + 1], at.y)), m[3 * i + 2]);
    return (Maps){op_div(g, row[0], row[2]), op_div(g, row[1], row[2])};
}

static Maps sparse_maps(Graph *g, const Regions *source, const Regions *driving, Node *matrix, Coordinates at)
{
    Node *s[4], *d[4];
    for (int i = 0; i < 4; i++) {
        s[i] = each(g, source->affine, i);
        d[i] = each(g, driving->affine, i);
    }
    Node *det = op_sub(g, op_mul(g, d[0], d[3]), op_mul(g, d[1], d[2]));
    Node *m[4]; /* source times inverse of driving, times det */
    for (int i = 0; i < 4; i += 2) {
        m[i] = op_sub(g, op_mul(g, s[i], d[3]), op_mul(g, s[i + 1], d[2]));
        m[i + 1] = op_sub(g, op_mul(g, s[i + 1], d[0]), op_mul(g, s[i], d[1]));
    }
    for (int i = 0; i < 4; i++)
        m[i] = op_div(g, m[i], det);
    Node *sign = sign_of(g, m[0]); /* an exchange of the axes is undone */
    for (int i = 0; i < 4; i++)
        m[i] = op_mul(g, m[i], sign);
    Node *dx = op_sub(g, at.x, each(g, driving->centre, 0)), *dy = op_sub(g, at.y, each(g, driving->centre, 1));
    Node *x = op_add(g, op_add(g, op_mul(g, m[0], dx), op_mul(g, m[1], dy)), each(g, source->centre, 0));
    Node *y = op_add(g, op_add(g, op_mul(g, m[2], dx), op_mul(g, m[3], dy)), each(g, source->centre, 1));
    Maps back = background_map(g, matrix, at);
    return (Maps){op_concat(g, (Node *[]){back.x, x}, 2, 3), op_concat(g, (Node *[]){back.y, y}, 2, 3)};
}

/* The source read through every map: [B, h, w, 4 (K + 1)] of [H_k, R, G, B]. */
static Node *candidates(Graph *g, const FlowPredictor *net, Node *source, Maps t, Node *heat)
{
    int64_t B = node_dim(source, 0), h = node_dim(source, 1), w = node_dim(source, 2), n = net->c.regions + 1;
    Shape one = SHAPE(B, h, w, n, 1);
    Node *grid = op_concat(g, (Node *[]){op_reshape(g, t.x, one), op_reshape(g, t.y, one)}, 2, 4);
    grid = op_reshape(g, op_permute(g, grid, (int[]){0, 3, 1, 2, 4}), SHAPE(B * n, h, w, 2));
    Node *copies = op_reshape(g, op_repeat(g, op_reshape(g, source, SHAPE(B, 1, h, w, 3)), 1, n), SHAPE(B * n, h, w, 3));
    Node *warped = op_warp(g, copies, grid, net->c.aligned ? WARP_BORDER : WARP_ZEROS, net->c.aligned, false);
    warped = op_permute(g, op_reshape(g, warped, SHAPE(B, n, h, w, 3)), (int[]){0, 2, 3, 1, 4});
    heat = op_cast(g, op_reshape(g, heat, one), node_type(warped));
    return op_reshape(g, op_concat(g, (Node *[]){heat, warped}, 2, 4), SHAPE(B, h, w, 4 * n));
}

LatentFlow flow_predictor(Graph *g, const FlowPredictor *net, Node *picture, const Regions *source, const Regions *driving,
                          Node *background, bool train)
{
    graph_push(g, "flow");
    Node *small = anti_alias(g, &net->shrink, picture);
    int64_t h = node_dim(small, 1), w = node_dim(small, 2);
    Coordinates at = coordinates(g, net->arena, h, w);
    Node *heat = op_sub(g, gaussian(g, driving, at), gaussian(g, source, at));
    Node *none = op_affine(g, op_slice(g, heat, 3, 0, 1), 0, 0);
    Maps t = sparse_maps(g, source, driving, background, at);
    Node *x = candidates(g, net, small, t, op_concat(g, (Node *[]){none, heat}, 2, 3));
    x = hourglass(g, &net->net, x, train);
    Node *weights = op_softmax(g, op_cast(g, nn_conv(g, &net->mask, x), JIG_F32), 3);
    Node *fx = op_sum(g, op_mul(g, weights, t.x), 1u << 3), *fy = op_sum(g, op_mul(g, weights, t.y), 1u << 3);
    LatentFlow f = {.small = small, .flow = op_concat(g, (Node *[]){fx, fy}, 2, 3)};
    f.occlusion = op_act(g, ACT_SIGMOID, op_cast(g, nn_conv(g, &net->occlusion, x), JIG_F32));
    graph_pop(g);
    return f;
}
