/* SPDX-License-Identifier: Apache-2.0
 *
 * What `jig dance` asks of a model, whatever its class: look at the picture, make (or read, or keep) moves, draw frames. Each
 * class is one adapter, model_NAME.c; model_class.c finds it by the "class" of the folder's model.json. The command knows
 * no model beyond this table.
 */
#ifndef JIG_MODEL_CLASS_H
#define JIG_MODEL_CLASS_H

#include "api/api.h"
#include "api/song_piece.h"
#include "metrics/metrics.h"
#include "models/articulated/articulated.h"
#include "models/dabfusion/dabfusion_model.h"

typedef struct DanceOptions {
    const char *output, *model, *device, *start, *length, *beats, *moves, *save_moves, *joints;
    int64_t threads, quality;
    bool dry_run;
    LatentOptions latent;    /* of DabFusion: how its flow is sampled */
    ArticulatedOptions look; /* size, fps, seed, steps, guidance, mirror, loop: of every model; the others of articulated */
} DanceOptions;

/* What a dance is made of. Picture and song are filled in by the time the functions that need them are called. */
typedef struct DanceInput {
    jig_job *job;
    DanceOptions *o;
    Picture picture;
    SongPiece song;
} DanceInput;

typedef struct ModelClass {
    const char *name; /* "class" in model.json */
    /* Weights of the folder; later the picture, the moves, the session: everything of one dance. */
    void *(*open)(const char *folder, const Device *device, Err *e);
    void (*close)(void *model);
    /* Options that the user did not give take the model's own values (api_option_given). */
    bool (*settle)(void *model, DanceInput *in, Err *e);
    const char *(*networks)(const void *model); /* which networks are there, for the settings in the video */
    bool (*look)(void *model, const DanceInput *in, const Progress *p, Err *e); /* at the picture, before the song */
    uint64_t (*bytes)(const void *model, const DanceInput *in);                 /* memory that the dance will need */
    double (*seconds)(const void *model, const DanceInput *in); /* rough time it will take; NULL or 0: not known */
    bool (*make_moves)(void *model, const DanceInput *in, const Progress *p, Err *e);
    bool (*read_moves)(void *model, const DanceInput *in, const char *path, Err *e);
    bool (*save_moves)(const void *model, const DanceInput *in, const char *path, Err *e);
    bool (*begin)(void *model, const DanceInput *in, const Progress *p, Err *e); /* frames may be asked from now on */
    void (*size)(const void *model, int *w, int *h);
    const char *(*way)(const void *model); /* how it is drawn */
    /* Frame i at time i / fps, in any order: rgba [h, w, 4]. Beyond the last one the last one. */
    bool (*frame)(void *model, int64_t i, uint8_t *rgba, Err *e);
    /* How well the motion's peaks of frames 0..n-1 fall on the beats. */
    bool (*measure)(void *model, const DanceInput *in, int64_t n, SyncScore *out, Err *e);
} ModelClass;

extern const ModelClass model_articulated, model_dabfusion;

/* The class that the folder's model.json names. NULL: not JSON, no class, or one that this program does not know. */
const ModelClass *model_class_find(const char *folder, Err *e);

#endif
