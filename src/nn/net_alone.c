/* SPDX-License-Identifier: Apache-2.0
 *
 * net_alone: one network run on tensors from a file, under its published names and in its reference's layouts, forward
 * and backward: how anyone compares it with a reference (`jig net`, parity tests).
 *
 * Inputs are graph inputs in the outside layout; moving the channels to the end and taking the compute type are
 * ordinary nodes, so gradients of inputs come back in the outside layout by themselves. With gradients the loss is
 *   L = sum over results r of sum(r * cotangent_r)
 */
#include "nn/nn.h"

#include <cjson/cJSON.h>
#include <fnmatch.h>
#include <string.h>

enum { MAX_INPUTS = 24, MAX_RESULTS = 64 };

struct NetIo {
    Arena *mem;
    Graph *g;
    const NetClass *c;
    Node *outside[MAX_INPUTS], *inside[MAX_INPUTS]; /* NULL: not given */
    const char *names[MAX_RESULTS];
    Node *results[MAX_RESULTS];
    int n_results;
    bool used[MAX_INPUTS];
};

struct NetAlone {
    const NetClass *c;
    Arena *mem;
    void *config, *net;
    ParamSet *ps;
    bool grad;
    NetIo io;
};

/* ---- configuration ----------------------------------------------------------------------------------------------- */

int net_numbers(const char *name, const char *text, int64_t lo, int64_t hi, int64_t *out, int max, Err *e)
{
    int n = 0;
    for (const char *at = text ? text : ""; *at;) {
        char word[32];
        size_t length = strcspn(at, "-,x ");
        int64_t value = 0;
        snprintf(word, sizeof word, "%.*s", (int)MIN(length, sizeof word - 1), at);
        if (n == max || !text_to_int(word, &value) || value < lo || value > hi) {
            err_set(e, "%s is \"%.60s\"; allowed are 1 to %d whole numbers from %lld to %lld, as 2-2-6-2", name, text,
                    max, (long long)lo, (long long)hi);
            return 0;
        }
        out[n++] = value;
        at += length + (at[length] != 0);
    }
    if (!n) err_set(e, "%s is empty; allowed are 1 to %d whole numbers, as 2-2-6-2", name, max);
    return n;
}

static bool listed(const char *words, const char *word)
{
    char one[64];
    for (const char *at = words; at && *at;) {
        size_t length = strcspn(at, " ");
        snprintf(one, sizeof one, "%.*s", (int)MIN(length, sizeof one - 1), at);
        if (!fnmatch(one, word, 0)) return true;
        at += length + (at[length] != 0);
    }
    return false;
}

/* [2, 2, 6, 2] as "2-2-6-2"; NULL when it is no list of numbers. */
static cJSON *list_text(const cJSON *list)
{
    Text t = {0};
    const cJSON *v;
    text_add(&t, "%s", "");
    cJSON_ArrayForEach(v, list)
    {
        if (!cJSON_IsNumber(v)) {
            text_finish(&t);
            return NULL;
        }
        text_add(&t, "%s%.17g", t.len ? "-" : "", v->valuedouble);
    }
    cJSON *text = cJSON_CreateString(t.s);
    text_finish(&t);
    return text;
}

/* The options among a published file's keys, lists as text. Keys that are neither options nor known to be unused stay,
 * so that opt_from_json refuses them by name. */
static cJSON *own_keys(const NetClass *c, const cJSON *from)
{
    cJSON *out = cJSON_CreateObject();
    const cJSON *v;
    cJSON_ArrayForEach(v, from)
    {
        if (listed(c->unused, v->string)) continue;
        cJSON *value = cJSON_IsArray(v) ? list_text(v) : NULL;
        cJSON_AddItemToObject(out, v->string, value ? value : cJSON_Duplicate(v, true));
    }
    return out;
}

static bool read_json(NetAlone *n, const char *json, Err *e)
{
    const NetClass *c = n->c;
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(json, &end, true);
    bool ok = cJSON_IsObject(root) || err_set(e, "the configuration of %s is not a JSON object", c->name);
    const cJSON *part = ok && c->section ? cJSON_GetObjectItemCaseSensitive(root, c->section) : NULL;
    if (ok) {
        cJSON *own = own_keys(c, cJSON_IsObject(part) ? part : root);
        char *text = cJSON_PrintUnformatted(own);
        ok = opt_from_json(c->config, n->config, text, n->mem, e) || err_context(e, "configuration of %s", c->name);
        cJSON_free(text);
        cJSON_Delete(own);
    }
    cJSON_Delete(root);
    return ok;
}

/* Weight files of our own training hold the sizes as metadata under the options' names. */
static bool read_meta(NetAlone *n, const SafeTensors *st, Err *e)
{
    for (int i = 0; i < n->c->config.n; i++) {
        const char *name = n->c->config.rows[i].name, *value = safetensors_meta(st, name);
        if (value && !opt_set(n->c->config, n->config, name, value, n->mem, e))
            return err_context(e, "metadata of the weights");
    }
    return true;
}

NetAlone *net_create(const NetClass *c, const char *json, const SafeTensors *weights, Err *e)
{
    NetAlone *n = mem_zero(sizeof *n);
    n->c = c;
    n->mem = arena_create();
    n->config = arena_alloc(n->mem, MAX(c->config_size, 1));
    opt_defaults(c->config, n->config);
    n->ps = params_create();
    if ((!weights || read_meta(n, weights, e)) && (!json || read_json(n, json, e))) n->net = c->create(n->config,
                                                                      n->ps, e);
    if (n->net) return n;
    err_context(e, "%s", c->name);
    net_destroy(n);
    return NULL;
}

void net_destroy(NetAlone *n)
{
    if (!n) return;
    graph_destroy(n->io.g);
    n->c->destroy(n->net);
    params_destroy(n->ps);
    arena_destroy(n->mem);
    mem_free(n);
}

ParamSet *net_params(NetAlone *n)
{
    return n->ps;
}

const void *net_config(const NetAlone *n)
{
    return n->config;
}

Graph *net_graph(NetAlone *n)
{
    return n->io.g;
}

bool net_fill(NetAlone *n, const SafeTensors *weights, const char *prefix, bool grad, uint64_t seed, Err *e)
{
    if ((grad || !weights) && !params_allocate(n->ps, grad, seed, e)) return false;
    if (!weights) return true;
    return params_load(n->ps, weights, prefix ? prefix : params_prefix(n->ps, weights, n->mem), !grad, e);
}

/* ---- inputs and results ------------------------------------------------------------------------------------------ */

static int axes_of(const char *shape)
{
    int n = strcmp(shape, "[]") != 0;
    for (; *shape; shape++) n += *shape == ',';
    return n;
}

static bool is_float(DType t)
{
    return t == JIG_F32 || t == JIG_BF16 || t == JIG_F16;
}

/* [B, C, ...] <-> [B, ..., C] */
static Node *move_channels(Graph *g, Node *n, bool to_end)
{
    int axes[SHAPE_MAX], rank = node_shape(n).n;
    if (rank < 3) return n;
    for (int i = 0; i < rank; i++)
        axes[i] = i == 0 ? 0 : to_end ? (i == rank - 1 ? 1 : i + 1) : (i == 1 ? rank - 1 : i - 1);
    return op_permute(g, n, axes);
}

static int input_index(const NetClass *c, const char *name)
{
    for (int i = 0; i < c->n_inputs; i++)
        if (!strcmp(c->inputs[i].name, name)) return i;
    return -1;
}

Node *net_in(NetIo *io, const char *name)
{
    int i = input_index(io->c, name);
    if (i < 0) return graph_fail(io->g, "%s has no input \"%s\"", io->c->name, name);
    io->used[i] = true;
    return io->inside[i];
}

void net_out(NetIo *io, const char *name, Node *n, NetLayout layout)
{
    if (io->n_results == MAX_RESULTS) {
        graph_fail(io->g, "more than %d results", MAX_RESULTS);
        return;
    }
    n = op_cast(io->g, n, JIG_F32);
    if (layout == NET_CHANNELS_FIRST && n) n = move_channels(io->g, n, false);
    io->names[io->n_results] = arena_strdup(io->mem, name);
    io->results[io->n_results++] = n;
    graph_output(io->g, name, n);
}

static void declare_input(NetIo *io, int i, Shape s)
{
    const NetInput *in = &io->c->inputs[i];
    bool floats = is_float(in->type);
    Node *n = io->outside[i] = graph_input(io->g, in->name, floats ? JIG_F32 : in->type, s);
    if (in->type == JIG_BF16) n = op_cast(io->g, n, graph_type(io->g));
    if (in->layout == NET_CHANNELS_FIRST && n) n = move_channels(io->g, n, true);
    io->inside[i] = n;
}

/* Lists everything in `in` that is missing, of a wrong kind, or nobody's. */
static bool check_inputs(const NetClass *c, const SafeTensors *in, Err *e)
{
    Text all = {0};
    char shape[96];
    Tensor t;
    int wrong = 0;
    for (int i = 0; i < c->n_inputs; i++) {
        const NetInput *want = &c->inputs[i];
        bool there = safetensors_find(in, want->name, &t), ids = want->type == JIG_I32;
        if (!there && want->optional) continue;
        bool fits = there && t.shape.n == axes_of(want->shape) && shape_count(t.shape) > 0 &&
                    (is_float(want->type) ? is_float(t.type) : ids ? t.type == JIG_I32 || t.type == JIG_I64
                     : t.type == JIG_U8);
        if (fits) continue;
        wrong++;
        text_add(&all, "\n  %s %s", want->name, there ? "is " : "is missing");
        if (there) text_add(&all, "%s %s", dtype_name(t.type), shape_text(t.shape, shape));
        text_add(&all, ", expected %s %s", is_float(want->type) ? "F32" : dtype_name(want->type), want->shape);
    }
    for (int i = 0; i < safetensors_count(in); i++) {
        const char *name = safetensors_name(in, i);
        if (input_index(c, name) >= 0 || !strncmp(name, "grad:", 5)) continue;
        wrong++;
        text_add(&all, "\n  %s is not an input", name);
    }
    if (wrong) err_set(e, "%d input%s of %s do%s not fit:%s", wrong, wrong == 1 ? "" : "s", c->name, wrong == 1 ? "es"
                       : "", all.s);
    text_finish(&all);
    return !wrong;
}

/* ---- the graph --------------------------------------------------------------------------------------------------- */

static Node *cotangent(NetAlone *n, const SafeTensors *in, int k)
{
    Graph *g = n->io.g;
    Shape s = node_shape(n->io.results[k]);
    char name[200], got[96], want[96];
    Tensor t;
    snprintf(name, sizeof name, "grad:%s", n->io.names[k]);
    if (!in || !safetensors_find(in, name, &t)) return NULL;
    if (!shape_equal(t.shape, s) || !is_float(t.type))
        return graph_fail(g, "%s is %s %s, expected F32 %s", name, dtype_name(t.type), shape_text(t.shape, got),
                          shape_text(s, want));
    return graph_input(g, arena_printf(n->mem, "cotangent:%s", n->io.names[k]), JIG_F32, s);
}

static void check_cotangents(NetIo *io, const SafeTensors *in)
{
    for (int i = 0; i < safetensors_count(in); i++) {
        const char *name = safetensors_name(in, i);
        bool known = strncmp(name, "grad:", 5) != 0;
        for (int k = 0; k < io->n_results; k++) known = known || !strcmp(name + 5, io->names[k]);
        if (!known) graph_fail(io->g, "%s: there is no result of that name", name);
    }
}

static bool add_gradients(NetAlone *n, const SafeTensors *in)
{
    Graph *g = n->io.g;
    Node *loss = NULL, *wrt[MAX_INPUTS];
    int n_wrt = 0;
    for (int k = 0; k < n->io.n_results; k++) {
        Node *r = n->io.results[k], *w = cotangent(n, in, k);
        if (!r) return false;
        Node *sum = op_sum(g, w ? op_mul(g, r, w) : r, (1u << node_shape(r).n) - 1);
        sum = op_reshape(g, sum, SHAPE(1));
        loss = loss ? op_add(g, loss, sum) : sum;
    }
    for (int i = 0; i < n->c->n_inputs; i++)
        if (n->io.outside[i] && n->io.used[i] && is_float(n->c->inputs[i].type)) wrt[n_wrt++] = n->io.outside[i];
    return graph_grad(g, loss, wrt, NULL, n_wrt);
}

bool net_plan(NetAlone *n, const Device *device, DType compute, const SafeTensors *in, bool grad, Err *e)
{
    const NetClass *c = n->c;
    if (in && !check_inputs(c, in, e)) return false;
    graph_destroy(n->io.g);
    n->io = (NetIo){.mem = n->mem, .g = graph_create(device, compute), .c = c};
    for (int i = 0; i < c->n_inputs; i++) {
        Tensor t = {0};
        if (in ? !safetensors_find(in, c->inputs[i].name, &t) : c->inputs[i].optional) continue;
        declare_input(&n->io, i, in ? t.shape : c->typical(n->config, i));
    }
    c->build(n->io.g, n->net, &n->io);
    if (in) check_cotangents(&n->io, in);
    if (grad) add_gradients(n, in); /* its mistakes are reported by the plan */
    n->grad = grad;
    return graph_plan(n->io.g, e) || err_context(e, "%s", c->name);
}

static bool set_one(NetAlone *n, const char *name, const char *in_file, const SafeTensors *in, Node *node, Err *e)
{
    Tensor t = {JIG_F32};
    Shape s = node_shape(node);
    if (!in) {
        size_t bytes = (size_t)shape_count(s) * sizeof(float);
        void *zeros = mem_try(bytes);
        if (!zeros) return err_set(e, "no memory for the input %s", name);
        memset(zeros, 0, bytes);
        graph_set(n->io.g, name, zeros, node_type(node)); /* no type is wider than F32 here */
        mem_free(zeros);
        return true;
    }
    char got[96], want[96];
    if (!safetensors_find(in, in_file, &t) || !shape_equal(t.shape, s))
        return err_set(e, "%s: %s is %s, the network was planned for %s", n->c->name, in_file, shape_text(t.shape, got),
                       shape_text(s, want));
    return graph_set(n->io.g, name, t.data, t.type);
}

bool net_set(NetAlone *n, const SafeTensors *in, Err *e)
{
    for (int i = 0; i < n->c->n_inputs; i++) {
        const char *name = n->c->inputs[i].name;
        if (n->io.outside[i] && !set_one(n, name, name, in, n->io.outside[i], e)) return false;
    }
    for (int k = 0; n->grad && in && k < n->io.n_results; k++) {
        const char *name = arena_printf(n->mem, "cotangent:%s", n->io.names[k]);
        const char *in_file = arena_printf(n->mem, "grad:%s", n->io.names[k]);
        Tensor t;
        if (safetensors_find(in, in_file, &t) && !set_one(n, name, in_file, in, n->io.results[k], e)) return false;
    }
    return true;
}

bool net_run(NetAlone *n, Err *e)
{
    return graph_run(n->io.g, e);
}

static NamedTensor take(NetAlone *n, Arena *a, const char *name, Node *node)
{
    Shape s = node_shape(node);
    float *data = arena_alloc(a, (size_t)shape_count(s) * sizeof *data);
    graph_get(n->io.g, name, data);
    return (NamedTensor){name, {JIG_F32, s, data}};
}

NamedTensor *net_results(NetAlone *n, Arena *a, int *count)
{
    int params = n->grad ? params_count(n->ps) : 0, k = 0;
    NamedTensor *out = arena_alloc(a, (size_t)(MAX_RESULTS + MAX_INPUTS + params) * sizeof *out);
    for (int i = 0; i < n->io.n_results; i++) out[k++] = take(n, a, n->io.names[i], n->io.results[i]);
    for (int i = 0; n->grad && i < n->c->n_inputs; i++)
        if (n->io.outside[i] && n->io.used[i] && is_float(n->c->inputs[i].type))
            out[k++] = take(n, a, arena_printf(a, "grad:%s", n->c->inputs[i].name), n->io.outside[i]);
    for (int i = 0; i < params; i++) {
        const Param *p = params_at(n->ps, i);
        if (p->grad) out[k++] = (NamedTensor){arena_printf(a, "grad:%s", p->name), {JIG_F32, p->value.shape, p->grad}};
    }
    *count = k;
    return out;
}
