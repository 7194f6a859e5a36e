/* SPDX-License-Identifier: Apache-2.0
 *
 * nn: named parameters, weight files, layers. Layer 3.
 *
 * A layer is a plain struct of Param pointers. Its `_init` makes the parameters in a ParamSet under a prefix
 * ("enc.0.conv"), its `nn_` function builds the forward pass into a Graph. Names follow PyTorch's ("weight", "bias"),
 * so that published files load under their own names.
 */
#ifndef JIG_NN_H
#define JIG_NN_H

#include "graph/graph.h"

/* ---- parameters (params.c): one block a set, so optimizer, EMA, norm and saving are one loop --------------------- */
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
/* After all layers are made: allocates one f32 block (and one gradient block for training), fills it by `seed`: each
 * parameter from the stream of its own name, so values do not depend on order. */
bool   params_allocate(ParamSet *ps, bool training, uint64_t seed, Err *e);
float *params_block(ParamSet *ps);         /* F [params_size], in order */
float *params_grads(ParamSet *ps);
/* Training steps that the running statistics have seen; read from and written to weight files as num_batches_tracked. */
int64_t params_batches(const ParamSet *ps);
void    params_set_batches(ParamSet *ps, int64_t n);
/* Reads a safetensors file into the set (converting), or maps it (constant, no copy) when map is true. ALL mismatches (missing,
 * unexpected, wrong shape, not a float type) are listed in one message. prefix: names in the file begin with it ("" = none). */
bool params_load(ParamSet *ps, const SafeTensors *st, const char *prefix, bool map, Err *e);
/* Tensors of published files that a network does not read (a head, a counter): names, after the prefix, that match a
 * pattern with * and ?. params_load passes over them. */
void   params_ignore(ParamSet *ps, const char *pattern);
/* The parameter may also stand in the file under other names: one name, or (a fused projection stored in parts) several
 * whose rows follow each other. Tried when its own name is absent. */
void   params_alias(ParamSet *ps, const char *name, int n, const char *const *others);
/* What stands before the names in a file: found by the first parameter that the file holds ("" when it holds none). */
const char *params_prefix(const ParamSet *ps, const SafeTensors *st, Arena *a);
/* Writes values (or `values` in the same layout, e.g. an EMA) as F32 or BF16; running statistics always as F32. */
bool params_save(ParamSet *ps, const float *values, const char *path, DType type, const MetaPair *meta, int n_meta, Err *e);

/* ---- layers (layers.c) ------------------------------------------------------------------------------------------- */
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
/* Batch norm with its stored statistics after a convolution, as one convolution: w gamma rstd, (b - mean) gamma rstd +
 * beta. Computed once when the weights are constant; gradients reach all but the statistics. */
Node *nn_conv_batch_norm(Graph *g, const Conv *c, const BatchNorm *n, Node *x);
Node *nn_norm(Graph *g, const Norm *n, Node *x, Act act);
Node *nn_norm_mod(Graph *g, const Norm *n, Node *x, Node *scale, Node *shift, Act act); /* scale, shift [B, C] */
/* training: by the batch's statistics, and the running ones follow at each step of the optimizer; else by the running ones. */
Node *nn_batch_norm(Graph *g, const BatchNorm *n, Node *x, Act act, bool training);
Node *nn_embedding(Graph *g, const Embedding *e, Node *ids);

/* ---- networks that run alone (net_alone.c): `jig net` ---------------------------------------------------------------
 * A NetClass describes a network under its
 * published names, so that anyone can compare it with a reference: its configuration, the tensors that go in and come
 * out in the reference's layouts. A folder adds a network by one row in its NetList; the API collects the lists. */
typedef enum NetLayout {
    NET_PLAIN,         /* the same outside and inside: [B, N, D], [B, H, W, C], [B] */
    NET_CHANNELS_FIRST /* outside [B, C, ...], inside [B, ..., C] */
} NetLayout;

typedef struct NetInput {
    const char *name, *shape; /* "[B, 3, H, W]", outside: fixes the number of axes; shown by help and in messages */
    DType type;               /* JIG_F32 or JIG_BF16: given in F32, or in the graph's compute type; JIG_I32, JIG_U8 */
    NetLayout layout;
    bool optional;
} NetInput;

typedef struct NetIo NetIo;
/* For build: an input channels last, NULL for an optional one that is not given; and a result with its layout outside.
 */
Node *net_in(NetIo *io, const char *name);
void  net_out(NetIo *io, const char *name, Node *n, NetLayout layout);

typedef struct NetClass {
    const char *name, *summary; /* "folder.network" */
    OptTable config;            /* of the struct that create gets; names as in published configuration files */
    size_t config_size;
    const char *section;        /* object of a published file that holds the configuration; NULL: the file itself */
    const char *unused;         /* keys of published files that change nothing here, patterns between spaces; or NULL */
    const NetInput *inputs;
    int n_inputs;
    void *(*create)(const void *config, ParamSet *ps, Err *e); /* NULL and a message for sizes that cannot be */
    void (*destroy)(void *net);                                 /* takes NULL */
    void (*build)(Graph *g, const void *net, NetIo *io);
    Shape (*typical)(const void *config, int input);            /* outside, in the published use: for memory and speed */
} NetClass;
typedef struct NetList { const NetClass *const *rows; int n; } NetList;

/* Numbers of a list option: "2-2-6-2" (in JSON also [2, 2, 6, 2]), each within lo..hi; how many, at most max; 0 and a
 * message otherwise. */
int net_numbers(const char *name, const char *text, int64_t lo, int64_t hi, int64_t *out, int max, Err *e);

/* What every configuration file of transformers may hold besides the sizes. */
#define NET_HF_UNUSED                                                                                                   \
    "_* add_cross_attention architectures attn_implementation bad_words_ids begin_suppress_tokens bos_token_id "        \
    "chunk_size_feed_forward cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample dtype "     \
    "early_stopping encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty finetuning_task "        \
    "forced_*_token_id id2label initializer_* is_decoder is_encoder_decoder label2id length_penalty max_length "        \
    "min_length model_type no_repeat_ngram_size num_beam_groups num_beams num_return_sequences output_attentions "      \
    "output_hidden_states output_scores pad_token_id prefix problem_type pruned_heads remove_invalid_values "           \
    "repetition_penalty return_dict* sep_token_id suppress_tokens task_specific_params temperature tf_legacy_loss "     \
    "tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p torch_dtype torchscript "                      \
    "transformers_version typical_p use_bfloat16 gradient_checkpointing "

typedef struct NetAlone NetAlone;
/* json: the configuration, or NULL for the published one; `weights`, if not NULL: its metadata may hold the
 * configuration, which json overrides. Parameters are made, not yet filled. */
NetAlone *net_create(const NetClass *c, const char *json, const SafeTensors *weights, Err *e);
void net_destroy(NetAlone *n);
ParamSet *net_params(NetAlone *n);
const void *net_config(const NetAlone *n);
/* weights NULL: first values by `seed`. grad: room for gradients. The file must stay open. */
bool net_fill(NetAlone *n, const SafeTensors *weights, const char *prefix, bool grad, uint64_t seed, Err *e);
/* Builds and plans for the shapes of `in` (NULL: the typical ones). With grad, the loss whose gradients are taken is
 * the sum over results of result * in["grad:RESULT"] (1 where that is absent). */
bool net_plan(NetAlone *n, const Device *device, DType compute, const SafeTensors *in, bool grad, Err *e);
bool net_set(NetAlone *n, const SafeTensors *in, Err *e); /* NULL: all inputs 0 */
bool net_run(NetAlone *n, Err *e);
Graph *net_graph(NetAlone *n);
/* Results in F32, and with grad "grad:INPUT" and "grad:PARAMETER", in the reference's layouts. The caller's arena. */
NamedTensor *net_results(NetAlone *n, Arena *a, int *count);

#endif
