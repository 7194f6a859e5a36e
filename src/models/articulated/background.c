/* SPDX-License-Identifier: Apache-2.0
 *
 * The place behind the figure: filled once, so that it cannot shimmer (spec/articulated.md section 5), and the soft shadow that
 * the new pose throws on the ground. The old figure's shadow stays in the picture.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

void background_fill(const Picture *frame, const uint8_t *mask, uint8_t *rgb)
{
    int w = frame->w, h = frame->h;
    size_t n = (size_t)w * (size_t)h;
    float *c = mem_alloc(sizeof(float) * 3 * n), *known = mem_alloc(sizeof(float) * n);
    uint8_t *covered = mem_alloc(n);
    plane_from_picture(frame, c, NULL);
    for (size_t i = 0; i < n; i++) covered[i] = mask[i] > 12;
    plane_distance2(covered, known, w, h);
    float rim = MAX((float)MAX(w, h) / 110, 3.0f);
    for (size_t i = 0; i < n; i++) covered[i] = known[i] < rim * rim;
    plane_inpaint(c, covered, w, h);
    for (size_t i = 0; i < 3 * n; i++) rgb[i] = (uint8_t)lroundf(255 * CLAMP(c[i], 0.0f, 1.0f));
    mem_free(c);
    mem_free(known);
    mem_free(covered);
}

static void darken(uint8_t *rgb, int w, int h, float x, float y, float rx, float ry, float depth)
{
    for (int py = MAX((int)(y - 2.5f * ry), 0); py < MIN((int)(y + 2.5f * ry) + 1, h); py++)
        for (int px = MAX((int)(x - 2.5f * rx), 0); px < MIN((int)(x + 2.5f * rx) + 1, w); px++) {
            float dx = ((float)px + 0.5f - x) / rx, dy = ((float)py + 0.5f - y) / ry, k = 1 - depth * expf(-dx * dx - dy * dy);
            uint8_t *c = rgb + 3 * ((size_t)py * (size_t)w + (size_t)px);
            for (int i = 0; i < 3; i++) c[i] = (uint8_t)((float)c[i] * k + 0.5f);
        }
}

void background_shadow(uint8_t *rgb, int w, int h, const FramePose *pose, float height)
{
    const float (*j)[3] = pose->joint;
    float size = height * pose->scale;
    float ground = MAX(j[JOINT_L_TOE][1], j[JOINT_R_TOE][1]), middle = (j[JOINT_L_ANKLE][0] + j[JOINT_R_ANKLE][0]) / 2;
    float apart = fabsf(j[JOINT_L_ANKLE][0] - j[JOINT_R_ANKLE][0]);
    darken(rgb, w, h, middle, ground, apart / 2 + 0.12f * size, 0.030f * size, 0.22f);
    for (int side = 0; side < 2; side++) {
        const float *toe = j[side ? JOINT_R_TOE : JOINT_L_TOE];
        float lifted = CLAMP((ground - toe[1]) / (0.12f * size), 0.0f, 1.0f);
        darken(rgb, w, h, toe[0], ground, (0.05f + 0.03f * lifted) * size, 0.014f * size, 0.38f * (1 - 0.8f * lifted));
    }
}
