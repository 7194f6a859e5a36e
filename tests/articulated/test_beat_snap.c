/* SPDX-License-Identifier: Apache-2.0
 *
 * A composed dance, exactly on its beats, is played against a grid that is a little late: snapping lays its hits on that
 * grid, leaves the length alone, and does nothing where there is no beat.
 */
#include "models/articulated/articulated_internal.h"
#include "synth/moves_source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { BEATS = 26 };
static const double period = 0.52, late = 0.07;

static Moves composed(void)
{
    Err e = {0};
    double beat[BEATS];
    int in_bar[BEATS];
    for (int i = 0; i < BEATS; i++) {
        beat[i] = 0.25 + i * period;
        in_bar[i] = i % 4 + 1;
    }
    DanceBeats b = {.beat = beat, .beat_in_bar = in_bar, .beats = BEATS};
    DanceOptions o = {.seed = 5, .family = DANCE_DISCO, .seconds = 13, .fps = MOTION_FPS, .size = 1};
    Clip clip = {0};
    Contacts *contact = mem_zero(sizeof *contact * 400);
    Moves m = {0};
    assert_true(choreography_compose(&b, &o, &clip, contact, &e));
    assert_true(moves_from_poses(&clip, contact, &m, &e));
    clip_finish(&clip);
    mem_free(contact);
    return m;
}

static BeatGrid late_grid(double seconds)
{
    BeatGrid g;
    double beat[BEATS];
    int in_bar[BEATS], n = 0;
    audio_grid_init(&g);
    for (int i = 0; i < BEATS && 0.25 + late + i * period < seconds; i++, n++) {
        beat[i] = 0.25 + late + i * period;
        in_bar[i] = i % 4 + 1;
    }
    audio_grid_set(&g, beat, in_bar, n, seconds);
    return g;
}

/* Mean distance of hits from the nearest half beat of the grid, seconds. */
static double distance(const Moves *m, const BeatGrid *g)
{
    Err e = {0};
    Clip clip = {0};
    double *hit = NULL, sum = 0;
    assert_true(moves_to_clip(m, NULL, &clip, &e));
    int n = clip_find_hits(&clip, &hit, NULL), used = 0;
    for (int i = 0; i < n; i++) {
        double phase = (hit[i] - g->seconds[0]) / (0.5 * period);
        if (phase < 0 || hit[i] > g->seconds[g->n - 1])
            continue;
        sum += fabs(phase - round(phase)) * 0.5 * period;
        used++;
    }
    assert_true(used > 8);
    clip_finish(&clip);
    mem_free(hit);
    return sum / used;
}

static void test_onto_the_beat(void **state)
{
    Err e = {0};
    Moves m = composed();
    BeatGrid g = late_grid(13);
    int frames = m.frames;
    double before = distance(&m, &g);
    assert_true(beat_snap(&m, &g, &e));
    assert_int_equal(m.frames, frames);
    assert_true(distance(&m, &g) < 0.6 * before);
    audio_grid_finish(&g);
    moves_finish(&m);
}

static void test_no_beat(void **state)
{
    Err e = {0};
    Moves m = composed(), same = {0};
    BeatGrid none;
    audio_grid_init(&none);
    assert_true(moves_copy(&m, &same, &e));
    assert_true(beat_snap(&m, &none, &e));
    assert_memory_equal(m.row, same.row, (size_t)m.frames * sizeof *m.row);
    moves_finish(&m);
    moves_finish(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_onto_the_beat), cmocka_unit_test(test_no_beat)};
    return cmocka_run_group_tests_name("articulated/beat_snap", tests, NULL, NULL);
}
