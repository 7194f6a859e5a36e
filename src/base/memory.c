/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: aligned allocation, overflow-safe sizes, how much there is, and the arena for strings and configuration.
 * 64 bytes are a cache line and a whole vector register of the widest CPUs.
 */
#include "base/base.h"
#include "base/cgroup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { ALIGNMENT = 64, ARENA_BLOCK = 32 * 1024, ARENA_ALIGNMENT = 16 };

static void *must(void *p, size_t bytes)
{
    if (!p) {
        log_line(LOG_ERROR, "out of memory: %zu bytes cannot be had", bytes);
        abort();
    }
    return p;
}

void *mem_try(size_t bytes)
{
    if (bytes > PTRDIFF_MAX - ALIGNMENT)
        return NULL;
    size_t whole = (MAX(bytes, 1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return aligned_alloc(ALIGNMENT, whole);
}

void *mem_alloc(size_t bytes)
{
    return must(mem_try(bytes), bytes);
}

void *mem_zero(size_t bytes)
{
    return memset(mem_alloc(bytes), 0, bytes);
}

void *mem_resize(void *p, size_t bytes)
{
    return must(realloc(p, MAX(bytes, 1)), bytes);
}

void mem_free(void *p)
{
    free(p);
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mem_resize(NULL, n), s, n);
}

bool mem_product(size_t *out, int n, ...)
{
    va_list args;
    va_start(args, n);
    bool fits = true;
    *out = 1;
    for (int i = 0; i < n; i++)
        fits = !__builtin_mul_overflow(*out, va_arg(args, size_t), out) && fits;
    va_end(args);
    return fits;
}

/* What a group may still take: its limit less what it uses, file pages that can be dropped not counted as used. */
static void least_room(void *ctx, const char *dir, bool v2)
{
    double *least = ctx, limit, used;
    if (!cgroup_number(dir, v2 ? "memory.max" : "memory.limit_in_bytes", &limit, NULL) ||
        !cgroup_number(dir, v2 ? "memory.current" : "memory.usage_in_bytes", &used, NULL))
        return;
    double room = limit - used + cgroup_stat(dir, v2 ? "inactive_file" : "total_inactive_file");
    *least = MIN(*least, MAX(room, 0));
}

uint64_t mem_available(void)
{
    double room = 0;
    char line[200];
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lf kB", &room) == 1)
            break;
    if (f)
        fclose(f);
    room *= 1024;
    cgroup_walk("memory", least_room, &room);
    return (uint64_t)room;
}

uint64_t mem_peak(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (uint64_t)use.ru_maxrss * 1024;
}

typedef struct Block {
    struct Block *next;
    size_t used, size;
    _Alignas(ARENA_ALIGNMENT) char bytes[];
} Block;

struct Arena {
    Block *blocks; /* the first one is being filled */
};

Arena *arena_create(void)
{
    return mem_zero(sizeof(Arena));
}

void arena_destroy(Arena *a)
{
    if (!a)
        return;
    for (Block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    mem_free(a);
}

void *arena_alloc(Arena *a, size_t bytes)
{
    size_t need = (MAX(bytes, 1) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (need < bytes)
        must(NULL, bytes);
    Block *b = a->blocks;
    if (!b || b->size - b->used < need) {
        size_t size = MAX(need, (size_t)ARENA_BLOCK);
        b = mem_alloc(sizeof(Block) + size);
        *b = (Block){.next = a->blocks, .size = size};
        a->blocks = b;
    }
    void *p = memset(b->bytes + b->used, 0, need);
    b->used += need;
    return p;
}

char *arena_strdup(Arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *s = arena_alloc(a, (size_t)MAX(n, 0) + 1);
    if (n > 0)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return s;
}
