/* SPDX-License-Identifier: Apache-2.0
 *
 * Times whole networks with random weights: forward and training step, bf16 and f32. One line a case, tab-separated:
 * network, task, batch, type, min s, median s, peak GiB of the process, planned GiB, parameters, GFLOP, GFLOP/s, runs.
 *
 *     networks NETWORK {fwd|train} BATCH {bf16|f32} [--profile] [--threads N] [--device ref|cpu]
 *
 * One case a process, so that the peak memory is that case's own. bench/compare.sh runs them beside PyTorch.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/networks.h"

static const BenchNet *const nets[] = {&bench_unet, &bench_generator, &bench_pose, &bench_flow, &bench_pixels, &bench_background, &bench_motion};

Node *bench_input(Graph *g, BenchInput *inputs, int *n, const char *name, Shape s, float lo, float hi)
{
    inputs[(*n)++] = (BenchInput){name, s, lo, hi};
    return graph_input(g, name, JIG_F32, s);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill_input(Graph *g, const BenchInput *in)
{
    int64_t n = shape_count(in->shape);
    if (in->hi <= in->lo) {
        int32_t *zeros = mem_zero((size_t)n * sizeof *zeros);
        graph_set(g, in->name, zeros, JIG_I32);
        mem_free(zeros);
        return;
    }
    float *x = mem_alloc((size_t)n * sizeof *x);
    Rng r = rng_make(1, rng_hash(in->name, strlen(in->name)));
    for (int64_t i = 0; i < n; i++)
        x[i] = rng_range(&r, in->lo, in->hi);
    graph_set(g, in->name, x, JIG_F32);
    mem_free(x);
}

static bool run_case(const BenchNet *net, bool train, int64_t batch, DType type, const char *device, bool profile, Err *e)
{
    const Device *dev = device_open(device, e);
    if (!dev)
        return false;
    ParamSet *ps = params_create();
    void *layers = net->create(ps);
    if (!params_allocate(ps, train, 1, e))
        return false;
    Graph *g = graph_create(dev, type);
    BenchInput inputs[12];
    int n_inputs = 0;
    Node *loss = net->build(g, layers, batch, train, inputs, &n_inputs);
    graph_output(g, "loss", loss);
    if (train && !graph_grad(g, loss, NULL, NULL, 0))
        return err_set(e, "no gradient");
    if (!graph_plan(g, e))
        return false;
    for (int i = 0; i < n_inputs; i++)
        fill_input(g, &inputs[i]);
    for (int i = 0; i < 2; i++)
        if (!graph_run(g, e))
            return false;
    graph_profile(g, profile);
    double times[64], begin = clock_seconds();
    int runs = 0;
    while (runs < 3 || (runs < 40 && clock_seconds() - begin < 5)) {
        double t = clock_seconds();
        if (!graph_run(g, e))
            return false;
        times[runs++] = clock_seconds() - t;
    }
    qsort(times, (size_t)runs, sizeof *times, by_value);
    const double GiB = 1073741824.0;
    printf("%s\t%s\t%lld\t%s\t%.4f\t%.4f\t%.2f\t%.2f\t%lld\t%.1f\t%.0f\t%d\n", net->name, train ? "train" : "fwd", (long long)batch,
           type == JIG_BF16 ? "bf16" : "f32", times[0], times[runs / 2], (double)mem_peak() / GiB, (double)graph_bytes(g) / GiB,
           (long long)params_size(ps), graph_flops(g) * 1e-9, graph_flops(g) * 1e-9 / times[0], runs);
    if (profile) {
        Text report = {0};
        graph_profile_report(g, &report);
        puts(report.s);
        text_finish(&report);
    }
    graph_destroy(g);
    net->destroy(layers);
    params_destroy(ps);
    return true;
}

int main(int argc, char **argv)
{
    const char *device = "cpu";
    bool profile = false;
    if (argc < 5) {
        fprintf(stderr, "usage: networks NETWORK {fwd|train} BATCH {bf16|f32} [--profile] [--threads N] [--device NAME]\nnetworks:");
        for (int i = 0; i < (int)ARRAY_LEN(nets); i++)
            fprintf(stderr, " %s", nets[i]->name);
        fputc('\n', stderr);
        return 2;
    }
    for (int i = 5; i < argc; i++) {
        if (!strcmp(argv[i], "--profile"))
            profile = true;
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            threads_set(atoi(argv[++i]));
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            device = argv[++i];
    }
    for (int i = 0; i < (int)ARRAY_LEN(nets); i++) {
        if (strcmp(nets[i]->name, argv[1]))
            continue;
        Err e = {0};
        if (run_case(nets[i], !strcmp(argv[2], "train"), atoll(argv[3]), !strcmp(argv[4], "f32") ? JIG_F32 : JIG_BF16, device, profile, &e))
            return 0;
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    fprintf(stderr, "no network '%s'\n", argv[1]);
    return 2;
}
