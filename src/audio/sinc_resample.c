/* SPDX-License-Identifier: Apache-2.0
 *
 * Torchaudio's resampler (functional.resample with its defaults: a sinc of six zero crossings a side under a Hann
 * window, cut off at 99 % of the lower Nyquist frequency), which MusicInfuser's weights heard (its specification,
 * section 3.1). It is worse than libsoxr's and so only for models trained on it. A piece of the result is computed from
 * the samples around it, so memory and time follow the piece, not the song.
 */
#include "audio/audio.h"

#include <math.h>
#include <string.h>

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* Of the reduced ratio o : p, phase i and tap k (0 = `wide` samples before): the filter's value. */
static float tap(int64_t o, int64_t p, double cut, int64_t wide, int64_t i, int64_t k)
{
    double t = CLAMP(cut * ((double)(k - wide) / (double)o - (double)i / (double)p), -6.0, 6.0);
    double window = cos(t * M_PI / 12), sinc = t == 0 ? 1 : sin(M_PI * t) / (M_PI * t);
    return (float)(cut / (double)o * sinc * window * window);
}

int64_t audio_sinc_length(int64_t n, int from, int to)
{
    return (n * to + from - 1) / from;
}

bool audio_sinc_resample(
    const float *x, int stride, int64_t n, int from, int to, int64_t first, int64_t count, float *out, Err *e)
{
    if (from < 1000 || from > 768000 || to < 1000 || to > 768000)
        return err_set(e, "sample rate %d to %d Hz: both must lie between 1000 and 768000", from, to);
    int64_t shared = common_divisor(from, to), o = from / shared, p = to / shared,
            whole = audio_sinc_length(n, from, to);
    double cut = (double)MIN(o, p) * 0.99;
    int64_t wide = (int64_t)ceil(6 * (double)o / cut), taps = 2 * wide + o;
    size_t bytes;
    float *filter = mem_product(&bytes, 3, (size_t)p, (size_t)taps, sizeof(float)) && bytes < (size_t)1 << 30 && o != p
        ? mem_try(bytes)
        : NULL;
    if (o != p && !filter)
        return err_set(e, "sample rates %d and %d Hz have no small common ratio (%lld to %lld)", from, to, (long long)o,
            (long long)p);
    for (int64_t i = 0; o != p && i < p; i++)
        for (int64_t k = 0; k < taps; k++)
            filter[i * taps + k] = tap(o, p, cut, wide, i, k);
    for (int64_t j = 0; j < count; j++) {
        int64_t at = first + j, block = at / p, start = block * o - wide;
        double sum = 0;
        if (at >= 0 && at < whole && o == p)
            sum = x[at * stride];
        else if (at >= 0 && at < whole)
            for (int64_t k = MAX(-start, 0); k < MIN(taps, n - start); k++)
                sum += (double)filter[(at % p) * taps + k] * x[(start + k) * stride];
        out[j] = (float)sum;
    }
    mem_free(filter);
    return true;
}
