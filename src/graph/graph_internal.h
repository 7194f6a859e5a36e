/* SPDX-License-Identifier: Apache-2.0
 *
 * graph, private side: what a node and an op are, and the helpers that op files use.
 *
 * A Node is one value. Most nodes are computed by their op's run; leaves (inputs, parameters, constants) have none,
 * views (reshape, slices of leading axes) share another node's bytes, and sides are further results of one run (a
 * weight's and a bias's gradient). Nodes are appended after what they read, so the order of creation is the order of
 * execution.
 */
#ifndef JIG_GRAPH_INTERNAL_H
#define JIG_GRAPH_INTERNAL_H

#include "graph/graph.h"

enum { MAX_SIDES = 3 };

/* One op: a static table in its op_*.c. */
typedef struct Op {
    const char *name;
    void (*run)(Node *n);                      /* NULL: leaf, view or side */
    void (*grad)(Graph *g, Node *n, Node *dy); /* adds nodes and hands them to grad_add; NULL: none */
    double (*flops)(const Node *n);            /* NULL: not counted */
    unsigned in_place;                         /* bit i: the result may take over the bytes of input i */
    bool epilogue;                             /* attr begins with Epilogue; inputs 2 and 3 are bias and residual */
} Op;

/* y = act(product + bias + residual): what convolutions and products do on the way out. */
typedef struct Epilogue { Act act; } Epilogue;
enum { EPILOGUE_BIAS = 2, EPILOGUE_RESIDUAL = 3, EPILOGUE_INPUTS = 4 };

/* One contribution to a node's gradient: the whole of it (axis < 0) or the part from `from` on along `axis`. */
typedef struct Contribution {
    Node *value;
    int axis;
    int64_t from;
    struct Contribution *next;
} Contribution;

struct Node {
    const Op *op;
    Graph *g;
    int id;            /* index in g->nodes */
    const char *path;
    Tensor t;          /* data is set by the plan */
    int n_in;
    Node **in;         /* NULL where an optional input is absent */
    void *attr;        /* the op's own, in the graph's memory; shared by clones, so never changed */
    size_t attr_bytes;
    Param *param;      /* a parameter's leaf */
    Node *view_of;     /* shares that node's bytes from view_at on */
    size_t view_at;
    Node *side_of, *side[MAX_SIDES];
    void *place;       /* lies there, not in the arena: caller's constants, parameters and their gradients */
    KernelState state;
    int weight;        /* which input is a weight that the kernel may pack; -1: none */
    int stretch;       /* recomputed in the backward pass together with the others of this number; 0: kept */
    bool varies;       /* depends on an input */
    bool trains;       /* depends on a trained parameter */
    bool kept;         /* read after the run: its bytes go to nobody else */
    bool needs_grad;
    Contribution *grads;
    /* plan */
    bool alive, folded; /* folded: constant, computed only when weights changed */
    int uses, step, block;
    /* profile */
    double seconds;
    int64_t calls;
};

typedef struct Named {
    const char *name;
    Node *node;
    bool set; /* inputs: graph_set was called */
} Named;

/* What a run writes to a running statistic's grad (graph_track): the mean of its measures so far. */
typedef struct Tracked {
    Param *param;
    Node *value;
    float keep; /* what all of them leave of the parameter's own value */
} Tracked;

typedef struct NamedList {
    Named *items;
    int n, cap;
} NamedList;

struct Graph {
    const Device *dev;
    DType compute;
    Arena *mem;
    Node **nodes;
    int n_nodes, cap_nodes;
    Node **params; /* leaves of parameters */
    int n_params, cap_params;
    NamedList inputs, results; /* results: outputs and watched values */
    Tracked *tracked;
    int n_tracked, cap_tracked;
    const char **paths;        /* stack of graph_push */
    int n_paths, cap_paths;
    Text mistakes;
    int n_mistakes;
    int stretch, n_stretches;
    bool has_grad, planned;
    /* plan */
    Node **steps;
    int n_steps, n_folded; /* the first n_folded steps are constant */
    void *arena;
    size_t arena_bytes;
    double flops;
    /* run */
    bool stale; /* constants have to be computed anew */
    int64_t runs;
    bool profiling;
    char fault[200]; /* set by a node that finds bad data */
};

/* ---- building (graph.c) ------------------------------------------------------------------------------------------ */
/* Appends a node. in and attr are copied. NULL (and a recorded mistake) when the size is impossible. */
Node *graph_node(Graph *g, const Op *op, DType type, Shape s, int n_in, Node *const *in, const void *attr,
                 size_t attr_bytes);
Node *graph_view(Graph *g, const Op *op, Node *x, Shape s, size_t at);  /* x's bytes from `at` on, as shape s */
Node *graph_side(Graph *g, Node *producer, int k, DType type, Shape s); /* result number k of producer's run */
Node *graph_clone(Graph *g, const Node *n, Node *const *map); /* map[id]: what stands for node id in the copy */
Node *graph_fill(Graph *g, float value, DType type, Shape s);
void *graph_grow(void *items, int n, int *cap, size_t size); /* room for one more */
bool graph_is_leaf(const Node *n);
Node *node_root(const Node *n); /* whose bytes these are */

/* ---- for op files ------------------------------------------------------------------------------------------------ */
static inline const Kernels *node_kernels(const Node *n)
{
    return n->g->dev->k;
}

static inline bool node_is_float(const Node *n)
{
    return n->t.type == JIG_F32 || n->t.type == JIG_BF16;
}

/* An axis from the end when negative; -1 and a mistake when there is no such axis. */
int op_axis(Graph *g, const char *op, const Node *x, int axis);
bool op_floats(Graph *g, const char *op, Node *const *xs, int n); /* all there and f32 or bf16 */
void shape_around(Shape s, int axis, int64_t *outer, int64_t *inner); /* products of the axes before and behind */
Shape shape_replace(Shape s, int axis, int64_t n);
Shape shape_pictures(Shape s);                                  /* [.., H, W, C] as [B, H, W, C] */
DType type_promote(DType a, DType b);
Node *op_param_f32(Graph *g, Param *p, int64_t count, const char *what); /* f32 [count]: biases, gains. NULL for NULL */
Node *op_act_grad(Graph *g, Act f, Node *x, Node *dy);          /* f'(x) dy */
Node *op_reduce_as(Graph *g, Reduce f, Node *x, unsigned axes, DType type);
Node *op_expand(Graph *g, Node *x, Shape s);                    /* repeats axes of length 1 */
Node *op_copy(Graph *g, Node *x, DType type);                   /* always a new node */
/* whole (NULL: zeros) with the parts added in their places */
Node *op_assemble(Graph *g, Shape s, DType type, Node *whole, const Contribution *parts);

/* ---- gradients (grad.c) ------------------------------------------------------------------------------------------ */
static inline bool grad_wanted(const Node *n)
{
    return n && n->needs_grad;
}
void grad_add(Graph *g, Node *to, Node *value); /* value is reduced to to's shape and cast to its type */
void grad_add_part(Graph *g, Node *to, Node *value, int axis, int64_t from);

/* ---- planning (graph_plan.c, fuse.c, placement.c) ---------------------------------------------------------------- */
void fuse_nodes(Graph *g);      /* needs uses; leaves dead nodes behind */
void plan_count_uses(Graph *g); /* alive, uses */

/* Bytes that live from step `first` to step `last`, both included. */
typedef struct Block {
    size_t bytes, offset;
    int first, last;
} Block;
size_t place_blocks(Block *blocks, int n); /* sets offsets; returns the bytes of the arena */

extern const Op op_input_info, op_param_info, op_const_info, op_side_info, op_fill_info, op_act_info, op_binary_info,
    op_cast_info, op_stop_info, op_reshape_info, op_slice_info, op_concat_info;

/* What other files must know of an op's attributes. */
typedef struct ActAttr { Act f; } ActAttr;
typedef struct BinaryAttr { Binary f; Shape a, b; } BinaryAttr; /* shapes as the kernel sees them */
typedef struct FillAttr { float value; } FillAttr;
typedef struct BoxAttr { int axis; int64_t from; } BoxAttr;     /* slice: where; concat: axis */

#endif
