/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu: chooses the loops for this processor, and keeps the working memory.
 *
 * The instruction set is oneDNN's effective one, so that its environment variable (ONEDNN_MAX_CPU_ISA=AVX2 and so on)
 * limits our own loops, too.
 */
#include "backend/cpu/cpu_internal.h"
#include "backend/cpu/dnnl_compat.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- instruction sets -------------------------------------------------------------------------------------------- */

static const Loops *loops;
static DType fast = JIG_F32;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    loops = &cpu_loops_base;
#if defined CPU_X86
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
#define HAS(set) ((isa & (unsigned)(set)) == (unsigned)(set))
    if (HAS(dnnl_cpu_isa_avx2)) loops = &cpu_loops_avx2;
    if (HAS(dnnl_cpu_isa_avx512_core)) loops = &cpu_loops_avx512;
    if (HAS(dnnl_cpu_isa_avx512_core_bf16)) {
        loops = &cpu_loops_avx512bf16;
        fast = JIG_BF16;
    }
#undef HAS
#endif
}

const Loops *cpu_loops(void)
{
    pthread_once(&once, choose);
    return loops;
}

const Kernels *cpu_kernels(void)
{
    return &cpu_loops()->kernels;
}

DType cpu_fast_type(void)
{
    pthread_once(&once, choose);
    return fast;
}

/* ---- working memory ---------------------------------------------------------------------------------------------- */

typedef struct Block { void *p; size_t bytes; } Block;

static pthread_key_t blocks_key;
static pthread_once_t blocks_once = PTHREAD_ONCE_INIT;
static _Thread_local Block *my_blocks;
static atomic_size_t total;

static void free_blocks(void *p)
{
    Block *blocks = p;
    for (int i = 0; i < SCRATCH_COUNT; i++) {
        atomic_fetch_sub(&total, blocks[i].bytes);
        mem_free(blocks[i].p);
    }
    mem_free(blocks);
}

static void make_key(void)
{
    pthread_key_create(&blocks_key, free_blocks);
}

void *cpu_scratch(Scratch which, size_t bytes)
{
    if (!my_blocks) {
        pthread_once(&blocks_once, make_key);
        my_blocks = mem_zero(sizeof(Block) * SCRATCH_COUNT);
        pthread_setspecific(blocks_key, my_blocks); /* freed when the thread ends */
    }
    Block *b = &my_blocks[which];
    if (b->bytes < bytes) {
        mem_free(b->p);
        atomic_fetch_sub(&total, b->bytes);
        b->p = mem_alloc(bytes);
        b->bytes = bytes;
        atomic_fetch_add(&total, bytes);
    }
    return b->p;
}

size_t cpu_scratch_bytes(void)
{
    return atomic_load(&total);
}

const void *cpu_as(DType want, DType have, const void *data, int64_t n, Scratch where)
{
    if (want == have) return data;
    void *copy = cpu_scratch(where, (size_t)n * dtype_size(want));
    cpu_loops()->convert(want, copy, have, data, n);
    return copy;
}
