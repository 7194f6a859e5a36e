/* SPDX-License-Identifier: Apache-2.0
 *
 * From noise to video in the tiny configuration, against the golden numbers of the specification (dabfusion spec 9.3, 9.4):
 * schedule, lists of levels, noising, DDIM with and without guidance, and the whole system with the LFAE. Then what the
 * specification leaves to us: the split first convolution, upsampling by nearest + convolution, numbers a frame.
 *
 * Tolerances: 1e-4 of the rms for one evaluation in f32, 1e-3 after four DDIM steps (spec 9.1).
 */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diffusion/diffusion.h"
#include "models/dabfusion/dabfusion_model.h"

enum { T = 5, COND = 12 };

typedef struct Tiny {
    ParamSet *ps;
    FlowUnet *net;
    Graph *g;
    int side, features;
    float cond[COND];
} Tiny;

static FlowUnetConfig tiny_config(int features)
{
    return (FlowUnetConfig){.dim = 16, .levels = 3, .mults = {1, 2, 4}, .channels = 3 + features, .cond = COND, .heads = 2, .head_dim = 8,
                            .learned_null = true};
}

/* With the picture's part apart, or (joined) as one input as the reference has it. */
static void tiny_init(Tiny *t, const FlowUnetConfig *c, int side, int features, bool joined)
{
    Err e = {0};
    *t = (Tiny){.side = side, .features = features};
    t->ps = params_create();
    t->net = flow_unet_create(t->ps, "", c);
    assert_true(params_allocate(t->ps, false, 1, &e));
    golden_fill(t->ps, "");
    Graph *g = t->g = graph_create(device_open("cpu", &e), JIG_F32);
    Node *x = graph_input(g, "x", JIG_F32, SHAPE(1, T, side, side, 3)), *z = graph_input(g, "z", JIG_F32, SHAPE(1, side, side, features));
    Node *time = graph_input(g, "time", JIG_F32, SHAPE(1)), *cond = graph_input(g, "cond", JIG_F32, SHAPE(1, COND));
    Node *eps;
    if (joined) {
        Node *frames = op_repeat(g, op_reshape(g, z, SHAPE(1, 1, side, side, features)), 1, T);
        eps = flow_unet(g, t->net, op_concat(g, (Node *[]){x, frames}, 2, 4), time, cond);
    } else {
        FlowStep s = {.x = x, .picture = flow_unet_picture(g, t->net, z), .time = time, .cond = cond,
                      .keep = graph_input(g, "keep", JIG_F32, SHAPE(1, 1))};
        if (c->frame_cond)
            s.frames = graph_input(g, "frames", JIG_F32, SHAPE(1, T, c->frame_cond));
        eps = flow_unet_step(g, t->net, &s);
    }
    graph_output(g, "eps", eps);
    if (!graph_plan(g, &e))
        fail_msg("%s", e.text);
    for (int j = 0; j < COND; j++)
        t->cond[j] = (float)cos(0.5 * j);
    graph_set(g, "cond", t->cond, JIG_F32);
    graph_set(g, "keep", (float[]){1}, JIG_F32);
}

static void tiny_finish(Tiny *t)
{
    graph_destroy(t->g);
    flow_unet_destroy(t->net);
    params_destroy(t->ps);
}

static bool evaluate(void *user, const float *z, int level, float *eps, Err *e)
{
    Tiny *t = user;
    graph_set(t->g, "x", z, JIG_F32);
    graph_set(t->g, "time", (float[]){(float)level}, JIG_F32);
    return graph_run(t->g, e) && graph_get(t->g, "eps", eps);
}

/* Branch 0 without music, branch 1 with. */
static bool evaluate_both(void *user, const float *z, int level, float *eps, Err *e)
{
    Tiny *t = user;
    for (int b = 0; b < 2; b++) {
        graph_set(t->g, "keep", (float[]){(float)b}, JIG_F32);
        if (!evaluate(user, z, level, eps + b * T * t->side * t->side * 3, e))
            return false;
    }
    return true;
}

/* f(k) of the reference's [channels, T, side, side], channels last here. */
static void fill_clip(float *out, int side, int channels, double (*f)(double))
{
    int64_t positions = (int64_t)T * side * side;
    for (int64_t k = 0; k < positions * channels; k++)
        out[k % positions * channels + k / positions] = (float)f((double)k);
}

static double start_value(double k) { return 1.3 * sin(0.7 * k + 0.2); }
static double noise_value(double k) { return cos(start_value(k)); }

static void fill_features(float *out, int side, int features)
{
    for (int64_t k = 0; k < (int64_t)side * side * features; k++)
        out[k % (side * side) * features + k / (side * side)] = (float)sin(0.2 * (double)k + 0.1);
}

static const double two[2] = {-1, 2}; /* guidance 2: null + 2 (cond - null) */

static DdimOptions options(const double *weights)
{
    return (DdimOptions){.steps = 4, .rule = DDIM_LUCIDRAINS, .prediction = PREDICT_EPS, .branches = weights ? 2 : 1, .weights = weights,
                         .threshold = 0.9, .limit = 1};
}

static void test_schedule(void **state)
{
    Schedule s;
    Err e = {0};
    assert_true(schedule_init(&s, SCHEDULE_COSINE_9999, 1000, &e));
    assert_true(fabs(s.signal[0] - 0.9999587) < 5e-8 && fabs(s.signal[250] - 0.845888) < 5e-7 && fabs(s.signal[500] - 0.492285) < 5e-7);
    assert_true(fabs(s.signal[999] - 2.4288e-10) < 1e-14);
    int levels[1001];
    static const int four[] = {800, 600, 400, 200, 0}, ten[] = {909, 818, 727, 636, 545, 454, 363, 272, 181, 90, 0};
    assert_int_equal(ddim_levels(&s, DDIM_LUCIDRAINS, 4, levels), 5);
    assert_memory_equal(levels, four, sizeof four);
    assert_int_equal(ddim_levels(&s, DDIM_LUCIDRAINS, 10, levels), 11);
    assert_memory_equal(levels, ten, sizeof ten);
    assert_int_equal(ddim_levels(&s, DDIM_LUCIDRAINS, 250, levels), 251);
    assert_true(levels[0] == 996 && levels[1] == 992 && levels[249] == 3 && levels[250] == 0);
    assert_int_equal(ddim_levels(&s, DDIM_ANCESTRAL, 1000, levels), 1000);
    assert_true(levels[0] == 999 && levels[999] == 0);

    static float x0[3 * T * 64], eps[3 * T * 64], z[3 * T * 64];
    fill_clip(x0, 8, 3, start_value);
    fill_clip(eps, 8, 3, noise_value);
    schedule_add_noise(&s, 500, x0, eps, z, 3 * T * 64);
    golden_row("noised", z, T * 64, 3, (double[]){0.44185447, 0.80343298, 0.87011859, 1.08842395, 1.10271500, -0.23075338}, 1e-6);
    schedule_finish(&s);
}

static void test_ddim(void **state)
{
    static float z[3 * T * 64], features[5 * 64];
    Schedule s;
    Err e = {0};
    Tiny t;
    FlowUnetConfig c = tiny_config(5);
    assert_true(schedule_init(&s, SCHEDULE_COSINE_9999, 1000, &e));
    tiny_init(&t, &c, 8, 5, false);
    fill_features(features, 8, 5);
    graph_set(t.g, "z", features, JIG_F32);
    fill_clip(z, 8, 3, start_value);
    DdimOptions o = options(NULL);
    assert_true(ddim_sample(&s, &o, evaluate, &t, z, 3 * T * 64, NULL, &e));
    golden_row("ddim", z, T * 64, 3, (double[]){0.01980910, 0.43674340, 0.06235093, 0.09050408, 0.36465205, -0.07296012}, 1e-3);
    fill_clip(z, 8, 3, start_value);
    o = options(two);
    assert_true(ddim_sample(&s, &o, evaluate_both, &t, z, 3 * T * 64, NULL, &e));
    golden_row("guided", z, T * 64, 3, (double[]){0.01809359, 0.43617563, 0.06000134, 0.10036912, 0.38474703, -0.09275458}, 1e-3);
    tiny_finish(&t);
    schedule_finish(&s);
}

/* One guided evaluation: the row "scale 2.0" of 9.3. */
static void test_guidance(void **state)
{
    static float x[8 * T * 64], eps[2 * 3 * T * 64], flow[3 * T * 64];
    Tiny t;
    Err e = {0};
    FlowUnetConfig c = tiny_config(5);
    tiny_init(&t, &c, 8, 5, true);
    for (int64_t k = 0; k < 8 * T * 64; k++) { /* the input of 9.3 is one clip of 8 channels, other in every frame */
        int64_t position = k % (T * 64), channel = k / (T * 64);
        x[position * 8 + channel] = (float)sin(0.11 * (double)k + 0.3);
    }
    graph_destroy(t.g);
    Graph *g = t.g = graph_create(device_open("cpu", &e), JIG_F32);
    Node *in = graph_input(g, "x", JIG_F32, SHAPE(1, T, 8, 8, 8)), *cond = graph_input(g, "cond", JIG_F32, SHAPE(1, COND));
    graph_output(g, "eps", flow_unet(g, t.net, in, graph_input(g, "time", JIG_F32, SHAPE(1)), cond));
    assert_true(graph_plan(g, &e));
    graph_set(g, "x", x, JIG_F32);
    graph_set(g, "time", (float[]){37}, JIG_F32);
    for (int b = 0; b < 2; b++) {
        graph_set(g, "cond", b ? t.cond : params_find(t.ps, "null_cond_emb")->value.data, JIG_F32);
        assert_true(graph_run(g, &e));
        graph_get(g, "eps", eps + b * 3 * T * 64);
    }
    for (int i = 0; i < 3 * T * 64; i++)
        flow[i] = (float)(two[0] * eps[i] + two[1] * eps[3 * T * 64 + i]);
    golden_row("scale 2", flow, T * 64, 3, (double[]){-0.20836789, 1.17236651, -0.54278388, -0.21865141, 0.75070869, -0.06292263}, 1e-4);
    tiny_finish(&t);
}

/* ---- the whole system, 9.4 ----------------------------------------------------------------------------------------- */

static const LfaeConfig tiny_lfae = {.size = 64, .regions = 3, .region_width = 8, .flow_width = 8, .width = 8, .max_width = 32, .blocks = 3,
                                     .step = 4, .pad = 0, .downs = 2, .residuals = 2, .background = LFAE_BACKGROUND_AFFINE};

static Lfae *make_lfae(ParamSet *ps)
{
    Err e = {0};
    Lfae *net = lfae_create(ps, &tiny_lfae);
    assert_true(params_allocate(ps, false, 1, &e));
    golden_fill(ps, "generator.");
    lfae_fill(net, false);
    return net;
}

static void get_features(Lfae *net, const float *picture, float *z)
{
    Err e = {0};
    Graph *g = graph_create(device_open("cpu", &e), JIG_F32);
    LfaeFeatures f = lfae_encode(g, net->generator, graph_input(g, "picture", JIG_F32, SHAPE(1, 64, 64, 3)), false);
    graph_output(g, "z", f.level[2]);
    assert_true(graph_plan(g, &e));
    graph_set(g, "picture", picture, JIG_F32);
    assert_true(graph_run(g, &e) && graph_get(g, "z", z));
    graph_destroy(g);
}

/* h [T, 16, 16, 3] -> video [T, 64, 64, 3]: all frames from one picture */
static void decode(Lfae *net, const float *picture, const float *h, float *video)
{
    static float flow[T * 256 * 2], occlusion[T * 256];
    Err e = {0};
    for (int i = 0; i < T * 256; i++) {
        flow[2 * i] = h[3 * i];
        flow[2 * i + 1] = h[3 * i + 1];
        occlusion[i] = (h[3 * i + 2] + 1) / 2;
    }
    Graph *g = graph_create(device_open("cpu", &e), JIG_F32);
    Node *p = graph_input(g, "picture", JIG_F32, SHAPE(1, 64, 64, 3));
    LfaeFeatures f = lfae_encode(g, net->generator, p, false);
    graph_output(g, "video", lfae_decode(g, net->generator, f, graph_input(g, "flow", JIG_F32, SHAPE(T, 16, 16, 2)),
                                         graph_input(g, "occlusion", JIG_F32, SHAPE(T, 16, 16, 1)), false));
    if (!graph_plan(g, &e))
        fail_msg("%s", e.text);
    graph_set(g, "picture", picture, JIG_F32);
    graph_set(g, "flow", flow, JIG_F32);
    graph_set(g, "occlusion", occlusion, JIG_F32);
    assert_true(graph_run(g, &e) && graph_get(g, "video", video));
    graph_destroy(g);
}

static void test_whole_system(void **state)
{
    static float picture[64 * 64 * 3], features[32 * 256], h[3 * T * 256], eps[3 * T * 256], video[T * 64 * 64 * 3];
    Schedule s;
    Err e = {0};
    Tiny t;
    ParamSet *ps = params_create();
    Lfae *net = make_lfae(ps);
    FlowUnetConfig c = tiny_config(32);
    golden_picture(0, 64, picture);
    get_features(net, picture, features);
    assert_true(schedule_init(&s, SCHEDULE_COSINE_9999, 1000, &e));
    tiny_init(&t, &c, 16, 32, false);
    assert_int_equal(params_size(t.ps), 662719);
    graph_set(t.g, "z", features, JIG_F32);
    fill_clip(h, 16, 3, start_value);
    assert_true(evaluate(&t, h, 800, eps, &e));
    golden_row("first estimate", eps, T * 256, 3, (double[]){-0.19583300, 1.12433565, 0.04434962, 0.17584092, 0.37226236, -0.50447392}, 1e-4);
    DdimOptions o = options(NULL);
    assert_true(ddim_sample(&s, &o, evaluate, &t, h, 3 * T * 256, NULL, &e));
    golden_row("h", h, T * 256, 3, (double[]){0.00150399, 0.48991473, -0.01171387, 0.28361399, 0.37118779, -0.31666115}, 1e-3);
    decode(net, picture, h, video);
    golden_row("video", video, T * 64 * 64, 3, (double[]){0.54358324, 0.57076240, 0.38407751, 0.38409529, 0.35749229, 0.40231640}, 1e-3);
    golden_row("frame 4", video + 4 * 64 * 64 * 3, 64 * 64, 3, (double[]){0.53841805, 0.56913399, 0.36241631, 0.36253831, 0.34652274, 0.40231640}, 1e-3);
    tiny_finish(&t);
    schedule_finish(&s);
    lfae_destroy(net);
    params_destroy(ps);
}

/* ---- what is ours ---------------------------------------------------------------------------------------------------- */

/* a[i] against b[i % period], outputs of rms about 1. */
static void near(const float *a, const float *b, int n, int period)
{
    float most = 0;
    for (int i = 0; i < n; i++)
        most = fmaxf(most, fabsf(a[i] - b[i % period]));
    if (!(most < 1e-4f))
        fail_msg("they differ by up to %g", (double)most);
}

/* The first convolution in two parts is the first convolution. */
static void test_split_convolution(void **state)
{
    static float z[3 * T * 64], features[5 * 64], whole[3 * T * 64], parts[3 * T * 64];
    Err e = {0};
    FlowUnetConfig c = tiny_config(5);
    c.nearest_up = true;
    fill_features(features, 8, 5);
    fill_clip(z, 8, 3, start_value);
    for (int k = 0; k < 2; k++) {
        Tiny t;
        tiny_init(&t, &c, 8, 5, k == 0);
        graph_set(t.g, "z", features, JIG_F32);
        assert_true(evaluate(&t, z, 500, k ? parts : whole, &e));
        tiny_finish(&t);
    }
    near(whole, parts, 3 * T * 64, 3 * T * 64);
}

/* Numbers a frame: with their weights at 0 nothing changes; with other weights only they tell frames apart. */
static void test_frame_numbers(void **state)
{
    enum { F = 2 };
    static float z[3 * T * 64], features[5 * 64], paper[3 * T * 64], improved[3 * T * 64];
    Err e = {0};
    FlowUnetConfig c = tiny_config(5);
    Tiny a, b;
    tiny_init(&a, &c, 8, 5, false);
    c.frame_cond = F;
    tiny_init(&b, &c, 8, 5, false);
    for (int i = 0; i < params_count(a.ps); i++) { /* paper's columns first */
        const Param *from = params_at(a.ps, i);
        Param *to = params_at(b.ps, i);
        int64_t rows = from->value.shape.d[0], n = shape_count(from->value.shape) / rows, wide = shape_count(to->value.shape) / rows;
        for (int64_t r = 0; r < rows; r++)
            memcpy((float *)to->value.data + r * wide, (const float *)from->value.data + r * n, (size_t)n * sizeof(float));
    }
    flow_unet_fill(b.net);
    graph_weights_changed(b.g);
    fill_features(features, 8, 5);
    for (int k = 0; k < T * 64 * 3; k++) /* every frame the same */
        z[k] = (float)sin(0.3 * (k % (64 * 3)));
    float frames[T * F] = {0};
    frames[2 * F] = 1;
    graph_set(a.g, "z", features, JIG_F32);
    graph_set(b.g, "z", features, JIG_F32);
    graph_set(b.g, "frames", frames, JIG_F32);
    assert_true(evaluate(&a, z, 300, paper, &e) && evaluate(&b, z, 300, improved, &e));
    near(paper, improved, 3 * T * 64, 3 * T * 64);
    near(paper, paper, 3 * T * 64, 3 * 64); /* spec 2.7: no frame knows its place */
    for (int i = 0; i < params_count(b.ps); i++) {
        Param *p = params_at(b.ps, i);
        if (text_ends_with(p->name, ".mlp.1.weight"))
            for (int64_t r = 0; r < p->value.shape.d[0]; r++)
                ((float *)p->value.data)[(r + 1) * p->value.shape.d[1] - F] = 0.1f;
    }
    graph_weights_changed(b.g);
    assert_true(evaluate(&b, z, 300, improved, &e));
    float apart = 0;
    for (int i = 0; i < 64 * 3; i++)
        apart = fmaxf(apart, fabsf(improved[2 * 64 * 3 + i] - improved[i]));
    assert_true(apart > 1e-3f);
    graph_set(b.g, "keep", (float[]){0}, JIG_F32); /* no music: no frame numbers either */
    assert_true(evaluate(&b, z, 300, improved, &e));
    near(improved, improved, 3 * T * 64, 3 * 64);
    tiny_finish(&a);
    tiny_finish(&b);
}

/* ---- moves ----------------------------------------------------------------------------------------------------------- */

static void make_moves(LatentMoves *m)
{
    Err e = {0};
    assert_true(latent_moves_init(m, T, 10, 16, &e));
    Rng r = rng_make(5, 6);
    for (int i = 0; i < T * 256; i++) {
        m->h[3 * i] = 2 * (float)(i % 16) / 15 - 1 + 0.1f * rng_normal(&r);
        m->h[3 * i + 1] = 2 * (float)(i / 16 % 16) / 15 - 1 + 0.1f * rng_normal(&r);
        m->h[3 * i + 2] = rng_range(&r, -1, 1);
    }
}

/* The mirrored flow over the mirrored picture is the mirrored video (spec 12, item 24). Convolutions do not mirror, so the
 * check is on the warp and the blend: the picture read through the flow. */
static void test_mirror(void **state)
{
    static float picture[64 * 64 * 3], turned[64 * 64 * 3], out[2][T * 64 * 64 * 3];
    LatentMoves m[2];
    Err e = {0};
    make_moves(&m[0]);
    make_moves(&m[1]);
    latent_moves_mirror(&m[1]);
    golden_picture(0.4, 64, picture);
    for (int i = 0; i < 64 * 64 * 3; i++)
        turned[(i / (64 * 3) * 64 + 63 - i / 3 % 64) * 3 + i % 3] = picture[i];
    ParamSet *ps = params_create();
    Lfae *net = make_lfae(ps);
    for (int k = 0; k < 2; k++) {
        static float flow[T * 256 * 2];
        for (int i = 0; i < T * 256; i++) {
            flow[2 * i] = m[k].h[3 * i];
            flow[2 * i + 1] = m[k].h[3 * i + 1];
        }
        Graph *g = graph_create(device_open("cpu", &e), JIG_F32);
        Node *p = graph_input(g, "picture", JIG_F32, SHAPE(1, 64, 64, 3)), *f = graph_input(g, "flow", JIG_F32, SHAPE(T, 16, 16, 2));
        graph_output(g, "out", lfae_warped_picture(g, net->generator, p, f));
        assert_true(graph_plan(g, &e));
        graph_set(g, "picture", k ? turned : picture, JIG_F32);
        graph_set(g, "flow", flow, JIG_F32);
        assert_true(graph_run(g, &e) && graph_get(g, "out", out[k]));
        graph_destroy(g);
    }
    for (int i = 0; i < T * 64 * 64 * 3; i++) {
        int row = i / (64 * 3), x = i / 3 % 64, other = (row * 64 + 63 - x) * 3 + i % 3;
        assert_true(fabsf(out[0][i] - out[1][other]) < 1e-3f);
    }
    for (int k = 0; k < 2; k++)
        latent_moves_finish(&m[k]);
    lfae_destroy(net);
    params_destroy(ps);
}

/* Kept moves come back frame for frame for the same song, re-timed for one that is twice as fast. */
static void test_moves_file(void **state)
{
    char path[] = "/tmp/jig-moves-XXXXXX";
    Err e = {0};
    LatentMoves m, back, fast;
    BeatGrid grid, quick;
    close(mkstemp(path));
    make_moves(&m);
    audio_grid_init(&grid);
    audio_grid_init(&quick);
    audio_grid_set(&grid, (double[]){0, 0.2, 0.4}, (int[]){1, 2, 3}, 3, 0.5);
    audio_grid_set(&quick, (double[]){0, 0.1, 0.2}, (int[]){1, 2, 3}, 3, 0.25);
    assert_true(latent_moves_write(&m, path, &grid, &e));
    if (!latent_moves_read(&back, path, &grid, 0.5, &e))
        fail_msg("%s", e.text);
    assert_int_equal(back.frames, T);
    assert_memory_equal(back.h, m.h, sizeof(float) * T * 256 * 3);
    assert_true(latent_moves_read(&fast, path, &quick, 0.2, &e));
    assert_int_equal(fast.frames, 2);
    for (int i = 0; i < 256 * 3; i++) /* frame 1 at 0.1 s, beat 1: frame 2 of the old moves */
        assert_true(fabsf(fast.h[256 * 3 + i] - m.h[2 * 256 * 3 + i]) < 1e-4f);
    latent_moves_close(&m, 2);
    for (int i = 0; i < 256 * 3; i++) {
        float far = fabsf(back.h[4 * 256 * 3 + i] - m.h[i]), near = fabsf(m.h[4 * 256 * 3 + i] - m.h[i]);
        assert_true(near <= far + 1e-6f);
    }
    file_write(path, "moves?", 6, &e);
    assert_false(latent_moves_read(&fast, path, &quick, 0.2, &e));
    assert_non_null(strstr(e.text, path));
    latent_moves_finish(&m);
    latent_moves_finish(&back);
    audio_grid_finish(&grid);
    audio_grid_finish(&quick);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule),          cmocka_unit_test(test_guidance),     cmocka_unit_test(test_ddim),
        cmocka_unit_test(test_whole_system),      cmocka_unit_test(test_split_convolution), cmocka_unit_test(test_frame_numbers),
        cmocka_unit_test(test_mirror),            cmocka_unit_test(test_moves_file),
    };
    return cmocka_run_group_tests_name("latent sampling", tests, NULL, NULL);
}
