/* SPDX-License-Identifier: Apache-2.0
 *
 * Products: cpu against ref, with all ways of lying in memory that graphs make.
 */
#include "kernel_check.h"

#include <string.h>

typedef struct Case {
    int64_t b0, b1, m, n, k;
    bool ta, tb;        /* A or B stored transposed */
    bool share_a, share_b, heads; /* one A or B for all batches; heads: batch 1 lies between rows and columns */
} Case;

static const Case table[] = {
    {1, 1, 1, 1, 1},
    {1, 1, 150, 256, 64, .tb = true},
    {1, 1, 130, 300, 128, .tb = true},
    {1, 1, 128, 260, 150, .ta = true},
    {1, 1, 1, 512, 256, .tb = true},
    {1, 1, 129, 1, 300},
    {1, 1, 1, 300, 1},
    {1, 1, 127, 65, 33, .ta = true, .tb = true},
    {4, 8, 40, 40, 32, .tb = true, .heads = true},
    {2, 3, 17, 5, 64, .share_b = true},
    {8, 1, 70, 96, 64, .share_b = true, .tb = true},
    {1, 3, 96, 128, 65, .share_a = true},
    {40, 17, 3, 3, 3},
    {3, 1, 100, 100, 80},
    {3, 2, 90, 130, 70, .ta = true},
    {2, 4, 100, 100, 64, .tb = true, .heads = true},
    {1, 1, 500, 3, 512, .tb = true},
};

/* A [rows, cols] matrix in batches b0, b1; strides of the logical matrix come back in s. */
static Tensor matrix(DType t, const Case *c, int64_t rows, int64_t cols, bool turned, bool share, float scale,
                     int64_t *s)
{
    int64_t r = turned ? cols : rows, l = turned ? rows : cols, b0 = share ? 1 : c->b0, b1 = share ? 1 : c->b1;
    bool heads = c->heads && !share;
    int64_t row = heads ? b1 * l : l, col = 1;
    s[0] = share ? 0 : b1 * r * l;
    s[1] = share ? 0 : heads ? l : r * l;
    s[2] = turned ? col : row;
    s[3] = turned ? row : col;
    return check_random(t, SHAPE(b0, b1, r, l), scale);
}

static void one(const Case *c, const char *name, int i)
{
    static const DType types[][3] = {{JIG_F32, JIG_F32, JIG_F32},
                                     {JIG_BF16, JIG_BF16, JIG_BF16},
                                     {JIG_BF16, JIG_BF16, JIG_F32},
                                     {JIG_BF16, JIG_F32, JIG_BF16},
                                     {JIG_F32, JIG_BF16, JIG_F32}};
    for (int t = 0; t < (int)ARRAY_LEN(types); t++)
        for (int weight = 0; weight < 2; weight++) {
            MatmulArgs a = {.batch = {c->b0, c->b1},
                            .m = c->m,
                            .n = c->n,
                            .k = c->k,
                            .ta = types[t][0],
                            .tb = types[t][1],
                            .ty = types[t][2],
                            .b_is_weight = weight && (c->share_b || c->b0 * c->b1 == 1),
                            .alpha = check_coin() ? 1 : 0.37f,
                            .accumulate = PICK(0, 0, 1)};
            check_case("%s %d: %dx%d x %dx%dx%d %s %s %s%s", name, i, (int)c->b0, (int)c->b1, (int)c->m, (int)c->n,
                       (int)c->k, dtype_name(a.ta), dtype_name(a.tb), dtype_name(a.ty), a.b_is_weight ? " weight" : "");
            Tensor A = matrix(a.ta, c, c->m, c->k, c->ta, c->share_a, 1, a.sa),
                   B = matrix(a.tb, c, c->k, c->n, c->tb, c->share_b, 1, a.sb);
            Tensor y0 = matrix(a.ty, c, c->m, c->n, false, false, 1, a.sy), y1 = check_copy(y0), y2 = {0},
                   start = check_copy(y0);
            Tensor r = check_random(a.ty, y0.shape, 1), bias = check_random(JIG_F32, SHAPE(c->n), 1);
            KernelState state = {.constant_weights = check_coin()};
            a.a = A.data;
            a.b = B.data;
            if (!a.accumulate) {
                if (check_coin()) a.bias = bias.data;
                if (check_coin()) a.r = r.data;
                a.act =
                    (Act)PICK(ACT_NONE, ACT_SILU, ACT_GELU_ERF, ACT_RELU, ACT_GELU_TANH, ACT_QUICK_GELU, ACT_SQUARE);
            }
            a.y = y0.data;
            ref->matmul(&a);
            a.y = y1.data;
            cpu->matmul(&a);
            check_close("y", y0, y1, a.ta == JIG_BF16 ? ROUNDED : SUM);
            a.state = &state;
            for (int call = 0; call < 2; call++) { /* the second meets what the first prepared */
                Tensor y = check_copy(start);
                a.y = y.data;
                cpu->matmul(&a);
                if (call == 0) check_close("y with a state", y0, y, a.ta == JIG_BF16 ? ROUNDED : SUM);
                else check_close("y again", y2, y, EXACT);
                y2 = y;
            }
            if (state.destroy) state.destroy(state.data);
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
    for (int i = 0; i < 30; i++) {
        Case c = {PICK(1, 1, 2, 5),
                  PICK(1, 3),
                  PICK(1, 2, 7, 31, 64, 100),
                  PICK(1, 3, 16, 33, 96),
                  PICK(1, 4, 17, 64, 129),
                  check_coin(),
                  check_coin(),
                  PICK(0, 0, 1),
                  PICK(0, 0, 1),
                  check_coin()};
        one(&c, "random", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_random)};
    return cmocka_run_group_tests_name("kernels/matmul", tests, NULL, NULL);
}
