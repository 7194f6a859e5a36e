/* SPDX-License-Identifier: Apache-2.0
 *
 * DabFusion behind ModelClass (docs/models/dabfusion.md): latent flow as moves, frames drawn by the LFAE's decoder. The video
 * shows the picture without the letter box's bars, enlarged when --size asks for more than the model's own size.
 */
#include "api/model_class.h"

#include <math.h>
#include <string.h>

typedef struct Dancer {
    DabfusionModel *model;
    LatentMoves moves;
    double fps;
    int w, h;    /* of the video */
    float *rgb;  /* one frame at the model's size */
} Dancer;

static void dancer_close(void *model)
{
    Dancer *d = model;
    if (!d)
        return;
    latent_moves_finish(&d->moves);
    dabfusion_close(d->model);
    mem_free(d->rgb);
    mem_free(d);
}

static void *dancer_open(const char *folder, const Device *device, Err *e)
{
    Dancer *d = mem_zero(sizeof *d);
    if ((d->model = dabfusion_open(folder, device, e)))
        return d;
    dancer_close(d);
    return NULL;
}

static bool dancer_settle(void *model, DanceInput *in, Err *e)
{
    static const char *const others[] = {"joints", "style", "energy", "shadow", "transparent", "warp"};
    const Dancer *d = model;
    ArticulatedOptions *look = &in->o->look;
    if (!api_option_given(in->job, "fps"))
        look->fps = dabfusion_fps(d->model);
    if (!api_option_given(in->job, "size"))
        look->size = dabfusion_size(d->model);
    if (!api_option_given(in->job, "steps"))
        look->steps = 50;
    if (!api_option_given(in->job, "guidance"))
        look->guidance = 1;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (api_option_given(in->job, others[i]))
            log_line(LOG_WARNING, "--%s does nothing with a DabFusion model", others[i]);
    LatentOptions *o = &in->o->latent;
    o->steps = (int)look->steps;
    o->guidance = look->guidance;
    o->seed = look->seed;
    return true;
}

static const char *dancer_networks(const void *model)
{
    return dabfusion_is_improved(((const Dancer *)model)->model) ? "DabFusion, improved mode" : "DabFusion, paper mode";
}

static int even(double x) { return MAX(2 * (int)lround(x / 2), 16); }

/* What is transparent shows --background. */
static bool flatten(const Picture *p, const char *colour, Picture *out, Err *e)
{
    unsigned v = 0;
    char after;
    if (!colour || strlen(colour) != 7 || sscanf(colour, "#%6x%c", &v, &after) != 1)
        return err_set(e, "background \"%s\": a colour is written #rrggbb, for example #ffffff", colour ? colour : "");
    if (!picture_copy(p, out, e))
        return false;
    picture_flatten(out, (const uint8_t[3]){(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v});
    return true;
}

static bool dancer_look(void *model, const DanceInput *in, const Progress *p, Err *e)
{
    Dancer *d = model;
    Picture opaque = {0};
    bool ok = flatten(&in->picture, in->o->look.background, &opaque, e) && dabfusion_look(d->model, &opaque, e);
    picture_finish(&opaque);
    if (!ok)
        return false;
    int box[4], size = dabfusion_size(d->model);
    dabfusion_content(d->model, box);
    double scale = (double)in->o->look.size / MAX(box[2], box[3]);
    d->w = even(box[2] * scale);
    d->h = even(box[3] * scale);
    d->fps = in->o->look.fps;
    d->rgb = mem_alloc((size_t)size * (size_t)size * 3 * sizeof *d->rgb);
    return true;
}

static uint64_t dancer_bytes(const void *model, const DanceInput *in)
{
    return dabfusion_bytes(((const Dancer *)model)->model, in->song.seconds, &in->o->latent);
}

static double dancer_seconds(const void *model, const DanceInput *in)
{
    return dabfusion_seconds(((const Dancer *)model)->model, in->song.seconds, in->o->look.fps, &in->o->latent);
}

static bool dancer_make_moves(void *model, const DanceInput *in, const Progress *p, Err *e)
{
    Dancer *d = model;
    const SongPiece *s = &in->song;
    log_line(LOG_INFO, "this will take about %.0f s", dancer_seconds(model, in));
    return dabfusion_sample(d->model, s->mono, s->frames, s->sound.rate, &s->grid, &in->o->latent, &d->moves, p, e);
}

static bool dancer_read_moves(void *model, const DanceInput *in, const char *path, Err *e)
{
    Dancer *d = model;
    if (!latent_moves_read(&d->moves, path, &in->song.grid, in->song.seconds, e))
        return false;
    int have = d->moves.cells, need = dabfusion_cells(d->model);
    return have == need || err_set(e, "%s: moves of %d x %d cells; this model needs %d x %d", path, have, have, need, need);
}

static bool dancer_save_moves(const void *model, const DanceInput *in, const char *path, Err *e)
{
    return latent_moves_write(&((const Dancer *)model)->moves, path, &in->song.grid, e);
}

static bool dancer_begin(void *model, const DanceInput *in, const Progress *p, Err *e)
{
    Dancer *d = model;
    if (in->o->look.mirror)
        latent_moves_mirror(&d->moves);
    if (in->o->look.loop)
        latent_moves_close(&d->moves, llround(d->moves.fps));
    return true;
}

static void dancer_size(const void *model, int *w, int *h)
{
    const Dancer *d = model;
    *w = d->w;
    *h = d->h;
}

static const char *dancer_way(const void *model) { return "latent flow"; }

static bool dancer_frame(void *model, int64_t i, uint8_t *rgba, Err *e)
{
    Dancer *d = model;
    int box[4], size = dabfusion_size(d->model);
    Picture cut = {0}, sized = {0};
    dabfusion_content(d->model, box);
    bool ok = dabfusion_frame(d->model, &d->moves, (double)i / d->fps, d->rgb, e) && picture_init(&cut, box[2], box[3], e);
    for (int y = 0; ok && y < box[3]; y++)
        for (int x = 0; x < box[2]; x++) {
            const float *from = d->rgb + ((size_t)(box[1] + y) * (size_t)size + (size_t)(box[0] + x)) * 3;
            uint8_t *to = cut.rgba + ((size_t)y * (size_t)box[2] + (size_t)x) * 4;
            for (int c = 0; c < 4; c++)
                to[c] = c == 3 ? 255 : (uint8_t)lroundf(255 * CLAMP(from[c], 0.0f, 1.0f));
        }
    ok = ok && picture_resize(&cut, d->w, d->h, &sized, e);
    if (ok)
        memcpy(rgba, sized.rgba, (size_t)d->w * (size_t)d->h * 4);
    picture_finish(&cut);
    picture_finish(&sized);
    return ok;
}

/* The cells of the flow move as joints do: where each reads in the picture. */
static bool dancer_measure(void *model, const DanceInput *in, int64_t n, SyncScore *out, Err *e)
{
    Dancer *d = model;
    int64_t cells = (int64_t)d->moves.cells * d->moves.cells;
    size_t bytes;
    float *flow = mem_product(&bytes, 3, (size_t)(n + 1), (size_t)cells * 2, sizeof(float)) ? mem_try(bytes) : NULL;
    if (!flow)
        return err_set(e, "not enough memory for the flow of %lld frames", (long long)n);
    float *occlusion = flow + n * cells * 2;
    for (int64_t i = 0; i < n; i++)
        latent_moves_at(&d->moves, (double)i / d->fps, flow + i * cells * 2, occlusion);
    *out = metrics_sync_joints(flow, n, (int)cells, 2, d->fps, in->song.grid.seconds, in->song.grid.n);
    mem_free(flow);
    return true;
}

const ModelClass model_dabfusion = {
    .name = "dabfusion",
    .open = dancer_open,
    .close = dancer_close,
    .settle = dancer_settle,
    .networks = dancer_networks,
    .look = dancer_look,
    .bytes = dancer_bytes,
    .seconds = dancer_seconds,
    .make_moves = dancer_make_moves,
    .read_moves = dancer_read_moves,
    .save_moves = dancer_save_moves,
    .begin = dancer_begin,
    .size = dancer_size,
    .way = dancer_way,
    .frame = dancer_frame,
    .measure = dancer_measure,
};
