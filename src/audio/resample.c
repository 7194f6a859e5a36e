/* SPDX-License-Identifier: Apache-2.0
 *
 * Sample rate conversion of a whole song by libsoxr (its "HQ": pass band 91 % of the lower Nyquist frequency), which is
 * also what librosa uses. soxr_oneshot must be told: left alone it takes a low quality.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <soxr.h>
#include <string.h>

/* m samples, of which those beyond what soxr gives are 0. */
static bool resample_to(const float *x, int64_t n, double from, double to, int64_t m, float **out, Err *e)
{
    float *y = mem_try((size_t)MAX(m, 1) * sizeof(float));
    size_t done = 0;
    if (!y)
        return err_set(e, "no memory for %lld samples", (long long)m);
    if (from == to) {
        memcpy(y, x, (size_t)n * sizeof(float));
        done = (size_t)n;
    } else if (m > 0) {
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
        soxr_error_t fault = soxr_oneshot(from, to, 1, x, (size_t)n, NULL, y, (size_t)m, &done, NULL, &quality, NULL);
        if (fault) {
            mem_free(y);
            return err_set(e, "resampling from %g to %g Hz: %s", from, to, fault);
        }
    }
    memset(y + done, 0, ((size_t)m - done) * sizeof(float));
    *out = y;
    return true;
}

static bool check_rates(int64_t n, double from, double to, Err *e)
{
    if (!(from >= 1000 && from <= 768000) || !(to >= 1000 && to <= 768000))
        return err_set(e, "sample rate %g to %g Hz: both must lie between 1000 and 768000", from, to);
    if (n < 0 || (double)n * MAX(to / from, 1.0) > 1e12)
        return err_set(e, "cannot resample %lld samples", (long long)n);
    return true;
}

static bool resample(
    const float *x, int64_t n, double from, double to, bool whole_last, float **out, int64_t *n_out, Err *e)
{
    *out = NULL;
    *n_out = 0;
    if (!check_rates(n, from, to, e))
        return false;
    double exact = (double)n * to / from;
    int64_t m = whole_last ? (int64_t)ceil((double)n * (to / from)) : llround(exact);
    if (!resample_to(x, n, from, to, m, out, e))
        return false;
    *n_out = m;
    return true;
}

bool audio_resample(const float *x, int64_t n, double from, double to, float **out, int64_t *n_out, Err *e)
{
    return resample(x, n, from, to, false, out, n_out, e);
}

bool audio_resample_librosa(const float *x, int64_t n, double from, double to, float **out, int64_t *n_out, Err *e)
{
    return resample(x, n, from, to, true, out, n_out, e);
}

static bool is_sound(float x)
{
    return fabsf(x) <= 1000; /* false for what is not a number */
}

bool audio_prepare(const float *x, int64_t n, double rate, float **out, int64_t *n_out, Err *e)
{
    *out = NULL;
    if (!(rate >= 1000 && rate <= 768000))
        return err_set(e, "sample rate %g Hz: must be 1000 to 768000", rate);
    if (n < 0 || (double)n / rate > AUDIO_MAX_SECONDS)
        return err_set(e, "song of %.0f s: at most %.0f s can be analysed", (double)n / rate, AUDIO_MAX_SECONDS);
    int64_t clean = 0;
    while (clean < n && is_sound(x[clean]))
        clean++;
    if (clean == n)
        return audio_resample(x, n, rate, TRACK_RATE, out, n_out, e);
    float *copy = mem_try((size_t)n * sizeof(float));
    if (!copy)
        return err_set(e, "no memory for %lld samples", (long long)n);
    for (int64_t i = 0; i < n; i++)
        copy[i] = is_sound(x[i]) ? x[i] : 0;
    bool ok = audio_resample(copy, n, rate, TRACK_RATE, out, n_out, e);
    mem_free(copy);
    return ok;
}
