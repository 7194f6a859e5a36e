/* SPDX-License-Identifier: Apache-2.0
 *
 * Beats and features kept between runs: bit for bit what is computed, and never those of another song, rate or grid.
 */
#include "audio_test.h"

#include <unistd.h>

static char dir[] = "/tmp/jig-test-song-cache-XXXXXX";

static int setup(void **state)
{
    return mkdtemp(dir) ? setenv("JIG_CACHE", dir, 1) : -1;
}

static int teardown(void **state)
{
    cache_clear();
    return rmdir(dir);
}

static int64_t kept(void)
{
    CacheInfo info;
    cache_info(&info);
    return info.entries;
}

static void assert_same_grid(const BeatGrid *a, const BeatGrid *b)
{
    assert_int_equal(a->n, b->n);
    if (a->n) {
        assert_memory_equal(a->seconds, b->seconds, (size_t)a->n * sizeof(double));
        assert_memory_equal(a->beat_in_bar, b->beat_in_bar, (size_t)a->n * sizeof(int));
    }
    assert_memory_equal(&a->length, &b->length, sizeof a->length);
    assert_memory_equal(&a->tempo, &b->tempo, sizeof a->tempo);
    assert_memory_equal(&a->confidence, &b->confidence, sizeof a->confidence);
    assert_memory_equal(&a->bar_confidence, &b->bar_confidence, sizeof a->bar_confidence);
    assert_int_equal(a->metre, b->metre);
    assert_int_equal(a->steady, b->steady);
    assert_string_equal(a->reason, b->reason);
}

static void check_beats(const Sounds *s)
{
    BeatGrid computed, cold, warm;
    audio_grid_init(&computed), audio_grid_init(&cold), audio_grid_init(&warm);
    assert_true(audio_track_beats(&computed, s->x, s->n, s->rate, NULL, NULL));
    int64_t before = kept();
    assert_true(audio_track_beats_cached(&cold, s->x, s->n, s->rate, NULL, NULL));
    assert_int_equal(kept(), before + 1);
    assert_true(audio_track_beats_cached(&warm, s->x, s->n, s->rate, NULL, NULL));
    assert_int_equal(kept(), before + 1);
    assert_same_grid(&computed, &cold);
    assert_same_grid(&computed, &warm);
    audio_grid_finish(&computed), audio_grid_finish(&cold), audio_grid_finish(&warm);
}

static void beats_come_back(void **state)
{
    double beats[1000];
    int n;
    Sounds music = band(12, 118, 4, 0, 0.3, beats, &n), nothing = sounds_make(3, 44100);
    check_beats(&music);
    check_beats(&nothing); /* an empty grid and its reason */
    music.x[1234] += 1e-6f;
    check_beats(&music); /* another song */
    music.rate = 44101;
    check_beats(&music);
    Err e = {0};
    BeatGrid g;
    audio_grid_init(&g);
    assert_false(audio_track_beats_cached(&g, music.x, 100, 0, NULL, &e)); /* what fails is not kept */
    assert_int_equal(kept(), 4);
    audio_grid_finish(&g);
    free(music.x);
    free(nothing.x);
}

static void features_follow_the_grid(void **state)
{
    double beats[1000];
    int n;
    Sounds s = band(6, 118, 4, 0, 0.3, beats, &n);
    BeatGrid g;
    audio_grid_init(&g);
    int places[] = {1, 2, 3, 4, 1, 2, 3, 4};
    cache_clear();
    for (int edit = 0; edit < 4; edit++) {
        double fps = edit == 3 ? 25 : 30;
        places[6] = edit == 2 ? 1 : 3, places[7] = edit == 2 ? 2 : 4;
        audio_grid_set(&g, beats + (edit == 1), places, 8, 6);
        SongFeatures computed, cold, warm;
        assert_true(audio_song_features(&computed, s.x, s.n, s.rate, &g, fps, NULL));
        assert_true(audio_song_features_cached(&cold, s.x, s.n, s.rate, &g, fps, NULL));
        assert_true(audio_song_features_cached(&warm, s.x, s.n, s.rate, &g, fps, NULL));
        assert_int_equal(kept(), edit + 1);
        assert_int_equal(cold.frames, computed.frames);
        assert_int_equal(warm.frames, computed.frames);
        assert_true(warm.fps == fps);
        size_t bytes = (size_t)computed.frames * SONG_COLUMNS * sizeof(float);
        assert_memory_equal(cold.rows, computed.rows, bytes);
        assert_memory_equal(warm.rows, computed.rows, bytes);
        audio_song_features_finish(&computed), audio_song_features_finish(&cold), audio_song_features_finish(&warm);
    }
    audio_grid_finish(&g);
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beats_come_back), cmocka_unit_test(features_follow_the_grid)};
    return cmocka_run_group_tests_name("audio/song_cache", tests, setup, teardown);
}
