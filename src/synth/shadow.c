/* SPDX-License-Identifier: Apache-2.0
 *
 * Soft shadows: every vertex lays its share of the surface onto the floor, once straight down (the dark spot under
 * feet, where the sky is hidden), once along the key light; both are blurred, the second more. Light and dark need not
 * be exact here, only soft, in the right place and moving with the body.
 */
#include "synth/shadow.h"

#include <string.h>

void shadow_init(Shadow *s, int size)
{
    s->side = size / 2;
    s->cover = mem_zero(sizeof *s->cover * s->side * s->side);
    s->scratch = mem_zero(sizeof *s->scratch * s->side * s->side);
}

void shadow_finish(Shadow *s)
{
    mem_free(s->cover);
    mem_free(s->scratch);
    memset(s, 0, sizeof *s);
}

/* Adds `amount` at the floor point, shared among four cells. */
static void lay(float *cover, int side, const Camera *c, float x, float z, float amount)
{
    float p[3];
    camera_project(c, vec3(x, 0, z), p);
    if (p[2] < 0.3f)
        return;
    float u = 0.5f * p[0] - 0.5f, v = 0.5f * p[1] - 0.5f;
    if (!(u > 0 && v > 0 && u < side - 1.01f && v < side - 1.01f))
        return;
    int iu = (int)u, iv = (int)v;
    float fu = u - iu, fv = v - iv, *o = cover + (size_t)iv * side + iu;
    o[0] += amount * (1 - fu) * (1 - fv);
    o[1] += amount * fu * (1 - fv);
    o[side] += amount * (1 - fu) * fv;
    o[side + 1] += amount * fu * fv;
}

/* Running mean of 2 radius + 1 cells, along rows and then columns. */
static void box(float *a, float *t, int side, int radius)
{
    float share = 1.0f / (2 * radius + 1);
    for (int y = 0; y < side; y++) {
        float sum = 0, *in = a + (size_t)y * side;
        for (int x = -radius; x < side; x++) {
            sum += x + radius < side ? in[x + radius] : 0;
            sum -= x - radius - 1 >= 0 ? in[x - radius - 1] : 0;
            if (x >= 0)
                t[(size_t)y * side + x] = sum * share;
        }
    }
    float *sum = mem_zero(sizeof *sum * side);
    for (int y = -radius; y < side; y++) {
        const float *in = y + radius < side ? t + (size_t)(y + radius) * side : NULL;
        const float *out = y - radius - 1 >= 0 ? t + (size_t)(y - radius - 1) * side : NULL;
        for (int x = 0; x < side; x++) {
            sum[x] += (in ? in[x] : 0) - (out ? out[x] : 0);
            if (y >= 0)
                a[(size_t)y * side + x] = sum[x] * share;
        }
    }
    mem_free(sum);
}

static int radius_for(float metres, const Camera *c)
{
    return CLAMP((int)lrintf(0.5f * metres * c->focal / c->distance), 1, 24);
}

void shadow_cast(Shadow *s, const Mesh *m, const Camera *c, const Light *light, float strength, const float (*pos)[3])
{
    size_t n = (size_t)s->side * s->side;
    float *contact = s->cover, *low = mem_zero(sizeof *low * 2 * n), *high = low + n;
    memset(contact, 0, sizeof *contact * n);
    /* cells of the buffer that a square metre of floor covers: seen flat, as far as the dancer */
    float per_metre = 0.5f * c->focal / c->distance,
          cells = per_metre * per_metre * MAX(0.08f, c->height / c->distance);
    Vec3 l = light->direction;
    float rise = MAX(l.y, 0.4f), lx = l.x / rise, lz = l.z / rise, knee = 0.3f * m->height;
    for (int i = 0; i < m->n_verts; i++) {
        const float *p = pos[i];
        float share = m->area[i] * cells, near = expf(-p[1] * 5);
        if (near > 0.02f)
            lay(contact, s->side, c, p[0], p[2], 1.4f * share * near);
        /* the penumbra widens with height: legs lay sharper shadows than arms */
        lay(p[1] < knee ? low : high, s->side, c, p[0] - lx * p[1], p[2] - lz * p[1], 0.5f * share);
    }
    int small = radius_for(0.03f, c), near = radius_for(0.03f + 0.04f * light->wrap, c),
        wide = radius_for(0.06f + 0.09f * light->wrap, c);
    for (int round = 0; round < 2; round++) {
        box(contact, s->scratch, s->side, small);
        box(low, s->scratch, s->side, near);
        box(high, s->scratch, s->side, wide);
    }
    s->first = s->side;
    s->last = -1;
    float lit = MAX(light->ambient[1] + light->key[1], 1e-3f), blocks = 0.15f + 0.85f * light->key[1] / lit;
    for (size_t i = 0; i < n; i++) {
        float under = contact[i], hidden = low[i] + high[i];
        if (under + hidden < 0.003f) {
            s->cover[i] = 0;
            continue;
        }
        s->cover[i] = strength * (1 - (0.2f + 0.8f * expf(-under)) * (1 - blocks * (1 - expf(-2.5f * hidden))));
        s->last = (int)(i / s->side);
        s->first = MIN(s->first, s->last);
    }
    mem_free(low);
}

void shadow_apply(const Shadow *s, uint8_t *rgb)
{
    int side = s->side, size = 2 * side;
    for (int y = MAX(0, 2 * s->first - 2); y < MIN(size, 2 * s->last + 4); y++) {
        float v = CLAMP(0.5f * y - 0.25f, 0.0f, side - 1.001f);
        const float *a = s->cover + (size_t)(int)v * side, *b = a + side;
        float fv = v - (int)v;
        for (int x = 0; x < size; x++) {
            float u = CLAMP(0.5f * x - 0.25f, 0.0f, side - 1.001f);
            int i = (int)u;
            float top = a[i] + (u - i) * (a[i + 1] - a[i]), low = b[i] + (u - i) * (b[i + 1] - b[i]);
            int keep = (int)(256 * (1 - (top + fv * (low - top))));
            if (keep >= 255)
                continue;
            uint8_t *o = rgb + 3 * ((size_t)y * size + x);
            for (int c = 0; c < 3; c++)
                o[c] = (uint8_t)(o[c] * keep >> 8);
        }
    }
}
