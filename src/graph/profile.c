/* SPDX-License-Identifier: Apache-2.0
 *
 * The profile: where the time of the runs went, by kind of op and by layer (the path of graph_push names). GB/s counts
 * each input and result once; ms are per run.
 */
#include "graph/graph_internal.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_NAMES = 40 };

typedef struct Row {
    const char *kind, *path;
    double seconds, flops, bytes;
    int64_t calls;
} Row;

void graph_profile(Graph *g, bool on)
{
    g->profiling = on;
    for (int s = 0; s < g->n_steps; s++) {
        g->steps[s]->seconds = 0;
        g->steps[s]->calls = 0;
    }
}

static double bytes_moved(const Node *n)
{
    double bytes = (double)tensor_bytes(&n->t);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]) bytes += (double)tensor_bytes(&n->in[i]->t);
    for (int k = 0; k < MAX_SIDES; k++)
        if (n->side[k]) bytes += (double)tensor_bytes(&n->side[k]->t);
    return bytes;
}

static const char *text_or_empty(const char *s)
{
    return s ? s : "";
}

static int by_key(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    int c = strcmp(text_or_empty(x->path), text_or_empty(y->path));
    return c ? c : strcmp(text_or_empty(x->kind), text_or_empty(y->kind));
}

static int by_time(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    return x->seconds != y->seconds ? (x->seconds < y->seconds ? 1 : -1) : by_key(a, b);
}

/* Rows of equal kind and path become one; sorted by time. */
static int merge(Row *rows, int n)
{
    int out = 0;
    if (!n) return 0;
    qsort(rows, (size_t)n, sizeof *rows, by_key);
    for (int i = 1; i < n; i++) {
        if (by_key(&rows[out], &rows[i])) {
            rows[++out] = rows[i];
            continue;
        }
        rows[out].seconds += rows[i].seconds;
        rows[out].flops += rows[i].flops;
        rows[out].bytes += rows[i].bytes;
        rows[out].calls += rows[i].calls;
    }
    qsort(rows, (size_t)(out + 1), sizeof *rows, by_time);
    return out + 1;
}

static void table(const Graph *g, Text *out, bool by_path, int most)
{
    Row *rows = mem_alloc((size_t)MAX(g->n_steps, 1) * sizeof *rows);
    int n = 0;
    int64_t runs = 1;
    double total = 0;
    for (int s = 0; s < g->n_steps; s++) {
        const Node *x = g->steps[s];
        if (!x->calls) continue;
        double calls = (double)x->calls;
        rows[n++] = (Row){x->op->name, by_path ? x->path : NULL, x->seconds, x->op->flops ? x->op->flops(x) * calls : 0,
                          bytes_moved(x) * calls, x->calls};
        runs = MAX(runs, x->calls);
        total += x->seconds;
    }
    n = merge(rows, n);
    text_add(out, "%-14s %7s %10s %6s %9s %7s%s\n", "kind", "calls", "ms", "share", "GFLOP/s", "GB/s",
             by_path ? "  layer" : "");
    for (int i = 0; i < MIN(n, most); i++) {
        const Row *r = &rows[i];
        double seconds = MAX(r->seconds, 1e-12);
        text_add(out, "%-14s %7lld %10.3f %5.1f%% %9.1f %7.1f%s%s\n", r->kind, (long long)(r->calls / runs),
                 1e3 * r->seconds / (double)runs, 100 * r->seconds / MAX(total, 1e-12), r->flops * 1e-9 / seconds,
                 r->bytes * 1e-9 / seconds, by_path ? "  " : "", by_path ? r->path : "");
    }
    if (n > most) text_add(out, "... and %d more\n", n - most);
    if (!by_path)
        text_add(out, "%-14s %7d %10.3f  in %lld runs\n", "all", g->n_steps - g->n_folded, 1e3 * total / (double)runs,
                 (long long)runs);
    mem_free(rows);
}

void graph_profile_report(const Graph *g, Text *out)
{
    table(g, out, false, g->n_steps);
    text_add(out, "\n");
    table(g, out, true, LISTED_NAMES);
}
