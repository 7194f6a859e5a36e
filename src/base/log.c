/* SPDX-License-Identifier: Apache-2.0
 *
 * Log and progress: the only two ways in which the library speaks while it works. The sink belongs to the program and
 * may be called from any thread; a line comes whole, without its newline.
 */
#include "base/base.h"

static LogSink *log_sink;
static void *log_user;

void log_set_sink(LogSink *sink, void *user)
{
    log_sink = sink;
    log_user = user;
}

void log_line(LogLevel level, const char *fmt, ...)
{
    if (!log_sink)
        return;
    Text line = {0};
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0) {
        line.s = mem_resize(NULL, (size_t)n + 1);
        vsnprintf(line.s, (size_t)n + 1, fmt, again);
        log_sink(log_user, level, line.s);
    }
    va_end(again);
    va_end(args);
    text_finish(&line);
}

bool progress_tick(const Progress *p, const char *stage, double done, double total)
{
    return !p || !p->tick || p->tick(p->user, stage, done, total);
}
