/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning a dance over a song (spec/articulated.md section 2, "Phrases"): where it is cut, and what comes back. Bars are put
 * together to phrases of eight; phrases that sound alike (mean mel bands, onsets, loudness) form clusters; within a cluster
 * the dance goes A A B A. Outside the networks: the same letters get the same noise and style.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

enum { PHRASE_BARS = 8, SOUND = SONG_MEL_BANDS + 2, CLUSTERS = 6 };
#define ALIKE 0.45f /* root mean square difference of standardised features */

/* Mean sound of frames [from, to). */
static void sound_of(const SongFeatures *f, int from, int to, float out[SOUND])
{
    double sum[SOUND] = {0};
    int n = 0;
    for (int t = from; t < to && t < f->frames; t++, n++) {
        const float *r = f->rows + (size_t)t * SONG_COLUMNS;
        for (int k = 0; k < SONG_MEL_BANDS; k++) sum[k] += r[SONG_MEL + k];
        sum[SONG_MEL_BANDS] += 2 * r[SONG_ONSET], sum[SONG_MEL_BANDS + 1] += 3 * r[SONG_LOUDNESS];
    }
    for (int k = 0; k < SOUND; k++) out[k] = n ? (float)(sum[k] / n) : 0;
}

static float apart(const float a[SOUND], const float b[SOUND])
{
    float s = 0;
    for (int k = 0; k < SOUND; k++) s += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrtf(s / SOUND);
}

/* Frames where bars begin, the first 0, the last `frames`; without a beat every four seconds. */
static int find_bars(const BeatGrid *grid, int frames, int **out)
{
    int room = grid->n + frames / MOTION_FPS + 4, n = 0;
    int *at = mem_alloc(sizeof(int) * (size_t)room);
    at[n++] = 0;
    if (audio_grid_has_beat(grid)) {
        for (int i = 0; i < grid->n; i++) {
            int t = (int)lround(grid->seconds[i] * MOTION_FPS);
            if (grid->beat_in_bar[i] == 1 && t > at[n - 1] + MOTION_FPS / 2 && t < frames - MOTION_FPS / 2) at[n++] = t;
        }
    } else
        for (int t = 4 * MOTION_FPS; t < frames - MOTION_FPS; t += 4 * MOTION_FPS) at[n++] = t;
    at[n] = frames;
    *out = at;
    return n;
}

static int cluster_of(const float sound[SOUND], float (*centre)[SOUND], int *clusters)
{
    int best = 0;
    float least = INFINITY;
    for (int c = 0; c < *clusters; c++) {
        float d = apart(sound, centre[c]);
        if (d < least) least = d, best = c;
    }
    if ((least <= ALIKE && *clusters) || *clusters == CLUSTERS) return best;
    memcpy(centre[*clusters], sound, sizeof centre[0]);
    return (*clusters)++;
}

int phrases_plan(const SongFeatures *f, const BeatGrid *grid, int frames, int longest, Stretch **out)
{
    int *bar, bars = find_bars(grid, frames, &bar), n = 0, clusters = 0, seen[CLUSTERS] = {0};
    float centre[CLUSTERS][SOUND];
    int room = bars + frames / MAX(longest / 2, 1) + bars + 4;
    Stretch *s = mem_alloc(sizeof *s * (size_t)room);
    for (int b = 0; b < bars; b += PHRASE_BARS) {
        int end = MIN(b + PHRASE_BARS, bars), place = 0;
        float sound[SOUND];
        sound_of(f, bar[b], bar[end], sound);
        int music = cluster_of(sound, centre, &clusters);
        static const int form[4] = {0, 0, 1, 0}; /* A A B A */
        int letter = 2 * music + form[seen[music]++ & 3];
        for (int from = b; from < end;) { /* as many bars as fit into one stretch, a power of two of them */
            int to = from + 1;
            for (int k = 2; k <= PHRASE_BARS && from + k <= end && bar[from + k] - bar[from] <= longest; k *= 2) to = from + k;
            for (int t = bar[from]; t < bar[to];) { /* a bar longer than a stretch is cut evenly */
                int left = bar[to] - t, pieces = (left + longest - 1) / longest, count = (left + pieces - 1) / pieces;
                s[n++] = (Stretch){t, count, letter, place++, music};
                t += count;
            }
            from = to;
        }
    }
    mem_free(bar);
    *out = s;
    return n;
}
