/* SPDX-License-Identifier: Apache-2.0
 *
 * The main job as a user runs it: the video has the right frames and the song's own sound, the same command gives the same
 * frames, Ctrl-C leaves nothing behind, and `jig info` reads the settings back.
 */
#include "program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

static int setup(void **state)
{
    if (program_setup(state))
        return -1;
    program_make_song("song.wav", 5.03, 120);
    program_make_picture("me.png", 200, 300);
    return 0;
}

static void count_frames(const char *name, int *frames, int *w, int *h, uint64_t *hash)
{
    VideoReader *r;
    VideoInfo info;
    Err e = {0};
    const Picture *frame;
    double seconds;
    if (!video_reader_open(&r, program_path(name), &e))
        fail_msg("%s", e.text);
    video_reader_info(r, &info);
    *frames = 0, *w = info.w, *h = info.h, *hash = 0;
    while (video_reader_next(r, &frame, &seconds, &e) && frame) {
        if (*frames == 0)
            assert_true(fabs(seconds) < 1e-6); /* first picture at time 0 */
        *hash = *hash * 31 + rng_hash(frame->rgba, (size_t)frame->w * (size_t)frame->h * 4);
        ++*frames;
    }
    video_reader_close(r);
}

static void test_video(void **state)
{
    int frames, w, h;
    uint64_t hash;
    program_expect(0, NULL, "dance me.png song.wav -o a.mp4 --size 128 --seed 3");
    count_frames("a.mp4", &frames, &w, &h, &hash);
    assert_int_equal(frames, 126); /* round(5.03 * 25) */
    assert_int_equal(h, 128);
    assert_true(abs(w - 128 * 200 / 300) <= 2 && w % 2 == 0);
    Sound a, b;
    Err e = {0};
    assert_true(sound_load(program_path("a.mp4"), 0, -1, &a, &e));
    assert_true(sound_load(program_path("song.wav"), 0, -1, &b, &e));
    assert_int_equal(a.frames, b.frames);
    sound_finish(&a);
    sound_finish(&b);
}

static void test_same_command_same_frames(void **state)
{
    int n1, n2, w, h;
    uint64_t h1, h2, h3;
    program_expect(0, NULL, "dance me.png song.wav -o b.mp4 --size 128 --seed 3 --length 2");
    program_expect(0, NULL, "dance me.png song.wav -o c.mp4 --size 128 --seed 3 --length 2");
    program_expect(0, NULL, "dance me.png song.wav -o d.mp4 --size 128 --seed 4 --length 2");
    count_frames("b.mp4", &n1, &w, &h, &h1);
    count_frames("c.mp4", &n2, &w, &h, &h2);
    assert_int_equal(n1, 50);
    assert_true(n1 == n2 && h1 == h2);
    count_frames("d.mp4", &n2, &w, &h, &h3);
    assert_true(h1 != h3); /* another seed, another dance */
}

static void test_saved_moves_dance_again(void **state)
{
    int n1, n2, w, h;
    uint64_t h1, h2;
    program_expect(0, NULL, "dance me.png song.wav -o e.mp4 --size 128 --seed 5 --length 2 --save-moves m.safetensors");
    program_expect(0, NULL, "dance me.png song.wav -o f.mp4 --size 128 --seed 5 --length 2 --moves m.safetensors");
    count_frames("e.mp4", &n1, &w, &h, &h1);
    count_frames("f.mp4", &n2, &w, &h, &h2);
    assert_true(n1 == n2 && h1 == h2);
}

static void test_info_reads_settings(void **state)
{
    program_expect(0, NULL, "dance me.png song.wav -o g.mp4 --size 128 --seed 7 --length 1");
    Said *s = program("info g.mp4");
    assert_int_equal(s->code, 0);
    assert_non_null(strstr(s->out, "--seed 7"));
    assert_non_null(strstr(s->out, "--size 128"));
    assert_non_null(strstr(s->out, "me.png"));
}

static void test_interrupt_leaves_nothing(void **state)
{
    char line[1024];
    program_make_song("long.wav", 120, 120);
    int before = program_files();
    snprintf(line, sizeof line, "cd $D && { timeout -s INT 3 \"$JIG_PROGRAM\" dance me.png long.wav -o x.mp4 --size 1024 2>/dev/null; echo $? >code; }");
    assert_int_equal(system(line), 0);
    char *code;
    size_t n;
    Err e = {0};
    assert_true(file_read(program_path("code"), 100, &code, &n, &e));
    int got = atoi(code);
    mem_free(code);
    remove(program_path("code"));
    assert_true(got == 130 || got == 124); /* timeout reports 124 when it had to send the signal */
    assert_int_equal(program_files(), before);
}

static void test_output_of_a_sweep(void **state)
{
    /* Silence dances too, calmly, and says so. */
    Sound s = {.rate = 8000, .channels = 1, .frames = 16000};
    Err e = {0};
    s.samples = mem_zero(16000 * sizeof(float));
    assert_true(sound_save_wav(&s, program_path("silence.wav"), 16, &e));
    sound_finish(&s);
    program_expect(0, "no beat", "dance me.png silence.wav -o s.mp4 --size 128");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_video),
        cmocka_unit_test(test_same_command_same_frames),
        cmocka_unit_test(test_saved_moves_dance_again),
        cmocka_unit_test(test_info_reads_settings),
        cmocka_unit_test(test_output_of_a_sweep),
        cmocka_unit_test(test_interrupt_leaves_nothing),
    };
    return cmocka_run_group_tests_name("cli/dance", tests, setup, program_teardown);
}
