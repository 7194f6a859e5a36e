/* SPDX-License-Identifier: Apache-2.0
 *
 * Where each part of the body goes: an affine map a part, from the source picture to the frame (spec/articulated.md section 4).
 * Limbs: from source bone to target bone with scale along the bone only. Rib cage and pelvis: by their cross line (shoulders,
 * hips) and the spine. Head, hands and feet keep their shape and are only turned. The third row is depth.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>

/* (x, y, 1) -> (x, y, z): the point `from` goes to `to`, source axes U, V to u, v (z included). */
static void map_axes(BoneMap m, const float from[2], const float U[2], const float V[2], const float to[3], const float u[3], const float v[3])
{
    float det = U[0] * V[1] - U[1] * V[0];
    for (int k = 0; k < 3; k++) {
        m[k][0] = (u[k] * V[1] - v[k] * U[1]) / det;
        m[k][1] = (v[k] * U[0] - u[k] * V[0]) / det;
        m[k][2] = to[k] - m[k][0] * from[0] - m[k][1] * from[1];
    }
}

static void map_turn(BoneMap m, const float from[2], const float to[3], float angle, float scale)
{
    float c = scale * cosf(angle), s = scale * sinf(angle);
    const float U[2] = {1, 0}, V[2] = {0, 1}, u[3] = {c, s, 0}, v[3] = {-s, c, 0};
    map_axes(m, from, U, V, to, u, v);
}

/* Returns the turn of the bone on the screen. */
static float map_limb(BoneMap m, const float A[2], const float B[2], const float a[3], const float b[3], float across)
{
    float D[2] = {B[0] - A[0], B[1] - A[1]}, d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    float L = MAX(hypotf(D[0], D[1]), 1e-3f), l = MAX(hypotf(d[0], d[1]), 1e-3f);
    const float N[2] = {-D[1] / L, D[0] / L}, n[3] = {-d[1] / l * across, d[0] / l * across, 0};
    map_axes(m, A, D, N, a, d, n);
    return atan2f(D[0] * d[1] - D[1] * d[0], D[0] * d[0] + D[1] * d[1]);
}

/* U and u are widths that turn with the body: their ratio may not run away where the hips are a few pixels apart. */
static void hold_width(const float U[2], float u[3], float scale)
{
    float ratio = hypotf(u[0], u[1]) / MAX(hypotf(U[0], U[1]) * scale, 1e-3f), kept = CLAMP(ratio, 0.7f, 1.2f);
    for (int k = 0; k < 2 && ratio > 1e-3f; k++) u[k] *= kept / ratio;
}

static void between(const float a[3], const float b[3], float out[3], int n)
{
    for (int k = 0; k < n; k++) out[k] = (a[k] + b[k]) / 2;
}

void puppet_warp_maps(const Figure *figure, float scale, const FramePose *pose, BoneMap map[MAP_COUNT])
{
    const float (*J)[2] = figure->joint;
    const float (*j)[3] = pose->joint;
    float size = scale * pose->scale, from[3], to[3], U[2], V[2], u[3], v[3];
    between(J[JOINT_L_SHOULDER], J[JOINT_R_SHOULDER], from, 2);
    between(j[JOINT_L_SHOULDER], j[JOINT_R_SHOULDER], to, 3);
    for (int k = 0; k < 3; k++) {
        if (k < 2) U[k] = J[JOINT_L_SHOULDER][k] - J[JOINT_R_SHOULDER][k], V[k] = from[k] - J[JOINT_PELVIS][k];
        u[k] = j[JOINT_L_SHOULDER][k] - j[JOINT_R_SHOULDER][k], v[k] = to[k] - j[JOINT_PELVIS][k];
    }
    hold_width(U, u, size);
    map_axes(map[PART_TRUNK], from, U, V, to, u, v);
    for (int k = 0; k < 3; k++) {
        if (k < 2) U[k] = J[JOINT_L_HIP][k] - J[JOINT_R_HIP][k], V[k] = J[JOINT_CHEST][k] - J[JOINT_PELVIS][k];
        u[k] = j[JOINT_L_HIP][k] - j[JOINT_R_HIP][k], v[k] = j[JOINT_CHEST][k] - j[JOINT_PELVIS][k];
    }
    hold_width(U, u, size);
    map_axes(map[MAP_PELVIS], J[JOINT_PELVIS], U, V, j[JOINT_PELVIS], u, v);
    map_turn(map[PART_HEAD], J[JOINT_NECK], j[JOINT_NECK], pose->turn_head, size);
    for (int side = 0; side < 2; side++) {
        int arm = side ? PART_R_UPPER_ARM : PART_L_UPPER_ARM, leg = side ? PART_R_THIGH : PART_L_THIGH;
        int s = side ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, h = side ? JOINT_R_HIP : JOINT_L_HIP;
        map_limb(map[arm], J[s], J[s + 1], j[s], j[s + 1], size);
        float turn = map_limb(map[arm + 1], J[s + 1], J[s + 2], j[s + 1], j[s + 2], size);
        map_turn(map[arm + 2], J[s + 2], j[s + 2], turn, size);
        map_limb(map[leg], J[h], J[h + 1], j[h], j[h + 1], size);
        map_limb(map[leg + 1], J[h + 1], J[h + 2], j[h + 1], j[h + 2], size);
        map_turn(map[leg + 2], J[h + 2], j[h + 2], pose->turn_foot[side], size);
    }
}
