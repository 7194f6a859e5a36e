/* SPDX-License-Identifier: Apache-2.0
 *
 * DDIM (Song et al. 2020, arXiv 2010.02502, eq. 12 and 16) for predictions of x0, eps or v, with guidance between any
 * number of branches, a known part, and the dynamic threshold of Imagen. One step from level t to the next level s: x0
 * = what the prediction says;  eps = (z - sqrt(abar_t) x0) / sqrt(1 - abar_t) sigma = eta sqrt((1 - abar_s)/(1 -
 * abar_t)) sqrt(1 - abar_t/abar_s) z   = sqrt(abar_s) x0 + sqrt(1 - abar_s - sigma^2) eps + sigma noise
 */
#include "diffusion/diffusion.h"

#include <math.h>
#include <stdlib.h>

/* What one sampling owns. */
typedef struct Sampler {
    const Schedule *schedule;
    const DdimOptions *o;
    float *z;
    int64_t n;
    int *levels;        /* [steps + 1] */
    float *predictions; /* [branches][n]; the first becomes x0 */
    float *eps;         /* [n]; DDIM_LUCIDRAINS: the predicted noise */
    float *noise;       /* [n] */
    float *sorted;      /* [n], for the threshold */
    uint64_t drawn;     /* position in the noise stream */
} Sampler;

static bool check(const Schedule *s, const DdimOptions *o, Err *e)
{
    int most = o->rule == DDIM_LUCIDRAINS ? s->levels - 1 : s->levels;
    if (o->steps < 1 || o->steps > most)
        return err_set(e, "sampling steps: %d (allowed: 1 to %d)", o->steps, most);
    if (o->rule == DDIM_ANCESTRAL && (o->steps != s->levels || o->known))
        return err_set(e, "ancestral sampling takes all %d levels (got %d) and knows no known part", s->levels, o->steps);
    if (o->branches < 1 || o->branches > DDIM_BRANCHES)
        return err_set(e, "guidance branches: %d (allowed: 1 to %d)", o->branches, DDIM_BRANCHES);
    if (!(o->eta >= 0 && o->eta <= 1))
        return err_set(e, "eta: %g (allowed: 0 to 1)", o->eta);
    if (!(o->threshold >= 0 && o->threshold <= 1) || (o->threshold > 0 && !(o->limit > 0)))
        return err_set(e, "dynamic threshold: quantile %g, limit %g (allowed: 0 to 1, limit above 0)", o->threshold,
                       o->limit);
    if (!o->weights && o->branches != 1)
        return err_set(e, "guidance: %d branches without weights", o->branches);
    if (o->weights) {
        double sum = 0;
        for (int i = 0; i < o->branches; i++)
            sum += o->weights[i];
        if (!(fabs(sum - 1) < 1e-6))
            return err_set(e, "guidance weights sum to %g (must be 1)", sum);
    }
    if (!o->known != !o->mask)
        return err_set(e, "known part: values and mask belong together");
    return true;
}

static const float *draw_noise(Sampler *s)
{
    rng_fill_normal(s->noise, (size_t)s->n, s->o->seed, s->o->stream, s->drawn);
    s->drawn += (uint64_t)s->n;
    return s->noise;
}

/* Puts the known part into z as the model expects it at `level`; level -1 is the clean end. */
static void insert_known(Sampler *s, int level)
{
    const DdimOptions *o = s->o;
    if (!o->known)
        return;
    double signal = level < 0 || o->known_clean ? 1 : s->schedule->signal[level];
    float a = (float)sqrt(signal), b = (float)sqrt(1 - signal);
    const float *noise = b > 0 ? draw_noise(s) : NULL;
    for (int64_t i = 0; i < s->n; i++) {
        float known = a * o->known[i] + (noise ? b * noise[i] : 0);
        s->z[i] += o->mask[i] * (known - s->z[i]);
    }
}

/* The branches' weighted sum, left in predictions[0..n). */
static void combine(Sampler *s)
{
    const DdimOptions *o = s->o;
    float *p = s->predictions;
    if (!o->weights)
        return;
    for (int64_t i = 0; i < s->n; i++) {
        double sum = 0;
        for (int b = 0; b < o->branches; b++)
            sum += o->weights[b] * p[b * s->n + i];
        p[i] = (float)sum;
    }
}

/* Prediction -> x0, in place (predictions[0..n)). */
static void to_x0(Sampler *s, double signal)
{
    double a = sqrt(signal), b = sqrt(1 - signal);
    float *p = s->predictions;
    if (s->o->prediction == PREDICT_EPS)
        for (int64_t i = 0; i < s->n; i++)
            p[i] = (float)((s->z[i] - b * p[i]) / a);
    else if (s->o->prediction == PREDICT_V)
        for (int64_t i = 0; i < s->n; i++)
            p[i] = (float)(a * s->z[i] - b * p[i]);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void apply_threshold(Sampler *s)
{
    const DdimOptions *o = s->o;
    if (o->threshold <= 0)
        return;
    for (int64_t i = 0; i < s->n; i++)
        s->sorted[i] = fabsf(s->predictions[i]);
    qsort(s->sorted, (size_t)s->n, sizeof *s->sorted, by_value);
    double at = o->threshold * (double)(s->n - 1);
    int64_t low = (int64_t)at, high = MIN(low + 1, s->n - 1);
    double quantile = s->sorted[low] + (at - (double)low) * (s->sorted[high] - s->sorted[low]);
    if (quantile <= o->limit) {
        quantile = o->limit;
    }
    float clamp = (float)quantile, scale = (float)(o->limit / quantile);
    for (int64_t i = 0; i < s->n; i++)
        s->predictions[i] = CLAMP(s->predictions[i], -clamp, clamp) * scale;
}

/* abar of the level before; 1 before the first. */
static double signal_before(const Schedule *s, int level) { return level > 0 ? s->signal[level - 1] : 1; }

/* The predicted noise, before x0 is clamped: what the network said where it predicts noise. */
static void keep_noise(Sampler *s, double signal)
{
    double a = sqrt(signal), b = sqrt(1 - signal);
    for (int64_t i = 0; i < s->n; i++)
        s->eps[i] = s->o->prediction == PREDICT_EPS ? s->predictions[i] : (float)((s->z[i] - a * s->predictions[i]) / b);
}

/* From level t to level s, s < t: z = sqrt(a') x0 + sqrt(1 - a' - sigma^2) eps + sigma noise, a = abar_(t-1), a' = abar_(s-1). */
static void step_lucidrains(Sampler *s, int level, int next)
{
    double a = signal_before(s->schedule, level), to = signal_before(s->schedule, next);
    double sigma = s->o->eta * sqrt(MAX(0, (1 - a / to) * (1 - to) / (1 - a)));
    double keep = sqrt(MAX(0, 1 - to - sigma * sigma)), c = sqrt(to);
    const float *noise = sigma > 0 && next > 0 ? draw_noise(s) : NULL;
    for (int64_t i = 0; i < s->n; i++)
        s->z[i] = (float)(c * s->predictions[i] + keep * s->eps[i] + (noise ? sigma * noise[i] : 0));
}

/* q(z_(t-1) | z_t, x0): mean sqrt(abar_(t-1)) beta / (1 - abar_t) x0 + sqrt(alpha) (1 - abar_(t-1)) / (1 - abar_t) z,
 * variance beta (1 - abar_(t-1)) / (1 - abar_t). */
static void step_ancestral(Sampler *s, int level)
{
    double now = s->schedule->signal[level], before = signal_before(s->schedule, level), alpha = now / before, beta = 1 - alpha;
    double of_x0 = sqrt(before) * beta / (1 - now), of_z = sqrt(alpha) * (1 - before) / (1 - now);
    double sigma = sqrt(beta * (1 - before) / (1 - now));
    const float *noise = level > 0 ? draw_noise(s) : NULL;
    for (int64_t i = 0; i < s->n; i++)
        s->z[i] = (float)(of_x0 * s->predictions[i] + of_z * s->z[i] + (noise ? sigma * noise[i] : 0));
}

int ddim_levels(const Schedule *s, DdimRule rule, int steps, int *levels)
{
    if (rule != DDIM_LUCIDRAINS) {
        schedule_spread(s, steps, levels);
        return steps;
    }
    for (int i = 0; i <= steps; i++)
        levels[i] = (int)((int64_t)s->levels * (steps - i) / (steps + 1));
    return steps + 1;
}

/* z at signal `from` -> z at signal `to`, with x0 in predictions[0..n). */
static void step(Sampler *s, double from, double to)
{
    double sigma = s->o->eta * sqrt((1 - to) / (1 - from)) * sqrt(MAX(0, 1 - from / to));
    double keep = sqrt(MAX(0, 1 - to - sigma * sigma)), a = sqrt(from), b = sqrt(1 - from), c = sqrt(to);
    const float *noise = sigma > 0 ? draw_noise(s) : NULL;
    for (int64_t i = 0; i < s->n; i++) {
        double x0 = s->predictions[i], eps = (s->z[i] - a * x0) / b;
        s->z[i] = (float)(c * x0 + keep * eps + (noise ? sigma * noise[i] : 0));
    }
}

static bool run(Sampler *s, DenoiseFn *model, void *user, const Progress *progress, Err *e)
{
    const DdimOptions *o = s->o;
    ddim_levels(s->schedule, o->rule, o->steps, s->levels);
    for (int k = 0; k < o->steps; k++) {
        if (!progress_tick(progress, "sampling", k, o->steps))
            return err_cancel(e);
        int level = s->levels[k];
        double from = s->schedule->signal[level], to = k + 1 < o->steps ? s->schedule->signal[s->levels[k + 1]] : 1;
        insert_known(s, level);
        if (!model(user, s->z, level, s->predictions, e))
            return false;
        combine(s);
        if (o->rule == DDIM_LUCIDRAINS && o->prediction == PREDICT_EPS)
            keep_noise(s, from);
        to_x0(s, from);
        if (o->rule == DDIM_LUCIDRAINS && o->prediction != PREDICT_EPS)
            keep_noise(s, from);
        apply_threshold(s);
        if (o->rule == DDIM_LUCIDRAINS)
            step_lucidrains(s, level, s->levels[k + 1]);
        else if (o->rule == DDIM_ANCESTRAL)
            step_ancestral(s, level);
        else
            step(s, from, to);
    }
    insert_known(s, -1);
    return progress_tick(progress, "sampling", o->steps, o->steps) || err_cancel(e);
}

bool ddim_sample(const Schedule *schedule, const DdimOptions *o, DenoiseFn *model, void *user, float *z, int64_t n,
                 const Progress *progress, Err *e)
{
    if (!check(schedule, o, e))
        return false;
    size_t floats;
    if (n < 1 || !mem_product(&floats, 3, (size_t)n, (size_t)o->branches + 3, sizeof(float)))
        return err_set(e, "sampling %lld values: size out of range", (long long)n);
    Sampler s = {.schedule = schedule, .o = o, .z = z, .n = n};
    s.predictions = mem_try(floats);
    if (!s.predictions)
        return err_set(e, "sampling needs %zu bytes that cannot be had", floats);
    s.noise = s.predictions + o->branches * n;
    s.sorted = s.noise + n;
    s.eps = s.sorted + n;
    s.levels = mem_alloc((size_t)(o->steps + 1) * sizeof *s.levels);
    bool ok = run(&s, model, user, progress, e);
    mem_free(s.levels);
    mem_free(s.predictions);
    return ok;
}
