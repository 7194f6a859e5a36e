/* SPDX-License-Identifier: Apache-2.0
 *
 * M in use: opens its weight file and samples one window of moves with DDIM, guided on the music: branch 0 hears
 * nothing, branch 1 hears the song; both run as one batch of two. The prefix stays clean in z, as in training.
 */
#include "diffusion/diffusion.h"
#include "models/articulated/nets.h"

#include <math.h>
#include <string.h>

enum { BRANCHES = 2 };

struct MotionRunner {
    const Device *device;
    SafeTensors *file;
    ParamSet *ps;
    MotionConfig config;
    MotionNet *net;
    Schedule schedule;
    Graph *graph; /* of `frames`, or NULL */
    int frames;
};

static bool read_int(const SafeTensors *st, const char *key, int lo, int hi, int *out, Err *e)
{
    const char *text = safetensors_meta(st, key);
    int64_t n;
    if (!text || !text_to_int(text, &n) || n < lo || n > hi)
        return err_set(e, "%s is \"%s\"; needed is a number from %d to %d", key, text ? text : "missing", lo, hi);
    *out = (int)n;
    return true;
}

/* Names between bars: "g1|cmu|rokoko". */
static bool read_styles(const SafeTensors *st, MotionConfig *c, Err *e)
{
    const char *at = safetensors_meta(st, "styles");
    while (at && *at) {
        size_t n = strcspn(at, "|");
        if (c->styles == MOTION_STYLES || n == 0 || n >= sizeof c->style_names[0])
            return err_set(e, "styles: at most %d names of 1 to %d letters", MOTION_STYLES,
                           (int)sizeof c->style_names[0] - 1);
        memcpy(c->style_names[c->styles++], at, n);
        at += n + (at[n] == '|');
    }
    return c->styles > 0 || err_set(e, "styles are missing");
}

static bool read_config(const SafeTensors *st, MotionConfig *c, Err *e)
{
    if (!net_check_class(st, "articulated.motion", e) || !read_int(st, "width", 32, 2048, &c->width, e) ||
        !read_int(st, "layers", 1, 16, &c->layers, e) || !read_int(st, "heads", 1, 32, &c->heads, e) ||
        !read_int(st, "columns", 1, 512, &c->columns, e))
        return false;
    if (c->width % (16 * c->heads))
        return err_set(e, "width %d is not a multiple of 16 x %d heads", c->width, c->heads);
    return read_styles(st, c, e);
}

MotionRunner *motion_runner_open(const char *path, const Device *device, Err *e)
{
    MotionRunner *m = mem_zero(sizeof *m);
    m->device = device;
    m->file = safetensors_open(path, e);
    bool ok = m->file && read_config(m->file, &m->config, e) &&
              schedule_init(&m->schedule, SCHEDULE_COSINE, MOTION_LEVELS, e);
    if (ok) {
        m->ps = params_create();
        m->net = motion_net_create(&m->config, m->ps);
        ok = params_allocate(m->ps, false, 0, e) && params_load(m->ps, m->file, "", false, e);
    }
    if (ok)
        return m;
    err_context(e, "%s", path);
    motion_runner_close(m);
    return NULL;
}

void motion_runner_close(MotionRunner *m)
{
    if (!m)
        return;
    graph_destroy(m->graph);
    schedule_finish(&m->schedule);
    motion_net_destroy(m->net);
    params_destroy(m->ps);
    safetensors_close(m->file);
    mem_free(m);
}

const MotionConfig *motion_runner_config(const MotionRunner *m) { return &m->config; }

static bool make_graph(MotionRunner *m, int frames, Err *e)
{
    if (m->graph && m->frames == frames)
        return true;
    graph_destroy(m->graph);
    m->frames = frames;
    m->graph = graph_create(m->device, m->device->fast);
    graph_output(m->graph, "x0",
                 motion_net_build(m->graph, m->net, motion_net_inputs(m->graph, m->net, BRANCHES, frames)));
    if (graph_plan(m->graph, e))
        return true;
    graph_destroy(m->graph);
    m->graph = NULL;
    return false;
}

/* What does not change from step to step: song [2][frames][columns + 2], style, energy. */
static bool set_conditions(MotionRunner *m, const MotionWindow *w, Err *e)
{
    int columns = m->config.columns, wide = columns + 2;
    float *song = mem_zero((size_t)BRANCHES * (size_t)w->frames * (size_t)wide * sizeof *song);
    for (int b = 0; b < BRANCHES; b++)
        for (int t = 0; t < w->frames; t++) {
            float *row = song + ((int64_t)b * w->frames + t) * wide;
            if (b == 1)
                memcpy(row, w->song + (int64_t)t * columns, (size_t)columns * sizeof *row);
            row[columns] = b == 1;
            row[columns + 1] = t < w->n_known;
        }
    int32_t style = w->style < 0 ? m->config.styles : w->style;
    float known = w->energy > 0, energy = known ? (float)w->energy - 1 : 0;
    bool ok = graph_set(m->graph, "song", song, JIG_F32) &&
              graph_set(m->graph, "style", (const int32_t[]){style, style}, JIG_I32) &&
              graph_set(m->graph, "energy", (const float[]){energy, known, energy, known}, JIG_F32);
    mem_free(song);
    return ok || err_set(e, "the motion network's inputs do not fit");
}

typedef struct Sampling {
    MotionRunner *m;
    int64_t n;
    float *twice;
} Sampling;

static bool denoise(void *user, const float *z, int level, float *predictions, Err *e)
{
    Sampling *s = user;
    float embedded[BRANCHES * MOTION_TIME];
    motion_embed_level(level, embedded);
    memcpy(embedded + MOTION_TIME, embedded, MOTION_TIME * sizeof *embedded);
    memcpy(s->twice, z, (size_t)s->n * sizeof *z);
    memcpy(s->twice + s->n, z, (size_t)s->n * sizeof *z);
    Graph *g = s->m->graph;
    if (!graph_set(g, "z", s->twice, JIG_F32) || !graph_set(g, "level", embedded, JIG_F32) || !graph_run(g, e))
        return false;
    graph_get(g, "x0", predictions);
    return true;
}

static bool check(const MotionRunner *m, const MotionWindow *w, Err *e)
{
    if (w->frames < 2 || w->frames > MOTION_FRAMES)
        return err_set(e, "window of %d frames (allowed: 2 to %d)", w->frames, MOTION_FRAMES);
    if (w->n_known < 0 || w->n_known > MOTION_PREFIX || w->n_known >= w->frames)
        return err_set(e, "%d known frames (allowed: 0 to %d, fewer than the window)", w->n_known, MOTION_PREFIX);
    if (w->style < -1 || w->style >= m->config.styles)
        return err_set(e, "style number %d (allowed: -1 to %d)", w->style, m->config.styles - 1);
    return true;
}

/* Standardised known rows (root relative to the first) and their mask. */
static void fill_known(const MotionRunner *m, const MotionWindow *w, float *known, float *mask)
{
    const float *mean = motion_net_mean(m->net), *std = motion_net_std(m->net);
    for (int t = 0; t < w->n_known; t++)
        for (int i = 0; i < MOTION_VALUES; i++) {
            float origin = i < 3 ? w->known[i] : 0;
            known[t * MOTION_VALUES + i] = (w->known[t * MOTION_VALUES + i] - origin - mean[i]) / std[i];
            mask[t * MOTION_VALUES + i] = 1;
        }
}

static void finish_rows(const MotionRunner *m, const MotionWindow *w, const float *z, float *out)
{
    const float *mean = motion_net_mean(m->net), *std = motion_net_std(m->net);
    for (int t = 0; t < w->frames; t++)
        for (int i = 0; i < MOTION_VALUES; i++) {
            int at = t * MOTION_VALUES + i;
            float origin = w->n_known && i < 3 ? w->known[i] : 0;
            out[at] = t < w->n_known ? w->known[at] : z[at] * std[i] + mean[i] + origin;
        }
}

bool motion_runner_sample(MotionRunner *m, const MotionWindow *w, float *out, const Progress *p, Err *e)
{
    if (!check(m, w, e) || !make_graph(m, w->frames, e) || !set_conditions(m, w, e))
        return false;
    int64_t n = (int64_t)w->frames * MOTION_VALUES;
    float *room = mem_zero((size_t)n * 5 * sizeof *room), *z = room, *known = room + n, *mask = room + 2 * n;
    Sampling s = {m, n, room + 3 * n};
    rng_fill_normal(z, (size_t)n, w->seed, w->stream, 0);
    fill_known(m, w, known, mask);
    DdimOptions o = {.steps = w->steps,
                     .prediction = PREDICT_X0,
                     .branches = BRANCHES,
                     .weights = (const double[]){1 - w->guidance, w->guidance},
                     .known = w->n_known ? known : NULL,
                     .mask = w->n_known ? mask : NULL,
                     .known_clean = true,
                     .seed = w->seed,
                     .stream = w->stream + 1};
    bool ok = ddim_sample(&m->schedule, &o, denoise, &s, z, n, p, e);
    if (ok)
        finish_rows(m, w, z, out);
    mem_free(room);
    return ok;
}
