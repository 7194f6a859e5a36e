/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches of rendered pairs for P and G (train_pairs.h).
 */
#include "models/articulated/train_pairs.h"

#include <math.h>
#include <string.h>

static const float hidden_weight = 0.3f;

/* ---- K --------------------------------------------------------------------------------------------------------------
 */

bool pose_crew_open(PoseCrew *c, const char *path, int64_t batch, int size, const Device *device, Err *e)
{
    *c = (PoseCrew){.size = size, .batch = batch, .found = mem_zero((size_t)batch * sizeof *c->found)};
    for (int64_t i = 0; i < batch; i++)
        pose_found_init(&c->found[i], size, size);
    int wanted = path ? (int)MIN(MIN(threads_count(), POSE_CREW), batch) : 0;
    while (c->n < wanted) {
        if (!(c->runner[c->n] = pose_runner_open(path, device, e)))
            return false;
        c->n++;
    }
    return true;
}

void pose_crew_close(PoseCrew *c)
{
    for (int i = 0; i < c->n; i++)
        pose_runner_close(c->runner[i]);
    for (int64_t i = 0; c->found && i < c->batch; i++)
        pose_found_finish(&c->found[i]);
    mem_free(c->found);
    *c = (PoseCrew){0};
}

typedef struct CrewRun {
    PoseCrew *crew;
    const uint8_t **rgb;
    bool ok[POSE_CREW];
    Err e[POSE_CREW];
} CrewRun;

static void crew_part(void *ctx, int64_t i, int64_t end)
{
    CrewRun *r = ctx;
    PoseCrew *c = r->crew;
    int64_t from = i * c->batch / c->n, to = (i + 1) * c->batch / c->n;
    r->ok[i] =
        pose_runner_run(c->runner[i], r->rgb + from, (int)(to - from), c->size, c->size, c->found + from, &r->e[i]);
}

bool pose_crew_run(PoseCrew *c, const TrainBatch *b, int rgb_input, Err *e)
{
    CrewRun r = {.crew = c, .rgb = mem_alloc((size_t)c->batch * sizeof *r.rgb)};
    for (int64_t i = 0; i < c->batch; i++)
        r.rgb[i] = train_batch_row(b, rgb_input, i);
    train_split(c->n, crew_part, &r);
    mem_free(r.rgb);
    for (int i = 0; i < c->n; i++)
        if (!r.ok[i])
            return err_set(e, "%s", r.e[i].text);
    return true;
}

/* ---- pairs ----------------------------------------------------------------------------------------------------------
 */

bool pairs_open(Pairs *p, const TrainSetup *setup, const char *pose_weights, int size, Err *e)
{
    *p = (Pairs){.frame = FLOW_FRAME, .cells = FLOW_FRAME / FLOW_CELL};
    if (size % 32)
        return err_set(e, "--size is %d; it must be a multiple of 32", size);
    return pose_crew_open(&p->pose, pose_weights, setup->batch, size, setup->device, e) &&
           picture_data_open(&p->data, setup->data, size, setup->seed, e);
}

void pairs_close(Pairs *p)
{
    picture_data_close(&p->data);
    pose_crew_close(&p->pose);
    *p = (Pairs){0};
}

void pairs_declare(const Pairs *p, TrainInput in[PAIR_INPUTS])
{
    int g = p->cells, n = p->frame * p->frame, s = p->data.size;
    in[PAIR_INPUT] = (TrainInput){"input", JIG_F32, SHAPE(g, g, FLOW_INPUTS), false};
    in[PAIR_MAPS] = (TrainInput){"maps", JIG_F32, SHAPE(FLOW_BONES, 6), false};
    in[PAIR_FLOW] = (TrainInput){"flow", JIG_F32, SHAPE(n, 2), false};
    in[PAIR_WEIGHT] = (TrainInput){"weight", JIG_F32, SHAPE(n, 1), false};
    in[PAIR_VISIBLE] = (TrainInput){"visible", JIG_F32, SHAPE(n, 1), false};
    in[PAIR_MASK] = (TrainInput){"mask", JIG_F32, SHAPE(n, 1), false};
    in[PAIR_BONES] = (TrainInput){"bones", JIG_F32, SHAPE(n, FLOW_BONES), false};
    in[PAIR_SOURCE_RGB] = (TrainInput){"source rgb", JIG_U8, SHAPE(s, s, 3), true};
    in[PAIR_TARGET_RGB] = (TrainInput){"target rgb", JIG_U8, SHAPE(s, s, 3), true};
    in[PAIR_SOURCE_PARTS] = (TrainInput){"source parts", JIG_U8, SHAPE(s, s), true};
    in[PAIR_SOURCE_ALPHA] = (TrainInput){"source alpha", JIG_U8, SHAPE(s, s), true};
    in[PAIR_SOURCE_JOINTS] = (TrainInput){"source joints", JIG_F32, SHAPE(POSE_JOINTS, 3), true};
    in[PAIR_TARGET_JOINTS] = (TrainInput){"target joints", JIG_F32, SHAPE(POSE_JOINTS, 3), true};
}

SynthPair *pairs_worker_create(const Pairs *p)
{
    SynthPair *pair = mem_zero(sizeof *pair);
    synth_pair_init(pair, p->data.size);
    return pair;
}

void pairs_worker_destroy(void *worker)
{
    synth_pair_finish(worker);
    mem_free(worker);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void fill_truth(const Pairs *p, const SynthPair *pair, void *const *rows)
{
    float *flow = rows[PAIR_FLOW], *weight = rows[PAIR_WEIGHT], *visible = rows[PAIR_VISIBLE], *mask = rows[PAIR_MASK];
    float *bones = rows[PAIR_BONES], per_pixel = (float)p->frame / (float)pair->size;
    memset(bones, 0, (size_t)p->frame * (size_t)p->frame * FLOW_BONES * sizeof *bones);
    for (int y = 0; y < p->frame; y++)
        for (int x = 0; x < p->frame; x++) {
            int to = y * p->frame + x;
            int column = (int)(((float)x + 0.5f) / per_pixel), row = (int)(((float)y + 0.5f) / per_pixel);
            int from = row * pair->size + column;
            bool inside = pair->target.parts[from] != PART_NONE;
            flow[2 * to] = ((float)column + 0.5f + pair->flow[2 * from]) * per_pixel;
            flow[2 * to + 1] = ((float)row + 0.5f + pair->flow[2 * from + 1]) * per_pixel;
            visible[to] = pair->visible[from];
            weight[to] = !inside ? 0 : pair->visible[from] ? 1 : hidden_weight;
            mask[to] = (float)pair->target.alpha[from] / 255;
            if (inside)
                bones[to * FLOW_BONES + flow_part_bone[pair->target.parts[from]]] = 1;
        }
}

static void fill_joints(const SynthPicture *p, float per_pixel, float *out)
{
    for (int j = 0; j < POSE_JOINTS; j++) {
        out[3 * j] = p->joints[j][0] * per_pixel;
        out[3 * j + 1] = p->joints[j][1] * per_pixel;
        out[3 * j + 2] = p->joints[j][2];
    }
}

bool pairs_sample(const Pairs *p, SynthPair *pair, uint64_t index, bool held_out, void *const *rows, Err *e)
{
    if (!synth_pair(held_out ? p->data.held_out : p->data.train, index, pair))
        return picture_data_failed(&p->data, held_out, e);
    size_t pixels = (size_t)pair->size * (size_t)pair->size;
    float per_pixel = (float)p->frame / (float)pair->size;
    fill_truth(p, pair, rows);
    memcpy(rows[PAIR_SOURCE_RGB], pair->source.rgb, pixels * 3);
    memcpy(rows[PAIR_TARGET_RGB], pair->target.rgb, pixels * 3);
    memcpy(rows[PAIR_SOURCE_PARTS], pair->source.parts, pixels);
    memcpy(rows[PAIR_SOURCE_ALPHA], pair->source.alpha, pixels);
    fill_joints(&pair->source, per_pixel, rows[PAIR_SOURCE_JOINTS]);
    fill_joints(&pair->target, per_pixel, rows[PAIR_TARGET_JOINTS]);
    return true;
}

void pairs_shrink_rgb(const uint8_t *rgb, int size, int side, float *out)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int x0 = x * size / side, x1 = MAX(x0 + 1, (x + 1) * size / side);
            int y0 = y * size / side, y1 = MAX(y0 + 1, (y + 1) * size / side), sum[3] = {0};
            for (int v = y0; v < y1; v++)
                for (int u = x0; u < x1; u++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += rgb[(v * size + u) * 3 + c];
            for (int c = 0; c < 3; c++)
                out[(y * side + x) * 3 + c] = (float)sum[c] / (127.5f * (float)((x1 - x0) * (y1 - y0))) - 1;
        }
}

/* ---- what K sees ------------------------------------------------------------------------------------------------- */

typedef struct Prepare {
    const Pairs *p;
    TrainBatch *b;
} Prepare;

/* The truth in the form of K's output. */
static void found_from_truth(const TrainBatch *b, int64_t i, PoseFound *f)
{
    const uint8_t *parts = train_batch_row(b, PAIR_SOURCE_PARTS, i), *alpha = train_batch_row(b, PAIR_SOURCE_ALPHA, i);
    const float *joints = train_batch_row(b, PAIR_SOURCE_JOINTS, i);
    int columns = f->width / POSE_PIXEL, rows = f->height / POSE_PIXEL;
    float per_pixel = (float)f->width / FLOW_FRAME, each = 1.0f / (POSE_PIXEL * POSE_PIXEL);
    memset(f->mask, 0, (size_t)columns * (size_t)rows * sizeof *f->mask);
    memset(f->parts, 0, (size_t)columns * (size_t)rows * POSE_PARTS * sizeof *f->parts);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            int to = y / POSE_PIXEL * columns + x / POSE_PIXEL, from = y * f->width + x;
            f->mask[to] += each * (float)alpha[from] / 255;
            f->parts[to * POSE_PARTS + parts[from]] += each;
        }
    for (int j = 0; j < POSE_JOINTS; j++) {
        f->joint[j][0] = joints[3 * j] * per_pixel;
        f->joint[j][1] = joints[3 * j + 1] * per_pixel;
        f->depth[j] = joints[3 * j + 2];
        f->presence[j] = f->peak[j] = 1;
    }
    f->confidence = 1;
}

/* Joints that K does not see are where the user's side would extrapolate them to: here, where they truly are. */
static void source_joints(const TrainBatch *b, int64_t i, const PoseFound *f, float out[POSE_JOINTS][2])
{
    const float *joints = train_batch_row(b, PAIR_SOURCE_JOINTS, i);
    float per_pixel = FLOW_FRAME / (float)f->width;
    for (int j = 0; j < POSE_JOINTS; j++)
        for (int k = 0; k < 2; k++)
            out[j][k] = f->presence[j] > 0.5f ? f->joint[j][k] * per_pixel : joints[3 * j + k];
}

static void prepare_range(void *ctx, int64_t from, int64_t to)
{
    const Prepare *c = ctx;
    for (int64_t i = from; i < to; i++) {
        PoseFound *f = &c->p->pose.found[i];
        if (!c->p->pose.n)
            found_from_truth(c->b, i, f);
        float source[POSE_JOINTS][2], target[POSE_JOINTS][2], depth[POSE_JOINTS];
        const float *joints = train_batch_row(c->b, PAIR_TARGET_JOINTS, i);
        for (int j = 0; j < POSE_JOINTS; j++) {
            target[j][0] = joints[3 * j];
            target[j][1] = joints[3 * j + 1];
            depth[j] = joints[3 * j + 2];
        }
        source_joints(c->b, i, f, source);
        FlowMap maps[FLOW_BONES];
        FlowSource s;
        flow_make_maps(source, target, 1, maps);
        memcpy(train_batch_row(c->b, PAIR_MAPS, i), maps, sizeof maps);
        flow_source_init(&s, f->parts, f->mask, f->width / POSE_PIXEL, f->height / POSE_PIXEL,
                         (float)f->width / POSE_PIXEL / FLOW_FRAME);
        flow_make_input(&s, maps, target, depth, flow_body_height(source), c->p->cells, c->p->cells,
                        train_batch_row(c->b, PAIR_INPUT, i));
        flow_source_finish(&s);
    }
}

bool pairs_prepare(Pairs *p, TrainBatch *b, Err *e)
{
    if (p->pose.n && !pose_crew_run(&p->pose, b, PAIR_SOURCE_RGB, e))
        return false;
    threads_for(b->size, 1, prepare_range, &(Prepare){p, b});
    return true;
}
