/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: an output appears whole or not at all; links, devices, full disks; reading, mapping, listing.
 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/jig-test-file-XXXXXX";

static char *in_dir(Arena *a, const char *name)
{
    return arena_printf(a, "%s/%s", dir, name);
}

static int setup(void **state)
{
    *state = arena_create();
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    arena_destroy(*state);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void assert_content(const char *path, const char *wanted)
{
    char *s;
    size_t n;
    Err e = {0};
    assert_true(file_read(path, 1000, &s, &n, &e));
    assert_string_equal(s, wanted);
    assert_int_equal(n, strlen(wanted));
    mem_free(s);
}

static int files_in_dir(Arena *a)
{
    char **names;
    int n;
    assert_true(file_list(a, dir, NULL, &names, &n, NULL));
    return n;
}

static void whole_or_not_at_all(void **state)
{
    Arena *a = *state;
    const char *path = in_dir(a, "out.txt");
    Err e = {0};
    OutFile o;
    assert_true(out_open(&o, path, &e));
    fputs("half", o.f);
    fflush(o.f);
    assert_false(file_exists(path)); /* a kill here leaves nothing under the name */
    out_abandon(&o);
    assert_int_equal(files_in_dir(a), 0);
    out_abandon(&o); /* harmless twice, and for NULL */
    out_abandon(NULL);

    assert_true(file_write(path, "old", 3, &e));
    assert_true(out_open(&o, path, &e));
    fputs("new and longer", o.f);
    fflush(o.f);
    assert_content(path, "old");
    assert_true(out_commit(&o, &e));
    assert_content(path, "new and longer");
    assert_int_equal(files_in_dir(a), 1);
    unlink(path);
}

static void links_modes_and_long_names(void **state)
{
    Arena *a = *state;
    const char *target = in_dir(a, "target"), *link = in_dir(a, "link");
    assert_true(file_write(target, "1", 1, NULL));
    chmod(target, 0640);
    assert_int_equal(symlink("target", link), 0);
    assert_true(file_write(link, "2", 1, NULL));
    struct stat st;
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_content(target, "2");
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    const char *longest = in_dir(a, name);
    assert_true(file_write(longest, "3", 1, NULL));
    assert_content(longest, "3");
    unlink(target), unlink(link), unlink(longest);
}

static void refusals(void **state)
{
    Arena *a = *state;
    OutFile o;
    Err e = {0};
    assert_false(out_open(&o, dir, &e));
    assert_non_null(strstr(e.text, "folder"));
    e = (Err){0};
    assert_false(out_open(&o, in_dir(a, "no/such/folder/x"), &e));
    assert_non_null(strstr(e.text, "No such file"));
    e = (Err){0};
    assert_false(out_open(&o, "", &e));
    assert_int_equal(files_in_dir(a), 0);
}

static void devices_are_not_replaced(void **state)
{
    struct stat st;
    Err e = {0};
    assert_true(file_write("/dev/null", "x", 1, &e));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_false(file_write("/dev/full", "x", 1, &e));
    assert_non_null(strstr(e.text, "No space left"));
    e = (Err){0};
    static char big[1 << 20];
    assert_false(file_write("/dev/full", big, sizeof big, &e));
    assert_non_null(strstr(e.text, "No space left"));
}

static void reading(void **state)
{
    Arena *a = *state;
    const char *path = in_dir(a, "in");
    char *s;
    size_t n;
    FileMap m;
    Err e = {0};
    assert_false(file_read(path, 10, &s, &n, &e));
    assert_false(file_map(&m, path, NULL));
    assert_true(file_write(path, "", 0, NULL));
    assert_content(path, "");
    assert_true(file_map(&m, path, NULL) && m.data && m.size == 0);
    file_unmap(&m);
    assert_true(file_write(path, "0123456789", 10, NULL));
    assert_true(file_read(path, 10, &s, NULL, NULL));
    mem_free(s);
    e = (Err){0};
    assert_false(file_read(path, 9, &s, &n, &e));
    assert_non_null(strstr(e.text, "allowed 9 bytes"));
    assert_true(file_map(&m, path, NULL) && m.size == 10 && !memcmp(m.data, "0123456789", 10));
    file_unmap(&m);
    file_unmap(NULL);
    e = (Err){0};
    assert_false(file_read(dir, 9, &s, &n, &e));
    assert_non_null(strstr(e.text, "folder"));
    assert_false(file_map(&m, dir, NULL));
    assert_false(file_map(&m, "/dev/null", NULL));
    unlink(path);
}

static void folders(void **state)
{
    Arena *a = *state;
    char **names;
    int n;
    Err e = {0};
    assert_true(file_make_dir(in_dir(a, "p/q//r/"), &e));
    assert_true(file_make_dir(in_dir(a, "p/q"), &e));
    assert_true(file_is_dir(in_dir(a, "p/q/r")));
    for (int i = 2; i >= 0; i--)
        assert_true(file_write(in_dir(a, (const char *[]){"p/b.txt", "p/a.TXT", "p/.hidden"}[i]), "", 0, NULL));
    assert_true(file_list(a, in_dir(a, "p"), NULL, &names, &n, &e));
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "a.TXT");
    assert_string_equal(names[2], "q");
    assert_null(names[3]);
    assert_true(file_list(a, in_dir(a, "p"), ".txt", &names, &n, &e));
    assert_int_equal(n, 2);
    assert_false(file_make_dir(in_dir(a, "p/b.txt/x"), &e));
    e = (Err){0};
    assert_false(file_make_dir(in_dir(a, "p/b.txt"), &e));
    assert_false(file_list(a, in_dir(a, "nowhere"), NULL, &names, &n, NULL));
    assert_true(file_free_space(dir) > 0);
    assert_true(file_free_space(in_dir(a, "not-yet.mp4")) > 0);
    assert_true(file_free_space("not-yet.mp4") > 0);
    assert_int_equal(file_free_space("/no/such/place"), -1);
}

static void clock_runs(void **state)
{
    double a = clock_seconds();
    assert_true(clock_seconds() >= a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_or_not_at_all),
        cmocka_unit_test(links_modes_and_long_names),
        cmocka_unit_test(refusals),
        cmocka_unit_test(devices_are_not_replaced),
        cmocka_unit_test(reading),
        cmocka_unit_test(folders),
        cmocka_unit_test(clock_runs),
    };
    return cmocka_run_group_tests_name("base/file", tests, setup, teardown);
}
