/* SPDX-License-Identifier: Apache-2.0
 *
 * Tubes, balls, caps and boxes for bodies made by code: grids of vertices, wound so that their outer side is in front.
 * A tube may change from joint to joint and from material to material along its rings; that is how an arm with a sleeve
 * is one smooth piece.
 */
#include "synth/mesh_build.h"

#include <string.h>

static int add_vertex(Builder *b, Vec3 p, float u, float v, int first, int second, float share)
{
    if (b->n_verts == b->vert_room) {
        b->vert_room = MAX(1024, 2 * b->vert_room);
        b->pos = mem_resize(b->pos, sizeof *b->pos * b->vert_room);
        b->uv = mem_resize(b->uv, sizeof *b->uv * b->vert_room);
        b->weight = mem_resize(b->weight, sizeof *b->weight * b->vert_room);
        b->joint = mem_resize(b->joint, sizeof *b->joint * b->vert_room);
    }
    int i = b->n_verts++;
    memcpy(b->pos[i], &p, sizeof p);
    b->uv[i][0] = u;
    b->uv[i][1] = v;
    b->joint[i][0] = first;
    b->joint[i][1] = second;
    b->weight[i][0] = 1 - share;
    b->weight[i][1] = share;
    return i;
}

static void add_triangle(Builder *b, int i, int j, int k, int part, int material)
{
    if (b->n_tris == b->tri_room) {
        b->tri_room = MAX(2048, 2 * b->tri_room);
        b->tri = mem_resize(b->tri, sizeof *b->tri * b->tri_room);
        b->part = mem_resize(b->part, b->tri_room);
        b->material = mem_resize(b->material, b->tri_room);
    }
    int t = b->n_tris++;
    b->tri[t][0] = i;
    b->tri[t][1] = j;
    b->tri[t][2] = k;
    b->part[t] = part;
    b->material[t] = material;
}

/* Rows of `wide` + 1 vertices each (the seam twice); outside is to the right of rising rows seen from the axis. */
static void add_grid(Builder *b, int first, int rows, int wide, int part, const uint8_t *material)
{
    for (int r = 0; r + 1 < rows; r++)
        for (int i = 0; i < wide; i++) {
            int a = first + r * (wide + 1) + i, c = a + wide + 1;
            add_triangle(b, a, c, a + 1, part, material[r]);
            add_triangle(b, a + 1, c, c + 1, part, material[r]);
        }
}

void build_tube(Builder *b, const Ring *ring, int n, int sides, Vec3 front, uint8_t part)
{
    uint8_t material[64];
    int base = b->n_verts;
    float length = 0;
    for (int r = 0; r < n; r++) {
        Vec3 along = vec3_unit(vec3_sub(ring[MIN(r + 1, n - 1)].at, ring[MAX(r - 1, 0)].at));
        Vec3 across = vec3_unit_or(vec3_cross(along, front), vec3(1, 0, 0)), ahead = vec3_cross(across, along);
        if (r > 0)
            length += vec3_length(vec3_sub(ring[r].at, ring[r - 1].at));
        material[r] = ring[r].material;
        for (int i = 0; i <= sides; i++) {
            float angle = 2 * (float)M_PI * i / sides;
            Vec3 p = vec3_add(ring[r].at, vec3_add(vec3_scale(across, ring[r].a * cosf(angle)),
                                                   vec3_scale(ahead, ring[r].b * sinf(angle))));
            add_vertex(b, p, angle * 0.1f, length, ring[r].first, ring[r].second, ring[r].share);
        }
    }
    add_grid(b, base, n, sides, part, material);
    for (int end = 0; end < 2; end++) { /* fans close the ends */
        const Ring *k = &ring[end ? n - 1 : 0];
        int centre = add_vertex(b, k->at, 0, end ? length : 0, k->first, k->second, k->share),
            row = base + (end ? (n - 1) * (sides + 1) : 0);
        for (int i = 0; i < sides; i++)
            add_triangle(b, centre, row + (end ? i + 1 : i), row + (end ? i : i + 1), part, k->material);
    }
}

void build_cap(Builder *b, Vec3 at, Vec3 half, float from, float tilt, int joint, Piece piece)
{
    enum { ROWS = 9, WIDE = 14 };
    uint8_t material[ROWS];
    memset(material, piece.material, sizeof material);
    Mat3 turn = mat3_turn(vec3(1, 0, 0), -tilt);
    float low = asinf(CLAMP(from, -1.0f, 0.99f));
    int base = b->n_verts;
    for (int r = 0; r < ROWS; r++) {
        float rise = low + (0.5f * (float)M_PI - low) * r / (ROWS - 1);
        for (int i = 0; i <= WIDE; i++) {
            float angle = 2 * (float)M_PI * i / WIDE;
            Vec3 d = mat3_apply(&turn, vec3(cosf(rise) * cosf(angle), sinf(rise), -cosf(rise) * sinf(angle)));
            Vec3 p = vec3(at.x + half.x * d.x, at.y + half.y * d.y, at.z + half.z * d.z);
            add_vertex(b, p, angle * half.x, rise * half.y, joint, joint, 0);
        }
    }
    int n = b->n_tris;
    add_grid(b, base, ROWS, WIDE, piece.part, material);
    for (int t = n; t < b->n_tris; t++) { /* rows rise, angles run clockwise seen from above: turn the faces out */
        uint16_t k = b->tri[t][1];
        b->tri[t][1] = b->tri[t][2];
        b->tri[t][2] = k;
    }
}

void build_ball(Builder *b, Vec3 at, Vec3 half, int joint, Piece piece) { build_cap(b, at, half, -1, 0, joint, piece); }

void build_box_between(Builder *b, Vec3 from, Vec3 to, float wide, float deep, int joint, Piece piece)
{
    Vec3 along = vec3_sub(to, from), y = vec3_unit(along);
    Mat3 f = mat3_frame(vec3_cross(y, vec3(0, 0, 1)), y); /* columns: across, along, front */
    static const int8_t side[6][3] = {{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}};
    float size[3] = {wide, 0.5f * vec3_length(along), deep};
    Vec3 centre = vec3_scale(vec3_add(from, to), 0.5f);
    for (int s = 0; s < 6; s++) {
        int axis = side[s][0]   ? 0
                   : side[s][1] ? 1
                                : 2,
            u = (axis + 1) % 3, v = (axis + 2) % 3, sign = side[s][axis], base = b->n_verts;
        for (int k = 0; k < 4; k++) {
            float q[3];
            q[axis] = sign * size[axis];
            q[u] = (k & 1 ? 1 : -1) * size[u] * sign;
            q[v] = (k & 2 ? 1 : -1) * size[v];
            Vec3 p = vec3_add(centre, mat3_apply(&f, vec3(q[0], q[1], q[2])));
            add_vertex(b, p, q[u], q[v], joint, joint, 0);
        }
        add_triangle(b, base, base + 1, base + 2, piece.part, piece.material);
        add_triangle(b, base + 1, base + 3, base + 2, piece.part, piece.material);
    }
}

void build_box(Builder *b, Vec3 at, Vec3 half, int joint, Piece piece)
{
    build_box_between(b, vec3(at.x, at.y - half.y, at.z), vec3(at.x, at.y + half.y, at.z), half.x, half.z, joint,
                      piece);
}

Mesh *build_finish(Builder *b, const Pose rest)
{
    Mesh *m = mesh_create(b->n_verts, b->n_tris);
    for (int i = 0; i < b->n_verts; i++) {
        memcpy(m->pos[i], b->pos[i], sizeof m->pos[i]);
        memcpy(m->uv[i], b->uv[i], sizeof m->uv[i]);
        bool swap = b->weight[i][1] > b->weight[i][0];
        m->joint[i][0] = b->joint[i][swap];
        m->joint[i][1] = b->joint[i][!swap];
        m->weight[i][0] = b->weight[i][swap];
        m->weight[i][1] = b->weight[i][!swap];
    }
    memcpy(m->tri, b->tri, sizeof *m->tri * b->n_tris);
    memcpy(m->part, b->part, b->n_tris);
    memcpy(m->material, b->material, b->n_tris);
    memcpy(m->rest, rest, sizeof m->rest);
    mesh_complete(m);
    mem_free(b->pos);
    mem_free(b->uv);
    mem_free(b->weight);
    mem_free(b->joint);
    mem_free(b->tri);
    mem_free(b->part);
    mem_free(b->material);
    memset(b, 0, sizeof *b);
    return m;
}
