/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: OpenMP, so that oneDNN and our own loops share one team. "All cores" means what this process may really use:
 * the processor mask and the time quota of its control groups; more threads than that only wait for each other. OpenMP
 * keeps the number of threads per calling thread, so threads_count() hands ours to whoever asks.
 */
#include "base/base.h"
#include "base/cgroup.h"

#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>

static atomic_int wanted;

static void least_quota(void *ctx, const char *dir, bool v2)
{
    double *least = ctx, quota, period;
    bool known = v2 ? cgroup_number(dir, "cpu.max", &quota, &period)
                    : cgroup_number(dir, "cpu.cfs_quota_us", &quota, NULL) &&
                          cgroup_number(dir, "cpu.cfs_period_us", &period, NULL);
    if (known && quota > 0 && period > 0)
        *least = MIN(*least, quota / period);
}

static int usable_cores(void)
{
    cpu_set_t mask;
    double cores = sched_getaffinity(0, sizeof mask, &mask) ? omp_get_num_procs() : CPU_COUNT(&mask);
    cgroup_walk("cpu", least_quota, &cores);
    return (int)MAX(ceil(cores), 1);
}

void threads_set(int n)
{
    int count = n > 0 ? n : usable_cores();
    atomic_store(&wanted, count);
    omp_set_num_threads(count);
}

int threads_count(void)
{
    if (!atomic_load(&wanted))
        threads_set(0);
    int count = atomic_load(&wanted);
    if (!omp_in_parallel() && omp_get_max_threads() != count)
        omp_set_num_threads(count);
    return count;
}

void threads_for(int64_t n, int64_t grain, RangeFn *fn, void *ctx)
{
    if (n <= 0)
        return;
    int64_t ranges = omp_in_parallel() ? 1 : MIN(threads_count(), (n - 1) / MAX(grain, 1) + 1);
    if (ranges == 1) {
        fn(ctx, 0, n);
        return;
    }
    int64_t each = n / ranges, longer = n % ranges; /* the first `longer` ranges have one item more */
#pragma omp parallel for schedule(static, 1)
    for (int64_t i = 0; i < ranges; i++) {
        int64_t from = i * each + MIN(i, longer);
        fn(ctx, from, from + each + (i < longer));
    }
}
