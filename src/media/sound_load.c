/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading sound. Always decoded from the beginning, so that a start time means the same sample in every format (seeking
 * in MP3 without an index is a guess). libavcodec drops encoder delay and padding that containers declare per packet;
 * where they declare the end as the length of the stream instead, it is applied here.
 */
#include "media/media_internal.h"

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <string.h>

enum { LOWEST_RATE = 1000, HIGHEST_RATE = 768000 };

/* What is being collected: sample frames [from, to) of the file's own time line. */
typedef struct Loading {
    const char *name;
    Decoder d;
    SwrContext *swr;
    AVChannelLayout layout; /* of the frames that swr was made for */
    int in_rate, in_format;
    double start_s, length_s;
    int64_t from, to;
    int64_t at;       /* time line position of the next decoded sample frame */
    int64_t declared; /* sample frames of the stream as the file says; 0: not known for sure */
    size_t room;      /* sample frames that fit into sound.samples */
    Sound sound;
} Loading;

static bool out_of_memory(const Loading *l, int64_t frames, Err *e)
{
    return err_set(e,
                   "%s: %.1f minutes of sound need %.1f GB, and %.1f GB are free; choose a piece by start and length",
                   l->name, (double)frames / l->sound.rate / 60,
                   (double)frames * l->sound.channels * sizeof(float) / 1e9, (double)mem_available() / 1e9);
}

/* Room for more sample frames, growing by halves. */
static bool reserve(Loading *l, int64_t more, Err *e)
{
    size_t needed = (size_t)(l->sound.frames + more), each = (size_t)l->sound.channels * sizeof(float);
    if (needed <= l->room)
        return true;
    size_t room = MAX(needed, l->room + l->room / 2), bytes;
    if (!mem_product(&bytes, 2, room, each) || (bytes > 64 << 20 && (room - l->room) * each > mem_available()))
        return out_of_memory(l, (int64_t)room, e);
    l->sound.samples = mem_resize(l->sound.samples, bytes);
    l->room = room;
    return true;
}

/* The first frame settles rate, channels and where on the time line we are. */
static bool begin(Loading *l, Err *e)
{
    const AVFrame *f = l->d.frame;
    if (f->sample_rate < LOWEST_RATE || f->sample_rate > HIGHEST_RATE)
        return err_set(e, "%s: the sample rate is %d Hz; allowed are %d to %d", l->name, f->sample_rate, LOWEST_RATE,
                       HIGHEST_RATE);
    l->sound.rate = f->sample_rate;
    l->sound.channels = MIN(f->ch_layout.nb_channels, 2);
    l->from = llround(MIN(l->start_s, 1e9) * l->sound.rate);
    l->to = l->length_s < 0 ? INT64_MAX / 2 : l->from + llround(MIN(l->length_s, SOUND_MAX_SECONDS) * l->sound.rate);

    bool estimated;
    double seconds = input_seconds(l->d.in, l->d.stream, &estimated);
    const AVStream *s = l->d.in->f->streams[l->d.stream];
    if (!estimated && s->duration > 0)
        l->declared = av_rescale_q(s->duration, s->time_base, (AVRational){1, l->sound.rate});
    if (l->length_s < 0 && seconds - l->start_s > SOUND_MAX_SECONDS * 1.01)
        return err_set(e, "%s has %.1f hours of sound; allowed are %.0f, choose a piece by start and length", l->name,
                       seconds / 3600, SOUND_MAX_SECONDS / 3600);

    int video = input_video_stream(l->d.in);
    const AVStream *v = video >= 0 ? l->d.in->f->streams[video] : NULL;
    if (v && v->start_time != AV_NOPTS_VALUE && f->best_effort_timestamp != AV_NOPTS_VALUE) {
        double late =
            (double)f->best_effort_timestamp * av_q2d(s->time_base) - (double)v->start_time * av_q2d(v->time_base);
        l->at = llround(CLAMP(late, -60, 3600) * l->sound.rate);
    }
    return true;
}

/* A converter from the frame's format to ours; made anew when the format changes within the stream. */
static bool converter(Loading *l, Err *e)
{
    const AVFrame *f = l->d.frame;
    if (l->swr && f->sample_rate == l->in_rate && f->format == l->in_format &&
        !av_channel_layout_compare(&f->ch_layout, &l->layout))
        return true;
    AVChannelLayout from = {0}, to;
    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&from, f->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&from, &f->ch_layout);
    av_channel_layout_default(&to, l->sound.channels);
    swr_free(&l->swr);
    int code =
        swr_alloc_set_opts2(&l->swr, &to, AV_SAMPLE_FMT_FLT, l->sound.rate, &from, f->format, f->sample_rate, 0, NULL);
    if (code >= 0)
        code = swr_init(l->swr);
    av_channel_layout_uninit(&from);
    if (code < 0)
        return ffmpeg_error(e, code, "%s: cannot convert %d channels at %d Hz", l->name, f->ch_layout.nb_channels,
                            f->sample_rate);
    av_channel_layout_uninit(&l->layout);
    av_channel_layout_copy(&l->layout, &f->ch_layout);
    l->in_rate = f->sample_rate;
    l->in_format = f->format;
    return true;
}

static void keep(Loading *l, const float *samples, int64_t n)
{
    int c = l->sound.channels;
    int64_t skip = CLAMP(l->from - l->at, 0, n), count = CLAMP(l->to - l->at, 0, n) - skip;
    float *to = l->sound.samples + l->sound.frames * c;
    for (int64_t i = 0; i < count * c; i++) {
        float x = samples[skip * c + i];
        bool good = isfinite(x);
        to[i] = good ? x : 0;
        l->sound.repaired += !good;
    }
    l->sound.frames += MAX(count, 0);
    l->at += n;
}

/* Silence in the place of what a late sound leaves empty. */
static bool keep_silence(Loading *l, Err *e)
{
    int64_t from = MAX(l->from, 0), to = MIN(l->to, l->at);
    if (to <= from)
        return true;
    if (!reserve(l, to - from, e))
        return false;
    memset(l->sound.samples, 0, (size_t)(to - from) * (size_t)l->sound.channels * sizeof(float));
    l->sound.frames = to - from;
    return true;
}

static bool take_frame(Loading *l, float **buffer, int *buffer_frames, Err *e)
{
    const AVFrame *f = l->d.frame;
    if (!l->sound.rate && (!begin(l, e) || !keep_silence(l, e)))
        return false;
    if (!converter(l, e))
        return false;
    int most = swr_get_out_samples(l->swr, f->nb_samples);
    if (most > *buffer_frames) {
        mem_free(*buffer);
        *buffer = mem_try((size_t)most * (size_t)l->sound.channels * sizeof(float));
        *buffer_frames = *buffer ? most : 0;
        if (!*buffer)
            return out_of_memory(l, most, e);
    }
    uint8_t *out[1] = {(uint8_t *)*buffer};
    int n = swr_convert(l->swr, out, *buffer_frames, (const uint8_t **)f->extended_data, f->nb_samples);
    if (n < 0)
        return ffmpeg_error(e, n, "cannot read %s", l->name);
    if (!reserve(l, n, e))
        return false;
    keep(l, *buffer, n);
    if (l->length_s < 0 && l->sound.frames > (int64_t)(SOUND_MAX_SECONDS * 1.01 * l->sound.rate))
        return err_set(e, "%s has more than %.0f hours of sound; choose a piece by start and length", l->name,
                       SOUND_MAX_SECONDS / 3600);
    return true;
}

/* MP4 and Ogg say where their sound ends by the length of the stream; the last packet may decode to more than that. */
static void trim_padding(Loading *l, int64_t first)
{
    const char *format = l->d.in->f->iformat->name;
    int64_t more = l->at - first - l->declared;
    if ((strstr(format, "mp4") || strstr(format, "ogg")) && l->declared && more > 0 && more < 4096 && l->at <= l->to)
        l->sound.frames = MAX(l->sound.frames - more, 0);
}

static bool finish(Loading *l, int64_t first, Err *e)
{
    Sound *s = &l->sound;
    if (!s->rate)
        return err_set(e, "%s: nothing of its sound can be decoded; the file is damaged or cut off", l->name);
    bool to_the_end = l->at < l->to;
    trim_padding(l, first);
    double decoded = (double)(l->at - first) / s->rate, declared = (double)l->declared / s->rate;
    if (!l->declared && input_video_stream(l->d.in) < 0) /* the length of the whole file is that of its only stream */
        declared = input_seconds(l->d.in, l->d.stream, NULL);
    s->truncated =
        l->d.damaged || l->d.cut || input_is_cut(l->d.in) || (to_the_end && declared - decoded > 0.1 + 0.01 * declared);
    if (s->frames == 0)
        return err_set(e,
                       l->at > 0 ? "%s: nothing is left after the start at %.3f s; it has %.3f s of sound"
                                 : "%s: the start is %.3f s, but it has only %.3f s of sound",
                       l->name, l->start_s, (double)l->at / s->rate);
    if (s->truncated)
        log_line(LOG_WARNING, "%s is damaged or cut off; %.1f s of its sound could be decoded", l->name, decoded);
    if (s->repaired)
        log_line(LOG_WARNING, "%s: %lld samples that are no numbers became silence", l->name, (long long)s->repaired);
    return true;
}

bool sound_load(const char *path, double start_s, double length_s, Sound *out, Err *e)
{
    *out = (Sound){0};
    if (!(start_s >= 0 && isfinite(start_s)))
        return err_set(e, "the start in the song is %g s; it must be 0 or more", start_s);
    if (!(length_s <= SOUND_MAX_SECONDS))
        return err_set(e, "the length is %g s; allowed are %g at most", length_s, SOUND_MAX_SECONDS);
    MediaInput in;
    if (!input_open(&in, path, e))
        return false;
    Loading l = {.name = path, .start_s = start_s, .length_s = length_s};
    int stream = input_sound_stream(&in), buffer_frames = 0;
    float *buffer = NULL;
    int64_t first = 0;
    bool ok = stream >= 0 ? decoder_open(&l.d, &in, stream, 1, path, e) : err_set(e, "%s has no sound", path);
    bool opened = ok;
    while (ok && (l.sound.rate == 0 || l.at < l.to) && decoder_next(&l.d)) {
        bool is_first = l.sound.rate == 0;
        ok = take_frame(&l, &buffer, &buffer_frames, e);
        if (is_first)
            first = l.at - l.d.frame->nb_samples;
        av_frame_unref(l.d.frame);
    }
    ok = ok && finish(&l, first, e);
    mem_free(buffer);
    swr_free(&l.swr);
    av_channel_layout_uninit(&l.layout);
    if (opened)
        decoder_close(&l.d);
    input_close(&in);
    if (ok)
        *out = l.sound;
    else
        sound_finish(&l.sound);
    return ok;
}

static void copy_tag(const MediaInput *in, int stream, const char *key, char *out, size_t size)
{
    const AVDictionaryEntry *tag = av_dict_get(in->f->metadata, key, NULL, 0);
    if (!tag)
        tag = av_dict_get(in->f->streams[stream]->metadata, key, NULL, 0);
    snprintf(out, size, "%s", tag ? tag->value : "");
}

bool sound_probe(const char *path, SoundInfo *info, Err *e)
{
    *info = (SoundInfo){0};
    MediaInput in;
    if (!input_open(&in, path, e))
        return false;
    int stream = input_sound_stream(&in);
    if (stream >= 0) {
        const AVCodecParameters *par = in.f->streams[stream]->codecpar;
        info->rate = par->sample_rate;
        info->channels = par->ch_layout.nb_channels;
        info->seconds = input_seconds(&in, stream, &info->estimated);
        info->has_video = input_video_stream(&in) >= 0;
        snprintf(info->codec, sizeof info->codec, "%s", avcodec_get_name(par->codec_id));
        copy_tag(&in, stream, "title", info->title, sizeof info->title);
        copy_tag(&in, stream, "artist", info->artist, sizeof info->artist);
    } else {
        err_set(e, "%s has no sound", path);
    }
    input_close(&in);
    return stream >= 0;
}
