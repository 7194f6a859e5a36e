/* SPDX-License-Identifier: Apache-2.0
 *
 * The background predictor B of the LFAE (spec 2.3): how the place moves between two pictures, one 3x3 matrix that maps
 * driving coordinates to source coordinates. Pictures [B, H, W, 3] -> F [B, 9], row by row.
 *
 * Kinds: zero (a fixed camera: the identity, no network), shift (2 numbers), affine (6, the published one),
 * perspective (8). The network starts at the identity: fc's weight is 0.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

#include <string.h>

struct BackgroundPredictor {
    LfaeBackgroundConfig c;
    Arena *arena;
    ConvNorm down[HOURGLASS_BLOCKS];
    Linear fc;
};

static const int numbers[] = {[LFAE_BACKGROUND_ZERO] = 0, [LFAE_BACKGROUND_SHIFT] = 2, [LFAE_BACKGROUND_AFFINE] = 6, [LFAE_BACKGROUND_PERSPECTIVE] = 8};

BackgroundPredictor *background_predictor_create(ParamSet *ps, const char *prefix, const LfaeBackgroundConfig *c)
{
    BackgroundPredictor *net = mem_zero(sizeof *net);
    net->c = *c;
    net->arena = arena_create();
    int64_t in = 6;
    for (int i = 0; i < c->blocks && c->kind != LFAE_BACKGROUND_ZERO; i++) {
        int64_t out = MIN(c->max_width, c->width << (i + 1));
        conv_norm_init(&net->down[i], ps, arena_printf(net->arena, "%sencoder.down_blocks.%d", prefix, i), in, out, 3);
        in = out;
    }
    if (c->kind != LFAE_BACKGROUND_ZERO)
        linear_init(&net->fc, ps, arena_printf(net->arena, "%sfc", prefix), in, numbers[c->kind], true);
    return net;
}

void background_predictor_fill(const BackgroundPredictor *net)
{
    static const float identity[8] = {1, 0, 0, 0, 1, 0, 0, 0};
    if (net->c.kind == LFAE_BACKGROUND_ZERO)
        return;
    int n = numbers[net->c.kind];
    float *bias = net->fc.bias->value.data;
    memset(net->fc.weight->value.data, 0, tensor_bytes(&net->fc.weight->value));
    for (int i = 0; i < n; i++)
        bias[i] = net->c.kind == LFAE_BACKGROUND_SHIFT ? 0 : identity[i];
}

void background_predictor_destroy(BackgroundPredictor *net)
{
    if (!net)
        return;
    arena_destroy(net->arena);
    mem_free(net);
}

Node *background_predictor(Graph *g, const BackgroundPredictor *net, Node *source, Node *driving, bool train)
{
    static const float values[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    int64_t B = node_dim(source, 0);
    Node *identity = graph_const(g, (Tensor){JIG_F32, SHAPE(1, 9), (void *)values});
    if (net->c.kind == LFAE_BACKGROUND_ZERO)
        return op_repeat(g, identity, 0, B);
    graph_push(g, "background");
    Node *x = op_concat(g, (Node *[]){source, driving}, 2, 3);
    for (int i = 0; i < net->c.blocks; i++)
        x = conv_norm_down(g, &net->down[i], x, train);
    x = op_mean(g, x, 1u << 1 | 1u << 2);
    Node *n = op_cast(g, nn_linear(g, &net->fc, op_reshape(g, x, SHAPE(B, node_dim(x, 3)))), JIG_F32);
    Node *rest = op_repeat(g, identity, 0, B), *all;
    if (net->c.kind == LFAE_BACKGROUND_SHIFT) {
        Node *parts[] = {op_slice(g, rest, 1, 0, 2), op_slice(g, n, 1, 0, 1), op_slice(g, rest, 1, 3, 2),
                         op_slice(g, n, 1, 1, 1), op_slice(g, rest, 1, 6, 3)};
        all = op_concat(g, parts, 5, 1);
    } else {
        int have = numbers[net->c.kind];
        all = op_concat(g, (Node *[]){n, op_slice(g, rest, 1, have, 9 - have)}, 2, 1);
    }
    graph_pop(g);
    return all;
}
