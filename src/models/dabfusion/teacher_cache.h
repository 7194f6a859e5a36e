/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage 1 as the teacher of stage 2 (teacher_cache.c). Private to models/dabfusion.
 */
#ifndef JIG_DABFUSION_TEACHER_CACHE_H
#define JIG_DABFUSION_TEACHER_CACHE_H

#include "data/data.h"
#include "models/dabfusion/teacher.h"

typedef struct Teacher {
    LfaeRunner *lfae;
    DataSet *data; /* at the size and rate of the LFAE */
    int frames, cells, channels;
} Teacher;

/* z [cells, cells, channels] and h [frames, cells, cells, 3] of a window, made or read. One thread at a time. */
bool teacher_window(Teacher *t, DataWindow w, float *z, float *h, Err *e);

#endif
