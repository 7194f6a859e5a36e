/* SPDX-License-Identifier: Apache-2.0
 *
 * What cameras and files do to pictures: colours, vignette, blur, noise, JPEG. rgb [size][size][3].
 * Private to src/synth.
 */
#ifndef JIG_SYNTH_DEGRADE_H
#define JIG_SYNTH_DEGRADE_H

#include "base/base.h"

/* Of the camera: alike for all pictures of a pair. */
typedef struct Grade {
    float gain[3], gamma, contrast, lift, saturation;
    float vignette; /* darkness in the corners, 0..0.6 */
    float blur;     /* Gaussian, pixels */
    float smear[2]; /* camera shake: length in pixels along x and y, 0 = none */
} Grade;

/* Of the file: for sources only. */
typedef struct Wear {
    float noise;   /* deviation in levels */
    bool coarse;   /* noise in grains of two pixels */
    float shrink;  /* > 1: made smaller by that and enlarged again */
    int jpeg;      /* quality, 0 = none */
} Wear;

void grade_draw(Grade *g, Rng *r);
void wear_draw(Wear *w, Rng *r);

/* Deviates of a normal distribution times 64, shared by all threads. */
enum { GRAINS = 1 << 16 };
typedef struct Grain { int8_t at[GRAINS]; } Grain;
void grain_init(Grain *g, uint64_t seed);

void grade_apply(const Grade *g, int size, uint8_t *rgb, uint8_t *scratch); /* scratch as large as rgb */
void wear_apply(const Wear *w, const Grain *grain, Rng *r, int size, uint8_t *rgb, uint8_t *scratch);

/* What JPEG of this quality (1..100, tables of ITU-T T.81 annex K scaled as usual, chroma at half resolution) does to
 * a picture: the transform and the rounding, without writing the bits. size: a multiple of 4; edges are repeated. */
void degrade_jpeg(int quality, int size, uint8_t *rgb);

#endif
