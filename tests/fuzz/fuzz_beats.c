/* SPDX-License-Identifier: Apache-2.0
 *
 * The `.beats` reader (audio/beats_file.c). What it takes must be whole: rising times, places in the bar, and the same
 * grid again after writing it.
 */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>

#include "audio/audio.h"

static void must(bool good)
{
    if (!good)
        abort();
}

static void check(const BeatGrid *g, double length)
{
    for (int i = 0; i < g->n; i++) {
        must(isfinite(g->seconds[i]) && g->seconds[i] >= 0 && (length <= 0 || g->seconds[i] <= length + 0.5));
        must(i == 0 || g->seconds[i] > g->seconds[i - 1]);
        must(g->beat_in_bar[i] >= 1 && g->beat_in_bar[i] <= 16);
    }
    if (!audio_grid_has_beat(g))
        return;
    must(isfinite(audio_grid_position(g, 1.5)) && isfinite(audio_grid_tempo_at(g, -1)));
    must(audio_grid_beat_phase(g, 7) >= 0 && audio_grid_beat_phase(g, 7) < 1);
}

/* Written and read again it is the same, unless beats lie closer than what is written. */
static void check_written(const BeatGrid *g)
{
    BeatGrid again;
    Text t = {0};
    bool apart = g->n > 0;
    for (int i = 1; i < g->n; i++)
        apart = apart && g->seconds[i] - g->seconds[i - 1] > 1e-4;
    audio_grid_init(&again);
    audio_beats_format(g, &t);
    if (apart) {
        must(audio_beats_parse(&again, t.s, t.len, 0, NULL) && again.n == g->n);
        for (int i = 0; i < g->n; i++)
            must(fabs(again.seconds[i] - g->seconds[i]) < 1e-4 && again.beat_in_bar[i] == g->beat_in_bar[i]);
    }
    text_finish(&t);
    audio_grid_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double length = size ? data[0] : 0; /* 0: not known */
    for (int known = 0; known < 2; known++) {
        BeatGrid g;
        Err e = {0};
        audio_grid_init(&g);
        if (audio_beats_parse(&g, (const char *)data, size, known ? length : 0, &e)) {
            check(&g, known ? length : 0);
            check_written(&g);
        } else {
            must(e.text[0] && g.n == 0);
        }
        audio_grid_finish(&g);
    }
    return 0;
}
