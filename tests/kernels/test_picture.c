/* SPDX-License-Identifier: Apache-2.0
 *
 * Resizing, pooling, warping and their gradients: cpu against ref; and bit-identical repeats with other numbers of
 * threads.
 */
#include "kernel_check.h"

#include <math.h>
#include <string.h>

static DType any_type(void)
{
    return check_coin() ? JIG_F32 : JIG_BF16;
}

static void test_resize(void **state)
{
    check_seed(1);
    for (int i = 0; i < 120; i++) {
        Shape s = SHAPE(PICK(1, 2), PICK(1, 2, 7, 32), PICK(1, 3, 16, 33), PICK(1, 3, 17, 64)), d = s;
        d.d[1] = PICK(1, 2, 5, 14, 64);
        d.d[2] = PICK(1, 3, 11, 32, 66);
        Resize mode = (Resize)(i % 3);
        bool align = check_coin();
        Tensor x = check_random(any_type(), s, 1), y = check_like((Tensor){x.type, d}), y2 = check_like(y);
        char s1[96], s2[96];
        check_case("resize %d %s to %s %s%s", mode, shape_text(s, s1), shape_text(d, s2), dtype_name(x.type),
                   align ? " align" : "");
        ref->resize(x, y, mode, align);
        cpu->resize(x, y2, mode, align);
        check_close("y", y, y2, SUM);
        Tensor dy = check_random(x.type, d, 1), dx = check_like(x), dx2 = check_like(x);
        ref->resize_grad(dy, dx, mode, align);
        cpu->resize_grad(dy, dx2, mode, align);
        check_close("dx", dx, dx2, SUM);
        check_free_all();
    }
}

static void test_pool(void **state)
{
    check_seed(2);
    for (int i = 0; i < 100; i++) {
        Shape s = SHAPE(PICK(1, 3), PICK(2, 7, 32), PICK(3, 16, 33), PICK(1, 3, 17, 64)), d = s;
        int size = (int)PICK(1, 2, 3), stride = (int)PICK(1, 2, 3), pad = size > 1 ? (int)PICK(0, 1) : 0;
        bool max = check_coin();
        for (int k = 1; k < 3; k++) d.d[k] = (s.d[k] + 2 * pad - size) / stride + 1;
        Tensor x = check_random(any_type(), s, 1), y = check_like((Tensor){x.type, d}), y2 = check_like(y);
        char s1[96];
        check_case("%s pool %d stride %d pad %d of %s %s", max ? "max" : "mean", size, stride, pad, shape_text(s, s1),
                   dtype_name(x.type));
        ref->pool(x, y, size, stride, pad, max);
        cpu->pool(x, y2, size, stride, pad, max);
        check_close("y", y, y2, max ? EXACT : SUM);
        Tensor dy = check_random(x.type, d, 1), dx = check_like(x), dx2 = check_like(x);
        ref->pool_grad(x, dy, dx, size, stride, pad, max);
        cpu->pool_grad(x, dy, dx2, size, stride, pad, max);
        check_close("dx", dx, dx2, SUM);
        check_free_all();
    }
}

static WarpArgs warp_arguments(Shape s, Shape d, DType t)
{
    WarpArgs a = {.edge = (WarpEdge)PICK(0, 1, 2), .align = check_coin(), .pixels = check_coin()};
    a.x = check_random(t, s, 1);
    a.grid = check_random(JIG_F32, SHAPE(d.d[0], d.d[1], d.d[2], 2), a.pixels ? 8 : 0.8f); /* many points lie outside */
    ((float *)a.grid.data)[0] = NAN;
    if (shape_count(a.grid.shape) > 2 && a.edge != WARP_REFLECT)
        ((float *)a.grid.data)[2] = 1e20f; /* reflected, it could be anywhere */
    a.y = check_like((Tensor){t, d});
    return a;
}

static void test_warp(void **state)
{
    check_seed(3);
    for (int i = 0; i < 120; i++) {
        int64_t B = PICK(1, 2, 3), C = PICK(1, 3, 17, 64);
        Shape s = SHAPE(B, PICK(1, 2, 13, 32), PICK(1, 5, 16), C), d = SHAPE(B, PICK(1, 9, 32), PICK(1, 3, 31), C);
        WarpArgs a = warp_arguments(s, d, any_type());
        char s1[96], s2[96];
        check_case("warp %s to %s %s edge %d%s%s", shape_text(s, s1), shape_text(d, s2), dtype_name(a.x.type), a.edge,
                   a.align ? " align" : "", a.pixels ? " pixels" : "");
        ref->warp(&a);
        Tensor e = a.y, dy = check_random(a.y.type, d, 1);
        a.y = check_like(a.y);
        cpu->warp(&a);
        check_close("y", e, a.y, SUM);
        a.dy = dy.data;
        a.dx = e = check_like(a.x);
        ref->warp_grad_x(&a);
        a.dx = check_like(a.x);
        cpu->warp_grad_x(&a);
        check_close("dx", e, a.dx, SUM);
        a.dgrid = e = check_like(a.grid);
        ref->warp_grad_grid(&a);
        a.dgrid = check_like(a.grid);
        cpu->warp_grad_grid(&a);
        check_close("dgrid", e, a.dgrid, SUM);
        check_free_all();
    }
}

/* What is summed by several threads must not depend on how many there are. */
static void test_threads(void **state)
{
    Tensor out[3][6];
    for (int n = 0; n < 3; n++) {
        check_seed(4);
        threads_set(n + 1);
        Shape s = SHAPE(1, 40, 50, 24);
        Tensor x = check_random(JIG_F32, s, 1), dy = check_random(JIG_F32, s, 1),
               grid = check_random(JIG_F32, SHAPE(1, 40, 50, 2), 0.7f);
        WarpArgs w = {.x = x, .grid = grid, .y = x, .dy = dy.data, .dx = out[n][0] = check_like(x)};
        cpu->warp_grad_x(&w);
        cpu->reduce(RED_SUM, x, out[n][1] = check_like((Tensor){JIG_F32, SHAPE(1, 1, 1, 24)}));
        cpu->reduce(RED_SUM, x, out[n][2] = check_like((Tensor){JIG_F32, SHAPE(1, 1, 1, 1)}));
        Tensor stats = check_like((Tensor){JIG_F32, SHAPE(1, 4, 2)}),
               sums = check_like((Tensor){JIG_F32, SHAPE(1, 24, 2)});
        NormArgs a = {.outer = 1,
                      .N = 2000,
                      .C = 24,
                      .G = 4,
                      .eps = 1e-5f,
                      .x = x,
                      .stats = stats.data,
                      .dy = dy.data,
                      .sums = sums.data};
        cpu->norm_stats(&a);
        cpu->norm_grad_params(&a);
        out[n][3] = stats;
        out[n][4] = sums;
        out[n][5] = check_like(x);
        cpu->resize_grad(dy, out[n][5], RESIZE_BICUBIC, false);
    }
    threads_set(0);
    for (int n = 1; n < 3; n++)
        for (int k = 0; k < 6; k++) assert_memory_equal(out[0][k].data, out[n][k].data, tensor_bytes(&out[0][k]));
    check_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resize), cmocka_unit_test(test_pool),
                                       cmocka_unit_test(test_warp), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests_name("kernels/picture", tests, NULL, NULL);
}
