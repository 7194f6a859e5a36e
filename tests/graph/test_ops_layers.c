/* SPDX-License-Identifier: Apache-2.0
 *
 * Products, convolutions, norms, attention, pictures, embedding, and small compositions of them (op_check.h).
 */
#include "op_check.h"

#define B(name) static Node *name(Graph *g, const Case *c, Node **x, Param **p)

/* ---- products ---------------------------------------------------------------------------------------------------- */

B(linear) { return op_linear(g, x[0], p[0], c->p[1].n ? p[1] : NULL); }
B(matmul) { return op_matmul(g, x[0], x[1], c->n[0], c->n[1]); }

static void test_products(void **state)
{
    const Case cases[] = {
        {"linear", linear, {SHAPE(2, 3, 5)}, {SHAPE(4, 5), SHAPE(4)}},
        {"linear without bias", linear, {SHAPE(7, 3)}, {SHAPE(1, 3)}},
        {"matmul", matmul, {SHAPE(2, 3, 4), SHAPE(2, 4, 5)}},
        {"matmul ta", matmul, {SHAPE(2, 4, 3), SHAPE(2, 4, 5)}, .n = {1, 0}},
        {"matmul tb", matmul, {SHAPE(3, 4), SHAPE(5, 4)}, .n = {0, 1}},
        {"matmul ta tb", matmul, {SHAPE(1, 2, 4, 3), SHAPE(1, 2, 5, 4)}, .n = {1, 1}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

B(conv)
{
    int s = c->n[0], pad = c->n[1];
    ConvOpts o = {.stride = {1, s, s}, .pad_lo = {0, pad, pad}, .pad_hi = {0, pad, pad}, .groups = c->n[2]};
    return op_conv(g, x[0], p[0], c->p[1].n ? p[1] : NULL, o);
}
B(conv_odd)
{
    ConvOpts o = {.stride = {2, 1, 2}, .pad_lo = {1, 0, 2}, .pad_hi = {0, 1, 1}, .dilation = {1, 2, 1}};
    return op_conv(g, x[0], p[0], p[1], o);
}
B(deconv)
{
    int s = c->n[0], pad = c->n[1];
    ConvOpts o = {.stride = {1, s, s}, .pad_lo = {0, pad, pad}, .pad_hi = {0, pad, pad}, .groups = c->n[2]};
    return op_conv_transpose(g, x[0], p[0], p[1], o);
}

B(conv_line)
{
    ConvOpts o = {.stride = {1, 1, c->n[0]}, .pad_lo = {0, 0, c->n[1]}, .pad_hi = {0, 0, c->n[1]}, .groups = c->n[2]};
    return op_conv(g, x[0], p[0], p[1], o);
}
/* weight norm: w = gain v / |v|, the norm for each tap over the other axes */
B(conv_of_node)
{
    Node *v = graph_param(g, p[0]), *gain = graph_param(g, p[1]);
    Node *scale = op_mul(g, gain, op_act(g, ACT_RSQRT, op_sum(g, op_act(g, ACT_SQUARE, v), 3)));
    return op_conv_node(g, x[0], op_mul(g, v, scale), graph_param(g, p[2]), (ConvOpts){.pad_lo = {0, 0, 2}, .pad_hi = {0, 0, 2}, .groups = 2});
}

static void test_convolutions(void **state)
{
    const Case cases[] = {
        {"conv 3x3", conv, {SHAPE(2, 5, 4, 3)}, {SHAPE(4, 3, 3, 3), SHAPE(4)}, .n = {1, 1}},
        {"conv 1x1", conv, {SHAPE(2, 3, 3, 5)}, {SHAPE(2, 5, 1, 1)}, .n = {1, 0}},
        {"conv stride", conv, {SHAPE(1, 6, 5, 2)}, {SHAPE(3, 2, 4, 4), SHAPE(3)}, .n = {2, 1}},
        {"conv groups", conv, {SHAPE(1, 4, 4, 6)}, {SHAPE(4, 3, 3, 3), SHAPE(4)}, .n = {1, 1, 2}},
        {"conv per channel", conv, {SHAPE(1, 5, 4, 4)}, {SHAPE(4, 1, 3, 3), SHAPE(4)}, .n = {1, 1, 4}},
        {"conv frames", conv, {SHAPE(1, 2, 4, 5, 3)}, {SHAPE(4, 3, 1, 3, 3), SHAPE(4)}, .n = {1, 1}},
        {"conv 3-D", conv_odd, {SHAPE(1, 4, 5, 6, 2)}, {SHAPE(3, 2, 2, 2, 3), SHAPE(3)}},
        {"conv line", conv_line, {SHAPE(2, 9, 3)}, {SHAPE(4, 3, 3), SHAPE(4)}, .n = {2, 1}},
        {"conv line groups", conv_line, {SHAPE(1, 7, 4)}, {SHAPE(6, 2, 4), SHAPE(6)}, .n = {1, 2, 2}},
        {"conv of a node", conv_of_node, {SHAPE(1, 6, 4)}, {SHAPE(4, 2, 4), SHAPE(1, 1, 4), SHAPE(4)}},
        {"transposed", deconv, {SHAPE(2, 3, 4, 3)}, {SHAPE(3, 2, 4, 4), SHAPE(2)}, .n = {2, 1}},
        {"transposed groups", deconv, {SHAPE(1, 3, 3, 4)}, {SHAPE(4, 3, 3, 3), SHAPE(6)}, .n = {2, 0, 2}},
        {"transposed frames", deconv, {SHAPE(1, 2, 3, 3, 2)}, {SHAPE(2, 3, 1, 4, 4), SHAPE(3)}, .n = {2, 1}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- norms ------------------------------------------------------------------------------------------------------- */

B(norm)
{
    return op_norm(g, (NormKind)c->n[0], x[0], c->n[1], 1e-3f, c->p[0].n ? p[0] : NULL, c->p[1].n ? p[1] : NULL, x[1],
                   x[2], (Act)c->n[2]);
}
B(norm_fixed)
{
    Param *mean = p[2], *var = p[3];
    mean->trainable = var->trainable = false;
    return op_batch_norm_fixed(g, x[0], mean, var, p[0], p[1], 1e-2f, (Act)c->n[0]);
}

static void test_norms(void **state)
{
    const Shape x = SHAPE(2, 3, 2, 2, 4), C = SHAPE(4), BC = SHAPE(2, 4);
    const Case cases[] = {
        {"layer norm", norm, {SHAPE(3, 5, 7)}, {SHAPE(7), SHAPE(7)}, .n = {NORM_LAYER}},
        {"layer norm, gain only", norm, {SHAPE(3, 7)}, {SHAPE(7)}, .n = {NORM_LAYER}},
        {"layer norm, plain", norm, {SHAPE(3, 7)}, .n = {NORM_LAYER}},
        {"layer norm, a clip's",
         norm,
         {SHAPE(2, 3, 5), SHAPE(2, 5), SHAPE(2, 5)},
         {SHAPE(5), SHAPE(5)},
         .n = {NORM_LAYER}},
        {"layer norm, a frame's", norm, {SHAPE(2, 3, 5), SHAPE(2, 3, 5), SHAPE(2, 3, 5)}, .n = {NORM_LAYER}},
        {"layer norm, one for all", norm, {SHAPE(2, 3, 5), SHAPE(1, 5), SHAPE(1, 5)}, .n = {NORM_LAYER}},
        {"RMS norm", norm, {SHAPE(2, 3, 6), SHAPE(2, 6)}, {SHAPE(6)}, .n = {NORM_RMS}},
        {"group norm", norm, {x}, {C, C}, .n = {NORM_GROUP, 2, ACT_SILU}},
        {"group norm, scaled", norm, {x, BC, BC}, {C, C}, .n = {NORM_GROUP, 2, ACT_SILU}},
        {"group norm, shift only", norm, {x, {0}, BC}, {C, C}, .n = {NORM_GROUP, 4, ACT_NONE}},
        {"group norm a frame", norm, {x, SHAPE(2, 3, 4), SHAPE(2, 3, 4)}, {C, C}, .n = {NORM_GROUP_FRAME, 2, ACT_SILU}},
        {"group norm a frame, a clip's", norm, {x, BC, BC}, {C, C}, .n = {NORM_GROUP_FRAME, 2, ACT_NONE}},
        {"batch norm", norm, {SHAPE(3, 2, 2, 4)}, {C, C}, .n = {NORM_BATCH, 0, ACT_LEAKY_RELU}, .kinks = true},
        {"fixed", norm_fixed, {SHAPE(3, 2, 2, 4)}, {C, C, C, C}, .n = {ACT_NONE}, .lo = 0.2f, .hi = 1},
        {"fixed, SiLU", norm_fixed, {SHAPE(3, 2, 2, 4)}, {C, C, C, C}, .n = {ACT_SILU}, .lo = 0.2f, .hi = 1},
        {"fixed, ReLU",
         norm_fixed,
         {SHAPE(3, 2, 2, 4)},
         {C, C, C, C},
         .n = {ACT_RELU},
         .lo = 0.2f,
         .hi = 1,
         .kinks = true},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

enum { HEADS = 2, DIM = 4, WIDTH = HEADS * DIM };

static AttentionOpts options(const Case *c)
{
    return (AttentionOpts){.axis = 1, .heads = HEADS, .dim = DIM, .linear = c->n[0], .causal = c->n[1]};
}

B(separate) { return op_attention(g, x[0], x[1], x[2], options(c)); }
B(fused)
{
    AttentionOpts o = options(c);
    o.q_at = c->n[2];
    o.k_at = c->n[2] + WIDTH;
    o.v_at = c->n[2] + 2 * WIDTH;
    return op_attention(g, op_act(g, ACT_TANH, x[0]), op_act(g, ACT_TANH, x[0]), op_act(g, ACT_TANH, x[0]), o);
}
B(fused_one)
{
    AttentionOpts o = options(c);
    o.q_at = c->n[2];
    o.k_at = c->n[2] + WIDTH;
    o.v_at = c->n[2] + 2 * WIDTH;
    return op_attention(g, x[0], x[0], x[0], o);
}
B(shared) { return op_attention(g, x[0], x[0], x[1], options(c)); }
B(with_bias)
{
    AttentionOpts o = options(c);
    o.bias = op_cast(g, x[2], JIG_F32);
    return op_attention(g, x[0], x[1], x[1], o);
}
B(with_mask)
{
    static uint8_t mask[] = {1, 1, 0, 1, 0, 1, 1, 1};
    AttentionOpts o = options(c);
    o.key_mask = graph_const(g, (Tensor){JIG_U8, SHAPE(2, 4), mask});
    return op_attention(g, x[0], x[1], x[1], o);
}

static float angles[5 * DIM / 2];

B(rope) { return op_rope(g, x[0], 1, HEADS, DIM, c->n[0], angles, c->n[1]); }
B(rope_attention)
{
    Node *qkv = op_rope(g, op_act(g, ACT_TANH, x[0]), 1, 2 * HEADS, DIM, 0, angles, true);
    AttentionOpts o = {.axis = 1, .heads = HEADS, .dim = DIM, .k_at = WIDTH, .v_at = 2 * WIDTH};
    return op_attention(g, qkv, qkv, qkv, o);
}

B(reorder)
{
    static int32_t from[] = {3, 0, 5, 1, 2, 4}, back[] = {1, 3, 4, 0, 5, 2};
    Node *f = graph_const(g, (Tensor){JIG_I32, SHAPE(6), from}), *b = graph_const(g, (Tensor){JIG_I32, SHAPE(6), back});
    return op_reorder(g, op_act(g, ACT_TANH, x[0]), f, b, SHAPE(3, 2, 5));
}

static void test_attention(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(angles); i++)
        angles[i] = 0.3f * (float)i;
    const Shape q = SHAPE(2, 3, WIDTH), k = SHAPE(2, 4, WIDTH), qkv = SHAPE(2, 5, 3, 3 * WIDTH);
    const Case cases[] = {
        {"separate", separate, {q, k, k}},
        {"causal", separate, {q, k, k}, .n = {0, 1}},
        {"three nodes", fused, {qkv}},
        {"one node over time", fused_one, {qkv}},
        {"one node, channels left over", fused_one, {SHAPE(1, 5, 3 * WIDTH + 2)}, .n = {0, 0, 1}},
        {"the same q and k", shared, {q, q}},
        {"bias", with_bias, {q, k, SHAPE(HEADS, 3, 4)}},
        {"bias of each sequence", with_bias, {q, k, SHAPE(2, HEADS, 3, 4)}},
        {"mask", with_mask, {q, k}},
        {"linear", separate, {q, q, q}, .n = {1}},
        {"linear of one node", fused_one, {qkv}, .n = {1}},
        {"rope", rope, {SHAPE(2, 5, WIDTH)}, .n = {0, 0}},
        {"rope of some channels", rope, {SHAPE(2, 5, 3, WIDTH + 3)}, .n = {2, 1}},
        {"rope and attention", rope_attention, {qkv}},
        {"reorder", reorder, {SHAPE(2, 3, 5)}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

B(resize) { return op_resize(g, x[0], c->n[1], c->n[2], (Resize)c->n[0], c->n[3]); }
B(pool) { return op_pool(g, x[0], c->n[0], c->n[1], c->n[2], c->n[3]); }
B(warp) { return op_warp(g, x[0], op_cast(g, x[1], JIG_F32), (WarpEdge)c->n[0], c->n[1], c->n[2]); }

static void test_pictures(void **state)
{
    const Shape x = SHAPE(2, 4, 5, 3), grid = SHAPE(2, 3, 3, 2);
    const Case cases[] = {
        {"nearest", resize, {x}, .n = {RESIZE_NEAREST, 8, 7}},
        {"bilinear up", resize, {x}, .n = {RESIZE_BILINEAR, 7, 9}},
        {"bilinear down, align", resize, {x}, .n = {RESIZE_BILINEAR, 3, 2, 1}},
        {"bicubic", resize, {SHAPE(1, 2, 4, 5, 2)}, .n = {RESIZE_BICUBIC, 6, 6}},
        {"mean pool", pool, {x}, .n = {2, 2, 0, 0}},
        {"mean pool, padded", pool, {SHAPE(1, 2, 5, 5, 2)}, .n = {3, 2, 1, 0}},
        {"max pool", pool, {x}, .n = {3, 1, 1, 1}, .kinks = true, .no_bf16 = true},
        {"warp zeros", warp, {x, grid}, .n = {WARP_ZEROS, 0, 0}, .kinks = true, .no_bf16 = true},
        {"warp border", warp, {x, grid}, .n = {WARP_BORDER, 1, 0}, .kinks = true, .no_bf16 = true},
        {"warp reflect", warp, {x, grid}, .n = {WARP_REFLECT, 0, 0}, .kinks = true, .no_bf16 = true},
        {"warp a clip, pixels",
         warp,
         {SHAPE(1, 2, 4, 5, 2), SHAPE(1, 2, 3, 3, 2)},
         .n = {WARP_BORDER, 0, 1},
         .kinks = true,
         .no_bf16 = true,
         .lo = 0.1f,
         .hi = 2.9f},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- compositions ------------------------------------------------------------------------------------------------ */

static int32_t ids[] = {3, 0, 3, 1, 4, 3};

B(embedding)
{
    return op_mul(
        g, op_cast(g, op_embedding(g, p[0], graph_const(g, (Tensor){JIG_I32, SHAPE(2, 3), ids})), graph_type(g)), x[0]);
}

static const ConvOpts same = {.pad_lo = {0, 1, 1}, .pad_hi = {0, 1, 1}};

B(res_block)
{
    Node *h = op_norm(g, NORM_GROUP, x[0], 2, 1e-3f, NULL, NULL, NULL, NULL, ACT_SILU);
    h = op_act(g, ACT_SILU, op_conv(g, h, p[0], p[1], same));
    return op_add(g, op_conv(g, h, p[2], p[3], same), x[0]);
}
B(relu_residual)
{
    Node *h = op_act(g, ACT_RELU, op_conv(g, x[0], p[0], p[1], same));
    Node *flat = op_reshape(g, op_conv(g, h, p[2], NULL, same), SHAPE(-1, 4));
    return op_act(g, ACT_LEAKY_RELU, op_add(g, op_reshape(g, x[0], SHAPE(-1, 4)), flat));
}
B(mlp)
{
    Node *h = op_act(g, ACT_GELU_TANH, op_linear(g, x[0], p[0], p[1]));
    return op_add(g, x[0], op_linear(g, h, p[2], p[3]));
}
B(two_products)
{
    return op_act(g, ACT_TANH, op_add(g, op_linear(g, x[0], p[0], NULL), op_linear(g, x[1], p[1], NULL)));
}
B(shared_weight) { return op_linear(g, op_act(g, ACT_TANH, op_linear(g, x[0], p[0], p[1])), p[0], p[1]); }
B(gated)
{
    Node *h = op_linear(g, x[0], p[0], NULL);
    return op_mul(g, op_slice(g, h, 1, 0, 3), op_act(g, ACT_SILU, op_slice(g, h, 1, 3, 3)));
}

static void test_compositions(void **state)
{
    const Shape x = SHAPE(2, 4, 3, 4), w = SHAPE(4, 4, 3, 3), b = SHAPE(4);
    const Case cases[] = {
        {"embedding", embedding, {SHAPE(2, 3, 4)}, {SHAPE(5, 4)}},
        {"residual block", res_block, {x}, {w, b, w, b}},
        {"ReLU and residual", relu_residual, {x}, {w, b, w}, .kinks = true, .no_bf16 = true},
        {"MLP", mlp, {SHAPE(2, 3, 4)}, {SHAPE(6, 4), SHAPE(6), SHAPE(4, 6), SHAPE(4)}},
        {"sum of products", two_products, {SHAPE(3, 4), SHAPE(3, 5)}, {SHAPE(6, 4), SHAPE(6, 5)}},
        {"shared weight", shared_weight, {SHAPE(3, 4)}, {SHAPE(4, 4), SHAPE(4)}},
        {"gate", gated, {SHAPE(3, 4)}, {SHAPE(6, 4)}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),  cmocka_unit_test(test_convolutions), cmocka_unit_test(test_norms),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_pictures),     cmocka_unit_test(test_compositions),
    };
    return cmocka_run_group_tests_name("layer ops", tests, NULL, NULL);
}
