/* SPDX-License-Identifier: Apache-2.0
 *
 * The `.beats` reader (audio/beats_file.c). What it takes must be whole: rising times, places in the bar, and the same grid
 * again after writing it.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double length = size ? data[0] : 0; /* 0: not known */
    for (int known = 0; known < 2; known++) {
        BeatGrid g, again;
        Err e = {0};
        audio_grid_init(&g);
        audio_grid_init(&again);
        if (audio_beats_parse(&g, (const char *)data, size, known ? length : 0, &e)) {
            Text t = {0};
            check(&g, known ? length : 0);
            audio_beats_format(&g, &t);
            must(audio_beats_parse(&again, t.s, t.len, 0, NULL) || g.n == 0 || g.seconds[g.n - 1] - g.seconds[0] < 0.01 * g.n);
            text_finish(&t);
        } else {
            must(e.text[0] && g.n == 0);
        }
        audio_grid_finish(&g);
        audio_grid_finish(&again);
    }
    return 0;
}
