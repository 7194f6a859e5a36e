/* SPDX-License-Identifier: Apache-2.0
 *
 * Composed dances: bones keep their lengths, feet stand, nothing is too fast, hits are on the beats and not on those of
 * another tempo, energy makes them larger, a piece cut out of the middle is the same, and seeds differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "synth/moves_source.h"

enum { BEATS = 120 };

typedef struct Beats { double at[BEATS]; int bar[BEATS]; float energy[BEATS]; DanceBeats b; } Beats;

static void steady(Beats *s, double tempo, int metre, float energy)
{
    for (int i = 0; i < BEATS; i++) {
        s->at[i] = i * 60 / tempo;
        s->bar[i] = i % metre + 1;
        s->energy[i] = energy;
    }
    s->b = (DanceBeats){BEATS, s->at, s->bar, s->energy, NULL};
}

static Clip compose(const Beats *s, uint64_t seed, DanceFamily f, double start, double seconds, double fps,
                    Contacts *contact)
{
    Clip c;
    Err e = {0};
    DanceOptions o = {.seed = seed, .family = f, .start = start, .seconds = seconds, .fps = fps, .size = 1};
    if (!choreography_compose(&s->b, &o, &c, contact, &e))
        fail_msg("%s", e.text);
    return c;
}

static void bodies_stay_whole(void **state)
{
    float want[MOTION_BONES], length[MOTION_BONES];
    pose_lengths(motion_rest, want);
    for (int f = DANCE_STREET; f <= DANCE_POP; f++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            Beats s;
            Contacts contact[500];
            steady(&s, 75 + 33 * (double)seed, f == DANCE_BALLROOM ? 3 : 4, 0.3f + 0.2f * (float)seed);
            Clip c = compose(&s, seed, (DanceFamily)f, 2, 20, 25, contact);
            float worst, slide = clip_foot_slide(&c, (const Contacts *)contact, &worst), top = 0, standing = 0;
            assert_true(slide < 0.002f && worst < 0.01f);
            for (int t = 0; t < c.frames; t++) {
                pose_lengths(c.pose[t], length);
                for (int b = 0; b < MOTION_BONES; b++)
                    assert_true(fabsf(length[b] - want[b]) < 0.005f);
                for (int j = 0; j < MOTION_JOINTS && t; j++)
                    for (int k = 0; k < 3; k++)
                        top = fmaxf(top, fabsf(c.pose[t][j][k] - c.pose[t - 1][j][k]) * 25);
                assert_true(c.pose[t][JOINT_L_TOE][1] > -0.02f && c.pose[t][JOINT_HEAD][1] > 1.1f);
                assert_true(fabsf(pose_heading(c.pose[t])) < 1.2f);
                standing += (contact[t][0] + contact[t][1]) / (2 * (float)c.frames);
            }
            assert_true(top < 12 && standing > 0.2f);
            clip_finish(&c);
        }
}

/* Share of pose hits within 60 ms of a beat of `tempo`. */
static double on_beat(const Clip *c, double start, double tempo)
{
    double *hit;
    int n = clip_find_hits(c, &hit, NULL), good = 0;
    for (int i = 0; i < n; i++) {
        double beat = (hit[i] + start) * tempo / 60, off = fabs(beat - round(beat)) * 60 / tempo;
        good += off < 0.06;
    }
    mem_free(hit);
    return n ? (double)good / n : 0;
}

static void hits_are_on_the_beat(void **state)
{
    double own = 0, other = 0;
    int n = 0;
    for (int f = DANCE_STREET; f <= DANCE_POP; f++)
        for (uint64_t seed = 0; seed < 3; seed++, n++) {
            double tempo = 80 + 31 * (double)seed;
            Beats s;
            steady(&s, tempo, 4, 0.8f);
            Clip c = compose(&s, seed + 10, (DanceFamily)f, 1, 20, 60, NULL);
            own += on_beat(&c, 1, tempo);
            other += on_beat(&c, 1, tempo * 1.13);
            clip_finish(&c);
        }
    assert_true(own / n > 0.65);
    assert_true(other / n < 0.45);
}

static double liveliness(const Clip *c)
{
    double sum = 0;
    for (int t = 1; t < c->frames; t++)
        for (int k = 0; k < 3; k++)
            sum += fabs((double)(c->pose[t][JOINT_L_WRIST][k] - c->pose[t - 1][JOINT_L_WRIST][k]));
    return sum * c->fps / c->frames;
}

static void energy_makes_it_larger(void **state)
{
    double quiet = 0, loud = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        Beats s;
        steady(&s, 110, 4, 0.15f);
        Clip a = compose(&s, seed, DANCE_POP, 0, 16, 25, NULL);
        steady(&s, 110, 4, 1);
        Clip b = compose(&s, seed, DANCE_POP, 0, 16, 25, NULL);
        quiet += liveliness(&a);
        loud += liveliness(&b);
        clip_finish(&a);
        clip_finish(&b);
    }
    assert_true(loud > 1.5 * quiet);
    Clip idle;
    Err e = {0};
    assert_true(choreography_idle(3, 10, 25, &idle, NULL, &e));
    assert_true(liveliness(&idle) < 0.1 * loud / 12);
    clip_finish(&idle);
}

static void pieces_fit_the_whole(void **state)
{
    Beats s;
    steady(&s, 123, 4, 0.7f);
    Clip whole = compose(&s, 5, DANCE_CLUB, 0, 30, 25, NULL), piece = compose(&s, 5, DANCE_CLUB, 12, 6, 25, NULL);
    float worst = 0;
    for (int t = 0; t < piece.frames; t++)
        for (int k = 0; k < MOTION_JOINTS * 3; k++)
            worst = fmaxf(worst, fabsf((&piece.pose[t][0][0])[k] - (&whole.pose[t + 300][0][0])[k]));
    assert_true(worst < 0.01f);
    clip_finish(&piece);
    piece = compose(&s, 6, DANCE_CLUB, 12, 6, 25, NULL);
    assert_memory_not_equal(piece.pose, whole.pose + 300, sizeof(Pose) * 50);
    clip_finish(&piece);
    clip_finish(&whole);
}

static void wrong_options_are_refused(void **state)
{
    Beats s;
    Clip c;
    steady(&s, 120, 4, 1);
    const DanceOptions bad[] = {{.family = DANCE_SHOW, .seconds = 3, .fps = 25, .size = 1},
                                {.family = DANCE_POP, .seconds = 0, .fps = 25, .size = 1},
                                {.family = DANCE_POP, .seconds = 3, .fps = 0, .size = 1},
                                {.family = DANCE_POP, .seconds = 3, .fps = 25, .size = 9}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Err e = {0};
        assert_false(choreography_compose(&s.b, &bad[i], &c, NULL, &e));
        assert_true(e.text[0]);
    }
    DanceOptions o = {.family = DANCE_POP, .seconds = 3, .fps = 25, .size = 1};
    Err e = {0};
    s.b.beats = 1;
    assert_false(choreography_compose(&s.b, &o, &c, NULL, &e));
    s.b.beats = BEATS;
    s.at[7] = 0;
    assert_false(choreography_compose(&s.b, &o, &c, NULL, &e));
    for (int f = 0; f < DANCE_FAMILIES; f++)
        assert_int_equal(dance_family_find(dance_family_name((DanceFamily)f)), f);
    assert_int_equal(dance_family_find("polka"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_stay_whole), cmocka_unit_test(hits_are_on_the_beat),
            cmocka_unit_test(energy_makes_it_larger),
        cmocka_unit_test(pieces_fit_the_whole), cmocka_unit_test(wrong_options_are_refused)};
    return cmocka_run_group_tests_name("synth_music/choreography", tests, NULL, NULL);
}
