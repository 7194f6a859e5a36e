/* SPDX-License-Identifier: Apache-2.0
 *
 * audio: what is in a song. Spectra, resampling, mel bands, onsets, tempo, beats, bars, the `.beats` file, and the
 * per-frame music features that models are conditioned on. Layer 1: works on plain float arrays; knows no tensors, no
 * graph and no file format but `.beats`.
 *
 * Samples are mono floats, full scale ±1, at any rate. T frames, F bands; arrays are [T, F] with F contiguous.
 * Whoever passes an array keeps it; structs are filled by x_init and emptied by x_finish.
 */
#ifndef JIG_AUDIO_H
#define JIG_AUDIO_H

#include "base/base.h"

#define AUDIO_MAX_SECONDS 7200.0 /* longest song that is analysed */

/* ---- spectra (spectrum.c) ------------------------------------------------------------------------------------------
 * Frame t is centred on sample t*hop: power[k] = |sum_j w[j] x[t*hop - n_fft/2 + j] exp(-2 pi i jk/n_fft)|^2 with the
 * periodic Hann window w[j] = 0.5 - 0.5 cos(2 pi j/n_fft), k = 0..n_fft/2. Samples outside the song are zero or its
 * mirror image without the edge sample (librosa's and torch's center=True with pad_mode "constant" or "reflect"). */
typedef enum AudioPad { AUDIO_PAD_ZERO, AUDIO_PAD_REFLECT } AudioPad;

typedef struct AudioFft AudioFft; /* one real transform with its window and buffers; one thread at a time */

AudioFft *audio_fft_create(int n_fft); /* n_fft even, 2 or more */
void audio_fft_destroy(AudioFft *f);
/* power: [n_fft/2+1] */
void audio_fft_power(AudioFft *f, const float *x, int64_t n, int64_t centre, AudioPad pad, float *power);
/* out[l] = sum_i x[i] x[i+l], l = 0..lags-1. n + lags <= n_fft. */
void audio_fft_autocorrelate(AudioFft *f, const float *x, int n, float *out, int lags);

int64_t audio_stft_frames(int64_t n, int hop); /* 1 + floor(n / hop) */
/* power: [T, n_fft/2+1] */
void audio_stft_power(int n_fft, int hop, AudioPad pad, const float *x, int64_t n, float *power);

/* ---- levels (level.c) ------------------------------------------------------------------------------------------- */
void audio_rms(const float *x, int64_t n, int frame, int hop, float *rms); /* [T], frames centred, zeros outside */
float audio_centroid(const float *power, int n_fft, double rate); /* Hz, weighted by magnitude; 0 for silence */

/* ---- resampling (resample.c, sinc_resample.c) ----------------------------------------------------------------------
 * libsoxr. *out has round(n * to / from) samples and is the caller's (mem_free). Rates 1,000 to 768,000 Hz. */
bool audio_resample(const float *x, int64_t n, double from, double to, float **out, int64_t *n_out, Err *e);
/* What librosa.load and librosa.resample give (soxr_hq): the same, with ceil(n * to / from) samples. */
bool audio_resample_librosa(const float *x, int64_t n, double from, double to, float **out, int64_t *n_out, Err *e);
/* What torchaudio.functional.resample gives, samples first .. first+count-1 of audio_sinc_length(n, from, to), zeros
 * outside. x: every stride-th value (stride 2: the first channel of stereo). */
int64_t audio_sinc_length(int64_t n, int from, int to); /* ceil(n * to / from) */
bool audio_sinc_resample(const float *x, int stride, int64_t n, int from, int to, int64_t first, int64_t count,
    float *out, Err *e);

/* ---- mel bands (mel.c) ---------------------------------------------------------------------------------------------
 * Triangles between bands+2 points equally spaced in mel from lo to hi.
 * Slaney: m = 3f/200 below 1 kHz, else 15 + 27 ln(f/1000)/ln 6.4.  HTK: m = 2595 log10(1 + f/700).
 * area_norm multiplies each triangle by 2/(f_right - f_left) (librosa's norm="slaney"). */
typedef enum AudioMelScale { AUDIO_MEL_SLANEY, AUDIO_MEL_HTK } AudioMelScale;

typedef struct AudioMel {
    int n_fft, bands;
    int *first, *count, *at; /* [bands] band b takes power bins first..first+count-1 with weight[at...] */
    float *weight;
} AudioMel;

void audio_mel_init(AudioMel *m, double rate, int n_fft, int bands, double lo, double hi, AudioMelScale scale,
    bool area_norm);
void audio_mel_finish(AudioMel *m);
void audio_mel_apply(const AudioMel *m, const float *power, float *out); /* [n_fft/2+1] -> [bands] */
/* Mel power of the whole song, [T, bands], without keeping the spectrum. */
void audio_mel_spectrogram(const AudioMel *m, int hop, AudioPad pad, const float *x, int64_t n, float *out);

/* ---- librosa's features (onset_strength.c, librosa_beat.c, mfcc.c, chroma.c) ----------------------------------------
 * librosa 0.11 with its defaults: STFT 2048 / 512, zero padding, T = 1 + n/512 frames. Inputs of models trained on
 * them; equal within the tolerances of tests/audio/test_features.c. Samples are finite. */
enum { LIBROSA_FFT = 2048, LIBROSA_HOP = 512, LIBROSA_MELS = 128, AUDIO_PITCHES = 12 };

/* In place: 10 log10(max(v, 1e-10)), and with range > 0 no less than the largest minus range (power_to_db, top_db). */
void audio_power_to_db(float *v, int64_t n, float range);
/* power_to_db(melspectrogram): 128 Slaney bands 0..rate/2, floored 80 dB under the largest. db: [T, 128] */
void audio_librosa_mel(const float *x, int64_t n, double rate, float *db);
/* onset_strength from that: positive part of the difference to the frame before, mean or median over bands, moved 3
 * frames later. out: [T] */
typedef enum AudioMerge { AUDIO_MERGE_MEAN, AUDIO_MERGE_MEDIAN } AudioMerge;
void audio_librosa_onset(const float *db, int64_t frames, AudioMerge merge, float *out);
void audio_onset_strength(const float *x, int64_t n, double rate, AudioMerge merge, float *out); /* both steps */
/* onset_detect from the mean strength: frames of onsets, rising; room for n. Returns their number. */
int64_t audio_onset_peaks(const float *strength, int64_t n, double rate, int64_t *frames);
/* feature.tempo from a strength, beats a minute; 0 for none. start_bpm: 120 unless the tempo is known. */
double audio_librosa_tempo(const float *strength, int64_t n, double rate, double start_bpm);
/* beat_track from the median strength: frames of beats, rising (frame / rate * 512 seconds); room for n. Returns their
 * number. Without any strength none, and tempo 0. */
int64_t audio_librosa_beats(const float *strength, int64_t n, double rate, double start_bpm, double *tempo,
    int64_t *frames);
/* mfcc from the mel: orthonormal DCT-II over bands. out: [T, coefficients], coefficients 1..128 */
void audio_librosa_mfcc(const float *db, int64_t frames, int coefficients, float *out);
/* filters.chroma(sr=rate, n_fft=2048, tuning=0): [12, 1025], row 0 = C */
void audio_chroma_bank(double rate, float *bank);
/* chroma_stft(tuning=0, norm=None): [T, 12] */
void audio_chroma(const float *x, int64_t n, double rate, float *out);
/* In place: shares in five steps, smoothed over 43 frames, each frame of length 1 (0 in long silence). */
void audio_chroma_to_cens(float *chroma, int64_t frames);

/* ---- beats as models are told of them (beat_rows.c) ----------------------------------------------------------------
 * DabFusion: flags[i] = 1 for i = round((beat - start) * fps) (half to even) within 0..frames-1, else 0. */
void audio_beat_flags(const double *beats, int n, double start, double fps, int frames, float *flags);

/* ---- what each system hears (dance_features.c, clap_input.c, wav2clip_input.c, wav2vec2_input.c, log_mel.c) --------
 * MuseDance (its specification, section 3.1): 35 numbers a frame, 30 frames a second. *rows [*frames, 35] is the
 * caller's (mem_free). start_bpm 10..1000, 120 when the tempo is not known. */
enum {
    DANCE_RATE = 15360,
    DANCE_MFCCS = 20,
    DANCE_ONSET = 0,      /* onset strength, mean of bands */
    DANCE_MFCC = 1,       /* 20 */
    DANCE_CHROMA = 21,    /* 12, CENS */
    DANCE_ONSET_MARK = 33, /* 1 where librosa's onset_detect says so */
    DANCE_BEAT_MARK = 34, /* 1 where librosa's beat_track says so, or an own grid */
    DANCE_COLUMNS = 35
};
bool audio_dance_features(const float *x, int64_t n, double rate, double start_bpm, float **rows, int64_t *frames,
    Err *e);
/* Row of any table [frames, width] at a position between frames: linear, the ends held (MuseDance, section 3.2). */
void audio_rows_at(const float *rows, int64_t frames, int width, double position, float *out);

/* One log-mel front end: frames centred, song mirrored at its ends, out [1 + n/hop, bands]. */
typedef enum AudioLog { AUDIO_LOG_DB /* 10 log10(max(gain v, 1e-10)) */, AUDIO_LOG_1P /* ln(1 + gain v) */ } AudioLog;
typedef struct AudioFrontEnd {
    double rate; /* Hz, of the samples */
    int n_fft, hop, bands;
    double lo, hi; /* Hz */
    AudioMelScale scale;
    bool area_norm, magnitude; /* of the triangles; of the spectrum instead of its power */
    float gain;
    AudioLog log;
} AudioFrontEnd;
extern const AudioFrontEnd audio_clap_mel, audio_clap_fusion_mel;
extern const AudioFrontEnd audio_musicfm_mel; /* then: the last frame dropped, the weights' mean and deviation */
extern const AudioFrontEnd audio_beat_this_mel;
void audio_log_mel(const AudioFrontEnd *f, const float *x, int64_t n, float *out);

/* CLAP: ten seconds at 48 kHz. Shorter clips are repeated whole, then silence; of longer ones the middle is taken (the
 * published code: a random place). */
enum { AUDIO_CLAP_RATE = 48000, AUDIO_CLAP_SAMPLES = 480000, AUDIO_CLAP_FRAMES = 1001, AUDIO_CLAP_BANDS = 64 };
void audio_int16_steps(float *x, int64_t n); /* LAION's own loader rounds samples so first; transformers' does not */
void audio_clap_window(const float *x, int64_t n, float *out); /* [480000] */
void audio_clap_input(const float *x, int64_t n, float *out);  /* [1001, 64] of it: checkpoints without fusion */
/* Checkpoints with fusion: [4, 1001, 64] = the whole shrunk, then a piece of each third; *longer: more than ten
 * seconds, else four times the window. */
bool audio_clap_fusion_input(const float *x, int64_t n, float *out, bool *longer, Err *e);

/* Wav2CLIP: any length at 16 kHz. T = 1 + n/353. The network gets ln(power + 1e-7) with mean 0 and (unbiased) deviation
 * 1 over the clip. Both [257, T]. */
enum { AUDIO_WAV2CLIP_RATE = 16000, AUDIO_WAV2CLIP_HOP = 353, AUDIO_WAV2CLIP_BINS = 257 };
int64_t audio_wav2clip_frames(int64_t n);
void audio_wav2clip_spectrogram(const float *x, int64_t n, float *out);
void audio_wav2clip_input(const float *x, int64_t n, float *out);
/* Its frame-level mode embeds pieces: how many of `length` samples begin every `hop` and end within n. */
int64_t audio_pieces(int64_t n, int64_t length, int64_t hop);

/* wav2vec 2.0: 16 kHz, in place (x - mean) / sqrt(variance + 1e-7) over the window, its padding included. */
enum { AUDIO_WAV2VEC2_RATE = 16000 };
void audio_wav2vec2_normalise(float *x, int64_t n);
int64_t audio_wav2vec2_frames(int64_t n); /* of its output: floor((n - 400) / 320) + 1, 50 a second; 0 if too short */
/* MusicInfuser: the window for F video frames, first channel, by torchaudio's resampler, silence after the song's end,
 * normalised. out: [audio_musicinfuser_samples(F)], start in seconds within the song. */
int64_t audio_musicinfuser_samples(int frames); /* ceil(16000 (F/30 + 0.09)) */
bool audio_musicinfuser_input(const float *samples, int channels, int64_t n, int rate, double start, int frames,
    float *out, Err *e);
/* Which of `from` frames stands for frame i of `to`: floor(i from / to) (section 3.3). */
int64_t audio_nearest_frame(int64_t i, int64_t from, int64_t to);

/* ---- beat grid (beat_grid.c) ---------------------------------------------------------------------------------------
 * The beats of one song in seconds from its start, rising. beat_in_bar counts 1..metre, 1 = downbeat.
 * An empty grid (n = 0) is an honest answer: the song has no beat, and reason says why. */
typedef struct BeatGrid {
    int n;
    double *seconds;    /* [n] */
    int *beat_in_bar;   /* [n] */
    double length;      /* of the song, seconds */
    double tempo;       /* beats per minute: 60 / median interval; 0 with fewer than two beats */
    int metre;          /* beats in a bar: 3 or 4 when tracked; from a file what most bars have; 0 without beats */
    float confidence;   /* 0..1: how surely there is a beat that one can dance to; a file's grid has 1 */
    float bar_confidence; /* 0..1: how surely the downbeats are right */
    bool steady;        /* a tempo that stays within 2 % of its median over the song */
    char reason[160];   /* why there is no beat, or what is doubtful; empty when all is well */
} BeatGrid;

void audio_grid_init(BeatGrid *g);
void audio_grid_finish(BeatGrid *g);
void audio_grid_copy(BeatGrid *to, const BeatGrid *from); /* to is initialised here */
bool audio_grid_has_beat(const BeatGrid *g);              /* two beats or more */
/* Copies the beats and derives tempo, metre and steady; leaves confidence and reason alone. */
void audio_grid_set(BeatGrid *g, const double *seconds, const int *beat_in_bar, int n, double length);

/* Position in beats: beat i is at position i; linear between beats; before the first and after the last beat the first
 * and last interval go on. Needs audio_grid_has_beat. */
double audio_grid_position(const BeatGrid *g, double t);
double audio_grid_time(const BeatGrid *g, double position);      /* the inverse */
double audio_grid_beat_phase(const BeatGrid *g, double t);       /* [0, 1): 0 on a beat */
double audio_grid_bar_phase(const BeatGrid *g, double t);        /* [0, 1): 0 on a downbeat */
double audio_grid_half_time_phase(const BeatGrid *g, double t);  /* [0, 1): two beats a turn; even metre: 0 on "one" */
double audio_grid_tempo_at(const BeatGrid *g, double t);         /* beats per minute of the interval around t */
double audio_grid_beat_distance(const BeatGrid *g, double t);    /* seconds to the nearest beat, also outside */
double audio_grid_downbeat_distance(const BeatGrid *g, double t);
int audio_grid_bar_position(const BeatGrid *g, int64_t i);       /* 1..metre of beat i; outside 0..n-1 counting on */

/* What people correct: the grid earlier or later, twice or half as many beats, another beat as "one", a piece of the
 * song. Each keeps the grid whole (beats outside the song fall away). */
void audio_grid_shift(BeatGrid *g, double seconds);
void audio_grid_double(BeatGrid *g);                 /* a beat between each two; bars keep their number of beats */
void audio_grid_halve(BeatGrid *g, bool keep_odd);   /* every second beat; the first downbeat among them stays one */
bool audio_grid_set_downbeat(BeatGrid *g, int i, int metre, Err *e); /* beat i is a "one"; metre 1..16 */
void audio_grid_cut(BeatGrid *g, double start, double length); /* the piece [start, start+length) becomes the song */
void audio_grid_keep(BeatGrid *g, double from, double to);     /* only beats in [from, to) stay; times stay the song's */

/* MuseDance's six numbers a frame, frame i shown at start + i * step seconds (its specification, section 3.3): pulses
 * exp(-d^2 / (2 width^2)) at the nearest beat and downbeat, sine and cosine of the phase between beats and between
 * downbeats. All 0 for an empty grid. rows: [frames, 6]; width in seconds. */
enum { AUDIO_BEAT_VECTOR = 6 };
void audio_beat_vectors(const BeatGrid *g, double start, double step, int frames, double width, float *rows);
/* Puts a grid's beats in the place of librosa's into rows of audio_dance_features. */
void audio_dance_set_beats(float *rows, int64_t frames, const BeatGrid *g);

/* ---- beat tracker (tempo.c, beat.c, downbeat.c) --------------------------------------------------------------------
 * Finds beats and bars of a whole song. Silence, noise and speech give an empty grid with a reason: that is success.
 * false only for what cannot be analysed (rate out of range, song too long, no memory) or when cancelled. */
bool audio_track_beats(BeatGrid *g, const float *x, int64_t n, double rate, const Progress *p, Err *e);
/* The same where the tempo is known to lie between two tempi (beats per minute, 30 <= slowest < fastest <= 300): the beat,
 * its double or its half is taken accordingly. Without a beat in the range the grid is empty and says so. */
bool audio_track_beats_between(BeatGrid *g, const float *x, int64_t n, double rate, double slowest, double fastest,
    const Progress *p, Err *e);

/* ---- clicks (clicks.c) ----------------------------------------------------------------------------------------------
 * Turns the song down to leave room and adds a click on each beat, a higher one on downbeats, each from the very sample
 * round(seconds * rate) on. samples: [frames, channels]. */
void audio_add_clicks(float *samples, int64_t frames, int channels, double rate, const BeatGrid *g);

/* ---- form (song_form.c) --------------------------------------------------------------------------------------------
 * Bars with their energy, and parts: where the music changes and what comes back. Needs the grid of the same song; without
 * a beat, "bars" of four seconds take the place of bars. */
typedef struct FormBar {
    double start, end;       /* seconds */
    int first_beat, beats;   /* of the grid; 0 beats without a beat */
    double tempo;            /* beats per minute over the bar; 0 without a beat */
    float loudness;          /* dB of full scale, mean power */
    float energy;            /* 0..1: loudness within 24 dB of the song's loud bars, and how much begins in it */
    int part;
} FormBar;

typedef struct SongPart {
    int first_bar, bars;
    double start, end;       /* seconds; parts cover the song without gaps */
    int letter;              /* 0 = A: parts of one letter sound alike */
    int number;              /* 1..: so-many-th of its letter */
    float alike;             /* to the first part of its letter: 1 the same, 0 as different as any two bars of the song */
    float energy;            /* mean of its bars */
    const char *name;        /* a guess: intro, verse, chorus, bridge, break, outro; "part" in songs of one or two parts */
} SongPart;

typedef struct SongForm {
    int n_bars, n_parts;
    FormBar *bar;
    SongPart *part;
} SongForm;

bool audio_song_form(SongForm *f, const float *x, int64_t n, double rate, const BeatGrid *g, Err *e);
void audio_song_form_finish(SongForm *f);
void audio_part_letter(int letter, char out[8]); /* "A" .. "Z", then "A1" .. */
/* The part meant by "B", "b2" (the second B), "chorus", "chorus2"; without a number the first that ends after `from`
 * seconds. -1: there is none. */
int audio_find_part(const SongForm *f, const char *text, double from);

/* ---- .beats files and Audacity labels (beats_file.c) ---------------------------------------------------------------
 * Lines `seconds<TAB>beat-in-bar`, 1 = downbeat; `#` begins a comment; empty lines, a byte order mark and CR LF are fine.
 * What madmom, Beat This and Sonic Visualiser read. Labels are lines `from<TAB>to<TAB>text`: a text that is a number is a
 * beat in the bar, any other (names of parts) is left out. Checked: rising seconds from 0 to length (+ 0.5 s), at least
 * 20 ms apart, bars counting 1, 2, 3 … back to 1, 1..16 beats in a bar, at most 200,000 beats, 8 MB. length <= 0: not
 * known, no check. Each error names its line. audio_beats_read takes labels when the name ends in .txt. */
bool audio_beats_parse(BeatGrid *g, const char *text, size_t size, double length, Err *e);
bool audio_labels_parse(BeatGrid *g, const char *text, size_t size, double length, Err *e);
bool audio_beats_read(BeatGrid *g, const char *path, double length, Err *e);
void audio_beats_format(const BeatGrid *g, Text *out);
bool audio_beats_write(const BeatGrid *g, const char *path, Err *e);
void audio_labels_format(const BeatGrid *g, const SongForm *f, Text *out); /* f may be NULL: no parts */

/* ---- features of a song per video frame (song_features.c) ----------------------------------------------------------
 * Row i describes the time i/fps. The condition of the motion model (spec of the articulated model, section 2), named
 * so that models pick columns. Without a beat (empty grid) columns 0..9 and SONG_TEMPO are 0. */
enum { SONG_MEL_BANDS = 24 };
typedef enum SongColumn {
    SONG_BEAT_SIN, SONG_BEAT_COS,     /* of 2 pi beat phase */
    SONG_BAR_SIN, SONG_BAR_COS,       /* of 2 pi bar phase */
    SONG_HALF_SIN, SONG_HALF_COS,     /* one turn in two beats */
    SONG_DOUBLE_SIN, SONG_DOUBLE_COS, /* two turns in a beat */
    SONG_BEAT_PULSE,                  /* exp(-d^2 / (2 * 0.05^2)), d seconds to the nearest beat */
    SONG_DOWNBEAT_PULSE,              /* the same to the nearest downbeat */
    SONG_ONSET,                       /* strongest onset in the frame, 0..2; 1 = the 95th percentile of its peaks */
    SONG_LOUDNESS,                    /* 0..1: 40 dB under the song's loud parts .. as loud as them (95th percentile) */
    SONG_MEL,                         /* 24 log-mel bands, each mean 0 and deviation 1 over the song */
    SONG_TEMPO = SONG_MEL + SONG_MEL_BANDS, /* log2(local tempo / 120) */
    SONG_SILENCE,                     /* 1 where there is nothing to hear (below -60 dB of full scale) */
    SONG_COLUMNS
} SongColumn;

typedef struct SongFeatures {
    int64_t frames;
    double fps;
    float *rows; /* [frames, SONG_COLUMNS] */
} SongFeatures;

/* fps 1..240. frames = ceil(n / rate * fps). */
bool audio_song_features(SongFeatures *f, const float *x, int64_t n, double rate, const BeatGrid *g, double fps,
    Err *e);
void audio_song_features_finish(SongFeatures *f);

/* ---- kept between runs (song_cache.c) ------------------------------------------------------------------------------
 * The same results, bit for bit, read from the cache (base.h) where this program has computed them before. */
bool audio_track_beats_cached(BeatGrid *g, const float *x, int64_t n, double rate, const Progress *p, Err *e);
bool audio_song_features_cached(SongFeatures *f, const float *x, int64_t n, double rate, const BeatGrid *g, double fps,
    Err *e);

#endif
