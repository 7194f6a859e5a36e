/* SPDX-License-Identifier: Apache-2.0
 *
 * What stage 2 learns from, made by the frozen stage 1 and kept in the dataset's cache, one file a window: z F16 [h, w, C] of
 * the window's first frame, and h F16 [frames, h, w, 3] = flow x, flow y, 2 o - 1 from that frame to every frame. Values
 * always pass through F16, so a cached window is the same as a fresh one. Files of other weights or clips have other names.
 */
#include "models/dabfusion/teacher_cache.h"

#include <string.h>

static const char *file_of(const Teacher *t, DataWindow w, Arena *a, Err *e)
{
    const char *name = arena_printf(a, "teacher-%016llx/%016llx-%lld-%d.safetensors", (unsigned long long)lfae_runner_key(t->lfae),
                                    (unsigned long long)data_clip_key(t->data, w.clip), (long long)w.first, t->frames);
    return data_cache(t->data, a, name, e);
}

static bool read_one(const SafeTensors *st, const char *name, Shape s, float *out, Err *e)
{
    Tensor x;
    if (!safetensors_find(st, name, &x) || x.type != JIG_F16 || !shape_equal(x.shape, s))
        return err_set(e, "\"%s\" is not what was kept there; remove the file", name);
    tensor_convert(JIG_F32, out, x.type, x.data, shape_count(s));
    return true;
}

static bool read_window(const Teacher *t, const char *path, float *z, float *h, Err *e)
{
    int64_t n = t->cells;
    SafeTensors *st = safetensors_open(path, e);
    bool ok = st && read_one(st, "z", SHAPE(n, n, t->channels), z, e) && read_one(st, "h", SHAPE(t->frames, n, n, 3), h, e);
    safetensors_close(st);
    return ok || err_context(e, "%s", path);
}

static void to_floats(const uint8_t *rgb, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = rgb[i] / 255.0f;
}

static bool make_window(Teacher *t, DataWindow w, float *z, float *h, Err *e)
{
    int64_t frames, size = lfae_runner_config(t->lfae)->size, pixels = size * size * 3, n = (int64_t)t->cells * t->cells;
    const uint8_t *rgb = data_frames(t->data, w.clip, &frames, e);
    if (!rgb)
        return false;
    float *picture = mem_alloc((size_t)(pixels + 3 * n) * sizeof *picture), *flow = picture + pixels, *occlusion = flow + 2 * n;
    bool ok = true;
    for (int k = 0; ok && k < t->frames; k++) { /* a clip may be a frame shorter than its list says: its last frame goes on */
        to_floats(rgb + pixels * MIN(w.first + k, frames - 1), pixels, picture);
        ok = (k > 0 || lfae_runner_see(t->lfae, picture, e)) && lfae_runner_flow(t->lfae, picture, flow, occlusion, e);
        for (int64_t i = 0; ok && i < n; i++) {
            float *to = h + (k * n + i) * 3;
            to[0] = flow[2 * i];
            to[1] = flow[2 * i + 1];
            to[2] = 2 * occlusion[i] - 1;
        }
    }
    if (ok)
        memcpy(z, lfae_runner_z(t->lfae), (size_t)(n * t->channels) * sizeof *z);
    mem_free(picture);
    return ok;
}

static bool write_window(const Teacher *t, const char *path, const float *z, const float *h, Err *e)
{
    int64_t n = t->cells;
    Shape sz = SHAPE(n, n, t->channels), sh = SHAPE(t->frames, n, n, 3);
    uint16_t *small = mem_alloc((size_t)(shape_count(sz) + shape_count(sh)) * sizeof *small), *second = small + shape_count(sz);
    tensor_convert(JIG_F16, small, JIG_F32, z, shape_count(sz));
    tensor_convert(JIG_F16, second, JIG_F32, h, shape_count(sh));
    const NamedTensor ts[] = {{"z", {JIG_F16, sz, small}}, {"h", {JIG_F16, sh, second}}};
    bool ok = safetensors_write(path, ts, ARRAY_LEN(ts), NULL, 0, e);
    mem_free(small);
    return ok;
}

bool teacher_window(Teacher *t, DataWindow w, float *z, float *h, Err *e)
{
    Arena *a = arena_create();
    const char *path = file_of(t, w, a, e);
    bool ok = path != NULL;
    if (ok && !file_exists(path))
        ok = make_window(t, w, z, h, e) && write_window(t, path, z, h, e);
    ok = ok && read_window(t, path, z, h, e);
    arena_destroy(a);
    return ok;
}
