/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of commands, in the order of --help. A new command is a file cmd_NAME.c and a row here.
 */
#include "api/api.h"

extern const Command command_dance, command_beats, command_pose, command_info, command_synth, command_train, command_net, command_convert,
    command_cache;

const Command *const api_commands[] = {
    &command_dance, &command_beats, &command_pose, &command_info, &command_synth, &command_train, &command_net, &command_convert,
    &command_cache,
};
const int api_n_commands = ARRAY_LEN(api_commands);
