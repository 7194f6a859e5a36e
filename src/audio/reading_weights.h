/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of the evidence for a reading, in the order of reading.c; written by
 * tools/fit_readings.py from songs composed with development seeds (docs/BENCHMARKS.md).
 */
#ifndef JIG_AUDIO_READING_WEIGHTS_H
#define JIG_AUDIO_READING_WEIGHTS_H

static const double reading_weights[EVIDENCE] = {
    -2.097, -1.537, -4.342, -2.033, -0.4606, 0.2695, -3.269, 1.73,
    0.576, 0.02688, 1.067, -0.7898, 0.05512, -0.5268, 0.371, -0.4325,
    1.103, 0.8644, -0.3561, -0.3429, 0.7291, 0.01693, -1.604, 4.143,
    1.491, 1.018, 0.4219, 0.6157, 3.875, 1.982, -0.9602, 0.305,
    0.2259, 0.6138, 0.2149, -0.03489, 0.2085, -2.242, 0.6378, -0.008383,
    1.031, 2.537, 1.658, -4.141, 2.798, 1.164, 1.801, 1.48,
    -0.1604, 3.035, 1.056, -6.093, 3.721};

#endif
