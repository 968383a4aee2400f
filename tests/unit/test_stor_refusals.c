/* SPDX-License-Identifier: MIT */
/* What a storage controller refuses of its embedder: options, memory and disks that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmbus/drivers/stor_host.h>

static void VMB_SHARED *memory_of(void *context, vmb_gpn gpn, uint32_t offset, uint32_t bytes)
{
    (void)context;
    (void)gpn;
    (void)offset;
    (void)bytes;
    return NULL;
}

static void submit(void *context, struct vmb_stor_io *io)
{
    (void)context;
    (void)io;
}

static const struct vmb_stor_disk_ops ops = {.submit = submit};

static struct vmb_stor_host_options small(void)
{
    return (struct vmb_stor_host_options){.struct_bytes = sizeof(struct vmb_stor_host_options),
                                          .guest_memory = memory_of,
                                          .request_limit = 8,
                                          .transfer_limit_bytes = 65536};
}

static struct vmb_stor_disk disk_of(uint32_t block_bytes)
{
    return (struct vmb_stor_disk){.ops = &ops, .block_count = 100, .block_bytes = block_bytes};
}

static void options_out_of_range_are_refused(void **state)
{
    struct vmb_stor_host_options options = {.struct_bytes = sizeof(options),
                                            .guest_memory = memory_of};
    _Alignas(64) static uint8_t memory[64];
    struct vmb_stor_host *controller;

    (void)state;
    assert_true(vmb_stor_host_memory_bytes(&options) > 0); /* Every default. */
#define WITH(field, value)                                                                         \
    options = small();                                                                             \
    options.field = (value);                                                                       \
    assert_int_equal(vmb_stor_host_memory_bytes(&options), 0);                                     \
    assert_int_equal(vmb_stor_host_init(memory, sizeof(memory), &options, &controller),            \
                     VMB_ERR_INVALID_ARGUMENT)
    WITH(struct_bytes, 4);
    WITH(guest_memory, NULL);
    WITH(sub_channel_limit, VMB_STOR_SUB_CHANNEL_LIMIT + 1);
    WITH(request_limit, 4097);
    WITH(transfer_limit_bytes, VMB_STOR_TRANSFER_LIMIT_BYTES + VMB_PAGE_BYTES);
    WITH(transfer_limit_bytes, VMB_PAGE_BYTES + 512);
    WITH(max_version, 1);
#undef WITH
    options = small();
    assert_int_equal(vmb_stor_host_init(memory + 8, 1u << 30, &options, &controller),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_stor_host_init(memory, sizeof(memory), &options, &controller),
                     VMB_ERR_TOO_SMALL);
}

static void disks_that_cannot_be_are_refused(void **state)
{
    static const struct vmb_stor_disk_ops nothing;
    struct vmb_stor_host_options options = small();
    size_t bytes = vmb_stor_host_memory_bytes(&options);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    struct vmb_stor_host *controller = NULL;
    struct vmb_stor_disk disk;

    (void)state;
    assert_int_equal(vmb_stor_host_init(memory, bytes, &options, &controller), VMB_OK);
#define DISK(field, value)                                                                         \
    disk = disk_of(512);                                                                           \
    disk.field = (value);                                                                          \
    assert_int_equal(vmb_stor_host_add(controller, 0, &disk), VMB_ERR_INVALID_ARGUMENT)
    DISK(ops, NULL);
    DISK(ops, &nothing);
    DISK(block_count, 0);
    DISK(block_count, UINT64_MAX / 512);
    DISK(block_bytes, 256);
    DISK(block_bytes, 8192);
    DISK(block_bytes, 1000);
    DISK(physical_block_bytes, 1000);
    DISK(physical_block_bytes, 256);
    DISK(physical_block_bytes, 512u << 16);
    DISK(discard_bytes, 700);
#undef DISK
    disk = disk_of(0);
    assert_int_equal(vmb_stor_host_add(controller, VMB_STOR_LUN_COUNT, &disk),
                     VMB_ERR_INVALID_ARGUMENT);
    assert_int_equal(vmb_stor_host_remove(controller, VMB_STOR_LUN_COUNT), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_stor_host_remove(controller, 3), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_stor_host_add(controller, 3, &disk), VMB_OK);
    assert_int_equal(vmb_stor_host_add(controller, 3, &disk), VMB_ERR_WRONG_STATE);
    assert_int_equal(vmb_stor_host_remove(controller, 3), VMB_OK);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(disks_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests_name("stor refusals", tests, NULL, NULL);
}
