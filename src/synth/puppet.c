/* SPDX-License-Identifier: Apache-2.0
 *
 * Cut-out puppets as flat meshes. The picture is cut into cells; each opaque cell goes to the bone that reaches it
 * first, where every bone spreads through the figure (never across empty ground) at a speed given by how thick its
 * flesh is. Cells of bones that do not follow each other in the body share no vertices, so a forearm comes off the hip
 * it lay upon. Along a limb the shares pass smoothly from bone to bone.
 */
#include "synth/puppet_internal.h"

#include <string.h>

enum { BONES = 14, NONE = 255, GRID = 90 };

/* A bone lies between two joints and moves with the flesh of `rig`. */
typedef struct Bone { uint8_t from, to, rig, part; float thick; int8_t parent; } Bone;

static const Bone bones[BONES] = {
    {JOINT_PELVIS, JOINT_NECK, JOINT_CHEST, PART_TRUNK, 2.3f, -1},
    {JOINT_NECK, SYNTH_JOINTS, JOINT_HEAD, PART_HEAD, 2.6f, 0},
    {JOINT_L_SHOULDER, JOINT_L_ELBOW, JOINT_L_SHOULDER, PART_L_UPPER_ARM, 1.0f, 0},
    {JOINT_L_ELBOW, JOINT_L_WRIST, JOINT_L_ELBOW, PART_L_FOREARM, 1.0f, 2},
    {JOINT_L_WRIST, SYNTH_JOINTS, JOINT_L_WRIST, PART_L_HAND, 1.0f, 3},
    {JOINT_R_SHOULDER, JOINT_R_ELBOW, JOINT_R_SHOULDER, PART_R_UPPER_ARM, 1.0f, 0},
    {JOINT_R_ELBOW, JOINT_R_WRIST, JOINT_R_ELBOW, PART_R_FOREARM, 1.0f, 5},
    {JOINT_R_WRIST, SYNTH_JOINTS, JOINT_R_WRIST, PART_R_HAND, 1.0f, 6},
    {JOINT_L_HIP, JOINT_L_KNEE, JOINT_L_HIP, PART_L_THIGH, 1.5f, 0},
    {JOINT_L_KNEE, JOINT_L_ANKLE, JOINT_L_KNEE, PART_L_SHIN, 1.3f, 8},
    {JOINT_L_ANKLE, JOINT_L_TOE, JOINT_L_ANKLE, PART_L_FOOT, 1.2f, 9},
    {JOINT_R_HIP, JOINT_R_KNEE, JOINT_R_HIP, PART_R_THIGH, 1.5f, 0},
    {JOINT_R_KNEE, JOINT_R_ANKLE, JOINT_R_KNEE, PART_R_SHIN, 1.3f, 11},
    {JOINT_R_ANKLE, JOINT_R_TOE, JOINT_R_ANKLE, PART_R_FOOT, 1.2f, 12}};

typedef struct Cells {
    int w, h;       /* of the grid */
    float size;     /* pixels */
    uint8_t *bone;  /* [h][w] NONE where empty */
    float *cost;    /* [h][w] */
} Cells;

/* Both ends of a bone in pixels; hands reach on beyond the wrist. */
static void bone_ends(const PuppetDrawing *d, int b, float a[2], float c[2])
{
    const Bone *k = &bones[b];
    memcpy(a, d->joint[k->from], 2 * sizeof *a);
    if (k->to < SYNTH_JOINTS)
        memcpy(c, d->joint[k->to], 2 * sizeof *c);
    else if (k->part == PART_HEAD)
        memcpy(c, d->crown, 2 * sizeof *c);
    else
        for (int i = 0; i < 2; i++) /* a third of the forearm further */
            c[i] = a[i] + 0.35f * (a[i] - d->joint[k->from - 1][i]);
}

/* Opaque cells are those with some ink in them. */
static void find_cells(Cells *c, const uint8_t *rgba, int w, int h)
{
    c->size = MAX(1.0f, MAX(w, h) / (float)GRID);
    c->w = (int)ceilf(w / c->size);
    c->h = (int)ceilf(h / c->size);
    c->bone = mem_alloc((size_t)c->w * c->h);
    c->cost = mem_alloc(sizeof *c->cost * c->w * c->h);
    memset(c->bone, NONE, (size_t)c->w * c->h);
    for (int i = 0; i < c->w * c->h; i++)
        c->cost[i] = -1; /* empty */
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            if (rgba[4 * ((size_t)y * w + x) + 3] >= 64)
                c->cost[MIN((int)(y / c->size), c->h - 1) * c->w + MIN((int)(x / c->size), c->w - 1)] = 1e9f;
}

/* The cells under a line begin at cost 0. Limbs win over the trunk behind them. */
static void seed(Cells *c, int bone, const float from[2], const float to[2])
{
    for (int i = 0; i <= 60; i++) {
        int x = (int)((from[0] + (to[0] - from[0]) * i / 60) / c->size),
            y = (int)((from[1] + (to[1] - from[1]) * i / 60) / c->size);
        if (x < 0 || y < 0 || x >= c->w || y >= c->h || c->cost[y * c->w + x] < 0 ||
            (c->cost[y * c->w + x] == 0 && bone == 0))
            continue;
        c->cost[y * c->w + x] = 0;
        c->bone[y * c->w + x] = bone;
    }
}

/* Relaxation until nothing changes: the grid is small, and puppets are read once. */
static void spread(Cells *c, const PuppetDrawing *d)
{
    for (int b = BONES - 1; b >= 0; b--) {
        float from[2], to[2];
        bone_ends(d, b, from, to);
        seed(c, b, from, to);
    }
    for (int s = 0; s < 2; s++) { /* the trunk is as wide as its shoulders */
        float end[2];
        const float *shoulder = d->joint[s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER];
        for (int k = 0; k < 2; k++)
            end[k] = d->joint[JOINT_NECK][k] + 0.75f * (shoulder[k] - d->joint[JOINT_NECK][k]);
        seed(c, 0, d->joint[JOINT_NECK], end);
    }
    static const int8_t step[8][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    for (bool changed = true; changed;) {
        changed = false;
        for (int y = 0; y < c->h; y++)
            for (int x = 0; x < c->w; x++) {
                int at = y * c->w + x;
                for (int k = 0; k < 8 && c->cost[at] > 0; k++) {
                    int u = x + step[k][0], v = y + step[k][1];
                    if (u < 0 || v < 0 || u >= c->w || v >= c->h || c->bone[v * c->w + u] == NONE)
                        continue;
                    int b = c->bone[v * c->w + u];
                    float cost = c->cost[v * c->w + u] + (k < 4 ? 1.0f : 1.4142f) / bones[b].thick;
                    if (cost < c->cost[at] - 1e-4f) {
                        c->cost[at] = cost;
                        c->bone[at] = b;
                        changed = true;
                    }
                }
            }
    }
}

static bool neighbours(int a, int b) { return a == b || bones[a].parent == b || bones[b].parent == a; }

static float ramp(float t) { t = CLAMP(t, 0.0f, 1.0f); return t * t * (3 - 2 * t); }

/* Shares of a point of bone b: with the bone before it near their joint, with the next one near the other end. */
static void bind(const PuppetDrawing *d, int b, float x, float y, uint8_t joint[4], float weight[4])
{
    float a[2], c[2];
    bone_ends(d, b, a, c);
    float dx = c[0] - a[0], dy = c[1] - a[1], length = sqrtf(dx * dx + dy * dy) + 1e-3f;
    float along = ((x - a[0]) * dx + (y - a[1]) * dy) / length;
    const Bone *k = &bones[b];
    joint[0] = k->rig;
    weight[0] = 1;
    weight[1] = 0;
    if (b == 0) { /* trunk: pelvis below, chest above */
        joint[1] = JOINT_PELVIS;
        weight[1] = 1 - ramp(along / length * 1.3f - 0.05f);
    } else {
        float soft = 0.22f * length;
        joint[1] = bones[k->parent].rig;
        bool thigh = k->part == PART_L_THIGH || k->part == PART_R_THIGH;
        if (thigh)
            joint[1] = JOINT_PELVIS;
        weight[1] = 1 - ramp(0.5f + 0.5f * along / soft);
        for (int n = 0; n < BONES; n++)
            if (bones[n].parent == b && length - along < soft) {
                joint[1] = bones[n].rig;
                weight[1] = 1 - ramp(0.5f + 0.5f * (length - along) / soft);
            }
    }
    weight[0] = 1 - weight[1];
    if (weight[1] > weight[0]) {
        uint8_t j = joint[0];
        float w = weight[0];
        joint[0] = joint[1];
        weight[0] = weight[1];
        joint[1] = j;
        weight[1] = w;
    }
}

/* The corner of the grid as a vertex for cells of bone b: shared with cells of neighbouring bones. */
typedef struct Corners { int *first; int (*next)[2]; int n, room; } Corners; /* lists (bone, vertex) per corner */

static int corner_vertex(Corners *k, int corner, int b, const int *bone_of, int *n_verts)
{
    for (int i = k->first[corner]; i >= 0; i = k->next[i][1])
        if (neighbours(bone_of[k->next[i][0]], b))
            return k->next[i][0];
    k->next[k->n][0] = (*n_verts)++;
    k->next[k->n][1] = k->first[corner];
    k->first[corner] = k->n++;
    return k->next[k->n - 1][0];
}

typedef struct Plan { int (*quad)[4]; int *corner, *bone; int n_quads, n_verts; } Plan;

static void plan_mesh(const Cells *c, Plan *p)
{
    int cells = c->w * c->h, corners = (c->w + 1) * (c->h + 1);
    p->quad = mem_alloc(sizeof *p->quad * cells);
    p->corner = mem_alloc(sizeof(int) * 4 * cells);
    p->bone = mem_alloc(sizeof(int) * 4 * cells);
    p->n_quads = p->n_verts = 0;
    Corners k = {mem_alloc(sizeof(int) * corners), mem_alloc(sizeof(int) * 2 * 4 * cells), 0, 0};
    memset(k.first, -1, sizeof(int) * corners);
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w; x++) {
            int b = c->bone[y * c->w + x];
            if (b == NONE)
                continue;
            int *q = p->quad[p->n_quads++];
            for (int i = 0; i < 4; i++) {
                int corner = (y + i / 2) * (c->w + 1) + x + i % 2, before = p->n_verts;
                q[i] = corner_vertex(&k, corner, b, p->bone, &p->n_verts);
                if (p->n_verts > before) {
                    p->corner[q[i]] = corner;
                    p->bone[q[i]] = b;
                }
            }
        }
    mem_free(k.first);
    mem_free(k.next);
}

static void plan_finish(Plan *p)
{
    mem_free(p->quad);
    mem_free(p->corner);
    mem_free(p->bone);
}

Puppet *puppet_make(const PuppetDrawing *d, const uint8_t *rgba, int w, int h, int texture_limit, Err *e)
{
    Cells c;
    Plan plan;
    find_cells(&c, rgba, w, h);
    spread(&c, d);
    plan_mesh(&c, &plan);
    if (plan.n_quads < 8 || plan.n_verts > 65535) {
        err_set(e, "only %d cells of the figure are opaque", plan.n_quads);
        plan_finish(&plan);
        mem_free(c.bone);
        mem_free(c.cost);
        return NULL;
    }
    float low = 0;
    for (int i = 0; i < c.w * c.h; i++)
        if (c.bone[i] != NONE)
            low = MAX(low, (i / c.w + 1) * c.size);
    float scale = 1.7f / MAX(low - d->crown[1], 1.0f), x0 = d->joint[JOINT_PELVIS][0];
    Puppet *p = mem_zero(sizeof *p);
    Mesh *m = p->mesh = mesh_create(plan.n_verts, 2 * plan.n_quads);
    m->flat = true;
    for (int i = 0; i < plan.n_verts; i++) {
        float x = plan.corner[i] % (c.w + 1) * c.size, y = plan.corner[i] / (c.w + 1) * c.size;
        m->pos[i][0] = (x - x0) * scale;
        m->pos[i][1] = (low - y) * scale;
        m->uv[i][0] = x / w;
        m->uv[i][1] = y / h;
        bind(d, plan.bone[i], x, y, m->joint[i], m->weight[i]);
    }
    for (int q = 0, t = 0; q < plan.n_quads; q++) {
        const int *k = plan.quad[q];
        for (int half = 0; half < 2; half++, t++) {
            m->tri[t][0] = k[half ? 1 : 0];
            m->tri[t][1] = k[2];
            m->tri[t][2] = k[half ? 3 : 1];
        }
    }
    for (int j = 0; j < SYNTH_JOINTS; j++) {
        m->rest[j][0] = (d->joint[j][0] - x0) * scale;
        m->rest[j][1] = (low - d->joint[j][1]) * scale;
    }
    mesh_complete(m);
    m->sole = 0;
    m->height = 1.7f;
    texture_init(&p->texture, rgba, w, h, texture_limit);
    p->texture.cut_out = true;
    plan_finish(&plan);
    mem_free(c.bone);
    mem_free(c.cost);
    return p;
}

/* ---- posing
 * ------------------------------------------------------------------------------------------------------------- */
/* v -> turn v + shift takes `from` to `to`, turned by the bone's turn and stretched along the bone only. */
static void map_bone(Posed *out, int joint, Vec3 from, Vec3 rest, Vec3 to, Vec3 now, float across, float depth)
{
    float n = MAX(sqrtf(rest.x * rest.x + rest.y * rest.y), 1e-4f),
          m = MAX(sqrtf(now.x * now.x + now.y * now.y), 1e-4f);
    float ux = rest.x / n, uy = rest.y / n, vx = now.x / m, vy = now.y / m, s = m / n;
    /* rows: now (x) s rest + across * now_normal (x) rest_normal */
    float a = vx * s * ux + across * vy * uy, b = vx * s * uy - across * vy * ux;
    float c = vy * s * ux - across * vx * uy, e = vy * s * uy + across * vx * ux;
    out->turn[joint] = (Mat3){{{a, b, 0}, {c, e, 0}, {0, 0, 0}}};
    Vec3 moved = mat3_apply(&out->turn[joint], from);
    out->shift[joint] = vec3(to.x - moved.x, to.y - moved.y, depth);
}

static Vec3 flat(const Pose p, int a, int b) { return vec3(p[b][0] - p[a][0], p[b][1] - p[a][1], 0); }
static Vec3 spot(const Pose p, int j) { return vec3(p[j][0], p[j][1], 0); }
static Vec3 carry(const Posed *p, int map, Vec3 v)
{
    Vec3 o = vec3_add(mat3_apply(&p->turn[map], v), p->shift[map]);
    o.z = 0;
    return o;
}

/* The bone's length on the sheet: the drawing's, foreshortened as the pose's bone is; never less than four tenths. */
static Vec3 sheet_vector(const Pose rest, const Pose pose, int a, int b, float stretch)
{
    float length = vec3_length(flat(rest, a, b));
    Vec3 d = vec3_sub(vec3_from(pose[b]), vec3_from(pose[a]));
    float full = MAX(vec3_length(d), 1e-4f), seen = sqrtf(d.x * d.x + d.y * d.y) / full;
    Vec3 dir = seen > 0.05f ? vec3_unit(vec3(d.x, d.y, 0)) : vec3_unit(flat(rest, a, b));
    return vec3_scale(dir, length * stretch * MAX(seen, 0.4f));
}

static float layer_depth(const Pose pose, int a, int b, float bias)
{
    return 0.12f * (0.5f * (pose[a][2] + pose[b][2]) - pose[JOINT_PELVIS][2]) + bias;
}

static void pose_limb(const Mesh *m, const Pose pose, int root, int a, float bias, Posed *out)
{
    const float (*rest)[3] = m->rest;
    Vec3 at = carry(out, root, spot(rest, a));
    for (int i = 0; i < 2; i++) {
        Vec3 now = sheet_vector(rest, pose, a + i, a + i + 1, 1);
        out->joint[a + i] = at;
        map_bone(out, a + i, spot(rest, a + i), flat(rest, a + i, a + i + 1), at, now, 1,
                 layer_depth(pose, a + i, a + i + 1, bias + 0.002f * i));
        at = vec3_add(at, now);
    }
    out->joint[a + 2] = at;
    out->turn[a + 2] = out->turn[a + 1];
    /* the end follows its limb's turn without its stretch */
    map_bone(out, a + 2, spot(rest, a + 2), vec3_unit(flat(rest, a + 1, a + 2)), at,
             vec3_unit(vec3_sub(at, out->joint[a + 1])), 1, layer_depth(pose, a + 2, a + 2, bias + 0.004f));
}

static void pose_foot(const Mesh *m, const Pose pose, int ankle, int toe, Posed *out)
{
    const float (*rest)[3] = m->rest;
    float tilt = 0.4f * (pose[toe][0] - pose[ankle][0]); /* turned out or in */
    Vec3 was = vec3_unit(flat(rest, ankle, toe)), now = vec3_unit(vec3(was.x + tilt, was.y, 0));
    float length = vec3_length(flat(rest, ankle, toe));
    map_bone(out, ankle, spot(rest, ankle), was, out->joint[ankle], now, 1, out->shift[ankle].z);
    out->turn[toe] = out->turn[ankle];
    out->shift[toe] = out->shift[ankle];
    out->joint[toe] = vec3_add(out->joint[ankle], vec3_scale(now, length));
}

void puppet_pose(const Mesh *m, const Pose pose, const Bearing *b, float lift, Posed *out)
{
    const float (*rest)[3] = m->rest;
    memset(out, 0, sizeof *out);
    Vec3 hips = vec3_scale(vec3_add(spot(rest, JOINT_L_HIP), spot(rest, JOINT_R_HIP)), 0.5f);
    Vec3 now_hips = vec3(0.5f * (pose[JOINT_L_HIP][0] + pose[JOINT_R_HIP][0]),
                         0.5f * (pose[JOINT_L_HIP][1] + pose[JOINT_R_HIP][1]), 0);
    Vec3 spine = vec3_sub(spot(rest, JOINT_NECK), hips), lean = vec3_sub(spot(pose, JOINT_NECK), now_hips);
    lean = vec3_scale(vec3_unit(lean), vec3_length(spine) * CLAMP(vec3_length(lean) / 0.54f, 0.6f, 1.0f));
    Vec3 low = vec3_unit(vec3_mix(lean, vec3(0, vec3_length(lean), 0), 0.5f)); /* the hips tilt half as much */
    float across = CLAMP(fabsf(pose[JOINT_L_SHOULDER][0] - pose[JOINT_R_SHOULDER][0]) / 0.34f, 0.8f, 1.03f);
    map_bone(out, JOINT_PELVIS, hips, vec3_unit(spine), vec3(0, hips.y, 0), low, across, 0);
    map_bone(out, JOINT_CHEST, hips, spine, vec3(0, hips.y, 0), lean, across, 0);
    out->joint[JOINT_PELVIS] = carry(out, JOINT_PELVIS, spot(rest, JOINT_PELVIS));
    out->joint[JOINT_CHEST] = carry(out, JOINT_CHEST, spot(rest, JOINT_CHEST));
    out->joint[JOINT_NECK] = carry(out, JOINT_CHEST, spot(rest, JOINT_NECK));
    Vec3 nod = vec3_scale(vec3_unit(flat(pose, JOINT_NECK, JOINT_HEAD)), 1),
         was = vec3_unit(flat(rest, JOINT_NECK, JOINT_HEAD));
    nod = vec3_unit(vec3_mix(vec3_unit(lean), nod, 0.5f)); /* where the drawing's own neck points counts as straight */
    Mat3 head = mat3_align(vec3(0, 1, 0), vec3_unit(vec3(nod.x, nod.y, 0)), 1);
    Vec3 turned = mat3_apply(&head, was);
    map_bone(out, JOINT_HEAD, spot(rest, JOINT_NECK), was, out->joint[JOINT_NECK], vec3_scale(turned, b->head_scale),
             b->head_scale, 0.006f);
    out->turn[JOINT_NECK] = out->turn[JOINT_HEAD];
    out->shift[JOINT_NECK] = out->shift[JOINT_HEAD];
    out->joint[JOINT_HEAD] = carry(out, JOINT_HEAD, spot(rest, JOINT_HEAD));
    for (int s = 0; s < 2; s++) {
        pose_limb(m, pose, JOINT_CHEST, s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, 0.004f, out);
        int leg = s ? JOINT_R_HIP : JOINT_L_HIP;
        pose_limb(m, pose, JOINT_PELVIS, leg, -0.004f, out);
        pose_foot(m, pose, leg + 2, s ? JOINT_R_TOE : JOINT_L_TOE, out);
    }
    float sole = 1e9f;
    for (int s = 0; s < 2; s++) {
        int ankle = s ? JOINT_R_ANKLE : JOINT_L_ANKLE, toe = s ? JOINT_R_TOE : JOINT_L_TOE;
        sole = MIN(sole, carry(out, ankle, vec3(rest[ankle][0], 0, 0)).y);
        sole = MIN(sole, carry(out, ankle, vec3(rest[toe][0], 0, 0)).y);
    }
    out->crown = carry(out, JOINT_HEAD, vec3(rest[JOINT_HEAD][0], m->height, 0));
    skin_move(out, vec3(0, lift - sole, 0));
    float size = m->height / 1.7f;
    for (int j = 0; j < SYNTH_JOINTS; j++)
        out->ahead[j] = size * (pose[j][2] - pose[JOINT_PELVIS][2]);
}
