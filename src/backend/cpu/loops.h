/* SPDX-License-Identifier: Apache-2.0
 *
 * loops: the own kernels of the cpu backend. Every loops_*.c is compiled once for each instruction set, with CPU_ISA
 * set to its name; V(name) is the function of this set. loops_table.c gathers them.
 */
#ifndef JIG_LOOPS_H
#define JIG_LOOPS_H

#include "backend/cpu/cpu_internal.h"

#define V_JOIN2(name, isa) cpu_##name##_##isa
#define V_JOIN(name, isa) V_JOIN2(name, isa)
#define V(name) V_JOIN(name, CPU_ISA)

void V(norm_stats)(const NormArgs *a);
void V(norm_apply)(const NormArgs *a);
void V(norm_grad_params)(const NormArgs *a);
void V(norm_grad_x)(const NormArgs *a);

void V(attention)(const AttentionArgs *a);
void V(attention_grad)(const AttentionArgs *a);
void V(linear_attention)(const AttentionArgs *a);
void V(linear_attention_grad)(const AttentionArgs *a);
void V(softmax)(Tensor x, Tensor y, int64_t outer, int64_t N, int64_t inner, bool log);
void V(softmax_grad)(Tensor y, Tensor dy, Tensor dx, int64_t outer, int64_t N, int64_t inner, bool log);

void V(unary)(Act f, Tensor x, Tensor y);
void V(unary_grad)(Act f, Tensor x, Tensor dy, Tensor dx);
void V(affine)(Tensor x, float a, float b, Tensor y);
void V(binary)(Binary f, Tensor a, Tensor b, Tensor y);
void V(reduce)(Reduce f, Tensor x, Tensor y);
void V(cast)(Tensor x, Tensor y);
void V(fill)(Tensor y, float value);
void V(permute)(Tensor x, const int *axes, Tensor y);
void V(copy_box)(Tensor x, const int64_t *at_x, Tensor y, const int64_t *at_y, const int64_t *box, bool add);
void V(pad)(Tensor x, Tensor y, const int64_t *lo, Pad mode);
void V(pad_grad)(Tensor dy, Tensor dx, const int64_t *lo, Pad mode);

void V(resize)(Tensor x, Tensor y, Resize mode, bool align);
void V(resize_grad)(Tensor dy, Tensor dx, Resize mode, bool align);
void V(pool)(Tensor x, Tensor y, int size, int stride, int pad, bool max);
void V(pool_grad)(Tensor x, Tensor dy, Tensor dx, int size, int stride, int pad, bool max);
void V(warp)(const WarpArgs *a);
void V(warp_grad_x)(const WarpArgs *a);
void V(warp_grad_grid)(const WarpArgs *a);

void V(embedding)(Tensor table, Tensor ids, Tensor y);
void V(embedding_grad)(Tensor ids, Tensor dy, Tensor dtable);
void V(rope)(Tensor x, Tensor y, const float *angle, int64_t outer, int64_t N, int64_t inner, int heads, int dim,
             bool interleaved, float sign);
void V(adamw)(const AdamArgs *a);
void V(ema)(int64_t n, float *ema, const float *w, float decay);
double V(sum_squares)(int64_t n, const float *x);
void V(normal)(Tensor y, uint64_t seed, uint64_t stream, uint64_t position);

void V(convert)(DType to, void *out, DType from, const void *in, int64_t n);
void V(finish)(Tensor y, const float *bias, const void *r, Act act);
void V(column_sums)(Tensor x, float *sums);
void V(small_matmul)(const MatmulArgs *a);

/* C [m, n] (+)= A B on one thread. A[i, k] at i*a_row + k*a_col; B and C row-major; n a multiple of VN (vec.h). */
void V(gemm)(int64_t m, int64_t n, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B, int64_t ldb,
             float *C, int64_t ldc, bool accumulate);
/* The same; with t bf16 the operands may be rounded to it, where the processor is faster then. One of a_row, a_col
 * is 1. */
void V(product)(DType t, int64_t m, int64_t n, int64_t k, const float *A, int64_t a_row, int64_t a_col, const float *B,
                int64_t ldb, float *C, int64_t ldc, bool accumulate);
/* rows of an array: the rows x C of all axes but the last */
int64_t V(rows)(const Tensor *t);

#endif
