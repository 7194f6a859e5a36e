/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu: convolution and its gradients on oneDNN.
 *
 * A convolution has a wide side (x of a plain one) and a narrow side (y of a plain one); a transposed one swaps the
 * roles of x and y. So three oneDNN operations do everything: forward (wide to narrow), backward by data (narrow to
 * wide), backward by weights. Activations are channels last; weights go into the format that oneDNN wants (cpu_pack.h).
 * Convolutions that do not reach over time (kt = 1) run as 2-D ones over B*T pictures. Bias, residual and activation
 * are fused where oneDNN can do it at full speed, else they are one more pass. bf16 tensors on a machine that is not
 * fast at bf16 are converted, and computed in f32.
 */
#include "backend/cpu/cpu_pack.h"

#include <assert.h>
#include <string.h>

typedef enum Way { FORWARD, BACK_DATA, BACK_WEIGHTS } Way;

typedef struct ConvPlan {
    Key key;
    bool usable, fused;   /* oneDNN can do it; with residual and activation */
    Prim main;
    Packed weights;       /* BACK_WEIGHTS: from oneDNN's format to ours, else the other way */
    size_t gradient;      /* BACK_WEIGHTS: bytes of the gradient in oneDNN's format */
} ConvPlan;

/* One call, seen from its two sides. */
typedef struct Call {
    const ConvArgs *a;
    Way way;
    const Tensor *wide, *narrow;
    DType compute, out;  /* of inputs and weights; of the result */
    int n;               /* spatial axes */
} Call;

/* The kernel reaches beyond the picture on both sides at once. There oneDNN's bf16 gradient by weights has faults (2.6:
 * taps left unwritten, sums that read what nobody wrote), so such ones are computed in f32. */
static bool oversized(const Call *c)
{
    const ConvGeom *g = &c->a->geom;
    bool over = false;
    for (int i = 0; i < 3; i++) over = over || (g->kernel[i] - 1) * g->dilation[i] + 1 > c->wide->shape.d[i + 1];
    return over;
}

static Call call_make(const ConvArgs *a, Way way)
{
    const ConvGeom *g = &a->geom;
    bool t = g->transposed;
    Call c = {.a = a, .way = way, .wide = t ? &a->y : &a->x, .narrow = t ? &a->x : &a->y};
    DType in = way == FORWARD ? c.wide->type : c.narrow->type;
    c.compute = in == JIG_BF16 ? cpu_fast_type() : JIG_F32;
    if (way == BACK_WEIGHTS && oversized(&c)) c.compute = JIG_F32;
    c.out = way == BACK_WEIGHTS || c.compute == JIG_F32 ? JIG_F32 : (way == FORWARD ? c.narrow : c.wide)->type;
    bool flat = g->kernel[0] == 1 && g->stride[0] == 1 && g->pad_lo[0] == 0 && g->pad_hi[0] == 0 && g->out_pad[0] == 0;
    c.n = flat ? 2 : 3;
    return c;
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

/* [B, T, H, W, C] in memory as oneDNN's (N, C, spatial axes) */
static Md *activations(const Call *c, const Tensor *t, DType type)
{
    const int64_t *s = t->shape.d;
    int64_t C = s[4], row = s[3] * C, picture = s[2] * row;
    if (c->n == 2)
        return md_create(type, 4, (int64_t[]){s[0] * s[1], C, s[2], s[3]}, (int64_t[]){picture, 1, row, C});
    return md_create(type, 5, (int64_t[]){s[0], C, s[1], s[2], s[3]}, (int64_t[]){s[1] * picture, 1, picture, row, C});
}

static Md *weights(const Call *c, DType type, bool plain)
{
    const ConvGeom *g = &c->a->geom;
    int64_t dims[6], strides[6], G = g->groups, step = 1;
    int n = 0;
    if (G > 1) dims[n++] = G;
    dims[n++] = c->narrow->shape.d[4] / G;
    dims[n++] = c->wide->shape.d[4] / G;
    for (int i = 3 - c->n; i < 3; i++) dims[n++] = g->kernel[i];
    for (int i = n - 1; i >= 0; i--) {
        strides[i] = step;
        step *= dims[i];
    }
    return md_create(type, n, dims, plain ? strides : NULL);
}

static ConvShape conv_shape(const Call *c)
{
    const ConvGeom *g = &c->a->geom;
    ConvShape s = {.n = c->n};
    for (int i = 0; i < c->n; i++) {
        int from = 3 - c->n + i;
        s.stride[i] = g->stride[from];
        s.dilation[i] = g->dilation[from];
        s.pad_lo[i] = g->pad_lo[from];
        s.pad_hi[i] = g->pad_hi[from];
    }
    return s;
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

static bool finish_plan(ConvPlan *p, const Call *c, Pd pd, const Md *wide, const Md *narrow, const Md *bias)
{
    bool gradient = c->way == BACK_WEIGHTS;
    Md *theirs = pd ? pd_weights(pd, gradient) : NULL, *ours = weights(c, gradient ? JIG_F32 : c->a->w.type, true);
    bool ok = prim_init(&p->main, pd) && theirs && ours;
    ok = ok && (gradient ? packed_init(&p->weights, theirs, ours) : packed_init(&p->weights, ours, theirs));
    if (ok && gradient) {
        p->gradient = md_bytes(theirs);
        ok = prim_arg(&p->main, DNNL_ARG_SRC, wide) && prim_arg(&p->main, DNNL_ARG_DIFF_DST, narrow) &&
             prim_arg(&p->main, DNNL_ARG_DIFF_WEIGHTS, theirs) &&
             (!bias || prim_arg(&p->main, DNNL_ARG_DIFF_BIAS, bias));
    } else if (ok) {
        bool forward = c->way == FORWARD;
        ok = prim_arg(&p->main, forward ? DNNL_ARG_SRC : DNNL_ARG_DIFF_SRC, wide) &&
             prim_arg(&p->main, forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, narrow) &&
             prim_arg(&p->main, DNNL_ARG_WEIGHTS, theirs) && (!bias || prim_arg(&p->main, DNNL_ARG_BIAS, bias));
    }
    md_destroy(theirs);
    md_destroy(ours);
    return ok;
}

/* The fused forward operation if oneDNN has a fast one, else the bare one. */
static Pd forward_pd(ConvPlan *p, const Call *c, const ConvShape *s, const Md *wide, const Md *w, const Md *bias,
                     const Md *narrow)
{
    const ConvArgs *a = c->a;
    bool more = a->r || a->act != ACT_NONE;
    if (more && after_can(a->act) && c->out == a->y.type) {
        Pd pd =
            pd_conv(s, wide, w, bias, narrow, &(After){.alpha = 1, .residual = a->r ? narrow : NULL, .act = a->act});
        bool trusted = pd && !pd_is_slow(pd) && !(a->r && pd_is_gemm(pd)); /* 2.6: wrong residuals in groups */
        if (trusted) {
            p->fused = true;
            return pd;
        }
        pd_destroy(pd);
    }
    p->fused = !more;
    return pd_conv(s, wide, w, bias, narrow, NULL);
}

static void build(ConvPlan *p, const Call *c)
{
    const ConvArgs *a = c->a;
    ConvShape s = conv_shape(c);
    bool own_bias = a->geom.transposed; /* bias belongs to y, the narrow side only of a plain convolution */
    Md *wide = activations(c, c->wide, c->way == BACK_DATA ? c->out : c->compute);
    Md *narrow = activations(c, c->narrow, c->way == FORWARD ? c->out : c->compute);
    Md *w = weights(c, c->way == BACK_WEIGHTS ? JIG_F32 : c->compute, false);
    Md *bias =
        a->b && !own_bias && c->way != BACK_DATA ? md_create(JIG_F32, 1, &a->y.shape.d[4], (int64_t[]){1}) : NULL;
    Pd pd = NULL;
    switch (c->way) {
    case FORWARD: pd = forward_pd(p, c, &s, wide, w, bias, narrow); break;
    case BACK_DATA: pd = pd_conv_back_data(&s, wide, w, narrow); break;
    case BACK_WEIGHTS: pd = pd_conv_back_weights(&s, wide, w, bias, narrow); break;
    }
    p->usable = finish_plan(p, c, pd, wide, narrow, bias);
    if (p->usable && p->fused && a->r)
        p->usable = prim_arg(&p->main, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, narrow);
    if (!p->usable) log_line(LOG_WARNING, "oneDNN cannot do a convolution of this shape; it runs as plain loops");
    md_destroy(wide);
    md_destroy(narrow);
    md_destroy(w);
    md_destroy(bias);
}

static void plan_destroy(void *data)
{
    ConvPlan *p = data;
    prim_finish(&p->main);
    packed_finish(&p->weights);
    mem_free(p);
}

static ConvPlan *plan_for(const Call *c, KernelState *state)
{
    const ConvArgs *a = c->a;
    const ConvGeom *g = &a->geom;
    Key key = {0};
    key_add_all(&key, a->x.shape.d, 5);
    key_add_all(&key, a->y.shape.d, 5);
    key_add_all(&key, g->kernel, 3);
    key_add_all(&key, g->stride, 3);
    key_add_all(&key, g->pad_lo, 3);
    key_add_all(&key, g->pad_hi, 3);
    key_add_all(&key, g->dilation, 3);
    key_add_all(&key, g->out_pad, 3);
    key_add_all(&key, (int64_t[]){g->groups, g->transposed, c->way, a->x.type, a->y.type, a->w.type, a->b != NULL,
                                  a->r != NULL, a->act, threads_count()}, 10);
    ConvPlan *p = state->data;
    if (p && key_equal(&p->key, &key)) return p;
    if (p) plan_destroy(p);
    state->data = p = mem_zero(sizeof *p);
    state->destroy = plan_destroy;
    state->bytes = 0;
    p->key = key;
    build(p, c);
    return p;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static const void *input(const Call *c, const Tensor *t, Scratch where)
{
    return cpu_as(c->compute, t->type, t->data, shape_count(t->shape), where);
}

/* Wide to narrow or narrow to wide, with bias, residual and activation of a forward pass. */
static void run(const Call *c, KernelState *state, bool after)
{
    const ConvArgs *a = c->a;
    ConvPlan *p = plan_for(c, state);
    const Tensor *from = c->way == FORWARD ? c->wide : c->narrow, *to = c->way == FORWARD ? c->narrow : c->wide;
    if (!p->usable) {
        if (after) ref_kernels.conv(a);
        else ref_kernels.conv_grad_x(a);
        return;
    }
    int64_t n = shape_count(to->shape);
    void *out = to->type == c->out ? to->data : cpu_scratch(SCRATCH_Y, (size_t)n * dtype_size(c->out));
    bool forward = c->way == FORWARD, bias_fused = after && a->b && forward && !a->geom.transposed;
    prim_set(&p->main, forward ? DNNL_ARG_SRC : DNNL_ARG_DIFF_DST, input(c, from, SCRATCH_A));
    prim_set(&p->main, forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_SRC, out);
    prim_set(&p->main, DNNL_ARG_WEIGHTS, packed_weights(&p->weights, a->w.data, state));
    if (bias_fused) prim_set(&p->main, DNNL_ARG_BIAS, a->b->data);
    bool fused = forward && p->fused;
    if (fused && after && a->r) prim_set(&p->main, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, a->r->data);
    prim_run(&p->main);
    if (out != to->data) cpu_loops()->convert(to->type, to->data, c->out, out, n);
    if (!after) return;
    const float *bias = a->b && !bias_fused ? a->b->data : NULL;
    const void *r = a->r && !fused ? a->r->data : NULL;
    Act act = fused ? ACT_NONE : a->act;
    if (bias || r || act != ACT_NONE) cpu_loops()->finish(a->y, bias, r, act);
}

static bool empty(const ConvArgs *a)
{
    return shape_count(a->x.shape) == 0 || shape_count(a->y.shape) == 0;
}

/* Calls fn with the node's state, or with one for this call only. */
static void with_state(const ConvArgs *a, void (*fn)(const ConvArgs *a, KernelState *state))
{
    if (a->state) {
        fn(a, a->state);
        return;
    }
    KernelState once = {0};
    fn(a, &once);
    if (once.destroy) once.destroy(once.data);
}

static void conv(const ConvArgs *a, KernelState *state)
{
    Call c = call_make(a, a->geom.transposed ? BACK_DATA : FORWARD);
    run(&c, state, true);
}

void cpu_conv(const ConvArgs *a)
{
    if (!empty(a)) with_state(a, conv);
}

static void conv_grad_x(const ConvArgs *a, KernelState *state)
{
    ConvArgs bare = *a;
    bare.b = bare.r = NULL;
    bare.act = ACT_NONE;
    Call c = call_make(&bare, a->geom.transposed ? FORWARD : BACK_DATA);
    run(&c, state, false);
}

void cpu_conv_grad_x(const ConvArgs *a)
{
    if (!empty(a)) with_state(a, conv_grad_x);
}

/* Taps that only ever lie on padding have gradient 0; oneDNN may leave them unwritten. */
static void clear_dead_taps(const ConvArgs *a, const Tensor *wide, const Tensor *narrow)
{
    const ConvGeom *g = &a->geom;
    int64_t taps = g->kernel[0] * g->kernel[1] * g->kernel[2], pairs = shape_count(a->w.shape) / taps;
    float *dw = a->w.data;
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t k[3] = {tap / g->kernel[2] / g->kernel[1], tap / g->kernel[2] % g->kernel[1], tap % g->kernel[2]};
        bool dead = false;
        for (int i = 0; i < 3; i++) {
            bool meets = false;
            for (int64_t o = 0; o < narrow->shape.d[i + 1] && !meets; o++) {
                int64_t at = o * g->stride[i] - g->pad_lo[i] + k[i] * g->dilation[i];
                meets = at >= 0 && at < wide->shape.d[i + 1];
            }
            dead = dead || !meets;
        }
        for (int64_t j = 0; j < pairs && dead; j++) dw[j * taps + tap] = 0;
    }
}

static void conv_grad_w(const ConvArgs *a, KernelState *state)
{
    Call c = call_make(a, BACK_WEIGHTS);
    ConvPlan *p = plan_for(&c, state);
    if (!p->usable) {
        ref_kernels.conv_grad_w(a);
        return;
    }
    bool plain = p->weights.plain, own_bias = a->geom.transposed;
    void *dw = plain ? a->w.data : cpu_scratch(SCRATCH_WEIGHTS, p->gradient);
    prim_set(&p->main, DNNL_ARG_SRC, input(&c, c.wide, SCRATCH_A));
    prim_set(&p->main, DNNL_ARG_DIFF_DST, input(&c, c.narrow, SCRATCH_B));
    prim_set(&p->main, DNNL_ARG_DIFF_WEIGHTS, dw);
    if (a->b && !own_bias) prim_set(&p->main, DNNL_ARG_DIFF_BIAS, a->b->data);
    prim_run(&p->main);
    if (!plain) {
        prim_set(&p->weights.reorder, DNNL_ARG_FROM, dw);
        prim_set(&p->weights.reorder, DNNL_ARG_TO, a->w.data);
        prim_run(&p->weights.reorder);
    }
    if (oversized(&c)) clear_dead_taps(a, c.wide, c.narrow);
    if (a->b && own_bias) cpu_loops()->column_sums(a->y, a->b->data);
}

void cpu_conv_grad_w(const ConvArgs *a)
{
    if (!empty(a)) with_state(a, conv_grad_w);
}
