/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture of a beat grid: rows of the song one under another, each with the waveform (the range of the samples in
 * each pixel column), the onset strength below it, beats as thin lines and downbeats as strong lines with the bar's
 * number.
 */
#include "media/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1600, LEFT = 56, RIGHT = 24, HEAD = 74, WAVE = 90, ONSET = 44, ROW = WAVE + ONSET + 46, MOST_ROWS = 80 };

static const Colour wave_colour = {0.62, 0.68, 0.76}, beat_colour = {0.00, 0.45, 0.70},
                    down_colour = {0.84, 0.16, 0.16}, onset_colour = {0.90, 0.62, 0.00};

typedef struct Row {
    double from, to; /* seconds */
    double top;      /* pixels */
} Row;

static double px_of(const Row *r, double t)
{
    return LEFT + (t - r->from) / (r->to - r->from) * (WIDTH - LEFT - RIGHT);
}

static double choose_row_seconds(const BeatPlot *p, double length)
{
    double seconds = p->row_seconds > 0 ? p->row_seconds : 20;
    if (p->row_seconds <= 0 && p->tempo > 0)
        seconds = CLAMP(100 * 60 / p->tempo, 5, 30); /* beats at least 15 pixels apart */
    if (length < seconds)
        seconds = MAX(length, 0.1);
    return MAX(seconds, length / MOST_ROWS);
}

static float loudest(const BeatPlot *p)
{
    float most = 1e-9f;
    for (int64_t i = 0; i < p->frames; i++)
        most = MAX(most, fabsf(p->samples[i]));
    return most;
}

static void draw_wave(cairo_t *c, const BeatPlot *p, const Row *r, float scale)
{
    double middle = r->top + WAVE / 2.0;
    plot_set_colour(c, wave_colour, 1);
    cairo_set_line_width(c, 1);
    for (int px = LEFT; px < WIDTH - RIGHT; px++) {
        double seconds = (r->to - r->from) / (WIDTH - LEFT - RIGHT), t = r->from + (px - LEFT) * seconds;
        int64_t from = (int64_t)(t * p->rate), to = MIN((int64_t)((t + seconds) * p->rate) + 1, p->frames);
        float lo = INFINITY, hi = -INFINITY;
        for (int64_t i = MAX(from, 0); i < to; i++) {
            lo = MIN(lo, p->samples[i]);
            hi = MAX(hi, p->samples[i]);
        }
        if (lo > hi)
            continue;
        cairo_move_to(c, px + 0.5, middle - hi / scale * WAVE * 0.48 - 0.5);
        cairo_line_to(c, px + 0.5, middle - lo / scale * WAVE * 0.48 + 0.5);
    }
    cairo_stroke(c);
}

/* The strongest value of each pixel column, as a filled curve. */
static void draw_onset(cairo_t *c, const BeatPlot *p, const Row *r, float most)
{
    double bottom = r->top + WAVE + ONSET, seconds = (r->to - r->from) / (WIDTH - LEFT - RIGHT);
    double end = MIN(r->to, (double)p->n_onset / p->onset_rate);
    cairo_move_to(c, px_of(r, r->from), bottom);
    for (double t = r->from; t < end; t += seconds) {
        int64_t from = (int64_t)(t * p->onset_rate), to = MAX((int64_t)((t + seconds) * p->onset_rate), from + 1);
        float value = 0;
        for (int64_t i = MAX(from, 0); i < MIN(to, p->n_onset); i++)
            value = MAX(value, p->onset[i]);
        cairo_line_to(c, px_of(r, t), bottom - CLAMP(value / most, 0, 1) * (ONSET - 4));
    }
    cairo_line_to(c, px_of(r, MAX(end, r->from)), bottom);
    cairo_close_path(c);
    plot_set_colour(c, onset_colour, 0.35);
    cairo_fill_preserve(c);
    plot_set_colour(c, onset_colour, 1);
    cairo_set_line_width(c, 1);
    cairo_stroke(c);
}

static void draw_beats(cairo_t *c, const BeatPlot *p, const Row *r)
{
    int bar = 0;
    double last_number = -100;
    for (int i = 0; i < p->n_beats; i++) {
        bool down = p->beat_in_bar && p->beat_in_bar[i] == 1;
        bar += down;
        if (p->beats[i] < r->from || p->beats[i] >= r->to)
            continue;
        double px = px_of(r, p->beats[i]);
        plot_set_colour(c, down ? down_colour : beat_colour, down ? 1 : 0.8);
        cairo_set_line_width(c, down ? 2 : 1);
        cairo_move_to(c, px, r->top + (down ? 0 : 6));
        cairo_line_to(c, px, r->top + WAVE + ONSET);
        cairo_stroke(c);
        if (down && px - last_number > 26) {
            char number[20];
            snprintf(number, sizeof number, "%d", bar);
            plot_text(c, px, r->top - 4, 11, true, ANCHOR_CENTRE, number);
            last_number = px;
        }
    }
}

static void draw_time(cairo_t *c, const Row *r)
{
    double bottom = r->top + WAVE + ONSET, step = plot_tick_step(r->to - r->from, 15);
    cairo_set_source_rgb(c, 0.55, 0.55, 0.55);
    cairo_set_line_width(c, 1);
    cairo_move_to(c, LEFT, bottom + 0.5);
    cairo_line_to(c, WIDTH - RIGHT, bottom + 0.5);
    cairo_stroke(c);
    for (double k = ceil(r->from / step - 1e-9); k * step < r->to - 1e-9; k++) {
        double t = k * step, px = px_of(r, t);
        char text[40];
        int minutes = (int)(t / 60 + 1e-9), digits = step < 1 ? 1 : 0;
        snprintf(text, sizeof text, "%d:%0*.*f", minutes, digits ? 4 : 2, digits, fabs(t - minutes * 60.0));
        cairo_set_source_rgb(c, 0.55, 0.55, 0.55);
        cairo_move_to(c, px, bottom);
        cairo_line_to(c, px, bottom + 5);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
        plot_text(c, px, bottom + 18, 11, false, ANCHOR_CENTRE, text);
    }
}

static double legend_entry(cairo_t *c, double x, Colour colour, double width, const char *name)
{
    plot_set_colour(c, colour, 1);
    cairo_set_line_width(c, width);
    cairo_move_to(c, x, 48);
    cairo_line_to(c, x + 20, 48);
    cairo_stroke(c);
    cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
    plot_text(c, x + 26, 52, 12, false, ANCHOR_LEFT, name);
    return x + 26 + plot_text_width(c, 12, false, name) + 24;
}

static void draw_head(cairo_t *c, const BeatPlot *p, double length)
{
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    if (p->title)
        plot_text(c, LEFT, 28, 17, true, ANCHOR_LEFT, p->title);
    char facts[200];
    int at = snprintf(facts, sizeof facts, "%d:%04.1f", (int)(length / 60), fmod(length, 60));
    at += snprintf(facts + at, sizeof facts - (size_t)at, "   %d beats", p->n_beats);
    if (p->tempo > 0)
        snprintf(facts + at, sizeof facts - (size_t)at, "   %.1f beats per minute", p->tempo);
    plot_text(c, WIDTH - RIGHT, 28, 14, false, ANCHOR_RIGHT, facts);
    double x = legend_entry(c, LEFT, wave_colour, 8, "waveform");
    if (p->onset)
        x = legend_entry(c, x, onset_colour, 4, "onset strength");
    x = legend_entry(c, x, beat_colour, 1.5, "beat");
    if (p->beat_in_bar)
        legend_entry(c, x, down_colour, 2.5, "downbeat, with the number of its bar");
}

bool plot_beats(const BeatPlot *p, Picture *out, Err *e)
{
    *out = (Picture){0};
    if (p->frames < 1 || !(p->rate > 0) || (p->onset && !(p->onset_rate > 0)))
        return err_set(e, "a beat plot of %lld samples at %g Hz", (long long)p->frames, p->rate);
    double length = (double)p->frames / p->rate, seconds = choose_row_seconds(p, length);
    int rows = MAX((int)ceil(length / seconds - 1e-6), 1);
    cairo_t *c = plot_begin(WIDTH, HEAD + rows * ROW, e);
    if (!c)
        return false;
    draw_head(c, p, length);
    float scale = loudest(p), most = 1e-9f;
    for (int64_t i = 0; p->onset && i < p->n_onset; i++)
        most = MAX(most, p->onset[i]);
    for (int i = 0; i < rows; i++) {
        Row r = {i * seconds, (i + 1) * seconds, HEAD + 10 + i * ROW};
        draw_wave(c, p, &r, scale);
        if (p->onset)
            draw_onset(c, p, &r, most);
        draw_beats(c, p, &r);
        draw_time(c, &r);
    }
    return plot_end(c, out, e);
}
