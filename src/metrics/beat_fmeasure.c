/* SPDX-License-Identifier: Apache-2.0
 *
 * F-measure of found beats against known ones. mir_eval solves a bipartite matching; on two rising lists with one
 * window for all, pairing from the left is just as large: the earliest known beat may always take the earliest found
 * beat within reach, since any other found beat it could take reaches no fewer of the later known ones.
 */
#include "metrics/metrics.h"

#include <math.h>

static void skip_before(const double **beats, int *n, double trim)
{
    while (*n > 0 && **beats < trim) {
        ++*beats;
        --*n;
    }
}

BeatScore metrics_beat_fmeasure(const double *known, int n_known, const double *found, int n_found, double window,
    double trim)
{
    skip_before(&known, &n_known, trim);
    skip_before(&found, &n_found, trim);
    int pairs = 0;
    for (int i = 0, j = 0; i < n_known && j < n_found;) {
        if (fabs(known[i] - found[j]) <= window) {
            pairs++;
            i++;
            j++;
        } else if (found[j] < known[i]) {
            j++;
        } else {
            i++;
        }
    }
    if (pairs == 0)
        return (BeatScore){0, 0, 0};
    return (BeatScore){2.0 * pairs / (n_known + n_found), (double)pairs / n_found, (double)pairs / n_known};
}
