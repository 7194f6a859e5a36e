/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of the picture networks K, P, G, B: a residual block, a U-Net, space-to-depth packing, widths as text. One
 * norm a block is enough at these sizes, and norms are what a CPU is slow at; everything between is fused into the
 * convolutions.
 */
#include "models/articulated/nets.h"

#include <stdlib.h>
#include <string.h>

enum { GROUP_CHANNELS = 16 };

/* A 3x3 convolution that starts at zero, so that a fresh block is the identity. */
static void zero_conv_init(Conv *c, ParamSet *ps, const char *prefix, int64_t channels)
{
    char name[112];
    *c = (Conv){
        .o = {.stride = {1, 1, 1}, .pad_lo = {0, 1, 1}, .pad_hi = {0, 1, 1}, .dilation = {1, 1, 1}, .groups = 1}};
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

void unet_init(UNet *u, ParamSet *ps, const char *prefix, int64_t in, const int widths[NET_LEVELS],
               const int blocks[NET_LEVELS], bool decoder)
{
    char name[64];
    memcpy(u->widths, widths, sizeof u->widths);
    memcpy(u->blocks, blocks, sizeof u->blocks);
    snprintf(name, sizeof name, "%sstem", prefix);
    conv2d_init(&u->stem, ps, name, in, widths[0], 3, 1, 1, true);
    for (int l = 0; l < NET_LEVELS; l++) {
        if (l > 0) {
            snprintf(name, sizeof name, "%sdown.%d", prefix, l);
            conv2d_init(&u->down[l - 1], ps, name, widths[l - 1], widths[l], 3, 2, 1, true);
        }
        for (int i = 0; i < blocks[l]; i++) {
            snprintf(name, sizeof name, "%sencoder.%d.%d", prefix, l, i);
            res_block_init(&u->encoder[l][i], ps, name, widths[l]);
        }
    }
    for (int l = NET_LEVELS - 2; decoder && l >= 0; l--) {
        snprintf(name, sizeof name, "%sup.%d", prefix, l);
        conv2d_init(&u->up[l], ps, name, widths[l + 1], widths[l], 1, 1, 0, true);
        snprintf(name, sizeof name, "%sdecoder.%d", prefix, l);
        res_block_init(&u->decoder[l], ps, name, widths[l]);
    }
    snprintf(name, sizeof name, "%snorm", prefix);
    if (decoder)
        norm_init(&u->norm, ps, name, NORM_GROUP, widths[0] / GROUP_CHANNELS, widths[0], 1e-5f, true);
}

void unet_encode(Graph *g, const UNet *u, Node *x, Node *const inject[NET_LEVELS], Node *levels[NET_LEVELS])
{
    x = nn_conv(g, &u->stem, x);
    for (int l = 0; l < NET_LEVELS; l++) {
        graph_push(g, "encoder.%d", l);
        if (l > 0)
            x = nn_conv(g, &u->down[l - 1], x);
        if (inject)
            x = op_add(g, x, inject[l]);
        for (int i = 0; i < u->blocks[l]; i++)
            x = res_block(g, &u->encoder[l][i], x);
        levels[l] = x;
        graph_pop(g);
    }
}

Node *unet_decode(Graph *g, const UNet *u, Node *const levels[NET_LEVELS])
{
    Node *x = levels[NET_LEVELS - 1];
    for (int l = NET_LEVELS - 2; l >= 0; l--) {
        graph_push(g, "decoder.%d", l);
        x = nn_conv(g, &u->up[l], x);
        x = op_resize(g, x, node_dim(levels[l], 1), node_dim(levels[l], 2), RESIZE_NEAREST, false);
        x = res_block(g, &u->decoder[l], op_add(g, x, levels[l]));
        graph_pop(g);
    }
    return nn_norm(g, &u->norm, x, ACT_SILU);
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

void net_pack(const float *in, int h, int w, int c, int f, float *out, int pitch, int at)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            float *to = out + ((int64_t)(y / f) * (w / f) + x / f) * pitch + at + (y % f * f + x % f) * c;
            memcpy(to, in + ((int64_t)y * w + x) * c, (size_t)c * sizeof *to);
        }
}

Node *net_unpack(Graph *g, Node *x, int f)
{
    int64_t b = node_dim(x, 0), h = node_dim(x, 1), w = node_dim(x, 2), c = node_dim(x, 3) / (f * f);
    x = op_reshape(g, x, SHAPE(b, h, w, f, f, c));
    x = op_permute(g, x, (const int[]){0, 1, 3, 2, 4, 5});
    return op_reshape(g, x, SHAPE(b, h * f, w * f, c));
}

bool net_check_class(const SafeTensors *st, const char *kind, Err *e)
{
    const char *found = safetensors_meta(st, "class");
    return (found && !strcmp(found, kind)) ||
           err_set(e, "class is \"%s\", needed is \"%s\"", found ? found : "missing", kind);
}

Node *net_pack_node(Graph *g, Node *x, int f)
{
    int64_t b = node_dim(x, 0), h = node_dim(x, 1) / f, w = node_dim(x, 2) / f, c = node_dim(x, 3);
    x = op_reshape(g, x, SHAPE(b, h, f, w, f, c));
    x = op_permute(g, x, (const int[]){0, 1, 3, 2, 4, 5});
    return op_reshape(g, x, SHAPE(b, h, w, f * f * c));
}

char *net_widths_text(Arena *a, const int widths[NET_LEVELS])
{
    return arena_printf(a, "%d-%d-%d-%d", widths[0], widths[1], widths[2], widths[3]);
}

bool net_parse_widths(const char *text, int widths[NET_LEVELS], Err *e)
{
    const char *at = text;
    for (int i = 0; i < NET_LEVELS; i++) {
        char *end;
        long n = at ? strtol(at, &end, 10) : 0;
        bool last = i == NET_LEVELS - 1;
        if (!at || end == at || n < 16 || n > 1024 || n % 16 || *end != (last ? '\0' : '-'))
            return err_set(e, "widths are \"%s\"; needed are %d multiples of 16 from 16 to 1024, as \"64-128-192-224\"",
                           text ? text : "missing", NET_LEVELS);
        widths[i] = (int)n;
        at = end + 1;
    }
    return true;
}
