/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of a dataset: rows, paths, which clips are held out. Splits go by song, so that nothing that is measured was
 * heard in training.
 */
#include "data/data_internal.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST_LIST = 256 << 20, HELD_OUT_PART = 10 };

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *row, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, key));
    return s && *s ? s : NULL;
}

static double number_of(const cJSON *row, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, key);
    return cJSON_IsNumber(v) && v->valuedouble > 0 ? v->valuedouble : 0;
}

static bool stays_inside(const char *path)
{
    if (path[0] == '/')
        return false;
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (!strncmp(at, "..", 2) && (at[2] == '/' || !at[2]))
            return false;
    return true;
}

/* The path of key's file, NULL when the row has none. */
static bool path_of(DataSet *set, const cJSON *row, const char *key, const char **out, Err *e)
{
    const char *name = text_of(row, key);
    *out = NULL;
    if (!name)
        return true;
    if (!stays_inside(name))
        return err_set(e, "%s \"%s\" leaves the folder", key, name);
    *out = arena_printf(set->arena, "%s/%s", set->folder, name);
    return true;
}

static const char *kept(DataSet *set, const char *s) { return s ? arena_strdup(set->arena, s) : NULL; }

static bool is_test(const cJSON *row, const DataClip *c, const AistName *aist)
{
    const char *split = text_of(row, "split");
    if (split)
        return !strcmp(split, "test") || !strcmp(split, "held-out") || !strcmp(split, "val");
    return aist ? aist_is_test_song(aist->song) : rng_hash(c->song, strlen(c->song)) % HELD_OUT_PART == 0;
}

/* Length from the file where the row does not say it. False: it is not a video that can be read. */
static bool probe(DataClip *c, Err *e)
{
    VideoReader *r = NULL;
    VideoInfo v;
    if (!video_reader_open(&r, c->video, e))
        return false;
    video_reader_info(r, &v);
    video_reader_close(r);
    c->seconds = v.seconds;
    return c->seconds > 0 || err_set(e, "its length is not known");
}

static bool read_row(DataSet *set, const cJSON *row, DataClip *c, Err *e)
{
    AistName aist;
    const char *name = text_of(row, "file_name");
    if (!name)
        return err_set(e, "\"file_name\" is missing");
    bool named = aist_parse(name, &aist);
    if (!path_of(set, row, "file_name", &c->video, e) || !path_of(set, row, "music", &c->music, e) || !path_of(set, row, "beats", &c->beats, e))
        return false;
    c->name = kept(set, name);
    c->song = kept(set, text_of(row, "song"));
    if (!c->song)
        c->song = kept(set, named ? aist.song : text_of(row, "music") ? text_of(row, "music") : name);
    c->music = c->music ? c->music : c->video;
    c->caption = kept(set, text_of(row, "caption"));
    c->genre = kept(set, text_of(row, "genre") ? text_of(row, "genre") : named ? aist_genres[aist.genre] : NULL);
    c->seconds = number_of(row, "seconds");
    c->tempo = number_of(row, "tempo");
    if (!c->tempo && named)
        c->tempo = aist.tempo;
    c->held_out = is_test(row, c, named ? &aist : NULL);
    return true;
}

/* A file that is not there or not readable costs its clip, not the run. */
static bool usable(DataClip *c, double fps)
{
    Err why = {0};
    const char *files[] = {c->video, c->music, c->beats};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i] && !file_exists(files[i])) {
            log_line(LOG_WARNING, "%s is left out: %s is not there", c->name, files[i]);
            return false;
        }
    if (!c->seconds && !probe(c, &why)) {
        log_line(LOG_WARNING, "%s is left out: %s", c->name, why.text);
        return false;
    }
    c->frames = (int64_t)(c->seconds * fps + 1e-6);
    return c->frames > 0;
}

static bool read_list(DataSet *set, char *text, Err *e)
{
    int line = 0, cap = 0;
    for (char *row = text, *end; row && *row; row = end ? end + 1 : NULL) {
        line++;
        if ((end = strchr(row, '\n')))
            *end = 0;
        if (!row[strspn(row, " \t\r")])
            continue;
        cJSON *json = cJSON_Parse(row);
        DataClip c = {0};
        bool ok = cJSON_IsObject(json) ? read_row(set, json, &c, e) : err_set(e, "this is not a JSON object");
        cJSON_Delete(json);
        if (!ok)
            return err_context(e, "metadata.jsonl, line %d", line);
        if (!usable(&c, set->o.fps))
            continue;
        if (set->n == cap) {
            cap = MAX(64, 2 * cap);
            set->clips = mem_resize(set->clips, (size_t)cap * sizeof *set->clips);
        }
        set->clips[set->n++] = (Stored){.clip = c};
    }
    return set->n > 0 || err_set(e, "metadata.jsonl names no usable clip");
}

/* By hash a small set may have nothing held out, or all: then its last song changes sides. */
static void balance(DataSet *set)
{
    int songs = 1;
    bool empty = true, full = true;
    for (int i = 0; i < set->n; i++) {
        empty = empty && !set->clips[i].clip.held_out;
        full = full && set->clips[i].clip.held_out;
        songs += strcmp(set->clips[i].clip.song, set->clips[0].clip.song) != 0;
    }
    if (songs < 2 || (!empty && !full))
        return;
    const char *last = set->clips[set->n - 1].clip.song;
    for (int i = 0; i < set->n; i++)
        if (!strcmp(set->clips[i].clip.song, last))
            set->clips[i].clip.held_out = empty;
}

DataSet *data_open(const char *folder, const DataOptions *o, Err *e)
{
    DataSet *set = mem_zero(sizeof *set);
    set->arena = arena_create();
    set->folder = arena_strdup(set->arena, folder ? folder : "");
    set->o = *o;
    const char *list = arena_printf(set->arena, "%s/metadata.jsonl", set->folder);
    char *text = NULL;
    size_t n;
    bool ok = folder || err_set(e, "--data SET is missing: a folder with metadata.jsonl (jig synth and jig data write one)");
    ok = ok && (file_exists(list) || err_set(e, "%s: there is no metadata.jsonl in it (jig synth and jig data write one)", folder));
    ok = ok && file_read(list, LARGEST_LIST, &text, &n, e) && (read_list(set, text, e) || err_context(e, "%s", folder));
    mem_free(text);
    if (!ok) {
        data_close(set);
        return NULL;
    }
    for (int i = 0; i < set->n; i++)
        pthread_mutex_init(&set->clips[i].lock, NULL);
    balance(set);
    return set;
}

void data_close(DataSet *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->n; i++)
        file_unmap(&set->clips[i].frames);
    mem_free(set->clips);
    arena_destroy(set->arena);
    mem_free(set);
}

int data_count(const DataSet *set) { return set->n; }
const DataClip *data_clip(const DataSet *set, int i) { return &set->clips[i].clip; }
const char *data_folder(const DataSet *set) { return set->folder; }

const char *data_cache(DataSet *set, Arena *a, const char *name, Err *e)
{
    const char *path = arena_printf(a, "%s/cache/%s", set->folder, name), *slash = strrchr(path, '/');
    const char *dir = arena_printf(a, "%.*s", (int)(slash - path), path);
    if (file_make_dir(dir, e))
        return path;
    err_context(e, "what is made from the clips is kept in %s/cache", set->folder);
    return NULL;
}

uint64_t data_clip_key(const DataSet *set, int i)
{
    const DataClip *c = &set->clips[i].clip;
    struct stat st = {0};
    Text t = {0};
    stat(c->video, &st);
    text_add(&t, "%s %lld %lld.%09ld %d %.9g", c->name, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, set->o.size, set->o.fps);
    uint64_t key = rng_hash(t.s, t.len);
    text_finish(&t);
    return key;
}

/* ---- sides ------------------------------------------------------------------------------------------------------- */

int data_side(const DataSet *set, bool held_out, int *out)
{
    int n = 0;
    for (int i = 0; i < set->n; i++)
        if (set->clips[i].clip.held_out == held_out) {
            if (out)
                out[n] = i;
            n++;
        }
    if (n)
        return n;
    if (out)
        log_line(LOG_WARNING, "%s: no clip is %s; the others are taken", set->folder, held_out ? "held out" : "for training");
    for (int i = 0; out && i < set->n; i++)
        out[i] = i;
    return set->n;
}

int data_windows(const DataSet *set, bool held_out, int64_t frames, DataWindow *out)
{
    int *side = mem_alloc((size_t)MAX(set->n, 1) * sizeof *side), n = data_side(set, held_out, side), windows = 0;
    for (int k = 0; k < n; k++)
        for (int64_t first = 0; first + frames <= set->clips[side[k]].clip.frames; first += frames) {
            if (out)
                out[windows] = (DataWindow){side[k], first};
            windows++;
        }
    mem_free(side);
    return windows;
}
