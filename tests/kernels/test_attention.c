/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention, linear attention, rotary positions and their gradients: cpu against ref.
 */
#include "kernel_check.h"

#include <string.h>

/* biases: how many different ones there are, from sequence to sequence; 0 counts as 1 */
typedef struct Case { int64_t outer, inner, nq, nk; int heads, dim; bool bias, mask, causal; int64_t biases; } Case;

static const Case table[] = {
    {1, 1, 1, 1, 1, 1},
    {2, 9, 40, 40, 8, 32, .bias = true},
    {1, 1, 150, 150, 4, 64, .causal = true},
    {2, 1, 33, 77, 3, 40, .mask = true},
    {1, 1, 300, 600, 2, 64, .mask = true, .bias = true},
    {1, 1, 520, 520, 1, 17, .causal = true},
    {3, 4, 5, 9, 2, 8, .causal = true},
    {1, 3, 7, 3, 2, 5, .causal = true},
    {2, 1, 64, 257, 2, 48, .mask = true, .causal = true},
    {1, 1, 1, 300, 1, 64},
    {12, 1, 64, 64, 4, 32, .bias = true, .biases = 4},
    {6, 2, 16, 16, 5, 16, .bias = true, .mask = true, .biases = 3},
    {4, 1, 20, 300, 2, 8, .bias = true, .biases = 2},
};

/* q, k, v (and their gradients) lie side by side in rows of one tensor, as a fused projection leaves them. */
static AttentionArgs arguments(const Case *c, DType t, Tensor *q, Tensor *kv)
{
    int64_t width = c->heads * c->dim, tokens = c->outer * c->inner;
    *q = check_random(t, SHAPE(tokens * c->nq, width + 3), 1);
    *kv = check_random(t, SHAPE(tokens * c->nk, 2 * width), 1);
    return (AttentionArgs){.outer = c->outer,
                           .inner = c->inner,
                           .nq = c->nq,
                           .nk = c->nk,
                           .heads = c->heads,
                           .dim = c->dim,
                           .type = t,
                           .q = q->data,
                           .k = kv->data,
                           .v = (char *)kv->data + (size_t)width * dtype_size(t),
                           .q_pitch = width + 3,
                           .k_pitch = 2 * width,
                           .v_pitch = 2 * width,
                           .out_pitch = width,
                           .scale = 0.25f,
                           .causal = c->causal};
}

static void aim(AttentionArgs *a, Tensor dq, Tensor dkv)
{
    int64_t width = a->heads * a->dim;
    a->dq = dq.data;
    a->dk = dkv.data;
    a->dv = (char *)dkv.data + (size_t)width * dtype_size(a->type);
    a->dq_pitch = width;
    a->dk_pitch = a->dv_pitch = 2 * width;
}

typedef void AttentionFn(const AttentionArgs *a);

static void compare(const Case *c, DType t, bool linear)
{
    Tensor q, kv, dbias = {JIG_F32}, dbias2;
    check_case("%s[%d, %d] %d x %d, %d heads of %d %s%s%s%s", linear ? "linear " : "", (int)c->outer, (int)c->inner,
               (int)c->nq, (int)c->nk, c->heads, c->dim, dtype_name(t), c->bias ? " bias" : "", c->mask ? " mask" : "",
               c->causal ? " causal" : "");
    AttentionArgs a = arguments(c, t, &q, &kv);
    int64_t width = c->heads * c->dim;
    Tensor out = check_like((Tensor){t, SHAPE(c->outer * c->inner * c->nq, width)}), out2 = check_like(out);
    Tensor dout = check_random(t, out.shape, 1), dq = check_like(out), dq2 = check_like(out), dkv = check_like(kv),
           dkv2 = check_like(kv);
    Tensor bias = check_random(JIG_F32, SHAPE(MAX(c->biases, 1), c->heads, c->nq, c->nk), 1),
           mask = check_like((Tensor){JIG_U8, SHAPE(c->outer, c->nk)});
    for (int64_t i = 0; i < c->outer * c->nk; i++)
        ((uint8_t *)mask.data)[i] = i < c->nk ? PICK(0, 1, 1) > 0 : i % 7 != 0;
    dbias = check_like(bias);
    dbias2 = check_like(bias);
    if (c->bias) a.bias = bias.data;
    a.bias_groups = c->biases;
    if (c->mask) a.key_mask = mask.data;
    AttentionFn *f = linear ? ref->linear_attention : ref->attention,
                *f2 = linear ? cpu->linear_attention : cpu->attention;
    AttentionFn *g = linear ? ref->linear_attention_grad : ref->attention_grad,
                *g2 = linear ? cpu->linear_attention_grad : cpu->attention_grad;
    a.out = out.data;
    f(&a);
    a.out = out2.data;
    f2(&a);
    Closeness close = t == JIG_BF16 ? ROUNDED : SUM;
    check_close("out", out, out2, close);
    a.dout = dout.data;
    aim(&a, dq, dkv);
    if (c->bias) a.dbias = dbias.data;
    g(&a);
    aim(&a, dq2, dkv2);
    if (c->bias) a.dbias = dbias2.data;
    g2(&a);
    check_close("dq", dq, dq2, close);
    check_close("dk, dv", dkv, dkv2, close);
    if (c->bias) check_close("dbias", dbias, dbias2, close);
    check_free_all();
}

static void test_attention(void **state)
{
    check_seed(1);
    for (int i = 0; i < (int)ARRAY_LEN(table); i++)
        for (int t = 0; t < 2; t++) compare(&table[i], t ? JIG_BF16 : JIG_F32, false);
    for (int i = 0; i < 30; i++) {
        Case c = {PICK(1, 2),          PICK(1, 3),         PICK(1, 5, 40, 49),
                  PICK(1, 16, 40, 70), (int)PICK(1, 2, 5), (int)PICK(1, 8, 17, 32, 33),
                  check_coin(),        check_coin(),       check_coin()};
        compare(&c, check_coin() ? JIG_BF16 : JIG_F32, false);
    }
}

static void test_linear(void **state)
{
    static const Case cases[] = {{1, 1, 1, 1, 1, 1},
                                 {3, 1, 256, 256, 8, 32},
                                 {1, 2, 65, 65, 2, 17},
                                 {2, 1, 1024, 1024, 1, 64},
                                 {1, 1, 30, 30, 3, 5}};
    check_seed(2);
    for (int i = 0; i < (int)ARRAY_LEN(cases) * 2; i++) compare(&cases[i / 2], i & 1 ? JIG_BF16 : JIG_F32, true);
}

static void test_rope(void **state)
{
    check_seed(3);
    for (int i = 0; i < 24; i++) {
        int64_t outer = PICK(1, 3), N = PICK(1, 7, 40), inner = PICK(1, 5);
        int heads = (int)PICK(1, 3), dim = (int)PICK(2, 32, 34);
        Tensor x = check_random(i & 1 ? JIG_BF16 : JIG_F32, SHAPE(outer * N * inner, heads * dim), 1),
               y = check_like(x), y2 = check_like(x);
        Tensor angle = check_random(JIG_F32, SHAPE(N, dim / 2), 10);
        check_case("rope [%d, %d, %d] %d x %d", (int)outer, (int)N, (int)inner, heads, dim);
        ref->rope(x, y, angle.data, outer, N, inner, heads, dim, i & 2, i & 4 ? 1 : -1);
        cpu->rope(x, y2, angle.data, outer, N, inner, heads, dim, i & 2, i & 4 ? 1 : -1);
        check_close("y", y, y2, ELEMENT);
        check_free_all();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention), cmocka_unit_test(test_linear),
                                       cmocka_unit_test(test_rope)};
    return cmocka_run_group_tests_name("kernels/attention", tests, NULL, NULL);
}
