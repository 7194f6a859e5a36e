/* SPDX-License-Identifier: Apache-2.0
 *
 * G: colours for what was hidden in the picture (docs/models/articulated.md, section 5). An encoder sees the source
 * once; for each frame its features are warped by P's flow, weighted by visibility, and added to the levels of a U-Net
 * that sees the warped colours, the mask and the bones of the frame.
 */
#include "models/articulated/nets.h"

static const int source_blocks[NET_LEVELS] = {1, 1, 1, 0}, frame_blocks[NET_LEVELS] = {1, 1, 1, 1};

struct PixelNet {
    UNet source, frame;
    Conv inject[NET_LEVELS], head;
};

PixelNet *pixel_net_create(const PixelConfig *c, ParamSet *ps)
{
    PixelNet *net = mem_zero(sizeof *net);
    char name[32];
    unet_init(&net->source, ps, "source.", PIXEL_SOURCE, c->widths, source_blocks, false);
    unet_init(&net->frame, ps, "frame.", PIXEL_FRAME, c->widths, frame_blocks, true);
    for (int l = 0; l < NET_LEVELS; l++) {
        snprintf(name, sizeof name, "inject.%d", l);
        conv2d_init(&net->inject[l], ps, name, c->widths[l], c->widths[l], 1, 1, 0, true);
    }
    conv2d_init(&net->head, ps, "head", c->widths[0], PIXEL_PACK * PIXEL_PACK * PIXEL_OUT, 1, 1, 0, true);
    return net;
}

void pixel_net_destroy(PixelNet *net) { mem_free(net); }

void pixel_net_encode(Graph *g, const PixelNet *net, Node *source, Node *features[NET_LEVELS])
{
    graph_push(g, "source");
    unet_encode(g, &net->source, source, NULL, features);
    graph_pop(g);
}

Node *pixel_net_decode(Graph *g, const PixelNet *net, Node *const features[NET_LEVELS], Node *const grids[NET_LEVELS],
                       Node *visible, Node *frame)
{
    Node *inject[NET_LEVELS], *levels[NET_LEVELS];
    graph_push(g, "frame");
    for (int l = 0; l < NET_LEVELS; l++) {
        Node *warped = op_warp(g, features[l], grids[l], WARP_BORDER, false, true);
        Node *seen = l ? op_pool(g, visible, 1 << l, 1 << l, 0, false) : visible;
        inject[l] = nn_conv(g, &net->inject[l], op_mul(g, warped, seen));
    }
    unet_encode(g, &net->frame, frame, inject, levels);
    Node *out = net_unpack(g, nn_conv(g, &net->head, unet_decode(g, &net->frame, levels)), PIXEL_PACK);
    graph_pop(g);
    return out;
}
