/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs: a file or bytes in memory, opened by content. FFmpeg gets neither the name nor the right to open anything
 * else: a playlist, a concat script or a movie with external tracks cannot make us read other files or the network.
 */
#include "media/media_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IO_BUFFER = 64 * 1024, LEAST_SCORE = AVPROBE_SCORE_RETRY - 1 };

static int read_some(void *opaque, uint8_t *to, int wanted)
{
    MediaInput *in = opaque;
    if (in->fd < 0) {
        size_t n = MIN((size_t)wanted, in->size - in->at);
        memcpy(to, in->bytes + in->at, n);
        in->at += n;
        return n ? (int)n : AVERROR_EOF;
    }
    ssize_t n;
    do
        n = read(in->fd, to, (size_t)wanted);
    while (n < 0 && errno == EINTR);
    in->failed |= n < 0;
    return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t seek_to(void *opaque, int64_t offset, int whence)
{
    MediaInput *in = opaque;
    whence &= ~AVSEEK_FORCE;
    if (in->fd >= 0) {
        struct stat st;
        if (whence == AVSEEK_SIZE)
            return fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : AVERROR(ENOSYS);
        int64_t at = lseek(in->fd, offset, whence);
        return at < 0 ? AVERROR(errno) : at;
    }
    if (whence == AVSEEK_SIZE)
        return (int64_t)in->size;
    int64_t at = whence == SEEK_SET   ? offset
                 : whence == SEEK_CUR ? (int64_t)in->at + offset
                                      : (int64_t)in->size + offset;
    if (at < 0 || at > (int64_t)in->size)
        return AVERROR(EINVAL);
    in->at = (size_t)at;
    return at;
}

static int refuse_open(AVFormatContext *f, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    av_log(f, AV_LOG_ERROR, "it refers to another file, which is not opened\n");
    return AVERROR(EPERM);
}

/* Formats that would take almost any text for a picture, and lists of other files. */
static bool is_unwanted(const char *format)
{
    static const char *const unwanted[] = {"tty",        "hls", "concat", "dash", "sdp",
                                           "ffmetadata", "bin", "adf",    "idf",  "xbin"};
    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        if (!strcmp(format, unwanted[i]))
            return true;
    return false;
}

/* Codec parameters that the container lacks are found by decoding a little; the pixel limit holds there too. */
static int find_streams(AVFormatContext *f)
{
    unsigned n = f->nb_streams;
    AVDictionary **limits = mem_zero((n + 1) * sizeof *limits);
    for (unsigned i = 0; i < n; i++)
        av_dict_set_int(&limits[i], "max_pixels", PICTURE_MAX_PIXELS, 0);
    int code = avformat_find_stream_info(f, n ? limits : NULL);
    for (unsigned i = 0; i < n; i++)
        av_dict_free(&limits[i]);
    mem_free(limits);
    return code;
}

static bool open_stream(MediaInput *in, const char *name, Err *e)
{
    uint8_t *buffer = av_malloc(IO_BUFFER);
    in->io = buffer ? avio_alloc_context(buffer, IO_BUFFER, 0, in, read_some, NULL, seek_to) : NULL;
    in->f = avformat_alloc_context();
    if (!in->io || !in->f) {
        if (!in->io)
            av_free(buffer);
        return err_set(e, "out of memory");
    }
    if (in->fd >= 0 && lseek(in->fd, 0, SEEK_CUR) < 0)
        in->io->seekable = 0;
    in->f->pb = in->io;
    in->f->flags |= AVFMT_FLAG_CUSTOM_IO;
    in->f->io_open = refuse_open;
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "none", 0);
    int code = avformat_open_input(&in->f, NULL, NULL, &options); /* frees and clears in->f on error */
    av_dict_free(&options);
    if (code == AVERROR_INVALIDDATA && ffmpeg_spoke())
        return ffmpeg_error(e, code, "%s is damaged or cut off", name);
    if (code == AVERROR_INVALIDDATA ||
        (code >= 0 && (in->f->probe_score < LEAST_SCORE || is_unwanted(in->f->iformat->name))))
        return err_set(e, "%s is not a sound, picture or video file, or it is damaged", name);
    if (code < 0)
        return ffmpeg_error(e, code, "cannot read %s", name);
    code = find_streams(in->f);
    return code >= 0 || ffmpeg_error(e, code, "cannot read %s", name);
}

bool input_open(MediaInput *in, const char *path, Err *e)
{
    *in = (MediaInput){.fd = -1};
    ffmpeg_begin();
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return err_set(e, "cannot read %s: %s", path, strerror(errno));
    }
    in->fd = fd;
    bool ok = true;
    if (S_ISDIR(st.st_mode))
        ok = err_set(e, "cannot read %s: it is a folder", path);
    else if (S_ISREG(st.st_mode) && st.st_size == 0)
        ok = err_set(e, "%s is empty", path);
    if (ok && open_stream(in, path, e))
        return true;
    input_close(in);
    return false;
}

bool input_open_bytes(MediaInput *in, const void *bytes, size_t n, const char *name, Err *e)
{
    *in = (MediaInput){.fd = -1, .bytes = bytes, .size = n};
    ffmpeg_begin();
    if (!n)
        return err_set(e, "%s is empty", name);
    if (open_stream(in, name, e))
        return true;
    input_close(in);
    return false;
}

void input_close(MediaInput *in)
{
    avformat_close_input(&in->f);
    if (in->io)
        av_freep(&in->io->buffer);
    avio_context_free(&in->io);
    if (in->fd >= 0)
        close(in->fd);
    *in = (MediaInput){.fd = -1};
}

int input_sound_stream(const MediaInput *in)
{
    int i = av_find_best_stream(in->f, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    return MAX(i, -1);
}

int input_video_stream(const MediaInput *in)
{
    int best = av_find_best_stream(in->f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best >= 0 && !(in->f->streams[best]->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return best;
    for (unsigned i = 0; i < in->f->nb_streams; i++) {
        const AVStream *s = in->f->streams[i];
        if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(s->disposition & AV_DISPOSITION_ATTACHED_PIC))
            return (int)i;
    }
    return -1;
}

/* RIFF files (WAV, AVI) are chunks of a name, a length and content; the largest length means that the writer did not
 * know. The length of the whole is not looked at: programs that write it wrong are common. */
bool input_is_cut(const MediaInput *in)
{
    uint8_t head[12];
    struct stat st;
    if (in->fd < 0 || fstat(in->fd, &st) || !S_ISREG(st.st_mode) || pread(in->fd, head, 12, 0) != 12 ||
        memcmp(head, "RIFF", 4))
        return false;
    for (int64_t at = 12, chunks = 0; chunks < 1000 && pread(in->fd, head, 8, at) == 8; chunks++) {
        int64_t size = head[4] | head[5] << 8 | head[6] << 16 | (int64_t)head[7] << 24;
        if (size >= UINT32_MAX - 8)
            return false;
        at += 8 + size + (size & 1);
        if (at > st.st_size + (size & 1)) /* the last padding byte is often forgotten */
            return true;
    }
    return false;
}

double input_seconds(const MediaInput *in, int stream, bool *estimated)
{
    const AVStream *s = in->f->streams[stream];
    if (estimated)
        *estimated = in->f->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
    if (s->duration != AV_NOPTS_VALUE && s->duration > 0)
        return (double)s->duration * av_q2d(s->time_base);
    return in->f->duration != AV_NOPTS_VALUE && in->f->duration > 0 ? (double)in->f->duration / AV_TIME_BASE : 0;
}
