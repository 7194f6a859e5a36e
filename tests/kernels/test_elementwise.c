/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementwise maps, broadcasting pairs, reductions, permutations, boxes, padding, optimizer: cpu against ref.
 */
#include "kernel_check.h"

#include <math.h>
#include <string.h>

static DType any_type(void)
{
    return check_coin() ? JIG_F32 : JIG_BF16;
}

static Shape any_shape(int rank)
{
    Shape s = {.n = rank};
    for (int i = 0; i < rank; i++) s.d[i] = PICK(1, 2, 3, 5, 17);
    return s;
}

static void test_unary(void **state)
{
    static const int64_t sizes[] = {1, 15, 1024, 5003, 70001};
    check_seed(1);
    for (int f = 0; f < ACT_COUNT; f++)
        for (int i = 0; i < 10; i++) {
            Tensor x = check_random(i & 1 ? JIG_BF16 : JIG_F32, SHAPE(sizes[i / 2]), 4), y = check_like(x),
                   y2 = check_like(x);
            Tensor dy = check_random(x.type, x.shape, 1), dx = check_like(x), dx2 = check_copy(dy);
            check_case("act %d of %d %s", f, (int)sizes[i / 2], dtype_name(x.type));
            if (f == ACT_LOG || f == ACT_SQRT || f == ACT_RSQRT) {
                ref->unary(ACT_ABS, x, x);
                ref->affine(x, 1, 0.25f, x);
            }
            ref->unary((Act)f, x, y);
            cpu->unary((Act)f, x, y2);
            check_close("y", y, y2, ELEMENT);
            ref->unary_grad((Act)f, x, dy, dx);
            cpu->unary_grad((Act)f, x, dx2, dx2); /* in place */
            check_close("dx", dx, dx2, ELEMENT);
            cpu->unary((Act)f, x, x);
            check_close("in place", y2, x, EXACT);
            check_free_all();
        }
}

/* Far arguments must not give NaN. */
static void test_extremes(void **state)
{
    static const Act acts[] = {ACT_SILU,    ACT_GELU_ERF, ACT_GELU_TANH, ACT_QUICK_GELU,
                               ACT_SIGMOID, ACT_TANH,     ACT_SOFTPLUS};
    check_seed(2);
    Tensor x = check_random(JIG_F32, SHAPE(8), 1), y = check_like(x), y2 = check_like(x);
    memcpy(x.data, (float[]){-1e4f, 1e4f, -88, 88, -0.0f, 1e-30f, -1e-30f, -104}, 32);
    for (int i = 0; i < (int)ARRAY_LEN(acts); i++) {
        check_case("extremes of act %d", acts[i]);
        ref->unary(acts[i], x, y);
        cpu->unary(acts[i], x, y2);
        for (int k = 0; k < 8; k++)
            if (!(fabsf(((float *)y.data)[k] - ((float *)y2.data)[k]) <= 1e-6f * (1 + fabsf(((float *)y.data)[k]))))
                fail_msg("act %d of %g: %g, not %g", acts[i], ((float *)x.data)[k], ((float *)y2.data)[k],
                         ((float *)y.data)[k]);
    }
    memcpy(x.data, (float[]){NAN, INFINITY, -INFINITY, 100, -100, 0, 88.7f, -80}, 32);
    cpu->unary(ACT_EXP, x, y);
    const float *e = y.data;
    assert_true(isnan(e[0]) && isinf(e[1]) && e[2] == 0 && isinf(e[3]) && e[4] == 0 && e[5] == 1 && e[6] < INFINITY &&
                e[7] > 0);
    check_free_all();
}

static void test_maps(void **state)
{
    check_seed(3);
    for (int i = 0; i < 40; i++) {
        Shape s = SHAPE(PICK(1, 3, 1000, 40001));
        Tensor x = check_random(any_type(), s, 1), y = check_like(check_random(any_type(), s, 1)), y2 = check_like(y);
        check_case("maps of %d, %s to %s", (int)s.d[0], dtype_name(x.type), dtype_name(y.type));
        ref->affine(x, -1.7f, 0.3f, y);
        cpu->affine(x, -1.7f, 0.3f, y2);
        check_close("affine", y, y2, ELEMENT);
        ref->cast(x, y);
        cpu->cast(x, y2);
        check_close("cast", y, y2, EXACT);
        ref->fill(y, 0.1f);
        cpu->fill(y2, 0.1f);
        check_close("fill", y, y2, EXACT);
        ref->normal(y, 5, 6, 7);
        cpu->normal(y2, 5, 6, 7);
        check_close("normal", y, y2, EXACT);
        check_free_all();
    }
}

static void test_binary(void **state)
{
    check_seed(4);
    for (int i = 0; i < 250; i++) {
        Shape y = any_shape((int)PICK(1, 2, 3, 4, 5, 6)), a = y, b = y;
        if (i % 10 == 0) y = a = b = SHAPE(3, 40, 2000);
        for (int k = 0; k < y.n; k++) {
            if (PICK(0, 0, 1)) a.d[k] = 1;
            else if (PICK(0, 0, 1)) b.d[k] = 1;
        }
        for (int k = 0; k < y.n; k++) y.d[k] = MAX(a.d[k], b.d[k]);
        char s1[96], s2[96];
        Tensor ta = check_random(any_type(), a, 1), tb = check_random(any_type(), b, 1),
               ty = check_like(check_random(any_type(), y, 1)), ty2 = check_like(ty);
        Binary f = (Binary)(i % BIN_COUNT);
        check_case("binary %d of %s %s and %s %s", f, dtype_name(ta.type), shape_text(a, s1), dtype_name(tb.type),
                   shape_text(b, s2));
        ref->binary(f, ta, tb, ty);
        cpu->binary(f, ta, tb, ty2);
        check_close("y", ty, ty2, ELEMENT);
        if (shape_equal(a, y) && ta.type == ty.type) {
            cpu->binary(f, ta, tb, ta);
            check_close("in place", ty2, ta, EXACT);
        }
        check_free_all();
    }
}

static void reduce_case(Shape x, Shape y)
{
    char s1[96], s2[96];
    Tensor tx = check_random(any_type(), x, 1), ty = check_like(check_random(any_type(), y, 1)), ty2 = check_like(ty);
    for (int f = RED_SUM; f <= RED_MAX; f++) {
        check_case("reduce %d of %s %s to %s", f, dtype_name(tx.type), shape_text(x, s1), shape_text(y, s2));
        ref->reduce((Reduce)f, tx, ty);
        cpu->reduce((Reduce)f, tx, ty2);
        check_close("y", ty, ty2, f == RED_MAX ? ELEMENT : SUM);
    }
    check_free_all();
}

static void test_reduce(void **state)
{
    check_seed(5);
    for (int i = 0; i < 150; i++) {
        Shape x = any_shape((int)PICK(1, 2, 3, 4, 5, 6)), y = x;
        for (int k = 0; k < x.n; k++)
            if (check_coin()) y.d[k] = 1;
        reduce_case(x, y);
    }
    reduce_case(SHAPE(100003), SHAPE(1));
    reduce_case(SHAPE(9000, 3), SHAPE(1, 3));
    reduce_case(SHAPE(4096, 64), SHAPE(1, 64));
    reduce_case(SHAPE(70, 3000), SHAPE(70, 1));
    reduce_case(SHAPE(3, 2000, 65), SHAPE(3, 1, 65));
    reduce_case(SHAPE(2, 1100, 1, 40), SHAPE(2, 1, 1, 1));
    for (int i = 0; i < 6; i++) {
        Tensor x = check_random(JIG_F32, SHAPE(PICK(1, 17, 16384, 100001)), 1);
        double e = ref->sum_squares(x.shape.d[0], x.data), g = cpu->sum_squares(x.shape.d[0], x.data);
        assert_true(fabs(e - g) <= 1e-12 * e);
        check_free_all();
    }
}

static void test_permute(void **state)
{
    static const DType types[] = {JIG_F32, JIG_BF16, JIG_I64, JIG_U8};
    check_seed(6);
    for (int i = 0; i < 200; i++) {
        Tensor x = check_random(JIG_F32, any_shape((int)PICK(1, 2, 3, 4, 5, 6)), 1), y;
        if (i % 9 == 0) x = check_random(JIG_F32, SHAPE(3, 70, 129), 1);
        int n = x.shape.n, axes[SHAPE_MAX];
        Tensor bytes = check_random(JIG_F32, SHAPE(shape_count(x.shape) * 2), 1);
        x.type = types[i % 4];
        x.data = bytes.data;
        for (int k = 0; k < n; k++) axes[k] = k;
        for (int k = n - 1; k > 0; k--) { /* shuffle */
            int j = (int)PICK(0, 1, 2, 3, 4, 5) % (k + 1), t = axes[k];
            axes[k] = axes[j];
            axes[j] = t;
        }
        y = x;
        for (int k = 0; k < n; k++) y.shape.d[k] = x.shape.d[axes[k]];
        Tensor y1 = check_like(y), y2 = check_like(y);
        ref->permute(x, axes, y1);
        cpu->permute(x, axes, y2);
        assert_memory_equal(y1.data, y2.data, tensor_bytes(&y1));
        check_free_all();
    }
}

static void test_boxes(void **state)
{
    check_seed(7);
    for (int i = 0; i < 200; i++) {
        Shape x = any_shape((int)PICK(1, 2, 3, 4, 5, 6)), y = x;
        if (i % 9 == 0) x = y = SHAPE(2, 40, 1500);
        int64_t at_x[SHAPE_MAX], at_y[SHAPE_MAX], box[SHAPE_MAX];
        for (int k = 0; k < x.n; k++) {
            int64_t change = PICK(-1, 0, 2), less = PICK(0, 0, 1);
            if (check_coin()) y.d[k] = MAX(1, y.d[k] + change);
            box[k] = MAX(1, MIN(x.d[k], y.d[k]) - less);
            at_x[k] = check_coin() ? x.d[k] - box[k] : 0;
            at_y[k] = check_coin() ? y.d[k] - box[k] : 0;
        }
        Tensor tx = check_random(any_type(), x, 1), ty = check_random(tx.type, y, 1), ty2 = check_copy(ty);
        bool add = check_coin();
        char s1[96], s2[96];
        check_case("box %s to %s%s", shape_text(x, s1), shape_text(y, s2), add ? " add" : "");
        ref->copy_box(tx, at_x, ty, at_y, box, add);
        cpu->copy_box(tx, at_x, ty2, at_y, box, add);
        check_close("y", ty, ty2, add ? ELEMENT : EXACT);
        check_free_all();
    }
}

static void test_pad(void **state)
{
    check_seed(8);
    for (int i = 0; i < 150; i++) {
        Shape x = any_shape((int)PICK(1, 2, 3, 4, 5)), y = x;
        if (i % 20 == 0) x = y = SHAPE(2, 30, 30, 40);
        int64_t lo[SHAPE_MAX] = {0};
        for (int k = 0; k < x.n; k++)
            if (check_coin()) {
                lo[k] = PICK(0, 1, 2);
                y.d[k] += lo[k] + PICK(0, 1, 3);
            }
        Pad mode = (Pad)(i % 3);
        Tensor tx = check_random(any_type(), x, 1), ty = check_like((Tensor){tx.type, y}), ty2 = check_like(ty);
        char s1[96], s2[96];
        check_case("pad %d %s to %s", mode, shape_text(x, s1), shape_text(y, s2));
        ref->pad(tx, ty, lo, mode);
        cpu->pad(tx, ty2, lo, mode);
        check_close("y", ty, ty2, EXACT);
        Tensor dy = check_random(tx.type, y, 1), dx = check_like(tx), dx2 = check_like(tx);
        ref->pad_grad(dy, dx, lo, mode);
        cpu->pad_grad(dy, dx2, lo, mode);
        check_close("dx", dx, dx2, SUM);
        check_free_all();
    }
}

static void test_embedding(void **state)
{
    check_seed(9);
    for (int i = 0; i < 16; i++) {
        int64_t V = PICK(1, 7, 300), D = PICK(1, 8, 200, 1500), n = PICK(1, 40);
        Tensor table = check_random(any_type(), SHAPE(V, D), 1), ids = {JIG_I32, SHAPE(2, n)},
               y = check_like(check_random(any_type(), SHAPE(2, n, D), 1)), y2 = check_like(y);
        ids = check_like(ids);
        for (int64_t k = 0; k < 2 * n; k++) ((int32_t *)ids.data)[k] = (int32_t)(PICK(0, 1, 5, 299, 77) % V);
        check_case("embedding [%d, %d]", (int)V, (int)D);
        ref->embedding(table, ids, y);
        cpu->embedding(table, ids, y2);
        check_close("y", y, y2, EXACT);
        Tensor dy = check_random(y.type, y.shape, 1), dt = check_like((Tensor){JIG_F32, table.shape}),
               dt2 = check_like(dt);
        ref->embedding_grad(ids, dy, dt);
        cpu->embedding_grad(ids, dy, dt2);
        check_close("dtable", dt, dt2, SUM);
        check_free_all();
    }
}

static void test_optimizer(void **state)
{
    check_seed(10);
    for (int i = 0; i < 6; i++) {
        Shape s = SHAPE(PICK(1, 33, 50001));
        Tensor w[2], m[2], v[2], e[2], g = check_random(JIG_F32, s, 1);
        w[0] = check_random(JIG_F32, s, 1), m[0] = check_random(JIG_F32, s, 0.1f),
        v[0] = check_random(JIG_F32, s, 0.1f), e[0] = check_random(JIG_F32, s, 1);
        ref->unary(ACT_SQUARE, v[0], v[0]);
        w[1] = check_copy(w[0]), m[1] = check_copy(m[0]), v[1] = check_copy(v[0]), e[1] = check_copy(e[0]);
        for (int k = 0; k < 2; k++) {
            AdamArgs a = {s.d[0], w[k].data, m[k].data, v[k].data, g.data, 1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 0.5f, 3};
            (k ? cpu : ref)->adamw(&a);
            (k ? cpu : ref)->ema(s.d[0], e[k].data, w[k].data, 0.995f);
        }
        check_case("optimizer of %d", (int)s.d[0]);
        check_close("w", w[0], w[1], ELEMENT);
        check_close("m", m[0], m[1], ELEMENT);
        check_close("v", v[0], v[1], ELEMENT);
        check_close("ema", e[0], e[1], ELEMENT);
        check_free_all();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),     cmocka_unit_test(test_extremes), cmocka_unit_test(test_maps),
        cmocka_unit_test(test_binary),    cmocka_unit_test(test_reduce),   cmocka_unit_test(test_permute),
        cmocka_unit_test(test_boxes),     cmocka_unit_test(test_pad),      cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_optimizer),
    };
    return cmocka_run_group_tests_name("kernels/elementwise", tests, NULL, NULL);
}
