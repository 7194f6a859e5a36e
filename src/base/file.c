/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: outputs that appear whole or not at all, whole inputs, read-only mappings, folders, and the clock.
 * An output is written to NAME.part-PID-N in the same folder (rename does not cross file systems) and renamed when it
 * is safely on disk. Links are followed, so that a link stays a link; devices and pipes are written in place, never
 * replaced.
 */
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* The folder part of a path with its slash, or "" for the current folder. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static bool open_part(OutFile *o, mode_t mode, Err *e)
{
    size_t dir = folder_length(o->path);
    for (int i = 0; i < 1000; i++) {
        Text name = {0};
        /* Long names are cut: a file system allows 255 bytes. */
        text_add(&name, "%.*s%.200s.part-%ld-%d", (int)dir, o->path, o->path + dir, (long)getpid(), i);
        int fd = open(name.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            if (mode)
                fchmod(fd, mode);
            o->temp = name.s;
            o->f = fdopen(fd, "wb");
            return o->f || err_set(e, "cannot write %s: %s", o->path, strerror(errno));
        }
        text_finish(&name);
        if (errno != EEXIST)
            return err_set(e, "cannot write %s: %s", o->path, strerror(errno));
    }
    return err_set(e, "cannot write %s: too many unfinished files beside it", o->path);
}

bool out_open(OutFile *o, const char *path, Err *e)
{
    *o = (OutFile){0};
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (!*path)
        return err_set(e, "cannot write a file without a name");
    if (exists && S_ISDIR(st.st_mode))
        return err_set(e, "cannot write %s: it is a folder", path);
    char *real = exists ? realpath(path, NULL) : NULL;
    o->path = mem_strdup(real ? real : path);
    free(real);
    bool ok;
    if (exists && !S_ISREG(st.st_mode)) {
        o->f = fopen(path, "wbe");
        ok = o->f || err_set(e, "cannot write %s: %s", path, strerror(errno));
    } else if (exists && access(path, W_OK)) {
        ok = err_set(e, "cannot write %s: %s", path, strerror(errno));
    } else {
        ok = open_part(o, exists ? st.st_mode & 0777 : 0, e);
    }
    if (!ok)
        out_abandon(o);
    return ok;
}

static void forget(OutFile *o)
{
    mem_free(o->path);
    mem_free(o->temp);
    *o = (OutFile){0};
}

void out_abandon(OutFile *o)
{
    if (!o)
        return;
    if (o->f)
        fclose(o->f);
    if (o->temp)
        unlink(o->temp);
    forget(o);
}

/* The rename itself must reach the disk too; file systems that cannot do that for folders say so and are left alone. */
static void sync_folder(const char *path)
{
    size_t n = folder_length(path);
    char *dir = n ? mem_strdup(path) : mem_strdup(".");
    if (n)
        dir[n] = 0;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    mem_free(dir);
}

bool out_commit(OutFile *o, Err *e)
{
    errno = 0;
    bool ok = fflush(o->f) == 0 && !ferror(o->f);
    int why = errno;
    if (ok && o->temp && fsync(fileno(o->f))) {
        ok = false;
        why = errno;
    }
    if (fclose(o->f) && ok) {
        ok = false;
        why = errno;
    }
    o->f = NULL;
    if (ok && o->temp && rename(o->temp, o->path)) {
        ok = false;
        why = errno;
    }
    if (!ok) {
        err_set(e, "cannot write %s: %s", o->path, why ? strerror(why) : "an earlier write failed");
        out_abandon(o);
        return false;
    }
    if (o->temp)
        sync_folder(o->path);
    forget(o);
    return true;
}

bool file_write(const char *path, const void *p, size_t n, Err *e)
{
    OutFile o;
    if (!out_open(&o, path, e))
        return false;
    if (n && fwrite(p, 1, n, o.f) != n) {
        err_set(e, "cannot write %s: %s", path, strerror(errno));
        out_abandon(&o);
        return false;
    }
    return out_commit(&o, e);
}

/* Grows with what really comes, so that pipes and /proc work and a lying size does no harm. */
bool file_read(const char *path, size_t max, char **out, size_t *n, Err *e)
{
    if (file_is_dir(path))
        return err_set(e, "cannot read %s: it is a folder", path);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_set(e, "cannot read %s: %s", path, strerror(errno));
    Text t = {0};
    char piece[65536];
    size_t got;
    errno = 0;
    while (t.len <= max && (got = fread(piece, 1, sizeof piece, f)) > 0)
        text_add_bytes(&t, piece, got);
    bool bad = ferror(f);
    int why = errno;
    fclose(f);
    if (bad || t.len > max) {
        text_finish(&t);
        return bad ? err_set(e, "cannot read %s: %s", path, strerror(why))
                   : err_set(e, "%s is larger than the allowed %zu bytes", path, max);
    }
    text_add_bytes(&t, "", 0);
    *out = t.s;
    if (n)
        *n = t.len;
    return true;
}

bool file_map(FileMap *m, const char *path, Err *e)
{
    *m = (FileMap){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, "cannot read %s: %s", path, strerror(errno));
    struct stat st;
    bool ok = fstat(fd, &st) == 0 || err_set(e, "cannot read %s: %s", path, strerror(errno));
    if (ok && !S_ISREG(st.st_mode))
        ok = err_set(e, "cannot read %s: it is %s", path, S_ISDIR(st.st_mode) ? "a folder" : "not a plain file");
    if (ok && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            ok = err_set(e, "cannot map %s: %s", path, strerror(errno));
        else
            *m = (FileMap){p, (size_t)st.st_size};
    }
    close(fd);
    if (ok && !m->data)
        m->data = (const uint8_t *)""; /* an empty file cannot be mapped */
    return ok;
}

void file_unmap(FileMap *m)
{
    if (!m)
        return;
    if (m->size)
        munmap((void *)m->data, m->size);
    *m = (FileMap){0};
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_make_dir(const char *path, Err *e)
{
    char *dir = mem_strdup(path);
    size_t n = strlen(dir);
    bool ok = n > 0 || err_set(e, "cannot make a folder without a name");
    for (size_t i = 1; ok && i <= n; i++) {
        if (i < n && dir[i] != '/')
            continue;
        dir[i] = 0;
        if (mkdir(dir, 0777) && !file_is_dir(dir))
            ok = err_set(e, "cannot make the folder %s: %s", dir, strerror(errno == EEXIST ? ENOTDIR : errno));
        if (i < n)
            dir[i] = '/';
    }
    mem_free(dir);
    return ok;
}

int64_t file_free_space(const char *path)
{
    struct statvfs fs;
    size_t n = folder_length(path);
    char *dir = n ? mem_strdup(path) : mem_strdup(".");
    if (n)
        dir[n] = 0;
    int failed = statvfs(path, &fs) && statvfs(dir, &fs); /* the file need not exist yet */
    mem_free(dir);
    return failed ? -1 : (int64_t)(fs.f_bavail * fs.f_frsize);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool file_list(Arena *a, const char *dir, const char *suffix, char ***names, int *n, Err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_set(e, "cannot list the folder %s: %s", dir, strerror(errno));
    char **found = NULL;
    int count = 0, room = 0;
    for (struct dirent *entry; (entry = readdir(d));) {
        if (entry->d_name[0] == '.' || (suffix && !text_ends_with(entry->d_name, suffix)))
            continue;
        if (count == room) {
            room = MAX(room * 2, 64);
            found = mem_resize(found, (size_t)room * sizeof *found);
        }
        found[count++] = arena_strdup(a, entry->d_name);
    }
    closedir(d);
    if (count)
        qsort(found, (size_t)count, sizeof *found, by_name);
    *names = arena_alloc(a, ((size_t)count + 1) * sizeof **names); /* cleared: NULL at the end */
    if (count)
        memcpy(*names, found, (size_t)count * sizeof *found);
    mem_free(found);
    if (n)
        *n = count;
    return true;
}

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
