/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementwise ops, ops that move values, reductions and losses (op_check.h).
 */
#include "op_check.h"

#define B(name) static Node *name(Graph *g, const Case *c, Node **x, Param **p)

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

B(act) { return op_act(g, (Act)c->n[0], x[0]); }

static void test_acts(void **state)
{
    for (int f = ACT_RELU; f < ACT_COUNT; f++) {
        bool positive = f == ACT_LOG || f == ACT_SQRT || f == ACT_RSQRT;
        Case c = {"act", act, {SHAPE(3, 7)}, .n = {f}, .lo = positive ? 0.5f : -2, .hi = positive ? 2.5f : 2,
                  .kinks = f == ACT_RELU || f == ACT_LEAKY_RELU || f == ACT_ABS};
        check_case(&c);
    }
}

B(binary)
{
    static Node *(*const ops[])(Graph *, Node *, Node *) = {op_add, op_sub, op_mul, op_div, op_max, op_min};
    return ops[c->n[0]](g, x[0], x[1]);
}

static void test_binary(void **state)
{
    const Shape pairs[][2] = {{SHAPE(2, 3, 5), SHAPE(2, 3, 5)},
                              {SHAPE(2, 3, 5), SHAPE(3, 1)},
                              {SHAPE(5), SHAPE(4, 3, 5)},
                              {SHAPE(2, 1, 5), SHAPE(1, 3, 1)},
                              {SHAPE(1), SHAPE(3, 2)}};
    for (int f = 0; f < 6; f++)
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
            Case c = {"binary",
                      binary,
                      {pairs[i][0], pairs[i][1]},
                      .n = {f},
                      .kinks = f >= 4,
                      .lo = f == 3 ? 0.5f : -1,
                      .hi = f == 3 ? 2 : 1,
                      .no_bf16 = f >= 4};
            check_case(&c);
        }
}

B(square_sum) { return op_add(g, op_mul(g, x[0], x[0]), x[0]); }
B(affine) { return op_affine(g, op_affine(g, x[0], -2, 0.5f), 0.75f, 1); }
B(clamped) { return op_clamp(g, x[0], -0.5f, 0.6f); }
B(cast_back) { return op_cast(g, op_act(g, ACT_SILU, op_cast(g, x[0], JIG_F32)), graph_type(g)); }
B(mixed) { return op_mul(g, op_cast(g, x[0], JIG_F32), x[1]); }
B(stopped)
{
    static float factors[] = {1, -2, 3};
    Node *f = op_act(g, ACT_ABS, graph_const(g, (Tensor){JIG_F32, SHAPE(3), factors}));
    return op_add(g, op_mul(g, op_stop(g, f), x[0]), x[0]);
}
B(by_param) { return op_mul(g, op_add(g, x[0], graph_param(g, p[0])), graph_param(g, p[1])); }
B(twice) { return op_mul(g, op_mul(g, x[0], graph_param(g, p[0])), graph_param(g, p[0])); }
B(same_grad) { return op_add(g, op_add(g, graph_param(g, p[0]), graph_param(g, p[1])), x[0]); }

static void test_elementwise(void **state)
{
    const Case cases[] = {
        {"square_sum", square_sum, {SHAPE(3, 3)}},
        {"affine", affine, {SHAPE(7)}},
        {"clamp", clamped, {SHAPE(31)}, .kinks = true, .no_bf16 = true},
        {"cast", cast_back, {SHAPE(5, 3)}},
        {"mixed types", mixed, {SHAPE(2, 3), SHAPE(3)}},
        {"stop", stopped, {SHAPE(2, 3)}},
        {"with parameters", by_param, {SHAPE(2, 5)}, {SHAPE(5), SHAPE(2, 1)}},
        {"a parameter twice", twice, {SHAPE(2, 5)}, {SHAPE(5)}},
        {"one gradient for two", same_grad, {SHAPE(2, 5)}, {SHAPE(2, 5), SHAPE(2, 5)}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

B(reshape) { return op_act(g, ACT_SILU, op_reshape(g, x[0], SHAPE(4, -1))); }
B(permute) { return op_permute(g, op_act(g, ACT_TANH, x[0]), (const int[]){2, 0, 1}); }
B(permute_view) { return op_permute(g, x[0], (const int[]){1, 0, 2}); }
B(slice) { return op_slice(g, x[0], c->n[0], 1, 2); }
B(slices)
{
    Node *h = op_act(g, ACT_TANH, x[0]);
    Node *a = op_slice(g, h, 1, 0, 2), *b = op_slice(g, h, 1, 1, 2), *whole = op_sum(g, h, 2);
    return op_mul(g, op_add(g, a, b), op_add(g, op_slice(g, h, 1, 2, 2), whole));
}
B(halves)
{
    Node *h = op_act(g, ACT_TANH, x[0]);
    return op_mul(g, op_slice(g, h, 1, 0, 2), op_slice(g, h, 1, 2, 2));
}
B(concat) { return op_concat(g, (Node *[]){x[0], x[1], x[0]}, 3, c->n[0]); }
B(concat_one) { return op_concat(g, (Node *[]){x[0]}, 1, 0); }
B(repeat) { return op_repeat(g, x[0], c->n[0], 3); }
B(pad) { return op_pad(g, x[0], (const int64_t[]){0, 1, 2}, (const int64_t[]){1, 2, 0}, (Pad)c->n[0]); }

static void test_shapes(void **state)
{
    const Case cases[] = {
        {"reshape", reshape, {SHAPE(2, 3, 4)}},
        {"permute", permute, {SHAPE(2, 3, 4)}},
        {"permute of 1", permute_view, {SHAPE(1, 3, 4)}},
        {"slice 0", slice, {SHAPE(4, 3, 3)}, .n = {0}},
        {"slice 1", slice, {SHAPE(2, 3, 4)}, .n = {1}},
        {"slice -1", slice, {SHAPE(2, 3, 4)}, .n = {-1}},
        {"slice behind ones", slice, {SHAPE(1, 5, 2)}, .n = {1}},
        {"overlapping slices", slices, {SHAPE(3, 4)}},
        {"two halves", halves, {SHAPE(3, 4)}},
        {"concat 0", concat, {SHAPE(2, 3), SHAPE(1, 3)}, .n = {0}},
        {"concat -1", concat, {SHAPE(2, 3, 4), SHAPE(2, 3, 1)}, .n = {-1}},
        {"concat of one", concat_one, {SHAPE(2, 3)}},
        {"repeat 1", repeat, {SHAPE(2, 1, 5)}, .n = {1}},
        {"repeat long", repeat, {SHAPE(2, 1, 70)}, .n = {1}},
        {"repeat last", repeat, {SHAPE(2, 3, 1)}, .n = {2}},
        {"pad zero", pad, {SHAPE(2, 3, 4)}, .n = {PAD_ZERO}},
        {"pad replicate", pad, {SHAPE(2, 3, 4)}, .n = {PAD_REPLICATE}},
        {"pad reflect", pad, {SHAPE(2, 3, 4)}, .n = {PAD_REFLECT}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- reductions -------------------------------------------------------------------------------------------------- */

B(sum) { return op_sum(g, x[0], (unsigned)c->n[0]); }
B(mean) { return op_mean(g, x[0], (unsigned)c->n[0]); }
B(largest) { return op_reduce_max(g, x[0], (unsigned)c->n[0]); }
B(mean_all) { return op_mean_all(g, op_act(g, ACT_SQUARE, x[0])); }
B(softmax) { return op_softmax(g, x[0], c->n[0]); }
B(log_softmax) { return op_log_softmax(g, x[0], c->n[0]); }

static void test_reductions(void **state)
{
    const Case cases[] = {
        {"sum", sum, {SHAPE(2, 3, 4)}, .n = {2}},
        {"sum of two", sum, {SHAPE(2, 3, 4)}, .n = {5}},
        {"mean", mean, {SHAPE(2, 3, 4)}, .n = {4}},
        {"mean of all", mean, {SHAPE(2, 3)}, .n = {3}},
        {"mean_all", mean_all, {SHAPE(5, 2)}},
        {"max", largest, {SHAPE(3, 5)}, .n = {2}, .kinks = true, .no_bf16 = true},
        {"softmax", softmax, {SHAPE(2, 5)}, .n = {1}},
        {"softmax 0", softmax, {SHAPE(3, 2, 2)}, .n = {0}},
        {"log softmax", log_softmax, {SHAPE(2, 3, 2)}, .n = {1}},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

static Node *probabilities(Graph *g, Node *x)
{
    return op_act(g, ACT_SIGMOID, op_cast(g, x, JIG_F32));
}

B(l1) { return op_loss_l1(g, x[0], x[1], NULL); }
B(l1_weighted) { return op_loss_l1(g, x[0], x[1], x[2]); }
B(mse) { return op_loss_mse(g, x[0], x[1], x[2]); }
B(bce) { return op_loss_bce(g, x[0], probabilities(g, x[1]), NULL); }
B(bce_weighted) { return op_loss_bce(g, x[0], probabilities(g, x[1]), x[2]); }
B(xent) { return op_loss_xent(g, x[0], op_softmax(g, op_cast(g, x[1], JIG_F32), 1), 1, c->n[0] ? x[2] : NULL); }

static void test_losses(void **state)
{
    const Case cases[] = {
        {"l1", l1, {SHAPE(4, 5), SHAPE(4, 5)}, .kinks = true, .no_bf16 = true},
        {"l1 weighted", l1_weighted, {SHAPE(4, 5), SHAPE(4, 5), SHAPE(4, 1)}, .kinks = true, .no_bf16 = true},
        {"mse", mse, {SHAPE(4, 5), SHAPE(4, 5), SHAPE(4, 5)}, .no_bf16 = true},
        {"bce", bce, {SHAPE(4, 5), SHAPE(4, 5)}, .no_bf16 = true},
        {"bce weighted", bce_weighted, {SHAPE(4, 5), SHAPE(4, 5), SHAPE(5)}, .no_bf16 = true},
        {"cross entropy", xent, {SHAPE(2, 4, 3), SHAPE(2, 4, 3)}, .no_bf16 = true},
        {"cross entropy weighted", xent, {SHAPE(2, 4, 3), SHAPE(2, 4, 3), SHAPE(2, 1, 3)}, .n = {1}, .no_bf16 = true},
    };
    check_cases(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acts),   cmocka_unit_test(test_binary),     cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_reductions), cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests_name("simple ops", tests, NULL, NULL);
}
