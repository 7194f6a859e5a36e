/* SPDX-License-Identifier: Apache-2.0
 *
 * What bench/networks.c times: one row a network.
 */
#ifndef JIG_BENCH_NETWORKS_H
#define JIG_BENCH_NETWORKS_H

#include "nn/nn.h"

typedef struct BenchInput {
    const char *name;
    Shape shape;
    float lo, hi; /* filled uniformly; lo = hi: indices, all 0 */
} BenchInput;

typedef struct BenchNet {
    const char *name;
    void *(*create)(ParamSet *ps);
    void (*destroy)(void *layers);
    /* Declares its inputs, builds the network and returns the mean L1 distance to an input "target", the loss of the training step. */
    Node *(*build)(Graph *g, const void *layers, int64_t batch, bool train, BenchInput *inputs, int *n_inputs);
} BenchNet;

extern const BenchNet bench_unet, bench_generator;                                        /* nets_dabfusion.c */
extern const BenchNet bench_pose, bench_flow, bench_pixels, bench_background, bench_motion; /* nets_articulated.c */

/* An input of that shape, noted for filling. */
Node *bench_input(Graph *g, BenchInput *inputs, int *n, const char *name, Shape s, float lo, float hi);

#endif
