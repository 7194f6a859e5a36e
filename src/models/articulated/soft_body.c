/* SPDX-License-Identifier: Apache-2.0
 *
 * The honest fallback for what has no body that we recognise (an animal, a thing, several people): the whole cut-out dances as
 * one soft piece. Its base slides with the dancer's steps, it squashes when he goes down, stretches when he comes up, and leans
 * with his trunk, all within what a picture bears.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

void dance_soft_body(Dance *d, const Clip *clip, const Stage *stage)
{
    const float *box = stage->box, w = (float)stage->w;
    int n = d->frames;
    float tall = box[3] - box[1], room = CLAMP(MIN(box[0], w - box[2]), 0.0f, 0.10f * w);
    float *height = mem_alloc(sizeof(float) * 6 * (size_t)n), *mean = height + n, *path = mean + n, *slow = path + n, *lean = slow + n, *roll = lean + n;
    for (int t = 0; t < n; t++) {
        float chest[3][3];
        pose_chest_frame(clip->pose[t], chest);
        height[t] = mean[t] = clip->pose[t][JOINT_PELVIS][1];
        path[t] = slow[t] = clip->pose[t][JOINT_PELVIS][0];
        lean[t] = roll[t] = atan2f(chest[1][0], chest[1][1]) + 0.5f * (clip->pose[t][JOINT_NECK][0] - clip->pose[t][JOINT_PELVIS][0]);
    }
    dance_blur(mean, n, 1, 1.0f * MOTION_FPS), dance_blur(slow, n, 1, 2.0f * MOTION_FPS), dance_blur(roll, n, 1, 2.0f * MOTION_FPS);
    dance_blur(lean, n, 1, 1.5f);
    for (int t = 0; t < n; t++) {
        FramePose *p = &d->pose[t];
        float grown = stage->from_picture ? plane_step(0, 0.5f * MOTION_FPS, (float)t) : 1;
        float down = (height[t] - mean[t]) / MOTION_LEG, side = (path[t] - slow[t]) / MOTION_LEG, tip = lean[t] - roll[t];
        *p = (FramePose){.scale = 1};
        p->squash = 1 + grown * 0.16f * tanhf(down / 0.07f);
        p->lean[0] = grown * 0.16f * tall * tanhf(tip / 0.22f);
        float x = (box[0] + box[2]) / 2 + grown * room * tanhf(side / 0.35f);
        for (int j = 0; j < FIGURE_JOINTS; j++) /* one piece: its base, its middle and its top stand for the body */
            p->joint[j][0] = x, p->joint[j][1] = box[3];
        float top = box[3] - tall * p->squash;
        p->joint[JOINT_HEAD][0] = p->joint[JOINT_NECK][0] = x + p->lean[0];
        p->joint[JOINT_HEAD][1] = p->joint[JOINT_NECK][1] = top;
        p->joint[JOINT_CHEST][0] = x + p->lean[0] / 4, p->joint[JOINT_CHEST][1] = (top + box[3]) / 2;
    }
    mem_free(height);
}
