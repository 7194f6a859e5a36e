/* SPDX-License-Identifier: Apache-2.0
 *
 * vec: what the loops files share: vectors of the instruction set they are compiled for, rows of f32 or bf16, and the
 * mathematical functions in forms that compilers vectorise.
 *
 * Rows: kernels work on pieces of at most CHUNK elements in f32. A bf16 piece is converted to and from a small buffer
 * that stays in the first-level cache; an f32 piece is used where it lies.
 */
#ifndef JIG_VEC_H
#define JIG_VEC_H

#include "tensor/kernels.h"

#include <math.h>
#include <string.h>
#if defined __AVX512F__
#include <immintrin.h>
#endif

#if defined __AVX512F__
#define VBYTES 64
#elif defined __AVX2__
#define VBYTES 32
#else
#define VBYTES 16
#endif
#define VN (VBYTES / 4) /* f32 in a vector */
#define INLINE static inline __attribute__((always_inline))
#define SIMD _Pragma("omp simd")

typedef float Vec __attribute__((vector_size(VBYTES)));
typedef float VecAt __attribute__((vector_size(VBYTES), aligned(4), may_alias)); /* in memory, anywhere */

INLINE Vec v_load(const float *p)
{
    return *(const VecAt *)p;
}

INLINE void v_store(float *p, Vec v)
{
    *(VecAt *)p = v;
}

INLINE Vec v_all(float x)
{
    return x - (Vec){0};
}

/* Sum and maximum of a vector's lanes, in halves: a fixed order, and few steps. */
INLINE float lanes_sum(Vec v)
{
#if defined __AVX512F__
    return _mm512_reduce_add_ps((__m512)v);
#else
    float x[VN];
    memcpy(x, &v, sizeof x);
    for (int s = VN / 2; s > 0; s /= 2)
        for (int i = 0; i < s; i++) x[i] += x[i + s];
    return x[0];
#endif
}

INLINE float lanes_max(Vec v)
{
#if defined __AVX512F__
    return _mm512_reduce_max_ps((__m512)v);
#else
    float x[VN];
    memcpy(x, &v, sizeof x);
    for (int s = VN / 2; s > 0; s /= 2)
        for (int i = 0; i < s; i++) x[i] = x[i + s] > x[i] ? x[i + s] : x[i];
    return x[0];
#endif
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

#define CHUNK 1024

INLINE float bf16_value(uint16_t h)
{
    union { uint32_t u; float f; } v = {.u = (uint32_t)h << 16};
    return v.f;
}

/* Round to nearest even. A NaN stays one, by the select: rounding could carry it into the sign. */
INLINE uint16_t bf16_bits(float x)
{
    union { float f; uint32_t u; } v = {.f = x};
    uint32_t rounded = (v.u + 0x7fff + ((v.u >> 16) & 1)) >> 16;
    return (uint16_t)(x != x ? 0x7fc0 : rounded);
}

INLINE float value_at(DType t, const void *p, int64_t i)
{
    return t == JIG_F32 ? ((const float *)p)[i] : bf16_value(((const uint16_t *)p)[i]);
}

INLINE void value_set(DType t, void *p, int64_t i, float x)
{
    if (t == JIG_F32) ((float *)p)[i] = x;
    else ((uint16_t *)p)[i] = bf16_bits(x);
}

static inline void bf16_widen(float *out, const uint16_t *in, int64_t n)
{
    SIMD for (int64_t i = 0; i < n; i++) out[i] = bf16_value(in[i]);
}

static inline void bf16_narrow(uint16_t *out, const float *in, int64_t n)
{
    int64_t i = 0;
#if defined __AVX512BF16__
    for (; i + 32 <= n; i += 32) {
        __m512bh h = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(in + i + 16), _mm512_loadu_ps(in + i));
        memcpy(out + i, &h, 64);
    }
#endif
    SIMD for (int64_t j = i; j < n; j++) out[j] = bf16_bits(in[j]);
}

/* n elements from index `at` on as f32: where they lie, or in buf. */
INLINE const float *row_in(DType t, const void *p, int64_t at, int64_t n, float *buf)
{
    if (t == JIG_F32) return (const float *)p + at;
    bf16_widen(buf, (const uint16_t *)p + at, n);
    return buf;
}

/* Where to write n elements that belong at index `at`; row_out brings them there. */
INLINE float *row_for(DType t, void *p, int64_t at, float *buf)
{
    return t == JIG_F32 ? (float *)p + at : buf;
}

INLINE void row_out(DType t, void *p, int64_t at, int64_t n, const float *buf)
{
    if (t == JIG_BF16) bf16_narrow((uint16_t *)p + at, buf, n);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

#define LEAKY_SLOPE 0.1f
#define SQRT_2_OVER_PI 0.7978845608028654f
#define SQRT_HALF 0.7071067811865476f
#define INV_SQRT_2PI 0.3989422804014327f

/* exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2, exp(r) by its Taylor polynomial of degree 7: relative
 * error below 1e-7. Results below 1.7e-38 are 0; above the range infinity; NaN stays. */
INLINE float f_exp(float x)
{
    x = x < -87.3f ? -87.3f : x;
    x = x > 89.0f ? 89.0f : x;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it leaves a rounded integer in the low bits */
    float t = x * 1.44269504f + magic, k = t - magic;
    float r = x - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    float p = 1.98412698e-4f;
    p = p * r + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    union { float f; uint32_t u; } v = {.f = t};
    v.u = (v.u - 0x4b400000u + 126u) << 23; /* 2^(k-1), so that k = 128 still has a float */
    return p * v.f * 2.0f;
}

INLINE float f_sigmoid(float x)
{
    return 1.0f / (1.0f + f_exp(-x));
}

/* By its odd polynomial (Cephes) near 0, by exp elsewhere: relative error below 2e-7. */
INLINE float f_tanh(float x)
{
    float a = fabsf(x), z = x * x, e = f_exp(-2.0f * a), far = (1.0f - e) / (1.0f + e);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    return a < 0.625f ? x + x * z * p : copysignf(far, x);
}

/* Abramowitz & Stegun 7.1.26: absolute error below 6e-7, which is what GELU needs. */
INLINE float f_erf(float x)
{
    float a = fabsf(x), t = 1.0f / (1.0f + 0.3275911f * a);
    float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
    return copysignf(1.0f - p * f_exp(-a * a), x);
}

/* log(x) for normal x > 0 (Cephes' polynomial on [sqrt(1/2), sqrt(2)]): relative error below 1e-7. */
INLINE float f_log(float x)
{
    union { float f; uint32_t u; } v = {.f = x};
    uint32_t shifted = v.u - 0x3f3504f3u; /* of sqrt(1/2) */
    float k = (float)((int32_t)shifted >> 23);
    v.u = (shifted & 0x7fffffu) + 0x3f3504f3u;
    float r = v.f - 1.0f, z = r * r;
    float p = 7.0376836292e-2f;
    p = p * r - 1.1514610310e-1f;
    p = p * r + 1.1676998740e-1f;
    p = p * r - 1.2420140846e-1f;
    p = p * r + 1.4249322787e-1f;
    p = p * r - 1.6668057665e-1f;
    p = p * r + 2.0000714765e-1f;
    p = p * r - 2.4999993993e-1f;
    p = p * r + 3.3333331174e-1f;
    float y = p * r * z - k * 2.12194440e-4f - 0.5f * z;
    return r + y + k * 0.693359375f;
}

/* log(1 + e) for 0 <= e <= 1: the ratio makes up for what 1 + e lost by rounding. */
INLINE float f_log1p(float e)
{
    float u = 1.0f + e, lost = u - 1.0f;
    return lost > 0.0f ? f_log(u) * (e / lost) : e;
}

INLINE float f_gelu_u(float x)
{
    return SQRT_2_OVER_PI * (x + 0.044715f * x * x * x);
}

/* The activations of norms and products; the rest of Act is only met by the unary kernels. */
INLINE float f_act(Act f, float x)
{
    switch (f) {
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_LEAKY_RELU: return x > 0 ? x : LEAKY_SLOPE * x;
    case ACT_SILU: return x * f_sigmoid(x);
    case ACT_GELU_ERF: return 0.5f * x * (1 + f_erf(x * SQRT_HALF));
    case ACT_GELU_TANH: return x * f_sigmoid(2 * f_gelu_u(x)); /* (1 + tanh u) / 2, without its cancellation */
    case ACT_QUICK_GELU: return x * f_sigmoid(1.702f * x);
    case ACT_SIGMOID: return f_sigmoid(x);
    case ACT_TANH: return f_tanh(x);
    case ACT_SOFTPLUS: return (x > 0 ? x : 0) + f_log1p(f_exp(-fabsf(x)));
    case ACT_EXP: return f_exp(x);
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

INLINE float f_act_grad(Act f, float x)
{
    float s, t;
    switch (f) {
    case ACT_RELU: return x > 0 ? 1 : 0;
    case ACT_LEAKY_RELU: return x > 0 ? 1 : LEAKY_SLOPE;
    case ACT_SILU: s = f_sigmoid(x); return s * (1 + x * (1 - s));
    case ACT_GELU_ERF: return 0.5f * (1 + f_erf(x * SQRT_HALF)) + x * INV_SQRT_2PI * f_exp(-0.5f * x * x);
    case ACT_GELU_TANH:
        s = f_sigmoid(2 * f_gelu_u(x));
        return s + x * s * (1 - s) * 2 * SQRT_2_OVER_PI * (1 + 3 * 0.044715f * x * x);
    case ACT_QUICK_GELU: s = f_sigmoid(1.702f * x); return s * (1 + 1.702f * x * (1 - s));
    case ACT_SIGMOID: s = f_sigmoid(x); return s * (1 - s);
    case ACT_TANH: t = f_tanh(x); return 1 - t * t;
    case ACT_SOFTPLUS: return f_sigmoid(x);
    case ACT_EXP: return f_exp(x);
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

/* Runs LOOP once with the constant name F for each activation: the compiler makes one vector loop of each. */
#define EACH_ACT(f, LOOP) \
    switch (f) { \
    case ACT_RELU: { LOOP(ACT_RELU) } break; \
    case ACT_LEAKY_RELU: { LOOP(ACT_LEAKY_RELU) } break; \
    case ACT_SILU: { LOOP(ACT_SILU) } break; \
    case ACT_GELU_ERF: { LOOP(ACT_GELU_ERF) } break; \
    case ACT_GELU_TANH: { LOOP(ACT_GELU_TANH) } break; \
    case ACT_QUICK_GELU: { LOOP(ACT_QUICK_GELU) } break; \
    case ACT_SIGMOID: { LOOP(ACT_SIGMOID) } break; \
    case ACT_TANH: { LOOP(ACT_TANH) } break; \
    case ACT_SOFTPLUS: { LOOP(ACT_SOFTPLUS) } break; \
    case ACT_EXP: { LOOP(ACT_EXP) } break; \
    case ACT_LOG: { LOOP(ACT_LOG) } break; \
    case ACT_SQRT: { LOOP(ACT_SQRT) } break; \
    case ACT_RSQRT: { LOOP(ACT_RSQRT) } break; \
    case ACT_SQUARE: { LOOP(ACT_SQUARE) } break; \
    case ACT_ABS: { LOOP(ACT_ABS) } break; \
    case ACT_SIN: { LOOP(ACT_SIN) } break; \
    case ACT_COS: { LOOP(ACT_COS) } break; \
    default: { LOOP(ACT_NONE) } break; \
    }

/* Only those that the norm kernels know. */
#define EACH_NORM_ACT(f, LOOP) \
    switch (f) { \
    case ACT_RELU: { LOOP(ACT_RELU) } break; \
    case ACT_LEAKY_RELU: { LOOP(ACT_LEAKY_RELU) } break; \
    case ACT_SILU: { LOOP(ACT_SILU) } break; \
    default: { LOOP(ACT_NONE) } break; \
    }

#endif
