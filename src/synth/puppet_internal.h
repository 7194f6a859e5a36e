/* SPDX-License-Identifier: Apache-2.0
 *
 * Between reading puppets and making their meshes. Private to puppet*.c.
 */
#ifndef JIG_SYNTH_PUPPET_INTERNAL_H
#define JIG_SYNTH_PUPPET_INTERNAL_H

#include "synth/puppet.h"

/* A drawing's joints in its pixels, y down. */
typedef struct PuppetDrawing { float joint[SYNTH_JOINTS][2], crown[2]; } PuppetDrawing;

/* Cuts the figure into cells, gives each to a bone, and makes the flat mesh. NULL when nothing of it is opaque. */
Puppet *puppet_make(const PuppetDrawing *d, const uint8_t *rgba, int w, int h, int texture_limit, Err *e);

#endif
