/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of PyTorch files (tensor/torch_file.c, pickle.c) through weights_open, which takes safetensors, too. What
 * it takes must lie in the file or in copies of bounded size.
 */
#include "fuzz_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights(weights_open, data, size);
}
