/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: sums, means and maxima over any axes; sums of columns; sum of squares.
 *
 * Neighbouring axes of one kind are merged; then one reduced axis after the other goes, seen as [before, R, after].
 * The order of additions is fixed by the shape alone (blocks of BLOCK rows, or of CHUNK elements, added in order), so
 * results do not depend on the number of threads.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define BLOCK 256    /* rows that one partial sum takes together */
#define GRAIN 16384

/* One step: y[b, c] = f over r of x[b, r, c]. Partial results of the blocks of r lie in parts [b, blocks, after]. */
typedef struct Step {
    bool max;
    Tensor x;
    int64_t before, R, after, block, blocks;
    float *parts;
} Step;

static void row_join(bool max, float *sums, const float *x, int64_t n)
{
    if (max) {
        SIMD for (int64_t i = 0; i < n; i++) sums[i] = x[i] > sums[i] ? x[i] : sums[i];
    } else {
        SIMD for (int64_t i = 0; i < n; i++) sums[i] += x[i];
    }
}

static float row_total(bool max, const float *x, int64_t n)
{
    float sum = 0, top = -INFINITY;
    if (max) {
        _Pragma("omp simd reduction(max:top)") for (int64_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
        return top;
    }
    _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

/* after == 1: block j of row b is a run of neighbours. */
static void lines(void *ctx, int64_t from, int64_t to)
{
    const Step *s = ctx;
    float buf[CHUNK];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t first = unit % s->blocks * s->block, end = MIN(first + s->block, s->R), base = unit / s->blocks * s->R;
        float all = s->max ? -INFINITY : 0;
        for (int64_t r = first; r < end; r += CHUNK) {
            int64_t n = MIN(CHUNK, end - r);
            float part = row_total(s->max, row_in(s->x.type, s->x.data, base + r, n, buf), n);
            all = !s->max ? all + part : part > all ? part : all;
        }
        s->parts[unit] = all;
    }
}

/* after > 1: block j adds whole rows of `after` neighbours. */
static void columns(void *ctx, int64_t from, int64_t to)
{
    const Step *s = ctx;
    float buf[CHUNK];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t first = unit % s->blocks * s->block, end = MIN(first + s->block, s->R), base = unit / s->blocks * s->R;
        for (int64_t c = 0; c < s->after; c += CHUNK) {
            int64_t n = MIN(CHUNK, s->after - c);
            float *sums = s->parts + unit * s->after + c;
            for (int64_t i = 0; i < n; i++) sums[i] = s->max ? -INFINITY : 0;
            for (int64_t r = first; r < end; r++)
                row_join(s->max, sums, row_in(s->x.type, s->x.data, (base + r) * s->after + c, n, buf), n);
        }
    }
}

/* Reduces the middle axis into out F [before, after]. */
static void reduce_axis(bool max, Tensor x, int64_t before, int64_t R, int64_t after, float *out, Scratch where)
{
    Step s = {max, x, before, R, after, after == 1 ? 4 * CHUNK : BLOCK};
    while (after > 1 && after < 2 * VN && s.R % 2 == 0 && s.R > BLOCK) { /* short rows: join pairs of them */
        s.R /= 2;
        s.after *= 2;
    }
    s.blocks = (s.R + s.block - 1) / s.block;
    bool direct = s.blocks == 1 && s.after == after;
    s.parts = direct ? out : cpu_scratch(where, sizeof(float) * (size_t)(before * s.blocks * s.after));
    threads_for(before * s.blocks, GRAIN / MAX(MIN(s.block, s.R) * s.after, 1) + 1, s.after == 1 ? lines : columns, &s);
    for (int64_t b = 0; b < before && !direct; b++) {
        int64_t per = s.blocks * (s.after / after);
        float *sums = out + b * after, *part = s.parts + b * per * after;
        memcpy(sums, part, sizeof(float) * (size_t)after);
        for (int64_t j = 1; j < per; j++) row_join(max, sums, part + j * after, after);
    }
}

void V(reduce)(Reduce f, Tensor x, Tensor y)
{
    int64_t d[SHAPE_MAX], count = shape_count(y.shape), total = shape_count(x.shape);
    bool gone[SHAPE_MAX];
    int n = 0;
    if (count == 0) return;
    for (int i = 0; i < x.shape.n; i++) {
        bool reduced = y.shape.d[i] == 1;
        if (x.shape.d[i] == 1) continue;
        if (n > 0 && gone[n - 1] == reduced) d[n - 1] *= x.shape.d[i];
        else {
            d[n] = x.shape.d[i];
            gone[n++] = reduced;
        }
    }
    /* Innermost reduced axis first. Results go to two scratch blocks in turn. */
    Tensor now = x;
    Scratch turn[2] = {SCRATCH_A, SCRATCH_B};
    for (int i = n - 1, k = 0; i >= 0; i--) {
        if (!gone[i]) continue;
        int64_t before = 1, after = 1;
        for (int j = 0; j < i; j++) before *= d[j];
        for (int j = i + 1; j < n; j++) after *= d[j];
        float *out = cpu_scratch(turn[k ^= 1], sizeof(float) * (size_t)MAX(before * after, 1));
        if (d[i] == 0)
            for (int64_t j = 0; j < before * after; j++) out[j] = f == RED_MAX ? -INFINITY : 0;
        else reduce_axis(f == RED_MAX, now, before, d[i], after, out, SCRATCH_SHARED);
        now = (Tensor){JIG_F32, {0}, out};
        d[i] = 1;
    }
    now.shape = y.shape;
    if (f == RED_MEAN) V(affine)(now, (float)((double)count / (double)total), 0, y);
    else V(cast)(now, y);
}

void V(column_sums)(Tensor x, float *sums)
{
    int64_t C = x.shape.d[x.shape.n - 1];
    reduce_axis(false, x, 1, V(rows)(&x), C, sums, SCRATCH_SHARED);
}

/* ---- sum of squares ---------------------------------------------------------------------------------------------- */

typedef struct Squares { const float *x; int64_t n; double *parts; } Squares;

static void square_blocks(void *ctx, int64_t from, int64_t to)
{
    const Squares *s = ctx;
    for (int64_t j = from; j < to; j++) {
        const float *x = s->x + j * GRAIN;
        int64_t n = MIN(GRAIN, s->n - j * GRAIN);
        double sum = 0;
        _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
        s->parts[j] = sum;
    }
}

double V(sum_squares)(int64_t n, const float *x)
{
    int64_t blocks = (n + GRAIN - 1) / GRAIN;
    double sum = 0, *parts = cpu_scratch(SCRATCH_SHARED, sizeof(double) * (size_t)(blocks + 1));
    threads_for(blocks, 1, square_blocks, &(Squares){x, n, parts});
    for (int64_t j = 0; j < blocks; j++) sum += parts[j];
    return sum;
}
