/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig net`: the list, what a network consists of, a run on tensors from a file with gradients, and every kind of misfit.
 */
#include "program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

enum { SIDE = 32, CHANNELS = 48 };

static void put(const char *name, const char *text)
{
    Err e = {0};
    assert_true(file_write(program_path(name), text, strlen(text), &e));
}

static int setup(void **state)
{
    if (program_setup(state))
        return -1;
    static float x[SIDE * SIDE * CHANNELS];
    Err e = {0};
    for (int i = 0; i < SIDE * SIDE * CHANNELS; i++)
        x[i] = sinf(0.01f * (float)i);
    NamedTensor t = {"input", {JIG_F32, SHAPE(1, SIDE, SIDE, CHANNELS), x}};
    put("c.json", "{\"widths\": [16, 32, 32, 48]}");
    return safetensors_write(program_path("in.safetensors"), &t, 1, NULL, 0, &e) ? 0 : -1;
}

static void test_list(void **state)
{
    Said *s = program("net");
    assert_int_equal(s->code, 0);
    static const char *const names[] = {"articulated.pose", "articulated.motion", "articulated.flow", "articulated.pixels",
                                        "articulated.background", "dabfusion.flow_unet", "dabfusion.generator",
                                        "encoders.clap", "encoders.wav2clip", "encoders.wav2vec2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strstr(s->out, names[i]))
            fail_msg("%s is not listed", names[i]);
    char *list = mem_strdup(s->out);
    for (char *rest = list, *line; (line = strsep(&rest, "\n")) && *line;) { /* each can be planned at full size */
        s = program("net %.*s", (int)strcspn(line, " "), line);
        if (s->code || !strstr(s->out, "memory:") || !strstr(s->out, "inputs"))
            fail_msg("%s\n%s", line, s->err);
    }
    mem_free(list);
}

static void test_run(void **state)
{
    program_expect(0, NULL, "net articulated.flow --config c.json --seed 3 --in in.safetensors -o out.safetensors --grad --device ref");
    program_expect(0, NULL, "net articulated.flow --config c.json --seed 3 --in in.safetensors -o fast.safetensors --grad --device cpu");
    Err e = {0};
    SafeTensors *a = safetensors_open(program_path("out.safetensors"), &e), *b = safetensors_open(program_path("fast.safetensors"), &e);
    assert_true(a && b);
    Tensor bones, grad, grad2;
    assert_true(safetensors_find(a, "bones", &bones));
    assert_true(shape_equal(bones.shape, SHAPE(1, SIDE, SIDE, 12)));
    assert_true(safetensors_find(a, "grad:head.weight", &grad) && safetensors_find(b, "grad:head.weight", &grad2));
    assert_true(shape_equal(grad.shape, SHAPE(16, 16, 1, 1)));
    double off = 0, size = 0;
    for (int64_t i = 0; i < shape_count(grad.shape); i++) {
        off = fmax(off, fabs((double)((float *)grad.data)[i] - ((float *)grad2.data)[i]));
        size = fmax(size, fabs((double)((float *)grad.data)[i]));
    }
    assert_true(size > 0 && off < 1e-4 * size); /* sums in another order */
    assert_true(safetensors_find(a, "grad:input", &grad));
    safetensors_close(a);
    safetensors_close(b);
}

static void test_misfits(void **state)
{
    put("wrong.json", "{\"widhts\": [16, 32, 32, 48]}");
    put("not.json", "{");
    program_expect(1, "articulated.pose", "net articulated.posse");
    program_expect(1, "widhts", "net articulated.flow --config wrong.json");
    program_expect(1, "JSON", "net articulated.flow --config not.json");
    program_expect(1, "nowhere.json", "net articulated.flow --config nowhere.json");
    program_expect(1, "parameters", "net articulated.flow --in in.safetensors");
    program_expect(1, "exclude", "net articulated.flow --seed 1 --weights in.safetensors");
    program_expect(1, "is missing", "net articulated.flow --weights in.safetensors --in in.safetensors");
    program_expect(1, "input is not an input", "net articulated.pose --seed 1 --in in.safetensors");
    program_expect(2, "f16", "net articulated.flow --compute f16");
    program_expect(1, "--in", "net articulated.flow --seed 1 -o o.safetensors");
    assert_false(file_exists(program_path("o.safetensors")));
}

static void test_convert(void **state)
{
    char torch[600];
    snprintf(torch, sizeof torch, "%s/tests/tensor/fixtures/torch_zip.pt", getenv("JIG_SOURCE_ROOT"));
    program_expect(0, NULL, "convert %s out.safetensors --only state_dict. --strip state_dict.module.", torch);
    Err e = {0};
    SafeTensors *st = safetensors_open(program_path("out.safetensors"), &e);
    assert_non_null(st);
    assert_int_equal(safetensors_count(st), 16);
    Tensor t;
    assert_true(safetensors_find(st, "f64", &t) && t.type == JIG_F32 && ((float *)t.data)[4] == 1.5f);
    assert_string_equal(safetensors_meta(st, "epoch"), "15");
    safetensors_close(st);
    Said *s = program("info %s", torch);
    assert_int_equal(s->code, 0);
    assert_non_null(strstr(s->out, "20 tensors"));
    program_expect(1, "--only nothing", "convert %s no.safetensors --only nothing", torch);
    program_expect(1, "in.pt", "convert in.pt no.safetensors");
    put("evil.pt", "PK\3\4");
    program_expect(1, "cut short", "convert evil.pt no.safetensors");
    assert_false(file_exists(program_path("no.safetensors")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_list), cmocka_unit_test(test_run), cmocka_unit_test(test_misfits),
                                       cmocka_unit_test(test_convert)};
    return cmocka_run_group_tests_name("cli/net", tests, setup, program_teardown);
}
