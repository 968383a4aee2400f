/* SPDX-License-Identifier: MIT */
/*
 * A storage controller that another one takes over, over the same rings and with the same disks: at
 * every step of initialisation, with answers that found no space, and not while a job is under way.
 */
#include "stor_kit.h"

#include <vmbus/host_channel.h>

#define BLOB_BYTES 65536u

static uint8_t blob[BLOB_BYTES];
static size_t blob_bytes;

static void save(struct kit *kit, bool open)
{
    const struct vmb_host_hooks *hooks = vmb_stor_host_hooks();
    void *device = vmb_stor_host_device(kit->host, 0);
    size_t needed = 0;

    assert_int_equal(hooks->save(device, NULL, open, NULL, 0, &needed), VMB_ERR_TOO_SMALL);
    assert_int_equal(hooks->save(device, NULL, open, blob, needed - 1, &blob_bytes),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(hooks->save(device, NULL, open, blob, BLOB_BYTES, &blob_bytes), VMB_OK);
    assert_int_equal(blob_bytes, needed);
}

static vmb_status restore(struct kit *kit, size_t byte_count)
{
    return vmb_stor_host_hooks()->restore(vmb_stor_host_device(kit->host, 0), NULL,
                                          &kit->pairs[0]->host.endpoint, blob, byte_count);
}

/* A fresh controller at the same guest, its disk as the other one left it. */
static struct kit *successor(struct kit *kit, uint32_t request_limit)
{
    struct kit *next = kit_new(4096, request_limit);
    uint8_t *pages = next->pages;

    for (uint32_t i = 0; i < KIT_CHANNELS; i++) {
        struct pair *pair = next->pairs[i];

        next->pairs[i] = kit->pairs[i];
        kit->pairs[i] = pair;
    }
    next->pages = kit->pages;
    kit->pages = pages;
    next->packet_bytes = kit->packet_bytes;
    next->last_id = kit->last_id;
    memcpy(next->disk.now, kit->disk.now, (size_t)kit->disk.bytes);
    memcpy(next->disk.durable, kit->disk.durable, (size_t)kit->disk.bytes);
    next->pairs[0]->host.device = vmb_stor_host_device(next->host, 0);
    kit_free(kit);
    return next;
}

static struct kit *pass_on(struct kit *kit, uint32_t request_limit)
{
    save(kit, true);
    kit = successor(kit, request_limit);
    assert_int_equal(restore(kit, blob_bytes), VMB_OK);
    kit->pairs[0]->host.rung = true; /* As a restored host does. */
    return kit;
}

static void at_every_step_of_initialisation(void **state)
{
    static const struct {
        uint32_t operation;
        uint16_t argument;
    } steps[] = {{VMB_STOR_BEGIN_INIT, 0},
                 {VMB_STOR_QUERY_VERSION, VMB_STOR_VERSION_6_0},
                 {VMB_STOR_QUERY_PROPERTIES, 0},
                 {VMB_STOR_END_INIT, 0}};
    struct kit *kit = kit_new(4096, 0);
    struct kit_answer answer;

    (void)state;
    kit_open(kit, 0);
    for (uint32_t i = 0; i < 4; i++) {
        kit = pass_on(kit, 0);
        assert_int_equal(kit_operation(kit, steps[i].operation, steps[i].argument), 0);
    }
    kit = pass_on(kit, 0);
    assert_int_equal(vmb_stor_host_version(kit->host), VMB_STOR_VERSION_6_0);
    answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
    assert_sense(&answer, 6, 0x2900); /* Pending since the open, told once. */
    kit = pass_on(kit, 0);
    answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
    assert_good(&answer, 0);
    assert_int_equal(kit_counters(kit).requests, 6); /* All that there were. */
    kit_free(kit);
}

static void answers_that_found_no_space(void **state)
{
    struct kit *kit = kit_new(4096, 64);
    struct kit_answer answer;
    uint64_t first, id;
    uint32_t sent = 0;

    (void)state;
    kit_open(kit, 0);
    kit_initialise(kit, VMB_STOR_VERSION_6_2);
    (void)kit_scsi(kit, 0, "000000000000", NULL, 0);
    first = kit->last_id + 1;
    while (kit_counters(kit).ring_full == 0) {
        (void)kit_send_scsi(kit, 0, 0, "000000000000", NULL, 0);
        sent++;
        kit_run(kit);
    }
    for (uint32_t i = 0; i < 8; i++, sent++) { /* And some in the ring that nobody has read. */
        (void)kit_send_scsi(kit, 0, 0, "000000000000", NULL, 0);
    }
    kit = pass_on(kit, 64);
    for (id = first; id < first + sent; id++) {
        kit_run(kit);
        if (!kit_receive(kit, 0, &answer)) {
            fail_msg("%u of %u answers came", (unsigned)(id - first), sent);
        }
        assert_true(answer.id == id);
        assert_good(&answer, 0);
        kit->pairs[0]->host.rung = true; /* There is space. */
    }
    kit_run(kit);
    assert_false(kit_receive(kit, 0, &answer));
    kit_free(kit);
}

static void jobs_are_waited_for(void **state)
{
    static const struct kit_range page = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const struct vmb_host_hooks *hooks = vmb_stor_host_hooks();
    struct kit *kit = kit_ready();
    struct kit_answer answer;
    void *device = vmb_stor_host_device(kit->host, 0);

    (void)state;
    kit->disk.keeps = true;
    (void)kit_send_scsi(kit, 0, 0, "2a00 00000005 00 0008 00", &page, 1);
    kit_run(kit);
    assert_int_equal(kit->disk.kept_count, 1);
    assert_int_equal(hooks->save(device, NULL, true, blob, BLOB_BYTES, &blob_bytes), VMB_ERR_BUSY);
    memory_disk_go_on(&kit->disk, 0); /* Done, but not yet taken home. */
    assert_int_equal(hooks->save(device, NULL, true, blob, BLOB_BYTES, &blob_bytes), VMB_ERR_BUSY);
    kit_run(kit);
    kit = pass_on(kit, 0);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_good(&answer, 4096);
    answer = kit_scsi(kit, 0, "2800 00000005 00 0008 00", &page, 1);
    assert_good(&answer, 4096);
    assert_int_equal(kit->pages[VMB_PAGE_BYTES], 0xEE);
    kit_free(kit);
}

static void other_disks_are_refused(void **state)
{
    struct kit *kit = kit_ready();
    struct memory_disk other;
    struct vmb_stor_disk disk;

    (void)state;
    save(kit, true);
    kit = successor(kit, 0);
    assert_int_equal(vmb_stor_host_remove(kit->host, 0), VMB_OK);
    assert_int_equal(restore(kit, blob_bytes), VMB_ERR_MISMATCH);
    memory_disk_init(&other, 1 << 20); /* A smaller one. */
    disk = memory_disk_describe(&other);
    assert_int_equal(vmb_stor_host_add(kit->host, 0, &disk), VMB_OK);
    assert_int_equal(restore(kit, blob_bytes), VMB_ERR_MISMATCH);
    memory_disk_deinit(&other);
    kit_free(kit);
}

static void damage_is_refused_or_does_no_harm(void **state)
{
    struct kit *kit = kit_ready();
    struct kit *next = kit_new(4096, 0);
    size_t i;

    (void)state;
    save(kit, true);
    for (i = 0; i < blob_bytes; i++) {
        vmb_status status;

        assert_int_equal(restore(next, i), VMB_ERR_MALFORMED); /* Cut short. */
        blob[i] ^= 0x81;
        status = restore(next, blob_bytes);
        blob[i] ^= 0x81;
        assert_true(status == VMB_OK || status == VMB_ERR_MALFORMED || status == VMB_ERR_MISMATCH ||
                    status == VMB_ERR_LIMIT);
        if (status == VMB_OK) { /* It can go on with that, and be closed. */
            next->pairs[0]->host.driver = vmb_stor_host_driver();
            next->pairs[0]->host.device = vmb_stor_host_device(next->host, 0);
            next->pairs[0]->host.rung = true;
            kit_run(next);
            vmb_stor_host_driver()->closed(vmb_stor_host_device(next->host, 0), VMB_OK);
        }
    }
    kit_free(next);
    kit_free(kit);
}

static void a_controller_that_is_closed(void **state)
{
    struct kit *kit = kit_new(4096, 0);
    struct kit *next = kit_new(4096, 0);

    (void)state;
    save(kit, false);
    assert_int_equal(vmb_stor_host_hooks()->restore(vmb_stor_host_device(next->host, 0), NULL, NULL,
                                                    blob, blob_bytes),
                     VMB_OK);
    kit_open(next, 0);
    kit_initialise(next, VMB_STOR_VERSION_6_2);
    kit_free(kit);
    kit_free(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_step_of_initialisation),
        cmocka_unit_test(answers_that_found_no_space),
        cmocka_unit_test(jobs_are_waited_for),
        cmocka_unit_test(other_disks_are_refused),
        cmocka_unit_test(damage_is_refused_or_does_no_harm),
        cmocka_unit_test(a_controller_that_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
