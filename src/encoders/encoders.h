/* SPDX-License-Identifier: Apache-2.0
 *
 * encoders: published pretrained networks that hear music for more than one model (docs/models/encoders.md). Layer 4.
 *
 *   CLAP      audio tower (HTSAT) with projection: 10 s at 48 kHz -> one vector of 512      htsat.c
 *   Wav2CLIP  ResNet-18 on a spectrogram: any length at 16 kHz -> one vector of 512         wav2clip.c
 *   wav2vec2  16 kHz -> 50 vectors of 768 a second, of every layer                          wav2vec2.c
 *
 * Each network is made in a ParamSet under the names of its published file and built into a Graph; encoder_run.c opens
 * a file and goes from samples to vectors. Front ends (resampling, spectra, windows) are audio's. Rows for `jig net`:
 * encoder_nets.c.
 */
#ifndef JIG_ENCODERS_H
#define JIG_ENCODERS_H

#include "nn/nn.h"

enum { ENCODER_LEVELS = 4, ENCODER_CONVS = 8, ENCODER_LAYERS = 48, CLAP_WIDTH = 512, WAV2CLIP_WIDTH = 512 };

/* ---- CLAP (htsat.c): Chen et al. 2022, LAION-CLAP's names -----------------------------------------------------------
 * A Swin transformer on the folded log-mel
 * spectrogram. */
typedef struct HtsatConfig {
    int64_t spec_size, mel_bins;    /* 256, 64: side of the folded picture, bands */
    int64_t patch, window;          /* 4, 8 */
    int64_t width;                  /* 128 (base), 96 (tiny): of the first level; doubles a level */
    int levels;                     /* 4 */
    int64_t depths[ENCODER_LEVELS]; /* 2-2-12-2 (base), 2-2-6-2 (tiny) */
    int64_t heads[ENCODER_LEVELS];  /* 4-8-16-32 */
    double mlp_ratio, eps;          /* 4, 1e-5 */
    int64_t projection;             /* 512; 0: none */
} HtsatConfig;

typedef struct Htsat Htsat;
HtsatConfig htsat_published(void); /* base: the music checkpoints */
/* Names "audio_branch.*", "audio_projection.{0,2}.*"; transformers' names are known as aliases. NULL and a message for
 * sizes that do not fit each other. */
Htsat *htsat_create(ParamSet *ps, const HtsatConfig *c, Err *e);
void   htsat_destroy(Htsat *net); /* takes NULL */
int64_t htsat_chunks(const Htsat *net); /* of time, stacked along frequency */
typedef struct HtsatNodes {
    Node *tokens; /* [B, h, w, C] of the last level, normed: row = frequency, column = time */
    Node *pooled; /* [B, C]: their mean, the embedding of the classifier */
    Node *embeds; /* [B, projection], not normalised; NULL without projection */
} HtsatNodes;
HtsatNodes htsat_build(Graph *g, const Htsat *net, Node *mel); /* mel [B, frames, bands], dB */

/* ---- Wav2CLIP (wav2clip.c): Wu et al. 2021 ----------------------------------------------------------------------- */
typedef struct Wav2clipConfig {
    int64_t width;                  /* 64: of the first level; doubles a level */
    int levels;                     /* 4 */
    int64_t blocks[ENCODER_LEVELS]; /* 2-2-2-2 */
    bool transform;                 /* the MLP into CLIP's space */
} Wav2clipConfig;

typedef struct Wav2clip Wav2clip;
Wav2clipConfig wav2clip_published(void);
Wav2clip *wav2clip_create(ParamSet *ps, const Wav2clipConfig *c); /* "audio_encoder.*", "audio_transform.sequential.{0,3}.*" */
void      wav2clip_destroy(Wav2clip *net);
typedef struct Wav2clipNodes {
    Node *features;  /* [B, 512] */
    Node *embedding; /* [B, 512] of the MLP; NULL without it */
} Wav2clipNodes;
Wav2clipNodes wav2clip_build(Graph *g, const Wav2clip *net, Node *spectrogram); /* [B, 257, T, 1] */

/* ---- wav2vec 2.0 (wav2vec2.c): Baevski et al. 2020, base ------------------------------------------------------------
 * Convolutions with one group norm, a convolution for
 * the positions, post-norm transformer layers. */
typedef struct Wav2vec2Config {
    int64_t width, layers, heads, mlp;     /* 768, 12, 12, 3072 */
    int convs;                             /* 7 */
    int64_t channels[ENCODER_CONVS], kernels[ENCODER_CONVS], strides[ENCODER_CONVS]; /* 512; 10-3-3-3-3-2-2; 5-2-2-2-2-2-2 */
    int64_t position_kernel, position_groups; /* 128, 16 */
    double eps;                            /* 1e-5 */
} Wav2vec2Config;

typedef struct Wav2vec2 Wav2vec2;
Wav2vec2Config wav2vec2_published(void);
Wav2vec2 *wav2vec2_create(ParamSet *ps, const Wav2vec2Config *c, Err *e);
void      wav2vec2_destroy(Wav2vec2 *net);
typedef struct Wav2vec2Nodes {
    Node *features;                   /* [B, T, 512] of the convolutions, normed */
    Node *hidden[ENCODER_LAYERS + 2]; /* [B, T, 768]: before the first layer, after each (the last is the usual one); NULL */
} Wav2vec2Nodes;
Wav2vec2Nodes wav2vec2_build(Graph *g, const Wav2vec2 *net, Node *wave); /* [B, N], normalised */

extern const NetList encoder_nets;

/* ---- from samples to vectors (encoder_run.c) ------------------------------------------------------------------------
 * A file is opened by content (safetensors
 * or PyTorch's) and stays mapped. Memory is that of one window, whatever the song's length; graphs are kept for the
 * last window length. Sizes are read from the tensors where they differ between published files (CLAP tiny or base). */
typedef struct ClapEncoder ClapEncoder;
ClapEncoder *clap_open(const char *path, const Device *device, DType compute, Err *e);
void clap_close(ClapEncoder *c);
/* x [n] at 48 kHz, mono: the ten seconds in the middle, shorter ones repeated (audio_clap_window). Length 1. */
bool clap_embed(ClapEncoder *c, const float *x, int64_t n, float out[CLAP_WIDTH], Err *e);

typedef struct Wav2clipEncoder Wav2clipEncoder;
Wav2clipEncoder *wav2clip_open(const char *path, const Device *device, DType compute, Err *e);
void wav2clip_close(Wav2clipEncoder *c);
/* x [n] at 16 kHz, mono, normalised over the whole of n, so one clip at a time: 512 samples to 60 seconds. transform:
 * through the MLP. Not normalised to length 1. */
bool wav2clip_embed(Wav2clipEncoder *c, const float *x, int64_t n, bool transform, float out[WAV2CLIP_WIDTH], Err *e);
/* Frame level: a vector for each piece of `length` samples, one every `hop` (audio_pieces); out [pieces][512]. */
bool wav2clip_embed_pieces(Wav2clipEncoder *c, const float *x, int64_t n, int64_t length, int64_t hop, bool transform,
                           float *out, const Progress *p, Err *e);

typedef struct Wav2vec2Encoder Wav2vec2Encoder;
Wav2vec2Encoder *wav2vec2_open(const char *path, const Device *device, DType compute, Err *e);
void wav2vec2_close(Wav2vec2Encoder *c);
/* x [n] at 16 kHz, not yet normalised: out [audio_wav2vec2_frames(n)][768] of hidden layer 0..12 (12: the last). At
 * most 60 seconds: the systems hear windows of 1 to 6. */
bool wav2vec2_encode(Wav2vec2Encoder *c, const float *x, int64_t n, int layer, float *out, Err *e);

#endif
