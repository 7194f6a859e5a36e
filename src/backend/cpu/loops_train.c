/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: rotary positions, embeddings, optimizer, moving average, noise.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#define GRAIN 16384

/* ---- rotary positions -------------------------------------------------------------------------------------------- */

typedef struct Rope {
    Tensor x, y;
    const float *cs; /* F [N, 2, dim / 2]: cosines, sines times sign */
    int64_t N, inner;
    int heads, dim;
    bool interleaved;
} Rope;

static void rope_tokens(void *ctx, int64_t from, int64_t to)
{
    const Rope *r = ctx;
    int64_t half = r->dim / 2;
    float bx[CHUNK], by[CHUNK];
    for (int64_t token = from; token < to; token++) {
        const float *c = r->cs + token / r->inner % r->N * r->dim, *s = c + half;
        for (int h = 0; h < r->heads; h++) {
            int64_t at = (token * r->heads + h) * r->dim;
            const float *x = row_in(r->x.type, r->x.data, at, r->dim, bx);
            float *y = row_for(r->y.type, r->y.data, at, by);
            if (r->interleaved) {
                SIMD for (int64_t i = 0; i < half; i++) {
                    float u = x[2 * i], v = x[2 * i + 1];
                    y[2 * i] = u * c[i] - v * s[i];
                    y[2 * i + 1] = u * s[i] + v * c[i];
                }
            } else {
                SIMD for (int64_t i = 0; i < half; i++) {
                    float u = x[i], v = x[i + half];
                    y[i] = u * c[i] - v * s[i];
                    y[i + half] = u * s[i] + v * c[i];
                }
            }
            row_out(r->y.type, r->y.data, at, r->dim, by);
        }
    }
}

void V(rope)(Tensor x, Tensor y, const float *angle, int64_t outer, int64_t N, int64_t inner, int heads, int dim,
             bool interleaved, float sign)
{
    int64_t half = dim / 2;
    float *cs = cpu_scratch(SCRATCH_SHARED, sizeof(float) * (size_t)(N * dim + 1));
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < half; i++) {
            cs[n * dim + i] = cosf(angle[n * half + i]);
            cs[n * dim + half + i] = sign * sinf(angle[n * half + i]);
        }
    Rope r = {x, y, cs, N, inner, heads, dim, interleaved};
    threads_for(outer * N * inner, GRAIN / (heads * dim) + 1, rope_tokens, &r);
}

/* ---- embedding --------------------------------------------------------------------------------------------------- */

typedef struct Look { Tensor table, ids, y; int64_t D; } Look;

static void look_up(void *ctx, int64_t from, int64_t to)
{
    const Look *l = ctx;
    const int32_t *ids = l->ids.data;
    float bx[CHUNK];
    for (int64_t i = from; i < to; i++)
        for (int64_t c = 0; c < l->D; c += CHUNK) {
            int64_t n = MIN(CHUNK, l->D - c), at = i * l->D + c;
            const float *x = row_in(l->table.type, l->table.data, ids[i] * l->D + c, n, bx);
            if (l->y.type == JIG_F32) memcpy((float *)l->y.data + at, x, sizeof(float) * (size_t)n);
            else row_out(l->y.type, l->y.data, at, n, x);
        }
}

void V(embedding)(Tensor table, Tensor ids, Tensor y)
{
    int64_t D = table.shape.d[1];
    threads_for(shape_count(ids.shape), GRAIN / MAX(D, 1) + 1, look_up, &(Look){table, ids, y, D});
}

/* Each thread adds to its own columns of the whole table, so that equal ids never meet in two threads. */
static void look_up_grad(void *ctx, int64_t from, int64_t to)
{
    const Look *l = ctx;
    const int32_t *ids = l->ids.data;
    float *table = l->table.data, buf[CHUNK];
    for (int64_t v = 0; v < l->table.shape.d[0]; v++)
        memset(table + v * l->D + from, 0, sizeof(float) * (size_t)(to - from));
    for (int64_t i = 0; i < shape_count(l->ids.shape); i++)
        for (int64_t c = from; c < to; c += CHUNK) {
            int64_t n = MIN(CHUNK, to - c);
            const float *dy = row_in(l->y.type, l->y.data, i * l->D + c, n, buf);
            float *sum = table + ids[i] * l->D + c;
            SIMD for (int64_t k = 0; k < n; k++) sum[k] += dy[k];
        }
}

void V(embedding_grad)(Tensor ids, Tensor dy, Tensor dtable)
{
    threads_for(dtable.shape.d[1], 64, look_up_grad, &(Look){dtable, ids, dy, dtable.shape.d[1]});
}

/* ---- optimizer --------------------------------------------------------------------------------------------------- */

typedef struct Adam { const AdamArgs *a; float rate, root; } Adam;

static void adam_range(void *ctx, int64_t from, int64_t to)
{
    const AdamArgs *a = ((const Adam *)ctx)->a;
    const float rate = ((const Adam *)ctx)->rate, root = ((const Adam *)ctx)->root, keep = 1 - a->lr * a->decay;
    const float b1 = a->beta1, b2 = a->beta2, eps = a->eps, gs = a->grad_scale;
    float *restrict w = a->w, *restrict m = a->m, *restrict v = a->v;
    const float *restrict grad = a->g;
    SIMD for (int64_t i = from; i < to; i++) {
        float g = grad[i] * gs;
        m[i] = b1 * m[i] + (1 - b1) * g;
        v[i] = b2 * v[i] + (1 - b2) * g * g;
        w[i] = w[i] * keep - rate * m[i] / (sqrtf(v[i]) * root + eps);
    }
}

void V(adamw)(const AdamArgs *a)
{
    double c1 = 1 - pow(a->beta1, (double)a->step), c2 = 1 - pow(a->beta2, (double)a->step);
    threads_for(a->n, GRAIN, adam_range, &(Adam){a, (float)(a->lr / c1), (float)(1 / sqrt(c2))});
}

typedef struct Ema { float *ema; const float *w; float decay; } Ema;

static void ema_range(void *ctx, int64_t from, int64_t to)
{
    const Ema *e = ctx;
    float *restrict ema = e->ema, d = e->decay;
    const float *restrict w = e->w;
    SIMD for (int64_t i = from; i < to; i++) ema[i] = d * ema[i] + (1 - d) * w[i];
}

void V(ema)(int64_t n, float *ema, const float *w, float decay)
{
    threads_for(n, GRAIN, ema_range, &(Ema){ema, w, decay});
}

/* ---- noise ------------------------------------------------------------------------------------------------------- */

void V(normal)(Tensor y, uint64_t seed, uint64_t stream, uint64_t position)
{
    int64_t n = shape_count(y.shape);
    float *values = y.type == JIG_F32 ? y.data : cpu_scratch(SCRATCH_Y, sizeof(float) * (size_t)MAX(n, 1));
    rng_fill_normal(values, (size_t)n, seed, stream, position);
    if (y.type != JIG_F32) V(convert)(y.type, y.data, JIG_F32, values, n);
}
