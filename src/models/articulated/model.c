/* SPDX-License-Identifier: Apache-2.0
 *
 * The model folder: model.json and one weight file a network. What is absent is done without, and said; what is broken is an
 * error.
 */
#include "models/articulated/articulated_internal.h"

#include <cjson/cJSON.h>
#include <string.h>

static bool check_card(const char *folder, Err *e)
{
    Text path = {0};
    text_add(&path, "%s/model.json", folder);
    char *text = NULL;
    size_t n;
    bool ok = file_read(path.s, 1 << 20, &text, &n, e);
    if (ok) {
        cJSON *card = cJSON_Parse(text);
        const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(card, "class"));
        if (!card)
            ok = err_set(e, "%s: this is not JSON", path.s);
        else if (!kind || strcmp(kind, "articulated") != 0)
            ok = err_set(e, "%s: \"class\" is \"%s\", must be \"articulated\"", path.s, kind ? kind : "missing");
        cJSON_Delete(card);
    }
    mem_free(text);
    text_finish(&path);
    return ok;
}

/* The path of a weight file, or NULL where there is none. */
static const char *weights(Text *path, const char *folder, const char *name)
{
    text_finish(path);
    *path = (Text){0};
    text_add(path, "%s/%s.safetensors", folder, name);
    return file_exists(path->s) ? path->s : NULL;
}

ArticulatedModel *articulated_open(const char *folder, const Device *device, Err *e)
{
    ArticulatedModel *m = mem_zero(sizeof *m);
    Text path = {0};
    const char *file;
    char *letter = m->networks;
    bool ok = check_card(folder, e);
    if (ok && (file = weights(&path, folder, "pose"))) ok = (m->pose = pose_runner_open(file, device, e)) != NULL, *letter++ = 'K';
    if (ok && (file = weights(&path, folder, "motion"))) ok = (m->motion = motion_runner_open(file, device, e)) != NULL, *letter++ = 'M';
    if (ok && (file = weights(&path, folder, "flow"))) ok = (m->flow = flow_runner_open(file, device, e)) != NULL, *letter++ = 'P';
    if (ok && (file = weights(&path, folder, "pixels"))) ok = (m->pixels = pixel_runner_open(file, device, e)) != NULL, *letter++ = 'G';
    if (ok && (file = weights(&path, folder, "background"))) ok = (m->background = background_runner_open(file, device, e)) != NULL, *letter++ = 'B';
    text_finish(&path);
    if (ok) return m;
    articulated_close(m);
    return NULL;
}

void articulated_close(ArticulatedModel *m)
{
    if (!m) return;
    pose_runner_close(m->pose);
    motion_runner_close(m->motion);
    flow_runner_close(m->flow);
    pixel_runner_close(m->pixels);
    background_runner_close(m->background);
    mem_free(m);
}

const char *articulated_networks(const ArticulatedModel *m) { return m ? m->networks : ""; }

bool articulated_find(ArticulatedModel *m, const Picture *picture, Figure *out, Err *e)
{
    if (!m || !m->pose) log_line(LOG_WARNING, "there is no pose network: the figure is cut out by colour and moves as one soft piece");
    return figure_find(m ? m->pose : NULL, picture, out, e);
}
