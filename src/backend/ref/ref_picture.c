/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: resizing, pooling and warping of pictures [B, H, W, C].
 *
 * Resizing and bilinear warping are both "a weighted sum of a few pixels", so gradients reuse the same taps.
 */
#include "backend/ref/ref_internal.h"

#include <math.h>

/* ---- resize ------------------------------------------------------------------------------------------------------ */

typedef struct Taps { int n; int64_t at[4]; float w[4]; } Taps;

static float cubic(float d) /* Keys' kernel, a = -0.75 */
{
    const float a = -0.75f;
    d = fabsf(d);
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

/* The source pixels of output pixel i along an axis of `in` pixels scaled to `out`. */
static Taps taps(int64_t i, int64_t in, int64_t out, Resize mode, bool align)
{
    double ratio = align ? (out > 1 ? (double)(in - 1) / (double)(out - 1) : 0) : (double)in / (double)out;
    double x = align ? (double)i * ratio : ((double)i + 0.5) * ratio - 0.5;
    if (mode == RESIZE_NEAREST) return (Taps){1, {CLAMP((int64_t)floor(x + 0.5), 0, in - 1)}, {1}};
    if (mode == RESIZE_BILINEAR) x = fmax(x, 0);
    int64_t first = (int64_t)floor(x);
    float f = (float)(x - (double)first);
    if (mode == RESIZE_BILINEAR) return (Taps){2, {MIN(first, in - 1), MIN(first + 1, in - 1)}, {1 - f, f}};
    Taps t = {4};
    for (int k = 0; k < 4; k++) {
        t.at[k] = CLAMP(first - 1 + k, 0, in - 1);
        t.w[k] = cubic(f + 1 - (float)k);
    }
    return t;
}

/* to_big: big += taps of small (gradient); else small (output) = taps of big. "big" is the source picture, both f32. */
static void resize_loop(Shape big, Shape small, float *source, float *result, Resize mode, bool align, bool back)
{
    int64_t H = big.d[1], W = big.d[2], C = big.d[3], h = small.d[1], w = small.d[2];
    for (int64_t b = 0; b < small.d[0]; b++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                Taps ty = taps(y, H, h, mode, align), tx = taps(x, W, w, mode, align);
                float *r = result + ((b * h + y) * w + x) * C;
                for (int i = 0; i < ty.n; i++)
                    for (int j = 0; j < tx.n; j++) {
                        float *s = source + ((b * H + ty.at[i]) * W + tx.at[j]) * C, weight = ty.w[i] * tx.w[j];
                        for (int64_t c = 0; c < C; c++)
                            if (back) s[c] += weight * r[c];
                            else r[c] += weight * s[c];
                    }
            }
}

static float *zeros(Shape s)
{
    return mem_zero(sizeof(float) * (size_t)MAX(shape_count(s), 1));
}

void ref_resize(Tensor x, Tensor y, Resize mode, bool align)
{
    float *from = ref_floats(x.type, x.data, shape_count(x.shape)), *to = zeros(y.shape);
    resize_loop(x.shape, y.shape, from, to, mode, align, false);
    mem_free(from);
    ref_store(to, y.type, y.data, shape_count(y.shape));
}

void ref_resize_grad(Tensor dy, Tensor dx, Resize mode, bool align)
{
    float *from = ref_floats(dy.type, dy.data, shape_count(dy.shape)), *to = zeros(dx.shape);
    resize_loop(dx.shape, dy.shape, to, from, mode, align, true);
    mem_free(from);
    ref_store(to, dx.type, dx.data, shape_count(dx.shape));
}

/* ---- pool -------------------------------------------------------------------------------------------------------- */

typedef struct Window { int64_t y0, y1, x0, x1; } Window; /* clipped to the picture */

static Window window(Shape x, int64_t i, int64_t j, int size, int stride, int pad)
{
    int64_t y = i * stride - pad, z = j * stride - pad;
    return (Window){MAX(y, 0), MIN(y + size, x.d[1]), MAX(z, 0), MIN(z + size, x.d[2])};
}

static int64_t pixel(Shape s, int64_t b, int64_t y, int64_t x, int64_t c)
{
    return ((b * s.d[1] + y) * s.d[2] + x) * s.d[3] + c;
}

/* The first largest element of the window; -1 when it is empty. */
static int64_t largest(const Tensor *x, Window w, int64_t b, int64_t c)
{
    int64_t best = -1;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t z = w.x0; z < w.x1; z++) {
            int64_t at = pixel(x->shape, b, y, z, c);
            if (best < 0 || ref_at(x, at) > ref_at(x, best)) best = at;
        }
    return best;
}

static float average(const Tensor *x, Window w, int64_t b, int64_t c, int size)
{
    float sum = 0;
    for (int64_t y = w.y0; y < w.y1; y++)
        for (int64_t z = w.x0; z < w.x1; z++) sum += ref_at(x, pixel(x->shape, b, y, z, c));
    return sum / (float)(size * size);
}

#define FOR_PIXELS(s, b, i, j, c) \
    for (int64_t b = 0; b < (s).d[0]; b++) \
        for (int64_t i = 0; i < (s).d[1]; i++) \
            for (int64_t j = 0; j < (s).d[2]; j++) \
                for (int64_t c = 0; c < (s).d[3]; c++)

void ref_pool(Tensor x, Tensor y, int size, int stride, int pad, bool max)
{
    FOR_PIXELS(y.shape, b, i, j, c)
    {
        Window w = window(x.shape, i, j, size, stride, pad);
        int64_t best = max ? largest(&x, w, b, c) : -1;
        ref_set(&y, pixel(y.shape, b, i, j, c), !max ? average(&x, w, b, c, size) : best < 0 ? 0 : ref_at(&x, best));
    }
}

void ref_pool_grad(Tensor x, Tensor dy, Tensor dx, int size, int stride, int pad, bool max)
{
    float *sums = zeros(dx.shape);
    FOR_PIXELS(dy.shape, b, i, j, c)
    {
        Window w = window(dx.shape, i, j, size, stride, pad);
        float d = ref_at(&dy, pixel(dy.shape, b, i, j, c));
        int64_t best = max ? largest(&x, w, b, c) : -1;
        if (best >= 0) sums[best] += d;
        for (int64_t y = w.y0; y < w.y1 && !max; y++)
            for (int64_t z = w.x0; z < w.x1; z++) sums[pixel(dx.shape, b, y, z, c)] += d / (float)(size * size);
    }
    ref_store(sums, dx.type, dx.data, shape_count(dx.shape));
}

/* ---- warp -------------------------------------------------------------------------------------------------------- */

/* One coordinate in pixels after the edge rule, and its derivative by the grid's coordinate. */
typedef struct Coord { float at, slope; } Coord;

static Coord coordinate(const WarpArgs *a, float g, int64_t n)
{
    float size = (float)n, slope = a->pixels ? 1 : a->align ? (size - 1) / 2 : size / 2;
    float x = a->pixels ? g : a->align ? (g + 1) * slope : (g + 1) * slope - 0.5f;
    if (a->edge == WARP_REFLECT) {
        float low = a->align ? 0 : -0.5f, span = a->align ? size - 1 : size, d = fabsf(x - low);
        if (x < low) slope = -slope;
        if (span > 0 && isfinite(d)) {
            float turns = floorf(d / span), rest = d - turns * span;
            bool odd = fmodf(turns, 2) != 0;
            x = odd ? low + span - rest : low + rest;
            if (odd) slope = -slope;
        } else {
            x = 0;
        }
    }
    if (a->edge == WARP_ZEROS) return (Coord){fminf(fmaxf(x, -2), size + 1), slope}; /* beyond -1 and n all is 0 */
    if (!(x > 0)) return (Coord){0, 0};
    if (!(x < size - 1)) return (Coord){size - 1, 0};
    return (Coord){x, slope};
}

/* The four pixels around a grid point: index of channel 0 or -1, weight, and derivatives of the weight by x and y. */
typedef struct Corner { int64_t at; float w, wx, wy; } Corner;

static void corners(const WarpArgs *a, Shape s, int64_t b, const float *g, Corner out[4])
{
    Coord x = coordinate(a, g[0], s.d[2]), y = coordinate(a, g[1], s.d[1]);
    int64_t x0 = (int64_t)floorf(x.at), y0 = (int64_t)floorf(y.at);
    float fx = x.at - (float)x0, fy = y.at - (float)y0;
    for (int k = 0; k < 4; k++) {
        int64_t px = x0 + (k & 1), py = y0 + (k >> 1);
        bool inside = px >= 0 && px < s.d[2] && py >= 0 && py < s.d[1];
        float wx = k & 1 ? fx : 1 - fx, wy = k >> 1 ? fy : 1 - fy;
        out[k] = (Corner){inside ? pixel(s, b, py, px, 0) : -1, wx * wy, (k & 1 ? 1 : -1) * wy * x.slope,
                          (k >> 1 ? 1 : -1) * wx * y.slope};
    }
}

void ref_warp(const WarpArgs *a)
{
    int64_t C = a->x.shape.d[3], per = a->y.shape.d[1] * a->y.shape.d[2], n = a->y.shape.d[0] * per;
    for (int64_t p = 0; p < n; p++) {
        Corner k[4];
        corners(a, a->x.shape, p / per, (const float *)a->grid.data + 2 * p, k);
        for (int64_t c = 0; c < C; c++) {
            float sum = 0;
            for (int i = 0; i < 4; i++)
                if (k[i].at >= 0) sum += k[i].w * ref_at(&a->x, k[i].at + c);
            ref_set(&a->y, p * C + c, sum);
        }
    }
}

void ref_warp_grad_x(const WarpArgs *a)
{
    int64_t C = a->dx.shape.d[3], per = a->y.shape.d[1] * a->y.shape.d[2], n = a->y.shape.d[0] * per;
    float *sums = zeros(a->dx.shape);
    for (int64_t p = 0; p < n; p++) {
        Corner k[4];
        corners(a, a->dx.shape, p / per, (const float *)a->grid.data + 2 * p, k);
        for (int64_t c = 0; c < C; c++)
            for (int i = 0; i < 4; i++)
                if (k[i].at >= 0) sums[k[i].at + c] += k[i].w * ref_get(a->y.type, a->dy, p * C + c);
    }
    ref_store(sums, a->dx.type, a->dx.data, shape_count(a->dx.shape));
}

void ref_warp_grad_grid(const WarpArgs *a)
{
    int64_t C = a->x.shape.d[3], per = a->y.shape.d[1] * a->y.shape.d[2], n = a->y.shape.d[0] * per;
    float *out = a->dgrid.data;
    for (int64_t p = 0; p < n; p++) {
        Corner k[4];
        corners(a, a->x.shape, p / per, (const float *)a->grid.data + 2 * p, k);
        float dx = 0, dy = 0;
        for (int64_t c = 0; c < C; c++)
            for (int i = 0; i < 4; i++) {
                float v = k[i].at < 0 ? 0 : ref_at(&a->x, k[i].at + c) * ref_get(a->y.type, a->dy, p * C + c);
                dx += k[i].wx * v;
                dy += k[i].wy * v;
            }
        out[2 * p] = dx;
        out[2 * p + 1] = dy;
    }
}
