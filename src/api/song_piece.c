/* SPDX-License-Identifier: Apache-2.0
 *
 * See song_piece.h.
 */
#include "api/song_piece.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "8bars" from time `from` on: to the downbeat that many bars later. */
static bool bars_to_seconds(const BeatGrid *g, double bars, double from, double *seconds, Err *e)
{
    if (!audio_grid_has_beat(g))
        return err_set(e, "%g bars cannot be counted: the song has no beat (%s)", bars, g->reason);
    int metre = MAX(g->metre, 1);
    double beat = audio_grid_position(g, from);
    *seconds = audio_grid_time(g, beat + bars * metre) - from;
    return true;
}

/* bars counted from the first downbeat for --start, from the start for --length. */
static bool parse_time(const char *flag, const char *text, const BeatGrid *g, double from, double *seconds, Err *e)
{
    char *end;
    double bars = strtod(text, &end);
    if (end != text && (!strcmp(end, "bars") || !strcmp(end, "bar"))) {
        if (!(bars >= 0 && bars <= 1e5))
            return err_set(e, "--%s %s: must be 0 to 100000 bars", flag, text);
        return bars_to_seconds(g, bars, from, seconds, e);
    }
    if (!text_to_seconds(text, seconds) || *seconds < 0)
        return err_set(e, "--%s %s: must be seconds (12.5), m:ss (1:30) or bars (8bars)", flag, text);
    return true;
}

static double first_downbeat(const BeatGrid *g)
{
    for (int i = 0; i < g->n; i++)
        if (g->beat_in_bar[i] == 1)
            return g->seconds[i];
    return 0;
}

static bool cut(SongPiece *s, const char *start, const char *length, Err *e)
{
    double whole = (double)s->sound.frames / s->sound.rate, bar_start = first_downbeat(&s->grid), piece = 0;
    s->start = 0;
    if (start && strstr(start, "bar")) {
        if (!parse_time("start", start, &s->grid, bar_start, &s->start, e))
            return false;
        s->start += bar_start;
    } else if (start && !parse_time("start", start, &s->grid, 0, &s->start, e)) {
        return false;
    }
    if (s->start >= whole)
        return err_set(e, "--start %s is at or after the end of the song, which is %.2f s long", start, whole);
    piece = whole - s->start;
    if (length) {
        if (!parse_time("length", length, &s->grid, s->start, &piece, e))
            return false;
        if (piece <= 0)
            return err_set(e, "--length %s: must be more than 0", length);
        if (s->start + piece > whole + 0.5)
            log_line(LOG_WARNING, "the song ends %.2f s after the start: the video is that long, not %s", whole - s->start, length);
        piece = MIN(piece, whole - s->start);
    }
    s->from = llround(s->start * s->sound.rate);
    s->frames = MIN(llround(piece * s->sound.rate), s->sound.frames - s->from);
    s->seconds = (double)s->frames / s->sound.rate;
    s->mono = s->whole + s->from;
    if (s->frames < 1)
        return err_set(e, "--length %s is less than one sample of the song", length ? length : "");
    audio_grid_cut(&s->grid, s->start, s->seconds);
    return true;
}

bool song_piece_open(SongPiece *s, const char *path, const char *beats, const char *start, const char *length, const Progress *p, Err *e)
{
    *s = (SongPiece){0};
    audio_grid_init(&s->grid);
    if (!progress_tick(p, "listening", 0, 1))
        return err_cancel(e);
    if (!sound_load(path, 0, -1, &s->sound, e) || !sound_to_mono(&s->sound, &s->whole, e))
        return false;
    double whole = (double)s->sound.frames / s->sound.rate;
    bool ok = beats ? audio_beats_read(&s->grid, beats, whole, e)
                    : audio_track_beats_cached(&s->grid, s->whole, s->sound.frames, s->sound.rate, p, e);
    if (ok && !audio_grid_has_beat(&s->grid))
        log_line(LOG_WARNING, "no beat found (%s): the figure only sways; jig dance --beats FILE takes beats made by hand", s->grid.reason);
    return ok && cut(s, start, length, e);
}

void song_piece_finish(SongPiece *s)
{
    audio_grid_finish(&s->grid);
    mem_free(s->whole);
    sound_finish(&s->sound);
    *s = (SongPiece){0};
}
