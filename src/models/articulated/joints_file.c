/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of `jig pose` and --joints: JSON with the joints of a figure, for people to correct (form in articulated.h). Read
 * with every mistake named; written beside its place and renamed.
 */
#include "models/articulated/articulated_internal.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

enum { JOINTS_FILE_MAX = 1 << 20 };

typedef struct JointsFile {
    int width, height;
    float joint[FIGURE_JOINTS][2], depth[FIGURE_JOINTS], presence[FIGURE_JOINTS];
    bool has_depth;
    char mask[256];
} JointsFile;

static bool read_size(const cJSON *root, const char *key, int *out, Err *e)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsNumber(v) || v->valuedouble < 1 || v->valuedouble > PICTURE_MAX_SIDE || v->valuedouble != floor(v->valuedouble))
        return err_set(e, "\"%s\" must be the picture's size in pixels, a whole number from 1 to %d", key, PICTURE_MAX_SIDE);
    *out = (int)v->valuedouble;
    return true;
}

static bool read_joint(const cJSON *v, JointsFile *f, Err *e)
{
    int j = motion_find_joint(v->string);
    if (j < 0) {
        Text all = {0};
        for (int i = 0; i < FIGURE_JOINTS; i++) text_add(&all, "%s%s", i ? ", " : "", motion_joint_names[i]);
        err_set(e, "there is no joint \"%s\"; the joints are: %s", v->string, all.s);
        text_finish(&all);
        return false;
    }
    if (cJSON_IsNull(v)) return true;
    int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 0;
    if (n != 2 && n != 3) return err_set(e, "joint \"%s\" must be [x, y], [x, y, depth] or null", v->string);
    double c[3] = {0};
    for (int i = 0; i < n; i++) {
        const cJSON *number = cJSON_GetArrayItem(v, i);
        if (!cJSON_IsNumber(number) || !(fabs(number->valuedouble) <= 1e6))
            return err_set(e, "joint \"%s\": value %d is not a number of pixels", v->string, i + 1);
        c[i] = number->valuedouble;
    }
    if (f->presence[j] > 0) return err_set(e, "joint \"%s\" is given twice", v->string);
    f->joint[j][0] = (float)c[0], f->joint[j][1] = (float)c[1], f->depth[j] = (float)c[2];
    f->presence[j] = 1;
    f->has_depth |= n == 3;
    return true;
}

static bool parse(const char *text, JointsFile *f, Err *e)
{
    const char *stop = NULL;
    cJSON *root = cJSON_ParseWithOpts(text, &stop, true);
    if (!root) {
        int line = 1;
        for (const char *p = text; stop && p < stop; p++) line += *p == '\n';
        return err_set(e, "line %d: this is not JSON", line);
    }
    bool ok = cJSON_IsObject(root) || err_set(e, "not an object with \"width\", \"height\" and \"joints\"");
    ok = ok && read_size(root, "width", &f->width, e) && read_size(root, "height", &f->height, e);
    const cJSON *joints = cJSON_GetObjectItemCaseSensitive(root, "joints"), *mask = cJSON_GetObjectItemCaseSensitive(root, "mask"), *v;
    if (ok && !cJSON_IsObject(joints)) ok = err_set(e, "\"joints\" is missing");
    if (ok) cJSON_ArrayForEach(v, joints)
        if (!(ok = read_joint(v, f, e))) break;
    if (ok && mask && !cJSON_IsNull(mask)) {
        const char *name = cJSON_GetStringValue(mask);
        if (!name || !*name || strlen(name) >= sizeof f->mask || strchr(name, '/') || strchr(name, '\\') || name[0] == '.')
            ok = err_set(e, "\"mask\" must be the name of a picture beside this file");
        else
            strcpy(f->mask, name);
    }
    cJSON_Delete(root);
    return ok;
}

/* The mask picture beside the file: its alpha where it has one, else its brightness. */
static bool read_mask(Figure *f, const char *path, const char *name, Err *e)
{
    Text full = {0};
    const char *slash = strrchr(path, '/');
    if (slash) text_add_bytes(&full, path, (size_t)(slash - path) + 1);
    text_add(&full, "%s", name);
    Picture p = {0}, scaled = {0};
    bool ok = picture_load(full.s, &p, e) && picture_resize(&p, f->width, f->height, &scaled, e);
    bool alpha = ok && picture_is_cut_out(&p);
    for (size_t i = 0; ok && i < (size_t)f->width * (size_t)f->height; i++) {
        const uint8_t *c = scaled.rgba + 4 * i;
        f->mask[i] = alpha ? c[3] : (uint8_t)((c[0] * 77 + c[1] * 150 + c[2] * 29) >> 8);
    }
    picture_finish(&p);
    picture_finish(&scaled);
    text_finish(&full);
    return ok;
}

static bool mask_is_usable(const Figure *f, Err *e)
{
    size_t on = 0, n = (size_t)f->width * (size_t)f->height;
    for (size_t i = 0; i < n; i++) on += f->mask[i] >= 128;
    return on >= 64 || err_set(e, "the mask covers %zu pixels of the picture; at least 64 are needed", on);
}

bool articulated_figure_read_joints(Figure *out, const char *path, const Picture *picture, Err *e)
{
    char *text;
    size_t n;
    JointsFile f = {0};
    *out = (Figure){0};
    if (!file_read(path, JOINTS_FILE_MAX, &text, &n, e)) return false;
    bool ok = strlen(text) == n || err_set(e, "this is not JSON");
    ok = ok && parse(text, &f, e);
    mem_free(text);
    if (ok) {
        float sx = (float)picture->w / (float)f.width, sy = (float)picture->h / (float)f.height;
        if (fabsf(sx / sy - 1) > 0.02f)
            ok = err_set(e, "the joints are for a picture of %d x %d, this one is %d x %d", f.width, f.height, picture->w, picture->h);
        for (int j = 0; j < FIGURE_JOINTS; j++) f.joint[j][0] *= sx, f.joint[j][1] *= sy, f.depth[j] *= sy;
    }
    ok = ok && articulated_figure_from_joints(out, picture, f.joint, f.has_depth ? f.depth : NULL, f.presence, e);
    if (ok && f.mask[0]) {
        ok = read_mask(out, path, f.mask, e);
        if (ok) {
            WorkPicture work;
            work_picture_init(&work, picture);
            figure_label_by_bones(out, &work);
            work_picture_finish(&work);
        }
    }
    ok = ok && mask_is_usable(out, e);
    if (!ok) {
        articulated_figure_finish(out);
        err_context(e, "%s", path);
    }
    return ok;
}

bool articulated_figure_write_joints(const Figure *f, const char *path, const char *mask_name, Err *e)
{
    Text t = {0};
    text_add(&t, "{\n  \"width\": %d,\n  \"height\": %d,\n  \"joints\": {\n", f->width, f->height);
    for (int j = 0; j < FIGURE_JOINTS; j++) {
        text_add(&t, "    \"%s\": ", motion_joint_names[j]);
        if (f->presence[j] < 0.5f)
            text_add(&t, "null");
        else if (f->has_depth)
            text_add(&t, "[%.1f, %.1f, %.1f]", (double)f->joint[j][0], (double)f->joint[j][1], (double)f->depth[j]);
        else
            text_add(&t, "[%.1f, %.1f]", (double)f->joint[j][0], (double)f->joint[j][1]);
        text_add(&t, "%s\n", j < FIGURE_JOINTS - 1 ? "," : "");
    }
    text_add(&t, "  }");
    if (mask_name) {
        cJSON *quoted = cJSON_CreateString(mask_name);
        char *s = cJSON_PrintUnformatted(quoted);
        text_add(&t, ",\n  \"mask\": %s", s);
        cJSON_free(s);
        cJSON_Delete(quoted);
    }
    text_add(&t, "\n}\n");
    bool ok = file_write(path, t.s, t.len, e);
    text_finish(&t);
    return ok;
}
