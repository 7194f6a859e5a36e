/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing WAV: RIFF chunks fmt, (fact for float,) data; little-endian. Format 1 = integers, 3 = IEEE floats (Microsoft
 * RIFF specification, "New Multimedia Data Types and Data Techniques", 1994).
 */
#include "media/media.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static void put(uint8_t **at, uint32_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*at)++ = (uint8_t)(x >> (8 * i));
}

static void put_name(uint8_t **at, const char *name)
{
    memcpy(*at, name, 4);
    *at += 4;
}

static size_t header(uint8_t *to, const Sound *s, int bits, uint32_t data)
{
    bool is_float = bits == 32;
    uint32_t frame = (uint32_t)(s->channels * bits / 8), fact = is_float ? 12 : 0;
    uint8_t *at = to;
    put_name(&at, "RIFF");
    put(&at, 4 + 8 + 16 + fact + 8 + data, 4);
    put_name(&at, "WAVE");
    put_name(&at, "fmt ");
    put(&at, 16, 4);
    put(&at, is_float ? 3 : 1, 2);
    put(&at, (uint32_t)s->channels, 2);
    put(&at, (uint32_t)s->rate, 4);
    put(&at, (uint32_t)s->rate * frame, 4);
    put(&at, frame, 2);
    put(&at, (uint32_t)bits, 2);
    if (is_float) {
        put_name(&at, "fact");
        put(&at, 4, 4);
        put(&at, (uint32_t)s->frames, 4);
    }
    put_name(&at, "data");
    put(&at, data, 4);
    return (size_t)(at - to);
}

bool sound_save_wav(const Sound *s, const char *path, int bits, Err *e)
{
    if (bits != 16 && bits != 32)
        return err_set(e, "WAV with %d bits; allowed are 16 (integers) and 32 (floats)", bits);
    size_t values, data;
    if (!mem_product(&values, 2, (size_t)s->frames, (size_t)s->channels) ||
        !mem_product(&data, 2, values, (size_t)bits / 8) || data > UINT32_MAX - 100)
        return err_set(e, "%s: %lld sample frames do not fit into a WAV file (4 GiB)", path, (long long)s->frames);
    OutFile o;
    if (!out_open(&o, path, e))
        return false;
    uint8_t block[4 * 4096];
    size_t n = header(block, s, bits, (uint32_t)data);
    bool ok = fwrite(block, 1, n, o.f) == n;
    for (size_t i = 0; ok && i < values;) {
        uint8_t *at = block;
        for (size_t k = 0; k < 4096 && i < values; k++, i++) {
            uint32_t word;
            memcpy(&word, &s->samples[i], 4);
            if (bits == 16)
                word = (uint32_t)lrintf(CLAMP(s->samples[i] * 32768.0f, -32768.0f, 32767.0f));
            put(&at, word, bits / 8);
        }
        ok = fwrite(block, 1, (size_t)(at - block), o.f) == (size_t)(at - block);
    }
    if (ok)
        return out_commit(&o, e);
    err_set(e, "cannot write %s: %s", path, strerror(errno));
    out_abandon(&o);
    return false;
}
