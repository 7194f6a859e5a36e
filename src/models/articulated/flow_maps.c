/* SPDX-License-Identifier: Apache-2.0
 *
 * Bone maps and P's input (flow_maps.h).
 */
#include "models/articulated/flow_maps.h"

#include <math.h>
#include <string.h>

const int flow_part_bone[FLOW_PARTS] = {-1,
                                        FLOW_HEAD,
                                        FLOW_TRUNK,
                                        FLOW_L_UPPER_ARM,
                                        FLOW_L_FOREARM,
                                        FLOW_L_FOREARM,
                                        FLOW_R_UPPER_ARM,
                                        FLOW_R_FOREARM,
                                        FLOW_R_FOREARM,
                                        FLOW_L_THIGH,
                                        FLOW_L_SHIN,
                                        FLOW_L_FOOT,
                                        FLOW_R_THIGH,
                                        FLOW_R_SHIN,
                                        FLOW_R_FOOT};

/* Ends in DMOT's joints, limits of the scale along the bone, radius of the capsule in body heights. */
typedef struct BoneShape {
    int from, to;
    float least, most, radius;
} BoneShape;
static const BoneShape shapes[FLOW_BONES] = {
    [FLOW_HEAD] = {2, 3, 0.8f, 1.25f, 0.060f},       [FLOW_TRUNK] = {0, 2, 0, 0, 0.085f},
    [FLOW_L_UPPER_ARM] = {4, 5, 0.4f, 2.5f, 0.032f}, [FLOW_L_FOREARM] = {5, 6, 0.4f, 2.5f, 0.028f},
    [FLOW_R_UPPER_ARM] = {7, 8, 0.4f, 2.5f, 0.032f}, [FLOW_R_FOREARM] = {8, 9, 0.4f, 2.5f, 0.028f},
    [FLOW_L_THIGH] = {10, 11, 0.4f, 2.5f, 0.048f},   [FLOW_L_SHIN] = {11, 12, 0.4f, 2.5f, 0.034f},
    [FLOW_L_FOOT] = {12, 16, 0.5f, 2, 0.026f},       [FLOW_R_THIGH] = {13, 14, 0.4f, 2.5f, 0.048f},
    [FLOW_R_SHIN] = {14, 15, 0.4f, 2.5f, 0.034f},    [FLOW_R_FOOT] = {15, 17, 0.5f, 2, 0.026f},
};
static const int trunk_joints[] = {0, 1, 2, 4, 7, 10, 13};
static const float trunk_ridge = 0.05f;

/* Unit direction and length from a to b; a bone seen end on keeps the given direction. */
static float direction(const float *a, const float *b, const float fallback[2], float out[2])
{
    float x = b[0] - a[0], y = b[1] - a[1], length = hypotf(x, y);
    out[0] = length > 0.05f ? x / length : fallback[0];
    out[1] = length > 0.05f ? y / length : fallback[1];
    return length;
}

static FlowMap limb_map(const BoneShape *b, const float (*source)[2], const float (*target)[2], float scale)
{
    float f[2], t[2];
    float from = direction(source[b->from], source[b->to], (const float[]){0, 1}, f);
    float to = direction(target[b->from], target[b->to], f, t);
    float along = scale * CLAMP(from / MAX(to * scale, 0.05f), b->least, b->most), across = scale;
    FlowMap m;
    for (int i = 0; i < 2; i++) {
        float side = i == 0 ? -f[1] : f[0]; /* across the source bone */
        m.m[i][0] = f[i] * along * t[0] - side * across * t[1];
        m.m[i][1] = f[i] * along * t[1] + side * across * t[0];
        m.m[i][2] = source[b->from][i] - m.m[i][0] * target[b->from][0] - m.m[i][1] * target[b->from][1];
    }
    return m;
}

/* Least squares over the trunk's joints, the linear part drawn towards the best rotation by a ridge. */
static FlowMap trunk_map(const float (*source)[2], const float (*target)[2], float scale)
{
    enum { N = ARRAY_LEN(trunk_joints) };
    double s[2] = {0}, t[2] = {0}, cross[2][2] = {{0}}, square[2][2] = {{0}};
    for (int k = 0; k < N; k++)
        for (int i = 0; i < 2; i++) {
            s[i] += source[trunk_joints[k]][i] / N;
            t[i] += target[trunk_joints[k]][i] / N;
        }
    for (int k = 0; k < N; k++)
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++) {
                double dt = target[trunk_joints[k]][j] - t[j];
                cross[i][j] += (source[trunk_joints[k]][i] - s[i]) * dt;
                square[i][j] += (target[trunk_joints[k]][i] - t[i]) * dt;
            }
    double angle = atan2(cross[1][0] - cross[0][1], cross[0][0] + cross[1][1]);
    double c = cos(angle) * scale, d = sin(angle) * scale, ridge = trunk_ridge * (square[0][0] + square[1][1]) + 1e-6;
    double rotation[2][2] = {{c, -d}, {d, c}};
    for (int i = 0; i < 2; i++) {
        square[i][i] += ridge;
        for (int j = 0; j < 2; j++)
            cross[i][j] += ridge * rotation[i][j];
    }
    double det = square[0][0] * square[1][1] - square[0][1] * square[1][0];
    FlowMap m;
    for (int i = 0; i < 2; i++) {
        double a = (cross[i][0] * square[1][1] - cross[i][1] * square[1][0]) / det;
        double b = (cross[i][1] * square[0][0] - cross[i][0] * square[0][1]) / det;
        m.m[i][0] = (float)a;
        m.m[i][1] = (float)b;
        m.m[i][2] = (float)(s[i] - a * t[0] - b * t[1]);
    }
    return m;
}

void flow_make_maps(const float (*source)[2], const float (*target)[2], float scale, FlowMap out[FLOW_BONES])
{
    for (int b = 0; b < FLOW_BONES; b++)
        out[b] = b == FLOW_TRUNK ? trunk_map(source, target, scale) : limb_map(&shapes[b], source, target, scale);
}

void flow_apply(const FlowMap *m, float x, float y, float out[2])
{
    for (int i = 0; i < 2; i++)
        out[i] = m->m[i][0] * x + m->m[i][1] * y + m->m[i][2];
}

float flow_body_height(const float (*joint)[2])
{
    /* Bones and their usual length in body heights; a bone seen at an angle only looks shorter. */
    static const struct {
        int a, b;
        float length;
    } bones[] = {{0, 2, 0.29f},    {4, 7, 0.22f}, {10, 11, 0.245f}, {11, 12, 0.245f}, {13, 14, 0.245f},
                 {14, 15, 0.245f}, {4, 5, 0.17f}, {7, 8, 0.17f},    {5, 6, 0.15f},    {8, 9, 0.15f}};
    float seen[ARRAY_LEN(bones)];
    for (int i = 0; i < (int)ARRAY_LEN(bones); i++)
        seen[i] = hypotf(joint[bones[i].a][0] - joint[bones[i].b][0], joint[bones[i].a][1] - joint[bones[i].b][1]) /
                  bones[i].length;
    for (int i = 1; i < (int)ARRAY_LEN(bones); i++) /* sorted, longest first */
        for (int j = i; j > 0 && seen[j] > seen[j - 1]; j--) {
            float keep = seen[j];
            seen[j] = seen[j - 1];
            seen[j - 1] = keep;
        }
    return MAX((seen[0] + seen[1] + seen[2]) / 3, 1);
}

void flow_source_init(FlowSource *s, const float *parts, const float *mask, int w, int h, float per_pixel)
{
    size_t cells = (size_t)w * (size_t)h;
    *s = (FlowSource){.w = w, .h = h, .per_pixel = per_pixel};
    s->bone = mem_zero(cells * FLOW_BONES * sizeof(float));
    s->mask = mem_alloc(cells * sizeof(float));
    memcpy(s->mask, mask, cells * sizeof(float));
    for (size_t i = 0; i < cells; i++)
        for (int p = 1; p < FLOW_PARTS; p++)
            s->bone[(size_t)flow_part_bone[p] * cells + i] += parts[i * FLOW_PARTS + (size_t)p];
}

void flow_source_finish(FlowSource *s)
{
    if (!s)
        return;
    mem_free(s->bone);
    mem_free(s->mask);
    *s = (FlowSource){0};
}

/* Bilinear, zero outside. x, y in cells, centre of the first = 0. */
static float sample(const float *plane, int w, int h, float x, float y)
{
    float fx = floorf(x), fy = floorf(y);
    if (!(fx >= -1 && fy >= -1 && fx < w && fy < h))
        return 0;
    int x0 = (int)fx, y0 = (int)fy;
    float u = x - fx, v = y - fy, sum = 0;
    for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++) {
            int cx = x0 + dx, cy = y0 + dy;
            if (cx >= 0 && cy >= 0 && cx < w && cy < h)
                sum += (dx ? u : 1 - u) * (dy ? v : 1 - v) * plane[cy * w + cx];
        }
    return sum;
}

/* Capsule and depth of a target bone at a point. */
static void near_bone(const BoneShape *b, const float (*target)[2], const float *depth, float height, float x, float y,
                      float *capsule, float *bone_depth)
{
    const float *from = target[b->from], *to = target[b->to];
    float dx = to[0] - from[0], dy = to[1] - from[1], length2 = dx * dx + dy * dy;
    float t = length2 > 1e-6f ? CLAMP(((x - from[0]) * dx + (y - from[1]) * dy) / length2, 0, 1) : 0;
    float px = x - from[0] - t * dx, py = y - from[1] - t * dy, radius = b->radius * height;
    float d2 = (px * px + py * py) / (radius * radius);
    *capsule = expf(-0.5f * d2);
    *bone_depth = (depth[b->from] + t * (depth[b->to] - depth[b->from])) * 4 * expf(-0.125f * d2);
}

void flow_make_input(const FlowSource *s, const FlowMap maps[FLOW_BONES], const float (*target)[2], const float *depth,
                     float height, int columns, int rows, float *out)
{
    size_t cells = (size_t)s->w * (size_t)s->h;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            float x = ((float)c + 0.5f) * FLOW_CELL, y = ((float)r + 0.5f) * FLOW_CELL;
            float *to = out + ((size_t)r * (size_t)columns + (size_t)c) * FLOW_INPUTS;
            for (int b = 0; b < FLOW_BONES; b++) {
                float at[2];
                flow_apply(&maps[b], x, y, at);
                float u = at[0] * s->per_pixel - 0.5f, v = at[1] * s->per_pixel - 0.5f;
                to[b] = sample(s->bone + (size_t)b * cells, s->w, s->h, u, v);
                to[FLOW_BONES + b] = sample(s->mask, s->w, s->h, u, v);
                near_bone(&shapes[b], target, depth, height, x, y, &to[2 * FLOW_BONES + b], &to[3 * FLOW_BONES + b]);
            }
        }
}
