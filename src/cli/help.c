/* SPDX-License-Identifier: Apache-2.0
 *
 * --help and shell completion, printed from the library's tables.
 */
#include "cli/cli.h"

#include <string.h>

void help_program(void)
{
    puts("jig: a picture and a song become a dance video\n\n"
         "    jig dance PICTURE SONG -o OUT.mp4\n");
    jig_command_info c;
    for (int i = 0; jig_command_at(i, &c); i++)
        printf("  %-7s %-16s %s\n", c.name, c.arguments, c.summary);
    puts("\n'jig COMMAND --help' shows a command's options. With every command: -q quiet, -v more, --json for programs,\n"
         "--config FILE options from a JSON file. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
}

static void print_option(const jig_option_info *o)
{
    char left[64];
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->is_flag ? "" : " ", o->is_flag ? "" : o->value ? o->value : "VALUE");
    printf("  %-28s %s", left, o->help);
    if (o->choices)
        printf(" (%s)", o->choices);
    if (!o->is_flag && !o->choices && o->lo < o->hi)
        printf(" [%.16g..%.16g]", o->lo, o->hi);
    if (o->initial && *o->initial && !o->is_flag)
        printf(" (default %s)", o->initial);
    putchar('\n');
}

bool help_command(const char *command)
{
    jig_command_info c;
    if (!jig_command_find(command, &c)) {
        fprintf(stderr, "jig: there is no command '%s'; 'jig --help' lists them\n", command);
        return false;
    }
    printf("jig %s %s [options]\n\n%s\n\n", c.name, c.arguments, c.details ? c.details : c.summary);
    jig_option_info o;
    bool own_config = false;
    for (int i = 0; jig_command_option(command, i, &o); i++) {
        print_option(&o);
        own_config = own_config || !strcmp(o.name, "config");
    }
    puts("  -q, --quiet                  only errors\n"
         "  -v, --verbose                say more\n"
         "      --json                   result, progress and log as JSON");
    if (!own_config) puts("      --config FILE            options from a JSON file; flags after it win");
    return true;
}

void completion_bash(void)
{
    puts("# jig completion for bash:  source <(jig --completion-bash)\n_jig()\n{\n    local words\n    case ${COMP_WORDS[1]} in");
    jig_command_info c;
    jig_option_info o;
    for (int i = 0; jig_command_at(i, &c); i++) {
        printf("    %s) words=\"", c.name);
        for (int j = 0; jig_command_option(c.name, j, &o); j++)
            printf("--%s ", o.name);
        puts("--quiet --verbose --json --config --help\" ;;");
    }
    fputs("    *) words=\"", stdout);
    for (int i = 0; jig_command_at(i, &c); i++)
        printf("%s ", c.name);
    puts("--help --version\" ;;\n    esac\n"
         "    if [[ $COMP_CWORD == 1 || ${COMP_WORDS[COMP_CWORD]} == -* ]]; then\n"
         "        COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "    else\n        COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n    fi\n}\n"
         "complete -o filenames -F _jig jig");
}
