/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of torch.save: real ones in both formats (tools/fixtures/torch_files.py), and hostile ones: classes to be run,
 * windows outside their storages, containers in themselves, sizes that lie, files cut and damaged at every byte.
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

#include "tensor/tensor.h"

static char path[64];

static int make_path(void **state)
{
    snprintf(path, sizeof path, "/tmp/jig-torch-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? 1 : close(fd);
}

static int remove_path(void **state)
{
    return unlink(path);
}

static const char *fixture(const char *name)
{
    static char full[1024];
    const char *root = getenv("JIG_SOURCE_ROOT");
    snprintf(full, sizeof full, "%s/tests/tensor/fixtures/%s", root ? root : ".", name);
    return full;
}

/* ---- real files -------------------------------------------------------------------------------------------------- */

static double element(const Tensor *t, int64_t k)
{
    float f;
    int32_t i;
    int64_t l;
    const char *p = (const char *)t->data + (size_t)k * dtype_size(t->type);
    switch (t->type) {
    case JIG_F32: memcpy(&f, p, 4); return f;
    case JIG_BF16: return bf16_to_f32(*(const uint16_t *)p);
    case JIG_F16: return f16_to_f32(*(const uint16_t *)p);
    case JIG_I32: memcpy(&i, p, 4); return i;
    case JIG_I64: memcpy(&l, p, 8); return (double)l;
    default: return *(const uint8_t *)p;
    }
}

/* Element k of number i: (k - 3) / 2 + i; whole numbers are cut towards 0. */
static void check_plain(const SafeTensors *st, const char *name, DType type, Shape s, int i)
{
    Tensor t;
    if (!safetensors_find(st, name, &t)) fail_msg("%s is missing", name);
    assert_int_equal(t.type, type);
    assert_true(shape_equal(t.shape, s));
    assert_int_equal((uintptr_t)t.data % dtype_size(t.type), 0);
    for (int64_t k = 0; k < shape_count(s); k++) {
        double want = ((double)k - 3) / 2 + i;
        assert_float_equal(element(&t, k), type == JIG_I32 || type == JIG_I64 ? trunc(want) : want, 0);
    }
}

static void test_real(void **state)
{
    static const char *const files[] = {"torch_zip.pt", "torch_stream.pt"};
    for (int f = 0; f < 2; f++) {
        Err e = {0};
        assert_true(weights_is(fixture(files[f])));
        SafeTensors *st = weights_open(fixture(files[f]), &e);
        if (!st) fail_msg("%s", e.text);
        assert_int_equal(safetensors_count(st), 20);
        check_plain(st, "state_dict.module.f32", JIG_F32, SHAPE(2, 3), 0);
        check_plain(st, "state_dict.module.f64", JIG_F32, SHAPE(5), 1);
        check_plain(st, "state_dict.module.f16", JIG_F16, SHAPE(4), 2);
        check_plain(st, "state_dict.module.bf16", JIG_BF16, SHAPE(4), 3);
        check_plain(st, "state_dict.module.i64", JIG_I64, SHAPE(3), 4);
        check_plain(st, "state_dict.module.i32", JIG_I32, SHAPE(3), 5);
        check_plain(st, "state_dict.module.i16", JIG_I32, SHAPE(3), 6);
        check_plain(st, "state_dict.module.i8", JIG_I32, SHAPE(3), 7);
        check_plain(st, "state_dict.module.whole", JIG_F32, SHAPE(10), 10);
        check_plain(st, "state_dict.module.parameter", JIG_F32, SHAPE(2, 2), 12);
        check_plain(st, "optimizer.state.0.exp_avg", JIG_F32, SHAPE(2), 1);
        check_plain(st, "history.1.0", JIG_F32, SHAPE(2), 3);
        Tensor t;
        assert_true(safetensors_find(st, "state_dict.module.turned", &t) && shape_equal(t.shape, SHAPE(4, 3)));
        for (int k = 0; k < 12; k++) assert_float_equal(element(&t, k), (k % 3 * 4 + k / 3 - 3) / 2.0 + 9, 0);
        assert_true(safetensors_find(st, "state_dict.module.part", &t) && shape_equal(t.shape, SHAPE(2)));
        assert_float_equal(element(&t, 1), (5 - 3) / 2.0 + 10, 0);
        assert_true(safetensors_find(st, "state_dict.module.spread", &t) && element(&t, 11) == 2.5);
        assert_true(safetensors_find(st, "state_dict.module.scalar", &t) && t.shape.n == 0 && element(&t, 0) == 13.5);
        assert_true(safetensors_find(st, "state_dict.module.empty", &t) && shape_equal(t.shape, SHAPE(0, 3)));
        assert_true(safetensors_find(st, "state_dict.module.bool", &t) && element(&t, 1) == 0 && element(&t, 2) == 1);
        assert_string_equal(safetensors_meta(st, "epoch"), "15");
        assert_string_equal(safetensors_meta(st, "name"), "tiny");
        assert_string_equal(safetensors_meta(st, "negative"), "-7");
        assert_string_equal(safetensors_meta(st, "big"), "1099511627776");
        safetensors_close(st);
    }
}

/* ---- files made here --------------------------------------------------------------------------------------------- */

/* Not file_write, which waits for the disk; a new file, because cutting an old one does, too. */
static void put(const char *data, size_t n)
{
    unlink(path);
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

static void little(Text *t, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) text_add_bytes(t, &(uint8_t){(uint8_t)(i < 8 ? v >> (8 * i) : 0)}, 1);
}

/* A zip archive "a" with data.pkl and one storage "0" of 16 bytes. method: 0 as PyTorch writes. */
static void write_zip(const void *pickle, size_t n, int method, uint32_t lie)
{
    Text z = {0}, directory = {0};
    const char *names[] = {"a/data.pkl", "a/data/0"};
    static const float storage[4] = {1, 2, 3, 4};
    const void *bytes[] = {pickle, storage};
    size_t sizes[] = {n, sizeof storage};
    for (int i = 0; i < 2; i++) {
        size_t at = z.len, length = strlen(names[i]);
        text_add_bytes(&z, "PK\3\4\24\0\0\0", 8);
        little(&z, (uint64_t)method, 2);
        little(&z, 0, 8);
        little(&z, sizes[i], 4);
        little(&z, sizes[i], 4);
        little(&z, length, 2);
        little(&z, 0, 2);
        text_add_bytes(&z, names[i], length);
        text_add_bytes(&z, bytes[i], sizes[i]);
        text_add_bytes(&directory, "PK\1\2\24\0\24\0\0\0", 10);
        little(&directory, (uint64_t)method, 2);
        little(&directory, 0, 8);
        little(&directory, sizes[i] + (i ? lie : 0), 4);
        little(&directory, sizes[i] + (i ? lie : 0), 4);
        little(&directory, length, 2);
        little(&directory, 0, 12);
        little(&directory, at, 4);
        text_add_bytes(&directory, names[i], length);
    }
    size_t at = z.len;
    text_add_bytes(&z, directory.s, directory.len);
    text_add_bytes(&z, "PK\5\6\0\0\0\0", 8);
    little(&z, 2, 2);
    little(&z, 2, 2);
    little(&z, directory.len, 4);
    little(&z, at, 4);
    little(&z, 0, 2);
    put(z.s, z.len);
    text_finish(&z);
    text_finish(&directory);
}

#define STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\4tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"

static void refuse(const char *what, const void *pickle, size_t n, const char *says)
{
    Err e = {0};
    write_zip(pickle, n, 0, 0);
    SafeTensors *st = weights_open(path, &e);
    if (st) fail_msg("%s was read", what);
    if (!strstr(e.text, says)) fail_msg("%s: \"%s\" does not say \"%s\"", what, e.text, says);
}
#define REFUSE(what, pickle, says) refuse(what, pickle, sizeof(pickle) - 1, says)

/* {"x": a window of the storage}; the window is written as opcodes: offset, size, stride. */
#define WINDOW(offset, size, stride)                                                                      \
    "\x80\2}X\1\0\0\0x" REBUILD "(" STORAGE offset size stride "\x89" "ccollections\nOrderedDict\n)RtRs."

static void test_good_window(void **state)
{
    static const char good[] = WINDOW("K\1", "K\2K\2\x86", "K\1K\1\x86");
    Err e = {0};
    write_zip(good, sizeof good - 1, 0, 0);
    SafeTensors *st = weights_open(path, &e);
    if (!st) fail_msg("%s", e.text);
    Tensor t;
    assert_true(safetensors_find(st, "x", &t) && shape_equal(t.shape, SHAPE(2, 2)));
    static const float want[] = {2, 3, 3, 4}; /* rows overlap: copied */
    assert_memory_equal(t.data, want, sizeof want);
    safetensors_close(st);
}

static void test_nothing_runs(void **state)
{
    REFUSE("os.system", "\x80\2cos\nsystem\nX\2\0\0\0ls\x85R.", "class os.system");
    REFUSE("posix.system", "\x80\2}X\1\0\0\0xcposix\nsystem\nX\2\0\0\0ls\x85Rs.", "class posix.system");
    REFUSE("eval", "\x80\2" "cbuiltins\neval\nX\1\0\0\0001\x85R.", "class builtins.eval");
    REFUSE("stack global", "\x80\4\x8c\2os\x8c\6system\x93\x8c\2ls\x85R.", "class os.system");
    REFUSE("torch.load again", "\x80\2" "ctorch\nload\nX\1\0\0\0x\x85R.", "class torch.load");
    REFUSE("getattr", "\x80\2" "c__builtin__\ngetattr\nN.", "class __builtin__.getattr");
    REFUSE("a dotted path", "\x80\2" "ctorch\n_utils.os.system\nN.", "torch._utils.os.system");
    REFUSE("calling a value", "\x80\2K\1)R.", "not a known class");
    REFUSE("old operations", "\x80\2(i__main__\nX\n.", "operation 0x69");
    REFUSE("extension registry", "\x80\2\x82\1.", "operation 0x82");
    assert_int_equal(access("ls", F_OK), -1);
}

static void test_hostile_windows(void **state)
{
    REFUSE("too long", WINDOW("K\0", "K\5\x85", "K\1\x85"), "outside its storage of 4 elements");
    REFUSE("too far", WINDOW("K\4", "K\1\x85", "K\1\x85"), "outside its storage");
    REFUSE("long strides", WINDOW("K\0", "K\2\x85", "K\4\x85"), "outside its storage");
    REFUSE("overflow", WINDOW("K\0", "K\3\x85", "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x3f\x85"), "outside its storage");
    REFUSE("negative stride", WINDOW("K\3", "K\2\x85", "J\xff\xff\xff\xff\x85"), "stride");
    REFUSE("negative offset", WINDOW("J\xff\xff\xff\xff", "K\1\x85", "K\1\x85"), "outside its storage");
    REFUSE("fewer strides", WINDOW("K\0", "K\1K\1\x86", "K\1\x85"), "outside its storage");
    REFUSE("seven axes", WINDOW("K\0", "(K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1t"), "7 axes");
    REFUSE("huge copy", WINDOW("K\0", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", "K\0K\0\x86"), "to copy");
    REFUSE("impossible size", WINDOW("K\0", "(J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ft", "(K\0K\0K\0t"),
           "impossible");
    REFUSE("no storage", "\x80\2}X\1\0\0\0x" REBUILD "(K\1K\0))\x89NtRs.", "without a storage");
    REFUSE("more than the member", "\x80\2}X\1\0\0\0x" REBUILD
           "((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\5tQK\0K\5\x85K\1\x85\x89NtRs.",
               "too few for 5");
    REFUSE("no such member", "\x80\2}X\1\0\0\0x" REBUILD
           "((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0001X\3\0\0\0cpuK\4tQK\0K\4\x85K\1\x85\x89NtRs.",
               "a/data/1");
    REFUSE("not a storage", "\x80\2(X\4\0\0\0filectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\4tQ.", "storage");
}

static void test_hostile_machine(void **state)
{
    REFUSE("empty", "", "ends in the middle");
    REFUSE("no tensors", "\x80\2}.", "no tensors");
    REFUSE("empty stack", "\x80\2\x85.", "empty stack");
    REFUSE("no mark", "\x80\2K\1t.", "no mark");
    REFUSE("mark left", "\x80\2(0.", "empty stack");
    REFUSE("two values", "\x80\2NN.", "2 values");
    REFUSE("unknown memo", "\x80\2h\7.", "recalls 7");
    REFUSE("far memo", "\x80\2Nr\xff\xff\xff\x7f.", "impossible place");
    REFUSE("long text", "\x80\2X\xff\xff\xff\x7f.", "text of");
    REFUSE("text beyond the end", "\x80\2X\x10\0\0\0abc.", "middle of a value");
    REFUSE("filling a number", "\x80\2K\1K\2a.", "no container");
    REFUSE("odd pairs", "\x80\2}(K\1K\2K\3u.", "no container");
    REFUSE("in itself", "\x80\2]q\0h\0a.", "nested deeper");
    Text laughs = {0}; /* each dictionary holds the one before twice: 2^60 values */
    text_add_bytes(&laughs, "\x80\2]q\0", 5);
    for (int i = 0; i < 60; i++) {
        text_add_bytes(&laughs, "](h", 3);
        little(&laughs, (uint64_t)i, 1);
        text_add_bytes(&laughs, "h", 1);
        little(&laughs, (uint64_t)i, 1);
        text_add_bytes(&laughs, "eq", 2);
        little(&laughs, (uint64_t)i + 1, 1);
    }
    text_add_bytes(&laughs, "(1", 2);
    Text whole = {0};
    text_add_bytes(&whole, laughs.s, laughs.len);
    for (int i = 0; i < 60; i++) text_add_bytes(&whole, "\x86", 1);
    text_add_bytes(&whole, ".", 1);
    refuse("laughs", whole.s, whole.len, "nested deeper");
    text_finish(&laughs);
    text_finish(&whole);
}

static void test_hostile_archives(void **state)
{
    static const char good[] = WINDOW("K\0", "K\4\x85", "K\1\x85");
    Err e = {0};
    write_zip(good, sizeof good - 1, 8, 0);
    assert_null(weights_open(path, &e));
    assert_non_null(strstr(e.text, "compressed"));
    e = (Err){0};
    write_zip(good, sizeof good - 1, 0, 0x7fffffff);
    assert_null(weights_open(path, &e));
    assert_non_null(strstr(e.text, "outside the file"));
    e = (Err){0};
    assert_true(file_write(path, "PK\3\4 and no more", 16, &e));
    assert_null(weights_open(path, &e));
    assert_non_null(strstr(e.text, "cut short"));
    e = (Err){0};
    assert_null(weights_open("/nonexistent/x.pt", &e));
}

/* The real files, cut and with changed bytes: an answer or an error, never a crash (the sanitizers watch every read).
 */
static void damage(const char *name)
{
    Err e = {0};
    char *data;
    size_t n;
    Rng r = rng_make(1, 2);
    volatile double read = 0;
    assert_true(file_read(fixture(name), 1 << 20, &data, &n, &e));
    for (size_t i = 0; i < n; i += 1 + n / 700) {
        put(data, i);
        Err why = {0};
        SafeTensors *st = weights_open(path, &why);
        if (st) fail_msg("%s cut at %zu was read", name, i);
        assert_true(why.text[0]);
    }
    for (int i = 0; i < 1500; i++) {
        size_t at = (size_t)rng_int(&r, 0, (int)n - 1);
        char old = data[at];
        data[at] = (char)rng_int(&r, 0, 255);
        put(data, n);
        Err why = {0};
        SafeTensors *st = weights_open(path, &why);
        for (int k = 0; st && k < safetensors_count(st); k++) {
            Tensor t = safetensors_tensor(st, k);
            for (int64_t j = 0; j < shape_count(t.shape); j++) read += element(&t, j);
        }
        assert_true(st || why.text[0]);
        safetensors_close(st);
        data[at] = old;
    }
    mem_free(data);
}

static void test_damage(void **state)
{
    damage("torch_zip.pt");
    damage("torch_stream.pt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),            cmocka_unit_test(test_good_window),
        cmocka_unit_test(test_nothing_runs),    cmocka_unit_test(test_hostile_windows),
        cmocka_unit_test(test_hostile_machine), cmocka_unit_test(test_hostile_archives),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests_name("tensor/torch_file", tests, make_path, remove_path);
}
