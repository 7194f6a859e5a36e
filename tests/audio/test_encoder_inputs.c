/* SPDX-License-Identifier: Apache-2.0
 *
 * What the encoders hear, against their own front ends (tools/fixtures/features.py: transformers, torch, librosa) and
 * the golden numbers of the specifications; beats as rows.
 */
#include "feature_signals.h"

/* ---- CLAP -------------------------------------------------------------------------------------------------------- */

enum { PICTURE = AUDIO_CLAP_FRAMES * AUDIO_CLAP_BANDS };

/* The reference computes in double: a float spectrum's error is 1e-7 of the loudest bin, which a quiet band 90 dB below
 * sees as up to 0.1 dB; bands of the signals used lie within 70 dB of it. */
static const double db_tolerance = 0.02;

static void clap_windows(void **state)
{
    SafeTensors *st = features_open();
    float *out = malloc(PICTURE * sizeof(float));
    Sounds shorter = usual_song(48000, 14001), longer = usual_song(48000, 12 * 48000 + 333);
    Sounds loud = song_of(48000, 5 * 48000, 104, 6, 9001), quiet = song_of(48000, 48000, 104, 0, 1);
    audio_clap_input(shorter.x, shorter.n, out);
    assert_spread(st, "clap", "short", out, 1001, 64, db_tolerance);
    audio_clap_input(longer.x, longer.n, out);
    assert_spread(st, "clap", "long", out, 1001, 64, db_tolerance);
    audio_clap_input(loud.x, loud.n, out);
    assert_spread(st, "clap", "clipped", out, 1001, 64, db_tolerance);
    audio_clap_input(quiet.x, quiet.n, out);
    assert_spread(st, "clap", "silent", out, 1001, 64, 0);
    audio_clap_input(NULL, 0, out);
    assert_float_equal(out[PICTURE - 1], -100, 1e-4);
    free(out);
    free(shorter.x);
    free(longer.x);
    free(loud.x);
    free(quiet.x);
    safetensors_close(st);
}

static void clap_fusion(void **state)
{
    SafeTensors *st = features_open();
    static const struct { const char *name; int64_t n; bool longer; } parts[] = {
        {"fusion.short", 14001, false}, {"fusion.long", 12 * 48000 + 333, true}, {"fusion.edge", 480100, false}};
    float *out = malloc(4 * PICTURE * sizeof(float));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        Sounds s = usual_song(48000, parts[i].n);
        bool longer;
        assert_true(audio_clap_fusion_input(s.x, s.n, out, &longer, NULL));
        assert_int_equal(longer, parts[i].longer);
        Tensor t = wanted(st, "clap", parts[i].name);
        for (int p = 0; p < 4; p++)
            for (int f = 0; f < 12; f++)
                for (int k = 0; k < 64; k++)
                    assert_float_equal(out[p * PICTURE + spread_frame(f, 1001) * 64 + k],
                        ((float *)t.data)[(p * 12 + f) * 64 + k], db_tolerance);
        free(s.x);
    }
    free(out);
    safetensors_close(st);
}

static void check_row(const float *v, int64_t n, const double want[6], double tolerance)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        mean += v[i] / (double)n;
        squares += (double)v[i] * v[i] / (double)n;
    }
    const double got[6] = {mean, sqrt(squares), v[0], v[1], v[2], v[n - 1]};
    for (int i = 0; i < 6; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * fmax(1, fabs(want[i]))))
            fail_msg("number %d is %.8g, should be %.8g", i, got[i], want[i]);
}

/* DabFusion specification, section 9.5: 4 s, so two copies and two seconds of nothing. */
static void clap_numbers_of_the_specification(void **state)
{
    enum { N = 4 * 48000 };
    float *x = malloc(N * sizeof(float)), *out = malloc(PICTURE * sizeof(float));
    for (int i = 0; i < N; i++) {
        double t = i / 48000.0;
        x[i] = (float)(0.3 * sin(2 * M_PI * 440 * t) + 0.2 * sin(2 * M_PI * 97 * t) * cos(2 * M_PI * 3 * t) +
            0.05 * uniform(9000, (uint64_t)i));
    }
    audio_clap_input(x, N, out);
    check_row(out, PICTURE, (double[]){-35.0952329, 48.6262269, 9.5490236, 4.4594407, 0.4017917, -100}, 1e-3);
    check_row(out + 500 * 64, 64, (double[]){-18.4604928, 21.2808305, 16.4391460, 10.1234140, -17.9683132, -22.6991405},
        1e-3);
    for (int k = 0; k < 64; k++)
        assert_float_equal(out[900 * 64 + k], -100, 1e-4);
    float steps[4] = {0.99f, -1.7f, 1e-5f, -3.2e-5f};
    audio_int16_steps(steps, 4); /* 32439.33 -> 32439; clipped; 0.33 -> 0; -1.05 -> -1 */
    assert_float_equal(steps[0], 32439.0 / 32767, 1e-7);
    assert_float_equal(steps[1], -1, 0);
    assert_float_equal(steps[2], 0, 0);
    assert_float_equal(steps[3], -1.0 / 32767, 1e-9);
    free(x);
    free(out);
}

/* ---- Wav2CLIP, wav2vec 2.0, other log-mels ---------------------------------------------------------------------- */

static void two_tones(float *x, int64_t n, double rate)
{
    for (int64_t i = 0; i < n; i++) {
        double t = (double)i / rate;
        x[i] = (float)(0.3 * sin(2 * M_PI * 440 * t) + 0.2 * sin(2 * M_PI * 97 * t) * cos(2 * M_PI * 3 * t));
    }
}

/* [257, T] -> [T, 257], as the script keeps frames */
static float *turned(const float *v, int64_t frames)
{
    float *out = malloc((size_t)frames * 257 * sizeof(float));
    for (int64_t t = 0; t < frames; t++)
        for (int k = 0; k < 257; k++)
            out[t * 257 + k] = v[k * frames + t];
    return out;
}

static void wav2clip(void **state)
{
    SafeTensors *st = features_open();
    static const struct { const char *name; int64_t n; double gain; } parts[] = {
        {"song", 64000, 1}, {"clipped", 9001, 6}, {"short", 300, 1}};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        Sounds s = song_of(16000, parts[i].n, 104, parts[i].gain, 9001);
        int64_t frames = audio_wav2clip_frames(s.n);
        float *v = malloc((size_t)frames * 257 * sizeof(float));
        audio_wav2clip_input(s.x, s.n, v);
        float *rows = turned(v, frames);
        /* units of the clip's deviation, about 4 ln units; torch's float spectrum has the same errors as ours */
        assert_spread(st, "wav2clip", parts[i].name, rows, frames, 257, 5e-3);
        free(rows);
        free(v);
        free(s.x);
    }
    float x[16000], *v = malloc(257 * 46 * sizeof(float));
    two_tones(x, 16000, 16000);
    assert_int_equal(audio_wav2clip_frames(16000), 46);
    audio_wav2clip_spectrogram(x, 16000, v);
    check_row(
        v, 257 * 46, (double[]){10.55905572, 99.67932403, 197.22339897, 0.02618118, 0.00815362, 0.00029636}, 1e-4);
    /* silence is 0: the reference divides its rounding error by its rounding error there */
    memset(x, 0, sizeof x);
    audio_wav2clip_input(x, 16000, v);
    for (int k = 0; k < 257 * 46; k++)
        assert_float_equal(v[k], 0, 1e-6);
    audio_wav2clip_input(x, 0, v);
    for (int k = 0; k < 257; k++)
        assert_float_equal(v[k], 0, 1e-6);
    assert_int_equal(audio_pieces(16000, 4000, 2000), 7);
    assert_int_equal(audio_pieces(3999, 4000, 2000), 0);
    free(v);
    safetensors_close(st);
}

static void wav2vec2(void **state)
{
    SafeTensors *st = features_open();
    static const struct {
        const char *name;
        int64_t n;
        double gain;
    } parts[] = {{"song", 4000, 1}, {"clipped", 4000, 6}, {"silent", 400, 0}};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        Sounds s = song_of(16000, parts[i].n, 104, parts[i].gain, 9001);
        audio_wav2vec2_normalise(s.x, s.n);
        Tensor t = wanted(st, "wav2vec2", parts[i].name);
        for (int64_t k = 0; k < shape_count(t.shape); k++)
            assert_float_equal(s.x[9 * k], ((float *)t.data)[k], 2e-5); /* the reference sums in float */
        free(s.x);
    }
    float one = 0.25f, x[4000];
    audio_wav2vec2_normalise(&one, 1);
    assert_float_equal(one, 0, 0);
    audio_wav2vec2_normalise(x, 0);
    two_tones(x, 4000, 16000);
    audio_wav2vec2_normalise(x, 4000); /* MusicInfuser specification, section 9.6 */
    check_row(x, 4000, (double[]){0, 0.99999909, x[0], x[1], x[2], x[3999]}, 1e-5);
    assert_int_equal(audio_wav2vec2_frames(40000), 124);
    assert_int_equal(audio_wav2vec2_frames(399), 0);
    safetensors_close(st);
}

static void other_log_mels(void **state)
{
    SafeTensors *st = features_open();
    float *v = malloc(101 * 128 * sizeof(float));
    Sounds a = usual_song(24000, 24000), b = usual_song(22050, 22050);
    audio_log_mel(&audio_musicfm_mel, a.x, a.n, v);
    assert_spread(st, "musicfm", "", v, 101, 128, db_tolerance);
    audio_log_mel(&audio_beat_this_mel, b.x, b.n, v);
    assert_spread(st, "beat_this", "", v, 51, 128, 1e-3);
    free(v);
    free(a.x);
    free(b.x);
    safetensors_close(st);
}

/* ---- resampling ------------------------------------------------------------------------------------------------- */

static void resamples_as_librosa(void **state)
{
    SafeTensors *st = features_open();
    static const int rates[][2] = {{44100, 15360}, {8000, 22050}, {96000, 48000}, {48000, 16000}, {11025, 44100}};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        char name[40];
        int a = rates[i][0], b = rates[i][1];
        Sounds s = usual_song(a, a / 8 + 5);
        float *y;
        int64_t n;
        assert_true(audio_resample_librosa(s.x, s.n, a, b, &y, &n, NULL));
        snprintf(name, sizeof name, "resampled.%d.%d", a, b);
        assert_int_equal(n, *(int32_t *)wanted(st, name, "n").data);
        Tensor t = wanted(st, name, "");
        for (int64_t k = 0; k < shape_count(t.shape); k++)
            assert_float_equal(y[7 * k], ((float *)t.data)[k], 1e-5);
        mem_free(y);
        free(s.x);
    }
    safetensors_close(st);
}

/* MusicInfuser specification, section 9.7: 2,000 samples of two sines to 16 kHz. */
static void resamples_as_torchaudio(void **state)
{
    static const struct { int rate; int64_t n; double row[6]; } golden[] = {
        {44100, 726, {0.00020710, 0.25513515, 0.14084413, 0.14368066, -0.04688463, 0.05642631}},
        {48000, 667, {0.00381695, 0.25506361, 0.13801678, 0.14398134, -0.04699868, 0.38551899}},
        {22050, 1452, {0.00031613, 0.25509530, 0.17486043, 0.13740653, -0.04430068, 0.01019594}}};
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        float x[2000], stereo[4000], y[1500], z[1500];
        for (int k = 0; k < 2000; k++) {
            double t = (double)k / golden[i].rate;
            x[k] = stereo[2 * k] = (float)(0.3 * sin(2 * M_PI * 440 * t) + 0.2 * cos(2 * M_PI * 3000 * t));
            stereo[2 * k + 1] = 9;
        }
        int64_t n = audio_sinc_length(2000, golden[i].rate, 16000);
        assert_int_equal(n, golden[i].n);
        assert_true(audio_sinc_resample(x, 1, 2000, golden[i].rate, 16000, 0, n, y, NULL));
        check_row(y, n, golden[i].row, 2e-7);
        /* a piece of the first channel alone, with what lies before and after the song */
        assert_true(audio_sinc_resample(stereo, 2, 2000, golden[i].rate, 16000, -3, n + 10, z, NULL));
        assert_memory_equal(z + 3, y, (size_t)n * sizeof(float));
        assert_float_equal(z[2], 0, 0);
        assert_float_equal(z[n + 3], 0, 0);
    }
    float x[3] = {1, 2, 3}, y[3];
    Err e = {0};
    assert_true(audio_sinc_resample(x, 1, 3, 16000, 16000, 0, 3, y, NULL));
    assert_memory_equal(x, y, sizeof x);
    assert_false(audio_sinc_resample(x, 1, 3, 767999, 16001, 0, 3, y, &e));
    assert_non_null(strstr(e.text, "767999"));
    assert_false(audio_sinc_resample(x, 1, 3, 5, 16000, 0, 3, y, NULL));
}

static void musicinfusers_window(void **state)
{
    static const struct { int frames; int64_t samples, audio; } table[] = { /* section 3.3 */
        {37, 21174, 65}, {73, 40374, 125}, {85, 46774, 145}, {145, 78774, 245}, {163, 88374, 275}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        assert_int_equal(audio_musicinfuser_samples(table[i].frames), table[i].samples);
        assert_int_equal(audio_wav2vec2_frames(table[i].samples), table[i].audio);
    }
    static const int picks[13] = {0, 9, 19, 28, 38, 48, 57, 67, 76, 86, 96, 105, 115},
                     trained[13] = {0, 9, 19, 28, 38, 47, 57, 66, 76, 85, 95, 104, 114};
    for (int i = 0; i < 13; i++) {
        assert_int_equal(audio_nearest_frame(i, 125, 13), picks[i]);
        assert_int_equal(audio_nearest_frame(i, 124, 13), trained[i]);
    }
    /* 3 s of stereo from 1.25 s on: the end is silence */
    Sounds s = usual_song(44100, 3 * 44100);
    float *stereo = calloc((size_t)s.n * 2, sizeof(float)), *whole = malloc(48000 * sizeof(float)),
          *got = malloc(40374 * sizeof(float));
    for (int64_t i = 0; i < s.n; i++)
        stereo[2 * i] = s.x[i];
    assert_true(audio_musicinfuser_input(stereo, 2, s.n, 44100, 1.25, 73, got, NULL));
    assert_true(audio_sinc_resample(s.x, 1, s.n, 44100, 16000, 0, 48000, whole, NULL));
    float *want = calloc(40374, sizeof(float));
    memcpy(want, whole + 20000, 28000 * sizeof(float));
    audio_wav2vec2_normalise(want, 40374);
    assert_memory_equal(got, want, 40374 * sizeof(float));
    Err e = {0};
    assert_false(audio_musicinfuser_input(stereo, 2, s.n, 44100, 3.5, 73, got, &e));
    assert_non_null(strstr(e.text, "0 to 3.00 s"));
    assert_false(audio_musicinfuser_input(stereo, 2, s.n, 44100, NAN, 73, got, NULL));
    free(stereo);
    free(whole);
    free(got);
    free(want);
    free(s.x);
}

/* ---- beats as rows ---------------------------------------------------------------------------------------------- */

static void flags_of_dabfusion(void **state)
{
    static const double beats[] = {9.94, 10.0, 10.25, 10.375, 10.5, 13.94, 13.96, 20};
    float flags[40];
    audio_beat_flags(beats, 8, 10, 10, 40, flags);
    for (int i = 0; i < 40; i++) /* -0.6 and 39.6 are outside; 2.5 goes to the even 2, 3.75 to 4, 39.4 to 39 */
        assert_float_equal(flags[i], i == 0 || i == 2 || i == 4 || i == 5 || i == 39, 0);
    audio_beat_flags(NULL, 0, 0, 10, 40, flags);
    assert_float_equal(flags[0], 0, 0);
}

/* MuseDance specification, section 9.4. */
static void vectors_of_musedance(void **state)
{
    static const float want[4][6] = {
        {0.44078414f, 0.44078414f, 0.90482705f, -0.42577929f, 0.84432793f, 0.53582679f},
        {0.77166867f, 0.00461151f, -0.90482705f, 0.42577929f, 0.53582679f, -0.84432793f},
        {0.44078414f, 0.02474331f, 0.90482705f, -0.42577929f, -0.84432793f, -0.53582679f},
        {0.77166867f, 0.77166867f, -0.90482705f, 0.42577929f, -0.53582679f, 0.84432793f}};
    float rows[4 * 6];
    BeatGrid g;
    audio_grid_init(&g);
    audio_beat_vectors(&g, 0.13, 0.125, 4, 0.0625, rows);
    for (int i = 0; i < 24; i++)
        assert_float_equal(rows[i], 0, 0);
    audio_grid_set(&g, (double[]){0.05, 0.30, 0.55, 0.80}, (int[]){1, 2, 1, 2}, 4, 1);
    audio_beat_vectors(&g, 0.13, 0.125, 4, 0.0625, rows);
    for (int i = 0; i < 24; i++)
        assert_float_equal(rows[i], want[i / 6][i % 6], 1e-6);
    /* one downbeat or none: the metre says where the others would be */
    audio_grid_set(&g, (double[]){1, 2, 3}, (int[]){3, 1, 2}, 3, 4);
    g.metre = 3;
    audio_beat_vectors(&g, 3.5, 1, 1, 0.05, rows);
    assert_float_equal(rows[4], sin(2 * M_PI * 0.5), 1e-6);
    assert_float_equal(rows[5], -1, 1e-6);
    audio_grid_set(&g, (double[]){1, 2, 3}, (int[]){2, 3, 4}, 3, 4);
    g.metre = 4;
    audio_beat_vectors(&g, 4, 1, 1, 0.05, rows);
    assert_float_equal(rows[1], 1, 1e-6); /* "one" at 0 and 4 s */
    assert_float_equal(rows[5], 1, 1e-6);
    audio_grid_finish(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clap_windows),
        cmocka_unit_test(clap_fusion),
        cmocka_unit_test(clap_numbers_of_the_specification),
        cmocka_unit_test(wav2clip),
        cmocka_unit_test(wav2vec2),
        cmocka_unit_test(other_log_mels),
        cmocka_unit_test(resamples_as_librosa),
        cmocka_unit_test(resamples_as_torchaudio),
        cmocka_unit_test(musicinfusers_window),
        cmocka_unit_test(flags_of_dabfusion),
        cmocka_unit_test(vectors_of_musedance),
    };
    return cmocka_run_group_tests_name("audio/encoder_inputs", tests, NULL, NULL);
}
