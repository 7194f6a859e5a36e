/* SPDX-License-Identifier: Apache-2.0
 *
 * See lfae_blocks.h.
 */
#include "models/dabfusion/lfae_blocks.h"

#include <math.h>
#include <string.h>

void conv_norm_init(ConvNorm *b, ParamSet *ps, const char *name, int64_t in, int64_t out, int k)
{
    char part[300];
    snprintf(part, sizeof part, "%s.conv", name);
    conv2d_init(&b->conv, ps, part, in, out, k, 1, k / 2, true);
    snprintf(part, sizeof part, "%s.norm", name);
    batch_norm_init(&b->norm, ps, part, out);
}

Node *conv_norm(Graph *g, const ConvNorm *b, Node *x, bool train)
{
    return nn_batch_norm(g, &b->norm, nn_conv(g, &b->conv, x), ACT_RELU, train);
}

Node *conv_norm_down(Graph *g, const ConvNorm *b, Node *x, bool train)
{
    return op_pool(g, conv_norm(g, b, x, train), 2, 2, 0, false);
}

Node *conv_norm_up(Graph *g, const ConvNorm *b, Node *x, bool train)
{
    x = op_resize(g, x, 2 * node_dim(x, 1), 2 * node_dim(x, 2), RESIZE_NEAREST, false);
    return conv_norm(g, b, x, train);
}

/* ---- hourglass --------------------------------------------------------------------------------------------------- */

int64_t hourglass_init(Hourglass *h, ParamSet *ps, const char *prefix, int64_t in, int64_t width, int64_t most, int blocks)
{
    char name[300];
    int64_t w[HOURGLASS_BLOCKS + 1] = {in};
    h->blocks = blocks;
    for (int i = 0; i < blocks; i++) {
        w[i + 1] = MIN(most, width << (i + 1));
        snprintf(name, sizeof name, "%sencoder.down_blocks.%d", prefix, i);
        conv_norm_init(&h->down[i], ps, name, w[i], w[i + 1], 3);
    }
    for (int k = 0; k < blocks; k++) { /* stage i of the decoder takes [up, skip] of stage i + 1 */
        int i = blocks - 1 - k;
        int64_t from = k == 0 ? w[blocks] : 2 * MIN(most, width << (i + 1));
        snprintf(name, sizeof name, "%sdecoder.up_blocks.%d", prefix, k);
        conv_norm_init(&h->up[k], ps, name, from, MIN(most, width << i), 3);
    }
    return width + in;
}

Node *hourglass(Graph *g, const Hourglass *h, Node *x, bool train)
{
    Node *skip[HOURGLASS_BLOCKS + 1] = {x};
    for (int i = 0; i < h->blocks; i++) {
        graph_push(g, "down.%d", i);
        skip[i + 1] = x = conv_norm_down(g, &h->down[i], x, train);
        graph_pop(g);
    }
    for (int k = 0; k < h->blocks; k++) {
        graph_push(g, "up.%d", k);
        x = conv_norm_up(g, &h->up[k], x, train);
        x = op_concat(g, (Node *[]){x, skip[h->blocks - 1 - k]}, 2, 3);
        graph_pop(g);
    }
    return x;
}

/* ---- shrinking --------------------------------------------------------------------------------------------------- */

int anti_alias_side(int step)
{
    return 2 * (int)rint(4 * (step - 1) / 2.0) + 1;
}

void anti_alias_kernel(int step, float *kernel)
{
    int side = anti_alias_side(step), half = side / 2;
    double sigma = (step - 1) / 2.0, sum = 0;
    for (int y = -half; y <= half; y++)
        for (int x = -half; x <= half; x++)
            sum += exp(-(x * x + y * y) / (2 * sigma * sigma));
    for (int y = -half; y <= half; y++)
        for (int x = -half; x <= half; x++)
            *kernel++ = (float)(exp(-(x * x + y * y) / (2 * sigma * sigma)) / sum);
}

void anti_alias_init(AntiAlias *a, ParamSet *ps, const char *name, int64_t channels, int step)
{
    *a = (AntiAlias){.channels = channels, .step = step};
    if (step == 1)
        return;
    int side = anti_alias_side(step);
    a->kernel = params_add(ps, name, SHAPE(channels, 1, side, side), INIT_ZERO, 0, false);
    a->kernel->trainable = false;
}

void anti_alias_fill(const AntiAlias *a)
{
    if (!a->kernel || !a->kernel->value.data) /* planned without weights */
        return;
    int64_t cells = (int64_t)anti_alias_side(a->step) * anti_alias_side(a->step);
    float *w = a->kernel->value.data;
    anti_alias_kernel(a->step, w);
    for (int64_t c = 1; c < a->channels; c++)
        memcpy(w + c * cells, w, (size_t)cells * sizeof *w);
}

Node *anti_alias(Graph *g, const AntiAlias *a, Node *x)
{
    if (a->step == 1)
        return x;
    int64_t half = anti_alias_side(a->step) / 2;
    return op_conv(g, x, a->kernel, NULL,
                   (ConvOpts){.stride = {1, a->step, a->step}, .pad_lo = {0, half, half}, .pad_hi = {0, half, half},
                              .groups = a->channels});
}

/* ---- coordinates ------------------------------------------------------------------------------------------------- */

Coordinates coordinates(Graph *g, Arena *a, int64_t h, int64_t w)
{
    float *x = arena_alloc(a, (size_t)(2 * h * w) * sizeof *x), *y = x + h * w;
    for (int64_t i = 0; i < h * w; i++) {
        x[i] = (float)(w > 1 ? 2.0 * (double)(i % w) / (double)(w - 1) - 1 : 0);
        y[i] = (float)(h > 1 ? 2.0 * (double)(i / w) / (double)(h - 1) - 1 : 0);
    }
    return (Coordinates){graph_const(g, (Tensor){JIG_F32, SHAPE(1, h, w, 1), x}),
                         graph_const(g, (Tensor){JIG_F32, SHAPE(1, h, w, 1), y})};
}

Node *channel_of(Graph *g, Node *x, int64_t c)
{
    return op_slice(g, x, node_shape(x).n - 1, c, 1);
}

Node *sign_of(Graph *g, Node *x)
{
    return op_stop(g, op_clamp(g, op_affine(g, x, 1e30f, 0), -1, 1));
}
