/* SPDX-License-Identifier: Apache-2.0
 *
 * Text building, and numbers and times as people type them.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void building(void **state)
{
    Text t = {0};
    for (int i = 0; i < 1000; i++)
        text_add(&t, "%d,", i % 10);
    text_add_bytes(&t, "a\0b", 3);
    assert_int_equal(t.len, 2003);
    assert_memory_equal(t.s, "0,1,2,", 6);
    assert_memory_equal(t.s + 2000, "a\0b", 4);
    text_finish(&t);
    assert_null(t.s);
    text_add(&t, "%s", "");
    assert_string_equal(t.s, "");
    text_finish(&t);
    text_finish(NULL);
}

static void endings(void **state)
{
    assert_true(text_ends_with("A.JPG", ".jpg"));
    assert_false(text_ends_with("jpg", ".jpg"));
    assert_true(text_ends_with("x", ""));
}

static void numbers(void **state)
{
    double x;
    int64_t n;
    static const char *const bad[] = {"", " 1", "1 ", "1x", "nan", "inf", "0x10", "1e999", "1,5", "--1", "."};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(text_to_double(bad[i], &x));
        assert_false(text_to_int(bad[i], &n));
    }
    assert_true(text_to_double("-1.5e3", &x) && x == -1500);
    assert_true(text_to_int("-42", &n) && n == -42);
    assert_true(text_to_int("9223372036854775807", &n) && n == INT64_MAX);
    assert_false(text_to_int("9223372036854775808", &n));
    assert_false(text_to_int("1.0", &n));
}

static void seconds(void **state)
{
    static const struct {
        const char *s;
        double x;
    } good[] = {{"12.5", 12.5},        {"0", 0},        {"-3", -3},       {"1:23", 83},
                {"1:02:03.5", 3723.5}, {"90:00", 5400}, {"0:00.25", 0.25}};
    static const char *const bad[] = {"",     ":",    "1:",    ":1",     "1:60", "1:60:00", "1:2:3:4",
                                      "1:-2", "1:+2", "-1:20", "1.5:00", "a",    "1:2x",    "99999999999999999999:00",
                                      "1h"};
    double x;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(text_to_seconds(good[i].s, &x));
        assert_true(x == good[i].x);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(text_to_seconds(bad[i], &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(building),
        cmocka_unit_test(endings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(seconds),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
