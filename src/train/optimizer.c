/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW with decoupled decay (arXiv 1711.05101) and an exponential moving average of the weights, over the one block
 * that a ParamSet is. Decay applies to the parameters that ask for it; neighbours that are treated alike are updated in
 * one call. Running statistics of batch norm follow the batch's; of several replicas they follow the mean.
 */
#include "train/train_internal.h"

#include <math.h>
#include <string.h>

static void find_spans(Optimizer *o)
{
    int count = params_count(o->ps);
    o->spans = mem_alloc((size_t)MAX(count, 1) * sizeof *o->spans);
    const float *block = params_block(o->ps);
    for (int i = 0; i < count; i++) {
        const Param *p = params_at(o->ps, i);
        if (!p->trainable)
            continue;
        int64_t at = (const float *)p->value.data - block, n = shape_count(p->value.shape);
        OptimizerSpan *last = o->n_spans ? &o->spans[o->n_spans - 1] : NULL;
        if (last && last->decay == p->decay && last->at + last->n == at)
            last->n += n;
        else
            o->spans[o->n_spans++] = (OptimizerSpan){at, n, p->decay};
    }
}

bool optimizer_init(Optimizer *o, ParamSet *ps, const Device *device, double beta1, double beta2, Err *e)
{
    *o = (Optimizer){.ps = ps, .device = device, .n = params_size(ps)};
    o->beta1 = beta1 > 0 ? (float)beta1 : 0.9f;
    o->beta2 = beta2 > 0 ? (float)beta2 : 0.99f;
    size_t bytes;
    if (!mem_product(&bytes, 3, (size_t)o->n, (size_t)3, sizeof(float)) || !(o->m = mem_try(bytes)))
        return err_set(e, "optimizer state for %lld parameters cannot be had", (long long)o->n);
    memset(o->m, 0, bytes);
    o->v = o->m + o->n;
    o->ema = o->v + o->n;
    memcpy(o->ema, params_block(ps), (size_t)o->n * sizeof(float));
    find_spans(o);
    return true;
}

void optimizer_finish(Optimizer *o)
{
    if (!o)
        return;
    mem_free(o->m);
    mem_free(o->spans);
    *o = (Optimizer){0};
}

double optimizer_grad_norm(const Optimizer *o)
{
    double sum = 0;
    for (int i = 0; i < o->n_spans; i++)
        sum += o->device->k->sum_squares(o->spans[i].n, params_grads(o->ps) + o->spans[i].at);
    return sqrt(sum);
}

/* Running statistics follow what the step measured. */
static void follow_statistics(const Optimizer *o)
{
    for (int i = 0; i < params_count(o->ps); i++) {
        const Param *p = params_at(o->ps, i);
        if (p->running && p->grad && p->keep > 0)
            o->device->k->ema(shape_count(p->value.shape), p->value.data, p->grad, p->keep);
    }
}

void optimizer_step(Optimizer *o, double lr, double decay, double grad_scale, double ema)
{
    float *w = params_block(o->ps);
    const float *g = params_grads(o->ps);
    o->steps++;
    params_set_batches(o->ps, params_batches(o->ps) + 1);
    for (int i = 0; i < o->n_spans; i++) {
        OptimizerSpan s = o->spans[i];
        AdamArgs a = {.n = s.n,
                      .w = w + s.at,
                      .m = o->m + s.at,
                      .v = o->v + s.at,
                      .g = g + s.at,
                      .lr = (float)lr,
                      .beta1 = o->beta1,
                      .beta2 = o->beta2,
                      .eps = 1e-8f,
                      .decay = s.decay ? (float)decay : 0,
                      .grad_scale = (float)grad_scale,
                      .step = o->steps};
        o->device->k->adamw(&a);
    }
    follow_statistics(o);
    double ramp = (1.0 + (double)o->steps) / (10.0 + (double)o->steps);
    o->device->k->ema(o->n, o->ema, w, (float)MIN(ema, ramp));
}

void optimizer_swap_ema(Optimizer *o)
{
    float *w = params_block(o->ps);
    for (int64_t i = 0; i < o->n; i++) {
        float keep = w[i];
        w[i] = o->ema[i];
        o->ema[i] = keep;
    }
}
