/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of the evidence for a reading, in the order of reading.c; written by
 * tools/fit_readings.py from songs composed with development seeds (docs/BENCHMARKS.md).
 */
#ifndef JIG_AUDIO_READING_WEIGHTS_H
#define JIG_AUDIO_READING_WEIGHTS_H

static const double reading_weights[EVIDENCE] = {
    -2.301, -2.827, -2.83, -1.916, -0.7053, 0.5144, -4.144, 1.792,
    0.815, 0.7424, 0.5878, -1.141, 0.2532, -0.3419, 0.3469, -0.7901,
    0.6972, 0.8263, -0.4776, -0.8261, 1.215, 0.4566, -1.594, 5.144,
    -0.2565, -2.393, 0.8418, 0.8149, 3.47, 2.509, -1.014, 0.3218,
    0.3853, 0.5506, 0.08853, 0.01295, 0.08387, -2.486, 0.6567, -0.02232,
    1.727, 2.656, 1.184, -3.522, 3.304, 0.9117, 1.525, 1.38,
    0.3588, 3.484, 1.345, -7.914, 4.976};

#endif
