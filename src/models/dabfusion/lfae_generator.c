/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator of DabFusion's latent flow auto-encoder (spec 2.5): picture -> features -> warped by the flow and masked by the
 * occlusion -> residual blocks -> picture, with warped skips on the way up. Pictures [B, H, W, C]; flow and occlusion at a
 * quarter of the side.
 *
 * Trap: grids are built corner to corner but sampled with align_corners false and zeros outside (WARP_ZEROS), so the identity
 * zooms slightly and darkens the rim; published weights expect that.
 */
#include "models/dabfusion/dabfusion.h"

#include <math.h>

#define MAX_DOWNS 4
#define MAX_RESIDUALS 16

typedef struct ConvNorm {
    Conv conv;
    BatchNorm norm;
} ConvNorm;

typedef struct Residual {
    Conv conv1, conv2;
    BatchNorm norm1, norm2;
} Residual;

struct LfaeGenerator {
    LfaeGeneratorConfig c;
    ConvNorm first, down[MAX_DOWNS], up[MAX_DOWNS];
    Residual res[MAX_RESIDUALS];
    Conv final;
};

LfaeGeneratorConfig lfae_generator_published(void)
{
    return (LfaeGeneratorConfig){.width = 64, .max_width = 512, .downs = 2, .residuals = 6};
}

static void conv_norm_init(ConvNorm *b, ParamSet *ps, const char *name, int64_t in, int64_t out, int k)
{
    char part[256];
    snprintf(part, sizeof part, "%s.conv", name);
    conv2d_init(&b->conv, ps, part, in, out, k, 1, k / 2, true);
    snprintf(part, sizeof part, "%s.norm", name);
    batch_norm_init(&b->norm, ps, part, out);
}

static void residual_init(Residual *r, ParamSet *ps, const char *name, int64_t width)
{
    char part[256];
    Conv *convs[] = {&r->conv1, &r->conv2};
    BatchNorm *norms[] = {&r->norm1, &r->norm2};
    for (int i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "%s.conv%d", name, i + 1);
        conv2d_init(convs[i], ps, part, width, width, 3, 1, 1, true);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "%s.norm%d", name, i + 1);
        batch_norm_init(norms[i], ps, part, width);
    }
}

LfaeGenerator *lfae_generator_create(ParamSet *ps, const char *prefix, const LfaeGeneratorConfig *c)
{
    LfaeGenerator *net = mem_zero(sizeof *net);
    net->c = *c;
    char name[200];
    int64_t w[MAX_DOWNS + 1] = {c->width};
    snprintf(name, sizeof name, "%sfirst", prefix);
    conv_norm_init(&net->first, ps, name, 3, w[0], 7);
    for (int i = 0; i < c->downs; i++) {
        w[i + 1] = MIN(c->max_width, c->width << (i + 1));
        snprintf(name, sizeof name, "%sdown_blocks.%d", prefix, i);
        conv_norm_init(&net->down[i], ps, name, w[i], w[i + 1], 3);
    }
    for (int i = 0; i < c->downs; i++) {
        snprintf(name, sizeof name, "%sup_blocks.%d", prefix, i);
        conv_norm_init(&net->up[i], ps, name, w[c->downs - i], w[c->downs - i - 1], 3);
    }
    for (int i = 0; i < c->residuals; i++) {
        snprintf(name, sizeof name, "%sbottleneck.r%d", prefix, i);
        residual_init(&net->res[i], ps, name, w[c->downs]);
    }
    snprintf(name, sizeof name, "%sfinal", prefix);
    conv2d_init(&net->final, ps, name, w[0], 3, 7, 1, 3, true);
    return net;
}

void lfae_generator_destroy(LfaeGenerator *net)
{
    mem_free(net);
}

static Node *normalise(Graph *g, const BatchNorm *n, Node *x, bool train)
{
    return nn_batch_norm(g, n, x, ACT_RELU, train);
}

static Node *conv_norm(Graph *g, const ConvNorm *b, Node *x, bool train)
{
    return normalise(g, &b->norm, nn_conv(g, &b->conv, x), train);
}

/* The flow and occlusion at the size of x. */
typedef struct Motion {
    Node *flow, *occlusion;
} Motion;

static Motion motion_at(Graph *g, Motion m, Node *x)
{
    int64_t h = node_dim(x, 1), w = node_dim(x, 2);
    if (node_dim(m.flow, 1) == h && node_dim(m.flow, 2) == w)
        return m;
    return (Motion){op_resize(g, m.flow, h, w, RESIZE_BILINEAR, false), op_resize(g, m.occlusion, h, w, RESIZE_BILINEAR, false)};
}

/* warp(skip) * o + x * (1 - o), written as x + (warp(skip) - x) * o */
static Node *blend(Graph *g, Motion m, Node *skip, Node *x)
{
    m = motion_at(g, m, skip);
    Node *warped = op_warp(g, skip, m.flow, WARP_ZEROS, false, false);
    return op_add(g, x, op_mul(g, op_sub(g, warped, x), m.occlusion));
}

Node *lfae_generator(Graph *g, const LfaeGenerator *net, Node *picture, Node *flow, Node *occlusion, bool train)
{
    int n = net->c.downs;
    Motion m = {flow, occlusion};
    Node *skip[MAX_DOWNS + 1];
    skip[0] = conv_norm(g, &net->first, picture, train);
    for (int i = 0; i < n; i++)
        skip[i + 1] = op_pool(g, conv_norm(g, &net->down[i], skip[i], train), 2, 2, 0, false);

    Motion at = motion_at(g, m, skip[n]);
    Node *x = op_mul(g, op_warp(g, skip[n], at.flow, WARP_ZEROS, false, false), at.occlusion);
    for (int i = 0; i < net->c.residuals; i++) {
        const Residual *r = &net->res[i];
        Node *y = nn_conv(g, &r->conv1, normalise(g, &r->norm1, x, train));
        x = op_add(g, nn_conv(g, &r->conv2, normalise(g, &r->norm2, y, train)), x);
    }
    for (int i = 0; i < n; i++) {
        x = blend(g, m, skip[n - i], x);
        x = op_resize(g, x, 2 * node_dim(x, 1), 2 * node_dim(x, 2), RESIZE_NEAREST, false);
        x = conv_norm(g, &net->up[i], x, train);
    }
    x = blend(g, m, skip[0], x);
    x = op_act(g, ACT_SIGMOID, nn_conv(g, &net->final, x));
    return blend(g, m, picture, x);
}
