/* SPDX-License-Identifier: Apache-2.0
 *
 * Figure over ground: premultiplied colours over an opaque picture, or to straight alpha where there is no ground.
 */
#include "models/articulated/articulated_internal.h"

typedef struct CompositeJob { const uint8_t *figure, *ground; int w; uint8_t *out; } CompositeJob;

static void rows(void *ctx, int64_t from, int64_t to)
{
    const CompositeJob *j = ctx;
    for (size_t i = (size_t)from * (size_t)j->w; i < (size_t)to * (size_t)j->w; i++) {
        const uint8_t *f = j->figure + 4 * i;
        uint8_t *o = j->out + 4 * i;
        if (j->ground) {
            for (size_t k = 0; k < 3; k++) o[k] = (uint8_t)MIN(f[k] + (j->ground[3 * i + k] * (255 - f[3]) + 127) / 255, 255);
            o[3] = 255;
        } else {
            for (int k = 0; k < 3; k++) o[k] = f[3] ? (uint8_t)MIN((f[k] * 255 + f[3] / 2) / f[3], 255) : 0;
            o[3] = f[3];
        }
    }
}

void composite(const uint8_t *figure, const uint8_t *ground, int w, int h, uint8_t *rgba)
{
    CompositeJob j = {figure, ground, w, rgba};
    threads_for(h, 16, rows, &j);
}
