/* SPDX-License-Identifier: Apache-2.0
 *
 * The analytic puppet (spec/articulated.md section 5): each sheet of the figure becomes a mesh whose corners follow the maps of
 * the bones near them, mixed smoothly at the joints (linear blend skinning). Sheets share the mixing rule where they meet, so
 * nothing gapes at hips and shoulders. Needs no network; drawing the triangles is puppet_draw.c's.
 */
#include "models/articulated/puppet_mesh.h"

#include <math.h>
#include <string.h>

/* ---- which maps a point follows ------------------------------------------------------------------------------------------- */

typedef struct Rig {
    const Figure *figure;
    BodyShape body;
    float up[2], across[2];      /* of the trunk: towards the neck; towards the left side */
    float trunk, thigh, arm[2];  /* lengths */
    float hips[2], hip_half;
} Rig;

static void rig_init(Rig *r, const Figure *f)
{
    const float (*J)[2] = f->joint;
    *r = (Rig){.figure = f};
    body_shape_of(f, 1, &r->body);
    r->up[0] = J[JOINT_NECK][0] - J[JOINT_PELVIS][0], r->up[1] = J[JOINT_NECK][1] - J[JOINT_PELVIS][1];
    r->trunk = MAX(hypotf(r->up[0], r->up[1]), 1.0f);
    r->up[0] /= r->trunk, r->up[1] /= r->trunk;
    r->across[0] = -r->up[1], r->across[1] = r->up[0];
    float shoulders[2] = {J[JOINT_L_SHOULDER][0] - J[JOINT_R_SHOULDER][0], J[JOINT_L_SHOULDER][1] - J[JOINT_R_SHOULDER][1]};
    if (r->across[0] * shoulders[0] + r->across[1] * shoulders[1] < 0) r->across[0] *= -1, r->across[1] *= -1;
    for (int k = 0; k < 2; k++) r->hips[k] = (J[JOINT_L_HIP][k] + J[JOINT_R_HIP][k]) / 2;
    r->hip_half = MAX(hypotf(J[JOINT_L_HIP][0] - J[JOINT_R_HIP][0], J[JOINT_L_HIP][1] - J[JOINT_R_HIP][1]) / 2, 0.03f * r->body.height);
    r->thigh = 0.235f * r->body.height;
    for (int s = 0; s < 2; s++) {
        int a = s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER;
        r->arm[s] = MAX(hypotf(J[a + 1][0] - J[a][0], J[a + 1][1] - J[a][1]), 0.08f * r->body.height);
    }
}

/* Where x lies along the bone a-b, in units of its length. */
static float along(const float a[2], const float b[2], float x, float y)
{
    float dx = b[0] - a[0], dy = b[1] - a[1], n = MAX(dx * dx + dy * dy, 1e-3f);
    return ((x - a[0]) * dx + (y - a[1]) * dy) / n;
}

/* How far (x, y) is beyond joint b of the chain a-b-c, in pixels along the mean direction of the two bones. */
static float beyond(const float a[2], const float b[2], const float c[2], float x, float y)
{
    float l = MAX(hypotf(b[0] - a[0], b[1] - a[1]), 1e-3f), m = MAX(hypotf(c[0] - b[0], c[1] - b[1]), 1e-3f);
    float dx = (b[0] - a[0]) / l + (c[0] - b[0]) / m, dy = (b[1] - a[1]) / l + (c[1] - b[1]) / m, n = hypotf(dx, dy);
    if (n < 0.3f) return (x - b[0]) * (c[0] - b[0]) / m + (y - b[1]) * (c[1] - b[1]) / m;
    return ((x - b[0]) * dx + (y - b[1]) * dy) / n;
}

/* The rule at the hip, used by legs and by what hangs over them: share of the thigh at q thigh lengths below the hip line. */
static float hip_share(float q) { return plane_step(-0.22f, 0.42f, q); }

static void weigh_body(const Rig *r, float x, float y, float near_head, float w[MAP_COUNT])
{
    const float (*J)[2] = r->figure->joint;
    float dx = x - J[JOINT_PELVIS][0], dy = y - J[JOINT_PELVIS][1];
    float t = (dx * r->up[0] + dy * r->up[1]) / r->trunk;
    float chest = plane_step(0.05f, 0.75f, t);
    w[MAP_PELVIS] = 1 - chest, w[PART_TRUNK] = chest;
    /* what hangs below the hips follows the thighs, mixed from side to side; far down the shins */
    float q = -((x - r->hips[0]) * r->up[0] + (y - r->hips[1]) * r->up[1]) / r->thigh, side = ((x - r->hips[0]) * r->across[0] + (y - r->hips[1]) * r->across[1]) / r->hip_half;
    float legs = hip_share(q) * w[MAP_PELVIS], left = plane_step(-1.5f, 1.5f, side), low = 0.7f * plane_step(0.9f, 1.5f, q);
    w[MAP_PELVIS] -= legs;
    w[PART_L_THIGH] += legs * left * (1 - low), w[PART_R_THIGH] += legs * (1 - left) * (1 - low);
    w[PART_L_SHIN] += legs * left * low, w[PART_R_SHIN] += legs * (1 - left) * low;
    /* shoulders give way to their arms */
    for (int s = 0; s < 2; s++) {
        const float *j = J[s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER];
        float d = hypotf(x - j[0], y - j[1]) / r->arm[s], share = 0.4f * (1 - plane_step(0.0f, 0.45f, d)) * w[PART_TRUNK];
        w[PART_TRUNK] -= share;
        w[s ? PART_R_UPPER_ARM : PART_L_UPPER_ARM] += share;
    }
    float height = hypotf(r->body.crown[0] - J[JOINT_NECK][0], r->body.crown[1] - J[JOINT_NECK][1]);
    float above = ((x - J[JOINT_NECK][0]) * r->up[0] + (y - J[JOINT_NECK][1]) * r->up[1]) / MAX(height, 1.0f);
    float head = near_head * (plane_step(-0.12f, 0.28f, above) * 0.75f + 0.25f * plane_step(-1.6f, 0.1f, above));
    for (int m = 0; m < MAP_COUNT; m++) w[m] *= 1 - head;
    w[PART_HEAD] += head;
}

static void weigh_limb(const Rig *r, Sheet sheet, float x, float y, float w[MAP_COUNT])
{
    bool arm = sheet == SHEET_L_ARM || sheet == SHEET_R_ARM;
    int first = sheet == SHEET_L_ARM ? JOINT_L_SHOULDER : sheet == SHEET_R_ARM ? JOINT_R_SHOULDER : sheet == SHEET_L_LEG ? JOINT_L_HIP : JOINT_R_HIP;
    int part = sheet == SHEET_L_ARM ? PART_L_UPPER_ARM : sheet == SHEET_R_ARM ? PART_R_UPPER_ARM : sheet == SHEET_L_LEG ? PART_L_THIGH : PART_R_THIGH;
    const float (*J)[2] = r->figure->joint, h = r->body.height, *a = J[first], *b = J[first + 1], *c = J[first + 2];
    float q = arm ? along(a, b, x, y) : -((x - r->hips[0]) * r->up[0] + (y - r->hips[1]) * r->up[1]) / r->thigh;
    float upper = arm ? plane_step(-0.25f, 0.25f, q) : hip_share(q);
    float band = (arm ? 0.035f : 0.05f) * h, lower = plane_step(-band, band, beyond(a, b, c, x, y));
    float l = MAX(hypotf(c[0] - b[0], c[1] - b[1]), 1e-3f), tip = (along(b, c, x, y) - 1) * l;
    float end = lower * plane_step(arm ? -0.015f * h : -0.025f * h, arm ? 0.012f * h : 0.012f * h, tip);
    w[arm ? PART_TRUNK : MAP_PELVIS] = (1 - upper) * (1 - lower);
    w[part] = upper * (1 - lower);
    w[part + 1] = lower - end;
    w[part + 2] = end;
    float sum = 0;
    for (int m = 0; m < MAP_COUNT; m++) sum += w[m];
    for (int m = 0; m < MAP_COUNT; m++) w[m] /= sum;
}

/* ---- meshes ------------------------------------------------------------------------------------------------------------- */

/* Corner positions of a grid over the layer; cells without any pixel are left out. */
static void mesh_init(Mesh *m, const Layer *l, int cell, const Rig *rig, Sheet sheet)
{
    int gx = (l->w + cell - 1) / cell, gy = (l->h + cell - 1) / cell;
    int *index = mem_alloc(sizeof(int) * (size_t)(gx + 1) * (size_t)(gy + 1));
    memset(index, -1, sizeof(int) * (size_t)(gx + 1) * (size_t)(gy + 1));
    m->corner = mem_alloc(sizeof(Corner) * (size_t)(gx + 1) * (size_t)(gy + 1));
    m->triangle = mem_alloc(sizeof(*m->triangle) * 2 * (size_t)gx * (size_t)gy);
    for (int cy = 0; cy < gy; cy++)
        for (int cx = 0; cx < gx; cx++) {
            bool any = false;
            for (int y = MAX(cy * cell - 1, 0); y < MIN((cy + 1) * cell + 1, l->h) && !any; y++)
                for (int x = MAX(cx * cell - 1, 0); x < MIN((cx + 1) * cell + 1, l->w) && !any; x++) {
                    size_t i = 4 * ((size_t)y * (size_t)l->w + (size_t)x) + 3;
                    any = l->own[i] || l->under[i];
                }
            if (!any) continue;
            int at[4];
            for (int k = 0; k < 4; k++) {
                int ix = cx + (k & 1), iy = cy + (k >> 1), *slot = &index[iy * (gx + 1) + ix];
                if (*slot < 0) {
                    *slot = m->corners++;
                    Corner *c = &m->corner[*slot];
                    *c = (Corner){.u = (float)MIN(ix * cell, l->w), .v = (float)MIN(iy * cell, l->h)};
                    float x = c->u + (float)l->x, y = c->v + (float)l->y;
                    int hx = MIN((int)c->u, l->w - 1), hy = MIN((int)c->v, l->h - 1);
                    if (rig && sheet == SHEET_BODY)
                        weigh_body(rig, x, y, l->near_head[(size_t)hy * (size_t)l->w + (size_t)hx], c->weight);
                    else if (rig)
                        weigh_limb(rig, sheet, x, y, c->weight);
                }
                at[k] = *slot;
            }
            int flip = (cx + cy) & 1; /* diagonals alternate, so that bending has no preferred direction */
            int (*t)[3] = m->triangle + m->triangles;
            memcpy(t[0], flip ? (int[3]){at[0], at[1], at[3]} : (int[3]){at[0], at[1], at[2]}, sizeof t[0]);
            memcpy(t[1], flip ? (int[3]){at[0], at[3], at[2]} : (int[3]){at[1], at[3], at[2]}, sizeof t[1]);
            m->triangles += 2;
        }
    mem_free(index);
}

static void measure_mask(PuppetWarp *p, const Figure *f)
{
    int x0 = f->width, x1 = 0, y0 = f->height, y1 = 0;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            if (f->mask[(size_t)y * (size_t)f->width + (size_t)x] >= 128) x0 = MIN(x0, x), x1 = MAX(x1, x + 1), y0 = MIN(y0, y), y1 = MAX(y1, y + 1);
    p->middle = (float)(x0 + x1) / 2, p->top = (float)y0, p->bottom = (float)MAX(y1, y0 + 1);
}

PuppetWarp *puppet_warp_create(const Figure *figure, const Picture *texture, float scale)
{
    PuppetWarp *p = mem_zero(sizeof *p);
    p->rest = *figure;
    p->rest.mask = p->rest.part = NULL;
    p->scale = scale;
    measure_mask(p, figure);
    layers_init(p->layer, figure, texture);
    Rig rig;
    bool soft = figure->kind == FIGURE_SOFT;
    if (!soft) rig_init(&rig, figure);
    p->height = scale * (soft ? p->bottom - p->top : rig.body.height);
    int cell = MAX(MAX(figure->width, figure->height) / 96, 4), triangles = 0;
    for (int s = 0; s < SHEETS; s++) {
        if (p->layer[s].w > 0) mesh_init(&p->mesh[s], &p->layer[s], cell, soft ? NULL : &rig, (Sheet)s);
        triangles += p->mesh[s].triangles;
        p->placed[s] = mem_alloc(sizeof(Placed) * (size_t)(p->mesh[s].corners + 1));
    }
    p->order = mem_alloc(sizeof(Facet) * (size_t)(triangles + 1));
    return p;
}

void puppet_warp_destroy(PuppetWarp *p)
{
    if (!p) return;
    layers_finish(p->layer);
    for (int s = 0; s < SHEETS; s++) {
        mem_free(p->mesh[s].corner), mem_free(p->mesh[s].triangle);
        mem_free(p->placed[s]);
    }
    mem_free(p->order);
    mem_free(p);
}
