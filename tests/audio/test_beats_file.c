/* SPDX-License-Identifier: Apache-2.0
 *
 * .beats files: what is read, what comes back, and how each fault is named.
 */
#include "audio_test.h"

static bool parse(BeatGrid *g, const char *text, double length, Err *e)
{
    return audio_beats_parse(g, text, strlen(text), length, e);
}

static void reads(void **state)
{
    BeatGrid g;
    Err e = {0};
    const char *text = "# seconds\tbeat\r\n0.5\t3\r\n\r\n1.0 4 # last of the bar\n  1.5\t1\n2\t2\n2.5\t3\n3\t4\n3.5\t1";
    assert_true(parse(&g, text, 4, &e));
    assert_int_equal(g.n, 7);
    assert_int_equal(g.beat_in_bar[0], 3);
    assert_float_equal(g.seconds[6], 3.5, 0);
    assert_int_equal(g.metre, 4);
    assert_float_equal(g.tempo, 120, 1e-9);
    assert_float_equal(g.confidence, 1, 0);
    assert_string_equal(g.reason, "");
    audio_grid_finish(&g);
    assert_true(parse(&g, "", 4, &e));
    assert_int_equal(g.n, 0);
    assert_string_not_equal(g.reason, "");
    assert_true(parse(&g, "# nothing\n1.5\t1\n", 0, &e));
    assert_int_equal(g.n, 1);
    assert_false(audio_grid_has_beat(&g));
    audio_grid_finish(&g);
}

static void names_the_fault(void **state)
{
    static const struct { const char *text, *says, *also; } faults[] = {
        {"0.5\t1\n0.4\t2\n", "line 2", "0.4"},           {"0.5\t1\n0.5\t2\n", "line 2", "after"},
        {"-0.1\t1\n", "line 1", "before the song"},      {"#\n\nx\t1\n", "line 3", "'x'"},
        {"nan\t1\n", "line 1", "nan"},                   {"inf\t1\n", "line 1", "inf"},
        {"1.0\n", "line 1", "downbeat"},                 {"1.0\tone\n", "line 1", "'one'"},
        {"1.0\t1.5\n", "line 1", "'1.5'"},               {"1.0\t0\n", "line 1", "1 to 16"},
        {"1.0\t17\n", "line 1", "1 to 16"},              {"1.0\t99999999999999999999\n", "line 1", "9999"},
        {"1\t1\n2\t3\n", "line 2", "2 or 1"},            {"1\t1\n2\t2\n11\t3\n", "line 3", "10.000"},
        {"1\t1\t7\n", "line 1", "more than"},            {"1\t1\n9000\t2\n", "line 2", "7200"},
        {"1\t1\n1.001\t2\n", "line 2", "0.02"},        {"1e999\t1\n", "line 1", "1e999"},
        {"0,5\t1\n", "line 1", "0,5"},                  {"0x10\t1\n", "line 1", "0x10"},
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        BeatGrid g;
        Err e = {0};
        assert_false(parse(&g, faults[i].text, strcmp(faults[i].also, "7200") ? 10 : 0, &e)); /* 0: length not known */
        if (!strstr(e.text, faults[i].says) || !strstr(e.text, faults[i].also))
            fail_msg("'%s' should name %s and %s", e.text, faults[i].says, faults[i].also);
        assert_int_equal(g.n, 0);
    }
    BeatGrid g;
    assert_false(audio_beats_parse(&g, "1\t1\0\n", 5, 0, NULL)); /* a null byte */
    Err e = {0};
    assert_true(parse(&g, "\xEF\xBB\xBF" "0.5\t1\r\n1.0\t2\r\n", 0, &e)); /* as Windows editors write it */
    assert_int_equal(g.n, 2);
    audio_grid_finish(&g);
}

/* Labels as Audacity writes them, with parts and ranges of frequencies between the beats. */
static void reads_labels(void **state)
{
    BeatGrid g;
    Err e = {0};
    const char *text = "0.000000\t8.000000\tA intro\n0.500000\t0.500000\t1\n\\\t100.0\t900.0\n1.000000\t1.000000\t2\n";
    assert_true(audio_labels_parse(&g, text, strlen(text), 8, &e));
    assert_int_equal(g.n, 2);
    assert_float_equal(g.seconds[1], 1, 0);
    assert_int_equal(g.beat_in_bar[1], 2);
    SongPart part = {.start = 0, .end = 8, .name = "intro"};
    SongForm form = {.n_parts = 1, .part = &part};
    Text t = {0};
    audio_labels_format(&g, &form, &t);
    assert_string_equal(t.s, "0.000000\t8.000000\tA intro\n0.500000\t0.500000\t1\n1.000000\t1.000000\t2\n");
    text_finish(&t);
    audio_grid_finish(&g);
    assert_false(audio_labels_parse(&g, "0.5\t0.5\t1\n0.4\t0.4\t2\n", 20, 8, &e));
    assert_non_null(strstr(e.text, "line 2"));
    e = (Err){0};
    assert_false(audio_labels_parse(&g, "0.5\tx\t1\n", 8, 8, &e));
    assert_non_null(strstr(e.text, "'x'"));
}

static void limits_sizes(void **state)
{
    BeatGrid g;
    Err e = {0};
    Text t = {0};
    for (int i = 0; i < 300; i++)
        text_add(&t, "9");
    assert_false(parse(&g, t.s, 0, &e));
    assert_non_null(strstr(e.text, "200 characters"));
    text_finish(&t);
    for (int i = 0; i <= 200000; i++)
        text_add(&t, "%.4f\t1\n", i * 0.0301);
    e = (Err){0};
    assert_false(parse(&g, t.s, 0, &e));
    assert_non_null(strstr(e.text, "line 200001"));
    text_finish(&t);
    char *big = calloc(1, (8 << 20) + 1);
    memset(big, '#', (8 << 20) + 1);
    e = (Err){0};
    assert_false(audio_beats_parse(&g, big, (8 << 20) + 1, 0, &e));
    assert_non_null(strstr(e.text, "8388608"));
    free(big);
}

/* Any bytes: an answer, no crash. Seeded from a good file with bytes changed. */
static void survives_damage(void **state)
{
    const char *good = "# beats\n0.25\t1\n0.75\t2\n1.25\t3\n1.75\t4\n2.25\t1\n";
    Rng r = rng_make(11, 0);
    for (int round = 0; round < 20000; round++) {
        char text[80];
        size_t n = strlen(good);
        memcpy(text, good, n);
        for (int k = rng_int(&r, 1, 4); k > 0; k--)
            text[rng_int(&r, 0, (int)n - 1)]
                = (char)(rng_chance(&r, 0.5f) ? "0123456789.-\t\n#e "[rng_int(&r, 0, 16)] : rng_int(&r, 0, 255));
        BeatGrid g;
        Err e = {0};
        if (audio_beats_parse(&g, text, n, 5, &e)) {
            for (int i = 1; i < g.n; i++)
                assert_true(g.seconds[i] > g.seconds[i - 1]);
        } else {
            assert_true(e.text[0] != 0);
        }
        audio_grid_finish(&g);
    }
}

static void comes_back(void **state)
{
    char path[] = "/tmp/jig-beats-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    double s[] = {0.123456, 0.7, 1.3, 1.9};
    int b[] = {3, 1, 2, 3};
    BeatGrid g, back;
    Err e = {0};
    audio_grid_init(&g);
    audio_grid_set(&g, s, b, 4, 2);
    assert_true(audio_beats_write(&g, path, &e));
    assert_true(audio_beats_read(&back, path, 2, &e));
    assert_int_equal(back.n, 4);
    for (int i = 0; i < 4; i++) {
        assert_float_equal(back.seconds[i], s[i], 1e-6);
        assert_int_equal(back.beat_in_bar[i], b[i]);
    }
    audio_grid_finish(&back);
    assert_false(audio_beats_read(&back, path, 1, &e));
    assert_non_null(strstr(e.text, path)); /* the message names the file and the line */
    assert_non_null(strstr(e.text, "line 5"));
    remove(path);
    e = (Err){0};
    assert_false(audio_beats_read(&back, path, 1, &e));
    assert_non_null(strstr(e.text, path));
    audio_grid_finish(&g);
}

static void reads_the_tracks(void **state)
{
    const char *path = data_path("tracks/cc0_waltz_90bpm.beats.tsv");
    if (!path)
        skip();
    BeatGrid g;
    Err e = {0};
    assert_true(audio_beats_read(&g, path, 24, &e));
    assert_int_equal(g.metre, 3);
    assert_float_equal(g.tempo, 90, 0.01);
    audio_grid_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(names_the_fault), cmocka_unit_test(reads_labels),
        cmocka_unit_test(limits_sizes), cmocka_unit_test(survives_damage), cmocka_unit_test(comes_back),
        cmocka_unit_test(reads_the_tracks)};
    return cmocka_run_group_tests_name("audio/beats_file", tests, NULL, NULL);
}
