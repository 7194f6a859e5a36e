/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: mistakes listed together, memory reused and counted exactly, values that must survive do, runs repeat bit
 * for bit, recomputed stretches give the gradients of kept ones.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

static const Device *ref(void)
{
    Err e = {0};
    const Device *dev = device_open("ref", &e);
    assert_non_null(dev);
    return dev;
}

static void plan(Graph *g)
{
    Err e = {0};
    if (!graph_plan(g, &e))
        fail_msg("%s", e.text);
}

static void run(Graph *g)
{
    Err e = {0};
    if (!graph_run(g, &e))
        fail_msg("%s", e.text);
}

static void random_values(float *x, int64_t n, uint64_t stream)
{
    Rng r = rng_make(3, stream);
    for (int64_t i = 0; i < n; i++)
        x[i] = rng_range(&r, -1, 1);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------------- */

static void test_mistakes(void **state)
{
    float w[12] = {0};
    Param weight = {.name = "odd.weight", .value = {JIG_F32, SHAPE(3, 4), w}};
    Graph *g = graph_create(ref(), JIG_F32);
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(2, 5));
    graph_push(g, "down.%d", 2);
    graph_push(g, "attn");
    Node *y = op_linear(g, x, &weight, NULL);
    assert_null(y);
    y = op_act(g, ACT_SILU, op_add(g, y, x)); /* NULL goes on silently */
    assert_null(y);
    graph_pop(g);
    op_add(g, x, graph_input(g, "z", JIG_F32, SHAPE(2, 4)));
    graph_pop(g);
    graph_input(g, "x", JIG_F32, SHAPE(1));
    graph_output(g, "y", y);
    Err e = {0};
    assert_false(graph_plan(g, &e));
    assert_non_null(strstr(e.text, "3 mistakes"));
    assert_non_null(strstr(e.text, "down.2.attn: linear: x [2, 5] needs a weight [out, 5], got odd.weight [3, 4]"));
    assert_non_null(strstr(e.text, "down.2: add: shapes [2, 5] and [2, 4]"));
    assert_non_null(strstr(e.text, "\"x\" is given twice"));
    assert_int_equal(node_dim(NULL, 0), 0);
    assert_int_equal(node_shape(NULL).n, 0);
    graph_destroy(g);
}

static void test_missing_output(void **state)
{
    Graph *g = graph_create(ref(), JIG_F32);
    Err e = {0};
    graph_output(g, "y", NULL);
    assert_false(graph_plan(g, &e));
    assert_false(graph_run(g, &e));
    graph_destroy(g);
}

static void test_ops_refuse(void **state)
{
    Graph *g = graph_create(ref(), JIG_F32);
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(2, 4, 4, 3)), *ids = graph_input(g, "ids", JIG_I32, SHAPE(3));
    Node *wrong[] = {
        op_reshape(g, x, SHAPE(5, -1)),
        op_slice(g, x, 1, 3, 2),
        op_slice(g, x, 9, 0, 1),
        op_repeat(g, x, 1, 2),
        op_act(g, ACT_RELU, ids),
        op_permute(g, x, (const int[]){0, 1, 1, 2}),
        op_pool(g, x, 5, 1, 0, true),
        op_clamp(g, x, 1, -1),
        op_sum(g, x, 1u << 4),
        op_warp(g, x, x, WARP_ZEROS, false, false),
        op_matmul(g, x, x, false, false),
        graph_param(g, NULL),
        op_concat(g, (Node *[]){x, ids}, 2, 0),
        op_norm(g, NORM_GROUP, x, 2, 1e-5f, NULL, NULL, NULL, NULL, ACT_NONE),
        op_pad(g, x, (const int64_t[]){0, 4, 0, 0}, (const int64_t[]){0, 0, 0, 0}, PAD_REFLECT),
        op_resize(g, x, 0, 3, RESIZE_NEAREST, false),
        op_attention(g, x, x, x, (AttentionOpts){.axis = 1, .heads = 2, .dim = 2}),
        op_loss_l1(g, x, ids, NULL),
        op_cast(g, x, JIG_I32),
        op_rope(g, x, 1, 1, 3, 0, NULL, false),
        graph_input(g, "huge", JIG_F32, SHAPE(INT64_MAX / 2, 16)),
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (wrong[i])
            fail_msg("number %zu was taken", i);
    Err e = {0};
    assert_false(graph_plan(g, &e));
    graph_destroy(g);
}

static void test_bad_data(void **state)
{
    static float rows[6] = {1, 2, 3, 4, 5, 6};
    Param table = {.name = "table", .value = {JIG_F32, SHAPE(3, 2), rows}};
    Graph *g = graph_create(ref(), JIG_F32);
    graph_push(g, "text");
    graph_output(g, "y", op_embedding(g, &table, graph_input(g, "ids", JIG_I32, SHAPE(2))));
    graph_pop(g);
    plan(g);
    Err e = {0};
    assert_false(graph_run(g, &e));
    assert_non_null(strstr(e.text, "\"ids\" was never set"));
    assert_false(graph_set(g, "nothing", rows, JIG_F32));
    assert_true(graph_set(g, "ids", (int32_t[]){0, 3}, JIG_I32));
    e = (Err){0};
    assert_false(graph_run(g, &e));
    assert_non_null(strstr(e.text, "text: embedding: got id 3 at place 1, expected 0..2"));
    assert_true(graph_set(g, "ids", (int64_t[]){2, 0}, JIG_I64));
    run(g);
    float y[4];
    assert_true(graph_get(g, "y", y));
    assert_float_equal(y[0], 5, 0);
    assert_float_equal(y[3], 2, 0);
    graph_destroy(g);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static size_t asked; /* bytes that the graph asked the device for */

static void *counting_alloc(size_t bytes)
{
    asked += bytes;
    return mem_try(bytes);
}

static void *no_memory(size_t bytes)
{
    return NULL;
}

static void test_memory_is_reused(void **state)
{
    enum { SIDE = 64, LENGTH = 20 };
    Device dev = *ref();
    dev.alloc = counting_alloc;
    asked = 0;
    Graph *g = graph_create(&dev, JIG_F32);
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(SIDE, SIDE));
    for (int i = 0; i < LENGTH; i++)
        x = op_permute(g, op_act(g, ACT_TANH, x), (const int[]){1, 0});
    graph_output(g, "y", x);
    plan(g);
    size_t one = SIDE * SIDE * sizeof(float);
    assert_int_equal(graph_bytes(g), asked);
    assert_int_equal(asked, 3 * one); /* the input, and two that take turns; act works in place */
    graph_destroy(g);
}

static void test_no_memory(void **state)
{
    Device dev = *ref();
    dev.alloc = no_memory;
    Graph *g = graph_create(&dev, JIG_F32);
    graph_output(g, "y", op_act(g, ACT_TANH, graph_input(g, "x", JIG_F32, SHAPE(10))));
    Err e = {0};
    assert_false(graph_plan(g, &e));
    assert_non_null(strstr(e.text, "GB"));
    assert_false(graph_set(g, "x", NULL, JIG_F32));
    graph_destroy(g);
}

/* A random network of ops that may work in place, share bytes or be fused; every value is watched in the second
 * copy, which leaves nothing to reuse. Both must agree, and again after another run. */
enum { FUZZ_OPS = 40, FUZZ_N = 6 };

static Node *fuzz_op(Graph *g, Rng *r, Node **pool, int n, Param *w)
{
    Node *a = pool[rng_int(r, 0, n - 1)], *b = pool[rng_int(r, 0, n - 1)];
    Node *flat;
    switch (rng_int(r, 0, 9)) {
    case 0: return op_act(g, ACT_TANH, a);
    case 1: return op_affine(g, a, 0.5f, 0.25f);
    case 2: return op_mul(g, a, b);
    case 3: return op_add(g, a, op_slice(g, b, 0, 2, 1));
    case 4: return op_linear(g, a, w, NULL);
    case 5: return op_act(g, ACT_TANH, op_add(g, op_linear(g, a, w, NULL), b));
    case 6: return op_concat(g, (Node *[]){op_slice(g, a, 1, 2, FUZZ_N - 2), op_slice(g, b, 1, 0, 2)}, 2, 1);
    case 7:
        flat = op_reshape(g, a, SHAPE(FUZZ_N * FUZZ_N));
        return op_reshape(g, op_act(g, ACT_SIN, flat), SHAPE(FUZZ_N, FUZZ_N));
    case 8: return op_permute(g, a, (const int[]){1, 0});
    default: return op_sub(g, a, b);
    }
}

static Graph *fuzz_graph(uint64_t seed, bool watch, Param *w)
{
    Graph *g = graph_create(ref(), JIG_F32);
    Rng r = rng_make(seed, 1);
    Node *pool[FUZZ_OPS + 2] = {graph_input(g, "a", JIG_F32, SHAPE(FUZZ_N, FUZZ_N)),
                                graph_input(g, "b", JIG_F32, SHAPE(FUZZ_N, FUZZ_N))};
    char name[16];
    for (int i = 2; i < FUZZ_OPS + 2; i++) {
        pool[i] = fuzz_op(g, &r, pool, i, w);
        snprintf(name, sizeof name, "w%d", i);
        if (watch || i > FUZZ_OPS - 2)
            graph_watch(g, name, pool[i]);
    }
    Node *loss = op_mean_all(g, op_add(g, op_mul(g, pool[FUZZ_OPS + 1], pool[FUZZ_OPS]), pool[0]));
    graph_output(g, "loss", loss);
    graph_grad(g, loss, pool, NULL, 1);
    plan(g);
    return g;
}

static void test_random_networks(void **state)
{
    enum { N = FUZZ_N * FUZZ_N };
    for (uint64_t seed = 0; seed < 60; seed++) {
        float w[N], grads[2][N] = {0}, a[N], b[N], out[2][N], dx[2][N], loss[2];
        random_values(w, N, 1);
        random_values(a, N, 2);
        random_values(b, N, 3);
        Graph *g[2];
        for (int k = 0; k < 2; k++) {
            Param p = {.name = "w", .value = {JIG_F32, SHAPE(FUZZ_N, FUZZ_N), w}, .grad = grads[k], .trainable = true};
            g[k] = fuzz_graph(seed, k, &p);
            for (int again = 0; again < 2; again++) {
                graph_set(g[k], "a", a, JIG_F32);
                if (!again)
                    graph_set(g[k], "b", b, JIG_F32); /* stays */
                run(g[k]);
            }
            assert_true(graph_get(g[k], "loss", &loss[k]));
            assert_true(graph_get(g[k], "grad:a", dx[k]));
        }
        assert_memory_equal(&loss[0], &loss[1], sizeof(float));
        for (int i = FUZZ_OPS - 1; i < FUZZ_OPS + 2; i++) {
            char name[16];
            snprintf(name, sizeof name, "w%d", i);
            for (int k = 0; k < 2; k++)
                assert_true(graph_get(g[k], name, out[k]));
            for (int j = 0; j < N; j++)
                if (fabsf(out[0][j] - out[1][j]) > 1e-5f * (1 + fabsf(out[1][j])))
                    fail_msg("seed %d, %s: %g and %g", (int)seed, name, (double)out[0][j], (double)out[1][j]);
        }
        for (int j = 0; j < N; j++) {
            assert_float_equal(dx[0][j], dx[1][j], 1e-5f * (1 + fabsf(dx[1][j])));
            assert_float_equal(grads[0][j], grads[1][j], 1e-5f * (1 + fabsf(grads[1][j])));
        }
        graph_destroy(g[0]);
        graph_destroy(g[1]);
    }
}

/* ---- networks with weights --------------------------------------------------------------------------------------- */

enum { WIDTH = 8, DEPTH = 8, ROWS = 32, COUNT = WIDTH * WIDTH };

typedef struct Deep {
    float w[DEPTH][COUNT], grad[DEPTH][COUNT], b[DEPTH][WIDTH], bgrad[DEPTH][WIDTH], x[ROWS * WIDTH];
    Param pw[DEPTH], pb[DEPTH];
} Deep;

static void deep_init(Deep *d, bool train)
{
    memset(d, 0, sizeof *d);
    random_values(d->x, ROWS * WIDTH, 50);
    for (int i = 0; i < DEPTH; i++) {
        random_values(d->w[i], COUNT, (uint64_t)i);
        random_values(d->b[i], WIDTH, (uint64_t)i + 10);
        d->pw[i] = (Param){.name = "w",
                           .value = {JIG_F32, SHAPE(WIDTH, WIDTH), d->w[i]},
                           .grad = train ? d->grad[i] : NULL,
                           .trainable = true};
        d->pb[i] = (Param){.name = "b",
                           .value = {JIG_F32, SHAPE(WIDTH), d->b[i]},
                           .grad = train ? d->bgrad[i] : NULL,
                           .trainable = true};
    }
}

static Graph *deep_graph(Deep *d, bool train, bool recompute, DType type)
{
    Graph *g = graph_create(ref(), type);
    Node *x = op_cast(g, graph_input(g, "x", JIG_F32, SHAPE(ROWS, WIDTH)), type);
    for (int i = 0; i < DEPTH; i++) {
        graph_push(g, "layer.%d", i);
        if (recompute)
            graph_checkpoint_begin(g);
        Node *h = op_norm(g, NORM_LAYER, x, 1, 1e-5f, NULL, NULL, NULL, NULL, ACT_NONE);
        for (int k = 0; k < 3; k++)
            h = op_act(g, ACT_SILU, op_linear(g, h, &d->pw[i], &d->pb[i]));
        x = op_add(g, x, h);
        if (recompute)
            x = graph_checkpoint_end(g, x);
        graph_pop(g);
    }
    Node *loss = op_mean_all(g, op_act(g, ACT_SQUARE, op_cast(g, x, JIG_F32)));
    graph_output(g, "y", x);
    graph_output(g, "loss", loss);
    if (train)
        assert_true(graph_grad(g, loss, NULL, NULL, 0));
    plan(g);
    graph_set(g, "x", d->x, JIG_F32);
    return g;
}

static void test_recomputing(void **state)
{
    static Deep kept, again;
    deep_init(&kept, true);
    deep_init(&again, true);
    Graph *a = deep_graph(&kept, true, false, JIG_F32), *b = deep_graph(&again, true, true, JIG_F32);
    run(a);
    run(b);
    assert_memory_equal(kept.grad, again.grad, sizeof kept.grad);
    assert_memory_equal(kept.bgrad, again.bgrad, sizeof kept.bgrad);
    assert_true(graph_bytes(b) < graph_bytes(a) * 6 / 10);
    assert_true(graph_flops(b) > graph_flops(a));
    graph_destroy(a);
    graph_destroy(b);
}

static void test_repeated_runs(void **state)
{
    static Deep d;
    static float grads[DEPTH][COUNT];
    deep_init(&d, true);
    Graph *g = deep_graph(&d, true, false, JIG_BF16);
    run(g);
    memcpy(grads, d.grad, sizeof grads);
    memset(d.grad, 77, sizeof d.grad); /* written, not added */
    run(g);
    assert_memory_equal(grads, d.grad, sizeof grads);
    graph_destroy(g);
}

static void test_frozen_parameters(void **state)
{
    static Deep d, all;
    deep_init(&d, true);
    deep_init(&all, true);
    d.pw[1].trainable = d.pb[2].trainable = false;
    Graph *g = deep_graph(&d, true, false, JIG_F32), *h = deep_graph(&all, true, false, JIG_F32);
    run(g);
    run(h);
    for (int i = 0; i < COUNT; i++)
        assert_float_equal(d.grad[1][i], 0, 0);
    assert_memory_equal(d.grad[0], all.grad[0], sizeof d.grad[0]);
    assert_memory_equal(d.grad[2], all.grad[2], sizeof d.grad[2]);
    assert_memory_equal(d.bgrad[1], all.bgrad[1], sizeof d.bgrad[1]);
    graph_destroy(g);
    graph_destroy(h);
}

static void test_weights_changed(void **state)
{
    static Deep d;
    float before[ROWS * WIDTH], after[ROWS * WIDTH], moved[ROWS * WIDTH];
    deep_init(&d, false);
    Graph *g = deep_graph(&d, false, false, JIG_F32);
    run(g);
    graph_get(g, "y", before);
    d.w[2][5] += 1;
    graph_weights_changed(g);
    run(g);
    graph_get(g, "y", after);
    assert_memory_not_equal(before, after, sizeof before);
    static float other[COUNT];
    memcpy(other, d.w[2], sizeof other);
    d.pw[2].value.data = other;
    memset(d.w[2], 0, sizeof d.w[2]);
    graph_weights_changed(g);
    run(g);
    graph_get(g, "y", moved);
    assert_memory_equal(after, moved, sizeof after);
    graph_destroy(g);
}

/* A value made of constants alone is computed once, kept, and made anew when weights change. */
static void test_constants_are_folded(void **state)
{
    static float w[4] = {1, 2, 3, 4};
    Param p = {.name = "p", .value = {JIG_F32, SHAPE(4), w}};
    Graph *g = graph_create(ref(), JIG_F32);
    Node *c = op_act(g, ACT_SQUARE, op_affine(g, op_act(g, ACT_TANH, graph_param(g, &p)), 2, 1));
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(4));
    graph_output(g, "y", op_add(g, op_mul(g, x, c), graph_scalar(g, 3, JIG_F32, 1)));
    plan(g);
    graph_set(g, "x", (float[]){1, 1, 1, 1}, JIG_F32);
    graph_profile(g, true);
    float y[4];
    for (int i = 0; i < 3; i++)
        run(g);
    Text report = {0};
    graph_profile_report(g, &report);
    graph_get(g, "y", y);
    double t = 2 * tanh(2) + 1;
    assert_float_equal(y[1], (float)(t * t + 3), 1e-5);
    assert_non_null(strstr(report.s, "binary"));
    w[1] = 0;
    run(g);
    graph_get(g, "y", y);
    assert_float_equal(y[1], (float)(t * t + 3), 1e-5);
    graph_weights_changed(g);
    run(g);
    graph_get(g, "y", y);
    assert_float_equal(y[1], 4, 1e-6);
    text_finish(&report);
    graph_destroy(g);
}

/* act(conv + x) becomes one step; watching the sum keeps it apart. */
static void test_fusion(void **state)
{
    static float w[16], x[32];
    Param p = {.name = "w", .value = {JIG_F32, SHAPE(4, 4, 1, 1), w}};
    random_values(w, 16, 1);
    random_values(x, 32, 2);
    float y[2][32];
    for (int watched = 0; watched < 2; watched++) {
        Graph *g = graph_create(ref(), JIG_F32);
        Node *in = graph_input(g, "x", JIG_F32, SHAPE(1, 2, 4, 4));
        Node *sum = op_add(g, in, op_conv(g, in, &p, NULL, (ConvOpts){0}));
        if (watched)
            graph_watch(g, "sum", sum);
        graph_output(g, "y", op_act(g, ACT_SILU, sum));
        plan(g);
        graph_profile(g, true);
        graph_set(g, "x", x, JIG_F32);
        run(g);
        Text report = {0};
        graph_profile_report(g, &report);
        assert_non_null(strstr(report.s, "conv"));
        assert_null(strstr(report.s, "binary"));
        assert_int_equal(strstr(report.s, "act ") != NULL, watched);
        graph_get(g, "y", y[watched]);
        assert_float_equal(graph_flops(g), 2 * 8 * 16, 0);
        text_finish(&report);
        graph_destroy(g);
    }
    for (int i = 0; i < 32; i++)
        assert_float_equal(y[0][i], y[1][i], 1e-6);
}

static void test_peek_and_types(void **state)
{
    Graph *g = graph_create(ref(), JIG_BF16);
    Node *x = graph_input(g, "x", JIG_BF16, SHAPE(3, 2));
    graph_output(g, "row", op_slice(g, x, 0, 1, 1));
    graph_output(g, "wide", op_add(g, x, graph_scalar(g, 1, JIG_F32, 0)));
    plan(g);
    graph_set(g, "x", (float[]){1, 2, 3, 4, 5, 6}, JIG_F32);
    run(g);
    Shape s;
    DType t;
    const uint16_t *row = graph_peek(g, "row", &s, &t);
    assert_non_null(row);
    assert_true(shape_equal(s, SHAPE(1, 2)) && t == JIG_BF16);
    assert_float_equal(bf16_to_f32(row[1]), 4, 0);
    assert_non_null(graph_peek(g, "wide", &s, &t));
    assert_int_equal(t, JIG_F32);
    assert_null(graph_peek(g, "none", NULL, NULL));
    float back[6];
    assert_true(graph_get(g, "x", back));
    assert_float_equal(back[5], 6, 0);
    graph_destroy(g);
}

static void test_gradients_refuse(void **state)
{
    for (int k = 0; k < 3; k++) {
        Graph *g = graph_create(ref(), JIG_F32);
        Node *x = graph_input(g, "x", JIG_F32, SHAPE(2)), *z = graph_input(g, "z", JIG_F32, SHAPE(2));
        Node *loss = op_mean_all(g, x), *in[] = {x, z};
        bool ok = k == 0 ? graph_grad(g, x, in, NULL, 1)       /* not a scalar */
                : k == 1 ? graph_grad(g, loss, NULL, NULL, 0)  /* nothing to train */
                         : graph_grad(g, loss, in, NULL, 2);   /* z has no part in it */
        assert_false(ok);
        Err e = {0};
        assert_false(graph_plan(g, &e));
        graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),         cmocka_unit_test(test_missing_output),
        cmocka_unit_test(test_ops_refuse),       cmocka_unit_test(test_bad_data),
        cmocka_unit_test(test_memory_is_reused), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_random_networks),  cmocka_unit_test(test_recomputing),
        cmocka_unit_test(test_repeated_runs),    cmocka_unit_test(test_frozen_parameters),
        cmocka_unit_test(test_weights_changed),  cmocka_unit_test(test_constants_are_folded),
        cmocka_unit_test(test_fusion),           cmocka_unit_test(test_peek_and_types),
        cmocka_unit_test(test_gradients_refuse),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
