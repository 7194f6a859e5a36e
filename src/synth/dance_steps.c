/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of composed dances: patterns of steps, of arm poses, and of the trunk, each for the families and
 * energies it suits. A dance phrase combines one of each, so that some thirty patterns give hundreds of moves:
 * step-touch with claps, with a disco point, with a shoulder shimmy ...
 * Arriving on a count means that the foot stands, or the arm is there, exactly on that beat.
 */
#include "synth/dance_internal.h"

#include <string.h>

#define F(f) (1u << DANCE_##f)
#define ALL (F(STREET) | F(CLUB) | F(DISCO) | F(LATIN) | F(ROCK) | F(BALLROOM) | F(POP))
#define MOST (ALL & ~F(BALLROOM))

enum { L, R };
#define STEP(at, foot, x, z) {at, foot, x, z, 0.85f, 0.06f, 0, 0, 0, false}
#define TAP(at, foot, x, z) {at, foot, x, z, 0.8f, 0.05f, 0, 0.5f, 0, true}
#define HEEL(at, foot, x, z) {at, foot, x, z, 0.8f, 0.05f, 0.03f, -0.45f, 0, true}
#define LIFT(at, foot, x, z, air) {at, foot, x, z, 0.8f, 0, air, 0.35f, 0, true}
#define HOP(at, foot, x, z) {at, foot, x, z, 0.6f, 0.1f, 0, 0, 0, false}
#define SLIDE(at, foot, x, z) {at, foot, x, z, 0.75f, 0.012f, 0, 0.1f, 0, false}
#define PIVOT(at, foot, x, z, yaw) {at, foot, x, z, 0.8f, 0.005f, 0, 0.25f, yaw, false}

static const FootStep step_touch[] = {
    STEP(0, L, 0.40f, 0), TAP(1, R, 0.13f, 0), STEP(2, R, -0.40f, 0), TAP(3, L, -0.13f, 0)};
static const FootStep touch_behind[] = {
    STEP(0, L, 0.36f, 0.02f), TAP(1, R, 0.22f, -0.22f), STEP(2, R, -0.36f, 0.02f), TAP(3, L, -0.22f, -0.22f)};
static const FootStep two_step[] = {
    STEP(0, L, 0.38f, 0), STEP(1, R, 0.10f, 0), STEP(2, L, 0.62f, 0), TAP(3, R, 0.35f, 0), STEP(4, R, 0.08f, 0),
    STEP(5, L, 0.36f, 0), STEP(6, R, -0.16f, 0), TAP(7, L, 0.12f, 0)};
static const FootStep march[] = {
    {0, L, 0.14f, 0, 0.8f, 0.13f, 0, 0, 0, false}, {1, R, -0.14f, 0, 0.8f, 0.13f, 0, 0, 0, false}};
static const FootStep knee_lift[] = {
    LIFT(0, L, 0.12f, 0.12f, 0.38f), STEP(1, L, 0.15f, 0), LIFT(2, R, -0.12f, 0.12f, 0.38f), STEP(3, R, -0.15f, 0)};
static const FootStep step_knee[] = {
    STEP(0, L, 0.34f, 0), LIFT(1, R, 0.05f, 0.12f, 0.36f), STEP(2, R, -0.30f, 0), LIFT(3, L, -0.02f, 0.12f, 0.36f)};
static const FootStep kick[] = {
    LIFT(0, L, 0.14f, 0.52f, 0.28f), STEP(1, L, 0.15f, 0), LIFT(2, R, -0.14f, 0.52f, 0.28f), STEP(3, R, -0.15f, 0)};
static const FootStep side_kick[] = {
    LIFT(0, L, 0.62f, 0.08f, 0.26f), STEP(1, L, 0.15f, 0), LIFT(2, R, -0.62f, 0.08f, 0.26f), STEP(3, R, -0.15f, 0)};
static const FootStep lunge[] = {
    STEP(0, L, 0.52f, 0.03f), STEP(2, L, 0.16f, 0), STEP(4, R, -0.52f, 0.03f), STEP(6, R, -0.16f, 0)};
static const FootStep grapevine[] = {
    STEP(0, L, 0.36f, 0), STEP(1, R, 0.44f, -0.17f), STEP(2, L, 0.70f, 0), TAP(3, R, 0.46f, 0), STEP(4, R, 0.18f, 0),
    STEP(5, L, 0.10f, -0.17f), STEP(6, R, -0.16f, 0), TAP(7, L, 0.10f, 0)};
static const FootStep box[] = {
    STEP(0, L, -0.06f, 0.26f), STEP(1, R, -0.20f, -0.04f), STEP(2, L, 0.20f, -0.06f), STEP(3, R, -0.13f, 0.10f)};
static const FootStep salsa[] = {
    STEP(0, L, 0.12f, 0.28f), STEP(1, R, -0.13f, 0), STEP(2, L, 0.14f, 0), STEP(4, R, -0.12f, -0.28f),
    STEP(5, L, 0.13f, 0), STEP(6, R, -0.14f, 0)};
static const FootStep side_rock[] = {
    STEP(0, L, 0.40f, 0), STEP(1, R, -0.14f, 0), STEP(2, L, 0.13f, 0), STEP(4, R, -0.40f, 0), STEP(5, L, 0.14f, 0),
    STEP(6, R, -0.13f, 0)};
static const FootStep back_rock[] = {
    STEP(0, L, 0.04f, -0.28f), STEP(1, R, -0.13f, 0), STEP(2, L, 0.15f, 0), STEP(4, R, -0.04f, -0.28f),
    STEP(5, L, 0.13f, 0), STEP(6, R, -0.15f, 0)};
static const FootStep heel_dig[] = {
    HEEL(0, L, 0.18f, 0.28f), STEP(1, L, 0.14f, 0), HEEL(2, R, -0.18f, 0.28f), STEP(3, R, -0.14f, 0)};
static const FootStep toe_tap[] = {
    TAP(0, L, 0.45f, 0.03f), STEP(1, L, 0.14f, 0), TAP(2, R, -0.45f, 0.03f), STEP(3, R, -0.14f, 0)};
static const FootStep jump[] = {HOP(0, L, 0.15f, 0), HOP(0, R, -0.15f, 0), HOP(1, L, 0.15f, 0), HOP(1, R, -0.15f, 0)};
static const FootStep jack[] = {HOP(0, L, 0.36f, 0), HOP(0, R, -0.36f, 0), HOP(1, L, 0.13f, 0), HOP(1, R, -0.13f, 0)};
static const FootStep running_man[] = {
    {0, L, 0.11f, 0.18f, 0.75f, 0.16f, 0, 0, 0, false}, SLIDE(0, R, -0.11f, -0.16f),
    {1, R, -0.11f, 0.18f, 0.75f, 0.16f, 0, 0, 0, false}, SLIDE(1, L, 0.11f, -0.16f)};
static const FootStep charleston[] = {
    STEP(0, L, 0.10f, 0.20f), LIFT(1, R, -0.10f, 0.58f, 0.22f), STEP(2, R, -0.10f, 0), TAP(3, L, 0.12f, -0.30f)};
static const FootStep twist[] = {
    PIVOT(0, L, 0.14f, 0, 0.5f), PIVOT(0, R, -0.14f, 0, -0.5f), PIVOT(1, L, 0.14f, 0, -0.4f),
    PIVOT(1, R, -0.14f, 0, 0.4f)};
static const FootStep waltz_box[] = {
    STEP(0, L, 0.14f, 0.26f), STEP(1, R, -0.32f, 0.26f), STEP(2, L, -0.06f, 0.26f), STEP(3, R, -0.32f, 0),
    STEP(4, L, 0.14f, 0), STEP(5, R, -0.14f, 0)};
static const FootStep balance[] = {
    STEP(0, L, 0.36f, 0), TAP(1, R, 0.12f, -0.04f), STEP(3, R, -0.36f, 0), TAP(4, L, -0.12f, -0.04f)};

#define STEPS(a) a, (int)ARRAY_LEN(a)

const LegPattern dance_legs[] = {
    {"bounce", MOST, 0, 1, 8, false, NULL, 0, 0.17f, 0.05f, 1, 0, 0.1f, 0.02f},
    {"double bounce", F(STREET) | F(CLUB) | F(POP), 0.5f, 1, 8, false, NULL, 0, 0.19f, 0.04f, 2, 0, 0.2f, 0.03f},
    {"sway", ALL, 0, 0.7f, 8, false, NULL, 0, 0.18f, 0.02f, 1, 0, 0.7f, 0.015f},
    {"wide sway", F(STREET) | F(LATIN) | F(DISCO) | F(POP), 0.3f, 1, 8, false, NULL, 0, 0.27f, 0.03f, 1, 0, 0.85f,
     0.05f},
    {"pose", F(DISCO) | F(ROCK) | F(POP) | F(STREET), 0.4f, 1, 8, false, NULL, 0, 0.27f, 0.02f, 1, 0, 0, 0.05f},
    {"step-touch", MOST, 0.25f, 1, 4, false, STEPS(step_touch), 0.14f, 0.035f, 1, 0, 0, 0.015f},
    {"touch behind", F(DISCO) | F(POP) | F(LATIN) | F(STREET), 0.3f, 1, 4, false, STEPS(touch_behind), 0.14f, 0.03f, 1,
     0, 0, 0.02f},
    {"two-step", MOST, 0.35f, 1, 8, false, STEPS(two_step), 0.14f, 0.035f, 1, 0, 0, 0.015f},
    {"march", ALL, 0.2f, 0.9f, 2, false, STEPS(march), 0.14f, 0.02f, 1, 0.5f, 0, 0.01f},
    {"knee lift", F(STREET) | F(CLUB) | F(ROCK) | F(POP), 0.5f, 1, 4, false, STEPS(knee_lift), 0.15f, 0.025f, 1, 0.5f,
     0, 0.01f},
    {"step knee", F(CLUB) | F(POP) | F(DISCO), 0.5f, 1, 4, false, STEPS(step_knee), 0.15f, 0.03f, 1, 0, 0, 0.01f},
    {"kick", F(ROCK) | F(CLUB) | F(DISCO) | F(POP), 0.55f, 1, 4, false, STEPS(kick), 0.15f, 0.025f, 1, 0.5f, 0, 0.015f},
    {"side kick", F(ROCK) | F(DISCO), 0.6f, 1, 4, false, STEPS(side_kick), 0.15f, 0.025f, 1, 0.5f, 0, 0.02f},
    {"lunge", F(STREET) | F(DISCO) | F(POP) | F(ROCK), 0.4f, 1, 8, false, STEPS(lunge), 0.16f, 0.03f, 1, 0, 0, 0.06f},
    {"grapevine", F(DISCO) | F(POP) | F(CLUB), 0.4f, 1, 8, false, STEPS(grapevine), 0.14f, 0.025f, 1, 0, 0, 0.015f},
    {"box", F(STREET) | F(DISCO) | F(POP), 0.4f, 1, 4, false, STEPS(box), 0.14f, 0.025f, 1, 0, 0, 0.02f},
    {"salsa", F(LATIN), 0.2f, 1, 8, false, STEPS(salsa), 0.13f, 0.015f, 1, 0, 0.25f, 0.03f},
    {"side rock", F(LATIN) | F(POP), 0.25f, 1, 8, false, STEPS(side_rock), 0.13f, 0.02f, 1, 0, 0.2f, 0.03f},
    {"back rock", F(LATIN) | F(BALLROOM), 0.25f, 1, 8, false, STEPS(back_rock), 0.14f, 0.02f, 1, 0, 0.2f, 0.025f},
    {"heel dig", F(ROCK) | F(POP) | F(STREET) | F(DISCO), 0.3f, 0.9f, 4, false, STEPS(heel_dig), 0.14f, 0.03f, 1, 0, 0,
     0.015f},
    {"toe tap", F(DISCO) | F(POP) | F(LATIN) | F(CLUB), 0.25f, 0.9f, 4, false, STEPS(toe_tap), 0.14f, 0.03f, 1, 0, 0,
     0.02f},
    {"jump", F(ROCK) | F(CLUB), 0.8f, 1, 2, false, STEPS(jump), 0.15f, 0.05f, 1, 0, 0, 0.02f},
    {"jumping jack", F(CLUB) | F(POP), 0.7f, 1, 2, false, STEPS(jack), 0.14f, 0.04f, 1, 0, 0, 0.02f},
    {"running man", F(STREET) | F(CLUB), 0.6f, 1, 2, false, STEPS(running_man), 0.12f, 0.03f, 1, 0, 0, 0.03f},
    {"charleston", F(BALLROOM) | F(CLUB) | F(ROCK), 0.45f, 1, 4, false, STEPS(charleston), 0.13f, 0.03f, 1, 0.5f, 0,
     0.02f},
    {"twist", F(ROCK) | F(DISCO) | F(BALLROOM), 0.35f, 1, 2, false, STEPS(twist), 0.15f, 0.02f, 1, 0, 0.3f, 0.06f},
    {"waltz box", F(BALLROOM), 0, 1, 6, true, STEPS(waltz_box), 0.13f, 0.03f, 1.0f / 3, 0, 0, 0.02f},
    {"balance", ALL, 0, 1, 6, true, STEPS(balance), 0.14f, 0.03f, 1.0f / 3, 0, 0, 0.015f},
    {"sway in three", ALL, 0, 0.8f, 6, true, NULL, 0, 0.18f, 0.03f, 1.0f / 3, 0, 0, 0.02f},
};
const int dance_legs_count = (int)ARRAY_LEN(dance_legs);

static const ArmPose poses[] = {
    {'d', {0.16f, -0.98f, -0.02f}, {0.06f, -0.95f, 0.28f}},  /* hangs */
    {'b', {0.22f, -0.94f, -0.2f}, {0.05f, 0.05f, 1}},        /* bent at the waist */
    {'g', {0.5f, -0.82f, 0.1f}, {-0.25f, 0.3f, 0.9f}},       /* bent, elbow out */
    {'s', {0.25f, -0.85f, -0.5f}, {0.12f, -0.9f, 0.15f}},    /* swung back */
    {'S', {0.15f, -0.8f, 0.55f}, {-0.05f, -0.2f, 0.95f}},    /* swung to the front */
    {'u', {0.38f, 0.9f, 0.12f}, {0.02f, 1, 0.08f}},          /* up */
    {'U', {0.72f, 0.68f, 0.1f}, {0.5f, 0.87f, 0.1f}},        /* up and wide */
    {'r', {0.82f, 0.05f, 0.3f}, {0.2f, 0.98f, 0.1f}},        /* goalpost */
    {'R', {0.55f, 0.75f, 0.15f}, {0.08f, 1, 0.12f}},         /* raised roof */
    {'z', {0.92f, -0.1f, 0.25f}, {0.1f, -0.97f, 0.15f}},     /* elbow up, hand down */
    {'t', {0.98f, -0.02f, 0.12f}, {0.98f, 0.02f, 0.18f}},    /* out to the side */
    {'f', {0.12f, -0.08f, 0.98f}, {0, 0.08f, 1}},            /* straight to the front */
    {'p', {0.42f, -0.82f, -0.35f}, {-0.1f, 0.25f, 0.97f}},   /* fist drawn */
    {'P', {0.08f, 0, 1}, {-0.14f, 0.06f, 0.98f}},            /* fist out */
    {'x', {0.05f, -0.5f, 0.85f}, {-0.85f, 0.3f, 0.3f}},      /* across the chest */
    {'X', {0.62f, -0.62f, 0.35f}, {-0.8f, 0.25f, 0.45f}},    /* fist on the chest */
    {'c', {0.1f, -0.55f, 0.8f}, {-0.68f, 0.35f, 0.62f}},     /* hands meet */
    {'o', {0.42f, -0.55f, 0.65f}, {0.15f, 0.3f, 0.92f}},     /* hands before they meet */
    {'h', {0.62f, -0.76f, -0.22f}, {-0.66f, -0.62f, 0.38f}}, /* hand on the hip */
    {'H', {0.78f, 0.5f, 0.1f}, {-0.78f, 0.6f, 0}},           /* hand at the head */
    {'e', {0.66f, 0.7f, 0.22f}, {0.64f, 0.76f, 0.1f}},       /* points up and out */
    {'E', {-0.12f, -0.8f, 0.55f}, {-0.6f, -0.72f, 0.35f}},   /* points down across */
    {'k', {0.55f, -0.8f, 0.15f}, {0.62f, -0.4f, 0.65f}},     /* low, out */
    {'K', {0.18f, -0.92f, 0.3f}, {-0.55f, -0.25f, 0.78f}},   /* low, in */
    {'v', {0.78f, 0.6f, 0.12f}, {0.55f, 0.82f, 0.1f}},       /* overhead, leaning out */
    {'w', {0.02f, 0.97f, 0.2f}, {-0.38f, 0.9f, 0.15f}},      /* overhead, leaning in */
    {'y', {0.25f, -0.7f, 0.6f}, {-0.75f, 0.4f, 0.5f}},       /* rolling hands, high */
    {'Y', {0.25f, -0.7f, 0.6f}, {-0.72f, -0.3f, 0.62f}},     /* and low */
    {'l', {0.78f, -0.5f, 0.35f}, {0.85f, -0.25f, 0.45f}},    /* both arms to one side: the outer */
    {'j', {-0.3f, -0.6f, 0.75f}, {-0.85f, -0.15f, 0.5f}},    /* the inner */
    {'1', {0.85f, 0.42f, 0.1f}, {0.93f, -0.35f, 0.15f}},     /* a wave through the arm */
    {'2', {0.95f, -0.25f, 0.15f}, {0.85f, 0.5f, 0.15f}},
    {'a', {0.72f, -0.15f, 0.4f}, {0.4f, 0.9f, 0.2f}},        /* waving */
    {'A', {0.72f, -0.15f, 0.4f}, {-0.3f, 0.94f, 0.2f}},
    {'D', {0.84f, 0.45f, 0.15f}, {0.86f, 0.45f, 0.1f}},      /* dab: the straight arm */
    {'N', {0.1f, 0.15f, 0.95f}, {-0.9f, 0.38f, 0.1f}},       /* and the folded one */
    {'m', {0.86f, -0.15f, 0.4f}, {0.55f, 0.3f, 0.78f}},      /* ballroom hold */
    {'n', {0.6f, -0.35f, 0.7f}, {-0.5f, 0.2f, 0.85f}},
    {'i', {0.5f, -0.5f, 0.65f}, {0.6f, 0.25f, 0.7f}},        /* neck of the guitar */
    {'q', {0.35f, -0.88f, 0.15f}, {-0.55f, 0.05f, 0.8f}},    /* and the strings */
    {'Q', {0.35f, -0.88f, 0.15f}, {-0.4f, -0.55f, 0.7f}},
};

const ArmPose *dance_arm_pose(char code)
{
    for (size_t i = 0; i < ARRAY_LEN(poses); i++)
        if (poses[i].code == code)
            return &poses[i];
    return &poses[0];
}

const ArmPattern dance_arms[] = {
    {"swing", ALL, 0, 0.9f, 1, "Ss", "sS", 0.9f},
    {"bob", ALL, 0, 0.8f, 1, "bg", "bg", 0.8f},
    {"alternate bob", MOST, 0.1f, 0.9f, 1, "bg", "gb", 0.8f},
    {"hang", ALL, 0, 0.35f, 4, "d", "d", 1},
    {"clap on two and four", MOST, 0.3f, 1, 1, "oc", "oc", 0.5f},
    {"clap", F(CLUB) | F(POP) | F(ROCK), 0.7f, 1, 0.5f, "co", "co", 0.8f},
    {"clap overhead", F(ROCK) | F(CLUB) | F(POP), 0.75f, 1, 1, "Uw", "Uw", 0.6f},
    {"snap fingers", F(STREET) | F(POP) | F(DISCO) | F(BALLROOM), 0.15f, 0.8f, 1, "kK", "Kk", 0.55f},
    {"raise the roof", F(STREET) | F(CLUB) | F(POP), 0.5f, 1, 0.5f, "Rr", "Rr", 0.8f},
    {"overhead sway", F(CLUB) | F(ROCK) | F(POP) | F(DISCO), 0.5f, 1, 1, "vw", "wv", 0.9f},
    {"slow overhead sway", ALL, 0.3f, 0.8f, 2, "vw", "wv", 0.9f},
    {"disco point", F(DISCO) | F(POP), 0.35f, 1, 1, "h", "eE", 0.5f},
    {"disco point both sides", F(DISCO), 0.4f, 1, 1, "eEeEhhhh", "hhhheEeE", 0.5f},
    {"hand roll", F(DISCO) | F(POP), 0.3f, 1, 0.5f, "yY", "Yy", 1},
    {"roll and point", F(DISCO), 0.4f, 1, 0.5f, "yYyYyYyYhhhhhhhh", "YyYyYyYyeeeeEEEE", 0.8f},
    {"punch", F(ROCK) | F(STREET) | F(CLUB), 0.5f, 1, 1, "Pp", "pP", 0.4f},
    {"punch up", F(ROCK) | F(CLUB), 0.65f, 1, 1, "ub", "bu", 0.5f},
    {"fist pump", F(CLUB) | F(ROCK), 0.55f, 1, 1, "b", "uR", 0.6f},
    {"arm wave", F(STREET) | F(CLUB) | F(POP), 0.3f, 0.95f, 0.5f, "1t2tttttbbbbbbbb", "tt1t2tttbbbbbbbb", 1},
    {"robot", F(STREET) | F(CLUB), 0.3f, 0.95f, 1, "rz", "zr", 0.3f},
    {"robot slow", F(STREET) | F(CLUB), 0.2f, 0.8f, 2, "rzbf", "zbrz", 0.2f},
    {"cross and open", F(STREET) | F(POP) | F(DISCO) | F(CLUB), 0.45f, 1, 1, "xt", "xt", 0.5f},
    {"cross and up", F(ROCK) | F(POP) | F(CLUB), 0.6f, 1, 1, "xU", "xU", 0.5f},
    {"point sweep", F(DISCO) | F(POP) | F(STREET), 0.35f, 0.95f, 1, "xxfftthh", "hhhhhhhh", 0.8f},
    {"latin arms", F(LATIN), 0.1f, 1, 1, "bS", "Sb", 0.9f},
    {"latin open", F(LATIN) | F(BALLROOM), 0.3f, 1, 2, "gtgb", "bgtg", 0.8f},
    {"hands on hips", F(LATIN) | F(DISCO) | F(POP) | F(BALLROOM), 0.1f, 0.85f, 4, "h", "h", 1},
    {"hip and head", F(DISCO) | F(POP) | F(LATIN), 0.4f, 0.95f, 2, "hH", "Hh", 0.6f},
    {"side swing", F(DISCO) | F(POP) | F(ROCK) | F(CLUB), 0.35f, 1, 1, "lj", "jl", 0.8f},
    {"pump", F(STREET) | F(CLUB), 0.5f, 1, 1, "bs", "sb", 0.7f},
    {"dab", F(STREET) | F(POP), 0.55f, 1, 1, "bgbgbgDD", "bgbgbgNN", 0.45f},
    {"vogue", F(POP) | F(CLUB), 0.5f, 1, 1, "UHtxuHtr", "HUxtHurt", 0.4f},
    {"wave hello", F(POP) | F(ROCK), 0.3f, 0.9f, 0.5f, "d", "aA", 1},
    {"chest pump", F(STREET) | F(ROCK), 0.4f, 1, 1, "Xb", "Xb", 0.4f},
    {"guitar", F(ROCK), 0.5f, 1, 0.5f, "i", "qQ", 0.7f},
    {"ballroom hold", F(BALLROOM), 0, 0.9f, 4, "m", "n", 1},
    {"floating", F(BALLROOM) | F(POP), 0, 0.9f, 2, "mUtd", "dmUt", 1},
    {"open and low", F(BALLROOM) | F(LATIN) | F(POP), 0.1f, 0.9f, 3, "tb", "bt", 0.9f},
};
const int dance_arms_count = (int)ARRAY_LEN(dance_arms);

const TrunkPattern dance_trunks[] = {
    {TRUNK_NONE, ALL, 0, 0.6f}, {TRUNK_GROOVE, MOST, 0, 1}, {TRUNK_HIP_SWAY, ALL, 0, 1},
    {TRUNK_HIP_CIRCLE, F(LATIN) | F(DISCO) | F(POP), 0.2f, 1}, {TRUNK_SHIMMY, F(LATIN) | F(DISCO) | F(POP), 0.5f, 1},
    {TRUNK_BODY_ROLL, F(STREET) | F(LATIN) | F(CLUB), 0.25f, 0.95f}, {TRUNK_CHEST_POP, F(STREET) | F(CLUB), 0.35f, 1},
    {TRUNK_TWIST, ALL, 0.3f, 1}, {TRUNK_LEAN, ALL, 0.1f, 0.95f}, {TRUNK_BANG, F(ROCK), 0.6f, 1}};
const int dance_trunks_count = (int)ARRAY_LEN(dance_trunks);

/* ---- families ---------------------------------------------------------------------------------------------------- */

static const char *const family_names[DANCE_FAMILIES] = {"idle", "street", "club", "disco", "latin", "rock", "ballroom",
                                                         "pop",
                                                         "show", "salsa", "gesture"};

const char *dance_family_name(DanceFamily f) { return family_names[f]; }

int dance_family_find(const char *name)
{
    for (int f = 0; f < DANCE_FAMILIES; f++)
        if (strcmp(name, family_names[f]) == 0)
            return f;
    return -1;
}

DanceFamily dance_family_of_music(MusicStyle s)
{
    static const DanceFamily family[MUSIC_STYLES] = {
        [MUSIC_HIPHOP] = DANCE_STREET, [MUSIC_HOUSE] = DANCE_CLUB, [MUSIC_TECHNO] = DANCE_CLUB,
        [MUSIC_DISCO] = DANCE_DISCO,
        [MUSIC_FUNK] = DANCE_DISCO, [MUSIC_ROCK] = DANCE_ROCK, [MUSIC_POP] = DANCE_POP, [MUSIC_SALSA] = DANCE_LATIN,
        [MUSIC_REGGAETON] = DANCE_LATIN, [MUSIC_DNB] = DANCE_CLUB, [MUSIC_BREAKS] = DANCE_STREET,
        [MUSIC_SWING] = DANCE_BALLROOM,
        [MUSIC_BALLAD] = DANCE_POP, [MUSIC_WALTZ] = DANCE_BALLROOM, [MUSIC_SIX_EIGHT] = DANCE_BALLROOM};
    return family[s];
}
