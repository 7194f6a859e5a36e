/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests against PyTorch share: the fixture files beside them (written by tools/fixtures) and the comparison.
 */
#ifndef JIG_TEST_PARITY_H
#define JIG_TEST_PARITY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor/tensor.h"

/* tests/parity/NAME; fails the test when it cannot be read. */
SafeTensors *parity_open(const char *name);
/* max |got - expected| / max |expected|; infinity when got is not finite. */
double parity_distance(const float *got, const float *expected, int64_t n);
/* Complains (parity_finish fails the test then) when that distance is above the tolerance. */
void parity_check(const char *device, const char *what, const float *got, const float *expected, int64_t n,
                  double tolerance);
void parity_complain(const char *fmt, ...) PRINTF_LIKE(1, 2);
void parity_finish(void); /* fails with the number of complaints since the last call */

#endif
