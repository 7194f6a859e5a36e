/* SPDX-License-Identifier: Apache-2.0
 *
 * M: a transformer over time from noisy moves to clean ones (docs/models/articulated.md, section 2).
 *
 *   x = linear(z) + linear(song)                                     [B, T, width]
 *   c = silu(mlp(song) + mlp(level) + style + linear(energy))        [B, T, 128]: what a frame should know
 *   each layer:  x += linear(attention(rotary(linear(norm(x) (1 + s1) + t1))))
 *                x += linear(gelu(linear(norm(x) (1 + s2) + t2)))
 *   x0 = linear(norm(x) (1 + s) + t)          all s and t are linears of c
 *
 * Scale and shift are per frame, so the music reaches every layer at its own time. Their linears start at zero.
 */
#include "models/articulated/nets.h"

#include <math.h>
#include <string.h>

enum { CONDITION = 128, MLP = 3, MAX_LAYERS = 16, EXTRA_COLUMNS = 2 };

typedef struct Modulated {
    Norm norm;
    Linear scale, shift;
} Modulated;

typedef struct MotionLayer {
    Modulated before_attention, before_mlp;
    Linear q, k, v, out, up, down;
} MotionLayer;

struct MotionNet {
    MotionConfig config;
    Linear in_z, in_song, song, level1, level2, energy, final;
    Embedding style;
    Modulated before_final;
    MotionLayer layer[MAX_LAYERS];
    float *angles; /* [frames, dim/2] of the rotary positions */
    Param *mean, *std;
};

static void zero_linear_init(Linear *l, ParamSet *ps, const char *prefix, int64_t in, int64_t out)
{
    char name[80];
    snprintf(name, sizeof name, "%s.weight", prefix);
    l->weight = params_add(ps, name, SHAPE(out, in), INIT_ZERO, 0, true);
    snprintf(name, sizeof name, "%s.bias", prefix);
    l->bias = params_add(ps, name, SHAPE(out), INIT_ZERO, 0, false);
}

static void modulated_init(Modulated *m, ParamSet *ps, const char *prefix, int width)
{
    char name[96];
    snprintf(name, sizeof name, "%s.norm", prefix);
    norm_init(&m->norm, ps, name, NORM_LAYER, 1, width, 1e-5f, false);
    snprintf(name, sizeof name, "%s.scale", prefix);
    zero_linear_init(&m->scale, ps, name, CONDITION, width);
    snprintf(name, sizeof name, "%s.shift", prefix);
    zero_linear_init(&m->shift, ps, name, CONDITION, width);
}

static void layer_init(MotionLayer *l, ParamSet *ps, int index, int width)
{
    char name[64];
    snprintf(name, sizeof name, "layer.%d.attention", index);
    modulated_init(&l->before_attention, ps, name, width);
    snprintf(name, sizeof name, "layer.%d.mlp", index);
    modulated_init(&l->before_mlp, ps, name, width);
    snprintf(name, sizeof name, "layer.%d.q", index);
    linear_init(&l->q, ps, name, width, width, true);
    snprintf(name, sizeof name, "layer.%d.k", index);
    linear_init(&l->k, ps, name, width, width, true);
    snprintf(name, sizeof name, "layer.%d.v", index);
    linear_init(&l->v, ps, name, width, width, true);
    snprintf(name, sizeof name, "layer.%d.out", index);
    linear_init(&l->out, ps, name, width, width, true);
    snprintf(name, sizeof name, "layer.%d.up", index);
    linear_init(&l->up, ps, name, width, MLP * width, true);
    snprintf(name, sizeof name, "layer.%d.down", index);
    linear_init(&l->down, ps, name, MLP * width, width, true);
}

static float *make_angles(int dim)
{
    int half = dim / 2;
    float *angles = mem_alloc((size_t)MOTION_FRAMES * (size_t)half * sizeof *angles);
    for (int t = 0; t < MOTION_FRAMES; t++)
        for (int i = 0; i < half; i++)
            angles[t * half + i] = (float)(t * pow(1000, -(double)i / half));
    return angles;
}

MotionNet *motion_net_create(const MotionConfig *c, ParamSet *ps)
{
    MotionNet *net = mem_zero(sizeof *net);
    int w = c->width, columns = c->columns + EXTRA_COLUMNS;
    net->config = *c;
    linear_init(&net->in_z, ps, "in.z", MOTION_VALUES, w, true);
    linear_init(&net->in_song, ps, "in.song", columns, w, false);
    linear_init(&net->song, ps, "condition.song", columns, CONDITION, true);
    linear_init(&net->level1, ps, "condition.level.0", MOTION_TIME, CONDITION, true);
    linear_init(&net->level2, ps, "condition.level.2", CONDITION, CONDITION, true);
    linear_init(&net->energy, ps, "condition.energy", 2, CONDITION, false);
    embedding_init(&net->style, ps, "condition.style", c->styles + 1, CONDITION);
    for (int i = 0; i < c->layers; i++)
        layer_init(&net->layer[i], ps, i, w);
    modulated_init(&net->before_final, ps, "final", w);
    linear_init(&net->final, ps, "final.out", w, MOTION_VALUES, true);
    net->angles = make_angles(w / c->heads);
    net->mean = params_add(ps, "stats.mean", SHAPE(MOTION_VALUES), INIT_ZERO, 0, false);
    net->std = params_add(ps, "stats.std", SHAPE(MOTION_VALUES), INIT_ONE, 0, false);
    net->mean->trainable = net->std->trainable = false;
    return net;
}

void motion_net_destroy(MotionNet *net)
{
    if (!net)
        return;
    mem_free(net->angles);
    mem_free(net);
}

MotionInputs motion_net_inputs(Graph *g, const MotionNet *net, int64_t batch, int64_t frames)
{
    DType type = graph_type(g);
    return (MotionInputs){graph_input(g, "z", type, SHAPE(batch, frames, MOTION_VALUES)),
                          graph_input(g, "song", type, SHAPE(batch, frames, net->config.columns + EXTRA_COLUMNS)),
                          graph_input(g, "level", type, SHAPE(batch, MOTION_TIME)),
                          graph_input(g, "style", JIG_I32, SHAPE(batch)),
                          graph_input(g, "energy", type, SHAPE(batch, 2))};
}

/* c [B*T, 128] */
static Node *build_condition(Graph *g, const MotionNet *net, MotionInputs in, int64_t batch, int64_t frames)
{
    Node *whole = nn_linear(g, &net->level2, op_act(g, ACT_SILU, nn_linear(g, &net->level1, in.level)));
    whole = op_add(g, whole, nn_linear(g, &net->energy, in.energy));
    whole = op_add(g, whole, nn_embedding(g, &net->style, in.style));
    whole = op_reshape(g, whole, SHAPE(batch, 1, CONDITION));
    Node *c = op_act(g, ACT_SILU, op_add(g, nn_linear(g, &net->song, in.song), whole));
    return op_reshape(g, c, SHAPE(batch * frames, CONDITION));
}

/* norm(x) (1 + scale(c)) + shift(c); x [B*T, width], c [B*T, 128] */
static Node *modulated(Graph *g, const Modulated *m, Node *x, Node *c)
{
    return nn_norm_mod(g, &m->norm, x, nn_linear(g, &m->scale, c), nn_linear(g, &m->shift, c), ACT_NONE);
}

static Node *build_layer(Graph *g, const MotionNet *net, const MotionLayer *l, Node *x, Node *c, Shape tokens)
{
    int64_t w = net->config.width;
    int heads = net->config.heads, dim = (int)w / heads;
    Node *h = modulated(g, &l->before_attention, x, c);
    Shape s = SHAPE(tokens.d[0], tokens.d[1], w);
    Node *q = op_rope(g, op_reshape(g, nn_linear(g, &l->q, h), s), 1, heads, dim, 0, net->angles, false);
    Node *k = op_rope(g, op_reshape(g, nn_linear(g, &l->k, h), s), 1, heads, dim, 0, net->angles, false);
    Node *v = op_reshape(g, nn_linear(g, &l->v, h), s);
    Node *a = op_attention(g, q, k, v, (AttentionOpts){.axis = 1, .heads = heads, .dim = dim});
    a = op_reshape(g, a, SHAPE(tokens.d[0] * tokens.d[1], w));
    x = op_add(g, nn_linear(g, &l->out, a), x);
    h = op_act(g, ACT_GELU_TANH, nn_linear(g, &l->up, modulated(g, &l->before_mlp, x, c)));
    return op_add(g, nn_linear(g, &l->down, h), x);
}

Node *motion_net_build(Graph *g, const MotionNet *net, MotionInputs in)
{
    int64_t batch = node_dim(in.z, 0), frames = node_dim(in.z, 1), w = net->config.width;
    if (frames > MOTION_FRAMES)
        return graph_fail(g, "motion window: got %lld frames, at most %d", (long long)frames, MOTION_FRAMES);
    Node *c = build_condition(g, net, in, batch, frames);
    Node *x = op_add(g, nn_linear(g, &net->in_z, in.z), nn_linear(g, &net->in_song, in.song));
    x = op_reshape(g, x, SHAPE(batch * frames, w));
    for (int i = 0; i < net->config.layers; i++) {
        graph_push(g, "layer.%d", i);
        x = build_layer(g, net, &net->layer[i], x, c, SHAPE(batch, frames));
        graph_pop(g);
    }
    x = modulated(g, &net->before_final, x, c);
    return op_reshape(g, nn_linear(g, &net->final, x), SHAPE(batch, frames, MOTION_VALUES));
}

void motion_embed_level(int level, float out[MOTION_TIME])
{
    for (int i = 0; i < MOTION_TIME / 2; i++) {
        double angle = level * pow(10000, -(double)i / (MOTION_TIME / 2));
        out[i] = (float)sin(angle);
        out[MOTION_TIME / 2 + i] = (float)cos(angle);
    }
}

const float *motion_net_mean(const MotionNet *net) { return net->mean->value.data; }

const float *motion_net_std(const MotionNet *net) { return net->std->value.data; }

/* Rounded as the weight file will round them, so that training and use agree. */
void motion_net_set_stats(MotionNet *net, const float mean[MOTION_VALUES], const float std[MOTION_VALUES])
{
    for (int i = 0; i < MOTION_VALUES; i++) {
        ((float *)net->mean->value.data)[i] = bf16_to_f32(bf16_from_f32(mean[i]));
        ((float *)net->std->value.data)[i] = bf16_to_f32(bf16_from_f32(std[i]));
    }
}
