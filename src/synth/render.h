/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing what a Scene says, picture by picture. Private to src/synth.
 */
#ifndef JIG_SYNTH_RENDER_H
#define JIG_SYNTH_RENDER_H

#include "synth/scene.h"
#include "synth/shadow.h"

/* Scratch of one thread. layer[0] holds the source (or a clip's first frame), layer[1] the target. */
typedef struct SynthWork {
    Layer layer[2], second;
    Shadow shadow;
    float (*pos)[3], (*normal)[3];
    int room;
    uint8_t *rgba, *scratch, *parts;
} SynthWork;

SynthWork *work_create(int size);
void work_destroy(SynthWork *w);

/* The place with its second person, and the light brought near to it. rgb [size][size][3] */
void render_place(SynthSource *src, SynthWork *w, Scene *s, int size, uint8_t *rgb);
/* The figure in a pose over the place with its shadow, and its labels; into w->layer[which]. */
void render_picture(SynthWork *w, const Scene *s, const Posed *posed, int which, int size,
                    const uint8_t *place, SynthPicture *out);

#endif
