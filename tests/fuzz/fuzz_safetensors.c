/* SPDX-License-Identifier: Apache-2.0
 *
 * The safetensors reader (tensor/safetensors.c).
 */
#include "fuzz_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights(safetensors_open, data, size);
}
