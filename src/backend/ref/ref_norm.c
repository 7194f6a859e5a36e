/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: layer, RMS, group and batch norm as one: x seen as [outer, N, C] in G groups of channels.
 *   xhat = (x - mean) * rstd;  h = xhat * gamma + beta;  z = h * (1 + scale) + shift;  y = act(z)
 */
#include "backend/ref/ref_internal.h"

#include <math.h>
#include <string.h>

void ref_norm_stats(const NormArgs *a)
{
    int64_t per = a->C / a->G;
    double count = (double)(a->N * per);
    for (int64_t o = 0; o < a->outer; o++)
        for (int64_t g = 0; g < a->G; g++) {
            double mean = 0, var = 0;
            for (int64_t n = 0; n < a->N && !a->rms; n++)
                for (int64_t c = 0; c < per; c++) mean += ref_at(&a->x, (o * a->N + n) * a->C + g * per + c);
            mean /= count;
            for (int64_t n = 0; n < a->N; n++)
                for (int64_t c = 0; c < per; c++) {
                    double d = ref_at(&a->x, (o * a->N + n) * a->C + g * per + c) - mean;
                    var += d * d;
                }
            a->stats[(o * a->G + g) * 2] = (float)mean;
            a->stats[(o * a->G + g) * 2 + 1] = (float)(1 / sqrt(var / count + a->eps));
        }
}

/* All that belongs to one element (o, n, c). */
typedef struct Value { int64_t at, mod, group; float rstd, xhat, gamma, one_scale, z; } Value;

static Value value(const NormArgs *a, int64_t o, int64_t n, int64_t c)
{
    Value v = {.at = (o * a->N + n) * a->C + c, .group = o * a->G + c / (a->C / a->G), .one_scale = 1};
    v.mod = a->M ? o / (a->outer / a->M) * a->C + c : c;
    v.rstd = a->stats[v.group * 2 + 1];
    v.xhat = (ref_at(&a->x, v.at) - (a->rms ? 0 : a->stats[v.group * 2])) * v.rstd;
    v.gamma = a->gamma ? a->gamma[c] : 1;
    v.z = v.xhat * v.gamma + (a->beta ? a->beta[c] : 0);
    if (a->M) {
        v.one_scale = 1 + (a->scale ? ref_get(a->x.type, a->scale, v.mod) : 0);
        v.z = v.z * v.one_scale + (a->shift ? ref_get(a->x.type, a->shift, v.mod) : 0);
    }
    return v;
}

#define FOR_ALL(a, o, n, c) \
    for (int64_t o = 0; o < (a)->outer; o++) \
        for (int64_t n = 0; n < (a)->N; n++) \
            for (int64_t c = 0; c < (a)->C; c++)

void ref_norm_apply(const NormArgs *a)
{
    FOR_ALL(a, o, n, c)
    {
        Value v = value(a, o, n, c);
        ref_set(&a->y, v.at, ref_act(a->act, v.z));
    }
}

static float grad_z(const NormArgs *a, const Value *v)
{
    return ref_get(a->x.type, a->dy, v->at) * ref_act_grad(a->act, v->z);
}

void ref_norm_grad_params(const NormArgs *a)
{
    int64_t count = MAX(a->M, 1) * a->C * 2;
    double *sums = mem_zero(sizeof *sums * (size_t)count);
    FOR_ALL(a, o, n, c)
    {
        Value v = value(a, o, n, c);
        float g = grad_z(a, &v);
        sums[v.mod * 2] += g;
        sums[v.mod * 2 + 1] += (double)g * v.xhat;
    }
    for (int64_t i = 0; i < count; i++) a->sums[i] = (float)sums[i];
    mem_free(sums);
}

/* With u = d loss / d xhat = g (1 + scale) gamma and means over the group:
 *   dx = rstd * (u - mean(u) - xhat * mean(u xhat)),   without mean(u) for RMS. */
void ref_norm_grad_x(const NormArgs *a)
{
    double *means = mem_zero(sizeof *means * (size_t)(a->outer * a->G * 2)), count = (double)(a->N * (a->C / a->G));
    FOR_ALL(a, o, n, c)
    {
        Value v = value(a, o, n, c);
        double u = grad_z(a, &v) * v.one_scale * v.gamma;
        means[v.group * 2] += a->rms ? 0 : u / count;
        means[v.group * 2 + 1] += u * v.xhat / count;
    }
    FOR_ALL(a, o, n, c)
    {
        Value v = value(a, o, n, c);
        double u = grad_z(a, &v) * v.one_scale * v.gamma;
        ref_set(&a->y, v.at, (float)(v.rstd * (u - means[v.group * 2] - v.xhat * means[v.group * 2 + 1])));
    }
    mem_free(means);
}
