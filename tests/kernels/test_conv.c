/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions and their gradients: cpu against ref.
 */
#include "kernel_check.h"

typedef struct Case {
    int64_t B, T, H, W, ci, co, k[3], stride[3], lo[3], hi[3], dil[3], out_pad[3], groups;
    bool transposed;
} Case;

static const Case table[] = {
    {1, 1, 1, 1, 1, 1, {1, 1, 1}, {1, 1, 1}, {0}, {0}, {1, 1, 1}, {0}, 1, false},
    {2, 1, 16, 16, 64, 64, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, {0}, 1, false},
    {1, 3, 9, 11, 17, 5, {1, 7, 7}, {1, 1, 1}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}, {0}, 1, false},
    {1, 1, 20, 20, 3, 64, {1, 7, 7}, {1, 1, 1}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}, {0}, 1, false},
    {1, 1, 20, 20, 64, 3, {1, 7, 7}, {1, 1, 1}, {0, 3, 3}, {0, 3, 3}, {1, 1, 1}, {0}, 1, false},
    {2, 2, 8, 8, 32, 32, {1, 4, 4}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, {0}, 1, true},
    {1, 1, 5, 7, 16, 8, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}, {1, 1, 1}, {0, 1, 1}, 1, true},
    {1, 1, 13, 13, 3, 3, {1, 13, 13}, {1, 4, 4}, {0, 6, 6}, {0, 6, 6}, {1, 1, 1}, {0}, 3, false},
    {1, 1, 31, 1, 16, 16, {1, 31, 1}, {1, 1, 1}, {0, 15, 0}, {0, 15, 0}, {1, 1, 1}, {0}, 16, false},
    {1, 5, 6, 7, 8, 16, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0}, 1, false},
    {2, 7, 1, 1, 12, 20, {3, 1, 1}, {2, 1, 1}, {2, 0, 0}, {0, 0, 0}, {1, 1, 1}, {0}, 1, false},
    {1, 1, 12, 12, 16, 32, {1, 3, 3}, {1, 1, 1}, {0, 2, 2}, {0, 2, 2}, {1, 2, 2}, {0}, 4, false},
    {1, 1, 9, 9, 4, 6, {1, 2, 3}, {1, 2, 1}, {0, 0, 2}, {0, 1, 0}, {1, 1, 1}, {0}, 2, true},
    {3, 1, 4, 4, 512, 64, {1, 1, 1}, {1, 1, 1}, {0}, {0}, {1, 1, 1}, {0}, 1, false},
    {1, 1, 1, 37, 1, 7, {1, 1, 10}, {1, 1, 5}, {0}, {0}, {1, 1, 1}, {0}, 1, false},
};

static Case random_case(void)
{
    Case c = {.B = PICK(1, 2, 3), .T = PICK(1, 1, 4), .H = PICK(1, 2, 5, 8, 13), .W = PICK(1, 3, 7, 16)};
    c.groups = PICK(1, 1, 1, 2);
    c.ci = c.groups * PICK(1, 3, 5, 16, 17, 32);
    c.co = c.groups * PICK(1, 3, 8, 16, 17);
    for (int i = 0; i < 3; i++) {
        c.k[i] = i == 0 && check_coin() ? 1 : PICK(1, 2, 3, 5);
        c.stride[i] = PICK(1, 1, 2, 3);
        c.dil[i] = PICK(1, 1, 1, 2);
        c.lo[i] = PICK(0, 1, 2) % c.k[i];
        c.hi[i] = PICK(0, 1, 2) % c.k[i];
    }
    c.transposed = PICK(0, 0, 1);
    return c;
}

static int64_t out_size(const Case *c, int i, int64_t n)
{
    int64_t reach = (c->k[i] - 1) * c->dil[i] + 1;
    if (c->transposed) return (n - 1) * c->stride[i] - c->lo[i] - c->hi[i] + reach + c->out_pad[i];
    int64_t left = n + c->lo[i] + c->hi[i] - reach;
    return left < 0 ? 0 : left / c->stride[i] + 1;
}

static ConvArgs arguments(const Case *c, DType act, DType weight)
{
    ConvArgs a = {.geom = {.groups = c->groups, .transposed = c->transposed}};
    int64_t y[5] = {c->B, out_size(c, 0, c->T), out_size(c, 1, c->H), out_size(c, 2, c->W), c->co};
    int64_t w[5] = {c->transposed ? c->ci : c->co, (c->transposed ? c->co : c->ci) / c->groups, c->k[0], c->k[1],
                    c->k[2]};
    for (int i = 0; i < 3; i++) {
        a.geom.kernel[i] = c->k[i];
        a.geom.stride[i] = c->stride[i];
        a.geom.pad_lo[i] = c->lo[i];
        a.geom.pad_hi[i] = c->hi[i];
        a.geom.dilation[i] = c->dil[i];
        a.geom.out_pad[i] = c->out_pad[i];
        if (y[i + 1] < 0) y[i + 1] = 0;
    }
    a.x = check_random(act, SHAPE(c->B, c->T, c->H, c->W, c->ci), 1);
    a.w = check_random(weight, shape_make(5, w), 0.3f);
    a.y = check_random(act, shape_make(5, y), 1);
    return a;
}

static void forward(const ConvArgs *like, Closeness close)
{
    Tensor b = check_random(JIG_F32, SHAPE(like->y.shape.d[4]), 1), r = check_random(like->y.type, like->y.shape, 1);
    ConvArgs a = *like;
    if (check_coin()) a.b = &b;
    if (check_coin()) a.r = &r;
    a.act = (Act)PICK(ACT_NONE, ACT_RELU, ACT_LEAKY_RELU, ACT_SILU, ACT_SIGMOID, ACT_GELU_ERF, ACT_SOFTPLUS);
    a.y = check_like(a.y);
    ref->conv(&a);
    Tensor expected = a.y;
    a.y = check_like(a.y);
    cpu->conv(&a);
    check_close("y", expected, a.y, close);
    KernelState state = {.constant_weights = check_coin()};
    a.state = &state;
    for (int i = 0; i < 2; i++) { /* the second call meets what the first prepared */
        Tensor before = a.y;
        a.y = check_like(a.y);
        cpu->conv(&a);
        check_close("y with a state", before, a.y, EXACT);
    }
    if (state.destroy) state.destroy(state.data);
}

static void gradients(const ConvArgs *like, Closeness close)
{
    ConvArgs a = *like;
    a.x = check_like(a.x);
    ref->conv_grad_x(&a);
    Tensor expected = a.x;
    a.x = check_like(a.x);
    cpu->conv_grad_x(&a);
    check_close("dx", expected, a.x, close);

    a = *like;
    Tensor db = check_like((Tensor){JIG_F32, SHAPE(a.y.shape.d[4])}), db2 = check_like(db);
    a.w = check_like((Tensor){JIG_F32, a.w.shape});
    a.b = &db;
    ref->conv_grad_w(&a);
    Tensor dw = a.w;
    a.w = check_like(a.w);
    a.b = &db2;
    cpu->conv_grad_w(&a);
    check_close("dw", dw, a.w, SUM);
    check_close("db", db, db2, SUM);
    a.b = NULL;
    a.w = check_like(a.w);
    cpu->conv_grad_w(&a);
    check_close("dw alone", dw, a.w, SUM);
}

static void one(const Case *c, const char *name, int i)
{
    static const DType types[][2] = {
        {JIG_F32, JIG_F32}, {JIG_BF16, JIG_BF16}, {JIG_BF16, JIG_F32}, {JIG_F32, JIG_BF16}};
    for (int t = 0; t < 4; t++) {
        check_case("%s %d: [%d,%d,%d,%d,%d]->%d kernel %d,%d,%d groups %d%s %s, weights %s", name, i, (int)c->B,
                   (int)c->T, (int)c->H, (int)c->W, (int)c->ci, (int)c->co, (int)c->k[0], (int)c->k[1], (int)c->k[2],
                   (int)c->groups, c->transposed ? " transposed" : "", dtype_name(types[t][0]),
                   dtype_name(types[t][1]));
        ConvArgs a = arguments(c, types[t][0], types[t][1]);
        if (shape_count(a.y.shape) > 0) {
            Closeness close = types[t][0] == JIG_BF16 ? ROUNDED : SUM;
            forward(&a, close);
            gradients(&a, close);
        }
        check_free_all();
    }
}

static void test_table(void **s)
{
    check_seed(1);
    for (int i = 0; i < (int)ARRAY_LEN(table); i++) one(&table[i], "table", i);
}

static void test_random(void **s)
{
    check_seed(2);
    for (int i = 0; i < 60; i++) {
        Case c = random_case();
        one(&c, "random", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_random)};
    return cmocka_run_group_tests_name("kernels/conv", tests, NULL, NULL);
}
