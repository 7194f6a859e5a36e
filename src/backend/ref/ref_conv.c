/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: convolution and its gradients, plain and transposed.
 *
 * A convolution links a wide side (x of a plain one) and a narrow side (y of a plain one): narrow position o and tap k
 * meet wide position o*stride - pad_lo + k*dilation. Weights are always [narrow channels, wide channels / groups,
 * taps]. A transposed convolution has x narrow and y wide. So three loops do everything: wide to narrow (forward;
 * gradient of a transposed one), narrow to wide (the other way round), and both to weights.
 */
#include "backend/ref/ref_internal.h"

#include <string.h>

typedef struct Sides {
    const ConvGeom *g;
    Tensor wide, narrow;  /* [B, T, H, W, C] */
    int64_t cw, cn, taps; /* channels of each side in all; taps = kt*kh*kw */
    float *w;             /* F [taps][cn][cw / groups] */
} Sides;

static Sides sides(const ConvArgs *a)
{
    const int64_t *k = a->geom.kernel;
    Sides s = {&a->geom, a->geom.transposed ? a->y : a->x, a->geom.transposed ? a->x : a->y};
    s.cw = s.wide.shape.d[4];
    s.cn = s.narrow.shape.d[4];
    s.taps = k[0] * k[1] * k[2];
    return s;
}

/* w as [taps][cn][cw / groups], so that the inner loop runs over neighbours. */
static void read_weights(Sides *s, const Tensor *w)
{
    int64_t pairs = s->cn * (s->cw / s->g->groups);
    s->w = mem_alloc(sizeof(float) * (size_t)MAX(pairs * s->taps, 1));
    for (int64_t i = 0; i < pairs; i++)
        for (int64_t t = 0; t < s->taps; t++) s->w[t * pairs + i] = ref_at(w, i * s->taps + t);
}

/* What happens at one meeting of a narrow position, a tap and a wide position: pointers to the channels of each. */
typedef void Meet(const Sides *s, float *wide, float *narrow, int64_t tap);

static void for_all_meetings(const Sides *s, float *wide, float *narrow, Meet *meet)
{
    const ConvGeom *g = s->g;
    const int64_t *wd = s->wide.shape.d, *nd = s->narrow.shape.d, *k = g->kernel;
    int64_t positions = nd[0] * nd[1] * nd[2] * nd[3];
    for (int64_t p = 0; p < positions; p++) {
        int64_t at[3] = {p / (nd[3] * nd[2]) % nd[1], p / nd[3] % nd[2], p % nd[3]}, b = p / (nd[3] * nd[2] * nd[1]);
        for (int64_t tap = 0; tap < s->taps; tap++) {
            int64_t tk[3] = {tap / (k[2] * k[1]), tap / k[2] % k[1], tap % k[2]}, q = b;
            bool inside = true;
            for (int i = 0; i < 3; i++) {
                int64_t v = at[i] * g->stride[i] - g->pad_lo[i] + tk[i] * g->dilation[i];
                inside = inside && v >= 0 && v < wd[i + 1];
                q = q * wd[i + 1] + v;
            }
            if (inside) meet(s, wide + q * s->cw, narrow + p * s->cn, tap);
        }
    }
}

static void meet_to_narrow(const Sides *s, float *wide, float *narrow, int64_t tap)
{
    int64_t per_wide = s->cw / s->g->groups, per_narrow = s->cn / s->g->groups;
    for (int64_t n = 0; n < s->cn; n++) {
        const float *w = s->w + (tap * s->cn + n) * per_wide, *x = wide + n / per_narrow * per_wide;
        float sum = 0;
        for (int64_t c = 0; c < per_wide; c++) sum += w[c] * x[c];
        narrow[n] += sum;
    }
}

static void meet_to_wide(const Sides *s, float *wide, float *narrow, int64_t tap)
{
    int64_t per_wide = s->cw / s->g->groups, per_narrow = s->cn / s->g->groups;
    for (int64_t n = 0; n < s->cn; n++) {
        const float *w = s->w + (tap * s->cn + n) * per_wide;
        float *x = wide + n / per_narrow * per_wide;
        for (int64_t c = 0; c < per_wide; c++) x[c] += w[c] * narrow[n];
    }
}

static void meet_to_weights(const Sides *s, float *wide, float *narrow, int64_t tap)
{
    int64_t per_wide = s->cw / s->g->groups, per_narrow = s->cn / s->g->groups;
    for (int64_t n = 0; n < s->cn; n++) {
        float *w = s->w + (tap * s->cn + n) * per_wide;
        const float *x = wide + n / per_narrow * per_wide;
        for (int64_t c = 0; c < per_wide; c++) w[c] += x[c] * narrow[n];
    }
}

/* to = sum over meetings of from, in f32; the caller frees. */
static float *run(Sides *s, const Tensor *w, bool to_narrow)
{
    Tensor from_t = to_narrow ? s->wide : s->narrow, to_t = to_narrow ? s->narrow : s->wide;
    read_weights(s, w);
    float *from = ref_floats(from_t.type, from_t.data, shape_count(from_t.shape));
    float *to = mem_zero(sizeof(float) * (size_t)MAX(shape_count(to_t.shape), 1));
    if (to_narrow) for_all_meetings(s, from, to, meet_to_narrow);
    else for_all_meetings(s, to, from, meet_to_wide);
    mem_free(from);
    mem_free(s->w);
    return to;
}

void ref_conv(const ConvArgs *a)
{
    Sides s = sides(a);
    float *y = run(&s, &a->w, !a->geom.transposed);
    int64_t n = shape_count(a->y.shape), co = a->y.shape.d[4];
    for (int64_t i = 0; i < n; i++)
        y[i] = ref_act(a->act, y[i] + (a->b ? ref_at(a->b, i % co) : 0) + (a->r ? ref_at(a->r, i) : 0));
    ref_store(y, a->y.type, a->y.data, n);
}

void ref_conv_grad_x(const ConvArgs *a)
{
    Sides s = sides(a);
    float *dx = run(&s, &a->w, a->geom.transposed);
    ref_store(dx, a->x.type, a->x.data, shape_count(a->x.shape));
}

void ref_conv_grad_w(const ConvArgs *a)
{
    Sides s = sides(a);
    int64_t pairs = s.cn * (s.cw / s.g->groups), co = a->y.shape.d[4];
    s.w = mem_zero(sizeof(float) * (size_t)MAX(pairs * s.taps, 1));
    float *wide = ref_floats(s.wide.type, s.wide.data, shape_count(s.wide.shape));
    float *narrow = ref_floats(s.narrow.type, s.narrow.data, shape_count(s.narrow.shape));
    for_all_meetings(&s, wide, narrow, meet_to_weights);
    float *dw = a->w.data;
    for (int64_t i = 0; i < pairs; i++)
        for (int64_t t = 0; t < s.taps; t++) dw[i * s.taps + t] = s.w[t * pairs + i];
    if (a->b) {
        float *db = a->b->data;
        memset(db, 0, sizeof(float) * (size_t)co);
        for (int64_t i = 0; i < shape_count(a->y.shape); i++) db[i % co] += ref_at(&a->y, i);
    }
    mem_free(wide);
    mem_free(narrow);
    mem_free(s.w);
}
