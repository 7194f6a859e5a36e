/* SPDX-License-Identifier: Apache-2.0
 *
 * A small dataset made by code: a coloured square that hops on the beat before a striped wall, with clicks as its song.
 */
#ifndef JIG_TEST_CLIPS_H
#define JIG_TEST_CLIPS_H

#include "media/media.h"

/* A folder under /tmp; removed by clips_remove. */
const char *clips_folder(void);
void clips_remove(void);
/* DIR/NAME.mp4 (w x h, fps, that many seconds), NAME.wav and NAME.beats. The square's colour depends on `look`. */
void clips_make(const char *name, int w, int h, int fps, double seconds, double bpm, int look);
void clips_write(const char *name, const char *text); /* a file in the folder */
const char *clips_path(const char *name);             /* static, a few at a time */

#endif
