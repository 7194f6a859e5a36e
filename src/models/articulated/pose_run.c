/* SPDX-License-Identifier: Apache-2.0
 *
 * K in use: opens its weight file, runs it on pictures of any size that 32 divides, reads joints from heatmaps.
 * A joint lies at the mean of its heatmap's softmax within 2.5 cells of the highest cell; the mass in there is its
 * peak.
 */
#include "models/articulated/nets.h"

#include <math.h>
#include <string.h>

struct PoseRunner {
    const Device *device;
    SafeTensors *file;
    ParamSet *ps;
    PoseConfig config;
    PoseNet *net;
    Graph *graph; /* of the last batch and size, or NULL */
    int batch, width, height;
    float *packed, *heat, *parts; /* host sides of the graph's input and outputs */
};

void pose_found_init(PoseFound *p, int width, int height)
{
    size_t cells = (size_t)(width / POSE_PIXEL) * (size_t)(height / POSE_PIXEL);
    *p = (PoseFound){.width = width, .height = height};
    p->mask = mem_zero(cells * sizeof(float));
    p->parts = mem_zero(cells * POSE_PARTS * sizeof(float));
}

void pose_found_finish(PoseFound *p)
{
    if (!p)
        return;
    mem_free(p->mask);
    mem_free(p->parts);
    *p = (PoseFound){0};
}

static bool read_config(const SafeTensors *st, PoseConfig *c, Err *e)
{
    const char *size = safetensors_meta(st, "size");
    int64_t side;
    if (!net_check_class(st, "articulated.pose", e))
        return false;
    if (!size || !text_to_int(size, &side) || side < 64 || side > 1024 || side % 32)
        return err_set(e, "size is \"%s\"; needed is a multiple of 32 from 64 to 1024", size ? size : "missing");
    c->size = (int)side;
    return net_parse_widths(safetensors_meta(st, "widths"), c->widths, e);
}

PoseRunner *pose_runner_open(const char *path, const Device *device, Err *e)
{
    PoseRunner *k = mem_zero(sizeof *k);
    k->device = device;
    k->file = safetensors_open(path, e);
    bool ok = k->file && read_config(k->file, &k->config, e);
    if (ok) {
        k->ps = params_create();
        k->net = pose_net_create(&k->config, k->ps);
        ok = params_allocate(k->ps, false, 0, e) && params_load(k->ps, k->file, "", true, e);
    }
    if (ok)
        return k;
    err_context(e, "%s", path);
    pose_runner_close(k);
    return NULL;
}

static void drop_graph(PoseRunner *k)
{
    graph_destroy(k->graph);
    mem_free(k->packed);
    mem_free(k->heat);
    mem_free(k->parts);
    k->graph = NULL;
    k->packed = k->heat = k->parts = NULL;
}

void pose_runner_close(PoseRunner *k)
{
    if (!k)
        return;
    drop_graph(k);
    pose_net_destroy(k->net);
    params_destroy(k->ps);
    safetensors_close(k->file);
    mem_free(k);
}

const PoseConfig *pose_runner_config(const PoseRunner *k) { return &k->config; }

static bool make_graph(PoseRunner *k, int batch, int width, int height, Err *e)
{
    if (k->graph && k->batch == batch && k->width == width && k->height == height)
        return true;
    drop_graph(k);
    int h = height / POSE_CELL, w = width / POSE_CELL;
    k->batch = batch;
    k->width = width;
    k->height = height;
    k->graph = graph_create(k->device, k->device->fast);
    Node *x = graph_input(k->graph, "picture", graph_type(k->graph), SHAPE(batch, h, w, POSE_CELL * POSE_CELL * 3));
    PoseNodes n = pose_net_build(k->graph, k->net, x);
    graph_output(k->graph, "heat", n.heat);
    graph_output(k->graph, "depth", n.depth);
    graph_output(k->graph, "presence", n.presence);
    graph_output(k->graph, "parts", n.parts);
    size_t pixels = (size_t)batch * (size_t)width * (size_t)height;
    k->packed = mem_alloc(pixels * 3 * sizeof(float));
    k->heat = mem_alloc((size_t)batch * (size_t)h * (size_t)w * POSE_JOINTS * sizeof(float));
    k->parts = mem_alloc(pixels / (POSE_PIXEL * POSE_PIXEL) * (POSE_PARTS + 1) * sizeof(float));
    if (graph_plan(k->graph, e))
        return true;
    drop_graph(k);
    return false;
}

/* Softmax mass of one joint's map, and its mean position, within the window around the highest cell. */
static void decode_joint(const float *heat, int h, int w, int j, float joint[2], float *peak)
{
    int best = 0;
    for (int i = 1; i < h * w; i++)
        if (heat[i * POSE_JOINTS + j] > heat[best * POSE_JOINTS + j])
            best = i;
    float top = heat[best * POSE_JOINTS + j];
    double all = 0, near = 0, x = 0, y = 0;
    for (int i = 0; i < h * w; i++) {
        double p = expf(heat[i * POSE_JOINTS + j] - top);
        int dx = i % w - best % w, dy = i / w - best / w;
        all += p;
        if (dx * dx + dy * dy <= 6) {
            near += p;
            x += p * (i % w + 0.5);
            y += p * (i / w + 0.5);
        }
    }
    joint[0] = (float)(x / near * POSE_CELL);
    joint[1] = (float)(y / near * POSE_CELL);
    *peak = (float)(near / all);
}

void pose_decode_joints(const float *heat, int h, int w, float joint[POSE_JOINTS][2], float peak[POSE_JOINTS])
{
    for (int j = 0; j < POSE_JOINTS; j++)
        decode_joint(heat, h, w, j, joint[j], &peak[j]);
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

static void decode_parts(const float *logits, int64_t cells, float *mask, float *parts)
{
    for (int64_t i = 0; i < cells; i++) {
        const float *l = logits + i * (POSE_PARTS + 1);
        float top = l[0], sum = 0, *p = parts + i * POSE_PARTS;
        for (int c = 1; c < POSE_PARTS; c++)
            top = MAX(top, l[c]);
        for (int c = 0; c < POSE_PARTS; c++)
            sum += p[c] = expf(l[c] - top);
        for (int c = 0; c < POSE_PARTS; c++)
            p[c] /= sum;
        mask[i] = sigmoid(l[POSE_PARTS]);
    }
}

typedef struct Decode {
    const PoseRunner *k;
    const float *depth, *presence;
    PoseFound *out;
} Decode;

static void decode_range(void *ctx, int64_t from, int64_t to)
{
    const Decode *d = ctx;
    const PoseRunner *k = d->k;
    int h = k->height / POSE_CELL, w = k->width / POSE_CELL;
    int64_t cells = (int64_t)(k->height / POSE_PIXEL) * (k->width / POSE_PIXEL);
    for (int64_t i = from; i < to; i++) {
        PoseFound *p = &d->out[i];
        pose_decode_joints(k->heat + i * h * w * POSE_JOINTS, h, w, p->joint, p->peak);
        decode_parts(k->parts + i * cells * (POSE_PARTS + 1), cells, p->mask, p->parts);
        float sum = 0;
        int n = 0;
        for (int j = 0; j < POSE_JOINTS; j++) {
            p->depth[j] = d->depth[i * POSE_JOINTS + j];
            p->presence[j] = sigmoid(d->presence[i * POSE_JOINTS + j]);
            if (p->presence[j] > 0.5f) {
                sum += p->peak[j];
                n++;
            }
        }
        p->confidence = n ? sum / (float)n : 0;
    }
}

bool pose_runner_run(PoseRunner *k, const uint8_t *const *rgb, int n, int width, int height, PoseFound *out, Err *e)
{
    if (n < 1 || n > 1024 || width % 32 || height % 32 || width < 64 || height < 64 || width > 1024 || height > 1024)
        return err_set(e, "pose network: %d pictures of %d x %d (sides: multiples of 32 from 64 to 1024)", n, width,
                       height);
    if (!make_graph(k, n, width, height, e))
        return false;
    for (int i = 0; i < n; i++)
        net_pack_rgb(rgb[i], height, width, POSE_CELL, k->packed + (int64_t)i * width * height * 3);
    if (!graph_set(k->graph, "picture", k->packed, JIG_F32) || !graph_run(k->graph, e))
        return false;
    float *numbers = mem_alloc((size_t)n * 2 * POSE_JOINTS * sizeof(float));
    Decode d = {k, numbers, numbers + n * POSE_JOINTS, out};
    graph_get(k->graph, "heat", k->heat);
    graph_get(k->graph, "parts", k->parts);
    graph_get(k->graph, "depth", numbers);
    graph_get(k->graph, "presence", numbers + n * POSE_JOINTS);
    threads_for(n, 1, decode_range, &d);
    mem_free(numbers);
    return true;
}
