/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: the kernel table of tensor/kernels.h as plain loops, one thread, no library. It is the oracle that other
 * backends are compared with: each function is the formula of the header, written down. Values are read as f32 whatever
 * their type, sums are f32 or wider, results are rounded once on writing.
 */
#ifndef JIG_REF_INTERNAL_H
#define JIG_REF_INTERNAL_H

#include "tensor/kernels.h"

static inline float ref_get(DType t, const void *p, int64_t i)
{
    return t == JIG_F32 ? ((const float *)p)[i] : bf16_to_f32(((const uint16_t *)p)[i]);
}

static inline void ref_put(DType t, void *p, int64_t i, float x)
{
    if (t == JIG_F32) ((float *)p)[i] = x;
    else ((uint16_t *)p)[i] = bf16_from_f32(x);
}

static inline float ref_at(const Tensor *t, int64_t i)
{
    return ref_get(t->type, t->data, i);
}

static inline void ref_set(const Tensor *t, int64_t i, float x)
{
    ref_put(t->type, t->data, i, x);
}

float *ref_floats(DType t, const void *p, int64_t n); /* an f32 copy; mem_free */
void   ref_store(float *values, DType t, void *p, int64_t n); /* writes the values and frees them */
int64_t ref_rows(const Tensor *t);                    /* product of all axes but the last */

float ref_act(Act f, float x);
float ref_act_grad(Act f, float x);

void ref_conv(const ConvArgs *a);
void ref_conv_grad_x(const ConvArgs *a);
void ref_conv_grad_w(const ConvArgs *a);
void ref_matmul(const MatmulArgs *a);

void ref_norm_stats(const NormArgs *a);
void ref_norm_apply(const NormArgs *a);
void ref_norm_grad_params(const NormArgs *a);
void ref_norm_grad_x(const NormArgs *a);

void ref_attention(const AttentionArgs *a);
void ref_attention_grad(const AttentionArgs *a);
void ref_linear_attention(const AttentionArgs *a);
void ref_linear_attention_grad(const AttentionArgs *a);
void ref_softmax(Tensor x, Tensor y, int64_t outer, int64_t N, int64_t inner, bool log);
void ref_softmax_grad(Tensor y, Tensor dy, Tensor dx, int64_t outer, int64_t N, int64_t inner, bool log);

void ref_unary(Act f, Tensor x, Tensor y);
void ref_unary_grad(Act f, Tensor x, Tensor dy, Tensor dx);
void ref_affine(Tensor x, float a, float b, Tensor y);
void ref_binary(Binary f, Tensor a, Tensor b, Tensor y);
void ref_reduce(Reduce f, Tensor x, Tensor y);
void ref_cast(Tensor x, Tensor y);
void ref_fill(Tensor y, float value);
void ref_permute(Tensor x, const int *axes, Tensor y);
void ref_copy_box(Tensor x, const int64_t *at_x, Tensor y, const int64_t *at_y, const int64_t *box, bool add);
void ref_pad(Tensor x, Tensor y, const int64_t *lo, Pad mode);
void ref_pad_grad(Tensor dy, Tensor dx, const int64_t *lo, Pad mode);

void ref_resize(Tensor x, Tensor y, Resize mode, bool align);
void ref_resize_grad(Tensor dy, Tensor dx, Resize mode, bool align);
void ref_pool(Tensor x, Tensor y, int size, int stride, int pad, bool max);
void ref_pool_grad(Tensor x, Tensor dy, Tensor dx, int size, int stride, int pad, bool max);
void ref_warp(const WarpArgs *a);
void ref_warp_grad_x(const WarpArgs *a);
void ref_warp_grad_grid(const WarpArgs *a);

void ref_embedding(Tensor table, Tensor ids, Tensor y);
void ref_embedding_grad(Tensor ids, Tensor dy, Tensor dtable);
void ref_rope(Tensor x, Tensor y, const float *angle, int64_t outer, int64_t N, int64_t inner, int heads, int dim,
              bool interleaved, float sign);
void ref_adamw(const AdamArgs *a);
void ref_ema(int64_t n, float *ema, const float *w, float decay);
double ref_sum_squares(int64_t n, const float *x);
void ref_normal(Tensor y, uint64_t seed, uint64_t stream, uint64_t position);

#endif
