/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a dancer thinks of (where the feet stand, how the hips tilt, where the arms point) to the positions of the
 * joints on the canonical body: frames of pelvis and rib cage, legs by two-bone inverse kinematics, arms by their
 * directions.
 */
#include "synth/dance_internal.h"
#include "synth/synth_vec.h"

#include <string.h>

#define REACH 0.985f  /* of the leg: dancers do not lock their knees */
#define SOFTNESS 60.0f /* 1/m: how softly that limit acts on the height of the pelvis */

typedef struct Frame { Vec3 left, up, front; } Frame;

static Vec3 in_frame(const Frame *f, float x, float y, float z)
{
    return vec3_add(vec3_add(vec3_scale(f->left, x), vec3_scale(f->up, y)), vec3_scale(f->front, z));
}

static Frame turned(Frame f, float yaw) /* left hand to the back */
{
    float c = cosf(yaw), s = sinf(yaw);
    Vec3 left = vec3_sub(vec3_scale(f.left, c), vec3_scale(f.front, s));
    f.front = vec3_add(vec3_scale(f.front, c), vec3_scale(f.left, s));
    f.left = left;
    return f;
}

static Frame pitched(Frame f, float a) /* forward */
{
    float c = cosf(a), s = sinf(a);
    Vec3 up = vec3_add(vec3_scale(f.up, c), vec3_scale(f.front, s));
    f.front = vec3_sub(vec3_scale(f.front, c), vec3_scale(f.up, s));
    f.up = up;
    return f;
}

static Frame rolled(Frame f, float a) /* left side up */
{
    float c = cosf(a), s = sinf(a);
    Vec3 left = vec3_add(vec3_scale(f.left, c), vec3_scale(f.up, s));
    f.up = vec3_sub(vec3_scale(f.up, c), vec3_scale(f.left, s));
    f.left = left;
    return f;
}

static void put(Pose p, int joint, Vec3 at) { p[joint][0] = at.x, p[joint][1] = at.y, p[joint][2] = at.z; }

static float rest_distance(int a, int b)
{
    return vec3_length(vec3_sub(vec3_from(motion_rest[a]), vec3_from(motion_rest[b])));
}

void dance_body_rest(Body *b)
{
    memset(b, 0, sizeof *b);
    for (int side = 0; side < 2; side++) {
        b->foot[side] = (Foot){.x = side ? -0.142f : 0.142f, .z = motion_rest[JOINT_L_TOE][2], .contact = true};
        const ArmPose *hangs = dance_arm_pose('d');
        memcpy(b->upper[side], hangs->upper, sizeof hangs->upper);
        memcpy(b->fore[side], hangs->fore, sizeof hangs->fore);
    }
}

/* ---- trunk and arms ---------------------------------------------------------------------------------------------- */

static void place_arm(const Body *b, const Frame *chest, int side, Pose out)
{
    float mirror = side ? -1 : 1;
    int shoulder = side ? JOINT_R_SHOULDER : JOINT_L_SHOULDER;
    Vec3 collar = vec3(0.175f, -0.075f + 0.05f * b->shrug[side], 0.05f * b->reach[side]);
    collar = vec3_scale(vec3_unit(collar), rest_distance(JOINT_NECK, JOINT_L_SHOULDER));
    Vec3 at = vec3_add(vec3_from(out[JOINT_NECK]), in_frame(chest, mirror * collar.x, collar.y, collar.z));
    put(out, shoulder, at);
    const float *bones[2] = {b->upper[side], b->fore[side]};
    for (int k = 0; k < 2; k++) {
        Vec3 d = vec3_unit(vec3(mirror * bones[k][0], bones[k][1], bones[k][2]));
        d = vec3_scale(d, rest_distance(JOINT_L_SHOULDER + k, JOINT_L_SHOULDER + k + 1));
        at = vec3_add(at, in_frame(chest, d.x, d.y, d.z));
        put(out, shoulder + 1 + k, at);
    }
}

static void place_trunk(const Body *b, const Frame *pelvis, Vec3 root, Pose out)
{
    Frame half = rolled(pitched(turned(*pelvis, b->twist / 2), b->bend / 2), -b->lean / 2);
    Frame chest = rolled(pitched(turned(*pelvis, b->twist), b->bend), -b->lean);
    Frame head = rolled(pitched(turned(chest, b->head_yaw), b->head_nod), -b->head_tilt);
    Vec3 at = vec3_add(root, in_frame(&half, 0, 0.33f, -0.01f));
    put(out, JOINT_PELVIS, root);
    put(out, JOINT_CHEST, at);
    at = vec3_add(at, in_frame(&chest, 0, 0.21f, -0.01f));
    put(out, JOINT_NECK, at);
    put(out, JOINT_HEAD, vec3_add(at, in_frame(&head, 0, 0.1f, 0.03f)));
    for (int side = 0; side < 2; side++)
        place_arm(b, &chest, side, out);
}

/* ---- legs -------------------------------------------------------------------------------------------------------- */

/* From the ball of the foot to the ankle: the rest's, turned by the foot's yaw, the heel raised by its pitch. */
static Vec3 ball_to_ankle(const Foot *f, int side)
{
    Vec3 rest = vec3_sub(vec3_from(motion_rest[JOINT_L_ANKLE]), vec3_from(motion_rest[JOINT_L_TOE]));
    float c = cosf(f->pitch), s = sinf(f->pitch), x = side ? -rest.x : rest.x;
    float y = rest.y * c - rest.z * s, z = rest.z * c + rest.y * s;
    return vec3(x * cosf(f->yaw) + z * sinf(f->yaw), y, z * cosf(f->yaw) - x * sinf(f->yaw));
}

static Vec3 ankle_goal(const Body *b, int side)
{
    const Foot *f = &b->foot[side];
    return vec3_add(vec3(f->x, f->y, f->z), ball_to_ankle(f, side));
}

/* The lowest of three heights, rounded where they come near each other. */
static float soft_least(float a, float b, float c)
{
    float low = fminf(a, fminf(b, c));
    return low - logf(expf(-SOFTNESS * (a - low)) + expf(-SOFTNESS * (b - low)) +
                      expf(-SOFTNESS * (c - low))) / SOFTNESS;
}

static float pelvis_height(const Body *b, const Frame *pelvis, float leg)
{
    float wish = motion_rest[JOINT_PELVIS][1] - b->drop + b->rise, limit[2];
    for (int side = 0; side < 2; side++) {
        Vec3 hip = in_frame(pelvis, side ? -0.095f : 0.095f, 0, 0), ankle = ankle_goal(b, side);
        float dx = b->x + hip.x - ankle.x, dz = b->z + hip.z - ankle.z, r = REACH * leg;
        limit[side] = b->foot[side].y > 0.15f ? wish + 1
            : ankle.y - hip.y + sqrtf(fmaxf(r * r - dx * dx - dz * dz, 0.01f));
    }
    return soft_least(wish, limit[0], limit[1]);
}

static void place_leg(const Body *b, const Frame *pelvis, int side, Pose out)
{
    int hip = side ? JOINT_R_HIP : JOINT_L_HIP, toe = side ? JOINT_R_TOE : JOINT_L_TOE;
    const Foot *f = &b->foot[side];
    Vec3 root = vec3_from(out[JOINT_PELVIS]), goal = ankle_goal(b, side);
    put(out, hip, vec3_add(root, in_frame(pelvis, side ? -0.095f : 0.095f, 0, 0)));
    Vec3 ahead = vec3_add(vec3_scale(vec3(sinf(f->yaw), 0, cosf(f->yaw)), 0.6f), vec3_scale(pelvis->front, 0.4f));
    Vec3 pole = vec3_add(ahead, vec3_scale(pelvis->left, side ? -0.15f : 0.15f));
    float target[3] = {goal.x, goal.y, goal.z}, towards[3] = {pole.x, pole.y, pole.z};
    limb_solve(out[hip], target, rest_distance(JOINT_L_HIP, JOINT_L_KNEE), rest_distance(JOINT_L_KNEE, JOINT_L_ANKLE),
               towards, 0,
               out[hip + 1], out[hip + 2]);
    put(out, toe, vec3_sub(vec3_from(out[hip + 2]), ball_to_ankle(f, side)));
}

void dance_body_pose(const Body *b, Pose out)
{
    Frame world = {vec3(1, 0, 0), vec3(0, 1, 0), vec3(0, 0, 1)};
    Frame pelvis = rolled(pitched(turned(world, b->yaw), b->pitch), b->roll);
    float leg = rest_distance(JOINT_L_HIP, JOINT_L_KNEE) + rest_distance(JOINT_L_KNEE, JOINT_L_ANKLE);
    place_trunk(b, &pelvis, vec3(b->x, pelvis_height(b, &pelvis, leg), b->z), out);
    for (int side = 0; side < 2; side++)
        place_leg(b, &pelvis, side, out);
}
