/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of B (docs/models/articulated.md, section 5): rendered places with a figure, its rim and its shadow to be
 * removed; the truth is the empty place. The hole is the figure's mask (K's, with its weights; else the true one) grown
 * by a random rim, as in use.
 *
 *   loss = L1 in the hole + 0.1 L1 elsewhere + edges at three scales, x hole
 */
#include "models/articulated/train_pairs.h"

#include <math.h>
#include <string.h>

typedef struct BackgroundOptions {
    const char *widths, *pose_weights;
} BackgroundOptions;

enum { SIDE = 128, SCALES = 3, MOST_RIM = 5 };
enum { IN_INPUT, IN_FILLED, IN_HOLE, IN_TRUTH, IN_RGB, IN_ALPHA, IN_RIM, INPUTS };

static const Option option_rows[] = {
    {"widths", 0, OPT_TEXT, offsetof(BackgroundOptions, widths), 0, 0, "32-48-64-96", NULL, "LIST",
     "channels of the four levels"},
    {"pose-weights", 0, OPT_TEXT, offsetof(BackgroundOptions, pose_weights), 0, 0, NULL, NULL, "FILE",
     "K, whose mask is cut out; without: the true one"},
};
static const char *const losses[] = {"hole", "rest", "edges", NULL};

typedef struct BackgroundTraining {
    BackgroundConfig config;
    PictureData data;
    PoseCrew pose;
    uint64_t seed;
    ParamSet *ps;
    BackgroundNet *net;
    TrainInput inputs[INPUTS];
} BackgroundTraining;

static void task_close(void *net)
{
    BackgroundTraining *t = net;
    picture_data_close(&t->data);
    pose_crew_close(&t->pose);
    background_net_destroy(t->net);
    params_destroy(t->ps);
    mem_free(t);
}

static void *task_open(const TrainSetup *s, Err *e)
{
    const BackgroundOptions *o = s->options;
    BackgroundTraining *t = mem_zero(sizeof *t);
    if (!net_parse_widths(o->widths, t->config.widths, e) ||
        !pose_crew_open(&t->pose, o->pose_weights, s->batch, SIDE, s->device, e) ||
        !picture_data_open(&t->data, s->data, SIDE, s->seed, e)) {
        task_close(t);
        return NULL;
    }
    t->seed = s->seed;
    t->inputs[IN_INPUT] =
        (TrainInput){"input", JIG_F32, SHAPE(SIDE / PIXEL_PACK, SIDE / PIXEL_PACK, PIXEL_SOURCE), false};
    t->inputs[IN_FILLED] = (TrainInput){"filled", JIG_F32, SHAPE(SIDE, SIDE, 3), false};
    t->inputs[IN_HOLE] = (TrainInput){"hole", JIG_F32, SHAPE(SIDE, SIDE, 1), false};
    t->inputs[IN_TRUTH] = (TrainInput){"truth", JIG_F32, SHAPE(SIDE, SIDE, 3), false};
    t->inputs[IN_RGB] = (TrainInput){"rgb", JIG_U8, SHAPE(SIDE, SIDE, 3), true};
    t->inputs[IN_ALPHA] = (TrainInput){"alpha", JIG_U8, SHAPE(SIDE, SIDE), true};
    t->inputs[IN_RIM] = (TrainInput){"rim", JIG_F32, SHAPE(1), true};
    t->ps = params_create();
    t->net = background_net_create(&t->config, t->ps);
    return t;
}

static ParamSet *task_params(void *net) { return ((BackgroundTraining *)net)->ps; }

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = INPUTS;
    return ((BackgroundTraining *)net)->inputs;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void *worker_create(void *net)
{
    SynthPair *pair = mem_zero(sizeof *pair);
    synth_pair_init(pair, SIDE);
    return pair;
}

/* The target picture: it stands in the same colours as the empty place, without noise. */
static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    BackgroundTraining *t = net;
    SynthPair *pair = worker;
    if (!synth_pair(held_out ? t->data.held_out : t->data.train, index, pair))
        return picture_data_failed(&t->data, held_out, e);
    pairs_shrink_rgb(pair->background, SIDE, SIDE, rows[IN_TRUTH]);
    memcpy(rows[IN_RGB], pair->target.rgb, (size_t)SIDE * SIDE * 3);
    memcpy(rows[IN_ALPHA], pair->target.alpha, (size_t)SIDE * SIDE);
    Rng r = rng_make(t->seed, index * 2 + held_out);
    *(float *)rows[IN_RIM] = (float)rng_int(&r, 1, MOST_RIM);
    return true;
}

/* 1 within `rim` pixels of the mask. */
static void grow(const float *mask, int rim, float *hole)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float most = 0;
            for (int v = MAX(y - rim, 0); v <= MIN(y + rim, SIDE - 1); v++)
                for (int u = MAX(x - rim, 0); u <= MIN(x + rim, SIDE - 1); u++)
                    if ((u - x) * (u - x) + (v - y) * (v - y) <= rim * rim)
                        most = MAX(most, mask[v * SIDE + u]);
            hole[y * SIDE + x] = most > 0.3f;
        }
}

typedef struct Prepare {
    BackgroundTraining *t;
    TrainBatch *b;
} Prepare;

static void prepare_range(void *ctx, int64_t from, int64_t to)
{
    const Prepare *c = ctx;
    float *mask = mem_alloc((size_t)SIDE * SIDE * sizeof *mask);
    for (int64_t i = from; i < to; i++) {
        const uint8_t *rgb = train_batch_row(c->b, IN_RGB, i), *alpha = train_batch_row(c->b, IN_ALPHA, i);
        float *hole = train_batch_row(c->b, IN_HOLE, i), *filled = train_batch_row(c->b, IN_FILLED, i);
        const PoseFound *f = &c->t->pose.found[i];
        for (int k = 0; k < SIDE * SIDE; k++)
            mask[k] = c->t->pose.n ? f->mask[k / SIDE / POSE_PIXEL * (SIDE / POSE_PIXEL) + k % SIDE / POSE_PIXEL]
                                   : (float)alpha[k] / 255;
        grow(mask, (int)*(float *)train_batch_row(c->b, IN_RIM, i), hole);
        for (int k = 0; k < SIDE * SIDE * 3; k++)
            filled[k] = (float)rgb[k] / 255;
        background_input(filled, hole, SIDE, SIDE, train_batch_row(c->b, IN_INPUT, i));
        for (int k = 0; k < SIDE * SIDE * 3; k++)
            filled[k] = 2 * filled[k] - 1;
    }
    mem_free(mask);
}

static bool task_prepare(void *net, TrainBatch *b, Err *e)
{
    BackgroundTraining *t = net;
    if (t->pose.n && !pose_crew_run(&t->pose, b, IN_RGB, e))
        return false;
    Prepare c = {t, b};
    threads_for(b->size, 1, prepare_range, &c);
    return true;
}

/* ---- loss -------------------------------------------------------------------------------------------------------- */

static Node *difference(Graph *g, Node *x, int axis)
{
    int64_t n = node_dim(x, axis);
    return op_sub(g, op_slice(g, x, axis, 1, n - 1), op_slice(g, x, axis, 0, n - 1));
}

static Node *weighted_mean(Graph *g, Node *x, Node *weight)
{
    return op_div(g, op_mean_all(g, op_mul(g, x, weight)), op_affine(g, op_mean_all(g, weight), 1, 1e-6f));
}

/* L1 of the differences of what is wrong, in the hole, at three scales. */
static Node *edge_loss(Graph *g, Node *wrong, Node *hole)
{
    Node *sum = NULL;
    wrong = op_mul(g, wrong, hole);
    for (int s = 0; s < SCALES; s++) {
        for (int axis = 1; axis <= 2; axis++) {
            Node *l = op_mean_all(g, op_act(g, ACT_ABS, difference(g, wrong, axis)));
            sum = sum ? op_add(g, sum, l) : l;
        }
        wrong = op_pool(g, wrong, 2, 2, 0, false);
    }
    return op_div(g, sum, op_affine(g, op_mean_all(g, hole), 1, 1e-2f));
}

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    BackgroundTraining *t = net;
    Node *x = train_graph_input(g, &t->inputs[IN_INPUT], batch, graph_type(g));
    Node *filled = train_graph_input(g, &t->inputs[IN_FILLED], batch, JIG_F32);
    Node *hole = train_graph_input(g, &t->inputs[IN_HOLE], batch, JIG_F32);
    Node *truth = train_graph_input(g, &t->inputs[IN_TRUTH], batch, JIG_F32);
    Node *out = op_add(g, filled, op_cast(g, background_net_build(g, t->net, x), JIG_F32));
    Node *wrong = op_sub(g, out, truth), *size = op_act(g, ACT_ABS, wrong);
    Node *loss = train_add_loss(g, NULL, "hole", 1, weighted_mean(g, size, hole));
    loss = train_add_loss(g, loss, "rest", 0.1f, op_mean_all(g, size));
    loss = train_add_loss(g, loss, "edges", 1, edge_loss(g, wrong, hole));
    if (!training)
        graph_output(g, "out", out);
    return loss;
}

static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    const size_t n = (size_t)SIDE * SIDE * 3;
    float *out = mem_alloc((size_t)b->size * n * sizeof *out);
    graph_get(g, "out", out);
    for (int64_t i = 0; i < b->size; i++) {
        const float *hole = train_batch_row(b, IN_HOLE, i), *filled = train_batch_row(b, IN_FILLED, i);
        const float *truth = train_batch_row(b, IN_TRUTH, i);
        for (size_t k = 0; k < n; k++)
            if (hole[k / 3] > 0) {
                train_metric_add(m, "error", fabsf(out[(size_t)i * n + k] - truth[k]) * 127.5f, 1);
                train_metric_add(m, "push_pull_error", fabsf(filled[k] - truth[k]) * 127.5f, 1);
            }
    }
    mem_free(out);
}

static bool picture_of(Picture *p, const float *rgb, const float *other, const float *hole, Err *e)
{
    if (!picture_init(p, SIDE, SIDE, e))
        return false;
    for (int k = 0; k < SIDE * SIDE; k++) {
        const float *from = hole && hole[k] == 0 ? other : rgb;
        for (int c = 0; c < 3; c++)
            p->rgba[4 * k + c] = (uint8_t)lrintf(CLAMP((from[3 * k + c] + 1) * 127.5f, 0, 255));
        p->rgba[4 * k + 3] = 255;
    }
    return true;
}

/* Picture, push-pull, B, truth. */
static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    int n = (int)MIN(b->size, 12);
    const size_t size = (size_t)SIDE * SIDE * 3;
    float *out = mem_alloc((size_t)b->size * size * sizeof *out);
    graph_get(g, "out", out);
    Picture *pics = mem_zero((size_t)n * 4 * sizeof *pics);
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        const float *filled = train_batch_row(b, IN_FILLED, i), *hole = train_batch_row(b, IN_HOLE, i);
        ok = draw_from_rgb(&pics[4 * i], train_batch_row(b, IN_RGB, i), SIDE, SIDE, e) &&
             picture_of(&pics[4 * i + 1], filled, filled, NULL, e) &&
             picture_of(&pics[4 * i + 2], out + size * (size_t)i, filled, hole, e) &&
             picture_of(&pics[4 * i + 3], train_batch_row(b, IN_TRUTH, i), NULL, NULL, e);
    }
    ok = ok && draw_sheet(pics, 4 * n, 8, path, e);
    draw_finish(pics, 4 * n);
    mem_free(pics);
    mem_free(out);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    BackgroundTraining *t = net;
    const MetaPair pairs[] = {{"class", "articulated.background"},
                              {"widths", net_widths_text(a, t->config.widths)},
                              {"licence", "Apache-2.0"},
                              {"credits", train_credits}};
    int n = MIN((int)ARRAY_LEN(pairs), max);
    memcpy(out, pairs, (size_t)n * sizeof *pairs);
    return n;
}

static void worker_destroy(void *worker) { pairs_worker_destroy(worker); }

const TrainTask background_task = {
    .name = "background",
    .summary = "B: what stands behind the figure",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(BackgroundOptions),
    .losses = losses,
    .open = task_open,
    .close = task_close,
    .params = task_params,
    .inputs = task_inputs,
    .build = task_build,
    .worker_create = worker_create,
    .worker_destroy = worker_destroy,
    .sample = task_sample,
    .prepare = task_prepare,
    .measure = task_measure,
    .draw = task_draw,
    .describe = task_describe,
};
