/* SPDX-License-Identifier: Apache-2.0
 *
 * The set as the files of src/data see it.
 */
#ifndef JIG_DATA_INTERNAL_H
#define JIG_DATA_INTERNAL_H

#include <pthread.h>

#include "data/data.h"

typedef struct Stored {
    DataClip clip;
    pthread_mutex_t lock; /* of frames */
    FileMap frames;       /* {0}: not mapped yet */
} Stored;

struct DataSet {
    Arena *arena;
    const char *folder;
    DataOptions o;
    Stored *clips;
    int n;
};

#endif
