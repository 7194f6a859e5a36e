/* SPDX-License-Identifier: Apache-2.0
 *
 * HTSAT, the audio tower of LAION-CLAP (arXiv 2202.00874, 2211.06687): a Swin transformer on a log-mel spectrogram.
 *
 *   mel [B, frames, bands] -> batch norm a band -> time stretched to spec^2 / bands (bicubic, corners aligned)
 *     -> folded: chunks of time stacked along frequency, row = chunk * bands + band -> [B, spec, spec, 1]
 *     -> patches 4x4, layer norm -> levels of blocks -> layer norm -> mean -> linear, ReLU, linear
 *   block:  x += proj(attention in windows of 8x8 (norm x));  x += fc2(gelu(fc1(norm x)))
 *
 * Odd blocks shift the picture by half a window round the edges; parts that meet only through that get -100. A level
 * that is one window has no shift. Merging puts (0,0), (1,0), (0,1), (1,1) [row, column] side by side. Left out: the
 * classifier's heads and the fusion of long clips.
 */
#include "encoders/encoders.h"

#include <string.h>

enum { MAX_DEPTH = 48, NAME = 200 };

typedef struct Block {
    Norm norm1, norm2;
    Param *table; /* [(2 window - 1)^2, heads] */
    Linear qkv, proj, fc1, fc2;
} Block;

typedef struct Level {
    Block block[MAX_DEPTH];
    Linear reduction;
    Norm merge;
} Level;

struct Htsat {
    HtsatConfig c;
    Arena *mem; /* constants of the graphs */
    BatchNorm bn0;
    Conv patch;
    Norm patch_norm, norm;
    Level level[ENCODER_LEVELS];
    Linear projection[2];
};

HtsatConfig htsat_published(void)
{
    return (HtsatConfig){.spec_size = 256, .mel_bins = 64, .patch = 4, .window = 8, .width = 128, .levels = 4,
                         .depths = {2, 2, 12, 2}, .heads = {4, 8, 16, 32}, .mlp_ratio = 4, .eps = 1e-5,
                         .projection = CLAP_WIDTH};
}

/* ---- parameters, in the order of LAION's file ----------------------------------------------------------------------
 */

static bool check(const HtsatConfig *c, Err *e)
{
    int64_t side = c->spec_size / MAX(c->patch, 1);
    if (c->mel_bins < 1 || c->spec_size % c->mel_bins || c->spec_size % c->patch || side % (1 << (c->levels - 1)))
        return err_set(e, "spec_size %lld must be a multiple of num_mel_bins %lld and of patch_size %lld times %d",
                       (long long)c->spec_size, (long long)c->mel_bins, (long long)c->patch, 1 << (c->levels - 1));
    for (int i = 0; i < c->levels; i++, side /= 2) {
        int64_t width = c->width << i;
        if (width % c->heads[i])
            return err_set(e, "level %d: width %lld is no multiple of %lld heads", i, (long long)width,
                           (long long)c->heads[i]);
        if (side % c->window)
            return err_set(e, "level %d: side %lld is no multiple of window_size %lld", i, (long long)side,
                           (long long)c->window);
        if (c->depths[i] > MAX_DEPTH)
            return err_set(e, "level %d: %lld blocks, at most %d", i, (long long)c->depths[i], MAX_DEPTH);
    }
    return true;
}

/* Both parts of a layer under transformers' name. */
static void alias(ParamSet *ps, const char *ours, const char *theirs)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    char a[NAME + 16], b[NAME + 16];
    for (int i = 0; i < 4; i++) {
        snprintf(a, sizeof a, "%s.%s", ours, parts[i]);
        snprintf(b, sizeof b, "%s.%s", theirs, parts[i]);
        if (params_find(ps, a)) params_alias(ps, a, 1, (const char *[]){b});
    }
}

/* query, key and value stand apart there. */
static void alias_qkv(ParamSet *ps, const char *ours, const char *theirs, const char *part)
{
    char a[NAME + 16], b[3][NAME + 48];
    static const char *const names[] = {"query", "key", "value"};
    snprintf(a, sizeof a, "%s.attn.qkv.%s", ours, part);
    for (int i = 0; i < 3; i++) snprintf(b[i], sizeof b[i], "%s.attention.self.%s.%s", theirs, names[i], part);
    params_alias(ps, a, 3, (const char *[]){b[0], b[1], b[2]});
}

static void block_init(Block *b, ParamSet *ps, const HtsatConfig *c, int level, int index)
{
    char ours[64], theirs[96], name[NAME], other[NAME];
    int64_t width = c->width << level, hidden = (int64_t)((double)width * c->mlp_ratio), span = 2 * c->window - 1;
    snprintf(ours, sizeof ours, "audio_branch.layers.%d.blocks.%d", level, index);
    snprintf(theirs, sizeof theirs, "audio_model.audio_encoder.layers.%d.blocks.%d", level, index);
#define OURS(part) (snprintf(name, sizeof name, "%s." part, ours), name)
#define ALSO(part, text) (OURS(part), snprintf(other, sizeof other, "%s." text, theirs), alias(ps, name, other))
    norm_init(&b->norm1, ps, OURS("norm1"), NORM_LAYER, 1, width, (float)c->eps, true);
    b->table = params_add(ps, OURS("attn.relative_position_bias_table"), SHAPE(span * span, c->heads[level]),
                          INIT_NORMAL_02, 0, false);
    snprintf(other, sizeof other, "%s.attention.self.relative_position_bias_table", theirs);
    params_alias(ps, name, 1, (const char *[]){other});
    linear_init(&b->qkv, ps, OURS("attn.qkv"), width, 3 * width, true);
    linear_init(&b->proj, ps, OURS("attn.proj"), width, width, true);
    norm_init(&b->norm2, ps, OURS("norm2"), NORM_LAYER, 1, width, (float)c->eps, true);
    linear_init(&b->fc1, ps, OURS("mlp.fc1"), width, hidden, true);
    linear_init(&b->fc2, ps, OURS("mlp.fc2"), hidden, width, true);
    ALSO("norm1", "layernorm_before");
    alias_qkv(ps, ours, theirs, "weight");
    alias_qkv(ps, ours, theirs, "bias");
    ALSO("attn.proj", "attention.output.dense");
    ALSO("norm2", "layernorm_after");
    ALSO("mlp.fc1", "intermediate.dense");
    ALSO("mlp.fc2", "output.dense");
#undef OURS
#undef ALSO
}

static void level_init(Level *l, ParamSet *ps, const HtsatConfig *c, int level)
{
    char name[NAME], other[NAME];
    int64_t width = c->width << level;
    for (int i = 0; i < c->depths[level]; i++) block_init(&l->block[i], ps, c, level, i);
    if (level == c->levels - 1) return;
    snprintf(name, sizeof name, "audio_branch.layers.%d.downsample.reduction", level);
    snprintf(other, sizeof other, "audio_model.audio_encoder.layers.%d.downsample.reduction", level);
    linear_init(&l->reduction, ps, name, 4 * width, 2 * width, false);
    alias(ps, name, other);
    snprintf(name, sizeof name, "audio_branch.layers.%d.downsample.norm", level);
    snprintf(other, sizeof other, "audio_model.audio_encoder.layers.%d.downsample.norm", level);
    norm_init(&l->merge, ps, name, NORM_LAYER, 1, 4 * width, 1e-5f, true);
    alias(ps, name, other);
}

Htsat *htsat_create(ParamSet *ps, const HtsatConfig *c, Err *e)
{
    static const char *const passed_over[] = {
        "audio_branch.spectrogram_extractor.*", "audio_branch.logmel_extractor.*", "audio_branch.tscam_conv.*",
        "audio_branch.head.*", "*.relative_position_index", "*.attn_mask", "audio_transform.*", "text_*",
            "logit_scale*"};
    if (!check(c, e)) return NULL;
    Htsat *net = mem_zero(sizeof *net);
    net->c = *c;
    net->mem = arena_create();
    int64_t top = c->width << (c->levels - 1);
    batch_norm_init(&net->bn0, ps, "audio_branch.bn0", c->mel_bins);
    conv2d_init(&net->patch, ps, "audio_branch.patch_embed.proj", 1, c->width, (int)c->patch, (int)c->patch, 0, true);
    norm_init(&net->patch_norm, ps, "audio_branch.patch_embed.norm", NORM_LAYER, 1, c->width, 1e-5f, true);
    for (int i = 0; i < c->levels; i++) level_init(&net->level[i], ps, c, i);
    norm_init(&net->norm, ps, "audio_branch.norm", NORM_LAYER, 1, top, 1e-5f, true);
    alias(ps, "audio_branch.bn0", "audio_model.audio_encoder.batch_norm");
    alias(ps, "audio_branch.patch_embed.proj", "audio_model.audio_encoder.patch_embed.proj");
    alias(ps, "audio_branch.patch_embed.norm", "audio_model.audio_encoder.patch_embed.norm");
    alias(ps, "audio_branch.norm", "audio_model.audio_encoder.norm");
    if (c->projection) {
        linear_init(&net->projection[0], ps, "audio_projection.0", top, c->projection, true);
        linear_init(&net->projection[1], ps, "audio_projection.2", c->projection, c->projection, true);
        alias(ps, "audio_projection.0", "audio_projection.linear1");
        alias(ps, "audio_projection.2", "audio_projection.linear2");
    }
    for (size_t i = 0; i < ARRAY_LEN(passed_over); i++) params_ignore(ps, passed_over[i]);
    return net;
}

void htsat_destroy(Htsat *net)
{
    if (!net) return;
    arena_destroy(net->mem);
    mem_free(net);
}

int64_t htsat_chunks(const Htsat *net)
{
    return net->c.spec_size / net->c.mel_bins;
}

/* ---- attention in windows ---------------------------------------------------------------------------------------- */

/* Row of the table for query i and key j of a window: their distance in rows and columns. */
static Node *position_ids(Graph *g, const Htsat *net)
{
    int64_t w = net->c.window, n = w * w;
    int32_t *ids = arena_alloc(net->mem, (size_t)(n * n) * sizeof *ids);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            ids[i * n + j] = (int32_t)((i / w - j / w + w - 1) * (2 * w - 1) + i % w - j % w + w - 1);
    return graph_const(g, (Tensor){JIG_I32, SHAPE(n, n), ids});
}

/* After a shift by s round the edge an axis has three parts that were not together: ..n-w, ..n-s, ..n. */
static int part(int64_t at, int64_t n, int64_t w, int64_t s)
{
    return (at >= n - w) + (at >= n - s);
}

/* F [windows, 1, w*w, w*w]: -100 between the parts. */
static Node *shift_mask(Graph *g, const Htsat *net, int64_t side, int64_t s)
{
    int64_t w = net->c.window, n = w * w, across = side / w;
    float *mask = arena_alloc(net->mem, (size_t)(across * across * n * n) * sizeof *mask);
    for (int64_t m = 0; m < across * across; m++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                int64_t y = m / across * w, x = m % across * w;
                bool together = part(y + i / w, side, w, s) == part(y + j / w, side, w, s) &&
                                part(x + i % w, side, w, s) == part(x + j % w, side, w, s);
                mask[(m * n + i) * n + j] = together ? 0 : -100;
            }
    return graph_const(g, (Tensor){JIG_F32, SHAPE(across * across, 1, n, n), mask});
}

/* Where the tokens of a picture stand when it is shifted by s round the edges and cut into windows, and the way back.
 */
typedef struct Windows { Node *from, *back; } Windows;

static Windows windows(Graph *g, const Htsat *net, int64_t batch, int64_t side, int64_t s)
{
    int64_t w = net->c.window, across = side / w, n = batch * side * side;
    int32_t *from = arena_alloc(net->mem, (size_t)n * sizeof *from);
    int32_t *back = arena_alloc(net->mem, (size_t)n * sizeof *back);
    for (int64_t i = 0; i < n; i++) { /* i = ((picture * across + y) * across + x) * w*w + row * w + column */
        int64_t window = i / (w * w), row = i / w % w, column = i % w;
        int64_t y = (window / across % across * w + row + s) % side, x = (window % across * w + column + s) % side;
        from[i] = (int32_t)((window / (across * across) * side + y) * side + x);
        back[from[i]] = (int32_t)i;
    }
    return (Windows){graph_const(g, (Tensor){JIG_I32, SHAPE(n), from}),
                     graph_const(g, (Tensor){JIG_I32, SHAPE(n), back})};
}

static Node *window_attention(Graph *g, const Htsat *net, const Block *b, int level, Node *x, Windows at, Node *ids,
                              Node *mask)
{
    int64_t c = node_dim(x, 3), w = net->c.window, tokens = shape_count(node_shape(x)) / MAX(c, 1);
    int heads = (int)net->c.heads[level];
    Node *bias = op_cast(g, op_permute(g, op_embedding(g, b->table, ids), (int[]){2, 0, 1}), JIG_F32);
    if (mask) bias = op_add(g, bias, mask);
    Node *y = op_reorder(g, x, at.from, at.back, SHAPE(tokens / (w * w), w * w, c));
    Node *qkv = nn_linear(g, &b->qkv, y);
    AttentionOpts o = {.axis = 1, .heads = heads, .dim = (int)c / heads, .k_at = c, .v_at = 2 * c, .bias = bias};
    y = nn_linear(g, &b->proj, op_attention(g, qkv, qkv, qkv, o));
    return op_reorder(g, y, at.back, at.from, node_shape(x));
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static Node *run_level(Graph *g, const Htsat *net, int level, Node *x, Node *ids)
{
    const Level *l = &net->level[level];
    int64_t side = node_dim(x, 1), w = net->c.window, shift = side > w ? w / 2 : 0;
    if (!x) return NULL;
    Node *mask = shift ? shift_mask(g, net, side, shift) : NULL;
    Windows plain = windows(g, net, node_dim(x, 0), side, 0), shifted = plain;
    if (shift) shifted = windows(g, net, node_dim(x, 0), side, shift);
    for (int i = 0; i < net->c.depths[level]; i++) {
        const Block *b = &l->block[i];
        graph_push(g, "block.%d", i);
        Node *y = nn_norm(g, &b->norm1, x, ACT_NONE);
        x = op_add(g, window_attention(g, net, b, level, y, i % 2 ? shifted : plain, ids, i % 2 ? mask : NULL), x);
        y = op_act(g, ACT_GELU_ERF, nn_linear(g, &b->fc1, nn_norm(g, &b->norm2, x, ACT_NONE)));
        x = op_add(g, nn_linear(g, &b->fc2, y), x);
        graph_pop(g);
    }
    return x;
}

/* [B, H, W, C] -> [B, H/2, W/2, 4C], (row, column) = (0,0), (1,0), (0,1), (1,1) side by side. */
static Node *merge(Graph *g, const Level *l, Node *x)
{
    int64_t b = node_dim(x, 0), h = node_dim(x, 1) / 2, w = node_dim(x, 2) / 2, c = node_dim(x, 3);
    x = op_permute(g, op_reshape(g, x, SHAPE(b, h, 2, w, 2, c)), (int[]){0, 1, 3, 4, 2, 5});
    x = op_reshape(g, x, SHAPE(b, h, w, 4 * c));
    return nn_linear(g, &l->reduction, nn_norm(g, &l->merge, x, ACT_NONE));
}

static Node *folded(Graph *g, const Htsat *net, Node *mel)
{
    const HtsatConfig *c = &net->c;
    int64_t b = node_dim(mel, 0), frames = node_dim(mel, 1), bands = node_dim(mel, 2),
        chunks = c->spec_size / c->mel_bins;
    int64_t wide = c->spec_size * chunks;
    if (mel && (bands != c->mel_bins || frames > wide))
        return graph_fail(g, "mel: got %lld frames of %lld bands, expected at most %lld of %lld", (long long)frames,
                          (long long)bands, (long long)wide, (long long)c->mel_bins);
    const BatchNorm *n = &net->bn0;
    Node *x = op_reshape(g, mel, SHAPE(b, frames, 1, bands));
    x = op_batch_norm_fixed(g, x, n->mean, n->var, n->gamma, n->beta, n->eps, ACT_NONE);
    if (frames < wide) x = op_resize(g, x, wide, 1, RESIZE_BICUBIC, true);
    x = op_permute(g, op_reshape(g, x, SHAPE(b, chunks, c->spec_size, bands)), (int[]){0, 1, 3, 2});
    return op_reshape(g, x, SHAPE(b, c->spec_size, c->spec_size, 1));
}

HtsatNodes htsat_build(Graph *g, const Htsat *net, Node *mel)
{
    HtsatNodes out = {0};
    Node *ids = position_ids(g, net);
    Node *x = nn_norm(g, &net->patch_norm, nn_conv(g, &net->patch, folded(g, net, mel)), ACT_NONE);
    for (int i = 0; i < net->c.levels; i++) {
        graph_push(g, "level.%d", i);
        x = run_level(g, net, i, x, ids);
        if (i < net->c.levels - 1) x = merge(g, &net->level[i], x);
        graph_pop(g);
    }
    out.tokens = nn_norm(g, &net->norm, x, ACT_NONE);
    out.pooled = op_reshape(g, op_mean(g, out.tokens, 1u << 1 | 1u << 2), SHAPE(node_dim(x, 0), node_dim(x, 3)));
    if (net->c.projection)
        out.embeds = nn_linear(g, &net->projection[1],
                               op_act(g, ACT_RELU, nn_linear(g, &net->projection[0], out.pooled)));
    return out;
}
