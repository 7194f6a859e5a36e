/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures in memory: making, turning, cutting, laying over a colour, contact sheets. Straight-alpha RGBA, 4 bytes a
 * pixel, rows from the top.
 */
#include "media/media_internal.h"

#include <string.h>

bool picture_init(Picture *p, int w, int h, Err *e)
{
    *p = (Picture){0};
    if (!picture_size_allowed(w, h, e))
        return false;
    size_t bytes = (size_t)w * (size_t)h * 4; /* at most 400 MB by the check above */
    p->rgba = mem_try(bytes);
    if (!p->rgba)
        return err_set(e, "out of memory for a picture of %d x %d", w, h);
    memset(p->rgba, 0, bytes);
    p->w = w;
    p->h = h;
    return true;
}

void picture_finish(Picture *p)
{
    if (!p)
        return;
    mem_free(p->rgba);
    *p = (Picture){0};
}

bool picture_copy(const Picture *p, Picture *out, Err *e)
{
    if (!picture_init(out, p->w, p->h, e))
        return false;
    memcpy(out->rgba, p->rgba, (size_t)p->w * (size_t)p->h * 4);
    return true;
}

bool picture_has_alpha(const Picture *p)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    for (size_t i = 0; i < n; i++)
        if (p->rgba[i * 4 + 3] != 255)
            return true;
    return false;
}

bool picture_is_cut_out(const Picture *p)
{
    size_t n = (size_t)p->w * (size_t)p->h, clear = 0;
    for (size_t i = 0; i < n; i++)
        clear += p->rgba[i * 4 + 3] < 128;
    return clear * 100 >= n;
}

/* c = (fg * a + bg * (255 - a)) / 255, rounded. */
static uint8_t over(uint8_t fg, uint8_t bg, uint8_t alpha)
{
    return (uint8_t)((fg * alpha + bg * (255 - alpha) + 127) / 255);
}

void picture_flatten(Picture *p, const uint8_t rgb[3])
{
    size_t n = (size_t)p->w * (size_t)p->h;
    for (size_t i = 0; i < n; i++) {
        uint8_t *px = p->rgba + i * 4;
        for (int c = 0; c < 3; c++)
            px[c] = over(px[c], rgb[c], px[3]);
        px[3] = 255;
    }
}

bool picture_crop(const Picture *p, int x, int y, int w, int h, Picture *out, Err *e)
{
    if (!picture_init(out, w, h, e))
        return false;
    int64_t left = MAX((int64_t)x, 0), right = MIN((int64_t)x + w, p->w);
    for (int row = 0; row < h && left < right; row++) {
        int64_t from = (int64_t)y + row;
        if (from >= 0 && from < p->h)
            memcpy(out->rgba + ((int64_t)row * w + (left - x)) * 4, p->rgba + (from * p->w + left) * 4,
                   (size_t)(right - left) * 4);
    }
    return true;
}

/* EXIF orientation o says where row 0 and column 0 of the stored picture belong: 1 top left, 2 top right, 3 bottom
 * right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom. From 5 on, rows and columns change
 * places. */
bool picture_orient(Picture *p, int orientation, Err *e)
{
    if (orientation <= 1 || orientation > 8)
        return true;
    bool turned = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Picture out;
    if (!picture_init(&out, turned ? p->h : p->w, turned ? p->w : p->h, e))
        return false;
    for (int y = 0; y < out.h; y++)
        for (int x = 0; x < out.w; x++) {
            int sx = turned ? y : x, sy = turned ? x : y;
            sx = from_right ? p->w - 1 - sx : sx;
            sy = from_bottom ? p->h - 1 - sy : sy;
            memcpy(out.rgba + ((size_t)y * out.w + x) * 4, p->rgba + ((size_t)sy * p->w + sx) * 4, 4);
        }
    picture_finish(p);
    *p = out;
    return true;
}

/* Scales one picture into its cell, in the middle, alpha over what is there. */
static bool put_in_cell(const Picture *p, Picture *sheet, int x, int y, int cell_w, int cell_h, Err *e)
{
    double scale = MIN((double)cell_w / p->w, (double)cell_h / p->h);
    int w = CLAMP((int)(p->w * scale + 0.5), 1, cell_w), h = CLAMP((int)(p->h * scale + 0.5), 1, cell_h);
    Picture small;
    if (!picture_resize(p, w, h, &small, e))
        return false;
    x += (cell_w - w) / 2;
    y += (cell_h - h) / 2;
    for (int row = 0; row < h; row++)
        for (int col = 0; col < w; col++) {
            const uint8_t *from = small.rgba + ((size_t)row * w + col) * 4;
            uint8_t *to = sheet->rgba + ((size_t)(y + row) * sheet->w + x + col) * 4;
            for (int c = 0; c < 3; c++)
                to[c] = over(from[c], to[c], from[3]);
        }
    picture_finish(&small);
    return true;
}

bool picture_contact_sheet(const Picture *pics, int n, int columns, Picture *out, Err *e)
{
    enum { GAP = 4, LARGEST = 512 };
    *out = (Picture){0};
    if (n < 1 || columns < 1)
        return err_set(e, "a contact sheet of %d pictures in %d columns; at least one of each is needed", n, columns);
    columns = MIN(columns, n);
    int rows = (n + columns - 1) / columns, cell_w = 1, cell_h = 1;
    for (int i = 0; i < n; i++) {
        cell_w = MAX(cell_w, MIN(pics[i].w, LARGEST));
        cell_h = MAX(cell_h, MIN(pics[i].h, LARGEST));
    }
    int64_t w = (int64_t)columns * (cell_w + GAP) + GAP, h = (int64_t)rows * (cell_h + GAP) + GAP;
    if (!picture_size_allowed(w, h, e) || !picture_init(out, (int)w, (int)h, e))
        return err_context(e, "contact sheet");
    picture_flatten(out, (const uint8_t[]){128, 128, 128});
    for (int i = 0; i < n; i++) {
        int x = GAP + i % columns * (cell_w + GAP), y = GAP + i / columns * (cell_h + GAP);
        if (!put_in_cell(&pics[i], out, x, y, cell_w, cell_h, e)) {
            picture_finish(out);
            return false;
        }
    }
    return true;
}
