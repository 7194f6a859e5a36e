/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to base and its tests: the bare Philox-4x32-10 block function, to be held against the published answers.
 */
#ifndef JIG_BASE_PHILOX_H
#define JIG_BASE_PHILOX_H

#include <stdint.h>

void philox_block(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

#endif
