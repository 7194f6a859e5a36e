/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: kernels that only move values: permute, copy_box, pad.
 *
 * All walk over whole rows (the longest run of neighbours that both sides have in common); only a permutation that
 * moves the last axis is done element by element, in tiles that fit the cache on both sides.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define GRAIN 16384
#define TILE 32

/* Counts through the axes [0, n) of d from item `from` on, keeping two offsets that move by sx and sy. */
typedef struct Odometer {
    int n;
    const int64_t *d, *sx, *sy;
    int64_t at[SHAPE_MAX], x, y;
} Odometer;

static Odometer start(int n, const int64_t *d, const int64_t *sx, const int64_t *sy, int64_t from)
{
    Odometer o = {n, d, sx, sy};
    for (int i = n - 1; i >= 0; i--) {
        o.at[i] = from % d[i];
        from /= d[i];
        o.x += o.at[i] * sx[i];
        o.y += o.at[i] * sy[i];
    }
    return o;
}

static void step(Odometer *o)
{
    for (int i = o->n - 1; i >= 0; i--) {
        o->x += o->sx[i];
        o->y += o->sy[i];
        if (++o->at[i] < o->d[i]) return;
        o->x -= o->d[i] * o->sx[i];
        o->y -= o->d[i] * o->sy[i];
        o->at[i] = 0;
    }
}

/* ---- permute ----------------------------------------------------------------------------------------------------- */

/* The axes of y, merged; the step of each in x and y. */
typedef struct Move {
    const char *x;
    char *y;
    size_t size;
    int n;
    int64_t d[SHAPE_MAX], sx[SHAPE_MAX], sy[SHAPE_MAX];
    /* tiles: `row` is the axis of y whose neighbours in x are adjacent, the last axis of y is the column */
    int64_t rows, cols, row_sy, col_sx;
} Move;

static void merge(Move *m, Tensor x, const int *axes, Tensor y)
{
    int64_t sx[SHAPE_MAX], sy[SHAPE_MAX], step_x = 1, step_y = 1;
    for (int i = x.shape.n - 1; i >= 0; i--) {
        sx[i] = step_x;
        sy[i] = step_y;
        step_x *= x.shape.d[i];
        step_y *= y.shape.d[i];
    }
    for (int i = 0; i < y.shape.n; i++) {
        int64_t d = y.shape.d[i], s = sx[axes[i]];
        if (d == 1) continue;
        if (m->n > 0 && m->sx[m->n - 1] == s * d) m->d[m->n - 1] *= d;
        else m->d[m->n++] = d;
        m->sx[m->n - 1] = s;
        m->sy[m->n - 1] = sy[i];
    }
    if (m->n == 0) {
        m->d[m->n++] = 1;
        m->sx[0] = m->sy[0] = 1;
    }
}

static void copy_rows(void *ctx, int64_t from, int64_t to)
{
    const Move *m = ctx;
    size_t bytes = (size_t)m->d[m->n - 1] * m->size;
    Odometer o = start(m->n - 1, m->d, m->sx, m->sy, from);
    for (int64_t i = from; i < to; i++, step(&o))
        memcpy(m->y + (size_t)o.y * m->size, m->x + (size_t)o.x * m->size, bytes);
}

#define TRANSPOSE(T) \
    for (int64_t r = 0; r < rows; r++) \
        for (int64_t c = 0; c < cols; c++) ((T *)y)[r * m->row_sy + c] = ((const T *)x)[r + c * m->col_sx];

static void transpose(const Move *m, const char *x, char *y, int64_t rows, int64_t cols)
{
    switch (m->size) {
    case 1: TRANSPOSE(uint8_t) break;
    case 2: TRANSPOSE(uint16_t) break;
    case 4: TRANSPOSE(uint32_t) break;
    default: TRANSPOSE(uint64_t) break;
    }
}

static void copy_tiles(void *ctx, int64_t from, int64_t to)
{
    const Move *m = ctx;
    int64_t across = (m->cols + TILE - 1) / TILE, down = (m->rows + TILE - 1) / TILE;
    for (int64_t i = from; i < to; i++) {
        int64_t c = i % across * TILE, r = i / across % down * TILE;
        Odometer o = start(m->n, m->d, m->sx, m->sy, i / across / down);
        transpose(m, m->x + (size_t)(o.x + r + c * m->col_sx) * m->size,
                  m->y + (size_t)(o.y + r * m->row_sy + c) * m->size, MIN(TILE, m->rows - r), MIN(TILE, m->cols - c));
    }
}

void V(permute)(Tensor x, const int *axes, Tensor y)
{
    int64_t count = shape_count(y.shape);
    if (count == 0) return;
    Move m = {.x = x.data, .y = y.data, .size = dtype_size(x.type)};
    merge(&m, x, axes, y);
    int last = m.n - 1;
    if (m.sx[last] == 1) {
        threads_for(count / m.d[last], GRAIN / m.d[last] + 1, copy_rows, &m);
        return;
    }
    int row = 0;
    while (m.sx[row] != 1) row++;
    m.rows = m.d[row];
    m.row_sy = m.sy[row];
    m.cols = m.d[last];
    m.col_sx = m.sx[last];
    m.d[row] = m.d[last] = 1; /* what is left to count are the other axes */
    int64_t tiles = ((m.rows + TILE - 1) / TILE) * ((m.cols + TILE - 1) / TILE);
    threads_for(count / m.rows / m.cols * tiles, GRAIN / TILE / TILE, copy_tiles, &m);
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

typedef struct Box {
    const char *x;
    char *y;
    DType type;
    bool add;
    int n; /* the last of the n axes is the run */
    int64_t d[SHAPE_MAX], sx[SHAPE_MAX], sy[SHAPE_MAX];
} Box;

static void add_run(DType t, const void *x, void *y, int64_t n)
{
    float bx[CHUNK], by[CHUNK];
    for (int64_t at = 0; at < n; at += CHUNK) {
        int64_t count = MIN(CHUNK, n - at);
        const float *from = row_in(t, x, at, count, bx), *old = row_in(t, y, at, count, by);
        float *to = row_for(t, y, at, by);
        SIMD for (int64_t i = 0; i < count; i++) to[i] = old[i] + from[i];
        row_out(t, y, at, count, by);
    }
}

#define COPY_STRIDED(T) \
    for (int64_t i = 0; i < n; i++) ((T *)y)[i * sy] = ((const T *)x)[i * sx];

/* A run whose elements are apart, or so short that a call costs more than the copy. */
static void copy_elements(size_t size, const char *x, int64_t sx, char *y, int64_t sy, int64_t n)
{
    switch (size) {
    case 1: COPY_STRIDED(uint8_t) break;
    case 2: COPY_STRIDED(uint16_t) break;
    case 4: COPY_STRIDED(uint32_t) break;
    default: COPY_STRIDED(uint64_t) break;
    }
}

static void add_elements(DType t, const void *x, int64_t sx, void *y, int64_t sy, int64_t n)
{
    for (int64_t i = 0; i < n; i++) value_set(t, y, i * sy, value_at(t, y, i * sy) + value_at(t, x, i * sx));
}

#define SHORT 16

static void copy_runs(void *ctx, int64_t from, int64_t to)
{
    const Box *b = ctx;
    size_t size = dtype_size(b->type);
    int64_t run = b->d[b->n - 1], sx = b->sx[b->n - 1], sy = b->sy[b->n - 1];
    bool apart = sx != 1 || sy != 1 || run < SHORT;
    Odometer o = start(b->n - 1, b->d, b->sx, b->sy, from);
    for (int64_t i = from; i < to; i++, step(&o)) {
        const char *x = b->x + (size_t)o.x * size;
        char *y = b->y + (size_t)o.y * size;
        if (b->add && apart) add_elements(b->type, x, sx, y, sy, run);
        else if (b->add) add_run(b->type, x, y, run);
        else if (apart) copy_elements(size, x, sx, y, sy, run);
        else memcpy(y, x, (size_t)run * size);
    }
}

void V(copy_box)(Tensor x, const int64_t *at_x, Tensor y, const int64_t *at_y, const int64_t *box, bool add)
{
    int64_t step_x = 1, step_y = 1, first_x = 0, first_y = 0, sx[SHAPE_MAX], sy[SHAPE_MAX];
    Box b = {.type = x.type, .add = add};
    int64_t count = shape_count(shape_make(x.shape.n, box));
    if (count == 0) return;
    for (int i = x.shape.n - 1; i >= 0; i--) {
        sx[i] = step_x;
        sy[i] = step_y;
        first_x += at_x[i] * step_x;
        first_y += at_y[i] * step_y;
        step_x *= x.shape.d[i];
        step_y *= y.shape.d[i];
    }
    for (int i = 0; i < x.shape.n; i++) {
        if (box[i] == 1) continue;
        if (b.n > 0 && b.sx[b.n - 1] == sx[i] * box[i] && b.sy[b.n - 1] == sy[i] * box[i]) b.d[b.n - 1] *= box[i];
        else b.d[b.n++] = box[i];
        b.sx[b.n - 1] = sx[i];
        b.sy[b.n - 1] = sy[i];
    }
    if (b.n == 0) b.d[b.n++] = 1;
    b.x = (const char *)x.data + (size_t)first_x * dtype_size(x.type);
    b.y = (char *)y.data + (size_t)first_y * dtype_size(x.type);
    if (b.n == 1) { /* one long run: cut it, to give threads_for something to share out */
        b.d[1] = b.d[0];
        b.sx[1] = b.sx[0];
        b.sy[1] = b.sy[0];
        for (b.d[0] = 1; b.d[1] % 2 == 0 && b.d[1] > CHUNK; b.d[1] /= 2) b.d[0] *= 2;
        b.sx[0] *= b.d[1];
        b.sy[0] *= b.d[1];
        b.n = 2;
    }
    threads_for(count / b.d[b.n - 1], GRAIN / b.d[b.n - 1] + 1, copy_runs, &b);
}

/* ---- pad --------------------------------------------------------------------------------------------------------- */

/* from[axis][i]: where position i of the padded axis takes its value; -1: zero. Trailing axes without padding are one
 * run. */
typedef struct Padding {
    Tensor x, y; /* y is the padded one */
    int n;
    int64_t run, *from[SHAPE_MAX];
} Padding;

static int64_t source(int64_t i, int64_t n, Pad mode)
{
    if (i >= 0 && i < n) return i;
    if (mode == PAD_ZERO) return -1;
    if (mode == PAD_REPLICATE || n == 1) return i < 0 ? 0 : n - 1;
    int64_t period = 2 * (n - 1), r = (i % period + period) % period;
    return r < n ? r : period - r;
}

static Padding padding(Tensor x, Tensor y, const int64_t *lo, Pad mode)
{
    Padding p = {.x = x, .y = y, .n = y.shape.n, .run = 1};
    while (p.n > 1 && y.shape.d[p.n - 1] == x.shape.d[p.n - 1] && lo[p.n - 1] == 0) p.run *= y.shape.d[--p.n];
    int64_t count = 0;
    for (int i = 0; i < p.n; i++) count += y.shape.d[i];
    int64_t *tables = cpu_scratch(SCRATCH_SHARED, sizeof(int64_t) * (size_t)(count + 1));
    for (int axis = 0; axis < p.n; axis++) {
        p.from[axis] = tables;
        for (int64_t i = 0; i < y.shape.d[axis]; i++) *tables++ = source(i - lo[axis], x.shape.d[axis], mode);
    }
    return p;
}

/* The run of x (counted in runs) behind run i of y; -1: zero. */
static int64_t behind(const Padding *p, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int axis = p->n - 1; axis >= 0; axis--) {
        int64_t from = p->from[axis][i % p->y.shape.d[axis]];
        if (from < 0) return -1;
        at += from * step;
        step *= p->x.shape.d[axis];
        i /= p->y.shape.d[axis];
    }
    return at;
}

static void pad_runs(void *ctx, int64_t from, int64_t to)
{
    const Padding *p = ctx;
    size_t bytes = (size_t)p->run * dtype_size(p->x.type);
    for (int64_t i = from; i < to; i++) {
        int64_t at = behind(p, i);
        char *y = (char *)p->y.data + (size_t)i * bytes;
        if (at < 0) memset(y, 0, bytes);
        else memcpy(y, (const char *)p->x.data + (size_t)at * bytes, bytes);
    }
}

void V(pad)(Tensor x, Tensor y, const int64_t *lo, Pad mode)
{
    if (shape_count(y.shape) == 0) return;
    Padding p = padding(x, y, lo, mode);
    threads_for(shape_count(y.shape) / p.run, GRAIN / p.run + 1, pad_runs, &p);
}

/* The first axis' items that are not padded belong to one thread each, so sums never meet. p.x is the sum, F. */
static void pad_grad_items(void *ctx, int64_t from, int64_t to)
{
    const Padding *p = ctx;
    int64_t per_item = shape_count(p->y.shape) / p->y.shape.d[0] / p->run;
    float buf[CHUNK];
    for (int64_t i = from * per_item; i < to * per_item; i++) {
        int64_t at = behind(p, i);
        for (int64_t c = 0; at >= 0 && c < p->run; c += CHUNK) {
            int64_t n = MIN(CHUNK, p->run - c);
            const float *dy = row_in(p->y.type, p->y.data, i * p->run + c, n, buf);
            float *sum = (float *)p->x.data + at * p->run + c;
            SIMD for (int64_t k = 0; k < n; k++) sum[k] += dy[k];
        }
    }
}

void V(pad_grad)(Tensor dy, Tensor dx, const int64_t *lo, Pad mode)
{
    int64_t count = shape_count(dx.shape);
    if (count == 0) return;
    if (shape_count(dy.shape) == 0) {
        V(fill)(dx, 0);
        return;
    }
    Tensor sum = {JIG_F32, dx.shape,
                  dx.type == JIG_F32 ? dx.data : cpu_scratch(SCRATCH_Y, sizeof(float) * (size_t)count)};
    V(fill)(sum, 0);
    Padding p = padding(sum, dy, lo, mode);
    bool whole = p.n > 0 && dy.shape.d[0] == dx.shape.d[0] && lo[0] == 0;
    if (whole) threads_for(dy.shape.d[0], 1, pad_grad_items, &p);
    else pad_grad_items(&p, 0, dy.shape.d[0]);
    if (dx.type != JIG_F32) V(convert)(dx.type, dx.data, JIG_F32, sum.data, count);
}
