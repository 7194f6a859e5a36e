/* SPDX-License-Identifier: Apache-2.0
 *
 * The run folder's readable half: options.json, log.jsonl (one JSON object a line, appended as the run goes; a resume
 * cuts what an interrupted run wrote after its last checkpoint) and loss.png. Numbers that are not finite are written
 * as null.
 */
#include "media/media.h"
#include "train/train_internal.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

enum { MAX_LOG = 1 << 30, MAX_OPTIONS = 1 << 20 };

typedef struct Curve {
    double *x, *y;
    int n, cap;
} Curve;

struct RunLog {
    FILE *f;
    char *run;
    Curve loss, held_out;
    double flushed; /* clock */
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static OptTable own_options(const TrainTask *task) { return (OptTable){task->rows, task->n_rows}; }

bool runlog_write_options(const TrainTask *task, const TrainOptions *o, const void *task_options, Err *e)
{
    Text t = {0};
    text_add(&t, "{\"task\": \"%s\",\n\"train\": ", task->name);
    opt_to_json(train_options, o, &t);
    text_add(&t, ",\n\"net\": ");
    opt_to_json(own_options(task), task_options, &t);
    text_add(&t, "}\n");
    Text path = {0};
    text_add(&path, "%s/options.json", o->output);
    bool ok = file_write(path.s, t.s, t.len, e);
    text_finish(&path);
    text_finish(&t);
    return ok;
}

static bool read_part(const cJSON *root, const char *key, OptTable table, void *s, Arena *a, Err *e)
{
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsObject(part))
        return err_set(e, "\"%s\" is missing", key);
    char *text = cJSON_PrintUnformatted(part);
    bool ok = opt_from_json(table, s, text, a, e);
    cJSON_free(text);
    return ok;
}

bool train_read_options(const TrainTask *task, const char *run, TrainOptions *o, void *task_options, Arena *a, Err *e)
{
    const char *path = arena_printf(a, "%s/options.json", run);
    char *bytes;
    size_t n;
    if (!file_read(path, MAX_OPTIONS, &bytes, &n, e))
        return false;
    cJSON *root = cJSON_ParseWithLength(bytes, n);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "task"));
    bool ok = true;
    if (!name || strcmp(name, task->name))
        ok = err_set(e, "it is of task \"%s\", not of \"%s\"", name ? name : "?", task->name);
    ok = ok && read_part(root, "train", train_options, o, a, e) &&
         read_part(root, "net", own_options(task), task_options, a, e);
    cJSON_Delete(root);
    mem_free(bytes);
    return ok || err_context(e, "%s", path);
}

/* ---- log --------------------------------------------------------------------------------------------------------- */

static void curve_add(Curve *c, double x, double y)
{
    if (c->n == c->cap) {
        c->cap = MAX(1024, 2 * c->cap);
        c->x = mem_resize(c->x, (size_t)c->cap * sizeof *c->x);
        c->y = mem_resize(c->y, (size_t)c->cap * sizeof *c->y);
    }
    c->x[c->n] = x;
    c->y[c->n++] = y;
}

static double number_at(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : NAN;
}

/* Reads old lines up to step `keep`; returns how many bytes of the file they take. A broken last line ends the reading.
 */
static size_t read_old(RunLog *l, const char *bytes, size_t n, int64_t keep)
{
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(bytes + at, '\n', n - at);
        cJSON *line = end ? cJSON_ParseWithLength(bytes + at, (size_t)(end - bytes) - at) : NULL;
        double step = number_at(line, "step");
        bool wanted = line && step <= (double)keep;
        if (wanted) {
            const cJSON *held_out = cJSON_GetObjectItemCaseSensitive(line, "held_out");
            curve_add(&l->loss, step, number_at(line, "loss"));
            if (held_out)
                curve_add(&l->held_out, step, number_at(held_out, "loss"));
            at = (size_t)(end - bytes) + 1;
        }
        cJSON_Delete(line);
        if (!wanted)
            break;
    }
    return at;
}

RunLog *runlog_open(const char *run, int64_t keep, Err *e)
{
    RunLog *l = mem_zero(sizeof *l);
    l->run = mem_strdup(run);
    Text path = {0};
    text_add(&path, "%s/log.jsonl", run);
    bool ok = true;
    if (file_exists(path.s)) {
        char *bytes;
        size_t n;
        ok = file_read(path.s, MAX_LOG, &bytes, &n, e);
        if (ok) {
            size_t kept = read_old(l, bytes, n, keep);
            ok = kept == n || file_write(path.s, bytes, kept, e);
            mem_free(bytes);
        }
    }
    if (ok && !(l->f = fopen(path.s, "a")))
        ok = err_set(e, "%s: %m", path.s);
    text_finish(&path);
    if (ok)
        return l;
    runlog_close(l);
    return NULL;
}

static void add_number(Text *t, const char *key, double value)
{
    if (isfinite(value))
        text_add(t, ", \"%s\": %.7g", key, value);
    else
        text_add(t, ", \"%s\": null", key);
}

bool runlog_step(RunLog *l, const RunStep *s, Err *e)
{
    Text t = {0};
    text_add(&t, "{\"step\": %lld", (long long)s->step);
    add_number(&t, "loss", s->loss);
    for (int i = 0; s->names[i]; i++)
        add_number(&t, s->names[i], s->parts[i]);
    add_number(&t, "seconds", s->seconds);
    add_number(&t, "samples_per_second", s->samples_per_second);
    add_number(&t, "lr", s->lr);
    add_number(&t, "grad_norm", s->grad_norm);
    curve_add(&l->loss, (double)s->step, s->loss);
    if (s->held_out) {
        text_add(&t, ", \"held_out\": {\"batches\": %g", s->held_out->n ? s->held_out->m[0].weight : 0);
        for (int i = 0; i < s->held_out->n; i++) {
            double mean = train_metric_mean(&s->held_out->m[i]);
            add_number(&t, s->held_out->m[i].name, mean);
            if (!strcmp(s->held_out->m[i].name, "loss"))
                curve_add(&l->held_out, (double)s->step, mean);
        }
        text_add(&t, "}");
    }
    text_add(&t, "}\n");
    bool ok = fwrite(t.s, 1, t.len, l->f) == t.len;
    text_finish(&t);
    if (s->held_out || clock_seconds() - l->flushed > 1) {
        ok = ok && !fflush(l->f);
        l->flushed = clock_seconds();
    }
    return ok || err_set(e, "%s/log.jsonl: %m", l->run);
}

/* Means of neighbouring steps, about 400 points over the run: a curve that can be read. */
static Curve thinned(const Curve *c)
{
    Curve out = {0};
    int each = MAX(1, c->n / 400);
    for (int i = 0; i < c->n; i += each) {
        double sum = 0;
        int n = 0;
        for (int j = i; j < MIN(i + each, c->n); j++)
            if (isfinite(c->y[j])) {
                sum += c->y[j];
                n++;
            }
        curve_add(&out, c->x[i], n ? sum / n : NAN);
    }
    return out;
}

static void curve_finish(Curve *c)
{
    mem_free(c->x);
    mem_free(c->y);
}

bool runlog_plot(RunLog *l, const char *title, Err *e)
{
    if (fflush(l->f))
        return err_set(e, "%s/log.jsonl: %m", l->run);
    if (!l->loss.n)
        return true;
    Curve loss = thinned(&l->loss);
    PlotSeries series[] = {{"training", loss.x, loss.y, loss.n},
                           {"held out", l->held_out.x, l->held_out.y, l->held_out.n}};
    PlotOptions o = {.title = title, .x_label = "step", .y_label = "loss", .log_y = true};
    Picture p = {0};
    Text path = {0};
    text_add(&path, "%s/loss.png", l->run);
    bool ok = plot_lines(series, l->held_out.n ? 2 : 1, &o, &p, e) && picture_save(&p, path.s, 90, e);
    text_finish(&path);
    picture_finish(&p);
    curve_finish(&loss);
    return ok;
}

void runlog_close(RunLog *l)
{
    if (!l)
        return;
    if (l->f)
        fclose(l->f);
    curve_finish(&l->loss);
    curve_finish(&l->held_out);
    mem_free(l->run);
    mem_free(l);
}
