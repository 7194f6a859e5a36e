/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of DabFusion's networks share: the fill rule S of the specification (9.1) and the comparison with its
 * golden rows "mean; rms; first three; last" in the reference's element order.
 */
#ifndef JIG_TEST_DABFUSION_GOLDEN_H
#define JIG_TEST_DABFUSION_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/dabfusion/dabfusion.h"

/* Parameters whose name begins with prefix, in file order: t counts the tensors, k the elements. Constant kernels
 * ("down.weight") are left out of the count. Returns how many tensors were filled. */
int golden_fill(ParamSet *ps, const char *prefix);

/* x [positions, channels] (channels last), compared in the order [channels, positions]. tolerance: part of the rms. */
void golden_row(const char *what, const float *x, int64_t positions, int64_t channels, const double want[6], double tolerance);
/* The same for a parameter's gradient or value, in its own order: rms, first, last; part of the rms plus `least`. */
void golden_gradient(const ParamSet *ps, const char *name, double rms, double first, double last, double tolerance, double least);
/* The picture X(phase) of 9.1: F [side, side, 3] */
void golden_picture(double phase, int side, float *out);

#endif
