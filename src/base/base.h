/* SPDX-License-Identifier: Apache-2.0
 *
 * base: what every other folder stands on. Errors, logging, progress and cancelling, memory, text building, options,
 * random numbers, threads, files. Layer 0: includes nothing of the project.
 *
 * Ownership words: x_init/x_finish when the caller owns the struct, x_create/x_destroy when we allocate,
 * x_open/x_close for things outside the program. Destroy, finish and close take NULL.
 */
#ifndef JIG_BASE_H
#define JIG_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CLAMP(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- errors (err.c) ------------------------------------------------------------------------------------------------
 * Plumbing is `bool f(..., Err *e)`: false means e holds one message that says what was wrong, with the value and the
 * allowed range. The first message wins; callers may put context before it on the way up. `Err e = {0}` is "no error".
 * A NULL Err* is allowed everywhere and drops the message. */
typedef struct Err {
    char text[1000]; /* empty = no error */
    bool cancelled;  /* true when the work was stopped by the user (exit code 130), not by a fault */
} Err;

bool err_set(Err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);     /* always returns false */
bool err_context(Err *e, const char *fmt, ...) PRINTF_LIKE(2, 3); /* puts "context: " before the message; returns false */
bool err_cancel(Err *e);                                          /* marks e as cancelled; returns false */

/* ---- log and progress (log.c) --------------------------------------------------------------------------------------
 * The library never prints. It logs through one sink that the program sets, and reports progress through a callback. */
typedef enum LogLevel { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } LogLevel;
typedef void LogSink(void *user, LogLevel level, const char *line);

void log_set_sink(LogSink *sink, void *user); /* NULL: silent, which is the default */
void log_line(LogLevel level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Called from long work, at least ten times a second where that is possible. done/total in any unit; total 0 = unknown.
 * Returns false to cancel: the work stops soon, removes what is half written, and returns err_cancel(e). */
typedef struct Progress {
    bool (*tick)(void *user, const char *stage, double done, double total);
    void *user;
} Progress;

bool progress_tick(const Progress *p, const char *stage, double done, double total); /* NULL or empty p: true */

/* ---- memory (memory.c) ---------------------------------------------------------------------------------------------
 * mem_alloc/mem_zero/mem_resize abort with a message when a *small* request fails (our own bookkeeping). Sizes that come
 * from outside use mem_try, which returns NULL. All are 64-byte aligned except mem_resize. */
void *mem_alloc(size_t bytes);
void *mem_zero(size_t bytes);
void *mem_resize(void *p, size_t bytes); /* for growing arrays made by mem_resize(NULL, n) */
void *mem_try(size_t bytes);             /* NULL when it cannot be had; not cleared */
void  mem_free(void *p);                 /* takes NULL */
char *mem_strdup(const char *s);
bool  mem_product(size_t *out, int n, ...); /* out = product of n size_t; false on overflow */
uint64_t mem_available(void);               /* bytes that can be had now without swapping (cgroup limit respected) */
uint64_t mem_peak(void);                    /* peak resident bytes of this process */

/* An arena owns many small pieces that die together: strings, config, names. */
typedef struct Arena Arena;
Arena *arena_create(void);
void   arena_destroy(Arena *a);
void  *arena_alloc(Arena *a, size_t bytes); /* cleared, 16-byte aligned */
char  *arena_strdup(Arena *a, const char *s);
char  *arena_printf(Arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- text building (text.c) ---------------------------------------------------------------------------------------- */
typedef struct Text { char *s; size_t len, cap; } Text; /* {0} is empty; s is always terminated once something was added */
void text_add(Text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_add_bytes(Text *t, const void *p, size_t n);
void text_finish(Text *t);
bool text_ends_with(const char *s, const char *suffix);      /* ignores case */
bool text_to_double(const char *s, double *out);             /* the whole string, finite; else false */
bool text_to_int(const char *s, int64_t *out);               /* the whole string, decimal; else false */
bool text_to_seconds(const char *s, double *out);            /* "12.5", "1:23", "1:02:03.5" */

/* ---- random numbers (rng.c): Philox-4x32-10 ------------------------------------------------------------------------
 * Counter-based: the value depends on seed, stream and position only, never on threads, backend or batch. */
typedef struct Rng { uint64_t seed, stream, at; } Rng;
Rng      rng_make(uint64_t seed, uint64_t stream);
uint32_t rng_u32(Rng *r);
float    rng_float(Rng *r);                       /* [0, 1) */
float    rng_range(Rng *r, float lo, float hi);
int      rng_int(Rng *r, int lo, int hi);         /* lo..hi, both included */
bool     rng_chance(Rng *r, float p);
float    rng_normal(Rng *r);                      /* mean 0, deviation 1 (Box-Muller on two positions) */
void     rng_fill_normal(float *out, size_t n, uint64_t seed, uint64_t stream, uint64_t position);
uint64_t rng_hash(const void *p, size_t n);       /* FNV-1a 64: to turn names into streams, contents into keys */

/* ---- threads (threads.c): OpenMP, so that oneDNN and our own loops share one team ---------------------------------- */
void threads_set(int n); /* 0 = all cores this process may use */
int  threads_count(void);
typedef void RangeFn(void *ctx, int64_t from, int64_t to);
void threads_for(int64_t n, int64_t grain, RangeFn *fn, void *ctx); /* fn on disjoint ranges of [0, n); order free */

/* ---- files (file.c) ------------------------------------------------------------------------------------------------
 * Every output is written beside its place and renamed: a kill leaves the old file or the new one, never half of one. */
typedef struct OutFile { FILE *f; char *path, *temp; } OutFile;
bool out_open(OutFile *o, const char *path, Err *e);        /* "-" is not special */
bool out_commit(OutFile *o, Err *e);                        /* flush, fsync, rename; checks every write */
void out_abandon(OutFile *o);                               /* remove the temporary file */
bool file_write(const char *path, const void *p, size_t n, Err *e);           /* whole content, by OutFile */
bool file_read(const char *path, size_t max, char **out, size_t *n, Err *e);  /* terminated; mem_free; error if larger than max */

typedef struct FileMap { const uint8_t *data; size_t size; } FileMap; /* read-only mapping */
bool file_map(FileMap *m, const char *path, Err *e);
void file_unmap(FileMap *m);
bool file_exists(const char *path);
bool file_is_dir(const char *path);
bool file_make_dir(const char *path, Err *e); /* with parents; an existing folder is fine */
int64_t file_free_space(const char *path);    /* bytes free where path lies; -1 unknown */

/* Names in a folder, sorted; hidden files left out; NULL-terminated array in the arena. suffix may be NULL. */
bool file_list(Arena *a, const char *dir, const char *suffix, char ***names, int *n, Err *e);

double clock_seconds(void); /* monotonic */

/* ---- cache (cache.c) -----------------------------------------------------------------------------------------------
 * What was computed once and may be read again instead: features and embeddings of a song, by everything they depend on.
 *
 *     CacheKey k = cache_key("clap");
 *     cache_key_add(&k, samples, n * sizeof *samples), cache_key_add(&k, &settings, sizeof settings);
 *     if (cache_get(&k, &bytes, &size)) ...            (size is to be checked: a kind may change its form)
 *     else compute, then cache_put(&k, result, size);
 *
 * The folder is $JIG_CACHE, else $XDG_CACHE_HOME/jig, else ~/.cache/jig; JIG_CACHE empty or "off": nothing is kept. Safe
 * between threads and processes; damaged entries are absent ones; nothing here fails. The running program's own bytes are
 * part of every key. Structs with padding are not to be added as they are. */
#define CACHE_LIMIT 1000000000 /* bytes, unless cache_set_limit said otherwise */
typedef struct CacheKey {
    char kind[16]; /* lower case letters and digits; what `jig cache` lists */
    uint64_t hash[2];
} CacheKey;
CacheKey cache_key(const char *kind);
void cache_key_add(CacheKey *k, const void *p, size_t n);
bool cache_get(const CacheKey *k, void **bytes, size_t *n); /* mem_free */
void cache_put(const CacheKey *k, const void *bytes, size_t n); /* not kept: half the limit and more */

enum { CACHE_SHARES = 16 };
typedef struct CacheShare { char kind[16]; int64_t entries, bytes; } CacheShare;
typedef struct CacheInfo {
    bool on;
    int64_t entries, bytes, limit;
    int n_shares;
    CacheShare shares[CACHE_SHARES]; /* by kind; the last one also holds what found no place */
} CacheInfo;
bool cache_folder(Text *out); /* false: there is none */
void cache_info(CacheInfo *info);
void cache_clear(void);
bool cache_set_limit(int64_t bytes, Err *e); /* kept in the folder; trims at once */

/* ---- options (options.c) -------------------------------------------------------------------------------------------
 * One table per struct: flags, --help, JSON and stored settings all come from it. */
typedef enum OptType { OPT_BOOL, OPT_INT, OPT_FLOAT, OPT_TEXT, OPT_CHOICE, OPT_SECONDS } OptType;
typedef struct Option {
    const char *name;    /* long flag without dashes, also the JSON key */
    char        letter;  /* short flag or 0 */
    OptType     type;
    size_t      offset;  /* of the field in the struct: bool, int64_t, double, const char*, int (index in choices), double */
    double      lo, hi;  /* allowed range of INT, FLOAT, SECONDS; lo == hi: any */
    const char *initial; /* default as text; NULL = 0/false/NULL */
    const char *choices; /* OPT_CHOICE: "mp4|webm|gif" */
    const char *value;   /* what --help shows after the flag: FILE, N, SECONDS */
    const char *help;    /* one line */
} Option;
typedef struct OptTable { const Option *rows; int n; } OptTable;

void opt_defaults(OptTable t, void *s);
bool opt_set(OptTable t, void *s, const char *name, const char *value, Arena *a, Err *e); /* checks type and range; names both */
/* Takes known flags out of argv (--name value, --name=value, -x value, --no-name for booleans); what is left are the
 * positional arguments. An unknown flag is an error that names the nearest known one. */
bool opt_parse(const OptTable *tables, void **structs, int n_tables, int *argc, char **argv, Arena *a, Err *e);
void opt_help(OptTable t, Text *out);
bool opt_from_json(OptTable t, void *s, const char *json, Arena *a, Err *e); /* unknown keys are errors */
void opt_to_json(OptTable t, const void *s, Text *out);                      /* one object, all fields */

#endif
