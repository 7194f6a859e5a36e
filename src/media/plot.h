/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to media: what both kinds of plot share. One look: white ground, grey grid, DejaVu/any sans text, colours
 * that people with colour-blind eyes can tell apart (Okabe and Ito, "Color universal design", 2008).
 */
#ifndef JIG_MEDIA_PLOT_H
#define JIG_MEDIA_PLOT_H

#include "media/media.h"

#include <cairo.h>

typedef struct Colour {
    double r, g, b;
} Colour;
typedef enum Anchor { ANCHOR_LEFT, ANCHOR_CENTRE, ANCHOR_RIGHT } Anchor;

Colour plot_colour(int i); /* of series i */
void plot_set_colour(cairo_t *c, Colour colour, double alpha);
/* y is the baseline. */
void plot_text(cairo_t *c, double x, double y, double size, bool bold, Anchor anchor, const char *text);
double plot_text_width(cairo_t *c, double size, bool bold, const char *text);
/* The step of about `count` ticks over a range: 1, 2 or 5 times a power of ten. */
double plot_tick_step(double range, int count);

/* A white drawing of w x h; NULL on error. plot_end hands it out as an opaque picture and frees both. */
cairo_t *plot_begin(int w, int h, Err *e);
bool plot_end(cairo_t *c, Picture *out, Err *e);

#endif
