/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: softmax and log softmax over the middle axis of [outer, N, inner], and their gradients.
 * inner 1: rows of neighbours. Otherwise columns, a group of up to COLUMNS neighbouring ones at a time.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define COLUMNS 64
#define GRAIN 8192

typedef struct Soft {
    Tensor x, y, d; /* forward: x -> y. gradient: y, d -> x (as dx) */
    int64_t N, inner, groups;
    bool log;
} Soft;

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static float *own_row(int64_t n, int which)
{
    return (float *)cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)n * 2) + n * which;
}

static void soft_rows(void *ctx, int64_t from, int64_t to)
{
    const Soft *s = ctx;
    int64_t n = s->N;
    float *buf = own_row(n, 0), *tmp = own_row(n, 1);
    for (int64_t row = from; row < to; row++) {
        const float *x = row_in(s->x.type, s->x.data, row * n, n, buf);
        float *y = s->y.type == JIG_F32 ? (float *)s->y.data + row * n : tmp, top = -INFINITY, sum = 0;
        _Pragma("omp simd reduction(max:top)") for (int64_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
        if (s->log) {
            _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) sum += f_exp(x[i] - top);
            float less = logf(sum); /* not joined with top: it would lose its digits beside a large one */
            SIMD for (int64_t i = 0; i < n; i++) y[i] = x[i] - top - less;
        } else {
            _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) {
                float e = f_exp(x[i] - top);
                y[i] = e;
                sum += e;
            }
            float scale = 1 / sum;
            SIMD for (int64_t i = 0; i < n; i++) y[i] *= scale;
        }
        row_out(s->y.type, s->y.data, row * n, n, y);
    }
}

static void soft_rows_grad(void *ctx, int64_t from, int64_t to)
{
    const Soft *s = ctx;
    int64_t n = s->N;
    float *by = own_row(n, 0), *bd = own_row(n, 1);
    for (int64_t row = from; row < to; row++) {
        const float *y = row_in(s->y.type, s->y.data, row * n, n, by),
                    *d = row_in(s->d.type, s->d.data, row * n, n, bd);
        float *dx = s->x.type == JIG_F32 ? (float *)s->x.data + row * n : bd, sum = 0;
        if (s->log) {
            _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) sum += d[i];
            SIMD for (int64_t i = 0; i < n; i++) dx[i] = d[i] - f_exp(y[i]) * sum;
        } else {
            _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) sum += y[i] * d[i];
            SIMD for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (d[i] - sum);
        }
        row_out(s->x.type, s->x.data, row * n, n, dx);
    }
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static void soft_columns(void *ctx, int64_t from, int64_t to)
{
    const Soft *s = ctx;
    float bx[COLUMNS], by[COLUMNS], top[COLUMNS], sum[COLUMNS];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t c = unit % s->groups * COLUMNS, n = MIN(COLUMNS, s->inner - c), first = unit / s->groups * s->N;
        for (int64_t i = 0; i < n; i++) {
            top[i] = -INFINITY;
            sum[i] = 0;
        }
        for (int64_t r = 0; r < s->N; r++) {
            const float *x = row_in(s->x.type, s->x.data, (first + r) * s->inner + c, n, bx);
            SIMD for (int64_t i = 0; i < n; i++) top[i] = x[i] > top[i] ? x[i] : top[i];
        }
        for (int64_t r = 0; r < s->N; r++) {
            const float *x = row_in(s->x.type, s->x.data, (first + r) * s->inner + c, n, bx);
            SIMD for (int64_t i = 0; i < n; i++) sum[i] += f_exp(x[i] - top[i]);
        }
        for (int64_t i = 0; i < n; i++) sum[i] = s->log ? logf(sum[i]) : 1 / sum[i];
        for (int64_t r = 0; r < s->N; r++) {
            int64_t at = (first + r) * s->inner + c;
            const float *x = row_in(s->x.type, s->x.data, at, n, bx);
            float *y = row_for(s->y.type, s->y.data, at, by);
            if (s->log) {
                SIMD for (int64_t i = 0; i < n; i++) y[i] = x[i] - top[i] - sum[i];
            } else {
                SIMD for (int64_t i = 0; i < n; i++) y[i] = f_exp(x[i] - top[i]) * sum[i];
            }
            row_out(s->y.type, s->y.data, at, n, by);
        }
    }
}

static void soft_columns_grad(void *ctx, int64_t from, int64_t to)
{
    const Soft *s = ctx;
    float by[COLUMNS], bd[COLUMNS], bx[COLUMNS], sum[COLUMNS];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t c = unit % s->groups * COLUMNS, n = MIN(COLUMNS, s->inner - c), first = unit / s->groups * s->N;
        for (int64_t i = 0; i < n; i++) sum[i] = 0;
        for (int64_t r = 0; r < s->N; r++) {
            int64_t at = (first + r) * s->inner + c;
            const float *y = row_in(s->y.type, s->y.data, at, n, by), *d = row_in(s->d.type, s->d.data, at, n, bd);
            SIMD for (int64_t i = 0; i < n; i++) sum[i] += s->log ? d[i] : y[i] * d[i];
        }
        for (int64_t r = 0; r < s->N; r++) {
            int64_t at = (first + r) * s->inner + c;
            const float *y = row_in(s->y.type, s->y.data, at, n, by), *d = row_in(s->d.type, s->d.data, at, n, bd);
            float *dx = row_for(s->x.type, s->x.data, at, bx);
            if (s->log) {
                SIMD for (int64_t i = 0; i < n; i++) dx[i] = d[i] - f_exp(y[i]) * sum[i];
            } else {
                SIMD for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (d[i] - sum[i]);
            }
            row_out(s->x.type, s->x.data, at, n, bx);
        }
    }
}

static void run(Soft *s, int64_t outer, RangeFn *rows, RangeFn *columns)
{
    if (outer * s->N * s->inner == 0) return;
    s->groups = (s->inner + COLUMNS - 1) / COLUMNS;
    if (s->inner == 1) threads_for(outer, GRAIN / s->N + 1, rows, s);
    else threads_for(outer * s->groups, GRAIN / (s->N * MIN(s->inner, COLUMNS)) + 1, columns, s);
}

void V(softmax)(Tensor x, Tensor y, int64_t outer, int64_t N, int64_t inner, bool log)
{
    run(&(Soft){.x = x, .y = y, .N = N, .inner = inner, .log = log}, outer, soft_rows, soft_columns);
}

void V(softmax_grad)(Tensor y, Tensor dy, Tensor dx, int64_t outer, int64_t N, int64_t inner, bool log)
{
    run(&(Soft){.x = dx, .y = y, .d = dy, .N = N, .inner = inner, .log = log}, outer, soft_rows_grad,
        soft_columns_grad);
}
