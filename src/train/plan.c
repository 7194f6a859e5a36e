/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning-rate plans as functions of the run's progress p in 0..1, so that one plan serves runs limited by steps and
 * runs limited by time. `late` (warm-up, long plateau, short cooling) can be stretched by a resume before the cooling
 * begins.
 */
#include "train/train.h"

#include <math.h>

static const double floor_factor = 0.01, cooling_from = 0.7;

double train_plan_drops(const double drops[2], double p)
{
    double first = drops[0] > 0 ? drops[0] : 0.6, second = drops[1] > 0 ? drops[1] : 0.9;
    return p < first ? 1 : p < second ? 0.1 : 0.01;
}

double train_plan_factor(TrainPlan plan, double warmup, double p)
{
    p = CLAMP(p, 0, 1);
    if (p < warmup)
        return MAX(p / warmup, 1e-3);
    double q = warmup < 1 ? (p - warmup) / (1 - warmup) : 1;
    switch (plan) {
    case PLAN_COSINE: return floor_factor + (1 - floor_factor) * 0.5 * (1 + cos(M_PI * q));
    case PLAN_CONSTANT: return 1;
    case PLAN_DROPS: return train_plan_drops((const double[2]){0, 0}, q);
    case PLAN_LATE: return q < cooling_from ? 1 : 1 - (1 - floor_factor) * (q - cooling_from) / (1 - cooling_from);
    }
    return 1;
}
