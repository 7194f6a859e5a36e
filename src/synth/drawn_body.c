/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies by code: a skeleton with drawn proportions, then rounded people (with skirts, hair, hats), animals that stand
 * like people, and robots. Every one is made anew for its pair; 2,000 to 3,000 vertices, a tenth of a millisecond.
 */
#include "synth/drawn_body.h"
#include "synth/mesh_build.h"
#include "synth/scene.h"

#include <string.h>

/* Proportions in metres. */
typedef struct Build {
    float thigh, shin, foot, trunk, shoulder, hip, neck, head, upper_arm, forearm, thick, belly, chest;
    bool robot, animal, stick, skirt, cape, long_sleeves, shorts;
    float skirt_length, flare;
} Build;

static Build draw_build(Rng *r)
{
    Build b = {0};
    float kind = rng_float(r), stretch = rng_range(r, 0.85f, 1.12f);
    bool cartoon = rng_chance(r, 0.45f);
    b.robot = kind < 0.14f;
    b.animal = kind > 0.82f;
    b.stick = kind > 0.72f && !b.animal;
    b.thigh = rng_range(r, 0.38f, 0.45f) * stretch;
    b.shin = rng_range(r, 0.38f, 0.44f) * stretch;
    b.foot = rng_range(r, 0.06f, 0.1f);
    b.trunk = rng_range(r, 0.46f, 0.58f);
    b.shoulder = rng_range(r, 0.14f, 0.22f);
    b.hip = rng_range(r, 0.07f, 0.12f);
    b.neck = rng_range(r, 0.05f, 0.11f) * (cartoon ? 0.4f : 1);
    b.head = rng_range(r, 0.1f, 0.13f);
    b.head *= cartoon ? rng_range(r, 1.1f, 2.0f) : 1;
    b.upper_arm = rng_range(r, 0.24f, 0.32f);
    b.forearm = rng_range(r, 0.22f, 0.29f);
    b.thick = cartoon ? rng_range(r, 0.45f, 1.6f) : rng_range(r, 0.8f, 1.25f);
    b.belly = rng_range(r, 0.85f, 1.2f);
    b.belly *= rng_chance(r, 0.15f) ? 1.4f : 1;
    b.chest = rng_range(r, 0.9f, 1.15f);
    b.skirt = !b.robot && !b.stick && rng_chance(r, 0.3f);
    b.cape = !b.robot && !b.stick && rng_chance(r, 0.12f);
    b.skirt_length = rng_range(r, 0.3f, 0.75f);
    b.flare = rng_range(r, 1.0f, 2.2f);
    b.long_sleeves = rng_chance(r, 0.5f);
    b.shorts = rng_chance(r, 0.25f);
    if (b.stick) { /* lines and a round head */
        b.thick = rng_range(r, 0.16f, 0.4f);
        b.hip *= 0.35f;
        b.shoulder *= rng_range(r, 0.12f, 0.45f);
    }
    return b;
}

static void set(Pose p, int j, float x, float y, float z)
{
    p[j][0] = x;
    p[j][1] = y;
    p[j][2] = z;
}

static void make_skeleton(const Build *b, Pose p)
{
    float hip = b->thigh + b->shin + b->foot, neck = hip + b->trunk, drop = 0.12f * b->trunk;
    set(p, JOINT_PELVIS, 0, hip, 0);
    set(p, JOINT_CHEST, 0, hip + 0.6f * b->trunk, 0);
    set(p, JOINT_NECK, 0, neck, 0);
    set(p, JOINT_HEAD, 0, neck + b->neck, 0.01f);
    for (int s = 0; s < 2; s++) {
        float side = s ? -1 : 1, c = 0.7071f;
        int arm = s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, leg = s ? JOINT_R_HIP : JOINT_L_HIP;
        set(p, arm, side * b->shoulder, neck - drop, 0);
        set(p, arm + 1, side * (b->shoulder + c * b->upper_arm), neck - drop - c * b->upper_arm, 0);
        set(p, arm + 2, side * (b->shoulder + c * (b->upper_arm + b->forearm)),
            neck - drop - c * (b->upper_arm + b->forearm), 0.02f);
        set(p, leg, side * b->hip, hip, 0);
        set(p, leg + 1, side * b->hip * 1.08f, b->shin + b->foot, 0.005f);
        set(p, leg + 2, side * b->hip * 1.15f, b->foot, -0.01f);
        set(p, s ? JOINT_R_TOE : JOINT_L_TOE, side * b->hip * 1.3f, 0.012f, 0.11f);
    }
}

/* A bending limb a-b-c as one tube: round ends, shares that pass from bone to bone around the middle joint. */
static void build_limb(Builder *b, const Pose p, int root, int a, float r0, float r1, float r2, int upper, int lower,
                       float change)
{
    enum { STEPS = 7 };
    Vec3 A = vec3_from(p[a]), B = vec3_from(p[a + 1]), C = vec3_from(p[a + 2]), d = vec3_unit(vec3_sub(B, A));
    Ring ring[2 * STEPS + 4];
    int n = 0;
    ring[n++] = (Ring){vec3_sub(A, vec3_scale(d, 0.9f * r0)), 0.45f * r0, 0.45f * r0, a, root, 0.5f, upper};
    ring[n++] = (Ring){vec3_sub(A, vec3_scale(d, 0.5f * r0)), 0.85f * r0, 0.85f * r0, a, root, 0.4f, upper};
    for (int i = 0; i < 2 * STEPS; i++) {
        bool low = i >= STEPS;
        float t = (float)(low ? i - STEPS : i) / (low ? STEPS - 1 : STEPS),
              at = low ? t : t - 1; /* -1..0 above, 0..1 below */
        float share = CLAMP(0.5f + 2.2f * at, 0.0f, 1.0f);
        Vec3 where = low ? vec3_mix(B, C, t) : vec3_mix(A, B, t);
        float radius = low ? r1 + t * (r2 - r1) : r0 + t * (r1 - r0);
        uint8_t material = low && t > change ? lower : low && change < 0 ? lower : upper;
        ring[n] = (Ring){where, radius, radius, a, a + 1, share, material};
        if (!low && i == 0)
            ring[n].second = root, ring[n].share = 0.25f;
        n++;
    }
    build_tube(b, ring, n, 12, vec3(0, 0, 1), PART_NONE);
}

static void build_trunk(Builder *b, const Build *k, const Pose p, int shirt, int trousers)
{
    float hip = p[JOINT_PELVIS][1], neck = p[JOINT_NECK][1], w = k->hip + 0.075f * k->thick, t = k->trunk;
    float wide = k->shoulder + 0.02f, deep = 0.1f * k->chest * MIN(k->thick, 1.2f) + 0.02f;
    const struct { float y, a, b, chest; } row[] = {
        {hip - 0.10f, 0.3f * w, 0.05f, 0},
        {hip - 0.06f, 0.85f * w, deep * 0.8f, 0},
        {hip, w, deep * k->belly, 0},
        {hip + 0.18f * t, 0.95f * w * k->belly, deep * k->belly, 0.15f},
        {hip + 0.38f * t, 0.5f * (0.9f * w + wide) * (0.5f + 0.5f * k->belly), deep * k->belly, 0.5f},
        {hip + 0.58f * t, 0.9f * wide, deep * 1.05f, 0.85f},
        {hip + 0.76f * t, wide, deep, 1},
        {hip + 0.88f * t, 0.92f * wide, 0.85f * deep, 1},
        {neck - 0.02f, 0.6f * wide, 0.6f * deep, 1},
        {neck + 0.015f, 0.055f, 0.055f, 1}};
    Ring ring[ARRAY_LEN(row)];
    for (int i = 0; i < (int)ARRAY_LEN(row); i++)
        ring[i] = (Ring){vec3(0, row[i].y, 0), row[i].a, row[i].b, JOINT_PELVIS, JOINT_CHEST, row[i].chest,
                         row[i].y < hip + 0.1f * t ? trousers : shirt};
    build_tube(b, ring, ARRAY_LEN(ring), 18, vec3(0, 0, 1), PART_TRUNK);
    ring[0] = (Ring){vec3(0, neck - 0.03f, 0), 0.05f, 0.05f, JOINT_CHEST, JOINT_NECK, 0.3f, DRAWN_SKIN};
    ring[1] = (Ring){vec3(0, neck + 0.3f * k->neck, 0), 0.048f, 0.05f, JOINT_NECK, JOINT_NECK, 0, DRAWN_SKIN};
    ring[2] = (Ring){vec3(0, neck + k->neck + 0.04f, 0), 0.048f, 0.05f, JOINT_NECK, JOINT_HEAD, 0.8f, DRAWN_SKIN};
    build_tube(b, ring, 3, 12, vec3(0, 0, 1), PART_HEAD);
}

static void build_skirt(Builder *b, const Build *k, const Pose p, int material)
{
    enum { ROWS = 9 };
    float hip = p[JOINT_PELVIS][1], w = k->hip + 0.085f * k->thick,
          length = k->skirt_length * (k->thigh + 0.5f * k->shin);
    Ring ring[ROWS];
    for (int i = 0; i < ROWS; i++) {
        float t = (float)i / (ROWS - 1);
        float y = hip + 0.1f - t * (length + 0.1f), a = w * (1 + (k->flare - 1) * t),
              legs = CLAMP(1.6f * t - 0.1f, 0.0f, 0.85f);
        /* ring order must rise for outward faces; thighs' shares are spread from side to side by bind_skirt (mesh.c) */
        ring[ROWS - 1 - i] =
            (Ring){vec3(0, y, 0), a, MIN(a, 0.13f + 0.1f * k->flare * t), JOINT_PELVIS, JOINT_L_HIP, legs, material};
    }
    int first = b->n_verts;
    build_tube(b, ring, ROWS, 22, vec3(0, 0, 1), PART_TRUNK);
    for (int v = first; v < b->n_verts; v++)
        if (b->pos[v][0] < 0)
            b->joint[v][1] = JOINT_R_HIP;
}

/* A cloth from the shoulders down the back, thin and closed; hangs from the chest and drags on the legs. */
static void build_cape(Builder *b, const Build *k, const Pose p, float length)
{
    enum { ROWS = 10 };
    float top = p[JOINT_NECK][1] - 0.03f, low = p[JOINT_PELVIS][1] - length * (k->thigh + k->shin);
    Ring ring[ROWS];
    for (int i = 0; i < ROWS; i++) { /* rising */
        float t = 1 - (float)i / (ROWS - 1), y = top - t * (top - low), hip = p[JOINT_PELVIS][1];
        bool below = y < hip;
        float share = below ? CLAMP((hip - y) * 0.9f, 0.0f, 0.6f) : CLAMP((hip + 0.3f - y) / 0.3f, 0.0f, 1.0f);
        ring[i] = (Ring){vec3(0, y, -0.1f - 0.13f * t),
                         k->shoulder * (0.9f + 0.7f * t),
                         0.012f,
                         below ? JOINT_PELVIS : JOINT_CHEST,
                         below ? JOINT_L_HIP : JOINT_PELVIS,
                         share,
                         DRAWN_ACCENT};
    }
    int first = b->n_verts;
    build_tube(b, ring, ROWS, 20, vec3(0, 0, 1), PART_TRUNK);
    for (int v = first; v < b->n_verts; v++)
        if (b->pos[v][0] < 0 && b->joint[v][1] == JOINT_L_HIP)
            b->joint[v][1] = JOINT_R_HIP;
}

static void build_tail(Builder *b, Rng *r, const Pose p)
{
    enum { ROWS = 8 };
    float thick = rng_range(r, 0.015f, 0.06f), length = rng_range(r, 0.2f, 0.7f), rise = rng_range(r, -0.8f, 0.8f),
          side = rng_range(r, -0.5f, 0.5f);
    Ring ring[ROWS];
    for (int i = 0; i < ROWS; i++) {
        float t = (float)i / (ROWS - 1);
        ring[i] = (Ring){vec3(side * length * t * t, p[JOINT_PELVIS][1] + rise * length * t * t, -0.08f - length * t),
                         thick * (1.1f - 0.7f * t),
                         thick * (1.1f - 0.7f * t),
                         JOINT_PELVIS,
                         JOINT_PELVIS,
                         0,
                         DRAWN_SKIN};
    }
    build_tube(b, ring, ROWS, 8, vec3(0, 1, 0), PART_TRUNK);
}

static void build_face(Builder *b, Rng *r, Vec3 at, Vec3 h)
{
    float eye = rng_range(r, 0.07f, 0.2f) * h.y, gap = rng_range(r, 0.28f, 0.42f) * h.x,
          rise = rng_range(r, -0.05f, 0.2f) * h.y;
    bool white = rng_chance(r, 0.5f);
    for (int s = -1; s <= 1; s += 2) {
        float z = h.z * sqrtf(MAX(0.2f, 1 - (gap * gap) / (h.x * h.x) - rise * rise / (h.y * h.y)));
        if (white)
            build_ball(b, vec3(at.x + s * gap, at.y + rise, at.z + 0.96f * z), vec3(1.5f * eye, 1.5f * eye, 0.5f * eye),
                       JOINT_HEAD, (Piece){DRAWN_LIGHT, PART_HEAD});
        build_ball(b, vec3(at.x + s * gap, at.y + rise, at.z + z), vec3(0.8f * eye, eye, 0.6f * eye), JOINT_HEAD,
                   (Piece){DRAWN_DARK, PART_HEAD});
    }
    if (rng_chance(r, 0.7f))
        build_ball(b, vec3(at.x, at.y - 0.18f * h.y, at.z + 0.97f * h.z), vec3(0.1f * h.x, 0.16f * h.y, 0.16f * h.z),
                   JOINT_HEAD, (Piece){DRAWN_SKIN, PART_HEAD});
    float mouth = rng_range(r, 0.15f, 0.4f), lips = rng_range(r, 0.03f, 0.12f);
    build_ball(b, vec3(at.x, at.y - 0.48f * h.y, at.z + 0.85f * h.z), vec3(mouth * h.x, lips * h.y, 0.08f * h.z),
               JOINT_HEAD, (Piece){rng_chance(r, 0.5f) ? DRAWN_DARK : DRAWN_ACCENT, PART_HEAD});
}

static void build_hair(Builder *b, Rng *r, Vec3 at, Vec3 h)
{
    const Piece hair = {DRAWN_HAIR, PART_HEAD}, hat = {DRAWN_ACCENT, PART_HEAD};
    float kind = rng_float(r);
    if (kind < 0.1f)
        return; /* bald */
    if (kind < 0.22f) { /* cap or tall hat */
        build_cap(b, vec3(at.x, at.y + 0.15f * h.y, at.z), vec3(1.1f * h.x, 1.05f * h.y, 1.1f * h.z), 0.2f, 0,
                  JOINT_HEAD, hat);
        build_ball(b, vec3(at.x, at.y + 0.38f * h.y, at.z + 0.4f * h.z), vec3(1.15f * h.x, 0.07f * h.y, 1.2f * h.z),
                   JOINT_HEAD, hat);
        return;
    }
    float from = rng_range(r, -0.1f, 0.35f), tilt = rng_range(r, 0.35f, 0.8f);
    build_cap(b, vec3(at.x, at.y + 0.03f * h.y, at.z - 0.03f * h.z), vec3(1.08f * h.x, 1.08f * h.y, 1.1f * h.z), from,
              tilt, JOINT_HEAD, hair);
    if (kind > 0.55f && kind < 0.8f) { /* long: a lobe behind */
        float length = rng_range(r, 0.8f, 2.2f) * h.y;
        build_ball(b, vec3(at.x, at.y - 0.5f * length, at.z - 0.55f * h.z),
                   vec3(rng_range(r, 0.8f, 1.25f) * h.x, length, 0.6f * h.z), JOINT_HEAD, hair);
    } else if (kind >= 0.8f) { /* curls, buns, tails */
        int balls = rng_int(r, 1, 9);
        for (int i = 0; i < balls; i++) {
            float a = rng_range(r, 0, (float)M_PI), size = rng_range(r, 0.25f, 0.55f);
            build_ball(b,
                       vec3(at.x + 1.05f * h.x * cosf(a), at.y + h.y * (0.2f + 0.9f * sinf(a)),
                            at.z - rng_range(r, 0, 0.8f) * h.z),
                       vec3(size * h.x, size * h.y, size * h.z), JOINT_HEAD, hair);
        }
    }
}

static void build_animal_head(Builder *b, Rng *r, Vec3 at, Vec3 h)
{
    const Piece fur = {DRAWN_SKIN, PART_HEAD}, inner = {DRAWN_LIGHT, PART_HEAD};
    float kind = rng_float(r);
    Vec3 ear = kind < 0.35f ? vec3(0.42f * h.x, 0.42f * h.y, 0.15f * h.z)  /* bear, mouse */
             : kind < 0.6f ? vec3(0.2f * h.x, 1.1f * h.y, 0.14f * h.z)     /* rabbit */
                           : vec3(0.22f * h.x, 0.5f * h.y, 0.12f * h.z);   /* cat, fox */
    float spread = rng_range(r, 0.45f, 0.85f);
    for (int s = -1; s <= 1; s += 2) {
        Vec3 e = vec3(at.x + s * spread * h.x, at.y + 0.75f * h.y + 0.6f * ear.y, at.z);
        build_ball(b, e, ear, JOINT_HEAD, fur);
        build_ball(b, vec3(e.x, e.y, e.z + 0.6f * ear.z), vec3(0.6f * ear.x, 0.7f * ear.y, 0.7f * ear.z), JOINT_HEAD,
                   inner);
    }
    float snout = rng_range(r, 0.25f, 0.8f);
    build_ball(b, vec3(at.x, at.y - 0.3f * h.y, at.z + 0.8f * h.z), vec3(0.4f * h.x, 0.3f * h.y, snout * h.z),
               JOINT_HEAD, inner);
    build_ball(b, vec3(at.x, at.y - 0.18f * h.y, at.z + (0.78f + snout) * h.z),
               vec3(0.14f * h.x, 0.1f * h.y, 0.1f * h.z), JOINT_HEAD, (Piece){DRAWN_DARK, PART_HEAD});
}

static void build_person(Builder *b, const Build *k, Rng *r, const Pose p)
{
    float g = k->thick;
    int skin = DRAWN_SKIN, sleeve = k->animal && rng_chance(r, 0.5f) ? DRAWN_SKIN : DRAWN_SHIRT;
    bool bare_legs = k->skirt || (k->animal && rng_chance(r, 0.5f));
    int trousers = bare_legs && !k->skirt ? skin : DRAWN_TROUSERS;
    build_trunk(b, k, p, sleeve == skin ? skin : DRAWN_SHIRT, bare_legs && !k->skirt ? skin : DRAWN_TROUSERS);
    bool mittens = rng_chance(r, 0.6f);
    for (int s = 0; s < 2; s++) {
        int arm = s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, leg = s ? JOINT_R_HIP : JOINT_L_HIP;
        build_limb(b, p, JOINT_CHEST, arm, 0.055f * g, 0.042f * g, 0.032f * g, sleeve, k->long_sleeves ? sleeve : skin,
                   k->long_sleeves ? 2 : -1);
        build_limb(b, p, JOINT_PELVIS, leg, 0.085f * g, 0.062f * g, 0.045f * g, k->skirt ? skin : trousers,
                   k->shorts || k->skirt ? skin : trousers, k->shorts ? -1 : 2);
        Vec3 w = vec3_from(p[arm + 2]), d = vec3_unit(vec3_sub(w, vec3_from(p[arm + 1])));
        float palm = (mittens ? 0.05f : 0.04f) * (0.6f + 0.4f * g);
        build_ball(b, vec3_add(w, vec3_scale(d, 1.1f * palm)), vec3(1.25f * palm, 1.25f * palm, 0.7f * palm), arm + 2,
                   (Piece){skin, PART_NONE});
        if (!mittens)
            for (int f = 0; f < 4; f++) {
                Ring ring[3];
                Vec3 side = vec3_cross(d, vec3(0, 0, 1)),
                     start =
                         vec3_add(w, vec3_add(vec3_scale(d, 1.6f * palm), vec3_scale(side, (f - 1.5f) * 0.5f * palm)));
                for (int i = 0; i < 3; i++)
                    ring[i] = (Ring){vec3_add(start, vec3_scale(d, i * 0.75f * palm)),
                                     0.22f * palm,
                                     0.22f * palm,
                                     arm + 2,
                                     arm + 2,
                                     0,
                                     skin};
                build_tube(b, ring, 3, 6, vec3(0, 0, 1), PART_NONE);
            }
        Vec3 ankle = vec3_from(p[leg + 2]), toe = vec3_from(p[s ? JOINT_R_TOE : JOINT_L_TOE]);
        float high = MAX(0.04f, 0.8f * k->foot);
        build_ball(b, vec3(0.5f * (ankle.x + toe.x), 0.5f * high, 0.4f * ankle.z + 0.6f * toe.z - 0.01f),
                   vec3(0.045f * (0.6f + 0.4f * g), 0.55f * high, 0.13f), leg + 2, (Piece){DRAWN_SHOES, PART_NONE});
    }
    if (k->cape)
        build_cape(b, k, p, rng_range(r, 0.2f, 0.85f));
    if (k->animal && rng_chance(r, 0.6f))
        build_tail(b, r, p);
    if (k->skirt)
        build_skirt(b, k, p, rng_chance(r, 0.5f) ? DRAWN_TROUSERS : DRAWN_SHIRT);
    float narrow = rng_range(r, 0.72f, 1.05f), flat = rng_range(r, 0.8f, 1.0f);
    Vec3 h = vec3(k->head * narrow, k->head, k->head * flat);
    Vec3 at = vec3(0, p[JOINT_HEAD][1] + 0.75f * h.y, p[JOINT_HEAD][2] + 0.01f);
    build_ball(b, at, h, JOINT_HEAD, (Piece){DRAWN_SKIN, PART_HEAD});
    if (!k->stick || rng_chance(r, 0.5f))
        build_face(b, r, at, h);
    if (k->animal)
        build_animal_head(b, r, at, h);
    else if (!k->stick || rng_chance(r, 0.3f))
        build_hair(b, r, at, h);
}

static void build_robot(Builder *b, const Build *k, Rng *r, const Pose p)
{
    float g = k->thick;
    Piece body = {DRAWN_SHIRT, PART_TRUNK}, limb = {DRAWN_TROUSERS, PART_NONE}, joint = {DRAWN_DARK, PART_NONE};
    float hip = p[JOINT_PELVIS][1], neck = p[JOINT_NECK][1];
    build_box(b, vec3(0, hip + 0.72f * k->trunk, 0), vec3(k->shoulder, 0.27f * k->trunk, 0.11f), JOINT_CHEST, body);
    build_box(b, vec3(0, hip + 0.36f * k->trunk, 0), vec3(0.06f, 0.12f * k->trunk, 0.06f), JOINT_CHEST,
              (Piece){DRAWN_DARK, PART_TRUNK});
    build_box(b, vec3(0, hip + 0.08f * k->trunk, 0), vec3(k->hip + 0.06f, 0.17f * k->trunk, 0.1f), JOINT_PELVIS, body);
    build_box(b, vec3(0, hip + 0.75f * k->trunk, 0.115f), vec3(0.5f * k->shoulder, 0.1f * k->trunk, 0.01f), JOINT_CHEST,
              (Piece){DRAWN_ACCENT, PART_TRUNK});
    build_box(b, vec3(0, neck + 0.4f * k->neck, 0), vec3(0.035f, 0.5f * k->neck + 0.02f, 0.035f), JOINT_NECK,
              (Piece){DRAWN_DARK, PART_HEAD});
    for (int s = 0; s < 2; s++) {
        int arm = s ? JOINT_R_SHOULDER : JOINT_L_SHOULDER, leg = s ? JOINT_R_HIP : JOINT_L_HIP,
            toe = s ? JOINT_R_TOE : JOINT_L_TOE;
        for (int i = 0; i < 2; i++) {
            build_box_between(b, vec3_from(p[arm + i]),
                              vec3_mix(vec3_from(p[arm + i]), vec3_from(p[arm + i + 1]), 0.92f), 0.042f * g, 0.042f * g,
                              arm + i, limb);
            build_box_between(b, vec3_from(p[leg + i]),
                              vec3_mix(vec3_from(p[leg + i]), vec3_from(p[leg + i + 1]), 0.92f), 0.06f * g, 0.06f * g,
                              leg + i, limb);
            build_ball(b, vec3_from(p[arm + i]), vec3(0.05f * g, 0.05f * g, 0.05f * g), arm + i, joint);
            build_ball(b, vec3_from(p[leg + i + 1]), vec3(0.055f * g, 0.055f * g, 0.055f * g), leg + i + 1, joint);
        }
        Vec3 w = vec3_from(p[arm + 2]), d = vec3_unit(vec3_sub(w, vec3_from(p[arm + 1]))), a = vec3_from(p[leg + 2]),
             t = vec3_from(p[toe]);
        build_box_between(b, w, vec3_add(w, vec3_scale(d, 0.11f)), 0.04f, 0.03f, arm + 2,
                          (Piece){DRAWN_SHOES, PART_NONE});
        build_box(b, vec3(0.5f * (a.x + t.x), 0.5f * k->foot, 0.05f), vec3(0.055f, 0.5f * k->foot, 0.12f), leg + 2,
                  (Piece){DRAWN_SHOES, PART_NONE});
    }
    float wide = rng_range(r, 0.8f, 1.3f), high = rng_range(r, 0.7f, 1);
    Vec3 h = vec3(k->head * wide, k->head * high, k->head * 0.8f);
    Vec3 at = vec3(0, p[JOINT_HEAD][1] + h.y, 0);
    build_box(b, at, h, JOINT_HEAD, (Piece){DRAWN_SHIRT, PART_HEAD});
    for (int s = -1; s <= 1; s += 2)
        build_ball(b, vec3(s * 0.4f * h.x, at.y + 0.15f * h.y, h.z), vec3(0.2f * h.x, 0.2f * h.y, 0.15f * h.z),
                   JOINT_HEAD, (Piece){DRAWN_LIGHT, PART_HEAD});
    build_box(b, vec3(0, at.y - 0.45f * h.y, h.z), vec3(0.5f * h.x, 0.08f * h.y, 0.02f), JOINT_HEAD,
              (Piece){DRAWN_DARK, PART_HEAD});
    if (rng_chance(r, 0.6f)) {
        build_box(b, vec3(0, at.y + h.y + 0.05f, 0), vec3(0.008f, 0.05f, 0.008f), JOINT_HEAD,
                  (Piece){DRAWN_DARK, PART_HEAD});
        build_ball(b, vec3(0, at.y + h.y + 0.1f, 0), vec3(0.025f, 0.025f, 0.025f), JOINT_HEAD,
                   (Piece){DRAWN_ACCENT, PART_HEAD});
    }
}

Mesh *drawn_body_make(Rng *r)
{
    Build k = draw_build(r);
    Pose rest;
    make_skeleton(&k, rest);
    Builder b = {0};
    if (k.robot)
        build_robot(&b, &k, r, rest);
    else
        build_person(&b, &k, r, rest);
    Mesh *m = build_finish(&b, rest);
    /* colours of a robot and of fur differ from people's; the dress asks for these */
    m->feature[0] = k.robot ? FEATURE_OTHER : k.animal ? FEATURE_HAIR : k.stick ? FEATURE_HAT : FEATURE_SKIN;
    snprintf(m->name, sizeof m->name, "drawn %s",
             k.robot    ? "robot"
             : k.animal ? "animal"
             : k.stick  ? "stick figure"
                        : "person");
    return m;
}

static void tint(Material *m, const float rgb[3])
{
    *m = (Material){0};
    for (int c = 0; c < 3; c++)
        m->tint[c] = rgb[c] / 255;
}

bool drawn_body_dress(struct SynthSource *s, Rng *r, const Mesh *m, Dress *d)
{
    float rgb[3];
    FigureFeature kind = m->feature[0];
    if (kind == FEATURE_HAIR && rng_chance(r, 0.4f))
        figure_hair_colour(r, rgb);
    else if (kind == FEATURE_HAIR || rng_chance(r, 0.12f))
        colour_draw(r, (ColourRange){{0, 1}, {0.1f, 0.8f}, {100, 250}}, rgb);
    else
        figure_skin_colour(r, rgb);
    tint(&d->material[DRAWN_SKIN], rgb);
    figure_hair_colour(r, rgb);
    tint(&d->material[DRAWN_HAIR], rgb);
    for (int i = DRAWN_SHIRT; i <= DRAWN_SHOES; i++) {
        bool metal = kind == FEATURE_OTHER;
        colour_draw(r, (ColourRange){{0, 1}, {metal ? 0 : 0.1f, metal ? 0.5f : 0.9f}, {60, 250}}, rgb);
        tint(&d->material[i], rgb);
        if (i == DRAWN_SHOES || (kind == FEATURE_OTHER && rng_chance(r, 0.7f)) || rng_chance(r, 0.35f))
            continue;
        if (!figure_cloth(s, r, &d->material[i]))
            return false;
    }
    if (kind == FEATURE_HAT && rng_chance(r, 0.75f)) { /* stick figures are of one colour, at most with another head */
        if (rng_chance(r, 0.6f))
            rgb[0] = rgb[1] = rgb[2] = rng_range(r, 5, 50);
        else
            colour_draw(r, (ColourRange){{0, 1}, {0, 1}, {30, 250}}, rgb);
        for (int i = rng_chance(r, 0.7f) ? DRAWN_SKIN : DRAWN_SHIRT; i <= DRAWN_HAIR; i++)
            tint(&d->material[i], rgb);
    }
    rgb[0] = rgb[1] = rgb[2] = rng_range(r, 10, 60);
    tint(&d->material[DRAWN_DARK], rgb);
    rgb[0] = rgb[1] = rgb[2] = rng_range(r, 200, 255);
    tint(&d->material[DRAWN_LIGHT], rgb);
    colour_draw(r, (ColourRange){{0, 1}, {0.4f, 1}, {120, 250}}, rgb);
    tint(&d->material[DRAWN_ACCENT], rgb);
    return true;
}
