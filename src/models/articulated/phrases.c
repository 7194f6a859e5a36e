/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning a dance over a song (spec/articulated.md section 2, "Phrases"): where it is cut, and what comes back. Bars are put
 * together to phrases of at most eight that begin anew with each part of the song (audio: song_form.c); within the phrases of
 * one letter the dance goes A A B A. Outside the networks: the same letters get the same noise and style.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>

enum { PHRASE_BARS = 8, LETTERS = 32 };

/* Frames where bars begin, the first 0, the last `frames`, and the part each belongs to. */
static int find_bars(const SongForm *form, int frames, int **out, int **part_out)
{
    int n = 0, *at = mem_alloc(sizeof(int) * (size_t)(form->n_bars + 2)), *part = mem_alloc(sizeof(int) * (size_t)(form->n_bars + 2));
    at[n] = 0;
    part[n++] = form->n_bars ? form->bar[0].part : 0;
    for (int i = 1; i < form->n_bars; i++) {
        int t = (int)lround(form->bar[i].start * MOTION_FPS);
        if (t <= at[n - 1] + MOTION_FPS / 2 || t >= frames - MOTION_FPS / 2) continue;
        at[n] = t;
        part[n++] = form->bar[i].part;
    }
    at[n] = frames;
    *out = at;
    *part_out = part;
    return n;
}

int phrases_plan(const SongForm *form, int frames, int longest, Stretch **out)
{
    int *bar, *part, bars = find_bars(form, frames, &bar, &part), n = 0, seen[LETTERS] = {0};
    int room = bars + frames / MAX(longest / 2, 1) + bars + 4;
    Stretch *s = mem_alloc(sizeof *s * (size_t)room);
    for (int b = 0, end; b < bars; b = end) {
        int place = 0, music = form->n_parts ? form->part[part[b]].letter % LETTERS : 0;
        for (end = b + 1; end < bars && end < b + PHRASE_BARS && part[end] == part[b];) end++;
        static const int turn[4] = {0, 0, 1, 0}; /* A A B A */
        int letter = 2 * music + turn[seen[music]++ & 3];
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
    mem_free(part);
    *out = s;
    return n;
}
