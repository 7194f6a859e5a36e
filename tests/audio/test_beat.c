/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat tracker: songs with exactly known beats, songs without a beat, and what cannot be analysed. A wider set is
 * composed by compose_songs.py and scored by score_songs.py.
 */
#include "audio_test.h"
#include "metrics/metrics.h"

static BeatGrid track(Sounds s)
{
    BeatGrid g;
    Err e = {0};
    if (!audio_track_beats(&g, s.x, s.n, s.rate, NULL, &e))
        fail_msg("%s", e.text);
    assert_float_equal(g.length, (double)s.n / s.rate, 1e-6);
    for (int i = 0; i < g.n; i++) {
        assert_true(g.seconds[i] >= 0 && g.seconds[i] <= g.length && (i == 0 || g.seconds[i] > g.seconds[i - 1]));
        assert_true(g.beat_in_bar[i] >= 1 && g.beat_in_bar[i] <= g.metre);
    }
    assert_true(audio_grid_has_beat(&g) || g.reason[0]);
    return g;
}

static double score(const BeatGrid *g, const double *beats, int n, double window)
{
    return metrics_beat_fmeasure(beats, n, g->seconds, g->n, window, 0).f;
}

static double score_downbeats(const BeatGrid *g, const double *beats, const int *place, int n)
{
    double known[1000], found[1000];
    int a = 0, b = 0;
    for (int i = 0; i < n; i++)
        if (place[i] == 1)
            known[a++] = beats[i];
    for (int i = 0; i < g->n; i++)
        if (g->beat_in_bar[i] == 1)
            found[b++] = g->seconds[i];
    return metrics_beat_fmeasure(known, a, found, b, 0.07, 0).f;
}

static void ten_tracks(void **state)
{
    static const char *names[] = {"boombap_96", "breaks_136", "disco_112", "dnb_174", "funk_104", "hiphop_84",
        "house_120", "latin_150", "techno_128", "waltz_90"};
    double sum = 0, bars = 0;
    if (!data_path("tracks/cc0_waltz_90bpm.wav"))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char name[100];
        Err e = {0};
        snprintf(name, sizeof name, "tracks/cc0_%sbpm.beats.tsv", names[i]);
        BeatGrid known;
        if (!audio_beats_read(&known, data_path(name), 0, &e))
            fail_msg("%s", e.text);
        snprintf(name, sizeof name, "tracks/cc0_%sbpm.wav", names[i]);
        Sounds s = wav_read(data_path(name));
        BeatGrid g = track(s);
        double f = score(&g, known.seconds, known.n, 0.07);
        double trimmed = metrics_beat_fmeasure(known.seconds, known.n, g.seconds, g.n, 0.07, 5).f;
        if (f < 0.94 || trimmed < 0.94)
            fail_msg("%s: F-measure %.3f, after 5 s %.3f", names[i], f, trimmed);
        sum += MIN(f, trimmed);
        bars += score_downbeats(&g, known.seconds, known.beat_in_bar, known.n);
        assert_int_equal(g.metre, known.metre);
        assert_float_equal(g.tempo, known.tempo, 0.05);
        assert_true(g.steady && g.confidence > 0.9f);
        audio_grid_finish(&known);
        audio_grid_finish(&g);
        free(s.x);
    }
    assert_true(sum / ARRAY_LEN(names) >= 0.99);
    assert_true(bars / ARRAY_LEN(names) >= 0.9);
}

static void a_real_song(void **state)
{
    const char *path = data_path("inputs/person/StreetDance.wav");
    if (!path)
        skip();
    Sounds s = wav_read(path);
    BeatGrid g = track(s);
    double known[100];
    int n = 0;
    for (double t = 0.3; t < g.length; t += 60 / 129.8) /* measured tempo and phase: data/README.md, section 3 */
        known[n++] = t;
    assert_true(score(&g, known, n, 0.07) > 0.94);
    assert_float_equal(g.tempo, 129.8, 0.6);
    audio_grid_finish(&g);
    free(s.x);
}

/* Times are exact to 10 ms, downbeats and metre are right, over tempi, drift and metre. */
static void a_band(void **state)
{
    static const struct { double bpm; int metre; double drift, lead; } songs[] = {
        {76, 4, 0, 0.4}, {100, 4, 0, 0}, {126, 4, 0, 1.7}, {160, 4, 0, 0.2}, {112, 4, 0.08, 0.3}, {138, 3, 0, 0.5},
        {96, 3, 0, 0.2},
    };
    for (size_t i = 0; i < ARRAY_LEN(songs); i++) {
        double beats[1000];
        int place[1000], n;
        Sounds s = band(25, songs[i].bpm, songs[i].metre, songs[i].drift, songs[i].lead, beats, &n);
        for (int k = 0; k < n; k++)
            place[k] = k % songs[i].metre + 1;
        BeatGrid g = track(s);
        double f = score(&g, beats, n, songs[i].drift > 0 ? 0.03 : 0.01), d = score_downbeats(&g, beats, place, n);
        if (f < 0.97 || d < 0.9 || g.metre != songs[i].metre || g.steady != (songs[i].drift == 0))
            fail_msg("%g bpm: F %.3f, downbeats %.3f, metre %d, tempo %.2f, steady %d", songs[i].bpm, f, d, g.metre,
                g.tempo, g.steady);
        audio_grid_finish(&g);
        free(s.x);
    }
}

/* The grid does not depend on loudness or sample rate, and survives a break without drums. */
static void loudness_rate_and_breaks(void **state)
{
    double beats[1000];
    int n;
    Sounds s = band(30, 118, 4, 0, 0.35, beats, &n);
    for (int64_t i = 0; i < s.n; i++) {
        double t = (double)i / s.rate;
        s.x[i] *= (t > 12 && t < 17 ? 0.02f : t > 22 ? 0.1f : 1) * 0.05f;
    }
    BeatGrid g = track(s);
    assert_true(score(&g, beats, n, 0.015) > 0.98);
    audio_grid_finish(&g);
    Sounds low = {.rate = 16000};
    assert_true(audio_resample(s.x, s.n, s.rate, low.rate, &low.x, &low.n, NULL));
    g = track(low);
    assert_true(score(&g, beats, n, 0.015) > 0.98);
    audio_grid_finish(&g);
    mem_free(low.x);
    free(s.x);
}

static void same_twice_and_on_one_thread(void **state)
{
    double beats[1000];
    int n, threads = threads_count();
    Sounds s = band(12, 105, 4, 0, 0.1, beats, &n);
    BeatGrid a = track(s), b = track(s);
    threads_set(1);
    BeatGrid c = track(s);
    threads_set(threads);
    assert_true(a.n == b.n && a.n == c.n);
    assert_memory_equal(a.seconds, b.seconds, (size_t)a.n * sizeof(double));
    assert_memory_equal(a.seconds, c.seconds, (size_t)a.n * sizeof(double));
    audio_grid_finish(&a);
    audio_grid_finish(&b);
    audio_grid_finish(&c);
    free(s.x);
}

static void check_beatless(Sounds s, const char *word)
{
    BeatGrid g = track(s);
    if (g.n != 0 || g.confidence >= 0.5f || g.tempo != 0 || !strstr(g.reason, word))
        fail_msg("%d beats, confidence %.2f, reason '%s' should speak of %s", g.n, g.confidence, g.reason, word);
    audio_grid_finish(&g);
    free(s.x);
}

static void honest_without_a_beat(void **state)
{
    check_beatless(sounds_make(20, 44100), "silence");
    check_beatless(sounds_make(0, 44100), "silence");
    check_beatless(noise(0.2, 44100, 0.3f), "too short");
    check_beatless(noise(20, 22050, 0.3f), "noise");
    check_beatless(noise(6, 44100, 0.01f), "noise");
    check_beatless(speech(30, 1), "speech");
    check_beatless(speech(12, 2), "speech");
    Sounds hum = sounds_make(10, 44100);
    for (int64_t i = 0; i < hum.n; i++)
        hum.x[i] = (float)(0.1 * sin(2 * M_PI * 50 * (double)i / hum.rate));
    check_beatless(hum, "nothing begins");
    Sounds clap = sounds_make(5, 22050);
    Rng r = rng_make(1, 2);
    add_hit(&clap, 2, 1, 0.8f, &r);
    check_beatless(clap, "");
}

static bool cancel(void *user, const char *stage, double done, double total)
{
    return ++*(int *)user < 2;
}

static void odd_input(void **state)
{
    BeatGrid g;
    Err e = {0};
    float x[100] = {0};
    assert_false(audio_track_beats(&g, x, 100, 0, NULL, &e));
    assert_non_null(strstr(e.text, "1000"));
    e = (Err){0};
    assert_false(audio_track_beats(&g, x, (int64_t)8e7, 8000, NULL, &e)); /* refused before a sample is touched */
    assert_non_null(strstr(e.text, "7200"));
    double beats[1000];
    int n, calls = 0;
    Sounds s = band(20, 120, 4, 0, 0.2, beats, &n);
    s.x[1000] = NAN;
    s.x[200000] = INFINITY;
    s.x[300000] = -1e30f;
    g = track(s);
    assert_true(score(&g, beats, n, 0.02) > 0.95);
    audio_grid_finish(&g);
    e = (Err){0};
    Progress p = {cancel, &calls};
    assert_false(audio_track_beats(&g, s.x, s.n, s.rate, &p, &e));
    assert_true(e.cancelled);
    assert_int_equal(g.n, 0);
    free(s.x);
    for (int samples = 0; samples < 5000; samples += 311) {
        s = noise(1, 8000, 0.3f);
        s.n = samples;
        g = track(s);
        audio_grid_finish(&g);
        free(s.x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_tracks), cmocka_unit_test(a_real_song), cmocka_unit_test(a_band),
        cmocka_unit_test(loudness_rate_and_breaks), cmocka_unit_test(same_twice_and_on_one_thread),
        cmocka_unit_test(honest_without_a_beat), cmocka_unit_test(odd_input),
    };
    return cmocka_run_group_tests_name("audio/beat", tests, NULL, NULL);
}
