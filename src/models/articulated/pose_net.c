/* SPDX-License-Identifier: Apache-2.0
 *
 * K: a U-Net from a picture to joints, presence, depth, parts and foreground (docs/models/articulated.md, section 3).
 *
 *   picture [B, H/4, W/4, 48] (4x4 pixels a position) -> stem -> 1/4: 1 block -> 1/8: 1 -> 1/16: 2 -> 1/32: 2
 *     -> up, add the skip, 1 block -> 1/16 -> 1/8 -> 1/4 -> head
 *   head: 3x3 to 96 channels, then 18 heatmaps, 18 depth maps, 18 presence maps at 1/4, and part logits at 1/2 by depth
 * to space.
 *
 * A joint's depth and presence are read from their maps where its heatmap lies: sum over cells of softmax(heat) * map.
 * The weights are not trained through that sum, or depth would pull the heatmaps about.
 */
#include "models/articulated/nets.h"

enum { PACKED = POSE_CELL * POSE_CELL * 3, HEAD = 96, PART_CHANNELS = POSE_PARTS + 1, FINE = POSE_CELL / POSE_PIXEL };
static const int blocks[NET_LEVELS] = {1, 1, 2, 2};

struct PoseNet {
    UNet unet;
    Conv head, joints, parts;
};

PoseNet *pose_net_create(const PoseConfig *c, ParamSet *ps)
{
    PoseNet *net = mem_zero(sizeof *net);
    unet_init(&net->unet, ps, "", PACKED, c->widths, blocks, true);
    conv2d_init(&net->head, ps, "head.conv", c->widths[0], HEAD, 3, 1, 1, true);
    conv2d_init(&net->joints, ps, "head.joints", HEAD, 3 * POSE_JOINTS, 1, 1, 0, true);
    conv2d_init(&net->parts, ps, "head.parts", HEAD, FINE * FINE * PART_CHANNELS, 1, 1, 0, true);
    return net;
}

void pose_net_destroy(PoseNet *net) { mem_free(net); }

/* x [B, N, 18] maps of what belongs to the joints, where [B, N, 18] their softmax: -> f32 [B, 18] */
static Node *read_at_joints(Graph *g, Node *where, Node *maps)
{
    Node *sum = op_sum(g, op_mul(g, op_cast(g, maps, JIG_F32), where), 1u << 1);
    return op_reshape(g, sum, SHAPE(node_dim(maps, 0), POSE_JOINTS));
}

static void build_heads(Graph *g, const PoseNet *net, Node *x, PoseNodes *out)
{
    graph_push(g, "head");
    x = op_act(g, ACT_SILU, nn_conv(g, &net->head, x));
    Node *j = nn_conv(g, &net->joints, x);
    int64_t b = node_dim(j, 0), cells = node_dim(j, 1) * node_dim(j, 2);
    j = op_reshape(g, j, SHAPE(b, cells, 3 * POSE_JOINTS));
    out->heat = op_cast(g, op_slice(g, j, 2, 0, POSE_JOINTS), JIG_F32);
    Node *where = op_stop(g, op_softmax(g, out->heat, 1));
    out->depth = read_at_joints(g, where, op_slice(g, j, 2, POSE_JOINTS, POSE_JOINTS));
    out->presence = read_at_joints(g, where, op_slice(g, j, 2, 2 * POSE_JOINTS, POSE_JOINTS));
    out->parts = net_unpack(g, nn_conv(g, &net->parts, x), FINE);
    graph_pop(g);
}

PoseNodes pose_net_build(Graph *g, const PoseNet *net, Node *picture)
{
    PoseNodes out = {0};
    Node *levels[NET_LEVELS];
    unet_encode(g, &net->unet, picture, NULL, levels);
    for (int l = 0; l < (int)ARRAY_LEN(out.features); l++)
        out.features[l] = levels[l];
    build_heads(g, net, unet_decode(g, &net->unet, levels), &out);
    return out;
}
