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
static inline void load_rows(Head h, const void *p, int64_t from, int64_t n, int dim, float scale, float *to,
                             int64_t width)
{
    /* Tokens lie far apart: fetch ahead, the next head of a short sequence, the next tokens of a long one. */
    int64_t ahead = n <= 128 ? dim : 12 * h.step;
    for (int64_t r = 0; r < n; r++, to += width) {
        int64_t at = h.first + (from + r) * h.step;
        __builtin_prefetch((const char *)p + (size_t)(at + ahead) * (h.type == JIG_F32 ? 4 : 2));
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

/* Turns a square of VN x VN; rows from `count` on are taken as 0. */
#if defined __AVX512F__
static inline void turn_square(const float *in, int64_t in_row, int64_t count, float *out, int64_t out_row)
{
    __m512 v[VN];
    __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
#pragma GCC unroll 16
    for (int r = 0; r < VN; r++) v[r] = r < count ? _mm512_loadu_ps(in + r * in_row) : _mm512_setzero_ps();
#pragma GCC unroll 4
    for (int s = 1; s < VN; s *= 2) { /* exchange the off-diagonal quarters of all 2s x 2s squares (Eklundh) */
        __mmask16 high = s == 1 ? 0xaaaa : s == 2 ? 0xcccc : s == 4 ? 0xf0f0 : 0xff00;
        __m512i low_from = _mm512_mask_add_epi32(lane, high, lane, _mm512_set1_epi32(16 - s));
        __m512i high_from =
            _mm512_mask_add_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(s)), high, lane, _mm512_set1_epi32(16));
#pragma GCC unroll 16
        for (int r = 0; r < VN; r++) {
            if (r & s) continue;
            __m512 low = _mm512_permutex2var_ps(v[r], low_from, v[r + s]);
            v[r + s] = _mm512_permutex2var_ps(v[r], high_from, v[r + s]);
            v[r] = low;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < VN; r++) _mm512_storeu_ps(out + r * out_row, v[r]);
}
#else
static inline void turn_square(const float *in, int64_t in_row, int64_t count, float *out, int64_t out_row)
{
    for (int c = 0; c < VN; c++) {
        for (int64_t r = 0; r < count; r++) out[c * out_row + r] = in[r * in_row + c];
        for (int64_t r = count; r < VN; r++) out[c * out_row + r] = 0;
    }
}
#endif

/* to [padded(dim), width]: the same tokens as columns, from rows [n, row_width] that load_rows made */
static inline void turn_rows(const float *rows, int64_t row_width, int64_t n, int dim, float *to, int64_t width)
{
    for (int64_t r = 0; r < n; r += VN)
        for (int c = 0; c < dim; c += VN)
            turn_square(rows + r * row_width + c, row_width, MIN(VN, n - r), to + c * width + r, width);
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
