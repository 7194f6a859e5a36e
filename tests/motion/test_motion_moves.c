/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves: clip to moves to clip, mirror, heading, energy, seams, loops, retiming between beat grids, checks.
 */
#include "motion_test.h"

static void wave_moves(Moves *m, int frames, float size)
{
    Clip c;
    Err e = {0};
    wave_clip(&c, frames, 25, size);
    Contacts *none = mem_zero((size_t)frames * sizeof *none);
    assert_true(moves_from_poses(&c, (const Contacts *)none, m, &e));
    mem_free(none);
    clip_finish(&c);
}

static float worst_number(const Moves *a, const Moves *b)
{
    float worst = 0;
    for (int t = 0; t < a->frames; t++)
        for (int k = 0; k < MOVES_WIDTH; k++)
            worst = fmaxf(worst, fabsf(a->row[t][k] - b->row[t][k]));
    return worst;
}

static void clip_and_back(void **state)
{
    Clip c, d;
    Moves m;
    Err e = {0};
    wave_clip(&c, 50, 25, 0.4f);
    assert_true(moves_from_clip(&c, &m, &e));
    assert_true(moves_check(&m, &e));
    for (int t = 0; t < m.frames; t++)
        m.row[t][MOVES_CONTACT] = m.row[t][MOVES_CONTACT + 1] = 0;
    assert_true(moves_to_clip(&m, NULL, &d, &e));
    float drop = d.pose[0][0][1] - c.pose[0][0][1];
    for (int t = 0; t < 50; t++)
        for (int j = 0; j < JOINT_L_HIP; j++) { /* legs are lifted out of the floor */
            float want[3] = {c.pose[t][j][0] - c.pose[0][0][0], c.pose[t][j][1] + drop,
                             c.pose[t][j][2] - c.pose[0][0][2]};
            assert_true(far_apart(d.pose[t][j], want) < 1e-4f);
        }
    clip_finish(&c);
    clip_finish(&d);
    moves_finish(&m);
}

static void mirror_twice_is_nothing(void **state)
{
    Moves m, n;
    Err e = {0};
    wave_moves(&m, 40, 0.6f);
    m.row[3][MOVES_CONTACT] = 1;
    assert_true(moves_copy(&m, &n, &e));
    moves_mirror(&n);
    assert_true(worst_number(&m, &n) > 0.1f);
    assert_float_equal(n.row[3][MOVES_CONTACT + 1], 1, 0);
    float length[MOTION_BONES];
    Pose a, b, mirrored;
    pose_lengths(motion_rest, length);
    moves_pose(m.row[7], length, a);
    moves_pose(n.row[7], length, b);
    pose_mirror(a, mirrored);
    for (int j = 0; j < MOTION_JOINTS; j++)
        assert_true(far_apart(mirrored[j], b[j]) < 1e-5f);
    moves_mirror(&n);
    assert_true(worst_number(&m, &n) < 1e-6f);
    moves_finish(&m);
    moves_finish(&n);
}

static void heading_turns_and_is_limited(void **state)
{
    Moves m;
    wave_moves(&m, 100, 0.2f);
    float before = moves_heading(m.row[10]);
    moves_turn(&m, 0.5f);
    assert_float_equal(moves_heading(m.row[10]) - before, 0.5, 1e-4);
    for (int t = 0; t < m.frames; t++) { /* turns a full circle */
        Moves one = {.frames = 1, .row = &m.row[t]};
        moves_turn(&one, 0.06f * (float)t);
    }
    moves_limit_heading(&m, 0.7f);
    for (int t = 0; t < m.frames; t++)
        assert_true(fabsf(moves_heading(m.row[t])) < 1.0f);
    moves_finish(&m);
}

static float spread(const Moves *m, int column)
{
    float mean = 0, sum = 0;
    for (int t = 0; t < m->frames; t++)
        mean += m->row[t][column] / (float)m->frames;
    for (int t = 0; t < m->frames; t++)
        sum += fabsf(m->row[t][column] - mean);
    return sum / (float)m->frames;
}

static void energy_scales_the_dance(void **state)
{
    Moves m, calm, still;
    Err e = {0};
    wave_moves(&m, 200, 0.3f);
    assert_true(moves_copy(&m, &calm, &e) && moves_copy(&m, &still, &e));
    moves_scale_energy(&calm, NULL, 0.5f);
    moves_scale_energy(&still, NULL, 0);
    int column = MOVES_BONES + 3 * BONE_L_WRIST;
    assert_true(spread(&calm, column) < 0.9f * spread(&m, column));
    assert_true(spread(&still, column) < 0.6f * spread(&m, column));
    assert_true(moves_top_speed(&still) < 0.5f * moves_top_speed(&m));
    assert_true(moves_check(&calm, &e));
    moves_finish(&m);
    moves_finish(&calm);
    moves_finish(&still);
}

static float jump(const Moves *m, int a, int b)
{
    float sum = 0;
    for (int k = 0; k < MOVES_CONTACT; k++)
        sum += (m->row[a][k] - m->row[b][k]) * (m->row[a][k] - m->row[b][k]);
    return sqrtf(sum);
}

static void seams_and_loops_close(void **state)
{
    Moves m, loop;
    Err e = {0};
    wave_moves(&m, 200, 0.4f);
    float usual = jump(&m, 100, 101);
    for (int t = 100; t < 200; t++)
        for (int k = 0; k < MOVES_CONTACT; k++)
            m.row[t][k] += k % 2 ? 0.2f : -0.2f;
    moves_normalise(&m);
    assert_true(jump(&m, 99, 100) > 3 * usual);
    moves_smooth_seam(&m, 100, 10);
    assert_true(jump(&m, 99, 100) < 1.6f * usual);
    double beats[20];
    for (int i = 0; i < 20; i++)
        beats[i] = 0.4 * i;
    moves_set_beats(&m, beats, NULL, 20);
    int first, count;
    assert_true(moves_find_loop(&m, 50, &first, &count, &e));
    assert_true(count >= 50 && count % 40 == 0 && first % 10 == 0);
    assert_true(moves_cut(&m, first, count, &loop, &e));
    assert_true(loop.beats >= 5 && fabs(loop.beat[0]) < 1e-9);
    moves_close_loop(&loop, 10);
    assert_true(jump(&loop, loop.frames - 1, 0) < 2 * usual);
    assert_false(moves_find_loop(&m, 500, &first, &count, &e));
    moves_finish(&m);
    moves_finish(&loop);
}

static void beats_come_to_beats(void **state)
{
    Moves m, out;
    Err e = {0};
    double from[] = {0.2, 0.6, 1.0, 1.4, 1.8}, to[] = {0.4, 1.0, 1.5, 2.1};
    wave_moves(&m, 60, 0.4f);
    moves_set_beats(&m, from, NULL, 5);
    assert_true(moves_retime(&m, from, 5, to, 4, &out, &e));
    int column = MOVES_BONES + 3 * BONE_L_WRIST;
    assert_float_equal(out.row[25][column], m.row[15][column], 1e-4); /* beat 1: 1.0 s was 0.6 s */
    assert_float_equal(out.row[10][column], m.row[5][column], 1e-4);
    assert_int_equal(out.frames, (int)lround((2.1 + 0.6 * (2.4 - 1.4) / 0.4) * 25));
    assert_int_equal(out.beats, 4);
    assert_int_equal(out.beat_in_bar[3], 4);
    moves_finish(&out);
    assert_false(moves_retime(&m, from, 1, to, 4, &out, &e));
    double falling[] = {1, 0.5};
    Err e2 = {0};
    assert_false(moves_retime(&m, from, 5, falling, 2, &out, &e2));
    assert_non_null(strstr(e2.text, "rise"));
    moves_finish(&m);
}

static void checks_find_what_is_wrong(void **state)
{
    Moves m;
    Err e = {0};
    assert_true(moves_init(&m, 5, &e));
    assert_true(moves_check(&m, &e));
    m.row[2][1] = NAN;
    assert_false(moves_check(&m, &e));
    assert_non_null(strstr(e.text, "frame 2"));
    m.row[2][1] = 0;
    memset(m.row[4] + MOVES_BONES, 0, 12);
    Err e2 = {0};
    assert_false(moves_check(&m, &e2));
    assert_non_null(strstr(e2.text, "chest"));
    moves_finish(&m);
    assert_false(moves_init(&m, 0, &e));
    assert_false(moves_init(&m, 2100000000, &e));
}

static void feet_hold_on_other_bodies(void **state)
{
    const char *path = test_data("motion/g1-ccby/g1_J_Dance18_TikTok.dmot");
    if (!path)
        skip();
    Clip c, o, d;
    Moves m;
    Err e = {0};
    float length[MOTION_BONES];
    assert_true(clip_read(&c, path, &e) && clip_to_canonical(&c, &o, &e) && moves_from_clip(&o, &m, &e));
    pose_lengths(motion_rest, length);
    for (int b = BONE_L_HIP; b <= BONE_R_TOE; b++) /* short thighs, broad hips */
        length[b] *= b == BONE_L_KNEE || b == BONE_R_KNEE ? 0.7f : b == BONE_L_HIP || b == BONE_R_HIP ? 1.5f : 1;
    assert_true(moves_to_clip(&m, length, &d, &e));
    Contacts *contact = mem_alloc((size_t)d.frames * sizeof *contact);
    for (int t = 0; t < d.frames; t++)
        memcpy(contact[t], m.row[t] + MOVES_CONTACT, sizeof contact[t]);
    float worst, mean = clip_foot_slide(&d, contact, &worst);
    assert_true(mean < 0.01f);
    mem_free(contact);
    clip_finish(&c);
    clip_finish(&o);
    clip_finish(&d);
    moves_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_and_back), cmocka_unit_test(mirror_twice_is_nothing),
            cmocka_unit_test(heading_turns_and_is_limited),
        cmocka_unit_test(energy_scales_the_dance), cmocka_unit_test(seams_and_loops_close),
            cmocka_unit_test(beats_come_to_beats),
        cmocka_unit_test(checks_find_what_is_wrong), cmocka_unit_test(feet_hold_on_other_bodies)};
    return cmocka_run_group_tests_name("motion/moves", tests, NULL, NULL);
}
