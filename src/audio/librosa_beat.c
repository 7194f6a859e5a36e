/* SPDX-License-Identifier: Apache-2.0
 *
 * Librosa's (0.11) tempo and beats, for the published modes of models that were trained on exactly these
 * (DabFusion specification, section 3.5): the tempo whose lag the windowed autocorrelation of the onset strength
 * likes best near a start value, then one fixed tempo's best path of beats (Ellis 2007, "Beat tracking by dynamic
 * programming"). People's songs are analysed by our own tracker (beat.c), which follows changes and finds bars.
 * Frames are LIBROSA_HOP samples apart.
 */
#include "audio/audio.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tightness = 100;

static double frame_rate(double rate)
{
    return rate / LIBROSA_HOP;
}

/* ---- tempo ------------------------------------------------------------------------------------------------------ */

/* The envelope with a ramp from and to zero of `pad` frames at its ends. */
static float *ramped(const float *strength, int64_t n, int64_t pad)
{
    float *v = mem_alloc((size_t)(n + 2 * pad) * sizeof(float));
    for (int64_t i = 0; i < pad; i++) {
        v[i] = strength[0] * (float)i / (float)pad;
        v[n + 2 * pad - 1 - i] = strength[n - 1] * (float)i / (float)pad;
    }
    memcpy(v + pad, strength, (size_t)n * sizeof(float));
    return v;
}

/* Mean over time of the autocorrelation in windows of `width` frames, each divided by its largest value. */
static void mean_tempogram(const float *strength, int64_t n, int width, double *mean)
{
    int n_fft = 2;
    while (n_fft < 2 * width)
        n_fft *= 2;
    float *padded = ramped(strength, n, width / 2);
    float *window = mem_alloc(3 * (size_t)width * sizeof(float)), *piece = window + width, *lags = piece + width;
    for (int j = 0; j < width; j++)
        window[j] = (float)(0.5 - 0.5 * cos(2 * M_PI * j / width));
    memset(mean, 0, (size_t)width * sizeof(double));
    AudioFft *f = audio_fft_create(n_fft);
    for (int64_t t = 0; t < n; t++) {
        float largest = 0;
        for (int j = 0; j < width; j++)
            piece[j] = padded[t + j] * window[j];
        audio_fft_autocorrelate(f, piece, width, lags, width);
        for (int j = 0; j < width; j++)
            largest = fmaxf(largest, fabsf(lags[j]));
        for (int j = 0; j < width; j++)
            mean[j] += lags[j] / (largest > FLT_MIN ? largest : 1) / (double)n;
    }
    audio_fft_destroy(f);
    mem_free(window);
    mem_free(padded);
}

double audio_librosa_tempo(const float *strength, int64_t n, double rate, double start_bpm)
{
    int width = (int)(floor(8 * rate) / LIBROSA_HOP); /* eight seconds */
    double best = -INFINITY, tempo = 0;
    if (n < 1)
        return 0;
    double *mean = mem_alloc((size_t)width * sizeof(double));
    mean_tempogram(strength, n, width, mean);
    for (int lag = 1; lag < width; lag++) {
        double bpm = 60 * frame_rate(rate) / lag, octaves = log2(bpm) - log2(start_bpm);
        double score = log1p(1e6 * mean[lag]) - 0.5 * octaves * octaves;
        if (bpm < 320 && score > best) {
            best = score;
            tempo = bpm;
        }
    }
    mem_free(mean);
    return tempo;
}

/* ---- beats ------------------------------------------------------------------------------------------------------ */

typedef struct Search {
    int64_t n;
    int period;     /* P, frames a beat */
    double *local;  /* [n] how good a beat is here by itself */
    double *score;  /* [n] of the best path that ends here */
    int64_t *back;  /* [n] the beat before; -1 none */
    bool *beat;     /* [n] */
} Search;

/* The envelope over its deviation, blurred by a narrow Gaussian. The envelope's first value never contributes: so it
 * is in librosa, where the convolution's bound is one short. */
static void local_scores(Search *s, const float *strength)
{
    double mean = 0, squares = 0;
    for (int64_t t = 0; t < s->n; t++)
        mean += strength[t] / (double)s->n;
    for (int64_t t = 0; t < s->n; t++)
        squares += (strength[t] - mean) * (strength[t] - mean);
    double deviation = sqrt(squares / (double)MAX(s->n - 1, 1)) + FLT_MIN;
    for (int64_t t = 0; t < s->n; t++) {
        s->local[t] = 0;
        for (int64_t i = MAX(t - s->period, 1); i <= MIN(t + s->period, s->n - 1); i++) {
            double d = 32.0 * (double)(t - i) / s->period;
            s->local[t] += exp(-0.5 * d * d) * strength[i] / deviation;
        }
    }
}

static void forward(Search *s)
{
    double largest = 0;
    for (int64_t t = 0; t < s->n; t++)
        largest = fmax(largest, s->local[t]);
    bool begun = false;
    int64_t nearest = (int64_t)rint(s->period / 2.0), farthest = 2 * (int64_t)s->period;
    for (int64_t t = 0; t < s->n; t++) {
        double best = -INFINITY;
        int64_t from = -1;
        for (int64_t i = t - nearest; i >= MAX(t - farthest, 0); i--) {
            double stretch = log((double)(t - i)) - log(s->period), score = s->score[i] - tightness * stretch * stretch;
            if (score > best) {
                best = score;
                from = i;
            }
        }
        s->score[t] = s->local[t] + (from >= 0 ? best : 0);
        begun = begun || s->local[t] >= 0.01 * largest;
        s->back[t] = begun ? from : -1;
    }
}

static bool is_top(const double *v, int64_t n, int64_t t)
{
    return t > 0 && v[t] > v[t - 1] && (t + 1 == n || v[t] >= v[t + 1]);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The last local maximum that reaches half the median of all of them; without any the last frame. */
static int64_t last_beat(const Search *s)
{
    double *tops = mem_alloc((size_t)s->n * sizeof(double));
    int64_t n = 0, t = s->n - 1;
    for (int64_t i = 0; i < s->n; i++)
        if (is_top(s->score, s->n, i))
            tops[n++] = s->score[i];
    qsort(tops, (size_t)n, sizeof(double), by_value);
    double least = n ? (tops[(n - 1) / 2] + tops[n / 2]) / 4 : 0;
    mem_free(tops);
    while (t >= 0 && !(is_top(s->score, s->n, t) && s->score[t] >= least))
        t--;
    return t < 0 ? s->n - 1 : t;
}

/* Takes away beats at both ends before and after any frame is better than half the root mean square of the beats'
 * own scores, smoothed over three beats. */
static void trim(Search *s)
{
    int64_t n = 0;
    double *own = mem_alloc((size_t)(s->n + 2) * sizeof(double)), squares = 0;
    for (int64_t t = 0; t < s->n; t++)
        if (s->beat[t])
            own[n++] = s->local[t];
    for (int64_t i = 0; i < n + 2; i++) { /* librosa's slice keeps two values beyond the last beat */
        double before = i >= 1 && i <= n ? own[i - 1] : 0, here = i < n ? own[i] : 0,
               after = i + 1 < n ? own[i + 1] : 0;
        double v = 0.5 * before + here + 0.5 * after;
        squares += v * v;
    }
    double least = 0.5 * sqrt(squares / (double)(n + 2));
    mem_free(own);
    for (int64_t t = 0; t < s->n && s->local[t] <= least; t++)
        s->beat[t] = false;
    for (int64_t t = s->n - 1; t >= 0 && s->local[t] <= least; t--)
        s->beat[t] = false;
}

int64_t audio_librosa_beats(
    const float *strength, int64_t n, double rate, double start_bpm, double *tempo, int64_t *frames)
{
    bool any = false;
    for (int64_t t = 0; t < n; t++)
        any = any || strength[t] != 0;
    *tempo = any ? audio_librosa_tempo(strength, n, rate, start_bpm) : 0;
    if (!(*tempo > 0))
        return 0;
    size_t room = (size_t)n;
    Search s = {.n = n, .period = (int)MAX(rint(60 * frame_rate(rate) / *tempo), 1)};
    s.local = mem_zero(room * sizeof(double));
    s.score = mem_zero(room * sizeof(double));
    s.back = mem_zero(room * sizeof(int64_t));
    s.beat = mem_zero(room * sizeof(bool));
    local_scores(&s, strength);
    forward(&s);
    for (int64_t t = last_beat(&s); t >= 0; t = s.back[t])
        s.beat[t] = true;
    trim(&s);
    int64_t count = 0;
    for (int64_t t = 0; t < n; t++)
        if (s.beat[t])
            frames[count++] = t;
    mem_free(s.local);
    mem_free(s.score);
    mem_free(s.back);
    mem_free(s.beat);
    return count;
}
