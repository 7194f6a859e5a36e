/* SPDX-License-Identifier: Apache-2.0
 *
 * B: what stands behind the figure (docs/models/articulated.md, section 5). The hole is first filled by push-pull,
 * which gets large plain areas right; the network corrects what needs looking at: edges that go on, patterns, horizons.
 * Training and use share the filling (background_input).
 */
#include "models/articulated/articulated_internal.h"
#include "models/articulated/nets.h"

#include <string.h>

static const int blocks[NET_LEVELS] = {1, 1, 1, 2};

struct BackgroundNet {
    UNet unet;
    Conv head;
};

BackgroundNet *background_net_create(const BackgroundConfig *c, ParamSet *ps)
{
    BackgroundNet *net = mem_zero(sizeof *net);
    unet_init(&net->unet, ps, "", PIXEL_SOURCE, c->widths, blocks, true);
    conv2d_init(&net->head, ps, "head", c->widths[0], PIXEL_PACK * PIXEL_PACK * 3, 1, 1, 0, true);
    return net;
}

void background_net_destroy(BackgroundNet *net) { mem_free(net); }

Node *background_net_build(Graph *g, const BackgroundNet *net, Node *input)
{
    Node *levels[NET_LEVELS];
    unet_encode(g, &net->unet, input, NULL, levels);
    return net_unpack(g, nn_conv(g, &net->head, unet_decode(g, &net->unet, levels)), PIXEL_PACK);
}

void background_input(float *rgb, const float *hole, int w, int h, float *packed)
{
    size_t n = (size_t)w * (size_t)h;
    float *room = mem_alloc(n * 4 * sizeof *room), *weight = room + 3 * n;
    for (size_t i = 0; i < n; i++)
        weight[i] = 1 - hole[i];
    plane_push_pull(rgb, weight, w, h);
    for (size_t i = 0; i < 3 * n; i++)
        room[i] = 2 * rgb[i] - 1;
    net_pack(room, h, w, 3, PIXEL_PACK, packed, PIXEL_SOURCE, 0);
    net_pack(hole, h, w, 1, PIXEL_PACK, packed, PIXEL_SOURCE, 3 * PIXEL_PACK * PIXEL_PACK);
    mem_free(room);
}

/* ---- in use ------------------------------------------------------------------------------------------------------ */

struct BackgroundRunner {
    const Device *device;
    SafeTensors *file;
    ParamSet *ps;
    BackgroundConfig config;
    BackgroundNet *net;
};

BackgroundRunner *background_runner_open(const char *path, const Device *device, Err *e)
{
    BackgroundRunner *b = mem_zero(sizeof *b);
    b->device = device;
    b->file = safetensors_open(path, e);
    bool ok = b->file && net_check_class(b->file, "articulated.background", e) &&
              net_parse_widths(safetensors_meta(b->file, "widths"), b->config.widths, e);
    if (ok) {
        b->ps = params_create();
        b->net = background_net_create(&b->config, b->ps);
        ok = params_allocate(b->ps, false, 0, e) && params_load(b->ps, b->file, "", true, e);
    }
    if (ok)
        return b;
    err_context(e, "%s", path);
    background_runner_close(b);
    return NULL;
}

void background_runner_close(BackgroundRunner *b)
{
    if (!b)
        return;
    background_net_destroy(b->net);
    params_destroy(b->ps);
    safetensors_close(b->file);
    mem_free(b);
}

bool background_runner_fill(BackgroundRunner *b, float *rgb, const float *hole, int w, int h, Err *e)
{
    if (w < 16 || h < 16 || w > 1024 || h > 1024 || w % 16 || h % 16)
        return err_set(e, "background network: %d x %d (sides: multiples of 16 from 16 to 1024)", w, h);
    size_t n = (size_t)w * (size_t)h;
    float *packed = mem_alloc(n / 4 * PIXEL_SOURCE * sizeof *packed),
          *correction = mem_alloc(n * 3 * sizeof *correction);
    background_input(rgb, hole, w, h, packed);
    Graph *g = graph_create(b->device, b->device->fast);
    Node *x = graph_input(g, "input", graph_type(g), SHAPE(1, h / PIXEL_PACK, w / PIXEL_PACK, PIXEL_SOURCE));
    graph_output(g, "correction", background_net_build(g, b->net, x));
    bool ok = graph_plan(g, e) && graph_set(g, "input", packed, JIG_F32) && graph_run(g, e) &&
              graph_get(g, "correction", correction);
    for (size_t i = 0; ok && i < 3 * n; i++)
        rgb[i] = CLAMP(rgb[i] + 0.5f * hole[i / 3] * correction[i], 0, 1);
    graph_destroy(g);
    mem_free(packed);
    mem_free(correction);
    return ok;
}
