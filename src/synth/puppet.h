/* SPDX-License-Identifier: Apache-2.0
 *
 * Two-dimensional puppets from cut-out figures with joints, as flat meshes for the same renderer. Private to src/synth.
 */
#ifndef JIG_SYNTH_PUPPET_H
#define JIG_SYNTH_PUPPET_H

#include "synth/synth_internal.h"

typedef struct Puppet {
    Mesh *mesh; /* in the plane z = 0, scaled to a person's height, faces us */
    Texture texture;
} Puppet;

/* path: NAME.joints beside NAME.png, or char_cfg.yaml beside texture.png and mask.png. */
Puppet *puppet_load(const char *path, int texture_limit, Err *e);
void puppet_destroy(Puppet *p);
/* Bone by bone similarities in the plane: lengths of limbs follow the pose's foreshortening; arms and legs go before or
 * behind the trunk as in the pose. Place as in skin_pose. */
void puppet_pose(const Mesh *m, const Pose pose, const Bearing *b, float lift, Posed *out);

#endif
