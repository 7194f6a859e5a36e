/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves at another speed: resampling along any rising curve of time, and retiming from one beat grid to another (spec
 * of the articulated model, section 1).
 */
#include "motion/motion.h"
#include "motion/motion_internal.h"

#include <string.h>

bool moves_resample(const Moves *in, const double *at, int count, Moves *out, Err *e)
{
    if (!moves_init(out, count, e))
        return false;
    for (int t = 0; t < count; t++) {
        double x = CLAMP(at[t], 0.0, in->frames - 1.0);
        int i = (int)x, next = MIN(i + 1, in->frames - 1);
        float f = (float)(x - i);
        for (int k = 0; k < MOVES_CONTACT; k++)
            out->row[t][k] = in->row[i][k] + f * (in->row[next][k] - in->row[i][k]);
        for (int k = MOVES_CONTACT; k < MOVES_WIDTH; k++) /* nearest: half a contact is none */
            out->row[t][k] = in->row[f < 0.5f ? i : next][k];
    }
    for (int t = count - 1; t >= 0; t--)
        for (int k = 0; k < 3; k++)
            out->row[t][k] -= out->row[0][k];
    moves_normalise(out);
    return true;
}

/* Position in beats of time t, and back; the first and the last interval go on outside. */
static double grid_position(const double *grid, int n, double t)
{
    int low = 0, high = n - 1;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (grid[middle] <= t)
            low = middle;
        else
            high = middle;
    }
    return low + (t - grid[low]) / (grid[low + 1] - grid[low]);
}

static double grid_time(const double *grid, int n, double position)
{
    int i = (int)CLAMP(floor(position), 0.0, n - 2.0);
    return grid[i] + (position - i) * (grid[i + 1] - grid[i]);
}

static bool grid_check(const double *grid, int n, Err *e)
{
    if (n < 2)
        return err_set(e, "a beat grid of %d beats: retiming needs two or more", n);
    for (int i = 0; i < n; i++)
        if (!(fabs(grid[i]) <= 1e6) || (i && grid[i] <= grid[i - 1]))
            return err_set(e, "beat %d at %g s: beats have to rise", i, grid[i]);
    return true;
}

bool moves_retime(const Moves *in, const double *from, int n_from, const double *to, int n_to, Moves *out, Err *e)
{
    memset(out, 0, sizeof *out);
    if (!grid_check(from, n_from, e) || !grid_check(to, n_to, e))
        return false;
    double end = grid_time(to, n_to, grid_position(from, n_from, (double)in->frames / MOTION_FPS));
    double frames = floor(end * MOTION_FPS + 0.5);
    if (!(frames >= 1 && frames <= CLIP_MAX_FRAMES))
        return err_set(e, "retimed moves would end at %g s", end);
    int count = (int)frames;
    double *at = mem_alloc((size_t)count * sizeof *at);
    for (int t = 0; t < count; t++)
        at[t] = grid_time(from, n_from, grid_position(to, n_to, (double)t / MOTION_FPS)) * MOTION_FPS;
    bool good = moves_resample(in, at, count, out, e);
    mem_free(at);
    if (!good)
        return false;
    int *bar = mem_alloc((size_t)n_to * sizeof *bar), metre = in->beats ? 1 : 4;
    for (int i = 0; i < in->beats; i++)
        metre = MAX(metre, in->beat_in_bar[i]);
    for (int i = 0; i < n_to; i++)
        bar[i] = i < in->beats ? in->beat_in_bar[i] : i ? bar[i - 1] % metre + 1 : 1;
    moves_set_beats(out, to, bar, n_to);
    mem_free(bar);
    return true;
}
