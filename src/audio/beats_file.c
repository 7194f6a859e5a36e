/* SPDX-License-Identifier: Apache-2.0
 *
 * `.beats` files: one beat a line, `seconds<TAB>beat-in-bar` (1 = downbeat), `#` comments. The form that madmom, Beat
 * This and Sonic Visualiser write and read, and that people edit. And Audacity's labels, `from<TAB>to<TAB>text`, where a
 * text that is a number is a beat. Everything is checked before the grid is touched.
 */
#include "audio/audio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BEATS = 200000, MAX_BYTES = 8 << 20, MAX_LINE = 200, MAX_METRE = 16 };
static const double least_interval = 0.02; /* s; 3000 beats a minute are a slip of the hand */

typedef struct Beats {
    double *seconds;
    int *beat_in_bar;
    int n, room;
} Beats;

static void add_beat(Beats *b, double seconds, int beat_in_bar)
{
    if (b->n == b->room) {
        b->room = MAX(64, 2 * b->room);
        b->seconds = mem_resize(b->seconds, (size_t)b->room * sizeof(double));
        b->beat_in_bar = mem_resize(b->beat_in_bar, (size_t)b->room * sizeof(int));
    }
    b->seconds[b->n] = seconds;
    b->beat_in_bar[b->n++] = beat_in_bar;
}

/* One beat against what came before it. */
static bool check_beat(const Beats *b, double t, int64_t place, double length, int line, Err *e)
{
    if (t < 0)
        return err_set(e, "line %d: beat at %g s lies before the song", line, t);
    if (t > AUDIO_MAX_SECONDS)
        return err_set(e, "line %d: beat at %g s: at most %g s", line, t, AUDIO_MAX_SECONDS);
    if (length > 0 && t > length + 0.5)
        return err_set(e, "line %d: beat at %g s lies after the end of the song (%.3f s)", line, t, length);
    if (place < 1 || place > MAX_METRE)
        return err_set(e, "line %d: beat %lld of the bar: must be 1 to %d", line, (long long)place, MAX_METRE);
    if (b->n == 0)
        return true;
    if (t <= b->seconds[b->n - 1])
        return err_set(e, "line %d: beat at %g s does not come after the one before (%g s)", line, t,
            b->seconds[b->n - 1]);
    if (t < b->seconds[b->n - 1] + least_interval)
        return err_set(e, "line %d: beat at %g s comes only %g s after the one before: at least %g s", line, t,
            t - b->seconds[b->n - 1], least_interval);
    if (place != 1 && place != b->beat_in_bar[b->n - 1] + 1)
        return err_set(e, "line %d: beat %lld of the bar follows beat %d: must be %d or 1", line, (long long)place,
            b->beat_in_bar[b->n - 1], b->beat_in_bar[b->n - 1] + 1);
    if (b->n == MAX_BEATS)
        return err_set(e, "line %d: more than %d beats", line, MAX_BEATS);
    return true;
}

/* text: one line, terminated. Labels of parts, and the lines with which Audacity stores a range of frequencies, are not
 * beats. */
static bool parse_label(Beats *b, char *text, int line, double length, Err *e)
{
    char *rest, *first = strtok_r(text, "\t\r", &rest), *second = strtok_r(NULL, "\t\r", &rest);
    char *label = strtok_r(NULL, "\t\r", &rest);
    double t, end;
    int64_t place;
    if (!first || first[0] == '\\')
        return true;
    if (!text_to_double(first, &t))
        return err_set(e, "line %d: '%s' is not a time in seconds", line, first);
    if (!second || !text_to_double(second, &end))
        return err_set(e, "line %d: '%s' is not a time in seconds: labels are from, tab, to, tab, text", line,
            second ? second : "");
    if (!label || !text_to_int(label, &place))
        return true;
    if (!check_beat(b, t, place, length, line, e))
        return false;
    add_beat(b, t, (int)place);
    return true;
}

/* text: one line, terminated, comment removed. */
static bool parse_line(Beats *b, char *text, int line, double length, Err *e)
{
    char *rest, *first = strtok_r(text, " \t\r", &rest), *second = strtok_r(NULL, " \t\r", &rest);
    if (!first)
        return true;
    double t;
    int64_t place;
    if (!text_to_double(first, &t))
        return err_set(e, "line %d: '%s' is not a time in seconds", line, first);
    if (!second)
        return err_set(e, "line %d: no beat of the bar after the time (a tab, then 1 for a downbeat, 2, 3 …)", line);
    if (!text_to_int(second, &place))
        return err_set(e, "line %d: '%s' is not a beat of the bar", line, second);
    if (strtok_r(NULL, " \t\r", &rest))
        return err_set(e, "line %d: more than a time and a beat of the bar", line);
    if (!check_beat(b, t, place, length, line, e))
        return false;
    add_beat(b, t, (int)place);
    return true;
}

typedef bool ParseLine(Beats *b, char *text, int line, double length, Err *e);

/* comment: begins the part of a line that is not read; 0: none does. */
static bool parse_lines(Beats *b, const char *text, size_t size, double length, ParseLine *parse, char comment, Err *e)
{
    if (size > MAX_BYTES)
        return err_set(e, "%zu bytes: a .beats file has at most %d", size, MAX_BYTES);
    if (size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) { /* a byte order mark, as Windows editors write it */
        text += 3;
        size -= 3;
    }
    int line = 0;
    for (size_t at = 0; at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at), *hash;
        size_t n = end ? (size_t)(end - text) - at : size - at, kept = n;
        if (comment && (hash = memchr(text + at, comment, n)))
            kept = (size_t)(hash - text) - at;
        char copy[MAX_LINE + 1];
        if (memchr(text + at, 0, n))
            return err_set(e, "line %d: not a text file", line + 1);
        if (kept > MAX_LINE)
            return err_set(e, "line %d: longer than %d characters", line + 1, MAX_LINE);
        memcpy(copy, text + at, kept);
        copy[kept] = 0;
        if (!parse(b, copy, line + 1, length, e))
            return false;
        at += n + 1;
    }
    return true;
}

static bool parse_all(BeatGrid *g, const char *text, size_t size, double length, ParseLine *parse, char comment, Err *e)
{
    Beats b = {0};
    bool ok = parse_lines(&b, text, size, length, parse, comment, e);
    audio_grid_init(g);
    if (ok) {
        audio_grid_set(g, b.seconds, b.beat_in_bar, b.n, length > 0 ? length : b.n ? b.seconds[b.n - 1] : 0);
        g->confidence = g->bar_confidence = b.n >= 2 ? 1 : 0;
        if (b.n < 2)
            snprintf(g->reason, sizeof g->reason, "the file lists %s", b.n ? "a single beat" : "no beats");
    }
    free(b.seconds);
    free(b.beat_in_bar);
    return ok;
}

bool audio_beats_parse(BeatGrid *g, const char *text, size_t size, double length, Err *e)
{
    return parse_all(g, text, size, length, parse_line, '#', e);
}

bool audio_labels_parse(BeatGrid *g, const char *text, size_t size, double length, Err *e)
{
    return parse_all(g, text, size, length, parse_label, 0, e);
}

bool audio_beats_read(BeatGrid *g, const char *path, double length, Err *e)
{
    char *text;
    size_t size;
    audio_grid_init(g);
    if (!file_read(path, MAX_BYTES, &text, &size, e))
        return false;
    bool labels = text_ends_with(path, ".txt");
    bool ok = (labels ? audio_labels_parse : audio_beats_parse)(g, text, size, length, e) || err_context(e, "%s", path);
    mem_free(text);
    return ok;
}

void audio_beats_format(const BeatGrid *g, Text *out)
{
    text_add(out, "# seconds\tbeat in bar (1 = downbeat)\n");
    for (int i = 0; i < g->n; i++)
        text_add(out, "%.6f\t%d\n", g->seconds[i], g->beat_in_bar[i]);
}

bool audio_beats_write(const BeatGrid *g, const char *path, Err *e)
{
    Text t = {0};
    audio_beats_format(g, &t);
    bool ok = file_write(path, t.s, t.len, e);
    text_finish(&t);
    return ok;
}

void audio_labels_format(const BeatGrid *g, const SongForm *f, Text *out)
{
    int part = 0;
    for (int i = 0; i <= g->n; i++) { /* parts before the beat that comes after their beginning: labels rise in time */
        for (; f && part < f->n_parts && (i == g->n || f->part[part].start <= g->seconds[i]); part++) {
            char letter[8];
            audio_part_letter(f->part[part].letter, letter);
            text_add(out, "%.6f\t%.6f\t%s %s\n", f->part[part].start, f->part[part].end, letter, f->part[part].name);
        }
        if (i < g->n)
            text_add(out, "%.6f\t%.6f\t%d\n", g->seconds[i], g->seconds[i], g->beat_in_bar[i]);
    }
}
