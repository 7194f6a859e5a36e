/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig info FILE`: what is in a file. A video of ours: its settings and the command that makes it again. A weights file: its
 * tensors. A model folder: its parts. Any other picture, sound or video: size, length, rates.
 */
#include "api/api.h"
#include "media/media.h"
#include "tensor/tensor.h"

#include <cjson/cJSON.h>
#include <string.h>

typedef struct InfoOptions {
    bool all;
} InfoOptions;

static const Option rows[] = {
    {"all", 'a', OPT_BOOL, offsetof(InfoOptions, all), 0, 0, NULL, NULL, NULL, "every tensor of a weights file, every setting of a video"},
};

static void add_json(jig_job *job, cJSON *o)
{
    char *s = cJSON_PrintUnformatted(o);
    text_add(&job->json, "%s", s);
    cJSON_free(s);
}

/* ---- videos made by jig ------------------------------------------------------------------------------------------------ */

static void add_word(Text *out, const char *s)
{
    if (s[0] && s[strcspn(s, " \t\n'\"\\$`!*?[]{}()<>|&;#~")] == 0) {
        text_add(out, "%s", s);
        return;
    }
    text_add(out, "'");
    for (; *s; s++)
        text_add(out, *s == '\'' ? "'\\''" : "%c", *s);
    text_add(out, "'");
}

static bool is_default(const char *command, const char *name, const char *value)
{
    jig_option_info o;
    for (int i = 0; jig_command_option(command, i, &o); i++)
        if (!strcmp(o.name, name))
            return !strcmp(value, o.initial ? o.initial : o.is_flag ? "false" : "") && strcmp(name, "seed");
    return false;
}

static const char *option_text(const cJSON *v, char buf[64])
{
    if (cJSON_IsString(v))
        return v->valuestring;
    if (cJSON_IsBool(v))
        return cJSON_IsTrue(v) ? "true" : "false";
    snprintf(buf, 64, "%.15g", v->valuedouble);
    return cJSON_IsNumber(v) ? buf : NULL;
}

/* The command line that makes the file again: only what differs from the defaults, and the seed. */
static void add_command(Text *out, const cJSON *all)
{
    const char *command = cJSON_GetStringValue(cJSON_GetObjectItem(all, "command"));
    const char *picture = cJSON_GetStringValue(cJSON_GetObjectItem(all, "picture"));
    const char *song = cJSON_GetStringValue(cJSON_GetObjectItem(all, "song"));
    if (!command || !picture || !song)
        return;
    text_add(out, "jig %s ", command);
    add_word(out, picture);
    text_add(out, " ");
    add_word(out, song);
    const cJSON *v;
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(all, "options")) {
        char buf[64];
        const char *value = option_text(v, buf);
        if (!value || is_default(command, v->string, value))
            continue;
        if (cJSON_IsBool(v)) {
            text_add(out, " --%s%s", cJSON_IsTrue(v) ? "" : "no-", v->string);
            continue;
        }
        text_add(out, " --%s ", v->string);
        add_word(out, value);
    }
    text_add(out, "\n");
}

static bool ours(jig_job *job, const char *stored, const InfoOptions *o)
{
    cJSON *all = cJSON_Parse(stored);
    if (!cJSON_IsObject(all)) {
        cJSON_Delete(all);
        return false;
    }
    Text *t = &job->text;
    const char *program = cJSON_GetStringValue(cJSON_GetObjectItem(all, "program"));
    const char *networks = cJSON_GetStringValue(cJSON_GetObjectItem(all, "networks"));
    const cJSON *sync = cJSON_GetObjectItem(all, "sync");
    text_add(t, "made by %s, networks %s\n", program ? program : "jig", networks && *networks ? networks : "none");
    if (cJSON_IsObject(sync))
        text_add(t, "on the beat %.2f (chance %.2f +- %.2f), %.0f beats\n", cJSON_GetNumberValue(cJSON_GetObjectItem(sync, "score")),
                 cJSON_GetNumberValue(cJSON_GetObjectItem(sync, "chance")), cJSON_GetNumberValue(cJSON_GetObjectItem(sync, "chance_deviation")),
                 cJSON_GetNumberValue(cJSON_GetObjectItem(sync, "beats")));
    text_add(t, "made again by:\n  ");
    add_command(t, all);
    if (o->all) {
        char *s = cJSON_Print(all);
        text_add(t, "%s\n", s);
        cJSON_free(s);
    }
    add_json(job, all);
    cJSON_Delete(all);
    return true;
}

/* ---- other media --------------------------------------------------------------------------------------------------------- */

static bool show_video(jig_job *job, const char *path)
{
    VideoReader *r = NULL;
    Err quiet = {0};
    if (!video_reader_open(&r, path, &quiet))
        return false;
    VideoInfo v;
    video_reader_info(r, &v);
    video_reader_close(r);
    if (v.frames <= 1)
        return false;
    text_add(&job->text, "video: %dx%d, %.3f frames a second, %lld frames, %.2f s, %s%s\n", v.w, v.h, v.fps, (long long)v.frames, v.seconds,
             v.codec, v.has_sound ? ", with sound" : ", silent");
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "width", v.w);
    cJSON_AddNumberToObject(o, "height", v.h);
    cJSON_AddNumberToObject(o, "fps", v.fps);
    cJSON_AddNumberToObject(o, "frames", (double)v.frames);
    cJSON_AddNumberToObject(o, "seconds", v.seconds);
    cJSON_AddStringToObject(o, "codec", v.codec);
    if (!job->json.len)
        add_json(job, o);
    cJSON_Delete(o);
    return true;
}

static bool show_sound(jig_job *job, const char *path)
{
    SoundInfo s;
    Err quiet = {0};
    if (!sound_probe(path, &s, &quiet))
        return false;
    text_add(&job->text, "sound: %.2f s%s, %d Hz, %d channel%s, %s\n", s.seconds, s.estimated ? " (estimated)" : "", s.rate, s.channels,
             s.channels == 1 ? "" : "s", s.codec);
    if (s.title[0])
        text_add(&job->text, "title: %s%s%s\n", s.title, s.artist[0] ? ", by " : "", s.artist);
    if (!job->json.len)
        text_add(&job->json, "{\"seconds\": %.6f, \"rate\": %d, \"channels\": %d}", s.seconds, s.rate, s.channels);
    return true;
}

static bool show_picture(jig_job *job, const char *path, Err *e)
{
    Picture p = {0};
    if (!picture_load(path, &p, e))
        return false;
    text_add(&job->text, "picture: %dx%d%s\n", p.w, p.h, picture_has_alpha(&p) ? ", with alpha" : "");
    text_add(&job->json, "{\"width\": %d, \"height\": %d, \"alpha\": %s}", p.w, p.h, picture_has_alpha(&p) ? "true" : "false");
    picture_finish(&p);
    return true;
}

/* ---- weights --------------------------------------------------------------------------------------------------------------- */

static bool show_weights(jig_job *job, const char *path, bool all, Err *e)
{
    SafeTensors *st = weights_open(path, e);
    if (!st)
        return false;
    Text *t = &job->text;
    int n = safetensors_count(st);
    int64_t elements = 0;
    cJSON *o = cJSON_CreateObject(), *tensors = cJSON_AddObjectToObject(o, "tensors"), *meta = cJSON_AddObjectToObject(o, "metadata");
    for (int i = 0; i < n; i++) {
        Tensor one = safetensors_tensor(st, i);
        char shape[96];
        elements += shape_count(one.shape);
        cJSON_AddStringToObject(tensors, safetensors_name(st, i), shape_text(one.shape, shape));
    }
    text_add(t, "weights: %d tensors, %.3f million numbers\n", n, (double)elements * 1e-6);
    for (int i = 0; i < safetensors_meta_count(st); i++) {
        const char *key, *value;
        safetensors_meta_at(st, i, &key, &value);
        text_add(t, "  %s: %s\n", key, value);
        cJSON_AddStringToObject(meta, key, value);
    }
    for (int i = 0; all && i < n; i++) {
        Tensor one = safetensors_tensor(st, i);
        char shape[96];
        text_add(t, "  %-5s %-20s %s\n", dtype_name(one.type), shape_text(one.shape, shape), safetensors_name(st, i));
    }
    add_json(job, o);
    cJSON_Delete(o);
    safetensors_close(st);
    return true;
}

static bool show_folder(jig_job *job, const char *path, bool all, Err *e)
{
    char **names;
    int n;
    const char *card = arena_printf(job->arena, "%s/model.json", path);
    if (!file_exists(card))
        return err_set(e, "%s is a folder without model.json: not a model", path);
    char *json;
    size_t size;
    if (!file_read(card, 1 << 20, &json, &size, e))
        return false;
    text_add(&job->text, "model: %s\n", json);
    mem_free(json);
    if (!file_list(job->arena, path, ".safetensors", &names, &n, e))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        text_add(&job->text, "%s: ", names[i]);
        job->json.len = 0;
        ok = show_weights(job, arena_printf(job->arena, "%s/%s", path, names[i]), all, e);
    }
    return ok;
}

static bool run(jig_job *job, void *options, Err *e)
{
    const InfoOptions *o = options;
    const char *path = job->arguments[0];
    if (file_is_dir(path))
        return show_folder(job, path, o->all, e);
    if (!file_exists(path))
        return err_set(e, "%s: there is no such file", path);
    if (text_ends_with(path, ".safetensors") || weights_is(path))
        return show_weights(job, path, o->all, e);
    char *stored = NULL;
    Err quiet = {0};
    bool known = video_metadata(path, "jig", &stored, &quiet) && stored && ours(job, stored, o);
    mem_free(stored);
    bool video = show_video(job, path), sound = show_sound(job, path);
    return known || video || sound || show_picture(job, path, e);
}

const Command command_info = {
    .name = "info", .arguments = "FILE", .summary = "what is in a video, song, picture, weights file or model folder",
    .details = "For a video made by jig: the settings stored in it, its sync score, and the command that makes it again.",
    .min_arguments = 1, .max_arguments = 1, .rows = rows, .n_rows = ARRAY_LEN(rows), .options_size = sizeof(InfoOptions), .run = run,
};
