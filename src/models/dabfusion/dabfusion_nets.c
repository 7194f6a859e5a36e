/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion's networks for `jig net`, under their published names and in the reference's layouts: clips [B, C, T, H, W],
 * pictures [B, C, H, W], sampling grids [B, h, w, 2].
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_nets.h"

/* ---- flow U-Net: file prefix "denoise_fn." ------------------------------------------------------------------------- */

typedef struct UnetOptions {
    int64_t dim, channels, cond, heads, head_dim;
    const char *mults;
    bool learned_null, transposed_up;
} UnetOptions;

static const Option unet_rows[] = {
    {"dim", 0, OPT_INT, offsetof(UnetOptions, dim), 8, 1024, "64", NULL, "N", "width of the first level"},
    {"dim_mults", 0, OPT_TEXT, offsetof(UnetOptions, mults), 0, 0, "1-2-4-8", NULL, "A-B-C", "widths of the levels, times dim"},
    {"channels", 0, OPT_INT, offsetof(UnetOptions, channels), 3, 4096, "259", NULL, "N", "noisy flow (3), then features"},
    {"cond_dim", 0, OPT_INT, offsetof(UnetOptions, cond), 1, 8192, "1064", NULL, "N", "length of the music vector"},
    {"attn_heads", 0, OPT_INT, offsetof(UnetOptions, heads), 1, 64, "8", NULL, "N", "heads"},
    {"attn_dim_head", 0, OPT_INT, offsetof(UnetOptions, head_dim), 2, 256, "32", NULL, "N", "width of a head of the temporal attentions, even"},
    {"learn_null_cond", 0, OPT_BOOL, offsetof(UnetOptions, learned_null), 0, 0, "true", NULL, NULL, "a trained vector stands for no music"},
    {"use_deconv", 0, OPT_BOOL, offsetof(UnetOptions, transposed_up), 0, 0, "true", NULL, NULL, "upsample by transposed convolutions"},
};

static void *unet_create(const void *config, ParamSet *ps, Err *e)
{
    const UnetOptions *o = config;
    FlowUnetConfig c = {.dim = o->dim, .channels = o->channels, .cond = o->cond, .heads = (int)o->heads,
                        .head_dim = (int)o->head_dim, .learned_null = o->learned_null, .nearest_up = !o->transposed_up};
    c.levels = net_numbers("dim_mults", o->mults, 1, 64, c.mults, ARRAY_LEN(c.mults), e);
    if (!c.levels) return NULL;
    if (o->dim % 8 || o->head_dim % 2) {
        err_set(e, "dim %lld must be a multiple of 8, attn_dim_head %lld even", (long long)o->dim, (long long)o->head_dim);
        return NULL;
    }
    params_ignore(ps, "*.rotary_emb.freqs");
    return flow_unet_create(ps, "", &c);
}

static void unet_destroy(void *net)
{
    flow_unet_destroy(net);
}

static void unet_build(Graph *g, const void *net, NetIo *io)
{
    Node *eps = flow_unet(g, net, net_in(io, "x"), net_in(io, "time"), net_in(io, "cond"));
    net_out(io, "eps", eps, NET_CHANNELS_FIRST);
}

static Shape unet_typical(const void *config, int input)
{
    const UnetOptions *o = config;
    const Shape shapes[] = {SHAPE(1, o->channels, 40, 32, 32), SHAPE(1), SHAPE(1, o->cond)};
    return shapes[input];
}

static const NetInput unet_inputs[] = {
    {"x", "[B, channels, T, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false},
    {"time", "[B]", JIG_F32, NET_PLAIN, false},
    {"cond", "[B, cond_dim]", JIG_BF16, NET_PLAIN, false},
};

static const NetClass unet_class = {
    .name = "dabfusion.flow_unet", .summary = "the 3-D U-Net that predicts the noise of the flow",
    .config = {unet_rows, ARRAY_LEN(unet_rows)}, .config_size = sizeof(UnetOptions), .inputs = unet_inputs,
    .n_inputs = ARRAY_LEN(unet_inputs), .create = unet_create, .destroy = unet_destroy, .build = unet_build,
    .typical = unet_typical};

/* ---- generator of the flow auto-encoder: file prefix "generator." ------------------------------------------------ */

typedef struct GeneratorOptions { int64_t width, max_width, downs, residuals; } GeneratorOptions;

static const Option generator_rows[] = {
    {"block_expansion", 0, OPT_INT, offsetof(GeneratorOptions, width), 1, 1024, "64", NULL, "N", "channels at full size"},
    {"max_features", 0, OPT_INT, offsetof(GeneratorOptions, max_width), 1, 4096, "512", NULL, "N", "most channels"},
    {"num_down_blocks", 0, OPT_INT, offsetof(GeneratorOptions, downs), 1, 4, "2", NULL, "N", "halvings of the size"},
    {"num_bottleneck_blocks", 0, OPT_INT, offsetof(GeneratorOptions, residuals), 1, 16, "6", NULL, "N", "residual blocks"},
};

static void *generator_create(const void *config, ParamSet *ps, Err *e)
{
    const GeneratorOptions *o = config;
    params_ignore(ps, "pixelwise_flow_predictor.*");
    return lfae_generator_create(ps, "", &(LfaeGeneratorConfig){o->width, o->max_width, (int)o->downs, (int)o->residuals});
}

static void generator_destroy(void *net)
{
    lfae_generator_destroy(net);
}

static void generator_build(Graph *g, const void *net, NetIo *io)
{
    Node *y = lfae_generator(g, net, net_in(io, "source_image"), net_in(io, "optical_flow"), net_in(io, "occlusion_map"), false);
    net_out(io, "prediction", y, NET_CHANNELS_FIRST);
}

static Shape generator_typical(const void *config, int input)
{
    const Shape shapes[] = {SHAPE(1, 3, 128, 128), SHAPE(1, 32, 32, 2), SHAPE(1, 1, 32, 32)};
    return shapes[input];
}

static const NetInput generator_inputs[] = {
    {"source_image", "[B, 3, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false},
    {"optical_flow", "[B, h, w, 2]", JIG_F32, NET_PLAIN, false},
    {"occlusion_map", "[B, 1, h, w]", JIG_BF16, NET_CHANNELS_FIRST, false},
};

static const NetClass generator_class = {
    .name = "dabfusion.generator", .summary = "encoder and decoder of the flow auto-encoder, given flow and occlusion",
    .config = {generator_rows, ARRAY_LEN(generator_rows)}, .config_size = sizeof(GeneratorOptions),
    .inputs = generator_inputs, .n_inputs = ARRAY_LEN(generator_inputs), .create = generator_create,
    .destroy = generator_destroy, .build = generator_build, .typical = generator_typical};

static const NetClass *const rows[] = {&unet_class, &generator_class, &region_predictor_class, &bg_predictor_class, &pixelwise_flow_class, &lfae_class};
const NetList dabfusion_nets = {rows, ARRAY_LEN(rows)};
