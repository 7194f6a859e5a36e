/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of src/train share: optimizer state, prefetcher, run log, checkpoint. Not for other folders.
 */
#ifndef JIG_TRAIN_INTERNAL_H
#define JIG_TRAIN_INTERNAL_H

#include "train/train.h"

/* ---- optimizer.c ------------------------------------------------------------------------------------------------- */
typedef struct OptimizerSpan {
    int64_t at, n;
    bool decay;
} OptimizerSpan; /* neighbouring parameters treated alike */

typedef struct Optimizer {
    ParamSet *ps;
    const Device *device;
    float beta1, beta2;
    int64_t n, steps;   /* elements; updates done */
    float *m, *v, *ema; /* [n] each, one allocation beginning at m */
    OptimizerSpan *spans;
    int n_spans;
} Optimizer;

/* ema starts as the weights; betas 0: 0.9, 0.99 */
bool optimizer_init(Optimizer *o, ParamSet *ps, const Device *device, double beta1, double beta2, Err *e);
void optimizer_finish(Optimizer *o);
double optimizer_grad_norm(const Optimizer *o);
/* One AdamW update (eps 1e-8; decay decoupled) and the EMA with min(ema, (1 + t) / (10 + t)). Running
 * statistics, whose gradients hold the batch's, go a tenth of the way to them (PyTorch's momentum 0.1). */
void optimizer_step(Optimizer *o, double lr, double decay, double grad_scale, double ema);
void optimizer_swap_ema(Optimizer *o); /* exchanges weights and EMA: call twice around validation and saving */

/* ---- replicas.c -------------------------------------------------------------------------------------------------- */
typedef struct Replicas Replicas;
int replicas_fit(int64_t batch, int wanted); /* the largest number of equal parts up to `wanted` */
Replicas *replicas_create(const TrainTask *task, void *net, int64_t batch, int n, const Device *device, DType compute,
                          Err *e);
void replicas_destroy(Replicas *r);
/* Forward and backward of a batch; the mean gradient ends in params_grads. */
bool replicas_run(Replicas *r, const TrainBatch *b, Err *e);
double replicas_mean(Replicas *r, const char *output); /* of a scalar output */
/* Rows first... of the batch into a graph that takes as many as it was built for. */
bool replicas_set_inputs(Graph *g, const TrainBatch *b, int64_t first, Err *e);

/* ---- prefetch.c -------------------------------------------------------------------------------------------------- */
typedef struct Prefetch Prefetch;
/* Worker threads fill batches first_batch, first_batch + 1, ... ahead of the caller. batches 0 = endless. */
Prefetch *prefetch_create(const TrainTask *task, void *net, int64_t batch, int64_t first_batch, int64_t batches,
                          bool held_out, int workers, Err *e);
void prefetch_destroy(Prefetch *p);
/* The next batch, in order; valid until prefetch_release. NULL: a sample failed, or cancelled. */
TrainBatch *prefetch_next(Prefetch *p, const Progress *progress, double done, double total, Err *e);
void prefetch_release(Prefetch *p);

/* ---- checkpoint.c ------------------------------------------------------------------------------------------------ */
typedef struct TrainPosition {
    int64_t step;
    double seconds; /* of training so far */
} TrainPosition;
bool checkpoint_exists(const char *run);
bool checkpoint_save(const char *run, const TrainTask *task, const Optimizer *o, TrainPosition at, Err *e);
bool checkpoint_load(const char *run, const TrainTask *task, Optimizer *o, TrainPosition *at, Err *e);
/* RUN/weights.safetensors: the EMA as bf16 with the task's metadata. Call with the EMA swapped in. */
bool checkpoint_export(const char *run, const TrainTask *task, void *net, const Optimizer *o, TrainPosition at, Err *e);

/* ---- runlog.c ---------------------------------------------------------------------------------------------------- */
typedef struct RunStep {
    int64_t step;
    double loss, seconds, samples_per_second, lr, grad_norm;
    const char *const *names; /* parts of the loss, NULL-terminated */
    const double *parts;
    const TrainMetrics *held_out; /* NULL: no validation at this step */
} RunStep;

typedef struct RunLog RunLog;
bool runlog_write_options(const TrainTask *task, const TrainOptions *o, const void *task_options, Err *e);
/* Opens RUN/log.jsonl; lines after step `keep` (of an interrupted run) are cut off. */
RunLog *runlog_open(const char *run, int64_t keep, Err *e);
bool runlog_step(RunLog *l, const RunStep *s, Err *e);
bool runlog_plot(RunLog *l, const char *title, Err *e); /* RUN/loss.png from all steps so far */
void runlog_close(RunLog *l);

#endif
