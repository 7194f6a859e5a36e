/* SPDX-License-Identifier: Apache-2.0
 *
 * K, M, P, G and B for `jig net`: their configurations as the metadata of their weight files holds them, their tensors
 * as nets.h describes them (channels last outside, too: these networks are published by this project).
 */
#include "models/articulated/nets.h"

#include <string.h>

/* ---- what K, P, G and B share: four widths ----------------------------------------------------------------------- */

typedef struct WidthOptions {
    const char *widths;
    int64_t size;
} WidthOptions;

#define WIDTHS(initial)                                                                            \
    {"widths", 0, OPT_TEXT, offsetof(WidthOptions, widths), 0, 0, initial, NULL, "A-B-C-D", \
     "channels of the four levels, multiples of 16"}

static const Option pose_rows[] = {
    WIDTHS("64-128-192-224"),
    {"size", 0, OPT_INT, offsetof(WidthOptions, size), 64, 1024, "128", NULL, "N", "side of the pictures it is trained on"},
};
static const Option flow_rows[] = {WIDTHS("32-64-96-128")}, pixel_rows[] = {WIDTHS("32-64-96-128")},
                    background_rows[] = {WIDTHS("32-64-96-128")};

enum { TYPICAL = 256 }; /* frame pixels */

/* ---- K ----------------------------------------------------------------------------------------------------------- */

static void *pose_create(const void *config, ParamSet *ps, Err *e)
{
    const WidthOptions *o = config;
    PoseConfig c = {.size = (int)o->size};
    return net_parse_widths(o->widths, c.widths, e) ? pose_net_create(&c, ps) : NULL;
}

static void pose_destroy(void *net)
{
    pose_net_destroy(net);
}

static void pose_build(Graph *g, const void *net, NetIo *io)
{
    PoseNodes n = pose_net_build(g, net, net_in(io, "picture"));
    net_out(io, "heat", n.heat, NET_PLAIN);
    net_out(io, "depth", n.depth, NET_PLAIN);
    net_out(io, "presence", n.presence, NET_PLAIN);
    net_out(io, "parts", n.parts, NET_PLAIN);
}

static Shape pose_typical(const void *config, int input)
{
    int64_t size = ((const WidthOptions *)config)->size / POSE_CELL;
    return SHAPE(1, size, size, POSE_CELL * POSE_CELL * 3);
}

static const NetInput pose_inputs[] = {{"picture", "[B, H/4, W/4, 48]", JIG_BF16, NET_PLAIN, false}};

static const NetClass pose_class = {
    .name = "articulated.pose", .summary = "K: joints, depth, presence, parts of a picture",
    .config = {pose_rows, ARRAY_LEN(pose_rows)}, .config_size = sizeof(WidthOptions), .inputs = pose_inputs,
    .n_inputs = ARRAY_LEN(pose_inputs), .create = pose_create, .destroy = pose_destroy, .build = pose_build,
    .typical = pose_typical};

/* ---- P ----------------------------------------------------------------------------------------------------------- */

static void *flow_create(const void *config, ParamSet *ps, Err *e)
{
    FlowConfig c;
    return net_parse_widths(((const WidthOptions *)config)->widths, c.widths, e) ? flow_net_create(&c, ps) : NULL;
}

static void flow_destroy(void *net)
{
    flow_net_destroy(net);
}

static void flow_build(Graph *g, const void *net, NetIo *io)
{
    FlowNodes n = flow_net_build(g, net, net_in(io, "input"));
    net_out(io, "bones", n.bones, NET_PLAIN);
    net_out(io, "residual", n.residual, NET_PLAIN);
    net_out(io, "visible", n.visible, NET_PLAIN);
    net_out(io, "mask", n.mask, NET_PLAIN);
}

static Shape flow_typical(const void *config, int input)
{
    return SHAPE(1, TYPICAL / FLOW_CELL, TYPICAL / FLOW_CELL, FLOW_INPUTS);
}

static const NetInput flow_inputs[] = {{"input", "[B, H/2, W/2, 48]", JIG_BF16, NET_PLAIN, false}};

static const NetClass flow_class = {
    .name = "articulated.flow", .summary = "P: which bone shows where, visibility, mask of a target frame",
    .config = {flow_rows, ARRAY_LEN(flow_rows)}, .config_size = sizeof(WidthOptions), .inputs = flow_inputs,
    .n_inputs = ARRAY_LEN(flow_inputs), .create = flow_create, .destroy = flow_destroy, .build = flow_build,
    .typical = flow_typical};

/* ---- G ----------------------------------------------------------------------------------------------------------- */

static void *pixel_create(const void *config, ParamSet *ps, Err *e)
{
    PixelConfig c;
    return net_parse_widths(((const WidthOptions *)config)->widths, c.widths, e) ? pixel_net_create(&c, ps) : NULL;
}

static void pixel_destroy(void *net)
{
    pixel_net_destroy(net);
}

static void pixel_build(Graph *g, const void *net, NetIo *io)
{
    static const char *const names[NET_LEVELS] = {"grid0", "grid1", "grid2", "grid3"};
    Node *features[NET_LEVELS], *grids[NET_LEVELS];
    pixel_net_encode(g, net, net_in(io, "source"), features);
    for (int l = 0; l < NET_LEVELS; l++) grids[l] = net_in(io, names[l]);
    Node *out = pixel_net_decode(g, net, features, grids, net_in(io, "visible"), net_in(io, "frame"));
    net_out(io, "out", out, NET_PLAIN);
}

static Shape pixel_typical(const void *config, int input)
{
    int64_t side = TYPICAL / PIXEL_PACK, channels[] = {PIXEL_SOURCE, PIXEL_FRAME, 1};
    if (input >= 3) return SHAPE(1, side >> (input - 3), side >> (input - 3), 2);
    return SHAPE(1, side, side, channels[input]);
}

static const NetInput pixel_inputs[] = {
    {"source", "[B, H/2, W/2, 16]", JIG_BF16, NET_PLAIN, false}, {"frame", "[B, H/2, W/2, 32]", JIG_BF16, NET_PLAIN, false},
    {"visible", "[B, H/2, W/2, 1]", JIG_BF16, NET_PLAIN, false}, {"grid0", "[B, H/2, W/2, 2]", JIG_F32, NET_PLAIN, false},
    {"grid1", "[B, H/4, W/4, 2]", JIG_F32, NET_PLAIN, false},    {"grid2", "[B, H/8, W/8, 2]", JIG_F32, NET_PLAIN, false},
    {"grid3", "[B, H/16, W/16, 2]", JIG_F32, NET_PLAIN, false},
};

static const NetClass pixel_class = {
    .name = "articulated.pixels", .summary = "G: colours for what was hidden in the picture",
    .config = {pixel_rows, ARRAY_LEN(pixel_rows)}, .config_size = sizeof(WidthOptions), .inputs = pixel_inputs,
    .n_inputs = ARRAY_LEN(pixel_inputs), .create = pixel_create, .destroy = pixel_destroy, .build = pixel_build,
    .typical = pixel_typical};

/* ---- B ----------------------------------------------------------------------------------------------------------- */

static void *background_create(const void *config, ParamSet *ps, Err *e)
{
    BackgroundConfig c;
    bool ok = net_parse_widths(((const WidthOptions *)config)->widths, c.widths, e);
    return ok ? background_net_create(&c, ps) : NULL;
}

static void background_destroy(void *net)
{
    background_net_destroy(net);
}

static void background_build(Graph *g, const void *net, NetIo *io)
{
    net_out(io, "correction", background_net_build(g, net, net_in(io, "input")), NET_PLAIN);
}

static Shape background_typical(const void *config, int input)
{
    return SHAPE(1, TYPICAL / PIXEL_PACK, TYPICAL / PIXEL_PACK, PIXEL_SOURCE);
}

static const NetInput background_inputs[] = {{"input", "[B, H/2, W/2, 16]", JIG_BF16, NET_PLAIN, false}};

static const NetClass background_class = {
    .name = "articulated.background", .summary = "B: what stands behind the figure",
    .config = {background_rows, ARRAY_LEN(background_rows)}, .config_size = sizeof(WidthOptions),
    .inputs = background_inputs, .n_inputs = ARRAY_LEN(background_inputs), .create = background_create,
    .destroy = background_destroy, .build = background_build, .typical = background_typical};

/* ---- M ----------------------------------------------------------------------------------------------------------- */

typedef struct MotionOptions {
    int64_t width, layers, heads, columns;
    const char *styles;
} MotionOptions;

static const Option motion_rows[] = {
    {"width", 0, OPT_INT, offsetof(MotionOptions, width), 32, 2048, "256", NULL, "N", "width, a multiple of 16 x heads"},
    {"layers", 0, OPT_INT, offsetof(MotionOptions, layers), 1, 16, "6", NULL, "N", "layers"},
    {"heads", 0, OPT_INT, offsetof(MotionOptions, heads), 1, 32, "4", NULL, "N", "heads"},
    {"columns", 0, OPT_INT, offsetof(MotionOptions, columns), 1, 512, "38", NULL, "N", "the song's features a frame"},
    {"styles", 0, OPT_TEXT, offsetof(MotionOptions, styles), 0, 0,
     "idle|street|club|disco|latin|rock|ballroom|pop|show|salsa|gesture", NULL, "A|B|C", "names of the styles"},
};

static void *motion_create(const void *config, ParamSet *ps, Err *e)
{
    const MotionOptions *o = config;
    MotionConfig c = {.width = (int)o->width, .layers = (int)o->layers, .heads = (int)o->heads,
                      .columns = (int)o->columns, .styles = 1};
    for (const char *s = o->styles; s && *s; s++) c.styles += *s == '|';
    if (o->width % (16 * o->heads))
        err_set(e, "width %d is not a multiple of 16 x %d heads", c.width, c.heads);
    else if (!o->styles || !*o->styles || c.styles > MOTION_STYLES)
        err_set(e, "styles: 1 to %d names between bars", MOTION_STYLES);
    else
        return motion_net_create(&c, ps);
    return NULL;
}

static void motion_destroy(void *net)
{
    motion_net_destroy(net);
}

static void motion_build(Graph *g, const void *net, NetIo *io)
{
    MotionInputs in = {net_in(io, "z"), net_in(io, "song"), net_in(io, "level"), net_in(io, "style"),
                       net_in(io, "energy")};
    net_out(io, "x0", motion_net_build(g, net, in), NET_PLAIN);
}

static Shape motion_typical(const void *config, int input)
{
    int64_t columns = ((const MotionOptions *)config)->columns;
    const Shape shapes[] = {SHAPE(1, MOTION_FRAMES, MOTION_VALUES), SHAPE(1, MOTION_FRAMES, columns + 2),
                            SHAPE(1, MOTION_TIME), SHAPE(1), SHAPE(1, 2)};
    return shapes[input];
}

static const NetInput motion_inputs[] = {
    {"z", "[B, T, 56]", JIG_BF16, NET_PLAIN, false},        {"song", "[B, T, columns + 2]", JIG_BF16, NET_PLAIN, false},
    {"level", "[B, 128]", JIG_BF16, NET_PLAIN, false},      {"style", "[B]", JIG_I32, NET_PLAIN, false},
    {"energy", "[B, 2]", JIG_BF16, NET_PLAIN, false},
};

static const NetClass motion_class = {
    .name = "articulated.motion", .summary = "M: clean moves from noisy ones, under the music",
    .config = {motion_rows, ARRAY_LEN(motion_rows)}, .config_size = sizeof(MotionOptions), .inputs = motion_inputs,
    .n_inputs = ARRAY_LEN(motion_inputs), .create = motion_create, .destroy = motion_destroy, .build = motion_build,
    .typical = motion_typical};

static const NetClass *const rows[] = {&pose_class, &motion_class, &flow_class, &pixel_class, &background_class};
const NetList articulated_nets = {rows, ARRAY_LEN(rows)};
