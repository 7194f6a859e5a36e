/* SPDX-License-Identifier: Apache-2.0
 *
 * text: prompts become the ids that published text encoders were trained on. Layer 1.
 *
 *   T5    SentencePiece: spiece.model                                   sentence_pieces.c
 *   CLIP  byte pairs of lower-cased words: vocab.json and merges.txt    byte_pairs.c, byte_pair_words.c
 *
 * Ids are those of transformers 5 (T5Tokenizer, CLIPTokenizer). Texts are UTF-8; a byte that is none counts as U+FFFD.
 * An opened tokenizer is not changed by use: several threads may share one.
 */
#ifndef JIG_TEXT_TOKENS_H
#define JIG_TEXT_TOKENS_H

#include "base/base.h"

enum {
    T5_TOKENS = 256, CLIP_TOKENS = 77, /* the lengths of Mochi and of Stable Diffusion */
    T5_TEXT_LIMIT = 1 << 16            /* bytes of a text for T5: sentencepiece's time grows with their square */
};

/* ---- T5 (sentence_pieces.c): Kudo 2018, arXiv 1804.10959; Raffel et al. 2020, arXiv 1910.10683 ---------------------
 * Pieces of the file, then 100 sentinels "<extra_id_99>" .. "<extra_id_0>" (unless the file has them). */
typedef struct SentencePieces SentencePieces;
SentencePieces *sentence_pieces_open(const char *path, Err *e); /* NULL: not a model, or not T5's special pieces */
void sentence_pieces_close(SentencePieces *s);
int  sentence_pieces_count(const SentencePieces *s); /* with the sentinels */
/* At most max ids, the last of them the end (1); cut before it when the text is longer; what is left of ids is filled
 * with the padding (0). Returns how many are not padding, at least 1; 0 and a message: max < 1, n over T5_TEXT_LIMIT,
 * or no memory. */
int sentence_pieces_encode(const SentencePieces *s, const char *text, size_t n, int32_t *ids, int max, Err *e);

/* ---- CLIP (byte_pairs.c): Radford et al. 2021, arXiv 2103.00020 ------------------------------------------------- */
typedef struct BytePairs BytePairs;
BytePairs *byte_pairs_open(const char *vocab_json, const char *merges_txt, Err *e);
void byte_pairs_close(BytePairs *b);
int  byte_pairs_count(const BytePairs *b);
/* Start, at most max - 2 ids of the text, end; the rest of ids is filled with the end, which is also the padding.
 * Returns how many are not padding, at least 2; 0 and a message: max < 2, or no memory. */
int byte_pairs_encode(const BytePairs *b, const char *text, size_t n, int32_t *ids, int max, Err *e);

#endif
