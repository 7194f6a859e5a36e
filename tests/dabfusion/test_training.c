/* SPDX-License-Identifier: Apache-2.0
 *
 * Both stages on two clips made by code, at a tiny size: losses fall, samples are drawn, a resumed run is the uninterrupted
 * one bit by bit; then a model folder of the two dances a song longer than its window, without a jump, the same twice.
 */
#include "clips.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "models/dabfusion/dabfusion_model.h"
#include "models/dabfusion/dabfusion_train.h"

static Arena *arena;

static void *net_options(const TrainTask *task, const char *pairs)
{
    Err e = {0};
    void *o = arena_alloc(arena, task->options_size);
    OptTable t = {task->rows, task->n_rows};
    opt_defaults(t, o);
    char *rest = arena_strdup(arena, pairs);
    for (char *pair; (pair = strsep(&rest, ","));) {
        char *value = strchr(pair, '=');
        *value++ = 0;
        if (!opt_set(t, o, pair, value, arena, &e))
            fail_msg("%s", e.text);
    }
    return o;
}

typedef struct Stop {
    int64_t at, steps;
} Stop;

static bool stop_at(void *user, const char *stage, double done, double total)
{
    const Stop *s = user;
    return strcmp(stage, "training") || done < ((double)s->at - 0.5) / (double)s->steps;
}

static TrainResult train(const TrainTask *task, const void *net, const char *run, int64_t steps, int64_t batch, double lr, const Progress *p,
                         bool resume)
{
    TrainOptions o;
    TrainResult r;
    Err e = {0};
    opt_defaults(train_options, &o);
    o.data = clips_folder();
    o.output = clips_path(run);
    o.steps = steps;
    o.batch = batch;
    o.replicas = 1;
    o.threads = 1; /* nodes of a few microseconds: meeting costs more than it saves */
    o.workers = 1;
    o.lr = lr;
    o.ema = 0.5;
    o.plan = PLAN_CONSTANT;
    o.warmup = 0;
    o.compute = "f32";
    o.validate_every = steps;
    o.validate_batches = 1;
    o.resume = resume;
    if (!train_run(task, &o, net, p, &r, &e) && !(p && e.cancelled))
        fail_msg("%s", e.text);
    return r;
}

/* Mean loss over steps from .. to - 1 of a run's log. */
static double mean_loss(const char *run, int from, int to)
{
    char name[64], *text;
    size_t n;
    Err e = {0};
    double sum = 0;
    int line = 0;
    snprintf(name, sizeof name, "%s/log.jsonl", run);
    assert_true(file_read(clips_path(name), 1 << 22, &text, &n, &e));
    for (char *row = text, *end; (end = strchr(row, '\n')); row = end + 1, line++) {
        *end = 0;
        cJSON *json = cJSON_Parse(row);
        if (line >= from && line < to)
            sum += cJSON_GetNumberValue(cJSON_GetObjectItem(json, "loss"));
        cJSON_Delete(json);
    }
    assert_true(line >= to);
    mem_free(text);
    return sum / (to - from);
}

static void same_weights(const char *a, const char *b)
{
    char name[2][64];
    Err e = {0};
    SafeTensors *st[2];
    for (int k = 0; k < 2; k++) {
        snprintf(name[k], sizeof name[k], "%s/checkpoint/state.safetensors", k ? b : a);
        st[k] = safetensors_open(clips_path(name[k]), &e);
        assert_non_null(st[k]);
    }
    for (int i = 0; i < safetensors_count(st[0]); i++) {
        Tensor x = safetensors_tensor(st[0], i), y;
        assert_true(safetensors_find(st[1], safetensors_name(st[0], i), &y));
        assert_memory_equal(x.data, y.data, tensor_bytes(&x));
    }
    safetensors_close(st[0]);
    safetensors_close(st[1]);
}

static const char lfae_sizes[] = "size=32,blocks=2,pad=3,regions=3,region-width=8,flow-width=8,width=8,max-width=32,residuals=1,grid=aligned";

static void test_stage_one(void **state)
{
    enum { STEPS = 30 };
    void *net = net_options(&lfae_task, lfae_sizes);
    TrainResult r = train(&lfae_task, net, "lfae", STEPS, 4, 2e-3, NULL, false);
    double before = mean_loss("lfae", 0, 5), after = mean_loss("lfae", STEPS - 5, STEPS);
    if (!(after < 0.8 * before))
        fail_msg("the loss went from %.4f to %.4f", before, after);
    bool measured = false;
    for (int i = 0; i < r.held_out.n; i++)
        measured = measured || (!strcmp(r.held_out.m[i].name, "psnr") && train_metric_mean(&r.held_out.m[i]) > 5);
    assert_true(measured);
    assert_true(file_exists(clips_path("lfae/samples/0000030.png")));
}

static void test_stage_one_resumes(void **state)
{
    void *net = net_options(&lfae_task, lfae_sizes);
    train(&lfae_task, net, "whole", 6, 2, 1e-3, NULL, false);
    Progress p = {stop_at, &(Stop){3, 6}};
    train(&lfae_task, net, "halves", 6, 2, 1e-3, &p, false);
    train(&lfae_task, net, "halves", 6, 2, 1e-3, NULL, true);
    same_weights("whole", "halves");
}

static const char *flow_sizes(const char *mode)
{
    return arena_printf(arena, "lfae=%s,mode=%s,frames=8,dim=8,mults=1-2,heads=2,head-dim=8", clips_path("lfae/weights.safetensors"), mode);
}

static void test_stage_two(void **state)
{
    enum { STEPS = 30 };
    void *net = net_options(&diffusion_task, flow_sizes("improved"));
    train(&diffusion_task, net, "flow", STEPS, 4, 3e-3, NULL, false);
    double before = mean_loss("flow", 0, 5), after = mean_loss("flow", STEPS - 5, STEPS);
    if (!(after < 0.85 * before))
        fail_msg("the loss went from %.4f to %.4f", before, after);
    assert_true(file_exists(clips_path("flow/samples/0000030.png")));
}

/* The teacher's outputs are made in the first run and read in the others: that must not matter. */
static void test_stage_two_resumes(void **state)
{
    void *net = net_options(&diffusion_task, flow_sizes("paper"));
    train(&diffusion_task, net, "flow whole", 4, 2, 1e-3, NULL, false);
    assert_int_equal(system(arena_printf(arena, "rm -rf '%s'", clips_path("cache"))), 0);
    Progress p = {stop_at, &(Stop){2, 4}};
    train(&diffusion_task, net, "flow halves", 4, 2, 1e-3, &p, false);
    train(&diffusion_task, net, "flow halves", 4, 2, 1e-3, NULL, true);
    same_weights("flow whole", "flow halves");
}

/* A network in paper mode goes on in improved mode. */
static void test_from_paper(void **state)
{
    const char *pairs = arena_printf(arena, "%s,from=%s", flow_sizes("improved"), clips_path("flow whole/weights.safetensors"));
    train(&diffusion_task, net_options(&diffusion_task, pairs), "grown", 2, 2, 1e-3, NULL, false);
    Err e = {0};
    TrainSetup s = {.data = clips_folder(), .options = net_options(&diffusion_task, "frames=8"), .batch = 1, .device = device_open("cpu", &e)};
    assert_null(diffusion_task.open(&s, &e)); /* without stage 1 */
    assert_non_null(strstr(e.text, "lfae=FILE"));
}

static void copy(const char *from, const char *to)
{
    assert_int_equal(system(arena_printf(arena, "cp '%s' '%s'", clips_path(from), clips_path(to))), 0);
}

static void make_model(void)
{
    mkdir(clips_path("model"), 0777);
    copy("lfae/weights.safetensors", "model/lfae.safetensors");
    copy("flow/weights.safetensors", "model/diffusion.safetensors");
    clips_write("model/model.json", "{\"class\": \"dabfusion\"}");
}

static void sample(DabfusionModel *m, double seconds, const LatentOptions *o, LatentMoves *moves)
{
    Err e = {0};
    int64_t n = llround(seconds * 8000);
    float *song = mem_zero((size_t)n * sizeof *song);
    BeatGrid grid;
    audio_grid_init(&grid);
    for (int64_t i = 0; i < n; i++)
        song[i] = (float)sin(0.3 * (double)i);
    audio_grid_set(&grid, (double[]){0, 0.5, 1, 1.5}, (int[]){1, 2, 3, 4}, 4, seconds);
    if (!dabfusion_sample(m, song, n, 8000, &grid, o, moves, NULL, &e))
        fail_msg("%s", e.text);
    audio_grid_finish(&grid);
    mem_free(song);
}

static void test_dance(void **state)
{
    Err e = {0};
    make_model();
    DabfusionModel *m = dabfusion_open(clips_path("model"), device_open("cpu", &e), &e);
    if (!m)
        fail_msg("%s", e.text);
    Picture p;
    assert_true(picture_load(clips_path("one.mp4"), &p, &e) && dabfusion_look(m, &p, &e));
    LatentOptions o = {.steps = 4, .guidance = 1.5, .seed = 3};
    LatentMoves a, b, c;
    sample(m, 2.1, &o, &a); /* 21 frames: windows of 8 at 0, 4, 8, 12, 13 */
    sample(m, 2.1, &o, &b);
    o.seed = 4;
    sample(m, 0.5, &o, &c); /* less than a window */
    assert_true(a.frames == 21 && c.frames == 5 && a.cells == 8);
    size_t numbers = 21 * 64 * 3;
    assert_memory_equal(a.h, b.h, numbers * sizeof(float));
    double jump[20], sorted[20];
    for (int t = 0; t < 20; t++) {
        jump[t] = 0;
        for (int i = 0; i < 64 * 3; i++)
            jump[t] += fabs(a.h[(t + 1) * 64 * 3 + i] - a.h[t * 64 * 3 + i]) / (64 * 3);
        int k = t;
        for (; k > 0 && sorted[k - 1] > jump[t]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = jump[t];
    }
    for (int t = 0; t < 20; t++) /* spec 12, item 22 */
        if (!(jump[t] <= 1.5 * sorted[10] + 1e-6))
            fail_msg("frame %d jumps by %.4f, the median is %.4f", t + 1, jump[t], sorted[10]);
    static float rgb[32 * 32 * 3];
    assert_true(dabfusion_frame(m, &a, 1.234, rgb, &e));
    for (int i = 0; i < 32 * 32 * 3; i++)
        assert_true(rgb[i] >= 0 && rgb[i] <= 1);
    assert_true(dabfusion_seconds(m, 2.1, 10, &o) > 0 && dabfusion_bytes(m, 2.1, &o) > 100000);
    o.sampler = SAMPLER_DDPM; /* only that it is told apart: a thousand steps are not for a test */
    assert_true(dabfusion_seconds(m, 2.1, 10, &o) > 100 * dabfusion_seconds(m, 2.1, 10, &(LatentOptions){.steps = 4, .guidance = 1.5}));
    latent_moves_finish(&a);
    latent_moves_finish(&b);
    latent_moves_finish(&c);
    picture_finish(&p);
    dabfusion_close(m);

    copy("flow/weights.safetensors", "model/lfae.safetensors"); /* the wrong file in a place is named */
    assert_null(dabfusion_open(clips_path("model"), device_open("cpu", &e), &e));
    assert_non_null(strstr(e.text, "lfae.safetensors"));
}

static int begin(void **state)
{
    arena = arena_create();
    clips_make("one", 64, 64, 10, 2, 120, 0);
    clips_make("two", 64, 64, 10, 2, 100, 1);
    clips_write("metadata.jsonl", "{\"file_name\": \"one.mp4\", \"music\": \"one.wav\", \"beats\": \"one.beats\", \"seconds\": 2, \"split\": \"train\"}\n"
                                  "{\"file_name\": \"two.mp4\", \"music\": \"two.wav\", \"beats\": \"two.beats\", \"seconds\": 2, \"split\": \"test\"}\n");
    return 0;
}

static int end(void **state)
{
    clips_remove();
    arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stage_one), cmocka_unit_test(test_stage_one_resumes), cmocka_unit_test(test_stage_two),
        cmocka_unit_test(test_stage_two_resumes), cmocka_unit_test(test_from_paper), cmocka_unit_test(test_dance),
    };
    return cmocka_run_group_tests_name("training", tests, begin, end);
}
