/* SPDX-License-Identifier: Apache-2.0
 *
 * Which adapter a model folder needs.
 */
#include "api/model_class.h"

#include <cjson/cJSON.h>
#include <string.h>

static const ModelClass *const classes[] = {&model_articulated, &model_dabfusion};

static const ModelClass *by_name(const char *name, Err *e)
{
    Text known = {0};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (name && !strcmp(classes[i]->name, name)) {
            text_finish(&known);
            return classes[i];
        }
        text_add(&known, "%s\"%s\"", i ? ", " : "", classes[i]->name);
    }
    err_set(e, "\"class\" is \"%s\"; classes that can dance: %s", name ? name : "missing", known.s);
    text_finish(&known);
    return NULL;
}

const ModelClass *model_class_find(const char *folder, Err *e)
{
    Text path = {0};
    text_add(&path, "%s/model.json", folder);
    char *json = NULL;
    size_t n;
    const ModelClass *found = NULL;
    if (file_read(path.s, 1 << 20, &json, &n, e)) {
        cJSON *card = cJSON_Parse(json);
        if (!cJSON_IsObject(card))
            err_set(e, "%s: this is not a JSON object", path.s);
        else if (!(found = by_name(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(card, "class")), e)))
            err_context(e, "%s", path.s);
        cJSON_Delete(card);
    }
    mem_free(json);
    text_finish(&path);
    return found;
}
