/* SPDX-License-Identifier: Apache-2.0
 *
 * See song_piece.h.
 */
#include "api/song_piece.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- times ------------------------------------------------------------------------------------------------------ */

static double first_downbeat(const BeatGrid *g)
{
    for (int i = 0; i < g->n; i++)
        if (g->beat_in_bar[i] == 1)
            return g->seconds[i];
    return 0;
}

/* "8bars", "1bar": true, and how many. */
static bool parse_bars(const char *text, double *bars)
{
    size_t n = strspn(text, "0123456789.+-eE");
    char number[32];
    if (n == 0 || n >= sizeof number || (strcmp(text + n, "bars") && strcmp(text + n, "bar")))
        return false;
    memcpy(number, text, n);
    number[n] = 0;
    return text_to_double(number, bars);
}

bool song_time_is_part(const char *text)
{
    return text && isalpha((unsigned char)text[0]);
}

static bool unknown_part(const char *flag, const char *text, const SongForm *f, Err *e)
{
    Text names = {0};
    for (int i = 0; i < f->n_parts && names.len < 600; i++) {
        char letter[8];
        audio_part_letter(f->part[i].letter, letter);
        text_add(&names, "%s%s%d (%s)", i ? ", " : "", letter, f->part[i].number, f->part[i].name);
    }
    err_set(e, "--%s %s: this song's parts are %s; also seconds (12.5), m:ss (1:30) and bars (8bars) are possible", flag, text,
            names.len ? names.s : "none");
    text_finish(&names);
    return false;
}

bool song_time(const char *flag, const char *text, TimeRole role, double from, const BeatGrid *g, const SongForm *form, double *seconds,
               Err *e)
{
    double bars;
    if (song_time_is_part(text)) {
        int i = audio_find_part(form, text, role == TIME_START ? 0 : from);
        if (i < 0)
            return unknown_part(flag, text, form, e);
        *seconds = role == TIME_START ? form->part[i].start : form->part[i].end;
        return true;
    }
    if (parse_bars(text, &bars)) {
        if (!(bars >= 0 && bars <= 1e5))
            return err_set(e, "--%s %s: must be 0 to 100000 bars", flag, text);
        if (!audio_grid_has_beat(g))
            return err_set(e, "--%s %s: %g bars cannot be counted: the song has no beat (%s)", flag, text, bars, g->reason);
        double beat = audio_grid_position(g, role == TIME_LENGTH ? from : first_downbeat(g));
        *seconds = audio_grid_time(g, beat + bars * MAX(g->metre, 1));
        return true;
    }
    if (!text_to_seconds(text, seconds) || *seconds < 0)
        return err_set(e, "--%s %s: must be seconds (12.5), m:ss (1:30), bars (8bars) or a part of the song (chorus, B)", flag, text);
    *seconds += role == TIME_LENGTH ? from : 0;
    return true;
}

/* ---- the piece -------------------------------------------------------------------------------------------------- */

static bool place(SongPiece *s, const char *start, const char *length, const SongForm *form, Err *e)
{
    double whole = (double)s->sound.frames / s->sound.rate, end = whole;
    s->start = 0;
    if (start && !song_time("start", start, TIME_START, 0, &s->grid, form, &s->start, e))
        return false;
    if (s->start >= whole)
        return err_set(e, "--start %s is at or after the end of the song, which is %.2f s long", start, whole);
    if (length) {
        if (!song_time("length", length, TIME_LENGTH, s->start, &s->grid, form, &end, e))
            return false;
        if (end <= s->start)
            return err_set(e, "--length %s: must be more than 0", length);
        if (end > whole + 0.5)
            log_line(LOG_WARNING, "the song ends %.2f s after the start: the video is that long, not %s", whole - s->start, length);
    }
    double piece = MIN(end, whole) - s->start;
    s->from = llround(s->start * s->sound.rate);
    s->frames = MIN(llround(piece * s->sound.rate), s->sound.frames - s->from);
    s->seconds = (double)s->frames / s->sound.rate;
    s->mono = s->whole + s->from;
    if (s->frames < 1)
        return err_set(e, "--length %s is less than one sample of the song", length ? length : "");
    audio_grid_cut(&s->grid, s->start, s->seconds);
    return true;
}

static bool cut(SongPiece *s, const char *start, const char *length, Err *e)
{
    SongForm form = {0};
    if ((song_time_is_part(start) || song_time_is_part(length)) &&
        !audio_song_form(&form, s->whole, s->sound.frames, s->sound.rate, &s->grid, e))
        return false;
    bool ok = place(s, start, length, &form, e);
    audio_song_form_finish(&form);
    return ok;
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
