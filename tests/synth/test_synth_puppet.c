/* SPDX-License-Identifier: Apache-2.0
 *
 * Puppets: a drawn figure becomes a mesh whose arm moves alone; files that lack something are refused by name.
 */
#include "synth_fixture.h"

#include <math.h>
#include <unistd.h>

#include "media/media.h"
#include "synth/puppet_internal.h"

enum { W = 200, H = 300 };

static void box(uint8_t *rgba, int x0, int y0, int x1, int y1)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            memset(rgba + 4 * (y * W + x), 255, 4);
}

/* A man of boxes with his arms out; his right is on the picture's left. */
static PuppetDrawing draw(uint8_t *rgba)
{
    memset(rgba, 0, 4 * W * H);
    box(rgba, 80, 60, 120, 160);  /* trunk */
    box(rgba, 85, 10, 115, 60);   /* head */
    box(rgba, 20, 65, 180, 80);   /* arms */
    box(rgba, 80, 160, 98, 290);  /* legs */
    box(rgba, 102, 160, 120, 290);
    static const float at[SYNTH_JOINTS][2] = {{100, 155}, {100, 105}, {100, 65}, {100, 50}, {118, 72},  {145, 72},
                                              {168, 72},  {82, 72},   {55, 72},  {32, 72},  {111, 160}, {111, 222},
                                              {111, 280}, {89, 160},  {89, 222}, {89, 280}, {116, 288}, {84, 288}};
    PuppetDrawing d;
    memcpy(d.joint, at, sizeof at);
    d.crown[0] = 100;
    d.crown[1] = 10;
    return d;
}

static Vec3 place(const Mesh *m, const Posed *p, int joint) { (void)m; return p->joint[joint]; }

static void moves_one_arm(void **state)
{
    (void)state;
    uint8_t *rgba = mem_alloc(4 * W * H);
    PuppetDrawing d = draw(rgba);
    Err e = {0};
    Puppet *p = puppet_make(&d, rgba, W, H, 512, &e);
    assert_non_null(p);
    assert_true(p->mesh->flat && p->texture.cut_out);
    Pose pose;
    memcpy(pose, motion_rest, sizeof pose);
    for (int s = 0; s < 2; s++)
        for (int k = 1; k <= 2; k++) { /* left arm up, right arm out */
            int a = s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER;
            memcpy(pose[a + k], pose[a], sizeof pose[a]);
            pose[a + k][s ? 0 : 1] += (s ? -0.27f : 0.27f) * k;
        }
    Posed out;
    Bearing b = {.head_scale = 1, .girth = 1};
    puppet_pose(p->mesh, pose, &b, 0, &out);
    Vec3 left = vec3_sub(place(p->mesh, &out, JOINT_L_WRIST), place(p->mesh, &out, JOINT_L_SHOULDER));
    Vec3 right = vec3_sub(place(p->mesh, &out, JOINT_R_WRIST), place(p->mesh, &out, JOINT_R_SHOULDER));
    assert_true(vec3_unit(left).y > 0.99f && vec3_unit(right).x < -0.99f);
    float per_pixel = 1.7f / 280; /* crown at 10, soles at 290 */
    assert_float_equal(vec3_length(left), 50 * per_pixel, 0.02f);
    int parts[SYNTH_PARTS] = {0};
    for (int t = 0; t < p->mesh->n_tris; t++)
        parts[p->mesh->part[t]]++;
    for (int k = 1; k < SYNTH_PARTS; k++)
        assert_true(parts[k] > 0);
    puppet_destroy(p);
    mem_free(rgba);
}

static void refuses_what_it_cannot_use(void **state)
{
    (void)state;
    char folder[] = "/tmp/jig_puppet_XXXXXX";
    assert_non_null(mkdtemp(folder));
    Text path = {0}, png = {0}, body = {0};
    text_add(&path, "%s/a.joints", folder);
    text_add(&png, "%s/a.png", folder);
    Err e = {0};
    assert_null(puppet_load(path.s, 512, &e)); /* not there */
    assert_true(e.text[0]);
    e = (Err){0};
    assert_true(file_write(path.s, "size 9 9\npelvis 1 2\n", 20, &e));
    assert_null(puppet_load(path.s, 512, &e));
    assert_non_null(strstr(e.text, "chest is missing"));
    e = (Err){0};
    assert_true(file_write(path.s, "nose 1 2\n", 9, &e));
    assert_null(puppet_load(path.s, 512, &e));
    assert_non_null(strstr(e.text, "\"nose\" is no joint"));
    for (int j = 0; j < SYNTH_JOINTS; j++) /* joints, but nothing opaque */
        text_add(&body, "%s 10 %d\n", motion_joint_names[j], 10 + 2 * j);
    text_add(&body, "head_top 10 1\n");
    e = (Err){0};
    Picture empty;
    assert_true(picture_init(&empty, 64, 64, &e));
    assert_true(picture_save(&empty, png.s, 90, &e));
    picture_finish(&empty);
    assert_true(file_write(path.s, body.s, body.len, &e));
    assert_null(puppet_load(path.s, 512, &e));
    assert_non_null(strstr(e.text, "opaque"));
    unlink(path.s);
    unlink(png.s);
    rmdir(folder);
    text_finish(&path);
    text_finish(&png);
    text_finish(&body);
}

static void reads_the_characters(void **state)
{
    (void)state;
    char *path = test_data("puppets/characters/char1/char_cfg.yaml");
    Err e = {0};
    Puppet *p = puppet_load(path, 512, &e);
    if (!p)
        fail_msg("%s", e.text);
    assert_true(p->mesh->n_verts > 500);
    puppet_destroy(p);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moves_one_arm), cmocka_unit_test(refuses_what_it_cannot_use),
                                       cmocka_unit_test(reads_the_characters)};
    return cmocka_run_group_tests_name("synth/puppet", tests, NULL, NULL);
}
