/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors, log lines and progress: first message wins, context goes in front, nothing overflows.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void first_message_wins(void **state)
{
    Err e = {0};
    assert_false(err_set(&e, "width is %d; allowed are 1 to 9", 12));
    err_set(&e, "second");
    assert_string_equal(e.text, "width is 12; allowed are 1 to 9");
    assert_false(err_context(&e, "picture %s", "a.png"));
    assert_string_equal(e.text, "picture a.png: width is 12; allowed are 1 to 9");
    assert_false(e.cancelled);
    assert_false(err_set(NULL, "dropped"));
    assert_false(err_context(NULL, "dropped"));
    assert_false(err_cancel(NULL));
}

static void long_messages_are_cut(void **state)
{
    Err e = {0};
    char big[3000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    err_set(&e, "%s", big);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_context(&e, "newest");
    assert_memory_equal(e.text, "newest: xxx", 11);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_context(&e, "%s", big);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void cancelling(void **state)
{
    Err e = {0};
    assert_false(err_cancel(&e));
    assert_true(e.cancelled);
    assert_string_equal(e.text, "cancelled");
}

static void keep_line(void *user, LogLevel level, const char *line)
{
    text_add(user, "%d:%zu:%.5s;", (int)level, strlen(line), line);
}

static void log_goes_to_the_sink(void **state)
{
    Text seen = {0};
    char big[5000] = "";
    memset(big, 'y', sizeof big - 1);
    log_line(LOG_ERROR, "nobody listens");
    log_set_sink(keep_line, &seen);
    log_line(LOG_WARNING, "a %d", 5);
    log_line(LOG_DEBUG, "%s", big);
    log_set_sink(NULL, NULL);
    log_line(LOG_INFO, "nobody listens");
    assert_string_equal(seen.s, "1:3:a 5;3:4999:yyyyy;");
    text_finish(&seen);
}

static bool stop_at_half(void *user, const char *stage, double done, double total)
{
    return done / total < 0.5;
}

static void progress(void **state)
{
    Progress p = {stop_at_half, NULL}, empty = {0};
    assert_true(progress_tick(NULL, "x", 9, 10));
    assert_true(progress_tick(&empty, "x", 9, 10));
    assert_true(progress_tick(&p, "x", 4, 10));
    assert_false(progress_tick(&p, "x", 5, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_message_wins), cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(cancelling),         cmocka_unit_test(log_goes_to_the_sink),
        cmocka_unit_test(progress),
    };
    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
