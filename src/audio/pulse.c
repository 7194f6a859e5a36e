/* SPDX-License-Identifier: Apache-2.0
 *
 * The pulse: a chain of times through the whole song whose intervals follow a slowly changing tempo and which fall on
 * onsets. Found exactly by dynamic programming over (frame, tempo), a semi-Markov form of the bar-pointer model
 * (Whiteley, Cemgil and Godsill 2006) with the transition rule of Krebs, Boeck and Widmer 2015: tempo changes only at
 * pulses. With P_k the period of tempo k and d the interval in frames,
 *     V(t,k) = max_d [ U(t-d,k) - jitter ((d - P_k)/s_k)^2 ] + sqrt(2 P_k) a(t) + P_k (fit(t,k) - prior_k)
 *     U(t,k) = max_q [ V(t,q) - drift (q - k)^2 ]
 * a onset strength less its mean, so that a pulse on nothing costs; P_k in seconds; fit the tempo map. Periods shorter
 * than 0.5 s weigh each pulse less, so that neither fast nor slow chains win by their number of pulses.
 * Then once more for a song that keeps its tempo: only tempi next to the usual one, and stray intervals cost more. Where that
 * explains the song nearly as well it is believed, so that a break without drums does not lead the pulse astray.
 * Whether the pulse is the beat, half or double of it is not decided here but in downbeat.c.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <string.h>

enum { RING = 128, REACH = 3 };   /* frames looked back at most (50 a minute + 8 %); tempo steps at one pulse */
static const double drift = 2, fit_weight = 12, prior_weight = 1, prior_tempo = 115;
static const float free_jitter = 4, steady_jitter = 16, steady_slack = 0.6f;
static const float steady_margin = 0.35f; /* a pulse; composed songs: steady ones stay below .22, changing ones above .5 */

typedef struct Search {
    const TempoMap *m;
    int lo, hi;              /* tempi lo..hi are searched */
    float jitter, slack;     /* what intervals off the period cost; frames that cost nothing */
    float *u;                /* [RING, K] */
    float *v, *prior, *gain; /* [K] */
    uint8_t *interval, *from; /* [T, K] back-links: frames to the pulse before (0: none), its tempo */
    bool cancelled;
} Search;

static bool search_init(Search *s, const TempoMap *m, int64_t frames, Err *e)
{
    size_t k = (size_t)m->states, links = 0;
    *s = (Search){.m = m};
    bool fits = mem_product(&links, 2, k, (size_t)frames);
    s->interval = fits ? mem_try(links) : NULL;
    s->from = fits ? mem_try(links) : NULL;
    s->u = mem_alloc(RING * k * sizeof(float));
    s->v = mem_alloc(3 * k * sizeof(float));
    s->prior = s->v + k;
    s->gain = s->prior + k;
    for (size_t i = 0; i < k; i++) {
        double seconds = m->period[i] / TRACK_FPS, octaves = log2(60 / seconds / prior_tempo);
        s->prior[i] = (float)(prior_weight * octaves * octaves);
        s->gain[i] = (float)sqrt(2 * seconds);
    }
    if (!s->interval || !s->from)
        return err_set(e, "no memory to track beats through %.0f s", (double)frames / TRACK_FPS);
    return true;
}

static void search_finish(Search *s)
{
    mem_free(s->interval);
    mem_free(s->from);
    mem_free(s->u);
    mem_free(s->v);
}

/* V(t, .) from U of earlier frames. */
static void step_interval(Search *s, int64_t t, float onset)
{
    const TempoMap *m = s->m;
    int states = m->states;
    const float *fit = audio_tempo_at(m, t);
    for (int k = s->lo; k <= s->hi; k++) {
        float period = (float)m->period[k], spread = 1 / (1 + 0.02f * period);
        int lo = (int)ceilf(period * 0.92f - 0.5f), hi = (int)MIN((int64_t)(period * 1.08f + 0.5f), t), chosen = 0;
        float best = (float)t < period ? 0 : -INFINITY; /* the first pulse lies within the first period */
        for (int d = lo; d <= hi; d++) {
            float z = fmaxf(fabsf((float)d - period) - s->slack, 0) * spread;
            float v = s->u[(t - d) % RING * states + k] - s->jitter * z * z;
            if (v > best) {
                best = v;
                chosen = d;
            }
        }
        float seconds = (chosen ? period : (float)t) / (float)TRACK_FPS;
        s->v[k] = best + s->gain[k] * onset + seconds * ((float)fit_weight * fit[k] - s->prior[k]);
        s->interval[t * states + k] = (uint8_t)chosen;
    }
}

/* U(t, .) from V(t, .). */
static void step_tempo(Search *s, int64_t t)
{
    int states = s->m->states;
    float *u = s->u + t % RING * states;
    for (int k = s->lo; k <= s->hi; k++) {
        float best = -INFINITY;
        int chosen = k;
        for (int q = MAX(k - REACH, s->lo); q <= MIN(k + REACH, s->hi); q++) {
            float v = s->v[q] - (float)(drift * (q - k) * (q - k));
            if (v > best) {
                best = v;
                chosen = q;
            }
        }
        u[k] = best;
        s->from[t * states + k] = (uint8_t)chosen;
    }
}

static void trace_back(PulsePath *p, const Search *s, int64_t t, int k)
{
    int states = s->m->states, n = 1;
    int64_t at = t;
    for (int j = k; s->interval[at * states + j]; n++) {
        at -= s->interval[at * states + j];
        j = s->from[at * states + j];
    }
    p->n = n;
    p->seconds = mem_alloc((size_t)n * sizeof(double));
    for (int i = n - 1; i >= 0; i--) {
        p->seconds[i] = (double)t / TRACK_FPS;
        t -= s->interval[t * states + k];
        k = s->from[t * states + k];
    }
}

/* The best chain with tempi lo..hi; returns its score. */
static float search(Search *s, const Onsets *o, int lo, int hi, const Progress *progress, PulsePath *p)
{
    const TempoMap *m = s->m;
    double mean = 0;
    for (int64_t t = 0; t < o->n; t++)
        mean += o->all[t] / (double)o->n;
    float best = -INFINITY;
    int64_t last = 0;
    int tempo = lo;
    s->lo = lo;
    s->hi = hi;
    for (int64_t t = 0; t < o->n; t++) {
        float before = t > 0 ? o->all[t - 1] : 0, after = t + 1 < o->n ? o->all[t + 1] : 0;
        step_interval(s, t, 0.5f * o->all[t] + 0.25f * (before + after) - (float)mean);
        step_tempo(s, t);
        for (int k = lo; k <= hi; k++) { /* the last pulse lies within the last period */
            float rest = (float)((double)(o->n - t) / TRACK_FPS);
            float v = s->v[k] + rest * ((float)fit_weight * audio_tempo_at(m, t)[k] - s->prior[k]);
            if ((double)(o->n - t) <= m->period[k] && v > best) {
                best = v;
                last = t;
                tempo = k;
            }
        }
        if (t % 1024 == 0 && !progress_tick(progress, "beats", (double)t, (double)o->n)) {
            s->cancelled = true;
            return best;
        }
    }
    trace_back(p, s, last, tempo);
    return best;
}

static int state_of(const TempoMap *m, double period)
{
    return CLAMP((int)lround(log(m->period[0] / period) / log(m->period[0] / m->period[1])), 0, m->states - 1);
}

/* The tempo that most of the song keeps, as a state: the middle one of the intervals. */
static int usual_state(const PulsePath *p, const TempoMap *m)
{
    int *count = mem_zero((size_t)m->states * sizeof(int)), seen = 0, state = 0;
    for (int i = 0; i + 1 < p->n; i++)
        count[state_of(m, (p->seconds[i + 1] - p->seconds[i]) * TRACK_FPS)]++;
    while (state < m->states - 1 && 2 * (seen += count[state]) < p->n)
        state++;
    mem_free(count);
    return state;
}

bool audio_pulse_init(PulsePath *p, const Onsets *o, const TempoMap *m, const Progress *progress, Err *e)
{
    *p = (PulsePath){0};
    Search s;
    PulsePath steady = {0};
    bool ok = search_init(&s, m, o->n, e);
    if (ok) {
        s.jitter = free_jitter;
        float free = search(&s, o, 0, m->states - 1, progress, p);
        if (p->n > 8) {
            int usual = usual_state(p, m);
            s.jitter = steady_jitter;
            s.slack = steady_slack;
            float kept = search(&s, o, MAX(usual - 1, 0), MIN(usual + 1, m->states - 1), progress, &steady);
            if (steady.n > 8 && free - kept < steady_margin * (float)p->n) {
                PulsePath swap = *p;
                *p = steady;
                steady = swap;
            }
        }
        ok = !s.cancelled || err_cancel(e);
    }
    audio_pulse_finish(&steady);
    if (!ok)
        audio_pulse_finish(p);
    search_finish(&s);
    return ok;
}

void audio_pulse_finish(PulsePath *p)
{
    mem_free(p->seconds);
    *p = (PulsePath){0};
}
