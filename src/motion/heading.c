/* SPDX-License-Identifier: Apache-2.0
 *
 * Which way a dancer faces, and turning him: a flat picture cannot show its back. Where the turn changes over time the
 * path is integrated from turned steps, so that feet leave the floor as little as before.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#define HEADING_SMOOTH 0.1 /* seconds, deviation */

void motion_unwrap(float *angle, int n)
{
    double turns = 0;
    float last = n ? angle[0] : 0;
    for (int i = 1; i < n; i++) {
        float now = angle[i];
        if (now - last > (float)M_PI)
            turns -= 2 * M_PI;
        else if (now - last < -(float)M_PI)
            turns += 2 * M_PI;
        last = now;
        angle[i] = (float)(now + turns);
    }
}

static void headings(const Clip *c, float *yaw)
{
    for (int t = 0; t < c->frames; t++)
        yaw[t] = pose_heading(c->pose[t]);
    motion_unwrap(yaw, c->frames);
}

void clip_headings(const Clip *c, float *yaw)
{
    headings(c, yaw);
    motion_smooth(yaw, c->frames, 1, HEADING_SMOOTH * c->fps);
}

static float mean_of(const float *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return (float)(sum / n);
}

void clip_turn(Clip *c, float yaw)
{
    for (int t = 0; t < c->frames; t++)
        pose_turn(c->pose[t], yaw);
}

void clip_face_viewer(Clip *c)
{
    float *yaw = mem_alloc((size_t)c->frames * sizeof *yaw);
    headings(c, yaw);
    clip_turn(c, -mean_of(yaw, c->frames));
    mem_free(yaw);
}

float motion_limiting_turn(float *yaw, int n, float limit)
{
    float mean = mean_of(yaw, n), low = yaw[0], high = yaw[0];
    for (int i = 0; i < n; i++) {
        low = MIN(low, yaw[i]);
        high = MAX(high, yaw[i]);
        yaw[i] = limit * tanhf((yaw[i] - mean) / limit) - yaw[i];
    }
    return high - low;
}

float clip_limit_heading(Clip *c, float limit)
{
    float *turn = mem_alloc((size_t)c->frames * sizeof *turn);
    clip_headings(c, turn);
    float range = motion_limiting_turn(turn, c->frames, limit);
    V3 was = v3_at(c->pose[0][JOINT_PELVIS]), now = v3_turn(was, cosf(turn[0]), sinf(turn[0]));
    for (int t = 0; t < c->frames; t++) {
        float half = 0.5f * (turn[t] + turn[MAX(t - 1, 0)]), cosine = cosf(turn[t]), sine = sinf(turn[t]);
        V3 root = v3_at(c->pose[t][JOINT_PELVIS]);
        now = v3_add(now, v3_turn(v3_sub(root, was), cosf(half), sinf(half)));
        for (int j = 0; j < MOTION_JOINTS; j++) {
            V3 from_root = v3_turn(v3_sub(v3_at(c->pose[t][j]), root), cosine, sine);
            v3_put(c->pose[t][j], v3_add(now, from_root));
        }
        was = root;
    }
    mem_free(turn);
    return range;
}
