/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: a small f32 product on one thread (V(gemm), the heart of attention), and products too small, too many or
 * too oddly strided for oneDNN (V(small_matmul)).
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

/* R rows by CV vectors of C; R and CV are constants after inlining. Rows are reached three at a time from one pointer,
 * which the processor's addressing (base, base + s, base + 2 s) does for nothing. */
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

/* ---- the same with operands rounded to bf16
 * --------------------------------------------------------------------------- */

#if defined __AVX512BF16__

/* The processor multiplies pairs of neighbours along k and adds both: operands are packed as [.., k / 2] pairs. */
enum { MC = 48, NC = 256, KC = 256 };
typedef uint32_t Pair2; /* bf16 of k in the low half, of k + 1 in the high one */

/* to [k / 2, width] = pairs of rows of x; an odd last row meets 0 */
static void pack_rows(const float *x, int64_t ldx, int64_t k, int64_t n, Pair2 *to, int64_t width)
{
    for (int64_t i = 0; i < k; i += 2, x += 2 * ldx, to += width)
        for (int64_t j = 0; j < n; j += VN) {
            __mmask16 some = n - j >= VN ? 0xffff : (__mmask16)((1u << (n - j)) - 1);
            __m512 low = _mm512_maskz_loadu_ps(some, x + j), high = _mm512_setzero_ps();
            if (i + 1 < k) high = _mm512_maskz_loadu_ps(some, x + ldx + j);
            __m512i l = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
            __m512i h = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));
            _mm512_mask_storeu_epi32(to + j, some, _mm512_or_si512(l, _mm512_slli_epi32(h, 16)));
        }
}

/* to [m, KC / 2] = pairs of neighbours in the rows of x */
static void pack_pairs(const float *x, int64_t ldx, int64_t m, int64_t k, Pair2 *to)
{
    for (int64_t i = 0; i < m; i++, x += ldx, to += KC / 2) {
        if (k & 1) to[k / 2] = 0;
        bf16_narrow((uint16_t *)to, x, k);
    }
}

INLINE void tile16(const int R, const int CV, int64_t k2, const Pair2 *A, int64_t a_row, int64_t a_col, const Pair2 *B,
                   int64_t ldb, float *C, int64_t ldc, bool accumulate)
{
    __m512 c[MR][2];
    const Pair2 *a[(MR + 2) / 3];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < CV; v++)
            c[r][v] = accumulate ? _mm512_loadu_ps(C + r * ldc + v * VN) : _mm512_setzero_ps();
    UNROLL for (int r = 0; r < R; r += 3) a[r / 3] = A + r * a_row;
    for (int64_t i = 0; i < k2; i++) {
        __m512bh b[2];
        UNROLL for (int v = 0; v < CV; v++) b[v] = (__m512bh)_mm512_loadu_si512(B + v * VN);
        UNROLL for (int r = 0; r < R; r++) {
            __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[r / 3][r % 3 * a_row]);
            UNROLL for (int v = 0; v < CV; v++) c[r][v] = _mm512_dpbf16_ps(c[r][v], x, b[v]);
        }
        UNROLL for (int r = 0; r < R; r += 3) a[r / 3] += a_col;
        B += ldb;
    }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < CV; v++) _mm512_storeu_ps(C + r * ldc + v * VN, c[r][v]);
}

#define TILE16(R, CV) tile16(R, CV, k2, A, a_row, a_col, B, ldb, C, ldc, accumulate)
#define REST16(R, CV) case R: TILE16(R, CV); break;

INLINE void strip16(const int CV, int64_t m, int64_t k2, const Pair2 *A, int64_t a_row, int64_t a_col, const Pair2 *B,
                    int64_t ldb, float *C, int64_t ldc, bool accumulate)
{
    for (; m >= MR; m -= MR) {
        TILE16(MR, CV);
        A += MR * a_row;
        C += MR * ldc;
    }
    switch (m) {
        REST16(1, CV) REST16(2, CV) REST16(3, CV) REST16(4, CV) REST16(5, CV) REST16(6, CV)
        REST16(7, CV) REST16(8, CV) REST16(9, CV) REST16(10, CV) REST16(11, CV)
    default: break;
    }
}

static void gemm16(int64_t m, int64_t n, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B,
                   int64_t ldb, float *C, int64_t ldc, bool accumulate)
{
    Pair2 *pa = cpu_scratch(SCRATCH_PACK, sizeof(Pair2) * (MC + NC) * KC / 2), *pb = pa + MC * KC / 2;
    bool turned = a_col != 1; /* then rows of A's transpose are neighbours */
    for (int64_t l = 0; l < k; l += KC)
        for (int64_t j = 0; j < n; j += NC) {
            int64_t kc = MIN(KC, k - l), nc = MIN(NC, n - j), k2 = (kc + 1) / 2;
            pack_rows(B + l * ldb + j, ldb, kc, nc, pb, nc);
            for (int64_t i = 0; i < m; i += MC) {
                int64_t mc = MIN(MC, m - i), v = 0;
                const float *from = A + i * a_row + l * a_col;
                if (turned) pack_rows(from, a_col, kc, mc, pa, MC);
                else pack_pairs(from, a_row, mc, kc, pa);
                int64_t row = turned ? 1 : KC / 2, col = turned ? MC : 1;
                float *to = C + i * ldc + j;
                for (; v + 2 * VN <= nc; v += 2 * VN)
                    strip16(2, mc, k2, pa, row, col, pb + v, nc, to + v, ldc, accumulate || l > 0);
                for (; v < nc; v += VN) strip16(1, mc, k2, pa, row, col, pb + v, nc, to + v, ldc, accumulate || l > 0);
            }
        }
}
#endif

void V(product)(DType t, int64_t m, int64_t n, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B,
                int64_t ldb, float *C, int64_t ldc, bool accumulate)
{
#if defined __AVX512BF16__
    if (t == JIG_BF16 && (a_row == 1 || a_col == 1) && k > 1) {
        gemm16(m, n, k, A, a_row, a_col, B, ldb, C, ldc, accumulate);
        return;
    }
#endif
    V(gemm)(m, n, k, A, a_row, a_col, B, ldb, C, ldc, accumulate);
}

/* ---- small and odd products -------------------------------------------------------------------------------------- */

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
    float *A = cpu_scratch(SCRATCH_OWN, sizeof(float) * (MB * KB + KB * NB + MB * NB)), *B = A + MB * KB,
          *C = B + KB * NB;
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
        int64_t row = unit % o->row_blocks * MB, b1 = unit / o->row_blocks % a->batch[1],
                b0 = unit / o->row_blocks / a->batch[1];
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
