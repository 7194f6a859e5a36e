/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a figure apart into sheets (body with head, each arm, each leg) with clean rims and with what each sheet hides of the
 * others filled in, once per picture (spec/articulated.md section 5, "rim colours of the cut-out are cleaned before warping").
 * Everything at the texture's size. Meshes and motion are puppet_mesh.c's.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

Sheet layer_sheet_of(SynthPart part)
{
    switch (part) {
    case PART_L_UPPER_ARM: case PART_L_FOREARM: case PART_L_HAND: return SHEET_L_ARM;
    case PART_R_UPPER_ARM: case PART_R_FOREARM: case PART_R_HAND: return SHEET_R_ARM;
    case PART_L_THIGH: case PART_L_SHIN: case PART_L_FOOT: return SHEET_L_LEG;
    case PART_R_THIGH: case PART_R_SHIN: case PART_R_FOOT: return SHEET_R_LEG;
    default: return SHEET_BODY;
    }
}

typedef struct Cut { /* what all sheets of one figure share */
    const Figure *figure;
    const Picture *texture;
    BodyShape body;
    float radius[SYNTH_PARTS]; /* half width of each limb as it is seen */
    float *inside;             /* [H, W] mask, 1 well inside, 0 at and outside the rim */
} Cut;

/* Half width = area / (2 length), held near what is usual, because labels may be wrong or the limb hidden. */
static void measure_limbs(Cut *c)
{
    size_t area[SYNTH_PARTS] = {0}, n = (size_t)c->figure->width * (size_t)c->figure->height;
    for (size_t i = 0; i < n; i++)
        if (c->figure->mask[i] >= 128) area[c->figure->part[i]]++;
    for (int i = 0; i < figure_capsule_count; i++) {
        const Capsule *k = &figure_capsules[i];
        const float *a = c->body.at[k->a], *b = c->body.at[k->b];
        float length = hypotf(a[0] - b[0], a[1] - b[1]) * (1 + k->beyond), usual = k->radius * c->body.height;
        c->radius[k->part] = length > 1 ? CLAMP((float)area[k->part] / (2 * length), 0.4f * usual, 1.6f * usual) : usual;
    }
    c->radius[PART_L_HAND] = c->radius[PART_L_FOREARM], c->radius[PART_R_HAND] = c->radius[PART_R_FOREARM];
}

/* 1 where the sheet must be although another part is seen there: behind other parts, and in a disc around the joint where it
 * leaves the trunk. */
static float hidden(const Cut *c, Sheet sheet, float x, float y)
{
    float cover = 0, along;
    if (sheet == SHEET_BODY) return 1 - plane_step(-0.01f, 0.012f, body_to_trunk(&c->body, x, y) / c->body.height);
    for (int i = 0; i < figure_capsule_count; i++) {
        const Capsule *k = &figure_capsules[i];
        if (layer_sheet_of(k->part) != sheet) continue;
        float r = 0.9f * c->radius[k->part], d = body_to_segment(c->body.at[k->a], c->body.at[k->b], x, y, &along);
        cover = MAX(cover, 1 - plane_step(r - 1.5f, r + 1.5f, d));
    }
    return cover;
}

static void pixel_box(const Cut *c, Sheet sheet, Layer *l, const float *own)
{
    int w = c->figure->width, h = c->figure->height, x0 = w, y0 = h, x1 = 0, y1 = 0, margin = 4;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            if (own[(size_t)y * (size_t)w + (size_t)x] > 0.02f) x0 = MIN(x0, x), x1 = MAX(x1, x + 1), y0 = MIN(y0, y), y1 = MAX(y1, y + 1);
    if (x1 <= x0) return;
    for (int i = 0; i < figure_capsule_count && c->figure->kind != FIGURE_SOFT; i++) { /* hidden parts reach beyond the seen ones */
        const Capsule *k = &figure_capsules[i];
        if (layer_sheet_of(k->part) != sheet) continue;
        int r = (int)c->radius[k->part] + margin;
        for (int end = 0; end < 2; end++) {
            const float *p = c->body.at[end ? k->b : k->a];
            x0 = MIN(x0, (int)p[0] - r), x1 = MAX(x1, (int)p[0] + r), y0 = MIN(y0, (int)p[1] - r), y1 = MAX(y1, (int)p[1] + r);
        }
    }
    l->x = MAX(x0 - margin, 0), l->y = MAX(y0 - margin, 0);
    l->w = MIN(x1 + margin, w) - l->x, l->h = MIN(y1 + margin, h) - l->y;
}

static void store(uint8_t *out, const float rgb[3], float alpha)
{
    alpha = CLAMP(alpha, 0.0f, 1.0f);
    for (int k = 0; k < 3; k++) out[k] = (uint8_t)lroundf(255 * alpha * CLAMP(rgb[k], 0.0f, 1.0f));
    out[3] = (uint8_t)lroundf(255 * alpha);
}

static void cut_sheet(const Cut *c, Sheet sheet, Layer *l)
{
    int w = c->figure->width, h = c->figure->height;
    size_t n = (size_t)w * (size_t)h;
    bool soft = c->figure->kind == FIGURE_SOFT;
    float *own = mem_zero(sizeof(float) * n);
    for (size_t i = 0; i < n; i++) own[i] = c->figure->mask[i] && (soft ? SHEET_BODY : layer_sheet_of(c->figure->part[i])) == sheet;
    *l = (Layer){0};
    pixel_box(c, sheet, l, own);
    if (l->w <= 0) {
        mem_free(own);
        return;
    }
    size_t m = (size_t)l->w * (size_t)l->h;
    float *mine = mem_alloc(sizeof(float) * m), *wide = mem_alloc(sizeof(float) * m), *core = mem_alloc(sizeof(float) * m);
    float *seen = mem_alloc(sizeof(float) * 3 * m), *spread = mem_alloc(sizeof(float) * 3 * m);
    for (int y = 0; y < l->h; y++)
        for (int x = 0; x < l->w; x++) {
            size_t o = (size_t)y * (size_t)l->w + (size_t)x, i = (size_t)(y + l->y) * (size_t)w + (size_t)(x + l->x);
            mine[o] = wide[o] = own[i];
            for (size_t k = 0; k < 3; k++) seen[3 * o + k] = spread[3 * o + k] = (float)c->texture->rgba[4 * i + k] / 255.0f;
        }
    plane_blur(mine, l->w, l->h, 0.8f);
    plane_blur(wide, l->w, l->h, 2.0f);
    for (size_t o = 0; o < m; o++) {
        size_t i = (o / (size_t)l->w + (size_t)l->y) * (size_t)w + o % (size_t)l->w + (size_t)l->x;
        core[o] = wide[o] > 0.9f && c->inside[i] > 0.97f ? 1 : mine[o] > 0.9f ? 0.02f * c->inside[i] * c->inside[i] : 0;
    }
    plane_push_pull(spread, core, l->w, l->h);
    l->own = mem_alloc(4 * m), l->under = mem_alloc(4 * m);
    for (int y = 0; y < l->h; y++)
        for (int x = 0; x < l->w; x++) {
            size_t o = (size_t)y * (size_t)l->w + (size_t)x, i = (size_t)(y + l->y) * (size_t)w + (size_t)(x + l->x);
            float mask = (float)c->figure->mask[i] / 255.0f, clean = plane_step(0.55f, 0.98f, c->inside[i]), rgb[3];
            for (size_t k = 0; k < 3; k++) rgb[k] = seen[3 * o + k] * clean + spread[3 * o + k] * (1 - clean);
            store(l->own + 4 * o, rgb, mask * mine[o]);
            float more = soft ? 0 : hidden(c, sheet, (float)(x + l->x) + 0.5f, (float)(y + l->y) + 0.5f);
            store(l->under + 4 * o, spread + 3 * o, MAX(more, plane_step(0.05f, 0.5f, wide[o])) * plane_step(0.5f, 0.95f, c->inside[i]));
        }
    if (sheet == SHEET_BODY && !soft) { /* how much of the surroundings is head: hair that hangs down follows it softly */
        for (size_t o = 0; o < m; o++) {
            size_t i = (o / (size_t)l->w + (size_t)l->y) * (size_t)w + o % (size_t)l->w + (size_t)l->x;
            mine[o] = c->figure->part[i] == PART_HEAD;
            wide[o] = own[i] + 1e-3f;
        }
        plane_blur(mine, l->w, l->h, 0.02f * c->body.height);
        plane_blur(wide, l->w, l->h, 0.02f * c->body.height);
        l->near_head = mine, mine = NULL;
        for (size_t o = 0; o < m; o++) l->near_head[o] /= wide[o];
    }
    mem_free(own), mem_free(mine), mem_free(wide), mem_free(core), mem_free(seen), mem_free(spread);
}

void layers_init(Layer layer[SHEETS], const Figure *figure, const Picture *texture)
{
    Cut c = {.figure = figure, .texture = texture};
    size_t n = (size_t)figure->width * (size_t)figure->height;
    if (figure->kind != FIGURE_SOFT) {
        body_shape_of(figure, 1, &c.body);
        measure_limbs(&c);
    }
    /* The rim: the mean of the mask around a pixel, so that it falls before the mask itself does. */
    c.inside = mem_alloc(sizeof(float) * n);
    float *mask = mem_alloc(sizeof(float) * n);
    for (size_t i = 0; i < n; i++) mask[i] = (float)figure->mask[i] / 255.0f;
    plane_box(mask, c.inside, figure->width, figure->height, MAX(MAX(figure->width, figure->height) / 400, 1));
    for (int s = 0; s < SHEETS; s++) cut_sheet(&c, (Sheet)s, &layer[s]);
    mem_free(mask);
    mem_free(c.inside);
}

void layer_clean(const Figure *figure, const Picture *texture, float *rgb, float *mask)
{
    size_t n = (size_t)figure->width * (size_t)figure->height;
    float *inside = mem_alloc(sizeof(float) * n);
    plane_from_picture(texture, rgb, NULL);
    for (size_t i = 0; i < n; i++) mask[i] = (float)figure->mask[i] / 255.0f;
    plane_box(mask, inside, figure->width, figure->height, MAX(MAX(figure->width, figure->height) / 400, 1));
    for (size_t i = 0; i < n; i++) inside[i] = plane_step(0.55f, 0.98f, inside[i]);
    plane_push_pull(rgb, inside, figure->width, figure->height);
    mem_free(inside);
}

void layers_finish(Layer layer[SHEETS])
{
    for (int s = 0; s < SHEETS; s++) {
        mem_free(layer[s].own), mem_free(layer[s].under), mem_free(layer[s].near_head);
        layer[s] = (Layer){0};
    }
}
