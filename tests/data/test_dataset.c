/* SPDX-License-Identifier: Apache-2.0
 *
 * Datasets: AIST names, the list and its mistakes, splits without song overlap, frames at another rate and letter-boxed, the
 * cache, sound with its beats.
 */
#include "clips.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "data/data.h"

static const DataOptions small = {32, 10};

static void test_aist_names(void **state)
{
    AistName a;
    assert_true(aist_parse("videos/gBR_sBM_c01_d04_mBR0_ch03.mp4", &a));
    assert_true(a.genre == 0 && !strcmp(a.situation, "BM") && a.camera == 1 && a.dancer == 4 && !strcmp(a.song, "mBR0") && a.choreography == 3);
    assert_true(a.tempo == 80);
    assert_true(aist_parse("gHO_sFM_c09_d20_mHO5_ch21", &a));
    assert_true(a.tempo == 135 && aist_is_test_song(a.song) && !strcmp(aist_genres[a.genre], "house"));
    assert_true(aist_parse("gJB_sBM_c05_d09_mJB4_ch01.avi", &a) && a.tempo == 120 && !aist_is_test_song(a.song));
    assert_false(aist_parse("gXX_sBM_c01_d04_mBR0_ch03", &a));
    assert_false(aist_parse("holiday.mp4", &a));
    assert_false(aist_parse("gBR_sBM_c01_d04_mBR7_ch03", &a));
}

static void bad_list(const char *text, const char *said)
{
    Err e = {0};
    clips_write("metadata.jsonl", text);
    assert_null(data_open(clips_folder(), &small, &e));
    if (!strstr(e.text, said))
        fail_msg("\"%s\" says \"%s\", not \"%s\"", text, e.text, said);
}

static void test_bad_lists(void **state)
{
    Err e = {0};
    assert_null(data_open("/nowhere", &small, &e));
    assert_non_null(strstr(e.text, "/nowhere"));
    bad_list("nonsense\n", "line 1");
    bad_list("[1, 2]\n", "not a JSON object");
    bad_list("", "no usable clip");
}

static void test_list(void **state)
{
    Err e = {0};
    clips_make("a", 64, 36, 25, 2, 120, 0);
    clips_make("b", 36, 64, 30, 1.5, 100, 1);
    clips_write("broken.mp4", "this is no video");
    clips_write("metadata.jsonl", "{\"file_name\": \"a.mp4\", \"music\": \"a.wav\", \"beats\": \"a.beats\", \"song\": \"first\", \"caption\": \"hops\"}\n\n"
                                  "{\"file_name\": \"b.mp4\", \"music\": \"b.wav\", \"song\": \"second\", \"tempo\": 100}\n"
                                  "{\"file_name\": \"gone.mp4\"}\n{\"file_name\": \"broken.mp4\"}\n");
    DataSet *set = data_open(clips_folder(), &small, &e);
    if (!set)
        fail_msg("%s", e.text);
    assert_int_equal(data_count(set), 2); /* what is missing or broken is left out */
    const DataClip *a = data_clip(set, 0), *b = data_clip(set, 1);
    assert_true(a->frames == 20 && b->frames == 15 && b->tempo == 100 && !strcmp(a->caption, "hops") && !b->beats);
    assert_true(a->held_out != b->held_out); /* two songs: one on each side */
    int side[2];
    assert_int_equal(data_side(set, true, side), 1);
    assert_int_equal(data_windows(set, a->held_out, 8, NULL), 2);
    DataWindow w[2];
    data_windows(set, a->held_out, 8, w);
    assert_true(w[0].clip == 0 && w[0].first == 0 && w[1].first == 8);
    data_close(set);

    clips_write("metadata.jsonl", "{\"file_name\": \"a.mp4\"}\nnonsense\n");
    assert_null(data_open(clips_folder(), &small, &e));
    assert_non_null(strstr(e.text, "line 2"));
    e = (Err){0};
    clips_write("metadata.jsonl", "{\"file_name\": \"../a.mp4\"}\n");
    assert_null(data_open(clips_folder(), &small, &e));
    assert_non_null(strstr(e.text, "leaves the folder"));
    e = (Err){0};
    clips_write("metadata.jsonl", "{\"music\": \"a.wav\"}\n");
    assert_null(data_open(clips_folder(), &small, &e));
    assert_non_null(strstr(e.text, "file_name"));
    e = (Err){0};
    clips_write("metadata.jsonl", "{\"file_name\": \"gone.mp4\"}\n");
    assert_null(data_open(clips_folder(), &small, &e));
    assert_non_null(strstr(e.text, "no usable clip"));
}

/* Splits: AIST's own test songs; a row's word wins. */
static void test_split(void **state)
{
    Err e = {0};
    const char *names[] = {"gBR_sBM_c01_d04_mBR0_ch03", "gBR_sBM_c01_d04_mBR1_ch03"};
    clips_make(names[0], 32, 32, 10, 1, 80, 0);
    clips_make(names[1], 32, 32, 10, 1, 90, 1);
    clips_write("metadata.jsonl", "{\"file_name\": \"gBR_sBM_c01_d04_mBR0_ch03.mp4\"}\n{\"file_name\": \"gBR_sBM_c01_d04_mBR1_ch03.mp4\"}\n"
                                  "{\"file_name\": \"gBR_sBM_c01_d04_mBR1_ch03.mp4\", \"split\": \"test\", \"song\": \"other\"}\n");
    DataSet *set = data_open(clips_folder(), &small, &e);
    assert_non_null(set);
    assert_true(data_clip(set, 0)->held_out && !data_clip(set, 1)->held_out && data_clip(set, 2)->held_out);
    assert_true(data_clip(set, 0)->tempo == 80 && !strcmp(data_clip(set, 1)->genre, "break"));
    data_close(set);
}

static void test_letterbox(void **state)
{
    Picture p;
    Err e = {0};
    uint8_t rgb[32 * 32 * 3];
    assert_true(picture_init(&p, 64, 36, &e));
    memset(p.rgba, 200, (size_t)(4 * 64 * 36));
    for (int i = 0; i < 64 * 36; i++)
        p.rgba[4 * i + 3] = 255;
    DataBox b = data_letterbox(&p, 32, rgb);
    assert_true(b.x == 0 && b.w == 32 && b.h == 18 && b.y == 7);
    for (int y = 0; y < 32; y++)
        assert_int_equal(rgb[(y * 32 + 5) * 3], y >= 7 && y < 25 ? 200 : 0);
    picture_finish(&p);
    uint8_t wide[128 * 128 * 3];
    assert_true(picture_init(&p, 1920, 1080, &e));
    b = data_letterbox(&p, 128, wide);
    assert_true(b.y == 28 && b.h == 72 && b.w == 128); /* AIST: rows 28..99 */
    picture_finish(&p);
}

/* 25 a second to 10: the nearest frame. The cache gives the same bytes, and is not made twice. */
static void test_frames(void **state)
{
    Err e = {0};
    int64_t n, again;
    clips_make("c", 64, 64, 25, 2, 120, 2);
    clips_write("metadata.jsonl", "{\"file_name\": \"c.mp4\"}\n");
    DataSet *set = data_open(clips_folder(), &(DataOptions){64, 10}, &e);
    const uint8_t *rgb = data_frames(set, 0, &n, &e);
    if (!rgb)
        fail_msg("%s", e.text);
    assert_int_equal(n, 20);
    VideoReader *r;
    const Picture *frame;
    double seconds;
    assert_true(video_reader_open(&r, clips_path("c.mp4"), &e));
    int nearest[20], k = 0;
    for (int i = 0; i < 20; i++)
        nearest[i] = (int)ceil(i * 2.5 - 0.5 - 1e-9); /* the earlier of two at the same distance */
    for (int f = 0; k < 20 && video_reader_next(r, &frame, &seconds, &e) && frame; f++) {
        static uint8_t want[64 * 64 * 3];
        if (f != nearest[k])
            continue;
        data_letterbox(frame, 64, want);
        assert_memory_equal(want, rgb + (size_t)k * sizeof want, sizeof want);
        k++;
    }
    assert_int_equal(k, 20);
    video_reader_close(r);
    uint8_t first[100];
    memcpy(first, rgb + 64 * 64 * 3, sizeof first);
    assert_ptr_equal(data_frames(set, 0, &again, &e), rgb);
    data_close(set);
    set = data_open(clips_folder(), &(DataOptions){64, 10}, &e);
    rgb = data_frames(set, 0, &again, &e);
    assert_true(rgb && again == n && !memcmp(first, rgb + 64 * 64 * 3, sizeof first));
    data_close(set);
}

static void test_song(void **state)
{
    Err e = {0};
    float *mono;
    int64_t n;
    double rate;
    BeatGrid grid;
    clips_make("d", 32, 32, 10, 2, 120, 2);
    clips_write("metadata.jsonl", "{\"file_name\": \"d.mp4\", \"music\": \"d.wav\", \"beats\": \"d.beats\"}\n");
    DataSet *set = data_open(clips_folder(), &small, &e);
    assert_true(data_song(set, 0, &mono, &n, &rate, &grid, &e));
    assert_true(n == 16000 && rate == 8000 && grid.n == 4 && fabs(grid.seconds[1] - 0.5) < 1e-6);
    audio_grid_finish(&grid);
    mem_free(mono);
    data_close(set);
}

static int begin(void **state) { return clips_folder() ? 0 : -1; }

static int end(void **state)
{
    clips_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aist_names), cmocka_unit_test(test_bad_lists), cmocka_unit_test(test_list), cmocka_unit_test(test_split),
        cmocka_unit_test(test_letterbox),  cmocka_unit_test(test_frames),    cmocka_unit_test(test_song),
    };
    return cmocka_run_group_tests_name("dataset", tests, begin, end);
}
