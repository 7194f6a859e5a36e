/* SPDX-License-Identifier: Apache-2.0
 *
 * Results worth keeping between runs: a folder of files, one an entry, named by what it is and a 128-bit hash of all it
 * was made from. Several processes may read, write and clear it at once: an entry appears whole by rename, a reader
 * that has opened one may finish although it was removed, and whatever does not match its checksum counts as absent and
 * is removed. Nothing here can fail a job: a full disk or a folder that cannot be written only means that nothing is
 * kept. The folder is bounded: when a write takes it over the limit, the entries used longest ago go until nine tenths
 * are left.
 *
 * Entry: "jigcache", u64 bytes, u128 XXH3 of the bytes seeded with the key, the bytes. The program itself is part of
 * every key, so that another build never reads what this one computed. Leaves out fsync: a torn entry fails its
 * checksum.
 */
#include "base/base.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char entry_suffix[] = ".cached", part_suffix[] = ".part", limit_name[] = "limit";
enum { PART_LIFE = 3600 }; /* seconds after which an unfinished file belongs to a dead process */

typedef struct Header {
    char magic[8];
    uint64_t bytes, sum[2];
} Header;
static const char magic[8] = {'j', 'i', 'g', 'c', 'a', 'c', 'h', 'e'};

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static uint64_t program[2]; /* hash of the running program's file; 0, 0: it cannot be read, nothing is kept */

static void hash_program(void)
{
    FileMap m;
    if (!file_map(&m, "/proc/self/exe", NULL))
        return;
    XXH128_hash_t h = XXH3_128bits(m.data, m.size);
    program[0] = h.low64;
    program[1] = h.high64;
    file_unmap(&m);
}

CacheKey cache_key(const char *kind)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CacheKey k = {{0}, {0}};
    pthread_once(&once, hash_program);
    snprintf(k.kind, sizeof k.kind, "%s", kind);
    cache_key_add(&k, program, sizeof program);
    return k;
}

void cache_key_add(CacheKey *k, const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(p, n);
    uint64_t link[5] = {k->hash[0], k->hash[1], h.low64, h.high64, n};
    h = XXH3_128bits(link, sizeof link);
    k->hash[0] = h.low64;
    k->hash[1] = h.high64;
}

static Header header_for(const CacheKey *k, const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(p, n, k->hash[0] ^ k->hash[1]);
    Header head = {{0}, n, {h.low64, h.high64}};
    memcpy(head.magic, magic, sizeof magic);
    return head;
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

bool cache_folder(Text *out)
{
    const char *own = getenv("JIG_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && (!*own || !strcmp(own, "off")))
        return false;
    if (own)
        text_add(out, "%s", own);
    else if (xdg && *xdg == '/') /* XDG's own rule: relative ones are ignored */
        text_add(out, "%s/jig", xdg);
    else if (home && *home == '/')
        text_add(out, "%s/.cache/jig", home);
    return out->len > 0;
}

static bool entry_path(const CacheKey *k, Text *out)
{
    if ((!program[0] && !program[1]) || !cache_folder(out))
        return false;
    text_add(out, "/%s-%016llx%016llx%s", k->kind, (unsigned long long)k->hash[0], (unsigned long long)k->hash[1],
        entry_suffix);
    return true;
}

static int64_t limit_of(const char *folder)
{
    Text path = {0};
    char *s;
    int64_t limit = CACHE_LIMIT, written;
    text_add(&path, "%s/%s", folder, limit_name);
    if (file_read(path.s, 100, &s, NULL, NULL)) {
        s[strcspn(s, "\n")] = 0;
        if (text_to_int(s, &written) && written >= 0)
            limit = written;
        mem_free(s);
    }
    text_finish(&path);
    return limit;
}

typedef struct Entry {
    char *path;
    const char *name;
    int64_t bytes, used; /* used: nanoseconds since 1970 */
} Entry;

/* Files of that suffix; an absent or unreadable folder has none. All in the arena. */
static int list_files(Arena *a, const char *folder, const char *suffix, Entry **out)
{
    char **names;
    int n = 0, kept = 0;
    if (!file_list(a, folder, suffix, &names, &n, NULL))
        return 0;
    *out = arena_alloc(a, (size_t)MAX(n, 1) * sizeof(Entry));
    for (int i = 0; i < n; i++) {
        struct stat st;
        char *path = arena_printf(a, "%s/%s", folder, names[i]);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
            (*out)[kept++] = (Entry){path, names[i], st.st_size, st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec};
    }
    return kept;
}

static int oldest_first(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

/* Removes what was used longest ago until no more than nine tenths of the limit are there, and what dead processes
 * left. */
static void trim(const char *folder, int64_t limit)
{
    Arena *a = arena_create();
    Entry *e;
    int n = list_files(a, folder, part_suffix, &e);
    for (int i = 0; i < n; i++)
        if (time(NULL) - e[i].used / 1000000000LL > PART_LIFE)
            unlink(e[i].path);
    n = list_files(a, folder, entry_suffix, &e);
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total += e[i].bytes;
    if (total > limit) {
        qsort(e, (size_t)n, sizeof *e, oldest_first);
        for (int i = 0; i < n && total > limit / 10 * 9; i++) {
            unlink(e[i].path); /* gone already: another process trims too */
            total -= e[i].bytes;
        }
    }
    arena_destroy(a);
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static bool read_all(int fd, void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = read(fd, (char *)p + done, n - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, (const char *)p + done, n - done);
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

/* What an open entry holds; NULL if it is not what its header says, or there is no memory for it. */
static void *read_entry(int fd, const CacheKey *k, size_t *n, bool *damaged)
{
    Header head;
    struct stat st;
    *damaged = fstat(fd, &st) || !S_ISREG(st.st_mode) || !read_all(fd, &head, sizeof head) ||
        memcmp(head.magic, magic, sizeof magic) || head.bytes != (uint64_t)st.st_size - sizeof head;
    void *p = *damaged ? NULL : mem_try(MAX(head.bytes, 1));
    if (!p)
        return NULL;
    if (read_all(fd, p, head.bytes)) {
        Header want = header_for(k, p, head.bytes);
        *n = head.bytes;
        if (!memcmp(&head, &want, sizeof head))
            return p;
    }
    *damaged = true;
    mem_free(p);
    return NULL;
}

bool cache_get(const CacheKey *k, void **bytes, size_t *n)
{
    Text path = {0};
    bool damaged = false;
    *bytes = NULL;
    *n = 0;
    int fd = entry_path(k, &path) ? open(path.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0) {
        *bytes = read_entry(fd, k, n, &damaged);
        if (*bytes)
            futimens(fd, NULL); /* used now */
        close(fd);
    }
    if (damaged) {
        log_line(LOG_DEBUG, "%s is damaged and was removed", path.s);
        unlink(path.s);
    }
    text_finish(&path);
    return *bytes != NULL;
}

/* Writes beside the entry's place, under a name of its own; false on any fault. */
static bool write_part(const char *folder, const CacheKey *k, const void *bytes, size_t n, Text *part)
{
    Header head = header_for(k, bytes, n);
    text_add(part, "%s/XXXXXX%s", folder, part_suffix);
    int fd = mkostemps(part->s, (int)strlen(part_suffix), O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, &head, sizeof head) && write_all(fd, bytes, n);
    ok = close(fd) == 0 && ok;
    if (!ok)
        unlink(part->s);
    return ok;
}

void cache_put(const CacheKey *k, const void *bytes, size_t n)
{
    Text folder = {0}, path = {0}, part = {0};
    if (cache_folder(&folder) && entry_path(k, &path)) {
        int64_t limit = limit_of(folder.s);
        if (n < (uint64_t)limit / 2 && file_make_dir(folder.s, NULL)) {
            if (!write_part(folder.s, k, bytes, n, &part))
                log_line(LOG_DEBUG, "nothing is kept in %s: it cannot be written", folder.s);
            else if (rename(part.s, path.s))
                unlink(part.s);
            else
                trim(folder.s, limit);
        }
    }
    text_finish(&folder);
    text_finish(&path);
    text_finish(&part);
}

/* ---- looking after it ------------------------------------------------------------------------------------------- */

/* The part of an entry's name before the hash. */
static CacheShare *share_of(CacheInfo *info, const char *name)
{
    int n = (int)MIN(strcspn(name, "-"), sizeof info->shares[0].kind - 1);
    for (int i = 0; i < info->n_shares; i++)
        if (!strncmp(info->shares[i].kind, name, (size_t)n) && !info->shares[i].kind[n])
            return &info->shares[i];
    if (info->n_shares == CACHE_SHARES)
        return &info->shares[CACHE_SHARES - 1];
    CacheShare *s = &info->shares[info->n_shares++];
    snprintf(s->kind, sizeof s->kind, "%.*s", n, name);
    return s;
}

void cache_info(CacheInfo *info)
{
    *info = (CacheInfo){.limit = CACHE_LIMIT};
    Text folder = {0};
    info->on = cache_folder(&folder);
    if (info->on) {
        Arena *a = arena_create();
        Entry *e;
        int n = list_files(a, folder.s, entry_suffix, &e);
        for (int i = 0; i < n; i++) {
            CacheShare *s = share_of(info, e[i].name);
            s->entries++;
            s->bytes += e[i].bytes;
            info->entries++;
            info->bytes += e[i].bytes;
        }
        info->limit = limit_of(folder.s);
        arena_destroy(a);
    }
    text_finish(&folder);
}

void cache_clear(void)
{
    Text folder = {0};
    if (cache_folder(&folder)) {
        Arena *a = arena_create();
        Entry *e;
        for (int kind = 0; kind < 2; kind++) {
            int n = list_files(a, folder.s, kind ? part_suffix : entry_suffix, &e);
            for (int i = 0; i < n; i++)
                unlink(e[i].path);
        }
        arena_destroy(a);
    }
    text_finish(&folder);
}

bool cache_set_limit(int64_t bytes, Err *e)
{
    Text folder = {0}, path = {0}, value = {0};
    if (!cache_folder(&folder))
        return err_set(e, "there is no cache: JIG_CACHE is 'off' or empty, or there is no home folder");
    text_add(&path, "%s/%s", folder.s, limit_name);
    text_add(&value, "%lld\n", (long long)bytes);
    bool ok = file_make_dir(folder.s, e) && file_write(path.s, value.s, value.len, e);
    if (ok)
        trim(folder.s, bytes);
    text_finish(&folder);
    text_finish(&path);
    text_finish(&value);
    return ok;
}
