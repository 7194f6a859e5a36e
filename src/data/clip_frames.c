/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of a clip at the set's size and rate. A clip is decoded once; its frames lie as plain bytes in the cache and are
 * mapped, so that training reads any frame of any clip without decoding and the system keeps in memory what fits.
 */
#include "data/data_internal.h"

#include <math.h>
#include <string.h>

/* ---- letter box -------------------------------------------------------------------------------------------------- */

/* Mean over the source area of one pixel; colours over black where the picture is transparent. */
static void area_mean(const Picture *p, double x0, double x1, double y0, double y1, uint8_t *rgb)
{
    double sum[3] = {0}, area = 0;
    for (int y = (int)y0; y < p->h && y < y1; y++) {
        double dy = fmin(y + 1, y1) - fmax(y, y0);
        for (int x = (int)x0; x < p->w && x < x1; x++) {
            double part = dy * (fmin(x + 1, x1) - fmax(x, x0));
            const uint8_t *c = p->rgba + ((size_t)y * (size_t)p->w + (size_t)x) * 4;
            for (int k = 0; k < 3; k++)
                sum[k] += part * c[k] * c[3] / 255;
            area += part;
        }
    }
    for (int k = 0; k < 3; k++)
        rgb[k] = (uint8_t)lround(area > 0 ? CLAMP(sum[k] / area, 0.0, 255.0) : 0);
}

DataBox data_letterbox(const Picture *p, int size, uint8_t *rgb)
{
    double scale = (double)MAX(p->w, p->h) / size;
    DataBox b = {.w = MAX(1, (int)lround(p->w / scale)), .h = MAX(1, (int)lround(p->h / scale))};
    b.w = MIN(b.w, size);
    b.h = MIN(b.h, size);
    b.x = (size - b.w) / 2;
    b.y = (size - b.h) / 2;
    memset(rgb, 0, (size_t)size * (size_t)size * 3);
    double sx = (double)p->w / b.w, sy = (double)p->h / b.h;
    for (int y = 0; y < b.h; y++)
        for (int x = 0; x < b.w; x++)
            area_mean(p, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy, rgb + ((size_t)(b.y + y) * (size_t)size + (size_t)(b.x + x)) * 3);
    return b;
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

typedef struct Decoding {
    const DataSet *set;
    const DataClip *clip;
    FILE *out;
    uint8_t *rgb;    /* of the picture that was read last */
    double at;       /* its time */
    int64_t written;
    bool any;
} Decoding;

/* The last picture stands for all wanted times up to `until`. */
static bool emit(Decoding *d, double until, Err *e)
{
    size_t bytes = (size_t)d->set->o.size * (size_t)d->set->o.size * 3;
    while (d->any && d->written < d->clip->frames && (double)d->written / d->set->o.fps <= until) {
        if (fwrite(d->rgb, 1, bytes, d->out) != bytes)
            return err_set(e, "the decoded frames cannot be written: is the disk full?");
        d->written++;
    }
    return true;
}

static bool decode(Decoding *d, Err *e)
{
    VideoReader *r = NULL;
    const Picture *p = NULL;
    double seconds;
    bool ok = video_reader_open(&r, d->clip->video, e);
    while (ok && d->written < d->clip->frames && (ok = video_reader_next(r, &p, &seconds, e)) && p) {
        ok = emit(d, (d->at + seconds) / 2, e); /* the nearer of two, the earlier at a tie */
        data_letterbox(p, d->set->o.size, d->rgb);
        d->at = seconds;
        d->any = true;
    }
    ok = ok && emit(d, 1e18, e);
    video_reader_close(r);
    return ok && (d->written > 0 || err_set(e, "no frame could be decoded"));
}

static bool make_file(DataSet *set, const DataClip *c, const char *path, Err *e)
{
    OutFile o;
    if (!out_open(&o, path, e))
        return false;
    Decoding d = {.set = set, .clip = c, .out = o.f, .rgb = mem_alloc((size_t)set->o.size * (size_t)set->o.size * 3)};
    bool ok = decode(&d, e);
    mem_free(d.rgb);
    if (ok)
        return out_commit(&o, e);
    out_abandon(&o);
    return false;
}

static bool map_frames(DataSet *set, int i, Err *e)
{
    Arena *a = arena_create();
    Stored *s = &set->clips[i];
    const char *name = arena_printf(a, "frames-%dx%.6g/%016llx.rgb", set->o.size, set->o.fps, (unsigned long long)data_clip_key(set, i));
    const char *path = data_cache(set, a, name, e);
    bool ok = path && (file_exists(path) || make_file(set, &s->clip, path, e)) && file_map(&s->frames, path, e);
    arena_destroy(a);
    return ok || err_context(e, "%s", s->clip.name);
}

const uint8_t *data_frames(DataSet *set, int clip, int64_t *n, Err *e)
{
    Stored *s = &set->clips[clip];
    pthread_mutex_lock(&s->lock);
    bool ok = s->frames.data || map_frames(set, clip, e);
    pthread_mutex_unlock(&s->lock);
    if (!ok)
        return NULL;
    *n = (int64_t)(s->frames.size / ((size_t)set->o.size * (size_t)set->o.size * 3));
    return s->frames.data;
}
