/* SPDX-License-Identifier: MIT */
/*
 * A host under threads at full speed: two runners, one control plane, and for each channel a guest
 * thread that sends, moves its interrupts to and fro, closes and opens again. Each packet comes
 * back; no event is lost (a guest that waits for one fails after a while); no handler runs twice at
 * once or after `closed`; and once a move has been answered the old VP is interrupted no more.
 *
 * Then the same while the host itself is replaced all the time: saved, forgotten, and restored in
 * other memory, at whatever moment the threads happen to be outside of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

#include <vmbus/host.h>
#include <vmbus/proto/packet.h>
#include <vmbus/save.h>

enum {
    CHANNELS = 2,
    RUNNERS = 2,
    RING_PAGES = 4,
    PACKETS = 100, /* In one open. */
    OPENS = 30,
    VPS = 4,
    NO_VP = 99
};
#define FIRST_GPN    0x100u
#define PATIENCE_SEC 20

static void check(bool holds, const char *what)
{
    if (!holds) {
        print_error("%s\n", what);
        abort(); /* From any thread. */
    }
}

struct world;

/* One channel: the guest's side, and the host's device. */
struct lane {
    struct world *world;
    uint32_t relid;
    uint8_t *rings;
    struct vmb_endpoint guest;
    _Atomic uint32_t rung;       /* Interrupts of the guest. */
    _Atomic uint32_t retired_vp; /* Must not be interrupted. */
    _Atomic uint32_t answers[VMB_MSG_LAST + 1];
    uint32_t asked[VMB_MSG_LAST + 1];
    uint32_t vp;
    uint32_t moving_to;

    /* The device. */
    struct vmb_endpoint *endpoint;
    _Atomic uint32_t inside;
    uint64_t echoed;
};

struct world {
    struct vmb_host *host;
    pthread_rwlock_t inside; /* Held to write by whoever replaces the host. */
    bool replace;
    void *memories[2]; /* Of this host and the next one. */
    size_t memory_bytes;
    uint32_t replaced;
    uint8_t *memory;
    struct lane lanes[CHANNELS];
    _Atomic bool done;
};

static void now(struct timespec *out)
{
    clock_gettime(CLOCK_MONOTONIC, out);
}

/* ---- The platform ---------------------------------------------------------------------------- */

static struct lane *lane_of(struct world *world, uint32_t relid)
{
    check(relid >= 1 && relid <= CHANNELS, "an answer for no channel");
    return &world->lanes[relid - 1];
}

static vmb_status post_message(void *context, uint32_t vp, uint8_t sint, const void *bytes,
                               uint32_t byte_count)
{
    struct world *world = context;
    struct vmb_message message;
    struct lane *lane = &world->lanes[0];
    uint32_t i;

    (void)vp;
    (void)sint;
    check(vmb_message_decode(bytes, byte_count, VMB_HOST_TO_GUEST, VMB_VERSION_5_3, 0, &message) ==
              VMB_OK,
          "not a message");
    switch (message.number) {
    case VMB_MSG_OPEN_RESULT:
        check(message.u.open_result.status == 0, "not opened");
        lane = lane_of(world, message.u.open_result.relid);
        break;
    case VMB_MSG_GPADL_CREATED:
        check(message.u.gpadl_created.status == 0, "not created");
        lane = lane_of(world, message.u.gpadl_created.relid);
        break;
    case VMB_MSG_GPADL_TORNDOWN:
        lane = lane_of(world, message.u.gpadl_torndown.gpadl); /* Handle = relid. */
        break;
    case VMB_MSG_MODIFY_CHANNEL_RESPONSE:
        check(message.u.modify_channel_response.status == 0, "not moved");
        lane = lane_of(world, message.u.modify_channel_response.relid);
        /* From here on the guest may take the VP down. */
        atomic_store(&lane->retired_vp, lane->vp);
        break;
    default:
        for (i = 1; i < CHANNELS; i++) {
            atomic_fetch_add(&world->lanes[i].answers[message.number], 1);
        }
        break;
    }
    atomic_fetch_add(&lane->answers[message.number], 1);
    return VMB_OK;
}

static void raise_event(void *context, uint32_t vp, uint8_t sint, uint16_t flag)
{
    struct lane *lane = lane_of(context, flag);
    uint32_t i;

    (void)sint;
    check(atomic_load(&lane->retired_vp) != vp, "interrupt on a VP that was given up");
    for (i = 0; i < 10; i++) {
        sched_yield(); /* Give a move time to overtake us, which it must not. */
    }
    check(atomic_load(&lane->retired_vp) != vp, "a move was answered before this interrupt");
    atomic_fetch_add(&lane->rung, 1);
}

static vmb_status map_pages(void *context, const vmb_gpn *gpns, uint32_t page_count,
                            struct vmb_host_mapping *out_mapping)
{
    struct world *world = context;

    (void)page_count;
    out_mapping->base = world->memory + (gpns[0] - FIRST_GPN) * VMB_PAGE_BYTES;
    out_mapping->owner = NULL;
    return VMB_OK;
}

static void unmap_pages(void *context, const struct vmb_host_mapping *mapping, uint32_t page_count)
{
    (void)context;
    (void)mapping;
    (void)page_count;
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return 0;
}

/* ---- The device: an echo --------------------------------------------------------------------- */

static void echo_opened(void *context, struct vmb_endpoint *endpoint)
{
    ((struct lane *)context)->endpoint = endpoint;
}

static void echo_event(void *context)
{
    struct lane *lane = context;
    struct vmb_packet packet;
    uint8_t buffer[64];

    check(atomic_fetch_add(&lane->inside, 1) == 0, "two handlers at once");
    check(lane->endpoint != NULL, "a handler of a closed channel");
    while (vmb_endpoint_receive(lane->endpoint, buffer, sizeof(buffer), &packet) == VMB_OK) {
        check(vmb_endpoint_send(lane->endpoint, buffer, packet.payload_bytes, 0, false) == VMB_OK,
              "no room for an echo");
        lane->echoed++;
    }
    vmb_endpoint_release(lane->endpoint);
    atomic_fetch_sub(&lane->inside, 1);
}

static void echo_closed(void *context, vmb_status reason)
{
    struct lane *lane = context;

    check(reason == VMB_OK && atomic_load(&lane->inside) == 0, "closed under a handler");
    lane->endpoint = NULL;
}

static vmb_status echo_save(void *context, struct vmb_host_channel *channel, bool open,
                            void *buffer, size_t buffer_bytes, size_t *out_bytes)
{
    const struct lane *lane = context;

    (void)channel;
    check(atomic_load(&lane->inside) == 0, "saved under a handler");
    check(!open || lane->endpoint != NULL, "open or not"); /* Perhaps it is about to be closed. */
    *out_bytes = sizeof(lane->echoed);
    if (buffer_bytes < sizeof(lane->echoed)) {
        return VMB_ERR_TOO_SMALL;
    }
    memcpy(buffer, &lane->echoed, sizeof(lane->echoed));
    return VMB_OK;
}

static vmb_status echo_restore(void *context, struct vmb_host_channel *channel,
                               struct vmb_endpoint *endpoint, const void *bytes, size_t byte_count)
{
    struct lane *lane = context;

    (void)channel;
    check(byte_count == sizeof(lane->echoed), "not what was saved");
    memcpy(&lane->echoed, bytes, sizeof(lane->echoed));
    lane->endpoint = endpoint;
    return VMB_OK;
}

static const struct vmb_driver echo = {
    .name = "echo", .opened = echo_opened, .on_event = echo_event, .closed = echo_closed};

static const struct vmb_host_hooks echo_hooks = {
    .struct_bytes = sizeof(echo_hooks), .save = echo_save, .restore = echo_restore};

/* ---- The guest ------------------------------------------------------------------------------- */

static void post(struct lane *lane, const struct vmb_message *message)
{
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t count;

    check(vmb_message_encode(message, VMB_VERSION_5_3, 0, bytes, sizeof(bytes), &count) == VMB_OK,
          "cannot encode");
    for (;;) {
        vmb_status status;

        pthread_rwlock_rdlock(&lane->world->inside);
        status = vmb_host_on_message(lane->world->host, VMB_CONNECTION_MULTICLIENT, bytes, count);
        pthread_rwlock_unlock(&lane->world->inside);
        if (status != VMB_ERR_RETRY) {
            return;
        }
        sched_yield();
    }
}

static bool answered(struct lane *lane, uint32_t number)
{
    return atomic_load(&lane->answers[number]) > lane->asked[number];
}

static void wait_answer(struct lane *lane, uint32_t number)
{
    struct timespec start, at;

    now(&start);
    while (!answered(lane, number)) {
        now(&at);
        check(at.tv_sec - start.tv_sec < PATIENCE_SEC, "an answer never came");
        sched_yield();
    }
    lane->asked[number]++;
}

static void guest_doorbell(void *context)
{
    struct lane *lane = context;
    vmb_status status;

    pthread_rwlock_rdlock(&lane->world->inside);
    status = vmb_host_on_signal(lane->world->host, VMB_HOST_CONNECTION_BASE + lane->relid, 0);
    pthread_rwlock_unlock(&lane->world->inside);
    check(status == VMB_OK, "the doorbell is not there");
}

static void guest_open(struct lane *lane)
{
    struct vmb_message message = {.number = VMB_MSG_GPADL_HEADER};
    struct vmb_endpoint_rings rings = {.tx_control = lane->rings,
                                       .rx_control = lane->rings + 2 * VMB_PAGE_BYTES,
                                       .tx_data_bytes = VMB_PAGE_BYTES,
                                       .rx_data_bytes = VMB_PAGE_BYTES};
    uint32_t i;

    vmb_ring_format(rings.tx_control);
    vmb_ring_format(rings.rx_control);
    check(vmb_endpoint_init(&lane->guest, &rings, guest_doorbell, lane) == VMB_OK, "no endpoint");
    message.u.gpadl_header.relid = lane->relid;
    message.u.gpadl_header.gpadl = lane->relid;
    message.u.gpadl_header.range_count = 1;
    message.u.gpadl_header.range_data_bytes = 8 * (RING_PAGES + 1);
    message.u.gpadl_header.range_word_count = RING_PAGES + 1;
    message.u.gpadl_header.range_words[0] = RING_PAGES * VMB_PAGE_BYTES;
    for (i = 0; i < RING_PAGES; i++) {
        message.u.gpadl_header.range_words[1 + i] = FIRST_GPN + (lane->relid - 1) * RING_PAGES + i;
    }
    post(lane, &message);
    wait_answer(lane, VMB_MSG_GPADL_CREATED);
    atomic_store(&lane->retired_vp, NO_VP);
    lane->vp = 0;
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_OPEN_CHANNEL;
    message.u.open_channel.relid = lane->relid;
    message.u.open_channel.ring_gpadl = lane->relid;
    message.u.open_channel.downstream_page_offset = 2;
    post(lane, &message);
    wait_answer(lane, VMB_MSG_OPEN_RESULT);
}

static void guest_close(struct lane *lane)
{
    struct vmb_message message = {.number = VMB_MSG_CLOSE_CHANNEL};

    message.u.close_channel.relid = lane->relid;
    post(lane, &message);
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_GPADL_TEARDOWN;
    message.u.gpadl_teardown.relid = lane->relid;
    message.u.gpadl_teardown.gpadl = lane->relid;
    post(lane, &message);
    wait_answer(lane, VMB_MSG_GPADL_TORNDOWN);
}

/* Begin to move to the next VP, or note that the last move has been answered. */
static void guest_move(struct lane *lane)
{
    struct vmb_message message = {.number = VMB_MSG_MODIFY_CHANNEL};

    if (lane->moving_to != NO_VP) {
        if (!answered(lane, VMB_MSG_MODIFY_CHANNEL_RESPONSE)) {
            return;
        }
        lane->asked[VMB_MSG_MODIFY_CHANNEL_RESPONSE]++;
        lane->vp = lane->moving_to;
    }
    lane->moving_to = (lane->vp + 1) % VPS;
    message.u.modify_channel.relid = lane->relid;
    message.u.modify_channel.target_vp = lane->moving_to;
    post(lane, &message);
}

static void guest_exchange(struct lane *lane, uint64_t number)
{
    struct timespec start, at;
    struct vmb_packet packet;
    uint64_t buffer[8];
    uint32_t before = atomic_load(&lane->rung);

    check(vmb_endpoint_send(&lane->guest, &number, sizeof(number), 0, false) == VMB_OK, "no room");
    now(&start);
    /* Look only when interrupted: an interrupt that gets lost is noticed. */
    while (vmb_endpoint_receive(&lane->guest, buffer, sizeof(buffer), &packet) != VMB_OK) {
        while (atomic_load(&lane->rung) == before) {
            now(&at);
            check(at.tv_sec - start.tv_sec < PATIENCE_SEC, "an event was lost");
            sched_yield();
        }
        before = atomic_load(&lane->rung);
    }
    check(buffer[0] == number, "another packet came back");
    vmb_endpoint_release(&lane->guest);
}

static void *guest_thread(void *context)
{
    struct lane *lane = context;
    uint32_t opens, packets;

    for (opens = 0; opens < OPENS; opens++) {
        guest_open(lane);
        lane->moving_to = NO_VP;
        for (packets = 0; packets < PACKETS; packets++) {
            guest_move(lane);
            guest_exchange(lane, (uint64_t)opens << 32 | packets);
        }
        wait_answer(lane, VMB_MSG_MODIFY_CHANNEL_RESPONSE);
        guest_close(lane);
    }
    return NULL;
}

/* ---- The host -------------------------------------------------------------------------------- */

static void make_host(struct world *world, void *memory)
{
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .vp_count = VPS,
                                       .channel_limit = CHANNELS,
                                       .gpadl_page_limit = 100,
                                       .message_limit = 8};
    struct vmb_host_platform platform = {.struct_bytes = sizeof(platform),
                                         .context = world,
                                         .post_message = post_message,
                                         .raise_event = raise_event,
                                         .map_pages = map_pages,
                                         .unmap_pages = unmap_pages,
                                         .now_ns = now_ns};
    uint32_t i;

    check(vmb_host_init(memory, world->memory_bytes, &options, &platform, NULL, &world->host) ==
              VMB_OK,
          "no host");
    for (i = 0; i < CHANNELS; i++) {
        struct vmb_host_offer_options offer = {.struct_bytes = sizeof(offer),
                                               .driver = &echo,
                                               .device = &world->lanes[i],
                                               .hooks = &echo_hooks,
                                               .class_id = {{1}},
                                               .instance_id = {{(uint8_t)(i + 1)}}};

        check(vmb_host_offer(world->host, &offer, NULL) == VMB_OK, "no offer");
    }
}

/* Another host in its place. Nobody is inside. */
static void replace_host(struct world *world)
{
    static uint8_t saved[16384];
    void *old = world->memories[0];
    size_t bytes = 0;
    uint32_t i;

    check(vmb_host_save(world->host, saved, sizeof(saved), &bytes) == VMB_OK, "not saved");
    memset(old, 0xEE, world->memory_bytes);
    for (i = 0; i < CHANNELS; i++) {
        world->lanes[i].endpoint = NULL;
        world->lanes[i].echoed = 0;
    }
    make_host(world, world->memories[1]);
    world->memories[0] = world->memories[1];
    world->memories[1] = old;
    check(vmb_host_restore(world->host, saved, bytes, NULL, NULL) == VMB_OK, "not restored");
    world->replaced++;
}

static void *run_thread(void *context)
{
    struct world *world = context;

    while (!atomic_load(&world->done)) {
        bool more;

        pthread_rwlock_rdlock(&world->inside);
        more = vmb_host_run(world->host, 3);
        pthread_rwlock_unlock(&world->inside);
        if (!more) {
            sched_yield();
        }
    }
    return NULL;
}

static void *control_thread(void *context)
{
    struct world *world = context;
    uint32_t turn = 0;

    while (!atomic_load(&world->done)) {
        if (world->replace && ++turn % 16 == 0) {
            pthread_rwlock_wrlock(&world->inside);
            replace_host(world);
            pthread_rwlock_unlock(&world->inside);
        }
        if (!vmb_host_poll(world->host)) {
            sched_yield();
        }
    }
    return NULL;
}

static void guest_connect(struct world *world)
{
    struct vmb_message message = {.number = VMB_MSG_INITIATE_CONTACT};

    message.u.initiate_contact.requested_version = VMB_VERSION_5_3;
    message.u.initiate_contact.target_sint = VMB_HOST_SINT;
    post(&world->lanes[0], &message);
    memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_REQUEST_OFFERS;
    wait_answer(&world->lanes[0], VMB_MSG_VERSION_RESPONSE);
    post(&world->lanes[0], &message);
    wait_answer(&world->lanes[0], VMB_MSG_ALL_OFFERS_DELIVERED);
}

static struct world *world_new(bool replace)
{
    struct vmb_host_options options = {.struct_bytes = sizeof(options),
                                       .vp_count = VPS,
                                       .channel_limit = CHANNELS,
                                       .gpadl_page_limit = 100,
                                       .message_limit = 8};
    struct world *world = calloc(1, sizeof(*world));
    pthread_rwlockattr_t attributes;
    uint32_t i;

    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&world->inside, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    world->replace = replace;
    world->memory = aligned_alloc(VMB_PAGE_BYTES, CHANNELS * RING_PAGES * VMB_PAGE_BYTES);
    world->memory_bytes = vmb_host_memory_bytes(&options);
    for (i = 0; i < 2; i++) {
        world->memories[i] = aligned_alloc(64, world->memory_bytes);
    }
    for (i = 0; i < CHANNELS; i++) {
        world->lanes[i].world = world;
        world->lanes[i].relid = i + 1;
        world->lanes[i].rings = world->memory + (size_t)i * RING_PAGES * VMB_PAGE_BYTES;
    }
    make_host(world, world->memories[0]);
    return world;
}

static void world_free(struct world *world)
{
    vmb_host_reset(world->host);
    assert_int_equal(vmb_host_deinit(world->host), VMB_OK);
    pthread_rwlock_destroy(&world->inside);
    free(world->memories[0]);
    free(world->memories[1]);
    free(world->memory);
    free(world);
}

static void traffic(bool replace)
{
    struct world *world = world_new(replace);
    pthread_t guests[CHANNELS], runners[RUNNERS], control;
    uint32_t i;

    pthread_create(&control, NULL, control_thread, world);
    for (i = 0; i < RUNNERS; i++) {
        pthread_create(&runners[i], NULL, run_thread, world);
    }
    guest_connect(world);
    for (i = 0; i < CHANNELS; i++) {
        pthread_create(&guests[i], NULL, guest_thread, &world->lanes[i]);
    }
    for (i = 0; i < CHANNELS; i++) {
        pthread_join(guests[i], NULL);
    }
    atomic_store(&world->done, true);
    for (i = 0; i < RUNNERS; i++) {
        pthread_join(runners[i], NULL);
    }
    pthread_join(control, NULL);
    for (i = 0; i < CHANNELS; i++) {
        assert_int_equal(world->lanes[i].echoed, OPENS * PACKETS);
    }
    if (replace) {
        print_message("%u hosts\n", world->replaced);
        assert_true(world->replaced > 10);
    }
    world_free(world);
}

static void every_packet_comes_back_and_no_event_is_lost(void **state)
{
    (void)state;
    traffic(false);
}

static void host_after_host(void **state)
{
    (void)state;
    traffic(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_comes_back_and_no_event_is_lost),
        cmocka_unit_test(host_after_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
