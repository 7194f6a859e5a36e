/* SPDX-License-Identifier: Apache-2.0
 *
 * The trained LFAE in use (teacher.h). Three graphs, each planned when it is first needed: `see` (features and regions of a
 * picture, once a video), `flow` (regions of a driving picture, then flow and occlusion: the teacher of stage 2), `draw`
 * (one frame from the kept features). What is kept lies in the inputs of the graphs that use it, which hold their values.
 */
#include "models/dabfusion/teacher.h"

#include <string.h>

struct LfaeRunner {
    const Device *device;
    SafeTensors *file;
    ParamSet *ps;
    Lfae *net;
    uint64_t key;
    Graph *see, *flow, *draw;
    Arena *arena;
    float *picture, *z; /* kept: [S, S, 3], [h, w, C] */
    float *level[LFAE_MAX_DOWNS + 1], *regions[3]; /* centre, covariance, affine */
    bool seen, flow_fed, draw_fed;                 /* the graphs hold the present picture's features */
};

static const char *const region_names[3] = {"centre", "covariance", "affine"};
static const int64_t region_numbers[3] = {2, 3, 4};

static uint64_t key_of(const ParamSet *ps)
{
    uint64_t key = 0;
    for (int i = 0; i < params_count(ps); i++) {
        const Param *p = params_at(ps, i);
        key = key * 0x100000001B3u ^ rng_hash(p->value.data, tensor_bytes(&p->value));
    }
    return key;
}

static int64_t level_width(const LfaeConfig *c, int i)
{
    return i ? MIN(MIN(c->max_width, 512), c->width << i) : c->width;
}

static size_t level_count(const LfaeConfig *c, int i)
{
    return (size_t)((c->size >> i) * (c->size >> i) * level_width(c, i));
}

static void make_room(LfaeRunner *r)
{
    const LfaeConfig *c = &r->net->c;
    r->picture = arena_alloc(r->arena, (size_t)(c->size * c->size * 3) * sizeof(float));
    for (int i = 0; i <= c->downs; i++)
        r->level[i] = arena_alloc(r->arena, level_count(c, i) * sizeof(float));
    r->z = r->level[c->downs];
    for (int i = 0; i < 3; i++)
        r->regions[i] = arena_alloc(r->arena, (size_t)(c->regions * region_numbers[i]) * sizeof(float));
}

LfaeRunner *lfae_runner_open(const char *path, const Device *device, Err *e)
{
    LfaeRunner *r = mem_zero(sizeof *r);
    LfaeConfig c;
    r->device = device;
    r->arena = arena_create();
    r->file = safetensors_open(path, e);
    bool ok = r->file && lfae_read_config(r->file, &c, e);
    if (ok) {
        r->ps = params_create();
        r->net = lfae_create(r->ps, &c);
        ok = params_load(r->ps, r->file, "", false, e);
    }
    if (!ok) {
        err_context(e, "%s", path);
        lfae_runner_close(r);
        return NULL;
    }
    lfae_fill(r->net, false);
    r->key = key_of(r->ps);
    make_room(r);
    return r;
}

void lfae_runner_close(LfaeRunner *r)
{
    if (!r)
        return;
    graph_destroy(r->see);
    graph_destroy(r->flow);
    graph_destroy(r->draw);
    lfae_destroy(r->net);
    params_destroy(r->ps);
    safetensors_close(r->file);
    arena_destroy(r->arena);
    mem_free(r);
}

const LfaeConfig *lfae_runner_config(const LfaeRunner *r) { return &r->net->c; }
uint64_t lfae_runner_key(const LfaeRunner *r) { return r->key; }
int lfae_runner_cells(const LfaeRunner *r) { return (int)(r->net->c.size / r->net->c.step); }
int lfae_runner_channels(const LfaeRunner *r) { return (int)level_width(&r->net->c, r->net->c.downs); }
const float *lfae_runner_z(const LfaeRunner *r) { return r->z; }

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

static bool planned(Graph **g, Err *e)
{
    if (graph_plan(*g, e))
        return true;
    graph_destroy(*g);
    *g = NULL;
    return false;
}

static Node *picture_input(Graph *g, const LfaeRunner *r, const char *name)
{
    int64_t n = r->net->c.size;
    return graph_input(g, name, graph_type(g), SHAPE(1, n, n, 3));
}

static bool plan_see(LfaeRunner *r, Err *e)
{
    if (r->see)
        return true;
    Graph *g = r->see = graph_create(r->device, r->device->fast);
    Node *picture = picture_input(g, r, "picture");
    Regions of = region_predictor(g, r->net->regions, picture, false);
    LfaeFeatures f = lfae_encode(g, r->net->generator, picture, false);
    Node *regions[3] = {of.centre, of.covariance, of.affine};
    char name[24];
    for (int i = 0; i < 3; i++)
        graph_output(g, region_names[i], regions[i]);
    for (int i = 0; i < f.n; i++) {
        snprintf(name, sizeof name, "level.%d", i);
        graph_output(g, name, f.level[i]);
    }
    return planned(&r->see, e);
}

static bool plan_flow(LfaeRunner *r, Err *e)
{
    if (r->flow)
        return true;
    Graph *g = r->flow = graph_create(r->device, r->device->fast);
    Node *picture = picture_input(g, r, "picture"), *driving = picture_input(g, r, "driving"), *in[3];
    for (int i = 0; i < 3; i++)
        in[i] = graph_input(g, region_names[i], JIG_F32, SHAPE(1, r->net->c.regions, region_numbers[i]));
    Regions of_picture = {.centre = in[0], .covariance = in[1], .affine = in[2]};
    Regions of_driving = region_predictor(g, r->net->regions, driving, false);
    LatentFlow f = lfae_flow(g, r->net, picture, driving, &of_picture, &of_driving, false);
    graph_output(g, "flow", f.flow);
    graph_output(g, "occlusion", f.occlusion);
    return planned(&r->flow, e);
}

static bool plan_draw(LfaeRunner *r, Err *e)
{
    if (r->draw)
        return true;
    Graph *g = r->draw = graph_create(r->device, r->device->fast);
    const LfaeConfig *c = &r->net->c;
    int64_t cells = lfae_runner_cells(r);
    LfaeFeatures f = {.picture = picture_input(g, r, "picture"), .n = c->downs + 1};
    char name[24];
    for (int i = 0; i < f.n; i++) {
        snprintf(name, sizeof name, "level.%d", i);
        f.level[i] = graph_input(g, name, graph_type(g), SHAPE(1, c->size >> i, c->size >> i, level_width(c, i)));
    }
    Node *flow = graph_input(g, "flow", JIG_F32, SHAPE(1, cells, cells, 2));
    Node *occlusion = graph_input(g, "occlusion", JIG_F32, SHAPE(1, cells, cells, 1));
    graph_output(g, "frame", lfae_decode(g, r->net->generator, f, flow, occlusion, false));
    return planned(&r->draw, e);
}

uint64_t lfae_runner_bytes(const LfaeRunner *r, bool flow)
{
    LfaeRunner *open = (LfaeRunner *)r; /* plans are kept for the work itself */
    Err quiet = {0};
    uint64_t bytes = 0;
    if (plan_see(open, &quiet) && plan_draw(open, &quiet))
        bytes = graph_bytes(r->see) + graph_bytes(r->draw);
    if (flow && plan_flow(open, &quiet))
        bytes += graph_bytes(r->flow);
    return bytes;
}

double lfae_runner_see_flops(const LfaeRunner *r)
{
    return r->see ? graph_flops(r->see) : 0;
}

double lfae_runner_draw_flops(const LfaeRunner *r)
{
    Err quiet = {0};
    return plan_draw((LfaeRunner *)r, &quiet) ? graph_flops(r->draw) : 0;
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

bool lfae_runner_see(LfaeRunner *r, const float *picture, Err *e)
{
    const LfaeConfig *c = &r->net->c;
    char name[24];
    r->seen = r->flow_fed = r->draw_fed = false;
    if (!plan_see(r, e))
        return false;
    memcpy(r->picture, picture, (size_t)(c->size * c->size * 3) * sizeof *picture);
    if (!graph_set(r->see, "picture", picture, JIG_F32) || !graph_run(r->see, e))
        return false;
    for (int i = 0; i < 3; i++)
        graph_get(r->see, region_names[i], r->regions[i]);
    for (int i = 0; i <= c->downs; i++) {
        snprintf(name, sizeof name, "level.%d", i);
        graph_get(r->see, name, r->level[i]);
    }
    return r->seen = true;
}

bool lfae_runner_flow(LfaeRunner *r, const float *driving, float *flow, float *occlusion, Err *e)
{
    if (!r->seen)
        return err_set(e, "the flow of a picture that was not seen");
    if (!plan_flow(r, e))
        return false;
    if (!r->flow_fed) {
        graph_set(r->flow, "picture", r->picture, JIG_F32);
        for (int i = 0; i < 3; i++)
            graph_set(r->flow, region_names[i], r->regions[i], JIG_F32);
        r->flow_fed = true;
    }
    return graph_set(r->flow, "driving", driving, JIG_F32) && graph_run(r->flow, e) && graph_get(r->flow, "flow", flow) &&
           graph_get(r->flow, "occlusion", occlusion);
}

bool lfae_runner_draw(LfaeRunner *r, const float *flow, const float *occlusion, float *picture, Err *e)
{
    char name[24];
    if (!r->seen)
        return err_set(e, "a frame of a picture that was not seen");
    if (!plan_draw(r, e))
        return false;
    if (!r->draw_fed) {
        graph_set(r->draw, "picture", r->picture, JIG_F32);
        for (int i = 0; i <= r->net->c.downs; i++) {
            snprintf(name, sizeof name, "level.%d", i);
            graph_set(r->draw, name, r->level[i], JIG_F32);
        }
        r->draw_fed = true;
    }
    return graph_set(r->draw, "flow", flow, JIG_F32) && graph_set(r->draw, "occlusion", occlusion, JIG_F32) && graph_run(r->draw, e) &&
           graph_get(r->draw, "frame", picture);
}
