/* SPDX-License-Identifier: Apache-2.0
 *
 * One training clip: dance, pictures, truth, files. Private to src/synth.
 */
#ifndef JIG_SYNTH_TRAINING_CLIP_H
#define JIG_SYNTH_TRAINING_CLIP_H

#include "synth/moves_source.h"
#include "synth/synth.h"

typedef struct ClipMaker {
    SynthSource *looks;
    MovesSource *moves;
    int size, flow_size;
    double seconds_min, seconds_max;
    uint64_t seed;
    const char *dir;
} ClipMaker;

/* Clip `index` into DIR/clips, its row last. stop (may be NULL) is asked now and then; true: stops as cancelled. */
bool training_clip_write(const ClipMaker *k, uint64_t index, bool (*stop)(void *user), void *user, Err *e);

#endif
