/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig cache`: what is kept between runs, where, and how much of it; clears it and sets its limit.
 */
#include "api/api.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct CacheOptions {
    bool clear;
    const char *limit;
} CacheOptions;

static const Option rows[] = {
    {"clear", 0, OPT_BOOL, offsetof(CacheOptions, clear), 0, 0, NULL, NULL, NULL, "remove all of it"},
    {"limit", 0, OPT_TEXT, offsetof(CacheOptions, limit), 0, 0, NULL, NULL, "SIZE",
        "from now on keep at most SIZE (500MB, 2GB; 0: nothing); what was used longest ago goes first"},
};

/* "500MB", "2GB", "1.5 GB", "0", bytes without a unit; 1 kB = 1000. */
static bool parse_size(const char *text, int64_t *bytes, Err *e)
{
    static const struct { const char *unit; double factor; } units[] = {{"", 1}, {"b", 1}, {"k", 1e3}, {"kb", 1e3},
        {"m", 1e6}, {"mb", 1e6}, {"g", 1e9}, {"gb", 1e9}, {"t", 1e12}, {"tb", 1e12}};
    char *unit;
    double value = strtod(text, &unit);
    bool number = unit != text && value >= 0;
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; number && i < ARRAY_LEN(units); i++)
        if (!strcasecmp(unit, units[i].unit) && value * units[i].factor <= 1e15) {
            *bytes = llround(value * units[i].factor);
            return true;
        }
    return err_set(e, "--limit %s: must be a size from 0 to 1000TB, like 500MB or 2GB", text);
}

static void print_size(double bytes, Text *out)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    int u = 0;
    for (; bytes >= 1000 && u < 4; u++)
        bytes /= 1000;
    text_add(out, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

static void print_text(const CacheInfo *info, const char *folder, Text *out)
{
    text_add(out, "%s: %lld entries, ", folder, (long long)info->entries);
    print_size((double)info->bytes, out);
    text_add(out, " of ");
    print_size((double)info->limit, out);
    text_add(out, "\n");
    for (int i = 0; i < info->n_shares; i++) {
        text_add(out, "  %-12s %6lld  ", info->shares[i].kind, (long long)info->shares[i].entries);
        print_size((double)info->shares[i].bytes, out);
        text_add(out, "\n");
    }
}

static void print_json(const CacheInfo *info, const char *folder, Text *out)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddBoolToObject(o, "on", info->on);
    cJSON_AddStringToObject(o, "folder", folder);
    cJSON_AddNumberToObject(o, "entries", (double)info->entries);
    cJSON_AddNumberToObject(o, "bytes", (double)info->bytes);
    cJSON_AddNumberToObject(o, "limit", (double)info->limit);
    cJSON *kinds = cJSON_AddObjectToObject(o, "kinds");
    for (int i = 0; i < info->n_shares; i++) {
        cJSON *share = cJSON_AddObjectToObject(kinds, info->shares[i].kind);
        cJSON_AddNumberToObject(share, "entries", (double)info->shares[i].entries);
        cJSON_AddNumberToObject(share, "bytes", (double)info->shares[i].bytes);
    }
    char *s = cJSON_PrintUnformatted(o);
    text_add(out, "%s", s);
    cJSON_free(s);
    cJSON_Delete(o);
}

static bool run(jig_job *job, void *options, Err *e)
{
    const CacheOptions *o = options;
    int64_t limit = 0;
    if (o->limit && (!parse_size(o->limit, &limit, e) || !cache_set_limit(limit, e)))
        return false;
    if (o->clear)
        cache_clear();
    Text folder = {0};
    CacheInfo info;
    cache_info(&info);
    if (cache_folder(&folder))
        print_text(&info, folder.s, &job->text);
    else
        text_add(&job->text, "nothing is kept: JIG_CACHE is 'off' or empty, or there is no home folder\n");
    print_json(&info, folder.s ? folder.s : "", &job->json);
    text_finish(&folder);
    return true;
}

const Command command_cache = {
    .name = "cache",
    .arguments = "",
    .summary = "show and clear what is kept between runs",
    .details = "Beats and features of songs are computed once and kept, so that the next run on the same song\n"
               "starts at once. They lie in $JIG_CACHE, else $XDG_CACHE_HOME/jig, else ~/.cache/jig, and may be\n"
               "removed at any time. JIG_CACHE=off keeps nothing.",
    .min_arguments = 0,
    .max_arguments = 0,
    .rows = rows,
    .n_rows = ARRAY_LEN(rows),
    .options_size = sizeof(CacheOptions),
    .run = run,
};
