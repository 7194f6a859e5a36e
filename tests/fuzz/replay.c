/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over its corpus as a test: what once broke a reader stays mended. The corpus is a folder of small
 * files, inputs that reach far and those that were findings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz.h"

static void corpus(void **state)
{
    Arena *a = arena_create();
    const char *folder = arena_printf(a, "%s/tests/fuzz/corpus/" FUZZ_NAME, getenv("JIG_SOURCE_ROOT"));
    char **names;
    int n;
    Err e = {0};
    if (!file_list(a, folder, NULL, &names, &n, &e))
        fail_msg("%s", e.text);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char *bytes;
        size_t size;
        assert_true(file_read(arena_printf(a, "%s/%s", folder, names[i]), 1 << 20, &bytes, &size, &e));
        /* a copy of exactly that size, so that a sanitizer sees one byte too far */
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, bytes, size);
        assert_int_equal(LLVMFuzzerTestOneInput(exact, size), 0);
        free(exact);
        mem_free(bytes);
    }
    assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)"", 0), 0);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};
    return cmocka_run_group_tests_name("fuzz/" FUZZ_NAME, tests, NULL, NULL);
}
