/* SPDX-License-Identifier: Apache-2.0
 *
 * Rigged bodies in the file form BODY1 (looks/bodies/README.txt): a text header, an empty line, then little-endian
 * arrays pos f32x3, uv f32x2, joint u8x4, weight u8x4, tri u16x3. Everything is checked before use. What drawing needs
 * beyond that (normals, parts, skirts) is made in mesh.c. Cards of hair and lashes behind `opaque_tris` are left out:
 * the textures have no alpha for them.
 */
#include "synth/synth_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct Header {
    long verts, tris, opaque;
    int joints; /* lines read */
    Pose rest;
    char texture[256];
    struct { long first, count; FigureFeature feature; } part[16];
    int parts;
} Header;

static FigureFeature feature_of(const char *name)
{
    static const char *const names[] = {"skin", "clothes", "shoes", "hair", "hat"};
    for (int i = 0; i < (int)ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (FigureFeature)i;
    return FEATURE_OTHER;
}

/* One header line; false with a message when it is not as the format says. */
static bool read_line(Header *h, const char *line, Err *e)
{
    char word[64];
    long a, b;
    float x, y, z;
    if (sscanf(line, "verts %ld", &h->verts) == 1 || sscanf(line, "tris %ld", &h->tris) == 1 ||
        sscanf(line, "opaque_tris %ld", &h->opaque) == 1 || sscanf(line, "texture %255s", h->texture) == 1)
        return true;
    if (sscanf(line, "part %63s %ld %ld", word, &a, &b) == 3) {
        if (h->parts == (int)ARRAY_LEN(h->part))
            return err_set(e, "more than %d parts", h->parts);
        h->part[h->parts].first = a;
        h->part[h->parts].count = b;
        h->part[h->parts++].feature = feature_of(word);
        return true;
    }
    if (sscanf(line, "joint %63s %f %f %f", word, &x, &y, &z) == 4) {
        if (h->joints >= SYNTH_JOINTS || strcmp(word, motion_joint_names[h->joints]) != 0)
            return err_set(e, "joint %d is \"%s\"; expected \"%s\"", h->joints, word,
                           h->joints < SYNTH_JOINTS ? motion_joint_names[h->joints] : "nothing more");
        float *j = h->rest[h->joints++];
        j[0] = x;
        j[1] = y;
        j[2] = z;
        return (fabsf(x) < 10 && fabsf(y) < 10 && fabsf(z) < 10) ||
               err_set(e, "joint %s lies at %g %g %g; allowed -10..10 metres", word, x, y, z);
    }
    if (strncmp(line, "name ", 5) == 0 || strcmp(line, "joints 18") == 0 || strncmp(line, "data ", 5) == 0)
        return true;
    return err_set(e, "header line \"%.60s\" is not understood", line);
}

static bool read_header(Header *h, const uint8_t *data, size_t size, size_t *data_at, Err *e)
{
    size_t at = 0;
    for (int n = 0; n < 64; n++) {
        char line[300];
        const uint8_t *end = memchr(data + at, '\n', MIN(size - at, sizeof line));
        if (!end)
            return err_set(e, "header line %d does not end", n + 1);
        size_t len = end - (data + at);
        if (len >= sizeof line || memchr(data + at, 0, len))
            return err_set(e, "header line %d is no text", n + 1);
        memcpy(line, data + at, len);
        line[len] = 0;
        at += len + 1;
        if (n == 0) {
            if (strcmp(line, "BODY1") != 0)
                return err_set(e, "no BODY1 file: begins with \"%.20s\"", line);
        } else if (len == 0) {
            *data_at = at;
            return true;
        } else if (!read_line(h, line, e)) {
            return false;
        }
    }
    return err_set(e, "header longer than 64 lines");
}

static bool check_header(const Header *h, size_t bytes, Err *e)
{
    if (h->verts < 3 || h->verts > 65535)
        return err_set(e, "verts %ld; allowed 3..65535", h->verts);
    if (h->tris < 1 || h->tris > 200000)
        return err_set(e, "tris %ld; allowed 1..200000", h->tris);
    if (h->opaque < 1 || h->opaque > h->tris)
        return err_set(e, "opaque_tris %ld; allowed 1..%ld", h->opaque, h->tris);
    if (h->joints != SYNTH_JOINTS)
        return err_set(e, "%d joints; expected %d", h->joints, SYNTH_JOINTS);
    for (int i = 0; i < h->parts; i++)
        if (h->part[i].first < 0 || h->part[i].count < 0 || h->part[i].first > h->tris ||
            h->part[i].count > h->tris - h->part[i].first)
            return err_set(e, "part %d: triangles %ld + %ld; there are %ld", i, h->part[i].first, h->part[i].count,
                           h->tris);
    size_t want = (size_t)h->verts * (12 + 8 + 4 + 4) + (size_t)h->tris * 6;
    if (bytes != want)
        return err_set(e, "%zu bytes of data; expected %zu for %ld verts and %ld tris", bytes, want, h->verts, h->tris);
    if (strchr(h->texture, '/') == h->texture || strstr(h->texture, ".."))
        return err_set(e, "texture \"%s\" lies outside the folder", h->texture);
    return true;
}

static bool read_arrays(Mesh *m, const Header *h, const uint8_t *at, Err *e)
{
    size_t nv = h->verts;
    memcpy(m->pos, at, nv * 12);
    memcpy(m->uv, at += nv * 12, nv * 8);
    memcpy(m->joint, at += nv * 8, nv * 4);
    const uint8_t *weight = at + nv * 4;
    memcpy(m->tri, weight + nv * 4, (size_t)h->opaque * 6);
    for (size_t i = 0; i < nv; i++) {
        int sum = 0;
        for (int k = 0; k < 4; k++) {
            sum += weight[4 * i + k];
            m->weight[i][k] = weight[4 * i + k] / 255.0f;
            if (m->joint[i][k] >= SYNTH_JOINTS)
                return err_set(e, "vertex %zu is bound to joint %d; allowed 0..17", i, m->joint[i][k]);
        }
        if (sum != 255)
            return err_set(e, "weights of vertex %zu sum to %d; expected 255", i, sum);
        for (int k = 0; k < 3; k++)
            if (!(fabsf(m->pos[i][k]) < 10))
                return err_set(e, "vertex %zu lies at %g; allowed -10..10 metres", i, m->pos[i][k]);
        for (int k = 0; k < 2; k++)
            if (!(fabsf(m->uv[i][k]) < 100))
                return err_set(e, "texture coordinate %g of vertex %zu; allowed -100..100", m->uv[i][k], i);
    }
    for (long i = 0; i < h->opaque; i++)
        for (int k = 0; k < 3; k++)
            if (m->tri[i][k] >= nv)
                return err_set(e, "triangle %ld uses vertex %d of %zu", i, m->tri[i][k], nv);
    return true;
}

/* A joint far from the flesh it turns throws limbs across the picture. Sound bodies stay below a tenth of their height. */
static bool check_joints(const Mesh *m, float height, Err *e)
{
    float near[SYNTH_JOINTS];
    for (int j = 0; j < SYNTH_JOINTS; j++)
        near[j] = 1e9f;
    for (int v = 0; v < m->n_verts; v++)
        for (int k = 0; k < 4; k++) {
            int j = m->joint[v][k];
            if (m->weight[v][k] > 0.4f)
                near[j] = MIN(near[j], vec3_length(vec3_sub(vec3_from(m->pos[v]), vec3_from(m->rest[j]))));
        }
    for (int j = 0; j < SYNTH_JOINTS; j++)
        if (near[j] < 1e9f && near[j] > 0.2f * height)
            return err_set(e, "joint %s lies %.2f m from its flesh; allowed %.2f", motion_joint_names[j], near[j],
                           0.2f * height);
    return true;
}

Mesh *body_parse(const uint8_t *data, size_t size, const char *name, Err *e)
{
    Header h = {0};
    size_t at = 0;
    if (!read_header(&h, data, size, &at, e) || !check_header(&h, size - at, e)) {
        err_context(e, "%s", name);
        return NULL;
    }
    Mesh *m = mesh_create((int)h.verts, (int)h.opaque);
    if (!read_arrays(m, &h, data + at, e)) {
        err_context(e, "%s", name);
        mesh_destroy(m);
        return NULL;
    }
    memcpy(m->rest, h.rest, sizeof m->rest);
    snprintf(m->texture, sizeof m->texture, "%s", h.texture);
    memset(m->feature, FEATURE_OTHER, m->n_tris);
    for (int i = 0; i < h.parts; i++)
        for (long k = h.part[i].first; k < MIN(h.part[i].first + h.part[i].count, h.opaque); k++)
            m->material[k] = m->feature[k] = h.part[i].feature;
    mesh_complete(m);
    if (!check_joints(m, m->height, e)) {
        err_context(e, "%s", name);
        mesh_destroy(m);
        return NULL;
    }
    m->two_sided = !m->texture[0] || raster_shows_backs(m); /* bodies to be dressed have open eyes */
    /* clothes come as one part: trousers get a material of their own */
    float waist = m->rest[JOINT_PELVIS][1];
    for (int t = 0; t < m->n_tris; t++)
        if (m->feature[t] == FEATURE_CLOTHES && m->pos[m->tri[t][0]][1] < waist && m->part[t] != PART_L_FOREARM &&
            m->part[t] != PART_R_FOREARM)
            m->material[t] = MATERIAL_TROUSERS;
    return m;
}

Mesh *body_load(const char *path, Err *e)
{
    FileMap map;
    if (!file_map(&map, path, e))
        return NULL;
    Mesh *m = body_parse(map.data, map.size, path, e);
    file_unmap(&map);
    if (m) {
        const char *slash = strrchr(path, '/');
        snprintf(m->name, sizeof m->name, "%s", slash ? slash + 1 : path);
        char *dot = strrchr(m->name, '.');
        if (dot)
            *dot = 0;
    }
    return m;
}
