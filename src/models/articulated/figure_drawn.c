/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a drawing out of its paper: pen on a page, chalk on a wall. What a network and colour statistics are weak at, a
 * child's drawing with thin lines around white, is easy here: find the paper (what a wide neighbourhood agrees on), take what
 * differs as ink, close the gaps of the lines, fill what they enclose, and keep the piece that is meant. Photographs are
 * refused: too little of them is paper. Like the first step of AnimatedDrawings (Smith et al. 2023), without its network.
 * Where no network saw a body, painted figures are taken, too, if the picture's rim is of one colour all around.
 *
 * Planes [h, w] of the work picture.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 4, INK = 1 };

#define PAPER_LEAST 0.72f  /* of the picture, or it is none */
#define PAPER_NOISE 0.045f /* largest deviation of paper from its neighbourhood */
#define INK_LEAST 0.07f    /* colour distance of ink from paper */
#define STROKES 0.035f     /* strokes are thinner than this share of the picture's side */

/* The paper's colour around each pixel: a wide mean over the pixels near it, shadows followed. Returns paper's share. */
static float find_paper(const WorkPicture *p, float *far, float *noise)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    float *weight = mem_alloc(sizeof(float) * n * 3), *product = weight + n, *mean = weight + 2 * n;
    float *count = mem_alloc(sizeof(float) * n), limit = 0.3f, share = 0;
    int radius = MAX(MAX(p->w, p->h) / 10, 4);
    for (size_t i = 0; i < n; i++)
        weight[i] = 1;
    for (int round = 0; round < ROUNDS; round++) {
        double square = 0, on = 0;
        plane_box(weight, count, p->w, p->h, radius);
        memset(far, 0, sizeof(float) * n);
        for (size_t c = 0; c < 3; c++) {
            for (size_t i = 0; i < n; i++)
                product[i] = weight[i] * p->rgb[3 * i + c];
            plane_box(product, mean, p->w, p->h, radius);
            for (size_t i = 0; i < n; i++) {
                float d = p->rgb[3 * i + c] - mean[i] / MAX(count[i], 1e-4f);
                far[i] += d * d;
            }
        }
        for (size_t i = 0; i < n; i++) {
            far[i] = count[i] < 0.02f ? 1 : sqrtf(far[i]);
            weight[i] = far[i] < limit;
            square += weight[i] * far[i] * far[i];
            on += weight[i];
        }
        *noise = (float)sqrt(square / MAX(on, 1.0));
        share = (float)(on / (double)n);
        limit = CLAMP(3.5f * *noise, INK_LEAST, 0.2f);
    }
    mem_free(weight);
    mem_free(count);
    return share;
}

/* The same for a figure on plain ground, which may be wide: the ground is what the rim of the picture shows. */
static void find_ground(const WorkPicture *p, float *far, float *noise)
{
    size_t n = (size_t)p->w * (size_t)p->h, count = 0;
    int rim = MAX(MIN(p->w, p->h) / 40, 1);
    double sum[3] = {0}, square = 0;
    for (size_t i = 0; i < n; i++) {
        int x = (int)(i % (size_t)p->w), y = (int)(i / (size_t)p->w);
        if (x >= rim && y >= rim && x < p->w - rim && y < p->h - rim)
            continue;
        for (size_t c = 0; c < 3; c++) {
            sum[c] += p->rgb[3 * i + c];
            square += (double)p->rgb[3 * i + c] * p->rgb[3 * i + c];
        }
        count++;
    }
    for (size_t i = 0; i < n; i++) {
        float d2 = 0;
        for (size_t c = 0; c < 3; c++) {
            float d = p->rgb[3 * i + c] - (float)(sum[c] / (double)count);
            d2 += d * d;
        }
        far[i] = sqrtf(d2);
    }
    for (size_t c = 0; c < 3; c++)
        square -= sum[c] * sum[c] / (double)count;
    *noise = (float)sqrt(MAX(square, 0) / (double)count);
}

/* Pixels of ink over pixels of its rim: half the width of the strokes. */
static float stroke_width(const uint8_t *ink, int w, int h)
{
    double area = 0, rim = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x;
            if (!ink[i])
                continue;
            area++;
            rim += (x > 0 && !ink[i - 1]) + (x < w - 1 && !ink[i + 1]) + (y > 0 && !ink[i - (size_t)w]) +
                   (y < h - 1 && !ink[i + (size_t)w]);
        }
    return rim > 0 ? (float)(2 * area / rim) : 0;
}

/* All that can be reached from `start` over pixels with on[i] == which gets `mark`. Returns how many; box: x0, y0, x1, y1. */
static size_t flood(uint8_t *on, int w, int h, int *stack, size_t start, uint8_t which, uint8_t mark, int box[4])
{
    size_t top = 0, done = 0;
    stack[top++] = (int)start;
    on[start] = mark;
    while (done < top) {
        int i = stack[done++], x = i % w, y = i / w;
        box[0] = MIN(box[0], x);
        box[1] = MIN(box[1], y);
        box[2] = MAX(box[2], x + 1);
        box[3] = MAX(box[3], y + 1);
        const int near[4] = {x > 0 ? i - 1 : -1, x < w - 1 ? i + 1 : -1, y > 0 ? i - w : -1, y < h - 1 ? i + w : -1};
        for (int k = 0; k < 4; k++)
            if (near[k] >= 0 && on[near[k]] == which) {
                on[near[k]] = mark;
                stack[top++] = near[k];
            }
    }
    return top;
}

/* on becomes what lies within `radius` of it. */
static void widen(uint8_t *on, float *distance, int w, int h, float radius)
{
    plane_distance2(on, distance, w, h);
    for (size_t i = 0; i < (size_t)w * (size_t)h; i++)
        on[i] = distance[i] <= radius * radius;
}

/* Lines with their gaps closed and what they enclose: 1 in the figures, 0 outside. */
static void close_and_fill(uint8_t *on, int w, int h, float radius, float *distance, int *stack)
{
    enum { OUTSIDE = 2 };
    size_t n = (size_t)w * (size_t)h;
    uint8_t *ink = mem_alloc(n);
    int box[4] = {w, h, 0, 0};
    memcpy(ink, on, n);
    widen(on, distance, w, h, radius);
    for (int x = 0; x < w; x++) {
        if (!on[x])
            flood(on, w, h, stack, (size_t)x, 0, OUTSIDE, box);
        if (!on[n - 1 - (size_t)x])
            flood(on, w, h, stack, n - 1 - (size_t)x, 0, OUTSIDE, box);
    }
    for (int y = 0; y < h; y++) {
        size_t left = (size_t)y * (size_t)w, right = left + (size_t)w - 1;
        if (!on[left])
            flood(on, w, h, stack, left, 0, OUTSIDE, box);
        if (!on[right])
            flood(on, w, h, stack, right, 0, OUTSIDE, box);
    }
    for (size_t i = 0; i < n; i++)
        on[i] = on[i] == OUTSIDE;
    widen(on, distance, w, h, MAX(radius - 1, 0)); /* back from the widened rim; a pixel of paper stays around lines */
    for (size_t i = 0; i < n; i++)
        on[i] = !on[i] || ink[i];
    mem_free(ink);
}

/* How much a piece is the figure that is meant: what the network saw of it, else large and in the middle. */
static double worth(const uint8_t *on, uint8_t mark, const float *prior, int w, int h, const int box[4])
{
    double sum = 0;
    bool framed = box[0] == 0 || box[1] == 0 || box[2] == w || box[3] == h;
    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x;
            if (on[i] != mark)
                continue;
            double u = ((double)x + 0.5) / w - 0.5, v = ((double)y + 0.5) / h - 0.5;
            sum += prior ? prior[i] : exp(-(u * u / 0.08 + v * v / 0.12)) * (framed ? 0.2 : 1);
        }
    return sum;
}

/* Keeps the piece of most worth and small ones close to it. False: there is none worth keeping. */
static bool keep_figure(uint8_t *on, const float *prior, int w, int h, float reach, float *distance, int *stack)
{
    enum { FIRST = 2, LAST = 250 };
    size_t n = (size_t)w * (size_t)h, size[LAST + 1] = {0};
    int pieces = FIRST, best = 0;
    double most = 0;
    for (size_t i = 0; i < n && pieces < LAST; i++) {
        if (on[i] != INK)
            continue;
        int box[4] = {w, h, 0, 0};
        size[pieces] = flood(on, w, h, stack, i, INK, (uint8_t)pieces, box);
        double value = worth(on, (uint8_t)pieces, prior, w, h, box);
        if (value > most) {
            most = value;
            best = pieces;
        }
        pieces++;
    }
    if (!best || size[best] < n / 200)
        return false;
    uint8_t *main = mem_alloc(n), close[LAST + 1] = {0};
    for (size_t i = 0; i < n; i++)
        main[i] = on[i] == best;
    plane_distance2(main, distance, w, h);
    for (size_t i = 0; i < n; i++)
        if (on[i] >= FIRST && distance[i] <= reach * reach && size[on[i]] < size[best] / 3)
            close[on[i]] = 1;
    for (size_t i = 0; i < n; i++)
        on[i] = main[i] || (on[i] >= FIRST && close[on[i]]);
    mem_free(main);
    return true;
}

static void mark_ink(const float *far, float noise, size_t n, uint8_t *on)
{
    float limit = CLAMP(3.5f * noise, INK_LEAST, 0.2f);
    for (size_t i = 0; i < n; i++)
        on[i] = far[i] > limit;
}

bool figure_drawn(const WorkPicture *p, const float *prior, float *mask)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    float *far = mem_alloc(sizeof(float) * 2 * n), *distance = far + n, noise, side = (float)MAX(p->w, p->h);
    uint8_t *on = mem_alloc(n);
    int *stack = mem_alloc(sizeof *stack * n);
    float paper = find_paper(p, far, &noise);
    mark_ink(far, noise, n, on);
    bool drawn = paper >= PAPER_LEAST && noise <= PAPER_NOISE && stroke_width(on, p->w, p->h) < STROKES * side;
    if (!drawn && !prior) {
        find_ground(p, far, &noise);
        mark_ink(far, noise, n, on);
        drawn = noise <= PAPER_NOISE;
    }
    if (drawn) {
        close_and_fill(on, p->w, p->h, MAX(0.009f * side, 1.5f), distance, stack);
        drawn = keep_figure(on, prior, p->w, p->h, 0.03f * side, distance, stack);
    }
    if (drawn) {
        for (size_t i = 0; i < n; i++)
            mask[i] = on[i];
        plane_blur(mask, p->w, p->h, 0.6f);
    }
    mem_free(far);
    mem_free(on);
    mem_free(stack);
    return drawn;
}
