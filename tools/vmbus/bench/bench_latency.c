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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vmbus/platform/atomic.h>
#include <vmbus/ring.h>

#include "tools/vmbus/bench/bench_place.h"

#define RING_BYTES   16384u
#define SPIN_TRIPS   4000u
#define SLEEP_TRIPS  150u
#define PACKET_BYTES 16u
#define PATIENCE_NS  UINT64_C(1500000000) /* For pairs of CPUs, times the rounds wanted. */

enum kind {
    FLOOR_ONE, /* A line with 16 bytes of data and its flag, each way. */
    FLOOR,     /* A line of data and one with the flag. */
    LAYOUT,    /* Packets behind each other and an index, as VMBus lays them out; no checks. */
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
                                         "bare packets of VMBus, spinning",
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
    _Alignas(64) uint32_t written; /* How far, of bare packets: each on a line of one side. */
    _Alignas(64) uint32_t taken;
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

/* Where a bare packet begins, none across the ring's end; then goes on behind it. */
static uint64_t *layout_next(const struct way *way, uint32_t *offset)
{
    uint32_t at = *offset;

    *offset = at + 2 * (PACKET_BYTES + 24) <= RING_BYTES ? at + PACKET_BYTES + 24 : 0;
    return (uint64_t *)(void *)(way->ring + 4096 + at);
}

static void layout_say(struct way *way, uint32_t trip)
{
    uint64_t *packet = layout_next(way, &way->written);

    packet[0] = VMB_PACKET_IN_BAND;
    packet[1] = 0;
    packet[2] = trip;
    packet[3] = trip;
    packet[4] = way->written;
    __atomic_store_n((uint32_t *)(void *)way->ring, trip, __ATOMIC_RELEASE);
}

static void layout_hear(struct way *way, uint32_t trip)
{
    const volatile uint64_t *packet;

    while (__atomic_load_n((uint32_t *)(void *)way->ring, __ATOMIC_ACQUIRE) != trip) {
    }
    packet = layout_next(way, &way->taken);
    if (packet[0] != VMB_PACKET_IN_BAND || packet[2] != trip || packet[3] != trip) {
        way_die("vmbus bench: packet");
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
    case LAYOUT:
        layout_say(way, trip);
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
    case LAYOUT:
        layout_hear(way, trip);
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

/* Behind the answer: what was read goes back, and its line with it. */
static void way_rest(struct way *way, enum kind kind)
{
    if (kind == RING_SPINNING) {
        bench_ignore(vmb_ring_rx_commit(&way->rx));
    }
}

static int latency_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Round trips: median ns, and each one's. */
static double latency_round(enum kind kind, struct bench_histogram *out_times)
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
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(1);
        for (uint32_t trip = 1; trip <= trips; trip++) {
            way_hear(&ways[0], kind, trip);
            way_say(&ways[1], kind, trip);
            way_rest(&ways[0], kind);
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
        bench_histogram_add(out_times, times[trip - 1]);
        way_rest(&ways[1], kind);
    }
    (void)waitpid(child, NULL, 0);
    way_close(&ways[0]);
    way_close(&ways[1]);
    bench_shared_free(ways, 2 * sizeof(*ways));
    qsort(times, trips, sizeof(times[0]), latency_compare);
    return (double)times[trips / 2];
}

/* All rounds of one pair of CPUs, and of each kind. */
struct latency {
    struct bench_series series[KINDS];
    struct bench_histogram times[KINDS];
    struct place_count count;
};

static void latency_sum(struct bench_histogram *sum, const struct bench_histogram *times)
{
    for (uint32_t step = 0; step < BENCH_STEPS; step++) {
        sum->counts[step] += times->counts[step];
    }
    sum->count += times->count;
    sum->most = times->most > sum->most ? times->most : sum->most;
}

/* A round, of what spins only unless the pair is near. It counts if the pair stays as it was. */
static void latency_place(struct latency *latency, enum place place, uint32_t round)
{
    static struct bench_histogram times[KINDS];
    uint32_t kinds = place == PLACE_NEAR ? KINDS : RING_SPINNING + 1;
    double median[KINDS] = {0}, ns;

    if (!place_take(place)) {
        return;
    }
    memset(times, 0, sizeof(times));
    for (uint32_t i = 0; i < kinds; i++) {
        enum kind kind = (enum kind)((i + round) % kinds);

        median[kind] = latency_round(kind, &times[kind]);
        if (!place_holds(place, &ns)) {
            latency->count.left_out++;
            return;
        }
    }
    latency->count.judged++;
    for (uint32_t kind = 0; kind < kinds; kind++) {
        bench_add(&latency->series[kind], median[kind]);
        latency_sum(&latency->times[kind], &times[kind]);
    }
}

static void latency_report(struct bench *bench, const struct latency *latency, enum place place)
{
    struct bench_series ratio;
    char name[96];
    bool judged = place_report(bench, "latency", place, &latency->count);

    if (latency->count.judged == 0) {
        return;
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        if (latency->series[kind].count != 0) {
            snprintf(name, sizeof(name), "latency: %s, %s", names[kind], place_names[place]);
            bench_figure(bench, name, "ns", &latency->series[kind]);
            bench_distribution(bench, name, &latency->times[kind]);
        }
    }
    ratio = bench_ratio(&latency->series[RING_SPINNING], &latency->series[FLOOR]);
    snprintf(name, sizeof(name), "latency: ring spinning, of a line of data and one of flag, %s",
             place_names[place]);
    if (judged) {
        bench_at_most(bench, name, &ratio, 1.25);
    } else {
        bench_figure(bench, name, "times", &ratio);
    }
    ratio = bench_ratio(&latency->series[RING_SPINNING], &latency->series[FLOOR_ONE]);
    snprintf(name, sizeof(name), "latency: ring spinning, of one line for both, %s",
             place_names[place]);
    bench_figure(bench, name, "times", &ratio);
    ratio = bench_ratio(&latency->series[RING_SPINNING], &latency->series[LAYOUT]);
    snprintf(name, sizeof(name), "latency: ring spinning, of bare packets, %s", place_names[place]);
    bench_figure(bench, name, "times", &ratio);
    if (judged && place == PLACE_NEAR) {
        ratio = bench_ratio(&latency->series[RING_SLEEPING], &latency->series[EVENTFD]);
        bench_at_most(bench, "latency: ring sleeping, of a raw eventfd", &ratio, 1.1);
    }
}

bool bench_latency(struct bench *bench)
{
    static struct latency latency[PLACES];
    uint32_t wanted = bench_rounds(bench), round = 0;
    uint64_t end = bench_now_ns() + PATIENCE_NS * wanted;

    memset(latency, 0, sizeof(latency));
    do {
        bench_progress(bench, "latency: round %u, %u near and %u far of %u", round + 1,
                       latency[PLACE_NEAR].count.judged, latency[PLACE_FAR].count.judged, wanted);
        place_scan();
        for (uint32_t place = 0; place < PLACES; place++) {
            if (latency[place].count.judged < wanted) {
                latency_place(&latency[place], (enum place)place, round);
            }
        }
        round++;
    } while (bench_now_ns() < end && (latency[PLACE_NEAR].count.judged < wanted ||
                                      latency[PLACE_FAR].count.judged < wanted));
    place_forget();
    for (uint32_t place = 0; place < PLACES; place++) {
        latency_report(bench, &latency[place], (enum place)place);
    }
    return true;
}
