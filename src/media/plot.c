/* SPDX-License-Identifier: Apache-2.0
 *
 * What the plots share: the canvas, colours, text, and where ticks stand.
 */
#include "media/plot.h"

#include <math.h>

Colour plot_colour(int i)
{
    static const Colour colours[] = {{0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.00, 0.62, 0.45}, {0.80, 0.47, 0.65},
                                     {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}, {0.25, 0.25, 0.25}};
    return colours[i % (int)ARRAY_LEN(colours)];
}

void plot_set_colour(cairo_t *c, Colour colour, double alpha)
{
    cairo_set_source_rgba(c, colour.r, colour.g, colour.b, alpha);
}

static void set_font(cairo_t *c, double size, bool bold)
{
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c, size);
}

double plot_text_width(cairo_t *c, double size, bool bold, const char *text)
{
    cairo_text_extents_t box;
    set_font(c, size, bold);
    cairo_text_extents(c, text, &box);
    return box.x_advance;
}

void plot_text(cairo_t *c, double x, double y, double size, bool bold, Anchor anchor, const char *text)
{
    double w = plot_text_width(c, size, bold, text);
    cairo_move_to(c, anchor == ANCHOR_LEFT ? x : anchor == ANCHOR_CENTRE ? x - w / 2 : x - w, y);
    cairo_show_text(c, text);
    cairo_new_path(c);
}

double plot_tick_step(double range, int count)
{
    double rough = range / MAX(count, 1), power = pow(10, floor(log10(rough))), lead = rough / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

cairo_t *plot_begin(int w, int h, Err *e)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *c = cairo_create(surface);
    cairo_surface_destroy(surface); /* the context holds it */
    if (cairo_status(c) != CAIRO_STATUS_SUCCESS) {
        err_set(e, "cannot draw a plot of %d x %d: %s", w, h, cairo_status_to_string(cairo_status(c)));
        cairo_destroy(c);
        return NULL;
    }
    cairo_set_source_rgb(c, 1, 1, 1);
    cairo_paint(c);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    return c;
}

bool plot_end(cairo_t *c, Picture *out, Err *e)
{
    cairo_surface_t *surface = cairo_get_target(c);
    cairo_surface_flush(surface);
    int w = cairo_image_surface_get_width(surface), h = cairo_image_surface_get_height(surface);
    cairo_status_t status = cairo_status(c);
    bool ok = status == CAIRO_STATUS_SUCCESS || err_set(e, "cannot draw a plot: %s", cairo_status_to_string(status));
    ok = ok && picture_init(out, w, h, e);
    for (int y = 0; ok && y < h; y++) {
        const uint32_t *from = (const uint32_t *)(cairo_image_surface_get_data(surface) +
                                                  (size_t)y * (size_t)cairo_image_surface_get_stride(surface));
        uint8_t *to = out->rgba + (size_t)y * (size_t)w * 4;
        for (int x = 0; x < w; x++, to += 4) { /* 0xXXRRGGBB in the machine's order */
            to[0] = (uint8_t)(from[x] >> 16);
            to[1] = (uint8_t)(from[x] >> 8);
            to[2] = (uint8_t)from[x];
            to[3] = 255;
        }
    }
    cairo_destroy(c);
    return ok;
}
