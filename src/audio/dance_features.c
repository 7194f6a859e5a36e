/* SPDX-License-Identifier: Apache-2.0
 *
 * The 35 music features of MuseDance (its specification, section 3.1; the line of FACT and EDGE) at exactly 30 frames a
 * second: the song at 15,360 Hz in hops of 512, and reading such rows between frames (section 3.2). Not standardised:
 * the mean and deviation of the training set lie in the model's weights.
 */
#include "audio/audio.h"

#include <math.h>
#include <string.h>

static void mark(float *rows, int column, const int64_t *frames, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        rows[frames[i] * DANCE_COLUMNS + column] = 1;
}

/* Copies [T, width] into columns of the rows. */
static void put(float *rows, int column, const float *v, int64_t frames, int width)
{
    for (int64_t t = 0; t < frames; t++)
        memcpy(rows + t * DANCE_COLUMNS + column, v + t * width, (size_t)width * sizeof(float));
}

/* part: room for [T, DANCE_MFCCS]; events: [T] */
static void fill(
    float *rows, int64_t frames, const float *x, int64_t n, double start_bpm, float *mel, float *part, int64_t *events)
{
    double tempo;
    memset(rows, 0, (size_t)frames * DANCE_COLUMNS * sizeof(float));
    audio_librosa_mel(x, n, DANCE_RATE, mel);
    audio_librosa_onset(mel, frames, AUDIO_MERGE_MEAN, part);
    put(rows, DANCE_ONSET, part, frames, 1);
    mark(rows, DANCE_ONSET_MARK, events, audio_onset_peaks(part, frames, DANCE_RATE, events));
    audio_librosa_onset(mel, frames, AUDIO_MERGE_MEDIAN, part);
    mark(rows, DANCE_BEAT_MARK, events, audio_librosa_beats(part, frames, DANCE_RATE, start_bpm, &tempo, events));
    audio_librosa_mfcc(mel, frames, DANCE_MFCCS, part);
    put(rows, DANCE_MFCC, part, frames, DANCE_MFCCS);
    audio_chroma(x, n, DANCE_RATE, part);
    audio_chroma_to_cens(part, frames);
    put(rows, DANCE_CHROMA, part, frames, AUDIO_PITCHES);
}

bool audio_dance_features(
    const float *x, int64_t n, double rate, double start_bpm, float **rows, int64_t *frames, Err *e)
{
    *rows = NULL;
    *frames = 0;
    if (!(start_bpm >= 10 && start_bpm <= 1000))
        return err_set(e, "start tempo %g: must be 10 to 1000 beats a minute", start_bpm);
    if (n < 0 || (double)n / rate > AUDIO_MAX_SECONDS)
        return err_set(e, "song of %.0f s: at most %.0f s can be analysed", (double)n / rate, AUDIO_MAX_SECONDS);
    float *y;
    int64_t m;
    if (!audio_resample_librosa(x, n, rate, DANCE_RATE, &y, &m, e))
        return false;
    int64_t t = audio_stft_frames(m, LIBROSA_HOP);
    float *out = mem_try((size_t)t * DANCE_COLUMNS * sizeof(float)),
          *mel = mem_try((size_t)t * LIBROSA_MELS * sizeof(float));
    float *part = mem_try((size_t)t * DANCE_MFCCS * sizeof(float));
    int64_t *events = mem_try((size_t)t * sizeof(int64_t));
    bool ok = out && mel && part && events;
    if (ok)
        fill(out, t, y, m, start_bpm, mel, part, events);
    else
        err_set(e, "no memory for the features of a song of %.0f s", (double)n / rate);
    mem_free(mel);
    mem_free(part);
    mem_free(events);
    mem_free(y);
    if (!ok) {
        mem_free(out);
        return false;
    }
    *rows = out;
    *frames = t;
    return true;
}

void audio_dance_set_beats(float *rows, int64_t frames, const BeatGrid *g)
{
    for (int64_t t = 0; t < frames; t++)
        rows[t * DANCE_COLUMNS + DANCE_BEAT_MARK] = 0;
    for (int i = 0; i < g->n; i++) {
        int64_t t = (int64_t)rint(g->seconds[i] * DANCE_RATE / LIBROSA_HOP);
        if (t >= 0 && t < frames)
            rows[t * DANCE_COLUMNS + DANCE_BEAT_MARK] = 1;
    }
}

void audio_rows_at(const float *rows, int64_t frames, int width, double position, float *out)
{
    double p = CLAMP(position, 0.0, (double)(frames - 1));
    int64_t at = MIN((int64_t)p, MAX(frames - 2, 0));
    float part = (float)(p - (double)at);
    const float *a = rows + at * width, *b = rows + MIN(at + 1, frames - 1) * width;
    for (int k = 0; k < width; k++)
        out[k] = a[k] + part * (b[k] - a[k]);
}
