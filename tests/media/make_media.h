/* SPDX-License-Identifier: Apache-2.0
 *
 * Test inputs that jig itself cannot write, made by FFmpeg's encoders, and bytes that tests patch.
 */
#ifndef JIG_TESTS_MAKE_MEDIA_H
#define JIG_TESTS_MAKE_MEDIA_H

#include "media/media.h"

/* p by FFmpeg's encoder of that name ("bmp", "tiff", "libwebp") as a whole file; false: there is no such encoder. */
bool make_still(const char *encoder, const Picture *p, uint8_t **bytes, size_t *n);

/* s as a sound file of a muxer ("mp3", "ogg", "flac", "ipod", "adts") by an encoder; false: there is no such encoder.
 */
bool make_sound_file(const char *path, const char *muxer, const char *encoder, const Sound *s);

/* A picture that differs at every place, smooth enough for lossy codecs. */
void make_test_picture(Picture *p, int w, int h, bool alpha);

/* Noise without its highest frequencies: its autocorrelation has one sharp peak, and codecs keep it. */
void make_test_sound(Sound *s, int rate, int channels, int64_t frames);

/* The shift in samples (at most +-most) by which b lies later than a, by the largest correlation of their first
 * channels. */
int measure_shift(const Sound *a, const Sound *b, int most);

#endif
