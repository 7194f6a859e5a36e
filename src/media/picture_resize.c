/* SPDX-License-Identifier: Apache-2.0
 *
 * Resizing: separable cubic convolution (Keys 1981, a = -0.5). When shrinking, the kernel is stretched by the factor,
 * so that every source pixel counts and nothing aliases; output pixel i looks at (i + 0.5) * factor. Colours are
 * weighted by their alpha, so that what is invisible does not bleed in. Weights that fall outside are left out and the
 * rest made to sum to 1, as PIL does.
 */
#include "media/media_internal.h"

#include <math.h>
#include <string.h>

/* For each output position: the first source position, how many, and their weights (row i at weights + i * taps). */
typedef struct Axis {
    int out, taps;
    int *first, *count;
    float *weights;
} Axis;

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static void axis_finish(Axis *a)
{
    mem_free(a->first);
    mem_free(a->count);
    mem_free(a->weights);
}

static bool axis_init(Axis *a, int in, int out)
{
    double factor = (double)in / out, stretch = MAX(factor, 1), reach = 2 * stretch;
    *a = (Axis){.out = out, .taps = (int)ceil(reach) * 2 + 1};
    a->taps = MIN(a->taps, in);
    a->first = mem_alloc((size_t)out * sizeof *a->first);
    a->count = mem_alloc((size_t)out * sizeof *a->count);
    a->weights = mem_try((size_t)out * (size_t)a->taps * sizeof *a->weights);
    for (int i = 0; a->weights && i < out; i++) {
        double centre = (i + 0.5) * factor, sum = 0;
        int from = MAX((int)floor(centre - reach + 0.5), 0), to = MIN((int)floor(centre + reach + 0.5), in);
        float *w = a->weights + (size_t)i * a->taps;
        a->first[i] = from;
        a->count[i] = MIN(to - from, a->taps);
        for (int k = 0; k < a->count[i]; k++)
            sum += cubic((from + k - centre + 0.5) / stretch);
        for (int k = 0; k < a->count[i]; k++)
            w[k] = (float)(cubic((from + k - centre + 0.5) / stretch) / sum);
    }
    return a->weights;
}

typedef struct Resize {
    const Picture *from;
    Picture *to;
    Axis x, y;
    float *lines; /* [from->h, to->w, 4]: premultiplied, resized along x */
} Resize;

static void along_x(void *ctx, int64_t from, int64_t to)
{
    const Resize *r = ctx;
    float *source = mem_alloc((size_t)r->from->w * 4 * sizeof *source);
    for (int64_t row = from; row < to; row++) {
        const uint8_t *px = r->from->rgba + row * r->from->w * 4;
        for (int i = 0; i < r->from->w; i++, px += 4) {
            float alpha = px[3] / 255.0f;
            for (int c = 0; c < 3; c++)
                source[i * 4 + c] = px[c] * alpha;
            source[i * 4 + 3] = px[3];
        }
        float *out = r->lines + row * r->x.out * 4;
        for (int i = 0; i < r->x.out; i++, out += 4) {
            const float *w = r->x.weights + (size_t)i * r->x.taps, *s = source + (size_t)r->x.first[i] * 4;
            float sum[4] = {0};
            for (int k = 0; k < r->x.count[i]; k++, s += 4)
                for (int c = 0; c < 4; c++)
                    sum[c] += w[k] * s[c];
            memcpy(out, sum, sizeof sum);
        }
    }
    mem_free(source);
}

static uint8_t to_byte(float x)
{
    return (uint8_t)CLAMP(x + 0.5f, 0, 255);
}

static void along_y(void *ctx, int64_t from, int64_t to)
{
    const Resize *r = ctx;
    size_t width = (size_t)r->to->w * 4;
    float *sum = mem_alloc(width * sizeof *sum);
    for (int64_t row = from; row < to; row++) {
        const float *w = r->y.weights + row * r->y.taps, *line = r->lines + (size_t)r->y.first[row] * width;
        memset(sum, 0, width * sizeof *sum);
        for (int k = 0; k < r->y.count[row]; k++, line += width)
            for (size_t i = 0; i < width; i++)
                sum[i] += w[k] * line[i];
        uint8_t *px = r->to->rgba + row * (int64_t)width;
        for (size_t i = 0; i < width; i += 4) {
            float alpha = CLAMP(sum[i + 3], 0, 255), back = alpha > 0 ? 255 / alpha : 0;
            for (int c = 0; c < 3; c++)
                px[i + c] = to_byte(sum[i + c] * back);
            px[i + 3] = to_byte(alpha);
        }
    }
    mem_free(sum);
}

bool picture_resize(const Picture *p, int w, int h, Picture *out, Err *e)
{
    if (p->w == w && p->h == h)
        return picture_copy(p, out, e);
    if (!picture_init(out, w, h, e))
        return false;
    Resize r = {.from = p, .to = out, .lines = mem_try((size_t)p->h * (size_t)w * 4 * sizeof *r.lines)};
    bool ok = axis_init(&r.x, p->w, w);
    ok = axis_init(&r.y, p->h, h) && ok && r.lines;
    if (ok) {
        threads_for(p->h, 16, along_x, &r);
        threads_for(h, 16, along_y, &r);
    } else {
        picture_finish(out);
        err_set(e, "out of memory to resize a picture from %d x %d to %d x %d", p->w, p->h, w, h);
    }
    axis_finish(&r.x);
    axis_finish(&r.y);
    mem_free(r.lines);
    return ok;
}
