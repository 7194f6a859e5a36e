/* SPDX-License-Identifier: Apache-2.0
 *
 * What the training tasks of the articulated model share: rendered pairs, credits, and simple marks on sample pictures.
 */
#include "models/articulated/articulated_train.h"

#include <math.h>
#include <string.h>

const char train_credits[] =
    "G1 Moves by Mitch Chaiet and performers (experientialtech/g1-moves), CC BY 4.0; changed: converted, time-warped, "
    "rendered. "
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF "
    "EIA-0196217. "
    "AnimatedDrawings (facebookresearch/AnimatedDrawings), Copyright (c) Meta Platforms, Inc. and affiliates, MIT. "
    "Microsoft Rocketbox avatars, (c) 2020 Microsoft, MIT. Noto Emoji, (c) 2013 Google LLC, Apache-2.0/OFL. "
    "Thanks to MakeHuman, Kenney, Open Peeps by Pablo Stanley, Poly Haven (all CC0).";

const TrainTask *const articulated_tasks[] = {&pose_task, &motion_task, &flow_task, &pixels_task, &background_task};
const int articulated_n_tasks = ARRAY_LEN(articulated_tasks);

const TrainTask *articulated_find_task(const char *name)
{
    for (int i = 0; i < articulated_n_tasks; i++)
        if (!strcmp(articulated_tasks[i]->name, name))
            return articulated_tasks[i];
    return NULL;
}

/* ---- rendered pairs ---------------------------------------------------------------------------------------------- */

static const char *if_there(Arena *a, const char *folder, const char *sub)
{
    const char *path = folder ? arena_printf(a, "%s/%s", folder, sub) : NULL;
    return path && file_is_dir(path) ? path : NULL;
}

bool picture_data_open(PictureData *d, const char *folder, int size, uint64_t seed, Err *e)
{
    *d = (PictureData){.size = size};
    if (folder && !file_is_dir(folder))
        return err_set(e, "--data %s: no such folder", folder);
    Arena *a = arena_create();
    SynthOptions o = {.looks = if_there(a, folder, "looks"),
                      .motion = if_there(a, folder, "motion"),
                      .puppets = if_there(a, folder, "puppets/characters"),
                      .size = size,
                      .seed = seed};
    bool ok = true;
    if (folder && !o.looks && !o.motion && !o.puppets)
        ok = err_set(e, "--data %s holds none of looks/, motion/, puppets/characters/", folder);
    ok = ok && (d->train = synth_open(&o, e));
    o.held_out = true;
    ok = ok && (d->held_out = synth_open(&o, e));
    if (!ok)
        picture_data_close(d);
    arena_destroy(a);
    return ok;
}

void picture_data_close(PictureData *d)
{
    if (d->train)
        synth_close(d->train);
    if (d->held_out)
        synth_close(d->held_out);
    *d = (PictureData){0};
}

bool picture_data_failed(const PictureData *d, bool held_out, Err *e)
{
    if (!synth_trouble(held_out ? d->held_out : d->train, e))
        err_set(e, "a training picture could not be made");
    return false;
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

Node *train_graph_input(Graph *g, const TrainInput *in, int64_t batch, DType type)
{
    Shape s = {.n = in->row.n + 1, .d = {batch}};
    memcpy(s.d + 1, in->row.d, (size_t)in->row.n * sizeof s.d[0]);
    return graph_input(g, in->name, type, s);
}

Node *train_add_loss(Graph *g, Node *sum, const char *name, float factor, Node *loss)
{
    char output[48];
    snprintf(output, sizeof output, "loss:%s", name);
    graph_output(g, output, loss);
    Node *scaled = op_affine(g, loss, factor, 0);
    return sum ? op_add(g, sum, scaled) : scaled;
}

/* ---- marks on pictures ------------------------------------------------------------------------------------------- */

const uint8_t draw_part_colours[POSE_PARTS][3] = {{0, 0, 0},       {255, 220, 60},  {70, 160, 255},  {255, 90, 90},
                                                  {255, 150, 40},  {255, 230, 160}, {90, 220, 90},   {40, 180, 160},
                                                  {190, 255, 170}, {220, 60, 200},  {255, 130, 220}, {255, 200, 240},
                                                  {110, 80, 240},  {160, 150, 255}, {215, 210, 255}};
const int draw_bones[17][2] = {{0, 1},  {1, 2},   {2, 3},   {2, 4},   {4, 5},  {5, 6},   {2, 7},   {7, 8},  {8, 9},
                               {0, 10}, {10, 11}, {11, 12}, {12, 16}, {0, 13}, {13, 14}, {14, 15}, {15, 17}};

bool draw_from_rgb(Picture *p, const uint8_t *rgb, int w, int h, Err *e)
{
    if (!picture_init(p, w, h, e))
        return false;
    for (int i = 0; i < w * h; i++) {
        memcpy(p->rgba + 4 * i, rgb + 3 * i, 3);
        p->rgba[4 * i + 3] = 255;
    }
    return true;
}

static void put(Picture *p, int x, int y, const uint8_t colour[3])
{
    if (x >= 0 && y >= 0 && x < p->w && y < p->h)
        memcpy(p->rgba + 4 * ((int64_t)y * p->w + x), colour, 3);
}

void draw_dot(Picture *p, float x, float y, int radius, const uint8_t colour[3])
{
    if (!(fabsf(x) < 1e6f && fabsf(y) < 1e6f))
        return;
    for (int dy = -radius; dy <= radius; dy++)
        for (int dx = -radius; dx <= radius; dx++)
            put(p, (int)floorf(x) + dx, (int)floorf(y) + dy, colour);
}

void draw_line(Picture *p, const float a[2], const float b[2], const uint8_t colour[3])
{
    int steps = (int)CLAMP(hypotf(b[0] - a[0], b[1] - a[1]) * 2, 1, 4000);
    for (int i = 0; i <= steps; i++) {
        float t = (float)i / (float)steps;
        draw_dot(p, a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), 0, colour);
    }
}

void draw_finish(Picture *pics, int n)
{
    for (int i = 0; i < n; i++)
        picture_finish(&pics[i]);
}

bool draw_sheet(const Picture *pics, int n, int columns, const char *path, Err *e)
{
    Picture sheet = {0};
    bool ok = picture_contact_sheet(pics, n, columns, &sheet, e) && picture_save(&sheet, path, 90, e);
    picture_finish(&sheet);
    return ok;
}
