/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers: Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * Word number `at` of a stream is lane at % 4 of the block with key = seed and counter = (at / 4, stream), low word
 * first. Normal numbers: Box-Muller; number k of rng_fill_normal uses words 2 (k / 2) and the next one, cosine for even
 * k, sine for odd.
 */
#include "base/base.h"
#include "base/philox.h"

#include <math.h>

void philox_block(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static void block_at(uint32_t out[4], uint64_t seed, uint64_t stream, uint64_t index)
{
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    philox_block(out, counter, key);
}

Rng rng_make(uint64_t seed, uint64_t stream)
{
    return (Rng){.seed = seed, .stream = stream};
}

uint32_t rng_u32(Rng *r)
{
    uint32_t words[4];
    block_at(words, r->seed, r->stream, r->at / 4);
    return words[r->at++ % 4];
}

float rng_float(Rng *r)
{
    return (float)(rng_u32(r) >> 8) * 0x1p-24f;
}

float rng_range(Rng *r, float lo, float hi)
{
    return lo + (hi - lo) * rng_float(r);
}

int rng_int(Rng *r, int lo, int hi)
{
    uint64_t n = (uint64_t)((int64_t)hi - lo) + 1;
    return (int)(lo + (int64_t)(rng_u32(r) * n >> 32));
}

bool rng_chance(Rng *r, float p)
{
    return rng_float(r) < p;
}

/* u is in (0, 1], so that the logarithm is finite: the largest normal number is 6.7. */
static void box_muller(uint32_t a, uint32_t b, float *even, float *odd)
{
    float u = ((float)(a >> 8) + 1) * 0x1p-24f, angle = (float)(b >> 8) * (float)(0x1p-24 * 2 * M_PI);
    float radius = sqrtf(-2 * logf(u));
    *even = radius * cosf(angle);
    *odd = radius * sinf(angle);
}

float rng_normal(Rng *r)
{
    float even, odd;
    uint32_t a = rng_u32(r), b = rng_u32(r);
    box_muller(a, b, &even, &odd);
    return even;
}

typedef struct Fill {
    float *out;
    size_t n;
    uint64_t seed, stream, position;
} Fill;

/* Blocks [from, to) counted from the one that holds `position`; each gives the four numbers of its words. */
static void fill_blocks(void *ctx, int64_t from, int64_t to)
{
    const Fill *f = ctx;
    for (int64_t i = from; i < to; i++) {
        uint32_t words[4];
        float values[4];
        uint64_t block = f->position / 4 + (uint64_t)i;
        block_at(words, f->seed, f->stream, block);
        box_muller(words[0], words[1], &values[0], &values[1]);
        box_muller(words[2], words[3], &values[2], &values[3]);
        for (uint64_t lane = 0; lane < 4; lane++) {
            uint64_t k = block * 4 + lane - f->position; /* wraps far out of range for lanes before the position */
            if (k < f->n)
                f->out[k] = values[lane];
        }
    }
}

void rng_fill_normal(float *out, size_t n, uint64_t seed, uint64_t stream, uint64_t position)
{
    Fill f = {out, n, seed, stream, position};
    if (n)
        threads_for((int64_t)((position % 4 + n + 3) / 4), 4096, fill_blocks, &f);
}

uint64_t rng_hash(const void *p, size_t n)
{
    const uint8_t *bytes = p;
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001B3u;
    return h;
}
