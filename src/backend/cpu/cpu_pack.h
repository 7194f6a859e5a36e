/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_pack: weights in the format that oneDNN chose. Weights that never change are packed once and kept with the node's
 * KernelState; others are packed into scratch at each call. Weights whose own format is the chosen one are used as they
 * are.
 */
#ifndef JIG_CPU_PACK_H
#define JIG_CPU_PACK_H

#include "backend/cpu/cpu_internal.h"
#include "backend/cpu/dnnl_compat.h"

typedef struct Packed {
    Prim reorder;
    bool plain;    /* nothing to do */
    size_t bytes;
    void *kept;    /* constant weights, packed */
} Packed;

bool packed_init(Packed *p, const Md *from, const Md *to);
const void *packed_weights(Packed *p, const void *w, KernelState *state);
void packed_finish(Packed *p);

/* Identity of what a KernelState was made for: a list of numbers. */
enum { KEY_MAX = 48 };
typedef struct Key { int n; int64_t v[KEY_MAX]; } Key;
void key_add(Key *k, int64_t v);
void key_add_all(Key *k, const int64_t *v, int n);
bool key_equal(const Key *a, const Key *b);

#endif
