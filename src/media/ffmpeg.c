/* SPDX-License-Identifier: Apache-2.0
 *
 * FFmpeg's manners: its log is caught, so that its last words can stand in our messages, and colours are converted in
 * one place. Matrices: ITU-R BT.601 and BT.709; JPEG (JFIF) is BT.601 at full range with chroma between two samples,
 * video is limited range with chroma on the left sample unless the frame says otherwise.
 */
#include "media/media_internal.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char last_words[300];

static void catch_log(void *from, int level, const char *fmt, va_list args)
{
    if (level > AV_LOG_ERROR)
        return;
    char line[sizeof last_words];
    vsnprintf(line, sizeof line, fmt, args);
    size_t n = strcspn(line, "\r\n");
    if (!n)
        return;
    line[n] = 0;
    memcpy(last_words, line, sizeof line);
}

void ffmpeg_begin(void)
{
    av_log_set_callback(catch_log);
    last_words[0] = 0;
}

bool ffmpeg_spoke(void)
{
    return last_words[0];
}

bool ffmpeg_error(Err *e, int code, const char *fmt, ...)
{
    char what[700], reason[AV_ERROR_MAX_STRING_SIZE] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    av_strerror(code, reason, sizeof reason);
    /* The system's words (no space left, permission denied) say more than what a codec makes of them. */
    bool by_system = code == AVERROR(ENOSPC) || code == AVERROR(EFBIG) || code == AVERROR(EIO) ||
                     code == AVERROR(EACCES) || code == AVERROR(EDQUOT) || code == AVERROR(ENOMEM);
    return err_set(e, "%s: %s", what, by_system || !last_words[0] ? reason : last_words);
}

struct SwsContext *colour_converter(int w, int h, enum AVPixelFormat from, enum AVPixelFormat to, const YuvKind *yuv,
                                    Err *e)
{
    struct SwsContext *s = sws_alloc_context();
    bool to_rgb = av_pix_fmt_desc_get(to)->flags & AV_PIX_FMT_FLAG_RGB;
    if (s) {
        av_opt_set_int(s, "srcw", w, 0);
        av_opt_set_int(s, "srch", h, 0);
        av_opt_set_int(s, "src_format", from, 0);
        av_opt_set_int(s, "dstw", w, 0);
        av_opt_set_int(s, "dsth", h, 0);
        av_opt_set_int(s, "dst_format", to, 0);
        av_opt_set_int(s, "sws_flags",
                       SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP, 0);
        if (yuv->chroma_left)
            av_opt_set_int(s, to_rgb ? "src_h_chr_pos" : "dst_h_chr_pos", 0, 0);
    }
    int code = s ? sws_init_context(s, NULL, NULL) : AVERROR(ENOMEM);
    if (code < 0) {
        sws_freeContext(s);
        ffmpeg_error(e, code, "cannot convert %s pixels to %s", av_get_pix_fmt_name(from), av_get_pix_fmt_name(to));
        return NULL;
    }
    const int *table = sws_getCoefficients(yuv->matrix);
    sws_setColorspaceDetails(s, table, to_rgb ? yuv->full_range : 1, table, to_rgb ? 1 : yuv->full_range, 0, 1 << 16,
                             1 << 16);
    return s;
}

static YuvKind yuv_of(const AVFrame *f, bool video)
{
    static const enum AVPixelFormat full[] = {AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P,
                                              AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ411P};
    YuvKind k = {.matrix = SWS_CS_ITU601, .full_range = f->color_range == AVCOL_RANGE_JPEG};
    for (size_t i = 0; i < ARRAY_LEN(full); i++)
        k.full_range |= f->format == (int)full[i];
    if (f->colorspace == AVCOL_SPC_BT709 || (video && f->colorspace == AVCOL_SPC_UNSPECIFIED && f->height >= 720))
        k.matrix = SWS_CS_ITU709;
    else if (f->colorspace == AVCOL_SPC_BT2020_NCL || f->colorspace == AVCOL_SPC_BT2020_CL)
        k.matrix = SWS_CS_BT2020;
    k.chroma_left = f->chroma_location == AVCHROMA_LOC_LEFT ||
                    (video && f->chroma_location == AVCHROMA_LOC_UNSPECIFIED && !k.full_range);
    return k;
}

bool frame_to_picture(const AVFrame *f, bool video, struct SwsContext **sws, Picture *out, Err *e)
{
    *out = (Picture){0};
    YuvKind kind = yuv_of(f, video);
    if (!*sws && !(*sws = colour_converter(f->width, f->height, f->format, AV_PIX_FMT_RGBA, &kind, e)))
        return false;
    if (!picture_init(out, f->width, f->height, e))
        return false;
    uint8_t *rows[4] = {out->rgba};
    int strides[4] = {out->w * 4};
    int code = sws_scale(*sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, rows, strides);
    if (code < 0)
        picture_finish(out);
    return code >= 0 || ffmpeg_error(e, code, "cannot convert %s pixels", av_get_pix_fmt_name(f->format));
}

/* The display matrix maps (x, y) to (a x + c y, b x + d y), y downwards; only quarter turns and flips are meant. */
int stream_orientation(const AVStream *s)
{
    const int32_t *m = NULL;
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVPacketSideData *side = av_packet_side_data_get(s->codecpar->coded_side_data,
                                                           s->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    if (side && side->size >= 9 * sizeof *m)
        m = (const int32_t *)side->data;
#else
    size_t size = 0;
    const uint8_t *side = av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (side && size >= 9 * sizeof *m)
        m = (const int32_t *)side;
#endif
    if (!m)
        return 1;
    int64_t a = m[0], b = m[1], c = m[3], d = m[4];
    if (llabs(a) >= llabs(b))
        return a >= 0 ? (d >= 0 ? 1 : 4) : (d >= 0 ? 2 : 3);
    return b >= 0 ? (c >= 0 ? 5 : 6) : (c >= 0 ? 8 : 7);
}
