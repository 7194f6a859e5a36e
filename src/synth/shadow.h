/* SPDX-License-Identifier: Apache-2.0
 *
 * Soft shadows on the floor. Private to src/synth.
 */
#ifndef JIG_SYNTH_SHADOW_H
#define JIG_SYNTH_SHADOW_H

#include "synth/synth_internal.h"

/* Cover of the floor by the posed figure, seen by the camera, at half the picture's size. */
typedef struct Shadow {
    int side;
    float *cover, *scratch; /* [side][side] 0 lit .. 1 dark */
    int first, last; /* rows that are not all lit */
} Shadow;

void shadow_init(Shadow *s, int size);
void shadow_finish(Shadow *s);
/* strength 0..1; the result is in s->cover. */
void shadow_cast(Shadow *s, const Mesh *m, const Camera *c, const Light *light, float strength, const float (*pos)[3]);
/* Darkens rgb [size][size][3], size = 2 * side. */
void shadow_apply(const Shadow *s, uint8_t *rgb);

#endif
