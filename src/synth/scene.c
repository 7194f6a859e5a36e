/* SPDX-License-Identifier: Apache-2.0
 *
 * The choices of one pair: look, poses, framing, place and camera, light, colours (spec/articulated.md section 7 and
 * data/README.md section 4). Each matter draws from a stream of its own, so a change in one leaves the others.
 */
#include "synth/scene.h"

#include <string.h>

enum Stream {
    STREAM_KIND,
    STREAM_FIGURE,
    STREAM_SOURCE,
    STREAM_TARGET,
    STREAM_FRAMING,
    STREAM_PLACE,
    STREAM_LIGHT,
    STREAM_GRADE,
    STREAM_SECOND,
    STREAMS = 16
};

static Rng stream(const SynthSource *s, uint64_t index, enum Stream which)
{
    return rng_make(s->options.seed ^ (s->options.held_out ? 0x68656c64 : 0), index * STREAMS + which);
}

/* ---- figure and poses
 * -------------------------------------------------------------------------------------------------- */
static void choose_kind(Rng *r, SynthLook *look, SynthStyle *style)
{
    float a = rng_float(r), b = rng_float(r);
    *look = a < 0.60f    ? LOOK_BODY
            : a < 0.75f  ? LOOK_DRAWN_BODY
            : a < 0.95f  ? LOOK_PUPPET
            : a < 0.975f ? LOOK_SILHOUETTE
                         : LOOK_BLUE_SCREEN;
    *style = b < 0.72f ? STYLE_PHOTO : b < 0.83f ? STYLE_FLAT : b < 0.92f ? STYLE_INK : STYLE_POSTER;
}

/* Both poses: the source often stands, the target dances; headings near each other; the dancer may have moved. */
static void choose_poses(const SynthSource *s, uint64_t index, Scene *out)
{
    Rng r = stream(s, index, STREAM_SOURCE), t = stream(s, index, STREAM_TARGET);
    PoseFrame source, target;
    if (rng_chance(&r, 1.0f / 3))
        poses_stand(&r, &source);
    else
        poses_draw(s->poses, &r, &source);
    poses_draw(s->poses, &t, &target);
    const float limit = 60 * (float)M_PI / 180;
    float yaw = rng_chance(&r, 0.5f) ? draw_normal(&r, 0.2f, limit) : rng_range(&r, -limit, limit);
    float other = yaw + draw_normal(&t, 15 * (float)M_PI / 180, 0.8f);
    other = CLAMP(other, -1.25f, 1.25f);
    pose_turn(source.p, yaw);
    pose_turn(target.p, other);
    float leg = out->figure.mesh->rest[JOINT_L_HIP][1] - out->figure.mesh->sole;
    figure_pose(&out->figure, source.p, source.lift * leg, &out->posed[0]);
    Figure f = out->figure; /* the head looks about a little between the two */
    f.bearing.head_yaw += 0.12f * rng_normal(&t);
    f.bearing.head_pitch += 0.06f * rng_normal(&t);
    figure_pose(&f, target.p, target.lift * leg, &out->posed[1]);
    float aside = 0.15f * rng_normal(&t), ahead = 0.1f * rng_normal(&t);
    skin_move(&out->posed[1], vec3(aside, 0, ahead));
}

/* ---- framing
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct Box { float x0, y0, x1, y1; } Box;

static void grow(Box *b, const Posed *p)
{
    for (int j = 0; j <= SYNTH_JOINTS; j++) {
        Vec3 v = j < SYNTH_JOINTS ? p->joint[j] : p->crown;
        b->x0 = MIN(b->x0, v.x);
        b->x1 = MAX(b->x1, v.x);
        b->y0 = MIN(b->y0, v.y);
        b->y1 = MAX(b->y1, v.y);
    }
}

/* What of the world goes where: the point (x, y) of the world at (sx, sy) of the picture, `scale` pixels a metre. */
typedef struct Aim { float x, y, sx, sy, scale; } Aim;

static const float pair_framing[] = {
    [FRAME_WHOLE] = 0.58f, [FRAME_SMALL] = 0.1f, [FRAME_BUST] = 0.09f, [FRAME_HALF] = 0.1f, [FRAME_OFF_CENTRE] = 0.13f};
static const float clip_framing[] = {
    [FRAME_WHOLE] = 0.82f, [FRAME_SMALL] = 0.06f, [FRAME_BUST] = 0, [FRAME_HALF] = 0.06f, [FRAME_OFF_CENTRE] = 0.06f};

/* Frames the poses of track; a half figure is cut by the first of them. */
static Aim choose_aim(Rng *r, Scene *s, const Posed *track, int n, const float *framing, int size)
{
    Box b = {1e9f, 1e9f, -1e9f, -1e9f};
    for (int i = 0; i < n; i++)
        grow(&b, &track[i]);
    float h = s->figure.mesh->height, margin = 0.06f * h;
    b = (Box){b.x0 - margin, MIN(b.y0, 0) - 0.02f * h, b.x1 + margin, b.y1 + 0.03f * h};
    float wide = b.x1 - b.x0, tall = b.y1 - b.y0, kind = rng_float(r);
    int choice = FRAME_WHOLE;
    while (choice < FRAME_OFF_CENTRE && (kind -= framing[choice]) > 0)
        choice++;
    s->framing = choice;
    Aim a = {0.5f * (b.x0 + b.x1), 0.5f * (b.y0 + b.y1), 0.5f, 0.5f, 0};
    float fit = MIN(1 / tall, 0.97f / wide);
    switch (s->framing) {
    case FRAME_SMALL:
        a.scale = fit * rng_range(r, 0.28f, 0.6f);
        break;
    case FRAME_HALF:
    case FRAME_BUST: {
        /* the lower border cuts between knees and hips, or between hips and chest */
        const Posed *p = &track[0];
        float knee = 0.5f * (p->joint[JOINT_L_KNEE].y + p->joint[JOINT_R_KNEE].y), hip = p->joint[JOINT_PELVIS].y;
        float cut = s->framing == FRAME_HALF ? knee + rng_float(r) * (hip - knee)
                                             : hip + rng_float(r) * 0.7f * (p->joint[JOINT_CHEST].y - hip);
        float top = p->crown.y + rng_range(r, 0.02f, 0.25f) * h;
        a.x = p->joint[JOINT_CHEST].x + 0.06f * h * rng_normal(r);
        a.y = 0.5f * (top + cut);
        a.scale = 1 / MAX(top - cut, 0.2f * h);
        break;
    }
    case FRAME_OFF_CENTRE:
        a.scale = fit * rng_range(r, 0.6f, 1.25f);
        a.sx += 0.3f * (2 * rng_float(r) - 1);
        a.sy += 0.18f * (2 * rng_float(r) - 1);
        break;
    default:
        a.scale = fit * rng_range(r, 0.7f, 0.99f);
        break;
    }
    /* anywhere it fits in */
    float free_x = MAX(0.0f, 1 - wide * a.scale), free_y = MAX(0.0f, 1 - tall * a.scale);
    if (s->framing == FRAME_WHOLE || s->framing == FRAME_SMALL) {
        float roam = rng_chance(r, 0.5f) ? 1 : 0.3f;
        a.sx += 0.5f * free_x * (2 * rng_float(r) - 1) * roam;
        a.sy += 0.5f * free_y * (2 * rng_float(r) - 1);
    }
    a.sx *= size;
    a.sy *= size;
    a.scale *= size;
    return a;
}

/* ---- place and camera
 * ----------------------------------------------------------------------------------------------------- */
/* Moves the centre of projection so that the aim's point is where it should be; `x` is the figure's place to the side.
 */
static void aim_camera(Camera *c, const Aim *a, float x)
{
    Vec3 v = camera_view(c, vec3(a->x + x, a->y, 0));
    c->cx = a->sx - c->focal * v.x / v.z;
    c->cy = a->sy + c->focal * v.y / v.z;
}

/* A view taken by a known camera: the dancer must stand on its floor, so the picture is the part of the view around
 * him. Farther away the whole view is needed sooner; the distance grows until feet and frame fit. Returns the dancer's
 * place to the side. */
static float fit_view(Rng *r, const Asset *place, const Texture *t, const Aim *a, int size, Scene *s)
{
    float w = t->w[0], h = t->h[0], focal = 0.5f * w / tanf(0.5f * place->fov * (float)M_PI / 180);
    Camera *c = &s->camera;
    c->height = rng_range(r, 1.45f, 1.65f);
    c->pitch = place->pitch * (float)M_PI / 180;
    c->distance = rng_range(r, 2.6f, 5.0f);
    float share = rng_float(r), x = 0;
    for (int tries = 0; tries < 12; tries++) {
        c->focal = a->scale * c->distance;
        float step = focal / c->focal; /* texels a pixel */
        aim_camera(c, a, 0);
        float low_x = size - 0.5f * w / step, high_x = 0.5f * w / step, low_y = size - 0.5f * h / step,
              high_y = 0.5f * h / step;
        float miss = MAX(low_y - c->cy, c->cy - high_y);
        if (low_x <= high_x && miss < 0.1f * size) {
            c->cy = CLAMP(c->cy, low_y, high_y);
            float want = low_x + share * (high_x - low_x); /* then the dancer stands where the frame wants him */
            x = CLAMP((c->cx - want) / a->scale, -0.3f * c->distance, 0.3f * c->distance);
            aim_camera(c, a, 0);
            c->cy = CLAMP(c->cy, low_y, high_y);
            c->cx = CLAMP(c->cx - x * a->scale, low_x, high_x);
            s->setting.x = 0.5f * w - c->cx * step;
            s->setting.y = 0.5f * h - c->cy * step;
            s->setting.step = step;
            return x;
        }
        c->distance *= 1.12f;
    }
    /* the frame is wider than any view of this place: use all of it and let the rim repeat */
    s->setting.step = MIN(w, h) / size;
    s->setting.x = 0.5f * (w - size * s->setting.step);
    s->setting.y = 0.5f * (h - size * s->setting.step);
    aim_camera(c, a, 0);
    return 0;
}

static void free_camera(Rng *r, const Aim *a, Camera *c)
{
    c->height = rng_range(r, 0.8f, 1.75f);
    c->pitch = rng_range(r, -0.16f, 0.05f);
    c->distance = rng_range(r, 2.4f, 6.5f);
    c->focal = a->scale * c->distance;
    aim_camera(c, a, 0);
}

static bool choose_place(SynthSource *src, Rng *r, const Aim *a, Scene *s, float *x)
{
    int size = src->options.size;
    Looks *l = &src->looks;
    bool drawn = s->figure.style != STYLE_PHOTO || s->figure.look != LOOK_BODY;
    float kind = rng_float(r);
    s->setting = (Setting){.floor = true};
    *x = 0;
    if (s->figure.look == LOOK_BLUE_SCREEN) {
        free_camera(r, a, &s->camera);
        s->setting.kind = PLACE_PLAIN;
        s->blue_screen = true;
        snprintf(s->setting.name, sizeof s->setting.name, "blue screen");
    } else if (l->places.n && kind < (drawn ? 0.42f : 0.62f)) {
        Asset *place = looks_choose(l, &l->places, r);
        if (!place)
            return false;
        const Texture *t = place->data;
        s->setting.view = t;
        snprintf(s->setting.name, sizeof s->setting.name, "%s", place->name);
        if (place->fov > 0)
            *x = fit_view(r, place, t, a, size, s);
    } else if (l->painted.n && kind < (drawn ? 0.56f : 0.68f)) {
        Asset *place = looks_choose(l, &l->painted, r);
        if (!place)
            return false;
        const Texture *t = place->data;
        s->setting.view = t;
        s->setting.floor = rng_chance(r, 0.5f);
        snprintf(s->setting.name, sizeof s->setting.name, "%s", place->name);
    } else {
        free_camera(r, a, &s->camera);
        static const float share[PLACE_KINDS] = {0.24f, 0.14f, 0.1f, 0.12f, 0.22f, 0.1f, 0.08f};
        float at = rng_float(r);
        int k = 0;
        while (k < PLACE_KINDS - 1 && (at -= share[k]) > 0)
            k++;
        s->setting.kind = k;
        s->setting.floor = k >= PLACE_ROOM || rng_chance(r, 0.4f);
        static const char *const names[PLACE_KINDS] = {"plain", "gradient", "noise", "pattern",
                                                       "room",  "street",   "stage"};
        snprintf(s->setting.name, sizeof s->setting.name, "%s", names[k]);
    }
    if (s->setting.view && s->setting.step == 0) { /* no known camera: any part of the picture */
        free_camera(r, a, &s->camera);
        float side = rng_range(r, 0.55f, 1) * MIN(s->setting.view->w[0], s->setting.view->h[0]);
        s->setting.step = side / size;
        s->setting.x = rng_float(r) * (s->setting.view->w[0] - side);
        float down = rng_chance(r, 0.5f) ? 1 : rng_float(r); /* oftener with the picture's own floor */
        s->setting.y = down * (s->setting.view->h[0] - side);
    }
    s->place_rng = *r;
    return true;
}

/* ---- light
 * ---------------------------------------------------------------------------------------------------------------- */
static void choose_light(Rng *r, Scene *s)
{
    Light *l = &s->light;
    float soft = rng_float(r), key = 0.7f - 0.4f * soft, ambient = 0.62f + 0.36f * soft,
          rim = rng_chance(r, 0.4f) ? rng_range(r, 0.05f, 0.35f) : 0;
    float turn = 0.9f * rng_normal(r), rise = rng_range(r, 0.35f, 1.25f);
    l->direction = vec3_unit(vec3(sinf(turn) * cosf(rise), sinf(rise), cosf(turn) * cosf(rise)));
    l->wrap = rng_range(r, 0.1f, 0.6f);
    float warm = 0.05f * rng_normal(r), tint[3] = {1 + warm, 1, 1 - warm}, edge[3] = {1, 1, 1};
    bool dark = rng_chance(r, 0.05f) || (!s->setting.view && s->setting.kind == PLACE_STAGE && rng_chance(r, 0.6f));
    if (dark) {
        ambient = rng_range(r, 0.12f, 0.4f);
        key = rng_range(r, 0.2f, 0.8f);
        rim = rng_range(r, 0.2f, 0.9f);
        colour_draw(r, (ColourRange){{0, 1}, {0, 0.8f}, {1.2f, 1.2f}}, tint);
        colour_draw(r, (ColourRange){{0, 1}, {0.3f, 1}, {1.2f, 1.2f}}, edge);
    }
    for (int c = 0; c < 3; c++) {
        l->ambient[c] = ambient * (dark ? 0.5f + 0.5f * tint[c] : 1);
        l->key[c] = key * tint[c];
        l->rim[c] = rim * edge[c];
    }
    if (s->figure.style == STYLE_FLAT || s->figure.look == LOOK_SILHOUETTE) /* paint knows no light */
        for (int c = 0; c < 3; c++) {
            l->ambient[c] = s->figure.levels ? 0.8f : 1;
            l->key[c] = s->figure.levels ? 0.25f : 0;
            l->rim[c] = 0;
        }
    s->shadow = s->setting.floor && !rng_chance(r, 0.08f) ? rng_range(r, 0.3f, 0.85f) : 0;
}

/* ---- a second person
 * --------------------------------------------------------------------------------------------------------- */
static bool choose_second(SynthSource *src, uint64_t index, Scene *s, float x)
{
    Rng r = stream(src, index, STREAM_SECOND);
    if (s->blue_screen || !rng_chance(&r, 0.09f))
        return true;
    SynthLook look = s->figure.look == LOOK_PUPPET || s->figure.look == LOOK_DRAWN_BODY ? s->figure.look : LOOK_BODY;
    if (!figure_choose(src, &r, look, s->figure.style, &s->second))
        return false;
    PoseFrame pose;
    if (rng_chance(&r, 0.5f))
        poses_stand(&r, &pose);
    else
        poses_draw(src->poses, &r, &pose);
    pose_turn(pose.p, rng_range(&r, -1.2f, 1.2f));
    figure_pose(&s->second, pose.p, 0, &s->second_posed);
    float side = rng_chance(&r, 0.5f) ? 1 : -1;
    float away = rng_range(&r, 0.55f, 1.3f), behind = rng_range(&r, 0.3f, 1.8f);
    skin_move(&s->second_posed, vec3(x + side * away, 0, -behind));
    s->has_second = true;
    return true;
}

static bool begin(SynthSource *src, uint64_t index, Scene *s)
{
    memset(s, 0, sizeof *s);
    Rng kind = stream(src, index, STREAM_KIND), figure = stream(src, index, STREAM_FIGURE);
    SynthLook look;
    SynthStyle style;
    choose_kind(&kind, &look, &style);
    return figure_choose(src, &figure, look, style, &s->figure);
}

/* All but the figure and its poses; moves the poses of track to where the dancer stands. */
static bool surround(SynthSource *src, uint64_t index, Scene *s, Posed *track, int n, const Aim *aim)
{
    Rng place = stream(src, index, STREAM_PLACE), light = stream(src, index, STREAM_LIGHT),
        grade = stream(src, index, STREAM_GRADE);
    float x;
    if (!choose_place(src, &place, aim, s, &x))
        return false;
    for (int i = 0; i < n; i++)
        skin_move(&track[i], vec3(x, 0, 0));
    choose_light(&light, s);
    if (!choose_second(src, index, s, x))
        return false;
    grade_draw(&s->grade, &grade);
    wear_draw(&s->wear, &grade);
    return true;
}

bool scene_draw(SynthSource *src, uint64_t index, Scene *s)
{
    if (!begin(src, index, s))
        return false;
    Rng framing = stream(src, index, STREAM_FRAMING);
    choose_poses(src, index, s);
    int n = rng_chance(&framing, 0.8f) ? 2 : 1;
    Aim aim = choose_aim(&framing, s, s->posed, n, pair_framing, src->options.size);
    if (surround(src, index, s, s->posed, 2, &aim))
        return true;
    scene_finish(s);
    return false;
}

bool scene_draw_clip(SynthSource *src, uint64_t index, const Moves *moves, Scene *s, Posed *track, Err *e)
{
    Clip clip;
    float length[MOTION_BONES];
    if (!begin(src, index, s))
        return synth_trouble(src, e) && false;
    const Mesh *m = s->figure.mesh;
    pose_lengths(m->flat ? motion_rest : m->rest, length);
    if (!moves_to_clip(moves, length, &clip, e)) {
        scene_finish(s);
        return false;
    }
    const float (*first)[3] = clip.pose[0];
    for (int i = 0; i < moves->frames; i++) {
        Pose p;
        float low = 1e9f, x = clip.pose[i][JOINT_PELVIS][0], z = clip.pose[i][JOINT_PELVIS][2];
        for (int j = 0; j < SYNTH_JOINTS; j++) {
            p[j][0] = clip.pose[i][j][0] - x;
            p[j][1] = clip.pose[i][j][1];
            p[j][2] = clip.pose[i][j][2] - z;
        }
        low = MIN(p[JOINT_L_TOE][1], p[JOINT_R_TOE][1]);
        figure_pose(&s->figure, p, MAX(0.0f, low - 0.01f), &track[i]);
        skin_move(&track[i], vec3(x - first[JOINT_PELVIS][0], 0, m->flat ? 0 : z - first[JOINT_PELVIS][2]));
    }
    clip_finish(&clip);
    Rng framing = stream(src, index, STREAM_FRAMING);
    Aim aim = choose_aim(&framing, s, track, moves->frames, clip_framing, src->options.size);
    if (surround(src, index, s, track, moves->frames, &aim))
        return true;
    scene_finish(s);
    return synth_trouble(src, e) && false;
}

void scene_finish(Scene *s)
{
    figure_finish(&s->figure);
    figure_finish(&s->second);
}
