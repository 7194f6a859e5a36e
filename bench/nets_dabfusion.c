/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion's networks at published size: the flow U-Net on 40 frames of 32x32, the LFAE generator at 128x128.
 */
#include "bench/networks.h"
#include "models/dabfusion/dabfusion.h"

static Node *distance(Graph *g, Node *y, BenchInput *inputs, int *n)
{
    Node *target = bench_input(g, inputs, n, "target", node_shape(y), -1, 1);
    return op_loss_l1(g, y, target, NULL);
}

static void *unet_create(ParamSet *ps)
{
    FlowUnetConfig c = flow_unet_published();
    c.learned_null = false;
    return flow_unet_create(ps, "", &c);
}

static void unet_destroy(void *net)
{
    flow_unet_destroy(net);
}

static Node *unet_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    Node *x = bench_input(g, inputs, n, "x", SHAPE(batch, 40, 32, 32, 259), -1, 1);
    Node *time = bench_input(g, inputs, n, "time", SHAPE(batch), 0, 999);
    Node *cond = bench_input(g, inputs, n, "cond", SHAPE(batch, 1064), -1, 1);
    Node *y = flow_unet(g, net, op_cast(g, x, graph_type(g)), time, cond);
    return distance(g, y, inputs, n);
}

static void *generator_create(ParamSet *ps)
{
    LfaeGeneratorConfig c = lfae_generator_published();
    return lfae_generator_create(ps, "", &c);
}

static void generator_destroy(void *net)
{
    lfae_generator_destroy(net);
}

static Node *generator_build(Graph *g, const void *net, int64_t batch, bool train, BenchInput *inputs, int *n)
{
    Node *picture = bench_input(g, inputs, n, "picture", SHAPE(batch, 128, 128, 3), 0, 1);
    Node *flow = bench_input(g, inputs, n, "flow", SHAPE(batch, 32, 32, 2), -1, 1);
    Node *occlusion = bench_input(g, inputs, n, "occlusion", SHAPE(batch, 32, 32, 1), 0, 1);
    DType t = graph_type(g);
    Node *y = lfae_generator(g, net, op_cast(g, picture, t), flow, op_cast(g, occlusion, t), train);
    return distance(g, y, inputs, n);
}

const BenchNet bench_unet = {"flow_unet", unet_create, unet_destroy, unet_build};
const BenchNet bench_generator = {"lfae_generator", generator_create, generator_destroy, generator_build};
