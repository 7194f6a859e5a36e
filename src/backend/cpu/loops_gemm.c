/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: a small f32 product on one thread (V(gemm), the heart of attention), and products too small, too many or too
 * oddly strided for oneDNN (V(small_matmul)).
 *
 * The inner tile is MR rows by two vectors, held in registers over the whole of k.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/vec.h"

#if defined __AVX512F__
#define MR 12 /* 24 of 32 registers for sums */
#else
#define MR 6  /* 12 of 16 */
#endif
#define UNROLL _Pragma("GCC unroll 12")

/* R rows by CV vectors of C; R and CV are constants after inlining. Rows are reached three at a time from one pointer, which
 * the processor's addressing (base, base + s, base + 2 s) does for nothing. */
INLINE void tile(const int R, const int CV, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B,
                 int64_t ldb, float *C, int64_t ldc, bool accumulate)
{
    Vec c[MR][2];
    const float *a[(MR + 2) / 3];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < CV; v++) c[r][v] = accumulate ? v_load(C + r * ldc + v * VN) : (Vec){0};
    UNROLL for (int r = 0; r < R; r += 3) a[r / 3] = A + r * a_row;
    for (int64_t i = 0; i < k; i++) {
        Vec b[2];
        UNROLL for (int v = 0; v < CV; v++) b[v] = v_load(B + v * VN);
        UNROLL for (int r = 0; r < R; r++) {
            Vec x = v_all(a[r / 3][r % 3 * a_row]);
            UNROLL for (int v = 0; v < CV; v++) c[r][v] += x * b[v];
        }
        UNROLL for (int r = 0; r < R; r += 3) a[r / 3] += a_col;
        B += ldb;
    }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < CV; v++) v_store(C + r * ldc + v * VN, c[r][v]);
}

#define TILE(R, CV) tile(R, CV, k, A, a_row, a_col, B, ldb, C, ldc, accumulate)
#define REST(R, CV) case R: TILE(R, CV); break;

/* A strip of CV vectors: as many whole tiles as fit, and one of what is left. */
INLINE void strip(const int CV, int64_t m, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B,
                  int64_t ldb, float *C, int64_t ldc, bool accumulate)
{
    for (; m >= MR; m -= MR) {
        TILE(MR, CV);
        A += MR * a_row;
        C += MR * ldc;
    }
    switch (m) {
        REST(1, CV) REST(2, CV) REST(3, CV) REST(4, CV) REST(5, CV)
#if MR > 6
        REST(6, CV) REST(7, CV) REST(8, CV) REST(9, CV) REST(10, CV) REST(11, CV)
#endif
    default: break;
    }
}

void V(gemm)(int64_t m, int64_t n, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B, int64_t ldb,
             float *C, int64_t ldc, bool accumulate)
{
    int64_t j = 0;
    for (; j + 2 * VN <= n; j += 2 * VN) strip(2, m, k, A, a_row, a_col, B + j, ldb, C + j, ldc, accumulate);
    for (; j < n; j += VN) strip(1, m, k, A, a_row, a_col, B + j, ldb, C + j, ldc, accumulate);
}

/* ---- small and odd products ----------------------------------------------------------------------------------------- */

enum { MB = 48, NB = 256, KB = 256 };

typedef struct Odd { const MatmulArgs *a; int64_t row_blocks; } Odd;

/* to [rows, padded cols] = the part of a strided array, zeros behind it */
static void gather(DType t, const void *p, int64_t at, int64_t rows, int64_t cols, int64_t row, int64_t col, float *to,
                   int64_t width)
{
    for (int64_t r = 0; r < rows; r++, at += row, to += width) {
        if (col == 1 && t == JIG_F32) memcpy(to, (const float *)p + at, sizeof(float) * (size_t)cols);
        else if (col == 1) bf16_widen(to, (const uint16_t *)p + at, cols);
        else
            for (int64_t c = 0; c < cols; c++) to[c] = value_at(t, p, at + c * col);
        for (int64_t c = cols; c < width; c++) to[c] = 0;
    }
}

static void finish_row(const MatmulArgs *a, const float *sums, int64_t at, int64_t first, int64_t n)
{
    int64_t col = a->sy[3];
    for (int64_t j = 0; j < n; j++, at += col) {
        float y = a->alpha * sums[j];
        if (a->bias) y += a->bias[first + j];
        if (a->r) y += value_at(a->ty, a->r, at);
        y = f_act(a->act, y);
        if (a->accumulate) y += value_at(a->ty, a->y, at);
        value_set(a->ty, a->y, at, y);
    }
}

static void odd_block(const MatmulArgs *a, int64_t at_a, int64_t at_b, int64_t at_y, int64_t rows)
{
    float *A = cpu_scratch(SCRATCH_OWN, sizeof(float) * (MB * KB + KB * NB + MB * NB)), *B = A + MB * KB, *C = B + KB * NB;
    for (int64_t j = 0; j < a->n; j += NB) {
        int64_t n = MIN(NB, a->n - j), width = (n + VN - 1) / VN * VN;
        memset(C, 0, sizeof(float) * (size_t)(rows * width));
        for (int64_t l = 0; l < a->k; l += KB) {
            int64_t k = MIN(KB, a->k - l);
            gather(a->ta, a->a, at_a + l * a->sa[3], rows, k, a->sa[2], a->sa[3], A, k);
            gather(a->tb, a->b, at_b + l * a->sb[2] + j * a->sb[3], k, n, a->sb[2], a->sb[3], B, width);
            V(gemm)(rows, width, k, A, k, 1, B, width, C, width, true);
        }
        for (int64_t r = 0; r < rows; r++) finish_row(a, C + r * width, at_y + r * a->sy[2] + j * a->sy[3], j, n);
    }
}

static void odd_blocks(void *ctx, int64_t from, int64_t to)
{
    const Odd *o = ctx;
    const MatmulArgs *a = o->a;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t row = unit % o->row_blocks * MB, b1 = unit / o->row_blocks % a->batch[1], b0 = unit / o->row_blocks / a->batch[1];
        odd_block(a, b0 * a->sa[0] + b1 * a->sa[1] + row * a->sa[2], b0 * a->sb[0] + b1 * a->sb[1],
                  b0 * a->sy[0] + b1 * a->sy[1] + row * a->sy[2], MIN(MB, a->m - row));
    }
}

void V(small_matmul)(const MatmulArgs *a)
{
    Odd o = {a, (a->m + MB - 1) / MB};
    int64_t units = a->batch[0] * a->batch[1] * o.row_blocks, work = MIN(MB, a->m) * a->n * MAX(a->k, 1);
    threads_for(units, 65536 / MAX(work, 1) + 1, odd_blocks, &o);
}
