/* SPDX-License-Identifier: Apache-2.0
 *
 * Help of every command, beats, pose, synth, and the JSON forms for programs.
 */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "media/media.h"

static int setup(void **state)
{
    if (program_setup(state))
        return -1;
    program_make_song("song.wav", 12, 110);
    program_make_picture("me.png", 200, 300);
    return 0;
}

static void test_help(void **state)
{
    static const char *const commands[] = {"dance", "beats", "pose", "info", "synth", "train", "cache"};
    Said *s = program("--help");
    assert_int_equal(s->code, 0);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        s = program("--help");
        assert_non_null(strstr(s->out, commands[i]));
        s = program("%s --help", commands[i]);
        assert_int_equal(s->code, 0);
        assert_non_null(strstr(s->out, "--"));
    }
    assert_int_equal(program("--version")->code, 0);
    assert_int_equal(program("--completion-bash")->code, 0);
}

static void test_beats(void **state)
{
    program_expect(0, NULL, "beats song.wav -o song.beats --plot song.png");
    BeatGrid g;
    Err e = {0};
    audio_grid_init(&g);
    if (!audio_beats_read(&g, program_path("song.beats"), 12, &e))
        fail_msg("%s", e.text);
    assert_true(g.tempo > 108 && g.tempo < 112);
    audio_grid_finish(&g);
    assert_true(file_exists(program_path("song.png")));
    Said *s = program("beats song.wav --json");
    assert_int_equal(s->code, 0);
    assert_true(s->out[0] == '{');
    assert_non_null(strstr(s->out, "\"beats\":[["));
}

static BeatGrid beats_of(const char *name)
{
    BeatGrid g;
    Err e = {0};
    if (!audio_beats_read(&g, program_path(name), 13, &e))
        fail_msg("%s", e.text);
    return g;
}

/* Each correction does what it says, an edited file comes back unchanged, and clicks lie on the very sample. */
static void test_beats_corrected(void **state)
{
    const char *edited = "0.5\t2\n1.25\t3\n2.0\t1\n2.75\t2\n3.51\t3\n4.25\t1\n";
    Err e = {0};
    assert_true(file_write(program_path("edited.beats"), edited, strlen(edited), &e));
    program_expect(0, NULL, "beats song.wav --beats edited.beats -o same.beats --labels labels.txt --click click.wav");
    BeatGrid g = beats_of("same.beats"), h = beats_of("labels.txt");
    assert_int_equal(g.n, 6);
    assert_int_equal(h.n, 6);
    assert_float_equal(g.seconds[4], 3.51, 1e-9);
    assert_memory_equal(g.seconds, h.seconds, 6 * sizeof(double));
    assert_memory_equal(g.beat_in_bar, h.beat_in_bar, 6 * sizeof(int));
    audio_grid_finish(&h);
    audio_grid_finish(&g);
    program_expect(0, NULL, "beats song.wav --beats edited.beats --offset -30ms --downbeat 3 -o moved.beats");
    g = beats_of("moved.beats");
    assert_float_equal(g.seconds[0], 0.47, 1e-9);
    assert_int_equal(g.beat_in_bar[0], 3);
    assert_int_equal(g.beat_in_bar[1], 1);
    audio_grid_finish(&g);
    program_expect(0, NULL, "beats song.wav --beats edited.beats --double --from 1.1 --to 2 -o twice.beats");
    g = beats_of("twice.beats");
    assert_int_equal(g.n, 2); /* 1.25, 1.625 */
    assert_float_equal(g.seconds[1], 1.625, 1e-9);
    audio_grid_finish(&g);
    program_expect(0, NULL, "beats song.wav --beats edited.beats --half -o half.beats");
    g = beats_of("half.beats");
    assert_int_equal(g.n, 3);
    assert_float_equal(g.seconds[1], 2, 1e-9); /* the half with the downbeat */
    audio_grid_finish(&g);
    program_expect(0, NULL, "beats song.wav --tempo 45..60 -o slow.beats");
    g = beats_of("slow.beats");
    assert_float_equal(g.tempo, 55, 0.5);
    audio_grid_finish(&g);
    program_expect(0, NULL, "beats song.wav --metre 3 --to 6bars --json");
    program_expect(0, NULL, "dance me.png song.wav --beats labels.txt --start A --length 1 --size 128 --dry-run");
}

static void test_pose(void **state)
{
    program_expect(0, NULL, "pose me.png -o joints.json --picture seen.png");
    assert_true(file_exists(program_path("joints.json")));
    assert_true(file_exists(program_path("seen.png")));
}

static uint64_t all_pixels(const char *name)
{
    VideoReader *r;
    const Picture *p;
    double seconds;
    uint64_t hash = 0;
    int frames = 0;
    assert_true(video_reader_open(&r, program_path(name), NULL));
    for (; video_reader_next(r, &p, &seconds, NULL) && p; frames++)
        hash = hash * 31 + rng_hash(p->rgba, (size_t)p->w * (size_t)p->h * 4);
    video_reader_close(r);
    assert_true(frames > 20);
    return hash;
}

/* The same answer and the same video with an empty cache, with a full one and without. */
static void test_cache(void **state)
{
    setenv("JIG_CACHE", program_path("cache"), 1);
    char *cold = strdup(program("beats song.wav --json")->out);
    assert_non_null(strstr(program("cache")->out, "1 entries"));
    assert_string_equal(program("beats song.wav --json")->out, cold);
    free(cold);
    program_expect(0, NULL, "dance me.png song.wav -o cold.mp4 --size 128 --length 1");
    assert_non_null(strstr(program("cache --json")->out, "\"entries\":2"));
    program_expect(0, NULL, "dance me.png song.wav -o warm.mp4 --size 128 --length 1");
    setenv("JIG_CACHE", "off", 1);
    program_expect(0, NULL, "dance me.png song.wav -o off.mp4 --size 128 --length 1");
    assert_true(all_pixels("cold.mp4") == all_pixels("off.mp4") && all_pixels("warm.mp4") == all_pixels("off.mp4"));
    assert_non_null(strstr(program("cache")->out, "nothing is kept"));
    setenv("JIG_CACHE", program_path("cache"), 1);
    program_expect(1, "--limit lots", "cache --limit lots");
    assert_non_null(strstr(program("cache --limit 1.5MB")->out, "of 1.5 MB"));
    assert_non_null(strstr(program("cache --clear")->out, "0 entries"));
    setenv("JIG_CACHE", "off", 1);
}

static void test_dry_run_writes_nothing(void **state)
{
    int before = program_files();
    Said *s = program("dance me.png song.wav -o x.mp4 --dry-run");
    assert_int_equal(s->code, 0);
    assert_non_null(strstr(s->out, "memory"));
    assert_int_equal(program_files(), before);
}

static void test_config(void **state)
{
    Err e = {0};
    const char *json = "{\"size\": 128, \"seed\": 12, \"length\": \"1\"}";
    assert_true(file_write(program_path("c.json"), json, strlen(json), &e));
    program_expect(0, NULL, "dance me.png song.wav -o y.mp4 --config c.json");
    assert_non_null(strstr(program("info y.mp4")->out, "--seed 12"));
    assert_true(file_write(program_path("bad.json"), "{\"sise\": 9}", 11, &e));
    program_expect(2, "sise", "dance me.png song.wav -o y.mp4 --config bad.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help), cmocka_unit_test(test_beats), cmocka_unit_test(test_beats_corrected),
        cmocka_unit_test(test_pose), cmocka_unit_test(test_cache),
        cmocka_unit_test(test_dry_run_writes_nothing), cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests_name("cli/commands", tests, setup, program_teardown);
}
