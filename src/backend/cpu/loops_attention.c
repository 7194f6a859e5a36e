/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: softmax attention and its gradient.
 *
 * Queries are taken QB at a time, keys KB at a time, so scores only ever exist as one QB x KB tile in the second-level cache. With
 * more than one block of keys the softmax is updated as it goes (Milakov & Gimelshein 2018; FlashAttention, Dao 2022).
 * One thread does whole sequences (a head of one sequence at a time); when there are few, the forward pass also cuts them
 * into blocks of queries. All arithmetic is f32.
 * A query whose keys are all masked gets 0.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/tokens.h"

enum { QB = 48, KB = 256 };

typedef struct Attend {
    const AttentionArgs *a;
    int64_t q_blocks;        /* blocks of queries of one sequence */
    int64_t D, K;            /* dim and nk, padded to whole vectors */
    int64_t tile;            /* width of a score tile: at most KB keys */
    int64_t parts;           /* gradient with dbias: shares of the sequences, each with its own sums */
    float *dbias;            /* [parts, heads, nq, nk] */
} Attend;

/* A head of one sequence, and the thread's matrices. */
typedef struct Sequence {
    const Attend *s;
    int64_t o, i;
    int h;
    float *kt, *v;                       /* K^T [D, K], V [nk, D] */
    float *q, *scores, *out, *top, *sum; /* Q [QB, D], S then P [QB, tile], O [QB, D]; running maximum and sum [QB] */
    /* gradient only */
    float *k, *vt, *dout, *dscores, *dq, *dk, *dv, *delta; /* K [nk, D], V^T [D, K], dO, dS, dQ; dK, dV [nk, D]; [QB] */
} Sequence;

static Attend setup(const AttentionArgs *a)
{
    return (Attend){.a = a, .q_blocks = (a->nq + QB - 1) / QB, .D = padded(a->dim), .K = padded(a->nk),
                    .tile = padded(MIN(a->nk, KB))};
}

/* Cuts the thread's scratch into the matrices; all sizes are whole vectors. */
static Sequence matrices(const Attend *s, bool gradient)
{
    int64_t row = s->a->nk * s->D, col = s->D * s->K, q = QB * s->D, t = QB * s->tile;
    int64_t base = col + row + 2 * q + t + 3 * 64, more = gradient ? col + 3 * row + 2 * q + t + 64 : 0;
    float *p = cpu_scratch(SCRATCH_OWN, sizeof(float) * (size_t)(base + more));
    Sequence m = {.s = s};
    struct { float **at; int64_t n; } parts[] = {
        {&m.kt, col}, {&m.v, row}, {&m.q, q}, {&m.out, q}, {&m.scores, t}, {&m.top, 64}, {&m.sum, 64}, {&m.delta, 64},
        {&m.vt, col}, {&m.k, row}, {&m.dk, row}, {&m.dv, row}, {&m.dout, q}, {&m.dq, q}, {&m.dscores, t},
    };
    int n = gradient ? ARRAY_LEN(parts) : 8;
    for (int i = 0; i < n; i++) {
        *parts[i].at = p;
        p += parts[i].n;
    }
    return m;
}

/* ---- scores --------------------------------------------------------------------------------------------------------- */

/* How many of the keys k0..k0+n query i may see. */
static int64_t causal_count(const AttentionArgs *a, int64_t i, int64_t k0, int64_t n)
{
    return CLAMP(i + a->nk - a->nq + 1 - k0, 0, n);
}

/* scores = q k^T + bias for queries q0.. (rows of m->q) and keys k0..k0+n; hidden ones -infinity, and also those that fill
 * up the last vector: so all that follows may work on whole vectors. */
static void score_tile(const Sequence *m, int64_t q0, int64_t rows, int64_t k0, int64_t n)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    V(gemm)(rows, padded(n), a->dim, m->q, s->D, 1, m->kt + k0, s->K, m->scores, s->tile, false);
    for (int64_t r = 0; r < rows; r++) {
        float *x = m->scores + r * s->tile;
        for (int64_t j = n; j < padded(n); j++) x[j] = -INFINITY;
        if (a->bias) {
            const float *b = a->bias + (m->h * a->nq + q0 + r) * a->nk + k0;
            SIMD for (int64_t j = 0; j < n; j++) x[j] += b[j];
        }
        if (a->key_mask) {
            const uint8_t *there = a->key_mask + m->o * a->nk + k0;
            SIMD for (int64_t j = 0; j < n; j++) x[j] = there[j] ? x[j] : -INFINITY;
        }
        if (a->causal)
            for (int64_t j = causal_count(a, q0 + r, k0, n); j < n; j++) x[j] = -INFINITY;
    }
}

/* Scores of a row (whole vectors) become exp(score - new maximum); returns by how much earlier sums and outputs must be
 * multiplied. */
static float soften(float *x, int64_t n, float *top, float *sum)
{
    Vec tops = v_all(-INFINITY), totals = {0};
    for (int64_t j = 0; j < n; j += VN) {
        Vec v = v_load(x + j);
        SIMD for (int i = 0; i < VN; i++) tops[i] = v[i] > tops[i] ? v[i] : tops[i];
    }
    float new_top = MAX(*top, lanes_max(tops)), shift = new_top == -INFINITY ? 0 : new_top;
    float factor = *top == -INFINITY ? 0 : f_exp(*top - shift);
    for (int64_t j = 0; j < n; j += VN) {
        Vec v = v_load(x + j);
        SIMD for (int i = 0; i < VN; i++) v[i] = f_exp(v[i] - shift);
        v_store(x + j, v);
        totals += v;
    }
    float total = lanes_sum(totals);
    *top = new_top;
    *sum = *sum * factor + total;
    return factor;
}

/* out [rows, D] = sum of exp(score - top) v, with top and sum of each row; not yet divided by sum. */
static void attend_block(const Sequence *m, int64_t q0, int64_t rows)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    for (int64_t r = 0; r < rows; r++) {
        m->top[r] = -INFINITY;
        m->sum[r] = 0;
    }
    for (int64_t k0 = 0; k0 < a->nk; k0 += KB) {
        int64_t n = MIN(KB, a->nk - k0);
        score_tile(m, q0, rows, k0, n);
        for (int64_t r = 0; r < rows; r++) {
            float factor = soften(m->scores + r * s->tile, padded(n), &m->top[r], &m->sum[r]), *out = m->out + r * s->D;
            if (k0 > 0 && factor != 1) {
                SIMD for (int64_t c = 0; c < s->D; c++) out[c] *= factor;
            }
        }
        V(gemm)(rows, s->D, n, m->scores, s->tile, 1, m->v + k0 * s->D, s->D, m->out, s->D, k0 > 0);
    }
}

/* ---- forward -------------------------------------------------------------------------------------------------------- */

static void load_keys(const Sequence *m)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    Head k = head_of(a, m->o, m->i, m->h, a->nk, a->k_pitch), v = head_of(a, m->o, m->i, m->h, a->nk, a->v_pitch);
    load_rows(k, a->k, 0, a->nk, a->dim, 1, m->v, s->D); /* v is filled next and serves as room until then */
    turn_rows(m->v, s->D, a->nk, a->dim, m->kt, s->K);
    load_rows(v, a->v, 0, a->nk, a->dim, 1, m->v, s->D);
}

static void forward_blocks(void *ctx, int64_t from, int64_t to)
{
    const Attend *s = ctx;
    const AttentionArgs *a = s->a;
    Sequence m = matrices(s, false);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t seq = unit / s->q_blocks, q0 = unit % s->q_blocks * QB, rows = MIN(QB, a->nq - q0);
        if (unit == from || q0 == 0) {
            m.h = (int)(seq % a->heads);
            m.i = seq / a->heads % a->inner;
            m.o = seq / a->heads / a->inner;
            load_keys(&m);
        }
        load_rows(head_of(a, m.o, m.i, m.h, a->nq, a->q_pitch), a->q, q0, rows, a->dim, a->scale, m.q, s->D);
        attend_block(&m, q0, rows);
        for (int64_t r = 0; r < rows; r++) {
            float *out = m.out + r * s->D, scale = m.sum[r] > 0 ? 1 / m.sum[r] : 0;
            SIMD for (int64_t c = 0; c < s->D; c++) out[c] *= scale;
        }
        store_rows(head_of(a, m.o, m.i, m.h, a->nq, a->out_pitch), a->out, q0, rows, a->dim, 1, m.out, s->D);
    }
}

void V(attention)(const AttentionArgs *a)
{
    if (a->nk == 0) return;
    Attend s = setup(a);
    int64_t units = a->outer * a->inner * a->heads * s.q_blocks;
    threads_for(units, 65536 / (MIN(a->nq, QB) * a->nk * a->dim + 1) + 1, forward_blocks, &s);
}

/* ---- gradient ------------------------------------------------------------------------------------------------------- */

/* P = exp(score - top) / sum in m->scores, dP = dO V^T in m->dscores, for keys k0..k0+n. */
static void probabilities(const Sequence *m, int64_t q0, int64_t rows, int64_t k0, int64_t n)
{
    const Attend *s = m->s;
    score_tile(m, q0, rows, k0, n);
    for (int64_t r = 0; r < rows; r++) {
        float *x = m->scores + r * s->tile, top = m->top[r] == -INFINITY ? 0 : m->top[r];
        float scale = m->sum[r] > 0 ? 1 / m->sum[r] : 0;
        SIMD for (int64_t j = 0; j < padded(n); j++) x[j] = f_exp(x[j] - top) * scale;
    }
    V(gemm)(rows, padded(n), s->a->dim, m->dout, s->D, 1, m->vt + k0, s->K, m->dscores, s->tile, false);
}

/* From P and dP to dS = P (dP - delta), and all that follows from it. */
static void spread(const Sequence *m, float *dbias, int64_t q0, int64_t rows, int64_t k0, int64_t n)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    V(gemm)(n, s->D, rows, m->scores, 1, s->tile, m->dout, s->D, m->dv + k0 * s->D, s->D, true);
    for (int64_t r = 0; r < rows; r++) {
        float *ds = m->dscores + r * s->tile, *p = m->scores + r * s->tile, delta = m->delta[r];
        SIMD for (int64_t j = 0; j < padded(n); j++) ds[j] = p[j] * (ds[j] - delta);
        if (dbias) {
            float *b = dbias + (q0 + r) * a->nk + k0;
            SIMD for (int64_t j = 0; j < n; j++) b[j] += ds[j];
        }
    }
    V(gemm)(rows, s->D, n, m->dscores, s->tile, 1, m->k + k0 * s->D, s->D, m->dq, s->D, k0 > 0);
    V(gemm)(n, s->D, rows, m->dscores, 1, s->tile, m->q, s->D, m->dk + k0 * s->D, s->D, true);
}

static float dot(const float *x, const float *y, int64_t n)
{
    float sum = 0;
    _Pragma("omp simd reduction(+:sum)") for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* Maximum and sum of each row (by a forward pass), and delta = sum over keys of P dP = sum over channels of dO O. */
static void row_statistics(const Sequence *m, int64_t q0, int64_t rows)
{
    const Attend *s = m->s;
    attend_block(m, q0, rows);
    for (int64_t r = 0; r < rows; r++) {
        float scale = m->sum[r] > 0 ? 1 / m->sum[r] : 0;
        m->delta[r] = scale * dot(m->out + r * s->D, m->dout + r * s->D, s->D);
    }
}

/* With all keys in one tile P is kept, and the forward pass is saved. */
static void single_tile(const Sequence *m, int64_t q0, int64_t rows)
{
    const Attend *s = m->s;
    int64_t n = s->a->nk;
    score_tile(m, q0, rows, 0, n);
    V(gemm)(rows, padded(n), s->a->dim, m->dout, s->D, 1, m->vt, s->K, m->dscores, s->tile, false);
    for (int64_t r = 0; r < rows; r++) {
        float *p = m->scores + r * s->tile, top = -INFINITY, sum = 0;
        soften(p, padded(n), &top, &sum);
        float scale = sum > 0 ? 1 / sum : 0;
        SIMD for (int64_t j = 0; j < padded(n); j++) p[j] *= scale;
        m->delta[r] = dot(p, m->dscores + r * s->tile, padded(n));
    }
}

static void gradient_sequence(Sequence *m, float *dbias)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    Head k = head_of(a, m->o, m->i, m->h, a->nk, a->k_pitch), q = head_of(a, m->o, m->i, m->h, a->nq, a->q_pitch);
    load_keys(m);
    load_rows(k, a->k, 0, a->nk, a->dim, 1, m->k, s->D);
    turn_rows(m->v, s->D, a->nk, a->dim, m->vt, s->K);
    memset(m->dk, 0, sizeof(float) * (size_t)(a->nk * s->D));
    memset(m->dv, 0, sizeof(float) * (size_t)(a->nk * s->D));
    for (int64_t q0 = 0; q0 < a->nq; q0 += QB) {
        int64_t rows = MIN(QB, a->nq - q0);
        load_rows(q, a->q, q0, rows, a->dim, a->scale, m->q, s->D);
        load_rows(head_of(a, m->o, m->i, m->h, a->nq, a->out_pitch), a->dout, q0, rows, a->dim, 1, m->dout, s->D);
        if (a->nk <= KB) {
            single_tile(m, q0, rows);
            spread(m, dbias, q0, rows, 0, a->nk);
        } else {
            row_statistics(m, q0, rows);
            for (int64_t k0 = 0; k0 < a->nk; k0 += KB) {
                int64_t n = MIN(KB, a->nk - k0);
                probabilities(m, q0, rows, k0, n);
                spread(m, dbias, q0, rows, k0, n);
            }
        }
        store_rows(head_of(a, m->o, m->i, m->h, a->nq, a->dq_pitch), a->dq, q0, rows, a->dim, a->scale, m->dq, s->D);
    }
    /* q was scaled on loading, so dk = dS^T (scale q) is whole */
    store_rows(head_of(a, m->o, m->i, m->h, a->nk, a->dk_pitch), a->dk, 0, a->nk, a->dim, 1, m->dk, s->D);
    store_rows(head_of(a, m->o, m->i, m->h, a->nk, a->dv_pitch), a->dv, 0, a->nk, a->dim, 1, m->dv, s->D);
}

/* unit = (share of the sequences, head); without dbias a share is one sequence */
static void gradient_units(void *ctx, int64_t from, int64_t to)
{
    const Attend *s = ctx;
    const AttentionArgs *a = s->a;
    Sequence m = matrices(s, true);
    int64_t sequences = a->outer * a->inner;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t part = unit / a->heads;
        m.h = (int)(unit % a->heads);
        float *dbias = s->dbias ? s->dbias + unit * a->nq * a->nk : NULL;
        if (dbias) memset(dbias, 0, sizeof(float) * (size_t)(a->nq * a->nk));
        for (int64_t seq = part * sequences / s->parts; seq < (part + 1) * sequences / s->parts; seq++) {
            m.o = seq / a->inner;
            m.i = seq % a->inner;
            gradient_sequence(&m, dbias);
        }
    }
}

#define PARTS 16
#define PARTS_BYTES ((int64_t)64 << 20)

void V(attention_grad)(const AttentionArgs *a)
{
    Attend s = setup(a);
    int64_t sequences = a->outer * a->inner, count = a->heads * a->nq * a->nk;
    s.parts = sequences;
    if (a->dbias) {
        s.parts = CLAMP(PARTS_BYTES / (count * 4 + 1), 1, MIN(PARTS, MAX(sequences, 1)));
        s.dbias = cpu_scratch(SCRATCH_SHARED, sizeof(float) * (size_t)(s.parts * count + 1));
    }
    threads_for(s.parts * a->heads, 1, gradient_units, &s);
    if (!a->dbias) return;
    memcpy(a->dbias, s.dbias, sizeof(float) * (size_t)count);
    for (int64_t p = 1; p < s.parts; p++) {
        const float *more = s.dbias + p * count;
        float *sum = a->dbias;
        SIMD for (int64_t i = 0; i < count; i++) sum[i] += more[i];
    }
}
