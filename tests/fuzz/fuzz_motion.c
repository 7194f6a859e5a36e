/* SPDX-License-Identifier: Apache-2.0
 *
 * The motion readers (motion/dmot.c, motion/bvh_read.c). The first byte chooses; what they take must be finite.
 */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>

#include "motion/motion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Clip c = {0};
    Err e = {0};
    bool ok = size && data[0] == 'H' ? clip_parse_bvh(&c, (const char *)data, size, "fuzz", NULL, &e)
                                     : clip_parse_dmot(&c, data, size, "fuzz", &e);
    if (!ok && !e.text[0])
        abort();
    if (ok)
        clip_finish(&c);
    return 0;
}
