/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_check: see the header. The table of tolerances:
 *
 *            f32     bf16
 *   EXACT    0       0       nothing is computed
 *   ELEMENT  4e-6    0.008   other polynomials for exp and tanh, other roundings; in bf16 both may round apart: 2^-7
 *   SUM      6e-5    0.01    up to some thousand terms in another order; f32 sums, rounded once
 *   ROUNDED  0.05    0.05    2^-9 relative error of each rounded operand, averaged by the sum; the largest of up to a
 *                            million results, some of them small differences
 */
#include "kernel_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const float tolerance[][2] = {
    [EXACT] = {0, 0}, [ELEMENT] = {4e-6f, 0.008f}, [SUM] = {6e-5f, 0.01f}, [ROUNDED] = {0.05f, 0.05f}};

const Kernels *ref, *cpu;
static Rng rng;
static uint64_t streams; /* one for each tensor; stream 0 is rng's */
static void *owned[4096];
static int owned_count;
static char description[300];

void check_seed(uint64_t seed)
{
    ref = &ref_kernels;
    cpu = cpu_kernels();
    rng = rng_make(seed, 0);
    streams = 0;
}

int64_t check_pick(int n, const int64_t *from)
{
    return from[rng_int(&rng, 0, n - 1)];
}

bool check_coin(void)
{
    return rng_chance(&rng, 0.5f);
}

static Tensor allocate(DType t, Shape s)
{
    Tensor x = {t, s, mem_alloc(MAX((size_t)shape_count(s), 1) * dtype_size(t))};
    assert_true(owned_count < (int)ARRAY_LEN(owned));
    owned[owned_count++] = x.data;
    return x;
}

Tensor check_random(DType t, Shape s, float scale)
{
    Tensor f = allocate(JIG_F32, s), x;
    int64_t n = shape_count(s);
    rng_fill_normal(f.data, (size_t)n, rng.seed, ++streams, 0);
    for (int64_t i = 0; i < n; i++) ((float *)f.data)[i] *= scale;
    if (t == JIG_F32) return f;
    x = allocate(t, s);
    tensor_convert(t, x.data, JIG_F32, f.data, n);
    return x;
}

Tensor check_like(Tensor t)
{
    Tensor x = allocate(t.type, t.shape);
    memset(x.data, 0x7b, tensor_bytes(&x)); /* a number, but a large one */
    return x;
}

Tensor check_copy(Tensor t)
{
    Tensor x = allocate(t.type, t.shape);
    memcpy(x.data, t.data, tensor_bytes(&x));
    return x;
}

void check_free_all(void)
{
    while (owned_count > 0) mem_free(owned[--owned_count]);
}

void check_case(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(description, sizeof description, fmt, args);
    va_end(args);
}

static float value(const Tensor *t, int64_t i)
{
    float x;
    tensor_convert(JIG_F32, &x, t->type, (const char *)t->data + (size_t)i * dtype_size(t->type), 1);
    return x;
}

void check_close(const char *what, Tensor expected, Tensor got, Closeness c)
{
    int64_t n = shape_count(expected.shape), worst = -1;
    double squares = 0, excess = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(value(&expected, i))) squares += pow(value(&expected, i), 2);
    double rms = n ? sqrt(squares / (double)n) : 0;
    if (c == ELEMENT) rms = fmax(rms, 0.1); /* a tensor of one element near 0 says nothing of the size of the inputs */
    double tol = tolerance[c][expected.type != JIG_F32];
    for (int64_t i = 0; i < n; i++) {
        double e = value(&expected, i), g = value(&got, i), over = fabs(e - g) - tol * (fabs(e) + rms);
        if (e == g || (isnan(e) && isnan(g))) continue;
        if (!(over <= excess)) {
            worst = i;
            excess = isnan(over) ? INFINITY : over;
        }
    }
    if (worst < 0) return;
    char buf[96];
    fail_msg("%s: %s %s [%lld]: expected %.9g, got %.9g (rms %.3g, allowed %g)", description, what,
             shape_text(expected.shape, buf), (long long)worst, value(&expected, worst), value(&got, worst), rms,
             tol * (fabs((double)value(&expected, worst)) + rms));
}
