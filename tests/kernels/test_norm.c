/* SPDX-License-Identifier: Apache-2.0
 *
 * Norms, softmax and their gradients: cpu against ref.
 */
#include "kernel_check.h"

typedef struct Case { int64_t outer, N, C, G, M; } Case;

static const Case table[] = {
    {1, 1, 1, 1, 0},    {7, 1, 64, 1, 0},   {600, 1, 256, 1, 2}, {33, 1, 1500, 1, 3},   {2, 1000, 64, 8, 2},
    {1, 4096, 3, 3, 0}, {6, 49, 17, 1, 3},  {2, 300, 64, 1, 1},  {1, 777, 130, 130, 0}, {4, 5, 2048, 32, 4},
    {3, 1, 512, 8, 0},  {1, 5000, 1, 1, 0}, {2, 37, 40, 10, 2},
};

static void norm_case(const Case *c, DType t, bool rms, float offset)
{
    check_case("[%d, %d, %d] G %d M %d %s%s", (int)c->outer, (int)c->N, (int)c->C, (int)c->G, (int)c->M, dtype_name(t),
               rms ? " rms" : "");
    NormArgs a = {.outer = c->outer, .N = c->N, .C = c->C, .G = c->G, .M = c->M, .eps = 1e-5f, .rms = rms};
    Shape s = SHAPE(c->outer, c->N, c->C), stats = SHAPE(c->outer, c->G, 2), mod = SHAPE(MAX(c->M, 1), c->C);
    Tensor x = check_random(t, s, 1), y = check_like(x), dy = check_random(t, s, 1),
           s1 = check_like((Tensor){JIG_F32, stats}), s2 = check_like(s1);
    Tensor gamma = check_random(JIG_F32, SHAPE(c->C), 1), beta = check_random(JIG_F32, SHAPE(c->C), 1);
    Tensor scale = check_random(t, mod, 0.5f), shift = check_random(t, mod, 1);
    if (offset != 0) ref->affine(x, 1, offset, x);
    a.x = x;
    a.act = (Act)PICK(ACT_NONE, ACT_RELU, ACT_LEAKY_RELU, ACT_SILU, ACT_SILU);
    if (check_coin()) a.gamma = gamma.data;
    if (check_coin()) a.beta = beta.data;
    if (c->M && check_coin()) a.scale = scale.data;
    if (c->M && check_coin()) a.shift = shift.data;
    a.stats = s1.data;
    ref->norm_stats(&a);
    a.stats = s2.data;
    cpu->norm_stats(&a);
    check_close("stats", s1, s2, SUM);
    a.stats = s1.data;
    a.y = check_like(y);
    Tensor e = a.y;
    ref->norm_apply(&a);
    a.y = check_like(y);
    cpu->norm_apply(&a);
    bool alone = c->N * c->C / c->G < 8; /* few elements: near 0 up to rounding, which is then multiplied by rstd */
    if (!alone) check_close("y", e, a.y, SUM);

    a.dy = dy.data;
    Tensor sums = check_like((Tensor){JIG_F32, SHAPE(MAX(c->M, 1), c->C, 2)}), sums2 = check_like(sums);
    a.sums = sums.data;
    ref->norm_grad_params(&a);
    a.sums = sums2.data;
    cpu->norm_grad_params(&a);
    if (!alone) check_close("sums", sums, sums2, SUM);
    a.y = e = check_like(y);
    ref->norm_grad_x(&a);
    a.y = check_like(y);
    cpu->norm_grad_x(&a);
    if (!alone) check_close("dx", e, a.y, SUM);
    check_free_all();
}

static void test_norms(void **state)
{
    check_seed(1);
    for (int i = 0; i < (int)ARRAY_LEN(table); i++)
        for (int k = 0; k < 4; k++) norm_case(&table[i], k & 1 ? JIG_BF16 : JIG_F32, k & 2, 0);
    for (int k = 0; k < 40; k++) {
        Case c = {.M = PICK(0, 1, 2), .N = PICK(1, 2, 33, 200), .G = PICK(1, 1, 4, 8)};
        c.outer = MAX(c.M, 1) * PICK(1, 3, 20);
        c.C = c.G * PICK(1, 3, 8, 17, 64);
        norm_case(&c, check_coin() ? JIG_BF16 : JIG_F32, PICK(0, 0, 1), 0);
    }
}

/* A mean a hundred times the deviation must not spoil the variance. */
static void test_far_mean(void **state)
{
    check_seed(2);
    Tensor x = check_random(JIG_F32, SHAPE(2, 3000, 64), 1), s1 = check_like((Tensor){JIG_F32, SHAPE(2, 8, 2)}),
           s2 = check_like(s1);
    ref->affine(x, 1, 100, x);
    NormArgs a = {.outer = 2, .N = 3000, .C = 64, .G = 8, .eps = 1e-5f, .x = x, .stats = s1.data};
    ref->norm_stats(&a);
    a.stats = s2.data;
    cpu->norm_stats(&a);
    check_case("mean 100");
    for (int i = 0; i < 16; i++) assert_true(((float *)s1.data)[2 * i + 1] / ((float *)s2.data)[2 * i + 1] > 0.9999 &&
                                             ((float *)s1.data)[2 * i + 1] / ((float *)s2.data)[2 * i + 1] < 1.0001);
    check_free_all();
}

static void test_softmax(void **state)
{
    static const int64_t shapes[][3] = {{1, 1, 1},    {50, 18, 1}, {3, 4096, 18}, {2, 7, 100},
                                        {1, 1000, 1}, {5, 2, 3},   {9, 33, 1},    {1, 3000, 65}};
    check_seed(3);
    for (int i = 0; i < (int)ARRAY_LEN(shapes) * 4; i++) {
        const int64_t *s = shapes[i / 4];
        bool log = i & 1;
        Tensor x = check_random(i & 2 ? JIG_BF16 : JIG_F32, SHAPE(s[0], s[1], s[2]), 3), y = check_like(x),
               y2 = check_like(x), dy = check_random(x.type, x.shape, 1);
        check_case("softmax [%d, %d, %d] %s%s", (int)s[0], (int)s[1], (int)s[2], dtype_name(x.type), log ? " log" : "");
        ref->softmax(x, y, s[0], s[1], s[2], log);
        cpu->softmax(x, y2, s[0], s[1], s[2], log);
        check_close("y", y, y2, SUM);
        Tensor dx = check_like(x), dx2 = check_like(x);
        ref->softmax_grad(y, dy, dx, s[0], s[1], s[2], log);
        cpu->softmax_grad(y, dy, dx2, s[0], s[1], s[2], log);
        if (s[1] > 1) check_close("dx", dx, dx2, SUM);
        check_free_all();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norms), cmocka_unit_test(test_far_mean),
                                       cmocka_unit_test(test_softmax)};
    return cmocka_run_group_tests_name("kernels/norm", tests, NULL, NULL);
}
