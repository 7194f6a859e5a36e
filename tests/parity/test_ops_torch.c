/* SPDX-License-Identifier: Apache-2.0
 *
 * Each op against PyTorch: forward, and gradients of inputs and parameters, in f32 on `ref` and `cpu`.
 * ops.safetensors (tools/fixtures/ops.py) holds values, results and gradients of the cases; the tables here hold their
 * options under the same names, and each must have the other. A case runs twice a device: with its backward pass, and
 * alone, where weights are constant and packed.
 *
 * Tolerances are a share of a tensor's largest value. The fixture was computed in f64 from the same f32 values, so what
 * is seen is the engine's own rounding.
 *
 * Where the engine differs by its own rule, and the fixture asks PyTorch for that rule or keeps off it: RESIZE_NEAREST
 * is PyTorch's "nearest-exact" ("nearest" is the same at whole factors upwards); causal attention with more keys than
 * queries aligns the last ones (causal_lower_right), is_causal the first ones; where both sides of op_max and op_min
 * are equal the gradient goes to the second, PyTorch halves it.
 */
#include "parity.h"

#include <math.h>
#include <string.h>

#include "graph/graph.h"

enum { MAX_IN = 4 };

/* Sums here have at most some hundred terms and f32 rounds each to 6e-8 of it, so 5e-6 leaves room for some eighty
 * roundings that do not cancel (the worst seen is 1.3e-6, the same as in PyTorch's own f32). Mistakes of formula, edge
 * or index make 1e-3 and more; an eps of 1e-6 for 1e-5 in a norm makes 1e-5 to 4e-5. */
#define USUAL 5e-6
/* Values of 100 +- 1: the mean is rounded to 4e-6, which the division by a deviation of 0.6 makes 1e-5 (seen: 1.3e-5).
 * PyTorch's own f32 is off by 1.1e-5 in layer norm and by 6e-3 in group norm here. */
#define FAR_FROM_0 5e-5

typedef struct Row Row;
typedef Node *BuildFn(Graph *g, const Row *r, Node **x, Param **p);
struct Row {
    const char *name;
    BuildFn *build;
    int n[4];         /* what the builder wants to know */
    ConvOpts conv;    /* of convolutions */
    double tolerance; /* 0: USUAL */
};

#define B(name) static Node *name(Graph *g, const Row *r, Node **x, Param **p)

/* ---- one case on one device -------------------------------------------------------------------------------------- */

typedef struct Run {
    const SafeTensors *st;
    const Row *row;
    const Device *device;
    bool grad;
    Graph *g;
    Node *in[MAX_IN];
    Param params[MAX_IN];
    float *grads[MAX_IN];
} Run;

static bool find(const Run *t, const char *part, int i, Tensor *out)
{
    char name[100];
    snprintf(name, sizeof name, "%s.%s%d", t->row->name, part, i);
    return safetensors_find(t->st, name, out);
}

/* Types as in the file; what has no gradient there is not trained, and is a constant when it is no float. */
static void declare(Run *t, Node **x, Param **p)
{
    Tensor v, d;
    char name[8];
    for (int i = 0; i < MAX_IN; i++) {
        if (find(t, "x", i, &v)) {
            snprintf(name, sizeof name, "x%d", i);
            bool asked = find(t, "dx", i, &d);
            x[i] = asked ? graph_input(t->g, name, v.type, v.shape) : graph_const(t->g, v);
            t->in[i] = asked ? x[i] : NULL;
        }
        if (find(t, "p", i, &v)) {
            bool trained = t->grad && find(t, "dp", i, &d);
            t->grads[i] = trained ? mem_zero(tensor_bytes(&v)) : NULL;
            t->params[i] = (Param){.name = "p", .value = v, .grad = t->grads[i], .trainable = trained};
            p[i] = &t->params[i];
        }
    }
}

static void compare(const Run *t, const char *part, const float *got, Tensor expected)
{
    char what[100];
    snprintf(what, sizeof what, "%s.%s%s", t->row->name, part, t->grad ? "" : " (inference)");
    parity_check(t->device->name, what, got, expected.data, shape_count(expected.shape),
                 t->row->tolerance > 0 ? t->row->tolerance : USUAL);
}

static void compare_output(const Run *t, const char *output, const char *part, Tensor expected)
{
    float *got = mem_alloc((size_t)shape_count(expected.shape) * sizeof *got);
    if (graph_get(t->g, output, got))
        compare(t, part, got, expected);
    else
        parity_complain("%s: %s has no %s", t->device->name, t->row->name, output);
    mem_free(got);
}

static void compare_all(const Run *t, Tensor y)
{
    Tensor v;
    char part[8], output[16];
    compare_output(t, "y", "y", y);
    for (int i = 0; i < MAX_IN && t->grad; i++) {
        snprintf(part, sizeof part, "dx%d", i);
        snprintf(output, sizeof output, "grad:x%d", i);
        if (find(t, "dx", i, &v))
            compare_output(t, output, part, v);
        snprintf(part, sizeof part, "dp%d", i);
        if (find(t, "dp", i, &v))
            compare(t, part, t->grads[i], v);
    }
}

static void set_inputs(const Run *t)
{
    Tensor v;
    char name[8];
    for (int i = 0; i < MAX_IN; i++) {
        snprintf(name, sizeof name, "x%d", i);
        if (t->in[i] && find(t, "x", i, &v))
            assert_true(graph_set(t->g, name, v.data, v.type));
    }
}

/* loss = sum(y * dy), so that the gradients are those of y with the upstream gradient dy. */
static bool build(Run *t, Tensor expected)
{
    Node *x[MAX_IN] = {0};
    Param *p[MAX_IN] = {0};
    Tensor dy;
    char got[96], want[96];
    assert_true(safetensors_find(t->st, "dy", &dy));
    assert_true(shape_count(dy.shape) >= shape_count(expected.shape));
    declare(t, x, p);
    Node *y = t->row->build(t->g, t->row, x, p);
    if (y && !shape_equal(node_shape(y), expected.shape)) {
        parity_complain("%s: y is %s, PyTorch's %s", t->row->name, shape_text(node_shape(y), got),
                        shape_text(expected.shape, want));
        return false;
    }
    graph_output(t->g, "y", y);
    if (t->grad) {
        dy.shape = expected.shape;
        Node *each = op_mul(t->g, y, graph_const(t->g, dy));
        graph_grad(t->g, op_sum(t->g, each, (1u << expected.shape.n) - 1), t->in, NULL, MAX_IN);
    }
    return true;
}

static void run_case(const SafeTensors *st, const Row *row, const Device *device, bool grad)
{
    Err e = {0};
    Tensor y;
    char name[100];
    Run t = {.st = st, .row = row, .device = device, .grad = grad, .g = graph_create(device, JIG_F32)};
    snprintf(name, sizeof name, "%s.y", row->name);
    if (!safetensors_find(st, name, &y)) {
        parity_complain("%s is not in the fixture", row->name);
    } else if (build(&t, y)) {
        bool ok = graph_plan(t.g, &e);
        if (ok) {
            set_inputs(&t);
            ok = graph_run(t.g, &e);
        }
        if (ok)
            compare_all(&t, y);
        else
            parity_complain("%s: %s", row->name, e.text);
    }
    graph_destroy(t.g);
    for (int i = 0; i < MAX_IN; i++)
        mem_free(t.grads[i]);
}

static SafeTensors *fixture;
static bool *seen; /* of the fixture's tensors */

static int setup(void **state)
{
    fixture = parity_open("ops.safetensors");
    seen = mem_zero((size_t)safetensors_count(fixture) * sizeof *seen);
    return 0;
}

static int teardown(void **state)
{
    safetensors_close(fixture);
    mem_free(seen);
    return 0;
}

static void mark_seen(const char *row)
{
    size_t n = strlen(row);
    for (int i = 0; i < safetensors_count(fixture); i++) {
        const char *name = safetensors_name(fixture, i);
        seen[i] = seen[i] || (!strncmp(name, row, n) && name[n] == '.');
    }
}

static void check_rows(const Row *rows, size_t n)
{
    Err e = {0};
    const Device *devices[] = {device_open("ref", &e), device_open("cpu", NULL)};
    assert_non_null(devices[0]);
    for (size_t i = 0; i < n; i++) {
        mark_seen(rows[i].name);
        for (size_t d = 0; d < ARRAY_LEN(devices) && devices[d]; d++) {
            run_case(fixture, &rows[i], devices[d], true);
            run_case(fixture, &rows[i], devices[d], false);
        }
    }
    parity_finish();
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

B(act) { return op_act(g, (Act)r->n[0], x[0]); }
B(binary)
{
    static Node *(*const ops[])(Graph *, Node *, Node *) = {op_add, op_sub, op_mul, op_div, op_max, op_min};
    return ops[r->n[0]](g, x[0], x[1]);
}
B(clamp) { return op_clamp(g, x[0], -0.5f, 0.75f); }
B(stop) { return op_mul(g, op_stop(g, op_act(g, ACT_SQUARE, x[0])), x[0]); }

static void test_elementwise(void **state)
{
    const Row rows[] = {
        {"relu", act, {ACT_RELU}},
        {"leaky_relu", act, {ACT_LEAKY_RELU}},
        {"silu", act, {ACT_SILU}},
        {"gelu_erf", act, {ACT_GELU_ERF}},
        {"gelu_tanh", act, {ACT_GELU_TANH}},
        {"quick_gelu", act, {ACT_QUICK_GELU}},
        {"sigmoid", act, {ACT_SIGMOID}},
        {"tanh", act, {ACT_TANH}},
        {"softplus", act, {ACT_SOFTPLUS}},
        {"exp", act, {ACT_EXP}},
        {"log", act, {ACT_LOG}},
        {"sqrt", act, {ACT_SQRT}},
        {"rsqrt", act, {ACT_RSQRT}},
        {"square", act, {ACT_SQUARE}},
        {"abs", act, {ACT_ABS}},
        {"sin", act, {ACT_SIN}},
        {"cos", act, {ACT_COS}},
        {"silu_far", act, {ACT_SILU}},
        {"gelu_erf_far", act, {ACT_GELU_ERF}},
        {"gelu_tanh_far", act, {ACT_GELU_TANH}},
        {"sigmoid_far", act, {ACT_SIGMOID}},
        {"tanh_far", act, {ACT_TANH}},
        {"softplus_far", act, {ACT_SOFTPLUS}},
        {"exp_far", act, {ACT_EXP}},
        {"add", binary, {0}},
        {"add_row", binary, {0}},
        {"sub", binary, {1}},
        {"sub_row", binary, {1}},
        {"mul", binary, {2}},
        {"mul_row", binary, {2}},
        {"mul_outer", binary, {2}},
        {"div", binary, {3}},
        {"div_row", binary, {3}},
        {"div_outer", binary, {3}},
        {"max", binary, {4}},
        {"max_row", binary, {4}},
        {"min", binary, {5}},
        {"min_row", binary, {5}},
        {"clamp", clamp},
        {"stop", stop},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- shapes, reductions, losses ---------------------------------------------------------------------------------- */

B(permute) { return op_permute(g, x[0], (const int[]){2, 0, 1}); }
B(slice) { return op_slice(g, x[0], 1, 1, 2); }
B(concat) { return op_concat(g, (Node *[]){x[0], x[1], x[0]}, 3, 1); }
B(repeat) { return op_repeat(g, x[0], 1, 3); }
B(pad) { return op_pad(g, x[0], (const int64_t[]){0, 1, 2, 0}, (const int64_t[]){0, 2, 1, 0}, (Pad)r->n[0]); }
B(pad_clip)
{
    return op_pad(g, x[0], (const int64_t[]){0, 2, 0, 1, 0}, (const int64_t[]){0, 0, 1, 2, 0}, (Pad)r->n[0]);
}

static void test_shapes(void **state)
{
    const Row rows[] = {
        {"permute", permute},
        {"slice", slice},
        {"concat", concat},
        {"repeat", repeat},
        {"pad_constant", pad, {PAD_ZERO}},
        {"pad_replicate", pad, {PAD_REPLICATE}},
        {"pad_reflect", pad, {PAD_REFLECT}},
        {"pad_clip_constant", pad_clip, {PAD_ZERO}},
        {"pad_clip_replicate", pad_clip, {PAD_REPLICATE}},
        {"pad_clip_reflect", pad_clip, {PAD_REFLECT}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

B(sum) { return op_sum(g, x[0], 5); }
B(mean) { return op_mean(g, x[0], 6); }
B(largest) { return op_reduce_max(g, x[0], 2); }
B(mean_all) { return op_mean_all(g, x[0]); }
B(softmax) { return op_softmax(g, x[0], r->n[0]); }
B(log_softmax) { return op_log_softmax(g, x[0], r->n[0]); }

static void test_reductions(void **state)
{
    const Row rows[] = {
        {"sum", sum},
        {"mean", mean},
        {"reduce_max", largest},
        {"reduce_max_ties", largest},
        {"mean_all", mean_all},
        {"softmax", softmax, {-1}},
        {"softmax_middle", softmax, {1}},
        {"softmax_first", softmax, {0}},
        {"softmax_large", softmax, {1}},
        {"softmax_large_rows", softmax, {-1}},
        {"log_softmax", log_softmax, {-1}},
        {"log_softmax_middle", log_softmax, {1}},
        {"log_softmax_first", log_softmax, {0}},
        {"log_softmax_large", log_softmax, {1}},
        {"log_softmax_large_rows", log_softmax, {-1}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

B(l1) { return op_loss_l1(g, x[0], x[1], x[2]); }
B(mse) { return op_loss_mse(g, x[0], x[1], x[2]); }
B(bce) { return op_loss_bce(g, x[0], x[1], x[2]); }
B(xent) { return op_loss_xent(g, x[0], x[1], r->n[0], x[2]); }

static void test_losses(void **state)
{
    const Row rows[] = {
        {"loss_l1", l1},
        {"loss_l1_weighted", l1},
        {"loss_mse", mse},
        {"loss_mse_weighted", mse},
        {"loss_bce", bce},
        {"loss_bce_weighted", bce},
        {"loss_bce_far", bce},
        {"loss_xent", xent, {1}},
        {"loss_xent_last", xent, {-1}},
        {"loss_xent_weighted", xent, {1}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- products, convolutions -------------------------------------------------------------------------------------- */

B(linear) { return op_linear(g, x[0], p[0], p[1]); }
B(linear_gelu) { return op_act(g, ACT_GELU_TANH, op_linear(g, x[0], p[0], p[1])); }
B(linear_residual) { return op_act(g, ACT_SILU, op_add(g, op_linear(g, x[0], p[0], p[1]), x[1])); }
B(matmul) { return op_matmul(g, x[0], x[1], r->n[0], r->n[1]); }

static void test_products(void **state)
{
    const Row rows[] = {
        {"linear", linear},
        {"linear_plain", linear},
        {"linear_wide", linear},
        {"linear_gelu", linear_gelu},
        {"linear_residual", linear_residual},
        {"matmul", matmul},
        {"matmul_ta", matmul, {1, 0}},
        {"matmul_tb", matmul, {0, 1}},
        {"matmul_ta_tb", matmul, {1, 1}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

#define PAD(t, h, w) .pad_lo = {t, h, w}, .pad_hi = {t, h, w}

B(conv) { return op_conv(g, x[0], p[0], p[1], r->conv); }
B(conv_residual) { return op_act(g, ACT_SILU, op_add(g, conv(g, r, x, p), x[1])); }
B(deconv) { return op_conv_transpose(g, x[0], p[0], p[1], r->conv); }

static void test_convolutions(void **state)
{
    const Row rows[] = {
        {"conv2d", conv, .conv = {PAD(0, 1, 1)}},
        {"conv2d_plain", conv},
        {"conv2d_wide", conv, .conv = {PAD(0, 1, 1)}},
        {"conv2d_stride", conv, .conv = {.stride = {1, 2, 3}, PAD(0, 1, 2)}},
        {"conv2d_dilation", conv, .conv = {.dilation = {1, 2, 3}, PAD(0, 2, 3)}},
        {"conv2d_groups", conv, .conv = {PAD(0, 1, 1), .groups = 2}},
        {"conv2d_per_channel", conv, .conv = {PAD(0, 1, 1), .groups = 4}},
        {"conv2d_multiplier", conv, .conv = {.stride = {1, 2, 2}, PAD(0, 1, 1), .groups = 3}},
        {"conv2d_asymmetric", conv, .conv = {.stride = {1, 1, 2}, .pad_lo = {0, 1, 0}, .pad_hi = {0, 0, 2}}},
        {"conv2d_residual", conv_residual, .conv = {PAD(0, 1, 1)}},
        {"conv3d", conv, .conv = {PAD(1, 1, 1)}},
        {"conv3d_frames", conv, .conv = {PAD(0, 1, 1)}},
        {"conv3d_mixed", conv,
         .conv = {.stride = {2, 1, 2}, .dilation = {1, 2, 1}, .pad_lo = {1, 0, 2}, .pad_hi = {0, 1, 1}}},
        {"conv3d_causal", conv, .conv = {.pad_lo = {2, 1, 1}, .pad_hi = {0, 1, 1}}},
        {"conv3d_groups", conv, .conv = {PAD(1, 1, 1), .groups = 2}},
        {"deconv2d", deconv, .conv = {.stride = {1, 2, 2}, PAD(0, 1, 1)}},
        {"deconv2d_output_padding", deconv, /* PyTorch's output_padding is less padding at the end */
         .conv = {.stride = {1, 2, 2}, .pad_lo = {0, 1, 1}}},
        {"deconv2d_groups", deconv, .conv = {.stride = {1, 2, 2}, .groups = 2}},
        {"deconv2d_dilation", deconv, .conv = {.dilation = {1, 2, 2}, PAD(0, 1, 1)}},
        {"deconv2d_asymmetric", deconv, .conv = {.stride = {1, 2, 3}, .pad_lo = {0, 1, 0}, .pad_hi = {0, 0, 2}}},
        {"deconv3d", deconv, .conv = {.stride = {2, 2, 2}, PAD(1, 1, 1)}},
        {"deconv3d_frames", deconv, .conv = {.stride = {1, 2, 2}, PAD(0, 1, 1)}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- norms ------------------------------------------------------------------------------------------------------- */

B(norm)
{
    NormKind kind = (NormKind)r->n[0];
    float eps = kind == NORM_GROUP || kind == NORM_GROUP_FRAME ? 1e-3f : 1e-5f;
    return op_norm(g, kind, x[0], r->n[1], eps, p[0], p[1], x[1], x[2], (Act)r->n[2]);
}
B(norm_fixed) { return op_batch_norm_fixed(g, x[0], p[2], p[3], p[0], p[1], 1e-5f, (Act)r->n[0]); }

static void test_norms(void **state)
{
    const Row rows[] = {
        {"group_norm", norm, {NORM_GROUP, 2, ACT_NONE}},
        {"group_norm_silu", norm, {NORM_GROUP, 2, ACT_SILU}},
        {"group_norm_each_channel", norm, {NORM_GROUP, 8, ACT_SILU}},
        {"group_norm_plain", norm, {NORM_GROUP, 4, ACT_SILU}},
        {"group_norm_scaled", norm, {NORM_GROUP, 2, ACT_SILU}},
        {"group_norm_clip", norm, {NORM_GROUP, 2, ACT_SILU}},
        {"group_norm_clip_scaled", norm, {NORM_GROUP, 2, ACT_SILU}},
        {"group_norm_frame", norm, {NORM_GROUP_FRAME, 2, ACT_SILU}},
        {"group_norm_frame_scaled", norm, {NORM_GROUP_FRAME, 2, ACT_SILU}},
        {"group_norm_far", norm, {NORM_GROUP, 2, ACT_SILU}, .tolerance = FAR_FROM_0},
        {"layer_norm", norm, {NORM_LAYER}},
        {"layer_norm_gain", norm, {NORM_LAYER}},
        {"layer_norm_plain", norm, {NORM_LAYER}},
        {"layer_norm_clip", norm, {NORM_LAYER}},
        {"layer_norm_frame", norm, {NORM_LAYER}},
        {"layer_norm_far", norm, {NORM_LAYER}, .tolerance = FAR_FROM_0},
        {"rms_norm", norm, {NORM_RMS}},
        {"rms_norm_scaled", norm, {NORM_RMS}},
        {"batch_norm", norm, {NORM_BATCH, 0, ACT_NONE}},
        {"batch_norm_leaky", norm, {NORM_BATCH, 0, ACT_LEAKY_RELU}},
        {"batch_norm_fixed", norm_fixed, {ACT_NONE}},
        {"batch_norm_fixed_relu", norm_fixed, {ACT_RELU}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

enum { HEADS = 2 };

static AttentionOpts options(int axis, const Node *v)
{
    return (AttentionOpts){.axis = axis, .heads = HEADS, .dim = (int)node_dim(v, -1) / HEADS};
}

B(attention)
{
    AttentionOpts o = options(r->n[0], x[2]);
    o.bias = x[3];
    o.causal = r->n[1];
    o.scale = (float)r->n[2];
    o.linear = r->n[3];
    return op_attention(g, x[0], x[1], x[2], o);
}
B(attention_mask)
{
    AttentionOpts o = options(1, x[2]);
    o.key_mask = x[3];
    return op_attention(g, x[0], x[1], x[2], o);
}
B(attention_fused)
{
    AttentionOpts o = {.axis = 1, .heads = HEADS, .dim = 4, .q_at = 1, .k_at = 9, .v_at = 17};
    return op_attention(g, x[0], x[0], x[0], o);
}
B(rope)
{
    static const float angles[] = {0, 0, 1, 0.1f, 2, 0.2f, 3, 0.3f};
    return op_rope(g, x[0], 1, HEADS, 4, 0, angles, r->n[0]);
}

static void test_attention(void **state)
{
    const Row rows[] = {
        {"attention", attention, {1}},
        {"attention_cross", attention, {1}},
        {"attention_wide", attention, {1}},
        {"attention_sharp", attention, {1, 0, 8}},
        {"attention_bias", attention, {1}},
        {"attention_causal", attention, {1, 1}},
        {"attention_causal_cross", attention, {1, 1}},
        {"attention_mask", attention_mask},
        {"attention_mask_all", attention_mask},
        {"attention_middle", attention, {1}},
        {"attention_middle_bias", attention, {1}},
        {"attention_inner", attention, {2}},
        {"attention_fused", attention_fused},
        {"attention_linear", attention, {1, 0, 0, 1}},
        {"rope_pairs", rope, {1}},
        {"rope_halves", rope, {0}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

B(resize) { return op_resize(g, x[0], r->n[1], r->n[2], (Resize)r->n[0], r->n[3]); }
B(pool) { return op_pool(g, x[0], r->n[0], r->n[1], r->n[2], r->n[3]); }
B(warp) { return op_warp(g, x[0], x[1], (WarpEdge)r->n[0], r->n[1], r->n[2]); }
B(embedding) { return op_embedding(g, p[0], x[0]); }

static void test_resizing(void **state)
{
    const Row rows[] = {
        {"nearest_twice", resize, {RESIZE_NEAREST, 8, 10}},
        {"nearest_up", resize, {RESIZE_NEAREST, 7, 8}},
        {"nearest_down", resize, {RESIZE_NEAREST, 2, 3}},
        {"bilinear_twice", resize, {RESIZE_BILINEAR, 6, 8}},
        {"bilinear_clip", resize, {RESIZE_BILINEAR, 6, 6}},
        {"bilinear_up", resize, {RESIZE_BILINEAR, 7, 9}},
        {"bilinear_down", resize, {RESIZE_BILINEAR, 3, 2}},
        {"bilinear_one", resize, {RESIZE_BILINEAR, 1, 3}},
        {"bilinear_align_up", resize, {RESIZE_BILINEAR, 7, 9, 1}},
        {"bilinear_align_down", resize, {RESIZE_BILINEAR, 3, 2, 1}},
        {"bilinear_align_one", resize, {RESIZE_BILINEAR, 1, 3, 1}},
        {"bicubic_up", resize, {RESIZE_BICUBIC, 7, 9}},
        {"bicubic_down", resize, {RESIZE_BICUBIC, 3, 2}},
        {"bicubic_one", resize, {RESIZE_BICUBIC, 1, 3}},
        {"bicubic_align_up", resize, {RESIZE_BICUBIC, 7, 9, 1}},
        {"bicubic_align_down", resize, {RESIZE_BICUBIC, 3, 2, 1}},
        {"bicubic_align_one", resize, {RESIZE_BICUBIC, 1, 3, 1}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_pools(void **state)
{
    const Row rows[] = {
        {"mean_pool", pool, {2, 2}},
        {"mean_pool_rest", pool, {2, 3}},
        {"mean_pool_padded", pool, {3, 2, 1}},
        {"max_pool", pool, {2, 2, 0, 1}},
        {"max_pool_overlap", pool, {3, 1, 0, 1}},
        {"max_pool_padded", pool, {3, 2, 1, 1}},
        {"max_pool_ties", pool, {2, 2, 0, 1}},
        {"embedding", embedding},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_warps(void **state)
{
    const Row rows[] = {
        {"warp_zeros", warp, {WARP_ZEROS}},
        {"warp_zeros_far", warp, {WARP_ZEROS}},
        {"warp_zeros_exact", warp, {WARP_ZEROS}},
        {"warp_zeros_align", warp, {WARP_ZEROS, 1}},
        {"warp_zeros_align_far", warp, {WARP_ZEROS, 1}},
        {"warp_zeros_align_exact", warp, {WARP_ZEROS, 1}},
        {"warp_border", warp, {WARP_BORDER}},
        {"warp_border_far", warp, {WARP_BORDER}},
        {"warp_border_exact", warp, {WARP_BORDER}},
        {"warp_border_align", warp, {WARP_BORDER, 1}},
        {"warp_border_align_far", warp, {WARP_BORDER, 1}},
        {"warp_border_align_exact", warp, {WARP_BORDER, 1}},
        {"warp_reflection", warp, {WARP_REFLECT}},
        {"warp_reflection_far", warp, {WARP_REFLECT}},
        {"warp_reflection_exact", warp, {WARP_REFLECT}},
        {"warp_reflection_align", warp, {WARP_REFLECT, 1}},
        {"warp_reflection_align_far", warp, {WARP_REFLECT, 1}},
        {"warp_reflection_align_exact", warp, {WARP_REFLECT, 1}},
        {"warp_pixels", warp, {WARP_BORDER, 0, 1}},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* Last: nothing in the fixture went unread. */
static void test_all_seen(void **state)
{
    for (int i = 0; i < safetensors_count(fixture); i++) {
        const char *name = safetensors_name(fixture, i);
        if (!seen[i] && strcmp(name, "dy"))
            parity_complain("%s has no row here", name);
    }
    parity_finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elementwise),  cmocka_unit_test(test_shapes),       cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_losses),       cmocka_unit_test(test_products),     cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_norms),        cmocka_unit_test(test_attention),    cmocka_unit_test(test_resizing),
        cmocka_unit_test(test_pools),        cmocka_unit_test(test_warps),        cmocka_unit_test(test_all_seen),
    };
    return cmocka_run_group_tests_name("ops against PyTorch", tests, setup, teardown);
}
