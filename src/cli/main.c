/* SPDX-License-Identifier: Apache-2.0
 *
 * The program `jig`: turns argv into a job of include/jig.h and shows its progress. Results go to stdout, progress and log to
 * stderr; exit codes are those of jig.h. It knows no command by name: all it prints comes from the tables of the library.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    interrupted = 1;
    signal(sig, SIG_DFL); /* a second Ctrl-C ends at once */
}

static bool on_progress(void *user, const jig_progress *p)
{
    progress_show(user, p);
    return !interrupted;
}

static void on_log(void *user, jig_log_level level, const char *line)
{
    const CliFlags *flags = user;
    jig_log_level up_to = flags->quiet ? JIG_LOG_ERROR : flags->verbose ? JIG_LOG_DEBUG : JIG_LOG_INFO;
    if (level > up_to)
        return;
    progress_clear();
    if (flags->json)
        print_json_line(stderr, "log", line);
    else
        fprintf(stderr, "%s%s\n", level == JIG_LOG_WARNING ? "warning: " : level == JIG_LOG_ERROR ? "error: " : "", line);
}

static int fail(const CliFlags *flags, const char *command, const jig_error *e)
{
    progress_clear();
    if (flags->json)
        print_json_line(stderr, "error", e->text);
    else
        fprintf(stderr, "jig%s%s: %s\n", command ? " " : "", command ? command : "", e->text);
    if (e->code == JIG_USAGE && !flags->json)
        fprintf(stderr, "'jig %s%s--help' shows what is possible\n", command ? command : "", command ? " " : "");
    return (int)e->code;
}

static int run_command(const char *command, int argc, char **argv)
{
    CliFlags flags = {0};
    jig_error e = {0};
    jig_job *job = jig_job_create(command, &e);
    if (!job)
        return fail(&flags, NULL, &e);
    int rc;
    if (!args_parse(job, command, argc, argv, &flags, &e)) {
        rc = fail(&flags, command, &e);
    } else if (flags.help) {
        help_command(command);
        rc = 0;
    } else {
        ProgressView view = progress_view(&flags);
        jig_set_log(on_log, &flags);
        jig_job_on_progress(job, on_progress, &view);
        if (jig_job_run(job, &e)) {
            progress_clear();
            fputs(flags.json ? jig_job_json(job) : jig_job_text(job), stdout);
            if (flags.json)
                putchar('\n');
            rc = fflush(stdout) == 0 ? 0 : 1;
        } else {
            rc = fail(&flags, command, &e);
        }
        jig_set_log(NULL, NULL);
    }
    jig_job_destroy(job);
    return rc;
}

/* At the end of a parallel loop GNU OpenMP lets a thread spin for milliseconds before it sleeps. On a machine that others use,
 * too, that takes the core from the very thread that is waited for, and a run of seconds takes minutes. The number is read
 * before main, so the program starts itself once more with one that is about a loop's length. */
static void spin_shortly(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    setenv("GOMP_SPINCOUNT", "10000", 1);
    execv("/proc/self/exe", argv); /* when it fails, the program goes on as it is */
}

int main(int argc, char **argv)
{
    spin_shortly(argv);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (!strcmp(argv[1], "help") && argc == 2)) {
        help_program();
        return argc < 2 ? JIG_USAGE : 0;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
        puts("jig " JIG_VERSION);
        return 0;
    }
    if (!strcmp(argv[1], "help"))
        return help_command(argv[2]) ? 0 : JIG_USAGE;
    if (!strcmp(argv[1], "--completion-bash")) {
        completion_bash();
        return 0;
    }
    return run_command(argv[1], argc - 2, argv + 2);
}
