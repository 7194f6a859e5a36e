/* SPDX-License-Identifier: Apache-2.0
 *
 * `jig synth -o DIR`: renders a training set of dancers with songs, exact beats, joints, flow and masks.
 */
#include "api/api.h"
#include "synth/synth.h"

typedef struct SynthCommand {
    const char *output;
    int64_t threads;
    SynthSetOptions set;
} SynthCommand;

static const Option rows[] = {
    {"output", 'o', OPT_TEXT, offsetof(SynthCommand, output), 0, 0, NULL, NULL, "DIR", "the set's folder; clips that are complete there are kept"},
    OPT_THREADS(SynthCommand),
};

static bool run(jig_job *job, void *options, Err *e)
{
    const SynthCommand *o = options;
    if (!o->output)
        return err_set(e, "-o DIR is missing: the folder for the clips");
    threads_set((int)o->threads);
    Progress p = api_progress(job);
    double begun = clock_seconds();
    if (!synth_write_set(&o->set, o->output, &p, e))
        return false;
    text_add(&job->text, "%s: %lld clips of %lld pixels, seed %lld, in %.1f s\n", o->output, (long long)o->set.clips, (long long)o->set.size,
             (long long)o->set.seed, clock_seconds() - begun);
    text_add(&job->json, "{\"clips\": %lld, \"seconds\": %.3f}", (long long)o->set.clips, clock_seconds() - begun);
    return true;
}

const Command command_synth = {
    .name = "synth", .arguments = "", .summary = "render a training set of dancers with songs and exact truth",
    .details = "Renders clips of dancers before real or drawn places, with song, exact beats, joints, and if wanted the exact flow, visibility and\n"
               "mask. Without folders of looks and motion everything is made by code. A run that was stopped goes on where it was.",
    .min_arguments = 0, .max_arguments = 0, .rows = rows, .n_rows = ARRAY_LEN(rows),
    .parts = {{&synth_set_options, offsetof(SynthCommand, set)}}, .options_size = sizeof(SynthCommand), .run = run,
};
