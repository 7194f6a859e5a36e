/* SPDX-License-Identifier: Apache-2.0
 *
 * A network run alone: configuration from JSON and metadata, inputs and results in the reference's layouts, gradients
 * by cotangents against finite differences, every misfit listed; published files with other names, joined parts and
 * tensors that are of no use.
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

/* ---- a network: y = tanh(conv(x)) + table[id], s = mean of y over the picture ------------------------------------ */

typedef struct TinyOptions {
    int64_t width;
    const char *kernels;
} TinyOptions;

static const Option rows[] = {
    {"width", 0, OPT_INT, offsetof(TinyOptions, width), 1, 16, "4", NULL, "N", ""},
    {"kernels", 0, OPT_TEXT, offsetof(TinyOptions, kernels), 0, 0, "3", NULL, "K", ""},
};

typedef struct Tiny {
    Conv conv;
    Embedding table;
} Tiny;

static void *tiny_create(const void *config, ParamSet *ps, Err *e)
{
    const TinyOptions *o = config;
    int64_t k[2];
    if (!net_numbers("kernels", o->kernels, 1, 7, k, 2, e)) return NULL;
    Tiny *t = mem_zero(sizeof *t);
    conv2d_init(&t->conv, ps, "conv", 3, o->width, (int)k[0], 1, (int)k[0] / 2, true);
    embedding_init(&t->table, ps, "table", 5, o->width);
    params_ignore(ps, "head.*");
    params_alias(ps, "conv.weight", 2, (const char *[]){"parts.first", "parts.second"});
    return t;
}

static void tiny_build(Graph *g, const void *net, NetIo *io)
{
    const Tiny *t = net;
    Node *x = net_in(io, "x"), *gain = net_in(io, "gain");
    Node *y = op_act(g, ACT_TANH, nn_conv(g, &t->conv, x));
    if (gain) y = op_mul(g, y, op_reshape(g, gain, SHAPE(-1, 1, 1, 1)));
    Node *row = nn_embedding(g, &t->table, net_in(io, "id"));
    y = op_add(g, y, op_reshape(g, row, SHAPE(node_dim(x, 0), 1, 1, node_dim(y, 3))));
    net_out(io, "y", y, NET_CHANNELS_FIRST);
    net_out(io, "s", op_reshape(g, op_mean(g, y, 6), SHAPE(node_dim(x, 0), node_dim(y, 3))), NET_PLAIN);
}

static Shape tiny_typical(const void *config, int input)
{
    return input == 0 ? SHAPE(1, 3, 8, 8) : SHAPE(1);
}

static const NetInput inputs[] = {
    {"x", "[B, 3, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false},
    {"id", "[B]", JIG_I32, NET_PLAIN, false},
    {"gain", "[B]", JIG_F32, NET_PLAIN, true},
};

static const NetClass tiny = {.name = "test.tiny", .summary = "", .config = {rows, ARRAY_LEN(rows)},
                              .config_size = sizeof(TinyOptions), .section = "part", .unused = "dropout model_type",
                              .inputs = inputs, .n_inputs = ARRAY_LEN(inputs), .create = tiny_create,
                              .destroy = mem_free, .build = tiny_build, .typical = tiny_typical};

/* ---- files ------------------------------------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/jig-net-XXXXXX");
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

static void good(bool ok, const Err *e)
{
    if (!ok) fail_msg("%s", e->text);
}

/* Writes, opens, and removes the name. */
static SafeTensors *as_file(const NamedTensor *ts, int n, const MetaPair *meta, int n_meta)
{
    char path[128];
    Err e = {0};
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
    good(safetensors_write(path, ts, n, meta, n_meta, &e), &e);
    SafeTensors *st = safetensors_open(path, &e);
    good(st != NULL, &e);
    unlink(path);
    return st;
}

enum { B = 2, H = 4, W = 5, C = 4, IN = B * 3 * H * W, OUT = B * C * H * W };

typedef struct Values { float x[IN], gain[B], dy[OUT], ds[B * C]; int64_t id[B]; } Values;

static void values_init(Values *v)
{
    for (int i = 0; i < IN; i++) v->x[i] = sinf(0.7f * (float)i + 0.1f);
    for (int i = 0; i < OUT; i++) v->dy[i] = cosf(0.3f * (float)i);
    for (int i = 0; i < B * C; i++) v->ds[i] = sinf(2.f * (float)i + 1);
    v->gain[0] = 0.5f, v->gain[1] = -1.5f;
    v->id[0] = 3, v->id[1] = 1;
}

static SafeTensors *values_file(Values *v)
{
    NamedTensor ts[] = {{"x", {JIG_F32, SHAPE(B, 3, H, W), v->x}}, {"id", {JIG_I64, SHAPE(B), v->id}},
                        {"gain", {JIG_F32, SHAPE(B), v->gain}}, {"grad:y", {JIG_F32, SHAPE(B, C, H, W), v->dy}},
                        {"grad:s", {JIG_F32, SHAPE(B, C), v->ds}}};
    return as_file(ts, 5, NULL, 0);
}

static const NamedTensor *result(const NamedTensor *r, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(r[i].name, name)) return &r[i];
    fail_msg("no result %s", name);
    return NULL;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* y of the reference in its own layout, [B, C, H, W], by plain loops. */
static double plain(const NetAlone *n, ParamSet *ps, const Values *v, int b, int c, int y, int x)
{
    const float *w = params_find(ps, "conv.weight")->value.data, *bias = params_find(ps, "conv.bias")->value.data;
    const float *table = params_find(ps, "table.weight")->value.data;
    double sum = bias[c];
    for (int i = 0; i < 3; i++)
        for (int ky = 0; ky < 3; ky++)
            for (int kx = 0; kx < 3; kx++) {
                int yy = y + ky - 1, xx = x + kx - 1;
                if (yy < 0 || xx < 0 || yy >= H || xx >= W) continue;
                sum += (double)w[((c * 3 + i) * 3 + ky) * 3 + kx] * v->x[((b * 3 + i) * H + yy) * W + xx];
            }
    return tanh(sum) * v->gain[b] + table[v->id[b] * C + c];
}

static void test_run(void **state)
{
    Err e = {0};
    Values v;
    values_init(&v);
    SafeTensors *in = values_file(&v);
    NetAlone *n = net_create(&tiny, NULL, NULL, &e);
    good(n && net_fill(n, NULL, NULL, false, 7, &e), &e);
    good(net_plan(n, device_open("ref", &e), JIG_F32, in, false, &e) && net_set(n, in, &e) && net_run(n, &e), &e);
    Arena *a = arena_create();
    int count;
    NamedTensor *r = net_results(n, a, &count);
    assert_int_equal(count, 2);
    assert_true(shape_equal(r[0].t.shape, SHAPE(B, C, H, W)));
    for (int i = 0; i < OUT; i++)
        assert_float_equal(((float *)r[0].t.data)[i],
                           plain(n, net_params(n), &v, i / (C * H * W), i / (H * W) % C, i / W % H, i % W), 1e-5);
    arena_destroy(a);
    net_destroy(n);
    safetensors_close(in);
}

/* L = sum(y dy) + sum(s ds) in f64 from the results. */
static double loss(NetAlone *n, const Values *v, SafeTensors *in, Arena *a)
{
    Err e = {0};
    int count;
    good(net_set(n, in, &e) && net_run(n, &e), &e);
    NamedTensor *r = net_results(n, a, &count);
    double sum = 0;
    const float *y = result(r, count, "y")->t.data, *s = result(r, count, "s")->t.data;
    for (int i = 0; i < OUT; i++) sum += (double)y[i] * v->dy[i];
    for (int i = 0; i < B * C; i++) sum += (double)s[i] * v->ds[i];
    return sum;
}

static double slope(NetAlone *n, Values *v, float *at, bool input, Arena *a)
{
    double two[2];
    float old = *at;
    for (int i = 0; i < 2; i++) {
        *at = old + (i ? 1e-2f : -1e-2f);
        SafeTensors *in = values_file(v);
        graph_weights_changed(net_graph(n));
        two[i] = loss(n, v, in, a);
        safetensors_close(in);
    }
    *at = old;
    return (two[1] - two[0]) / 2e-2;
}

static void test_gradients(void **state)
{
    Err e = {0};
    Values v;
    values_init(&v);
    Arena *a = arena_create();
    SafeTensors *in = values_file(&v);
    NetAlone *n = net_create(&tiny, NULL, NULL, &e);
    good(n && net_fill(n, NULL, NULL, true, 7, &e), &e);
    good(net_plan(n, device_open("ref", &e), JIG_F32, in, true, &e), &e);
    loss(n, &v, in, a);
    int count;
    NamedTensor *r = net_results(n, a, &count);
    assert_int_equal(count, 2 + 2 + 3); /* results, float inputs, parameters */
    float dx[IN], dgain[B], dw[C * 27], dtable[5 * C];
    memcpy(dx, result(r, count, "grad:x")->t.data, sizeof dx);
    memcpy(dgain, result(r, count, "grad:gain")->t.data, sizeof dgain);
    memcpy(dw, result(r, count, "grad:conv.weight")->t.data, sizeof dw);
    memcpy(dtable, result(r, count, "grad:table.weight")->t.data, sizeof dtable);
    for (int i = 0; i < IN; i += 13) assert_float_equal(dx[i], slope(n, &v, &v.x[i], true, a), 2e-3);
    for (int i = 0; i < B; i++) assert_float_equal(dgain[i], slope(n, &v, &v.gain[i], true, a), 2e-3);
    float *w = params_find(net_params(n), "conv.weight")->value.data;
    for (int i = 0; i < C * 27; i += 17) assert_float_equal(dw[i], slope(n, &v, &w[i], false, a), 2e-3);
    float *table = params_find(net_params(n), "table.weight")->value.data;
    for (int i = 0; i < 5 * C; i += 3) assert_float_equal(dtable[i], slope(n, &v, &table[i], false, a), 2e-3);
    arena_destroy(a);
    net_destroy(n);
    safetensors_close(in);
}

static void test_without_inputs(void **state)
{
    Err e = {0};
    NetAlone *n = net_create(&tiny, NULL, NULL, &e);
    good(n && net_plan(n, device_open("ref", &e), JIG_BF16, NULL, false, &e), &e);
    assert_true(graph_bytes(net_graph(n)) > 0);
    assert_true(graph_flops(net_graph(n)) >= 2.0 * C * 27 * 64);
    net_destroy(n);
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

static void test_configuration(void **state)
{
    Err e = {0};
    NetAlone *n = net_create(&tiny, "{\"part\": {\"width\": 6, \"kernels\": [5], \"dropout\": 0.1}, \"other\": 1}",
                             NULL, &e);
    good(n != NULL, &e);
    assert_true(shape_equal(params_find(net_params(n), "conv.weight")->value.shape, SHAPE(6, 3, 5, 5)));
    net_destroy(n);

    float zero = 0;
    NamedTensor t = {"t", {JIG_F32, SHAPE(1), &zero}};
    SafeTensors *st = as_file(&t, 1, (MetaPair[]){{"width", "9"}, {"class", "x"}}, 2);
    n = net_create(&tiny, "{\"kernels\": \"1\"}", st, &e);
    good(n != NULL, &e);
    assert_true(shape_equal(params_find(net_params(n), "conv.weight")->value.shape, SHAPE(9, 3, 1, 1)));
    net_destroy(n);
    safetensors_close(st);

    static const struct { const char *json, *says; } bad[] = {
        {"{\"widht\": 3}", "widht"}, {"{\"width\": 99}", "1 to 16"}, {"[1]", "not a JSON object"}, {"{\"width\"",
                                                                      "JSON"},
        {"{\"kernels\": [9]}", "from 1 to 7"}, {"{\"kernels\": [1, 2, 3]}", "1 to 2"}, {"{\"kernels\": [\"a\"]}",
                                                                      "kernels"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Err why = {0};
        assert_null(net_create(&tiny, bad[i].json, NULL, &why));
        if (!strstr(why.text, bad[i].says)) fail_msg("%s: %s", bad[i].json, why.text);
    }
}

/* ---- misfits ----------------------------------------------------------------------------------------------------- */

static void test_bad_inputs(void **state)
{
    Err e = {0};
    float x[12] = {0};
    NamedTensor ts[] = {{"x", {JIG_F32, SHAPE(3, 4), x}}, {"gian", {JIG_F32, SHAPE(1), x}}};
    SafeTensors *in = as_file(ts, 2, NULL, 0);
    NetAlone *n = net_create(&tiny, NULL, NULL, &e);
    assert_false(net_plan(n, device_open("ref", &e), JIG_F32, in, false, &e));
    assert_non_null(strstr(e.text, "x is F32 [3, 4], expected F32 [B, 3, H, W]"));
    assert_non_null(strstr(e.text, "id is missing"));
    assert_non_null(strstr(e.text, "gian is not an input"));
    safetensors_close(in);

    Values v;
    values_init(&v);
    NamedTensor wrong[] = {{"x", {JIG_F32, SHAPE(B, 3, H, W), v.x}}, {"id", {JIG_I64, SHAPE(B), v.id}},
                           {"grad:y", {JIG_F32, SHAPE(2, 2), v.dy}}, {"grad:z", {JIG_F32, SHAPE(2), v.ds}}};
    in = as_file(wrong, 4, NULL, 0);
    Err why = {0};
    good(net_fill(n, NULL, NULL, true, 1, &e), &why);
    assert_false(net_plan(n, device_open("ref", &e), JIG_F32, in, true, &why));
    assert_non_null(strstr(why.text, "grad:y is F32 [2, 2]"));
    assert_non_null(strstr(why.text, "grad:z"));
    safetensors_close(in);
    net_destroy(n);
}

/* A published file: a prefix, the convolution in two parts, a head that nobody reads. */
static void test_other_names(void **state)
{
    Err e = {0};
    float w[C * 27], rest[5 * C] = {0};
    for (int i = 0; i < C * 27; i++) w[i] = (float)i;
    NamedTensor ts[] = {{"model.parts.first", {JIG_F32, SHAPE(1, 3, 3, 3), w}},
                        {"model.parts.second", {JIG_F32, SHAPE(3, 3, 3, 3), w + 27}},
                        {"model.conv.bias", {JIG_F32, SHAPE(C), rest}},
                        {"model.table.weight", {JIG_F32, SHAPE(5, C), rest}},
                        {"model.head.weight", {JIG_F32, SHAPE(2), rest}},
                        {"optimizer.step", {JIG_F32, SHAPE(1), rest}}};
    for (int map = 0; map < 2; map++) {
        SafeTensors *st = as_file(ts, 6, NULL, 0);
        NetAlone *n = net_create(&tiny, NULL, NULL, &e);
        good(net_fill(n, st, NULL, !map, 0, &e), &e);
        assert_memory_equal(params_find(net_params(n), "conv.weight")->value.data, w, sizeof w);
        net_destroy(n);
        safetensors_close(st);
    }
    ts[1].t.shape = SHAPE(2, 3, 3, 3);
    ts[4].name = "model.haed.weight";
    SafeTensors *st = as_file(ts, 6, NULL, 0);
    NetAlone *n = net_create(&tiny, NULL, NULL, &e);
    assert_false(net_fill(n, st, NULL, false, 0, &e));
    assert_non_null(strstr(e.text, "model.conv.weight is [3, 3, 3, 3], expected [4, 3, 3, 3]"));
    assert_non_null(strstr(e.text, "model.haed.weight is not expected"));
    net_destroy(n);
    safetensors_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),           cmocka_unit_test(test_gradients),  cmocka_unit_test(test_without_inputs),
        cmocka_unit_test(test_configuration), cmocka_unit_test(test_bad_inputs), cmocka_unit_test(test_other_names),
    };
    return cmocka_run_group_tests_name("nn/net_alone", tests, make_folder, remove_folder);
}
