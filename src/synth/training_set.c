/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of training clips (synth.h): options, many clips at once, going on where it was stopped, the list of all
 * rows.
 */
#include "synth/training_clip.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#define FIELD(f) offsetof(SynthSetOptions, f)
static const Option rows[] = {
    {"clips", 'n', OPT_INT, FIELD(clips), 1, 1000000, "100", NULL, "N", "how many clips the folder shall hold"},
    {"size", 0, OPT_INT, FIELD(size), 64, 1024, "256", NULL, "PIXELS", "width and height, a multiple of 8"},
    {"min-length", 0, OPT_SECONDS, FIELD(seconds_min), 1, 30, "4", NULL, "SECONDS", "shortest clip"},
    {"max-length", 0, OPT_SECONDS, FIELD(seconds_max), 1, 30, "8", NULL, "SECONDS", "longest clip"},
    {"flow", 0, OPT_INT, FIELD(flow_size), 0, 1024, "64", NULL, "CELLS",
     "side of the stored flow, mask and parts; divides the size; 0: none"},
    {"looks", 0, OPT_TEXT, FIELD(looks), 0, 0, NULL, NULL, "DIR",
     "bodies/ figures/ backgrounds/ fabrics/; without it all is drawn by code"},
    {"motion", 0, OPT_TEXT, FIELD(motion), 0, 0, NULL, NULL, "DIR",
     "captured motion (.dmot, .bvh); without it dances are composed"},
    {"gestures", 0, OPT_TEXT, FIELD(gestures), 0, 0, NULL, NULL, "DIR", "single gestures as .bvh"},
    {"puppets", 0, OPT_TEXT, FIELD(puppets), 0, 0, NULL, NULL, "DIR",
     "drawn characters (char_cfg.yaml, texture.png, mask.png)"},
    {"samples", 0, OPT_TEXT, FIELD(samples), 0, 0, NULL, NULL, "DIR",
     "drum hits for the songs; without it drums are synthesised"},
    {"held-out", 0, OPT_BOOL, FIELD(held_out), 0, 0, NULL, NULL, NULL,
     "only looks, places and motion that training never sees"},
    {"seed", 's', OPT_INT, FIELD(seed), 0, 9e15, "1", NULL, "N", "another number gives other clips"},
};
const OptTable synth_set_options = {rows, ARRAY_LEN(rows)};

/* Shared by the threads that make clips. */
typedef struct Team {
    ClipMaker maker;
    const Progress *progress;
    pthread_mutex_t lock;
    int64_t done, total;
    bool stopped;
    Err err;
} Team;

static bool stop(void *user)
{
    Team *t = user;
    pthread_mutex_lock(&t->lock);
    if (!t->stopped && !progress_tick(t->progress, "clips", (double)t->done, (double)t->total)) {
        t->stopped = true;
        err_cancel(&t->err);
    }
    bool stopped = t->stopped;
    pthread_mutex_unlock(&t->lock);
    return stopped;
}

static bool is_made(const char *dir, int64_t index)
{
    Text path = {0};
    text_add(&path, "%s/clips/%05d.json", dir, (int)index);
    bool made = file_exists(path.s);
    text_finish(&path);
    return made;
}

static void make_clips(void *ctx, int64_t from, int64_t to)
{
    Team *t = ctx;
    for (int64_t i = from; i < to && !stop(t); i++) {
        Err e = {0};
        bool ok = is_made(t->maker.dir, i) || training_clip_write(&t->maker, i, stop, t, &e);
        pthread_mutex_lock(&t->lock);
        if (!ok && !t->stopped) {
            t->stopped = true;
            t->err = e;
        }
        t->done++;
        pthread_mutex_unlock(&t->lock);
    }
}

static bool check(const SynthSetOptions *o, Err *e)
{
    if (o->size % 8)
        return err_set(e, "size %d; allowed are multiples of 8", (int)o->size);
    if (o->flow_size && (o->flow_size > o->size || o->size % o->flow_size))
        return err_set(e, "flow %d does not divide the size %d", (int)o->flow_size, (int)o->size);
    if (o->seconds_max < o->seconds_min)
        return err_set(e, "max-length %g is below min-length %g", o->seconds_max, o->seconds_min);
    return true;
}

/* The folder remembers its options; other ones would mix two sets. */
static bool settle(const SynthSetOptions *o, const char *dir, Err *e)
{
    SynthSetOptions same = *o;
    same.clips = 1;
    Text now = {0}, path = {0};
    opt_to_json(synth_set_options, &same, &now);
    text_add(&path, "%s/synth.json", dir);
    char *was = NULL;
    size_t n = 0;
    bool ok = true;
    if (file_exists(path.s)) {
        ok = file_read(path.s, 1 << 16, &was, &n, e);
        if (ok && (n != now.len || memcmp(was, now.s, n) != 0))
            ok = err_set(e, "%s was begun with other options; go on with those in synth.json or choose another folder",
                         dir);
    } else {
        ok = file_write(path.s, now.s, now.len, e);
    }
    mem_free(was);
    text_finish(&now);
    text_finish(&path);
    return ok;
}

static bool write_list(const char *dir, int64_t clips, Err *e)
{
    Text all = {0}, path = {0};
    bool ok = true;
    for (int64_t i = 0; i < clips && ok; i++) {
        char *row;
        size_t n;
        path.len = 0;
        text_add(&path, "%s/clips/%05d.json", dir, (int)i);
        if (!file_exists(path.s))
            continue;
        ok = file_read(path.s, 1 << 16, &row, &n, e);
        if (ok) {
            text_add_bytes(&all, row, n);
            mem_free(row);
        }
    }
    path.len = 0;
    text_add(&path, "%s/metadata.jsonl", dir);
    ok = ok && file_write(path.s, all.s ? all.s : "", all.len, e);
    text_finish(&all);
    text_finish(&path);
    return ok;
}

bool synth_write_set(const SynthSetOptions *o, const char *dir, const Progress *p, Err *e)
{
    Text clips = {0};
    text_add(&clips, "%s/clips", dir);
    bool ok = check(o, e) && file_make_dir(clips.s, e) && settle(o, dir, e);
    text_finish(&clips);
    if (!ok)
        return false;
    SynthOptions looks = {.looks = o->looks, .motion = o->motion, .puppets = o->puppets, .held_out = o->held_out,
                          .size = (int)o->size, .seed = (uint64_t)o->seed};
    MovesSourceOptions moves = {.motion = o->motion,
                                .gestures = o->gestures,
                                .samples = o->samples,
                                .held_out = o->held_out,
                                .seed = (uint64_t)o->seed};
    Team t = {.maker = {.size = (int)o->size,
                        .flow_size = (int)o->flow_size,
                        .seconds_min = o->seconds_min,
                        .seconds_max = o->seconds_max,
                        .seed = (uint64_t)o->seed,
                        .dir = dir},
              .progress = p,
              .total = o->clips};
    t.maker.looks = synth_open(&looks, e);
    t.maker.moves = t.maker.looks ? moves_source_open(&moves, e) : NULL;
    if (t.maker.moves) {
        pthread_mutex_init(&t.lock, NULL);
        threads_for(o->clips, 1, make_clips, &t);
        pthread_mutex_destroy(&t.lock);
        if (t.stopped && e)
            *e = t.err;
        /* the list is written in any case: it names what is complete */
        ok = write_list(dir, o->clips, t.stopped ? NULL : e) && !t.stopped;
    }
    ok = ok && t.maker.moves;
    moves_source_close(t.maker.moves);
    synth_close(t.maker.looks);
    return ok;
}
