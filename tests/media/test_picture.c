/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures: every format by content, all eight EXIF orientations, damage and size limits, resizing, cropping, JPEG
 * quality, contact sheets. Tolerances: PNG, BMP, TIFF exact; JPEG at 95 and lossy WebP within 6 on average.
 */
#include "make_media.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/jig-test-picture-XXXXXX";

static int setup(void **state)
{
    *state = arena_create();
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    arena_destroy(*state);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static char *in_dir(void **state, const char *name)
{
    return arena_printf(*state, "%s/%s", dir, name);
}

static double mean_difference(const Picture *a, const Picture *b)
{
    assert_int_equal(a->w, b->w);
    assert_int_equal(a->h, b->h);
    double sum = 0;
    size_t n = (size_t)a->w * (size_t)a->h * 4;
    for (size_t i = 0; i < n; i++)
        sum += abs(a->rgba[i] - b->rgba[i]);
    return sum / (double)n;
}

static void assert_same(const Picture *a, const Picture *b)
{
    assert_true(mean_difference(a, b) == 0);
}

static void assert_refused(const void *bytes, size_t n, const char *says)
{
    Picture p;
    Err e = {0};
    assert_false(picture_decode(bytes, n, "the file", &p, &e));
    assert_null(p.rgba);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void png_round_trip(void **state)
{
    for (int alpha = 0; alpha < 2; alpha++)
        for (int size = 1; size < 200; size += 66) {
            Picture p, back;
            Err e = {0};
            make_test_picture(&p, size, size + 3, alpha);
            const char *path = in_dir(state, "a.png");
            assert_true(picture_save(&p, path, 0, &e));
            assert_true(picture_load(path, &back, &e));
            assert_same(&p, &back);
            picture_finish(&p);
            picture_finish(&back);
        }
    picture_finish(NULL);
}

static void jpeg_quality(void **state)
{
    static const int qualities[] = {5, 30, 60, 85, 95, 100};
    Picture p, back;
    Err e = {0};
    make_test_picture(&p, 133, 71, false);
    double last_difference = 1e9;
    size_t last_size = 0;
    for (size_t i = 0; i < ARRAY_LEN(qualities); i++) {
        uint8_t *bytes;
        size_t n;
        assert_true(picture_encode_jpeg(&p, qualities[i], &bytes, &n, &e));
        assert_true(picture_decode(bytes, n, "jpeg", &back, &e));
        double d = mean_difference(&p, &back);
        assert_true(n > last_size && d < last_difference + 0.05);
        last_size = n;
        last_difference = d;
        picture_finish(&back);
        mem_free(bytes);
    }
    assert_true(last_difference < 1);
    assert_false(picture_save(&p, in_dir(state, "q.jpg"), 0, &e));
    assert_non_null(strstr(e.text, "quality is 0; allowed are 1 to 100"));
    e = (Err){0};
    assert_false(picture_save(&p, in_dir(state, "q.xyz"), 90, &e));
    assert_non_null(strstr(e.text, ".png, .jpg or .jpeg"));
    assert_true(picture_save(&p, in_dir(state, "q.JPEG"), 90, NULL));
    picture_finish(&p);
}

static void jpeg_degrading_keeps_alpha(void **state)
{
    Picture p, was;
    make_test_picture(&p, 64, 48, true);
    assert_true(picture_copy(&p, &was, NULL));
    assert_true(picture_degrade_jpeg(&p, 20, NULL));
    double d = mean_difference(&p, &was);
    assert_true(d > 0.5 && d < 20);
    for (int i = 0; i < 64 * 48; i++)
        assert_int_equal(p.rgba[i * 4 + 3], was.rgba[i * 4 + 3]);
    picture_finish(&p);
    picture_finish(&was);
}

static void jpeg_colours_are_right(void **state)
{
    static const uint8_t colours[][3] = {{255, 255, 255}, {0, 0, 0},       {255, 0, 0},  {0, 255, 0},
                                         {0, 0, 255},     {128, 128, 128}, {200, 80, 30}};
    for (size_t i = 0; i < ARRAY_LEN(colours); i++) {
        Picture p;
        assert_true(picture_init(&p, 40, 24, NULL));
        picture_flatten(&p, colours[i]);
        assert_true(picture_degrade_jpeg(&p, 95, NULL));
        for (int k = 0; k < 40 * 24; k++)
            for (int c = 0; c < 3; c++)
                assert_in_range(p.rgba[k * 4 + c] + 3, colours[i][c], colours[i][c] + 6);
        picture_finish(&p);
    }
}

/* A JPEG with an APP1 EXIF segment after its first two bytes. */
static uint8_t *with_orientation(const uint8_t *jpeg, size_t n, int orientation, bool big_endian, size_t *n_out)
{
    static const uint8_t little[] = {0xFF, 0xE1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,
                                     1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, 0,   0,   0,  0, 0, 0, 0, 0};
    static const uint8_t big[] = {0xFF, 0xE1, 0, 34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                                  0,    1,    1, 0x12, 0,   3,   0,   0,   0, 1, 0,   0,   0, 0,  0, 0, 0, 0};
    uint8_t *out = mem_alloc(n + sizeof big);
    memcpy(out, jpeg, 2);
    memcpy(out + 2, big_endian ? big : little, sizeof big);
    out[2 + (big_endian ? 29 : 28)] = (uint8_t)orientation;
    memcpy(out + 2 + sizeof big, jpeg + 2, n - 2);
    *n_out = n + sizeof big;
    return out;
}

/* Where the pixel (x, y) of a w x h picture comes to stand: the EXIF standard's table, written out. */
static void turned_place(int o, int w, int h, int x, int y, int *tx, int *ty)
{
    switch (o) {
    case 2: *tx = w - 1 - x, *ty = y; break;
    case 3: *tx = w - 1 - x, *ty = h - 1 - y; break;
    case 4: *tx = x, *ty = h - 1 - y; break;
    case 5: *tx = y, *ty = x; break;
    case 6: *tx = h - 1 - y, *ty = x; break;
    case 7: *tx = h - 1 - y, *ty = w - 1 - x; break;
    case 8: *tx = y, *ty = w - 1 - x; break;
    default: *tx = x, *ty = y;
    }
}

static void exif_orientations(void **state)
{
    enum { W = 48, H = 32 };
    Picture p, plain, turned;
    uint8_t *jpeg;
    size_t n, n_turned;
    Err e = {0};
    make_test_picture(&p, W, H, false);
    assert_true(picture_encode_jpeg(&p, 95, &jpeg, &n, &e));
    assert_true(picture_decode(jpeg, n, "plain", &plain, &e));
    for (int o = 0; o <= 9; o++) { /* 0 and 9 mean nothing and are left alone */
        uint8_t *bytes = with_orientation(jpeg, n, o, o % 2, &n_turned);
        /* decided by content: the name says PNG */
        const char *path = in_dir(state, "turned.png");
        assert_true(file_write(path, bytes, n_turned, &e));
        assert_true(picture_load(path, &turned, &e));
        bool side = o >= 5 && o <= 8;
        assert_int_equal(turned.w, side ? H : W);
        assert_int_equal(turned.h, side ? W : H);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int tx, ty;
                turned_place(o, W, H, x, y, &tx, &ty);
                assert_memory_equal(plain.rgba + (y * W + x) * 4, turned.rgba + (ty * turned.w + tx) * 4, 4);
            }
        picture_finish(&turned);
        mem_free(bytes);
    }
    mem_free(jpeg);
    picture_finish(&p);
    picture_finish(&plain);
}

static const uint8_t small_gif[] = {/* 2 x 1: red and blue, then a second picture */
                                    'G',  'I', 'F',  '8', '9', 'a', 2, 0, 1, 0, 0x80, 0, 0,    255,  0,    0,    0,
                                    0,    255, 0x2C, 0,   0,   0,   0, 2, 0, 1, 0,    0, 2,    2,    0x44, 0x0A, 0,
                                    0x2C, 0,   0,    0,   0,   2,   0, 1, 0, 0, 2,    2, 0x0C, 0x0A, 0,    0x3B};

static void other_formats(void **state)
{
    static const struct {
        const char *encoder;
        bool alpha;
        double tolerance;
    } kinds[] = {{"bmp", false, 0},     {"tiff", false, 0},   {"tiff", true, 0},
                 {"libwebp", false, 6}, {"libwebp", true, 9}, {"png", true, 0}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        Picture p, back;
        uint8_t *bytes;
        size_t n;
        Err e = {0};
        make_test_picture(&p, 61, 40, kinds[i].alpha);
        if (make_still(kinds[i].encoder, &p, &bytes, &n)) {
            if (!picture_decode(bytes, n, kinds[i].encoder, &back, &e))
                fail_msg("%s", e.text);
            double d = mean_difference(&p, &back);
            if (d > kinds[i].tolerance)
                fail_msg("%s with alpha %d: mean difference %.2f", kinds[i].encoder, kinds[i].alpha, d);
            assert_int_equal(picture_has_alpha(&back), kinds[i].alpha);
            picture_finish(&back);
            mem_free(bytes);
        } else {
            print_message("this FFmpeg has no encoder %s: not tested\n", kinds[i].encoder);
        }
        picture_finish(&p);
    }
    Picture gif;
    Err e = {0};
    if (!picture_decode(small_gif, sizeof small_gif, "gif", &gif, &e))
        fail_msg("%s", e.text);
    assert_true(gif.w == 2 && gif.h == 1);
    assert_memory_equal(gif.rgba, ((uint8_t[]){255, 0, 0, 255, 0, 0, 255, 255}), 8);
    picture_finish(&gif);
}

static void one_pixel(void **state)
{
    Picture p, back;
    Err e = {0};
    make_test_picture(&p, 1, 1, false);
    uint8_t *bytes;
    size_t n;
    assert_true(picture_encode_jpeg(&p, 90, &bytes, &n, &e));
    assert_true(picture_decode(bytes, n, "jpeg", &back, &e));
    assert_true(back.w == 1 && back.h == 1);
    picture_finish(&back);
    mem_free(bytes);
    assert_true(picture_resize(&p, 7, 5, &back, &e));
    assert_memory_equal(back.rgba + 4 * 17, p.rgba, 4);
    picture_finish(&back);
    picture_finish(&p);
}

/* Cut at twenty places, and by one byte; no cut picture may pass for a whole one. */
static void cut_files_are_errors(void **state)
{
    static const char *const kinds[] = {"jpeg", "png", "bmp", "tiff", "libwebp", "gif"};
    Picture p, back;
    make_test_picture(&p, 88, 60, false); /* BMP rows without padding */
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        uint8_t *bytes = NULL;
        size_t n = 0;
        if (k == 0)
            assert_true(picture_encode_jpeg(&p, 90, &bytes, &n, NULL));
        else if (k == 1)
            assert_true(picture_encode_png(&p, &bytes, &n, NULL));
        else if (k == 5)
            n = 33, bytes = memcpy(mem_alloc(n), small_gif, n); /* up to the end of its first picture */
        else if (!make_still(kinds[k], &p, &bytes, &n))
            continue;
        for (int i = 0; i <= 20; i++) {
            size_t cut = i < 20 ? n * (size_t)i / 20 : n - (k == 3 ? 5 : 1); /* TIFF ends in "no second picture" */
            Err e = {0};
            if (picture_decode(bytes, cut, kinds[k], &back, &e))
                fail_msg("%s cut to %zu of %zu bytes was taken", kinds[k], cut, n);
            assert_true(e.text[0]);
        }
        mem_free(bytes);
    }
    picture_finish(&p);
}

/* Damaged at random places: any answer, no crash. */
static void damaged_files_do_no_harm(void **state)
{
    Picture p, back;
    make_test_picture(&p, 50, 30, false);
    Rng r = rng_make(5, 5);
    for (int k = 0; k < 3; k++) {
        uint8_t *bytes = NULL;
        size_t n = 0;
        if (k == 0)
            assert_true(picture_encode_jpeg(&p, 90, &bytes, &n, NULL));
        else if (k == 1)
            assert_true(picture_encode_png(&p, &bytes, &n, NULL));
        else if (!make_still("libwebp", &p, &bytes, &n))
            continue;
        uint8_t *bad = mem_alloc(n);
        for (int i = 0; i < 150; i++) {
            memcpy(bad, bytes, n);
            for (int j = 0; j < 3; j++)
                bad[rng_int(&r, i % 2 ? 2 : 0, i % 2 ? MIN(80, (int)n - 1) : (int)n - 1)] = (uint8_t)rng_u32(&r);
            if (picture_decode(bad, n, "damaged", &back, NULL))
                picture_finish(&back);
        }
        mem_free(bad);
        mem_free(bytes);
    }
    picture_finish(&p);
}

static void put_be(uint8_t *p, uint32_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(x >> (8 * (bytes - 1 - i)));
}

static void too_large_is_refused_before_decoding(void **state)
{
    Picture p;
    uint8_t *bytes;
    size_t n;
    make_test_picture(&p, 16, 16, false);
    assert_true(picture_encode_png(&p, &bytes, &n, NULL));
    put_be(bytes + 16, 20000, 4), put_be(bytes + 20, 20000, 4);
    assert_refused(bytes, n, "20000 x 20000; allowed are 1 to 16384");
    put_be(bytes + 16, 12000, 4), put_be(bytes + 20, 12000, 4);
    assert_refused(bytes, n, "12000 x 12000 = 144.0 megapixels; allowed are 100");
    put_be(bytes + 16, 0xFFFFFFFF, 4);
    assert_refused(bytes, n, "4294967295 x 12000");
    mem_free(bytes);
    assert_true(picture_encode_jpeg(&p, 80, &bytes, &n, NULL));
    for (size_t i = 0; i + 9 < n; i++)
        if (bytes[i] == 0xFF && bytes[i + 1] == 0xC0)
            put_be(bytes + i + 5, 20000, 2), put_be(bytes + i + 7, 20001, 2);
    assert_refused(bytes, n, "20001 x 20000");
    mem_free(bytes);
    if (make_still("bmp", &p, &bytes, &n)) {
        memcpy(bytes + 18, "\x20\x4e\0\0", 4);
        memcpy(bytes + 22, "\xe0\xb1\xff\xff", 4); /* -20000: from the top */
        assert_refused(bytes, n, "20000 x 20000");
        mem_free(bytes);
    }
    picture_finish(&p);
    Picture big;
    Err e = {0};
    assert_false(picture_init(&big, 16385, 1, &e));
    assert_false(picture_init(&big, 0, 5, NULL));
    assert_false(picture_init(&big, -1, 5, NULL));
    assert_true(picture_init(&big, 16384, 1, NULL));
    picture_finish(&big);
}

static void not_pictures(void **state)
{
    Picture p;
    Err e = {0};
    assert_false(picture_load(in_dir(state, "missing.png"), &p, &e));
    assert_non_null(strstr(e.text, "No such file"));
    e = (Err){0};
    assert_false(picture_load(dir, &p, &e));
    assert_non_null(strstr(e.text, "folder"));
    assert_refused("", 0, "is empty");
    assert_refused("hello, this is a text and no picture at all\n", 44, "not a sound, picture or video file");
    assert_refused("\xff\xd8\xff\xd9", 4, "damaged");
    assert_refused("\x89PNG\r\n\x1a\n", 8, "cut off");
    Sound s;
    make_test_sound(&s, 8000, 1, 8000);
    const char *path = in_dir(state, "sound.png");
    assert_true(sound_save_wav(&s, path, 16, NULL));
    e = (Err){0};
    assert_false(picture_load(path, &p, &e));
    assert_non_null(strstr(e.text, "is a sound file, not a picture"));
    sound_finish(&s);
}

static void resizing(void **state)
{
    Picture p, out, back;
    make_test_picture(&p, 120, 90, false);
    assert_true(picture_resize(&p, 120, 90, &out, NULL));
    assert_same(&p, &out);
    picture_finish(&out);
    assert_true(picture_resize(&p, 360, 270, &out, NULL));
    assert_true(picture_resize(&out, 120, 90, &back, NULL));
    assert_true(mean_difference(&p, &back) < 0.6);
    picture_finish(&out);
    picture_finish(&back);
    /* threads do not change it */
    threads_set(1);
    assert_true(picture_resize(&p, 37, 51, &out, NULL));
    threads_set(3);
    assert_true(picture_resize(&p, 37, 51, &back, NULL));
    threads_set(0);
    assert_same(&out, &back);
    picture_finish(&out);
    picture_finish(&back);
    picture_finish(&p);
    /* a chessboard of single pixels becomes even grey, not stripes */
    assert_true(picture_init(&p, 128, 128, NULL));
    for (int i = 0; i < 128 * 128; i++)
        memset(p.rgba + i * 4, (i + i / 128) % 2 ? 255 : 0, 3), p.rgba[i * 4 + 3] = 255;
    assert_true(picture_resize(&p, 40, 40, &out, NULL));
    for (int y = 3; y < 37; y++)
        for (int x = 3; x < 37; x++)
            assert_in_range(out.rgba[(y * 40 + x) * 4], 124, 131);
    picture_finish(&p);
    picture_finish(&out);
}

static void invisible_colour_does_not_bleed(void **state)
{
    Picture p, out;
    assert_true(picture_init(&p, 64, 64, NULL));
    for (int i = 0; i < 64 * 64; i++)
        memcpy(p.rgba + i * 4, i % 64 < 32 ? (uint8_t[]){250, 10, 10, 255} : (uint8_t[]){0, 255, 0, 0}, 4);
    assert_true(picture_resize(&p, 23, 23, &out, NULL));
    for (int i = 0; i < 23 * 23; i++)
        if (out.rgba[i * 4 + 3] > 20)
            assert_true(out.rgba[i * 4 + 1] <= 12 && out.rgba[i * 4] >= 245);
    picture_finish(&p);
    picture_finish(&out);
}

/* Catmull-Rom in its 4 x stretched form, computed here directly for one output pixel of a row. */
static void resizing_is_the_formula(void **state)
{
    Picture p, out;
    make_test_picture(&p, 40, 1, false);
    assert_true(picture_resize(&p, 10, 1, &out, NULL));
    for (int i = 0; i < 10; i++) {
        double sum[3] = {0}, total = 0;
        for (int j = 0; j < 40; j++) {
            double x = fabs((j + 0.5) - (i + 0.5) * 4) / 4;
            double w = x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
                       : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                               : 0;
            total += w;
            for (int c = 0; c < 3; c++)
                sum[c] += w * p.rgba[j * 4 + c];
        }
        for (int c = 0; c < 3; c++)
            assert_true(fabs(CLAMP(sum[c] / total, 0, 255) - out.rgba[i * 4 + c]) < 0.51);
    }
    picture_finish(&p);
    picture_finish(&out);
}

static void cropping_and_flattening(void **state)
{
    Picture p, out;
    make_test_picture(&p, 20, 10, false);
    assert_true(picture_crop(&p, -3, 8, 8, 5, &out, NULL));
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 8; x++) {
            bool inside = x >= 3 && y < 2;
            const uint8_t none[4] = {0}, *from = inside ? p.rgba + ((8 + y) * 20 + x - 3) * 4 : none;
            assert_memory_equal(out.rgba + (y * 8 + x) * 4, from, 4);
        }
    picture_flatten(&out, (const uint8_t[]){1, 2, 3});
    assert_false(picture_has_alpha(&out));
    assert_memory_equal(out.rgba, ((uint8_t[]){1, 2, 3, 255}), 4);
    picture_finish(&out);
    assert_true(picture_crop(&p, INT32_MAX - 2, INT32_MIN, 4, 4, &out, NULL));
    assert_int_equal(out.rgba[63], 0);
    picture_finish(&out);
    assert_true(picture_init(&out, 1, 1, NULL));
    memcpy(out.rgba, (uint8_t[]){200, 100, 0, 128}, 4);
    picture_flatten(&out, (const uint8_t[]){0, 100, 255});
    assert_memory_equal(out.rgba, ((uint8_t[]){100, 100, 127, 255}), 4);
    picture_finish(&out);
    picture_finish(&p);
}

static void contact_sheet(void **state)
{
    Picture pics[3], out;
    Err e = {0};
    make_test_picture(&pics[0], 100, 50, false);
    make_test_picture(&pics[1], 40, 80, true);
    make_test_picture(&pics[2], 700, 700, false);
    assert_true(picture_contact_sheet(pics, 3, 2, &out, &e));
    assert_true(out.w == 4 + 2 * (512 + 4) && out.h == out.w);
    assert_false(picture_has_alpha(&out));
    assert_memory_equal(out.rgba, ((uint8_t[]){128, 128, 128, 255}), 4);
    picture_finish(&out);
    assert_true(picture_contact_sheet(pics, 1, 9, &out, &e));
    assert_true(out.w == 108 && out.h == 58);
    assert_memory_equal(out.rgba + (4 * 108 + 4) * 4, pics[0].rgba, 400);
    picture_finish(&out);
    assert_false(picture_contact_sheet(pics, 0, 2, &out, &e));
    for (int i = 0; i < 3; i++)
        picture_finish(&pics[i]);
}

static void full_disk(void **state)
{
    Picture p;
    Err e = {0};
    make_test_picture(&p, 30, 30, false);
    const char *link = in_dir(state, "full.png");
    assert_int_equal(symlink("/dev/full", link), 0);
    assert_false(picture_save(&p, link, 0, &e));
    assert_non_null(strstr(e.text, "No space left"));
    unlink(link);
    picture_finish(&p);
}

/* Real files: a phone's JPEG called .png that must be turned, pictures with alpha, an animated GIF, a video's first
 * frame. */
static void real_files(void **state)
{
    static const struct {
        const char *name;
        int w, h;
        bool alpha;
    } files[] = {{"inputs/animated-drawings/garlic.png", 3024, 4032, false},
                 {"inputs/gophers/vector_arts_ballet.png", 117, 128, true},
                 {"inputs/gophers/gopher-dance-long-3x.gif", 192, 192, true},
                 {"inputs/person/2001.jpg", 640, 1088, false},
                 {"inputs/person/dancer.avi", 518, 496, false},
                 {"inputs/g1-robot/J_ShortDance13_SingleLadies_robot.mp4", 640, 480, false}};
    const char *data = getenv("JIG_TEST_DATA");
    if (!data || !file_is_dir(data))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        Picture p;
        Err e = {0};
        if (!picture_load(arena_printf(*state, "%s/%s", data, files[i].name), &p, &e))
            fail_msg("%s", e.text);
        assert_int_equal(p.w, files[i].w);
        assert_int_equal(p.h, files[i].h);
        assert_int_equal(picture_has_alpha(&p), files[i].alpha);
        picture_finish(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_round_trip),
        cmocka_unit_test(jpeg_quality),
        cmocka_unit_test(jpeg_degrading_keeps_alpha),
        cmocka_unit_test(jpeg_colours_are_right),
        cmocka_unit_test(exif_orientations),
        cmocka_unit_test(other_formats),
        cmocka_unit_test(one_pixel),
        cmocka_unit_test(cut_files_are_errors),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(too_large_is_refused_before_decoding),
        cmocka_unit_test(not_pictures),
        cmocka_unit_test(resizing),
        cmocka_unit_test(invisible_colour_does_not_bleed),
        cmocka_unit_test(resizing_is_the_formula),
        cmocka_unit_test(cropping_and_flattening),
        cmocka_unit_test(contact_sheet),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests_name("media/picture", tests, setup, teardown);
}
