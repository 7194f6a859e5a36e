/* SPDX-License-Identifier: Apache-2.0
 *
 * The source of training windows, without and with captured clips: windows are the same again in any order and on any
 * thread, the shares are kept, dances lock to their own song, held-out clips stay apart, feet stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synth/moves_source.h"

enum { T = 150 };

static MovesSource *open_source(const MovesSourceOptions *o)
{
    Err e = {0};
    MovesSource *s = moves_source_open(o, &e);
    if (!s)
        fail_msg("%s", e.text);
    return s;
}

static void take(MovesSource *s, uint64_t index, MovesWindow *w)
{
    Err e = {0};
    if (!moves_source_window(s, index, w, &e))
        fail_msg("%s", e.text);
}

static const char *folder(char path[4096], const char *name)
{
    const char *root = getenv("JIG_TEST_DATA");
    snprintf(path, 4096, "%s/%s", root ? root : "", name);
    return root && file_is_dir(path) ? path : NULL;
}

static void check_rows(const MovesWindow *w)
{
    Err e = {0};
    Moves m = {.frames = w->frames, .row = w->row};
    if (!moves_check(&m, &e))
        fail_msg("%s", e.text);
    assert_true(moves_top_speed(&m) < 12.5f);
    for (int k = 0; k < 3; k++)
        assert_true(w->row[0][k] == 0);
    for (int i = 0; i < w->frames * SONG_COLUMNS; i++)
        assert_true(isfinite(w->song[i]));
}

/* How strongly the summed speed of hands, feet and root follows the beat phase in columns of `song`. */
static double locking(const MovesWindow *w, const float *song)
{
    Clip c;
    Err e = {0};
    Moves m = {.frames = w->frames, .row = w->row};
    if (!moves_to_clip(&m, NULL, &c, &e))
        fail_msg("%s", e.text);
    static const int joints[] = {JOINT_PELVIS, JOINT_L_WRIST, JOINT_R_WRIST, JOINT_L_ANKLE, JOINT_R_ANKLE};
    double speed[T] = {0}, mean = 0, re[2] = {0}, im[2] = {0}, total = 1e-9;
    for (int t = 1; t < c.frames; t++) {
        for (size_t j = 0; j < ARRAY_LEN(joints); j++) {
            double d = 0;
            for (int k = 0; k < 3; k++)
                d += pow((double)(c.pose[t][joints[j]][k] - c.pose[t - 1][joints[j]][k]), 2);
            speed[t] += sqrt(d);
        }
        mean += speed[t] / (c.frames - 1);
    }
    for (int t = 1; t < c.frames; t++) {
        double phase = atan2((double)song[t * SONG_COLUMNS + SONG_BEAT_SIN],
                             (double)song[t * SONG_COLUMNS + SONG_BEAT_COS]);
        for (int h = 0; h < 2; h++) {
            re[h] += (speed[t] - mean) * cos((h + 1) * phase);
            im[h] += (speed[t] - mean) * sin((h + 1) * phase);
        }
        total += fabs(speed[t] - mean);
    }
    clip_finish(&c);
    return fmax(hypot(re[0], im[0]), hypot(re[1], im[1])) / total;
}

static void composed_windows(void **state)
{
    MovesSourceOptions o = {.songs = 10, .song_seconds = 12, .seed = 3};
    MovesSource *s = open_source(&o);
    MovesWindow w, v;
    moves_window_init(&w, T);
    moves_window_init(&v, T);
    int idle = 0, mirrored = 0, locked = 0, dances = 0, families[DANCE_FAMILIES] = {0};
    for (uint64_t i = 0; i < 120; i++) {
        take(s, i, &w);
        check_rows(&w);
        families[w.family]++;
        mirrored += w.mirrored;
        idle += w.family == DANCE_IDLE;
        assert_true(w.clip[0] == 0 && (w.tempo == 0) == (w.family == DANCE_IDLE));
        assert_true(w.tempo == 0 || (w.tempo >= 75 && w.tempo <= 175));
        if (w.tempo > 0) {
            take(s, 5000 + i, &v); /* another song's phase */
            if (fabs(v.tempo - w.tempo) > 8 && v.tempo > 0) {
                dances++;
                locked += locking(&w, w.song) > locking(&w, v.song);
            }
        }
    }
    assert_true(idle >= 3 && idle <= 30 && mirrored > 35 && mirrored < 85);
    assert_true(dances > 30 && locked > 0.8 * dances);
    int kinds = 0;
    for (int f = DANCE_STREET; f <= DANCE_POP; f++)
        kinds += families[f] > 0;
    assert_true(kinds >= 4);
    take(s, 17, &w);
    take(s, 99, &v);
    take(s, 17, &v);
    assert_memory_equal(w.row, v.row, T * sizeof *w.row);
    assert_memory_equal(w.song, v.song, T * SONG_COLUMNS * sizeof *w.song);
    moves_source_close(s);
    s = open_source(&o); /* in another order */
    take(s, 17, &v);
    assert_memory_equal(w.row, v.row, T * sizeof *w.row);
    Song song;
    Err e = {0};
    assert_true(moves_source_song(s, v.song_index, &song, &e));
    assert_true(song.frames == 12 * 22050 && (song.beats == 0) == (v.tempo == 0));
    song_finish(&song);
    assert_false(moves_source_song(s, 10, &song, &e));
    moves_source_close(s);
    moves_window_finish(&w);
    moves_window_finish(&v);
}

typedef struct Job { MovesSource *s; MovesRow (*rows)[T]; } Job;

static void some_windows(void *ctx, int64_t from, int64_t to)
{
    Job *j = ctx;
    MovesWindow w;
    Err e = {0};
    moves_window_init(&w, T);
    for (int64_t i = from; i < to; i++)
        if (moves_source_window(j->s, (uint64_t)i, &w, &e))
            memcpy(j->rows[i], w.row, sizeof j->rows[i]);
    moves_window_finish(&w);
}

static void threads_make_the_same(void **state)
{
    MovesSourceOptions o = {.songs = 4, .song_seconds = 10, .seed = 4};
    MovesRow (*a)[T] = mem_zero(24 * sizeof *a), (*b)[T] = mem_zero(24 * sizeof *b);
    Job many = {open_source(&o), a}, one = {open_source(&o), b};
    threads_for(24, 1, some_windows, &many);
    some_windows(&one, 0, 24);
    assert_memory_equal(a, b, 24 * sizeof *a);
    moves_source_close(many.s);
    moves_source_close(one.s);
    mem_free(a);
    mem_free(b);
}

static void captured_windows(void **state)
{
    char motion[4096], gestures[4096];
    if (!folder(motion, "motion") || !folder(gestures, "puppets/bvh"))
        skip();
    MovesSourceOptions o = {.motion = motion, .gestures = gestures, .songs = 10, .song_seconds = 12, .seed = 5};
    MovesSource *s = open_source(&o);
    assert_int_equal(moves_source_clips(s), 57 - 8 + 6);
    MovesWindow w;
    moves_window_init(&w, T);
    int captured = 0, show = 0;
    double slide = 0, far = 0;
    for (uint64_t i = 0; i < 150; i++) {
        take(s, i, &w);
        check_rows(&w);
        if (!w.clip[0])
            continue;
        captured++;
        show += w.family == DANCE_SHOW;
        assert_false(clip_is_held_out(w.clip));
        Moves m = {.frames = T, .row = w.row};
        Clip c;
        Err e = {0};
        Contacts contact[T];
        assert_true(moves_to_clip(&m, NULL, &c, &e));
        for (int t = 0; t < T; t++) {
            memcpy(contact[t], w.row[t] + MOVES_CONTACT, sizeof contact[t]);
            far = fmax(far, fabs((double)moves_heading(w.row[t])));
        }
        slide = fmax(slide, (double)clip_foot_slide(&c, (const Contacts *)contact, NULL));
        clip_finish(&c);
    }
    assert_true(captured > 60 && captured < 110 && show > captured / 2);
    assert_true(slide < 0.01);
    assert_true(far < 1.4);
    moves_source_close(s);
    o.held_out = true;
    s = open_source(&o);
    assert_int_equal(moves_source_clips(s), 8);
    for (uint64_t i = 0; i < 30; i++) {
        take(s, i, &w);
        assert_true(!w.clip[0] || clip_is_held_out(w.clip));
    }
    moves_source_close(s);
    moves_window_finish(&w);
}

static void wrong_options_are_refused(void **state)
{
    const MovesSourceOptions bad[] = {{.songs = -1}, {.song_seconds = 1}, {.composed = 0.9f, .idle = 0.5f},
                                      {.motion = "/nonexistent"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Err e = {0};
        assert_null(moves_source_open(&bad[i], &e));
        assert_true(e.text[0]);
    }
    MovesSourceOptions o = {.songs = 2, .song_seconds = 5};
    MovesSource *s = open_source(&o);
    MovesWindow w;
    Err e = {0};
    moves_window_init(&w, T);
    assert_false(moves_source_window(s, 0, &w, &e)); /* longer than the songs */
    assert_non_null(strstr(e.text, "150 frames"));
    moves_window_finish(&w);
    moves_source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(composed_windows), cmocka_unit_test(threads_make_the_same),
                                       cmocka_unit_test(captured_windows), cmocka_unit_test(wrong_options_are_refused)};
    return cmocka_run_group_tests_name("synth_music/moves_source", tests, NULL, NULL);
}
