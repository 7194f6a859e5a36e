/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies made by code: people of rounded limbs with clothes and hair, cartoon and stick figures, animals' heads, robots
 * of boxes. The same mesh as BODY1, so everything else treats them alike. Private to src/synth.
 */
#ifndef JIG_SYNTH_DRAWN_BODY_H
#define JIG_SYNTH_DRAWN_BODY_H

#include "synth/synth_internal.h"

struct SynthSource;

/* Triangles carry these in Mesh.material. */
typedef enum DrawnCloth {
    DRAWN_SKIN, DRAWN_SHIRT, DRAWN_TROUSERS, DRAWN_SHOES, DRAWN_HAIR, DRAWN_DARK, DRAWN_LIGHT, DRAWN_ACCENT,
    DRAWN_CLOTHS
} DrawnCloth;

Mesh *drawn_body_make(Rng *r);
/* Colours, patterns by code, fabrics of the folder. false: a fabric could not be read. */
bool drawn_body_dress(struct SynthSource *s, Rng *r, const Mesh *m, Dress *d);

#endif
