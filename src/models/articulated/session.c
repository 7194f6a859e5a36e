/* SPDX-License-Identifier: Apache-2.0
 *
 * One picture dancing: what is prepared once (size, background, cut-out, poses of the whole dance) and each frame. Frames may be
 * asked in any order; frame i depends on nothing but i.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define TEXTURE_SCALE 1.5f /* the figure's pixels are kept this much finer than the frame, where the picture has them */
#define PAD_SHARE 0.15f    /* of the height: figures cut off by the lower border go on below it */

static const Option rows[] = {
    {"size", 0, OPT_INT, offsetof(ArticulatedOptions, size), 128, 1024, "512", NULL, "N", "long side of the video in pixels; the other side follows the picture"},
    {"fps", 0, OPT_FLOAT, offsetof(ArticulatedOptions, fps), 5, 60, "25", NULL, "N", "frames a second"},
    {"seed", 's', OPT_INT, offsetof(ArticulatedOptions, seed), 0, 4294967295.0, "0", NULL, "N", "another number, another dance"},
    {"style", 0, OPT_TEXT, offsetof(ArticulatedOptions, style), 0, 0, "auto", NULL, "NAME", "family of moves; auto: one that suits the tempo"},
    {"energy", 0, OPT_FLOAT, offsetof(ArticulatedOptions, energy), 0.2, 2, "1", NULL, "X", "how large the moves are"},
    {"steps", 0, OPT_INT, offsetof(ArticulatedOptions, steps), 2, 200, "20", NULL, "N", "of the motion network's sampler"},
    {"guidance", 0, OPT_FLOAT, offsetof(ArticulatedOptions, guidance), 1, 6, "2", NULL, "X", "how closely the moves follow the music"},
    {"mirror", 0, OPT_BOOL, offsetof(ArticulatedOptions, mirror), 0, 0, NULL, NULL, NULL, "exchange left and right of the dance"},
    {"loop", 0, OPT_BOOL, offsetof(ArticulatedOptions, loop), 0, 0, NULL, NULL, NULL, "let the end flow into the beginning"},
    {"shadow", 0, OPT_BOOL, offsetof(ArticulatedOptions, shadow), 0, 0, "true", NULL, NULL, "soft shadow on the ground"},
    {"transparent", 0, OPT_BOOL, offsetof(ArticulatedOptions, transparent), 0, 0, NULL, NULL, NULL, "the figure alone, with alpha"},
    {"background", 0, OPT_TEXT, offsetof(ArticulatedOptions, background), 0, 0, "#ffffff", NULL, "#RRGGBB", "colour behind a picture that has alpha"},
    {"warp", 0, OPT_CHOICE, offsetof(ArticulatedOptions, warp), 0, 0, "auto", "auto|puppet|flow", NULL, "how the picture is moved; auto: by networks where there are any"}};
const OptTable articulated_options = {rows, ARRAY_LEN(rows)};

static int even(float x) { return MAX(2 * (int)lroundf(x / 2), 16); }

static void frame_size(const Picture *p, int64_t size, int *w, int *h)
{
    float scale = (float)size / (float)MAX(p->w, p->h);
    *w = even((float)p->w * scale), *h = even((float)p->h * scale);
}

uint64_t articulated_bytes(const ArticulatedModel *m, const Picture *picture, double seconds, const ArticulatedOptions *o)
{
    int w, h;
    frame_size(picture, o->size, &w, &h);
    uint64_t source = (uint64_t)picture->w * (uint64_t)picture->h, frame = (uint64_t)w * (uint64_t)h;
    /* cutting out: floats at the picture's size; then the texture's layers, the filling of the background, moves and poses */
    uint64_t bytes = source * 4 * 8 + frame * 400 + (uint64_t)(seconds * MOTION_FPS) * (sizeof(FramePose) + 3 * sizeof(MovesRow));
    return bytes + (m ? (uint64_t)strlen(m->networks) * 60000000 : 0);
}

struct ArticulatedSession {
    int w, h;
    double fps;
    int64_t frames;
    float body;             /* height of the body in frame pixels */
    bool shadow;
    uint8_t *ground;        /* [h, w, 3]; NULL: transparent */
    uint8_t *under, *figure; /* one frame: ground with shadow, figure [h, w, 4] */
    PuppetWarp *puppet;     /* one of the two */
    FlowWarp *flow;
    bool soft;
    Dance dance;
};

static bool parse_colour(const char *text, uint8_t rgb[3], Err *e)
{
    unsigned v = 0;
    bool ok = text && text[0] == '#' && strlen(text) == 7;
    for (int i = 1; ok && i < 7; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, text[i] | 0x20);
        ok = text[i] >= '0' && at && *at;
        if (ok) v = v * 16 + (unsigned)(at - digits);
    }
    if (!ok) return err_set(e, "background \"%s\": a colour is written #rrggbb, for example #ffffff", text ? text : "");
    rgb[0] = (uint8_t)(v >> 16), rgb[1] = (uint8_t)(v >> 8), rgb[2] = (uint8_t)v;
    return true;
}

/* Rows below the picture, repeating its last one, for a figure that the border cuts off. */
static bool pad_below(Picture *p, Figure *f, Err *e)
{
    const uint8_t *last = f->mask + (size_t)(f->height - 1) * (size_t)f->width;
    int touching = 0, pad = (int)(PAD_SHARE * (float)f->height);
    for (int x = 0; x < f->width; x++) touching += last[x] >= 128;
    if (touching < MAX(f->width / 50, 2)) return true;
    Picture taller = {0};
    Figure more;
    if (!picture_init(&taller, p->w, p->h + pad, e)) return false;
    if (!figure_allocate(&more, f->width, f->height + pad, e)) {
        picture_finish(&taller);
        return false;
    }
    for (int y = 0; y < taller.h; y++) {
        size_t from = (size_t)MIN(y, p->h - 1) * (size_t)p->w, to = (size_t)y * (size_t)p->w;
        memcpy(taller.rgba + 4 * to, p->rgba + 4 * from, 4 * (size_t)p->w);
        memcpy(more.mask + to, f->mask + from, (size_t)p->w);
        memcpy(more.part + to, f->part + from, (size_t)p->w);
    }
    Figure kept = *f;
    kept.mask = more.mask, kept.part = more.part, kept.height = more.height;
    picture_finish(p);
    articulated_figure_finish(f);
    *p = taller, *f = kept;
    return true;
}

/* What stands behind the figure at the frame's size; NULL where nothing does. */
static bool make_ground(ArticulatedSession *s, const Picture *picture, const Figure *figure, const ArticulatedOptions *o, Err *e)
{
    if (o->transparent) return true;
    uint8_t colour[3];
    if (!parse_colour(o->background, colour, e)) return false;
    size_t n = (size_t)s->w * (size_t)s->h;
    s->ground = mem_try(3 * n), s->under = mem_try(3 * n);
    if (!s->ground || !s->under) return err_set(e, "no memory for a frame of %d x %d", s->w, s->h);
    if (picture_is_cut_out(picture)) {
        for (size_t i = 0; i < n; i++) memcpy(s->ground + 3 * i, colour, 3);
        return true;
    }
    Picture frame = {0};
    Figure small = {0};
    bool ok = picture_resize(picture, s->w, s->h, &frame, e) && articulated_figure_resize(figure, s->w, s->h, &small, e);
    if (ok) background_fill(&frame, small.mask, s->ground);
    picture_finish(&frame);
    articulated_figure_finish(&small);
    return ok;
}

/* The figure's joints and the box of its mask in frame pixels. */
static void at_frame_size(const Figure *f, int w, int h, Figure *out, float box[4])
{
    float sx = (float)w / (float)f->width, sy = (float)h / (float)f->height;
    *out = *f;
    out->width = w, out->height = h, out->mask = out->part = NULL;
    for (int j = 0; j < FIGURE_JOINTS; j++) out->joint[j][0] *= sx, out->joint[j][1] *= sy, out->depth[j] *= sy;
    box[0] = (float)w, box[1] = (float)h, box[2] = box[3] = 0;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            if (f->mask[(size_t)y * (size_t)f->width + (size_t)x] < 128) continue;
            box[0] = MIN(box[0], (float)x * sx), box[2] = MAX(box[2], (float)(x + 1) * sx);
            box[1] = MIN(box[1], (float)y * sy), box[3] = MAX(box[3], (float)(y + 1) * sy);
        }
}

/* By networks or as a puppet, as asked and as there are weights. */
static bool make_figure(ArticulatedSession *s, ArticulatedModel *m, const Picture *picture, const Figure *figure,
                        const ArticulatedOptions *o, Err *e)
{
    bool can = m && m->flow && figure->kind != FIGURE_SOFT;
    if (o->warp == WARP_FLOW && !can)
        return err_set(e, figure->kind == FIGURE_SOFT ? "warp \"flow\" needs a body, and none was recognised" : "warp \"flow\" needs the flow network, which this model does not have");
    bool by_flow = can && o->warp != WARP_PUPPET;
    float finer = CLAMP((float)MAX(picture->w, picture->h) / (float)MAX(s->w, s->h), 1.0f, TEXTURE_SCALE);
    int w = (int)lroundf((float)s->w * finer), h = (int)lroundf((float)s->h * finer);
    Picture texture = {0};
    Figure sized = {0};
    bool ok = picture_resize(picture, w, h, &texture, e) && articulated_figure_resize(figure, w, h, &sized, e) && pad_below(&texture, &sized, e);
    float scale = (float)s->w / (float)w;
    s->soft = figure->kind == FIGURE_SOFT;
    if (ok && by_flow)
        ok = (s->flow = flow_warp_create(m->flow, m->pixels, &sized, &texture, scale, s->w, s->h, e)) != NULL;
    else if (ok)
        s->puppet = puppet_warp_create(&sized, &texture, scale);
    picture_finish(&texture);
    articulated_figure_finish(&sized);
    return ok;
}

bool articulated_begin(ArticulatedSession **out, ArticulatedModel *m, const Picture *picture, const Figure *figure,
                       const Moves *moves, const ArticulatedOptions *o, const Progress *p, Err *e)
{
    ArticulatedSession *s = mem_zero(sizeof *s);
    *out = NULL;
    frame_size(picture, o->size, &s->w, &s->h);
    s->fps = o->fps;
    s->frames = MAX((int64_t)llround((double)moves->frames / MOTION_FPS * o->fps), 1);
    s->shadow = o->shadow && figure->kind == FIGURE_WHOLE;
    s->figure = mem_try(4 * (size_t)s->w * (size_t)s->h);
    Moves mirrored = {0};
    Figure small;
    Stage stage = {.w = s->w, .h = s->h, .free_standing = o->transparent || picture_is_cut_out(picture), .from_picture = !o->loop};
    at_frame_size(figure, s->w, s->h, &small, stage.box);
    s->body = figure_height_of(small.joint, NULL);
    bool ok = s->figure || err_set(e, "no memory for a frame of %d x %d", s->w, s->h);
    ok = ok && (progress_tick(p, "background", 0, 2) || err_cancel(e)) && make_ground(s, picture, figure, o, e);
    ok = ok && (progress_tick(p, "figure", 1, 2) || err_cancel(e)) && make_figure(s, m, picture, figure, o, e);
    ok = ok && moves_copy(moves, &mirrored, e);
    if (ok && o->mirror) moves_mirror(&mirrored);
    ok = ok && dance_init(&s->dance, &small, &stage, &mirrored, e);
    ok = ok && (progress_tick(p, "figure", 2, 2) || err_cancel(e));
    moves_finish(&mirrored);
    if (!ok) {
        articulated_end(s);
        return false;
    }
    *out = s;
    return true;
}

void articulated_end(ArticulatedSession *s)
{
    if (!s) return;
    puppet_warp_destroy(s->puppet);
    flow_warp_destroy(s->flow);
    dance_finish(&s->dance);
    mem_free(s->ground);
    mem_free(s->under);
    mem_free(s->figure);
    mem_free(s);
}

int articulated_width(const ArticulatedSession *s) { return s->w; }
int articulated_height(const ArticulatedSession *s) { return s->h; }
int64_t articulated_frames(const ArticulatedSession *s) { return s->frames; }
const char *articulated_way(const ArticulatedSession *s) 
{
    return s->flow ? "flow" : s->soft ? "soft body" : "puppet";
}


bool articulated_frame(ArticulatedSession *s, int64_t i, uint8_t *rgba, Err *e)
{
    if (i < 0 || i >= s->frames) return err_set(e, "frame %lld of a video of %lld", (long long)i, (long long)s->frames);
    FramePose pose;
    dance_at(&s->dance, (double)i / s->fps * MOTION_FPS, &pose);
    if (s->puppet)
        puppet_warp_draw(s->puppet, &pose, s->w, s->h, s->figure);
    else if (!flow_warp_draw(s->flow, &pose, s->figure, e))
        return false;
    const uint8_t *ground = s->ground;
    if (ground && s->shadow) {
        memcpy(s->under, s->ground, 3 * (size_t)s->w * (size_t)s->h);
        background_shadow(s->under, s->w, s->h, &pose, s->body);
        ground = s->under;
    }
    composite(s->figure, ground, s->w, s->h, rgba);
    return true;
}

void articulated_joints(const ArticulatedSession *s, int64_t i, float joint[FIGURE_JOINTS][2])
{
    FramePose pose;
    dance_at(&s->dance, (double)i / s->fps * MOTION_FPS, &pose);
    for (int j = 0; j < FIGURE_JOINTS; j++) joint[j][0] = pose.joint[j][0], joint[j][1] = pose.joint[j][1];
}
