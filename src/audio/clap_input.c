/* SPDX-License-Identifier: Apache-2.0
 *
 * What CLAP's audio tower hears (DabFusion specification, section 3.2): ten seconds at 48 kHz as log-mel, made from a
 * clip of any length. Shorter clips are repeated whole and then filled with silence ("repeatpad"). Longer ones are cut:
 * where the published code draws a random place, the middle is taken here, so that the same song always sounds the
 * same. With fusion a longer clip gives four pictures: the whole, shrunk to the length of one, and one from each third.
 * Layout: [AUDIO_CLAP_FRAMES, 64], with fusion [4, AUDIO_CLAP_FRAMES, 64].
 */
#include "audio/audio.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { FRAMES = AUDIO_CLAP_FRAMES, SAMPLES = AUDIO_CLAP_SAMPLES, BANDS = AUDIO_CLAP_BANDS, PICTURE = FRAMES * BANDS };

void audio_int16_steps(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = truncf(CLAMP(x[i], -1.0f, 1.0f) * 32767) / 32767;
}

void audio_clap_window(const float *x, int64_t n, float *out)
{
    if (n >= SAMPLES) {
        memcpy(out, x + (n - SAMPLES) / 2, SAMPLES * sizeof(float));
        return;
    }
    int64_t filled = n > 0 ? SAMPLES / n * n : 0;
    for (int64_t i = 0; i < filled; i += n)
        memcpy(out + i, x, (size_t)n * sizeof(float));
    memset(out + filled, 0, (size_t)(SAMPLES - filled) * sizeof(float));
}

void audio_clap_input(const float *x, int64_t n, float *out)
{
    float *window = mem_alloc(SAMPLES * sizeof(float));
    audio_clap_window(x, n, window);
    audio_log_mel(&audio_clap_mel, window, SAMPLES, out);
    mem_free(window);
}

/* Rows of `mel` [frames, 64] shrunk to FRAMES: torch's bilinear interpolation, align_corners false, no low pass. */
static void shrink(const float *mel, int64_t frames, float *out)
{
    for (int t = 0; t < FRAMES; t++) {
        float at = fmaxf(((float)t + 0.5f) * ((float)frames / FRAMES) - 0.5f, 0);
        int64_t a = MIN((int64_t)at, frames - 1), b = MIN(a + 1, frames - 1);
        float part = at - (float)a;
        for (int k = 0; k < BANDS; k++)
            out[t * BANDS + k] = mel[a * BANDS + k] * (1 - part) + mel[b * BANDS + k] * part;
    }
}

/* First frame of the piece from third i of the `starts` possible ones: the middle of what numpy's array_split gives. */
static int64_t piece_of(int64_t starts, int i)
{
    int64_t size = starts / 3, more = starts % 3, from = i * size + MIN(i, more), count = size + (i < more);
    return count > 0 ? from + count / 2 : 0;
}

bool audio_clap_fusion_input(const float *x, int64_t n, float *out, bool *longer, Err *e)
{
    int64_t frames = audio_stft_frames(n, audio_clap_fusion_mel.hop);
    *longer = n > SAMPLES && frames > FRAMES;
    if (n <= SAMPLES) {
        float *window = mem_alloc(SAMPLES * sizeof(float));
        audio_clap_window(x, n, window);
        audio_log_mel(&audio_clap_fusion_mel, window, SAMPLES, out);
        mem_free(window);
    } else if (!*longer) {
        audio_log_mel(&audio_clap_fusion_mel, x, n, out);
    } else {
        float *mel = mem_try((size_t)frames * BANDS * sizeof(float));
        if (!mel)
            return err_set(e, "no memory for the spectrum of %.0f s", (double)n / audio_clap_fusion_mel.rate);
        audio_log_mel(&audio_clap_fusion_mel, x, n, mel);
        shrink(mel, frames, out);
        for (int i = 0; i < 3; i++)
            memcpy(out + (i + 1) * PICTURE, mel + piece_of(frames - FRAMES + 1, i) * BANDS, PICTURE * sizeof(float));
        mem_free(mel);
        return true;
    }
    for (int i = 1; i < 4; i++)
        memcpy(out + i * PICTURE, out, PICTURE * sizeof(float));
    return true;
}
