/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs: the same from the same seed whatever thread asks; work without any data; labels fit pictures; held-out looks
 * stay out.
 */
#include "synth_fixture.h"

#include <math.h>
#include <unistd.h>

#include "synth/degrade.h"
#include "synth/synth.h"

enum { SIZE = 96 };

static uint64_t digest(const SynthPair *p)
{
    size_t n = (size_t)p->size * p->size;
    uint64_t h[] = {rng_hash(p->source.rgb, 3 * n), rng_hash(p->target.rgb, 3 * n),
                    rng_hash(p->background, 3 * n), rng_hash(p->source.parts, n),
                    rng_hash(p->target.alpha, n),   rng_hash(p->flow, 2 * n * sizeof *p->flow),
                    rng_hash(p->visible, n),        rng_hash(p->source.joints, sizeof p->source.joints),
                    rng_hash(p->target.seen, 18)};
    return rng_hash(h, sizeof h);
}

static SynthSource *open_source(SynthOptions o)
{
    Err e = {0};
    SynthSource *s = synth_open(&o, &e);
    if (!s)
        fail_msg("%s", e.text);
    return s;
}

static void same_seed_same_pixels(void **state)
{
    (void)state;
    SynthSource *a = open_source((SynthOptions){.size = SIZE, .seed = 5}),
                *b = open_source((SynthOptions){.size = SIZE, .seed = 5});
    SynthSource *other = open_source((SynthOptions){.size = SIZE, .seed = 6});
    SynthPair p, q;
    synth_pair_init(&p, SIZE);
    synth_pair_init(&q, SIZE);
    int differ = 0;
    for (int i = 0; i < 16; i++) {
        assert_true(synth_pair(a, i, &p));
        assert_true(synth_pair(b, 40 - i, &q)); /* what came before must not matter */
        assert_true(synth_pair(b, i, &q));
        assert_true(digest(&p) == digest(&q));
        assert_true(synth_picture(b, i, &q));
        assert_memory_equal(p.source.rgb, q.source.rgb, 3 * SIZE * SIZE);
        assert_memory_equal(p.source.joints, q.source.joints, sizeof p.source.joints);
        assert_true(synth_pair(other, i, &q));
        differ += digest(&p) != digest(&q);
    }
    assert_int_equal(differ, 16);
    synth_pair_finish(&p);
    synth_pair_finish(&q);
    synth_close(a);
    synth_close(b);
    synth_close(other);
}

typedef struct Team { SynthSource *s; uint64_t *digests; } Team;

static void work(void *ctx, int64_t from, int64_t to)
{
    Team *t = ctx;
    SynthPair p;
    synth_pair_init(&p, SIZE);
    for (int64_t i = from; i < to; i++) {
        synth_pair(t->s, i, &p);
        t->digests[i] = digest(&p);
    }
    synth_pair_finish(&p);
}

static void threads_share_a_source(void **state)
{
    (void)state;
    char *looks = test_data("looks"), *motion = test_data("motion");
    uint64_t many[24], one[24];
    SynthOptions o = {.looks = looks, .motion = motion, .size = SIZE, .seed = 1};
    SynthSource *s = open_source(o);
    threads_set(4);
    threads_for(24, 1, work, &(Team){s, many});
    threads_set(0);
    synth_close(s);
    s = open_source(o);
    work(&(Team){s, one}, 0, 24);
    synth_close(s);
    assert_memory_equal(many, one, sizeof one);
    free(looks);
    free(motion);
}

static void labels_fit(void **state)
{
    (void)state;
    SynthSource *s = open_source((SynthOptions){.size = SIZE, .seed = 2});
    SynthPair p;
    synth_pair_init(&p, SIZE);
    int shown = 0, present = 0, moved = 0, hidden = 0;
    for (int i = 0; i < 60; i++) {
        assert_true(synth_pair(s, i, &p));
        for (int y = 0; y < SIZE * SIZE; y++) {
            assert_true(p.source.parts[y] < SYNTH_PARTS && p.target.parts[y] < SYNTH_PARTS);
            assert_true((p.target.alpha[y] >= 128) == (p.target.parts[y] != PART_NONE));
            bool flow = p.flow[2 * y] != 0 || p.flow[2 * y + 1] != 0;
            assert_true(isfinite(p.flow[2 * y]) && isfinite(p.flow[2 * y + 1]));
            assert_false(p.target.alpha[y] == 0 && (flow || p.visible[y]));
            moved += flow && p.visible[y];
            hidden += flow && !p.visible[y];
            if (p.visible[y] && p.target.alpha[y] == 255) { /* a visible point lies in the source and on its figure */
                int x = (int)floorf(y % SIZE + 0.5f + p.flow[2 * y]),
                    v = (int)floorf(y / SIZE + 0.5f + p.flow[2 * y + 1]);
                assert_true(x >= -1 && v >= -1 && x <= SIZE && v <= SIZE);
            }
        }
        for (int j = 0; j < SYNTH_JOINTS; j++) {
            const float *at = p.source.joints[j];
            bool inside = at[0] >= 0 && at[1] >= 0 && at[0] < SIZE && at[1] < SIZE;
            assert_int_equal(p.source.present[j], inside);
            assert_true(!p.source.seen[j] || inside);
            assert_true(fabsf(at[2]) < 0.8f);
            present += inside;
            shown += p.source.seen[j];
        }
        assert_float_equal(p.source.joints[0][2], 0, 1e-5f);
    }
    assert_true(present > 60 * 11 && shown > present / 2 && shown < present);
    assert_true(moved > hidden);
    synth_pair_finish(&p);
    synth_close(s);
}

static void held_out_looks_stay_out(void **state)
{
    (void)state;
    char *looks = test_data("looks"), *motion = test_data("motion");
    SynthOptions o = {.looks = looks, .motion = motion, .size = 32, .seed = 1};
    char (*names)[64] = mem_zero(64 * 400);
    int n = 0;
    SynthPair p;
    synth_pair_init(&p, 32);
    o.held_out = true;
    SynthSource *s = open_source(o);
    for (int i = 0; i < 120; i++) {
        assert_true(synth_picture(s, i, &p));
        if (p.look == LOOK_BODY || p.look == LOOK_PUPPET)
            snprintf(names[n++], 64, "%s", p.figure);
        if (strncmp(p.place, "hdri_", 5) == 0)
            snprintf(names[n++], 64, "%s", p.place);
    }
    synth_close(s);
    assert_true(n > 60);
    o.held_out = false;
    s = open_source(o);
    for (int i = 0; i < 200; i++) {
        assert_true(synth_picture(s, i, &p));
        for (int k = 0; k < n; k++)
            assert_true(strcmp(names[k], p.figure) != 0 && strcmp(names[k], p.place) != 0);
    }
    synth_close(s);
    synth_pair_finish(&p);
    mem_free(names);
    free(looks);
    free(motion);
}

static void refuses_bad_options(void **state)
{
    (void)state;
    Err e = {0};
    assert_null(synth_open(&(SynthOptions){.size = 30}, &e));
    assert_non_null(strstr(e.text, "size 30; allowed 32..1024"));
    e = (Err){0};
    assert_null(synth_open(&(SynthOptions){.size = 64, .looks = "/nowhere"}, &e));
    assert_non_null(strstr(e.text, "/nowhere"));
    e = (Err){0};
    assert_null(synth_open(&(SynthOptions){.size = 64, .motion = "/nowhere"}, &e));
    e = (Err){0};
    assert_null(synth_open(&(SynthOptions){.size = 64, .puppets = "/nowhere"}, &e));
}

/* A file that is no picture is named; a folder of nothing else ends in false, never in a crash or a wrong pair. */
static void names_broken_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/jig_looks_XXXXXX";
    assert_non_null(mkdtemp(folder));
    Text places = {0}, file = {0};
    text_add(&places, "%s/backgrounds", folder);
    text_add(&file, "%s/backgrounds/hill_0.jpg", folder);
    Err e = {0};
    assert_true(file_make_dir(places.s, &e) && file_write(file.s, "no picture", 10, &e));
    SynthSource *s = open_source((SynthOptions){.looks = folder, .size = 32, .seed = 1});
    SynthPair p;
    synth_pair_init(&p, 32);
    int failed = 0;
    for (int i = 0; i < 20; i++)
        failed += !synth_picture(s, i, &p);
    assert_true(failed > 3 && failed < 20);
    assert_true(synth_trouble(s, &e));
    assert_non_null(strstr(e.text, "hill_0.jpg"));
    synth_pair_finish(&p);
    synth_close(s);
    unlink(file.s);
    rmdir(places.s);
    rmdir(folder);
    text_finish(&places);
    text_finish(&file);
}

/* Quality 100 changes next to nothing, 10 much; the mean stays. */
static void jpeg_loses_as_it_should(void **state)
{
    (void)state;
    enum { N = 44 };
    uint8_t was[3 * N * N], now[3 * N * N];
    for (int i = 0; i < 3 * N * N; i++)
        was[i] = (uint8_t)(128 + 60 * sinf(i / 3 % N * 0.4f) * cosf(i / 3 / N * 0.3f));
    double error[2];
    for (int k = 0; k < 2; k++) {
        memcpy(now, was, sizeof was);
        degrade_jpeg(k ? 10 : 100, N, now);
        double sum = 0, mean = 0;
        for (int i = 0; i < 3 * N * N; i++)
            sum += abs(now[i] - was[i]), mean += now[i] - was[i];
        error[k] = sum / sizeof was;
        assert_true(fabs(mean / sizeof was) < 1.5);
    }
    assert_true(error[0] < 1.2 && error[1] > 3 * error[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_seed_same_pixels),
                                       cmocka_unit_test(threads_share_a_source),
                                       cmocka_unit_test(labels_fit),
                                       cmocka_unit_test(held_out_looks_stay_out),
                                       cmocka_unit_test(refuses_bad_options), cmocka_unit_test(names_broken_files),
                                       cmocka_unit_test(jpeg_loses_as_it_should)};
    return cmocka_run_group_tests_name("synth/pair", tests, NULL, NULL);
}
