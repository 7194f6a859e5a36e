/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawings cut out of their paper: thin lines with gaps, a shadow over the page, a second thing beside the figure; and
 * pictures that are no drawings are left alone.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { W = 200, H = 260 };

/* A page in uneven light: brighter above left, darker below. */
static Picture page(void)
{
    Picture p = {0};
    Err e = {0};
    assert_true(picture_init(&p, W, H, &e));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t light = (uint8_t)(240 - y / 4 - x / 10), *c = p.rgba + 4 * (y * W + x);
            c[0] = light;
            c[1] = (uint8_t)(light - 4);
            c[2] = (uint8_t)(light - 14);
            c[3] = 255;
        }
    return p;
}

/* A ring of ink, two pixels wide, open between the angles a and b (radians). */
static void ring(Picture *p, float cx, float cy, float r, float a, float b)
{
    for (float t = 0; t < 6.2832f; t += 0.002f)
        for (float d = 0; d < 2 && !(t > a && t < b); d += 0.5f) {
            int x = (int)(cx + (r + d) * cosf(t)), y = (int)(cy + (r + d) * sinf(t));
            memcpy(p->rgba + 4 * (y * W + x), (const uint8_t[]){60, 50, 90, 255}, 4);
        }
}

static bool drawn(Picture *p, const float *prior, float *mask)
{
    WorkPicture work;
    work_picture_init(&work, p);
    assert_true(work.w == W && work.h == H);
    bool ok = figure_drawn(&work, prior, mask);
    work_picture_finish(&work);
    picture_finish(p);
    return ok;
}

static void test_line_drawing(void **state)
{
    static float mask[W * H];
    Picture p = page();
    ring(&p, 100, 120, 50, 1.0f, 1.06f); /* a gap of three pixels */
    ring(&p, 30, 30, 12, 9, 9);          /* something else on the page */
    assert_true(drawn(&p, NULL, mask));
    double inside = 0, outside = 0, n = 0, m = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float r = hypotf((float)x - 100, (float)y - 120);
            if (r < 49) {
                inside += mask[y * W + x];
                n++;
            }
            if (r > 57) {
                outside += mask[y * W + x];
                m++;
            }
        }
    assert_true(inside / n > 0.99);
    assert_true(outside / m < 0.001);
}

/* A block of one colour: a photograph's figure is no stroke. */
static void block(Picture *p)
{
    for (int y = 60; y < 220; y++)
        for (int x = 60; x < 140; x++)
            memset(p->rgba + 4 * (y * W + x), 70, 3);
}

static void test_painted(void **state)
{
    static float mask[W * H];
    Picture plain = page();
    for (int i = 0; i < W * H; i++) /* ground of one colour */
        memset(plain.rgba + 4 * i, 230, 3);
    block(&plain);
    assert_true(drawn(&plain, NULL, mask));
    double sum = 0;
    for (int i = 0; i < W * H; i++)
        sum += mask[i];
    assert_true(sum > 0.99 * 80 * 160 && sum < 83 * 163); /* a pixel of ground stays around it */
}

static void test_no_drawing(void **state)
{
    static float mask[W * H], prior[W * H];
    Picture empty = page(), broad = page(), busy = page();
    for (int i = 0; i < W * H; i++)
        prior[i] = 0.5f;
    assert_false(drawn(&empty, NULL, mask));
    block(&broad);
    assert_false(drawn(&broad, prior, mask));
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++)
            busy.rgba[4 * i + c] = (uint8_t)(128 + 100 * sinf(0.9f * (float)(i % W)) * cosf(0.7f * (float)(i / W)));
    assert_false(drawn(&busy, NULL, mask));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line_drawing), cmocka_unit_test(test_painted),
                                       cmocka_unit_test(test_no_drawing)};
    return cmocka_run_group_tests_name("articulated/drawn", tests, NULL, NULL);
}
