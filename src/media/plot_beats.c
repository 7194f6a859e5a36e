/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture of a beat grid. On top the whole song at a glance: its parts as coloured bands, the waveform, the energy of
 * each bar as a column and the tempo as a curve. Below it rows of the song one under another, each with the waveform (the
 * range of the samples in each pixel column), the onset strength below it, beats as thin lines and downbeats as strong
 * lines with the bar's number, on the colour of the part they belong to.
 */
#include "media/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 1600, LEFT = 56, RIGHT = 64, HEAD = 74, WAVE = 90, ONSET = 44, ROW = WAVE + ONSET + 46, MOST_ROWS = 80,
    BAND = 24, SMALL_WAVE = 70, CURVES = 96, OVERVIEW = BAND + SMALL_WAVE + CURVES + 62 /* with time axis and a gap */
};

static const Colour wave_colour = {0.62, 0.68, 0.76}, beat_colour = {0.00, 0.45, 0.70},
                    down_colour = {0.84, 0.16, 0.16}, onset_colour = {0.90, 0.62, 0.00},
                    energy_colour = {0.35, 0.70, 0.55}, tempo_colour = {0.35, 0.20, 0.55};

/* Tints of parts: light enough to write on, far enough apart to be told from each other. */
static Colour part_colour(int letter)
{
    static const Colour tints[] = {{0.98, 0.80, 0.62}, {0.68, 0.83, 0.95}, {0.74, 0.90, 0.68}, {0.93, 0.72, 0.85},
                                   {0.96, 0.91, 0.58}, {0.80, 0.76, 0.94}, {0.64, 0.89, 0.87}, {0.86, 0.82, 0.76}};
    return tints[letter % (int)ARRAY_LEN(tints)];
}

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

/* The waveform, `height` pixels high, from `top` on. */
static void draw_wave(cairo_t *c, const BeatPlot *p, const Row *r, double top, double height, float scale)
{
    double middle = top + height / 2.0;
    plot_set_colour(c, wave_colour, 1);
    cairo_set_line_width(c, 1);
    for (int px = LEFT; px < WIDTH - RIGHT; px++) {
        double seconds = (r->to - r->from) / (WIDTH - LEFT - RIGHT), t = r->from - p->start + (px - LEFT) * seconds;
        int64_t from = (int64_t)(t * p->rate), to = MIN((int64_t)((t + seconds) * p->rate) + 1, p->frames);
        float lo = INFINITY, hi = -INFINITY;
        for (int64_t i = MAX(from, 0); i < to; i++) {
            lo = MIN(lo, p->samples[i]);
            hi = MAX(hi, p->samples[i]);
        }
        if (lo > hi)
            continue;
        cairo_move_to(c, px + 0.5, middle - hi / scale * height * 0.48 - 0.5);
        cairo_line_to(c, px + 0.5, middle - lo / scale * height * 0.48 + 0.5);
    }
    cairo_stroke(c);
}

/* The strongest value of each pixel column, as a filled curve. */
static void draw_onset(cairo_t *c, const BeatPlot *p, const Row *r, float most)
{
    double bottom = r->top + WAVE + ONSET, seconds = (r->to - r->from) / (WIDTH - LEFT - RIGHT);
    double end = MIN(r->to, p->start + (double)p->n_onset / p->onset_rate);
    cairo_move_to(c, px_of(r, r->from), bottom);
    for (double t = r->from; t < end; t += seconds) {
        int64_t from = (int64_t)((t - p->start) * p->onset_rate);
        int64_t to = MAX((int64_t)((t - p->start + seconds) * p->onset_rate), from + 1);
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
    int bar = MAX(p->first_bar, 1) - 1;
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

static void draw_time(cairo_t *c, const Row *r, double bottom)
{
    double step = plot_tick_step(r->to - r->from, 15);
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
        x = legend_entry(c, x, down_colour, 2.5, "downbeat, with the number of its bar");
    if (p->n_bars) {
        x = legend_entry(c, x, energy_colour, 8, "energy of a bar");
        legend_entry(c, x, tempo_colour, 2, "tempo");
    }
}

/* ---- the whole song at a glance --------------------------------------------------------------------------------- */

static void fill_box(cairo_t *c, double x, double y, double w, double h, Colour colour, double alpha)
{
    plot_set_colour(c, colour, alpha);
    cairo_rectangle(c, x, y, w, h);
    cairo_fill(c);
}

/* Each part's band, with its label where that fits, and its tint down to `bottom`. */
static void draw_parts(cairo_t *c, const BeatPlot *p, const Row *r, double top, double height, double bottom)
{
    for (int i = 0; i < p->n_parts; i++) {
        const PlotPart *part = &p->parts[i];
        if (part->to <= r->from || part->from >= r->to)
            continue;
        double x = px_of(r, MAX(part->from, r->from)), w = px_of(r, MIN(part->to, r->to)) - x;
        fill_box(c, x, top + height, w, bottom - top - height, part_colour(part->letter), 0.22);
        if (height <= 0)
            continue;
        fill_box(c, x + 0.5, top, w - 1, height, part_colour(part->letter), 1);
        const char *label = part->label;
        char letter[8];
        snprintf(letter, sizeof letter, "%.*s", (int)strcspn(label, " "), label);
        cairo_set_source_rgb(c, 0.15, 0.15, 0.15);
        if (plot_text_width(c, 12, true, label) > w - 6)
            label = letter;
        if (plot_text_width(c, 12, true, label) <= w - 2)
            plot_text(c, x + w / 2, top + height - 8, 12, true, ANCHOR_CENTRE, label);
    }
}

/* The range of tempi that are shown: what occurs, at least 10 % of the median wide. */
static void tempo_range(const BeatPlot *p, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = 0;
    for (int i = 0; i < p->n_bars; i++)
        if (p->bars[i].tempo > 0) {
            *lo = MIN(*lo, p->bars[i].tempo);
            *hi = MAX(*hi, p->bars[i].tempo);
        }
    double middle = (*lo + *hi) / 2, half = MAX((*hi - *lo) * 0.6, middle * 0.05);
    *lo = middle - half;
    *hi = middle + half;
}

static void draw_energy(cairo_t *c, const BeatPlot *p, const Row *r, double top)
{
    for (int i = 0; i < p->n_bars; i++) {
        double x = px_of(r, MAX(p->bars[i].from, r->from)), to = px_of(r, MIN(p->bars[i].to, r->to));
        double h = CLAMP(p->bars[i].energy, 0, 1) * (CURVES - 8);
        if (to > x)
            fill_box(c, x + 0.5, top + CURVES - h, MAX(to - x - 1, 0.5), h, energy_colour, 0.55);
    }
}

static void draw_tempo(cairo_t *c, const BeatPlot *p, const Row *r, double top)
{
    double lo, hi, last = 0;
    tempo_range(p, &lo, &hi);
    if (!(hi > 0))
        return;
    plot_set_colour(c, tempo_colour, 1);
    cairo_set_line_width(c, 2);
    for (int i = 0; i < p->n_bars; i++) {
        const PlotBar *b = &p->bars[i];
        if (!(b->tempo > 0) || b->to <= r->from || b->from >= r->to)
            continue;
        double x = px_of(r, (MAX(b->from, r->from) + MIN(b->to, r->to)) / 2);
        double y = top + CURVES - (b->tempo - lo) / (hi - lo) * CURVES;
        if (last > 0)
            cairo_line_to(c, x, y);
        else
            cairo_move_to(c, x, y);
        last = b->tempo;
    }
    cairo_stroke(c);
    double step = plot_tick_step(hi - lo, 4);
    for (double t = ceil(lo / step) * step; t <= hi; t += step) {
        char text[24];
        double y = top + CURVES - (t - lo) / (hi - lo) * CURVES;
        snprintf(text, sizeof text, "%g", t);
        plot_set_colour(c, tempo_colour, 0.25);
        cairo_set_line_width(c, 1);
        cairo_move_to(c, LEFT, floor(y) + 0.5);
        cairo_line_to(c, WIDTH - RIGHT, floor(y) + 0.5);
        cairo_stroke(c);
        plot_set_colour(c, tempo_colour, 1);
        plot_text(c, WIDTH - RIGHT + 6, y + 4, 11, false, ANCHOR_LEFT, text);
    }
    plot_text(c, WIDTH - RIGHT + 6, top - 6, 11, false, ANCHOR_LEFT, "bpm");
}

static void draw_overview(cairo_t *c, const BeatPlot *p, double length, float scale)
{
    Row r = {p->start, p->start + length, HEAD};
    double wave = HEAD + BAND + 6, curves = wave + SMALL_WAVE + 8;
    draw_parts(c, p, &r, HEAD, p->n_parts ? BAND : 0, curves + CURVES);
    draw_wave(c, p, &r, wave, SMALL_WAVE, scale);
    draw_energy(c, p, &r, curves);
    draw_tempo(c, p, &r, curves);
    draw_time(c, &r, curves + CURVES);
}

bool plot_beats(const BeatPlot *p, Picture *out, Err *e)
{
    *out = (Picture){0};
    if (p->frames < 1 || !(p->rate > 0) || (p->onset && !(p->onset_rate > 0)))
        return err_set(e, "a beat plot of %lld samples at %g Hz", (long long)p->frames, p->rate);
    double length = (double)p->frames / p->rate, seconds = choose_row_seconds(p, length);
    int rows = MAX((int)ceil(length / seconds - 1e-6), 1), overview = p->n_bars || p->n_parts ? OVERVIEW : 0;
    cairo_t *c = plot_begin(WIDTH, HEAD + overview + rows * ROW, e);
    if (!c)
        return false;
    draw_head(c, p, length);
    float scale = loudest(p), most = 1e-9f;
    for (int64_t i = 0; p->onset && i < p->n_onset; i++)
        most = MAX(most, p->onset[i]);
    if (overview)
        draw_overview(c, p, length, scale);
    for (int i = 0; i < rows; i++) {
        Row r = {p->start + i * seconds, p->start + (i + 1) * seconds, HEAD + overview + 10 + i * ROW};
        draw_parts(c, p, &r, r.top, 0, r.top + WAVE + ONSET);
        draw_wave(c, p, &r, r.top, WAVE, scale);
        if (p->onset)
            draw_onset(c, p, &r, most);
        draw_beats(c, p, &r);
        draw_time(c, &r, r.top + WAVE + ONSET);
    }
    return plot_end(c, out, e);
}
