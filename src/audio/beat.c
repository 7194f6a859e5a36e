/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat tracker from samples to grid, and the honest answer when there is no beat: nothing to hear, a sound in which
 * nothing begins, or onsets without a regular pulse (noise, rain, speech, free playing).
 */
#include "audio/audio_internal.h"

#include <math.h>

/* All that is known of a song while it is tracked. */
typedef struct Track {
    Onsets onsets;
    Harmony harmony;
    TempoMap tempo;
    PulsePath pulse;
    Reading reading;
} Track;

static void track_finish(Track *t)
{
    audio_reading_finish(&t->reading);
    audio_pulse_finish(&t->pulse);
    audio_tempo_finish(&t->tempo);
    audio_harmony_finish(&t->harmony);
    audio_onsets_finish(&t->onsets);
}

/* Mean fit of the tempo map along the beats: .2 to .7 for music with a beat, under .05 for noise and speech. */
static double clarity(const Reading *r, const TempoMap *m)
{
    double sum = 0;
    for (int i = 0; i + 1 < r->n; i++) {
        double period = (r->seconds[i + 1] - r->seconds[i]) * TRACK_FPS;
        int k = (int)lround(log(m->period[0] / period) / log(m->period[0] / m->period[1]));
        sum += audio_tempo_at(m, llround(r->seconds[i] * TRACK_FPS))[CLAMP(k, 0, m->states - 1)];
    }
    return r->n > 1 ? sum / (r->n - 1) : 0;
}

/* Why this song has no beat; false when nothing speaks against one. Fills in the confidence. The clarity of chance
 * grows as a song gets shorter: of 114 pieces of noise and speech of 1.5 to 15 s one passes (4 s, .13). */
static bool find_doubt(BeatGrid *g, const Track *t, TempoRange range)
{
    double needed = 0.08 + 0.16 / fmax(g->length, 0.5), clear = clarity(&t->reading, &t->tempo);
    if (t->onsets.sound_to <= t->onsets.sound_from)
        snprintf(g->reason, sizeof g->reason, "silence: nothing is louder than -65 dB of full scale");
    else if (t->onsets.activity < 0.01)
        snprintf(g->reason, sizeof g->reason, "a steady sound in which nothing begins");
    else if (t->reading.n == 0 && t->pulse.n >= 8)
        snprintf(g->reason, sizeof g->reason, "no pulse between %g and %g beats a minute", range.slowest, range.fastest);
    else if (t->reading.n < 4)
        snprintf(g->reason, sizeof g->reason, "too short: %.2f s hold fewer than four beats", g->length);
    else
        g->confidence = (float)(1 / (1 + exp(-4 * (clear / needed - 1))));
    if (!g->reason[0] && g->confidence < 0.5f)
        snprintf(g->reason, sizeof g->reason,
            "no regular pulse, as in noise, speech or free rhythm (clarity %.3f, a beat needs %.3f)", clear, needed);
    return g->reason[0] != 0;
}

static void fill_grid(BeatGrid *g, Reading *r)
{
    while (r->n > 0 && r->seconds[r->n - 1] > g->length)
        r->n--;
    int *place = mem_alloc((size_t)r->n * sizeof(int));
    for (int i = 0; i < r->n; i++)
        place[i] = (i + r->metre - r->first) % r->metre + 1;
    r->seconds[0] = fmax(r->seconds[0], 0);
    audio_grid_set(g, r->seconds, place, r->n, g->length);
    g->metre = r->metre;
    g->bar_confidence = r->bar_confidence;
    mem_free(place);
    if (!g->steady)
        snprintf(g->reason, sizeof g->reason, "the tempo changes");
    else if (g->bar_confidence < 0.5f)
        snprintf(g->reason, sizeof g->reason, "the downbeats are uncertain");
}

static bool track(BeatGrid *g, const float *x, int64_t n, TempoRange range, const Progress *p, Err *e)
{
    Track t = {0};
    bool ok = progress_tick(p, "listening", 0, 1) || err_cancel(e);
    ok = ok && audio_onsets_init(&t.onsets, x, n, e) && audio_harmony_init(&t.harmony, x, n, e)
        && audio_tempo_init(&t.tempo, &t.onsets, e) && audio_pulse_init(&t.pulse, &t.onsets, &t.tempo, p, e);
    if (ok) {
        audio_reading_init(&t.reading, &t.pulse, &t.onsets, &t.harmony, range);
        if (!find_doubt(g, &t, range)) {
            audio_refine_beats(&t.reading, &t.onsets);
            fill_grid(g, &t.reading);
        }
    }
    track_finish(&t);
    return ok;
}

bool audio_track_beats_between(BeatGrid *g, const float *x, int64_t n, double rate, double slowest, double fastest,
    const Progress *p, Err *e)
{
    audio_grid_init(g);
    if (!(slowest >= 30 && slowest < fastest && fastest <= 300))
        return err_set(e, "beats between %g and %g a minute: 30 to 300 are possible, the slower first", slowest, fastest);
    float *y;
    int64_t m;
    if (!audio_prepare(x, n, rate, &y, &m, e))
        return false;
    g->length = (double)n / rate;
    bool ok = track(g, y, m, (TempoRange){slowest, fastest}, p, e);
    mem_free(y);
    return ok;
}

bool audio_track_beats(BeatGrid *g, const float *x, int64_t n, double rate, const Progress *p, Err *e)
{
    return audio_track_beats_between(g, x, n, rate, 50, 220, p, e);
}
