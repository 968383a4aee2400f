/* SPDX-License-Identifier: MIT */
/*
 * Storage, guest side, at its edges: what its user may not ask for, rings and ids that run out,
 * hosts that stop in the middle, and everything that a host may say unasked.
 */
#include "stor_ends.h"

#define RING_BYTES 65536u

static struct vmb_stor_request small_read(void)
{
    struct vmb_stor_request request = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES);

    request.done = ends_done;
    return request;
}

/* ---- The user -------------------------------------------------------------------------------- */

static void options_out_of_range_are_refused(void **state)
{
    _Alignas(64) static uint8_t memory[128];
    struct vmb_stor_guest *guest;
    struct vmb_stor_guest_options options;

    (void)state;
#define WITH(field, value)                                                                         \
    options = ends_options();                                                                      \
    options.field = (value);                                                                       \
    assert_int_equal(vmb_stor_guest_memory_bytes(&options), 0);                                    \
    assert_int_equal(vmb_stor_guest_init(memory, sizeof(memory), &options, &guest),                \
                     VMB_ERR_INVALID_ARGUMENT)
    WITH(struct_bytes, 8);
    WITH(sub_channel_limit, VMB_STOR_GUEST_SUB_CHANNEL_LIMIT + 1);
    WITH(request_limit, 8192);
    WITH(request_limit, 48);
    WITH(transfer_limit_bytes, VMB_STOR_GUEST_TRANSFER_LIMIT_BYTES + VMB_PAGE_BYTES);
    WITH(transfer_limit_bytes, VMB_PAGE_BYTES + 512);
    WITH(max_version, 0x0601);
    WITH(min_version, 0x0601);
#undef WITH
    options = ends_options();
    assert_int_equal(vmb_stor_guest_init(memory + 8, 1u << 30, &options, &guest),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_stor_guest_init(memory, sizeof(memory), &options, &guest),
                     VMB_ERR_TOO_SMALL);
}

static void commands_that_cannot_be_are_refused(void **state)
{
    struct vmb_stor_request bad;

    (void)state;
    ends_make();
#define WITH(field, value)                                                                         \
    bad = small_read();                                                                            \
    bad.field = (value);                                                                           \
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &bad), VMB_ERR_INVALID_ARGUMENT)
    WITH(kind, (enum vmb_stor_request_kind)3);
    WITH(command.cdb_bytes, 0);
    WITH(command.direction, VMB_STOR_NO_DATA + 1);
    WITH(command.data_bytes, 0); /* A read of nothing has no direction. */
#undef WITH
    assert_int_equal(ends->done_count, 0);
    ends_free();
}

/* Without callbacks everything works the same; whoever wants to know asks. */
static void a_user_who_wants_to_be_told_nothing(void **state)
{
    struct vmb_stor_guest_options options = ends_options();
    struct vmb_stor_request request = small_read();
    const uint32_t nonsense = 0xFFFFFFF1u;
    struct vmb_stor_disk disk;
    struct pair *pair;

    (void)state;
    options.ready = NULL;
    options.luns_changed = NULL;
    options.failed = NULL;
    options.wake = NULL; /* And no bus to kick: the user calls on_event himself. */
    ends_new(&options, RING_BYTES);
    kit_open(ends->kit, 0);
    ends_open(0);
    ends_run();
    assert_int_equal(vmb_stor_guest_version(ends->guest), vmb_stor_version(0));
    disk = memory_disk_describe(&ends->kit->disk);
    assert_int_equal(vmb_stor_host_add(ends->kit->host, 1, &disk), VMB_OK);
    ends_run();
    assert_int_equal(ends->news, 0);
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 0);
    pair = ends->kit->pairs[0];
    pair_deliver(&pair->guest);
    ends_run();
    assert_int_equal(ends->done_count, 1);
    memcpy(pair->to_guest, &nonsense, sizeof(nonsense)); /* The write index. */
    pair_deliver(&pair->guest);
    pair->guest.driver->closed(pair->guest.device, VMB_OK);
    assert_int_equal(ends->readies + ends->news + ends->failures, 0);
    ends_free();
}

static void time_outs_are_passed_on(void **state)
{
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct vmb_stor_request request = small_read();
    struct vmb_stor_srb srb;

    (void)state;
    liar_begin(4);
    for (uint32_t seconds = 0; seconds < 200; seconds += 123) {
        request.timeout_seconds = (uint16_t)seconds;
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
        ends_run();
        assert_true(liar_receive(packet) != 0);
        assert_int_equal(vmb_stor_srb_decode(packet, sizeof(packet), false, &srb), VMB_OK);
        assert_int_equal(srb.timeout_seconds, seconds == 0 ? 60 : 123);
    }
    ends_free();
}

static void a_lun_is_reset_alone(void **state)
{
    struct vmb_stor_request reset = {.kind = VMB_STOR_LUN_RESET, .lun = 3};
    struct vmb_stor_request ready = {.command = vmb_stor_test_ready()};
    struct vmb_stor_sense sense;
    struct vmb_stor_disk disk;

    (void)state;
    ends_make();
    disk = memory_disk_describe(&ends->kit->disk);
    assert_int_equal(vmb_stor_host_add(ends->kit->host, 3, &disk), VMB_OK);
    ends_run();
    for (uint32_t i = 0; i < 4; i++) { /* "Power on", "LUNs have changed". */
        ready.lun = (uint8_t)(i % 2 * 3);
        (void)ends_do(0, &ready);
    }
    assert_int_equal(ready.status, VMB_OK);
    assert_int_equal(ends_do(0, &reset), VMB_OK);
    ready.lun = 0;
    assert_int_equal(ends_do(0, &ready), VMB_OK);
    ready.lun = 3;
    assert_int_equal(ends_do(0, &ready), VMB_ERR_REFUSED);
    assert_int_equal(vmb_stor_sense_decode(ready.sense, ready.sense_bytes, &sense), VMB_OK);
    assert_int_equal(sense.asc, 0x2903); /* "Bus device reset function occurred". */
    ends_free();
}

/* ---- What runs out --------------------------------------------------------------------------- */

/* More ids than the ring has room for: what finds none waits, in order, and so do those behind. */
static void a_ring_that_is_full(void **state)
{
    static struct vmb_stor_request requests[600];
    struct vmb_stor_guest_options options = ends_options();

    (void)state;
    options.request_limit = 1024;
    ends_new(&options, 4096);
    ends_begin();
    for (uint32_t i = 0; i < 600; i++) {
        requests[i] = small_read();
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &requests[i]), VMB_OK);
        if (i % 100 == 99) { /* In portions, each behind what waits already. */
            pair_deliver(&ends->kit->pairs[0]->guest);
        }
    }
    assert_true(ends_counters().waits > 0);
    ends_run();
    assert_int_equal(ends->done_count, 600);
    for (uint32_t i = 0; i < 600; i++) {
        assert_ptr_equal(ends->order[i], &requests[i]);
        assert_int_equal(requests[i].status, VMB_OK);
    }
    ends_free();
}

/* The host says more than fits one event: the rest is for the next, and the last one is too long.
 */
static void a_flood_is_taken_in_portions(void **state)
{
    const struct vmb_stor_header header = {VMB_STOR_ENUMERATE_BUS, 0, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES], too_long[VMB_STOR_PACKET_BYTES + 8] = {0};
    uint32_t sent = 0;

    (void)state;
    ends_new(NULL, 1u << 20);
    liar_go(4, 70000);
    vmb_stor_header_encode(&header, packet, sizeof(packet));
    while (sent < 1023) {
        assert_int_equal(vmb_endpoint_send(liar(), packet, sizeof(packet), 0, false), VMB_OK);
        sent++;
    }
    assert_int_equal(vmb_endpoint_send(liar(), too_long, sizeof(too_long), 0, false), VMB_OK);
    for (; sent < 1033; sent++) {
        assert_int_equal(vmb_endpoint_send(liar(), packet, sizeof(packet), 0, false), VMB_OK);
    }
    pair_deliver(&ends->kit->pairs[0]->guest);
    assert_int_equal(ends->news, 1023);
    assert_int_equal(ends_counters().malformed, 1);
    pair_deliver(&ends->kit->pairs[0]->guest);
    assert_int_equal(ends->news, 1033);
    assert_int_equal(ends->failures, 0);
    ends_free();
}

/* ---- The initialisation ---------------------------------------------------------------------- */

static void no_version_below_the_oldest_wanted(void **state)
{
    struct vmb_stor_guest_options options = ends_options();
    uint32_t versions = 0;

    (void)state;
    options.min_version = VMB_STOR_VERSION_6_0;
    ends_new(&options, RING_BYTES);
    liar_go(1, 0);
    while (ends->readies == 0) {
        liar_step(VMB_STOR_QUERY_VERSION, VMB_STOR_STATUS_REVISION_MISMATCH, NULL);
        versions++;
    }
    assert_int_equal(ends->ready, VMB_ERR_VERSION);
    assert_int_equal(versions, 2); /* 6.2 and 6.0. */
    ends_free();
}

/* As many sub-channels as both want. */
static void sub_channels_are_the_fewer_of_two(void **state)
{
    static const struct {
        uint16_t host;
        uint16_t flags;
        uint32_t asked;
    } hosts[] = {{1, VMB_STOR_MULTI_CHANNEL, 1},
                 {2, VMB_STOR_MULTI_CHANNEL, 2},
                 {60000, VMB_STOR_MULTI_CHANNEL, 2},
                 {0, VMB_STOR_MULTI_CHANNEL, 0},
                 {2, 0, 0}};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct vmb_stor_header header;

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const struct vmb_stor_properties properties = {.max_sub_channels = hosts[i].host,
                                                       .flags = hosts[i].flags,
                                                       .max_transfer_bytes = 65536};
        uint64_t id;

        ends_new(NULL, RING_BYTES);
        liar_go(2, 0);
        liar_step(VMB_STOR_QUERY_PROPERTIES, 0, &properties);
        liar_step(VMB_STOR_END_INIT, 0, NULL);
        assert_int_equal(ends->ready, VMB_OK);
        id = liar_receive(packet);
        assert_int_equal(id != 0, hosts[i].asked != 0);
        if (id != 0) {
            assert_int_equal(vmb_stor_header_decode(packet, sizeof(packet), &header), VMB_OK);
            assert_int_equal(header.operation, VMB_STOR_CREATE_SUB_CHANNELS);
            assert_int_equal(vmb_stor_sub_channels_decode(packet), hosts[i].asked);
            liar_send(id, packet, 8); /* Whatever it says to that: it is ready. */
        }
        assert_int_equal(ends->readies, 1);
        ends_free();
    }
}

/* The channel goes in the middle of it, and comes back. */
static void a_close_at_every_step(void **state)
{
    (void)state;
    for (uint32_t steps = 0; steps < 4; steps++) {
        struct vmb_stor_request request = small_read();
        struct pair_side *guest;

        liar_begin(steps);
        guest = &ends->kit->pairs[0]->guest;
        guest->driver->closed(guest->device, VMB_ERR_GONE);
        assert_int_equal(ends->readies, 0); /* The close says it. */
        assert_int_equal(ends_counters().abandoned, 0);
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_ERR_WRONG_STATE);
        guest->driver->on_event(guest->device); /* An event that was late. */
        while (liar_receive((uint8_t[VMB_STOR_PACKET_BYTES]){0}) != 0) {
        }
        liar_go(4, 65536);
        assert_int_equal(ends->readies, 1);
        assert_int_equal(ends->ready, VMB_OK);
        ends_free();
    }
}

/* A sub-channel that opens before the controller is ready takes nothing, not even afterwards. */
static void a_sub_channel_too_early(void **state)
{
    struct vmb_stor_request request = small_read();

    (void)state;
    ends_new(NULL, RING_BYTES);
    ends_open(1);
    ends_run();
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 1, &request), VMB_ERR_WRONG_STATE);
    liar_go(4, 65536);
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
    ends_free();
}

/* ---- What the host says ---------------------------------------------------------------------- */

static void liar_news(uint32_t operation, uint32_t bytes)
{
    const struct vmb_stor_header header = {operation, 0, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    vmb_stor_header_encode(&header, packet, sizeof(packet));
    assert_int_equal(vmb_endpoint_send(liar(), packet, bytes, 0, false), VMB_OK);
    ends_run();
}

static void news_of_every_kind(void **state)
{
    (void)state;
    liar_begin(2);
    liar_news(VMB_STOR_ENUMERATE_BUS, 64); /* Nobody has asked for LUNs yet. */
    assert_int_equal(ends->news, 0);
    ends_free();
    liar_begin(4);
    liar_news(VMB_STOR_ENUMERATE_BUS, 64);
    liar_news(VMB_STOR_REMOVE_DEVICE, 64);
    liar_news(VMB_STOR_EVENT, 64);
    assert_int_equal(ends->news, 3);
    assert_int_equal(ends_counters().malformed, 0);
    liar_news(VMB_STOR_EXECUTE_SRB, 64); /* A guest is no disk. */
    liar_news(VMB_STOR_ENUMERATE_BUS, 8);
    assert_int_equal(ends->news, 3);
    assert_int_equal(ends_counters().malformed, 2);
    ends_free();
}

/* What an answer's three statuses and its length make of a read of 4096 bytes. */
static void every_verdict(void **state)
{
    static const struct {
        uint32_t nt_status;
        uint8_t srb_status, scsi_status;
        uint32_t data_bytes;
        vmb_status status;
        uint32_t moved_bytes;
    } answers[] = {
        {0, VMB_STOR_SRB_SUCCESS, 0, 4096, VMB_OK, 4096},
        {0, VMB_STOR_SRB_SUCCESS, 0, 0, VMB_OK, 0},
        {0, VMB_STOR_SRB_DATA_OVERRUN, 0, 36, VMB_OK, 36}, /* Shorter than its buffer. */
        {0, VMB_STOR_SRB_DATA_OVERRUN, 0, 0, VMB_ERR_REFUSED, 0},
        {0, VMB_STOR_SRB_ERROR, 0, 4096, VMB_ERR_REFUSED, 4096},
        {0, VMB_STOR_SRB_SUCCESS, 8, 4096, VMB_ERR_REFUSED, 4096}, /* Busy. */
        {VMB_STOR_STATUS_INVALID_PARAMETER, VMB_STOR_SRB_SUCCESS, 0, 4096, VMB_ERR_REFUSED, 4096},
    };
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    (void)state;
    liar_begin(4);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct vmb_stor_srb srb = {.srb_status = answers[i].srb_status,
                                         .scsi_status = answers[i].scsi_status,
                                         .data_bytes = answers[i].data_bytes};
        struct vmb_stor_request request = small_read();
        uint64_t id;

        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
        ends_run();
        id = liar_receive(packet);
        vmb_stor_answer_encode(packet, answers[i].nt_status);
        vmb_stor_srb_encode(&srb, packet, sizeof(packet));
        liar_send(id, packet, sizeof(packet));
        assert_int_equal(request.status, answers[i].status);
        assert_int_equal(request.moved_bytes, answers[i].moved_bytes);
        assert_int_equal(request.srb_status, answers[i].srb_status);
        assert_int_equal(request.sense_bytes, 0);
    }
    assert_int_equal(ends_counters().conditions, 4);
    assert_int_equal(ends_counters().lies, 0);
    ends_free();
}

static void a_reset_that_is_refused(void **state)
{
    struct vmb_stor_request reset = {.kind = VMB_STOR_CONTROLLER_RESET, .done = ends_done};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    uint64_t id;

    (void)state;
    liar_begin(4);
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &reset), VMB_OK);
    ends_run();
    id = liar_receive(packet);
    vmb_stor_answer_encode(packet, VMB_STOR_STATUS_INVALID_REQUEST);
    liar_send(id, packet, sizeof(packet));
    assert_int_equal(ends->done_count, 1);
    assert_int_equal(reset.status, VMB_ERR_REFUSED);
    ends_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(commands_that_cannot_be_are_refused),
        cmocka_unit_test(a_user_who_wants_to_be_told_nothing),
        cmocka_unit_test(time_outs_are_passed_on),
        cmocka_unit_test(a_lun_is_reset_alone),
        cmocka_unit_test(a_ring_that_is_full),
        cmocka_unit_test(a_flood_is_taken_in_portions),
        cmocka_unit_test(no_version_below_the_oldest_wanted),
        cmocka_unit_test(sub_channels_are_the_fewer_of_two),
        cmocka_unit_test(a_close_at_every_step),
        cmocka_unit_test(a_sub_channel_too_early),
        cmocka_unit_test(news_of_every_kind),
        cmocka_unit_test(every_verdict),
        cmocka_unit_test(a_reset_that_is_refused),
    };

    return cmocka_run_group_tests_name("storage, guest side, edges", tests, NULL, NULL);
}
