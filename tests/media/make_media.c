/* SPDX-License-Identifier: Apache-2.0
 *
 * Test inputs made by FFmpeg's encoders. Formats are converted by swscale and swresample with their defaults: the tests
 * compare what comes back with the stated tolerance of each format.
 */
#include "make_media.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "test input: %s failed\n", what);
    abort();
}

bool make_still(const char *encoder, const Picture *p, uint8_t **bytes, size_t *n)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder);
    if (!codec)
        return false;
    av_log_set_level(AV_LOG_QUIET);
    AVCodecContext *c = avcodec_alloc_context3(codec);
    c->width = p->w;
    c->height = p->h;
    c->time_base = (AVRational){1, 1};
    bool alpha = picture_has_alpha(p);
    c->pix_fmt =
        avcodec_find_best_pix_fmt_of_list(codec->pix_fmts, alpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24, alpha, NULL);
    c->compression_level = 4;
    c->global_quality = 95 * FF_QP2LAMBDA;
    must(avcodec_open2(c, codec, NULL) >= 0, encoder);
    AVFrame *f = av_frame_alloc();
    f->format = c->pix_fmt;
    f->width = p->w;
    f->height = p->h;
    f->quality = c->global_quality;
    must(av_frame_get_buffer(f, 0) >= 0, "frame");
    struct SwsContext *sws = sws_getContext(p->w, p->h, AV_PIX_FMT_RGBA, p->w, p->h, c->pix_fmt,
                                            SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
    sws_scale(sws, (const uint8_t *const[]){p->rgba}, (int[]){p->w * 4}, 0, p->h, f->data, f->linesize);
    AVPacket *packet = av_packet_alloc();
    must(avcodec_send_frame(c, f) >= 0, encoder);
    avcodec_send_frame(c, NULL);
    must(avcodec_receive_packet(c, packet) >= 0, encoder);
    *n = (size_t)packet->size;
    *bytes = memcpy(mem_alloc(*n), packet->data, *n);
    sws_freeContext(sws);
    av_frame_free(&f);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    return true;
}

static void drain(AVFormatContext *f, AVCodecContext *c, AVFrame *frame)
{
    AVPacket *packet = av_packet_alloc();
    must(avcodec_send_frame(c, frame) >= 0, "encoding");
    while (avcodec_receive_packet(c, packet) >= 0) {
        av_packet_rescale_ts(packet, c->time_base, f->streams[0]->time_base);
        must(av_interleaved_write_frame(f, packet) >= 0, "writing");
    }
    av_packet_free(&packet);
}

static void encode_sound(AVFormatContext *f, AVCodecContext *c, const Sound *s)
{
    SwrContext *swr = NULL;
    swr_alloc_set_opts2(&swr, &c->ch_layout, c->sample_fmt, s->rate, &c->ch_layout, AV_SAMPLE_FMT_FLT, s->rate, 0,
                        NULL);
    must(swr_init(swr) >= 0, "converting");
    int each = c->frame_size ? c->frame_size : 4096;
    for (int64_t at = 0; at < s->frames; at += each) {
        AVFrame *frame = av_frame_alloc();
        frame->format = c->sample_fmt;
        frame->sample_rate = s->rate;
        frame->nb_samples = (int)MIN(each, s->frames - at);
        av_channel_layout_copy(&frame->ch_layout, &c->ch_layout);
        must(av_frame_get_buffer(frame, 0) >= 0, "frame");
        const uint8_t *from = (const uint8_t *)(s->samples + at * s->channels);
        swr_convert(swr, frame->extended_data, frame->nb_samples, &from, frame->nb_samples);
        frame->pts = at;
        drain(f, c, frame);
        av_frame_free(&frame);
    }
    drain(f, c, NULL);
    swr_free(&swr);
}

bool make_sound_file(const char *path, const char *muxer, const char *encoder, const Sound *s)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder);
    AVFormatContext *f = NULL;
    if (!codec || avformat_alloc_output_context2(&f, NULL, muxer, path) < 0)
        return false;
    av_log_set_level(AV_LOG_QUIET);
    AVCodecContext *c = avcodec_alloc_context3(codec);
    c->sample_fmt = codec->sample_fmts[0];
    c->sample_rate = s->rate;
    c->bit_rate = 192000;
    c->time_base = (AVRational){1, s->rate};
    if (f->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_channel_layout_default(&c->ch_layout, s->channels);
    must(avcodec_open2(c, codec, NULL) >= 0, encoder);
    AVStream *stream = avformat_new_stream(f, NULL);
    stream->time_base = c->time_base;
    avcodec_parameters_from_context(stream->codecpar, c);
    must(avio_open(&f->pb, path, AVIO_FLAG_WRITE) >= 0, path);
    must(avformat_write_header(f, NULL) >= 0, path);
    encode_sound(f, c, s);
    must(av_write_trailer(f) >= 0, path);
    avio_closep(&f->pb);
    avformat_free_context(f);
    avcodec_free_context(&c);
    return true;
}

void make_test_picture(Picture *p, int w, int h, bool alpha)
{
    must(picture_init(p, w, h, NULL), "picture");
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *px = p->rgba + ((size_t)y * (size_t)w + (size_t)x) * 4;
            px[0] = (uint8_t)(w > 1 ? x * 255 / (w - 1) : 90);
            px[1] = (uint8_t)(h > 1 ? y * 255 / (h - 1) : 60);
            px[2] = (uint8_t)(128 + 100 * sin(0.2 * x) * cos(0.15 * y));
            px[3] = alpha ? (uint8_t)((x + 2 * y) % 256) : 255;
        }
}

void make_test_sound(Sound *s, int rate, int channels, int64_t frames)
{
    *s = (Sound){.rate = rate, .channels = channels, .frames = frames};
    s->samples = mem_alloc((size_t)(frames * channels) * sizeof(float));
    for (int c = 0; c < channels; c++) {
        Rng r = rng_make(11, (uint64_t)c);
        float low = 0, lower = 0;
        for (int64_t i = 0; i < frames; i++) {
            low += 0.3f * (rng_range(&r, -1, 1) - low);
            lower += 0.5f * (low - lower);
            s->samples[i * channels + c] = lower;
        }
    }
}

int measure_shift(const Sound *a, const Sound *b, int most)
{
    double best = -1;
    int shift = 0;
    int64_t n = MIN(MIN(a->frames, b->frames) - most, 12000) - most;
    for (int lag = -most; lag <= most; lag++) {
        double sum = 0;
        for (int64_t i = most; i < most + n; i++)
            sum += (double)a->samples[i * a->channels] * b->samples[(i + lag) * b->channels];
        if (sum > best) {
            best = sum;
            shift = lag;
        }
    }
    return shift;
}
