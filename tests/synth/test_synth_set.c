/* SPDX-License-Identifier: Apache-2.0
 *
 * Training sets: every file of a clip is there and fits the others, the same options give the same bytes, going on
 * keeps what is complete, cancelling leaves a folder that can be gone on with.
 */
#include "synth_fixture.h"

#include <math.h>
#include <unistd.h>

#include "audio/audio.h"
#include "media/media.h"
#include "synth/synth.h"
#include "tensor/tensor.h"

enum { SIZE = 128, CELLS = 16 };

static SynthSetOptions small(void)
{
    SynthSetOptions o;
    opt_defaults(synth_set_options, &o);
    o.clips = 2;
    o.size = SIZE;
    o.flow_size = CELLS;
    o.seconds_min = 1;
    o.seconds_max = 1.4;
    return o;
}

static char *path_in(Arena *a, const char *dir, const char *tail) { return arena_printf(a, "%s/%s", dir, tail); }

static void remove_set(Arena *a, const char *dir)
{
    char **names;
    int n;
    if (file_list(a, path_in(a, dir, "clips"), NULL, &names, &n, NULL))
        for (int i = 0; i < n; i++)
            unlink(arena_printf(a, "%s/clips/%s", dir, names[i]));
    rmdir(path_in(a, dir, "clips"));
    unlink(path_in(a, dir, "synth.json"));
    unlink(path_in(a, dir, "metadata.jsonl"));
    rmdir(dir);
}

static char *make_folder(Arena *a)
{
    char *dir = arena_strdup(a, "/tmp/jig_set_XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static uint64_t file_digest(const char *path)
{
    char *text;
    size_t n;
    assert_true(file_read(path, 1 << 28, &text, &n, NULL));
    uint64_t h = rng_hash(text, n);
    mem_free(text);
    return h;
}

/* Frames of the video, of the tensors and the length of the sound agree; frame 0 flows onto itself. */
static void check_clip(Arena *a, const char *dir, int i)
{
    Err e = {0};
    const char *base = arena_printf(a, "%s/clips/%05d", dir, i);
    SafeTensors *pose = safetensors_open(arena_printf(a, "%s.pose.safetensors", base), &e);
    SafeTensors *flow = safetensors_open(arena_printf(a, "%s.flow.safetensors", base), &e);
    if (!pose || !flow)
        fail_msg("%s", e.text);
    Tensor joints, moves, f, visible, mask, parts, back;
    assert_true(safetensors_find(pose, "joints", &joints) && safetensors_find(pose, "moves", &moves));
    assert_true(safetensors_find(flow, "flow", &f) && safetensors_find(flow, "visible", &visible) &&
                safetensors_find(flow, "mask", &mask) && safetensors_find(flow, "parts", &parts) &&
                safetensors_find(flow, "background", &back));
    int frames = (int)joints.shape.d[0];
    assert_true(frames >= 25 && frames <= 35);
    assert_int_equal(moves.shape.d[0], frames);
    assert_int_equal(f.shape.d[0], frames);
    assert_int_equal(f.shape.d[1], CELLS);
    const uint16_t *v = f.data;
    const uint8_t *seen = visible.data, *cover = mask.data;
    int body = 0;
    for (int k = 0; k < CELLS * CELLS; k++) {
        assert_true(fabsf(f16_to_f32(v[2 * k])) < 0.02f && fabsf(f16_to_f32(v[2 * k + 1])) < 0.02f);
        assert_true(cover[k] < 250 || seen[k]);
        body += cover[k] > 128;
    }
    assert_true(body > 2);
    VideoReader *r;
    const Picture *frame;
    double at;
    int n = 0;
    assert_true(video_reader_open(&r, arena_printf(a, "%s.mp4", base), &e));
    while (video_reader_next(r, &frame, &at, &e) && frame)
        n++;
    video_reader_close(r);
    assert_int_equal(n, frames);
    Sound s;
    assert_true(sound_load(arena_printf(a, "%s.wav", base), 0, -1, &s, &e));
    assert_float_equal((double)s.frames / s.rate, frames / 25.0, 0.001);
    sound_finish(&s);
    const char *beats = arena_printf(a, "%s.beats", base);
    BeatGrid g;
    if (file_exists(beats)) {
        assert_true(audio_beats_read(&g, beats, frames / 25.0, &e));
        audio_grid_finish(&g);
    }
    safetensors_close(pose);
    safetensors_close(flow);
}

static void writes_a_set(void **state)
{
    (void)state;
    Arena *a = arena_create();
    char *one = make_folder(a), *two = make_folder(a);
    SynthSetOptions o = small();
    Err e = {0};
    if (!synth_write_set(&o, one, NULL, &e))
        fail_msg("%s", e.text);
    for (int i = 0; i < 2; i++)
        check_clip(a, one, i);
    /* the second clip alone is lost; the first must not be touched; all ends the same */
    assert_true(synth_write_set(&o, two, NULL, &e));
    static const char *const files[] = {"clips/00001.json",
                                        "clips/00001.mp4",
                                        "clips/00001.wav",
                                        "clips/00001.flow.safetensors",
                                        "clips/00001.pose.safetensors",
                                        "metadata.jsonl"};
    unlink(path_in(a, two, files[0]));
    unlink(path_in(a, two, files[1]));
    assert_true(file_write(path_in(a, two, "clips/00000.mp4"), "mark", 4, &e));
    assert_true(synth_write_set(&o, two, NULL, &e));
    for (int k = 0; k < (int)ARRAY_LEN(files); k++)
        if (file_digest(path_in(a, one, files[k])) != file_digest(path_in(a, two, files[k])))
            fail_msg("%s differs", files[k]);
    char *text;
    size_t n;
    assert_true(file_read(path_in(a, two, "clips/00000.mp4"), 100, &text, &n, &e));
    assert_string_equal(text, "mark");
    mem_free(text);
    o.seed = 2;
    assert_false(synth_write_set(&o, two, NULL, &e));
    assert_non_null(strstr(e.text, "other options"));
    remove_set(a, one);
    remove_set(a, two);
    arena_destroy(a);
}

static bool soon(void *user, const char *stage, double done, double total)
{
    (void)stage;
    (void)done;
    (void)total;
    return ++*(int *)user < 12;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    Arena *a = arena_create();
    char *dir = make_folder(a);
    SynthSetOptions o = small();
    int ticks = 0;
    Err e = {0};
    assert_false(synth_write_set(&o, dir, &(Progress){soon, &ticks}, &e));
    assert_true(e.cancelled);
    assert_false(file_exists(path_in(a, dir, "clips/00001.mp4"))); /* no half files */
    e = (Err){0};
    assert_true(synth_write_set(&o, dir, NULL, &e));
    check_clip(a, dir, 0);
    check_clip(a, dir, 1);
    remove_set(a, dir);
    arena_destroy(a);
}

static void refuses_bad_options(void **state)
{
    (void)state;
    SynthSetOptions o = small();
    Err e = {0};
    o.flow_size = 24;
    assert_false(synth_write_set(&o, "/tmp/jig_never", NULL, &e));
    assert_non_null(strstr(e.text, "flow 24 does not divide the size 128"));
    o = small();
    o.seconds_max = 0.5;
    e = (Err){0};
    assert_false(synth_write_set(&o, "/tmp/jig_never", NULL, &e));
    assert_non_null(strstr(e.text, "below min-length"));
    assert_false(file_is_dir("/tmp/jig_never"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes_a_set), cmocka_unit_test(can_be_cancelled),
                                       cmocka_unit_test(refuses_bad_options)};
    return cmocka_run_group_tests_name("synth/set", tests, NULL, NULL);
}
