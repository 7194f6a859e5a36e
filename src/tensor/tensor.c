/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor: shapes, element types and the conversions between them.
 *
 * bf16 is the upper half of an f32, rounded to nearest even; f16 is IEEE binary16 with subnormals. NaN stays NaN in
 * every float conversion; integers from floats are truncated and saturated, NaN becomes 0.
 */
#include "tensor/tensor.h"

#include <assert.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

Shape shape_make(int n, const int64_t *d)
{
    assert(n >= 0 && n <= SHAPE_MAX);
    Shape s = {.n = n};
    for (int i = 0; i < n; i++) s.d[i] = d[i];
    return s;
}

int64_t shape_count(Shape s)
{
    int64_t count = 1;
    for (int i = 0; i < s.n; i++) count *= s.d[i];
    return count;
}

bool shape_equal(Shape a, Shape b)
{
    if (a.n != b.n) return false;
    for (int i = 0; i < a.n; i++)
        if (a.d[i] != b.d[i]) return false;
    return true;
}

const char *shape_text(Shape s, char buf[96])
{
    size_t at = 0, cap = 96;
    buf[at++] = '[';
    for (int i = 0; i < s.n && at < cap - 2; i++) {
        int n = snprintf(buf + at, cap - at - 1, i ? ", %lld" : "%lld", (long long)s.d[i]);
        at = MIN(at + (size_t)n, cap - 2);
    }
    buf[at++] = ']';
    buf[at] = 0;
    return buf;
}

/* ---- element types ----------------------------------------------------------------------------------------------- */

static const struct { const char *name; size_t size; } types[JIG_DTYPES] = {
    [JIG_F32] = {"F32", 4}, [JIG_BF16] = {"BF16", 2}, [JIG_F16] = {"F16", 2},
    [JIG_I32] = {"I32", 4}, [JIG_I64] = {"I64", 8},   [JIG_U8] = {"U8", 1},
};

size_t dtype_size(DType t)
{
    assert(t >= 0 && t < JIG_DTYPES);
    return types[t].size;
}

const char *dtype_name(DType t)
{
    assert(t >= 0 && t < JIG_DTYPES);
    return types[t].name;
}

size_t tensor_bytes(const Tensor *t)
{
    return (size_t)shape_count(t->shape) * dtype_size(t->type);
}

/* ---- single values ----------------------------------------------------------------------------------------------- */

static uint32_t bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

static float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, 4);
    return x;
}

uint16_t bf16_from_f32(float x)
{
    uint32_t u = bits(x);
    uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    uint32_t nan = (u >> 16) | 0x40; /* quiet: rounding could carry a NaN's mantissa away */
    return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

float bf16_to_f32(uint16_t x)
{
    return from_bits((uint32_t)x << 16);
}

float f16_to_f32(uint16_t x)
{
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, rest = x & 0x7fff;
    if (rest >= 0x7c00) return from_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13); /* infinity, NaN */
    /* The exponent field is moved 112 places by a product, which also turns subnormals into normal numbers. */
    return from_bits(sign | bits(from_bits(rest << 13) * 0x1p112f));
}

uint16_t f16_from_f32(float x)
{
    uint32_t u = bits(x), sign = (u >> 16) & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | ((rest >> 13) & 0x3ff)); /* NaN */
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00);                         /* rounds beyond 65504 */
    if (rest < 0x38800000) /* subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the lowest bits */
        return (uint16_t)(sign | (bits(from_bits(rest) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((rest + 0xfff + ((rest >> 13) & 1) - 0x38000000) >> 13));
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

/* Data of mapped files may begin anywhere, so nothing here is read or written through an aligned pointer. */
static double get(DType t, const char *p)
{
    uint16_t h;
    float f;
    int32_t i;
    int64_t l;
    switch (t) {
    case JIG_F32: memcpy(&f, p, 4); return f;
    case JIG_BF16: memcpy(&h, p, 2); return bf16_to_f32(h);
    case JIG_F16: memcpy(&h, p, 2); return f16_to_f32(h);
    case JIG_I32: memcpy(&i, p, 4); return i;
    case JIG_I64: memcpy(&l, p, 8); return (double)l;
    default: return *(const uint8_t *)p;
    }
}

static int64_t saturate(double x, double lo, double hi)
{
    return x != x ? 0 : x <= lo ? (int64_t)lo : x >= hi ? (hi >= 0x1p63 ? INT64_MAX : (int64_t)hi) : (int64_t)x;
}

static void put(DType t, char *p, double x)
{
    uint16_t h;
    float f = (float)x;
    int32_t i;
    int64_t l;
    switch (t) {
    case JIG_F32: memcpy(p, &f, 4); break;
    case JIG_BF16: h = bf16_from_f32(f); memcpy(p, &h, 2); break;
    case JIG_F16: h = f16_from_f32(f); memcpy(p, &h, 2); break;
    case JIG_I32: i = (int32_t)saturate(x, INT32_MIN, INT32_MAX); memcpy(p, &i, 4); break;
    case JIG_I64: l = saturate(x, -0x1p63, 0x1p63); memcpy(p, &l, 8); break;
    default: *(uint8_t *)p = (uint8_t)saturate(x, 0, 255); break;
    }
}

void tensor_convert(DType to, void *out, DType from, const void *in, int64_t n)
{
    const char *src = in;
    char *dst = out;
    if (to == from) {
        if (n > 0) memcpy(out, in, (size_t)n * dtype_size(to));
    } else if (to == JIG_F32 && from == JIG_BF16) { /* the two common ones are loops the compiler vectorises */
        for (int64_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, src + 2 * i, 2);
            uint32_t u = (uint32_t)h << 16;
            memcpy(dst + 4 * i, &u, 4);
        }
    } else if (to == JIG_BF16 && from == JIG_F32) {
        for (int64_t i = 0; i < n; i++) {
            float x;
            memcpy(&x, src + 4 * i, 4);
            uint16_t h = bf16_from_f32(x);
            memcpy(dst + 2 * i, &h, 2);
        }
    } else if (to == JIG_I32 && from == JIG_I64) {
        for (int64_t i = 0; i < n; i++) {
            int64_t l;
            memcpy(&l, src + 8 * i, 8);
            int32_t v = (int32_t)CLAMP(l, INT32_MIN, INT32_MAX);
            memcpy(dst + 4 * i, &v, 4);
        }
    } else {
        for (int64_t i = 0; i < n; i++)
            put(to, dst + i * (int64_t)dtype_size(to), get(from, src + i * (int64_t)dtype_size(from)));
    }
}
