/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_pack: see the header.
 */
#include "backend/cpu/cpu_pack.h"

#include <assert.h>
#include <string.h>

bool packed_init(Packed *p, const Md *from, const Md *to)
{
    *p = (Packed){.plain = md_equal(from, to), .bytes = md_bytes(to)};
    if (p->plain) return true;
    return prim_init(&p->reorder, pd_reorder(from, to)) && prim_arg(&p->reorder, DNNL_ARG_FROM, from) &&
           prim_arg(&p->reorder, DNNL_ARG_TO, to);
}

const void *packed_weights(Packed *p, const void *w, KernelState *state)
{
    if (p->plain) return w;
    if (p->kept && state->constant_weights) return p->kept;
    void *to = cpu_scratch(SCRATCH_WEIGHTS, state->constant_weights ? 0 : p->bytes);
    if (state->constant_weights) {
        to = p->kept = mem_alloc(p->bytes);
        state->bytes = p->bytes;
    }
    prim_set(&p->reorder, DNNL_ARG_FROM, w);
    prim_set(&p->reorder, DNNL_ARG_TO, to);
    prim_run(&p->reorder);
    return to;
}

void packed_finish(Packed *p)
{
    prim_finish(&p->reorder);
    mem_free(p->kept);
    *p = (Packed){0};
}

void key_add(Key *k, int64_t v)
{
    assert(k->n < KEY_MAX);
    k->v[k->n++] = v;
}

void key_add_all(Key *k, const int64_t *v, int n)
{
    for (int i = 0; i < n; i++) key_add(k, v[i]);
}

bool key_equal(const Key *a, const Key *b)
{
    return a->n == b->n && !memcmp(a->v, b->v, sizeof(int64_t) * (size_t)a->n);
}
