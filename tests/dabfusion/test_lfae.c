/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiny LFAE against the golden numbers of the specification (dabfusion spec 9.2, from the reference in f64): outputs of
 * its four networks, gradients, batch statistics in training; the published sizes; A of a covariance in all its cases;
 * the plane map and its Jacobian; exact equivariance; the pyramid loss.
 *
 * Tolerances: f32 against f64, 2e-5 of a tensor's rms (the specification asks for 1e-5 relative per module; values pass
 * through up to four modules here); gradients 1e-3 of the rms.
 */
#include "golden.h"

#include <math.h>
#include <string.h>

#include "models/dabfusion/lfae_blocks.h"

enum { SIDE = 64, CELLS = 16, K = 3 };
#define CLOSE 2e-5

static const LfaeConfig tiny = {.size = SIDE, .regions = K, .region_width = 8, .flow_width = 8, .width = 8, .max_width = 32, .blocks = 3,
                                .step = 4, .pad = 0, .downs = 2, .residuals = 2, .background = LFAE_BACKGROUND_AFFINE};

typedef struct Case {
    ParamSet *ps;
    Lfae *net;
    Graph *g;
} Case;

static void case_init(Case *t, const LfaeConfig *c, bool training)
{
    Err e = {0};
    t->ps = params_create();
    t->net = lfae_create(t->ps, c);
    assert_true(params_allocate(t->ps, training, 1, &e));
    assert_int_equal(golden_fill(t->ps, "generator."), 96);
    assert_int_equal(golden_fill(t->ps, "region_predictor."), 38);
    assert_int_equal(golden_fill(t->ps, "bg_predictor."), 20);
    lfae_fill(t->net, false);
    float *w = params_find(t->ps, "bg_predictor.fc.weight")->value.data, *b = params_find(t->ps, "bg_predictor.fc.bias")->value.data;
    for (int i = 0; i < 6 * 32; i++)
        w[i] *= 0.1f;
    for (int i = 0; i < 6; i++)
        b[i] = (float)(i == 0 || i == 4) + 0.1f * b[i];
    const Device *dev = device_open("ref", &e);
    assert_non_null(dev);
    t->g = graph_create(dev, JIG_F32);
}

static void case_run(Case *t, const float *source, const float *driving)
{
    Err e = {0};
    if (!graph_plan(t->g, &e))
        fail_msg("%s", e.text);
    assert_true(graph_set(t->g, "source", source, JIG_F32) && graph_set(t->g, "driving", driving, JIG_F32));
    assert_true(graph_run(t->g, &e));
}

static void case_finish(Case *t)
{
    graph_destroy(t->g);
    lfae_destroy(t->net);
    params_destroy(t->ps);
}

typedef struct Built {
    Regions source, driving;
    LatentFlow flow;
    LfaeFeatures features;
    Node *picture, *driving_picture, *background, *prediction;
} Built;

static Built build(Case *t, int64_t batch, bool train)
{
    Graph *g = t->g;
    Built b = {.picture = graph_input(g, "source", JIG_F32, SHAPE(batch, SIDE, SIDE, 3)),
               .driving_picture = graph_input(g, "driving", JIG_F32, SHAPE(batch, SIDE, SIDE, 3))};
    b.source = region_predictor(g, t->net->regions, b.picture, train);
    b.driving = region_predictor(g, t->net->regions, b.driving_picture, train);
    b.background = background_predictor(g, t->net->background, b.picture, b.driving_picture, train);
    b.flow = flow_predictor(g, t->net->flow, b.picture, &b.source, &b.driving, b.background, train);
    b.features = lfae_encode(g, t->net->generator, b.picture, train);
    b.prediction = lfae_decode(g, t->net->generator, b.features, b.flow.flow, b.flow.occlusion, train);
    return b;
}

static float value[SIDE * SIDE * 32];

static void row(Case *t, const char *name, int64_t positions, int64_t channels, const double want[6])
{
    assert_true(graph_get(t->g, name, value));
    golden_row(name, value, positions, channels, want, CLOSE);
}

static void close_to(const char *what, const float *got, const double *want, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance))
            fail_msg("%s, number %d: %.8f, wanted %.8f", what, i, (double)got[i], want[i]);
}

static void test_outputs(void **state)
{
    static float source[SIDE * SIDE * 3], driving[SIDE * SIDE * 3];
    Case t;
    case_init(&t, &tiny, false);
    golden_picture(0, SIDE, source);
    golden_picture(0.8, SIDE, driving);
    Built b = build(&t, 1, false);
    graph_output(t.g, "small", b.flow.small);
    graph_output(t.g, "centre", b.source.centre);
    graph_output(t.g, "covariance", b.source.covariance);
    graph_output(t.g, "affine", b.source.affine);
    graph_output(t.g, "driving centre", b.driving.centre);
    graph_output(t.g, "driving affine", b.driving.affine);
    graph_output(t.g, "background", b.background);
    graph_output(t.g, "flow", b.flow.flow);
    graph_output(t.g, "occlusion", b.flow.occlusion);
    graph_output(t.g, "z", b.features.level[2]);
    graph_output(t.g, "warped", lfae_warped_picture(t.g, t.net->generator, b.picture, b.flow.flow));
    graph_output(t.g, "prediction", b.prediction);
    case_run(&t, source, driving);

    row(&t, "small", 256, 3, (double[]){0.47547188, 0.55262780, 0.29389183, 0.58130512, 0.54754264, 0.52472796});
    graph_get(t.g, "centre", value);
    close_to("mu", value, (double[]){0.01783297, 0.00762451, -0.00116901, 0.04812224, 0.01485854, 0.00055357}, 6, 1e-5);
    graph_get(t.g, "covariance", value);
    close_to("Sigma", value, (double[]){0.39724829, -0.00035685, 0.37880309}, 3, 1e-5);
    graph_get(t.g, "affine", value);
    close_to("A", value, (double[]){-0.63016400, 0.01190045, 0.01218696, 0.61534915}, 4, 1e-5);
    graph_get(t.g, "driving centre", value);
    close_to("driving mu", value, (double[]){0.01496608, 0.02291093}, 2, 1e-5);
    graph_get(t.g, "driving affine", value);
    close_to("driving A", value, (double[]){-0.58608304, -0.26068219, -0.26491126, 0.57672676}, 4, 1e-5);
    graph_get(t.g, "background", value);
    close_to("B", value, (double[]){0.98860086, 0.01746503, -0.00259446, -0.02637190, 1.02273005, -0.00362525, 0, 0, 1}, 9, 1e-5);
    graph_get(t.g, "flow", value); /* the reference keeps x and y last too */
    golden_row("flow", value, CELLS * CELLS * 2, 1, (double[]){-0.00277660, 0.58846624, -1.21886630, -0.58305709, -1.10180082, 0.58232495}, CLOSE);
    row(&t, "occlusion", 256, 1, (double[]){0.51064874, 0.51099603, 0.52675589, 0.54355188, 0.53579132, 0.51833173});
    row(&t, "z", 256, 32, (double[]){0.05309628, 0.08295675, 0.00070255, 0.00166611, 0.00195423, 0.08054379});
    row(&t, "warped", SIDE * SIDE, 3, (double[]){0.44239218, 0.57351733, 0, 0, 0, 0});
    row(&t, "prediction", SIDE * SIDE, 3, (double[]){0.46641993, 0.50238529, 0.22629101, 0.22654277, 0.22550362, 0.24636968});
    case_finish(&t);
}

static void test_gradients(void **state)
{
    static float source[SIDE * SIDE * 3], driving[SIDE * SIDE * 3];
    Case t;
    case_init(&t, &tiny, true);
    golden_picture(0, SIDE, source);
    golden_picture(0.8, SIDE, driving);
    Built b = build(&t, 1, false);
    Node *loss = op_loss_mse(t.g, b.prediction, b.driving_picture, NULL);
    graph_output(t.g, "loss", loss);
    assert_true(graph_grad(t.g, loss, NULL, NULL, 0));
    case_run(&t, source, driving);
    float got;
    graph_get(t.g, "loss", &got);
    assert_float_equal(got, 0.1645582373, 1e-5);
    golden_gradient(t.ps, "region_predictor.regions.weight", 6.061212e-03, 0, 8.299134e-03, 1e-3, 0);
    golden_gradient(t.ps, "region_predictor.predictor.encoder.down_blocks.0.conv.weight", 6.866820e-04, 7.245000e-04, 6.209040e-04, 1e-3, 0);
    golden_gradient(t.ps, "bg_predictor.fc.weight", 6.465432e-04, 0, 0, 1e-3, 0);
    golden_gradient(t.ps, "bg_predictor.encoder.down_blocks.0.conv.weight", 1.149782e-06, 2.866281e-06, 3.714418e-06, 1e-3, 0);
    golden_gradient(t.ps, "generator.pixelwise_flow_predictor.mask.weight", 1.674922e-03, 0, 3.834480e-03, 1e-3, 0);
    float *bias = params_find(t.ps, "generator.pixelwise_flow_predictor.occlusion.bias")->grad;
    assert_float_equal(fabsf(bias[0]), 3.647129e-02, 4e-5);
    golden_gradient(t.ps, "generator.first.conv.weight", 1.347302e-04, 0, -9.783988e-05, 1e-3, 0);
    golden_gradient(t.ps, "generator.final.weight", 1.679948e-04, -1.262846e-04, -1.535153e-04, 1e-3, 0);
    case_finish(&t);
}

/* What training does with the running statistics (train/optimizer.c): keep value + (1 - keep) grad. */
static void moved(const ParamSet *ps, const char *name, float *out)
{
    const Param *p = params_find(ps, name);
    const float *w = p->value.data;
    assert_non_null(p->grad);
    for (int64_t k = 0; k < shape_count(p->value.shape); k++)
        out[k] = p->keep * w[k] + (1 - p->keep) * p->grad[k];
}

static void test_batch_statistics(void **state)
{
    static float source[2 * SIDE * SIDE * 3], driving[2 * SIDE * SIDE * 3];
    Case t;
    case_init(&t, &tiny, true);
    const double phases[4] = {0, 0.3, 0.8, 1.1};
    for (int i = 0; i < 4; i++)
        golden_picture(phases[i], SIDE, (i < 2 ? source : driving) + i % 2 * SIDE * SIDE * 3);
    Built b = build(&t, 2, true);
    Node *loss = op_loss_mse(t.g, b.prediction, b.driving_picture, NULL);
    assert_true(graph_grad(t.g, loss, NULL, NULL, 0));
    graph_output(t.g, "prediction", op_slice(t.g, b.prediction, 0, 0, 1));
    graph_output(t.g, "last", op_slice(t.g, b.prediction, 0, 1, 1));
    graph_output(t.g, "flow", b.flow.flow);
    case_run(&t, source, driving);
    static float both[2 * SIDE * SIDE * 3];
    graph_get(t.g, "prediction", both);
    graph_get(t.g, "last", both + SIDE * SIDE * 3);
    double sum = 0, squares = 0;
    for (int i = 0; i < 2 * SIDE * SIDE * 3; i++) {
        sum += both[i];
        squares += (double)both[i] * both[i];
    }
    const int n = 2 * SIDE * SIDE * 3;
    const float got[6] = {(float)(sum / n), (float)sqrt(squares / n), both[0], both[3], both[6], both[n - 1]};
    close_to("prediction", got, (double[]){0.45367436, 0.49035431, 0.23796902, 0.23957063, 0.23197246, 0.24170756}, 6, 2e-5);
    graph_get(t.g, "flow", value);
    golden_row("flow", value, 2 * CELLS * CELLS * 2, 1, (double[]){0.00259842, 0.62769558, -1.09298728, -0.89140332, -0.96324177, 0.96536247}, 5e-5);
    moved(t.ps, "generator.first.norm.running_mean", value);
    golden_row("running_mean", value, 8, 1, (double[]){0.01414147, 0.05869914, -0.02274808, 0.07731665, 0.05984354, 0.04258932}, CLOSE);
    moved(t.ps, "generator.first.norm.running_var", value);
    golden_row("running_var", value, 8, 1, (double[]){0.98382005, 0.98580144, 0.95496379, 1.06319490, 0.90062231, 0.91212899}, CLOSE);
    /* R is asked twice in one step: both measures count, 1 - 0.9^2 in all */
    assert_float_equal(params_find(t.ps, "region_predictor.predictor.encoder.down_blocks.0.norm.running_mean")->keep, 0.81, 1e-6);
    case_finish(&t);
}

static int64_t counted(const ParamSet *ps, const char *prefix, int *tensors)
{
    int64_t n = 0;
    *tensors = 0;
    for (int i = 0; i < params_count(ps); i++) {
        const Param *p = params_at(ps, i);
        if (strncmp(p->name, prefix, strlen(prefix)))
            continue;
        ++*tensors;
        if (p->trainable)
            n += shape_count(p->value.shape);
        *tensors += text_ends_with(p->name, "running_var"); /* with num_batches_tracked of the published file */
    }
    return n;
}

static void test_published_sizes(void **state)
{
    LfaeConfig c = lfae_published();
    Err e = {0};
    assert_true(lfae_config_check(&c, &e));
    ParamSet *ps = params_create();
    Lfae *net = lfae_create(ps, &c);
    int tensors;
    assert_int_equal(counted(ps, "generator.", &tensors), 45575391);
    assert_int_equal(tensors, 196);
    assert_int_equal(counted(ps, "generator.pixelwise_flow_predictor.", &tensors), 37730268);
    assert_int_equal(counted(ps, "region_predictor.", &tensors), 14146728);
    assert_int_equal(tensors, 73);
    assert_int_equal(counted(ps, "bg_predictor.", &tensors), 6282438);
    assert_int_equal(tensors, 37);
    lfae_destroy(net);
    params_destroy(ps);
    c.size = 64; /* five blocks after a shrink by four do not fit (spec 2.6) */
    assert_false(lfae_config_check(&c, &e));
    e = (Err){0};
    c.blocks = 4;
    assert_true(lfae_config_check(&c, &e));
    ps = params_create();
    net = lfae_create(ps, &c);
    assert_int_equal(counted(ps, "generator.", &tensors), 21976287);
    assert_int_equal(counted(ps, "region_predictor.", &tensors), 3525288);
    lfae_destroy(net);
    params_destroy(ps);
}

static void run_affine(const float *sigma, const float *dy, float *a, float *grad)
{
    Err e = {0};
    Graph *g = graph_create(device_open("ref", &e), JIG_F32);
    Node *s = graph_input(g, "sigma", JIG_F32, SHAPE(1, 1, 3)), *w = graph_input(g, "w", JIG_F32, SHAPE(1, 1, 4));
    Node *y = region_affine(g, s), *loss = op_reshape(g, op_sum(g, op_mul(g, y, w), 7), SHAPE(1));
    graph_output(g, "a", y);
    assert_true(graph_grad(g, loss, &s, NULL, 1));
    if (!graph_plan(g, &e))
        fail_msg("%s", e.text);
    graph_set(g, "sigma", sigma, JIG_F32);
    graph_set(g, "w", dy, JIG_F32);
    assert_true(graph_run(g, &e));
    graph_get(g, "a", a);
    graph_get(g, "grad:sigma", grad);
    graph_destroy(g);
}

/* The rule of spec 2.2 in f64. */
static void rule(const float *sigma, double *out)
{
    double a = sigma[0], b = sigma[1], d = sigma[2], r = sqrt((a - d) / 2 * ((a - d) / 2) + b * b);
    double s1 = sqrt((a + d) / 2 + r), s2 = sqrt(fmax((a + d) / 2 - r, 0));
    if (b == 0) {
        double u[4] = {a >= d, a < d, a < d, a >= d};
        for (int i = 0; i < 4; i++)
            out[i] = u[i] * (i % 2 ? s2 : s1);
        return;
    }
    double t = atan2(2 * b, a - d) / 2, sign = b > 0 && a * d - b * b > a * a + b * b ? 1 : -1;
    double p = sign * cos(t), q = sign * sin(t), u[4] = {p, q, q, -p};
    for (int i = 0; i < 4; i++)
        out[i] = u[i] * (i % 2 ? s2 : s1);
}

static void test_affine_of_covariance(void **state)
{
    static const float special[][3] = {{0.4f, 0, 0.3f}, {0.3f, 0, 0.4f}, {0.3f, 0, 0.3f}, {0.1f, 0.05f, 0.6f}, {0.6f, 0.05f, 0.1f},
                                       {0.1f, -0.05f, 0.6f}, {0.5f, 0.2f, 0.5f}, {0.5f, -0.2f, 0.5f}, {1e-4f, 2e-5f, 3e-4f}};
    Rng r = rng_make(1, 2);
    for (int i = 0; i < 200; i++) {
        float s[3], a[4], grad[3], w[4];
        if (i < (int)ARRAY_LEN(special)) {
            memcpy(s, special[i], sizeof s);
        } else {
            float x = rng_normal(&r), y = rng_normal(&r), z = rng_normal(&r);
            s[0] = x * x + 0.01f, s[1] = x * y, s[2] = y * y + z * z + 0.01f;
        }
        for (int k = 0; k < 4; k++)
            w[k] = rng_normal(&r);
        run_affine(s, w, a, grad);
        double want[4], size = sqrt(s[0] + s[2]);
        rule(s, want);
        for (int k = 0; k < 4; k++)
            if (!(fabs(a[k] - want[k]) < 2e-5 * size))
                fail_msg("A of (%g, %g, %g), number %d: %.7f, wanted %.7f", (double)s[0], (double)s[1], (double)s[2], k, (double)a[k], want[k]);
        double gap = 2 * sqrt((s[0] - s[2]) / 2 * ((s[0] - s[2]) / 2) + s[1] * s[1]);
        for (int k = 0; k < 3; k++) {
            assert_true(isfinite(grad[k])); /* equal eigenvalues too */
            if (gap < 0.2 || fabsf(s[1]) < 0.02f)
                continue;
            double up[4], down[4], sum = 0, h = 1e-4;
            float moved_s[3];
            memcpy(moved_s, s, sizeof s);
            moved_s[k] = (float)(s[k] + h);
            rule(moved_s, up);
            double high = moved_s[k];
            moved_s[k] = (float)(s[k] - h);
            rule(moved_s, down);
            for (int j = 0; j < 4; j++)
                sum += w[j] * (up[j] - down[j]) / (high - moved_s[k]);
            if (!(fabs(grad[k] - sum) < 5e-3 * (1 + fabs(sum)))) /* the rule's sign may jump between the two */
                if (fabs(up[0] - down[0]) < 0.1 && fabs(up[3] - down[3]) < 0.1)
                    fail_msg("gradient %d at (%g, %g, %g): %g, wanted %g", k, (double)s[0], (double)s[1], (double)s[2], (double)grad[k], sum);
        }
    }
}

/* u(t, k) of musicinfuser.md 9.1, rule G. */
static double rule_g(uint64_t t, uint64_t k)
{
    uint64_t x = (t << 32 | k) + 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    return ldexp((double)(x >> 11), -52) - 1;
}

static void test_plane_map(void **state)
{
    static const double at[3][2] = {{0.3, -0.2}, {-0.7, 0.55}, {0.05, 0.9}};
    static const double want[3][2] = {{0.37764960, -0.16537713}, {-0.69834807, 0.55506554}, {0.08271262, 0.95368447}};
    PlaneMap m;
    for (uint64_t k = 0; k < 6; k++)
        m.theta[k] = (float)((k == 0 || k == 4) + 0.05 * rule_g(7000, k));
    for (uint64_t k = 0; k < 25; k++)
        m.weight[k] = (float)(0.005 * rule_g(7001, k));
    for (int i = 0; i < 3; i++) {
        float in[2] = {(float)at[i][0], (float)at[i][1]}, out[2];
        plane_map_apply(&m, in, out);
        close_to("W", out, want[i], 2, 1e-6);
    }
    Err e = {0};
    Arena *a = arena_create();
    Graph *g = graph_create(device_open("ref", &e), JIG_F32);
    Node *p = graph_input(g, "p", JIG_F32, SHAPE(1, 3, 2)), *theta = graph_input(g, "theta", JIG_F32, SHAPE(1, 6));
    PlaneNodes n = plane_map_nodes(g, a, p, theta, graph_input(g, "weight", JIG_F32, SHAPE(1, 25)));
    graph_output(g, "at", n.at);
    graph_output(g, "j", n.jacobian);
    assert_true(graph_plan(g, &e));
    float points[6], out[12];
    for (int i = 0; i < 6; i++)
        points[i] = (float)at[i / 2][i % 2];
    graph_set(g, "p", points, JIG_F32);
    graph_set(g, "theta", m.theta, JIG_F32);
    graph_set(g, "weight", m.weight, JIG_F32);
    assert_true(graph_run(g, &e));
    graph_get(g, "at", out);
    close_to("W in the graph", out, want[0], 6, 1e-6);
    graph_get(g, "j", out);
    close_to("J", out, (double[]){1.09090595, -0.06087945, 0.08752465, 0.99653260}, 4, 1e-6);
    graph_destroy(g);
    arena_destroy(a);
}

/* Regions that moved exactly as the map says: mu_dri = W(mu_T), A_dri = J A_T. */
static void test_exact_equivariance(void **state)
{
    Err e = {0};
    Arena *a = arena_create();
    Graph *g = graph_create(device_open("ref", &e), JIG_F32);
    Node *centre = graph_input(g, "centre", JIG_F32, SHAPE(1, K, 2)), *affine = graph_input(g, "affine", JIG_F32, SHAPE(1, K, 4));
    Node *theta = graph_input(g, "theta", JIG_F32, SHAPE(1, 6)), *weight = graph_input(g, "weight", JIG_F32, SHAPE(1, 25));
    PlaneNodes w = plane_map_nodes(g, a, centre, theta, weight);
    Node *j[4], *t[4], *d[4];
    for (int i = 0; i < 4; i++) {
        j[i] = op_slice(g, w.jacobian, 2, i, 1);
        t[i] = op_slice(g, affine, 2, i, 1);
    }
    for (int i = 0; i < 4; i++)
        d[i] = op_add(g, op_mul(g, j[i & 2], t[i & 1]), op_mul(g, j[(i & 2) + 1], t[2 + (i & 1)]));
    Regions moved_regions = {.centre = centre, .affine = affine}, driving = {.centre = w.at, .affine = op_concat(g, d, 4, 2)};
    Equivariance q = lfae_equivariance(g, a, &driving, &moved_regions, theta, weight);
    graph_output(g, "shift", q.shift);
    graph_output(g, "turn", q.affine);
    assert_true(graph_plan(g, &e));
    Rng r = rng_make(3, 4);
    PlaneMap m = plane_map_draw(&r, 0.05f, 0.005f);
    graph_set(g, "theta", m.theta, JIG_F32);
    graph_set(g, "weight", m.weight, JIG_F32);
    graph_set(g, "centre", (float[]){0.1f, 0.2f, -0.5f, 0.3f, 0.7f, -0.6f}, JIG_F32);
    graph_set(g, "affine", (float[]){0.3f, 0.1f, 0.1f, -0.2f, 0.2f, 0, 0, 0.1f, -0.4f, 0.1f, 0.2f, 0.3f}, JIG_F32);
    assert_true(graph_run(g, &e));
    float shift, turn;
    graph_get(g, "shift", &shift);
    graph_get(g, "turn", &turn);
    assert_true(shift < 1e-7 && turn < 1e-6);
    graph_destroy(g);
    arena_destroy(a);
}

static void test_anti_alias(void **state)
{
    static const int steps[] = {2, 4, 8}, sides[] = {5, 13, 29};
    for (int i = 0; i < 3; i++) {
        float k[29 * 29];
        double sum = 0;
        assert_int_equal(anti_alias_side(steps[i]), sides[i]);
        anti_alias_kernel(steps[i], k);
        for (int c = 0; c < sides[i] * sides[i]; c++)
            sum += k[c];
        assert_float_equal(sum, 1, 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anti_alias),       cmocka_unit_test(test_outputs),        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_batch_statistics), cmocka_unit_test(test_published_sizes), cmocka_unit_test(test_affine_of_covariance),
        cmocka_unit_test(test_plane_map),        cmocka_unit_test(test_exact_equivariance),
    };
    return cmocka_run_group_tests_name("lfae", tests, NULL, NULL);
}
