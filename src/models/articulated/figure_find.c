/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in a picture (spec/articulated.md section 3). With K: a first look at the whole picture, a second one at a crop around
 * the figure, each averaged with its mirror image; mask and parts drawn to the picture's edges. Where K is not sure, or there
 * is no K: whatever stands out from its ground becomes one soft body, and the note says so.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

enum { LOOK_LEVELS = 32, LOOK_MAX = 320 };
#define SURE 0.42f   /* K's confidence below this is not believed (spec: .54-.67 on whole people, below .45 where it fails) */
#define DOUBT 0.50f  /* below this the note asks the user to look */

/* ---- looking with K --------------------------------------------------------------------------------------------------------- */

typedef struct Look { /* a rectangle of the picture, brought to w x h for K */
    float x, y, size_x, size_y;
    int w, h;
    PoseFound found;
} Look;

/* The rectangle as RGB for K, what lies outside the picture as its nearest pixels. */
static bool cut_rectangle(const Picture *p, const Look *l, uint8_t *rgb, Err *e)
{
    int x = (int)floorf(l->x), y = (int)floorf(l->y), w = MAX((int)lroundf(l->size_x), 1), h = MAX((int)lroundf(l->size_y), 1);
    Picture cut = {0}, small = {0};
    if (!picture_init(&cut, w, h, e)) return false;
    for (int row = 0; row < h; row++)
        for (int col = 0; col < w; col++) {
            int sx = CLAMP(x + col, 0, p->w - 1), sy = CLAMP(y + row, 0, p->h - 1);
            uint8_t *to = cut.rgba + 4 * ((size_t)row * (size_t)w + (size_t)col);
            memcpy(to, p->rgba + 4 * ((size_t)sy * (size_t)p->w + (size_t)sx), 3);
            to[3] = 255;
        }
    bool ok = picture_resize(&cut, l->w, l->h, &small, e);
    for (size_t i = 0; ok && i < (size_t)l->w * (size_t)l->h; i++) memcpy(rgb + 3 * i, small.rgba + 4 * i, 3);
    picture_finish(&cut);
    picture_finish(&small);
    return ok;
}

static void mirror_rgb(const uint8_t *rgb, int w, int h, uint8_t *out)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) memcpy(out + 3 * ((size_t)y * (size_t)w + (size_t)(w - 1 - x)), rgb + 3 * ((size_t)y * (size_t)w + (size_t)x), 3);
}

static int mirror_part(int part)
{
    if (part >= PART_L_UPPER_ARM && part <= PART_L_HAND) return part + 3;
    if (part >= PART_R_UPPER_ARM && part <= PART_R_HAND) return part - 3;
    if (part >= PART_L_THIGH && part <= PART_L_FOOT) return part + 3;
    if (part >= PART_R_THIGH && part <= PART_R_FOOT) return part - 3;
    return part;
}

/* The mean of what was found in the picture and in its mirror image; joints weighed by their peaks. */
static void add_mirrored(PoseFound *a, const PoseFound *b)
{
    int w = a->width / 2, h = a->height / 2;
    for (int j = 0; j < POSE_JOINTS; j++) {
        int k = motion_mirror_joint[j];
        float wa = a->peak[j] + 1e-3f, wb = b->peak[k] + 1e-3f, x = (float)b->width - b->joint[k][0];
        /* left and right are taken for each other in one of the two: the surer one counts alone */
        if (hypotf(a->joint[j][0] - x, a->joint[j][1] - b->joint[k][1]) > 0.08f * (float)a->height) wa *= wa > wb, wb *= wa == 0;
        a->joint[j][0] = (wa * a->joint[j][0] + wb * x) / (wa + wb);
        a->joint[j][1] = (wa * a->joint[j][1] + wb * b->joint[k][1]) / (wa + wb);
        a->depth[j] = (a->depth[j] + b->depth[k]) / 2;
        a->presence[j] = (a->presence[j] + b->presence[k]) / 2;
    }
    a->confidence = (a->confidence + b->confidence) / 2;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x, m = (size_t)y * (size_t)w + (size_t)(w - 1 - x);
            a->mask[i] = (a->mask[i] + b->mask[m]) / 2;
            for (int p = 0; p < POSE_PARTS; p++)
                a->parts[i * POSE_PARTS + (size_t)p] = (a->parts[i * POSE_PARTS + (size_t)p] + b->parts[m * POSE_PARTS + (size_t)mirror_part(p)]) / 2;
        }
}

static int levels_of(float side) { return CLAMP((int)lroundf(side / LOOK_LEVELS) * LOOK_LEVELS, 2 * LOOK_LEVELS, LOOK_MAX); }

/* Runs K on the rectangle at about `side` pixels for its longer side. l->found is initialised here. */
static bool look_at(PoseRunner *k, const Picture *p, Look *l, int side, Err *e)
{
    float scale = (float)side / MAX(l->size_x, l->size_y);
    l->w = levels_of(l->size_x * scale), l->h = levels_of(l->size_y * scale);
    size_t n = 3 * (size_t)l->w * (size_t)l->h;
    uint8_t *rgb = mem_alloc(2 * n);
    PoseFound both[2];
    pose_found_init(&both[0], l->w, l->h);
    pose_found_init(&both[1], l->w, l->h);
    bool ok = cut_rectangle(p, l, rgb, e);
    if (ok) mirror_rgb(rgb, l->w, l->h, rgb + n);
    const uint8_t *pictures[2] = {rgb, rgb + n};
    ok = ok && pose_runner_run(k, pictures, 2, l->w, l->h, both, e);
    if (ok) add_mirrored(&both[0], &both[1]);
    pose_found_finish(&both[1]);
    l->found = both[0];
    mem_free(rgb);
    return ok;
}

/* Where the figure is: the box of mask and joints that are there, with a margin. */
static bool box_around(const Look *l, float box[4])
{
    const PoseFound *f = &l->found;
    int w = l->w / 2, h = l->h / 2, count = 0;
    box[0] = box[1] = 1e9f, box[2] = box[3] = -1e9f;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            if (f->mask[(size_t)y * (size_t)w + (size_t)x] < 0.5f) continue;
            box[0] = MIN(box[0], (float)x / (float)w), box[2] = MAX(box[2], (float)(x + 1) / (float)w);
            box[1] = MIN(box[1], (float)y / (float)h), box[3] = MAX(box[3], (float)(y + 1) / (float)h);
            count++;
        }
    if (count < 12) return false;
    for (int k = 0; k < 4; k++) box[k] = k & 1 ? l->y + box[k] * l->size_y : l->x + box[k] * l->size_x;
    return true;
}

static void crop_to(const Picture *p, const float box[4], Look *out)
{
    float w = box[2] - box[0], h = box[3] - box[1], margin = 0.14f * MAX(w, h);
    float x0 = MAX(box[0] - margin, 0), y0 = MAX(box[1] - margin, 0), x1 = MIN(box[2] + margin, (float)p->w), y1 = MIN(box[3] + margin, (float)p->h);
    *out = (Look){.x = x0, .y = y0, .size_x = x1 - x0, .size_y = y1 - y0};
    float least = 0.4f * MAX(out->size_x, out->size_y); /* not narrower than what K was shown */
    if (out->size_x < least) out->x -= (least - out->size_x) / 2, out->size_x = least;
    if (out->size_y < least) out->y -= (least - out->size_y) / 2, out->size_y = least;
}

/* A plane of the look, [h, w, channels], onto the whole work picture; 0 outside the look (channel 0 of parts: 1). */
static void to_work(const Look *l, const float *in, int channels, const WorkPicture *work, float *out)
{
    int w = l->w / 2, h = l->h / 2;
    for (int y = 0; y < work->h; y++)
        for (int x = 0; x < work->w; x++) {
            float u = (((float)x + 0.5f) / work->scale - l->x) / l->size_x * (float)w - 0.5f;
            float v = (((float)y + 0.5f) / work->scale - l->y) / l->size_y * (float)h - 0.5f;
            float *o = out + ((size_t)y * (size_t)work->w + (size_t)x) * (size_t)channels;
            memset(o, 0, sizeof(float) * (size_t)channels);
            if (u < -0.5f || v < -0.5f || u > (float)w - 0.5f || v > (float)h - 0.5f) {
                if (channels > 1) o[PART_NONE] = 1;
                continue;
            }
            u = CLAMP(u, 0.0f, (float)(w - 1)), v = CLAMP(v, 0.0f, (float)(h - 1));
            int x0 = (int)u, y0 = (int)v, x1 = MIN(x0 + 1, w - 1), y1 = MIN(y0 + 1, h - 1);
            float ax = u - (float)x0, ay = v - (float)y0;
            for (int c = 0; c < channels; c++) {
                float a = in[((size_t)y0 * (size_t)w + (size_t)x0) * (size_t)channels + (size_t)c] * (1 - ax) + in[((size_t)y0 * (size_t)w + (size_t)x1) * (size_t)channels + (size_t)c] * ax;
                float b = in[((size_t)y1 * (size_t)w + (size_t)x0) * (size_t)channels + (size_t)c] * (1 - ax) + in[((size_t)y1 * (size_t)w + (size_t)x1) * (size_t)channels + (size_t)c] * ax;
                o[c] = a * (1 - ay) + b * ay;
            }
        }
}

static void take_joints(const Look *l, const Picture *p, Figure *out)
{
    const PoseFound *f = &l->found;
    float sx = l->size_x / (float)l->w, sy = l->size_y / (float)l->h;
    for (int j = 0; j < FIGURE_JOINTS; j++) {
        out->joint[j][0] = CLAMP(l->x + f->joint[j][0] * sx, 0.0f, (float)p->w);
        out->joint[j][1] = CLAMP(l->y + f->joint[j][1] * sy, 0.0f, (float)p->h);
        out->presence[j] = f->presence[j];
    }
    float height = figure_height_of(out->joint, out->presence);
    for (int j = 0; j < FIGURE_JOINTS; j++) out->depth[j] = f->depth[j] * height;
    out->has_depth = true;
    out->confidence = f->confidence;
}

/* Hands, shoes and what is on the head are small, and K's mask often ends before them: near where the joints say they are, the
 * colours may decide. Raises prior there to even chances. */
static void allow_ends(const Figure *f, const WorkPicture *work, float *prior)
{
    static const struct { int from, to; float start, beyond, radius; } ends[] = { /* along from-to, then shares of the height */
        {JOINT_L_ELBOW, JOINT_L_WRIST, 1, 0.085f, 0.034f}, {JOINT_R_ELBOW, JOINT_R_WRIST, 1, 0.085f, 0.034f},
        {JOINT_L_ANKLE, JOINT_L_TOE, 0, 0.035f, 0.034f},   {JOINT_R_ANKLE, JOINT_R_TOE, 0, 0.035f, 0.034f},
        {JOINT_PELVIS, JOINT_NECK, 1, 0.16f, 0.070f}};
    float h = figure_height_of(f->joint, f->presence) * work->scale;
    for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
        if (f->presence[ends[k].from] < 0.5f || f->presence[ends[k].to] < 0.5f) continue;
        float a[2], b[2], d[2], along, r = ends[k].radius * h;
        for (int c = 0; c < 2; c++) {
            a[c] = f->joint[ends[k].from][c] * work->scale, b[c] = f->joint[ends[k].to][c] * work->scale;
            d[c] = b[c] - a[c];
        }
        float n = MAX(hypotf(d[0], d[1]), 1.0f);
        for (int c = 0; c < 2; c++) a[c] += ends[k].start * d[c], b[c] += ends[k].beyond * h * d[c] / n;
        for (int y = 0; y < work->h; y++)
            for (int x = 0; x < work->w; x++) {
                float *p = &prior[(size_t)y * (size_t)work->w + (size_t)x];
                float near = 0.5f * (1 - plane_step(0.8f * r, 1.3f * r, body_to_segment(a, b, (float)x + 0.5f, (float)y + 0.5f, &along)));
                *p = MAX(*p, near);
            }
    }
}

/* Mask and parts of the picture from one or two looks (b may be NULL): their mean. */
static void cut_out(const Look *a, const Look *b, const Picture *p, const WorkPicture *work, Figure *out)
{
    size_t n = (size_t)work->w * (size_t)work->h;
    float *mask = mem_alloc(sizeof(float) * n * 2), *parts = mem_alloc(sizeof(float) * n * SYNTH_PARTS), *more = mem_alloc(sizeof(float) * n * SYNTH_PARTS);
    to_work(a, a->found.mask, 1, work, mask);
    to_work(a, a->found.parts, SYNTH_PARTS, work, parts);
    if (b) {
        to_work(b, b->found.mask, 1, work, mask + n);
        to_work(b, b->found.parts, SYNTH_PARTS, work, more);
        for (size_t i = 0; i < n; i++) mask[i] = (mask[i] + mask[n + i]) / 2;
        for (size_t i = 0; i < n * SYNTH_PARTS; i++) parts[i] = (parts[i] + more[i]) / 2;
    }
    if (picture_is_cut_out(p)) {
        for (size_t i = 0; i < (size_t)p->w * (size_t)p->h; i++) out->mask[i] = p->rgba[4 * i + 3];
    } else {
        if (!figure_drawn(work, mask, mask + n)) {
            allow_ends(out, work, mask);
            figure_refine(work, mask, figure_height_of(out->joint, out->presence) * work->scale, mask + n);
        }
        figure_mask_to_picture(work, mask + n, p, out->mask);
    }
    figure_label_by_probability(out, work, parts, work->w, work->h);
    mem_free(mask), mem_free(parts), mem_free(more);
}

/* Joints from the surer of two looks, or between them where both agree. */
static void merge_joints(Look *a, const Look *b)
{
    for (int j = 0; j < POSE_JOINTS; j++) {
        float sx = (float)a->w / (float)b->w, sy = (float)a->h / (float)b->h, x = b->found.joint[j][0] * sx, y = b->found.joint[j][1] * sy;
        float wa = a->found.peak[j] + 1e-3f, wb = b->found.peak[j] + 1e-3f;
        if (hypotf(x - a->found.joint[j][0], y - a->found.joint[j][1]) > 0.04f * (float)a->h) wa = wa >= wb, wb = 1 - wa;
        a->found.joint[j][0] = (wa * a->found.joint[j][0] + wb * x) / (wa + wb);
        a->found.joint[j][1] = (wa * a->found.joint[j][1] + wb * y) / (wa + wb);
        a->found.depth[j] = (a->found.depth[j] + b->found.depth[j]) / 2;
        a->found.presence[j] = (a->found.presence[j] + b->found.presence[j]) / 2;
    }
}

/* The whole picture, then a crop around what was found there, at two sizes. */
static bool find_body(PoseRunner *k, const Picture *p, const WorkPicture *work, Figure *out, bool *found, Err *e)
{
    Look whole = {.size_x = (float)p->w, .size_y = (float)p->h}, near = {0}, nearer = {0};
    float box[4];
    int side = pose_runner_config(k)->size;
    *found = false;
    bool ok = look_at(k, p, &whole, MIN(side * 5 / 4, LOOK_MAX), e), cropped = false;
    if (ok && box_around(&whole, box)) {
        crop_to(p, box, &near);
        crop_to(p, box, &nearer);
        ok = look_at(k, p, &near, side, e) && look_at(k, p, &nearer, side * 5 / 4, e);
        cropped = ok && near.found.confidence >= whole.found.confidence - 0.08f; /* else the crop has lost what matters */
    }
    if (ok) {
        if (cropped) merge_joints(&near, &nearer);
        take_joints(cropped ? &near : &whole, p, out);
        *found = out->confidence >= SURE && figure_check_joints(out, NULL);
    }
    if (*found) {
        figure_complete_joints(out);
        cut_out(cropped ? &near : &whole, cropped ? &nearer : NULL, p, work, out);
    }
    pose_found_finish(&whole.found);
    pose_found_finish(&near.found);
    pose_found_finish(&nearer.found);
    return ok;
}

/* ---- without a body ----------------------------------------------------------------------------------------------------------- */

/* Whatever differs from the upper and side borders. */
static void cut_by_border(const WorkPicture *work, float *mask)
{
    size_t n = (size_t)work->w * (size_t)work->h;
    float *prior = mem_alloc(sizeof(float) * n), rim = MAX((float)MIN(work->w, work->h) / 30, 2.0f);
    for (int y = 0; y < work->h; y++)
        for (int x = 0; x < work->w; x++) {
            float side = MIN((float)x, (float)(work->w - 1 - x)), d = MIN(side, (float)y), low = (float)(work->h - 1 - y);
            float dx = ((float)x + 0.5f) / (float)work->w - 0.5f, dy = ((float)y + 0.5f) / (float)work->h - 0.52f;
            float middle = expf(-(dx * dx / 0.05f + dy * dy / 0.10f));
            prior[(size_t)y * (size_t)work->w + (size_t)x] = d < rim ? 0.004f : low < rim ? 0.2f : 0.15f + 0.6f * middle;
        }
    figure_cut(work, prior, mask);
    mem_free(prior);
}

static void find_soft(const Picture *p, const WorkPicture *work, Figure *out)
{
    size_t n = (size_t)p->w * (size_t)p->h, on = 0;
    out->kind = FIGURE_SOFT;
    out->confidence = 0;
    memset(out->joint, 0, sizeof out->joint), memset(out->presence, 0, sizeof out->presence), memset(out->depth, 0, sizeof out->depth);
    out->has_depth = false;
    if (picture_is_cut_out(p)) {
        for (size_t i = 0; i < n; i++) out->mask[i] = p->rgba[4 * i + 3];
    } else {
        float *mask = mem_alloc(sizeof(float) * (size_t)work->w * (size_t)work->h);
        if (!figure_drawn(work, NULL, mask))
            cut_by_border(work, mask);
        figure_mask_to_picture(work, mask, p, out->mask);
        mem_free(mask);
    }
    for (size_t i = 0; i < n; i++) on += out->mask[i] >= 128;
    bool whole = on < n / 200 || on > n * 9 / 10;
    if (whole) memset(out->mask, 255, n);
    for (size_t i = 0; i < n; i++) out->part[i] = out->mask[i] ? PART_TRUNK : PART_NONE;
    snprintf(out->note, sizeof out->note, "no human body was recognised: %s moves as one soft piece (--joints FILE says where a body is)",
             whole ? "the whole picture" : "what stands out from the background");
}

bool figure_find(PoseRunner *k, const Picture *picture, Figure *out, Err *e)
{
    bool found = false, ok = true;
    if (!figure_allocate(out, picture->w, picture->h, e)) return false;
    Picture flat = {0}; /* K and the cutting have never seen alpha */
    if (!picture_copy(picture, &flat, e)) {
        articulated_figure_finish(out);
        return false;
    }
    picture_flatten(&flat, (const uint8_t[3]){236, 236, 236});
    WorkPicture work;
    work_picture_init(&work, &flat);
    for (size_t i = 0; i < (size_t)flat.w * (size_t)flat.h; i++) flat.rgba[4 * i + 3] = picture->rgba[4 * i + 3];
    if (k) ok = find_body(k, &flat, &work, out, &found, e);
    if (ok && !found) find_soft(picture, &work, out);
    if (ok && found && out->kind == FIGURE_HALF)
        snprintf(out->note, sizeof out->note, "only the upper body was found: it dances, the legs stay outside the picture");
    else if (ok && found && out->confidence < DOUBT)
        snprintf(out->note, sizeof out->note, "the body was found with doubt (confidence %.2f): look at it with jig pose, correct with --joints", (double)out->confidence);
    work_picture_finish(&work);
    picture_finish(&flat);
    if (!ok) articulated_figure_finish(out);
    return ok;
}
