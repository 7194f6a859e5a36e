/* SPDX-License-Identifier: Apache-2.0
 *
 * Latent flow as moves: in memory, in files, in time. All frames refer to the same picture, so flows may be interpolated,
 * mirrored, repeated and danced by another picture.
 */
#include "models/dabfusion/dabfusion_model.h"

#include <math.h>
#include <string.h>

enum { NUMBERS = 3, MOST_FRAMES = 1000000 };

static int64_t frame_numbers(const LatentMoves *m) { return (int64_t)m->cells * m->cells * NUMBERS; }

bool latent_moves_init(LatentMoves *m, int64_t frames, double fps, int cells, Err *e)
{
    size_t bytes;
    *m = (LatentMoves){.frames = frames, .fps = fps, .cells = cells};
    bool fits = frames >= 1 && frames <= MOST_FRAMES &&
                mem_product(&bytes, 4, (size_t)frames, (size_t)cells * (size_t)cells, (size_t)NUMBERS, sizeof(float));
    if (fits && (m->h = mem_try(bytes)))
        return true;
    return err_set(e, "no memory for the flow of %lld frames of %d x %d cells", (long long)frames, cells, cells);
}

void latent_moves_finish(LatentMoves *m)
{
    mem_free(m->h);
    *m = (LatentMoves){0};
}

void latent_moves_at(const LatentMoves *m, double seconds, float *flow, float *occlusion)
{
    double at = CLAMP(seconds * m->fps, 0.0, (double)(m->frames - 1));
    int64_t first = (int64_t)at, n = (int64_t)m->cells * m->cells;
    float part = (float)(at - (double)first);
    const float *a = m->h + first * n * NUMBERS, *b = m->h + MIN(first + 1, m->frames - 1) * n * NUMBERS;
    for (int64_t i = 0; i < n; i++, a += NUMBERS, b += NUMBERS) {
        flow[2 * i] = a[0] + part * (b[0] - a[0]);
        flow[2 * i + 1] = a[1] + part * (b[1] - a[1]);
        occlusion[i] = CLAMP((a[2] + part * (b[2] - a[2]) + 1) / 2, 0.0f, 1.0f);
    }
}

/* The cell on the other side, reading on the other side. */
void latent_moves_mirror(LatentMoves *m)
{
    int n = m->cells;
    for (int64_t row = 0; row < m->frames * n; row++) {
        float *line = m->h + row * n * NUMBERS;
        for (int x = 0; x <= (n - 1) / 2; x++) {
            float *a = line + x * NUMBERS, *b = line + (n - 1 - x) * NUMBERS;
            for (int k = 0; k < NUMBERS; k++) {
                float keep = a[k], sign = k == 0 ? -1 : 1;
                a[k] = sign * b[k];
                if (a != b)
                    b[k] = sign * keep;
            }
        }
    }
}

void latent_moves_close(LatentMoves *m, int64_t over)
{
    int64_t n = frame_numbers(m);
    over = MIN(over, m->frames - 1);
    for (int64_t k = 0; k < over; k++) {
        float u = (float)(k + 1) / (float)(over + 1), part = u * u * (3 - 2 * u);
        float *h = m->h + (m->frames - over + k) * n;
        for (int64_t i = 0; i < n; i++)
            h[i] += part * (m->h[i] - h[i]);
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

bool latent_moves_write(const LatentMoves *m, const char *path, const BeatGrid *grid, Err *e)
{
    int n = grid->n;
    Arena *a = arena_create();
    int64_t *beats = arena_alloc(a, (size_t)MAX(n, 1) * sizeof *beats);
    int32_t *places = arena_alloc(a, (size_t)MAX(n, 1) * sizeof *places);
    for (int i = 0; i < n; i++) {
        beats[i] = llround(grid->seconds[i] * 1e6);
        places[i] = grid->beat_in_bar[i];
    }
    const NamedTensor ts[] = {{"flow", {JIG_F32, SHAPE(m->frames, m->cells, m->cells, NUMBERS), m->h}},
                              {"beats", {JIG_I64, SHAPE(n), beats}},
                              {"beat_in_bar", {JIG_I32, SHAPE(n), places}}};
    const MetaPair meta[] = {{"class", "moves"}, {"kind", "latent flow"}, {"fps", arena_printf(a, "%.17g", m->fps)}};
    bool ok = safetensors_write(path, ts, n ? 3 : 1, meta, ARRAY_LEN(meta), e);
    arena_destroy(a);
    return ok;
}

static bool read_beats(const SafeTensors *st, double length, BeatGrid *grid, Err *e)
{
    Tensor beats, places;
    audio_grid_init(grid);
    if (!safetensors_find(st, "beats", &beats))
        return true;
    int64_t n = shape_count(beats.shape);
    if (!safetensors_find(st, "beat_in_bar", &places) || beats.type != JIG_I64 || places.type != JIG_I32 || shape_count(places.shape) != n || n > 200000)
        return err_set(e, "its beats are damaged");
    double *seconds = mem_alloc((size_t)MAX(n, 1) * sizeof *seconds);
    int *in_bar = mem_alloc((size_t)MAX(n, 1) * sizeof *in_bar);
    bool rising = true;
    for (int64_t i = 0; i < n; i++) {
        seconds[i] = (double)((const int64_t *)beats.data)[i] * 1e-6;
        in_bar[i] = ((const int32_t *)places.data)[i];
        rising = rising && in_bar[i] >= 1 && in_bar[i] <= 16 && (i == 0 || seconds[i] > seconds[i - 1]);
    }
    if (rising)
        audio_grid_set(grid, seconds, in_bar, (int)n, length);
    mem_free(seconds);
    mem_free(in_bar);
    return rising || err_set(e, "its beats do not rise");
}

static bool read_whole(LatentMoves *m, const SafeTensors *st, BeatGrid *grid, Err *e)
{
    const char *class = safetensors_meta(st, "class"), *kind = safetensors_meta(st, "kind"), *rate = safetensors_meta(st, "fps");
    Tensor flow;
    double fps;
    if (!class || strcmp(class, "moves") || !kind || strcmp(kind, "latent flow"))
        return err_set(e, "these are no moves of DabFusion (latent flow of --save-moves)");
    if (!rate || !text_to_double(rate, &fps) || !(fps >= 1 && fps <= 240))
        return err_set(e, "fps is \"%s\" (allowed: 1 to 240)", rate ? rate : "missing");
    bool fits = safetensors_find(st, "flow", &flow) && flow.type == JIG_F32 && flow.shape.n == 4 && flow.shape.d[0] >= 1 &&
                flow.shape.d[1] == flow.shape.d[2] && flow.shape.d[1] >= 2 && flow.shape.d[1] <= 1024 && flow.shape.d[3] == NUMBERS;
    if (!fits)
        return err_set(e, "it holds no \"flow\" F32 [frames, cells, cells, 3]");
    if (!latent_moves_init(m, flow.shape.d[0], fps, (int)flow.shape.d[1], e))
        return false;
    memcpy(m->h, flow.data, tensor_bytes(&flow));
    for (int64_t i = 0; i < shape_count(flow.shape); i++)
        if (!isfinite(m->h[i]))
            return err_set(e, "its flow holds numbers that are not finite");
    return read_beats(st, (double)m->frames / fps, grid, e);
}

/* The time in the old moves that is danced at time t: the same place between beats, or the moves over and over. */
static double time_in(const BeatGrid *old, const BeatGrid *grid, double length, double t)
{
    if (audio_grid_has_beat(old) && audio_grid_has_beat(grid)) {
        double first = audio_grid_position(old, 0), last = audio_grid_position(old, length);
        double beats = floor(last - first), position = audio_grid_position(grid, t) - audio_grid_position(grid, 0);
        if (beats >= 1)
            return audio_grid_time(old, first + fmod(position, beats));
    }
    return fmod(t, length);
}

static void retime(const LatentMoves *from, const BeatGrid *old, const BeatGrid *grid, LatentMoves *to)
{
    int64_t n = (int64_t)from->cells * from->cells;
    float *flow = mem_alloc((size_t)(3 * n) * sizeof *flow), *occlusion = flow + 2 * n;
    double length = (double)from->frames / from->fps;
    for (int64_t t = 0; t < to->frames; t++) {
        float *h = to->h + t * n * NUMBERS;
        latent_moves_at(from, time_in(old, grid, length, (double)t / to->fps), flow, occlusion);
        for (int64_t i = 0; i < n; i++) {
            h[3 * i] = flow[2 * i];
            h[3 * i + 1] = flow[2 * i + 1];
            h[3 * i + 2] = 2 * occlusion[i] - 1;
        }
    }
    mem_free(flow);
}

static bool same_beats(const BeatGrid *a, const BeatGrid *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++)
        same = fabs(a->seconds[i] - b->seconds[i]) < 1e-5;
    return same;
}

bool latent_moves_read(LatentMoves *m, const char *path, const BeatGrid *grid, double seconds, Err *e)
{
    LatentMoves whole = {0};
    BeatGrid old;
    audio_grid_init(&old);
    *m = (LatentMoves){0};
    SafeTensors *st = safetensors_open(path, e);
    bool ok = st && (read_whole(&whole, st, &old, e) || err_context(e, "%s", path));
    int64_t frames = MAX(llround(seconds * whole.fps), 1);
    if (ok && frames == whole.frames && same_beats(&old, grid)) {
        *m = whole; /* made for this song: frame by frame */
        whole.h = NULL;
    } else if (ok && (ok = latent_moves_init(m, frames, whole.fps, whole.cells, e))) {
        retime(&whole, &old, grid, m);
    }
    latent_moves_finish(&whole);
    audio_grid_finish(&old);
    safetensors_close(st);
    return ok;
}
