/* SPDX-License-Identifier: Apache-2.0
 *
 * A training step on several cores by splitting the batch, not the operations: each core runs a graph of its own on its
 * part of the batch with gradients of its own, and meets the others once a step instead of once an operation. That is a
 * little faster on idle cores and several times faster on busy ones, where every meeting waits for whoever is held up.
 *
 * The graphs share the weights. Gradients and losses are the means over the parts, added in fixed order.
 */
#include "train/train_internal.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum { MAX_REPLICAS = 64 };

struct Replicas {
    int n;
    int64_t part; /* samples of each */
    ParamSet *ps;
    Graph *graph[MAX_REPLICAS];
    float *grads[MAX_REPLICAS]; /* [params_size]; the first is the ParamSet's own */
};

int replicas_fit(int64_t batch, int wanted)
{
    int n = (int)CLAMP(wanted, 1, MIN(batch, MAX_REPLICAS));
    while (batch % n)
        n--;
    return n;
}

/* Where the parameters' gradients go, as seen by a graph that is being built. */
static void point_grads(ParamSet *ps, const float *from, float *to)
{
    for (int i = 0; i < params_count(ps); i++) {
        Param *p = params_at(ps, i);
        if (p->grad)
            p->grad = to + (p->grad - from);
    }
}

static bool make_one(Replicas *r, int i, const TrainTask *task, void *net, const Device *device, DType compute, Err *e)
{
    Graph *g = r->graph[i] = graph_create(device, compute);
    Node *loss = task->build(net, g, r->part, true);
    graph_output(g, "loss", loss);
    point_grads(r->ps, r->grads[0], r->grads[i]);
    if (loss)
        graph_grad(g, loss, NULL, NULL, 0);
    point_grads(r->ps, r->grads[i], r->grads[0]);
    return graph_plan(g, e);
}

Replicas *replicas_create(const TrainTask *task, void *net, int64_t batch, int n, const Device *device, DType compute,
                          Err *e)
{
    Replicas *r = mem_zero(sizeof *r);
    r->n = n;
    r->part = batch / n;
    r->ps = task->params(net);
    r->grads[0] = params_grads(r->ps);
    size_t bytes = (size_t)params_size(r->ps) * sizeof(float);
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        if (i && !(r->grads[i] = mem_try(bytes)))
            ok = err_set(e, "%.2f GB for gradients cannot be had", (double)bytes * 1e-9);
        if (ok && i)
            memset(r->grads[i], 0, bytes);
        ok = ok && make_one(r, i, task, net, device, compute, e);
    }
    if (ok)
        return r;
    replicas_destroy(r);
    return NULL;
}

void replicas_destroy(Replicas *r)
{
    if (!r)
        return;
    for (int i = 0; i < r->n; i++)
        graph_destroy(r->graph[i]);
    for (int i = 1; i < r->n; i++)
        mem_free(r->grads[i]);
    mem_free(r);
}

bool replicas_set_inputs(Graph *g, const TrainBatch *b, int64_t first, Err *e)
{
    for (int i = 0; i < b->n_inputs; i++) {
        const TrainInput *in = &b->inputs[i];
        if (!in->host_only && !graph_set(g, in->name, train_batch_row(b, i, first), in->type))
            return err_set(e, "the graph has no input \"%s\"", in->name);
    }
    return true;
}

typedef struct Step {
    Replicas *r;
    const TrainBatch *b;
    bool ok[MAX_REPLICAS];
    Err e[MAX_REPLICAS];
} Step;

typedef struct Split {
    RangeFn *fn;
    void *ctx;
} Split;

static void split_range(void *ctx, int64_t from, int64_t to)
{
    const Split *s = ctx;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1); /* of this thread only: a library below must not plan for more than it gets */
    for (int64_t i = from; i < to; i++)
        s->fn(s->ctx, i, i + 1);
    omp_set_num_threads(threads);
}

void train_split(int n, RangeFn *fn, void *ctx)
{
    if (n == 1)
        fn(ctx, 0, 1);
    else
        threads_for(n, 1, split_range, &(Split){fn, ctx});
}

static void run_one(void *ctx, int64_t i, int64_t end)
{
    Step *s = ctx;
    Graph *g = s->r->graph[i];
    s->ok[i] = replicas_set_inputs(g, s->b, i * s->r->part, &s->e[i]) && graph_run(g, &s->e[i]);
}

typedef struct Sum {
    Replicas *r;
} Sum;

static void mean_range(void *ctx, int64_t from, int64_t to)
{
    Replicas *r = ((Sum *)ctx)->r;
    float *out = r->grads[0], part = 1.0f / (float)r->n;
    for (int k = 1; k < r->n; k++)
        for (int64_t i = from; i < to; i++)
            out[i] += r->grads[k][i];
    for (int64_t i = from; i < to; i++)
        out[i] *= part;
}

bool replicas_run(Replicas *r, const TrainBatch *b, Err *e)
{
    Step s = {.r = r, .b = b};
    train_split(r->n, run_one, &s);
    for (int i = 0; i < r->n; i++)
        if (!s.ok[i]) {
            if (e && !e->text[0])
                *e = s.e[i];
            return false;
        }
    if (r->n > 1)
        threads_for(params_size(r->ps), 65536, mean_range, &(Sum){r});
    return true;
}

double replicas_mean(Replicas *r, const char *output)
{
    double sum = 0;
    for (int i = 0; i < r->n; i++) {
        float value = NAN;
        bool found = graph_get(r->graph[i], output, &value);
        assert(found);
        (void)found;
        sum += value;
    }
    return sum / r->n;
}
