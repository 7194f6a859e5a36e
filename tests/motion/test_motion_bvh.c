/* SPDX-License-Identifier: Apache-2.0
 *
 * BVH: our own round trip within a millimetre, the trees of other programs, the axis that is up, and files that lie.
 */
#include "motion_test.h"

#include <unistd.h>

static void round_trip_within_a_millimetre(void **state)
{
    Clip c, d;
    Err e = {0};
    wave_clip(&c, 60, 25, 1.4f);
    assert_true(clip_write_bvh(&c, "test_motion.bvh", &e));
    assert_true(clip_read(&d, "test_motion.bvh", &e));
    assert_int_equal(d.frames, 60);
    assert_true(d.fps == 25);
    assert_true(worst_joint(&c, &d) < 0.001f);
    clip_finish(&d);
    BvhOptions o = {.leg_length = -0.01f}; /* centimetres */
    assert_true(clip_read_bvh(&d, "test_motion.bvh", &o, &e));
    assert_true(worst_joint(&c, &d) < 0.001f);
    unlink("test_motion.bvh");
    clip_finish(&c);
    clip_finish(&d);
}

#define LIMB3(a, b, c, x, y, z) "JOINT " a "\n{\nOFFSET " x "\nCHANNELS 3 Zrotation Xrotation Yrotation\n" \
    "JOINT " b "\n{\nOFFSET " y "\nCHANNELS 3 Zrotation Xrotation Yrotation\n" \
    "JOINT " c "\n{\nOFFSET " z "\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 0 12\n}\n}\n}\n}\n"

/* Trunk, then collar bones with arms, then legs; names as given. Y up, centimetres. */
#define TREE(hips, spine, neck, lcollar, larm, lfore, lhand, rcollar, rarm, rfore, rhand, lup, lleg, lfoot, \
             rup, rleg, rfoot) \
    "HIERARCHY\nROOT " hips "\n{\nOFFSET 0 0 0\n" \
    "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n" \
    "JOINT " spine "\n{\nOFFSET 0 33 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n" \
    "JOINT " neck "\n{\nOFFSET 0 20 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 20 0\n}\n}\n" \
    "JOINT " lcollar "\n{\nOFFSET 3 15 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n" \
    LIMB3(larm, lfore, lhand, "15 0 0", "28 0 0", "26 0 0") "}\n" \
    "JOINT " rcollar "\n{\nOFFSET -3 15 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n" \
    LIMB3(rarm, rfore, rhand, "-15 0 0", "-28 0 0", "-26 0 0") "}\n}\n" \
    LIMB3(lup, lleg, lfoot, "9 0 0", "0 -42 0", "0 -43 0") \
    LIMB3(rup, rleg, rfoot, "-9 0 0", "0 -42 0", "0 -43 0") "}\n" \
    "MOTION\nFrames: 1\nFrame Time: 0.0333333\n0 93 0"

static const char *const trees[] = {
    TREE("mixamorig:Hips", "mixamorig:Spine2", "mixamorig:Neck", "mixamorig:LeftShoulder", "mixamorig:LeftArm",
         "mixamorig:LeftForeArm", "mixamorig:LeftHand", "mixamorig:RightShoulder", "mixamorig:RightArm",
         "mixamorig:RightForeArm", "mixamorig:RightHand", "mixamorig:LeftUpLeg", "mixamorig:LeftLeg",
         "mixamorig:LeftFoot", "mixamorig:RightUpLeg", "mixamorig:RightLeg", "mixamorig:RightFoot"),
    TREE("root", "thorax", "lowerneck", "lclavicle", "lhumerus", "lradius", "lwrist", "rclavicle", "rhumerus",
         "rradius", "rwrist", "lfemur", "ltibia", "lfoot", "rfemur", "rtibia", "rfoot"),
    TREE("pelvis", "spine_03", "neck_01", "clavicle_l", "upperarm_l", "lowerarm_l", "hand_l", "clavicle_r",
         "upperarm_r", "lowerarm_r", "hand_r", "thigh_l", "calf_l", "foot_l", "thigh_r", "calf_r", "foot_r"),
    TREE("hips", "chest", "neck", "shoulder.L", "upper_arm.L", "forearm.L", "hand.L", "shoulder.R", "upper_arm.R",
         "forearm.R", "hand.R", "thigh.L", "shin.L", "foot.L", "thigh.R", "shin.R", "foot.R"),
    TREE("Pelvis", "Spine3", "Neck", "L_Collar", "L_Shoulder", "L_Elbow", "L_Wrist", "R_Collar", "R_Shoulder",
         "R_Elbow", "R_Wrist", "L_Hip", "L_Knee", "L_Ankle", "R_Hip", "R_Knee", "R_Ankle"),
    TREE("hip", "torso", "neck", "left_collar", "left_shoulder", "left_elbow", "left_hand", "right_collar",
         "right_shoulder", "right_elbow", "right_hand", "left_hip", "left_knee", "left_foot", "right_hip", "right_knee",
         "right_foot"),
    TREE("Bip01", "Bip01 Spine2", "Bip01 Neck", "Bip01 L Clavicle", "Bip01 L UpperArm", "Bip01 L Forearm",
         "Bip01 L Hand", "Bip01 R Clavicle", "Bip01 R UpperArm", "Bip01 R Forearm", "Bip01 R Hand", "Bip01 L Thigh",
         "Bip01 L Calf", "Bip01 L Foot", "Bip01 R Thigh", "Bip01 R Calf", "Bip01 R Foot")};

static char *tree_with_zeros(const char *tree)
{
    static char text[8192];
    int n = snprintf(text, sizeof text, "%s", tree), channels = 0;
    for (const char *s = tree; (s = strstr(s, "CHANNELS")); s++)
        channels += s[9] - '0';
    for (int i = 3; i < channels; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " 0");
    snprintf(text + n, sizeof text - (size_t)n, "\n");
    return text;
}

static void names_of_other_programs(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        Clip c;
        Err e = {0};
        char *text = tree_with_zeros(trees[i]);
        if (!clip_parse_bvh(&c, text, strlen(text), "tree", NULL, &e))
            fail_msg("tree %zu: %s", i, e.text);
        assert_true(c.fps == 30);
        const float want_shoulder[3] = {0.18f, 1.41f, 0}, want_wrist[3] = {0.72f, 1.41f, 0},
            want_ankle[3] = {-0.09f, 0.08f, 0};
        const float want_toe[3] = {0.09f, 0.08f, 0.12f}, want_chest[3] = {0, 1.26f, 0}, want_head[3] = {0, 1.66f, 0};
        assert_true(far_apart(c.pose[0][JOINT_L_SHOULDER], want_shoulder) < 1e-4f);
        assert_true(far_apart(c.pose[0][JOINT_L_WRIST], want_wrist) < 1e-4f);
        assert_true(far_apart(c.pose[0][JOINT_R_ANKLE], want_ankle) < 1e-4f);
        assert_true(far_apart(c.pose[0][JOINT_L_TOE], want_toe) < 1e-4f);
        assert_true(far_apart(c.pose[0][JOINT_CHEST], want_chest) < 1e-4f);
        assert_true(far_apart(c.pose[0][JOINT_HEAD], want_head) < 1e-4f);
        clip_finish(&c);
    }
}

static void lies_are_found_out(void **state)
{
    static const struct { const char *from, *to, *says; } cases[] = {
        {"Frames: 1", "Frames: 2000000", "too short"}, {"Frames: 1", "Frames: 99999999999999999999", "line "},
        {"Frames: 1", "Frames: 0", "line "}, {"Frames: 1", "Frames: -5", "line "},
        {"0.0333333", "0", "Frame Time"}, {"0.0333333", "nan", "not a number"},
            {"CHANNELS 3", "CHANNELS 7", "channels"},
        {"Zrotation", "Zrotatio", "channel"}, {"Zrotation", "Xrotation", "twice"},
            {"OFFSET 9", "OFFSET inf", "not a number"},
        {"0 93 0 0", "0 nan 0 0", "not a number"}, {"0 93 0 0", "93", "too short"}, {"MOTION", "MOTOR", "expected"},
        {"HIERARCHY", "HIER", "HIERARCHY"}, {"JOINT mixamorig:LeftUpLeg", "JOINT Tail", "l_hip"},
        {"}\nMOTION", "MOTION", "brace"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[9000];
        Clip c;
        Err e = {0};
        char *good = tree_with_zeros(trees[0]), *at = strstr(good, cases[i].from);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, cases[i].to, at + strlen(cases[i].from));
        assert_false(clip_parse_bvh(&c, text, strlen(text), "lie", NULL, &e));
        if (!strstr(e.text, cases[i].says))
            fail_msg("case %zu says: %s", i, e.text);
    }
}

/* Every cut and many single changed bytes: an answer, never a crash (the sanitizers watch). */
static void damaged_files_are_survived(void **state)
{
    char text[9000];
    char *good = tree_with_zeros(trees[1]);
    int n = (int)strlen(good);
    Rng r = rng_make(1, 2);
    for (int i = 0; i < n; i += 3) {
        Clip c;
        Err e = {0};
        if (clip_parse_bvh(&c, good, (size_t)i, "cut", NULL, &e))
            clip_finish(&c);
        memcpy(text, good, (size_t)n);
        for (int k = 0; k < 3; k++)
            text[rng_int(&r, 0, n - 1)] = (char)rng_int(&r, 1, 127);
        if (clip_parse_bvh(&c, text, (size_t)n, "changed", NULL, &e))
            clip_finish(&c);
    }
}

static void files_of_the_data_stand_up(void **state)
{
    static const char *const names[] = {"dab", "jesse_dance", "jumping", "jumping_jacks", "wave_hello", "zombie"};
    if (!test_data("puppets/bvh"))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[100];
        Clip c;
        Err e = {0};
        snprintf(path, sizeof path, "puppets/bvh/%s.bvh", names[i]);
        if (!clip_read(&c, test_data(path), &e))
            fail_msg("%s", e.text);
        float length[MOTION_BONES];
        clip_mean_lengths(&c, length);
        assert_float_equal(motion_leg_length(length), MOTION_LEG, 1e-3);
        for (int t = 0; t < c.frames; t += 7)
            assert_true(c.pose[t][JOINT_HEAD][1] > c.pose[t][JOINT_L_KNEE][1]);
        clip_finish(&c);
    }
}

static void agrees_with_the_capture(void **state)
{
    const char *path = test_data("motion/rokoko-mit/rokoko_jesse_dance.dmot");
    if (!path)
        skip();
    Clip bvh, clip, capture;
    Err e = {0};
    assert_true(clip_read(&capture, path, &e));
    assert_true(clip_read(&bvh, test_data("puppets/bvh/jesse_dance.bvh"), &e));
    assert_true(clip_resample(&bvh, 60, capture.frames, &clip, &e));
    float a[MOTION_BONES], b[MOTION_BONES], mean = 0;
    clip_mean_lengths(&clip, a);
    clip_mean_lengths(&capture, b);
    for (int k = 0; k < MOTION_BONES; k++)
        assert_float_equal(a[k], b[k], 2e-3);
    for (int t = 0; t < clip.frames; t++)
        for (int k = 0; k < 3; k++) {
            float from[3], to[3];
            for (int i = 0; i < 3; i++) {
                from[i] = clip.pose[t][JOINT_L_WRIST][i] - clip.pose[t][0][i];
                to[i] = capture.pose[t][JOINT_L_WRIST][i] - capture.pose[t][0][i];
            }
            mean += far_apart(from, to) / (float)(3 * clip.frames);
        }
    assert_true(mean < 0.015f); /* the capture's clock runs 0.03 % off */
    clip_finish(&bvh);
    clip_finish(&clip);
    clip_finish(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_within_a_millimetre), cmocka_unit_test(names_of_other_programs),
        cmocka_unit_test(lies_are_found_out), cmocka_unit_test(damaged_files_are_survived),
        cmocka_unit_test(files_of_the_data_stand_up), cmocka_unit_test(agrees_with_the_capture)};
    return cmocka_run_group_tests_name("motion/bvh", tests, NULL, NULL);
}
