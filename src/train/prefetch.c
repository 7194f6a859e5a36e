/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples made ahead of time. A ring of batches; workers take sample numbers in order (ticket t is row t % batch of
 * batch t / batch) and wait while the ring has no free slot, so whatever their number and speed, batch k holds the same
 * samples. Workers run a little nicer than the training thread. A failed sample ends the run with its message when its
 * batch is due.
 */
#include "train/train_internal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { RING = 3, WORKERS = 64, WORKER_NICE = 5 };

struct Prefetch {
    const TrainTask *task;
    void *net;
    int64_t batch, first_batch, end_batch; /* end_batch: INT64_MAX = endless */
    TrainBatch ring[RING];
    int64_t filled[RING]; /* rows done of the batch that lies in the slot */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* by monotonic clock */
    int64_t next_ticket;    /* relative to first_batch */
    int64_t consumed;       /* batches released, relative to first_batch */
    bool held_out, stop;
    int64_t failed_ticket; /* -1: none */
    Err failure;
    pthread_t threads[WORKERS];
    void *workers[WORKERS];
    int n_workers, n_threads;
};

typedef struct WorkerStart {
    Prefetch *p;
    int index;
} WorkerStart;

static bool take_ticket(Prefetch *p, int64_t *ticket)
{
    pthread_mutex_lock(&p->lock);
    for (;;) {
        int64_t b = p->next_ticket / p->batch;
        bool over = p->stop || p->failed_ticket >= 0 || p->first_batch + b >= p->end_batch;
        if (over || b < p->consumed + RING) {
            *ticket = p->next_ticket;
            p->next_ticket += !over;
            pthread_mutex_unlock(&p->lock);
            return !over;
        }
        pthread_cond_wait(&p->changed, &p->lock);
    }
}

static void deliver(Prefetch *p, int64_t ticket, bool ok, const Err *failure)
{
    pthread_mutex_lock(&p->lock);
    if (ok)
        p->filled[ticket / p->batch % RING]++;
    else if (p->failed_ticket < 0 || ticket < p->failed_ticket) {
        p->failed_ticket = ticket;
        p->failure = *failure;
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
    WorkerStart start = *(WorkerStart *)arg;
    mem_free(arg);
    Prefetch *p = start.p;
    setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + WORKER_NICE);
    int64_t ticket;
    while (take_ticket(p, &ticket)) {
        TrainBatch *b = &p->ring[ticket / p->batch % RING];
        void *rows[TRAIN_INPUTS];
        for (int i = 0; i < b->n_inputs; i++)
            rows[i] = train_batch_row(b, i, ticket % p->batch);
        Err failure = {0};
        uint64_t index = (uint64_t)(p->first_batch * p->batch + ticket);
        bool ok = p->task->sample(p->net, p->workers[start.index], index, p->held_out, rows, &failure);
        deliver(p, ticket, ok, &failure);
    }
    return NULL;
}

static bool allocate(Prefetch *p, Err *e)
{
    int n;
    const TrainInput *inputs = p->task->inputs(p->net, &n);
    assert(n <= TRAIN_INPUTS);
    for (int s = 0; s < RING; s++) {
        TrainBatch *b = &p->ring[s];
        *b = (TrainBatch){.size = p->batch, .held_out = p->held_out, .inputs = inputs, .n_inputs = n};
        for (int i = 0; i < n; i++) {
            size_t bytes;
            if (!mem_product(&bytes, 3, (size_t)p->batch, (size_t)shape_count(inputs[i].row),
                             dtype_size(inputs[i].type)) ||
                !(b->data[i] = mem_try(bytes)))
                return err_set(e, "batch of %lld samples: no memory for \"%s\"", (long long)p->batch, inputs[i].name);
            memset(b->data[i], 0, bytes);
        }
    }
    return true;
}

Prefetch *prefetch_create(const TrainTask *task, void *net, int64_t batch, int64_t first_batch, int64_t batches,
                          bool held_out, int workers, Err *e)
{
    Prefetch *p = mem_zero(sizeof *p);
    *p = (Prefetch){.task = task,
                    .net = net,
                    .batch = batch,
                    .first_batch = first_batch,
                    .held_out = held_out,
                    .end_batch = batches > 0 ? first_batch + batches : INT64_MAX,
                    .failed_ticket = -1};
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&p->lock, NULL);
    bool ok = allocate(p, e);
    for (int i = 0; ok && i < CLAMP(workers, 1, WORKERS); i++) {
        p->workers[p->n_workers++] = task->worker_create(net);
        WorkerStart *start = mem_alloc(sizeof *start);
        *start = (WorkerStart){p, i};
        int code = pthread_create(&p->threads[i], NULL, work, start);
        if (code) {
            mem_free(start);
            ok = err_set(e, "worker thread %d of %d cannot be started: %s", i + 1, workers, strerror(code));
        } else
            p->n_threads++;
    }
    if (ok)
        return p;
    prefetch_destroy(p);
    return NULL;
}

void prefetch_destroy(Prefetch *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    for (int i = 0; i < p->n_workers; i++)
        p->task->worker_destroy(p->workers[i]);
    for (int s = 0; s < RING; s++)
        for (int i = 0; i < p->ring[s].n_inputs; i++)
            mem_free(p->ring[s].data[i]);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* Waits until something changes, at most a tenth of a second, so that cancelling stays possible. */
static void wait_a_moment(Prefetch *p)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&p->changed, &p->lock, &until);
}

TrainBatch *prefetch_next(Prefetch *p, const Progress *progress, double done, double total, Err *e)
{
    int64_t number = p->consumed;
    TrainBatch *b = &p->ring[number % RING];
    b->first = (uint64_t)((p->first_batch + number) * p->batch);
    bool ok = true;
    pthread_mutex_lock(&p->lock);
    while (ok && p->filled[number % RING] < p->batch) {
        if (p->failed_ticket >= 0 && p->failed_ticket < (number + 1) * p->batch) {
            if (e && !e->text[0])
                *e = p->failure;
            ok = false;
            break;
        }
        wait_a_moment(p);
        pthread_mutex_unlock(&p->lock);
        ok = progress_tick(progress, "training", done, total) || err_cancel(e);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return ok ? b : NULL;
}

void prefetch_release(Prefetch *p)
{
    pthread_mutex_lock(&p->lock);
    p->filled[p->consumed % RING] = 0;
    p->consumed++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}
