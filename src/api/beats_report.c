/* SPDX-License-Identifier: Apache-2.0
 *
 * See beats_report.h. The table has a line a part and a line a bar: when it begins, its tempo, its energy, and its beats.
 */
#include "api/beats_report.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "3:07.25" */
static const char *clock_text(double t, char out[24])
{
    int64_t hundredths = llround(fmax(t, 0) * 100);
    snprintf(out, 24, "%lld:%02lld.%02lld", (long long)(hundredths / 6000), (long long)(hundredths / 100 % 60), (long long)(hundredths % 100));
    return out;
}

/* "######...." */
static const char *bar_text(float value, char out[16])
{
    int full = (int)lroundf(CLAMP(value, 0, 1) * 10);
    for (int i = 0; i < 10; i++)
        out[i] = i < full ? '#' : '.';
    out[10] = 0;
    return out;
}

static bool in_piece(const BeatsReport *r, double from, double to)
{
    return to > r->from + 1e-6 && from < r->to - 1e-6;
}

/* Number of the first downbeat of the piece when bars are counted from the song's first downbeat. */
static int bars_before(const BeatsReport *r)
{
    int n = 0;
    for (int i = 0; i < r->whole->n && r->whole->seconds[i] < r->from; i++)
        n += r->whole->beat_in_bar[i] == 1;
    return n;
}

static void print_head(const BeatsReport *r, Text *out)
{
    const BeatGrid *g = r->grid;
    char a[24], b[24];
    text_add(out, "%s, %s", file_name(r->song), clock_text(r->whole->length, a));
    if (r->from > 0 || r->to < r->whole->length - 1e-6)
        text_add(out, ", from %s to %s", clock_text(r->from, a), clock_text(r->to, b));
    if (!audio_grid_has_beat(g)) {
        text_add(out, "\nno beat: %s\n", g->reason[0] ? g->reason : "fewer than two beats in this piece");
        return;
    }
    text_add(out, "\ntempo %.2f beats a minute (%s), %d beats in a bar, %d beats from %.3f to %.3f s, confidence %.2f (bars %.2f)\n",
             g->tempo, g->steady ? "steady" : "changing", g->metre, g->n, g->seconds[0], g->seconds[g->n - 1],
             (double)g->confidence, (double)g->bar_confidence);
    if (g->reason[0])
        text_add(out, "note: %s\n", g->reason);
}

static void print_parts(const BeatsReport *r, Text *out)
{
    text_add(out, "\n  part  guess       from        to  bars  alike  energy\n");
    for (int i = 0; i < r->form->n_parts; i++) {
        const SongPart *p = &r->form->part[i];
        char letter[8], a[24], b[24], bar[16], alike[16] = "    -";
        if (!in_piece(r, p->start, p->end))
            continue;
        audio_part_letter(p->letter, letter);
        if (p->number > 1)
            snprintf(alike, sizeof alike, "%5.2f", (double)p->alike);
        text_add(out, "  %-4s  %-7s %9s %9s %5d  %s  %s %.2f\n", letter, p->name, clock_text(p->start, a), clock_text(p->end, b), p->bars,
                 alike, bar_text(p->energy, bar), (double)p->energy);
    }
}

static void print_bars(const BeatsReport *r, Text *out)
{
    const BeatGrid *g = r->grid;
    if (!audio_grid_has_beat(g))
        return;
    text_add(out, "\n   bar  part  tempo  energy      seconds of its beats\n");
    int bar = bars_before(r), k = 0;
    for (int i = 0; i < g->n; i++) {
        if (i == 0 || g->beat_in_bar[i] == 1) {
            char letter[8], energy[16];
            bool one = g->beat_in_bar[i] == 1;
            while (k + 1 < r->form->n_bars && r->form->bar[k].end < g->seconds[i] + 1e-6)
                k++;
            const FormBar *b = &r->form->bar[k];
            audio_part_letter(r->form->part[b->part].letter, letter);
            bar += one;
            text_add(out, "%s", i ? "\n" : "");
            if (one)
                text_add(out, "%6d  %-4s %6.1f  %s ", bar, letter, b->tempo, bar_text(b->energy, energy));
            else
                text_add(out, "%6s  %-4s %6s  %10s ", "", letter, "", ""); /* a bar whose beginning is not heard */
        }
        text_add(out, " %8.3f", g->seconds[i]);
    }
    text_add(out, "\n");
}

void beats_report_text(const BeatsReport *r, Text *out)
{
    print_head(r, out);
    if (r->form->n_parts > 0)
        print_parts(r, out);
    print_bars(r, out);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static double rounded(double x, double unit)
{
    return round(x / unit) * unit;
}

static void add_number(cJSON *o, const char *name, double value, int digits)
{
    char text[40];
    snprintf(text, sizeof text, "%.*f", digits, value);
    cJSON_AddRawToObject(o, name, text);
}

static void add_beats(const BeatGrid *g, cJSON *o)
{
    cJSON *beats = cJSON_AddArrayToObject(o, "beats");
    for (int i = 0; i < g->n; i++) {
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, cJSON_CreateNumber(rounded(g->seconds[i], 1e-6)));
        cJSON_AddItemToArray(pair, cJSON_CreateNumber(g->beat_in_bar[i]));
        cJSON_AddItemToArray(beats, pair);
    }
}

static void add_form(const BeatsReport *r, cJSON *o)
{
    cJSON *bars = cJSON_AddArrayToObject(o, "bars"), *parts = cJSON_AddArrayToObject(o, "parts");
    for (int i = 0; i < r->form->n_bars; i++) {
        const FormBar *b = &r->form->bar[i];
        if (!in_piece(r, b->start, b->end))
            continue;
        cJSON *bar = cJSON_CreateObject();
        add_number(bar, "from", b->start, 6);
        add_number(bar, "to", b->end, 6);
        add_number(bar, "tempo", b->tempo, 3);
        add_number(bar, "energy", (double)b->energy, 4);
        add_number(bar, "loudness", (double)b->loudness, 2);
        cJSON_AddNumberToObject(bar, "part", b->part);
        cJSON_AddItemToArray(bars, bar);
    }
    for (int i = 0; i < r->form->n_parts; i++) {
        const SongPart *p = &r->form->part[i];
        char letter[8];
        if (!in_piece(r, p->start, p->end))
            continue;
        cJSON *part = cJSON_CreateObject();
        audio_part_letter(p->letter, letter);
        cJSON_AddStringToObject(part, "letter", letter);
        cJSON_AddNumberToObject(part, "number", p->number);
        cJSON_AddStringToObject(part, "guess", p->name);
        add_number(part, "from", p->start, 6);
        add_number(part, "to", p->end, 6);
        cJSON_AddNumberToObject(part, "bars", p->bars);
        add_number(part, "alike", (double)p->alike, 4);
        add_number(part, "energy", (double)p->energy, 4);
        cJSON_AddItemToArray(parts, part);
    }
}

void beats_report_json(const BeatsReport *r, Text *out)
{
    const BeatGrid *g = r->grid;
    cJSON *o = cJSON_CreateObject();
    add_number(o, "seconds", r->whole->length, 6);
    add_number(o, "from", r->from, 6);
    add_number(o, "to", r->to, 6);
    cJSON_AddBoolToObject(o, "has_beat", audio_grid_has_beat(g));
    add_number(o, "tempo", g->tempo, 4);
    cJSON_AddNumberToObject(o, "metre", g->metre);
    cJSON_AddBoolToObject(o, "steady", g->steady);
    add_number(o, "confidence", (double)g->confidence, 4);
    add_number(o, "bar_confidence", (double)g->bar_confidence, 4);
    cJSON_AddStringToObject(o, "note", g->reason);
    add_beats(g, o);
    add_form(r, o);
    char *s = cJSON_PrintUnformatted(o);
    text_add(out, "%s", s);
    cJSON_free(s);
    cJSON_Delete(o);
}

/* ---- the picture ------------------------------------------------------------------------------------------------ */

bool beats_report_plot(const BeatsReport *r, const char *path, Err *e)
{
    enum { HOP = 512 };
    const SongForm *f = r->form;
    int64_t first = CLAMP(llround(r->from * r->rate), 0, r->frames), n = CLAMP(llround(r->to * r->rate), first, r->frames) - first;
    int64_t frames = audio_stft_frames(n, HOP);
    float *onset = mem_alloc((size_t)frames * sizeof *onset);
    audio_onset_strength(r->mono + first, n, r->rate, AUDIO_MERGE_MEAN, onset);
    PlotPart *parts = mem_alloc((size_t)f->n_parts * sizeof *parts);
    PlotBar *bars = mem_alloc((size_t)f->n_bars * sizeof *bars);
    for (int i = 0; i < f->n_parts; i++) {
        char letter[8];
        audio_part_letter(f->part[i].letter, letter);
        parts[i] = (PlotPart){.from = f->part[i].start, .to = f->part[i].end, .letter = f->part[i].letter};
        snprintf(parts[i].label, sizeof parts[i].label, "%s %s", letter, f->part[i].name);
    }
    for (int i = 0; i < f->n_bars; i++)
        bars[i] = (PlotBar){f->bar[i].start, f->bar[i].end, f->bar[i].tempo, (double)f->bar[i].energy};
    BeatPlot plot = {.title = file_name(r->song), .samples = r->mono + first, .frames = n, .rate = r->rate, .onset = onset, .n_onset = frames,
                     .onset_rate = r->rate / HOP, .beats = r->grid->seconds, .beat_in_bar = r->grid->beat_in_bar, .n_beats = r->grid->n,
                     .tempo = r->grid->tempo, .start = (double)first / r->rate, .parts = parts, .n_parts = f->n_parts, .bars = bars,
                     .n_bars = f->n_bars, .first_bar = bars_before(r) + 1};
    Picture p = {0};
    bool ok = plot_beats(&plot, &p, e) && picture_save(&p, path, 90, e);
    picture_finish(&p);
    mem_free(parts);
    mem_free(bars);
    mem_free(onset);
    return ok;
}
