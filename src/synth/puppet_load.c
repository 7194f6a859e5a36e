/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of puppets: NAME.png with NAME.joints (looks/figures/README.txt), and characters of AnimatedDrawings
 * (char_cfg.yaml with texture.png and mask.png, 16 joints). Joints come out in DMOT's order, in pixels, with the crown
 * of the head.
 */
#include "media/media.h"
#include "synth/puppet_internal.h"

#include <stdlib.h>
#include <string.h>

static bool check_drawing(const PuppetDrawing *d, int w, int h, Err *e)
{
    int outside = 0;
    for (int j = 0; j <= SYNTH_JOINTS; j++) {
        const float *p = j < SYNTH_JOINTS ? d->joint[j] : d->crown;
        if (!(p[0] > -1e4f && p[0] < 1e4f && p[1] > -1e4f && p[1] < 1e4f))
            return err_set(e, "joint %d lies at %g, %g", j, p[0], p[1]);
        outside += p[0] < -0.05f * w || p[1] < -0.05f * h || p[0] > 1.05f * w || p[1] > 1.05f * h;
    }
    if (outside > 4)
        return err_set(e, "%d joints lie outside the picture of %d x %d; allowed 4", outside, w, h);
    float tall = 0.5f * (d->joint[JOINT_L_ANKLE][1] + d->joint[JOINT_R_ANKLE][1]) - d->crown[1];
    return tall > 16 || err_set(e, "the figure is %g pixels tall; needed: more than 16, head up", tall);
}

/* NAME.joints: "size W H", 18 lines "joint x y", "head_top x y". */
static bool read_joints(PuppetDrawing *d, const char *text, Err *e)
{
    uint32_t found = 0;
    for (const char *line = text; line && *line;) {
        char word[32];
        float x, y;
        if (sscanf(line, "%31s %f %f", word, &x, &y) == 3) {
            int j = motion_find_joint(word);
            float *at = j >= 0 ? d->joint[j] : strcmp(word, "head_top") == 0 ? d->crown : NULL;
            if (at) {
                at[0] = x;
                at[1] = y;
                found |= 1u << (j >= 0 ? j : SYNTH_JOINTS);
            } else if (strcmp(word, "size") != 0) {
                return err_set(e, "\"%s\" is no joint", word);
            }
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    for (int j = 0; j <= SYNTH_JOINTS; j++)
        if (!(found >> j & 1))
            return err_set(e, "%s is missing", j < SYNTH_JOINTS ? motion_joint_names[j] : "head_top");
    return true;
}

/* The 16 joints of AnimatedDrawings: "- loc:", two lines "- number", "name: NAME". */
static bool read_character(PuppetDrawing *d, const char *text, Err *e)
{
    static const struct { const char *name; int joint; } known[] = {
        {"hip", JOINT_PELVIS}, {"torso", JOINT_CHEST}, {"neck", JOINT_HEAD},
        {"left_shoulder", JOINT_L_SHOULDER}, {"left_elbow", JOINT_L_ELBOW}, {"left_hand", JOINT_L_WRIST},
        {"right_shoulder", JOINT_R_SHOULDER}, {"right_elbow", JOINT_R_ELBOW}, {"right_hand", JOINT_R_WRIST},
        {"left_hip", JOINT_L_HIP}, {"left_knee", JOINT_L_KNEE}, {"left_foot", JOINT_L_ANKLE},
        {"right_hip", JOINT_R_HIP}, {"right_knee", JOINT_R_KNEE}, {"right_foot", JOINT_R_ANKLE}};
    uint32_t found = 0;
    for (const char *at = strstr(text, "- loc:"); at; at = strstr(at + 1, "- loc:")) {
        char name[40];
        float x, y;
        if (sscanf(at, "- loc: - %f - %f name: %39s", &x, &y, name) != 3)
            return err_set(e, "a joint is not \"loc: x, y, name\"");
        for (int i = 0; i < (int)ARRAY_LEN(known); i++)
            if (strcmp(name, known[i].name) == 0) {
                d->joint[known[i].joint][0] = x;
                d->joint[known[i].joint][1] = y;
                found |= 1u << i;
            }
    }
    for (int i = 0; i < (int)ARRAY_LEN(known); i++)
        if (!(found >> i & 1))
            return err_set(e, "joint \"%s\" is missing", known[i].name);
    return true;
}

/* What the 16 joints lack: the neck between shoulders and head, toes in front of the feet, the crown of the head in the
 * mask. */
static void complete_character(PuppetDrawing *d, const Picture *p)
{
    float (*j)[2] = d->joint;
    for (int k = 0; k < 2; k++)
        j[JOINT_NECK][k] = 0.5f * (0.5f * (j[JOINT_L_SHOULDER][k] + j[JOINT_R_SHOULDER][k]) + j[JOINT_HEAD][k]);
    float reach = 0.12f * fabsf(j[JOINT_L_ANKLE][1] - j[JOINT_HEAD][1]);
    for (int s = 0; s < 2; s++) {
        int ankle = s ? JOINT_R_ANKLE : JOINT_L_ANKLE, toe = s ? JOINT_R_TOE : JOINT_L_TOE;
        j[toe][0] = j[ankle][0] + (s ? -0.7f : 0.7f) * reach;
        j[toe][1] = j[ankle][1] + 0.4f * reach;
    }
    int x = CLAMP((int)j[JOINT_HEAD][0], 0, p->w - 1), y = CLAMP((int)j[JOINT_HEAD][1], 0, p->h - 1);
    while (y > 0 && p->rgba[4 * ((size_t)(y - 1) * p->w + x) + 3] >= 128)
        y--;
    d->crown[0] = x;
    d->crown[1] = y;
}

static bool load_masked(const char *folder, Picture *p, Err *e)
{
    Arena *a = arena_create();
    Picture mask = {0};
    bool ok = picture_load(arena_printf(a, "%s/texture.png", folder), p, e) &&
              picture_load(arena_printf(a, "%s/mask.png", folder), &mask, e);
    if (ok && (mask.w != p->w || mask.h != p->h))
        ok = err_set(e, "%s: mask.png is %d x %d, texture.png %d x %d", folder, mask.w, mask.h, p->w, p->h);
    for (size_t i = 0; ok && i < (size_t)p->w * p->h; i++)
        p->rgba[4 * i + 3] = mask.rgba[4 * i] >= 128 ? p->rgba[4 * i + 3] : 0;
    picture_finish(&mask);
    arena_destroy(a);
    return ok;
}

Puppet *puppet_load(const char *path, int texture_limit, Err *e)
{
    PuppetDrawing d = {0};
    Picture p = {0};
    char *text = NULL;
    size_t size;
    bool character = text_ends_with(path, ".yaml"), ok = file_read(path, 1 << 18, &text, &size, e);
    if (ok) {
        ok = character ? read_character(&d, text, e) : read_joints(&d, text, e);
        if (!ok)
            err_context(e, "%s", path);
    }
    if (ok) {
        char *name = mem_strdup(path);
        char *cut = strrchr(name, character ? '/' : '.');
        if (character) {
            *cut = 0;
            ok = load_masked(name, &p, e);
        } else {
            Text png = {0};
            text_add(&png, "%.*s.png", (int)(cut - name), name);
            ok = picture_load(png.s, &p, e);
            text_finish(&png);
        }
        mem_free(name);
    }
    if (ok && character)
        complete_character(&d, &p);
    if (ok && !check_drawing(&d, p.w, p.h, e))
        ok = err_context(e, "%s", path);
    Puppet *out = ok ? puppet_make(&d, p.rgba, p.w, p.h, texture_limit, e) : NULL;
    if (ok && !out)
        err_context(e, "%s", path);
    picture_finish(&p);
    mem_free(text);
    return out;
}

void puppet_destroy(Puppet *p)
{
    if (!p)
        return;
    mesh_destroy(p->mesh);
    texture_finish(&p->texture);
    mem_free(p);
}
