/* SPDX-License-Identifier: Apache-2.0
 *
 * argv into a job: `--name value`, `--name=value`, `-x value`, `-xvalue`, `--no-name` for flags, `--` ends the options.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static bool complain(jig_error *e, const char *fmt, const char *a, const char *b)
{
    if (e->code == JIG_OK) {
        e->code = JIG_USAGE;
        snprintf(e->text, sizeof e->text, fmt, a, b);
    }
    return false;
}

static bool is(const char *arg, const char *lng, const char *shrt)
{
    return !strcmp(arg, lng) || (shrt && !strcmp(arg, shrt));
}

static bool program_flag(const char *arg, CliFlags *f)
{
    if (is(arg, "--help", "-h"))
        f->help = true;
    else if (is(arg, "--quiet", "-q"))
        f->quiet = true;
    else if (is(arg, "--verbose", "-v"))
        f->verbose = true;
    else if (is(arg, "--json", NULL))
        f->json = true;
    else
        return false;
    return true;
}

static bool find_option(const char *command, const char *name, size_t len, char letter, jig_option_info *out)
{
    for (int i = 0; jig_command_option(command, i, out); i++)
        if (letter ? out->letter == letter : strlen(out->name) == len && !strncmp(out->name, name, len))
            return true;
    return false;
}

static int edit_distance(const char *a, const char *b)
{
    int n = (int)strlen(b), row[64];
    if (n > 62)
        return 99;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (up + 1 < best)
                best = up + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[n];
}

static bool unknown(const char *command, const char *arg, jig_error *e)
{
    char name[64], nearest[80] = "";
    snprintf(name, sizeof name, "%s", arg + strspn(arg, "-"));
    name[strcspn(name, "=")] = 0;
    int best = 4;
    jig_option_info o;
    for (int i = 0; jig_command_option(command, i, &o); i++) {
        int d = edit_distance(name, o.name);
        if (d < best) {
            best = d;
            snprintf(nearest, sizeof nearest, "; did you mean --%s?", o.name);
        }
    }
    return complain(e, "there is no option '%s'%s", arg, nearest);
}

static bool read_config(jig_job *job, const char *path, jig_error *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return complain(e, "%s%s: the settings file cannot be read", "", path);
    static char text[1 << 20];
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return jig_job_config(job, text, e);
}

/* One option at argv[i]; returns how many words it took, 0 on a mistake. */
static int option(jig_job *job, const char *command, int argc, char **argv, int i, jig_error *e)
{
    const char *arg = argv[i], *value = NULL;
    bool lng = arg[1] == '-';
    const char *name = arg + (lng ? 2 : 1);
    size_t len = lng ? strcspn(name, "=") : 1;
    jig_option_info o = {0};
    bool known = find_option(command, name, len, lng ? 0 : arg[1], &o); /* `jig net` has a --config of its own */
    bool config = !known && lng && len == 6 && !strncmp(name, "config", 6);
    if (!config && !known) {
        if (lng && !strncmp(name, "no-", 3) && find_option(command, name + 3, strlen(name + 3), 0, &o) && o.is_flag)
            return jig_job_set(job, o.name, "false", e);
        return unknown(command, arg, e);
    }
    if (lng && name[len] == '=')
        value = name + len + 1;
    else if (!lng && name[1])
        value = name + 1;
    if (o.is_flag)
        return jig_job_set(job, o.name, value ? value : "true", e);
    int words = 1;
    if (!value) {
        if (i + 1 >= argc)
            return complain(e, "%s needs a value: %s", arg, config ? "FILE" : o.value ? o.value : "VALUE");
        value = argv[i + 1];
        words = 2;
    }
    return (config ? read_config(job, value, e) : jig_job_set(job, o.name, value, e)) ? words : 0;
}

bool args_parse(jig_job *job, const char *command, int argc, char **argv, CliFlags *flags, jig_error *e)
{
    bool only_arguments = false;
    for (int i = 0; i < argc;) {
        const char *arg = argv[i];
        bool dash = arg[0] == '-' && arg[1] && !only_arguments;
        int words = 1;
        if (dash && !strcmp(arg, "--"))
            only_arguments = true;
        else if (dash && !program_flag(arg, flags))
            words = option(job, command, argc, argv, i, e);
        else if (!dash)
            words = flags->help || jig_job_argument(job, arg, e);
        if (!words)
            return flags->help;
        i += words;
    }
    return true;
}
