/* SPDX-License-Identifier: Apache-2.0
 *
 * Log-mel front ends of the music encoders, one table row each: CLAP without and with fusion (DabFusion specification,
 * section 3.2; transformers' ClapFeatureExtractor), MusicFM-25Hz and Beat This (MuseDance specification, sections 3.1
 * and 3.3; torchaudio's MelSpectrogram). All are centred with the song mirrored at its ends. Layout: [T, bands].
 */
#include "audio/audio.h"

#include <math.h>

const AudioFrontEnd audio_clap_mel = {48000, 1024, 480, 64, 50, 14000, AUDIO_MEL_SLANEY, true, false, 1, AUDIO_LOG_DB};
const AudioFrontEnd audio_clap_fusion_mel = {
    48000, 1024, 480, 64, 50, 14000, AUDIO_MEL_HTK, false, false, 1, AUDIO_LOG_DB};
const AudioFrontEnd audio_musicfm_mel = {24000, 2048, 240, 128, 0, 12000, AUDIO_MEL_HTK, false, false, 1, AUDIO_LOG_DB};
/* the spectrum is divided by the root of the window's length, 32 */
const AudioFrontEnd audio_beat_this_mel = {
    22050, 1024, 441, 128, 30, 11000, AUDIO_MEL_SLANEY, false, true, 1000.0f / 32, AUDIO_LOG_1P};

typedef struct Job {
    const AudioFrontEnd *f;
    const AudioMel *mel;
    const float *x;
    int64_t n;
    float *out;
} Job;

static void compress(const AudioFrontEnd *f, float *v)
{
    for (int b = 0; b < f->bands; b++)
        v[b] = f->log == AUDIO_LOG_DB ? 10 * log10f(fmaxf(f->gain * v[b], 1e-10f)) : log1pf(f->gain * v[b]);
}

static void log_mel_range(void *ctx, int64_t from, int64_t to)
{
    const Job *j = ctx;
    int bins = j->f->n_fft / 2 + 1;
    AudioFft *fft = audio_fft_create(j->f->n_fft);
    float *power = mem_alloc((size_t)bins * sizeof(float));
    for (int64_t t = from; t < to; t++) {
        float *row = j->out + t * j->f->bands;
        audio_fft_power(fft, j->x, j->n, t * j->f->hop, AUDIO_PAD_REFLECT, power);
        for (int k = 0; j->f->magnitude && k < bins; k++)
            power[k] = sqrtf(power[k]);
        audio_mel_apply(j->mel, power, row);
        compress(j->f, row);
    }
    mem_free(power);
    audio_fft_destroy(fft);
}

void audio_log_mel(const AudioFrontEnd *f, const float *x, int64_t n, float *out)
{
    AudioMel mel;
    audio_mel_init(&mel, f->rate, f->n_fft, f->bands, f->lo, f->hi, f->scale, f->area_norm);
    Job j = {f, &mel, x, n, out};
    threads_for(audio_stft_frames(n, f->hop), 128, log_mel_range, &j);
    audio_mel_finish(&mel);
}
