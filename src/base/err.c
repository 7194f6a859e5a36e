/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one message per failed piece of plumbing. The first message is the cause and is never overwritten; callers
 * add where it happened. Messages longer than the buffer are cut at the end, so the beginning (the newest context)
 * survives.
 */
#include "base/base.h"

#include <string.h>

bool err_set(Err *e, const char *fmt, ...)
{
    if (!e || e->text[0])
        return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    if (!e->text[0])
        snprintf(e->text, sizeof e->text, "unknown error");
    return false;
}

bool err_context(Err *e, const char *fmt, ...)
{
    if (!e)
        return false;
    char cause[sizeof e->text];
    memcpy(cause, e->text, sizeof cause);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    if (cause[0] && n >= 0 && (size_t)n < sizeof e->text)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", cause);
    return false;
}

bool err_cancel(Err *e)
{
    if (e)
        e->cancelled = true;
    return err_set(e, "cancelled");
}
