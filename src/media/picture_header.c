/* SPDX-License-Identifier: Apache-2.0
 *
 * What the first bytes of a picture say before it is decoded: kind, size, EXIF orientation, and whether the file ends
 * before the picture does. Sources: JPEG ITU-T T.81 annex B; EXIF 2.32 (TIFF 6.0 directories), tag 0x0112; PNG 3rd
 * edition; GIF89a; WebP container RFC 9649; Windows BMP headers. Every read is checked against the end; a header that
 * makes no sense just yields size 0, and the decoder then says what is wrong.
 */
#include "media/media_internal.h"

#include <string.h>

static uint32_t le(const uint8_t *p, int bytes)
{
    uint32_t x = 0;
    for (int i = bytes - 1; i >= 0; i--)
        x = x << 8 | p[i];
    return x;
}

static uint32_t be(const uint8_t *p, int bytes)
{
    uint32_t x = 0;
    for (int i = 0; i < bytes; i++)
        x = x << 8 | p[i];
    return x;
}

/* Orientation from a TIFF structure: byte order, 42, offset of the first directory; 12 bytes an entry. */
static int tiff_orientation(const uint8_t *p, size_t n)
{
    if (n < 14 || (memcmp(p, "II*\0", 4) && memcmp(p, "MM\0*", 4)))
        return 1;
    uint32_t (*get)(const uint8_t *, int) = p[0] == 'I' ? le : be;
    size_t at = get(p + 4, 4);
    if (at > n - 2)
        return 1;
    size_t entries = get(p + at, 2);
    at += 2;
    for (size_t i = 0; i < entries && at + 12 <= n; i++, at += 12) {
        if (get(p + at, 2) != 0x0112)
            continue;
        uint32_t value = get(p + at + 8, 2); /* a SHORT stands at the beginning of the value field */
        return get(p + at + 2, 2) == 3 && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

static void jpeg_header(PictureHeader *h, const uint8_t *p, size_t n)
{
    size_t at = 2;
    while (at + 4 <= n && p[at] == 0xFF) {
        uint8_t marker = p[at + 1];
        if (marker == 0xFF || marker == 0x01 ||
            (marker >= 0xD0 && marker <= 0xD8)) { /* fill bytes, markers without length */
            at += marker == 0xFF ? 1 : 2;
            continue;
        }
        size_t length = be(p + at + 2, 2);
        const uint8_t *body = p + at + 4;
        if (length < 2 || length > n - at - 2)
            break;
        bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (frame && length >= 7) {
            h->h = be(body + 1, 2);
            h->w = be(body + 3, 2);
        } else if (marker == 0xE1 && length >= 8 && !memcmp(body, "Exif\0\0", 6)) {
            h->orientation = tiff_orientation(body + 6, length - 8);
        } else if (marker == 0xDA || marker == 0xD9) {
            break;
        }
        at += 2 + length;
    }
    /* The end mark must follow the last scan; what cameras append after it does not matter. */
    h->cut = true;
    for (size_t i = at; i + 2 <= n && h->cut; i++) {
        const uint8_t *mark = memchr(p + i, 0xFF, n - 1 - i);
        if (!mark)
            break;
        i = (size_t)(mark - p);
        h->cut = mark[1] != 0xD9;
    }
}

static void png_header(PictureHeader *h, const uint8_t *p, size_t n)
{
    h->cut = true;
    for (size_t at = 8; at + 12 <= n;) {
        size_t length = be(p + at, 4);
        const uint8_t *type = p + at + 4, *body = p + at + 8;
        if (length > n - at - 12)
            return;
        if (!memcmp(type, "IHDR", 4) && length >= 8) {
            h->w = be(body, 4);
            h->h = be(body + 4, 4);
        } else if (!memcmp(type, "eXIf", 4)) {
            h->orientation = tiff_orientation(body, length);
        } else if (!memcmp(type, "IEND", 4)) {
            h->cut = false;
            return;
        }
        at += 12 + length;
    }
}

static void webp_header(PictureHeader *h, const uint8_t *p, size_t n)
{
    size_t end = (size_t)le(p + 4, 4) + 8;
    h->cut = end > n;
    end = MIN(end, n);
    for (size_t at = 12; at + 8 <= end;) {
        size_t length = le(p + at + 4, 4);
        const uint8_t *type = p + at, *body = p + at + 8;
        if (length > end - at - 8)
            return;
        if (!memcmp(type, "VP8X", 4) && length >= 10) {
            h->animated = body[0] & 2;
            h->w = le(body + 4, 3) + 1;
            h->h = le(body + 7, 3) + 1;
        } else if (!memcmp(type, "VP8 ", 4) && length >= 10 && !h->w) {
            h->w = le(body + 6, 2) & 0x3FFF;
            h->h = le(body + 8, 2) & 0x3FFF;
        } else if (!memcmp(type, "VP8L", 4) && length >= 5 && !h->w) {
            uint32_t sizes = le(body + 1, 4);
            h->w = (sizes & 0x3FFF) + 1;
            h->h = (sizes >> 14 & 0x3FFF) + 1;
        } else if (!memcmp(type, "EXIF", 4)) {
            bool prefixed = length >= 6 && !memcmp(body, "Exif\0\0", 6);
            h->orientation = tiff_orientation(body + (prefixed ? 6 : 0), length - (prefixed ? 6 : 0));
        }
        at += 8 + length + (length & 1);
    }
}

/* After the sub-blocks that begin at `at`; 0 when the file ends first. */
static size_t after_sub_blocks(const uint8_t *p, size_t n, size_t at)
{
    while (at < n) {
        size_t length = p[at];
        at += 1 + length;
        if (!length)
            return at;
    }
    return 0;
}

static size_t colour_table(uint8_t flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

static void gif_header(PictureHeader *h, const uint8_t *p, size_t n)
{
    if (n < 13)
        return;
    h->w = le(p + 6, 2);
    h->h = le(p + 8, 2);
    h->cut = true;
    for (size_t at = 13 + colour_table(p[10]); at && at < n;) {
        if (p[at] == 0x21) {
            at = after_sub_blocks(p, n, at + 2);
        } else if (p[at] == 0x2C && at + 10 < n) {
            h->cut = !after_sub_blocks(p, n, at + 11 + colour_table(p[at + 9]));
            return;
        } else {
            return;
        }
    }
}

static void bmp_header(PictureHeader *h, const uint8_t *p, size_t n)
{
    if (n < 26)
        return;
    bool old = le(p + 14, 4) == 12;
    int32_t height = old ? (int32_t)le(p + 20, 2) : (int32_t)le(p + 22, 4);
    h->w = old ? le(p + 18, 2) : le(p + 18, 4);
    h->h = height < 0 ? -(int64_t)height : height; /* negative: rows from the top */
}

PictureHeader picture_header(const uint8_t *p, size_t n)
{
    PictureHeader h = {.orientation = 1};
    if (n >= 4 && !memcmp(p, "\xFF\xD8\xFF", 3)) {
        h.kind = PICTURE_JPEG;
        jpeg_header(&h, p, n);
    } else if (n >= 8 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8)) {
        h.kind = PICTURE_PNG;
        png_header(&h, p, n);
    } else if (n >= 16 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WEBP", 4)) {
        h.kind = PICTURE_WEBP;
        webp_header(&h, p, n);
    } else if (n >= 6 && (!memcmp(p, "GIF87a", 6) || !memcmp(p, "GIF89a", 6))) {
        h.kind = PICTURE_GIF;
        gif_header(&h, p, n);
    } else if (n >= 18 && !memcmp(p, "BM", 2) && le(p + 14, 4) >= 12 && le(p + 14, 4) <= 256) {
        h.kind = PICTURE_BMP;
        bmp_header(&h, p, n);
    }
    return h;
}

bool picture_size_allowed(int64_t w, int64_t h, Err *e)
{
    if (w < 1 || h < 1 || w > PICTURE_MAX_SIDE || h > PICTURE_MAX_SIDE)
        return err_set(e, "the picture is %lld x %lld; allowed are 1 to %d pixels a side", (long long)w, (long long)h,
                       PICTURE_MAX_SIDE);
    if (w * h > PICTURE_MAX_PIXELS)
        return err_set(e, "the picture is %lld x %lld = %.1f megapixels; allowed are %d", (long long)w, (long long)h,
                       (double)(w * h) / 1e6, PICTURE_MAX_PIXELS / 1000000);
    return true;
}
