/* SPDX-License-Identifier: Apache-2.0
 *
 * Small vectors for the renderer of synth: three floats, 3x3 matrices of rows, right-handed, y up.
 * Private to src/synth.
 */
#ifndef JIG_SYNTH_VEC_H
#define JIG_SYNTH_VEC_H

#include <math.h>

typedef struct Vec3 { float x, y, z; } Vec3;
typedef struct Mat3 { Vec3 r[3]; } Mat3; /* rows */

static inline Vec3 vec3(float x, float y, float z) { return (Vec3){x, y, z}; }
static inline Vec3 vec3_from(const float *p) { return (Vec3){p[0], p[1], p[2]}; }
static inline Vec3 vec3_add(Vec3 a, Vec3 b) { return (Vec3){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline Vec3 vec3_sub(Vec3 a, Vec3 b) { return (Vec3){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline Vec3 vec3_scale(Vec3 a, float s) { return (Vec3){a.x * s, a.y * s, a.z * s}; }
static inline Vec3 vec3_mix(Vec3 a, Vec3 b, float t) { return vec3_add(vec3_scale(a, 1 - t), vec3_scale(b, t)); }
static inline float vec3_dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline float vec3_length(Vec3 a) { return sqrtf(vec3_dot(a, a)); }

static inline Vec3 vec3_cross(Vec3 a, Vec3 b)
{
    return (Vec3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

/* The unit vector along a; `other` where a has no length. */
static inline Vec3 vec3_unit_or(Vec3 a, Vec3 other)
{
    float n = vec3_length(a);
    return n > 1e-6f ? vec3_scale(a, 1 / n) : other;
}

static inline Vec3 vec3_unit(Vec3 a) { return vec3_unit_or(a, (Vec3){0, 1, 0}); }

static inline Vec3 mat3_apply(const Mat3 *m, Vec3 v)
{
    return (Vec3){vec3_dot(m->r[0], v), vec3_dot(m->r[1], v), vec3_dot(m->r[2], v)};
}

static inline Mat3 mat3_transpose(const Mat3 *m)
{
    const Vec3 *r = m->r;
    return (Mat3){{{r[0].x, r[1].x, r[2].x}, {r[0].y, r[1].y, r[2].y}, {r[0].z, r[1].z, r[2].z}}};
}

static inline Mat3 mat3_mul(const Mat3 *a, const Mat3 *b)
{
    Mat3 t = mat3_transpose(b), out;
    for (int i = 0; i < 3; i++)
        out.r[i] = (Vec3){vec3_dot(a->r[i], t.r[0]), vec3_dot(a->r[i], t.r[1]), vec3_dot(a->r[i], t.r[2])};
    return out;
}

static inline Mat3 mat3_identity(void) { return (Mat3){{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}; }

/* Rotation by `angle` about the unit axis a (right hand rule). */
static inline Mat3 mat3_turn(Vec3 a, float angle)
{
    float c = cosf(angle), s = sinf(angle), t = 1 - c;
    return (Mat3){{{t * a.x * a.x + c, t * a.x * a.y - s * a.z, t * a.x * a.z + s * a.y},
                   {t * a.x * a.y + s * a.z, t * a.y * a.y + c, t * a.y * a.z - s * a.x},
                   {t * a.x * a.z - s * a.y, t * a.y * a.z + s * a.x, t * a.z * a.z + c}}};
}

/* The shortest rotation that takes the unit vector a to `share` of the way to the unit vector b. */
static inline Mat3 mat3_align(Vec3 a, Vec3 b, float share)
{
    Vec3 axis = vec3_cross(a, b);
    float s = vec3_length(axis), angle = atan2f(s, vec3_dot(a, b));
    if (s < 1e-6f)
        axis = vec3_unit_or(vec3_cross(a, (Vec3){1, 0, 0}), (Vec3){0, 0, 1}); /* parallel, or any half turn */
    else
        axis = vec3_scale(axis, 1 / s);
    return mat3_turn(axis, angle * share);
}

/* The frame whose first column is x and whose second lies in the plane of x and y. */
static inline Mat3 mat3_frame(Vec3 x, Vec3 y)
{
    Vec3 i = vec3_unit_or(x, (Vec3){1, 0, 0});
    Vec3 k = vec3_unit_or(vec3_cross(i, y), (Vec3){0, 0, 1});
    Vec3 j = vec3_cross(k, i);
    Mat3 rows = {{i, j, k}};
    return mat3_transpose(&rows);
}

#endif
