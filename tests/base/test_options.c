/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: every way in (flags, names, JSON) checks type and range; what goes out as JSON comes back the same.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct Settings {
    bool loop, sound;
    int64_t steps, seed;
    double guidance, start;
    const char *out;
    int format;
} Settings;

static const Option rows[] = {
    {"loop", 'l', OPT_BOOL, offsetof(Settings, loop), .help = "end where it began"},
    {"sound", 0, OPT_BOOL, offsetof(Settings, sound), .initial = "true", .help = "carry the song"},
    {"steps", 'n', OPT_INT, offsetof(Settings, steps), 1, 1000, "50", .value = "N", .help = "sampler steps"},
    {"seed", 's', OPT_INT, offsetof(Settings, seed), .value = "N", .help = "random seed"},
    {"guidance", 'g', OPT_FLOAT, offsetof(Settings, guidance), 0, 30, "7.5", .help = "strength of the condition"},
    {"start", 0, OPT_SECONDS, offsetof(Settings, start), 0, 86400, .value = "TIME", .help = "where in the song"},
    {"out", 'o', OPT_TEXT, offsetof(Settings, out), .value = "FILE", .help = "output"},
    {"format", 0, OPT_CHOICE, offsetof(Settings, format), .initial = "mp4", .choices = "mp4|webm|gif",
     .help = "container"},
};
static const OptTable table = {rows, ARRAY_LEN(rows)};

static int setup(void **state)
{
    *state = arena_create();
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(*state);
    return 0;
}

static Settings defaults(void)
{
    Settings s;
    memset(&s, 0xaa, sizeof s);
    opt_defaults(table, &s);
    return s;
}

/* Parses a command line of words parted by blanks into s; rest gets what is left, parted by commas. */
static bool parse(Arena *a, Settings *s, const char *line, char *rest, Err *e)
{
    char *copy = arena_strdup(a, line), *argv[20];
    int argc = 0;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    void *structs[] = {s};
    bool ok = opt_parse(&table, structs, 1, &argc, argv, a, e);
    *rest = 0;
    for (int i = 0; ok && i < argc; i++)
        strcat(strcat(rest, i ? "," : ""), argv[i]);
    return ok;
}

static void default_values(void **state)
{
    Settings s = defaults();
    assert_true(!s.loop && s.sound && s.steps == 50 && s.seed == 0 && s.guidance == 7.5 && s.start == 0 && !s.out);
    assert_int_equal(s.format, 0);
}

static void good_command_lines(void **state)
{
    char rest[200];
    Err e = {0};
    Settings s = defaults();
    assert_true(parse(*state, &s,
                      "jig a.png --steps 7 --seed=-3 song.mp3 -o x.mp4 --no-sound -l --format gif --start 1:30", rest,
                      &e));
    assert_string_equal(rest, "jig,a.png,song.mp3");
    assert_true(s.loop && !s.sound && s.steps == 7 && s.seed == -3 && s.start == 90 && s.format == 2);
    assert_string_equal(s.out, "x.mp4");
    assert_true(parse(*state, &s, "-n9 -ls -5 --guidance -0 --loop=no --out= - -- --steps", rest, &e));
    assert_string_equal(rest, "-,--steps");
    assert_true(s.steps == 9 && s.seed == -5 && !s.loop && s.guidance == 0);
    assert_string_equal(s.out, "");
    assert_true(parse(*state, &s, "--seed 9223372036854775807 --steps 1000", rest, &e));
    assert_true(s.seed == INT64_MAX && s.steps == 1000);
}

static void bad_command_lines(void **state)
{
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"--stps 4", "did you mean --steps?"},
        {"--guidence=3", "did you mean --guidance?"},
        {"--no-lop", "unknown flag --no-lop"},
        {"--no-steps", "unknown flag --no-steps"},
        {"--steps", "--steps needs a value"},
        {"--steps --loop", "--steps needs a value"},
        {"-o", "-o needs a value"},
        {"-x", "unknown flag -x"},
        {"--steps 0", "--steps is 0; allowed are 1 to 1000"},
        {"--steps 1001", "allowed are 1 to 1000"},
        {"--steps 3.5", "whole number"},
        {"--steps=", "whole number"},
        {"--guidance nan", "must be a number"},
        {"--guidance 31", "allowed are 0 to 30"},
        {"--start 1:75", "must be a time"},
        {"--start -1", "0 to 86400 seconds"},
        {"--format avi", "allowed are mp4|webm|gif"},
        {"--format mp", "allowed are"},
        {"--loop=maybe", "allowed are yes and no"},
        {"--seed 9223372036854775808", "whole number"},
    };
    char rest[200];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Settings s = defaults();
        Err e = {0};
        assert_false(parse(*state, &s, bad[i].line, rest, &e));
        if (!strstr(e.text, bad[i].says))
            fail_msg("%s: %s", bad[i].line, e.text);
    }
}

static void two_tables(void **state)
{
    Settings one = defaults(), two = defaults();
    OptTable tables[] = {{rows, 2}, {rows + 2, ARRAY_LEN(rows) - 2}};
    void *structs[] = {&one, &two};
    char *argv[] = {"-l", "-n", "3", NULL};
    int argc = 3;
    assert_true(opt_parse(tables, structs, 2, &argc, argv, *state, NULL));
    assert_true(argc == 0 && one.loop && !two.loop && two.steps == 3 && one.steps == 50);
}

static void json_round_trip(void **state)
{
    Settings s = defaults(), back = defaults();
    s = (Settings){true, false, 999, INT64_MAX - 1, 0.1 + 0.2, 1e-7, "a \"quoted\" \\ name\n\xc3\xa4", 1};
    Text json = {0};
    Err e = {0};
    opt_to_json(table, &s, &json);
    assert_true(opt_from_json(table, &back, json.s, *state, &e));
    assert_true(back.loop && !back.sound && back.steps == 999 && back.seed == s.seed && back.guidance == s.guidance);
    assert_true(back.start == s.start && back.format == 1);
    assert_string_equal(back.out, s.out);
    Text again = {0};
    opt_to_json(table, &back, &again);
    assert_string_equal(json.s, again.s);
    text_finish(&json);
    text_finish(&again);
    s = defaults();
    opt_to_json(table, &s, &json);
    assert_non_null(strstr(json.s, "\"out\":null"));
    assert_true(opt_from_json(table, &back, json.s, *state, &e));
    assert_null(back.out);
    text_finish(&json);
    assert_true(opt_from_json(table, &s, " {\"start\": \"2:05\", \"steps\": 4.0} ", *state, &e));
    assert_true(s.start == 125 && s.steps == 4);
}

static void bad_json(void **state)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"[1]", "not an object"},
        {"{} x", "not valid JSON"},
        {"{\"step\": 3}", "nearest is \"steps\""},
        {"{\"steps\": 2.5}", "whole number"},
        {"{\"steps\": 1e300}", "whole number"},
        {"{\"steps\": 0}", "allowed are 1 to 1000"},
        {"{\"steps\": true}", "whole number"},
        {"{\"steps\": null}", "whole number"},
        {"{\"loop\": 1}", "true or false"},
        {"{\"loop\": \"yes\"}", "true or false"},
        {"{\"out\": 3}", "a string"},
        {"{\"format\": \"avi\"}", "allowed are"},
        {"{\"guidance\": 1e999}", "finite"},
        {"{\"guidance\": {}}", "a number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Settings s = defaults();
        Err e = {0};
        assert_false(opt_from_json(table, &s, bad[i].json, *state, &e));
        if (!strstr(e.text, bad[i].says))
            fail_msg("%s: %s", bad[i].json, e.text);
    }
}

static void setting_by_name(void **state)
{
    Settings s = defaults();
    Err e = {0};
    char value[] = "kept";
    assert_true(opt_set(table, &s, "out", value, *state, &e));
    value[0] = 'X';
    assert_string_equal(s.out, "kept");
    assert_false(opt_set(table, &s, "ot", "x", *state, &e));
    assert_non_null(strstr(e.text, "'out'"));
}

static void help(void **state)
{
    Text t = {0};
    opt_help(table, &t);
    assert_non_null(strstr(t.s, "  -n, --steps N "));
    assert_non_null(strstr(t.s, "sampler steps (1 to 1000, default 50)\n"));
    assert_non_null(strstr(t.s, "      --no-sound "));
    assert_non_null(strstr(t.s, "container (mp4|webm|gif, default mp4)\n"));
    text_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_values),    cmocka_unit_test(good_command_lines),
        cmocka_unit_test(bad_command_lines), cmocka_unit_test(two_tables),
        cmocka_unit_test(json_round_trip),   cmocka_unit_test(bad_json),
        cmocka_unit_test(setting_by_name),   cmocka_unit_test(help),
    };
    return cmocka_run_group_tests_name("base/options", tests, setup, teardown);
}
