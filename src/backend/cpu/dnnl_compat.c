/* SPDX-License-Identifier: Apache-2.0
 *
 * dnnl_compat: oneDNN 2 and 3 behind one interface. The only file that knows which version it is.
 * One engine for the process, one stream a calling thread; scratchpads are ours, so that their size is known.
 */
#include "backend/cpu/dnnl_compat.h"
#include "backend/cpu/cpu_internal.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define V3 (DNNL_VERSION_MAJOR >= 3)

struct Md {
    dnnl_memory_desc_t d; /* version 2: a struct; version 3: a pointer to an opaque one */
};

#if V3
typedef const_dnnl_memory_desc_t MdArg;
#define MD(m) ((m) ? (m)->d : NULL)
#else
typedef const dnnl_memory_desc_t *MdArg;
#define MD(m) ((m) ? &(m)->d : NULL)
#endif

/* ---- engine and stream ------------------------------------------------------------------------------------------- */

static dnnl_engine_t the_engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static pthread_key_t stream_key;

static void destroy_stream(void *s)
{
    dnnl_stream_destroy(s);
}

static void make_engine(void)
{
    if (dnnl_engine_create(&the_engine, dnnl_cpu, 0) != dnnl_success || pthread_key_create(&stream_key, destroy_stream))
        the_engine = NULL;
    assert(the_engine);
}

static dnnl_engine_t engine(void)
{
    pthread_once(&engine_once, make_engine);
    return the_engine;
}

static dnnl_stream_t stream(void)
{
    dnnl_engine_t e = engine();
    dnnl_stream_t s = pthread_getspecific(stream_key);
    if (!s && dnnl_stream_create(&s, e, dnnl_stream_default_flags) == dnnl_success) pthread_setspecific(stream_key, s);
    return s;
}

/* ---- descriptors of arrays --------------------------------------------------------------------------------------- */

static bool describe(Md *md, int n, const dnnl_dims_t dims, dnnl_data_type_t t, const dnnl_dims_t strides)
{
#if V3
    return (strides ? dnnl_memory_desc_create_with_strides(&md->d, n, dims, t, strides)
                    : dnnl_memory_desc_create_with_tag(&md->d, n, dims, t, dnnl_format_tag_any)) == dnnl_success;
#else
    return (strides ? dnnl_memory_desc_init_by_strides(&md->d, n, dims, t, strides)
                    : dnnl_memory_desc_init_by_tag(&md->d, n, dims, t, dnnl_format_tag_any)) == dnnl_success;
#endif
}

Md *md_create(DType t, int n, const int64_t *dims, const int64_t *strides)
{
    dnnl_dims_t d = {0}, s = {0};
    for (int i = 0; i < n; i++) {
        d[i] = dims[i];
        if (strides) s[i] = strides[i];
    }
    Md *md = mem_zero(sizeof *md);
    if (describe(md, n, d, t == JIG_BF16 ? dnnl_bf16 : dnnl_f32, strides ? s : NULL)) return md;
    mem_free(md);
    return NULL;
}

static Md *md_copy(MdArg from)
{
    Md *md = mem_zero(sizeof *md);
#if V3
    if (dnnl_memory_desc_clone(&md->d, from) != dnnl_success) {
        mem_free(md);
        return NULL;
    }
#else
    md->d = *from;
#endif
    return md;
}

void md_destroy(Md *md)
{
#if V3
    if (md) dnnl_memory_desc_destroy(md->d);
#endif
    mem_free(md);
}

size_t md_bytes(const Md *md)
{
    return dnnl_memory_desc_get_size(MD(md));
}

bool md_equal(const Md *a, const Md *b)
{
    return dnnl_memory_desc_equal(MD(a), MD(b));
}

/* ---- what follows a product -------------------------------------------------------------------------------------- */

typedef struct Eltwise { dnnl_alg_kind_t alg; float alpha; } Eltwise;

static Eltwise eltwise(Act act)
{
    switch (act) {
    case ACT_RELU: return (Eltwise){dnnl_eltwise_relu, 0};
    case ACT_LEAKY_RELU: return (Eltwise){dnnl_eltwise_relu, 0.1f};
    case ACT_SILU: return (Eltwise){dnnl_eltwise_swish, 1};
    case ACT_QUICK_GELU: return (Eltwise){dnnl_eltwise_swish, 1.702f};
    case ACT_GELU_ERF: return (Eltwise){dnnl_eltwise_gelu_erf, 0};
    case ACT_GELU_TANH: return (Eltwise){dnnl_eltwise_gelu_tanh, 0};
    case ACT_SIGMOID: return (Eltwise){dnnl_eltwise_logistic, 0};
    case ACT_TANH: return (Eltwise){dnnl_eltwise_tanh, 0};
    default: return (Eltwise){dnnl_alg_kind_undef, 0};
    }
}

bool after_can(Act act)
{
    return act == ACT_NONE || eltwise(act).alg != dnnl_alg_kind_undef;
}

static void append_eltwise(dnnl_post_ops_t ops, Eltwise e)
{
#if V3
    dnnl_post_ops_append_eltwise(ops, e.alg, e.alpha, 0);
#else
    dnnl_post_ops_append_eltwise(ops, 1, e.alg, e.alpha, 0);
#endif
}

static dnnl_primitive_attr_t attributes(const After *after)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    if (dnnl_primitive_attr_create(&attr) != dnnl_success) return NULL;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (!after || dnnl_post_ops_create(&ops) != dnnl_success) return attr;
    if (after->alpha != 1) append_eltwise(ops, (Eltwise){dnnl_eltwise_linear, after->alpha});
    if (after->residual) dnnl_post_ops_append_binary(ops, dnnl_binary_add, MD(after->residual));
#if V3
    if (after->accumulate) dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
#else
    if (after->accumulate) dnnl_post_ops_append_sum(ops, 1);
#endif
    if (after->act != ACT_NONE) append_eltwise(ops, eltwise(after->act));
    dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return attr;
}

/* ---- descriptors of operations ----------------------------------------------------------------------------------- */

typedef struct ConvDims { dnnl_dims_t stride, dilation, lo, hi; } ConvDims;

static ConvDims conv_dims(const ConvShape *c)
{
    ConvDims d = {0};
    for (int i = 0; i < c->n; i++) {
        d.stride[i] = c->stride[i];
        d.dilation[i] = c->dilation[i] - 1; /* oneDNN counts the gaps */
        d.lo[i] = c->pad_lo[i];
        d.hi[i] = c->pad_hi[i];
    }
    return d;
}

static Pd result(Pd pd, dnnl_status_t status, dnnl_primitive_attr_t attr)
{
    dnnl_primitive_attr_destroy(attr);
    return status == dnnl_success ? pd : NULL;
}

static Pd conv_forward(const ConvShape *c, MdArg src, MdArg w, MdArg bias, MdArg dst, dnnl_prop_kind_t kind,
                       const After *after)
{
    ConvDims d = conv_dims(c);
    dnnl_primitive_attr_t attr = attributes(after);
    Pd pd = NULL;
    dnnl_status_t s;
#if V3
    s = dnnl_convolution_forward_primitive_desc_create(&pd, engine(), kind, dnnl_convolution_direct, src, w, bias, dst,
                                                       d.stride, d.dilation, d.lo, d.hi, attr);
#else
    dnnl_convolution_desc_t cd;
    s = dnnl_dilated_convolution_forward_desc_init(&cd, kind, dnnl_convolution_direct, src, w, bias, dst, d.stride,
                                                   d.dilation, d.lo, d.hi);
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&pd, &cd, attr, engine(), NULL);
#endif
    return result(pd, s, attr);
}

Pd pd_conv(const ConvShape *c, const Md *src, const Md *w, const Md *bias, const Md *dst, const After *after)
{
    return conv_forward(c, MD(src), MD(w), MD(bias), MD(dst), dnnl_forward_inference, after);
}

Pd pd_conv_back_data(const ConvShape *c, const Md *src, const Md *w, const Md *dst)
{
    ConvDims d = conv_dims(c);
    Pd pd = NULL, hint = conv_forward(c, MD(src), MD(w), NULL, MD(dst), dnnl_forward_training, NULL);
    dnnl_primitive_attr_t attr = attributes(NULL);
    dnnl_status_t s;
#if V3
    s = dnnl_convolution_backward_data_primitive_desc_create(&pd, engine(), dnnl_convolution_direct, MD(src), MD(w),
                                                             MD(dst), d.stride, d.dilation, d.lo, d.hi, hint, attr);
#else
    dnnl_convolution_desc_t cd;
    s = dnnl_dilated_convolution_backward_data_desc_init(&cd, dnnl_convolution_direct, MD(src), MD(w), MD(dst),
                                                         d.stride, d.dilation, d.lo, d.hi);
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&pd, &cd, attr, engine(), hint);
#endif
    pd_destroy(hint);
    return result(pd, s, attr);
}

Pd pd_conv_back_weights(const ConvShape *c, const Md *src, const Md *w, const Md *bias, const Md *dst)
{
    ConvDims d = conv_dims(c);
    Pd pd = NULL, hint = conv_forward(c, MD(src), MD(w), MD(bias), MD(dst), dnnl_forward_training, NULL);
    dnnl_primitive_attr_t attr = attributes(NULL);
    dnnl_status_t s;
#if V3
    s = dnnl_convolution_backward_weights_primitive_desc_create(&pd, engine(), dnnl_convolution_direct, MD(src), MD(w),
                                                                MD(bias), MD(dst), d.stride, d.dilation, d.lo, d.hi,
                                                                hint, attr);
#else
    dnnl_convolution_desc_t cd;
    s = dnnl_dilated_convolution_backward_weights_desc_init(&cd, dnnl_convolution_direct, MD(src), MD(w), MD(bias),
                                                            MD(dst), d.stride, d.dilation, d.lo, d.hi);
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&pd, &cd, attr, engine(), hint);
#endif
    pd_destroy(hint);
    return result(pd, s, attr);
}

Pd pd_matmul(const Md *a, const Md *b, const Md *bias, const Md *y, const After *after)
{
    dnnl_primitive_attr_t attr = attributes(after);
    Pd pd = NULL;
    dnnl_status_t s;
#if V3
    s = dnnl_matmul_primitive_desc_create(&pd, engine(), MD(a), MD(b), MD(bias), MD(y), attr);
#else
    dnnl_matmul_desc_t md;
    s = dnnl_matmul_desc_init(&md, MD(a), MD(b), MD(bias), MD(y));
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&pd, &md, attr, engine(), NULL);
#endif
    return result(pd, s, attr);
}

Pd pd_reorder(const Md *from, const Md *to)
{
    dnnl_primitive_attr_t attr = attributes(NULL);
    Pd pd = NULL;
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, MD(from), engine(), MD(to), engine(), attr);
    return result(pd, s, attr);
}

void pd_destroy(Pd pd)
{
    if (pd) dnnl_primitive_desc_destroy(pd);
}

Md *pd_weights(Pd pd, bool gradient)
{
    return md_copy(dnnl_primitive_desc_query_md(pd, gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0));
}

static bool named(Pd pd, const char *part)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return strstr(name, part) != NULL;
}

bool pd_is_slow(Pd pd)
{
    return named(pd, "ref");
}

bool pd_is_gemm(Pd pd)
{
    return named(pd, "gemm");
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

bool prim_arg(Prim *p, int arg, const Md *md)
{
    assert(p->n < PRIM_ARGS);
    dnnl_exec_arg_t *a = &p->args[p->n];
    if (!md || dnnl_memory_create(&a->memory, MD(md), engine(), DNNL_MEMORY_NONE) != dnnl_success) return false;
    a->arg = arg;
    p->n++;
    return true;
}

bool prim_init(Prim *p, Pd pd)
{
    *p = (Prim){0};
    if (!pd) return false;
    bool ok = dnnl_primitive_create(&p->p, pd) == dnnl_success;
    MdArg pad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    if (ok && pad && dnnl_memory_desc_get_size(pad)) {
        Md *md = md_copy(pad);
        p->scratch = md_bytes(md);
        ok = prim_arg(p, DNNL_ARG_SCRATCHPAD, md);
        md_destroy(md);
    }
    pd_destroy(pd);
    if (!ok) prim_finish(p);
    return ok;
}

void prim_set(Prim *p, int arg, const void *data)
{
    for (int i = 0; i < p->n; i++)
        if (p->args[i].arg == arg) {
            dnnl_memory_set_data_handle(p->args[i].memory, (void *)data);
            return;
        }
    assert(!"no such argument");
}

void prim_run(Prim *p)
{
    if (p->scratch) prim_set(p, DNNL_ARG_SCRATCHPAD, cpu_scratch(SCRATCH_DNNL, p->scratch));
    dnnl_stream_t s = stream();
    dnnl_status_t status = dnnl_primitive_execute(p->p, s, p->n, p->args);
    if (status == dnnl_success) status = dnnl_stream_wait(s);
    if (status != dnnl_success) log_line(LOG_ERROR, "oneDNN: execution failed with status %d", (int)status);
    assert(status == dnnl_success);
}

void prim_finish(Prim *p)
{
    for (int i = 0; i < p->n; i++) dnnl_memory_destroy(p->args[i].memory);
    if (p->p) dnnl_primitive_destroy(p->p);
    *p = (Prim){0};
}
