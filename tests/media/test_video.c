/* SPDX-License-Identifier: Apache-2.0
 *
 * Video: what is written comes back: as many frames, at their times, in their colours; the song without a shift and
 * with exactly its samples; metadata of any length; the same bytes twice; nothing left behind by a failure. Colour
 * tolerance: 4 of 255 on flat areas at quality 10 (limited range and 4:2:0 cost about 2).
 */
#include "make_media.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { W = 96, H = 64 };

static char dir[] = "/tmp/jig-test-video-XXXXXX";

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

static int files_in_dir(void **state)
{
    char **names;
    int n;
    assert_true(file_list(*state, dir, NULL, &names, &n, NULL));
    return n;
}

/* Four quarters of flat colour; the grey level of the last one tells the frame's number. */
static void draw(Picture *p, int frame)
{
    static const uint8_t quarters[3][3] = {{220, 40, 30}, {30, 200, 60}, {40, 60, 210}};
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            int q = (y >= p->h / 2) * 2 + (x >= p->w / 2);
            uint8_t *px = p->rgba + ((size_t)y * (size_t)p->w + (size_t)x) * 4, grey = (uint8_t)(10 + frame * 6 % 240);
            for (int c = 0; c < 3; c++)
                px[c] = q < 3 ? quarters[q][c] : grey;
            px[3] = 255;
        }
}

static void assert_near(const uint8_t *px, int r, int g, int b)
{
    if (abs(px[0] - r) > 4 || abs(px[1] - g) > 4 || abs(px[2] - b) > 4)
        fail_msg("colour %d %d %d is not %d %d %d", px[0], px[1], px[2], r, g, b);
}

static VideoOptions options(void)
{
    return (VideoOptions){.w = W, .h = H, .fps_num = 30, .fps_den = 1, .quality = 10, .sound_frames = -1};
}

static bool write_frames(VideoWriter *v, int from, int n, Err *e)
{
    Picture p;
    assert_true(picture_init(&p, W, H, NULL));
    bool ok = true;
    for (int i = from; ok && i < from + n; i++) {
        draw(&p, i);
        ok = video_writer_frame(v, p.rgba, 4, W * 4, e);
    }
    picture_finish(&p);
    return ok;
}

static void write_video(const char *path, const VideoOptions *o, int frames)
{
    VideoWriter *v;
    Err e = {0};
    if (!video_writer_open(&v, path, o, &e) || !write_frames(v, 0, frames, &e))
        fail_msg("%s", e.text);
    assert_int_equal(video_writer_frames(v), frames);
    if (!video_writer_finish(v, &e))
        fail_msg("%s", e.text);
}

static void frames_come_back(void **state)
{
    static const struct {
        int num, den, frames;
    } rates[] = {{30, 1, 37}, {25, 1, 1}, {30000, 1001, 16}, {60, 0, 9}};
    const char *path = in_dir(state, "frames.mp4");
    for (size_t k = 0; k < ARRAY_LEN(rates); k++) {
        VideoOptions o = options();
        o.fps_num = rates[k].num;
        o.fps_den = rates[k].den;
        write_video(path, &o, rates[k].frames);
        VideoReader *r;
        VideoInfo info;
        Err e = {0};
        assert_true(video_reader_open(&r, path, &e));
        video_reader_info(r, &info);
        double fps = (double)rates[k].num / MAX(rates[k].den, 1);
        assert_true(info.w == W && info.h == H && info.frames == rates[k].frames && !info.has_sound &&
                    info.rotation == 0);
        assert_true(fabs(info.fps - fps) < 1e-3 && fabs(info.seconds - rates[k].frames / fps) < 2e-3);
        assert_string_equal(info.codec, "h264");
        const Picture *p;
        double t;
        for (int i = 0; i < rates[k].frames; i++) {
            assert_true(video_reader_next(r, &p, &t, &e) && p);
            assert_true(fabs(t - i / fps) < 1e-3);
            assert_near(p->rgba + (10 * W + 20) * 4, 220, 40, 30);
            assert_near(p->rgba + (10 * W + 70) * 4, 30, 200, 60);
            assert_near(p->rgba + (50 * W + 20) * 4, 40, 60, 210);
            int grey = 10 + i * 6 % 240;
            assert_near(p->rgba + (50 * W + 70) * 4, grey, grey, grey);
        }
        assert_true(video_reader_next(r, &p, &t, &e) && !p);
        assert_true(video_reader_next(r, &p, &t, &e) && !p);
        video_reader_close(r);
    }
    video_reader_close(NULL);
    video_writer_abandon(NULL);
}

static void rgb_and_stride(void **state)
{
    const char *path = in_dir(state, "rgb.mp4");
    VideoWriter *v;
    VideoOptions o = options();
    Err e = {0};
    assert_true(video_writer_open(&v, path, &o, &e));
    enum { STRIDE = W * 3 + 17 };
    static uint8_t pixels[STRIDE * H];
    for (int i = 0; i < H; i++)
        for (int x = 0; x < W; x++)
            memcpy(pixels + i * STRIDE + x * 3, (uint8_t[]){200, 100, 50}, 3);
    assert_true(video_writer_frame(v, pixels, 3, STRIDE, &e));
    assert_false(video_writer_frame(v, pixels, 3, W * 3 - 1, &e));
    e = (Err){0};
    assert_false(video_writer_frame(v, pixels, 2, STRIDE, &e));
    assert_true(video_writer_finish(v, NULL));
    Picture p;
    assert_true(picture_load(path, &p, &e)); /* a video's first frame is a picture */
    assert_near(p.rgba + (30 * W + 30) * 4, 200, 100, 50);
    picture_finish(&p);
}

static void sound_is_exact(void **state)
{
    static const struct {
        int rate, channels;
        int64_t from, frames;
    } songs[] = {{44100, 2, 0, 40000},
                 {48000, 1, 1234, 30001},
                 {22050, 2, 500, 24000},
                 {44100, 2, 7, 1024 * 20},
                 {44100, 1, 0, 500}};
    const char *path = in_dir(state, "song.mp4");
    for (size_t k = 0; k < ARRAY_LEN(songs); k++) {
        Sound s, slice, back;
        Err e = {0};
        make_test_sound(&s, songs[k].rate, songs[k].channels, songs[k].from + songs[k].frames + 777);
        VideoOptions o = options();
        o.sound = &s;
        o.sound_from = songs[k].from;
        o.sound_frames = songs[k].frames;
        write_video(path, &o, (int)ceil((double)songs[k].frames / songs[k].rate * 30));
        if (!sound_load(path, 0, -1, &back, &e))
            fail_msg("%s", e.text);
        assert_int_equal(back.frames, songs[k].frames);
        assert_true(back.rate == s.rate && back.channels == s.channels && !back.truncated);
        slice = s;
        slice.samples += songs[k].from * s.channels;
        slice.frames = songs[k].frames;
        if (slice.frames > 10000)
            assert_int_equal(measure_shift(&slice, &back, 3000), 0);
        sound_finish(&back);
        sound_finish(&s);
    }
}

static void rates_that_aac_lacks_are_resampled(void **state)
{
    static const int rates[][2] = {{192000, 96000}, {11127, 12000}, {50000, 64000}};
    const char *path = in_dir(state, "rates.mp4");
    for (size_t k = 0; k < ARRAY_LEN(rates); k++) {
        Sound s, back;
        make_test_sound(&s, rates[k][0], 2, rates[k][0] / 2);
        VideoOptions o = options();
        o.sound = &s;
        write_video(path, &o, 15);
        assert_true(sound_load(path, 0, -1, &back, NULL));
        assert_int_equal(back.rate, rates[k][1]);
        assert_true(llabs(back.frames - rates[k][1] / 2) <= 1);
        sound_finish(&back);
        sound_finish(&s);
    }
}

static void metadata_survives(void **state)
{
    const char *path = in_dir(state, "meta.mp4");
    Text json = {0};
    text_add(&json, "{\"beats\":[");
    for (int i = 0; i < 40000; i++)
        text_add(&json, "%s%.3f", i ? "," : "", i * 0.46);
    text_add(&json, "],\"name\":\"T\xc3\xa4nzer \\\"x\\\"\"}");
    MediaKey keys[] = {{"comment", json.s}, {"jig_command", "jig dance a.png b.mp3"}};
    VideoOptions o = options();
    o.title = "A title";
    o.keys = keys;
    o.n_keys = 2;
    o.made_by_model = true;
    write_video(path, &o, 5);
    static const char *const wanted[][2] = {
        {"title", "A title"},
        {"jig_command", "jig dance a.png b.mp3"},
        {"digital_source_type", "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"}};
    char *value;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_true(video_metadata(path, wanted[i][0], &value, NULL));
        assert_string_equal(value, wanted[i][1]);
        mem_free(value);
    }
    assert_true(video_metadata(path, "comment", &value, NULL));
    assert_string_equal(value, json.s);
    mem_free(value);
    assert_true(video_metadata(path, "nothing", &value, NULL));
    assert_null(value);
    text_finish(&json);
    char *bytes;
    size_t n;
    assert_true(file_read(path, 1 << 24, &bytes, &n, NULL));
    const char *xmp = memmem(bytes, n, "<x:xmpmeta", 10), *index = memmem(bytes, n, "moov", 4),
               *data = memmem(bytes, n, "mdat", 4);
    assert_non_null(xmp);
    assert_non_null(strstr(xmp, "trainedAlgorithmicMedia"));
    assert_true(index < data); /* plays while it loads */
    mem_free(bytes);
}

static void same_input_same_bytes(void **state)
{
    Sound s;
    make_test_sound(&s, 44100, 2, 44100);
    VideoOptions o = options();
    o.sound = &s;
    o.title = "x";
    char *a, *b;
    size_t n, m;
    write_video(in_dir(state, "one.mp4"), &o, 30);
    threads_set(1);
    write_video(in_dir(state, "two.mp4"), &o, 30);
    threads_set(0);
    assert_true(file_read(in_dir(state, "one.mp4"), 1 << 24, &a, &n, NULL));
    assert_true(file_read(in_dir(state, "two.mp4"), 1 << 24, &b, &m, NULL));
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    mem_free(a);
    mem_free(b);
    sound_finish(&s);
}

static void refuses(void **state, const char *name, VideoOptions o, const char *says)
{
    VideoWriter *v;
    Err e = {0};
    assert_false(video_writer_open(&v, in_dir(state, name), &o, &e));
    assert_null(v);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void wrong_options(void **state)
{
    int before = files_in_dir(state);
    VideoOptions o = options();
    o.w = 97;
    refuses(state, "x.mp4", o, "97 x 64; sides must be even");
    o.w = 8194;
    refuses(state, "x.mp4", o, "16 to 8192");
    o = options(), o.fps_num = 0;
    refuses(state, "x.mp4", o, "0/1 frames a second");
    o = options(), o.quality = 52;
    refuses(state, "x.mp4", o, "quality 52");
    o = options();
    refuses(state, "x.avi", o, "must end in .mp4");
    refuses(state, "no/such/x.mp4", o, "No such file");
    Sound s;
    make_test_sound(&s, 8000, 1, 1000);
    o.sound = &s;
    o.sound_from = 900, o.sound_frames = 101;
    refuses(state, "x.mp4", o, "does not lie in its 1000 samples");
    o.sound_frames = INT64_MAX;
    refuses(state, "x.mp4", o, "does not lie");
    sound_finish(&s);
    assert_true(video_writer_knows("a.MP4") && !video_writer_knows("mp4"));
    assert_int_equal(files_in_dir(state), before);
}

static void nothing_is_left_behind(void **state)
{
    const char *path = in_dir(state, "kept.mp4");
    VideoOptions o = options();
    VideoWriter *v;
    Err e = {0};
    assert_true(file_write(path, "old", 3, NULL));
    int before = files_in_dir(state);
    assert_true(video_writer_open(&v, path, &o, &e));
    assert_true(write_frames(v, 0, 20, &e));
    video_writer_abandon(v);
    assert_true(video_writer_open(&v, path, &o, &e));
    assert_false(video_writer_finish(v, &e));
    assert_non_null(strstr(e.text, "no frames"));
    char *old;
    assert_true(file_read(path, 10, &old, NULL, NULL));
    assert_string_equal(old, "old");
    mem_free(old);
    assert_int_equal(files_in_dir(state), before);
}

/* A limit on file size stands for the full disk: the same failing writes, without needing to be root. */
static void full_disk(void **state)
{
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    signal(SIGXFSZ, SIG_IGN);
    int before = files_in_dir(state);
    for (rlim_t limit = 0; limit <= 20000; limit += 10000) {
        VideoOptions o = options();
        VideoWriter *v;
        Err e = {0};
        Sound s;
        make_test_sound(&s, 44100, 2, 44100 * 3);
        o.sound = &s;
        small = (struct rlimit){limit, was.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        bool ok = video_writer_open(&v, in_dir(state, "full.mp4"), &o, &e);
        if (ok && !(ok = write_frames(v, 0, 90, &e)))
            video_writer_abandon(v);
        ok = ok && video_writer_finish(v, &e);
        setrlimit(RLIMIT_FSIZE, &was);
        assert_false(ok);
        if (!strstr(e.text, "File too large") || !strstr(e.text, "full.mp4"))
            fail_msg("'%s' does not say what is wrong", e.text);
        assert_int_equal(files_in_dir(state), before);
        sound_finish(&s);
    }
}

static void seeking(void **state)
{
    const char *path = in_dir(state, "seek.mp4");
    VideoOptions o = options();
    write_video(path, &o, 300);
    static const int frames[] = {250, 3, 299, 0, 120, 121};
    VideoReader *r;
    const Picture *p;
    double t;
    Err e = {0};
    assert_true(video_reader_open(&r, path, &e));
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        assert_true(video_reader_seek(r, frames[i] / 30.0, &e));
        for (int k = 0; k < 2 && frames[i] + k < 300; k++) {
            assert_true(video_reader_next(r, &p, &t, &e) && p);
            int grey = 10 + (frames[i] + k) * 6 % 240;
            assert_true(fabs(t - (frames[i] + k) / 30.0) < 1e-3);
            assert_near(p->rgba + (50 * W + 70) * 4, grey, grey, grey);
        }
    }
    assert_true(video_reader_seek(r, 1000, &e));
    assert_true(video_reader_next(r, &p, &t, &e) && !p);
    video_reader_close(r);
}

static uint8_t *find_box(char *bytes, size_t n, const char *type)
{
    char *at = memmem(bytes, n, type, 4);
    assert_non_null(at);
    return (uint8_t *)at - 4;
}

/* The display matrix of the track header turns the picture: patched into a file of ours (ISO 14496-12, 8.3.2). */
static void rotation_is_honoured(void **state)
{
    static const struct {
        int8_t a, b, c, d;
        int rotation;
    } turns[] = {{0, 1, -1, 0, 90}, {-1, 0, 0, -1, 180}, {0, -1, 1, 0, 270}};
    const char *path = in_dir(state, "turned.mp4");
    VideoOptions o = options();
    write_video(path, &o, 3);
    char *bytes;
    size_t n;
    assert_true(file_read(path, 1 << 20, &bytes, &n, NULL));
    for (size_t k = 0; k < ARRAY_LEN(turns); k++) {
        uint8_t *matrix = find_box(bytes, n, "tkhd") + 48;
        const int8_t values[] = {turns[k].a, turns[k].b, turns[k].c, turns[k].d};
        static const int places[] = {0, 4, 12, 16};
        for (int i = 0; i < 4; i++) {
            uint32_t fixed = (uint32_t)(values[i] * 65536);
            for (int j = 0; j < 4; j++)
                matrix[places[i] + j] = (uint8_t)(fixed >> (24 - 8 * j));
        }
        assert_true(file_write(path, bytes, n, NULL));
        VideoReader *r;
        VideoInfo info;
        const Picture *p;
        double t;
        Err e = {0};
        assert_true(video_reader_open(&r, path, &e));
        video_reader_info(r, &info);
        bool side = turns[k].rotation != 180;
        assert_int_equal(info.rotation, turns[k].rotation);
        assert_true(info.w == (side ? H : W) && info.h == (side ? W : H));
        assert_true(video_reader_next(r, &p, &t, &e) && p && p->w == info.w && p->h == info.h);
        /* the red quarter is top left when stored; 90 degrees clockwise brings it top right */
        bool right = turns[k].rotation == 90 || turns[k].rotation == 180, low = turns[k].rotation >= 180;
        assert_near(p->rgba + ((low ? p->h - 8 : 8) * p->w + (right ? p->w - 8 : 8)) * 4, 220, 40, 30);
        Picture first;
        assert_true(picture_load(path, &first, &e));
        assert_memory_equal(first.rgba, p->rgba, W * H * 4);
        picture_finish(&first);
        video_reader_close(r);
    }
    mem_free(bytes);
}

static void cut_and_damaged_videos(void **state)
{
    const char *path = in_dir(state, "whole.mp4"), *bad = in_dir(state, "bad.mp4");
    VideoOptions o = options();
    write_video(path, &o, 60);
    char *bytes, *copy;
    size_t n;
    assert_true(file_read(path, 1 << 20, &bytes, &n, NULL));
    copy = mem_alloc(n);
    Rng r = rng_make(3, 3);
    for (int k = 0; k < 40; k++) {
        size_t size = k < 10 ? n * (size_t)k / 10 : n;
        memcpy(copy, bytes, n);
        for (int j = 0; k >= 10 && j < 5; j++)
            copy[rng_int(&r, 0, (int)n - 1)] = (char)rng_u32(&r);
        FILE *f = fopen(bad, "wb");
        fwrite(copy, 1, size, f);
        fclose(f);
        VideoReader *v;
        Err e = {0};
        const Picture *p = NULL;
        double t;
        int frames = 0;
        if (!video_reader_open(&v, bad, &e)) {
            assert_true(e.text[0]);
            continue;
        }
        while (frames < 200 && video_reader_next(v, &p, &t, &e) && p)
            frames++;
        video_reader_close(v);
    }
    mem_free(copy);
    mem_free(bytes);
    VideoReader *v;
    Err e = {0};
    assert_false(video_reader_open(&v, in_dir(state, "missing.mp4"), &e));
    Sound s;
    make_test_sound(&s, 8000, 1, 8000);
    assert_true(sound_save_wav(&s, in_dir(state, "s.wav"), 16, NULL));
    e = (Err){0};
    assert_false(video_reader_open(&v, in_dir(state, "s.wav"), &e));
    assert_non_null(strstr(e.text, "has no pictures"));
    sound_finish(&s);
}

static void real_files(void **state)
{
    const char *data = getenv("JIG_TEST_DATA");
    if (!data || !file_is_dir(data))
        skip();
    static const struct {
        const char *name;
        int w, h, frames;
        double fps;
        bool sound;
    } files[] = {{"inputs/person/dancer.avi", 518, 496, 1572, 25, true},
                 {"inputs/g1-robot/J_ShortDance13_SingleLadies_robot.mp4", 640, 480, 840, 60, false},
                 {"inputs/gophers/gopher-dance-long-3x.gif", 192, 192, 24, 0, false}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        VideoReader *r;
        VideoInfo info;
        Err e = {0};
        if (!video_reader_open(&r, arena_printf(*state, "%s/%s", data, files[i].name), &e))
            fail_msg("%s", e.text);
        video_reader_info(r, &info);
        assert_true(info.w == files[i].w && info.h == files[i].h && info.has_sound == files[i].sound);
        assert_true(llabs(info.frames - files[i].frames) <= files[i].frames / 50 + 1);
        assert_true(!files[i].fps || fabs(info.fps - files[i].fps) < 0.05);
        const Picture *p;
        double t, last = -1;
        for (int k = 0; k < 20; k++) {
            assert_true(video_reader_next(r, &p, &t, &e) && p && t > last);
            last = t;
        }
        video_reader_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(rgb_and_stride),
        cmocka_unit_test(sound_is_exact),
        cmocka_unit_test(rates_that_aac_lacks_are_resampled),
        cmocka_unit_test(metadata_survives),
        cmocka_unit_test(same_input_same_bytes),
        cmocka_unit_test(wrong_options),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(seeking),
        cmocka_unit_test(rotation_is_honoured),
        cmocka_unit_test(cut_and_damaged_videos),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests_name("media/video", tests, setup, teardown);
}
