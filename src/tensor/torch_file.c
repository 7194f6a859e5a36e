/* SPDX-License-Identifier: Apache-2.0
 *
 * torch_file: weights as torch.save writes them, read without Python and without running anything.
 *
 * Since PyTorch 1.6 a zip archive with stored (never compressed) members: NAME/data.pkl, a pickle of the saved object,
 * and NAME/data/KEY, the bytes of each storage. Before that a stream: three small pickles (a magic number, a version,
 * sizes of the machine), the object, the list of keys, then for each key the number of elements and the bytes. Tensors
 * are windows into storages; dense ones are used where they lie in the mapped file, others (strided, F64, not aligned)
 * are copied.
 *
 * Everything from the file is checked before use: the directory, every member, every window, and how much is copied.
 * Left out: compressed and encrypted members (PyTorch writes none), big-endian files, sums of bytes (CRC).
 */
#include "tensor/pickle.h"
#include "tensor/safetensors_internal.h"

#include <stdlib.h>
#include <string.h>

#define MAX_VISITS 1000000
#define MAX_DEPTH 64
#define MAX_NAMES ((uint64_t)128 << 20)

static const uint8_t zip_start[4] = {'P', 'K', 3, 4};
/* PROTO 2, LONG1 of 10 bytes: 0x1950a86a20f9469cfc6c */
static const uint8_t stream_start[14] = {0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool torch_file_is(const uint8_t *start, size_t n)
{
    return (n >= sizeof zip_start && !memcmp(start, zip_start, sizeof zip_start)) ||
           (n >= sizeof stream_start && !memcmp(start, stream_start, sizeof stream_start));
}

/* ---- zip --------------------------------------------------------------------------------------------------------- */

typedef struct Member { const char *name; uint64_t at, size; } Member; /* `at`: of the local header */

typedef struct Zip {
    const uint8_t *data;
    size_t size;
    Member *members; /* sorted by name */
    int n;
} Zip;

static uint64_t little(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool within(const Zip *z, uint64_t at, uint64_t n)
{
    return at <= z->size && n <= z->size - at;
}

/* The end record: where the directory lies and how many members it names; in zip64 in another record before it. */
static bool find_directory(const Zip *z, uint64_t *at, uint64_t *bytes, uint64_t *count, Err *e)
{
    enum { END = 22, LOCATOR = 20, END64 = 56 };
    if (z->size < END) return err_set(e, "the zip archive is cut short");
    size_t from = z->size - END, least = from > 65535 ? from - 65535 : 0;
    while (memcmp(z->data + from, "PK\5\6", 4) && from > least) from--;
    const uint8_t *end = z->data + from;
    if (memcmp(end, "PK\5\6", 4)) return err_set(e, "the zip archive has no end record: the file is cut short");
    *count = little(end + 10, 2);
    *bytes = little(end + 12, 4);
    *at = little(end + 16, 4);
    if (from >= LOCATOR && !memcmp(end - LOCATOR, "PK\6\7", 4)) {
        uint64_t record = little(end - LOCATOR + 8, 8);
        if (!within(z, record, END64) || memcmp(z->data + record, "PK\6\6", 4))
            return err_set(e, "the zip archive's 64-bit end record is missing");
        *count = little(z->data + record + 32, 8);
        *bytes = little(z->data + record + 40, 8);
        *at = little(z->data + record + 48, 8);
    }
    return within(z, *at, *bytes) || err_set(e, "the zip archive's directory lies outside the file");
}

/* Sizes and offset of 0xffffffff stand in the extra field 1, in this order and only those. */
static bool wide_fields(const uint8_t *extra, size_t n, uint64_t *size, uint64_t *stored, uint64_t *at, Err *e)
{
    uint64_t *fields[] = {size, stored, at};
    for (size_t i = 0; i + 4 <= n;) {
        size_t length = (size_t)little(extra + i + 2, 2);
        if (length > n - i - 4) break;
        const uint8_t *p = extra + i + 4, *end = p + length;
        bool ours = little(extra + i, 2) == 1;
        for (int k = 0; k < 3 && ours; k++) {
            if (*fields[k] != 0xffffffff) continue;
            if (end - p < 8) return err_set(e, "a zip member's 64-bit sizes are cut short");
            *fields[k] = little(p, 8);
            p += 8;
        }
        i += 4 + length;
    }
    return true;
}

static int by_member_name(const void *a, const void *b)
{
    return strcmp(((const Member *)a)->name, ((const Member *)b)->name);
}

static bool read_member(Zip *z, const uint8_t *p, const uint8_t *end, size_t *length, Arena *mem, Err *e)
{
    enum { HEADER = 46 };
    if (end - p < HEADER || memcmp(p, "PK\1\2", 4)) return err_set(e, "the zip archive's directory is damaged");
    size_t name = (size_t)little(p + 28, 2), extra = (size_t)little(p + 30, 2), note = (size_t)little(p + 32, 2);
    *length = HEADER + name + extra + note;
    if (*length > (size_t)(end - p)) return err_set(e, "the zip archive's directory is damaged");
    uint64_t flags = little(p + 8, 2), method = little(p + 10, 2), stored = little(p + 20, 4), size = little(p + 24, 4),
             at = little(p + 42, 4);
    Member *m = &z->members[z->n++];
    m->name = arena_printf(mem, "%.*s", (int)name, (const char *)p + HEADER);
    if (!wide_fields(p + HEADER + name, extra, &size, &stored, &at, e)) return false;
    if (method != 0 || stored != size || flags & 1)
        return err_set(e, "the zip member %.200s is compressed or encrypted: not a file of torch.save", m->name);
    m->at = at;
    m->size = size;
    return true;
}

static bool zip_open(Zip *z, Arena *mem, Err *e)
{
    uint64_t at = 0, bytes = 0, count = 0;
    size_t length = 0;
    if (!find_directory(z, &at, &bytes, &count, e)) return false;
    if (count > bytes / 46)
        return err_set(e, "the zip archive's directory has no room for %llu members", (unsigned long long)count);
    z->members = mem_alloc(sizeof *z->members * (size_t)(count + 1));
    const uint8_t *p = z->data + at, *end = p + bytes;
    for (uint64_t i = 0; i < count; i++, p += length)
        if (!read_member(z, p, end, &length, mem, e)) return false;
    qsort(z->members, (size_t)z->n, sizeof *z->members, by_member_name);
    return true;
}

/* The bytes of a member, behind its local header. */
static bool zip_bytes(const Zip *z, const char *name, const uint8_t **data, uint64_t *size, Err *e)
{
    enum { LOCAL = 30 };
    Member key = {.name = name}, *m = bsearch(&key, z->members, (size_t)z->n, sizeof key, by_member_name);
    if (!m) return err_set(e, "the zip archive has no member %.200s", name);
    if (!within(z, m->at, LOCAL) || memcmp(z->data + m->at, "PK\3\4", 4))
        return err_set(e, "the zip member %.200s is not where the directory says", name);
    uint64_t from = m->at + LOCAL + little(z->data + m->at + 26, 2) + little(z->data + m->at + 28, 2);
    if (!within(z, from, m->size))
        return err_set(e, "the zip member %.200s lies outside the file: it is cut short", name);
    *data = z->data + from;
    *size = m->size;
    return true;
}

/* The part of the names before "data.pkl". */
static const char *archive_name(const Zip *z, Arena *mem, Err *e)
{
    const char *found = NULL;
    for (int i = 0; i < z->n; i++) {
        const char *slash = strchr(z->members[i].name, '/');
        if (!slash || strcmp(slash, "/data.pkl")) continue;
        if (found) return err_set(e, "the zip archive holds two saved objects"), NULL;
        found = arena_printf(mem, "%.*s", (int)(slash - z->members[i].name), z->members[i].name);
    }
    if (!found) err_set(e, "a zip archive without data.pkl: not a file of torch.save");
    return found;
}

static bool give_storage(PickleStorage *s, const uint8_t *data, uint64_t bytes, Err *e)
{
    uint64_t want;
    if (__builtin_mul_overflow((uint64_t)s->count, torch_type_size(s->type), &want) || want > bytes)
        return err_set(e, "storage %.100s has %llu bytes, too few for %lld elements", s->key, (unsigned long long)bytes,
                       (long long)s->count);
    s->data = data;
    return true;
}

static PickleValue *read_zip(SafeTensors *st, Zip *z, Err *e)
{
    const uint8_t *data;
    uint64_t size;
    Pickle p = {0};
    const char *name = zip_open(z, st->mem, e) ? archive_name(z, st->mem, e) : NULL;
    Err absent = {0};
    if (name && zip_bytes(z, arena_printf(st->mem, "%s/byteorder", name), &data, &size, &absent) &&
        !(size >= 6 && !memcmp(data, "little", 6)))
        return err_set(e, "the file is not little-endian"), NULL;
    if (!name || !zip_bytes(z, arena_printf(st->mem, "%s/data.pkl", name), &data, &size, e)) return NULL;
    if (size > PICKLE_MAX)
        return err_set(e, "a pickle of %llu bytes (at most %d)", (unsigned long long)size, PICKLE_MAX), NULL;
    pickle_init(&p, data, (size_t)size, st->mem);
    PickleValue *v = pickle_read(&p, e);
    for (PickleStorage *s = p.storages; s && v; s = s->next) {
        bool ok = zip_bytes(z, arena_printf(st->mem, "%s/data/%s", name, s->key), &data, &size, e) &&
                  give_storage(s, data, size, e);
        if (!ok) v = NULL;
    }
    pickle_finish(&p);
    return v;
}

/* ---- the older stream -------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(PickleStorage *const *)a)->key, (*(PickleStorage *const *)b)->key);
}

/* The storages in the order of `keys`: u64 elements, bytes. One key may be named by many tensors. */
static bool stream_storages(const FileMap *m, size_t at, PickleStorage *list, const PickleValue *keys, Err *e)
{
    int n = 0, first = 0, last;
    for (PickleStorage *s = list; s; s = s->next) n++;
    PickleStorage **sorted = mem_alloc(sizeof *sorted * (size_t)(n + 1));
    n = 0;
    for (PickleStorage *s = list; s; s = s->next) sorted[n++] = s;
    qsort(sorted, (size_t)n, sizeof *sorted, by_key);
    bool ok = keys && keys->kind == PICKLE_LIST;
    if (!ok) err_set(e, "the list of storages is missing");
    for (const PickleItem *i = ok ? keys->first : NULL; i && ok; i = i->next) {
        const char *key = i->value->kind == PICKLE_TEXT ? i->value->text : "";
        int lo = 0, hi = n;
        while (lo < hi) {
            int mid = (lo + hi) / 2;
            if (strcmp(sorted[mid]->key, key) < 0) lo = mid + 1;
            else hi = mid;
        }
        first = lo;
        for (last = first; last < n && !strcmp(sorted[last]->key, key); last++) {}
        ok = first < last && m->size - at >= 8;
        uint64_t count = ok ? little(m->data + at, 8) : 0, bytes = 0;
        ok = ok && !__builtin_mul_overflow(count, torch_type_size(sorted[first]->type), &bytes) &&
            bytes <= m->size - at - 8;
        if (!ok) err_set(e, "storage %.100s is cut short or belongs to no tensor", key);
        for (int k = first; ok && k < last; k++)
            ok = sorted[k]->type == sorted[first]->type && give_storage(sorted[k], m->data + at + 8, bytes, e);
        at += 8 + (size_t)bytes;
    }
    for (int k = 0; ok && k < n; k++)
        if (!sorted[k]->data) ok = err_set(e, "storage %.100s is not in the file", sorted[k]->key);
    mem_free(sorted);
    return ok;
}

static PickleValue *read_stream(SafeTensors *st, Err *e)
{
    Pickle p = {0};
    size_t at = 0;
    PickleValue *part[5] = {NULL}; /* magic, version, sizes, the object, keys */
    PickleStorage *storages = NULL;
    for (int i = 0; i < 5; i++) {
        pickle_init(&p, st->map.data + at, MIN(st->map.size - at, PICKLE_MAX), st->mem);
        part[i] = pickle_read(&p, e);
        at += p.at;
        if (i == 3) storages = p.storages;
        pickle_finish(&p);
        if (!part[i]) return NULL;
    }
    return stream_storages(&st->map, at, storages, part[4], e) ? part[3] : NULL;
}

/* ---- tensors out of containers ----------------------------------------------------------------------------------- */

typedef struct Walk {
    SafeTensors *st;
    int64_t visits, cap;
    uint64_t copied, names; /* bytes */
    Err *e;
} Walk;

static DType target_type(TorchType t)
{
    static const DType types[TORCH_TYPES] = {JIG_F32, JIG_BF16, JIG_F16, JIG_I32, JIG_I64, JIG_U8, JIG_F32, JIG_I32,
                                             JIG_I32, JIG_U8};
    return types[t];
}

static void copy_element(TorchType type, void *to, const uint8_t *from)
{
    double wide;
    int16_t small;
    switch (type) {
    case TORCH_F64:
        memcpy(&wide, from, 8);
        *(float *)to = (float)wide;
        break;
    case TORCH_I16:
        memcpy(&small, from, 2);
        *(int32_t *)to = small;
        break;
    case TORCH_I8: *(int32_t *)to = (int8_t)*from; break;
    default: memcpy(to, from, torch_type_size(type));
    }
}

static void gather(const PickleTensor *t, void *out, int64_t n)
{
    size_t size = torch_type_size(t->type), step = dtype_size(target_type(t->type));
    int64_t at[SHAPE_MAX] = {0}, place = t->offset;
    for (int64_t i = 0; i < n; i++, out = (char *)out + step) {
        copy_element(t->type, out, t->storage->data + (size_t)place * size);
        for (int a = t->shape.n - 1; a >= 0; a--) {
            place += t->stride.d[a];
            if (++at[a] < t->shape.d[a]) break;
            place -= at[a] * t->stride.d[a];
            at[a] = 0;
        }
    }
}

static bool dense(const PickleTensor *t)
{
    int64_t step = 1;
    for (int a = t->shape.n - 1; a >= 0; a--) {
        if (t->shape.d[a] != 1 && t->stride.d[a] != step) return false;
        step *= t->shape.d[a];
    }
    return true;
}

static bool count_elements(Shape s, int64_t *n)
{
    *n = 1;
    for (int i = 0; i < s.n; i++)
        if (s.d[i] == 0) return *n = 0, true;
    for (int i = 0; i < s.n; i++)
        if (__builtin_mul_overflow(*n, s.d[i], n)) return false;
    return true;
}

static bool add_tensor(Walk *w, const char *name, const PickleTensor *t)
{
    SafeTensors *st = w->st;
    DType type = target_type(t->type);
    int64_t n;
    uint64_t bytes, most = 4 * (uint64_t)st->map.size + (16 << 20);
    if (st->n == w->cap) {
        w->cap = MAX(256, 2 * w->cap);
        st->entries = mem_resize(st->entries, (size_t)w->cap * sizeof *st->entries);
    }
    Entry *en = &st->entries[st->n];
    *en = (Entry){.name = name, .t = {type, t->shape, NULL}};
    if (!count_elements(t->shape, &n) || __builtin_mul_overflow((uint64_t)n, dtype_size(type), &bytes))
        return err_set(w->e, "%.200s: a tensor of impossible size", name);
    const uint8_t *data = t->storage->data ? t->storage->data + (size_t)t->offset * torch_type_size(t->type) : NULL;
    bool same = dtype_size(type) == torch_type_size(t->type);
    if (n == 0 || (same && dense(t) && (uintptr_t)data % dtype_size(type) == 0)) {
        en->t.data = n ? (void *)data : (void *)"";
        st->n++;
        return true;
    }
    w->copied += bytes;
    if (bytes > most || w->copied > most || !(en->t.data = mem_try((size_t)bytes)))
        return err_set(w->e, "%.200s: %llu bytes to copy, more than this file should need", name,
                       (unsigned long long)bytes);
    en->copied = true;
    st->n++;
    gather(t, en->t.data, n);
    return true;
}

static const char *join(Walk *w, const char *prefix, const PickleItem *item, int64_t i)
{
    const char *dot = *prefix ? "." : "";
    const PickleValue *k = item->key;
    if (!k) return arena_printf(w->st->mem, "%s%s%lld", prefix, dot, (long long)i);
    if (k->kind == PICKLE_TEXT) return arena_printf(w->st->mem, "%s%s%s", prefix, dot, k->text);
    if (k->kind == PICKLE_INT) return arena_printf(w->st->mem, "%s%s%lld", prefix, dot, (long long)k->number);
    return NULL; /* tensors under other keys have no name */
}

static bool holds_more(const PickleValue *v)
{
    return v->kind == PICKLE_TENSOR || v->kind == PICKLE_DICT || v->kind == PICKLE_LIST || v->kind == PICKLE_TUPLE;
}

static bool walk(Walk *w, const char *prefix, const PickleValue *v, int depth)
{
    if (++w->visits > MAX_VISITS || depth > MAX_DEPTH)
        return err_set(w->e, "its containers are nested deeper than %d, or hold more than %d values", MAX_DEPTH,
                       MAX_VISITS);
    if (v->kind == PICKLE_TENSOR) return add_tensor(w, *prefix ? prefix : "tensor", v->tensor);
    int64_t i = 0;
    bool ok = true;
    for (const PickleItem *item = holds_more(v) ? v->first : NULL; item && ok; item = item->next, i++) {
        const char *name = holds_more(item->value) ? join(w, prefix, item, i) : NULL;
        w->names += name ? strlen(name) : 0;
        if (w->names > MAX_NAMES) return err_set(w->e, "its names take more than %d MB", (int)(MAX_NAMES >> 20));
        if (name) ok = walk(w, name, item->value, depth + 1);
        else if (++w->visits > MAX_VISITS) ok = walk(w, prefix, item->value, depth); /* says so */
    }
    return ok;
}

/* Numbers and texts of the outermost dictionary. */
static void read_meta(SafeTensors *st, const PickleValue *v)
{
    if (v->kind != PICKLE_DICT) return;
    st->meta = mem_zero(sizeof *st->meta * (size_t)(v->count + 1));
    for (const PickleItem *i = v->first; i; i = i->next) {
        const PickleValue *x = i->value;
        const char *text = x->kind == PICKLE_TEXT    ? x->text
                           : x->kind == PICKLE_INT   ? arena_printf(st->mem, "%lld", (long long)x->number)
                           : x->kind == PICKLE_FLOAT ? arena_printf(st->mem, "%.9g", x->real)
                                                     : NULL;
        if (text && i->key->kind == PICKLE_TEXT) st->meta[st->n_meta++] = (MetaPair){i->key->text, text};
    }
}

bool torch_file_read(SafeTensors *st, Err *e)
{
    Zip z = {.data = st->map.data, .size = st->map.size};
    st->mem = arena_create();
    bool zip = !memcmp(st->map.data, zip_start, sizeof zip_start);
    PickleValue *v = zip ? read_zip(st, &z, e) : read_stream(st, e);
    mem_free(z.members);
    if (!v) return false;
    read_meta(st, v);
    Walk w = {.st = st, .e = e};
    if (!walk(&w, "", v, 0)) return false;
    return st->n > 0 || err_set(e, "it holds no tensors");
}
