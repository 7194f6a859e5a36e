/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of motion share: cmocka, distances, and a dancer made of sines whose feet step.
 */
#ifndef JIG_MOTION_TEST_H
#define JIG_MOTION_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "motion/motion.h"

static inline float far_apart(const float *a, const float *b)
{
    return sqrtf((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

static inline float worst_joint(const Clip *a, const Clip *b)
{
    float worst = 0;
    for (int t = 0; t < a->frames; t++)
        for (int j = 0; j < MOTION_JOINTS; j++)
            worst = fmaxf(worst, far_apart(a->pose[t][j], b->pose[t][j]));
    return worst;
}

/* Turns the bones of the rest pose by sines of different speeds about different axes, walks in a circle. Bone lengths
 * stay. */
static inline void wave_clip(Clip *c, int frames, double fps, float size)
{
    float rest[MOTION_BONES][3], length[MOTION_BONES];
    Err e = {0};
    if (!clip_init(c, frames, fps, &e))
        abort();
    pose_directions(motion_rest, rest);
    pose_lengths(motion_rest, length);
    for (int t = 0; t < frames; t++) {
        float dir[MOTION_BONES][3], s = (float)(t / fps);
        for (int b = 0; b < MOTION_BONES; b++) {
            float a = size * sinf(s * (2 + 0.3f * (float)b) + (float)b), h = size * cosf(s * (1 + 0.2f * (float)b));
            const float *r = rest[b];
            float y = r[1] * cosf(a) - r[2] * sinf(a), z = r[1] * sinf(a) + r[2] * cosf(a);
            dir[b][0] = r[0] * cosf(h) - y * sinf(h), dir[b][1] = r[0] * sinf(h) + y * cosf(h), dir[b][2] = z;
        }
        float root[3] = {0.4f * sinf(s), 0.9f + 0.1f * sinf(3 * s), 0.3f * cosf(s)};
        pose_walk(root, (const float (*)[3])dir, length, c->pose[t]);
    }
}

static inline const char *test_data(const char *path)
{
    static char full[4096];
    const char *root = getenv("JIG_TEST_DATA");
    snprintf(full, sizeof full, "%s/%s", root ? root : "", path);
    return root && file_exists(full) ? full : NULL;
}

#endif
