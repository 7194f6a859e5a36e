/* SPDX-License-Identifier: Apache-2.0
 *
 * An open weight file, whatever its format: filled by safetensors.c or torch_file.c, looked up by safetensors.c.
 */
#ifndef JIG_SAFETENSORS_INTERNAL_H
#define JIG_SAFETENSORS_INTERNAL_H

#include "tensor/tensor.h"

#include <cjson/cJSON.h>

typedef struct Entry {
    const char *name;
    Tensor t;
    uint64_t from, to; /* in the data of a safetensors file */
    bool copied;       /* t.data is ours: mem_free */
} Entry;

struct SafeTensors {
    FileMap map;
    cJSON *header; /* safetensors: owns the names and metadata */
    Arena *mem;    /* PyTorch: owns them */
    Entry *entries; /* n of them; mem_free */
    int *by_name;  /* indices of entries, sorted by name */
    int n, n_meta;
    MetaPair *meta;
};

bool safetensors_sort(SafeTensors *st, Err *e);      /* fills by_name; false when a name is there twice */
bool torch_file_read(SafeTensors *st, Err *e);       /* map is open: fills the rest but by_name */
bool torch_file_is(const uint8_t *start, size_t n);  /* by the first bytes (at least 16 where the file has them) */

#endif
