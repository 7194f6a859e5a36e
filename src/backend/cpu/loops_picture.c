/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: resizing and pooling of pictures [B, H, W, C].
 *
 * Resizing is separable: each output pixel along an axis is a weighted sum of up to four source pixels (Taps). Forward,
 * a thread makes whole output rows: source rows are blended into one f32 row, which is then blended along x. The
 * gradient does the same backwards for whole source rows, so no two threads write to one place.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define GRAIN 16384

/* ---- resize ------------------------------------------------------------------------------------------------------ */

typedef struct Tap { int64_t at; float w; } Tap;
typedef struct Axis {
    int n;
    Tap *taps;
    int64_t *first;
} Axis; /* n taps per output pixel, or (first) a varying number */

static float cubic(float d) /* Keys' kernel, a = -0.75 */
{
    const float a = -0.75f;
    d = fabsf(d);
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static void fill_taps(Tap *t, int64_t i, int64_t in, int64_t out, Resize mode, bool align)
{
    double ratio = align ? (out > 1 ? (double)(in - 1) / (double)(out - 1) : 0) : (double)in / (double)out;
    double x = align ? (double)i * ratio : ((double)i + 0.5) * ratio - 0.5;
    if (mode == RESIZE_NEAREST) {
        t[0] = (Tap){CLAMP((int64_t)floor(x + 0.5), 0, in - 1), 1};
        return;
    }
    if (mode == RESIZE_BILINEAR) x = fmax(x, 0);
    int64_t first = (int64_t)floor(x);
    float f = (float)(x - (double)first);
    if (mode == RESIZE_BILINEAR) {
        t[0] = (Tap){MIN(first, in - 1), 1 - f};
        t[1] = (Tap){MIN(first + 1, in - 1), f};
        return;
    }
    for (int k = 0; k < 4; k++) t[k] = (Tap){CLAMP(first - 1 + k, 0, in - 1), cubic(f + 1 - (float)k)};
}

static int tap_count(Resize mode)
{
    return mode == RESIZE_NEAREST ? 1 : mode == RESIZE_BILINEAR ? 2 : 4;
}

static Axis axis_forward(Tap *room, int64_t in, int64_t out, Resize mode, bool align)
{
    Axis a = {tap_count(mode), room};
    for (int64_t i = 0; i < out; i++) fill_taps(room + i * a.n, i, in, out, mode, align);
    return a;
}

/* For each source pixel the output pixels that use it, in order: taps[first[i] .. first[i + 1]). */
static Axis axis_backward(Tap *room, int64_t *first, int64_t in, int64_t out, Resize mode, bool align)
{
    Axis a = {tap_count(mode), room, first};
    Tap t[4];
    for (int64_t i = 0; i <= in; i++) first[i] = 0;
    for (int64_t i = 0; i < out; i++) {
        fill_taps(t, i, in, out, mode, align);
        for (int k = 0; k < a.n; k++) first[t[k].at + 1]++;
    }
    for (int64_t i = 0; i < in; i++) first[i + 1] += first[i];
    for (int64_t i = 0; i < out; i++) {
        fill_taps(t, i, in, out, mode, align);
        for (int k = 0; k < a.n; k++) room[first[t[k].at]++] = (Tap){i, t[k].w};
    }
    for (int64_t i = in; i > 0; i--) first[i] = first[i - 1];
    first[0] = 0;
    return a;
}

/* Both pictures: `from` is read, `to` is written; taps say for each pixel of `to` which of `from`. */
typedef struct Scale { Tensor from, to; Axis y, x; } Scale;

static Tap *taps_of(const Axis *a, int64_t i, int64_t *n)
{
    *n = a->first ? a->first[i + 1] - a->first[i] : a->n;
    return a->taps + (a->first ? a->first[i] : i * a->n);
}

/* y [n] = w0 x0 + w1 x1 (+ y) */
INLINE void blend(const float *x0, float w0, const float *x1, float w1, bool add, float *y, int64_t n)
{
    if (add) {
        SIMD for (int64_t i = 0; i < n; i++) y[i] += w0 * x0[i] + w1 * x1[i];
    } else {
        SIMD for (int64_t i = 0; i < n; i++) y[i] = w0 * x0[i] + w1 * x1[i];
    }
}

/* row [n] = sum of taps of rows of `from` in picture b */
static void blend_rows(const Scale *s, int64_t b, const Tap *taps, int64_t count, float *row, int64_t n)
{
    float b0[CHUNK], b1[CHUNK];
    int64_t H = s->from.shape.d[1];
    if (count == 0) memset(row, 0, sizeof(float) * (size_t)n);
    for (int64_t c = 0; c < n && count > 0; c += CHUNK) {
        int64_t len = MIN(CHUNK, n - c);
        for (int64_t k = 0; k < count; k += 2) { /* two at a time; an odd last one is met with weight 0 */
            bool alone = k + 1 == count;
            Tap t = taps[k], u = alone ? (Tap){t.at, 0} : taps[k + 1];
            const float *x = row_in(s->from.type, s->from.data, (b * H + t.at) * n + c, len, b0);
            const float *y = alone ? x : row_in(s->from.type, s->from.data, (b * H + u.at) * n + c, len, b1);
            blend(x, t.w, y, u.w, k > 0, row + c, len);
        }
    }
}

/* y [w, C] = for each pixel the sum of its taps in row */
INLINE void blend_pixels(const Axis *a, const float *row, float *y, int64_t w, int64_t C)
{
    for (int64_t i = 0; i < w; i++, y += C) {
        int64_t count;
        const Tap *t = taps_of(a, i, &count);
        if (count == 0) memset(y, 0, sizeof(float) * (size_t)C);
        for (int64_t k = 0; k < count; k += 2) {
            Tap u = k + 1 < count ? t[k + 1] : (Tap){t[k].at, 0};
            blend(row + t[k].at * C, t[k].w, row + u.at * C, u.w, k > 0, y, C);
        }
    }
}

static void scale_rows(void *ctx, int64_t from, int64_t to)
{
    const Scale *s = ctx;
    int64_t C = s->to.shape.d[3], h = s->to.shape.d[1], w = s->to.shape.d[2], n = s->from.shape.d[2] * C, count;
    float *row = cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)(n + w * C)), *out = row + n;
    for (int64_t unit = from; unit < to; unit++) {
        const Tap *taps = taps_of(&s->y, unit % h, &count);
        blend_rows(s, unit / h, taps, count, row, n);
        float *y = s->to.type == JIG_F32 ? (float *)s->to.data + unit * w * C : out;
        switch (C) { /* few channels: loops of known length */
        case 1: blend_pixels(&s->x, row, y, w, 1); break;
        case 2: blend_pixels(&s->x, row, y, w, 2); break;
        case 3: blend_pixels(&s->x, row, y, w, 3); break;
        case 4: blend_pixels(&s->x, row, y, w, 4); break;
        default: blend_pixels(&s->x, row, y, w, C); break;
        }
        row_out(s->to.type, s->to.data, unit * w * C, w * C, y);
    }
}

/* Nearest pixel: copies, without looking at the values. */
static void copy_pixels(void *ctx, int64_t from, int64_t to)
{
    const Scale *s = ctx;
    int64_t h = s->to.shape.d[1], w = s->to.shape.d[2], H = s->from.shape.d[1], W = s->from.shape.d[2];
    size_t pixel = (size_t)s->to.shape.d[3] * dtype_size(s->to.type);
    for (int64_t unit = from; unit < to; unit++) {
        const char *row = (const char *)s->from.data + (size_t)((unit / h * H + s->y.taps[unit % h].at) * W) * pixel;
        char *y = (char *)s->to.data + (size_t)(unit * w) * pixel;
        for (int64_t i = 0; i < w; i++) memcpy(y + (size_t)i * pixel, row + (size_t)s->x.taps[i].at * pixel, pixel);
    }
}

void V(resize)(Tensor x, Tensor y, Resize mode, bool align)
{
    const int64_t *in = x.shape.d, *out = y.shape.d;
    if (shape_count(y.shape) == 0 || shape_count(x.shape) == 0) return;
    Tap *room = cpu_scratch(SCRATCH_SHARED, sizeof(Tap) * (size_t)(4 * (out[1] + out[2])));
    Scale s = {x, y, axis_forward(room, in[1], out[1], mode, align),
               axis_forward(room + 4 * out[1], in[2], out[2], mode, align)};
    bool copy = mode == RESIZE_NEAREST && x.type == y.type;
    threads_for(out[0] * out[1], GRAIN / (out[2] * out[3]) + 1, copy ? copy_pixels : scale_rows, &s);
}

void V(resize_grad)(Tensor dy, Tensor dx, Resize mode, bool align)
{
    const int64_t *in = dx.shape.d, *out = dy.shape.d;
    if (shape_count(dy.shape) == 0 || shape_count(dx.shape) == 0) return;
    size_t taps = sizeof(Tap) * (size_t)(4 * (out[1] + out[2])), firsts = sizeof(int64_t) * (size_t)(in[1] + in[2] + 2);
    Tap *room = cpu_scratch(SCRATCH_SHARED, taps + firsts);
    int64_t *first = (int64_t *)((char *)room + taps);
    Scale s = {dy, dx, axis_backward(room, first, in[1], out[1], mode, align),
               axis_backward(room + 4 * out[1], first + in[1] + 1, in[2], out[2], mode, align)};
    threads_for(in[0] * in[1], GRAIN / (in[2] * in[3]) + 1, scale_rows, &s);
}

/* ---- pool -------------------------------------------------------------------------------------------------------- */

typedef struct Pool {
    Tensor x, y, dx; /* x also gives the size of the picture; y is dy in the gradient; dx F */
    int size, stride, pad;
    bool max;
} Pool;

typedef struct Window { int64_t y0, y1, x0, x1; } Window; /* clipped to the picture */

static Window window(const Pool *p, int64_t i, int64_t j)
{
    int64_t y = i * p->stride - p->pad, x = j * p->stride - p->pad;
    return (Window){MAX(y, 0), MIN(y + p->size, p->x.shape.d[1]), MAX(x, 0), MIN(x + p->size, p->x.shape.d[2])};
}

static int64_t pixel(const Pool *p, int64_t b, int64_t y, int64_t x)
{
    return ((b * p->x.shape.d[1] + y) * p->x.shape.d[2] + x) * p->x.shape.d[3];
}

/* Channels c..c+n of one window into out: sum or maximum. */
static void pool_window(const Pool *p, Window w, int64_t b, int64_t c, int64_t n, float *out)
{
    float buf[CHUNK];
    bool none = w.y0 >= w.y1 || w.x0 >= w.x1;
    for (int64_t i = 0; i < n; i++) out[i] = p->max && !none ? -INFINITY : 0;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++) {
            const float *v = row_in(p->x.type, p->x.data, pixel(p, b, y, x) + c, n, buf);
            if (p->max) {
                SIMD for (int64_t i = 0; i < n; i++) out[i] = v[i] > out[i] ? v[i] : out[i];
            } else {
                SIMD for (int64_t i = 0; i < n; i++) out[i] += v[i];
            }
        }
}

static void pool_rows(void *ctx, int64_t from, int64_t to)
{
    const Pool *p = ctx;
    int64_t h = p->y.shape.d[1], w = p->y.shape.d[2], C = p->y.shape.d[3];
    float out[CHUNK], scale = 1 / (float)(p->size * p->size);
    for (int64_t unit = from; unit < to; unit++)
        for (int64_t j = 0; j < w; j++)
            for (int64_t c = 0; c < C; c += CHUNK) {
                int64_t n = MIN(CHUNK, C - c), at = (unit * w + j) * C + c;
                pool_window(p, window(p, unit % h, j), unit / h, c, n, out);
                if (!p->max) {
                    SIMD for (int64_t i = 0; i < n; i++) out[i] *= scale;
                }
                if (p->y.type == JIG_F32) memcpy((float *)p->y.data + at, out, sizeof(float) * (size_t)n);
                else row_out(p->y.type, p->y.data, at, n, out);
            }
}

void V(pool)(Tensor x, Tensor y, int size, int stride, int pad, bool max)
{
    const int64_t *d = y.shape.d;
    Pool p = {x, y, {0}, size, stride, pad, max};
    if (shape_count(y.shape) > 0) threads_for(d[0] * d[1], GRAIN / (d[2] * d[3] * size) + 1, pool_rows, &p);
}

/* The gradient of channels c..c+n of one window: spread evenly, or to the first largest pixel of each channel. */
static void unpool_window(const Pool *p, Window w, int64_t b, int64_t c, int64_t n, const float *d)
{
    float buf[CHUNK], top[CHUNK], scale = 1 / (float)(p->size * p->size);
    int64_t place[CHUNK];
    float *dx = p->dx.data;
    for (int64_t i = 0; i < n && p->max; i++) place[i] = -1;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t x = w.x0; x < w.x1; x++) {
            int64_t at = pixel(p, b, y, x) + c;
            if (!p->max) {
                SIMD for (int64_t i = 0; i < n; i++) dx[at + i] += scale * d[i];
                continue;
            }
            const float *v = row_in(p->x.type, p->x.data, at, n, buf);
            for (int64_t i = 0; i < n; i++)
                if (place[i] < 0 || v[i] > top[i]) {
                    top[i] = v[i];
                    place[i] = at + i;
                }
        }
    for (int64_t i = 0; i < n && p->max; i++)
        if (place[i] >= 0) dx[place[i]] += d[i];
}

static void unpool_rows(void *ctx, int64_t from, int64_t to)
{
    const Pool *p = ctx;
    int64_t h = p->y.shape.d[1], w = p->y.shape.d[2], C = p->y.shape.d[3];
    float buf[CHUNK];
    for (int64_t unit = from; unit < to; unit++)
        for (int64_t j = 0; j < w; j++)
            for (int64_t c = 0; c < C; c += CHUNK) {
                int64_t n = MIN(CHUNK, C - c);
                const float *d = row_in(p->y.type, p->y.data, (unit * w + j) * C + c, n, buf);
                unpool_window(p, window(p, unit % h, j), unit / h, c, n, d);
            }
}

static void unpool_pictures(void *ctx, int64_t from, int64_t to)
{
    const Pool *p = ctx;
    unpool_rows(ctx, from * p->y.shape.d[1], to * p->y.shape.d[1]);
}

void V(pool_grad)(Tensor x, Tensor dy, Tensor dx, int size, int stride, int pad, bool max)
{
    int64_t count = shape_count(dx.shape);
    Tensor sum = {JIG_F32, dx.shape,
                  dx.type == JIG_F32 ? dx.data : cpu_scratch(SCRATCH_Y, sizeof(float) * (size_t)MAX(count, 1))};
    V(fill)(sum, 0);
    Pool p = {x, dy, sum, size, stride, pad, max};
    p.x.shape = dx.shape; /* x may be left out when averaging */
    if (shape_count(dy.shape) > 0) {
        const int64_t *d = dy.shape.d;
        if (stride >= size) threads_for(d[0] * d[1], GRAIN / (d[2] * d[3] * size) + 1, unpool_rows, &p);
        else threads_for(d[0], 1, unpool_pictures, &p); /* windows of neighbouring rows overlap */
    }
    if (dx.type != JIG_F32) V(convert)(dx.type, dx.data, JIG_F32, sum.data, count);
}
