/* SPDX-License-Identifier: Apache-2.0
 *
 * The training loop on a toy network: the loss falls; a run that was interrupted and resumed equals an uninterrupted
 * one bit by bit; the number of worker threads changes nothing; a failing sample, a divergence and bad options are
 * said; what stands in the run folder can be read back.
 */
#include "train/train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a toy: y = the sum and the product of two of eight numbers -------------------------------------------------- */

typedef struct ToyOptions {
    int64_t width, fail_at;
    bool explode;
} ToyOptions;
static const Option toy_rows[] = {
    {"width", 0, OPT_INT, offsetof(ToyOptions, width), 1, 64, "16", NULL, "N", "hidden width"},
    {"fail-at", 0, OPT_INT, offsetof(ToyOptions, fail_at), 0, 1e9, "0", NULL, "N", "sample that fails; 0: none"},
    {"explode", 0, OPT_BOOL, offsetof(ToyOptions, explode), 0, 0, NULL, NULL, NULL, "targets that are not finite"},
};
typedef struct Toy {
    const ToyOptions *o;
    uint64_t seed;
    ParamSet *ps;
    Linear a, b;
    int drawn;
} Toy;

static void *toy_open(const TrainSetup *s, Err *e)
{
    Toy *t = mem_zero(sizeof *t);
    t->o = s->options;
    t->seed = s->seed;
    t->ps = params_create();
    linear_init(&t->a, t->ps, "a", 8, t->o->width, true);
    linear_init(&t->b, t->ps, "b", t->o->width, 2, true);
    return t;
}

static void toy_close(void *net)
{
    params_destroy(((Toy *)net)->ps);
    mem_free(net);
}

static ParamSet *toy_params(void *net) { return ((Toy *)net)->ps; }

static const TrainInput *toy_inputs(void *net, int *n)
{
    static TrainInput in[3];
    in[0] = (TrainInput){"x", JIG_F32, SHAPE(8), false};
    in[1] = (TrainInput){"y", JIG_F32, SHAPE(2), false};
    in[2] = (TrainInput){"truth", JIG_F32, SHAPE(1), true};
    *n = 3;
    return in;
}

static Node *toy_build(void *net, Graph *g, int64_t batch, bool training)
{
    Toy *t = net;
    Node *x = graph_input(g, "x", graph_type(g), SHAPE(batch, 8)), *y = graph_input(g, "y", JIG_F32, SHAPE(batch, 2));
    Node *out = nn_linear(g, &t->b, op_act(g, ACT_TANH, nn_linear(g, &t->a, x)));
    Node *loss = op_loss_mse(g, out, y, NULL);
    graph_output(g, "loss:square", loss);
    return loss;
}

static void *toy_worker(void *net) { return mem_zero(8); }

static bool toy_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    Toy *t = net;
    if (t->o->fail_at && !held_out && index == (uint64_t)t->o->fail_at)
        return err_set(e, "sample %llu cannot be made", (unsigned long long)index);
    Rng r = rng_make(t->seed, (held_out ? 1u << 30 : 0) + index);
    float *x = rows[0], *y = rows[1];
    for (int i = 0; i < 8; i++)
        x[i] = rng_range(&r, -1, 1);
    y[0] = t->o->explode ? INFINITY : x[0] + x[1];
    y[1] = x[0] * x[1];
    *(float *)rows[2] = 1;
    return true;
}

static void toy_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    const float *truth = train_batch_data(b, "truth");
    for (int64_t i = 0; i < b->size; i++)
        train_metric_add(m, "ones", truth[i], 1);
}

static bool toy_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    return file_write(path, "x", 1, e);
}

static int toy_describe(void *net, Arena *a, MetaPair *out, int max)
{
    out[0] = (MetaPair){"class", "toy"};
    return 1;
}

static const char *const toy_losses[] = {"square", NULL};
static const TrainTask toy = {
    .name = "toy",
    .summary = "a toy",
    .rows = toy_rows,
    .n_rows = ARRAY_LEN(toy_rows),
    .options_size = sizeof(ToyOptions),
    .losses = toy_losses,
    .open = toy_open,
    .close = toy_close,
    .params = toy_params,
    .inputs = toy_inputs,
    .build = toy_build,
    .worker_create = toy_worker,
    .worker_destroy = mem_free,
    .sample = toy_sample,
    .measure = toy_measure,
    .draw = toy_draw,
    .describe = toy_describe,
};

/* ---- running it -------------------------------------------------------------------------------------------------- */

static char root[] = "/tmp/jig-train-XXXXXX";

static void defaults(TrainOptions *o, ToyOptions *t, Arena *a, const char *name)
{
    opt_defaults(train_options, o);
    opt_defaults((OptTable){toy_rows, ARRAY_LEN(toy_rows)}, t);
    o->output = arena_printf(a, "%s/%s", root, name);
    o->device = "ref";
    o->steps = 12;
    o->batch = 8;
    o->lr = 0.01;
    o->validate_every = 5;
    o->validate_batches = 2;
    o->workers = 2;
}

static int ticks_until_cancel;
static bool count_down(void *user, const char *stage, double done, double total)
{
    return strcmp(stage, "training") || done < 5.0 / 12;
}

static char *state_bytes(Arena *a, const char *run, size_t *n)
{
    char *bytes;
    Err e = {0};
    assert_true(file_read(arena_printf(a, "%s/checkpoint/state.safetensors", run), 1 << 24, &bytes, n, &e));
    return bytes;
}

/* The states agree but for the time that training took, which is in the header: tensors are compared. */
static void assert_same_state(Arena *a, const char *one, const char *two)
{
    SafeTensors *x = safetensors_open(arena_printf(a, "%s/checkpoint/state.safetensors", one), NULL);
    SafeTensors *y = safetensors_open(arena_printf(a, "%s/checkpoint/state.safetensors", two), NULL);
    assert_non_null(x);
    assert_non_null(y);
    assert_string_equal(safetensors_meta(x, "step"), safetensors_meta(y, "step"));
    for (int i = 0; i < safetensors_count(x); i++) {
        Tensor p = safetensors_tensor(x, i), q;
        assert_true(safetensors_find(y, safetensors_name(x, i), &q));
        assert_memory_equal(p.data, q.data, tensor_bytes(&p));
    }
    safetensors_close(x);
    safetensors_close(y);
}

/* "loss" of every line, in order, as text. */
static char *losses_of(Arena *a, const char *run)
{
    char *bytes;
    size_t n;
    assert_true(file_read(arena_printf(a, "%s/log.jsonl", run), 1 << 24, &bytes, &n, NULL));
    Text t = {0};
    for (char *line = strtok(bytes, "\n"); line; line = strtok(NULL, "\n")) {
        char *end = strstr(line, ", \"seconds\"");
        assert_non_null(end);
        text_add(&t, "%.*s\n", (int)(end - line), line);
    }
    char *out = arena_strdup(a, t.s);
    text_finish(&t);
    mem_free(bytes);
    return out;
}

static void test_learns_and_writes(void **state)
{
    Arena *a = arena_create();
    TrainOptions o;
    ToyOptions t;
    Err e = {0};
    TrainResult r;
    defaults(&o, &t, a, "learns");
    o.steps = 600;
    o.lr = 0.03;
    o.validate_every = 200;
    if (!train_run(&toy, &o, &t, NULL, &r, &e))
        fail_msg("%s", e.text);
    assert_int_equal(r.step, 600);
    assert_true(r.loss < 0.02);
    assert_string_equal(r.held_out.m[0].name, "loss");
    assert_true(train_metric_mean(&r.held_out.m[0]) < 0.02);
    assert_true(file_exists(arena_printf(a, "%s/loss.png", o.output)));
    assert_true(file_exists(arena_printf(a, "%s/samples/0000600.png", o.output)));
    SafeTensors *st = safetensors_open(arena_printf(a, "%s/weights.safetensors", o.output), &e);
    assert_non_null(st);
    assert_string_equal(safetensors_meta(st, "class"), "toy");
    assert_int_equal(safetensors_tensor(st, 0).type, JIG_BF16);
    safetensors_close(st);
    TrainOptions back;
    ToyOptions own;
    opt_defaults(train_options, &back);
    opt_defaults((OptTable){toy_rows, ARRAY_LEN(toy_rows)}, &own);
    assert_true(train_read_options(&toy, o.output, &back, &own, a, &e));
    assert_int_equal(back.steps, 600);
    assert_true(back.lr == 0.03 && own.width == 16);
    arena_destroy(a);
}

static void test_resume_is_exact(void **state)
{
    Arena *a = arena_create();
    TrainOptions o;
    ToyOptions t;
    Err e = {0};
    defaults(&o, &t, a, "whole");
    assert_true(train_run(&toy, &o, &t, NULL, NULL, &e));
    defaults(&o, &t, a, "halves");
    Progress stop = {count_down, &ticks_until_cancel};
    assert_false(train_run(&toy, &o, &t, &stop, NULL, &e));
    assert_true(e.cancelled);
    e = (Err){0};
    o.resume = true;
    o.workers = 3;
    if (!train_run(&toy, &o, &t, NULL, NULL, &e))
        fail_msg("%s", e.text);
    const char *whole = arena_printf(a, "%s/whole", root), *halves = arena_printf(a, "%s/halves", root);
    assert_same_state(a, whole, halves);
    assert_string_equal(losses_of(a, whole), losses_of(a, halves));
    arena_destroy(a);
}

/* Lines that a killed run wrote after its last checkpoint are cut off at the resume. */
static void test_log_is_cut(void **state)
{
    Arena *a = arena_create();
    TrainOptions o;
    ToyOptions t;
    defaults(&o, &t, a, "cut");
    assert_true(train_run(&toy, &o, &t, NULL, NULL, NULL));
    char *path = arena_printf(a, "%s/log.jsonl", o.output), *before = losses_of(a, o.output);
    FILE *f = fopen(path, "a");
    fprintf(f, "{\"step\": 13, \"loss\": 1, \"seconds\": 1}\n{\"step\": 14, \"lo");
    fclose(f);
    o.resume = true;
    assert_true(train_run(&toy, &o, &t, NULL, NULL, NULL));
    assert_string_equal(before, losses_of(a, o.output));
    arena_destroy(a);
}

static void test_workers_change_nothing(void **state)
{
    Arena *a = arena_create();
    TrainOptions o;
    ToyOptions t;
    for (int workers = 1; workers <= 7; workers += 6) {
        defaults(&o, &t, a, workers == 1 ? "one" : "seven");
        o.workers = workers;
        assert_true(train_run(&toy, &o, &t, NULL, NULL, NULL));
    }
    assert_same_state(a, arena_printf(a, "%s/one", root), arena_printf(a, "%s/seven", root));
    arena_destroy(a);
}

static void expect_failure(const char *name, const char *message, void (*change)(TrainOptions *, ToyOptions *))
{
    Arena *a = arena_create();
    TrainOptions o;
    ToyOptions t;
    Err e = {0};
    defaults(&o, &t, a, name);
    change(&o, &t);
    assert_false(train_run(&toy, &o, &t, NULL, NULL, &e));
    if (!strstr(e.text, message))
        fail_msg("\"%s\" does not say \"%s\"", e.text, message);
    arena_destroy(a);
}

static void no_limit(TrainOptions *o, ToyOptions *t) { o->steps = 0; }
static void no_output(TrainOptions *o, ToyOptions *t) { o->output = NULL; }
static void bad_sample(TrainOptions *o, ToyOptions *t) { t->fail_at = 37; }
static void diverge(TrainOptions *o, ToyOptions *t)
{
    t->explode = true;
    o->steps = 100;
    o->validate_every = 0;
}
static void nothing_there(TrainOptions *o, ToyOptions *t) { o->resume = true; }
static void again(TrainOptions *o, ToyOptions *t) {}
static void other_width(TrainOptions *o, ToyOptions *t)
{
    o->resume = true;
    t->width = 8;
}
static void bad_device(TrainOptions *o, ToyOptions *t) { o->device = "abacus"; }
static void bad_type(TrainOptions *o, ToyOptions *t) { o->compute = "f8"; }

static void test_failures(void **state)
{
    expect_failure("f1", "limit", no_limit);
    expect_failure("f2", "output", no_output);
    expect_failure("f3", "sample 37", bad_sample);
    expect_failure("f4", "diverged", diverge);
    expect_failure("f5", "no checkpoint", nothing_there);
    expect_failure("whole", "--resume", again);
    expect_failure("whole", "other layers", other_width);
    expect_failure("f6", "abacus", bad_device);
    expect_failure("f7", "f8", bad_type);
}

static void test_damaged_checkpoint(void **state)
{
    Arena *a = arena_create();
    TrainOptions o;
    ToyOptions t;
    Err e = {0};
    defaults(&o, &t, a, "damaged");
    assert_true(train_run(&toy, &o, &t, NULL, NULL, &e));
    size_t n;
    char *bytes = state_bytes(a, o.output, &n);
    assert_true(file_write(arena_printf(a, "%s/checkpoint/state.safetensors", o.output), bytes, n / 2, &e));
    mem_free(bytes);
    o.resume = true;
    assert_false(train_run(&toy, &o, &t, NULL, NULL, &e));
    assert_non_null(strstr(e.text, "state.safetensors"));
    arena_destroy(a);
}

static void test_plans(void **state)
{
    assert_true(train_plan_factor(PLAN_COSINE, 0.1, 0.05) == 0.5);
    assert_true(fabs(train_plan_factor(PLAN_COSINE, 0.1, 0.1) - 1) < 1e-9);
    assert_true(fabs(train_plan_factor(PLAN_COSINE, 0.1, 0.55) - 0.505) < 1e-9);
    assert_true(fabs(train_plan_factor(PLAN_COSINE, 0.1, 1) - 0.01) < 1e-9);
    assert_true(train_plan_factor(PLAN_CONSTANT, 0, 1) == 1);
    assert_true(train_plan_factor(PLAN_LATE, 0, 0.69) == 1);
    assert_true(fabs(train_plan_factor(PLAN_LATE, 0, 0.85) - 0.505) < 1e-9);
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
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_learns_and_writes),
        cmocka_unit_test(test_resume_is_exact),
        cmocka_unit_test(test_log_is_cut),
        cmocka_unit_test(test_workers_change_nothing),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_damaged_checkpoint),
    };
    return cmocka_run_group_tests_name("train/train", tests, make_root, remove_root);
}
