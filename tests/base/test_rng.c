/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox-4x32-10 against the known answers published with Random123 (kat_vectors), and that the numbers depend on seed,
 * stream and position only.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/philox.h"

#include <math.h>

static void known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } kat[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
               {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
               {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                {0xa4093822, 0x299f31d0},
                {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (size_t i = 0; i < ARRAY_LEN(kat); i++) {
        uint32_t out[4];
        philox_block(out, kat[i].counter, kat[i].key);
        assert_memory_equal(out, kat[i].out, sizeof out);
    }
}

static void words_are_lanes_of_blocks(void **state)
{
    Rng r = rng_make(0x299f31d0a4093822u, 0x0370734413198a2eu);
    r.at = 0x85a308d3243f6a88u * 4; /* wraps; its block index is what is left of it */
    uint64_t index = r.at / 4;
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0x13198a2e, 0x03707344}, out[4];
    philox_block(out, counter, (uint32_t[2]){0xa4093822, 0x299f31d0});
    for (int i = 0; i < 4; i++)
        assert_int_equal(rng_u32(&r), out[i]);
}

static void ranges(void **state)
{
    Rng r = rng_make(1, 2);
    int seen[6] = {0};
    int heads = 0;
    for (int i = 0; i < 60000; i++) {
        float x = rng_float(&r), y = rng_range(&r, -3, 5);
        int k = rng_int(&r, -2, 3);
        assert_true(x >= 0 && x < 1 && y >= -3 && y <= 5 && k >= -2 && k <= 3);
        seen[k + 2]++;
        heads += rng_chance(&r, 0.25f);
    }
    for (int k = 0; k < 6; k++)
        assert_in_range(seen[k], 9600, 10400);
    assert_in_range(heads, 14500, 15500);
    assert_int_equal(rng_int(&r, 7, 7), 7);
    rng_int(&r, INT32_MIN, INT32_MAX);
}

static void normal_moments(void **state)
{
    enum { N = 200000 };
    float *x = mem_alloc(N * sizeof *x);
    rng_fill_normal(x, N, 7, 8, 0);
    double m[5] = {0};
    for (int i = 0; i < N; i++)
        for (int k = 1; k < 5; k++)
            m[k] += pow(x[i], k) / N;
    assert_true(fabs(m[1]) < 0.01 && fabs(m[2] - 1) < 0.015 && fabs(m[3]) < 0.03 && fabs(m[4] - 3) < 0.08);
    double between = 0; /* neighbours, which share a block, are uncorrelated */
    for (int i = 1; i < N; i++)
        between += (double)x[i] * x[i - 1] / N;
    assert_true(fabs(between) < 0.01);
    mem_free(x);
}

static void position_only(void **state)
{
    enum { N = 50000 };
    float *whole = mem_alloc(N * sizeof *whole), *piece = mem_alloc(N * sizeof *piece);
    threads_set(1);
    rng_fill_normal(whole, N, 3, 4, 1000);
    threads_set(5);
    rng_fill_normal(piece, N, 3, 4, 1000);
    assert_memory_equal(whole, piece, N * sizeof *whole);
    for (uint64_t skip = 1; skip < 6; skip++) {
        rng_fill_normal(piece, 100, 3, 4, 1000 + skip);
        assert_memory_equal(whole + skip, piece, 100 * sizeof *whole);
    }
    rng_fill_normal(piece, 10, 3, 5, 1000);
    assert_true(piece[0] != whole[0]);
    rng_fill_normal(piece, 10, 4, 4, 1000);
    assert_true(piece[0] != whole[0]);
    rng_fill_normal(NULL, 0, 1, 1, 1);
    Rng r = rng_make(3, 4);
    r.at = 1000; /* an even position of rng_fill_normal is rng_normal at the same word */
    assert_true(rng_normal(&r) == whole[0] && r.at == 1002);
    threads_set(0);
    mem_free(whole);
    mem_free(piece);
}

static void hash(void **state)
{
    assert_true(rng_hash("", 0) == 0xcbf29ce484222325u);
    assert_true(rng_hash("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(rng_hash("foobar", 6) == 0x85944171f73967e8u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(words_are_lanes_of_blocks),
        cmocka_unit_test(ranges),        cmocka_unit_test(normal_moments),
        cmocka_unit_test(position_only), cmocka_unit_test(hash),
    };
    return cmocka_run_group_tests_name("base/rng", tests, NULL, NULL);
}
