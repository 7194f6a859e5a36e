/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig net NAME`: one network alone on tensors from a file, in its published names and layouts, so that anyone can
 * compare it with a reference. Without NAME: the networks there are. Without --in: what a network consists of and what
 * it takes.
 */
#include "api/api.h"
#include "encoders/encoders.h"
#include "models/articulated/nets.h"
#include "models/dabfusion/dabfusion.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static const NetList *const lists[] = {&articulated_nets, &dabfusion_nets, &encoder_nets};

typedef struct NetOptions {
    const char *config, *weights, *prefix, *in, *output, *device;
    int compute;
    bool grad, dry_run, profile;
    int64_t threads, repeat, seed;
} NetOptions;

static const Option rows[] = {
    {"config", 'c', OPT_TEXT, offsetof(NetOptions, config), 0, 0, NULL, NULL, "FILE.json", "sizes of the network; else those of the weights' metadata, else the published ones"},
    {"weights", 'w', OPT_TEXT, offsetof(NetOptions, weights), 0, 0, NULL, NULL, "FILE", "its parameters under their published names"},
    {"prefix", 0, OPT_TEXT, offsetof(NetOptions, prefix), 0, 0, NULL, NULL, "TEXT", "what stands before the names in the weights; found by itself when not given"},
    {"in", 'i', OPT_TEXT, offsetof(NetOptions, in), 0, 0, NULL, NULL, "FILE.safetensors", "the inputs; with --grad also cotangents grad:RESULT"},
    OPT_OUTPUT(NetOptions, "where the results go, as F32 safetensors"),
    {"grad", 'g', OPT_BOOL, offsetof(NetOptions, grad), 0, 0, NULL, NULL, NULL, "also gradients of all parameters and inputs, as grad:NAME; of the sum over all results of result * grad:RESULT (1 where --in has none)"},
    {"compute", 0, OPT_CHOICE, offsetof(NetOptions, compute), 0, 0, "f32", "f32|bf16", NULL, "type of the values inside"},
    {"repeat", 0, OPT_INT, offsetof(NetOptions, repeat), 1, 100000, "1", NULL, "N", "run it N times and show the fastest"},
    {"profile", 0, OPT_BOOL, offsetof(NetOptions, profile), 0, 0, NULL, NULL, NULL, "time of every kind of operation"},
    {"dry-run", 'n', OPT_BOOL, offsetof(NetOptions, dry_run), 0, 0, NULL, NULL, NULL, "show parameters, inputs and memory; run nothing"},
    {"seed", 's', OPT_INT, offsetof(NetOptions, seed), -1, 9007199254740991.0, "-1", NULL, "N", "run with random parameters of this seed instead of --weights"},
    OPT_DEVICE(NetOptions),
    OPT_THREADS(NetOptions),
};

/* ---- which networks there are ------------------------------------------------------------------------------------ */

static const NetClass *class_at(int i)
{
    for (size_t l = 0; l < ARRAY_LEN(lists); i -= lists[l++]->n)
        if (i < lists[l]->n) return lists[l]->rows[i];
    return NULL;
}

static const NetClass *find(const char *name, Err *e)
{
    Text names = {0};
    const NetClass *c;
    for (int i = 0; (c = class_at(i)); i++) {
        if (!strcmp(c->name, name)) break;
        text_add(&names, "%s%s", i ? ", " : "", c->name);
    }
    if (!c) err_set(e, "there is no network '%s'; there are: %s", name, names.s);
    text_finish(&names);
    return c;
}

static void put_json(jig_job *job, cJSON *o)
{
    char *s = cJSON_PrintUnformatted(o);
    text_add(&job->json, "%s", s);
    cJSON_free(s);
    cJSON_Delete(o);
}

static bool list(jig_job *job)
{
    cJSON *o = cJSON_CreateObject();
    const NetClass *c;
    for (int i = 0; (c = class_at(i)); i++) {
        text_add(&job->text, "%-24s %s\n", c->name, c->summary);
        cJSON_AddStringToObject(o, c->name, c->summary);
    }
    put_json(job, o);
    return true;
}

/* ---- what a network is ------------------------------------------------------------------------------------------- */

static void describe_params(Text *t, cJSON *o, ParamSet *ps)
{
    char shape[96];
    cJSON *list = cJSON_AddObjectToObject(o, "parameters");
    text_add(t, "%d parameters, %.3f million numbers\n", params_count(ps), (double)params_size(ps) * 1e-6);
    for (int i = 0; i < params_count(ps); i++) {
        const Param *p = params_at(ps, i);
        text_add(t, "  %-20s %s\n", shape_text(p->value.shape, shape), p->name);
        cJSON_AddStringToObject(list, p->name, shape_text(p->value.shape, shape));
    }
}

static void describe_inputs(Text *t, cJSON *o, const NetClass *c, const void *config)
{
    char shape[96];
    cJSON *list = cJSON_AddObjectToObject(o, "inputs");
    text_add(t, "inputs\n");
    for (int i = 0; i < c->n_inputs; i++) {
        const NetInput *in = &c->inputs[i];
        const char *type = in->type == JIG_BF16 ? "F32" : dtype_name(in->type);
        text_add(t, "  %-4s %-24s %s%s, usually %s\n", type, in->shape, in->name, in->optional ? " (may be absent)" : "",
                 shape_text(c->typical(config, i), shape));
        cJSON_AddStringToObject(list, in->name, in->shape);
    }
}

static void describe_cost(Text *t, cJSON *o, NetAlone *n, bool grad)
{
    double weights = 0, values = (double)graph_bytes(net_graph(n)), flops = graph_flops(net_graph(n));
    for (int i = 0; i < params_count(net_params(n)); i++) {
        const Param *p = params_at(net_params(n), i);
        weights += (double)tensor_bytes(&p->value) * (grad ? 2 : 1);
    }
    text_add(t, "memory: %.1f MB parameters%s, %.1f MB values; %.2f GFLOP a run%s\n", weights * 1e-6,
             grad ? " and gradients" : "", values * 1e-6, flops * 1e-9, grad ? " with gradients" : "");
    cJSON_AddNumberToObject(o, "parameter_bytes", weights);
    cJSON_AddNumberToObject(o, "value_bytes", values);
    cJSON_AddNumberToObject(o, "gflop", flops * 1e-9);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool run_timed(jig_job *job, NetAlone *n, const NetOptions *o, double *best, Err *e)
{
    Progress progress = api_progress(job);
    *best = INFINITY;
    graph_profile(net_graph(n), o->profile);
    for (int64_t i = 0; i < o->repeat; i++) {
        double start = clock_seconds();
        if (!net_run(n, e)) return false;
        *best = MIN(*best, clock_seconds() - start);
        if (!progress_tick(&progress, "running", (double)(i + 1), (double)o->repeat)) return err_cancel(e);
    }
    if (o->profile) graph_profile_report(net_graph(n), &job->text);
    return true;
}

/* mean; root mean square; the first three; the last: the rows that specifications quote. */
static void describe_values(Text *t, const NamedTensor *r)
{
    char shape[96];
    const float *x = r->t.data;
    int64_t n = shape_count(r->t.shape);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    text_add(t, "  %-24s %s  mean %.8g  rms %.8g  first %.8g", r->name, shape_text(r->t.shape, shape), sum / (double)n,
             sqrt(squares / (double)n), (double)x[0]);
    for (int64_t i = 1; i < MIN(n, 3); i++) text_add(t, ", %.8g", (double)x[i]);
    text_add(t, "  last %.8g\n", (double)x[n - 1]);
}

static bool results(jig_job *job, NetAlone *n, const NetOptions *o, cJSON *json, Err *e)
{
    int count;
    NamedTensor *r = net_results(n, job->arena, &count);
    cJSON *list = cJSON_AddObjectToObject(json, "results");
    char shape[96];
    text_add(&job->text, "results\n");
    for (int i = 0; i < count; i++) {
        if (strncmp(r[i].name, "grad:", 5)) describe_values(&job->text, &r[i]);
        cJSON_AddStringToObject(list, r[i].name, shape_text(r[i].t.shape, shape));
    }
    return !o->output || safetensors_write(o->output, r, count, NULL, 0, e);
}

static bool work(jig_job *job, const NetOptions *o, NetAlone *n, const SafeTensors *weights, const SafeTensors *in,
                 cJSON *json, Err *e)
{
    const NetClass *c = find(job->arguments[0], e);
    const Device *device = device_open(o->device, e);
    bool dry = o->dry_run || !o->in, values = weights || o->grad || o->seed >= 0;
    if (!device || (values && !net_fill(n, weights, o->prefix, o->grad, (uint64_t)MAX(o->seed, 0), e)) ||
        !net_plan(n, device, o->compute ? JIG_BF16 : JIG_F32, in, o->grad, e))
        return false;
    if (dry) {
        describe_params(&job->text, json, net_params(n));
        describe_inputs(&job->text, json, c, net_config(n));
    }
    describe_cost(&job->text, json, n, o->grad);
    if (o->dry_run || (dry && !values)) return true;
    double seconds;
    if (!net_set(n, in, e) || !run_timed(job, n, o, &seconds, e)) return false;
    text_add(&job->text, "run in %.4f s, %.1f GFLOP/s\n", seconds, graph_flops(net_graph(n)) / seconds * 1e-9);
    cJSON_AddNumberToObject(json, "seconds", seconds);
    return dry || results(job, n, o, json, e);
}

static bool check(const NetOptions *o, Err *e)
{
    if (o->output && !o->in) return err_set(e, "-o needs inputs: give --in FILE.safetensors");
    if (o->in && !o->weights && o->seed < 0 && !o->dry_run)
        return err_set(e, "--in needs parameters: give --weights FILE, or --seed N for random ones");
    if (o->weights && o->seed >= 0) return err_set(e, "--weights and --seed exclude each other");
    return true;
}

static bool run(jig_job *job, void *options, Err *e)
{
    const NetOptions *o = options;
    if (!job->n_arguments) return list(job);
    threads_set((int)o->threads);
    const NetClass *c = find(job->arguments[0], e);
    if (!c || !check(o, e)) return false;
    char *text = NULL;
    size_t size;
    SafeTensors *weights = NULL, *in = NULL;
    NetAlone *n = NULL;
    cJSON *json = cJSON_CreateObject();
    bool ok = !o->config || file_read(o->config, 1 << 20, &text, &size, e);
    ok = ok && (!o->weights || (weights = weights_open(o->weights, e)) != NULL);
    ok = ok && (!o->in || (in = safetensors_open(o->in, e)) != NULL);
    ok = ok && (n = net_create(c, text, weights, e)) != NULL;
    ok = ok && work(job, o, n, weights, in, json, e);
    if (ok) put_json(job, json);
    else cJSON_Delete(json);
    net_destroy(n);
    safetensors_close(weights);
    safetensors_close(in);
    mem_free(text);
    return ok;
}

const Command command_net = {
    .name = "net", .arguments = "[NAME]", .summary = "run one network alone, to compare it with a reference",
    .details = "Without NAME: the networks there are. Without --in (or with --dry-run): parameters, inputs, memory of NAME; with --seed or\n"
               "--weights also its speed on zeros of the usual shape.\n"
               "With --in and --weights the network runs on the tensors of a file, in its published names and layouts:\n"
               "    jig net NAME --config C.json --weights W.safetensors --in IN.safetensors -o OUT.safetensors --grad",
    .min_arguments = 0, .max_arguments = 1, .rows = rows, .n_rows = ARRAY_LEN(rows), .options_size = sizeof(NetOptions), .run = run,
};
