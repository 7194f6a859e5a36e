/* SPDX-License-Identifier: Apache-2.0
 *
 * layers: linear, convolution, norms, embedding. Parameter names and first values are PyTorch's: weights and biases
 * uniform within +-sqrt(1 / fan_in), gains 1; but embeddings start at N(0, 0.02). Biases, gains and statistics do not
 * decay.
 */
#include "nn/nn.h"

#include <string.h>

static Param *add(ParamSet *ps, const char *prefix, const char *part, Shape s, Init init, double fan_in, bool decay)
{
    char name[400];
    snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", part);
    return params_add(ps, name, s, init, fan_in, decay);
}

void linear_init(Linear *l, ParamSet *ps, const char *prefix, int64_t in, int64_t out, bool bias)
{
    l->weight = add(ps, prefix, "weight", SHAPE(out, in), INIT_KAIMING, 0, true);
    l->bias = bias ? add(ps, prefix, "bias", SHAPE(out), INIT_BIAS, (double)in, false) : NULL;
}

void conv2d_init(Conv *c, ParamSet *ps, const char *prefix, int64_t in, int64_t out, int k, int stride, int pad,
                 bool bias)
{
    *c = (Conv){.o = {.stride = {1, stride, stride}, .pad_lo = {0, pad, pad}, .pad_hi = {0, pad, pad}}};
    c->weight = add(ps, prefix, "weight", SHAPE(out, in, k, k), INIT_KAIMING, 0, true);
    c->bias = bias ? add(ps, prefix, "bias", SHAPE(out), INIT_BIAS, (double)in * k * k, false) : NULL;
}

void conv3d_init(Conv *c, ParamSet *ps, const char *prefix, int64_t in, int64_t out, const int k[3],
                 const int stride[3], const int pad[3], bool bias)
{
    *c = (Conv){0};
    for (int i = 0; i < 3; i++) {
        c->o.stride[i] = stride[i];
        c->o.pad_lo[i] = c->o.pad_hi[i] = pad[i];
    }
    c->weight = add(ps, prefix, "weight", SHAPE(out, in, k[0], k[1], k[2]), INIT_KAIMING, 0, true);
    c->bias = bias ? add(ps, prefix, "bias", SHAPE(out), INIT_BIAS, (double)in * k[0] * k[1] * k[2], false) : NULL;
}

/* As PyTorch, fan_in is counted from the weight's second axis, which here is the outputs. */
void conv2d_transpose_init(Conv *c, ParamSet *ps, const char *prefix, int64_t in, int64_t out, int k, int stride,
                           int pad, bool bias)
{
    *c = (Conv){.o = {.stride = {1, stride, stride}, .pad_lo = {0, pad, pad}, .pad_hi = {0, pad, pad}},
                .transposed = true};
    c->weight = add(ps, prefix, "weight", SHAPE(in, out, k, k), INIT_KAIMING, 0, true);
    c->bias = bias ? add(ps, prefix, "bias", SHAPE(out), INIT_BIAS, (double)out * k * k, false) : NULL;
}

void norm_init(Norm *n, ParamSet *ps, const char *prefix, NormKind kind, int groups, int64_t channels, float eps,
               bool affine)
{
    *n = (Norm){.kind = kind, .groups = groups, .eps = eps};
    if (!affine) return;
    n->gamma = add(ps, prefix, "weight", SHAPE(channels), INIT_ONE, 1, false);
    if (kind != NORM_RMS) n->beta = add(ps, prefix, "bias", SHAPE(channels), INIT_ZERO, 1, false);
}

void embedding_init(Embedding *e, ParamSet *ps, const char *prefix, int64_t vocabulary, int64_t width)
{
    e->table = add(ps, prefix, "weight", SHAPE(vocabulary, width), INIT_NORMAL_02, 0, true);
}

void batch_norm_init(BatchNorm *n, ParamSet *ps, const char *prefix, int64_t channels)
{
    n->eps = 1e-5f;
    n->gamma = add(ps, prefix, "weight", SHAPE(channels), INIT_ONE, 1, false);
    n->beta = add(ps, prefix, "bias", SHAPE(channels), INIT_ZERO, 1, false);
    n->mean = add(ps, prefix, "running_mean", SHAPE(channels), INIT_ZERO, 1, false);
    n->var = add(ps, prefix, "running_var", SHAPE(channels), INIT_ONE, 1, false);
    n->mean->trainable = n->var->trainable = false;
    n->mean->running = n->var->running = true;
}

Node *nn_linear(Graph *g, const Linear *l, Node *x)
{
    return op_linear(g, x, l->weight, l->bias);
}

Node *nn_conv(Graph *g, const Conv *c, Node *x)
{
    return c->transposed ? op_conv_transpose(g, x, c->weight, c->bias, c->o) : op_conv(g, x, c->weight, c->bias, c->o);
}

static Node *of_param(Graph *g, Param *p)
{
    return op_cast(g, graph_param(g, p), JIG_F32);
}

Node *nn_conv_batch_norm(Graph *g, const Conv *c, const BatchNorm *n, Node *x)
{
    if (c->transposed) return graph_fail(g, "a transposed convolution with batch norm is two steps");
    Node *w = of_param(g, c->weight), *mean = op_stop(g, of_param(g, n->mean)), *var = op_stop(g, of_param(g, n->var));
    Node *gain = op_mul(g, of_param(g, n->gamma), op_act(g, ACT_RSQRT, op_affine(g, var, 1, n->eps)));
    Shape column = {.n = node_shape(w).n, .d = {node_dim(gain, 0), 1, 1, 1, 1, 1}};
    Node *shift = c->bias ? op_sub(g, of_param(g, c->bias), mean) : op_affine(g, mean, -1, 0);
    Node *bias = op_add(g, op_mul(g, shift, gain), of_param(g, n->beta));
    return op_conv_node(g, x, op_mul(g, w, op_reshape(g, gain, column)), bias, c->o);
}

Node *nn_norm(Graph *g, const Norm *n, Node *x, Act act)
{
    return nn_norm_mod(g, n, x, NULL, NULL, act);
}

Node *nn_norm_mod(Graph *g, const Norm *n, Node *x, Node *scale, Node *shift, Act act)
{
    return op_norm(g, n->kind, x, n->groups, n->eps, n->gamma, n->beta, scale, shift, act);
}

Node *nn_batch_norm(Graph *g, const BatchNorm *n, Node *x, Act act, bool training)
{
    return (training ? op_batch_norm : op_batch_norm_fixed)(g, x, n->mean, n->var, n->gamma, n->beta, n->eps, act);
}

Node *nn_embedding(Graph *g, const Embedding *e, Node *ids)
{
    return op_cast(g, op_embedding(g, e->table, ids), graph_type(g));
}
