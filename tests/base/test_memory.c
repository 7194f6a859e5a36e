/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and threads: alignment, overflow, what is available, arenas, and that ranges cover each item once.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <omp.h>
#include <sys/resource.h>

static void allocation(void **state)
{
    for (size_t n = 0; n < 200; n += 33) {
        char *p = mem_zero(n);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        mem_free(p);
    }
    mem_free(NULL);
    assert_null(mem_try(SIZE_MAX));
    assert_null(mem_try(SIZE_MAX / 2));
    char *s = mem_strdup("hop");
    assert_string_equal(s, "hop");
    s = mem_resize(s, 100000);
    assert_string_equal(s, "hop");
    mem_free(s);
}

static void products(void **state)
{
    size_t n;
    assert_true(mem_product(&n, 3, (size_t)3, (size_t)5, (size_t)7) && n == 105);
    assert_true(mem_product(&n, 0) && n == 1);
    assert_false(mem_product(&n, 2, SIZE_MAX, (size_t)2));
    assert_false(mem_product(&n, 3, SIZE_MAX / 2, (size_t)3, (size_t)0));
    assert_true(mem_product(&n, 2, SIZE_MAX, (size_t)1) && n == SIZE_MAX);
}

static void room(void **state)
{
    uint64_t free_now = mem_available(), peak = mem_peak();
    assert_true(free_now > 1 << 20 && free_now < (uint64_t)1 << 50);
    assert_true(peak > 1 << 19);
    enum { MORE = 64 << 20 };
    char *p = mem_alloc(MORE);
    memset(p, 1, MORE);
    assert_true(mem_peak() > MORE);
    mem_free(p);
}

static void arena(void **state)
{
    Arena *a = arena_create();
    char *kept[300];
    for (int i = 0; i < 300; i++) {
        kept[i] = arena_printf(a, "name %d of %s", i, "many");
        char *p = arena_alloc(a, (size_t)i * 700 + 1);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_int_equal(p[0] | p[i * 700], 0);
        memset(p, 0xff, (size_t)i * 700 + 1);
    }
    assert_string_equal(kept[0], "name 0 of many");
    assert_string_equal(kept[299], "name 299 of many");
    assert_string_equal(arena_strdup(a, ""), "");
    arena_destroy(a);
    arena_destroy(NULL);
}

typedef struct Visit {
    uint8_t *seen;
    int64_t least;
} Visit;

static void visit(void *ctx, int64_t from, int64_t to)
{
    Visit *v = ctx;
    assert_true(from < to);
    for (int64_t i = from; i < to; i++)
        v->seen[i]++;
#pragma omp critical
    v->least = MIN(v->least, to - from);
}

static void every_item_once(void **state)
{
    enum { N = 1003 };
    for (int threads = 1; threads <= 7; threads += 3)
        for (int64_t n = 0; n <= N; n += 59)
            for (int64_t grain = 0; grain < 300; grain += 40) {
                Visit v = {mem_zero(N), N};
                threads_set(threads);
                assert_int_equal(threads_count(), threads);
                threads_for(n, grain, visit, &v);
                for (int64_t i = 0; i < N; i++)
                    assert_int_equal(v.seen[i], i < n);
                assert_true(n == 0 || v.least >= MIN(n, grain / 2));
                mem_free(v.seen);
            }
    threads_set(0);
    assert_in_range(threads_count(), 1, omp_get_num_procs());
}

static void nested(void *ctx, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        threads_for(10, 1, visit, (Visit *)ctx + i);
}

static void inside_each_other(void **state)
{
    Visit v[8];
    for (int i = 0; i < 8; i++)
        v[i] = (Visit){mem_zero(10), 10};
    threads_for(8, 1, nested, v);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 10; k++)
            assert_int_equal(v[i].seen[k], 1);
        mem_free(v[i].seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocation), cmocka_unit_test(products),        cmocka_unit_test(room),
        cmocka_unit_test(arena),      cmocka_unit_test(every_item_once), cmocka_unit_test(inside_each_other),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
