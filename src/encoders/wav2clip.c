/* SPDX-License-Identifier: Apache-2.0
 *
 * Wav2CLIP (arXiv 2110.11499): ResNet-18 with one input channel on a log spectrogram, and the MLP that takes its vector
 * into CLIP's space. Spectrogram [B, 257, T, 1]: frequency is the height, time the width.
 *
 *   conv 7x7 / 2, batch norm, ReLU, max pool 3x3 / 2 -> four levels of blocks, each half the size -> mean
 *   block: relu(x + bn(conv(relu(bn(conv x)))));  the first of levels 2.. halves, its skip is bn(conv 1x1 / 2)
 */
#include "encoders/encoders.h"

enum { MAX_BLOCKS = 8, NAME = 160 };

typedef struct Block {
    Conv conv1, conv2, down; /* down: weight NULL where the skip is the input itself */
    BatchNorm norm1, norm2, down_norm;
} Block;

struct Wav2clip {
    Wav2clipConfig c;
    Conv stem;
    BatchNorm stem_norm;
    Block block[ENCODER_LEVELS][MAX_BLOCKS];
    Linear transform[2];
};

Wav2clipConfig wav2clip_published(void)
{
    return (Wav2clipConfig){.width = 64, .levels = 4, .blocks = {2, 2, 2, 2}, .transform = true};
}

static void block_init(Block *b, ParamSet *ps, const char *prefix, int64_t in, int64_t out, int stride)
{
    char name[NAME + 16];
#define NAMED(part) (snprintf(name, sizeof name, "%s." part, prefix), name)
    conv2d_init(&b->conv1, ps, NAMED("conv1"), in, out, 3, stride, 1, false);
    batch_norm_init(&b->norm1, ps, NAMED("bn1"), out);
    conv2d_init(&b->conv2, ps, NAMED("conv2"), out, out, 3, 1, 1, false);
    batch_norm_init(&b->norm2, ps, NAMED("bn2"), out);
    if (stride == 1 && in == out) return;
    conv2d_init(&b->down, ps, NAMED("downsample.0"), in, out, 1, stride, 0, false);
    batch_norm_init(&b->down_norm, ps, NAMED("downsample.1"), out);
#undef NAMED
}

Wav2clip *wav2clip_create(ParamSet *ps, const Wav2clipConfig *c)
{
    Wav2clip *net = mem_zero(sizeof *net);
    char name[NAME];
    int64_t in = c->width;
    net->c = *c;
    conv2d_init(&net->stem, ps, "audio_encoder.conv1", 1, in, 7, 2, 3, false);
    batch_norm_init(&net->stem_norm, ps, "audio_encoder.bn1", in);
    for (int l = 0; l < c->levels; l++) {
        int64_t out = c->width << l;
        for (int i = 0; i < MIN(c->blocks[l], MAX_BLOCKS); i++, in = out) {
            snprintf(name, sizeof name, "audio_encoder.layer%d.%d", l + 1, i);
            block_init(&net->block[l][i], ps, name, in, out, l > 0 && i == 0 ? 2 : 1);
        }
    }
    if (c->transform) {
        linear_init(&net->transform[0], ps, "audio_transform.sequential.0", in, in, true);
        linear_init(&net->transform[1], ps, "audio_transform.sequential.3", in, in, true);
    }
    params_ignore(ps, "audio_encoder.spectrogram.*");
    params_ignore(ps, "audio_encoder.fc.*");
    if (!c->transform) params_ignore(ps, "audio_transform.*");
    return net;
}

void wav2clip_destroy(Wav2clip *net)
{
    mem_free(net);
}

static Node *run_block(Graph *g, const Block *b, Node *x)
{
    Node *skip = b->down.weight ? nn_conv_batch_norm(g, &b->down, &b->down_norm, x) : x;
    Node *y = op_act(g, ACT_RELU, nn_conv_batch_norm(g, &b->conv1, &b->norm1, x));
    return op_act(g, ACT_RELU, op_add(g, nn_conv_batch_norm(g, &b->conv2, &b->norm2, y), skip));
}

Wav2clipNodes wav2clip_build(Graph *g, const Wav2clip *net, Node *spectrogram)
{
    Wav2clipNodes out = {0};
    Node *x = op_act(g, ACT_RELU, nn_conv_batch_norm(g, &net->stem, &net->stem_norm, spectrogram));
    x = op_pool(g, x, 3, 2, 1, true);
    for (int l = 0; l < net->c.levels; l++) {
        graph_push(g, "level.%d", l);
        for (int i = 0; i < net->c.blocks[l]; i++) x = run_block(g, &net->block[l][i], x);
        graph_pop(g);
    }
    out.features = op_reshape(g, op_mean(g, x, 1u << 1 | 1u << 2), SHAPE(node_dim(x, 0), node_dim(x, 3)));
    if (net->c.transform)
        out.embedding =
            nn_linear(g, &net->transform[1], op_act(g, ACT_RELU, nn_linear(g, &net->transform[0], out.features)));
    return out;
}
