/* SPDX-License-Identifier: Apache-2.0
 *
 * jig: a picture and a song become a dance video.
 *
 * Everything the program can do is a job: a command's name, its arguments and its options, set as text and checked at once;
 * then run, with progress, log and cancelling by callbacks. The command line, and any program of yours, use the same few
 * functions:
 *
 *     jig_error e = {0};
 *     jig_job *job = jig_job_create("dance", &e);
 *     jig_job_argument(job, "me.png", &e);
 *     jig_job_argument(job, "song.mp3", &e);
 *     jig_job_set(job, "output", "out.mp4", &e);
 *     if (!jig_job_run(job, &e)) fprintf(stderr, "%s\n", e.text);
 *     else puts(jig_job_text(job));
 *     jig_job_destroy(job);
 *
 * Setting calls return false and fill e; after a failure further calls are harmless and jig_job_run repeats the first
 * message. The library never prints and never exits. A job is used by one thread at a time; several jobs may live beside
 * each other. Strings handed in are copied; strings handed out belong to the job and live as long as it does.
 */
#ifndef JIG_H
#define JIG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JIG_VERSION "0.1.0"

/* Also the exit codes of the program. */
typedef enum jig_code { JIG_OK = 0, JIG_FAILED = 1, JIG_USAGE = 2, JIG_CANCELLED = 130 } jig_code;

typedef struct jig_error {
    jig_code code;
    char text[1000]; /* one line: what was wrong, the value, the allowed range, what to do next */
} jig_error;

typedef struct jig_job jig_job;

jig_job *jig_job_create(const char *command, jig_error *e); /* NULL: no such command */
void jig_job_destroy(jig_job *job);                         /* takes NULL */
bool jig_job_argument(jig_job *job, const char *value, jig_error *e);
bool jig_job_set(jig_job *job, const char *option, const char *value, jig_error *e); /* booleans: "true" or "false" */
bool jig_job_config(jig_job *job, const char *json, jig_error *e); /* an object of options, as stored in outputs */
bool jig_job_run(jig_job *job, jig_error *e);
const char *jig_job_text(const jig_job *job); /* the result for people; "" before the run */
const char *jig_job_json(const jig_job *job); /* the same as one JSON object */

/* Called at least some times a second while a job runs, from the thread that runs it. Return false to cancel: what is half
 * written is removed, and jig_job_run returns false with JIG_CANCELLED. seconds_left < 0 and total 0: not known yet. */
typedef struct jig_progress {
    const char *stage;
    double done, total, seconds, seconds_left;
} jig_progress;
typedef bool jig_progress_fn(void *user, const jig_progress *p);
void jig_job_on_progress(jig_job *job, jig_progress_fn *fn, void *user);

typedef enum jig_log_level { JIG_LOG_ERROR, JIG_LOG_WARNING, JIG_LOG_INFO, JIG_LOG_DEBUG } jig_log_level;
typedef void jig_log_fn(void *user, jig_log_level level, const char *line);
void jig_set_log(jig_log_fn *fn, void *user); /* for the whole process; NULL: silent */

/* What there is: the same tables make --help, the JSON config and shell completion. */
typedef struct jig_command_info {
    const char *name, *arguments, *summary, *details;
    int min_arguments, max_arguments, options;
} jig_command_info;
typedef struct jig_option_info {
    const char *name;    /* without dashes */
    char letter;         /* or 0 */
    bool is_flag;        /* takes no value */
    const char *value;   /* what stands for the value in help */
    const char *choices; /* "a|b|c" or NULL */
    const char *initial; /* default, or NULL */
    double lo, hi;       /* range; lo == hi: none */
    const char *help;
} jig_option_info;
int  jig_command_count(void);
bool jig_command_at(int i, jig_command_info *out);
bool jig_command_find(const char *name, jig_command_info *out);
bool jig_command_option(const char *command, int i, jig_option_info *out);

#ifdef __cplusplus
}
#endif
#endif
