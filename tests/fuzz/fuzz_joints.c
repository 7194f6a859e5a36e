/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of joints files (models/articulated/joints_file.c): what it takes must be a figure of the picture's size.
 */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>

#include "models/articulated/articulated.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    Picture p;
    Figure f;
    Err e = {0};
    int fd = fuzz_file(data, size, path);
    if (fd < 0)
        return 0;
    threads_set(1);
    if (picture_init(&p, 24, 36, NULL)) {
        for (int i = 0; i < 24 * 36 * 4; i++)
            p.rgba[i] = (uint8_t)(i % 4 == 3 ? 255 : i * 7);
        if (articulated_figure_read_joints(&f, path, &p, &e)) {
            for (int j = 0; j < FIGURE_JOINTS; j++)
                if (!isfinite(f.joint[j][0]) || !isfinite(f.joint[j][1]) || !isfinite(f.depth[j]) || f.width != 24 ||
                    f.height != 36)
                    abort();
            articulated_figure_finish(&f);
        } else if (!e.text[0]) {
            abort();
        }
        picture_finish(&p);
    }
    close(fd);
    return 0;
}
