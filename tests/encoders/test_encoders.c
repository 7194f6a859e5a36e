/* SPDX-License-Identifier: Apache-2.0
 *
 * The encoders against their reference classes (tools/fixtures/encoders.py: results and gradients of all parameters and
 * inputs, weights under transformers' names) and against the golden numbers of the specification, which come from f64
 * and are filled by rule: LAION's and Wav2CLIP's own order of tensors, and from samples on. Then the way from samples
 * to vectors with weights in a file.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "encoders/encoders.h"

static int complaints;

static void complain(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void complain(const char *fmt, ...)
{
    char line[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    print_error("%s\n", line);
    complaints++;
}

static void finish(void)
{
    int n = complaints;
    complaints = 0;
    if (n) fail_msg("%d differences", n);
}

static void good(bool ok, const Err *e)
{
    if (!ok) fail_msg("%s", e->text);
}

/* ---- reference classes ---------------------------------------------------------------------------------------------
 */

static const char *fixture(const char *name, const char *kind)
{
    static char path[4][1024];
    static int at;
    const char *root = getenv("JIG_SOURCE_ROOT");
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/tests/encoders/fixtures/%s.%s", root ? root : ".", name, kind);
    return path[at];
}

static const NetClass *class_of(const char *name)
{
    for (int i = 0; i < encoder_nets.n; i++)
        if (!strcmp(strchr(encoder_nets.rows[i]->name, '.') + 1, name)) return encoder_nets.rows[i];
    fail_msg("no network %s", name);
    return NULL;
}

static const float *find(const NamedTensor *r, int n, const char *name, Shape s)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(r[i].name, name)) return shape_equal(r[i].t.shape, s) ? r[i].t.data : NULL;
    return NULL;
}

static double largest(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

/* Largest difference as a part of the largest value, or of `least` where all are smaller. */
static double distance(const float *a, const float *b, int64_t n, double least)
{
    double off = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(a[i])) return INFINITY;
        off = fmax(off, fabs((double)a[i] - b[i]));
    }
    return off == 0 ? 0 : off / fmax(largest(b, n), least);
}

static double cosine(const float *a, const float *b, int64_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

enum { SMALL = 64 };

/* f32 against PyTorch's f32: 2e-5 of the largest value, gradients 2e-4 (both sum thousands of terms in another order);
 * a gradient that is 0 but for rounding (a bias added to all keys) is held against a thousandth of the largest of all.
 * bf16: the same direction, to 0.999; gradients pass through layers of 8 bits, 0.95, and say nothing where few. */
static void against_class(const char *name, const char *device, DType compute)
{
    Err e = {0};
    char *json;
    size_t size;
    int count;
    Arena *a = arena_create();
    good(file_read(fixture(name, "json"), 1 << 16, &json, &size, &e), &e);
    SafeTensors *weights = safetensors_open(fixture(name, "weights.safetensors"), &e);
    SafeTensors *in = safetensors_open(fixture(name, "in.safetensors"), &e);
    SafeTensors *out = safetensors_open(fixture(name, "out.safetensors"), &e);
    good(weights && in && out, &e);
    NetAlone *n = net_create(class_of(name), json, NULL, &e);
    good(n && net_fill(n, weights, NULL, true, 0, &e), &e);
    good(net_plan(n, device_open(device, &e), compute, in, true, &e) && net_set(n, in, &e) && net_run(n, &e), &e);
    NamedTensor *r = net_results(n, a, &count);
    double most = 0;
    for (int i = 0; i < safetensors_count(out); i++) {
        Tensor t = safetensors_tensor(out, i);
        if (!strncmp(safetensors_name(out, i), "grad:", 5)) most = fmax(most, largest(t.data, shape_count(t.shape)));
    }
    for (int i = 0; i < safetensors_count(out); i++) {
        const char *what = safetensors_name(out, i);
        Tensor want = safetensors_tensor(out, i);
        const float *got = find(r, count, what, want.shape);
        bool grad = !strncmp(what, "grad:", 5);
        if (!got) {
            complain("%s: %s is missing or of another shape", name, what);
        } else if (compute == JIG_F32) {
            double off = distance(got, want.data, shape_count(want.shape), grad ? 1e-3 * most : 0);
            if (!(off <= (grad ? 2e-4 : 2e-5)))
                complain("%s on %s: %s is off by %.2e of its largest value", name, device, what, off);
        } else if (!grad || (shape_count(want.shape) >= SMALL && largest(want.data,
                                                                      shape_count(want.shape)) > 1e-3 * most)) {
            double c = cosine(got, want.data, shape_count(want.shape));
            if (!(c >= (grad ? 0.95 : 0.999))) complain("%s in bf16: %s has cosine %.5f", name, what, c);
        }
    }
    net_destroy(n);
    safetensors_close(weights);
    safetensors_close(in);
    safetensors_close(out);
    mem_free(json);
    arena_destroy(a);
}

static void test_classes(void **state)
{
    static const char *const names[] = {"clap", "wav2clip", "wav2vec2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        against_class(names[i], "ref", JIG_F32);
        against_class(names[i], "cpu", JIG_F32);
        against_class(names[i], "cpu", JIG_BF16);
    }
    finish();
}

/* ---- golden numbers ------------------------------------------------------------------------------------------------
 */

/* Rule S: t counts the tensors in file order (skip: of which this many are not here, from number `at` on). */
static void fill_s(ParamSet *ps, int at, int skip)
{
    for (int i = 0; i < params_count(ps); i++) {
        Param *p = params_at(ps, i);
        float *w = p->value.data;
        int64_t n = shape_count(p->value.shape);
        int t = i + (i >= at ? skip : 0);
        bool bias = text_ends_with(p->name, ".bias") || text_ends_with(p->name, "running_mean");
        bool var = text_ends_with(p->name, "running_var");
        for (int64_t k = 0; k < n; k++) {
            double s = sin(1.3 * (double)k + 0.7 * t + 0.5);
            w[k] = (float)(var ? 1 + 0.2 * s * s : bias ? 0.1 * s : p->value.shape.n == 1 ? 1 + 0.1 * s
                           : s / sqrt((double)n / (double)p->value.shape.d[0]));
        }
    }
}

/* Rule G: names sorted, u from a hash of tensor and element. */
static double rule_u(uint64_t t, uint64_t k)
{
    uint64_t x = (t << 32 | k) + 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return (double)((x ^ x >> 31) >> 11) * 0x1p-52 - 1;
}

static void fill_g(ParamSet *ps)
{
    for (int i = 0; i < params_count(ps); i++) {
        Param *p = params_at(ps, i);
        int t = 0;
        for (int j = 0; j < params_count(ps); j++) t += strcmp(params_at(ps, j)->name, p->name) < 0;
        int64_t n = shape_count(p->value.shape);
        for (int64_t k = 0; k < n; k++) {
            double u = rule_u((uint64_t)t, (uint64_t)k);
            bool bias = text_ends_with(p->name, "bias");
            ((float *)p->value.data)[k] = (float)(bias ? 0.1 * u : p->value.shape.n <= 1 ? 1 + 0.1 * u
                                                  : u * sqrt(3.0 * (double)p->value.shape.d[0] / (double)n));
        }
    }
}

/* mean; rms; first three; last. f32 against f64: within `tolerance` of the rms. */
static void check_row(const char *what, const float *x, int64_t n, const double want[6], double tolerance)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    double got[6] = {sum / (double)n, sqrt(squares / (double)n), x[0], x[1], x[2], x[n - 1]};
    for (int i = 0; i < 6; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * want[1])) complain("%s: number %d is %.8f, expected %.8f", what, i,
                                                                      got[i], want[i]);
}

/* A network of the list with its parameters allocated, to be filled by rule. */
static NetAlone *filled(const char *name, const char *json)
{
    Err e = {0};
    NetAlone *n = net_create(class_of(name), json, NULL, &e);
    good(n && net_fill(n, NULL, NULL, false, 0, &e), &e);
    return n;
}

static char path[64];

static SafeTensors *one_input(const char *name, Shape s, float *data)
{
    Err e = {0};
    NamedTensor t = {name, {JIG_F32, s, data}};
    good(safetensors_write(path, &t, 1, NULL, 0, &e), &e);
    SafeTensors *st = safetensors_open(path, &e);
    good(st != NULL, &e);
    return st;
}

/* Runs on cpu and hands each result to check_row under its name. */
static void golden(NetAlone *n, const char *input, Shape s, float *data, int rows, const char *const *names,
                   const double (*want)[6])
{
    Err e = {0};
    int count;
    Arena *a = arena_create();
    SafeTensors *in = one_input(input, s, data);
    good(net_plan(n, device_open("cpu", &e), JIG_F32, in, false, &e) && net_set(n, in, &e) && net_run(n, &e), &e);
    NamedTensor *r = net_results(n, a, &count);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < count; k++)
            if (!strcmp(r[k].name, names[i])) check_row(names[i], r[k].t.data, shape_count(r[k].t.shape), want[i],
                                                        2e-5);
    safetensors_close(in);
    arena_destroy(a);
}

static void test_golden_clap(void **state)
{
    NetAlone *n = filled("clap",
                         "{\"window_size\": 4, \"num_mel_bins\": 32, \"spec_size\": 64, \"patch_size\": 4, \"patch_stride\": [4, 4],"
                                 "\"projection_dim\": 16, \"depths\": [2, 2], \"num_attention_heads\": [2, 4], \"patch_embeds_hidden_size\": 16}");
    assert_int_equal(params_size(net_params(n)) - 2 * 32, 35964); /* without the statistics */
    fill_s(net_params(n), 65, 4); /* tscam_conv and head stand before the projection */
    float mel[101 * 32];
    for (int k = 0; k < 101 * 32; k++) mel[k] = (float)(-40 + 30 * sin(0.013 * k + 0.2));
    static const char *const names[] = {"pooler_output"};
    static const double want[][6] = {{0.00149572, 0.96206343, 1.45213561, -1.46880235, 1.17290400, 1.08705296}};
    golden(n, "input_features", SHAPE(1, 1, 101, 32), mel, 1, names, want);
    Arena *a = arena_create();
    int count;
    NamedTensor *r = net_results(n, a, &count);
    float unit[16], *v = r[2].t.data;
    double squares = 0;
    assert_string_equal(r[2].name, "audio_embeds");
    for (int i = 0; i < 16; i++) squares += (double)v[i] * v[i];
    for (int i = 0; i < 16; i++) unit[i] = (float)(v[i] / sqrt(squares));
    check_row("projected", unit, 16, (const double[]){0.01412024, 0.25, 0.34020900, -0.05896286, -0.01743163,
                                                      0.29440841}, 2e-5);
    arena_destroy(a);
    net_destroy(n);
    finish();
}

/* One second of two tones at 16 kHz. */
static void tones(float *x, int n, double first)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)(0.3 * sin(2 * M_PI * first * i / 16000) + 0.2 * sin(2 * M_PI * 97 * i / 16000.0) * cos(2 * M_PI * 3 * i / 16000.0));
}

static void test_golden_wav2clip(void **state)
{
    NetAlone *n = filled("wav2clip", "{\"transform\": false}");
    assert_int_equal(params_count(net_params(n)), 100);
    fill_s(net_params(n), 1000, 0);
    float *x = mem_alloc(16000 * sizeof *x), *spectrogram = mem_alloc(sizeof(float) * 257 * 46);
    tones(x, 16000, 440);
    assert_int_equal(audio_wav2clip_frames(16000), 46);
    audio_wav2clip_input(x, 16000, spectrogram);
    static const char *const names[] = {"features"};
    static const double want[][6] = {{0.18619211, 0.28326328, 0, 0, 0.03718845, 0.02721381}};
    golden(n, "spectrogram", SHAPE(1, 1, 257, 46), spectrogram, 1, names, want);
    mem_free(x);
    mem_free(spectrogram);
    net_destroy(n);
    finish();
}

static void test_golden_wav2vec2(void **state)
{
    NetAlone *n = filled("wav2vec2",
                         "{\"hidden_size\": 32, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"intermediate_size\": 64,"
                                     "\"conv_dim\": [16, 16, 16, 16, 16, 16, 16], \"num_conv_pos_embeddings\": 16, \"num_conv_pos_embedding_groups\": 4}");
    assert_int_equal(params_count(net_params(n)), 50); /* and masked_spec_embed */
    fill_g(net_params(n));
    float x[4000];
    tones(x, 4000, 220);
    audio_wav2vec2_normalise(x, 4000);
    static const char *const names[] = {"last_hidden_state"};
    static const double want[][6] = {{0.00043672, 0.99060267, 0.45613593, 0.65356276, -0.56137885, 0.36025814}};
    golden(n, "input_values", SHAPE(1, 4000), x, 1, names, want);
    net_destroy(n);
    finish();
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static int64_t trained(ParamSet *ps)
{
    int64_t n = 0;
    for (int i = 0; i < params_count(ps); i++)
        if (params_at(ps, i)->trainable) n += shape_count(params_at(ps, i)->value.shape);
    return n;
}

/* Counts of the specification: 67,824,408 of the tower are used and 787,456 of the projection; 94,371,712 with the
 * mask's 768. */
static void test_published_sizes(void **state)
{
    Err e = {0};
    static const struct { const char *name, *json; int64_t numbers; } rows[] = {
        {"clap", NULL, 68611864}, {"clap", "{\"patch_embeds_hidden_size\": 96, \"depths\": \"2-2-6-2\"}", 28190872},
        {"wav2clip", NULL, 11170240 + 525312}, {"wav2vec2", NULL, 94371712 - 768},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        NetAlone *n = net_create(class_of(rows[i].name), rows[i].json, NULL, &e);
        good(n && net_plan(n, device_open("cpu", &e), JIG_F32, NULL, false, &e), &e);
        assert_int_equal(trained(net_params(n)), rows[i].numbers);
        net_destroy(n);
    }
}

static void test_bad_configurations(void **state)
{
    static const struct { const char *name, *json, *says; } rows[] = {
        {"clap", "{\"enable_fusion\": true}", "fusion"}, {"clap", "{\"window_size\": 7}", "window_size"},
        {"clap", "{\"depths\": [2, 2]}", "not as many"}, {"clap", "{\"hidden_size\": 768}", "1024"},
        {"clap", "{\"hidden_act\": \"relu\"}", "gelu"}, {"clap", "{\"patch_stride\": [2, 2]}", "patch_size"},
        {"wav2vec2", "{\"do_stable_layer_norm\": true}", "base models"}, {"wav2vec2",
                                                                      "{\"feat_extract_norm\": \"layer\"}", "group"},
        {"wav2vec2", "{\"conv_stride\": [5, 2]}", "not as many"}, {"wav2vec2", "{\"num_attention_heads\": 7}",
                                                                   "multiple"},
        {"wav2vec2", "{\"hiden_size\": 7}", "hidden_size"}, {"wav2clip", "{\"layers\": [2, 99]}", "from 1 to 8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Err e = {0};
        NetAlone *n = net_create(class_of(rows[i].name), rows[i].json, NULL, &e);
        if (n) complain("%s was taken", rows[i].json);
        else if (!strstr(e.text, rows[i].says)) complain("%s: %s", rows[i].json, e.text);
        net_destroy(n);
    }
    finish();
}

/* ---- from samples ------------------------------------------------------------------------------------------------ */

/* Wav2CLIP at full size with random weights in a file: pieces are the vectors of the pieces, lengths are checked. */
static void test_samples(void **state)
{
    Err e = {0};
    NetAlone *n = filled("wav2clip", NULL);
    good(params_save(net_params(n), NULL, path, JIG_BF16, NULL, 0, &e), &e);
    net_destroy(n);
    Wav2clipEncoder *c = wav2clip_open(path, device_open("cpu", &e), JIG_F32, &e);
    good(c != NULL, &e);
    enum { N = 12000, LENGTH = 4000, HOP = 4000 };
    static float x[N], one[WAV2CLIP_WIDTH], pieces[3 * WAV2CLIP_WIDTH];
    tones(x, N, 330);
    tones(x + 2 * HOP, LENGTH, 800);
    good(wav2clip_embed_pieces(c, x, N, LENGTH, HOP, true, pieces, NULL, &e), &e);
    good(wav2clip_embed(c, x + 2 * HOP, LENGTH, true, one, &e), &e);
    assert_memory_equal(one, pieces + 2 * WAV2CLIP_WIDTH, sizeof one);
    assert_memory_not_equal(one, pieces, sizeof one);
    assert_false(wav2clip_embed(c, x, 100, false, one, &e));
    assert_non_null(strstr(e.text, "512"));
    wav2clip_close(c);
    Err why = {0};
    assert_null(clap_open(path, device_open("cpu", &e), JIG_F32, &why));
    assert_non_null(strstr(why.text, "is missing"));
    why = (Err){0};
    assert_null(wav2vec2_open("/nonexistent.pt", device_open("cpu", &e), JIG_F32, &why));
}

static int make_path(void **state)
{
    snprintf(path, sizeof path, "/tmp/jig-encoders-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? 1 : close(fd);
}

static int remove_path(void **state)
{
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),         cmocka_unit_test(test_golden_clap),
        cmocka_unit_test(test_golden_wav2clip), cmocka_unit_test(test_golden_wav2vec2),
        cmocka_unit_test(test_published_sizes), cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests_name("encoders", tests, make_path, remove_path);
}
