/* SPDX-License-Identifier: Apache-2.0
 *
 * Which part of the body each pixel of a figure belongs to. Without a network: the nearest limb, distance measured in the
 * limb's usual half width, the trunk as the polygon of shoulders and hips. With K: its probabilities. Either way the soft
 * labels are then drawn to colour edges by the guided filter, on the small copy of the picture, and read at full size.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

/* From joint a to joint b and on for `beyond` times that length. */
const Capsule figure_capsules[] = {
    {PART_L_UPPER_ARM, JOINT_L_SHOULDER, JOINT_L_ELBOW, 0, 0.042f}, {PART_R_UPPER_ARM, JOINT_R_SHOULDER, JOINT_R_ELBOW, 0, 0.042f},
    {PART_L_FOREARM, JOINT_L_ELBOW, JOINT_L_WRIST, 0, 0.036f},      {PART_R_FOREARM, JOINT_R_ELBOW, JOINT_R_WRIST, 0, 0.036f},
    {PART_L_THIGH, JOINT_L_HIP, JOINT_L_KNEE, 0, 0.060f},           {PART_R_THIGH, JOINT_R_HIP, JOINT_R_KNEE, 0, 0.060f},
    {PART_L_SHIN, JOINT_L_KNEE, JOINT_L_ANKLE, 0, 0.048f},          {PART_R_SHIN, JOINT_R_KNEE, JOINT_R_ANKLE, 0, 0.048f},
    {PART_L_FOOT, JOINT_L_ANKLE, JOINT_L_TOE, 0.4f, 0.034f},        {PART_R_FOOT, JOINT_R_ANKLE, JOINT_R_TOE, 0.4f, 0.034f}};
const int figure_capsule_count = ARRAY_LEN(figure_capsules);

float body_to_segment(const float a[2], const float b[2], float x, float y, float *along)
{
    float dx = b[0] - a[0], dy = b[1] - a[1], n = dx * dx + dy * dy;
    float t = n > 1e-6f ? ((x - a[0]) * dx + (y - a[1]) * dy) / n : 0;
    *along = t;
    t = CLAMP(t, 0.0f, 1.0f);
    return hypotf(x - a[0] - t * dx, y - a[1] - t * dy);
}

/* Negative inside the polygon left shoulder, right shoulder, right hip, left hip. */
float body_to_trunk(const BodyShape *s, float x, float y)
{
    static const int corner[4] = {JOINT_L_SHOULDER, JOINT_R_SHOULDER, JOINT_R_HIP, JOINT_L_HIP};
    float best = 1e9f, unused;
    bool inside = false;
    for (int i = 0; i < 4; i++) {
        const float *a = s->at[corner[i]], *b = s->at[corner[(i + 1) & 3]];
        best = MIN(best, body_to_segment(a, b, x, y, &unused));
        if ((a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]) inside = !inside;
    }
    return inside ? -best : best;
}

void body_shape_of(const Figure *f, float scale, BodyShape *s)
{
    for (int j = 0; j < FIGURE_JOINTS; j++)
        for (int c = 0; c < 2; c++) s->at[j][c] = f->joint[j][c] * scale;
    s->height = MAX(figure_height_of(f->joint, f->presence) * scale, 8.0f);
    /* the crown: as far up from the head joint as the figure goes */
    float dx = s->at[JOINT_HEAD][0] - s->at[JOINT_PELVIS][0], dy = s->at[JOINT_HEAD][1] - s->at[JOINT_PELVIS][1], n = hypotf(dx, dy), far = 0;
    dx /= n, dy /= n;
    for (float d = 0; d < 0.6f * s->height; d += 1) {
        int x = (int)((s->at[JOINT_HEAD][0] + d * dx) / scale), y = (int)((s->at[JOINT_HEAD][1] + d * dy) / scale);
        if (x < 0 || y < 0 || x >= f->width || y >= f->height || f->mask[(size_t)y * (size_t)f->width + (size_t)x] < 128) break;
        far = d;
    }
    far = CLAMP(far, 0.08f * s->height, 0.4f * s->height);
    s->crown[0] = s->at[JOINT_HEAD][0] + far * dx, s->crown[1] = s->at[JOINT_HEAD][1] + far * dy;
    s->head_radius = MAX(0.55f * far, 0.06f * s->height);
}

static void scores(const BodyShape *s, float x, float y, float score[SYNTH_PARTS])
{
    for (int p = 0; p < SYNTH_PARTS; p++) score[p] = 1e3f;
    for (int i = 0; i < figure_capsule_count; i++) {
        const Capsule *c = &figure_capsules[i];
        const float *a = s->at[c->a], *b = s->at[c->b];
        float end[2] = {b[0] + c->beyond * (b[0] - a[0]), b[1] + c->beyond * (b[1] - a[1])}, along;
        float d = body_to_segment(a, end, x, y, &along) / (c->radius * s->height) - 1;
        score[c->part] = MIN(score[c->part], d);
        if (along <= 1) continue;
        if (c->part == PART_L_FOREARM) score[PART_L_HAND] = d - 0.6f * MIN((along - 1) * 10, 1.0f);
        if (c->part == PART_R_FOREARM) score[PART_R_HAND] = d - 0.6f * MIN((along - 1) * 10, 1.0f);
    }
    score[PART_TRUNK] = body_to_trunk(s, x, y) / (0.045f * s->height) - 1;
    float along, half[2] = {(s->at[JOINT_HEAD][0] + s->crown[0]) / 2, (s->at[JOINT_HEAD][1] + s->crown[1]) / 2};
    score[PART_HEAD] = body_to_segment(half, s->at[JOINT_HEAD], x, y, &along) / s->head_radius - 1;
    score[PART_HEAD] = MIN(score[PART_HEAD], body_to_segment(s->at[JOINT_HEAD], s->at[JOINT_NECK], x, y, &along) / (0.03f * s->height) - 1);
}

/* ---- from soft labels to labels ----------------------------------------------------------------------------------------- */

typedef struct LabelJob { Figure *f; const float *soft; int w, h; } LabelJob;

static void label_rows(void *ctx, int64_t from, int64_t to)
{
    const LabelJob *j = ctx;
    size_t n = (size_t)j->w * (size_t)j->h;
    for (int64_t y = from; y < to; y++)
        for (int x = 0; x < j->f->width; x++) {
            size_t o = (size_t)y * (size_t)j->f->width + (size_t)x;
            j->f->part[o] = PART_NONE;
            if (!j->f->mask[o]) continue;
            float fx = CLAMP(((float)x + 0.5f) * (float)j->w / (float)j->f->width - 0.5f, 0.0f, (float)(j->w - 1));
            float fy = CLAMP(((float)y + 0.5f) * (float)j->h / (float)j->f->height - 0.5f, 0.0f, (float)(j->h - 1));
            int x0 = (int)fx, y0 = (int)fy, x1 = MIN(x0 + 1, j->w - 1), y1 = MIN(y0 + 1, j->h - 1);
            float ax = fx - (float)x0, ay = fy - (float)y0, best = -1;
            for (int p = PART_HEAD; p < SYNTH_PARTS; p++) {
                const float *q = j->soft + n * (size_t)p, *top = q + (size_t)y0 * (size_t)j->w, *low = q + (size_t)y1 * (size_t)j->w;
                float v = (top[x0] * (1 - ax) + top[x1] * ax) * (1 - ay) + (low[x0] * (1 - ax) + low[x1] * ax) * ay;
                if (v > best) best = v, j->f->part[o] = (uint8_t)p;
            }
        }
}

void figure_label_rim(Figure *f)
{
    enum { WELL_INSIDE = 230, PASSES = 6 };
    int w = f->width, h = f->height;
    size_t n = (size_t)w * (size_t)h;
    uint8_t *sure = mem_alloc(n), *next = mem_alloc(n);
    for (size_t i = 0; i < n; i++) sure[i] = f->mask[i] >= WELL_INSIDE ? f->part[i] : PART_NONE;
    for (int pass = 0; pass < PASSES; pass++) {
        memcpy(next, sure, n);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                size_t i = (size_t)y * (size_t)w + (size_t)x;
                if (sure[i] || !f->mask[i]) continue;
                static const int near[8][2] = {{0, -1}, {-1, 0}, {1, 0}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
                for (int k = 0; k < 8 && !next[i]; k++) {
                    int px = x + near[k][0], py = y + near[k][1];
                    if (px >= 0 && py >= 0 && px < w && py < h) next[i] = sure[(size_t)py * (size_t)w + (size_t)px];
                }
            }
        uint8_t *t = sure;
        sure = next, next = t;
    }
    for (size_t i = 0; i < n; i++)
        if (sure[i] && f->mask[i]) f->part[i] = sure[i];
    mem_free(sure);
    mem_free(next);
}

/* Small pieces of a sheet that hang together with nothing of it go to the sheet that they touch most. */
static void drop_islands(Figure *f)
{
    int w = f->width, h = f->height, *stack = mem_alloc(sizeof(int) * (size_t)w * (size_t)h);
    size_t n = (size_t)w * (size_t)h, area[SHEETS] = {0};
    uint8_t *seen = mem_zero(n);
    for (size_t i = 0; i < n; i++)
        if (f->mask[i]) area[layer_sheet_of(f->part[i])]++;
    for (size_t start = 0; start < n; start++) {
        if (seen[start] || !f->mask[start]) continue;
        Sheet sheet = layer_sheet_of(f->part[start]);
        size_t top = 0, done = 0, touch[SYNTH_PARTS] = {0};
        stack[top++] = (int)start, seen[start] = 1;
        while (done < top) {
            int i = stack[done++], x = i % w, y = i / w;
            const int near[4] = {x > 0 ? i - 1 : -1, x < w - 1 ? i + 1 : -1, y > 0 ? i - w : -1, y < h - 1 ? i + w : -1};
            for (int k = 0; k < 4; k++) {
                if (near[k] < 0 || !f->mask[near[k]]) continue;
                if (layer_sheet_of(f->part[near[k]]) != sheet)
                    touch[f->part[near[k]]]++;
                else if (!seen[near[k]])
                    seen[near[k]] = 1, stack[top++] = near[k];
            }
        }
        int best = PART_NONE;
        for (int p = 1; p < SYNTH_PARTS; p++)
            if (touch[p] > touch[best]) best = p;
        if (best == PART_NONE || top * 7 >= area[sheet]) continue;
        for (size_t i = 0; i < top; i++) f->part[stack[i]] = (uint8_t)best;
    }
    mem_free(stack);
    mem_free(seen);
}

/* soft: planes [15][h, w] */
static void label_from_planes(Figure *f, const WorkPicture *work, float *soft)
{
    size_t n = (size_t)work->w * (size_t)work->h;
    for (int p = PART_HEAD; p < SYNTH_PARTS; p++) plane_guided(work->rgb, soft + n * (size_t)p, work->w, work->h, 4, 1e-3f);
    LabelJob j = {f, soft, work->w, work->h};
    threads_for(f->height, 16, label_rows, &j);
    figure_label_rim(f);
    drop_islands(f);
}

void figure_label_by_bones(Figure *f, const WorkPicture *work)
{
    size_t n = (size_t)work->w * (size_t)work->h;
    float *soft = mem_zero(sizeof(float) * n * SYNTH_PARTS);
    BodyShape s;
    body_shape_of(f, work->scale, &s);
    for (int y = 0; y < work->h; y++)
        for (int x = 0; x < work->w; x++) {
            float score[SYNTH_PARTS], least = 1e9f, sum = 0;
            scores(&s, (float)x + 0.5f, (float)y + 0.5f, score);
            for (int p = PART_HEAD; p < SYNTH_PARTS; p++) least = MIN(least, score[p]);
            for (int p = PART_HEAD; p < SYNTH_PARTS; p++) sum += score[p] = expf(-6 * (score[p] - least));
            for (int p = PART_HEAD; p < SYNTH_PARTS; p++) soft[n * (size_t)p + (size_t)y * (size_t)work->w + (size_t)x] = score[p] / sum;
        }
    label_from_planes(f, work, soft);
    mem_free(soft);
}

void figure_label_by_probability(Figure *f, const WorkPicture *work, const float *probability, int w2, int h2)
{
    size_t n = (size_t)work->w * (size_t)work->h, m = (size_t)w2 * (size_t)h2;
    float *soft = mem_alloc(sizeof(float) * n * SYNTH_PARTS), *one = mem_alloc(sizeof(float) * m);
    for (int p = 0; p < SYNTH_PARTS; p++) {
        for (size_t i = 0; i < m; i++) one[i] = probability[i * SYNTH_PARTS + (size_t)p];
        plane_resize(one, w2, h2, 1, soft + n * (size_t)p, work->w, work->h);
    }
    label_from_planes(f, work, soft);
    mem_free(soft);
    mem_free(one);
}
