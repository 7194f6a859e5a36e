/* SPDX-License-Identifier: Apache-2.0
 *
 * What the beat tracker can choose from: for each song (WAV with .beats beside it) all readings of its pulse, with the
 * evidence for each and how right it is. tools/fit_readings.py fits the weights of the choice on it.
 *
 *     readings SONG.wav... > TABLE     a line a reading: song, F of beats, F of downbeats, metre, evidence
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio_internal.h"
#include "media/media.h"
#include "metrics/metrics.h"

typedef struct Song {
    const char *path;
    BeatGrid known;
    double *ones; /* known downbeats */
    int n_ones;
} Song;

static void print_reading(void *user, const Candidate *c)
{
    const Song *s = user;
    double *ones = mem_alloc((size_t)c->n * sizeof(double));
    int n = 0;
    for (int i = c->first; i < c->n; i += c->metre)
        ones[n++] = c->seconds[i];
    double beats = metrics_beat_fmeasure(s->known.seconds, s->known.n, c->seconds, c->n, 0.07, 0).f;
    printf("%s %.3f %.3f %d", s->path, beats, metrics_beat_fmeasure(s->ones, s->n_ones, ones, n, 0.07, 0).f, c->metre);
    for (int i = 0; i < EVIDENCE; i++)
        printf(" %.4g", (double)c->evidence[i]);
    printf("\n");
    mem_free(ones);
}

static bool work(const char *path, Err *e)
{
    Song s = {.path = path};
    Sound sound = {0};
    float *mono = NULL, *x = NULL;
    int64_t n = 0;
    Onsets o = {0};
    Harmony h = {0};
    TempoMap m = {0};
    PulsePath p = {0};
    char beats[1000];
    snprintf(beats, sizeof beats, "%.*s.beats", (int)strlen(path) - 4, path);
    bool ok = sound_load(path, 0, -1, &sound, e) && sound_to_mono(&sound, &mono, e) &&
              audio_prepare(mono, sound.frames, sound.rate, &x, &n, e) && audio_beats_read(&s.known, beats, 0, e) &&
              audio_onsets_init(&o, x, n, e) && audio_harmony_init(&h, x, n, e) && audio_tempo_init(&m, &o, e) &&
              audio_pulse_init(&p, &o, &m, NULL, e);
    if (ok) {
        s.ones = mem_alloc((size_t)s.known.n * sizeof(double));
        for (int i = 0; i < s.known.n; i++)
            if (s.known.beat_in_bar[i] == 1)
                s.ones[s.n_ones++] = s.known.seconds[i];
        audio_readings_each(&p, &o, &h, (TempoRange){50, 220}, print_reading, &s);
    }
    audio_pulse_finish(&p);
    audio_tempo_finish(&m);
    audio_harmony_finish(&h);
    audio_onsets_finish(&o);
    audio_grid_finish(&s.known);
    mem_free(s.ones);
    mem_free(x);
    mem_free(mono);
    sound_finish(&sound);
    return ok;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        Err e = {0};
        if (!work(argv[i], &e)) {
            fprintf(stderr, "readings: %s\n", e.text);
            return 1;
        }
    }
    return 0;
}
