/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws a puppet in a pose: corners are placed, triangles sorted from back to front and painted over each other with the
 * sheets' own alpha, so that rims stay soft and limbs may cross. First what lies under, then the sheets themselves. Corners are
 * snapped to 1/256 pixel and edges tested in whole numbers: neighbours neither overlap nor gape. Threads take bands of rows.
 */
#include "models/articulated/puppet_mesh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Arms are in front of what they hang before, legs behind what hangs before them: added to z, as a share of body height. */
static const float in_front[SHEETS] = {[SHEET_BODY] = 0, [SHEET_L_ARM] = 0.06f, [SHEET_R_ARM] = 0.06f, [SHEET_L_LEG] = -0.10f, [SHEET_R_LEG] = -0.10f};

/* A soft body stands on its base, stretches and leans; it keeps its area. */
static void place_soft(const PuppetWarp *p, const FramePose *pose)
{
    const Mesh *m = &p->mesh[SHEET_BODY];
    const Layer *l = &p->layer[SHEET_BODY];
    float size = p->scale * pose->scale, wide = 1 / sqrtf(MAX(pose->squash, 0.25f)), tall = (p->bottom - p->top) * size;
    for (int i = 0; i < m->corners; i++) {
        float x = (m->corner[i].u + (float)l->x - p->middle) * size, y = (m->corner[i].v + (float)l->y - p->bottom) * size;
        float t = CLAMP(-y / tall, 0.0f, 1.2f), bulge = 1 + (wide - 1) * (0.4f + 0.6f * t);
        p->placed[SHEET_BODY][i] = (Placed){pose->joint[JOINT_PELVIS][0] + x * bulge + pose->lean[0] * t * t,
                                            pose->joint[JOINT_PELVIS][1] + y * pose->squash + pose->lean[1] * t * t, 0};
    }
}

typedef struct PlaceJob { const PuppetWarp *p; int sheet; const BoneMap *map; } PlaceJob;

static void place_corners(void *ctx, int64_t from, int64_t to)
{
    const PlaceJob *j = ctx;
    const Mesh *m = &j->p->mesh[j->sheet];
    const Layer *l = &j->p->layer[j->sheet];
    for (int64_t i = from; i < to; i++) {
        const Corner *c = &m->corner[i];
        float x = c->u + (float)l->x, y = c->v + (float)l->y, out[3] = {0};
        for (int b = 0; b < MAP_COUNT; b++) {
            if (c->weight[b] == 0) continue;
            const float (*a)[3] = j->map[b];
            for (int k = 0; k < 3; k++) out[k] += c->weight[b] * (a[k][0] * x + a[k][1] * y + a[k][2]);
        }
        j->p->placed[j->sheet][i] = (Placed){out[0], out[1], out[2] + in_front[j->sheet] * j->p->height};
    }
}

static int by_depth(const void *a, const void *b)
{
    const Facet *p = a, *q = b;
    if (p->z != q->z) return p->z < q->z ? -1 : 1;
    if (p->sheet != q->sheet) return p->sheet - q->sheet;
    return p->triangle - q->triangle;
}

/* ---- triangles ----------------------------------------------------------------------------------------------------------- */

enum { SUB = 256 }; /* steps in a pixel */

static inline void blend(uint8_t *to, const Layer *l, const uint8_t *texture, float u, float v)
{
    u = CLAMP(u - 0.5f, 0.0f, (float)(l->w - 1)), v = CLAMP(v - 0.5f, 0.0f, (float)(l->h - 1));
    int x = (int)u, y = (int)v, right = x + 1 < l->w ? 4 : 0;
    size_t down = y + 1 < l->h ? 4 * (size_t)l->w : 0;
    const uint8_t *p = texture + 4 * ((size_t)y * (size_t)l->w + (size_t)x);
    float ax = u - (float)x, ay = v - (float)y, c[4];
    for (int k = 0; k < 4; k++) {
        float top = (float)p[k] + ax * (float)(p[k + right] - p[k]);
        float low = (float)p[down + (size_t)k] + ax * (float)(p[down + (size_t)(k + right)] - p[down + (size_t)k]);
        c[k] = top + ay * (low - top);
    }
    float rest = (255 - c[3]) / 255;
    for (int k = 0; k < 4; k++) to[k] = (uint8_t)(c[k] + rest * (float)to[k] + 0.5f);
}

typedef struct DrawJob { const PuppetWarp *p; int facets, w, h; uint8_t *rgba; bool under; } DrawJob;

static void draw_triangle(const DrawJob *j, const Facet *f, int64_t from, int64_t to)
{
    const Layer *l = &j->p->layer[f->sheet];
    const uint8_t *texture = j->under ? l->under : l->own;
    const int *t = j->p->mesh[f->sheet].triangle[f->triangle];
    int64_t X[3], Y[3];
    const Corner *c[3];
    for (int k = 0; k < 3; k++) {
        const Placed *p = &j->p->placed[f->sheet][t[k]];
        X[k] = lrintf(CLAMP(p->x, -16384.0f, 32768.0f) * SUB), Y[k] = lrintf(CLAMP(p->y, -16384.0f, 32768.0f) * SUB);
        c[k] = &j->p->mesh[f->sheet].corner[t[k]];
    }
    int64_t area = (X[1] - X[0]) * (Y[2] - Y[0]) - (X[2] - X[0]) * (Y[1] - Y[0]);
    if (area == 0) return;
    int b = area > 0 ? 1 : 2, d = area > 0 ? 2 : 1; /* a, b, d run clockwise on the screen */
    area = llabs(area);
    const int v[3] = {0, b, d};
    int64_t x0 = MIN(MIN(X[0], X[1]), X[2]), x1 = MAX(MAX(X[0], X[1]), X[2]), y0 = MIN(MIN(Y[0], Y[1]), Y[2]), y1 = MAX(MAX(Y[0], Y[1]), Y[2]);
    int left = (int)CLAMP(x0 / SUB - 1, 0, j->w), right = (int)CLAMP(x1 / SUB + 1, 0, j->w);
    int top = (int)CLAMP(y0 / SUB - 1, from, to), bottom = (int)CLAMP(y1 / SUB + 1, from, to);
    int64_t row[3], dx[3], dy[3];
    for (int k = 0; k < 3; k++) { /* edge opposite to corner v[k]; a pixel on a left or top edge belongs to the triangle */
        int p = v[(k + 1) % 3], q = v[(k + 2) % 3];
        int64_t ex = X[q] - X[p], ey = Y[q] - Y[p];
        dx[k] = -ey * SUB, dy[k] = ex * SUB;
        row[k] = ex * ((int64_t)top * SUB + SUB / 2 - Y[p]) - ey * ((int64_t)left * SUB + SUB / 2 - X[p]) - !(ey < 0 || (ey == 0 && ex > 0));
    }
    float inverse = 1 / (float)area;
    for (int y = top; y < bottom; y++) {
        int64_t e[3] = {row[0], row[1], row[2]};
        uint8_t *out = j->rgba + 4 * ((size_t)y * (size_t)j->w + (size_t)left);
        for (int x = left; x < right; x++, out += 4) {
            if ((e[0] | e[1] | e[2]) >= 0) {
                float f0 = (float)e[0] * inverse, f1 = (float)e[1] * inverse, f2 = 1 - f0 - f1;
                blend(out, l, texture, f0 * c[0]->u + f1 * c[v[1]]->u + f2 * c[v[2]]->u, f0 * c[0]->v + f1 * c[v[1]]->v + f2 * c[v[2]]->v);
            }
            for (int k = 0; k < 3; k++) e[k] += dx[k];
        }
        for (int k = 0; k < 3; k++) row[k] += dy[k];
    }
}

static void draw_band(void *ctx, int64_t from, int64_t to)
{
    DrawJob *j = ctx;
    DrawJob pass = *j;
    memset(j->rgba + 4 * (size_t)from * (size_t)j->w, 0, 4 * (size_t)(to - from) * (size_t)j->w);
    for (int k = j->p->rest.kind == FIGURE_SOFT ? 1 : 0; k < 2; k++) {
        pass.under = k == 0;
        for (int i = 0; i < j->facets; i++) draw_triangle(&pass, &j->p->order[i], from, to);
    }
}

void puppet_warp_draw(PuppetWarp *p, const FramePose *pose, int w, int h, uint8_t *rgba)
{
    if (p->rest.kind == FIGURE_SOFT) {
        place_soft(p, pose);
    } else {
        BoneMap map[MAP_COUNT];
        puppet_warp_maps(&p->rest, p->scale, pose, map);
        for (int s = 0; s < SHEETS; s++) {
            PlaceJob j = {p, s, map};
            threads_for(p->mesh[s].corners, 256, place_corners, &j);
        }
    }
    int n = 0;
    for (int s = 0; s < SHEETS; s++)
        for (int t = 0; t < p->mesh[s].triangles; t++) {
            const int *c = p->mesh[s].triangle[t];
            p->order[n++] = (Facet){p->placed[s][c[0]].z + p->placed[s][c[1]].z + p->placed[s][c[2]].z, s, t};
        }
    qsort(p->order, (size_t)n, sizeof *p->order, by_depth);
    DrawJob j = {.p = p, .facets = n, .w = w, .h = h, .rgba = rgba};
    threads_for(h, 16, draw_band, &j);
}
