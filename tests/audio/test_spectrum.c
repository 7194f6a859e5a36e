/* SPDX-License-Identifier: Apache-2.0
 *
 * Spectra, mel banks and levels against librosa (tools/fixtures/audio.py); edges; autocorrelation against its formula.
 */
#include "audio_test.h"

/* Tolerance of power: float FFT of 1024 points against librosa's complex64, relative to values up to 1e3. */
static void power_is_librosas(void **state)
{
    enum { BINS = 513 };
    Sounds s = clicks(22050, 120);
    int64_t frames = audio_stft_frames(s.n, 480), n, at[4] = {0, 1, 300, frames - 1};
    float *power = malloc((size_t)frames * BINS * sizeof(float));
    for (int pad = 0; pad < 2; pad++) {
        float *want = fixture(pad ? "power_reflect" : "power_zero", &n);
        assert_int_equal(n, 4 * BINS);
        audio_stft_power(1024, 480, pad ? AUDIO_PAD_REFLECT : AUDIO_PAD_ZERO, s.x, s.n, power);
        for (int i = 0; i < 4; i++)
            assert_close(power + at[i] * BINS, want + i * BINS, BINS, 2e-4);
        mem_free(want);
    }
    free(power);
    free(s.x);
}

static void short_songs(void **state)
{
    float x[3] = {1, 2, 3}, power[2 * 9];
    AudioFft *f = audio_fft_create(16);
    for (int64_t n = 0; n <= 3; n++)
        for (int pad = 0; pad < 2; pad++) {
            assert_int_equal(audio_stft_frames(n, 8), 1);
            audio_stft_power(16, 8, (AudioPad)pad, x, n, power);
            for (int k = 0; k < 9; k++)
                assert_true(isfinite(power[k]) && power[k] >= 0);
        }
    /* a constant mirrored for ever is a constant: all in bins 0 and 1 of the Hann window, (sum w)^2 = 64 */
    float ones[2] = {1, 1};
    audio_fft_power(f, ones, 2, 0, AUDIO_PAD_REFLECT, power);
    assert_float_equal(power[0], 64, 1e-3);
    assert_float_equal(power[1], 16, 1e-3);
    assert_float_equal(power[5], 0, 1e-6);
    audio_fft_destroy(f);
    audio_fft_destroy(NULL);
}

static void correlates_with_itself(void **state)
{
    float x[100], out[28];
    Rng r = rng_make(1, 1);
    for (int i = 0; i < 100; i++)
        x[i] = rng_normal(&r);
    AudioFft *f = audio_fft_create(128);
    audio_fft_autocorrelate(f, x, 100, out, 28);
    for (int l = 0; l < 28; l++) {
        double sum = 0;
        for (int i = 0; i + l < 100; i++)
            sum += (double)x[i] * x[i + l];
        assert_float_equal(out[l], sum, 1e-3);
    }
    audio_fft_destroy(f);
}

static void check_bank(AudioMel *m, const char *name)
{
    int64_t n;
    int bins = m->n_fft / 2 + 1;
    float *want = fixture(name, &n), *power = calloc((size_t)bins, sizeof(float));
    float *out = malloc((size_t)m->bands * sizeof(float));
    assert_int_equal(n, m->bands * bins);
    for (int k = 0; k < bins; k++) {
        power[k] = 1;
        audio_mel_apply(m, power, out);
        power[k] = 0;
        for (int b = 0; b < m->bands; b++)
            assert_float_equal(out[b], want[b * bins + k], 1e-6);
    }
    mem_free(want);
    free(power);
    free(out);
    audio_mel_finish(m);
    audio_mel_finish(m);
}

static void mel_banks_are_librosas(void **state)
{
    AudioMel m;
    audio_mel_init(&m, 22050, 1024, 24, 27.5, 10500, AUDIO_MEL_SLANEY, true);
    check_bank(&m, "mel_slaney");
    audio_mel_init(&m, 16000, 512, 40, 0, 8000, AUDIO_MEL_HTK, false);
    check_bank(&m, "mel_htk");
}

static void mel_of_a_song_is_mel_of_its_frames(void **state)
{
    Sounds s = clicks(22050, 120);
    AudioMel m;
    audio_mel_init(&m, 22050, 1024, 24, 27.5, 10500, AUDIO_MEL_SLANEY, true);
    int64_t frames = audio_stft_frames(s.n, 700);
    float *mel = malloc((size_t)frames * 24 * sizeof(float)), power[513], one[24];
    audio_mel_spectrogram(&m, 700, AUDIO_PAD_ZERO, s.x, s.n, mel);
    AudioFft *f = audio_fft_create(1024);
    for (int64_t t = 0; t < frames; t += 37) {
        audio_fft_power(f, s.x, s.n, t * 700, AUDIO_PAD_ZERO, power);
        audio_mel_apply(&m, power, one);
        assert_memory_equal(one, mel + t * 24, sizeof one);
    }
    audio_fft_destroy(f);
    audio_mel_finish(&m);
    free(mel);
    free(s.x);
}

static void levels_are_librosas(void **state)
{
    Sounds s = clicks(22050, 120);
    int64_t n;
    float *rms = fixture("rms", &n), *got = malloc((size_t)n * sizeof(float)), power[513];
    assert_int_equal(n, audio_stft_frames(s.n, 512));
    audio_rms(s.x, s.n, 2048, 512, got);
    assert_close(got, rms, n, 1e-6);
    mem_free(rms);
    float *centroid = fixture("centroid", &n);
    AudioFft *f = audio_fft_create(1024);
    for (int64_t t = 0; t < n; t++) {
        audio_fft_power(f, s.x, s.n, t * 480, AUDIO_PAD_ZERO, power);
        got[0] = audio_centroid(power, 1024, 22050);
        assert_close(got, centroid + t, 1, 2e-3); /* far from the clicks it weighs rounding noise of 500 empty bins */
    }
    audio_fft_destroy(f);
    memset(power, 0, sizeof power);
    assert_float_equal(audio_centroid(power, 1024, 22050), 0, 0);
    mem_free(centroid);
    free(got);
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_is_librosas), cmocka_unit_test(short_songs), cmocka_unit_test(correlates_with_itself),
        cmocka_unit_test(mel_banks_are_librosas), cmocka_unit_test(mel_of_a_song_is_mel_of_its_frames),
        cmocka_unit_test(levels_are_librosas),
    };
    return cmocka_run_group_tests_name("audio/spectrum", tests, NULL, NULL);
}
