/* SPDX-License-Identifier: Apache-2.0
 *
 * media: files that people bring and take away. Pictures, sound, video in, video out, and the plots drawn by cairo. The
 * only folder that sees FFmpeg. Layer 1: stranger to tensors, audio analysis and models; works on plain arrays.
 *
 * What a file is, is decided by its content, never by its name, and a file can make nobody open another file. Sizes are
 * checked before anything is decoded. FFmpeg's log never reaches the terminal: its last words end up in our messages.
 */
#ifndef JIG_MEDIA_H
#define JIG_MEDIA_H

#include "base/base.h"

/* ---- pictures (picture.c, picture_load.c, picture_save.c, picture_resize.c) ---------------------------------------
 * 8-bit RGBA, sRGB, straight (not premultiplied) alpha, rows from the top, tightly packed: pixel (x, y) begins at
 * rgba[(y * w + x) * 4]. A Picture is the caller's: {0} is empty, picture_finish empties it. Functions that make one
 * fill `out` whatever it held (they do not free it), and leave it empty when they fail; out may not be an input. */
enum { PICTURE_MAX_SIDE = 16384, PICTURE_MAX_PIXELS = 100000000 };

typedef struct Picture { int w, h; uint8_t *rgba; } Picture;

bool picture_init(Picture *p, int w, int h, Err *e); /* transparent black; 1..16384 a side, 100 Mpixel at most */
void picture_finish(Picture *p);
bool picture_copy(const Picture *p, Picture *out, Err *e);

/* Any picture FFmpeg reads: JPEG, PNG, WebP, GIF (its first picture), BMP, TIFF, ..., or a video's first frame. Turned
 * upright as its EXIF orientation (all eight) or a video's rotation says. A damaged or cut off picture is an error,
 * never a half grey one. Missing, empty, folder, not a picture, larger than allowed: each has its own message. */
bool picture_load(const char *path, Picture *out, Err *e);
/* The same from memory; name is for messages. */
bool picture_decode(const void *bytes, size_t n, const char *name, Picture *out, Err *e);

/* By the ending of path: .png, or .jpg/.jpeg with quality 1..100 (alpha over white). */
bool picture_save(const Picture *p, const char *path, int quality, Err *e);
/* The same in memory: *bytes is the caller's (mem_free). Same picture, same bytes. */
bool picture_encode_png(const Picture *p, uint8_t **bytes, size_t *n, Err *e);
/* Quality 1..100 as everywhere (quantisation tables of ITU-T T.81 annex K, scaled as the IJG does; the DC step is
 * fixed at 8); chroma at half resolution below 90. Alpha over white. */
bool picture_encode_jpeg(const Picture *p, int quality, uint8_t **bytes, size_t *n, Err *e);
/* What JPEG of that quality does to a picture, in place; alpha is kept. */
bool picture_degrade_jpeg(Picture *p, int quality, Err *e);

/* Bicubic (a = -0.5), kernel stretched when shrinking so that nothing aliases; colours weighted by alpha. For opaque
 * pictures equal to PIL's and torchvision's antialiased bicubic within rounding. Uses all threads. */
bool picture_resize(const Picture *p, int w, int h, Picture *out, Err *e);
/* The rectangle at (x, y); what lies outside p is transparent black. */
bool picture_crop(const Picture *p, int x, int y, int w, int h, Picture *out, Err *e);
void picture_flatten(Picture *p, const uint8_t rgb[3]); /* alpha over a colour, in place; opaque afterwards */
bool picture_has_alpha(const Picture *p);               /* any pixel that is not opaque */
bool picture_is_cut_out(const Picture *p);              /* its alpha is a mask: a pixel in a hundred is clear; rounded corners are none */
/* All pictures in rows of `columns`, each scaled to fit the same cell (the largest width and height, at most 512), on
 * a grey ground with a gap of 4 pixels. */
bool picture_contact_sheet(const Picture *pics, int n, int columns, Picture *out, Err *e);

/* ---- sound (sound.c, sound_load.c, wav.c) -------------------------------------------------------------------------
 * 32-bit floats, full scale +-1, interleaved; frame i, channel c is samples[i * channels + c]. At the rate of its
 * file. One or two channels: more are mixed down to two (ITU-R BS.775 weights). */
#define SOUND_MAX_SECONDS (6 * 3600.0)

typedef struct Sound {
    int rate, channels;
    int64_t frames;
    float *samples;
    int64_t repaired; /* NaN and infinite samples that became 0 */
    bool truncated;   /* the file ended early or was damaged; this is what could be decoded */
} Sound;

void sound_finish(Sound *s);

/* The sound of any file FFmpeg reads, from start_s (>= 0) for length_s seconds; length_s < 0: to the end. Time 0 is
 * the first sample, in a video its first frame: sound that begins later gets silence before it, sound that begins
 * earlier is cut. Encoder delay and padding are cut off where the file declares them. Damage, truncation and repaired
 * samples are logged as warnings. Errors: no sound stream, nothing decodable, nothing after start_s, more than 6 h,
 * more than fits in memory. */
bool sound_load(const char *path, double start_s, double length_s, Sound *out, Err *e);

typedef struct SoundInfo {
    int rate, channels;
    double seconds;  /* as the file says; 0 = it does not say */
    bool estimated;  /* seconds is a guess from size and bit rate */
    bool has_video;  /* moving pictures; a cover picture does not count */
    char codec[32];
    char title[200], artist[200]; /* empty when not in the file */
} SoundInfo;
bool sound_probe(const char *path, SoundInfo *info, Err *e);

/* Mean of the channels; *mono has s->frames samples, the caller's (mem_free). */
bool sound_to_mono(const Sound *s, float **mono, Err *e);
/* bits 16 (rounded, clipped) or 32 (float). Written whole or not at all; 4 GiB at most. */
bool sound_save_wav(const Sound *s, const char *path, int bits, Err *e);

/* ---- video out (video_writer.c) -----------------------------------------------------------------------------------
 * Frames and a song become a file; the container goes by the name's ending (today .mp4: H.264 yuv420p BT.709 and AAC,
 * index first so that it plays while it loads). First frame at time 0, every frame 1/fps long, as many as were given.
 * Sound has no shift and no lost or added sample: what AAC adds before and after is signalled by an edit list. Same
 * input, same bytes on the same machine. Written beside its place and renamed by video_writer_finish. */
typedef struct MediaKey { const char *key, *value; } MediaKey;

typedef struct VideoOptions {
    int w, h;            /* even, 16..8192 */
    int fps_num, fps_den; /* 1..1000 frames a second; den 0 counts as 1 */
    int quality;         /* 0..51, x264's constant rate factor, lower is better; -1 = 18 */
    const Sound *sound;  /* NULL: silent. Lives until finish */
    int64_t sound_from, sound_frames; /* the slice of sound, in sample frames; frames < 0: to its end */
    const char *title;   /* NULL: none */
    const MediaKey *keys; /* metadata; values of any length, up to 16 MiB together, survive unchanged */
    int n_keys;
    bool made_by_model;  /* says so by IPTC digital source type trainedAlgorithmicMedia, as metadata and as XMP */
} VideoOptions;

typedef struct VideoWriter VideoWriter;

bool video_writer_open(VideoWriter **out, const char *path, const VideoOptions *o, Err *e);
/* One frame of o.w x o.h pixels of `channels` bytes (3 RGB, 4 RGBA with alpha ignored), rows `stride` bytes apart. */
bool video_writer_frame(VideoWriter *v, const uint8_t *pixels, int channels, size_t stride, Err *e);
int64_t video_writer_frames(const VideoWriter *v);
/* Both free the writer. finish leaves either the whole file or, on error, what was there before. */
bool video_writer_finish(VideoWriter *v, Err *e);
void video_writer_abandon(VideoWriter *v); /* takes NULL */
bool video_writer_knows(const char *path); /* is the ending of path a container we can write? */

/* ---- video in (video_reader.c) ------------------------------------------------------------------------------------
 * Frames as upright pictures with square pixels, at their own times. Time 0 is the first frame, as in sound_load. */
typedef struct VideoInfo {
    int w, h;         /* of the pictures as video_reader_next gives them */
    double fps;       /* average */
    int64_t frames;   /* as the file says, else duration x fps */
    double seconds;   /* 0 = unknown */
    int rotation;     /* degrees clockwise that are applied: 0, 90, 180, 270 */
    bool has_sound;
    char codec[32];
} VideoInfo;

typedef struct VideoReader VideoReader;

bool video_reader_open(VideoReader **out, const char *path, Err *e);
void video_reader_info(const VideoReader *r, VideoInfo *info);
/* The next frame into *frame, which is the reader's and lasts until the next call, and its time. At the end *frame is
 * NULL and the result is true. Damaged frames are left out with a warning. */
bool video_reader_next(VideoReader *r, const Picture **frame, double *seconds, Err *e);
/* The next frame read will be the first one that begins at or after `seconds` (to half a frame). */
bool video_reader_seek(VideoReader *r, double seconds, Err *e);
void video_reader_close(VideoReader *r);

/* The value of a metadata key of a sound or video file, the caller's (mem_free); NULL with no error: there is none. */
bool video_metadata(const char *path, const char *key, char **value, Err *e);

/* ---- plots (plot_lines.c, plot_beats.c) -------------------------------------------------------------------- */
typedef struct PlotSeries {
    const char *name;
    const double *x, *y; /* x NULL: 0, 1, 2, ...; points that are not finite break the line */
    int n;
} PlotSeries;

typedef struct PlotOptions {
    const char *title, *x_label, *y_label; /* NULL: none */
    bool log_y;                            /* points at or below 0 break the line */
    int w, h;                              /* 0: 960 x 540 */
} PlotOptions;

bool plot_lines(const PlotSeries *series, int n, const PlotOptions *o, Picture *out, Err *e);

/* A song's waveform, onset strength, beats and downbeats, so that a person sees whether the grid is right. */
typedef struct PlotPart {
    double from, to;  /* seconds */
    int letter;       /* chooses the colour */
    char label[40];
} PlotPart;

typedef struct PlotBar {
    double from, to;      /* seconds */
    double tempo, energy; /* beats per minute, 0: unknown; 0..1 */
} PlotBar;

typedef struct BeatPlot {
    const char *title;
    const float *samples; /* mono [frames] */
    int64_t frames;
    double rate;
    const float *onset;   /* [n_onset], one each 1/onset_rate seconds; NULL: none */
    int64_t n_onset;
    double onset_rate;
    const double *beats;      /* [n_beats], seconds */
    const int *beat_in_bar;   /* [n_beats], 1 = downbeat; NULL: unknown */
    int n_beats;
    double tempo;             /* beats per minute, 0: not shown */
    double row_seconds;       /* 0: chosen so that beats stay apart, at most 30 */
    double start;             /* where in the song samples begin, seconds; all times above and below are the song's */
    const PlotPart *parts;    /* [n_parts], rising; none: 0 */
    int n_parts;
    const PlotBar *bars;      /* [n_bars], rising; none: 0 */
    int n_bars;
    int first_bar;            /* number of the first downbeat; 0: 1 */
} BeatPlot;

bool plot_beats(const BeatPlot *p, Picture *out, Err *e);

#endif
