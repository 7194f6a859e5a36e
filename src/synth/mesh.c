/* SPDX-License-Identifier: Apache-2.0
 *
 * What every figure's mesh needs once it is known: welded normals, weights in falling order, the part of each triangle,
 * skirts bound so that they do not tear, texture density. Used by the BODY1 loader and by the bodies made by code.
 */
#include "synth/synth_internal.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t part_of_joint[SYNTH_JOINTS] = {
    PART_TRUNK, PART_TRUNK, PART_HEAD, PART_HEAD,
    PART_L_UPPER_ARM, PART_L_FOREARM, PART_L_HAND, PART_R_UPPER_ARM, PART_R_FOREARM, PART_R_HAND,
    PART_L_THIGH, PART_L_SHIN, PART_L_FOOT, PART_R_THIGH, PART_R_SHIN, PART_R_FOOT, PART_L_FOOT, PART_R_FOOT};

Mesh *mesh_create(int n_verts, int n_tris)
{
    Arena *a = arena_create();
    Mesh *m = arena_alloc(a, sizeof *m);
    m->arena = a;
    m->n_verts = n_verts;
    m->n_tris = n_tris;
    m->pos = arena_alloc(a, sizeof *m->pos * n_verts);
    m->normal = arena_alloc(a, sizeof *m->normal * n_verts);
    m->area = arena_alloc(a, sizeof *m->area * n_verts);
    m->uv = arena_alloc(a, sizeof *m->uv * n_verts);
    m->joint = arena_alloc(a, sizeof *m->joint * n_verts);
    m->weight = arena_alloc(a, sizeof *m->weight * n_verts);
    m->tri = arena_alloc(a, sizeof *m->tri * n_tris);
    m->part = arena_alloc(a, n_tris);
    m->part2 = arena_alloc(a, n_tris);
    m->lead = arena_alloc(a, sizeof *m->lead * n_tris);
    m->material = arena_alloc(a, n_tris);
    m->feature = arena_alloc(a, n_tris);
    m->density = arena_alloc(a, sizeof *m->density * n_tris);
    return m;
}

void mesh_destroy(Mesh *m)
{
    if (m)
        arena_destroy(m->arena);
}

/* The first vertex at the same place (to a tenth of a millimetre), so that seams of the texture get one normal. */
static void weld(const Mesh *m, int *first)
{
    int room = 1;
    while (room < 2 * m->n_verts)
        room *= 2;
    int *slot = mem_alloc(sizeof *slot * room);
    memset(slot, -1, sizeof *slot * room);
    for (int i = 0; i < m->n_verts; i++) {
        int32_t key[3];
        for (int k = 0; k < 3; k++)
            key[k] = (int32_t)lrintf(m->pos[i][k] * 10000);
        unsigned at = (unsigned)rng_hash(key, sizeof key) & (room - 1);
        for (;; at = (at + 1) & (room - 1)) {
            if (slot[at] < 0) {
                slot[at] = i;
                break;
            }
            const float *p = m->pos[slot[at]];
            if (lrintf(p[0] * 10000) == key[0] && lrintf(p[1] * 10000) == key[1] && lrintf(p[2] * 10000) == key[2])
                break;
        }
        first[i] = slot[at];
    }
    mem_free(slot);
}

static void make_normals(Mesh *m, const int *first)
{
    for (int t = 0; t < m->n_tris; t++) {
        Vec3 a = vec3_from(m->pos[m->tri[t][0]]), b = vec3_from(m->pos[m->tri[t][1]]),
             c = vec3_from(m->pos[m->tri[t][2]]);
        Vec3 n = vec3_cross(vec3_sub(b, a), vec3_sub(c, a)); /* twice the area: larger faces count more */
        float area = vec3_length(n);
        for (int k = 0; k < 3; k++)
            m->area[m->tri[t][k]] += area / 6;
        for (int k = 0; k < 3; k++) {
            float *o = m->normal[first[m->tri[t][k]]];
            o[0] += n.x;
            o[1] += n.y;
            o[2] += n.z;
        }
        const float *u = m->uv[m->tri[t][0]], *v = m->uv[m->tri[t][1]], *w = m->uv[m->tri[t][2]];
        float uv_area = fabsf((v[0] - u[0]) * (w[1] - u[1]) - (w[0] - u[0]) * (v[1] - u[1]));
        m->density[t] = sqrtf(uv_area / MAX(area, 1e-9f));
    }
    for (int i = 0; i < m->n_verts; i++)
        if (first[i] == i) {
            Vec3 n = vec3_unit(vec3_from(m->normal[i]));
            memcpy(m->normal[i], &n, sizeof n);
        }
    for (int i = 0; i < m->n_verts; i++)
        memcpy(m->normal[i], m->normal[first[i]], sizeof m->normal[i]);
}

/* Weights as a row of all joints, to be changed and packed again. */
static void unpack(const Mesh *m, int v, float w[SYNTH_JOINTS])
{
    memset(w, 0, sizeof(float) * SYNTH_JOINTS);
    for (int k = 0; k < 4; k++)
        w[m->joint[v][k]] += m->weight[v][k];
}

static void pack(Mesh *m, int v, float w[SYNTH_JOINTS])
{
    float sum = 0;
    for (int k = 0; k < 4; k++) {
        int best = 0;
        for (int j = 1; j < SYNTH_JOINTS; j++)
            if (w[j] > w[best])
                best = j;
        m->joint[v][k] = best;
        m->weight[v][k] = w[best];
        sum += w[best];
        w[best] = 0;
    }
    for (int k = 0; k < 4; k++)
        m->weight[v][k] = sum > 0 ? m->weight[v][k] / sum : k == 0;
}

/* Mixes every vertex's weights with its neighbours': joints bend over a hand's breadth and not along one ring of edges.
 */
static void smooth_weights(Mesh *m, const int *first, int rounds)
{
    size_t n = m->n_verts;
    float (*w)[SYNTH_JOINTS] = mem_alloc(sizeof *w * n), (*sum)[SYNTH_JOINTS] = mem_alloc(sizeof *sum * n);
    float *count = mem_alloc(sizeof *count * n);
    for (size_t i = 0; i < n; i++)
        unpack(m, (int)i, w[i]);
    for (int round = 0; round < rounds; round++) {
        memset(sum, 0, sizeof *sum * n);
        memset(count, 0, sizeof *count * n);
        for (int t = 0; t < m->n_tris; t++)
            for (int k = 0; k < 3; k++) {
                int a = first[m->tri[t][k]], b = first[m->tri[t][(k + 1) % 3]];
                for (int j = 0; j < SYNTH_JOINTS; j++) {
                    sum[a][j] += w[b][j];
                    sum[b][j] += w[a][j];
                }
                count[a]++;
                count[b]++;
            }
        for (size_t i = 0; i < n; i++) {
            int f = first[i];
            for (int j = 0; j < SYNTH_JOINTS && count[f] > 0; j++)
                w[i][j] = 0.5f * w[i][j] + 0.5f * sum[f][j] / count[f];
        }
    }
    for (size_t i = 0; i < n; i++)
        pack(m, (int)i, w[i]);
    mem_free(w);
    mem_free(sum);
    mem_free(count);
}

/* The height of a skirt's hem: the lowest triangles that span from the left leg's flesh to the right leg's. Trousers
 * have almost none below the crotch; 10 is well above what they show. Returns the hips' height when there is no skirt.
 */
static float find_hem(const Mesh *m)
{
    float hip = m->rest[JOINT_L_HIP][1], knee = m->rest[JOINT_L_KNEE][1], hem = hip;
    float limit = hip - 0.3f * (hip - knee);
    int spans = 0;
    for (int t = 0; t < m->n_tris; t++) {
        bool left = false, right = false, legs = true;
        float top = -10, low = 10;
        for (int k = 0; k < 3; k++) {
            int v = m->tri[t][k];
            float w[SYNTH_JOINTS];
            unpack(m, v, w);
            float l = w[JOINT_L_HIP] + w[JOINT_L_KNEE], r = w[JOINT_R_HIP] + w[JOINT_R_KNEE];
            legs = legs && l + r > 0.5f;
            left = left || l > r;
            right = right || r >= l;
            top = MAX(top, m->pos[v][1]);
            low = MIN(low, m->pos[v][1]);
        }
        if (left && right && legs && top < limit) {
            spans++;
            hem = MIN(hem, low);
        }
    }
    return spans >= 10 ? hem : hip;
}

/* A skirt follows both thighs, in shares that pass smoothly from side to side, and does not bend at the knees. */
static void bind_skirt(Mesh *m, float hem)
{
    float hip = m->rest[JOINT_L_HIP][1], half = fabsf(m->rest[JOINT_L_HIP][0]) + 1e-3f;
    for (int v = 0; v < m->n_verts; v++) {
        if (m->pos[v][1] > hip || m->pos[v][1] < hem - 0.01f)
            continue;
        float w[SYNTH_JOINTS];
        unpack(m, v, w);
        float legs = w[JOINT_L_HIP] + w[JOINT_R_HIP] + w[JOINT_L_KNEE] + w[JOINT_R_KNEE];
        float t = CLAMP(m->pos[v][0] / half * 0.5f + 0.5f, 0.0f, 1.0f), left = t * t * (3 - 2 * t);
        w[JOINT_L_HIP] = legs * left;
        w[JOINT_R_HIP] = legs * (1 - left);
        w[JOINT_L_KNEE] = w[JOINT_R_KNEE] = 0;
        pack(m, v, w);
    }
}

/* How much of each part a vertex is. Above a hem, legs count as trunk. */
static void part_shares(const Mesh *m, int v, float hem, float share[SYNTH_PARTS])
{
    memset(share, 0, sizeof(float) * SYNTH_PARTS);
    for (int i = 0; i < 4; i++) {
        int p = part_of_joint[m->joint[v][i]];
        bool leg = p == PART_L_THIGH || p == PART_R_THIGH || p == PART_L_SHIN || p == PART_R_SHIN;
        share[leg && m->pos[v][1] > hem ? PART_TRUNK : p] += m->weight[v][i];
    }
}

/* Triangles between two parts keep both, so that the border can run smoothly through them. */
static void label_parts(Mesh *m, float hem)
{
    for (int t = 0; t < m->n_tris; t++) {
        if (m->part[t] == PART_NONE && (m->feature[t] == FEATURE_HAIR || m->feature[t] == FEATURE_HAT))
            m->part[t] = PART_HEAD;
        m->part2[t] = m->part[t];
        if (m->part[t] != PART_NONE)
            continue;
        float share[3][SYNTH_PARTS], sum[SYNTH_PARTS];
        for (int k = 0; k < 3; k++)
            part_shares(m, m->tri[t][k], hem, share[k]);
        for (int p = 0; p < SYNTH_PARTS; p++)
            sum[p] = p ? share[0][p] + share[1][p] + share[2][p] : -1;
        int best = PART_TRUNK, next = 0;
        for (int p = 1; p < SYNTH_PARTS; p++)
            best = sum[p] > sum[best] ? p : best;
        for (int p = 1; p < SYNTH_PARTS; p++)
            next = p != best && sum[p] > sum[next] ? p : next;
        bool mixed = false;
        for (int k = 0; k < 3; k++) {
            m->lead[t][k] = (int8_t)lrintf(127 * CLAMP(share[k][best] - share[k][next], -1.0f, 1.0f));
            mixed = mixed || m->lead[t][k] < 0;
        }
        m->part[t] = best;
        m->part2[t] = mixed ? next : best;
    }
}

void mesh_complete(Mesh *m)
{
    int *first = mem_alloc(sizeof *first * m->n_verts);
    weld(m, first);
    make_normals(m, first);
    float low = 1e9f, top = -1e9f;
    for (int i = 0; i < m->n_verts; i++) {
        low = MIN(low, m->pos[i][1]);
        top = MAX(top, m->pos[i][1]);
    }
    m->sole = low;
    m->height = top - low;
    m->two_sided = true;
    if (m->flat) {
        label_parts(m, 1e9f);
    } else {
        float hem = find_hem(m);
        bool skirt = hem < m->rest[JOINT_L_HIP][1];
        if (skirt)
            bind_skirt(m, hem);
        smooth_weights(m, first, 2);
        label_parts(m, skirt ? hem : 1e9f);
    }
    mem_free(first);
}
