/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving pictures as PNG and JPEG, to memory and to files, and what JPEG does to a picture. Quality is the
 * usual 1..100: the example tables of ITU-T T.81 annex K, scaled as the Independent JPEG Group's software does. FFmpeg
 * fixes the step of the DC coefficient at 8, which matters only below quality 25 or so.
 */
#include "media/media_internal.h"

#include <libavutil/opt.h>
#include <string.h>

/* T.81 tables K.1 (luminance) and K.2 (chrominance), row by row. */
static const uint8_t luminance[64] = {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                                      14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                                      18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                                      49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
static const uint8_t chrominance[64] = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                        24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

static uint16_t *scaled_table(const uint8_t table[64], int quality)
{
    int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    uint16_t *out = av_malloc(64 * sizeof *out);
    for (int i = 0; out && i < 64; i++)
        out[i] = (uint16_t)CLAMP((table[i] * scale + 50) / 100, 1, 255);
    return out;
}

static AVFrame *frame_like(const AVCodecContext *c)
{
    AVFrame *f = av_frame_alloc();
    if (!f)
        return NULL;
    f->format = c->pix_fmt;
    f->width = c->width;
    f->height = c->height;
    f->color_range = c->color_range;
    if (av_frame_get_buffer(f, 0) < 0)
        av_frame_free(&f);
    return f;
}

/* Converts p into the encoder's pixels, encodes, and hands out the bytes. Frees the context. */
static bool encode(AVCodecContext *c, const Picture *p, uint8_t **bytes, size_t *n, Err *e)
{
    const YuvKind jpeg = {.matrix = SWS_CS_ITU601, .full_range = true};
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = NULL;
    struct SwsContext *sws = NULL;
    c->width = p->w;
    c->height = p->h;
    c->time_base = (AVRational){1, 1};
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    int code = avcodec_open2(c, c->codec, NULL);
    if (code >= 0)
        code = packet && (frame = frame_like(c)) ? 0 : AVERROR(ENOMEM);
    bool ok = code >= 0 && (sws = colour_converter(p->w, p->h, AV_PIX_FMT_RGBA, c->pix_fmt, &jpeg, e));
    if (ok) {
        frame->quality = c->global_quality;
        sws_scale(sws, (const uint8_t *const[]){p->rgba}, (int[]){p->w * 4}, 0, p->h, frame->data, frame->linesize);
        code = avcodec_send_frame(c, frame);
        if (code >= 0)
            code = avcodec_receive_packet(c, packet);
        *bytes = code >= 0 ? mem_try((size_t)packet->size) : NULL;
        ok = *bytes;
    }
    if (ok) {
        *n = (size_t)packet->size;
        memcpy(*bytes, packet->data, *n);
    } else {
        ffmpeg_error(e, code < 0 ? code : AVERROR(ENOMEM), "cannot encode a picture of %d x %d", p->w, p->h);
    }
    sws_freeContext(sws);
    av_frame_free(&frame);
    av_packet_free(&packet);
    av_freep(&c->intra_matrix); /* some versions free one of these with the context, some none */
    av_freep(&c->chroma_intra_matrix);
    avcodec_free_context(&c);
    return ok;
}

static AVCodecContext *encoder(enum AVCodecID id, Err *e)
{
    ffmpeg_begin();
    const AVCodec *codec = avcodec_find_encoder(id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        err_set(e, "this FFmpeg has no encoder for %s", avcodec_get_name(id));
    return c;
}

bool picture_encode_png(const Picture *p, uint8_t **bytes, size_t *n, Err *e)
{
    AVCodecContext *c = encoder(AV_CODEC_ID_PNG, e);
    if (!c)
        return false;
    c->pix_fmt = picture_has_alpha(p) ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
    c->compression_level = 6;
    av_opt_set(c->priv_data, "pred", "mixed", 0);
    return encode(c, p, bytes, n, e);
}

/* Alpha is not looked at. */
static bool encode_colours(const Picture *p, int quality, uint8_t **bytes, size_t *n, Err *e)
{
    if (quality < 1 || quality > 100)
        return err_set(e, "JPEG quality is %d; allowed are 1 to 100", quality);
    AVCodecContext *c = encoder(AV_CODEC_ID_MJPEG, e);
    if (!c)
        return false;
    c->pix_fmt = quality < 90 ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUVJ444P;
    c->color_range = AVCOL_RANGE_JPEG;
    c->intra_matrix = scaled_table(luminance, quality);
    c->chroma_intra_matrix = scaled_table(chrominance, quality);
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->qmin = c->qmax = 8; /* the encoder multiplies its tables by this and divides by 8 */
    c->global_quality = 8 * FF_QP2LAMBDA;
    return encode(c, p, bytes, n, e);
}

bool picture_encode_jpeg(const Picture *p, int quality, uint8_t **bytes, size_t *n, Err *e)
{
    if (!picture_has_alpha(p))
        return encode_colours(p, quality, bytes, n, e);
    Picture flat;
    if (!picture_copy(p, &flat, e))
        return false;
    picture_flatten(&flat, (const uint8_t[]){255, 255, 255});
    bool ok = encode_colours(&flat, quality, bytes, n, e);
    picture_finish(&flat);
    return ok;
}

bool picture_degrade_jpeg(Picture *p, int quality, Err *e)
{
    uint8_t *bytes;
    size_t n;
    Picture back;
    if (!encode_colours(p, quality, &bytes, &n, e))
        return false;
    bool ok = picture_decode(bytes, n, "JPEG in memory", &back, e);
    mem_free(bytes);
    if (!ok)
        return false;
    size_t pixels = (size_t)p->w * (size_t)p->h;
    for (size_t i = 0; i < pixels; i++)
        memcpy(p->rgba + i * 4, back.rgba + i * 4, 3);
    picture_finish(&back);
    return true;
}

bool picture_save(const Picture *p, const char *path, int quality, Err *e)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool ok;
    if (text_ends_with(path, ".png"))
        ok = picture_encode_png(p, &bytes, &n, e);
    else if (text_ends_with(path, ".jpg") || text_ends_with(path, ".jpeg"))
        ok = picture_encode_jpeg(p, quality, &bytes, &n, e);
    else
        return err_set(e, "cannot write the picture %s: its name must end in .png, .jpg or .jpeg", path);
    ok = ok && file_write(path, bytes, n, e);
    mem_free(bytes);
    return ok;
}
