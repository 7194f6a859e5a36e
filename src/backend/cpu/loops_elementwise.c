/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: elementwise maps, conversions, broadcasting pairs, and what is left to do after a product that oneDNN
 * could not do itself (finish). Work is cut into pieces of CHUNK elements, see vec.h.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define GRAIN 16384 /* elements worth a thread */

int64_t V(rows)(const Tensor *t)
{
    int64_t rows = 1;
    for (int i = 0; i + 1 < t->shape.n; i++) rows *= t->shape.d[i];
    return rows;
}

/* ---- one input --------------------------------------------------------------------------------------------------- */

typedef struct Map {
    Act f;
    float a, b;
    Tensor x, dy, y;
    int64_t n;
} Map;

#define UNARY(F) SIMD for (int64_t i = 0; i < n; i++) y[i] = f_act(F, x[i]);

static void act_row(Act f, const float *x, float *y, int64_t n)
{
    EACH_ACT(f, UNARY)
}

static void unary_range(void *ctx, int64_t from, int64_t to)
{
    const Map *m = ctx;
    float bx[CHUNK], by[CHUNK];
    for (int64_t at = from; at < to; at += CHUNK) {
        int64_t n = MIN(CHUNK, to - at);
        act_row(m->f, row_in(m->x.type, m->x.data, at, n, bx), row_for(m->y.type, m->y.data, at, by), n);
        row_out(m->y.type, m->y.data, at, n, by);
    }
}

void V(unary)(Act f, Tensor x, Tensor y)
{
    threads_for(shape_count(x.shape), f == ACT_NONE || f == ACT_RELU ? GRAIN : GRAIN / 4, unary_range,
                &(Map){.f = f, .x = x, .y = y});
}

#define UNARY_GRAD(F) SIMD for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * f_act_grad(F, x[i]);

static void act_grad_row(Act f, const float *x, const float *dy, float *dx, int64_t n)
{
    EACH_ACT(f, UNARY_GRAD)
}

static void unary_grad_range(void *ctx, int64_t from, int64_t to)
{
    const Map *m = ctx;
    float bx[CHUNK], bd[CHUNK], by[CHUNK];
    for (int64_t at = from; at < to; at += CHUNK) {
        int64_t n = MIN(CHUNK, to - at);
        const float *x = row_in(m->x.type, m->x.data, at, n, bx), *dy = row_in(m->dy.type, m->dy.data, at, n, bd);
        act_grad_row(m->f, x, dy, row_for(m->y.type, m->y.data, at, by), n);
        row_out(m->y.type, m->y.data, at, n, by);
    }
}

void V(unary_grad)(Act f, Tensor x, Tensor dy, Tensor dx)
{
    threads_for(shape_count(x.shape), GRAIN / 4, unary_grad_range, &(Map){.f = f, .x = x, .dy = dy, .y = dx});
}

static void affine_range(void *ctx, int64_t from, int64_t to)
{
    const Map *m = ctx;
    float bx[CHUNK], by[CHUNK];
    for (int64_t at = from; at < to; at += CHUNK) {
        int64_t n = MIN(CHUNK, to - at);
        const float *x = row_in(m->x.type, m->x.data, at, n, bx);
        float *y = row_for(m->y.type, m->y.data, at, by);
        SIMD for (int64_t i = 0; i < n; i++) y[i] = m->a * x[i] + m->b;
        row_out(m->y.type, m->y.data, at, n, by);
    }
}

void V(affine)(Tensor x, float a, float b, Tensor y)
{
    threads_for(shape_count(x.shape), GRAIN, affine_range, &(Map){.a = a, .b = b, .x = x, .y = y});
}

static void fill_range(void *ctx, int64_t from, int64_t to)
{
    const Map *m = ctx;
    if (m->y.type == JIG_F32) {
        SIMD for (int64_t i = from; i < to; i++) ((float *)m->y.data)[i] = m->a;
    } else {
        uint16_t h = bf16_bits(m->a);
        SIMD for (int64_t i = from; i < to; i++) ((uint16_t *)m->y.data)[i] = h;
    }
}

void V(fill)(Tensor y, float value)
{
    threads_for(shape_count(y.shape), GRAIN, fill_range, &(Map){.a = value, .y = y});
}

/* ---- conversions ------------------------------------------------------------------------------------------------- */

static void convert_range(void *ctx, int64_t from, int64_t to)
{
    const Map *m = ctx;
    int64_t n = to - from;
    char *out = (char *)m->y.data + from * (int64_t)dtype_size(m->y.type);
    const char *in = (const char *)m->x.data + from * (int64_t)dtype_size(m->x.type);
    if (m->x.type == JIG_BF16 && m->y.type == JIG_F32) bf16_widen((float *)out, (const uint16_t *)in, n);
    else if (m->x.type == JIG_F32 && m->y.type == JIG_BF16) bf16_narrow((uint16_t *)out, (const float *)in, n);
    else tensor_convert(m->y.type, out, m->x.type, in, n);
}

void V(convert)(DType to, void *out, DType from, const void *in, int64_t n)
{
    Map m = {.x = {from, {0}, (void *)in}, .y = {to, {0}, out}};
    threads_for(n, GRAIN, convert_range, &m);
}

void V(cast)(Tensor x, Tensor y)
{
    V(convert)(y.type, y.data, x.type, x.data, shape_count(x.shape));
}

/* ---- after a product --------------------------------------------------------------------------------------------- */

typedef struct Finish {
    Tensor y;
    const float *bias;
    const void *r;
    Act act;
    int64_t C;
} Finish;

static void finish_rows(void *ctx, int64_t from, int64_t to)
{
    const Finish *f = ctx;
    float by[CHUNK], br[CHUNK];
    for (int64_t row = from; row < to; row++)
        for (int64_t c = 0; c < f->C; c += CHUNK) {
            int64_t n = MIN(CHUNK, f->C - c), at = row * f->C + c;
            const float *x = row_in(f->y.type, f->y.data, at, n, by);
            float *y = row_for(f->y.type, f->y.data, at, by);
            if (f->bias) {
                SIMD for (int64_t i = 0; i < n; i++) y[i] = x[i] + f->bias[c + i];
            }
            if (f->r) {
                const float *r = row_in(f->y.type, f->r, at, n, br);
                SIMD for (int64_t i = 0; i < n; i++) y[i] = y[i] + r[i];
            }
            if (f->act != ACT_NONE) act_row(f->act, y, y, n);
            row_out(f->y.type, f->y.data, at, n, by);
        }
}

void V(finish)(Tensor y, const float *bias, const void *r, Act act)
{
    int64_t C = y.shape.d[y.shape.n - 1], rows = V(rows)(&y);
    if (!bias && rows * C > 0) { /* rows mean nothing then: make them long */
        C = rows * C;
        rows = 1;
        for (; C % 2 == 0 && C > CHUNK; C /= 2) rows *= 2;
    }
    threads_for(rows, GRAIN / 4 / MAX(C, 1) + 1, finish_rows, &(Finish){y, bias, r, act, C});
}

/* ---- two inputs, broadcast --------------------------------------------------------------------------------------- */

/* The axes of y after merging: at each step of axis i, a and b move by sa[i] and sb[i] elements (0: repeated). The last
 * axis therefore has steps of 0 or 1. */
typedef struct Pair {
    Binary f;
    Tensor a, b, y;
    int n;
    int64_t d[SHAPE_MAX], sa[SHAPE_MAX], sb[SHAPE_MAX];
    int64_t inner, pieces; /* length of the last axis, and into how many pieces it is cut */
} Pair;

static Pair merge(Binary f, Tensor a, Tensor b, Tensor y)
{
    Pair p = {.f = f, .a = a, .b = b, .y = y};
    int64_t step_a = 1, step_b = 1, sa[SHAPE_MAX], sb[SHAPE_MAX];
    for (int i = y.shape.n - 1; i >= 0; i--) {
        sa[i] = a.shape.d[i] == 1 ? 0 : step_a;
        sb[i] = b.shape.d[i] == 1 ? 0 : step_b;
        step_a *= a.shape.d[i];
        step_b *= b.shape.d[i];
    }
    for (int i = 0; i < y.shape.n; i++) {
        int64_t d = y.shape.d[i];
        if (d == 1) continue;
        if (p.n > 0 && p.sa[p.n - 1] == sa[i] * d && p.sb[p.n - 1] == sb[i] * d) p.d[p.n - 1] *= d;
        else p.d[p.n++] = d;
        p.sa[p.n - 1] = sa[i];
        p.sb[p.n - 1] = sb[i];
    }
    if (p.n == 0) p.d[p.n++] = 1;
    p.inner = p.d[p.n - 1];
    p.pieces = (p.inner + CHUNK - 1) / CHUNK;
    return p;
}

#define PAIR_LOOPS(EXPR) \
    if (sa && sb) { SIMD for (int64_t i = 0; i < n; i++) { float u = a[i], v = b[i]; y[i] = EXPR; } } \
    else if (sa) { float v = b[0]; SIMD for (int64_t i = 0; i < n; i++) { float u = a[i]; y[i] = EXPR; } } \
    else { float u = a[0]; SIMD for (int64_t i = 0; i < n; i++) { float v = b[sb ? i : 0]; y[i] = EXPR; } }

static void pair_row(Binary f, const float *a, int64_t sa, const float *b, int64_t sb, float *y, int64_t n)
{
    switch (f) {
    case BIN_ADD: PAIR_LOOPS(u + v) break;
    case BIN_SUB: PAIR_LOOPS(u - v) break;
    case BIN_MUL: PAIR_LOOPS(u * v) break;
    case BIN_DIV: PAIR_LOOPS(u / v) break;
    case BIN_MAX: PAIR_LOOPS(u > v ? u : v) break;
    default: PAIR_LOOPS(u < v ? u : v) break;
    }
}

/* Short rows ([pixels, 3] with [3], or with [pixels, 1]): the last two axes are spread out into a buffer and joined at
 * once. */
static const float *spread(DType t, const void *p, int64_t at, int64_t rows, int64_t inner, int64_t row, int64_t col,
                           float *buf)
{
    if (col == 1 && row == inner) return row_in(t, p, at, rows * inner, buf);
    float *to = buf;
    for (int64_t r = 0; r < rows; r++, at += row, to += inner) {
        if (col == 0) {
            float x = value_at(t, p, at);
            for (int64_t i = 0; i < inner; i++) to[i] = x;
        } else {
            for (int64_t i = 0; i < inner; i++) to[i] = value_at(t, p, at + i);
        }
    }
    return buf;
}

static void pair_blocks(void *ctx, int64_t from, int64_t to)
{
    const Pair *p = ctx;
    int r = p->n - 2, c = p->n - 1;
    float ba[CHUNK], bb[CHUNK], by[CHUNK];
    int64_t rows = p->d[r], most = CHUNK / p->inner;
    /* unit = an index of all axes before the last two, and a piece of rows */
    for (int64_t unit = from; unit < to; unit++) {
        int64_t first = unit % p->pieces * most, n = MIN(most, rows - first), outer = unit / p->pieces;
        int64_t ia = first * p->sa[r], ib = first * p->sb[r];
        int64_t at = (outer * rows + first) * p->inner;
        for (int i = r - 1; i >= 0; i--) {
            ia += outer % p->d[i] * p->sa[i];
            ib += outer % p->d[i] * p->sb[i];
            outer /= p->d[i];
        }
        const float *a = spread(p->a.type, p->a.data, ia, n, p->inner, p->sa[r], p->sa[c], ba);
        const float *b = spread(p->b.type, p->b.data, ib, n, p->inner, p->sb[r], p->sb[c], bb);
        pair_row(p->f, a, 1, b, 1, row_for(p->y.type, p->y.data, at, by), n * p->inner);
        row_out(p->y.type, p->y.data, at, n * p->inner, by);
    }
}

static void pair_pieces(void *ctx, int64_t from, int64_t to)
{
    const Pair *p = ctx;
    int last = p->n - 1;
    float ba[CHUNK], bb[CHUNK], by[CHUNK];
    int64_t at[SHAPE_MAX] = {0}, row = from / p->pieces, piece = from % p->pieces, ia = 0, ib = 0;
    for (int i = last - 1, r = 0; i >= 0; i--, r++) {
        int64_t d = p->d[i];
        at[i] = row % d;
        row /= d;
        ia += at[i] * p->sa[i];
        ib += at[i] * p->sb[i];
    }
    row = from / p->pieces;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t c = piece * CHUNK, n = MIN(CHUNK, p->inner - c), iy = row * p->inner + c;
        int64_t sa = p->sa[last], sb = p->sb[last];
        const float *a = row_in(p->a.type, p->a.data, ia + c * sa, sa ? n : 1, ba);
        const float *b = row_in(p->b.type, p->b.data, ib + c * sb, sb ? n : 1, bb);
        pair_row(p->f, a, sa, b, sb, row_for(p->y.type, p->y.data, iy, by), n);
        row_out(p->y.type, p->y.data, iy, n, by);
        if (++piece < p->pieces) continue;
        piece = 0;
        row++;
        for (int i = last - 1; i >= 0; i--) { /* the next row: count up like a mileage counter */
            ia += p->sa[i];
            ib += p->sb[i];
            if (++at[i] < p->d[i]) break;
            ia -= p->sa[i] * p->d[i];
            ib -= p->sb[i] * p->d[i];
            at[i] = 0;
        }
    }
}

void V(binary)(Binary f, Tensor a, Tensor b, Tensor y)
{
    int64_t count = shape_count(y.shape);
    if (count == 0) return;
    Pair p = merge(f, a, b, y);
    if (p.n > 1 && p.inner < 32 && p.d[p.n - 2] > 1) {
        p.pieces = (p.d[p.n - 2] - 1) / (CHUNK / p.inner) + 1;
        threads_for(count / p.inner / p.d[p.n - 2] * p.pieces, GRAIN / CHUNK, pair_blocks, &p);
        return;
    }
    threads_for(count / p.inner * p.pieces, GRAIN / MIN(p.inner, CHUNK) + 1, pair_pieces, &p);
}
