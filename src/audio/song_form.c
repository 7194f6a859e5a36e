/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of a song: its bars with their energy, and its parts: where the music changes and what comes back. Each bar is
 * described by its mean log-mel bands (who plays), chroma (which chords, averaged over four bars), onsets in four bands
 * (how the drums go) and loudness. Boundaries are those that minimise, by dynamic programming,
 *     sum over parts of [ squared distance of its bars to their mean ] + cost of a part
 * where a part costs less when it has a multiple of 4 or 8 bars, as most music does. Parts whose means are alike get the
 * same letter (average linkage). Names like "chorus" are guesses from what recurs and how loud it is.
 * In the line of Foote 2000 (novelty), Levy and Sandler 2008 (clustered states); nothing is trained.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    FFT = 2048, HOP = 1024, BANDS = 24,
    WIDE = BANDS + CHROMA + ONSET_BANDS + 1, /* values of a bar */
    LONGEST = 32,                            /* bars in a part */
    SMOOTH = 2,                              /* bars on either side over which chroma is averaged */
};
static const double part_cost = 2.2;       /* in mean squared deviations of a bar */
static const double alike_enough = 0.55;   /* letters: merge while the similarity is above */
static const double no_beat_bar = 4;       /* seconds of a "bar" where there is no beat */
static const double shortest_bar = 0.5;    /* s; in songs of more than 1000 s a 2000th, so that time and memory stay bounded */

typedef struct Bars {
    int n;
    double *start;         /* [n+1] seconds; the last is the end of the song */
    float (*value)[WIDE];  /* [n] */
    double *level;         /* [n] dB */
    double *onsets;        /* [n] mean onset strength */
} Bars;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *v, int n, int percent)
{
    double *copy = mem_alloc((size_t)n * sizeof(double));
    memcpy(copy, v, (size_t)n * sizeof(double));
    qsort(copy, (size_t)n, sizeof(double), by_value);
    double value = copy[(n - 1) * percent / 100];
    mem_free(copy);
    return value;
}

/* ---- bars ------------------------------------------------------------------------------------------------------- */

/* A bar begins at each downbeat; what comes before the first one belongs to the first bar when it is shorter than half a
 * bar, else it is a bar of its own. */
static void find_bars(Bars *b, const BeatGrid *g)
{
    bool beat = audio_grid_has_beat(g);
    b->start = mem_alloc((size_t)(g->n + (int)(g->length / no_beat_bar) + 3) * sizeof(double));
    b->n = 0;
    b->start[b->n++] = 0;
    if (beat) {
        double usual = 60 / g->tempo * g->metre, least = fmax(shortest_bar, g->length / 2000);
        for (int i = 0; i < g->n; i++)
            if (g->beat_in_bar[i] == 1 && g->seconds[i] < g->length - 0.25 * usual) {
                if (b->n == 1 && g->seconds[i] < 0.5 * usual)
                    b->start[0] = g->seconds[i];
                else if (g->seconds[i] >= b->start[b->n - 1] + least)
                    b->start[b->n++] = g->seconds[i];
            }
    } else {
        for (double t = no_beat_bar; t < g->length - no_beat_bar / 2; t += no_beat_bar)
            b->start[b->n++] = t;
    }
    b->start[b->n] = fmax(g->length, b->start[b->n - 1]);
}

static void bars_finish(Bars *b)
{
    mem_free(b->start);
    mem_free(b->value);
    mem_free(b->level);
    mem_free(b->onsets);
}

/* Means over each bar of what is in frames; at least one frame. */
static void gather(Bars *b, const Onsets *o, const Harmony *h, const float *mel, int64_t n_mel)
{
    for (int i = 0; i < b->n; i++) {
        float *v = b->value[i];
        double power = 0, onset = 0;
        int64_t from = CLAMP((int64_t)(b->start[i] * TRACK_RATE / HOP), 0, n_mel - 1);
        int64_t to = CLAMP((int64_t)(b->start[i + 1] * TRACK_RATE / HOP), from + 1, n_mel);
        memset(v, 0, WIDE * sizeof(float));
        for (int64_t t = from; t < to; t++)
            for (int k = 0; k < BANDS; k++)
                v[k] += log1pf(1e4f * mel[t * BANDS + k]) / (float)(to - from);
        from = CLAMP((int64_t)(b->start[i] * TRACK_RATE / CHROMA_HOP), 0, h->n - 1);
        to = CLAMP((int64_t)(b->start[i + 1] * TRACK_RATE / CHROMA_HOP), from + 1, h->n);
        for (int k = 0; k < CHROMA; k++)
            v[BANDS + k] = (h->sum[to * HARMONY_WIDE + k] - h->sum[from * HARMONY_WIDE + k]) / (float)(to - from);
        from = CLAMP((int64_t)(b->start[i] * TRACK_FPS), 0, o->n - 1);
        to = CLAMP((int64_t)(b->start[i + 1] * TRACK_FPS), from + 1, o->n);
        for (int64_t t = from; t < to; t++) {
            power += pow(10, o->level[t] / 10) / (double)(to - from);
            onset += o->all[t] / (double)(to - from);
            for (int k = 0; k < ONSET_BANDS; k++)
                v[BANDS + CHROMA + k] += o->band[k][t] / (float)(to - from);
        }
        b->level[i] = 10 * log10(power + 1e-12);
        b->onsets[i] = onset;
        v[WIDE - 1] = (float)fmax(b->level[i], -60);
    }
}

/* Chroma of a bar as the mean over its neighbours: a chord a bar would be a change a bar. */
static void smooth_chroma(Bars *b)
{
    float (*old)[CHROMA] = mem_alloc((size_t)b->n * sizeof *old);
    for (int i = 0; i < b->n; i++)
        memcpy(old[i], b->value[i] + BANDS, sizeof *old);
    for (int i = 0; i < b->n; i++)
        for (int k = 0; k < CHROMA; k++) {
            int from = MAX(i - SMOOTH, 0), to = MIN(i + SMOOTH, b->n - 1);
            float sum = 0;
            for (int j = from; j <= to; j++)
                sum += old[j][k];
            b->value[i][BANDS + k] = sum / (float)(to - from + 1);
        }
    mem_free(old);
}

/* Each group of values weighs as much as it should, whatever the number and scale of its values: mean 0 over the song, and
 * the usual (median) squared length of a bar's group is its weight, at most three times as much, so that one silent bar does
 * not make all others alike. A group that stands still (below `still` per value) stays small. */
static void weigh(Bars *b, int from, int count, double weight, double still)
{
    double *squares = mem_zero((size_t)b->n * sizeof(double)), mean_square = 0;
    for (int k = from; k < from + count; k++) {
        double mean = 0;
        for (int i = 0; i < b->n; i++)
            mean += b->value[i][k] / b->n;
        for (int i = 0; i < b->n; i++) {
            b->value[i][k] -= (float)mean;
            squares[i] += (double)b->value[i][k] * b->value[i][k];
        }
    }
    for (int i = 0; i < b->n; i++)
        mean_square += squares[i] / b->n;
    double usual = fmax(fmax(percentile(squares, b->n, 50), 0.2 * mean_square), count * still * still);
    for (int i = 0; i < b->n; i++) {
        float gain = (float)sqrt(weight * fmin(1, 3 * usual / fmax(squares[i], 1e-12)) / usual);
        for (int k = from; k < from + count; k++)
            b->value[i][k] *= gain;
    }
    mem_free(squares);
}

static bool bars_init(Bars *b, const float *x, int64_t n, const BeatGrid *g, Err *e)
{
    Onsets o = {0};
    Harmony h = {0};
    *b = (Bars){0};
    int64_t frames = audio_stft_frames(n, HOP);
    float *mel = mem_try((size_t)frames * BANDS * sizeof(float));
    if (!mel)
        return err_set(e, "no memory for the form of a song of %.0f s", g->length);
    bool ok = audio_onsets_init(&o, x, n, e) && audio_harmony_init(&h, x, n, e);
    if (ok) {
        AudioMel bank;
        audio_mel_init(&bank, TRACK_RATE, FFT, BANDS, 27.5, 10500, AUDIO_MEL_SLANEY, true);
        audio_mel_spectrogram(&bank, HOP, AUDIO_PAD_ZERO, x, n, mel);
        audio_mel_finish(&bank);
        find_bars(b, g);
        b->value = mem_alloc((size_t)b->n * sizeof *b->value);
        b->level = mem_alloc((size_t)b->n * sizeof(double));
        b->onsets = mem_alloc((size_t)b->n * sizeof(double));
        gather(b, &o, &h, mel, frames);
        smooth_chroma(b);
        weigh(b, 0, BANDS, 0.40, 0.05);
        weigh(b, BANDS, CHROMA, 0.20, 0.03);
        weigh(b, BANDS + CHROMA, ONSET_BANDS, 0.20, 0.03);
        weigh(b, WIDE - 1, 1, 0.20, 1);
    }
    mem_free(mel);
    audio_harmony_finish(&h);
    audio_onsets_finish(&o);
    return ok;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* How much a part of so many bars costs: music moves in fours. */
static double cost_of(int bars)
{
    double odd = bars % 8 == 0 ? 0 : bars % 4 == 0 ? 0.1 : bars % 2 == 0 ? 0.35 : 0.55;
    return part_cost * (1 + odd + (bars < 4 ? 0.5 : 0));
}

/* cut[k] = first bar of part k, cut[parts] = n. Returns the number of parts. */
static int segment(const Bars *b, int *cut)
{
    int n = b->n;
    double (*sum)[WIDE] = mem_zero((size_t)(n + 1) * sizeof *sum), *squares = mem_zero((size_t)(n + 1) * sizeof(double));
    double *best = mem_alloc((size_t)(n + 1) * sizeof(double));
    int *from = mem_alloc((size_t)(n + 1) * sizeof(int)), parts = 0;
    for (int i = 0; i < n; i++) {
        squares[i + 1] = squares[i];
        for (int k = 0; k < WIDE; k++) {
            sum[i + 1][k] = sum[i][k] + b->value[i][k];
            squares[i + 1] += (double)b->value[i][k] * b->value[i][k];
        }
    }
    best[0] = 0;
    for (int i = 1; i <= n; i++) {
        best[i] = INFINITY;
        for (int j = MAX(i - LONGEST, 0); j < i; j++) {
            double spread = squares[i] - squares[j];
            for (int k = 0; k < WIDE; k++)
                spread -= (sum[i][k] - sum[j][k]) * (sum[i][k] - sum[j][k]) / (i - j);
            double v = best[j] + spread + (i == n ? part_cost : cost_of(i - j)); /* songs end anywhere */
            if (v < best[i]) {
                best[i] = v;
                from[i] = j;
            }
        }
    }
    for (int i = n; i > 0; i = from[i])
        parts++;
    for (int i = n, k = parts; k >= 0; i = k > 0 ? from[i] : 0, k--)
        cut[k] = i;
    mem_free(sum);
    mem_free(squares);
    mem_free(best);
    mem_free(from);
    return parts;
}

static void mean_of(const Bars *b, int from, int to, double *mean)
{
    for (int k = 0; k < WIDE; k++) {
        mean[k] = 0;
        for (int i = from; i < to; i++)
            mean[k] += b->value[i][k] / (to - from);
    }
}

/* 1: the same; 0: as different as any two bars of the song. Values have mean 0 and squared length 1 on average. */
static double likeness(const double *a, const double *b)
{
    double d = 0;
    for (int k = 0; k < WIDE; k++)
        d += (a[k] - b[k]) * (a[k] - b[k]);
    return fmax(1 - d / 2, 0);
}

/* group[i] of each part, named by its first part: the two groups that are most alike on average are put together while
 * they are alike enough. alike: [n, n], becomes that of groups. */
static void cluster(double *alike, int n, int *group)
{
    int *size = mem_alloc((size_t)n * sizeof(int));
    for (int i = 0; i < n; i++) {
        group[i] = i;
        size[i] = 1;
    }
    for (;;) {
        double most = alike_enough;
        int a = -1, b = -1;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; group[p] == p && q < n; q++)
                if (group[q] == q && alike[p * n + q] > most) {
                    most = alike[p * n + q];
                    a = p;
                    b = q;
                }
        if (a < 0)
            break;
        for (int j = 0; j < n; j++) {
            double mean = (size[a] * alike[a * n + j] + size[b] * alike[b * n + j]) / (size[a] + size[b]);
            alike[a * n + j] = alike[j * n + a] = mean;
            group[j] = group[j] == b ? a : group[j];
        }
        size[a] += size[b];
    }
    mem_free(size);
}

/* Neighbours of one letter are one part. */
static void join_neighbours(SongForm *f)
{
    int n = 0;
    for (int i = 0; i < f->n_parts; i++)
        if (n > 0 && f->part[n - 1].letter == f->part[i].letter && f->part[n - 1].bars + f->part[i].bars <= 2 * LONGEST)
            f->part[n - 1].bars += f->part[i].bars;
        else
            f->part[n++] = f->part[i];
    f->n_parts = n;
}

static void letters(SongForm *f, const Bars *b)
{
    int n = f->n_parts, next = 0, *group = mem_alloc((size_t)n * sizeof(int)), *letter = mem_alloc((size_t)n * sizeof(int));
    double *alike = mem_alloc((size_t)n * (size_t)n * sizeof(double)), (*mean)[WIDE] = mem_alloc((size_t)n * sizeof *mean);
    for (int i = 0; i < n; i++)
        mean_of(b, f->part[i].first_bar, f->part[i].first_bar + f->part[i].bars, mean[i]);
    for (int i = 0; i < n * n; i++)
        alike[i] = likeness(mean[i / n], mean[i % n]);
    cluster(alike, n, group);
    for (int i = 0; i < n; i++) {
        letter[i] = group[i] == i ? next++ : letter[group[i]];
        f->part[i].letter = letter[i];
    }
    join_neighbours(f);
    for (int i = 0; i < f->n_parts; i++) { /* against the first of its letter */
        int first = 0;
        f->part[i].number = 1;
        for (int j = i - 1; j >= 0; j--)
            f->part[i].number += f->part[j].letter == f->part[i].letter;
        while (f->part[first].letter != f->part[i].letter)
            first++;
        double a[WIDE], c[WIDE];
        mean_of(b, f->part[first].first_bar, f->part[first].first_bar + f->part[first].bars, a);
        mean_of(b, f->part[i].first_bar, f->part[i].first_bar + f->part[i].bars, c);
        f->part[i].alike = first == i ? 1 : (float)likeness(a, c);
    }
    mem_free(group);
    mem_free(letter);
    mem_free(alike);
    mem_free(mean);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* The letter that comes back and is the strongest; -1: nothing does and nothing stands out. */
static int find_chorus(const SongForm *f)
{
    int best = -1;
    float most = -1, mean = 0;
    for (int i = 0; i < f->n_parts; i++)
        mean += f->part[i].energy / (float)f->n_parts;
    for (int i = 0; i < f->n_parts; i++) {
        const SongPart *p = &f->part[i];
        bool back = false;
        for (int j = 0; j < f->n_parts; j++)
            back |= j != i && f->part[j].letter == p->letter;
        float strength = p->energy + (back ? 0.15f : 0);
        if ((back || p->energy > mean + 0.1f) && p->energy > mean - 0.02f && strength > most) {
            most = strength;
            best = p->letter;
        }
    }
    return f->n_parts > 2 ? best : -1;
}

static void name_parts(SongForm *f)
{
    int chorus = find_chorus(f), n = f->n_parts;
    float loud = 0;
    bool heard = false;
    for (int i = 0; i < n; i++)
        if (f->part[i].letter == chorus)
            loud = fmaxf(loud, f->part[i].energy);
    for (int i = 0; i < n; i++) {
        SongPart *p = &f->part[i];
        int times = 0;
        for (int j = 0; j < n; j++)
            times += f->part[j].letter == p->letter;
        const char *name = n <= 2 ? "part" : times > 1 ? "verse" : heard ? "bridge" : "verse";
        if (p->letter == chorus)
            name = "chorus";
        else if (n > 2 && i == 0 && p->energy < loud - 0.05f && p->bars <= 16)
            name = "intro";
        else if (n > 2 && i == n - 1 && p->energy < loud - 0.05f && p->bars <= 16)
            name = "outro";
        else if (n > 2 && p->energy < 0.6f * loud)
            name = "break";
        heard |= p->letter == chorus;
        p->name = name;
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void describe_bars(SongForm *f, const Bars *b, const BeatGrid *g)
{
    double loud = fmax(percentile(b->level, b->n, 95), -60), usual = fmax(percentile(b->onsets, b->n, 95), 1e-6);
    for (int i = 0, beat = 0; i < b->n; i++) {
        FormBar *bar = &f->bar[i];
        int first;
        while (beat < g->n && g->seconds[beat] < b->start[i] - 1e-6)
            beat++;
        for (first = beat; beat < g->n && g->seconds[beat] < b->start[i + 1] - 1e-6; beat++) {}
        double level = CLAMP(1 + (b->level[i] - loud) / 24, 0.0, 1.0), onsets = fmin(b->onsets[i] / usual, 1);
        *bar = (FormBar){.start = b->start[i], .end = b->start[i + 1], .first_beat = first, .beats = beat - first,
            .loudness = (float)b->level[i], .energy = b->level[i] < -60 ? 0 : (float)(0.75 * level + 0.25 * onsets)};
        if (beat - first > 0 && audio_grid_has_beat(g)) /* to the next beat after the bar, whether it is listed or not */
            bar->tempo = 60 * (beat - first) / (audio_grid_time(g, beat) - audio_grid_time(g, first));
    }
}

bool audio_song_form(SongForm *f, const float *x, int64_t n, double rate, const BeatGrid *g, Err *e)
{
    *f = (SongForm){0};
    float *y;
    int64_t m;
    Bars b;
    if (!audio_prepare(x, n, rate, &y, &m, e))
        return false;
    bool ok = bars_init(&b, y, m, g, e);
    mem_free(y);
    if (ok) {
        int *cut = mem_alloc((size_t)(b.n + 1) * sizeof(int));
        f->n_bars = b.n;
        f->bar = mem_zero((size_t)b.n * sizeof *f->bar);
        describe_bars(f, &b, g);
        f->n_parts = segment(&b, cut);
        f->part = mem_zero((size_t)f->n_parts * sizeof *f->part);
        for (int i = 0; i < f->n_parts; i++)
            f->part[i] = (SongPart){.first_bar = cut[i], .bars = cut[i + 1] - cut[i]};
        letters(f, &b);
        for (int i = 0; i < f->n_parts; i++) {
            SongPart *p = &f->part[i];
            p->start = i == 0 ? 0 : f->bar[p->first_bar].start;
            p->end = f->bar[p->first_bar + p->bars - 1].end;
            for (int k = 0; k < p->bars; k++) {
                p->energy += f->bar[p->first_bar + k].energy / (float)p->bars;
                f->bar[p->first_bar + k].part = i;
            }
        }
        name_parts(f);
        mem_free(cut);
    }
    bars_finish(&b);
    return ok;
}

void audio_song_form_finish(SongForm *f)
{
    mem_free(f->bar);
    mem_free(f->part);
    *f = (SongForm){0};
}

void audio_part_letter(int letter, char out[8])
{
    if (letter < 26)
        snprintf(out, 8, "%c", 'A' + letter);
    else
        snprintf(out, 8, "%c%d", 'A' + letter % 26, MIN(letter / 26, 9999));
}

/* "A", "B2", "chorus", "chorus2": the part with that letter or name, the so-many-th of its kind. */
int audio_find_part(const SongForm *f, const char *text, double from)
{
    size_t word = strcspn(text, "0123456789");
    int64_t wanted = 0;
    if (word == 0 || (text[word] && (!text_to_int(text + word, &wanted) || wanted < 1)))
        return -1;
    int64_t seen = 0;
    for (int i = 0; i < f->n_parts; i++) {
        char letter[8];
        audio_part_letter(f->part[i].letter, letter);
        bool named = strlen(f->part[i].name) == word && !strncasecmp(f->part[i].name, text, word);
        bool lettered = strlen(letter) == 1 && word == 1 && !strncasecmp(letter, text, 1);
        if (!named && !lettered)
            continue;
        seen++;
        if (wanted ? seen == wanted : f->part[i].end > from + 1e-6)
            return i;
    }
    return -1;
}
