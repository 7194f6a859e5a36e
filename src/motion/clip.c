/* SPDX-License-Identifier: Apache-2.0
 *
 * Clips: poses at a steady rate. Cutting, resampling, smoothing, the floor, glitches, pose hits (data/README.md section
 * 2) and the motion on the canonical body. Files are read and written in dmot.c and bvh_*.c.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <stdlib.h>
#include <string.h>

bool clip_init(Clip *c, int frames, double fps, Err *e)
{
    memset(c, 0, sizeof *c);
    if (frames < 1 || frames > CLIP_MAX_FRAMES)
        return err_set(e, "a clip of %d frames: 1 to %d are possible", frames, CLIP_MAX_FRAMES);
    if (!(fps >= 1 && fps <= 1000))
        return err_set(e, "a clip of %g frames a second: 1 to 1000 are possible", fps);
    Pose *pose = mem_try((size_t)frames * sizeof(Pose));
    if (!pose)
        return err_set(e, "no memory for a clip of %d frames", frames);
    memset(pose, 0, (size_t)frames * sizeof(Pose));
    c->frames = frames;
    c->fps = fps;
    c->pose = pose;
    return true;
}

void clip_finish(Clip *c)
{
    if (!c)
        return;
    mem_free(c->pose);
    memset(c, 0, sizeof *c);
}

bool clip_cut(const Clip *in, int first, int count, Clip *out, Err *e)
{
    if (first < 0 || count < 1 || first > in->frames - count)
        return err_set(e, "frames %d to %d of a clip of %d", first, first + count - 1, in->frames);
    if (!clip_init(out, count, in->fps, e))
        return false;
    memcpy(out->pose, in->pose + first, (size_t)count * sizeof(Pose));
    memcpy(out->name, in->name, sizeof out->name);
    return true;
}

bool clip_resample(const Clip *in, double fps, int count, Clip *out, Err *e)
{
    if (!(fps >= 1 && fps <= 1000))
        return err_set(e, "a clip of %g frames a second: 1 to 1000 are possible", fps);
    double frames = in->frames * fps / in->fps;
    if (count == 0)
        count = (int)CLAMP(frames + 0.5, 1, CLIP_MAX_FRAMES + 1.0);
    if (!clip_init(out, count, fps, e))
        return false;
    memcpy(out->name, in->name, sizeof out->name);
    for (int t = 0; t < count; t++) {
        double at = MIN(t * in->fps / fps, in->frames - 1.0);
        int i = MIN((int)at, in->frames - 1), next = MIN(i + 1, in->frames - 1);
        float f = (float)(at - i);
        const float *a = &in->pose[i][0][0], *b = &in->pose[next][0][0];
        float *o = &out->pose[t][0][0];
        for (int k = 0; k < MOTION_JOINTS * 3; k++)
            o[k] = a[k] + f * (b[k] - a[k]);
    }
    return true;
}

void clip_mean_lengths(const Clip *c, float length[MOTION_BONES])
{
    double sum[MOTION_BONES] = {0};
    for (int t = 0; t < c->frames; t++) {
        float one[MOTION_BONES];
        pose_lengths(c->pose[t], one);
        for (int b = 0; b < MOTION_BONES; b++)
            sum[b] += one[b];
    }
    for (int b = 0; b < MOTION_BONES; b++)
        length[b] = (float)(sum[b] / c->frames);
}

void motion_smooth(float *x, int n, int stride, double sigma)
{
    int radius = (int)(4 * sigma + 0.5);
    if (radius < 1 || n < 2)
        return;
    float *weight = mem_alloc((size_t)(radius + 1) * sizeof *weight);
    float *copy = mem_alloc((size_t)n * sizeof *copy);
    double total = 1;
    weight[0] = 1;
    for (int k = 1; k <= radius; k++) {
        weight[k] = expf(-0.5f * (float)(k * k / (sigma * sigma)));
        total += 2 * weight[k];
    }
    for (int i = 0; i < n; i++)
        copy[i] = x[(int64_t)i * stride];
    for (int i = 0; i < n; i++) {
        float sum = weight[0] * copy[i];
        for (int k = 1; k <= radius; k++)
            sum += weight[k] * (copy[MAX(i - k, 0)] + copy[MIN(i + k, n - 1)]);
        x[(int64_t)i * stride] = (float)(sum / total);
    }
    mem_free(copy);
    mem_free(weight);
}

void clip_smooth(Clip *c, double sigma_frames)
{
    for (int k = 0; k < MOTION_JOINTS * 3; k++)
        motion_smooth(&c->pose[0][0][0] + k, c->frames, MOTION_JOINTS * 3, sigma_frames);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double clip_floor(const Clip *c)
{
    float *low = mem_alloc((size_t)c->frames * sizeof *low);
    for (int t = 0; t < c->frames; t++) {
        const Pose *p = &c->pose[t];
        low[t] = MIN(MIN((*p)[JOINT_L_TOE][1], (*p)[JOINT_R_TOE][1]),
                     MIN((*p)[JOINT_L_ANKLE][1], (*p)[JOINT_R_ANKLE][1]));
    }
    qsort(low, (size_t)c->frames, sizeof *low, by_value);
    double floor = low[c->frames / 50];
    mem_free(low);
    return floor;
}

/* ---- the canonical body ------------------------------------------------------------------------------------------ */

/* Bones of the trunk and the frame they are told in. */
static const struct { int bone; bool chest; } structure[] = {
    {BONE_CHEST, false}, {BONE_L_HIP, false}, {BONE_R_HIP, false},
    {BONE_NECK, true}, {BONE_HEAD, true}, {BONE_L_SHOULDER, true}, {BONE_R_SHOULDER, true}};

static V3 bone_local(const Pose p, const M3 *frame, int bone)
{
    V3 way = v3_sub(v3_at(p[motion_bones[bone].child]), v3_at(p[motion_bones[bone].parent]));
    return m3_apply(frame, v3_unit(way, v3(0, 1, 0)));
}

static M3 frame_of(const Pose p, bool chest)
{
    M3 f;
    if (chest)
        pose_chest_frame(p, f.m);
    else
        pose_pelvis_frame(p, f.m);
    return f;
}

/* The rotation that takes the clip's mean direction of each bone of the trunk to that of the canonical body; the same,
 * mirrored, on both sides. */
static void structure_corrections(const Clip *c, M3 correction[ARRAY_LEN(structure)])
{
    V3 mean[MOTION_BONES] = {{0}};
    for (int t = 0; t < c->frames; t++) {
        M3 frames[2] = {frame_of(c->pose[t], false), frame_of(c->pose[t], true)};
        for (size_t s = 0; s < ARRAY_LEN(structure); s++) {
            V3 d = bone_local(c->pose[t], &frames[structure[s].chest], structure[s].bone);
            int twin = motion_mirror_bone[structure[s].bone];
            mean[structure[s].bone] = v3_add(mean[structure[s].bone], d);
            mean[twin] = v3_add(mean[twin], v3(-d.x, d.y, d.z));
        }
    }
    for (size_t s = 0; s < ARRAY_LEN(structure); s++) {
        M3 frame = frame_of(motion_rest, structure[s].chest);
        V3 rest = bone_local(motion_rest, &frame, structure[s].bone);
        correction[s] = m3_between(v3_unit(mean[structure[s].bone], rest), rest);
    }
}

/* How much of the distance between a foot and the middle of the hips belongs to the hip's width: half of it, so that
 * wide hips neither cross the legs nor leave them straddled. */
#define HIP_WIDTH_KEPT 0.5f

static void place_leg(const Pose in, Pose out, const float length[MOTION_BONES], float scale, int hip, int first_bone)
{
    int knee = hip + 1, ankle = hip + 2, toe = motion_bones[first_bone + 3].child;
    V3 old_middle = v3_mix(v3_at(in[JOINT_L_HIP]), v3_at(in[JOINT_R_HIP]), 0.5f);
    V3 new_middle = v3_mix(v3_at(out[JOINT_L_HIP]), v3_at(out[JOINT_R_HIP]), 0.5f);
    V3 foot = v3_at(in[ankle]);
    V3 from_middle = v3_add(new_middle, v3_scale(v3_sub(foot, old_middle), scale));
    V3 from_hip = v3_add(v3_at(out[hip]), v3_scale(v3_sub(foot, v3_at(in[hip])), scale));
    V3 target = v3_mix(from_middle, from_hip, HIP_WIDTH_KEPT);
    target.y = from_middle.y;
    V3 pole = v3_sub(v3_at(in[knee]), v3_mix(v3_at(in[hip]), foot, 0.5f));
    float goal[3], bend[3];
    v3_put(goal, target);
    v3_put(bend, pole);
    limb_solve(out[hip], goal, length[first_bone + 1], length[first_bone + 2], bend, 0, out[knee], out[ankle]);
    V3 sole = v3_unit(v3_sub(v3_at(in[toe]), foot), v3(0, -0.4f, 0.9f));
    v3_put(out[toe], v3_add(v3_at(out[ankle]), v3_scale(sole, length[first_bone + 3])));
}

bool clip_to_canonical(const Clip *in, Clip *out, Err *e)
{
    float length[MOTION_BONES], own[MOTION_BONES];
    M3 correction[ARRAY_LEN(structure)];
    pose_lengths(motion_rest, length);
    clip_mean_lengths(in, own);
    float leg = motion_leg_length(own);
    if (!(leg > 1e-4f))
        return err_set(e, "%s: a body without legs", in->name);
    if (!clip_init(out, in->frames, in->fps, e))
        return false;
    memcpy(out->name, in->name, sizeof out->name);
    float scale = MOTION_LEG / leg;
    structure_corrections(in, correction);
    for (int t = 0; t < in->frames; t++) {
        const Pose *p = &in->pose[t];
        float dir[MOTION_BONES][3], root[3];
        pose_directions(*p, dir);
        M3 frames[2] = {frame_of(*p, false), frame_of(*p, true)};
        for (size_t s = 0; s < ARRAY_LEN(structure); s++) {
            const M3 *f = &frames[structure[s].chest];
            V3 local = m3_apply(&correction[s], bone_local(*p, f, structure[s].bone));
            v3_put(dir[structure[s].bone], m3_apply_back(f, local));
        }
        V3 middle = v3_scale(v3_mix(v3_at((*p)[JOINT_L_HIP]), v3_at((*p)[JOINT_R_HIP]), 0.5f), scale);
        V3 hips = v3_add(v3_scale(v3_at(dir[BONE_L_HIP]), length[BONE_L_HIP]),
                         v3_scale(v3_at(dir[BONE_R_HIP]), length[BONE_R_HIP]));
        v3_put(root, v3_sub(middle, v3_scale(hips, 0.5f)));
        pose_walk(root, dir, length, out->pose[t]);
        place_leg(*p, out->pose[t], length, scale, JOINT_L_HIP, BONE_L_HIP);
        place_leg(*p, out->pose[t], length, scale, JOINT_R_HIP, BONE_R_HIP);
    }
    clip_ground(out);
    return true;
}

void clip_lift(Clip *c, float by)
{
    for (int t = 0; t < c->frames; t++)
        for (int j = 0; j < MOTION_JOINTS; j++)
            c->pose[t][j][1] += by;
}
