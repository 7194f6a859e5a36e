/* SPDX-License-Identifier: Apache-2.0
 *
 * Textures of synth: RGBA8 with a pyramid of halved copies. The renderer picks one level per triangle (texels per pixel
 * hardly change over a figure) and reads it bilinearly; that is as clean as trilinear reading at these sizes and half
 * the work.
 */
#include "synth/synth_internal.h"

#include <string.h>

/* One halving by box; odd sides drop their last row or column. Colours are weighted by alpha so that nothing bleeds in.
 */
static void halve(const uint8_t *in, int w, int h, uint8_t *out)
{
    int ow = MAX(1, w / 2), oh = MAX(1, h / 2);
    for (int y = 0; y < oh; y++) {
        for (int x = 0; x < ow; x++) {
            const uint8_t *p[4];
            int x1 = MIN(2 * x + 1, w - 1), y1 = MIN(2 * y + 1, h - 1);
            p[0] = in + 4 * ((size_t)2 * y * w + 2 * x);
            p[1] = in + 4 * ((size_t)2 * y * w + x1);
            p[2] = in + 4 * ((size_t)y1 * w + 2 * x);
            p[3] = in + 4 * ((size_t)y1 * w + x1);
            unsigned a = p[0][3] + p[1][3] + p[2][3] + p[3][3];
            uint8_t *o = out + 4 * ((size_t)y * ow + x);
            for (int c = 0; c < 3; c++) {
                unsigned plain = p[0][c] + p[1][c] + p[2][c] + p[3][c];
                unsigned sum = p[0][c] * p[0][3] + p[1][c] * p[1][3] + p[2][c] * p[2][3] + p[3][c] * p[3][3];
                o[c] = a ? (sum + a / 2) / a : (plain + 2) / 4;
            }
            o[3] = (a + 2) / 4;
        }
    }
}

void texture_init(Texture *t, const uint8_t *rgba, int w, int h, int limit)
{
    memset(t, 0, sizeof *t);
    uint8_t *shrunk = NULL;
    while (MAX(w, h) > limit && MIN(w, h) > 1) {
        uint8_t *next = mem_alloc((size_t)4 * MAX(1, w / 2) * MAX(1, h / 2));
        halve(rgba, w, h, next);
        mem_free(shrunk);
        rgba = shrunk = next;
        w = MAX(1, w / 2);
        h = MAX(1, h / 2);
    }
    size_t total = 0;
    for (int i = 0, lw = w, lh = h; i < TEXTURE_LEVELS; i++) {
        t->w[i] = lw;
        t->h[i] = lh;
        total += (size_t)4 * lw * lh;
        t->levels = i + 1;
        if (lw == 1 && lh == 1)
            break;
        lw = MAX(1, lw / 2);
        lh = MAX(1, lh / 2);
    }
    uint8_t *at = mem_alloc(total);
    for (int i = 0; i < t->levels; i++) {
        t->rgba[i] = at;
        at += (size_t)4 * t->w[i] * t->h[i];
        if (i == 0)
            memcpy(t->rgba[0], rgba, (size_t)4 * w * h);
        else
            halve(t->rgba[i - 1], t->w[i - 1], t->h[i - 1], t->rgba[i]);
    }
    for (size_t i = 0; i < (size_t)w * h && !t->cut_out; i++)
        t->cut_out = rgba[4 * i + 3] < 128;
    mem_free(shrunk);
}

void texture_finish(Texture *t)
{
    mem_free(t->rgba[0]);
    memset(t, 0, sizeof *t);
}
