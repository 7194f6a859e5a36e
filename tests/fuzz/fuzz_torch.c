/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of PyTorch files (tensor/torch_file.c, pickle.c) through weights_open, which takes safetensors, too. What
 * it takes must lie in the file or in copies of bounded size: every byte of every tensor is read.
 */
#include "fuzz.h"

#include "tensor/tensor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    if (fd < 0)
        return 0;
    SafeTensors *st = weights_open(path, NULL);
    volatile unsigned sum = 0;
    for (int i = 0; st && i < safetensors_count(st); i++) {
        Tensor t = safetensors_tensor(st, i), found;
        const uint8_t *bytes = t.data;
        for (size_t k = 0; k < tensor_bytes(&t); k++)
            sum += bytes[k];
        sum += safetensors_find(st, safetensors_name(st, i), &found);
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
