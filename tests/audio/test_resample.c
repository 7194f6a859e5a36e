/* SPDX-License-Identifier: Apache-2.0
 *
 * Sample rate conversion: a sine stays that sine, a tone above the new limit goes, sizes and refusals.
 */
#include "audio_test.h"

static Sounds sine(double hz, double rate, double seconds)
{
    Sounds s = sounds_make(seconds, rate);
    for (int64_t i = 0; i < s.n; i++)
        s.x[i] = (float)(0.5 * sin(2 * M_PI * hz * (double)i / rate));
    return s;
}

static void keeps_a_sine(void **state)
{
    static const double rates[] = {8000, 22050, 44100, 48000, 96000};
    for (size_t a = 0; a < ARRAY_LEN(rates); a++)
        for (size_t b = 0; b < ARRAY_LEN(rates); b++) {
            Sounds s = sine(1000, rates[a], 1);
            float *y;
            int64_t n;
            Err e = {0};
            assert_true(audio_resample(s.x, s.n, rates[a], rates[b], &y, &n, &e));
            assert_int_equal(n, (int64_t)rates[b]);
            /* the ends ring: a sine that begins at once is not band-limited */
            for (int64_t i = n / 10; i < n - n / 10; i++)
                assert_float_equal(y[i], 0.5 * sin(2 * M_PI * 1000 * (double)i / rates[b]), 1e-3);
            mem_free(y);
            free(s.x);
        }
}

static void drops_what_does_not_fit(void **state)
{
    Sounds s = sine(15000, 48000, 1);
    float *y;
    int64_t n;
    assert_true(audio_resample(s.x, s.n, 48000, 16000, &y, &n, NULL));
    for (int64_t i = n / 10; i < n - n / 10; i++)
        assert_true(fabsf(y[i]) < 1e-3f);
    mem_free(y);
    free(s.x);
}

static void refuses(void **state)
{
    float x = 0, *y;
    int64_t n;
    Err e = {0};
    assert_false(audio_resample(&x, 1, 0, 16000, &y, &n, &e));
    assert_non_null(strstr(e.text, "1000"));
    assert_null(y);
    assert_false(audio_resample(&x, 1, 44100, NAN, &y, &n, NULL));
    assert_false(audio_resample(&x, 1, 44100, 1e9, &y, &n, NULL));
    assert_false(audio_resample(&x, -1, 44100, 16000, &y, &n, NULL));
    assert_true(audio_resample(NULL, 0, 44100, 16000, &y, &n, NULL));
    assert_int_equal(n, 0);
    mem_free(y);
    assert_true(audio_resample(&x, 1, 44100, 22050, &y, &n, NULL));
    assert_int_equal(n, 1);
    mem_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_a_sine), cmocka_unit_test(drops_what_does_not_fit),
        cmocka_unit_test(refuses)};
    return cmocka_run_group_tests_name("audio/resample", tests, NULL, NULL);
}
