/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: activations, elementwise maps, broadcasting pairs, reductions, casts.
 */
#include "backend/ref/ref_internal.h"

#include <math.h>

#define LEAKY_SLOPE 0.1f
#define SQRT_2_OVER_PI 0.7978845608028654f
#define SQRT_HALF 0.7071067811865476f
#define INV_SQRT_2PI 0.3989422804014327f

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* tanh form of GELU: x/2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3) */
static float gelu_u(float x)
{
    return SQRT_2_OVER_PI * (x + 0.044715f * x * x * x);
}

float ref_act(Act f, float x)
{
    switch (f) {
    case ACT_NONE: return x;
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_LEAKY_RELU: return x > 0 ? x : LEAKY_SLOPE * x;
    case ACT_SILU: return x * sigmoid(x);
    case ACT_GELU_ERF: return 0.5f * x * (1 + erff(x * SQRT_HALF));
    case ACT_GELU_TANH: return x * sigmoid(2 * gelu_u(x));
    case ACT_QUICK_GELU: return x * sigmoid(1.702f * x);
    case ACT_SIGMOID: return sigmoid(x);
    case ACT_TANH: return tanhf(x);
    case ACT_SOFTPLUS: return fmaxf(x, 0) + log1pf(expf(-fabsf(x)));
    case ACT_EXP: return expf(x);
    case ACT_LOG: return logf(x);
    case ACT_SQRT: return sqrtf(x);
    case ACT_RSQRT: return 1 / sqrtf(x);
    case ACT_SQUARE: return x * x;
    case ACT_ABS: return fabsf(x);
    case ACT_SIN: return sinf(x);
    case ACT_COS: return cosf(x);
    default: return x;
    }
}

float ref_act_grad(Act f, float x)
{
    float s, t;
    switch (f) {
    case ACT_NONE: return 1;
    case ACT_RELU: return x > 0 ? 1 : 0;
    case ACT_LEAKY_RELU: return x > 0 ? 1 : LEAKY_SLOPE;
    case ACT_SILU: s = sigmoid(x); return s * (1 + x * (1 - s));
    case ACT_GELU_ERF: return 0.5f * (1 + erff(x * SQRT_HALF)) + x * INV_SQRT_2PI * expf(-0.5f * x * x);
    case ACT_GELU_TANH:
        s = sigmoid(2 * gelu_u(x));
        return s + x * s * (1 - s) * 2 * SQRT_2_OVER_PI * (1 + 3 * 0.044715f * x * x);
    case ACT_QUICK_GELU: s = sigmoid(1.702f * x); return s * (1 + 1.702f * x * (1 - s));
    case ACT_SIGMOID: s = sigmoid(x); return s * (1 - s);
    case ACT_TANH: t = tanhf(x); return 1 - t * t;
    case ACT_SOFTPLUS: return sigmoid(x);
    case ACT_EXP: return expf(x);
    case ACT_LOG: return 1 / x;
    case ACT_SQRT: return 0.5f / sqrtf(x);
    case ACT_RSQRT: return -0.5f / (x * sqrtf(x));
    case ACT_SQUARE: return 2 * x;
    case ACT_ABS: return x > 0 ? 1 : x < 0 ? -1 : 0;
    case ACT_SIN: return cosf(x);
    case ACT_COS: return -sinf(x);
    default: return 1;
    }
}

void ref_unary(Act f, Tensor x, Tensor y)
{
    for (int64_t i = 0; i < shape_count(x.shape); i++) ref_set(&y, i, ref_act(f, ref_at(&x, i)));
}

void ref_unary_grad(Act f, Tensor x, Tensor dy, Tensor dx)
{
    for (int64_t i = 0; i < shape_count(x.shape); i++) ref_set(&dx, i, ref_at(&dy, i) * ref_act_grad(f, ref_at(&x, i)));
}

void ref_affine(Tensor x, float a, float b, Tensor y)
{
    for (int64_t i = 0; i < shape_count(x.shape); i++) ref_set(&y, i, a * ref_at(&x, i) + b);
}

static float pair(Binary f, float a, float b)
{
    switch (f) {
    case BIN_ADD: return a + b;
    case BIN_SUB: return a - b;
    case BIN_MUL: return a * b;
    case BIN_DIV: return a / b;
    case BIN_MAX: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

/* Where element i of shape `big` lies in a tensor whose axes are equal or 1. */
static int64_t folded(Shape big, Shape small, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int axis = big.n - 1; axis >= 0; axis--) {
        if (small.d[axis] != 1) at += i % big.d[axis] * step;
        step *= small.d[axis];
        i /= big.d[axis];
    }
    return at;
}

void ref_binary(Binary f, Tensor a, Tensor b, Tensor y)
{
    for (int64_t i = 0; i < shape_count(y.shape); i++)
        ref_set(&y, i, pair(f, ref_at(&a, folded(y.shape, a.shape, i)), ref_at(&b, folded(y.shape, b.shape, i))));
}

void ref_reduce(Reduce f, Tensor x, Tensor y)
{
    int64_t n = shape_count(y.shape), count = shape_count(x.shape);
    double *sums = mem_alloc(sizeof *sums * (size_t)MAX(n, 1));
    for (int64_t i = 0; i < n; i++) sums[i] = f == RED_MAX ? -INFINITY : 0;
    for (int64_t i = 0; i < count; i++) {
        double *s = &sums[folded(x.shape, y.shape, i)], v = ref_at(&x, i);
        *s = f == RED_MAX ? fmax(*s, v) : *s + v;
    }
    for (int64_t i = 0; i < n; i++) ref_set(&y, i, (float)(f == RED_MEAN ? sums[i] * n / count : sums[i]));
    mem_free(sums);
}

void ref_cast(Tensor x, Tensor y)
{
    tensor_convert(y.type, y.data, x.type, x.data, shape_count(x.shape));
}

void ref_fill(Tensor y, float value)
{
    for (int64_t i = 0; i < shape_count(y.shape); i++)
        tensor_convert(y.type, (char *)y.data + i * (int64_t)dtype_size(y.type), JIG_F32, &value, 1);
}
