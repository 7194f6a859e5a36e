/* SPDX-License-Identifier: Apache-2.0
 *
 * The inventory of a looks folder (bodies/ figures/ backgrounds/ fabrics/, each optional) and of a folder of
 * puppet characters; the split into training and held-out looks; reading on first use.
 * Held out is every tenth name of each sub-folder in sorted order (index % 10 == 9); the views of one place, named
 * hdri_PLACE_K, count as one, and a cut-out goes with the body of its name. Fabrics are not split: a swatch is no
 * identity.
 */
#include "synth/looks.h"
#include "synth/puppet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct LooksLock { pthread_mutex_t mutex; } LooksLock;

static Asset *append(Looks *l, AssetList *list, AssetKind kind, const char *path, float weight)
{
    if ((list->n & (list->n - 1)) == 0)
        list->at = mem_resize(list->at, sizeof *list->at * MAX(16, 2 * list->n));
    Asset *a = &list->at[list->n++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    a->path = arena_strdup(l->arena, path);
    const char *slash = strrchr(path, '/');
    a->name = arena_strdup(l->arena, slash ? slash + 1 : path);
    char *dot = strrchr(a->name, '.');
    if (dot)
        *dot = 0;
    a->weight = weight;
    list->total += weight;
    return a;
}

/* Names in dir with one of two endings; none when the folder is not there. */
static bool names_in(Looks *l, const char *dir, const char *suffix, const char *other, char ***names, int *n, Err *e)
{
    *n = 0;
    if (!file_is_dir(dir))
        return true;
    if (!file_list(l->arena, dir, NULL, names, n, e))
        return false;
    int kept = 0;
    for (int i = 0; i < *n; i++)
        if (text_ends_with((*names)[i], suffix) || (other && text_ends_with((*names)[i], other)))
            (*names)[kept++] = (*names)[i];
    *n = kept;
    return true;
}

static bool chosen(int index, bool held_out) { return (index % 10 == 9) == held_out; }

/* Uniforms are rarer in the streets than plain clothes, and so here. */
static float body_weight(const char *name)
{
    static const char *const plain[] = {"Adult", "Business", "Party", "Sports"};
    for (int i = 0; i < (int)ARRAY_LEN(plain); i++)
        if (strstr(name, plain[i]))
            return 1.0f;
    return 0.4f;
}

static bool list_bodies(Looks *l, const char *looks, bool held_out, Err *e)
{
    char **names;
    int n;
    char *dir = arena_printf(l->arena, "%s/bodies/people", looks);
    if (!names_in(l, dir, ".body", NULL, &names, &n, e))
        return false;
    for (int i = 0; i < n; i++)
        if (chosen(i, held_out))
            append(l, &l->bodies, ASSET_MESH, arena_printf(l->arena, "%s/%s", dir, names[i]), body_weight(names[i]));
    dir = arena_printf(l->arena, "%s/bodies/makehuman", looks);
    if (!names_in(l, dir, ".body", NULL, &names, &n, e))
        return false;
    for (int i = 0; i < n; i++)
        if (chosen(i, held_out))
            append(l, &l->shapes, ASSET_MESH, arena_printf(l->arena, "%s/%s", dir, names[i]), 1);

    /* every skin fits every cartoon body; together they weigh as much as ten people */
    char **skins;
    int n_skins;
    dir = arena_printf(l->arena, "%s/bodies/kenney", looks);
    char *skin_dir = arena_printf(l->arena, "%s/skins", dir);
    if (!names_in(l, dir, ".body", NULL, &names, &n, e) || !names_in(l, skin_dir, ".jpg", ".png", &skins, &n_skins, e))
        return false;
    for (int k = 0; k < n_skins; k++) {
        if (!chosen(k, held_out))
            continue;
        for (int i = 0; i < n; i++) {
            char *path = arena_printf(l->arena, "%s/%s", dir, names[i]);
            Asset *a = append(l, &l->bodies, ASSET_MESH, path, 10.0f / (n * MAX(1, n_skins)) * (held_out ? 1 : 1.1f));
            a->skin = arena_alloc(l->arena, sizeof *a->skin);
            a->skin->kind = ASSET_TEXTURE;
            a->skin->path = arena_printf(l->arena, "%s/%s", skin_dir, skins[k]);
            a->skin->name = skins[k];
        }
    }
    return true;
}

/* Cut-outs of people show the same persons as bodies of that name: they go where their body goes. */
static bool person_chosen(char **bodies, int n, const char *name, int index, bool held_out)
{
    size_t len = strrchr(name, '.') - name;
    for (int i = 0; i < n; i++)
        if (strncmp(bodies[i], name, len) == 0 && strcmp(bodies[i] + len, ".body") == 0)
            return chosen(i, held_out);
    return chosen(index, held_out);
}

static bool list_figures(Looks *l, const char *looks, const char *puppets, bool held_out, Err *e)
{
    static const struct { const char *dir; float weight; } kinds[] = {{"people", 1}, {"peeps", 1.0f}, {"emoji", 0.6f}};
    char **names, **bodies = NULL;
    int n, n_bodies = 0;
    if (looks && !names_in(l, arena_printf(l->arena, "%s/bodies/people", looks), ".body", NULL, &bodies, &n_bodies, e))
        return false;
    for (int k = 0; looks && k < (int)ARRAY_LEN(kinds); k++) {
        char *dir = arena_printf(l->arena, "%s/figures/%s", looks, kinds[k].dir);
        if (!names_in(l, dir, ".joints", NULL, &names, &n, e))
            return false;
        for (int i = 0; i < n; i++)
            if (k == 0 ? person_chosen(bodies, n_bodies, names[i], i, held_out) : chosen(i, held_out))
                append(l, &l->figures, ASSET_PUPPET, arena_printf(l->arena, "%s/%s", dir, names[i]),
                       kinds[k].weight * (k == 0 ? body_weight(names[i]) : 1));
    }
    if (puppets && !held_out) {
        if (!file_list(l->arena, puppets, NULL, &names, &n, e))
            return false;
        for (int i = 0; i < n; i++) {
            char *path = arena_printf(l->arena, "%s/%s/char_cfg.yaml", puppets, names[i]);
            if (file_exists(path))
                append(l, &l->figures, ASSET_PUPPET, path, 4)->name = names[i];
        }
    }
    return true;
}

/* index.tsv says of each view "... yaw Y pitch P fov F". */
static void read_cameras(Looks *l, const char *looks)
{
    char *text;
    size_t size;
    if (!file_read(arena_printf(l->arena, "%s/index.tsv", looks), 1 << 22, &text, &size, NULL))
        return;
    for (int i = 0; i < l->places.n; i++) {
        Asset *a = &l->places.at[i];
        char *at = strstr(text, arena_printf(l->arena, "backgrounds/%s.", a->name)),
             *end = at ? strchr(at, '\n') : NULL;
        char *pitch = at ? strstr(at, " pitch ") : NULL;
        float p, f;
        if (pitch && (!end || pitch < end) && sscanf(pitch, " pitch %f fov %f", &p, &f) == 2 && fabsf(p) < 30 &&
            f > 20 && f < 100) {
            a->pitch = p;
            a->fov = f;
        }
    }
    mem_free(text);
}

/* Length of the name of a place without its "_K" and ending. */
static size_t place_length(const char *name)
{
    const char *last = strrchr(name, '_');
    return last && strncmp(name, "hdri_", 5) == 0 ? (size_t)(last - name) : strlen(name);
}

static bool list_places(Looks *l, const char *looks, bool held_out, Err *e)
{
    char **names;
    int n, group = -1;
    char *dir = arena_printf(l->arena, "%s/backgrounds", looks);
    if (!names_in(l, dir, ".jpg", ".png", &names, &n, e))
        return false;
    for (int i = 0; i < n; i++) {
        size_t len = place_length(names[i]);
        if (i == 0 || len != place_length(names[i - 1]) || strncmp(names[i], names[i - 1], len) != 0)
            group++;
        if (chosen(group, held_out))
            append(l, &l->places, ASSET_TEXTURE, arena_printf(l->arena, "%s/%s", dir, names[i]), 1);
    }
    /* photos/ holds paintings of people: as places they would teach that painted people are background */
    dir = arena_printf(l->arena, "%s/backgrounds/painted", looks);
    if (!names_in(l, dir, ".jpg", ".png", &names, &n, e))
        return false;
    for (int i = 0; i < n; i++)
        if (chosen(i, held_out))
            append(l, &l->painted, ASSET_TEXTURE, arena_printf(l->arena, "%s/%s", dir, names[i]), 1);
    dir = arena_printf(l->arena, "%s/fabrics", looks);
    if (!names_in(l, dir, ".jpg", ".png", &names, &n, e))
        return false;
    for (int i = 0; i < n; i++) /* prints are few and worth more than cloth */
        append(l, &l->fabrics, ASSET_TEXTURE, arena_printf(l->arena, "%s/%s", dir, names[i]),
               strncmp(names[i], "cloth_", 6) == 0 ? 1 : 4);
    read_cameras(l, looks);
    return true;
}

bool looks_open(Looks *l, const char *looks, const char *puppets, bool held_out, int size, Err *e)
{
    memset(l, 0, sizeof *l);
    l->arena = arena_create();
    l->lock = mem_zero(sizeof *l->lock);
    pthread_mutex_init(&l->lock->mutex, NULL);
    l->texture_limit = size <= 256 ? 512 : 1024;
    l->place_limit = size <= 320 ? 320 : 1024; /* the views are no sharper than that (backgrounds/README.txt) */
    bool ok = true;
    if (looks && !file_is_dir(looks))
        ok = err_set(e, "%s: no folder of looks", looks);
    if (ok && puppets && !file_is_dir(puppets))
        ok = err_set(e, "%s: no folder of puppets", puppets);
    if (ok && looks)
        ok = list_bodies(l, looks, held_out, e) && list_places(l, looks, held_out, e);
    ok = ok && list_figures(l, looks, puppets, held_out, e);
    if (ok && looks && l->bodies.n + l->shapes.n + l->figures.n + l->places.n + l->painted.n + l->fabrics.n == 0)
        ok = err_set(e, "%s: holds none of bodies/ figures/ backgrounds/ fabrics/", looks);
    if (!ok)
        looks_close(l);
    return ok;
}

static void drop(Asset *a)
{
    if (a->kind == ASSET_MESH)
        mesh_destroy(a->data);
    else if (a->kind == ASSET_PUPPET)
        puppet_destroy(a->data);
    else if (a->data) {
        texture_finish(a->data);
        mem_free(a->data);
    }
    if (a->skin)
        drop(a->skin);
}

void looks_close(Looks *l)
{
    AssetList *lists[] = {&l->bodies, &l->shapes, &l->figures, &l->places, &l->painted, &l->fabrics};
    for (int k = 0; k < (int)ARRAY_LEN(lists); k++) {
        for (int i = 0; i < lists[k]->n; i++)
            drop(&lists[k]->at[i]);
        mem_free(lists[k]->at);
    }
    if (l->lock)
        pthread_mutex_destroy(&l->lock->mutex);
    mem_free(l->lock);
    if (l->arena)
        arena_destroy(l->arena);
    memset(l, 0, sizeof *l);
}

static Texture *read_texture(const char *path, int limit, Err *e)
{
    Picture p;
    if (!picture_load(path, &p, e))
        return NULL;
    Texture *t = mem_alloc(sizeof *t);
    texture_init(t, p.rgba, p.w, p.h, limit);
    picture_finish(&p);
    return t;
}

static void *read_asset(const Looks *l, const Asset *a, int limit, Err *e)
{
    switch (a->kind) {
    case ASSET_MESH: return body_load(a->path, e);
    case ASSET_PUPPET: return puppet_load(a->path, limit, e);
    default: return read_texture(a->path, limit, e);
    }
}

/* Reading happens under one lock: it is rare after the first thousand pairs. */
static const void *get(Looks *l, Asset *a, int limit)
{
    if (__atomic_load_n(&a->state, __ATOMIC_ACQUIRE) == 0) {
        pthread_mutex_lock(&l->lock->mutex);
        if (a->state == 0) {
            Err e = {0};
            a->data = read_asset(l, a, limit, &e);
            if (!a->data)
                log_line(LOG_WARNING, "left out: %s", e.text);
            if (!a->data && !l->trouble.text[0])
                l->trouble = e;
            if (a->data && a->kind == ASSET_MESH && !a->skin && ((Mesh *)a->data)->texture[0]) {
                const char *slash = strrchr(a->path, '/');
                a->skin = arena_alloc(l->arena, sizeof *a->skin);
                a->skin->kind = ASSET_TEXTURE;
                a->skin->path =
                    arena_printf(l->arena, "%.*s/%s", (int)(slash - a->path), a->path, ((Mesh *)a->data)->texture);
            }
            __atomic_store_n(&a->state, a->data ? 1 : 2, __ATOMIC_RELEASE);
        }
        pthread_mutex_unlock(&l->lock->mutex);
    }
    return a->data;
}

const Mesh *looks_mesh(Looks *l, Asset *a) { return get(l, a, 0); }
const struct Puppet *looks_puppet(Looks *l, Asset *a) { return get(l, a, l->texture_limit); }

const Texture *looks_texture(Looks *l, Asset *a)
{
    bool place = (a >= l->places.at && a < l->places.at + l->places.n) ||
                 (a >= l->painted.at && a < l->painted.at + l->painted.n);
    return get(l, a, place ? l->place_limit : l->texture_limit);
}

static Asset *draw_one(const AssetList *list, Rng *r)
{
    float at = rng_float(r) * list->total;
    for (int i = 0; i < list->n; i++) {
        at -= list->at[i].weight;
        if (at < 0 || i == list->n - 1)
            return &list->at[i];
    }
    return NULL;
}

Asset *looks_choose(Looks *l, const AssetList *list, Rng *r)
{
    for (int tries = 0; tries < 16 && list->n > 0; tries++) {
        Asset *a = draw_one(list, r);
        bool ready = a->kind == ASSET_MESH     ? looks_mesh(l, a) && (!a->skin || looks_texture(l, a->skin))
                     : a->kind == ASSET_PUPPET ? looks_puppet(l, a) != NULL
                                               : looks_texture(l, a) != NULL;
        if (ready)
            return a;
    }
    return NULL;
}
