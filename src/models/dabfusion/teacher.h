/* SPDX-License-Identifier: Apache-2.0
 *
 * The trained LFAE in use (lfae_run.c): features of a picture, flow between two pictures, a picture drawn from features and
 * flow. Arrays on the host, F32: pictures [S, S, 3] in 0..1, z [h, w, C], flow [h, w, 2], occlusion [h, w]. Private to
 * models/dabfusion.
 */
#ifndef JIG_DABFUSION_TEACHER_H
#define JIG_DABFUSION_TEACHER_H

#include "models/dabfusion/dabfusion.h"

typedef struct LfaeRunner LfaeRunner;
LfaeRunner *lfae_runner_open(const char *path, const Device *device, Err *e);
void lfae_runner_close(LfaeRunner *r); /* takes NULL */
const LfaeConfig *lfae_runner_config(const LfaeRunner *r);
uint64_t lfae_runner_key(const LfaeRunner *r); /* of the weights: what was made with other ones has another key */
int lfae_runner_cells(const LfaeRunner *r);    /* h = w of z and flow */
int lfae_runner_channels(const LfaeRunner *r); /* C of z */
double lfae_runner_see_flops(const LfaeRunner *r);  /* multiply-adds x 2 of one lfae_runner_see */
double lfae_runner_draw_flops(const LfaeRunner *r); /* of one lfae_runner_draw */
uint64_t lfae_runner_bytes(const LfaeRunner *r, bool flow); /* memory of its graphs, with or without lfae_runner_flow */

/* The picture that the following calls are about: its features and regions are computed once. */
bool lfae_runner_see(LfaeRunner *r, const float *picture, Err *e);
const float *lfae_runner_z(const LfaeRunner *r);
bool lfae_runner_flow(LfaeRunner *r, const float *driving, float *flow, float *occlusion, Err *e);
bool lfae_runner_draw(LfaeRunner *r, const float *flow, const float *occlusion, float *picture, Err *e);

#endif
