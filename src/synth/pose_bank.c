/* SPDX-License-Identifier: Apache-2.0
 *
 * The bank of captured poses, and mixtures of them: the trunk of one frame with arms and legs of others, each turned
 * with the part it hangs on.
 */
#include "synth/poses.h"

#include <stdlib.h>
#include <string.h>

struct PoseBank {
    PoseFrame *frame;
    int n;
    struct { int first, count; float weight; } *clip;
    int n_clips;
    float total;
};

enum { PER_SECOND = 10 };

static void keep(PoseBank *b, const Pose p)
{
    if ((b->n & (b->n - 1)) == 0)
        b->frame = mem_resize(b->frame, sizeof *b->frame * MAX(1024, 2 * b->n));
    PoseFrame *f = &b->frame[b->n++];
    memcpy(f->p, p, sizeof f->p);
    float low = 1e9f;
    for (int s = 0; s < 2; s++) {
        low = MIN(low, p[s ? JOINT_R_TOE : JOINT_L_TOE][1]);
        low = MIN(low, p[s ? JOINT_R_ANKLE : JOINT_L_ANKLE][1] - motion_rest[JOINT_L_ANKLE][1]);
    }
    f->lift = low > 0.03f ? MIN(low / MOTION_LEG, 0.6f) : 0;
    float x = p[JOINT_PELVIS][0], z = p[JOINT_PELVIS][2];
    for (int j = 0; j < SYNTH_JOINTS; j++) {
        f->p[j][0] -= x;
        f->p[j][2] -= z;
    }
    pose_turn(f->p, -pose_heading(f->p));
}

/* data/README.md section 4: shares by time of the families. */
static float family_weight(ClipFamily f) { return f == CLIP_G1 ? 1.0f : f == CLIP_CMU ? 1.1f : 2.5f; }

static bool is_bad(const ClipEntry *entry, double seconds)
{
    for (int i = 0; i < entry->n_bad; i++)
        if (seconds > entry->bad[i][0] - 0.1 && seconds < entry->bad[i][1] + 0.1)
            return true;
    return false;
}

static bool add_clip(PoseBank *b, const ClipEntry *entry, Err *e)
{
    Clip raw, clip;
    if (!clip_read(&raw, entry->path, e))
        return false;
    bool ok = clip_to_canonical(&raw, &clip, e);
    clip_finish(&raw);
    if (!ok)
        return err_context(e, "%s", entry->path);
    int first = b->n;
    double step = MAX(1.0, clip.fps / PER_SECOND);
    for (double at = 0; at < clip.frames; at += step)
        if (!is_bad(entry, at / clip.fps))
            keep(b, clip.pose[(int)at]);
    clip_finish(&clip);
    b->clip = mem_resize(b->clip, sizeof *b->clip * (b->n_clips + 1));
    b->clip[b->n_clips].first = first;
    b->clip[b->n_clips].count = b->n - first;
    b->clip[b->n_clips].weight = family_weight(entry->family) * (b->n - first);
    b->total += b->clip[b->n_clips++].weight;
    return true;
}

PoseBank *poses_open(const char *motion, bool held_out, Err *e)
{
    PoseBank *b = mem_zero(sizeof *b);
    if (!motion)
        return b;
    ClipIndex index;
    bool ok = clip_index_read(&index, motion, e);
    if (ok) {
        for (int i = 0; i < index.n && ok; i++)
            if (index.entry[i].held_out == held_out)
                ok = add_clip(b, &index.entry[i], e);
        clip_index_finish(&index);
    }
    if (ok && b->n == 0)
        ok = err_set(e, "%s: no %s clips", motion, held_out ? "held-out" : "training");
    if (!ok) {
        poses_close(b);
        return NULL;
    }
    return b;
}

void poses_close(PoseBank *b)
{
    if (!b)
        return;
    free(b->frame);
    free(b->clip);
    mem_free(b);
}

static void pick(const PoseBank *b, Rng *r, PoseFrame *out)
{
    if (b->n == 0 || rng_chance(r, 0.04f)) {
        poses_invent(r, out);
        return;
    }
    float at = rng_float(r) * b->total;
    int c = 0;
    while (c < b->n_clips - 1 && (at -= b->clip[c].weight) > 0)
        c++;
    *out = b->frame[b->clip[c].first + rng_int(r, 0, MAX(0, b->clip[c].count - 1))];
    if (rng_chance(r, 0.5f)) {
        Pose p;
        pose_mirror(out->p, p);
        memcpy(out->p, p, sizeof p);
    }
}

/* Hangs the chain of n joints after `root` of `from` onto `to`: positions in `from`'s frame, carried into `to`'s. */
static void graft(PoseFrame *to, const PoseFrame *from, const int *chain, int n, int root,
                  void (*frame)(const Pose, float[3][3]))
{
    float a[3][3], b[3][3];
    frame(from->p, a);
    frame(to->p, b);
    for (int i = 0; i < n; i++) {
        Vec3 v = vec3_sub(vec3_from(from->p[chain[i]]), vec3_from(from->p[root])), out = vec3_from(to->p[root]);
        for (int k = 0; k < 3; k++)
            out = vec3_add(out, vec3_scale(vec3_from(b[k]), vec3_dot(v, vec3_from(a[k]))));
        memcpy(to->p[chain[i]], &out, sizeof out);
    }
}

void poses_draw(const PoseBank *b, Rng *r, PoseFrame *out)
{
    static const int arms[2][2] = {{JOINT_L_ELBOW, JOINT_L_WRIST}, {JOINT_R_ELBOW, JOINT_R_WRIST}};
    static const int legs[2][3] = {{JOINT_L_KNEE, JOINT_L_ANKLE, JOINT_L_TOE},
                                   {JOINT_R_KNEE, JOINT_R_ANKLE, JOINT_R_TOE}};
    PoseFrame other;
    pick(b, r, out);
    bool mixed = rng_chance(r, 0.5f);
    for (int s = 0; s < 2 && mixed; s++)
        if (rng_chance(r, 0.7f)) {
            pick(b, r, &other);
            graft(out, &other, arms[s], 2, s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, pose_chest_frame);
        }
    if (mixed && rng_chance(r, 0.4f)) {
        pick(b, r, &other);
        out->lift = other.lift;
        for (int s = 0; s < 2; s++)
            graft(out, &other, legs[s], 3, s ? JOINT_R_HIP : JOINT_L_HIP, pose_pelvis_frame);
    }
}
