/* SPDX-License-Identifier: Apache-2.0
 *
 * BODY1: good files are read, bad ones are refused with a message that says what is wrong; skinning keeps what it must.
 */
#include "synth_fixture.h"

#include <math.h>

#include "synth/synth_internal.h"

static const Bearing plain = {.head_scale = 1, .girth = 1};

static void refused(Text *file, const char *says)
{
    Err e = {0};
    Mesh *m = body_parse((const uint8_t *)file->s, file->len, "tiny", &e);
    if (m || !strstr(e.text, says))
        fail_msg("expected an error with \"%s\", got \"%s\"", says, e.text);
    text_finish(file);
}

static void reads_a_good_body(void **state)
{
    (void)state;
    Text f = {0};
    test_body(&f, "verts 3", NULL, 255, 2);
    Err e = {0};
    Mesh *m = body_parse((const uint8_t *)f.s, f.len, "tiny", &e);
    assert_non_null(m);
    assert_int_equal(m->n_verts, 3);
    assert_float_equal(m->height, 0.2f, 1e-6f);
    mesh_destroy(m);
    text_finish(&f);
}

static void refuses_bad_bodies(void **state)
{
    (void)state;
    Text f = {0};
    test_body(&f, "verts 4", NULL, 255, 2);
    refused(&f, "bytes of data; expected");
    test_body(&f, "verts 70000", NULL, 255, 2);
    refused(&f, "verts 70000; allowed 3..65535");
    test_body(&f, "verts 3", NULL, 254, 2);
    refused(&f, "weights of vertex 0 sum to 254; expected 255");
    test_body(&f, "verts 3", NULL, 255, 3);
    refused(&f, "triangle 0 uses vertex 3 of 3");
    test_body(&f, "verts 3", "joint nose 0 0 0", 255, 2);
    refused(&f, "expected \"l_elbow\"");
    test_body(&f, "verts 3", "joint l_elbow 0 99 0", 255, 2);
    refused(&f, "allowed -10..10 metres");
    test_body(&f, "verts 3", "joint l_elbow 0 nan 0", 255, 2);
    refused(&f, "allowed -10..10 metres");
    test_body(&f, "verts 3", "joint l_elbow 0 1 0\njoint r_nothing 0 0 0", 255, 2);
    refused(&f, "is \"r_nothing\"");
    test_body(&f, "verts 3\ntexture ../../etc/passwd", NULL, 255, 2);
    refused(&f, "outside the folder");
    test_body(&f, "verts 3\npart skin 0 9", NULL, 255, 2);
    refused(&f, "part 0: triangles 0 + 9");
    text_add(&f, "BODY2\n\n");
    refused(&f, "no BODY1 file");
    text_add(&f, "BODY1\nverts 3");
    refused(&f, "does not end");
}

/* Every prefix of a good file and every flipped byte of its header: an answer, never a crash. */
static void survives_damage(void **state)
{
    (void)state;
    Text f = {0};
    test_body(&f, "verts 3", NULL, 255, 2);
    for (size_t n = 0; n < f.len; n++)
        assert_null(body_parse((const uint8_t *)f.s, n, "cut", NULL));
    for (size_t i = 0; i < f.len; i++) {
        f.s[i] ^= 0x55;
        mesh_destroy(body_parse((const uint8_t *)f.s, f.len, "flipped", NULL));
        f.s[i] ^= 0x55;
    }
    text_finish(&f);
}

/* The canonical body at rest leaves a figure upright with flat soles; a pose gives its directions to the figure's own
 * bones. */
static void takes_directions_of_a_pose(void **state)
{
    (void)state;
    char *path = test_data("looks/bodies/people/Female_Adult_01.body");
    Err e = {0};
    Mesh *m = body_load(path, &e);
    free(path);
    assert_non_null(m);
    Posed p;
    skin_pose(m, motion_rest, &plain, 0, &p);
    assert_true(p.turn[JOINT_CHEST].r[1].y > 0.999f);
    assert_true(fabsf(p.joint[JOINT_L_ANKLE].y - m->rest[JOINT_L_ANKLE][1]) < 0.02f);
    Pose pose;
    memcpy(pose, motion_rest, sizeof pose);
    for (int k = 0; k < 2; k++) { /* left arm straight up, forearm forward */
        pose[JOINT_L_ELBOW + k][0] = pose[JOINT_L_SHOULDER][0];
        pose[JOINT_L_ELBOW + k][1] = pose[JOINT_L_SHOULDER][1] + 0.28f;
        pose[JOINT_L_ELBOW + k][2] = pose[JOINT_L_SHOULDER][2] + 0.25f * k;
    }
    skin_pose(m, pose, &plain, 0, &p);
    Vec3 upper = vec3_sub(p.joint[JOINT_L_ELBOW], p.joint[JOINT_L_SHOULDER]),
         fore = vec3_sub(p.joint[JOINT_L_WRIST], p.joint[JOINT_L_ELBOW]);
    Vec3 was = vec3_sub(vec3_from(m->rest[JOINT_L_ELBOW]), vec3_from(m->rest[JOINT_L_SHOULDER]));
    assert_float_equal(vec3_length(upper), vec3_length(was), 1e-4f);
    assert_true(vec3_unit(upper).y > 0.9999f);
    assert_true(vec3_unit(fore).z > 0.9999f);
    mesh_destroy(m);
}

/* No limb of any captured-like pose is torn: edges of the mesh keep their lengths within reason. */
static void does_not_tear(void **state)
{
    (void)state;
    char *path = test_data("looks/bodies/people/Male_Adult_01.body"),
         *clip_path = test_data("motion/rokoko-mit/rokoko_jesse_dance.dmot");
    Err e = {0};
    Mesh *m = body_load(path, &e);
    Clip clip;
    assert_true(clip_read(&clip, clip_path, &e));
    free(path);
    free(clip_path);
    float (*pos)[3] = mem_alloc(sizeof *pos * m->n_verts), (*normal)[3] = mem_alloc(sizeof *normal * m->n_verts);
    double torn = 0, edges = 0;
    for (int f = 0; f < clip.frames; f += 40) {
        Posed p;
        skin_pose(m, clip.pose[f], &plain, 0, &p);
        skin_apply(m, &p, pos, normal);
        for (int t = 0; t < m->n_tris; t++, edges++) {
            const uint16_t *k = m->tri[t];
            float now = vec3_length(vec3_sub(vec3_from(pos[k[0]]), vec3_from(pos[k[1]])));
            float was = vec3_length(vec3_sub(vec3_from(m->pos[k[0]]), vec3_from(m->pos[k[1]])));
            torn += now > was * 2.5f + 0.01f;
        }
    }
    assert_true(torn / edges < 0.004);
    mem_free(pos);
    mem_free(normal);
    clip_finish(&clip);
    mesh_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_good_body), cmocka_unit_test(refuses_bad_bodies), cmocka_unit_test(survives_damage),
        cmocka_unit_test(takes_directions_of_a_pose), cmocka_unit_test(does_not_tear)};
    return cmocka_run_group_tests_name("synth/body", tests, NULL, NULL);
}
