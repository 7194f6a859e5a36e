/* SPDX-License-Identifier: Apache-2.0
 *
 * dnnl_compat: the little of oneDNN that the cpu backend needs, the same over versions 2 and 3 of its C interface. They
 * differ in how memory and operations are described (values and op descriptors against opaque objects).
 *
 * Md describes an array: type, logical sizes, strides. Prim is a primitive with its memory objects, run with plain
 * pointers; its working memory is taken from cpu_scratch. Descriptors are freed by the caller, NULL is taken
 * everywhere, and a function that cannot do what is asked (oneDNN says "unimplemented") returns NULL or false.
 */
#ifndef JIG_DNNL_COMPAT_H
#define JIG_DNNL_COMPAT_H

#include "tensor/kernels.h"

#include <oneapi/dnnl/dnnl.h>

typedef struct Md Md;
Md    *md_create(DType t, int n, const int64_t *dims, const int64_t *strides); /* strides NULL: oneDNN chooses */
void   md_destroy(Md *md);
size_t md_bytes(const Md *md);
bool   md_equal(const Md *a, const Md *b);

/* What follows a product, in this order: + residual (an array of the result's shape), then the activation. */
typedef struct After {
    float alpha;        /* the bare product is multiplied by it; 1 = not */
    const Md *residual; /* NULL = none */
    bool accumulate;    /* add the old content of the result (then no residual, no activation) */
    Act act;
} After;
bool after_can(Act act); /* oneDNN has this activation */

typedef struct ConvShape {
    int n;
    int64_t stride[3], dilation[3], pad_lo[3], pad_hi[3];
} ConvShape; /* n spatial axes */

/* Primitive descriptors: pd_destroy, or prim_init, which takes them over. src is the wide side, dst the narrow one. */
typedef dnnl_primitive_desc_t Pd;
Pd pd_conv(const ConvShape *c, const Md *src, const Md *w, const Md *bias, const Md *dst, const After *after);
Pd pd_conv_back_data(const ConvShape *c, const Md *src, const Md *w, const Md *dst);
Pd pd_conv_back_weights(const ConvShape *c, const Md *src, const Md *w, const Md *bias, const Md *dst);
Pd pd_matmul(const Md *a, const Md *b, const Md *bias, const Md *y, const After *after);
Pd pd_reorder(const Md *from, const Md *to);
void pd_destroy(Pd pd);
Md  *pd_weights(Pd pd, bool gradient); /* the format oneDNN chose for the weights */
bool pd_is_slow(Pd pd);                /* one of oneDNN's reference loops */
bool pd_is_gemm(Pd pd);                /* a convolution done as im2col and product */

enum { PRIM_ARGS = 8 };
typedef struct Prim {
    dnnl_primitive_t p;
    int n;
    dnnl_exec_arg_t args[PRIM_ARGS];
    size_t scratch;
} Prim;
bool prim_init(Prim *p, Pd pd);
bool prim_arg(Prim *p, int arg, const Md *md);        /* declares an argument (DNNL_ARG_...) */
void prim_set(Prim *p, int arg, const void *data);    /* points it at data before a run */
void prim_run(Prim *p);
void prim_finish(Prim *p);

#endif
