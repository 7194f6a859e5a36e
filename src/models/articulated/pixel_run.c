/* SPDX-License-Identifier: Apache-2.0
 *
 * G in use: the source is encoded once; every frame is decoded along P's field.
 */
#include "models/articulated/nets.h"

#include <math.h>
#include <string.h>

struct PixelRunner {
    const Device *device;
    SafeTensors *file;
    ParamSet *ps;
    PixelConfig config;
    PixelNet *net;
    Graph *encoder, *decoder;
    int w, h;
    float *rgb;                                             /* [h][w][3] of the source, -1..1 */
    float *grids[NET_LEVELS], *planes, *frame, *seen, *out; /* host sides of the decoder's inputs and output */
};

PixelRunner *pixel_runner_open(const char *path, const Device *device, Err *e)
{
    PixelRunner *r = mem_zero(sizeof *r);
    r->device = device;
    r->file = safetensors_open(path, e);
    bool ok = r->file && net_check_class(r->file, "articulated.pixels", e) &&
              net_parse_widths(safetensors_meta(r->file, "widths"), r->config.widths, e);
    if (ok) {
        r->ps = params_create();
        r->net = pixel_net_create(&r->config, r->ps);
        ok = params_allocate(r->ps, false, 0, e) && params_load(r->ps, r->file, "", true, e);
    }
    if (ok)
        return r;
    err_context(e, "%s", path);
    pixel_runner_close(r);
    return NULL;
}

static void drop_graphs(PixelRunner *r)
{
    graph_destroy(r->encoder);
    graph_destroy(r->decoder);
    r->encoder = r->decoder = NULL;
    float **all[] = {&r->rgb,      &r->planes,   &r->frame,    &r->seen,    &r->out,
                     &r->grids[0], &r->grids[1], &r->grids[2], &r->grids[3]};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        mem_free(*all[i]);
        *all[i] = NULL;
    }
}

void pixel_runner_close(PixelRunner *r)
{
    if (!r)
        return;
    drop_graphs(r);
    pixel_net_destroy(r->net);
    params_destroy(r->ps);
    safetensors_close(r->file);
    mem_free(r);
}

static float *floats(size_t n) { return mem_alloc(n * sizeof(float)); }

static void feature_name(char name[16], int level) { snprintf(name, 16, "features %d", level); }

static bool make_graphs(PixelRunner *r, int w, int h, Err *e)
{
    if (r->encoder && r->w == w && r->h == h)
        return true;
    drop_graphs(r);
    r->w = w;
    r->h = h;
    size_t n = (size_t)w * (size_t)h;
    char name[16], grid[16];
    Graph *a = r->encoder = graph_create(r->device, r->device->fast),
          *b = r->decoder = graph_create(r->device, r->device->fast);
    DType type = graph_type(a);
    Node *features[NET_LEVELS], *grids[NET_LEVELS];
    pixel_net_encode(a, r->net, graph_input(a, "source", type, SHAPE(1, h / PIXEL_PACK, w / PIXEL_PACK, PIXEL_SOURCE)),
                     features);
    for (int l = 0; l < NET_LEVELS; l++) {
        feature_name(name, l);
        snprintf(grid, sizeof grid, "grid %d", l);
        graph_output(a, name, features[l]);
        Shape s = SHAPE(1, h / PIXEL_PACK >> l, w / PIXEL_PACK >> l, 2);
        grids[l] = graph_input(b, grid, JIG_F32, s);
        r->grids[l] = floats((size_t)shape_count(s));
        s.d[3] = r->config.widths[l];
        features[l] = graph_input(b, name, type, s);
    }
    Node *seen = graph_input(b, "seen", type, SHAPE(1, h / PIXEL_PACK, w / PIXEL_PACK, 1));
    Node *frame = graph_input(b, "frame", type, SHAPE(1, h / PIXEL_PACK, w / PIXEL_PACK, PIXEL_FRAME));
    graph_output(b, "out", op_cast(b, pixel_net_decode(b, r->net, features, grids, seen, frame), JIG_F32));
    r->rgb = floats(3 * n);
    r->planes = floats(5 * n);
    r->frame = floats(n / (PIXEL_PACK * PIXEL_PACK) * PIXEL_FRAME);
    r->seen = floats(n / (PIXEL_PACK * PIXEL_PACK));
    r->out = floats(PIXEL_OUT * n);
    if (graph_plan(a, e) && graph_plan(b, e))
        return true;
    drop_graphs(r);
    return false;
}

bool pixel_runner_begin(PixelRunner *r, const float *rgb, const float *mask, int w, int h, Err *e)
{
    if (w < 16 || h < 16 || w > 1024 || h > 1024 || w % 16 || h % 16)
        return err_set(e, "pixel network: %d x %d (sides: multiples of 16 from 16 to 1024)", w, h);
    if (!make_graphs(r, w, h, e))
        return false;
    size_t n = (size_t)w * (size_t)h;
    float *packed = floats(n / (PIXEL_PACK * PIXEL_PACK) * PIXEL_SOURCE);
    for (size_t i = 0; i < 3 * n; i++)
        r->rgb[i] = 2 * rgb[i] - 1;
    net_pack(r->rgb, h, w, 3, PIXEL_PACK, packed, PIXEL_SOURCE, 0);
    net_pack(mask, h, w, 1, PIXEL_PACK, packed, PIXEL_SOURCE, 3 * PIXEL_PACK * PIXEL_PACK);
    bool ok = graph_set(r->encoder, "source", packed, JIG_F32) && graph_run(r->encoder, e);
    mem_free(packed);
    for (int l = 0; ok && l < NET_LEVELS; l++) {
        char name[16];
        DType type;
        feature_name(name, l);
        const void *features = graph_peek(r->encoder, name, NULL, &type);
        ok = features && graph_set(r->decoder, name, features, type);
    }
    return ok || err_set(e, "pixel network: its two halves do not fit");
}

/* Bilinear, border repeated; x, y with the centre of the first pixel at 0. */
static void sample_rgb(const float *rgb, int w, int h, float x, float y, float out[3])
{
    x = CLAMP(x, 0, (float)w - 1);
    y = CLAMP(y, 0, (float)h - 1);
    int x0 = (int)x, y0 = (int)y, x1 = MIN(x0 + 1, w - 1), y1 = MIN(y0 + 1, h - 1);
    float u = x - (float)x0, v = y - (float)y0;
    for (int c = 0; c < 3; c++)
        out[c] = (1 - v) * ((1 - u) * rgb[(y0 * w + x0) * 3 + c] + u * rgb[(y0 * w + x1) * 3 + c]) +
                 v * ((1 - u) * rgb[(y1 * w + x0) * 3 + c] + u * rgb[(y1 * w + x1) * 3 + c]);
}

/* Means of the field over cells of each level, in that level's pixels. coordinates [h][w][2]. */
static void fill_grids(PixelRunner *r, const float *coordinates)
{
    for (int l = 0; l < NET_LEVELS; l++) {
        int cell = PIXEL_PACK << l, w = r->w / cell, h = r->h / cell;
        for (int i = 0; i < w * h; i++)
            for (int k = 0; k < 2; k++) {
                float sum = 0;
                for (int j = 0; j < cell * cell; j++)
                    sum += coordinates[((i / w * cell + j / cell) * r->w + i % w * cell + j % cell) * 2 + k];
                r->grids[l][2 * i + k] = sum / (float)(cell * cell) / (float)cell - 0.5f;
            }
    }
}

typedef struct FramePoints {
    PixelRunner *r;
    const FlowField *field;
    const FlowMap *maps;
    float *coordinates;
} FramePoints;

static void fill_rows(void *ctx, int64_t from, int64_t to)
{
    const FramePoints *c = ctx;
    int w = c->r->w;
    for (int64_t i = from * w; i < to * w; i++) {
        FlowPoint p = flow_field_at(c->field, c->maps, (float)(i % w) + 0.5f, (float)(i / w) + 0.5f);
        float *plane = c->r->planes + 5 * i;
        sample_rgb(c->r->rgb, w, c->r->h, p.source[0] - 0.5f, p.source[1] - 0.5f, plane);
        plane[3] = p.visible;
        plane[4] = p.mask;
        c->coordinates[2 * i] = p.source[0];
        c->coordinates[2 * i + 1] = p.source[1];
    }
}

/* Bone weights of the field's own cells, and what is seen there. */
static void fill_cells(PixelRunner *r, const FlowField *field)
{
    int w = r->w / PIXEL_PACK, at = 5 * PIXEL_PACK * PIXEL_PACK;
    for (int i = 0; i < w * (r->h / PIXEL_PACK); i++) {
        flow_field_weights(field, i, r->frame + (int64_t)i * PIXEL_FRAME + at);
        float sum = 0;
        for (int j = 0; j < PIXEL_PACK * PIXEL_PACK; j++) {
            const float *p =
                r->planes + 5 * ((i / w * PIXEL_PACK + j / PIXEL_PACK) * r->w + i % w * PIXEL_PACK + j % PIXEL_PACK);
            sum += p[3] * p[4];
        }
        r->seen[i] = sum / (PIXEL_PACK * PIXEL_PACK);
    }
}

static bool run_decoder(PixelRunner *r, Err *e)
{
    char grid[16];
    for (int l = 0; l < NET_LEVELS; l++) {
        snprintf(grid, sizeof grid, "grid %d", l);
        if (!graph_set(r->decoder, grid, r->grids[l], JIG_F32))
            return err_set(e, "pixel network: no input %s", grid);
    }
    return graph_set(r->decoder, "frame", r->frame, JIG_F32) && graph_set(r->decoder, "seen", r->seen, JIG_F32) &&
           graph_run(r->decoder, e) && graph_get(r->decoder, "out", r->out);
}

bool pixel_runner_frame(PixelRunner *r, const FlowField *field, const FlowMap maps[FLOW_BONES], float *colour,
                        float *gate, float *alpha, Err *e)
{
    if (!r->decoder || field->w * FLOW_CELL != r->w || field->h * FLOW_CELL != r->h)
        return err_set(e, "pixel network: field of %d x %d cells for a picture of %d x %d", field->w, field->h, r->w,
                       r->h);
    float *coordinates = floats((size_t)r->w * (size_t)r->h * 2);
    FramePoints c = {r, field, maps, coordinates};
    threads_for(r->h, 8, fill_rows, &c);
    fill_grids(r, coordinates);
    net_pack(r->planes, r->h, r->w, 5, PIXEL_PACK, r->frame, PIXEL_FRAME, 0);
    fill_cells(r, field);
    mem_free(coordinates);
    if (!run_decoder(r, e))
        return false;
    for (int i = 0; i < r->w * r->h; i++) {
        const float *o = r->out + PIXEL_OUT * i;
        for (int k = 0; k < 3; k++)
            colour[3 * i + k] = CLAMP(0.5f * (o[k] + 1), 0, 1);
        gate[i] = 1 / (1 + expf(-o[3]));
        alpha[i] = 1 / (1 + expf(-o[4]));
    }
    return true;
}
