/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing and dressing one figure: a textured body, a shape dressed in fabrics, a body or a puppet by code, a cut-out
 * puppet; and the style in which it is drawn.
 */
#include "synth/drawn_body.h"
#include "synth/scene.h"

#include <string.h>

static void paint(Material *m, const float rgb[3])
{
    *m = (Material){0};
    for (int c = 0; c < 3; c++)
        m->tint[c] = rgb[c] / 255;
}

void figure_skin_colour(Rng *r, float rgb[3])
{
    /* from very light to very dark along one line, with a little of either side */
    static const float light[3] = {246, 214, 190}, dark[3] = {74, 46, 34};
    float t = rng_float(r);
    float noise[3];
    for (int c = 0; c < 3; c++)
        noise[c] = draw_normal(r, 6, 14);
    for (int c = 0; c < 3; c++)
        rgb[c] = MIN(255.0f, light[c] + t * (dark[c] - light[c]) + noise[c]);
}

void figure_hair_colour(Rng *r, float rgb[3])
{
    static const float colours[7][3] = {{28, 22, 20},  {60, 40, 28},    {105, 72, 45},  {190, 150, 90},
                                        {150, 70, 35}, {170, 170, 170}, {235, 215, 160}};
    if (rng_chance(r, 0.08f))
        colour_hsv(rng_float(r), 0.7f, 220, rgb);
    else
        memcpy(rgb, colours[rng_int(r, 0, 6)], 3 * sizeof *rgb);
}

bool figure_cloth(SynthSource *s, Rng *r, Material *m)
{
    float rgb[3];
    bool pale = rng_chance(r, 0.4f);
    colour_draw(r, (ColourRange){{0, 1}, {pale ? 0 : 0.2f, pale ? 0.2f : 0.9f}, {40, 250}}, rgb);
    paint(m, rgb);
    float kind = rng_float(r);
    if (kind < 0.25f)
        return true;
    bool printed = kind < 0.5f || s->looks.fabrics.n == 0;
    Asset *fabric = printed ? NULL : looks_choose(&s->looks, &s->looks.fabrics, r);
    if (!printed && !fabric)
        return false;
    m->texture = printed ? &s->cloths[rng_int(r, 0, CLOTHS - 1)] : looks_texture(&s->looks, fabric);
    m->repeat = rng_range(r, 2, 7);
    bool dyed = rng_chance(r, 0.5f);
    for (int c = 0; c < 3; c++)
        m->tint[c] = printed ? 1 : dyed ? 0.4f + 0.8f * m->tint[c] : 1;
    return m->texture != NULL;
}

static bool dress_shape(SynthSource *s, Rng *r, Dress *d)
{
    float rgb[3];
    figure_skin_colour(r, rgb);
    paint(&d->material[FEATURE_SKIN], rgb);
    figure_hair_colour(r, rgb);
    paint(&d->material[FEATURE_HAIR], rgb);
    colour_draw(r, (ColourRange){{0, 1}, {0, 0.7f}, {20, 200}}, rgb);
    paint(&d->material[FEATURE_SHOES], rgb);
    paint(&d->material[FEATURE_OTHER], rgb);
    return figure_cloth(s, r, &d->material[FEATURE_CLOTHES]) && figure_cloth(s, r, &d->material[FEATURE_HAT]) &&
           figure_cloth(s, r, &d->material[MATERIAL_TROUSERS]);
}

/* The mean colour of every part as it is dressed now. */
static void part_colours(const Figure *f, float mean[SYNTH_PARTS][3])
{
    float n[SYNTH_PARTS] = {0};
    memset(mean, 0, sizeof(float) * 3 * SYNTH_PARTS);
    for (int t = 0; t < f->mesh->n_tris; t += 3) {
        const Material *m = &f->dress.material[f->mesh->material[t]];
        float rgba[4] = {255, 255, 255, 255};
        if (m->texture) {
            int level = MIN(3, m->texture->levels - 1);
            float u = 0, v = 0;
            for (int k = 0; k < 3; k++) {
                u += f->mesh->uv[f->mesh->tri[t][k]][0] / 3;
                v += f->mesh->uv[f->mesh->tri[t][k]][1] / 3;
            }
            u -= floorf(u);
            v -= floorf(v);
            texture_read(m->texture, level, u * m->texture->w[level], v * m->texture->h[level], rgba);
        }
        int p = f->mesh->part[t];
        for (int c = 0; c < 3; c++)
            mean[p][c] += rgba[c] * m->tint[c];
        n[p]++;
    }
    for (int p = 0; p < SYNTH_PARTS; p++)
        for (int c = 0; c < 3; c++)
            mean[p][c] = n[p] > 0 ? mean[p][c] / n[p] : 128;
}

/* Drawn people: one colour a part, limbs and trunk as their clothes have it or from a small palette. */
static void flatten(Rng *r, Figure *f)
{
    float mean[SYNTH_PARTS][3], palette[3][3];
    part_colours(f, mean);
    bool recolour = rng_chance(r, 0.5f);
    for (int i = 0; i < 3; i++)
        colour_draw(r, (ColourRange){{0, 1}, {0.15f, 0.9f}, {90, 250}}, palette[i]);
    bool sleeves = rng_chance(r, 0.5f), shorts = rng_chance(r, 0.3f);
    float skin[3];
    figure_skin_colour(r, skin);
    for (int p = 1; p < SYNTH_PARTS; p++) {
        const float *c = mean[p];
        if (recolour) {
            bool forearm = p == PART_L_FOREARM || p == PART_R_FOREARM, shin = p == PART_L_SHIN || p == PART_R_SHIN;
            bool hand = p == PART_L_HAND || p == PART_R_HAND, foot = p == PART_L_FOOT || p == PART_R_FOOT;
            bool leg = p == PART_L_THIGH || p == PART_R_THIGH || shin;
            if (p == PART_HEAD || hand || (forearm && !sleeves) || (shin && shorts))
                c = skin;
            else
                c = foot ? palette[2] : leg ? palette[1] : palette[0];
        }
        paint(&f->dress.material[p], c);
    }
    f->dress.by_part = true;
}

static void draw_style(Rng *r, Figure *f)
{
    f->outline = 0;
    f->levels = 0;
    switch (f->style) {
    case STYLE_FLAT:
        flatten(r, f);
        f->levels = rng_chance(r, 0.5f) ? 2 : 0;
        f->outline = rng_chance(r, 0.3f) ? rng_range(r, 0.5f, 1.5f) : 0;
        break;
    case STYLE_INK:
        if (rng_chance(r, 0.6f))
            flatten(r, f);
        f->outline = rng_range(r, 0.7f, 2.2f);
        f->levels = rng_int(r, 1, 4);
        break;
    case STYLE_POSTER:
        f->levels = rng_int(r, 3, 6);
        break;
    default:
        break;
    }
}

static void draw_bearing(Rng *r, Bearing *b)
{
    b->head_scale = rng_chance(r, 0.6f) ? 1 + 0.03f * rng_normal(r) : rng_range(r, 0.9f, 1.5f);
    b->head_yaw = draw_normal(r, 0.2f, 0.6f);
    b->head_pitch = draw_normal(r, 0.1f, 0.3f);
    b->girth = rng_range(r, 0.94f, 1.08f);
    for (int s = 0; s < 2; s++) {
        b->hand_bend[s] = rng_range(r, -0.3f, 0.5f);
        b->hand_turn[s] = 0.3f * rng_normal(r);
    }
}

/* Silhouettes and coloured shapes: one colour all over. */
static void blacken(Rng *r, Figure *f)
{
    float rgb[3];
    if (rng_chance(r, 0.6f))
        rgb[0] = rgb[1] = rgb[2] = rng_range(r, 0, 40);
    else
        colour_draw(r, (ColourRange){{0, 1}, {0, 1}, {40, 255}}, rgb);
    for (int i = 0; i < MATERIALS; i++)
        paint(&f->dress.material[i], rgb);
}

bool figure_choose(SynthSource *s, Rng *r, SynthLook look, SynthStyle style, Figure *f)
{
    Looks *l = &s->looks;
    memset(f, 0, sizeof *f);
    f->look = look;
    f->style = style;
    draw_bearing(r, &f->bearing);
    bool person = look == LOOK_BODY || look == LOOK_SILHOUETTE || look == LOOK_BLUE_SCREEN;
    bool shape = person && l->shapes.n > 0 && rng_chance(r, l->bodies.n ? 0.13f : 1);
    if (look == LOOK_PUPPET && l->figures.n > 0) {
        Asset *a = looks_choose(l, &l->figures, r);
        if (!a)
            return false;
        const Puppet *p = a->data;
        f->mesh = p->mesh;
        f->name = a->name;
        f->dress.material[0] = (Material){&p->texture, {1, 1, 1}, 0};
        if (f->style == STYLE_FLAT || f->style == STYLE_INK)
            f->style = STYLE_POSTER; /* a cut-out keeps its own drawing */
    } else if (person && (shape || l->bodies.n > 0)) {
        Asset *a = looks_choose(l, shape ? &l->shapes : &l->bodies, r);
        if (!a)
            return false;
        f->mesh = a->data;
        f->name = a->skin && strstr(a->path, "kenney") ? a->skin->name : a->name;
        if (shape) {
            if (!dress_shape(s, r, &f->dress))
                return false;
        } else if (a->skin) {
            f->dress.material[0] = (Material){a->skin->data, {1, 1, 1}, 0};
        } else {
            float rgb[3]; /* a body that came without a texture */
            figure_skin_colour(r, rgb);
            paint(&f->dress.material[0], rgb);
        }
    } else {
        f->mesh = f->own = drawn_body_make(r);
        f->name = f->mesh->name;
        if (look == LOOK_BODY || look == LOOK_PUPPET)
            f->look = LOOK_DRAWN_BODY; /* nothing else is there */
        if (!drawn_body_dress(s, r, f->mesh, &f->dress)) {
            figure_finish(f);
            return false;
        }
    }
    draw_style(r, f);
    if (look == LOOK_SILHOUETTE)
        blacken(r, f);
    return true;
}

void figure_pose(const Figure *f, const Pose pose, float lift, Posed *out)
{
    if (f->mesh->flat)
        puppet_pose(f->mesh, pose, &f->bearing, lift, out);
    else
        skin_pose(f->mesh, pose, &f->bearing, lift, out);
}

void figure_finish(Figure *f)
{
    mesh_destroy(f->own);
    f->own = NULL;
}
