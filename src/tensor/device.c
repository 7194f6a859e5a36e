/* SPDX-License-Identifier: Apache-2.0
 *
 * device: which backends this build has. The one file with #if HAVE_...; a new backend adds its row here.
 * "auto" is the last row that there is: rows go from slow to fast.
 */
#include "tensor/kernels.h"

#include <string.h>

static void host_copy(void *to, const void *from, size_t bytes)
{
    if (bytes) memcpy(to, from, bytes);
}

static void host_sync(void)
{
}

#define HOST_MEMORY \
    .alloc = mem_try, .release = mem_free, .upload = host_copy, .download = host_copy, .sync = host_sync

static Device devices[] = {
    {.name = "ref", .fast = JIG_F32, .k = &ref_kernels, HOST_MEMORY},
#if HAVE_CPU
    {.name = "cpu", HOST_MEMORY}, /* k and fast depend on the processor: device_open */
#endif
};

const Device *device_open(const char *name, Err *e)
{
    int n = ARRAY_LEN(devices), found = strcmp(name, "auto") ? -1 : n - 1;
    for (int i = 0; i < n; i++)
        if (!strcmp(name, devices[i].name)) found = i;
    if (found < 0) {
        Text known = {0};
        for (int i = 0; i < n; i++) text_add(&known, ", %s", devices[i].name);
        err_set(e, "device \"%s\" is not in this build; there are: auto%s", name, known.s);
        text_finish(&known);
        return NULL;
    }
#if HAVE_CPU
    if (!strcmp(devices[found].name, "cpu")) {
        devices[found].k = cpu_kernels();
        devices[found].fast = cpu_fast_type();
    }
#endif
    return &devices[found];
}
