/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pulses are beats, how many make a bar, and where the bar begins: the reading (reading.c) with the most evidence. The
 * weights are those of a conditional logit model, P(reading) ~ exp(weights . evidence), fitted by maximum likelihood on
 * composed songs: tools/fit_readings.py, which writes reading_weights.h.
 */
#include "audio/audio_internal.h"
#include "audio/reading_weights.h"

#include <math.h>
#include <string.h>

typedef struct Choice {
    Reading *r;
    double top, sum; /* best score; sum of exp(score - top) over its level: readings of one level differ in bars only */
    int level;
} Choice;

static void consider(void *user, const Candidate *c)
{
    Choice *choice = user;
    double score = 0;
    for (int i = 0; i < EVIDENCE; i++)
        score += reading_weights[i] * c->evidence[i];
    bool same_level = c->level == choice->level;
    if (score > choice->top) {
        Reading *r = choice->r;
        choice->sum = (same_level ? choice->sum * exp(choice->top - score) : 0) + 1;
        choice->top = score;
        choice->level = c->level;
        mem_free(r->seconds);
        *r = (Reading){.n = c->n, .metre = c->metre, .first = c->first, .seconds = mem_alloc((size_t)c->n * sizeof(double))};
        memcpy(r->seconds, c->seconds, (size_t)c->n * sizeof(double));
    } else if (same_level) {
        choice->sum += exp(score - choice->top);
    }
    choice->r->bar_confidence = (float)(1 / choice->sum);
}

bool audio_reading_init(Reading *r, const PulsePath *pulse, const Onsets *o, const Harmony *h, TempoRange range)
{
    *r = (Reading){0};
    audio_readings_each(pulse, o, h, range, consider, &(Choice){.r = r, .top = -INFINITY, .level = -1});
    return r->n > 0;
}

void audio_reading_finish(Reading *r)
{
    mem_free(r->seconds);
    *r = (Reading){0};
}
