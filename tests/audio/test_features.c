/* SPDX-License-Identifier: Apache-2.0
 *
 * Librosa's features and beats against librosa 0.11.0 (tools/fixtures/features.py) on music-like, low- and high-rate,
 * clipped, silent and very short signals; MuseDance's 35 numbers; the golden numbers of the specifications.
 */
#include "feature_signals.h"

/* Float spectra against librosa's, which are float too: a band within 80 dB of the loudest has a relative error of
 * about 1e-4 where it lies near the floor, 4e-4 dB; sums over bands gain nothing. */
enum { MELS = LIBROSA_MELS };
static const double db_tolerance = 5e-3;

typedef struct Case { const char *name; double rate; int64_t n; double bpm, gain; uint64_t seed; } Case;
static const Case cases[] = {
    {"song", 22050, 6 * 22050, 104, 1, 9001},
    {"waltz", 15360, 4 * 15360, 141, 1, 9005},
    {"low", 8000, 5 * 8000, 104, 1, 9001},
    {"high", 96000, 2 * 96000, 104, 1, 9001},
    {"clipped", 22050, 3 * 22050, 104, 6, 9001},
    {"silent", 22050, 22050, 104, 0, 9001},
    {"short1", 22050, 1, 104, 1, 9001},
    {"short100", 22050, 100, 104, 1, 9001},
    {"short2500", 22050, 2500, 104, 1, 9001},
};

static void check_frames(const SafeTensors *st, const Case *c, const char *part, const int64_t *got, int64_t n)
{
    Tensor t = wanted(st, c->name, part);
    if (n != shape_count(t.shape))
        fail_msg("%s.%s: %lld events, should be %lld", c->name, part, (long long)n, (long long)shape_count(t.shape));
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(got[i], ((const int32_t *)t.data)[i]);
}

static void check_strength(const SafeTensors *st, const Case *c, const char *part, const float *got, int64_t frames)
{
    Tensor t = wanted(st, c->name, part);
    assert_int_equal(shape_count(t.shape), frames);
    assert_close(got, t.data, frames, 2e-3);
}

static void check_case(const SafeTensors *st, const Case *c)
{
    Sounds s = song_of(c->rate, c->n, c->bpm, c->gain, c->seed);
    int64_t frames = audio_stft_frames(s.n, LIBROSA_HOP), *events = calloc((size_t)frames, sizeof *events);
    float *mel = malloc((size_t)frames * MELS * sizeof(float)), *v = malloc((size_t)frames * 20 * sizeof(float));
    double tempo;
    audio_librosa_mel(s.x, s.n, s.rate, mel);
    assert_spread(st, c->name, "mel", mel, frames, MELS, db_tolerance);
    audio_librosa_mfcc(mel, frames, 20, v);
    assert_spread(st, c->name, "mfcc", v, frames, 20, db_tolerance);
    audio_librosa_onset(mel, frames, AUDIO_MERGE_MEAN, v);
    check_strength(st, c, "mean", v, frames);
    check_frames(st, c, "onsets", events, audio_onset_peaks(v, frames, s.rate, events));
    audio_librosa_onset(mel, frames, AUDIO_MERGE_MEDIAN, v);
    check_strength(st, c, "median", v, frames);
    check_frames(st, c, "beats", events, audio_librosa_beats(v, frames, s.rate, 120, &tempo, events));
    assert_float_equal(tempo, *(float *)wanted(st, c->name, "tempo").data, 1e-4);
    audio_chroma(s.x, s.n, s.rate, v);
    /* power of up to 1e4: relative, as a float spectrum is */
    Tensor chroma = wanted(st, c->name, "chroma");
    for (int i = 0; i < 12; i++)
        assert_close(v + spread_frame(i, frames) * 12, (float *)chroma.data + i * 12, 12, 1e-4);
    audio_chroma_to_cens(v, frames);
    assert_spread(st, c->name, "cens", v, frames, 12, 1e-5); /* steps are exact unless a share lies on a threshold */
    audio_rms(s.x, s.n, 2048, 512, v);
    assert_spread(st, c->name, "rms", v, frames, 1, 1e-6);
    free(mel);
    free(v);
    free(events);
    free(s.x);
}

static void are_librosas(void **state)
{
    SafeTensors *st = features_open();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_case(st, &cases[i]);
    safetensors_close(st);
}

/* ---- golden numbers of the specifications ----------------------------------------------------------------------- */

typedef struct Stats { double mean, rms; } Stats;

static Stats stats(const float *v, int64_t n)
{
    Stats s = {0};
    for (int64_t i = 0; i < n; i++) {
        s.mean += v[i] / (double)n;
        s.rms += (double)v[i] * v[i] / (double)n;
    }
    s.rms = sqrt(s.rms);
    return s;
}

/* DabFusion specification, section 9.5: tempo, first beats and onsets of 12 s of clicks. */
static void check_clicks(double rate, double bpm, double tempo, const int beats[6], int n_beats, int last_beat,
    const int onsets[6], int n_onsets)
{
    Sounds s = clicks(rate, bpm);
    int64_t frames = audio_stft_frames(s.n, 512), *events = calloc((size_t)frames, sizeof *events);
    float *v = malloc((size_t)frames * sizeof(float));
    double found;
    audio_onset_strength(s.x, s.n, rate, AUDIO_MERGE_MEDIAN, v);
    assert_int_equal(audio_librosa_beats(v, frames, rate, 120, &found, events), n_beats);
    assert_float_equal(found, tempo, 1e-6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(events[i], beats[i]);
    assert_int_equal(events[n_beats - 1], last_beat);
    audio_onset_strength(s.x, s.n, rate, AUDIO_MERGE_MEAN, v);
    assert_int_equal(audio_onset_peaks(v, frames, rate, events), n_onsets);
    for (int i = 0; i < 6; i++)
        assert_int_equal(events[i], onsets[i]);
    free(v);
    free(events);
    free(s.x);
}

static void beats_of_the_specification(void **state)
{
    check_clicks(22050, 120, 117.45383522727273, (int[]){44, 66, 87, 109, 130, 152}, 22, 496,
        (int[]){22, 44, 65, 87, 108, 130}, 23);
    check_clicks(
        22050, 97, 95.703125, (int[]){28, 54, 81, 108, 134, 161}, 19, 507, (int[]){27, 54, 81, 107, 134, 161}, 19);
    check_clicks(15360, 120, 120, (int[]){16, 31, 46, 61, 76, 91}, 23, 346, (int[]){16, 31, 46, 61, 76, 91}, 23);
}

/* MuseDance specification, section 9.5: the first 4 s of the clicks at 15,360 Hz. */
static void numbers_of_musedance(void **state)
{
    Sounds s = clicks(DANCE_RATE, 120);
    s.n = 4 * DANCE_RATE;
    float *rows, v[121 * 20], *bank = malloc(12 * 1025 * sizeof(float));
    int64_t frames;
    assert_true(audio_dance_features(s.x, s.n, DANCE_RATE, 120, &rows, &frames, NULL));
    assert_int_equal(frames, 121);
    for (int t = 0; t < 121; t++)
        v[t] = rows[t * DANCE_COLUMNS + DANCE_ONSET];
    assert_float_equal(stats(v, 121).mean, 2.0249512, 1e-4);
    assert_float_equal(stats(v, 121).rms, 7.1305127, 1e-4);
    assert_float_equal(v[120], 0.0002313, 1e-4);
    for (int t = 0; t < 121; t++)
        memcpy(v + t * 20, rows + t * DANCE_COLUMNS + DANCE_MFCC, 20 * sizeof(float));
    assert_float_equal(stats(v, 121 * 20).mean, -26.8620049, 1e-3);
    assert_float_equal(stats(v, 121 * 20).rms, 111.6012894, 1e-3);
    assert_float_equal(v[0], -103.8959165, 1e-3);
    assert_float_equal(v[15 * 20 + 1], 142.75015, 1e-3);
    assert_float_equal(v[15 * 20 + 3], -41.1359, 1e-3);
    assert_float_equal(v[121 * 20 - 1], -3.9842596, 1e-3);
    audio_chroma_bank(DANCE_RATE, bank);
    assert_float_equal(stats(bank, 12 * 1025).mean, 0.0661850, 1e-6);
    assert_float_equal(stats(bank, 12 * 1025).rms, 0.1837262, 1e-6);
    assert_float_equal(bank[0], 0.0000425, 1e-7);
    assert_float_equal(bank[12 * 1025 - 1], 0.2111301, 1e-6);
    static const float frame60[] = {0.21226f, 0, 0, 0, 0, 0, 0, 0, 0.34486f, 0.74139f, 0.43495f, 0.31173f};
    for (int c = 0; c < 12; c++)
        assert_float_equal(rows[60 * DANCE_COLUMNS + DANCE_CHROMA + c], frame60[c], 1e-5);
    for (int t = 0; t < 121; t++)
        memcpy(v + t * 12, rows + t * DANCE_COLUMNS + DANCE_CHROMA, 12 * sizeof(float));
    assert_float_equal(stats(v, 121 * 12).mean, 0.1678652, 1e-5);
    assert_float_equal(v[0], 0.2888602, 1e-5);
    free(bank);
    mem_free(rows);
    free(s.x);
}

/* From 44,100 Hz, resampled. Marks are exact; the rest as above, and what two builds of soxr differ by. */
static void thirty_five_numbers(void **state)
{
    SafeTensors *st = features_open();
    Sounds s = usual_song(44100, 4 * 44100 + 17);
    float *rows;
    int64_t frames;
    assert_true(audio_dance_features(s.x, s.n, s.rate, 104, &rows, &frames, NULL));
    Tensor marks = wanted(st, "dance", "marks");
    assert_int_equal(shape_count(marks.shape), 2 * frames);
    for (int64_t t = 0; t < frames; t++)
        for (int k = 0; k < 2; k++)
            assert_float_equal(rows[t * DANCE_COLUMNS + DANCE_ONSET_MARK + k], ((float *)marks.data)[t * 2 + k], 0);
    assert_spread(st, "dance", "rows", rows, frames, DANCE_COLUMNS, 0.02);
    BeatGrid g;
    audio_grid_init(&g);
    audio_grid_set(&g, (double[]){0.5, 1.02, 1.49, 99}, (int[]){1, 2, 3, 4}, 4, 100);
    audio_dance_set_beats(rows, frames, &g);
    for (int64_t t = 0; t < frames; t++)
        assert_float_equal(rows[t * DANCE_COLUMNS + DANCE_BEAT_MARK], t == 15 || t == 31 || t == 45, 0);
    audio_grid_finish(&g);
    mem_free(rows);
    free(s.x);
    safetensors_close(st);
}

static void refuses_and_survives(void **state)
{
    float x[3] = {0.1f, -0.2f, 0.3f}, *rows;
    int64_t frames;
    Err e = {0};
    assert_false(audio_dance_features(x, 3, 44100, 0, &rows, &frames, &e));
    assert_non_null(strstr(e.text, "10 to 1000"));
    assert_false(audio_dance_features(x, 3, 5, 120, &rows, &frames, NULL));
    assert_false(audio_dance_features(x, (int64_t)1e12, 44100, 120, &rows, &frames, NULL));
    for (int64_t n = 0; n <= 3; n++) {
        assert_true(audio_dance_features(x, n, 44100, 120, &rows, &frames, NULL));
        assert_int_equal(frames, 1);
        for (int k = 0; k < DANCE_COLUMNS; k++)
            assert_true(isfinite(rows[k]));
        mem_free(rows);
    }
    float table[] = {0, 10, 1, 20, 4, 30}, out[2];
    static const struct {
        double at;
        float a, b;
    } reads[] = {{-3, 0, 10}, {0, 0, 10}, {0.25, 0.25f, 12.5f}, {1.5, 2.5f, 25}, {2, 4, 30}, {9, 4, 30}};
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        audio_rows_at(table, 3, 2, reads[i].at, out);
        assert_float_equal(out[0], reads[i].a, 1e-6);
        assert_float_equal(out[1], reads[i].b, 1e-6);
    }
    audio_rows_at(table, 1, 2, 0.7, out);
    assert_float_equal(out[1], 10, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_librosas),
        cmocka_unit_test(beats_of_the_specification),
        cmocka_unit_test(numbers_of_musedance),
        cmocka_unit_test(thirty_five_numbers),
        cmocka_unit_test(refuses_and_survives),
    };
    return cmocka_run_group_tests_name("audio/features", tests, NULL, NULL);
}
