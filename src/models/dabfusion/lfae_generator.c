/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator of DabFusion's latent flow auto-encoder (spec 2.5): picture -> features -> warped by the flow and masked by the
 * occlusion -> residual blocks -> picture, with warped skips on the way up. Pictures [B, H, W, C]; flow and occlusion at a
 * quarter of the side.
 *
 * Trap: grids are built corner to corner but sampled with align_corners false and zeros outside (WARP_ZEROS), so the identity
 * zooms slightly and darkens the rim; published weights expect that. `aligned` (decision 12) samples as the grids are built.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

#define MAX_RESIDUALS 16

typedef struct Residual {
    Conv conv1, conv2;
    BatchNorm norm1, norm2;
} Residual;

struct LfaeGenerator {
    LfaeGeneratorConfig c;
    ConvNorm first, down[LFAE_MAX_DOWNS], up[LFAE_MAX_DOWNS];
    Residual res[MAX_RESIDUALS];
    Conv final;
};

LfaeGeneratorConfig lfae_generator_published(void)
{
    return (LfaeGeneratorConfig){.width = 64, .max_width = 512, .downs = 2, .residuals = 6};
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
    int64_t w[LFAE_MAX_DOWNS + 1] = {c->width};
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

/* The flow and occlusion at the size of x. */
typedef struct Motion {
    Node *flow, *occlusion;
} Motion;

static Motion motion_at(Graph *g, const LfaeGenerator *net, Motion m, Node *x)
{
    int64_t h = node_dim(x, 1), w = node_dim(x, 2);
    bool align = net->c.aligned;
    return (Motion){op_resize(g, m.flow, h, w, RESIZE_BILINEAR, align), op_resize(g, m.occlusion, h, w, RESIZE_BILINEAR, align)};
}

static Node *warp(Graph *g, const LfaeGenerator *net, Node *x, Node *flow)
{
    return op_warp(g, x, flow, net->c.aligned ? WARP_BORDER : WARP_ZEROS, net->c.aligned, false);
}

/* warp(skip) * o + x * (1 - o), written as x + (warp(skip) - x) * o */
static Node *blend(Graph *g, const LfaeGenerator *net, Motion m, Node *skip, Node *x)
{
    m = motion_at(g, net, m, skip);
    return op_add(g, x, op_mul(g, op_sub(g, warp(g, net, skip, m.flow), x), m.occlusion));
}

LfaeFeatures lfae_encode(Graph *g, const LfaeGenerator *net, Node *picture, bool train)
{
    LfaeFeatures f = {.picture = picture, .n = net->c.downs + 1};
    graph_push(g, "encoder");
    f.level[0] = conv_norm(g, &net->first, picture, train);
    for (int i = 0; i < net->c.downs; i++)
        f.level[i + 1] = conv_norm_down(g, &net->down[i], f.level[i], train);
    graph_pop(g);
    return f;
}

/* One picture's features for as many frames as there are flows. */
static Node *for_frames(Graph *g, Node *x, Node *flow)
{
    int64_t frames = node_dim(flow, 0);
    return node_dim(x, 0) == frames ? x : op_repeat(g, x, 0, frames);
}

Node *lfae_warped_picture(Graph *g, const LfaeGenerator *net, Node *picture, Node *flow)
{
    flow = op_resize(g, flow, node_dim(picture, 1), node_dim(picture, 2), RESIZE_BILINEAR, net->c.aligned);
    return warp(g, net, for_frames(g, picture, flow), flow);
}

Node *lfae_decode(Graph *g, const LfaeGenerator *net, LfaeFeatures f, Node *flow, Node *occlusion, bool train)
{
    int n = net->c.downs;
    DType type = node_type(f.level[n]);
    Motion m = {flow, op_cast(g, occlusion, type)};
    for (int i = 0; i < f.n; i++)
        f.level[i] = for_frames(g, f.level[i], flow);
    f.picture = for_frames(g, f.picture, flow);
    graph_push(g, "decoder");
    Motion at = motion_at(g, net, m, f.level[n]);
    Node *x = op_mul(g, warp(g, net, f.level[n], at.flow), at.occlusion);
    for (int i = 0; i < net->c.residuals; i++) {
        const Residual *r = &net->res[i];
        Node *y = nn_conv(g, &r->conv1, nn_batch_norm(g, &r->norm1, x, ACT_RELU, train));
        x = op_add(g, nn_conv(g, &r->conv2, nn_batch_norm(g, &r->norm2, y, ACT_RELU, train)), x);
    }
    for (int i = 0; i < n; i++)
        x = conv_norm_up(g, &net->up[i], blend(g, net, m, f.level[n - i], x), train);
    x = blend(g, net, m, f.level[0], x);
    x = op_act(g, ACT_SIGMOID, nn_conv(g, &net->final, x));
    x = blend(g, net, m, f.picture, x);
    graph_pop(g);
    return x;
}

Node *lfae_generator(Graph *g, const LfaeGenerator *net, Node *picture, Node *flow, Node *occlusion, bool train)
{
    return lfae_decode(g, net, lfae_encode(g, net, picture, train), flow, occlusion, train);
}
