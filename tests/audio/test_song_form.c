/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of a song: parts that are known by construction are found, what returns gets the same letter, energy follows
 * loudness, and odd songs have a form too. And clicks: on the very sample of each beat.
 */
#include "audio_test.h"

/* Bars of 2 s (four beats): form "AABBAACC", a letter for every two bars; A a low tone, B a loud high one with more strokes,
 * C noise. Returns the grid. */
static Sounds song_of(const char *form, BeatGrid *g)
{
    int bars = 2 * (int)strlen(form), n = 4 * bars;
    Sounds s = sounds_make(2.0 * bars, 22050);
    double *beats = mem_alloc((size_t)n * sizeof(double));
    int *place = mem_alloc((size_t)n * sizeof(int));
    Rng r = rng_make(5, 5);
    for (int i = 0; i < n; i++) {
        beats[i] = i * 0.5;
        place[i] = i % 4 + 1;
    }
    for (int64_t i = 0; i < s.n; i++) {
        double t = (double)i / s.rate, in_beat = fmod(t, 0.5);
        char c = form[(int)(t / 4)];
        double stroke = exp(-fmod(t, c == 'B' ? 0.125 : 0.5) / 0.03);
        double tone = c == 'A' ? 0.1 * sin(2 * M_PI * 110 * t) : c == 'B' ? 0.4 * sin(2 * M_PI * 659 * t) : 0;
        double noise = (c == 'C' ? 0.25 : c == 'B' ? 0.3 * stroke : 0.05 * stroke) * (double)rng_range(&r, -1, 1);
        s.x[i] = (float)(tone + noise + 0.2 * sin(2 * M_PI * 60 * in_beat) * exp(-in_beat / 0.05));
    }
    audio_grid_init(g);
    audio_grid_set(g, beats, place, n, (double)s.n / s.rate);
    mem_free(beats);
    mem_free(place);
    return s;
}

static void finds_parts(void **state)
{
    BeatGrid g;
    SongForm f;
    Err e = {0};
    Sounds s = song_of("AABBAACC", &g);
    assert_true(audio_song_form(&f, s.x, s.n, s.rate, &g, &e));
    assert_int_equal(f.n_bars, 16);
    assert_int_equal(f.n_parts, 4);
    static const int letters[] = {0, 1, 0, 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f.part[i].letter, letters[i]);
        assert_float_equal(f.part[i].start, 8.0 * i, 1e-6);
        assert_float_equal(f.part[i].end, 8.0 * (i + 1), 1e-6);
        assert_int_equal(f.part[i].bars, 4);
    }
    assert_int_equal(f.part[2].number, 2);
    assert_true(f.part[2].alike > 0.9f);
    assert_true(f.part[1].energy > f.part[0].energy + 0.1f);
    assert_float_equal(f.bar[3].tempo, 120, 1e-6);
    assert_int_equal(f.bar[3].beats, 4);
    assert_int_equal(f.bar[15].part, 3);
    assert_int_equal(audio_find_part(&f, "A", 0), 0);
    assert_int_equal(audio_find_part(&f, "a", 9), 2);
    assert_int_equal(audio_find_part(&f, "A2", 0), 2);
    assert_int_equal(audio_find_part(&f, "A3", 0), -1);
    assert_int_equal(audio_find_part(&f, "D", 0), -1);
    assert_int_equal(audio_find_part(&f, f.part[1].name, 0), 1);
    assert_int_equal(audio_find_part(&f, "", 0), -1);
    audio_song_form_finish(&f);
    audio_grid_finish(&g);
    free(s.x);
}

static void odd_songs(void **state)
{
    BeatGrid g, none;
    SongForm f;
    Err e = {0};
    Sounds s = song_of("A", &g);
    audio_grid_init(&none);
    none.length = (double)s.n / s.rate;
    assert_true(audio_song_form(&f, s.x, s.n, s.rate, &none, &e)); /* no beat: bars of four seconds */
    assert_int_equal(f.n_bars, 1);
    assert_int_equal(f.n_parts, 1);
    assert_float_equal(f.bar[0].tempo, 0, 0);
    audio_song_form_finish(&f);
    none.length = 0;
    assert_true(audio_song_form(&f, s.x, 0, s.rate, &none, &e));
    assert_int_equal(f.n_parts, 1);
    audio_song_form_finish(&f);
    memset(s.x, 0, (size_t)s.n * sizeof(float)); /* silence */
    assert_true(audio_song_form(&f, s.x, s.n, s.rate, &g, &e));
    assert_int_equal(f.n_parts, 1);
    assert_float_equal(f.part[0].energy, 0, 0);
    audio_song_form_finish(&f);
    audio_grid_finish(&g);
    free(s.x);
    enum { MANY = 60000 }; /* a grid by hand with a downbeat every 30 ms: bars stay half a second long */
    s = noise(1800, 1000, 0.3f);
    double *beats = mem_alloc(MANY * sizeof(double));
    int *ones = mem_alloc(MANY * sizeof(int));
    for (int i = 0; i < MANY; i++) {
        beats[i] = i * 0.03;
        ones[i] = 1;
    }
    audio_grid_init(&g);
    audio_grid_set(&g, beats, ones, MANY, 1800);
    assert_true(audio_song_form(&f, s.x, s.n, s.rate, &g, &e));
    assert_true(f.n_bars > 1000 && f.n_bars <= 2001);
    audio_song_form_finish(&f);
    audio_grid_finish(&g);
    mem_free(beats);
    mem_free(ones);
    free(s.x);
    Text t = {0};
    char letter[8];
    for (int i = 0; i < 60; i += 25) {
        audio_part_letter(i, letter);
        text_add(&t, "%s ", letter);
    }
    assert_string_equal(t.s, "A Z Y1 ");
    text_finish(&t);
}

static void clicks_on_the_sample(void **state)
{
    enum { N = 8000 };
    float x[2 * N] = {0};
    double beats[] = {0.1, 0.50003, 0.9999};
    int place[] = {1, 2, 1};
    BeatGrid g;
    audio_grid_init(&g);
    audio_grid_set(&g, beats, place, 3, 1);
    audio_add_clicks(x, N, 2, N, &g);
    for (int i = 0, k = 0; i < N; i++) {
        bool silent_before = i == 0 || x[2 * i - 2] == 0;
        if (x[2 * i] != 0 && silent_before) {
            assert_int_equal(i, lround(beats[k] * N));
            assert_float_equal(x[2 * i], place[k] == 1 ? 0.45 : 0.35, 1e-6);
            k++;
        }
        assert_true(x[2 * i] == x[2 * i + 1]);
    }
    for (int i = 0; i < 2 * N; i++)
        x[i] = i % 2 ? 1.0f : -1.0f; /* a loud song is turned down: nothing clips */
    audio_add_clicks(x, N, 2, N, &g);
    for (int i = 0; i < 2 * N; i++)
        assert_true(fabsf(x[i]) < 1);
    audio_grid_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_parts), cmocka_unit_test(odd_songs),
        cmocka_unit_test(clicks_on_the_sample)};
    return cmocka_run_group_tests_name("audio/song_form", tests, NULL, NULL);
}
