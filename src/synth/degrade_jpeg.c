/* SPDX-License-Identifier: Apache-2.0
 *
 * JPEG's loss without its file: YCbCr (JFIF), chroma halved, 8x8 cosine transform, rounding by the tables of ITU-T T.81
 * annex K, and back. Entropy coding loses nothing, so it is left out; that makes it ten times faster than encoding, and
 * renderings for training need it for every second picture.
 */
#include "synth/degrade.h"
#include "synth/fast.h"

#include <math.h>
#include <string.h>

static const uint8_t luma_steps[64] = {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                                       14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                                       18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                                       49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
static const uint8_t chroma_steps[64] = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                         24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                         99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                         99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

/* cosine[k][x] = c(k)/2 cos((2x + 1) k pi / 16), orthonormal; and its transpose. */
typedef struct Basis { float forward[8][8], back[8][8]; } Basis;

static void basis_init(Basis *b)
{
    for (int k = 0; k < 8; k++)
        for (int x = 0; x < 8; x++)
            b->forward[k][x] = b->back[x][k] = (k ? 0.5f : 0.35355339f) * cosf((2 * x + 1) * k * (float)M_PI / 16);
}

/* out = m in, for 8x8 matrices: rows of `in` are added with weights, which vectorises. */
SYNTH_INLINE void product(const float m[8][8], const float in[8][8], float out[8][8])
{
    for (int i = 0; i < 8; i++) {
        float row[8] = {0};
        for (int k = 0; k < 8; k++)
            for (int j = 0; j < 8; j++)
                row[j] += m[i][k] * in[k][j];
        memcpy(out[i], row, sizeof row);
    }
}

SYNTH_INLINE void lossy_block(const Basis *b, const float steps[64], const float inverse[64], float *at, int stride)
{
    float a[8][8], t[8][8];
    for (int y = 0; y < 8; y++)
        memcpy(a[y], at + (size_t)y * stride, sizeof a[y]);
    product(b->forward, a, t);    /* C A */
    product(t, b->back, a);       /* C A C^T */
    float *v = &a[0][0];
    for (int i = 0; i < 64; i++) { /* rounded to nearest by the trick of adding 1.5 * 2^23 */
        float q = v[i] * inverse[i] + 12582912.0f;
        v[i] = (q - 12582912.0f) * steps[i];
    }
    product(b->back, a, t);
    product(t, b->forward, a);
    for (int y = 0; y < 8; y++)
        memcpy(at + (size_t)y * stride, a[y], sizeof a[y]);
}

SYNTH_FAST static void lossy_plane(const Basis *b, const uint8_t table[64], int quality, float *plane, int side)
{
    int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    float steps[64], inverse[64];
    for (int i = 0; i < 64; i++) {
        steps[i] = CLAMP((table[i] * scale + 50) / 100, 1, 255);
        inverse[i] = 1 / steps[i];
    }
    for (int y = 0; y < side; y += 8)
        for (int x = 0; x < side; x += 8)
            lossy_block(b, steps, inverse, plane + (size_t)y * side + x, side);
}

SYNTH_FAST void degrade_jpeg(int quality, int size, uint8_t *rgb)
{
    int side = (size + 15) / 16 * 16, half = side / 2;
    float *luma = mem_alloc(sizeof *luma * side * side), *blue = mem_zero(sizeof *blue * half * half),
          *red = mem_zero(sizeof *red * half * half);
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            const uint8_t *p = rgb + 3 * ((size_t)MIN(y, size - 1) * size + MIN(x, size - 1));
            luma[(size_t)y * side + x] = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] - 128;
            size_t h = (size_t)(y / 2) * half + x / 2;
            blue[h] += 0.25f * (-0.168736f * p[0] - 0.331264f * p[1] + 0.5f * p[2]);
            red[h] += 0.25f * (0.5f * p[0] - 0.418688f * p[1] - 0.081312f * p[2]);
        }
    }
    Basis b;
    basis_init(&b);
    lossy_plane(&b, luma_steps, quality, luma, side);
    lossy_plane(&b, chroma_steps, quality, blue, half);
    lossy_plane(&b, chroma_steps, quality, red, half);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t h = (size_t)(y / 2) * half + x / 2;
            float l = luma[(size_t)y * side + x] + 128.5f;
            uint8_t *p = rgb + 3 * ((size_t)y * size + x);
            p[0] = (uint8_t)CLAMP(l + 1.402f * red[h], 0.0f, 255.0f);
            p[1] = (uint8_t)CLAMP(l - 0.344136f * blue[h] - 0.714136f * red[h], 0.0f, 255.0f);
            p[2] = (uint8_t)CLAMP(l + 1.772f * blue[h], 0.0f, 255.0f);
        }
    mem_free(luma);
    mem_free(blue);
    mem_free(red);
}
