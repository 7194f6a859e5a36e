/* SPDX-License-Identifier: Apache-2.0
 *
 * Triangles to samples: vertices are projected and lit, then every triangle marks the samples it covers at twice the
 * size of the picture (four a pixel, so edges are clean) with its number and 1/depth, which is linear on the screen.
 * Colours are found afterwards for the samples that remain visible (shade.c), so overdraw costs little. Both sides of a
 * triangle are drawn (skirts and sleeves are open); light sees the side that faces the camera.
 */
#include "synth/fast.h"
#include "synth/synth_internal.h"

#include <string.h>

Vec3 camera_view(const Camera *c, Vec3 p)
{
    float y = p.y - c->height, z = c->distance - p.z, s = sinf(c->pitch), k = cosf(c->pitch);
    return vec3(p.x, k * y - s * z, k * z + s * y);
}

void camera_project(const Camera *c, Vec3 world, float xyz[3])
{
    Vec3 v = camera_view(c, world);
    float iz = 1 / MAX(v.z, 0.05f);
    xyz[0] = c->focal * v.x * iz + c->cx;
    xyz[1] = c->cy - c->focal * v.y * iz;
    xyz[2] = v.z;
}

void layer_init(Layer *l, int size)
{
    memset(l, 0, sizeof *l);
    l->w = l->h = 2 * size;
    l->iz = mem_zero(sizeof *l->iz * l->w * l->h);
    l->tri = mem_zero(sizeof *l->tri * l->w * l->h);
    l->part = mem_zero((size_t)l->w * l->h);
}

void layer_finish(Layer *l)
{
    mem_free(l->iz);
    mem_free(l->tri);
    mem_free(l->part);
    mem_free(l->vertex);
    memset(l, 0, sizeof *l);
}

/* Whatever was drawn before lies in the old box. */
static void clear(Layer *l)
{
    for (int y = l->y0; y < l->y1; y++) {
        memset(l->iz + (size_t)y * l->w + l->x0, 0, sizeof *l->iz * (l->x1 - l->x0));
        memset(l->tri + (size_t)y * l->w + l->x0, 0, sizeof *l->tri * (l->x1 - l->x0));
    }
    l->x0 = l->y0 = l->x1 = l->y1 = 0;
}

/* Soft light from above and the front, a key light with a soft edge, and light along the outline. */
SYNTH_INLINE void light_vertex(const Light *light, Vec3 n, Vec3 to_eye, float out[3])
{
    float facing = vec3_dot(n, to_eye);
    if (facing < 0) {
        n = vec3_scale(n, -1);
        facing = -facing;
    }
    float sky = 0.8f + 0.2f * n.y;
    float key = MAX(0.0f, (vec3_dot(n, light->direction) + light->wrap) / (1 + light->wrap));
    float edge = 1 - facing, rim = edge * edge * edge * MAX(0.0f, 0.4f + 0.6f * n.y);
    for (int c = 0; c < 3; c++)
        out[c] = light->ambient[c] * sky + light->key[c] * key + light->rim[c] * rim;
}

SYNTH_FAST static void project(Layer *l, const Mesh *m, const Camera *c, const Light *light, const float (*pos)[3],
                    const float (*normal)[3])
{
    if (l->vertex_room < m->n_verts) {
        mem_free(l->vertex);
        l->vertex = mem_alloc(sizeof *l->vertex * m->n_verts);
        l->vertex_room = m->n_verts;
    }
    float low[2] = {1e9f, 1e9f}, high[2] = {-1e9f, -1e9f};
    float sin_pitch = sinf(c->pitch), cos_pitch = cosf(c->pitch);
    Vec3 eye = vec3(0, c->height, c->distance);
    for (int i = 0; i < m->n_verts; i++) {
        ScreenVertex *v = &l->vertex[i];
        Vec3 world = vec3_from(pos[i]);
        float up = world.y - c->height, away = c->distance - world.z;
        v->view = vec3(world.x, cos_pitch * up - sin_pitch * away, cos_pitch * away + sin_pitch * up);
        v->iz = v->view.z > 0.05f ? 1 / v->view.z : 0;
        v->x = 2 * (c->focal * v->view.x * v->iz + c->cx);
        v->y = 2 * (c->cy - c->focal * v->view.y * v->iz);
        if (m->flat)
            for (int k = 0; k < 3; k++)
                v->light[k] = light->ambient[k] + 0.7f * light->key[k];
        else
            light_vertex(light, vec3_from(normal[i]), vec3_unit(vec3_sub(eye, world)), v->light);
        low[0] = MIN(low[0], v->x);
        low[1] = MIN(low[1], v->y);
        high[0] = MAX(high[0], v->x);
        high[1] = MAX(high[1], v->y);
    }
    l->x0 = (int)CLAMP(low[0] - 1, 0.0f, (float)l->w) & ~1;
    l->y0 = (int)CLAMP(low[1] - 1, 0.0f, (float)l->h) & ~1;
    l->x1 = (int)CLAMP(high[0] + 3, 0.0f, (float)l->w) & ~1;
    l->y1 = (int)CLAMP(high[1] + 3, 0.0f, (float)l->h) & ~1;
}

/* Is the cut-out's texture there at this point of the triangle? */
SYNTH_INLINE bool solid(const Texture *t, int level, const Mesh *m, const uint16_t *tri, const float b[3])
{
    float u = 0, v = 0, rgba[4];
    for (int k = 0; k < 3; k++) {
        u += b[k] * m->uv[tri[k]][0];
        v += b[k] * m->uv[tri[k]][1];
    }
    texture_read(t, level, u * t->w[level], v * t->h[level], rgba);
    return rgba[3] >= 128;
}

/* Narrows the row's span [*x0, *x1] (offsets from its first sample) to where w + offset * step >= -tolerance. `inverse`
 * is 1 / step. The tolerance closes seams between neighbours; where both claim a sample the depth decides. */
SYNTH_INLINE void narrow(float w, float step, float inverse, float *x0, float *x1)
{
    const float tolerance = 1e-4f;
    float at = -(w + tolerance) * inverse;
    if (step > 0)
        *x0 = MAX(*x0, at);
    else if (step < 0)
        *x1 = MIN(*x1, at);
    else if (w < -tolerance)
        *x1 = -1;
}

SYNTH_INLINE void fill(Layer *l, const Mesh *m, int t, const Texture *cut, int cut_level)
{
    const uint16_t *tri = m->tri[t];
    const ScreenVertex *a = &l->vertex[tri[0]], *b = &l->vertex[tri[1]], *c = &l->vertex[tri[2]];
    float fx0 = MIN(a->x, MIN(b->x, c->x)), fx1 = MAX(a->x, MAX(b->x, c->x));
    float fy0 = MIN(a->y, MIN(b->y, c->y)), fy1 = MAX(a->y, MAX(b->y, c->y));
    /* samples lie at .5; casts of what is not negative are floors */
    int x0 = (int)MAX(fx0 + 0.49f, 0.0f), x1 = (int)CLAMP(fx1 + 0.51f, 0.0f, (float)l->w) - 1;
    int y0 = (int)MAX(fy0 + 0.49f, 0.0f), y1 = (int)CLAMP(fy1 + 0.51f, 0.0f, (float)l->h) - 1;
    float area = (b->x - a->x) * (c->y - a->y) - (c->x - a->x) * (b->y - a->y);
    if (x0 > x1 || y0 > y1 || fabsf(area) < 1e-6f || (area > 0 && !m->two_sided) || a->iz <= 0 || b->iz <= 0 ||
        c->iz <= 0)
        return;
    /* barycentric coordinates on the screen: positive inside, whichever way the triangle turns; and their steps */
    float inv = 1 / area, px = x0 + 0.5f, py = y0 + 0.5f;
    float bx = (c->y - a->y) * inv, by = -(c->x - a->x) * inv, cx = -(b->y - a->y) * inv, cy = (b->x - a->x) * inv,
          ax = -bx - cx;
    float row_b = (px - a->x) * bx + (py - a->y) * by, row_c = (px - a->x) * cx + (py - a->y) * cy;
    float inverse_a = ax != 0 ? 1 / ax : 0, inverse_b = bx != 0 ? 1 / bx : 0, inverse_c = cx != 0 ? 1 / cx : 0;
    float dzb = b->iz - a->iz, dzc = c->iz - a->iz, dz = bx * dzb + cx * dzc;
    for (int y = y0; y <= y1; y++, row_b += by, row_c += cy) {
        float from = 0, to = (float)(x1 - x0);
        narrow(1 - row_b - row_c, ax, inverse_a, &from, &to);
        narrow(row_b, bx, inverse_b, &from, &to);
        narrow(row_c, cx, inverse_c, &from, &to);
        if (from > to)
            continue;
        int first = (int)from, last = (int)to;
        first += first < from;
        float *iz = l->iz + (size_t)y * l->w + x0;
        uint32_t *id = l->tri + (size_t)y * l->w + x0;
        uint8_t *part = l->part + (size_t)y * l->w + x0;
        float depth = a->iz + row_b * dzb + row_c * dzc + first * dz;
        for (int x = first; x <= last; x++, depth += dz) {
            if (depth <= iz[x])
                continue;
            if (cut) {
                float wb = row_b + x * bx, wc = row_c + x * cx;
                if (!solid(cut, cut_level, m, tri, (float[3]){1 - wb - wc, wb, wc}))
                    continue;
            }
            iz[x] = depth;
            id[x] = t + 1;
            part[x] = m->part[t];
            if (m->part2[t] != m->part[t]) {
                float wb = row_b + x * bx, wc = row_c + x * cx;
                const int8_t *lead = m->lead[t];
                if (lead[0] + wb * (lead[1] - lead[0]) + wc * (lead[2] - lead[0]) < 0)
                    part[x] = m->part2[t];
            }
        }
    }
}

SYNTH_FAST void raster_draw(Layer *l, const Mesh *m, const Dress *dress, const Camera *c, const Light *light,
                 const float (*pos)[3], const float (*normal)[3])
{
    clear(l);
    project(l, m, c, light, pos, normal);
    float per_metre = c->focal / MAX(0.1f, c->distance);
    for (int t = 0; t < m->n_tris; t++) {
        const Material *mat = &dress->material[dress->by_part ? m->part[t] : m->material[t]];
        const Texture *cut = mat->texture && mat->texture->cut_out ? mat->texture : NULL;
        fill(l, m, t, cut, cut ? material_level(mat, m->density[t], per_metre) : 0);
    }
}

bool raster_shows_backs(const Mesh *m)
{
    enum { SIZE = 96, VIEWS = 8 };
    Mesh both = *m;
    both.two_sided = true;
    Layer l;
    layer_init(&l, SIZE);
    Dress plain = {0};
    const Light light = {.direction = {0, 1, 0}};
    /* below the figure's middle, so that one looks up skirts */
    const Camera c = {0.25f * m->height, 3 * m->height, 0, 2.6f * SIZE, 0.5f * SIZE, 0.75f * SIZE};
    float (*pos)[3] = mem_alloc(sizeof *pos * m->n_verts), (*normal)[3] = mem_alloc(sizeof *normal * m->n_verts);
    long backs = 0, all = 0;
    for (int view = 0; view < VIEWS; view++) {
        Mat3 turn = mat3_turn(vec3(0, 1, 0), 2 * (float)M_PI * view / VIEWS);
        for (int v = 0; v < m->n_verts; v++) {
            Vec3 p = mat3_apply(&turn, vec3_from(m->pos[v])), n = mat3_apply(&turn, vec3_from(m->normal[v]));
            memcpy(pos[v], &p, sizeof p);
            memcpy(normal[v], &n, sizeof n);
        }
        raster_draw(&l, &both, &plain, &c, &light, (const float (*)[3])pos, (const float (*)[3])normal);
        for (int i = 0; i < l.w * l.h; i++) {
            if (!l.tri[i])
                continue;
            const uint16_t *t = m->tri[l.tri[i] - 1];
            const ScreenVertex *p = &l.vertex[t[0]], *q = &l.vertex[t[1]], *r = &l.vertex[t[2]];
            backs += (q->x - p->x) * (r->y - p->y) - (r->x - p->x) * (q->y - p->y) > 0;
            all++;
        }
    }
    layer_finish(&l);
    mem_free(pos);
    mem_free(normal);
    return backs * 400 > all;
}
