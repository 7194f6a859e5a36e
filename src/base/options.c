/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: one table per struct gives flags, --help, JSON and the settings stored in outputs. Every value passes
 * through set_number or opt_set, so type and range are checked in one place whatever the way in. JSON keeps whole
 * numbers exactly: cJSON's numbers are doubles, so integers beyond 2^53 are written and read as strings.
 */
#include "base/base.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double exact_limit = 9007199254740992.0; /* 2^53 */

static void *field(const Option *o, const void *s)
{
    return (char *)s + o->offset;
}

/* Edit distance between two names; names longer than any flag count as far away. */
static int distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b), row[64];
    if (n > 63 || m > 62)
        return 1000;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

static const char *nearest(const OptTable *tables, int n_tables, const char *name)
{
    const char *best = NULL;
    int least = 1000;
    for (int t = 0; t < n_tables; t++)
        for (int i = 0; i < tables[t].n; i++) {
            int d = distance(name, tables[t].rows[i].name);
            if (d < least) {
                least = d;
                best = tables[t].rows[i].name;
            }
        }
    return best;
}

static const Option *find(OptTable t, const char *name)
{
    for (int i = 0; i < t.n; i++)
        if (!strcmp(t.rows[i].name, name))
            return &t.rows[i];
    return NULL;
}

static bool in_range(const Option *o, double x, const char *shown, Err *e)
{
    if (o->lo == o->hi || (x >= o->lo && x <= o->hi))
        return true;
    return err_set(e, "--%s is %s; allowed are %.10g to %.10g%s", o->name, shown, o->lo, o->hi,
                   o->type == OPT_SECONDS ? " seconds" : "");
}

static int choice_index(const Option *o, const char *value)
{
    size_t n = strlen(value);
    int i = 0;
    for (const char *c = o->choices; c; c = strchr(c, '|'), i++) {
        c += *c == '|';
        if (n && !strncmp(c, value, n) && (c[n] == '|' || !c[n]))
            return i;
    }
    return -1;
}

static char *choice_name(const Option *o, int index, char *out, size_t size)
{
    const char *c = o->choices;
    for (; index > 0 && c; index--) {
        c = strchr(c, '|');
        c += c != NULL;
    }
    snprintf(out, size, "%.*s", c ? (int)strcspn(c, "|") : 0, c ? c : "");
    return out;
}

static bool set_bool(const Option *o, void *s, const char *value, Err *e)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (int i = 0; i < 4; i++) {
        if (!strcmp(value, yes[i]) || !strcmp(value, no[i])) {
            *(bool *)field(o, s) = !strcmp(value, yes[i]);
            return true;
        }
    }
    return err_set(e, "--%s is '%s'; allowed are yes and no", o->name, value);
}

static bool set_value(const Option *o, void *s, const char *value, Arena *a, Err *e)
{
    double x;
    int64_t whole;
    int index;
    switch (o->type) {
    case OPT_BOOL: return set_bool(o, s, value, e);
    case OPT_INT:
        if (!text_to_int(value, &whole))
            return err_set(e, "--%s is '%s'; it must be a whole number", o->name, value);
        if (!in_range(o, (double)whole, value, e))
            return false;
        *(int64_t *)field(o, s) = whole;
        return true;
    case OPT_FLOAT:
        if (!text_to_double(value, &x))
            return err_set(e, "--%s is '%s'; it must be a number", o->name, value);
        if (!in_range(o, x, value, e))
            return false;
        *(double *)field(o, s) = x;
        return true;
    case OPT_SECONDS:
        if (!text_to_seconds(value, &x))
            return err_set(e, "--%s is '%s'; it must be a time, as 12.5 or 1:23", o->name, value);
        if (!in_range(o, x, value, e))
            return false;
        *(double *)field(o, s) = x;
        return true;
    case OPT_TEXT: *(const char **)field(o, s) = a ? arena_strdup(a, value) : value; return true;
    case OPT_CHOICE:
        index = choice_index(o, value);
        if (index < 0)
            return err_set(e, "--%s is '%s'; allowed are %s", o->name, value, o->choices);
        *(int *)field(o, s) = index;
        return true;
    }
    return err_set(e, "--%s has no type", o->name);
}

void opt_defaults(OptTable t, void *s)
{
    static const size_t sizes[] = {
        [OPT_BOOL] = sizeof(bool),         [OPT_INT] = sizeof(int64_t), [OPT_FLOAT] = sizeof(double),
        [OPT_TEXT] = sizeof(const char *), [OPT_CHOICE] = sizeof(int),  [OPT_SECONDS] = sizeof(double)};
    for (int i = 0; i < t.n; i++) {
        const Option *o = &t.rows[i];
        Err e = {0};
        memset(field(o, s), 0, sizes[o->type]);
        if (o->initial && !set_value(o, s, o->initial, NULL, &e)) {
            log_line(LOG_ERROR, "the default of an option is wrong: %s", e.text);
            abort(); /* a mistake in our own table */
        }
    }
}

bool opt_set(OptTable t, void *s, const char *name, const char *value, Arena *a, Err *e)
{
    const Option *o = find(t, name);
    if (o)
        return set_value(o, s, value, a, e);
    const char *near = nearest(&t, 1, name);
    return near ? err_set(e, "unknown option '%s'; the nearest is '%s'", name, near)
                : err_set(e, "unknown option '%s'", name);
}

/* ---- command line ---------------------------------------------------------------------------------------------------
 */

typedef struct Parser {
    const OptTable *tables;
    void **structs;
    int n_tables, argc, at; /* argv[at] is being read */
    char **argv;
    Arena *arena;
} Parser;

static const Option *by_name(const Parser *p, const char *name, void **s)
{
    for (int t = 0; t < p->n_tables; t++) {
        const Option *o = find(p->tables[t], name);
        *s = p->structs[t];
        if (o)
            return o;
    }
    return NULL;
}

static const Option *by_letter(const Parser *p, char letter, void **s)
{
    for (int t = 0; t < p->n_tables; t++)
        for (int i = 0; i < p->tables[t].n; i++)
            if (letter && p->tables[t].rows[i].letter == letter) {
                *s = p->structs[t];
                return &p->tables[t].rows[i];
            }
    return NULL;
}

/* The next argument as the value of flag. Numbers may be negative, but "--other" is a forgotten value, not a value. */
static const char *next_value(Parser *p, const char *flag, Err *e)
{
    const char *value = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    if (!value || (value[0] == '-' && value[1] == '-')) {
        err_set(e, "%s needs a value", flag);
        return NULL;
    }
    p->at++;
    return value;
}

static bool parse_long(Parser *p, const char *arg, Err *e)
{
    const char *equals = strchr(arg, '=');
    char name[100];
    snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - arg - 2) : (int)sizeof name, arg + 2);
    void *s;
    const Option *o = by_name(p, name, &s);
    if (!o && !strncmp(name, "no-", 3) && !equals) {
        o = by_name(p, name + 3, &s);
        if (o && o->type == OPT_BOOL)
            return set_value(o, s, "no", p->arena, e);
        o = NULL;
    }
    if (!o) {
        const char *near = nearest(p->tables, p->n_tables, name);
        return near ? err_set(e, "unknown flag --%s; did you mean --%s?", name, near)
                    : err_set(e, "unknown flag --%s", name);
    }
    if (o->type == OPT_BOOL && !equals)
        return set_value(o, s, "yes", p->arena, e);
    const char *value = equals ? equals + 1 : next_value(p, arg, e);
    return value && set_value(o, s, value, p->arena, e);
}

/* -x value, -xvalue, and several booleans at once: -qv. */
static bool parse_short(Parser *p, const char *arg, Err *e)
{
    for (const char *c = arg + 1; *c; c++) {
        char flag[3] = {'-', *c, 0};
        void *s;
        const Option *o = by_letter(p, *c, &s);
        if (!o)
            return err_set(e, "unknown flag %s in %s; long flags begin with two dashes", flag, arg);
        if (o->type == OPT_BOOL) {
            if (!set_value(o, s, "yes", p->arena, e))
                return false;
            continue;
        }
        const char *value = c[1] ? c + 1 : next_value(p, flag, e);
        return value && set_value(o, s, value, p->arena, e);
    }
    return true;
}

bool opt_parse(const OptTable *tables, void **structs, int n_tables, int *argc, char **argv, Arena *a, Err *e)
{
    Parser p = {tables, structs, n_tables, *argc, 0, argv, a};
    int kept = 0;
    bool flags_over = false;
    for (; p.at < p.argc; p.at++) {
        char *arg = argv[p.at];
        if (flags_over || arg[0] != '-' || !arg[1]) { /* "-" alone is a name */
            argv[kept++] = arg;
        } else if (!strcmp(arg, "--")) {
            flags_over = true;
        } else if (!(arg[1] == '-' ? parse_long(&p, arg, e) : parse_short(&p, arg, e))) {
            return false;
        }
    }
    if (kept < *argc)
        argv[kept] = NULL;
    *argc = kept;
    return true;
}

void opt_help(OptTable t, Text *out)
{
    for (int i = 0; i < t.n; i++) {
        const Option *o = &t.rows[i];
        Text left = {0};
        bool on = o->type == OPT_BOOL && o->initial && strcmp(o->initial, "false") && strcmp(o->initial, "no");
        if (o->letter)
            text_add(&left, "  -%c, ", o->letter);
        else
            text_add(&left, "      ");
        text_add(&left, "--%s%s", on ? "no-" : "", o->name);
        if (o->type != OPT_BOOL)
            text_add(&left, " %s", o->value ? o->value : o->type == OPT_CHOICE ? "NAME" : "VALUE");
        text_add(out, "%-30s", left.s);
        if (left.len >= 30)
            text_add(out, "\n%-30s", "");
        text_finish(&left);
        text_add(out, " %s", on ? "do not: " : "");
        text_add(out, "%s", o->help ? o->help : "");
        Text notes = {0};
        if (o->type == OPT_CHOICE)
            text_add(&notes, "%s", o->choices);
        if (o->lo != o->hi && (o->type == OPT_INT || o->type == OPT_FLOAT || o->type == OPT_SECONDS))
            text_add(&notes, "%.10g to %.10g", o->lo, o->hi);
        if (o->initial && o->initial[0] && o->type != OPT_BOOL)
            text_add(&notes, "%sdefault %s", notes.len ? ", " : "", o->initial);
        if (notes.len)
            text_add(out, " (%s)", notes.s);
        text_finish(&notes);
        text_add(out, "\n");
    }
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static bool set_number(const Option *o, void *s, double x, Err *e)
{
    char shown[40];
    snprintf(shown, sizeof shown, "%.10g", x);
    if (o->type == OPT_INT) {
        if (x != floor(x) || fabs(x) > exact_limit)
            return err_set(e, "--%s is %s; it must be a whole number (as a string if beyond 2^53)", o->name, shown);
        if (!in_range(o, x, shown, e))
            return false;
        *(int64_t *)field(o, s) = (int64_t)x;
        return true;
    }
    if (o->type != OPT_FLOAT && o->type != OPT_SECONDS)
        return err_set(e, "--%s is the number %s; it must be %s", o->name, shown,
                       o->type == OPT_BOOL ? "true or false" : "a string");
    if (!isfinite(x))
        return err_set(e, "--%s is %s; it must be finite", o->name, shown);
    if (!in_range(o, x, shown, e))
        return false;
    *(double *)field(o, s) = x;
    return true;
}

static bool set_json(const Option *o, void *s, const cJSON *v, Arena *a, Err *e)
{
    if (cJSON_IsNumber(v))
        return set_number(o, s, v->valuedouble, e);
    if (cJSON_IsString(v) && o->type != OPT_BOOL)
        return set_value(o, s, v->valuestring, a, e);
    if (cJSON_IsBool(v) && o->type == OPT_BOOL) {
        *(bool *)field(o, s) = cJSON_IsTrue(v);
        return true;
    }
    if (cJSON_IsNull(v) && o->type == OPT_TEXT) {
        *(const char **)field(o, s) = NULL;
        return true;
    }
    static const char *const kinds[] = {
        [OPT_BOOL] = "true or false",    [OPT_INT] = "a whole number", [OPT_FLOAT] = "a number",
        [OPT_TEXT] = "a string or null", [OPT_CHOICE] = "a string",    [OPT_SECONDS] = "a number of seconds"};
    return err_set(e, "the value of \"%s\" must be %s", o->name, kinds[o->type]);
}

bool opt_from_json(OptTable t, void *s, const char *json, Arena *a, Err *e)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(json, &end, true);
    if (!root)
        return err_set(e, "not valid JSON at byte %ld", end ? (long)(end - json) : 0L);
    bool ok = cJSON_IsObject(root) || err_set(e, "the JSON is not an object { ... }");
    for (const cJSON *v = ok ? root->child : NULL; ok && v; v = v->next) {
        const Option *o = find(t, v->string);
        const char *near = o ? NULL : nearest(&t, 1, v->string);
        if (o)
            ok = set_json(o, s, v, a, e);
        else
            ok = err_set(e, "unknown key \"%s\"; the nearest is \"%s\"", v->string, near ? near : "");
    }
    cJSON_Delete(root);
    return ok;
}

/* The fewest digits that read back as the same number; cJSON's own printing may be off in the last bit. */
static char *shortest(double x, char *out, size_t size)
{
    int digits = 14;
    do
        snprintf(out, size, "%.*g", ++digits, x);
    while (digits < 17 && strtod(out, NULL) != x);
    return out;
}

void opt_to_json(OptTable t, const void *s, Text *out)
{
    cJSON *root = cJSON_CreateObject();
    char shown[200];
    for (int i = 0; i < t.n; i++) {
        const Option *o = &t.rows[i];
        const void *p = field(o, s);
        switch (o->type) {
        case OPT_BOOL: cJSON_AddBoolToObject(root, o->name, *(const bool *)p); break;
        case OPT_INT:
            snprintf(shown, sizeof shown, "%lld", (long long)*(const int64_t *)p);
            if (fabs((double)*(const int64_t *)p) > exact_limit)
                cJSON_AddStringToObject(root, o->name, shown);
            else
                cJSON_AddRawToObject(root, o->name, shown);
            break;
        case OPT_FLOAT:
        case OPT_SECONDS: cJSON_AddRawToObject(root, o->name, shortest(*(const double *)p, shown, sizeof shown)); break;
        case OPT_TEXT:
            if (*(const char *const *)p)
                cJSON_AddStringToObject(root, o->name, *(const char *const *)p);
            else
                cJSON_AddNullToObject(root, o->name);
            break;
        case OPT_CHOICE:
            cJSON_AddStringToObject(root, o->name, choice_name(o, *(const int *)p, shown, sizeof shown));
            break;
        }
    }
    char *json = cJSON_PrintUnformatted(root);
    text_add(out, "%s", json);
    cJSON_free(json);
    cJSON_Delete(root);
}
