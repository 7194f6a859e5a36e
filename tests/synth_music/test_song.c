/* SPDX-License-Identifier: Apache-2.0
 *
 * Composed songs: the same seed gives the same samples, nothing clips, beats and sections are in order, the kick is
 * where the beat is said to be, loud sections are loud, and sounds without a beat are what they are called.
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

#include "synth/song.h"

static Song compose(const SongOptions *o)
{
    Song s;
    Err e = {0};
    if (!song_compose(o, &s, &e))
        fail_msg("%s", e.text);
    return s;
}

static void the_seed_decides(void **state)
{
    SongOptions o = {.seed = 7, .seconds = 6, .style = -1, .rate = 22050, .channels = 1};
    Song a = compose(&o), b = compose(&o);
    assert_int_equal(a.frames, 6 * 22050);
    assert_memory_equal(a.samples, b.samples, (size_t)a.frames * sizeof(float));
    assert_int_equal(a.beats, b.beats);
    o.seed = 8;
    Song c = compose(&o);
    assert_memory_not_equal(a.samples, c.samples, (size_t)a.frames * sizeof(float));
    song_finish(&a);
    song_finish(&b);
    song_finish(&c);
}

static void every_style_is_in_order(void **state)
{
    for (int style = 0; style < MUSIC_STYLES; style++)
        for (int n = 0; n < 3; n++) {
            SongOptions o = {.seed = (uint64_t)(100 * n + style), .seconds = 20, .style = style, .rate = n ? 22050
                             : 44100,
                             .channels = 1 + n % 2};
            Song s = compose(&o);
            float peak = 0;
            double sum = 0;
            for (int64_t i = 0; i < s.frames * s.channels; i++) {
                assert_true(isfinite(s.samples[i]));
                peak = fmaxf(peak, fabsf(s.samples[i]));
                sum += s.samples[i];
            }
            assert_true(peak > 0.04f && peak < 1);
            assert_true(fabs(sum / (double)(s.frames * s.channels)) < 0.02);
            double lo, hi;
            music_style_tempo((MusicStyle)style, &lo, &hi);
            assert_true(s.tempo >= lo - 1e-3 && s.tempo <= hi + 1e-3);
            assert_true(abs(s.beats - (int)(s.tempo * 20 / 60)) <= 2);
            assert_int_equal(s.metre, style == MUSIC_WALTZ ? 3 : style == MUSIC_SIX_EIGHT ? 2 : 4);
            for (int b = 0; b < s.beats; b++) {
                assert_true(s.beat[b] >= 0 && s.beat[b] < 20 && s.energy[b] >= 0 && s.energy[b] <= 1);
                assert_int_equal(s.beat_in_bar[b], b % s.metre + 1);
                if (b)
                    assert_true(fabs((s.beat[b] - s.beat[b - 1]) * s.tempo / 60 - 1) < 0.03);
            }
            int at = 0;
            for (int k = 0; k < s.sections; k++) {
                assert_int_equal(s.section[k].first_beat, at);
                at += s.section[k].beats;
            }
            assert_int_equal(at, s.beats);
            song_finish(&s);
        }
}

/* Power below about 120 Hz in the 30 ms after a time against that in the 30 ms around the middle of the beat. */
static void the_kick_is_on_the_beat(void **state)
{
    for (int n = 0; n < 4; n++) {
        SongOptions o = {.seed = (uint64_t)(n + 1), .seconds = 15, .style = MUSIC_TECHNO, .rate = 22050, .channels = 1,
                         .steady = true};
        Song s = compose(&o);
        float low = 0;
        double jump = 0, usual = 0;
        float *filtered = malloc((size_t)s.frames * sizeof *filtered);
        for (int64_t i = 0; i < s.frames; i++)
            filtered[i] = low += 0.033f * (s.samples[i] - low);
        for (int b = 2; b + 2 < s.beats; b++)
            for (int k = 0; k < 660; k++) {
                int64_t on = (int64_t)(s.beat[b] * s.rate) + k;
                jump += filtered[on] * filtered[on];
                usual += filtered[on - 1100] * filtered[on - 1100];
            }
        assert_true(jump > 1.5 * usual);
        free(filtered);
        song_finish(&s);
    }
}

static void energy_is_heard(void **state)
{
    int louder = 0, pairs = 0;
    for (int n = 0; n < 10; n++) {
        SongOptions o = {.seed = (uint64_t)(n + 50), .seconds = 40, .style = n % 2 ? MUSIC_POP : MUSIC_HOUSE,
                         .rate = 22050, .channels = 1};
        Song s = compose(&o);
        double sum[2] = {0};
        int count[2] = {0};
        for (int b = 0; b + 1 < s.beats; b++) {
            int which = s.energy[b] > 0.8f ? 1 : s.energy[b] < 0.5f ? 0 : -1;
            if (which < 0)
                continue;
            for (int64_t i = (int64_t)(s.beat[b] * s.rate); i < (int64_t)(s.beat[b + 1] * s.rate); i++, count[which]++)
                sum[which] += s.samples[i] * s.samples[i];
        }
        if (count[0] && count[1]) {
            pairs++;
            louder += sum[1] / count[1] > sum[0] / count[0];
        }
        song_finish(&s);
    }
    assert_true(pairs >= 5 && louder >= pairs - 1);
}

/* Wide drift, jumps of the tempo and the rest leave beats in order, and change no song that does not ask for them. */
static void wishes_are_granted(void **state)
{
    SongOptions o = {.seed = 21, .seconds = 40, .style = MUSIC_ROCK, .tempo = 120, .rate = 22050, .channels = 1};
    Song usual = compose(&o);
    o.drift = 0.1;
    Song drifting = compose(&o);
    o.drift = 0, o.tempo_changes = 2;
    Song jumping = compose(&o);
    o.tempo_changes = 0, o.half_time = o.drum_breaks = true, o.swing = 0.3;
    Song odd = compose(&o);
    double shortest = 9, longest = 0;
    int jumps = 0;
    for (int b = 1; b < drifting.beats; b++) {
        shortest = fmin(shortest, drifting.beat[b] - drifting.beat[b - 1]);
        longest = fmax(longest, drifting.beat[b] - drifting.beat[b - 1]);
    }
    assert_true(shortest > 0.5 * 0.89 && shortest < 0.5 * 0.93 && longest > 0.5 * 1.05 && longest < 0.5 * 1.11);
    for (int b = 2; b < jumping.beats; b++) {
        double ratio = (jumping.beat[b] - jumping.beat[b - 1]) / (jumping.beat[b - 1] - jumping.beat[b - 2]);
        jumps += fabs(ratio - 1) > 0.06;
        assert_true(ratio > 0.8 && ratio < 1.25);
        if (fabs(ratio - 1) > 0.06)
            assert_int_equal(jumping.beat_in_bar[b - 1], 1); /* tempo jumps on a downbeat */
    }
    assert_int_equal(jumps, 2);
    assert_int_equal(odd.beats, usual.beats);
    assert_memory_equal(odd.beat, usual.beat, (size_t)odd.beats * sizeof(double));
    assert_memory_not_equal(odd.samples, usual.samples, (size_t)odd.frames * sizeof(float));
    song_finish(&usual);
    song_finish(&drifting);
    song_finish(&jumping);
    song_finish(&odd);
}

static void wrong_options_are_refused(void **state)
{
    const SongOptions bad[] = {{.seconds = 1, .style = -1, .rate = 22050, .channels = 1},
                               {.seconds = NAN, .style = -1, .rate = 22050, .channels = 1},
                               {.seconds = 5, .style = 99, .rate = 22050, .channels = 1},
                               {.seconds = 5, .style = -1, .rate = 48000, .channels = 1},
                               {.seconds = 5, .style = -1, .rate = 22050, .channels = 3},
                               {.seconds = 5, .style = -1, .tempo = 400, .rate = 22050, .channels = 1},
                               {.seconds = 5, .style = -1, .drift = 0.5, .rate = 22050, .channels = 1},
                               {.seconds = 5, .style = -1, .swing = -1, .rate = 22050, .channels = 1},
                               {.seconds = 5, .style = -1, .tempo_changes = 9, .rate = 22050, .channels = 1}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Song s;
        Err e = {0};
        assert_false(song_compose(&bad[i], &s, &e));
        assert_true(strstr(e.text, "possible") != NULL);
    }
}

static void kits_replace_drums(void **state)
{
    char path[4096];
    const char *root = getenv("JIG_TEST_DATA");
    Err e = {0};
    assert_null(song_kit_open(".", &e));
    snprintf(path, sizeof path, "%s/samples", root ? root : "");
    if (!root || !file_is_dir(path))
        skip();
    Err e2 = {0};
    SongKit *kit = song_kit_open(path, &e2);
    assert_non_null(kit);
    int changed = 0;
    for (int n = 0; n < 8; n++) {
        SongOptions o = {.seed = (uint64_t)n, .seconds = 5, .style = -1, .rate = 22050, .channels = 1};
        Song a = compose(&o);
        o.kit = kit;
        Song b = compose(&o);
        changed += memcmp(a.samples, b.samples, (size_t)a.frames * sizeof(float)) != 0;
        song_finish(&a);
        song_finish(&b);
    }
    assert_true(changed >= 2 && changed <= 7);
    song_kit_close(kit);
}

static void idle_sounds_have_no_beat(void **state)
{
    enum { N = 22050 * 5 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    for (int kind = 0; kind < IDLE_SOUNDS; kind++) {
        song_idle_sound((IdleSound)kind, 3, 22050, N, x);
        song_idle_sound((IdleSound)kind, 3, 22050, N, y);
        assert_memory_equal(x, y, N * sizeof *x);
        double power = 0;
        for (int i = 0; i < N; i++) {
            assert_true(fabsf(x[i]) <= 0.98f);
            power += x[i] * x[i];
        }
        assert_true(kind == IDLE_SILENCE ? sqrt(power / N) < 0.001 : sqrt(power / N) > 0.002);
    }
    free(x);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed_decides), cmocka_unit_test(every_style_is_in_order),
            cmocka_unit_test(the_kick_is_on_the_beat),
        cmocka_unit_test(energy_is_heard), cmocka_unit_test(wishes_are_granted),
            cmocka_unit_test(wrong_options_are_refused),
            cmocka_unit_test(kits_replace_drums),
        cmocka_unit_test(idle_sounds_have_no_beat)};
    return cmocka_run_group_tests_name("synth_music/song", tests, NULL, NULL);
}
