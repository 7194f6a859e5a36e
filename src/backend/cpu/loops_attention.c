/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu loops: softmax attention and its gradient.
 *
 * Queries are taken QB at a time, keys KB at a time, so scores only ever exist as one QB x KB tile in the second-level
 * cache. With more than one block of keys the softmax is updated as it goes (Milakov & Gimelshein 2018; FlashAttention,
 * Dao 2022). One thread does whole sequences; when there are few, the forward pass also cuts them into blocks of
 * queries. Neighbouring heads lie side by side in memory, and tokens far apart (time attention: megabytes, all in one
 * set of the cache), so as many heads as fit the cache are loaded together. Sums and softmax are f32; operands of the
 * products are rounded to bf16 where tensors are bf16 and the processor multiplies that faster. A query whose keys are
 * all masked gets 0.
 */
#include "backend/cpu/loops.h"
#include "backend/cpu/tokens.h"

enum { QB = 48, KB = 256, GROUP_BYTES = 384 * 1024 };

typedef struct Attend {
    const AttentionArgs *a;
    int64_t q_blocks;        /* blocks of queries of one sequence */
    int64_t D, K;            /* dim and nk, padded to whole vectors */
    int64_t tile;            /* width of a score tile: at most KB keys */
    int G, groups;           /* heads loaded together; groups of heads */
    int64_t P;               /* pitch of the rows of a group */
    int64_t parts;           /* gradient with dbias: shares of the sequences, each with its own sums */
    int64_t biases;          /* different ones: sequence o takes o % biases */
    float *dbias;            /* [parts, biases, heads, nq, nk] */
} Attend;

/* A group of heads of one sequence, the head that is worked on, and the thread's matrices. A matrix of rows has pitch P
 * and holds all heads of the group; transposed ones lie one after the other. */
typedef struct Sequence {
    const Attend *s;
    int64_t o, i;
    int first, g;                        /* first head of the group; head in the group */
    float *kt, *v;                       /* K^T [G][D, K], V [nk, P] */
    float *q, *scores, *out, *top, *sum; /* Q [QB, P], S then P [QB, tile], O [QB, P]; running maximum and sum [QB] */
    /* gradient only */
    float *k, *vt, *dk, *dv;             /* K [nk, P], V^T [G][D, K], dK and dV [nk, P] */
    float *dout, *dscores, *dq, *delta;  /* dO [QB, P], dS [QB, tile], dQ [QB, P], [QB] */
} Sequence;

static Attend setup(const AttentionArgs *a, int64_t matrices)
{
    Attend s = {.a = a,
                .q_blocks = (a->nq + QB - 1) / QB,
                .D = padded(a->dim),
                .biases = MAX(a->bias_groups, 1),
                .K = padded(a->nk),
                .tile = padded(MIN(a->nk, KB))};
    int64_t head = MAX(a->nk * a->dim * 4 * matrices, 1), tasks = a->outer * a->inner * s.q_blocks;
    s.G = a->dim % VN == 0 ? (int)CLAMP(GROUP_BYTES / head, 1, a->heads) : 1;
    while (s.G > 1 && tasks * ((a->heads + s.G - 1) / s.G) < 4 * threads_count()) s.G /= 2;
    s.groups = (a->heads + s.G - 1) / s.G;
    s.P = padded(s.G * a->dim);
    if (s.P / VN % 2 == 0) s.P += VN; /* rows an even number of vectors apart would meet in few sets of the cache */
    return s;
}

/* Cuts the thread's scratch into the matrices; all sizes are whole vectors. */
static Sequence matrices(const Attend *s, bool gradient)
{
    int64_t row = s->a->nk * s->P, col = s->G * s->D * s->K, q = QB * s->P, t = QB * s->tile;
    int64_t base = col + row + 2 * q + t + 3 * 64, more = gradient ? col + 3 * row + 2 * q + t : 0;
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

static void place(Sequence *m, int64_t sequence, int group)
{
    m->o = sequence / m->s->a->inner;
    m->i = sequence % m->s->a->inner;
    m->first = group * m->s->G;
}

static int heads_here(const Sequence *m)
{
    return MIN(m->s->G, m->s->a->heads - m->first);
}

/* Columns of the head in a matrix of rows; its own transposed matrix. */
static float *mine(const Sequence *m, float *rows)
{
    return rows + m->g * m->s->a->dim;
}

static float *turned(const Sequence *m, float *columns)
{
    return columns + m->g * m->s->D * m->s->K;
}

static void load(const Sequence *m, const void *p, int64_t pitch, int64_t count, int64_t from, int64_t n, float scale,
                 float *to)
{
    const AttentionArgs *a = m->s->a;
    load_rows(head_of(a, m->o, m->i, m->first, count, pitch), p, from, n, heads_here(m) * a->dim, scale, to, m->s->P);
}

static void store(const Sequence *m, void *p, int64_t pitch, int64_t count, int64_t from, int64_t n, float scale,
                  const float *rows)
{
    const AttentionArgs *a = m->s->a;
    store_rows(head_of(a, m->o, m->i, m->first, count, pitch), p, from, n, heads_here(m) * a->dim, scale, rows,
               m->s->P);
}

static void turn(Sequence *m, const float *rows, float *columns)
{
    const Attend *s = m->s;
    for (m->g = 0; m->g < heads_here(m); m->g++)
        turn_rows(rows + m->g * s->a->dim, s->P, s->a->nk, s->a->dim, turned(m, columns), s->K);
}

static void multiply(const Sequence *m, int64_t rows, int64_t cols, int64_t k, const float *A, int64_t a_row,
                     int64_t a_col, const float *B, int64_t ldb, float *C, int64_t ldc, bool add)
{
    V(product)(m->s->a->type, rows, cols, k, A, a_row, a_col, B, ldb, C, ldc, add);
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* How many of the keys k0..k0+n query i may see. */
static int64_t causal_count(const AttentionArgs *a, int64_t i, int64_t k0, int64_t n)
{
    return CLAMP(i + a->nk - a->nq + 1 - k0, 0, n);
}

/* scores = q k^T + bias for queries q0.. (rows of m->q) and keys k0..k0+n; hidden ones -infinity, and also those that
 * fill up the last vector: so all that follows may work on whole vectors. */
static void score_tile(const Sequence *m, int64_t q0, int64_t rows, int64_t k0, int64_t n)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    multiply(m, rows, padded(n), a->dim, mine(m, m->q), s->P, 1, turned(m, m->kt) + k0, s->K, m->scores, s->tile,
             false);
    for (int64_t r = 0; r < rows; r++) {
        float *x = m->scores + r * s->tile;
        for (int64_t j = n; j < padded(n); j++) x[j] = -INFINITY;
        if (a->bias) {
            int64_t head = m->o % s->biases * a->heads + m->first + m->g;
            const float *b = a->bias + (head * a->nq + q0 + r) * a->nk + k0;
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

/* out [rows, D] of the head = sum of exp(score - top) v, with top and sum of each row; not yet divided by sum. */
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
            float factor = soften(m->scores + r * s->tile, padded(n), &m->top[r], &m->sum[r]),
                  *out = mine(m, m->out) + r * s->P;
            if (k0 > 0 && factor != 1) {
                SIMD for (int64_t c = 0; c < s->D; c++) out[c] *= factor;
            }
        }
        multiply(m, rows, s->D, n, m->scores, s->tile, 1, mine(m, m->v) + k0 * s->P, s->P, mine(m, m->out), s->P,
                 k0 > 0);
    }
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void load_keys(Sequence *m)
{
    const AttentionArgs *a = m->s->a;
    load(m, a->k, a->k_pitch, a->nk, 0, a->nk, 1, m->v); /* v is filled next and serves as room until then */
    turn(m, m->v, m->kt);
    load(m, a->v, a->v_pitch, a->nk, 0, a->nk, 1, m->v);
}

static void forward_blocks(void *ctx, int64_t from, int64_t to)
{
    const Attend *s = ctx;
    const AttentionArgs *a = s->a;
    Sequence m = matrices(s, false);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t task = unit / s->q_blocks, q0 = unit % s->q_blocks * QB, rows = MIN(QB, a->nq - q0);
        if (unit == from || q0 == 0) {
            place(&m, task / s->groups, (int)(task % s->groups));
            load_keys(&m);
        }
        load(&m, a->q, a->q_pitch, a->nq, q0, rows, a->scale, m.q);
        for (m.g = 0; m.g < heads_here(&m); m.g++) {
            attend_block(&m, q0, rows);
            for (int64_t r = 0; r < rows; r++) {
                float *out = mine(&m, m.out) + r * s->P, scale = m.sum[r] > 0 ? 1 / m.sum[r] : 0;
                SIMD for (int64_t c = 0; c < s->D; c++) out[c] *= scale;
            }
        }
        store(&m, a->out, a->out_pitch, a->nq, q0, rows, 1, m.out);
    }
}

void V(attention)(const AttentionArgs *a)
{
    Attend s = setup(a, 2);
    int64_t units = a->outer * a->inner * s.groups * s.q_blocks;
    threads_for(units, 65536 / (MIN(a->nq, QB) * a->nk * a->dim * s.G + 1) + 1, forward_blocks, &s);
}

/* ---- gradient ---------------------------------------------------------------------------------------------------- */

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
    multiply(m, rows, padded(n), s->a->dim, mine(m, m->dout), s->P, 1, turned(m, m->vt) + k0, s->K, m->dscores,
             s->tile, false);
}

/* From P and dP to dS = P (dP - delta), and all that follows from it. */
static void spread(const Sequence *m, float *dbias, int64_t q0, int64_t rows, int64_t k0, int64_t n)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    multiply(m, n, s->D, rows, m->scores, 1, s->tile, mine(m, m->dout), s->P, mine(m, m->dv) + k0 * s->P, s->P, true);
    for (int64_t r = 0; r < rows; r++) {
        float *ds = m->dscores + r * s->tile, *p = m->scores + r * s->tile, delta = m->delta[r];
        SIMD for (int64_t j = 0; j < padded(n); j++) ds[j] = p[j] * (ds[j] - delta);
        if (dbias) {
            float *b = dbias + (q0 + r) * a->nk + k0;
            SIMD for (int64_t j = 0; j < n; j++) b[j] += ds[j];
        }
    }
    multiply(m, rows, s->D, n, m->dscores, s->tile, 1, mine(m, m->k) + k0 * s->P, s->P, mine(m, m->dq), s->P, k0 > 0);
    multiply(m, n, s->D, rows, m->dscores, 1, s->tile, mine(m, m->q), s->P, mine(m, m->dk) + k0 * s->P, s->P, true);
}

static float dot(const float *x, const float *y, int64_t n)
{
    Vec sums = {0};
    int64_t i = 0;
    for (; i + VN <= n; i += VN) sums += v_load(x + i) * v_load(y + i);
    float sum = lanes_sum(sums);
    for (; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* Maximum and sum of each row (by a forward pass), and delta = sum over keys of P dP = sum over channels of dO O. */
static void row_statistics(const Sequence *m, int64_t q0, int64_t rows)
{
    const Attend *s = m->s;
    attend_block(m, q0, rows);
    for (int64_t r = 0; r < rows; r++) {
        float scale = m->sum[r] > 0 ? 1 / m->sum[r] : 0;
        m->delta[r] = scale * dot(mine(m, m->out) + r * s->P, mine(m, m->dout) + r * s->P, s->a->dim);
    }
}

/* With all keys in one tile P is kept, and the forward pass is saved. */
static void single_tile(const Sequence *m, int64_t q0, int64_t rows)
{
    const Attend *s = m->s;
    int64_t n = s->a->nk;
    score_tile(m, q0, rows, 0, n);
    multiply(m, rows, padded(n), s->a->dim, mine(m, m->dout), s->P, 1, turned(m, m->vt), s->K, m->dscores, s->tile,
             false);
    for (int64_t r = 0; r < rows; r++) {
        float *p = m->scores + r * s->tile, top = -INFINITY, sum = 0;
        soften(p, padded(n), &top, &sum);
        float scale = sum > 0 ? 1 / sum : 0;
        SIMD for (int64_t j = 0; j < padded(n); j++) p[j] *= scale;
        m->delta[r] = dot(p, m->dscores + r * s->tile, padded(n));
    }
}

/* One block of queries of one head; dbias [nq, nk] or NULL. */
static void gradient_block(const Sequence *m, float *dbias, int64_t q0, int64_t rows)
{
    int64_t nk = m->s->a->nk;
    if (nk <= KB) {
        single_tile(m, q0, rows);
        spread(m, dbias, q0, rows, 0, nk);
        return;
    }
    row_statistics(m, q0, rows);
    for (int64_t k0 = 0; k0 < nk; k0 += KB) {
        int64_t n = MIN(KB, nk - k0);
        probabilities(m, q0, rows, k0, n);
        spread(m, dbias, q0, rows, k0, n);
    }
}

/* All heads of the group; dbias [G, nq, nk] or NULL. */
static void gradient_sequence(Sequence *m, float *dbias)
{
    const Attend *s = m->s;
    const AttentionArgs *a = s->a;
    load_keys(m);
    load(m, a->k, a->k_pitch, a->nk, 0, a->nk, 1, m->k);
    turn(m, m->v, m->vt);
    memset(m->dk, 0, sizeof(float) * (size_t)(a->nk * s->P));
    memset(m->dv, 0, sizeof(float) * (size_t)(a->nk * s->P));
    for (int64_t q0 = 0; q0 < a->nq; q0 += QB) {
        int64_t rows = MIN(QB, a->nq - q0);
        load(m, a->q, a->q_pitch, a->nq, q0, rows, a->scale, m->q);
        load(m, a->dout, a->out_pitch, a->nq, q0, rows, 1, m->dout);
        for (m->g = 0; m->g < heads_here(m); m->g++)
            gradient_block(m, dbias ? dbias + m->g * a->nq * a->nk : NULL, q0, rows);
        store(m, a->dq, a->dq_pitch, a->nq, q0, rows, a->scale, m->dq);
    }
    /* q was scaled on loading, so dk = dS^T (scale q) is whole */
    store(m, a->dk, a->dk_pitch, a->nk, 0, a->nk, 1, m->dk);
    store(m, a->dv, a->dv_pitch, a->nk, 0, a->nk, 1, m->dv);
}

/* unit = (share of the sequences, group of heads); without dbias a share is one sequence */
static void gradient_units(void *ctx, int64_t from, int64_t to)
{
    const Attend *s = ctx;
    const AttentionArgs *a = s->a;
    Sequence m = matrices(s, true);
    int64_t sequences = a->outer * a->inner, square = a->nq * a->nk;
    for (int64_t unit = from; unit < to; unit++) {
        int64_t part = unit / s->groups;
        int group = (int)(unit % s->groups);
        float *dbias = s->dbias ? s->dbias + (part * s->biases * a->heads + group * s->G) * square : NULL;
        place(&m, 0, group);
        for (int64_t b = 0; dbias && b < s->biases; b++)
            memset(dbias + b * a->heads * square, 0, sizeof(float) * (size_t)(heads_here(&m) * square));
        for (int64_t seq = part * sequences / s->parts; seq < (part + 1) * sequences / s->parts; seq++) {
            place(&m, seq, group);
            gradient_sequence(&m, dbias ? dbias + m.o % s->biases * a->heads * square : NULL);
        }
    }
}

#define PARTS 16
#define PARTS_BYTES ((int64_t)64 << 20)

void V(attention_grad)(const AttentionArgs *a)
{
    Attend s = setup(a, 6);
    int64_t sequences = a->outer * a->inner, count = s.biases * a->heads * a->nq * a->nk;
    s.parts = sequences;
    if (a->dbias) {
        s.parts = CLAMP(PARTS_BYTES / (count * 4 + 1), 1, MIN(PARTS, MAX(sequences, 1)));
        s.dbias = cpu_scratch(SCRATCH_SHARED, sizeof(float) * (size_t)(s.parts * count + 1));
    }
    threads_for(s.parts * s.groups, 1, gradient_units, &s);
    if (!a->dbias) return;
    memcpy(a->dbias, s.dbias, sizeof(float) * (size_t)count);
    for (int64_t p = 1; p < s.parts; p++) {
        const float *more = s.dbias + p * count;
        float *sum = a->dbias;
        SIMD for (int64_t i = 0; i < count; i++) sum[i] += more[i];
    }
}
