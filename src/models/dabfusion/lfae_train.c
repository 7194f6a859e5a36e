/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage 1 (spec 1, 4.2, 5.1): the LFAE learns from pairs of frames of a clip, without any truth.
 *
 *   R on source, driving, and driving read through a random map W;  B, P, G make the driving picture from the source
 *   loss = perceptual (10 a term) + 10 shift + 10 affine
 *
 * A pair: two frames of one clip in the order of time; in training time is turned round in half of them, left and right in
 * half, colours jittered by one draw a pair. Held-out pairs: frame 0 and a later one, nothing turned.
 */
#include "models/dabfusion/dabfusion_train.h"
#include "models/dabfusion/lfae_blocks.h"

#include <math.h>
#include <string.h>

typedef struct LfaeOptions {
    int64_t size, regions, region_width, flow_width, width, max_width, blocks, step, pad, residuals;
    double fps, equivariance, jitter;
    int background, grid;
    const char *vgg;
} LfaeOptions;

#define O(f) offsetof(LfaeOptions, f)
static const Option option_rows[] = {
    {"size", 0, OPT_INT, O(size), 32, 512, "128", NULL, "N", "side of the pictures; a multiple of step x 2^blocks"},
    {"fps", 0, OPT_FLOAT, O(fps), 1, 60, "10", NULL, "N", "frames a second taken from the clips"},
    {"regions", 0, OPT_INT, O(regions), 1, 64, "10", NULL, "N", "moving regions"},
    {"region-width", 0, OPT_INT, O(region_width), 4, 256, "32", NULL, "N", "channels that the region and background predictors begin with"},
    {"flow-width", 0, OPT_INT, O(flow_width), 4, 256, "64", NULL, "N", "channels that the flow predictor begins with"},
    {"width", 0, OPT_INT, O(width), 4, 256, "64", NULL, "N", "channels of the generator at full size"},
    {"max-width", 0, OPT_INT, O(max_width), 8, 2048, "1024", NULL, "N", "most channels of any network (the generator: at most 512)"},
    {"blocks", 0, OPT_INT, O(blocks), 1, HOURGLASS_BLOCKS, "5", NULL, "N", "halvings of an hourglass; 4 at 64 pixels"},
    {"step", 0, OPT_INT, O(step), 1, 8, "4", NULL, "N", "pictures are this many times larger than the flow"},
    {"pad", 0, OPT_INT, O(pad), 0, 3, "0", NULL, "N", "padding of the heat maps: 0 for bodies, 3 for faces"},
    {"residuals", 0, OPT_INT, O(residuals), 0, 16, "6", NULL, "N", "residual blocks of the generator"},
    {"background", 0, OPT_CHOICE, O(background), 0, 0, "affine", "zero|shift|affine|perspective", NULL, "how the place may move; zero: a fixed camera"},
    {"grid", 0, OPT_CHOICE, O(grid), 0, 0, "lfdm", "lfdm|aligned", NULL, "how pictures are read: as published weights expect it, or without its dark rim"},
    {"equivariance", 0, OPT_FLOAT, O(equivariance), 0, 1000, "10", NULL, "X", "weight of the two equivariance losses"},
    {"jitter", 0, OPT_FLOAT, O(jitter), 0, 0.5, "0.1", NULL, "X", "how far brightness, contrast, saturation and hue are changed"},
    {"vgg", 0, OPT_TEXT, O(vgg), 0, 0, NULL, NULL, "FILE", "VGG-19 (torchvision's, as safetensors); without: the pixels at four scales are compared"},
};
static const char *const losses[] = {"picture", "shift", "affine", NULL};
enum { IN_SOURCE, IN_DRIVING, IN_GRID, IN_THETA, IN_WEIGHT, INPUTS };

typedef struct LfaeTraining {
    LfaeOptions o;
    LfaeConfig config;
    Arena *arena;
    DataSet *data;
    int *side[2], n_side[2]; /* clips: training, held out */
    uint64_t seed;
    ParamSet *ps;
    Lfae *net;
    Perceptual *perceptual;
    TrainInput inputs[INPUTS];
} LfaeTraining;

static void task_close(void *net)
{
    LfaeTraining *t = net;
    perceptual_close(t->perceptual);
    lfae_destroy(t->net);
    params_destroy(t->ps);
    data_close(t->data);
    mem_free(t->side[0]);
    mem_free(t->side[1]);
    arena_destroy(t->arena);
    mem_free(t);
}

static LfaeConfig config_of(const LfaeOptions *o)
{
    LfaeConfig c = {.size = o->size, .regions = o->regions, .region_width = o->region_width, .flow_width = o->flow_width,
                    .width = o->width, .max_width = o->max_width, .blocks = (int)o->blocks, .step = (int)o->step, .pad = (int)o->pad,
                    .residuals = (int)o->residuals, .background = o->background, .aligned = o->grid == 1};
    while ((1 << c.downs) < c.step) /* the features lie on the flow's cells */
        c.downs++;
    return c;
}

static bool open_data(LfaeTraining *t, const char *folder, Err *e)
{
    t->data = data_open(folder, &(DataOptions){(int)t->o.size, t->o.fps}, e);
    for (int k = 0; k < 2 && t->data; k++) {
        t->side[k] = mem_alloc((size_t)data_count(t->data) * sizeof(int));
        t->n_side[k] = data_side(t->data, k == 1, t->side[k]);
    }
    return t->data != NULL;
}

static void *task_open(const TrainSetup *s, Err *e)
{
    LfaeTraining *t = mem_zero(sizeof *t);
    t->o = *(const LfaeOptions *)s->options;
    t->config = config_of(&t->o);
    t->arena = arena_create();
    t->seed = s->seed;
    bool ok = t->o.step > 1 || err_set(e, "step 1: the flow of a picture as large as itself is not supported (allowed: 2, 4, 8)");
    ok = ok && lfae_config_check(&t->config, e) && open_data(t, s->data, e) && (t->perceptual = perceptual_open(t->o.vgg, e));
    if (!ok) {
        task_close(t);
        return NULL;
    }
    if (!perceptual_has_network(t->perceptual))
        log_line(LOG_INFO, "no VGG-19 is given (--net vgg=FILE): pictures are compared by their pixels at four scales");
    int64_t n = t->o.size;
    t->inputs[IN_SOURCE] = (TrainInput){"source", JIG_F32, SHAPE(n, n, 3), false};
    t->inputs[IN_DRIVING] = (TrainInput){"driving", JIG_F32, SHAPE(n, n, 3), false};
    t->inputs[IN_GRID] = (TrainInput){"grid", JIG_F32, SHAPE(n, n, 2), false};
    t->inputs[IN_THETA] = (TrainInput){"theta", JIG_F32, SHAPE(6), false};
    t->inputs[IN_WEIGHT] = (TrainInput){"weight", JIG_F32, SHAPE(TPS_POINTS * TPS_POINTS), false};
    t->ps = params_create();
    t->net = lfae_create(t->ps, &t->config);
    return t;
}

static ParamSet *task_params(void *net) { return ((LfaeTraining *)net)->ps; }

static bool task_begin(void *net, Err *e)
{
    lfae_fill(((LfaeTraining *)net)->net, true);
    return true;
}

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = INPUTS;
    return ((LfaeTraining *)net)->inputs;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void *worker_create(void *net) { return mem_zero(1); }

static void to_floats(const uint8_t *rgb, int n, bool turned, float *out)
{
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++, out += 3) {
            const uint8_t *p = rgb + ((size_t)y * (size_t)n + (size_t)(turned ? n - 1 - x : x)) * 3;
            for (int c = 0; c < 3; c++)
                out[c] = p[c] / 255.0f;
        }
}

static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    LfaeTraining *t = net;
    Rng r = rng_make(t->seed, index * 2 + held_out);
    int n_clips = t->n_side[held_out], size = (int)t->o.size;
    int clip = t->side[held_out][held_out ? (int)(index % (uint64_t)n_clips) : rng_int(&r, 0, n_clips - 1)];
    int64_t frames, pixels = (int64_t)size * size * 3;
    const uint8_t *rgb = data_frames(t->data, clip, &frames, e);
    if (!rgb)
        return false;
    int a = rng_int(&r, 0, (int)frames - 1), b = rng_int(&r, 0, (int)frames - 1), first = MIN(a, b), second = MAX(a, b);
    if (held_out) {
        first = 0;
        second = (int)(frames > 1 ? 1 + (int64_t)(rng_u32(&r) % (uint32_t)(frames - 1)) : 0);
    }
    bool back = !held_out && rng_chance(&r, 0.5f), turned = !held_out && rng_chance(&r, 0.5f);
    to_floats(rgb + pixels * (back ? second : first), size, turned, rows[IN_SOURCE]);
    to_floats(rgb + pixels * (back ? first : second), size, turned, rows[IN_DRIVING]);
    if (!held_out && t->o.jitter > 0) {
        ColourJitter j = colour_jitter_draw(&r, (float)t->o.jitter, (float)t->o.jitter, (float)t->o.jitter, (float)t->o.jitter);
        colour_jitter_apply(&j, rows[IN_SOURCE], pixels / 3);
        colour_jitter_apply(&j, rows[IN_DRIVING], pixels / 3);
    }
    PlaneMap m = plane_map_draw(&r, 0.05f, 0.005f);
    plane_map_grid(&m, size, size, rows[IN_GRID]);
    memcpy(rows[IN_THETA], m.theta, sizeof m.theta);
    memcpy(rows[IN_WEIGHT], m.weight, sizeof m.weight);
    return true;
}

/* ---- graph ------------------------------------------------------------------------------------------------------- */

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    LfaeTraining *t = net;
    Node *in[INPUTS];
    lfae_fill(t->net, false); /* constants: a file that training started from may hold rounded ones */
    for (int i = 0; i < INPUTS; i++)
        in[i] = dabfusion_input(g, &t->inputs[i], batch, i <= IN_DRIVING ? graph_type(g) : JIG_F32);
    Node *source = in[IN_SOURCE], *driving = in[IN_DRIVING];
    Node *moved = op_warp(g, driving, in[IN_GRID], WARP_REFLECT, false, false);
    Regions of_source = region_predictor(g, t->net->regions, source, training);
    Regions of_driving = region_predictor(g, t->net->regions, driving, training);
    Regions of_moved = region_predictor(g, t->net->regions, moved, training);
    LatentFlow f = lfae_flow(g, t->net, source, driving, &of_source, &of_driving, training);
    Node *made = lfae_generator(g, t->net->generator, source, f.flow, f.occlusion, training);
    Equivariance q = lfae_equivariance(g, t->arena, &of_driving, &of_moved, in[IN_THETA], in[IN_WEIGHT]);
    float weight = (float)t->o.equivariance;
    Node *loss = dabfusion_add_loss(g, NULL, "picture", 1, perceptual_loss(g, t->perceptual, made, driving));
    loss = dabfusion_add_loss(g, loss, "shift", weight, q.shift);
    loss = dabfusion_add_loss(g, loss, "affine", weight, q.affine);
    if (!training) {
        graph_output(g, "made", made);
        graph_output(g, "occlusion", f.occlusion);
    }
    return loss;
}

/* ---- what comes of it -------------------------------------------------------------------------------------------- */

static double psnr(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return -10 * log10(sum / (double)n + 1e-10);
}

/* Peak signal to noise of the made picture, and of the source itself in its place: what is gained by moving it. */
static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    LfaeTraining *t = net;
    int64_t n = t->o.size * t->o.size * 3;
    float *made = mem_alloc((size_t)(b->size * n) * sizeof *made);
    graph_get(g, "made", made);
    for (int64_t i = 0; i < b->size; i++) {
        const float *driving = train_batch_row(b, IN_DRIVING, i);
        train_metric_add(m, "psnr", psnr(made + i * n, driving, n), 1);
        train_metric_add(m, "psnr_of_source", psnr(train_batch_row(b, IN_SOURCE, i), driving, n), 1);
    }
    mem_free(made);
}

/* samples/: source, driving, made, occlusion (white: warped pixels are trusted) */
static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    LfaeTraining *t = net;
    int size = (int)t->o.size, cells = size / (int)t->o.step, n = (int)MIN(b->size, 12);
    int64_t pixels = (int64_t)size * size * 3;
    float *made = mem_alloc((size_t)(b->size * (pixels + cells * cells)) * sizeof *made), *occlusion = made + b->size * pixels;
    graph_get(g, "made", made);
    graph_get(g, "occlusion", occlusion);
    Picture *pics = mem_zero((size_t)(4 * n) * sizeof *pics);
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        ok = picture_of_floats(train_batch_row(b, IN_SOURCE, i), 3, size, size, &pics[4 * i], e) &&
             picture_of_floats(train_batch_row(b, IN_DRIVING, i), 3, size, size, &pics[4 * i + 1], e) &&
             picture_of_floats(made + i * pixels, 3, size, size, &pics[4 * i + 2], e) &&
             picture_of_floats(occlusion + (int64_t)i * cells * cells, 1, cells, cells, &pics[4 * i + 3], e);
    ok = ok && picture_sheet(pics, 4 * n, 8, path, e);
    for (int i = 0; i < 4 * n; i++)
        picture_finish(&pics[i]);
    mem_free(pics);
    mem_free(made);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    LfaeTraining *t = net;
    int n = lfae_describe(&t->config, a, out, max);
    if (n < max)
        out[n++] = (MetaPair){"fps", arena_printf(a, "%.6g", t->o.fps)};
    return n;
}

static const char *task_usual(const void *options)
{
    return "lr=2e-4\nplan=drops\nwarmup=0\ndecay=0\nclip=0\nema=0\nbatch=8";
}

const TrainTask lfae_task = {
    .name = "lfae",
    .summary = "DabFusion, stage 1: the latent flow auto-encoder, from pairs of frames",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(LfaeOptions),
    .losses = losses,
    .usual = task_usual,
    .beta1 = 0.5,
    .beta2 = 0.999,
    .drops = {0.6, 0.9},
    .open = task_open,
    .close = task_close,
    .params = task_params,
    .begin = task_begin,
    .inputs = task_inputs,
    .build = task_build,
    .worker_create = worker_create,
    .worker_destroy = mem_free,
    .sample = task_sample,
    .measure = task_measure,
    .draw = task_draw,
    .describe = task_describe,
};
