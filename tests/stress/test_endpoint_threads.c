/* SPDX-License-Identifier: MIT */
/*
 * Two threads, an endpoint each: one sends bursts, the other sends each packet back, in bursts of
 * its own. Both run as the cores run a driver: masked, until nothing is left, then asleep until the
 * doorbell. Small rings, so that both are full and both are empty time and again. Every packet is
 * checked; a wake-up that gets lost would leave both asleep, which the watchdog turns into a
 * failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <vmbus/endpoint.h>

#define STUCK_SECONDS 20
#define BURST         16u
#define PAYLOAD_MOST  304u

struct plan {
    uint32_t data_bytes;
    uint32_t packet_count;
    uint32_t burst_most;
    uint32_t payload_most; /* A multiple of 8. */
};

/* One of the two, with what it is about to send. */
struct end {
    VMB_CACHE_ALIGNED struct vmb_endpoint endpoint;
    int doorbell; /* Ours: an event file. */
    int peers_doorbell;
    struct plan plan;
    uint32_t seed;
    struct vmb_packet_out out[BURST];
    struct vmb_slice slices[BURST];
    struct vmb_packet in[BURST];
    uint8_t content[BURST * PAYLOAD_MOST];
    atomic_uint sent, received, wrong;
};

static void end_ring(void *context)
{
    const struct end *end = context;
    uint64_t one = 1;

    if (write(end->peers_doorbell, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
}

static void end_sleep(struct end *end)
{
    uint64_t count;

    if (read(end->doorbell, &count, sizeof(count)) != (ssize_t)sizeof(count)) {
        abort();
    }
}

static uint32_t end_dice(struct end *end, uint32_t sides)
{
    end->seed ^= end->seed << 13;
    end->seed ^= end->seed >> 17;
    end->seed ^= end->seed << 5;
    return end->seed % sides;
}

/* Of packet @number: its size, and bytes that depend on it. */
static uint32_t packet_fill(const struct plan *plan, uint32_t number, uint8_t *payload)
{
    uint32_t bytes = 8u + (number * 2654435761u >> 8) % (plan->payload_most / 8u) * 8u;

    for (uint32_t i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)(number + i);
    }
    return bytes;
}

/*
 * Send [@first, @first + @count) of what is prepared. Returns how many went; if not all, an event
 * follows when there is space.
 */
static uint32_t end_send(struct end *end, uint32_t first, uint32_t count)
{
    uint32_t went = 0;

    while (went < count) {
        uint32_t now;
        vmb_status status = vmb_endpoint_send_many(&end->endpoint, end->out + first + went,
                                                   end->slices + first + went, count - went, &now);

        went += now;
        if (status == VMB_ERR_RING_FULL) {
            status = vmb_endpoint_wait_space(&end->endpoint, end->slices[first + went].byte_count);
            if (status == VMB_ERR_RING_FULL) {
                break;
            }
        }
        if (status != VMB_OK) {
            abort();
        }
    }
    atomic_fetch_add_explicit(&end->sent, went, memory_order_relaxed);
    return went;
}

/* Take a burst; 0: nothing is there. */
static uint32_t end_take(struct end *end, uint8_t *content)
{
    uint32_t count;
    vmb_status status =
        vmb_endpoint_receive_many(&end->endpoint, content, BURST * PAYLOAD_MOST, end->in,
                                  1 + end_dice(end, end->plan.burst_most), &count);

    if (status != VMB_OK && status != VMB_ERR_RING_EMPTY) {
        abort();
    }
    return count;
}

/* ---- Who asks -------------------------------------------------------------------------------- */

static void asker_check(struct end *end, uint32_t count, const uint8_t *content)
{
    uint8_t expected[PAYLOAD_MOST];
    uint32_t number = atomic_load_explicit(&end->received, memory_order_relaxed);

    for (uint32_t i = 0; i < count; i++, number++) {
        uint32_t bytes = packet_fill(&end->plan, number, expected);

        if (end->in[i].type != VMB_PACKET_COMPLETION || end->in[i].transaction_id != number ||
            end->in[i].payload_bytes != bytes || memcmp(content, expected, bytes) != 0) {
            atomic_fetch_add(&end->wrong, 1);
        }
        content += end->in[i].payload_bytes;
    }
    atomic_store_explicit(&end->received, number, memory_order_relaxed);
}

static uint32_t asker_prepare(struct end *end)
{
    uint32_t number = atomic_load_explicit(&end->sent, memory_order_relaxed);
    uint32_t count = 1 + end_dice(end, end->plan.burst_most);

    for (uint32_t i = 0; i < count && number < end->plan.packet_count; i++, number++) {
        uint8_t *payload = end->content + i * PAYLOAD_MOST;

        end->out[i] = (struct vmb_packet_out){.transaction_id = number,
                                              .type = VMB_PACKET_IN_BAND,
                                              .flags = VMB_PACKET_WANTS_COMPLETION};
        end->slices[i] = (struct vmb_slice){payload, packet_fill(&end->plan, number, payload)};
    }
    return number - atomic_load_explicit(&end->sent, memory_order_relaxed);
}

static void *asker_run(void *argument)
{
    static uint8_t content[BURST * PAYLOAD_MOST];
    struct end *end = argument;

    for (;;) {
        struct vmb_endpoint_run run;
        uint32_t count;

        vmb_endpoint_run_begin(&end->endpoint, &run);
        while ((count = end_take(end, content)) > 0) {
            asker_check(end, count, content);
        }
        vmb_endpoint_release(&end->endpoint);
        do {
            count = asker_prepare(end);
        } while (count > 0 && end_send(end, 0, count) == count);
        if (atomic_load_explicit(&end->received, memory_order_relaxed) == end->plan.packet_count) {
            return NULL;
        }
        if (!vmb_endpoint_run_done(&end->endpoint, &run)) {
            end_sleep(end);
        }
    }
}

/* ---- Who answers ----------------------------------------------------------------------------- */

/* Turn what was taken into answers. */
static void answerer_prepare(struct end *end, uint32_t count)
{
    const uint8_t *payload = end->content;

    for (uint32_t i = 0; i < count; i++) {
        end->out[i] = (struct vmb_packet_out){.transaction_id = end->in[i].transaction_id,
                                              .type = VMB_PACKET_COMPLETION};
        end->slices[i] = (struct vmb_slice){payload, end->in[i].payload_bytes};
        payload += end->in[i].payload_bytes;
    }
    atomic_fetch_add_explicit(&end->received, count, memory_order_relaxed);
}

static void *answerer_run(void *argument)
{
    struct end *end = argument;
    uint32_t have = 0, answered = 0; /* Of the burst that is being answered. */

    for (;;) {
        struct vmb_endpoint_run run;

        vmb_endpoint_run_begin(&end->endpoint, &run);
        do {
            if (answered == have) {
                answered = 0;
                have = end_take(end, end->content);
                answerer_prepare(end, have);
            }
            answered += end_send(end, answered, have - answered);
        } while (have > 0 && answered == have);
        if (atomic_load_explicit(&end->sent, memory_order_relaxed) == end->plan.packet_count) {
            vmb_endpoint_release(&end->endpoint);
            return NULL;
        }
        if (!vmb_endpoint_run_done(&end->endpoint, &run)) {
            end_sleep(end);
        }
    }
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* Both go on, or the program ends: threads cannot be stopped. */
static void ends_watch(struct end ends[2], uint32_t packet_count)
{
    uint32_t seen = 0, still_ticks = 0;

    while (ends[0].received < packet_count) {
        uint32_t now = ends[0].sent + ends[0].received + ends[1].sent + ends[1].received;

        usleep(50000);
        still_ticks = now == seen ? still_ticks + 1 : 0;
        seen = now;
        if (still_ticks > STUCK_SECONDS * 20) {
            print_error("no packet for %d s: of %u asked %u, taken %u, answered %u, back %u\n",
                        STUCK_SECONDS, packet_count, ends[0].sent, ends[1].received, ends[1].sent,
                        ends[0].received);
            fflush(NULL);
            _exit(1);
        }
    }
}

static uint8_t *ring_new(uint32_t data_bytes)
{
    uint8_t *memory = aligned_alloc(VMB_PAGE_BYTES, VMB_RING_MAPPING_BYTES(data_bytes));

    assert_non_null(memory);
    vmb_ring_format(memory);
    return memory;
}

static void plan_run(struct plan plan)
{
    static struct end ends[2];
    uint8_t *rings[2] = {ring_new(plan.data_bytes), ring_new(plan.data_bytes)};
    int doorbells[2] = {eventfd(0, 0), eventfd(0, 0)};
    pthread_t threads[2];

    assert_true(doorbells[0] >= 0 && doorbells[1] >= 0);
    memset(ends, 0, sizeof(ends));
    for (uint32_t i = 0; i < 2; i++) {
        const struct vmb_endpoint_rings mine = {rings[i], rings[1 - i], plan.data_bytes,
                                                plan.data_bytes};

        ends[i].plan = plan;
        ends[i].seed = 1 + i;
        ends[i].doorbell = doorbells[i];
        ends[i].peers_doorbell = doorbells[1 - i];
        assert_int_equal(vmb_endpoint_init(&ends[i].endpoint, &mine, end_ring, &ends[i]), VMB_OK);
    }
    assert_int_equal(pthread_create(&threads[0], NULL, asker_run, &ends[0]), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, answerer_run, &ends[1]), 0);
    ends_watch(ends, plan.packet_count);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    assert_int_equal(ends[0].wrong, 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(ends[i].endpoint.tx.counters.packets, plan.packet_count);
        assert_int_equal(ends[i].endpoint.rx.counters.packets, plan.packet_count);
        print_message("# %u packets: %llu signals for data, %llu for space, full %u times\n",
                      plan.packet_count,
                      (unsigned long long)ends[i].endpoint.tx.counters.signals_sent,
                      (unsigned long long)ends[i].endpoint.rx.counters.signals_sent,
                      ends[i].endpoint.tx.full);
        free(rings[i]);
        close(doorbells[i]);
    }
}

static void bursts_there_and_back(void **state)
{
    (void)state;
    plan_run((struct plan){
        .data_bytes = 65536, .packet_count = 400000, .burst_most = BURST, .payload_most = 64});
}

/* A burst is larger than what is free more often than not. */
static void bursts_through_rings_that_are_full_and_empty(void **state)
{
    (void)state;
    plan_run((struct plan){.data_bytes = 4096,
                           .packet_count = 150000,
                           .burst_most = BURST,
                           .payload_most = PAYLOAD_MOST});
}

/* The most chances to miss each other. */
static void bursts_of_one(void **state)
{
    (void)state;
    plan_run((struct plan){
        .data_bytes = 4096, .packet_count = 100000, .burst_most = 1, .payload_most = 200});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bursts_there_and_back),
        cmocka_unit_test(bursts_through_rings_that_are_full_and_empty),
        cmocka_unit_test(bursts_of_one),
    };

    return cmocka_run_group_tests_name("endpoint_threads", tests, NULL, NULL);
}
