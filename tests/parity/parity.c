/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixtures and comparison (parity.h). Complaints are collected, so that one run shows everything that differs.
 */
#include "parity.h"

#include <math.h>
#include <stdlib.h>

static int complaints;

SafeTensors *parity_open(const char *name)
{
    char path[1024];
    Err e = {0};
    const char *root = getenv("JIG_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/parity/%s", root ? root : ".", name);
    SafeTensors *st = safetensors_open(path, &e);
    if (!st)
        fail_msg("%s", e.text);
    return st;
}

double parity_distance(const float *got, const float *expected, int64_t n)
{
    double off = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(got[i]))
            return INFINITY;
        off = fmax(off, fabs((double)got[i] - expected[i]));
        largest = fmax(largest, fabs((double)expected[i]));
    }
    return off == 0 ? 0 : off / largest;
}

void parity_complain(const char *fmt, ...)
{
    char line[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    print_error("%s\n", line);
    complaints++;
}

void parity_check(const char *device, const char *what, const float *got, const float *expected, int64_t n,
                  double tolerance)
{
    double off = parity_distance(got, expected, n);
    if (!(off <= tolerance))
        parity_complain("%s: %s is off by %.2e of its largest value, allowed %.1e", device, what, off, tolerance);
}

void parity_finish(void)
{
    int n = complaints;
    complaints = 0;
    if (n)
        fail_msg("%d differences from PyTorch", n);
}
