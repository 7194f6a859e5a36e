/* SPDX-License-Identifier: Apache-2.0
 *
 * Time warping: hits come to the grid, time always goes on, stretches stay within their limits, fast songs use whole
 * beats, and where no map exists that is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "synth/moves_source.h"

enum { HITS = 40, GRID = 60 };

static void make_hits(double hit[HITS], float depth[HITS], uint64_t seed)
{
    Rng r = rng_make(seed, 1);
    double t = 0.3;
    for (int i = 0; i < HITS; i++) {
        hit[i] = t;
        depth[i] = rng_range(&r, 0.1f, 0.9f);
        t += (double)rng_range(&r, 0.3f, 1.1f);
    }
}

static void make_grid(double grid[GRID], double tempo, double first)
{
    for (int i = 0; i < GRID; i++)
        grid[i] = first + i * 60 / tempo;
}

static void hits_come_to_the_grid(void **state)
{
    int hits = 0, on = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        double hit[HITS], grid[GRID], tempo = 76 + 5 * (double)seed;
        float depth[HITS];
        TimeWarp w;
        make_hits(hit, depth, seed);
        make_grid(grid, tempo, -0.3);
        assert_true(timewarp_fit(hit, depth, HITS, 2, 0, hit[HITS - 1], grid, GRID, 6, &w));
        hits += w.hits;
        on += w.on_grid;
        assert_true(timewarp_at(&w, 0) > 1.4 && timewarp_at(&w, 0) < 2.6);
        double last = timewarp_at(&w, 0);
        for (double t = 0.01; t <= 6; t += 0.01) {
            double now = timewarp_at(&w, t), speed = (now - last) / 0.01;
            assert_true(speed > 0.3 && speed < 2);
            last = now;
        }
        for (int i = 0; i + 1 < w.n; i++) {
            double stretch = (w.song[i + 1] - w.song[i]) / (w.clip[i + 1] - w.clip[i]);
            assert_true(stretch > TIMEWARP_FASTEST - 1e-6 && stretch < TIMEWARP_SLOWEST + 1e-6);
        }
        for (int i = 1; i + 1 < w.n; i++) { /* inner knots are hits on the grid */
            double place = (w.song[i] + 0.3) * tempo / 60 * (tempo <= TIMEWARP_WHOLE_BEATS ? 2 : 1);
            assert_true(fabs(place - round(place)) < 1e-6);
            int k = 0;
            while (k < HITS && fabs(hit[k] - w.clip[i]) > 1e-9)
                k++;
            assert_true(k < HITS);
        }
        timewarp_finish(&w);
    }
    assert_true(on > 0.75 * hits && hits > 100);
}

static void a_perfect_dance_is_left_alone(void **state)
{
    double hit[HITS], grid[GRID];
    TimeWarp w;
    make_grid(grid, 100, 0);
    for (int i = 0; i < HITS; i++)
        hit[i] = 0.6 * i + 0.3;
    assert_true(timewarp_fit(hit, NULL, HITS, 3.3, 0, 24, grid, GRID, 6, &w));
    assert_int_equal(w.hits, w.on_grid);
    for (double t = 0; t < 6; t += 0.1)
        assert_true(fabs(timewarp_at(&w, t) - timewarp_at(&w, 0) - t) < 1e-6);
    timewarp_finish(&w);
}

static void what_cannot_be_is_said(void **state)
{
    double hit[3] = {1, 2, 3}, grid[GRID];
    TimeWarp w;
    make_grid(grid, 100, 0);
    assert_false(timewarp_fit(hit, NULL, 0, 0, 0, 10, grid, GRID, 6, &w));
    assert_false(timewarp_fit(hit, NULL, 3, 0, 0, 3.5, grid, GRID, 6, &w)); /* the clip is too short */
    assert_false(timewarp_fit(hit, NULL, 3, 0, 0, 10, grid, 0, 6, &w));
    assert_false(timewarp_fit(hit, NULL, 3, 50, 0, 100, grid, GRID, 6, &w)); /* no hits there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hits_come_to_the_grid),
                                       cmocka_unit_test(a_perfect_dance_is_left_alone),
                                       cmocka_unit_test(what_cannot_be_is_said)};
    return cmocka_run_group_tests_name("synth_music/timewarp", tests, NULL, NULL);
}
