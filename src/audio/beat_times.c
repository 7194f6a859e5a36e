/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact beat times. Beats from downbeat.c lie on frames or between them; here each is drawn to the onset peak next to
 * it (interpolated between frames), and the whole is evened out: by one straight line where the tempo is constant, as
 * in nearly all produced music, else by a short parabola around each beat, so that players may breathe. Beats that fall
 * into a break get their times from their neighbours. Missing beats at both ends of the sound are added.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <string.h>

/* Where the onset near frame position p peaks, and how much it can be trusted (0: nothing there). */
static double peak_near(const Onsets *o, double p, double *weight)
{
    int64_t centre = llround(p), best = -1;
    for (int64_t t = MAX(centre - 3, 1); t <= MIN(centre + 3, o->n - 2); t++)
        if (o->all[t] >= o->all[t - 1] && o->all[t] > o->all[t + 1] && (best < 0 || o->all[t] > o->all[best]))
            best = t;
    *weight = 0;
    if (best < 0 || o->all[best] < 1)
        return p;
    double a = o->all[best - 1], b = o->all[best], c = o->all[best + 1], curve = a - 2 * b + c;
    double at = (double)best + (curve < 0 ? 0.5 * (a - c) / curve : 0), off = (at - p) / 2;
    *weight = MIN(b, 6) * exp(-0.5 * off * off);
    return at;
}

/* Weighted least squares of y on 1, x, x^2 (terms 2 or 3) at x = 0: value there. */
static double fit_at_zero(const double *x, const double *y, const double *w, int n, int terms)
{
    double a[3][4] = {{0}};
    for (int i = 0; i < n; i++) {
        double power[3] = {1, x[i], x[i] * x[i]};
        for (int r = 0; r < terms; r++) {
            for (int c = 0; c < terms; c++)
                a[r][c] += w[i] * power[r] * power[c];
            a[r][3] += w[i] * power[r] * y[i];
        }
    }
    for (int k = terms - 1; k >= 0; k--) { /* positive definite: pivots need no search; ends with a[0] solved */
        for (int r = 0; r < k; r++) {
            double f = a[r][k] / a[k][k];
            for (int c = 0; c < terms; c++)
                a[r][c] -= f * a[k][c];
            a[r][3] -= f * a[k][3];
        }
    }
    return a[0][3] / a[0][0];
}

/* y = a + b i through all beats; beats far from the line count less and less (Tukey's weights, cut at last 40 ms). */
static void fit_line(const double *y, const double *w, int n, double *a, double *b)
{
    enum { ROUNDS = 12 };
    *b = (y[n - 1] - y[0]) / (n - 1);
    *a = y[0];
    for (int round = 0; round < ROUNDS; round++) {
        double cut = 0.040 * TRACK_FPS * MAX(8 - 2 * round, 1);
        double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
        for (int i = 0; i < n; i++) {
            double z = (y[i] - *a - *b * i) / cut, v = 0;
            if (fabs(z) < 1 || round == 0)
                v = w[i] * (round == 0 ? 1 : (1 - z * z) * (1 - z * z));
            s += v;
            sx += v * i;
            sy += v * y[i];
            sxx += v * i * i;
            sxy += v * i * y[i];
        }
        double spread = s * sxx - sx * sx;
        if (spread < 1e-6 * s * s)
            return;
        *b = (s * sxy - sx * sy) / spread;
        *a = (sy - *b * sx) / s;
    }
}

/* The line explains the beats: in every stretch of 16 the trusted ones lie within 15 ms of it on average. */
static bool line_holds(const double *y, const double *w, int n, double a, double b)
{
    enum { STRETCH = 16 };
    double limit = 0.015 * TRACK_FPS, total = 0, inside = 0;
    for (int from = 0; from < n; from += STRETCH) {
        double s = 0, off = 0;
        for (int i = from; i < MIN(from + STRETCH, n); i++) {
            double z = y[i] - a - b * i;
            s += w[i];
            off += w[i] * z;
            total += w[i];
            inside += fabs(z) < 0.030 * TRACK_FPS ? w[i] : 0;
        }
        if (s > 4 && fabs(off / s) > limit)
            return false;
    }
    return total > 0 && inside > 0.7 * total;
}

/* No beat leaves its pulse by more than four frames, so beats stay in order. */
static void even_out_locally(double *y, const Reading *r, const double *raw, const double *w)
{
    enum { REACH = 7 };
    for (int i = 0, n = r->n; i < n; i++) {
        double x[2 * REACH + 1], v[2 * REACH + 1], z[2 * REACH + 1];
        int m = 0;
        for (int j = MAX(i - REACH, 0); j <= MIN(i + REACH, n - 1); j++, m++) {
            double u = fabs((double)(j - i)) / (REACH + 1), near = 1 - u * u * u;
            x[m] = j - i;
            z[m] = raw[j];
            v[m] = (w[j] + 0.15) * near * near * near;
        }
        double pulse = r->seconds[i] * TRACK_FPS, fit = fit_at_zero(x, z, v, m, m > 4 ? 3 : 2);
        y[i] = CLAMP(fit, pulse - 4, pulse + 4);
    }
}

/* Beats on into the sound at both ends, at the interval there. */
static void add_missing(Reading *r, double from, double to)
{
    double head = (r->seconds[MIN(4, r->n - 1)] - r->seconds[0]) / MIN(4, r->n - 1);
    double tail = (r->seconds[r->n - 1] - r->seconds[MAX(r->n - 5, 0)]) / MIN(4, r->n - 1);
    int before = 0, after = 0;
    while (r->seconds[0] - (before + 1) * head > from)
        before++;
    while (r->seconds[r->n - 1] + (after + 1) * tail < to)
        after++;
    double *all = mem_alloc((size_t)(r->n + before + after) * sizeof(double));
    for (int i = 0; i < before; i++)
        all[i] = r->seconds[0] - (before - i) * head;
    memcpy(all + before, r->seconds, (size_t)r->n * sizeof(double));
    for (int i = 0; i < after; i++)
        all[before + r->n + i] = r->seconds[r->n - 1] + (i + 1) * tail;
    mem_free(r->seconds);
    r->seconds = all;
    r->n += before + after;
    r->first = (r->first + before) % r->metre;
}

/* At both ends beats stay only up to the first and last onset on a beat: a long decay is no beat. */
static void drop_silent(Reading *r, const Onsets *o)
{
    double weight;
    int first = 0, last = r->n - 1;
    while (first < r->n && (peak_near(o, r->seconds[first] * TRACK_FPS, &weight), weight < 2))
        first++;
    while (last > first && (peak_near(o, r->seconds[last] * TRACK_FPS, &weight), weight < 2))
        last--;
    if (last - first < 2)
        return;
    r->n = last - first + 1;
    memmove(r->seconds, r->seconds + first, (size_t)r->n * sizeof(double));
    r->first = (r->first - first % r->metre + r->metre) % r->metre;
}

void audio_refine_beats(Reading *r, const Onsets *o)
{
    int n = r->n;
    double *raw = mem_alloc(3 * (size_t)n * sizeof(double)), *w = raw + n, *y = w + n, a, b;
    for (int i = 0; i < n; i++)
        raw[i] = peak_near(o, r->seconds[i] * TRACK_FPS, &w[i]);
    fit_line(raw, w, n, &a, &b);
    if (line_holds(raw, w, n, a, b))
        for (int i = 0; i < n; i++)
            y[i] = a + b * i;
    else
        even_out_locally(y, r, raw, w);
    for (int i = 0; i < n; i++)
        r->seconds[i] = y[i] / TRACK_FPS;
    mem_free(raw);
    add_missing(r, o->sound_from - 0.03, o->sound_to);
    drop_silent(r, o);
}
