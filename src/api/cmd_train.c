/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig train NETWORK --data SET -o RUN`: trains a network of a model; resumable.
 */
#include "api/api.h"
#include "models/articulated/articulated_train.h"
#include "models/dabfusion/dabfusion_train.h"
#include "train/train.h"

#include <cjson/cJSON.h>
#include <string.h>

typedef struct TrainCommand {
    const char *net;
    TrainOptions train;
} TrainCommand;

static const Option rows[] = {
    {"net", 0, OPT_TEXT, offsetof(TrainCommand, net), 0, 0, NULL, NULL, "A=X,B=Y", "options of the network itself; --net help lists them"},
};

static const TrainTask *task_at(int i)
{
    if (i < articulated_n_tasks)
        return articulated_tasks[i];
    i -= articulated_n_tasks;
    return i < dabfusion_n_tasks ? dabfusion_tasks[i] : NULL;
}

static const TrainTask *find_task(const char *name, Err *e)
{
    Text names = {0};
    for (int i = 0; task_at(i); i++) {
        if (!strcmp(task_at(i)->name, name)) {
            text_finish(&names);
            return task_at(i);
        }
        text_add(&names, "%s%s", i ? ", " : "", task_at(i)->name);
    }
    err_set(e, "there is no network '%s' to train; there are: %s", name, names.s);
    text_finish(&names);
    return NULL;
}

/* "width=64,depth=3" into the task's own struct. */
static bool set_net(const TrainTask *task, void *net, const char *text, Arena *a, Err *e)
{
    OptTable table = {task->rows, task->n_rows};
    char *copy = arena_strdup(a, text ? text : ""), *rest = copy;
    for (char *pair; (pair = strsep(&rest, ","));) {
        if (!*pair)
            continue;
        char *value = strchr(pair, '=');
        if (!value)
            return err_set(e, "--net %s: '%s' must be NAME=VALUE", text, pair);
        *value++ = 0;
        if (!opt_set(table, net, pair, value, a, e))
            return err_context(e, "--net");
    }
    return true;
}

/* On a resume the run's own options hold, but for those that were given anew: more minutes, other threads. */
static bool resume_options(const TrainTask *task, TrainOptions *o, void *net, Arena *a, Err *e)
{
    TrainOptions given = *o, usual;
    opt_defaults(train_options, &usual);
    if (!train_read_options(task, given.output, o, net, a, e))
        return false;
    o->resume = true;
    o->output = given.output;
    Text now = {0}, before = {0};
    opt_to_json(train_options, &given, &now);
    opt_to_json(train_options, &usual, &before);
    cJSON *new = cJSON_Parse(now.s), *old = cJSON_Parse(before.s);
    bool ok = true;
    const cJSON *v;
    cJSON_ArrayForEach(v, new) {
        if (cJSON_Compare(v, cJSON_GetObjectItem(old, v->string), true))
            continue;
        char *text = cJSON_IsString(v) ? arena_strdup(a, v->valuestring) : cJSON_PrintUnformatted(v);
        ok = ok && opt_set(train_options, o, v->string, text, a, e);
        if (!cJSON_IsString(v))
            cJSON_free(text);
    }
    cJSON_Delete(new);
    cJSON_Delete(old);
    text_finish(&now);
    text_finish(&before);
    return ok;
}

static void describe(jig_job *job, const TrainOptions *o, const TrainResult *r)
{
    Text *t = &job->text;
    text_add(t, "%s: step %lld, loss %.4f, %.1f minutes, %.1f samples a second\n", o->output, (long long)r->step, r->loss, r->seconds / 60,
             r->samples_per_second);
    cJSON *all = cJSON_CreateObject();
    cJSON_AddNumberToObject(all, "step", (double)r->step);
    cJSON_AddNumberToObject(all, "loss", r->loss);
    cJSON_AddNumberToObject(all, "seconds", r->seconds);
    cJSON_AddNumberToObject(all, "samples_per_second", r->samples_per_second);
    for (int i = 0; i < r->held_out.n; i++) {
        const TrainMetric *m = &r->held_out.m[i];
        text_add(t, "  held out %-24s %.4f\n", m->name, train_metric_mean(m));
        cJSON_AddNumberToObject(all, m->name, train_metric_mean(m));
    }
    char *s = cJSON_PrintUnformatted(all);
    text_add(&job->json, "%s", s);
    cJSON_free(s);
    cJSON_Delete(all);
}

static bool given(const void *user, const char *name)
{
    return api_option_given(user, name);
}

static bool run(jig_job *job, void *options, Err *e)
{
    TrainCommand *o = options;
    const TrainTask *task = find_task(job->arguments[0], e);
    if (!task)
        return false;
    if (o->net && !strcmp(o->net, "help")) {
        text_add(&job->text, "%s: %s\n", task->name, task->summary);
        opt_help((OptTable){task->rows, task->n_rows}, &job->text);
        if (task->usual) {
            void *plain = arena_alloc(job->arena, task->options_size);
            opt_defaults((OptTable){task->rows, task->n_rows}, plain);
            text_add(&job->text, "defaults of its own:\n%s\n", task->usual(plain));
        }
        return true;
    }
    if (!o->train.output)
        return err_set(e, "-o RUN is missing: the folder for log, samples, checkpoint and weights");
    void *net = arena_alloc(job->arena, task->options_size);
    opt_defaults((OptTable){task->rows, task->n_rows}, net);
    if (o->train.resume && !resume_options(task, &o->train, net, job->arena, e))
        return false;
    if (!set_net(task, net, o->net, job->arena, e) ||
        (!o->train.resume && !train_usual(task, net, given, job, &o->train, job->arena, e)))
        return false;
    TrainResult r = {0};
    Progress p = api_progress(job);
    if (!train_run(task, &o->train, net, &p, &r, e))
        return false;
    describe(job, &o->train, &r);
    return true;
}

const Command command_train = {
    .name = "train", .arguments = "NETWORK", .summary = "train a network of a model, resumable",
    .details = "Trains one network: of the articulated model (pose, motion, flow, pixels, background) from a set of 'jig synth', or of DabFusion\n"
               "(lfae, then dabfusion) from any dataset of clips. The run folder holds log.jsonl, loss.png, samples/, checkpoint/ and weights.safetensors. Ctrl-C writes a checkpoint; --resume goes on from it, step for step.",
    .min_arguments = 1, .max_arguments = 1, .rows = rows, .n_rows = ARRAY_LEN(rows),
    .parts = {{&train_options, offsetof(TrainCommand, train)}}, .options_size = sizeof(TrainCommand), .run = run,
};
