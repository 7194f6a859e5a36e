/* SPDX-License-Identifier: Apache-2.0
 *
 * Sound: no format shifts or lengthens it when it declares its delay, pieces are exact, broken samples and files are
 * noticed. Shifts are measured by cross-correlation over +-3000 samples, which covers every encoder delay in use.
 */
#include "make_media.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/jig-test-sound-XXXXXX";
static int warnings;

static void count_warnings(void *user, LogLevel level, const char *line)
{
    warnings += level == LOG_WARNING;
}

static int setup(void **state)
{
    log_set_sink(count_warnings, NULL);
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

static void load(const char *path, double start, double length, Sound *s)
{
    Err e = {0};
    if (!sound_load(path, start, length, s, &e))
        fail_msg("%s", e.text);
}

static void assert_refused(const char *path, double start, double length, const char *says)
{
    Sound s;
    Err e = {0};
    assert_false(sound_load(path, start, length, &s, &e));
    assert_null(s.samples);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void wav_round_trip(void **state)
{
    const char *path = in_dir(state, "a.wav");
    for (int channels = 1; channels <= 2; channels++)
        for (int bits = 16; bits <= 32; bits += 16) {
            Sound s, back;
            make_test_sound(&s, 44100 / channels, channels, 5001);
            s.samples[7] = 1.5f, s.samples[8] = -1.5f; /* clipped in 16 bits */
            assert_true(sound_save_wav(&s, path, bits, NULL));
            load(path, 0, -1, &back);
            assert_true(back.rate == s.rate && back.channels == channels && back.frames == 5001 && !back.truncated);
            for (int i = 0; i < 5001 * channels; i++) {
                float wanted = bits == 32 ? s.samples[i] : CLAMP(s.samples[i], -1.0f, 32767 / 32768.0f);
                assert_true(fabsf(back.samples[i] - wanted) <= (bits == 32 ? 0 : 0.50001f / 32768));
            }
            sound_finish(&s);
            sound_finish(&back);
        }
    Sound s = {.rate = 8000, .channels = 1, .frames = INT64_MAX / 8};
    Err e = {0};
    assert_false(sound_save_wav(&s, path, 16, &e));
    assert_false(sound_save_wav(&s, path, 24, &e));
    sound_finish(NULL);
}

static void no_format_shifts_the_song(void **state)
{
    static const struct {
        const char *name, *muxer, *encoder;
        bool exact_length;
    } kinds[] = {{"a.flac", "flac", "flac", true},     {"a.ogg", "ogg", "libvorbis", true},
                 {"a.mp3", "mp3", "libmp3lame", true}, {"a.opus", "ogg", "libopus", true},
                 {"a.m4a", "ipod", "aac", false},      {"a.wv", "wv", "wavpack", true}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        Sound s, back;
        bool opus = !strcmp(kinds[i].encoder, "libopus");
        make_test_sound(&s, opus ? 48000 : 44100, 2, 30011);
        const char *path = in_dir(state, kinds[i].name);
        if (make_sound_file(path, kinds[i].muxer, kinds[i].encoder, &s)) {
            load(path, 0, -1, &back);
            assert_int_equal(back.rate, s.rate);
            assert_int_equal(measure_shift(&s, &back, 3000), 0);
            assert_false(back.truncated);
            /* other people's MP4 gives its length in milliseconds */
            int slack = kinds[i].exact_length ? 0 : 48;
            if (llabs(back.frames - s.frames) > slack)
                fail_msg("%s: %lld sample frames became %lld", kinds[i].name, (long long)s.frames,
                         (long long)back.frames);
            sound_finish(&back);
        } else {
            print_message("this FFmpeg has no encoder %s: not tested\n", kinds[i].encoder);
        }
        sound_finish(&s);
    }
}

static void pieces_are_exact(void **state)
{
    Sound s, whole, piece;
    make_test_sound(&s, 44100, 2, 60000);
    const char *path = in_dir(state, "pieces.flac");
    assert_true(make_sound_file(path, "flac", "flac", &s));
    load(path, 0, -1, &whole);
    load(path, 0.5, 0.25, &piece);
    assert_int_equal(piece.frames, 11025);
    assert_memory_equal(piece.samples, whole.samples + 22050 * 2, 11025 * 2 * sizeof(float));
    sound_finish(&piece);
    load(path, 1, 100, &piece);
    assert_int_equal(piece.frames, 60000 - 44100);
    assert_false(piece.truncated);
    sound_finish(&piece);
    assert_refused(path, 2, -1, "it has 1.361 s of sound");
    assert_refused(path, -1, -1, "must be 0 or more");
    assert_refused(path, NAN, -1, "must be 0 or more");
    assert_refused(path, 0, 1e6, "allowed are 21600 at most");
    assert_refused(path, 0, 0, "nothing is left");
    assert_refused(path, 1e300, -1, "nothing is left");
    sound_finish(&whole);
    sound_finish(&s);
}

static void mono(void **state)
{
    Sound s = {.rate = 8000, .channels = 2, .frames = 3, .samples = (float[]){1, 0, 0.5f, 0.5f, -1, 1}};
    float *m;
    assert_true(sound_to_mono(&s, &m, NULL));
    assert_true(m[0] == 0.5f && m[1] == 0.5f && m[2] == 0);
    mem_free(m);
}

static void many_channels_become_two(void **state)
{
    Sound s, back;
    make_test_sound(&s, 8000, 2, 9000);
    const char *path = in_dir(state, "four.wav");
    assert_true(sound_save_wav(&s, path, 16, NULL));
    char *bytes;
    size_t n;
    assert_true(file_read(path, 1 << 20, &bytes, &n, NULL));
    bytes[22] = 4, bytes[32] = 8; /* channels, bytes a frame: half as many frames */
    assert_true(file_write(path, bytes, n, NULL));
    mem_free(bytes);
    load(path, 0, -1, &back);
    assert_true(back.channels == 2 && back.frames == 4500);
    SoundInfo info;
    assert_true(sound_probe(path, &info, NULL));
    assert_true(info.channels == 4 && info.rate == 8000 && !info.has_video);
    sound_finish(&back);
    sound_finish(&s);
}

static void broken_samples_become_silence(void **state)
{
    Sound s, back;
    make_test_sound(&s, 22050, 1, 4000);
    s.samples[100] = NAN, s.samples[200] = INFINITY, s.samples[3999] = -INFINITY;
    const char *path = in_dir(state, "nan.wav");
    assert_true(sound_save_wav(&s, path, 32, NULL));
    warnings = 0;
    load(path, 0, -1, &back);
    assert_int_equal(back.repaired, 3);
    assert_int_equal(warnings, 1);
    assert_true(back.samples[100] == 0 && back.samples[200] == 0 && back.samples[3999] == 0 &&
                back.samples[101] == s.samples[101]);
    sound_finish(&back);
    sound_finish(&s);
}

static void cut(const char *from, const char *to, double share)
{
    char *bytes;
    size_t n;
    assert_true(file_read(from, 1 << 24, &bytes, &n, NULL));
    assert_true(file_write(to, bytes, (size_t)((double)n * share), NULL));
    mem_free(bytes);
}

static void cut_files(void **state)
{
    static const struct {
        const char *name, *muxer, *encoder;
    } kinds[] = {{"c.flac", "flac", "flac"}, {"c.mp3", "mp3", "libmp3lame"}, {"c.wav", "wav", "pcm_s16le"}};
    const char *part = in_dir(state, "part");
    Sound s, back;
    make_test_sound(&s, 44100, 2, 100000);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *path = in_dir(state, kinds[i].name);
        if (!make_sound_file(path, kinds[i].muxer, kinds[i].encoder, &s))
            continue;
        cut(path, part, 0.6);
        warnings = 0;
        load(part, 0, -1, &back);
        assert_true(back.truncated);
        assert_int_equal(warnings, 1);
        assert_in_range(back.frames, 50000, 65000);
        assert_int_equal(measure_shift(&s, &back, 1500), 0);
        sound_finish(&back);
        cut(path, part, 0.0001);
        assert_refused(part, 0, -1, "");
    }
    const char *path = in_dir(state, "c.m4a");
    assert_true(make_sound_file(path, "ipod", "aac", &s));
    cut(path, part, 0.6);
    assert_refused(part, 0, -1, "damaged or cut off: moov atom not found");
    sound_finish(&s);
}

static void damaged_files_do_no_harm(void **state)
{
    static const struct {
        const char *name, *muxer, *encoder;
    } kinds[] = {{"d.flac", "flac", "flac"},
                 {"d.mp3", "mp3", "libmp3lame"},
                 {"d.m4a", "ipod", "aac"},
                 {"d.wav", "wav", "pcm_s16le"}};
    Sound s, back;
    make_test_sound(&s, 16000, 1, 6000);
    Rng r = rng_make(9, 9);
    const char *bad = in_dir(state, "bad");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *path = in_dir(state, kinds[i].name);
        char *bytes, *copy;
        size_t n;
        if (!make_sound_file(path, kinds[i].muxer, kinds[i].encoder, &s))
            continue;
        assert_true(file_read(path, 1 << 20, &bytes, &n, NULL));
        copy = mem_alloc(n);
        for (int k = 0; k < 40; k++) {
            memcpy(copy, bytes, n);
            for (int j = 0; j < 4; j++)
                copy[rng_int(&r, 0, k % 2 ? MIN(100, (int)n - 1) : (int)n - 1)] = (char)rng_u32(&r);
            FILE *f = fopen(bad, "wb");
            fwrite(copy, 1, n, f);
            fclose(f);
            if (sound_load(bad, 0, -1, &back, NULL))
                sound_finish(&back);
        }
        mem_free(copy);
        mem_free(bytes);
    }
    sound_finish(&s);
}

static void not_sounds(void **state)
{
    assert_refused(in_dir(state, "missing.wav"), 0, -1, "No such file");
    assert_refused(dir, 0, -1, "folder");
    const char *path = in_dir(state, "x.wav");
    assert_true(file_write(path, "", 0, NULL));
    assert_refused(path, 0, -1, "is empty");
    assert_true(file_write(path, "just some words that are no sound at all\n", 41, NULL));
    assert_refused(path, 0, -1, "is not a sound, picture or video file");
    Picture p;
    make_test_picture(&p, 40, 40, false);
    const char *png = in_dir(state, "song.png");
    assert_true(picture_save(&p, png, 0, NULL));
    assert_refused(png, 0, -1, "has no sound");
    picture_finish(&p);
    Sound none = {.rate = 8000, .channels = 1};
    assert_true(sound_save_wav(&none, path, 16, NULL));
    assert_refused(path, 0, -1, "nothing of its sound can be decoded");
    SoundInfo info;
    Err e = {0};
    assert_false(sound_probe(png, &info, &e));
}

/* A playlist must not make us open what it names. */
static void lists_open_nothing(void **state)
{
    Sound s;
    make_test_sound(&s, 8000, 1, 8000);
    assert_true(sound_save_wav(&s, in_dir(state, "inner.wav"), 16, NULL));
    static const char *const lists[] = {"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ninner.wav\n#EXT-X-ENDLIST\n",
                                        "ffconcat version 1.0\nfile inner.wav\n"};
    const char *path = in_dir(state, "list.wav");
    char here[1000];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(dir), 0);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_true(file_write(path, lists[i], strlen(lists[i]), NULL));
        assert_refused(path, 0, -1, "list.wav");
    }
    assert_int_equal(chdir(here), 0);
    sound_finish(&s);
}

static void probing(void **state)
{
    Sound s;
    make_test_sound(&s, 44100, 2, 44100);
    const char *path = in_dir(state, "probe.flac");
    assert_true(make_sound_file(path, "flac", "flac", &s));
    SoundInfo info;
    assert_true(sound_probe(path, &info, NULL));
    assert_true(info.rate == 44100 && info.channels == 2 && fabs(info.seconds - 1) < 1e-6 && !info.estimated);
    assert_string_equal(info.codec, "flac");
    assert_string_equal(info.title, "");
    sound_finish(&s);
}

static void real_files(void **state)
{
    const char *data = getenv("JIG_TEST_DATA");
    if (!data || !file_is_dir(data))
        skip();
    Sound s;
    SoundInfo info;
    load(arena_printf(*state, "%s/inputs/person/StreetDance.wav", data), 0, -1, &s);
    assert_true(s.rate == 44100 && s.channels == 2 && s.frames == 838656 && !s.truncated && !s.repaired);
    sound_finish(&s);
    load(arena_printf(*state, "%s/inputs/person/dancer.avi", data), 10, 2, &s);
    assert_int_equal(s.frames, 88200);
    sound_finish(&s);
    const char *song = arena_printf(*state, "%s/music/Kevin_MacLeod_-_Vibe_Ace.hq.ogg", data);
    assert_true(sound_probe(song, &info, NULL));
    assert_string_equal(info.title, "Vibe Ace");
    assert_string_equal(info.artist, "Kevin MacLeod");
    assert_refused(arena_printf(*state, "%s/inputs/g1-robot/J_ShortDance13_SingleLadies_robot.mp4", data), 0, -1,
                   "has no sound");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wav_round_trip),
        cmocka_unit_test(no_format_shifts_the_song),
        cmocka_unit_test(pieces_are_exact),
        cmocka_unit_test(mono),
        cmocka_unit_test(many_channels_become_two),
        cmocka_unit_test(broken_samples_become_silence),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(not_sounds),
        cmocka_unit_test(lists_open_nothing),
        cmocka_unit_test(probing),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests_name("media/sound", tests, setup, teardown);
}
