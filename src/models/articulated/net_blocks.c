/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of the picture networks K, P, G, B: one kind of residual block, space-to-depth packing, widths as text. One norm a
 * block is enough at these sizes, and norms are what a CPU is slow at; everything between is fused into the convolutions.
 */
#include "models/articulated/nets.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP_CHANNELS = 16 };

/* A 3x3 convolution that starts at zero, so that a fresh block is the identity. */
static void zero_conv_init(Conv *c, ParamSet *ps, const char *prefix, int64_t channels)
{
    char name[112];
    *c = (Conv){.o = {.stride = {1, 1, 1}, .pad_lo = {0, 1, 1}, .pad_hi = {0, 1, 1}, .dilation = {1, 1, 1}, .groups = 1}};
    snprintf(name, sizeof name, "%s.weight", prefix);
    c->weight = params_add(ps, name, SHAPE(channels, channels, 3, 3), INIT_ZERO, 0, true);
    snprintf(name, sizeof name, "%s.bias", prefix);
    c->bias = params_add(ps, name, SHAPE(channels), INIT_ZERO, 0, false);
}

void res_block_init(ResBlock *r, ParamSet *ps, const char *prefix, int64_t channels)
{
    char name[96];
    snprintf(name, sizeof name, "%s.norm", prefix);
    norm_init(&r->norm, ps, name, NORM_GROUP, (int)(channels / GROUP_CHANNELS), channels, 1e-5f, true);
    snprintf(name, sizeof name, "%s.in", prefix);
    conv2d_init(&r->in, ps, name, channels, channels, 3, 1, 1, true);
    snprintf(name, sizeof name, "%s.out", prefix);
    zero_conv_init(&r->out, ps, name, channels);
}

Node *res_block(Graph *g, const ResBlock *r, Node *x)
{
    Node *h = nn_norm(g, &r->norm, x, ACT_SILU);
    h = op_act(g, ACT_SILU, nn_conv(g, &r->in, h));
    return op_add(g, nn_conv(g, &r->out, h), x);
}

void net_pack_rgb(const uint8_t *rgb, int h, int w, int f, float *out)
{
    int channels = f * f * 3, columns = w / f;
    for (int y = 0; y < h / f * f; y++)
        for (int x = 0; x < columns * f; x++) {
            float *to = out + ((int64_t)(y / f) * columns + x / f) * channels + (y % f * f + x % f) * 3;
            const uint8_t *from = rgb + ((int64_t)y * w + x) * 3;
            for (int c = 0; c < 3; c++)
                to[c] = (float)from[c] / 127.5f - 1;
        }
}

Node *net_unpack(Graph *g, Node *x, int f)
{
    int64_t b = node_dim(x, 0), h = node_dim(x, 1), w = node_dim(x, 2), c = node_dim(x, 3) / (f * f);
    x = op_reshape(g, x, SHAPE(b, h, w, f, f, c));
    x = op_permute(g, x, (const int[]){0, 1, 3, 2, 4, 5});
    return op_reshape(g, x, SHAPE(b, h * f, w * f, c));
}

char *net_widths_text(Arena *a, const int widths[NET_LEVELS])
{
    return arena_printf(a, "%d,%d,%d,%d", widths[0], widths[1], widths[2], widths[3]);
}

bool net_parse_widths(const char *text, int widths[NET_LEVELS], Err *e)
{
    const char *at = text;
    for (int i = 0; i < NET_LEVELS; i++) {
        char *end;
        long n = at ? strtol(at, &end, 10) : 0;
        bool last = i == NET_LEVELS - 1;
        if (!at || end == at || n < 16 || n > 1024 || n % 16 || *end != (last ? '\0' : ','))
            return err_set(e, "widths are \"%s\"; needed are %d multiples of 16 from 16 to 1024, as \"64,128,192,224\"",
                           text ? text : "missing", NET_LEVELS);
        widths[i] = (int)n;
        at = end + 1;
    }
    return true;
}
