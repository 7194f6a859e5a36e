/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pulses are beats, how many make a bar, and where the bar begins. The pulse of pulse.c may be the beat, twice or
 * half as fast, or lie between the beats. So every reading (tempo level x shift x metre 3 or 4 x first beat) is scored
 * by what musicians do, averaged over the whole song, and the best one taken. All terms are differences of onset
 * strength in deviations, so that loudness and style matter little. The weights were fitted (maximum likelihood,
 * nearly all kept positive) on 120 composed songs and 13 loops in twenty styles, leaving out one style at a time, and
 * then rounded: tests/audio/compose_songs.py.
 * One metre and one phase hold for the whole song; songs that change their metre are left to hand-edited .beats files.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUARTERS = 4, MAX_METRE = 4 };

/* Signals sampled at the sixteenths of a reading. MIDDLE is the mean of all bands but LOW: snares, claps, chords. */
typedef enum Signal { LOW, BODY, VOICE, HIGH, ALL, MIDDLE, SIGNALS } Signal;

typedef struct Signals {
    int64_t n;
    float *v[SIGNALS]; /* [n], mean 0, deviation about 1; the largest of five frames, so that a little off is on */
} Signals;

/* A reading's beats and what is heard on them. */
typedef struct Profile {
    int n;
    double *seconds;                   /* [n] */
    double period;                     /* median interval, seconds */
    bool threes;                       /* changes the pulse by a factor of three */
    bool begins;                       /* the song's first sound is at the first beat */
    float (*at)[QUARTERS][SIGNALS];    /* [n] */
    double (*change)[2];               /* [n] harmony, above and below */
} Profile;

static void pool_max(float *out, const float *v, int64_t n, int radius)
{
    for (int64_t t = 0; t < n; t++) {
        out[t] = v[t];
        for (int64_t i = MAX(t - radius, 0); i <= MIN(t + radius, n - 1); i++)
            out[t] = fmaxf(out[t], v[i]);
    }
}

static void standardise(float *v, int64_t n)
{
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < n; t++) {
        sum += v[t];
        squares += (double)v[t] * v[t];
    }
    double mean = sum / (double)n, deviation = sqrt(fmax(squares / (double)n - mean * mean, 0));
    for (int64_t t = 0; t < n; t++)
        v[t] = (float)((v[t] - mean) / (deviation + 0.2));
}

static void signals_init(Signals *s, const Onsets *o)
{
    s->n = o->n;
    float *block = mem_alloc((size_t)(SIGNALS + 1) * (size_t)o->n * sizeof(float)), *mix = block + SIGNALS * o->n;
    for (int j = 0; j < SIGNALS; j++)
        s->v[j] = block + j * o->n;
    for (int g = 0; g < ONSET_BANDS; g++)
        pool_max(s->v[LOW + g], o->band[g], o->n, 2);
    for (int64_t t = 0; t < o->n; t++)
        mix[t] = o->all[t] / 4;
    pool_max(s->v[ALL], mix, o->n, 2);
    for (int64_t t = 0; t < o->n; t++)
        mix[t] = (o->band[1][t] + o->band[2][t] + o->band[3][t]) / 3;
    pool_max(s->v[MIDDLE], mix, o->n, 2);
    for (int j = 0; j < SIGNALS; j++)
        standardise(s->v[j], o->n);
}

/* ---- one tempo level and shift ---------------------------------------------------------------------------------- */

typedef struct Level {
    double multiple, shift; /* beats per pulse; of the first beat, in pulses */
} Level;

static const Level levels[] = {
    {1, 0}, {1, 0.25}, {1, 0.5}, {1, 0.75}, {1, 1 / 3.0}, {1, 2 / 3.0}, {2, 0}, {2, 0.25},
    {0.5, 0}, {0.5, 0.5}, {0.5, 1}, {0.5, 1.5}, {1.5, 0}, {1.5, 1 / 3.0}, {2 / 3.0, 0}, {2 / 3.0, 0.5}, {2 / 3.0, 1},
    {3, 0}, {3, 1 / 6.0}, {1 / 3.0, 0}, {1 / 3.0, 1}, {1 / 3.0, 2},
};

static double time_at(const double *seconds, int n, double position)
{
    int i = CLAMP((int)position, 0, n - 2);
    return seconds[i] + (position - i) * (seconds[i + 1] - seconds[i]);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_interval(const double *seconds, int n)
{
    double *d = mem_alloc((size_t)n * sizeof(double));
    for (int i = 0; i + 1 < n; i++)
        d[i] = seconds[i + 1] - seconds[i];
    qsort(d, (size_t)n - 1, sizeof(double), by_value);
    double m = d[(n - 1) / 2];
    mem_free(d);
    return m;
}

static void profile_finish(Profile *p)
{
    mem_free(p->seconds);
    mem_free(p->at);
    mem_free(p->change);
    *p = (Profile){0};
}

/* Changes within two beats of silence are that of the silence: they get the mean of the others. */
static void listen_to_harmony(Profile *p, const Harmony *h, double from, double to)
{
    double width = p->period < 0.8 ? 2 * p->period : p->period, sum[2] = {0};
    int heard = 0;
    for (int i = 0; i < p->n; i++) {
        audio_harmony_change(h, p->seconds[i], width, p->change[i]);
        if (p->seconds[i] - 2 * p->period >= from && p->seconds[i] + 2 * p->period <= to) {
            sum[0] += p->change[i][0];
            sum[1] += p->change[i][1];
            heard++;
        }
    }
    for (int i = 0; i < p->n; i++)
        if (p->seconds[i] - 2 * p->period < from || p->seconds[i] + 2 * p->period > to)
            for (int part = 0; part < 2; part++)
                p->change[i][part] = heard ? sum[part] / heard : 0;
}

static bool profile_init(Profile *p, const PulsePath *pulse, Level level, const Signals *s, const Onsets *o,
    const Harmony *h)
{
    *p = (Profile){.threes = fmod(level.multiple * 4, 1) != 0 || level.multiple == 3 || level.multiple == 1.5};
    double from = o->sound_from - 0.1, to = o->sound_to + 0.1;
    p->seconds = mem_alloc((size_t)(pulse->n * level.multiple + 2) * sizeof(double));
    for (double at = level.shift; at <= pulse->n - 1 + 1e-9; at += 1 / level.multiple) {
        double t = time_at(pulse->seconds, pulse->n, at);
        if (t > from && t < to)
            p->seconds[p->n++] = t;
    }
    p->period = p->n >= 4 ? median_interval(p->seconds, p->n) : 0;
    if (p->period < 60 / 220.0 || p->period > 60 / 50.0) {
        profile_finish(p);
        return false;
    }
    p->begins = p->seconds[0] - from < 0.6 * p->period;
    p->at = mem_alloc((size_t)p->n * sizeof *p->at);
    p->change = mem_alloc((size_t)p->n * sizeof *p->change);
    for (int i = 0; i < p->n; i++)
        for (int q = 0; q < QUARTERS; q++) {
            double t = i + 1 < p->n ? time_at(p->seconds, p->n, i + q / 4.0) : p->seconds[i] + p->period * q / 4;
            int64_t frame = CLAMP((int64_t)lround(t * TRACK_FPS), 0, s->n - 1);
            for (int j = 0; j < SIGNALS; j++)
                p->at[i][q][j] = s->v[j][frame];
        }
    listen_to_harmony(p, h, from, to);
    return true;
}

/* ---- scores ----------------------------------------------------------------------------------------------------- */

/* Mean of a signal on quarter q of every beat i with i mod every == which. */
static double mean_on(const Profile *p, Signal j, int q, int every, int which)
{
    double sum = 0;
    int n = 0;
    for (int i = which; i < p->n; i += every, n++)
        sum += p->at[i][q][j];
    return n ? sum / n : 0;
}

/* How far the beats stand out of the sixteenths between them. */
static double pulse_contrast(const Profile *p, Signal j)
{
    return mean_on(p, j, 0, 1, 0) - (mean_on(p, j, 1, 1, 0) + mean_on(p, j, 3, 1, 0)) / 2;
}

static double score_level(const Profile *p)
{
    double octaves = log2(60 / p->period / 112);
    double low = mean_on(p, LOW, 0, 2, 0) - mean_on(p, LOW, 0, 2, 1);
    double middle = mean_on(p, MIDDLE, 0, 2, 0) - mean_on(p, MIDDLE, 0, 2, 1);
    double turns = MIN(low * middle < 0 ? fabs(middle) : 0, 1.5); /* kick and snare take turns: a beat each */
    return -9 * octaves * octaves - (p->threes ? 6 : 0)
        + 0.5 * pulse_contrast(p, LOW) + 1.5 * pulse_contrast(p, ALL)
        + 0.2 * (mean_on(p, ALL, 0, 1, 0) - mean_on(p, ALL, 2, 1, 0))
        + 1.7 * turns - 0.7 * fabs(low); /* a kick on every second beat only speaks for half the tempo */
}

/* Correlation of what is heard in beat i (four bands, four quarters) and in beat i + lag. */
static double self_likeness(const Profile *p, int lag)
{
    double mean[QUARTERS][ONSET_BANDS], dot = 0, aa = 0, bb = 0;
    if (p->n <= lag + 2)
        return 0;
    for (int q = 0; q < QUARTERS; q++)
        for (int b = 0; b < ONSET_BANDS; b++)
            mean[q][b] = mean_on(p, (Signal)b, q, 1, 0);
    for (int i = 0; i + lag < p->n; i++)
        for (int q = 0; q < QUARTERS; q++)
            for (int b = 0; b < ONSET_BANDS; b++) {
                double x = p->at[i][q][b] - mean[q][b], y = p->at[i + lag][q][b] - mean[q][b];
                dot += x * y;
                aa += x * x;
                bb += y * y;
            }
    return dot / (sqrt(aa * bb) + 1e-9);
}

/* How much more of the harmony's movement falls on the first beat of the bar than on the others. */
static double change_on_one(const Profile *p, int part, int metre, int first)
{
    double on = 0, off = 0;
    int ons = 0, offs = 0;
    for (int i = 0; i < p->n; i++) {
        bool one = (i - first + metre) % metre == 0;
        *(one ? &on : &off) += p->change[i][part];
        *(one ? &ons : &offs) += 1;
    }
    double mean = (on + off) / p->n;
    return ons && offs ? (on / ons - off / offs) / (mean + 0.06) : 0;
}

static double score_bar(const Profile *p, int metre, int first, double likeness)
{
    double low[MAX_METRE], middle[MAX_METRE], all[MAX_METRE], score = p->begins && first == 0 ? 1.3 : 0;
    for (int b = 0; b < metre; b++) {
        low[b] = mean_on(p, LOW, 0, metre, (first + b) % metre);
        middle[b] = mean_on(p, MIDDLE, 0, metre, (first + b) % metre);
        all[b] = mean_on(p, ALL, 0, metre, (first + b) % metre);
    }
    double above = change_on_one(p, 0, metre, first), below = change_on_one(p, 1, metre, first);
    if (metre == 3)
        return score - 1.2 - 1.5 * likeness + 0.9 * (low[0] - (low[1] + low[2]) / 2)
            + 0.7 * ((middle[1] + middle[2]) / 2 - middle[0]) + 0.8 * above + 0.4 * below;
    return score + 1.5 * likeness + 0.3 * (low[0] + low[2] - low[1] - low[3]) + 0.75 * (low[0] - low[2])
        + 0.4 * (middle[1] + middle[3] - middle[0] - middle[2]) + 3.2 * above + 1.7 * below
        + 0.3 * (all[0] - (all[1] + all[2] + all[3]) / 3);
}

/* ---- the choice ------------------------------------------------------------------------------------------------- */

typedef struct Best {
    double score;
    int metre, first;
    float confidence;
} Best;

static Best best_bar(const Profile *p)
{
    double four = self_likeness(p, 4) + self_likeness(p, 8), three = self_likeness(p, 3) + self_likeness(p, 6);
    double scores[7], sum = 0, base = score_level(p);
    Best best = {-INFINITY, 4, 0, 0};
    for (int i = 0; i < 7; i++) {
        int metre = i < 4 ? 4 : 3, first = i < 4 ? i : i - 4;
        scores[i] = base + score_bar(p, metre, first, four - three);
        if (scores[i] > best.score)
            best = (Best){scores[i], metre, first, 0};
    }
    for (int i = 0; i < 7; i++)
        sum += exp(scores[i] - best.score);
    best.confidence = (float)(1 / sum);
    return best;
}

bool audio_reading_init(Reading *r, const PulsePath *pulse, const Onsets *o, const Harmony *h)
{
    *r = (Reading){0};
    Signals s;
    signals_init(&s, o);
    double top = -INFINITY;
    for (size_t i = 0; pulse->n >= 4 && i < ARRAY_LEN(levels); i++) {
        Profile p;
        if (!profile_init(&p, pulse, levels[i], &s, o, h))
            continue;
        Best b = best_bar(&p);
        if (b.score > top) {
            top = b.score;
            mem_free(r->seconds);
            *r = (Reading){p.n, p.seconds, b.metre, b.first, b.confidence};
            p.seconds = NULL;
        }
        profile_finish(&p);
    }
    mem_free(s.v[0]);
    return r->n > 0;
}

void audio_reading_finish(Reading *r)
{
    mem_free(r->seconds);
    *r = (Reading){0};
}
