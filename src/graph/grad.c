/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverse mode: graph_grad walks the nodes backward from the loss and appends the gradient of each as ordinary nodes,
 * so the backward pass is planned, fused and timed like the rest. Only what leads to a trained parameter or to `wrt` is
 * built.
 *
 * A node collects contributions from those that read it, summed as they come; when the walk reaches it, parts
 * (gradients of slices) are put in their places. Stretches between graph_checkpoint_begin and _end are cloned when the
 * walk reaches them, and the walk goes on over the clones: the originals then die in the forward pass.
 */
#include "graph/graph_internal.h"

#include <assert.h>

/* ---- contributions ----------------------------------------------------------------------------------------------- */

static void contribute(Graph *g, Node *to, Node *value, int axis, int64_t from)
{
    Contribution *c = arena_alloc(g->mem, sizeof *c), **end = &to->grads;
    while (*end) end = &(*end)->next;
    *c = (Contribution){value, axis, from, NULL};
    *end = c;
}

/* Sums over the axes along which `to` was repeated. */
static Node *unbroadcast(Graph *g, Node *value, const Node *to)
{
    Shape s = value->t.shape, t = to->t.shape;
    unsigned axes = 0;
    if (shape_equal(s, t)) return op_cast(g, value, to->t.type);
    for (int i = 0; i < s.n; i++) {
        int j = i - (s.n - t.n);
        if (s.d[i] != 1 && (j < 0 || t.d[j] == 1)) axes |= 1u << i;
    }
    return op_reshape(g, op_reduce_as(g, RED_SUM, value, axes, to->t.type), t);
}

void grad_add(Graph *g, Node *to, Node *value)
{
    if (!value) return;
    value = unbroadcast(g, value, to);
    if (!value) return;
    for (Contribution *c = to->grads; c; c = c->next) {
        if (c->axis >= 0) continue;
        c->value = op_add(g, c->value, value); /* at once, so that contributions need not wait in memory */
        return;
    }
    contribute(g, to, value, -1, 0);
}

void grad_add_part(Graph *g, Node *to, Node *value, int axis, int64_t from)
{
    if (!value) return;
    if (shape_equal(value->t.shape, to->t.shape)) grad_add(g, to, value);
    else contribute(g, to, op_cast(g, value, to->t.type), axis, from);
}

/* All contributions as one node; NULL when there are none. */
static Node *gathered(Graph *g, Node *n)
{
    Node *whole = NULL;
    Contribution *parts = NULL, **end = &parts, *next;
    for (Contribution *c = n->grads; c; c = next) {
        next = c->next;
        if (c->axis < 0) {
            whole = c->value;
        } else {
            *end = c;
            end = &c->next;
        }
    }
    *end = NULL;
    if (parts) whole = op_assemble(g, n->t.shape, n->t.type, whole, parts);
    n->grads = NULL;
    if (whole) contribute(g, n, whole, -1, 0);
    return whole;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static void push_path(Graph *g, const char *path)
{
    g->paths = graph_grow(g->paths, g->n_paths, &g->cap_paths, sizeof *g->paths);
    g->paths[g->n_paths++] = path;
}

static void back_node(Graph *g, Node *n)
{
    if (!n->needs_grad || !n->grads) return;
    push_path(g, n->path);
    Node *dy = gathered(g, n);
    if (graph_is_leaf(n) || n->op == &op_stop_info || !dy) {
        /* ends here */
    } else if (n->op->grad) {
        n->op->grad(g, n, dy);
    } else {
        graph_fail(g, "%s has no gradient", n->op->name);
    }
    graph_pop(g);
}

/* The stretch that ends at or before node `last`: clones its nodes if a gradient has reached it, and walks the clones.
 * Returns its first node. */
static int back_stretch(Graph *g, int last)
{
    int number = g->nodes[last]->stretch, first = last;
    bool reached = false;
    for (int i = 0; i <= last; i++) {
        if (g->nodes[i]->stretch != number) continue;
        first = MIN(first, i);
        reached = reached || g->nodes[i]->grads;
    }
    if (!reached) return first;
    Node **map = mem_zero((size_t)g->n_nodes * sizeof *map);
    for (int i = first; i <= last; i++) {
        Node *n = g->nodes[i];
        if (n->stretch != number || !(n->varies || n->trains)) continue;
        map[i] = graph_clone(g, n, map);
        if (map[i]) map[i]->grads = n->grads;
    }
    for (int i = last; i >= first; i--) {
        if (!map[i]) continue;
        back_node(g, map[i]);
        g->nodes[i]->grads = map[i]->grads;
    }
    mem_free(map);
    return first;
}

static void mark_needs(Graph *g, const Node *loss, Node *const *wrt, int n_wrt)
{
    for (int i = 0; i < n_wrt; i++)
        if (wrt[i]) wrt[i]->needs_grad = true;
    for (int id = 0; id <= loss->id; id++) {
        Node *n = g->nodes[id];
        if (n->param && n->trains) n->needs_grad = true;
        for (int i = 0; i < n->n_in && n->op != &op_stop_info; i++)
            n->needs_grad = n->needs_grad || grad_wanted(n->in[i]);
    }
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* The node whose run can write d's bytes directly to another place, or a copy that can. */
static Node *writable(Graph *g, Node *d)
{
    Node *root = d;
    while (root->view_of && tensor_bytes(&root->view_of->t) == tensor_bytes(&d->t)) root = root->view_of;
    bool computed = root->op->run || root->side_of;
    bool own = computed && !root->view_of && !root->kept && !root->place && root->t.type == JIG_F32;
    return own ? root : op_copy(g, d, JIG_F32);
}

static void store_param_grads(Graph *g)
{
    for (int i = 0; i < g->n_params; i++) {
        Node *p = g->params[i], *d = p->trains ? gathered(g, p) : NULL;
        if (!d || !(d = writable(g, d))) continue;
        d->place = p->param->grad;
        d->kept = true;
    }
}

static void store_tracked(Graph *g)
{
    for (int i = 0; i < g->n_tracked; i++) {
        Param *p = g->tracked[i].param;
        Node *value = p->grad ? writable(g, g->tracked[i].value) : NULL;
        if (!value) continue;
        value->place = p->grad;
        value->kept = true;
        p->keep = g->tracked[i].keep;
    }
}

/* One measure: p <- 0.9 p + 0.1 m1. Two: 0.81 p + 0.09 m1 + 0.1 m2 = 0.81 p + 0.19 (0.09 m1 + 0.1 m2) / 0.19, and so on. */
void graph_track(Graph *g, Param *p, Node *value)
{
    const float momentum = 0.1f;
    if (!value) return;
    for (int i = 0; i < g->n_tracked; i++) {
        Tracked *t = &g->tracked[i];
        if (t->param != p) continue;
        float keep = t->keep * (1 - momentum), all = 1 - keep;
        t->value = op_add(g, op_affine(g, t->value, (1 - t->keep) * (1 - momentum) / all, 0), op_affine(g, value, momentum / all, 0));
        t->keep = keep;
        return;
    }
    g->tracked = graph_grow(g->tracked, g->n_tracked, &g->cap_tracked, sizeof *g->tracked);
    g->tracked[g->n_tracked++] = (Tracked){p, value, 1 - momentum};
}

static void give_wrt(Graph *g, Node *const *wrt, Node **dwrt, int n_wrt)
{
    for (int i = 0; i < n_wrt; i++) {
        if (!wrt[i]) continue;
        Node *d = gathered(g, wrt[i]);
        if (!d) graph_fail(g, "grad: the loss does not depend on number %d of the nodes that were asked for", i);
        if (dwrt) dwrt[i] = d;
        for (int k = 0; k < g->inputs.n && d; k++)
            if (g->inputs.items[k].node == wrt[i])
                graph_output(g, arena_printf(g->mem, "grad:%s", g->inputs.items[k].name), d);
    }
}

bool graph_grad(Graph *g, Node *loss, Node **wrt, Node **dwrt, int n_wrt)
{
    char text[96];
    if (!loss) return false;
    if (g->has_grad) return graph_fail(g, "grad: a graph has one backward pass, this is the second call");
    if (g->stretch) return graph_fail(g, "grad: inside a checkpoint");
    if (loss->t.type != JIG_F32 || shape_count(loss->t.shape) != 1)
        return graph_fail(g, "grad: the loss is %s %s, expected an F32 scalar", dtype_name(loss->t.type),
                          shape_text(loss->t.shape, text));
    g->has_grad = true;
    mark_needs(g, loss, wrt, n_wrt);
    if (!loss->needs_grad) return graph_fail(g, "grad: the loss depends on no trained parameter");
    grad_add(g, loss, graph_fill(g, 1, JIG_F32, loss->t.shape));
    for (int id = loss->id; id >= 0; id--) {
        Node *n = g->nodes[id];
        if (n->stretch) id = back_stretch(g, id);
        else if (!n->param) back_node(g, n);
    }
    store_param_grads(g);
    store_tracked(g);
    give_wrt(g, wrt, dwrt, n_wrt);
    return !g->n_mistakes;
}
