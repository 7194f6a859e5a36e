/* SPDX-License-Identifier: Apache-2.0
 *
 * BVH out: our skeleton in centimetres, mean bone lengths of the clip. Poses are positions, so each bone is turned on
 * its own, by the least rotation from the T-pose. A BVH joint turns all that hangs on it; where several bones share a
 * start (pelvis, neck) each therefore gets a node of no length first, named "pelvis_l_hip". The pelvis carries the
 * heading.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <string.h>

#define DEGREES ((float)(180 / M_PI))

static bool shares_start(int bone)
{
    return motion_bones[bone].parent == JOINT_PELVIS || motion_bones[bone].parent == JOINT_NECK;
}

/* Unit directions of the T-pose: the arms out to the sides, so that no bone ever comes near half a turn from it. */
static void t_pose(V3 dir[MOTION_BONES])
{
    float rest[MOTION_BONES][3];
    pose_directions(motion_rest, rest);
    for (int b = 0; b < MOTION_BONES; b++)
        dir[b] = v3_at(rest[b]);
    dir[BONE_L_ELBOW] = dir[BONE_L_WRIST] = v3(1, 0, 0);
    dir[BONE_R_ELBOW] = dir[BONE_R_WRIST] = v3(-1, 0, 0);
}

static void indent(FILE *f, int depth)
{
    for (int i = 0; i < depth; i++)
        fputc('\t', f);
}

static void open_node(FILE *f, int depth, const char *kind, const char *prefix, const char *name, V3 offset)
{
    indent(f, depth);
    fprintf(f, "%s %s%s\n", kind, prefix, name);
    indent(f, depth);
    fprintf(f, "{\n");
    indent(f, depth + 1);
    fprintf(f, "OFFSET %.5f %.5f %.5f\n", offset.x, offset.y, offset.z);
    indent(f, depth + 1);
    fprintf(f, strcmp(kind, "ROOT") == 0 ? "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
                                         : "CHANNELS 3 Zrotation Xrotation Yrotation\n");
}

static void close_node(FILE *f, int depth)
{
    indent(f, depth);
    fprintf(f, "}\n");
}

/* The joint at the far end of a bone, what hangs on it, and the nodes of no length. order[] gets the bones whose turn
 * each node's rotation channels hold (-1: none), in the order of the file. */
static void write_joint(FILE *f, int depth, int joint, V3 offset, const V3 rest[MOTION_BONES],
                        const float length[MOTION_BONES], int *order, int *n)
{
    open_node(f, depth, joint == JOINT_PELVIS ? "ROOT" : "JOINT", "", motion_joint_names[joint], offset);
    int node = (*n)++, children = 0;
    order[node] = -1;
    for (int b = 0; b < MOTION_BONES; b++) {
        if (motion_bones[b].parent != joint)
            continue;
        int child = motion_bones[b].child;
        V3 away = v3_scale(rest[b], 100 * length[b]);
        children++;
        if (!shares_start(b)) {
            order[node] = b;
            write_joint(f, depth + 1, child, away, rest, length, order, n);
            continue;
        }
        char prefix[32];
        snprintf(prefix, sizeof prefix, "%s_", motion_joint_names[joint]);
        open_node(f, depth + 1, "JOINT", prefix, motion_joint_names[child], v3(0, 0, 0));
        order[(*n)++] = b;
        write_joint(f, depth + 2, child, away, rest, length, order, n);
        close_node(f, depth + 1);
    }
    if (children == 0) {
        indent(f, depth + 1);
        fprintf(f, "End Site\n");
        indent(f, depth + 1);
        fprintf(f, "{\n");
        indent(f, depth + 2);
        fprintf(f, "OFFSET 0 %g 0\n", joint == JOINT_HEAD ? 20.0 : 0.0);
        close_node(f, depth + 1);
    }
    close_node(f, depth);
}

/* Angles of R = Rz Rx Ry. */
static void print_angles(FILE *f, const M3 *r)
{
    float across = hypotf(r->m[0][1], r->m[1][1]);
    float x = atan2f(r->m[2][1], across), y = 0, z;
    if (across > 1e-5f) {
        z = atan2f(-r->m[0][1], r->m[1][1]);
        y = atan2f(-r->m[2][0], r->m[2][2]);
    } else {
        z = atan2f(r->m[1][0], r->m[0][0]);
    }
    fprintf(f, " %.5f %.5f %.5f", z * DEGREES, x * DEGREES, y * DEGREES);
}

static void write_frame(FILE *f, const Pose p, float heading, const V3 rest[MOTION_BONES], const int *order, int nodes)
{
    float dir[MOTION_BONES][3];
    M3 after[MOTION_JOINTS]; /* world turn of what hangs on a joint */
    pose_directions(p, dir);
    after[JOINT_PELVIS] = m3_axis(1, heading);
    fprintf(f, "%.5f %.5f %.5f", 100 * p[0][0], 100 * p[0][1], 100 * p[0][2]);
    print_angles(f, &after[JOINT_PELVIS]);
    M3 none = m3_identity();
    for (int i = 1; i < nodes; i++) { /* parents come first in the order of the file */
        int b = order[i];
        if (b < 0) {
            print_angles(f, &none);
            continue;
        }
        const M3 *parent = &after[motion_bones[b].parent];
        M3 turn = m3_between(rest[b], m3_apply_back(parent, v3_at(dir[b])));
        after[motion_bones[b].child] = m3_product(parent, &turn);
        print_angles(f, &turn);
    }
    fputc('\n', f);
}

bool clip_write_bvh(const Clip *c, const char *path, Err *e)
{
    OutFile o;
    V3 rest[MOTION_BONES];
    float length[MOTION_BONES];
    int order[2 * MOTION_JOINTS], nodes = 0;
    if (!out_open(&o, path, e))
        return false;
    t_pose(rest);
    clip_mean_lengths(c, length);
    fprintf(o.f, "HIERARCHY\n");
    write_joint(o.f, 0, JOINT_PELVIS, v3(0, 0, 0), rest, length, order, &nodes);
    fprintf(o.f, "MOTION\nFrames: %d\nFrame Time: %.9g\n", c->frames, 1 / c->fps);
    float *yaw = mem_alloc((size_t)c->frames * sizeof *yaw);
    clip_headings(c, yaw);
    for (int t = 0; t < c->frames; t++)
        write_frame(o.f, c->pose[t], yaw[t], rest, order, nodes);
    mem_free(yaw);
    return out_commit(&o, e);
}
