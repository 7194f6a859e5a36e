/* SPDX-License-Identifier: Apache-2.0
 *
 * One picture: place, second person, shadow, figure in its style, labels. The order is that of paint: what is behind
 * first.
 */
#include "synth/render.h"
#include "synth/style.h"

#include <string.h>

SynthWork *work_create(int size)
{
    size_t pixels = (size_t)size * size;
    SynthWork *w = mem_zero(sizeof *w);
    for (int i = 0; i < 2; i++)
        layer_init(&w->layer[i], size);
    layer_init(&w->second, size);
    shadow_init(&w->shadow, size);
    w->rgba = mem_zero(4 * pixels);
    w->scratch = mem_zero(4 * pixels);
    w->parts = mem_zero(pixels);
    return w;
}

void work_destroy(SynthWork *w)
{
    if (!w)
        return;
    for (int i = 0; i < 2; i++)
        layer_finish(&w->layer[i]);
    layer_finish(&w->second);
    shadow_finish(&w->shadow);
    mem_free(w->pos);
    mem_free(w->normal);
    mem_free(w->rgba);
    mem_free(w->scratch);
    mem_free(w->parts);
    mem_free(w);
}

static void skin_figure(SynthWork *w, const Mesh *m, const Posed *p)
{
    if (w->room < m->n_verts) {
        mem_free(w->pos);
        mem_free(w->normal);
        w->pos = mem_alloc(sizeof *w->pos * m->n_verts);
        w->normal = mem_alloc(sizeof *w->normal * m->n_verts);
        w->room = m->n_verts;
    }
    skin_apply(m, p, w->pos, w->normal);
}

static void blend(const uint8_t *rgba, size_t pixels, uint8_t *rgb)
{
    for (size_t i = 0; i < pixels; i++, rgba += 4, rgb += 3) {
        int a = rgba[3];
        if (a == 255)
            memcpy(rgb, rgba, 3);
        else if (a)
            for (int c = 0; c < 3; c++)
                rgb[c] = (uint8_t)((rgba[c] * a + rgb[c] * (255 - a) + 127) / 255);
    }
}

/* Poses, rasterises, shades and styles one figure; its pixels are then in w->rgba and w->parts. */
static void draw_figure(SynthWork *w, const Scene *s, const Figure *f, const Posed *posed, Layer *layer, int size)
{
    skin_figure(w, f->mesh, posed);
    raster_draw(layer, f->mesh, &f->dress, &s->camera, &s->light, (const float(*)[3])w->pos,
                (const float(*)[3])w->normal);
    shade_picture(layer, f->mesh, &f->dress, &s->camera, size, w->rgba, w->parts);
    if (f->levels > 1 && f->style != STYLE_FLAT)
        style_posterise(f->levels, (size_t)size * size, 4, w->rgba);
    if (f->outline > 0)
        style_outline(layer, f->mesh, f->outline, size, w->rgba);
}

static void draw_place(SynthSource *src, Scene *s, int size, uint8_t *rgb)
{
    float blue[3];
    Rng r = s->place_rng;
    if (s->blue_screen) {
        bool is_blue = rng_chance(&r, 0.5f);
        colour_draw(&r, (ColourRange){{is_blue ? 0.55f : 0.28f, is_blue ? 0.66f : 0.4f}, {0.6f, 1}, {120, 255}}, blue);
        for (size_t i = 0; i < (size_t)size * size; i++)
            for (int c = 0; c < 3; c++)
                rgb[3 * i + c] = (uint8_t)blue[c];
    } else if (s->setting.view) {
        place_view(s->setting.view, s->setting.x, s->setting.y, s->setting.step, size, rgb);
    } else {
        place_make(s->setting.kind, &r, &src->noise, &s->camera, size, rgb);
    }
    if (s->figure.style == STYLE_POSTER && rng_chance(&r, 0.7f))
        style_posterise(s->figure.levels, (size_t)size * size, 3, rgb);
}

/* The figure takes on some of the brightness and colour of the place behind it. */
static void match_light(Scene *s, int size, const uint8_t *rgb)
{
    if (s->blue_screen || s->figure.style != STYLE_PHOTO)
        return;
    float mean[3] = {0};
    int n = 0;
    for (int y = size / 4; y < size; y += 8)
        for (int x = 0; x < size; x += 8, n++)
            for (int c = 0; c < 3; c++)
                mean[c] += rgb[3 * ((size_t)y * size + x) + c];
    float level = (mean[0] + mean[1] + mean[2]) / (3.0f * n) + 4, bright = CLAMP(powf(level / 125, 0.45f), 0.45f, 1.2f);
    for (int c = 0; c < 3; c++) {
        float tint = bright * powf(CLAMP((mean[c] / n + 4) / level, 0.4f, 2.5f), 0.45f);
        s->light.ambient[c] *= tint;
        s->light.key[c] *= 0.35f + 0.65f * tint;
        s->light.rim[c] *= 0.5f + 0.5f * tint;
    }
}

static void draw_second(SynthWork *w, const Scene *s, int size, uint8_t *rgb)
{
    draw_figure(w, s, &s->second, &s->second_posed, &w->second, size);
    if (s->shadow > 0) {
        shadow_cast(&w->shadow, s->second.mesh, &s->camera, &s->light, s->shadow, (const float (*)[3])w->pos);
        shadow_apply(&w->shadow, rgb);
    }
    blend(w->rgba, (size_t)size * size, rgb);
}

/* What the pixel at a joint shows must be the joint's own flesh, or its neighbour's along the bones. */
static bool shows_joint(int part, int joint)
{
    static const uint8_t flesh[SYNTH_JOINTS][3] = {
        {PART_TRUNK}, {PART_TRUNK}, {PART_HEAD, PART_TRUNK}, {PART_HEAD},
        {PART_L_UPPER_ARM, PART_TRUNK}, {PART_L_UPPER_ARM, PART_L_FOREARM}, {PART_L_FOREARM, PART_L_HAND},
        {PART_R_UPPER_ARM, PART_TRUNK}, {PART_R_UPPER_ARM, PART_R_FOREARM}, {PART_R_FOREARM, PART_R_HAND},
        {PART_L_THIGH, PART_TRUNK}, {PART_L_THIGH, PART_L_SHIN}, {PART_L_SHIN, PART_L_FOOT},
        {PART_R_THIGH, PART_TRUNK}, {PART_R_THIGH, PART_R_SHIN}, {PART_R_SHIN, PART_R_FOOT},
        {PART_L_FOOT}, {PART_R_FOOT}};
    return part != PART_NONE && (part == flesh[joint][0] || part == flesh[joint][1]);
}

static void note_joints(const Scene *s, const Posed *posed, int size, SynthPicture *out)
{
    float pelvis = camera_view(&s->camera, posed->joint[JOINT_PELVIS]).z;
    for (int j = 0; j < SYNTH_JOINTS; j++) {
        float p[3];
        camera_project(&s->camera, posed->joint[j], p);
        out->joints[j][0] = p[0];
        out->joints[j][1] = p[1];
        out->joints[j][2] = (pelvis - p[2] + posed->ahead[j]) / s->figure.mesh->height;
        out->present[j] = p[0] >= 0 && p[1] >= 0 && p[0] < size && p[1] < size;
        out->seen[j] = out->present[j] && shows_joint(out->parts[(size_t)p[1] * size + (size_t)p[0]], j);
    }
}

/* The figure in its pose over the place with its shadow; labels. */
void render_picture(SynthWork *w, const Scene *s, const Posed *posed, int which, int size, const uint8_t *place,
                    SynthPicture *out)
{
    size_t pixels = (size_t)size * size;
    draw_figure(w, s, &s->figure, posed, &w->layer[which], size);
    memcpy(out->rgb, place, 3 * pixels);
    if (s->shadow > 0) {
        shadow_cast(&w->shadow, s->figure.mesh, &s->camera, &s->light, s->shadow, (const float (*)[3])w->pos);
        shadow_apply(&w->shadow, out->rgb);
    }
    blend(w->rgba, pixels, out->rgb);
    for (size_t i = 0; i < pixels; i++)
        out->alpha[i] = w->rgba[4 * i + 3];
    memcpy(out->parts, w->parts, pixels);
    note_joints(s, posed, size, out);
}

void render_place(SynthSource *src, SynthWork *w, Scene *s, int size, uint8_t *rgb)
{
    draw_place(src, s, size, rgb);
    match_light(s, size, rgb);
    if (s->has_second)
        draw_second(w, s, size, rgb);
}
