/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig convert IN OUT`: published weights as safetensors, under their own names. Nothing in IN is run.
 */
#include "api/api.h"
#include "tensor/tensor.h"

#include <string.h>

typedef struct ConvertOptions { const char *only, *strip; } ConvertOptions;

static const Option rows[] = {
    {"only", 0, OPT_TEXT, offsetof(ConvertOptions, only), 0, 0, NULL, NULL, "PREFIX", "only tensors whose names begin so"},
    {"strip", 0, OPT_TEXT, offsetof(ConvertOptions, strip), 0, 0, NULL, NULL, "PREFIX", "take this beginning away from the names that have it"},
};

static bool starts(const char *name, const char *prefix)
{
    return !prefix || !strncmp(name, prefix, strlen(prefix));
}

/* The tensors that are wanted, under their new names; how many, 0 with a message. */
static int choose(const SafeTensors *st, const ConvertOptions *o, NamedTensor *out, Err *e)
{
    int n = 0;
    for (int i = 0; i < safetensors_count(st); i++) {
        const char *name = safetensors_name(st, i);
        if (!starts(name, o->only)) continue;
        if (o->strip && starts(name, o->strip)) name += strlen(o->strip);
        if (!*name) {
            err_set(e, "--strip %s leaves nothing of the name of a tensor", o->strip);
            return 0;
        }
        out[n++] = (NamedTensor){name, safetensors_tensor(st, i)};
    }
    if (!n) err_set(e, "no tensor's name begins with --only %s; 'jig info --all' lists them", o->only ? o->only : "");
    return n;
}

static bool write(jig_job *job, const SafeTensors *st, const ConvertOptions *o, Err *e)
{
    int count = safetensors_count(st), n_meta = safetensors_meta_count(st);
    NamedTensor *ts = arena_alloc(job->arena, (size_t)(count + 1) * sizeof *ts);
    MetaPair *meta = arena_alloc(job->arena, (size_t)(n_meta + 1) * sizeof *meta);
    for (int i = 0; i < n_meta; i++) safetensors_meta_at(st, i, &meta[i].key, &meta[i].value);
    int n = choose(st, o, ts, e);
    if (!n || !safetensors_write(job->arguments[1], ts, n, meta, n_meta, e)) return false;
    double bytes = 0;
    for (int i = 0; i < n; i++) bytes += (double)tensor_bytes(&ts[i].t);
    text_add(&job->text, "%s: %d tensors, %.1f MB\n", job->arguments[1], n, bytes * 1e-6);
    text_add(&job->json, "{\"tensors\": %d, \"bytes\": %.0f}", n, bytes);
    return true;
}

static bool run(jig_job *job, void *options, Err *e)
{
    SafeTensors *st = weights_open(job->arguments[0], e);
    bool ok = st && write(job, st, options, e);
    safetensors_close(st);
    return ok;
}

const Command command_convert = {
    .name = "convert", .arguments = "IN OUT", .summary = "published weights (.pt, .pth, .bin) as safetensors",
    .details = "IN is a file of PyTorch's or safetensors; only tensors and plain containers are read from it, and nothing is run.\n"
               "Names stay as they are: the keys on the way to a tensor, joined by dots. 'jig info --all IN' lists them.",
    .min_arguments = 2, .max_arguments = 2, .rows = rows, .n_rows = ARRAY_LEN(rows), .options_size = sizeof(ConvertOptions), .run = run,
};
