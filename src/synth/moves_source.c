/* SPDX-License-Identifier: Apache-2.0
 *
 * Training windows of the motion network (spec of the articulated model, section 2; data/README.md section 4): a piece
 * of a song from the pool and a dance to it. A captured dance is warped onto the beats, turned to the viewer, made as
 * large as the song is loud, and its feet are put where they stand; a composed one is asked for; to sounds without a
 * beat somebody waits.
 * Half of the windows are mirrored.
 */
#include "synth/moves_pool.h"

#include <math.h>
#include <string.h>

#define STREAM_WINDOW 0x57494E44u
#define HEADING_LIMIT 0.7f       /* 40 degrees */
#define WARP_COST_GOOD 0.009     /* cost per hit in a window of six seconds: good enough to stop looking */
#define TOP_SPEED 12.0f          /* m/s of any joint */
#define SIZE_QUIET 0.6f          /* size of captured movements at energy 0 ... */
#define SIZE_LOUD 1.2f           /* ... and 1 */
#define WARP_COST_FAIR 0.025     /* good enough to keep the clip, having tried several places in it */
enum { CLIPS_TRIED = 4, PLACES_TRIED = 4, MIN_FRAMES = 25, MAX_FRAMES = 1000 };

struct MovesSource {
    SongPool songs;
    ClipPool clips;
    float composed, idle;
    uint64_t seed;
};

MovesSource *moves_source_open(const MovesSourceOptions *o, Err *e)
{
    MovesSource *s = mem_zero(sizeof *s);
    bool shares = o->composed > 0 || o->idle > 0;
    s->composed = shares ? o->composed : 0.35f;
    s->idle = shares ? o->idle : 0.1f;
    s->seed = o->seed;
    bool good = s->composed >= 0 && s->idle >= 0 && s->composed + s->idle <= 1.0001f;
    if (!good)
        err_set(e, "shares of %g composed and %g idle: together 0 to 1 are possible", (double)s->composed,
                (double)s->idle);
    good = good && song_pool_init(&s->songs, o, (double)s->idle, e) && clip_pool_init(&s->clips, o, e);
    if (good)
        return s;
    moves_source_close(s);
    return NULL;
}

void moves_source_close(MovesSource *s)
{
    if (!s)
        return;
    song_pool_finish(&s->songs);
    clip_pool_finish(&s->clips);
    mem_free(s);
}

int moves_source_clips(const MovesSource *s) { return s->clips.n; }

void moves_window_init(MovesWindow *w, int frames)
{
    memset(w, 0, sizeof *w);
    w->frames = frames;
    w->row = mem_zero((size_t)frames * sizeof *w->row);
    w->song = mem_zero((size_t)frames * SONG_COLUMNS * sizeof *w->song);
}

void moves_window_finish(MovesWindow *w)
{
    if (!w)
        return;
    mem_free(w->row);
    mem_free(w->song);
    memset(w, 0, sizeof *w);
}

bool moves_source_song(MovesSource *s, int k, Song *out, Err *e)
{
    if (k < 0 || k >= s->songs.n)
        return err_set(e, "song %d of a pool of %d", k, s->songs.n);
    return song_pool_compose(&s->songs, k, out, e);
}

/* ---- the song's side of a window --------------------------------------------------------------------------------- */

/* Energy at a time: that of the beats, straight between them. */
static float energy_at(const Song *s, double t)
{
    int i = 0;
    while (i + 1 < s->beats && s->beat[i + 1] <= t)
        i++;
    if (i + 1 >= s->beats || t <= s->beat[0])
        return s->energy[i];
    float f = (float)((t - s->beat[i]) / (s->beat[i + 1] - s->beat[i]));
    return s->energy[i] + f * (s->energy[i + 1] - s->energy[i]);
}

static void take_song(const PoolSong *p, Rng *r, MovesWindow *w)
{
    int start = rng_int(r, 0, p->frames - w->frames);
    w->song_start = (double)start / MOTION_FPS;
    memcpy(w->song, p->features + (size_t)start * SONG_COLUMNS, (size_t)w->frames * SONG_COLUMNS * sizeof *w->song);
    w->tempo = p->song.beats ? p->song.tempo : 0;
    w->energy = 0;
    for (int t = 0; t < w->frames && p->song.beats; t++)
        w->energy += energy_at(&p->song, w->song_start + (double)t / MOTION_FPS) / (float)w->frames;
}

/* ---- captured dances --------------------------------------------------------------------------------------------- */

static int draw_family(const ClipPool *p, Rng *r, MusicStyle style)
{
    double weight[DANCE_FAMILIES], sum = 0;
    DanceFamily music = dance_family_of_music(style);
    for (int f = 0; f < DANCE_FAMILIES; f++) {
        weight[f] = p->family_weight[f];
        if (f == DANCE_SALSA) /* couples' dances to couples' music, mostly */
            weight[f] *= music == DANCE_LATIN || music == DANCE_BALLROOM ? 2.5 : 0.75;
        sum += weight[f];
    }
    double at = (double)rng_float(r) * sum;
    for (int f = 0; f < DANCE_FAMILIES; f++)
        if (weight[f] > 0 && (at -= weight[f]) <= 0)
            return f;
    return -1;
}

static const PoolClip *draw_clip(const ClipPool *p, Rng *r, int family)
{
    double sum = 0;
    const PoolClip *last = NULL;
    for (int i = 0; i < p->n; i++)
        sum += (int)p->clip[i].family == family ? p->clip[i].weight : 0;
    double at = (double)rng_float(r) * sum;
    for (int i = 0; i < p->n; i++) {
        if ((int)p->clip[i].family != family || p->clip[i].weight <= 0)
            continue;
        last = &p->clip[i];
        if ((at -= p->clip[i].weight) <= 0)
            break;
    }
    return last;
}

/* One try: a place in a clip that could carry the window, and its map. */
static bool try_piece(const PoolClip *c, Rng *r, const double *grid, int n_grid, double seconds, TimeWarp *w)
{
    const ClipStart *s = &c->start[rng_int(r, 0, c->starts - 1)];
    double room = s->to - seconds * TIMEWARP_FASTEST - s->from;
    if (room <= 0)
        return false;
    double from = MIN(s->at, s->from + room);
    if (!timewarp_fit(c->hit, c->depth, c->hits, from, s->from, s->to, grid, n_grid, seconds, w))
        return false;
    if ((double)pool_clip_turn(c, timewarp_at(w, 0), timewarp_at(w, seconds)) <= MOVES_HEADING_RANGE)
        return true;
    timewarp_finish(w);
    return false;
}

static void sample_clip(const Clip *c, const TimeWarp *w, Clip *out)
{
    for (int t = 0; t < out->frames; t++) {
        double at = CLAMP(timewarp_at(w, t / out->fps) * c->fps, 0.0, c->frames - 1.0);
        int i = (int)at, next = MIN(i + 1, c->frames - 1);
        float f = (float)(at - i);
        const float *a = &c->pose[i][0][0], *b = &c->pose[next][0][0];
        float *o = &out->pose[t][0][0];
        for (int k = 0; k < MOTION_JOINTS * 3; k++)
            o[k] = a[k] + f * (b[k] - a[k]);
    }
}

/* Turned to the viewer, scaled by the song's energy, feet held. *usable: nothing became too fast to be true by that. */
static bool finish_captured(Clip *piece, const Song *song, MovesWindow *w, bool *usable, Err *e)
{
    Contacts *contact = mem_alloc((size_t)piece->frames * sizeof *contact);
    float *size = mem_alloc((size_t)piece->frames * sizeof *size);
    Moves m = {0}, held = {0};
    Clip stood = {0};
    clip_find_contacts(piece, contact); /* before the turn, which makes planted feet slide */
    clip_limit_heading(piece, HEADING_LIMIT);
    for (int t = 0; t < piece->frames; t++)
        size[t] = SIZE_QUIET + (SIZE_LOUD - SIZE_QUIET) * energy_at(song, w->song_start + (double)t / MOTION_FPS);
    bool good = moves_from_poses(piece, (const Contacts *)contact, &m, e);
    if (good)
        moves_scale_energy(&m, size, 1);
    good = good && moves_to_clip(&m, NULL, &stood, e) && moves_from_poses(&stood, (const Contacts *)contact, &held, e);
    *usable = good && moves_top_speed(&held) < TOP_SPEED;
    if (*usable)
        memcpy(w->row, held.row, (size_t)w->frames * sizeof *w->row);
    clip_finish(&stood);
    moves_finish(&held);
    moves_finish(&m);
    mem_free(size);
    mem_free(contact);
    return good;
}

/* *found becomes false when no piece of the clips tried fits the song. */
static bool dance_captured(const MovesSource *s, const PoolSong *p, Rng *r, MovesWindow *w, bool *found, Err *e)
{
    double seconds = (double)w->frames / MOTION_FPS;
    int n = p->song.beats;
    double *grid = mem_alloc((size_t)n * sizeof *grid);
    TimeWarp best = {0};
    double best_cost = INFINITY;
    const PoolClip *clip = NULL;
    for (int i = 0; i < n; i++)
        grid[i] = p->song.beat[i] - w->song_start;
    int family = draw_family(&s->clips, r, p->song.style);
    const PoolClip *c = NULL;
    for (int k = 0; k < CLIPS_TRIED * PLACES_TRIED && family >= 0 && best_cost > WARP_COST_GOOD; k++) {
        TimeWarp one;
        if (k % PLACES_TRIED == 0) {
            if (best_cost < WARP_COST_FAIR)
                break;
            c = draw_clip(&s->clips, r, family);
        }
        if (!try_piece(c, r, grid, n, seconds, &one))
            continue;
        /* per hit, or the least lively piece would always be the best */
        double cost = one.cost * seconds / MAX(one.hits, 3);
        if (cost < best_cost) {
            timewarp_finish(&best);
            best = one;
            best_cost = cost;
            clip = c;
        } else {
            timewarp_finish(&one);
        }
    }
    mem_free(grid);
    *found = false;
    if (!clip)
        return true;
    Clip piece;
    bool good = clip_init(&piece, w->frames, MOTION_FPS, e);
    if (good) {
        sample_clip(&clip->clip, &best, &piece);
        good = finish_captured(&piece, &p->song, w, found, e);
        w->family = clip->family;
        snprintf(w->clip, sizeof w->clip, "%s", *found ? clip->clip.name : "");
        clip_finish(&piece);
    }
    timewarp_finish(&best);
    return good;
}

/* ---- composed dances and waiting --------------------------------------------------------------------------------- */

static bool take_poses(Clip *c, const Contacts *contact, MovesWindow *w, Err *e)
{
    Moves m;
    bool good = moves_from_poses(c, contact, &m, e);
    if (good)
        memcpy(w->row, m.row, (size_t)w->frames * sizeof *w->row);
    moves_finish(&m);
    clip_finish(c);
    return good;
}

static bool dance_composed(const PoolSong *p, Rng *r, MovesWindow *w, Err *e)
{
    const Song *s = &p->song;
    DanceBeats beats = {s->beats, s->beat, s->beat_in_bar, s->energy, s->theme};
    DanceFamily stray = (DanceFamily)rng_int(r, DANCE_STREET, DANCE_POP);
    w->family = rng_chance(r, 0.15f) ? stray : dance_family_of_music(s->style);
    DanceOptions o = {.seed = rng_u32(r), .family = w->family, .start = w->song_start, .fps = MOTION_FPS, .size = 1,
                      .seconds = (double)w->frames / MOTION_FPS};
    Clip c;
    Contacts *contact = mem_alloc((size_t)w->frames * sizeof *contact);
    bool good = choreography_compose(&beats, &o, &c, contact, e) && take_poses(&c, (const Contacts *)contact, w, e);
    mem_free(contact);
    return good;
}

static bool wait_idle(Rng *r, MovesWindow *w, Err *e)
{
    Clip c, piece;
    double seconds = (double)w->frames / MOTION_FPS;
    int skip = rng_int(r, 0, 250); /* nobody begins to wait when the window begins */
    w->family = DANCE_IDLE;
    if (!choreography_idle(rng_u32(r), seconds + (double)skip / MOTION_FPS, MOTION_FPS, &c, NULL, e))
        return false;
    bool good = clip_cut(&c, skip, w->frames, &piece, e);
    clip_finish(&c);
    Contacts *contact = mem_alloc((size_t)w->frames * sizeof *contact);
    for (int t = 0; t < w->frames; t++)
        contact[t][0] = contact[t][1] = 1;
    good = good && take_poses(&piece, (const Contacts *)contact, w, e);
    mem_free(contact);
    return good;
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

bool moves_source_window(MovesSource *s, uint64_t index, MovesWindow *w, Err *e)
{
    Rng r = rng_make(s->seed ^ STREAM_WINDOW, index);
    if (w->frames < MIN_FRAMES || w->frames > MAX_FRAMES || w->frames > s->songs.seconds * MOTION_FPS - 1)
        return err_set(e, "a window of %d frames: %d to %d are possible, and less than a song of %g s", w->frames,
                       MIN_FRAMES,
                       MAX_FRAMES, s->songs.seconds);
    float kind = rng_float(&r);
    bool idle = kind < s->idle && s->songs.idle > 0, composed = kind < s->idle + s->composed || s->clips.n == 0;
    int music = s->songs.n - s->songs.idle;
    w->song_index = idle || music == 0 ? music + rng_int(&r, 0, s->songs.idle - 1) : rng_int(&r, 0, music - 1);
    w->clip[0] = 0;
    const PoolSong *p = song_pool_get(&s->songs, w->song_index, e);
    if (!p)
        return false;
    take_song(p, &r, w);
    bool found = false, good = true;
    if (p->song.beats == 0)
        good = wait_idle(&r, w, e);
    else if (!composed)
        good = dance_captured(s, p, &r, w, &found, e);
    if (good && p->song.beats > 0 && !found)
        good = dance_composed(p, &r, w, e);
    w->mirrored = rng_chance(&r, 0.5f);
    if (good && w->mirrored)
        moves_mirror(&(Moves){.frames = w->frames, .row = w->row});
    return good;
}
