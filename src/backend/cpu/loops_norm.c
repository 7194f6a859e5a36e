/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: layer, RMS, group and batch norm (formulas: tensor/kernels.h).
 *
 * Two shapes of loop. "Lines": every row has its own statistics (N = 1, G = 1: layer and RMS norm). "Blocks": all
 * others; the N rows of one outer index are cut into blocks of about BLOCK elements, and the norm becomes per-channel
 * maps, with coefficients made once a block:
 *   z = A x + B,   xhat = R x + T,   dx = P act'(z) dy + Q x + S
 * Rows of few channels are joined J at a time, so that the loops have length.
 * Statistics: mean and squared deviation of a block by two passes over cached rows, blocks joined in f64 (Chan, Golub,
 * LeVeque 1979), so that large means cost no digits. All orders of addition depend on the shape alone.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define BLOCK 16384

typedef struct Norm {
    const NormArgs *a;
    int64_t rows, blocks; /* rows of a block; blocks of one outer index (lines: of one row of scale and shift) */
    int64_t J, W;         /* rows joined; J * C */
    float *parts;         /* stats: [outer, blocks, G, 2]; sums: [outer, blocks, C, 2] */
    float *means;         /* grad_x: [outer, G, 2]: means over the group of u and u xhat */
} Norm;

static Norm setup(const NormArgs *a)
{
    Norm s = {.a = a};
    s.rows = MIN(MAX(BLOCK / a->C, 1), a->N);
    s.blocks = (a->N + s.rows - 1) / s.rows;
    s.J = MIN(MAX(256 / a->C, 1), s.rows);
    s.W = s.J * a->C;
    return s;
}

static bool empty(const NormArgs *a)
{
    return a->outer == 0 || a->N == 0 || a->C == 0;
}

static bool is_lines(const NormArgs *a)
{
    return a->N == 1 && a->G == 1;
}

static const float *x_in(const NormArgs *a, int64_t at, int64_t n, float *buf)
{
    return row_in(a->x.type, a->x.data, at, n, buf);
}

/* For pieces of the joined rows of a block: `at` in x, `w` in the coefficients, `n` elements. */
#define FOR_PIECES(s, first, rows, at, w, n) \
    for (int64_t j_ = 0; j_ < (rows); j_ += (s)->J) \
        for (int64_t end_ = MIN((s)->J, (rows) - j_) * (s)->a->C, w = 0, at = ((first) + j_) * (s)->a->C, n; \
             n = MIN(CHUNK, end_ - w), w < end_; w += CHUNK, at += CHUNK)

/* Sums of J joined rows become sums of one. */
static void unjoin(const Norm *s, float *v)
{
    for (int64_t j = 1; j < s->J; j++)
        for (int64_t c = 0; c < s->a->C; c++) v[c] += v[j * s->a->C + c];
}

static void zero(float *v, int64_t n)
{
    memset(v, 0, sizeof(float) * (size_t)n);
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static void stats_blocks(void *ctx, int64_t from, int64_t to)
{
    const Norm *s = ctx;
    const NormArgs *a = s->a;
    int64_t C = a->C, per = C / a->G;
    float *sums = cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)s->W * 2), *mean = sums + s->W, buf[CHUNK];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t skip = unit % s->blocks * s->rows, rows = MIN(s->rows, a->N - skip),
                first = unit / s->blocks * a->N + skip;
        float *part = s->parts + unit * a->G * 2;
        zero(sums, s->W);
        zero(mean, s->W);
        if (!a->rms) {
            FOR_PIECES(s, first, rows, at, w, n)
            {
                const float *x = x_in(a, at, n, buf);
                float *v = sums + w;
                SIMD for (int64_t i = 0; i < n; i++) v[i] += x[i];
            }
            unjoin(s, sums);
            for (int64_t g = 0; g < a->G; g++) {
                float sum = 0;
                for (int64_t c = g * per; c < (g + 1) * per; c++) sum += sums[c];
                for (int64_t c = g * per; c < (g + 1) * per; c++) mean[c] = sum / (float)(rows * per);
            }
            for (int64_t i = C; i < s->W; i++) mean[i] = mean[i - C];
            zero(sums, s->W);
        }
        FOR_PIECES(s, first, rows, at, w, n)
        {
            const float *x = x_in(a, at, n, buf), *m = mean + w;
            float *v = sums + w;
            SIMD for (int64_t i = 0; i < n; i++) v[i] += (x[i] - m[i]) * (x[i] - m[i]);
        }
        unjoin(s, sums);
        for (int64_t g = 0; g < a->G; g++) {
            float sum = 0;
            for (int64_t c = g * per; c < (g + 1) * per; c++) sum += sums[c];
            part[2 * g] = mean[g * per];
            part[2 * g + 1] = sum;
        }
    }
}

/* Joins the blocks of one group: mean and sum of squared deviations of the union of two sets. */
static void join_blocks(const Norm *s, int64_t o, int64_t g)
{
    const NormArgs *a = s->a;
    double count = 0, mean = 0, dev = 0, per = (double)(a->C / a->G);
    for (int64_t b = 0; b < s->blocks; b++) {
        const float *part = s->parts + ((o * s->blocks + b) * a->G + g) * 2;
        double n = (double)MIN(s->rows, a->N - b * s->rows) * per, d = part[0] - mean;
        count += n;
        mean += d * n / count;
        dev += part[1] + d * d * n * (count - n) / count;
    }
    a->stats[(o * a->G + g) * 2] = (float)mean;
    a->stats[(o * a->G + g) * 2 + 1] = (float)(1 / sqrt(dev / count + a->eps));
}

static void stats_lines(void *ctx, int64_t from, int64_t to)
{
    const NormArgs *a = ctx;
    int64_t C = a->C;
    float *buf = cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)C);
    for (int64_t o = from; o < to; o++) {
        const float *x = x_in(a, o * C, C, buf);
        float sum = 0, dev = 0, mean = 0;
        if (!a->rms) {
            _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < C; i++) sum += x[i];
            mean = sum / (float)C;
        }
        _Pragma("omp simd reduction(+:dev)") for (int64_t i = 0; i < C; i++) dev += (x[i] - mean) * (x[i] - mean);
        a->stats[2 * o] = mean;
        a->stats[2 * o + 1] = 1 / sqrtf(dev / (float)C + a->eps);
    }
}

void V(norm_stats)(const NormArgs *a)
{
    if (empty(a)) return;
    if (is_lines(a)) {
        threads_for(a->outer, BLOCK / a->C + 1, stats_lines, (void *)a);
        return;
    }
    Norm s = setup(a);
    s.parts = cpu_scratch(SCRATCH_SHARED, sizeof(float) * (size_t)(a->outer * s.blocks * a->G * 2));
    threads_for(a->outer * s.blocks, BLOCK / (s.rows * a->C) + 1, stats_blocks, &s);
    for (int64_t o = 0; o < a->outer; o++)
        for (int64_t g = 0; g < a->G; g++) join_blocks(&s, o, g);
}

/* ---- coefficients ------------------------------------------------------------------------------------------------ */

typedef struct Coef { float *A, *B, *R, *T, *P, *Q, *S; } Coef; /* W floats each; P to S only with means */

static Coef coef_make(const Norm *s)
{
    float *v = cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)s->W * 9); /* two more for sums */
    int64_t W = s->W;
    return (Coef){v, v + W, v + 2 * W, v + 3 * W, v + 4 * W, v + 5 * W, v + 6 * W};
}

static void coef_fill(const Norm *s, int64_t o, const Coef *k)
{
    const NormArgs *a = s->a;
    int64_t C = a->C, per = C / a->G, mod = a->M ? o / (a->outer / a->M) * C : 0;
    for (int64_t c = 0; c < C; c++) {
        const float *stats = a->stats + (o * a->G + c / per) * 2;
        float mean = a->rms ? 0 : stats[0], rstd = stats[1], gain = a->gamma ? a->gamma[c] : 1,
              add = a->beta ? a->beta[c] : 0;
        if (a->M && a->scale) {
            float one = 1 + value_at(a->x.type, a->scale, mod + c);
            gain *= one;
            add *= one;
        }
        if (a->M && a->shift) add += value_at(a->x.type, a->shift, mod + c);
        k->R[c] = rstd;
        k->T[c] = -mean * rstd;
        k->A[c] = rstd * gain;
        k->B[c] = add - mean * rstd * gain;
        if (!s->means) continue;
        const float *m = s->means + (o * a->G + c / per) * 2;
        k->P[c] = rstd * gain;
        k->Q[c] = -rstd * rstd * m[1];
        k->S[c] = rstd * (mean * rstd * m[1] - m[0]);
    }
    for (int64_t i = C; i < s->W; i++) {
        k->A[i] = k->A[i - C];
        k->B[i] = k->B[i - C];
        k->R[i] = k->R[i - C];
        k->T[i] = k->T[i - C];
        if (!s->means) continue;
        k->P[i] = k->P[i - C];
        k->Q[i] = k->Q[i - C];
        k->S[i] = k->S[i - C];
    }
}

/* ---- apply ------------------------------------------------------------------------------------------------------- */

#define APPLY(F) SIMD for (int64_t i = 0; i < n; i++) y[i] = f_act(F, x[i] * A[i] + B[i]);

static void apply_row(Act f, const float *x, const float *A, const float *B, float *y, int64_t n)
{
    EACH_NORM_ACT(f, APPLY)
}

static void apply_blocks(void *ctx, int64_t from, int64_t to)
{
    const Norm *s = ctx;
    const NormArgs *a = s->a;
    Coef k = coef_make(s);
    float bx[CHUNK], by[CHUNK];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t o = unit / s->blocks, skip = unit % s->blocks * s->rows, rows = MIN(s->rows, a->N - skip);
        if (unit == from || unit % s->blocks == 0) coef_fill(s, o, &k);
        FOR_PIECES(s, o * a->N + skip, rows, at, w, n)
        {
            apply_row(a->act, x_in(a, at, n, bx), k.A + w, k.B + w, row_for(a->y.type, a->y.data, at, by), n);
            row_out(a->y.type, a->y.data, at, n, by);
        }
    }
}

/* A line's coefficients are its gamma (1 + scale) and beta (1 + scale) + shift, the same for all rows of one m. */
typedef struct Gain { int64_t m; float *gain, *add; } Gain;

static Gain gain_make(const NormArgs *a)
{
    float *v = cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)a->C * 6);
    return (Gain){-1, v, v + a->C};
}

static void gain_fill(const NormArgs *a, int64_t o, Gain *g)
{
    int64_t m = a->M ? o / (a->outer / a->M) : 0;
    if (m == g->m) return;
    g->m = m;
    for (int64_t c = 0; c < a->C; c++) {
        g->gain[c] = a->gamma ? a->gamma[c] : 1;
        g->add[c] = a->beta ? a->beta[c] : 0;
    }
    for (int64_t c = 0; c < a->C && a->M && a->scale; c++) {
        float one = 1 + value_at(a->x.type, a->scale, m * a->C + c);
        g->gain[c] *= one;
        g->add[c] *= one;
    }
    for (int64_t c = 0; c < a->C && a->M && a->shift; c++) g->add[c] += value_at(a->x.type, a->shift, m * a->C + c);
}

#define APPLY_LINE(F) \
    SIMD for (int64_t i = 0; i < n; i++) y[i] = f_act(F, (x[i] - mean) * rstd * gain[i] + add[i]);

static void apply_line(Act f, const float *x, float mean, float rstd, const float *gain, const float *add, float *y,
                       int64_t n)
{
    EACH_NORM_ACT(f, APPLY_LINE)
}

static void apply_lines(void *ctx, int64_t from, int64_t to)
{
    const NormArgs *a = ctx;
    Gain g = gain_make(a);
    float bx[CHUNK], by[CHUNK];
    for (int64_t o = from; o < to; o++) {
        gain_fill(a, o, &g);
        float mean = a->rms ? 0 : a->stats[2 * o], rstd = a->stats[2 * o + 1];
        for (int64_t c = 0; c < a->C; c += CHUNK) {
            int64_t n = MIN(CHUNK, a->C - c), at = o * a->C + c;
            apply_line(a->act, x_in(a, at, n, bx), mean, rstd, g.gain + c, g.add + c,
                       row_for(a->y.type, a->y.data, at, by), n);
            row_out(a->y.type, a->y.data, at, n, by);
        }
    }
}

void V(norm_apply)(const NormArgs *a)
{
    if (empty(a)) return;
    if (is_lines(a)) {
        threads_for(a->outer, BLOCK / a->C + 1, apply_lines, (void *)a);
        return;
    }
    Norm s = setup(a);
    threads_for(a->outer * s.blocks, BLOCK / (s.rows * a->C) + 1, apply_blocks, &s);
}

/* ---- gradients of blocks ----------------------------------------------------------------------------------------- */

#define SUMS(F) \
    SIMD for (int64_t i = 0; i < n; i++) { \
        float g = dy[i] * f_act_grad(F, x[i] * A[i] + B[i]); \
        s1[i] += g; \
        s2[i] += g * (x[i] * R[i] + T[i]); \
    }

static void sums_row(Act f, const float *x, const float *dy, const Coef *k, int64_t w, float *s1, float *s2, int64_t n)
{
    const float *A = k->A + w, *B = k->B + w, *R = k->R + w, *T = k->T + w;
    EACH_NORM_ACT(f, SUMS)
}

/* parts[unit, c] = sum over the block's rows of g and of g xhat. */
static void sums_blocks(void *ctx, int64_t from, int64_t to)
{
    const Norm *s = ctx;
    const NormArgs *a = s->a;
    Coef k = coef_make(s);
    float bx[CHUNK], bd[CHUNK], *s1 = k.A + 7 * s->W, *s2 = s1 + s->W;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t o = unit / s->blocks, skip = unit % s->blocks * s->rows, rows = MIN(s->rows, a->N - skip);
        if (unit == from || unit % s->blocks == 0) coef_fill(s, o, &k);
        zero(s1, 2 * s->W);
        FOR_PIECES(s, o * a->N + skip, rows, at, w, n)
            sums_row(a->act, x_in(a, at, n, bx), row_in(a->x.type, a->dy, at, n, bd), &k, w, s1 + w, s2 + w, n);
        unjoin(s, s1);
        unjoin(s, s2);
        float *part = s->parts + unit * a->C * 2;
        for (int64_t c = 0; c < a->C; c++) {
            part[2 * c] = s1[c];
            part[2 * c + 1] = s2[c];
        }
    }
}

static Norm all_sums(const NormArgs *a)
{
    Norm s = setup(a);
    s.parts = cpu_scratch(SCRATCH_SHARED, sizeof(float) * (size_t)(a->outer * s.blocks * a->C * 2));
    threads_for(a->outer * s.blocks, BLOCK / (s.rows * a->C) + 1, sums_blocks, &s);
    return s;
}

#define GRAD_X(F) \
    SIMD for (int64_t i = 0; i < n; i++) \
        dx[i] = dy[i] * f_act_grad(F, x[i] * A[i] + B[i]) * P[i] + x[i] * Q[i] + S[i];

static void grad_row(Act f, const float *x, const float *dy, const Coef *k, int64_t w, float *dx, int64_t n)
{
    const float *A = k->A + w, *B = k->B + w, *P = k->P + w, *Q = k->Q + w, *S = k->S + w;
    EACH_NORM_ACT(f, GRAD_X)
}

static void grad_x_blocks(void *ctx, int64_t from, int64_t to)
{
    const Norm *s = ctx;
    const NormArgs *a = s->a;
    Coef k = coef_make(s);
    float bx[CHUNK], bd[CHUNK], by[CHUNK];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t o = unit / s->blocks, skip = unit % s->blocks * s->rows, rows = MIN(s->rows, a->N - skip);
        if (unit == from || unit % s->blocks == 0) coef_fill(s, o, &k);
        FOR_PIECES(s, o * a->N + skip, rows, at, w, n)
        {
            grad_row(a->act, x_in(a, at, n, bx), row_in(a->x.type, a->dy, at, n, bd), &k, w,
                     row_for(a->y.type, a->y.data, at, by), n);
            row_out(a->y.type, a->y.data, at, n, by);
        }
    }
}

/* means[o, g] = means over the group of u = g (1 + scale) gamma and of u xhat, from the sums of its channels. */
static void group_means(const Norm *s, float *means)
{
    const NormArgs *a = s->a;
    int64_t C = a->C, per = C / a->G;
    for (int64_t o = 0; o < a->outer; o++)
        for (int64_t g = 0; g < a->G; g++) {
            double u = 0, ux = 0, count = (double)(a->N * per);
            for (int64_t b = 0; b < s->blocks; b++)
                for (int64_t c = g * per; c < (g + 1) * per; c++) {
                    const float *part = s->parts + ((o * s->blocks + b) * C + c) * 2;
                    float gain = a->gamma ? a->gamma[c] : 1;
                    if (a->M && a->scale) gain *= 1 + value_at(a->x.type, a->scale, o / (a->outer / a->M) * C + c);
                    u += (double)gain * part[0];
                    ux += (double)gain * part[1];
                }
            means[(o * a->G + g) * 2] = a->rms ? 0 : (float)(u / count);
            means[(o * a->G + g) * 2 + 1] = (float)(ux / count);
        }
}

/* ---- gradients of lines ------------------------------------------------------------------------------------------ */

/* g = dy act'(z) and xhat of one row */
#define LINE(F) \
    SIMD for (int64_t i = 0; i < n; i++) { \
        xhat[i] = (x[i] - mean) * rstd; \
        g[i] = dy[i] * f_act_grad(F, xhat[i] * gain[i] + add[i]); \
    }

static void line_row(Act f, const float *x, const float *dy, float mean, float rstd, const float *gain,
                     const float *add, float *xhat, float *g, int64_t n)
{
    EACH_NORM_ACT(f, LINE)
}

/* Fills vectors 2 (xhat) and 3 (g) of the Gain's block for row o; 4 and 5 are its buffers. */
static void line_fill(const NormArgs *a, int64_t o, Gain *k)
{
    float *v = k->gain, *x = v + 4 * a->C, *dy = v + 5 * a->C;
    gain_fill(a, o, k);
    line_row(a->act, x_in(a, o * a->C, a->C, x), row_in(a->x.type, a->dy, o * a->C, a->C, dy),
             a->rms ? 0 : a->stats[2 * o], a->stats[2 * o + 1], k->gain, k->add, v + 2 * a->C, v + 3 * a->C, a->C);
}

static void grad_x_lines(void *ctx, int64_t from, int64_t to)
{
    const NormArgs *a = ctx;
    Gain k = gain_make(a);
    int64_t C = a->C;
    float *xhat = k.gain + 2 * C, *g = k.gain + 3 * C, *out = k.gain + 4 * C;
    const float *gain = k.gain;
    for (int64_t o = from; o < to; o++) {
        line_fill(a, o, &k);
        float u = 0, ux = 0, rstd = a->stats[2 * o + 1];
        _Pragma("omp simd reduction(+:u, ux)") for (int64_t i = 0; i < C; i++) {
            u += g[i] * gain[i];
            ux += g[i] * gain[i] * xhat[i];
        }
        u = a->rms ? 0 : u / (float)C;
        ux /= (float)C;
        float *dx = row_for(a->y.type, a->y.data, o * C, out);
        SIMD for (int64_t i = 0; i < C; i++) dx[i] = rstd * (g[i] * gain[i] - u - xhat[i] * ux);
        row_out(a->y.type, a->y.data, o * C, C, out);
    }
}

static void sums_lines(void *ctx, int64_t from, int64_t to)
{
    const Norm *s = ctx;
    const NormArgs *a = s->a;
    Gain k = gain_make(a);
    int64_t C = a->C, per = a->outer / MAX(a->M, 1);
    const float *xhat = k.gain + 2 * C, *g = k.gain + 3 * C;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t skip = unit % s->blocks * s->rows, first = unit / s->blocks * per + skip;
        float *part = s->parts + unit * C * 2;
        zero(part, 2 * C);
        for (int64_t o = first; o < first + MIN(s->rows, per - skip); o++) {
            line_fill(a, o, &k);
            SIMD for (int64_t i = 0; i < C; i++) {
                part[2 * i] += g[i];
                part[2 * i + 1] += g[i] * xhat[i];
            }
        }
    }
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

void V(norm_grad_params)(const NormArgs *a)
{
    int64_t M = MAX(a->M, 1), width = a->C * 2, per;
    zero(a->sums, M * width);
    if (empty(a)) return;
    Norm s;
    if (is_lines(a)) {
        s = (Norm){.a = a, .rows = MAX(BLOCK / a->C, 16)};
        s.blocks = (a->outer / M + s.rows - 1) / s.rows;
        s.parts = cpu_scratch(SCRATCH_SHARED, sizeof(float) * (size_t)(M * s.blocks * width));
        threads_for(M * s.blocks, 1, sums_lines, &s);
        per = s.blocks;
    } else {
        s = all_sums(a);
        per = a->outer / M * s.blocks;
    }
    for (int64_t m = 0; m < M; m++)
        for (int64_t b = 0; b < per; b++) {
            const float *part = s.parts + (m * per + b) * width;
            float *sums = a->sums + m * width;
            SIMD for (int64_t i = 0; i < width; i++) sums[i] += part[i];
        }
}

void V(norm_grad_x)(const NormArgs *a)
{
    if (empty(a)) return;
    if (is_lines(a)) {
        threads_for(a->outer, BLOCK / a->C / 4 + 1, grad_x_lines, (void *)a);
        return;
    }
    Norm s = all_sums(a);
    s.means = cpu_scratch(SCRATCH_B, sizeof(float) * (size_t)(a->outer * a->G * 2));
    group_means(&s, s.means);
    threads_for(a->outer * s.blocks, BLOCK / (s.rows * a->C) + 1, grad_x_blocks, &s);
}
