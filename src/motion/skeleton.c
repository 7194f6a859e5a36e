/* SPDX-License-Identifier: Apache-2.0
 *
 * The skeleton of DMOT: 18 joints, 17 bones, their names and mirror images, the canonical adult, and what is asked of
 * one pose: directions, lengths, heading, the frames of pelvis and rib cage; two-bone inverse kinematics.
 */
#include "motion/motion.h"
#include "motion/motion_vec.h"

#include <string.h>

const BoneEnds motion_bones[MOTION_BONES] = {
    {0, 1}, {1, 2}, {2, 3}, {2, 4}, {4, 5}, {5, 6}, {2, 7}, {7, 8}, {8, 9},
    {0, 10}, {10, 11}, {11, 12}, {12, 16}, {0, 13}, {13, 14}, {14, 15}, {15, 17}};

const int motion_parent[MOTION_JOINTS] = {-1, 0, 1, 2, 2, 4, 5, 2, 7, 8, 0, 10, 11, 0, 13, 14, 12, 15};
const int motion_mirror_joint[MOTION_JOINTS] = {0, 1, 2, 3, 7, 8, 9, 4, 5, 6, 13, 14, 15, 10, 11, 12, 17, 16};
const int motion_mirror_bone[MOTION_BONES] = {0, 1, 2, 6, 7, 8, 3, 4, 5, 13, 14, 15, 16, 9, 10, 11, 12};

const char *const motion_joint_names[MOTION_JOINTS] = {
    "pelvis", "chest", "neck", "head", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
    "l_hip", "l_knee", "l_ankle", "r_hip", "r_knee", "r_ankle", "l_toe", "r_toe"};

const Pose motion_rest = {
    {0, 0.91887f, 0}, {0, 1.24887f, -0.01f}, {0, 1.45887f, -0.02f}, {0, 1.55887f, 0.01f},
    {0.175f, 1.38387f, -0.02f}, {0.2146f, 1.10668f, -0.02f}, {0.22995f, 0.85845f, 0.0363f},
    {-0.175f, 1.38387f, -0.02f}, {-0.2146f, 1.10668f, -0.02f}, {-0.22995f, 0.85845f, 0.0363f},
    {0.095f, 0.91887f, 0}, {0.10339f, 0.49914f, 0.01259f}, {0.11197f, 0.07028f, -0.01743f},
    {-0.095f, 0.91887f, 0}, {-0.10339f, 0.49914f, 0.01259f}, {-0.11197f, 0.07028f, -0.01743f},
    {0.14209f, 0, 0.12312f}, {-0.14209f, 0, 0.12312f}};

int motion_find_joint(const char *name)
{
    for (int j = 0; j < MOTION_JOINTS; j++)
        if (strcmp(name, motion_joint_names[j]) == 0)
            return j;
    return -1;
}

void pose_lengths(const Pose p, float length[MOTION_BONES])
{
    for (int b = 0; b < MOTION_BONES; b++)
        length[b] = v3_distance(v3_at(p[motion_bones[b].child]), v3_at(p[motion_bones[b].parent]));
}

float motion_leg_length(const float length[MOTION_BONES])
{
    return 0.5f * (length[BONE_L_KNEE] + length[BONE_L_ANKLE] + length[BONE_R_KNEE] + length[BONE_R_ANKLE]);
}

void pose_directions(const Pose p, float dir[MOTION_BONES][3])
{
    for (int b = 0; b < MOTION_BONES; b++) {
        int from = motion_bones[b].parent, to = motion_bones[b].child;
        V3 rest = v3_unit(v3_sub(v3_at(motion_rest[to]), v3_at(motion_rest[from])), v3(0, 1, 0));
        v3_put(dir[b], v3_unit(v3_sub(v3_at(p[to]), v3_at(p[from])), rest));
    }
}

void pose_walk(const float root[3], const float dir[MOTION_BONES][3], const float length[MOTION_BONES], Pose out)
{
    memcpy(out[JOINT_PELVIS], root, sizeof out[0]);
    for (int b = 0; b < MOTION_BONES; b++)
        for (int k = 0; k < 3; k++)
            out[motion_bones[b].child][k] = out[motion_bones[b].parent][k] + length[b] * dir[b][k];
}

void pose_mirror(const Pose in, Pose out)
{
    for (int j = 0; j < MOTION_JOINTS; j++) {
        const float *from = in[motion_mirror_joint[j]];
        v3_put(out[j], v3(-from[0], from[1], from[2]));
    }
}

void pose_turn(Pose p, float yaw)
{
    float c = cosf(yaw), s = sinf(yaw);
    for (int j = 0; j < MOTION_JOINTS; j++)
        v3_put(p[j], v3_turn(v3_at(p[j]), c, s));
}

/* From the right joint to the left one, in the ground plane, unit. */
static V3 leftwards(const Pose p, int left, int right)
{
    V3 across = v3_sub(v3_at(p[left]), v3_at(p[right]));
    across.y = 0;
    return v3_unit(across, v3(0, 0, 0));
}

float pose_heading(const Pose p)
{
    V3 left = v3_add(leftwards(p, JOINT_L_HIP, JOINT_R_HIP), leftwards(p, JOINT_L_SHOULDER, JOINT_R_SHOULDER));
    return atan2f(-left.z, left.x); /* front = left x up */
}

static void frame_from(V3 left, V3 along_up, float frame[3][3])
{
    V3 l = v3_unit(left, v3(1, 0, 0));
    V3 front = v3_unit(v3_cross(l, along_up), v3(0, 0, 1));
    v3_put(frame[0], l);
    v3_put(frame[1], v3_cross(front, l));
    v3_put(frame[2], front);
}

void pose_pelvis_frame(const Pose p, float frame[3][3])
{
    V3 left = v3_at(p[JOINT_L_HIP]), right = v3_at(p[JOINT_R_HIP]);
    frame_from(v3_sub(left, right), v3_sub(v3_at(p[JOINT_CHEST]), v3_mix(left, right, 0.5f)), frame);
}

void pose_chest_frame(const Pose p, float frame[3][3])
{
    V3 left = v3_at(p[JOINT_L_SHOULDER]), right = v3_at(p[JOINT_R_SHOULDER]);
    frame_from(v3_sub(left, right), v3_sub(v3_at(p[JOINT_NECK]), v3_at(p[JOINT_CHEST])), frame);
}

void limb_solve(const float root[3], const float target[3], float a, float b, const float pole[3], float soft,
                float middle[3], float end[3])
{
    V3 from = v3_at(root), way = v3_sub(v3_at(target), from);
    float d = v3_length(way), reach = a + b, slack = reach * soft;
    V3 u = v3_unit(way, v3(0, -1, 0));
    if (slack > 0 && d > reach - slack)
        d = reach - slack * expf(-(d - (reach - slack)) / slack);
    d = CLAMP(d, fabsf(a - b) + 1e-4f * reach, reach * 0.99999f);
    float along = (a * a - b * b + d * d) / (2 * d);
    float off = sqrtf(MAX(0, a * a - along * along));
    V3 p = v3_at(pole);
    V3 bend = v3_sub(p, v3_scale(u, v3_dot(p, u)));
    bend = v3_unit(bend, v3_unit(v3_cross(u, v3(1, 0, 0)), v3(0, 0, 1)));
    v3_put(middle, v3_add(from, v3_add(v3_scale(u, along), v3_scale(bend, off))));
    v3_put(end, v3_add(from, v3_scale(u, d)));
}
