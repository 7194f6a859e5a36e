/* SPDX-License-Identifier: Apache-2.0
 *
 * The articulated model's networks at bundled size, pictures of 128 pixels. The loss is the mean of the outputs' distances to
 * zero, so that every output has a gradient; bench/torch_articulated.py does the same.
 */
#include "bench/networks.h"
#include "audio/audio.h"
#include "models/articulated/nets.h"

enum { SIDE = 128, MOTION_STYLE_COUNT = 12 };

static Node *distance_to_zero(Graph *g, Node *y)
{
    return op_mean_all(g, op_act(g, ACT_ABS, op_cast(g, y, JIG_F32)));
}

static Node *input(Graph *g, BenchInput *inputs, int *n, const char *name, Shape s, float lo, float hi)
{
    return op_cast(g, bench_input(g, inputs, n, name, s, lo, hi), graph_type(g));
}

static void *pose_create(ParamSet *ps)
{
    return pose_net_create(&(PoseConfig){{64, 128, 192, 224}, SIDE}, ps);
}

static void pose_destroy(void *net)
{
    pose_net_destroy(net);
}

static Node *pose_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    PoseNodes y = pose_net_build(g, net, input(g, inputs, n, "picture", SHAPE(batch, SIDE / 4, SIDE / 4, 48), -1, 1));
    Node *joints = op_add(g, distance_to_zero(g, y.depth), distance_to_zero(g, y.presence));
    return op_add(g, op_add(g, distance_to_zero(g, y.heat), distance_to_zero(g, y.parts)), joints);
}

static void *flow_create(ParamSet *ps)
{
    return flow_net_create(&(FlowConfig){{32, 64, 96, 128}}, ps);
}

static void flow_destroy(void *net)
{
    flow_net_destroy(net);
}

static Node *flow_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    FlowNodes y = flow_net_build(g, net, input(g, inputs, n, "maps", SHAPE(batch, SIDE / 2, SIDE / 2, FLOW_INPUTS), 0, 1));
    Node *a = op_add(g, distance_to_zero(g, y.bones), distance_to_zero(g, y.residual));
    return op_add(g, a, op_add(g, distance_to_zero(g, y.visible), distance_to_zero(g, y.mask)));
}

static void *pixel_create(ParamSet *ps)
{
    return pixel_net_create(&(PixelConfig){{32, 64, 96, 128}}, ps);
}

static void pixel_destroy(void *net)
{
    pixel_net_destroy(net);
}

static Node *pixel_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    static const char *const names[NET_LEVELS] = {"grid0", "grid1", "grid2", "grid3"};
    Node *features[NET_LEVELS], *grids[NET_LEVELS];
    pixel_net_encode(g, net, input(g, inputs, n, "source", SHAPE(batch, SIDE / 2, SIDE / 2, PIXEL_SOURCE), -1, 1), features);
    for (int l = 0; l < NET_LEVELS; l++) {
        int64_t side = SIDE / 2 >> l;
        grids[l] = bench_input(g, inputs, n, names[l], SHAPE(batch, side, side, 2), 0, (float)side);
    }
    Node *visible = input(g, inputs, n, "visible", SHAPE(batch, SIDE / 2, SIDE / 2, 1), 0, 1);
    Node *frame = input(g, inputs, n, "frame", SHAPE(batch, SIDE / 2, SIDE / 2, PIXEL_FRAME), -1, 1);
    return distance_to_zero(g, pixel_net_decode(g, net, features, grids, visible, frame));
}

static void *background_create(ParamSet *ps)
{
    return background_net_create(&(BackgroundConfig){{32, 48, 64, 96}}, ps);
}

static void background_destroy(void *net)
{
    background_net_destroy(net);
}

static Node *background_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    return distance_to_zero(g, background_net_build(g, net, input(g, inputs, n, "filled", SHAPE(batch, SIDE / 2, SIDE / 2, PIXEL_SOURCE), -1, 1)));
}

static void *motion_create(ParamSet *ps)
{
    MotionConfig c = {.width = 256, .layers = 6, .heads = 4, .columns = SONG_COLUMNS, .styles = MOTION_STYLE_COUNT};
    return motion_net_create(&c, ps);
}

static void motion_destroy(void *net)
{
    motion_net_destroy(net);
}

static Node *motion_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    MotionInputs in = motion_net_inputs(g, net, batch, MOTION_FRAMES);
    struct { const char *name; Node *node; } rows[] = {{"z", in.z}, {"song", in.song}, {"level", in.level}, {"energy", in.energy}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        inputs[(*n)++] = (BenchInput){rows[i].name, node_shape(rows[i].node), -1, 1};
    inputs[(*n)++] = (BenchInput){"style", node_shape(in.style), 0, 0};
    return distance_to_zero(g, motion_net_build(g, net, in));
}

const BenchNet bench_pose = {"pose", pose_create, pose_destroy, pose_build};
const BenchNet bench_flow = {"flow", flow_create, flow_destroy, flow_build};
const BenchNet bench_pixels = {"pixels", pixel_create, pixel_destroy, pixel_build};
const BenchNet bench_background = {"background", background_create, background_destroy, background_build};
const BenchNet bench_motion = {"motion", motion_create, motion_destroy, motion_build};
