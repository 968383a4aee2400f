/* SPDX-License-Identifier: MIT */
/*
 * Storage, guest side: against our host with a disk in memory, every byte compared; and against a
 * host made by hand that lies.
 */
#include "stor_ends.h"

/* ---- With a good host ------------------------------------------------------------------------ */

static void each_version_initialises(void **state)
{
    (void)state;
    for (uint32_t i = 0; vmb_stor_version(i) != 0; i++) {
        struct vmb_stor_guest_options options = ends_options();
        struct vmb_stor_request request = ends_request(vmb_stor_inquiry(-1, 36), VMB_PAGE_BYTES);

        options.max_version = vmb_stor_version(i);
        ends_new(&options, 65536);
        assert_int_equal(vmb_stor_guest_version(ends->guest), 0);
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_ERR_WRONG_STATE);
        ends_begin();
        assert_int_equal(vmb_stor_guest_version(ends->guest), vmb_stor_version(i));
        assert_int_equal(vmb_stor_host_version(ends->kit->host), vmb_stor_version(i));
        assert_int_equal(vmb_stor_guest_transfer_limit_bytes(ends->guest), 512u << 10);
        assert_int_equal(ends_do(0, &request), VMB_OK);
        assert_int_equal(request.moved_bytes, 36);
        assert_memory_equal(ends->kit->pages + VMB_PAGE_BYTES + 8, "libvmbus", 8);
        ends_free();
    }
}

static void a_disk_tells_what_it_is(void **state)
{
    struct vmb_stor_request request = ends_request(vmb_stor_read_capacity(), 5000);
    struct vmb_stor_capacity capacity;
    uint8_t *data;

    (void)state;
    ends_make();
    data = ends->kit->pages + 5000;
    assert_int_equal(ends_do(1, &request), VMB_OK);
    assert_int_equal(vmb_stor_capacity_decode(data, request.moved_bytes, &capacity), VMB_OK);
    assert_int_equal(capacity.block_bytes, 512);
    assert_true(capacity.block_count == ends->kit->disk.bytes / 512);
    assert_true(capacity.can_unmap && capacity.unmapped_zeros);
    request = ends_request(vmb_stor_report_luns(520), 5000);
    assert_int_equal(ends_do(2, &request), VMB_OK);
    assert_true(vmb_stor_luns_decode(data, request.moved_bytes) == 1);
    request = ends_request(vmb_stor_inquiry(0x80, 255), 5000);
    assert_int_equal(ends_do(0, &request), VMB_OK);
    assert_memory_equal(data + 4, "serial-1", 8);
    ends_free();
}

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((dice_state >> 33) % sides);
}

/* Reads and writes of many lengths on all channels at once; what is on the disk is known. */
struct work {
    struct vmb_stor_request request;
    vmb_gpn pages[130];
    uint32_t first, blocks;
    bool write;
};

/* Each has 130 pages of its own in any order, and blocks of its own. */
static void work_begin(struct work *work, uint32_t which, uint8_t *expected)
{
    uint32_t offset = dice(8) * 512, bytes;

    work->blocks = 1 + dice(1000);
    work->first = which * 1024;
    work->write = dice(2) != 0;
    for (uint32_t i = 0; i < 130; i++) {
        work->pages[i] = 1 + which * 130 + (i * 7 + which) % 130;
    }
    work->request = (struct vmb_stor_request){
        .command = work->write ? vmb_stor_write(work->first, work->blocks, 512, dice(4) == 0)
                               : vmb_stor_read(work->first, work->blocks, 512),
        .data = {.pages = work->pages, .byte_offset = offset},
        .done = ends_done,
    };
    bytes = work->blocks * 512;
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t at = offset + i;
        uint8_t *byte = ends->kit->pages + work->pages[at / 4096] * 4096 + at % 4096;

        *byte = (uint8_t)dice(256);
        if (work->write) {
            expected[work->first * 512 + i] = *byte;
        }
    }
    assert_int_equal(vmb_stor_guest_submit(ends->guest, dice(KIT_CHANNELS), &work->request),
                     VMB_OK);
}

static void work_check(const struct work *work, const uint8_t *expected)
{
    uint32_t bytes = work->blocks * 512;

    assert_int_equal(work->request.status, VMB_OK);
    assert_int_equal(work->request.moved_bytes, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t at = work->request.data.byte_offset + i;

        assert_int_equal(ends->kit->pages[work->pages[at / 4096] * 4096 + at % 4096],
                         expected[work->first * 512 + i]);
    }
}

static void every_byte_arrives(void **state)
{
    static struct work works[7];
    uint8_t *expected;

    (void)state;
    dice_state = 1;
    ends_make();
    expected = calloc(1, (size_t)ends->kit->disk.bytes);
    assert_non_null(expected);
    for (uint32_t round = 0; round < 40; round++) {
        ends->done_count = 0;
        for (uint32_t i = 0; i < 7; i++) {
            work_begin(&works[i], i, expected);
        }
        ends_run();
        assert_int_equal(ends->done_count, 7);
        for (uint32_t i = 0; i < 7; i++) {
            work_check(&works[i], expected);
        }
    }
    assert_memory_equal(ends->kit->disk.now, expected, (size_t)ends->kit->disk.bytes);
    assert_int_equal(ends_counters().lies + ends_counters().unknown + ends_counters().malformed, 0);
    free(expected);
    ends_free();
}

static void flush_unmap_and_same(void **state)
{
    const struct vmb_stor_blocks ranges[] = {{8, 8}, {64, 128}};
    struct vmb_stor_request request;
    uint8_t *page;

    (void)state;
    ends_make();
    page = ends->kit->pages + VMB_PAGE_BYTES;
    memset(page, 0x5A, 512);
    request = ends_request(vmb_stor_write_same(0, 1024, 512, false), VMB_PAGE_BYTES);
    assert_int_equal(ends_do(0, &request), VMB_OK);
    assert_int_equal(ends->kit->disk.now[1024 * 512 - 1], 0x5A);
    assert_int_equal(ends->kit->disk.durable[0], 0);
    request = (struct vmb_stor_request){.command = vmb_stor_flush()};
    assert_int_equal(ends_do(0, &request), VMB_OK);
    assert_int_equal(ends->kit->disk.durable[1024 * 512 - 1], 0x5A);
    vmb_stor_unmap_encode(ranges, 2, page);
    request = ends_request(vmb_stor_unmap(2), VMB_PAGE_BYTES);
    assert_int_equal(ends_do(0, &request), VMB_OK);
    assert_int_equal(ends->kit->disk.now[8 * 512 - 1], 0x5A);
    assert_int_equal(ends->kit->disk.now[8 * 512], 0);
    assert_int_equal(ends->kit->disk.now[191 * 512], 0);
    assert_int_equal(ends->kit->disk.now[192 * 512], 0x5A);
    ends_free();
}

static void conditions_are_told(void **state)
{
    struct vmb_stor_request request;
    struct vmb_stor_sense sense;

    (void)state;
    ends_make();
    ends->kit->disk.fail_from = 5 * 512;
    ends->kit->disk.fail_to = 6 * 512;
    ends->kit->disk.failure = VMB_STOR_MEDIA_ERROR;
    request = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES);
    assert_int_equal(ends_do(0, &request), VMB_ERR_REFUSED);
    assert_int_equal(request.scsi_status, VMB_STOR_SCSI_CHECK_CONDITION);
    assert_int_equal(vmb_stor_sense_decode(request.sense, request.sense_bytes, &sense), VMB_OK);
    assert_int_equal(sense.key, 3);
    assert_int_equal(sense.asc, 0x1100);
    assert_true(sense.has_block && sense.block == 5);
    request = (struct vmb_stor_request){.command = vmb_stor_test_ready(), .lun = 9};
    assert_int_equal(ends_do(0, &request), VMB_ERR_REFUSED);
    assert_int_equal(request.sense_bytes, 0);
    assert_int_not_equal(request.srb_status, VMB_STOR_SRB_SUCCESS);
    assert_int_equal(ends_counters().conditions, 3);
    ends_free();
}

static void more_than_fit_wait_in_order(void **state)
{
    static struct vmb_stor_request requests[1000];
    struct vmb_stor_guest_options options = ends_options();

    (void)state;
    options.request_limit = 32;
    ends_new(&options, 4096); /* A ring of some forty packets. */
    ends_begin();
    for (uint32_t i = 0; i < 1000; i++) {
        requests[i] = ends_request(vmb_stor_write(i, 1, 512, false), VMB_PAGE_BYTES);
        requests[i].done = ends_done;
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &requests[i]), VMB_OK);
    }
    ends_run();
    assert_int_equal(ends->done_count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_ptr_equal(ends->order[i], &requests[i]); /* This disk answers in order. */
        assert_int_equal(requests[i].status, VMB_OK);
    }
    assert_true(ends_counters().waits > 0);
    ends_free();
}

static void done_again(struct vmb_stor_request *request)
{
    uint32_t *left = request->context;

    assert_int_equal(request->status, VMB_OK);
    ends_done(request);
    if (--*left > 0) {
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, request), VMB_OK);
    }
}

static void requests_may_be_submitted_from_done(void **state)
{
    uint32_t left = 500;
    struct vmb_stor_request request = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES);

    (void)state;
    ends_make();
    request.done = done_again;
    request.context = &left;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 500);
    ends_free();
}

static void resets_end_after_what_is_older(void **state)
{
    struct vmb_stor_request older = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES);
    struct vmb_stor_request reset = {.kind = VMB_STOR_CONTROLLER_RESET, .done = ends_done};
    struct vmb_stor_request ready = {.command = vmb_stor_test_ready()};

    (void)state;
    ends_make();
    ends->kit->disk.keeps = true;
    older.done = ends_done;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 1, &older), VMB_OK);
    ends_run();
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &reset), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 0);
    memory_disk_go_on(&ends->kit->disk, 0);
    ends_run();
    assert_int_equal(ends->done_count, 2);
    assert_ptr_equal(ends->order[0], &older);
    assert_int_equal(older.status, VMB_OK);
    assert_int_equal(reset.status, VMB_OK);
    ends->kit->disk.keeps = false;
    assert_int_equal(ends_do(0, &ready), VMB_ERR_REFUSED); /* "Power on, reset": once. */
    assert_int_equal(ends_do(0, &ready), VMB_OK);
    ends_free();
}

static void luns_that_come_are_news(void **state)
{
    struct vmb_stor_request request = ends_request(vmb_stor_report_luns(520), VMB_PAGE_BYTES);
    struct vmb_stor_disk disk;

    (void)state;
    ends_make();
    disk = memory_disk_describe(&ends->kit->disk);
    assert_int_equal(vmb_stor_host_add(ends->kit->host, 5, &disk), VMB_OK);
    ends_run();
    assert_int_equal(ends->news, 1);
    assert_int_equal(ends_do(0, &request), VMB_OK);
    assert_true(vmb_stor_luns_decode(ends->kit->pages + VMB_PAGE_BYTES, request.moved_bytes) ==
                0x21);
    ends_free();
}

static void what_cannot_be_is_refused(void **state)
{
    struct vmb_stor_guest_options options = ends_options();
    struct vmb_stor_request good = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES), bad;

    (void)state;
    options.request_limit = 3;
    assert_int_equal(vmb_stor_guest_memory_bytes(&options), 0);
    options.request_limit = 0;
    options.min_version = VMB_STOR_VERSION_6_0;
    options.max_version = VMB_STOR_VERSION_5_1;
    assert_int_equal(vmb_stor_guest_memory_bytes(&options), 0);
    ends_make();
    bad = good;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &bad), VMB_ERR_INVALID_ARGUMENT);
    good.done = ends_done;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, KIT_CHANNELS, &good),
                     VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.command.data_bytes = (512u << 10) + 512;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.command.direction = VMB_STOR_NO_DATA;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.command.cdb_bytes = 17;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &bad), VMB_ERR_INVALID_ARGUMENT);
    bad = good;
    bad.data.byte_offset = VMB_PAGE_BYTES;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &bad), VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(ends->done_count, 0);
    ends_free();
}

/* ---- The end of channels --------------------------------------------------------------------- */

/* Two at the host, one that it has not got yet. */
static void close_with(vmb_status reason, vmb_status wanted)
{
    struct vmb_stor_request requests[3];
    struct pair *pair;

    ends_make();
    pair = ends->kit->pairs[0];
    ends->kit->disk.keeps = true;
    for (uint32_t i = 0; i < 3; i++) {
        requests[i] = ends_request(vmb_stor_read(i, 8, 512), VMB_PAGE_BYTES);
        requests[i].done = ends_done;
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &requests[i]), VMB_OK);
        if (i == 1) {
            ends_run();
        }
    }
    pair->guest.driver->closed(pair->guest.device, reason);
    assert_int_equal(ends->done_count, 3);
    assert_int_equal(requests[0].status, wanted);
    assert_int_equal(requests[1].status, wanted);
    assert_int_equal(requests[2].status, VMB_ERR_GONE);
    assert_int_equal(ends_counters().abandoned, 3);
    assert_int_equal(vmb_stor_guest_version(ends->guest), 0);
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &requests[0]), VMB_ERR_WRONG_STATE);
    /* What comes after the end is answered to nobody, even once the channel is open again. */
    memory_disk_go_on(&ends->kit->disk, 0);
    memory_disk_go_on(&ends->kit->disk, 0);
    pair_deliver(&pair->host);
    pair->guest.driver->on_event(pair->guest.device);
    ends_open(0);
    pair->guest.driver->on_event(pair->guest.device);
    assert_int_equal(ends_counters().unknown, 2);
    assert_int_equal(ends->done_count, 3);
    ends_free();
}

static void a_channel_that_goes_ends_its_requests(void **state)
{
    (void)state;
    close_with(VMB_ERR_GONE, VMB_ERR_GONE);
    close_with(VMB_OK, VMB_ERR_STILL_SHARED);
}

/* ---- With a host that lies ------------------------------------------------------------------- */

static void a_step_that_fails_is_told(void **state)
{
    static const uint32_t steps[] = {VMB_STOR_BEGIN_INIT, VMB_STOR_QUERY_VERSION,
                                     VMB_STOR_QUERY_PROPERTIES, VMB_STOR_END_INIT};
    const struct vmb_stor_properties none = {.max_transfer_bytes = 4095};
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t versions = 0;

        liar_begin(i);
        while (ends->readies == 0) {
            liar_step(steps[i], VMB_STOR_STATUS_REVISION_MISMATCH, NULL);
            versions++;
        }
        assert_int_equal(ends->ready,
                         steps[i] == VMB_STOR_QUERY_VERSION ? VMB_ERR_VERSION : VMB_ERR_REFUSED);
        assert_int_equal(versions, steps[i] == VMB_STOR_QUERY_VERSION ? 5 : 1);
        assert_int_equal(vmb_stor_guest_version(ends->guest), 0);
        ends_free();

        liar_begin(i); /* Too short to be an answer. */
        liar_send(liar_receive(packet), packet, 8);
        assert_int_equal(ends->ready, VMB_ERR_PEER);
        ends_free();
    }
    liar_begin(2);
    liar_step(VMB_STOR_QUERY_PROPERTIES, 0, &none);
    assert_int_equal(ends->ready, VMB_ERR_PEER);
    ends_free();
}

/* Answers in all wrong forms to requests that are under way. */
static void wrong_answers_end_their_request_once(void **state)
{
    static struct vmb_stor_request requests[6];
    uint8_t packet[VMB_STOR_PACKET_BYTES], first[VMB_STOR_PACKET_BYTES], long_one[256] = {0};
    const struct vmb_stor_srb lie = {.srb_status = VMB_STOR_SRB_SUCCESS, .data_bytes = 1u << 30};
    struct vmb_stor_srb sense = {.srb_status = VMB_STOR_SRB_ERROR | VMB_STOR_SRB_SENSE_VALID,
                                 .scsi_status = 2,
                                 .sense_bytes = 20};
    uint64_t ids[6];

    (void)state;
    liar_begin(4);
    for (uint32_t i = 0; i < 6; i++) {
        requests[i] = ends_request(vmb_stor_read(i, 8, 512), VMB_PAGE_BYTES);
        requests[i].done = ends_done;
        assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &requests[i]), VMB_OK);
    }
    ends_run();
    for (uint32_t i = 0; i < 6; i++) {
        ids[i] = liar_receive(packet);
        memcpy(first, packet, sizeof(first));
    }
    vmb_stor_answer_encode(packet, 0);
    vmb_stor_srb_encode(&lie, packet, sizeof(packet));
    liar_send(ids[0], packet, sizeof(packet)); /* More than was asked for. */
    assert_int_equal(requests[0].status, VMB_OK);
    assert_int_equal(requests[0].moved_bytes, 4096);
    liar_send(ids[0], packet, sizeof(packet)); /* Twice. */
    liar_send(ids[0] + (UINT64_C(2) << 32), packet, sizeof(packet));
    liar_send(0, packet, sizeof(packet)); /* To nothing. */
    liar_send(UINT64_MAX, packet, sizeof(packet));
    assert_int_equal(ends->done_count, 1);
    assert_int_equal(ends_counters().unknown, 4);
    assert_int_equal(ends_counters().lies, 1);

    liar_send(ids[1], packet, 16); /* Too short. */
    assert_int_equal(requests[1].status, VMB_ERR_PEER);
    liar_send(ids[2], long_one, sizeof(long_one));
    assert_int_equal(requests[2].status, VMB_ERR_PEER);
    liar_send(ids[3], first, sizeof(first)); /* The request itself. */
    assert_int_equal(requests[3].status, VMB_ERR_PEER);
    vmb_stor_srb_encode(&sense, packet, sizeof(packet));
    packet[12 + 11] = 255; /* More sense data than there is room for; wherever that stands. */
    for (uint32_t i = 12; i < 28; i++) {
        packet[i] = 255;
    }
    liar_send(ids[4], packet, sizeof(packet));
    assert_int_equal(ends->done_count, 5);
    assert_int_not_equal(requests[4].status, VMB_OK);
    assert_true(requests[4].sense_bytes <= VMB_STOR_SENSE_BYTES);

    /* Not a completion: no request ends. */
    assert_int_equal(vmb_endpoint_send(liar(), packet, 64, ids[5], false), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 5);
    assert_int_equal(ends_counters().answers, 5);
    assert_int_equal(ends->failures, 0);
    ends_free();
}

/* A ring that can never take a packet of so many pages says so, and serves the others. */
static void too_many_pages_for_the_ring(void **state)
{
    struct vmb_stor_guest_options options = ends_options();
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct vmb_stor_request large, small;

    (void)state;
    options.transfer_limit_bytes = 2u << 20;
    ends_new(&options, 4096);
    liar_go(4, UINT32_MAX);
    large = ends_request(vmb_stor_read(0, 4096, 512), VMB_PAGE_BYTES);
    small = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES);
    large.done = small.done = ends_done;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &large), VMB_OK);
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &small), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 1);
    assert_ptr_equal(ends->order[0], &large);
    assert_int_equal(large.status, VMB_ERR_LIMIT);
    assert_true(liar_receive(packet) != 0);
    ends_free();
}

static void a_broken_ring_is_told_once(void **state)
{
    struct vmb_stor_request request = ends_request(vmb_stor_read(0, 8, 512), VMB_PAGE_BYTES);
    const uint32_t nonsense = 0xFFFFFFF1u;
    struct pair *pair;

    (void)state;
    liar_begin(4);
    request.done = ends_done;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
    ends_run();
    pair = ends->kit->pairs[0];
    memcpy(pair->to_guest, &nonsense, sizeof(nonsense)); /* The write index. */
    pair->guest.driver->on_event(pair->guest.device);
    pair->guest.driver->on_event(pair->guest.device);
    assert_int_equal(ends->failures, 1);
    assert_int_equal(ends->done_count, 0);
    pair->guest.driver->closed(pair->guest.device, VMB_OK);
    assert_int_equal(ends->done_count, 1);
    assert_int_equal(request.status, VMB_ERR_STILL_SHARED);
    ends_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_initialises),
        cmocka_unit_test(a_disk_tells_what_it_is),
        cmocka_unit_test(every_byte_arrives),
        cmocka_unit_test(flush_unmap_and_same),
        cmocka_unit_test(conditions_are_told),
        cmocka_unit_test(more_than_fit_wait_in_order),
        cmocka_unit_test(requests_may_be_submitted_from_done),
        cmocka_unit_test(resets_end_after_what_is_older),
        cmocka_unit_test(luns_that_come_are_news),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_channel_that_goes_ends_its_requests),
        cmocka_unit_test(a_step_that_fails_is_told),
        cmocka_unit_test(wrong_answers_end_their_request_once),
        cmocka_unit_test(too_many_pages_for_the_ring),
        cmocka_unit_test(a_broken_ring_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
