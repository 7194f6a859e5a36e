/* SPDX-License-Identifier: Apache-2.0
 *
 * T5's and CLIP's tokenizers: identical ids to transformers on random lines of many languages, emoji, control
 * characters, special tokens and long repeats (JIG_TEXT_LINES names another file of lines); cutting and padding;
 * very long input; broken files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/text_tokens.h"

static const char *fixture(const char *name)
{
    static char path[4][1024];
    static int at;
    const char *root = getenv("JIG_SOURCE_ROOT");
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/tests/text/fixtures/%s", root ? root : ".", name);
    return path[at];
}

static SentencePieces *t5;
static BytePairs *clip;

static int open_both(void **state)
{
    Err e = {0};
    t5 = sentence_pieces_open(fixture("spiece.model"), &e);
    clip = t5 ? byte_pairs_open(fixture("vocab.json"), fixture("merges.txt"), &e) : NULL;
    if (!clip) print_error("%s\n", e.text);
    return clip ? 0 : -1;
}

static int close_both(void **state)
{
    sentence_pieces_close(t5);
    byte_pairs_close(clip);
    return 0;
}

static void show(const char *which, const char *text, size_t n, const int32_t *got, int k, const uint16_t *want, int m)
{
    Text t = {0};
    text_add(&t, "%s differs on \"%.*s\":", which, (int)MIN(n, 120), text);
    for (int i = 0; i < MIN(k, 40); i++) text_add(&t, " %d", got[i]);
    text_add(&t, " | wanted");
    for (int i = 0; i < MIN(m, 40); i++) text_add(&t, " %d", want[i]);
    print_error("%s\n", t.s);
    text_finish(&t);
}

/* Reads "u16 count, u16 ids" and compares; moves p on. */
static bool same(const char *which, const char *text, size_t n, const int32_t *ids, int k, int max, int32_t pad,
                 const char **p)
{
    uint16_t want[T5_TOKENS + 1];
    memcpy(want, *p, 2);
    memcpy(want + 1, *p + 2, 2 * (size_t)want[0]);
    *p += 2 + 2 * (size_t)want[0];
    bool ok = k == want[0];
    for (int i = 0; ok && i < max; i++) ok = ids[i] == (i < k ? want[i + 1] : pad);
    if (!ok) show(which, text, n, ids, k, want + 1, want[0]);
    return ok;
}

static void test_lines(void **state)
{
    Err e = {0};
    char *file;
    size_t size;
    int lines = 0, wrong = 0, skipped = 0;
    const char *other = getenv("JIG_TEXT_LINES");
    assert_true(file_read(other ? other : fixture("lines.bin"), 1 << 28, &file, &size, &e));
    int32_t ids[T5_TOKENS];
    for (const char *p = file; p < file + size; lines++) {
        uint32_t n;
        memcpy(&n, p, 4);
        const char *text = p + 4;
        p = text + n;
        if (!memcmp(p, "\xff\xff", 2)) {
            p += 2;
            skipped++;
        } else {
            int k = sentence_pieces_encode(t5, text, n, ids, T5_TOKENS, &e);
            wrong += !same("T5", text, n, ids, k, T5_TOKENS, 0, &p);
        }
        int k = byte_pairs_encode(clip, text, n, ids, CLIP_TOKENS, &e);
        wrong += !same("CLIP", text, n, ids, k, CLIP_TOKENS, byte_pairs_count(clip) - 1, &p);
    }
    print_message("%d lines, %d of them not for T5\n", lines, skipped);
    mem_free(file);
    assert_true(lines > 1000 && skipped < lines / 8);
    assert_int_equal(wrong, 0);
}

static void test_ends(void **state)
{
    int32_t ids[8], one;
    Err e = {0};
    assert_int_equal(sentence_pieces_encode(t5, "", 0, ids, 8, &e), 1);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 0);
    assert_int_equal(sentence_pieces_encode(t5, "the dancer", 10, &one, 1, &e), 1);
    assert_int_equal(one, 1);
    assert_int_equal(sentence_pieces_encode(t5, "a", 1, ids, 0, &e), 0);
    assert_non_null(strstr(e.text, "at least 1"));
    int start = byte_pairs_count(clip) - 2;
    assert_int_equal(byte_pairs_encode(clip, "", 0, ids, 8, NULL), 2);
    assert_int_equal(ids[0], start);
    for (int i = 1; i < 8; i++) assert_int_equal(ids[i], start + 1);
    assert_int_equal(byte_pairs_encode(clip, "the the the the the the the the the", 35, ids, 8, NULL), 8);
    assert_int_equal(ids[7], start + 1);
    assert_int_equal(byte_pairs_encode(clip, "a", 1, ids, 1, NULL), 0);
}

/* A megabyte (T5: its limit) without a space, of bytes that are no UTF-8, of NUL: ends, within the room given. */
static void test_long(void **state)
{
    static const char fill[] = {'a', (char)0xff, 0, '<', (char)0xe3};
    size_t n = 1 << 20;
    char *text = mem_alloc(n);
    int32_t ids[T5_TOKENS];
    for (size_t f = 0; f < sizeof fill; f++) {
        memset(text, fill[f], n);
        int k = sentence_pieces_encode(t5, text, T5_TEXT_LIMIT, ids, T5_TOKENS, NULL);
        assert_in_range(k, 1, T5_TOKENS);
        assert_int_equal(ids[k - 1], 1);
        assert_int_equal(byte_pairs_encode(clip, text, n, ids, CLIP_TOKENS, NULL), CLIP_TOKENS);
    }
    Err e = {0};
    assert_int_equal(sentence_pieces_encode(t5, text, n, ids, T5_TOKENS, &e), 0);
    assert_non_null(strstr(e.text, "1048576 bytes; at most 65536"));
    mem_free(text);
}

static void refused(const char *vocab, const char *merges, const char *part)
{
    Err e = {0};
    char v[] = "/tmp/jig-text-v-XXXXXX", m[] = "/tmp/jig-text-m-XXXXXX";
    close(mkstemp(v));
    close(mkstemp(m));
    char *file;
    size_t n;
    if (!vocab) {
        assert_true(file_read(fixture("vocab.json"), 1 << 20, &file, &n, &e));
        assert_true(file_write(v, file, n, &e));
        mem_free(file);
    } else {
        assert_true(file_write(v, vocab, strlen(vocab), &e));
    }
    assert_true(file_write(m, merges, strlen(merges), &e));
    assert_null(byte_pairs_open(v, m, &e));
    if (!strstr(e.text, part)) fail_msg("\"%s\" does not say \"%s\"", e.text, part);
    unlink(v);
    unlink(m);
}

static void test_broken(void **state)
{
    Err e = {0};
    assert_null(sentence_pieces_open(fixture("merges.txt"), &e));
    assert_non_null(strstr(e.text, "not a SentencePiece model"));
    e = (Err){0};
    assert_null(sentence_pieces_open(fixture("absent.model"), &e));
    assert_non_null(strstr(e.text, "absent.model"));
    refused("{", "", "not JSON");
    refused("[1, 2]", "", "not a JSON object");
    refused("{\"a\": 0, \"b\": 0}", "", "no other token has");
    refused("{\"a\": 0.5}", "", "whole number");
    refused("{\"a\": 0, \"b\": 1}", "", "byte 0 is missing");
    refused(NULL, "#version: 0.2\nï ½\nt  h\n", "line 3");
    refused(NULL, "ï ½\n\nï ½\n", "twice");
    refused(NULL, "t nothing\n", "do not belong together");
    refused(NULL, "th\n", "two tokens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_long), cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
