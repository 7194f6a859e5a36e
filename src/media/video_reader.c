/* SPDX-License-Identifier: Apache-2.0
 *
 * Video in: frames in the order in which they are shown, upright, with square pixels, at the times the file gives them.
 */
#include "media/media_internal.h"

#include <math.h>

struct VideoReader {
    char *name;
    MediaInput in;
    Decoder d;
    VideoInfo info;
    struct SwsContext *sws;
    int sws_w, sws_h, sws_format;
    Picture picture;
    int orientation;
    double start;      /* seconds of the first frame on the file's own clock */
    double skip_until; /* after a seek: frames before this time are left out */
    double last;       /* time of the frame before, for files without times */
    bool warned;
};

/* Size of the pictures: square pixels, then turned. */
static void picture_size(const VideoReader *r, int w, int h, AVRational sar, int *out_w, int *out_h)
{
    double aspect = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;
    if (aspect > 0.2 && aspect < 5 && aspect != 1)
        w = MAX((int)lround(w * aspect), 1);
    *out_w = r->orientation >= 5 ? h : w;
    *out_h = r->orientation >= 5 ? w : h;
}

static void read_info(VideoReader *r, AVStream *s)
{
    static const int rotation[9] = {0, 0, 0, 180, 180, 90, 90, 270, 270};
    VideoInfo *i = &r->info;
    AVRational rate = av_guess_frame_rate(r->in.f, s, NULL);
    if (s->avg_frame_rate.num > 0 && s->avg_frame_rate.den > 0)
        rate = s->avg_frame_rate;
    picture_size(r, s->codecpar->width, s->codecpar->height, av_guess_sample_aspect_ratio(r->in.f, s, NULL), &i->w,
                 &i->h);
    i->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 25;
    i->seconds = input_seconds(&r->in, s->index, NULL);
    i->frames = s->nb_frames > 0 ? s->nb_frames : llround(i->seconds * i->fps);
    i->rotation = rotation[r->orientation];
    i->has_sound = input_sound_stream(&r->in) >= 0;
    snprintf(i->codec, sizeof i->codec, "%s", avcodec_get_name(s->codecpar->codec_id));
}

bool video_reader_open(VideoReader **out, const char *path, Err *e)
{
    *out = NULL;
    VideoReader *r = mem_zero(sizeof *r);
    r->name = mem_strdup(path);
    if (!input_open(&r->in, path, e)) {
        video_reader_close(r);
        return false;
    }
    int stream = input_video_stream(&r->in);
    bool ok = stream >= 0 || err_set(e, "%s has no pictures", path);
    if (ok) {
        AVStream *s = r->in.f->streams[stream];
        r->orientation = stream_orientation(s);
        r->start = s->start_time != AV_NOPTS_VALUE ? (double)s->start_time * av_q2d(s->time_base) : 0;
        r->skip_until = r->last = -INFINITY;
        ok = picture_size_allowed(s->codecpar->width, s->codecpar->height, e) || err_context(e, "%s", path);
        read_info(r, s);
    }
    ok = ok && decoder_open(&r->d, &r->in, stream, MIN(threads_count(), 16), path, e);
    if (ok)
        *out = r;
    else
        video_reader_close(r);
    return ok;
}

void video_reader_info(const VideoReader *r, VideoInfo *info)
{
    *info = r->info;
}

/* The decoded frame becomes r->picture. */
static bool make_picture(VideoReader *r, Err *e)
{
    AVFrame *f = r->d.frame;
    if (f->width != r->sws_w || f->height != r->sws_h || f->format != r->sws_format) { /* streams may change midway */
        sws_freeContext(r->sws);
        r->sws = NULL;
        r->sws_w = f->width;
        r->sws_h = f->height;
        r->sws_format = f->format;
    }
    picture_finish(&r->picture);
    if (!frame_to_picture(f, true, &r->sws, &r->picture, e) || !picture_orient(&r->picture, r->orientation, e))
        return err_context(e, "%s", r->name);
    int w, h;
    AVStream *s = r->in.f->streams[r->d.stream];
    picture_size(r, f->width, f->height, av_guess_sample_aspect_ratio(r->in.f, s, f), &w, &h);
    if (w == r->picture.w && h == r->picture.h)
        return true;
    Picture square;
    if (!picture_resize(&r->picture, w, h, &square, e))
        return err_context(e, "%s", r->name);
    picture_finish(&r->picture);
    r->picture = square;
    return true;
}

static double frame_time(VideoReader *r)
{
    const AVStream *s = r->in.f->streams[r->d.stream];
    int64_t at = r->d.frame->best_effort_timestamp;
    if (at != AV_NOPTS_VALUE)
        return (double)at * av_q2d(s->time_base) - r->start;
    return isfinite(r->last) ? r->last + 1 / r->info.fps : 0;
}

bool video_reader_next(VideoReader *r, const Picture **frame, double *seconds, Err *e)
{
    *frame = NULL;
    while (decoder_next(&r->d)) {
        r->last = frame_time(r);
        bool wanted = r->last >= r->skip_until;
        bool ok = !wanted || make_picture(r, e);
        av_frame_unref(r->d.frame);
        if (!ok)
            return false;
        if (!wanted)
            continue;
        *frame = &r->picture;
        if (seconds)
            *seconds = r->last;
        return true;
    }
    if ((r->d.damaged || r->d.cut) && !r->warned)
        log_line(LOG_WARNING, "%s is damaged or cut off; frames are missing", r->name);
    r->warned = true;
    return true;
}

bool video_reader_seek(VideoReader *r, double seconds, Err *e)
{
    const AVStream *s = r->in.f->streams[r->d.stream];
    double target = MAX(seconds, 0) + r->start;
    ffmpeg_begin();
    r->skip_until = seconds - 0.5 / r->info.fps;
    r->last = -INFINITY;
    int64_t at = (int64_t)floor(target / av_q2d(s->time_base));
    /* Containers that seek by decoding time may land a few frames late: begin half a second earlier. */
    int64_t margin = (int64_t)(0.5 / av_q2d(s->time_base));
    if (decoder_seek(&r->d, MAX(at - margin, s->start_time != AV_NOPTS_VALUE ? s->start_time : 0)))
        return true;
    return decoder_seek(&r->d, 0) || err_set(e, "%s: cannot go to %.3f s", r->name, seconds);
}

void video_reader_close(VideoReader *r)
{
    if (!r)
        return;
    if (r->d.c)
        decoder_close(&r->d);
    input_close(&r->in);
    sws_freeContext(r->sws);
    picture_finish(&r->picture);
    mem_free(r->name);
    mem_free(r);
}

bool video_metadata(const char *path, const char *key, char **value, Err *e)
{
    *value = NULL;
    MediaInput in;
    if (!input_open(&in, path, e))
        return false;
    const AVDictionaryEntry *tag = av_dict_get(in.f->metadata, key, NULL, 0);
    for (unsigned i = 0; !tag && i < in.f->nb_streams; i++)
        tag = av_dict_get(in.f->streams[i]->metadata, key, NULL, 0);
    if (tag)
        *value = mem_strdup(tag->value);
    input_close(&in);
    return true;
}
