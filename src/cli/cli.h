/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: the program around include/jig.h, and nothing but that header. Layer 8.
 */
#ifndef JIG_CLI_H
#define JIG_CLI_H

#include "jig.h"

#include <stdio.h>

/* Flags of the program itself; all others belong to the command. */
typedef struct CliFlags {
    bool help, quiet, verbose, json;
} CliFlags;

/* args.c: argv into the job. */
bool args_parse(jig_job *job, const char *command, int argc, char **argv, CliFlags *flags, jig_error *e);

/* progress.c: a bar with the time left on a terminal, a plain line every few seconds elsewhere, or JSON lines. */
typedef struct ProgressView {
    bool silent, json, terminal;
} ProgressView;
ProgressView progress_view(const CliFlags *flags);
void progress_show(const ProgressView *view, const jig_progress *p);
void progress_clear(void);
void print_json_line(FILE *f, const char *key, const char *text);

/* help.c */
void help_program(void);
bool help_command(const char *command); /* false: there is none */
void completion_bash(void);

#endif
