/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills a hole in a picture with patches from around it, so that tiles, windows and grain go on behind the figure. After Wexler,
 * Shechtman, Irani (2004/2007): from coarse to fine, by turns each patch that touches the hole looks for the known patch nearest
 * to it, and each pixel of the hole becomes the mean of what the patches over it propose. At the coarsest size every known
 * patch is compared; above it only the matches of the size below, of the neighbours, and their surroundings (coherent search,
 * Ashikhmin 2001). Sideways moves are cheaper than up and down: places have a horizon. No random numbers, same result on any
 * number of threads. Once a picture, one or two seconds at 512 pixels.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REACH = 3, COARSEST = 110, LEVELS = 8 };
#define UPHILL 0.15f /* cost of moving a patch by the whole height, as a mean squared difference of colours */
#define FAITH 0.5f   /* at the coarsest size: of a patch's middle against the first guess */

typedef struct Match { int x, y; float cost; } Match;

typedef struct Level {
    int w, h;
    float *rgb, *next;  /* [h, w, 3] */
    float *guess;       /* [h, w, 3] at the coarsest size, else NULL */
    uint8_t *hole;      /* 1: to be filled */
    uint8_t *source;    /* 1: the patch around it is inside and wholly known */
    float *trust;       /* 1 known, falling with depth in the hole */
    int *target;        /* indices of patches that touch the hole */
    int targets;
    Match *match, *better; /* [h * w] */
    bool search_all;
    float spread;       /* of costs, for the votes */
} Level;

static float *at(const Level *l, int x, int y) { return l->rgb + 3 * ((size_t)y * (size_t)l->w + (size_t)x); }

static float cost_of(const Level *l, int px, int py, int qx, int qy, float limit)
{
    int x0 = MAX(-REACH, -px), x1 = MIN(REACH, l->w - 1 - px), y0 = MAX(-REACH, -py), y1 = MIN(REACH, l->h - 1 - py);
    float up = (float)(qy - py) / (float)l->h, sum = 0, weight = 0;
    for (int dy = y0; dy <= y1; dy++) {
        const float *a = at(l, px + x0, py + dy), *b = at(l, qx + x0, qy + dy);
        const float *t = l->trust + (size_t)(py + dy) * (size_t)l->w + (size_t)(px + x0);
        for (int dx = x0; dx <= x1; dx++, a += 3, b += 3, t++) {
            float r = a[0] - b[0], g = a[1] - b[1], v = a[2] - b[2];
            sum += *t * (r * r + g * g + v * v);
            weight += *t;
        }
        if (sum > limit * 3 * (2 * REACH + 1) * (2 * REACH + 1)) return limit; /* trust is at most 1: it cannot win any more */
    }
    float cost = sum / MAX(3 * weight, 1e-6f) + UPHILL * up * up;
    if (l->guess) {
        const float *a = l->guess + 3 * ((size_t)py * (size_t)l->w + (size_t)px), *b = at(l, qx, qy);
        cost += FAITH / 3 * ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
    }
    return cost;
}

static void consider(const Level *l, int px, int py, int qx, int qy, Match *best)
{
    if (qx < REACH || qy < REACH || qx >= l->w - REACH || qy >= l->h - REACH || !l->source[(size_t)qy * (size_t)l->w + (size_t)qx]) return;
    if (qx == best->x && qy == best->y) return;
    float c = cost_of(l, px, py, qx, qy, best->cost);
    if (c < best->cost) *best = (Match){qx, qy, c};
}

static void search(void *ctx, int64_t from, int64_t to)
{
    Level *l = ctx;
    for (int64_t k = from; k < to; k++) {
        int i = l->target[k], px = i % l->w, py = i / l->w;
        Match best = l->match[i];
        best.cost = cost_of(l, px, py, best.x, best.y, INFINITY);
        if (l->search_all) {
            for (int qy = REACH; qy < l->h - REACH; qy++)
                for (int qx = REACH; qx < l->w - REACH; qx++) consider(l, px, py, qx, qy, &best);
        } else {
            static const int near[8][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {3, 0}, {-3, 0}, {0, 3}, {0, -3}};
            for (int n = 0; n < 8; n++) { /* where the neighbours' matches would put this patch */
                int nx = px + near[n][0], ny = py + near[n][1];
                if (nx < 0 || ny < 0 || nx >= l->w || ny >= l->h) continue;
                const Match *m = &l->match[(size_t)ny * (size_t)l->w + (size_t)nx];
                if (m->x >= 0) consider(l, px, py, m->x - near[n][0], m->y - near[n][1], &best);
            }
            int cx = best.x, cy = best.y;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) consider(l, px, py, cx + dx, cy + dy, &best);
        }
        l->better[i] = best;
    }
}

/* Each pixel of the hole: mean of the patches over it, the near and the trusted ones more. */
static void vote(void *ctx, int64_t from, int64_t to)
{
    Level *l = ctx;
    for (int64_t y = from; y < to; y++)
        for (int x = 0; x < l->w; x++) {
            size_t i = (size_t)y * (size_t)l->w + (size_t)x;
            if (!l->hole[i]) continue;
            float c[3] = {0}, sum = 0;
            for (int dy = -REACH; dy <= REACH; dy++)
                for (int dx = -REACH; dx <= REACH; dx++) {
                    int px = x - dx, py = (int)y - dy;
                    if (px < 0 || py < 0 || px >= l->w || py >= l->h) continue;
                    size_t p = (size_t)py * (size_t)l->w + (size_t)px;
                    const Match *m = &l->match[p];
                    if (m->x < 0) continue;
                    float weight = l->trust[p] * expf(-m->cost / l->spread) + 1e-9f;
                    const float *from_here = at(l, m->x + dx, m->y + dy);
                    for (int k = 0; k < 3; k++) c[k] += weight * from_here[k];
                    sum += weight;
                }
            for (int k = 0; k < 3; k++) l->next[3 * i + (size_t)k] = c[k] / sum;
        }
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static float median_cost(const Level *l)
{
    float *c = mem_alloc(sizeof(float) * (size_t)l->targets);
    for (int k = 0; k < l->targets; k++) c[k] = l->match[l->target[k]].cost;
    qsort(c, (size_t)l->targets, sizeof *c, by_size);
    float m = c[l->targets / 2];
    mem_free(c);
    return m;
}

/* Which patches are looked for and which may be found; false: nothing to copy from. */
static bool prepare(Level *l)
{
    size_t n = (size_t)l->w * (size_t)l->h;
    float *deep = mem_alloc(sizeof(float) * n);
    uint8_t *known = mem_alloc(n);
    int sources = 0;
    for (size_t i = 0; i < n; i++) known[i] = !l->hole[i];
    plane_distance2(known, deep, l->w, l->h);
    for (size_t i = 0; i < n; i++) l->trust[i] = l->hole[i] ? powf(1.25f, -sqrtf(deep[i])) : 1;
    l->targets = 0;
    for (int y = 0; y < l->h; y++)
        for (int x = 0; x < l->w; x++) {
            bool touches = false;
            for (int dy = -REACH; dy <= REACH && !touches; dy++)
                for (int dx = -REACH; dx <= REACH && !touches; dx++) {
                    int px = x + dx, py = y + dy;
                    touches = px >= 0 && py >= 0 && px < l->w && py < l->h && l->hole[(size_t)py * (size_t)l->w + (size_t)px];
                }
            size_t i = (size_t)y * (size_t)l->w + (size_t)x;
            bool inside = x >= REACH && y >= REACH && x < l->w - REACH && y < l->h - REACH;
            l->source[i] = !touches && inside;
            sources += l->source[i];
            l->match[i] = (Match){-1, -1, INFINITY};
            if (touches) l->target[l->targets++] = (int)i;
        }
    mem_free(deep);
    mem_free(known);
    return sources > 0 && l->targets > 0;
}

static void nearest_source(const Level *l, int x, int y, Match *m)
{
    for (int r = 0; r < l->w + l->h; r++)
        for (int dy = -r; dy <= r; dy++)
            for (int dx = -r; dx <= r; dx += abs(dy) == r ? 1 : MAX(2 * r, 1)) {
                int qx = x + dx, qy = y + dy;
                if (qx < 0 || qy < 0 || qx >= l->w || qy >= l->h || !l->source[(size_t)qy * (size_t)l->w + (size_t)qx]) continue;
                *m = (Match){qx, qy, INFINITY};
                return;
            }
}

/* First matches: those of the coarser size, doubled; where they are no good here, or nothing is coarser, the nearest source. */
static void seed(Level *l, const Level *coarse)
{
    for (int k = 0; k < l->targets; k++) {
        int i = l->target[k], x = i % l->w, y = i / l->w;
        Match *m = &l->match[i];
        if (coarse) {
            int cx = MIN(x / 2, coarse->w - 1), cy = MIN(y / 2, coarse->h - 1);
            const Match *c = &coarse->match[(size_t)cy * (size_t)coarse->w + (size_t)cx];
            if (c->x >= 0) *m = (Match){x + 2 * (c->x - cx), y + 2 * (c->y - cy), INFINITY};
        }
        bool good = m->x >= REACH && m->y >= REACH && m->x < l->w - REACH && m->y < l->h - REACH && l->source[(size_t)m->y * (size_t)l->w + (size_t)m->x];
        if (!good) nearest_source(l, coarse && m->x >= 0 ? CLAMP(m->x, 0, l->w - 1) : x, coarse && m->x >= 0 ? CLAMP(m->y, 0, l->h - 1) : y, m);
    }
}

static void solve(Level *l, int rounds, int sweeps)
{
    size_t n = (size_t)l->w * (size_t)l->h;
    for (int round = 0; round < rounds; round++) {
        for (int sweep = 0; sweep < sweeps; sweep++) {
            memcpy(l->better, l->match, sizeof(Match) * n);
            threads_for(l->targets, 64, search, l);
            Match *t = l->match;
            l->match = l->better, l->better = t;
        }
        l->spread = 2 * MAX(median_cost(l), 1e-5f) * (round == rounds - 1 ? 0.4f : 1);
        memcpy(l->next, l->rgb, sizeof(float) * 3 * n);
        threads_for(l->h, 8, vote, l);
        float *t = l->rgb;
        l->rgb = l->next, l->next = t;
    }
}

static void level_init(Level *l, int w, int h)
{
    size_t n = (size_t)w * (size_t)h;
    *l = (Level){.w = w, .h = h};
    l->rgb = mem_alloc(sizeof(float) * 3 * n), l->next = mem_alloc(sizeof(float) * 3 * n), l->trust = mem_alloc(sizeof(float) * n);
    l->hole = mem_alloc(n), l->source = mem_alloc(n), l->target = mem_alloc(sizeof(int) * n);
    l->match = mem_alloc(sizeof(Match) * n), l->better = mem_alloc(sizeof(Match) * n);
}

static void level_finish(Level *l)
{
    mem_free(l->rgb), mem_free(l->next), mem_free(l->guess), mem_free(l->trust), mem_free(l->hole);
    mem_free(l->source), mem_free(l->target), mem_free(l->match), mem_free(l->better);
}

/* Half the size; a pixel is known where all it is made of is known. */
static void halve(const Level *in, Level *out)
{
    for (int y = 0; y < out->h; y++)
        for (int x = 0; x < out->w; x++) {
            size_t o = (size_t)y * (size_t)out->w + (size_t)x;
            float c[3] = {0};
            int n = 0;
            out->hole[o] = 0;
            for (int k = 0; k < 4; k++) {
                int sx = 2 * x + (k & 1), sy = 2 * y + (k >> 1);
                if (sx >= in->w || sy >= in->h) continue;
                out->hole[o] |= in->hole[(size_t)sy * (size_t)in->w + (size_t)sx];
                for (int i = 0; i < 3; i++) c[i] += at(in, sx, sy)[i];
                n++;
            }
            for (int i = 0; i < 3; i++) out->rgb[3 * o + (size_t)i] = c[i] / (float)n;
        }
}

/* The first guess: each row goes on from left to right, mixed with the pyramid where the row's ends disagree; of all simple
 * fills the one that keeps horizons, walls and floors. */
static void guess(float *rgb, const uint8_t *hole, int w, int h)
{
    size_t n = (size_t)w * (size_t)h;
    float *known = mem_alloc(sizeof(float) * n);
    for (size_t i = 0; i < n; i++) known[i] = !hole[i];
    plane_push_pull(rgb, known, w, h);
    for (int y = 0; y < h; y++)
        for (int a = 0, b; a < w; a = b) {
            float *row = rgb + 3 * (size_t)y * (size_t)w;
            const uint8_t *in = hole + (size_t)y * (size_t)w;
            for (b = a + 1; b < w && in[a] && in[b]; b++)
                ;
            if (!in[a]) continue;
            const float *left = row + 3 * (a > 0 ? a - 1 : b < w ? b : a), *right = row + 3 * (b < w ? b : a > 0 ? a - 1 : a);
            float apart = fabsf(left[0] - right[0]) + fabsf(left[1] - right[1]) + fabsf(left[2] - right[2]);
            float share = expf(-4 * apart), l[3], r[3];
            memcpy(l, left, sizeof l), memcpy(r, right, sizeof r);
            for (int x = a; x < b && (a > 0 || b < w); x++) {
                float t = ((float)(x - a) + 1) / (float)(b - a + 1);
                for (int k = 0; k < 3; k++) row[3 * x + k] += share * (l[k] * (1 - t) + r[k] * t - row[3 * x + k]);
            }
        }
    mem_free(known);
}

void plane_inpaint(float *rgb, const uint8_t *hole, int w, int h)
{
    Level level[LEVELS];
    int n = 0;
    size_t count = (size_t)w * (size_t)h;
    guess(rgb, hole, w, h);
    for (int lw = w, lh = h; n < LEVELS; lw = (lw + 1) / 2, lh = (lh + 1) / 2) {
        level_init(&level[n], lw, lh);
        if (n == 0)
            memcpy(level[0].rgb, rgb, sizeof(float) * 3 * count), memcpy(level[0].hole, hole, count);
        else
            halve(&level[n - 1], &level[n]);
        n++;
        if (MAX(lw, lh) <= COARSEST) break;
    }
    const Level *coarse = NULL;
    for (int k = n - 1; k >= 0; k--) {
        Level *l = &level[k];
        if (!prepare(l)) continue; /* the hole leaves nothing to copy at this size: the guess stays */
        l->search_all = coarse == NULL;
        seed(l, coarse);
        if (coarse) { /* colours of the size below come with its matches */
            for (int t = 0; t < l->targets; t++) l->match[l->target[t]].cost = 0.01f;
            l->spread = 0.02f;
            memcpy(l->next, l->rgb, sizeof(float) * 3 * (size_t)l->w * (size_t)l->h);
            threads_for(l->h, 8, vote, l);
            float *t = l->rgb;
            l->rgb = l->next, l->next = t;
        }
        if (!coarse) {
            l->guess = mem_alloc(sizeof(float) * 3 * (size_t)l->w * (size_t)l->h);
            memcpy(l->guess, l->rgb, sizeof(float) * 3 * (size_t)l->w * (size_t)l->h);
        }
        solve(l, coarse ? 3 : 5, coarse ? 2 : 1);
        coarse = l;
    }
    memcpy(rgb, level[0].rgb, sizeof(float) * 3 * count);
    for (int k = 0; k < n; k++) level_finish(&level[k]);
}
