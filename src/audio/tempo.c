/* SPDX-License-Identifier: Apache-2.0
 *
 * The tempo map: how well each beat period fits around each time. Every half second the onset envelopes of the last and
 * next few seconds are autocorrelated; a period fits when its first four multiples do (a comb, so that a period of 3/2
 * beats does not), weighted by how usual the tempo is for dancing. Decides nothing: beat.c does, with the beats.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 768, FFT = 2048, COMB = 4 }; /* 8.9 s */
static const double slowest = 50, fastest = 220, ratio = 1.015;

typedef struct Job {
    TempoMap *m;
    const Onsets *o;
    int lags;
} Job;

static float at_lag(const float *acf, double lag)
{
    int i = (int)lag;
    float f = (float)(lag - i);
    return acf[i] * (1 - f) + acf[i + 1] * f;
}

/* Autocorrelation of one envelope under a Hann window, mean taken away, as a fraction of lag 0. Adds weight * that. */
static void add_correlation(AudioFft *f, const float *v, int64_t n, int64_t centre, const float *hann,
    const float *overlap, float weight, int lags, float *sum)
{
    float x[WINDOW], acf[FFT / 2];
    double mean = 0, mass = 0;
    for (int j = 0; j < WINDOW; j++) {
        int64_t t = centre - WINDOW / 2 + j;
        bool in = t >= 0 && t < n;
        x[j] = in ? v[t] : 0;
        mean += in ? hann[j] * v[t] : 0;
        mass += in ? hann[j] : 0;
    }
    mean /= fmax(mass, 1e-9);
    for (int j = 0; j < WINDOW; j++) {
        int64_t t = centre - WINDOW / 2 + j;
        x[j] = t >= 0 && t < n ? hann[j] * (x[j] - (float)mean) : 0;
    }
    audio_fft_autocorrelate(f, x, WINDOW, acf, lags);
    if (acf[0] <= 1e-9f)
        return;
    for (int l = 0; l < lags; l++)
        sum[l] += weight * acf[l] / (acf[0] * overlap[l]);
}

static void map_range(void *ctx, int64_t from, int64_t to)
{
    const Job *j = ctx;
    TempoMap *m = j->m;
    AudioFft *f = audio_fft_create(FFT);
    float hann[WINDOW], overlap[FFT / 2], acf[FFT / 2];
    for (int i = 0; i < WINDOW; i++)
        hann[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * (i + 0.5) / WINDOW));
    audio_fft_autocorrelate(f, hann, WINDOW, overlap, j->lags);
    for (int l = j->lags - 1; l >= 0; l--)
        overlap[l] /= overlap[0];
    for (int64_t w = from; w < to; w++) {
        memset(acf, 0, sizeof acf);
        add_correlation(f, j->o->all, j->o->n, w * m->step, hann, overlap, 0.5f, j->lags, acf);
        for (int g = 0; g < ONSET_BANDS; g++)
            add_correlation(f, j->o->band[g], j->o->n, w * m->step, hann, overlap, 0.5f / ONSET_BANDS, j->lags, acf);
        for (int k = 0; k < m->states; k++) {
            double sum = 0;
            for (int c = 1; c <= COMB; c++)
                sum += at_lag(acf, c * m->period[k]);
            m->fit[w * m->states + k] = (float)(sum / COMB);
        }
    }
    audio_fft_destroy(f);
}

bool audio_tempo_init(TempoMap *m, const Onsets *o, Err *e)
{
    *m = (TempoMap){.states = 1 + (int)(log(fastest / slowest) / log(ratio)), .step = (int64_t)(TRACK_FPS / 2)};
    m->windows = 1 + (o->n - 1) / m->step;
    m->period = mem_alloc((size_t)m->states * sizeof(double));
    m->fit = mem_try((size_t)m->windows * (size_t)m->states * sizeof(float));
    if (!m->fit) {
        audio_tempo_finish(m);
        return err_set(e, "no memory for the tempo map");
    }
    for (int k = 0; k < m->states; k++)
        m->period[k] = 60 * TRACK_FPS / (slowest * pow(ratio, k));
    Job j = {m, o, (int)(COMB * m->period[0]) + 2};
    threads_for(m->windows, 8, map_range, &j);
    return true;
}

void audio_tempo_finish(TempoMap *m)
{
    mem_free(m->period);
    mem_free(m->fit);
    *m = (TempoMap){0};
}

const float *audio_tempo_at(const TempoMap *m, int64_t frame)
{
    int64_t w = (frame + m->step / 2) / m->step;
    return m->fit + MIN(w, m->windows - 1) * m->states;
}
