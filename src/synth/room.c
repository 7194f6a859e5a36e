/* SPDX-License-Identifier: Apache-2.0
 *
 * Places with a floor by code: a room (floor, wall, skirting, window, pictures), a street (sky, houses, ground), a
 * stage (dark, with beams of coloured light). The floor lies at y = 0 of the dancer's world, so feet stand on it.
 */
#include "synth/place_internal.h"

#include <string.h>

/* Rays: what does pixel (x, y) look at on the floor or on the wall at depth `wall`? */
typedef struct View { Camera c; float sin_pitch, cos_pitch, wall; } View;

static View view_of(const Camera *c, float wall)
{
    return (View){*c, sinf(c->pitch), cosf(c->pitch), wall};
}

/* Direction of the ray: right, up, away (world); then true and floor coordinates, or false and wall coordinates. */
static bool look(const View *v, float x, float y, float *u, float *w, float *far)
{
    float rx = (x - v->c.cx) / v->c.focal, ry = (v->c.cy - y) / v->c.focal;
    float up = ry * v->cos_pitch + v->sin_pitch, away = v->cos_pitch - ry * v->sin_pitch;
    float floor_at = up < -1e-4f ? -v->c.height / up : 1e9f, wall_at = away > 1e-3f ? v->wall / away : 1e9f;
    if (floor_at < wall_at) {
        *u = rx * floor_at;
        *w = away * floor_at;
        *far = floor_at;
        return true;
    }
    *u = rx * wall_at;
    *w = v->c.height + up * wall_at;
    *far = wall_at;
    return false;
}

typedef struct Surface { float a[3], b[3]; int kind; float scale, strength, rough; float shift; } Surface;

static Surface surface(Rng *r, float low, float high, float scale_low, float scale_high)
{
    Surface s = {0};
    place_colour(r, low, high, s.a);
    for (int k = 0; k < 3; k++)
        s.b[k] = s.a[k] * rng_range(r, 0.65f, 0.95f);
    if (rng_chance(r, 0.25f))
        place_colour(r, low, high, s.b);
    s.kind = rng_int(r, -3, 5); /* below 0: no pattern */
    s.scale = 1 / rng_range(r, scale_low, scale_high);
    s.strength = rng_range(r, 0.2f, 1);
    s.rough = rng_range(r, 0.02f, 0.25f);
    s.shift = rng_range(r, 0, 250);
    return s;
}

static void surface_colour(const Surface *s, const NoiseField *n, float u, float v, float far, float out[3])
{
    /* patterns fade where they become finer than pixels */
    float fade = s->kind >= 0 ? CLAMP(1.6f - 0.1f * far * s->scale, 0.0f, 1.0f) : 0;
    float t = fade > 0 ? s->strength * (0.5f + fade * (place_pattern(s->kind, u * s->scale, v * s->scale) - 0.5f))
                       : 0.5f * s->strength;
    float light = 1 + s->rough * (noise_read(n, s->shift + u * 40, s->shift + v * 40) / 128 - 1);
    for (int k = 0; k < 3; k++)
        out[k] = (s->a[k] + t * (s->b[k] - s->a[k])) * light;
}

typedef struct Panel { float x0, y0, x1, y1, frame; float colour[3], rim[3]; bool bars; } Panel;

static int make_panels(Rng *r, Panel *p, int most)
{
    int n = rng_int(r, 0, most);
    for (int i = 0; i < n; i++) {
        p[i].x0 = rng_range(r, -4, 3.4f);
        p[i].x1 = p[i].x0 + rng_range(r, 0.5f, 1.8f);
        bool door = rng_chance(r, 0.25f);
        p[i].y0 = door ? 0 : rng_range(r, 0.7f, 1.5f);
        p[i].y1 = p[i].y0 + (door ? 2.05f : rng_range(r, 0.5f, 1.4f));
        p[i].frame = rng_range(r, 0.02f, 0.09f);
        p[i].bars = !door && rng_chance(r, 0.5f);
        place_colour(r, door ? 60 : 120, 255, p[i].colour);
        place_colour(r, 20, 250, p[i].rim);
    }
    return n;
}

static void draw_panels(const Panel *p, int n, float u, float v, float out[3])
{
    for (int i = 0; i < n; i++) {
        if (u < p[i].x0 || u > p[i].x1 || v < p[i].y0 || v > p[i].y1)
            continue;
        float rim = MIN(MIN(u - p[i].x0, p[i].x1 - u), MIN(p[i].y1 - v, p[i].y0 > 0 ? v - p[i].y0 : 1));
        bool bar = p[i].bars &&
                   (fabsf(u - 0.5f * (p[i].x0 + p[i].x1)) < 0.02f || fabsf(v - 0.5f * (p[i].y0 + p[i].y1)) < 0.02f);
        memcpy(out, rim < p[i].frame || bar ? p[i].rim : p[i].colour, 3 * sizeof *out);
    }
}

void place_make_room(Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb)
{
    View v = view_of(c, c->distance + rng_range(r, 0.6f, 4));
    Surface floor = surface(r, 60, 220, 0.15f, 1.2f), wall = surface(r, 90, 250, 0.1f, 0.9f);
    Panel panels[5];
    int n_panels = make_panels(r, panels, 5);
    float skirting = rng_chance(r, 0.6f) ? rng_range(r, 0.05f, 0.15f) : 0, base[3];
    place_colour(r, 40, 250, base);
    float glow_u = rng_range(r, -3, 3), glow_v = rng_range(r, 0.5f, 3.5f), glow = rng_range(r, 0.1f, 0.6f);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float sum[3] = {0};
            for (int k = 0; k < 2; k++) { /* two samples on a diagonal */
                float a, b, far, colour[3];
                bool down = look(&v, x + 0.25f + 0.5f * k, y + 0.25f + 0.5f * k, &a, &b, &far);
                surface_colour(down ? &floor : &wall, n, a, b, far, colour);
                if (!down)
                    draw_panels(panels, n_panels, a, b, colour);
                if (!down && b < skirting)
                    memcpy(colour, base, sizeof base);
                float wv = down ? 0 : b, d2 = (a - glow_u) * (a - glow_u) + (wv - glow_v) * (wv - glow_v);
                float light = 0.75f + glow * (1 / (1 + 0.15f * d2)) - (down ? 0.04f * MAX(0.0f, b - c->distance) : 0);
                for (int i = 0; i < 3; i++)
                    sum[i] += 0.5f * colour[i] * light;
            }
            place_put(rgb + 3 * ((size_t)y * size + x), sum, 1);
        }
}

typedef struct House { float x, width, height, floor_height, window; float wall[3], glass[3]; } House;

void place_make_street(Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb)
{
    View v = view_of(c, c->distance + rng_range(r, 4, 14));
    Surface ground = surface(r, 60, 200, 0.3f, 2.5f);
    ground.strength *= 0.5f;
    ground.rough += 0.1f;
    float top[3], low[3], sky_hue = rng_range(r, 0.5f, 0.65f);
    colour_draw(r, (ColourRange){{sky_hue, sky_hue}, {0.1f, 0.6f}, {150, 250}}, top);
    bool dusk = rng_chance(r, 0.3f);
    colour_draw(r, (ColourRange){{dusk ? 0 : sky_hue, dusk ? 0.12f : sky_hue}, {0, 0.3f}, {200, 255}}, low);
    House house[24];
    float reach = 0.6f * size / c->focal * v.wall + 6, at = -reach;
    int houses = 0;
    bool trees = rng_chance(r, 0.35f); /* a hedge of noise and no houses */
    while (!trees && at < reach && houses < (int)ARRAY_LEN(house)) {
        House *h = &house[houses++];
        h->x = at;
        h->width = rng_range(r, 2, 6);
        h->height = rng_range(r, 2.5f, 9);
        h->floor_height = rng_range(r, 2.2f, 3.2f);
        h->window = rng_range(r, 0.25f, 0.6f);
        place_colour(r, 80, 230, h->wall);
        place_colour(r, 30, 200, h->glass);
        at += h->width + (rng_chance(r, 0.25f) ? rng_range(r, 0, 2) : 0);
    }
    float leaf[3], dark[3], crown = rng_range(r, 2, 6), shift = rng_range(r, 0, 250);
    colour_draw(r, (ColourRange){{0.2f, 0.38f}, {0.3f, 0.7f}, {70, 170}}, leaf);
    for (int k = 0; k < 3; k++)
        dark[k] = leaf[k] * 0.35f;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float a, b, far, colour[3];
            bool down = look(&v, x + 0.5f, y + 0.5f, &a, &b, &far);
            uint8_t *o = rgb + 3 * ((size_t)y * size + x);
            if (down) {
                surface_colour(&ground, n, a, b, far, colour);
                place_put(o, colour, 1);
                continue;
            }
            float cloud = CLAMP(noise_read(n, shift + a * 4, shift + b * 9) / 100 - 1.1f, 0.0f, 1.0f);
            for (int k = 0; k < 3; k++)
                colour[k] = top[k] + (low[k] - top[k]) * CLAMP(1 - b / 12, 0.0f, 1.0f) + cloud * 40;
            float edge = noise_read(n, shift + a * 14, 3) / 128;
            if (trees && b < crown * (0.5f + 0.5f * edge)) {
                float t = noise_read(n, shift + a * 22, shift + b * 22) / 255;
                place_put_mix(o, dark, leaf, CLAMP(2.2f * t - 0.5f, 0.0f, 1.0f), 1);
                continue;
            }
            for (int i = 0; i < houses; i++) {
                const House *h = &house[i];
                if (a < h->x || a > h->x + h->width || b > h->height)
                    continue;
                float u = (a - h->x) / 1.5f, w = b / h->floor_height;
                u -= floorf(u);
                w -= floorf(w);
                bool window = fabsf(u - 0.5f) < 0.5f * h->window && fabsf(w - 0.55f) < 0.25f && h->height - b > 0.4f;
                for (int k = 0; k < 3; k++)
                    colour[k] =
                        (window ? h->glass[k] : h->wall[k]) * (0.9f + 0.2f * (noise_read(n, a * 20, b * 20) / 255));
            }
            place_put(o, colour, 1);
        }
}

void place_make_stage(Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb)
{
    View v = view_of(c, c->distance + rng_range(r, 1, 5));
    float base[3], beam[4][3], from[4], to[4], width[4];
    place_colour(r, 5, 60, base);
    int beams = rng_int(r, 1, 4);
    for (int i = 0; i < beams; i++) {
        colour_draw(r, (ColourRange){{0, 1}, {0.3f, 1}, {60, 220}}, beam[i]);
        from[i] = rng_range(r, -0.2f, 1.2f) * size;
        to[i] = rng_range(r, 0, 1) * size;
        width[i] = rng_range(r, 0.04f, 0.16f) * size;
    }
    float haze = rng_range(r, 0, 0.6f);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float a, b, far;
            bool down = look(&v, x + 0.5f, y + 0.5f, &a, &b, &far);
            float mist = 1 + haze * (noise_read(n, x * 0.8f, y * 0.8f) / 128 - 1), colour[3];
            for (int k = 0; k < 3; k++)
                colour[k] = base[k] * (down ? 1.5f : 1);
            float t = (float)y / size;
            for (int i = 0; i < beams; i++) {
                float centre = from[i] + t * (to[i] - from[i]), wide = width[i] * (0.3f + t) * (down ? 1.6f : 1);
                float d = (x - centre) / wide, light = expf(-d * d) * (down ? 0.9f : 0.55f);
                for (int k = 0; k < 3; k++)
                    colour[k] += beam[i][k] * light;
            }
            place_put(rgb + 3 * ((size_t)y * size + x), colour, mist);
        }
}
