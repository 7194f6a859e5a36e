/* SPDX-License-Identifier: Apache-2.0
 *
 * The LFAE's networks for `jig net`, in the reference's layouts: pictures [B, 3, H, W], regions shift [B, K, 2], covar and
 * affine [B, K, 2, 2], sampling grids [B, h, w, 2], occlusion [B, 1, h, w]. File prefixes: region_predictor., bg_predictor.,
 * generator.pixelwise_flow_predictor.; the whole (dabfusion.lfae) holds all three under their names.
 */
#include "models/dabfusion/lfae_nets.h"

#include <string.h>

#include "models/dabfusion/lfae_blocks.h"

/* One set of sizes for all: each network reads what concerns it. */
typedef struct LfaeNetOptions {
    int64_t size, regions, region_width, flow_width, width, max_width, blocks, step, pad, downs, residuals;
    int background;
    bool aligned;
} LfaeNetOptions;

#define O(f) offsetof(LfaeNetOptions, f)
static const Option option_rows[] = {
    {"size", 0, OPT_INT, O(size), 32, 1024, "128", NULL, "N", "side of the pictures"},
    {"num_regions", 0, OPT_INT, O(regions), 1, 64, "10", NULL, "N", "moving regions"},
    {"region_expansion", 0, OPT_INT, O(region_width), 4, 256, "32", NULL, "N", "channels that regions and background begin with"},
    {"flow_expansion", 0, OPT_INT, O(flow_width), 4, 256, "64", NULL, "N", "channels that the flow predictor begins with"},
    {"block_expansion", 0, OPT_INT, O(width), 4, 256, "64", NULL, "N", "channels of the generator at full size"},
    {"max_features", 0, OPT_INT, O(max_width), 8, 2048, "1024", NULL, "N", "most channels"},
    {"num_blocks", 0, OPT_INT, O(blocks), 1, HOURGLASS_BLOCKS, "5", NULL, "N", "halvings of an hourglass"},
    {"step", 0, OPT_INT, O(step), 1, 8, "4", NULL, "N", "1 / scale_factor"},
    {"pad", 0, OPT_INT, O(pad), 0, 3, "0", NULL, "N", "padding of the heat maps"},
    {"num_down_blocks", 0, OPT_INT, O(downs), 1, LFAE_MAX_DOWNS, "2", NULL, "N", "halvings of the generator"},
    {"num_bottleneck_blocks", 0, OPT_INT, O(residuals), 0, 16, "6", NULL, "N", "residual blocks"},
    {"bg_type", 0, OPT_CHOICE, O(background), 0, 0, "affine", "zero|shift|affine|perspective", NULL, "how the place may move"},
    {"aligned", 0, OPT_BOOL, O(aligned), 0, 0, NULL, NULL, NULL, "grids are sampled as they are built"},
};

static LfaeConfig config_of(const LfaeNetOptions *o)
{
    return (LfaeConfig){.size = o->size, .regions = o->regions, .region_width = o->region_width, .flow_width = o->flow_width, .width = o->width,
                        .max_width = o->max_width, .blocks = (int)o->blocks, .step = (int)o->step, .pad = (int)o->pad, .downs = (int)o->downs,
                        .residuals = (int)o->residuals, .background = o->background, .aligned = o->aligned};
}

/* The sizes are checked as those of a whole LFAE. down.weight is a constant: a file's is passed over. */
static bool checked(const LfaeNetOptions *o, LfaeConfig *c, Err *e)
{
    *c = config_of(o);
    return lfae_config_check(c, e);
}

/* ---- regions ----------------------------------------------------------------------------------------------------- */

static void *regions_create(const void *config, ParamSet *ps, Err *e)
{
    LfaeConfig c;
    if (!checked(config, &c, e))
        return NULL;
    return region_predictor_create(ps, "", &(RegionConfig){c.regions, c.region_width, c.max_width, c.blocks, c.step, c.pad});
}

static void regions_destroy(void *net) { region_predictor_destroy(net); }

static Node *as_matrix(Graph *g, Node *x)
{
    return op_reshape(g, x, SHAPE(node_dim(x, 0), node_dim(x, 1), 2, 2));
}

/* xx, xy, yy -> [B, K, 2, 2] */
static Node *whole_covariance(Graph *g, Node *x)
{
    Node *parts[] = {channel_of(g, x, 0), channel_of(g, x, 1), channel_of(g, x, 1), channel_of(g, x, 2)};
    return as_matrix(g, op_concat(g, parts, 4, 2));
}

static void regions_build(Graph *g, const void *net, NetIo *io)
{
    region_predictor_fill(net);
    Regions r = region_predictor(g, net, net_in(io, "image"), false);
    net_out(io, "shift", r.centre, NET_PLAIN);
    net_out(io, "covar", whole_covariance(g, r.covariance), NET_PLAIN);
    net_out(io, "affine", as_matrix(g, r.affine), NET_PLAIN);
    net_out(io, "heatmap", r.heat, NET_CHANNELS_FIRST);
}

static Shape picture_typical(const void *config, int input)
{
    const LfaeNetOptions *o = config;
    return SHAPE(1, 3, o->size, o->size);
}

static const NetInput regions_inputs[] = {{"image", "[B, 3, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false}};

const NetClass region_predictor_class = {
    .name = "dabfusion.region_predictor", .summary = "regions of a picture: centres, covariances, affine maps",
    .config = {option_rows, ARRAY_LEN(option_rows)}, .config_size = sizeof(LfaeNetOptions), .inputs = regions_inputs,
    .n_inputs = ARRAY_LEN(regions_inputs), .create = regions_create, .destroy = regions_destroy, .build = regions_build,
    .typical = picture_typical};

/* ---- background -------------------------------------------------------------------------------------------------- */

static void *background_create(const void *config, ParamSet *ps, Err *e)
{
    LfaeConfig c;
    if (!checked(config, &c, e))
        return NULL;
    return background_predictor_create(ps, "", &(LfaeBackgroundConfig){c.region_width, c.max_width, c.blocks, c.background});
}

static void background_destroy(void *net) { background_predictor_destroy(net); }

static void background_build(Graph *g, const void *net, NetIo *io)
{
    Node *b = background_predictor(g, net, net_in(io, "source_image"), net_in(io, "driving_image"), false);
    net_out(io, "bg_params", op_reshape(g, b, SHAPE(node_dim(b, 0), 3, 3)), NET_PLAIN);
}

static const NetInput pair_inputs[] = {{"source_image", "[B, 3, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false},
                                       {"driving_image", "[B, 3, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false}};

const NetClass bg_predictor_class = {
    .name = "dabfusion.bg_predictor", .summary = "how the place moves between two pictures: a 3x3 matrix",
    .config = {option_rows, ARRAY_LEN(option_rows)}, .config_size = sizeof(LfaeNetOptions), .inputs = pair_inputs,
    .n_inputs = ARRAY_LEN(pair_inputs), .create = background_create, .destroy = background_destroy, .build = background_build,
    .typical = picture_typical};

/* ---- flow -------------------------------------------------------------------------------------------------------- */

static void *flow_create(const void *config, ParamSet *ps, Err *e)
{
    LfaeConfig c;
    if (!checked(config, &c, e))
        return NULL;
    FlowPredictorConfig f = {.regions = c.regions, .width = c.flow_width, .max_width = c.max_width, .blocks = c.blocks, .step = c.step,
                             .aligned = c.aligned};
    return flow_predictor_create(ps, "", &f);
}

static void flow_destroy(void *net) { flow_predictor_destroy(net); }

/* "source" or "driving" regions from their three tensors. */
static Regions regions_in(Graph *g, NetIo *io, const char *shift, const char *covar, const char *affine)
{
    Node *centre = net_in(io, shift), *c = net_in(io, covar), *a = net_in(io, affine);
    Shape four = SHAPE(node_dim(centre, 0), node_dim(centre, 1), 4);
    c = op_reshape(g, c, four);
    Node *parts[] = {channel_of(g, c, 0), channel_of(g, c, 1), channel_of(g, c, 3)};
    return (Regions){.centre = centre, .covariance = op_concat(g, parts, 3, 2), .affine = op_reshape(g, a, four)};
}

static void flow_build(Graph *g, const void *net, NetIo *io)
{
    flow_predictor_fill(net);
    Regions source = regions_in(g, io, "source_shift", "source_covar", "source_affine");
    Regions driving = regions_in(g, io, "driving_shift", "driving_covar", "driving_affine");
    Node *matrix = net_in(io, "bg_params");
    matrix = op_reshape(g, matrix, SHAPE(node_dim(matrix, 0), 9));
    LatentFlow f = flow_predictor(g, net, net_in(io, "source_image"), &source, &driving, matrix, false);
    net_out(io, "optical_flow", f.flow, NET_PLAIN);
    net_out(io, "occlusion_map", f.occlusion, NET_CHANNELS_FIRST);
}

static Shape flow_typical(const void *config, int input)
{
    const LfaeNetOptions *o = config;
    if (input == 0)
        return picture_typical(config, 0);
    return input == 7 ? SHAPE(1, 3, 3) : input % 3 == 1 ? SHAPE(1, o->regions, 2) : SHAPE(1, o->regions, 2, 2);
}

static const NetInput flow_inputs[] = {
    {"source_image", "[B, 3, H, W]", JIG_BF16, NET_CHANNELS_FIRST, false},  {"source_shift", "[B, K, 2]", JIG_F32, NET_PLAIN, false},
    {"source_covar", "[B, K, 2, 2]", JIG_F32, NET_PLAIN, false},            {"source_affine", "[B, K, 2, 2]", JIG_F32, NET_PLAIN, false},
    {"driving_shift", "[B, K, 2]", JIG_F32, NET_PLAIN, false},              {"driving_covar", "[B, K, 2, 2]", JIG_F32, NET_PLAIN, false},
    {"driving_affine", "[B, K, 2, 2]", JIG_F32, NET_PLAIN, false},          {"bg_params", "[B, 3, 3]", JIG_F32, NET_PLAIN, false},
};

const NetClass pixelwise_flow_class = {
    .name = "dabfusion.pixelwise_flow_predictor", .summary = "flow and occlusion from regions and background",
    .config = {option_rows, ARRAY_LEN(option_rows)}, .config_size = sizeof(LfaeNetOptions), .inputs = flow_inputs,
    .n_inputs = ARRAY_LEN(flow_inputs), .create = flow_create, .destroy = flow_destroy, .build = flow_build, .typical = flow_typical};

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void *whole_create(const void *config, ParamSet *ps, Err *e)
{
    LfaeConfig c;
    return checked(config, &c, e) ? lfae_create(ps, &c) : NULL;
}

static void whole_destroy(void *net) { lfae_destroy(net); }

static void whole_build(Graph *g, const void *net, NetIo *io)
{
    const Lfae *l = net;
    lfae_fill(l, false);
    Node *source = net_in(io, "source_image"), *driving = net_in(io, "driving_image");
    Regions s = region_predictor(g, l->regions, source, false), d = region_predictor(g, l->regions, driving, false);
    LatentFlow f = lfae_flow(g, l, source, driving, &s, &d, false);
    net_out(io, "prediction", lfae_generator(g, l->generator, source, f.flow, f.occlusion, false), NET_CHANNELS_FIRST);
    net_out(io, "optical_flow", f.flow, NET_PLAIN);
    net_out(io, "occlusion_map", f.occlusion, NET_CHANNELS_FIRST);
}

const NetClass lfae_class = {
    .name = "dabfusion.lfae", .summary = "the whole flow auto-encoder: a picture moved as another one shows",
    .config = {option_rows, ARRAY_LEN(option_rows)}, .config_size = sizeof(LfaeNetOptions), .inputs = pair_inputs,
    .n_inputs = ARRAY_LEN(pair_inputs), .create = whole_create, .destroy = whole_destroy, .build = whole_build, .typical = picture_typical};
