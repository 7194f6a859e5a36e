/* SPDX-License-Identifier: Apache-2.0
 *
 * api: the commands behind include/jig.h. Layer 7. A command is one file `cmd_NAME.c` with its options table and a run
 * function; commands.c lists them; job.c is the machinery that all share.
 */
#ifndef JIG_API_H
#define JIG_API_H

#include "base/base.h"
#include "jig.h"

struct jig_job {
    const struct Command *command;
    Arena *arena;            /* owns options' strings and arguments */
    void *options;           /* the command's struct, defaults first */
    char *arguments[8];
    int n_arguments;
    Text given;              /* names of the options that were set, a line each */
    jig_error first;         /* sticky: first mistake while setting */
    jig_progress_fn *progress;
    void *progress_user;
    char stage[64];          /* of the progress being timed */
    double stage_start;
    Text text, json;         /* the result */
};

/* Options of a lower layer that a command takes over: its table, and where its struct lies in the command's own. */
typedef struct OptionPart {
    const OptTable *table;
    size_t offset;
} OptionPart;

typedef struct Command {
    const char *name, *arguments, *summary, *details;
    int min_arguments, max_arguments;
    const Option *rows;  /* the command's own options, on its struct */
    int n_rows;
    OptionPart parts[2]; /* further ones; table NULL = none */
    size_t options_size;
    bool (*run)(jig_job *job, void *options, Err *e);
} Command;

extern const Command *const api_commands[];
extern const int api_n_commands;

Progress api_progress(jig_job *job); /* what a command hands down to long work */
struct cJSON *api_options_json(const jig_job *job); /* all options as one object, to be stored and fed back; the caller's */

bool api_option_given(const jig_job *job, const char *name); /* was it set, by flag or config? Else it has the table's default */

/* Options that mean the same in every command that has them. */
#define OPT_SEED(S) {"seed", 's', OPT_INT, offsetof(S, seed), -1, 9007199254740991.0, "0", NULL, "N", "random seed; -1 draws one, and it is printed and stored"}
#define OPT_THREADS(S) {"threads", 't', OPT_INT, offsetof(S, threads), 0, 256, "0", NULL, "N", "threads; 0 uses all cores of this process"}
#define OPT_DEVICE(S) {"device", 0, OPT_TEXT, offsetof(S, device), 0, 0, "auto", NULL, "NAME", "where to compute: auto, cpu, ref"}
#define OPT_OUTPUT(S, what) {"output", 'o', OPT_TEXT, offsetof(S, output), 0, 0, NULL, NULL, "FILE", what}

/* The folder of a model by name or path: itself if it is a folder, else NAME in $JIG_MODELS, beside the program, or where it
 * was installed. NULL and a message that lists where was looked. The arena owns the result. */
const char *api_find_model(const char *name, Arena *a, Err *e);

int64_t api_draw_seed(int64_t wanted); /* wanted >= 0: itself; else one from the system's randomness */

#endif
