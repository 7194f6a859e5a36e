/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion, the side that makes videos. In order:
 *
 *     model = dabfusion_open(folder)                    lfae.safetensors and diffusion.safetensors
 *     dabfusion_look(model, picture)                    letter-boxed; features and their part of the first convolution, once
 *     dabfusion_sample(model, song, options, &moves)    latent flow for the whole song, window by window (windows.c)
 *     dabfusion_frame(model, &moves, seconds, rgb)      any frame, in any order
 *
 * Moves are latent flow: a choreography that another picture can dance too (latent_moves.c).
 */
#ifndef JIG_DABFUSION_MODEL_H
#define JIG_DABFUSION_MODEL_H

#include "audio/audio.h"
#include "media/media.h"
#include "tensor/tensor.h"

/* ---- moves (latent_moves.c) ------------------------------------------------------------------------------------------
 * h [frames, cells, cells, 3]: flow x, flow y (absolute sampling grid, -1..1), 2 o - 1. */
typedef struct LatentMoves {
    int64_t frames;
    double fps;
    int cells;
    float *h;
} LatentMoves;

bool latent_moves_init(LatentMoves *m, int64_t frames, double fps, int cells, Err *e);
void latent_moves_finish(LatentMoves *m);
/* The flow at a time between frames, linear: flows are absolute and smooth in time. flow [cells, cells, 2], occlusion [cells, cells] */
void latent_moves_at(const LatentMoves *m, double seconds, float *flow, float *occlusion);
void latent_moves_mirror(LatentMoves *m);            /* left and right exchanged */
void latent_moves_close(LatentMoves *m, int64_t over); /* the last `over` frames lead back to the first */
/* safetensors: "flow" F32, "beats" F64 seconds as I64 microseconds, "beat_in_bar" I32; metadata class "moves", kind
 * "latent flow", fps. Read for a song: re-timed beat by beat where both have beats, repeated or cut to `seconds`. */
bool latent_moves_write(const LatentMoves *m, const char *path, const BeatGrid *grid, Err *e);
bool latent_moves_read(LatentMoves *m, const char *path, const BeatGrid *grid, double seconds, Err *e);

/* ---- model (dabfusion_model.c) --------------------------------------------------------------------------------------- */
typedef struct DabfusionModel DabfusionModel;
DabfusionModel *dabfusion_open(const char *folder, const Device *device, Err *e);
void dabfusion_close(DabfusionModel *m); /* takes NULL */
bool dabfusion_is_improved(const DabfusionModel *m);
double dabfusion_fps(const DabfusionModel *m);
int dabfusion_size(const DabfusionModel *m); /* side of its pictures */
int dabfusion_cells(const DabfusionModel *m);
bool dabfusion_look(DabfusionModel *m, const Picture *picture, Err *e);
/* The part of the square that shows the picture, as x, y, w, h in its pixels. */
void dabfusion_content(const DabfusionModel *m, int box[4]);
/* rgb: [size, size, 3] in 0..1 */
bool dabfusion_frame(DabfusionModel *m, const LatentMoves *moves, double seconds, float *rgb, Err *e);

/* ---- sampling (windows.c) -------------------------------------------------------------------------------------------- */
typedef enum LatentSampler { SAMPLER_DDIM, SAMPLER_DDPM } LatentSampler;
typedef struct LatentOptions {
    int steps;       /* of DDIM; DDPM takes 1000 */
    double guidance; /* 1: the music as trained; more: exaggerated, at twice the work */
    double eta;      /* 0: repeatable path from noise to flow; 1: the published test's */
    int sampler;
    int64_t seed;
} LatentOptions;
extern const OptTable latent_options; /* sampler, eta; the others belong to every model and are set by the caller */

/* The whole song, samples at `rate`, beats in grid: windows that overlap by half are denoised together (spec 11.3 a). */
bool dabfusion_sample(DabfusionModel *m, const float *samples, int64_t n, double rate, const BeatGrid *grid, const LatentOptions *o,
                      LatentMoves *out, const Progress *p, Err *e);
/* Memory of sampling and drawing; and the seconds that they will take, at the speed of dabfusion_look on this machine. */
uint64_t dabfusion_bytes(DabfusionModel *m, double seconds, const LatentOptions *o);
double dabfusion_seconds(DabfusionModel *m, double seconds, double fps, const LatentOptions *o);

#endif
