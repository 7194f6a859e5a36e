/* SPDX-License-Identifier: Apache-2.0
 *
 * train_dev TASK [options]: trains one network of the articulated model without the rest of the program (development
 * only; the program's command is `jig train`). --resume-from RUN goes on with that run's options. Ctrl-C writes a
 * checkpoint.
 */
#include "models/articulated/articulated_train.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stopped;
static double last_line;

static void on_signal(int number) { stopped = 1; }

static bool tick(void *user, const char *stage, double done, double total)
{
    if (clock_seconds() - last_line > 60) {
        last_line = clock_seconds();
        fprintf(stderr, "%s %.1f %%\n", stage, 100 * done / total);
    }
    return !stopped;
}

static void print_line(void *user, LogLevel level, const char *line) { fprintf(stderr, "%s\n", line); }

static int fail(const Err *e)
{
    fprintf(stderr, "train_dev: %s\n", e->cancelled ? "stopped; the checkpoint is written" : e->text);
    return e->cancelled ? 130 : 1;
}

int main(int argc, char **argv)
{
    Err e = {0};
    const TrainTask *task = argc > 1 ? articulated_find_task(argv[1]) : NULL;
    if (!task) {
        fprintf(stderr, "usage: train_dev TASK --output RUN --minutes N [options]; tasks:\n");
        for (int i = 0; i < articulated_n_tasks; i++)
            fprintf(stderr, "  %-12s %s\n", articulated_tasks[i]->name, articulated_tasks[i]->summary);
        return 2;
    }
    log_set_sink(print_line, NULL);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    Arena *a = arena_create();
    TrainOptions o;
    void *own = mem_zero(task->options_size);
    OptTable tables[] = {train_options, {task->rows, task->n_rows}};
    void *structs[] = {&o, own};
    opt_defaults(tables[0], &o);
    opt_defaults(tables[1], own);
    for (int i = 2; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--resume-from") && !train_read_options(task, argv[i + 1], &o, own, a, &e))
            return fail(&e);
        else if (!strcmp(argv[i], "--resume-from")) {
            o.resume = true;
            memmove(argv + i, argv + i + 2, (size_t)(argc - i - 2 + 1) * sizeof *argv);
            argc -= 2;
        }
    argc--;
    argv++;
    if (!opt_parse(tables, structs, 2, &argc, argv, a, &e))
        return fail(&e);
    Progress p = {tick, NULL};
    TrainResult r;
    if (!train_run(task, &o, own, &p, &r, &e))
        return fail(&e);
    printf("%s: step %lld, loss %.4f, %.0f s, %.1f samples/s\n", task->name, (long long)r.step, r.loss, r.seconds,
           r.samples_per_second);
    for (int i = 0; i < r.held_out.n; i++)
        printf("  held out %s %.4f\n", r.held_out.m[i].name, train_metric_mean(&r.held_out.m[i]));
    mem_free(own);
    arena_destroy(a);
    return 0;
}
