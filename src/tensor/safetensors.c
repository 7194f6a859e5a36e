/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: reading by mapping, writing beside and renaming.
 *
 * The file is a little-endian u64 (length of the header), the header (one JSON object: name -> {dtype, shape,
 * data_offsets}, and "__metadata__" of strings), then the data. Offsets count from the end of the header.
 * On open everything in the header is checked before any use: it lies inside the file, every tensor's bytes agree with
 * its type and shape, and the tensors fill the data without overlap or hole. A tensor whose bytes are not aligned for
 * its type (foreign files) is copied once; all others are read where they lie. Left out: element types that nothing
 * here computes with (F64, I8, I16, ...); such a file is refused by name of the tensor.
 */
#include "tensor/safetensors_internal.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 100000000u

/* ---- reading: one tensor ----------------------------------------------------------------------------------------- */

static bool dtype_from_name(const char *name, DType *t)
{
    for (int i = 0; i < JIG_DTYPES; i++)
        if (!strcmp(name, dtype_name((DType)i))) {
            *t = (DType)i;
            return true;
        }
    *t = JIG_U8;
    return !strcmp(name, "BOOL");
}

/* A whole number from 0 to 2^53, where doubles are exact. */
static bool get_count(const cJSON *j, uint64_t *out)
{
    if (!cJSON_IsNumber(j) || !(j->valuedouble >= 0) || j->valuedouble > 0x1p53) return false;
    *out = (uint64_t)j->valuedouble;
    return (double)*out == j->valuedouble;
}

static bool get_shape(const cJSON *j, Entry *t, Err *e)
{
    if (!cJSON_IsArray(j)) return err_set(e, "tensor \"%s\": shape is missing or no list", t->name);
    const cJSON *d;
    cJSON_ArrayForEach(d, j)
    {
        uint64_t v;
        if (t->t.shape.n == SHAPE_MAX) return err_set(e, "tensor \"%s\": more than %d axes", t->name, SHAPE_MAX);
        if (!get_count(d, &v))
            return err_set(e, "tensor \"%s\": an axis is not a whole number from 0 to 2^53", t->name);
        t->t.shape.d[t->t.shape.n++] = (int64_t)v;
    }
    return true;
}

/* Elements times size of one. An axis of 0 makes it 0, whatever the others are. */
static bool byte_count(const Tensor *t, uint64_t *out)
{
    *out = dtype_size(t->type);
    for (int i = 0; i < t->shape.n; i++)
        if (t->shape.d[i] == 0) *out = 0;
    for (int i = 0; i < t->shape.n; i++)
        if (__builtin_mul_overflow(*out, (uint64_t)t->shape.d[i], out)) return false;
    return *out <= INT64_MAX;
}

static bool get_entry(const cJSON *j, uint64_t data_size, Entry *t, Err *e)
{
    t->name = j->string;
    if (!cJSON_IsObject(j)) return err_set(e, "tensor \"%s\": not described by an object", t->name);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(j, "dtype");
    if (!cJSON_IsString(type)) return err_set(e, "tensor \"%s\": dtype is missing", t->name);
    if (!dtype_from_name(type->valuestring, &t->t.type))
        return err_set(e, "tensor \"%s\": type %.20s; known are F32, BF16, F16, I32, I64, U8, BOOL", t->name,
                       type->valuestring);
    if (!get_shape(cJSON_GetObjectItemCaseSensitive(j, "shape"), t, e)) return false;
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(j, "data_offsets");
    if (!cJSON_IsArray(at) || cJSON_GetArraySize(at) != 2 || !get_count(at->child, &t->from) ||
        !get_count(at->child->next, &t->to))
        return err_set(e, "tensor \"%s\": data_offsets must be two whole numbers", t->name);
    if (t->from > t->to || t->to > data_size)
        return err_set(e, "tensor \"%s\": data_offsets %llu..%llu lie outside the data (0..%llu)", t->name,
                       (unsigned long long)t->from, (unsigned long long)t->to, (unsigned long long)data_size);
    uint64_t bytes;
    char buf[96];
    if (!byte_count(&t->t, &bytes) || bytes != t->to - t->from)
        return err_set(e, "tensor \"%s\": %s %s does not take %llu bytes", t->name, dtype_name(t->t.type),
                       shape_text(t->t.shape, buf), (unsigned long long)(t->to - t->from));
    return true;
}

/* ---- reading: the header ----------------------------------------------------------------------------------------- */

static bool get_meta(SafeTensors *st, const cJSON *j, Err *e)
{
    if (!cJSON_IsObject(j)) return err_set(e, "__metadata__ is not an object");
    st->meta = mem_zero(sizeof(MetaPair) * (size_t)(cJSON_GetArraySize(j) + 1));
    const cJSON *item;
    cJSON_ArrayForEach(item, j)
    {
        if (!cJSON_IsString(item)) return err_set(e, "__metadata__ \"%s\" is not a text", item->string);
        st->meta[st->n_meta++] = (MetaPair){item->string, item->valuestring};
    }
    return true;
}

static int compare_offsets(const void *a, const void *b)
{
    const Entry *x = *(Entry *const *)a, *y = *(Entry *const *)b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

/* The tensors, sorted by place, must fill the data exactly: each begins where the one before it ends. */
static bool check_places(const SafeTensors *st, uint64_t data_size, Err *e)
{
    Entry **sorted = mem_alloc(sizeof *sorted * (size_t)(st->n + 1));
    for (int i = 0; i < st->n; i++) sorted[i] = &st->entries[i];
    qsort(sorted, (size_t)st->n, sizeof *sorted, compare_offsets);
    uint64_t end = 0;
    bool ok = true;
    for (int i = 0; i < st->n && ok; end = sorted[i++]->to)
        if (sorted[i]->from != end)
            ok = err_set(e, "tensor \"%s\" begins at %llu of the data, where %s", sorted[i]->name,
                         (unsigned long long)sorted[i]->from,
                         sorted[i]->from < end ? "another tensor lies" : "nothing lies before it (a hole)");
    if (ok && end != data_size)
        ok = err_set(e, "the tensors take %llu bytes but the file has %llu of data", (unsigned long long)end,
                     (unsigned long long)data_size);
    mem_free(sorted);
    return ok;
}

static int compare_names(const void *a, const void *b, void *entries)
{
    const Entry *list = entries;
    return strcmp(list[*(const int *)a].name, list[*(const int *)b].name);
}

bool safetensors_sort(SafeTensors *st, Err *e)
{
    st->by_name = mem_alloc(sizeof(int) * (size_t)(st->n + 1));
    for (int i = 0; i < st->n; i++) st->by_name[i] = i;
    qsort_r(st->by_name, (size_t)st->n, sizeof(int), compare_names, st->entries);
    for (int i = 1; i < st->n; i++) {
        const char *name = st->entries[st->by_name[i]].name;
        if (!strcmp(st->entries[st->by_name[i - 1]].name, name))
            return err_set(e, "two tensors are named \"%s\"", name);
    }
    return true;
}

/* Points the entries at their bytes; a misaligned one gets an aligned copy. */
static bool place_data(SafeTensors *st, const uint8_t *data, Err *e)
{
    for (int i = 0; i < st->n; i++) {
        Entry *t = &st->entries[i];
        const uint8_t *p = data + t->from;
        size_t bytes = (size_t)(t->to - t->from);
        t->t.data = (void *)p;
        if (bytes == 0 || (uintptr_t)p % dtype_size(t->t.type) == 0) continue;
        void *copy = mem_try(bytes);
        if (!copy) return err_set(e, "tensor \"%s\": no memory for %zu bytes", t->name, bytes);
        memcpy(copy, p, bytes);
        t->t.data = copy;
        t->copied = true;
    }
    return true;
}

static bool read_header(SafeTensors *st, Err *e)
{
    uint64_t length = 0;
    if (st->map.size < 8) return err_set(e, "%zu bytes are too few for a safetensors file", st->map.size);
    for (int i = 0; i < 8; i++) length |= (uint64_t)st->map.data[i] << (8 * i);
    if (length > HEADER_MAX || length > st->map.size - 8)
        return err_set(e, "header length %llu, allowed are 2 to %llu: not a safetensors file, or cut short",
                       (unsigned long long)length, (unsigned long long)MIN(HEADER_MAX, st->map.size - 8));
    const char *text = (const char *)st->map.data + 8, *end = NULL;
    st->header = cJSON_ParseWithLengthOpts(text, (size_t)length, &end, 0);
    if (!cJSON_IsObject(st->header)) return err_set(e, "the header is not a JSON object");
    for (; end < text + length; end++)
        if (!strchr(" \t\r\n", *end) || !*end) return err_set(e, "the header has text after its JSON object");

    uint64_t data_size = st->map.size - 8 - length;
    st->entries = mem_try(sizeof(Entry) * (size_t)(cJSON_GetArraySize(st->header) + 1));
    if (!st->entries) return err_set(e, "no memory for the header");
    const cJSON *item;
    bool had_meta = false;
    cJSON_ArrayForEach(item, st->header)
    {
        if (!strcmp(item->string, "__metadata__")) {
            if (had_meta) return err_set(e, "two __metadata__");
            if (!get_meta(st, item, e)) return false;
            had_meta = true;
        } else {
            st->entries[st->n] = (Entry){0};
            if (!get_entry(item, data_size, &st->entries[st->n], e)) return false;
            st->n++;
        }
    }
    return check_places(st, data_size, e) && safetensors_sort(st, e) && place_data(st, st->map.data + 8 + length, e);
}

static SafeTensors *open_file(const char *path, bool torch_too, Err *e)
{
    SafeTensors *st = mem_zero(sizeof *st);
    if (!file_map(&st->map, path, e)) {
        mem_free(st);
        return NULL;
    }
    bool torch = torch_too && torch_file_is(st->map.data, st->map.size);
    if (torch ? torch_file_read(st, e) && safetensors_sort(st, e) : read_header(st, e)) return st;
    err_context(e, "%s", path);
    safetensors_close(st);
    return NULL;
}

SafeTensors *safetensors_open(const char *path, Err *e)
{
    return open_file(path, false, e);
}

SafeTensors *weights_open(const char *path, Err *e)
{
    return open_file(path, true, e);
}

bool weights_is(const char *path)
{
    uint8_t start[16] = {0};
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(start, 1, sizeof start, f) : 0;
    if (f) fclose(f);
    bool header = n > 8 && start[8] == '{' && start[4] + start[5] + start[6] + start[7] == 0; /* of less than 4 GB */
    return header || torch_file_is(start, n);
}

void safetensors_close(SafeTensors *st)
{
    if (!st) return;
    for (int i = 0; i < st->n; i++)
        if (st->entries[i].copied) mem_free(st->entries[i].t.data);
    mem_free(st->entries);
    mem_free(st->by_name);
    mem_free(st->meta);
    cJSON_Delete(st->header);
    arena_destroy(st->mem);
    file_unmap(&st->map);
    mem_free(st);
}

/* ---- looking up -------------------------------------------------------------------------------------------------- */

int safetensors_count(const SafeTensors *st)
{
    return st->n;
}

const char *safetensors_name(const SafeTensors *st, int i)
{
    return st->entries[i].name;
}

Tensor safetensors_tensor(const SafeTensors *st, int i)
{
    return st->entries[i].t;
}

bool safetensors_find(const SafeTensors *st, const char *name, Tensor *out)
{
    int lo = 0, hi = st->n;
    while (lo < hi) {
        int mid = (lo + hi) / 2, order = strcmp(name, st->entries[st->by_name[mid]].name);
        if (order == 0) {
            *out = st->entries[st->by_name[mid]].t;
            return true;
        }
        if (order < 0) hi = mid;
        else lo = mid + 1;
    }
    return false;
}

const char *safetensors_meta(const SafeTensors *st, const char *key)
{
    for (int i = 0; i < st->n_meta; i++)
        if (!strcmp(st->meta[i].key, key)) return st->meta[i].value;
    return NULL;
}

int safetensors_meta_count(const SafeTensors *st)
{
    return st->n_meta;
}

void safetensors_meta_at(const SafeTensors *st, int i, const char **key, const char **value)
{
    *key = st->meta[i].key;
    *value = st->meta[i].value;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static cJSON *describe(const Tensor *t, uint64_t from)
{
    cJSON *j = cJSON_CreateObject(), *shape = cJSON_CreateArray(), *at = cJSON_CreateArray();
    for (int i = 0; i < t->shape.n; i++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->shape.d[i]));
    cJSON_AddItemToArray(at, cJSON_CreateNumber((double)from));
    cJSON_AddItemToArray(at, cJSON_CreateNumber((double)(from + tensor_bytes(t))));
    cJSON_AddStringToObject(j, "dtype", dtype_name(t->type));
    cJSON_AddItemToObject(j, "shape", shape);
    cJSON_AddItemToObject(j, "data_offsets", at);
    return j;
}

/* Order of the data: wide types first, else as given: so each tensor is aligned though the format allows no holes. */
static int *data_order(const NamedTensor *ts, int n)
{
    int *order = mem_alloc(sizeof(int) * (size_t)(n + 1)), k = 0;
    for (size_t size = 8; size > 0; size /= 2)
        for (int i = 0; i < n; i++)
            if (dtype_size(ts[i].t.type) == size) order[k++] = i;
    return order;
}

static char *header_text(const NamedTensor *ts, int n, const int *order, const MetaPair *meta, int n_meta)
{
    cJSON *root = cJSON_CreateObject();
    if (n_meta > 0) {
        cJSON *m = cJSON_CreateObject();
        for (int i = 0; i < n_meta; i++) cJSON_AddStringToObject(m, meta[i].key, meta[i].value);
        cJSON_AddItemToObject(root, "__metadata__", m);
    }
    uint64_t *from = mem_alloc(sizeof *from * (size_t)(n + 1)), at = 0;
    for (int i = 0; i < n; i++) {
        from[order[i]] = at;
        at += tensor_bytes(&ts[order[i]].t);
    }
    for (int i = 0; i < n; i++) cJSON_AddItemToObject(root, ts[i].name, describe(&ts[i].t, from[i]));
    mem_free(from);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

bool safetensors_write(const char *path, const NamedTensor *ts, int n, const MetaPair *meta, int n_meta, Err *e)
{
    OutFile out;
    if (!out_open(&out, path, e)) return false;
    int *order = data_order(ts, n);
    char *text = header_text(ts, n, order, meta, n_meta);
    bool ok = text != NULL;
    if (!ok) err_set(e, "%s: no memory for the header", path);

    size_t length = ok ? strlen(text) : 0, padded = (8 + length + 63) / 64 * 64 - 8;
    for (int i = 0; ok && i < 8; i++) ok = putc((int)((uint64_t)padded >> (8 * i) & 255), out.f) != EOF;
    ok = ok && fwrite(text, 1, length, out.f) == length;
    for (size_t i = length; ok && i < padded; i++) ok = putc(' ', out.f) != EOF;
    for (int i = 0; ok && i < n; i++) {
        size_t bytes = tensor_bytes(&ts[order[i]].t);
        ok = bytes == 0 || fwrite(ts[order[i]].t.data, 1, bytes, out.f) == bytes;
    }
    free(text);
    mem_free(order);
    if (ok) return out_commit(&out, e);
    out_abandon(&out);
    return err_set(e, "%s: cannot write: %m", path);
}
