/* SPDX-License-Identifier: Apache-2.0
 *
 * Songs with features and captured clips, ready to be cut into training windows (moves_source.c).
 */
#include "synth/moves_pool.h"

#include <math.h>
#include <string.h>

#define STREAM_SONG 0x534F4E47u
#define TEMPO_LO 75.0
#define TEMPO_HI 175.0
#define GOLDEN 0.6180339887498949
#define USUAL_WINDOW 6.0     /* s */
#define SHORTEST_STRETCH 4.5 /* s: what such a window takes at least */
#define START_STEP 0.25      /* s */
#define STILL_SPEED 0.4f     /* m/s, sum of five joints: slower for a second is standing about */
#define STILL_SMOOTH 0.5     /* s, deviation */
#define GLITCH_SPEED 12.0    /* m/s */
enum { SONG_RATE = 22050, DEFAULT_SONGS = 400 };

/* ---- songs ------------------------------------------------------------------------------------------------------- */

bool song_pool_init(SongPool *p, const MovesSourceOptions *o, double idle_share, Err *e)
{
    *p = (SongPool){.n = o->songs ? o->songs : DEFAULT_SONGS, .seconds = o->song_seconds > 0 ? o->song_seconds : 40,
                    .seed = o->seed};
    if (p->n < 1 || p->n > 100000)
        return err_set(e, "a pool of %d songs: 1 to 100000 are possible", o->songs);
    if (!(p->seconds >= 5 && p->seconds <= 600))
        return err_set(e, "songs of %g s: 5 to 600 are possible", o->song_seconds);
    if (o->samples && !(p->kit = song_kit_open(o->samples, e)))
        return false;
    p->idle = idle_share > 0 ? CLAMP((int)lround(p->n * idle_share), 1, p->n) : 0;
    if (p->idle == p->n && idle_share < 1)
        p->idle = p->n - 1;
    p->song = mem_zero((size_t)p->n * sizeof *p->song);
    for (int k = 0; k < p->n; k++)
        pthread_mutex_init(&p->song[k].lock, NULL);
    return true;
}

void song_pool_finish(SongPool *p)
{
    for (int k = 0; p->song && k < p->n; k++) {
        song_finish(&p->song[k].song);
        mem_free(p->song[k].features);
        pthread_mutex_destroy(&p->song[k].lock);
    }
    mem_free(p->song);
    song_kit_close(p->kit);
    memset(p, 0, sizeof *p);
}

bool song_pool_compose(const SongPool *p, int k, Song *out, Err *e)
{
    Rng r = rng_make(p->seed, STREAM_SONG);
    double offset = (double)rng_float(&r), place = (k + 1) * GOLDEN + offset;
    uint64_t seed = rng_hash(&p->seed, sizeof p->seed) ^ (uint64_t)(k + 1) * 0x9E3779B97F4A7C15u;
    if (k < p->n - p->idle) {
        SongOptions o = {.seed = seed, .seconds = p->seconds, .style = -1, .rate = SONG_RATE, .channels = 1,
                         .kit = p->kit,
                         .tempo = TEMPO_LO + (TEMPO_HI - TEMPO_LO) * (place - floor(place))};
        return song_compose(&o, out, e);
    }
    memset(out, 0, sizeof *out);
    out->rate = SONG_RATE;
    out->channels = 1;
    out->frames = (int64_t)(p->seconds * SONG_RATE);
    out->samples = mem_alloc((size_t)out->frames * sizeof *out->samples);
    song_idle_sound((IdleSound)(k % IDLE_SOUNDS), seed, SONG_RATE, out->frames, out->samples);
    return true;
}

static bool make_song(const SongPool *p, int k, PoolSong *s, Err *e)
{
    if (!song_pool_compose(p, k, &s->song, e))
        return false;
    BeatGrid grid;
    SongFeatures f;
    audio_grid_init(&grid);
    if (s->song.beats)
        audio_grid_set(&grid, s->song.beat, s->song.beat_in_bar, s->song.beats, p->seconds);
    bool good = audio_song_features(&f, s->song.samples, s->song.frames, s->song.rate, &grid, MOTION_FPS, e);
    audio_grid_finish(&grid);
    mem_free(s->song.samples);
    s->song.samples = NULL;
    if (!good) {
        song_finish(&s->song);
        return false;
    }
    s->frames = (int)f.frames;
    s->features = f.rows; /* ours now */
    s->ready = true;
    return true;
}

const PoolSong *song_pool_get(SongPool *p, int k, Err *e)
{
    PoolSong *s = &p->song[k];
    pthread_mutex_lock(&s->lock);
    bool good = s->ready || make_song(p, k, s, e);
    pthread_mutex_unlock(&s->lock);
    return good ? s : NULL;
}

/* ---- clips ------------------------------------------------------------------------------------------------------- */

static DanceFamily family_of(ClipFamily f)
{
    return f == CLIP_CMU ? DANCE_SALSA : f == CLIP_ROKOKO || f == CLIP_GESTURE ? DANCE_GESTURE : DANCE_SHOW;
}

/* Marks what the index calls bad, a tenth of a second around it too, what is too fast to be true, and where nobody
 * dances. */
static void mark_bad(const ClipEntry *x, const Clip *c, uint8_t *bad)
{
    clip_find_glitches(c, GLITCH_SPEED, bad);
    for (int k = 0; k < x->n_bad; k++)
        for (int t = 0; t < c->frames; t++)
            if (t / c->fps >= x->bad[k][0] - 0.1 && t / c->fps <= x->bad[k][1] + 0.1)
                bad[t] = 1;
    float *speed = mem_zero((size_t)c->frames * sizeof *speed);
    static const int joints[] = {JOINT_PELVIS, JOINT_L_WRIST, JOINT_R_WRIST, JOINT_L_ANKLE, JOINT_R_ANKLE};
    for (int t = 0; t + 1 < c->frames; t++)
        for (size_t k = 0; k < ARRAY_LEN(joints); k++) {
            const float *p = c->pose[t][joints[k]], *q = c->pose[t + 1][joints[k]];
            speed[t] += sqrtf((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                              (p[2] - q[2]) * (p[2] - q[2])) *
                        (float)c->fps;
        }
    motion_smooth(speed, c->frames, 1, STILL_SMOOTH * c->fps);
    for (int t = 0; t < c->frames; t++)
        if (speed[t] < STILL_SPEED)
            bad[t] = 1;
    mem_free(speed);
}

float pool_clip_turn(const PoolClip *c, double from, double to)
{
    int a = CLAMP((int)(from * c->clip.fps), 0, c->clip.frames - 1),
        b = CLAMP((int)(to * c->clip.fps), a, c->clip.frames - 1);
    float low = c->yaw[a], high = c->yaw[a];
    for (int t = a; t <= b; t++) {
        low = MIN(low, c->yaw[t]);
        high = MAX(high, c->yaw[t]);
    }
    return high - low;
}

static void find_starts(PoolClip *p, const uint8_t *bad)
{
    int n = p->clip.frames;
    double fps = p->clip.fps;
    p->start = mem_alloc(((size_t)(n / fps / START_STEP) + 2) * sizeof *p->start);
    for (int a = 0, b; a < n; a = b + 1) {
        for (b = a; b < n && !bad[b]; b++)
            ;
        for (double at = a / fps, end = (b - 1) / fps; at + SHORTEST_STRETCH <= end; at += START_STEP)
            if (pool_clip_turn(p, at, MIN(at + USUAL_WINDOW, end)) <= MOVES_HEADING_RANGE)
                p->start[p->starts++] = (ClipStart){at, a / fps, end};
    }
    /* Short clips come a little oftener than their time; one gesture as often as another. */
    p->weight = p->family == DANCE_GESTURE ? p->starts > 0 : pow(p->starts, 0.75);
}

static bool load_clip(PoolClip *p, const ClipEntry *x, Err *e)
{
    Clip raw;
    if (!clip_read(&raw, x->path, e))
        return false;
    bool good = clip_to_canonical(&raw, &p->clip, e);
    if (good) {
        uint8_t *bad = mem_alloc((size_t)raw.frames);
        p->family = family_of(x->family);
        p->hits = clip_find_hits(&raw, &p->hit, &p->depth);
        p->yaw = mem_alloc((size_t)raw.frames * sizeof *p->yaw);
        clip_headings(&p->clip, p->yaw);
        mark_bad(x, &raw, bad);
        find_starts(p, bad);
        mem_free(bad);
        snprintf(p->clip.name, sizeof p->clip.name, "%s", x->name);
    }
    clip_finish(&raw);
    return good;
}

static bool add_folder(ClipPool *p, const char *folder, bool held_out, Err *e)
{
    ClipIndex x;
    if (!clip_index_read(&x, folder, e))
        return false;
    p->clip = mem_resize(p->clip, (size_t)(p->n + x.n) * sizeof *p->clip);
    bool good = true;
    for (int i = 0; i < x.n && good; i++) {
        if (x.entry[i].held_out != held_out)
            continue;
        memset(&p->clip[p->n], 0, sizeof *p->clip);
        good = load_clip(&p->clip[p->n++], &x.entry[i], e);
    }
    clip_index_finish(&x);
    return good;
}

bool clip_pool_init(ClipPool *p, const MovesSourceOptions *o, Err *e)
{
    static const double shares[DANCE_FAMILIES] = {[DANCE_SHOW] = 0.72, [DANCE_SALSA] = 0.18, [DANCE_GESTURE] = 0.1};
    memset(p, 0, sizeof *p);
    if (o->motion && !add_folder(p, o->motion, o->held_out, e))
        return false;
    if (o->gestures && !o->held_out && !add_folder(p, o->gestures, false, e))
        return false;
    if (o->motion && p->n == 0)
        return err_set(e, "%s holds no %s clips", o->motion, o->held_out ? "held-out" : "training");
    for (int i = 0; i < p->n; i++)
        if (p->clip[i].weight > 0)
            p->family_weight[p->clip[i].family] = shares[p->clip[i].family];
    return true;
}

void clip_pool_finish(ClipPool *p)
{
    for (int i = 0; i < p->n; i++) {
        PoolClip *c = &p->clip[i];
        clip_finish(&c->clip);
        mem_free(c->hit);
        mem_free(c->depth);
        mem_free(c->yaw);
        mem_free(c->start);
    }
    mem_free(p->clip);
    memset(p, 0, sizeof *p);
}
