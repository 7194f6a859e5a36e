/* SPDX-License-Identifier: Apache-2.0
 *
 * The audio front door (media/sound_load.c): any bytes as a file. What it takes must be sound that can be heard: finite
 * samples, a rate in range, no more frames than asked for; some of it must also live through mixing and beat tracking.
 */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>

#include "audio/audio.h"
#include "media/media.h"

enum { SECONDS = 8 };

static void must(bool good)
{
    if (!good)
        abort();
}

/* heard: also by the beat tracker, which costs far more than the reading */
static void check(const Sound *s, bool heard)
{
    float *mono;
    BeatGrid g;
    must(s->rate >= 1000 && s->rate <= 768000 && (s->channels == 1 || s->channels == 2));
    must(s->frames >= 0 && s->frames <= (int64_t)SECONDS * s->rate + 1);
    for (int64_t i = 0; i < s->frames * s->channels; i++)
        must(isfinite(s->samples[i]));
    if (!heard || !sound_to_mono(s, &mono, NULL))
        return;
    audio_grid_init(&g);
    if (s->rate <= 48000)
        audio_track_beats(&g, mono, s->frames, s->rate, NULL, NULL);
    audio_grid_finish(&g);
    mem_free(mono);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    Sound s = {0};
    SoundInfo info;
    Err e = {0};
    if (fd < 0)
        return 0;
    threads_set(1);
    sound_probe(path, &info, NULL);
    if (sound_load(path, 0, SECONDS, &s, &e))
        check(&s, size % 32 == 0);
    else
        must(e.text[0] != 0);
    sound_finish(&s);
    close(fd);
    return 0;
}
