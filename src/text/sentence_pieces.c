/* SPDX-License-Identifier: Apache-2.0
 *
 * T5's ids: sentencepiece's unigram pieces (normalised by the file's own map, white space collapsed, a space in front,
 * best sum of log probabilities, unknown stretches one id), the end, padding.
 *
 * Special tokens written in a text ("</s>", "<extra_id_3>") are taken out first, and what stands between them is
 * encoded for itself, as transformers does. Padding 0, end 1, unknown 2: T5's file has them there.
 */
#include <stdlib.h>
#include <string.h>

#include "text/text_internal.h"
#include "text/text_tokens.h"

enum { PAD, END, UNKNOWN, SENTINELS = 100 };

struct SentencePieces {
    void *model;
    int pieces;
    bool has_sentinels; /* in the file itself */
};

SentencePieces *sentence_pieces_open(const char *path, Err *e)
{
    static const char *const special[] = {"<pad>", "</s>", "<unk>"};
    FileMap map;
    if (!file_map(&map, path, e)) return NULL;
    SentencePieces *s = mem_zero(sizeof *s);
    s->model = map.size ? pieces_load(map.data, map.size) : NULL;
    file_unmap(&map);
    if (!s->model) {
        err_set(e, "%s: not a SentencePiece model; expected is the file spiece.model of a T5 encoder", path);
        return sentence_pieces_close(s), NULL;
    }
    s->pieces = pieces_count(s->model);
    s->has_sentinels = pieces_id(s->model, "<extra_id_0>") >= 0;
    for (int i = 0; i < (int)ARRAY_LEN(special); i++)
        if (pieces_id(s->model, special[i]) != i) {
            err_set(e, "%s: piece %d must be %s as in T5's files; expected is the file spiece.model of a T5 encoder",
                    path, i, special[i]);
            return sentence_pieces_close(s), NULL;
        }
    return s;
}

void sentence_pieces_close(SentencePieces *s)
{
    if (!s) return;
    if (s->model) pieces_free(s->model);
    mem_free(s);
}

int sentence_pieces_count(const SentencePieces *s)
{
    return s->pieces + (s->has_sentinels ? 0 : SENTINELS);
}

/* The special token that begins at p: its id and length; -1 for none. */
static int special_at(const SentencePieces *s, const char *p, size_t n, size_t *length)
{
    static const char *const words[] = {"<pad>", "</s>", "<unk>"};
    char name[32];
    for (int i = 0; i < (int)ARRAY_LEN(words); i++) {
        *length = strlen(words[i]);
        if (n >= *length && !memcmp(p, words[i], *length)) return i;
    }
    if (n < 12 || memcmp(p, "<extra_id_", 10)) return -1;
    int digits = p[11] == '>' ? 1 : 2;
    *length = (size_t)(10 + digits + 1);
    if (n < *length || p[*length - 1] != '>' || p[10] < '0' || p[10] > '9') return -1;
    if (digits == 2 && (p[10] == '0' || p[11] < '0' || p[11] > '9')) return -1;
    memcpy(name, p, *length);
    name[*length] = 0;
    if (s->has_sentinels) return pieces_id(s->model, name);
    return s->pieces + SENTINELS - 1 - atoi(name + 10);
}

/* Appends the ids of a stretch without special tokens. */
static bool stretch(const SentencePieces *s, const char *text, size_t n, int32_t *ids, int *count, int max)
{
    int32_t *found;
    size_t k;
    if (n == 0 || *count >= max) return true;
    char *spaced = mem_try(n); /* U+0085 is white space to transformers, but not to T5's map */
    if (!spaced) return false;
    memcpy(spaced, text, n);
    for (size_t i = 0; i + 1 < n; i++)
        if (!memcmp(spaced + i, "\xC2\x85", 2)) memcpy(spaced + i, "  ", 2);
    bool ok = pieces_encode(s->model, spaced, n, &found, &k);
    mem_free(spaced);
    if (!ok) return false;
    for (size_t i = 0; i < k && *count < max; i++) ids[(*count)++] = found[i];
    free(found); /* the shim's, from malloc */
    return true;
}

int sentence_pieces_encode(const SentencePieces *s, const char *text, size_t n, int32_t *ids, int max, Err *e)
{
    int count = 0;
    size_t from = 0, length;
    if (max < 1) return err_set(e, "%d tokens; at least 1, the end", max), 0;
    if (n > T5_TEXT_LIMIT)
        return err_set(e, "the prompt has %zu bytes; at most %d can be read: shorten it", n, T5_TEXT_LIMIT), 0;
    for (size_t i = 0; i < n && count < max - 1;) {
        int id = text[i] == '<' ? special_at(s, text + i, n - i, &length) : -1;
        if (id < 0) {
            i++;
            continue;
        }
        if (!stretch(s, text + from, i - from, ids, &count, max - 1)) return err_set(e, "no memory for the prompt"), 0;
        if (count < max - 1) ids[count++] = id;
        from = i += length;
    }
    if (!stretch(s, text + from, n - from, ids, &count, max - 1)) return err_set(e, "no memory for the prompt"), 0;
    ids[count++] = END;
    for (int i = count; i < max; i++) ids[i] = PAD;
    return count;
}
