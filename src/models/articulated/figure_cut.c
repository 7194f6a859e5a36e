/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a figure out by colour. A mask that a network has seen coarsely is brought onto edges by the colours on both sides of
 * its border. For pictures without alpha where no network has looked: two mixtures of Gaussians in RGB
 * (the idea of GrabCut, Rother et al. 2004) with the guided filter in place of the graph cut, on a small copy of the picture.
 * Then the mask is brought to the picture's own size and edges. Good for figures on plain ground; it is no match for K.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

void work_picture_init(WorkPicture *p, const Picture *picture)
{
    int side = MAX(picture->w, picture->h);
    p->scale = side > FIGURE_WORK ? (float)FIGURE_WORK / (float)side : 1;
    p->w = MAX((int)lroundf((float)picture->w * p->scale), 1), p->h = MAX((int)lroundf((float)picture->h * p->scale), 1);
    size_t n = (size_t)picture->w * (size_t)picture->h, m = (size_t)p->w * (size_t)p->h;
    float *rgb = mem_alloc(sizeof(float) * 3 * n), *alpha = mem_alloc(sizeof(float) * n);
    plane_from_picture(picture, rgb, alpha);
    p->rgb = mem_alloc(sizeof(float) * 3 * m), p->alpha = mem_alloc(sizeof(float) * m);
    plane_resize(rgb, picture->w, picture->h, 3, p->rgb, p->w, p->h);
    plane_resize(alpha, picture->w, picture->h, 1, p->alpha, p->w, p->h);
    mem_free(rgb);
    mem_free(alpha);
}

void work_picture_finish(WorkPicture *p)
{
    if (!p) return;
    mem_free(p->rgb);
    mem_free(p->alpha);
    *p = (WorkPicture){0};
}

/* ---- mixtures ----------------------------------------------------------------------------------------------------------- */

enum { COLOURS = 6, ROUNDS = 5 };
typedef struct Mixture { int n; float mean[COLOURS][3], variance[COLOURS], log_share[COLOURS]; } Mixture;

static float gap2(const float a[3], const float b[3])
{
    float r = a[0] - b[0], g = a[1] - b[1], v = a[2] - b[2];
    return r * r + g * g + v * v;
}

static int nearest(const Mixture *m, const float c[3], float *distance2)
{
    int best = 0;
    float least = 1e9f;
    for (int k = 0; k < m->n; k++) {
        float d = gap2(m->mean[k], c);
        if (d < least) least = d, best = k;
    }
    *distance2 = least;
    return best;
}

/* k-means on the pixels with weight >= 0.5, centres spread out at first, each next the pixel farthest from those before. */
static void mixture_fit(Mixture *m, const float *rgb, const float *weight, size_t n)
{
    double sum[COLOURS][3], square[COLOURS], count[COLOURS], all = 0, mean[3] = {0};
    for (size_t i = 0; i < n; i++)
        if (weight[i] >= 0.5f) {
            all++;
            for (int c = 0; c < 3; c++) mean[c] += rgb[3 * i + (size_t)c];
        }
    *m = (Mixture){.n = 1};
    for (int c = 0; c < 3; c++) m->mean[0][c] = (float)(mean[c] / MAX(all, 1.0));
    for (; m->n < COLOURS; m->n++) {
        float far = -1;
        size_t at = 0;
        for (size_t i = 0; i < n; i += 3) {
            float d;
            if (weight[i] < 0.5f) continue;
            nearest(m, rgb + 3 * i, &d);
            if (d > far) far = d, at = i;
        }
        memcpy(m->mean[m->n], rgb + 3 * at, sizeof m->mean[0]);
    }
    for (int round = 0; round < 8; round++) {
        memset(sum, 0, sizeof sum), memset(square, 0, sizeof square), memset(count, 0, sizeof count);
        for (size_t i = 0; i < n; i++) {
            float d;
            if (weight[i] < 0.5f) continue;
            int k = nearest(m, rgb + 3 * i, &d);
            count[k]++, square[k] += d;
            for (int c = 0; c < 3; c++) sum[k][c] += rgb[3 * i + (size_t)c];
        }
        for (int k = 0; k < COLOURS; k++) {
            for (int c = 0; c < 3 && count[k] > 0; c++) m->mean[k][c] = (float)(sum[k][c] / count[k]);
            m->variance[k] = (float)((square[k] + 4e-3) / (3 * count[k] + 1)) + 4e-4f;
            m->log_share[k] = (float)log((count[k] + 1) / (all + COLOURS));
        }
    }
}

static float mixture_log(const Mixture *m, const float c[3])
{
    float best = -1e9f, total = 0, l[COLOURS];
    for (int k = 0; k < m->n; k++) {
        l[k] = m->log_share[k] - 1.5f * logf(m->variance[k]) - gap2(m->mean[k], c) / (2 * m->variance[k]);
        best = MAX(best, l[k]);
    }
    for (int k = 0; k < m->n; k++) total += expf(l[k] - best);
    return best + logf(total);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------------- */

/* Clears pieces of mask > 0.5 without a certain pixel, and fills holes smaller than `hole` pixels. */
static void tidy(float *mask, const float *prior, int w, int h, int hole)
{
    size_t n = (size_t)w * (size_t)h;
    int *stack = mem_alloc(sizeof(int) * n);
    uint8_t *seen = mem_zero(n);
    for (size_t start = 0; start < n; start++) {
        if (seen[start]) continue;
        bool figure = mask[start] > 0.5f, certain = false, rim = false;
        size_t top = 0, done = 0;
        stack[top++] = (int)start, seen[start] = 1;
        while (done < top) { /* breadth first: the stack keeps the whole piece */
            int i = stack[done++], x = i % w, y = i / w;
            certain |= prior[i] >= 0.7f;
            rim |= x == 0 || y == 0 || x == w - 1 || y == h - 1;
            const int near[4] = {x > 0 ? i - 1 : -1, x < w - 1 ? i + 1 : -1, y > 0 ? i - w : -1, y < h - 1 ? i + w : -1};
            for (int k = 0; k < 4; k++)
                if (near[k] >= 0 && !seen[near[k]] && (mask[near[k]] > 0.5f) == figure) seen[near[k]] = 1, stack[top++] = near[k];
        }
        if (figure && !certain)
            for (size_t i = 0; i < top; i++) mask[stack[i]] = 0;
        if (!figure && !rim && top < (size_t)hole)
            for (size_t i = 0; i < top; i++) mask[stack[i]] = 1;
    }
    mem_free(stack);
    mem_free(seen);
}

void figure_cut(const WorkPicture *p, const float *prior, float *mask)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    float *ground = mem_alloc(sizeof(float) * n);
    memcpy(mask, prior, sizeof(float) * n);
    for (int round = 0; round < ROUNDS; round++) {
        Mixture figure, back;
        for (size_t i = 0; i < n; i++) ground[i] = mask[i] < 0.4f ? 1 : 0;
        mixture_fit(&back, p->rgb, ground, n);
        for (size_t i = 0; i < n; i++) ground[i] = mask[i] > 0.6f ? 1 : 0;
        mixture_fit(&figure, p->rgb, ground, n);
        for (size_t i = 0; i < n; i++) {
            float known = CLAMP(prior[i], 0.002f, 0.998f);
            float d = CLAMP(mixture_log(&figure, p->rgb + 3 * i) - mixture_log(&back, p->rgb + 3 * i), -5.0f, 5.0f);
            mask[i] = 1 / (1 + expf(-d - logf(known / (1 - known))));
        }
        plane_guided(p->rgb, mask, p->w, p->h, MAX(p->w, p->h) / 64, 2e-4f);
    }
    for (size_t i = 0; i < n; i++) mask[i] = plane_step(0.25f, 0.75f, mask[i]);
    tidy(mask, prior, p->w, p->h, (int)(n / 800));
    mem_free(ground);
}

/* ---- a network's mask onto colours ---------------------------------------------------------------------------------------- */

enum { SAMPLES = 19 }; /* looked at in each direction */

/* Squared colour distance to the most similar of the sure pixels around, those far away counting less. */
static float likeness(const WorkPicture *p, const uint8_t *sure, uint8_t which, int x, int y, int reach_x, int reach_y)
{
    float best = 0.5f;
    const float *c = p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x);
    int step_x = MAX(2 * reach_x / SAMPLES, 1), step_y = MAX(2 * reach_y / SAMPLES, 1);
    for (int py = MAX(y - reach_y, 0); py <= MIN(y + reach_y, p->h - 1); py += step_y)
        for (int px = MAX(x - reach_x, 0); px <= MIN(x + reach_x, p->w - 1); px += step_x) {
            size_t i = (size_t)py * (size_t)p->w + (size_t)px;
            if (sure[i] != which) continue;
            float dx = (float)(px - x) / (float)reach_x, dy = (float)(py - y) / (float)reach_y;
            best = MIN(best, gap2(c, p->rgb + 3 * i) + 0.003f * (dx * dx + dy * dy));
        }
    return best;
}

typedef struct RefineJob { const WorkPicture *p; const float *prior; const uint8_t *sure; float *mask; int reach; } RefineJob;

static void refine_rows(void *ctx, int64_t from, int64_t to)
{
    const RefineJob *j = ctx;
    for (int64_t y = from; y < to; y++)
        for (int x = 0; x < j->p->w; x++) {
            size_t i = (size_t)y * (size_t)j->p->w + (size_t)x;
            if (j->sure[i]) {
                j->mask[i] = j->sure[i] == 2;
                continue;
            }
            /* the ground is looked for far to both sides: what shows between legs goes on beside them */
            float figure = likeness(j->p, j->sure, 2, x, (int)y, j->reach, j->reach);
            float ground = likeness(j->p, j->sure, 1, x, (int)y, 5 * j->reach / 2, 2 * j->reach / 3);
            float known = CLAMP(j->prior[i], 0.04f, 0.96f), d = CLAMP((sqrtf(ground) - sqrtf(figure)) / 0.05f, -3.0f, 3.0f);
            /* ground goes on around the figure, so what is unlike all of it near the figure is a hat, a hand or a shoe */
            d += CLAMP((sqrtf(ground) - 0.06f) / 0.03f, 0.0f, 3.0f);
            j->mask[i] = 1 / (1 + expf(-d - logf(known / (1 - known))));
        }
}

void figure_refine(const WorkPicture *p, const float *prior, float height, float *mask)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    float *in = mem_alloc(sizeof(float) * n), *out = mem_alloc(sizeof(float) * n);
    float within = MAX(0.016f * height, 1.5f), beyond = MAX(0.045f * height, 3.0f);
    uint8_t *side = mem_alloc(n), *sure = mem_alloc(n);
    memcpy(mask, prior, sizeof(float) * n);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < n; i++) side[i] = mask[i] >= 0.5f;
        plane_distance2(side, out, p->w, p->h);
        for (size_t i = 0; i < n; i++) side[i] = !side[i];
        plane_distance2(side, in, p->w, p->h);
        for (size_t i = 0; i < n; i++) { /* 1 ground, 2 figure, 0 to be decided */
            bool far_in = in[i] > within * within && prior[i] > 0.75f, far_out = out[i] > beyond * beyond && prior[i] < 0.15f;
            sure[i] = far_in ? 2 : far_out ? 1 : 0;
        }
        RefineJob j = {p, prior, sure, mask, MAX((int)(0.13f * height), 6)};
        threads_for(p->h, 8, refine_rows, &j);
        plane_guided(p->rgb, mask, p->w, p->h, MAX((int)(0.012f * height), 2), 2e-4f);
        for (size_t i = 0; i < n; i++) mask[i] = plane_step(0.2f, 0.8f, mask[i]);
    }
    tidy(mask, prior, p->w, p->h, (int)(height * height / 2500));
    mem_free(in), mem_free(out), mem_free(side), mem_free(sure);
}

/* ---- back to the picture ------------------------------------------------------------------------------------------------ */

void figure_mask_to_picture(const WorkPicture *work, const float *mask, const Picture *picture, uint8_t *out)
{
    enum { EDGE = 1024 }; /* edges are looked for at this long side; above it a smooth upscale is as good */
    int side = MAX(picture->w, picture->h), w = picture->w, h = picture->h;
    if (side > EDGE) w = MAX(w * EDGE / side, 1), h = MAX(h * EDGE / side, 1);
    size_t full = (size_t)picture->w * (size_t)picture->h, n = (size_t)w * (size_t)h;
    float *rgb = mem_alloc(sizeof(float) * 3 * full), *guide = mem_alloc(sizeof(float) * 3 * n), *m = mem_alloc(sizeof(float) * n);
    plane_from_picture(picture, rgb, NULL);
    plane_resize(rgb, picture->w, picture->h, 3, guide, w, h);
    plane_resize(mask, work->w, work->h, 1, m, w, h);
    plane_guided(guide, m, w, h, MAX(MAX(w, h) / 128, 2), 1e-4f);
    for (size_t i = 0; i < n; i++) m[i] = plane_step(0.2f, 0.8f, m[i]);
    float *big = rgb; /* its room is free now */
    plane_resize(m, w, h, 1, big, picture->w, picture->h);
    for (size_t i = 0; i < full; i++) out[i] = (uint8_t)lroundf(255 * CLAMP(big[i], 0.0f, 1.0f));
    mem_free(rgb);
    mem_free(guide);
    mem_free(m);
}
