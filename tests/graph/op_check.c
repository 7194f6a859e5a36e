/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of a case is mean(y * R) with fixed random R, so every element of y counts differently. Numeric derivatives
 * are central differences of that loss, summed on the host in f64 so that only the op's own f32 rounding remains.
 */
#include "op_check.h"

#include <math.h>
#include <string.h>

enum { MAX_ELEMENTS = 24 };

typedef struct Net {
    const Case *c;
    Graph *g;
    Param params[CASE_PARAMS];
    int n_inputs, n_params;
    float *values[CASE_INPUTS + CASE_PARAMS], *grads[CASE_INPUTS + CASE_PARAMS];
    int64_t count[CASE_INPUTS + CASE_PARAMS];
    float *y, *weights;
    int64_t ny;
} Net;

static float *floats(int64_t n)
{
    return mem_zero((size_t)n * sizeof(float));
}

static void fill(float *x, int64_t n, uint64_t stream, float lo, float hi)
{
    Rng r = rng_make(7, stream);
    for (int64_t i = 0; i < n; i++)
        x[i] = rng_range(&r, lo, hi);
}

static void declare(Net *t, bool grad)
{
    const Case *c = t->c;
    float lo = c->lo == 0 && c->hi == 0 ? -1 : c->lo, hi = c->lo == 0 && c->hi == 0 ? 1 : c->hi;
    for (int i = 0; i < CASE_INPUTS + CASE_PARAMS; i++) {
        Shape s = i < CASE_INPUTS ? c->x[i] : c->p[i - CASE_INPUTS];
        if (!s.n)
            continue;
        t->count[i] = shape_count(s);
        t->values[i] = floats(t->count[i]);
        t->grads[i] = floats(t->count[i]);
        fill(t->values[i], t->count[i], (uint64_t)i + 1, lo, hi);
        if (i < CASE_INPUTS)
            t->n_inputs = i + 1;
        else
            t->n_params = i - CASE_INPUTS + 1;
    }
    for (int i = 0; i < t->n_params; i++)
        t->params[i] = (Param){.name = "p", .value = {JIG_F32, c->p[i], t->values[CASE_INPUTS + i]},
                               .grad = grad ? t->grads[CASE_INPUTS + i] : NULL, .trainable = true};
}

static void build(Net *t, const Device *dev, DType type, bool grad)
{
    const Case *c = t->c;
    Node *in[CASE_INPUTS] = {0}, *x[CASE_INPUTS] = {0};
    Param *p[CASE_PARAMS] = {0};
    char name[8];
    Err e = {0};
    t->g = graph_create(dev, type);
    for (int i = 0; i < t->n_inputs; i++) {
        if (!c->x[i].n)
            continue;
        snprintf(name, sizeof name, "x%d", i);
        in[i] = graph_input(t->g, name, JIG_F32, c->x[i]);
        x[i] = op_cast(t->g, in[i], type);
    }
    for (int i = 0; i < t->n_params; i++)
        p[i] = &t->params[i];
    Node *y = c->build(t->g, c, x, p);
    graph_output(t->g, "y", y);
    t->ny = shape_count(node_shape(y));
    t->y = floats(t->ny);
    t->weights = floats(t->ny);
    fill(t->weights, t->ny, 99, -1, 1);
    if (grad && y) {
        Node *r = graph_const(t->g, (Tensor){JIG_F32, node_shape(y), t->weights});
        Node *loss = op_mean_all(t->g, op_mul(t->g, op_cast(t->g, y, JIG_F32), r));
        graph_grad(t->g, loss, in, NULL, t->n_inputs);
    }
    if (!graph_plan(t->g, &e))
        fail_msg("%s: %s", c->name, e.text);
}

static void run(Net *t, bool grad)
{
    Err e = {0};
    char name[16];
    for (int i = 0; i < t->n_inputs; i++) {
        if (!t->count[i])
            continue;
        snprintf(name, sizeof name, "x%d", i);
        assert_true(graph_set(t->g, name, t->values[i], JIG_F32));
    }
    if (!graph_run(t->g, &e))
        fail_msg("%s: %s", t->c->name, e.text);
    assert_true(graph_get(t->g, "y", t->y));
    for (int i = 0; i < t->n_inputs && grad; i++) {
        if (!t->count[i])
            continue;
        snprintf(name, sizeof name, "grad:x%d", i);
        assert_true(graph_get(t->g, name, t->grads[i]));
    }
}

static Net *make(const Case *c, const Device *dev, DType type, bool grad)
{
    Net *t = mem_zero(sizeof *t); /* not moved: the graph points to its parameters */
    t->c = c;
    declare(t, grad);
    build(t, dev, type, grad);
    run(t, grad);
    return t;
}

static void finish(Net *t)
{
    graph_destroy(t->g);
    for (int i = 0; i < CASE_INPUTS + CASE_PARAMS; i++) {
        mem_free(t->values[i]);
        mem_free(t->grads[i]);
    }
    mem_free(t->y);
    mem_free(t->weights);
    mem_free(t);
}

static double loss_of(Net *t)
{
    double sum = 0;
    graph_weights_changed(t->g);
    run(t, false);
    for (int64_t i = 0; i < t->ny; i++)
        sum += (double)t->y[i] * t->weights[i];
    return sum / (double)t->ny;
}

static double rms(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum / (double)n);
}

/* Every element, or a spread of them, of every input and parameter. */
static void check_numeric(const Case *c, Net *grad, const Device *dev)
{
    Net *t = make(c, dev, JIG_F32, false);
    float h = c->kinks ? 2e-4f : 1e-2f;
    for (int i = 0; i < CASE_INPUTS + CASE_PARAMS; i++) {
        if (i >= CASE_INPUTS && !t->params[i - CASE_INPUTS].trainable)
            continue;
        double scale = t->count[i] ? rms(grad->grads[i], t->count[i]) : 0;
        int64_t step = MAX(1, t->count[i] / MAX_ELEMENTS);
        for (int64_t k = 0; k < t->count[i]; k += step) {
            float keep = t->values[i][k];
            t->values[i][k] = keep + h;
            double up = loss_of(t);
            t->values[i][k] = keep - h;
            double down = loss_of(t);
            t->values[i][k] = keep;
            double numeric = (up - down) / (2.0 * (double)h), analytic = grad->grads[i][k];
            if (fabs(numeric - analytic) > 4e-3 * scale + 4e-3 * fabs(analytic) + (c->kinks ? 5e-5 : 5e-6))
                fail_msg("%s: value %d element %lld: numeric %g, analytic %g (rms %g)", c->name, i, (long long)k,
                         numeric, analytic, scale);
        }
    }
    finish(t);
}

static void compare_vectors(const char *name, const char *what, int i, const float *a, const float *b, int64_t n,
                            double tolerance)
{
    double sum = 0, scale = rms(b, n);
    for (int64_t k = 0; k < n; k++)
        sum += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
    double off = sqrt(sum / (double)n);
    if (!(off <= tolerance * scale + 1e-6))
        fail_msg("%s, %s: %s %d: rms of difference %g of %g", name, what, i < 0 ? "y" : "gradient", i, off, scale);
}

/* Another run gives the same bits. */
static void check_repeats(Net *t)
{
    float *y = floats(t->ny), *grads[CASE_INPUTS + CASE_PARAMS] = {0};
    memcpy(y, t->y, (size_t)t->ny * sizeof *y);
    for (int i = 0; i < CASE_INPUTS + CASE_PARAMS; i++) {
        grads[i] = floats(MAX(t->count[i], 1));
        memcpy(grads[i], t->grads[i], (size_t)t->count[i] * sizeof *y);
        memset(t->grads[i], 0, (size_t)t->count[i] * sizeof *y);
    }
    run(t, true);
    assert_memory_equal(y, t->y, (size_t)t->ny * sizeof *y);
    for (int i = 0; i < CASE_INPUTS + CASE_PARAMS; i++) {
        bool frozen = i >= CASE_INPUTS && !t->params[i - CASE_INPUTS].trainable;
        if (t->count[i] && !frozen)
            assert_memory_equal(grads[i], t->grads[i], (size_t)t->count[i] * sizeof *y);
        mem_free(grads[i]);
    }
    mem_free(y);
}

static void compare(const Net *a, const Net *b, const char *what, double tolerance)
{
    compare_vectors(a->c->name, what, -1, a->y, b->y, a->ny, tolerance);
    for (int i = 0; i < CASE_INPUTS + CASE_PARAMS; i++)
        if (a->count[i])
            compare_vectors(a->c->name, what, i, a->grads[i], b->grads[i], a->count[i], 2 * tolerance);
}

/* Without gradients weights are constant and packed: the same result, also after they were changed and changed back. */
static void check_packed(const Case *c, const Device *dev, DType type, const Net *like, double tolerance)
{
    Net *t = make(c, dev, type, false);
    compare_vectors(c->name, "packed weights", -1, t->y, like->y, t->ny, tolerance);
    for (int step = 0; step < 2; step++) {
        for (int i = CASE_INPUTS; i < CASE_INPUTS + CASE_PARAMS; i++)
            for (int64_t k = 0; k < t->count[i]; k++)
                t->values[i][k] *= step ? 0.5f : 2;
        graph_weights_changed(t->g);
        run(t, false);
    }
    compare_vectors(c->name, "weights packed again", -1, t->y, like->y, t->ny, tolerance);
    finish(t);
}

void check_case(const Case *c)
{
    Err e = {0};
    const Device *ref = device_open("ref", &e), *cpu = device_open("cpu", &e);
    assert_non_null(ref);
    Net *exact = make(c, ref, JIG_F32, true);
    check_numeric(c, exact, ref);
    check_repeats(exact);
    if (!c->no_bf16) {
        Net *rough = make(c, ref, JIG_BF16, true);
        compare(rough, exact, "ref bf16 against f32", 0.03);
        if (cpu) {
            Net *other = make(c, cpu, JIG_BF16, true);
            compare(other, rough, "cpu against ref in bf16", 0.02);
            check_repeats(other);
            check_packed(c, cpu, JIG_BF16, other, 0.02);
            finish(other);
        }
        finish(rough);
    }
    if (cpu) {
        Net *other = make(c, cpu, JIG_F32, true);
        compare(other, exact, "cpu against ref in f32", 1e-4);
        check_repeats(other);
        check_packed(c, cpu, JIG_F32, other, 1e-5);
        finish(other);
    }
    finish(exact);
}

void check_cases(const Case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i]);
}
