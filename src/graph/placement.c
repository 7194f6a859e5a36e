/* SPDX-License-Identifier: Apache-2.0
 *
 * Placing blocks of memory with known lifetimes in one arena: the largest first, each into the tightest gap between the
 * already placed blocks that live at the same time (greedy by size; Pisarchyk & Lee, "Efficient Memory Management for
 * Deep Neural Net Inference", 2020, section 5.2).
 */
#include "graph/graph_internal.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static int by_size(const void *a, const void *b)
{
    const Block *x = *(Block *const *)a, *y = *(Block *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* placed: sorted by offset. */
static size_t tightest_gap(Block *const *placed, int n, const Block *b)
{
    size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int i = 0; i < n; i++) {
        const Block *p = placed[i];
        if (p->last < b->first || p->first > b->last) continue;
        if (p->offset > end && p->offset - end >= b->bytes && p->offset - end < best_gap) {
            best = end;
            best_gap = p->offset - end;
        }
        end = MAX(end, p->offset + p->bytes);
    }
    return best == SIZE_MAX ? end : best;
}

size_t place_blocks(Block *blocks, int n)
{
    Block **order = mem_alloc((size_t)MAX(n, 1) * 2 * sizeof *order), **placed = order + n;
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        blocks[i].bytes = (blocks[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        order[i] = &blocks[i];
    }
    qsort(order, (size_t)n, sizeof *order, by_size);
    for (int i = 0; i < n; i++) {
        Block *b = order[i];
        b->offset = tightest_gap(placed, i, b);
        total = MAX(total, b->offset + b->bytes);
        int at = i;
        while (at > 0 && placed[at - 1]->offset > b->offset) at--;
        memmove(placed + at + 1, placed + at, (size_t)(i - at) * sizeof *placed);
        placed[at] = b;
    }
    mem_free(order);
    return total;
}
