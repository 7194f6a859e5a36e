/* SPDX-License-Identifier: Apache-2.0
 *
 * The model folder and one picture: opening, looking, frames (dabfusion_model.h).
 */
#include "models/dabfusion/dabfusion_internal.h"

#include <string.h>

static bool open_diffusion(DabfusionModel *m, const char *path, Err *e)
{
    m->file = safetensors_open(path, e);
    if (!m->file || !diffusion_read_config(m->file, &m->config, e))
        return err_context(e, "%s", path);
    m->ps = params_create();
    m->net = flow_unet_create(m->ps, "", &m->config.unet);
    return params_load(m->ps, m->file, "", false, e) || err_context(e, "%s", path);
}

/* Both halves must be of one training. */
static bool belong_together(const DabfusionModel *m, Err *e)
{
    int cells = lfae_runner_cells(m->lfae), channels = lfae_runner_channels(m->lfae) + FLOW_NUMBERS;
    if (cells != m->config.cells || channels != m->config.unet.channels)
        return err_set(e, "diffusion.safetensors is for %d cells and %lld channels, lfae.safetensors has %d and %d", m->config.cells,
                       (long long)m->config.unet.channels, cells, channels);
    if (m->config.lfae && m->config.lfae != lfae_runner_key(m->lfae))
        log_line(LOG_WARNING, "diffusion.safetensors was trained with other weights than this lfae.safetensors");
    if (m->config.music.clap || m->config.music.wav2clip)
        return err_set(e, "this model hears with CLAP or Wav2CLIP, which this program cannot run in a dance yet");
    return true;
}

DabfusionModel *dabfusion_open(const char *folder, const Device *device, Err *e)
{
    DabfusionModel *m = mem_zero(sizeof *m);
    Arena *a = arena_create();
    m->device = device;
    bool ok = (m->lfae = lfae_runner_open(arena_printf(a, "%s/lfae.safetensors", folder), device, e)) &&
              open_diffusion(m, arena_printf(a, "%s/diffusion.safetensors", folder), e) &&
              (belong_together(m, e) || err_context(e, "%s", folder)) &&
              schedule_init(&m->schedule, SCHEDULE_COSINE_9999, FLOW_LEVELS, e);
    arena_destroy(a);
    if (ok)
        return m;
    dabfusion_close(m);
    return NULL;
}

void dabfusion_close(DabfusionModel *m)
{
    if (!m)
        return;
    graph_destroy(m->picture);
    graph_destroy(m->step);
    schedule_finish(&m->schedule);
    flow_unet_destroy(m->net);
    params_destroy(m->ps);
    safetensors_close(m->file);
    lfae_runner_close(m->lfae);
    mem_free(m);
}

bool dabfusion_is_improved(const DabfusionModel *m) { return m->config.improved; }
double dabfusion_fps(const DabfusionModel *m) { return m->config.music.fps; }
int dabfusion_size(const DabfusionModel *m) { return (int)lfae_runner_config(m->lfae)->size; }
int dabfusion_cells(const DabfusionModel *m) { return m->config.cells; }

void dabfusion_content(const DabfusionModel *m, int box[4])
{
    box[0] = m->box.x;
    box[1] = m->box.y;
    box[2] = m->box.w;
    box[3] = m->box.h;
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

static bool planned(Graph **g, Err *e)
{
    if (graph_plan(*g, e))
        return true;
    graph_destroy(*g);
    *g = NULL;
    return false;
}

bool dabfusion_plan(DabfusionModel *m, Err *e)
{
    const DiffusionConfig *c = &m->config;
    int64_t n = c->cells, T = c->music.frames;
    if (!m->picture) {
        Graph *g = m->picture = graph_create(m->device, m->device->fast);
        Node *z = graph_input(g, "z", graph_type(g), SHAPE(1, n, n, c->unet.channels - FLOW_NUMBERS));
        graph_output(g, "picture", flow_unet_picture(g, m->net, z));
        if (!planned(&m->picture, e))
            return false;
    }
    if (m->step)
        return true;
    Graph *g = m->step = graph_create(m->device, m->device->fast);
    FlowStep s = {.x = graph_input(g, "x", graph_type(g), SHAPE(1, T, n, n, FLOW_NUMBERS)),
                  .picture = graph_input(g, "picture", graph_type(g), SHAPE(1, 1, n, n, c->unet.dim)),
                  .time = graph_input(g, "level", JIG_F32, SHAPE(1)),
                  .cond = graph_input(g, "music", JIG_F32, SHAPE(1, c->unet.cond)),
                  .keep = graph_input(g, "keep", JIG_F32, SHAPE(1, 1))};
    if (c->improved)
        s.frames = graph_input(g, "frames", JIG_F32, SHAPE(1, T, MUSIC_FRAME));
    graph_output(g, "eps", flow_unet_step(g, m->net, &s));
    return planned(&m->step, e);
}

/* ---- a picture --------------------------------------------------------------------------------------------------- */

/* How fast this machine is with this kind of work, by the second of two looks (the first packs weights). */
static bool look_and_measure(DabfusionModel *m, const float *rgb, Err *e)
{
    if (!lfae_runner_see(m->lfae, rgb, e))
        return false;
    double from = clock_seconds();
    if (!lfae_runner_see(m->lfae, rgb, e))
        return false;
    m->rate = lfae_runner_see_flops(m->lfae) / MAX(clock_seconds() - from, 1e-6);
    return true;
}

bool dabfusion_look(DabfusionModel *m, const Picture *picture, Err *e)
{
    int size = dabfusion_size(m);
    size_t pixels = (size_t)size * (size_t)size * 3;
    uint8_t *rgb = mem_alloc(pixels);
    float *floats = mem_alloc(pixels * sizeof *floats);
    m->box = data_letterbox(picture, size, rgb);
    for (size_t i = 0; i < pixels; i++)
        floats[i] = rgb[i] / 255.0f;
    bool ok = look_and_measure(m, floats, e);
    mem_free(floats);
    mem_free(rgb);
    return ok;
}

bool dabfusion_frame(DabfusionModel *m, const LatentMoves *moves, double seconds, float *rgb, Err *e)
{
    int64_t n = (int64_t)m->config.cells * m->config.cells;
    if (moves->cells != m->config.cells)
        return err_set(e, "these moves are for %d x %d cells, the model has %d x %d", moves->cells, moves->cells, m->config.cells, m->config.cells);
    float *flow = mem_alloc((size_t)(3 * n) * sizeof *flow), *occlusion = flow + 2 * n;
    latent_moves_at(moves, seconds, flow, occlusion);
    bool ok = lfae_runner_draw(m->lfae, flow, occlusion, rgb, e);
    mem_free(flow);
    return ok;
}
