/* SPDX-License-Identifier: Apache-2.0
 *
 * wav2vec 2.0 base (arXiv 2006.11477), as transformers' Wav2Vec2Model with feat_extract_norm "group" and post-norm
 * layers.
 *
 *   wave [B, N] -> 7 convolutions without bias, GELU; after the first a group norm of one channel a group, over time
 *     -> layer norm -> linear -> x
 *   x = norm(x + gelu(conv of 128 taps in 16 groups (x)))                                   hidden state 0
 *   each layer:  x = norm(x + attention(x));  x = norm(x + linear(gelu(linear x)))          hidden states 1..
 *
 * The positional convolution's weight is stored as gain and direction: w = gain v / |v|, |v| over all but the taps. An
 * even kernel drops the last step, so it has one column less of padding at the end. Activations [B, T, C].
 */
#include "encoders/encoders.h"

enum { NAME = 200 };

typedef struct Layer {
    Linear q, k, v, out, up, down;
    Norm norm, final;
} Layer;

struct Wav2vec2 {
    Wav2vec2Config c;
    Param *conv[ENCODER_CONVS];
    Norm group, features, norm;
    Linear projection;
    Param *gain, *direction, *position_bias;
    Layer layer[ENCODER_LAYERS];
};

Wav2vec2Config wav2vec2_published(void)
{
    Wav2vec2Config c = {.width = 768, .layers = 12, .heads = 12, .mlp = 3072, .convs = 7,
                        .kernels = {10, 3, 3, 3, 3, 2, 2}, .strides = {5, 2, 2, 2, 2, 2, 2},
                        .position_kernel = 128, .position_groups = 16, .eps = 1e-5};
    for (int i = 0; i < c.convs; i++) c.channels[i] = 512;
    return c;
}

static bool check(const Wav2vec2Config *c, Err *e)
{
    if (c->width % c->heads || c->width % c->position_groups)
        return err_set(e, "hidden_size %lld must be a multiple of %lld heads and of %lld groups", (long long)c->width,
                       (long long)c->heads, (long long)c->position_groups);
    if (c->convs < 1 || c->layers > ENCODER_LAYERS)
        return err_set(e, "%lld layers, %d convolutions; allowed are 1 to %d, and at least one", (long long)c->layers,
                       c->convs, ENCODER_LAYERS);
    return true;
}

static void position_init(Wav2vec2 *net, ParamSet *ps)
{
    static const char *const other[] = {"encoder.pos_conv_embed.conv.parametrizations.weight.original0",
                                        "encoder.pos_conv_embed.conv.parametrizations.weight.original1"};
    const Wav2vec2Config *c = &net->c;
    double fan = (double)(c->width / c->position_groups * c->position_kernel);
    net->position_bias = params_add(ps, "encoder.pos_conv_embed.conv.bias", SHAPE(c->width), INIT_BIAS, fan, false);
    net->gain = params_add(ps, "encoder.pos_conv_embed.conv.weight_g", SHAPE(1, 1, c->position_kernel), INIT_ONE, 0,
                           false);
    net->direction = params_add(ps, "encoder.pos_conv_embed.conv.weight_v",
                                SHAPE(c->width, c->width / c->position_groups, c->position_kernel), INIT_KAIMING, 0,
                                    true);
    params_alias(ps, net->gain->name, 1, &other[0]);
    params_alias(ps, net->direction->name, 1, &other[1]);
}

static void layer_init(Layer *l, ParamSet *ps, const Wav2vec2Config *c, int index)
{
    char name[NAME];
#define NAMED(part) (snprintf(name, sizeof name, "encoder.layers.%d." part, index), name)
    linear_init(&l->k, ps, NAMED("attention.k_proj"), c->width, c->width, true);
    linear_init(&l->v, ps, NAMED("attention.v_proj"), c->width, c->width, true);
    linear_init(&l->q, ps, NAMED("attention.q_proj"), c->width, c->width, true);
    linear_init(&l->out, ps, NAMED("attention.out_proj"), c->width, c->width, true);
    norm_init(&l->norm, ps, NAMED("layer_norm"), NORM_LAYER, 1, c->width, (float)c->eps, true);
    linear_init(&l->up, ps, NAMED("feed_forward.intermediate_dense"), c->width, c->mlp, true);
    linear_init(&l->down, ps, NAMED("feed_forward.output_dense"), c->mlp, c->width, true);
    norm_init(&l->final, ps, NAMED("final_layer_norm"), NORM_LAYER, 1, c->width, (float)c->eps, true);
#undef NAMED
}

Wav2vec2 *wav2vec2_create(ParamSet *ps, const Wav2vec2Config *c, Err *e)
{
    static const char *const passed_over[] = {"masked_spec_embed", "lm_head.*", "quantizer.*", "project_*",
                                              "projector.*",
                                              "classifier.*"};
    if (!check(c, e)) return NULL;
    Wav2vec2 *net = mem_zero(sizeof *net);
    net->c = *c;
    int64_t in = 1, top = c->channels[c->convs - 1];
    for (int i = 0; i < c->convs; in = c->channels[i++]) {
        char name[NAME];
        snprintf(name, sizeof name, "feature_extractor.conv_layers.%d.conv.weight", i);
        net->conv[i] = params_add(ps, name, SHAPE(c->channels[i], in, c->kernels[i]), INIT_KAIMING, 0, true);
        if (i == 0)
            norm_init(&net->group, ps, "feature_extractor.conv_layers.0.layer_norm", NORM_GROUP, (int)c->channels[0],
                      c->channels[0], 1e-5f, true);
    }
    norm_init(&net->features, ps, "feature_projection.layer_norm", NORM_LAYER, 1, top, (float)c->eps, true);
    linear_init(&net->projection, ps, "feature_projection.projection", top, c->width, true);
    position_init(net, ps);
    norm_init(&net->norm, ps, "encoder.layer_norm", NORM_LAYER, 1, c->width, (float)c->eps, true);
    for (int i = 0; i < c->layers; i++) layer_init(&net->layer[i], ps, c, i);
    for (size_t i = 0; i < ARRAY_LEN(passed_over); i++) params_ignore(ps, passed_over[i]);
    return net;
}

void wav2vec2_destroy(Wav2vec2 *net)
{
    mem_free(net);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static Node *positions(Graph *g, const Wav2vec2 *net, Node *x)
{
    int64_t k = net->c.position_kernel;
    ConvOpts o = {.pad_lo = {0, 0, k / 2}, .pad_hi = {0, 0, k % 2 ? k / 2 : k / 2 - 1},
                  .groups = net->c.position_groups};
    Node *v = op_cast(g, graph_param(g, net->direction), JIG_F32), *gain = graph_param(g, net->gain);
    Node *rest = op_act(g, ACT_RSQRT, op_sum(g, op_act(g, ACT_SQUARE, v), 1u | 2u));
    Node *w = op_mul(g, v, op_mul(g, gain, rest));
    return op_act(g, ACT_GELU_ERF, op_conv_node(g, x, w, op_cast(g, graph_param(g, net->position_bias), JIG_F32), o));
}

static Node *run_layer(Graph *g, const Wav2vec2 *net, const Layer *l, Node *x)
{
    int heads = (int)net->c.heads, dim = (int)(net->c.width / net->c.heads);
    Node *a = op_attention(g, nn_linear(g, &l->q, x), nn_linear(g, &l->k, x), nn_linear(g, &l->v, x),
                           (AttentionOpts){.axis = 1, .heads = heads, .dim = dim});
    x = nn_norm(g, &l->norm, op_add(g, nn_linear(g, &l->out, a), x), ACT_NONE);
    Node *h = op_act(g, ACT_GELU_ERF, nn_linear(g, &l->up, x));
    return nn_norm(g, &l->final, op_add(g, nn_linear(g, &l->down, h), x), ACT_NONE);
}

Wav2vec2Nodes wav2vec2_build(Graph *g, const Wav2vec2 *net, Node *wave)
{
    Wav2vec2Nodes out = {0};
    Node *x = op_reshape(g, wave, SHAPE(node_dim(wave, 0), node_dim(wave, 1), 1));
    graph_push(g, "features");
    for (int i = 0; i < net->c.convs; i++) {
        x = op_conv(g, x, net->conv[i], NULL, (ConvOpts){.stride = {1, 1, net->c.strides[i]}});
        if (i == 0) x = nn_norm(g, &net->group, x, ACT_NONE);
        x = op_act(g, ACT_GELU_ERF, x);
    }
    out.features = nn_norm(g, &net->features, x, ACT_NONE);
    x = nn_linear(g, &net->projection, out.features);
    graph_pop(g);
    graph_push(g, "positions");
    x = out.hidden[0] = nn_norm(g, &net->norm, op_add(g, positions(g, net, x), x), ACT_NONE);
    graph_pop(g);
    for (int i = 0; i < net->c.layers; i++) {
        graph_push(g, "layer.%d", i);
        x = out.hidden[i + 1] = run_layer(g, net, &net->layer[i], x);
        graph_pop(g);
    }
    return out;
}
