/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawn styles: posterised colours and ink lines. Lines lie inside the figure, so its outline stays where it was.
 */
#include "synth/style.h"

#include <stdlib.h>
#include <string.h>

void style_posterise(int levels, size_t pixels, int stride, uint8_t *rgb)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)((i * levels / 256 + 0.5f) * 255 / levels);
    for (size_t i = 0; i < pixels; i++, rgb += stride)
        for (int c = 0; c < 3; c++)
            rgb[c] = table[rgb[c]];
}

/* Is there an edge between two neighbouring samples: figure and ground, two parts, or a leap in depth? */
static bool edge(const Layer *l, const Mesh *m, size_t a, size_t b)
{
    uint32_t s = l->tri[a], t = l->tri[b];
    if (s == t)
        return false;
    if (!s || !t)
        return true;
    if (l->part[a] != l->part[b] && !m->flat)
        return true;
    return fabsf(1 / l->iz[a] - 1 / l->iz[b]) > 0.08f;
}

void style_outline(const Layer *l, const Mesh *m, float width, int size, uint8_t *rgba)
{
    int reach = MAX(1, (int)lrintf(width));
    int w = l->x1 - l->x0, h = l->y1 - l->y0;
    if (w <= 0 || h <= 0)
        return;
    uint8_t *ink = mem_zero((size_t)w * h);
    for (int y = l->y0 + 1; y < l->y1 - 1; y++)
        for (int x = l->x0 + 1; x < l->x1 - 1; x++) {
            size_t at = (size_t)y * l->w + x;
            if (!l->tri[at] && !l->tri[at + 1] && !l->tri[at + l->w])
                continue;
            if (!edge(l, m, at, at + 1) && !edge(l, m, at, at + l->w))
                continue;
            for (int dy = -reach + 1; dy <= reach - 1 + (reach == 1); dy++)
                for (int dx = -reach + 1; dx <= reach - 1 + (reach == 1); dx++) {
                    int u = x + dx - l->x0, v = y + dy - l->y0;
                    if (u >= 0 && v >= 0 && u < w && v < h)
                        ink[(size_t)v * w + u] = 1;
                }
        }
    for (int y = l->y0 / 2; y < l->y1 / 2; y++)
        for (int x = l->x0 / 2; x < l->x1 / 2; x++) {
            const uint8_t *p = ink + (size_t)(2 * y - l->y0) * w + 2 * x - l->x0;
            int keep = 4 - (p[0] + p[1] + p[w] + p[w + 1]);
            uint8_t *o = rgba + 4 * ((size_t)y * size + x);
            for (int c = 0; c < 3; c++)
                o[c] = (uint8_t)((o[c] * keep + 24 * (4 - keep)) / 4);
        }
    mem_free(ink);
}
