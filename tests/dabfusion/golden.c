/* SPDX-License-Identifier: Apache-2.0
 *
 * See golden.h.
 */
#include "golden.h"

#include <math.h>
#include <string.h>

static void fill_one(Param *p, int t)
{
    float *w = p->value.data;
    int64_t n = shape_count(p->value.shape);
    bool bias = text_ends_with(p->name, ".bias"), gain = p->value.shape.n == 1 || strstr(p->name, "gamma");
    bool mean = text_ends_with(p->name, "running_mean"), var = text_ends_with(p->name, "running_var");
    for (int64_t k = 0; k < n; k++) {
        double s = sin(1.3 * (double)k + 0.7 * t + 0.5);
        w[k] = (float)(var ? 1 + 0.2 * s * s : bias || mean ? 0.1 * s : gain ? 1 + 0.1 * s : s / sqrt((double)n / (double)p->value.shape.d[0]));
    }
}

int golden_fill(ParamSet *ps, const char *prefix)
{
    int t = 0;
    for (int i = 0; i < params_count(ps); i++) {
        Param *p = params_at(ps, i);
        if (strncmp(p->name, prefix, strlen(prefix)) || text_ends_with(p->name, "down.weight"))
            continue;
        fill_one(p, t++);
    }
    return t;
}

void golden_row(const char *what, const float *x, int64_t positions, int64_t channels, const double want[6], double tolerance)
{
    double sum = 0, squares = 0, got[6];
    int64_t n = positions * channels;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    got[0] = sum / (double)n;
    got[1] = sqrt(squares / (double)n);
    for (int i = 0; i < 4; i++) {
        int64_t k = i < 3 ? i : n - 1;
        got[2 + i] = x[k % positions * channels + k / positions];
    }
    for (int i = 0; i < 6; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * want[1]))
            fail_msg("%s, number %d: %.8f, wanted %.8f", what, i, got[i], want[i]);
}

void golden_gradient(const ParamSet *ps, const char *name, double rms, double first, double last, double tolerance, double least)
{
    const Param *p = params_find(ps, name);
    if (!p)
        fail_msg("there is no parameter %s", name);
    int64_t n = shape_count(p->value.shape);
    double squares = 0, allowed = tolerance * rms + least;
    for (int64_t k = 0; k < n; k++)
        squares += (double)p->grad[k] * p->grad[k];
    double got = sqrt(squares / (double)n);
    if (fabs(got - rms) > allowed || fabs(p->grad[0] - first) > 5 * allowed || fabs(p->grad[n - 1] - last) > 5 * allowed)
        fail_msg("%s: rms %.6e first %.6e last %.6e, wanted %.6e %.6e %.6e", name, got, (double)p->grad[0], (double)p->grad[n - 1], rms, first, last);
}

void golden_picture(double phase, int side, float *out)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int c = 0; c < 3; c++)
                *out++ = (float)(0.5 + 0.5 * sin(0.9 * c + 0.37 * y + 0.23 * x + phase));
}
