/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a Figure: made from known joints, copied, brought to another size, drawn for people to look at. Finding one
 * is figure_find.c's, its file form joints_file.c's.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

void articulated_figure_finish(Figure *f)
{
    if (!f) return;
    mem_free(f->mask);
    mem_free(f->part);
    *f = (Figure){0};
}

bool figure_allocate(Figure *f, int width, int height, Err *e)
{
    size_t n = (size_t)width * (size_t)height;
    *f = (Figure){.width = width, .height = height};
    f->mask = mem_try(n), f->part = mem_try(n);
    if (f->mask && f->part) {
        memset(f->mask, 0, n), memset(f->part, PART_NONE, n);
        return true;
    }
    articulated_figure_finish(f);
    return err_set(e, "no memory for a figure of %d x %d pixels", width, height);
}

bool articulated_figure_resize(const Figure *f, int width, int height, Figure *out, Err *e)
{
    if (!figure_allocate(out, width, height, e)) return false;
    Figure arrays = *out;
    *out = *f;
    out->width = width, out->height = height, out->mask = arrays.mask, out->part = arrays.part;
    float sx = (float)width / (float)f->width, sy = (float)height / (float)f->height;
    for (int j = 0; j < FIGURE_JOINTS; j++) out->joint[j][0] *= sx, out->joint[j][1] *= sy, out->depth[j] *= sy;
    size_t n = (size_t)f->width * (size_t)f->height;
    if (width == f->width && height == f->height) {
        memcpy(out->mask, f->mask, n), memcpy(out->part, f->part, n);
        return true;
    }
    float *in = mem_alloc(sizeof(float) * n), *small = mem_alloc(sizeof(float) * (size_t)width * (size_t)height);
    for (size_t i = 0; i < n; i++) in[i] = f->mask[i];
    plane_resize(in, f->width, f->height, 1, small, width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t o = (size_t)y * (size_t)width + (size_t)x;
            int px = MIN((int)(((float)x + 0.5f) / sx), f->width - 1), py = MIN((int)(((float)y + 0.5f) / sy), f->height - 1);
            out->mask[o] = (uint8_t)lroundf(CLAMP(small[o], 0.0f, 255.0f));
            out->part[o] = f->part[(size_t)py * (size_t)f->width + (size_t)px];
        }
    mem_free(in);
    mem_free(small);
    figure_label_rim(out);
    return true;
}

bool articulated_figure_copy(const Figure *f, Figure *out, Err *e) { return articulated_figure_resize(f, f->width, f->height, out, e); }

/* Where a figure with these joints may be: certain on its bones and in the middle of its head, falling to nothing about one
 * and a half limb widths away. */
static void prior_from_bones(const Figure *f, const WorkPicture *work, float *prior)
{
    float h = figure_height_of(f->joint, f->presence) * work->scale, up[2], along;
    BodyShape s;
    body_shape_of(f, work->scale, &s);
    up[0] = s.at[JOINT_NECK][0] - s.at[JOINT_PELVIS][0], up[1] = s.at[JOINT_NECK][1] - s.at[JOINT_PELVIS][1];
    float n = MAX(hypotf(up[0], up[1]), 1.0f), head[2] = {s.at[JOINT_HEAD][0] + 0.055f * h * up[0] / n, s.at[JOINT_HEAD][1] + 0.055f * h * up[1] / n};
    for (int y = 0; y < work->h; y++)
        for (int x = 0; x < work->w; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f, d = body_to_trunk(&s, px, py) / (0.05f * h);
            d = MIN(d, (hypotf(px - head[0], py - head[1]) - 0.035f * h) / (0.05f * h));
            d = MIN(d, body_to_segment(s.at[JOINT_NECK], head, px, py, &along) / (0.05f * h));
            for (int i = 0; i < figure_capsule_count; i++) {
                const Capsule *c = &figure_capsules[i];
                if (f->presence[c->a] < 0.5f || f->presence[c->b] < 0.5f) continue;
                d = MIN(d, body_to_segment(s.at[c->a], s.at[c->b], px, py, &along) / (c->radius * h));
            }
            prior[(size_t)y * (size_t)work->w + (size_t)x] = d < 0.25f ? 0.98f : 0.01f + 0.65f * (1 - plane_step(0.7f, 2.2f, d));
        }
}

bool articulated_figure_from_joints(Figure *out, const Picture *picture, const float (*joint)[2], const float *depth,
                        const float *presence, Err *e)
{
    if (!figure_allocate(out, picture->w, picture->h, e)) return false;
    for (int j = 0; j < FIGURE_JOINTS; j++) {
        out->joint[j][0] = joint[j][0], out->joint[j][1] = joint[j][1];
        out->depth[j] = depth ? depth[j] : 0;
        out->presence[j] = presence ? presence[j] : 1;
    }
    out->has_depth = depth != NULL;
    out->confidence = 1;
    if (!figure_check_joints(out, e)) {
        articulated_figure_finish(out);
        return false;
    }
    figure_complete_joints(out);
    WorkPicture work;
    work_picture_init(&work, picture);
    if (picture_is_cut_out(picture)) {
        for (size_t i = 0; i < (size_t)picture->w * (size_t)picture->h; i++) out->mask[i] = picture->rgba[4 * i + 3];
    } else {
        size_t n = (size_t)work.w * (size_t)work.h;
        float *prior = mem_alloc(sizeof(float) * n), *mask = mem_alloc(sizeof(float) * n);
        prior_from_bones(out, &work, prior);
        figure_cut(&work, prior, mask);
        figure_mask_to_picture(&work, mask, picture, out->mask);
        mem_free(prior);
        mem_free(mask);
    }
    figure_label_by_bones(out, &work);
    work_picture_finish(&work);
    return true;
}

/* ---- pictures for people ------------------------------------------------------------------------------------------------ */

static const uint8_t tint[SYNTH_PARTS][3] = {
    {0, 0, 0},      {255, 209, 102}, {239, 71, 111}, {17, 138, 178}, {6, 214, 160},  {0, 245, 212}, {114, 9, 183}, {181, 23, 158},
    {247, 37, 133}, {58, 134, 255},  {0, 180, 216},  {144, 224, 239}, {255, 107, 53}, {255, 159, 28}, {255, 191, 105}};

static void put(Picture *p, int x, int y, const uint8_t c[3])
{
    if (x >= 0 && x < p->w && y >= 0 && y < p->h) memcpy(p->rgba + 4 * ((size_t)y * (size_t)p->w + (size_t)x), c, 3);
}

static void disc(Picture *p, float x, float y, float r, const uint8_t c[3])
{
    for (int dy = (int)-r; dy <= (int)r; dy++)
        for (int dx = (int)-r; dx <= (int)r; dx++)
            if ((float)(dx * dx + dy * dy) <= r * r) put(p, (int)x + dx, (int)y + dy, c);
}

bool articulated_figure_draw(const Figure *f, const Picture *picture, Picture *out, Err *e)
{
    if (!picture_copy(picture, out, e)) return false;
    picture_flatten(out, (const uint8_t[3]){255, 255, 255});
    for (size_t i = 0; i < (size_t)out->w * (size_t)out->h; i++) {
        int cover = f->mask[i];
        const uint8_t *t = f->kind == FIGURE_SOFT ? tint[PART_TRUNK] : tint[f->part[i]];
        for (size_t c = 0; c < 3; c++) {
            int v = out->rgba[4 * i + c], shade = v * 2 / 5 + 140;
            out->rgba[4 * i + c] = (uint8_t)((shade * (255 - cover) + (v * 55 + t[c] * 45) / 100 * cover) / 255);
        }
    }
    if (f->kind == FIGURE_SOFT) return true;
    float r = MAX((float)MAX(out->w, out->h) / 200, 1.0f);
    static const uint8_t white[3] = {255, 255, 255}, black[3] = {20, 20, 30}, grey[3] = {150, 150, 160};
    for (int b = 0; b < MOTION_BONES; b++) {
        const float *from = f->joint[motion_bones[b].parent], *to = f->joint[motion_bones[b].child];
        bool sure = f->presence[motion_bones[b].parent] >= 0.5f && f->presence[motion_bones[b].child] >= 0.5f;
        int n = (int)hypotf(to[0] - from[0], to[1] - from[1]) + 1;
        for (int k = 0; k <= n; k++) {
            float t = (float)k / (float)n;
            disc(out, from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1]), r * 0.5f, sure ? white : grey);
        }
    }
    for (int j = 0; j < FIGURE_JOINTS; j++) {
        disc(out, f->joint[j][0], f->joint[j][1], r * 1.6f, black);
        disc(out, f->joint[j][0], f->joint[j][1], r, f->presence[j] >= 0.5f ? white : grey);
    }
    return true;
}

bool articulated_figure_mask(const Figure *f, Picture *out, Err *e)
{
    if (!picture_init(out, f->width, f->height, e)) return false;
    for (size_t i = 0; i < (size_t)f->width * (size_t)f->height; i++) {
        memset(out->rgba + 4 * i, f->mask[i], 3);
        out->rgba[4 * i + 3] = 255;
    }
    return true;
}
