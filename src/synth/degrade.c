/* SPDX-License-Identifier: Apache-2.0
 *
 * Colours, vignette, blur, noise of a camera; loss of size and JPEG of a file.
 */
#include "synth/degrade.h"
#include "synth/fast.h"
#include "synth/place.h"

#include <math.h>
#include <string.h>

void grade_draw(Grade *g, Rng *r)
{
    float warm = 0.06f * rng_normal(r), green = 0.025f * rng_normal(r), level = expf(0.12f * rng_normal(r));
    if (rng_chance(r, 0.06f)) { /* coloured light */
        warm *= 4;
        green *= 4;
    }
    g->gain[0] = level * (1 + warm);
    g->gain[1] = level * (1 + green);
    g->gain[2] = level * (1 - warm);
    g->gamma = expf(0.15f * rng_normal(r));
    g->contrast = rng_range(r, 0.8f, 1.2f);
    g->lift = rng_chance(r, 0.2f) ? rng_range(r, 0, 25) : 0;
    g->saturation = rng_chance(r, 0.06f) ? 0 : rng_chance(r, 0.5f) ? 1 : rng_range(r, 0.6f, 1.3f);
    g->vignette = rng_chance(r, 0.2f) ? rng_range(r, 0.05f, 0.5f) : 0;
    g->blur = rng_chance(r, 0.35f) ? rng_range(r, 0.3f, 1.2f) : 0;
    g->smear[0] = g->smear[1] = 0;
    if (rng_chance(r, 0.04f)) {
        float angle = rng_range(r, 0, 2 * (float)M_PI), length = rng_range(r, 1.5f, 4);
        g->smear[0] = length * cosf(angle);
        g->smear[1] = length * sinf(angle);
    }
}

void wear_draw(Wear *w, Rng *r)
{
    w->noise = rng_chance(r, 0.6f) ? 0.5f + 9 * powf(rng_float(r), 1.7f) : 0;
    w->coarse = rng_chance(r, 0.3f);
    w->shrink = rng_chance(r, 0.12f) ? rng_range(r, 1.2f, 2.2f) : 1;
    w->jpeg = rng_chance(r, 0.55f) ? rng_int(r, 25, 95) : 0;
}

void grain_init(Grain *g, uint64_t seed)
{
    Rng r = rng_make(seed, 0x67726169);
    for (int i = 0; i < GRAINS; i++)
        g->at[i] = (int8_t)lrintf(draw_normal(&r, 32, 127));
}

/* out[i] = sum of k[t] in[i + t * step] >> 8; k sums to 256. Sums fit 16 bits, which lets the compiler use wide
 * vectors. */
SYNTH_FAST static void weigh(const uint8_t *in, ptrdiff_t step, int n, const uint16_t *k, int taps, uint16_t *sum,
                             uint8_t *out)
{
    for (int i = 0; i < n; i++)
        sum[i] = 128;
    for (int t = 0; t < taps; t++) {
        const uint8_t *p = in + t * step;
        uint16_t weight = k[t];
        for (int i = 0; i < n; i++)
            sum[i] = (uint16_t)(sum[i] + weight * p[i]);
    }
    for (int i = 0; i < n; i++)
        out[i] = (uint8_t)(sum[i] >> 8);
}

static void blur(float sigma, int size, uint8_t *rgb, uint8_t *scratch)
{
    enum { REACH = 6 };
    int radius = MIN(REACH, (int)ceilf(2.2f * sigma)), total = 0, row = 3 * size;
    uint16_t k[2 * REACH + 1];
    float weight[2 * REACH + 1], sum = 0;
    for (int t = -radius; t <= radius; t++)
        sum += weight[t + radius] = expf(-0.5f * t * t / (sigma * sigma));
    for (int t = 0; t <= 2 * radius; t++)
        total += k[t] = (uint16_t)(weight[t] / sum * 256);
    k[radius] += 256 - total;
    uint8_t *line = mem_alloc(row + 6 * REACH);
    uint16_t *wide = mem_alloc(sizeof *wide * row);
    for (int y = 0; y < size; y++) { /* rows with both ends repeated */
        const uint8_t *in = rgb + (size_t)y * row;
        for (int i = 0; i < 3 * radius; i++) {
            line[i] = in[i % 3];
            line[3 * radius + row + i] = in[row - 3 + i % 3];
        }
        memcpy(line + 3 * radius, in, row);
        weigh(line, 3, row, k, 2 * radius + 1, wide, scratch + (size_t)y * row);
    }
    for (int y = 0; y < size; y++) {
        int top = y - radius, low = y + radius;
        if (top >= 0 && low < size) {
            weigh(scratch + (size_t)top * row, row, row, k, 2 * radius + 1, wide, rgb + (size_t)y * row);
            continue;
        }
        for (int i = 0; i < row; i++) {
            int v = 128;
            for (int t = -radius; t <= radius; t++)
                v += k[t + radius] * scratch[(size_t)CLAMP(y + t, 0, size - 1) * row + i];
            rgb[(size_t)y * row + i] = (uint8_t)(v >> 8);
        }
    }
    mem_free(line);
    mem_free(wide);
}

static void smear(const float by[2], int size, uint8_t *rgb, uint8_t *scratch)
{
    enum { TAPS = 5 };
    memcpy(scratch, rgb, (size_t)3 * size * size);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int sum[3] = {0};
            for (int t = 0; t < TAPS; t++) {
                float share = (float)t / (TAPS - 1) - 0.5f;
                int sx = CLAMP(x + (int)lrintf(share * by[0]), 0, size - 1),
                    sy = CLAMP(y + (int)lrintf(share * by[1]), 0, size - 1);
                const uint8_t *p = scratch + 3 * ((size_t)sy * size + sx);
                for (int c = 0; c < 3; c++)
                    sum[c] += p[c];
            }
            for (int c = 0; c < 3; c++)
                rgb[3 * ((size_t)y * size + x) + c] = (uint8_t)((sum[c] + TAPS / 2) / TAPS);
        }
}

static void colour_pixels(const uint8_t table[3][256], int keep, size_t n, uint8_t *p)
{
    for (size_t i = 0; i < n; i++, p += 3) {
        int r = table[0][p[0]], g = table[1][p[1]], b = table[2][p[2]];
        if (keep != 256) {
            int grey = (77 * r + 150 * g + 29 * b) >> 8, rest = grey * (256 - keep);
            r = (keep * r + rest) >> 8;
            g = (keep * g + rest) >> 8;
            b = (keep * b + rest) >> 8;
            r = CLAMP(r, 0, 255);
            g = CLAMP(g, 0, 255);
            b = CLAMP(b, 0, 255);
        }
        p[0] = (uint8_t)r;
        p[1] = (uint8_t)g;
        p[2] = (uint8_t)b;
    }
}

void grade_apply(const Grade *g, int size, uint8_t *rgb, uint8_t *scratch)
{
    if (g->smear[0] != 0 || g->smear[1] != 0)
        smear(g->smear, size, rgb, scratch);
    if (g->blur > 0)
        blur(g->blur, size, rgb, scratch);
    uint8_t table[3][256];
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 256; i++) {
            float v = powf(i / 255.0f, g->gamma) * g->gain[c];
            v = ((v - 0.5f) * g->contrast + 0.5f) * (255 - g->lift) + g->lift;
            table[c][i] = (uint8_t)CLAMP(v + 0.5f, 0.0f, 255.0f);
        }
    colour_pixels(table, (int)lrintf(g->saturation * 256), (size_t)size * size, rgb);
    for (int y = 0; y < size && g->vignette > 0; y++)
        for (int x = 0; x < size; x++) {
            float u = 2 * (x + 0.5f) / size - 1, v = 2 * (y + 0.5f) / size - 1;
            int share = (int)(256 * (1 - 0.5f * g->vignette * (u * u + v * v)));
            uint8_t *p = rgb + 3 * ((size_t)y * size + x);
            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)(p[c] * share >> 8);
        }
}

/* Down by `factor` with a box of two, up bilinearly. */
static void shrink(float factor, int size, uint8_t *rgb, uint8_t *scratch)
{
    int small = MAX(8, (int)(size / factor));
    float step = (float)size / small;
    for (int y = 0; y < small; y++)
        for (int x = 0; x < small; x++)
            for (int c = 0; c < 3; c++) {
                int sum = 0;
                for (int k = 0; k < 4; k++) {
                    int sx = MIN((int)((x + 0.25f + 0.5f * (k & 1)) * step), size - 1);
                    int sy = MIN((int)((y + 0.25f + 0.5f * (k >> 1)) * step), size - 1);
                    sum += rgb[3 * ((size_t)sy * size + sx) + c];
                }
                scratch[3 * ((size_t)y * small + x) + c] = (uint8_t)((sum + 2) / 4);
            }
    for (int y = 0; y < size; y++) {
        float v = CLAMP((y + 0.5f) / step - 0.5f, 0.0f, small - 1.001f);
        for (int x = 0; x < size; x++) {
            float u = CLAMP((x + 0.5f) / step - 0.5f, 0.0f, small - 1.001f);
            const uint8_t *p = scratch + 3 * ((size_t)(int)v * small + (int)u), *q = p + 3 * small;
            float fu = u - (int)u, fv = v - (int)v;
            for (int c = 0; c < 3; c++) {
                float a = p[c] + fu * (p[3 + c] - p[c]), b = q[c] + fu * (q[3 + c] - q[c]);
                rgb[3 * ((size_t)y * size + x) + c] = (uint8_t)(a + fv * (b - a) + 0.5f);
            }
        }
    }
}

static void add_noise(const Wear *w, const Grain *grain, Rng *r, int size, uint8_t *rgb)
{
    int level = (int)lrintf(w->noise * 32); /* grains are in 1/32 deviations; shift by 10 below */
    for (int y = 0; y < size; y++) {
        uint32_t at = rng_u32(r);
        uint8_t *p = rgb + (size_t)3 * y * size;
        if (w->coarse)
            for (int x = 0; x < size; x += 2, p += 6) {
                int d = level * grain->at[(at + x) & (GRAINS - 1)] >> 10;
                for (int c = 0; c < 6; c++)
                    p[c] = (uint8_t)CLAMP(p[c] + d, 0, 255);
            }
        else
            for (int i = 0; i < 3 * size; i++) {
                int v = p[i] + (level * grain->at[(at + i) & (GRAINS - 1)] >> 10);
                p[i] = (uint8_t)CLAMP(v, 0, 255);
            }
    }
}

void wear_apply(const Wear *w, const Grain *grain, Rng *r, int size, uint8_t *rgb, uint8_t *scratch)
{
    if (w->shrink > 1)
        shrink(w->shrink, size, rgb, scratch);
    if (w->noise > 0)
        add_noise(w, grain, r, size, rgb);
    if (w->jpeg > 0)
        degrade_jpeg(w->jpeg, size, rgb);
}
