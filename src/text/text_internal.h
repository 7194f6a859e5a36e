/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of text share: the shim of sentencepiece, and CLIP's words.
 */
#ifndef JIG_TEXT_INTERNAL_H
#define JIG_TEXT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pieces_shim.cc: sentencepiece without C++. All return false (NULL, -1) on any failure. ---------------------- */
void *pieces_load(const void *bytes, size_t n);
void  pieces_free(void *model);
int   pieces_count(const void *model);
int   pieces_id(const void *model, const char *piece); /* -1: there is none */
bool  pieces_encode(const void *model, const char *text, size_t n, int32_t **ids, size_t *count); /* free() */

#ifdef __cplusplus
}
#endif

/* ---- byte_pair_words.c: the words of CLIP's pattern -----------------------------------------------------------------
 * NFC, runs of white space become one space, lower case; then the longest-first pattern
 *   <|startoftext|> | <|endoftext|> | 's 't 're 've 'm 'll 'd | letters | one number | what is neither these nor space
 * word gets each as UTF-8 bytes; it returns false to stop. False: no memory. */
typedef bool WordFn(void *user, const uint8_t *word, size_t n);
bool clip_words(const char *text, size_t n, WordFn *word, void *user);

#endif
