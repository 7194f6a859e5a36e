/* SPDX-License-Identifier: Apache-2.0
 *
 * The training loop: fetch a batch, run the graph, clip, update, log; now and then validate with the EMA weights on
 * held-out data, draw, write a checkpoint. Time limits count training time over all resumes.
 */
#include "train/train_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MAX_LOSSES = 16, DIVERGED_AFTER = 20, MEAN_STEPS = 50 };

static const Option option_rows[] = {
    {"data", 0, OPT_TEXT, offsetof(TrainOptions, data), 0, 0, NULL, NULL, "SET", "folder of training data"},
    {"output", 'o', OPT_TEXT, offsetof(TrainOptions, output), 0, 0, NULL, NULL, "RUN",
     "run folder: log, samples, checkpoint, weights"},
    {"resume", 0, OPT_BOOL, offsetof(TrainOptions, resume), 0, 0, NULL, NULL, NULL, "go on from RUN's checkpoint"},
    {"start", 0, OPT_TEXT, offsetof(TrainOptions, start), 0, 0, NULL, NULL, "FILE", "weights to start from"},
    {"steps", 0, OPT_INT, offsetof(TrainOptions, steps), 0, 1e9, "0", NULL, "N", "stop after N steps; 0: no limit"},
    {"minutes", 0, OPT_FLOAT, offsetof(TrainOptions, minutes), 0, 1e6, "0", NULL, "N",
     "stop after N minutes of training; 0: no limit"},
    {"batch", 'b', OPT_INT, offsetof(TrainOptions, batch), 1, 4096, "32", NULL, "N", "samples a step"},
    {"seed", 's', OPT_INT, offsetof(TrainOptions, seed), 0, 9007199254740991.0, "0", NULL, "N",
     "random seed of samples and first weights"},
    {"threads", 't', OPT_INT, offsetof(TrainOptions, threads), 0, 256, "0", NULL, "N",
     "threads; 0 uses all cores of this process"},
    {"workers", 0, OPT_INT, offsetof(TrainOptions, workers), 0, 64, "0", NULL, "N",
     "threads that make samples ahead; 0: as many as cores"},
    {"replicas", 0, OPT_INT, offsetof(TrainOptions, replicas), 0, 64, "0", NULL, "N",
     "parts of a batch, each on its own core; 0: as many as threads"},
    {"lr", 0, OPT_FLOAT, offsetof(TrainOptions, lr), 1e-8, 1, "1e-3", NULL, "X", "learning rate at its highest"},
    {"warmup", 0, OPT_FLOAT, offsetof(TrainOptions, warmup), 0, 1, "0.02", NULL, "X",
     "part of the run in which the learning rate rises"},
    {"plan", 0, OPT_CHOICE, offsetof(TrainOptions, plan), 0, 0, "cosine", "cosine|constant|late|drops", "PLAN",
     "how the learning rate falls; late: level until 70 %, then to zero; drops: twice to a tenth"},
    {"decay", 0, OPT_FLOAT, offsetof(TrainOptions, decay), 0, 1, "0.01", NULL, "X", "weight decay"},
    {"clip", 0, OPT_FLOAT, offsetof(TrainOptions, clip), 0, 1e6, "1", NULL, "X",
     "largest norm of the gradient; 0: no limit"},
    {"ema", 0, OPT_FLOAT, offsetof(TrainOptions, ema), 0, 0.999999, "0.999", NULL, "X",
     "decay of the weights' moving average"},
    {"save-minutes", 0, OPT_FLOAT, offsetof(TrainOptions, save_minutes), 0, 1e6, "5", NULL, "N",
     "minutes between checkpoints"},
    {"validate-every", 0, OPT_INT, offsetof(TrainOptions, validate_every), 0, 1e9, "500", NULL, "N",
     "steps between validations; 0: never"},
    {"validate-batches", 0, OPT_INT, offsetof(TrainOptions, validate_batches), 1, 1e6, "4", NULL, "N",
     "batches of a validation"},
    {"device", 0, OPT_TEXT, offsetof(TrainOptions, device), 0, 0, "auto", NULL, "NAME",
     "where to compute: auto, cpu, ref"},
    {"compute", 0, OPT_TEXT, offsetof(TrainOptions, compute), 0, 0, "auto", NULL, "TYPE",
     "type of activations: auto, f32, bf16"},
};
const OptTable train_options = {option_rows, ARRAY_LEN(option_rows)};

bool train_usual(const TrainTask *task, const void *task_options, bool (*given)(const void *user, const char *name), const void *user,
                 TrainOptions *o, Arena *a, Err *e)
{
    char *rest = arena_strdup(a, task->usual ? task->usual(task_options) : "");
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = 0;
        if (!given(user, line) && !opt_set(train_options, o, line, value, a, e))
            return false;
    }
    return true;
}

/* ---- batches and metrics ----------------------------------------------------------------------------------------- */

void *train_batch_data(const TrainBatch *b, const char *name)
{
    for (int i = 0; i < b->n_inputs; i++)
        if (!strcmp(b->inputs[i].name, name))
            return b->data[i];
    assert(!"no such input");
    return NULL;
}

void *train_batch_row(const TrainBatch *b, int input, int64_t sample)
{
    const TrainInput *in = &b->inputs[input];
    return (char *)b->data[input] + (size_t)sample * (size_t)shape_count(in->row) * dtype_size(in->type);
}

void train_metric_add(TrainMetrics *m, const char *name, double value, double weight)
{
    int i = 0;
    while (i < m->n && strcmp(m->m[i].name, name))
        i++;
    assert(i < TRAIN_METRICS);
    if (i == m->n) {
        m->m[m->n] = (TrainMetric){0};
        snprintf(m->m[m->n++].name, sizeof m->m[0].name, "%s", name);
    }
    m->m[i].sum += value * weight;
    m->m[i].weight += weight;
}

double train_metric_mean(const TrainMetric *m) { return m->weight > 0 ? m->sum / m->weight : 0; }

/* ---- a run ------------------------------------------------------------------------------------------------------- */

typedef struct Run {
    const TrainTask *task;
    const TrainOptions *o;
    const void *task_options;
    const Progress *progress;
    const Device *device;
    DType compute;
    void *net;
    ParamSet *ps;
    Optimizer optimizer;
    Replicas *replicas;
    Graph *eval; /* made at the first validation */
    Prefetch *samples;
    RunLog *log;
    TrainPosition at;
    double began, before; /* clock and seconds of training when this session began */
    double last_save;
    double recent[MEAN_STEPS];
    int bad_steps;
    TrainResult *result;
} Run;

static double seconds_now(const Run *r) { return r->before + clock_seconds() - r->began; }

/* 0..1 over the whole run, by whichever limit is nearer. */
static double progress_of(const Run *r)
{
    double by_steps = r->o->steps > 0 ? (double)r->at.step / (double)r->o->steps : 0;
    double by_time = r->o->minutes > 0 ? seconds_now(r) / (60 * r->o->minutes) : 0;
    return MAX(by_steps, by_time);
}

static bool tick(Run *r, const char *stage, Err *e)
{
    return progress_tick(r->progress, stage, progress_of(r), 1) || err_cancel(e);
}

static double scalar_of(Graph *g, const char *loss)
{
    char name[64];
    float value = NAN;
    snprintf(name, sizeof name, "loss:%s", loss);
    bool found = graph_get(g, name, &value);
    assert(found);
    (void)found;
    return value;
}

static Graph *make_eval(Run *r, Err *e)
{
    Graph *g = graph_create(r->device, r->compute);
    graph_output(g, "loss", r->task->build(r->net, g, r->o->batch, false));
    if (graph_plan(g, e))
        return g;
    graph_destroy(g);
    return NULL;
}

/* Held-out batches through the eval graph with the EMA weights in place. */
static bool validate_batches(Run *r, Prefetch *samples, TrainMetrics *m, Err *e)
{
    Arena *a = arena_create();
    bool ok = true;
    for (int64_t i = 0; ok && i < r->o->validate_batches; i++) {
        TrainBatch *b = prefetch_next(samples, r->progress, progress_of(r), 1, e);
        ok = b && (!r->task->prepare || r->task->prepare(r->net, b, e)) && replicas_set_inputs(r->eval, b, 0, e) &&
             graph_run(r->eval, e) && tick(r, "validation", e);
        if (!ok)
            break;
        float loss = NAN;
        graph_get(r->eval, "loss", &loss);
        train_metric_add(m, "loss", loss, 1);
        for (int k = 0; r->task->losses[k]; k++)
            train_metric_add(m, r->task->losses[k], scalar_of(r->eval, r->task->losses[k]), 1);
        if (r->task->measure)
            r->task->measure(r->net, r->eval, b, m);
        if (i == 0 && r->task->draw)
            ok = r->task->draw(r->net, r->eval, b,
                               arena_printf(a, "%s/samples/%07lld.png", r->o->output, (long long)r->at.step), e);
        prefetch_release(samples);
    }
    arena_destroy(a);
    return ok;
}

static bool validate(Run *r, TrainMetrics *m, Err *e)
{
    *m = (TrainMetrics){0};
    if (!r->eval && !(r->eval = make_eval(r, e)))
        return false;
    int workers = r->o->workers ? (int)r->o->workers : threads_count();
    Prefetch *samples = prefetch_create(r->task, r->net, r->o->batch, 0, r->o->validate_batches, true, workers, e);
    if (!samples)
        return false;
    optimizer_swap_ema(&r->optimizer);
    graph_weights_changed(r->eval); /* what was folded from weights is made again */
    bool ok = validate_batches(r, samples, m, e);
    optimizer_swap_ema(&r->optimizer);
    prefetch_destroy(samples);
    if (ok)
        r->result->held_out = *m;
    return ok;
}

static bool save(Run *r, Err *e)
{
    r->at.seconds = seconds_now(r);
    r->last_save = r->at.seconds;
    bool ok = checkpoint_save(r->o->output, r->task, &r->optimizer, r->at, e);
    optimizer_swap_ema(&r->optimizer);
    ok = ok && checkpoint_export(r->o->output, r->task, r->net, &r->optimizer, r->at, e);
    optimizer_swap_ema(&r->optimizer);
    return ok && runlog_plot(r->log, r->task->name, e);
}

static double learning_rate_factor(const Run *r)
{
    double p = progress_of(r);
    return r->o->plan == PLAN_DROPS && p >= r->o->warmup ? train_plan_drops(r->task->drops, p)
                                                         : train_plan_factor((TrainPlan)r->o->plan, r->o->warmup, p);
}

/* Clips and updates. A step whose gradient is not finite is left out; many in a row end the run. */
static bool update(Run *r, double loss, double *lr, double *norm, Err *e)
{
    *lr = r->o->lr * learning_rate_factor(r);
    *norm = optimizer_grad_norm(&r->optimizer);
    if (!isfinite(loss) || !isfinite(*norm)) {
        log_line(LOG_WARNING, "step %lld: loss %g, gradient norm %g: step left out", (long long)r->at.step, loss,
                 *norm);
        if (++r->bad_steps < DIVERGED_AFTER)
            return true;
        return err_set(e, "training diverged: %d steps in a row without a finite loss; try a lower --lr than %g",
                       DIVERGED_AFTER, r->o->lr);
    }
    r->bad_steps = 0;
    double scale = r->o->clip > 0 && *norm > r->o->clip ? r->o->clip / *norm : 1;
    optimizer_step(&r->optimizer, *lr, r->o->decay, scale, r->o->ema);
    return true;
}

static bool log_step(Run *r, double loss, double lr, double norm, double took, Err *e)
{
    double parts[MAX_LOSSES];
    char name[64];
    for (int k = 0; r->task->losses[k]; k++) {
        snprintf(name, sizeof name, "loss:%s", r->task->losses[k]);
        parts[k] = replicas_mean(r->replicas, name);
    }
    TrainMetrics held_out;
    bool due = r->o->validate_every > 0 && r->at.step % r->o->validate_every == 0;
    bool validated = due && validate(r, &held_out, e); /* when not: the step was done all the same, so it is logged */
    RunStep s = {.step = r->at.step,
                 .loss = loss,
                 .seconds = seconds_now(r),
                 .samples_per_second = (double)r->o->batch / took,
                 .lr = lr,
                 .grad_norm = norm,
                 .names = r->task->losses,
                 .parts = parts,
                 .held_out = validated ? &held_out : NULL};
    r->result->samples_per_second = s.samples_per_second;
    return runlog_step(r->log, &s, e) && validated == due;
}

static bool step(Run *r, Err *e)
{
    double from = clock_seconds();
    TrainBatch *b = prefetch_next(r->samples, r->progress, progress_of(r), 1, e);
    if (!b || (r->task->prepare && !r->task->prepare(r->net, b, e)) || !replicas_run(r->replicas, b, e))
        return false;
    prefetch_release(r->samples);
    double lr, norm, loss = replicas_mean(r->replicas, "loss");
    if (!update(r, loss, &lr, &norm, e))
        return false;
    r->at.step++;
    r->recent[r->at.step % MEAN_STEPS] = loss;
    return log_step(r, loss, lr, norm, clock_seconds() - from, e);
}

static bool finished(const Run *r)
{
    return (r->o->steps > 0 && r->at.step >= r->o->steps) ||
           (r->o->minutes > 0 && seconds_now(r) >= 60 * r->o->minutes);
}

static bool loop(Run *r, Err *e)
{
    int64_t first = r->at.step;
    r->began = clock_seconds();
    r->before = r->last_save = r->at.seconds;
    bool ok = true;
    while (ok && !finished(r)) {
        ok = step(r, e) && tick(r, "training", e);
        if (ok && seconds_now(r) - r->last_save >= 60 * r->o->save_minutes)
            ok = save(r, e);
    }
    Err failure = {0};
    bool cancelled = e && e->cancelled;
    if ((ok || cancelled) && !save(r, &failure)) {
        if (e)
            *e = failure;
        ok = false;
    }
    int64_t n = MIN(r->at.step - first, MEAN_STEPS);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += r->recent[(r->at.step - i) % MEAN_STEPS];
    r->result->loss = n ? sum / (double)n : 0;
    r->result->step = r->at.step;
    r->result->seconds = r->at.seconds;
    return ok;
}

static bool choose_type(Run *r, Err *e)
{
    const char *c = r->o->compute;
    if (!c || !strcmp(c, "auto"))
        r->compute = r->device->fast;
    else if (!strcmp(c, "f32"))
        r->compute = JIG_F32;
    else if (!strcmp(c, "bf16"))
        r->compute = JIG_BF16;
    else
        return err_set(e, "--compute is \"%s\"; allowed are auto, f32, bf16", c);
    return true;
}

static bool start_from(Run *r, Err *e)
{
    if (!r->o->start)
        return true;
    SafeTensors *st = weights_open(r->o->start, e);
    bool ok = st && (params_load(r->ps, st, "", false, e) || err_context(e, "--start %s", r->o->start));
    safetensors_close(st);
    return ok;
}

static bool check_options(const TrainOptions *o, Err *e)
{
    if (!o->output || !o->output[0])
        return err_set(e, "training needs a run folder: --output RUN");
    if (o->steps <= 0 && o->minutes <= 0)
        return err_set(e, "training needs a limit: --steps N or --minutes N");
    if (o->resume && !checkpoint_exists(o->output))
        return err_set(e, "--resume: %s holds no checkpoint", o->output);
    if (!o->resume && checkpoint_exists(o->output))
        return err_set(e, "%s already holds a checkpoint: go on with --resume, or choose another folder", o->output);
    return true;
}

static bool prepare_run(Run *r, Err *e)
{
    const TrainOptions *o = r->o;
    if (!(r->device = device_open(o->device ? o->device : "auto", e)) || !choose_type(r, e))
        return false;
    if (o->threads)
        threads_set((int)o->threads);
    TrainSetup setup = {o->data, r->task_options, (uint64_t)o->seed, o->batch, r->device};
    if (!(r->net = r->task->open(&setup, e)))
        return false;
    r->ps = r->task->params(r->net);
    if (!params_allocate(r->ps, true, (uint64_t)o->seed, e) || (r->task->begin && !r->task->begin(r->net, e)) ||
        !start_from(r, e) || !optimizer_init(&r->optimizer, r->ps, r->device, r->task->beta1, r->task->beta2, e))
        return false;
    if (o->resume && !checkpoint_load(o->output, r->task, &r->optimizer, &r->at, e))
        return false;
    Arena *a = arena_create();
    bool ok = file_make_dir(arena_printf(a, "%s/samples", o->output), e) &&
              runlog_write_options(r->task, o, r->task_options, e);
    arena_destroy(a);
    int parts = replicas_fit(o->batch, o->replicas ? (int)o->replicas : threads_count());
    return ok && (r->log = runlog_open(o->output, r->at.step, e)) &&
           (r->replicas = replicas_create(r->task, r->net, o->batch, parts, r->device, r->compute, e));
}

bool train_run(const TrainTask *task, const TrainOptions *o, const void *task_options, const Progress *progress,
               TrainResult *result, Err *e)
{
    TrainResult unused;
    Run r = {
        .task = task, .o = o, .task_options = task_options, .progress = progress, .result = result ? result : &unused};
    *r.result = (TrainResult){0};
    bool ok = check_options(o, e) && prepare_run(&r, e);
    if (ok) {
        int workers = o->workers ? (int)o->workers : threads_count();
        r.samples = prefetch_create(task, r.net, o->batch, r.at.step, 0, false, workers, e);
        ok = r.samples && loop(&r, e);
    }
    prefetch_destroy(r.samples);
    runlog_close(r.log);
    graph_destroy(r.eval);
    replicas_destroy(r.replicas);
    optimizer_finish(&r.optimizer);
    if (r.net)
        task->close(r.net);
    return ok;
}
