/* SPDX-License-Identifier: Apache-2.0
 *
 * The house rules that a machine can check (docs/ARCHITECTURE.md): a file includes only headers of lower layers; only one
 * folder sees each outside library; file names are unique; every source file names its licence.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

typedef struct Folder { const char *name; int layer; } Folder;

/* Longest names first, so that "backend/cpu/x.c" finds its own row. Strangers stand on the same layer. */
static const Folder folders[] = {
    {"models/articulated", 5}, {"models/dabfusion", 5}, {"models/musedance", 5}, {"models/musicinfuser", 5},
    {"backend/ref", 1}, {"backend/cpu", 1}, {"backend/cuda", 1},
    {"diffusion", 4}, {"encoders", 4}, {"metrics", 6}, {"motion", 1}, {"tensor", 1}, {"server", 8},
    {"media", 1}, {"audio", 1}, {"train", 4}, {"graph", 2}, {"synth", 4}, {"base", 0}, {"text", 1}, {"data", 4},
    {"api", 7}, {"cli", 8}, {"nn", 3},
};

typedef struct Library { const char *prefix, *only_in; } Library;
static const Library libraries[] = {
    {"libav", "media"}, {"libsw", "media"}, {"cairo", "media"}, {"dnnl", "backend/cpu"}, {"oneapi", "backend/cpu"},
    {"cuda", "backend/cuda"}, {"kiss_fft", "audio"}, {"kissfft", "audio"}, {"soxr", "audio"}, {"xxhash", "base"},
    {"sentencepiece", "text"}, {"utf8proc", "text"},
};

static int mistakes;
static char *names[4096];
static int n_names;

static const Folder *folder_of(const char *path)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t n = strlen(folders[i].name);
        if (!strncmp(path, folders[i].name, n) && path[n] == '/')
            return &folders[i];
    }
    return NULL;
}

static void complain(const char *file, int line, const char *what, const char *detail)
{
    print_error("%s:%d: %s %s\n", file, line, what, detail);
    mistakes++;
}

static void check_own(const char *file, int line, const char *included)
{
    const Folder *from = folder_of(file), *to = folder_of(included);
    if (!strchr(included, '/')) {
        if (from && from->layer >= 7 && !strcmp(included, "jig.h"))
            return;
        complain(file, line, "an include names its folder, this one does not:", included);
    } else if (!to) {
        complain(file, line, "includes from no known folder:", included);
    } else if (from && from != to) {
        bool backend = !strncmp(from->name, "backend/", 8) && !strcmp(to->name, "tensor");
        bool cli = from->layer == 8;
        if (!backend && (to->layer >= from->layer || cli))
            complain(file, line, "includes upward or sideways:", included);
    }
}

static void check_library(const char *file, int line, const char *included)
{
    const Folder *from = folder_of(file);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (!strncmp(included, libraries[i].prefix, strlen(libraries[i].prefix)) && from && strcmp(from->name, libraries[i].only_in))
            complain(file, line, "only one folder may see this library:", included);
}

static void check_file(const char *root, const char *file)
{
    char path[4200], line[4096], included[1024];
    snprintf(path, sizeof path, "%s/src/%s", root, file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    bool licence = false;
    for (int n = 1; fgets(line, sizeof line, f); n++) {
        if (n <= 2 && strstr(line, "SPDX-License-Identifier: Apache-2.0"))
            licence = true;
        if (sscanf(line, " # include \"%1023[^\"]\"", included) == 1)
            check_own(file, n, included);
        else if (sscanf(line, " # include <%1023[^>]>", included) == 1)
            check_library(file, n, included);
    }
    fclose(f);
    if (!licence)
        complain(file, 1, "has no SPDX line", "");
}

static void check_name(const char *file)
{
    const char *base = strrchr(file, '/') + 1;
    if (!strcmp(base, "meson.build"))
        return;
    for (int i = 0; i < n_names; i++)
        if (!strcmp(strrchr(names[i], '/') + 1, base))
            complain(file, 1, "has the same name as", names[i]);
    assert_true(n_names < 4096);
    names[n_names++] = strdup(file);
}

static void walk(const char *root, const char *dir)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/src%s%s", root, *dir ? "/" : "", dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char child[2048], full[6400];
        snprintf(child, sizeof child, "%s%s%s", dir, *dir ? "/" : "", e->d_name);
        snprintf(full, sizeof full, "%s/src/%s", root, child);
        struct stat st;
        if (stat(full, &st) == 0 && S_ISDIR(st.st_mode)) {
            walk(root, child);
            continue;
        }
        size_t n = strlen(child);
        if (n > 2 && (!strcmp(child + n - 2, ".c") || !strcmp(child + n - 2, ".h"))) {
            check_file(root, child);
            check_name(child);
        }
    }
    closedir(d);
}

static void test_includes(void **state)
{
    const char *root = getenv("JIG_SOURCE_ROOT");
    if (!root)
        skip();
    walk(root, "");
    assert_true(n_names > 20);
    assert_int_equal(mistakes, 0);
    while (n_names)
        free(names[--n_names]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_includes)};
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
