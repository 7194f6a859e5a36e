/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs build/jig as a user would, in a folder of its own that is gone afterwards, and keeps what it said.
 */
#ifndef JIG_TESTS_PROGRAM_H
#define JIG_TESTS_PROGRAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct Said {
    int code;             /* exit code; 128 + signal when it died */
    char out[65536], err[65536];
} Said;

/* The command line after "jig", through the shell, in the test's folder ($D there and program_path() here). */
Said *program(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void program_expect(int code, const char *in_stderr, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *program_path(const char *name); /* of a file in the test's folder; valid for eight calls */
const char *program_asset(const char *name); /* of a file in assets/ */
int program_files(void);                     /* how many files are in the test's folder */

int program_setup(void **state);    /* cmocka group functions */
int program_teardown(void **state);

/* Makes inputs: a short song with beats at 120 a minute, and a picture of a plain figure. */
void program_make_song(const char *name, double seconds, double bpm);
void program_make_picture(const char *name, int w, int h);

#endif
