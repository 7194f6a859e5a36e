/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves: motion without a body, T x 56 at 25 frames a second (spec of the articulated model, section 1). Making them
 * from clips, posing bodies with them, and the bookkeeping of the struct. Edits are in moves_edit.c and moves_time.c.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <string.h>

bool moves_init(Moves *m, int frames, Err *e)
{
    memset(m, 0, sizeof *m);
    if (frames < 1 || frames > CLIP_MAX_FRAMES)
        return err_set(e, "moves of %d frames: 1 to %d are possible", frames, CLIP_MAX_FRAMES);
    m->row = mem_try((size_t)frames * sizeof *m->row);
    if (!m->row)
        return err_set(e, "no memory for moves of %d frames", frames);
    m->frames = frames;
    MovesRow rest = {0};
    pose_directions(motion_rest, (float (*)[3])(rest + MOVES_BONES));
    rest[MOVES_CONTACT] = rest[MOVES_CONTACT + 1] = 1;
    for (int t = 0; t < frames; t++)
        memcpy(m->row[t], rest, sizeof rest);
    return true;
}

void moves_finish(Moves *m)
{
    if (!m)
        return;
    mem_free(m->row);
    mem_free(m->beat);
    mem_free(m->beat_in_bar);
    memset(m, 0, sizeof *m);
}

void moves_set_beats(Moves *m, const double *beat, const int *beat_in_bar, int n)
{
    double *b = n ? mem_alloc((size_t)n * sizeof *b) : NULL;
    int *bar = n ? mem_alloc((size_t)n * sizeof *bar) : NULL;
    for (int i = 0; i < n; i++) {
        b[i] = beat[i];
        bar[i] = beat_in_bar ? beat_in_bar[i] : i % 4 + 1;
    }
    mem_free(m->beat);
    mem_free(m->beat_in_bar);
    m->beats = n;
    m->beat = b;
    m->beat_in_bar = bar;
}

bool moves_copy(const Moves *in, Moves *out, Err *e)
{
    if (!moves_init(out, in->frames, e))
        return false;
    memcpy(out->row, in->row, (size_t)in->frames * sizeof *in->row);
    moves_set_beats(out, in->beat, in->beat_in_bar, in->beats);
    return true;
}

bool moves_cut(const Moves *in, int first, int count, Moves *out, Err *e)
{
    if (first < 0 || count < 1 || first > in->frames - count)
        return err_set(e, "frames %d to %d of moves of %d", first, first + count - 1, in->frames);
    if (!moves_init(out, count, e))
        return false;
    memcpy(out->row, in->row + first, (size_t)count * sizeof *in->row);
    for (int t = 0; t < count; t++)
        for (int k = 0; k < 3; k++)
            out->row[t][k] = in->row[first + t][k] - in->row[first][k];
    double start = (double)first / MOTION_FPS, end = (double)(first + count) / MOTION_FPS;
    int from = 0, to;
    while (from < in->beats && in->beat[from] < start)
        from++;
    for (to = from; to < in->beats && in->beat[to] < end; to++)
        ;
    if (to > from)
        moves_set_beats(out, in->beat + from, in->beat_in_bar + from, to - from);
    for (int i = 0; i < out->beats; i++)
        out->beat[i] -= start;
    return true;
}

bool moves_check(const Moves *m, Err *e)
{
    for (int t = 0; t < m->frames; t++) {
        for (int k = 0; k < MOVES_WIDTH; k++)
            if (!(fabsf(m->row[t][k]) <= 1e4f))
                return err_set(e, "moves: frame %d, column %d is %g", t, k, (double)m->row[t][k]);
        for (int b = 0; b < MOTION_BONES; b++) {
            float length = v3_length(v3_at(&m->row[t][MOVES_BONES + 3 * b]));
            if (!(length >= 0.2f && length <= 5))
                return err_set(e, "moves: frame %d: the direction of bone %s has length %g, expected 1", t,
                               motion_joint_names[motion_bones[b].child], (double)length);
        }
    }
    for (int i = 0; i < m->beats; i++) {
        if (!(fabs(m->beat[i]) <= 1e6) || (i && m->beat[i] <= m->beat[i - 1]))
            return err_set(e, "moves: beat %d at %g s: beats have to rise", i, m->beat[i]);
        if (m->beat_in_bar[i] < 1 || m->beat_in_bar[i] > 64)
            return err_set(e, "moves: beat %d is number %d of its bar: 1 to 64 are possible", i, m->beat_in_bar[i]);
    }
    return true;
}

/* ---- clips ------------------------------------------------------------------------------------------------------- */

bool moves_from_poses(const Clip *c, const Contacts *contact, Moves *out, Err *e)
{
    float length[MOTION_BONES];
    memset(out, 0, sizeof *out);
    if (fabs(c->fps - MOTION_FPS) > 1e-6)
        return err_set(e, "%s: %g frames a second, moves have %d", c->name, c->fps, MOTION_FPS);
    clip_mean_lengths(c, length);
    float leg = motion_leg_length(length);
    if (!(leg > 1e-4f))
        return err_set(e, "%s: a body without legs", c->name);
    if (!moves_init(out, c->frames, e))
        return false;
    for (int t = 0; t < c->frames; t++) {
        float *row = out->row[t];
        for (int k = 0; k < 3; k++)
            row[k] = (c->pose[t][JOINT_PELVIS][k] - c->pose[0][JOINT_PELVIS][k]) / leg;
        pose_directions(c->pose[t], (float (*)[3])(row + MOVES_BONES));
        memcpy(row + MOVES_CONTACT, contact[t], sizeof contact[t]);
    }
    return true;
}

bool moves_from_clip(const Clip *c, Moves *out, Err *e)
{
    Clip r;
    memset(out, 0, sizeof *out);
    if (!clip_resample(c, MOTION_FPS, 0, &r, e))
        return false;
    Contacts *contact = mem_alloc((size_t)r.frames * sizeof *contact);
    clip_find_contacts(&r, contact);
    bool good = moves_from_poses(&r, contact, out, e);
    mem_free(contact);
    clip_finish(&r);
    return good;
}

void moves_pose(const MovesRow row, const float length[MOTION_BONES], Pose out)
{
    float leg = motion_leg_length(length), root[3], dir[MOTION_BONES][3];
    for (int k = 0; k < 3; k++)
        root[k] = row[k] * leg;
    for (int b = 0; b < MOTION_BONES; b++)
        v3_put(dir[b], v3_unit(v3_at(&row[MOVES_BONES + 3 * b]), v3(0, -1, 0)));
    pose_walk(root, dir, length, out);
}

/* Where the floor is: the mean height of the toes that are in contact; without any, as for any clip. */
static float moves_floor(const Clip *c, const Contacts *contact)
{
    double sum = 0;
    int count = 0;
    for (int t = 0; t < c->frames; t++)
        for (int foot = 0; foot < 2; foot++)
            if (contact[t][foot] >= 0.5f) {
                sum += c->pose[t][foot ? JOINT_R_TOE : JOINT_L_TOE][1];
                count++;
            }
    return count ? (float)(sum / count) : (float)clip_floor(c);
}

bool moves_to_clip(const Moves *m, const float length[MOTION_BONES], Clip *out, Err *e)
{
    float canonical[MOTION_BONES];
    pose_lengths(motion_rest, canonical);
    const float *l = length ? length : canonical;
    if (!(motion_leg_length(l) > 0))
        return err_set(e, "a body without legs");
    if (!clip_init(out, m->frames, MOTION_FPS, e))
        return false;
    Contacts *contact = mem_alloc((size_t)m->frames * sizeof *contact);
    for (int t = 0; t < m->frames; t++) {
        moves_pose(m->row[t], l, out->pose[t]);
        memcpy(contact[t], m->row[t] + MOVES_CONTACT, sizeof contact[t]);
    }
    clip_lift(out, -moves_floor(out, contact));
    clip_fix_feet(out, contact, 0);
    mem_free(contact);
    return true;
}

void moves_normalise(Moves *m)
{
    MovesRow rest = {0};
    pose_directions(motion_rest, (float (*)[3])(rest + MOVES_BONES));
    for (int t = 0; t < m->frames; t++) {
        float *row = m->row[t];
        for (int k = MOVES_BONES; k < MOVES_CONTACT; k += 3) {
            float off = row[k] * row[k] + row[k + 1] * row[k + 1] + row[k + 2] * row[k + 2] - 1;
            if (!(fabsf(off) < 1e-6f)) /* done twice, it changes nothing */
                v3_put(row + k, v3_unit(v3_at(row + k), v3_at(rest + k)));
        }
        for (int k = MOVES_CONTACT; k < MOVES_WIDTH; k++)
            row[k] = CLAMP(row[k], 0.0f, 1.0f);
    }
}
