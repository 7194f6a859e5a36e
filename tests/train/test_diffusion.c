/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedules against their formulas; DDIM against the closed form of its probability flow for Gaussian data: a value
 * that lies k deviations from the mean of the noise ends k deviations from the mean of the data.
 */
#include "diffusion/diffusion.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { LEVELS = 1000, N = 64 };

typedef struct Gaussian {
    const Schedule *s;
    double mean, deviation;
    Prediction kind;
    int calls;
} Gaussian;

/* The best prediction for data N(mean, deviation^2): E[x0 | z], expressed as asked. */
static bool gaussian_model(void *user, const float *z, int level, float *out, Err *e)
{
    Gaussian *g = user;
    double ab = g->s->signal[level], a = sqrt(ab), b = sqrt(1 - ab), v = g->deviation * g->deviation;
    g->calls++;
    for (int i = 0; i < N; i++) {
        double x0 = (g->mean / v + a * z[i] / (b * b)) / (1 / v + ab / (b * b)), eps = (z[i] - a * x0) / b;
        out[i] = (float)(g->kind == PREDICT_X0 ? x0 : g->kind == PREDICT_EPS ? eps : a * eps - b * x0);
    }
    return true;
}

static void test_schedules(void **state)
{
    Schedule cosine, linear;
    assert_true(schedule_init(&cosine, SCHEDULE_COSINE, LEVELS, NULL));
    assert_true(schedule_init(&linear, SCHEDULE_LINEAR, LEVELS, NULL));
    for (int t = 1; t < LEVELS; t++) {
        assert_true(cosine.signal[t] < cosine.signal[t - 1] && cosine.signal[t] > 0);
        assert_true(linear.signal[t] < linear.signal[t - 1] && linear.signal[t] > 0);
    }
    double at = cos((0.5 + 0.008) / 1.008 * M_PI / 2), zero = cos(0.008 / 1.008 * M_PI / 2);
    assert_true(fabs(cosine.signal[499] - at * at / (zero * zero)) < 1e-9);
    assert_true(fabs(linear.signal[0] - (1 - 1e-4)) < 1e-12);
    assert_true(linear.signal[LEVELS - 1] < 1e-4);
    assert_true(fabs(schedule_min_snr(&cosine, 0, 5) - 5) < 1e-12);
    assert_true(schedule_min_snr(&cosine, 900, 5) == schedule_snr(&cosine, 900));
    int levels[20];
    schedule_spread(&cosine, 20, levels);
    assert_int_equal(levels[0], LEVELS - 1);
    assert_int_equal(levels[19], 49);
    Err e = {0};
    Schedule none;
    assert_false(schedule_init(&none, SCHEDULE_LINEAR, 1, &e));
    assert_non_null(strstr(e.text, "1"));
    schedule_finish(&cosine);
    schedule_finish(&linear);
}

static void test_noise(void **state)
{
    Schedule s;
    assert_true(schedule_init(&s, SCHEDULE_COSINE, LEVELS, NULL));
    float x0[2] = {1, -2}, noise[2] = {0.5f, 3}, z[2];
    schedule_add_noise(&s, 300, x0, noise, z, 2);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(z[i] - (sqrt(s.signal[300]) * x0[i] + sqrt(1 - s.signal[300]) * noise[i])) < 1e-6);
    schedule_finish(&s);
}

static void run_gaussian(Prediction kind, int steps, double eta, float *z)
{
    Schedule s;
    assert_true(schedule_init(&s, SCHEDULE_COSINE, LEVELS, NULL));
    Gaussian g = {&s, 1.5, 0.4, kind, 0};
    DdimOptions o = {.steps = steps, .prediction = kind, .branches = 1, .eta = eta, .seed = 3};
    rng_fill_normal(z, N, 7, 1, 0);
    assert_true(ddim_sample(&s, &o, gaussian_model, &g, z, N, NULL, NULL));
    assert_int_equal(g.calls, steps);
    schedule_finish(&s);
}

static void test_closed_form(void **state)
{
    float noise[N], z[N];
    rng_fill_normal(noise, N, 7, 1, 0);
    for (int kind = PREDICT_X0; kind <= PREDICT_V; kind++) {
        run_gaussian((Prediction)kind, LEVELS, 0, z);
        for (int i = 0; i < N; i++)
            assert_true(fabs(z[i] - (1.5 + 0.4 * noise[i])) < 0.02);
    }
}

static void test_predictions_agree(void **state)
{
    float x0[N], eps[N], v[N];
    run_gaussian(PREDICT_X0, 20, 0, x0);
    run_gaussian(PREDICT_EPS, 20, 0, eps);
    run_gaussian(PREDICT_V, 20, 0, v);
    for (int i = 0; i < N; i++) {
        assert_true(fabsf(x0[i] - v[i]) < 1e-3f);
        assert_true(fabsf(x0[i] - eps[i]) < 1e-2f); /* eps loses digits where almost no signal is left */
    }
}

static void test_eta(void **state)
{
    float a[N], b[N];
    run_gaussian(PREDICT_X0, 200, 1, a);
    run_gaussian(PREDICT_X0, 200, 1, b);
    double mean = 0, square = 0;
    for (int i = 0; i < N; i++) {
        assert_true(a[i] == b[i]); /* same seed, same sample */
        mean += a[i] / N;
        square += a[i] * a[i] / N;
    }
    assert_true(fabs(mean - 1.5) < 0.2 && fabs(sqrt(square - mean * mean) - 0.4) < 0.12);
}

/* Branch b predicts x0 = b + 1. */
static bool constant_model(void *user, const float *z, int level, float *out, Err *e)
{
    for (int b = 0; b < 3; b++)
        for (int i = 0; i < N; i++)
            out[b * N + i] = (float)(b + 1);
    return true;
}

static void test_guidance(void **state)
{
    Schedule s;
    float z[N];
    assert_true(schedule_init(&s, SCHEDULE_LINEAR, 100, NULL));
    double weights[] = {-1, 0.5, 1.5};
    DdimOptions o = {.steps = 5, .prediction = PREDICT_X0, .branches = 3, .weights = weights};
    rng_fill_normal(z, N, 1, 1, 0);
    assert_true(ddim_sample(&s, &o, constant_model, NULL, z, N, NULL, NULL));
    for (int i = 0; i < N; i++)
        assert_true(fabs(z[i] - (-1 + 0.5 * 2 + 1.5 * 3)) < 1e-5);
    Err e = {0};
    weights[0] = 0;
    assert_false(ddim_sample(&s, &o, constant_model, NULL, z, N, NULL, &e));
    assert_non_null(strstr(e.text, "sum"));
    schedule_finish(&s);
}

static bool ramp_model(void *user, const float *z, int level, float *out, Err *e)
{
    for (int i = 0; i < N; i++)
        out[i] = (float)(i - N / 2);
    return true;
}

static void test_threshold(void **state)
{
    Schedule s;
    float z[N];
    assert_true(schedule_init(&s, SCHEDULE_COSINE, 100, NULL));
    DdimOptions o = {.steps = 4, .prediction = PREDICT_X0, .branches = 1, .threshold = 0.5, .limit = 1};
    rng_fill_normal(z, N, 1, 1, 0);
    assert_true(ddim_sample(&s, &o, ramp_model, NULL, z, N, NULL, NULL));
    /* the median of |i - 32| is 16: clamped there and divided by it */
    for (int i = 0; i < N; i++)
        assert_true(fabs(z[i] - CLAMP((i - 32) / 16.0, -1, 1)) < 1e-5);
    schedule_finish(&s);
}

/* Checks that the known half arrives clean at every step. */
static bool prefix_model(void *user, const float *z, int level, float *out, Err *e)
{
    for (int i = 0; i < N / 2; i++)
        if (z[i] != (float)i)
            return err_set(e, "known value %d is %g", i, z[i]);
    memset(out, 0, N * sizeof *out);
    return true;
}

static void test_known(void **state)
{
    Schedule s;
    float z[N], known[N] = {0}, mask[N] = {0};
    for (int i = 0; i < N / 2; i++) {
        known[i] = (float)i;
        mask[i] = 1;
    }
    assert_true(schedule_init(&s, SCHEDULE_COSINE, 100, NULL));
    DdimOptions o = {
        .steps = 4, .prediction = PREDICT_X0, .branches = 1, .known = known, .mask = mask, .known_clean = true};
    rng_fill_normal(z, N, 1, 1, 0);
    Err e = {0};
    assert_true(ddim_sample(&s, &o, prefix_model, NULL, z, N, NULL, &e));
    for (int i = 0; i < N; i++)
        assert_true(fabs(z[i] - (i < N / 2 ? i : 0)) < 1e-5);
    o.known_clean = false; /* noised known part: the end is clean all the same */
    rng_fill_normal(z, N, 1, 1, 0);
    assert_true(ddim_sample(&s, &o, ramp_model, NULL, z, N, NULL, &e));
    for (int i = 0; i < N / 2; i++)
        assert_true(z[i] == (float)i);
    schedule_finish(&s);
}

static bool stop_at_second(void *user, const char *stage, double done, double total) { return done < 2; }

static void test_bad_options_and_cancel(void **state)
{
    Schedule s;
    float z[N];
    assert_true(schedule_init(&s, SCHEDULE_COSINE, 100, NULL));
    rng_fill_normal(z, N, 1, 1, 0);
    Err e = {0};
    DdimOptions o = {.steps = 101, .branches = 1};
    assert_false(ddim_sample(&s, &o, ramp_model, NULL, z, N, NULL, &e));
    assert_non_null(strstr(e.text, "101"));
    e = (Err){0};
    o = (DdimOptions){.steps = 4, .branches = 2};
    assert_false(ddim_sample(&s, &o, ramp_model, NULL, z, N, NULL, &e));
    e = (Err){0};
    o = (DdimOptions){.steps = 4, .branches = 1};
    Progress p = {stop_at_second, NULL};
    assert_false(ddim_sample(&s, &o, ramp_model, NULL, z, N, &p, &e));
    assert_true(e.cancelled);
    schedule_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_predictions_agree),
        cmocka_unit_test(test_eta),
        cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_bad_options_and_cancel),
    };
    return cmocka_run_group_tests_name("train/diffusion", tests, NULL, NULL);
}
