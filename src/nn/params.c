/* SPDX-License-Identifier: Apache-2.0
 *
 * params: a set of named parameters. Under training and after a converting load their values lie in one f32 block in
 * the order of params_add, and their gradients in another of the same layout. Mapped parameters point into the file,
 * which must then stay open; what cannot be used there (F16, values not aligned for their type) is converted into
 * memory of the set.
 */
#include "nn/nn.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { LISTED = 10 };

typedef struct Entry {
    Param p;
    Init init;
    double fan_in;
    int64_t at; /* in the block */
    void *own;  /* converted copy of a mapped value */
} Entry;

struct ParamSet {
    Arena *mem;
    Entry **entries;
    int n, cap;
    int64_t size;
    float *block, *grads;
};

ParamSet *params_create(void)
{
    ParamSet *ps = mem_zero(sizeof *ps);
    ps->mem = arena_create();
    return ps;
}

void params_destroy(ParamSet *ps)
{
    if (!ps) return;
    for (int i = 0; i < ps->n; i++) mem_free(ps->entries[i]->own);
    mem_free(ps->entries);
    mem_free(ps->block);
    mem_free(ps->grads);
    arena_destroy(ps->mem);
    mem_free(ps);
}

Param *params_add(ParamSet *ps, const char *name, Shape s, Init init, double fan_in, bool decay)
{
    assert(!ps->block && !params_find(ps, name));
    Entry *entry = arena_alloc(ps->mem, sizeof *entry);
    int64_t count = shape_count(s);
    if (fan_in <= 0) fan_in = s.n > 1 ? (double)count / (double)s.d[0] : 1;
    *entry = (Entry){
        .p = {.name = arena_strdup(ps->mem, name), .value = {JIG_F32, s, NULL}, .trainable = true, .decay = decay},
        .init = init,
        .fan_in = fan_in,
        .at = ps->size};
    ps->size += count;
    if (ps->n == ps->cap) {
        ps->cap = MAX(64, 2 * ps->cap);
        ps->entries = mem_resize(ps->entries, (size_t)ps->cap * sizeof *ps->entries);
    }
    ps->entries[ps->n++] = entry;
    return &entry->p;
}

Param *params_find(const ParamSet *ps, const char *name)
{
    for (int i = 0; i < ps->n; i++)
        if (!strcmp(ps->entries[i]->p.name, name)) return &ps->entries[i]->p;
    return NULL;
}

int params_count(const ParamSet *ps)
{
    return ps->n;
}

Param *params_at(const ParamSet *ps, int i)
{
    assert(i >= 0 && i < ps->n);
    return &ps->entries[i]->p;
}

int64_t params_size(const ParamSet *ps)
{
    return ps->size;
}

float *params_block(ParamSet *ps)
{
    return ps->block;
}

float *params_grads(ParamSet *ps)
{
    return ps->grads;
}

/* ---- first values ------------------------------------------------------------------------------------------------ */

static void fill(const Entry *en, uint64_t seed)
{
    float *w = en->p.value.data, bound = (float)sqrt(1 / en->fan_in);
    int64_t n = shape_count(en->p.value.shape);
    Rng r = rng_make(seed, rng_hash(en->p.name, strlen(en->p.name)));
    switch (en->init) {
    case INIT_NORMAL_02:
        rng_fill_normal(w, (size_t)n, r.seed, r.stream, 0);
        for (int64_t i = 0; i < n; i++) w[i] *= 0.02f;
        break;
    case INIT_KAIMING:
    case INIT_BIAS:
        for (int64_t i = 0; i < n; i++) w[i] = rng_range(&r, -bound, bound);
        break;
    default:
        for (int64_t i = 0; i < n; i++) w[i] = en->init == INIT_ONE ? 1 : 0;
    }
}

static bool make_block(ParamSet *ps, bool training, Err *e)
{
    size_t bytes;
    assert(!ps->block);
    bool fits = mem_product(&bytes, 2, (size_t)ps->size, sizeof(float));
    ps->block = fits ? mem_try(bytes) : NULL;
    ps->grads = ps->block && training ? mem_try(bytes) : NULL;
    if (!ps->block || (training && !ps->grads)) {
        mem_free(ps->block);
        ps->block = NULL;
        return err_set(e, "%lld parameters%s need %.2f GB, %.2f GB can be had", (long long)ps->size,
                       training ? " and their gradients" : "", (double)ps->size * (training ? 8e-9 : 4e-9),
                       (double)mem_available() * 1e-9);
    }
    if (training) memset(ps->grads, 0, bytes);
    for (int i = 0; i < ps->n; i++) {
        Entry *en = ps->entries[i];
        en->p.value.type = JIG_F32;
        en->p.value.data = ps->block + en->at;
        en->p.grad = training && en->p.trainable ? ps->grads + en->at : NULL;
    }
    return true;
}

bool params_allocate(ParamSet *ps, bool training, uint64_t seed, Err *e)
{
    if (!make_block(ps, training, e)) return false;
    for (int i = 0; i < ps->n; i++) fill(ps->entries[i], seed);
    return true;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

typedef struct Mismatches { Text text; int n; } Mismatches;

static void mismatch(Mismatches *m, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void mismatch(Mismatches *m, const char *fmt, ...)
{
    char line[300];
    va_list args;
    if (m->n++ >= LISTED) return;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    text_add(&m->text, "\n  %s", line);
}

static bool is_float(DType t)
{
    return t == JIG_F32 || t == JIG_BF16 || t == JIG_F16;
}

/* The name in the set of a tensor in the file; NULL when it is none of ours. Batch norm's counter is of no use to
 * anyone. */
static const char *our_name(const char *in_file, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(in_file, prefix, n) || text_ends_with(in_file, "num_batches_tracked") ? NULL : in_file + n;
}

static void compare(const ParamSet *ps, const SafeTensors *st, const char *prefix, Mismatches *m)
{
    char want[96], got[96], name[512];
    for (int i = 0; i < ps->n; i++) {
        const Param *p = &ps->entries[i]->p;
        Tensor t;
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        if (!safetensors_find(st, name, &t))
            mismatch(m, "%s is missing", name);
        else if (!shape_equal(t.shape, p->value.shape))
            mismatch(m, "%s is %s, expected %s", name, shape_text(t.shape, got), shape_text(p->value.shape, want));
        else if (!is_float(t.type))
            mismatch(m, "%s is %s, expected F32, BF16 or F16", name, dtype_name(t.type));
    }
    for (int i = 0; i < safetensors_count(st); i++) {
        const char *ours = our_name(safetensors_name(st, i), prefix);
        if (ours && !params_find(ps, ours)) mismatch(m, "%s is not expected", safetensors_name(st, i));
    }
}

/* Points the parameter into the file where it can be used there, else at a copy that the set owns. */
static bool map_value(Entry *en, Tensor t, Err *e)
{
    bool usable = t.type != JIG_F16 && (uintptr_t)t.data % dtype_size(t.type) == 0;
    DType type = t.type == JIG_F16 ? JIG_F32 : t.type;
    size_t count = (size_t)shape_count(t.shape), bytes;
    mem_free(en->own);
    en->own = NULL;
    if (!usable) {
        if (!mem_product(&bytes, 2, count, dtype_size(type)) || !(en->own = mem_try(bytes)))
            return err_set(e, "memory for %s (%zu values) cannot be had", en->p.name, count);
        tensor_convert(type, en->own, t.type, t.data, (int64_t)count);
    }
    en->p.value = (Tensor){type, t.shape, usable ? t.data : en->own};
    en->p.trainable = false;
    en->p.grad = NULL;
    return true;
}

bool params_load(ParamSet *ps, const SafeTensors *st, const char *prefix, bool map, Err *e)
{
    Mismatches m = {0};
    char name[512];
    compare(ps, st, prefix, &m);
    if (m.n) {
        err_set(e, "%d tensor%s of the file do%s not fit the network:%s%s", m.n, m.n == 1 ? "" : "s",
                m.n == 1 ? "es" : "", m.text.s, m.n > LISTED ? "\n  ..." : "");
        text_finish(&m.text);
        return false;
    }
    if (!map && !ps->block && !make_block(ps, false, e)) return false;
    for (int i = 0; i < ps->n; i++) {
        Entry *en = ps->entries[i];
        Tensor t;
        snprintf(name, sizeof name, "%s%s", prefix, en->p.name);
        safetensors_find(st, name, &t);
        if (!map) tensor_convert(JIG_F32, en->p.value.data, t.type, t.data, shape_count(t.shape));
        else if (!map_value(en, t, e)) return false;
    }
    return true;
}

bool params_save(const ParamSet *ps, const float *values, const char *path, DType type, const MetaPair *meta,
                 int n_meta, Err *e)
{
    assert(type == JIG_F32 || type == JIG_BF16);
    size_t bytes;
    char *all = mem_product(&bytes, 2, (size_t)ps->size, dtype_size(type)) ? mem_try(bytes) : NULL;
    if (!all) return err_set(e, "memory to write %lld parameters cannot be had", (long long)ps->size);
    NamedTensor *ts = mem_alloc((size_t)MAX(ps->n, 1) * sizeof *ts);
    for (int i = 0; i < ps->n; i++) {
        const Entry *en = ps->entries[i];
        Tensor from = values ? (Tensor){JIG_F32, en->p.value.shape, (void *)(values + en->at)} : en->p.value;
        void *to = all + (size_t)en->at * dtype_size(type);
        assert(from.data);
        tensor_convert(type, to, from.type, from.data, shape_count(from.shape));
        ts[i] = (NamedTensor){en->p.name, {type, from.shape, to}};
    }
    bool ok = safetensors_write(path, ts, ps->n, meta, n_meta, e);
    mem_free(ts);
    mem_free(all);
    return ok;
}
