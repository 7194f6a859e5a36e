/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawn styles: what happens to a shaded figure. Private to src/synth.
 */
#ifndef JIG_SYNTH_STYLE_H
#define JIG_SYNTH_STYLE_H

#include "synth/synth_internal.h"

/* Steps of colour, 2..8 a channel, in place. rgb pixels are `stride` bytes apart. */
void style_posterise(int levels, size_t pixels, int stride, uint8_t *rgb);
/* Ink lines of about `width` pixels along the outline and where parts or depths meet. */
void style_outline(const Layer *l, const Mesh *m, float width, int size, uint8_t *rgba);

#endif
