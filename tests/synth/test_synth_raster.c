/* SPDX-License-Identifier: Apache-2.0
 *
 * The rasteriser against geometry: where a point lands, what hides what, that flow carries source pixels exactly to the
 * target, that a puppet's flow is as exact.
 */
#include "synth_fixture.h"

#include <math.h>

#include "synth/drawn_body.h"
#include "synth/poses.h"
#include "synth/scene.h"

enum { SIZE = 128 };

static const Light flat_light = {{1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {0, 1, 0}, 0.5f};
static const Camera camera = {1.2f, 4, -0.05f, 260, 64, 70};
static const Bearing plain = {.head_scale = 1, .girth = 1};

/* Smooth colours, so that half a pixel of error shows as few levels and ten pixels as many. */
static void rainbow(Texture *t)
{
    enum { SIDE = 64 };
    uint8_t rgba[SIDE * SIDE * 4];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            uint8_t *o = rgba + 4 * (y * SIDE + x);
            o[0] = 3 * x + 30;
            o[1] = 3 * y + 30;
            o[2] = 128 + (int)(60 * sinf(x * 0.3f) * sinf(y * 0.3f));
            o[3] = 255;
        }
    texture_init(t, rgba, SIDE, SIDE, SIDE);
}

typedef struct Shot { Layer layer; uint8_t rgba[SIZE * SIZE * 4], parts[SIZE * SIZE]; } Shot;

static void shoot(Shot *s, const Mesh *m, const Dress *d, const Posed *p, const Light *light)
{
    float (*pos)[3] = mem_alloc(sizeof *pos * m->n_verts), (*normal)[3] = mem_alloc(sizeof *normal * m->n_verts);
    skin_apply(m, p, pos, normal);
    raster_draw(&s->layer, m, d, &camera, light, (const float (*)[3])pos, (const float (*)[3])normal);
    shade_picture(&s->layer, m, d, &camera, SIZE, s->rgba, s->parts);
    mem_free(pos);
    mem_free(normal);
}

/* Source read bilinearly; false where a neighbour is not solid figure of the same part. */
static bool read_source(const Shot *s, float x, float y, int part, float out[3])
{
    int ix = (int)floorf(x - 0.5f), iy = (int)floorf(y - 0.5f);
    if (ix < 0 || iy < 0 || ix + 1 >= SIZE || iy + 1 >= SIZE)
        return false;
    float fx = x - 0.5f - ix, fy = y - 0.5f - iy;
    out[0] = out[1] = out[2] = 0;
    for (int k = 0; k < 4; k++) {
        int at = (iy + k / 2) * SIZE + ix + k % 2;
        if (s->rgba[4 * at + 3] < 255 || s->parts[at] != part)
            return false;
        float w = (k % 2 ? fx : 1 - fx) * (k / 2 ? fy : 1 - fy);
        for (int c = 0; c < 3; c++)
            out[c] += w * s->rgba[4 * at + c];
    }
    return true;
}

/* Mean difference between the target and the source carried along the flow, over visible inner pixels. */
static double carry_error(const Shot *source, const Shot *target, const Mesh *m, int *pixels)
{
    static float flow[SIZE * SIZE * 2];
    static uint8_t visible[SIZE * SIZE];
    shade_flow(&target->layer, &source->layer, m, &camera, SIZE, flow, visible);
    double sum = 0;
    *pixels = 0;
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            int o = y * SIZE + x;
            float c[3];
            if (target->rgba[4 * o + 3] < 255 || !visible[o] ||
                !read_source(source, x + 0.5f + flow[2 * o], y + 0.5f + flow[2 * o + 1], target->parts[o], c))
                continue;
            for (int k = 0; k < 3; k++)
                sum += fabs(c[k] - target->rgba[4 * o + k]) / 3;
            ++*pixels;
        }
    return sum / MAX(1, *pixels);
}

static void flow_carries_source_to_target(void **state)
{
    (void)state;
    Texture t;
    rainbow(&t);
    Shot *a = mem_zero(sizeof *a), *b = mem_zero(sizeof *b);
    layer_init(&a->layer, SIZE);
    layer_init(&b->layer, SIZE);
    for (int i = 0; i < 12; i++) {
        Rng r = rng_make(7, i);
        Mesh *m = drawn_body_make(&r);
        Dress d = {0};
        for (int k = 0; k < MATERIALS; k++)
            d.material[k] = (Material){&t, {1, 1, 1}, 0.8f};
        PoseFrame p, q;
        poses_stand(&r, &p);
        poses_invent(&r, &q);
        pose_turn(q.p, 0.3f);
        Posed pa, pb;
        skin_pose(m, p.p, &plain, 0, &pa);
        skin_pose(m, q.p, &plain, 0, &pb);
        shoot(a, m, &d, &pa, &flat_light);
        shoot(b, m, &d, &pb, &flat_light);
        int pixels;
        double error = carry_error(a, b, m, &pixels);
        assert_true(pixels > 300);
        if (error > 6)
            fail_msg("figure %d: carried colours differ by %.2f levels over %d pixels", i, error, pixels);
        double still = carry_error(a, a, m, &pixels); /* the same picture: the flow must be nothing */
        assert_true(still < 0.01);
        mesh_destroy(m);
    }
    layer_finish(&a->layer);
    layer_finish(&b->layer);
    mem_free(a);
    mem_free(b);
    texture_finish(&t);
}

static void projects_as_the_camera_says(void **state)
{
    (void)state;
    Camera c = {1.5f, 4, 0, 200, 64, 64};
    float p[3];
    camera_project(&c, vec3(0, 1.5f, 0), p);
    assert_float_equal(p[0], 64, 1e-4f);
    assert_float_equal(p[1], 64, 1e-4f);
    assert_float_equal(p[2], 4, 1e-4f);
    camera_project(&c, vec3(1, 0.5f, 2), p); /* to the right, below, nearer */
    assert_float_equal(p[0], 164, 1e-3f);
    assert_float_equal(p[1], 164, 1e-3f);
    c.pitch = 0.1f; /* looking up moves things down */
    camera_project(&c, vec3(0, 1.5f, 0), p);
    assert_true(p[1] > 64);
}

/* The nearer of two triangles is seen, in any order; the picture's border cuts without harm. */
static void nearer_hides_farther(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        Mesh *m = mesh_create(6, 2);
        for (int i = 0; i < 6; i++) {
            m->pos[i][0] = (i % 3 == 1) * 8 - 2.0f;
            m->pos[i][1] = (i % 3 == 2) * 8 - 1.0f;
            m->pos[i][2] = (i / 3) ^ order ? 0.5f : -0.5f;
            m->weight[i][0] = 1;
            m->tri[i / 3][i % 3] = i;
        }
        m->material[0] = m->part[0] = 1;
        m->material[1] = m->part[1] = 2;
        mesh_complete(m);
        Dress d = {0};
        d.material[1].tint[0] = d.material[2].tint[1] = 1;
        Posed p;
        for (int j = 0; j < SYNTH_JOINTS; j++)
            p.turn[j] = mat3_identity(), p.shift[j] = vec3(0, 0, 0);
        Shot *s = mem_zero(sizeof *s);
        layer_init(&s->layer, SIZE);
        shoot(s, m, &d, &p, &flat_light);
        int near = order ? 1 : 2, at = 70 * SIZE + 60;
        assert_int_equal(s->parts[at], near);
        assert_int_equal(s->rgba[4 * at + 3], 255);
        assert_true(s->rgba[4 * at + near - 1] > s->rgba[4 * at + 2 - near]);
        layer_finish(&s->layer);
        mem_free(s);
        mesh_destroy(m);
    }
}

/* Reading a half-size level of a smooth texture gives the same colours. */
static void levels_agree(void **state)
{
    (void)state;
    Texture t;
    rainbow(&t);
    for (float u = 0.1f; u < 0.9f; u += 0.13f) {
        float a[4], b[4];
        texture_read(&t, 0, u * t.w[0], 0.4f * t.h[0], a);
        texture_read(&t, 1, u * t.w[1], 0.4f * t.h[1], b);
        for (int c = 0; c < 3; c++)
            assert_float_equal(a[c], b[c], 6);
    }
    texture_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flow_carries_source_to_target),
                                       cmocka_unit_test(projects_as_the_camera_says),
                                       cmocka_unit_test(nearer_hides_farther), cmocka_unit_test(levels_agree)};
    return cmocka_run_group_tests_name("synth/raster", tests, NULL, NULL);
}
