/* SPDX-License-Identifier: Apache-2.0
 *
 * Text: growing strings, and numbers and times read from people. Reading is strict: the whole string or nothing, no
 * leading blanks, no hexadecimal, no infinities; the decimal point is a point.
 */
#include "base/base.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void reserve(Text *t, size_t more)
{
    if (t->cap - t->len > more)
        return;
    t->cap = MAX(t->len + more + 1, t->cap * 2);
    t->cap = MAX(t->cap, (size_t)64);
    t->s = mem_resize(t->s, t->cap);
}

void text_add_bytes(Text *t, const void *p, size_t n)
{
    reserve(t, n);
    if (n)
        memcpy(t->s + t->len, p, n);
    t->len += n;
    t->s[t->len] = 0;
}

void text_add(Text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0) {
        reserve(t, (size_t)n);
        vsnprintf(t->s + t->len, (size_t)n + 1, fmt, again);
        t->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void text_finish(Text *t)
{
    if (!t)
        return;
    mem_free(t->s);
    *t = (Text){0};
}

bool text_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && !strcasecmp(s + n - m, suffix);
}

bool text_to_double(const char *s, double *out)
{
    if (!*s || s[strspn(s, "0123456789+-.eE")])
        return false;
    char *end;
    double x = strtod(s, &end);
    if (end == s || *end || !isfinite(x))
        return false;
    *out = x;
    return true;
}

bool text_to_int(const char *s, int64_t *out)
{
    if (!*s || s[strspn(s, "0123456789+-")])
        return false;
    char *end;
    errno = 0;
    long long x = strtoll(s, &end, 10);
    if (end == s || *end || errno)
        return false;
    *out = x;
    return true;
}

bool text_to_seconds(const char *s, double *out)
{
    double total = 0;
    int parts = 0;
    for (const char *colon; (colon = strchr(s, ':')); s = colon + 1) {
        char part[16];
        int64_t x;
        size_t n = (size_t)(colon - s);
        if (++parts > 2 || n == 0 || n >= sizeof part || strspn(s, "0123456789") != n)
            return false;
        memcpy(part, s, n);
        part[n] = 0;
        if (!text_to_int(part, &x) || (parts > 1 && x >= 60))
            return false;
        total = total * 60 + (double)x;
    }
    double last;
    if (!text_to_double(s, &last) || (parts && (last < 0 || last >= 60 || *s == '+' || *s == '-')))
        return false;
    *out = total * 60 + last;
    return true;
}
