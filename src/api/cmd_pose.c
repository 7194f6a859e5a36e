/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig pose PICTURE`: what is found in a picture, as a table, as a file to correct and feed back (--joints), and as a picture.
 */
#include "api/api.h"
#include "models/articulated/articulated.h"

#include <cjson/cJSON.h>
#include <string.h>

typedef struct PoseOptions {
    const char *output, *picture, *joints, *model, *device;
    int64_t threads;
} PoseOptions;

static const Option rows[] = {
    OPT_OUTPUT(PoseOptions, "write joints (and beside it the mask, as FILE.mask.png) as JSON, to correct and give to --joints"),
    {"picture", 'p', OPT_TEXT, offsetof(PoseOptions, picture), 0, 0, NULL, NULL, "FILE.png", "draw mask, parts and bones over the picture"},
    {"joints", 'j', OPT_TEXT, offsetof(PoseOptions, joints), 0, 0, NULL, NULL, "FILE", "do not look for a body: show this file's joints"},
    {"model", 'm', OPT_TEXT, offsetof(PoseOptions, model), 0, 0, "articulated", NULL, "NAME", "name or folder of the model"},
    OPT_DEVICE(PoseOptions),
    OPT_THREADS(PoseOptions),
};

static const char *const kinds[] = {"a whole body", "head, trunk and arms; no legs", "no body: it will be moved as one soft piece"};

static void describe(jig_job *job, const Figure *f)
{
    Text *t = &job->text;
    text_add(t, "%s, confidence %.2f\n", kinds[f->kind], (double)f->confidence);
    cJSON *o = cJSON_CreateObject(), *joints = cJSON_AddObjectToObject(o, "joints");
    cJSON_AddStringToObject(o, "kind", kinds[f->kind]);
    cJSON_AddNumberToObject(o, "confidence", f->confidence);
    for (int i = 0; i < FIGURE_JOINTS; i++) {
        text_add(t, "  %-12s %7.1f %7.1f   %s\n", motion_joint_names[i], (double)f->joint[i][0], (double)f->joint[i][1],
                 f->presence[i] >= 0.5f ? "" : "not in the picture");
        float xy[2] = {f->joint[i][0], f->joint[i][1]};
        cJSON_AddItemToObject(joints, motion_joint_names[i], cJSON_CreateFloatArray(xy, 2));
    }
    char *s = cJSON_PrintUnformatted(o);
    text_add(&job->json, "%s", s);
    cJSON_free(s);
    cJSON_Delete(o);
}

static bool write_joints(jig_job *job, const Figure *f, const char *path, Err *e)
{
    const char *mask = arena_printf(job->arena, "%s.mask.png", path), *slash = strrchr(mask, '/');
    Picture m = {0};
    bool ok = articulated_figure_mask(f, &m, e) && picture_save(&m, mask, 90, e) && articulated_figure_write_joints(f, path, slash ? slash + 1 : mask, e);
    picture_finish(&m);
    return ok;
}

static bool draw(const Figure *f, const Picture *p, const char *path, Err *e)
{
    Picture drawn = {0};
    bool ok = articulated_figure_draw(f, p, &drawn, e) && picture_save(&drawn, path, 92, e);
    picture_finish(&drawn);
    return ok;
}

static bool find(jig_job *job, const PoseOptions *o, const Picture *p, Figure *f, Err *e)
{
    if (o->joints)
        return articulated_figure_read_joints(f, o->joints, p, e);
    const Device *device = device_open(o->device, e);
    const char *folder = device ? api_find_model(o->model, job->arena, e) : NULL;
    ArticulatedModel *m = folder ? articulated_open(folder, device, e) : NULL;
    bool ok = m && articulated_find(m, p, f, e);
    articulated_close(m);
    return ok;
}

static bool run(jig_job *job, void *options, Err *e)
{
    const PoseOptions *o = options;
    threads_set((int)o->threads);
    Picture p = {0};
    Figure f = {0};
    bool ok = picture_load(job->arguments[0], &p, e) && find(job, o, &p, &f, e);
    if (ok && f.note[0])
        log_line(LOG_WARNING, "%s", f.note);
    ok = ok && (!o->output || write_joints(job, &f, o->output, e)) && (!o->picture || draw(&f, &p, o->picture, e));
    if (ok)
        describe(job, &f);
    articulated_figure_finish(&f);
    picture_finish(&p);
    return ok;
}

const Command command_pose = {
    .name = "pose", .arguments = "PICTURE", .summary = "show and write the body that is found in a picture",
    .details = "Shows the joints and the mask that 'jig dance' would use. With -o they are written as a file that can be corrected by hand\n"
               "(numbers in the JSON, the mask in any paint program) and given back with 'jig dance --joints FILE'.",
    .min_arguments = 1, .max_arguments = 1, .rows = rows, .n_rows = ARRAY_LEN(rows), .options_size = sizeof(PoseOptions), .run = run,
};
