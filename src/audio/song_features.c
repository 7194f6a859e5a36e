/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model of motion hears: one row per video frame of phases, pulses, onset strength, loudness, mel bands, tempo
 * and silence (specification of the articulated model, section 2). Analysed at the tracker's rate (86 frames a second),
 * then gathered over each video frame's time, so that any frame rate sees the same music.
 */
#include "audio/audio_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FFT = 2048 };
static const double pulse_width = 0.05; /* seconds */

static void set_phase(float *row, int column, double phase)
{
    row[column] = (float)sin(2 * M_PI * phase);
    row[column + 1] = (float)cos(2 * M_PI * phase);
}

static float pulse(double distance)
{
    return (float)exp(-distance * distance / (2 * pulse_width * pulse_width));
}

static void add_beat_columns(float *row, const BeatGrid *g, double t)
{
    double beat = audio_grid_beat_phase(g, t);
    set_phase(row, SONG_BEAT_SIN, beat);
    set_phase(row, SONG_BAR_SIN, audio_grid_bar_phase(g, t));
    set_phase(row, SONG_HALF_SIN, audio_grid_half_time_phase(g, t));
    set_phase(row, SONG_DOUBLE_SIN, 2 * beat);
    row[SONG_BEAT_PULSE] = pulse(audio_grid_beat_distance(g, t));
    row[SONG_DOWNBEAT_PULSE] = pulse(audio_grid_downbeat_distance(g, t));
    row[SONG_TEMPO] = (float)log2(audio_grid_tempo_at(g, t) / 120);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* 95th percentile; sorts v. */
static float high_value(float *v, int64_t n)
{
    if (n == 0)
        return 0;
    qsort(v, (size_t)n, sizeof(float), by_value);
    return v[(n - 1) * 95 / 100];
}

static float usual_peak(const Onsets *o)
{
    float *peaks = mem_alloc((size_t)o->n * sizeof(float));
    int64_t n = 0;
    for (int64_t t = 1; t + 1 < o->n; t++)
        if (o->all[t] > o->all[t - 1] && o->all[t] >= o->all[t + 1])
            peaks[n++] = o->all[t];
    float high = high_value(peaks, n);
    mem_free(peaks);
    return high;
}

/* Analysis frames [from, to) that belong to video frame i; at least one. */
static void frames_of(int64_t i, double fps, int64_t n, int64_t *from, int64_t *to)
{
    *from = CLAMP((int64_t)ceil(((double)i - 0.5) / fps * TRACK_FPS), 0, n - 1);
    *to = CLAMP((int64_t)ceil(((double)i + 0.5) / fps * TRACK_FPS), *from + 1, n);
}

/* Onset, and level in dB in the loudness column; mel power in the mel columns. */
static void gather(SongFeatures *f, const Onsets *o, const float *mel)
{
    float usual = usual_peak(o);
    for (int64_t i = 0; i < f->frames; i++) {
        float *row = f->rows + i * SONG_COLUMNS, onset = 0;
        double power = 0;
        int64_t from, to;
        frames_of(i, f->fps, o->n, &from, &to);
        for (int64_t t = from; t < to; t++) {
            onset = fmaxf(onset, o->all[t]);
            power += pow(10, o->level[t] / 10) / (double)(to - from);
            for (int b = 0; b < SONG_MEL_BANDS; b++)
                row[SONG_MEL + b] += mel[t * SONG_MEL_BANDS + b] / (float)(to - from);
        }
        row[SONG_ONSET] = usual > 0 ? fminf(onset / usual, 2) : 0;
        row[SONG_LOUDNESS] = (float)(10 * log10(power + 1e-12));
    }
}

static void scale_loudness(SongFeatures *f)
{
    float *level = mem_alloc((size_t)f->frames * sizeof(float));
    for (int64_t i = 0; i < f->frames; i++)
        level[i] = f->rows[i * SONG_COLUMNS + SONG_LOUDNESS];
    float loud = high_value(level, f->frames);
    for (int64_t i = 0; i < f->frames; i++) {
        float *row = f->rows + i * SONG_COLUMNS, db = row[SONG_LOUDNESS];
        row[SONG_SILENCE] = db < -60 ? 1 : 0;
        row[SONG_LOUDNESS] = db < -60 ? 0 : CLAMP((db - loud + 40) / 40, 0.0f, 1.0f);
    }
    mem_free(level);
}

/* dB floored 80 under the loudest, then mean 0 and deviation 1 over the song in each band. */
static void standardise_mel(SongFeatures *f)
{
    float top = 1e-10f;
    for (int64_t i = 0; i < f->frames; i++)
        for (int b = SONG_MEL; b < SONG_MEL + SONG_MEL_BANDS; b++)
            top = fmaxf(top, f->rows[i * SONG_COLUMNS + b]);
    for (int b = SONG_MEL; b < SONG_MEL + SONG_MEL_BANDS; b++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < f->frames; i++) {
            float *v = f->rows + i * SONG_COLUMNS + b;
            *v = 10 * log10f(fmaxf(*v / top, 1e-8f));
            sum += *v;
            squares += (double)*v * *v;
        }
        double mean = sum / (double)f->frames, variance = squares / (double)f->frames - mean * mean;
        double scale = 1 / sqrt(fmax(variance, 0.25)); /* a band that stands still within half a dB stays near 0 */
        for (int64_t i = 0; i < f->frames; i++) {
            float *v = f->rows + i * SONG_COLUMNS + b;
            *v = (float)((*v - mean) * scale);
        }
    }
}

static bool add_sound_columns(SongFeatures *f, const float *x, int64_t n, Err *e)
{
    Onsets o;
    if (!audio_onsets_init(&o, x, n, e))
        return false;
    float *mel = mem_try((size_t)o.n * SONG_MEL_BANDS * sizeof(float));
    if (mel) {
        AudioMel bank;
        audio_mel_init(&bank, TRACK_RATE, FFT, SONG_MEL_BANDS, 27.5, 10500, AUDIO_MEL_SLANEY, true);
        audio_mel_spectrogram(&bank, TRACK_HOP, AUDIO_PAD_ZERO, x, n, mel);
        audio_mel_finish(&bank);
        gather(f, &o, mel);
        scale_loudness(f);
        standardise_mel(f);
        mem_free(mel);
    } else {
        err_set(e, "no memory for the features of a song of %.0f s", (double)n / TRACK_RATE);
    }
    audio_onsets_finish(&o);
    return mel != NULL;
}

bool audio_song_features(SongFeatures *f, const float *x, int64_t n, double rate, const BeatGrid *g, double fps, Err *e)
{
    *f = (SongFeatures){.fps = fps};
    if (!(fps >= 1 && fps <= 240))
        return err_set(e, "%g frames a second: must be 1 to 240", fps);
    float *y;
    int64_t m;
    if (!audio_prepare(x, n, rate, &y, &m, e))
        return false;
    f->frames = (int64_t)ceil((double)n / rate * fps - 1e-9);
    size_t bytes = (size_t)f->frames * SONG_COLUMNS * sizeof(float);
    f->rows = mem_try(MAX(bytes, 1));
    bool ok = f->rows || err_set(e, "no memory for %lld rows of features", (long long)f->frames);
    if (ok && f->frames > 0) {
        memset(f->rows, 0, bytes);
        ok = add_sound_columns(f, y, m, e);
        for (int64_t i = 0; ok && i < f->frames && audio_grid_has_beat(g); i++)
            add_beat_columns(f->rows + i * SONG_COLUMNS, g, (double)i / fps);
    }
    mem_free(y);
    if (!ok)
        audio_song_features_finish(f);
    return ok;
}

void audio_song_features_finish(SongFeatures *f)
{
    mem_free(f->rows);
    *f = (SongFeatures){0};
}
