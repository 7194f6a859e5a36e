/* SPDX-License-Identifier: Apache-2.0
 *
 * The latent flow auto-encoder as a whole: its four networks at one size, with the names of the published files, and its
 * sizes as metadata of a weight file.
 */
#include "models/dabfusion/dabfusion.h"
#include "models/dabfusion/lfae_blocks.h"

#include <stddef.h>
#include <string.h>

LfaeConfig lfae_published(void)
{
    return (LfaeConfig){.size = 128, .regions = 10, .region_width = 32, .flow_width = 64, .width = 64, .max_width = 1024, .blocks = 5,
                        .step = 4, .pad = 0, .downs = 2, .residuals = 6, .background = LFAE_BACKGROUND_AFFINE};
}

/* What a configuration consists of, for files and for checks. */
typedef struct Field {
    const char *name;
    size_t offset;
    bool wide; /* int64_t, else int */
    int64_t lo, hi;
} Field;
#define WIDE(f, lo, hi) {#f, offsetof(LfaeConfig, f), true, lo, hi}
#define NARROW(f, lo, hi) {#f, offsetof(LfaeConfig, f), false, lo, hi}
static const Field fields[] = {
    WIDE(size, 32, 1024), WIDE(regions, 1, 64), WIDE(region_width, 4, 256), WIDE(flow_width, 4, 256), WIDE(width, 4, 256),
    WIDE(max_width, 8, 2048), NARROW(blocks, 1, HOURGLASS_BLOCKS), NARROW(step, 1, 8), NARROW(pad, 0, 3), NARROW(downs, 1, LFAE_MAX_DOWNS),
    NARROW(residuals, 0, 16), NARROW(background, 0, 3),
};

static int64_t get(const LfaeConfig *c, const Field *f)
{
    const char *at = (const char *)c + f->offset;
    return f->wide ? *(const int64_t *)at : *(const int *)at;
}

static void put(LfaeConfig *c, const Field *f, int64_t value)
{
    char *at = (char *)c + f->offset;
    if (f->wide)
        *(int64_t *)at = value;
    else
        *(int *)at = (int)value;
}

bool lfae_config_check(const LfaeConfig *c, Err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        int64_t v = get(c, &fields[i]);
        if (v < fields[i].lo || v > fields[i].hi)
            return err_set(e, "%s is %lld (allowed: %lld to %lld)", fields[i].name, (long long)v, (long long)fields[i].lo, (long long)fields[i].hi);
    }
    if (c->step & (c->step - 1))
        return err_set(e, "step is %d (allowed: 1, 2, 4, 8)", c->step);
    int64_t unit = (int64_t)c->step << c->blocks, least = (c->step << (c->blocks - 1)) * 2;
    if (c->size % unit || c->size < least)
        return err_set(e, "size %lld cannot be halved %d times after a shrink by %d: it must be a multiple of %lld (fewer blocks, or a smaller step)",
                       (long long)c->size, c->blocks, c->step, (long long)unit);
    if (c->size % (1 << c->downs))
        return err_set(e, "size %lld is not a multiple of %d (downs %d)", (long long)c->size, 1 << c->downs, c->downs);
    if (c->pad == 0 && c->size / c->step < 8)
        return err_set(e, "size %lld leaves maps of %lld cells, too few for heat maps without padding", (long long)c->size, (long long)(c->size / c->step));
    return true;
}

Lfae *lfae_create(ParamSet *ps, const LfaeConfig *c)
{
    Lfae *net = mem_zero(sizeof *net);
    net->c = *c;
    int64_t half = MIN(c->max_width, 512);
    FlowPredictorConfig flow = {.regions = c->regions, .width = c->flow_width, .max_width = c->max_width, .blocks = c->blocks,
                                .step = c->step, .aligned = c->aligned};
    LfaeGeneratorConfig generator = {.width = c->width, .max_width = half, .downs = c->downs, .residuals = c->residuals,
                                     .aligned = c->aligned};
    RegionConfig regions = {.regions = c->regions, .width = c->region_width, .max_width = c->max_width, .blocks = c->blocks,
                            .step = c->step, .pad = c->pad};
    LfaeBackgroundConfig background = {.width = c->region_width, .max_width = c->max_width, .blocks = c->blocks, .kind = c->background};
    net->flow = flow_predictor_create(ps, "generator.pixelwise_flow_predictor.", &flow);
    net->generator = lfae_generator_create(ps, "generator.", &generator);
    net->regions = region_predictor_create(ps, "region_predictor.", &regions);
    net->background = background_predictor_create(ps, "bg_predictor.", &background);
    return net;
}

void lfae_fill(const Lfae *net, bool first_values)
{
    flow_predictor_fill(net->flow);
    region_predictor_fill(net->regions);
    if (first_values)
        background_predictor_fill(net->background);
}

void lfae_destroy(Lfae *net)
{
    if (!net)
        return;
    flow_predictor_destroy(net->flow);
    lfae_generator_destroy(net->generator);
    region_predictor_destroy(net->regions);
    background_predictor_destroy(net->background);
    mem_free(net);
}

LatentFlow lfae_flow(Graph *g, const Lfae *net, Node *source, Node *driving, const Regions *of_source, const Regions *of_driving,
                     bool train)
{
    Node *matrix = background_predictor(g, net->background, source, driving, train);
    return flow_predictor(g, net->flow, source, of_source, of_driving, matrix, train);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

int lfae_describe(const LfaeConfig *c, Arena *a, MetaPair *out, int max)
{
    int n = 0;
    if (n < max)
        out[n++] = (MetaPair){"class", "dabfusion.lfae"};
    if (n < max)
        out[n++] = (MetaPair){"grid", c->aligned ? "aligned" : "lfdm"};
    for (size_t i = 0; i < ARRAY_LEN(fields) && n < max; i++)
        out[n++] = (MetaPair){fields[i].name, arena_printf(a, "%lld", (long long)get(c, &fields[i]))};
    return n;
}

bool lfae_read_config(const SafeTensors *st, LfaeConfig *c, Err *e)
{
    const char *class = safetensors_meta(st, "class"), *grid = safetensors_meta(st, "grid");
    *c = lfae_published();
    if (!class || strcmp(class, "dabfusion.lfae"))
        return err_set(e, "these are weights of \"%s\", needed are those of dabfusion.lfae (jig train lfae)", class ? class : "no known class");
    if (!grid || (strcmp(grid, "lfdm") && strcmp(grid, "aligned")))
        return err_set(e, "grid is \"%s\" (allowed: lfdm, aligned)", grid ? grid : "missing");
    c->aligned = !strcmp(grid, "aligned");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *text = safetensors_meta(st, fields[i].name);
        int64_t v;
        if (!text || !text_to_int(text, &v))
            return err_set(e, "%s is \"%s\", a number is needed", fields[i].name, text ? text : "missing");
        put(c, &fields[i], v);
    }
    return lfae_config_check(c, e);
}
