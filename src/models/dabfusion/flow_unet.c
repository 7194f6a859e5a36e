/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow U-Net of DabFusion/LFDM (spec 2.7): convolutions act per frame (1xkxk), time is mixed by attention with rotary
 * positions and a T5 bias shared by all temporal attentions, music and time enter as scale and shift after the first group
 * norm of a block. Activations [B, T, H, W, C]. Parameters are made in the order and under the names of the published file
 * ("denoise_fn." left out). Fields are NULL where a block has no such part.
 *
 * Traps: q and k turn by rotary positions before the bias is added; group norm counts all frames; the first skip `r` is taken
 * before the first attention; the two heads have no time input.
 */
#include "models/dabfusion/dabfusion.h"

#include <math.h>
#include <string.h>

#define BUCKETS 32
#define MAX_DISTANCE 32
#define SPATIAL_HEAD_DIM 32
#define GROUPS 8
#define MAX_LEVELS 6

typedef struct Attn {
    Param *qkv, *out, *out_bias, *gamma;
} Attn;

typedef struct Block {
    Linear film;
    Conv conv1, conv2, skip;
    Norm norm1, norm2;
    int64_t out;
} Block;

typedef struct Level {
    Block a, b;
    Attn space, time;
    Conv resample;
} Level;

struct FlowUnet {
    FlowUnetConfig c;
    ParamSet *ps;
    Arena *arena;
    Param *null_cond, *bias_table;
    Conv init;
    Attn init_time;
    Linear time1, time2;
    Level down[MAX_LEVELS], up[MAX_LEVELS];
    Block mid1, mid2;
    Attn mid_space, mid_time;
    Block flow_block, occlusion_block;
    Conv flow_out, occlusion_out;
};

FlowUnetConfig flow_unet_published(void)
{
    return (FlowUnetConfig){.dim = 64, .levels = 4, .mults = {1, 2, 4, 8}, .channels = 259, .cond = 1064, .heads = 8, .head_dim = 32,
                            .learned_null = true};
}

/* ---- parameters, in file order ---------------------------------------------------------------------------------------- */

#define NAME(...) arena_printf(net->arena, __VA_ARGS__)

static Conv frame_conv(FlowUnet *net, ParamSet *ps, const char *name, int64_t in, int64_t out, int k, int stride, int pad)
{
    Conv c;
    conv3d_init(&c, ps, name, in, out, (int[]){1, k, k}, (int[]){1, stride, stride}, (int[]){0, pad, pad}, true);
    return c;
}

static Attn time_attn(FlowUnet *net, ParamSet *ps, const char *name, int64_t channels)
{
    int64_t inner = (int64_t)net->c.heads * net->c.head_dim;
    Attn a = {0};
    a.qkv = params_add(ps, NAME("%s.fn.fn.fn.to_qkv.weight", name), SHAPE(3 * inner, channels), INIT_KAIMING, 0, true);
    a.out = params_add(ps, NAME("%s.fn.fn.fn.to_out.weight", name), SHAPE(channels, inner), INIT_KAIMING, 0, true);
    a.gamma = params_add(ps, NAME("%s.fn.norm.gamma", name), SHAPE(1, channels, 1, 1, 1), INIT_ONE, 0, false);
    return a;
}

static Attn space_attn(FlowUnet *net, ParamSet *ps, const char *name, int64_t channels, bool linear)
{
    int64_t inner = (int64_t)net->c.heads * SPATIAL_HEAD_DIM;
    Attn a = {0};
    if (linear) {
        a.qkv = params_add(ps, NAME("%s.fn.fn.to_qkv.weight", name), SHAPE(3 * inner, channels, 1, 1), INIT_KAIMING, 0, true);
        a.out = params_add(ps, NAME("%s.fn.fn.to_out.weight", name), SHAPE(channels, inner, 1, 1), INIT_KAIMING, 0, true);
        a.out_bias = params_add(ps, NAME("%s.fn.fn.to_out.bias", name), SHAPE(channels), INIT_BIAS, (double)inner, false);
    } else {
        a.qkv = params_add(ps, NAME("%s.fn.fn.fn.to_qkv.weight", name), SHAPE(3 * inner, channels), INIT_KAIMING, 0, true);
        a.out = params_add(ps, NAME("%s.fn.fn.fn.to_out.weight", name), SHAPE(channels, inner), INIT_KAIMING, 0, true);
    }
    a.gamma = params_add(ps, NAME("%s.fn.norm.gamma", name), SHAPE(1, channels, 1, 1, 1), INIT_ONE, 0, false);
    return a;
}

static Block block_make(FlowUnet *net, ParamSet *ps, const char *name, int64_t in, int64_t out, int64_t film)
{
    Block b = {.out = out};
    if (film)
        linear_init(&b.film, ps, NAME("%s.mlp.1", name), film, 2 * out, true);
    b.conv1 = frame_conv(net, ps, NAME("%s.block1.proj", name), in, out, 3, 1, 1);
    norm_init(&b.norm1, ps, NAME("%s.block1.norm", name), NORM_GROUP, GROUPS, out, 1e-5f, true);
    b.conv2 = frame_conv(net, ps, NAME("%s.block2.proj", name), out, out, 3, 1, 1);
    norm_init(&b.norm2, ps, NAME("%s.block2.norm", name), NORM_GROUP, GROUPS, out, 1e-5f, true);
    if (in != out)
        b.skip = frame_conv(net, ps, NAME("%s.res_conv", name), in, out, 1, 1, 0);
    return b;
}

static Level level_make(FlowUnet *net, ParamSet *ps, const char *name, int64_t in, int64_t out, int64_t film)
{
    Level l = {0};
    l.a = block_make(net, ps, NAME("%s.0", name), in, out, film);
    l.b = block_make(net, ps, NAME("%s.1", name), out, out, film);
    l.space = space_attn(net, ps, NAME("%s.2", name), out, true);
    l.time = time_attn(net, ps, NAME("%s.3", name), out);
    return l;
}

static Conv upsample_make(FlowUnet *net, ParamSet *ps, const char *name, int64_t width)
{
    if (net->c.nearest_up)
        return frame_conv(net, ps, NAME("%s.4.1", name), width, width, 3, 1, 0);
    Conv c = {.transposed = true, .o = {.stride = {1, 2, 2}, .pad_lo = {0, 1, 1}, .pad_hi = {0, 1, 1}}};
    c.weight = params_add(ps, NAME("%s.4.weight", name), SHAPE(width, width, 1, 4, 4), INIT_KAIMING, 0, true);
    c.bias = params_add(ps, NAME("%s.4.bias", name), SHAPE(width), INIT_BIAS, 16.0 * (double)width, false);
    return c;
}

static void make_levels(FlowUnet *net, ParamSet *ps, const char *prefix, const int64_t *w, int64_t film)
{
    int n = net->c.levels;
    for (int i = 0; i < n; i++) {
        net->down[i] = level_make(net, ps, NAME("%sdowns.%d", prefix, i), w[i], w[i + 1], film);
        if (i < n - 1)
            net->down[i].resample = frame_conv(net, ps, NAME("%sdowns.%d.4", prefix, i), w[i + 1], w[i + 1], 4, 2, 1);
    }
    for (int i = 0; i < n; i++) {
        int64_t wide = w[n - i], narrow = w[n - i - 1];
        net->up[i] = level_make(net, ps, NAME("%sups.%d", prefix, i), 2 * wide, narrow, film);
        if (i < n - 1)
            net->up[i].resample = upsample_make(net, ps, NAME("%sups.%d", prefix, i), narrow);
    }
}

FlowUnet *flow_unet_create(ParamSet *ps, const char *prefix, const FlowUnetConfig *c)
{
    FlowUnet *net = mem_zero(sizeof *net);
    net->c = *c;
    net->ps = ps;
    net->arena = arena_create();
    int64_t w[MAX_LEVELS + 1] = {c->dim}, dim = c->dim, film = 4 * dim + c->cond + c->frame_cond;
    for (int i = 0; i < c->levels; i++)
        w[i + 1] = dim * c->mults[i];
    int64_t top = w[c->levels];

    if (c->learned_null)
        net->null_cond = params_add(ps, NAME("%snull_cond_emb", prefix), SHAPE(1, c->cond), INIT_NORMAL_02, 0, false);
    net->bias_table = params_add(ps, NAME("%stime_rel_pos_bias.relative_attention_bias.weight", prefix), SHAPE(BUCKETS, c->heads),
                                 INIT_NORMAL_02, 0, false);
    net->init = frame_conv(net, ps, NAME("%sinit_conv", prefix), c->channels, dim, 7, 1, 3);
    net->init_time = time_attn(net, ps, NAME("%sinit_temporal_attn", prefix), dim);
    linear_init(&net->time1, ps, NAME("%stime_mlp.1", prefix), dim, 4 * dim, true);
    linear_init(&net->time2, ps, NAME("%stime_mlp.3", prefix), 4 * dim, 4 * dim, true);
    make_levels(net, ps, prefix, w, film);
    net->mid1 = block_make(net, ps, NAME("%smid_block1", prefix), top, top, film);
    net->mid_space = space_attn(net, ps, NAME("%smid_spatial_attn", prefix), top, false);
    net->mid_time = time_attn(net, ps, NAME("%smid_temporal_attn", prefix), top);
    net->mid2 = block_make(net, ps, NAME("%smid_block2", prefix), top, top, film);
    net->flow_block = block_make(net, ps, NAME("%sfinal_conv.0", prefix), 2 * dim, dim, 0);
    net->flow_out = frame_conv(net, ps, NAME("%sfinal_conv.1", prefix), dim, 2, 1, 1, 0);
    net->occlusion_block = block_make(net, ps, NAME("%socclusion_map.0", prefix), 2 * dim, dim, 0);
    net->occlusion_out = frame_conv(net, ps, NAME("%socclusion_map.1", prefix), dim, 1, 1, 1, 0);
    return net;
}

void flow_unet_destroy(FlowUnet *net)
{
    if (!net)
        return;
    arena_destroy(net->arena);
    mem_free(net);
}

/* ---- frame numbers: the last columns of every block's linear layer ------------------------------------------------------ */

static bool is_film(const Param *p)
{
    return text_ends_with(p->name, ".mlp.1.weight");
}

void flow_unet_fill(const FlowUnet *net)
{
    int64_t extra = net->c.frame_cond;
    for (int i = 0; extra && i < params_count(net->ps); i++) {
        Param *p = params_at(net->ps, i);
        float *w = p->value.data;
        int64_t rows = p->value.shape.d[0], wide = is_film(p) ? p->value.shape.d[1] : 0;
        for (int64_t r = 0; wide && r < rows; r++)
            memset(w + r * wide + wide - extra, 0, (size_t)extra * sizeof *w);
    }
}

static void take_rows(Param *to, const Param *from)
{
    int64_t rows = to->value.shape.d[0], wide = shape_count(to->value.shape) / rows, narrow = shape_count(from->value.shape) / rows;
    for (int64_t r = 0; r < rows; r++)
        memcpy((float *)to->value.data + r * wide, (const float *)from->value.data + r * narrow, (size_t)narrow * sizeof(float));
}

bool flow_unet_take_paper(FlowUnet *net, const char *path, Err *e)
{
    FlowUnetConfig c = net->c;
    c.frame_cond = 0;
    ParamSet *ps = params_create();
    FlowUnet *paper = flow_unet_create(ps, "", &c);
    SafeTensors *st = safetensors_open(path, e);
    bool ok = st && (params_load(ps, st, "", false, e) || err_context(e, "%s", path));
    for (int i = 0; ok && i < params_count(ps); i++)
        take_rows(params_at(net->ps, i), params_at(ps, i));
    safetensors_close(st);
    flow_unet_destroy(paper);
    params_destroy(ps);
    return ok;
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

/* What every temporal attention of one graph shares. */
typedef struct Shared {
    const FlowUnet *net;
    Node *bias;          /* F [heads, T, T] */
    const float *angles; /* F [T, head_dim / 2] */
    Node *film;          /* SiLU of [time, cond], [B, 4*dim + C], or with frame numbers [B, T, 4*dim + C + F] */
} Shared;

/* T5's bucket of a distance n = query - key: half the buckets for each sign, logarithmic beyond a quarter. */
static int32_t bucket(int n)
{
    int half = BUCKETS / 2, exact = half / 2, a = n < 0 ? -n : n, b = a;
    if (a >= exact)
        b = MIN(half - 1, exact + (int)(log((double)a / exact) / log((double)MAX_DISTANCE / exact) * (half - exact)));
    return n < 0 ? half + b : b;
}

static Node *time_bias(Graph *g, const FlowUnet *net, int64_t frames)
{
    int32_t *ids = arena_alloc(net->arena, (size_t)(frames * frames) * sizeof *ids);
    for (int64_t i = 0; i < frames; i++)
        for (int64_t j = 0; j < frames; j++)
            ids[i * frames + j] = bucket((int)(i - j));
    Node *n = op_embedding(g, net->bias_table, graph_const(g, (Tensor){JIG_I32, SHAPE(frames, frames), ids}));
    return op_cast(g, op_permute(g, n, (int[]){2, 0, 1}), JIG_F32);
}

static const float *rotary_angles(const FlowUnet *net, int64_t frames)
{
    int half = net->c.head_dim / 2;
    float *a = arena_alloc(net->arena, (size_t)(frames * half) * sizeof *a);
    for (int64_t t = 0; t < frames; t++)
        for (int i = 0; i < half; i++)
            a[t * half + i] = (float)((double)t * pow(1e4, -(double)i / half));
    return a;
}

static Node *prenorm(Graph *g, Node *x, Param *gamma)
{
    return op_norm(g, NORM_LAYER, x, 1, 1e-5f, gamma, NULL, NULL, NULL, ACT_NONE);
}

/* x [B, T, H, W, C]: every pixel attends over its own 40 frames. */
static Node *attend_time(Graph *g, const Shared *s, const Attn *a, Node *x)
{
    int heads = s->net->c.heads, dim = s->net->c.head_dim;
    int64_t inner = (int64_t)heads * dim;
    Node *qkv = op_linear(g, prenorm(g, x, a->gamma), a->qkv, NULL);
    qkv = op_rope(g, qkv, 1, 2 * heads, dim, 0, s->angles, true); /* q and k lie side by side */
    Node *y = op_attention(g, qkv, qkv, qkv,
                           (AttentionOpts){.axis = 1, .heads = heads, .dim = dim, .q_at = 0, .k_at = inner, .v_at = 2 * inner, .bias = s->bias});
    return op_add(g, op_linear(g, y, a->out, NULL), x);
}

/* x [B, T, H, W, C]: the pixels of each frame attend to each other, linearly or (at the bottleneck) with softmax. */
static Node *attend_space(Graph *g, const Shared *s, const Attn *a, Node *x, bool linear)
{
    int heads = s->net->c.heads, dim = SPATIAL_HEAD_DIM;
    int64_t inner = (int64_t)heads * dim, channels = node_dim(x, -1);
    int64_t frames = node_dim(x, 0) * node_dim(x, 1), pixels = node_dim(x, 2) * node_dim(x, 3);
    Node *tokens = op_reshape(g, prenorm(g, x, a->gamma), SHAPE(frames, pixels, 1, channels));
    AttentionOpts o = {.axis = 1, .heads = heads, .dim = dim, .q_at = 0, .k_at = inner, .v_at = 2 * inner, .linear = linear};
    Node *y;
    if (linear) {
        Node *qkv = op_conv(g, tokens, a->qkv, NULL, (ConvOpts){0});
        y = op_conv(g, op_attention(g, qkv, qkv, qkv, o), a->out, a->out_bias, (ConvOpts){0});
    } else {
        Node *qkv = op_linear(g, tokens, a->qkv, NULL);
        y = op_linear(g, op_attention(g, qkv, qkv, qkv, o), a->out, NULL);
    }
    return op_add(g, op_reshape(g, y, node_shape(x)), x);
}

/* The first half of a block: scale and shift follow the norm. A frame's own scale and shift do not fit into the norm, whose
 * statistics are those of all frames. */
static Node *first_half(Graph *g, const Shared *s, const Block *b, Node *x)
{
    x = nn_conv(g, &b->conv1, x);
    if (!b->film.weight)
        return nn_norm(g, &b->norm1, x, ACT_SILU);
    Node *m = nn_linear(g, &b->film, s->film);
    int last = node_shape(m).n - 1;
    Node *scale = op_slice(g, m, last, 0, b->out), *shift = op_slice(g, m, last, b->out, b->out);
    if (last == 1)
        return nn_norm_mod(g, &b->norm1, x, scale, shift, ACT_SILU);
    Shape frame = SHAPE(node_dim(x, 0), node_dim(x, 1), 1, 1, b->out);
    Node *y = op_mul(g, nn_norm(g, &b->norm1, x, ACT_NONE), op_affine(g, op_reshape(g, scale, frame), 1, 1));
    return op_act(g, ACT_SILU, op_add(g, y, op_reshape(g, shift, frame)));
}

static Node *block_run(Graph *g, const Shared *s, const Block *b, Node *x)
{
    Node *y = first_half(g, s, b, x);
    y = nn_norm(g, &b->norm2, nn_conv(g, &b->conv2, y), ACT_SILU);
    return op_add(g, y, b->skip.weight ? nn_conv(g, &b->skip, x) : x);
}

static Node *level_run(Graph *g, const Shared *s, const Level *l, Node *x)
{
    if (s->net->c.recompute)
        graph_checkpoint_begin(g);
    x = block_run(g, s, &l->a, x);
    x = block_run(g, s, &l->b, x);
    x = attend_space(g, s, &l->space, x, true);
    x = attend_time(g, s, &l->time, x);
    return s->net->c.recompute ? graph_checkpoint_end(g, x) : x;
}

static Node *upsample(Graph *g, const Conv *c, Node *x)
{
    if (c->transposed)
        return nn_conv(g, c, x);
    x = op_resize(g, x, 2 * node_dim(x, 2), 2 * node_dim(x, 3), RESIZE_NEAREST, false);
    x = op_pad(g, x, (int64_t[]){0, 0, 1, 1, 0}, (int64_t[]){0, 0, 1, 1, 0}, PAD_REFLECT);
    return nn_conv(g, c, x);
}

/* The null vector where the music is left out. */
static Node *kept_music(Graph *g, const FlowUnet *net, const FlowStep *s)
{
    Node *cond = op_cast(g, s->cond, graph_type(g));
    if (!s->keep)
        return cond;
    Node *keep = op_cast(g, s->keep, graph_type(g)), *kept = op_mul(g, cond, keep);
    if (!net->null_cond)
        return kept;
    Node *null = op_cast(g, graph_param(g, net->null_cond), graph_type(g));
    return op_add(g, kept, op_mul(g, null, op_affine(g, keep, -1, 1)));
}

/* [B, n] for every frame, the frame's own numbers behind it: [B, T, n + F]. */
static Node *with_frames(Graph *g, Node *emb, const FlowStep *s)
{
    int64_t B = node_dim(s->frames, 0), T = node_dim(s->frames, 1);
    Node *own = op_cast(g, s->frames, graph_type(g));
    if (s->keep)
        own = op_mul(g, own, op_reshape(g, op_cast(g, s->keep, graph_type(g)), SHAPE(B, 1, 1)));
    emb = op_repeat(g, op_reshape(g, emb, SHAPE(B, 1, node_dim(emb, 1))), 1, T);
    return op_concat(g, (Node *[]){emb, own}, 2, 2);
}

/* Sinusoid of the noise level [sin | cos], two linear layers; then the music beside it, then the frame's numbers. */
static Node *conditioning(Graph *g, const FlowUnet *net, const FlowStep *s)
{
    Node *time = s->time;
    int64_t half = net->c.dim / 2, B = node_dim(time, 0);
    float *f = arena_alloc(net->arena, (size_t)half * sizeof *f);
    for (int64_t i = 0; i < half; i++)
        f[i] = (float)exp(-(double)i * log(1e4) / (double)(half - 1));
    Node *freqs = graph_const(g, (Tensor){JIG_F32, SHAPE(1, half), f});
    Node *angle = op_mul(g, op_reshape(g, time, SHAPE(B, 1)), freqs);
    Node *emb = op_concat(g, (Node *[]){op_act(g, ACT_SIN, angle), op_act(g, ACT_COS, angle)}, 2, 1);
    emb = op_act(g, ACT_GELU_ERF, nn_linear(g, &net->time1, op_cast(g, emb, graph_type(g))));
    emb = nn_linear(g, &net->time2, emb);
    emb = op_concat(g, (Node *[]){emb, kept_music(g, net, s)}, 2, 1);
    return op_act(g, ACT_SILU, net->c.frame_cond ? with_frames(g, emb, s) : emb);
}

/* x [B, T, H, W, dim]: the first convolution's output. */
static Node *body(Graph *g, const FlowUnet *net, Node *x, const FlowStep *step)
{
    int n = net->c.levels;
    int64_t frames = node_dim(x, 1);
    if (net->c.frame_cond && node_dim(step->frames, 2) != net->c.frame_cond)
        return graph_fail(g, "flow U-Net: %lld numbers a frame are needed", (long long)net->c.frame_cond);
    Shared s = {.net = net, .bias = time_bias(g, net, frames), .angles = rotary_angles(net, frames)};
    s.film = conditioning(g, net, step);

    Node *skip[MAX_LEVELS];
    Node *r = x;
    x = attend_time(g, &s, &net->init_time, x);
    for (int i = 0; i < n; i++) {
        graph_push(g, "down.%d", i);
        skip[i] = x = level_run(g, &s, &net->down[i], x);
        if (i < n - 1)
            x = nn_conv(g, &net->down[i].resample, x);
        graph_pop(g);
    }
    graph_push(g, "mid");
    x = block_run(g, &s, &net->mid1, x);
    x = attend_space(g, &s, &net->mid_space, x, false);
    x = attend_time(g, &s, &net->mid_time, x);
    x = block_run(g, &s, &net->mid2, x);
    graph_pop(g);
    for (int i = 0; i < n; i++) {
        graph_push(g, "up.%d", i);
        x = op_concat(g, (Node *[]){x, skip[n - 1 - i]}, 2, 4);
        x = level_run(g, &s, &net->up[i], x);
        if (i < n - 1)
            x = upsample(g, &net->up[i].resample, x);
        graph_pop(g);
    }
    graph_push(g, "heads");
    x = op_concat(g, (Node *[]){x, r}, 2, 4);
    Node *flow = nn_conv(g, &net->flow_out, block_run(g, &s, &net->flow_block, x));
    Node *occlusion = nn_conv(g, &net->occlusion_out, block_run(g, &s, &net->occlusion_block, x));
    graph_pop(g);
    return op_concat(g, (Node *[]){flow, occlusion}, 2, 4);
}

Node *flow_unet_whole(Graph *g, const FlowUnet *net, Node *x, const FlowStep *s)
{
    return body(g, net, nn_conv(g, &net->init, x), s);
}

Node *flow_unet(Graph *g, const FlowUnet *net, Node *x, Node *time, Node *cond)
{
    return flow_unet_whole(g, net, x, &(FlowStep){.time = time, .cond = cond});
}

/* The first convolution's weight for channels from .. from + count of its input. */
static Node *init_part(Graph *g, const FlowUnet *net, int64_t from, int64_t count)
{
    return op_slice(g, graph_param(g, net->init.weight), 1, from, count);
}

enum { NOISY = 3 }; /* channels of the noisy flow, before those of the picture */

Node *flow_unet_picture(Graph *g, const FlowUnet *net, Node *z)
{
    int64_t count = net->c.channels - NOISY;
    Node *x = op_reshape(g, z, SHAPE(node_dim(z, 0), 1, node_dim(z, 1), node_dim(z, 2), node_dim(z, 3)));
    return op_conv_node(g, x, init_part(g, net, NOISY, count), NULL, net->init.o);
}

Node *flow_unet_step(Graph *g, const FlowUnet *net, const FlowStep *s)
{
    Node *own = op_conv_node(g, s->x, init_part(g, net, 0, NOISY), graph_param(g, net->init.bias), net->init.o);
    return body(g, net, op_add(g, own, s->picture), s);
}
