/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: kernels that only move values: permute, copy_box, pad; and the table look-up of embeddings.
 */
#include "backend/ref/ref_internal.h"

#include <string.h>

static void split(Shape s, int64_t i, int64_t *at)
{
    for (int axis = s.n - 1; axis >= 0; axis--) {
        at[axis] = i % s.d[axis];
        i /= s.d[axis];
    }
}

static int64_t join(Shape s, const int64_t *at)
{
    int64_t i = 0;
    for (int axis = 0; axis < s.n; axis++) i = i * s.d[axis] + at[axis];
    return i;
}

void ref_permute(Tensor x, const int *axes, Tensor y)
{
    size_t size = dtype_size(x.type);
    for (int64_t i = 0; i < shape_count(y.shape); i++) {
        int64_t to[SHAPE_MAX], from[SHAPE_MAX];
        split(y.shape, i, to);
        for (int axis = 0; axis < y.shape.n; axis++) from[axes[axis]] = to[axis];
        memcpy((char *)y.data + (size_t)i * size, (const char *)x.data + (size_t)join(x.shape, from) * size, size);
    }
}

void ref_copy_box(Tensor x, const int64_t *at_x, Tensor y, const int64_t *at_y, const int64_t *box, bool add)
{
    Shape b = shape_make(x.shape.n, box);
    size_t size = dtype_size(x.type);
    for (int64_t i = 0; i < shape_count(b); i++) {
        int64_t at[SHAPE_MAX], from[SHAPE_MAX], to[SHAPE_MAX];
        split(b, i, at);
        for (int axis = 0; axis < b.n; axis++) {
            from[axis] = at_x[axis] + at[axis];
            to[axis] = at_y[axis] + at[axis];
        }
        int64_t ix = join(x.shape, from), iy = join(y.shape, to);
        if (add) ref_set(&y, iy, ref_at(&y, iy) + ref_at(&x, ix));
        else memcpy((char *)y.data + (size_t)iy * size, (const char *)x.data + (size_t)ix * size, size);
    }
}

/* Where padded position i (counted from the first real one) takes its value from; -1: zero. */
static int64_t source(int64_t i, int64_t n, Pad mode)
{
    if (i >= 0 && i < n) return i;
    if (mode == PAD_ZERO) return -1;
    if (mode == PAD_REPLICATE || n == 1) return i < 0 ? 0 : n - 1;
    int64_t period = 2 * (n - 1), r = (i % period + period) % period;
    return r < n ? r : period - r;
}

/* The element of x behind element i of y, or -1. */
static int64_t padded_from(Shape y, Shape x, const int64_t *lo, Pad mode, int64_t i)
{
    int64_t at[SHAPE_MAX];
    split(y, i, at);
    for (int axis = 0; axis < y.n; axis++) {
        at[axis] = source(at[axis] - lo[axis], x.d[axis], mode);
        if (at[axis] < 0) return -1;
    }
    return join(x, at);
}

void ref_pad(Tensor x, Tensor y, const int64_t *lo, Pad mode)
{
    for (int64_t i = 0; i < shape_count(y.shape); i++) {
        int64_t from = padded_from(y.shape, x.shape, lo, mode, i);
        ref_set(&y, i, from < 0 ? 0 : ref_at(&x, from));
    }
}

void ref_pad_grad(Tensor dy, Tensor dx, const int64_t *lo, Pad mode)
{
    float *sums = mem_zero(sizeof(float) * (size_t)MAX(shape_count(dx.shape), 1));
    for (int64_t i = 0; i < shape_count(dy.shape); i++) {
        int64_t from = padded_from(dy.shape, dx.shape, lo, mode, i);
        if (from >= 0) sums[from] += ref_at(&dy, i);
    }
    ref_store(sums, dx.type, dx.data, shape_count(dx.shape));
}

void ref_embedding(Tensor table, Tensor ids, Tensor y)
{
    int64_t D = table.shape.d[1];
    for (int64_t i = 0; i < shape_count(ids.shape); i++)
        for (int64_t c = 0; c < D; c++) ref_set(&y, i * D + c, ref_at(&table, ((const int32_t *)ids.data)[i] * D + c));
}

void ref_embedding_grad(Tensor ids, Tensor dy, Tensor dtable)
{
    int64_t D = dtable.shape.d[1];
    float *out = dtable.data;
    memset(out, 0, tensor_bytes(&dtable));
    for (int64_t i = 0; i < shape_count(ids.shape); i++)
        for (int64_t c = 0; c < D; c++) out[((const int32_t *)ids.data)[i] * D + c] += ref_at(&dy, i * D + c);
}
