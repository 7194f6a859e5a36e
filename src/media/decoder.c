/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoder: packets of one stream in, frames out. libavcodec itself drops what the container marks as encoder delay and
 * padding. Damage is left out and counted: most of a scratched file is still good.
 */
#include "media/media_internal.h"

/* Bounds for what a hostile file could keep going for ever: a demuxer never ready, a decoder that never ends. */
enum { MOST_WAITS = 1000, MOST_LATE = 1000 };

bool decoder_open(Decoder *d, MediaInput *in, int stream, int threads, const char *name, Err *e)
{
    *d = (Decoder){.in = in, .stream = stream};
    AVStream *s = in->f->streams[stream];
    for (unsigned i = 0; i < in->f->nb_streams; i++)
        if ((int)i != stream)
            in->f->streams[i]->discard = AVDISCARD_ALL;
    const AVCodec *codec = avcodec_find_decoder(s->codecpar->codec_id);
    if (!codec)
        return err_set(e, "cannot read %s: this FFmpeg has no decoder for %s", name,
                       avcodec_get_name(s->codecpar->codec_id));
    d->c = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    int code = d->c && d->packet && d->frame ? avcodec_parameters_to_context(d->c, s->codecpar) : AVERROR(ENOMEM);
    if (code >= 0) {
        d->c->pkt_timebase = s->time_base;
        d->c->thread_count = threads;
        d->c->max_pixels = PICTURE_MAX_PIXELS;
        code = avcodec_open2(d->c, codec, NULL);
    }
    if (code >= 0)
        return true;
    decoder_close(d);
    return ffmpeg_error(e, code, "cannot read %s", name);
}

/* The next packet of our stream to the decoder, or the note that there are no more. */
static int feed(Decoder *d)
{
    for (int waits = 0;;) {
        int code = av_read_frame(d->in->f, d->packet);
        if (code == AVERROR(EAGAIN) && waits++ < MOST_WAITS)
            continue;
        if (code < 0) {
            d->cut |= code != AVERROR_EOF || d->in->failed;
            d->draining = true;
            return avcodec_send_packet(d->c, NULL);
        }
        bool ours = d->packet->stream_index == d->stream;
        code = ours ? avcodec_send_packet(d->c, d->packet) : 0;
        av_packet_unref(d->packet);
        if (ours)
            return code;
    }
}

bool decoder_next(Decoder *d)
{
    int late = 0;
    for (;;) {
        int code = avcodec_receive_frame(d->c, d->frame);
        if (code >= 0)
            return true;
        if (code == AVERROR(EAGAIN))
            code = d->draining ? AVERROR_EOF : feed(d);
        if (code == AVERROR_EOF)
            return false;
        d->damaged += code < 0;
        late += code < 0 && d->draining;
        if (code == AVERROR(ENOMEM) || late > MOST_LATE)
            return false;
    }
}

bool decoder_seek(Decoder *d, int64_t timestamp)
{
    d->draining = false;
    int code = av_seek_frame(d->in->f, d->stream, timestamp, AVSEEK_FLAG_BACKWARD);
    avcodec_flush_buffers(d->c);
    return code >= 0;
}

void decoder_close(Decoder *d)
{
    avcodec_free_context(&d->c);
    av_packet_free(&d->packet);
    av_frame_free(&d->frame);
    *d = (Decoder){0};
}
