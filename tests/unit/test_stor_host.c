/* SPDX-License-Identifier: MIT */
/* Storage, host side: initialisation, requests from ring to disk and back, closes, bad guests. */
#include "stor_kit.h"

static const struct kit_range page_1 = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};

/* ---- Initialisation -------------------------------------------------------------------------- */

static void every_version_initialises_with_its_size(void **state)
{
    (void)state;
    for (uint32_t i = 0; vmb_stor_version(i) != 0; i++) {
        for (uint32_t bytes = 48; bytes <= 64; bytes += 16) {
            struct kit *kit = kit_new(65536, 0);
            struct kit_answer answer;

            kit_open(kit, 0);
            kit->packet_bytes = bytes; /* Some begin with the new size, whatever they ask for. */
            kit_initialise(kit, vmb_stor_version(i));
            answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
            assert_sense(&answer, 6, 0x2900);
            answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
            assert_good(&answer, 0);
            kit_free(kit);
        }
    }
}

static void versions_are_negotiated_downwards(void **state)
{
    struct kit *kit = kit_new(65536, 0);

    (void)state;
    kit_open(kit, 0);
    assert_int_equal(kit_operation(kit, VMB_STOR_BEGIN_INIT, 0), 0);
    assert_true(kit_operation(kit, VMB_STOR_QUERY_VERSION, 0x0700) ==
                VMB_STOR_STATUS_REVISION_MISMATCH);
    assert_true(kit_operation(kit, VMB_STOR_QUERY_VERSION, 0x0601) ==
                VMB_STOR_STATUS_REVISION_MISMATCH);
    assert_int_equal(kit_operation(kit, VMB_STOR_QUERY_VERSION, VMB_STOR_VERSION_5_1), 0);
    kit_free(kit);
}

static void steps_out_of_order_are_refused(void **state)
{
    static const uint32_t steps[] = {
        VMB_STOR_BEGIN_INIT, VMB_STOR_QUERY_VERSION,       VMB_STOR_QUERY_PROPERTIES,
        VMB_STOR_END_INIT,   VMB_STOR_CREATE_SUB_CHANNELS, VMB_STOR_EXECUTE_SRB,
        VMB_STOR_RESET_BUS};
    /* Steps that each stage takes, as bits; the first that it takes leads on. */
    static const uint8_t taken[] = {0x01, 0x02, 0x04, 0x18};
    struct kit *kit = kit_new(65536, 0);

    (void)state;
    kit_open(kit, 0);
    for (uint32_t stage = 0; stage < 4; stage++) {
        for (uint32_t i = 0; i < 7; i++) {
            if ((taken[stage] >> i & 1) == 0) {
                assert_true(kit_operation(kit, steps[i], VMB_STOR_VERSION_6_2) ==
                            VMB_STOR_STATUS_INVALID_STATE);
            }
        }
        assert_int_equal(kit_operation(kit, steps[stage], VMB_STOR_VERSION_6_2), 0);
    }
    assert_true(kit_operation(kit, VMB_STOR_BEGIN_INIT, 0) == VMB_STOR_STATUS_INVALID_STATE);
    assert_int_equal(kit_counters(kit).out_of_order, 5 * 4 + 4 + 1 - 1);
    assert_true(kit_operation(kit, VMB_STOR_FIBRE_CHANNEL_DATA, 0) ==
                VMB_STOR_STATUS_INVALID_REQUEST);
    assert_true(kit_operation(kit, VMB_STOR_COMPLETE, 0) == VMB_STOR_STATUS_INVALID_REQUEST);
    assert_true(kit_operation(kit, 99, 0) == VMB_STOR_STATUS_INVALID_REQUEST);
    kit_free(kit);
}

static void properties_tell_the_limits(void **state)
{
    struct vmb_stor_header header = {VMB_STOR_QUERY_PROPERTIES, 1, 0};
    struct kit *kit = kit_new(65536, 0);
    struct vmb_stor_properties properties;
    struct kit_answer answer;
    uint8_t packet[64];

    (void)state;
    kit_open(kit, 0);
    assert_int_equal(kit_operation(kit, VMB_STOR_BEGIN_INIT, 0), 0);
    assert_int_equal(kit_operation(kit, VMB_STOR_QUERY_VERSION, VMB_STOR_VERSION_6_0), 0);
    vmb_stor_header_encode(&header, packet, 64);
    (void)kit_send(kit, 0, packet, 64, NULL, 0);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    vmb_stor_properties_decode(answer.packet, &properties);
    assert_int_equal(properties.max_sub_channels, KIT_CHANNELS - 1);
    assert_int_equal(properties.flags, VMB_STOR_MULTI_CHANNEL);
    assert_int_equal(properties.max_transfer_bytes, 1 << 20);
    kit_free(kit);
}

/* ---- Data ------------------------------------------------------------------------------------ */

static void scattered_data_go_both_ways(void **state)
{
    /* 1536 bytes in four pieces, over page borders and backwards. */
    static const struct kit_range out[] = {
        {5 * 4096 + 4000, 200}, {3 * 4096 + 7, 1000}, {9 * 4096, 1}, {8 * 4096 + 100, 335}};
    static const struct kit_range in[] = {{20 * 4096 + 3500, 1536}};
    struct kit *kit = kit_ready();
    struct kit_answer answer;
    uint8_t expected[1536];
    uint32_t at = 0;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t k = 0; k < out[i].byte_count; k++) {
            expected[at] = (uint8_t)(at * 7 + at / 256);
            kit->pages[out[i].address + k] = expected[at];
            at++;
        }
    }
    answer = kit_scsi(kit, 0, "2a00 00000005 00 0003 00", out, 4);
    assert_good(&answer, 1536);
    assert_memory_equal(kit->disk.now + 5 * 512, expected, 1536);
    answer = kit_scsi(kit, 0, "8800 0000000000000005 00000003 0000", in, 1);
    assert_good(&answer, 1536);
    assert_memory_equal(kit->pages + in[0].address, expected, 1536);
    assert_int_equal(kit->pages[in[0].address + 1536], 0xEE);
    assert_int_equal(kit->disk.batches, 2);
    kit_free(kit);
}

static void a_megabyte_moves_at_once(void **state)
{
    static const struct kit_range range = {100 * 4096 + 512, 1 << 20};
    struct kit *kit = kit_ready();
    struct kit_answer answer;

    (void)state;
    for (uint32_t i = 0; i < 1u << 20; i++) {
        kit->pages[range.address + i] = (uint8_t)(i * 31 + (i >> 10));
    }
    answer = kit_scsi(kit, 0, "2a00 00000100 00 0800 00", &range, 1);
    assert_good(&answer, 1 << 20);
    assert_memory_equal(kit->disk.now + 256 * 512, kit->pages + range.address, 1 << 20);
    answer = kit_scsi(kit, 0, "2a00 00000100 00 0801 00", &range, 1);
    assert_sense(&answer, 5, 0x2400);
    kit_free(kit);
}

static void all_forms_of_read_and_write(void **state)
{
    static const char *const writes[] = {"0a 000009 01 00", "2a00 00000009 00 0001 00",
                                         "aa00 00000009 00000001 00 00",
                                         "8a00 0000000000000009 00000001 0000"};
    static const char *const reads[] = {"08 000009 01 00", "2800 00000009 00 0001 00",
                                        "a800 00000009 00000001 00 00",
                                        "8800 0000000000000009 00000001 0000"};
    static const struct kit_range one = {4096, 512};
    struct kit *kit = kit_ready();

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct kit_answer answer;

        memset(kit->pages + 4096, (int)(0x10 + i), 512);
        answer = kit_scsi(kit, 0, writes[i], &one, 1);
        assert_good(&answer, 512);
        memset(kit->pages + 4096, 0, 512);
        answer = kit_scsi(kit, 0, reads[i], &one, 1);
        assert_good(&answer, 512);
        assert_int_equal(kit->pages[4096], 0x10 + i);
        assert_int_equal(kit->pages[4096 + 511], 0x10 + i);
    }
    kit_free(kit);
}

static void durable_writes_and_flushes(void **state)
{
    static const struct kit_range one = {4096, 512};
    struct kit *kit = kit_ready();
    struct kit_answer answer;

    (void)state;
    answer = kit_scsi(kit, 0, "2a00 00000000 00 0001 00", &one, 1);
    assert_good(&answer, 512);
    assert_int_equal(kit->disk.durable[0], 0);
    answer = kit_scsi(kit, 0, "2a08 00000001 00 0001 00", &one, 1); /* FUA */
    assert_good(&answer, 512);
    assert_int_equal(kit->disk.durable[512], 0xEE);
    assert_int_equal(kit->disk.durable[0], 0);
    answer = kit_scsi(kit, 0, "3500 00000000 00 0000 00", NULL, 0);
    assert_good(&answer, 0);
    assert_int_equal(kit->disk.durable[0], 0xEE);
    kit_free(kit);
}

static void unmap_and_write_same(void **state)
{
    static const struct kit_range list = {4096, 8 + 32}, one = {2 * 4096 - 100, 512};
    static const uint8_t unmap[] = {0, 38, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 8, 0, 0, 0, 8,
                                    0, 0,  0, 0,  0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 1, 0, 0, 0, 0};
    struct kit *kit = kit_ready();
    struct kit_answer answer;

    (void)state;
    memset(kit->disk.now, 0x55, 65536);
    memcpy(kit->pages + 4096, unmap, sizeof(unmap));
    answer = kit_scsi(kit, 0, "4200 00000000 00 0028 00", &list, 1);
    assert_good(&answer, 40);
    assert_int_equal(kit->disk.jobs[VMB_STOR_DISCARD], 2);
    assert_int_equal(kit->disk.now[8 * 512 - 1], 0x55);
    assert_int_equal(kit->disk.now[8 * 512], 0);
    assert_int_equal(kit->disk.now[16 * 512 - 1], 0);
    assert_int_equal(kit->disk.now[16 * 512], 0x55);
    assert_int_equal(kit->disk.now[64 * 512], 0);

    for (uint32_t i = 0; i < 512; i++) {
        kit->pages[one.address + i] = (uint8_t)(i + 1);
    }
    answer = kit_scsi(kit, 0, "9300 0000000000000100 00000400 0000", &one, 1);
    assert_good(&answer, 512);
    for (uint32_t i = 0; i < 0x400; i++) {
        assert_memory_equal(kit->disk.now + (0x100 + i) * 512, kit->pages + one.address, 512);
    }
    assert_int_equal(kit->disk.jobs[VMB_STOR_WRITE], (0x400 + 127) / 128);
    memset(kit->pages + one.address, 0, 512);
    answer = kit_scsi(kit, 0, "4108 00000100 00 0400 00", &one, 1);
    assert_good(&answer, 512);
    assert_int_equal(kit->disk.jobs[VMB_STOR_WRITE_ZEROES], 1);
    assert_int_equal(kit->disk.now[0x100 * 512 + 77], 0);
    answer = kit_scsi(kit, 0, "9301 0000000000000000 00000004 0000", NULL, 0); /* NDOB */
    assert_good(&answer, 0);
    assert_int_equal(kit->disk.now[0], 0);
    kit_free(kit);
}

static void a_disk_that_fails_is_told_as_sense(void **state)
{
    static const struct kit_range two = {4096, 1024};
    struct kit *kit = kit_ready();
    struct kit_answer answer;

    (void)state;
    kit->disk.fail_from = 0x1234 * 512;
    kit->disk.fail_to = 0x1235 * 512;
    kit->disk.failure = VMB_STOR_MEDIA_ERROR;
    answer = kit_scsi(kit, 0, "2800 00001233 00 0002 00", &two, 1);
    assert_sense(&answer, 3, 0x1100);
    assert_int_equal(answer.srb.cdb_or_sense[0], 0xF0);
    assert_int_equal(answer.srb.cdb_or_sense[5], 0x12);
    assert_int_equal(answer.srb.cdb_or_sense[6], 0x34);
    answer = kit_scsi(kit, 0, "2a00 00001233 00 0002 00", &two, 1);
    assert_sense(&answer, 3, 0x0C00);
    kit->disk.failure = VMB_STOR_NO_SPACE;
    answer = kit_scsi(kit, 0, "2a00 00001234 00 0001 00", &two, 1);
    assert_sense(&answer, 7, 0x2707);
    kit->disk.failure = VMB_STOR_GONE;
    answer = kit_scsi(kit, 0, "2a00 00001234 00 0001 00", &two, 1);
    assert_sense(&answer, 4, 0x4400);
    answer = kit_scsi(kit, 0, "2a00 00001235 00 0001 00", &two, 1);
    assert_good(&answer, 512);
    kit_free(kit);
}

/* ---- LUNs ------------------------------------------------------------------------------------ */

static void luns_come_and_go(void **state)
{
    struct kit *kit = kit_ready();
    struct memory_disk second;
    struct vmb_stor_disk disk;
    struct kit_answer answer;
    uint8_t *data;

    (void)state;
    memory_disk_init(&second, 1 << 20);
    disk = memory_disk_describe(&second);
    answer = kit_scsi(kit, 5, "000000000000", NULL, 0);
    assert_int_equal(answer.srb.srb_status, VMB_STOR_SRB_INVALID_LUN);
    assert_int_equal(kit_ask(kit, 5, "1200 00 00ff 00", &data), 36);
    assert_int_equal(data[0], 0x7F);

    assert_int_equal(vmb_stor_host_add(kit->host, 5, &disk), VMB_OK);
    assert_int_equal(vmb_stor_host_add(kit->host, 5, &disk), VMB_ERR_WRONG_STATE);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_int_equal(answer.type, VMB_PACKET_IN_BAND);
    assert_int_equal(answer.header.operation, VMB_STOR_ENUMERATE_BUS);
    assert_true(answer.id == 0);
    answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
    assert_sense(&answer, 6, 0x3F0E);
    answer = kit_scsi(kit, 5, "000000000000", NULL, 0);
    assert_sense(&answer, 6, 0x2900);
    answer = kit_scsi(kit, 5, "000000000000", NULL, 0);
    assert_good(&answer, 0);
    assert_int_equal(kit_ask(kit, 0, "a000 00 000000 00001000 00 00", &data), 24);
    assert_int_equal(data[3], 16);
    assert_int_equal(data[9], 0);
    assert_int_equal(data[17], 5);

    second.keeps = true;
    (void)kit_send_scsi(kit, 0, 5, "3500 00000000 00 0000 00", NULL, 0);
    kit_run(kit);
    assert_int_equal(vmb_stor_host_remove(kit->host, 5), VMB_ERR_BUSY);
    assert_int_equal(vmb_stor_host_add(kit->host, 5, &disk), VMB_ERR_WRONG_STATE);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_int_equal(answer.header.operation, VMB_STOR_ENUMERATE_BUS);
    memory_disk_go_on(&second, 0);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_good(&answer, 0);
    assert_int_equal(vmb_stor_host_remove(kit->host, 5), VMB_OK);
    assert_int_equal(vmb_stor_host_remove(kit->host, 5), VMB_ERR_WRONG_STATE);
    memory_disk_deinit(&second);
    kit_free(kit);
}

static void read_only_disks_refuse_writes(void **state)
{
    static const char *const writes[] = {"0a 000009 01 00", "2a00 00000009 00 0001 00",
                                         "8a00 0000000000000009 00000001 0000",
                                         "4100 00000000 00 0001 00", "4200 00000000 00 0018 00"};
    struct kit *kit = kit_ready();
    struct vmb_stor_disk disk = memory_disk_describe(&kit->disk);
    struct kit_answer answer;
    uint8_t *data;

    (void)state;
    disk.read_only = true;
    assert_int_equal(vmb_stor_host_add(kit->host, 1, &disk), VMB_OK);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    answer = kit_scsi(kit, 1, "000000000000", NULL, 0);
    for (uint32_t i = 0; i < 5; i++) {
        answer = kit_scsi(kit, 1, writes[i], &page_1, 1);
        assert_sense(&answer, 7, 0x2700);
    }
    answer = kit_scsi(kit, 1, "3500 00000000 00 0000 00", NULL, 0);
    assert_good(&answer, 0);
    assert_int_equal(kit->disk.jobs[VMB_STOR_FLUSH], 0);
    (void)kit_ask(kit, 1, "1a08 3f 00 ff 00", &data);
    assert_int_equal(data[2], 0x90);
    kit_free(kit);
}

static void stopped_units_are_not_ready(void **state)
{
    struct kit *kit = kit_ready();
    struct kit_answer answer;

    (void)state;
    answer = kit_scsi(kit, 0, "1b0000000000", NULL, 0);
    assert_good(&answer, 0);
    assert_int_equal(kit->disk.jobs[VMB_STOR_FLUSH], 1);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0001 00", &page_1, 1);
    assert_sense(&answer, 2, 0x0402);
    answer = kit_scsi(kit, 0, "1b0000000100", NULL, 0);
    assert_good(&answer, 0);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0001 00", &page_1, 1);
    assert_good(&answer, 512);
    kit_free(kit);
}

/* ---- Under way ------------------------------------------------------------------------------- */

static void answers_wait_for_space_and_none_is_lost(void **state)
{
    struct kit *kit = kit_new(4096, 8);
    struct kit_answer answer;
    uint32_t sent = 0, received = 0;

    (void)state;
    kit_open(kit, 0);
    kit_initialise(kit, VMB_STOR_VERSION_6_2);
    while (received < 1000) {
        /* Never read before the ring is full, which it is with answers to 45 of these. */
        while (sent < 1000 && vmb_ring_tx_free_bytes(&kit->pairs[0]->guest.endpoint.tx) > 88) {
            (void)kit_send_scsi(kit, 0, 0, "000000000000", NULL, 0);
            sent++;
            kit_run(kit);
        }
        while (kit_receive(kit, 0, &answer)) {
            received++;
        }
        kit_run(kit);
        kit_run(kit);
    }
    assert_int_equal(received, sent);
    assert_true(kit_counters(kit).ring_full > 0);
    kit_free(kit);
}

static void more_requests_than_the_stock_wait(void **state)
{
    struct kit *kit = kit_new(65536, 4);
    struct kit_answer answer;

    (void)state;
    kit_open(kit, 0);
    kit_initialise(kit, VMB_STOR_VERSION_6_2);
    (void)kit_scsi(kit, 0, "000000000000", NULL, 0);
    kit->disk.keeps = true;
    for (uint32_t i = 0; i < 100; i++) {
        (void)kit_send_scsi(kit, 0, 0, "3500 00000000 00 0000 00", NULL, 0);
    }
    kit_run(kit);
    assert_int_equal(kit->disk.kept_count, 4);
    for (uint32_t i = 0; i < 100; i++) {
        memory_disk_go_on(&kit->disk, 0);
        kit_run(kit);
        assert_true(kit_receive(kit, 0, &answer));
        assert_good(&answer, 0);
    }
    assert_int_equal(kit->disk.kept_count, 0);
    assert_false(kit_receive(kit, 0, &answer));
    kit_free(kit);
}

static void sub_channels_wait_for_the_primary(void **state)
{
    struct kit *kit = kit_new(65536, 0);
    struct kit_answer answer;
    uint64_t id;

    (void)state;
    kit_open(kit, 0);
    kit_open(kit, 1);
    id = kit_send_scsi(kit, 1, 0, "000000000000", NULL, 0);
    kit_run(kit);
    assert_false(kit_receive(kit, 1, &answer));
    kit_initialise(kit, VMB_STOR_VERSION_5_1);
    assert_true(kit_receive(kit, 1, &answer));
    assert_true(answer.id == id);
    assert_sense(&answer, 6, 0x2900);
    assert_true(kit_operation(kit, VMB_STOR_CREATE_SUB_CHANNELS, 0) ==
                VMB_STOR_STATUS_INVALID_PARAMETER);
    assert_true(kit_operation(kit, VMB_STOR_CREATE_SUB_CHANNELS, KIT_CHANNELS) ==
                VMB_STOR_STATUS_INVALID_PARAMETER);
    assert_int_equal(kit_operation(kit, VMB_STOR_CREATE_SUB_CHANNELS, 2), 0);
    assert_int_equal(kit->polls, 1);
    kit_free(kit);
}

static void resets_wait_for_what_is_in_flight(void **state)
{
    struct vmb_stor_header header = {VMB_STOR_RESET_BUS, 1, 0};
    struct kit *kit = kit_ready();
    struct kit_answer answer;
    uint8_t packet[64];
    uint64_t id, other;

    (void)state;
    kit_open(kit, 1);
    kit->disk.keeps = true;
    (void)kit_send_scsi(kit, 1, 0, "3500 00000000 00 0000 00", NULL, 0);
    kit_run(kit);
    vmb_stor_header_encode(&header, packet, 64);
    id = kit_send(kit, 0, packet, 64, NULL, 0);
    other = kit_send(kit, 1, packet, 64, NULL, 0);
    kit_run(kit);
    /* What begins later is not waited for. */
    (void)kit_send_scsi(kit, 0, 0, "3500 00000000 00 0000 00", NULL, 0);
    kit_run(kit);
    assert_int_equal(kit->disk.kept_count, 2);
    assert_false(kit_receive(kit, 0, &answer));
    memory_disk_go_on(&kit->disk, 0);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_true(answer.id == id);
    assert_int_equal(answer.header.status, 0);
    assert_true(kit_receive(kit, 1, &answer)); /* The flush, then nothing: the second waits. */
    assert_false(kit_receive(kit, 1, &answer));
    memory_disk_go_on(&kit->disk, 0);
    kit_run(kit);
    assert_true(kit_receive(kit, 1, &answer));
    assert_true(answer.id == other);
    assert_true(kit_receive(kit, 0, &answer));
    assert_good(&answer, 0);
    answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
    assert_sense(&answer, 6, 0x2902);
    kit_free(kit);
}

static void a_close_waits_for_jobs(void **state)
{
    const struct vmb_host_hooks *hooks = vmb_stor_host_hooks();
    struct kit *kit = kit_ready();
    void *device = vmb_stor_host_device(kit->host, 0);
    struct kit_answer answer;

    (void)state;
    kit->disk.keeps = true;
    for (uint32_t i = 0; i < 3; i++) {
        (void)kit_send_scsi(kit, 0, 0, "2800 00000000 00 0008 00", &page_1, 1);
    }
    kit_run(kit);
    assert_int_equal(kit->disk.kept_count, 3);
    memory_disk_go_on(&kit->disk, 0); /* On the stack when the close comes. */
    assert_int_equal(hooks->close(device, NULL), VMB_ERR_BUSY);
    kit->polls = 0;
    kit->disk.keeps = false;
    memory_disk_go_on(&kit->disk, 0);
    memory_disk_go_on(&kit->disk, 0);
    assert_int_equal(kit->polls, 2);
    assert_int_equal(hooks->close(device, NULL), VMB_OK);
    vmb_stor_host_driver()->closed(device, VMB_OK);
    assert_int_equal(vmb_stor_host_version(kit->host), 0);
    assert_int_equal(vmb_stor_host_remove(kit->host, 0), VMB_OK);

    struct vmb_stor_disk disk = memory_disk_describe(&kit->disk);
    assert_int_equal(vmb_stor_host_add(kit->host, 0, &disk), VMB_OK);
    kit_open(kit, 0);
    kit_initialise(kit, VMB_STOR_VERSION_4_2);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0008 00", &page_1, 1);
    assert_sense(&answer, 6, 0x2900);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0008 00", &page_1, 1);
    assert_good(&answer, 4096);
    kit_free(kit);
}

/* ---- A bad guest ----------------------------------------------------------------------------- */

static void lying_lengths_are_refused(void **state)
{
    static const struct kit_range beyond = {(uint64_t)KIT_PAGES * 4096 - 512, 1024};
    static const struct kit_range huge[] = {{4096, 1 << 20}, {4096, 1}};
    struct vmb_stor_header header = {VMB_STOR_EXECUTE_SRB, 1, 0};
    struct vmb_stor_srb srb = {.cdb_bytes = 10, .sense_bytes = 255, .data_bytes = 4097};
    struct kit *kit = kit_ready();
    struct kit_answer answer;
    uint8_t packet[64] = {0};

    (void)state;
    srb.cdb_or_sense[0] = 0x28;
    srb.cdb_or_sense[8] = 1;
    srb.sense_bytes = 20;
    vmb_stor_header_encode(&header, packet, 64);
    vmb_stor_srb_encode(&srb, packet, 64);
    (void)kit_send(kit, 0, packet, 64, &page_1, 1); /* More than its range. */
    packet[20] = 17;                                /* A CDB longer than its field. */
    (void)kit_send(kit, 0, packet, 64, &page_1, 1);
    (void)kit_send(kit, 0, packet, 40, NULL, 0); /* Too short. */
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_true(answer.header.status == VMB_STOR_STATUS_INVALID_PARAMETER);
    assert_int_equal(answer.srb.srb_status, VMB_STOR_SRB_INVALID_REQUEST);
    assert_true(kit_receive(kit, 0, &answer));
    assert_true(answer.header.status == VMB_STOR_STATUS_INVALID_PARAMETER);
    assert_true(kit_receive(kit, 0, &answer));
    assert_true(answer.header.status == VMB_STOR_STATUS_INVALID_PARAMETER);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0002 00", &beyond, 1); /* Not its memory. */
    assert_int_equal(answer.srb.srb_status, VMB_STOR_SRB_INVALID_REQUEST);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0002 00", huge, 2); /* More than allowed. */
    assert_int_equal(answer.srb.srb_status, VMB_STOR_SRB_INVALID_REQUEST);
    answer = kit_scsi(kit, 0, "2800 00000000 00 0009 00", &page_1, 1); /* No room for it. */
    assert_int_equal(answer.srb.srb_status, VMB_STOR_SRB_DATA_OVERRUN);
    assert_int_equal(kit->disk.jobs[VMB_STOR_READ], 0);
    assert_int_equal(kit_counters(kit).malformed, 2);
    assert_int_equal(kit_counters(kit).refused, 4);
    kit_free(kit);
}

static uint64_t dice(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 24;
}

/* Any bytes at all, in any kind of packet. */
static void send_noise(struct kit *kit, uint64_t *seed)
{
    static const uint8_t operations[] = {3, 3, 3, 3, 3, 4, 5, 6, 8, 13, 12, 77};
    struct kit_range ranges[3];
    uint8_t packet[96];
    uint32_t bytes = (uint32_t)(dice(seed) % 5) == 0 ? (uint32_t)(dice(seed) % 96) : 64;
    uint32_t count = (uint32_t)(dice(seed) % 4);

    for (uint32_t i = 0; i < sizeof(packet); i++) {
        packet[i] = (uint8_t)(dice(seed) % 3 == 0 ? dice(seed) : 0);
    }
    packet[0] = operations[dice(seed) % sizeof(operations)];
    packet[1] = packet[2] = packet[3] = 0;
    packet[17] = packet[18] = 0;
    packet[19] &= 1;
    packet[20] = (uint8_t)(dice(seed) % 18);
    packet[21] = (uint8_t)dice(seed);
    packet[24] = (uint8_t)dice(seed);
    packet[25] = (uint8_t)(dice(seed) % 32);
    packet[26] = packet[27] = 0;
    if (dice(seed) % 2 == 0) { /* Commands that exist, with small numbers. */
        static const uint8_t commands[] = {0x00, 0x03, 0x08, 0x0A, 0x12, 0x1A, 0x1B, 0x25,
                                           0x28, 0x2A, 0x2F, 0x35, 0x41, 0x42, 0x5A, 0x88,
                                           0x8A, 0x8F, 0x91, 0x93, 0x9E, 0xA0, 0xA8, 0xAA};

        packet[20] = 16;
        packet[28] = commands[dice(seed) % sizeof(commands)];
        packet[29] = packet[30] = packet[31] = packet[32] = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        ranges[i].address = dice(seed) % ((KIT_PAGES + 4) * 4096ull);
        ranges[i].byte_count = 1 + (uint32_t)(dice(seed) % 10000);
    }
    (void)kit_send(kit, 0, packet, bytes, ranges, count);
}

static void noise_gets_answers(void **state)
{
    struct kit *kit = kit_ready();
    struct vmb_stor_disk disk = memory_disk_describe(&kit->disk);
    struct kit_answer answer;
    uint64_t seed = 7;
    uint32_t sent = 0, received = 0;

    (void)state;
    disk.block_bytes = 4096;
    disk.block_count /= 8;
    assert_int_equal(vmb_stor_host_add(kit->host, 1, &disk), VMB_OK);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    for (uint32_t round = 0; round < 4000; round++) {
        kit->disk.keeps = round % 3 == 0;
        for (uint32_t i = 0; i < 8; i++) {
            send_noise(kit, &seed);
            sent++;
        }
        kit_run(kit);
        while (kit->disk.kept_count > 0) {
            memory_disk_go_on(&kit->disk, (uint32_t)(dice(&seed) % kit->disk.kept_count));
            kit_run(kit);
        }
        while (kit_receive(kit, 0, &answer)) {
            received++;
        }
        kit_run(kit);
    }
    assert_int_equal(received, sent);
    assert_int_equal(kit->failure, VMB_OK);
    kit_free(kit);
}

static void packets_nobody_sends_are_dropped(void **state)
{
    struct kit *kit = kit_ready();
    struct vmb_endpoint *guest = &kit->pairs[0]->guest.endpoint;
    uint8_t packet[64] = {VMB_STOR_EXECUTE_SRB};
    struct kit_answer answer;

    (void)state;
    assert_int_equal(vmb_endpoint_send(guest, packet, 64, 5, false), VMB_OK);
    assert_int_equal(vmb_endpoint_complete(guest, 6, packet, 64), VMB_OK);
    kit_run(kit);
    assert_false(kit_receive(kit, 0, &answer));
    assert_int_equal(kit_counters(kit).malformed, 2);
    answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
    assert_good(&answer, 0);
    kit_free(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_initialises_with_its_size),
        cmocka_unit_test(versions_are_negotiated_downwards),
        cmocka_unit_test(steps_out_of_order_are_refused),
        cmocka_unit_test(properties_tell_the_limits),
        cmocka_unit_test(scattered_data_go_both_ways),
        cmocka_unit_test(a_megabyte_moves_at_once),
        cmocka_unit_test(all_forms_of_read_and_write),
        cmocka_unit_test(durable_writes_and_flushes),
        cmocka_unit_test(unmap_and_write_same),
        cmocka_unit_test(a_disk_that_fails_is_told_as_sense),
        cmocka_unit_test(luns_come_and_go),
        cmocka_unit_test(read_only_disks_refuse_writes),
        cmocka_unit_test(stopped_units_are_not_ready),
        cmocka_unit_test(answers_wait_for_space_and_none_is_lost),
        cmocka_unit_test(more_requests_than_the_stock_wait),
        cmocka_unit_test(sub_channels_wait_for_the_primary),
        cmocka_unit_test(resets_wait_for_what_is_in_flight),
        cmocka_unit_test(a_close_waits_for_jobs),
        cmocka_unit_test(lying_lengths_are_refused),
        cmocka_unit_test(noise_gets_answers),
        cmocka_unit_test(packets_nobody_sends_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
