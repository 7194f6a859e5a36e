/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat F-measure: hand-counted cases, and against a true maximum matching (augmenting paths) on random lists.
 */
#include "metrics/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void counted_by_hand(void **state)
{
    double known[] = {1, 2, 3, 4, 5, 6, 7, 8}, found[] = {5.05, 5.5, 6.08, 6.93, 8.0};
    BeatScore s = metrics_beat_fmeasure(known, 8, found, 5, 0.07, 0);
    assert_float_equal(s.precision, 2.0 / 5, 1e-9);
    assert_float_equal(s.recall, 2.0 / 8, 1e-9);
    assert_float_equal(s.f, 4.0 / 13, 1e-9);
    s = metrics_beat_fmeasure(known, 8, found, 5, 0.07, 5); /* 5.05 and 8.0 of 5, 6, 7, 8; 6.93 is 0.0700000001 off */
    assert_float_equal(s.f, 4.0 / 9, 1e-9);
    s = metrics_beat_fmeasure(known, 8, known, 8, 0.07, 5);
    assert_float_equal(s.f, 1, 0);
    double twice[] = {1, 1.02, 1.04};
    s = metrics_beat_fmeasure(known, 1, twice, 3, 0.07, 0); /* one to one: a beat counts once */
    assert_float_equal(s.f, 0.5, 1e-9);
    assert_float_equal(metrics_beat_fmeasure(known, 8, NULL, 0, 0.07, 0).f, 0, 0);
    assert_float_equal(metrics_beat_fmeasure(NULL, 0, known, 8, 0.07, 0).f, 0, 0);
    assert_float_equal(metrics_beat_fmeasure(known, 8, found, 5, 0.07, 100).f, 0, 0);
}

typedef struct Match { const double *a, *b; int m, owner[40]; bool seen[40]; double window; } Match;

static bool augment(Match *x, int i)
{
    for (int j = 0; j < x->m; j++) {
        if (x->seen[j] || fabs(x->a[i] - x->b[j]) > x->window)
            continue;
        x->seen[j] = true;
        if (x->owner[j] < 0 || augment(x, x->owner[j])) {
            x->owner[j] = i;
            return true;
        }
    }
    return false;
}

static void is_the_largest_matching(void **state)
{
    Rng r = rng_make(5, 5);
    for (int round = 0; round < 5000; round++) {
        double a[40], b[40], t = 0;
        int n = rng_int(&r, 1, 40), m = rng_int(&r, 1, 40), pairs = 0;
        for (int i = 0; i < n; i++)
            a[i] = t += rng_range(&r, 0, 0.2f);
        t = 0;
        for (int i = 0; i < m; i++)
            b[i] = t += rng_range(&r, 0, 0.2f);
        Match x = {.a = a, .b = b, .m = m, .window = 0.07};
        memset(x.owner, -1, sizeof x.owner);
        for (int i = 0; i < n; i++) {
            memset(x.seen, 0, sizeof x.seen);
            pairs += augment(&x, i);
        }
        assert_float_equal(metrics_beat_fmeasure(a, n, b, m, 0.07, 0).f, 2.0 * pairs / (n + m), 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counted_by_hand), cmocka_unit_test(is_the_largest_matching)};
    return cmocka_run_group_tests_name("metrics/beat_fmeasure", tests, NULL, NULL);
}
