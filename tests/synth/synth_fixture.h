/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of synth share: the folder of development data, a body in memory, bytes of files.
 */
#ifndef JIG_TEST_SYNTH_FIXTURE_H
#define JIG_TEST_SYNTH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "motion/motion.h"

/* "$JIG_TEST_DATA/tail", or skips the test where that is not there. */
static inline char *test_data(const char *tail)
{
    const char *root = getenv("JIG_TEST_DATA");
    Text t = {0};
    if (root)
        text_add(&t, "%s/%s", root, tail);
    if (!root || !(file_exists(t.s) || file_is_dir(t.s))) {
        text_finish(&t);
        skip();
    }
    return t.s;
}

/* A BODY1 file: three vertices, one triangle. `header` lines replace the usual ones where not NULL. */
static inline void test_body(Text *out, const char *verts, const char *joint_line, uint8_t weight, uint16_t corner)
{
    text_add(out, "BODY1\nname tiny\n%s\ntris 1\nopaque_tris 1\njoints 18\n", verts);
    for (int j = 0; j < 18; j++)
        if (joint_line && j == 5)
            text_add(out, "%s\n", joint_line);
        else
            text_add(out, "joint %s %g %g %g\n", motion_joint_names[j], motion_rest[j][0], motion_rest[j][1],
                     motion_rest[j][2]);
    text_add(out, "data pos f32x3, uv f32x2, joint u8x4, weight u8x4, tri u16x3\n\n");
    float pos[9] = {0, 0.9f, 0, 0.2f, 0.9f, 0, 0, 1.1f, 0}, uv[6] = {0, 0, 1, 0, 0, 1};
    uint8_t joint[12] = {0}, w[12] = {weight, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0};
    uint16_t tri[3] = {0, 1, corner};
    text_add_bytes(out, pos, sizeof pos);
    text_add_bytes(out, uv, sizeof uv);
    text_add_bytes(out, joint, sizeof joint);
    text_add_bytes(out, w, sizeof w);
    text_add_bytes(out, tri, sizeof tri);
}

#endif
