/* SPDX-License-Identifier: Apache-2.0
 *
 * The job: a command with its arguments and options, run once. What every command shares: checking, progress with the time
 * left, and the translation of internal errors into jig_error with its exit code.
 */
#include "api/api.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <sys/random.h>

static bool report(jig_error *e, const jig_error *from)
{
    if (e && e->code == JIG_OK)
        *e = *from;
    return false;
}

/* A mistake in how the job was set up is remembered: jig_job_run repeats it. */
static bool usage(jig_job *job, jig_error *e, const Err *why)
{
    jig_error u = {.code = JIG_USAGE};
    snprintf(u.text, sizeof u.text, "%s", why->text);
    if (job && job->first.code == JIG_OK)
        job->first = u;
    return report(e, &u);
}

static const Command *find(const char *name)
{
    for (int i = 0; i < api_n_commands; i++)
        if (name && !strcmp(api_commands[i]->name, name))
            return api_commands[i];
    return NULL;
}

/* Part 0 is the command's own table, the others follow. */
static bool part_at(const Command *c, int i, OptTable *t, size_t *offset)
{
    if (i == 0) {
        *t = (OptTable){c->rows, c->n_rows};
        *offset = 0;
        return true;
    }
    if (i > (int)ARRAY_LEN(c->parts) || !c->parts[i - 1].table)
        return false;
    *t = *c->parts[i - 1].table;
    *offset = c->parts[i - 1].offset;
    return true;
}

static const Option *option_at(const Command *c, int i)
{
    OptTable t;
    size_t offset;
    for (int part = 0; part_at(c, part, &t, &offset); part++) {
        if (i < t.n)
            return &t.rows[i];
        i -= t.n;
    }
    return NULL;
}

static int option_count(const Command *c)
{
    int n = 0;
    while (option_at(c, n))
        n++;
    return n;
}

static bool set_option(jig_job *job, const char *name, const char *value, Err *e)
{
    OptTable t;
    size_t offset;
    for (int part = 0; part_at(job->command, part, &t, &offset); part++)
        for (int i = 0; i < t.n; i++)
            if (!strcmp(t.rows[i].name, name)) {
                text_add(&job->given, "%s\n", name);
                return opt_set(t, (char *)job->options + offset, name, value, job->arena, e);
            }
    return err_set(e, "there is no option '%s' in jig %s", name, job->command->name);
}

bool api_option_given(const jig_job *job, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = job->given.s; at && *at; at = strchr(at, '\n') + 1)
        if (!strncmp(at, name, n) && at[n] == '\n')
            return true;
    return false;
}

jig_job *jig_job_create(const char *command, jig_error *e)
{
    const Command *c = find(command);
    if (!c) {
        Text names = {0};
        for (int i = 0; i < api_n_commands; i++)
            text_add(&names, "%s%s", i ? ", " : "", api_commands[i]->name);
        Err why = {0};
        err_set(&why, "there is no command '%s'; there are: %s", command ? command : "", names.s);
        text_finish(&names);
        usage(NULL, e, &why);
        return NULL;
    }
    jig_job *job = mem_zero(sizeof *job);
    job->command = c;
    job->arena = arena_create();
    job->options = arena_alloc(job->arena, c->options_size);
    OptTable t;
    size_t offset;
    for (int part = 0; part_at(c, part, &t, &offset); part++)
        opt_defaults(t, (char *)job->options + offset);
    text_add(&job->text, "%s", "");
    text_add(&job->json, "%s", "");
    return job;
}

void jig_job_destroy(jig_job *job)
{
    if (!job)
        return;
    text_finish(&job->text);
    text_finish(&job->json);
    text_finish(&job->given);
    arena_destroy(job->arena);
    mem_free(job);
}

bool jig_job_argument(jig_job *job, const char *value, jig_error *e)
{
    if (!job)
        return false;
    Err why = {0};
    if (job->n_arguments >= job->command->max_arguments) {
        err_set(&why, "'%s' is one argument too many: jig %s %s", value, job->command->name, job->command->arguments);
        return usage(job, e, &why);
    }
    job->arguments[job->n_arguments++] = arena_strdup(job->arena, value);
    return true;
}

bool jig_job_set(jig_job *job, const char *option, const char *value, jig_error *e)
{
    if (!job)
        return false;
    Err why = {0};
    if (set_option(job, option, value, &why))
        return true;
    return usage(job, e, &why);
}

/* A JSON value as the text that a flag would have. */
static const char *json_text(const cJSON *v, Arena *a)
{
    if (cJSON_IsString(v))
        return v->valuestring;
    if (cJSON_IsBool(v))
        return cJSON_IsTrue(v) ? "true" : "false";
    return cJSON_IsNumber(v) ? arena_printf(a, "%.17g", v->valuedouble) : NULL;
}

static bool apply_json(jig_job *job, const char *json, Err *e)
{
    cJSON *o = cJSON_Parse(json);
    bool ok = cJSON_IsObject(o) || err_set(e, "the settings are not a JSON object");
    const cJSON *v;
    if (ok)
        cJSON_ArrayForEach(v, o) {
            const char *text = json_text(v, job->arena);
            if (cJSON_IsNull(v))
                continue;
            ok = ok && (text ? set_option(job, v->string, text, e)
                             : err_set(e, "setting '%s' must be a text, a number, true or false", v->string));
        }
    cJSON_Delete(o);
    return ok;
}

bool jig_job_config(jig_job *job, const char *json, jig_error *e)
{
    if (!job)
        return false;
    Err why = {0};
    return apply_json(job, json, &why) || usage(job, e, &why);
}

cJSON *api_options_json(const jig_job *job)
{
    cJSON *all = cJSON_CreateObject();
    OptTable t;
    size_t offset;
    for (int part = 0; part_at(job->command, part, &t, &offset); part++) {
        Text text = {0};
        opt_to_json(t, (const char *)job->options + offset, &text);
        cJSON *one = cJSON_Parse(text.s);
        text_finish(&text);
        while (one && one->child) {
            cJSON *v = cJSON_DetachItemViaPointer(one, one->child);
            cJSON_AddItemToObject(all, v->string, v);
        }
        cJSON_Delete(one);
    }
    return all;
}

void jig_job_on_progress(jig_job *job, jig_progress_fn *fn, void *user)
{
    if (!job)
        return;
    job->progress = fn;
    job->progress_user = user;
}

/* The time left is what is left of this stage at its mean speed so far. */
static bool tick(void *user, const char *stage, double done, double total)
{
    jig_job *job = user;
    if (!job->progress)
        return true;
    double now = clock_seconds();
    if (strncmp(job->stage, stage, sizeof job->stage - 1)) {
        snprintf(job->stage, sizeof job->stage, "%s", stage);
        job->stage_start = now;
    }
    double spent = now - job->stage_start;
    jig_progress p = {.stage = job->stage, .done = done, .total = total, .seconds = spent, .seconds_left = -1};
    if (total > 0 && done > 0 && spent > 0.3)
        p.seconds_left = spent * MAX(total - done, 0) / done;
    return job->progress(job->progress_user, &p);
}

Progress api_progress(jig_job *job)
{
    return (Progress){tick, job};
}

bool jig_job_run(jig_job *job, jig_error *e)
{
    if (!job)
        return false;
    if (job->first.code != JIG_OK)
        return report(e, &job->first);
    const Command *c = job->command;
    Err why = {0};
    if (job->n_arguments < c->min_arguments) {
        err_set(&why, "an argument is missing: jig %s %s", c->name, c->arguments);
        return usage(job, e, &why);
    }
    job->stage_start = clock_seconds();
    if (c->run(job, job->options, &why))
        return true;
    jig_error failed = {.code = why.cancelled ? JIG_CANCELLED : JIG_FAILED};
    snprintf(failed.text, sizeof failed.text, "%s", why.text[0] ? why.text : why.cancelled ? "stopped" : "failed without a message");
    return report(e, &failed);
}

const char *jig_job_text(const jig_job *job)
{
    return job ? job->text.s : "";
}

const char *jig_job_json(const jig_job *job)
{
    return job ? job->json.s : "";
}

static jig_log_fn *log_fn;

static void forward_log(void *user, LogLevel level, const char *line)
{
    log_fn(user, (jig_log_level)level, line);
}

void jig_set_log(jig_log_fn *fn, void *user)
{
    log_fn = fn;
    log_set_sink(fn ? forward_log : NULL, user);
}

static void describe(const Command *c, jig_command_info *out)
{
    *out = (jig_command_info){c->name, c->arguments, c->summary, c->details, c->min_arguments, c->max_arguments, option_count(c)};
}

int jig_command_count(void)
{
    return api_n_commands;
}

bool jig_command_at(int i, jig_command_info *out)
{
    if (i < 0 || i >= api_n_commands)
        return false;
    describe(api_commands[i], out);
    return true;
}

bool jig_command_find(const char *name, jig_command_info *out)
{
    const Command *c = find(name);
    if (c)
        describe(c, out);
    return c != NULL;
}

bool jig_command_option(const char *command, int i, jig_option_info *out)
{
    const Command *c = find(command);
    const Option *o = c && i >= 0 ? option_at(c, i) : NULL;
    if (!o)
        return false;
    *out = (jig_option_info){o->name, o->letter, o->type == OPT_BOOL, o->value, o->choices, o->initial, o->lo, o->hi, o->help};
    return true;
}

int64_t api_draw_seed(int64_t wanted)
{
    if (wanted >= 0)
        return wanted;
    uint32_t r = 0;
    if (getrandom(&r, sizeof r, 0) != sizeof r)
        r = (uint32_t)(clock_seconds() * 1e6);
    return r;
}
