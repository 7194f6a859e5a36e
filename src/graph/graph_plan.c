/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: which nodes are needed, in which order, how long their bytes live and where they lie.
 *
 * Order of execution is order of creation. Nodes that depend on nothing but constants and untrained parameters are
 * "folded": they run first, and only when weights changed; what others need of them stays. Inputs stay between runs;
 * outputs, watched values and gradients are not given to others once computed. A node whose op allows it takes over the
 * bytes of an input that dies with it.
 */
#include "graph/graph_internal.h"

#include <limits.h>
#include <string.h>

enum { BEFORE = -1, FOREVER = INT_MAX, SMALL = 64 * 1024 };

void plan_count_uses(Graph *g)
{
    for (int id = 0; id < g->n_nodes; id++) {
        g->nodes[id]->alive = g->nodes[id]->kept;
        g->nodes[id]->uses = 0;
    }
    for (int id = g->n_nodes - 1; id >= 0; id--) {
        Node *n = g->nodes[id];
        for (int i = 0; i < n->n_in && n->alive; i++) {
            if (!n->in[i]) continue;
            n->in[i]->alive = true;
            n->in[i]->uses++;
        }
    }
    for (int id = 0; id < g->n_nodes; id++) /* a run writes all its results */
        for (int k = 0; k < MAX_SIDES && g->nodes[id]->alive; k++)
            if (g->nodes[id]->side[k]) g->nodes[id]->side[k]->alive = true;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

static bool constant(const Node *n)
{
    return !n->varies && !(n->g->has_grad && n->trains);
}

/* Constant and not much larger than what it is made of (a filled or repeated picture is cheaper made anew than
 * kept). */
static bool foldable(const Node *n)
{
    size_t from = SMALL;
    if (!constant(n) || (n->place && !graph_is_leaf(n))) return false;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        if (!graph_is_leaf(n->in[i]) && !n->in[i]->folded) return false;
        from += tensor_bytes(&n->in[i]->t);
    }
    return tensor_bytes(&n->t) <= from;
}

static void make_steps(Graph *g)
{
    g->steps = mem_alloc((size_t)MAX(g->n_nodes, 1) * sizeof *g->steps);
    for (int id = 0; id < g->n_nodes; id++) g->nodes[id]->folded = g->nodes[id]->alive && foldable(g->nodes[id]);
    for (int pass = 0; pass < 2; pass++) {
        for (int id = 0; id < g->n_nodes; id++) {
            Node *n = g->nodes[id];
            if (!n->alive || !n->op->run || n->view_of || n->folded != (pass == 0)) continue;
            n->step = g->n_steps;
            g->steps[g->n_steps++] = n;
        }
        if (pass == 0) g->n_folded = g->n_steps;
    }
}

/* ---- lifetimes --------------------------------------------------------------------------------------------------- */

typedef struct Lives {
    int *last; /* by node id: last step that reads the root's bytes */
    Block *blocks;
    int n;
} Lives;

static void read_at(Graph *g, int *last, const Node *n, int step)
{
    const Node *root = node_root(n);
    bool kept_for_runs = root->folded && step >= g->n_folded;
    last[root->id] = kept_for_runs ? FOREVER : MAX(last[root->id], step);
}

static int *last_reads(Graph *g)
{
    int *last = mem_alloc((size_t)MAX(g->n_nodes, 1) * sizeof *last);
    for (int id = 0; id < g->n_nodes; id++) last[id] = BEFORE;
    for (int s = 0; s < g->n_steps; s++) {
        const Node *n = g->steps[s];
        last[n->id] = MAX(last[n->id], s);
        for (int k = 0; k < MAX_SIDES; k++)
            if (n->side[k]) last[n->side[k]->id] = MAX(last[n->side[k]->id], s);
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i]) read_at(g, last, n->in[i], s);
    }
    for (int id = 0; id < g->n_nodes; id++)
        if (g->nodes[id]->alive && g->nodes[id]->kept) last[node_root(g->nodes[id])->id] = FOREVER;
    return last;
}

static bool in_arena(const Node *n)
{
    return n->alive && !n->view_of && !n->place && n->op != &op_param_info && n->op != &op_const_info;
}

static void new_block(Lives *l, Node *n, int first, int last)
{
    n->block = l->n;
    l->blocks[l->n++] = (Block){.bytes = tensor_bytes(&n->t), .first = first, .last = last};
}

/* May n write over input i? That input must die here, be all of its block, and not be read otherwise by n. */
static bool can_take(const Lives *l, const Node *n, int i)
{
    const Node *x = n->in[i], *root = x ? node_root(x) : NULL;
    if (!(n->op->in_place >> i & 1) || !x || !in_arena(root) || graph_is_leaf(root)) return false;
    if (l->last[root->id] != n->step || l->blocks[root->block].last != n->step || x->t.type != n->t.type ||
        tensor_bytes(&x->t) != tensor_bytes(&n->t) || tensor_bytes(&root->t) != tensor_bytes(&n->t))
        return false;
    for (int j = 0; j < n->n_in; j++)
        if (j != i && n->in[j] && node_root(n->in[j]) == root &&
            (!(n->op->in_place >> j & 1) || tensor_bytes(&n->in[j]->t) != tensor_bytes(&n->t)))
            return false;
    return true;
}

static void give_block(Lives *l, Node *n)
{
    int last = l->last[n->id];
    for (int i = 0; i < n->n_in; i++) {
        if (!can_take(l, n, i)) continue;
        n->block = node_root(n->in[i])->block;
        l->blocks[n->block].last = last;
        return;
    }
    new_block(l, n, n->step, last);
}

static Lives find_lives(Graph *g)
{
    Lives l = {.last = last_reads(g), .blocks = mem_alloc((size_t)MAX(g->n_nodes, 1) * sizeof(Block))};
    for (int i = 0; i < g->inputs.n; i++) new_block(&l, g->inputs.items[i].node, BEFORE, FOREVER);
    for (int s = 0; s < g->n_steps; s++) {
        Node *n = g->steps[s];
        if (in_arena(n)) give_block(&l, n);
        for (int k = 0; k < MAX_SIDES; k++)
            if (n->side[k] && in_arena(n->side[k])) new_block(&l, n->side[k], s, l.last[n->side[k]->id]);
    }
    return l;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* Pointers to parameters are read here, so they may move between graph_weights_changed and the next run. */
static void bind(Graph *g)
{
    for (int id = 0; id < g->n_nodes; id++) {
        Node *n = g->nodes[id];
        if (!n->alive) continue;
        if (n->param) n->t.data = n->param->value.data;
        else if (n->place) n->t.data = n->place;
        else if (n->view_of) n->t.data = (char *)n->view_of->t.data + n->view_at;
    }
}

static bool place(Graph *g, Err *e)
{
    Lives l = find_lives(g);
    g->arena_bytes = place_blocks(l.blocks, l.n);
    g->arena = g->dev->alloc(MAX(g->arena_bytes, 1));
    for (int id = 0; id < g->n_nodes && g->arena; id++) {
        Node *n = g->nodes[id];
        if (in_arena(n)) n->t.data = (char *)g->arena + l.blocks[n->block].offset;
    }
    mem_free(l.last);
    mem_free(l.blocks);
    if (!g->arena)
        return err_set(e, "the graph needs %.2f GB of memory, %.2f GB can be had", (double)g->arena_bytes * 1e-9,
                       (double)mem_available() * 1e-9);
    bind(g);
    return true;
}

static void mark_weights(Graph *g)
{
    for (int s = 0; s < g->n_steps; s++) {
        Node *n = g->steps[s];
        const Node *w = n->weight >= 0 ? node_root(n->in[n->weight]) : NULL;
        n->state.constant_weights = w && constant(w) && (graph_is_leaf(w) || w->folded);
    }
}

bool graph_plan(Graph *g, Err *e)
{
    if (g->stretch) graph_fail(g, "checkpoint: begin without end");
    if (g->n_mistakes)
        return err_set(e, "the graph has %d mistake%s:%s", g->n_mistakes, g->n_mistakes == 1 ? "" : "s", g->mistakes.s);
    if (g->planned) return err_set(e, "the graph is already planned");
    g->planned = g->stale = true;
    plan_count_uses(g);
    fuse_nodes(g);
    plan_count_uses(g); /* anew: fusing left dead nodes */
    make_steps(g);
    mark_weights(g);
    for (int s = g->n_folded; s < g->n_steps; s++)
        if (g->steps[s]->op->flops) g->flops += g->steps[s]->op->flops(g->steps[s]);
    return place(g, e);
}

void graph_weights_changed(Graph *g)
{
    g->stale = true;
    bind(g);
    for (int s = 0; s < g->n_steps; s++) {
        KernelState *state = &g->steps[s]->state;
        if (!state->constant_weights || !state->data) continue;
        if (state->destroy) state->destroy(state->data);
        state->data = NULL;
        state->bytes = 0;
    }
}
