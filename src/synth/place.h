/* SPDX-License-Identifier: Apache-2.0
 *
 * Places behind the dancer: views from a folder, and places made by code whose floor fits the camera.
 * Private to src/synth.
 */
#ifndef JIG_SYNTH_PLACE_H
#define JIG_SYNTH_PLACE_H

#include "synth/synth_internal.h"

enum { NOISE_SIDE = 256 };

/* Smooth fractal noise 0..255 that repeats every 256 pixels; shared, made once. */
typedef struct NoiseField { uint8_t at[NOISE_SIDE][NOISE_SIDE]; } NoiseField;
void noise_init(NoiseField *n, uint64_t seed);
/* Between texels, u and v in texels of the field. */
float noise_read(const NoiseField *n, float u, float v);

/* The part of a picture that begins at (x, y) texels of level 0, `step` texels a pixel, clamped at its rim.
 * rgb [size][size][3]. */
void place_view(const Texture *t, float x, float y, float step, int size, uint8_t *rgb);

typedef enum PlaceKind {
    PLACE_PLAIN, PLACE_GRADIENT, PLACE_NOISE, PLACE_PATTERN, PLACE_ROOM, PLACE_STREET, PLACE_STAGE, PLACE_KINDS
} PlaceKind;

/* A place by code as seen by the camera. */
void place_make(PlaceKind kind, Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb);

/* Stripes, checks, dots and the like in two colours, repeating; 64 x 64. */
void place_cloth(Rng *r, Texture *t);

/* Hue, how strong and how light. h 0..1, s 0..1, v 0..255 */
void colour_hsv(float h, float s, float v, float rgb[3]);
/* Each drawn from its range, in this order. (Two draws in one expression would leave their order to the compiler.) */
typedef struct ColourRange { float h[2], s[2], v[2]; } ColourRange;
void colour_draw(Rng *r, ColourRange c, float rgb[3]);
float draw_product(Rng *r, float low, float high); /* low..high times 0..1 */
float draw_normal(Rng *r, float deviation, float limit); /* cut at +-limit (CLAMP would draw its argument again) */

#endif
