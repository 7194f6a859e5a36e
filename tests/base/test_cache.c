/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache: what was put comes back or is absent, never something else: after damage, by other processes, on a full
 * disk, beyond the limit. All in a folder of its own.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/jig-test-cache-XXXXXX";

static int setup(void **state)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -r %s", dir, dir);
    return system(command);
}

/* Each test in a folder that is not there yet. */
static int fresh(void **state)
{
    static int n;
    char path[100];
    snprintf(path, sizeof path, "%s/%d/deep", dir, n++);
    return setenv("JIG_CACHE", path, 1);
}

static CacheKey key(const char *kind, int number)
{
    CacheKey k = cache_key(kind);
    cache_key_add(&k, &number, sizeof number);
    return k;
}

static bool holds(CacheKey k, const void *want, size_t n)
{
    void *p;
    size_t size;
    if (!cache_get(&k, &p, &size)) {
        assert_null(p);
        return false;
    }
    assert_int_equal(size, n);
    assert_memory_equal(p, want, n);
    mem_free(p);
    return true;
}

static void put(CacheKey k, const void *p, size_t n)
{
    cache_put(&k, p, n);
}

static int64_t kept(void)
{
    CacheInfo info;
    cache_info(&info);
    return info.entries;
}

static void gives_back(void **state)
{
    assert_false(holds(key("a", 1), "x", 1));
    put(key("a", 1), "hello", 5);
    put(key("a", 2), "", 0);
    put(key("b", 1), "other", 6);
    assert_true(holds(key("a", 1), "hello", 5));
    assert_true(holds(key("a", 2), "", 0));
    assert_true(holds(key("b", 1), "other", 6));
    put(key("a", 1), "newer", 5);
    assert_true(holds(key("a", 1), "newer", 5));
    CacheInfo info;
    cache_info(&info);
    assert_true(info.on && info.limit == CACHE_LIMIT);
    assert_int_equal(info.entries, 3);
    assert_int_equal(info.bytes, 3 * 32 + 11);
    assert_int_equal(info.n_shares, 2);
    cache_clear();
    assert_int_equal(kept(), 0);
    assert_false(holds(key("a", 1), "newer", 5));
}

static void keys_tell_apart(void **state)
{
    CacheKey a = cache_key("k"), b = cache_key("k"), c = cache_key("k");
    cache_key_add(&a, "ab", 2), cache_key_add(&a, "c", 1);
    cache_key_add(&b, "a", 1), cache_key_add(&b, "bc", 2);
    cache_key_add(&c, "ab", 2), cache_key_add(&c, "c", 1);
    assert_memory_not_equal(a.hash, b.hash, sizeof a.hash);
    assert_memory_equal(a.hash, c.hash, sizeof a.hash);
    cache_key_add(&c, NULL, 0);
    assert_memory_not_equal(a.hash, c.hash, sizeof a.hash);
}

static void can_be_off(void **state)
{
    static const char *const off[] = {"", "off"};
    for (size_t i = 0; i < ARRAY_LEN(off); i++) {
        setenv("JIG_CACHE", off[i], 1);
        Text folder = {0};
        Err e = {0};
        CacheInfo info;
        assert_false(cache_folder(&folder));
        put(key("a", 1), "x", 1);
        assert_false(holds(key("a", 1), "x", 1));
        cache_info(&info);
        assert_false(info.on);
        cache_clear();
        assert_false(cache_set_limit(5, &e));
        assert_non_null(strstr(e.text, "JIG_CACHE"));
    }
    unsetenv("JIG_CACHE");
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", dir, 1);
    Text folder = {0};
    assert_true(cache_folder(&folder));
    assert_int_equal(strncmp(folder.s, dir, strlen(dir)), 0);
    assert_true(text_ends_with(folder.s, "/.cache/jig"));
    text_finish(&folder);
    setenv("XDG_CACHE_HOME", "/x", 1);
    assert_true(cache_folder(&folder));
    assert_string_equal(folder.s, "/x/jig");
    text_finish(&folder);
}

/* The only entry's path. */
static const char *entry(Arena *a)
{
    char **names;
    int n;
    assert_true(file_list(a, getenv("JIG_CACHE"), ".cached", &names, &n, NULL));
    assert_int_equal(n, 1);
    return arena_printf(a, "%s/%s", getenv("JIG_CACHE"), names[0]);
}

static void damage_is_absence(void **state)
{
    Arena *a = arena_create();
    static const char want[] = "some bytes that matter";
    put(key("a", 1), want, sizeof want);
    const char *path = entry(a);
    char *whole;
    size_t size;
    assert_true(file_read(path, 1000, &whole, &size, NULL));
    for (size_t i = 0; i < size; i++) { /* each byte flipped, each length shorter */
        whole[i] ^= 0x10;
        assert_true(file_write(path, whole, size, NULL));
        whole[i] ^= 0x10;
        assert_false(holds(key("a", 1), want, sizeof want));
        assert_false(file_exists(path));
        assert_true(file_write(path, whole, i, NULL));
        assert_false(holds(key("a", 1), want, sizeof want));
    }
    /* under another key's name */
    put(key("a", 2), "x", 1);
    assert_true(file_write(entry(a), whole, size, NULL));
    assert_false(holds(key("a", 2), want, sizeof want));
    mem_free(whole);
    arena_destroy(a);
}

/* Entries of 1,032 bytes, one after the other. */
static void put_blocks(int from, int to)
{
    for (int i = from; i < to; i++) {
        char block[1000] = {(char)i};
        put(key("a", i), block, sizeof block);
        usleep(5000); /* the file system's clock may tick slowly */
    }
}

static void the_longest_unused_go(void **state)
{
    char block[1000] = {0};
    Err e = {0};
    assert_true(cache_set_limit(10000, &e));
    put_blocks(0, 5);
    usleep(20000);
    assert_true(holds(key("a", 0), block, sizeof block)); /* used again */
    usleep(20000);
    put_blocks(5, 10); /* the tenth goes over: 10,320 bytes; down to 9,000 */
    assert_int_equal(kept(), 8);
    assert_true(holds(key("a", 0), block, sizeof block));
    for (int i = 1; i < 10; i++) {
        block[0] = (char)i;
        assert_int_equal(holds(key("a", i), block, sizeof block), i > 2);
    }
    put(key("big", 0), (char[5000]){0}, 5000); /* half the limit is too much for one */
    assert_int_equal(kept(), 8);
    assert_true(cache_set_limit(3000, &e));
    assert_int_equal(kept(), 2);
    assert_true(cache_set_limit(0, &e));
    assert_int_equal(kept(), 0);
    put(key("a", 1), "x", 1);
    assert_int_equal(kept(), 0);
}

static void unwritable_is_no_error(void **state)
{
    char path[200];
    snprintf(path, sizeof path, "%s/file", dir);
    assert_true(file_write(path, "x", 1, NULL));
    setenv("JIG_CACHE", path, 1); /* a file instead of a folder */
    put(key("a", 1), "x", 1);
    assert_false(holds(key("a", 1), "x", 1));
    assert_int_equal(kept(), 0);
    cache_clear();
    fresh(state);
    put(key("a", 1), "x", 1);
    struct rlimit old, none = {100, 100}; /* as on a full disk: writes stop in the middle */
    getrlimit(RLIMIT_FSIZE, &old);
    none.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    put(key("a", 2), (char[5000]){0}, 5000);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(kept(), 1);
    Arena *a = arena_create();
    char **names;
    int n;
    assert_true(file_list(a, getenv("JIG_CACHE"), NULL, &names, &n, NULL));
    assert_int_equal(n, 1); /* nothing half written stays */
    arena_destroy(a);
}

/* Writes, reads and now and then clears the same twenty entries as five others do; 1 on anything that is not whole. */
static int hammer(unsigned seed)
{
    char block[3000];
    for (int round = 0; round < 300; round++) {
        int i = (int)((unsigned)round * 7 + seed) % 20;
        CacheKey k = key("a", i);
        memset(block, i, sizeof block);
        void *p;
        size_t n;
        if (cache_get(&k, &p, &n)) {
            bool same = n == sizeof block && !memcmp(p, block, n);
            mem_free(p);
            if (!same)
                return 1;
        } else {
            cache_put(&k, block, sizeof block);
        }
        if (round % 100 == 99)
            cache_clear();
    }
    return 0;
}

static void shared_by_processes(void **state)
{
    assert_true(cache_set_limit(40000, NULL));
    pid_t child[6];
    for (int i = 0; i < 6; i++)
        if (!(child[i] = fork()))
            _exit(hammer((unsigned)i));
    for (int i = 0; i < 6; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    Arena *a = arena_create();
    char **names;
    int n;
    assert_true(file_list(a, getenv("JIG_CACHE"), ".part", &names, &n, NULL));
    assert_int_equal(n, 0);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_back, fresh),
        cmocka_unit_test_setup(keys_tell_apart, fresh),
        cmocka_unit_test(can_be_off),
        cmocka_unit_test_setup(damage_is_absence, fresh),
        cmocka_unit_test_setup(the_longest_unused_go, fresh),
        cmocka_unit_test(unwritable_is_no_error),
        cmocka_unit_test_setup(shared_by_processes, fresh),
    };
    return cmocka_run_group_tests_name("base/cache", tests, setup, teardown);
}
