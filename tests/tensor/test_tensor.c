/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes, element types, conversions, devices.
 */
#include "tensor/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint32_t bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static void test_shapes(void **state)
{
    char buf[96];
    Shape s = SHAPE(1, 40, 32, 32, 3);
    assert_int_equal(s.n, 5);
    assert_int_equal(shape_count(s), 40 * 32 * 32 * 3);
    assert_string_equal(shape_text(s, buf), "[1, 40, 32, 32, 3]");
    assert_string_equal(shape_text((Shape){0}, buf), "[]");
    assert_int_equal(shape_count((Shape){0}), 1);
    assert_int_equal(shape_count(SHAPE(3, 0, 2)), 0);
    assert_true(shape_equal(s, SHAPE(1, 40, 32, 32, 3)) && !shape_equal(s, SHAPE(1, 40, 32, 32)) &&
                !shape_equal(s, SHAPE(1, 40, 32, 32, 4)));
    Shape big = SHAPE(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
    assert_true(strlen(shape_text(big, buf)) < 96);
    Tensor t = {JIG_BF16, s, NULL};
    assert_int_equal(tensor_bytes(&t), 2 * shape_count(s));
    assert_string_equal(dtype_name(JIG_BF16), "BF16");
    assert_int_equal(dtype_size(JIG_I64), 8);
}

/* Every bf16 comes back; between two neighbours the nearer is taken, the even one of equals. */
static void test_bf16(void **state)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = bf16_to_f32((uint16_t)h);
        if (isnan(x)) assert_true(isnan(bf16_to_f32(bf16_from_f32(x))));
        else assert_int_equal(bf16_from_f32(x), h);
    }
    assert_int_equal(bf16_from_f32(from_bits(0x3f808000)), 0x3f80); /* half way: even */
    assert_int_equal(bf16_from_f32(from_bits(0x3f818000)), 0x3f82);
    assert_int_equal(bf16_from_f32(from_bits(0x3f808001)), 0x3f81);
    assert_int_equal(bf16_from_f32(from_bits(0x3f807fff)), 0x3f80);
    assert_int_equal(bf16_from_f32(3.4e38f), 0x7f80);
    assert_true(isnan(bf16_to_f32(bf16_from_f32(from_bits(0x7fffffff)))) &&
                isnan(bf16_to_f32(bf16_from_f32(from_bits(0x7f800001)))));
}

static void test_f16(void **state)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = f16_to_f32((uint16_t)h);
        int exponent = h >> 10 & 31;
        double e = exponent == 0 ? ldexp(h & 1023, -24) : ldexp(1024 + (h & 1023), exponent - 25);
        if (exponent == 31) assert_true(h & 1023 ? isnan(x) : isinf(x));
        else assert_true(x == (h & 0x8000 ? -e : e));
        if (isnan(x)) assert_true(isnan(f16_to_f32(f16_from_f32(x))));
        else assert_int_equal(f16_from_f32(x), h);
    }
    assert_int_equal(f16_from_f32(65504), 0x7bff);
    assert_int_equal(f16_from_f32(65519.996f), 0x7bff);
    assert_int_equal(f16_from_f32(65520), 0x7c00);
    assert_int_equal(f16_from_f32(0x1p-25f), 0);                   /* half way to the smallest: even */
    assert_int_equal(f16_from_f32(from_bits(bits(0x1p-25f) + 1)), 1);
    assert_int_equal(f16_from_f32(1 + 0x1p-11f), 0x3c00);
    assert_int_equal(f16_from_f32(1 + 3 * 0x1p-11f), 0x3c02);
}

static void test_convert(void **state)
{
    float f[] = {1.5f, -2.7f, 300, NAN, -INFINITY};
    int32_t i[5];
    uint8_t u[5];
    int64_t l[] = {5, -6, INT64_MAX}, back[5];
    tensor_convert(JIG_I32, i, JIG_F32, f, 5);
    assert_true(i[0] == 1 && i[1] == -2 && i[2] == 300 && i[3] == 0 && i[4] == INT32_MIN);
    tensor_convert(JIG_U8, u, JIG_F32, f, 5);
    assert_true(u[0] == 1 && u[1] == 0 && u[2] == 255 && u[3] == 0);
    tensor_convert(JIG_I32, i, JIG_I64, l, 3);
    assert_true(i[0] == 5 && i[1] == -6 && i[2] == INT32_MAX);
    tensor_convert(JIG_I64, back, JIG_F32, (float[]){1e30f, -1e30f}, 2);
    assert_true(back[0] == INT64_MAX && back[1] == INT64_MIN);
    char raw[41]; /* misaligned on purpose: mapped files may be */
    for (int n = 0; n < 10; n++) {
        float x = (float)n - 3.25f;
        uint16_t h = bf16_from_f32(x);
        memcpy(raw + 1 + 2 * n, &h, 2);
    }
    float out[10];
    tensor_convert(JIG_F32, out, JIG_BF16, raw + 1, 10);
    for (int n = 0; n < 10; n++) assert_true(out[n] == (float)n - 3.25f);
    tensor_convert(JIG_F16, raw + 1, JIG_F32, out, 10);
    tensor_convert(JIG_BF16, raw + 21, JIG_F16, raw + 1, 10);
    tensor_convert(JIG_F32, out, JIG_BF16, raw + 21, 10);
    for (int n = 0; n < 10; n++) assert_true(out[n] == (float)n - 3.25f);
}

static void test_devices(void **state)
{
    Err e = {0};
    const Device *ref = device_open("ref", &e), *best = device_open("auto", &e);
    assert_true(ref && best && ref->fast == JIG_F32 && ref->k->conv && best->k->conv);
    void *p = best->alloc(100);
    char text[100];
    best->upload(p, "hello", 6);
    best->sync();
    best->download(text, p, 6);
    assert_string_equal(text, "hello");
    best->release(p);
    assert_null(best->alloc(SIZE_MAX / 2));
    assert_null(device_open("abacus", &e));
    assert_non_null(strstr(e.text, "abacus"));
    assert_non_null(strstr(e.text, "ref"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_bf16),
                                       cmocka_unit_test(test_f16), cmocka_unit_test(test_convert),
                                       cmocka_unit_test(test_devices)};
    return cmocka_run_group_tests_name("tensor/tensor", tests, NULL, NULL);
}
