/* SPDX-License-Identifier: Apache-2.0
 *
 * Video out. A container is a row of `formats`; adding one is adding a row (and what its pixels need in write_picture).
 *
 * Time: frame i stands at i / fps. AAC has a delay of 1024 samples, so its first packet has time -1024 / rate, and the
 * MP4 edit list (ISO 14496-12, 8.6.6) says that the song begins after it and how long it is. The movie time scale is
 * the sample rate, so that both are exact; FFmpeg's default of 1 ms would round the end. Same bytes: no dates, no
 * version strings, x264 with a fixed number of threads (its result depends on the number, not on chance). The XMP
 * packet is a `uuid` box after the last one, where Adobe's XMP specification part 3 puts it.
 */
#include "media/media_internal.h"

#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X264_THREADS = 4, AAC_BIT_RATE = 192000, METADATA_MAX = 16 << 20 };

typedef struct Format {
    const char *ending, *muxer;
    const char *video_codec, *video_options; /* options as "key=value:key=value" */
    enum AVPixelFormat pixels;
    const char *audio_codec;
    const char *muxer_options;
    bool xmp_box; /* the XMP packet goes into a box at the end */
} Format;

static const Format formats[] = {
    {".mp4", "mp4", "libx264", "preset=medium:profile=high", AV_PIX_FMT_YUV420P, "aac",
     "movflags=+faststart+use_metadata_tags", true},
};

struct VideoWriter {
    const Format *format;
    VideoOptions o; /* keys and title are not kept */
    OutFile file;
    AVFormatContext *f;
    AVCodecContext *video, *audio; /* audio NULL: silent */
    AVFrame *picture, *sound;
    AVPacket *packet;
    struct SwsContext *sws; /* for sws_channels bytes a pixel */
    int sws_channels;
    SwrContext *swr; /* NULL: the encoder takes the song's own rate */
    int64_t frames, sound_at /* in o.sound */, sound_out /* in the encoder's rate */;
};

static const char source_type[] = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

static const Format *format_of(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (text_ends_with(path, formats[i].ending))
            return &formats[i];
    return NULL;
}

bool video_writer_knows(const char *path)
{
    return format_of(path);
}

static bool check(const char *path, VideoOptions *o, Err *e)
{
    if (o->w < 16 || o->h < 16 || o->w > 8192 || o->h > 8192 || o->w % 2 || o->h % 2)
        return err_set(e, "video size %d x %d; sides must be even, 16 to 8192", o->w, o->h);
    o->fps_den = MAX(o->fps_den, 1);
    if (o->fps_num < o->fps_den || o->fps_num / o->fps_den > 1000)
        return err_set(e, "%d/%d frames a second; allowed are 1 to 1000", o->fps_num, o->fps_den);
    if (o->quality < -1 || o->quality > 51)
        return err_set(e, "video quality %d; allowed are 0 (best) to 51, -1 for the default", o->quality);
    if (o->quality == -1)
        o->quality = 18;
    if (o->sound) {
        const Sound *s = o->sound;
        if (o->sound_frames < 0)
            o->sound_frames = s->frames - o->sound_from;
        if (s->channels < 1 || s->channels > 2 || o->sound_from < 0 || o->sound_frames < 1 ||
            o->sound_from > s->frames - o->sound_frames)
            return err_set(
                e, "the piece of the song from sample %lld, %lld samples long, does not lie in its %lld samples",
                (long long)o->sound_from, (long long)o->sound_frames, (long long)s->frames);
    }
    size_t metadata = o->title ? strlen(o->title) : 0;
    for (int i = 0; i < o->n_keys; i++)
        metadata += strlen(o->keys[i].key) + strlen(o->keys[i].value);
    if (metadata > METADATA_MAX)
        return err_set(e, "%zu bytes of metadata; allowed are %d", metadata, METADATA_MAX);
    if (!format_of(path)) {
        err_set(e, "cannot write the video %s: its name must end in %s", path, formats[0].ending);
        return false;
    }
    return true;
}

static AVCodecContext *encoder(const char *name, Err *e)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        err_set(e, "this FFmpeg has no encoder %s", name);
    return c;
}

/* Opens the encoder and gives it a stream. */
static int add_stream(VideoWriter *v, AVCodecContext *c, AVDictionary **options)
{
    if (v->f->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    int code = avcodec_open2(c, c->codec, options);
    AVStream *s = code >= 0 ? avformat_new_stream(v->f, NULL) : NULL;
    if (!s)
        return code < 0 ? code : AVERROR(ENOMEM);
    s->time_base = c->time_base;
    if (c->codec_type == AVMEDIA_TYPE_VIDEO)
        s->avg_frame_rate = c->framerate;
    return avcodec_parameters_from_context(s->codecpar, c);
}

static bool add_video(VideoWriter *v, Err *e)
{
    AVCodecContext *c = v->video = encoder(v->format->video_codec, e);
    if (!c)
        return false;
    c->width = v->o.w;
    c->height = v->o.h;
    c->pix_fmt = v->format->pixels;
    c->framerate = (AVRational){v->o.fps_num, v->o.fps_den};
    c->time_base = av_inv_q(c->framerate);
    c->sample_aspect_ratio = (AVRational){1, 1};
    c->colorspace = AVCOL_SPC_BT709;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    c->color_range = AVCOL_RANGE_MPEG;
    c->chroma_sample_location = AVCHROMA_LOC_LEFT;
    c->thread_count = X264_THREADS;
    AVDictionary *options = NULL;
    av_dict_parse_string(&options, v->format->video_options, "=", ":", 0);
    av_dict_set_int(&options, "crf", v->o.quality, 0);
    int code = add_stream(v, c, &options);
    av_dict_free(&options);
    AVFrame *p = v->picture = av_frame_alloc();
    if (code >= 0 && p) {
        p->format = c->pix_fmt;
        p->width = c->width;
        p->height = c->height;
        code = av_frame_get_buffer(p, 0);
    }
    return (code >= 0 && p) ||
           ffmpeg_error(e, code < 0 ? code : AVERROR(ENOMEM), "cannot encode %s", v->format->video_codec);
}

/* The song's own rate if the encoder knows it, else the nearest higher one, else the highest. */
static int encoder_rate(const AVCodec *codec, int rate)
{
    int best = 0;
    for (const int *r = codec->supported_samplerates; r && *r; r++) {
        if (*r == rate)
            return rate;
        if (!best || (*r >= rate ? (best < rate || *r < best) : *r > best))
            best = *r;
    }
    return best ? best : rate;
}

static bool add_audio(VideoWriter *v, Err *e)
{
    AVCodecContext *c = v->audio = encoder(v->format->audio_codec, e);
    if (!c)
        return false;
    const Sound *s = v->o.sound;
    c->sample_rate = encoder_rate(c->codec, s->rate);
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->bit_rate = AAC_BIT_RATE * s->channels / 2;
    c->time_base = (AVRational){1, c->sample_rate};
    c->thread_count = 1;
    av_channel_layout_default(&c->ch_layout, s->channels);
    int code = add_stream(v, c, NULL);
    if (code >= 0 && c->sample_rate != s->rate) {
        code = swr_alloc_set_opts2(&v->swr, &c->ch_layout, AV_SAMPLE_FMT_FLTP, c->sample_rate, &c->ch_layout,
                                   AV_SAMPLE_FMT_FLT, s->rate, 0, NULL);
        if (code >= 0)
            code = swr_init(v->swr);
    }
    AVFrame *f = v->sound = av_frame_alloc();
    if (code >= 0 && f) {
        f->format = c->sample_fmt;
        f->sample_rate = c->sample_rate;
        f->nb_samples = c->frame_size;
        av_channel_layout_copy(&f->ch_layout, &c->ch_layout);
        code = av_frame_get_buffer(f, 0);
    }
    return (code >= 0 && f) ||
           ffmpeg_error(e, code < 0 ? code : AVERROR(ENOMEM), "cannot encode %s", v->format->audio_codec);
}

static bool begin_file(VideoWriter *v, const VideoOptions *o, Err *e)
{
    AVDictionary *options = NULL;
    av_dict_parse_string(&options, v->format->muxer_options, "=", ":", 0);
    if (v->audio)
        av_dict_set_int(&options, "movie_timescale", v->audio->sample_rate, 0);
    v->f->flags |= AVFMT_FLAG_BITEXACT;
    if (o->title)
        av_dict_set(&v->f->metadata, "title", o->title, 0);
    for (int i = 0; i < o->n_keys; i++)
        av_dict_set(&v->f->metadata, o->keys[i].key, o->keys[i].value, 0);
    if (o->made_by_model)
        av_dict_set(&v->f->metadata, "digital_source_type", source_type, 0);
    Text url = {0};
    text_add(&url, "file:%s", v->file.temp);
    int code = avio_open(&v->f->pb, url.s, AVIO_FLAG_WRITE);
    av_freep(&v->f->url); /* +faststart opens the file once more by this name, to move its index to the front */
    v->f->url = av_strdup(url.s);
    text_finish(&url);
    if (code >= 0)
        code = avformat_write_header(v->f, &options);
    av_dict_free(&options);
    return code >= 0 || ffmpeg_error(e, code, "cannot write %s", v->file.path);
}

bool video_writer_open(VideoWriter **out, const char *path, const VideoOptions *o, Err *e)
{
    *out = NULL;
    VideoOptions checked = *o;
    if (!check(path, &checked, e))
        return false;
    ffmpeg_begin();
    VideoWriter *v = mem_zero(sizeof *v);
    v->format = format_of(path);
    v->o = checked;
    v->o.title = NULL;
    v->o.keys = NULL;
    v->sound_at = checked.sound_from;
    bool ok = out_open(&v->file, path, e);
    if (ok && !v->file.temp)
        ok = err_set(e, "cannot write %s: a video must be a plain file", path);
    v->packet = av_packet_alloc();
    if (ok && (!v->packet || avformat_alloc_output_context2(&v->f, NULL, v->format->muxer, NULL) < 0))
        ok = err_set(e, "this FFmpeg cannot write %s files", v->format->muxer);
    ok = ok && add_video(v, e) && (!v->o.sound || add_audio(v, e)) && begin_file(v, o, e);
    if (ok)
        *out = v;
    else
        video_writer_abandon(v);
    return ok;
}

/* Everything that the encoder has ready goes into the file. frame NULL: that was the last one. */
static int encode(VideoWriter *v, AVCodecContext *c, AVFrame *frame)
{
    AVStream *s = v->f->streams[c == v->video ? 0 : 1];
    int code = avcodec_send_frame(c, frame);
    while (code >= 0) {
        code = avcodec_receive_packet(c, v->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return 0;
        if (code < 0)
            break;
        v->packet->stream_index = s->index;
        if (c == v->video)
            v->packet->duration = 1;
        av_packet_rescale_ts(v->packet, c->time_base, s->time_base);
        code = av_interleaved_write_frame(v->f, v->packet);
    }
    return code;
}

/* Up to one encoder frame of the song, planar; 0 at its end. */
static int next_sound(VideoWriter *v)
{
    const Sound *s = v->o.sound;
    AVFrame *f = v->sound;
    int64_t left = v->o.sound_from + v->o.sound_frames - v->sound_at;
    int n = (int)MIN(left, v->audio->frame_size);
    const float *from = s->samples + v->sound_at * s->channels;
    if (!v->swr) {
        for (int c = 0; c < s->channels; c++)
            for (int i = 0; i < n; i++)
                ((float *)f->extended_data[c])[i] = from[i * s->channels + c];
        v->sound_at += n;
        return n;
    }
    int got = 0;
    while (got < v->audio->frame_size) {
        n = (int)MIN(v->o.sound_from + v->o.sound_frames - v->sound_at, 1024);
        const uint8_t *in[1] = {(const uint8_t *)(s->samples + v->sound_at * s->channels)};
        uint8_t *to[2];
        for (int c = 0; c < s->channels; c++)
            to[c] = f->extended_data[c] + (size_t)got * sizeof(float);
        int made = swr_convert(v->swr, to, v->audio->frame_size - got, n ? in : NULL, n);
        if (made < 0)
            return made;
        v->sound_at += n;
        got += made;
        if (!made && !n)
            break;
    }
    return got;
}

/* Sound up to the given time in seconds, so that the streams lie beside each other in the file. */
static int write_sound(VideoWriter *v, double until)
{
    while (v->audio && (double)v->sound_out < until * v->audio->sample_rate) {
        int code = av_frame_make_writable(v->sound);
        v->sound->nb_samples = v->audio->frame_size;
        if (code >= 0)
            code = next_sound(v);
        if (code <= 0)
            return code;
        v->sound->nb_samples = code;
        v->sound->pts = v->sound_out;
        v->sound_out += code;
        code = encode(v, v->audio, v->sound);
        if (code < 0)
            return code;
    }
    return 0;
}

static bool convert(VideoWriter *v, const uint8_t *pixels, int channels, size_t stride, Err *e)
{
    const YuvKind bt709 = {.matrix = SWS_CS_ITU709, .chroma_left = true};
    if (v->sws_channels != channels) {
        sws_freeContext(v->sws);
        v->sws = colour_converter(v->o.w, v->o.h, channels == 3 ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_RGB0, v->format->pixels,
                                  &bt709, e);
        v->sws_channels = v->sws ? channels : 0;
    }
    if (!v->sws)
        return false;
    int code = av_frame_make_writable(v->picture); /* the encoder may still hold the last one */
    if (code >= 0)
        code = sws_scale(v->sws, (const uint8_t *const[]){pixels}, (int[]){(int)stride}, 0, v->o.h, v->picture->data,
                         v->picture->linesize);
    return code >= 0 || ffmpeg_error(e, code, "cannot convert a frame");
}

bool video_writer_frame(VideoWriter *v, const uint8_t *pixels, int channels, size_t stride, Err *e)
{
    if ((channels != 3 && channels != 4) || stride < (size_t)v->o.w * (size_t)channels || stride > INT32_MAX)
        return err_set(e, "a video frame of %d channels and rows of %zu bytes; it needs 3 or 4 channels of %d pixels",
                       channels, stride, v->o.w);
    ffmpeg_begin();
    if (!convert(v, pixels, channels, stride, e))
        return false;
    v->picture->pts = v->frames++;
    int code = write_sound(v, (double)v->frames * v->o.fps_den / v->o.fps_num);
    if (code >= 0)
        code = encode(v, v->video, v->picture);
    return code >= 0 || ffmpeg_error(e, code, "cannot write %s", v->file.path);
}

int64_t video_writer_frames(const VideoWriter *v)
{
    return v->frames;
}

/* ISO box: length, "uuid", the identity that means XMP, the packet. */
static bool append_xmp(VideoWriter *v, Err *e)
{
    static const uint8_t identity[16] = {0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8,
                                         0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC};
    Text xmp = {0};
    text_add(&xmp,
             "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
             "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
             "<rdf:Description rdf:about=\"\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" "
             "Iptc4xmpExt:DigitalSourceType=\"%s\"/></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>",
             source_type);
    uint32_t size = (uint32_t)xmp.len + 24;
    uint8_t head[8] = {
        (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, 'u', 'u', 'i', 'd'};
    FILE *f = v->file.f;
    bool ok = fseek(f, 0, SEEK_END) == 0 && fwrite(head, 1, 8, f) == 8 && fwrite(identity, 1, 16, f) == 16 &&
              fwrite(xmp.s, 1, xmp.len, f) == xmp.len;
    text_finish(&xmp);
    return ok || err_set(e, "cannot write %s: %s", v->file.path, strerror(errno));
}

bool video_writer_finish(VideoWriter *v, Err *e)
{
    ffmpeg_begin();
    bool ok = v->frames > 0 || err_set(e, "cannot write %s: no frames were made", v->file.path);
    int code = 0;
    if (ok) {
        code = write_sound(v, INFINITY);
        if (code >= 0 && v->audio)
            code = encode(v, v->audio, NULL);
        if (code >= 0)
            code = encode(v, v->video, NULL);
        if (code >= 0)
            code = av_write_trailer(v->f);
        int closed = avio_closep(&v->f->pb); /* a full disk may show only here */
        code = code < 0 ? code : closed;
        ok = code >= 0 || ffmpeg_error(e, code, "cannot write %s", v->file.path);
    }
    ok = ok && (!v->o.made_by_model || !v->format->xmp_box || append_xmp(v, e));
    ok = ok && out_commit(&v->file, e);
    video_writer_abandon(v);
    return ok;
}

void video_writer_abandon(VideoWriter *v)
{
    if (!v)
        return;
    avcodec_free_context(&v->video);
    avcodec_free_context(&v->audio);
    av_frame_free(&v->picture);
    av_frame_free(&v->sound);
    av_packet_free(&v->packet);
    sws_freeContext(v->sws);
    swr_free(&v->swr);
    if (v->f) {
        avio_closep(&v->f->pb);
        avformat_free_context(v->f);
    }
    out_abandon(&v->file);
    mem_free(v);
}
