/* SPDX-License-Identifier: Apache-2.0
 *
 * The networks of the articulated model, tiny: shapes, every loss's gradient against finite differences (in f32;
 * the larger ones on the fast backend, whose kernels are tested against the reference elsewhere), a loss that falls on
 * a fixed batch, and weight files that open again and give what training computed.
 */
#include "models/articulated/articulated_train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a task with one fixed batch --------------------------------------------------------------------------------- */

typedef struct Bench {
    const TrainTask *task;
    Arena *arena;
    void *options, *net;
    ParamSet *ps;
    Graph *graph;
    TrainBatch batch;
} Bench;

static void set_option(Bench *b, const char *name, const char *value)
{
    Err e = {0};
    if (!opt_set((OptTable){b->task->rows, b->task->n_rows}, b->options, name, value, b->arena, &e))
        fail_msg("%s", e.text);
}

static void fill_batch(Bench *b, int64_t size, bool held_out)
{
    int n;
    const TrainInput *in = b->task->inputs(b->net, &n);
    b->batch = (TrainBatch){.size = size, .inputs = in, .n_inputs = n, .held_out = held_out};
    for (int i = 0; i < n; i++)
        b->batch.data[i] = mem_zero((size_t)size * (size_t)shape_count(in[i].row) * dtype_size(in[i].type));
    void *worker = b->task->worker_create(b->net);
    Err e = {0};
    for (int64_t s = 0; s < size; s++) {
        void *rows[TRAIN_INPUTS];
        for (int i = 0; i < n; i++)
            rows[i] = train_batch_row(&b->batch, i, s);
        if (!b->task->sample(b->net, worker, (uint64_t)s, held_out, rows, &e))
            fail_msg("%s", e.text);
    }
    b->task->worker_destroy(worker);
    if (b->task->prepare && !b->task->prepare(b->net, &b->batch, &e))
        fail_msg("%s", e.text);
}

static void set_inputs(Bench *b)
{
    for (int i = 0; i < b->batch.n_inputs; i++)
        if (!b->batch.inputs[i].host_only)
            assert_true(graph_set(b->graph, b->batch.inputs[i].name, b->batch.data[i], b->batch.inputs[i].type));
}

/* options: pairs of name and value, then NULL. */
static void bench_init(Bench *b, const char *task, const char *device, bool exact, int64_t size,
                       const char *const *options)
{
    Err e = {0};
    *b = (Bench){.task = articulated_find_task(task), .arena = arena_create()};
    assert_non_null(b->task);
    b->options = arena_alloc(b->arena, b->task->options_size);
    opt_defaults((OptTable){b->task->rows, b->task->n_rows}, b->options);
    for (; *options; options += 2)
        set_option(b, options[0], options[1]);
    const Device *d = device_open(device, &e);
    assert_non_null(d);
    TrainSetup s = {.options = b->options, .seed = 5, .batch = size, .device = d};
    if (!(b->net = b->task->open(&s, &e)))
        fail_msg("%s", e.text);
    b->ps = b->task->params(b->net);
    if (!params_allocate(b->ps, true, 11, &e) || (b->task->begin && !b->task->begin(b->net, &e)))
        fail_msg("%s", e.text);
    b->graph = graph_create(d, exact ? JIG_F32 : d->fast);
    Node *loss = b->task->build(b->net, b->graph, size, true);
    graph_output(b->graph, "loss", loss);
    graph_grad(b->graph, loss, NULL, NULL, 0);
    if (!graph_plan(b->graph, &e))
        fail_msg("%s", e.text);
    fill_batch(b, size, false);
    set_inputs(b);
}

static void bench_finish(Bench *b)
{
    for (int i = 0; i < b->batch.n_inputs; i++)
        mem_free(b->batch.data[i]);
    graph_destroy(b->graph);
    b->task->close(b->net);
    arena_destroy(b->arena);
}

static double loss_of(Bench *b)
{
    Err e = {0};
    float loss = NAN;
    graph_weights_changed(b->graph);
    if (!graph_run(b->graph, &e))
        fail_msg("%s", e.text);
    assert_true(graph_get(b->graph, "loss", &loss));
    assert_true(isfinite(loss));
    return loss;
}

/* Fills what starts at zero, so that every path has a gradient to check. */
static void shake(Bench *b)
{
    for (int i = 0; i < params_count(b->ps); i++) {
        Param *p = params_at(b->ps, i);
        float *w = p->value.data;
        int64_t n = shape_count(p->value.shape);
        Rng r = rng_make(3, (uint64_t)i);
        for (int64_t k = 0; p->trainable && k < n; k++)
            w[k] += 0.05f * rng_normal(&r) / sqrtf((float)MAX(n / p->value.shape.d[0], 1));
    }
}

/* The derivative along a direction: the gradient's own, plus noise, a part of the parameters at a time. */
static void check_gradients(const char *task, const char *device, const char *const *options, double tolerance)
{
    Bench b;
    bench_init(&b, task, device, true, 1, options);
    shake(&b);
    loss_of(&b);
    int64_t n = params_size(b.ps);
    float *w = params_block(b.ps), *grad = mem_alloc((size_t)n * sizeof *grad),
          *keep = mem_alloc((size_t)n * sizeof *keep);
    memcpy(grad, params_grads(b.ps), (size_t)n * sizeof *grad);
    memcpy(keep, w, (size_t)n * sizeof *keep);
    for (int part = 0; part < 3; part++) {
        double norm = 0, slope = 0;
        for (int64_t i = part; i < n; i += 3)
            norm += (double)grad[i] * grad[i];
        norm = sqrt(norm);
        assert_true(norm > 0);
        double step = 2e-3, value[2];
        for (int side = 0; side < 2; side++) {
            for (int64_t i = part; i < n; i += 3)
                w[i] = keep[i] + (float)((side ? -step : step) * grad[i] / norm);
            value[side] = loss_of(&b);
            memcpy(w, keep, (size_t)n * sizeof *keep);
        }
        slope = (value[0] - value[1]) / (2 * step);
        if (!(fabs(slope - norm) <= tolerance * norm))
            fail_msg("%s, part %d: finite difference %.6g, gradient %.6g", task, part, slope, norm);
    }
    mem_free(grad);
    mem_free(keep);
    bench_finish(&b);
}

static double train_steps(Bench *b, int steps, double lr, double *first)
{
    int64_t n = params_size(b->ps);
    float *m = mem_zero((size_t)n * 2 * sizeof *m);
    double loss = 0;
    for (int s = 0; s < steps; s++) {
        loss = loss_of(b);
        if (s == 0)
            *first = loss;
        AdamArgs a = {.n = n,
                      .w = params_block(b->ps),
                      .m = m,
                      .v = m + n,
                      .g = params_grads(b->ps),
                      .lr = (float)lr,
                      .beta1 = 0.9f,
                      .beta2 = 0.99f,
                      .eps = 1e-8f,
                      .grad_scale = 1,
                      .step = s + 1};
        graph_device(b->graph)->k->adamw(&a);
    }
    mem_free(m);
    return loss;
}

static void check_learning(const char *task, const char *const *options, double factor)
{
    Bench b;
    double first;
    bench_init(&b, task, "auto", false, 2, options);
    double last = train_steps(&b, 30, 3e-3, &first);
    if (!(last < factor * first))
        fail_msg("%s: the loss went from %g to %g", task, first, last);
    bench_finish(&b);
}

static const char *const small[] = {"widths", "16-16-16-16", NULL};
static const char *const small_pose[] = {"widths", "16-16-16-16", "size", "64", NULL};

static const char *const small_motion[] = {"width", "32", "layers", "1", "heads", "2",
                                           "songs", "1",  "stats",  "4", NULL};

static void test_gradients(void **state)
{
    check_gradients("motion", "ref", small_motion, 0.02);
    check_gradients("pose", "ref", small_pose, 0.02);
    check_gradients("flow", "cpu", small_pose, 0.03);
    check_gradients("pixels", "cpu", small_pose, 0.03);
    check_gradients("background", "cpu", small, 0.03);
}

static void test_learning(void **state)
{
    check_learning("motion", small_motion, 0.8);
    check_learning("pose", small_pose, 0.85);
    check_learning("flow", small_pose, 0.7);
    check_learning("pixels", small_pose, 0.7);
    check_learning("background", small, 0.95);
}

/* ---- weight files ------------------------------------------------------------------------------------------------ */

static char root[] = "/tmp/jig-nets-XXXXXX";

/* A few steps of each task, one on top of the other, as the recipe does it; then the networks in use. */
static void run_task(const char *name, const char *weights, const char *const *options)
{
    Err e = {0};
    const TrainTask *task = articulated_find_task(name);
    Arena *a = arena_create();
    OptTable table = {task->rows, task->n_rows};
    void *own = arena_alloc(a, task->options_size);
    TrainOptions o;
    opt_defaults(train_options, &o);
    opt_defaults(table, own);
    for (; *options; options += 2)
        assert_true(opt_set(table, own, options[0], options[1], a, &e));
    o.output = arena_printf(a, "%s/%s", root, name);
    o.steps = 2;
    o.batch = 2;
    o.validate_every = 2;
    o.validate_batches = 1;
    TrainResult r;
    if (!train_run(task, &o, own, NULL, &r, &e))
        fail_msg("%s: %s", name, e.text);
    assert_true(r.held_out.n > 3);
    assert_true(file_exists(arena_printf(a, "%s/samples/0000002.png", o.output)));
    assert_true(file_exists(weights));
    arena_destroy(a);
}

static void test_recipe(void **state)
{
    Arena *a = arena_create();
    char *k = arena_printf(a, "%s/pose/weights.safetensors", root),
         *p = arena_printf(a, "%s/flow/weights.safetensors", root);
    char *g = arena_printf(a, "%s/pixels/weights.safetensors", root),
         *b = arena_printf(a, "%s/background/weights.safetensors", root);
    run_task("motion", arena_printf(a, "%s/motion/weights.safetensors", root), small_motion);
    run_task("pose", k, small_pose);
    run_task("flow", p, (const char *[]){"widths", "16-16-16-16", "size", "64", "pose-weights", k, NULL});
    run_task("pixels", g,
             (const char *[]){"widths", "16-16-16-16", "size", "64", "pose-weights", k, "flow-weights", p, NULL});
    run_task("background", b, (const char *[]){"widths", "16-16-16-16", "pose-weights", k, NULL});
    Err e = {0};
    assert_null(flow_runner_open(k, device_open("cpu", NULL), &e)); /* another network's file */
    assert_non_null(strstr(e.text, "articulated.pose"));
    arena_destroy(a);
}

static void test_use(void **state)
{
    Arena *a = arena_create();
    Err e = {0};
    const Device *d = device_open("auto", &e);
    enum { SIDE = 128, CELLS = SIDE / FLOW_CELL };
    PoseRunner *k = pose_runner_open(arena_printf(a, "%s/pose/weights.safetensors", root), d, &e);
    FlowRunner *p = flow_runner_open(arena_printf(a, "%s/flow/weights.safetensors", root), d, &e);
    PixelRunner *g = pixel_runner_open(arena_printf(a, "%s/pixels/weights.safetensors", root), d, &e);
    BackgroundRunner *b = background_runner_open(arena_printf(a, "%s/background/weights.safetensors", root), d, &e);
    if (!k || !p || !g || !b)
        fail_msg("%s", e.text);
    uint8_t *rgb = mem_zero(SIDE * SIDE * 3);
    float *picture = mem_zero(SIDE * SIDE * 3 * sizeof *picture), *mask = mem_zero(SIDE * SIDE * sizeof *mask);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        rgb[i] = (uint8_t)(i * 7 % 256);
        picture[i] = (float)rgb[i] / 255;
    }
    PoseFound found;
    pose_found_init(&found, SIDE, SIDE);
    assert_true(pose_runner_run(k, (const uint8_t *[]){rgb}, 1, SIDE, SIDE, &found, &e));
    for (int j = 0; j < POSE_JOINTS; j++) {
        assert_true(found.joint[j][0] >= 0 && found.joint[j][0] <= SIDE && found.joint[j][1] >= 0 &&
                    found.joint[j][1] <= SIDE);
        assert_true(found.presence[j] >= 0 && found.presence[j] <= 1 && found.peak[j] > 0 && found.peak[j] <= 1.001f);
    }
    float sum = 0;
    for (int c = 0; c < POSE_PARTS; c++)
        sum += found.parts[c];
    assert_true(fabsf(sum - 1) < 1e-4f);
    assert_false(pose_runner_run(k, (const uint8_t *[]){rgb}, 1, 100, SIDE, &found, &e));
    assert_non_null(strstr(e.text, "100"));
    e = (Err){0};

    FlowSource source;
    FlowMap maps[FLOW_BONES];
    float *input = mem_alloc(CELLS * CELLS * FLOW_INPUTS * sizeof *input);
    flow_source_init(&source, found.parts, found.mask, SIDE / POSE_PIXEL, SIDE / POSE_PIXEL, 0.5f);
    flow_make_maps((const float(*)[2])found.joint, (const float(*)[2])found.joint, 1, maps);
    flow_make_input(&source, maps, (const float(*)[2])found.joint, found.depth, 100, CELLS, CELLS, input);
    const FlowField *f = flow_runner_run(p, input, CELLS, CELLS, &e);
    assert_non_null(f);
    FlowPoint at = flow_field_at(f, maps, 40, 50);
    assert_true(isfinite(at.source[0]) && at.visible >= 0 && at.visible <= 1 && at.mask >= 0 && at.mask <= 1);

    float *colour = mem_alloc(SIDE * SIDE * 5 * sizeof *colour);
    for (int i = 0; i < SIDE * SIDE; i++)
        mask[i] = i % SIDE > 30 && i % SIDE < 80;
    assert_true(pixel_runner_begin(g, picture, mask, SIDE, SIDE, &e));
    if (!pixel_runner_frame(g, f, maps, colour, colour + 3 * SIDE * SIDE, colour + 4 * SIDE * SIDE, &e))
        fail_msg("%s", e.text);
    for (int i = 0; i < SIDE * SIDE * 5; i++)
        assert_true(colour[i] >= 0 && colour[i] <= 1);

    memcpy(colour, picture, SIDE * SIDE * 3 * sizeof *colour);
    assert_true(background_runner_fill(b, colour, mask, SIDE, SIDE, &e));
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(mask[i] > 0 || fabsf(colour[3 * i] - picture[3 * i]) < 1e-6f);
    pose_found_finish(&found);
    flow_source_finish(&source);
    float *all[] = {picture, mask, input, colour};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        mem_free(all[i]);
    mem_free(rgb);
    pose_runner_close(k);
    flow_runner_close(p);
    pixel_runner_close(g);
    background_runner_close(b);
    arena_destroy(a);
}

/* A window, and one that goes on from its end. */
static void test_motion(void **state)
{
    Arena *a = arena_create();
    Err e = {0};
    MotionRunner *m =
        motion_runner_open(arena_printf(a, "%s/motion/weights.safetensors", root), device_open("auto", &e), &e);
    if (!m)
        fail_msg("%s", e.text);
    const MotionConfig *c = motion_runner_config(m);
    assert_int_equal(c->width, 32);
    assert_true(c->styles > 3 && c->style_names[1][0]);
    enum { FRAMES = 60, KNOWN = 20, N = FRAMES * MOTION_VALUES };
    float *song = mem_zero((size_t)FRAMES * (size_t)c->columns * sizeof *song);
    float one[N], again[N], next[N];
    MotionWindow w = {
        .frames = FRAMES, .song = song, .style = 1, .energy = 1, .steps = 4, .guidance = 2, .seed = 3, .stream = 1};
    assert_true(motion_runner_sample(m, &w, one, NULL, &e));
    assert_true(motion_runner_sample(m, &w, again, NULL, &e));
    assert_memory_equal(one, again, sizeof one);
    w.stream = 2;
    w.known = one + (FRAMES - KNOWN) * MOTION_VALUES;
    w.n_known = KNOWN;
    assert_true(motion_runner_sample(m, &w, next, NULL, &e));
    assert_memory_equal(next, w.known, KNOWN * MOTION_VALUES * sizeof *next);
    for (int i = 0; i < N; i++)
        assert_true(isfinite(next[i]));
    w.style = c->styles;
    assert_false(motion_runner_sample(m, &w, next, NULL, &e));
    assert_non_null(strstr(e.text, "style"));
    mem_free(song);
    motion_runner_close(m);
    arena_destroy(a);
}

/* ---- flow maps --------------------------------------------------------------------------------------------------- */

static void test_flow_maps(void **state)
{
    float source[FLOW_JOINTS][2], target[FLOW_JOINTS][2], at[2];
    for (int j = 0; j < FLOW_JOINTS; j++) {
        source[j][0] = 64 + 30 * sinf((float)j * 1.7f);
        source[j][1] = 64 + 40 * cosf((float)j * 2.3f);
        target[j][0] =
            50 + 0.5f * (source[j][0] - 64) - 0.3f * (source[j][1] - 64); /* a similarity: every map is exact */
        target[j][1] = 70 + 0.3f * (source[j][0] - 64) + 0.5f * (source[j][1] - 64);
    }
    FlowMap maps[FLOW_BONES];
    flow_make_maps((const float(*)[2])source, (const float(*)[2])target, 1 / sqrtf(0.34f), maps);
    for (int b = 0; b < FLOW_BONES; b++) {
        flow_apply(&maps[b], 50, 70, at);
        assert_true(fabsf(at[0] - 64) < 0.05f && fabsf(at[1] - 64) < 0.05f);
    }
    /* A bone that is twice as long in the target: scaled along, not across. */
    memcpy(target, source, sizeof target);
    source[5][0] = source[4][0];
    source[5][1] = source[4][1] + 10;
    target[5][0] = target[4][0] + 20;
    target[5][1] = target[4][1];
    flow_make_maps((const float(*)[2])source, (const float(*)[2])target, 1, maps);
    flow_apply(&maps[FLOW_L_UPPER_ARM], target[4][0] + 20, target[4][1] + 3, at);
    assert_true(fabsf(at[1] - source[5][1]) < 1e-3f && fabsf(at[0] - (source[5][0] - 3)) < 1e-3f);
}

static int remove_root(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static int make_root(void **state) { return mkdtemp(root) ? 0 : -1; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_maps), cmocka_unit_test(test_gradients), cmocka_unit_test(test_learning),
        cmocka_unit_test(test_recipe),    cmocka_unit_test(test_use),       cmocka_unit_test(test_motion),
    };
    return cmocka_run_group_tests_name("articulated/nets", tests, make_root, remove_root);
}
