/* SPDX-License-Identifier: Apache-2.0
 *
 * diffusion: noise schedules and the DDIM sampler, on host f32 arrays. Layer 4; knows no network: the model is a
 * callback.
 *
 * Notation (Ho et al. 2020, arXiv 2006.11239; Song et al. 2020, arXiv 2010.02502): level t in 0..T-1, larger = noisier,
 *   z_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps,   abar_t = "signal", falling from about 1 to about 0.
 * Beyond the last level towards the data, abar = 1: the sampler's last step ends in x0 itself.
 */
#ifndef JIG_DIFFUSION_H
#define JIG_DIFFUSION_H

#include "base/base.h"

/* ---- schedules (schedule.c) -------------------------------------------------------------------------------------- */
typedef enum ScheduleKind {
    SCHEDULE_COSINE, /* abar(u) = cos((u + 0.008) / 1.008 * pi/2)^2 / same at 0, betas at most 0.999 (arXiv 2102.09672)
                      */
    SCHEDULE_COSINE_9999, /* the same with betas at most 0.9999: LFDM's and lucidrains' */
    SCHEDULE_LINEAR  /* beta from 1e-4 to 0.02 at T = 1000, scaled by 1000 / T for other T */
} ScheduleKind;

typedef struct Schedule {
    int levels;     /* T */
    double *signal; /* [T] abar_t */
} Schedule;

bool schedule_init(Schedule *s, ScheduleKind kind, int levels, Err *e); /* levels 2..100000 */
void schedule_finish(Schedule *s);
double schedule_snr(const Schedule *s, int level); /* abar / (1 - abar) */
/* Loss weight of min-SNR-gamma (arXiv 2303.09556) for a network that predicts x0: min(SNR, gamma). */
double schedule_min_snr(const Schedule *s, int level, double gamma);
/* z = sqrt(abar) x0 + sqrt(1 - abar) noise, n elements; z may be x0 or noise. */
void schedule_add_noise(const Schedule *s, int level, const float *x0, const float *noise, float *z, int64_t n);
/* The levels that a sampler of `steps` steps visits, noisiest first: evenly spaced, always beginning with T-1. */
void schedule_spread(const Schedule *s, int steps, int *levels);

/* ---- DDIM (ddim.c) ----------------------------------------------------------------------------------------------- */
typedef enum Prediction {
    PREDICT_X0,
    PREDICT_EPS,
    PREDICT_V /* v = sqrt(abar) eps - sqrt(1 - abar) x0 (arXiv 2202.00512) */
} Prediction;

/* One evaluation: z [n] at `level` -> predictions [branches][n], one a branch (condition, no condition, ...). */
typedef bool DenoiseFn(void *user, const float *z, int level, float *predictions, Err *e);

/* Which levels are visited and how a step goes from one to the next. */
typedef enum DdimRule {
    DDIM_SPREAD,     /* schedule_spread; the noise follows from the (clamped) x0 */
    DDIM_LUCIDRAINS, /* LFDM's and lucidrains' sampler: levels T i / (S + 1), i = S..0, a step for each neighbouring two; x0 from
                      * abar_t but the step between abar_(t-1) and abar_(s-1) (abar_-1 = 1); the noise stays the predicted one
                      * when x0 is clamped; the last step ends in x0 */
    DDIM_ANCESTRAL   /* DDPM (Ho et al. 2020, eq. 7): all T levels, posterior mean and variance; steps = T, eta is not used */
} DdimRule;

typedef struct DdimOptions {
    int steps; /* 1..T; DDIM_LUCIDRAINS: 1..T-1 */
    DdimRule rule;
    Prediction prediction;
    int branches; /* 1..DDIM_BRANCHES predictions an evaluation */
    /* Guidance with any number of branches: prediction = sum of weight[i] * prediction_i; the weights sum to 1.
     * Classifier-free guidance of scale s: branch 0 unconditional with 1 - s, branch 1 conditional with s. */
    const double *weights; /* [branches]; NULL: branches must be 1 */
    double eta;            /* 0: deterministic; 1: the variance of DDPM */
    /* Dynamic threshold (arXiv 2205.11487): x0 is clamped to its own `threshold` quantile of |x0| (at least `limit`)
     * and, where that exceeds the limit, divided by quantile / limit. 0: off. */
    double threshold, limit;
    /* Part that is given: mask 1 = known. known_clean: the network expects the known part without noise (a prefix it
     * was trained with); otherwise the known part is noised to each level with noise of its own. NULL: nothing is
     * known. */
    const float *known, *mask;
    bool known_clean;
    uint64_t seed, stream; /* for eta and for the noise of the known part */
} DdimOptions;
#define DDIM_BRANCHES 8
/* The levels that the rule visits, noisiest first; returns how many. levels: [steps + 1] */
int ddim_levels(const Schedule *s, DdimRule rule, int steps, int *levels);

/* z [n]: noise N(0, 1) in, sample out. False: options out of range, the model failed, or progress was cancelled (then
 * err_cancel). */
bool ddim_sample(const Schedule *s, const DdimOptions *o, DenoiseFn *model, void *user, float *z, int64_t n,
                 const Progress *progress, Err *e);

#endif
