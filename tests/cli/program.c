/* SPDX-License-Identifier: Apache-2.0
 *
 * See program.h.
 */
#include "program.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "media/media.h"

static char folder[256];
static Said said;

int program_setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/jig-test-XXXXXX");
    if (!getenv("JIG_PROGRAM") || !mkdtemp(folder))
        return -1;
    setenv("D", folder, 1);
    return 0;
}

int program_teardown(void **state)
{
    char line[700];
    snprintf(line, sizeof line, "chmod -R u+w '%s' && rm -rf '%s'", folder, folder);
    return system(line);
}

static void read_back(const char *name, char *out, size_t size)
{
    FILE *f = fopen(program_path(name), "rb");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    out[n] = 0;
    if (f)
        fclose(f);
    unlink(program_path(name));
}

static Said *run(const char *args)
{
    char line[8192];
    snprintf(line, sizeof line, "cd '%s' && '%s' %s >.out 2>.err </dev/null", folder, getenv("JIG_PROGRAM"), args);
    int status = system(line);
    said.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_back(".out", said.out, sizeof said.out);
    read_back(".err", said.err, sizeof said.err);
    return &said;
}

Said *program(const char *fmt, ...)
{
    char args[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(args, sizeof args, fmt, ap);
    va_end(ap);
    return run(args);
}

void program_expect(int code, const char *in_stderr, const char *fmt, ...)
{
    char args[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(args, sizeof args, fmt, ap);
    va_end(ap);
    run(args);
    if (said.code != code || (in_stderr && !strstr(said.err, in_stderr)))
        fail_msg("jig %s\nexit %d, wanted %d with '%s'\nstdout: %s\nstderr: %s", args, said.code, code, in_stderr ? in_stderr : "", said.out, said.err);
}

const char *program_path(const char *name)
{
    static char path[8][512];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

const char *program_asset(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/assets/%s", getenv("JIG_SOURCE_ROOT"), name);
    return path;
}

int program_files(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

void program_make_song(const char *name, double seconds, double bpm)
{
    enum { RATE = 22050 };
    Sound s = {.rate = RATE, .channels = 1, .frames = (int64_t)(seconds * RATE)};
    s.samples = mem_zero((size_t)s.frames * sizeof(float));
    Rng r = rng_make(1, 1);
    for (int beat = 0; beat * 60 / bpm < seconds; beat++) {
        int64_t at = (int64_t)(beat * 60 / bpm * RATE);
        double low = beat % 4 == 0 ? 1 : 0.7;
        for (int64_t i = 0; i < RATE / 5 && at + i < s.frames; i++) {
            double t = (double)i / RATE;
            double snare = beat % 2 ? 0.3 * rng_range(&r, -1, 1) * exp(-t / 0.04) : 0;
            s.samples[at + i] += (float)(low * 0.6 * sin(2 * M_PI * 60 * t) * exp(-t / 0.06) + snare);
        }
    }
    Err e = {0};
    if (!sound_save_wav(&s, program_path(name), 16, &e))
        fail_msg("%s", e.text);
    sound_finish(&s);
}

/* Distance of (x, y) from the segment a-b. */
static double from_bone(double x, double y, const double b[4])
{
    double dx = b[2] - b[0], dy = b[3] - b[1], t = ((x - b[0]) * dx + (y - b[1]) * dy) / (dx * dx + dy * dy);
    t = CLAMP(t, 0, 1);
    return hypot(x - b[0] - t * dx, y - b[1] - t * dy);
}

void program_make_picture(const char *name, int w, int h)
{
    static const double bones[][5] = {/* x, y, x, y, half width; in heights */
        {0, .30, 0, .52, .075}, {0, .17, 0, .19, .065}, {-.06, .28, -.17, .42, .03}, {-.17, .42, -.22, .54, .025},
        {.06, .28, .17, .42, .03}, {.17, .42, .22, .54, .025}, {-.04, .52, -.06, .73, .04}, {-.06, .73, -.07, .93, .03},
        {.04, .52, .06, .73, .04}, {.06, .73, .07, .93, .03}};
    static const uint8_t colour[][3] = {{200, 60, 50}, {235, 190, 160}, {200, 60, 50}, {235, 190, 160}, {200, 60, 50}, {235, 190, 160},
        {40, 60, 140}, {40, 60, 140}, {40, 60, 140}, {40, 60, 140}};
    Picture p;
    Err e = {0};
    assert_true(picture_init(&p, w, h, &e));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *c = &p.rgba[((size_t)y * (size_t)w + (size_t)x) * 4];
            c[0] = c[1] = c[2] = (uint8_t)(225 - 20 * y / h), c[3] = 255;
            for (size_t b = 0; b < ARRAY_LEN(bones); b++)
                if (from_bone((x + .5 - w / 2.0) / h, (y + .5) / h, bones[b]) < bones[b][4])
                    memcpy(c, colour[b], 3);
        }
    if (!picture_save(&p, program_path(name), 90, &e))
        fail_msg("%s", e.text);
    picture_finish(&p);
}
