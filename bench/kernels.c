/* SPDX-License-Identifier: Apache-2.0
 *
 * Times single kernels at the shapes of the articulated model and of DabFusion. One line a case, tab-separated:
 * kernel, case, type, milliseconds (the least of the repeats), GFLOP/s (0 where counting them says nothing), GB/s.
 *
 *     kernels [--device ref|cpu] [--threads N] [--cpu-time] [--seconds S] [--type f32|bf16] [NAME...]
 *
 * NAME is part of a kernel's or case's name. --cpu-time counts processor time instead of time: with --threads 1 it
 * measures even on a machine that others use, too. GB/s count what must be read and written once. Weights are constant
 * in `conv` and `matmul`, changing in `conv train`.
 */
#include "tensor/kernels.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Bench {
    const Kernels *k;
    DType type;
    bool cpu_time;
    double seconds;
    char **names;
    int n_names;
} Bench;

/* ---- arrays, kept until the case is over ------------------------------------------------------------------------- */

static void *owned[64];
static int owned_count;

static Tensor make(DType t, Shape s)
{
    int64_t n = shape_count(s);
    float *f = mem_alloc((size_t)n * sizeof *f);
    Tensor x = {t, s, mem_alloc((size_t)n * dtype_size(t))};
    rng_fill_normal(f, (size_t)n, 1, 2, 0);
    tensor_convert(t, x.data, JIG_F32, f, n);
    mem_free(f);
    owned[owned_count++] = x.data;
    return x;
}

static double bytes(const Tensor *t)
{
    return (double)tensor_bytes(t);
}

/* ---- timing ------------------------------------------------------------------------------------------------------ */

typedef struct Case {
    const char *kernel, *name;
    double flops, bytes;
    void (*run)(const Kernels *k, void *args);
    void *args;
} Case;

static bool wanted(const Bench *b, const char *kernel, const char *name)
{
    bool any = b->n_names == 0;
    for (int i = 0; i < b->n_names; i++) any = any || strstr(kernel, b->names[i]) || strstr(name, b->names[i]);
    return any;
}

static double now(const Bench *b)
{
    struct timespec t;
    clock_gettime(b->cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(const Bench *b, Case c)
{
    double best = 1e30, start = now(b);
    c.run(b->k, c.args);
    for (int i = 0; i < 3 || now(b) - start < b->seconds; i++) {
        double t = now(b);
        c.run(b->k, c.args);
        best = MIN(best, now(b) - t);
    }
    printf("%s\t%s\t%s\t%.4f\t%.1f\t%.1f\n", c.kernel, c.name, dtype_name(b->type), best * 1e3, c.flops / best / 1e9,
           c.bytes / best / 1e9);
    fflush(stdout);
}

static void finish_case(KernelState *states, int n)
{
    for (int i = 0; i < n; i++)
        if (states[i].destroy) states[i].destroy(states[i].data);
    while (owned_count) mem_free(owned[--owned_count]);
}

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

typedef struct ConvCase { const char *name; int64_t B, H, W, ci, co, k, stride, pad; bool transposed; } ConvCase;

static const ConvCase convs[] = {
    {"pose 128 3->32 s2", 32, 128, 128, 3, 32, 3, 2, 1},
    {"pose 64 32->32", 32, 64, 64, 32, 32, 3, 1, 1},
    {"pose 64 64->64", 32, 64, 64, 64, 64, 3, 1, 1},
    {"pose 32 128->128", 32, 32, 32, 128, 128, 3, 1, 1},
    {"pose 16 256->256", 32, 16, 16, 256, 256, 3, 1, 1},
    {"pose 64 64->18 1x1", 32, 64, 64, 64, 18, 1, 1, 0},
    {"pixels 128 32->32", 1, 128, 128, 32, 32, 3, 1, 1},
    {"pixels 64 64->64", 1, 64, 64, 64, 64, 3, 1, 1},
    {"lfae 128 7x7 3->64", 8, 128, 128, 3, 64, 7, 1, 3},
    {"lfae 128 7x7 64->3", 8, 128, 128, 64, 3, 7, 1, 3},
    {"lfae 128 64->128", 8, 128, 128, 64, 128, 3, 1, 1},
    {"lfae 64 128->256", 8, 64, 64, 128, 256, 3, 1, 1},
    {"lfae 32 256->256", 8, 32, 32, 256, 256, 3, 1, 1},
    {"lfae 128 128->64", 8, 128, 128, 128, 64, 3, 1, 1},
    {"unet 32 7x7 259->64", 40, 32, 32, 259, 64, 7, 1, 3},
    {"unet 32 64->64", 40, 32, 32, 64, 64, 3, 1, 1},
    {"unet 16 128->128", 40, 16, 16, 128, 128, 3, 1, 1},
    {"unet 8 256->256", 40, 8, 8, 256, 256, 3, 1, 1},
    {"unet 4 512->512", 40, 4, 4, 512, 512, 3, 1, 1},
    {"unet 32 4x4 s2 64->64", 40, 32, 32, 64, 64, 4, 2, 1},
    {"unet 16 4x4 up 64->64", 40, 16, 16, 64, 64, 4, 2, 1, true},
    {"unet 32 128->64 1x1", 40, 32, 32, 128, 64, 1, 1, 0},
};

static void run_conv(const Kernels *k, void *args) { k->conv(args); }
static void run_conv_grad_x(const Kernels *k, void *args) { k->conv_grad_x(args); }
static void run_conv_grad_w(const Kernels *k, void *args) { k->conv_grad_w(args); }

static void bench_conv(const Bench *b, const ConvCase *c)
{
    int64_t k = c->k, h = c->transposed ? c->H * c->stride : (c->H + 2 * c->pad - k) / c->stride + 1,
            w = c->transposed ? c->W * c->stride : (c->W + 2 * c->pad - k) / c->stride + 1;
    KernelState s[4] = {{.constant_weights = true}};
    ConvArgs a = {.geom = {{1, k, k},
                           {1, c->stride, c->stride},
                           {0, c->pad, c->pad},
                           {0, c->pad, c->pad},
                           {1, 1, 1},
                           {0},
                           1,
                           c->transposed},
                  .act = ACT_RELU,
                  .state = s};
    a.x = make(b->type, SHAPE(c->B, 1, c->H, c->W, c->ci));
    a.y = make(b->type, SHAPE(c->B, 1, h, w, c->co));
    a.w = make(JIG_F32, c->transposed ? SHAPE(c->ci, c->co, 1, k, k) : SHAPE(c->co, c->ci, 1, k, k));
    Tensor bias = make(JIG_F32, SHAPE(c->co)), dw = make(JIG_F32, a.w.shape), db = make(JIG_F32, bias.shape);
    a.b = &bias;
    double flops = 2.0 * (double)(c->B * (c->transposed ? c->H * c->W : h * w) * c->ci * c->co * k * k),
           io = bytes(&a.x) + bytes(&a.y);
    if (wanted(b, "conv", c->name)) measure(b, (Case){"conv", c->name, flops, io, run_conv, &a});
    a.state = s + 1;
    if (wanted(b, "conv_train", c->name)) measure(b, (Case){"conv_train", c->name, flops, io, run_conv, &a});
    a.state = s + 2;
    if (wanted(b, "conv_grad_x", c->name)) measure(b, (Case){"conv_grad_x", c->name, flops, io, run_conv_grad_x, &a});
    a.state = s + 3;
    a.w = dw;
    a.b = &db;
    if (wanted(b, "conv_grad_w", c->name)) measure(b, (Case){"conv_grad_w", c->name, flops, io, run_conv_grad_w, &a});
    finish_case(s, 4);
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

typedef struct MatmulCase { const char *name; int64_t batch, m, n, k; bool ta, tb, weight, gradient; } MatmulCase;

static const MatmulCase matmuls[] = {
    {"motion 9600x256->768", 1, 9600, 768, 256, false, true, true},
    {"motion 9600x256->1024", 1, 9600, 1024, 256, false, true, true},
    {"motion 150x256->1024", 1, 150, 1024, 256, false, true, true},
    {"motion dx 9600x1024->256", 1, 9600, 256, 1024, false, false, true},
    {"motion dw 1024x9600x256", 1, 1024, 256, 9600, true, false, false, true},
    {"motion dw 256x9600x768", 1, 256, 768, 9600, true, false, false, true},
    {"motion 9600x256->256", 1, 9600, 256, 256, false, true, true},
    {"unet 40960x64->768", 1, 40960, 768, 64, false, true, true},
    {"unet 40960x256->64", 1, 40960, 64, 256, false, true, true},
    {"unet dw 768x40960x64", 1, 768, 64, 40960, true, false, false, true},
    {"film 1x1064->1024", 1, 1, 1024, 1064, false, true, true},
    {"bones 3x3 of 4000", 4000, 3, 3, 3},
    {"batch 64 of 150x150x64", 64, 150, 150, 64, false, true},
};

static void run_matmul(const Kernels *k, void *args) { k->matmul(args); }

static void bench_matmul(const Bench *b, const MatmulCase *c)
{
    KernelState s = {.constant_weights = c->weight};
    Tensor A = make(b->type, SHAPE(c->batch, c->m, c->k)),
           B = make(c->weight ? JIG_F32 : b->type, SHAPE(c->batch, c->k, c->n));
    Tensor y = make(c->gradient ? JIG_F32 : b->type, SHAPE(c->batch, c->m, c->n));
    MatmulArgs a = {.batch = {c->batch, 1},
                    .m = c->m,
                    .n = c->n,
                    .k = c->k,
                    .ta = A.type,
                    .tb = B.type,
                    .ty = y.type,
                    .a = A.data,
                    .b = B.data,
                    .y = y.data,
                    .sa = {c->m * c->k, 0, c->ta ? 1 : c->k, c->ta ? c->m : 1},
                    .sb = {c->k * c->n, 0, c->tb ? 1 : c->n, c->tb ? c->k : 1},
                    .sy = {c->m * c->n, 0, c->n, 1},
                    .alpha = 1,
                    .b_is_weight = c->weight,
                    .state = &s};
    measure(b, (Case){"matmul", c->name, 2.0 * (double)(c->batch * c->m * c->n * c->k),
                      bytes(&A) + bytes(&B) + bytes(&y), run_matmul, &a});
    finish_case(&s, 1);
}

/* ---- norms ------------------------------------------------------------------------------------------------------- */

typedef struct NormCase { const char *name; int64_t outer, N, C, G, M; } NormCase;

static const NormCase norms[] = {
    {"group clip 32", 1, 40960, 64, 8, 1},       {"group clip 4", 1, 640, 512, 8, 1},
    {"layer 40960x64", 40960, 1, 64, 1, 0},      {"layer 9600x256", 9600, 1, 256, 1, 64},
    {"batch 32x64x64x64", 1, 131072, 64, 64, 0}, {"group frame 32x64x64x32", 32, 4096, 32, 8, 0},
};

static void run_stats(const Kernels *k, void *args) { k->norm_stats(args); }
static void run_apply(const Kernels *k, void *args) { k->norm_apply(args); }
static void run_norm_params(const Kernels *k, void *args) { k->norm_grad_params(args); }
static void run_norm_x(const Kernels *k, void *args) { k->norm_grad_x(args); }

static void bench_norm(const Bench *b, const NormCase *c)
{
    Tensor x = make(b->type, SHAPE(c->outer, c->N, c->C)), y = make(b->type, x.shape), dy = make(b->type, x.shape),
           stats = make(JIG_F32, SHAPE(c->outer, c->G, 2));
    Tensor gain = make(JIG_F32, SHAPE(2, c->C)), mod = make(b->type, SHAPE(MAX(c->M, 1), c->C)),
           sums = make(JIG_F32, SHAPE(MAX(c->M, 1), c->C, 2));
    NormArgs a = {.outer = c->outer,
                  .N = c->N,
                  .C = c->C,
                  .G = c->G,
                  .M = c->M,
                  .eps = 1e-5f,
                  .act = c->N > 1 ? ACT_SILU : ACT_NONE,
                  .x = x,
                  .y = y,
                  .dy = dy.data,
                  .stats = stats.data,
                  .gamma = gain.data,
                  .beta = (float *)gain.data + c->C,
                  .sums = sums.data};
    if (c->M) a.scale = a.shift = mod.data;
    double n = bytes(&x);
    measure(b, (Case){"norm_stats", c->name, 0, n, run_stats, &a});
    measure(b, (Case){"norm_apply", c->name, 0, 2 * n, run_apply, &a});
    measure(b, (Case){"norm_grad_params", c->name, 0, 2 * n, run_norm_params, &a});
    measure(b, (Case){"norm_grad_x", c->name, 0, 3 * n, run_norm_x, &a});
    finish_case(NULL, 0);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

typedef struct AttentionCase {
    const char *name;
    int64_t outer, inner, n;
    int heads, dim;
    bool bias, linear;
} AttentionCase;

static const AttentionCase attentions[] = {
    {"motion 150, 64 windows", 64, 1, 150, 4, 64},
    {"motion 150, 1 window", 1, 1, 150, 4, 64},
    {"unet time 40 at 32", 1, 1024, 40, 8, 32, true},
    {"unet time 40 at 4", 1, 16, 40, 8, 32, true},
    {"unet space 16", 40, 1, 16, 8, 32},
    {"long 4096", 1, 1, 4096, 4, 64},
    {"linear 1024 of 40", 40, 1, 1024, 8, 32, false, true},
    {"linear 64 of 40", 40, 1, 64, 8, 32, false, true},
};

static void run_attention(const Kernels *k, void *args) { k->attention(args); }
static void run_attention_grad(const Kernels *k, void *args) { k->attention_grad(args); }
static void run_linear(const Kernels *k, void *args) { k->linear_attention(args); }
static void run_linear_grad(const Kernels *k, void *args) { k->linear_attention_grad(args); }

static void bench_attention(const Bench *b, const AttentionCase *c)
{
    int64_t width = c->heads * c->dim, tokens = c->outer * c->inner * c->n;
    Tensor qkv = make(b->type, SHAPE(tokens, 3 * width)), out = make(b->type, SHAPE(tokens, width)),
           d = make(b->type, qkv.shape);
    Tensor bias = make(JIG_F32, SHAPE(c->heads, c->n, c->n)), dbias = make(JIG_F32, bias.shape);
    size_t size = dtype_size(b->type) * (size_t)width;
    AttentionArgs a = {.outer = c->outer,
                       .inner = c->inner,
                       .nq = c->n,
                       .nk = c->n,
                       .heads = c->heads,
                       .dim = c->dim,
                       .type = b->type,
                       .q = qkv.data,
                       .k = (char *)qkv.data + size,
                       .v = (char *)qkv.data + 2 * size,
                       .q_pitch = 3 * width,
                       .k_pitch = 3 * width,
                       .v_pitch = 3 * width,
                       .out_pitch = width,
                       .scale = 0.15f,
                       .bias = c->bias ? bias.data : NULL,
                       .out = out.data};
    double one = c->linear ? 4.0 * (double)(tokens * width * c->dim) : 4.0 * (double)(tokens * width * c->n);
    measure(b, (Case){c->linear ? "linear_attention" : "attention", c->name, one, bytes(&qkv) + bytes(&out),
                      c->linear ? run_linear : run_attention, &a});
    a.dout = out.data;
    a.dq = d.data;
    a.dk = (char *)d.data + size;
    a.dv = (char *)d.data + 2 * size;
    a.dq_pitch = a.dk_pitch = a.dv_pitch = 3 * width;
    a.dbias = c->bias ? dbias.data : NULL;
    measure(b, (Case){c->linear ? "linear_attention_grad" : "attention_grad", c->name, 2.5 * one,
                      2 * bytes(&qkv) + bytes(&out), c->linear ? run_linear_grad : run_attention_grad, &a});
    finish_case(NULL, 0);
}

/* ---- the rest: bandwidth ----------------------------------------------------------------------------------------- */

typedef struct Misc { Tensor x, y, z, row, grid, sum, turned, half, twice; } Misc;

static void run_silu(const Kernels *k, void *v) { Misc *m = v; k->unary(ACT_SILU, m->x, m->y); }
static void run_relu(const Kernels *k, void *v) { Misc *m = v; k->unary(ACT_RELU, m->x, m->y); }
static void run_gelu(const Kernels *k, void *v) { Misc *m = v; k->unary(ACT_GELU_ERF, m->x, m->y); }
static void run_silu_grad(const Kernels *k, void *v) { Misc *m = v; k->unary_grad(ACT_SILU, m->x, m->y, m->z); }
static void run_affine(const Kernels *k, void *v) { Misc *m = v; k->affine(m->x, 2, 1, m->y); }
static void run_add(const Kernels *k, void *v) { Misc *m = v; k->binary(BIN_ADD, m->x, m->y, m->z); }
static void run_add_row(const Kernels *k, void *v) { Misc *m = v; k->binary(BIN_ADD, m->x, m->row, m->y); }
static void run_sum_rows(const Kernels *k, void *v) { Misc *m = v; k->reduce(RED_SUM, m->x, m->row); }
static void run_sum_all(const Kernels *k, void *v) { Misc *m = v; k->reduce(RED_MEAN, m->x, m->sum); }
static void run_permute(const Kernels *k, void *v) { Misc *m = v; k->permute(m->x, (int[]){0, 3, 1, 2}, m->turned); }
static void run_fill(const Kernels *k, void *v) { Misc *m = v; k->fill(m->y, 0); }
static void run_up(const Kernels *k, void *v) { Misc *m = v; k->resize(m->x, m->twice, RESIZE_NEAREST, false); }
static void run_bilinear(const Kernels *k, void *v) { Misc *m = v; k->resize(m->x, m->twice, RESIZE_BILINEAR, false); }
static void run_up_grad(const Kernels *k, void *v)
{
    Misc *m = v;
    k->resize_grad(m->twice, m->x, RESIZE_NEAREST, false);
}
static void run_bilinear_grad(const Kernels *k, void *v)
{
    Misc *m = v;
    k->resize_grad(m->twice, m->x, RESIZE_BILINEAR, false);
}
static void run_pool(const Kernels *k, void *v) { Misc *m = v; k->pool(m->x, m->half, 2, 2, 0, false); }
static void run_pool_grad(const Kernels *k, void *v) { Misc *m = v; k->pool_grad(m->x, m->half, m->y, 2, 2, 0, false); }
static void run_warp(const Kernels *k, void *v)
{
    Misc *m = v;
    k->warp(&(WarpArgs){.x = m->x, .grid = m->grid, .y = m->y});
}
static void run_warp_x(const Kernels *k, void *v)
{
    Misc *m = v;
    k->warp_grad_x(&(WarpArgs){.x = m->x, .grid = m->grid, .y = m->y, .dy = m->y.data, .dx = m->z});
}

static void run_softmax(const Kernels *k, void *v)
{
    Misc *m = v;
    const int64_t *d = m->x.shape.d;
    k->softmax(m->x, m->y, d[0], d[1] * d[2], d[3], true);
}

static void run_concat(const Kernels *k, void *v)
{
    Misc *m = v;
    const int64_t *d = m->x.shape.d;
    int64_t zero[4] = {0}, half[4] = {d[0], d[1], d[2], d[3] / 2 + 1};
    k->copy_box(m->x, zero, m->y, zero, half, false);
}

static void run_warp_grid(const Kernels *k, void *v)
{
    Misc *m = v;
    k->warp_grad_grid(&(WarpArgs){.x = m->x, .grid = m->grid, .y = m->y, .dy = m->z.data, .dgrid = m->grid});
}

static const struct { const char *name; void (*run)(const Kernels *k, void *v); double passes;
} misc[] = {
    {"silu", run_silu, 2},
    {"relu", run_relu, 2},
    {"gelu", run_gelu, 2},
    {"silu_grad", run_silu_grad, 3},
    {"affine", run_affine, 2},
    {"add", run_add, 3},
    {"add_row", run_add_row, 2},
    {"sum_rows", run_sum_rows, 1},
    {"sum_all", run_sum_all, 1},
    {"permute", run_permute, 2},
    {"fill", run_fill, 1},
    {"up_nearest", run_up, 5},
    {"up_bilinear", run_bilinear, 5},
    {"up_nearest_grad", run_up_grad, 5},
    {"up_bilinear_grad", run_bilinear_grad, 5},
    {"pool", run_pool, 1.25},
    {"pool_grad", run_pool_grad, 1.25},
    {"warp", run_warp, 2},
    {"warp_grad_x", run_warp_x, 2},
    {"warp_grad_grid", run_warp_grid, 2},
    {"log_softmax", run_softmax, 2},
    {"copy_box", run_concat, 1},
};

static void bench_misc(const Bench *b, const char *name, Shape s)
{
    Misc m = {.x = make(b->type, s),
              .y = make(b->type, s),
              .z = make(b->type, s),
              .row = make(JIG_F32, SHAPE(1, 1, 1, s.d[3])),
              .grid = make(JIG_F32, SHAPE(s.d[0], s.d[1], s.d[2], 2)),
              .sum = make(JIG_F32, SHAPE(1, 1, 1, 1)),
              .turned = make(b->type, SHAPE(s.d[0], s.d[3], s.d[1], s.d[2])),
              .half = make(b->type, SHAPE(s.d[0], s.d[1] / 2, s.d[2] / 2, s.d[3])),
              .twice = make(b->type, SHAPE(s.d[0], s.d[1] * 2, s.d[2] * 2, s.d[3]))};
    float *grid = m.grid.data; /* near the identity, as flows are */
    for (int64_t i = 0; i < shape_count(s) / s.d[3]; i++) {
        grid[2 * i] = 0.02f * grid[2 * i] + 2 * (float)(i % s.d[2]) / (float)s.d[2] - 1;
        grid[2 * i + 1] = 0.02f * grid[2 * i + 1] + 2 * (float)(i / s.d[2] % s.d[1]) / (float)s.d[1] - 1;
    }
    for (int i = 0; i < (int)ARRAY_LEN(misc); i++)
        if (wanted(b, misc[i].name, name))
            measure(b, (Case){misc[i].name, name, 0, misc[i].passes * bytes(&m.x), misc[i].run, &m});
    finish_case(NULL, 0);
}

static void run_adam(const Kernels *k, void *args) { k->adamw(args); }
static void run_squares(const Kernels *k, void *args)
{
    AdamArgs *a = args;
    a->lr += (float)(k->sum_squares(a->n, a->g) * 1e-30);
}
static void run_rope(const Kernels *k, void *args)
{
    Misc *m = args;
    k->rope(m->x, m->y, m->grid.data, 1, 40, 1024, 16, 32, true, 1);
}

static void bench_training(const Bench *b)
{
    int64_t n = 6400000;
    Tensor w = make(JIG_F32, SHAPE(n)), m = make(JIG_F32, SHAPE(n)), v = make(JIG_F32, SHAPE(n)),
           g = make(JIG_F32, SHAPE(n));
    for (int64_t i = 0; i < n; i++) ((float *)v.data)[i] = 1;
    AdamArgs a = {n, w.data, m.data, v.data, g.data, 1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 1, 10};
    if (wanted(b, "adamw", "")) measure(b, (Case){"adamw", "6.4 M weights", 0, 7 * bytes(&w), run_adam, &a});
    if (wanted(b, "sum_squares", "")) measure(b, (Case){"sum_squares", "6.4 M weights", 0, bytes(&w), run_squares, &a});
    Misc r = {.x = make(b->type, SHAPE(40960, 512)),
              .y = make(b->type, SHAPE(40960, 512)),
              .grid = make(JIG_F32, SHAPE(40, 16))};
    if (wanted(b, "rope", "")) measure(b, (Case){"rope", "unet 40960 x 16 x 32", 0, 2 * bytes(&r.x), run_rope, &r});
    finish_case(NULL, 0);
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

static void bench_all(const Bench *b)
{
    for (int i = 0; i < (int)ARRAY_LEN(convs); i++)
        if (wanted(b, "conv conv_train conv_grad_x conv_grad_w", convs[i].name)) bench_conv(b, &convs[i]);
    for (int i = 0; i < (int)ARRAY_LEN(matmuls); i++)
        if (wanted(b, "matmul", matmuls[i].name)) bench_matmul(b, &matmuls[i]);
    for (int i = 0; i < (int)ARRAY_LEN(norms); i++)
        if (wanted(b, "norm", norms[i].name)) bench_norm(b, &norms[i]);
    for (int i = 0; i < (int)ARRAY_LEN(attentions); i++)
        if (wanted(b, "attention", attentions[i].name)) bench_attention(b, &attentions[i]);
    bench_misc(b, "32x64x64x64", SHAPE(32, 64, 64, 64));
    bench_misc(b, "8x128x128x3", SHAPE(8, 128, 128, 3));
    bench_training(b);
}

int main(int argc, char **argv)
{
    Bench b = {.type = JIG_DTYPES, .seconds = 0.3, .names = argv};
    const char *device = "cpu";
    int threads = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--device") && i + 1 < argc) device = argv[++i];
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc) threads = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) b.seconds = atof(argv[++i]);
        else if (!strcmp(argv[i], "--cpu-time")) b.cpu_time = true;
        else if (!strcmp(argv[i], "--type") && i + 1 < argc) b.type = strcmp(argv[++i], "f32") ? JIG_BF16 : JIG_F32;
        else b.names[b.n_names++] = argv[i];
    }
    Err e = {0};
    const Device *d = device_open(device, &e);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    threads_set(threads);
    b.k = d->k;
    DType only = b.type;
    for (int t = JIG_F32; t <= JIG_BF16; t++) {
        b.type = (DType)t;
        if (only == JIG_DTYPES || only == b.type) bench_all(&b);
    }
    return 0;
}
