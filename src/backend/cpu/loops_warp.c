/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: bilinear sampling at given coordinates and its gradients. Edge rules and derivatives are PyTorch's
 * (grid_sample): clamped coordinates have slope 0, reflected ones the sign of their direction.
 *
 * The gradient by x scatters; there each thread owns a band of source rows and skips all else, so the order of
 * additions to a pixel is that of the grid, whatever the number of threads.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define GRAIN 4096

/* A coordinate in pixels after the edge rule, and its derivative by the grid's coordinate. */
typedef struct Coord { float at, slope; } Coord;

/* Reflection, as often as needed, about the first and last pixel (align) or the border half a pixel further out. */
static Coord reflected(const WarpArgs *a, float x, float slope, float size)
{
    float low = a->align ? 0 : -0.5f, span = a->align ? size - 1 : size, d = fabsf(x - low);
    if (!(span > 0 && d < 1e30f)) return (Coord){0, slope};
    if (x < low) slope = -slope;
    float turns = floorf(d / span), rest = d - turns * span;
    bool odd = fmodf(turns, 2) != 0;
    return odd ? (Coord){low + span - rest, -slope} : (Coord){low + rest, slope};
}

static inline Coord coordinate(const WarpArgs *a, float g, int64_t n)
{
    float size = (float)n, slope = a->pixels ? 1 : a->align ? (size - 1) / 2 : size / 2;
    float x = a->pixels ? g : a->align ? (g + 1) * slope : (g + 1) * slope - 0.5f;
    if (a->edge == WARP_REFLECT) {
        Coord c = reflected(a, x, slope, size);
        x = c.at;
        slope = c.slope;
    }
    if (a->edge == WARP_ZEROS) return (Coord){fminf(fmaxf(x, -2), size + 1), slope}; /* beyond -1 and n all is 0 */
    if (!(x > 0)) return (Coord){0, 0};
    if (!(x < size - 1)) return (Coord){size - 1, 0};
    return (Coord){x, slope};
}

/* The four pixels around a point: place of channel 0, or -1 outside; weight; its derivatives by x and by y. */
typedef struct Corners { int64_t at[4], row[4]; float w[4], wx[4], wy[4]; bool all; } Corners;

static inline int64_t below(float x) /* floor, of numbers that an int32_t holds */
{
    int32_t i = (int32_t)x;
    return i - ((float)i > x);
}

static inline void corners(const WarpArgs *a, const Shape *s, int64_t b, const float *g, Corners *k)
{
    int64_t H = s->d[1], W = s->d[2];
    Coord x = coordinate(a, g[0], W), y = coordinate(a, g[1], H);
    int64_t x0 = below(x.at), y0 = below(y.at), first = ((b * H + y0) * W + x0) * s->d[3];
    float fx = x.at - (float)x0, fy = y.at - (float)y0;
    k->all = x0 >= 0 && x0 + 1 < W && y0 >= 0 && y0 + 1 < H;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        int64_t px = x0 + (i & 1), py = y0 + (i >> 1);
        bool inside = k->all || (px >= 0 && px < W && py >= 0 && py < H);
        float wx = i & 1 ? fx : 1 - fx, wy = i >> 1 ? fy : 1 - fy;
        k->at[i] = inside ? first + ((i >> 1) * W + (i & 1)) * s->d[3] : -1;
        k->row[i] = py;
        k->w[i] = wx * wy;
        k->wx[i] = (i & 1 ? wy : -wy) * x.slope;
        k->wy[i] = (i >> 1 ? wx : -wx) * y.slope;
    }
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

typedef struct Warp { const WarpArgs *a; int64_t C, per; int64_t bands; float *sums; } Warp;

INLINE void sample(DType tx, DType ty, const void *x, const Corners *k, void *y, int64_t to, int64_t C)
{
    if (k->all) {
        float w0 = k->w[0], w1 = k->w[1], w2 = k->w[2], w3 = k->w[3];
        int64_t a0 = k->at[0], a1 = k->at[1], a2 = k->at[2], a3 = k->at[3];
        SIMD for (int64_t c = 0; c < C; c++)
            value_set(ty, y, to + c, w0 * value_at(tx, x, a0 + c) + w1 * value_at(tx, x, a1 + c) +
                                         w2 * value_at(tx, x, a2 + c) + w3 * value_at(tx, x, a3 + c));
        return;
    }
    for (int64_t c = 0; c < C; c++) {
        float sum = 0;
        for (int i = 0; i < 4; i++)
            if (k->at[i] >= 0) sum += k->w[i] * value_at(tx, x, k->at[i] + c);
        value_set(ty, y, to + c, sum);
    }
}

INLINE void sample_all(const Warp *w, DType tx, DType ty, int64_t C, int64_t from, int64_t to)
{
    const WarpArgs *a = w->a;
    const float *grid = a->grid.data;
    int64_t b = from / w->per, next = (b + 1) * w->per;
    Corners k;
    for (int64_t p = from; p < to; p++) {
        if (p == next) {
            b++;
            next += w->per;
        }
        corners(a, &a->x.shape, b, grid + 2 * p, &k);
        sample(tx, ty, a->x.data, &k, a->y.data, p * C, C);
    }
}

/* Loops for the common types; for pictures' three channels a loop of known length. */
static void sample_points(void *ctx, int64_t from, int64_t to)
{
    const Warp *w = ctx;
    DType tx = w->a->x.type, ty = w->a->y.type;
    if (tx == JIG_F32 && ty == JIG_F32) {
        if (w->C == 3) sample_all(w, JIG_F32, JIG_F32, 3, from, to);
        else sample_all(w, JIG_F32, JIG_F32, w->C, from, to);
    } else if (tx == JIG_BF16 && ty == JIG_BF16) {
        if (w->C == 3) sample_all(w, JIG_BF16, JIG_BF16, 3, from, to);
        else sample_all(w, JIG_BF16, JIG_BF16, w->C, from, to);
    } else {
        sample_all(w, tx, ty, w->C, from, to);
    }
}

static Warp setup(const WarpArgs *a)
{
    const int64_t *d = a->y.shape.d;
    return (Warp){.a = a, .C = d[3], .per = d[1] * d[2]};
}

void V(warp)(const WarpArgs *a)
{
    Warp w = setup(a);
    if (w.C * w.per > 0) threads_for(a->y.shape.d[0] * w.per, GRAIN / w.C + 1, sample_points, &w);
}

/* ---- gradient by x ----------------------------------------------------------------------------------------------- */

/* unit = (picture, band of its rows) */
static void scatter_bands(void *ctx, int64_t from, int64_t to)
{
    const Warp *w = ctx;
    const WarpArgs *a = w->a;
    const float *grid = a->grid.data;
    int64_t H = a->dx.shape.d[1];
    float buf[CHUNK];
    Corners k;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t b = unit / w->bands, band = unit % w->bands, first = band * H / w->bands,
                end = (band + 1) * H / w->bands;
        for (int64_t p = b * w->per; p < (b + 1) * w->per; p++) {
            corners(a, &a->dx.shape, b, grid + 2 * p, &k);
            for (int64_t c = 0; c < w->C; c += CHUNK) {
                int64_t n = MIN(CHUNK, w->C - c);
                const float *d = NULL;
                for (int i = 0; i < 4; i++) {
                    if (k.at[i] < 0 || k.row[i] < first || k.row[i] >= end) continue;
                    if (!d) d = row_in(a->y.type, a->dy, p * w->C + c, n, buf);
                    float *sum = w->sums + k.at[i] + c, weight = k.w[i];
                    SIMD for (int64_t j = 0; j < n; j++) sum[j] += weight * d[j];
                }
            }
        }
    }
}

void V(warp_grad_x)(const WarpArgs *a)
{
    Warp w = setup(a);
    int64_t count = shape_count(a->dx.shape), B = a->dx.shape.d[0];
    if (count == 0) return;
    w.sums = a->dx.type == JIG_F32 ? a->dx.data : cpu_scratch(SCRATCH_Y, sizeof(float) * (size_t)count);
    w.bands = MIN((threads_count() + B - 1) / B, a->dx.shape.d[1]);
    V(fill)((Tensor){JIG_F32, a->dx.shape, w.sums}, 0);
    threads_for(B * w.bands, 1, scatter_bands, &w);
    if (a->dx.type != JIG_F32) V(convert)(a->dx.type, a->dx.data, JIG_F32, w.sums, count);
}

/* ---- gradient by the grid ---------------------------------------------------------------------------------------- */

INLINE float product(DType tx, DType ty, const void *x, int64_t at, const void *dy, int64_t from, int64_t C)
{
    float sum = 0;
    _Pragma("omp simd reduction(+:sum)") for (int64_t c = 0; c < C; c++)
        sum += value_at(tx, x, at + c) * value_at(ty, dy, from + c);
    return sum;
}

static void grid_points(void *ctx, int64_t from, int64_t to)
{
    const Warp *w = ctx;
    const WarpArgs *a = w->a;
    const float *grid = a->grid.data;
    float *out = a->dgrid.data;
    Corners k;
    for (int64_t p = from; p < to; p++) {
        float dx = 0, dy = 0;
        corners(a, &a->x.shape, p / w->per, grid + 2 * p, &k);
        for (int i = 0; i < 4; i++) {
            if (k.at[i] < 0) continue;
            float v = a->x.type == JIG_F32 && a->y.type == JIG_F32
                          ? product(JIG_F32, JIG_F32, a->x.data, k.at[i], a->dy, p * w->C, w->C)
                      : a->x.type == JIG_BF16 && a->y.type == JIG_BF16
                          ? product(JIG_BF16, JIG_BF16, a->x.data, k.at[i], a->dy, p * w->C, w->C)
                          : product(a->x.type, a->y.type, a->x.data, k.at[i], a->dy, p * w->C, w->C);
            dx += k.wx[i] * v;
            dy += k.wy[i] * v;
        }
        out[2 * p] = dx;
        out[2 * p + 1] = dy;
    }
}

void V(warp_grad_grid)(const WarpArgs *a)
{
    Warp w = setup(a);
    if (w.C * w.per > 0) threads_for(a->y.shape.d[0] * w.per, GRAIN / w.C + 1, grid_points, &w);
}
