/* SPDX-License-Identifier: Apache-2.0
 *
 * Clips: DMOT out and in, broken DMOT, resampling, glitches, hits against the list that comes with the captures, the
 * canonical body, headings, feet that stand.
 */
#include "motion_test.h"

#include <unistd.h>

static void dmot_comes_back(void **state)
{
    Clip c, d;
    Err e = {0};
    wave_clip(&c, 40, 60, 0.5f);
    snprintf(c.name, sizeof c.name, "a\nfake key");
    assert_true(clip_write_dmot(&c, "test_motion.dmot", &e));
    assert_true(clip_read(&d, "test_motion.dmot", &e));
    assert_int_equal(d.frames, 40);
    assert_true(d.fps == 60);
    assert_memory_equal(c.pose, d.pose, 40 * sizeof(Pose));
    assert_null(strchr(d.name, '\n'));
    unlink("test_motion.dmot");
    clip_finish(&c);
    clip_finish(&d);
}

#define NAMES "pelvis chest neck head l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist l_hip l_knee l_ankle " \
              "r_hip r_knee r_ankle l_toe r_toe"

static void broken_dmot_is_refused(void **state)
{
    static const struct { const char *text, *says; } cases[] = {
        {"DMOT2\n\n", "DMOT1"},
        {"DMOT1\nfps 60\nframes 1\njoints 18 " NAMES "\n\n", "bytes of poses"},
        {"DMOT1\nfps 60\nframes 99999999999\njoints 18 " NAMES "\n\n", "line 3"},
        {"DMOT1\nfps 60\nframes -1\njoints 18 " NAMES "\n\n", "line 3"},
        {"DMOT1\nfps nan\nframes 1\njoints 18 " NAMES "\n\n", "line 2"},
        {"DMOT1\nfps 60\nframes 1\njoints 17 pelvis\n\n", "18"},
        {"DMOT1\nfps 60\nframes 1\njoints 18 pelvis neck\n\n", "joint 1"},
        {"DMOT1\nfps 60\nframes 1", "no end"},
        {"DMOT1\nfps 60\nframes 1\n\n", "lacks joints"},
        {"", "no end"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Clip c;
        Err e = {0};
        assert_false(clip_parse_dmot(&c, cases[i].text, strlen(cases[i].text), "case", &e));
        assert_non_null(strstr(e.text, cases[i].says));
    }
    char good[4096];
    int n = snprintf(good, sizeof good, "DMOT1\nfps 60\nframes 1\njoints 18 " NAMES "\n\n");
    memset(good + n, 0, sizeof(Pose));
    Clip c;
    Err e = {0};
    assert_true(clip_parse_dmot(&c, good, (size_t)n + sizeof(Pose), "case", &e));
    clip_finish(&c);
    float nan = NAN;
    memcpy(good + n + 40, &nan, sizeof nan);
    assert_false(clip_parse_dmot(&c, good, (size_t)n + sizeof(Pose), "case", &e));
    assert_non_null(strstr(e.text, "head"));
}

static void resampling_keeps_time(void **state)
{
    Clip c, r, back;
    Err e = {0};
    wave_clip(&c, 121, 60, 0.3f);
    assert_true(clip_resample(&c, 25, 0, &r, &e));
    assert_int_equal(r.frames, 50);
    assert_true(far_apart(r.pose[5][6], c.pose[12][6]) < 1e-5f);
    assert_true(clip_resample(&r, 60, 121, &back, &e));
    assert_true(far_apart(back.pose[60][6], c.pose[60][6]) < 0.01f);
    assert_false(clip_resample(&c, 0, 0, &r, &e));
    clip_finish(&c);
    clip_finish(&r);
    clip_finish(&back);
}

static void glitches_are_found(void **state)
{
    Clip c;
    wave_clip(&c, 60, 60, 0.3f);
    uint8_t bad[60];
    assert_int_equal(clip_find_glitches(&c, 12, bad), 0);
    c.pose[30][6][0] += 0.5f;
    assert_int_equal(clip_find_glitches(&c, 12, bad), 3);
    assert_true(bad[29] && bad[30] && bad[31] && !bad[28]);
    clip_finish(&c);
}

/* An arm that swings to and fro stops twice a turn. */
static void hits_are_the_stops(void **state)
{
    Clip c;
    Err e = {0};
    double *hit;
    float *depth;
    assert_true(clip_init(&c, 300, 60, &e));
    for (int t = 0; t < 300; t++) {
        memcpy(c.pose[t], motion_rest, sizeof(Pose));
        c.pose[t][JOINT_L_WRIST][0] += 0.3f * cosf((float)M_PI * (float)t / 60); /* still at whole seconds */
    }
    int n = clip_find_hits(&c, &hit, &depth);
    assert_int_equal(n, 4);
    for (int i = 0; i < n; i++) {
        assert_float_equal(hit[i], i + 1, 0.02);
        assert_true(depth[i] < 0.2f);
    }
    mem_free(hit);
    mem_free(depth);
    clip_finish(&c);
}

static void hits_agree_with_the_list(void **state)
{
    const char *folder = test_data("motion");
    if (!folder)
        skip();
    ClipIndex x;
    Err e = {0};
    int all = 0, same = 0, found = 0, held = 0;
    assert_true(clip_index_read(&x, folder, &e));
    assert_int_equal(x.n, 57);
    for (int i = 0; i < x.n; i++) {
        held += x.entry[i].held_out;
        if (i % 5)
            continue;
        Clip c;
        double *hit;
        assert_true(clip_read(&c, x.entry[i].path, &e));
        int n = clip_find_hits(&c, &hit, NULL);
        found += n;
        all += x.entry[i].n_hits;
        for (int k = 0, m = 0; k < x.entry[i].n_hits; k++) {
            while (m < n && hit[m] < x.entry[i].hit[k] - 0.01)
                m++;
            same += m < n && fabs(hit[m] - x.entry[i].hit[k]) < 0.01;
        }
        mem_free(hit);
        clip_finish(&c);
    }
    assert_int_equal(held, 8);
    assert_true(all > 300 && same >= 0.99 * all && found <= 1.01 * all);
    clip_index_finish(&x);
}

static void canonical_body_is_canonical(void **state)
{
    Clip c, o, again;
    Err e = {0};
    float length[MOTION_BONES], want[MOTION_BONES];
    wave_clip(&c, 100, 25, 0.3f);
    for (int t = 0; t < c.frames; t++)
        for (int j = 0; j < MOTION_JOINTS; j++)
            for (int k = 0; k < 3; k++)
                c.pose[t][j][k] *= 2;
    assert_true(clip_to_canonical(&c, &o, &e));
    clip_mean_lengths(&o, length);
    pose_lengths(motion_rest, want);
    for (int b = 0; b < MOTION_BONES; b++)
        assert_float_equal(length[b], want[b], 1e-3);
    assert_true(clip_to_canonical(&o, &again, &e));
    assert_true(worst_joint(&o, &again) < 0.1f); /* nearly a projection */
    clip_finish(&c);
    clip_finish(&o);
    clip_finish(&again);
}

static void heading_stays_within_its_limit(void **state)
{
    Clip c;
    Err e = {0};
    float yaw[200];
    assert_true(clip_init(&c, 200, 25, &e));
    for (int t = 0; t < 200; t++) {
        memcpy(c.pose[t], motion_rest, sizeof(Pose));
        pose_turn(c.pose[t], 2 + 1.2f * sinf((float)t / 20));
    }
    float range = clip_limit_heading(&c, 0.7f);
    assert_true(range > 2.2f && range < 2.5f);
    clip_headings(&c, yaw);
    for (int t = 0; t < 200; t++)
        assert_true(fabsf(yaw[t]) < 0.75f);
    clip_turn(&c, 2);
    clip_face_viewer(&c);
    clip_headings(&c, yaw);
    float mean = 0;
    for (int t = 0; t < 200; t++)
        mean += yaw[t] / 200;
    assert_float_equal(mean, 0, 0.01);
    clip_finish(&c);
}

/* A body that rolls over its feet: the whole figure drifts and bobs while the feet should stand. */
static void feet_stop_sliding(void **state)
{
    Clip c;
    Err e = {0};
    Contacts contact[150];
    float length[MOTION_BONES], after[MOTION_BONES], worst;
    assert_true(clip_init(&c, 150, 25, &e));
    for (int t = 0; t < 150; t++) {
        memcpy(c.pose[t], motion_rest, sizeof(Pose));
        float lift = fmaxf(0, sinf((float)t / 8));
        for (int j = 0; j < MOTION_JOINTS; j++)
            c.pose[t][j][0] += 0.1f * sinf((float)t / 15);
        c.pose[t][JOINT_L_KNEE][2] += 0.05f + 0.2f * lift;
        c.pose[t][JOINT_L_ANKLE][1] += 0.25f * lift;
        c.pose[t][JOINT_L_TOE][1] += 0.25f * lift;
    }
    clip_find_contacts(&c, contact);
    float before = clip_foot_slide(&c, contact, &worst);
    assert_true(before > 0.02f);
    clip_mean_lengths(&c, length);
    clip_fix_feet(&c, contact, 0);
    assert_true(clip_foot_slide(&c, contact, &worst) < 0.001f);
    assert_true(worst < 0.005f);
    clip_mean_lengths(&c, after);
    for (int b = 0; b < MOTION_BONES; b++)
        assert_float_equal(length[b], after[b], 1e-3);
    clip_finish(&c);
}

static void captured_feet_stop_sliding(void **state)
{
    const char *path = test_data("motion/g1-ccby/g1_J_Dance7_Party.dmot");
    if (!path)
        skip();
    Clip c, o, r;
    Err e = {0};
    assert_true(clip_read(&c, path, &e));
    assert_true(clip_to_canonical(&c, &o, &e));
    assert_true(clip_resample(&o, 25, 0, &r, &e));
    Contacts *contact = mem_alloc((size_t)r.frames * sizeof *contact);
    clip_find_contacts(&r, contact);
    assert_true(clip_foot_slide(&r, contact, NULL) > 0.02f);
    clip_fix_feet(&r, contact, 0);
    assert_true(clip_foot_slide(&r, contact, NULL) < 0.01f);
    mem_free(contact);
    clip_finish(&c);
    clip_finish(&o);
    clip_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dmot_comes_back), cmocka_unit_test(broken_dmot_is_refused),
            cmocka_unit_test(resampling_keeps_time),
        cmocka_unit_test(glitches_are_found), cmocka_unit_test(hits_are_the_stops),
            cmocka_unit_test(hits_agree_with_the_list),
        cmocka_unit_test(canonical_body_is_canonical), cmocka_unit_test(heading_stays_within_its_limit),
        cmocka_unit_test(feet_stop_sliding), cmocka_unit_test(captured_feet_stop_sliding)};
    return cmocka_run_group_tests_name("motion/clip", tests, NULL, NULL);
}
