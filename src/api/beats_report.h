/* SPDX-License-Identifier: Apache-2.0
 *
 * What `jig beats` shows: a beat grid with the form of its song as text, as JSON, and as a picture.
 */
#ifndef JIG_BEATS_REPORT_H
#define JIG_BEATS_REPORT_H

#include "audio/audio.h"
#include "media/media.h"

/* A song, or the piece [from, to) of it; all times are the song's. Nothing is owned. */
typedef struct BeatsReport {
    const char *song;       /* name */
    const float *mono;      /* [frames], the whole song */
    int64_t frames;
    double rate, from, to;
    const BeatGrid *grid;   /* beats of the piece */
    const SongForm *form;   /* of the whole song */
    const BeatGrid *whole;  /* the beats that form's bars count */
} BeatsReport;

void beats_report_text(const BeatsReport *r, Text *out);
void beats_report_json(const BeatsReport *r, Text *out);
bool beats_report_plot(const BeatsReport *r, const char *path, Err *e);

#endif
