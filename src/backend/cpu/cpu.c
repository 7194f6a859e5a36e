/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu: the table of the fast backend.
 */
#include "backend/ref/ref_internal.h"

DType cpu_fast_type(void)
{
    return JIG_F32;
}

static size_t scratch_bytes(void)
{
    return 0;
}

const Kernels cpu_kernels = {
    .conv = ref_conv,
    .conv_grad_x = ref_conv_grad_x,
    .conv_grad_w = ref_conv_grad_w,
    .matmul = ref_matmul,
    .norm_stats = ref_norm_stats,
    .norm_apply = ref_norm_apply,
    .norm_grad_params = ref_norm_grad_params,
    .norm_grad_x = ref_norm_grad_x,
    .attention = ref_attention,
    .attention_grad = ref_attention_grad,
    .linear_attention = ref_linear_attention,
    .linear_attention_grad = ref_linear_attention_grad,
    .softmax = ref_softmax,
    .softmax_grad = ref_softmax_grad,
    .unary = ref_unary,
    .unary_grad = ref_unary_grad,
    .affine = ref_affine,
    .binary = ref_binary,
    .reduce = ref_reduce,
    .cast = ref_cast,
    .fill = ref_fill,
    .permute = ref_permute,
    .copy_box = ref_copy_box,
    .pad = ref_pad,
    .pad_grad = ref_pad_grad,
    .resize = ref_resize,
    .resize_grad = ref_resize_grad,
    .pool = ref_pool,
    .pool_grad = ref_pool_grad,
    .warp = ref_warp,
    .warp_grad_x = ref_warp_grad_x,
    .warp_grad_grid = ref_warp_grad_grid,
    .embedding = ref_embedding,
    .embedding_grad = ref_embedding_grad,
    .rope = ref_rope,
    .adamw = ref_adamw,
    .ema = ref_ema,
    .sum_squares = ref_sum_squares,
    .normal = ref_normal,
    .scratch_bytes = scratch_bytes,
};
