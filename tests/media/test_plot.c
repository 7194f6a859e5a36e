/* SPDX-License-Identifier: Apache-2.0
 *
 * Plots: drawn for ordinary, empty, constant and broken data without complaint, with ink where the data is. How they
 * look is for eyes to judge.
 */
#include "make_media.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* fontconfig keeps its configuration until the process ends; the leak checker need not hear of it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig";
}

/* Pixels of the colour (within a little, for antialiasing) in a rectangle. */
static int ink(const Picture *p, int x0, int y0, int x1, int y1, int r, int g, int b)
{
    int n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            const uint8_t *px = p->rgba + (y * p->w + x) * 4;
            n += abs(px[0] - r) < 12 && abs(px[1] - g) < 12 && abs(px[2] - b) < 12;
        }
    return n;
}

static void line_plots(void **state)
{
    double y[300], x[300], nan_y[] = {NAN, INFINITY, -INFINITY}, same[] = {3, 3, 3}, one[] = {-1e-30},
                           huge[] = {-1e300, 1e300};
    for (int i = 0; i < 300; i++)
        x[i] = i * 0.1, y[i] = exp(-i * 0.02);
    PlotSeries cases[][2] = {{{"a", x, y, 300}, {"b", NULL, y, 300}},
                             {{"a", NULL, nan_y, 3}, {"b", NULL, NULL, 0}},
                             {{"a", NULL, same, 3}, {NULL, NULL, one, 1}},
                             {{"a", NULL, huge, 2}, {"b", NULL, same, 3}}};
    for (size_t k = 0; k < ARRAY_LEN(cases); k++)
        for (int log_y = 0; log_y < 2; log_y++) {
            PlotOptions o = {.title = "Title", .x_label = "step", .y_label = "loss", .log_y = log_y};
            Picture p;
            Err e = {0};
            if (!plot_lines(cases[k], 2, &o, &p, &e))
                fail_msg("%s", e.text);
            assert_true(p.w == 960 && p.h == 540 && !picture_has_alpha(&p));
            assert_true(ink(&p, 0, 0, 960, 60, 26, 26, 26) > 20); /* the title */
            if (k == 0)
                assert_true(ink(&p, 80, 70, 960, 500, 0, 115, 178) > 60);
            picture_finish(&p);
        }
    PlotOptions o = {.w = 100, .h = 100};
    Picture p;
    Err e = {0};
    assert_false(plot_lines(cases[0], 1, &o, &p, &e));
    o = (PlotOptions){.w = 300, .h = 200};
    assert_true(plot_lines(NULL, 0, &o, &p, &e));
    picture_finish(&p);
}

static void a_million_points(void **state)
{
    enum { N = 1000000 };
    double *y = mem_zero(N * sizeof *y);
    y[765432] = 1; /* one peak, narrower than a pixel */
    PlotSeries s = {NULL, NULL, y, N};
    PlotOptions o = {0};
    Picture p;
    assert_true(plot_lines(&s, 1, &o, &p, NULL));
    assert_true(ink(&p, 100, 100, 900, 400, 0, 115, 178) > 200);
    picture_finish(&p);
    mem_free(y);
}

static void beat_plots(void **state)
{
    Sound s;
    make_test_sound(&s, 22050, 1, 22050 * 40);
    float onset[400];
    double beats[80];
    int in_bar[80];
    for (int i = 0; i < 400; i++)
        onset[i] = i % 5 == 0;
    for (int i = 0; i < 80; i++)
        beats[i] = i * 0.5, in_bar[i] = i % 4 + 1;
    BeatPlot b = {.title = "Song",
                  .samples = s.samples,
                  .frames = s.frames,
                  .rate = 22050,
                  .onset = onset,
                  .n_onset = 400,
                  .onset_rate = 10,
                  .beats = beats,
                  .beat_in_bar = in_bar,
                  .n_beats = 80,
                  .tempo = 120,
                  .row_seconds = 10};
    Picture four, one;
    assert_true(plot_beats(&b, &four, NULL));
    b.row_seconds = 40;
    assert_true(plot_beats(&b, &one, NULL));
    assert_int_equal((four.h - one.h) % 3, 0);
    assert_true(four.h > one.h);
    assert_true(ink(&four, 0, 80, four.w, four.h, 214, 41, 41) > 20 * 100); /* 20 downbeats, at least 100 pixels each */
    picture_finish(&four);
    picture_finish(&one);
    b = (BeatPlot){.samples = s.samples, .frames = 1, .rate = 22050};
    assert_true(plot_beats(&b, &one, NULL));
    picture_finish(&one);
    b = (BeatPlot){
        .samples = s.samples, .frames = 22050 * 40, .rate = 100}; /* 2.4 hours: rows get longer, not endlessly many */
    assert_true(plot_beats(&b, &one, NULL));
    assert_true(one.h < 16384);
    picture_finish(&one);
    b.frames = 0;
    Err e = {0};
    assert_false(plot_beats(&b, &one, &e));
    sound_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_plots),
        cmocka_unit_test(a_million_points),
        cmocka_unit_test(beat_plots),
    };
    return cmocka_run_group_tests_name("media/plot", tests, NULL, NULL);
}
