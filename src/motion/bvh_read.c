/* SPDX-License-Identifier: Apache-2.0
 *
 * BVH in. A tree of joints with offsets and channels, then one line of numbers a frame. World = parent's world * local,
 * local = R1 R2 R3 in the order of the channels, degrees; a position channel replaces the offset. What is not true of
 * all files is found out: the axis that is up, the scale (from the legs), which joint is which (bvh_names.c).
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { BVH_MAX_BYTES = 512 << 20, TOKEN = 128 };

typedef struct Scan {
    const char *at, *end;
    int line;
    char token[TOKEN];
} Scan;

typedef struct Tree {
    BvhNode *node;
    int n, channels;
} Tree;

static bool bad(const Scan *s, Err *e, const char *what)
{
    return err_set(e, "line %d: \"%.60s\": %s", s->line, s->token, what);
}

/* The next word; false at the end of the file. Longer words than any sane file has are cut, which then fits nothing. */
static bool next(Scan *s)
{
    while (s->at < s->end && isspace((unsigned char)*s->at))
        s->line += *s->at++ == '\n';
    int n = 0;
    for (; s->at < s->end && !isspace((unsigned char)*s->at); s->at++)
        if (n < TOKEN - 1)
            s->token[n++] = *s->at;
    s->token[n] = 0;
    return n > 0;
}

static bool expect(Scan *s, const char *word, Err *e)
{
    if (next(s) && strcasecmp(s->token, word) == 0)
        return true;
    return err_set(e, "line %d: \"%.60s\", expected \"%s\"", s->line, s->token, word);
}

static bool next_number(Scan *s, double limit, float *out, Err *e)
{
    double v;
    if (!next(s))
        return err_set(e, "line %d: the file ends within its numbers", s->line);
    if (!text_to_double(s->token, &v) || fabs(v) > limit)
        return bad(s, e, "not a number that can be used here");
    *out = (float)v;
    return true;
}

/* Names may hold blanks: everything up to the end of the line or an opening brace. */
static void rest_of_line(Scan *s, char name[BVH_NAME])
{
    int n = 0;
    while (s->at < s->end && *s->at != '\n' && *s->at != '{') {
        if (n < BVH_NAME - 1 && (n || !isspace((unsigned char)*s->at)))
            name[n++] = *s->at;
        s->at++;
    }
    while (n && isspace((unsigned char)name[n - 1]))
        n--;
    name[n] = 0;
}

static bool read_channels(Scan *s, Tree *t, BvhNode *node, Err *e)
{
    static const char *const names[6] = {"Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation"};
    int64_t count;
    unsigned seen = 0;
    if (!next(s) || !text_to_int(s->token, &count) || count < 0 || count > 6)
        return bad(s, e, "0 to 6 channels are possible");
    if (node->channels || node->end)
        return bad(s, e, "channels where none belong");
    for (int i = 0; i < count; i++) {
        int k = 0;
        if (!next(s))
            return bad(s, e, "a channel is missing");
        while (k < 6 && strcasecmp(s->token, names[k]) != 0)
            k++;
        if (k == 6)
            return bad(s, e, "not a channel (Xposition ... Zrotation)");
        if (seen >> k & 1)
            return bad(s, e, "the same channel twice");
        seen |= 1u << k;
        node->channel[node->channels++] = (uint8_t)k;
    }
    t->channels += node->channels;
    return true;
}

static bool add_node(Scan *s, Tree *t, int *current, Err *e)
{
    bool end = strcasecmp(s->token, "End") == 0, root = strcasecmp(s->token, "ROOT") == 0;
    if (root != (t->n == 0) || (!root && *current < 0))
        return bad(s, e, root ? "a second ROOT" : "outside of the ROOT");
    if (!root && t->node[*current].end)
        return bad(s, e, "below an End Site");
    if (t->n == BVH_MAX_NODES)
        return err_set(e, "line %d: more than %d joints", s->line, BVH_MAX_NODES);
    BvhNode *node = &t->node[t->n];
    memset(node, 0, sizeof *node);
    node->parent = *current;
    node->end = end;
    rest_of_line(s, node->name);
    if (!end && !node->name[0])
        return bad(s, e, "a joint without a name");
    *current = t->n++;
    return expect(s, "{", e);
}

static bool read_tree(Scan *s, Tree *t, Err *e)
{
    int current = -1;
    if (!expect(s, "HIERARCHY", e))
        return false;
    while (next(s)) {
        if (strcasecmp(s->token, "MOTION") == 0) {
            if (current >= 0 || t->n == 0)
                return bad(s, e, t->n ? "a brace is not closed" : "there are no joints");
            return true;
        }
        bool joint = strcasecmp(s->token, "ROOT") == 0 || strcasecmp(s->token, "JOINT") == 0;
        if (joint || strcasecmp(s->token, "End") == 0) {
            if (!add_node(s, t, &current, e))
                return false;
        } else if (current < 0) {
            return bad(s, e, "expected ROOT or MOTION");
        } else if (strcasecmp(s->token, "OFFSET") == 0) {
            for (int k = 0; k < 3; k++)
                if (!next_number(s, 1e6, &t->node[current].offset[k], e))
                    return false;
        } else if (strcasecmp(s->token, "CHANNELS") == 0) {
            if (!read_channels(s, t, &t->node[current], e))
                return false;
        } else if (strcmp(s->token, "}") == 0) {
            current = t->node[current].parent;
        } else {
            return bad(s, e, "expected OFFSET, CHANNELS, JOINT, End Site or }");
        }
    }
    return err_set(e, "line %d: the file ends before MOTION", s->line);
}

static bool read_counts(Scan *s, const Tree *t, int *frames, double *fps, Err *e)
{
    int64_t count;
    float seconds = 0;
    if (!expect(s, "Frames:", e))
        return false;
    if (!next(s) || !text_to_int(s->token, &count) || count < 1 || count > CLIP_MAX_FRAMES)
        return err_set(e, "line %d: Frames: %.40s: 1 to %d are possible", s->line, s->token, CLIP_MAX_FRAMES);
    if (!expect(s, "Frame", e) || !expect(s, "Time:", e) || !next_number(s, 10, &seconds, e))
        return false;
    if (!(seconds >= 0.001f && seconds <= 1))
        return bad(s, e, "Frame Time: 0.001 to 1 second is possible");
    if (t->channels == 0)
        return err_set(e, "line %d: no joint has channels", s->line);
    if ((s->end - s->at) / 2 + 1 < count * t->channels) /* a number and a blank take two bytes at least */
        return err_set(e, "line %d: %lld frames of %d numbers are promised, but the file is too short", s->line,
                       (long long)count, t->channels);
    *frames = (int)count;
    *fps = 1 / seconds;
    if (fabs(*fps - round(*fps)) < 0.001 * *fps) /* files round their frame time: 0.0333333 */
        *fps = round(*fps);
    return true;
}

/* One frame: world rotation and place of every node. Numbers are read in the order of the tree. */
static bool read_frame(Scan *s, const Tree *t, M3 *turn, V3 *place, Err *e)
{
    for (int i = 0; i < t->n; i++) {
        const BvhNode *node = &t->node[i];
        float local[3] = {node->offset[0], node->offset[1], node->offset[2]};
        M3 r = m3_identity();
        for (int k = 0; k < node->channels; k++) {
            float v = 0;
            if (!next_number(s, 1e6, &v, e))
                return false;
            if (node->channel[k] < 3) {
                local[node->channel[k]] = v;
            } else {
                M3 one = m3_axis(node->channel[k] - 3, v * (float)(M_PI / 180));
                r = m3_product(&r, &one);
            }
        }
        if (node->parent < 0) {
            turn[i] = r;
            place[i] = v3_at(local);
        } else {
            turn[i] = m3_product(&turn[node->parent], &r);
            place[i] = v3_add(place[node->parent], m3_apply(&turn[node->parent], v3_at(local)));
        }
    }
    return true;
}

/* Joints that the file does not have, from those around them. */
static void complete_pose(Pose p, const int joint[MOTION_JOINTS], const float rest_length[MOTION_BONES], float leg)
{
    V3 shoulders = v3_mix(v3_at(p[JOINT_L_SHOULDER]), v3_at(p[JOINT_R_SHOULDER]), 0.5f);
    V3 hips = v3_mix(v3_at(p[JOINT_L_HIP]), v3_at(p[JOINT_R_HIP]), 0.5f);
    V3 up = v3_unit(v3_sub(shoulders, hips), v3(0, 1, 0));
    float scale = leg / MOTION_LEG;
    if (joint[JOINT_NECK] < 0)
        v3_put(p[JOINT_NECK], v3_add(shoulders, v3_scale(up, 0.07f * scale)));
    if (joint[JOINT_CHEST] < 0)
        v3_put(p[JOINT_CHEST], v3_mix(v3_at(p[JOINT_PELVIS]), v3_at(p[JOINT_NECK]), 0.6f));
    if (joint[JOINT_HEAD] < 0)
        v3_put(p[JOINT_HEAD], v3_add(v3_at(p[JOINT_NECK]), v3_scale(up, rest_length[BONE_HEAD] * scale)));
    float yaw = pose_heading(p), c = cosf(yaw), s = sinf(yaw);
    for (int side = 0; side < 2; side++) {
        int toe = side ? JOINT_R_TOE : JOINT_L_TOE, ankle = side ? JOINT_R_ANKLE : JOINT_L_ANKLE;
        V3 rest = v3_sub(v3_at(motion_rest[toe]), v3_at(motion_rest[ankle]));
        if (joint[toe] < 0)
            v3_put(p[toe], v3_add(v3_at(p[ankle]), v3_scale(v3_turn(rest, c, s), scale)));
    }
}

static bool joints_found(const int joint[MOTION_JOINTS], Err *e)
{
    Text missing = {0};
    for (int j = JOINT_L_SHOULDER; j < JOINT_L_TOE; j++)
        if (joint[j] < 0)
            text_add(&missing, "%s%s", missing.len ? ", " : "", motion_joint_names[j]);
    bool all = missing.len == 0;
    if (!all)
        err_set(e, "no joint is named like a person's %s", missing.s);
    text_finish(&missing);
    return all;
}

/* The axis along which the shoulders are above the ankles, averaged over the clip; z up becomes y up. */
static void stand_up(Clip *c, BvhUp up)
{
    double y = 0, z = 0;
    for (int t = 0; t < c->frames; t++)
        for (int side = 0; side < 2; side++) {
            const float *top = c->pose[t][side ? JOINT_R_SHOULDER : JOINT_L_SHOULDER];
            const float *low = c->pose[t][side ? JOINT_R_ANKLE : JOINT_L_ANKLE];
            y += top[1] - low[1];
            z += top[2] - low[2];
        }
    if (up == BVH_UP_Y || (up == BVH_UP_AUTO && fabs(y) >= fabs(z)))
        return;
    for (int t = 0; t < c->frames; t++)
        for (int j = 0; j < MOTION_JOINTS; j++) {
            float *p = c->pose[t][j];
            v3_put(p, v3(p[0], p[2], -p[1]));
        }
}

static bool read_frames(Scan *s, const Tree *t, const BvhOptions *o, const int joint[MOTION_JOINTS], Clip *c, Err *e)
{
    M3 *turn = mem_alloc((size_t)t->n * sizeof *turn);
    V3 *place = mem_alloc((size_t)t->n * sizeof *place);
    bool good = true;
    for (int f = 0; f < c->frames && good; f++) {
        good = read_frame(s, t, turn, place, e);
        for (int j = 0; j < MOTION_JOINTS && good; j++)
            if (joint[j] >= 0)
                v3_put(c->pose[f][j], place[joint[j]]);
    }
    mem_free(turn);
    mem_free(place);
    if (!good)
        return false;
    stand_up(c, o->up);
    float length[MOTION_BONES], rest[MOTION_BONES];
    clip_mean_lengths(c, length);
    pose_lengths(motion_rest, rest);
    float leg = motion_leg_length(length);
    if (!(leg > 1e-6f))
        return err_set(e, "the legs have no length");
    float scale = o->leg_length < 0 ? -o->leg_length : (o->leg_length > 0 ? o->leg_length : MOTION_LEG) / leg;
    for (int f = 0; f < c->frames; f++) {
        complete_pose(c->pose[f], joint, rest, leg);
        for (int j = 0; j < MOTION_JOINTS; j++)
            v3_put(c->pose[f][j], v3_scale(v3_at(c->pose[f][j]), scale));
    }
    return true;
}

static bool parse(Scan *s, Tree *t, const BvhOptions *o, Clip *c, Err *e)
{
    int joint[MOTION_JOINTS], frames = 0;
    double fps = 0;
    if (!read_tree(s, t, e))
        return false;
    bvh_match(t->node, t->n, joint);
    if (!joints_found(joint, e) || !read_counts(s, t, &frames, &fps, e) || !clip_init(c, frames, fps, e))
        return false;
    if (!read_frames(s, t, o, joint, c, e)) {
        clip_finish(c);
        return false;
    }
    if (next(s))
        log_line(LOG_WARNING, "line %d: more numbers than the %d frames that the file promises", s->line, frames);
    return true;
}

bool clip_parse_bvh(Clip *c, const char *text, size_t size, const char *name, const BvhOptions *o, Err *e)
{
    static const BvhOptions none = {0};
    Scan s = {.at = text, .end = text + size, .line = 1};
    Tree t = {.node = mem_alloc(BVH_MAX_NODES * sizeof *t.node)};
    memset(c, 0, sizeof *c);
    bool good = parse(&s, &t, o ? o : &none, c, e);
    mem_free(t.node);
    if (!good)
        return err_context(e, "%s", name);
    const char *slash = strrchr(name, '/');
    snprintf(c->name, sizeof c->name, "%s", slash ? slash + 1 : name);
    return true;
}

bool clip_read_bvh(Clip *c, const char *path, const BvhOptions *o, Err *e)
{
    char *data;
    size_t size;
    memset(c, 0, sizeof *c);
    if (!file_read(path, BVH_MAX_BYTES, &data, &size, e))
        return false;
    bool good = clip_parse_bvh(c, data, size, path, o, e);
    mem_free(data);
    return good;
}
