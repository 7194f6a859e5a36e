/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups, versions 1 and 2 (kernel documentation: admin-guide/cgroup-v1 and cgroup-v2.rst). /proc/self/cgroup
 * names our group in each hierarchy as "id:controllers:path", with an empty list for version 2. Inside a container that
 * path may not exist below the mount; then only the levels that do exist count, at least the root. Hierarchies are
 * looked for where all distributions mount them; the mount table is not read.
 */
#include "base/cgroup.h"

#include "base/base.h"

#include <string.h>

static void walk_up(const char *mount, const char *path, bool v2, CgroupLevel *level, void *ctx)
{
    char dir[1200];
    int base = (int)strlen(mount);
    int n = snprintf(dir, sizeof dir, "%s%s", mount, path);
    if (n < 0 || n >= (int)sizeof dir)
        return;
    for (;;) {
        while (n > base && dir[n - 1] == '/')
            dir[--n] = 0;
        if (file_is_dir(dir))
            level(ctx, dir, v2);
        if (n <= base)
            return;
        while (n > base && dir[n - 1] != '/')
            dir[--n] = 0;
    }
}

static bool lists(const char *controllers, const char *wanted)
{
    size_t n = strlen(wanted);
    for (const char *s = controllers; s; s = strchr(s, ',')) {
        s += *s == ',';
        if (!strncmp(s, wanted, n) && (s[n] == ',' || !s[n]))
            return true;
    }
    return false;
}

void cgroup_walk(const char *controller, CgroupLevel *level, void *ctx)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return;
    char line[1024], mount[100];
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        names++;
        if (!*names) {
            walk_up(file_is_dir("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup", path, true,
                    level, ctx);
        } else if (lists(names, controller)) {
            snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controller);
            walk_up(mount, path, false, level, ctx);
        }
    }
    fclose(f);
}

bool cgroup_number(const char *dir, const char *name, double *first, double *second)
{
    char path[1300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    int got = second ? fscanf(f, "%lf %lf", first, second) : fscanf(f, "%lf", first);
    fclose(f);
    return got == (second ? 2 : 1);
}

double cgroup_stat(const char *dir, const char *key)
{
    char path[1300], name[100];
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    double value = 0, found = 0;
    while (fscanf(f, "%99s %lf", name, &value) == 2)
        if (!strcmp(name, key))
            found = value;
    fclose(f);
    return found;
}
