/* SPDX-License-Identifier: Apache-2.0
 *
 * Bad input gets one clear line and exit 1 or 2; nothing is half written, nothing lost.
 */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

static int setup(void **state)
{
    if (program_setup(state))
        return -1;
    program_make_song("song.wav", 4, 120);
    program_make_picture("me.png", 160, 240);
    return 0;
}

static void put(const char *name, const char *text)
{
    Err e = {0};
    assert_true(file_write(program_path(name), text, strlen(text), &e));
}

static void test_usage(void **state)
{
    program_expect(2, "there is no command 'danse'", "danse");
    program_expect(2, "an argument is missing", "dance me.png");
    program_expect(2, "one argument too many", "dance me.png song.wav third");
    program_expect(2, "did you mean --fps", "dance me.png song.wav --fsp 25");
    program_expect(2, "needs a value", "dance me.png song.wav --size");
    program_expect(2, "99999", "dance me.png song.wav --size 99999");
    program_expect(2, "0.001", "dance me.png song.wav --fps 0.001");
    program_expect(2, "abc", "dance me.png song.wav --seed abc");
    program_expect(2, "wobble", "dance me.png song.wav --warp wobble");
    assert_int_equal(program_files(), 2);
}

static void test_files(void **state)
{
    put("empty.png", "");
    put("text.png", "this is not a picture");
    put("half.wav", "RIFF\xff\xff");
    program_expect(1, "nobody.png", "dance nobody.png song.wav -o o.mp4");
    program_expect(1, "empty.png", "dance empty.png song.wav -o o.mp4");
    program_expect(1, "text.png", "dance text.png song.wav -o o.mp4");
    program_expect(1, NULL, "dance . song.wav -o o.mp4");
    program_expect(1, "nosong.mp3", "dance me.png nosong.mp3 -o o.mp4");
    program_expect(1, "half.wav", "dance me.png half.wav -o o.mp4");
    program_expect(1, "me.png", "dance me.png me.png -o o.mp4"); /* a picture has no sound */
    program_expect(1, "nosong.mp3", "beats nosong.mp3");
    assert_false(file_exists(program_path("o.mp4")));
    assert_int_equal(program_files(), 5);
}

static void test_outputs(void **state)
{
    program_expect(1, "o.avi", "dance me.png song.wav -o o.avi");
    program_expect(1, "nowhere", "dance me.png song.wav -o nowhere/o.mp4");
    assert_int_equal(system("mkdir -p $D/folder.mp4"), 0);
    program_expect(1, "folder", "dance me.png song.wav -o folder.mp4");
    if (getuid() != 0) {
        assert_int_equal(system("mkdir -p $D/locked && chmod a-w $D/locked"), 0);
        program_expect(1, "locked", "dance me.png song.wav -o locked/o.mp4");
    }
}

static void test_times(void **state)
{
    program_expect(1, "--start", "dance me.png song.wav -o o.mp4 --start 99");
    program_expect(1, "--length", "dance me.png song.wav -o o.mp4 --length never");
    program_expect(1, "--length", "dance me.png song.wav -o o.mp4 --length 0");
    program_expect(1, "--start", "dance me.png song.wav -o o.mp4 --start -3");
}

static void test_beats_file(void **state)
{
    put("unsorted.beats", "0.5\t1\n0.4\t2\n");
    put("words.beats", "0.5\t1\none\t2\n");
    put("late.beats", "0.5\t1\n99\t2\n");
    program_expect(1, "2", "dance me.png song.wav -o o.mp4 --beats unsorted.beats");
    program_expect(1, "2", "dance me.png song.wav -o o.mp4 --beats words.beats");
    program_expect(1, "2", "dance me.png song.wav -o o.mp4 --beats late.beats");
    program_expect(1, "no.beats", "dance me.png song.wav -o o.mp4 --beats no.beats");
    program_expect(1, "words.beats: line 2", "beats song.wav --beats words.beats");
    put("good.beats", "0.5\t1\n1\t2\n1.5\t3\n");
    program_expect(1, "30 and 300", "beats song.wav --tempo 90");
    program_expect(1, "30 and 300", "beats song.wav --tempo 180..90");
    program_expect(1, "30ms", "beats song.wav --offset soon");
    program_expect(1, "--half and --double", "beats song.wav --half --double");
    program_expect(1, "have 3 beats", "beats song.wav --beats good.beats --downbeat 4");
    program_expect(1, "not to listen", "beats song.wav --beats good.beats --tempo 60..90");
    program_expect(1, "parts are A1", "beats song.wav --from chorus9");
    program_expect(1, "not after --from", "beats song.wav --from 2 --to 1");
    program_expect(1, "parts are A1", "dance me.png song.wav -o o.mp4 --start nowhere");
}

static void test_joints_file(void **state)
{
    put("joints.json", "{\"width\": 160, \"height\": 240, \"joints\": {\"pelvis\": [80]}}");
    put("broken.json", "{\"width\": ");
    program_expect(1, "pelvis", "dance me.png song.wav -o o.mp4 --joints joints.json");
    program_expect(1, "broken.json", "dance me.png song.wav -o o.mp4 --joints broken.json");
}

static void test_weights(void **state)
{
    assert_int_equal(system("mkdir -p $D/bad && echo '{\"class\": \"articulated\"}' >$D/bad/model.json"), 0);
    put("bad/pose.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f{}");
    program_expect(1, "pose.safetensors", "dance me.png song.wav -o o.mp4 --model bad");
    put("bad/pose.safetensors", "");
    program_expect(1, "pose.safetensors", "dance me.png song.wav -o o.mp4 --model bad");
    program_expect(1, "there is no model 'nobody'", "dance me.png song.wav -o o.mp4 --model nobody");
    assert_false(file_exists(program_path("o.mp4")));
}

static void test_full_disk(void **state)
{
    if (getuid() != 0 || system("mkdir -p $D/small && mount -t tmpfs -o size=64k tmpfs $D/small 2>/dev/null") != 0)
        skip();
    Said *s = program("dance me.png song.wav -o small/o.mp4");
    bool gone = !file_exists(program_path("small/o.mp4"));
    int code = s->code;
    assert_int_equal(system("umount $D/small"), 0);
    assert_int_equal(code, 1);
    assert_true(gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),      cmocka_unit_test(test_files),   cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_times),      cmocka_unit_test(test_beats_file), cmocka_unit_test(test_joints_file),
        cmocka_unit_test(test_weights),    cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests_name("cli/bad_input", tests, setup, program_teardown);
}
