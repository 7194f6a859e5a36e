/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders of clips: which files there are, which family each is of, which are held out, and what index.tsv (bad
 * intervals) and hits.tsv (pose hits) say of them; their form is in data/README.md section 2. Both files may be absent.
 */
#include "motion/motion.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX_BYTES = 16 << 20, FOLDER_DEPTH = 6, INDEX_MAX_CLIPS = 100000 };

static const char *const held_out[] = {
    "g1_J_Dance2_Salsa", "g1_J_Dance7_Party", "g1_J_ShortDance14_Disco", "g1_B_WiggleDance",
    "cmu_60_05", "cmu_61_05", "cmu_60_12", "cmu_61_12"};

bool clip_is_held_out(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
    size_t n = dot ? (size_t)(dot - base) : strlen(base);
    for (size_t i = 0; i < ARRAY_LEN(held_out); i++)
        if (strlen(held_out[i]) == n && memcmp(held_out[i], base, n) == 0)
            return true;
    return false;
}

static ClipFamily family_of(const char *name)
{
    if (strncmp(name, "g1", 2) == 0)
        return CLIP_G1;
    if (strncmp(name, "cmu", 3) == 0)
        return CLIP_CMU;
    if (strncmp(name, "rokoko", 6) == 0)
        return CLIP_ROKOKO;
    return text_ends_with(name, ".bvh") ? CLIP_GESTURE : CLIP_OTHER;
}

typedef struct Growing { ClipEntry *entry; int n, room; } Growing;

static bool add_clips(ClipIndex *x, Growing *g, const char *folder, const char *relative, int depth, Err *e)
{
    char **names;
    int n;
    if (!file_list(x->arena, folder, NULL, &names, &n, e))
        return false;
    for (int i = 0; i < n; i++) {
        char *path = arena_printf(x->arena, "%s/%s", folder, names[i]);
        char *name = arena_printf(x->arena, "%s%s%s", relative, relative[0] ? "/" : "", names[i]);
        if (file_is_dir(path)) {
            if (depth < FOLDER_DEPTH && !add_clips(x, g, path, name, depth + 1, e))
                return false;
            continue;
        }
        if (!text_ends_with(name, ".dmot") && !text_ends_with(name, ".bvh"))
            continue;
        if (g->n == INDEX_MAX_CLIPS)
            return err_set(e, "%s: more than %d clips", folder, INDEX_MAX_CLIPS);
        if (g->n == g->room) {
            g->room = MAX(64, 2 * g->room);
            g->entry = mem_resize(g->entry, (size_t)g->room * sizeof *g->entry);
        }
        g->entry[g->n++] = (ClipEntry){.path = path, .name = name, .family = family_of(name),
                                       .held_out = clip_is_held_out(name)};
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ClipEntry *)a)->name, ((const ClipEntry *)b)->name);
}

static ClipEntry *find_entry(ClipIndex *x, const char *name)
{
    ClipEntry key = {.name = (char *)name};
    return bsearch(&key, x->entry, (size_t)x->n, sizeof *x->entry, by_name);
}

/* "a-b,c-d" or "-" */
static bool read_intervals(ClipIndex *x, ClipEntry *c, char *text, Err *e)
{
    char *save = NULL;
    int room = 1;
    if (strcmp(text, "-") == 0)
        return true;
    for (const char *s = text; *s; s++)
        room += *s == ',';
    c->bad = arena_alloc(x->arena, (size_t)room * sizeof *c->bad);
    for (char *piece = strtok_r(text, ",", &save); piece; piece = strtok_r(NULL, ",", &save)) {
        char *dash = strchr(piece, '-');
        double *pair = c->bad[c->n_bad++];
        if (dash)
            *dash = 0;
        if (!dash || !text_to_double(piece, &pair[0]) || !text_to_double(dash + 1, &pair[1]) || pair[0] > pair[1])
            return err_set(e, "\"%.40s\" is not an interval in seconds (from-to)", piece);
    }
    return true;
}

static bool index_line(ClipIndex *x, char *line, Err *e)
{
    char *save = NULL, *field[5];
    for (int k = 0; k < 5; k++)
        if (!(field[k] = strtok_r(k ? NULL : line, "\t", &save)))
            return err_set(e, "%d columns, 5 are needed", k);
    ClipEntry *c = find_entry(x, field[0]);
    return !c || read_intervals(x, c, field[4], e);
}

static bool hits_line(ClipIndex *x, char *line, Err *e)
{
    char *tab = strchr(line, '\t'), *save = NULL;
    if (!tab)
        return err_set(e, "no tab behind the file's name");
    *tab = 0;
    ClipEntry *c = find_entry(x, line);
    if (!c)
        return true;
    int room = 1;
    for (const char *s = tab + 1; *s; s++)
        room += *s == ' ';
    c->hit = arena_alloc(x->arena, (size_t)room * sizeof *c->hit);
    c->n_hits = 0;
    for (char *word = strtok_r(tab + 1, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        double *h = &c->hit[c->n_hits];
        if (!text_to_double(word, h) || *h < 0 || (c->n_hits && *h <= h[-1]))
            return err_set(e, "\"%.40s\": rising seconds are needed", word);
        c->n_hits++;
    }
    return true;
}

static bool read_table(ClipIndex *x, const char *folder, const char *file, bool (*line)(ClipIndex *, char *, Err *),
                       Err *e)
{
    char *path = arena_printf(x->arena, "%s/%s", folder, file), *text, *save = NULL;
    if (!file_exists(path))
        return true;
    if (!file_read(path, TABLE_MAX_BYTES, &text, NULL, e))
        return false;
    bool good = true;
    for (char *l = strtok_r(text, "\r\n", &save); l && good; l = strtok_r(NULL, "\r\n", &save))
        if (l[0] != '#' && !line(x, l, e))
            good = err_context(e, "%s: %.60s", path, l);
    mem_free(text);
    return good;
}

bool clip_index_read(ClipIndex *x, const char *folder, Err *e)
{
    Growing g = {0};
    *x = (ClipIndex){.arena = arena_create()};
    bool good = add_clips(x, &g, folder, "", 0, e);
    x->entry = g.entry;
    x->n = g.n;
    if (good && x->n == 0)
        good = err_set(e, "%s holds no clips (*.dmot, *.bvh)", folder);
    if (good) {
        qsort(x->entry, (size_t)x->n, sizeof *x->entry, by_name);
        good = read_table(x, folder, "index.tsv", index_line, e) && read_table(x, folder, "hits.tsv", hits_line, e);
    }
    if (!good)
        clip_index_finish(x);
    return good;
}

void clip_index_finish(ClipIndex *x)
{
    if (!x)
        return;
    mem_free(x->entry);
    arena_destroy(x->arena);
    *x = (ClipIndex){0};
}
