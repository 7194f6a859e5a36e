/* SPDX-License-Identifier: Apache-2.0
 *
 * tokens: one head of one sequence of an attention tensor, brought into dense f32 matrices and back.
 * Matrices have rows of `width` floats (a multiple of the vector), zeros behind what is filled.
 */
#ifndef JIG_TOKENS_H
#define JIG_TOKENS_H

#include "backend/cpu/vec.h"

/* Token n of the head begins at first + n * step. */
typedef struct Head { DType type; int64_t first, step; } Head;

static inline Head head_of(const AttentionArgs *a, int64_t o, int64_t i, int h, int64_t count, int64_t pitch)
{
    return (Head){a->type, (o * count * a->inner + i) * pitch + (int64_t)h * a->dim, a->inner * pitch};
}

static inline int64_t padded(int64_t n)
{
    return (n + VN - 1) / VN * VN;
}

/* to [n, width] = scale * tokens from..from+n */
static inline void load_rows(Head h, const void *p, int64_t from, int64_t n, int dim, float scale, float *to, int64_t width)
{
    for (int64_t r = 0; r < n; r++, to += width) {
        int64_t at = h.first + (from + r) * h.step;
        if (h.type == JIG_F32) {
            const float *x = (const float *)p + at;
            SIMD for (int c = 0; c < dim; c++) to[c] = scale * x[c];
        } else {
            const uint16_t *x = (const uint16_t *)p + at;
            SIMD for (int c = 0; c < dim; c++) to[c] = scale * bf16_value(x[c]);
        }
        for (int64_t c = dim; c < width; c++) to[c] = 0;
    }
}

/* to [dim, width]: the same tokens as columns, from rows [n, row_width] that load_rows made */
static inline void turn_rows(const float *rows, int64_t row_width, int64_t n, int dim, float *to, int64_t width)
{
    for (int64_t r = 0; r < n; r += VN) {
        int64_t count = MIN(VN, n - r);
        for (int c = 0; c < dim; c++) {
            float *out = to + c * width + r;
            const float *in = rows + r * row_width + c;
            for (int64_t k = 0; k < count; k++) out[k] = in[k * row_width];
            for (int64_t k = count; k < VN; k++) out[k] = 0;
        }
    }
}

static inline void store_rows(Head h, void *p, int64_t from, int64_t n, int dim, float scale, const float *rows,
                              int64_t width)
{
    for (int64_t r = 0; r < n; r++, rows += width) {
        int64_t at = h.first + (from + r) * h.step;
        if (h.type == JIG_F32) {
            float *y = (float *)p + at;
            SIMD for (int c = 0; c < dim; c++) y[c] = scale * rows[c];
        } else {
            uint16_t *y = (uint16_t *)p + at;
            SIMD for (int c = 0; c < dim; c++) y[c] = bf16_bits(scale * rows[c]);
        }
    }
}

#endif
