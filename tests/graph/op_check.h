/* SPDX-License-Identifier: Apache-2.0
 *
 * A case is a small network of one or a few ops. It is checked against finite differences on `ref` in f32, in bf16
 * against f32, and on `cpu` against `ref`.
 */
#ifndef JIG_TEST_OP_CHECK_H
#define JIG_TEST_OP_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/graph.h"

enum { CASE_INPUTS = 3, CASE_PARAMS = 4 };

typedef struct Case Case;
struct Case {
    const char *name;
    Node *(*build)(Graph *g, const Case *c, Node **x, Param **p);
    Shape x[CASE_INPUTS], p[CASE_PARAMS];
    float lo, hi;  /* range of values; both 0: -1..1 */
    int n[4];      /* what the builder wants to know */
    bool kinks;    /* not smooth: a smaller step */
    bool no_bf16;  /* rounding changes what is computed (choices, logarithms near 0) */
};

#define XS(...) {__VA_ARGS__}

void check_case(const Case *c);
void check_cases(const Case *cases, size_t n);

#endif
