/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: linear attention (DabFusion's spatial attention) and its gradient, a head of one sequence at a time.
 *   q' = scale softmax(q over channels), k' = softmax(k over tokens), context [d, e] = sum_n k'[n, d] v[n, e],
 *   out[n, e] = sum_d q'[n, d] context[d, e].
 * The gradient is a small difference of large numbers, so there the products are f32 throughout.
 * The sequence is loaded once into dense f32 rows (in the second-level cache for up to some thousand tokens).
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/tokens.h"

typedef struct Linear { const AttentionArgs *a; int64_t D; } Linear;

/* Rows [n, D] of the thread; columns behind dim are 0. */
typedef struct Rows { float *q, *k, *v, *ctx, *ctx_t, *out, *dctx, *dctx_t, *dq, *dk, *dv; } Rows;

static Rows rows_make(const Linear *l, bool gradient)
{
    size_t n = (size_t)(l->a->nk * l->D), c = (size_t)(l->D * l->D);
    float *p = cpu_scratch(SCRATCH_OWN, sizeof(float) * (gradient ? 7 * n + 4 * c : 4 * n + c));
    Rows r = {p, p + n, p + 2 * n, p + 4 * n};
    r.out = p + 3 * n;
    if (gradient) {
        float *g = p + 4 * n + c;
        r.ctx_t = g;
        r.dctx = g + c;
        r.dctx_t = g + 2 * c;
        r.dq = g + 3 * c;
        r.dk = r.dq + n;
        r.dv = r.dk + n;
    }
    return r;
}

/* q: softmax over the channels of each row, not yet scaled */
static void soften_q(const Linear *l, float *q)
{
    int dim = l->a->dim;
    for (int64_t n = 0; n < l->a->nq; n++, q += l->D) {
        float top = -INFINITY, sum = 0;
        _Pragma("omp simd reduction(max:top)") for (int c = 0; c < dim; c++) top = q[c] > top ? q[c] : top;
        _Pragma("omp simd reduction(+:sum)") for (int c = 0; c < dim; c++) {
            q[c] = f_exp(q[c] - top);
            sum += q[c];
        }
        sum = 1 / sum;
        SIMD for (int c = 0; c < dim; c++) q[c] *= sum;
    }
}

/* k: softmax over the rows of each column */
static void soften_k(const Linear *l, float *k, float *top, float *sum)
{
    int64_t D = l->D, n = l->a->nk;
    for (int64_t c = 0; c < D; c++) {
        top[c] = -INFINITY;
        sum[c] = 0;
    }
    for (int64_t r = 0; r < n; r++) {
        const float *x = k + r * D;
        SIMD for (int64_t c = 0; c < D; c++) top[c] = x[c] > top[c] ? x[c] : top[c];
    }
    for (int64_t r = 0; r < n; r++) {
        float *x = k + r * D;
        SIMD for (int64_t c = 0; c < D; c++) {
            x[c] = f_exp(x[c] - top[c]);
            sum[c] += x[c];
        }
    }
    for (int64_t c = 0; c < D; c++) sum[c] = c < l->a->dim ? 1 / sum[c] : 0;
    for (int64_t r = 0; r < n; r++) {
        float *x = k + r * D;
        SIMD for (int64_t c = 0; c < D; c++) x[c] *= sum[c];
    }
}

/* Loads q, k, v and makes q', k' and the context, by products in type t. */
static void prepare(const Linear *l, const Rows *r, DType t, int64_t o, int64_t i, int h)
{
    const AttentionArgs *a = l->a;
    int64_t D = l->D;
    load_rows(head_of(a, o, i, h, a->nq, a->q_pitch), a->q, 0, a->nq, a->dim, 1, r->q, D);
    load_rows(head_of(a, o, i, h, a->nk, a->k_pitch), a->k, 0, a->nk, a->dim, 1, r->k, D);
    load_rows(head_of(a, o, i, h, a->nk, a->v_pitch), a->v, 0, a->nk, a->dim, 1, r->v, D);
    soften_q(l, r->q);
    soften_k(l, r->k, r->ctx, r->ctx + D); /* the context comes after, so its place is free */
    V(product)(t, D, D, a->nk, r->k, 1, D, r->v, D, r->ctx, D, false);
}

static void forward(void *ctx, int64_t from, int64_t to)
{
    const Linear *l = ctx;
    const AttentionArgs *a = l->a;
    Rows r = rows_make(l, false);
    for (int64_t unit = from; unit < to; unit++) {
        int h = (int)(unit % a->heads);
        int64_t i = unit / a->heads % a->inner, o = unit / a->heads / a->inner;
        prepare(l, &r, a->type, o, i, h);
        V(product)(l->a->type, a->nq, l->D, l->D, r.q, l->D, 1, r.ctx, l->D, r.out, l->D, false);
        store_rows(head_of(a, o, i, h, a->nq, a->out_pitch), a->out, 0, a->nq, a->dim, a->scale, r.out, l->D);
    }
}

void V(linear_attention)(const AttentionArgs *a)
{
    Linear l = {a, padded(a->dim)};
    if (l.D < 2 * VN) l.D = 2 * VN; /* soften_k keeps two rows in the context's place */
    if (a->nq > 0) threads_for(a->outer * a->inner * a->heads, 1, forward, &l);
}

/* dx = y (dy - sum of y dy) along rows, times scale */
static void grad_q(const Linear *l, const float *q, float *dq)
{
    for (int64_t n = 0; n < l->a->nq; n++, q += l->D, dq += l->D) {
        float sum = 0;
        _Pragma("omp simd reduction(+:sum)") for (int64_t c = 0; c < l->D; c++) sum += q[c] * dq[c];
        SIMD for (int64_t c = 0; c < l->D; c++) dq[c] = q[c] * (dq[c] - sum);
    }
}

/* the same along columns */
static void grad_k(const Linear *l, const float *k, float *dk, float *sum)
{
    int64_t D = l->D, n = l->a->nk;
    for (int64_t c = 0; c < D; c++) sum[c] = 0;
    for (int64_t r = 0; r < n; r++) {
        SIMD for (int64_t c = 0; c < D; c++) sum[c] += k[r * D + c] * dk[r * D + c];
    }
    for (int64_t r = 0; r < n; r++) {
        SIMD for (int64_t c = 0; c < D; c++) dk[r * D + c] = k[r * D + c] * (dk[r * D + c] - sum[c]);
    }
}

static void backward(void *ctx, int64_t from, int64_t to)
{
    const Linear *l = ctx;
    const AttentionArgs *a = l->a;
    int64_t D = l->D, n = a->nk;
    Rows r = rows_make(l, true);
    for (int64_t unit = from; unit < to; unit++) {
        int h = (int)(unit % a->heads);
        int64_t i = unit / a->heads % a->inner, o = unit / a->heads / a->inner;
        prepare(l, &r, JIG_F32, o, i, h);
        /* out = scale q' ctx: the scale goes to dout, which then serves all */
        load_rows(head_of(a, o, i, h, a->nq, a->out_pitch), a->dout, 0, n, a->dim, a->scale, r.out, D);
        turn_rows(r.ctx, D, D, (int)D, r.ctx_t, D);
        V(gemm)(n, D, D, r.out, D, 1, r.ctx_t, D, r.dq, D, false);
        V(gemm)(D, D, n, r.q, 1, D, r.out, D, r.dctx, D, false);
        turn_rows(r.dctx, D, D, (int)D, r.dctx_t, D);
        V(gemm)(n, D, D, r.v, D, 1, r.dctx_t, D, r.dk, D, false);
        V(gemm)(n, D, D, r.k, D, 1, r.dctx, D, r.dv, D, false);
        grad_q(l, r.q, r.dq);
        grad_k(l, r.k, r.dk, r.ctx);
        store_rows(head_of(a, o, i, h, n, a->dq_pitch), a->dq, 0, n, a->dim, 1, r.dq, D);
        store_rows(head_of(a, o, i, h, n, a->dk_pitch), a->dk, 0, n, a->dim, 1, r.dk, D);
        store_rows(head_of(a, o, i, h, n, a->dv_pitch), a->dv, 0, n, a->dim, 1, r.dv, D);
    }
}

void V(linear_attention_grad)(const AttentionArgs *a)
{
    Linear l = {a, padded(a->dim)};
    if (l.D < 2 * VN) l.D = 2 * VN;
    if (a->nq > 0) threads_for(a->outer * a->inner * a->heads, 1, backward, &l);
}
