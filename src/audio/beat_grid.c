/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat grid: beats of a song with their place in the bar, the questions that motion and rendering ask of it (phase,
 * distance, tempo at a time), and the corrections that people make. Beats go on at the first and last interval outside
 * the listed ones, so that every time has a phase. Leaves out how beats are found (beat.c) and stored (beats_file.c).
 */
#include "audio/audio.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_METRE = 16 };

void audio_grid_init(BeatGrid *g)
{
    *g = (BeatGrid){0};
}

void audio_grid_finish(BeatGrid *g)
{
    if (!g)
        return;
    mem_free(g->seconds);
    mem_free(g->beat_in_bar);
    *g = (BeatGrid){0};
}

static void *duplicate(const void *p, size_t bytes)
{
    return bytes ? memcpy(mem_alloc(bytes), p, bytes) : NULL;
}

void audio_grid_copy(BeatGrid *to, const BeatGrid *from)
{
    *to = *from;
    to->seconds = duplicate(from->seconds, (size_t)from->n * sizeof(double));
    to->beat_in_bar = duplicate(from->beat_in_bar, (size_t)from->n * sizeof(int));
}

bool audio_grid_has_beat(const BeatGrid *g)
{
    return g->n >= 2;
}

/* ---- what follows from the beats -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void derive_tempo(BeatGrid *g)
{
    g->tempo = 0;
    g->steady = false;
    if (g->n < 2)
        return;
    int n = g->n - 1;
    double *d = mem_alloc((size_t)n * sizeof(double));
    for (int i = 0; i < n; i++)
        d[i] = g->seconds[i + 1] - g->seconds[i];
    qsort(d, (size_t)n, sizeof(double), by_value);
    g->tempo = 60 / d[n / 2];
    g->steady = d[n / 20] > 0.98 * d[n / 2] && d[n - 1 - n / 20] < 1.02 * d[n / 2];
    mem_free(d);
}

/* The commonest number of beats from one downbeat to the next; with fewer than two downbeats the highest count. */
static int commonest_bar(const BeatGrid *g)
{
    int count[MAX_METRE + 1] = {0}, highest = 0, best = 0;
    for (int i = 0; i < g->n; i++) {
        highest = MAX(highest, g->beat_in_bar[i]);
        if (i > 0 && g->beat_in_bar[i] == 1)
            count[g->beat_in_bar[i - 1]]++;
    }
    for (int b = 1; b <= MAX_METRE; b++)
        if (count[b] > count[best])
            best = b;
    return best ? best : highest;
}

void audio_grid_set(BeatGrid *g, const double *seconds, const int *beat_in_bar, int n, double length)
{
    double *s = duplicate(seconds, (size_t)n * sizeof(double));
    int *b = duplicate(beat_in_bar, (size_t)n * sizeof(int));
    mem_free(g->seconds);
    mem_free(g->beat_in_bar);
    g->n = n;
    g->seconds = s;
    g->beat_in_bar = b;
    g->length = length;
    for (int i = 0; i < n; i++)
        assert(b[i] >= 1 && b[i] <= MAX_METRE && (i == 0 || s[i] > s[i - 1]));
    derive_tempo(g);
    g->metre = commonest_bar(g);
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

/* The beat whose interval holds t, 0..n-2. */
static int interval_of(const BeatGrid *g, double t)
{
    int lo = 0, hi = g->n - 1;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        *(g->seconds[mid] <= t ? &lo : &hi) = mid;
    }
    return lo;
}

double audio_grid_position(const BeatGrid *g, double t)
{
    assert(g->n >= 2);
    int i = interval_of(g, t);
    return i + (t - g->seconds[i]) / (g->seconds[i + 1] - g->seconds[i]);
}

double audio_grid_time(const BeatGrid *g, double position)
{
    assert(g->n >= 2);
    int i = (int)CLAMP(floor(position), 0, g->n - 2);
    return g->seconds[i] + (position - i) * (g->seconds[i + 1] - g->seconds[i]);
}

int audio_grid_bar_position(const BeatGrid *g, int64_t i)
{
    assert(g->n >= 1 && g->metre >= 1);
    if (i >= 0 && i < g->n)
        return g->beat_in_bar[i];
    int64_t edge = i < 0 ? 0 : g->n - 1, at = MIN(g->beat_in_bar[edge], g->metre) - 1 + (i - edge);
    return (int)(((at % g->metre) + g->metre) % g->metre) + 1;
}

static double fraction(double x)
{
    x -= floor(x);
    return x < 1 ? x : 0;
}

double audio_grid_beat_phase(const BeatGrid *g, double t)
{
    return fraction(audio_grid_position(g, t));
}

/* Index of the downbeat at or before beat i, or after it when step is 1. A bar has at most MAX_METRE beats. */
static int64_t downbeat_from(const BeatGrid *g, int64_t i, int step)
{
    for (int k = 0; k < MAX_METRE && audio_grid_bar_position(g, i) != 1; k++)
        i += step;
    return i;
}

double audio_grid_bar_phase(const BeatGrid *g, double t)
{
    double p = audio_grid_position(g, t);
    int64_t beat = (int64_t)floor(p), start = downbeat_from(g, beat, -1), end = downbeat_from(g, beat + 1, 1);
    return fraction((p - (double)start) / (double)(end - start));
}

double audio_grid_half_time_phase(const BeatGrid *g, double t)
{
    double p = audio_grid_position(g, t);
    int64_t beat = (int64_t)floor(p);
    int64_t count = g->metre % 2 == 0 ? audio_grid_bar_position(g, beat) - 1 : beat - downbeat_from(g, 0, 1);
    return fraction(((double)(count & 1) + p - (double)beat) / 2);
}

double audio_grid_tempo_at(const BeatGrid *g, double t)
{
    int i = interval_of(g, t);
    return 60 / (g->seconds[i + 1] - g->seconds[i]);
}

double audio_grid_beat_distance(const BeatGrid *g, double t)
{
    double p = audio_grid_position(g, t);
    return fmin(fabs(t - audio_grid_time(g, floor(p))), fabs(t - audio_grid_time(g, floor(p) + 1)));
}

double audio_grid_downbeat_distance(const BeatGrid *g, double t)
{
    int64_t beat = (int64_t)floor(audio_grid_position(g, t));
    double before = audio_grid_time(g, (double)downbeat_from(g, beat, -1));
    double after = audio_grid_time(g, (double)downbeat_from(g, beat + 1, 1));
    return fmin(fabs(t - before), fabs(t - after));
}

/* ---- corrections ------------------------------------------------------------------------------------------------ */

/* Drops beats outside [0, length] (when length is known) and derives the rest anew. */
static void keep_inside(BeatGrid *g)
{
    int n = 0;
    for (int i = 0; i < g->n; i++)
        if (g->seconds[i] >= 0 && (g->length <= 0 || g->seconds[i] <= g->length)) {
            g->seconds[n] = g->seconds[i];
            g->beat_in_bar[n++] = g->beat_in_bar[i];
        }
    g->n = n;
    derive_tempo(g);
}

void audio_grid_shift(BeatGrid *g, double seconds)
{
    for (int i = 0; i < g->n; i++)
        g->seconds[i] += seconds;
    keep_inside(g);
}

/* Beat position of a grid whose beats are counted from the first downbeat in bars of the metre. */
static int count_from(int64_t beat, int64_t one, int metre)
{
    return (int)((((beat - one) % metre) + metre) % metre) + 1;
}

void audio_grid_double(BeatGrid *g)
{
    if (g->n < 2)
        return;
    int n = 2 * g->n - 1;
    int64_t one = 2 * downbeat_from(g, 0, 1);
    double *s = mem_alloc((size_t)n * sizeof(double));
    int *b = mem_alloc((size_t)n * sizeof(int));
    for (int i = 0; i < n; i++) {
        s[i] = audio_grid_time(g, i / 2.0);
        b[i] = count_from(i, one, g->metre);
    }
    mem_free(g->seconds);
    mem_free(g->beat_in_bar);
    g->seconds = s;
    g->beat_in_bar = b;
    g->n = n;
    derive_tempo(g);
}

void audio_grid_halve(BeatGrid *g, bool keep_odd)
{
    int n = 0;
    for (int i = keep_odd ? 1 : 0; i < g->n; i += 2, n++) {
        g->seconds[n] = g->seconds[i];
        g->beat_in_bar[n] = g->beat_in_bar[i];
    }
    int64_t one = 0; /* the first kept beat that was a downbeat stays one */
    while (one < n && g->beat_in_bar[one] != 1)
        one++;
    for (int i = 0; i < n; i++)
        g->beat_in_bar[i] = count_from(i, one, g->metre);
    g->n = n;
    derive_tempo(g);
}

bool audio_grid_set_downbeat(BeatGrid *g, int i, int metre, Err *e)
{
    if (metre < 1 || metre > MAX_METRE)
        return err_set(e, "%d beats in a bar: must be 1 to %d", metre, MAX_METRE);
    if (i < 0 || i >= g->n)
        return err_set(e, "beat %d cannot be the first of a bar: the grid has beats 0 to %d", i, g->n - 1);
    for (int k = 0; k < g->n; k++)
        g->beat_in_bar[k] = count_from(k, i, metre);
    g->metre = metre;
    return true;
}

void audio_grid_cut(BeatGrid *g, double start, double length)
{
    g->length = length;
    audio_grid_shift(g, -start);
}

void audio_grid_keep(BeatGrid *g, double from, double to)
{
    int n = 0;
    for (int i = 0; i < g->n; i++)
        if (g->seconds[i] >= from && g->seconds[i] < to) {
            g->seconds[n] = g->seconds[i];
            g->beat_in_bar[n++] = g->beat_in_bar[i];
        }
    g->n = n;
    derive_tempo(g);
}
