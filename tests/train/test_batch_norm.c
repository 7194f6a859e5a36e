/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch norm under training: the running statistics after five steps are PyTorch's (tools/fixtures/batch_norm.py), follow
 * the mean of the parts where a batch is split, survive a stop, and are saved under their published names. Tolerance:
 * 1e-5 of values around 1 to 10, a few roundings of f32.
 */
#include "train/train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { C = 3, SIDE = 2, BATCH = 4, STEPS = 5, ROW = SIDE * SIDE * C };

typedef struct Expected {
    float mean[C], var[C];
} Expected;
static const Expected one_part = {{0.50825763f, 4.6009412f, 8.6948786f}, {0.86453134f, 0.8598811f, 0.86010462f}};
static const Expected two_parts = {{0.50825763f, 4.6009412f, 8.6948786f}, {0.86939961f, 0.87511647f, 0.87176526f}};

typedef struct Net {
    ParamSet *ps;
    BatchNorm norm;
} Net;

static void *net_open(const TrainSetup *s, Err *e)
{
    Net *n = mem_zero(sizeof *n);
    n->ps = params_create();
    batch_norm_init(&n->norm, n->ps, "norm", C);
    return n;
}

static void net_close(void *net)
{
    params_destroy(((Net *)net)->ps);
    mem_free(net);
}

static ParamSet *norm_params(void *net) { return ((Net *)net)->ps; }

static const TrainInput *net_inputs(void *net, int *n)
{
    static TrainInput in[1];
    in[0] = (TrainInput){"x", JIG_F32, SHAPE(SIDE, SIDE, C), false};
    *n = 1;
    return in;
}

static Node *net_build(void *net, Graph *g, int64_t batch, bool training)
{
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(batch, SIDE, SIDE, C));
    Node *y = nn_batch_norm(g, &((Net *)net)->norm, x, ACT_NONE, training);
    graph_output(g, "y", y);
    Node *loss = op_loss_mse(g, y, x, NULL);
    graph_output(g, "loss:square", loss);
    return loss;
}

static void *no_worker(void *net) { return mem_zero(8); }

/* The fixture's batches: sample i is number i of a run. */
static bool net_sample(void *net, void *worker, uint64_t i, bool held_out, void *const *rows, Err *e)
{
    float *x = rows[0];
    for (int p = 0; p < SIDE * SIDE; p++)
        for (int c = 0; c < C; c++)
            x[p * C + c] = (float)((i * 7 + (uint64_t)p * 5 + (uint64_t)c * 3 + i * (uint64_t)c) % 11) / 4 + 10.0f * (float)c;
    return true;
}

static const char *const losses[] = {"square", NULL};
static const TrainTask task = {.name = "norm", .losses = losses, .open = net_open, .close = net_close,
                               .params = norm_params, .inputs = net_inputs, .build = net_build,
                               .worker_create = no_worker, .worker_destroy = mem_free, .sample = net_sample};

static char root[] = "/tmp/jig-norm-XXXXXX";

static bool stop_after_two(void *user, const char *stage, double done, double total)
{
    return strcmp(stage, "training") || done < 2.0 / STEPS;
}

static bool train(Arena *a, const char *name, int replicas, const char *device, const Progress *p, bool resume)
{
    TrainOptions o;
    Err e = {0};
    opt_defaults(train_options, &o);
    o.output = arena_printf(a, "%s/%s", root, name);
    o.device = device;
    o.steps = STEPS;
    o.batch = BATCH;
    o.replicas = replicas;
    o.lr = 0.01;
    o.ema = 0; /* the moving average is the weights themselves */
    o.compute = "f32";
    o.validate_every = 2;
    o.validate_batches = 1;
    o.resume = resume;
    if (!train_run(&task, &o, NULL, p, NULL, &e) && !e.cancelled)
        fail_msg("%s", e.text);
    return !e.cancelled;
}

static void check(Arena *a, const char *name, const Expected *want)
{
    Err e = {0};
    SafeTensors *st = safetensors_open(arena_printf(a, "%s/%s/weights.safetensors", root, name), &e);
    if (!st)
        fail_msg("%s", e.text);
    Tensor mean, var, count, gain;
    assert_true(safetensors_find(st, "norm.running_mean", &mean) && safetensors_find(st, "norm.running_var", &var));
    assert_true(safetensors_find(st, "norm.num_batches_tracked", &count) && safetensors_find(st, "norm.weight", &gain));
    assert_true(mean.type == JIG_F32 && var.type == JIG_F32 && gain.type == JIG_BF16);
    assert_true(count.type == JIG_I64 && count.shape.n == 0 && *(const int64_t *)count.data == STEPS);
    for (int c = 0; c < C; c++)
        if (fabsf(((const float *)mean.data)[c] - want->mean[c]) > 1e-5f ||
            fabsf(((const float *)var.data)[c] - want->var[c]) > 1e-5f)
            fail_msg("channel %d: mean %.8g variance %.8g, wanted %.8g %.8g", c, ((const float *)mean.data)[c],
                     ((const float *)var.data)[c], want->mean[c], want->var[c]);
    safetensors_close(st);
}

static void test_as_pytorch(void **state)
{
    Arena *a = arena_create();
    train(a, "ref", 1, "ref", NULL, false);
    check(a, "ref", &one_part);
    train(a, "cpu", 1, "cpu", NULL, false);
    check(a, "cpu", &one_part);
    arena_destroy(a);
}

static void test_parts_of_a_batch(void **state)
{
    Arena *a = arena_create();
    train(a, "two", 2, "cpu", NULL, false);
    check(a, "two", &two_parts);
    arena_destroy(a);
}

static void test_resume(void **state)
{
    Arena *a = arena_create();
    Progress stop = {stop_after_two, NULL};
    assert_false(train(a, "halves", 1, "ref", &stop, false));
    assert_true(train(a, "halves", 1, "ref", NULL, true));
    check(a, "halves", &one_part);
    arena_destroy(a);
}

/* What was trained loads again, counts on, and normalises by what it has seen. */
static void test_loads_again(void **state)
{
    Arena *a = arena_create();
    Err e = {0};
    SafeTensors *st = safetensors_open(arena_printf(a, "%s/ref/weights.safetensors", root), &e);
    Net *net = net_open(NULL, &e);
    assert_non_null(st);
    if (!params_load(net->ps, st, "", false, &e))
        fail_msg("%s", e.text);
    assert_int_equal(params_batches(net->ps), STEPS);
    net->norm.gamma->value.data = (float[]){1, 1, 1};
    net->norm.beta->value.data = (float[]){0, 0, 0};
    Graph *g = graph_create(device_open("ref", NULL), JIG_F32);
    net_build(net, g, BATCH, false);
    assert_true(graph_plan(g, &e));
    float x[BATCH * ROW], y[BATCH * ROW];
    for (int i = 0; i < BATCH; i++)
        net_sample(net, NULL, (uint64_t)i, true, (void *[]){x + i * ROW}, &e);
    assert_true(graph_set(g, "x", x, JIG_F32) && graph_run(g, &e) && graph_get(g, "y", y));
    const float want[C] = {-0.54662693f, 6.6311202f, 13.807198f};
    for (int c = 0; c < C; c++)
        assert_true(fabsf(y[c] - want[c]) < 2e-5f * fabsf(want[c]) + 1e-5f);
    graph_destroy(g);
    net_close(net);
    safetensors_close(st);
    arena_destroy(a);
}

static int make_root(void **state) { return mkdtemp(root) ? 0 : -1; }

static int remove_root(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_pytorch),
        cmocka_unit_test(test_parts_of_a_batch),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_loads_again),
    };
    return cmocka_run_group_tests_name("train/batch_norm", tests, make_root, remove_root);
}
