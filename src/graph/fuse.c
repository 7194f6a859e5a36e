/* SPDX-License-Identifier: Apache-2.0
 *
 * Fusions: an activation or the addition of a value of the same shape goes into the convolution or product before it,
 * when nobody else reads what lies between. The later node takes over the work; the earlier one is left without
 * readers.
 *
 *   act(conv)          -> conv with act
 *   conv + r           -> conv with residual r        (also the sums of gradients)
 *   act(conv + r)      -> both
 */
#include "graph/graph_internal.h"

#include <string.h>

static bool single(const Node *n)
{
    return n->uses == 1 && !n->kept && !n->place;
}

/* The convolution or product whose whole result, perhaps reshaped, x is, if it can still take something in; else
 * NULL. */
static Node *product_behind(const Node *reader, Node *x)
{
    while (x->view_of && single(x) && tensor_bytes(&x->t) == tensor_bytes(&x->view_of->t)) x = x->view_of;
    bool open = x->op->epilogue && single(x) && ((Epilogue *)x->attr)->act == ACT_NONE && x->t.type == reader->t.type;
    return open ? x : NULL;
}

/* n does the work of product p, which it read as input i, with something more on the way out. What lay between is dead;
 * p's inputs have n for p as their reader. */
static void take_over(Node *n, int i, const Node *p, Act act, Node *residual)
{
    for (Node *dead = n->in[i];; dead = dead->view_of) {
        dead->alive = false;
        dead->uses = 0;
        if (dead == p) break;
    }
    Node **in = arena_alloc(n->g->mem, EPILOGUE_INPUTS * sizeof *in);
    memcpy(in, p->in, EPILOGUE_INPUTS * sizeof *in);
    if (residual) in[EPILOGUE_RESIDUAL] = residual;
    n->attr = memcpy(arena_alloc(n->g->mem, p->attr_bytes), p->attr, p->attr_bytes);
    n->attr_bytes = p->attr_bytes;
    ((Epilogue *)n->attr)->act = act;
    n->op = p->op;
    n->in = in;
    n->n_in = EPILOGUE_INPUTS;
    n->weight = p->weight;
}

static void fuse_act(Node *n)
{
    Node *p = product_behind(n, n->in[0]);
    if (p) take_over(n, 0, p, ((ActAttr *)n->attr)->f, NULL);
}

/* The product waits for r, and its input with it; when r comes later that must not cost more memory than the result
 * would. */
static bool may_wait(const Node *p, const Node *r)
{
    return r->id < p->id || tensor_bytes(&p->in[0]->t) <= tensor_bytes(&p->t);
}

static void fuse_add(Node *n)
{
    const BinaryAttr *at = n->attr;
    if (at->f != BIN_ADD || !shape_equal(at->a, at->b) || n->in[0] == n->in[1]) return;
    Node *p[2];
    for (int i = 0; i < 2; i++) {
        p[i] = product_behind(n, n->in[i]);
        const Node *r = n->in[1 - i];
        if (p[i] && (p[i]->in[EPILOGUE_RESIDUAL] || r->t.type != n->t.type || !may_wait(p[i], r))) p[i] = NULL;
    }
    if (!p[0] && !p[1]) return;
    int i = !p[0] || (p[1] && p[1]->id > p[0]->id); /* of two the later, so that fewer values wait */
    take_over(n, i, p[i], ACT_NONE, n->in[1 - i]);
}

void fuse_nodes(Graph *g)
{
    for (int id = 0; id < g->n_nodes; id++) {
        Node *n = g->nodes[id];
        if (!n->alive) continue;
        if (n->op == &op_act_info) fuse_act(n);
        else if (n->op == &op_binary_info) fuse_add(n);
    }
}
