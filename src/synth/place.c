/* SPDX-License-Identifier: Apache-2.0
 *
 * Views of pictures, noise, and the flat kinds of places: plain, gradient, noise, pattern. Rooms, streets and stages:
 * room.c.
 */
#include "synth/fast.h"
#include "synth/place.h"
#include "synth/place_internal.h"

#include <string.h>

void colour_hsv(float h, float s, float v, float rgb[3])
{
    for (int c = 0; c < 3; c++) {
        float k = fmodf(h * 6 + (c == 0 ? 5 : c == 1 ? 3 : 1), 6);
        rgb[c] = v * (1 - s * CLAMP(MIN(k, 4 - k), 0.0f, 1.0f));
    }
}

void colour_draw(Rng *r, ColourRange c, float rgb[3])
{
    float h = rng_range(r, c.h[0], c.h[1]), s = rng_range(r, c.s[0], c.s[1]), v = rng_range(r, c.v[0], c.v[1]);
    colour_hsv(h, s, v, rgb);
}

float draw_product(Rng *r, float low, float high)
{
    float a = rng_range(r, low, high);
    return a * rng_float(r);
}

float draw_normal(Rng *r, float deviation, float limit)
{
    float x = deviation * rng_normal(r);
    return CLAMP(x, -limit, limit);
}

void noise_init(NoiseField *n, uint64_t seed)
{
    float (*sum)[NOISE_SIDE] = mem_zero(sizeof(float) * NOISE_SIDE * NOISE_SIDE);
    for (int octave = 0; octave < 6; octave++) {
        int cells = 4 << octave, cell = NOISE_SIDE / cells;
        Rng r = rng_make(seed, 0x6e6f6973 + octave);
        float *value = mem_alloc(sizeof *value * cells * cells);
        for (int i = 0; i < cells * cells; i++)
            value[i] = rng_range(&r, -1, 1);
        for (int y = 0; y < NOISE_SIDE; y++)
            for (int x = 0; x < NOISE_SIDE; x++) {
                float fx = (float)(x % cell) / cell, fy = (float)(y % cell) / cell;
                fx = fx * fx * (3 - 2 * fx);
                fy = fy * fy * (3 - 2 * fy);
                int x0 = x / cell, y0 = y / cell, x1 = (x0 + 1) % cells, y1 = (y0 + 1) % cells;
                float a = value[y0 * cells + x0] * (1 - fx) + value[y0 * cells + x1] * fx;
                float b = value[y1 * cells + x0] * (1 - fx) + value[y1 * cells + x1] * fx;
                sum[y][x] += (a * (1 - fy) + b * fy) * powf(0.6f, octave);
            }
        mem_free(value);
    }
    for (int y = 0; y < NOISE_SIDE; y++)
        for (int x = 0; x < NOISE_SIDE; x++)
            n->at[y][x] = (uint8_t)CLAMP(128 + 90 * sum[y][x], 0.0f, 255.0f);
    mem_free(sum);
}

float noise_read(const NoiseField *n, float u, float v)
{
    float fu = floorf(u), fv = floorf(v);
    int x = (int)fu & (NOISE_SIDE - 1), y = (int)fv & (NOISE_SIDE - 1);
    int x1 = (x + 1) & (NOISE_SIDE - 1), y1 = (y + 1) & (NOISE_SIDE - 1);
    float a = n->at[y][x] + (u - fu) * (n->at[y][x1] - n->at[y][x]);
    float b = n->at[y1][x] + (u - fu) * (n->at[y1][x1] - n->at[y1][x]);
    return a + (v - fv) * (b - a);
}

SYNTH_FAST void place_view(const Texture *t, float x, float y, float step, int size, uint8_t *rgb)
{
    int level = step > 1 ? ilogbf(step * 1.2f) : 0;
    level = MIN(level, t->levels - 1);
    int w = t->w[level], h = t->h[level];
    float sx = (float)w / t->w[0], sy = (float)h / t->h[0];
    int *left = mem_alloc(sizeof *left * size);
    int *share = mem_alloc(sizeof *share * size);
    for (int i = 0; i < size; i++) {
        float u = CLAMP((x + (i + 0.5f) * step) * sx - 0.5f, 0.0f, w - 1.001f);
        left[i] = 4 * (int)MAX(u, 0.0f);
        share[i] = (int)((u - (int)u) * 256);
    }
    for (int j = 0; j < size; j++) {
        float v = MAX(CLAMP((y + (j + 0.5f) * step) * sy - 0.5f, 0.0f, h - 1.001f), 0.0f);
        int row = (int)v, fy = (int)((v - row) * 256);
        const uint8_t *a = t->rgba[level] + (size_t)4 * row * w, *b = row + 1 < h ? a + (size_t)4 * w : a;
        uint8_t *o = rgb + (size_t)3 * j * size;
        for (int i = 0; i < size; i++, o += 3) {
            const uint8_t *p = a + left[i], *q = b + left[i];
            int fx = share[i], next = w > 1 ? 4 : 0;
            for (int c = 0; c < 3; c++) {
                int top = p[c] * 256 + fx * (p[next + c] - p[c]), low = q[c] * 256 + fx * (q[next + c] - q[c]);
                o[c] = (uint8_t)((top * 256 + fy * (low - top) + 32768) >> 16);
            }
        }
    }
    mem_free(left);
    mem_free(share);
}

void place_colour(Rng *r, float low, float high, float rgb[3])
{
    bool pale = rng_chance(r, 0.4f);
    colour_draw(r, (ColourRange){{0, 1}, {pale ? 0 : 0.1f, pale ? 0.15f : 0.85f}, {low, high}}, rgb);
}

void place_put(uint8_t *o, const float c[3], float scale)
{
    for (int k = 0; k < 3; k++)
        o[k] = (uint8_t)CLAMP(c[k] * scale + 0.5f, 0.0f, 255.0f);
}

void place_put_mix(uint8_t *o, const float a[3], const float b[3], float t, float scale)
{
    for (int k = 0; k < 3; k++)
        o[k] = (uint8_t)CLAMP((a[k] + t * (b[k] - a[k])) * scale + 0.5f, 0.0f, 255.0f);
}

static void make_gradient(Rng *r, int size, bool round, uint8_t *rgb)
{
    float a[3], b[3];
    place_colour(r, 20, 250, a);
    place_colour(r, 20, 250, b);
    float angle = rng_range(r, 0, 2 * (float)M_PI), cx = rng_range(r, 0.2f, 0.8f), cy = rng_range(r, 0.1f, 0.7f);
    float dx = cosf(angle) / size, dy = sinf(angle) / size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float u = (float)x / size - cx, v = (float)y / size - cy;
            float t =
                round ? 1.3f * sqrtf(u * u + v * v) : 0.5f + 0.7f * ((x - 0.5f * size) * dx + (y - 0.5f * size) * dy);
            place_put_mix(rgb + 3 * ((size_t)y * size + x), a, b, CLAMP(t, 0.0f, 1.0f), 1);
        }
}

static void make_noise(Rng *r, const NoiseField *n, int size, uint8_t *rgb)
{
    float a[3], b[3], c[3];
    place_colour(r, 20, 250, a);
    place_colour(r, 20, 250, b);
    place_colour(r, 20, 250, c);
    float scale = powf(2, rng_range(r, -2.5f, 1.5f)) * 256 / size, u0 = rng_range(r, 0, 256), v0 = rng_range(r, 0, 256);
    float contrast = rng_range(r, 1, 4);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float t = noise_read(n, u0 + x * scale, v0 + y * scale) / 128 - 1,
                  q = CLAMP(0.5f + contrast * t, 0.0f, 1.0f);
            float m[3];
            for (int k = 0; k < 3; k++)
                m[k] = a[k] + q * (b[k] - a[k]);
            place_put_mix(rgb + 3 * ((size_t)y * size + x), m, c, x * y / ((float)size * size) * 0.5f, 1);
        }
}

/* 0..1: stripes, checks, dots, zigzag, at (u, v) in units of the pattern. */
float place_pattern(int kind, float u, float v)
{
    float fu = u - floorf(u), fv = v - floorf(v);
    switch (kind) {
    case 0: return fu < 0.5f;
    case 1: return (fu < 0.5f) != (fv < 0.5f);
    case 2: return (fu - 0.5f) * (fu - 0.5f) + (fv - 0.5f) * (fv - 0.5f) < 0.09f;
    case 3: return (fv - floorf(fv) + fabsf(fu - 0.5f)) - floorf(fv + fabsf(fu - 0.5f)) < 0.5f;
    case 4: return fu < 0.1f || fv < 0.1f;
    default: return 0.5f + 0.5f * sinf(2 * (float)M_PI * u) * sinf(2 * (float)M_PI * v);
    }
}

static void make_pattern(Rng *r, const NoiseField *n, int size, uint8_t *rgb)
{
    float a[3], b[3];
    place_colour(r, 20, 250, a);
    place_colour(r, 20, 250, b);
    int kind = rng_int(r, 0, 5);
    float angle = rng_chance(r, 0.5f) ? 0 : rng_range(r, 0, (float)M_PI), wave = size / rng_range(r, 3, 24);
    float c = cosf(angle) / wave, s = sinf(angle) / wave;
    float strength = rng_range(r, 0.2f, 1), rough = rng_chance(r, 0.5f) ? rng_range(r, 0, 0.3f) : 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float t = 0; /* four samples a pixel: no jagged edges */
            for (int k = 0; k < 4; k++) {
                float px = x + 0.25f + 0.5f * (k & 1), py = y + 0.25f + 0.5f * (k >> 1);
                t += 0.25f * place_pattern(kind, px * c + py * s, py * c - px * s);
            }
            float light = 1 + rough * (noise_read(n, x * 0.5f, y * 0.5f) / 128 - 1);
            place_put_mix(rgb + 3 * ((size_t)y * size + x), a, b, strength * t, light);
        }
}

void place_cloth(Rng *r, Texture *t)
{
    enum { SIDE = 64 };
    uint8_t *rgba = mem_alloc(4 * SIDE * SIDE);
    float a[3], b[3], angle = 0.5f * (float)M_PI * rng_int(r, 0, 1);
    place_colour(r, 30, 250, a);
    place_colour(r, 30, 250, b);
    int kind = rng_int(r, 0, 5), waves = rng_int(r, 1, 6);
    float c = cosf(angle) * waves / SIDE, s = sinf(angle) * waves / SIDE;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float on = 0;
            for (int k = 0; k < 4; k++) {
                float px = x + 0.25f + 0.5f * (k & 1), py = y + 0.25f + 0.5f * (k >> 1);
                on += 0.25f * place_pattern(kind, px * c + py * s, py * c - px * s);
            }
            uint8_t *o = rgba + 4 * (y * SIDE + x);
            place_put_mix(o, a, b, on, 1);
            o[3] = 255;
        }
    texture_init(t, rgba, SIDE, SIDE, SIDE);
    mem_free(rgba);
}

void place_make(PlaceKind kind, Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb)
{
    float plain[3];
    switch (kind) {
    case PLACE_GRADIENT: make_gradient(r, size, rng_chance(r, 0.4f), rgb); return;
    case PLACE_NOISE: make_noise(r, n, size, rgb); return;
    case PLACE_PATTERN: make_pattern(r, n, size, rgb); return;
    case PLACE_ROOM: place_make_room(r, n, c, size, rgb); return;
    case PLACE_STREET: place_make_street(r, n, c, size, rgb); return;
    case PLACE_STAGE: place_make_stage(r, n, c, size, rgb); return;
    default:
        if (rng_chance(r, 0.35f))
            memset(plain, 0, sizeof plain),
                plain[0] = plain[1] = plain[2] = rng_chance(r, 0.7f) ? rng_range(r, 225, 255) : rng_range(r, 5, 140);
        else
            place_colour(r, 30, 250, plain);
        for (int i = 0; i < size * size; i++)
            place_put(rgb + (size_t)3 * i, plain, 1);
    }
}
