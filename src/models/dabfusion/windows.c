/* SPDX-License-Identifier: Apache-2.0
 *
 * A song becomes latent flow. The U-Net knows windows of 40 frames; a longer song is covered by windows that overlap by
 * half, and all of them are denoised together: at each step the predictions of a frame are averaged over the windows that
 * hold it, weighted by how far the frame is from the window's ends (spec 11.3 a; the manner of EDGE and MultiDiffusion).
 * Each window hears its own piece of the music.
 */
#include "models/dabfusion/dabfusion_internal.h"

#include <math.h>
#include <string.h>

static const Option option_rows[] = {
    {"sampler", 0, OPT_CHOICE, offsetof(LatentOptions, sampler), 0, 0, "ddim", "ddim|ddpm", NULL, "DabFusion: ddim takes --steps steps, ddpm all 1000"},
    {"eta", 0, OPT_FLOAT, offsetof(LatentOptions, eta), 0, 1, "0", NULL, "X", "DabFusion: fresh noise in each ddim step; 1: as in the published tests"},
};
const OptTable latent_options = {option_rows, ARRAY_LEN(option_rows)};

typedef struct Window {
    int64_t first;
    float *music, *frames; /* [cond], [T, MUSIC_FRAME] */
} Window;

typedef struct Sampling {
    DabfusionModel *m;
    const Progress *progress;
    Window *windows;
    int n_windows, branches;
    int64_t frames, frame; /* of the whole; numbers of one frame */
    float *eps, *weight;   /* one window's prediction; [frames] sum of the windows' weights */
    double done, total;    /* evaluations */
    Err *e;
} Sampling;

/* 0, T/2, T, ..; the last one ends with the song. */
static int64_t window_count(int64_t frames, int64_t T)
{
    int64_t hop = MAX(T / 2, 1);
    return frames <= T ? 1 : 1 + (frames - T + hop - 1) / hop;
}

static int64_t window_start(int64_t frames, int64_t T, int64_t i)
{
    return frames <= T ? 0 : MIN(i * MAX(T / 2, 1), frames - T);
}

/* Rises from the window's ends to its middle. */
static float weight_at(int64_t t, int64_t T)
{
    return (float)MIN(t + 1, T - t);
}

/* One window, with or without music. */
static bool evaluate(Sampling *s, const Window *w, const float *z, int level, bool music, float *out)
{
    Graph *g = s->m->step;
    float time = (float)level, keep = music;
    if (!progress_tick(s->progress, "dreaming moves", s->done, s->total))
        return err_cancel(s->e);
    s->done++;
    bool set = graph_set(g, "x", z + w->first * s->frame, JIG_F32) && graph_set(g, "level", &time, JIG_F32) &&
               graph_set(g, "music", w->music, JIG_F32) && graph_set(g, "keep", &keep, JIG_F32) &&
               (!s->m->config.improved || graph_set(g, "frames", w->frames, JIG_F32));
    if (!set)
        return err_set(s->e, "the diffusion's inputs do not fit");
    return graph_run(g, s->e) && graph_get(g, "eps", out);
}

static bool denoise(void *user, const float *z, int level, float *predictions, Err *e)
{
    Sampling *s = user;
    int64_t T = s->m->config.music.frames, all = s->frames * s->frame;
    s->e = e;
    memset(predictions, 0, (size_t)(s->branches * all) * sizeof *predictions);
    for (int b = 0; b < s->branches; b++)
        for (int i = 0; i < s->n_windows; i++) {
            const Window *w = &s->windows[i];
            if (!evaluate(s, w, z, level, b == s->branches - 1, s->eps))
                return false;
            for (int64_t t = 0; t < T; t++) {
                float part = weight_at(t, T) / s->weight[w->first + t], *to = predictions + b * all + (w->first + t) * s->frame;
                const float *from = s->eps + t * s->frame;
                for (int64_t k = 0; k < s->frame; k++)
                    to[k] += part * from[k];
            }
        }
    return true;
}

static bool make_windows(Sampling *s, const Music *music, Arena *a)
{
    const DiffusionConfig *c = &s->m->config;
    int64_t T = c->music.frames;
    s->n_windows = (int)window_count(s->frames, T);
    s->windows = arena_alloc(a, (size_t)s->n_windows * sizeof *s->windows);
    s->weight = arena_alloc(a, (size_t)s->frames * sizeof *s->weight);
    for (int i = 0; i < s->n_windows; i++) {
        Window *w = &s->windows[i];
        w->first = window_start(s->frames, T, i);
        w->music = arena_alloc(a, (size_t)c->unet.cond * sizeof(float));
        w->frames = arena_alloc(a, (size_t)T * MUSIC_FRAME * sizeof(float));
        if (c->music.beats)
            music_beat_flags(music, &c->music, w->first, w->music);
        music_frames(music, &c->music, w->first, w->frames);
        for (int64_t t = 0; t < T; t++)
            s->weight[w->first + t] += weight_at(t, T);
    }
    return true;
}

/* The picture's part of the first convolution, which no step changes. */
static bool prepare_picture(DabfusionModel *m, Err *e)
{
    const DiffusionConfig *c = &m->config;
    float *base = mem_alloc((size_t)(c->cells * c->cells * c->unet.dim) * sizeof *base);
    bool ok = graph_set(m->picture, "z", lfae_runner_z(m->lfae), JIG_F32) && graph_run(m->picture, e) &&
              graph_get(m->picture, "picture", base) && graph_set(m->step, "picture", base, JIG_F32);
    mem_free(base);
    return ok;
}

static DdimOptions ddim_options(const LatentOptions *o, int branches, const double *weights)
{
    return (DdimOptions){.steps = o->sampler == SAMPLER_DDPM ? FLOW_LEVELS : o->steps, .prediction = PREDICT_EPS, .branches = branches,
                         .weights = branches > 1 ? weights : NULL, .eta = o->eta, .threshold = 0.9, .limit = 1,
                         .seed = (uint64_t)o->seed, .stream = 1, .rule = o->sampler == SAMPLER_DDPM ? DDIM_ANCESTRAL : DDIM_LUCIDRAINS};
}

static int branches_of(const LatentOptions *o) { return fabs(o->guidance - 1) < 1e-9 ? 1 : 2; }

static int64_t frames_of(const DabfusionModel *m, double seconds)
{
    return MAX(llround(seconds * m->config.music.fps), 1);
}

bool dabfusion_sample(DabfusionModel *m, const float *samples, int64_t n, double rate, const BeatGrid *grid, const LatentOptions *o,
                      LatentMoves *out, const Progress *p, Err *e)
{
    const DiffusionConfig *c = &m->config;
    int64_t wanted = frames_of(m, (double)n / rate);
    Music music = {0};
    Arena *a = arena_create();
    Sampling s = {.m = m, .progress = p, .branches = branches_of(o), .frames = MAX(wanted, c->music.frames),
                  .frame = (int64_t)c->cells * c->cells * FLOW_NUMBERS, .e = e};
    *out = (LatentMoves){0};
    bool ok = dabfusion_plan(m, e) && prepare_picture(m, e) && music_hear(&music, &c->music, samples, n, rate, grid, e) &&
              latent_moves_init(out, s.frames, c->music.fps, c->cells, e) && make_windows(&s, &music, a);
    if (ok) {
        DdimOptions d = ddim_options(o, s.branches, (const double[]){1 - o->guidance, o->guidance});
        s.eps = mem_alloc((size_t)(c->music.frames * s.frame) * sizeof *s.eps);
        s.total = (double)d.steps * s.n_windows * s.branches;
        rng_fill_normal(out->h, (size_t)(s.frames * s.frame), (uint64_t)o->seed, 0, 0);
        ok = ddim_sample(&m->schedule, &d, denoise, &s, out->h, s.frames * s.frame, NULL, e);
        out->frames = wanted; /* a short song: the window's beginning */
        mem_free(s.eps);
    }
    if (!ok)
        latent_moves_finish(out);
    music_finish(&music);
    arena_destroy(a);
    return ok;
}

/* ---- what it will take ------------------------------------------------------------------------------------------- */

uint64_t dabfusion_bytes(DabfusionModel *m, double seconds, const LatentOptions *o)
{
    Err quiet = {0};
    int64_t frames = MAX(frames_of(m, seconds), m->config.music.frames);
    uint64_t flow = (uint64_t)(frames * m->config.cells * m->config.cells * FLOW_NUMBERS) * sizeof(float);
    uint64_t bytes = lfae_runner_bytes(m->lfae, false) + flow * (uint64_t)(4 + branches_of(o));
    return dabfusion_plan(m, &quiet) ? bytes + graph_bytes(m->picture) + graph_bytes(m->step) : bytes;
}

double dabfusion_seconds(DabfusionModel *m, double seconds, double fps, const LatentOptions *o)
{
    Err quiet = {0};
    if (m->rate <= 0 || !dabfusion_plan(m, &quiet))
        return 0;
    int64_t frames = frames_of(m, seconds);
    double steps = o->sampler == SAMPLER_DDPM ? FLOW_LEVELS : o->steps;
    double work = graph_flops(m->step) * steps * (double)window_count(frames, m->config.music.frames) * branches_of(o);
    return (work + lfae_runner_draw_flops(m->lfae) * seconds * fps) / m->rate;
}
