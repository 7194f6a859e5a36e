/* SPDX-License-Identifier: Apache-2.0
 *
 * CLIP's byte-pair tokenizer. Every word (byte_pair_words.c) is written byte by byte in 256 printable characters, the
 * last of them with "</w>"; then the pair of neighbours that stands first in merges.txt is joined, leftmost first,
 * until none is left (Sennrich et al. 2016, arXiv 1508.07909). Pairs wait in a heap: a word of any
 * length costs n log n.
 *
 * The files are checked wholly when they are opened: ids 0..n-1 once each, all 512 single bytes, every merge and its
 * result in the vocabulary.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "text/text_internal.h"
#include "text/text_tokens.h"

enum { FILE_LIMIT = 64 << 20, PIECE = 1024 };

typedef struct Name { char *text; int32_t id; } Name;
typedef struct Merge { int32_t left, right, rank, joined; } Merge;

struct BytePairs {
    Arena *arena;
    Name *names;       /* [names_size] open addressing, a power of two; text NULL: free */
    Merge *merges;     /* [merges_size], likewise; rank -1: free */
    size_t names_size, merges_size;
    int count, n_merges;
    int32_t bytes[2][256]; /* ids of a byte inside a word, and at its end */
    int32_t start, end;
};

static size_t table_size(int n)
{
    size_t s = 16;
    while (s < 2 * (size_t)n) s *= 2;
    return s;
}

static Name *name_slot(const BytePairs *b, const char *text)
{
    size_t i = rng_hash(text, strlen(text)) & (b->names_size - 1);
    while (b->names[i].text && strcmp(b->names[i].text, text)) i = (i + 1) & (b->names_size - 1);
    return &b->names[i];
}

static int32_t id_of(const BytePairs *b, const char *text)
{
    const Name *n = name_slot(b, text);
    return n->text ? n->id : -1;
}

static Merge *merge_slot(const BytePairs *b, int32_t left, int32_t right)
{
    int32_t pair[2] = {left, right};
    size_t i = rng_hash(pair, sizeof pair) & (b->merges_size - 1);
    while (b->merges[i].rank >= 0 && (b->merges[i].left != left || b->merges[i].right != right))
        i = (i + 1) & (b->merges_size - 1);
    return &b->merges[i];
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool read_names(BytePairs *b, const cJSON *json, const char *path, Err *e)
{
    if (!cJSON_IsObject(json)) return err_set(e, "%s: not a JSON object of tokens and ids", path);
    b->count = cJSON_GetArraySize(json);
    b->names_size = table_size(b->count);
    b->names = arena_alloc(b->arena, b->names_size * sizeof *b->names);
    bool *seen = arena_alloc(b->arena, (size_t)b->count + 1);
    for (const cJSON *row = json->child; row; row = row->next) {
        double id = cJSON_IsNumber(row) ? row->valuedouble : -1;
        if (!(id >= 0 && id < b->count) || id != (double)(int32_t)id || seen[(int32_t)id])
            return err_set(e, "%s: the id of token \"%.40s\" must be a whole number from 0 to %d that no other "
                           "token has", path, row->string, b->count - 1);
        Name *slot = name_slot(b, row->string);
        if (slot->text) return err_set(e, "%s: token \"%.40s\" stands there twice", path, row->string);
        seen[(int32_t)id] = true;
        *slot = (Name){arena_strdup(b->arena, row->string), (int32_t)id};
    }
    return true;
}

/* A byte's character: itself where it is printable in Latin-1, else the next one from U+0100 on. */
static bool find_bytes(BytePairs *b, const char *path, Err *e)
{
    int other = 0;
    for (int i = 0; i < 256; i++) {
        bool plain = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
        int c = plain ? i : 256 + other++;
        char name[16];
        for (int last = 0; last < 2; last++) {
            char *p = name;
            if (c < 128) {
                *p++ = (char)c;
            } else {
                *p++ = (char)(0xC0 | c >> 6);
                *p++ = (char)(0x80 | (c & 63));
            }
            strcpy(p, last ? "</w>" : "");
            b->bytes[last][i] = id_of(b, name);
            if (b->bytes[last][i] < 0)
                return err_set(e, "%s: the token \"%s\" of byte %d is missing; this is not CLIP's vocabulary",
                               path, name, i);
        }
    }
    b->start = id_of(b, "<|startoftext|>");
    b->end = id_of(b, "<|endoftext|>");
    if (b->start < 0 || b->end < 0)
        return err_set(e, "%s: <|startoftext|> or <|endoftext|> is missing; this is not CLIP's vocabulary", path);
    return true;
}

/* "left right": both and their join must be tokens. */
static bool add_merge(BytePairs *b, char *line, int number, const char *path, Err *e)
{
    char joined[2 * PIECE], *space = strchr(line, ' ');
    if (!space || space == line || !space[1] || strchr(space + 1, ' ') || strlen(line) >= PIECE)
        return err_set(e, "%s, line %d: \"%.60s\" must be two tokens with one space between them", path, number, line);
    *space = 0;
    snprintf(joined, sizeof joined, "%s%s", line, space + 1);
    Merge m = {id_of(b, line), id_of(b, space + 1), b->n_merges, id_of(b, joined)};
    if (m.left < 0 || m.right < 0 || m.joined < 0)
        return err_set(e, "%s, line %d: token \"%.60s\" is not in the vocabulary: the two files do not belong together",
                       path, number, m.left < 0 ? line : m.right < 0 ? space + 1 : joined);
    Merge *slot = merge_slot(b, m.left, m.right);
    if (slot->rank >= 0)
        return err_set(e, "%s, line %d: the pair \"%.40s %.40s\" stands there twice", path, number, line, space + 1);
    *slot = m;
    b->n_merges++;
    return true;
}

static bool read_merges(BytePairs *b, char *text, const char *path, Err *e)
{
    int lines = 1, number = 0;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    b->merges_size = table_size(lines);
    b->merges = arena_alloc(b->arena, b->merges_size * sizeof *b->merges);
    for (size_t i = 0; i < b->merges_size; i++) b->merges[i].rank = -1;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        number++;
        size_t n = strlen(line);
        if (n && line[n - 1] == '\r') line[--n] = 0;
        if (n == 0 || !strncmp(line, "#version", 8)) continue;
        if (!add_merge(b, line, number, path, e)) return false;
    }
    return true;
}

BytePairs *byte_pairs_open(const char *vocab_json, const char *merges_txt, Err *e)
{
    char *text = NULL;
    size_t n;
    if (!file_read(vocab_json, FILE_LIMIT, &text, &n, e)) return NULL;
    BytePairs *b = mem_zero(sizeof *b);
    b->arena = arena_create();
    cJSON *json = cJSON_ParseWithLength(text, n);
    bool ok = json ? read_names(b, json, vocab_json, e) && find_bytes(b, vocab_json, e)
                   : err_set(e, "%s: not JSON; expected is the file vocab.json of a CLIP tokenizer", vocab_json);
    cJSON_Delete(json);
    mem_free(text);
    if (ok && (ok = file_read(merges_txt, FILE_LIMIT, &text, &n, e))) {
        ok = strlen(text) == n ? read_merges(b, text, merges_txt, e)
                               : err_set(e, "%s: not text; expected is the file merges.txt of a CLIP tokenizer",
                                         merges_txt);
        mem_free(text);
    }
    if (ok) return b;
    byte_pairs_close(b);
    return NULL;
}

void byte_pairs_close(BytePairs *b)
{
    if (!b) return;
    arena_destroy(b->arena);
    mem_free(b);
}

int byte_pairs_count(const BytePairs *b)
{
    return b->count;
}

/* ---- encoding ---------------------------------------------------------------------------------------------------- */

typedef struct Symbol { int32_t id, before, after; } Symbol; /* a list through an array; id -1: joined away */
typedef struct Wait { int32_t rank, at, left, right; } Wait; /* a pair to join, as it was when it was found */

typedef struct Encoding {
    const BytePairs *b;
    int32_t *ids;
    int count, max;
    Symbol *symbols; /* of the word; room for `room` */
    Wait *heap;      /* room for 2 * room: a join makes at most two new pairs of three */
    int waiting;
    size_t room;
    bool no_memory;
} Encoding;

static bool sooner(Wait a, Wait b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_add(Encoding *c, int32_t left)
{
    if (left < 0 || c->symbols[left].after < 0) return;
    int32_t l = c->symbols[left].id, r = c->symbols[c->symbols[left].after].id;
    const Merge *m = merge_slot(c->b, l, r);
    if (m->rank < 0) return;
    Wait w = {m->rank, left, l, r};
    int i = c->waiting++;
    for (; i > 0 && sooner(w, c->heap[(i - 1) / 2]); i = (i - 1) / 2) c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = w;
}

static Wait heap_take(Encoding *c)
{
    Wait first = c->heap[0], w = c->heap[--c->waiting];
    int i = 0;
    for (int child; (child = 2 * i + 1) < c->waiting; i = child) {
        if (child + 1 < c->waiting && sooner(c->heap[child + 1], c->heap[child])) child++;
        if (!sooner(c->heap[child], w)) break;
        c->heap[i] = c->heap[child];
    }
    c->heap[i] = w;
    return first;
}

static void join_pairs(Encoding *c)
{
    while (c->waiting) {
        Wait w = heap_take(c);
        Symbol *s = &c->symbols[w.at];
        if (s->id != w.left || s->after < 0 || c->symbols[s->after].id != w.right) continue; /* stale */
        Symbol *next = &c->symbols[s->after];
        s->id = merge_slot(c->b, w.left, w.right)->joined;
        s->after = next->after;
        next->id = -1;
        if (s->after >= 0) c->symbols[s->after].before = w.at;
        heap_add(c, s->before);
        heap_add(c, w.at);
    }
}

static bool word_room(Encoding *c, size_t n)
{
    size_t a, h;
    if (n <= c->room) return true;
    mem_free(c->symbols);
    mem_free(c->heap);
    c->room = MAX(n, 256);
    c->symbols = mem_product(&a, 2, c->room, sizeof *c->symbols) && c->room < INT32_MAX / 4 ? mem_try(a) : NULL;
    c->heap = mem_product(&h, 3, c->room, (size_t)3, sizeof *c->heap) ? mem_try(h) : NULL;
    if (c->symbols && c->heap) return true;
    c->room = 0;
    return false;
}

static bool add_word(void *user, const uint8_t *word, size_t n)
{
    Encoding *c = user;
    if (!word_room(c, n)) return c->no_memory = true, false;
    c->waiting = 0;
    for (size_t i = 0; i < n; i++)
        c->symbols[i] = (Symbol){c->b->bytes[i + 1 == n][word[i]], (int32_t)i - 1, i + 1 < n ? (int32_t)i + 1 : -1};
    for (size_t i = 0; i + 1 < n; i++) heap_add(c, (int32_t)i);
    join_pairs(c);
    for (int32_t i = n ? 0 : -1; i >= 0 && c->count < c->max; i = c->symbols[i].after)
        c->ids[c->count++] = c->symbols[i].id;
    return c->count < c->max;
}

/* The special tokens, as they are written, stand outside the words. */
static const char *next_special(const char *text, size_t n, size_t *length, bool *is_start)
{
    static const char start[] = "<|startoftext|>", end[] = "<|endoftext|>";
    for (const char *p = text; (p = memchr(p, '<', n - (size_t)(p - text))); p++) {
        size_t left = n - (size_t)(p - text);
        *is_start = left >= sizeof start - 1 && !memcmp(p, start, sizeof start - 1);
        *length = *is_start ? sizeof start - 1 : sizeof end - 1;
        if (*is_start || (left >= sizeof end - 1 && !memcmp(p, end, sizeof end - 1))) return p;
    }
    return NULL;
}

int byte_pairs_encode(const BytePairs *b, const char *text, size_t n, int32_t *ids, int max, Err *e)
{
    if (max < 2) return err_set(e, "%d tokens; at least 2, start and end", max), 0;
    Encoding c = {.b = b, .ids = ids, .count = 1, .max = max - 1};
    ids[0] = b->start;
    for (bool more = true; more && !c.no_memory && c.count < c.max;) {
        size_t length = 0;
        bool is_start = false;
        const char *p = n ? next_special(text, n, &length, &is_start) : NULL;
        size_t before = p ? (size_t)(p - text) : n;
        if (before && !clip_words(text, before, add_word, &c)) c.no_memory = true;
        if (p && c.count < c.max) ids[c.count++] = is_start ? b->start : b->end;
        more = p != NULL;
        text += before + length;
        n -= before + length;
    }
    mem_free(c.symbols);
    mem_free(c.heap);
    if (c.no_memory) return err_set(e, "no memory for the prompt"), 0;
    ids[c.count++] = b->end;
    for (int i = c.count; i < max; i++) ids[i] = b->end;
    return c.count;
}
