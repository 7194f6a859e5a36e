/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat grid: phases, distances and tempo between and outside the beats, and the corrections people make.
 */
#include "audio_test.h"

static BeatGrid even_grid(int n, double first, double step, int metre, int place, double length)
{
    double s[200];
    int b[200];
    for (int i = 0; i < n; i++) {
        s[i] = first + i * step;
        b[i] = (place - 1 + i) % metre + 1;
    }
    BeatGrid g;
    audio_grid_init(&g);
    audio_grid_set(&g, s, b, n, length);
    return g;
}

static void derives(void **state)
{
    BeatGrid g = even_grid(40, 0.25, 0.5, 4, 3, 21);
    assert_true(audio_grid_has_beat(&g));
    assert_float_equal(g.tempo, 120, 1e-9);
    assert_int_equal(g.metre, 4);
    assert_true(g.steady);
    BeatGrid copy;
    audio_grid_copy(&copy, &g);
    audio_grid_finish(&g);
    assert_int_equal(copy.n, 40);
    assert_float_equal(copy.seconds[39], 19.75, 1e-9);
    audio_grid_finish(&copy);
    g = even_grid(31, 0, 0.5, 3, 1, 21);
    assert_int_equal(g.metre, 3);
    for (int i = 15; i < 31; i++)
        g.seconds[i] += (i - 15) * 0.05;
    audio_grid_shift(&g, 0);
    assert_false(g.steady);
    audio_grid_finish(&g);
    audio_grid_init(&g);
    assert_false(audio_grid_has_beat(&g));
    audio_grid_finish(&g);
    audio_grid_finish(NULL);
}

static void phases(void **state)
{
    BeatGrid g = even_grid(9, 1, 0.5, 4, 3, 10); /* places 3 4 1 2 3 4 1 2 3 at 1.0 1.5 2.0 ... 5.0 */
    assert_float_equal(audio_grid_position(&g, 2.25), 2.5, 1e-9);
    assert_float_equal(audio_grid_time(&g, 2.5), 2.25, 1e-9);
    assert_float_equal(audio_grid_beat_phase(&g, 2.25), 0.5, 1e-9);
    assert_float_equal(audio_grid_bar_phase(&g, 2.0), 0, 1e-9);
    assert_float_equal(audio_grid_bar_phase(&g, 3.5), 0.75, 1e-9);
    assert_float_equal(audio_grid_bar_phase(&g, 1.25), 0.625, 1e-9);  /* the bar began before the first beat */
    assert_float_equal(audio_grid_bar_phase(&g, 0.0), 0, 1e-9);       /* two beats before place 3 */
    assert_float_equal(audio_grid_bar_phase(&g, 6.25), 0.125, 1e-9);  /* and goes on after the last */
    assert_float_equal(audio_grid_half_time_phase(&g, 2.0), 0, 1e-9);
    assert_float_equal(audio_grid_half_time_phase(&g, 2.75), 0.75, 1e-9);
    assert_float_equal(audio_grid_half_time_phase(&g, -1.75), 0.25, 1e-9);
    assert_float_equal(audio_grid_beat_distance(&g, 2.1), 0.1, 1e-9);
    assert_float_equal(audio_grid_beat_distance(&g, 9.9), 0.1, 1e-9);
    assert_float_equal(audio_grid_downbeat_distance(&g, 3.5), 0.5, 1e-9);
    assert_float_equal(audio_grid_downbeat_distance(&g, 0.1), 0.1, 1e-9);
    assert_float_equal(audio_grid_tempo_at(&g, 3.3), 120, 1e-9);
    assert_int_equal(audio_grid_bar_position(&g, 0), 3);
    assert_int_equal(audio_grid_bar_position(&g, -2), 1);
    assert_int_equal(audio_grid_bar_position(&g, 9), 4);
    assert_int_equal(audio_grid_bar_position(&g, 10), 1);
    for (double t = -3; t < 13; t += 0.0371) {
        double p = audio_grid_position(&g, t), b = audio_grid_beat_phase(&g, t), r = audio_grid_bar_phase(&g, t);
        assert_float_equal(audio_grid_time(&g, p), t, 1e-9);
        assert_true(b >= 0 && b < 1 && r >= 0 && r < 1);
        assert_float_equal(fmod(4 * r, 1), b, 1e-9);
    }
    audio_grid_finish(&g);
}

static void uneven_bars(void **state)
{
    double s[] = {0, 1, 2, 3, 5, 6, 7, 8}; /* a bar of four, one of two that lasts longer, then two of a bar */
    int b[] = {1, 2, 3, 4, 1, 2, 1, 2};
    BeatGrid g;
    audio_grid_init(&g);
    audio_grid_set(&g, s, b, 8, 9);
    assert_float_equal(audio_grid_bar_phase(&g, 4), 3.5 / 4, 1e-9);
    assert_float_equal(audio_grid_bar_phase(&g, 6), 0.5, 1e-9);
    assert_float_equal(audio_grid_tempo_at(&g, 4), 30, 1e-9);
    assert_float_equal(audio_grid_beat_phase(&g, 4.5), 0.75, 1e-9);
    audio_grid_finish(&g);
}

static void corrections(void **state)
{
    Err e = {0};
    BeatGrid g = even_grid(10, 0.2, 0.5, 4, 1, 5);
    audio_grid_shift(&g, -0.3); /* the first beat falls off the song */
    assert_int_equal(g.n, 9);
    assert_float_equal(g.seconds[0], 0.4, 1e-9);
    assert_int_equal(g.beat_in_bar[0], 2);
    audio_grid_double(&g);
    assert_int_equal(g.n, 17);
    assert_float_equal(g.tempo, 240, 1e-6);
    assert_int_equal(g.beat_in_bar[6], 1); /* the old downbeat at 1.9 s stays one */
    assert_float_equal(g.seconds[6], 1.9, 1e-9);
    audio_grid_halve(&g, false);
    assert_int_equal(g.n, 9);
    assert_float_equal(g.tempo, 120, 1e-6);
    assert_int_equal(g.beat_in_bar[1], 1); /* doubled bars were half as long: the first "one" that is kept counts */
    audio_grid_halve(&g, true); /* odd beats: 0.9, 1.9 ... */
    assert_int_equal(g.n, 4);
    assert_float_equal(g.seconds[1], 1.9, 1e-9);
    assert_int_equal(g.beat_in_bar[0], 1);
    assert_true(audio_grid_set_downbeat(&g, 2, 3, &e));
    assert_int_equal(g.beat_in_bar[2], 1);
    assert_int_equal(g.beat_in_bar[0], 2);
    assert_int_equal(g.metre, 3);
    assert_false(audio_grid_set_downbeat(&g, 9, 3, &e));
    assert_non_null(strstr(e.text, "0 to 3"));
    assert_false(audio_grid_set_downbeat(&g, 0, 99, NULL));
    audio_grid_finish(&g);

    g = even_grid(20, 0, 0.5, 4, 1, 10);
    audio_grid_cut(&g, 2.9, 3);
    assert_int_equal(g.n, 6);
    assert_float_equal(g.seconds[0], 0.1, 1e-9);
    assert_int_equal(g.beat_in_bar[0], 3);
    assert_float_equal(g.length, 3, 0);
    audio_grid_cut(&g, 2.95, 0.02);
    assert_false(audio_grid_has_beat(&g));
    audio_grid_finish(&g);

    audio_grid_init(&g); /* corrections of nothing do nothing */
    audio_grid_shift(&g, 1);
    audio_grid_double(&g);
    audio_grid_halve(&g, true);
    audio_grid_cut(&g, 1, 1);
    assert_false(audio_grid_set_downbeat(&g, 0, 4, NULL));
    assert_int_equal(g.n, 0);
    audio_grid_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(derives), cmocka_unit_test(phases),
        cmocka_unit_test(uneven_bars), cmocka_unit_test(corrections)};
    return cmocka_run_group_tests_name("audio/beat_grid", tests, NULL, NULL);
}
