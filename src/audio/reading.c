/* SPDX-License-Identifier: Apache-2.0
 *
 * Readings of the pulse and what speaks for each. The pulse of pulse.c may be the beat, twice or half as fast, or lie
 * between the beats. A reading is a tempo level x shift x metre (2, 3 or 4) x first beat; its evidence are numbers averaged
 * over the whole song that tell what musicians do: what stands out on beats and between them, where chords and players
 * change, what repeats after a bar. Nearly all are differences of onset strength in deviations, so that loudness and style
 * matter little. downbeat.c weighs them.
 * One metre and one phase hold for the whole song; songs that change their metre are left to hand-edited .beats files.
 */
#include "audio/audio_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUARTERS = 4, SPOTS = 6, MAX_METRE = 4, THIRDS = 19 }; /* spots: the four quarters of a beat, then its two inner thirds;
                                                                  * THIRDS: the evidence that thirds are louder than quarters */

/* Signals sampled at the sixteenths of a reading. MIDDLE is the mean of all bands but LOW: snares, claps,
 * chords. STROKE is a drum's: low and high at once, as a kick sounds and an off-beat bass or a hat does not. */
typedef enum Signal { LOW, BODY, VOICE, HIGH, ALL, MIDDLE, STROKE, SIGNALS } Signal;

typedef struct Signals {
    int64_t n;
    float *v[SIGNALS]; /* [n], mean 0, deviation about 1; the largest of five frames, so that a little off is on */
} Signals;

/* A reading's beats and what is heard on them. */
typedef struct Profile {
    int n;
    double *seconds;                   /* [n] */
    double period;                     /* median interval, seconds */
    double multiple;                   /* beats per pulse */
    double shift;
    bool begins;                       /* the song's first sound is at the first beat */
    float (*at)[SPOTS][SIGNALS];       /* [n] */
    double (*change)[CHANGES];         /* [n] harmony above, below, and bands, at the beat */
    double (*between)[CHANGES];        /* [n] and half a beat later */
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
    for (int64_t t = 0; t < o->n; t++)
        mix[t] = fminf(s->v[LOW][t], fmaxf(s->v[BODY][t], s->v[HIGH][t]));
    pool_max(s->v[STROKE], mix, o->n, 0);
    for (int j = 0; j < SIGNALS; j++)
        standardise(s->v[j], o->n);
}

/* ---- one tempo level and shift ---------------------------------------------------------------------------------- */

typedef struct Level {
    double multiple, shift; /* beats per pulse; of the first beat, in pulses */
} Level;

static const Level levels[] = {
    {1, 0}, {1, 1 / 6.0}, {1, 0.25}, {1, 1 / 3.0}, {1, 5 / 12.0}, {1, 0.5}, {1, 7 / 12.0}, {1, 2 / 3.0}, {1, 0.75},
    {1, 5 / 6.0}, {2, 0}, {2, 1 / 6.0}, {2, 0.25}, {2, 1 / 3.0}, {0.5, 0}, {0.5, 1 / 3.0}, {0.5, 0.5}, {0.5, 2 / 3.0},
    {0.5, 1}, {0.5, 4 / 3.0}, {0.5, 1.5}, {0.5, 5 / 3.0}, {1.5, 0}, {1.5, 1 / 6.0}, {1.5, 1 / 3.0}, {1.5, 0.5},
    {2 / 3.0, 0}, {2 / 3.0, 0.25}, {2 / 3.0, 0.5}, {2 / 3.0, 0.75}, {2 / 3.0, 1}, {2 / 3.0, 1.25},
    {3, 0}, {3, 1 / 6.0}, {1 / 3.0, 0}, {1 / 3.0, 0.5}, {1 / 3.0, 1}, {1 / 3.0, 1.5}, {1 / 3.0, 2}, {1 / 3.0, 2.5},
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
static void listen_to_changes(Profile *p, double (*change)[CHANGES], double later, const Harmony *h, double from, double to)
{
    double width = p->period < 0.8 ? 2 * p->period : p->period, sum[CHANGES] = {0};
    int heard = 0;
    for (int i = 0; i < p->n; i++) {
        audio_harmony_change(h, p->seconds[i] + later, width, change[i]);
        if (p->seconds[i] - 2 * p->period >= from && p->seconds[i] + 2 * p->period <= to) {
            for (int part = 0; part < CHANGES; part++)
                sum[part] += change[i][part];
            heard++;
        }
    }
    for (int i = 0; i < p->n; i++)
        if (p->seconds[i] - 2 * p->period < from || p->seconds[i] + 2 * p->period > to)
            for (int part = 0; part < CHANGES; part++)
                change[i][part] = heard ? sum[part] / heard : 0;
}

static void listen_to_beats(Profile *p, const Signals *s)
{
    static const double spot[SPOTS] = {0, 1 / 4.0, 1 / 2.0, 3 / 4.0, 1 / 3.0, 2 / 3.0};
    for (int i = 0; i < p->n; i++)
        for (int q = 0; q < SPOTS; q++) {
            double t = i + 1 < p->n ? time_at(p->seconds, p->n, i + spot[q]) : p->seconds[i] + p->period * spot[q];
            int64_t frame = CLAMP((int64_t)lround(t * TRACK_FPS), 0, s->n - 1);
            for (int j = 0; j < SIGNALS; j++)
                p->at[i][q][j] = s->v[j][frame];
        }
}

static bool profile_init(Profile *p, const PulsePath *pulse, Level level, const Signals *s, const Onsets *o,
    const Harmony *h, TempoRange range)
{
    *p = (Profile){.multiple = level.multiple, .shift = level.shift};
    double from = o->sound_from - 0.1, to = o->sound_to + 0.1;
    p->seconds = mem_alloc((size_t)(pulse->n * level.multiple + 2) * sizeof(double));
    for (double at = level.shift; at <= pulse->n - 1 + 1e-9; at += 1 / level.multiple) {
        double t = time_at(pulse->seconds, pulse->n, at);
        if (t > from && t < to)
            p->seconds[p->n++] = t;
    }
    p->period = p->n >= 4 ? median_interval(p->seconds, p->n) : 0;
    if (p->period < 60 / range.fastest || p->period > 60 / range.slowest) {
        profile_finish(p);
        return false;
    }
    p->begins = p->seconds[0] - from < 0.6 * p->period;
    p->at = mem_alloc((size_t)p->n * sizeof *p->at);
    p->change = mem_alloc(2 * (size_t)p->n * sizeof *p->change);
    p->between = p->change + p->n;
    listen_to_beats(p, s);
    listen_to_changes(p, p->change, 0, h, from, to);
    listen_to_changes(p, p->between, p->period / 2, h, from, to);
    return true;
}

/* ---- evidence --------------------------------------------------------------------------------------------------- */

/* Mean of a signal on spot q of every beat i with i mod every == which. */
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

static double off_beat_contrast(const Profile *p, Signal j)
{
    return mean_on(p, j, 0, 1, 0) - mean_on(p, j, 2, 1, 0);
}

/* How much more changes on beats than between them. */
static double change_contrast(const Profile *p, int part)
{
    double on = 0, off = 0;
    for (int i = 0; i < p->n; i++) {
        on += p->change[i][part];
        off += p->between[i][part];
    }
    return (on - off) / (on + off + 0.06 * p->n);
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

/* How much more of what changes does so on the first beat of the bar than on the others; power 2: the big changes. */
static double change_on_one(const Profile *p, int part, int metre, int first, int power)
{
    double on = 0, off = 0;
    int ons = 0, offs = 0;
    for (int i = 0; i < p->n; i++) {
        bool one = (i - first + metre) % metre == 0;
        double v = power == 2 ? p->change[i][part] * p->change[i][part] : p->change[i][part];
        *(one ? &on : &off) += v;
        *(one ? &ons : &offs) += 1;
    }
    double mean = (on + off) / p->n;
    return ons && offs ? (on / ons - off / offs) / (mean + 0.06) : 0;
}

/* What speaks for the level: v[0..]. Returns how many there are. */
static int weigh_level(const Profile *p, float *v)
{
    double octaves = log2(60 / p->period / 112);
    double low = mean_on(p, LOW, 0, 2, 0) - mean_on(p, LOW, 0, 2, 1);
    double middle = mean_on(p, MIDDLE, 0, 2, 0) - mean_on(p, MIDDLE, 0, 2, 1);
    double turns = MIN(low * middle < 0 ? fabs(middle) : 0, 1.5); /* kick and snare take turns: a beat each */
    double thirds = (mean_on(p, ALL, 4, 1, 0) + mean_on(p, ALL, 5, 1, 0)) / 2;
    double quarters = (mean_on(p, ALL, 1, 1, 0) + mean_on(p, ALL, 3, 1, 0)) / 2;
    int n = 0;
    v[n++] = (float)(octaves * octaves);
    v[n++] = (float)fmax(octaves - 0.4, 0);
    v[n++] = (float)fmax(-octaves - 0.4, 0);
    v[n++] = fmod(p->multiple * 4, 1) != 0 || p->multiple == 3 || p->multiple == 1.5; /* changes the pulse by three */
    v[n++] = p->multiple == 1 && p->shift == 0;
    v[n++] = p->multiple > 1;
    v[n++] = p->multiple < 1;
    v[n++] = (float)pulse_contrast(p, LOW);
    v[n++] = (float)pulse_contrast(p, ALL);
    v[n++] = (float)pulse_contrast(p, MIDDLE);
    v[n++] = (float)pulse_contrast(p, HIGH);
    v[n++] = (float)off_beat_contrast(p, ALL);
    v[n++] = (float)off_beat_contrast(p, LOW);
    v[n++] = (float)off_beat_contrast(p, MIDDLE);
    v[n++] = (float)off_beat_contrast(p, HIGH);
    v[n++] = (float)off_beat_contrast(p, STROKE);
    v[n++] = (float)pulse_contrast(p, STROKE);
    v[n++] = (float)turns;
    v[n++] = (float)fabs(low);
    assert(n == THIRDS);
    v[n++] = (float)(thirds - quarters);
    v[n++] = (float)(mean_on(p, ALL, 5, 1, 0) - mean_on(p, ALL, 2, 1, 0));
    v[n++] = (float)mean_on(p, ALL, 0, 1, 0);
    v[n++] = (float)quarters;
    v[n++] = (float)change_contrast(p, 0);
    v[n++] = (float)change_contrast(p, 1);
    v[n++] = (float)change_contrast(p, 2);
    v[n++] = (float)self_likeness(p, 1);
    v[n++] = (float)self_likeness(p, 2);
    return n;
}

/* What speaks for a bar of `metre` beats with its first beat at `first`; likeness: of beats 2, 3, 4 and their doubles apart. */
static int weigh_bar(const Profile *p, int metre, int first, const double likeness[MAX_METRE + 1], float *v)
{
    double low[MAX_METRE], middle[MAX_METRE], all[MAX_METRE], stroke[MAX_METRE];
    double thirds = mean_on(p, ALL, 4, 1, 0) + mean_on(p, ALL, 5, 1, 0) - mean_on(p, ALL, 1, 1, 0) - mean_on(p, ALL, 3, 1, 0);
    int n = 0;
    for (int b = 0; b < metre; b++) {
        low[b] = mean_on(p, LOW, 0, metre, (first + b) % metre);
        middle[b] = mean_on(p, MIDDLE, 0, metre, (first + b) % metre);
        all[b] = mean_on(p, ALL, 0, metre, (first + b) % metre);
        stroke[b] = mean_on(p, STROKE, 0, metre, (first + b) % metre);
    }
    v[n++] = p->begins && first == 0;
    memset(v + n, 0, (EVIDENCE - 28 - 1) * sizeof(float));
    if (metre == 4) {
        v[n] = (float)(likeness[4] - likeness[3]);
        v[n + 1] = (float)thirds;
        v[n + 2] = (float)(low[0] + low[2] - low[1] - low[3]);
        v[n + 3] = (float)(low[0] - low[2]);
        v[n + 4] = (float)(middle[1] + middle[3] - middle[0] - middle[2]);
        v[n + 5] = (float)(all[0] - (all[1] + all[2] + all[3]) / 3);
        v[n + 6] = (float)(stroke[0] + stroke[2] - stroke[1] - stroke[3]);
        v[n + 7] = (float)(stroke[0] - stroke[2]);
    } else if (metre == 3) {
        v[n + 8] = 1;
        v[n + 9] = (float)(likeness[3] - likeness[4]);
        v[n + 10] = (float)thirds;
        v[n + 11] = (float)(low[0] - (low[1] + low[2]) / 2);
        v[n + 12] = (float)((middle[1] + middle[2]) / 2 - middle[0]);
        v[n + 13] = (float)(stroke[0] - (stroke[1] + stroke[2]) / 2);
    } else {
        v[n + 14] = 1;
        v[n + 15] = (float)(likeness[2] - likeness[3]);
        v[n + 16] = (float)thirds;
        v[n + 17] = (float)(low[0] - low[1]);
        v[n + 18] = (float)(middle[1] - middle[0]);
        v[n + 19] = (float)(stroke[0] - stroke[1]);
    }
    n += 20;
    for (int part = 0; part < CHANGES; part++) /* in bars of four there are three other beats, in bars of two one */
        v[n++] = (float)(change_on_one(p, part, metre, first, 1) * (metre == 4 ? 1 : metre == 3 ? 0.7 : 0.4));
    v[n++] = (float)(change_on_one(p, 2, metre, first, 2) * (metre == 4 ? 1 : metre == 3 ? 0.7 : 0.4));
    return n;
}

void audio_readings_each(const PulsePath *pulse, const Onsets *o, const Harmony *h, TempoRange range, CandidateFn *fn,
    void *user)
{
    Signals s;
    float v[EVIDENCE];
    signals_init(&s, o);
    for (size_t i = 0; pulse->n >= 4 && i < ARRAY_LEN(levels); i++) {
        Profile p;
        if (!profile_init(&p, pulse, levels[i], &s, o, h, range))
            continue;
        double likeness[MAX_METRE + 1] = {0};
        for (int lag = 2; lag <= MAX_METRE; lag++)
            likeness[lag] = self_likeness(&p, lag) + self_likeness(&p, 2 * lag);
        int n = weigh_level(&p, v);
        bool thirds = v[THIRDS] > 0.3f; /* bars of two beats are 6/8, whose beats have three parts: a march counts as 4/4 */
        for (int metre = thirds ? 2 : 3; metre <= MAX_METRE; metre++)
            for (int first = 0; first < metre; first++) {
                int all = n + weigh_bar(&p, metre, first, likeness, v + n);
                assert(all <= EVIDENCE);
                memset(v + all, 0, (size_t)(EVIDENCE - all) * sizeof(float));
                fn(user, &(Candidate){p.seconds, p.n, metre, first, (int)i, v});
            }
        profile_finish(&p);
    }
    mem_free(s.v[0]);
}
