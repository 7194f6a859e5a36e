/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: making nodes, names and paths, collecting mistakes. Nothing is computed here.
 *
 * Ownership: nodes, their names and attributes lie in the graph's memory arena and die with it; node and name lists are
 * growing arrays. Backends' packed weights hang on the nodes' KernelStates and are released by graph_destroy.
 */
#include "graph/graph_internal.h"

#include <assert.h>
#include <string.h>

enum { LISTED_MISTAKES = 12 };

void *graph_grow(void *items, int n, int *cap, size_t size)
{
    if (n < *cap) return items;
    *cap = MAX(16, 2 * *cap);
    return mem_resize(items, (size_t)*cap * size);
}

Graph *graph_create(const Device *dev, DType compute)
{
    assert(dev && (compute == JIG_F32 || compute == JIG_BF16));
    Graph *g = mem_zero(sizeof *g);
    g->dev = dev;
    g->compute = compute;
    g->mem = arena_create();
    return g;
}

void graph_destroy(Graph *g)
{
    if (!g) return;
    for (int i = 0; i < g->n_nodes; i++) {
        KernelState *s = &g->nodes[i]->state;
        if (s->data && s->destroy) s->destroy(s->data);
    }
    if (g->arena) g->dev->release(g->arena);
    mem_free(g->steps);
    mem_free(g->nodes);
    mem_free(g->params);
    mem_free(g->inputs.items);
    mem_free(g->results.items);
    mem_free(g->paths);
    mem_free(g->tracked);
    text_finish(&g->mistakes);
    arena_destroy(g->mem);
    mem_free(g);
}

const Device *graph_device(const Graph *g)
{
    return g->dev;
}

DType graph_type(const Graph *g)
{
    return g->compute;
}

/* ---- paths and mistakes ------------------------------------------------------------------------------------------ */

static const char *path_now(const Graph *g)
{
    return g->n_paths ? g->paths[g->n_paths - 1] : "";
}

void graph_push(Graph *g, const char *fmt, ...)
{
    va_list args;
    Text t = {0};
    char name[200];
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    text_add(&t, "%s%s%s", path_now(g), g->n_paths ? "." : "", name);
    g->paths = graph_grow(g->paths, g->n_paths, &g->cap_paths, sizeof *g->paths);
    g->paths[g->n_paths++] = arena_strdup(g->mem, t.s);
    text_finish(&t);
}

void graph_pop(Graph *g)
{
    assert(g->n_paths > 0);
    g->n_paths--;
}

Node *graph_fail(Graph *g, const char *fmt, ...)
{
    if (g->n_mistakes++ < LISTED_MISTAKES) {
        char what[400];
        va_list args;
        va_start(args, fmt);
        vsnprintf(what, sizeof what, fmt, args);
        va_end(args);
        text_add(&g->mistakes, "\n  %s: %s", g->n_paths ? path_now(g) : "(top)", what);
    }
    return NULL;
}

Shape node_shape(const Node *n)
{
    return n ? n->t.shape : (Shape){0};
}

DType node_type(const Node *n)
{
    return n ? n->t.type : JIG_F32;
}

int64_t node_dim(const Node *n, int axis)
{
    if (!n) return 0;
    int i = axis < 0 ? axis + n->t.shape.n : axis;
    return i >= 0 && i < n->t.shape.n ? n->t.shape.d[i] : 0;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static bool size_possible(DType type, Shape s)
{
    size_t bytes = dtype_size(type);
    for (int i = 0; i < s.n; i++)
        if (s.d[i] <= 0 || __builtin_mul_overflow(bytes, (size_t)s.d[i], &bytes)) return false;
    return bytes <= PTRDIFF_MAX / 4;
}

Node *graph_node(Graph *g, const Op *op, DType type, Shape s, int n_in, Node *const *in, const void *attr,
                 size_t attr_bytes)
{
    char text[96];
    if (g->planned) return graph_fail(g, "%s: the graph is already planned", op->name);
    if (!size_possible(type, s))
        return graph_fail(g, "%s: a result of shape %s is impossible", op->name, shape_text(s, text));
    Node *n = arena_alloc(g->mem, sizeof *n);
    *n = (Node){.op = op,
                .g = g,
                .id = g->n_nodes,
                .path = path_now(g),
                .t = {type, s, NULL},
                .n_in = n_in,
                .weight = -1,
                .attr_bytes = attr_bytes,
                .stretch = g->stretch};
    n->in = arena_alloc(g->mem, (size_t)MAX(n_in, 1) * sizeof *n->in);
    for (int i = 0; i < n_in; i++) {
        n->in[i] = in[i];
        if (!in[i]) continue;
        n->varies = n->varies || in[i]->varies;
        n->trains = n->trains || in[i]->trains;
    }
    if (attr_bytes) n->attr = memcpy(arena_alloc(g->mem, attr_bytes), attr, attr_bytes);
    g->nodes = graph_grow(g->nodes, g->n_nodes, &g->cap_nodes, sizeof *g->nodes);
    return g->nodes[g->n_nodes++] = n;
}

Node *graph_view(Graph *g, const Op *op, Node *x, Shape s, size_t at)
{
    Node *n = graph_node(g, op, x->t.type, s, 1, &x, NULL, 0);
    if (!n) return NULL;
    n->view_of = x;
    n->view_at = at;
    return n;
}

const Op op_side_info = {.name = "side"};

Node *graph_side(Graph *g, Node *producer, int k, DType type, Shape s)
{
    if (!producer) return NULL;
    assert(k < MAX_SIDES && !producer->side[k]);
    Node *n = graph_node(g, &op_side_info, type, s, 1, &producer, NULL, 0);
    if (!n) return NULL;
    n->side_of = producer;
    return producer->side[k] = n;
}

Node *graph_clone(Graph *g, const Node *n, Node *const *map)
{
    assert(!n->side_of && !n->side[0]);
    Node **in = arena_alloc(g->mem, (size_t)MAX(n->n_in, 1) * sizeof *in);
    for (int i = 0; i < n->n_in; i++) in[i] = n->in[i] && map[n->in[i]->id] ? map[n->in[i]->id] : n->in[i];
    Node *c = graph_node(g, n->op, n->t.type, n->t.shape, n->n_in, in, NULL, 0);
    if (!c) return NULL;
    c->attr = n->attr;
    c->attr_bytes = n->attr_bytes;
    c->weight = n->weight;
    c->path = n->path;
    c->needs_grad = n->needs_grad;
    c->view_of = n->view_of ? in[0] : NULL;
    c->view_at = n->view_at;
    return c;
}

bool graph_is_leaf(const Node *n)
{
    return n->op == &op_input_info || n->op == &op_param_info || n->op == &op_const_info;
}

Node *node_root(const Node *n)
{
    while (n->view_of) n = n->view_of;
    return (Node *)n;
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

const Op op_input_info = {.name = "input"}, op_param_info = {.name = "param"}, op_const_info = {.name = "const"};

static Named *find(NamedList *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].name, name)) return &l->items[i];
    return NULL;
}

static void add_name(Graph *g, NamedList *l, const char *name, Node *n)
{
    if (find(&g->inputs, name) || find(&g->results, name)) {
        graph_fail(g, "the name \"%s\" is given twice", name);
        return;
    }
    l->items = graph_grow(l->items, l->n, &l->cap, sizeof *l->items);
    l->items[l->n++] = (Named){arena_strdup(g->mem, name), n, false};
}

Node *graph_input(Graph *g, const char *name, DType type, Shape s)
{
    Node *n = graph_node(g, &op_input_info, type, s, 0, NULL, NULL, 0);
    if (!n) return NULL;
    n->varies = n->kept = true;
    n->stretch = 0;
    add_name(g, &g->inputs, name, n);
    return n;
}

Node *graph_param(Graph *g, Param *p)
{
    if (!p) return graph_fail(g, "a parameter is missing (NULL)");
    for (int i = 0; i < g->n_params; i++)
        if (g->params[i]->param == p) return g->params[i];
    if (p->value.type != JIG_F32 && (p->value.type != JIG_BF16 || p->trainable))
        return graph_fail(g, "parameter %s: got type %s, expected %s", p->name, dtype_name(p->value.type),
                          p->trainable ? "F32" : "F32 or BF16");
    Node *n = graph_node(g, &op_param_info, p->value.type, p->value.shape, 0, NULL, NULL, 0);
    if (!n) return NULL;
    n->param = p;
    n->trains = p->trainable && p->grad;
    n->stretch = 0;
    g->params = graph_grow(g->params, g->n_params, &g->cap_params, sizeof *g->params);
    return g->params[g->n_params++] = n;
}

Node *graph_const(Graph *g, Tensor value)
{
    Node *n = graph_node(g, &op_const_info, value.type, value.shape, 0, NULL, NULL, 0);
    if (!n) return NULL;
    n->place = value.data;
    n->stretch = 0;
    return n;
}

Node *graph_scalar(Graph *g, float value, DType type, int rank)
{
    Shape s = {.n = rank, .d = {1, 1, 1, 1, 1, 1}};
    if (rank < 0 || rank > SHAPE_MAX) return graph_fail(g, "scalar: got rank %d, expected 0..%d", rank, SHAPE_MAX);
    return graph_fill(g, value, type, s);
}

void graph_output(Graph *g, const char *name, Node *n)
{
    if (n) {
        n->kept = true;
        add_name(g, &g->results, name, n);
    } else if (!g->n_mistakes) {
        graph_fail(g, "output \"%s\" is missing (NULL)", name);
    }
}

Node *graph_watch(Graph *g, const char *name, Node *n)
{
    if (n) graph_output(g, name, n);
    return n;
}

/* ---- recomputation ----------------------------------------------------------------------------------------------- */

void graph_checkpoint_begin(Graph *g)
{
    if (g->stretch) graph_fail(g, "checkpoint: a stretch inside another one");
    g->stretch = ++g->n_stretches;
}

Node *graph_checkpoint_end(Graph *g, Node *out)
{
    if (!g->stretch) return graph_fail(g, "checkpoint: end without begin");
    g->stretch = 0;
    return out;
}

/* ---- help for op files ------------------------------------------------------------------------------------------- */

int op_axis(Graph *g, const char *op, const Node *x, int axis)
{
    int n = x->t.shape.n, i = axis < 0 ? axis + n : axis;
    if (i >= 0 && i < n) return i;
    graph_fail(g, "%s: got axis %d, expected %d..%d", op, axis, -n, n - 1);
    return -1;
}

bool op_floats(Graph *g, const char *op, Node *const *xs, int n)
{
    for (int i = 0; i < n; i++)
        if (!xs[i]) return false;
    for (int i = 0; i < n; i++)
        if (!node_is_float(xs[i])) {
            graph_fail(g, "%s: got type %s, expected F32 or BF16", op, dtype_name(xs[i]->t.type));
            return false;
        }
    return true;
}

void shape_around(Shape s, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int i = 0; i < axis; i++) *outer *= s.d[i];
    for (int i = axis + 1; i < s.n; i++) *inner *= s.d[i];
}

Shape shape_replace(Shape s, int axis, int64_t n)
{
    s.d[axis] = n;
    return s;
}

Shape shape_pictures(Shape s)
{
    int64_t b = 1;
    for (int i = 0; i < s.n - 3; i++) b *= s.d[i];
    return SHAPE(b, s.d[s.n - 3], s.d[s.n - 2], s.d[s.n - 1]);
}

DType type_promote(DType a, DType b)
{
    return a == JIG_F32 || b == JIG_F32 ? JIG_F32 : JIG_BF16;
}

Node *op_param_f32(Graph *g, Param *p, int64_t count, const char *what)
{
    char text[96];
    if (!p) return NULL;
    Node *n = graph_param(g, p);
    if (!n) return NULL;
    if (shape_count(n->t.shape) != count)
        return graph_fail(g, "%s %s: got shape %s, expected %lld values", what, p->name, shape_text(n->t.shape, text),
                          (long long)count);
    return op_reshape(g, op_cast(g, n, JIG_F32), SHAPE(count));
}
