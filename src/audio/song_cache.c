/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat grid and the features of a song, kept between runs (base's cache): by its samples, its rate and, for
 * features, the grid and the frame rate. What comes back is what would be computed, bit for bit. An edited grid makes
 * another key.
 */
#include "audio/audio.h"

#include <string.h>

/* A field more or less in BeatGrid must be written and read here. */
_Static_assert(sizeof(BeatGrid) == 216, "BeatGrid has changed: pack and unpack all of it");

typedef struct Fixed { /* BeatGrid without its arrays; no padding */
    double length, tempo;
    int32_t n, metre, steady;
    float confidence, bar_confidence;
    char reason[164];
} Fixed;

static void pack(const BeatGrid *g, Text *out)
{
    Fixed f = {.length = g->length, .tempo = g->tempo, .n = g->n, .metre = g->metre, .steady = g->steady,
        .confidence = g->confidence, .bar_confidence = g->bar_confidence};
    memcpy(f.reason, g->reason, sizeof g->reason);
    text_add_bytes(out, &f, sizeof f);
    text_add_bytes(out, g->seconds, (size_t)g->n * sizeof *g->seconds);
    text_add_bytes(out, g->beat_in_bar, (size_t)g->n * sizeof *g->beat_in_bar);
}

static bool unpack(BeatGrid *g, const char *bytes, size_t size)
{
    Fixed f;
    if (size < sizeof f)
        return false;
    memcpy(&f, bytes, sizeof f);
    size_t beats = (size_t)MAX(f.n, 0), seconds = beats * sizeof *g->seconds, places = beats * sizeof *g->beat_in_bar;
    if (size != sizeof f + seconds + places)
        return false;
    double *t = mem_alloc(MAX(seconds, 1));
    int *place = mem_alloc(MAX(places, 1));
    memcpy(t, bytes + sizeof f, seconds);
    memcpy(place, bytes + sizeof f + seconds, places);
    audio_grid_set(g, t, place, (int)beats, f.length);
    mem_free(t);
    mem_free(place);
    g->tempo = f.tempo;
    g->metre = f.metre;
    g->steady = f.steady;
    g->confidence = f.confidence;
    g->bar_confidence = f.bar_confidence;
    memcpy(g->reason, f.reason, sizeof g->reason);
    return true;
}

static CacheKey song_key(const char *kind, const float *x, int64_t n, double rate)
{
    CacheKey k = cache_key(kind);
    cache_key_add(&k, &rate, sizeof rate);
    cache_key_add(&k, x, (size_t)MAX(n, 0) * sizeof *x);
    return k;
}

bool audio_track_beats_cached(BeatGrid *g, const float *x, int64_t n, double rate, const Progress *p, Err *e)
{
    CacheKey k = song_key("beats 2", x, n, rate); /* the tracker's version */
    void *bytes;
    size_t size;
    if (cache_get(&k, &bytes, &size)) {
        bool ok = unpack(g, bytes, size);
        mem_free(bytes);
        if (ok)
            return true;
    }
    if (!audio_track_beats(g, x, n, rate, p, e))
        return false;
    Text packed = {0};
    pack(g, &packed);
    cache_put(&k, packed.s, packed.len);
    text_finish(&packed);
    return true;
}

bool audio_song_features_cached(
    SongFeatures *f, const float *x, int64_t n, double rate, const BeatGrid *g, double fps, Err *e)
{
    CacheKey k = song_key("features", x, n, rate);
    cache_key_add(&k, &fps, sizeof fps);
    cache_key_add(&k, &g->metre, sizeof g->metre);
    cache_key_add(&k, g->seconds, (size_t)g->n * sizeof *g->seconds);
    cache_key_add(&k, g->beat_in_bar, (size_t)g->n * sizeof *g->beat_in_bar);
    void *bytes;
    size_t size;
    if (cache_get(&k, &bytes, &size)) {
        if (size > 0 && size % (SONG_COLUMNS * sizeof(float)) == 0) {
            *f = (SongFeatures){(int64_t)(size / (SONG_COLUMNS * sizeof(float))), fps, bytes};
            return true;
        }
        mem_free(bytes);
    }
    if (!audio_song_features(f, x, n, rate, g, fps, e))
        return false;
    cache_put(&k, f->rows, (size_t)f->frames * SONG_COLUMNS * sizeof(float));
    return true;
}
