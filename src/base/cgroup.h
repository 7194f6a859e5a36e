/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to base: the control groups that this process lives in, from its own up to the root. Containers and batch
 * systems limit memory and processor time there, and /proc/meminfo and the processor mask do not show it.
 */
#ifndef JIG_BASE_CGROUP_H
#define JIG_BASE_CGROUP_H

#include <stdbool.h>

typedef void CgroupLevel(void *ctx, const char *dir, bool v2);

/* Calls level for each existing folder of the version 1 hierarchy of controller ("memory", "cpu") and of version 2. */
void cgroup_walk(const char *controller, CgroupLevel *level, void *ctx);

/* The first number in dir/name; when second is not NULL also the next one. false: no such file, or "max". */
bool cgroup_number(const char *dir, const char *name, double *first, double *second);

/* The number after "key " in dir/memory.stat; 0 when there is none. */
double cgroup_stat(const char *dir, const char *key);

#endif
