/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps a dance inside its frame: the figure becomes smaller about its floor line and moves sideways, slowly, as if a camera
 * followed, while the background stands still. Per frame the limits are known; the smallest change that keeps them over a window
 * of time, averaged over the same window, is smooth and never breaks them.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SECONDS 1.6
#define LEAST_SCALE 0.70f
#define LEAST_FREE 0.50f /* without a ground to stand on */

void dance_blur(float *x, int n, int stride, float sigma)
{
    int r = (int)ceilf(3 * sigma);
    float *in = mem_alloc(sizeof(float) * (size_t)n), *weight = mem_alloc(sizeof(float) * (size_t)(r + 1)), sum = 0;
    for (int k = 0; k <= r; k++) sum += (k ? 2 : 1) * (weight[k] = expf(-(float)(k * k) / (2 * sigma * sigma)));
    for (int t = 0; t < n; t++) in[t] = x[(size_t)t * (size_t)stride];
    for (int t = 0; t < n; t++) {
        float v = 0;
        for (int k = -r; k <= r; k++) v += weight[abs(k)] * in[CLAMP(t + k, 0, n - 1)];
        x[(size_t)t * (size_t)stride] = v / sum;
    }
    mem_free(in);
    mem_free(weight);
}

/* x[t] becomes the least (sign 1) or greatest (-1) value within r frames. */
static void window_least(float *x, int n, int r, float sign)
{
    float *in = mem_alloc(sizeof(float) * (size_t)n);
    int *queue = mem_alloc(sizeof(int) * (size_t)n), first = 0, last = 0;
    for (int t = 0; t < n; t++) in[t] = sign * x[t];
    for (int t = 0; t < n + r; t++) {
        if (t < n) {
            while (last > first && in[queue[last - 1]] >= in[t]) last--;
            queue[last++] = t;
        }
        if (t < r) continue;
        while (queue[first] < t - 2 * r) first++;
        x[t - r] = sign * in[queue[first]];
    }
    mem_free(in);
    mem_free(queue);
}

static void window_mean(float *x, int n, int r)
{
    double *sum = mem_alloc(sizeof(double) * (size_t)(n + 1));
    sum[0] = 0;
    for (int t = 0; t < n; t++) sum[t + 1] = sum[t] + x[t];
    for (int t = 0; t < n; t++) {
        int a = MAX(t - r, 0), b = MIN(t + r + 1, n);
        x[t] = (float)((sum[b] - sum[a]) / (b - a));
    }
    mem_free(sum);
}

/* Flesh around the joints: crown, hands and sides stick out. Shares of the body's height. */
static float reach_of(int joint)
{
    switch (joint) {
    case JOINT_L_WRIST: case JOINT_R_WRIST: return 0.08f;
    case JOINT_HEAD: return 0.13f;
    case JOINT_L_TOE: case JOINT_R_TOE: return 0.02f;
    default: return 0.05f;
    }
}

void dance_keep_inside(Dance *d, const Figure *figure, const Stage *stage, float floor)
{
    int n = d->frames, r = stage->free_standing ? n : (int)(WINDOW_SECONDS * MOTION_FPS), w = stage->w;
    bool constant = stage->free_standing || !stage->from_picture;
    float height = figure_height_of(figure->joint, NULL), centre = figure->joint[JOINT_PELVIS][0];
    float *scale = mem_alloc(sizeof(float) * 3 * (size_t)n), *low = scale + n, *high = low + n;
    bool shrink = figure->kind == FIGURE_WHOLE; /* a half figure is cut off by the frame and must stay so */
    for (int t = 0; t < n; t++) {
        float left = 1e9f, right = -1e9f, top = 1e9f;
        for (int j = 0; j < FIGURE_JOINTS; j++) {
            float m = reach_of(j) * height;
            left = MIN(left, d->pose[t].joint[j][0] - m), right = MAX(right, d->pose[t].joint[j][0] + m);
            top = MIN(top, d->pose[t].joint[j][1] - m);
        }
        float wide = (float)w / (right - left), tall = floor / MAX(floor - top, 1.0f);
        scale[t] = shrink ? CLAMP(MIN(wide, tall), stage->free_standing ? LEAST_FREE : LEAST_SCALE, 1.0f) : 1;
        low[t] = left, high[t] = right;
    }
    window_least(scale, n, r, 1);
    window_mean(scale, n, r);
    for (int t = 0; t < n; t++) { /* limits of the shift */
        float a = centre + scale[t] * (low[t] - centre), b = centre + scale[t] * (high[t] - centre);
        low[t] = -a, high[t] = (float)w - b;
        if (low[t] > high[t]) low[t] = high[t] = (low[t] + high[t]) / 2;
    }
    r = (int)(WINDOW_SECONDS * MOTION_FPS);
    window_least(low, n, r, -1);
    window_least(high, n, r, 1);
    for (int t = 0; t < n; t++) low[t] = low[t] > high[t] ? (low[t] + high[t]) / 2 : CLAMP(0.0f, low[t], high[t]);
    window_mean(low, n, r);
    for (int t = 0; t < n; t++) {
        FramePose *p = &d->pose[t];
        float s = scale[t], grown = constant ? 1 : plane_step(0, MOTION_FPS, (float)t); /* the first frame is the picture */
        s = 1 + (s - 1) * grown;
        for (int j = 0; j < FIGURE_JOINTS; j++) {
            p->joint[j][0] = centre + s * (p->joint[j][0] - centre) + low[t] * grown;
            p->joint[j][1] = floor + s * (p->joint[j][1] - floor);
            p->joint[j][2] *= s;
        }
        p->scale *= s;
    }
    mem_free(scale);

}
