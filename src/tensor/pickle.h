/* SPDX-License-Identifier: Apache-2.0
 *
 * pickle: reads Python's pickle streams as PyTorch writes them, and runs nothing.
 *
 * The machine knows plain values (numbers, texts, lists, tuples, dictionaries) and, from a list of names, PyTorch's
 * storages and tensors and a few classes that stand beside tensors in checkpoints; these last become PICKLE_OTHER,
 * which holds nothing. Any other name is an error that says it. What is allocated is bounded by the length of the
 * stream. Private to src/tensor.
 */
#ifndef JIG_PICKLE_H
#define JIG_PICKLE_H

#include "tensor/tensor.h"

typedef enum PickleKind {
    PICKLE_NONE, PICKLE_BOOL, PICKLE_INT, PICKLE_FLOAT, PICKLE_TEXT, PICKLE_TUPLE, PICKLE_LIST, PICKLE_DICT,
    PICKLE_GLOBAL, PICKLE_STORAGE, PICKLE_TENSOR, PICKLE_OTHER, PICKLE_MARK
} PickleKind;

/* Element types of storages; those that nothing here computes with are converted when read. */
typedef enum TorchType {
    TORCH_F32, TORCH_BF16, TORCH_F16, TORCH_I32, TORCH_I64, TORCH_U8, TORCH_F64, TORCH_I16, TORCH_I8, TORCH_BYTES,
    TORCH_TYPES
} TorchType;
size_t torch_type_size(TorchType t); /* TORCH_BYTES (an untyped storage): 1 */

typedef struct PickleStorage {
    const char *key;
    TorchType type;
    int64_t count;       /* elements */
    const uint8_t *data; /* set by the reader of the file; NULL at first */
    struct PickleStorage *next;
} PickleStorage;

typedef struct PickleTensor {
    PickleStorage *storage;
    TorchType type;
    int64_t offset;      /* elements */
    Shape shape, stride; /* stride: in elements */
} PickleTensor;

typedef struct PickleValue PickleValue;
typedef struct PickleItem {
    PickleValue *key, *value; /* key: dictionaries only */
    struct PickleItem *next;
} PickleItem;

struct PickleValue {
    PickleKind kind;
    union {
        int64_t number;      /* INT, BOOL; GLOBAL: which */
        double real;         /* FLOAT */
        const char *text;    /* TEXT, terminated */
        PickleStorage *storage;
        PickleTensor *tensor;
        struct {             /* TUPLE, LIST, DICT */
            PickleItem *first, *last;
            int64_t count;
        };
    };
};

typedef struct Pickle {
    const uint8_t *data;
    size_t size, at;
    Arena *mem;
    PickleStorage *storages; /* all that were named, newest first */
    PickleValue **stack, **memo;
    int depth, depth_cap;
    int64_t memo_count, memo_cap, memo_next;
} Pickle;

void pickle_init(Pickle *p, const uint8_t *data, size_t size, Arena *mem); /* mem owns all values */
void pickle_finish(Pickle *p);
enum { PICKLE_MAX = 32 << 20 }; /* bytes of a stream that a reader should offer: memory is up to 40 times as much */
/* The value that ends at the next STOP; the place behind it is p->at. NULL and a message for anything not understood.
 */
PickleValue *pickle_read(Pickle *p, Err *e);
PickleValue *pickle_get(const PickleValue *list, int64_t i); /* of a tuple or list; NULL when it has fewer */

#endif
