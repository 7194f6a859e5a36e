/* SPDX-License-Identifier: Apache-2.0
 *
 * Dances composed over the beat. Phrases (dance_phrase.c) become time lines: where each foot goes and when, where the
 * weight is, which pose each arm strikes; hips and rib cage follow curves over the count. Hips lead, the chest follows,
 * arms arrive on the count with a little follow-through. Each frame is then posed by dance_body.c.
 */
#include "synth/dance_internal.h"

#include <math.h>
#include <string.h>

#define STREAM_WANDER 0x57414E44u
#define HOLD_BEFORE 0.4 /* a pose that is held is held around its count: so much of the rest lies before it */
#define ARM_QUICKEST 0.26 /* seconds from one pose to the next */
#define MARGIN 0.6 /* seconds around the piece, so that smoothing sees what comes before and after */

/* ---- time lines -------------------------------------------------------------------------------------------------- */

typedef struct FootKey { double start, at; Foot to; float arc; bool takes_weight; } FootKey;
typedef struct ArmKey { double start, at; float upper[3], fore[3]; } ArmKey;
typedef struct WeightKey { double at; float side; } WeightKey; /* +1 all on the left foot */


typedef struct Lines {
    FootKey *foot[2];
    ArmKey *arm[2];
    WeightKey *weight;
    int feet[2], arms[2], weights;
    int room;
} Lines;

static void lines_init(Lines *l, int room)
{
    *l = (Lines){.room = room, .weight = mem_alloc((size_t)(4 * room + 1) * sizeof *l->weight)};
    for (int k = 0; k < 2; k++) {
        l->foot[k] = mem_alloc((size_t)room * sizeof *l->foot[k]);
        l->arm[k] = mem_alloc((size_t)room * sizeof *l->arm[k]);
    }
}

static void lines_finish(Lines *l)
{
    for (int k = 0; k < 2; k++) {
        mem_free(l->foot[k]);
        mem_free(l->arm[k]);
    }
    mem_free(l->weight);
}

static void add_foot(Lines *l, int foot, FootKey key)
{
    FootKey *line = l->foot[foot];
    int n = l->feet[foot];
    if (n == l->room)
        return;
    if (n && key.at <= line[n - 1].at + 0.02)
        return;
    if (n)
        key.start = MAX(key.start, line[n - 1].at);
    line[l->feet[foot]++] = key;
}

static void add_arm(const Dancer *d, Lines *l, int arm, char code, float size, double start, double at)
{
    const ArmPose *pose = dance_arm_pose(code), *easy = dance_arm_pose('g');
    const float *taste = d->arm_taste[(unsigned char)code & 127];
    ArmKey *line = l->arm[arm];
    int n = l->arms[arm];
    if (n == l->room || (n && at <= line[n - 1].at + 0.02))
        return;
    ArmKey key = {n ? MAX(start, line[n - 1].at) : start, at, {0}, {0}};
    float mix = CLAMP(size, 0.4f, 1.0f);
    for (int k = 0; k < 3; k++) {
        key.upper[k] = easy->upper[k] + mix * (pose->upper[k] + taste[k] - easy->upper[k]);
        key.fore[k] = easy->fore[k] + mix * (pose->fore[k] + taste[3 + k] - easy->fore[k]);
    }
    line[l->arms[arm]++] = key;
}

/* ---- writing phrases --------------------------------------------------------------------------------------------- */

static Foot foot_at(const Phrase *p, int foot, float x, float z, float yaw)
{
    float home = foot ? -p->legs->stance : p->legs->stance, s = sinf(p->heading), c = cosf(p->heading);
    float sx = home + p->reach * (x - home), sz = p->reach * z + 0.03f, out = 0.1f + yaw;
    return (Foot){.x = sx * c + sz * s, .z = sz * c - sx * s, .yaw = p->heading + (foot ? -out : out)};
}

static void add_step(const Dancer *d, const Phrase *p, Lines *l, double count, const FootStep *s)
{
    int foot = p->mirrored ? 1 - s->foot : s->foot;
    float lift = 0.5f + 0.5f * p->reach;
    FootKey key = {dancer_time_of(d, count - (double)s->dur), dancer_time_of(d, count), {0}, s->arc * lift, !s->tap};
    key.to = foot_at(p, foot, p->mirrored ? -s->x : s->x, s->z, s->yaw);
    key.to.y = s->air * lift;
    key.to.pitch = s->pitch;
    add_foot(l, foot, key);
}

/* A foot that the pattern leaves where it is goes home first, if it is not there. */
static void go_home(const Dancer *d, const Phrase *p, Lines *l, int foot, double count, bool other_is_busy)
{
    Foot home = foot_at(p, foot, foot ? -p->legs->stance : p->legs->stance, 0, 0);
    const FootKey *last = l->feet[foot] ? &l->foot[foot][l->feet[foot] - 1] : NULL;
    if (last && hypotf(last->to.x - home.x, last->to.z - home.z) < 0.03f && last->to.y == 0 && last->to.pitch == 0 &&
        fabsf(last->to.yaw - home.yaw) < 0.15f)
        return;
    double at = count + (foot == 1 || other_is_busy ? 0.9 : 0);
    add_foot(l, foot, (FootKey){dancer_time_of(d, at - 0.6), dancer_time_of(d, at), home, 0.05f, true});
}

static void write_legs(const Dancer *d, const Phrase *p, Lines *l, double count)
{
    const LegPattern *g = p->legs;
    double first[2] = {1e9, 1e9};
    for (int i = 0; i < g->n; i++) {
        int foot = p->mirrored ? 1 - g->step[i].foot : g->step[i].foot;
        first[foot] = MIN(first[foot], (double)g->step[i].at);
    }
    for (int foot = 0; foot < 2; foot++)
        if (first[foot] > 1.4)
            go_home(d, p, l, foot, count, first[1 - foot] < 0.5);
    for (int from = 0; from < d->counts; from += g->counts)
        for (int i = 0; i < g->n; i++)
            if (from + (double)g->step[i].at < d->counts)
                add_step(d, p, l, count + from + (double)g->step[i].at, &g->step[i]);
}

static void write_arms(const Dancer *d, const Phrase *p, Lines *l, double count)
{
    const ArmPattern *a = p->arms;
    const char *pattern[2] = {p->mirrored ? a->right : a->left, p->mirrored ? a->left : a->right};
    double count_seconds = (dancer_time_of(d, count + d->counts) - dancer_time_of(d, count)) / d->counts;
    double step = (double)a->step * ((double)a->step * count_seconds < ARM_QUICKEST ? 2 : 1);
    double snap = MAX((double)CLAMP(a->snap * (0.6f + 0.4f * d->sharpness), 0.2f, 1.0f) * step,
                      MIN(step, ARM_QUICKEST / count_seconds));
    double end = d->counts - (p->accent[0] ? 1.01 : 0);
    for (int arm = 0; arm < 2; arm++) {
        size_t length = strlen(pattern[arm]);
        for (int i = 0; i * step < end - 1e-6; i++) {
            char code = pattern[arm][(size_t)i % length];
            double way = i ? snap : MAX(snap, 0.7), rest = MAX(step - way, 0);
            double at = count + i * step - HOLD_BEFORE * rest;
            if (code != '-')
                add_arm(d, l, arm, code, p->size, dancer_time_of(d, at - way), dancer_time_of(d, at));
        }
        if (p->accent[0])
            add_arm(d, l, arm, p->accent[p->mirrored ? 1 - arm : arm], p->size + 0.2f,
                    dancer_time_of(d, count + d->counts - 1.45), dancer_time_of(d, count + d->counts - 1));
    }
}

/* The weight leaves a foot before it moves and comes onto it when it stands. */
static void write_weights(Lines *l)
{
    int at[2] = {0, 0};
    l->weight[l->weights++] = (WeightKey){-1e9, 0};
    while (at[0] < l->feet[0] || at[1] < l->feet[1]) {
        int foot = at[1] >= l->feet[1] || (at[0] < l->feet[0] && l->foot[0][at[0]].start <= l->foot[1][at[1]].start)
            ? 0 : 1;
        const FootKey *k = &l->foot[foot][at[foot]++];
        const FootKey *other = at[1 - foot] < l->feet[1 - foot] ? &l->foot[1 - foot][at[1 - foot]] : NULL;
        const FootKey *before = at[1 - foot] ? &l->foot[1 - foot][at[1 - foot] - 1] : NULL;
        bool both = (other && other->start < k->at - 0.05) || (before && before->at > k->start + 0.05);
        float side = foot ? -1 : 1;
        double last = l->weight[l->weights - 1].at;
        l->weight[l->weights++] = (WeightKey){MAX(k->start, last), both ? 0 : -0.75f * side};
        if (k->takes_weight)
            l->weight[l->weights++] = (WeightKey){MAX(k->at, MAX(k->start, last)), both ? 0 : 0.75f * side};
    }
}

/* ---- reading the time lines -------------------------------------------------------------------------------------- */

static float smooth(float x) { return x <= 0 ? 0 : x >= 1 ? 1 : x * x * (3 - 2 * x); }

static Foot read_foot(const FootKey *line, int n, double t, int *hint)
{
    while (*hint + 1 < n && line[*hint + 1].start <= t)
        (*hint)++;
    const FootKey *k = &line[*hint];
    Foot to = k->to;
    to.contact = to.y < 0.001f && to.pitch > -0.01f;
    if (t >= k->at || *hint == 0)
        return to;
    Foot from = line[*hint - 1].to;
    float s = (float)((t - k->start) / (k->at - k->start)), m = smooth(s), up = sinf((float)M_PI * s);
    return (Foot){.x = from.x + m * (to.x - from.x), .z = from.z + m * (to.z - from.z),
                  .y = from.y + m * (to.y - from.y) + k->arc * up, .yaw = from.yaw + m * (to.yaw - from.yaw),
                  .pitch = from.pitch + m * (to.pitch - from.pitch) + 2.5f * k->arc * up, .contact = false};
}

/* A direction on the way from a to b. Opposite ones go round by the front and the outside, as arms do; mix may pass 1
 * a little. */
static void swing(const float a[3], const float b[3], float mix, float out[3])
{
    static const float round_by[3] = {0.45f, 0, 0.9f};
    float dot = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]), apart = CLAMP(0.5f - 0.5f * dot, 0.0f, 1.0f);
    for (int i = 0; i < 3; i++)
        out[i] = a[i] + mix * (b[i] - a[i]) + 1.4f * apart * apart * MAX(mix * (1 - mix), 0) * round_by[i];
}

/* Eased way to the pose, then a small follow-through in the direction it came from. */
static void read_arm(const ArmKey *line, int n, double t, int *hint, float upper[3], float fore[3])
{
    while (*hint + 1 < n && line[*hint + 1].start <= t)
        (*hint)++;
    const ArmKey *k = &line[*hint], *from = *hint ? k - 1 : k;
    float since = (float)(t - k->at), mix = since < 0 ? smooth((float)((t - k->start) / (k->at - k->start)))
                                                       : 1 + 0.06f * expf(-since / 0.1f) * sinf(18 * since);
    swing(from->upper, k->upper, mix, upper);
    swing(from->fore, k->fore, mix, fore);
}

static float read_weight(const Lines *l, double t, int *hint)
{
    while (*hint + 1 < l->weights && l->weight[*hint + 1].at <= t)
        (*hint)++;
    const WeightKey *a = &l->weight[*hint];
    if (*hint + 1 == l->weights)
        return a->side;
    const WeightKey *b = a + 1;
    float way = (float)MIN(0.45, b->at - a->at); /* the weight waits, then goes over */
    return a->side + (b->side - a->side) * smooth(1 - (float)(b->at - t) / MAX(way, 0.02f));
}

/* ---- hips and trunk ---------------------------------------------------------------------------------------------- */

static float pulse(double c) { return 0.5f + 0.5f * cosf((float)(2 * M_PI * (c - floor(c)))); }

/* +1 at even counts, -1 at odd ones; the change takes the part `snap` of the count before. */
static float swap_sides(double c, float snap)
{
    c += HOLD_BEFORE * (double)(1 - snap);
    double k = floor(c);
    float from = fmod(k, 2) == 0 ? 1 : -1, f = (float)(c - k);
    return from * (1 - 2 * smooth((f - (1 - snap)) / snap));
}

/* What the trunk adds, at count c, with the phrase's share `w` of the moment. */
static void add_trunk(Body *b, const Phrase *p, double c, float w)
{
    float a = p->size * w * (p->mirrored ? -1 : 1), e = p->size * w;
    float hips = swap_sides(c + 0.05, p->snap), chest = swap_sides(c + 0.02, p->snap),
        turn = (float)(M_PI * fmod(c, 4));
    switch (p->trunk) {
    case TRUNK_NONE: case TRUNK_KINDS: break;
    case TRUNK_GROOVE:
        b->bend += 0.08f * e * pulse(c - 0.05);
        b->head_nod += 0.16f * e * pulse(c - 0.1);
        break;
    case TRUNK_HIP_SWAY:
        b->roll += 0.13f * a * hips;
        b->x += 0.055f * a * hips;
        b->lean -= 0.1f * a * chest;
        break;
    case TRUNK_HIP_CIRCLE:
        b->x += 0.06f * a * sinf(turn);
        b->z += 0.05f * e * cosf(turn);
        b->roll += 0.1f * a * sinf(turn);
        b->lean -= 0.08f * a * sinf(turn);
        b->bend += 0.06f * e * cosf(turn);
        break;
    case TRUNK_SHIMMY:
        for (int side = 0; side < 2; side++)
            b->reach[side] += (side ? -1.0f : 1.0f) * a * sinf(4 * turn);
        b->twist += 0.14f * a * sinf(4 * turn);
        break;
    case TRUNK_BODY_ROLL:
        b->z += 0.05f * e * sinf(turn - 1.6f);
        b->pitch += 0.1f * e * sinf(turn - 2);
        b->bend += 0.2f * e * sinf(turn);
        b->head_nod += 0.22f * e * sinf(turn + 0.9f);
        break;
    case TRUNK_CHEST_POP:
        b->bend -= 0.2f * e * powf(pulse(c), 3);
        for (int side = 0; side < 2; side++)
            b->reach[side] -= 0.7f * e * powf(pulse(c), 3);
        break;
    case TRUNK_TWIST:
        b->twist += 0.36f * a * chest;
        b->yaw -= 0.16f * a * hips;
        break;
    case TRUNK_LEAN:
        b->lean += 0.17f * a * swap_sides(c / 2, p->snap);
        b->x += 0.03f * a * swap_sides(c / 2 + 0.05, p->snap);
        b->head_tilt += 0.1f * a * swap_sides(c / 2 - 0.03, p->snap);
        break;
    case TRUNK_BANG:
        b->bend += 0.28f * e * pulse(c);
        b->head_nod += 0.4f * e * pulse(c - 0.07);
        break;
    }
}

/* Slow, never repeating: three sines of unrelated speeds; -1..1. */
static float wander(uint64_t seed, int which, double t)
{
    Rng r = rng_make(seed, STREAM_WANDER + (uint64_t)which);
    float sum = 0;
    for (int k = 0; k < 3; k++)
        sum += sinf((float)fmod((double)rng_range(&r, 0.5f, 2.2f) * t + (double)rng_range(&r, 0, 6.28f), 2 * M_PI));
    return sum / 3;
}

static void add_life(Body *b, uint64_t seed, double t, float size)
{
    b->head_yaw += -0.5f * (b->yaw + b->twist) + 0.12f * wander(seed, 0, t);
    b->head_tilt += 0.05f * wander(seed, 1, t);
    b->head_nod += 0.04f * wander(seed, 2, t);
    b->twist += 0.03f * wander(seed, 3, t);
    b->lean += 0.02f * wander(seed, 4, t);
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < 3; k++)
            b->upper[side][k] += 0.04f * size * wander(seed, 5 + 3 * side + k, t);
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static void add_phrase(Body *b, const Dancer *d, const Phrase *p, double count, float w)
{
    const LegPattern *g = p->legs;
    double c = fmod(count, d->counts);
    b->drop += w * (g->bend + 1.4f * g->bounce * p->size * pulse((double)g->rate * c - (double)g->up));
    b->yaw += w * p->heading;
    b->bend += w * 0.05f;
    float side = p->mirrored ? -1 : 1;
    b->head_nod += w * 0.05f * p->size * pulse(c - 0.08);
    float wide = fabsf(b->foot[0].x - b->foot[1].x) * 0.35f;
    b->x += w * side * wide * g->sway * swap_sides(c + 0.04, 0.95f);
    b->roll += w * side * 0.05f * g->sway * swap_sides(c + 0.04, 0.95f);
    add_trunk(b, p, c, w);
}

typedef struct Reader { int foot[2], arm[2], weight; } Reader;

static void read_body(const Dancer *d, const Lines *l, const Phrase *phrase, int first, int n, double t, Reader *at,
                      Body *b)
{
    dance_body_rest(b);
    for (int side = 0; side < 2; side++) {
        b->foot[side] = read_foot(l->foot[side], l->feet[side], t, &at->foot[side]);
        read_arm(l->arm[side], l->arms[side], t, &at->arm[side], b->upper[side], b->fore[side]);
    }
    float w = read_weight(l, t, &at->weight);
    float low[2];
    for (int k = 0; k < 2; k++) /* a foot that is in the air far away does not pull the hips after it */
        low[k] = 1 / (1 + 8 * b->foot[k].y);
    float left = (0.5f + 0.5f * w) * low[0], right = (0.5f - 0.5f * w) * low[1], sum = left + right;
    b->x = (left * b->foot[0].x + right * b->foot[1].x) / sum * 0.85f;
    b->z = (left * b->foot[0].z + right * b->foot[1].z) / sum - 0.11f;
    b->rise = fminf(b->foot[0].y, b->foot[1].y) * (b->foot[0].contact || b->foot[1].contact ? 0 : 1);
    double count = dancer_count_at(d, t);
    int k = CLAMP((int)floor(count / d->counts) - first, 0, n - 1);
    double into = count - (double)(first + k) * d->counts;
    /* the next phrase comes in early */
    float share = k + 1 < n ? smooth((float)(into - (d->counts - 0.75)) / 0.75f) : 0;
    double from_start = fmod(fmod(count, d->counts) + d->counts, d->counts);
    add_phrase(b, d, &phrase[k], from_start, 1 - share);
    if (share > 0)
        add_phrase(b, d, &phrase[k + 1], from_start + d->counts, share);
    add_life(b, d->seed, t, phrase[k].size);
}

/* Hips and trunk have mass: what the time lines make jump is rounded. */
static void settle(Body *body, int n, double fps)
{
    static const struct { size_t field; double seconds; } fields[] = {
        {offsetof(Body, x), 0.07}, {offsetof(Body, z), 0.07}, {offsetof(Body, drop), 0.035},
        {offsetof(Body, yaw), 0.08},
        {offsetof(Body, roll), 0.05}, {offsetof(Body, pitch), 0.05}, {offsetof(Body, twist), 0.04},
        {offsetof(Body, lean), 0.05},
        {offsetof(Body, bend), 0.045}, {offsetof(Body, head_nod), 0.05}, {offsetof(Body, head_yaw), 0.1},
        {offsetof(Body, head_tilt), 0.08}};
    for (size_t k = 0; k < ARRAY_LEN(fields); k++)
        motion_smooth((float *)((char *)body + fields[k].field), n, (int)(sizeof *body / sizeof(float)),
                      fields[k].seconds * fps);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 3; i++) {
            motion_smooth(&body->upper[side][i], n, (int)(sizeof *body / sizeof(float)), 0.03 * fps);
            motion_smooth(&body->fore[side][i], n, (int)(sizeof *body / sizeof(float)), 0.03 * fps);
        }
}

static bool pose_bodies(Body *body, int margin, Clip *out, Contacts *contact)
{
    for (int t = 0; t < out->frames; t++) {
        const Body *b = &body[t + margin];
        dance_body_pose(b, out->pose[t]);
        for (int side = 0; side < 2 && contact; side++)
            contact[t][side] = b->foot[side].contact;
    }
    return true;
}

static bool piece_init(Clip *out, double seconds, double fps, Err *e)
{
    if (!(seconds > 0 && seconds <= 7200) || !(fps >= 1 && fps <= 1000))
        return err_set(e, "a dance of %g s at %g frames a second: up to 7200 s, 1 to 1000 frames are possible", seconds,
                       fps);
    return clip_init(out, MAX((int)lround(seconds * fps), 1), fps, e);
}

bool choreography_compose(const DanceBeats *b, const DanceOptions *o, Clip *out, Contacts *contact, Err *e)
{
    Dancer d;
    Lines l;
    memset(out, 0, sizeof *out);
    if (!dancer_init(&d, b, o, e) || !piece_init(out, o->seconds, o->fps, e))
        return false;
    snprintf(out->name, sizeof out->name, "composed %s", dance_family_name(o->family));
    int margin = (int)ceil(MARGIN * o->fps), n = out->frames + 2 * margin;
    int first = (int)floor(dancer_count_at(&d, o->start - MARGIN) / d.counts) - 2;
    int last = (int)floor(dancer_count_at(&d, o->start + o->seconds + MARGIN) / d.counts) + 1,
        phrases = last - first + 1;
    Phrase *phrase = mem_alloc((size_t)phrases * sizeof *phrase);
    Body *body = mem_alloc((size_t)n * sizeof *body);
    lines_init(&l, phrases * 26 + 4);
    for (int k = 0; k < phrases; k++) {
        double count = (double)(first + k) * d.counts;
        dancer_phrase(&d, first + k, &phrase[k]);
        for (int foot = 0; foot < 2 && k == 0; foot++)
            add_foot(&l, foot, (FootKey){-1e9, dancer_time_of(&d, count - 4),
                                         foot_at(&phrase[0], foot, foot ? -0.14f : 0.14f, 0, 0), 0, true});
        write_legs(&d, &phrase[k], &l, count);
        write_arms(&d, &phrase[k], &l, count);
    }
    write_weights(&l);
    Reader reader = {0};
    for (int t = 0; t < n; t++)
        read_body(&d, &l, phrase, first, phrases, o->start + (t - margin) / o->fps, &reader, &body[t]);
    settle(body, n, o->fps);
    pose_bodies(body, margin, out, contact);
    lines_finish(&l);
    mem_free(body);
    mem_free(phrase);
    return true;
}

/* ---- idle -------------------------------------------------------------------------------------------------------- */

bool choreography_idle(uint64_t seed, double seconds, double fps, Clip *out, Contacts *contact, Err *e)
{
    static const char stands[][3] = {"dd", "dd", "dd", "hd", "gg", "dg", "hh", "xx", "dh"};
    Rng r = rng_make(seed, STREAM_WANDER + 77);
    memset(out, 0, sizeof *out);
    if (!piece_init(out, seconds, fps, e))
        return false;
    snprintf(out->name, sizeof out->name, "idle");
    const char *arms = stands[rng_int(&r, 0, (int)ARRAY_LEN(stands) - 1)];
    float width = rng_range(&r, 0.1f, 0.19f), breath = rng_range(&r, 1.2f, 1.9f), heading = rng_range(&r, -0.3f, 0.3f);
    float calm = rng_range(&r, 0.5f, 1.3f), stagger = rng_range(&r, -0.05f, 0.05f);
    for (int t = 0; t < out->frames; t++) {
        Body b;
        double s = t / fps;
        float in = 0.5f + 0.5f * sinf((float)(breath * s)), w = calm * wander(seed, 20, 0.35 * s);
        dance_body_rest(&b);
        for (int side = 0; side < 2; side++) {
            const ArmPose *p = dance_arm_pose(arms[side]);
            memcpy(b.upper[side], p->upper, sizeof p->upper);
            memcpy(b.fore[side], p->fore, sizeof p->fore);
            for (int k = 0; k < 3; k++)
                b.fore[side][k] += 0.05f * calm * wander(seed, 30 + 3 * side + k, 0.5 * s);
            b.foot[side].x = side ? -width : width;
            b.foot[side].z += side ? -stagger : stagger;
            b.foot[side].yaw = side ? -0.15f : 0.15f;
            b.shrug[side] = 0.15f * in;
        }
        b.yaw = heading + 0.05f * calm * wander(seed, 21, 0.3 * s);
        b.x = 0.6f * width * w;
        b.z = 0.012f * calm * wander(seed, 22, 0.4 * s);
        b.roll = 0.05f * w;
        b.lean = -0.04f * w;
        b.drop = 0.012f + 0.008f * fabsf(w);
        b.bend = 0.03f - 0.02f * in;
        b.head_yaw = 0.35f * calm * wander(seed, 23, 0.4 * s);
        add_life(&b, seed, 0.5 * s, 0.5f);
        dance_body_pose(&b, out->pose[t]);
        for (int side = 0; side < 2 && contact; side++)
            contact[t][side] = 1;
    }
    return true;
}
