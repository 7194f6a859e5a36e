/* SPDX-License-Identifier: Apache-2.0
 *
 * Noise schedules: how much of the signal is left at each level. Kept in double precision: the cosine schedule's last
 * levels are as small as 1e-9, and the ratios of the sampler would lose them.
 */
#include "diffusion/diffusion.h"

#include <assert.h>
#include <math.h>

static double cosine_signal(double u)
{
    double c = cos((u + 0.008) / 1.008 * M_PI / 2);
    return c * c;
}

static double beta_at(ScheduleKind kind, int t, int levels)
{
    if (kind == SCHEDULE_COSINE || kind == SCHEDULE_COSINE_9999)
        return MIN(kind == SCHEDULE_COSINE ? 0.999 : 0.9999, 1 - cosine_signal((t + 1.0) / levels) / cosine_signal((double)t / levels));
    double scale = 1000.0 / levels;
    return MIN(0.999, scale * (1e-4 + (0.02 - 1e-4) * t / (levels - 1)));
}

bool schedule_init(Schedule *s, ScheduleKind kind, int levels, Err *e)
{
    *s = (Schedule){0};
    if (levels < 2 || levels > 100000)
        return err_set(e, "diffusion levels: %d (allowed: 2 to 100000)", levels);
    s->levels = levels;
    s->signal = mem_alloc((size_t)levels * sizeof *s->signal);
    double signal = 1;
    for (int t = 0; t < levels; t++) {
        signal *= 1 - beta_at(kind, t, levels);
        s->signal[t] = signal;
    }
    return true;
}

void schedule_finish(Schedule *s)
{
    if (!s)
        return;
    mem_free(s->signal);
    *s = (Schedule){0};
}

double schedule_snr(const Schedule *s, int level)
{
    assert(level >= 0 && level < s->levels);
    return s->signal[level] / (1 - s->signal[level]);
}

double schedule_min_snr(const Schedule *s, int level, double gamma) { return MIN(schedule_snr(s, level), gamma); }

void schedule_add_noise(const Schedule *s, int level, const float *x0, const float *noise, float *z, int64_t n)
{
    assert(level >= 0 && level < s->levels);
    float a = (float)sqrt(s->signal[level]), b = (float)sqrt(1 - s->signal[level]);
    for (int64_t i = 0; i < n; i++)
        z[i] = a * x0[i] + b * noise[i];
}

void schedule_spread(const Schedule *s, int steps, int *levels)
{
    assert(steps >= 1 && steps <= s->levels);
    for (int i = 0; i < steps; i++)
        levels[i] = (int)((int64_t)s->levels * (steps - i) / steps) - 1;
}
