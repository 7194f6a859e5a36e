/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples to pixels: colour with coverage, part labels, and the exact flow between two layers of one mesh.
 * A pixel that lies inside one part is coloured from two of its four samples, an edge pixel from all that are covered;
 * with the texture level chosen for the pixel's size this cannot be told from four (measured in
 * tests/synth/test_raster.c).
 */
#include "synth/fast.h"
#include "synth/synth_internal.h"

#include <string.h>

int material_level(const Material *m, float density, float pixels_per_metre)
{
    /* texels a pixel = uv per metre * texels per uv / pixels per metre; half a level sharper than the rule, as film is
     */
    float texels = density * MAX(m->repeat, 1.0f) * m->texture->w[0] / pixels_per_metre * 0.75f;
    int level = 0;
    for (; texels >= 2; texels *= 0.5f)
        level++;
    return MIN(level, m->texture->levels - 1);
}

/* Barycentric coordinates on the body of the point that triangle t shows at (x, y) of the doubled picture. */
SYNTH_INLINE void locate(const Layer *l, const uint16_t *tri, float x, float y, float b[3])
{
    const ScreenVertex *p = &l->vertex[tri[0]], *q = &l->vertex[tri[1]], *r = &l->vertex[tri[2]];
    float inv = 1 / ((q->x - p->x) * (r->y - p->y) - (r->x - p->x) * (q->y - p->y));
    float sq = ((x - p->x) * (r->y - p->y) - (y - p->y) * (r->x - p->x)) * inv;
    float sr = ((y - p->y) * (q->x - p->x) - (x - p->x) * (q->y - p->y)) * inv;
    float wp = (1 - sq - sr) * p->iz, wq = sq * q->iz, wr = sr * r->iz, sum = 1 / (wp + wq + wr);
    b[0] = wp * sum;
    b[1] = wq * sum;
    b[2] = wr * sum;
}

SYNTH_INLINE float mirror_repeat(float u)
{
    int whole = (int)(0.5f * u);
    float t = u - 2 * whole;
    t = t < 0 ? t + 2 : t;
    return t > 1 ? 2 - t : t;
}

typedef struct Shader {
    const Layer *l;
    const Mesh *m;
    const Dress *dress;
    float per_metre;
} Shader;

SYNTH_INLINE void shade(const Shader *s, uint32_t t, int part, float x, float y, float out[3])
{
    const uint16_t *tri = s->m->tri[t];
    const Material *mat = &s->dress->material[s->dress->by_part ? part : s->m->material[t]];
    float b[3], rgba[4] = {255, 255, 255, 255};
    locate(s->l, tri, x, y, b);
    if (mat->texture) {
        const float *u0 = s->m->uv[tri[0]], *u1 = s->m->uv[tri[1]], *u2 = s->m->uv[tri[2]];
        float u = b[0] * u0[0] + b[1] * u1[0] + b[2] * u2[0], v = b[0] * u0[1] + b[1] * u1[1] + b[2] * u2[1];
        if (mat->repeat > 0) {
            u = mirror_repeat(u * mat->repeat);
            v = mirror_repeat(v * mat->repeat);
        }
        int level = material_level(mat, s->m->density[t], s->per_metre);
        texture_read(mat->texture, level, u * mat->texture->w[level], v * mat->texture->h[level], rgba);
    }
    const ScreenVertex *v = s->l->vertex;
    for (int c = 0; c < 3; c++)
        out[c] = rgba[c] * mat->tint[c] *
                 (b[0] * v[tri[0]].light[c] + b[1] * v[tri[1]].light[c] + b[2] * v[tri[2]].light[c]);
}

/* The four samples of a pixel. */
typedef struct Four { uint32_t id[4]; uint8_t part[4]; int covered; } Four;

SYNTH_INLINE Four gather(const Layer *l, int x, int y)
{
    size_t at = (size_t)2 * y * l->w + 2 * x;
    const uint32_t *p = l->tri + at;
    const uint8_t *q = l->part + at;
    Four f = {{p[0], p[1], p[l->w], p[l->w + 1]}, {q[0], q[1], q[l->w], q[l->w + 1]}, 0};
    f.covered = (f.id[0] != 0) + (f.id[1] != 0) + (f.id[2] != 0) + (f.id[3] != 0);
    return f;
}

/* The part that most of a pixel's covered samples show; ties go to the first. */
SYNTH_INLINE int common_part(const Four *f)
{
    int best = 0, best_count = 0;
    for (int i = 0; i < 4; i++) {
        int count = 0;
        for (int k = 0; k < 4; k++)
            count += f->id[k] && f->part[k] == f->part[i];
        if (f->id[i] && count > best_count) {
            best_count = count;
            best = f->part[i];
        }
    }
    return best;
}

/* Then two samples on a diagonal stand for all four. */
SYNTH_INLINE bool inside_one_part(const Four *f)
{
    return f->covered == 4 && f->part[0] == f->part[1] && f->part[0] == f->part[2] && f->part[0] == f->part[3];
}

static const float sample_at[4][2] = {{0.5f, 0.5f}, {1.5f, 0.5f}, {0.5f, 1.5f}, {1.5f, 1.5f}};

SYNTH_FAST void shade_picture(const Layer *l, const Mesh *m, const Dress *dress, const Camera *c, int size,
                              uint8_t *rgba, uint8_t *parts)
{
    Shader s = {l, m, dress, c->focal / MAX(0.1f, c->distance)};
    memset(rgba, 0, (size_t)4 * size * size);
    memset(parts, 0, (size_t)size * size);
    for (int y = l->y0 / 2; y < l->y1 / 2; y++) {
        for (int x = l->x0 / 2; x < l->x1 / 2; x++) {
            Four f = gather(l, x, y);
            if (f.covered == 0)
                continue;
            bool inside = inside_one_part(&f);
            int part = inside ? f.part[0] : common_part(&f);
            float sum[3] = {0}, n = 0;
            bool alone = inside && f.id[0] == f.id[3]; /* one triangle: its middle will do */
            for (int i = 0; i < (alone ? 1 : 4); i++) {
                if (!f.id[i] || (inside && (i == 1 || i == 2)))
                    continue;
                float colour[3], dx = alone ? 1 : sample_at[i][0], dy = alone ? 1 : sample_at[i][1];
                shade(&s, f.id[i] - 1, f.part[i], 2 * x + dx, 2 * y + dy, colour);
                for (int k = 0; k < 3; k++)
                    sum[k] += colour[k];
                n++;
            }
            size_t o = (size_t)y * size + x;
            for (int k = 0; k < 3; k++)
                rgba[4 * o + k] = (uint8_t)MIN(sum[k] / n + 0.5f, 255.0f);
            rgba[4 * o + 3] = (f.covered * 255 + 2) / 4;
            parts[o] = f.covered >= 2 ? part : PART_NONE;
        }
    }
}

/* Depth in the source one sample around (x, y) of the doubled picture, the farthest surface near enough to be the same.
 */
SYNTH_INLINE bool seen_at(const Layer *source, float x, float y, float iz)
{
    if (!(x >= 0 && y >= 0 && x < source->w && y < source->h))
        return false;
    int ix = (int)x, iy = (int)y;
    /* 2 cm of depth, more at grazing angles: the least depth of a cross of samples decides */
    float least = 1e9f;
    static const int8_t step[5][2] = {{0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    for (int i = 0; i < 5; i++) {
        int sx = CLAMP(ix + step[i][0], 0, source->w - 1), sy = CLAMP(iy + step[i][1], 0, source->h - 1);
        float d = source->iz[(size_t)sy * source->w + sx];
        if (d > 0)
            least = MIN(least, d);
    }
    return least < 1e9f && 1 / iz <= 1 / least + 0.012f;
}

SYNTH_FAST void shade_flow(const Layer *target, const Layer *source, const Mesh *m, const Camera *c, int size,
                           float *flow, uint8_t *visible)
{
    memset(flow, 0, sizeof *flow * 2 * size * size);
    memset(visible, 0, (size_t)size * size);
    for (int y = target->y0 / 2; y < target->y1 / 2; y++) {
        for (int x = target->x0 / 2; x < target->x1 / 2; x++) {
            Four f = gather(target, x, y);
            if (f.covered == 0)
                continue;
            bool inside = inside_one_part(&f);
            int part = inside ? f.part[0] : common_part(&f), n = 0, seen = 0;
            float dx = 0, dy = 0, nearest = 0;
            bool alone = inside && f.id[0] == f.id[3];
            for (int i = 0; i < (alone ? 1 : 4);
                 i++) { /* of the pixel's samples of that part, those on the nearest surface */
                if (!f.id[i] || f.part[i] != part || (inside && (i == 1 || i == 2)))
                    continue;
                float iz = target->iz[(size_t)(2 * y + i / 2) * target->w + 2 * x + i % 2];
                if (n > 0 && 1 / iz > 1 / nearest + 0.05f)
                    continue;
                if (n > 0 && 1 / iz < 1 / nearest - 0.05f)
                    dx = dy = 0, n = seen = 0;
                nearest = MAX(nearest, iz);
                float b[3], sx = 2 * x + (alone ? 1 : sample_at[i][0]), sy = 2 * y + (alone ? 1 : sample_at[i][1]);
                const uint16_t *tri = m->tri[f.id[i] - 1];
                locate(target, tri, sx, sy, b);
                Vec3 v = vec3_scale(source->vertex[tri[0]].view, b[0]);
                v = vec3_add(v, vec3_scale(source->vertex[tri[1]].view, b[1]));
                v = vec3_add(v, vec3_scale(source->vertex[tri[2]].view, b[2]));
                float siz = 1 / MAX(v.z, 0.05f), qx = 2 * (c->focal * v.x * siz + c->cx),
                      qy = 2 * (c->cy - c->focal * v.y * siz);
                dx += 0.5f * (qx - sx);
                dy += 0.5f * (qy - sy);
                seen += seen_at(source, qx, qy, siz);
                n++;
            }
            size_t o = (size_t)y * size + x;
            flow[2 * o] = dx / n;
            flow[2 * o + 1] = dy / n;
            visible[o] = 2 * seen > n;
        }
    }
}
