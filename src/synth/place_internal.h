/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that make places share: colours and patterns. Private to place.c and room.c.
 */
#ifndef JIG_SYNTH_PLACE_INTERNAL_H
#define JIG_SYNTH_PLACE_INTERNAL_H

#include "synth/place.h"

void place_colour(Rng *r, float low, float high, float rgb[3]); /* brightest channel between low and high */
void place_put(uint8_t *o, const float c[3], float scale);
void place_put_mix(uint8_t *o, const float a[3], const float b[3], float t, float scale);
float place_pattern(int kind, float u, float v); /* kind 0..5, 0..1 */

void place_make_room(Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb);
void place_make_street(Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb);
void place_make_stage(Rng *r, const NoiseField *n, const Camera *c, int size, uint8_t *rgb);

#endif
