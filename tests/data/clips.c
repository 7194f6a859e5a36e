/* SPDX-License-Identifier: Apache-2.0
 *
 * See clips.h.
 */
#include "clips.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char folder[64];

const char *clips_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/jig-clips-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    return folder;
}

void clips_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", clips_folder());
    assert_int_equal(system(command), 0);
    folder[0] = 0;
}

const char *clips_path(const char *name)
{
    static char paths[8][256];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", clips_folder(), name);
    return p;
}

void clips_write(const char *name, const char *text)
{
    Err e = {0};
    if (!file_write(clips_path(name), text, strlen(text), &e))
        fail_msg("%s", e.text);
}

static void paint(uint8_t *rgb, int w, int h, double t, double bpm, int look)
{
    double phase = t * bpm / 60, hop = fabs(sin(M_PI * phase)), side = w / 4.0;
    double x0 = (w - side) * (0.5 + 0.3 * sin(M_PI * phase / 2)), y0 = (h - side) * (1 - 0.6 * hop);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            bool in = x >= x0 && x < x0 + side && y >= y0 && y < y0 + side;
            for (int c = 0; c < 3; c++)
                *rgb++ = (uint8_t)(in ? (c == look % 3 ? 230 : 40) : 120 + 40 * ((x / 8 + look) % 2));
        }
}

static void make_song(const char *name, double seconds, double bpm)
{
    char file[128];
    Err e = {0};
    Sound s = {.rate = 8000, .channels = 1, .frames = llround(seconds * 8000)};
    Text beats = {0};
    s.samples = mem_zero((size_t)s.frames * sizeof(float));
    for (int64_t i = 0; i < s.frames; i++) {
        double in_beat = fmod(i / 8000.0, 60 / bpm);
        s.samples[i] = (float)(0.8 * exp(-in_beat / 0.02) * sin(2 * M_PI * 1000 * in_beat));
    }
    snprintf(file, sizeof file, "%s.wav", name);
    assert_true(sound_save_wav(&s, clips_path(file), 16, &e));
    for (int i = 0; i * 60 / bpm < seconds; i++)
        text_add(&beats, "%.6f\t%d\n", i * 60 / bpm, i % 4 + 1);
    snprintf(file, sizeof file, "%s.beats", name);
    clips_write(file, beats.s);
    text_finish(&beats);
    sound_finish(&s);
}

void clips_make(const char *name, int w, int h, int fps, double seconds, double bpm, int look)
{
    char file[128];
    Err e = {0};
    VideoOptions o = {.w = w, .h = h, .fps_num = fps, .fps_den = 1, .quality = 12};
    VideoWriter *v;
    snprintf(file, sizeof file, "%s.mp4", name);
    if (!video_writer_open(&v, clips_path(file), &o, &e))
        fail_msg("%s", e.text);
    uint8_t *rgb = mem_alloc((size_t)(3 * w * h));
    for (int i = 0; i < llround(seconds * fps); i++) {
        paint(rgb, w, h, (double)i / fps, bpm, look);
        assert_true(video_writer_frame(v, rgb, 3, (size_t)(3 * w), &e));
    }
    assert_true(video_writer_finish(v, &e));
    mem_free(rgb);
    make_song(name, seconds, bpm);
}
