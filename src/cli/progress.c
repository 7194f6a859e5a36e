/* SPDX-License-Identifier: Apache-2.0
 *
 * How progress looks: one bar that redraws itself on a terminal, a plain line every few seconds elsewhere, JSON lines with --json.
 */
#include "cli/cli.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 28
#define TERMINAL_INTERVAL 0.1
#define PLAIN_INTERVAL 5.0

static bool bar_shown;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

ProgressView progress_view(const CliFlags *flags)
{
    return (ProgressView){.silent = flags->quiet, .json = flags->json, .terminal = isatty(2)};
}

void progress_clear(void)
{
    if (bar_shown)
        fputs("\r\033[K", stderr);
    bar_shown = false;
}

void print_json_line(FILE *f, const char *key, const char *text)
{
    fprintf(f, "{\"%s\": \"", key);
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else if (*s < 0x20)
            fprintf(f, "\\u%04x", *s);
        else
            fputc(*s, f);
    }
    fputs("\"}\n", f);
    fflush(f);
}

static const char *duration(double s, char buf[32])
{
    if (s < 0)
        return "";
    int n = (int)(s + 0.5);
    if (n >= 3600)
        snprintf(buf, 32, "%d:%02d:%02d left", n / 3600, n / 60 % 60, n % 60);
    else
        snprintf(buf, 32, "%d:%02d left", n / 60, n % 60);
    return buf;
}

static void draw_bar(const jig_progress *p)
{
    char left[32], bar[BAR_WIDTH * 3 + 1] = "";
    double share = p->total > 0 ? p->done / p->total : 0;
    int full = (int)(share * BAR_WIDTH + 0.5);
    for (int i = 0; i < BAR_WIDTH; i++)
        strcat(bar, i < full ? "━" : "╌");
    fprintf(stderr, "\r\033[K%-12s %s %3.0f %%  %s", p->stage, bar, 100 * share, duration(p->seconds_left, left));
    fflush(stderr);
    bar_shown = true;
}

void progress_show(const ProgressView *view, const jig_progress *p)
{
    static double last;
    static char stage[64];
    if (view->silent)
        return;
    bool new_stage = strcmp(stage, p->stage) != 0, end = p->total > 0 && p->done >= p->total;
    double t = now();
    if (!new_stage && !end && t - last < (view->terminal && !view->json ? TERMINAL_INTERVAL : PLAIN_INTERVAL))
        return;
    if (!view->terminal && !view->json && new_stage && !end && p->seconds < PLAIN_INTERVAL)
        return; /* short stages are not worth a line */
    snprintf(stage, sizeof stage, "%s", p->stage);
    last = t;
    char left[32];
    if (view->json)
        fprintf(stderr, "{\"stage\": \"%s\", \"done\": %g, \"total\": %g, \"seconds\": %.2f, \"seconds_left\": %.2f}\n",
                p->stage, p->done, p->total, p->seconds, p->seconds_left);
    else if (view->terminal)
        draw_bar(p);
    else if (p->seconds >= PLAIN_INTERVAL)
        fprintf(stderr, "%s: %.0f %%  %s\n", p->stage, p->total > 0 ? 100 * p->done / p->total : 0.0, duration(p->seconds_left, left));
}
