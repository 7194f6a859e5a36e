/* SPDX-License-Identifier: Apache-2.0
 *
 * CLIP's words: the text composed (NFC), white space made one space, lower-cased character by character, and cut by the
 * published pattern (text_internal.h). Classes of characters are Unicode's, from utf8proc: letters L*, numbers N*,
 * white space Z* and U+0009..000D, U+0085. Combining marks are no letters. A character newer than utf8proc's Unicode
 * (14 in Debian 12) counts as neither letter nor number.
 */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/base.h"
#include "text/text_internal.h"

typedef enum Kind { SPACE, LETTER, NUMBER, OTHER } Kind;

static Kind kind_of(int32_t c)
{
    if ((c >= 9 && c <= 13) || c == 0x85) return SPACE;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return SPACE;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return NUMBER;
    default: return OTHER;
    }
}

/* Code points of the composed text; *count of them; NULL: no memory. */
static int32_t *composed(const char *text, size_t n, size_t *count)
{
    size_t bytes;
    int32_t *c = mem_product(&bytes, 2, n + 1, sizeof *c) ? mem_try(bytes) : NULL;
    *count = 0;
    for (size_t i = 0; c && i < n;) {
        utf8proc_int32_t one;
        utf8proc_ssize_t used = utf8proc_iterate((const uint8_t *)text + i, (utf8proc_ssize_t)MIN(n - i, 4), &one);
        c[(*count)++] = used > 0 ? one : 0xFFFD;
        i += used > 0 ? (size_t)used : 1;
    }
    if (!c || *count == 0) return c;
    size_t room = *count * 4 + 16; /* a character is at most four under canonical decomposition */
    int32_t *out = mem_product(&bytes, 2, room, sizeof *out) ? mem_try(bytes) : NULL;
    int last = 0;
    size_t k = 0;
    for (size_t i = 0; out && i < *count; i++)
        k += (size_t)utf8proc_decompose_char(c[i], out + k, (utf8proc_ssize_t)(room - k), UTF8PROC_DECOMPOSE, &last);
    mem_free(c);
    if (!out) return NULL;
    for (size_t i = 1; i < k; i++) { /* canonical order: a stable sort of each run of combining marks */
        int32_t x = out[i];
        int class = utf8proc_get_property(x)->combining_class;
        size_t j = i;
        for (; class && j > 0 && utf8proc_get_property(out[j - 1])->combining_class > class; j--) out[j] = out[j - 1];
        out[j] = x;
    }
    *count = (size_t)utf8proc_normalize_utf32(out, (utf8proc_ssize_t)k, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return out;
}

/* Lower case, white space collapsed; room for a second code point of U+0130. NULL: no memory. */
static int32_t *cleaned(const char *text, size_t n, size_t *count)
{
    size_t k, bytes, at = 0;
    int32_t *c = composed(text, n, &k);
    int32_t *out = c && mem_product(&bytes, 3, k + 1, (size_t)2, sizeof *out) ? mem_try(bytes) : NULL;
    for (size_t i = 0; out && i < k; i++) {
        if (kind_of(c[i]) == SPACE) {
            if (at == 0 || out[at - 1] != ' ') out[at++] = ' ';
        } else if (c[i] == 0x130) { /* the one character whose lower case is two */
            out[at++] = 'i';
            out[at++] = 0x307;
        } else {
            out[at++] = utf8proc_tolower(c[i]);
        }
    }
    mem_free(c);
    *count = at;
    return out;
}

static bool literal(const int32_t *c, size_t n, const char *s)
{
    size_t i = 0;
    for (; s[i]; i++)
        if (i >= n || c[i] != (unsigned char)s[i]) return false;
    return true;
}

/* Code points of the next word, 0 when c begins with white space. */
static size_t word_length(const int32_t *c, size_t n)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < ARRAY_LEN(endings) && c[0] == '\''; i++)
        if (literal(c, n, endings[i])) return strlen(endings[i]);
    Kind kind = kind_of(c[0]);
    size_t k = kind != SPACE;
    while (k && k < n && kind != NUMBER && kind_of(c[k]) == kind) k++;
    return k;
}

static bool emit(const int32_t *c, size_t n, uint8_t *bytes, WordFn *word, void *user)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) k += (size_t)utf8proc_encode_char(c[i], bytes + k);
    return word(user, bytes, k);
}

bool clip_words(const char *text, size_t n, WordFn *word, void *user)
{
    static const char *const marks[] = {"<|startoftext|>", "<|endoftext|>"};
    size_t count, bytes;
    int32_t *c = cleaned(text, n, &count);
    uint8_t *utf8 = c && mem_product(&bytes, 2, count + 1, (size_t)4) ? mem_try(bytes) : NULL;
    bool going = true;
    for (size_t i = 0, k; utf8 && going && i < count; i += k ? k : 1) {
        k = 0;
        for (size_t m = 0; m < ARRAY_LEN(marks); m++)
            if (literal(c + i, count - i, marks[m])) k = strlen(marks[m]);
        if (k) { /* only other spellings of a mark come here: one word of the pattern, three of the byte level's own */
            going = emit(c + i, 2, utf8, word, user) && emit(c + i + 2, k - 4, utf8, word, user)
                 && emit(c + i + k - 2, 2, utf8, word, user);
            continue;
        }
        k = word_length(c + i, count - i);
        if (k) going = emit(c + i, k, utf8, word, user);
    }
    bool ok = utf8 != NULL;
    mem_free(utf8);
    mem_free(c);
    return ok;
}
