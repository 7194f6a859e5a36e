/* SPDX-License-Identifier: Apache-2.0
 *
 * sentencepiece behind C functions: load, look up, encode. No exception leaves this file.
 */
#include <sentencepiece_processor.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "text/text_internal.h"

using Model = sentencepiece::SentencePieceProcessor;

void *pieces_load(const void *bytes, size_t n)
try {
    Model *m = new Model;
    if (m->LoadFromSerializedProto({static_cast<const char *>(bytes), n}).ok()) return m;
    delete m;
    return nullptr;
} catch (...) {
    return nullptr;
}

void pieces_free(void *model)
{
    delete static_cast<Model *>(model);
}

int pieces_count(const void *model)
{
    return static_cast<const Model *>(model)->GetPieceSize();
}

int pieces_id(const void *model, const char *piece)
{
    const Model *m = static_cast<const Model *>(model);
    int id = m->PieceToId(piece);
    return id >= 0 && id < m->GetPieceSize() && m->IdToPiece(id) == piece ? id : -1;
}

bool pieces_encode(const void *model, const char *text, size_t n, int32_t **ids, size_t *count)
try {
    std::vector<int> found;
    if (!static_cast<const Model *>(model)->Encode({text, n}, &found).ok()) return false;
    *count = found.size();
    *ids = static_cast<int32_t *>(std::malloc((found.size() + 1) * sizeof **ids));
    for (size_t i = 0; *ids && i < found.size(); i++) (*ids)[i] = found[i];
    return *ids != nullptr;
} catch (...) {
    return false;
}
