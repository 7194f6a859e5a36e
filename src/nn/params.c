/* SPDX-License-Identifier: Apache-2.0
 *
 * params: a set of named parameters. Under training and after a converting load their values lie in one f32 block in
 * the order of params_add, and their gradients in another of the same layout. Mapped parameters point into the file,
 * which must then stay open; what cannot be used there (F16, values not aligned for their type) is converted into
 * memory of the set.
 */
#include "nn/nn.h"

#include <assert.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>

enum { LISTED = 10, MAX_PARTS = 4 };

typedef struct Entry {
    Param p;
    Init init;
    double fan_in;
    int64_t at; /* in the block */
    void *own;  /* converted or joined copy of a mapped value */
    const char *parts[MAX_PARTS]; /* other names in files */
    int n_parts;
} Entry;

struct ParamSet {
    Arena *mem;
    Entry **entries;
    int n, cap;
    int64_t size, batches;
    float *block, *grads;
    const char **ignored; /* patterns */
    int n_ignored;
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
    mem_free(ps->ignored);
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

static Entry *find(const ParamSet *ps, const char *name)
{
    for (int i = 0; i < ps->n; i++)
        if (!strcmp(ps->entries[i]->p.name, name)) return ps->entries[i];
    return NULL;
}

Param *params_find(const ParamSet *ps, const char *name)
{
    Entry *entry = find(ps, name);
    return entry ? &entry->p : NULL;
}

void params_ignore(ParamSet *ps, const char *pattern)
{
    ps->ignored = mem_resize(ps->ignored, (size_t)(ps->n_ignored + 1) * sizeof *ps->ignored);
    ps->ignored[ps->n_ignored++] = arena_strdup(ps->mem, pattern);
}

void params_alias(ParamSet *ps, const char *name, int n, const char *const *others)
{
    Entry *entry = find(ps, name);
    assert(entry && n >= 1 && n <= MAX_PARTS && !entry->n_parts);
    for (int i = 0; i < n; i++) entry->parts[i] = arena_strdup(ps->mem, others[i]);
    entry->n_parts = n;
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

int64_t params_batches(const ParamSet *ps)
{
    return ps->batches;
}

void params_set_batches(ParamSet *ps, int64_t n)
{
    ps->batches = n;
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
        en->p.grad = training && (en->p.trainable || en->p.running) ? ps->grads + en->at : NULL;
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

/* Batch norm's counter beside its statistics. All layers of a set count the same steps, so the set holds one number. */
static const char counter[] = "num_batches_tracked", counted[] = "running_var";

static int64_t read_batches(const SafeTensors *st, const char *prefix)
{
    for (int i = 0; i < safetensors_count(st); i++) {
        const char *name = safetensors_name(st, i);
        Tensor t = safetensors_tensor(st, i);
        int64_t n;
        if (strncmp(name, prefix, strlen(prefix)) || !text_ends_with(name, counter) || t.type != JIG_I64 ||
            shape_count(t.shape) != 1)
            continue;
        memcpy(&n, t.data, sizeof n);
        return MAX(n, 0);
    }
    return 0;
}

/* What stands in the file for one parameter: a tensor of its name, or the tensors of its other names. */
typedef struct Found {
    int n;
    Tensor t[MAX_PARTS];
} Found;

static bool look_up(const SafeTensors *st, const char *prefix, const char *name, Tensor *t)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return safetensors_find(st, full, t);
}

static Found look_for(const Entry *en, const SafeTensors *st, const char *prefix)
{
    Found f = {.n = 1};
    if (look_up(st, prefix, en->p.name, &f.t[0])) return f;
    for (f.n = 0; f.n < en->n_parts; f.n++)
        if (!look_up(st, prefix, en->parts[f.n], &f.t[f.n])) return (Found){0};
    return f;
}

/* The shape of the parts laid one after the other along the first axis. */
static Shape joined(const Found *f)
{
    Shape s = f->t[0].shape;
    for (int i = 1; i < f->n; i++) {
        Shape rest = f->t[i].shape;
        if (s.n == 0 || rest.n != s.n) return rest;
        int64_t rows = rest.d[0];
        rest.d[0] = s.d[0];
        if (!shape_equal(rest, s)) return f->t[i].shape;
        s.d[0] += rows;
    }
    return s;
}

/* A tensor of the file that no parameter is to be read from. Batch norm's counter is read apart. */
static bool unexpected(const ParamSet *ps, const char *name)
{
    if (text_ends_with(name, counter) || find(ps, name)) return false;
    for (int i = 0; i < ps->n_ignored; i++)
        if (!fnmatch(ps->ignored[i], name, 0)) return false;
    for (int i = 0; i < ps->n; i++)
        for (int k = 0; k < ps->entries[i]->n_parts; k++)
            if (!strcmp(ps->entries[i]->parts[k], name)) return false;
    return true;
}

static void compare(const ParamSet *ps, const SafeTensors *st, const char *prefix, Mismatches *m)
{
    char want[96], got[96];
    for (int i = 0; i < ps->n; i++) {
        const Param *p = &ps->entries[i]->p;
        Found f = look_for(ps->entries[i], st, prefix);
        Shape shape = f.n ? joined(&f) : (Shape){0};
        bool floats = true;
        for (int k = 0; k < f.n; k++) floats = floats && is_float(f.t[k].type);
        if (!f.n)
            mismatch(m, "%s%s is missing", prefix, p->name);
        else if (!shape_equal(shape, p->value.shape))
            mismatch(m, "%s%s is %s, expected %s", prefix, p->name, shape_text(shape, got),
                     shape_text(p->value.shape, want));
        else if (!floats)
            mismatch(m, "%s%s is %s, expected F32, BF16 or F16", prefix, p->name, dtype_name(f.t[0].type));
    }
    size_t skip = strlen(prefix);
    for (int i = 0; i < safetensors_count(st); i++) {
        const char *name = safetensors_name(st, i);
        if (!strncmp(name, prefix, skip) && unexpected(ps, name + skip)) mismatch(m, "%s is not expected", name);
    }
}

static void convert_parts(DType type, void *to, const Found *f)
{
    for (int i = 0; i < f->n; i++) {
        int64_t count = shape_count(f->t[i].shape);
        tensor_convert(type, to, f->t[i].type, f->t[i].data, count);
        to = (char *)to + (size_t)count * dtype_size(type);
    }
}

/* Points the parameter into the file where it can be used there, else at a copy that the set owns. */
static bool map_value(Entry *en, const Found *f, Err *e)
{
    Tensor t = f->t[0];
    bool usable = f->n == 1 && t.type != JIG_F16 && (uintptr_t)t.data % dtype_size(t.type) == 0;
    DType type = t.type == JIG_F16 ? JIG_F32 : t.type;
    for (int i = 1; i < f->n; i++)
        if (f->t[i].type != type) type = JIG_F32;
    size_t count = (size_t)shape_count(en->p.value.shape), bytes;
    mem_free(en->own);
    en->own = NULL;
    if (!usable) {
        if (!mem_product(&bytes, 2, count, dtype_size(type)) || !(en->own = mem_try(bytes)))
            return err_set(e, "memory for %s (%zu values) cannot be had", en->p.name, count);
        convert_parts(type, en->own, f);
    }
    en->p.value = (Tensor){type, en->p.value.shape, usable ? t.data : en->own};
    en->p.trainable = false;
    en->p.grad = NULL;
    return true;
}

bool params_load(ParamSet *ps, const SafeTensors *st, const char *prefix, bool map, Err *e)
{
    Mismatches m = {0};
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
        Found f = look_for(en, st, prefix);
        if (!map) convert_parts(JIG_F32, en->p.value.data, &f);
        else if (!map_value(en, &f, e)) return false;
    }
    ps->batches = read_batches(st, prefix);
    return true;
}

const char *params_prefix(const ParamSet *ps, const SafeTensors *st, Arena *a)
{
    for (int i = 0; i < ps->n; i++) {
        const Entry *en = ps->entries[i];
        for (int k = -1; k < en->n_parts; k++) {
            const char *name = k < 0 ? en->p.name : en->parts[k];
            size_t tail = strlen(name);
            for (int j = 0; j < safetensors_count(st); j++) {
                const char *full = safetensors_name(st, j);
                size_t n = strlen(full);
                bool ends = n >= tail && !strcmp(full + n - tail, name) && (n == tail || full[n - tail - 1] == '.');
                if (!ends) continue;
                char *prefix = arena_strdup(a, full);
                prefix[n - tail] = 0;
                return prefix;
            }
        }
    }
    return "";
}

/* Running statistics stay f32: a mean rounded to bf16 may be off by more than the deviation beside it. */
static DType saved_type(const Param *p, DType type)
{
    return p->running ? JIG_F32 : type;
}

/* The counters that PyTorch keeps beside running statistics, as it names and types them. */
static int add_counters(ParamSet *ps, Arena *a, NamedTensor *out)
{
    int n = 0;
    for (int i = 0; i < ps->n; i++) {
        const Param *p = &ps->entries[i]->p;
        if (!p->running || !text_ends_with(p->name, counted)) continue;
        int stem = (int)(strlen(p->name) - strlen(counted));
        out[n++] = (NamedTensor){arena_printf(a, "%.*s%s", stem, p->name, counter), {JIG_I64, {0}, &ps->batches}};
    }
    return n;
}

bool params_save(ParamSet *ps, const float *values, const char *path, DType type, const MetaPair *meta, int n_meta,
                 Err *e)
{
    assert(type == JIG_F32 || type == JIG_BF16);
    size_t bytes, at = 0;
    char *all = mem_product(&bytes, 2, (size_t)ps->size, sizeof(float)) ? mem_try(bytes) : NULL;
    if (!all) return err_set(e, "memory to write %lld parameters cannot be had", (long long)ps->size);
    NamedTensor *ts = mem_alloc((size_t)MAX(2 * ps->n, 1) * sizeof *ts);
    for (int i = 0; i < ps->n; i++) {
        const Entry *en = ps->entries[i];
        Tensor from = values ? (Tensor){JIG_F32, en->p.value.shape, (void *)(values + en->at)} : en->p.value;
        Tensor to = {saved_type(&en->p, type), from.shape, all + at};
        assert(from.data);
        tensor_convert(to.type, to.data, from.type, from.data, shape_count(from.shape));
        at += (tensor_bytes(&to) + 3) / 4 * 4;
        ts[i] = (NamedTensor){en->p.name, to};
    }
    Arena *names = arena_create();
    int n = ps->n + add_counters(ps, names, ts + ps->n);
    bool ok = safetensors_write(path, ts, n, meta, n_meta, e);
    arena_destroy(names);
    mem_free(ts);
    mem_free(all);
    return ok;
}
