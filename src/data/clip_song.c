/* SPDX-License-Identifier: Apache-2.0
 *
 * The sound of a clip and its beats.
 */
#include "data/data_internal.h"

bool data_song(const DataSet *set, int clip, float **mono, int64_t *n, double *rate, BeatGrid *grid, Err *e)
{
    const DataClip *c = data_clip(set, clip);
    Sound s = {0};
    *mono = NULL;
    audio_grid_init(grid);
    bool ok = sound_load(c->music, 0, -1, &s, e) && sound_to_mono(&s, mono, e);
    if (ok) {
        *n = s.frames;
        *rate = s.rate;
        double seconds = (double)s.frames / s.rate;
        ok = c->beats ? audio_beats_read(grid, c->beats, seconds, e) : audio_track_beats(grid, *mono, *n, *rate, NULL, e);
    }
    sound_finish(&s);
    if (ok)
        return true;
    mem_free(*mono);
    *mono = NULL;
    audio_grid_finish(grid);
    return err_context(e, "%s", c->name);
}
