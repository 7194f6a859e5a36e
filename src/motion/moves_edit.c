/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to moves at their own speed: mirror, heading, energy, seams and loops (spec of the articulated model,
 * sections 1 and 2).
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <string.h>

#define ENERGY_MEAN 1.0        /* s, deviation of the slow mean that energy is measured from */
#define TURN_SMOOTH 0.1        /* s, deviation */
#define LOOP_TOLERANCE 1.25f   /* loops this much worse than the best count as good as it */
#define LOOP_SPEED_WEIGHT 3.0f /* a difference of speed (per frame) against one of pose */

static V3 bone_at(const MovesRow row, int bone) { return v3_at(&row[MOVES_BONES + 3 * bone]); }

void moves_mirror(Moves *m)
{
    for (int t = 0; t < m->frames; t++) {
        MovesRow was;
        float *row = m->row[t];
        memcpy(was, row, sizeof was);
        row[0] = -was[0];
        for (int b = 0; b < MOTION_BONES; b++) {
            V3 d = bone_at(was, motion_mirror_bone[b]);
            v3_put(&row[MOVES_BONES + 3 * b], v3(-d.x, d.y, d.z));
        }
        row[MOVES_CONTACT] = was[MOVES_CONTACT + 1];
        row[MOVES_CONTACT + 1] = was[MOVES_CONTACT];
    }
}

static void turn_bones(MovesRow row, float yaw)
{
    float c = cosf(yaw), s = sinf(yaw);
    for (int k = MOVES_BONES; k < MOVES_CONTACT; k += 3)
        v3_put(row + k, v3_turn(v3_at(row + k), c, s));
}

void moves_turn(Moves *m, float yaw)
{
    float c = cosf(yaw), s = sinf(yaw);
    for (int t = 0; t < m->frames; t++) {
        v3_put(m->row[t], v3_turn(v3_at(m->row[t]), c, s));
        turn_bones(m->row[t], yaw);
    }
}

float moves_heading(const MovesRow row)
{
    V3 hips = v3_sub(bone_at(row, BONE_L_HIP), bone_at(row, BONE_R_HIP));
    V3 shoulders = v3_sub(bone_at(row, BONE_L_SHOULDER), bone_at(row, BONE_R_SHOULDER));
    hips.y = shoulders.y = 0;
    V3 left = v3_add(v3_unit(hips, v3(0, 0, 0)), v3_unit(shoulders, v3(0, 0, 0)));
    return atan2f(-left.z, left.x);
}

void moves_limit_heading(Moves *m, float limit)
{
    float *turn = mem_alloc((size_t)m->frames * sizeof *turn);
    for (int t = 0; t < m->frames; t++)
        turn[t] = moves_heading(m->row[t]);
    motion_unwrap(turn, m->frames);
    motion_smooth(turn, m->frames, 1, TURN_SMOOTH * MOTION_FPS);
    motion_limiting_turn(turn, m->frames, limit);
    V3 was = v3_at(m->row[0]), now = was;
    for (int t = 0; t < m->frames; t++) {
        float half = 0.5f * (turn[t] + turn[MAX(t - 1, 0)]);
        V3 root = v3_at(m->row[t]);
        now = v3_add(now, v3_turn(v3_sub(root, was), cosf(half), sinf(half)));
        v3_put(m->row[t], now);
        turn_bones(m->row[t], turn[t]);
        was = root;
    }
    mem_free(turn);
}

void moves_scale_energy(Moves *m, const float *factor, float all)
{
    float *mean = mem_alloc((size_t)m->frames * sizeof *mean);
    for (int k = 0; k < MOVES_CONTACT; k++) {
        for (int t = 0; t < m->frames; t++)
            mean[t] = m->row[t][k];
        motion_smooth(mean, m->frames, 1, ENERGY_MEAN * MOTION_FPS);
        for (int t = 0; t < m->frames; t++) {
            float f = CLAMP(factor ? factor[t] : all, 0.0f, 3.0f);
            m->row[t][k] = mean[t] + f * (m->row[t][k] - mean[t]);
        }
    }
    mem_free(mean);
    moves_normalise(m);
}

/* ---- seams and loops --------------------------------------------------------------------------------------------- */

/* A curve that begins as `value` with `slope` (per frame) and comes to rest at 0 after `frames`. */
static float dying(float value, float slope, int frames, float t)
{
    float s = t / (float)frames, rest = 1 - s;
    return value * rest * rest * (1 + 2 * s) + slope * t * rest * rest;
}

void moves_smooth_seam(Moves *m, int at, int frames)
{
    if (at < 2 || at + 1 >= m->frames || frames < 1)
        return;
    for (int k = 0; k < MOVES_CONTACT; k++) {
        float before = m->row[at - 1][k] - m->row[at - 2][k];
        float leap = m->row[at - 1][k] + before - m->row[at][k];
        float bend = before - (m->row[at + 1][k] - m->row[at][k]);
        for (int t = 0; t < frames && at + t < m->frames; t++)
            m->row[at + t][k] += dying(leap, bend, frames, (float)t);
    }
    moves_normalise(m);
}

void moves_close_loop(Moves *m, int fade)
{
    int n = m->frames;
    fade = MIN(fade, n - 2);
    if (fade < 1)
        return;
    MovesRow leap, bend;
    for (int k = 0; k < MOVES_CONTACT; k++) {
        float end_speed = m->row[n - 1][k] - m->row[n - 2][k];
        leap[k] = m->row[0][k] - (m->row[n - 1][k] + end_speed);
        bend[k] = end_speed - (m->row[1][k] - m->row[0][k]);
    }
    for (int t = n - fade; t < n; t++)
        for (int k = 0; k < MOVES_CONTACT; k++)
            m->row[t][k] += dying(leap[k], bend[k], fade, (float)(n - t));
    moves_normalise(m);
}

/* Squared difference of pose and speed between two frames; the place on the floor does not count. */
static float unlikeness(const Moves *m, int a, int b)
{
    int a1 = MIN(a + 1, m->frames - 1), b1 = MIN(b + 1, m->frames - 1), a0 = MAX(a1 - 1, 0), b0 = MAX(b1 - 1, 0);
    float pose = 0, speed = 0;
    for (int k = 1; k < MOVES_CONTACT; k++) {
        if (k == 2)
            continue;
        float d = m->row[a][k] - m->row[b][k];
        float v = (m->row[a1][k] - m->row[a0][k]) - (m->row[b1][k] - m->row[b0][k]);
        pose += d * d;
        speed += v * v;
    }
    return pose + LOOP_SPEED_WEIGHT * LOOP_SPEED_WEIGHT * speed;
}

/* Frames at which a loop may begin or end, and their place in the bar. */
static int loop_points(const Moves *m, int **frame, int **place)
{
    int step = MAX(5, m->frames / 1000), room = MAX(m->beats, m->frames / step + 1), n = 0;
    *frame = mem_alloc((size_t)room * sizeof **frame);
    *place = mem_alloc((size_t)room * sizeof **place);
    if (m->beats == 0)
        for (int t = 0; t < m->frames; t += step, n++)
            (*frame)[n] = t, (*place)[n] = 0;
    for (int i = 0; i < m->beats; i++) {
        int t = (int)lround(m->beat[i] * MOTION_FPS);
        if (t >= 0 && t < m->frames)
            (*frame)[n] = t, (*place)[n] = m->beat_in_bar[i], n++;
    }
    return n;
}

bool moves_find_loop(const Moves *m, int min_frames, int *first, int *count, Err *e)
{
    int *frame, *place, n = loop_points(m, &frame, &place);
    float best = INFINITY;
    *count = 0;
    for (int pass = 0; pass < 2; pass++) /* the least unlikeness, then the longest that comes near it */
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n; j++) {
                int length = frame[j] - frame[i];
                if (length < MAX(min_frames, 2) || place[i] != place[j])
                    continue;
                float cost = unlikeness(m, frame[i], frame[j]);
                if (pass == 0)
                    best = MIN(best, cost);
                else if (cost <= best * LOOP_TOLERANCE && length > *count)
                    *first = frame[i], *count = length;
            }
    mem_free(frame);
    mem_free(place);
    return *count > 0 || err_set(e, "no loop of %d frames or more in moves of %d frames", min_frames, m->frames);
}

float moves_top_speed(const Moves *m)
{
    float length[MOTION_BONES], top = 0;
    Pose pose[2];
    pose_lengths(motion_rest, length);
    for (int t = 0; t < m->frames; t++) {
        moves_pose(m->row[t], length, pose[t & 1]);
        for (int j = 0; j < MOTION_JOINTS && t > 0; j++)
            top = MAX(top, v3_distance(v3_at(pose[0][j]), v3_at(pose[1][j])) * MOTION_FPS);
    }
    return top;
}
