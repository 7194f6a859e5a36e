/* SPDX-License-Identifier: Apache-2.0
 *
 * A pose on a figure: rotations of its joints solved from joint positions, then linear blend skinning.
 *
 * Pelvis and chest take full frames (hips or shoulders across, spine up). A limb is turned the shortest way from the
 * frame of its parent, then twisted about itself so that its hinge (elbow, knee) lies across the plane in which the
 * pose bends it: fully where it bends clearly, not at all where it is straight, never beyond a limit, so nothing winds
 * up like a candy wrapper. Hands follow forearms. The head is set by the direction neck to head against the chest.
 * Trunk, head and feet are taken relative to the canonical body at rest (motion_rest): where that stands straight with
 * flat soles, so does the figure, whatever the angles of its own skeleton. Limbs take the pose's directions as they
 * are.
 */
#include "synth/fast.h"
#include "synth/synth_internal.h"

#include <string.h>

/* Of the flesh: shoulders hang on the rib cage, and not on the neck as the bones of moves do. */
static const int8_t rig_parent[SYNTH_JOINTS] = {-1, 0, 1, 2, 1, 4, 5, 1, 7, 8, 0, 10, 11, 0, 13, 14, 12, 15};

static Vec3 at(const Pose p, int j) { return vec3_from(p[j]); }
static Vec3 between(const Pose p, int a, int b) { return vec3_sub(at(p, b), at(p, a)); }
/* Rotation of the pose's pelvis or rib cage against the canonical body at rest. Frames have left, up, front as rows. */
static Mat3 trunk_turn(const Pose pose, void (*frame)(const Pose, float[3][3]))
{
    float now[3][3], rest[3][3];
    frame(pose, now);
    frame(motion_rest, rest);
    Mat3 a = {{vec3_from(now[0]), vec3_from(now[1]), vec3_from(now[2])}};
    Mat3 b = {{vec3_from(rest[0]), vec3_from(rest[1]), vec3_from(rest[2])}};
    a = mat3_transpose(&a);
    return mat3_mul(&a, &b);
}

static float smooth(float lo, float hi, float x)
{
    float t = CLAMP((x - lo) / (hi - lo), 0.0f, 1.0f);
    return t * t * (3 - 2 * t);
}

/* Fades out towards half a turn, where the side to turn to is undecided. */
static float limit_twist(float twist, float limit)
{
    const float fade = 2.1f;
    float size = fabsf(twist);
    float out = size > fade ? limit * ((float)M_PI - size) / ((float)M_PI - fade) : MIN(size, limit);
    return copysignf(MIN(out, limit), twist);
}

/* Upper and lower rotation of the limb a-b-c. `bend` is where the lower part goes at rest when the hinge closes. */
static void solve_limb(const Mesh *m, const Pose pose, int a, int b, int c, Vec3 bend, float limit, const Mat3 *base,
                       Mat3 *upper, Mat3 *lower)
{
    Vec3 d1 = vec3_unit(between(m->rest, a, b)), d2 = vec3_unit(between(m->rest, b, c));
    Vec3 was = mat3_apply(base, d1);
    Vec3 u = vec3_unit_or(between(pose, a, b), was), f = vec3_unit_or(between(pose, b, c), u);
    Mat3 turn = mat3_align(was, u, 1);
    *upper = mat3_mul(&turn, base);
    Vec3 rest_hinge = mat3_apply(upper, vec3_unit(vec3_cross(d1, bend))), hinge = vec3_cross(u, f);
    float bent = smooth(0.15f, 0.6f, vec3_length(hinge));
    if (bent > 0) {
        float twist = atan2f(vec3_dot(vec3_cross(rest_hinge, hinge), u), vec3_dot(rest_hinge, hinge));
        Mat3 t = mat3_turn(u, bent * limit_twist(twist, limit));
        *upper = mat3_mul(&t, upper);
    }
    Mat3 close = mat3_align(mat3_apply(upper, d2), f, 1);
    *lower = mat3_mul(&close, upper);
}

/* The foot keeps the angle between its bone and the floor that the canonical skeleton has: flat stays flat. */
static Mat3 solve_foot(const Mesh *m, const Pose pose, int ankle, int toe, const Mat3 *shin)
{
    Vec3 rest = vec3_unit(between(m->rest, ankle, toe)),
         dir = vec3_unit_or(between(pose, ankle, toe), mat3_apply(shin, rest));
    Vec3 flat = vec3_unit(between(motion_rest, ankle, toe));
    float rise = asinf(CLAMP(dir.y, -1.0f, 1.0f)) + asinf(CLAMP(rest.y, -1.0f, 1.0f)) - asinf(flat.y);
    rise = CLAMP(rise, -1.5f, 1.5f);
    Vec3 level = vec3_unit_or(vec3(dir.x, 0, dir.z), mat3_apply(shin, vec3(0, 0, 1)));
    Vec3 want = vec3_add(vec3_scale(level, cosf(rise)), vec3(0, sinf(rise), 0));
    Mat3 turn = mat3_align(mat3_apply(shin, rest), vec3_unit(want), 1);
    return mat3_mul(&turn, shin);
}

static void solve_head(const Pose pose, const Bearing *b, const Mat3 *chest, Mat3 *neck, Mat3 *head)
{
    Mat3 back = mat3_transpose(chest);
    Vec3 canonical = vec3_unit(between(motion_rest, JOINT_NECK, JOINT_HEAD));
    Vec3 dir = mat3_apply(&back, vec3_unit_or(between(pose, JOINT_NECK, JOINT_HEAD), mat3_apply(chest, canonical)));
    Mat3 tilt = mat3_align(canonical, dir, 1), half = mat3_align(canonical, dir, 0.5f);
    Mat3 yaw = mat3_turn(vec3(0, 1, 0), b->head_yaw), pitch = mat3_turn(vec3(1, 0, 0), b->head_pitch);
    Mat3 half_yaw = mat3_turn(vec3(0, 1, 0), 0.5f * b->head_yaw), look = mat3_mul(&yaw, &pitch);
    *neck = mat3_mul(chest, &half);
    *neck = mat3_mul(neck, &half_yaw);
    *head = mat3_mul(chest, &tilt);
    *head = mat3_mul(head, &look);
}

static void solve_turns(const Mesh *m, const Pose pose, const Bearing *b, Mat3 w[SYNTH_JOINTS])
{
    const Vec3 front = {0, 0, 1}, back = {0, 0, -1};
    w[JOINT_PELVIS] = trunk_turn(pose, pose_pelvis_frame);
    w[JOINT_CHEST] = trunk_turn(pose, pose_chest_frame);
    solve_head(pose, b, &w[JOINT_CHEST], &w[JOINT_NECK], &w[JOINT_HEAD]);
    for (int side = 0; side < 2; side++) {
        int arm = side ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, leg = side ? JOINT_R_HIP : JOINT_L_HIP,
            toe = side ? JOINT_R_TOE : JOINT_L_TOE;
        solve_limb(m, pose, arm, arm + 1, arm + 2, front, 1.2f, &w[JOINT_CHEST], &w[arm], &w[arm + 1]);
        Vec3 along = vec3_unit(between(m->rest, arm + 1, arm + 2));
        Mat3 turn = mat3_turn(along, b->hand_turn[side]);
        Mat3 bend = mat3_turn(vec3_unit(vec3_cross(along, front)), b->hand_bend[side]);
        w[arm + 2] = mat3_mul(&w[arm + 1], &bend);
        w[arm + 2] = mat3_mul(&w[arm + 2], &turn);
        solve_limb(m, pose, leg, leg + 1, leg + 2, back, 0.7f, &w[JOINT_PELVIS], &w[leg], &w[leg + 1]);
        w[toe] = w[leg + 2] = solve_foot(m, pose, leg + 2, toe, &w[leg + 1]);
    }
}

/* Raised arms lift their shoulders: the rig's chest bone holds the collar bones and would leave a dent. */
static Vec3 shrug(const Mesh *m, const Mat3 w[SYNTH_JOINTS], int shoulder)
{
    Vec3 arm = mat3_apply(&w[shoulder], vec3_unit(between(m->rest, shoulder, shoulder + 1)));
    Vec3 up = {w[JOINT_CHEST].r[0].y, w[JOINT_CHEST].r[1].y, w[JOINT_CHEST].r[2].y};
    float raise = smooth(-0.2f, 0.9f, vec3_dot(arm, up));
    return vec3_scale(up, 0.028f * m->height * raise);
}

/* Thickness across the bone by `girth`, the head by its scale; lengths along bones stay. */
static Mat3 flesh_scale(const Mesh *m, const Bearing *b, int j)
{
    Mat3 s = mat3_identity();
    if (j == JOINT_HEAD)
        for (int i = 0; i < 3; i++)
            s.r[i] = vec3_scale(s.r[i], b->head_scale);
    int child = j == JOINT_L_SHOULDER || j == JOINT_L_ELBOW || j == JOINT_R_SHOULDER || j == JOINT_R_ELBOW ||
                        j == JOINT_L_HIP || j == JOINT_L_KNEE || j == JOINT_R_HIP || j == JOINT_R_KNEE
                    ? j + 1
                    : -1;
    if (child > 0) {
        Vec3 d = vec3_unit(between(m->rest, j, child));
        float g = b->girth;
        s = (Mat3){{{g + (1 - g) * d.x * d.x, (1 - g) * d.x * d.y, (1 - g) * d.x * d.z},
                    {(1 - g) * d.x * d.y, g + (1 - g) * d.y * d.y, (1 - g) * d.y * d.z},
                    {(1 - g) * d.x * d.z, (1 - g) * d.y * d.z, g + (1 - g) * d.z * d.z}}};
    }
    return s;
}

static float lowest_sole(const Mesh *m, const Posed *p)
{
    float low = 1e9f;
    for (int side = 0; side < 2; side++) {
        int ankle = side ? JOINT_R_ANKLE : JOINT_L_ANKLE, toe = side ? JOINT_R_TOE : JOINT_L_TOE;
        const float *a = m->rest[ankle], *t = m->rest[toe];
        Vec3 spot[3] = {{a[0], m->sole, a[2] - 0.02f * m->height},
                        {t[0], m->sole, t[2]},
                        {t[0], m->sole, t[2] + 0.03f * m->height}};
        for (int i = 0; i < 3; i++)
            low = MIN(low, mat3_apply(&p->turn[ankle], spot[i]).y + p->shift[ankle].y);
    }
    return low;
}

void skin_move(Posed *p, Vec3 by)
{
    for (int j = 0; j < SYNTH_JOINTS; j++) {
        p->shift[j] = vec3_add(p->shift[j], by);
        p->joint[j] = vec3_add(p->joint[j], by);
    }
    p->crown = vec3_add(p->crown, by);
}

void skin_pose(const Mesh *m, const Pose pose, const Bearing *b, float lift, Posed *out)
{
    Mat3 w[SYNTH_JOINTS];
    solve_turns(m, pose, b, w);
    memset(out->ahead, 0, sizeof out->ahead);
    out->joint[0] = vec3(0, m->rest[0][1], 0);
    for (int j = 1; j < SYNTH_JOINTS; j++) {
        /* toes come last in the order, every other parent before its child */
        int up = rig_parent[j];
        out->joint[j] = vec3_add(out->joint[up], mat3_apply(&w[up], between(m->rest, up, j)));
        if (j == JOINT_L_SHOULDER || j == JOINT_R_SHOULDER)
            out->joint[j] = vec3_add(out->joint[j], shrug(m, w, j));
    }
    for (int j = 0; j < SYNTH_JOINTS; j++) {
        Mat3 s = flesh_scale(m, b, j);
        out->turn[j] = mat3_mul(&w[j], &s);
        out->shift[j] = vec3_sub(out->joint[j], mat3_apply(&out->turn[j], at(m->rest, j)));
    }
    Vec3 crown = vec3(m->rest[JOINT_HEAD][0], m->sole + m->height, m->rest[JOINT_HEAD][2]);
    out->crown = vec3_add(mat3_apply(&out->turn[JOINT_HEAD], crown), out->shift[JOINT_HEAD]);
    skin_move(out, vec3(0, lift - lowest_sole(m, out), 0));
}

SYNTH_FAST void skin_apply(const Mesh *m, const Posed *p, float (*pos)[3], float (*normal)[3])
{
    for (int v = 0; v < m->n_verts; v++) {
        Vec3 q = vec3_from(m->pos[v]), n = vec3_from(m->normal[v]), a = {0, 0, 0}, b = {0, 0, 0};
        for (int k = 0; k < 4 && m->weight[v][k] > 0; k++) {
            int j = m->joint[v][k];
            float w = m->weight[v][k];
            a = vec3_add(a, vec3_scale(vec3_add(mat3_apply(&p->turn[j], q), p->shift[j]), w));
            b = vec3_add(b, vec3_scale(mat3_apply(&p->turn[j], n), w));
        }
        b = vec3_unit(b);
        memcpy(pos[v], &a, sizeof a);
        memcpy(normal[v], &b, sizeof b);
    }
}
