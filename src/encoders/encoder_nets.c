/* SPDX-License-Identifier: Apache-2.0
 *
 * The encoders for `jig net`: options named as in transformers' configuration files (ClapAudioConfig, Wav2Vec2Config),
 * inputs and results as their reference classes have them.
 */
#include "encoders/encoders.h"

/* ---- CLAP: ClapAudioModelWithProjection ---------------------------------------------------------------------------
 */

typedef struct ClapOptions {
    HtsatConfig c;
    int64_t projection, hidden, channels, layers, classes;
    const char *depths, *heads, *stride;
    bool fusion, flatten, patch_norm, qkv_bias;
    int act, projection_act;
} ClapOptions;

#define CLAP_INT(name, field, lo, hi, initial, help) {name, 0, OPT_INT, offsetof(ClapOptions, field), lo, hi, initial, NULL, "N", help}
#define CLAP_LIST(name, field, initial, help) {name, 0, OPT_TEXT, offsetof(ClapOptions, field), 0, 0, initial, NULL, "A-B-C", help}
#define CLAP_BOOL(name, field, initial, help) {name, 0, OPT_BOOL, offsetof(ClapOptions, field), 0, 0, initial, NULL, NULL, help}

static const Option clap_rows[] = {
    CLAP_INT("spec_size", c.spec_size, 16, 2048, "256", "side of the folded spectrogram"),
    CLAP_INT("num_mel_bins", c.mel_bins, 1, 1024, "64", "bands"),
    CLAP_INT("patch_size", c.patch, 1, 32, "4", "side of a patch"),
    CLAP_LIST("patch_stride", stride, "4-4", "the same as patch_size"),
    CLAP_INT("window_size", c.window, 1, 64, "8", "side of an attention window, patches"),
    CLAP_INT("patch_embeds_hidden_size", c.width, 8, 2048, "128", "width of the first level (base 128, tiny 96)"),
    CLAP_INT("hidden_size", hidden, 0, 16384, "0", "width of the last level; follows from the others"),
    CLAP_LIST("depths", depths, "2-2-12-2", "blocks of the levels"),
    CLAP_LIST("num_attention_heads", heads, "4-8-16-32", "heads of the levels"),
    {"mlp_ratio", 0, OPT_FLOAT, offsetof(ClapOptions, c.mlp_ratio), 0.25, 16, "4", NULL, "X",
     "hidden width of a block's MLP"},
    {"layer_norm_eps", 0, OPT_FLOAT, offsetof(ClapOptions, c.eps), 1e-12, 1, "1e-5", NULL, "X", "of the blocks' norms"},
    CLAP_INT("projection_dim", projection, 0, 8192, "512", "of the result; 0: no projection"),
    CLAP_INT("patch_embed_input_channels", channels, 1, 1, "1", "1"),
    CLAP_INT("num_hidden_layers", layers, 1, ENCODER_LEVELS, "4", "levels; follows from depths"),
    CLAP_INT("num_classes", classes, 0, 100000, "527", "of a classifier that is not used"),
    CLAP_BOOL("enable_fusion", fusion, "false", "must be false"),
    CLAP_BOOL("flatten_patch_embeds", flatten, "true", "must be true"),
    CLAP_BOOL("enable_patch_layer_norm", patch_norm, "true", "must be true"),
    CLAP_BOOL("qkv_bias", qkv_bias, "true", "must be true"),
    {"hidden_act", 0, OPT_CHOICE, offsetof(ClapOptions, act), 0, 0, "gelu", "gelu", "NAME", "activation"},
    {"projection_hidden_act", 0, OPT_CHOICE, offsetof(ClapOptions, projection_act), 0, 0, "relu", "relu", "NAME",
     "activation"},
};

static bool clap_config(const ClapOptions *o, HtsatConfig *c, Err *e)
{
    int64_t stride[2];
    *c = o->c;
    c->projection = o->projection;
    c->levels = net_numbers("depths", o->depths, 1, 48, c->depths, ENCODER_LEVELS, e);
    if (!c->levels) return false;
    if (net_numbers("num_attention_heads", o->heads, 1, 256, c->heads, ENCODER_LEVELS, e) != c->levels)
        return err_set(e, "num_attention_heads %s and depths %s are not as many", o->heads, o->depths);
    int n = net_numbers("patch_stride", o->stride, 1, 32, stride, 2, e);
    if (n == 0 || stride[0] != c->patch || stride[n - 1] != c->patch)
        return err_set(e, "patch_stride %s must be patch_size %lld", o->stride, (long long)c->patch);
    if (o->fusion) return err_set(e, "enable_fusion: checkpoints with fusion are not supported; use an unfused one");
    if (!o->flatten || !o->patch_norm || !o->qkv_bias)
        return err_set(e, "flatten_patch_embeds, enable_patch_layer_norm and qkv_bias must be true");
    if (o->hidden && o->hidden != c->width << (c->levels - 1))
        return err_set(e, "hidden_size %lld must be %lld, from patch_embeds_hidden_size and the number of levels",
                       (long long)o->hidden, (long long)(c->width << (c->levels - 1)));
    return true;
}

static void *clap_create(const void *config, ParamSet *ps, Err *e)
{
    HtsatConfig c;
    return clap_config(config, &c, e) ? htsat_create(ps, &c, e) : NULL;
}

static void clap_destroy(void *net)
{
    htsat_destroy(net);
}

/* [B, h, w, C] -> [B, C, bins, chunks * w]: rows of a chunk's bands stay together, chunks follow in time. */
static Node *regrouped(Graph *g, Node *x, int64_t chunks)
{
    int64_t b = node_dim(x, 0), h = node_dim(x, 1), w = node_dim(x, 2), c = node_dim(x, 3);
    x = op_permute(g, op_reshape(g, x, SHAPE(b, chunks, h / chunks, w, c)), (int[]){0, 2, 1, 3, 4});
    return op_reshape(g, x, SHAPE(b, h / chunks, chunks * w, c));
}

static void clap_build(Graph *g, const void *net, NetIo *io)
{
    Node *mel = net_in(io, "input_features"); /* [B, 1, T, F], the channel moved to the end */
    Shape s = node_shape(mel);
    HtsatNodes n = htsat_build(g, net, op_reshape(g, mel, SHAPE(s.d[0], s.d[1], s.d[2])));
    int64_t chunks = node_dim(n.tokens, 1) ? htsat_chunks(net) : 1;
    if (node_dim(n.tokens, 1) % chunks == 0)
        net_out(io, "last_hidden_state", regrouped(g, n.tokens, chunks), NET_CHANNELS_FIRST);
    net_out(io, "pooler_output", n.pooled, NET_PLAIN);
    if (n.embeds) net_out(io, "audio_embeds", n.embeds, NET_PLAIN);
}

static Shape clap_typical(const void *config, int input)
{
    const ClapOptions *o = config;
    int64_t frames = o->c.spec_size * o->c.spec_size / MAX(o->c.mel_bins, 1);
    return SHAPE(1, 1, frames == 1024 ? 1001 : frames, o->c.mel_bins);
}

static const NetInput clap_inputs[] = {{"input_features", "[B, 1, T, F]", JIG_BF16, NET_CHANNELS_FIRST, false}};

static const NetClass clap_class = {
    .name = "encoders.clap", .summary = "CLAP's audio tower (HTSAT) with projection: log-mel -> 512",
    .config = {clap_rows, ARRAY_LEN(clap_rows)}, .config_size = sizeof(ClapOptions), .section = "audio_config",
    .unused = NET_HF_UNUSED "aff_block_r attention_probs_dropout_prob drop_path_rate fusion_* hidden_dropout_prob",
    .inputs = clap_inputs, .n_inputs = ARRAY_LEN(clap_inputs), .create = clap_create, .destroy = clap_destroy,
    .build = clap_build, .typical = clap_typical};

/* ---- Wav2CLIP ---------------------------------------------------------------------------------------------------- */

typedef struct Wav2clipOptions {
    int64_t width;
    const char *blocks;
    bool transform;
} Wav2clipOptions;

static const Option wav2clip_rows[] = {
    {"width", 0, OPT_INT, offsetof(Wav2clipOptions, width), 1, 1024, "64", NULL, "N", "width of the first level"},
    {"layers", 0, OPT_TEXT, offsetof(Wav2clipOptions, blocks), 0, 0, "2-2-2-2", NULL, "A-B-C", "blocks of the levels"},
    {"transform", 0, OPT_BOOL, offsetof(Wav2clipOptions, transform), 0, 0, "true", NULL, NULL,
     "the MLP into CLIP's space"},
};

static void *wav2clip_make(const void *config, ParamSet *ps, Err *e)
{
    const Wav2clipOptions *o = config;
    Wav2clipConfig c = {.width = o->width, .transform = o->transform};
    c.levels = net_numbers("layers", o->blocks, 1, 8, c.blocks, ENCODER_LEVELS, e);
    return c.levels ? wav2clip_create(ps, &c) : NULL;
}

static void wav2clip_end(void *net)
{
    wav2clip_destroy(net);
}

static void wav2clip_nodes(Graph *g, const void *net, NetIo *io)
{
    Wav2clipNodes n = wav2clip_build(g, net, net_in(io, "spectrogram"));
    net_out(io, "features", n.features, NET_PLAIN);
    if (n.embedding) net_out(io, "embedding", n.embedding, NET_PLAIN);
}

static Shape wav2clip_typical(const void *config, int input)
{
    return SHAPE(1, 1, 257, 182); /* four seconds */
}

static const NetInput wav2clip_inputs[] = {{"spectrogram", "[B, 1, 257, T]", JIG_BF16, NET_CHANNELS_FIRST, false}};

static const NetClass wav2clip_class = {
    .name = "encoders.wav2clip", .summary = "Wav2CLIP: normalised log spectrogram -> 512",
    .config = {wav2clip_rows, ARRAY_LEN(wav2clip_rows)}, .config_size = sizeof(Wav2clipOptions),
    .inputs = wav2clip_inputs, .n_inputs = ARRAY_LEN(wav2clip_inputs), .create = wav2clip_make, .destroy = wav2clip_end,
    .build = wav2clip_nodes, .typical = wav2clip_typical};

/* ---- wav2vec 2.0: Wav2Vec2Model ---------------------------------------------------------------------------------- */

typedef struct Wav2vec2Options {
    int64_t width, layers, heads, mlp, position_kernel, position_groups, convs;
    const char *channels, *kernels, *strides;
    double eps;
    bool stable, conv_bias;
    int norm, act, feature_act;
} Wav2vec2Options;

#define W2V_INT(name, field, lo, hi, initial, help) {name, 0, OPT_INT, offsetof(Wav2vec2Options, field), lo, hi, initial, NULL, "N", help}
#define W2V_LIST(name, field, initial, help) {name, 0, OPT_TEXT, offsetof(Wav2vec2Options, field), 0, 0, initial, NULL, "A-B-C", help}

static const Option wav2vec2_rows[] = {
    W2V_INT("hidden_size", width, 1, 8192, "768", "width"),
    W2V_INT("num_hidden_layers", layers, 1, ENCODER_LAYERS, "12", "layers"),
    W2V_INT("num_attention_heads", heads, 1, 256, "12", "heads"),
    W2V_INT("intermediate_size", mlp, 1, 65536, "3072", "hidden width of a layer's MLP"),
    W2V_LIST("conv_dim", channels, "512-512-512-512-512-512-512", "channels of the convolutions"),
    W2V_LIST("conv_kernel", kernels, "10-3-3-3-3-2-2", "their kernels"),
    W2V_LIST("conv_stride", strides, "5-2-2-2-2-2-2", "their strides"),
    W2V_INT("num_feat_extract_layers", convs, 0, ENCODER_CONVS, "0", "their number; follows from conv_dim"),
    W2V_INT("num_conv_pos_embeddings", position_kernel, 1, 1024, "128", "taps of the positional convolution"),
    W2V_INT("num_conv_pos_embedding_groups", position_groups, 1, 1024, "16", "its groups"),
    {"layer_norm_eps", 0, OPT_FLOAT, offsetof(Wav2vec2Options, eps), 1e-12, 1, "1e-5", NULL, "X", "of the layer norms"},
    {"do_stable_layer_norm", 0, OPT_BOOL, offsetof(Wav2vec2Options, stable), 0, 0, "false", NULL, NULL,
     "must be false"},
    {"conv_bias", 0, OPT_BOOL, offsetof(Wav2vec2Options, conv_bias), 0, 0, "false", NULL, NULL, "must be false"},
    {"feat_extract_norm", 0, OPT_CHOICE, offsetof(Wav2vec2Options, norm), 0, 0, "group", "group", "NAME",
     "norm of the convolutions"},
    {"hidden_act", 0, OPT_CHOICE, offsetof(Wav2vec2Options, act), 0, 0, "gelu", "gelu", "NAME", "activation"},
    {"feat_extract_activation", 0, OPT_CHOICE, offsetof(Wav2vec2Options, feature_act), 0, 0, "gelu", "gelu", "NAME",
     "activation"},
};

static void *wav2vec2_make(const void *config, ParamSet *ps, Err *e)
{
    const Wav2vec2Options *o = config;
    Wav2vec2Config c = {.width = o->width, .layers = o->layers, .heads = o->heads, .mlp = o->mlp,
                        .position_kernel = o->position_kernel, .position_groups = o->position_groups, .eps = o->eps};
    c.convs = net_numbers("conv_dim", o->channels, 1, 8192, c.channels, ENCODER_CONVS, e);
    int kernels = net_numbers("conv_kernel", o->kernels, 1, 1024, c.kernels, ENCODER_CONVS, e);
    int strides = net_numbers("conv_stride", o->strides, 1, 1024, c.strides, ENCODER_CONVS, e);
    if (!c.convs || kernels != c.convs || strides != c.convs || (o->convs && o->convs != c.convs))
        return err_set(e, "conv_dim %s, conv_kernel %s and conv_stride %s are not as many", o->channels, o->kernels,
                       o->strides), NULL;
    if (o->stable || o->conv_bias)
        return err_set(e, "do_stable_layer_norm and conv_bias must be false: the base models"), NULL;
    return wav2vec2_create(ps, &c, e);
}

static void wav2vec2_end(void *net)
{
    wav2vec2_destroy(net);
}

static void wav2vec2_nodes(Graph *g, const void *net, NetIo *io)
{
    char name[40];
    Wav2vec2Nodes n = wav2vec2_build(g, net, net_in(io, "input_values"));
    net_out(io, "extract_features", n.features, NET_PLAIN);
    for (int i = 0; n.hidden[i]; i++) {
        snprintf(name, sizeof name, "hidden_states.%d", i);
        net_out(io, n.hidden[i + 1] ? name : "last_hidden_state", n.hidden[i], NET_PLAIN);
    }
}

static Shape wav2vec2_typical(const void *config, int input)
{
    return SHAPE(1, 160000); /* ten seconds */
}

static const NetInput wav2vec2_inputs[] = {{"input_values", "[B, N]", JIG_BF16, NET_PLAIN, false}};

static const NetClass wav2vec2_class = {
    .name = "encoders.wav2vec2", .summary = "wav2vec 2.0 base: normalised 16 kHz samples -> all hidden states",
    .config = {wav2vec2_rows, ARRAY_LEN(wav2vec2_rows)}, .config_size = sizeof(Wav2vec2Options),
    .unused = NET_HF_UNUSED "activation_dropout adapter_* add_adapter apply_spec_augment attention_dropout "
              "classifier_proj_size codevector_dim contrastive_logits_temperature ctc_* diversity_loss_weight "
              "feat_*dropout* final_dropout freeze_feat_extract_train hidden_dropout* layerdrop mask_* no_mask_* "
              "num_adapter_layers num_codevector* num_negatives output_hidden_size proj_codevector_dim tdnn_* "
              "use_weighted_layer_sum vocab_size xvector_output_dim gradient_checkpointing",
    .inputs = wav2vec2_inputs, .n_inputs = ARRAY_LEN(wav2vec2_inputs), .create = wav2vec2_make, .destroy = wav2vec2_end,
    .build = wav2vec2_nodes, .typical = wav2vec2_typical};

static const NetClass *const rows[] = {&clap_class, &wav2clip_class, &wav2vec2_class};
const NetList encoder_nets = {rows, ARRAY_LEN(rows)};
