/* SPDX-License-Identifier: Apache-2.0
 *
 * Where models lie: a folder that is named, $JIG_MODELS (folders separated by ':'), ../models beside the program (a build
 * in the source tree), ../share/jig/models (installed).
 */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *try_folder(Arena *a, const char *folder, const char *name, Text *tried)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);
    text_add(tried, "%s%s", tried->len ? ", " : "", path);
    const char *card = arena_printf(a, "%s/model.json", path);
    return file_exists(card) ? path : NULL;
}

static const char *program_folder(Arena *a)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return ".";
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = 0;
    return arena_strdup(a, exe);
}

const char *api_find_model(const char *name, Arena *a, Err *e)
{
    Text tried = {0};
    const char *found = NULL;
    if (strchr(name, '/') || file_is_dir(name)) {
        found = try_folder(a, ".", name, &tried);
        if (name[0] == '/')
            found = file_exists(arena_printf(a, "%s/model.json", name)) ? arena_strdup(a, name) : NULL;
    } else {
        const char *list = getenv("JIG_MODELS");
        char *copy = arena_strdup(a, list ? list : ""), *rest = copy;
        for (char *dir; !found && (dir = strsep(&rest, ":"));)
            if (*dir)
                found = try_folder(a, dir, name, &tried);
        const char *bin = program_folder(a);
        const char *places[] = {"../models", "../../models", "../share/jig/models"};
        for (size_t i = 0; !found && i < ARRAY_LEN(places); i++)
            found = try_folder(a, arena_printf(a, "%s/%s", bin, places[i]), name, &tried);
    }
    if (!found)
        err_set(e, "there is no model '%s': looked for model.json in %s", name, tried.s);
    text_finish(&tried);
    return found;
}
