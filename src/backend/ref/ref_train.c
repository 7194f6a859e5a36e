/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: rotary positions, optimizer, moving average, norms of whole blocks, noise.
 */
#include "backend/ref/ref_internal.h"

#include <math.h>

void ref_rope(Tensor x, Tensor y, const float *angle, int64_t outer, int64_t N, int64_t inner, int heads, int dim,
              bool interleaved, float sign)
{
    int64_t half = dim / 2;
    for (int64_t row = 0; row < outer * N * inner * heads; row++)
        for (int64_t i = 0; i < half; i++) {
            float t = angle[row / heads / inner % N * half + i], c = cosf(t), s = sign * sinf(t);
            int64_t p = row * dim + (interleaved ? 2 * i : i), q = row * dim + (interleaved ? 2 * i + 1 : i + half);
            float u = ref_at(&x, p), v = ref_at(&x, q);
            ref_set(&y, p, u * c - v * s);
            ref_set(&y, q, u * s + v * c);
        }
}

/* Loshchilov & Hutter, Decoupled Weight Decay Regularization, algorithm 2, as torch.optim.AdamW computes it. */
void ref_adamw(const AdamArgs *a)
{
    double c1 = 1 - pow(a->beta1, (double)a->step), c2 = 1 - pow(a->beta2, (double)a->step);
    float rate = (float)(a->lr / c1), root = (float)(1 / sqrt(c2));
    for (int64_t i = 0; i < a->n; i++) {
        float g = a->g[i] * a->grad_scale;
        a->m[i] = a->beta1 * a->m[i] + (1 - a->beta1) * g;
        a->v[i] = a->beta2 * a->v[i] + (1 - a->beta2) * g * g;
        a->w[i] = a->w[i] * (1 - a->lr * a->decay) - rate * a->m[i] / (sqrtf(a->v[i]) * root + a->eps);
    }
}

void ref_ema(int64_t n, float *ema, const float *w, float decay)
{
    for (int64_t i = 0; i < n; i++) ema[i] = decay * ema[i] + (1 - decay) * w[i];
}

double ref_sum_squares(int64_t n, const float *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

void ref_normal(Tensor y, uint64_t seed, uint64_t stream, uint64_t position)
{
    int64_t n = shape_count(y.shape);
    float *values = mem_alloc(sizeof(float) * (size_t)MAX(n, 1));
    rng_fill_normal(values, (size_t)n, seed, stream, position);
    ref_store(values, y.type, y.data, n);
}
