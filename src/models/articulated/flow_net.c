/* SPDX-License-Identifier: Apache-2.0
 *
 * P: from what the bone maps carry along to which bone shows at each point of the target frame
 * (docs/models/articulated.md, section 4). A U-Net on the grid of 2 x 2 frame pixels with one head of 16 channels: 12
 * bone logits, residual flow, visibility, target mask. The flow itself is the weighted sum of the exact maps.
 */
#include "models/articulated/nets.h"

enum { HEAD = FLOW_BONES + 4 };
static const int blocks[NET_LEVELS] = {1, 1, 1, 2};
static const float residual_scale = 4, sharpness = 2;

struct FlowNet {
    UNet unet;
    Conv head;
};

FlowNet *flow_net_create(const FlowConfig *c, ParamSet *ps)
{
    FlowNet *net = mem_zero(sizeof *net);
    unet_init(&net->unet, ps, "", FLOW_INPUTS, c->widths, blocks, true);
    conv2d_init(&net->head, ps, "head", c->widths[0], HEAD, 1, 1, 0, true);
    return net;
}

void flow_net_destroy(FlowNet *net) { mem_free(net); }

FlowNodes flow_net_build(Graph *g, const FlowNet *net, Node *input)
{
    Node *levels[NET_LEVELS];
    unet_encode(g, &net->unet, input, NULL, levels);
    Node *out = nn_conv(g, &net->head, unet_decode(g, &net->unet, levels));
    return (FlowNodes){op_slice(g, out, 3, 0, FLOW_BONES),
                       op_affine(g, op_slice(g, out, 3, FLOW_BONES, 2), residual_scale, 0),
                       op_slice(g, out, 3, FLOW_BONES + 2, 1), op_slice(g, out, 3, FLOW_BONES + 3, 1)};
}

Node *flow_net_weights(Graph *g, FlowNodes n, int64_t height, int64_t width)
{
    Node *logits = op_resize(g, op_cast(g, n.bones, JIG_F32), height, width, RESIZE_BILINEAR, false);
    logits = op_reshape(g, op_affine(g, logits, sharpness, 0), SHAPE(node_dim(n.bones, 0), height * width, FLOW_BONES));
    return op_softmax(g, logits, 2);
}

Node *flow_net_field(Graph *g, FlowNodes n, Node *weights, Node *maps, Node *points, int64_t height, int64_t width)
{
    int64_t b = node_dim(weights, 0);
    Node *map = op_mul(g, op_matmul(g, weights, maps, false, false), points); /* [B, HW, 6]: a x, b y, c of both rows */
    Node *flow = op_sum(g, op_reshape(g, map, SHAPE(b, height * width, 2, 3)), 1u << 3);
    Node *residual = op_resize(g, op_cast(g, n.residual, JIG_F32), height, width, RESIZE_BILINEAR, false);
    return op_add(g, op_reshape(g, flow, SHAPE(b, height * width, 2)),
                  op_reshape(g, residual, SHAPE(b, height * width, 2)));
}

void flow_fill_points(int height, int width, float *points)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float *p = points + ((int64_t)y * width + x) * 6;
            p[0] = p[3] = (float)x + 0.5f;
            p[1] = p[4] = (float)y + 0.5f;
            p[2] = p[5] = 1;
        }
}
