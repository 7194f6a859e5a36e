/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameter sets: first values, files in and out, every mismatch listed; layers; a small convolutional network learns.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nn/nn.h"

static char folder[64];

static int make_folder(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/jig-nn-XXXXXX");
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void good(bool ok, const Err *e)
{
    if (!ok)
        fail_msg("%s", e->text);
}

static void test_first_values(void **state)
{
    ParamSet *a = params_create(), *b = params_create();
    Linear l[2];
    Norm n;
    linear_init(&l[0], a, "enc.0", 100, 30, true);
    norm_init(&n, a, "enc.1", NORM_LAYER, 1, 30, 1e-5f, true);
    norm_init(&n, b, "enc.1", NORM_LAYER, 1, 30, 1e-5f, true);
    linear_init(&l[1], b, "enc.0", 100, 30, true);
    Err e = {0};
    good(params_allocate(a, true, 5, &e), &e);
    good(params_allocate(b, false, 5, &e), &e);
    assert_int_equal(params_size(a), 3000 + 30 + 60);
    assert_int_equal(params_count(a), 4);
    assert_string_equal(params_at(a, 1)->name, "enc.0.bias");
    assert_memory_equal(l[0].weight->value.data, l[1].weight->value.data,
                        3000 * sizeof(float)); /* whatever the order */
    const float *w = l[0].weight->value.data, *bias = l[0].bias->value.data;
    double squares = 0;
    for (int i = 0; i < 3000; i++) {
        assert_true(fabsf(w[i]) <= 0.1f);
        squares += (double)w[i] * w[i];
    }
    assert_float_equal(sqrt(squares / 3000), 0.1 / sqrt(3), 0.002);
    for (int i = 0; i < 30; i++)
        assert_true(fabsf(bias[i]) <= 0.1f);
    assert_float_equal(*(float *)n.gamma->value.data, 1, 0);
    assert_true(l[0].weight->grad == params_grads(a) && l[1].weight->grad == NULL);
    assert_true(l[0].weight->decay && !l[0].bias->decay);
    assert_ptr_equal(params_find(a, "enc.1.weight"), params_at(a, 2));
    assert_null(params_find(a, "enc"));
    params_destroy(a);
    params_destroy(b);
    params_destroy(NULL);
}

static ParamSet *two_layers(Linear *l, Conv *c)
{
    ParamSet *ps = params_create();
    linear_init(l, ps, "head", 4, 3, true);
    conv2d_init(c, ps, "stem", 3, 5, 3, 1, 1, true);
    return ps;
}

static void test_files(void **state)
{
    Linear l;
    Conv c;
    Err e = {0};
    ParamSet *a = two_layers(&l, &c), *b = two_layers(&l, &c), *mapped = two_layers(&l, &c);
    good(params_allocate(a, false, 1, &e), &e);
    good(params_save(a, NULL, in_folder("w.safetensors"), JIG_BF16, (MetaPair[]){{"class", "test"}}, 1, &e), &e);
    SafeTensors *st = safetensors_open(in_folder("w.safetensors"), &e);
    assert_non_null(st);
    assert_string_equal(safetensors_meta(st, "class"), "test");
    good(params_load(b, st, "", false, &e), &e); /* not allocated before: makes its block */
    good(params_load(mapped, st, "", true, &e), &e);
    for (int64_t i = 0; i < params_size(a); i++)
        assert_float_equal(params_block(b)[i], bf16_to_f32(bf16_from_f32(params_block(a)[i])), 0);
    assert_null(params_block(mapped));
    Tensor t = params_find(mapped, "stem.weight")->value;
    assert_int_equal(t.type, JIG_BF16);
    assert_float_equal(bf16_to_f32(((uint16_t *)t.data)[7]), ((float *)params_find(b, "stem.weight")->value.data)[7],
                       0);
    assert_false(params_find(mapped, "stem.weight")->trainable);
    params_destroy(mapped);
    safetensors_close(st);

    float *other = mem_zero((size_t)params_size(a) * sizeof *other);
    other[2] = 5;
    good(params_save(a, other, in_folder("w.safetensors"), JIG_F32, NULL, 0, &e), &e);
    st = safetensors_open(in_folder("w.safetensors"), &e);
    good(params_load(b, st, "", false, &e), &e);
    assert_memory_equal(params_block(b), other, (size_t)params_size(a) * sizeof *other);
    safetensors_close(st);
    unlink(in_folder("w.safetensors"));
    mem_free(other);
    params_destroy(a);
    params_destroy(b);
}

/* F16 and bytes at odd addresses cannot be used in place. */
static void test_mapping_converts(void **state)
{
    uint16_t half[2] = {f16_from_f32(1.5f), f16_from_f32(-2)};
    float bias[2] = {3, 4};
    NamedTensor ts[] = {{"net.bias", {JIG_F32, SHAPE(2), bias}}, {"net.weight", {JIG_F16, SHAPE(2, 1), half}},
                        {"other.thing", {JIG_F32, SHAPE(1), bias}}};
    Err e = {0};
    good(safetensors_write(in_folder("h.safetensors"), ts, 3, NULL, 0, &e), &e);
    SafeTensors *st = safetensors_open(in_folder("h.safetensors"), &e);
    ParamSet *ps = params_create();
    Linear l;
    linear_init(&l, ps, "", 1, 2, true);
    good(params_load(ps, st, "net.", true, &e), &e);
    assert_int_equal(l.weight->value.type, JIG_F32);
    assert_float_equal(((float *)l.weight->value.data)[1], -2, 0);
    assert_float_equal(((float *)l.bias->value.data)[1], 4, 0);
    params_destroy(ps);
    safetensors_close(st);
    unlink(in_folder("h.safetensors"));
}

static void test_mismatches(void **state)
{
    float x[12] = {0};
    int32_t n[12] = {0};
    NamedTensor ts[] = {{"head.weight", {JIG_F32, SHAPE(4, 3), x}},
                        {"head.bias", {JIG_I32, SHAPE(3), n}},
                        {"extra", {JIG_F32, SHAPE(1), x}},
                        {"bn.num_batches_tracked", {JIG_I32, SHAPE(1), n}}};
    Err e = {0};
    good(safetensors_write(in_folder("m.safetensors"), ts, ARRAY_LEN(ts), NULL, 0, &e), &e);
    SafeTensors *st = safetensors_open(in_folder("m.safetensors"), &e);
    Linear l;
    Conv c;
    ParamSet *ps = two_layers(&l, &c);
    assert_false(params_load(ps, st, "", false, &e));
    assert_non_null(strstr(e.text, "5 tensors"));
    assert_non_null(strstr(e.text, "head.weight is [4, 3], expected [3, 4]"));
    assert_non_null(strstr(e.text, "head.bias is I32"));
    assert_non_null(strstr(e.text, "stem.weight is missing"));
    assert_non_null(strstr(e.text, "stem.bias is missing"));
    assert_non_null(strstr(e.text, "extra is not expected"));
    assert_null(params_block(ps));
    params_destroy(ps);
    safetensors_close(st);
    unlink(in_folder("m.safetensors"));
}

/* ---- learning ---------------------------------------------------------------------------------------------------- */

enum { BATCH = 4, SIDE = 8, CHANNELS = 8, STEPS = 60 };

typedef struct Net { Conv in, mid, up, out; Norm norm; } Net;

static void net_init(Net *n, ParamSet *ps)
{
    conv2d_init(&n->in, ps, "in", 1, CHANNELS, 3, 1, 1, true);
    conv2d_init(&n->mid, ps, "mid", CHANNELS, CHANNELS, 3, 2, 1, true);
    conv2d_transpose_init(&n->up, ps, "up", CHANNELS, CHANNELS, 4, 2, 1, true);
    norm_init(&n->norm, ps, "norm", NORM_GROUP, 2, CHANNELS, 1e-5f, true);
    conv2d_init(&n->out, ps, "out", CHANNELS, 1, 1, 1, 0, true);
}

static Node *net_build(Graph *g, const Net *n, Node *x)
{
    x = op_act(g, ACT_SILU, nn_conv(g, &n->in, x));
    Node *h = op_act(g, ACT_RELU, nn_conv(g, &n->mid, x));
    h = op_add(g, nn_conv(g, &n->up, h), x);
    return nn_conv(g, &n->out, nn_norm(g, &n->norm, h, ACT_SILU));
}

/* Learns to tell where a picture is brighter than its surroundings. */
static double learn(const Device *dev, DType type, double *first)
{
    enum { PIXELS = BATCH * SIDE * SIDE };
    ParamSet *ps = params_create();
    Net n;
    Err e = {0};
    float x[PIXELS], target[PIXELS], loss = 0;
    Rng r = rng_make(1, 2);
    for (int i = 0; i < PIXELS; i++)
        x[i] = rng_range(&r, -1, 1);
    for (int i = 0; i < PIXELS; i++)
        target[i] = x[i] > 0.5f * (x[(i + 1) % PIXELS] + x[(i + PIXELS - 1) % PIXELS]) ? 1 : 0;
    net_init(&n, ps);
    good(params_allocate(ps, true, 3, &e), &e);
    float *m = mem_zero((size_t)params_size(ps) * 2 * sizeof *m);
    Graph *g = graph_create(dev, type);
    Node *y = net_build(g, &n, graph_input(g, "x", type, SHAPE(BATCH, SIDE, SIDE, 1)));
    Node *l = op_loss_bce(g, y, graph_input(g, "target", JIG_F32, SHAPE(BATCH, SIDE, SIDE, 1)), NULL);
    graph_output(g, "loss", l);
    graph_grad(g, l, NULL, NULL, 0);
    good(graph_plan(g, &e), &e);
    graph_set(g, "x", x, JIG_F32);
    graph_set(g, "target", target, JIG_F32);
    for (int step = 1; step <= STEPS; step++) {
        good(graph_run(g, &e), &e);
        graph_get(g, "loss", &loss);
        if (step == 1)
            *first = loss;
        dev->k->adamw(&(AdamArgs){.n = params_size(ps),
                                  .w = params_block(ps),
                                  .m = m,
                                  .v = m + params_size(ps),
                                  .g = params_grads(ps),
                                  .lr = 0.02f,
                                  .beta1 = 0.9f,
                                  .beta2 = 0.99f,
                                  .eps = 1e-8f,
                                  .grad_scale = 1,
                                  .step = step});
    }
    graph_destroy(g);
    params_destroy(ps);
    mem_free(m);
    return loss;
}

static void test_learning(void **state)
{
    Err e = {0};
    const char *const devices[] = {"ref", "cpu"};
    for (int i = 0; i < 4; i++) {
        const Device *dev = device_open(devices[i / 2], &e);
        if (!dev)
            continue;
        double first, last = learn(dev, i % 2 ? JIG_BF16 : JIG_F32, &first);
        if (!(last < 0.5 * first))
            fail_msg("%s: loss %g, then %g", dev->name, first, last);
    }
}

static void test_embedding_and_conv3d(void **state)
{
    ParamSet *ps = params_create();
    Embedding emb;
    Conv c;
    BatchNorm bn;
    Err e = {0};
    embedding_init(&emb, ps, "text", 10, 6);
    conv3d_init(&c, ps, "conv", 6, 4, (const int[]){1, 3, 3}, (const int[]){1, 2, 2}, (const int[]){0, 1, 1}, true);
    batch_norm_init(&bn, ps, "bn", 4);
    assert_non_null(params_find(ps, "bn.running_var"));
    good(params_allocate(ps, true, 1, &e), &e);
    assert_true(bn.mean->running && bn.mean->grad); /* where the batch's mean is written */
    Graph *g = graph_create(device_open("ref", &e), JIG_BF16);
    Node *x = op_reshape(g, nn_embedding(g, &emb, graph_input(g, "ids", JIG_I32, SHAPE(2 * 3 * 4 * 4))),
                         SHAPE(2, 3, 4, 4, 6));
    Node *y = op_batch_norm_fixed(g, nn_conv(g, &c, x), bn.mean, bn.var, bn.gamma, bn.beta, bn.eps, ACT_NONE);
    assert_true(shape_equal(node_shape(y), SHAPE(2, 3, 2, 2, 4)));
    assert_int_equal(node_type(y), JIG_BF16);
    graph_output(g, "y", y);
    good(graph_plan(g, &e), &e);
    graph_destroy(g);
    params_destroy(ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_values),     cmocka_unit_test(test_files),
        cmocka_unit_test(test_mapping_converts), cmocka_unit_test(test_mismatches),
        cmocka_unit_test(test_learning),         cmocka_unit_test(test_embedding_and_conv3d),
    };
    return cmocka_run_group_tests_name("nn", tests, make_folder, remove_folder);
}
