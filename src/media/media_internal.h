/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to media: how FFmpeg is held. Errors with FFmpeg's own last words, inputs that cannot open other files, one
 * decoder for pictures, sound and video, and the one place where colours are converted.
 */
#ifndef JIG_MEDIA_INTERNAL_H
#define JIG_MEDIA_INTERNAL_H

#include "media/media.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

/* ---- ffmpeg.c -------------------------------------------------------------------------------------------------- */

/* Catches FFmpeg's log; called before anything that may fail. Forgets the last words of this thread. */
void ffmpeg_begin(void);
/* "what: reason", the reason being what FFmpeg logged last on this thread, else the name of the error code. False. */
bool ffmpeg_error(Err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

bool ffmpeg_spoke(void); /* has FFmpeg logged an error since ffmpeg_begin? */

/* How YUV is meant. matrix: SWS_CS_*; chroma_left: chroma samples lie on the left luma sample (MPEG), else between. */
typedef struct YuvKind {
    int matrix;
    bool full_range, chroma_left;
} YuvKind;

/* A converter between pixel formats, same size, exact rounding, the same bytes on all machines. One side is RGB, the
 * other is YUV as `yuv` says or RGB. Free with sws_freeContext. */
struct SwsContext *colour_converter(int w, int h, enum AVPixelFormat from, enum AVPixelFormat to, const YuvKind *yuv,
                                    Err *e);

/* A decoded frame as RGBA, w x h as the frame. video: what the frame leaves open is guessed as for video, else as for
 * JPEG. *sws is kept for the next frame of the same kind (start with NULL). */
bool frame_to_picture(const AVFrame *f, bool video, struct SwsContext **sws, Picture *out, Err *e);

/* How a stream's pictures must be turned, as an EXIF orientation; 1 when nothing is said. */
int stream_orientation(const AVStream *s);

/* Turns by EXIF orientation 1..8, in place. */
bool picture_orient(Picture *p, int orientation, Err *e);

/* ---- media_input.c --------------------------------------------------------------------------------------------- */

typedef struct MediaInput {
    AVFormatContext *f;
    AVIOContext *io;
    int fd;               /* -1: from memory */
    const uint8_t *bytes; /* not ours */
    size_t size, at;
    bool failed; /* reading the file failed (not: it ended) */
} MediaInput;

/* name is used in messages only. The input must stay where it is until closed: FFmpeg holds its address. */
bool input_open(MediaInput *in, const char *path, Err *e);
bool input_open_bytes(MediaInput *in, const void *bytes, size_t n, const char *name, Err *e);
void input_close(MediaInput *in);
int input_sound_stream(const MediaInput *in); /* -1: none */
int input_video_stream(const MediaInput *in); /* moving pictures; -1: none (a cover picture does not count) */
bool input_is_cut(const MediaInput *in);      /* the file says that it is longer than it is */
double input_seconds(const MediaInput *in, int stream, bool *estimated); /* 0 unknown */

/* ---- decoder.c ------------------------------------------------------------------------------------------------- */

typedef struct Decoder {
    MediaInput *in;
    int stream;
    AVCodecContext *c;
    AVPacket *packet;
    AVFrame *frame;
    bool draining;
    int64_t damaged; /* packets that could not be decoded */
    bool cut;        /* reading stopped on an error instead of the end */
} Decoder;

bool decoder_open(Decoder *d, MediaInput *in, int stream, int threads, const char *name, Err *e);
bool decoder_next(Decoder *d);                    /* d->frame holds the next frame; false: there are no more */
bool decoder_seek(Decoder *d, int64_t timestamp); /* to the key frame before, in the stream's time base */
void decoder_close(Decoder *d);

/* ---- picture_header.c ------------------------------------------------------------------------------------------ */

typedef enum PictureKind {
    PICTURE_OTHER,
    PICTURE_JPEG,
    PICTURE_PNG,
    PICTURE_WEBP,
    PICTURE_GIF,
    PICTURE_BMP
} PictureKind;

/* What the first bytes say, without decoding. */
typedef struct PictureHeader {
    PictureKind kind;
    int64_t w, h;    /* before turning; 0: not found */
    int orientation; /* EXIF, 1..8; 1 when there is none */
    bool cut;        /* the file ends before its picture does */
    bool animated;   /* WebP with several pictures */
} PictureHeader;

PictureHeader picture_header(const uint8_t *p, size_t n);

/* Refuses sizes beyond the limits of media.h. */
bool picture_size_allowed(int64_t w, int64_t h, Err *e);

#endif
