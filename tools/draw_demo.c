/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws the bundled picture: a dancer on a roof terrace at dusk, 640 x 960, and the file with its joints. All by code (cairo),
 * so that it belongs to the project. Human proportions (about 7 heads), arms a hand's width away from the body, both feet on
 * the ground: what the pose network finds most easily.
 *
 *     draw_demo demo.png demo.joints.json demo.mask.png
 */
#include <cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = 640, H = 960, OUTLINE_MAX = 400 };
typedef struct Point { double x, y; } Point;
typedef struct Rgb { double r, g, b; } Rgb;

static Rgb hex(unsigned v) { return (Rgb){(v >> 16 & 255) / 255.0, (v >> 8 & 255) / 255.0, (v & 255) / 255.0}; }
static Rgb mix(Rgb a, Rgb b, double t)
{
    return (Rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}
static void ink(cairo_t *c, Rgb p, double alpha) { cairo_set_source_rgba(c, p.r, p.g, p.b, alpha); }

/* A small generator of its own: the picture must not change with anybody's library. */
static uint32_t state = 2463534242u;
static double chance(void)
{
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state / 4294967296.0;
}
static double between(double lo, double hi) { return lo + (hi - lo) * chance(); }

/* ---- shapes --------------------------------------------------------------------------------------------------------- */

/* A closed smooth curve through the points (Catmull-Rom as Bezier pieces). */
static void smooth_path(cairo_t *c, const Point *p, int n)
{
    cairo_new_path(c);
    cairo_move_to(c, p[0].x, p[0].y);
    for (int i = 0; i < n; i++) {
        Point a = p[(i + n - 1) % n], b = p[i], d = p[(i + 1) % n], e = p[(i + 2) % n];
        cairo_curve_to(c, b.x + (d.x - a.x) / 6, b.y + (d.y - a.y) / 6, d.x - (e.x - b.x) / 6, d.y - (e.y - b.y) / 6, d.x, d.y);
    }
    cairo_close_path(c);
}

/* A limb: a centre line with a half width at each point, rounded at both ends. */
static void limb_path(cairo_t *c, const Point *p, const double *r, int n)
{
    Point out[OUTLINE_MAX];
    int k = 0;
    for (int side = 0; side < 2; side++)
        for (int j = 0; j < n; j++) {
            int i = side ? n - 1 - j : j;
            Point a = p[i ? i - 1 : 0], b = p[i < n - 1 ? i + 1 : n - 1];
            double dx = b.x - a.x, dy = b.y - a.y, l = hypot(dx, dy), s = side ? -1 : 1;
            out[k++] = (Point){p[i].x + s * dy / l * r[i], p[i].y - s * dx / l * r[i]};
            if (j == n - 1) { /* the round end */
                double f = side ? -1 : 1;
                out[k++] = (Point){p[i].x + f * dx / l * r[i] * 0.75, p[i].y + f * dy / l * r[i] * 0.75};
            }
        }
    smooth_path(c, out, k);
}

/* Fills the current path with colour, then light from the upper left and shade at the right: soft strokes inside the shape. */
static void fill_shaded(cairo_t *c, Rgb base, double depth)
{
    cairo_path_t *path = cairo_copy_path(c);
    double x0, y0, x1, y1;
    cairo_path_extents(c, &x0, &y0, &x1, &y1);
    cairo_pattern_t *g = cairo_pattern_create_linear(x0, y0, x1, y1);
    Rgb light = mix(base, hex(0xfff1d6), 0.16), dark = mix(base, hex(0x2a1747), 0.20);
    cairo_pattern_add_color_stop_rgb(g, 0, light.r, light.g, light.b);
    cairo_pattern_add_color_stop_rgb(g, 0.45, base.r, base.g, base.b);
    cairo_pattern_add_color_stop_rgb(g, 1, dark.r, dark.g, dark.b);
    cairo_set_source(c, g);
    cairo_fill(c);
    cairo_pattern_destroy(g);
    cairo_save(c);
    cairo_append_path(c, path);
    cairo_clip(c);
    for (int i = 0; i < 10; i++) {
        cairo_save(c);
        cairo_translate(c, -depth * 0.35, -depth * 0.25);
        cairo_append_path(c, path);
        cairo_restore(c);
        ink(c, hex(0x2a1747), 0.030);
        cairo_set_line_width(c, depth * (2.0 - i * 0.17));
        cairo_stroke(c);
    }
    cairo_restore(c);
    cairo_path_destroy(path);
}

static void fold(cairo_t *c, double x0, double y0, double bx, double by, double x1, double y1, double width, double alpha)
{
    cairo_move_to(c, x0, y0);
    cairo_curve_to(c, x0 + bx, y0 + by, x1 + bx, y1 + by, x1, y1);
    ink(c, hex(0x2a1747), alpha);
    cairo_set_line_width(c, width);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    cairo_stroke(c);
}

static void glow(cairo_t *c, double x, double y, double r, Rgb p, double alpha)
{
    cairo_pattern_t *g = cairo_pattern_create_radial(x, y, 0, x, y, r);
    cairo_pattern_add_color_stop_rgba(g, 0, p.r, p.g, p.b, alpha);
    cairo_pattern_add_color_stop_rgba(g, 0.35, p.r, p.g, p.b, alpha * 0.35);
    cairo_pattern_add_color_stop_rgba(g, 1, p.r, p.g, p.b, 0);
    cairo_set_source(c, g);
    cairo_arc(c, x, y, r, 0, 2 * M_PI);
    cairo_fill(c);
    cairo_pattern_destroy(g);
}

/* ---- the place ------------------------------------------------------------------------------------------------------ */

static void draw_sky(cairo_t *c)
{
    cairo_pattern_t *g = cairo_pattern_create_linear(0, 0, 0, 640);
    static const unsigned colours[] = {0x2b2a5e, 0x57407f, 0xa65a8b, 0xf08a7a, 0xffc58a};
    for (int i = 0; i < 5; i++) {
        Rgb p = hex(colours[i]);
        cairo_pattern_add_color_stop_rgb(g, i / 4.0, p.r, p.g, p.b);
    }
    cairo_set_source(c, g);
    cairo_paint(c);
    cairo_pattern_destroy(g);
    glow(c, 470, 560, 330, hex(0xffe0a0), 0.75);
    for (int i = 0; i < 60; i++) {
        double x = between(0, W), y = between(0, 200);
        glow(c, x, y, between(1.2, 2.6), hex(0xffffff), between(0.2, 0.8));
    }
    for (int i = 0; i < 7; i++) { /* thin clouds */
        double x = between(-60, W), y = between(150, 430), w = between(120, 300);
        for (int k = 0; k < 12; k++) {
            cairo_save(c);
            cairo_translate(c, x + between(0, w), y + between(-6, 6));
            cairo_scale(c, between(40, 80), between(4, 9));
            glow(c, 0, 0, 1, hex(0xffd9c8), 0.16);
            cairo_restore(c);
        }
    }
}

static void draw_row_of_houses(cairo_t *c, double base, double lo, double hi, Rgb wall, Rgb lit, double share)
{
    for (double x = -20; x < W;) {
        double w = between(46, 96), h = between(lo, hi), top = base - h;
        cairo_pattern_t *g = cairo_pattern_create_linear(0, top, 0, base);
        Rgb low = mix(wall, hex(0xf08a7a), 0.35);
        cairo_pattern_add_color_stop_rgb(g, 0, wall.r, wall.g, wall.b);
        cairo_pattern_add_color_stop_rgb(g, 1, low.r, low.g, low.b);
        cairo_rectangle(c, x, top, w, h);
        cairo_set_source(c, g);
        cairo_fill(c);
        cairo_pattern_destroy(g);
        if (chance() < 0.4) {
            cairo_rectangle(c, x + w * 0.3, top - 14, w * 0.25, 14);
            ink(c, wall, 1);
            cairo_fill(c);
        }
        for (double wy = top + 12; wy < base - 14; wy += 17)
            for (double wx = x + 8; wx < x + w - 10; wx += 13) {
                bool on = chance() < share;
                cairo_rectangle(c, wx, wy, 6.5, 9);
                ink(c, on ? lit : mix(wall, hex(0x000020), 0.22), on ? between(0.55, 0.95) : 0.5);
                cairo_fill(c);
            }
        x += w + between(-4, 10);
    }
}

static void draw_terrace(cairo_t *c)
{
    double edge = 690;
    cairo_pattern_t *g = cairo_pattern_create_linear(0, edge, 0, H);
    Rgb far = hex(0xb97f86), near = hex(0x5b4370);
    cairo_pattern_add_color_stop_rgb(g, 0, far.r, far.g, far.b);
    cairo_pattern_add_color_stop_rgb(g, 1, near.r, near.g, near.b);
    cairo_rectangle(c, 0, edge, W, H - edge);
    cairo_set_source(c, g);
    cairo_fill(c);
    cairo_pattern_destroy(g);
    cairo_save(c);
    cairo_rectangle(c, 0, edge, W, H - edge);
    cairo_clip(c);
    for (int i = -14; i <= 14; i++) { /* planks run to a point far behind */
        fold(c, 320 + i * 26, edge, 0, 0, 320 + i * 92, H, 1.6, 0.20);
        if (i & 1) continue;
        cairo_move_to(c, 320 + i * 26, edge);
        cairo_line_to(c, 320 + i * 92, H);
        cairo_line_to(c, 320 + (i + 1) * 92, H);
        cairo_line_to(c, 320 + (i + 1) * 26, edge);
        ink(c, hex(0xffd2b0), 0.055);
        cairo_fill(c);
    }
    for (double y = edge + 9, d = 9; y < H; y += d, d *= 1.42) fold(c, 0, y, 0, 0, W, y, 1.1, 0.12);
    cairo_save(c);
    cairo_translate(c, 430, 775);
    cairo_scale(c, 3.2, 0.8);
    glow(c, 0, 0, 120, hex(0xffcf9a), 0.40);
    cairo_restore(c);
    cairo_restore(c);
    /* the wall with its rail */
    cairo_rectangle(c, 0, 628, W, 66);
    g = cairo_pattern_create_linear(0, 628, 0, 694);
    Rgb a = hex(0x8b5a7c), b = hex(0x5c3f6d);
    cairo_pattern_add_color_stop_rgb(g, 0, a.r, a.g, a.b);
    cairo_pattern_add_color_stop_rgb(g, 1, b.r, b.g, b.b);
    cairo_set_source(c, g);
    cairo_fill(c);
    cairo_pattern_destroy(g);
    cairo_rectangle(c, 0, 618, W, 13);
    ink(c, hex(0xd8929a), 1);
    cairo_fill(c);
    cairo_rectangle(c, 0, 629, W, 4);
    ink(c, hex(0x3d2a55), 0.45);
    cairo_fill(c);
    for (int i = 0; i < 9; i++) fold(c, i * 80 - 3, 636, 0, 0, i * 80 - 3, 692, 1.5, 0.25);
}

static void draw_lamps(cairo_t *c)
{
    for (int row = 0; row < 2; row++) {
        double y0 = row ? 70 : 128, y1 = row ? 40 : 96, sag = row ? 66 : 88;
        cairo_move_to(c, -10, y0);
        cairo_curve_to(c, 200, y0 + sag, 440, y1 + sag, W + 10, y1);
        ink(c, hex(0x1d1838), 0.9);
        cairo_set_line_width(c, 2);
        cairo_stroke(c);
        for (int i = 0; i < 10; i++) {
            double t = (i + 0.5) / 10, u = 1 - t;
            double x = u * u * u * -10 + 3 * u * u * t * 200 + 3 * u * t * t * 440 + t * t * t * (W + 10);
            double y = u * u * u * y0 + 3 * u * u * t * (y0 + sag) + 3 * u * t * t * (y1 + sag) + t * t * t * y1;
            glow(c, x, y + 9, 34, hex(0xffd98c), 0.75);
            cairo_arc(c, x, y + 8, 5, 0, 2 * M_PI);
            ink(c, hex(0xfff3cf), 1);
            cairo_fill(c);
        }
    }
}

/* Two plant pots and a loudspeaker: a place where somebody dances. */
static void draw_things(cairo_t *c)
{
    static const double at[2] = {66, 585};
    for (int k = 0; k < 2; k++) {
        double x = at[k], y = 742;
        for (int i = 0; i < 26; i++) {
            double a = -M_PI / 2 + between(-1.15, 1.15), l = between(46, 98);
            double ex = x + cos(a) * l * 0.75, ey = y - 54 + sin(a) * l;
            Point leaf[4] = {{x, y - 50}, {(x + ex) / 2 - 7, (y - 54 + ey) / 2 - 3}, {ex, ey}, {(x + ex) / 2 + 7, (y - 54 + ey) / 2 + 4}};
            smooth_path(c, leaf, 4);
            ink(c, mix(hex(0x1f5a57), hex(0x7fa66a), chance()), 1);
            cairo_fill(c);
        }
        Point pot[6] = {{x - 30, y - 56}, {x + 30, y - 56}, {x + 27, y - 20}, {x + 21, y + 6}, {x - 21, y + 6}, {x - 27, y - 20}};
        smooth_path(c, pot, 6);
        fill_shaded(c, hex(0xc9705a), 14);
    }
    cairo_rectangle(c, 486, 664, 54, 88);
    fill_shaded(c, hex(0x33284f), 12);
    static const double cone[2][2] = {{690, 11}, {727, 19}};
    for (int i = 0; i < 2; i++) {
        cairo_arc(c, 513, cone[i][0], cone[i][1], 0, 2 * M_PI);
        ink(c, hex(0x1a1430), 1);
        cairo_fill(c);
        cairo_arc(c, 513, cone[i][0], cone[i][1] * 0.72, 0, 2 * M_PI);
        ink(c, hex(0x5d4c86), 1);
        cairo_fill(c);
        cairo_arc(c, 513, cone[i][0], cone[i][1] * 0.3, 0, 2 * M_PI);
        ink(c, hex(0x9d8bc7), 1);
        cairo_fill(c);
    }
}

/* ---- the dancer ----------------------------------------------------------------------------------------------------- */

enum { JOINTS = 18 };
static const struct { const char *name; Point at; } joints[JOINTS] = {
    {"pelvis", {318, 498}},     {"chest", {318, 372}},      {"neck", {319, 282}},       {"head", {320, 250}},
    {"l_shoulder", {379, 306}}, {"l_elbow", {426, 404}},    {"l_wrist", {470, 494}},
    {"r_shoulder", {259, 306}}, {"r_elbow", {210, 403}},    {"r_wrist", {165, 492}},
    {"l_hip", {353, 502}},      {"l_knee", {378, 664}},     {"l_ankle", {396, 818}},
    {"r_hip", {283, 502}},      {"r_knee", {257, 664}},     {"r_ankle", {238, 818}},
    {"l_toe", {414, 862}},      {"r_toe", {219, 862}}};
static Point J(const char *name)
{
    for (int i = 0; i < JOINTS; i++)
        if (!strcmp(joints[i].name, name)) return joints[i].at;
    abort();
}
static Point lerp(Point a, Point b, double t) { return (Point){a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t}; }

static void draw_shoe(cairo_t *c, double s, Point ankle, Point toe)
{
    double x = ankle.x, y = ankle.y;
    /* sole, upper, toe cap, laces */
    Point sole[8] = {{x - s * 20, y + 24}, {x - s * 21, y + 46}, {x - s * 6, y + 58}, {toe.x, y + 62}, {toe.x + s * 22, y + 58},
                     {toe.x + s * 28, y + 44}, {toe.x + s * 14, y + 34}, {x, y + 28}};
    smooth_path(c, sole, 8);
    fill_shaded(c, hex(0xfdf7ee), 6);
    Point upper[9] = {{x - s * 18, y - 8}, {x - s * 21, y + 22}, {x - s * 17, y + 44}, {x - s * 2, y + 50}, {toe.x, y + 53},
                      {toe.x + s * 20, y + 50}, {toe.x + s * 23, y + 38}, {toe.x + s * 8, y + 16}, {x + s * 17, y - 8}};
    smooth_path(c, upper, 9);
    fill_shaded(c, hex(0xf3f0f5), 10);
    Point cap[5] = {{toe.x - s * 12, y + 42}, {toe.x - s * 6, y + 53}, {toe.x + s * 18, y + 51}, {toe.x + s * 22, y + 40}, {toe.x + s * 6, y + 34}};
    smooth_path(c, cap, 5);
    fill_shaded(c, hex(0xff7f6b), 6);
    for (int i = 0; i < 4; i++) {
        double t = i / 3.0, lx = x + s * 2 + (toe.x - x) * 0.72 * t, ly = y + 6 + 27 * t;
        cairo_move_to(c, lx - 9, ly);
        cairo_line_to(c, lx + 9, ly - 1);
        ink(c, hex(0xff7f6b), 1);
        cairo_set_line_width(c, 3);
        cairo_stroke(c);
    }
}

static void draw_leg(cairo_t *c, const char *hip, const char *knee, const char *ankle, const char *toe, double s)
{
    Point h = J(hip), k = J(knee), a = J(ankle);
    draw_shoe(c, s, a, J(toe));
    Point line[6] = {{h.x + s * 2, h.y - 24}, lerp(h, k, 0.25), lerp(h, k, 0.68), lerp(k, a, 0.10), lerp(k, a, 0.60), lerp(k, a, 0.93)};
    static const double width[6] = {38, 42, 36, 34, 31, 22};
    limb_path(c, line, width, 6);
    Rgb cloth = hex(0x2f7f86);
    fill_shaded(c, cloth, 17);
    /* a light stripe down the outer seam, folds at hip, knee and hem */
    for (int i = 0; i < 2; i++) {
        double off = s * (i ? 21.5 : 27);
        cairo_move_to(c, h.x + off * 1.15, h.y + 4);
        cairo_curve_to(c, lerp(h, k, 0.5).x + off * 1.15, lerp(h, k, 0.5).y, k.x + off * 0.95, k.y - 40, k.x + off * 0.9, k.y + 30);
        cairo_curve_to(c, k.x + off * 0.88, k.y + 70, a.x + off * 0.8, a.y - 70, a.x + off * 0.74, a.y - 26);
        ink(c, hex(0xffe3b8), 0.95);
        cairo_set_line_width(c, 3.2);
        cairo_stroke(c);
    }
    fold(c, k.x - s * 24, k.y - 14, s * 10, 9, k.x + s * 8, k.y - 4, 2.4, 0.28);
    fold(c, k.x - s * 22, k.y + 12, s * 12, 8, k.x + s * 4, k.y + 20, 2.4, 0.24);
    fold(c, h.x - s * 26, h.y + 36, s * 8, 14, h.x + s * 6, h.y + 62, 2.4, 0.24);
    fold(c, a.x - s * 20, a.y - 48, s * 12, 9, a.x + s * 12, a.y - 40, 2.2, 0.26);
    Point cuff[4] = {lerp(k, a, 0.90), lerp(k, a, 0.93), lerp(k, a, 0.98), lerp(k, a, 1.00)};
    static const double cuff_width[4] = {20, 22.5, 22, 19};
    limb_path(c, cuff, cuff_width, 4);
    fill_shaded(c, hex(0x235f6b), 8);
}

static void draw_hand(cairo_t *c, Point elbow, Point wrist, double s)
{
    double dx = wrist.x - elbow.x, dy = wrist.y - elbow.y, l = hypot(dx, dy);
    cairo_save(c);
    cairo_translate(c, wrist.x, wrist.y);
    cairo_rotate(c, atan2(dy / l, dx / l) - M_PI / 2);
    cairo_scale(c, s, 1);
    Rgb skin = hex(0xb9784f);
    static const struct { Point at[3]; double r; } finger[5] = {
        {{{-8, 16}, {-15, 27}, {-16, 36}}, 4.6},  /* thumb */
        {{{-7, 30}, {-8, 44}, {-7, 53}}, 4.6}, {{{-1, 32}, {-1, 48}, {0, 58}}, 4.8},
        {{{5, 31}, {6, 46}, {6, 54}}, 4.5}, {{{10, 27}, {12, 39}, {12, 46}}, 4.0}};
    Point palm[8] = {{-9, -8}, {-12, 8}, {-13, 22}, {-10, 36}, {2, 39}, {13, 33}, {13, 14}, {9, -8}};
    smooth_path(c, palm, 8);
    fill_shaded(c, skin, 6);
    for (int i = 0; i < 5; i++) {
        double r[3] = {finger[i].r, finger[i].r, finger[i].r * 0.85};
        limb_path(c, finger[i].at, r, 3);
        fill_shaded(c, skin, 3);
    }
    fold(c, 1.5, 40, 0, 2, 2.5, 50, 1.0, 0.3);
    fold(c, 7.6, 39, 0, 2, 9, 47, 1.0, 0.3);
    fold(c, -4.5, 39, 0, 2, -4, 48, 1.0, 0.3);
    cairo_restore(c);
}

static void draw_arm(cairo_t *c, const char *shoulder, const char *elbow, const char *wrist, double s)
{
    Point a = J(shoulder), b = J(elbow), d = J(wrist);
    draw_hand(c, b, d, s);
    Point fore[5] = {lerp(a, b, 0.92), lerp(b, d, 0.18), lerp(b, d, 0.5), lerp(b, d, 0.8), lerp(b, d, 0.97)};
    static const double fore_width[5] = {24, 26, 24, 21, 17};
    Rgb cloth = hex(0xf6b73c);
    Point arm[7] = {{a.x - s * 14, a.y - 1}, lerp(a, b, 0.16), lerp(a, b, 0.6), lerp(a, b, 0.95), lerp(b, d, 0.25), lerp(b, d, 0.62), lerp(b, d, 0.93)};
    static const double arm_width[7] = {20, 28, 28, 26.5, 26, 24.5, 18};
    limb_path(c, fore, fore_width, 5);
    fill_shaded(c, cloth, 11);
    limb_path(c, arm, arm_width, 7);
    fill_shaded(c, cloth, 14);
    fold(c, b.x - s * 20, b.y - 10, s * 10, 9, b.x + s * 6, b.y - 4, 2.4, 0.26);
    fold(c, b.x - s * 16, b.y + 12, s * 10, 7, b.x + s * 10, b.y + 14, 2.2, 0.24);
    fold(c, a.x - s * 6, a.y + 34, s * 10, 10, a.x + s * 18, a.y + 52, 2.2, 0.20);
    Point cuff[2] = {lerp(b, d, 0.90), lerp(b, d, 1.02)};
    static const double cuff_width[2] = {18, 14.5};
    limb_path(c, cuff, cuff_width, 2);
    fill_shaded(c, hex(0xe0563f), 7);
}

static void draw_trunk(cairo_t *c)
{
    Point body[16] = {{292, 272}, {262, 286}, {247, 312}, {249, 352}, {254, 400}, {252, 440}, {248, 478}, {260, 494}, {318, 499}, {376, 494},
                      {388, 478}, {384, 440}, {382, 400}, {388, 352}, {390, 312}, {346, 272}};
    smooth_path(c, body, 16);
    fill_shaded(c, hex(0xf6b73c), 18);
    cairo_save(c);
    smooth_path(c, body, 16);
    cairo_clip(c);
    static const unsigned stripe[3] = {0xe0563f, 0xfff0d0, 0x2f7f86};
    for (int i = 0; i < 3; i++) { /* three stripes over the breast */
        cairo_move_to(c, 220, 366 + i * 17);
        cairo_curve_to(c, 280, 374 + i * 17, 360, 374 + i * 17, 420, 366 + i * 17);
        ink(c, hex(stripe[i]), 0.96);
        cairo_set_line_width(c, 15);
        cairo_stroke(c);
    }
    cairo_rectangle(c, 236, 474, 170, 30);
    ink(c, hex(0xe0563f), 1);
    cairo_fill(c);
    for (int i = 0; i < 26; i++) fold(c, 248 + i * 5.6, 476, 0, 0, 248 + i * 5.6, 498, 1.0, 0.18);
    cairo_pattern_t *g = cairo_pattern_create_linear(240, 300, 400, 480);
    cairo_pattern_add_color_stop_rgba(g, 0, 1, 0.95, 0.8, 0.16);
    cairo_pattern_add_color_stop_rgba(g, 0.5, 0.3, 0.15, 0.35, 0);
    cairo_pattern_add_color_stop_rgba(g, 1, 0.16, 0.09, 0.28, 0.34);
    cairo_set_source(c, g);
    cairo_paint(c);
    cairo_pattern_destroy(g);
    cairo_restore(c);
    fold(c, 252, 342, 8, 12, 274, 350, 2.2, 0.20);
    fold(c, 386, 342, -8, 12, 364, 350, 2.2, 0.20);
    /* kangaroo pocket and zip */
    Point pocket[6] = {{286, 420}, {350, 420}, {366, 462}, {352, 470}, {284, 470}, {270, 462}};
    smooth_path(c, pocket, 6);
    ink(c, hex(0x8a4a1f), 0.16);
    cairo_fill(c);
    smooth_path(c, pocket, 6);
    ink(c, hex(0x8a4a1f), 0.45);
    cairo_set_line_width(c, 2);
    cairo_stroke(c);
}

static void draw_face(cairo_t *c)
{
    Rgb skin = hex(0xc98a5e), dark = hex(0x2b1a22);
    Point face[12] = {{288, 176}, {281, 204}, {284, 232}, {294, 254}, {308, 268}, {320, 271}, {332, 268}, {346, 254}, {356, 232}, {359, 204}, {352, 176}, {320, 158}};
    smooth_path(c, face, 12);
    fill_shaded(c, skin, 10);
    glow(c, 297, 236, 15, hex(0xf0705a), 0.30);
    glow(c, 343, 236, 15, hex(0xf0705a), 0.30);
    for (int k = 0; k < 2; k++) {
        double s = k ? 1 : -1, x = 320 + s * 18;
        cairo_save(c); /* eye */
        cairo_translate(c, x, 215);
        cairo_scale(c, 9.2, 6.4);
        cairo_arc(c, 0, 0, 1, 0, 2 * M_PI);
        cairo_restore(c);
        ink(c, hex(0xfffaf3), 1);
        cairo_fill(c);
        cairo_arc(c, x + 1, 215, 5.4, 0, 2 * M_PI);
        ink(c, hex(0x4a2a1a), 1);
        cairo_fill(c);
        cairo_arc(c, x + 1, 215, 2.8, 0, 2 * M_PI);
        ink(c, hex(0x140a10), 1);
        cairo_fill(c);
        cairo_arc(c, x - 1, 213, 1.5, 0, 2 * M_PI);
        ink(c, hex(0xffffff), 1);
        cairo_fill(c);
        cairo_move_to(c, x - s * 9, 213); /* lid with lashes */
        cairo_curve_to(c, x - s * 5, 206, x + s * 6, 206, x + s * 11, 212);
        ink(c, dark, 1);
        cairo_set_line_width(c, 2.8);
        cairo_stroke(c);
        cairo_move_to(c, x - s * 10, 202); /* brow */
        cairo_curve_to(c, x - s * 3, 196, x + s * 6, 196, x + s * 13, 201);
        cairo_set_line_width(c, 3.6);
        cairo_stroke(c);
    }
    fold(c, 320, 218, 5, 8, 319, 233, 2.0, 0.32);
    fold(c, 314, 236, 4, 3, 326, 236, 2.2, 0.38);
    Point mouth[6] = {{303, 247}, {311, 247}, {320, 248.5}, {330, 247}, {337, 247}, {320, 260}};
    smooth_path(c, mouth, 6);
    ink(c, hex(0x8c2f3a), 1);
    cairo_fill(c);
    Point teeth[4] = {{307, 247.6}, {320, 249.4}, {333, 247.6}, {320, 253.5}};
    smooth_path(c, teeth, 4);
    ink(c, hex(0xfffaf3), 1);
    cairo_fill(c);
}

static void draw_head(cairo_t *c)
{
    Rgb hair = hex(0x33202e);
    Point back[10] = {{320, 146}, {284, 156}, {270, 188}, {272, 226}, {284, 258}, {320, 262}, {356, 258}, {368, 226}, {370, 188}, {356, 156}};
    smooth_path(c, back, 10);
    fill_shaded(c, hair, 10);
    Point neck[6] = {{303, 250}, {302, 276}, {296, 292}, {344, 292}, {338, 276}, {337, 250}};
    smooth_path(c, neck, 6);
    fill_shaded(c, hex(0xb9784f), 8);
    fold(c, 304, 266, 12, 14, 336, 266, 5, 0.22);
    Point collar[8] = {{284, 274}, {298, 282}, {320, 290}, {342, 282}, {356, 274}, {360, 292}, {320, 312}, {280, 292}};
    smooth_path(c, collar, 8);
    fill_shaded(c, hex(0xe0563f), 8);
    draw_face(c);
    Point fringe[11] = {{280, 206}, {276, 178}, {288, 156}, {320, 143}, {352, 156}, {364, 178}, {360, 208}, {352, 190}, {338, 180}, {314, 188}, {290, 186}};
    smooth_path(c, fringe, 11);
    fill_shaded(c, hair, 8);
    for (int i = 0; i < 5; i++) {
        cairo_move_to(c, 296 + i * 9, 156 - (i == 2) * 2);
        cairo_curve_to(c, 290 + i * 9, 164, 290 + i * 10, 174, 292 + i * 11, 182);
        ink(c, hex(0x6b4a5c), 0.55);
        cairo_set_line_width(c, 1.6);
        cairo_stroke(c);
    }
    cairo_arc(c, 320, 140, 20, 0, 2 * M_PI); /* bun */
    fill_shaded(c, hair, 8);
    cairo_rectangle(c, 306, 153, 28, 6);
    ink(c, hex(0xe0563f), 1);
    cairo_fill(c);
    /* headphones */
    cairo_arc(c, 320, 205, 47, M_PI * 1.07, M_PI * 1.93);
    ink(c, hex(0xf4f0fa), 1);
    cairo_set_line_width(c, 8);
    cairo_stroke(c);
    for (int k = 0; k < 2; k++) {
        double s = k ? 1 : -1, x = 320 + s * 43;
        Point cup[6] = {{x - s * 7, 192}, {x + s * 8, 196}, {x + s * 11, 212}, {x + s * 8, 228}, {x - s * 7, 232}, {x - s * 9, 212}};
        smooth_path(c, cup, 6);
        fill_shaded(c, hex(0xff7f6b), 7);
        cairo_arc(c, x + s * 4, 212, 6, 0, 2 * M_PI);
        ink(c, hex(0xf4f0fa), 0.9);
        cairo_fill(c);
    }
}

static void draw_shadow(cairo_t *c)
{
    for (int i = 0; i < 8; i++) {
        cairo_save(c);
        cairo_translate(c, 322, 874);
        cairo_scale(c, 150 - i * 11, 22 - i * 1.5);
        glow(c, 0, 0, 1, hex(0x1d1238), 0.22);
        cairo_restore(c);
    }
}

static void draw_dancer(cairo_t *c)
{
    Point hips[8] = {{262, 462}, {248, 500}, {250, 540}, {286, 572}, {318, 566}, {350, 572}, {386, 540}, {374, 462}};
    smooth_path(c, hips, 8);
    ink(c, mix(hex(0x2f7f86), hex(0x2a1747), 0.22), 1);
    cairo_fill(c);
    draw_leg(c, "r_hip", "r_knee", "r_ankle", "r_toe", -1);
    draw_leg(c, "l_hip", "l_knee", "l_ankle", "l_toe", 1);
    draw_arm(c, "r_shoulder", "r_elbow", "r_wrist", -1);
    draw_arm(c, "l_shoulder", "l_elbow", "l_wrist", 1);
    draw_trunk(c);
    draw_head(c);
}

/* Fine grain, as of a photograph: flat colours alone are a poor test of a program that is meant for photographs. */
static void add_grain(cairo_surface_t *s)
{
    cairo_surface_flush(s);
    uint8_t *p = cairo_image_surface_get_data(s);
    int stride = cairo_image_surface_get_stride(s);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double n = (chance() + chance() + chance() - 1.5) * 3.2;
            for (int k = 0; k < 3; k++) {
                double v = p[y * stride + 4 * x + k] + n;
                p[y * stride + 4 * x + k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    cairo_surface_mark_dirty(s);
}

/* The dancer alone, white on black: what the joints file names as its mask. */
static bool write_mask(const char *path)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, W, H), *mask = cairo_image_surface_create(CAIRO_FORMAT_RGB24, W, H);
    cairo_t *c = cairo_create(s), *m = cairo_create(mask);
    draw_dancer(c);
    cairo_set_source_rgb(m, 1, 1, 1);
    cairo_mask_surface(m, s, 0, 0);
    bool ok = cairo_surface_write_to_png(mask, path) == CAIRO_STATUS_SUCCESS;
    cairo_destroy(c);
    cairo_destroy(m);
    cairo_surface_destroy(s);
    cairo_surface_destroy(mask);
    return ok;
}

static bool write_joints(const char *path, const char *mask)
{
    const char *slash = strrchr(mask, '/');
    FILE *f = fopen(path, "w");
    if (!f) return false;
    fprintf(f, "{\n  \"width\": %d,\n  \"height\": %d,\n  \"joints\": {\n", W, H);
    for (int i = 0; i < JOINTS; i++)
        fprintf(f, "    \"%s\": [%g, %g]%s\n", joints[i].name, joints[i].at.x, joints[i].at.y, i < JOINTS - 1 ? "," : "");
    fprintf(f, "  },\n  \"mask\": \"%s\"\n}\n", slash ? slash + 1 : mask);
    return fclose(f) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: draw_demo PICTURE.png JOINTS.json MASK.png\n");
        return 2;
    }
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, W, H);
    cairo_t *c = cairo_create(s);
    draw_sky(c);
    draw_row_of_houses(c, 640, 130, 250, hex(0x6b4f8a), hex(0xffd98c), 0.20);
    draw_row_of_houses(c, 640, 60, 150, hex(0x4a3a70), hex(0xffe3a8), 0.34);
    draw_terrace(c);
    draw_lamps(c);
    draw_things(c);
    draw_shadow(c);
    draw_dancer(c);
    add_grain(s);
    bool ok = cairo_surface_write_to_png(s, argv[1]) == CAIRO_STATUS_SUCCESS && write_joints(argv[2], argv[3]) && write_mask(argv[3]);
    cairo_destroy(c);
    cairo_surface_destroy(s);
    if (!ok) fprintf(stderr, "draw_demo: cannot write %s, %s or %s\n", argv[1], argv[2], argv[3]);
    return ok ? 0 : 1;
}
