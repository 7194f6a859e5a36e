/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu: the fast backend. Convolutions and products are oneDNN's (cpu_conv.c, cpu_matmul.c); everything else is own
 * threaded loops (loops_*.c), which are compiled once for each instruction set and chosen at run time (cpu.c).
 */
#ifndef JIG_CPU_INTERNAL_H
#define JIG_CPU_INTERNAL_H

#include "tensor/kernels.h"

/* ---- working memory: a few blocks for each calling thread, which grow and are kept
 * ----------------------------------- */
typedef enum Scratch {
    SCRATCH_DNNL,    /* oneDNN's scratchpads */
    SCRATCH_WEIGHTS, /* weights packed for one call */
    SCRATCH_A,       /* converted operands and results */
    SCRATCH_B,
    SCRATCH_Y,
    SCRATCH_SHARED,  /* of a kernel, shared by its threads */
    SCRATCH_OWN,     /* of a kernel, of one thread */
    SCRATCH_PACK,    /* of a product within it */
    SCRATCH_COUNT
} Scratch;
void  *cpu_scratch(Scratch which, size_t bytes); /* 64-byte aligned, valid until the next call with this `which` */
size_t cpu_scratch_bytes(void);

/* ---- own loops, one set for each instruction set ----------------------------------------------------------------- */
typedef struct Loops {
    Kernels kernels; /* the whole table; conv and matmul are those below in every set */
    void (*convert)(DType to, void *out, DType from, const void *in, int64_t n); /* F32 and BF16 */
    /* y = act(y + bias + r), y rows x C; bias F [C] or NULL, r of y's type or NULL */
    void (*finish)(Tensor y, const float *bias, const void *r, Act act);
    void (*column_sums)(Tensor x, float *sums);   /* x rows x C, sums F [C] */
    void (*small_matmul)(const MatmulArgs *a);    /* any strides; made for many tiny products */
} Loops;
extern const Loops cpu_loops_base;
#if defined CPU_X86
extern const Loops cpu_loops_avx2, cpu_loops_avx512, cpu_loops_avx512bf16;
#endif
const Loops *cpu_loops(void);

/* ---- oneDNN ------------------------------------------------------------------------------------------------------ */
void cpu_conv(const ConvArgs *a);
void cpu_conv_grad_x(const ConvArgs *a);
void cpu_conv_grad_w(const ConvArgs *a);
void cpu_matmul(const MatmulArgs *a);

/* data of t as type `want`: itself, or a converted copy in that scratch block */
const void *cpu_as(DType want, DType have, const void *data, int64_t n, Scratch where);

#endif
