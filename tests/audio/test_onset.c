/* SPDX-License-Identifier: Apache-2.0
 *
 * Onset strength against librosa 0.11.0, and the numbers of the DabFusion specification (section 9.5).
 */
#include "audio_test.h"

/* Float spectra against librosa's: decibels of bands near the floor differ in the fifth digit. */
static void check(double rate, double bpm, double mean, double rms, double last)
{
    Sounds s = clicks(rate, bpm);
    for (int merge = 0; merge < 2; merge++) {
        char name[64];
        int64_t n;
        snprintf(name, sizeof name, "onset_%s_%.0f_%.0f", merge ? "median" : "mean", rate, bpm);
        float *want = fixture(name, &n), *got = malloc((size_t)n * sizeof(float));
        assert_int_equal(n, audio_stft_frames(s.n, 512));
        audio_onset_strength(s.x, s.n, rate, merge ? AUDIO_MERGE_MEDIAN : AUDIO_MERGE_MEAN, got);
        assert_close(got, want, n, 1e-3);
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += got[i];
            squares += (double)got[i] * got[i];
        }
        if (!merge) {
            assert_float_equal(sum / (double)n, mean, 1e-4);
            assert_float_equal(sqrt(squares / (double)n), rms, 1e-4);
            assert_float_equal(got[n - 1], last, 1e-4);
        }
        mem_free(want);
        free(got);
    }
    free(s.x);
}

static void is_librosas(void **state)
{
    check(22050, 120, 1.3858252, 4.9085246, 0.0012977);
    check(22050, 97, 1.1107412, 4.3676010, 0.0012995);
    check(15360, 120, 2.2504924, 7.5670097, 0.0002313);
}

static void nothing_begins_in_nothing(void **state)
{
    float x[1500] = {0}, out[4] = {9, 9, 9, 9};
    audio_onset_strength(x, 1500, 22050, AUDIO_MERGE_MEAN, out);
    for (int i = 0; i < 3; i++)
        assert_float_equal(out[i], 0, 0);
    assert_float_equal(out[3], 9, 0); /* 1 + 1500 / 512 frames, not one more */
    audio_onset_strength(NULL, 0, 22050, AUDIO_MERGE_MEAN, out);
    assert_float_equal(out[0], 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_librosas), cmocka_unit_test(nothing_begins_in_nothing)};
    return cmocka_run_group_tests_name("audio/onset", tests, NULL, NULL);
}
