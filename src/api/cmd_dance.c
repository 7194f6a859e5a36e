/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig dance PICTURE SONG`: the main job. Listens to the song, looks at the picture, makes the moves, draws the frames, and
 * writes them with the song. Everything that decides the result is stored in the file; `jig info` reads it back.
 */
#include "api/model_class.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

static const Option rows[] = {
    OPT_OUTPUT(DanceOptions, "the video (default: PICTURE's name with .mp4 in the current folder)"),
    {"start", 0, OPT_TEXT, offsetof(DanceOptions, start), 0, 0, "0", NULL, "TIME", "where in the song to begin: seconds, m:ss, 8bars, or a part: chorus, B2"},
    {"length", 0, OPT_TEXT, offsetof(DanceOptions, length), 0, 0, NULL, NULL, "TIME", "how much of the song: seconds, m:ss, 8bars, or to the end of a part (default: to its end)"},
    {"beats", 'b', OPT_TEXT, offsetof(DanceOptions, beats), 0, 0, NULL, NULL, "FILE", "obey this .beats file instead of listening (see jig beats)"},
    {"moves", 0, OPT_TEXT, offsetof(DanceOptions, moves), 0, 0, NULL, NULL, "FILE", "dance these moves (.safetensors of --save-moves, .bvh, .dmot)"},
    {"save-moves", 0, OPT_TEXT, offsetof(DanceOptions, save_moves), 0, 0, NULL, NULL, "FILE", "also keep the moves (.safetensors or .bvh)"},
    {"joints", 'j', OPT_TEXT, offsetof(DanceOptions, joints), 0, 0, NULL, NULL, "FILE", "where the body is, from jig pose, corrected by hand"},
    {"model", 'm', OPT_TEXT, offsetof(DanceOptions, model), 0, 0, "articulated", NULL, "NAME", "name or folder of the model"},
    {"quality", 0, OPT_INT, offsetof(DanceOptions, quality), 0, 51, "18", NULL, "N", "of the encoder: 0 lossless .. 51 worst"},
    {"dry-run", 'n', OPT_BOOL, offsetof(DanceOptions, dry_run), 0, 0, NULL, NULL, NULL, "say what would be done and what it needs; write nothing"},
    OPT_DEVICE(DanceOptions),
    OPT_THREADS(DanceOptions),
};

/* All that one run holds, so that one function can let go of it. */
typedef struct Dance {
    DanceInput in;
    Progress progress;
    const ModelClass *class;
    void *model;
    SyncScore sync;
    const char *output;
    double begun;
} Dance;

static void dance_finish(Dance *d)
{
    if (d->class)
        d->class->close(d->model);
    picture_finish(&d->in.picture);
    song_piece_finish(&d->in.song);
}

static const char *default_output(Arena *a, const char *picture)
{
    const char *slash = strrchr(picture, '/'), *name = slash ? slash + 1 : picture;
    const char *dot = strrchr(name, '.');
    int n = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    return arena_printf(a, "%.*s.mp4", n, name);
}

/* Bad names are found before the first second of work. */
static bool check_outputs(const Dance *d, Err *e)
{
    if (!video_writer_knows(d->output))
        return err_set(e, "%s: the output's name must end in .mp4", d->output);
    if (file_is_dir(d->output))
        return err_set(e, "%s is a folder; -o takes the name of a file", d->output);
    OutFile probe;
    if (!out_open(&probe, d->output, e))
        return false;
    out_abandon(&probe);
    return true;
}

static bool look(Dance *d, Err *e)
{
    const char *picture = d->in.job->arguments[0];
    if (!strcmp(picture, "-"))
        return err_set(e, "'-' instead of a picture needs a model that works from a prompt; '%s' dances with a picture", d->in.o->model);
    if (!progress_tick(&d->progress, "looking", 0, 1))
        return err_cancel(e);
    return picture_load(picture, &d->in.picture, e) && d->class->look(d->model, &d->in, &d->progress, e);
}

static bool make_moves(Dance *d, Err *e)
{
    const DanceOptions *o = d->in.o;
    bool ok = o->moves ? d->class->read_moves(d->model, &d->in, o->moves, e) : d->class->make_moves(d->model, &d->in, &d->progress, e);
    return ok && (!o->save_moves || d->class->save_moves(d->model, &d->in, o->save_moves, e));
}

/* round(length x fps), whatever rate the moves have. */
static int64_t frame_count(const Dance *d)
{
    return MAX(llround(d->in.song.seconds * d->in.o->look.fps), 1);
}

static cJSON *settings(const Dance *d)
{
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "program", "jig " JIG_VERSION);
    cJSON_AddStringToObject(all, "command", "dance");
    cJSON_AddStringToObject(all, "picture", d->in.job->arguments[0]);
    cJSON_AddStringToObject(all, "song", d->in.job->arguments[1]);
    cJSON_AddItemToObject(all, "options", api_options_json(d->in.job));
    cJSON_AddStringToObject(all, "networks", d->class->networks(d->model));
    cJSON_AddStringToObject(all, "drawn_as", d->class->way(d->model));
    Text beats = {0};
    audio_beats_format(&d->in.song.grid, &beats);
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)rng_hash(beats.s ? beats.s : "", beats.len));
    text_finish(&beats);
    cJSON_AddStringToObject(all, "beats_hash", hash);
    cJSON *sync = cJSON_AddObjectToObject(all, "sync");
    cJSON_AddNumberToObject(sync, "score", d->sync.score);
    cJSON_AddNumberToObject(sync, "chance", d->sync.chance);
    cJSON_AddNumberToObject(sync, "chance_deviation", d->sync.chance_deviation);
    cJSON_AddNumberToObject(sync, "beats", d->in.song.grid.n);
    return all;
}

/* 29.97 and its kin are N*1000/1001; everything else in thousandths. */
static void frame_rate(double fps, int *num, int *den)
{
    double whole = round(fps * 1001 / 1000);
    bool ntsc = fabs(whole * 1000 / 1001 - fps) < 0.003 && fabs(fps - round(fps)) > 1e-6;
    *num = ntsc ? (int)whole * 1000 : (int)lround(fps * 1000);
    *den = ntsc ? 1001 : 1000;
    if (!ntsc && *num % 1000 == 0) {
        *num /= 1000;
        *den = 1;
    }
}

static bool draw_frames(Dance *d, VideoWriter *v, Err *e)
{
    int w, h;
    d->class->size(d->model, &w, &h);
    uint8_t *rgba = mem_try((size_t)w * (size_t)h * 4);
    if (!rgba)
        return err_set(e, "not enough memory for a frame of %d x %d", w, h);
    int64_t n = frame_count(d);
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++)
        ok = (progress_tick(&d->progress, "drawing", (double)i, (double)n) || err_cancel(e)) && d->class->frame(d->model, i, rgba, e) &&
             video_writer_frame(v, rgba, 4, (size_t)w * 4, e);
    mem_free(rgba);
    return ok && (progress_tick(&d->progress, "drawing", (double)n, (double)n) || err_cancel(e));
}

static bool write_video(Dance *d, Err *e)
{
    cJSON *all = settings(d);
    char *json = cJSON_PrintUnformatted(all);
    MediaKey keys[] = {{"jig", json}};
    VideoOptions o = {.quality = (int)d->in.o->quality,
                      .sound = &d->in.song.sound, .sound_from = d->in.song.from, .sound_frames = d->in.song.frames, .keys = keys,
                      .n_keys = 1, .made_by_model = true};
    d->class->size(d->model, &o.w, &o.h);
    frame_rate(d->in.o->look.fps, &o.fps_num, &o.fps_den);
    VideoWriter *v = NULL;
    bool ok = video_writer_open(&v, d->output, &o, e);
    if (ok && !draw_frames(d, v, e)) {
        video_writer_abandon(v);
        ok = false;
    } else if (ok) {
        ok = video_writer_finish(v, e);
    }
    cJSON_free(json);
    cJSON_Delete(all);
    return ok;
}

static void describe_result(Dance *d)
{
    int64_t n = frame_count(d);
    double took = clock_seconds() - d->begun, mb = (double)mem_peak() / 1e6;
    Text *t = &d->in.job->text;
    int w, h;
    d->class->size(d->model, &w, &h);
    text_add(t, "%s: %.2f s, %lld frames, %dx%d, seed %lld, drawn in %.1f s, peak %.0f MB, ", d->output, d->in.song.seconds, (long long)n,
             w, h, (long long)d->in.o->look.seed, took, mb);
    if (d->sync.motion_beats > 1 && d->sync.beats > 1)
        text_add(t, "on the beat %.2f (chance %.2f +- %.2f)\n", d->sync.score, d->sync.chance, d->sync.chance_deviation);
    else
        text_add(t, "no sync score: %s\n", d->in.song.grid.n ? "too few beats or hits" : "the song has no beat");
    cJSON *all = settings(d);
    cJSON_AddStringToObject(all, "file", d->output);
    cJSON_AddNumberToObject(all, "seconds", d->in.song.seconds);
    cJSON_AddNumberToObject(all, "frames", (double)n);
    cJSON_AddNumberToObject(all, "wall_seconds", took);
    cJSON_AddNumberToObject(all, "peak_bytes", (double)mem_peak());
    char *json = cJSON_PrintUnformatted(all);
    text_add(&d->in.job->json, "%s", json);
    cJSON_free(json);
    cJSON_Delete(all);
}

static void describe_plan(Dance *d)
{
    int64_t n = frame_count(d);
    text_add(&d->in.job->text, "would write %s: %.2f s of %s from %.2f s, %lld frames at %g a second, %d beats at %.1f a minute, networks %s\n",
             d->output, d->in.song.seconds, d->in.job->arguments[1], d->in.song.start, (long long)n, d->in.o->look.fps, d->in.song.grid.n,
             d->in.song.grid.tempo, d->class->networks(d->model)[0] ? d->class->networks(d->model) : "none");
    double seconds = d->class->seconds ? d->class->seconds(d->model, &d->in) : 0;
    if (seconds > 0)
        text_add(&d->in.job->text, "time: about %.0f s\n", seconds);
    text_add(&d->in.job->text, "memory: %.0f MB of %.0f MB that are free\n", (double)d->class->bytes(d->model, &d->in) / 1e6,
             (double)mem_available() / 1e6);
}

static bool check_memory(Dance *d, Err *e)
{
    uint64_t need = d->class->bytes(d->model, &d->in), have = mem_available();
    if (need <= have)
        return true;
    return err_set(e, "this needs about %.0f MB of memory and %.0f MB are free: choose a smaller --size or a shorter --length",
                   (double)need / 1e6, (double)have / 1e6);
}

static bool open_model(Dance *d, Err *e)
{
    const Device *device = device_open(d->in.o->device, e);
    const char *folder = device ? api_find_model(d->in.o->model, d->in.job->arena, e) : NULL;
    const ModelClass *class = folder ? model_class_find(folder, e) : NULL;
    if (!class || !(d->model = class->open(folder, device, e)))
        return false;
    d->class = class;
    return class->settle(d->model, &d->in, e);
}

static bool dance(Dance *d, Err *e)
{
    const DanceOptions *o = d->in.o;
    if (!check_outputs(d, e) || !open_model(d, e) || !look(d, e) ||
        !song_piece_open(&d->in.song, d->in.job->arguments[1], o->beats, o->start, o->length, &d->progress, e) || !check_memory(d, e))
        return false;
    if (o->dry_run) {
        describe_plan(d);
        return true;
    }
    if (!make_moves(d, e) || !d->class->begin(d->model, &d->in, &d->progress, e) ||
        !d->class->measure(d->model, &d->in, frame_count(d), &d->sync, e) || !write_video(d, e))
        return false;
    describe_result(d);
    return true;
}

static bool run(jig_job *job, void *options, Err *e)
{
    DanceOptions *o = options;
    Dance d = {.in = {.job = job, .o = o}, .progress = api_progress(job), .begun = clock_seconds()};
    threads_set((int)o->threads);
    o->look.seed = api_draw_seed(o->look.seed);
    d.output = o->output ? o->output : default_output(job->arena, job->arguments[0]);
    bool ok = dance(&d, e);
    dance_finish(&d);
    return ok;
}

const Command command_dance = {
    .name = "dance", .arguments = "PICTURE SONG", .summary = "make a video in which PICTURE dances to SONG",
    .details = "PICTURE is any picture: a photograph, a drawing, with or without alpha. SONG is any sound file or video. The video has the\n"
               "picture's own shape and the song's own sound, and the dance is on the song's beat. What --steps, --guidance, --fps and --size\n"
               "are when they are not given depends on the model (below: articulated; DabFusion: 50, 1, and as it was trained).",
    .min_arguments = 2, .max_arguments = 2, .rows = rows, .n_rows = ARRAY_LEN(rows),
    .parts = {{&articulated_options, offsetof(DanceOptions, look)}, {&latent_options, offsetof(DanceOptions, latent)}}, .options_size = sizeof(DanceOptions), .run = run,
};
