/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters on float pictures that cutting out, filling and compositing need: box and blur, guided filter, distance
 * transform, push-pull fill, resize. Planes [h, w] or [h, w, C] as articulated_internal.h says. Left out: anything that knows
 * of figures. Threads take whole rows or columns, so results do not depend on their number.
 */
#include "models/articulated/articulated_internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- box and blur ------------------------------------------------------------------------------------------------------ */

typedef struct BoxJob { const float *in; float *out; int w, h, r; } BoxJob;

static void box_rows(void *ctx, int64_t from, int64_t to)
{
    const BoxJob *j = ctx;
    for (int64_t y = from; y < to; y++) {
        const float *in = j->in + y * j->w;
        float *out = j->out + y * j->w;
        double sum = 0;
        for (int x = 0; x < MIN(j->r, j->w); x++) sum += in[x];
        for (int x = 0; x < j->w; x++) {
            if (x + j->r < j->w) sum += in[x + j->r];
            if (x - j->r - 1 >= 0) sum -= in[x - j->r - 1];
            int lo = MAX(x - j->r, 0), hi = MIN(x + j->r, j->w - 1);
            out[x] = (float)(sum / (hi - lo + 1));
        }
    }
}

/* Blocks of columns, so that memory is read along rows. */
static void box_columns(void *ctx, int64_t from, int64_t to)
{
    const BoxJob *j = ctx;
    enum { BLOCK = 32 };
    for (int64_t x0 = from * BLOCK; x0 < to * BLOCK && x0 < j->w; x0 += BLOCK) {
        int n = (int)MIN((int64_t)BLOCK, j->w - x0);
        double sum[BLOCK] = {0};
        for (int y = 0; y < MIN(j->r, j->h); y++)
            for (int i = 0; i < n; i++) sum[i] += j->in[(int64_t)y * j->w + x0 + i];
        for (int y = 0; y < j->h; y++) {
            int in = y + j->r, gone = y - j->r - 1, lo = MAX(y - j->r, 0), hi = MIN(y + j->r, j->h - 1);
            for (int i = 0; i < n; i++) {
                if (in < j->h) sum[i] += j->in[(int64_t)in * j->w + x0 + i];
                if (gone >= 0) sum[i] -= j->in[(int64_t)gone * j->w + x0 + i];
                j->out[(int64_t)y * j->w + x0 + i] = (float)(sum[i] / (hi - lo + 1));
            }
        }
    }
}

void plane_box(const float *in, float *out, int w, int h, int radius)
{
    float *mid = mem_alloc(sizeof(float) * (size_t)w * (size_t)h);
    BoxJob rows = {in, mid, w, h, radius}, columns = {mid, out, w, h, radius};
    threads_for(h, 16, box_rows, &rows);
    threads_for((w + 31) / 32, 1, box_columns, &columns);
    mem_free(mid);
}

void plane_blur(float *p, int w, int h, float sigma)
{
    int r = (int)lroundf(sqrtf(4 * sigma * sigma + 1) / 2 - 0.5f); /* three boxes of 2r+1: variance ((2r+1)^2 - 1) / 4 */
    if (r < 1) return;
    size_t n = (size_t)w * (size_t)h;
    float *t = mem_alloc(sizeof(float) * n);
    plane_box(p, t, w, h, r);
    plane_box(t, p, w, h, r);
    plane_box(p, t, w, h, r);
    memcpy(p, t, sizeof(float) * n);
    mem_free(t);
}

/* ---- guided filter ------------------------------------------------------------------------------------------------------
 * In each window p = a . I + b by least squares: a = (Sigma + eps)^-1 cov(I, p), b = mean p - a . mean I; then a and b are averaged. */

static void solve3(const float s[6], const float c[3], float a[3]) /* s: rr rg rb gg gb bb */
{
    float i00 = s[3] * s[5] - s[4] * s[4], i01 = s[2] * s[4] - s[1] * s[5], i02 = s[1] * s[4] - s[2] * s[3];
    float i11 = s[0] * s[5] - s[2] * s[2], i12 = s[1] * s[2] - s[0] * s[4], i22 = s[0] * s[3] - s[1] * s[1];
    float det = s[0] * i00 + s[1] * i01 + s[2] * i02;
    a[0] = (i00 * c[0] + i01 * c[1] + i02 * c[2]) / det;
    a[1] = (i01 * c[0] + i11 * c[1] + i12 * c[2]) / det;
    a[2] = (i02 * c[0] + i12 * c[1] + i22 * c[2]) / det;
}

void plane_guided(const float *guide, float *p, int w, int h, int radius, float eps)
{
    enum { MEANS = 13 }; /* I 3, p, II 6, Ip 3 */
    size_t n = (size_t)w * (size_t)h;
    float *m = mem_alloc(sizeof(float) * n * MEANS), *t = mem_alloc(sizeof(float) * n);
    for (int k = 0; k < MEANS; k++) {
        static const int first[6] = {0, 0, 0, 1, 1, 2}, second[6] = {0, 1, 2, 1, 2, 2};
        for (size_t i = 0; i < n; i++) {
            const float *c = guide + 3 * i;
            t[i] = k < 3 ? c[k] : k == 3 ? p[i] : k < 10 ? c[first[k - 4]] * c[second[k - 4]] : c[k - 10] * p[i];
        }
        plane_box(t, m + n * (size_t)k, w, h, radius);
    }
    for (size_t i = 0; i < n; i++) {
        float c[3], s[6], a[3], mean[MEANS];
        for (int k = 0; k < MEANS; k++) mean[k] = m[n * (size_t)k + i];
        s[0] = mean[4] - mean[0] * mean[0] + eps, s[1] = mean[5] - mean[0] * mean[1], s[2] = mean[6] - mean[0] * mean[2];
        s[3] = mean[7] - mean[1] * mean[1] + eps, s[4] = mean[8] - mean[1] * mean[2], s[5] = mean[9] - mean[2] * mean[2] + eps;
        for (int k = 0; k < 3; k++) c[k] = mean[10 + k] - mean[k] * mean[3];
        solve3(s, c, a);
        for (int k = 0; k < 3; k++) m[n * (size_t)k + i] = a[k];
        m[n * 3 + i] = mean[3] - a[0] * mean[0] - a[1] * mean[1] - a[2] * mean[2];
    }
    memset(p, 0, sizeof(float) * n);
    for (int k = 0; k < 4; k++) {
        plane_box(m + n * (size_t)k, t, w, h, radius);
        for (size_t i = 0; i < n; i++) p[i] += k < 3 ? t[i] * guide[3 * i + (size_t)k] : t[i];
    }
    mem_free(m);
    mem_free(t);
}

/* ---- distance transform ------------------------------------------------------------------------------------------------- */

#define FAR 1e12f

/* Lower envelope of parabolas f[q] + (x - q)^2 along one line. */
static void distance_line(const float *f, float *d, int n, int *v, float *z)
{
    int k = 0;
    v[0] = 0, z[0] = -FLT_MAX, z[1] = FLT_MAX;
    for (int q = 1; q < n; q++) {
        float s;
        do {
            int p = v[k];
            s = ((f[q] + (float)q * (float)q) - (f[p] + (float)p * (float)p)) / (2.0f * (float)(q - p));
        } while (s <= z[k] && k-- > 0);
        k++;
        v[k] = q, z[k] = s, z[k + 1] = FLT_MAX;
    }
    for (int q = 0, j = 0; q < n; q++) {
        while (z[j + 1] < (float)q) j++;
        d[q] = (float)(q - v[j]) * (float)(q - v[j]) + f[v[j]];
    }
}

typedef struct DistanceJob { const uint8_t *inside; float *out; int w, h; bool columns; } DistanceJob;

static void distance_lines(void *ctx, int64_t from, int64_t to)
{
    const DistanceJob *j = ctx;
    int n = j->columns ? j->h : j->w;
    float *f = mem_alloc(sizeof(float) * (size_t)n * 3 + sizeof(float) * 4), *d = f + n, *z = d + n;
    int *v = mem_alloc(sizeof(int) * (size_t)n);
    for (int64_t l = from; l < to; l++) {
        for (int i = 0; i < n; i++) {
            size_t at = j->columns ? (size_t)i * (size_t)j->w + (size_t)l : (size_t)l * (size_t)j->w + (size_t)i;
            f[i] = j->columns ? (j->inside[at] ? 0 : FAR) : j->out[at];
        }
        distance_line(f, d, n, v, z);
        for (int i = 0; i < n; i++)
            j->out[j->columns ? (size_t)i * (size_t)j->w + (size_t)l : (size_t)l * (size_t)j->w + (size_t)i] = d[i];
    }
    mem_free(f);
    mem_free(v);
}

void plane_distance2(const uint8_t *inside, float *out, int w, int h)
{
    DistanceJob j = {inside, out, w, h, true};
    threads_for(w, 32, distance_lines, &j);
    j.columns = false;
    threads_for(h, 32, distance_lines, &j);
}

/* ---- push-pull ---------------------------------------------------------------------------------------------------------- */

/* Half the size; a cell is the weighted mean of its four pixels, its weight their sum, at most 1. */
static void push(const float *rgb, const float *weight, int w, int h, float *rgb2, float *weight2)
{
    int w2 = (w + 1) / 2, h2 = (h + 1) / 2;
    for (int y = 0; y < h2; y++)
        for (int x = 0; x < w2; x++) {
            float sum = 0, c[3] = {0};
            for (int k = 0; k < 4; k++) {
                int sx = 2 * x + (k & 1), sy = 2 * y + (k >> 1);
                if (sx >= w || sy >= h) continue;
                size_t i = (size_t)sy * (size_t)w + (size_t)sx;
                sum += weight[i];
                for (int ch = 0; ch < 3; ch++) c[ch] += weight[i] * rgb[3 * i + (size_t)ch];
            }
            size_t o = (size_t)y * (size_t)w2 + (size_t)x;
            weight2[o] = MIN(sum, 1.0f);
            for (int ch = 0; ch < 3; ch++) rgb2[3 * o + (size_t)ch] = sum > 0 ? c[ch] / sum : 0;
        }
}

void plane_push_pull(float *rgb, const float *weight, int w, int h)
{
    if (w == 1 && h == 1) return;
    int w2 = (w + 1) / 2, h2 = (h + 1) / 2;
    size_t n2 = (size_t)w2 * (size_t)h2;
    float *rgb2 = mem_alloc(sizeof(float) * 3 * n2), *weight2 = mem_alloc(sizeof(float) * n2);
    push(rgb, weight, w, h, rgb2, weight2);
    plane_push_pull(rgb2, weight2, w2, h2);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x;
            float keep = MIN(weight[i], 1.0f);
            if (keep >= 1) continue;
            float fx = CLAMP(((float)x + 0.5f) / 2 - 0.5f, 0.0f, (float)(w2 - 1));
            float fy = CLAMP(((float)y + 0.5f) / 2 - 0.5f, 0.0f, (float)(h2 - 1));
            int x0 = (int)fx, y0 = (int)fy, x1 = MIN(x0 + 1, w2 - 1), y1 = MIN(y0 + 1, h2 - 1);
            float ax = fx - (float)x0, ay = fy - (float)y0;
            for (int c = 0; c < 3; c++) {
                const float *p = rgb2 + c;
                float top = p[3 * ((size_t)y0 * (size_t)w2 + (size_t)x0)] * (1 - ax) + p[3 * ((size_t)y0 * (size_t)w2 + (size_t)x1)] * ax;
                float low = p[3 * ((size_t)y1 * (size_t)w2 + (size_t)x0)] * (1 - ax) + p[3 * ((size_t)y1 * (size_t)w2 + (size_t)x1)] * ax;
                float *v = &rgb[3 * i + (size_t)c];
                *v = keep * *v + (1 - keep) * (top * (1 - ay) + low * ay);
            }
        }
    mem_free(rgb2);
    mem_free(weight2);
}

/* ---- sizes and types ---------------------------------------------------------------------------------------------------- */

/* Weights of one output sample: a tent as wide as the larger of the two pixel sizes. */
static int tent(float *weight, int *first, int at, int n, int n2)
{
    float scale = (float)n / (float)n2, support = MAX(scale, 1.0f), centre = ((float)at + 0.5f) * scale;
    int lo = MAX((int)floorf(centre - support), 0), hi = MIN((int)ceilf(centre + support), n), count = 0;
    float sum = 0;
    for (int i = lo; i < hi; i++) {
        float v = MAX(1 - fabsf((float)i + 0.5f - centre) / support, 0.0f);
        weight[count++] = v;
        sum += v;
    }
    for (int i = 0; i < count; i++) weight[i] /= sum;
    *first = lo;
    return count;
}

void plane_resize(const float *in, int w, int h, int channels, float *out, int w2, int h2)
{
    size_t c = (size_t)channels;
    float *mid = mem_alloc(sizeof(float) * c * (size_t)w2 * (size_t)h);
    float *weight = mem_alloc(sizeof(float) * (size_t)(2 * (MAX(w / w2, h / h2) + 4)));
    int first;
    for (int x = 0; x < w2; x++) {
        int n = tent(weight, &first, x, w, w2);
        for (int y = 0; y < h; y++)
            for (size_t k = 0; k < c; k++) {
                float v = 0;
                for (int i = 0; i < n; i++) v += weight[i] * in[((size_t)y * (size_t)w + (size_t)(first + i)) * c + k];
                mid[((size_t)y * (size_t)w2 + (size_t)x) * c + k] = v;
            }
    }
    for (int y = 0; y < h2; y++) {
        int n = tent(weight, &first, y, h, h2);
        float *row = out + (size_t)y * (size_t)w2 * c;
        memset(row, 0, sizeof(float) * (size_t)w2 * c);
        for (int i = 0; i < n; i++) {
            const float *from = mid + (size_t)(first + i) * (size_t)w2 * c;
            for (size_t k = 0; k < (size_t)w2 * c; k++) row[k] += weight[i] * from[k];
        }
    }
    mem_free(mid);
    mem_free(weight);
}

void plane_from_picture(const Picture *p, float *rgb, float *alpha)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    for (size_t i = 0; i < n; i++) {
        if (rgb)
            for (size_t c = 0; c < 3; c++) rgb[3 * i + c] = (float)p->rgba[4 * i + c] / 255.0f;
        if (alpha) alpha[i] = (float)p->rgba[4 * i + 3] / 255.0f;
    }
}
