/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trained diffusion is: sizes of its U-Net, its window, what it hears, which LFAE it belongs to; as metadata of the
 * weight file and back (diffusion_config.c). Private to models/dabfusion.
 */
#ifndef JIG_DIFFUSION_CONFIG_H
#define JIG_DIFFUSION_CONFIG_H

#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/music_condition.h"

enum { FLOW_LEVELS = 1000, FLOW_NUMBERS = 3 }; /* noise levels; flow x, flow y, 2 o - 1 */

typedef struct DiffusionConfig {
    FlowUnetConfig unet;
    MusicPlan music; /* with frames and fps of a window */
    bool improved;   /* per-frame conditioning (spec 11.2) */
    int cells;       /* side of the flow */
    uint64_t lfae;   /* key of the weights that it was trained with */
} DiffusionConfig;

/* Derives the U-Net's inputs from the rest: channels from z, cond and frame_cond from the music. */
void diffusion_config_finish(DiffusionConfig *c, int z_channels);
int diffusion_describe(const DiffusionConfig *c, Arena *a, MetaPair *out, int max);
bool diffusion_read_config(const SafeTensors *st, DiffusionConfig *c, Err *e);

#endif
