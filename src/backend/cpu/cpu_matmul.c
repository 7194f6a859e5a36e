/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu: the strided, batched product on oneDNN; tiny and oddly strided ones on own loops.
 *
 * oneDNN takes any strides as long as rows or columns of a matrix are neighbours in memory. A product whose batches
 * share B is one with more rows. Arithmetic is bf16 where A is bf16, B is bf16 or a weight, and the machine is fast at
 * it; else f32, with bf16 operands converted.
 */
#include "backend/cpu/cpu_pack.h"

#include <string.h>

typedef struct MatmulPlan {
    Key key;
    bool usable, fused, pack; /* bias, residual and activation fused; B is packed */
    Prim main;
    Packed weights;
} MatmulPlan;

/* ---- making it regular ------------------------------------------------------------------------------------------- */

/* Whether rows or columns are neighbours; strides of axes of length 1 are made what oneDNN expects. */
static bool regular(int64_t rows, int64_t cols, int64_t *s)
{
    int64_t *row = &s[2], *col = &s[3];
    if (rows == 1 && cols == 1) *row = *col = 1;
    else if (rows == 1) *row = *col == 1 ? cols : 1;
    else if (cols == 1) *col = *row == 1 ? rows : 1;
    if (rows == 1 || cols == 1) return *row >= 1 && *col >= 1;
    return (*col == 1 && *row >= cols) || (*row == 1 && *col >= rows);
}

/* Batches that share B and follow each other in A and Y are more rows. */
static void fold_batches(MatmulArgs *a)
{
    for (int i = 1; i >= 0; i--) {
        bool rows = a->sb[i] == 0 && a->sa[i] == a->m * a->sa[2] && a->sy[i] == a->m * a->sy[2];
        if (a->batch[i] == 1 || !rows || (i == 0 && a->batch[1] != 1)) continue;
        a->m *= a->batch[i];
        a->batch[i] = 1;
    }
}

static bool dense_result(const MatmulArgs *a)
{
    return a->sy[3] == 1 && a->sy[2] == a->n && (a->batch[1] == 1 || a->sy[1] == a->m * a->n) &&
           (a->batch[0] == 1 || a->sy[0] == a->batch[1] * a->m * a->n);
}

static bool is_small(const MatmulArgs *a)
{
    int64_t work = a->m * a->n * a->k;
    return work <= (a->batch[0] * a->batch[1] > 1 ? 64 * 64 * 64 : 16384);
}

static DType compute_type(const MatmulArgs *a)
{
    return a->ta == JIG_BF16 && (a->tb == JIG_BF16 || a->b_is_weight) ? cpu_fast_type() : JIG_F32;
}

/* ---- converted operands ------------------------------------------------------------------------------------------ */

typedef struct Copy {
    DType to, from;
    void *y;
    const void *x;
    const int64_t *s;
    int64_t batch, rows, cols;
    bool turned;
} Copy;

static void copy_rows(void *ctx, int64_t from, int64_t to)
{
    const Copy *c = ctx;
    for (int64_t i = from; i < to; i++) {
        int64_t row = i % c->rows, b1 = i / c->rows % c->batch, b0 = i / c->rows / c->batch;
        int64_t at = b0 * c->s[0] + b1 * c->s[1] + row * c->s[c->turned ? 3 : 2];
        cpu_loops()->convert(c->to, (char *)c->y + (size_t)(i * c->cols) * dtype_size(c->to), c->from,
                             (const char *)c->x + (size_t)at * dtype_size(c->from), c->cols);
    }
}

/* An operand in the compute type: itself, or a dense copy in scratch; s becomes the strides of what is returned. */
static const void *operand(DType want, DType have, const void *x, const int64_t *batch, int64_t rows, int64_t cols,
                           int64_t *s, Scratch where)
{
    if (want == have) return x;
    bool turned = s[3] != 1; /* columns are the neighbours: copy the transpose */
    int64_t b0 = s[0] ? batch[0] : 1, b1 = s[1] ? batch[1] : 1, lines = turned ? cols : rows,
            len = turned ? rows : cols;
    void *y = cpu_scratch(where, (size_t)(b0 * b1 * rows * cols) * dtype_size(want));
    Copy c = {want, have, y, x, s, b1, lines, len, turned};
    threads_for(b0 * b1 * lines, 16384 / len + 1, copy_rows, &c);
    int64_t now[4] = {s[0] ? b1 * rows * cols : 0, s[1] ? rows * cols : 0, turned ? 1 : cols, turned ? rows : 1};
    memcpy(s, now, sizeof now);
    return y;
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

static Md *matrix(DType t, const int64_t *batch, int64_t rows, int64_t cols, const int64_t *s, bool any)
{
    int64_t dims[4], strides[4];
    int n = 0;
    for (int i = 0; i < 2; i++) {
        if (batch[0] == 1 && (i == 0 || batch[1] == 1)) continue;
        dims[n] = s[i] ? batch[i] : 1;
        strides[n++] = s[i] && batch[i] > 1 ? s[i] : rows * cols * MAX(s[2], s[3]);
    }
    dims[n] = rows;
    strides[n++] = s[2];
    dims[n] = cols;
    strides[n++] = s[3];
    return md_create(t, n, dims, any ? NULL : strides);
}

static Md *bias_row(const MatmulArgs *a)
{
    int64_t dims[4] = {1, 1, 1, 1}, strides[4] = {a->n, a->n, a->n, a->n};
    int n = a->batch[0] != 1 ? 4 : a->batch[1] != 1 ? 3 : 2;
    dims[n - 1] = a->n;
    strides[n - 1] = 1;
    return md_create(JIG_F32, n, dims, strides);
}

static void build(MatmulPlan *p, const MatmulArgs *a, DType compute, DType tb)
{
    bool more = a->r || a->act != ACT_NONE || a->bias, can = after_can(a->act) && !(a->bias && a->alpha != 1);
    p->pack = a->b_is_weight && (a->state->constant_weights || tb != compute);
    Md *A = matrix(compute, a->batch, a->m, a->k, a->sa, false),
       *plain = matrix(tb, a->batch, a->k, a->n, a->sb, false);
    Md *B = matrix(compute, a->batch, a->k, a->n, a->sb, p->pack),
       *Y = matrix(a->ty, a->batch, a->m, a->n, a->sy, false);
    Md *bias = a->bias ? bias_row(a) : NULL, *theirs = NULL;
    After after = {.alpha = a->alpha, .residual = a->r ? Y : NULL, .accumulate = a->accumulate, .act = a->act};
    Pd pd = NULL;
    if (A && B && Y && plain && can) pd = pd_matmul(A, B, bias, Y, &after);
    p->fused = pd && !pd_is_slow(pd);
    if (!p->fused && more && A && B && Y && plain && dense_result(a) && !a->accumulate) {
        pd_destroy(pd);
        after = (After){.alpha = a->alpha};
        pd = pd_matmul(A, B, NULL, Y, &after);
    }
    if (pd && pd_is_slow(pd)) {
        pd_destroy(pd);
        pd = NULL;
    }
    if (pd) theirs = pd_weights(pd, false);
    p->usable = prim_init(&p->main, pd) && (!p->pack || packed_init(&p->weights, plain, theirs)) &&
                prim_arg(&p->main, DNNL_ARG_SRC, A) && prim_arg(&p->main, DNNL_ARG_WEIGHTS, theirs) &&
                prim_arg(&p->main, DNNL_ARG_DST, Y) && (!p->fused || !bias || prim_arg(&p->main, DNNL_ARG_BIAS, bias));
    int at = a->alpha != 1; /* the residual's place among the post-operations */
    if (p->usable && p->fused && a->r)
        p->usable = prim_arg(&p->main, DNNL_ARG_ATTR_MULTIPLE_POST_OP(at) | DNNL_ARG_SRC_1, Y);
    md_destroy(A);
    md_destroy(B);
    md_destroy(Y);
    md_destroy(plain);
    md_destroy(bias);
    md_destroy(theirs);
}

static void plan_destroy(void *data)
{
    MatmulPlan *p = data;
    prim_finish(&p->main);
    packed_finish(&p->weights);
    mem_free(p);
}

static MatmulPlan *plan_for(const MatmulArgs *a, DType compute, DType tb)
{
    union { float f; int32_t i; } alpha = {.f = a->alpha};
    Key key = {0};
    key_add_all(&key, a->batch, 2);
    key_add_all(&key, (int64_t[]){a->m, a->n, a->k, compute, tb, a->ty, alpha.i, a->bias != NULL, a->r != NULL, a->act,
                                  a->accumulate, a->b_is_weight, a->state->constant_weights, threads_count()}, 14);
    key_add_all(&key, a->sa, 4);
    key_add_all(&key, a->sb, 4);
    key_add_all(&key, a->sy, 4);
    MatmulPlan *p = a->state->data;
    if (p && key_equal(&p->key, &key)) return p;
    if (p) plan_destroy(p);
    a->state->data = p = mem_zero(sizeof *p);
    a->state->destroy = plan_destroy;
    a->state->bytes = 0;
    p->key = key;
    build(p, a, compute, tb);
    return p;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void run(MatmulArgs *a)
{
    DType compute = compute_type(a), ty = a->ty;
    int64_t sy[4], batch[2] = {a->batch[0], a->batch[1]};
    void *y = a->y;
    MatmulArgs original = *a;
    bool convert = compute == JIG_F32 && ty == JIG_BF16;
    if (convert && (!dense_result(a) || a->accumulate)) {
        cpu_loops()->small_matmul(a);
        return;
    }
    memcpy(sy, a->sy, sizeof sy);
    a->a = operand(compute, a->ta, a->a, batch, a->m, a->k, a->sa, SCRATCH_A);
    bool pack = a->b_is_weight && (a->state->constant_weights || a->tb != compute);
    DType tb = pack ? a->tb : compute;
    if (!pack) a->b = operand(compute, a->tb, a->b, batch, a->k, a->n, a->sb, SCRATCH_B);
    if (convert) { /* residual and activation follow in bf16 */
        a->y = cpu_scratch(SCRATCH_Y, sizeof(float) * (size_t)(batch[0] * batch[1] * a->m * a->n));
        a->ty = JIG_F32;
        a->r = NULL;
        a->act = original.r ? ACT_NONE : a->act;
    }
    MatmulPlan *p = plan_for(a, compute, tb);
    if (!p->usable) {
        cpu_loops()->small_matmul(&original);
        return;
    }
    prim_set(&p->main, DNNL_ARG_SRC, a->a);
    prim_set(&p->main, DNNL_ARG_WEIGHTS, p->pack ? packed_weights(&p->weights, a->b, a->state) : a->b);
    prim_set(&p->main, DNNL_ARG_DST, a->y);
    if (p->fused && a->bias) prim_set(&p->main, DNNL_ARG_BIAS, a->bias);
    if (p->fused && a->r) prim_set(&p->main, DNNL_ARG_ATTR_MULTIPLE_POST_OP(a->alpha != 1) | DNNL_ARG_SRC_1, a->r);
    prim_run(&p->main);
    int64_t rows = batch[0] * batch[1] * a->m;
    Tensor out = {a->ty, SHAPE(rows, a->n), a->y};
    if (!p->fused && (a->bias || a->r || a->act != ACT_NONE)) cpu_loops()->finish(out, a->bias, a->r, a->act);
    if (!convert) return;
    cpu_loops()->convert(ty, y, JIG_F32, a->y, rows * a->n);
    out = (Tensor){ty, SHAPE(rows, a->n), y};
    if (original.r) cpu_loops()->finish(out, NULL, original.r, original.act);
}

void cpu_matmul(const MatmulArgs *args)
{
    MatmulArgs a = *args;
    KernelState once = {0};
    if (a.batch[0] * a.batch[1] * a.m * a.n == 0) return;
    fold_batches(&a);
    bool odd = a.k == 0 || is_small(&a) || !regular(a.m, a.k, a.sa) || !regular(a.k, a.n, a.sb) ||
               !regular(a.m, a.n, a.sy) || a.sy[3] != 1;
    if (odd) {
        cpu_loops()->small_matmul(args);
        return;
    }
    if (!a.state) a.state = &once;
    run(&a);
    if (once.destroy) once.destroy(once.data);
}
