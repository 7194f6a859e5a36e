/* SPDX-License-Identifier: Apache-2.0
 *
 * train: the training loop, the same for every network. Layer 4: it knows no model; a network hands itself over as a
 * TrainTask, one struct of functions. Optimizer (AdamW, clipping, EMA, learning-rate plans), samples rendered ahead by
 * worker threads, validation on held-out data, checkpoints that resume exactly, and the run folder:
 *
 *     RUN/options.json           the resolved options, fed back by train_read_options
 *     RUN/log.jsonl              one object a step: step, loss, its parts, seconds, samples_per_second, lr, grad_norm;
 *                                at validation steps also "held_out": {...}
 *     RUN/loss.png               the curves
 *     RUN/samples/STEP.png       what the task draws at validation
 *     RUN/checkpoint/state.safetensors   weights, moments, EMA (F32), step, seconds
 *     RUN/weights.safetensors    the EMA as bf16: the network to use
 *
 * Sample `i` of a seed is always the same, and step k takes samples k*batch..(k+1)*batch-1, so a run does not depend on
 * the number of worker threads, and a resumed run equals an uninterrupted one bit by bit (on the CPU, same thread
 * count, with
 * --steps; with --minutes the learning rate follows the clock).
 */
#ifndef JIG_TRAIN_H
#define JIG_TRAIN_H

#include "nn/nn.h"

/* ---- what a network implements ----------------------------------------------------------------------------------- */

/* One array of a sample. The batch holds [batch, row...] of it. */
typedef struct TrainInput {
    const char *name;
    DType type;     /* host type: JIG_F32 or JIG_I32; the graph's input may be bf16 (converted on the way) */
    Shape row;      /* shape of one sample, without the batch axis */
    bool host_only; /* not an input of the graph: raw material of `prepare`, or truth that `measure` needs */
} TrainInput;
#define TRAIN_INPUTS 32

typedef struct TrainBatch {
    int64_t size;   /* samples */
    uint64_t first; /* index of its first sample */
    bool held_out;
    const TrainInput *inputs;
    int n_inputs;
    void *data[TRAIN_INPUTS]; /* [size, row...] each */
} TrainBatch;
void *train_batch_data(const TrainBatch *b,
                       const char *name); /* whole array; a name that is not there is our own mistake */
void *train_batch_row(const TrainBatch *b, int input, int64_t sample); /* one sample's part of input number `input` */

/* Weighted means that a task collects while validating. */
#define TRAIN_METRICS 48
typedef struct TrainMetric {
    char name[40];
    double sum, weight;
} TrainMetric;
typedef struct TrainMetrics {
    int n;
    TrainMetric m[TRAIN_METRICS];
} TrainMetrics;
void train_metric_add(TrainMetrics *m, const char *name, double value, double weight);
double train_metric_mean(const TrainMetric *m);

typedef struct TrainSetup {
    const char *data;    /* folder of training data; NULL: none given */
    const void *options; /* the task's own struct, filled by its table; outlives the task */
    uint64_t seed;       /* of the samples */
    int64_t batch;
    const Device *device; /* for networks that the task itself runs (frozen ones) */
} TrainSetup;

typedef struct TrainTask {
    const char *name, *summary;
    const Option *rows; /* its own options */
    int n_rows;
    size_t options_size;
    /* Optional: this task's own defaults of TrainOptions, by its options: "lr=2e-4\nbatch=8" (train_usual). */
    const char *(*usual)(const void *options);
    double beta1, beta2; /* of Adam; 0: 0.9, 0.99 */
    double drops[2];     /* of --plan drops: parts of the run after which the learning rate is divided by ten; 0: 0.6, 0.9 */
    /* NULL-terminated names: the graph has a scalar output "loss:NAME" for each part of the loss. */
    const char *const *losses;

    /* Opens data, makes layers and an unallocated ParamSet. */
    void *(*open)(const TrainSetup *s, Err *e);
    void (*close)(void *net);
    ParamSet *(*params)(void *net);
    /* Optional: parameters were allocated and may be given values (constants that come from the data). */
    bool (*begin)(void *net, Err *e);
    const TrainInput *(*inputs)(void *net, int *n); /* lives as long as net */
    /* Declares the inputs (shape [batch, row...]) and builds forward pass and loss; returns the loss, an f32 scalar: a
     * mean over the batch. Called for parts of the batch in training, which run side by side, and for the whole one in
     * validation. */
    Node *(*build)(void *net, Graph *g, int64_t batch, bool training);
    /* Fills the sample's rows (rows[k]: row of input k). Called by several threads at once, each with its own worker.
     */
    void *(*worker_create)(void *net);
    void (*worker_destroy)(void *worker);
    bool (*sample)(void *net, void *worker, uint64_t index, bool held_out, void *const *rows, Err *e);
    /* Optional: on the training thread, before the batch goes into the graph (a frozen network's output becomes input).
     */
    bool (*prepare)(void *net, TrainBatch *b, Err *e);
    /* After the graph ran on a held-out batch with the EMA weights; parts of the loss are collected by the trainer. */
    void (*measure)(void *net, Graph *g, const TrainBatch *b, TrainMetrics *m);
    /* Optional: a picture of the first held-out batch, PNG at `path`. */
    bool (*draw)(void *net, Graph *g, const TrainBatch *b, const char *path, Err *e);
    /* Metadata of the weight file (class, sizes, credits); returns how many. Text lives in the arena. */
    int (*describe)(void *net, Arena *a, MetaPair *out, int max);
} TrainTask;

/* ---- options ----------------------------------------------------------------------------------------------------- */
typedef enum TrainPlan { PLAN_COSINE, PLAN_CONSTANT, PLAN_LATE, PLAN_DROPS } TrainPlan;

typedef struct TrainOptions {
    const char *data, *output; /* --data SET, -o RUN */
    bool resume;
    const char *start; /* weights to start from (not a resume) */
    int64_t steps;     /* 0: no limit */
    double minutes;    /* of training, over all resumes; 0: no limit. At least one of the two */
    int64_t batch, seed, threads, workers;
    int64_t replicas; /* parts of a batch, each on a core of its own; 0: as many as threads */
    double lr, warmup, decay, clip, ema;
    int plan; /* TrainPlan */
    double save_minutes;
    int64_t validate_every, validate_batches;
    const char *device;
    const char *compute; /* "auto", "bf16", "f32" */
} TrainOptions;
extern const OptTable train_options;

/* The options of an earlier run, from RUN/options.json ({"task": NAME, "train": {...}, "net": {...}}), into both
 * structs. */
bool train_read_options(const TrainTask *task, const char *run, TrainOptions *o, void *task_options, Arena *a, Err *e);

/* Gives options that were not set the task's own defaults; given(user, name): was the option set? */
bool train_usual(const TrainTask *task, const void *task_options, bool (*given)(const void *user, const char *name), const void *user,
                 TrainOptions *o, Arena *a, Err *e);

/* ---- running ----------------------------------------------------------------------------------------------------- */
typedef struct TrainResult {
    int64_t step;
    double loss;    /* mean of the last 50 steps */
    double seconds; /* of training, over all resumes */
    double samples_per_second;
    TrainMetrics held_out; /* of the last validation */
} TrainResult;

/* Trains until the step or time limit. Cancelled (progress returns false): a checkpoint is written first, then
 * err_cancel. */
bool train_run(const TrainTask *task, const TrainOptions *o, const void *task_options, const Progress *progress,
               TrainResult *result, Err *e);

/* fn(ctx, i, i + 1) for i in 0..n-1, each i on a core of its own, with the library below planning for one thread
 * (replicas.c): a frozen network that a task runs in `prepare` is split like the training step itself. */
void train_split(int n, RangeFn *fn, void *ctx);

/* Learning-rate factor at progress p in 0..1 (plan.c): linear warm-up over `warmup`, then
 * cosine: 0.5 (1 + cos(pi q)) down to 0.01; constant: 1; late: 1 until q = 0.7, then linear down to 0.01; drops: a tenth
 * from each of the two parts of the run on. */
double train_plan_factor(TrainPlan plan, double warmup, double p);
/* The factor of plan drops with a task's own two places (0: 0.6, 0.9), without warm-up. */
double train_plan_drops(const double drops[2], double p);

#endif
