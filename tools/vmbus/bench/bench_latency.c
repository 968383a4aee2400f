/* SPDX-License-Identifier: MIT */
/*
 * There and back between two processes: spinning, beside lines of cache that are passed to and fro;
 * sleeping, beside what a program would use instead.
 *
 * Two floors: everything on one line, as one would do for nothing but this; and the word that says
 * so in one page, the data in another, which is the least that VMBus allows: its indices lie on a
 * page without data.
 */
#include "tools/vmbus/bench/bench.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#define RING_BYTES   16384u
#define SPIN_TRIPS   4000u
#define SLEEP_TRIPS  150u
#define PACKET_BYTES 16u

enum kind {
    FLOOR_ONE, /* A line with 16 bytes of data and its flag, each way. */
    FLOOR,     /* A line of data and one with the flag. */
    RING_SPINNING,
    EVENTFD,
    RING_SLEEPING, /* The ring decides whether to write the eventfd. */
    FUTEX,
    PIPE,
    SOCKET,
    KINDS
};

static const char *const names[KINDS] = {"line of data and flag, spinning",
                                         "lines of data and of flag, spinning",
                                         "ring, spinning",
                                         "eventfd",
                                         "ring and eventfd, sleeping",
                                         "futex",
                                         "pipe",
                                         "Unix socket"};

/* One direction. */
struct way {
    _Alignas(64) uint32_t flag;
    uint64_t data[2];                /* On the same line, as a cunning user would. */
    _Alignas(4096) uint64_t more[2]; /* On a line of another page, as a ring's data. */
    _Alignas(64) uint32_t word;
    _Alignas(64) struct vmb_ring_tx tx;
    _Alignas(64) struct vmb_ring_rx rx;
    uint8_t *ring;
    int file[2]; /* To read from, to write to. */
};

static void way_die(const char *what)
{
    perror(what);
    exit(3);
}

static long way_futex(uint32_t *word, int operation, uint32_t value)
{
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void ring_say(struct way *way)
{
    const struct vmb_packet_out packet = {.type = VMB_PACKET_IN_BAND};
    const struct vmb_slice slice = {.bytes = way->data, .byte_count = PACKET_BYTES};
    uint64_t one = 1;

    if (vmb_ring_tx_write(&way->tx, &packet, &slice, 1) != VMB_OK) {
        way_die("vmbus bench: ring");
    }
    if (vmb_ring_tx_commit(&way->tx) && way->file[1] >= 0 &&
        write(way->file[1], &one, sizeof(one)) != sizeof(one)) {
        way_die("vmbus bench: eventfd");
    }
}

static void ring_hear(struct way *way, bool sleeps)
{
    struct vmb_packet packet;
    uint64_t buffer[2], count;

    while (vmb_ring_rx_next(&way->rx, buffer, sizeof(buffer), &packet) != VMB_OK) {
        if (sleeps && read(way->file[0], &count, sizeof(count)) != sizeof(count)) {
            way_die("vmbus bench: eventfd");
        }
    }
    if (sleeps) { /* Who spins answers first: nobody waits for this space. */
        bench_ignore(vmb_ring_rx_commit(&way->rx));
    }
}

static void way_say(struct way *way, enum kind kind, uint32_t trip)
{
    uint64_t one = 1;

    switch (kind) {
    case FLOOR_ONE:
        way->data[0] = trip;
        way->data[1] = trip;
        __atomic_store_n(&way->flag, trip, __ATOMIC_RELEASE);
        break;
    case FLOOR:
        way->more[0] = trip;
        way->more[1] = trip;
        __atomic_store_n(&way->flag, trip, __ATOMIC_RELEASE);
        break;
    case RING_SPINNING:
    case RING_SLEEPING:
        ring_say(way);
        break;
    case FUTEX:
        __atomic_store_n(&way->word, trip, __ATOMIC_RELEASE);
        (void)way_futex(&way->word, FUTEX_WAKE, 1);
        break;
    default:
        if (write(way->file[1], &one, sizeof(one)) != sizeof(one)) {
            way_die("vmbus bench: write");
        }
        break;
    }
}

static void way_hear(struct way *way, enum kind kind, uint32_t trip)
{
    uint64_t count;

    switch (kind) {
    case FLOOR_ONE:
    case FLOOR:
        while (__atomic_load_n(&way->flag, __ATOMIC_ACQUIRE) != trip) {
        }
        if ((kind == FLOOR ? *(volatile uint64_t *)way->more : *(volatile uint64_t *)way->data) !=
            trip) {
            way_die("vmbus bench: line");
        }
        break;
    case RING_SPINNING:
    case RING_SLEEPING:
        ring_hear(way, kind == RING_SLEEPING);
        break;
    case FUTEX:
        while (__atomic_load_n(&way->word, __ATOMIC_ACQUIRE) != trip) {
            (void)way_futex(&way->word, FUTEX_WAIT, trip - 1);
        }
        break;
    default:
        if (read(way->file[0], &count, sizeof(count)) != sizeof(count)) {
            way_die("vmbus bench: read");
        }
        break;
    }
}

static void way_open(struct way *way, enum kind kind)
{
    way->file[0] = way->file[1] = -1;
    way->ring = bench_shared(VMB_RING_MAPPING_BYTES(RING_BYTES));
    vmb_ring_format(way->ring);
    if (vmb_ring_tx_init(&way->tx, way->ring, RING_BYTES) != VMB_OK ||
        vmb_ring_rx_init(&way->rx, way->ring, RING_BYTES) != VMB_OK) {
        way_die("vmbus bench: ring");
    }
    if (kind == RING_SPINNING) {
        vmb_ring_rx_mask(&way->rx);
    }
    if (kind == EVENTFD || kind == RING_SLEEPING) {
        way->file[0] = way->file[1] = eventfd(0, 0);
    } else if (kind == PIPE && pipe(way->file) != 0) {
        way_die("vmbus bench: pipe");
    } else if (kind == SOCKET && socketpair(AF_UNIX, SOCK_STREAM, 0, way->file) != 0) {
        way_die("vmbus bench: socketpair");
    }
}

static void way_close(struct way *way)
{
    if (way->file[0] >= 0) {
        (void)close(way->file[0]);
    }
    if (way->file[1] >= 0 && way->file[1] != way->file[0]) {
        (void)close(way->file[1]);
    }
    bench_shared_free(way->ring, VMB_RING_MAPPING_BYTES(RING_BYTES));
}

static int latency_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Behind the answer: the space that was read goes back, an eighth of the ring at a time. */
static void way_rest(struct way *way, enum kind kind, uint32_t trip)
{
    if (kind == RING_SPINNING && trip % (RING_BYTES / 8 / (PACKET_BYTES + 24)) == 0) {
        bench_ignore(vmb_ring_rx_commit(&way->rx));
    }
}

/* Median ns of a round trip. */
static double latency_round(enum kind kind)
{
    static uint64_t times[SPIN_TRIPS];
    uint32_t trips = kind <= RING_SPINNING ? SPIN_TRIPS : SLEEP_TRIPS;
    struct way *ways = bench_shared(2 * sizeof(*ways));
    pid_t child;

    way_open(&ways[0], kind);
    way_open(&ways[1], kind);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        bench_pin(1);
        for (uint32_t trip = 1; trip <= trips; trip++) {
            way_hear(&ways[0], kind, trip);
            way_say(&ways[1], kind, trip);
            way_rest(&ways[0], kind, trip);
        }
        _exit(0);
    }
    if (child < 0) {
        way_die("vmbus bench: fork");
    }
    bench_pin(0);
    for (uint32_t trip = 1; trip <= trips; trip++) {
        uint64_t started = bench_now_ns();

        way_say(&ways[0], kind, trip);
        way_hear(&ways[1], kind, trip);
        times[trip - 1] = bench_now_ns() - started;
        way_rest(&ways[1], kind, trip);
    }
    (void)waitpid(child, NULL, 0);
    way_close(&ways[0]);
    way_close(&ways[1]);
    bench_shared_free(ways, 2 * sizeof(*ways));
    qsort(times, trips, sizeof(times[0]), latency_compare);
    return (double)times[trips / 2];
}

bool bench_latency(struct bench *bench)
{
    static struct bench_series series[KINDS];
    struct bench_series ratio;
    char name[96];

    for (uint32_t round = 0; round < bench_rounds(bench); round++) {
        for (uint32_t i = 0; i < KINDS; i++) {
            enum kind kind = (enum kind)((i + round) % KINDS);

            bench_progress(bench, "latency: round %u of %u, %s", round + 1, bench_rounds(bench),
                           names[kind]);
            bench_add(&series[kind], latency_round(kind));
        }
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        snprintf(name, sizeof(name), "latency: %s", names[kind]);
        bench_figure(bench, name, "ns", &series[kind]);
    }
    ratio = bench_ratio(&series[RING_SPINNING], &series[FLOOR]);
    bench_at_most(bench, "latency: ring spinning, of a line of data and one of flag", &ratio, 1.25);
    ratio = bench_ratio(&series[RING_SPINNING], &series[FLOOR_ONE]);
    bench_figure(bench, "latency: ring spinning, of one line for both", "times", &ratio);
    ratio = bench_ratio(&series[RING_SLEEPING], &series[EVENTFD]);
    bench_at_most(bench, "latency: ring sleeping, of a raw eventfd", &ratio, 1.1);
    return true;
}
