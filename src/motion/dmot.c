/* SPDX-License-Identifier: Apache-2.0
 *
 * DMOT files: ASCII header lines "key value", an empty line, then little-endian float32 of frames x 18 joints x, y, z.
 * Keys that are used: fps, frames, joints (the count and the 18 names in our order). Others are read over. Also reading
 * by content: DMOT or BVH.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <stdio.h>
#include <string.h>

enum { DMOT_MAX_BYTES = 512 << 20, DMOT_MAX_HEADER = 1 << 16, DMOT_MAX_LINE = 1024 };

typedef struct Header { int64_t frames; double fps; bool joints; char name[96]; } Header;

static bool read_joint_names(char *list, int line, Err *e)
{
    char *save = NULL, *word = strtok_r(list, " \t", &save);
    int64_t count;
    if (!word || !text_to_int(word, &count) || count != MOTION_JOINTS)
        return err_set(e, "line %d: joints %s: 18 are needed", line, word ? word : "");
    for (int j = 0; j < MOTION_JOINTS; j++) {
        word = strtok_r(NULL, " \t", &save);
        if (!word || strcmp(word, motion_joint_names[j]) != 0)
            return err_set(e, "line %d: joint %d is \"%.40s\", expected \"%s\"", line, j, word ? word : "",
                           motion_joint_names[j]);
    }
    return true;
}

static bool read_header_line(Header *h, char *text, int line, Err *e)
{
    if (line == 1)
        return strcmp(text, "DMOT1") == 0 || err_set(e, "line 1 is not \"DMOT1\"");
    char *value = strchr(text, ' ');
    if (!value)
        return err_set(e, "line %d: \"%.40s\" has no value", line, text);
    *value++ = 0;
    if (strcmp(text, "name") == 0)
        snprintf(h->name, sizeof h->name, "%s", value);
    else if (strcmp(text, "fps") == 0 && !(text_to_double(value, &h->fps) && h->fps >= 1 && h->fps <= 1000))
        return err_set(e, "line %d: fps %.40s: 1 to 1000 are possible", line, value);
    else if (strcmp(text, "frames") == 0 &&
             !(text_to_int(value, &h->frames) && h->frames >= 1 && h->frames <= CLIP_MAX_FRAMES))
        return err_set(e, "line %d: frames %.40s: 1 to %d are possible", line, value, CLIP_MAX_FRAMES);
    else if (strcmp(text, "joints") == 0) {
        h->joints = true;
        return read_joint_names(value, line, e);
    }
    return true;
}

/* Reads lines up to the empty one; *at is behind it then. */
static bool read_header(Header *h, const char *data, size_t size, size_t *at, Err *e)
{
    char text[DMOT_MAX_LINE];
    size_t pos = 0;
    for (int line = 1;; line++) {
        const char *end = pos < size ? memchr(data + pos, '\n', MIN(size - pos, DMOT_MAX_LINE)) : NULL;
        if (!end || pos > DMOT_MAX_HEADER)
            return err_set(e, "line %d: the header has no end (an empty line)", line);
        size_t n = (size_t)(end - (data + pos));
        memcpy(text, data + pos, n);
        text[n] = 0;
        if (n && text[n - 1] == '\r')
            text[--n] = 0;
        pos = (size_t)(end - data) + 1;
        if (n == 0)
            break;
        if (strlen(text) != n)
            return err_set(e, "line %d: a zero byte in the header", line);
        if (!read_header_line(h, text, line, e))
            return false;
    }
    *at = pos;
    if (!h->joints || !h->frames || !(h->fps > 0))
        return err_set(e, "the header lacks %s", !h->joints ? "joints" : !h->frames ? "frames" : "fps");
    return true;
}

bool clip_parse_dmot(Clip *c, const void *data, size_t size, const char *name, Err *e)
{
    Header h = {0};
    size_t at = 0;
    memset(c, 0, sizeof *c);
    if (!read_header(&h, data, size, &at, e))
        return err_context(e, "%s", name);
    size_t need = (size_t)h.frames * sizeof(Pose);
    if (size - at != need)
        return err_set(e, "%s: %zu bytes of poses, %lld frames need %zu", name, size - at, (long long)h.frames, need);
    if (!clip_init(c, (int)h.frames, h.fps, e))
        return err_context(e, "%s", name);
    snprintf(c->name, sizeof c->name, "%s", h.name[0] ? h.name : name);
    memcpy(c->pose, (const char *)data + at, need);
    const float *x = &c->pose[0][0][0];
    for (int64_t i = 0; i < h.frames * MOTION_JOINTS * 3; i++)
        if (!(fabsf(x[i]) <= 1e4f)) {
            clip_finish(c);
            return err_set(e, "%s: frame %lld, joint %s is not within 10 km", name,
                           (long long)(i / (MOTION_JOINTS * 3)),
                           motion_joint_names[i / 3 % MOTION_JOINTS]);
        }
    return true;
}

bool clip_read_dmot(Clip *c, const char *path, Err *e)
{
    char *data;
    size_t size;
    memset(c, 0, sizeof *c);
    if (!file_read(path, DMOT_MAX_BYTES, &data, &size, e))
        return false;
    bool good = clip_parse_dmot(c, data, size, path, e);
    mem_free(data);
    return good;
}

bool clip_write_dmot(const Clip *c, const char *path, Err *e)
{
    OutFile o;
    char name[sizeof c->name];
    int n = 0;
    for (; c->name[n]; n++) /* the name is one line of the header */
        name[n] = (unsigned char)c->name[n] < ' ' ? '_' : c->name[n];
    name[n] = 0;
    if (!out_open(&o, path, e))
        return false;
    fprintf(o.f, "DMOT1\nname %s\nfps %.9g\nframes %d\njoints %d", n ? name : "clip", c->fps, c->frames,
            MOTION_JOINTS);
    for (int j = 0; j < MOTION_JOINTS; j++)
        fprintf(o.f, " %s", motion_joint_names[j]);
    fprintf(o.f, "\nunits metre axis y_up\ndata f32le frames*joints*xyz\n\n");
    fwrite(c->pose, sizeof(Pose), (size_t)c->frames, o.f);
    return out_commit(&o, e);
}

bool clip_read(Clip *c, const char *path, Err *e)
{
    char *data;
    size_t size;
    memset(c, 0, sizeof *c);
    if (!file_read(path, DMOT_MAX_BYTES, &data, &size, e))
        return false;
    bool good = size >= 5 && memcmp(data, "DMOT1", 5) == 0 ? clip_parse_dmot(c, data, size, path, e)
                                                           : clip_parse_bvh(c, data, size, path, NULL, e);
    mem_free(data);
    return good;
}
