/* SPDX-License-Identifier: Apache-2.0
 *
 * Captured dance onto the beat (data/README.md section 4): pose hits are laid on beats and half beats by a smooth
 * rising map of time whose pieces stay between 3/4 and 4/3 of their captured length. Which hit goes where is found by
 * dynamic programming over (hit, place on the grid): stretches cost their squared logarithm, hits that are left out or
 * firm hits off the beat cost too.
 * The map is a monotone cubic (Fritsch and Carlson 1980) through the pairs that were chosen.
 */
#include "synth/moves_source.h"

#include <math.h>
#include <string.h>

enum { MAX_HITS = 256, MAX_PLACES = 512, SKIPS = 3 };
#define SKIP_COST 0.12      /* of a hit that falls where it falls, at depth 0 */
#define OFF_BEAT_COST 0.03  /* of a firm hit on a half beat */
#define START_ROOM 1.5      /* s: the first hit that counts lies within this */
#define LEAD_OUT 1.6        /* s: places beyond the end that the last hits may go to */

typedef struct Place { double at; bool beat; } Place;
/* cost so far, and where it came from (-1: start) */
typedef struct Node { double cost; int hit, place; bool reached; } Node;

typedef struct Search {
    const double *hit;  /* first one that may count */
    const float *depth;
    int n_hits, n_places;
    Place place[MAX_PLACES];
    double seconds, lo, latest, hi; /* the piece begins from lo to latest and ends by hi */
} Search;

/* Beats and, in slow enough songs, the middles between them, from 0 to a little beyond the end. */
static int lay_places(Search *s, const double *grid, int n)
{
    double tempo = n > 1 ? 60 * (n - 1) / (grid[n - 1] - grid[0]) : 0;
    s->n_places = 0;
    for (int i = 0; i < n; i++) {
        double half = i + 1 < n ? 0.5 * (grid[i] + grid[i + 1]) : -1;
        if (grid[i] >= 0 && grid[i] <= s->seconds + LEAD_OUT && s->n_places < MAX_PLACES)
            s->place[s->n_places++] = (Place){grid[i], true};
        if (tempo <= TIMEWARP_WHOLE_BEATS && half >= 0 && half <= s->seconds + LEAD_OUT && s->n_places < MAX_PLACES)
            s->place[s->n_places++] = (Place){half, false};
    }
    return s->n_places;
}

static double skip_cost(const Search *s, int hit)
{
    return SKIP_COST * (1 - 0.7 * (s->depth ? (double)CLAMP(s->depth[hit], 0.0f, 1.0f) : 0.3));
}

static double place_cost(const Search *s, int hit, int place)
{
    double firm = s->depth ? 1 - (double)CLAMP(s->depth[hit], 0.0f, 1.0f) : 0.7;
    return s->place[place].beat ? 0 : OFF_BEAT_COST * firm;
}

/* What it costs to begin with this pair: the piece before it runs at its own speed. Negative: impossible. */
static double start_cost(const Search *s, int i, int j)
{
    double begin = s->hit[i] - s->place[j].at, cost = place_cost(s, i, j);
    if (s->place[j].at > START_ROOM || begin < s->lo || begin > s->latest)
        return -1;
    for (int k = 0; k < i; k++)
        if (s->hit[k] > begin)
            cost += skip_cost(s, k);
    return cost;
}

static double end_cost(const Search *s, int i, int j)
{
    double rest = MAX(s->seconds - s->place[j].at, 0), cost = 0;
    if (s->hit[i] + rest > s->hi)
        return -1;
    for (int k = i + 1; k < s->n_hits && s->hit[k] < s->hit[i] + rest; k++)
        cost += skip_cost(s, k);
    return cost;
}

static void reach(const Search *s, Node *node, int i, int j)
{
    Node *here = &node[i * s->n_places + j];
    double first = start_cost(s, i, j), skipped = 0;
    if (first >= 0)
        *here = (Node){first, -1, -1, true};
    for (int a = i - 1; a >= 0 && a >= i - 1 - SKIPS; a--) {
        double captured = s->hit[i] - s->hit[a];
        for (int b = j - 1; b >= 0; b--) {
            double length = s->place[j].at - s->place[b].at, stretch = length / captured;
            const Node *from = &node[a * s->n_places + b];
            if (stretch > TIMEWARP_SLOWEST)
                break;
            if (stretch < TIMEWARP_FASTEST || !from->reached || s->place[b].at >= s->seconds)
                continue;
            double cost = from->cost + skipped + place_cost(s, i, j) + length * log(stretch) * log(stretch);
            if (!here->reached || cost < here->cost)
                *here = (Node){cost, a, b, true};
        }
        skipped += skip_cost(s, a);
    }
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static void add_knot(TimeWarp *w, double song, double clip)
{
    w->song[w->n] = song;
    w->clip[w->n++] = clip;
}

/* Slopes that keep the cubic rising: weighted harmonic means of the neighbours' (Fritsch and Butland 1984). */
static void set_slopes(TimeWarp *w)
{
    for (int i = 0; i < w->n; i++) {
        int a = MAX(i - 1, 0), b = MIN(i + 1, w->n - 1);
        if (a == i || b == i) {
            w->slope[i] = (w->clip[b] - w->clip[a]) / (w->song[b] - w->song[a]);
            continue;
        }
        double h0 = w->song[i] - w->song[a], h1 = w->song[b] - w->song[i];
        double d0 = (w->clip[i] - w->clip[a]) / h0, d1 = (w->clip[b] - w->clip[i]) / h1;
        w->slope[i] = (3 * h0 + 3 * h1) / ((2 * h1 + h0) / d0 + (h1 + 2 * h0) / d1);
    }
}

static void build(const Search *s, const Node *node, int i, int j, TimeWarp *w)
{
    int chain[MAX_HITS][2], n = 0;
    for (; i >= 0; n++) {
        const Node *here = &node[i * s->n_places + j];
        chain[n][0] = i;
        chain[n][1] = j;
        i = here->hit;
        j = here->place;
    }
    w->song = mem_alloc((size_t)(n + 2) * sizeof *w->song);
    w->clip = mem_alloc((size_t)(n + 2) * sizeof *w->clip);
    w->slope = mem_alloc((size_t)(n + 2) * sizeof *w->slope);
    double first = s->place[chain[n - 1][1]].at, last = s->place[chain[0][1]].at;
    if (first > 0.02)
        add_knot(w, 0, s->hit[chain[n - 1][0]] - first);
    for (int k = n - 1; k >= 0; k--) {
        add_knot(w, s->place[chain[k][1]].at, s->hit[chain[k][0]]);
        w->on_grid += s->place[chain[k][1]].at < s->seconds;
    }
    if (last < s->seconds || w->n < 2)
        add_knot(w, MAX(s->seconds, last + 0.1), s->hit[chain[0][0]] + MAX(s->seconds, last + 0.1) - last);
    set_slopes(w);
    double from = timewarp_at(w, 0), to = timewarp_at(w, s->seconds);
    for (int k = 0; k < s->n_hits; k++)
        w->hits += s->hit[k] >= from && s->hit[k] < to;
}

bool timewarp_fit(const double *hit, const float *depth, int n, double from, double lo, double hi,
                  const double *grid, int n_grid, double seconds, TimeWarp *out)
{
    Search s = {.seconds = seconds, .lo = MAX(lo, from - START_ROOM / 3), .latest = from + START_ROOM / 3,
                .hi = hi};
    memset(out, 0, sizeof *out);
    int skip = 0;
    while (skip < n && hit[skip] < s.lo)
        skip++;
    s.hit = hit + skip;
    s.depth = depth ? depth + skip : NULL;
    double end = from + (seconds + LEAD_OUT) / TIMEWARP_FASTEST;
    while (s.n_hits < n - skip && s.n_hits < MAX_HITS && s.hit[s.n_hits] <= MIN(hi, end))
        s.n_hits++;
    if (!s.n_hits || !lay_places(&s, grid, n_grid))
        return false;
    Node *node = mem_zero((size_t)s.n_hits * (size_t)s.n_places * sizeof *node);
    double best = INFINITY;
    int best_hit = -1, best_place = -1;
    for (int i = 0; i < s.n_hits; i++)
        for (int j = 0; j < s.n_places; j++) {
            reach(&s, node, i, j);
            const Node *here = &node[i * s.n_places + j];
            double rest = here->reached ? end_cost(&s, i, j) : -1;
            if (rest >= 0 && here->cost + rest < best)
                best = here->cost + rest, best_hit = i, best_place = j;
        }
    if (best_hit >= 0) {
        build(&s, node, best_hit, best_place, out);
        out->cost = best / seconds;
    }
    mem_free(node);
    return best_hit >= 0;
}

void timewarp_through(const double *song, const double *clip, int n, TimeWarp *out)
{
    *out = (TimeWarp){.song = mem_alloc((size_t)n * sizeof *out->song),
                      .clip = mem_alloc((size_t)n * sizeof *out->clip),
                      .slope = mem_alloc((size_t)n * sizeof *out->slope)};
    for (int i = 0; i < n; i++)
        add_knot(out, song[i], clip[i]);
    set_slopes(out);
}

double timewarp_at(const TimeWarp *w, double song)
{
    int i = 0;
    if (song <= w->song[0])
        return w->clip[0] + (song - w->song[0]) * w->slope[0];
    if (song >= w->song[w->n - 1])
        return w->clip[w->n - 1] + (song - w->song[w->n - 1]) * w->slope[w->n - 1];
    while (w->song[i + 1] < song)
        i++;
    double h = w->song[i + 1] - w->song[i], t = (song - w->song[i]) / h, u = 1 - t;
    return (1 + 2 * t) * u * u * w->clip[i] + t * u * u * h * w->slope[i] + t * t * (3 - 2 * t) * w->clip[i + 1] -
           t * t * u * h * w->slope[i + 1];
}

void timewarp_finish(TimeWarp *w)
{
    if (!w)
        return;
    mem_free(w->song);
    mem_free(w->clip);
    mem_free(w->slope);
    memset(w, 0, sizeof *w);
}
