/* SPDX-License-Identifier: Apache-2.0
 *
 * Features per video frame: formulas of the beat columns, scale of the sound columns, honest zeros without a beat, and
 * the same music at any frame rate.
 */
#include "audio_test.h"

static float at(const SongFeatures *f, int64_t i, int column)
{
    return f->rows[i * SONG_COLUMNS + column];
}

static void beat_columns(void **state)
{
    double s[40], t;
    int b[40], n;
    double beats[1000];
    for (int i = 0; i < 40; i++) {
        s[i] = 0.5 + 0.5 * i;
        b[i] = i % 4 + 1;
    }
    BeatGrid g;
    SongFeatures f;
    Err e = {0};
    audio_grid_init(&g);
    audio_grid_set(&g, s, b, 40, 21);
    Sounds x = band(21, 120, 4, 0, 0.5, beats, &n);
    assert_true(audio_song_features(&f, x.x, x.n, x.rate, &g, 25, &e));
    assert_int_equal(f.frames, 525);
    for (int64_t i = 0; i < f.frames; i++) {
        t = (double)i / 25;
        double beat = (t - 0.5) / 0.5, bar = beat / 4;
        double d = fabs(t - 0.5 - 0.5 * round(beat)), one = fabs(t - 0.5 - 2 * round(bar));
        assert_float_equal(at(&f, i, SONG_BEAT_SIN), sin(2 * M_PI * beat), 1e-5);
        assert_float_equal(at(&f, i, SONG_BEAT_COS), cos(2 * M_PI * beat), 1e-5);
        assert_float_equal(at(&f, i, SONG_BAR_SIN), sin(2 * M_PI * bar), 1e-5);
        assert_float_equal(at(&f, i, SONG_BAR_COS), cos(2 * M_PI * bar), 1e-5);
        assert_float_equal(at(&f, i, SONG_HALF_SIN), sin(M_PI * beat), 1e-5);
        assert_float_equal(at(&f, i, SONG_DOUBLE_COS), cos(4 * M_PI * beat), 1e-5);
        assert_float_equal(at(&f, i, SONG_BEAT_PULSE), exp(-d * d / 0.005), 1e-5);
        assert_float_equal(at(&f, i, SONG_DOWNBEAT_PULSE), exp(-one * one / 0.005), 1e-5);
        assert_float_equal(at(&f, i, SONG_TEMPO), 0, 1e-6);
        if (i < 12 || (i > 12 && i < 500)) /* the band begins at 0.5 s; a window of 46 ms hears it in frame 12 or 13 */
            assert_float_equal(at(&f, i, SONG_SILENCE), (i < 12 ? 1 : 0), 0);
        if (i > 12 && i < 500)
            assert_true(at(&f, i, SONG_LOUDNESS) > 0.3f && at(&f, i, SONG_LOUDNESS) <= 1);
        /* drums on every beat and a hat between: the onset column is high where the phase is 0 */
        if (d < 0.01 && t > 1 && t < 20)
            assert_true(at(&f, i, SONG_ONSET) > 0.5f && at(&f, i, SONG_ONSET) <= 2);
    }
    for (int c = SONG_MEL; c < SONG_MEL + SONG_MEL_BANDS; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < f.frames; i++) {
            sum += at(&f, i, c);
            squares += (double)at(&f, i, c) * at(&f, i, c);
        }
        assert_float_equal(sum / 525, 0, 1e-3);
        assert_float_equal(squares / 525, 1, 1e-2);
    }
    audio_song_features_finish(&f);
    audio_song_features_finish(&f);
    audio_grid_finish(&g);
    free(x.x);
}

static void no_beat_no_sound(void **state)
{
    BeatGrid g;
    SongFeatures f;
    audio_grid_init(&g);
    Sounds s = sounds_make(2.01, 44100);
    assert_true(audio_song_features(&f, s.x, s.n, s.rate, &g, 30, NULL));
    assert_int_equal(f.frames, 61);
    for (int64_t i = 0; i < f.frames * SONG_COLUMNS; i++)
        assert_float_equal(f.rows[i], (i % SONG_COLUMNS == SONG_SILENCE ? 1 : 0), 0);
    audio_song_features_finish(&f);
    assert_true(audio_song_features(&f, s.x, 0, s.rate, &g, 30, NULL));
    assert_int_equal(f.frames, 0);
    audio_song_features_finish(&f);
    free(s.x);
}

static void any_frame_rate(void **state)
{
    static const double rates[] = {1, 10, 23.976, 60, 240};
    double beats[1000];
    int n;
    Sounds s = band(8, 110, 4, 0, 0.1, beats, &n);
    BeatGrid g;
    assert_true(audio_track_beats(&g, s.x, s.n, s.rate, NULL, NULL));
    for (size_t r = 0; r < ARRAY_LEN(rates); r++) {
        SongFeatures f;
        assert_true(audio_song_features(&f, s.x, s.n, s.rate, &g, rates[r], NULL));
        assert_int_equal(f.frames, (int64_t)ceil(8 * rates[r] - 1e-9));
        float loudest = 0;
        for (int64_t i = 0; i < f.frames * SONG_COLUMNS; i++)
            assert_true(isfinite(f.rows[i]));
        for (int64_t i = 0; i < f.frames; i++)
            loudest = fmaxf(loudest, at(&f, i, SONG_ONSET));
        assert_true(loudest > 0.9f); /* no onset falls between two frames */
        audio_song_features_finish(&f);
    }
    SongFeatures f;
    Err e = {0};
    assert_false(audio_song_features(&f, s.x, s.n, s.rate, &g, 0, &e));
    assert_non_null(strstr(e.text, "1 to 240"));
    assert_false(audio_song_features(&f, s.x, s.n, s.rate, &g, NAN, NULL));
    assert_false(audio_song_features(&f, s.x, s.n, 5, &g, 25, NULL));
    s.x[5000] = NAN;
    assert_true(audio_song_features(&f, s.x, s.n, s.rate, &g, 25, NULL));
    for (int64_t i = 0; i < f.frames * SONG_COLUMNS; i++)
        assert_true(isfinite(f.rows[i]));
    audio_song_features_finish(&f);
    audio_grid_finish(&g);
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beat_columns), cmocka_unit_test(no_beat_no_sound),
        cmocka_unit_test(any_frame_rate)};
    return cmocka_run_group_tests_name("audio/song_features", tests, NULL, NULL);
}
