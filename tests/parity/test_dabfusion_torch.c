/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion's networks, losses and gradients against plain PyTorch modules (tools/fixtures/dabfusion.py), in the variants
 * that the golden numbers of tests/dabfusion leave out. Both sides make weights and inputs by the same formulas; the fixture
 * holds a digest of each result: L2 norm, product with sin(0.37 k + 0.1), six values.
 *
 * Tolerance: the fixture was computed in f64. The engine's f32 loses digits where batch statistics of four values a channel
 * are divided out and where the softmax of regions is ten times as steep: 3e-4 of a tensor's norm for outputs, 3e-3 for
 * gradients (that are not themselves cancelled: biases before a batch norm have gradient 0 and are compared with the
 * largest gradient of their network).
 */
#include "parity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/dabfusion/dabfusion.h"

enum { SIDE = 32, K = 3, DIGEST = 8 };

static SafeTensors *fixture;

/* ---- formulas ---------------------------------------------------------------------------------------------------- */

static void wave(float *x, int64_t n, double a, double b)
{
    for (int64_t k = 0; k < n; k++)
        x[k] = (float)sin(a * (double)k + b);
}

static void fill_params(ParamSet *ps, const char *prefix)
{
    int t = 0;
    for (int i = 0; i < params_count(ps); i++) {
        Param *p = params_at(ps, i);
        if (strncmp(p->name, prefix, strlen(prefix)) || text_ends_with(p->name, "down.weight"))
            continue;
        float *w = p->value.data;
        int64_t n = shape_count(p->value.shape);
        bool bias = text_ends_with(p->name, "bias"), gain = p->value.shape.n == 1 || strstr(p->name, "gamma");
        bool mean = text_ends_with(p->name, "running_mean"), var = text_ends_with(p->name, "running_var");
        for (int64_t k = 0; k < n; k++) {
            double s = sin(1.3 * (double)k + 0.7 * t + 0.5);
            w[k] = (float)(var ? 1 + 0.2 * s * s : bias || mean ? 0.1 * s : gain ? 1 + 0.1 * s : s / sqrt((double)n / (double)p->value.shape.d[0]));
        }
        t++;
    }
}

static void picture(double phase, float *out)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                *out++ = (float)(0.5 + 0.5 * sin(0.9 * c + 0.37 * y + 0.23 * x + phase));
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

/* x in our order; `channels` > 0: [outer, positions, channels] here, [outer, channels, positions] in the fixture. */
static void check(const char *name, const float *x, int64_t n, int64_t positions, int64_t channels, double tolerance, double least)
{
    Tensor t;
    if (!safetensors_find(fixture, name, &t)) {
        parity_complain("the fixture has no %s", name);
        return;
    }
    const float *want = t.data;
    double norm = 0, product = 0, got[DIGEST], block = (double)(positions * channels);
    for (int64_t k = 0; k < n; k++) {
        int64_t at = k;
        if (channels) {
            int64_t outer = k / (int64_t)block, in = k % (int64_t)block;
            at = outer * (int64_t)block + in % positions * channels + in / positions;
        }
        norm += (double)x[at] * x[at];
        product += x[at] * sin(0.37 * (double)k + 0.1);
        for (int i = 0; i < 6; i++)
            if (k == i * (n - 1) / 5)
                got[2 + i] = x[at];
    }
    got[0] = sqrt(norm);
    got[1] = product;
    double rms = want[0] / sqrt((double)n);
    for (int i = 0; i < DIGEST; i++) {
        double size = i < 2 ? want[0] : rms * 4; /* single values scatter more than norms */
        if (!(fabs(got[i] - want[i]) <= tolerance * size + least * (i < 2 ? sqrt((double)n) : 4)))
            parity_complain("%s, number %d: %.7g, wanted %.7g (norm %.4g)", name, i, got[i], (double)want[i], (double)want[0]);
    }
}

/* The largest rms of a gradient under the prefix: what is 0 but for rounding is compared with that. */
static double largest_rms(const char *prefix)
{
    double most = 0;
    for (int i = 0; i < safetensors_count(fixture); i++) {
        if (strncmp(safetensors_name(fixture, i), prefix, strlen(prefix)))
            continue;
        const float *d = safetensors_tensor(fixture, i).data;
        most = fmax(most, d[0]);
    }
    return most;
}

static void check_gradients(const ParamSet *ps, const char *prefix, double tolerance)
{
    char name[400];
    double least = 1e-6 * largest_rms(prefix);
    for (int i = 0; i < params_count(ps); i++) {
        const Param *p = params_at(ps, i);
        if (!p->trainable)
            continue;
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        check(name, p->grad, shape_count(p->value.shape), 0, 0, tolerance, least);
    }
}

static void check_output(Graph *g, const char *output, const char *name, int64_t positions, int64_t channels, double tolerance)
{
    Shape s;
    DType type;
    graph_peek(g, output, &s, &type);
    int64_t n = shape_count(s);
    float *x = mem_alloc((size_t)n * sizeof *x);
    graph_get(g, output, x);
    check(name, x, n, positions, channels, tolerance, 0);
    mem_free(x);
}

/* ---- stage 1 ----------------------------------------------------------------------------------------------------- */

static void moved_statistics(const ParamSet *ps)
{
    char name[400];
    for (int i = 0; i < params_count(ps); i++) {
        const Param *p = params_at(ps, i);
        if (!p->running)
            continue;
        float x[64];
        int64_t n = shape_count(p->value.shape);
        assert_true(n <= 64);
        for (int64_t k = 0; k < n; k++)
            x[k] = p->keep * ((float *)p->value.data)[k] + (1 - p->keep) * p->grad[k];
        snprintf(name, sizeof name, "lfae.moved.%s", p->name);
        check(name, x, n, 0, 0, 3e-4, 0);
    }
}

static void test_lfae(void **state)
{
    const LfaeConfig c = {.size = SIDE, .regions = K, .region_width = 8, .flow_width = 8, .width = 8, .max_width = 32, .blocks = 3, .step = 2,
                          .pad = 3, .downs = 1, .residuals = 1, .background = LFAE_BACKGROUND_PERSPECTIVE, .aligned = true};
    static float source[2 * SIDE * SIDE * 3], driving[2 * SIDE * SIDE * 3], grid[2 * SIDE * SIDE * 2];
    Err e = {0};
    Arena *a = arena_create();
    ParamSet *ps = params_create();
    Lfae *net = lfae_create(ps, &c);
    Perceptual *pixels = perceptual_open(NULL, &e);
    assert_true(params_allocate(ps, true, 1, &e));
    fill_params(ps, "generator.");
    fill_params(ps, "region_predictor.");
    fill_params(ps, "bg_predictor.");
    lfae_fill(net, false);
    Param *fc = params_find(ps, "bg_predictor.fc.weight"), *bias = params_find(ps, "bg_predictor.fc.bias");
    for (int64_t i = 0; i < shape_count(fc->value.shape); i++)
        ((float *)fc->value.data)[i] *= 0.1f;
    for (int i = 0; i < 8; i++)
        ((float *)bias->value.data)[i] = (float)(i == 0 || i == 4) + 0.1f * ((float *)bias->value.data)[i];
    PlaneMap m[2];
    float theta[12], weight[50];
    wave(theta, 12, 0.7, 0.2);
    wave(weight, 50, 0.9, 0.4);
    for (int i = 0; i < 12; i++)
        m[i / 6].theta[i % 6] = theta[i] = (float)((i % 6 == 0 || i % 6 == 4) + 0.05 * theta[i]);
    for (int i = 0; i < 50; i++)
        m[i / 25].weight[i % 25] = weight[i] = (float)(0.005 * weight[i]);
    for (int i = 0; i < 2; i++) {
        picture(0.3 * i, source + i * SIDE * SIDE * 3);
        picture(0.8 + 0.3 * i, driving + i * SIDE * SIDE * 3);
        plane_map_grid(&m[i], SIDE, SIDE, grid + i * SIDE * SIDE * 2);
    }
    Graph *g = graph_create(device_open("ref", &e), JIG_F32);
    Node *s = graph_input(g, "source", JIG_F32, SHAPE(2, SIDE, SIDE, 3)), *d = graph_input(g, "driving", JIG_F32, SHAPE(2, SIDE, SIDE, 3));
    Node *moved = op_warp(g, d, graph_input(g, "grid", JIG_F32, SHAPE(2, SIDE, SIDE, 2)), WARP_REFLECT, false, false);
    Regions rs = region_predictor(g, net->regions, s, true), rd = region_predictor(g, net->regions, d, true);
    Regions rm = region_predictor(g, net->regions, moved, true);
    LatentFlow f = lfae_flow(g, net, s, d, &rs, &rd, true);
    Node *made = lfae_generator(g, net->generator, s, f.flow, f.occlusion, true);
    Equivariance q = lfae_equivariance(g, a, &rd, &rm, graph_input(g, "theta", JIG_F32, SHAPE(2, 6)), graph_input(g, "weight", JIG_F32, SHAPE(2, 25)));
    Node *image = perceptual_loss(g, pixels, made, d);
    Node *loss = op_add(g, image, op_affine(g, op_add(g, q.shift, q.affine), 10, 0));
    graph_output(g, "made", made);
    graph_output(g, "flow", f.flow);
    graph_output(g, "occlusion", f.occlusion);
    graph_output(g, "losses", op_concat(g, (Node *[]){image, q.shift, q.affine}, 3, 0));
    assert_true(graph_grad(g, loss, NULL, NULL, 0));
    if (!graph_plan(g, &e))
        fail_msg("%s", e.text);
    graph_set(g, "source", source, JIG_F32);
    graph_set(g, "driving", driving, JIG_F32);
    graph_set(g, "grid", grid, JIG_F32);
    graph_set(g, "theta", theta, JIG_F32);
    graph_set(g, "weight", weight, JIG_F32);
    assert_true(graph_run(g, &e));
    check_output(g, "made", "lfae.made", SIDE * SIDE, 3, 3e-4);
    check_output(g, "flow", "lfae.flow", 0, 0, 3e-4);
    check_output(g, "occlusion", "lfae.occlusion", 0, 0, 3e-4);
    check_output(g, "losses", "lfae.losses", 0, 0, 3e-4);
    check_gradients(ps, "lfae.grad.", 3e-3);
    moved_statistics(ps);
    graph_destroy(g);
    perceptual_close(pixels);
    lfae_destroy(net);
    params_destroy(ps);
    arena_destroy(a);
    parity_finish();
}

/* ---- VGG-19 ------------------------------------------------------------------------------------------------------ */

/* VGG-19 by formula, as a file. */
static void write_vgg(const char *path)
{
    static const int index[] = {0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28};
    static const int in[] = {3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512};
    static const int out[] = {64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512};
    Arena *a = arena_create();
    NamedTensor ts[26];
    Err e = {0};
    for (int i = 0; i < 13; i++) {
        Shape s = SHAPE(out[i], in[i], 3, 3);
        float *w = arena_alloc(a, (size_t)shape_count(s) * sizeof *w), *b = arena_alloc(a, (size_t)out[i] * sizeof *b);
        wave(w, shape_count(s), 1.3, 0.01 * index[i]);
        wave(b, out[i], 0.9, 0.01 * index[i]);
        for (int64_t k = 0; k < shape_count(s); k++)
            w[k] = (float)((double)w[k] * sqrt(4.0 / (9 * in[i])));
        for (int k = 0; k < out[i]; k++)
            b[k] = (float)(0.1 * (double)b[k]);
        ts[2 * i] = (NamedTensor){arena_printf(a, "features.%d.weight", index[i]), {JIG_F32, s, w}};
        ts[2 * i + 1] = (NamedTensor){arena_printf(a, "features.%d.bias", index[i]), {JIG_F32, SHAPE(out[i]), b}};
    }
    if (!safetensors_write(path, ts, 26, NULL, 0, &e))
        fail_msg("%s", e.text);
    arena_destroy(a);
}

static void test_vgg(void **state)
{
    char path[] = "/tmp/jig-vgg-XXXXXX";
    static float a[SIDE * SIDE * 3], b[SIDE * SIDE * 3];
    Err e = {0};
    close(mkstemp(path));
    write_vgg(path);
    Perceptual *p = perceptual_open(path, &e);
    if (!p)
        fail_msg("%s", e.text);
    assert_true(perceptual_has_network(p));
    Graph *g = graph_create(device_open("cpu", &e), JIG_F32);
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(1, SIDE, SIDE, 3)), *y = graph_input(g, "y", JIG_F32, SHAPE(1, SIDE, SIDE, 3));
    Node *loss = perceptual_loss(g, p, x, y);
    graph_output(g, "loss", loss);
    assert_true(graph_grad(g, loss, &x, NULL, 1));
    if (!graph_plan(g, &e))
        fail_msg("%s", e.text);
    picture(0, a);
    picture(0.8, b);
    graph_set(g, "x", a, JIG_F32);
    graph_set(g, "y", b, JIG_F32);
    assert_true(graph_run(g, &e));
    check_output(g, "loss", "vgg.loss", 0, 0, 1e-4);
    check_output(g, "grad:x", "vgg.grad.picture", SIDE * SIDE, 3, 3e-3);
    graph_destroy(g);
    perceptual_close(p);
    assert_null(perceptual_open("/nowhere/vgg.safetensors", &e));
    unlink(path);
    parity_finish();
}

/* ---- U-Net ------------------------------------------------------------------------------------------------------- */

static void test_unet(void **state)
{
    enum { B = 2, C = 8, T = 5, S = 8, POSITIONS = T * S * S };
    const FlowUnetConfig c = {.dim = 16, .levels = 2, .mults = {1, 2}, .channels = C, .cond = 12, .heads = 2, .head_dim = 8,
                              .learned_null = true, .nearest_up = true, .frame_cond = 3};
    static float flat[B * C * POSITIONS], x[B * POSITIONS * 3], target[B * 3 * POSITIONS], cond[B * 12], frames[B * T * 3];
    for (int recompute = 0; recompute < 2; recompute++) {
        Err e = {0};
        FlowUnetConfig r = c;
        r.recompute = recompute;
        ParamSet *ps = params_create();
        FlowUnet *net = flow_unet_create(ps, "", &r);
        assert_true(params_allocate(ps, true, 1, &e));
        fill_params(ps, "");
        Graph *g = graph_create(device_open("ref", &e), JIG_F32);
        /* the reference's input differs from frame to frame in all channels, so it goes in whole */
        Node *whole = graph_input(g, "x", JIG_F32, SHAPE(B, T, S, S, C));
        FlowStep s = {.time = graph_input(g, "time", JIG_F32, SHAPE(B)), .cond = graph_input(g, "cond", JIG_F32, SHAPE(B, 12)),
                      .frames = graph_input(g, "frames", JIG_F32, SHAPE(B, T, 3)), .keep = graph_input(g, "keep", JIG_F32, SHAPE(B, 1))};
        Node *eps = flow_unet_whole(g, net, whole, &s);
        Node *loss = op_loss_mse(g, eps, graph_input(g, "target", JIG_F32, SHAPE(B, T, S, S, 3)), NULL);
        graph_output(g, "eps", eps);
        assert_true(graph_grad(g, loss, NULL, NULL, 0));
        if (!graph_plan(g, &e))
            fail_msg("%s", e.text);
        static float last[B * C * POSITIONS];
        wave(flat, B * C * POSITIONS, 0.11, 0.3);
        for (int k = 0; k < B * C * POSITIONS; k++)
            last[(k / (C * POSITIONS) * POSITIONS + k % POSITIONS) * C + k / POSITIONS % C] = flat[k];
        graph_set(g, "x", last, JIG_F32);
        wave(x, B * POSITIONS * 3, 0.7, 0.2);
        for (int k = 0; k < B * 3 * POSITIONS; k++)
            target[(k / (3 * POSITIONS) * POSITIONS + k % POSITIONS) * 3 + k / POSITIONS % 3] = x[k];
        graph_set(g, "target", target, JIG_F32);
        wave(cond, B * 12, 0.5, 0.7);
        wave(frames, B * T * 3, 0.9, 0.1);
        graph_set(g, "cond", cond, JIG_F32);
        graph_set(g, "frames", frames, JIG_F32);
        graph_set(g, "time", (float[]){37, 640}, JIG_F32);
        graph_set(g, "keep", (float[]){1, 0}, JIG_F32);
        assert_true(graph_run(g, &e));
        check_output(g, "eps", "unet.eps", POSITIONS, 3, 1e-4);
        check_gradients(ps, "unet.grad.", 1e-3);
        graph_destroy(g);
        flow_unet_destroy(net);
        params_destroy(ps);
    }
    parity_finish();
}

static int open_fixture(void **state)
{
    fixture = parity_open("dabfusion.safetensors");
    return fixture ? 0 : -1;
}

static int close_fixture(void **state)
{
    safetensors_close(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lfae), cmocka_unit_test(test_vgg), cmocka_unit_test(test_unet)};
    return cmocka_run_group_tests_name("dabfusion against PyTorch", tests, open_fixture, close_fixture);
}
