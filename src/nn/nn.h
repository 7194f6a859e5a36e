/* SPDX-License-Identifier: Apache-2.0
 *
 * nn: named parameters, weight files, layers. Layer 3.
 *
 * A layer is a plain struct of Param pointers. Its `_init` makes the parameters in a ParamSet under a prefix ("enc.0.conv"),
 * its `nn_` function builds the forward pass into a Graph. Names follow PyTorch's ("weight", "bias"), so that published files
 * load under their own names.
 */
#ifndef JIG_NN_H
#define JIG_NN_H

#include "graph/graph.h"

/* ---- parameters (params.c): one block a set, so optimizer, EMA, norm and saving are one loop ------------------------ */
typedef struct ParamSet ParamSet;
ParamSet *params_create(void);
void      params_destroy(ParamSet *ps);
/* How a parameter starts. fan_in is taken from the shape (product of all axes but the first). */
typedef enum Init { INIT_ZERO, INIT_ONE, INIT_KAIMING /* uniform +-sqrt(1/fan_in), PyTorch's default for conv and linear */,
                    INIT_NORMAL_02 /* N(0, 0.02) */, INIT_BIAS /* uniform +-sqrt(1/fan_in), fan given by the layer */ } Init;
Param *params_add(ParamSet *ps, const char *name, Shape s, Init init, double fan_in /* 0 = from the shape */, bool decay);
Param *params_find(const ParamSet *ps, const char *name);
int    params_count(const ParamSet *ps);
Param *params_at(const ParamSet *ps, int i);
int64_t params_size(const ParamSet *ps);   /* elements in all */
/* After all layers are made: allocates one f32 block (and one gradient block for training), fills it by `seed`: each parameter
 * from the stream of its own name, so values do not depend on order. */
bool   params_allocate(ParamSet *ps, bool training, uint64_t seed, Err *e);
float *params_block(ParamSet *ps);         /* F [params_size], in order */
float *params_grads(ParamSet *ps);
/* Reads a safetensors file into the set (converting), or maps it (constant, no copy) when map is true. ALL mismatches (missing,
 * unexpected, wrong shape, not a float type) are listed in one message. prefix: names in the file begin with it ("" = none). */
bool params_load(ParamSet *ps, const SafeTensors *st, const char *prefix, bool map, Err *e);
/* Writes values (or `values` in the same layout, e.g. an EMA) as F32 or BF16. */
bool params_save(const ParamSet *ps, const float *values, const char *path, DType type, const MetaPair *meta, int n_meta, Err *e);

/* ---- layers (layers.c) ------------------------------------------------------------------------------------------------ */
typedef struct Linear { Param *weight, *bias; } Linear;                    /* weight [O, I] */
typedef struct Conv { Param *weight, *bias; ConvOpts o; bool transposed; } Conv; /* weight [O, I/g, (kt,) kh, kw] */
typedef struct Norm { Param *gamma, *beta; NormKind kind; int groups; float eps; } Norm;
typedef struct Embedding { Param *table; } Embedding;                      /* [V, D] */
typedef struct BatchNorm { Param *gamma, *beta, *mean, *var; float eps; } BatchNorm; /* weight, bias, running_mean, running_var */

void linear_init(Linear *l, ParamSet *ps, const char *prefix, int64_t in, int64_t out, bool bias);
void conv2d_init(Conv *c, ParamSet *ps, const char *prefix, int64_t in, int64_t out, int k, int stride, int pad, bool bias);
void conv3d_init(Conv *c, ParamSet *ps, const char *prefix, int64_t in, int64_t out, const int k[3], const int stride[3], const int pad[3], bool bias);
void conv2d_transpose_init(Conv *c, ParamSet *ps, const char *prefix, int64_t in, int64_t out, int k, int stride, int pad, bool bias);
void norm_init(Norm *n, ParamSet *ps, const char *prefix, NormKind kind, int groups, int64_t channels, float eps, bool affine);
void embedding_init(Embedding *e, ParamSet *ps, const char *prefix, int64_t vocabulary, int64_t width);
void batch_norm_init(BatchNorm *n, ParamSet *ps, const char *prefix, int64_t channels);

Node *nn_linear(Graph *g, const Linear *l, Node *x);
Node *nn_conv(Graph *g, const Conv *c, Node *x);
Node *nn_norm(Graph *g, const Norm *n, Node *x, Act act);
Node *nn_norm_mod(Graph *g, const Norm *n, Node *x, Node *scale, Node *shift, Act act); /* scale, shift [B, C] */
Node *nn_embedding(Graph *g, const Embedding *e, Node *ids);

#endif
