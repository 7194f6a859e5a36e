/* SPDX-License-Identifier: Apache-2.0
 *
 * Small vectors and rotations for motion: V3 with the usual operations, 3x3 rotations as rows of a matrix that is
 * applied to columns. Private to src/motion.
 */
#ifndef JIG_MOTION_VEC_H
#define JIG_MOTION_VEC_H

#include <math.h>

typedef struct V3 { float x, y, z; } V3;
typedef struct M3 { float m[3][3]; } M3;

static inline V3 v3(float x, float y, float z) { return (V3){x, y, z}; }
static inline V3 v3_at(const float *p) { return (V3){p[0], p[1], p[2]}; }
static inline void v3_put(float *p, V3 a) { p[0] = a.x, p[1] = a.y, p[2] = a.z; }
static inline V3 v3_add(V3 a, V3 b) { return (V3){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline V3 v3_sub(V3 a, V3 b) { return (V3){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline V3 v3_scale(V3 a, float s) { return (V3){a.x * s, a.y * s, a.z * s}; }
static inline V3 v3_mix(V3 a, V3 b, float t) { return v3_add(v3_scale(a, 1 - t), v3_scale(b, t)); }
static inline float v3_dot(V3 a, V3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline float v3_length(V3 a) { return sqrtf(v3_dot(a, a)); }
static inline float v3_distance(V3 a, V3 b) { return v3_length(v3_sub(a, b)); }
static inline V3 v3_cross(V3 a, V3 b)
{
    return (V3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

/* The unit vector along a; `other` where a has no length. */
static inline V3 v3_unit(V3 a, V3 other)
{
    float n = v3_length(a);
    return n > 1e-7f ? v3_scale(a, 1 / n) : other;
}

/* Turned about the vertical: a heading of 0 becomes `yaw`. */
static inline V3 v3_turn(V3 a, float cosine, float sine)
{
    return (V3){a.x * cosine + a.z * sine, a.y, a.z * cosine - a.x * sine};
}

static inline V3 m3_apply(const M3 *m, V3 a)
{
    return (V3){m->m[0][0] * a.x + m->m[0][1] * a.y + m->m[0][2] * a.z,
                m->m[1][0] * a.x + m->m[1][1] * a.y + m->m[1][2] * a.z,
                m->m[2][0] * a.x + m->m[2][1] * a.y + m->m[2][2] * a.z};
}

static inline V3 m3_apply_back(const M3 *m, V3 a) /* by the transposed matrix */
{
    return (V3){m->m[0][0] * a.x + m->m[1][0] * a.y + m->m[2][0] * a.z,
                m->m[0][1] * a.x + m->m[1][1] * a.y + m->m[2][1] * a.z,
                m->m[0][2] * a.x + m->m[1][2] * a.y + m->m[2][2] * a.z};
}

static inline M3 m3_product(const M3 *a, const M3 *b)
{
    M3 c;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            c.m[i][j] = a->m[i][0] * b->m[0][j] + a->m[i][1] * b->m[1][j] + a->m[i][2] * b->m[2][j];
    return c;
}

static inline M3 m3_identity(void) { return (M3){{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}; }

/* By `angle` about coordinate axis 0..2. */
static inline M3 m3_axis(int axis, float angle)
{
    M3 r = m3_identity();
    int i = (axis + 1) % 3, j = (axis + 2) % 3;
    float c = cosf(angle), s = sinf(angle);
    r.m[i][i] = c, r.m[i][j] = -s, r.m[j][i] = s, r.m[j][j] = c;
    return r;
}

/* The least rotation that takes unit vector a to unit vector b. Opposite vectors: half a turn about some axis across
 * a. */
static inline M3 m3_between(V3 a, V3 b)
{
    V3 k = v3_cross(a, b);
    float c = v3_dot(a, b);
    if (c < -0.99999f) {
        V3 across = v3_cross(a, fabsf(a.x) < 0.7f ? v3(1, 0, 0) : v3(0, 1, 0));
        V3 u = v3_unit(across, v3(0, 0, 1));
        return (M3){{{2 * u.x * u.x - 1, 2 * u.x * u.y, 2 * u.x * u.z},
                     {2 * u.y * u.x, 2 * u.y * u.y - 1, 2 * u.y * u.z},
                     {2 * u.z * u.x, 2 * u.z * u.y, 2 * u.z * u.z - 1}}};
    }
    float h = 1 / (1 + c);
    return (M3){{{c + h * k.x * k.x, h * k.x * k.y - k.z, h * k.x * k.z + k.y},
                 {h * k.x * k.y + k.z, c + h * k.y * k.y, h * k.y * k.z - k.x},
                 {h * k.x * k.z - k.y, h * k.y * k.z + k.x, c + h * k.z * k.z}}};
}

#endif
