/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: round trip, and files made to break readers.
 */
#include "tensor/tensor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/jig-safetensors-XXXXXX", path[64];

static int setup(void **state)
{
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/t.safetensors", dir);
    return 0;
}

static int teardown(void **state)
{
    unlink(path);
    return rmdir(dir);
}

static void test_round_trip(void **state)
{
    Err e = {0};
    uint16_t h[3] = {0x3f80, 0x4000, 0xc000};
    float f[6] = {1, 2, 3, 4, 5, 6};
    int64_t l[1] = {-7};
    uint8_t u[5] = {1, 2, 3, 4, 5};
    NamedTensor ts[] = {{"odd", {JIG_U8, SHAPE(5), u}},
                        {"half \"quoted\"", {JIG_BF16, SHAPE(3), h}},
                        {"f", {JIG_F32, SHAPE(2, 3), f}},
                        {"empty", {JIG_F32, SHAPE(4, 0), NULL}},
                        {"scalar", {JIG_I64, {0}, l}}};
    MetaPair meta[] = {{"format", "pt"}, {"text", "line\nä"}};
    assert_true(safetensors_write(path, ts, 5, meta, 2, &e));
    SafeTensors *st = safetensors_open(path, &e);
    if (!st) fail_msg("%s", e.text);
    assert_int_equal(safetensors_count(st), 5);
    for (int i = 0; i < 5; i++) {
        Tensor t, a = safetensors_tensor(st, i);
        assert_string_equal(safetensors_name(st, i), ts[i].name);
        assert_true(safetensors_find(st, ts[i].name, &t));
        assert_true(t.type == ts[i].t.type && shape_equal(t.shape, ts[i].t.shape) && t.data == a.data);
        assert_true((uintptr_t)t.data % dtype_size(t.type) == 0);
        if (tensor_bytes(&t)) assert_memory_equal(t.data, ts[i].t.data, tensor_bytes(&t));
    }
    assert_string_equal(safetensors_meta(st, "text"), "line\nä");
    assert_null(safetensors_meta(st, "absent"));
    assert_int_equal(safetensors_meta_count(st), 2);
    Tensor none;
    assert_false(safetensors_find(st, "absent", &none));
    safetensors_close(st);
    safetensors_close(NULL);

    assert_true(safetensors_write(path, NULL, 0, NULL, 0, &e));
    st = safetensors_open(path, &e);
    assert_true(st && safetensors_count(st) == 0);
    safetensors_close(st);
}

static void write_raw(uint64_t length, const char *header, size_t header_bytes, size_t data)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 8; i++) putc((int)(length >> (8 * i) & 255), f);
    fwrite(header, 1, header_bytes, f);
    for (size_t i = 0; i < data; i++) putc((int)(i & 127), f);
    fclose(f);
}

static SafeTensors *open_text(const char *header, size_t data, Err *e)
{
    *e = (Err){0};
    write_raw(strlen(header), header, strlen(header), data);
    return safetensors_open(path, e);
}

/* Foreign files: other order, other alignment, spaces, BOOL; all of it allowed by the format. */
static void test_foreign(void **state)
{
    Err e;
    SafeTensors *st = open_text("{\"b\":{\"shape\":[1],\"data_offsets\":[3,7],\"dtype\":\"F32\"},"
                                "\"a\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}  \n", 7, &e);
    if (!st) fail_msg("%s", e.text);
    Tensor t;
    assert_true(safetensors_find(st, "b", &t));
    assert_true((uintptr_t)t.data % 4 == 0); /* copied to an aligned place */
    assert_memory_equal(t.data, "\3\4\5\6", 4);
    assert_true(safetensors_find(st, "a", &t) && t.type == JIG_U8);
    safetensors_close(st);
}

#define T(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_hostile(void **state)
{
    static const struct { const char *header; size_t data; const char *says;
    } cases[] = {
        {"", 0, "JSON"},
        {"[]", 0, "JSON"},
        {"{", 0, "JSON"},
        {"{\"a\":}", 0, "JSON"},
        {"{}x", 0, "after"},
        {"{} {}", 0, "after"},
        {"{\"a\":1}", 0, "object"},
        {"{\"a\":{}}", 0, "dtype"},
        {"{\"a\":" T("F33", "[1]", "[0,4]") "}", 4, "F33"},
        {"{\"a\":" T("F64", "[1]", "[0,8]") "}", 8, "F64"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets"},
        {"{\"a\":" T("F32", "[1]", "[0]") "}", 4, "data_offsets"},
        {"{\"a\":" T("F32", "[1]", "[0,4,8]") "}", 4, "data_offsets"},
        {"{\"a\":" T("F32", "[-1]", "[0,4]") "}", 4, "axis"},
        {"{\"a\":" T("F32", "[1.5]", "[0,4]") "}", 4, "axis"},
        {"{\"a\":" T("F32", "[\"1\"]", "[0,4]") "}", 4, "axis"},
        {"{\"a\":" T("F32", "[1e300]", "[0,4]") "}", 4, "axis"},
        {"{\"a\":" T("F32", "[1,1,1,1,1,1,1]", "[0,4]") "}", 4, "axes"},
        {"{\"a\":" T("F32", "[1]", "[-4,0]") "}", 4, "data_offsets"},
        {"{\"a\":" T("F32", "[1]", "[0,5]") "}", 5, "take"},
        {"{\"a\":" T("F32", "[2]", "[0,4]") "}", 4, "take"},
        {"{\"a\":" T("F32", "[1]", "[4,0]") "}", 4, "outside"},
        {"{\"a\":" T("F32", "[1]", "[4,8]") "}", 4, "outside"},
        {"{\"a\":" T("F32", "[1]", "[0,9007199254740991]") "}", 4, "outside"},
        {"{\"a\":" T("F32", "[4611686018427387904]", "[0,4]") "}", 4, "axis"},
        {"{\"a\":" T("F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "take"},
        {"{\"a\":" T("F32", "[4294967296,1073741824]", "[0,0]") "}", 0, "take"},
        {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F32", "[1]", "[0,4]") "}", 4, "another tensor"},
        {"{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[1]", "[4,8]") "}", 8, "another tensor"},
        {"{\"a\":" T("F32", "[1]", "[4,8]") "}", 8, "hole"},
        {"{\"a\":" T("F32", "[1]", "[0,4]") "}", 8, "has 8"},
        {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"a\":" T("F32", "[1]", "[4,8]") "}", 8, "two tensors"},
        {"{\"__metadata__\":1}", 0, "__metadata__"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "not a text"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "two __metadata__"},
    };
    for (int i = 0; i < (int)ARRAY_LEN(cases); i++) {
        Err e;
        SafeTensors *st = open_text(cases[i].header, cases[i].data, &e);
        if (st) fail_msg("accepted: %s", cases[i].header);
        if (!strstr(e.text, cases[i].says) || !strstr(e.text, path)) fail_msg("%s: %s", cases[i].header, e.text);
    }
}

static void test_lengths(void **state)
{
    static const uint64_t lengths[] = {3, 100000001, 1u << 31, UINT64_MAX, UINT64_MAX - 7};
    for (int i = 0; i < (int)ARRAY_LEN(lengths); i++) {
        Err e = {0};
        write_raw(lengths[i], "{}", 2, 0);
        assert_null(safetensors_open(path, &e));
        assert_non_null(strstr(e.text, "header length"));
    }
    Err e = {0};
    assert_true(file_write(path, "1234567", 7, &e));
    assert_null(safetensors_open(path, &e));
    assert_true(e.text[0]);
    e = (Err){0};
    assert_null(safetensors_open("/nonexistent/x", &e));
    assert_true(e.text[0]);
}

/* Nesting beyond what a recursive parser's stack holds, a header cut at every byte, and random changes of a good file.
 */
static void test_mutations(void **state)
{
    Err e = {0};
    size_t deep = 1000000;
    char *text = mem_alloc(deep);
    memset(text, '[', deep);
    write_raw(deep, text, deep, 0);
    assert_null(safetensors_open(path, &e));
    mem_free(text);

    float f[4] = {1, 2, 3, 4};
    NamedTensor ts[] = {{"a", {JIG_F32, SHAPE(2), f}}, {"b", {JIG_F32, SHAPE(1, 2), f + 2}}};
    e = (Err){0};
    assert_true(safetensors_write(path, ts, 2, &(MetaPair){"k", "v"}, 1, &e));
    char *good;
    size_t n;
    assert_true(file_read(path, 1 << 20, &good, &n, &e));
    Rng rng = rng_make(1, 2);
    for (int i = 0; i < 3000; i++) {
        char *bad = mem_alloc(n);
        memcpy(bad, good, n);
        size_t length = i < (int)n ? (size_t)i : n;
        for (int k = 0; k < 3 && i >= (int)n; k++) bad[rng_int(&rng, 0, (int)n - 17)] = (char)rng_int(&rng, 0, 255);
        FILE *out = fopen(path, "wb");
        fwrite(bad, 1, length, out);
        fclose(out);
        SafeTensors *st = safetensors_open(path, &e);
        for (int t = 0; st && t < safetensors_count(st); t++) { /* what was accepted must be readable */
            Tensor x = safetensors_tensor(st, t);
            volatile uint8_t sum = 0;
            for (size_t b = 0; b < tensor_bytes(&x); b++) sum += ((const uint8_t *)x.data)[b];
        }
        safetensors_close(st);
        mem_free(bad);
    }
    mem_free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_foreign),
                                       cmocka_unit_test(test_hostile), cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests_name("tensor/safetensors", tests, setup, teardown);
}
