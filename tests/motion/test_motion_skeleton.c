/* SPDX-License-Identifier: Apache-2.0
 *
 * The skeleton: its tables agree with each other, directions and lengths give the pose back, mirror, heading, frames,
 * limbs.
 */
#include "motion_test.h"

static void tables_agree(void **state)
{
    for (int b = 0; b < MOTION_BONES; b++) {
        assert_int_equal(motion_parent[motion_bones[b].child], motion_bones[b].parent);
        int twin = motion_mirror_bone[b];
        assert_int_equal(motion_mirror_bone[twin], b);
        assert_int_equal(motion_bones[twin].child, motion_mirror_joint[motion_bones[b].child]);
        for (int later = b; later < MOTION_BONES; later++)
            assert_int_not_equal(motion_bones[later].child, motion_bones[b].parent);
    }
    for (int j = 0; j < MOTION_JOINTS; j++)
        assert_int_equal(motion_find_joint(motion_joint_names[j]), j);
    assert_int_equal(motion_bones[BONE_L_TOE].child, JOINT_L_TOE);
    assert_int_equal(motion_bones[BONE_R_WRIST].child, JOINT_R_WRIST);
    assert_int_equal(motion_find_joint("tail"), -1);
}

static void rest_pose_is_sound(void **state)
{
    float length[MOTION_BONES];
    Pose mirrored;
    pose_lengths(motion_rest, length);
    assert_float_equal(motion_leg_length(length), MOTION_LEG, 1e-4);
    pose_mirror(motion_rest, mirrored);
    for (int j = 0; j < MOTION_JOINTS; j++)
        assert_true(far_apart(mirrored[j], motion_rest[j]) < 1e-6f);
    assert_float_equal(pose_heading(motion_rest), 0, 1e-6);
    assert_float_equal(motion_rest[JOINT_L_TOE][1], 0, 1e-6);
}

static void directions_walk_back(void **state)
{
    Clip c;
    wave_clip(&c, 50, 25, 0.8f);
    for (int t = 0; t < c.frames; t++) {
        float dir[MOTION_BONES][3], length[MOTION_BONES];
        Pose again;
        pose_directions(c.pose[t], dir);
        pose_lengths(c.pose[t], length);
        pose_walk(c.pose[t][0], (const float (*)[3])dir, length, again);
        for (int j = 0; j < MOTION_JOINTS; j++)
            assert_true(far_apart(again[j], c.pose[t][j]) < 1e-5f);
    }
    clip_finish(&c);
}

static void turning_adds_to_the_heading(void **state)
{
    for (float yaw = -3; yaw < 3; yaw += 0.37f) {
        Pose p;
        float pelvis[3][3], chest[3][3];
        memcpy(p, motion_rest, sizeof p);
        pose_turn(p, yaw);
        assert_float_equal(pose_heading(p), yaw, 1e-5);
        pose_pelvis_frame(p, pelvis);
        pose_chest_frame(p, chest);
        assert_float_equal(pelvis[2][0], sinf(yaw), 0.05);
        assert_float_equal(pelvis[2][2], cosf(yaw), 0.05);
        assert_true(pelvis[1][1] > 0.99f && chest[1][1] > 0.99f);
    }
}

static void limbs_reach_and_bend(void **state)
{
    float root[3] = {0.1f, 1, 0}, target[3] = {0.15f, 0.3f, 0.1f}, pole[3] = {0, 0, 1}, middle[3], end[3];
    limb_solve(root, target, 0.4f, 0.45f, pole, 0, middle, end);
    assert_true(far_apart(end, target) < 1e-5f);
    assert_float_equal(far_apart(root, middle), 0.4f, 1e-5);
    assert_float_equal(far_apart(middle, end), 0.45f, 1e-5);
    assert_true(middle[2] > 0.05f + 0.05f);
    float beyond[3] = {0.1f, -5, 0};
    limb_solve(root, beyond, 0.4f, 0.45f, pole, 0.05f, middle, end);
    assert_true(far_apart(root, end) <= 0.85f);
    limb_solve(root, root, 0.4f, 0.45f, pole, 0, middle, end); /* a target in the root itself */
    assert_float_equal(far_apart(root, middle), 0.4f, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_agree), cmocka_unit_test(rest_pose_is_sound), cmocka_unit_test(directions_walk_back),
        cmocka_unit_test(turning_adds_to_the_heading), cmocka_unit_test(limbs_reach_and_bend)};
    return cmocka_run_group_tests_name("motion/skeleton", tests, NULL, NULL);
}
