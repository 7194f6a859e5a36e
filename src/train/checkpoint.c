/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints: everything that an exact resume needs in one safetensors file, written beside its place and renamed. The
 * data position follows from the step and the seed. The blocks are stored whole; a fingerprint of all parameter names
 * and shapes guards against loading them into another network. Also the export: the EMA as the network's weight file.
 */
#include "train/train_internal.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_META = 32 };

static char *state_path(Arena *a, const char *run) { return arena_printf(a, "%s/checkpoint/state.safetensors", run); }

static uint64_t fingerprint(const ParamSet *ps)
{
    Text t = {0};
    char shape[96];
    for (int i = 0; i < params_count(ps); i++)
        text_add(&t, "%s %s\n", params_at(ps, i)->name, shape_text(params_at(ps, i)->value.shape, shape));
    uint64_t hash = rng_hash(t.s, t.len);
    text_finish(&t);
    return hash;
}

bool checkpoint_exists(const char *run)
{
    Arena *a = arena_create();
    bool exists = file_exists(state_path(a, run));
    arena_destroy(a);
    return exists;
}

bool checkpoint_save(const char *run, const TrainTask *task, const Optimizer *o, TrainPosition at, Err *e)
{
    Arena *a = arena_create();
    const char *folder = arena_printf(a, "%s/checkpoint", run);
    Shape shape = SHAPE(o->n);
    NamedTensor blocks[] = {{"weights", {JIG_F32, shape, params_block(o->ps)}},
                            {"adam.m", {JIG_F32, shape, o->m}},
                            {"adam.v", {JIG_F32, shape, o->v}},
                            {"ema", {JIG_F32, shape, o->ema}}};
    MetaPair meta[] = {{"format", "jig training state 1"},
                       {"task", task->name},
                       {"layout", arena_printf(a, "%016llx", (unsigned long long)fingerprint(o->ps))},
                       {"step", arena_printf(a, "%lld", (long long)at.step)},
                       {"batches", arena_printf(a, "%lld", (long long)params_batches(o->ps))},
                       {"updates", arena_printf(a, "%lld", (long long)o->steps)},
                       {"seconds", arena_printf(a, "%.17g", at.seconds)}};
    bool ok = file_make_dir(folder, e) &&
              safetensors_write(state_path(a, run), blocks, ARRAY_LEN(blocks), meta, ARRAY_LEN(meta), e);
    arena_destroy(a);
    return ok;
}

static bool read_number(const SafeTensors *st, const char *key, double *out, Err *e)
{
    const char *text = safetensors_meta(st, key);
    if (text && text_to_double(text, out) && *out >= 0 && *out < 9e15)
        return true;
    return err_set(e, "checkpoint: \"%s\" is %s (a number from 0 is needed)", key, text ? text : "missing");
}

static bool read_block(const SafeTensors *st, const char *name, float *out, int64_t n, Err *e)
{
    Tensor t;
    if (!safetensors_find(st, name, &t))
        return err_set(e, "checkpoint: tensor \"%s\" is missing", name);
    if (t.type != JIG_F32 || shape_count(t.shape) != n)
        return err_set(e, "checkpoint: \"%s\" holds %lld %s, expected %lld F32", name, (long long)shape_count(t.shape),
                       dtype_name(t.type), (long long)n);
    memcpy(out, t.data, (size_t)n * sizeof *out);
    return true;
}

static bool read_state(const SafeTensors *st, const TrainTask *task, Optimizer *o, TrainPosition *at, Err *e)
{
    const char *name = safetensors_meta(st, "task"), *layout = safetensors_meta(st, "layout");
    char expected[32];
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)fingerprint(o->ps));
    if (!name || strcmp(name, task->name))
        return err_set(e, "checkpoint is of task \"%s\", not of \"%s\"", name ? name : "?", task->name);
    if (!layout || strcmp(layout, expected))
        return err_set(e, "checkpoint is of a network with other layers or sizes; use the options of that run");
    double step, updates, seconds;
    if (!read_number(st, "step", &step, e) || !read_number(st, "updates", &updates, e) ||
        !read_number(st, "seconds", &seconds, e))
        return false;
    *at = (TrainPosition){(int64_t)step, seconds};
    o->steps = (int64_t)updates;
    double batches;
    bool tracked = safetensors_meta(st, "batches") != NULL; /* older checkpoints have none */
    if (tracked && !read_number(st, "batches", &batches, e))
        return false;
    params_set_batches(o->ps, tracked ? (int64_t)batches : o->steps);
    return read_block(st, "weights", params_block(o->ps), o->n, e) && read_block(st, "adam.m", o->m, o->n, e) &&
           read_block(st, "adam.v", o->v, o->n, e) && read_block(st, "ema", o->ema, o->n, e);
}

bool checkpoint_load(const char *run, const TrainTask *task, Optimizer *o, TrainPosition *at, Err *e)
{
    Arena *a = arena_create();
    const char *path = state_path(a, run);
    SafeTensors *st = safetensors_open(path, e);
    bool ok = st && (read_state(st, task, o, at, e) || err_context(e, "%s", path));
    safetensors_close(st);
    arena_destroy(a);
    return ok;
}

bool checkpoint_export(const char *run, const TrainTask *task, void *net, const Optimizer *o, TrainPosition at, Err *e)
{
    Arena *a = arena_create();
    MetaPair meta[MAX_META];
    int n = task->describe ? task->describe(net, a, meta, MAX_META - 2) : 0;
    meta[n++] = (MetaPair){"training.steps", arena_printf(a, "%lld", (long long)at.step)};
    meta[n++] = (MetaPair){"training.minutes", arena_printf(a, "%.1f", at.seconds / 60)};
    bool ok = params_save(o->ps, NULL, arena_printf(a, "%s/weights.safetensors", run), JIG_BF16, meta, n, e);
    arena_destroy(a);
    return ok;
}
