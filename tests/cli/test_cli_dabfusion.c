/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion as a user has it, at a tiny size: clips, both trainings for one step each, a model folder, a dance with moves kept
 * and danced again, and what is said to mistakes. (That training learns is shown by tests/dabfusion/test_training.c.)
 */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "media/media.h"
#include "tensor/tensor.h"

static void put(const char *name, const char *text)
{
    Err e = {0};
    assert_true(file_write(program_path(name), text, strlen(text), &e));
}

static void copy(const char *from, const char *to)
{
    char *text;
    size_t n;
    Err e = {0};
    assert_true(file_read(program_path(from), 64 << 20, &text, &n, &e) && file_write(program_path(to), text, n, &e));
    mem_free(text);
}

static int setup(void **state)
{
    if (program_setup(state))
        return -1;
    Err e = {0};
    program_make_song("song.wav", 2.52, 120);
    program_make_picture("me.png", 60, 90);
    file_make_dir(program_path("set"), &e);
    file_make_dir(program_path("model"), &e);
    program_expect(0, NULL, "dance me.png song.wav -o set/a.mp4 --size 128 --fps 10 --length 2");
    put("set/metadata.jsonl", "{\"file_name\": \"a.mp4\"}\n");
    return 0;
}

static void test_train(void **state)
{
    Said *s = program("train lfae --net help");
    assert_true(s->code == 0 && strstr(s->out, "region-width") && strstr(s->out, "lr=2e-4"));
    program_expect(1, "multiple of", "train lfae --data set -o no --steps 1 --net size=100");
    program_expect(1, "metadata.jsonl", "train lfae --data . -o no --steps 1 --net size=64,blocks=4");
    program_expect(1, "lfae=FILE", "train dabfusion --data set -o no --steps 1");
    program_expect(0, NULL, "train lfae --data set -o one --steps 1 --batch 1 --threads 1 --validate-every 0 "
                            "--net size=32,blocks=2,pad=3,regions=2,region-width=4,flow-width=4,width=4,max-width=16,residuals=1");
    program_expect(1, "these are weights of", "train dabfusion --data set -o no --steps 1 --net lfae=one/checkpoint/state.safetensors");
    program_expect(0, NULL, "train dabfusion --data set -o two --steps 1 --batch 1 --threads 1 --validate-every 0 "
                            "--net lfae=one/weights.safetensors,frames=8,dim=8,mults=1-2,heads=2,head-dim=8,mode=improved");
    s = program("info two/weights.safetensors");
    assert_true(s->code == 0 && strstr(s->out, "dabfusion.diffusion") && strstr(s->out, "improved"));
}

static int count_frames(const char *name, int *w, int *h, uint64_t *hash)
{
    VideoReader *r;
    VideoInfo info;
    Err e = {0};
    const Picture *frame;
    double seconds;
    int n = 0;
    if (!video_reader_open(&r, program_path(name), &e))
        fail_msg("%s", e.text);
    video_reader_info(r, &info);
    *w = info.w, *h = info.h, *hash = 0;
    for (; video_reader_next(r, &frame, &seconds, &e) && frame; n++)
        *hash = *hash * 31 + rng_hash(frame->rgba, (size_t)frame->w * (size_t)frame->h * 4);
    video_reader_close(r);
    return n;
}

static void test_dance(void **state)
{
    int w, h;
    uint64_t first, second;
    copy("one/weights.safetensors", "model/lfae.safetensors");
    copy("two/weights.safetensors", "model/diffusion.safetensors");
    put("model/model.json", "{\"class\": \"dabfusion\"}");
    Said *s = program("dance me.png song.wav --model ./model -o a.mp4 --steps 2 --dry-run");
    assert_true(s->code == 0 && strstr(s->out, "time: about") && strstr(s->out, "25 frames at 10 a second") && strstr(s->out, "improved mode"));
    program_expect(0, NULL, "dance me.png song.wav --model ./model -o a.mp4 --steps 2 --seed 5 --save-moves m.safetensors");
    program_expect(0, NULL, "dance me.png song.wav --model ./model -o b.mp4 --steps 2 --seed 5");
    assert_int_equal(count_frames("a.mp4", &w, &h, &first), 25); /* 2.52 s at 10 a second, in windows of 8 */
    assert_true(w == 22 && h == 32); /* the picture's shape at the model's size */
    assert_int_equal(count_frames("b.mp4", &w, &h, &second), 25);
    assert_true(first == second);
    program_expect(0, NULL, "dance me.png song.wav --model ./model -o c.mp4 --steps 2 --seed 5 --moves m.safetensors");
    count_frames("c.mp4", &w, &h, &second);
    assert_true(first == second);
    program_expect(0, NULL, "dance me.png song.wav --model ./model -o d.mp4 --moves m.safetensors --mirror --fps 20 --size 128 --length 1");
    assert_int_equal(count_frames("d.mp4", &w, &h, &second), 20);
    assert_true(h == 128);
    s = program("info a.mp4");
    assert_true(s->code == 0 && strstr(s->out, "DabFusion, improved mode") && strstr(s->out, "--steps 2"));
}

static void test_mistakes(void **state)
{
    put("model/model.json", "{\"class\": \"waltz\"}");
    program_expect(1, "\"articulated\", \"dabfusion\"", "dance me.png song.wav --model ./model -o x.mp4");
    put("model/model.json", "{\"class\": \"dabfusion\"}");
    program_expect(1, "no moves of DabFusion", "dance me.png song.wav --model ./model -o x.mp4 --moves one/weights.safetensors");
    program_expect(1, "waltz.mp3", "dance me.png waltz.mp3 --model ./model -o x.mp4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_train), cmocka_unit_test(test_dance), cmocka_unit_test(test_mistakes)};
    return cmocka_run_group_tests_name("cli/dabfusion", tests, setup, program_teardown);
}
