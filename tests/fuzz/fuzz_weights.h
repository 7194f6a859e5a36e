/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two fuzz targets of weight files share: a file that was taken must lie in its bytes, every one of which is
 * read.
 */
#ifndef JIG_FUZZ_WEIGHTS_H
#define JIG_FUZZ_WEIGHTS_H

#include <stdlib.h>

#include "fuzz.h"
#include "tensor/tensor.h"

typedef SafeTensors *OpenWeights(const char *path, Err *e);

static inline int fuzz_weights(OpenWeights *open_weights, const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    if (fd < 0)
        return 0;
    Err e = {0};
    SafeTensors *st = open_weights(path, &e);
    volatile unsigned sum = 0;
    if (!st && !e.text[0])
        abort();
    for (int i = 0; st && i < safetensors_count(st); i++) {
        Tensor t = safetensors_tensor(st, i), found;
        const uint8_t *bytes = t.data;
        for (size_t k = 0; k < tensor_bytes(&t); k++)
            sum += bytes[k];
        if (!safetensors_find(st, safetensors_name(st, i), &found))
            abort();
    }
    for (int i = 0; st && i < safetensors_meta_count(st); i++) {
        const char *key, *value;
        safetensors_meta_at(st, i, &key, &value);
        sum += (unsigned)(*key + *value);
    }
    safetensors_close(st);
    close(fd);
    return 0;
}

#endif
