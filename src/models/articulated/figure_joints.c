/* SPDX-License-Identifier: Apache-2.0
 *
 * The joints of a figure: names, body proportions, and what to assume about joints that are not in the picture. Proportions are
 * those of a standing adult, as fractions of the height from sole to crown; they are only used where the picture says nothing.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>

static float apart(const float a[2], const float b[2]) { return hypotf(a[0] - b[0], a[1] - b[1]); }

float figure_height_of(const float joint[FIGURE_JOINTS][2], const float presence[FIGURE_JOINTS])
{
    static const struct { int a, b; float share; } rods[] = {
        {JOINT_NECK, JOINT_PELVIS, 0.305f}, {JOINT_L_HIP, JOINT_L_KNEE, 0.235f}, {JOINT_R_HIP, JOINT_R_KNEE, 0.235f}, {JOINT_L_KNEE, JOINT_L_ANKLE, 0.212f},
        {JOINT_R_KNEE, JOINT_R_ANKLE, 0.212f}, {JOINT_L_SHOULDER, JOINT_R_SHOULDER, 0.18f}};
    float sum = 0, share = 0;
    for (size_t i = 0; i < ARRAY_LEN(rods); i++) {
        if (presence && (presence[rods[i].a] < 0.5f || presence[rods[i].b] < 0.5f)) continue;
        sum += apart(joint[rods[i].a], joint[rods[i].b]);
        share += rods[i].share;
    }
    return share > 0 ? sum / share : 0;
}

/* Joint i at `share` of the height from its parent along (x to the person's left in the picture, y down the body). */
typedef struct Usual { int joint, parent; float x, y; } Usual;
static const Usual usual[] = {
    {JOINT_PELVIS, JOINT_NECK, 0, 0.305f},           {JOINT_CHEST, JOINT_NECK, 0, 0.12f},             {JOINT_HEAD, JOINT_NECK, 0, -0.045f},
    {JOINT_L_SHOULDER, JOINT_NECK, 0.09f, 0.035f},   {JOINT_R_SHOULDER, JOINT_NECK, -0.09f, 0.035f},  {JOINT_L_HIP, JOINT_PELVIS, 0.05f, 0},
    {JOINT_R_HIP, JOINT_PELVIS, -0.05f, 0},          {JOINT_L_ELBOW, JOINT_L_SHOULDER, 0.05f, 0.13f}, {JOINT_R_ELBOW, JOINT_R_SHOULDER, -0.05f, 0.13f},
    {JOINT_L_WRIST, JOINT_L_ELBOW, 0.03f, 0.12f},    {JOINT_R_WRIST, JOINT_R_ELBOW, -0.03f, 0.12f},   {JOINT_L_KNEE, JOINT_L_HIP, 0.01f, 0.235f},
    {JOINT_R_KNEE, JOINT_R_HIP, -0.01f, 0.235f},     {JOINT_L_ANKLE, JOINT_L_KNEE, 0, 0.212f},        {JOINT_R_ANKLE, JOINT_R_KNEE, 0, 0.212f},
    {JOINT_L_TOE, JOINT_L_ANKLE, 0.01f, 0.05f},      {JOINT_R_TOE, JOINT_R_ANKLE, -0.01f, 0.05f}};

void figure_complete_joints(Figure *f)
{
    float h = figure_height_of(f->joint, f->presence);
    bool trunk = f->presence[JOINT_PELVIS] >= 0.5f;
    float dx = trunk ? f->joint[JOINT_PELVIS][0] - f->joint[JOINT_NECK][0] : 0, dy = trunk ? f->joint[JOINT_PELVIS][1] - f->joint[JOINT_NECK][1] : 1;
    float n = MAX(hypotf(dx, dy), 1e-6f);
    dx /= n, dy /= n;
    /* whoever shows his back has his left hand on the picture's left */
    float side = f->joint[JOINT_L_SHOULDER][0] >= f->joint[JOINT_R_SHOULDER][0] ? 1.0f : -1.0f;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        const Usual *u = &usual[i];
        if (f->presence[u->joint] >= 0.5f) continue;
        const float *p = f->joint[u->parent];
        f->joint[u->joint][0] = p[0] + h * (u->y * dx + u->x * side * dy);
        f->joint[u->joint][1] = p[1] + h * (u->y * dy - u->x * side * dx);
        f->depth[u->joint] = f->depth[u->parent];
    }
    bool left = f->presence[JOINT_L_KNEE] >= 0.5f && f->presence[JOINT_L_ANKLE] >= 0.5f;
    bool right = f->presence[JOINT_R_KNEE] >= 0.5f && f->presence[JOINT_R_ANKLE] >= 0.5f;
    f->kind = left || right ? FIGURE_WHOLE : FIGURE_HALF;
}

bool figure_check_joints(const Figure *f, Err *e)
{
    static const int needed[] = {JOINT_NECK, JOINT_HEAD, JOINT_L_SHOULDER, JOINT_R_SHOULDER};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (f->presence[needed[i]] < 0.5f)
            return err_set(e, "joint \"%s\" is missing: neck, head and both shoulders must be given", motion_joint_names[needed[i]]);
    for (int i = 0; i < FIGURE_JOINTS; i++) {
        float x = f->joint[i][0], y = f->joint[i][1];
        if (f->presence[i] >= 0.5f && !(x >= 0 && x <= (float)f->width && y >= 0 && y <= (float)f->height))
            return err_set(e, "joint \"%s\" at (%g, %g) lies outside the picture of %d x %d", motion_joint_names[i], (double)x, (double)y, f->width, f->height);
    }
    float h = figure_height_of(f->joint, f->presence);
    if (!(h >= 16)) return err_set(e, "the joints describe a figure %.0f pixels high; at least 16 are needed", (double)h);
    return true;
}
