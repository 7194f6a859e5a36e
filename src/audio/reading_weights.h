/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of the evidence for a reading, in the order of reading.c; written by
 * tools/fit_readings.py from songs composed with development seeds (docs/BENCHMARKS.md).
 */
#ifndef JIG_AUDIO_READING_WEIGHTS_H
#define JIG_AUDIO_READING_WEIGHTS_H

static const double reading_weights[EVIDENCE] = {
    -2.348, -2.682, -2.827, -1.975, -0.7067, 0.5185, -4.132, 1.782,
    0.8453, 0.7744, 0.5887, -1.167, 0.2599, -0.3376, 0.3464, -0.7986,
    0.7193, 0.8223, -0.4734, -0.6571, 1.233, 0.4148, -1.7, 5.095,
    -0.2895, -2.298, 0.7756, 0.7763, 3.453, 2.473, -1.215, 0.3214,
    0.3975, 0.559, 0.1323, 0.004972, 0.04717, -2.565, 0.6542, -0.04655,
    1.719, 2.713, 1.199, -3.632, 3.114, 1.032, 1.326, 1.318,
    0.4917, 3.458, 1.353, -7.635, 4.846};

#endif
