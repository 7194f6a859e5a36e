/* SPDX-License-Identifier: Apache-2.0
 *
 * The articulated model behind ModelClass (docs/models/articulated.md): figure, bone moves, session.
 */
#include "api/model_class.h"

typedef struct Dancer {
    ArticulatedModel *networks;
    Figure figure;
    Moves moves;
    ArticulatedSession *session;
} Dancer;

static void dancer_close(void *model)
{
    Dancer *d = model;
    if (!d)
        return;
    articulated_end(d->session);
    moves_finish(&d->moves);
    articulated_figure_finish(&d->figure);
    articulated_close(d->networks);
    mem_free(d);
}

static void *dancer_open(const char *folder, const Device *device, Err *e)
{
    Dancer *d = mem_zero(sizeof *d);
    if ((d->networks = articulated_open(folder, device, e)))
        return d;
    dancer_close(d);
    return NULL;
}

static bool dancer_settle(void *model, DanceInput *in, Err *e) { return true; /* the table's defaults are its own */ }

static const char *dancer_networks(const void *model) { return articulated_networks(((const Dancer *)model)->networks); }

static bool dancer_look(void *model, const DanceInput *in, const Progress *p, Err *e)
{
    Dancer *d = model;
    bool ok = in->o->joints ? articulated_figure_read_joints(&d->figure, in->o->joints, &in->picture, e)
                            : articulated_find(d->networks, &in->picture, &d->figure, e);
    if (ok && d->figure.note[0])
        log_line(LOG_WARNING, "%s", d->figure.note);
    return ok;
}

static uint64_t dancer_bytes(const void *model, const DanceInput *in)
{
    return articulated_bytes(((const Dancer *)model)->networks, &in->picture, in->song.seconds, &in->o->look);
}

static bool dancer_make_moves(void *model, const DanceInput *in, const Progress *p, Err *e)
{
    Dancer *d = model;
    const SongPiece *s = &in->song;
    return articulated_make_moves(d->networks, s->mono, s->frames, s->sound.rate, &s->grid, &in->o->look, &d->moves, p, e);
}

static bool dancer_read_moves(void *model, const DanceInput *in, const char *path, Err *e)
{
    return moves_read_for(&((Dancer *)model)->moves, path, &in->song.grid, in->song.seconds, e);
}

static bool dancer_save_moves(const void *model, const DanceInput *in, const char *path, Err *e)
{
    return moves_write_for(&((const Dancer *)model)->moves, path, &in->song.grid, e);
}

static bool dancer_begin(void *model, const DanceInput *in, const Progress *p, Err *e)
{
    Dancer *d = model;
    return articulated_begin(&d->session, d->networks, &in->picture, &d->figure, &d->moves, &in->o->look, p, e);
}

static void dancer_size(const void *model, int *w, int *h)
{
    const Dancer *d = model;
    *w = articulated_width(d->session);
    *h = articulated_height(d->session);
}

static const char *dancer_way(const void *model) { return articulated_way(((const Dancer *)model)->session); }

static int64_t session_frame(const Dancer *d, int64_t i) { return MIN(i, articulated_frames(d->session) - 1); }

static bool dancer_frame(void *model, int64_t i, uint8_t *rgba, Err *e)
{
    Dancer *d = model;
    return articulated_frame(d->session, session_frame(d, i), rgba, e);
}

/* From the exact joints, before anything is drawn. */
static bool dancer_measure(void *model, const DanceInput *in, int64_t n, SyncScore *out, Err *e)
{
    Dancer *d = model;
    float (*joints)[FIGURE_JOINTS][2] = mem_try((size_t)n * sizeof *joints);
    if (!joints)
        return err_set(e, "not enough memory for the joints of %lld frames", (long long)n);
    for (int64_t i = 0; i < n; i++)
        articulated_joints(d->session, session_frame(d, i), joints[i]);
    *out = metrics_sync_joints(&joints[0][0][0], n, FIGURE_JOINTS, 2, in->o->look.fps, in->song.grid.seconds, in->song.grid.n);
    mem_free(joints);
    return true;
}

const ModelClass model_articulated = {
    .name = "articulated",
    .open = dancer_open,
    .close = dancer_close,
    .settle = dancer_settle,
    .networks = dancer_networks,
    .look = dancer_look,
    .bytes = dancer_bytes,
    .make_moves = dancer_make_moves,
    .read_moves = dancer_read_moves,
    .save_moves = dancer_save_moves,
    .begin = dancer_begin,
    .size = dancer_size,
    .way = dancer_way,
    .frame = dancer_frame,
    .measure = dancer_measure,
};
