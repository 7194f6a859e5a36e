/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a planned graph: values in and out by name, the loop over the steps, sizes and counts.
 */
#include "graph/graph_internal.h"

#include <string.h>

enum { CHUNK = 4096 }; /* elements converted at a time */

static Named *find(const NamedList *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].name, name)) return &l->items[i];
    return NULL;
}

static const Node *find_value(const Graph *g, const char *name)
{
    const Named *v = find(&g->results, name);
    if (!v) v = find(&g->inputs, name);
    return v && g->arena ? v->node : NULL;
}

bool graph_set(Graph *g, const char *name, const void *host, DType type)
{
    Named *in = find(&g->inputs, name);
    if (!in || !g->arena) return false;
    Tensor t = in->node->t;
    int64_t n = shape_count(t.shape);
    in->set = true;
    if (type == t.type) {
        g->dev->upload(t.data, host, tensor_bytes(&t));
        return true;
    }
    double chunk[CHUNK]; /* the widest type, so aligned for all */
    for (int64_t i = 0; i < n; i += CHUNK) {
        int64_t count = MIN(CHUNK, n - i);
        tensor_convert(t.type, chunk, type, (const char *)host + (size_t)i * dtype_size(type), count);
        g->dev->upload((char *)t.data + (size_t)i * dtype_size(t.type), chunk, (size_t)count * dtype_size(t.type));
    }
    return true;
}

bool graph_get(Graph *g, const char *name, float *host)
{
    const Node *v = find_value(g, name);
    if (!v) return false;
    int64_t n = shape_count(v->t.shape);
    if (v->t.type == JIG_F32) {
        g->dev->download(host, v->t.data, tensor_bytes(&v->t));
        return true;
    }
    double chunk[CHUNK];
    size_t size = dtype_size(v->t.type);
    for (int64_t i = 0; i < n; i += CHUNK) {
        int64_t count = MIN(CHUNK, n - i);
        g->dev->download(chunk, (const char *)v->t.data + (size_t)i * size, (size_t)count * size);
        tensor_convert(JIG_F32, host + i, v->t.type, chunk, count);
    }
    return true;
}

const void *graph_peek(Graph *g, const char *name, Shape *s, DType *t)
{
    const Node *v = find_value(g, name);
    if (!v) return NULL;
    if (s) *s = v->t.shape;
    if (t) *t = v->t.type;
    return v->t.data;
}

static void timed_run(Graph *g, Node *n)
{
    double from = clock_seconds();
    n->op->run(n);
    g->dev->sync();
    n->seconds += clock_seconds() - from;
    n->calls++;
}

bool graph_run(Graph *g, Err *e)
{
    if (!g->arena) return err_set(e, "the graph is not planned");
    for (int i = 0; i < g->inputs.n; i++)
        if (!g->inputs.items[i].set && g->inputs.items[i].node->uses)
            return err_set(e, "input \"%s\" was never set", g->inputs.items[i].name);
    g->fault[0] = 0;
    for (int s = g->stale ? 0 : g->n_folded; s < g->n_steps && !g->fault[0]; s++) {
        Node *n = g->steps[s];
        if (g->profiling) timed_run(g, n);
        else n->op->run(n);
        if (g->fault[0]) err_set(e, "%s: %s", n->path[0] ? n->path : "(top)", g->fault);
    }
    g->dev->sync();
    if (g->fault[0]) return false;
    g->stale = false;
    g->runs++;
    return true;
}

uint64_t graph_bytes(const Graph *g)
{
    uint64_t bytes = g->arena_bytes;
    for (int s = 0; s < g->n_steps; s++) {
        const Node *n = g->steps[s];
        bool packs = n->state.constant_weights && !g->runs;
        bytes += packs ? (uint64_t)shape_count(n->in[n->weight]->t.shape) * dtype_size(g->compute) : n->state.bytes;
    }
    return bytes;
}

double graph_flops(const Graph *g)
{
    return g->flops;
}
