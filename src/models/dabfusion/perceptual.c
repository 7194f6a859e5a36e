/* SPDX-License-Identifier: Apache-2.0
 *
 * The perceptual loss of stage 1 (spec 4.2): pictures at scales 1, 1/2, 1/4, 1/8 (anti-aliased), compared by VGG-19's
 * features relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 (Simonyan & Zisserman 2014; names and weights of torchvision):
 *   sum over scales and layers of 10 mean |phi(picture) - phi(target)|, no gradient into the target.
 * Without a weight file the pixels themselves are compared at the four scales (decision 14). A scale that is too small for
 * a layer's pooling ends at the layer before.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

#include <string.h>

enum { SCALES = 4, CONVS = 13, LAYERS = 5 };
#define WEIGHT 10.0f

/* Up to relu5_1: torchvision's index in `features`, channels, and whether a 2x2 maximum comes before / its relu is compared. */
static const struct { int index, in, out; bool pooled, compared; } plan[CONVS] = {
    {0, 3, 64, false, true},    {2, 64, 64, false, false},    {5, 64, 128, true, true},    {7, 128, 128, false, false},
    {10, 128, 256, true, true}, {12, 256, 256, false, false}, {14, 256, 256, false, false}, {16, 256, 256, false, false},
    {19, 256, 512, true, true}, {21, 512, 512, false, false}, {23, 512, 512, false, false}, {25, 512, 512, false, false},
    {28, 512, 512, true, true},
};

struct Perceptual {
    Arena *arena;
    ParamSet *ps; /* VGG; NULL: pixels */
    Conv conv[CONVS];
    AntiAlias shrink[SCALES]; /* [0] is not used */
    Param kernel[SCALES];
    float mean[3], std[3]; /* of ImageNet, as VGG was trained */
};

/* Files may hold the whole of torchvision's VGG-19 (classifier and later layers too): only what is needed is read. */
static bool load(Perceptual *p, const char *path, Err *e)
{
    SafeTensors *st = safetensors_open(path, e);
    bool ok = st && params_allocate(p->ps, false, 0, e);
    for (int i = 0; ok && i < params_count(p->ps); i++) {
        Param *param = params_at(p->ps, i);
        Tensor t;
        char want[96];
        if (!safetensors_find(st, param->name, &t) || !shape_equal(t.shape, param->value.shape) ||
            (t.type != JIG_F32 && t.type != JIG_BF16 && t.type != JIG_F16))
            ok = err_set(e, "%s of %s in a float type is needed (VGG-19 of torchvision)", param->name, shape_text(param->value.shape, want));
        else
            tensor_convert(JIG_F32, param->value.data, t.type, t.data, shape_count(t.shape));
        param->trainable = false;
    }
    safetensors_close(st);
    return ok || err_context(e, "%s", path);
}

Perceptual *perceptual_open(const char *vgg, Err *e)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, std[3] = {0.229f, 0.224f, 0.225f};
    Perceptual *p = mem_zero(sizeof *p);
    p->arena = arena_create();
    for (int c = 0; c < 3; c++) {
        p->mean[c] = mean[c];
        p->std[c] = std[c];
    }
    for (int i = 1; i < SCALES; i++) {
        int step = 1 << i, side = anti_alias_side(step);
        float *k = arena_alloc(p->arena, (size_t)(3 * side * side) * sizeof *k);
        p->kernel[i] = (Param){.name = "pyramid", .value = {JIG_F32, SHAPE(3, 1, side, side), k}};
        p->shrink[i] = (AntiAlias){.kernel = &p->kernel[i], .channels = 3, .step = step};
        anti_alias_fill(&p->shrink[i]);
    }
    if (!vgg)
        return p;
    p->ps = params_create();
    for (int i = 0; i < CONVS; i++)
        conv2d_init(&p->conv[i], p->ps, arena_printf(p->arena, "features.%d", plan[i].index), plan[i].in, plan[i].out, 3, 1, 1, true);
    if (load(p, vgg, e))
        return p;
    perceptual_close(p);
    return NULL;
}

void perceptual_close(Perceptual *p)
{
    if (!p)
        return;
    params_destroy(p->ps);
    arena_destroy(p->arena);
    mem_free(p);
}

bool perceptual_has_network(const Perceptual *p)
{
    return p->ps != NULL;
}

static int features(Graph *g, const Perceptual *p, Node *x, Node *out[LAYERS])
{
    Node *mean = graph_const(g, (Tensor){JIG_F32, SHAPE(1, 1, 1, 3), (void *)p->mean});
    Node *std = graph_const(g, (Tensor){JIG_F32, SHAPE(1, 1, 1, 3), (void *)p->std});
    x = op_cast(g, op_div(g, op_sub(g, op_cast(g, x, JIG_F32), mean), std), graph_type(g));
    int n = 0;
    for (int i = 0; i < CONVS; i++) {
        if (plan[i].pooled && MIN(node_dim(x, 1), node_dim(x, 2)) < 2)
            break;
        if (plan[i].pooled)
            x = op_pool(g, x, 2, 2, 0, true);
        x = op_act(g, ACT_RELU, nn_conv(g, &p->conv[i], x));
        if (plan[i].compared)
            out[n++] = x;
    }
    return n;
}

Node *perceptual_loss(Graph *g, const Perceptual *p, Node *picture, Node *target)
{
    Node *sum = NULL;
    for (int s = 0; s < SCALES && MIN(node_dim(picture, 1), node_dim(picture, 2)) >> s >= 4; s++) {
        Node *a = s ? anti_alias(g, &p->shrink[s], picture) : picture, *b = s ? anti_alias(g, &p->shrink[s], target) : target;
        Node *fa[LAYERS] = {a}, *fb[LAYERS] = {b};
        int n = 1;
        if (p->ps) {
            n = features(g, p, a, fa);
            features(g, p, b, fb);
        }
        for (int i = 0; i < n; i++) {
            Node *term = op_affine(g, op_loss_l1(g, fa[i], op_stop(g, fb[i]), NULL), WEIGHT, 0);
            sum = sum ? op_add(g, sum, term) : term;
        }
    }
    return sum;
}
