/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share. A target is a file fuzz_NAME.c with libFuzzer's function: any bytes in, 0 out, and no
 * crash, no sanitizer's complaint, no endless loop. With -Dfuzz=true each becomes a fuzzer; in every build replay.c
 * runs its corpus as a test.
 */
#ifndef JIG_FUZZ_H
#define JIG_FUZZ_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory with those bytes, for readers that take a path. Returns the descriptor to close; -1: none to be had.
 */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[64])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd >= 0 && (write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))) {
        close(fd);
        fd = -1;
    }
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
