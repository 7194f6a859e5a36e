/* SPDX-License-Identifier: Apache-2.0
 *
 * Feet that stand still. Contacts are found from height and speed of the toe joint. To hold them, each contact gets one
 * place on the floor, the mean of where the toe is; what the foot lacks to it is interpolated smoothly through the
 * steps between; the root takes the part that both feet share, and the legs the rest by two-bone inverse kinematics.
 * Where a leg would have to be longer than it is, the pelvis comes down.
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <string.h>

/* All for a body with legs of MOTION_LEG; scaled with the legs. */
#define CONTACT_HEIGHT 0.06f  /* toe over the floor, m */
#define CONTACT_ENTER  0.30f  /* m/s: slower begins a contact */
#define CONTACT_LEAVE  0.50f  /* m/s: faster ends it */
#define CONTACT_SMOOTH 0.03   /* s, deviation of the smoothing before the speed is taken */
#define CONTACT_GAP    0.07   /* s: shorter gaps are closed */
#define CONTACT_SHORT  0.12   /* s: shorter contacts are dropped */
#define FLOOR_REACH    0.6    /* s: the floor is the lowest foot within this */
#define FLOOR_SMOOTH   0.3    /* s, deviation */
#define ROOT_SMOOTH    0.12   /* s, deviation */
#define DIP_SMOOTH     0.08   /* s, deviation */

static const struct { int hip, knee, ankle, toe; } legs[2] = {
    {JOINT_L_HIP, JOINT_L_KNEE, JOINT_L_ANKLE, JOINT_L_TOE}, {JOINT_R_HIP, JOINT_R_KNEE, JOINT_R_ANKLE, JOINT_R_TOE}};

static float clip_scale(const Clip *c)
{
    float length[MOTION_BONES];
    clip_mean_lengths(c, length);
    return motion_leg_length(length) / MOTION_LEG;
}

/* Turns runs of `value` shorter than `frames` over; those at either end of the clip only when `ends`. */
static void drop_runs(Contacts *contact, int n, int foot, float value, int frames, bool ends)
{
    for (int a = 0, b; a < n; a = b) {
        for (b = a; b < n && contact[b][foot] == contact[a][foot]; b++)
            ;
        bool inside = a > 0 && b < n;
        if (contact[a][foot] == value && b - a < frames && (inside || ends))
            for (int t = a; t < b; t++)
                contact[t][foot] = 1 - value;
    }
}

/* The height of the lowest foot joint around each frame: captures drift, and nobody is in the air for a second. */
static float *floor_curve(const Clip *c)
{
    int n = c->frames, reach = (int)(FLOOR_REACH * c->fps);
    float *low = mem_alloc((size_t)n * sizeof *low), *floor = mem_alloc((size_t)n * sizeof *floor);
    for (int t = 0; t < n; t++)
        low[t] = MIN(MIN(c->pose[t][JOINT_L_TOE][1], c->pose[t][JOINT_R_TOE][1]),
                     MIN(c->pose[t][JOINT_L_ANKLE][1], c->pose[t][JOINT_R_ANKLE][1]));
    for (int t = 0; t < n; t++) {
        floor[t] = low[t];
        for (int k = MAX(t - reach, 0); k <= MIN(t + reach, n - 1); k++)
            floor[t] = MIN(floor[t], low[k]);
    }
    motion_smooth(floor, n, 1, FLOOR_SMOOTH * c->fps);
    mem_free(low);
    return floor;
}

void clip_ground(Clip *c)
{
    float *floor = floor_curve(c);
    for (int t = 0; t < c->frames; t++)
        for (int j = 0; j < MOTION_JOINTS; j++)
            c->pose[t][j][1] -= floor[t];
    mem_free(floor);
}

void clip_find_contacts(const Clip *c, Contacts *contact)
{
    int n = c->frames;
    float scale = clip_scale(c), *floor = floor_curve(c);
    float (*toe)[3] = mem_alloc((size_t)n * sizeof *toe);
    for (int foot = 0; foot < 2; foot++) {
        for (int t = 0; t < n; t++)
            memcpy(toe[t], c->pose[t][legs[foot].toe], sizeof toe[t]);
        for (int k = 0; k < 3; k++)
            motion_smooth(&toe[0][k], n, 3, CONTACT_SMOOTH * c->fps);
        bool on = false;
        for (int t = 0; t < n; t++) {
            int a = MAX(t - 1, 0), b = MIN(t + 1, n - 1);
            float speed = b > a ? v3_distance(v3_at(toe[a]), v3_at(toe[b])) * (float)(c->fps / (b - a)) : 0;
            on = toe[t][1] - floor[t] < CONTACT_HEIGHT * scale && speed < (on ? CONTACT_LEAVE : CONTACT_ENTER) * scale;
            contact[t][foot] = on;
        }
        drop_runs(contact, n, foot, 0, (int)(CONTACT_GAP * c->fps + 1), false);
        drop_runs(contact, n, foot, 1, (int)(CONTACT_SHORT * c->fps + 1), false);
    }
    mem_free(toe);
    mem_free(floor);
}

/* ---- holding ----------------------------------------------------------------------------------------------------- */

/* lack[t]: from the foot to where it should be. Constant before the first and after the last contact. */
static void fill_lack(const Clip *c, const Contacts *contact, int foot, float floor, V3 *lack)
{
    int toe = legs[foot].toe, n = c->frames, end = -1; /* end: the last frame of the contact before */
    for (int a = 0, b; a < n; a = b) {
        if (contact[a][foot] < 0.5f) {
            lack[a] = end < 0 ? v3(0, 0, 0) : lack[end];
            b = a + 1;
            continue;
        }
        V3 place = {0};
        for (b = a; b < n && contact[b][foot] >= 0.5f; b++)
            place = v3_add(place, v3_at(c->pose[b][toe]));
        place = v3_scale(place, 1.0f / (float)(b - a));
        place.y = floor;
        for (int t = a; t < b; t++)
            lack[t] = v3_sub(place, v3_at(c->pose[t][toe]));
        for (int t = end + 1; t < a; t++) {
            float f = end < 0 ? 1 : (float)(t - end) / (float)(a - end);
            lack[t] = v3_mix(end < 0 ? lack[a] : lack[end], lack[a], f * f * (3 - 2 * f));
        }
        end = b - 1;
    }
}

/* The shift of the root: what both feet lack, smoothed; sideways only, for heights are the legs' business. */
static void fill_root(const Clip *c, const V3 *const lack[2], float (*root)[3])
{
    for (int t = 0; t < c->frames; t++) {
        V3 both = v3_mix(lack[0][t], lack[1][t], 0.5f);
        v3_put(root[t], v3(both.x, 0, both.z));
    }
    motion_smooth(&root[0][0], c->frames, 3, ROOT_SMOOTH * c->fps);
    motion_smooth(&root[0][2], c->frames, 3, ROOT_SMOOTH * c->fps);
}

/* How far the pelvis must come down so that feet in contact are within reach; a smooth curve above that. */
static void add_dip(const Clip *c, const Contacts *contact, const V3 *const lack[2], float reach, float (*root)[3])
{
    int n = c->frames, spread = (int)(3 * DIP_SMOOTH * c->fps + 1);
    float *need = mem_zero((size_t)n * sizeof *need), *dip = mem_alloc((size_t)n * sizeof *dip);
    bool any = false;
    for (int t = 0; t < n; t++)
        for (int foot = 0; foot < 2; foot++) {
            if (contact[t][foot] < 0.5f)
                continue;
            V3 hip = v3_add(v3_at(c->pose[t][legs[foot].hip]), v3_at(root[t]));
            V3 ankle = v3_add(v3_at(c->pose[t][legs[foot].ankle]), lack[foot][t]);
            float dx = hip.x - ankle.x, dz = hip.z - ankle.z, room = reach * reach - dx * dx - dz * dz;
            need[t] = MAX(need[t], hip.y - ankle.y - sqrtf(MAX(room, 0)));
            any = any || need[t] > 0;
        }
    for (int t = 0; t < n && any; t++) {
        dip[t] = 0;
        for (int k = MAX(t - spread, 0); k <= MIN(t + spread, n - 1); k++)
            dip[t] = MAX(dip[t], need[k]);
    }
    if (any) {
        motion_smooth(dip, n, 1, DIP_SMOOTH * c->fps);
        for (int t = 0; t < n; t++)
            root[t][1] -= dip[t];
    }
    mem_free(dip);
    mem_free(need);
}

static void place_foot(Pose p, int foot, V3 lack, float floor)
{
    int hip = legs[foot].hip, knee = legs[foot].knee, ankle = legs[foot].ankle, toe = legs[foot].toe;
    float thigh = v3_distance(v3_at(p[hip]), v3_at(p[knee])), shin = v3_distance(v3_at(p[knee]), v3_at(p[ankle]));
    V3 sole = v3_sub(v3_at(p[toe]), v3_at(p[ankle])), goal = v3_add(v3_at(p[ankle]), lack);
    goal.y += MAX(0, floor - (goal.y + sole.y));
    goal.y += MAX(0, floor - goal.y);
    float target[3], pole[3];
    v3_put(target, goal);
    v3_put(pole, v3_sub(v3_at(p[knee]), v3_mix(v3_at(p[hip]), v3_at(p[ankle]), 0.5f)));
    float bend = v3_length(v3_at(pole));
    if (bend < 0.02f * (thigh + shin)) { /* nearly straight: towards the front of the foot, where knees go */
        V3 forward = v3_sub(sole, v3_scale(v3(0, 1, 0), sole.y));
        v3_put(pole, v3_add(v3_at(pole), v3_scale(v3_unit(forward, v3(0, 0, 1)), 0.02f * (thigh + shin) - bend)));
    }
    limb_solve(p[hip], target, thigh, shin, pole, 0, p[knee], p[ankle]);
    v3_put(p[toe], v3_add(v3_at(p[ankle]), sole));
}

void clip_fix_feet(Clip *c, const Contacts *contact, float floor)
{
    int n = c->frames;
    V3 *lack[2] = {mem_alloc((size_t)n * sizeof(V3)), mem_alloc((size_t)n * sizeof(V3))};
    float (*root)[3] = mem_alloc((size_t)n * sizeof *root);
    for (int foot = 0; foot < 2; foot++)
        fill_lack(c, contact, foot, floor, lack[foot]);
    const V3 *const both[2] = {lack[0], lack[1]};
    fill_root(c, both, root);
    add_dip(c, contact, both, 0.998f * MOTION_LEG * clip_scale(c), root);
    for (int t = 0; t < n; t++) {
        V3 shift = v3_at(root[t]);
        for (int j = 0; j < MOTION_JOINTS; j++)
            v3_put(c->pose[t][j], v3_add(v3_at(c->pose[t][j]), shift));
        for (int foot = 0; foot < 2; foot++)
            place_foot(c->pose[t], foot, v3_sub(lack[foot][t], shift), floor);
    }
    mem_free(root);
    mem_free(lack[0]);
    mem_free(lack[1]);
}

float clip_foot_slide(const Clip *c, const Contacts *contact, float *worst)
{
    double sum = 0;
    float most = 0;
    int count = 0;
    for (int foot = 0; foot < 2; foot++)
        for (int a = 0, b; a < c->frames; a = b) {
            float far = 0;
            b = a + 1;
            if (contact[a][foot] < 0.5f)
                continue;
            V3 start = v3_at(c->pose[a][legs[foot].toe]);
            for (b = a; b < c->frames && contact[b][foot] >= 0.5f; b++)
                far = MAX(far, v3_distance(start, v3_at(c->pose[b][legs[foot].toe])));
            sum += far;
            most = MAX(most, far);
            count++;
        }
    if (worst)
        *worst = most;
    return count ? (float)(sum / count) : 0;
}
