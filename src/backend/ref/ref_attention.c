/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: softmax attention and linear attention with their gradients, one head of one sequence at a time; softmax.
 * A query whose keys are all masked gets 0. Unlike the fast backends this one does write the scores of a head.
 */
#include "backend/ref/ref_internal.h"

#include <math.h>
#include <string.h>

/* One head of one sequence, gathered to f32: q [nq, dim], k and v [nk, dim]. */
typedef struct Head {
    const AttentionArgs *a;
    int64_t o, i;
    int h;
    float *q, *k, *v, *p; /* p: probabilities [nq, nk] */
} Head;

static int64_t token(const AttentionArgs *a, int64_t o, int64_t i, int64_t n, int64_t count, int64_t pitch, int h)
{
    return ((o * count + n) * a->inner + i) * pitch + (int64_t)h * a->dim;
}

static float *gather(const Head *s, const void *from, int64_t count, int64_t pitch)
{
    const AttentionArgs *a = s->a;
    float *out = mem_alloc(sizeof(float) * (size_t)MAX(count * a->dim, 1));
    for (int64_t n = 0; n < count; n++)
        for (int c = 0; c < a->dim; c++)
            out[n * a->dim + c] = ref_get(a->type, from, token(a, s->o, s->i, n, count, pitch, s->h) + c);
    return out;
}

static void scatter(const Head *s, float *values, void *to, int64_t count, int64_t pitch)
{
    const AttentionArgs *a = s->a;
    for (int64_t n = 0; n < count; n++)
        for (int c = 0; c < a->dim; c++)
            ref_put(a->type, to, token(a, s->o, s->i, n, count, pitch, s->h) + c, values[n * a->dim + c]);
    mem_free(values);
}

static float *zeros(int64_t n)
{
    return mem_zero(sizeof(float) * (size_t)MAX(n, 1));
}

static float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add_scaled(float *y, float s, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += s * x[i];
}

typedef void HeadFn(Head *s);

static void for_all_heads(const AttentionArgs *a, HeadFn *fn)
{
    for (int64_t o = 0; o < a->outer; o++)
        for (int64_t i = 0; i < a->inner; i++)
            for (int h = 0; h < a->heads; h++) {
                Head s = {a, o, i, h};
                s.q = gather(&s, a->q, a->nq, a->q_pitch);
                s.k = gather(&s, a->k, a->nk, a->k_pitch);
                s.v = gather(&s, a->v, a->nk, a->v_pitch);
                fn(&s);
                mem_free(s.q);
                mem_free(s.k);
                mem_free(s.v);
            }
}

/* ---- softmax attention ------------------------------------------------------------------------------------------- */

static bool visible(const Head *s, int64_t i, int64_t j)
{
    const AttentionArgs *a = s->a;
    return (!a->causal || j <= i + (a->nk - a->nq)) && (!a->key_mask || a->key_mask[s->o * a->nk + j]);
}

/* Where the head's row i of bias, or of its gradient, begins. */
static int64_t bias_row(const Head *s, int64_t i)
{
    const AttentionArgs *a = s->a;
    return ((s->o % MAX(a->bias_groups, 1) * a->heads + s->h) * a->nq + i) * a->nk;
}

static float *probabilities(const Head *s)
{
    const AttentionArgs *a = s->a;
    float *p = zeros(a->nq * a->nk);
    for (int64_t i = 0; i < a->nq; i++) {
        float *row = p + i * a->nk, top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < a->nk; j++) {
            row[j] = a->scale * dot(s->q + i * a->dim, s->k + j * a->dim, a->dim);
            if (a->bias) row[j] += a->bias[bias_row(s, i) + j];
            if (!visible(s, i, j)) row[j] = -INFINITY;
            top = fmaxf(top, row[j]);
        }
        for (int64_t j = 0; j < a->nk; j++) {
            row[j] = top == -INFINITY ? 0 : expf(row[j] - top);
            sum += row[j];
        }
        for (int64_t j = 0; j < a->nk && sum > 0; j++) row[j] /= sum;
    }
    return p;
}

static void attend(Head *s)
{
    const AttentionArgs *a = s->a;
    float *p = probabilities(s), *out = zeros(a->nq * a->dim);
    for (int64_t i = 0; i < a->nq; i++)
        for (int64_t j = 0; j < a->nk; j++)
            add_scaled(out + i * a->dim, p[i * a->nk + j], s->v + j * a->dim, a->dim);
    scatter(s, out, a->out, a->nq, a->out_pitch);
    mem_free(p);
}

/* dP = dout v^T;  dS = P * (dP - sum over keys of P dP);  dq = scale dS k;  dk = scale dS^T q;  dv = P^T dout. */
static void attend_grad(Head *s)
{
    const AttentionArgs *a = s->a;
    int64_t dim = a->dim;
    float *p = probabilities(s), *dout = gather(s, a->dout, a->nq, a->out_pitch), *ds = zeros(a->nk);
    float *dq = zeros(a->nq * dim), *dk = zeros(a->nk * dim), *dv = zeros(a->nk * dim);
    for (int64_t i = 0; i < a->nq; i++) {
        const float *row = p + i * a->nk;
        float mean = 0;
        for (int64_t j = 0; j < a->nk; j++) {
            ds[j] = dot(dout + i * dim, s->v + j * dim, dim);
            mean += row[j] * ds[j];
        }
        for (int64_t j = 0; j < a->nk; j++) {
            ds[j] = row[j] * (ds[j] - mean);
            add_scaled(dq + i * dim, a->scale * ds[j], s->k + j * dim, dim);
            add_scaled(dk + j * dim, a->scale * ds[j], s->q + i * dim, dim);
            add_scaled(dv + j * dim, row[j], dout + i * dim, dim);
            if (a->dbias) a->dbias[bias_row(s, i) + j] += ds[j];
        }
    }
    scatter(s, dq, a->dq, a->nq, a->dq_pitch);
    scatter(s, dk, a->dk, a->nk, a->dk_pitch);
    scatter(s, dv, a->dv, a->nk, a->dv_pitch);
    mem_free(p);
    mem_free(dout);
    mem_free(ds);
}

void ref_attention(const AttentionArgs *a)
{
    for_all_heads(a, attend);
}

void ref_attention_grad(const AttentionArgs *a)
{
    size_t biases = (size_t)(MAX(a->bias_groups, 1) * a->heads * a->nq * a->nk);
    if (a->dbias) memset(a->dbias, 0, sizeof(float) * biases);
    for_all_heads(a, attend_grad);
}

/* ---- softmax over [outer, N, inner] ------------------------------------------------------------------------------ */

static void softmax_line(float *x, int64_t n, int64_t step, bool log)
{
    float top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) top = fmaxf(top, x[i * step]);
    for (int64_t i = 0; i < n; i++) sum += expf(x[i * step] - top);
    for (int64_t i = 0; i < n; i++)
        x[i * step] = log ? x[i * step] - top - logf(sum) : expf(x[i * step] - top) / sum;
}

/* dx from y and dy, into dy */
static void softmax_line_grad(const float *y, float *dy, int64_t n, int64_t step, bool log)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += log ? dy[i * step] : y[i * step] * dy[i * step];
    for (int64_t i = 0; i < n; i++)
        dy[i * step] = log ? dy[i * step] - expf(y[i * step]) * sum : y[i * step] * (dy[i * step] - sum);
}

void ref_softmax(Tensor x, Tensor y, int64_t outer, int64_t N, int64_t inner, bool log)
{
    float *v = ref_floats(x.type, x.data, outer * N * inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) softmax_line(v + o * N * inner + i, N, inner, log);
    ref_store(v, y.type, y.data, outer * N * inner);
}

void ref_softmax_grad(Tensor y, Tensor dy, Tensor dx, int64_t outer, int64_t N, int64_t inner, bool log)
{
    float *v = ref_floats(y.type, y.data, outer * N * inner), *d = ref_floats(dy.type, dy.data, outer * N * inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            softmax_line_grad(v + o * N * inner + i, d + o * N * inner + i, N, inner, log);
    ref_store(d, dx.type, dx.data, outer * N * inner);
    mem_free(v);
}

/* ---- linear attention -------------------------------------------------------------------------------------------- */

/* q becomes scale * softmax over dim, k softmax over tokens; returns the context [dim, dim] = k^T v. */
static float *context(Head *s)
{
    const AttentionArgs *a = s->a;
    int64_t dim = a->dim;
    float *ctx = zeros(dim * dim);
    for (int64_t n = 0; n < a->nq; n++) {
        softmax_line(s->q + n * dim, dim, 1, false);
        for (int64_t c = 0; c < dim; c++) s->q[n * dim + c] *= a->scale;
    }
    for (int64_t c = 0; c < dim; c++) softmax_line(s->k + c, a->nk, dim, false);
    for (int64_t n = 0; n < a->nk; n++)
        for (int64_t c = 0; c < dim; c++) add_scaled(ctx + c * dim, s->k[n * dim + c], s->v + n * dim, dim);
    return ctx;
}

static void attend_linear(Head *s)
{
    const AttentionArgs *a = s->a;
    float *ctx = context(s), *out = zeros(a->nq * a->dim);
    for (int64_t n = 0; n < a->nq; n++)
        for (int64_t c = 0; c < a->dim; c++)
            add_scaled(out + n * a->dim, s->q[n * a->dim + c], ctx + c * a->dim, a->dim);
    scatter(s, out, a->out, a->nq, a->out_pitch);
    mem_free(ctx);
}

static void attend_linear_grad(Head *s)
{
    const AttentionArgs *a = s->a;
    int64_t dim = a->dim;
    float *ctx = context(s), *dctx = zeros(dim * dim), *dout = gather(s, a->dout, a->nq, a->out_pitch);
    float *dq = zeros(a->nq * dim), *dk = zeros(a->nk * dim), *dv = zeros(a->nk * dim);
    for (int64_t n = 0; n < a->nq; n++)
        for (int64_t c = 0; c < dim; c++) {
            dq[n * dim + c] = dot(ctx + c * dim, dout + n * dim, dim);
            add_scaled(dctx + c * dim, s->q[n * dim + c], dout + n * dim, dim);
        }
    for (int64_t n = 0; n < a->nk; n++)
        for (int64_t c = 0; c < dim; c++) {
            dk[n * dim + c] = dot(dctx + c * dim, s->v + n * dim, dim);
            add_scaled(dv + n * dim, s->k[n * dim + c], dctx + c * dim, dim);
        }
    /* Back through the softmaxes; s->q holds scale * softmax, so the plain one is s->q / scale. */
    for (int64_t i = 0; i < a->nq * dim; i++) {
        s->q[i] = a->scale != 0 ? s->q[i] / a->scale : 0;
        dq[i] *= a->scale;
    }
    for (int64_t n = 0; n < a->nq; n++) softmax_line_grad(s->q + n * dim, dq + n * dim, dim, 1, false);
    for (int64_t c = 0; c < dim; c++) softmax_line_grad(s->k + c, dk + c, a->nk, dim, false);
    scatter(s, dq, a->dq, a->nq, a->dq_pitch);
    scatter(s, dk, a->dk, a->nk, a->dk_pitch);
    scatter(s, dv, a->dv, a->nk, a->dv_pitch);
    mem_free(ctx);
    mem_free(dctx);
    mem_free(dout);
}

void ref_linear_attention(const AttentionArgs *a)
{
    for_all_heads(a, attend_linear);
}

void ref_linear_attention_grad(const AttentionArgs *a)
{
    for_all_heads(a, attend_linear_grad);
}
