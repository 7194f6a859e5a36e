/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage 2 (spec 1, 4.1, 5.2): the flow U-Net learns to take the noise out of latent flow.
 *
 *   h_t = sqrt(abar_t) h + sqrt(1 - abar_t) eps, t uniform in 0..999, cosine schedule;   loss = mean (U(h_t, z, t, e) - eps)^2
 *
 * h and z come from the frozen LFAE (teacher_cache.c), e from the window's music (music_condition.c), dropped with
 * probability 0.1. Paper mode: one vector a window. Improved mode: eight numbers a frame beside it (spec 11.2).
 */
#include "diffusion/diffusion.h"
#include "models/dabfusion/dabfusion_train.h"
#include "models/dabfusion/diffusion_config.h"
#include "models/dabfusion/teacher_cache.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

typedef struct DiffusionOptions {
    int64_t frames, dim, heads, head_dim;
    const char *lfae, *mults, *music, *from;
    double fps, drop;
    int mode, upsample;
    bool learned_null, recompute;
} DiffusionOptions;

#define O(f) offsetof(DiffusionOptions, f)
static const Option option_rows[] = {
    {"lfae", 0, OPT_TEXT, O(lfae), 0, 0, NULL, NULL, "FILE", "weights of stage 1 (weights.safetensors of jig train lfae)"},
    {"mode", 0, OPT_CHOICE, O(mode), 0, 0, "paper", "paper|improved", NULL, "improved: beats, bars and onsets of every frame reach that frame"},
    {"music", 0, OPT_TEXT, O(music), 0, 0, "beats", NULL, "PARTS", "parts of the music vector: clap, wav2clip, beats, joined by +"},
    {"frames", 0, OPT_INT, O(frames), 2, 200, "40", NULL, "N", "of a window"},
    {"fps", 0, OPT_FLOAT, O(fps), 1, 60, "10", NULL, "N", "frames a second taken from the clips, as in stage 1"},
    {"dim", 0, OPT_INT, O(dim), 8, 512, "64", NULL, "N", "channels of the U-Net's first level, a multiple of 8"},
    {"mults", 0, OPT_TEXT, O(mults), 0, 0, "1-2-4-8", NULL, "A-B-C", "channels of its levels, times dim"},
    {"heads", 0, OPT_INT, O(heads), 1, 32, "8", NULL, "N", "attention heads"},
    {"head-dim", 0, OPT_INT, O(head_dim), 2, 128, "32", NULL, "N", "width of a head of the attention over time, even"},
    {"upsample", 0, OPT_CHOICE, O(upsample), 0, 0, "nearest", "nearest|deconv", NULL, "nearest + convolution, or transposed convolutions"},
    {"learned-null", 0, OPT_BOOL, O(learned_null), 0, 0, "true", NULL, NULL, "a trained vector stands for no music; off: zeros"},
    {"drop", 0, OPT_FLOAT, O(drop), 0, 1, "0.1", NULL, "P", "how often the music is left out"},
    {"recompute", 0, OPT_BOOL, O(recompute), 0, 0, NULL, NULL, NULL, "less memory: levels are computed again in the backward pass"},
    {"from", 0, OPT_TEXT, O(from), 0, 0, NULL, NULL, "FILE", "weights in paper mode that a training in improved mode begins with"},
};
static const char *const losses[] = {"noise", NULL};
enum { IN_NOISY, IN_Z, IN_LEVEL, IN_MUSIC, IN_FRAMES, IN_KEEP, IN_NOISE, IN_FLOW, IN_WINDOW, INPUTS };

typedef struct HeardClip {
    pthread_mutex_t lock;
    bool heard;
    Music music;
} HeardClip;

typedef struct DiffusionTraining {
    DiffusionOptions o;
    DiffusionConfig config;
    Teacher teacher;
    DataWindow *windows[2]; /* training, held out */
    int n_windows[2];
    HeardClip *heard; /* by clip */
    uint64_t seed;
    Schedule schedule;
    ParamSet *ps;
    FlowUnet *net;
    TrainInput inputs[INPUTS];
    int64_t flow_numbers; /* frames x cells x cells x 3 */
} DiffusionTraining;

static void task_close(void *net)
{
    DiffusionTraining *t = net;
    for (int i = 0; t->heard && i < data_count(t->teacher.data); i++)
        music_finish(&t->heard[i].music);
    mem_free(t->heard);
    mem_free(t->windows[0]);
    mem_free(t->windows[1]);
    data_close(t->teacher.data);
    lfae_runner_close(t->teacher.lfae);
    flow_unet_destroy(t->net);
    params_destroy(t->ps);
    schedule_finish(&t->schedule);
    mem_free(t);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool open_teacher(DiffusionTraining *t, const TrainSetup *s, Err *e)
{
    if (!t->o.lfae)
        return err_set(e, "--net lfae=FILE is missing: the weights of stage 1 (weights.safetensors of a run of jig train lfae)");
    LfaeRunner *r = t->teacher.lfae = lfae_runner_open(t->o.lfae, s->device, e);
    if (!r)
        return false;
    const LfaeConfig *c = lfae_runner_config(r);
    if (c->step != 1 << c->downs)
        return err_set(e, "%s: features are 1/%d of the picture and flow 1/%d; stage 2 needs both on the same cells", t->o.lfae, 1 << c->downs, c->step);
    t->teacher.frames = (int)t->o.frames;
    t->teacher.cells = lfae_runner_cells(r);
    t->teacher.channels = lfae_runner_channels(r);
    t->teacher.data = data_open(s->data, &(DataOptions){(int)c->size, t->o.fps}, e);
    return t->teacher.data != NULL;
}

static bool find_windows(DiffusionTraining *t, const char *folder, Err *e)
{
    for (int k = 0; k < 2; k++) {
        int n = data_windows(t->teacher.data, k == 1, t->o.frames, NULL);
        t->windows[k] = mem_alloc((size_t)MAX(n, 1) * sizeof(DataWindow));
        t->n_windows[k] = data_windows(t->teacher.data, k == 1, t->o.frames, t->windows[k]);
    }
    if (!t->n_windows[0] && !t->n_windows[1])
        return err_set(e, "%s: no clip is %.1f s long (%lld frames at %g a second); use a smaller --net frames=N", folder,
                       (double)t->o.frames / t->o.fps, (long long)t->o.frames, t->o.fps);
    for (int k = 0; k < 2; k++)
        if (!t->n_windows[k]) {
            log_line(LOG_WARNING, "no clip %s is long enough; the others are taken", k ? "that is held out" : "for training");
            mem_free(t->windows[k]);
            t->n_windows[k] = t->n_windows[1 - k];
            t->windows[k] = mem_alloc((size_t)t->n_windows[k] * sizeof(DataWindow));
            memcpy(t->windows[k], t->windows[1 - k], (size_t)t->n_windows[k] * sizeof(DataWindow));
        }
    t->heard = mem_zero((size_t)data_count(t->teacher.data) * sizeof *t->heard);
    for (int i = 0; i < data_count(t->teacher.data); i++)
        pthread_mutex_init(&t->heard[i].lock, NULL);
    return true;
}

static bool make_config(DiffusionTraining *t, Err *e)
{
    const DiffusionOptions *o = &t->o;
    DiffusionConfig *c = &t->config;
    c->unet = (FlowUnetConfig){.dim = o->dim, .heads = (int)o->heads, .head_dim = (int)o->head_dim, .learned_null = o->learned_null,
                               .nearest_up = o->upsample == 0, .recompute = o->recompute};
    c->unet.levels = net_numbers("mults", o->mults, 1, 64, c->unet.mults, ARRAY_LEN(c->unet.mults), e);
    c->improved = o->mode == 1;
    if (!c->unet.levels || !music_plan_parse(o->music, &c->music, e))
        return false;
    if (o->dim % 8 || o->head_dim % 2)
        return err_set(e, "dim %lld must be a multiple of 8, head-dim %lld even", (long long)o->dim, (long long)o->head_dim);
    if (c->music.clap || c->music.wav2clip)
        return err_set(e, "music \"%s\": CLAP and Wav2CLIP cannot be run in training yet; use music=beats", o->music);
    if (o->from && !c->improved)
        return err_set(e, "from=FILE is for mode=improved; go on in the same mode with --start FILE");
    c->music.frames = (int)o->frames;
    c->music.fps = o->fps;
    c->cells = t->teacher.cells;
    c->lfae = lfae_runner_key(t->teacher.lfae);
    if (c->cells >> (c->unet.levels - 1) < 1 || c->cells % (1 << (c->unet.levels - 1)))
        return err_set(e, "a flow of %d cells cannot be halved %d times: give fewer levels (mults)", c->cells, c->unet.levels - 1);
    diffusion_config_finish(c, t->teacher.channels);
    return true;
}

static void declare(DiffusionTraining *t)
{
    int64_t T = t->o.frames, n = t->config.cells, music = t->config.unet.cond;
    t->inputs[IN_NOISY] = (TrainInput){"noisy", JIG_F32, SHAPE(T, n, n, FLOW_NUMBERS), false};
    t->inputs[IN_Z] = (TrainInput){"z", JIG_F32, SHAPE(n, n, t->teacher.channels), false};
    t->inputs[IN_LEVEL] = (TrainInput){"level", JIG_F32, SHAPE(1), false};
    t->inputs[IN_MUSIC] = (TrainInput){"music", JIG_F32, SHAPE(music), false};
    t->inputs[IN_FRAMES] = (TrainInput){"frames", JIG_F32, SHAPE(T, MUSIC_FRAME), !t->config.improved};
    t->inputs[IN_KEEP] = (TrainInput){"keep", JIG_F32, SHAPE(1), false};
    t->inputs[IN_NOISE] = (TrainInput){"noise", JIG_F32, SHAPE(T, n, n, FLOW_NUMBERS), false};
    t->inputs[IN_FLOW] = (TrainInput){"flow", JIG_F32, SHAPE(T, n, n, FLOW_NUMBERS), true};
    t->inputs[IN_WINDOW] = (TrainInput){"window", JIG_I32, SHAPE(1), true};
    t->flow_numbers = T * n * n * FLOW_NUMBERS;
}

static void *task_open(const TrainSetup *s, Err *e)
{
    DiffusionTraining *t = mem_zero(sizeof *t);
    t->o = *(const DiffusionOptions *)s->options;
    t->seed = s->seed;
    if (!open_teacher(t, s, e) || !make_config(t, e) || !find_windows(t, s->data, e) ||
        !schedule_init(&t->schedule, SCHEDULE_COSINE_9999, FLOW_LEVELS, e)) {
        task_close(t);
        return NULL;
    }
    declare(t);
    t->ps = params_create();
    t->net = flow_unet_create(t->ps, "", &t->config.unet);
    return t;
}

static ParamSet *task_params(void *net) { return ((DiffusionTraining *)net)->ps; }

static bool task_begin(void *net, Err *e)
{
    DiffusionTraining *t = net;
    flow_unet_fill(t->net);
    return !t->o.from || flow_unet_take_paper(t->net, t->o.from, e);
}

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = INPUTS;
    return ((DiffusionTraining *)net)->inputs;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void *worker_create(void *net) { return mem_zero(1); }

/* The clip's music, listened to once. */
static const Music *hear(DiffusionTraining *t, int clip, Err *e)
{
    HeardClip *c = &t->heard[clip];
    float *mono;
    int64_t n;
    double rate;
    BeatGrid grid;
    pthread_mutex_lock(&c->lock);
    if (!c->heard && data_song(t->teacher.data, clip, &mono, &n, &rate, &grid, e)) {
        c->heard = music_hear(&c->music, &t->config.music, mono, n, rate, &grid, e);
        audio_grid_finish(&grid);
        mem_free(mono);
    }
    pthread_mutex_unlock(&c->lock);
    return c->heard ? &c->music : NULL;
}

static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    DiffusionTraining *t = net;
    Rng r = rng_make(t->seed, index * 2 + held_out);
    int n = t->n_windows[held_out], k = held_out ? (int)(index % (uint64_t)n) : rng_int(&r, 0, n - 1);
    DataWindow w = t->windows[held_out][k];
    const Music *m = hear(t, w.clip, e);
    if (!m)
        return false;
    *(int32_t *)rows[IN_WINDOW] = k;
    *(float *)rows[IN_LEVEL] = (float)rng_int(&r, 0, FLOW_LEVELS - 1);
    *(float *)rows[IN_KEEP] = held_out || !rng_chance(&r, (float)t->o.drop);
    if (t->config.music.beats)
        music_beat_flags(m, &t->config.music, w.first, rows[IN_MUSIC]);
    music_frames(m, &t->config.music, w.first, rows[IN_FRAMES]);
    rng_fill_normal(rows[IN_NOISE], (size_t)t->flow_numbers, t->seed ^ 0x6e6f697365, index * 2 + held_out, 0);
    return true;
}

/* The teacher's flow and features, and the flow made noisy. */
static bool task_prepare(void *net, TrainBatch *b, Err *e)
{
    DiffusionTraining *t = net;
    for (int64_t i = 0; i < b->size; i++) {
        DataWindow w = t->windows[b->held_out][*(int32_t *)train_batch_row(b, IN_WINDOW, i)];
        float *flow = train_batch_row(b, IN_FLOW, i);
        if (!teacher_window(&t->teacher, w, train_batch_row(b, IN_Z, i), flow, e))
            return false;
        int level = (int)*(float *)train_batch_row(b, IN_LEVEL, i);
        schedule_add_noise(&t->schedule, level, flow, train_batch_row(b, IN_NOISE, i), train_batch_row(b, IN_NOISY, i), t->flow_numbers);
    }
    return true;
}

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    DiffusionTraining *t = net;
    Node *in[INPUTS] = {0};
    for (int i = 0; i < INPUTS; i++)
        if (!t->inputs[i].host_only)
            in[i] = dabfusion_input(g, &t->inputs[i], batch, i == IN_NOISY || i == IN_Z ? graph_type(g) : JIG_F32);
    FlowStep s = {.x = in[IN_NOISY], .picture = flow_unet_picture(g, t->net, in[IN_Z]), .time = op_reshape(g, in[IN_LEVEL], SHAPE(batch)),
                  .cond = in[IN_MUSIC], .frames = in[IN_FRAMES], .keep = in[IN_KEEP]};
    Node *eps = flow_unet_step(g, t->net, &s);
    if (!training)
        graph_output(g, "eps", eps);
    return dabfusion_add_loss(g, NULL, "noise", 1, op_loss_mse(g, eps, in[IN_NOISE], NULL));
}

/* ---- what comes of it -------------------------------------------------------------------------------------------- */

/* The loss by how much noise there is: most of what is learned late shows at low levels only. */
static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    static const char *const bands[3] = {"little_noise", "some_noise", "much_noise"};
    DiffusionTraining *t = net;
    float *eps = mem_alloc((size_t)(b->size * t->flow_numbers) * sizeof *eps);
    graph_get(g, "eps", eps);
    for (int64_t i = 0; i < b->size; i++) {
        const float *noise = train_batch_row(b, IN_NOISE, i);
        double sum = 0;
        for (int64_t k = 0; k < t->flow_numbers; k++) {
            double d = eps[i * t->flow_numbers + k] - noise[k];
            sum += d * d;
        }
        int band = MIN(2, (int)*(float *)train_batch_row(b, IN_LEVEL, i) * 3 / FLOW_LEVELS);
        train_metric_add(m, bands[band], sum / (double)t->flow_numbers, 1);
    }
    mem_free(eps);
}

typedef struct Preview {
    DiffusionTraining *t;
    Graph *g;
    int64_t batch;
    float *levels;
} Preview;

static bool preview_denoise(void *user, const float *z, int level, float *predictions, Err *e)
{
    Preview *p = user;
    for (int64_t i = 0; i < p->batch; i++)
        p->levels[i] = (float)level;
    if (!graph_set(p->g, "noisy", z, JIG_F32) || !graph_set(p->g, "level", p->levels, JIG_F32) || !graph_run(p->g, e))
        return false;
    return graph_get(p->g, "eps", predictions);
}

/* Frames of one flow, drawn from the first frame: `columns` pictures spread over the window. */
static bool draw_row(DiffusionTraining *t, const float *h, int columns, Picture *pics, Err *e)
{
    int64_t n = (int64_t)t->config.cells * t->config.cells, size = lfae_runner_config(t->teacher.lfae)->size;
    float *flow = mem_alloc((size_t)(3 * n + size * size * 3) * sizeof *flow), *occlusion = flow + 2 * n, *frame = occlusion + n;
    bool ok = true;
    for (int c = 0; ok && c < columns; c++) {
        const float *from = h + (int64_t)(c * (t->o.frames - 1) / MAX(columns - 1, 1)) * n * FLOW_NUMBERS;
        for (int64_t i = 0; i < n; i++) {
            flow[2 * i] = from[3 * i];
            flow[2 * i + 1] = from[3 * i + 1];
            occlusion[i] = (from[3 * i + 2] + 1) / 2;
        }
        ok = lfae_runner_draw(t->teacher.lfae, flow, occlusion, frame, e) && picture_of_floats(frame, 3, (int)size, (int)size, &pics[c], e);
    }
    mem_free(flow);
    return ok;
}

/* Three rows for one window: the clip, drawn by the teacher's flow, drawn by a sampled flow (10 DDIM steps). */
static bool draw_window(DiffusionTraining *t, const TrainBatch *b, int64_t i, const float *sampled, int columns, Picture *pics, Err *e)
{
    DataWindow w = t->windows[b->held_out][*(int32_t *)train_batch_row(b, IN_WINDOW, i)];
    int64_t frames, size = lfae_runner_config(t->teacher.lfae)->size, pixels = size * size * 3;
    const uint8_t *rgb = data_frames(t->teacher.data, w.clip, &frames, e);
    if (!rgb)
        return false;
    float *picture = mem_alloc((size_t)pixels * sizeof *picture);
    bool ok = true;
    for (int c = columns - 1; ok && c >= 0; c--) { /* the first frame last: it is the one that is seen */
        int64_t at = MIN(w.first + c * (t->o.frames - 1) / MAX(columns - 1, 1), frames - 1);
        for (int64_t k = 0; k < pixels; k++)
            picture[k] = rgb[at * pixels + k] / 255.0f;
        ok = picture_of_floats(picture, 3, (int)size, (int)size, &pics[c], e);
    }
    ok = ok && lfae_runner_see(t->teacher.lfae, picture, e) && draw_row(t, train_batch_row(b, IN_FLOW, i), columns, pics + columns, e) &&
         draw_row(t, sampled, columns, pics + 2 * columns, e);
    mem_free(picture);
    return ok;
}

static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    enum { COLUMNS = 8, SHOWN = 4 };
    DiffusionTraining *t = net;
    int64_t all = b->size * t->flow_numbers;
    float *z = mem_alloc((size_t)(all + b->size) * sizeof *z);
    Preview p = {t, g, b->size, z + all};
    rng_fill_normal(z, (size_t)all, t->seed, 0x70726576, 0);
    DdimOptions o = {.steps = 10, .prediction = PREDICT_EPS, .branches = 1, .threshold = 0.9, .limit = 1, .rule = DDIM_LUCIDRAINS};
    bool ok = ddim_sample(&t->schedule, &o, preview_denoise, &p, z, all, NULL, e);
    int shown = (int)MIN(b->size, SHOWN);
    Picture *pics = mem_zero((size_t)(shown * 3 * COLUMNS) * sizeof *pics);
    for (int i = 0; ok && i < shown; i++)
        ok = draw_window(t, b, i, z + i * t->flow_numbers, COLUMNS, pics + i * 3 * COLUMNS, e);
    ok = ok && picture_sheet(pics, shown * 3 * COLUMNS, COLUMNS, path, e);
    for (int i = 0; i < shown * 3 * COLUMNS; i++)
        picture_finish(&pics[i]);
    mem_free(pics);
    mem_free(z);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    return diffusion_describe(&((DiffusionTraining *)net)->config, a, out, max);
}

/* Decision 15: the moving average is for the improved mode. */
static const char *task_usual(const void *options)
{
    const DiffusionOptions *o = options;
    return o->mode == 1 ? "lr=2e-4\nplan=drops\nwarmup=0\ndecay=0\nclip=0\nema=0.999\nbatch=4"
                        : "lr=2e-4\nplan=drops\nwarmup=0\ndecay=0\nclip=0\nema=0\nbatch=4";
}

const TrainTask diffusion_task = {
    .name = "dabfusion",
    .summary = "DabFusion, stage 2: the diffusion of latent flow, on a trained lfae",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(DiffusionOptions),
    .losses = losses,
    .usual = task_usual,
    .drops = {80.0 / 140, 100.0 / 140},
    .open = task_open,
    .close = task_close,
    .params = task_params,
    .begin = task_begin,
    .inputs = task_inputs,
    .build = task_build,
    .worker_create = worker_create,
    .worker_destroy = mem_free,
    .sample = task_sample,
    .prepare = task_prepare,
    .measure = task_measure,
    .draw = task_draw,
    .describe = task_describe,
};
