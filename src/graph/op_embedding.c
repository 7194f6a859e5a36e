/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a table chosen by numbers: table [V, D], ids I32 [...] -> [..., D] in the table's type. Ids come from
 * outside, so they are checked at each run.
 */
#include "graph/graph_internal.h"

static bool ids_fit(Node *n, const Node *ids, int64_t rows)
{
    const int32_t *id = ids->t.data;
    for (int64_t i = 0; i < shape_count(ids->t.shape); i++)
        if (id[i] < 0 || id[i] >= rows) {
            snprintf(n->g->fault, sizeof n->g->fault, "embedding: got id %d at place %lld, expected 0..%lld", id[i],
                     (long long)i, (long long)rows - 1);
            return false;
        }
    return true;
}

static void embedding_run(Node *n)
{
    if (ids_fit(n, n->in[1], n->in[0]->t.shape.d[0])) node_kernels(n)->embedding(n->in[0]->t, n->in[1]->t, n->t);
}

/* inputs: ids, dy */
static void embedding_back_run(Node *n)
{
    node_kernels(n)->embedding_grad(n->in[0]->t, n->in[1]->t, n->t);
}

static const Op embedding_back_op = {.name = "embedding'", .run = embedding_back_run};

static void embedding_grad(Graph *g, Node *n, Node *dy)
{
    Node *table = n->in[0], *in[] = {n->in[1], dy};
    if (grad_wanted(table))
        grad_add(g, table, graph_node(g, &embedding_back_op, JIG_F32, table->t.shape, 2, in, NULL, 0));
}

static const Op embedding_op = {.name = "embedding", .run = embedding_run, .grad = embedding_grad};

Node *op_embedding(Graph *g, Param *table, Node *ids)
{
    char text[96];
    if (!ids) return NULL;
    Node *t = graph_param(g, table);
    if (!t) return NULL;
    Shape s = ids->t.shape;
    if (t->t.shape.n != 2 || ids->t.type != JIG_I32 || s.n >= SHAPE_MAX)
        return graph_fail(g, "embedding: table %s needs shape [V, D] and I32 ids of at most %d axes, got %s ids",
                          table->name, SHAPE_MAX - 1, dtype_name(ids->t.type));
    if (t->t.shape.d[0] > INT32_MAX)
        return graph_fail(g, "embedding: table %s is %s", table->name, shape_text(t->t.shape, text));
    s.d[s.n++] = t->t.shape.d[1];
    Node *in[] = {t, ids};
    return graph_node(g, &embedding_op, t->t.type, s, 2, in, NULL, 0);
}
