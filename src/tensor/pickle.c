/* SPDX-License-Identifier: Apache-2.0
 *
 * pickle: the machine of pickle.h. One stack of values, one memo; an operation is one case of `step`.
 *
 * Bounds. Every length in the stream is checked against what is left of it before use; an operation makes at most one
 * value, so memory is bounded by the stream's length; the memo grows no further than the stream is long. A container
 * may hold itself (a hostile stream's, never PyTorch's): who walks containers must count.
 */
#include "tensor/pickle.h"

#include <string.h>

enum { MAX_STACK = 1 << 20, MAX_TEXT = 1 << 20 };

/* ---- names that are known ---------------------------------------------------------------------------------------- */

typedef enum Role { ROLE_STORAGE, ROLE_DTYPE, ROLE_TENSOR, ROLE_TENSOR_V3, ROLE_PARAMETER, ROLE_FROM_TYPE, ROLE_DICT,
                    ROLE_TUPLE, ROLE_OTHER } Role;
typedef struct Known { const char *name; Role role; int type; } Known;

/* ROLE_OTHER: stands beside tensors in real checkpoints (losses as numpy numbers, arguments of the program, schedules).
 * They are passed over: nothing of theirs is made or called. */
static const Known known[] = {
    {"torch.FloatStorage", ROLE_STORAGE, TORCH_F32}, {"torch.BFloat16Storage", ROLE_STORAGE, TORCH_BF16},
    {"torch.HalfStorage", ROLE_STORAGE, TORCH_F16}, {"torch.DoubleStorage", ROLE_STORAGE, TORCH_F64},
    {"torch.LongStorage", ROLE_STORAGE, TORCH_I64}, {"torch.IntStorage", ROLE_STORAGE, TORCH_I32},
    {"torch.ShortStorage", ROLE_STORAGE, TORCH_I16}, {"torch.CharStorage", ROLE_STORAGE, TORCH_I8},
    {"torch.ByteStorage", ROLE_STORAGE, TORCH_U8}, {"torch.BoolStorage", ROLE_STORAGE, TORCH_U8},
    {"torch.storage.UntypedStorage", ROLE_STORAGE, TORCH_BYTES},
    {"torch.float32", ROLE_DTYPE, TORCH_F32}, {"torch.bfloat16", ROLE_DTYPE, TORCH_BF16},
    {"torch.float16", ROLE_DTYPE, TORCH_F16}, {"torch.float64", ROLE_DTYPE, TORCH_F64},
    {"torch.int64", ROLE_DTYPE, TORCH_I64}, {"torch.int32", ROLE_DTYPE, TORCH_I32},
    {"torch.int16", ROLE_DTYPE, TORCH_I16}, {"torch.int8", ROLE_DTYPE, TORCH_I8},
    {"torch.uint8", ROLE_DTYPE, TORCH_U8}, {"torch.bool", ROLE_DTYPE, TORCH_U8},
    {"torch._utils._rebuild_tensor", ROLE_TENSOR, 0}, {"torch._utils._rebuild_tensor_v2", ROLE_TENSOR, 0},
    {"torch._utils._rebuild_tensor_v3", ROLE_TENSOR_V3, 0},
    {"torch._utils._rebuild_parameter", ROLE_PARAMETER, 0},
    {"torch._utils._rebuild_parameter_with_state", ROLE_PARAMETER, 0},
    {"torch._tensor._rebuild_from_type_v2", ROLE_FROM_TYPE, 0},
    {"collections.OrderedDict", ROLE_DICT, 0}, {"torch.Size", ROLE_TUPLE, 0},
    {"torch.Tensor", ROLE_OTHER, 0}, {"torch.nn.parameter.Parameter", ROLE_OTHER, 0}, {"torch.device", ROLE_OTHER, 0},
    {"collections.defaultdict", ROLE_OTHER, 0}, {"collections.Counter", ROLE_OTHER, 0},
    {"__builtin__.set", ROLE_OTHER, 0}, {"builtins.set", ROLE_OTHER, 0}, {"builtins.dict", ROLE_OTHER, 0},
    {"__builtin__.dict", ROLE_OTHER, 0}, {"builtins.complex", ROLE_OTHER, 0}, {"_codecs.encode", ROLE_OTHER, 0},
    {"numpy.core.multiarray.scalar", ROLE_OTHER, 0}, {"numpy._core.multiarray.scalar", ROLE_OTHER, 0},
    {"numpy.core.multiarray._reconstruct", ROLE_OTHER, 0}, {"numpy._core.multiarray._reconstruct", ROLE_OTHER, 0},
    {"numpy.ndarray", ROLE_OTHER, 0}, {"numpy.dtype", ROLE_OTHER, 0}, {"argparse.Namespace", ROLE_OTHER, 0},
};

size_t torch_type_size(TorchType t)
{
    static const size_t sizes[TORCH_TYPES] = {4, 2, 2, 4, 8, 1, 8, 2, 1, 1};
    return sizes[t];
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

void pickle_init(Pickle *p, const uint8_t *data, size_t size, Arena *mem)
{
    *p = (Pickle){.data = data, .size = size, .mem = mem};
}

void pickle_finish(Pickle *p)
{
    mem_free(p->stack);
    mem_free(p->memo);
}

static bool take(Pickle *p, size_t n, const uint8_t **out, Err *e)
{
    if (n > p->size - p->at) return err_set(e, "the pickle ends in the middle of a value");
    *out = p->data + p->at;
    p->at += n;
    return true;
}

static bool number(Pickle *p, int bytes, uint64_t *out, Err *e)
{
    const uint8_t *b = NULL;
    if (!take(p, (size_t)bytes, &b, e)) return false;
    *out = 0;
    for (int i = 0; i < bytes; i++) *out |= (uint64_t)b[i] << (8 * i);
    return true;
}

/* Up to the end of the line, which is passed over. */
static bool line(Pickle *p, const char **text, Err *e)
{
    const uint8_t *from = p->data + p->at, *end = memchr(from, '\n', p->size - p->at);
    if (!end || end - from > 400) return err_set(e, "a name in the pickle has no end");
    *text = arena_printf(p->mem, "%.*s", (int)(end - from), (const char *)from);
    p->at += (size_t)(end - from) + 1;
    return true;
}

/* ---- values and the stack ---------------------------------------------------------------------------------------- */

static bool push(Pickle *p, PickleValue *v, Err *e)
{
    if (p->depth == MAX_STACK) return err_set(e, "the pickle's stack is deeper than %d", MAX_STACK);
    if (p->depth == p->depth_cap) {
        p->depth_cap = MAX(64, 2 * p->depth_cap);
        p->stack = mem_resize(p->stack, (size_t)p->depth_cap * sizeof *p->stack);
    }
    p->stack[p->depth++] = v;
    return true;
}

static bool push_new(Pickle *p, PickleValue v, Err *e)
{
    PickleValue *copy = arena_alloc(p->mem, sizeof *copy);
    *copy = v;
    return push(p, copy, e);
}

static PickleValue *pop(Pickle *p, Err *e)
{
    if (p->depth > 0 && p->stack[p->depth - 1]->kind != PICKLE_MARK) return p->stack[--p->depth];
    err_set(e, "the pickle takes a value from an empty stack");
    return NULL;
}

static PickleValue *top(Pickle *p, Err *e)
{
    PickleValue *v = pop(p, e);
    if (v) p->depth++;
    return v;
}

static void append(Pickle *p, PickleValue *list, PickleValue *key, PickleValue *value)
{
    PickleItem *item = arena_alloc(p->mem, sizeof *item);
    *item = (PickleItem){key, value, NULL};
    if (list->last) list->last->next = item;
    else list->first = item;
    list->last = item;
    list->count++;
}

/* Where the values after the last mark begin; the mark is taken away. */
static int unmark(Pickle *p, Err *e)
{
    for (int i = p->depth; i > 0; i--)
        if (p->stack[i - 1]->kind == PICKLE_MARK) {
            memmove(&p->stack[i - 1], &p->stack[i], (size_t)(p->depth - i) * sizeof *p->stack);
            p->depth--;
            return i - 1;
        }
    err_set(e, "the pickle has no mark where one is needed");
    return -1;
}

/* The values from `first` on become one tuple or list. */
static bool gather(Pickle *p, PickleKind kind, int first, Err *e)
{
    if (first < 0 || first > p->depth) return err_set(e, "the pickle takes a value from an empty stack");
    PickleValue *v = arena_alloc(p->mem, sizeof *v);
    v->kind = kind;
    for (int i = first; i < p->depth; i++) {
        if (p->stack[i]->kind == PICKLE_MARK) return err_set(e, "the pickle has a mark inside a tuple");
        append(p, v, NULL, p->stack[i]);
    }
    p->depth = first;
    return push(p, v, e);
}

/* The values from `first` on go into the container below them. */
static bool pour(Pickle *p, bool pairs, int first, Err *e)
{
    int n = p->depth - first;
    if (first < 1) return err_set(e, "the pickle fills a container that is not there");
    PickleValue *to = p->stack[first - 1];
    bool fits = to->kind == PICKLE_OTHER || to->kind == (pairs ? PICKLE_DICT : PICKLE_LIST);
    if (!fits || (pairs && n % 2)) return err_set(e, "the pickle fills a value that is no container");
    for (int i = first; i < p->depth && to->kind != PICKLE_OTHER; i += pairs ? 2 : 1)
        append(p, to, pairs ? p->stack[i] : NULL, p->stack[pairs ? i + 1 : i]);
    p->depth = first;
    return true;
}

static bool push_text(Pickle *p, int length_bytes, Err *e)
{
    uint64_t n = 0;
    const uint8_t *b = NULL;
    if (!number(p, length_bytes, &n, e)) return false;
    if (n > MAX_TEXT) return err_set(e, "a text of %llu bytes in the pickle (at most %d)", (unsigned long long)n,
                                     MAX_TEXT);
    if (!take(p, (size_t)n, &b, e)) return false;
    char *text = arena_alloc(p->mem, (size_t)n + 1);
    memcpy(text, b, (size_t)n);
    return push_new(p, (PickleValue){.kind = PICKLE_TEXT, .text = text}, e);
}

/* Little-endian two's complement of any length; beyond 64 bits it is kept as a number nobody uses. */
static bool push_long(Pickle *p, int length_bytes, Err *e)
{
    uint64_t n, value = 0;
    const uint8_t *b = NULL;
    if (!number(p, length_bytes, &n, e) || n > 1024)
        return err_set(e, "a number of more than 1024 bytes in the pickle");
    if (!take(p, (size_t)n, &b, e)) return false;
    for (uint64_t i = 0; i < MIN(n, 8); i++) value |= (uint64_t)b[i] << (8 * i);
    if (n > 0 && n < 8 && b[n - 1] & 0x80) value |= ~(uint64_t)0 << (8 * n);
    return push_new(p, (PickleValue){.kind = PICKLE_INT, .number = (int64_t)value}, e);
}

static bool push_real(Pickle *p, Err *e)
{
    const uint8_t *b = NULL;
    if (!take(p, 8, &b, e)) return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | b[i];
    PickleValue v = {.kind = PICKLE_FLOAT};
    memcpy(&v.real, &bits, 8);
    return push_new(p, v, e);
}

/* ---- memo -------------------------------------------------------------------------------------------------------- */

static bool remember(Pickle *p, uint64_t at, Err *e)
{
    PickleValue *v = top(p, e);
    if (!v) return false;
    if (at >= p->size) return err_set(e, "the pickle's memo has the impossible place %llu", (unsigned long long)at);
    if ((int64_t)at >= p->memo_cap) {
        int64_t cap = MAX(MAX(256, 2 * p->memo_cap), (int64_t)at + 1);
        p->memo = mem_resize(p->memo, (size_t)cap * sizeof *p->memo);
        p->memo_cap = cap;
    }
    while (p->memo_count <= (int64_t)at) p->memo[p->memo_count++] = NULL;
    p->memo[at] = v;
    return true;
}

static bool recall(Pickle *p, uint64_t at, Err *e)
{
    if (at >= (uint64_t)p->memo_count || !p->memo[at])
        return err_set(e, "the pickle recalls %llu, which it has not stored", (unsigned long long)at);
    return push(p, p->memo[at], e);
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

PickleValue *pickle_get(const PickleValue *list, int64_t i)
{
    if (!list || (list->kind != PICKLE_TUPLE && list->kind != PICKLE_LIST) || i < 0) return NULL;
    for (const PickleItem *item = list->first; item; item = item->next)
        if (i-- == 0) return item->value;
    return NULL;
}

static bool is(const PickleValue *v, PickleKind kind)
{
    return v && v->kind == kind;
}

static bool push_global(Pickle *p, const char *module, const char *name, Err *e)
{
    const char *full = arena_printf(p->mem, "%s.%s", module, name);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i].name, full))
            return push_new(p, (PickleValue){.kind = PICKLE_GLOBAL, .number = (int64_t)i}, e);
    return err_set(e, "it holds an object of class %.100s. Only tensors and plain containers are read, and nothing in a "
                   "file is run; save the weights alone: torch.save(model.state_dict(), FILE)", full);
}

static bool stack_global(Pickle *p, Err *e)
{
    PickleValue *name = pop(p, e), *module = name ? pop(p, e) : NULL;
    if (!is(name, PICKLE_TEXT) || !is(module, PICKLE_TEXT)) return err_set(e, "a class in the pickle has no name");
    return push_global(p, module->text, name->text, e);
}

static const Known *role(const PickleValue *v)
{
    return is(v, PICKLE_GLOBAL) ? &known[v->number] : NULL;
}

static bool get_shape(const PickleValue *v, int64_t most, Shape *out, const char *what, Err *e)
{
    *out = (Shape){0};
    if (!is(v, PICKLE_TUPLE) && !is(v, PICKLE_LIST)) return err_set(e, "a tensor's %s is no tuple", what);
    if (v->count > SHAPE_MAX) return err_set(e, "a tensor of %lld axes (at most %d)", (long long)v->count, SHAPE_MAX);
    for (const PickleItem *i = v->first; i; i = i->next) {
        if (!is(i->value, PICKLE_INT) || i->value->number < 0 || i->value->number > most)
            return err_set(e, "a tensor's %s is not made of whole numbers from 0 to %lld", what, (long long)most);
        out->d[out->n++] = i->value->number;
    }
    return true;
}

/* (storage, offset, size, stride, ...): every element lies in the storage. */
static PickleValue *make_tensor(Pickle *p, const PickleValue *args, int type, Err *e)
{
    PickleValue *storage = pickle_get(args, 0), *offset = pickle_get(args, 1), *v = arena_alloc(p->mem, sizeof *v);
    PickleTensor *t = arena_alloc(p->mem, sizeof *t);
    char text[96];
    if (!is(storage, PICKLE_STORAGE) || !is(offset, PICKLE_INT)) {
        err_set(e, "a tensor without a storage");
        return NULL;
    }
    t->storage = storage->storage;
    t->type = type < 0 ? t->storage->type : (TorchType)type;
    t->offset = offset->number;
    if (!get_shape(pickle_get(args, 2), INT32_MAX, &t->shape, "shape", e) ||
        !get_shape(pickle_get(args, 3), INT64_MAX / 2, &t->stride, "stride", e))
        return NULL;
    int64_t last = t->offset, step, size = (int64_t)torch_type_size(t->type), held = t->storage->count;
    bool inside = t->shape.n == t->stride.n && t->offset >= 0, empty = false;
    if (t->storage->type != t->type) held = t->storage->type == TORCH_BYTES ? held / size : -1;
    for (int i = 0; i < t->shape.n; i++) empty = empty || t->shape.d[i] == 0;
    for (int i = 0; i < t->shape.n && inside && !empty; i++)
        inside = !__builtin_mul_overflow(t->shape.d[i] - 1, t->stride.d[i], &step) &&
                 !__builtin_add_overflow(last, step, &last);
    if (!inside || (!empty && last >= held)) {
        err_set(e, "a tensor of shape %s lies outside its storage of %lld elements", shape_text(t->shape, text),
                (long long)held);
        return NULL;
    }
    *v = (PickleValue){.kind = PICKLE_TENSOR, .tensor = t};
    return v;
}

/* What calling `f` with `args` would give. */
static PickleValue *call(Pickle *p, PickleValue *f, PickleValue *args, Err *e)
{
    const Known *k = role(f);
    PickleValue *v = arena_alloc(p->mem, sizeof *v), *first = pickle_get(args, 0);
    const Known *type = role(pickle_get(args, 6));
    if (is(f, PICKLE_OTHER)) return f;
    if (!k || !is(args, PICKLE_TUPLE)) {
        err_set(e, "the pickle calls what is not a known class");
        return NULL;
    }
    v->kind = PICKLE_OTHER;
    switch (k->role) {
    case ROLE_TENSOR: return make_tensor(p, args, -1, e);
    case ROLE_TENSOR_V3: return make_tensor(p, args, type && type->role == ROLE_DTYPE ? type->type : -1, e);
    case ROLE_PARAMETER:
        if (!is(first, PICKLE_TENSOR)) err_set(e, "a parameter without a tensor");
        return is(first, PICKLE_TENSOR) ? first : NULL;
    case ROLE_FROM_TYPE:
        if (role(first) && (role(first)->role == ROLE_TENSOR || role(first)->role == ROLE_TENSOR_V3))
            return call(p, first, pickle_get(args, 2), e);
        err_set(e, "a tensor of an unknown class");
        return NULL;
    case ROLE_DICT: v->kind = PICKLE_DICT; break; /* items follow; old Pythons gave them as a list of pairs */
    case ROLE_TUPLE: return is(first, PICKLE_TUPLE) || is(first, PICKLE_LIST) ? first : v;
    default: break;
    }
    for (PickleItem *i = v->kind == PICKLE_DICT && is(first, PICKLE_LIST) ? first->first : NULL; i; i = i->next)
        if (pickle_get(i->value, 1)) append(p, v, pickle_get(i->value, 0), pickle_get(i->value, 1));
    return v;
}

static bool reduce(Pickle *p, Err *e)
{
    PickleValue *args = pop(p, e), *f = args ? pop(p, e) : NULL, *v = f ? call(p, f, args, e) : NULL;
    return v && push(p, v, e);
}

/* ("storage", class, key, where it lay, elements[, view]) */
static bool persistent(Pickle *p, Err *e)
{
    PickleValue *id = pop(p, e), *word = pickle_get(id, 0), *key = pickle_get(id, 2), *count = pickle_get(id, 4);
    const Known *k = role(pickle_get(id, 1));
    PickleValue *view = pickle_get(id, 5);
    if (!id) return false;
    if (!is(word, PICKLE_TEXT) || strcmp(word->text, "storage") || !k || k->role != ROLE_STORAGE ||
        !is(key, PICKLE_TEXT) || !is(count, PICKLE_INT) || count->number < 0)
        return err_set(e, "a storage in the pickle is not described as PyTorch does");
    if (view && view->kind != PICKLE_NONE)
        return err_set(e, "a storage is a view of another one; save the file again with a newer PyTorch");
    PickleStorage *s = arena_alloc(p->mem, sizeof *s);
    *s = (PickleStorage){key->text, (TorchType)k->type, count->number, NULL, p->storages};
    p->storages = s;
    return push_new(p, (PickleValue){.kind = PICKLE_STORAGE, .storage = s}, e);
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static bool plain_value(Pickle *p, uint8_t op, Err *e)
{
    uint64_t n = 0;
    switch (op) {
    case 'N': return push_new(p, (PickleValue){.kind = PICKLE_NONE}, e);
    case 0x88: return push_new(p, (PickleValue){.kind = PICKLE_BOOL, .number = 1}, e);
    case 0x89: return push_new(p, (PickleValue){.kind = PICKLE_BOOL}, e);
    case 'J': return number(p, 4, &n, e) && push_new(p, (PickleValue){.kind = PICKLE_INT, .number = (int32_t)n}, e);
    case 'K': return number(p, 1, &n, e) && push_new(p, (PickleValue){.kind = PICKLE_INT, .number = (int64_t)n}, e);
    case 'M': return number(p, 2, &n, e) && push_new(p, (PickleValue){.kind = PICKLE_INT, .number = (int64_t)n}, e);
    case 0x8a: return push_long(p, 1, e);
    case 0x8b: return push_long(p, 4, e);
    case 'G': return push_real(p, e);
    case 'U': case 'C': case 0x8c: return push_text(p, 1, e);
    case 'T': case 'X': case 'B': return push_text(p, 4, e);
    case 0x8d: case 0x8e: return push_text(p, 8, e);
    case ')': return push_new(p, (PickleValue){.kind = PICKLE_TUPLE}, e);
    case ']': return push_new(p, (PickleValue){.kind = PICKLE_LIST}, e);
    case '}': return push_new(p, (PickleValue){.kind = PICKLE_DICT}, e);
    case 0x8f: return push_new(p, (PickleValue){.kind = PICKLE_OTHER}, e); /* a set */
    case '(': return push_new(p, (PickleValue){.kind = PICKLE_MARK}, e);
    default: return err_set(e, "operation 0x%02x of the pickle is not one that PyTorch writes", op);
    }
}

static bool container(Pickle *p, uint8_t op, Err *e)
{
    int first = strchr("tldue\x90\x91", op) ? unmark(p, e) : 0;
    if (first < 0) return false;
    switch (op) {
    case 't': return gather(p, PICKLE_TUPLE, first, e);
    case 'l': return gather(p, PICKLE_LIST, first, e);
    case 0x85: case 0x86: case 0x87: return gather(p, PICKLE_TUPLE, p->depth - (op - 0x84), e);
    case 'd': return gather(p, PICKLE_OTHER, first, e);
    case 0x91: return gather(p, PICKLE_OTHER, first, e);
    case 'u': return pour(p, true, first, e);
    case 'e': case 0x90: return pour(p, false, first, e);
    case 's': return pour(p, true, p->depth - 2, e);
    default: return pour(p, false, p->depth - 1, e); /* 'a' */
    }
}

static bool step(Pickle *p, uint8_t op, Err *e)
{
    uint64_t n = 0;
    const uint8_t *b = NULL;
    const char *module = NULL, *name = NULL;
    switch (op) {
    case 0x80: return take(p, 1, &b, e); /* protocol: the operations tell */
    case 0x95: return take(p, 8, &b, e); /* frame */
    case 't': case 'l': case 'd': case 'u': case 'e': case 's': case 'a':
    case 0x85: case 0x86: case 0x87: case 0x90: case 0x91: return container(p, op, e);
    case '0': return pop(p, e) != NULL;
    case '1': {
        int first = unmark(p, e);
        p->depth = first < 0 ? p->depth : first;
        return first >= 0;
    }
    case '2': return top(p, e) && push(p, top(p, e), e);
    case 'q': return number(p, 1, &n, e) && remember(p, n, e);
    case 'r': return number(p, 4, &n, e) && remember(p, n, e);
    case 0x94: return remember(p, (uint64_t)p->memo_next++, e);
    case 'h': return number(p, 1, &n, e) && recall(p, n, e);
    case 'j': return number(p, 4, &n, e) && recall(p, n, e);
    case 'c': return line(p, &module, e) && line(p, &name, e) && push_global(p, module, name, e);
    case 0x93: return stack_global(p, e);
    case 'R': case 0x81: return reduce(p, e);
    case 'b': return pop(p, e) && top(p, e); /* a state: what it would be set on stays as it is */
    case 'Q': return persistent(p, e);
    default: return plain_value(p, op, e);
    }
}

PickleValue *pickle_read(Pickle *p, Err *e)
{
    const uint8_t *op = NULL;
    p->depth = 0;
    p->memo_count = p->memo_next = 0;
    while (take(p, 1, &op, e)) {
        if (*op == '.') return p->depth == 1 ? pop(p, e) : (err_set(e, "the pickle ends with %d values", p->depth),
                                                            NULL);
        if (!step(p, *op, e)) return NULL;
    }
    return NULL;
}
