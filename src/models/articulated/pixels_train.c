/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of G (docs/models/articulated.md, section 5), on the flow of a trained P, which stays as it is.
 *
 *   figure = gate * colour + (1 - gate) * warped source
 *   loss = 2 image + 1 colour + 2 edges + 2 alpha + 0.5 gate
 *   image   L1 of figure inside the target figure; colour: the same of the network's colour alone, so that it is right
 *           wherever it may be needed
 *   edges   L1 of horizontal and vertical differences of figure x coverage at three scales
 *   alpha   binary cross-entropy of the target's coverage
 *   gate    binary cross-entropy inside the figure: 1 where hidden in the source or where P misses by more than
 *           4 pixels
 */
#include "models/articulated/train_pairs.h"

#include <math.h>
#include <string.h>

typedef struct PixelOptions {
    int64_t size;
    const char *widths, *pose_weights, *flow_weights;
} PixelOptions;

static const Option option_rows[] = {
    {"size", 0, OPT_INT, offsetof(PixelOptions, size), 64, 512, "128", NULL, "N",
     "side of the pictures that K sees, a multiple of 32"},
    {"widths", 0, OPT_TEXT, offsetof(PixelOptions, widths), 0, 0, "32-64-96-128", NULL, "LIST",
     "channels of the four levels"},
    {"pose-weights", 0, OPT_TEXT, offsetof(PixelOptions, pose_weights), 0, 0, NULL, NULL, "FILE",
     "K; without: true parts and joints"},
    {"flow-weights", 0, OPT_TEXT, offsetof(PixelOptions, flow_weights), 0, 0, NULL, NULL, "FILE",
     "P; without: the true flow"},
};
static const char *const losses[] = {"image", "colour", "edges", "alpha", "gate", NULL};
enum { F = FLOW_FRAME, SCALES = 3 };
enum { IN_SOURCE = PAIR_INPUTS, IN_COLOURS, IN_TARGET, INPUTS }; /* after the pair's own */

typedef struct PixelTraining {
    PixelConfig config;
    Pairs pairs;
    ParamSet *ps;
    PixelNet *net;
    SafeTensors *flow_file; /* P, frozen; NULL: truth */
    ParamSet *flow_ps;
    FlowNet *flow;
    TrainInput inputs[INPUTS];
    float *points;
} PixelTraining;

static void task_close(void *net)
{
    PixelTraining *t = net;
    pairs_close(&t->pairs);
    pixel_net_destroy(t->net);
    params_destroy(t->ps);
    flow_net_destroy(t->flow);
    params_destroy(t->flow_ps);
    safetensors_close(t->flow_file);
    mem_free(t->points);
    mem_free(t);
}

static bool open_flow(PixelTraining *t, const char *path, Err *e)
{
    FlowConfig c;
    if (!path)
        return true;
    t->flow_file = safetensors_open(path, e);
    if (!t->flow_file || !net_check_class(t->flow_file, "articulated.flow", e) ||
        !net_parse_widths(safetensors_meta(t->flow_file, "widths"), c.widths, e))
        return err_context(e, "%s", path);
    t->flow_ps = params_create();
    t->flow = flow_net_create(&c, t->flow_ps);
    return params_allocate(t->flow_ps, false, 0, e) && params_load(t->flow_ps, t->flow_file, "", true, e);
}

static void *task_open(const TrainSetup *s, Err *e)
{
    const PixelOptions *o = s->options;
    PixelTraining *t = mem_zero(sizeof *t);
    if (!net_parse_widths(o->widths, t->config.widths, e) || !open_flow(t, o->flow_weights, e) ||
        !pairs_open(&t->pairs, s, o->pose_weights, (int)o->size, e)) {
        task_close(t);
        return NULL;
    }
    pairs_declare(&t->pairs, t->inputs);
    t->inputs[PAIR_INPUT].host_only = t->inputs[PAIR_MAPS].host_only = !t->flow;
    t->inputs[IN_SOURCE] = (TrainInput){"source", JIG_F32, SHAPE(F / PIXEL_PACK, F / PIXEL_PACK, PIXEL_SOURCE), false};
    t->inputs[IN_COLOURS] = (TrainInput){"colours", JIG_F32, SHAPE(F, F, 3), false};
    t->inputs[IN_TARGET] = (TrainInput){"target", JIG_F32, SHAPE(F, F, 3), false};
    t->ps = params_create();
    t->net = pixel_net_create(&t->config, t->ps);
    t->points = mem_alloc((size_t)F * F * 6 * sizeof(float));
    flow_fill_points(F, F, t->points);
    return t;
}

static ParamSet *task_params(void *net) { return ((PixelTraining *)net)->ps; }

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = INPUTS;
    return ((PixelTraining *)net)->inputs;
}

static void *worker_create(void *net) { return pairs_worker_create(&((PixelTraining *)net)->pairs); }

static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    PixelTraining *t = net;
    if (!pairs_sample(&t->pairs, worker, index, held_out, rows, e))
        return false;
    pairs_shrink_rgb(rows[PAIR_SOURCE_RGB], t->pairs.data.size, F, rows[IN_COLOURS]);
    pairs_shrink_rgb(rows[PAIR_TARGET_RGB], t->pairs.data.size, F, rows[IN_TARGET]);
    return true;
}

/* K's mask at frame pixels, then the encoder's input. */
static bool task_prepare(void *net, TrainBatch *b, Err *e)
{
    PixelTraining *t = net;
    if (!pairs_prepare(&t->pairs, b, e))
        return false;
    float *mask = mem_alloc((size_t)F * F * sizeof *mask);
    for (int64_t i = 0; i < b->size; i++) {
        const PoseFound *f = &t->pairs.pose.found[i];
        int w = f->width / POSE_PIXEL, h = f->height / POSE_PIXEL;
        float *packed = train_batch_row(b, IN_SOURCE, i);
        for (int k = 0; k < F * F; k++)
            mask[k] = f->mask[k / F * h / F * w + k % F * w / F];
        net_pack(train_batch_row(b, IN_COLOURS, i), F, F, 3, PIXEL_PACK, packed, PIXEL_SOURCE, 0);
        net_pack(mask, F, F, 1, PIXEL_PACK, packed, PIXEL_SOURCE, 3 * PIXEL_PACK * PIXEL_PACK);
    }
    mem_free(mask);
    return true;
}

/* ---- graph ------------------------------------------------------------------------------------------------------- */

/* What P says of the frame, from P or from the truth. Nothing of it is trained. */
typedef struct Frame {
    Node *field /* [B, F, F, 2] */, *visible, *mask /* [B, F, F, 1] */, *bones /* [B, F/2, F/2, 12] */;
} Frame;

static Frame build_frame(PixelTraining *t, Graph *g, Node *const *in, int64_t batch)
{
    Frame f;
    int half = F / FLOW_CELL;
    if (t->flow) {
        FlowNodes p = flow_net_build(g, t->flow, in[PAIR_INPUT]);
        Node *points = graph_const(g, (Tensor){JIG_F32, SHAPE(1, F * F, 6), t->points});
        f.field = flow_net_field(g, p, flow_net_weights(g, p, F, F), in[PAIR_MAPS], points, F, F);
        f.visible = op_act(g, ACT_SIGMOID, op_resize(g, op_cast(g, p.visible, JIG_F32), F, F, RESIZE_BILINEAR, false));
        f.mask = op_act(g, ACT_SIGMOID, op_resize(g, op_cast(g, p.mask, JIG_F32), F, F, RESIZE_BILINEAR, false));
        f.bones = op_reshape(g, flow_net_weights(g, p, half, half), SHAPE(batch, half, half, FLOW_BONES));
    } else {
        f.field = in[PAIR_FLOW];
        f.visible = op_reshape(g, in[PAIR_VISIBLE], SHAPE(batch, F, F, 1));
        f.mask = op_reshape(g, in[PAIR_MASK], SHAPE(batch, F, F, 1));
        f.bones =
            op_pool(g, op_reshape(g, in[PAIR_BONES], SHAPE(batch, F, F, FLOW_BONES)), FLOW_CELL, FLOW_CELL, 0, false);
    }
    f.field = op_stop(g, op_reshape(g, f.field, SHAPE(batch, F, F, 2)));
    f.visible = op_stop(g, f.visible);
    f.mask = op_stop(g, f.mask);
    f.bones = op_stop(g, f.bones);
    return f;
}

/* G on that frame: [B, F, F, 5]. warped [B, F, F, 3]. */
static Node *build_pixels(PixelTraining *t, Graph *g, Node *const *in, const Frame *f, Node *warped)
{
    DType type = graph_type(g);
    Node *features[NET_LEVELS], *grids[NET_LEVELS];
    pixel_net_encode(g, t->net, in[IN_SOURCE], features);
    for (int l = 0; l < NET_LEVELS; l++) {
        int cell = PIXEL_PACK << l;
        grids[l] = op_affine(g, op_pool(g, f->field, cell, cell, 0, false), 1.0f / (float)cell, -0.5f);
    }
    Node *planes = op_concat(g, (Node *[]){warped, f->visible, f->mask}, 3, 3);
    Node *frame = op_concat(g, (Node *[]){net_pack_node(g, planes, PIXEL_PACK), f->bones}, 2, 3);
    Node *seen = op_pool(g, op_mul(g, f->visible, f->mask), PIXEL_PACK, PIXEL_PACK, 0, false);
    return pixel_net_decode(g, t->net, features, grids, op_cast(g, seen, type), op_cast(g, frame, type));
}

/* L1 of differences along one axis. */
static Node *differences(Graph *g, Node *x, int axis)
{
    int64_t n = node_dim(x, axis);
    return op_sub(g, op_slice(g, x, axis, 1, n - 1), op_slice(g, x, axis, 0, n - 1));
}

static Node *edge_loss(Graph *g, Node *x, Node *target)
{
    Node *sum = NULL;
    for (int s = 0; s < SCALES; s++) {
        for (int axis = 1; axis <= 2; axis++) {
            Node *l = op_loss_l1(g, differences(g, x, axis), differences(g, target, axis), NULL);
            sum = sum ? op_add(g, sum, l) : l;
        }
        x = op_pool(g, x, 2, 2, 0, false);
        target = op_pool(g, target, 2, 2, 0, false);
    }
    return sum;
}

static Node *inside_mean(Graph *g, Node *x, Node *inside)
{
    return op_div(g, op_mean_all(g, op_mul(g, x, inside)), op_affine(g, op_mean_all(g, inside), 1, 1e-6f));
}

/* 1 where the colour must come from the network: hidden, or P off by more than 4 pixels. [B, F, F, 1] */
static Node *gate_target(Graph *g, Node *const *in, const Frame *f, int64_t batch)
{
    Node *off = op_sub(g, f->field, op_reshape(g, in[PAIR_FLOW], SHAPE(batch, F, F, 2)));
    off = op_sum(g, op_act(g, ACT_SQUARE, off), 1u << 3);
    Node *missed = op_clamp(g, op_affine(g, op_act(g, ACT_SQRT, op_affine(g, off, 1, 1e-6f)), 0.5f, -1.5f), 0, 1);
    Node *hidden = op_affine(g, op_reshape(g, in[PAIR_VISIBLE], SHAPE(batch, F, F, 1)), -1, 1);
    return op_stop(g, op_max(g, hidden, missed));
}

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    PixelTraining *t = net;
    Node *in[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        bool network = i == PAIR_INPUT || i == IN_SOURCE;
        in[i] = t->inputs[i].host_only ? NULL
                                       : train_graph_input(g, &t->inputs[i], batch, network ? graph_type(g) : JIG_F32);
    }
    Frame f = build_frame(t, g, in, batch);
    Node *warped = op_stop(g, op_warp(g, in[IN_COLOURS], op_affine(g, f.field, 1, -0.5f), WARP_BORDER, false, true));
    Node *out = op_cast(g, build_pixels(t, g, in, &f, warped), JIG_F32);
    Node *colour = op_slice(g, out, 3, 0, 3), *gate = op_slice(g, out, 3, 3, 1), *alpha = op_slice(g, out, 3, 4, 1);
    Node *open = op_act(g, ACT_SIGMOID, gate);
    Node *figure = op_add(g, warped, op_mul(g, open, op_sub(g, colour, warped)));
    Node *coverage = op_reshape(g, in[PAIR_MASK], SHAPE(batch, F, F, 1));
    Node *wanted = in[IN_TARGET], *target = gate_target(g, in, &f, batch);
    Node *loss =
        train_add_loss(g, NULL, "image", 2, inside_mean(g, op_act(g, ACT_ABS, op_sub(g, figure, wanted)), coverage));
    loss =
        train_add_loss(g, loss, "colour", 1, inside_mean(g, op_act(g, ACT_ABS, op_sub(g, colour, wanted)), coverage));
    loss = train_add_loss(g, loss, "edges", 2, edge_loss(g, op_mul(g, figure, coverage), op_mul(g, wanted, coverage)));
    loss = train_add_loss(g, loss, "alpha", 2, op_loss_bce(g, alpha, coverage, NULL));
    loss = train_add_loss(g, loss, "gate", 0.5f, op_loss_bce(g, gate, target, coverage));
    if (!training) {
        graph_output(g, "figure", figure);
        graph_output(g, "warped", warped);
        graph_output(g, "alpha values", op_act(g, ACT_SIGMOID, alpha));
    }
    return loss;
}

/* ---- measures and samples ---------------------------------------------------------------------------------------- */

static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    const size_t n = (size_t)F * F;
    float *figure = mem_alloc((size_t)b->size * n * 3 * sizeof *figure),
          *warped = mem_alloc((size_t)b->size * n * 3 * sizeof *warped);
    float *alpha = mem_alloc((size_t)b->size * n * sizeof *alpha);
    graph_get(g, "figure", figure);
    graph_get(g, "warped", warped);
    graph_get(g, "alpha values", alpha);
    for (int64_t i = 0; i < b->size; i++) {
        const float *wanted = train_batch_row(b, IN_TARGET, i), *seen = train_batch_row(b, PAIR_VISIBLE, i);
        const float *coverage = train_batch_row(b, PAIR_MASK, i);
        double both = 0, either = 0;
        for (size_t k = 0; k < n; k++) {
            size_t at = (size_t)i * n + k;
            both += alpha[at] > 0.5f && coverage[k] > 0.5f;
            either += alpha[at] > 0.5f || coverage[k] > 0.5f;
            if (coverage[k] < 0.5f)
                continue;
            float error = 0, before = 0;
            for (size_t c = 0; c < 3; c++) {
                error += fabsf(figure[3 * at + c] - wanted[3 * k + c]) * (127.5f / 3);
                before += fabsf(warped[3 * at + c] - wanted[3 * k + c]) * (127.5f / 3);
            }
            train_metric_add(m, seen[k] > 0 ? "seen_error" : "hidden_error", error, 1);
            train_metric_add(m, seen[k] > 0 ? "seen_error_warp" : "hidden_error_warp", before, 1);
        }
        train_metric_add(m, "alpha_iou", either > 0 ? both / either : 1, 1);
    }
    mem_free(figure);
    mem_free(warped);
    mem_free(alpha);
}

static bool picture_of(Picture *p, const float *rgb, const float *alpha, Err *e)
{
    if (!picture_init(p, F, F, e))
        return false;
    for (int k = 0; k < F * F; k++) {
        float a = alpha ? alpha[k] : 1;
        for (int c = 0; c < 3; c++)
            p->rgba[4 * k + c] = (uint8_t)lrintf(CLAMP((rgb[3 * k + c] + 1) * 127.5f * a + 128 * (1 - a), 0, 255));
        p->rgba[4 * k + 3] = 255;
    }
    return true;
}

/* Rows of source, target, warped by P, made by G. */
static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    int n = (int)MIN(b->size, 12);
    const size_t size = (size_t)F * F;
    float *figure = mem_alloc((size_t)b->size * size * 3 * sizeof *figure),
          *warped = mem_alloc((size_t)b->size * size * 3 * sizeof *warped);
    float *alpha = mem_alloc((size_t)b->size * size * sizeof *alpha);
    graph_get(g, "figure", figure);
    graph_get(g, "warped", warped);
    graph_get(g, "alpha values", alpha);
    Picture *pics = mem_zero((size_t)n * 4 * sizeof *pics);
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        ok = picture_of(&pics[4 * i], train_batch_row(b, IN_COLOURS, i), NULL, e) &&
             picture_of(&pics[4 * i + 1], train_batch_row(b, IN_TARGET, i), NULL, e) &&
             picture_of(&pics[4 * i + 2], warped + 3 * size * (size_t)i, alpha + size * (size_t)i, e) &&
             picture_of(&pics[4 * i + 3], figure + 3 * size * (size_t)i, alpha + size * (size_t)i, e);
    ok = ok && draw_sheet(pics, 4 * n, 8, path, e);
    draw_finish(pics, 4 * n);
    mem_free(pics);
    mem_free(figure);
    mem_free(warped);
    mem_free(alpha);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    PixelTraining *t = net;
    const MetaPair pairs[] = {{"class", "articulated.pixels"},
                              {"widths", net_widths_text(a, t->config.widths)},
                              {"licence", "Apache-2.0"},
                              {"credits", train_credits}};
    int n = MIN((int)ARRAY_LEN(pairs), max);
    memcpy(out, pairs, (size_t)n * sizeof *pairs);
    return n;
}

const TrainTask pixels_task = {
    .name = "pixels",
    .summary = "G: colours for what was hidden",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(PixelOptions),
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
