/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves onto the picture's own body (spec/articulated.md section 6). The moves are walked with the picture's bone lengths and
 * their feet held (src/motion); then each frame is put onto the picture: trunk, collar and hips keep the picture's own shape and
 * only turn with the dancer, arms take his directions, legs reach for his feet by inverse kinematics from the picture's hips
 * and floor. The first half second grows out of the picture's own pose. Inside: pixels, y up, origin at the pelvis of the
 * picture; seen straight from the front, without perspective.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

#define HEADING_LIMIT (25 * (float)M_PI / 180)
#define BLEND_SECONDS 0.5f
#define FLATTEN 0.75f /* of the arms' depth: a flat arm cannot show what points at the viewer */

typedef struct Vec { float x, y, z; } Vec;
static Vec vec(const float *p) { return (Vec){p[0], p[1], p[2]}; }
static Vec add(Vec a, Vec b) { return (Vec){a.x + b.x, a.y + b.y, a.z + b.z}; }
static Vec sub(Vec a, Vec b) { return (Vec){a.x - b.x, a.y - b.y, a.z - b.z}; }
static Vec times(Vec a, float s) { return (Vec){a.x * s, a.y * s, a.z * s}; }
static float size(Vec a) { return sqrtf(a.x * a.x + a.y * a.y + a.z * a.z); }
static Vec unit(Vec a) { return times(a, 1 / MAX(size(a), 1e-6f)); }
static void put(float *p, Vec a) { p[0] = a.x, p[1] = a.y, p[2] = a.z; }

/* ---- the picture's body --------------------------------------------------------------------------------------------------- */

typedef struct Body {
    Vec joint[FIGURE_JOINTS];     /* at rest, relative to the pelvis */
    float length[MOTION_BONES];   /* in space */
    float metre;                  /* pixels a metre of the clip */
    float origin[2];              /* the pelvis in the frame */
    float floor;                  /* of both ankles at rest, y up */
    float foot_floor[2];          /* of each ankle, relative to floor */
    bool arm_free[2];             /* the elbow is in the picture */
} Body;

static const int first_of_limb[4] = {BONE_L_ELBOW, BONE_R_ELBOW, BONE_L_KNEE, BONE_R_KNEE};

/* Lengths in space: measured with depth where there is any; left and right made equal (the longer one: the other is
 * foreshortened), and no lower limb much shorter than its upper one. Depth of limbs at rest then follows from lengths. */
static void measure_limbs(Body *b, bool has_depth)
{
    for (int k = 0; k < MOTION_BONES; k++)
        b->length[k] = size(sub(b->joint[motion_bones[k].child], b->joint[motion_bones[k].parent]));
    for (int pair = 0; pair < 4; pair += 2)
        for (int k = 0; k < 2; k++) {
            float *l = &b->length[first_of_limb[pair] + k], *r = &b->length[first_of_limb[pair + 1] + k];
            *l = *r = MAX(*l, *r);
        }
    for (int limb = 0; limb < 4; limb++) {
        float *upper = &b->length[first_of_limb[limb]], *lower = upper + 1;
        *upper = MAX(*upper, 0.75f * *lower), *lower = MAX(*lower, 0.7f * *upper);
        if (has_depth) continue;
        for (int k = 0; k < 2; k++) { /* a shorter looking bone comes forward at the elbow, goes back at the knee */
            BoneEnds ends = motion_bones[first_of_limb[limb] + k];
            Vec d = sub(b->joint[ends.child], b->joint[ends.parent]);
            float flat = d.x * d.x + d.y * d.y, full = upper[k] * upper[k], deep = sqrtf(MAX(full - flat, 0));
            float way = limb < 2 ? 1 : k == 0 ? 1 : -1;
            b->joint[ends.child].z = b->joint[ends.parent].z + way * deep;
        }
    }
}

static void body_init(Body *b, const Figure *f)
{
    *b = (Body){.origin = {f->joint[JOINT_PELVIS][0], f->joint[JOINT_PELVIS][1]}};
    for (int j = 0; j < FIGURE_JOINTS; j++)
        b->joint[j] = (Vec){f->joint[j][0] - b->origin[0], b->origin[1] - f->joint[j][1], f->has_depth ? f->depth[j] - f->depth[JOINT_PELVIS] : 0};
    measure_limbs(b, f->has_depth);
    b->metre = (b->length[BONE_L_KNEE] + b->length[BONE_L_ANKLE]) / MOTION_LEG;
    float left = b->joint[JOINT_L_ANKLE].y, right = b->joint[JOINT_R_ANKLE].y, low = MIN(left, right);
    bool level = fabsf(left - right) < 0.12f * b->metre; /* otherwise one leg is lifted */
    b->floor = level ? (left + right) / 2 : low;
    b->foot_floor[0] = level ? left - b->floor : 0, b->foot_floor[1] = level ? right - b->floor : 0;
    b->arm_free[0] = f->presence[JOINT_L_ELBOW] >= 0.5f, b->arm_free[1] = f->presence[JOINT_R_ELBOW] >= 0.5f;
}

/* Lengths for the clip, metres; toes and head are the canonical ones, which a picture shows foreshortened. */
static void clip_lengths(const Body *b, float out[MOTION_BONES])
{
    pose_lengths(motion_rest, out);
    for (int k = 0; k < MOTION_BONES; k++)
        if (k != BONE_L_TOE && k != BONE_R_TOE && k != BONE_HEAD) out[k] = b->length[k] / b->metre;
}

/* ---- one frame -------------------------------------------------------------------------------------------------------------- */

typedef struct Turn { float now[3][3], rest[3][3]; } Turn; /* rows: left, up, front */

static Vec turned(const Turn *t, Vec v)
{
    Vec out = {0};
    for (int k = 0; k < 3; k++) {
        float c = v.x * t->rest[k][0] + v.y * t->rest[k][1] + v.z * t->rest[k][2];
        out = add(out, times(vec(t->now[k]), c));
    }
    return out;
}

/* The turn between two: what pelvis and rib cage share, for the lower spine. */
static void half_way(const Turn *a, const Turn *b, Turn *out)
{
    Vec left = unit(add(vec(a->now[0]), vec(b->now[0]))), up = add(vec(a->now[1]), vec(b->now[1]));
    float d = left.x * up.x + left.y * up.y + left.z * up.z;
    up = unit(sub(up, times(left, d)));
    Vec front = {left.y * up.z - left.z * up.y, left.z * up.x - left.x * up.z, left.x * up.y - left.y * up.x};
    *out = *a;
    put(out->now[0], left), put(out->now[1], up), put(out->now[2], front);
}

static Vec bone_of(const Pose p, int from, int to) { return sub(vec(p[to]), vec(p[from])); }

/* Shrugs: how far the dancer's collar bone is off its place in his rib cage, up or down. */
static float shrug(const Pose p, const Turn *chest, int shoulder)
{
    Vec d = unit(bone_of(p, JOINT_NECK, shoulder)), r = unit(bone_of(motion_rest, JOINT_NECK, shoulder));
    float now = d.x * chest->now[1][0] + d.y * chest->now[1][1] + d.z * chest->now[1][2];
    float rest = r.x * chest->rest[1][0] + r.y * chest->rest[1][1] + r.z * chest->rest[1][2];
    return CLAMP(now - rest, -0.4f, 0.4f);
}

static void place_arm(const Body *b, const Pose p, const Turn *chest, int side, Vec out[FIGURE_JOINTS])
{
    int s = side ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, bone = side ? BONE_R_ELBOW : BONE_L_ELBOW;
    for (int k = 0; k < 2; k++) {
        Vec d = bone_of(p, s + k, s + k + 1);
        d.z *= FLATTEN;
        Vec own = turned(chest, sub(b->joint[s + k + 1], b->joint[s + k]));
        out[s + k + 1] = add(out[s + k], b->arm_free[side] ? times(unit(d), b->length[bone + k]) : own);
    }
}

static void place_leg(const Body *b, const Pose p, Vec shift, int side, Vec out[FIGURE_JOINTS])
{
    int h = side ? JOINT_R_HIP : JOINT_L_HIP, toe = side ? JOINT_R_TOE : JOINT_L_TOE, bone = side ? BONE_R_KNEE : BONE_L_KNEE;
    Vec ankle = add(times(vec(p[h + 2]), b->metre), shift), knee, end;
    ankle.y += b->foot_floor[side];
    Vec middle = times(add(vec(p[h]), vec(p[h + 2])), 0.5f), pole = sub(vec(p[h + 1]), middle);
    pole = add(pole, times(unit(bone_of(p, h + 2, toe)), 0.03f)); /* knees of a straight leg bend over the toes */
    float root[3], target[3], way[3], k[3], a[3];
    put(root, out[h]), put(target, ankle), put(way, pole);
    limb_solve(root, target, b->length[bone], b->length[bone + 1], way, 0.02f, k, a);
    knee = vec(k), end = vec(a);
    out[h + 1] = knee, out[h + 2] = end;
    out[toe] = add(end, sub(b->joint[toe], b->joint[h + 2]));
}

/* Joints of frame t relative to the picture's pelvis, and the head's turn. shift: from clip (pixels) to there. */
static void place_frame(const Body *b, const Pose p, Vec shift, Vec out[FIGURE_JOINTS], float *turn_head)
{
    Turn pelvis, chest, spine;
    pose_pelvis_frame(motion_rest, pelvis.rest), pose_pelvis_frame(p, pelvis.now);
    pose_chest_frame(motion_rest, chest.rest), pose_chest_frame(p, chest.now);
    half_way(&pelvis, &chest, &spine);
    const Vec *J = b->joint;
    out[JOINT_PELVIS] = add(times(vec(p[JOINT_PELVIS]), b->metre), shift);
    out[JOINT_CHEST] = add(out[JOINT_PELVIS], turned(&spine, sub(J[JOINT_CHEST], J[JOINT_PELVIS])));
    out[JOINT_NECK] = add(out[JOINT_CHEST], turned(&chest, sub(J[JOINT_NECK], J[JOINT_CHEST])));
    for (int side = 0; side < 2; side++) {
        int s = side ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, h = side ? JOINT_R_HIP : JOINT_L_HIP;
        out[s] = add(out[JOINT_NECK], turned(&chest, sub(J[s], J[JOINT_NECK])));
        out[s] = add(out[s], times(vec(chest.now[1]), shrug(p, &chest, s) * b->length[side ? BONE_R_SHOULDER : BONE_L_SHOULDER]));
        out[h] = add(out[JOINT_PELVIS], turned(&pelvis, sub(J[h], J[JOINT_PELVIS])));
        place_arm(b, p, &chest, side, out);
        place_leg(b, p, shift, side, out);
    }
    Vec look = bone_of(p, JOINT_NECK, JOINT_HEAD);
    float roll = atan2f(chest.now[1][0], chest.now[1][1]), tilt = atan2f(look.x, MAX(look.y, 0.2f * size(look)));
    *turn_head = CLAMP(0.45f * roll + 0.45f * tilt, -0.4f, 0.4f);
    float c = cosf(*turn_head), s = sinf(*turn_head);
    Vec head = sub(J[JOINT_HEAD], J[JOINT_NECK]);
    out[JOINT_HEAD] = add(out[JOINT_NECK], (Vec){head.x * c + head.y * s, head.y * c - head.x * s, head.z});
}

/* From the picture's pose to `out` at share t, bone by bone, so that limbs keep their lengths on the way. */
static void blend_in(const Body *b, float t, Vec out[FIGURE_JOINTS])
{
    Vec mixed[FIGURE_JOINTS];
    mixed[JOINT_PELVIS] = times(out[JOINT_PELVIS], t);
    for (int k = 0; k < MOTION_BONES; k++) {
        BoneEnds e = motion_bones[k];
        Vec from = sub(b->joint[e.child], b->joint[e.parent]), to = sub(out[e.child], out[e.parent]);
        float length = size(from) * (1 - t) + size(to) * t;
        mixed[e.child] = add(mixed[e.parent], times(unit(add(times(unit(from), 1 - t), times(unit(to), t))), length));
    }
    memcpy(out, mixed, sizeof mixed);
}

static float screen_turn(Vec from, Vec to) /* clockwise on the screen */
{
    return atan2f(from.y * to.x - from.x * to.y, from.x * to.x + from.y * to.y);
}

static void place_all(Dance *d, const Body *b, const Clip *clip, const Moves *moves, bool from_picture)
{
    float *stand[2] = {mem_alloc(sizeof(float) * (size_t)d->frames), mem_alloc(sizeof(float) * (size_t)d->frames)};
    for (int side = 0; side < 2; side++) {
        for (int t = 0; t < d->frames; t++) stand[side][t] = CLAMP(moves->row[t][MOVES_CONTACT + side], 0.0f, 1.0f);
        dance_blur(stand[side], d->frames, 1, 2);
    }
    Vec start = times(vec(clip->pose[0][JOINT_PELVIS]), b->metre);
    Vec shift = {-start.x, b->floor - motion_rest[JOINT_L_ANKLE][1] * b->metre, -start.z};
    for (int t = 0; t < d->frames; t++) {
        FramePose *f = &d->pose[t];
        Vec joint[FIGURE_JOINTS];
        *f = (FramePose){.scale = 1, .squash = 1};
        place_frame(b, clip->pose[t], shift, joint, &f->turn_head);
        float grown = from_picture ? plane_step(0, BLEND_SECONDS * MOTION_FPS, (float)t) : 1;
        if (grown < 1) blend_in(b, grown, joint);
        f->turn_head *= grown;
        for (int side = 0; side < 2; side++) {
            int h = side ? JOINT_R_HIP : JOINT_L_HIP, toe = side ? JOINT_R_TOE : JOINT_L_TOE;
            float shin = screen_turn(sub(b->joint[h + 2], b->joint[h + 1]), sub(joint[h + 2], joint[h + 1]));
            f->turn_foot[side] = CLAMP(shin * (0.75f - 0.6f * stand[side][t]), -0.7f, 0.7f);
            Vec foot = sub(b->joint[toe], b->joint[h + 2]);
            float c = cosf(f->turn_foot[side]), s = sinf(f->turn_foot[side]);
            joint[toe] = add(joint[h + 2], (Vec){foot.x * c + foot.y * s, foot.y * c - foot.x * s, foot.z});
        }
        for (int j = 0; j < FIGURE_JOINTS; j++) put(f->joint[j], (Vec){b->origin[0] + joint[j].x, b->origin[1] - joint[j].y, joint[j].z});
    }
    mem_free(stand[0]);
    mem_free(stand[1]);
}

bool dance_init(Dance *d, const Figure *figure, const Stage *stage, const Moves *moves, Err *e)
{
    Body body;
    Clip clip = {0};
    Moves facing = {0};
    float length[MOTION_BONES];
    bool soft = figure->kind == FIGURE_SOFT;
    *d = (Dance){.frames = moves->frames};
    if (!soft) {
        body_init(&body, figure);
        clip_lengths(&body, length);
    }
    if (!moves_copy(moves, &facing, e)) return false;
    moves_limit_heading(&facing, HEADING_LIMIT);
    bool ok = moves_to_clip(&facing, soft ? NULL : length, &clip, e);
    d->pose = ok ? mem_try(sizeof(FramePose) * (size_t)d->frames) : NULL;
    if (ok && !d->pose) ok = err_set(e, "no memory for the poses of %d frames", d->frames);
    if (ok && soft) {
        dance_soft_body(d, &clip, stage);
    } else if (ok) {
        place_all(d, &body, &clip, &facing, stage->from_picture);
        dance_keep_inside(d, figure, stage, body.origin[1] - body.floor);
    }
    clip_finish(&clip);
    moves_finish(&facing);
    return ok;
}

void dance_finish(Dance *d)
{
    if (!d) return;
    mem_free(d->pose);
    *d = (Dance){0};
}

void dance_at(const Dance *d, double frame, FramePose *out)
{
    frame = CLAMP(frame, 0.0, (double)(d->frames - 1));
    int a = (int)frame, b = MIN(a + 1, d->frames - 1);
    float t = (float)(frame - a);
    const float *from = (const float *)&d->pose[a], *to = (const float *)&d->pose[b];
    float *mixed = (float *)out; /* FramePose is floats throughout */
    for (size_t i = 0; i < sizeof *out / sizeof(float); i++) mixed[i] = from[i] + t * (to[i] - from[i]);
}
