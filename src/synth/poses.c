/* SPDX-License-Identifier: Apache-2.0
 *
 * Poses for pairs (spec/articulated.md section 7): captured frames, arms and legs mixed between them, and poses by
 * joint angles.
 */
#include "synth/place.h"
#include "synth/poses.h"

#include <string.h>

/* ---- by joint angles
 * ------------------------------------------------------------------------------------------------- */
static void put(Pose p, int j, Vec3 v)
{
    p[j][0] = v.x;
    p[j][1] = v.y;
    p[j][2] = v.z;
}

static Vec3 step(const Pose p, int from, Vec3 dir, float length)
{
    return vec3_add(vec3_from(p[from]), vec3_scale(vec3_unit(dir), length));
}

typedef struct Angles {
    float lean, side, twist;                 /* trunk forward, to the left, chest against hips */
    float arm_out[2], arm_front[2], bend[2], bend_turn[2];
    float leg_out[2], leg_front[2], knee[2];
} Angles;

/* Arm: hangs down at 0, `out` lifts it sideways, `front` turns that plane forward; the elbow bends towards `bend_turn`
 * between the front (0) and the mid-line (+) or the outside (-). */
static void pose_arm(Pose p, const Mat3 *chest, int shoulder, float side, float out, float front, float bend,
                     float turn)
{
    Vec3 d = vec3(side * sinf(out) * cosf(front), -cosf(out), sinf(out) * sinf(front));
    Vec3 fore = vec3_unit(vec3(-side * sinf(turn), 0.35f * sinf(out), cosf(turn)));
    Vec3 across = vec3_unit_or(vec3_sub(fore, vec3_scale(d, vec3_dot(d, fore))), vec3(0, 0, 1));
    Vec3 f = vec3_add(vec3_scale(d, cosf(bend)), vec3_scale(across, sinf(bend)));
    put(p, shoulder + 1, step(p, shoulder, mat3_apply(chest, d), 0.28f));
    put(p, shoulder + 2, step(p, shoulder + 1, mat3_apply(chest, f), 0.25f));
}

static void pose_leg(Pose p, const Mat3 *pelvis, int hip, int toe, float side, float out, float front, float knee)
{
    Vec3 d = vec3(side * sinf(out), -cosf(out) * cosf(front), cosf(out) * sinf(front));
    Vec3 back = vec3(0, -sinf(front), -cosf(front));
    Vec3 s = vec3_add(vec3_scale(d, cosf(knee)), vec3_scale(back, sinf(knee)));
    put(p, hip + 1, step(p, hip, mat3_apply(pelvis, d), 0.43f));
    put(p, hip + 2, step(p, hip + 1, mat3_apply(pelvis, s), 0.42f));
    Vec3 flat = vec3_unit(vec3_sub(vec3_from(motion_rest[JOINT_L_TOE]), vec3_from(motion_rest[JOINT_L_ANKLE])));
    float rise = asinf(flat.y) - MAX(0.0f, knee - 1.0f);
    Vec3 ahead = mat3_apply(pelvis, vec3(side * 0.25f, 0, 1));
    ahead = vec3_unit(vec3(ahead.x, 0, ahead.z));
    put(p, toe, step(p, hip + 2, vec3(ahead.x * cosf(rise), sinf(rise), ahead.z * cosf(rise)), 0.17f));
}

static void pose_from(const Angles *a, PoseFrame *out)
{
    Mat3 lean = mat3_turn(vec3(1, 0, 0), a->lean), side = mat3_turn(vec3(0, 0, 1), -a->side),
         twist = mat3_turn(vec3(0, 1, 0), a->twist);
    Mat3 chest = mat3_mul(&lean, &side), pelvis = mat3_turn(vec3(1, 0, 0), 0.25f * a->lean);
    chest = mat3_mul(&chest, &twist);
    float (*p)[3] = out->p;
    memset(p, 0, sizeof out->p);
    put(p, JOINT_CHEST, step(p, JOINT_PELVIS, mat3_apply(&chest, vec3(0, 1, 0.03f)), 0.30f));
    put(p, JOINT_NECK, step(p, JOINT_CHEST, mat3_apply(&chest, vec3(0, 1, 0)), 0.21f));
    put(p, JOINT_HEAD,
        step(p, JOINT_NECK,
             mat3_apply(&chest, vec3_sub(vec3_from(motion_rest[JOINT_HEAD]), vec3_from(motion_rest[JOINT_NECK]))),
             0.10f));
    put(p, JOINT_L_SHOULDER, step(p, JOINT_NECK, mat3_apply(&chest, vec3(0.94f, -0.34f, 0)), 0.18f));
    put(p, JOINT_R_SHOULDER, step(p, JOINT_NECK, mat3_apply(&chest, vec3(-0.94f, -0.34f, 0)), 0.18f));
    put(p, JOINT_L_HIP, mat3_apply(&pelvis, vec3(0.1f, -0.04f, 0)));
    put(p, JOINT_R_HIP, mat3_apply(&pelvis, vec3(-0.1f, -0.04f, 0)));
    for (int s = 0; s < 2; s++) {
        pose_arm(p, &chest, s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, s ? -1 : 1, a->arm_out[s], a->arm_front[s],
                 a->bend[s], a->bend_turn[s]);
        pose_leg(p, &pelvis, s ? JOINT_R_HIP : JOINT_L_HIP, s ? JOINT_R_TOE : JOINT_L_TOE, s ? -1 : 1, a->leg_out[s],
                 a->leg_front[s], a->knee[s]);
    }
    out->lift = 0;
}

static void stand_arm(Rng *r, Angles *a, int s)
{
    float kind = rng_float(r);
    if (kind < 0.55f) { /* hanging, nearly straight */
        a->arm_out[s] = rng_range(r, 0.05f, 0.45f);
        a->arm_front[s] = rng_range(r, -0.3f, 0.6f);
        a->bend[s] = rng_range(r, 0.05f, 0.5f);
        a->bend_turn[s] = rng_range(r, -0.2f, 0.8f);
    } else if (kind < 0.75f) { /* hand on the hip */
        a->arm_out[s] = rng_range(r, 0.6f, 0.9f);
        a->arm_front[s] = rng_range(r, -0.5f, 0.0f);
        a->bend[s] = rng_range(r, 1.5f, 1.9f);
        a->bend_turn[s] = rng_range(r, 1.2f, 1.6f);
    } else { /* forearm before the body or away from it */
        a->arm_out[s] = rng_range(r, 0.1f, 0.5f);
        a->arm_front[s] = rng_range(r, 0.0f, 0.8f);
        a->bend[s] = rng_range(r, 0.8f, 2.0f);
        a->bend_turn[s] = rng_range(r, -0.4f, 1.2f);
    }
}

void poses_stand(Rng *r, PoseFrame *out)
{
    Angles a = {0};
    a.lean = 0.05f * rng_normal(r);
    a.side = 0.05f * rng_normal(r);
    a.twist = 0.1f * rng_normal(r);
    bool alike = rng_chance(r, 0.6f);
    for (int s = 0; s < 2; s++) {
        stand_arm(r, &a, s);
        a.leg_out[s] = rng_range(r, -0.02f, 0.2f);
        a.leg_front[s] = 0.08f * rng_normal(r);
        a.knee[s] = rng_chance(r, 0.3f) ? rng_range(r, 0.1f, 0.5f) : rng_range(r, 0.0f, 0.1f);
    }
    if (alike) {
        a.arm_out[1] = a.arm_out[0] + 0.1f * rng_normal(r);
        a.arm_front[1] = a.arm_front[0];
        a.bend[1] = a.bend[0] + 0.1f * rng_normal(r);
        a.bend_turn[1] = a.bend_turn[0];
    }
    pose_from(&a, out);
}

void poses_invent(Rng *r, PoseFrame *out)
{
    Angles a = {0};
    a.lean = draw_product(r, -0.15f, 0.5f);
    a.side = 0.15f * rng_normal(r);
    a.twist = 0.25f * rng_normal(r);
    for (int s = 0; s < 2; s++) {
        if (rng_chance(r, 0.25f)) {
            stand_arm(r, &a, s);
        } else {
            a.arm_out[s] = rng_range(r, 0.1f, 2.9f);
            a.arm_front[s] = rng_range(r, -0.3f, 1.6f);
            a.bend[s] = rng_range(r, 0.0f, 2.2f);
            a.bend_turn[s] = rng_range(r, -1.0f, 1.4f);
        }
        a.leg_out[s] = rng_range(r, -0.05f, 0.5f);
        a.knee[s] = draw_product(r, 0, 1.1f);
        a.leg_front[s] = 0.5f * a.knee[s] + 0.15f * rng_normal(r);
    }
    if (rng_chance(r, 0.15f)) { /* a kick or a lifted knee */
        int s = rng_int(r, 0, 1);
        a.leg_front[s] = rng_range(r, 0.4f, 1.3f);
        a.knee[s] = rng_range(r, 0.0f, 1.7f);
    }
    pose_from(&a, out);
    out->lift = rng_chance(r, 0.1f) ? rng_range(r, 0.0f, 0.3f) : 0;
}

