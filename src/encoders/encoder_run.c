/* SPDX-License-Identifier: Apache-2.0
 *
 * encoder_run: from samples to vectors. A Runner is what the three have in common: a weight file (mapped, so the
 * weights are shared by processes), its parameters, and the graph for the last length of input.
 */
#include "audio/audio.h"
#include "encoders/encoders.h"

#include <math.h>
#include <string.h>

enum { SECONDS_MAX = 60, WAV2CLIP_LEAST = 512 };

typedef struct Runner {
    const Device *device;
    DType compute;
    SafeTensors *file;
    Arena *mem;
    ParamSet *ps;
    Graph *graph;
    int64_t size; /* that the graph is for; 0: none */
} Runner;

static bool runner_open(Runner *r, const char *path, const Device *device, DType compute, Err *e)
{
    *r = (Runner){.device = device, .compute = compute, .mem = arena_create(), .ps = params_create()};
    r->file = weights_open(path, e);
    return r->file != NULL;
}

static void runner_close(Runner *r)
{
    graph_destroy(r->graph);
    params_destroy(r->ps);
    safetensors_close(r->file);
    arena_destroy(r->mem);
}

static bool runner_load(Runner *r, const char *path, Err *e)
{
    bool ok = params_load(r->ps, r->file, params_prefix(r->ps, r->file, r->mem), true, e);
    return ok || err_context(e, "%s", path);
}

/* A graph for inputs of `size`, to be built when true is returned with *fresh. */
static void runner_size(Runner *r, int64_t size, bool *fresh)
{
    *fresh = r->size != size;
    if (!*fresh) return;
    graph_destroy(r->graph);
    r->graph = graph_create(r->device, r->compute);
    r->size = size;
}

static bool runner_run(Runner *r, bool fresh, const float *in, const char *result, float *out, Err *e)
{
    if (fresh && !graph_plan(r->graph, e)) {
        r->size = 0;
        return false;
    }
    return graph_set(r->graph, "in", in, JIG_F32) && graph_run(r->graph, e) && graph_get(r->graph, result, out);
}

/* The first tensor whose name ends so. */
static bool ends_with(const SafeTensors *st, const char *suffix, Tensor *t)
{
    for (int i = 0; i < safetensors_count(st); i++)
        if (text_ends_with(safetensors_name(st, i), suffix)) {
            *t = safetensors_tensor(st, i);
            return true;
        }
    return false;
}

static bool length_fits(const char *what, int64_t n, int64_t least, int64_t rate, Err *e)
{
    if (n >= least && n <= SECONDS_MAX * rate) return true;
    return err_set(e, "%s: %lld samples at once; allowed are %lld to %lld (%d seconds)", what, (long long)n,
                   (long long)least, (long long)(SECONDS_MAX * rate), SECONDS_MAX);
}

/* ---- CLAP -------------------------------------------------------------------------------------------------------- */

struct ClapEncoder {
    Runner r;
    Htsat *net;
    float *mel; /* [1001, 64] */
};

ClapEncoder *clap_open(const char *path, const Device *device, DType compute, Err *e)
{
    ClapEncoder *c = mem_zero(sizeof *c);
    HtsatConfig config = htsat_published();
    Tensor t;
    bool ok = runner_open(&c->r, path, device, compute, e);
    if (ok && ends_with(c->r.file, "patch_embed.proj.weight", &t) && t.shape.n == 4 && t.shape.d[0] == 96) {
        config.width = 96; /* tiny: the 630k checkpoints */
        config.depths[2] = 6;
    }
    ok = ok && (c->net = htsat_create(c->r.ps, &config, e)) && runner_load(&c->r, path, e);
    c->mel = mem_alloc(sizeof(float) * AUDIO_CLAP_FRAMES * AUDIO_CLAP_BANDS);
    if (ok) return c;
    clap_close(c);
    return NULL;
}

void clap_close(ClapEncoder *c)
{
    if (!c) return;
    htsat_destroy(c->net);
    runner_close(&c->r);
    mem_free(c->mel);
    mem_free(c);
}

bool clap_embed(ClapEncoder *c, const float *x, int64_t n, float out[CLAP_WIDTH], Err *e)
{
    bool fresh;
    if (n < 1) return err_set(e, "CLAP: no samples");
    audio_clap_input(x, n, c->mel);
    runner_size(&c->r, AUDIO_CLAP_FRAMES, &fresh);
    if (fresh) {
        Graph *g = c->r.graph;
        Node *mel = graph_input(g, "in", graph_type(g), SHAPE(1, AUDIO_CLAP_FRAMES, AUDIO_CLAP_BANDS));
        graph_output(g, "out", op_cast(g, htsat_build(g, c->net, mel).embeds, JIG_F32));
    }
    if (!runner_run(&c->r, fresh, c->mel, "out", out, e)) return false;
    double squares = 0;
    for (int i = 0; i < CLAP_WIDTH; i++) squares += (double)out[i] * out[i];
    for (int i = 0; i < CLAP_WIDTH && squares > 0; i++) out[i] = (float)(out[i] / sqrt(squares));
    return true;
}

/* ---- Wav2CLIP ---------------------------------------------------------------------------------------------------- */

struct Wav2clipEncoder {
    Runner r;
    Wav2clip *net;
    bool has_transform;
};

Wav2clipEncoder *wav2clip_open(const char *path, const Device *device, DType compute, Err *e)
{
    Wav2clipEncoder *c = mem_zero(sizeof *c);
    Wav2clipConfig config = wav2clip_published();
    Tensor t;
    bool ok = runner_open(&c->r, path, device, compute, e);
    if (ok) {
        config.transform = c->has_transform = ends_with(c->r.file, "audio_transform.sequential.0.weight", &t);
        c->net = wav2clip_create(c->r.ps, &config);
    }
    if (ok && runner_load(&c->r, path, e)) return c;
    wav2clip_close(c);
    return NULL;
}

void wav2clip_close(Wav2clipEncoder *c)
{
    if (!c) return;
    wav2clip_destroy(c->net);
    runner_close(&c->r);
    mem_free(c);
}

bool wav2clip_embed(Wav2clipEncoder *c, const float *x, int64_t n, bool transform, float out[WAV2CLIP_WIDTH], Err *e)
{
    bool fresh;
    if (!length_fits("Wav2CLIP", n, WAV2CLIP_LEAST, AUDIO_WAV2CLIP_RATE, e)) return false;
    if (transform && !c->has_transform) return err_set(e, "Wav2CLIP: the weights have no audio_transform");
    int64_t frames = audio_wav2clip_frames(n);
    runner_size(&c->r, frames, &fresh);
    if (fresh) {
        Graph *g = c->r.graph;
        Node *in = graph_input(g, "in", graph_type(g), SHAPE(1, AUDIO_WAV2CLIP_BINS, frames, 1));
        Wav2clipNodes nodes = wav2clip_build(g, c->net, in);
        graph_output(g, "features", op_cast(g, nodes.features, JIG_F32));
        if (nodes.embedding) graph_output(g, "embedding", op_cast(g, nodes.embedding, JIG_F32));
    }
    float *spectrogram = mem_alloc(sizeof(float) * (size_t)(frames * AUDIO_WAV2CLIP_BINS));
    audio_wav2clip_input(x, n, spectrogram);
    bool ok = runner_run(&c->r, fresh, spectrogram, transform ? "embedding" : "features", out, e);
    mem_free(spectrogram);
    return ok;
}

bool wav2clip_embed_pieces(Wav2clipEncoder *c, const float *x, int64_t n, int64_t length, int64_t hop, bool transform,
                           float *out, const Progress *p, Err *e)
{
    int64_t pieces = audio_pieces(n, length, hop);
    for (int64_t i = 0; i < pieces; i++) {
        if (!wav2clip_embed(c, x + i * hop, length, transform, out + i * WAV2CLIP_WIDTH, e)) return false;
        if (!progress_tick(p, "Wav2CLIP", (double)(i + 1), (double)pieces)) return err_cancel(e);
    }
    return true;
}

/* ---- wav2vec 2.0 ------------------------------------------------------------------------------------------------- */

struct Wav2vec2Encoder {
    Runner r;
    Wav2vec2Config config;
    Wav2vec2 *net;
};

Wav2vec2Encoder *wav2vec2_open(const char *path, const Device *device, DType compute, Err *e)
{
    Wav2vec2Encoder *c = mem_zero(sizeof *c);
    c->config = wav2vec2_published();
    bool ok = runner_open(&c->r, path, device, compute, e);
    ok = ok && (c->net = wav2vec2_create(c->r.ps, &c->config, e)) && runner_load(&c->r, path, e);
    if (ok) return c;
    wav2vec2_close(c);
    return NULL;
}

void wav2vec2_close(Wav2vec2Encoder *c)
{
    if (!c) return;
    wav2vec2_destroy(c->net);
    runner_close(&c->r);
    mem_free(c);
}

bool wav2vec2_encode(Wav2vec2Encoder *c, const float *x, int64_t n, int layer, float *out, Err *e)
{
    bool fresh;
    if (!length_fits("wav2vec 2.0", n, 400, AUDIO_WAV2VEC2_RATE, e)) return false;
    if (layer < 0 || layer > c->config.layers)
        return err_set(e, "wav2vec 2.0: hidden layer %d; allowed are 0 to %d", layer, (int)c->config.layers);
    /* Another layer is another graph: what comes after it is not computed. */
    runner_size(&c->r, n * (ENCODER_LAYERS + 1) + layer, &fresh);
    if (fresh) {
        Graph *g = c->r.graph;
        Wav2vec2Nodes nodes = wav2vec2_build(g, c->net, graph_input(g, "in", graph_type(g), SHAPE(1, n)));
        graph_output(g, "out", op_cast(g, nodes.hidden[layer], JIG_F32));
    }
    float *wave = mem_alloc(sizeof(float) * (size_t)n);
    memcpy(wave, x, sizeof(float) * (size_t)n);
    audio_wav2vec2_normalise(wave, n);
    bool ok = runner_run(&c->r, fresh, wave, "out", out, e);
    mem_free(wave);
    return ok;
}
