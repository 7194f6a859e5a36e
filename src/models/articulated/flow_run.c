/* SPDX-License-Identifier: Apache-2.0
 *
 * P in use: opens its weight file, runs it on one frame, and evaluates its field at any point.
 */
#include "models/articulated/nets.h"

#include <math.h>
#include <string.h>

static const float sharpness = 2; /* of the logits, as in training */

struct FlowRunner {
    const Device *device;
    SafeTensors *file;
    ParamSet *ps;
    FlowConfig config;
    FlowNet *net;
    Graph *graph; /* of the last size, or NULL */
    FlowField field;
};

FlowRunner *flow_runner_open(const char *path, const Device *device, Err *e)
{
    FlowRunner *p = mem_zero(sizeof *p);
    p->device = device;
    p->file = safetensors_open(path, e);
    bool ok = p->file && net_check_class(p->file, "articulated.flow", e) &&
              net_parse_widths(safetensors_meta(p->file, "widths"), p->config.widths, e);
    if (ok) {
        p->ps = params_create();
        p->net = flow_net_create(&p->config, p->ps);
        ok = params_allocate(p->ps, false, 0, e) && params_load(p->ps, p->file, "", true, e);
    }
    if (ok)
        return p;
    err_context(e, "%s", path);
    flow_runner_close(p);
    return NULL;
}

static void drop_graph(FlowRunner *p)
{
    graph_destroy(p->graph);
    p->graph = NULL;
    mem_free(p->field.bones);
    p->field = (FlowField){0};
}

void flow_runner_close(FlowRunner *p)
{
    if (!p)
        return;
    drop_graph(p);
    flow_net_destroy(p->net);
    params_destroy(p->ps);
    safetensors_close(p->file);
    mem_free(p);
}

static bool make_graph(FlowRunner *p, int w, int h, Err *e)
{
    if (p->graph && p->field.w == w && p->field.h == h)
        return true;
    drop_graph(p);
    size_t cells = (size_t)w * (size_t)h;
    float *room = mem_alloc(cells * (FLOW_BONES + 4) * sizeof *room);
    p->field = (FlowField){
        w, h, room, room + cells * FLOW_BONES, room + cells * (FLOW_BONES + 2), room + cells * (FLOW_BONES + 3)};
    p->graph = graph_create(p->device, p->device->fast);
    Node *x = graph_input(p->graph, "input", graph_type(p->graph), SHAPE(1, h, w, FLOW_INPUTS));
    FlowNodes n = flow_net_build(p->graph, p->net, x);
    graph_output(p->graph, "bones", n.bones);
    graph_output(p->graph, "residual", n.residual);
    graph_output(p->graph, "visible", op_act(p->graph, ACT_SIGMOID, n.visible));
    graph_output(p->graph, "mask", n.mask);
    if (graph_plan(p->graph, e))
        return true;
    drop_graph(p);
    return false;
}

const FlowField *flow_runner_run(FlowRunner *p, const float *input, int w, int h, Err *e)
{
    if (w < 8 || h < 8 || w > 1024 || h > 1024 || w % 8 || h % 8) {
        err_set(e, "flow network: %d x %d cells (sides: multiples of 8 from 8 to 1024)", w, h);
        return NULL;
    }
    if (!make_graph(p, w, h, e) || !graph_set(p->graph, "input", input, JIG_F32) || !graph_run(p->graph, e))
        return NULL;
    graph_get(p->graph, "bones", p->field.bones);
    graph_get(p->graph, "residual", p->field.residual);
    graph_get(p->graph, "visible", p->field.visible);
    graph_get(p->graph, "mask", p->field.mask);
    return &p->field;
}

/* Corners and weights of a bilinear look-up, clamped to the border. */
typedef struct Corners {
    int at[4];
    float weight[4];
} Corners;

static Corners corners(const FlowField *f, float x, float y)
{
    float u = CLAMP(x / FLOW_CELL - 0.5f, 0, (float)f->w - 1), v = CLAMP(y / FLOW_CELL - 0.5f, 0, (float)f->h - 1);
    int x0 = (int)u, y0 = (int)v, x1 = MIN(x0 + 1, f->w - 1), y1 = MIN(y0 + 1, f->h - 1);
    u -= (float)x0;
    v -= (float)y0;
    return (Corners){{y0 * f->w + x0, y0 * f->w + x1, y1 * f->w + x0, y1 * f->w + x1},
                     {(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v}};
}

static float mixed(const float *values, int stride, int channel, const Corners *c)
{
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += c->weight[i] * values[c->at[i] * stride + channel];
    return sum;
}

/* exp of the sharpened logits against the highest, in place; returns their sum. */
static float sharpen(float logit[FLOW_BONES])
{
    float top = logit[0], sum = 0;
    for (int b = 1; b < FLOW_BONES; b++)
        top = MAX(top, logit[b]);
    for (int b = 0; b < FLOW_BONES; b++)
        sum += logit[b] = expf(sharpness * (logit[b] - top));
    return sum;
}

void flow_field_weights(const FlowField *f, int cell, float out[FLOW_BONES])
{
    memcpy(out, f->bones + (int64_t)cell * FLOW_BONES, FLOW_BONES * sizeof *out);
    float sum = sharpen(out);
    for (int b = 0; b < FLOW_BONES; b++)
        out[b] /= sum;
}

FlowPoint flow_field_at(const FlowField *f, const FlowMap maps[FLOW_BONES], float x, float y)
{
    Corners c = corners(f, x, y);
    float logit[FLOW_BONES];
    for (int b = 0; b < FLOW_BONES; b++)
        logit[b] = mixed(f->bones, FLOW_BONES, b, &c);
    float sum = sharpen(logit);
    FlowPoint p = {{mixed(f->residual, 2, 0, &c), mixed(f->residual, 2, 1, &c)},
                   mixed(f->visible, 1, 0, &c),
                   1 / (1 + expf(-mixed(f->mask, 1, 0, &c)))};
    for (int b = 0; b < FLOW_BONES; b++) {
        float at[2];
        if (logit[b] < 1e-4f * sum)
            continue;
        flow_apply(&maps[b], x, y, at);
        p.source[0] += logit[b] / sum * at[0];
        p.source[1] += logit[b] / sum * at[1];
    }
    return p;
}
