/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading pictures. The common kinds go straight to their decoder, after their header has been checked for size and
 * completeness; everything else, and the first frame of a video, goes through the container reader.
 */
#include "media/media_internal.h"

#include <string.h>

/* One packet with the whole file to the decoder of its kind. */
static bool decode_still(const uint8_t *bytes, size_t n, PictureKind kind, const char *name, Picture *out, Err *e)
{
    static const enum AVCodecID ids[] = {[PICTURE_JPEG] = AV_CODEC_ID_MJPEG,
                                         [PICTURE_PNG] = AV_CODEC_ID_PNG,
                                         [PICTURE_WEBP] = AV_CODEC_ID_WEBP,
                                         [PICTURE_GIF] = AV_CODEC_ID_GIF,
                                         [PICTURE_BMP] = AV_CODEC_ID_BMP};
    ffmpeg_begin();
    const AVCodec *codec = avcodec_find_decoder(ids[kind]);
    if (!codec)
        return err_set(e, "cannot read %s: this FFmpeg has no decoder for %s", name, avcodec_get_name(ids[kind]));
    if (n > INT32_MAX / 2)
        return err_set(e, "cannot read %s: %zu bytes are too many for a picture", name, n);
    AVCodecContext *c = avcodec_alloc_context3(codec);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int code = c && packet && frame ? av_new_packet(packet, (int)n) : AVERROR(ENOMEM);
    if (code >= 0) {
        memcpy(packet->data, bytes, n);
        packet->flags |= AV_PKT_FLAG_KEY;
        c->thread_count = 1;
        c->max_pixels = PICTURE_MAX_PIXELS;
        c->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
        code = avcodec_open2(c, codec, NULL);
    }
    if (code >= 0)
        code = avcodec_send_packet(c, packet);
    if (code >= 0)
        avcodec_send_packet(c, NULL);
    if (code >= 0)
        code = avcodec_receive_frame(c, frame);
    struct SwsContext *sws = NULL;
    bool ok = code >= 0 ? frame_to_picture(frame, false, &sws, out, e) : ffmpeg_error(e, code, "%s is damaged", name);
    sws_freeContext(sws);
    avcodec_free_context(&c);
    av_packet_free(&packet);
    av_frame_free(&frame);
    return ok;
}

/* The first frame, turned as its container says. A still picture whose decoder has anything to complain about is
 * damaged; asking the decoder itself to be strict would refuse sound TIFFs for a tag it does not know. */
static bool first_frame(MediaInput *in, int stream, const char *name, Picture *out, Err *e)
{
    const AVCodecParameters *par = in->f->streams[stream]->codecpar;
    if (par->width && !picture_size_allowed(par->width, par->height, e))
        return err_context(e, "%s", name);
    Decoder d;
    bool still = text_ends_with(in->f->iformat->name, "_pipe");
    ffmpeg_begin();
    if (!decoder_open(&d, in, stream, 1, name, e))
        return false;
    struct SwsContext *sws = NULL;
    bool ok = (decoder_next(&d) && !(still && (d.damaged || ffmpeg_spoke()))) ||
              ffmpeg_error(e, AVERROR_INVALIDDATA, "%s is damaged or cut off", name);
    ok = ok && frame_to_picture(d.frame, !still, &sws, out, e) &&
         picture_orient(out, stream_orientation(in->f->streams[stream]), e);
    if (!ok)
        picture_finish(out);
    sws_freeContext(sws);
    decoder_close(&d);
    return ok;
}

/* A picture in a container: TIFF, AVIF, ..., or a video. */
static bool decode_other(const void *bytes, size_t n, const char *name, Picture *out, Err *e)
{
    MediaInput in;
    if (!input_open_bytes(&in, bytes, n, name, e))
        return false;
    int stream = input_video_stream(&in);
    bool ok;
    if (stream >= 0)
        ok = first_frame(&in, stream, name, out, e);
    else if (input_sound_stream(&in) >= 0)
        ok = err_set(e, "%s is a sound file, not a picture", name);
    else
        ok = err_set(e, "%s is not a picture", name);
    input_close(&in);
    return ok;
}

bool picture_decode(const void *bytes, size_t n, const char *name, Picture *out, Err *e)
{
    *out = (Picture){0};
    if (!n)
        return err_set(e, "%s is empty", name);
    PictureHeader h = picture_header(bytes, n);
    if (h.kind == PICTURE_OTHER)
        return decode_other(bytes, n, name, out, e);
    if (h.animated)
        return err_set(e, "%s is an animated WebP, which cannot be read; save it as PNG or GIF", name);
    if (h.w > 0 && h.h > 0 && !picture_size_allowed(h.w, h.h, e))
        return err_context(e, "%s", name);
    if (h.cut)
        return err_set(e, "%s is cut off: the file ends before its picture does", name);
    if (!decode_still(bytes, n, h.kind, name, out, e))
        return false;
    if (picture_orient(out, h.orientation, e))
        return true;
    picture_finish(out);
    return false;
}

bool picture_load(const char *path, Picture *out, Err *e)
{
    *out = (Picture){0};
    FileMap m;
    if (!file_map(&m, path, e))
        return false;
    bool ok = picture_decode(m.data, m.size, path, out, e);
    file_unmap(&m);
    return ok;
}
