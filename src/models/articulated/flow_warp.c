/* SPDX-License-Identifier: Apache-2.0
 *
 * The figure in a new pose by networks (spec/articulated.md sections 4 and 5): P says for each point of the frame where it lies
 * in the picture, the picture's own pixels are taken from there at full resolution, and G, at frame pixels, gives the colours
 * of what the picture does not show and the final outline. Frame pixels here: the frame with its longer side at FLOW_FRAME,
 * filled up on the right and below to multiples of 16.
 */
#include "models/articulated/articulated_internal.h"

#include <math.h>
#include <string.h>

struct FlowWarp {
    FlowRunner *flow;
    PixelRunner *pixels;
    int w, h;                 /* of the output */
    int fw, fh;               /* of the frame in frame pixels */
    float per_output;         /* frame pixels an output pixel */
    float per_texture;        /* frame pixels a texture pixel */
    int tw, th;
    float *rgb, *mask;        /* of the texture, clean */
    FlowSource source;
    float joint[FIGURE_JOINTS][2], height;
    float *input, *colour, *gate, *alpha;
};

/* Parts and mask of the figure as means over cells of 2 x 2 frame pixels, as K gives them. */
static void make_source(FlowWarp *f, const Figure *figure)
{
    int w = f->fw / FLOW_CELL, h = f->fh / FLOW_CELL;
    float *parts = mem_zero(sizeof(float) * (size_t)w * (size_t)h * FLOW_PARTS), *mask = mem_zero(sizeof(float) * (size_t)w * (size_t)h);
    float side = FLOW_CELL / f->per_texture, each = 1 / (side * side);
    for (int y = 0; y < f->th; y++)
        for (int x = 0; x < f->tw; x++) {
            int cx = MIN((int)(((float)x + 0.5f) / side), w - 1), cy = MIN((int)(((float)y + 0.5f) / side), h - 1);
            size_t o = (size_t)cy * (size_t)w + (size_t)cx, i = (size_t)y * (size_t)f->tw + (size_t)x;
            float m = each * (float)figure->mask[i] / 255;
            mask[o] = MIN(mask[o] + m, 1.0f);
            parts[o * FLOW_PARTS + figure->part[i]] += m;
        }
    flow_source_init(&f->source, parts, mask, w, h, 1.0f / FLOW_CELL);
    mem_free(parts);
    mem_free(mask);
}

/* What G sees of the picture, once. */
static bool begin_pixels(FlowWarp *f, Err *e)
{
    size_t n = (size_t)f->fw * (size_t)f->fh;
    int w = MIN((int)ceilf((float)f->tw * f->per_texture), f->fw), h = MIN((int)ceilf((float)f->th * f->per_texture), f->fh);
    float *rgb = mem_alloc(sizeof(float) * 3 * n), *mask = mem_zero(sizeof(float) * n);
    float *small = mem_alloc(sizeof(float) * 3 * (size_t)w * (size_t)h), *soft = mem_alloc(sizeof(float) * (size_t)w * (size_t)h);
    plane_resize(f->rgb, f->tw, f->th, 3, small, w, h);
    plane_resize(f->mask, f->tw, f->th, 1, soft, w, h);
    for (int y = 0; y < f->fh; y++)
        for (int x = 0; x < f->fw; x++) {
            size_t o = (size_t)y * (size_t)f->fw + (size_t)x, i = (size_t)MIN(y, h - 1) * (size_t)w + (size_t)MIN(x, w - 1);
            memcpy(rgb + 3 * o, small + 3 * i, 3 * sizeof(float));
            if (x < w && y < h) mask[o] = soft[i];
        }
    bool ok = pixel_runner_begin(f->pixels, rgb, mask, f->fw, f->fh, e);
    mem_free(rgb), mem_free(mask), mem_free(small), mem_free(soft);
    return ok;
}

FlowWarp *flow_warp_create(FlowRunner *flow, PixelRunner *pixels, const Figure *figure, const Picture *texture, float scale,
                           int w, int h, Err *e)
{
    FlowWarp *f = mem_zero(sizeof *f);
    f->flow = flow, f->pixels = pixels, f->w = w, f->h = h, f->tw = texture->w, f->th = texture->h;
    f->per_output = (float)FLOW_FRAME / (float)MAX(w, h), f->per_texture = f->per_output * scale;
    f->fw = ((int)ceilf((float)w * f->per_output) + 15) / 16 * 16, f->fh = ((int)ceilf((float)h * f->per_output) + 15) / 16 * 16;
    size_t n = (size_t)f->fw * (size_t)f->fh, t = (size_t)f->tw * (size_t)f->th;
    f->rgb = mem_alloc(sizeof(float) * 3 * t), f->mask = mem_alloc(sizeof(float) * t);
    layer_clean(figure, texture, f->rgb, f->mask);
    for (int j = 0; j < FIGURE_JOINTS; j++)
        for (int k = 0; k < 2; k++) f->joint[j][k] = figure->joint[j][k] * f->per_texture;
    f->height = flow_body_height(f->joint);
    make_source(f, figure);
    f->input = mem_alloc(sizeof(float) * n / (FLOW_CELL * FLOW_CELL) * FLOW_INPUTS);
    f->colour = mem_zero(sizeof(float) * 3 * n), f->gate = mem_zero(sizeof(float) * n), f->alpha = mem_zero(sizeof(float) * n);
    if (!pixels || begin_pixels(f, e)) return f;
    flow_warp_destroy(f);
    return NULL;
}

void flow_warp_destroy(FlowWarp *f)
{
    if (!f) return;
    flow_source_finish(&f->source);
    mem_free(f->rgb), mem_free(f->mask), mem_free(f->input), mem_free(f->colour), mem_free(f->gate), mem_free(f->alpha);
    mem_free(f);
}

/* Bilinear at continuous coordinates; the border is repeated. */
static void sample(const float *in, int w, int h, int channels, float x, float y, float *out)
{
    x = CLAMP(x - 0.5f, 0.0f, (float)(w - 1)), y = CLAMP(y - 0.5f, 0.0f, (float)(h - 1));
    int x0 = (int)x, y0 = (int)y, x1 = MIN(x0 + 1, w - 1), y1 = MIN(y0 + 1, h - 1);
    float ax = x - (float)x0, ay = y - (float)y0;
    const float *a = in + ((size_t)y0 * (size_t)w + (size_t)x0) * (size_t)channels, *b = in + ((size_t)y0 * (size_t)w + (size_t)x1) * (size_t)channels;
    const float *c = in + ((size_t)y1 * (size_t)w + (size_t)x0) * (size_t)channels, *d = in + ((size_t)y1 * (size_t)w + (size_t)x1) * (size_t)channels;
    for (int k = 0; k < channels; k++) out[k] = (a[k] * (1 - ax) + b[k] * ax) * (1 - ay) + (c[k] * (1 - ax) + d[k] * ax) * ay;
}

typedef struct WarpJob { const FlowWarp *f; const FlowField *field; const FlowMap *maps; uint8_t *rgba; } WarpJob;

static void warp_rows(void *ctx, int64_t from, int64_t to)
{
    const WarpJob *j = ctx;
    const FlowWarp *f = j->f;
    for (int64_t y = from; y < to; y++)
        for (int x = 0; x < f->w; x++) {
            float fx = ((float)x + 0.5f) * f->per_output, fy = ((float)y + 0.5f) * f->per_output, rgb[3], seen, gate = 0, alpha;
            uint8_t *out = j->rgba + 4 * ((size_t)y * (size_t)f->w + (size_t)x);
            memset(out, 0, 4);
            if (f->pixels) {
                sample(f->alpha, f->fw, f->fh, 1, fx, fy, &alpha);
                if (alpha < 0.1f) continue;
            }
            FlowPoint p = flow_field_at(j->field, j->maps, fx, fy);
            if (!f->pixels) alpha = p.mask;
            if (alpha < 0.1f) continue;
            float u = p.source[0] / f->per_texture, v = p.source[1] / f->per_texture;
            sample(f->rgb, f->tw, f->th, 3, u, v, rgb);
            sample(f->mask, f->tw, f->th, 1, u, v, &seen);
            if (f->pixels) {
                float filled[3];
                sample(f->gate, f->fw, f->fh, 1, fx, fy, &gate);
                sample(f->colour, f->fw, f->fh, 3, fx, fy, filled);
                gate = plane_step(0.35f, 0.75f, gate); /* G at 128 pixels has no faces: only where it is sure to be needed */
                for (int k = 0; k < 3; k++) rgb[k] += gate * (filled[k] - rgb[k]);
            }
            float cover = (seen + gate * (1 - seen)) * plane_step(0.30f, 0.70f, alpha);
            for (int k = 0; k < 3; k++) out[k] = (uint8_t)(255 * CLAMP(rgb[k], 0.0f, 1.0f) * cover + 0.5f);
            out[3] = (uint8_t)(255 * cover + 0.5f);
        }
}

bool flow_warp_draw(FlowWarp *f, const FramePose *pose, uint8_t *rgba, Err *e)
{
    float target[FIGURE_JOINTS][2], depth[FIGURE_JOINTS], height = f->height * pose->scale;
    for (int j = 0; j < FIGURE_JOINTS; j++) {
        for (int k = 0; k < 2; k++) target[j][k] = pose->joint[j][k] * f->per_output;
        depth[j] = (pose->joint[j][2] - pose->joint[JOINT_PELVIS][2]) * f->per_output / height;
    }
    FlowMap maps[FLOW_BONES];
    flow_make_maps(f->joint, target, 1 / pose->scale, maps);
    flow_make_input(&f->source, maps, target, depth, height, f->fw / FLOW_CELL, f->fh / FLOW_CELL, f->input);
    const FlowField *field = flow_runner_run(f->flow, f->input, f->fw / FLOW_CELL, f->fh / FLOW_CELL, e);
    if (!field || (f->pixels && !pixel_runner_frame(f->pixels, field, maps, f->colour, f->gate, f->alpha, e))) return false;
    WarpJob j = {f, field, maps, rgba};
    threads_for(f->h, 8, warp_rows, &j);
    return true;
}
