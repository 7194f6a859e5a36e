/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of P (docs/models/articulated.md, section 4), on what K sees in the source picture.
 *
 *   loss = 0.15 flow + 2 mask + 0.5 visible + 0.1 bones
 *   flow     L1 in frame pixels, at most 30 a coordinate, weight 1 where visible in the source and 0.3 where hidden
 *   mask     binary cross-entropy of the target's coverage
 *   visible  binary cross-entropy inside the target figure
 *   bones    cross-entropy of the weights with the bone of the target's part: shows the way early on
 */
#include "models/articulated/train_pairs.h"

#include <math.h>
#include <string.h>

typedef struct FlowOptions {
    int64_t size;
    const char *widths, *pose_weights;
} FlowOptions;

static const Option option_rows[] = {
    {"size", 0, OPT_INT, offsetof(FlowOptions, size), 64, 512, "128", NULL, "N",
     "side of the pictures that K sees, a multiple of 32"},
    {"widths", 0, OPT_TEXT, offsetof(FlowOptions, widths), 0, 0, "32-64-96-128", NULL, "LIST",
     "channels of the four levels"},
    {"pose-weights", 0, OPT_TEXT, offsetof(FlowOptions, pose_weights), 0, 0, NULL, NULL, "FILE",
     "K, whose parts and joints P gets; without: the true ones"},
};
static const char *const losses[] = {"flow", "mask", "visible", "bones", NULL};
static const float largest = 30;

typedef struct FlowTraining {
    FlowConfig config;
    Pairs pairs;
    ParamSet *ps;
    FlowNet *net;
    TrainInput inputs[PAIR_INPUTS];
    float *points;
} FlowTraining;

static void task_close(void *net)
{
    FlowTraining *t = net;
    pairs_close(&t->pairs);
    flow_net_destroy(t->net);
    params_destroy(t->ps);
    mem_free(t->points);
    mem_free(t);
}

static void *task_open(const TrainSetup *s, Err *e)
{
    const FlowOptions *o = s->options;
    FlowTraining *t = mem_zero(sizeof *t);
    if (!net_parse_widths(o->widths, t->config.widths, e) ||
        !pairs_open(&t->pairs, s, o->pose_weights, (int)o->size, e)) {
        task_close(t);
        return NULL;
    }
    pairs_declare(&t->pairs, t->inputs);
    t->ps = params_create();
    t->net = flow_net_create(&t->config, t->ps);
    t->points = mem_alloc((size_t)FLOW_FRAME * FLOW_FRAME * 6 * sizeof(float));
    flow_fill_points(FLOW_FRAME, FLOW_FRAME, t->points);
    return t;
}

static ParamSet *task_params(void *net) { return ((FlowTraining *)net)->ps; }

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = PAIR_INPUTS;
    return ((FlowTraining *)net)->inputs;
}

static void *worker_create(void *net) { return pairs_worker_create(&((FlowTraining *)net)->pairs); }

static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    return pairs_sample(&((FlowTraining *)net)->pairs, worker, index, held_out, rows, e);
}

static bool task_prepare(void *net, TrainBatch *b, Err *e)
{
    return pairs_prepare(&((FlowTraining *)net)->pairs, b, e);
}

/* Weighted mean over where the weight is: sum(x w) / sum(w). */
static Node *weighted_mean(Graph *g, Node *x, Node *weight)
{
    return op_div(g, op_mean_all(g, op_mul(g, x, weight)), op_affine(g, op_mean_all(g, weight), 1, 1e-6f));
}

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    FlowTraining *t = net;
    int f = FLOW_FRAME;
    Node *in[PAIR_INPUTS];
    for (int i = 0; i < PAIR_INPUTS; i++)
        in[i] = t->inputs[i].host_only
                    ? NULL
                    : train_graph_input(g, &t->inputs[i], batch, i == PAIR_INPUT ? graph_type(g) : JIG_F32);
    FlowNodes p = flow_net_build(g, t->net, in[PAIR_INPUT]);
    Node *points = graph_const(g, (Tensor){JIG_F32, SHAPE(1, f * f, 6), t->points});
    Node *weights = flow_net_weights(g, p, f, f);
    Node *field = flow_net_field(g, p, weights, in[PAIR_MAPS], points, f, f);
    Node *mask = op_resize(g, op_cast(g, p.mask, JIG_F32), f, f, RESIZE_BILINEAR, false);
    Node *visible = op_resize(g, op_cast(g, p.visible, JIG_F32), f, f, RESIZE_BILINEAR, false);
    mask = op_reshape(g, mask, SHAPE(batch, f * f, 1));
    visible = op_reshape(g, visible, SHAPE(batch, f * f, 1));
    Node *off = op_clamp(g, op_act(g, ACT_ABS, op_sub(g, field, in[PAIR_FLOW])), 0, largest);
    Node *inside = op_reshape(g, op_sum(g, in[PAIR_BONES], 1u << 2), SHAPE(batch, f * f, 1));
    Node *loss = train_add_loss(g, NULL, "flow", 0.15f, weighted_mean(g, off, in[PAIR_WEIGHT]));
    loss = train_add_loss(g, loss, "mask", 2, op_loss_bce(g, mask, in[PAIR_MASK], NULL));
    loss = train_add_loss(g, loss, "visible", 0.5f,
                          op_div(g, op_loss_bce(g, visible, in[PAIR_VISIBLE], inside),
                                 op_affine(g, op_mean_all(g, inside), 1, 1e-6f)));
    Node *right = op_act(g, ACT_LOG, op_affine(g, op_sum(g, op_mul(g, weights, in[PAIR_BONES]), 1u << 2), 1, 1e-4f));
    loss = train_add_loss(g, loss, "bones", 0.1f, op_affine(g, weighted_mean(g, right, inside), -1, 0));
    if (!training) {
        graph_output(g, "field", field);
        graph_output(g, "mask logits", mask);
        graph_output(g, "visible logits", visible);
    }
    return loss;
}

/* ---- measures ---------------------------------------------------------------------------------------------------- */

static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    const size_t n = (size_t)FLOW_FRAME * FLOW_FRAME;
    float *room = mem_alloc((size_t)b->size * n * 4 * sizeof *room), *field = room,
          *mask = room + 2 * n * (size_t)b->size;
    float *visible = mask + n * (size_t)b->size;
    graph_get(g, "field", field);
    graph_get(g, "mask logits", mask);
    graph_get(g, "visible logits", visible);
    for (int64_t i = 0; i < b->size; i++) {
        const float *flow = train_batch_row(b, PAIR_FLOW, i), *bones = train_batch_row(b, PAIR_BONES, i);
        const float *coverage = train_batch_row(b, PAIR_MASK, i), *seen = train_batch_row(b, PAIR_VISIBLE, i);
        const FlowMap *maps = train_batch_row(b, PAIR_MAPS, i);
        double both = 0, either = 0;
        for (size_t k = 0; k < n; k++) {
            size_t at = (size_t)i * n + k;
            both += mask[at] > 0 && coverage[k] > 0.5f;
            either += mask[at] > 0 || coverage[k] > 0.5f;
            for (int bone = 0; bone < FLOW_BONES; bone++) {
                if (bones[k * FLOW_BONES + (size_t)bone] == 0)
                    continue;
                float mapped[2], error = hypotf(field[2 * at] - flow[2 * k], field[2 * at + 1] - flow[2 * k + 1]);
                flow_apply(&maps[bone], (float)(k % FLOW_FRAME) + 0.5f, (float)(k / FLOW_FRAME) + 0.5f, mapped);
                train_metric_add(m, seen[k] > 0 ? "flow_error" : "hidden_error", MIN(error, largest), 1);
                if (seen[k] > 0)
                    train_metric_add(m, "maps_error",
                                     MIN(hypotf(mapped[0] - flow[2 * k], mapped[1] - flow[2 * k + 1]), largest), 1);
                train_metric_add(m, "visible_right", (visible[at] > 0) == (seen[k] > 0), 1);
            }
        }
        train_metric_add(m, "mask_iou", either > 0 ? both / either : 1, 1);
    }
    mem_free(room);
}

/* ---- samples/: source, target, target warped from the source ----------------------------------------------------- */

static void paint_warped(const TrainBatch *b, int64_t i, const float *field, const float *mask, int size, Picture *p)
{
    const uint8_t *rgb = train_batch_row(b, PAIR_SOURCE_RGB, i);
    float per_pixel = (float)size / FLOW_FRAME;
    for (int k = 0; k < FLOW_FRAME * FLOW_FRAME; k++) {
        int x = (int)(field[2 * k] * per_pixel), y = (int)(field[2 * k + 1] * per_pixel);
        bool there = mask[k] > 0 && field[2 * k] >= 0 && field[2 * k + 1] >= 0 && x < size && y < size;
        for (int c = 0; c < 3; c++)
            p->rgba[4 * k + c] = there ? rgb[(y * size + x) * 3 + c] : mask[k] > 0 ? 255 : 128;
    }
}

static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    FlowTraining *t = net;
    int size = t->pairs.data.size, n = (int)MIN(b->size, 12);
    const size_t points = (size_t)FLOW_FRAME * FLOW_FRAME;
    float *field = mem_alloc((size_t)b->size * points * 3 * sizeof *field),
          *mask = field + 2 * points * (size_t)b->size;
    graph_get(g, "field", field);
    graph_get(g, "mask logits", mask);
    Picture *pics = mem_zero((size_t)n * 3 * sizeof *pics);
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        ok = draw_from_rgb(&pics[3 * i], train_batch_row(b, PAIR_SOURCE_RGB, i), size, size, e) &&
             draw_from_rgb(&pics[3 * i + 1], train_batch_row(b, PAIR_TARGET_RGB, i), size, size, e) &&
             picture_init(&pics[3 * i + 2], FLOW_FRAME, FLOW_FRAME, e);
        if (ok)
            paint_warped(b, i, field + 2 * points * (size_t)i, mask + points * (size_t)i, size, &pics[3 * i + 2]);
        for (size_t k = 0; ok && k < points; k++)
            pics[3 * i + 2].rgba[4 * k + 3] = 255;
    }
    ok = ok && draw_sheet(pics, 3 * n, 9, path, e);
    draw_finish(pics, 3 * n);
    mem_free(pics);
    mem_free(field);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    FlowTraining *t = net;
    const MetaPair pairs[] = {{"class", "articulated.flow"},
                              {"widths", net_widths_text(a, t->config.widths)},
                              {"licence", "Apache-2.0"},
                              {"credits", train_credits}};
    int n = MIN((int)ARRAY_LEN(pairs), max);
    memcpy(out, pairs, (size_t)n * sizeof *pairs);
    return n;
}

const TrainTask flow_task = {
    .name = "flow",
    .summary = "P: joints to flow",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(FlowOptions),
    .losses = losses,
    .open = task_open,
    .close = task_close,
    .params = task_params,
    .inputs = task_inputs,
    .build = task_build,
    .worker_create = worker_create,
    .worker_destroy = pairs_worker_destroy,
    .sample = task_sample,
    .prepare = task_prepare,
    .measure = task_measure,
    .draw = task_draw,
    .describe = task_describe,
};
