/* SPDX-License-Identifier: Apache-2.0
 *
 * Sound in memory: freeing, and the mean of its channels.
 */
#include "media/media.h"

void sound_finish(Sound *s)
{
    if (!s)
        return;
    mem_free(s->samples);
    *s = (Sound){0};
}

bool sound_to_mono(const Sound *s, float **mono, Err *e)
{
    size_t bytes;
    *mono = NULL;
    if (mem_product(&bytes, 2, (size_t)s->frames, sizeof **mono))
        *mono = mem_try(bytes);
    if (!*mono)
        return err_set(e, "out of memory for %lld samples", (long long)s->frames);
    for (int64_t i = 0; i < s->frames; i++) {
        float sum = 0;
        for (int c = 0; c < s->channels; c++)
            sum += s->samples[i * s->channels + c];
        (*mono)[i] = sum / (float)s->channels;
    }
    return true;
}
