/* SPDX-License-Identifier: Apache-2.0
 *
 * Line plots: named series over shared axes, linear or logarithmic upwards. Ticks stand at 1, 2 or 5 times powers of
 * ten. Long series are drawn as the range of each pixel column, so that a million points cost no more than the picture
 * is wide and no peak is lost.
 */
#include "media/plot.h"

#include <math.h>
#include <string.h>

typedef struct Axes {
    double x0, x1, y0, y1;           /* data range; y in powers of ten when log_y */
    double left, top, right, bottom; /* pixels */
    bool log_y;
} Axes;

static double x_of(const PlotSeries *s, int i)
{
    return s->x ? s->x[i] : i;
}

/* y on the axis' own scale; not finite where nothing can be drawn. */
static double y_of(const Axes *a, const PlotSeries *s, int i)
{
    return a->log_y ? (s->y[i] > 0 ? log10(s->y[i]) : NAN) : s->y[i];
}

static double to_px(const Axes *a, double x)
{
    return a->left + (x - a->x0) / (a->x1 - a->x0) * (a->right - a->left);
}

static double to_py(const Axes *a, double y)
{
    return a->bottom - (y - a->y0) / (a->y1 - a->y0) * (a->bottom - a->top);
}

static void widen(double *lo, double *hi, double share)
{
    if (!(*lo <= *hi)) { /* nothing to draw */
        *lo = 0;
        *hi = 1;
    }
    double range = *hi - *lo, more = range > 0 ? range * share : MAX(fabs(*lo) * 0.1, 0.5);
    *lo -= more;
    *hi += more;
}

static void find_ranges(Axes *a, const PlotSeries *series, int n)
{
    a->x0 = a->y0 = INFINITY;
    a->x1 = a->y1 = -INFINITY;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < series[k].n; i++) {
            double x = x_of(&series[k], i), y = y_of(a, &series[k], i);
            if (!isfinite(x) || !isfinite(y))
                continue;
            a->x0 = MIN(a->x0, x), a->x1 = MAX(a->x1, x);
            a->y0 = MIN(a->y0, y), a->y1 = MAX(a->y1, y);
        }
    bool from_zero = !a->log_y && a->y0 >= 0 && a->y0 < 0.4 * a->y1; /* show zero when it is near */
    widen(&a->x0, &a->x1, 0);
    widen(&a->y0, &a->y1, 0.05);
    if (from_zero)
        a->y0 = 0;
}

static void grid_line(cairo_t *c, double x0, double y0, double x1, double y1, double grey)
{
    cairo_set_source_rgb(c, grey, grey, grey);
    cairo_set_line_width(c, 1);
    cairo_move_to(c, floor(x0) + 0.5, floor(y0) + 0.5);
    cairo_line_to(c, floor(x1) + 0.5, floor(y1) + 0.5);
    cairo_stroke(c);
}

static void label(cairo_t *c, double x, double y, Anchor anchor, const char *text)
{
    cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
    plot_text(c, x, y, 12, false, anchor, text);
}

/* As few digits as tell neighbouring ticks apart: 0.02, 1500, 20k, 3M, 1e-06. */
static void tick_text(char *out, size_t size, double v, double step)
{
    double largest = MAX(fabs(v), step);
    int digits = (int)MAX(0, -floor(log10(step) + 1e-9));
    if (fabs(v) < step * 1e-6)
        snprintf(out, size, "0");
    else if (largest >= 1e6 && fmod(v, 1e5) == 0 && largest < 1e9)
        snprintf(out, size, "%.3gM", v / 1e6);
    else if (largest >= 1e4 && fmod(v, 100) == 0 && largest < 1e6)
        snprintf(out, size, "%.4gk", v / 1e3);
    else if (largest >= 1e6 || step < 1e-4)
        snprintf(out, size, "%g", v);
    else
        snprintf(out, size, "%.*f", digits, v);
}

static void x_ticks(cairo_t *c, const Axes *a)
{
    double step = plot_tick_step(a->x1 - a->x0, (int)((a->right - a->left) / 90));
    for (double k = ceil(a->x0 / step - 1e-9); k * step <= a->x1 + step * 1e-9; k++) {
        char text[40];
        double px = to_px(a, k * step);
        tick_text(text, sizeof text, k * step, step);
        grid_line(c, px, a->top, px, a->bottom, 0.91);
        label(c, px, a->bottom + 17, ANCHOR_CENTRE, text);
    }
}

/* Powers of ten, and 2 and 5 between them where there is room; linear ticks when the axis spans less than that. */
static void y_ticks(cairo_t *c, const Axes *a, bool draw, double *widest)
{
    double range = a->y1 - a->y0, height = a->bottom - a->top;
    bool decades = a->log_y && range >= 0.7;
    double step = decades ? MAX(1, ceil(range / (height / 30)))
                          : plot_tick_step(a->log_y ? pow(10, a->y1) - pow(10, a->y0) : range, (int)(height / 50));
    static const double leads[] = {1, 2, 5};
    double lo = a->log_y && !decades ? pow(10, a->y0) : a->y0, hi = a->log_y && !decades ? pow(10, a->y1) : a->y1;
    bool between = decades && height / range > 90;
    for (double k = decades ? floor(lo / step) : ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; k++)
        for (int m = 0; m < (between ? 3 : 1); m++) {
            double at = decades ? k * step + log10(leads[m]) : a->log_y ? log10(k * step) : k * step;
            if (at < a->y0 - range * 1e-9 || at > a->y1 + range * 1e-9)
                continue;
            char text[40];
            double value = decades ? leads[m] * pow(10, k * step) : k * step;
            if (decades)
                snprintf(text, sizeof text, "%.6g", value);
            else
                tick_text(text, sizeof text, value, step);
            *widest = MAX(*widest, plot_text_width(c, 12, false, text));
            if (!draw)
                continue;
            grid_line(c, a->left, to_py(a, at), a->right, to_py(a, at), m ? 0.95 : 0.91);
            label(c, a->left - 7, to_py(a, at) + 4, ANCHOR_RIGHT, text);
        }
}

/* Points closer than a pixel column are drawn as first, lowest, highest and last of their column. */
static void draw_series(cairo_t *c, const Axes *a, const PlotSeries *s, Colour colour)
{
    plot_set_colour(c, colour, 1);
    cairo_set_line_width(c, 1.8);
    bool pen_down = false;
    int points = 0;
    for (int i = 0; i < s->n;) {
        double x = x_of(s, i), y = y_of(a, s, i);
        if (!isfinite(x) || !isfinite(y)) {
            pen_down = false;
            i++;
            continue;
        }
        double px = to_px(a, x), lowest = y, highest = y, last = y;
        int count = 0;
        for (; i < s->n; i++, count++) {
            double next_x = x_of(s, i), next_y = y_of(a, s, i);
            if (!isfinite(next_x) || !isfinite(next_y) || fabs(to_px(a, next_x) - px) >= 0.5)
                break;
            lowest = MIN(lowest, next_y);
            highest = MAX(highest, next_y);
            last = next_y;
        }
        if (!pen_down)
            cairo_move_to(c, px, to_py(a, y));
        cairo_line_to(c, px, to_py(a, y));
        if (count > 1) {
            cairo_line_to(c, px, to_py(a, lowest));
            cairo_line_to(c, px, to_py(a, highest));
            cairo_line_to(c, px, to_py(a, last));
        }
        pen_down = true;
        points++;
    }
    cairo_stroke(c);
    for (int i = 0; points <= 40 && i < s->n; i++) { /* few points: show where they are */
        double x = x_of(s, i), y = y_of(a, s, i);
        if (!isfinite(x) || !isfinite(y))
            continue;
        cairo_arc(c, to_px(a, x), to_py(a, y), 3, 0, 2 * M_PI);
        cairo_fill(c);
    }
}

/* One line above the plot; names that do not fit go to the next. Draws when `draw`; returns the height it takes. */
static double legend(cairo_t *c, const Axes *a, const PlotSeries *series, int n, double top, bool draw)
{
    double x = a->left, y = top + 12;
    if (n == 1 && !series[0].name)
        return 0;
    for (int k = 0; k < n; k++) {
        const char *name = series[k].name ? series[k].name : "";
        double w = 26 + plot_text_width(c, 12, false, name) + 22;
        if (x + w > a->right + 22 && x > a->left) {
            x = a->left;
            y += 18;
        }
        if (draw) {
            plot_set_colour(c, plot_colour(k), 1);
            cairo_set_line_width(c, 3);
            cairo_move_to(c, x, y - 4);
            cairo_line_to(c, x + 20, y - 4);
            cairo_stroke(c);
            label(c, x + 26, y, ANCHOR_LEFT, name);
        }
        x += w;
    }
    return y - top + 8;
}

static void y_label(cairo_t *c, const Axes *a, const char *text)
{
    cairo_save(c);
    cairo_translate(c, 18, (a->top + a->bottom) / 2);
    cairo_rotate(c, -M_PI / 2);
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    plot_text(c, 0, 0, 13, false, ANCHOR_CENTRE, text);
    cairo_restore(c);
}

bool plot_lines(const PlotSeries *series, int n, const PlotOptions *o, Picture *out, Err *e)
{
    *out = (Picture){0};
    int w = o->w ? o->w : 960, h = o->h ? o->h : 540;
    if (w < 200 || h < 150 || w > 8192 || h > 8192)
        return err_set(e, "a plot of %d x %d; allowed are 200 x 150 to 8192 x 8192", w, h);
    cairo_t *c = plot_begin(w, h, e);
    if (!c)
        return false;
    Axes a = {.right = w - 24, .bottom = h - (o->x_label ? 54 : 34), .log_y = o->log_y};
    find_ranges(&a, series, n);
    double widest = 0, title = o->title ? 36 : 12;
    a.top = title + 30; /* near enough for choosing ticks; the legend settles it */
    y_ticks(c, &a, false, &widest);
    a.left = ceil(widest) + (o->y_label ? 42 : 18);
    a.top = title + legend(c, &a, series, n, title, false);

    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    if (o->title)
        plot_text(c, (a.left + a.right) / 2, 25, 16, true, ANCHOR_CENTRE, o->title);
    x_ticks(c, &a);
    y_ticks(c, &a, true, &widest);
    legend(c, &a, series, n, title, true);
    cairo_save(c);
    cairo_rectangle(c, a.left - 4, a.top - 4, a.right - a.left + 8, a.bottom - a.top + 8);
    cairo_clip(c);
    for (int k = 0; k < n; k++)
        draw_series(c, &a, &series[k], plot_colour(k));
    cairo_restore(c);
    grid_line(c, a.left, a.bottom, a.right, a.bottom, 0.4);
    grid_line(c, a.left, a.top, a.left, a.bottom, 0.4);
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    if (o->x_label)
        plot_text(c, (a.left + a.right) / 2, h - 14, 13, false, ANCHOR_CENTRE, o->x_label);
    if (o->y_label)
        y_label(c, &a, o->y_label);
    return plot_end(c, out, e);
}
