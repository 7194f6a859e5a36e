/* SPDX-License-Identifier: Apache-2.0
 *
 * The job: a command with its arguments and options, run once. What every command shares: checking, progress with the time
 * left, and the translation of internal errors into jig_error with its exit code.
 */
#include "api/api.h"

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

static OptTable table_of(const Command *c)
{
    return (OptTable){c->rows, c->n_rows};
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
    opt_defaults(table_of(c), job->options);
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
    if (opt_set(table_of(job->command), job->options, option, value, job->arena, &why))
        return true;
    return usage(job, e, &why);
}

bool jig_job_config(jig_job *job, const char *json, jig_error *e)
{
    if (!job)
        return false;
    Err why = {0};
    if (opt_from_json(table_of(job->command), job->options, json, job->arena, &why))
        return true;
    return usage(job, e, &why);
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
    *out = (jig_command_info){c->name, c->arguments, c->summary, c->details, c->min_arguments, c->max_arguments, c->n_rows};
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
    if (!c || i < 0 || i >= c->n_rows)
        return false;
    const Option *o = &c->rows[i];
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
