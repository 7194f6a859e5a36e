/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: the strided, batched product.
 */
#include "backend/ref/ref_internal.h"

static void product(const MatmulArgs *a, int64_t i, int64_t j)
{
    int64_t at_a = i * a->sa[0] + j * a->sa[1], at_b = i * a->sb[0] + j * a->sb[1], at_y = i * a->sy[0] + j * a->sy[1];
    float *sums = mem_alloc(sizeof(float) * (size_t)MAX(a->n, 1));
    for (int64_t row = 0; row < a->m; row++) {
        for (int64_t col = 0; col < a->n; col++) sums[col] = 0;
        for (int64_t k = 0; k < a->k; k++) {
            float x = ref_get(a->ta, a->a, at_a + row * a->sa[2] + k * a->sa[3]);
            for (int64_t col = 0; col < a->n; col++)
                sums[col] += x * ref_get(a->tb, a->b, at_b + k * a->sb[2] + col * a->sb[3]);
        }
        for (int64_t col = 0; col < a->n; col++) {
            int64_t at = at_y + row * a->sy[2] + col * a->sy[3];
            float y = a->alpha * sums[col];
            if (a->bias) y += a->bias[col];
            if (a->r) y += ref_get(a->ty, a->r, at);
            y = ref_act(a->act, y);
            if (a->accumulate) y += ref_get(a->ty, a->y, at);
            ref_put(a->ty, a->y, at, y);
        }
    }
    mem_free(sums);
}

void ref_matmul(const MatmulArgs *a)
{
    for (int64_t i = 0; i < a->batch[0]; i++)
        for (int64_t j = 0; j < a->batch[1]; j++) product(a, i, j);
}
