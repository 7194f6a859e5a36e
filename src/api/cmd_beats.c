/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig beats SONG`: tempo, beats, downbeats, parts and energy of a song as table, JSON, .beats file, Audacity labels, picture
 * and song with clicks; and the corrections people make to them.
 */
#include "api/api.h"
#include "api/beats_report.h"
#include "api/song_piece.h"

#include <math.h>
#include <string.h>

typedef struct BeatsOptions {
    const char *output, *labels, *plot, *click, *beats, *tempo, *offset, *from, *to;
    int64_t threads, downbeat, metre;
    bool half, twice;
} BeatsOptions;

static const Option rows[] = {
    OPT_OUTPUT(BeatsOptions,
        "also write the beats to FILE: .beats (seconds, tab, beat in bar), or labels of Audacity when it ends in .txt"),
    {"labels", 'l', OPT_TEXT, offsetof(BeatsOptions, labels), 0, 0, NULL, NULL, "FILE.txt",
     "also write beats and parts as labels of Audacity"},
    {"plot", 'p', OPT_TEXT, offsetof(BeatsOptions, plot), 0, 0, NULL, NULL, "FILE.png",
     "draw parts, tempo, energy, waveform, onsets, beats and downbeats"},
    {"click", 'c', OPT_TEXT, offsetof(BeatsOptions, click), 0, 0, NULL, NULL, "FILE.wav",
     "the song with a click on each beat, a higher one on downbeats"},
    {"beats", 'b', OPT_TEXT, offsetof(BeatsOptions, beats), 0, 0, NULL, NULL, "FILE",
     "obey this .beats file (or .txt labels) instead of listening"},
    {"tempo", 0, OPT_TEXT, offsetof(BeatsOptions, tempo), 0, 0, NULL, NULL, "LO..HI",
     "the tempo lies between these (30..300), as in 90..180"},
    {"half", 0, OPT_BOOL, offsetof(BeatsOptions, half), 0, 0, NULL, NULL, NULL,
     "keep every second beat: half the tempo"},
    {"double", 0, OPT_BOOL, offsetof(BeatsOptions, twice), 0, 0, NULL, NULL, NULL,
     "a beat between each two: twice the tempo"},
    {"offset", 0, OPT_TEXT, offsetof(BeatsOptions, offset), 0, 0, NULL, NULL, "TIME",
     "all beats later by 30ms or 0.03s; earlier by -30ms"},
    {"metre", 0, OPT_INT, offsetof(BeatsOptions, metre), 0, 16, "0", NULL, "N",
     "so many beats in each bar, from the first downbeat on; 0: as found"},
    {"downbeat", 0, OPT_INT, offsetof(BeatsOptions, downbeat), 0, 16, "0", NULL, "N",
     "what is beat N of its bar now is the first; 0: as found"},
    {"from", 0, OPT_TEXT, offsetof(BeatsOptions, from), 0, 0, NULL, NULL, "TIME",
     "show and write only what comes after: seconds, m:ss, 8bars, chorus, B2"},
    {"to", 0, OPT_TEXT, offsetof(BeatsOptions, to), 0, 0, NULL, NULL, "TIME",
     "and before this time or the end of this part"},
    OPT_THREADS(BeatsOptions),
};

/* ---- what was asked for ----------------------------------------------------------------------------------------- */

/* "90..180"; both ends 30..300. */
static bool parse_tempo(const char *text, double *lo, double *hi, Err *e)
{
    char first[32];
    const char *dots = strstr(text, "..");
    size_t n = dots ? (size_t)(dots - text) : 0;
    if (n > 0 && n < sizeof first) {
        memcpy(first, text, n);
        first[n] = 0;
        if (text_to_double(first, lo) && text_to_double(dots + 2, hi) && *lo >= 30 && *hi <= 300 && *lo < *hi)
            return true;
    }
    return err_set(e, "--tempo %s: must be two tempi between 30 and 300 beats a minute, the slower first, as in 90..180", text);
}

/* "30ms", "-0.03s", "0.03"; at most an hour. */
static bool parse_offset(const char *text, double *seconds, Err *e)
{
    size_t n = strspn(text, "0123456789+-.eE");
    char number[32];
    double unit = !strcmp(text + n, "ms") ? 0.001 : !strcmp(text + n, "s") || !text[n] ? 1 : 0;
    if (n < sizeof number && unit > 0) {
        memcpy(number, text, n);
        number[n] = 0;
        if (text_to_double(number, seconds) && fabs(*seconds * unit) <= 3600) {
            *seconds *= unit;
            return true;
        }
    }
    return err_set(e, "--offset %s: must be a time of at most an hour, as in 30ms, -30ms or 0.03s", text);
}

/* Everything about the options that can be said before the song is opened. */
static bool check(const BeatsOptions *o, Err *e)
{
    double a, b;
    if (o->half && o->twice)
        return err_set(e, "--half and --double undo each other: give one of them");
    if (o->beats && o->tempo)
        return err_set(e, "--tempo tells what to listen for, but --beats %s says not to listen: give one of them", o->beats);
    return (!o->tempo || parse_tempo(o->tempo, &a, &b, e)) && (!o->offset || parse_offset(o->offset, &a, e));
}

static bool listen(jig_job *job, const BeatsOptions *o, const float *x, const Sound *s, BeatGrid *g, Err *e)
{
    double length = (double)s->frames / s->rate, slowest, fastest;
    if (o->beats)
        return audio_beats_read(g, o->beats, length, e);
    Progress p = api_progress(job);
    if (!o->tempo)
        return audio_track_beats_cached(g, x, s->frames, s->rate, &p, e);
    return parse_tempo(o->tempo, &slowest, &fastest, e) &&
           audio_track_beats_between(g, x, s->frames, s->rate, slowest, fastest, &p, e);
}

static int first_at(const BeatGrid *g, int place)
{
    for (int i = 0; i < g->n; i++)
        if (g->beat_in_bar[i] == place)
            return i;
    return -1;
}

static bool correct(const BeatsOptions *o, BeatGrid *g, Err *e)
{
    double offset = 0;
    bool asked = o->half || o->twice || o->offset || o->metre || o->downbeat;
    if (asked && !audio_grid_has_beat(g))
        return err_set(e, "there are no beats to correct: %s", g->reason);
    if (o->twice)
        audio_grid_double(g);
    if (o->half) /* of the two halves the one that holds the first downbeat */
        audio_grid_halve(g, first_at(g, 1) % 2 == 1);
    if (o->offset && !parse_offset(o->offset, &offset, e))
        return false;
    if (offset != 0)
        audio_grid_shift(g, offset);
    if (o->metre && g->n > 0 && !audio_grid_set_downbeat(g, MAX(first_at(g, 1), 0), (int)o->metre, e))
        return false;
    int one = o->downbeat ? first_at(g, (int)o->downbeat) : -1;
    if (o->downbeat && one < 0)
        return err_set(e, "--downbeat %lld: the bars of this song have %d beats", (long long)o->downbeat, g->metre);
    return one < 0 || audio_grid_set_downbeat(g, one, g->metre, e);
}

static bool find_piece(const BeatsOptions *o, BeatsReport *r, Err *e)
{
    r->from = 0;
    r->to = r->whole->length;
    if (o->from && !song_time("from", o->from, TIME_START, 0, r->whole, r->form, &r->from, e))
        return false;
    if (r->from >= r->whole->length)
        return err_set(e, "--from %s is at or after the end of the song, which is %.2f s long", o->from, r->whole->length);
    if (o->to && !song_time("to", o->to, TIME_END, r->from, r->whole, r->form, &r->to, e))
        return false;
    if (r->to <= r->from)
        return err_set(e, "--to %s is not after --from %s", o->to, o->from ? o->from : "0");
    r->to = MIN(r->to, r->whole->length);
    return true;
}

/* ---- what is written -------------------------------------------------------------------------------------------- */

static bool write_labels(const BeatsReport *r, const char *path, Err *e)
{
    Text t = {0};
    audio_labels_format(r->grid, r->form, &t);
    bool ok = file_write(path, t.s ? t.s : "", t.len, e);
    text_finish(&t);
    return ok;
}

static bool write_clicks(const BeatsReport *r, const Sound *s, const char *path, Err *e)
{
    int64_t first = CLAMP(llround(r->from * s->rate), 0, s->frames), n = CLAMP(llround(r->to * s->rate), first, s->frames) - first;
    size_t bytes = (size_t)n * (size_t)s->channels * sizeof(float);
    Sound piece = {.rate = s->rate, .channels = s->channels, .frames = n, .samples = mem_try(MAX(bytes, 1))};
    if (!piece.samples)
        return err_set(e, "not enough memory for a click track of %.0f s", (double)n / s->rate);
    memcpy(piece.samples, s->samples + first * s->channels, bytes);
    BeatGrid g;
    audio_grid_copy(&g, r->grid);
    audio_grid_shift(&g, -(double)first / s->rate);
    audio_add_clicks(piece.samples, n, s->channels, s->rate, &g);
    bool ok = sound_save_wav(&piece, path, 16, e);
    audio_grid_finish(&g);
    sound_finish(&piece);
    return ok;
}

static bool write_all(const BeatsOptions *o, const BeatsReport *r, const Sound *s, Err *e)
{
    bool as_labels = o->output && text_ends_with(o->output, ".txt");
    return (!o->output || (as_labels ? write_labels(r, o->output, e) : audio_beats_write(r->grid, o->output, e))) &&
           (!o->labels || write_labels(r, o->labels, e)) && (!o->plot || beats_report_plot(r, o->plot, e)) &&
           (!o->click || write_clicks(r, s, o->click, e));
}

static bool report(jig_job *job, const BeatsOptions *o, const Sound *s, const float *mono, const BeatGrid *whole, Err *e)
{
    SongForm form;
    BeatGrid piece;
    BeatsReport r = {.song = job->arguments[0], .mono = mono, .frames = s->frames, .rate = s->rate, .form = &form, .whole = whole, .grid = &piece};
    if (!audio_song_form(&form, mono, s->frames, s->rate, whole, e))
        return false;
    audio_grid_copy(&piece, whole);
    bool ok = find_piece(o, &r, e);
    if (ok && (o->from || o->to))
        audio_grid_keep(&piece, r.from, r.to);
    ok = ok && write_all(o, &r, s, e);
    if (ok) {
        beats_report_text(&r, &job->text);
        beats_report_json(&r, &job->json);
    }
    audio_grid_finish(&piece);
    audio_song_form_finish(&form);
    return ok;
}

static bool run(jig_job *job, void *options, Err *e)
{
    const BeatsOptions *o = options;
    threads_set((int)o->threads);
    Sound s = {0};
    if (!check(o, e) || !sound_load(job->arguments[0], 0, -1, &s, e))
        return false;
    float *mono = NULL;
    BeatGrid g;
    audio_grid_init(&g);
    bool ok = sound_to_mono(&s, &mono, e) && listen(job, o, mono, &s, &g, e) && correct(o, &g, e) && report(job, o, &s, mono, &g, e);
    audio_grid_finish(&g);
    mem_free(mono);
    sound_finish(&s);
    return ok;
}

const Command command_beats = {
    .name = "beats", .arguments = "SONG", .summary = "find tempo, beats, bars and parts of a song; correct them",
    .details = "Finds the beats of any sound file or video, and shows them: by eye with --plot, by ear with --click. With -o they are written\n"
               "as a .beats file, one beat a line, that can be corrected by hand and given back to 'jig beats SONG --beats FILE' and to\n"
               "'jig dance --beats FILE'. Corrections are made in this order: --double or --half, --offset, --metre, --downbeat.",
    .min_arguments = 1, .max_arguments = 1, .rows = rows, .n_rows = ARRAY_LEN(rows), .options_size = sizeof(BeatsOptions), .run = run,
};
