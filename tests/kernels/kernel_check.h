/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_check: runs a kernel on `ref` and on `cpu` with the same inputs and compares the results.
 *
 * The same programs run several times with ONEDNN_MAX_CPU_ISA set lower and lower (meson.build), so that the loops of
 * every instruction set and both ways of doing bf16 are met.
 */
#ifndef KERNEL_CHECK_H
#define KERNEL_CHECK_H

#include "tensor/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* How far a result may lie from the oracle's, as a part of (|value| + root mean square of the tensor). */
typedef enum Closeness {
    EXACT,    /* values are only moved */
    ELEMENT,  /* one formula for each element, no sums */
    SUM,      /* sums in another order */
    ROUNDED   /* the fast backend rounds an intermediate to bf16: weights, or a result before its activation */
} Closeness;

extern const Kernels *ref, *cpu;

void   check_seed(uint64_t seed);
int64_t check_pick(int n, const int64_t *from);      /* one of the numbers */
#define PICK(...) check_pick(SHAPE_COUNT(__VA_ARGS__), (const int64_t[]){__VA_ARGS__})
bool   check_coin(void);

Tensor check_random(DType t, Shape s, float scale);  /* normal numbers; freed by check_free_all */
Tensor check_like(Tensor t); /* same type and shape, filled with a pattern that no kernel writes */
Tensor check_copy(Tensor t);
void   check_free_all(void);

void check_close(const char *what, Tensor expected, Tensor got, Closeness c);
/* The message of a failure begins with this description of the case. */
void check_case(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
