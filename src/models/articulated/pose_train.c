/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of K (docs/models/articulated.md, section 3).
 *
 *   loss = heat + 2 parts + 2 mask + 0.5 presence + 1 depth
 *   heat      cross-entropy of each present joint's spatial softmax with a Gaussian of 1.2 cells around the joint
 *   parts     cross-entropy of the 15 parts at half size; soft targets where a cell holds several; hands and feet
 *             count 3, the rest of the figure 1.5, background 1
 *   mask      binary cross-entropy of the coverage
 *   presence  binary cross-entropy; depth: L1 of present joints
 */
#include "models/articulated/articulated_train.h"

#include <math.h>
#include <string.h>

typedef struct PoseOptions {
    int64_t size;
    const char *widths;
} PoseOptions;

static const Option option_rows[] = {
    {"size", 0, OPT_INT, offsetof(PoseOptions, size), 64, 512, "128", NULL, "N",
     "side of the pictures, a multiple of 32"},
    {"widths", 0, OPT_TEXT, offsetof(PoseOptions, widths), 0, 0, "64-128-192-224", NULL, "LIST",
     "channels of the four levels"},
};

enum { IN_PICTURE, IN_HEAT, IN_PRESENCE, IN_DEPTH, IN_PARTS, IN_MASK, IN_WEIGHT, IN_JOINTS, IN_HEIGHT, IN_FRAMING, INPUTS };
static const float sigma_cells = 1.2f;

typedef struct PoseTraining {
    PoseConfig config;
    PictureData data;
    ParamSet *ps;
    PoseNet *net;
    TrainInput inputs[INPUTS];
    int cells, pixels; /* sides of the heatmaps and of the part maps */
} PoseTraining;

static const char *const losses[] = {"heat", "parts", "mask", "presence", "depth", NULL};

static void declare_inputs(PoseTraining *t)
{
    int s = t->cells, p = t->pixels;
    t->inputs[IN_PICTURE] = (TrainInput){"picture", JIG_F32, SHAPE(s, s, POSE_CELL * POSE_CELL * 3), false};
    t->inputs[IN_HEAT] = (TrainInput){"heat", JIG_F32, SHAPE(s * s, POSE_JOINTS), false};
    t->inputs[IN_PRESENCE] = (TrainInput){"presence", JIG_F32, SHAPE(POSE_JOINTS), false};
    t->inputs[IN_DEPTH] = (TrainInput){"depth", JIG_F32, SHAPE(POSE_JOINTS), false};
    t->inputs[IN_PARTS] = (TrainInput){"parts", JIG_F32, SHAPE(p, p, POSE_PARTS), false};
    t->inputs[IN_MASK] = (TrainInput){"mask", JIG_F32, SHAPE(p, p, 1), false};
    t->inputs[IN_WEIGHT] = (TrainInput){"weight", JIG_F32, SHAPE(p, p, 1), false};
    t->inputs[IN_JOINTS] = (TrainInput){"joints", JIG_F32, SHAPE(POSE_JOINTS, 2), true};
    t->inputs[IN_HEIGHT] = (TrainInput){"height", JIG_F32, SHAPE(1), true};
    t->inputs[IN_FRAMING] = (TrainInput){"framing", JIG_I32, SHAPE(1), true};
}

static void task_close(void *net);

static void *task_open(const TrainSetup *s, Err *e)
{
    const PoseOptions *o = s->options;
    PoseTraining *t = mem_zero(sizeof *t);
    t->config.size = (int)o->size;
    t->cells = (int)o->size / POSE_CELL;
    t->pixels = (int)o->size / POSE_PIXEL;
    bool ok = o->size % 32 == 0 || err_set(e, "--size is %lld; it must be a multiple of 32", (long long)o->size);
    ok = ok && net_parse_widths(o->widths, t->config.widths, e) &&
         picture_data_open(&t->data, s->data, (int)o->size, s->seed, e);
    if (!ok) {
        task_close(t);
        return NULL;
    }
    declare_inputs(t);
    t->ps = params_create();
    t->net = pose_net_create(&t->config, t->ps);
    return t;
}

static void task_close(void *net)
{
    PoseTraining *t = net;
    picture_data_close(&t->data);
    pose_net_destroy(t->net);
    params_destroy(t->ps);
    mem_free(t);
}

static ParamSet *task_params(void *net) { return ((PoseTraining *)net)->ps; }

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = INPUTS;
    return ((PoseTraining *)net)->inputs;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void *worker_create(void *net)
{
    SynthPair *p = mem_zero(sizeof *p);
    synth_pair_init(p, ((PoseTraining *)net)->data.size);
    return p;
}

static void worker_destroy(void *worker)
{
    synth_pair_finish(worker);
    mem_free(worker);
}

/* A normalised Gaussian around the joint, cut at 4 sigma. heat [s*s][18], zero before. */
static void fill_heat(float *heat, int s, int j, const float joint[2])
{
    float x = joint[0] / POSE_CELL - 0.5f, y = joint[1] / POSE_CELL - 0.5f, reach = 4 * sigma_cells, sum = 0;
    int x0 = (int)MAX(ceilf(x - reach), 0), x1 = (int)MIN(floorf(x + reach), s - 1);
    int y0 = (int)MAX(ceilf(y - reach), 0), y1 = (int)MIN(floorf(y + reach), s - 1);
    for (int pass = 0; pass < 2; pass++)
        for (int v = y0; v <= y1; v++)
            for (int u = x0; u <= x1; u++) {
                float d = (u - x) * (u - x) + (v - y) * (v - y), p = expf(-d / (2 * sigma_cells * sigma_cells));
                if (pass == 0)
                    sum += p;
                else
                    heat[(v * s + u) * POSE_JOINTS + j] = p / sum;
            }
}

static float part_weight(int part)
{
    switch (part) {
    case PART_NONE: return 1;
    case PART_L_HAND:
    case PART_R_HAND:
    case PART_L_FOOT:
    case PART_R_FOOT: return 3;
    default: return 1.5f;
    }
}

/* Part shares, coverage and weight of each cell of POSE_PIXEL x POSE_PIXEL pixels. */
static void fill_parts(const SynthPicture *p, int size, float *parts, float *mask, float *weight)
{
    int cells = size / POSE_PIXEL;
    float each = 1.0f / (POSE_PIXEL * POSE_PIXEL);
    memset(parts, 0, (size_t)cells * (size_t)cells * POSE_PARTS * sizeof *parts);
    memset(mask, 0, (size_t)cells * (size_t)cells * sizeof *mask);
    memset(weight, 0, (size_t)cells * (size_t)cells * sizeof *weight);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int from = y * size + x, to = y / POSE_PIXEL * cells + x / POSE_PIXEL;
            parts[to * POSE_PARTS + p->parts[from]] += each;
            mask[to] += each * (float)p->alpha[from] / 255;
            weight[to] += each * part_weight(p->parts[from]);
        }
}

static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    PoseTraining *t = net;
    SynthPair *pair = worker;
    if (!synth_picture(held_out ? t->data.held_out : t->data.train, index, pair))
        return picture_data_failed(&t->data, held_out, e);
    const SynthPicture *p = &pair->source;
    float *heat = rows[IN_HEAT], *presence = rows[IN_PRESENCE], *depth = rows[IN_DEPTH], *joints = rows[IN_JOINTS];
    net_pack_rgb(p->rgb, pair->size, pair->size, POSE_CELL, rows[IN_PICTURE]);
    memset(heat, 0, (size_t)t->cells * (size_t)t->cells * POSE_JOINTS * sizeof *heat);
    for (int j = 0; j < POSE_JOINTS; j++) {
        presence[j] = p->present[j];
        depth[j] = p->present[j] ? p->joints[j][2] : 0;
        memcpy(joints + 2 * j, p->joints[j], 2 * sizeof *joints);
        if (p->present[j])
            fill_heat(heat, t->cells, j, p->joints[j]);
    }
    fill_parts(p, pair->size, rows[IN_PARTS], rows[IN_MASK], rows[IN_WEIGHT]);
    *(float *)rows[IN_HEIGHT] = pair->body_height;
    *(int32_t *)rows[IN_FRAMING] = pair->framing;
    return true;
}

/* ---- loss -------------------------------------------------------------------------------------------------------- */

static Node *input_of(const PoseTraining *t, Graph *g, int input, int64_t batch, DType type)
{
    return train_graph_input(g, &t->inputs[input], batch, type);
}

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    PoseTraining *t = net;
    PoseNodes k = pose_net_build(g, t->net, input_of(t, g, IN_PICTURE, batch, graph_type(g)));
    Node *presence = input_of(t, g, IN_PRESENCE, batch, JIG_F32);
    Node *parts = op_slice(g, k.parts, 3, 0, POSE_PARTS), *mask = op_slice(g, k.parts, 3, POSE_PARTS, 1);
    Node *per_joint = op_reshape(g, presence, SHAPE(batch, 1, POSE_JOINTS));
    Node *loss = train_add_loss(g, NULL, "heat", 1,
                                op_loss_xent(g, k.heat, input_of(t, g, IN_HEAT, batch, JIG_F32), 1, per_joint));
    loss = train_add_loss(g, loss, "parts", 2,
                          op_loss_xent(g, parts, input_of(t, g, IN_PARTS, batch, JIG_F32), 3,
                                       input_of(t, g, IN_WEIGHT, batch, JIG_F32)));
    loss = train_add_loss(g, loss, "mask", 2, op_loss_bce(g, mask, input_of(t, g, IN_MASK, batch, JIG_F32), NULL));
    loss = train_add_loss(g, loss, "presence", 0.5f, op_loss_bce(g, k.presence, presence, NULL));
    loss =
        train_add_loss(g, loss, "depth", 1, op_loss_l1(g, k.depth, input_of(t, g, IN_DEPTH, batch, JIG_F32), presence));
    if (!training) {
        graph_output(g, "heat logits", k.heat);
        graph_output(g, "part logits", k.parts);
        graph_output(g, "presence logits", k.presence);
        graph_output(g, "depth values", k.depth);
    }
    return loss;
}

/* ---- measures ---------------------------------------------------------------------------------------------------- */

typedef struct Found {
    float *heat, *parts, *presence, *depth;
} Found;

static Found fetch(const PoseTraining *t, Graph *g, int64_t batch)
{
    size_t n = (size_t)batch, cells = (size_t)t->cells * (size_t)t->cells,
           pixels = (size_t)t->pixels * (size_t)t->pixels;
    Found f = {mem_alloc(n * cells * POSE_JOINTS * sizeof(float)),
               mem_alloc(n * pixels * (POSE_PARTS + 1) * sizeof(float)), mem_alloc(n * POSE_JOINTS * sizeof(float)),
               mem_alloc(n * POSE_JOINTS * sizeof(float))};
    graph_get(g, "heat logits", f.heat);
    graph_get(g, "part logits", f.parts);
    graph_get(g, "presence logits", f.presence);
    graph_get(g, "depth values", f.depth);
    return f;
}

static void found_finish(Found *f)
{
    mem_free(f->heat);
    mem_free(f->parts);
    mem_free(f->presence);
    mem_free(f->depth);
}

/* Framed as a user's crop is: the others (small, cut off, off centre) are what the first look has to cope with. */
static bool is_whole(const TrainBatch *b, int64_t i)
{
    return *(const int32_t *)train_batch_row(b, IN_FRAMING, i) == FRAME_WHOLE;
}

static void measure_joints(const PoseTraining *t, const TrainBatch *b, const Found *f, int64_t i, TrainMetrics *m)
{
    const float *joints = train_batch_row(b, IN_JOINTS, i), *present = train_batch_row(b, IN_PRESENCE, i);
    const float *depth = train_batch_row(b, IN_DEPTH, i), *height = train_batch_row(b, IN_HEIGHT, i);
    bool whole = is_whole(b, i);
    float at[POSE_JOINTS][2], peak[POSE_JOINTS], sum = 0;
    int n = 0;
    pose_decode_joints(f->heat + i * t->cells * t->cells * POSE_JOINTS, t->cells, t->cells, at, peak);
    for (int j = 0; j < POSE_JOINTS; j++) {
        bool wrist = j == 6 || j == 9;
        train_metric_add(m, "presence_right", (f->presence[i * POSE_JOINTS + j] > 0) == (present[j] > 0.5f), 1);
        if (present[j] < 0.5f)
            continue;
        float error = hypotf(at[j][0] - joints[2 * j], at[j][1] - joints[2 * j + 1]) / *height;
        train_metric_add(m, "joints_6", error < 0.06f, 1);
        train_metric_add(m, wrist ? "wrists_6" : "others_6", error < 0.06f, 1);
        if (whole) {
            train_metric_add(m, "whole_joints_6", error < 0.06f, 1);
            train_metric_add(m, wrist ? "whole_wrists_6" : "whole_others_6", error < 0.06f, 1);
        }
        train_metric_add(m, "joint_error", MIN(error, 1), 1);
        train_metric_add(m, "depth_error", fabsf(f->depth[i * POSE_JOINTS + j] - depth[j]), 1);
        sum += peak[j];
        n++;
    }
    if (n)
        train_metric_add(m, "confidence", sum / (float)n, 1);
}

static void measure_parts(const PoseTraining *t, const TrainBatch *b, const Found *f, int64_t i, TrainMetrics *m)
{
    const float *truth = train_batch_row(b, IN_PARTS, i), *mask = train_batch_row(b, IN_MASK, i);
    double both = 0, either = 0;
    int64_t cells = (int64_t)t->pixels * t->pixels;
    for (int64_t c = 0; c < cells; c++) {
        const float *l = f->parts + (i * cells + c) * (POSE_PARTS + 1);
        bool found = l[POSE_PARTS] > 0, there = mask[c] > 0.5f;
        both += found && there;
        either += found || there;
        if (!there)
            continue;
        int best = 0, best_truth = 0;
        for (int p = 1; p < POSE_PARTS; p++) {
            best = l[p] > l[best] ? p : best;
            best_truth = truth[c * POSE_PARTS + p] > truth[c * POSE_PARTS + best_truth] ? p : best_truth;
        }
        train_metric_add(m, "parts_right", best == best_truth, 1);
    }
    if (either > 0)
        train_metric_add(m, "mask_iou", both / either, 1);
    if (either > 0 && is_whole(b, i))
        train_metric_add(m, "whole_mask_iou", both / either, 1);
}

static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    PoseTraining *t = net;
    Found f = fetch(t, g, b->size);
    for (int64_t i = 0; i < b->size; i++) {
        measure_joints(t, b, &f, i, m);
        measure_parts(t, b, &f, i, m);
    }
    found_finish(&f);
}

/* ---- samples/ ---------------------------------------------------------------------------------------------------- */

static void paint_found(const PoseTraining *t, const Found *f, int64_t i, Picture *p)
{
    static const uint8_t white[3] = {255, 255, 255}, red[3] = {255, 0, 0};
    float at[POSE_JOINTS][2], peak[POSE_JOINTS];
    int64_t cells = (int64_t)t->pixels * t->pixels;
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            const float *l = f->parts + (i * cells + y / POSE_PIXEL * t->pixels + x / POSE_PIXEL) * (POSE_PARTS + 1);
            int best = 1;
            for (int c = 2; c < POSE_PARTS; c++)
                best = l[c] > l[best] ? c : best;
            for (int c = 0; c < 3 && l[POSE_PARTS] > 0; c++) {
                uint8_t *v = &p->rgba[4 * (y * p->w + x) + c];
                *v = (uint8_t)((*v + draw_part_colours[best][c]) / 2);
            }
        }
    pose_decode_joints(f->heat + i * t->cells * t->cells * POSE_JOINTS, t->cells, t->cells, at, peak);
    const float *there = f->presence + i * POSE_JOINTS;
    for (int k = 0; k < 17; k++)
        if (there[draw_bones[k][0]] > 0 && there[draw_bones[k][1]] > 0)
            draw_line(p, at[draw_bones[k][0]], at[draw_bones[k][1]], white);
    for (int j = 0; j < POSE_JOINTS; j++)
        if (there[j] > 0)
            draw_dot(p, at[j][0], at[j][1], 1, red);
}

/* The rows of net_pack_rgb back to bytes. */
static void unpack_rgb(const float *packed, int size, uint8_t *rgb)
{
    int columns = size / POSE_CELL;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const float *v = packed + ((y / POSE_CELL) * columns + x / POSE_CELL) * POSE_CELL * POSE_CELL * 3 +
                             (y % POSE_CELL * POSE_CELL + x % POSE_CELL) * 3;
            for (int c = 0; c < 3; c++)
                rgb[(y * size + x) * 3 + c] = (uint8_t)lrintf((v[c] + 1) * 127.5f);
        }
}

static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    PoseTraining *t = net;
    int size = t->config.size, n = (int)MIN(b->size, 24);
    Found f = fetch(t, g, b->size);
    Picture *pics = mem_zero((size_t)n * 2 * sizeof *pics);
    uint8_t *rgb = mem_alloc((size_t)size * (size_t)size * 3);
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        unpack_rgb(train_batch_row(b, IN_PICTURE, i), size, rgb);
        ok = draw_from_rgb(&pics[2 * i], rgb, size, size, e) && draw_from_rgb(&pics[2 * i + 1], rgb, size, size, e);
        if (ok)
            paint_found(t, &f, i, &pics[2 * i + 1]);
    }
    ok = ok && draw_sheet(pics, 2 * n, 8, path, e);
    draw_finish(pics, 2 * n);
    found_finish(&f);
    mem_free(rgb);
    mem_free(pics);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    PoseTraining *t = net;
    const MetaPair pairs[] = {{"class", "articulated.pose"},
                              {"widths", net_widths_text(a, t->config.widths)},
                              {"size", arena_printf(a, "%d", t->config.size)},
                              {"licence", "Apache-2.0"},
                              {"credits", train_credits}};
    int n = MIN((int)ARRAY_LEN(pairs), max);
    memcpy(out, pairs, (size_t)n * sizeof *pairs);
    return n;
}

const TrainTask pose_task = {
    .name = "pose",
    .summary = "K: picture to joints, parts and mask",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(PoseOptions),
    .losses = losses,
    .open = task_open,
    .close = task_close,
    .params = task_params,
    .inputs = task_inputs,
    .build = task_build,
    .worker_create = worker_create,
    .worker_destroy = worker_destroy,
    .sample = task_sample,
    .measure = task_measure,
    .draw = task_draw,
    .describe = task_describe,
};
