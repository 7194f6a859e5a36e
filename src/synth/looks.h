/* SPDX-License-Identifier: Apache-2.0
 *
 * The looks folder: what is in it, what is held out, and its pictures and meshes, each read when first used and then
 * shared by all threads. Private to src/synth.
 */
#ifndef JIG_SYNTH_LOOKS_H
#define JIG_SYNTH_LOOKS_H

#include "media/media.h"
#include "synth/synth_internal.h"

typedef enum AssetKind { ASSET_MESH, ASSET_TEXTURE, ASSET_PUPPET, ASSET_KINDS } AssetKind;

/* One file, read at most once. */
typedef struct Asset {
    AssetKind kind;
    char *path; /* for a puppet: the .joints file or char_cfg.yaml */
    char *name;
    float weight; /* of being chosen */
    float pitch, fov; /* places with a known camera: degrees; fov 0: unknown */
    struct Asset *skin; /* bodies: their texture */
    void *data;   /* Mesh, Texture or Puppet; NULL before its first use */
    int state;    /* 0 not read, 1 read, 2 cannot be read */
} Asset;

typedef struct AssetList { Asset *at; int n; float total; } AssetList;

typedef struct Looks {
    AssetList bodies;   /* with textures of their own: people, kenney with each skin */
    AssetList shapes;   /* makehuman: to be dressed */
    AssetList figures;  /* puppets: people, peeps, emoji, characters */
    AssetList places;   /* real views */
    AssetList painted;  /* painted ones */
    AssetList fabrics;
    Arena *arena;
    int texture_limit, place_limit;
    struct LooksLock *lock;
    Err trouble;
} Looks;

/* looks, puppets: folders or NULL. */
bool looks_open(Looks *l, const char *looks, const char *puppets, bool held_out, int size, Err *e);
void looks_close(Looks *l);
/* By weight, one that can be read (its data is then there). A file that cannot be read is left out with a warning, and
 * another is chosen. NULL: the list is empty, or sixteen in a row failed (then trouble says why). */
Asset *looks_choose(Looks *l, const AssetList *list, Rng *r);
/* The data of an asset, read now if need be. NULL when it cannot be read: see trouble. */
const Mesh *looks_mesh(Looks *l, Asset *a);
const Texture *looks_texture(Looks *l, Asset *a);
const struct Puppet *looks_puppet(Looks *l, Asset *a);

#endif
