/* SPDX-License-Identifier: Apache-2.0
 *
 * Sample rate conversion of a whole song by libsoxr (high quality: pass band 91 % of the lower Nyquist frequency).
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <soxr.h>
#include <string.h>

bool audio_resample(const float *x, int64_t n, double from, double to, float **out, int64_t *n_out, Err *e)
{
    *out = NULL;
    *n_out = 0;
    if (!(from >= 1000 && from <= 768000) || !(to >= 1000 && to <= 768000))
        return err_set(e, "sample rate %g to %g Hz: both must lie between 1000 and 768000", from, to);
    if (n < 0 || (double)n * MAX(to / from, 1.0) > 1e12)
        return err_set(e, "cannot resample %lld samples", (long long)n);
    int64_t m = llround((double)n * to / from);
    float *y = mem_try((size_t)MAX(m, 1) * sizeof(float));
    if (!y)
        return err_set(e, "no memory for %lld samples", (long long)m);
    if (from == to) {
        memcpy(y, x, (size_t)n * sizeof(float));
    } else if (m > 0) {
        size_t done = 0;
        soxr_error_t fault = soxr_oneshot(from, to, 1, x, (size_t)n, NULL, y, (size_t)m, &done, NULL, NULL, NULL);
        if (fault) {
            mem_free(y);
            return err_set(e, "resampling from %g to %g Hz: %s", from, to, fault);
        }
        memset(y + done, 0, ((size_t)m - done) * sizeof(float));
    }
    *out = y;
    *n_out = m;
    return true;
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
