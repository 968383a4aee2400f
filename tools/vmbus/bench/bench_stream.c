/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_stream.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vmbus/bench/bench.h"

#define TRY_NS 500000.0

/* What the two processes tell each other: the number of the run, and what it was. */
struct meeting {
    _Alignas(64) uint32_t asked; /* Counts; UINT32_MAX ends it. */
    uint32_t check;
    uint64_t count;
    _Alignas(64) uint32_t born; /* The receiver is there, */
    uint32_t begun;             /* and in this run. */
    _Alignas(64) uint32_t done;
    uint64_t sum;
    uint64_t ended;
};

struct stream {
    const struct transport_kind *kind;
    struct transport *transport;
    struct meeting *meeting;
    uint32_t bytes;
    pid_t child;
};

uint8_t stream_payload[TRANSPORT_LARGEST];

static void stream_wait(const uint32_t *word, uint32_t value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
    }
}

static void stream_receive(struct stream *stream)
{
    struct meeting *meeting = stream->meeting;
    uint32_t run = 0, asked;

    for (;;) {
        while ((asked = __atomic_load_n(&meeting->asked, __ATOMIC_ACQUIRE)) == run) {
        }
        if (asked == UINT32_MAX) {
            _exit(0);
        }
        run = asked;
        __atomic_store_n(&meeting->begun, run, __ATOMIC_RELEASE);
        meeting->sum = stream->kind->receive(stream->transport, stream->bytes, meeting->count,
                                             meeting->check != 0);
        meeting->ended = bench_now_ns();
        __atomic_store_n(&meeting->done, run, __ATOMIC_RELEASE);
    }
}

static double stream_try(struct stream *stream, uint64_t count, bool check)
{
    struct meeting *meeting = stream->meeting;
    uint32_t run = meeting->asked + 1;
    uint64_t started;

    meeting->count = count;
    meeting->check = check ? 1 : 0;
    __atomic_store_n(&meeting->asked, run, __ATOMIC_RELEASE);
    stream_wait(&meeting->begun, run);
    started = bench_now_ns();
    stream->kind->send(stream->transport, stream_payload, stream->bytes, count);
    stream_wait(&meeting->done, run);
    return (double)(meeting->ended - started) / (double)count;
}

struct stream *stream_open(const struct transport_kind *kind, uint32_t bytes)
{
    struct transport *transport = kind->make();
    struct stream *stream;

    if (transport == NULL) {
        return NULL;
    }
    stream = bench_memory(64, sizeof(*stream));
    stream->kind = kind;
    stream->transport = transport;
    stream->bytes = bytes;
    stream->meeting = bench_shared(sizeof(*stream->meeting));
    fflush(stdout);
    stream->child = fork();
    if (stream->child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(1);
        transport_touch(transport);
        __atomic_store_n(&stream->meeting->born, 1, __ATOMIC_RELEASE);
        stream_receive(stream);
    }
    if (stream->child < 0) {
        perror("vmbus bench: fork");
        exit(3);
    }
    bench_pin(0);
    transport_touch(transport);
    while (__atomic_load_n(&stream->meeting->born, __ATOMIC_ACQUIRE) == 0) {
        (void)usleep(50); /* It may have to leave this CPU first. */
    }
    (void)stream_try(stream, 2u * transport_ring_bytes / (bytes + 24) + 64, false);
    return stream;
}

void stream_close(struct stream *stream)
{
    __atomic_store_n(&stream->meeting->asked, UINT32_MAX, __ATOMIC_RELEASE);
    (void)waitpid(stream->child, NULL, 0);
    bench_shared_free(stream->meeting, sizeof(*stream->meeting));
    stream->kind->free(stream->transport);
    free(stream);
}

double stream_run(struct stream *stream, uint64_t count)
{
    return stream_try(stream, count, false);
}

double stream_best(struct stream *stream, double ns, uint32_t tries)
{
    uint64_t count = (uint64_t)(TRY_NS / ns) + 32;
    double best = stream_try(stream, count, false), again;

    for (uint32_t i = 1; i < tries; i++) {
        again = stream_try(stream, count, false);
        best = again < best ? again : best;
    }
    return best;
}

uint64_t stream_sum(struct stream *stream, uint64_t count)
{
    (void)stream_try(stream, count, true);
    return stream->meeting->sum;
}
