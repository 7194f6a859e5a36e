/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of M (docs/models/articulated.md, section 2): noise on windows of moves, prediction of the clean window.
 *
 *   loss = rows + 10 positions + 100 velocities + 100 contacts, each weighted per frame
 *   rows        squared error of standardised moves
 *   positions   squared error of the joints relative to the pelvis (leg lengths), through the canonical skeleton:
 *               one constant matrix walks the bones
 *   velocities  the same of the differences between frames, with the pelvis' own way
 *   contacts    squared step of a toe between two frames in which it is in contact
 *
 * Weight of a frame: min-SNR-5 of the level (at least 0.3, or the first steps of the sampler are never learnt), over 2;
 * 0.05 inside the known prefix, 3 on the ten frames after it, where windows are joined.
 */
#include "diffusion/diffusion.h"
#include "models/articulated/motion_measure.h"
#include "synth/moves_source.h"

#include <math.h>
#include <string.h>

typedef struct MotionOptions {
    int64_t width, layers, heads, songs, stats;
} MotionOptions;

static const Option option_rows[] = {
    {"width", 0, OPT_INT, offsetof(MotionOptions, width), 32, 1024, "256", NULL, "N",
     "width of the transformer, a multiple of 16 x heads"},
    {"layers", 0, OPT_INT, offsetof(MotionOptions, layers), 1, 16, "6", NULL, "N", "layers"},
    {"heads", 0, OPT_INT, offsetof(MotionOptions, heads), 1, 16, "4", NULL, "N", "attention heads"},
    {"songs", 0, OPT_INT, offsetof(MotionOptions, songs), 1, 100000, "400", NULL, "N",
     "composed songs that windows are drawn from"},
    {"stats", 0, OPT_INT, offsetof(MotionOptions, stats), 2, 10000, "300", NULL, "N",
     "windows that mean and deviation are measured on"},
};
static const char *const losses[] = {"rows", "positions", "velocities", "contacts", NULL};
enum { IN_Z, IN_SONG, IN_LEVEL, IN_STYLE, IN_ENERGY, IN_TARGET, IN_WEIGHT, IN_CONTACT, IN_PREFIX, INPUTS };
enum { T = MOTION_FRAMES, POSITIONS = MOTION_JOINTS * 3, SEAM = 10 };
static const float no_style = 0.2f, no_energy = 0.3f, no_music = 0.1f, no_prefix = 0.3f;

typedef struct MotionTraining {
    MotionConfig config;
    MovesSource *train, *held_out;
    Schedule schedule;
    uint64_t seed;
    int64_t stats;
    ParamSet *ps;
    MotionNet *net;
    TrainInput inputs[INPUTS];
    float mean[MOTION_VALUES], std[MOTION_VALUES]; /* copies that the workers read */
    float usual_speed;                             /* mean change of bone directions per frame */
    /* [54][54] standardised root and bones -> joint positions, but for a constant; and without the root's way */
    float walk[MOVES_CONTACT * POSITIONS], bones[MOVES_CONTACT * POSITIONS];
} MotionTraining;

typedef struct MotionWorker {
    MovesWindow window;
    float noise[T * MOTION_VALUES];
} MotionWorker;

static void task_close(void *net)
{
    MotionTraining *t = net;
    moves_source_close(t->train);
    moves_source_close(t->held_out);
    schedule_finish(&t->schedule);
    motion_net_destroy(t->net);
    params_destroy(t->ps);
    mem_free(t);
}

static const char *if_there(Arena *a, const char *folder, const char *sub)
{
    const char *path = folder ? arena_printf(a, "%s/%s", folder, sub) : NULL;
    return path && file_is_dir(path) ? path : NULL;
}

static bool open_sources(MotionTraining *t, const TrainSetup *s, Err *e)
{
    const MotionOptions *o = s->options;
    if (s->data && !file_is_dir(s->data))
        return err_set(e, "--data %s: no such folder", s->data);
    Arena *a = arena_create();
    MovesSourceOptions m = {.motion = if_there(a, s->data, "motion"),
                            .gestures = if_there(a, s->data, "puppets/bvh"),
                            .samples = if_there(a, s->data, "samples"),
                            .songs = (int)o->songs,
                            .seed = s->seed};
    t->train = moves_source_open(&m, e);
    m.held_out = true;
    m.songs = (int)MIN(o->songs, 64);
    m.seed = s->seed + 1;
    t->held_out = t->train ? moves_source_open(&m, e) : NULL;
    arena_destroy(a);
    return t->held_out != NULL;
}

static void declare_inputs(MotionTraining *t)
{
    int columns = t->config.columns;
    t->inputs[IN_Z] = (TrainInput){"z", JIG_F32, SHAPE(T, MOTION_VALUES), false};
    t->inputs[IN_SONG] = (TrainInput){"song", JIG_F32, SHAPE(T, columns + 2), false};
    t->inputs[IN_LEVEL] = (TrainInput){"level", JIG_F32, SHAPE(MOTION_TIME), false};
    t->inputs[IN_STYLE] = (TrainInput){"style", JIG_I32, {0}, false};
    t->inputs[IN_ENERGY] = (TrainInput){"energy", JIG_F32, SHAPE(2), false};
    t->inputs[IN_TARGET] = (TrainInput){"target", JIG_F32, SHAPE(T, MOTION_VALUES), false};
    t->inputs[IN_WEIGHT] = (TrainInput){"weight", JIG_F32, SHAPE(T, 1), false};
    t->inputs[IN_CONTACT] = (TrainInput){"contact", JIG_F32, SHAPE(T - 1, 2, 1), false};
    t->inputs[IN_PREFIX] = (TrainInput){"prefix", JIG_F32, SHAPE(1), true};
}

static void *task_open(const TrainSetup *s, Err *e)
{
    const MotionOptions *o = s->options;
    MotionTraining *t = mem_zero(sizeof *t);
    t->config = (MotionConfig){.width = (int)o->width,
                               .layers = (int)o->layers,
                               .heads = (int)o->heads,
                               .columns = SONG_COLUMNS,
                               .styles = DANCE_FAMILIES};
    for (int i = 0; i < DANCE_FAMILIES; i++)
        snprintf(t->config.style_names[i], sizeof t->config.style_names[i], "%s", dance_family_name((DanceFamily)i));
    t->seed = s->seed;
    t->stats = o->stats;
    bool ok = o->width % (16 * o->heads) == 0 || err_set(e, "--width is %lld; it must be a multiple of 16 x %lld heads",
                                                         (long long)o->width, (long long)o->heads);
    ok = ok && schedule_init(&t->schedule, SCHEDULE_COSINE, MOTION_LEVELS, e) && open_sources(t, s, e);
    if (!ok) {
        task_close(t);
        return NULL;
    }
    declare_inputs(t);
    t->ps = params_create();
    t->net = motion_net_create(&t->config, t->ps);
    return t;
}

static ParamSet *task_params(void *net) { return ((MotionTraining *)net)->ps; }

static const TrainInput *task_inputs(void *net, int *n)
{
    *n = INPUTS;
    return ((MotionTraining *)net)->inputs;
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

/* Mean change of the bones' directions from frame to frame: how lively a window is. */
static float speed_of(const MovesRow *row, int frames)
{
    double sum = 0;
    for (int t = 1; t < frames; t++)
        for (int b = 0; b < MOTION_BONES; b++) {
            const float *p = row[t - 1] + MOVES_BONES + 3 * b, *q = row[t] + MOVES_BONES + 3 * b;
            sum += sqrt((q[0] - p[0]) * (q[0] - p[0]) + (q[1] - p[1]) * (q[1] - p[1]) + (q[2] - p[2]) * (q[2] - p[2]));
        }
    return (float)(sum / ((frames - 1) * MOTION_BONES));
}

typedef struct Stats {
    MotionTraining *t;
    double *sum, *square, *speed;
    bool *ok;
    Err *e;
} Stats;

/* One window's sums each, so that the total does not depend on the number of threads. */
static void stats_range(void *ctx, int64_t from, int64_t to)
{
    const Stats *s = ctx;
    MovesWindow w;
    moves_window_init(&w, T);
    for (int64_t i = from; i < to; i++) {
        s->ok[i] = moves_source_window(s->t->train, (uint64_t)i, &w, &s->e[i]);
        for (int t = 0; s->ok[i] && t < T; t++)
            for (int k = 0; k < MOTION_VALUES; k++) {
                s->sum[i * MOTION_VALUES + k] += w.row[t][k];
                s->square[i * MOTION_VALUES + k] += (double)w.row[t][k] * w.row[t][k];
            }
        s->speed[i] = s->ok[i] ? speed_of(w.row, T) : 0;
    }
    moves_window_finish(&w);
}

static bool task_begin(void *net, Err *e)
{
    MotionTraining *t = net;
    int64_t windows = t->stats;
    size_t n = (size_t)windows;
    double *room = mem_zero(n * (2 * MOTION_VALUES + 1) * sizeof *room);
    Stats s = {t,
               room,
               room + n * MOTION_VALUES,
               room + 2 * n * MOTION_VALUES,
               mem_zero(n * sizeof(bool)),
               mem_zero(n * sizeof(Err))};
    threads_for(windows, 1, stats_range, &s);
    bool ok = true;
    double speed = 0, rows = (double)windows * T;
    for (int64_t i = 0; ok && i < windows; i++) {
        ok = s.ok[i] || err_set(e, "%s", s.e[i].text);
        speed += s.speed[i] / (double)windows;
    }
    for (int k = 0; k < MOTION_VALUES; k++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < windows; i++) {
            sum += s.sum[i * MOTION_VALUES + k];
            square += s.square[i * MOTION_VALUES + k];
        }
        double mean = sum / rows;
        t->mean[k] = (float)mean;
        t->std[k] = (float)MAX(sqrt(MAX(square / rows - mean * mean, 0)), 0.05);
    }
    t->usual_speed = (float)speed;
    motion_net_set_stats(t->net, t->mean, t->std);
    mem_free(room);
    mem_free(s.ok);
    mem_free(s.e);
    return ok;
}

/* Joint positions as a linear map of standardised root and bones (leg lengths): ancestors' bones added up. */
static void fill_walk(MotionTraining *t)
{
    float length[MOTION_BONES];
    pose_lengths(motion_rest, length);
    memset(t->walk, 0, sizeof t->walk);
    for (int j = 0; j < MOTION_JOINTS; j++)
        for (int c = 0; c < 3; c++) {
            t->walk[c * POSITIONS + 3 * j + c] = t->std[c];
            for (int at = j; motion_parent[at] >= 0; at = motion_parent[at])
                for (int b = 0; b < MOTION_BONES; b++)
                    if (motion_bones[b].child == at) {
                        int row = MOVES_BONES + 3 * b + c;
                        t->walk[row * POSITIONS + 3 * j + c] = t->std[row] * length[b] / MOTION_LEG;
                    }
        }
    memcpy(t->bones, t->walk, sizeof t->bones);
    memset(t->bones, 0, MOVES_BONES * POSITIONS * sizeof *t->bones);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void *worker_create(void *net)
{
    MotionWorker *w = mem_zero(sizeof *w);
    moves_window_init(&w->window, T);
    return w;
}

static void worker_destroy(void *worker)
{
    moves_window_finish(&((MotionWorker *)worker)->window);
    mem_free(worker);
}

static void fill_moves(const MotionTraining *t, MotionWorker *w, Rng *r, int level, int prefix, void *const *rows)
{
    float *target = rows[IN_TARGET], *z = rows[IN_Z], *contact = rows[IN_CONTACT];
    rng_fill_normal(w->noise, T * MOTION_VALUES, r->seed, r->stream ^ 0x6e6f697365, 0);
    for (int i = 0; i < T * MOTION_VALUES; i++) {
        int k = i % MOTION_VALUES;
        target[i] = (w->window.row[i / MOTION_VALUES][k] - t->mean[k]) / t->std[k];
    }
    schedule_add_noise(&t->schedule, level, target, w->noise, z, T * MOTION_VALUES);
    memcpy(z, target, (size_t)prefix * MOTION_VALUES * sizeof *z);
    for (int f = 0; f + 1 < T; f++)
        for (int side = 0; side < 2; side++)
            contact[2 * f + side] = w->window.row[f][MOVES_CONTACT + side] * w->window.row[f + 1][MOVES_CONTACT + side];
}

static void fill_weight(const MotionTraining *t, int level, int prefix, float *weight)
{
    float usual = (float)MAX(schedule_min_snr(&t->schedule, level, 5), 0.3) / 2;
    for (int f = 0; f < T; f++)
        weight[f] = usual * (f < prefix ? 0.05f : prefix > 0 && f < prefix + SEAM ? 3 : 1);
}

static bool task_sample(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    MotionTraining *t = net;
    MotionWorker *w = worker;
    if (!moves_source_window(held_out ? t->held_out : t->train, index, &w->window, e))
        return false;
    int columns = t->config.columns;
    Rng r = rng_make(t->seed + held_out, index + 1);
    int level = rng_int(&r, 0, MOTION_LEVELS - 1);
    int prefix = rng_chance(&r, no_prefix) ? 0 : rng_int(&r, 1, MOTION_PREFIX);
    bool music = !rng_chance(&r, no_music), style = !rng_chance(&r, no_style), energy = !rng_chance(&r, no_energy);
    float *song = rows[IN_SONG], *level_row = rows[IN_LEVEL], *energy_row = rows[IN_ENERGY];
    fill_moves(t, w, &r, level, prefix, rows);
    fill_weight(t, level, prefix, rows[IN_WEIGHT]);
    for (int f = 0; f < T; f++) {
        float *row = song + f * (columns + 2);
        for (int c = 0; c < columns; c++)
            row[c] = music ? w->window.song[f * columns + c] : 0;
        row[columns] = music;
        row[columns + 1] = f < prefix;
    }
    motion_embed_level(level, level_row);
    *(int32_t *)rows[IN_STYLE] = style ? (int32_t)w->window.family : t->config.styles;
    energy_row[0] = energy ? CLAMP(speed_of(w->window.row, T) / t->usual_speed, 0, 3) - 1 : 0;
    energy_row[1] = energy;
    *(float *)rows[IN_PREFIX] = (float)prefix;
    return true;
}

/* ---- loss -------------------------------------------------------------------------------------------------------- */

static Node *steps_of(Graph *g, Node *x) { return op_sub(g, op_slice(g, x, 1, 1, T - 1), op_slice(g, x, 1, 0, T - 1)); }

/* x [B, T, 56] -> joints [B, T, 54], leg lengths, but for a constant */
static Node *walk(Graph *g, Node *x, Node *matrix, int64_t batch)
{
    x = op_reshape(g, op_slice(g, x, 2, 0, MOVES_CONTACT), SHAPE(batch * T, MOVES_CONTACT));
    return op_reshape(g, op_matmul(g, x, matrix, false, false), SHAPE(batch, T, POSITIONS));
}

static Node *task_build(void *net, Graph *g, int64_t batch, bool training)
{
    MotionTraining *t = net;
    memcpy(t->mean, motion_net_mean(t->net), sizeof t->mean); /* as loaded, when the run goes on from other weights */
    memcpy(t->std, motion_net_std(t->net), sizeof t->std);
    fill_walk(t);
    Node *x0 = op_cast(g, motion_net_build(g, t->net, motion_net_inputs(g, t->net, batch, T)), JIG_F32);
    Node *target = train_graph_input(g, &t->inputs[IN_TARGET], batch, JIG_F32);
    Node *weight = train_graph_input(g, &t->inputs[IN_WEIGHT], batch, JIG_F32);
    Node *contact = train_graph_input(g, &t->inputs[IN_CONTACT], batch, JIG_F32);
    Node *matrix = graph_const(g, (Tensor){JIG_F32, SHAPE(MOVES_CONTACT, POSITIONS), t->walk});
    Node *bones = graph_const(g, (Tensor){JIG_F32, SHAPE(MOVES_CONTACT, POSITIONS), t->bones});
    Node *wrong = op_sub(g, x0, target), *off = walk(g, wrong, bones, batch), *way = walk(g, wrong, matrix, batch);
    Node *later = op_slice(g, weight, 1, 1, T - 1);
    Node *toes = op_slice(g, steps_of(g, walk(g, x0, matrix, batch)), 2, 3 * JOINT_L_TOE, 6);
    toes = op_reshape(g, toes, SHAPE(batch, T - 1, 2, 3));
    Node *held = op_mul(g, contact, op_reshape(g, later, SHAPE(batch, T - 1, 1, 1)));
    Node *loss = train_add_loss(g, NULL, "rows", 1, op_mean_all(g, op_mul(g, op_act(g, ACT_SQUARE, wrong), weight)));
    loss = train_add_loss(g, loss, "positions", 10, op_mean_all(g, op_mul(g, op_act(g, ACT_SQUARE, off), weight)));
    loss = train_add_loss(g, loss, "velocities", 100,
                          op_mean_all(g, op_mul(g, op_act(g, ACT_SQUARE, steps_of(g, way)), later)));
    loss = train_add_loss(g, loss, "contacts", 100, op_mean_all(g, op_mul(g, op_act(g, ACT_SQUARE, toes), held)));
    if (!training)
        graph_output(g, "x0", x0);
    return loss;
}

/* ---- measures: whole dances sampled for the held ----------------------------------------------------------------- */

/* Dances for the batch's songs, [batch][T][56] moves; no prefix, no guidance. */
static bool sample_batch(MotionTraining *t, Graph *g, const TrainBatch *b, float *moves)
{
    int64_t n = b->size * T * MOTION_VALUES;
    int columns = t->config.columns + 2;
    float *song = mem_alloc((size_t)(b->size * T * columns) * sizeof *song);
    memcpy(song, train_batch_row(b, IN_SONG, 0), (size_t)(b->size * T * columns) * sizeof *song);
    for (int64_t i = 0; i < b->size * T; i++)
        song[i * columns + columns - 1] = 0;
    MotionSampling s = {g, b->size, &t->schedule};
    rng_fill_normal(moves, (size_t)n, t->seed + 77, 1, 0);
    bool ok = graph_set(g, "song", song, JIG_F32) && motion_sample_batch(&s, moves, NULL);
    for (int64_t i = 0; ok && i < n; i++)
        moves[i] = moves[i] * t->std[i % MOTION_VALUES] + t->mean[i % MOTION_VALUES];
    mem_free(song);
    return ok;
}

static void task_measure(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m)
{
    MotionTraining *t = net;
    size_t window = (size_t)T * MOTION_VALUES;
    int columns = t->config.columns + 2;
    float *moves = mem_alloc((size_t)b->size * window * sizeof *moves), *truth = mem_alloc(window * sizeof *truth);
    if (sample_batch(t, g, b, moves))
        for (int64_t i = 0; i < b->size; i++) {
            const float *song = train_batch_row(b, IN_SONG, i), *other = train_batch_row(b, IN_SONG, (i + 1) % b->size);
            const float *target = train_batch_row(b, IN_TARGET, i);
            for (size_t k = 0; k < window; k++)
                truth[k] = target[k] * t->std[k % MOTION_VALUES] + t->mean[k % MOTION_VALUES];
            motion_measure(m, "made", moves + (size_t)i * window, song, other, columns);
            motion_measure(m, "data", truth, song, other, columns);
        }
    mem_free(moves);
    mem_free(truth);
}

/* Two rows of figures a song: made, captured or composed. */
static bool task_draw(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e)
{
    MotionTraining *t = net;
    enum { SONGS = 4 };
    size_t window = (size_t)T * MOTION_VALUES;
    int n = (int)MIN(b->size, SONGS);
    float *moves = mem_alloc((size_t)b->size * window * sizeof *moves), *truth = mem_alloc(window * sizeof *truth);
    Picture pics[2 * SONGS] = {0};
    bool ok = sample_batch(t, g, b, moves) || err_set(e, "sampling failed");
    for (int i = 0; ok && i < n; i++) {
        const float *target = train_batch_row(b, IN_TARGET, i);
        for (size_t k = 0; k < window; k++)
            truth[k] = target[k] * t->std[k % MOTION_VALUES] + t->mean[k % MOTION_VALUES];
        ok = motion_draw_strip(&pics[2 * i], moves + (size_t)i * window, e) &&
             motion_draw_strip(&pics[2 * i + 1], truth, e);
    }
    ok = ok && draw_sheet(pics, 2 * n, 1, path, e);
    draw_finish(pics, 2 * n);
    mem_free(moves);
    mem_free(truth);
    return ok;
}

static int task_describe(void *net, Arena *a, MetaPair *out, int max)
{
    MotionTraining *t = net;
    Text styles = {0};
    for (int i = 0; i < t->config.styles; i++)
        text_add(&styles, "%s%s", i ? "|" : "", t->config.style_names[i]);
    const MetaPair pairs[] = {{"class", "articulated.motion"},
                              {"width", arena_printf(a, "%d", t->config.width)},
                              {"layers", arena_printf(a, "%d", t->config.layers)},
                              {"heads", arena_printf(a, "%d", t->config.heads)},
                              {"columns", arena_printf(a, "%d", t->config.columns)},
                              {"styles", arena_strdup(a, styles.s)},
                              {"licence", "Apache-2.0"},
                              {"credits", train_credits}};
    text_finish(&styles);
    int n = MIN((int)ARRAY_LEN(pairs), max);
    memcpy(out, pairs, (size_t)n * sizeof *pairs);
    return n;
}

const TrainTask motion_task = {
    .name = "motion",
    .summary = "M: song to moves",
    .rows = option_rows,
    .n_rows = ARRAY_LEN(option_rows),
    .options_size = sizeof(MotionOptions),
    .losses = losses,
    .open = task_open,
    .close = task_close,
    .params = task_params,
    .begin = task_begin,
    .inputs = task_inputs,
    .build = task_build,
    .worker_create = worker_create,
    .worker_destroy = worker_destroy,
    .sample = task_sample,
    .measure = task_measure,
    .draw = task_draw,
    .describe = task_describe,
};
