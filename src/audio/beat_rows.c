/* SPDX-License-Identifier: Apache-2.0
 *
 * Beats as models are told of them, one row a video frame: DabFusion's binary flags (its specification, sections 1.1
 * row 3 and 3.5) and MuseDance's six numbers (its specification, section 3.3). Both take any beats: a file's, our
 * tracker's or librosa's.
 */
#include "audio/audio.h"

#include <math.h>
#include <string.h>

void audio_beat_flags(const double *beats, int n, double start, double fps, int frames, float *flags)
{
    memset(flags, 0, (size_t)frames * sizeof(float));
    for (int j = 0; j < n; j++) {
        double i = rint((beats[j] - start) * fps); /* half to even, as in Python */
        if (i >= 0 && i < frames)
            flags[(int)i] = 1;
    }
}

/* Interval [at, at+1] of the rising times t that holds or is nearest to `when`; n is 2 or more. */
static int interval(const double *t, int n, double when)
{
    int low = 0, high = n - 2;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (t[middle] <= when)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* A pulse of `width` seconds at the nearest of the times and, in between, sine and cosine of the phase. Before the
 * first and after the last the first and last interval go on. */
static void add_pulse_and_phase(const double *t, int n, double when, double width, float *pulse, float *phase)
{
    int i = interval(t, n, when);
    double gap = t[i + 1] - t[i], turns = (when - t[i]) / gap, d = (turns - rint(turns)) * gap;
    if (turns >= 0 && turns <= 1)
        d = fmin(when - t[i], t[i + 1] - when);
    *pulse = (float)exp(-d * d / (2 * width * width));
    phase[0] = (float)sin(2 * M_PI * turns);
    phase[1] = (float)cos(2 * M_PI * turns);
}

/* The times of "one"; a song with fewer than two gets the one before and after it from its metre. */
static int downbeats(const BeatGrid *g, double *t)
{
    int n = 0, first = -1;
    for (int i = 0; i < g->n; i++)
        if (g->beat_in_bar[i] == 1) {
            first = first < 0 ? i : first;
            t[n++] = g->seconds[i];
        }
    if (n >= 2)
        return n;
    double one = n ? first : 1 - g->beat_in_bar[0], bar = MAX(g->metre, 1);
    t[0] = audio_grid_time(g, one);
    t[1] = audio_grid_time(g, one + bar);
    return 2;
}

void audio_beat_vectors(const BeatGrid *g, double start, double step, int frames, double width, float *rows)
{
    memset(rows, 0, (size_t)frames * AUDIO_BEAT_VECTOR * sizeof(float));
    if (!audio_grid_has_beat(g))
        return;
    double *ones = mem_alloc((size_t)MAX(g->n, 2) * sizeof(double));
    int bars = downbeats(g, ones);
    for (int i = 0; i < frames; i++) {
        float *row = rows + i * AUDIO_BEAT_VECTOR;
        double when = start + i * step;
        add_pulse_and_phase(g->seconds, g->n, when, width, &row[0], &row[2]);
        add_pulse_and_phase(ones, bars, when, width, &row[1], &row[4]);
    }
    mem_free(ones);
}
