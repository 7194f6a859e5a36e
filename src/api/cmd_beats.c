/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig beats SONG`: tempo, beats and downbeats of a song as table, JSON, .beats file and picture.
 */
#include "api/api.h"
#include "audio/audio.h"
#include "media/media.h"

#include <cjson/cJSON.h>
#include <string.h>

typedef struct BeatsOptions {
    const char *output, *plot, *beats;
    int64_t threads;
} BeatsOptions;

static const Option rows[] = {
    OPT_OUTPUT(BeatsOptions, "also write the beats to FILE (.beats: seconds, tab, beat in bar); edit it, then jig dance --beats FILE"),
    {"plot", 'p', OPT_TEXT, offsetof(BeatsOptions, plot), 0, 0, NULL, NULL, "FILE.png", "draw waveform, onset strength, beats and downbeats"},
    {"beats", 'b', OPT_TEXT, offsetof(BeatsOptions, beats), 0, 0, NULL, NULL, "FILE", "do not analyse: show this .beats file beside the song"},
    OPT_THREADS(BeatsOptions),
};

/* One line a bar: when it begins, then its beats' distances, so that a drift is seen at a glance. */
static void print_table(const BeatGrid *g, Text *out)
{
    if (!audio_grid_has_beat(g)) {
        text_add(out, "no beat: %s\n", g->reason);
        return;
    }
    text_add(out, "tempo %.2f beats a minute (%s), %d beats in a bar, %d beats in %.1f s, confidence %.2f (bars %.2f)\n", g->tempo,
             g->steady ? "steady" : "changing", g->metre, g->n, g->length, (double)g->confidence, (double)g->bar_confidence);
    if (g->reason[0])
        text_add(out, "note: %s\n", g->reason);
    text_add(out, "\n   bar   seconds of its beats\n");
    int bar = 0;
    for (int i = 0; i < g->n; i++) {
        if (i == 0 || g->beat_in_bar[i] == 1)
            text_add(out, "%s%6d ", i ? "\n" : "", g->beat_in_bar[i] == 1 ? ++bar : 0);
        text_add(out, " %9.3f", g->seconds[i]);
    }
    text_add(out, "\n");
}

static void print_json(const BeatGrid *g, Text *out)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "seconds", g->length);
    cJSON_AddBoolToObject(o, "has_beat", audio_grid_has_beat(g));
    cJSON_AddNumberToObject(o, "tempo", g->tempo);
    cJSON_AddNumberToObject(o, "metre", g->metre);
    cJSON_AddBoolToObject(o, "steady", g->steady);
    cJSON_AddNumberToObject(o, "confidence", g->confidence);
    cJSON_AddNumberToObject(o, "bar_confidence", g->bar_confidence);
    cJSON_AddStringToObject(o, "note", g->reason);
    cJSON *beats = cJSON_AddArrayToObject(o, "beats");
    for (int i = 0; i < g->n; i++) {
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, cJSON_CreateNumber(g->seconds[i]));
        cJSON_AddItemToArray(pair, cJSON_CreateNumber(g->beat_in_bar[i]));
        cJSON_AddItemToArray(beats, pair);
    }
    char *s = cJSON_PrintUnformatted(o);
    text_add(out, "%s", s);
    cJSON_free(s);
    cJSON_Delete(o);
}

static bool draw(const char *path, const char *song, const float *x, int64_t n, double rate, const BeatGrid *g, Err *e)
{
    enum { HOP = 512 };
    int64_t frames = audio_stft_frames(n, HOP);
    float *onset = mem_alloc((size_t)frames * sizeof *onset);
    audio_onset_strength(x, n, rate, AUDIO_MERGE_MEAN, onset);
    const char *slash = strrchr(song, '/');
    BeatPlot plot = {.title = slash ? slash + 1 : song, .samples = x, .frames = n, .rate = rate, .onset = onset, .n_onset = frames,
                     .onset_rate = rate / HOP, .beats = g->seconds, .beat_in_bar = g->beat_in_bar, .n_beats = g->n, .tempo = g->tempo};
    Picture p = {0};
    bool ok = plot_beats(&plot, &p, e) && picture_save(&p, path, 90, e);
    picture_finish(&p);
    mem_free(onset);
    return ok;
}

static bool analyse(jig_job *job, const BeatsOptions *o, const float *x, const Sound *s, BeatGrid *g, Err *e)
{
    double length = (double)s->frames / s->rate;
    if (o->beats)
        return audio_beats_read(g, o->beats, length, e);
    Progress p = api_progress(job);
    return audio_track_beats_cached(g, x, s->frames, s->rate, &p, e);
}

static bool run(jig_job *job, void *options, Err *e)
{
    const BeatsOptions *o = options;
    const char *song = job->arguments[0];
    threads_set((int)o->threads);
    Sound s = {0};
    if (!sound_load(song, 0, -1, &s, e))
        return false;
    float *mono = NULL;
    BeatGrid g;
    audio_grid_init(&g);
    bool ok = sound_to_mono(&s, &mono, e) && analyse(job, o, mono, &s, &g, e) && (!o->output || audio_beats_write(&g, o->output, e)) &&
              (!o->plot || draw(o->plot, song, mono, s.frames, s.rate, &g, e));
    if (ok) {
        print_table(&g, &job->text);
        print_json(&g, &job->json);
    }
    audio_grid_finish(&g);
    mem_free(mono);
    sound_finish(&s);
    return ok;
}

const Command command_beats = {
    .name = "beats", .arguments = "SONG", .summary = "find tempo, beats and bars of a song",
    .details = "Finds the beats of any sound file or video, and shows them. With -o they are written as a .beats file, one beat a line,\n"
               "that can be corrected by hand and given to 'jig dance --beats'.",
    .min_arguments = 1, .max_arguments = 1, .rows = rows, .n_rows = ARRAY_LEN(rows), .options_size = sizeof(BeatsOptions), .run = run,
};
