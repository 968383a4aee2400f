/* SPDX-License-Identifier: MIT */
/* Commands of a guest to a disk, and their answers. All numbers are big-endian. */
#include <vmbus/drivers/stor_command.h>
#include <vmbus/platform/string.h>

#define COMMAND_TEST_READY        0x00u
#define COMMAND_INQUIRY           0x12u
#define COMMAND_SYNCHRONIZE_CACHE 0x35u
#define COMMAND_UNMAP             0x42u
#define COMMAND_READ_16           0x88u
#define COMMAND_WRITE_16          0x8Au
#define COMMAND_WRITE_SAME_16     0x93u
#define COMMAND_SERVICE_IN_16     0x9Eu
#define COMMAND_READ_CAPACITY_16  0x10u /* Its service action. */
#define COMMAND_REPORT_LUNS       0xA0u

#define COMMAND_FUA               0x08u
#define COMMAND_UNMAP_BIT         0x08u
#define COMMAND_LUN_BYTES         8u

static void command_store(uint8_t *bytes, uint64_t value, uint32_t width)
{
    while (width > 0) {
        bytes[--width] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t command_load(const uint8_t *bytes, uint32_t width)
{
    uint64_t value = 0;
    uint32_t i;

    for (i = 0; i < width; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static struct vmb_stor_command command_make(uint8_t operation, uint8_t cdb_bytes, uint8_t direction,
                                            uint32_t data_bytes)
{
    struct vmb_stor_command command;

    vmb_memset(&command, 0, sizeof(command));
    command.cdb[0] = operation;
    command.cdb_bytes = cdb_bytes;
    command.direction = direction;
    command.data_bytes = data_bytes;
    return command;
}

/* The form that READ, WRITE and WRITE SAME of 16 bytes share. */
static struct vmb_stor_command command_of_blocks(uint8_t operation, uint8_t direction,
                                                 uint64_t block, uint32_t block_count,
                                                 uint32_t data_bytes)
{
    struct vmb_stor_command command = command_make(operation, 16, direction, data_bytes);

    command_store(command.cdb + 2, block, 8);
    command_store(command.cdb + 10, block_count, 4);
    return command;
}

struct vmb_stor_command vmb_stor_test_ready(void)
{
    return command_make(COMMAND_TEST_READY, 6, VMB_STOR_NO_DATA, 0);
}

struct vmb_stor_command vmb_stor_inquiry(int page, uint16_t data_bytes)
{
    struct vmb_stor_command command =
        command_make(COMMAND_INQUIRY, 6, VMB_STOR_TO_GUEST, data_bytes);

    if (page != VMB_STOR_INQUIRY_STANDARD) {
        command.cdb[1] = 1;
        command.cdb[2] = (uint8_t)page;
    }
    command_store(command.cdb + 3, data_bytes, 2);
    return command;
}

struct vmb_stor_command vmb_stor_report_luns(uint32_t data_bytes)
{
    struct vmb_stor_command command =
        command_make(COMMAND_REPORT_LUNS, 12, VMB_STOR_TO_GUEST, data_bytes);

    command_store(command.cdb + 6, data_bytes, 4);
    return command;
}

struct vmb_stor_command vmb_stor_read_capacity(void)
{
    struct vmb_stor_command command =
        command_make(COMMAND_SERVICE_IN_16, 16, VMB_STOR_TO_GUEST, VMB_STOR_CAPACITY_BYTES);

    command.cdb[1] = COMMAND_READ_CAPACITY_16;
    command_store(command.cdb + 10, VMB_STOR_CAPACITY_BYTES, 4);
    return command;
}

struct vmb_stor_command vmb_stor_read(uint64_t block, uint32_t block_count, uint32_t block_bytes)
{
    return command_of_blocks(COMMAND_READ_16, VMB_STOR_TO_GUEST, block, block_count,
                             block_count * block_bytes);
}

struct vmb_stor_command vmb_stor_write(uint64_t block, uint32_t block_count, uint32_t block_bytes,
                                       bool durable)
{
    struct vmb_stor_command command = command_of_blocks(COMMAND_WRITE_16, VMB_STOR_TO_DEVICE, block,
                                                        block_count, block_count * block_bytes);

    command.cdb[1] = durable ? COMMAND_FUA : 0;
    return command;
}

struct vmb_stor_command vmb_stor_flush(void)
{
    return command_make(COMMAND_SYNCHRONIZE_CACHE, 10, VMB_STOR_NO_DATA, 0);
}

struct vmb_stor_command vmb_stor_write_same(uint64_t block, uint32_t block_count,
                                            uint32_t block_bytes, bool unmap)
{
    struct vmb_stor_command command = command_of_blocks(COMMAND_WRITE_SAME_16, VMB_STOR_TO_DEVICE,
                                                        block, block_count, block_bytes);

    command.cdb[1] = unmap ? COMMAND_UNMAP_BIT : 0;
    return command;
}

struct vmb_stor_command vmb_stor_unmap(uint32_t range_count)
{
    uint32_t bytes = VMB_STOR_UNMAP_BYTES(range_count);
    struct vmb_stor_command command = command_make(COMMAND_UNMAP, 10, VMB_STOR_TO_DEVICE, bytes);

    command_store(command.cdb + 7, bytes, 2);
    return command;
}

void vmb_stor_unmap_encode(const struct vmb_stor_blocks *ranges, uint32_t range_count,
                           uint8_t *data)
{
    uint32_t bytes = VMB_STOR_UNMAP_BYTES(range_count);
    uint32_t i;

    vmb_memset(data, 0, bytes);
    command_store(data, bytes - 2, 2);
    command_store(data + 2, bytes - 8, 2);
    for (i = 0; i < range_count; i++) {
        command_store(data + 8 + 16 * i, ranges[i].first, 8);
        command_store(data + 16 + 16 * i, ranges[i].count, 4);
    }
}

vmb_status vmb_stor_capacity_decode(const uint8_t *data, uint32_t data_bytes,
                                    struct vmb_stor_capacity *out_capacity)
{
    struct vmb_stor_capacity capacity;
    uint64_t last;

    if (data_bytes < VMB_STOR_CAPACITY_BYTES) {
        return VMB_ERR_MALFORMED;
    }
    last = command_load(data, 8);
    capacity.block_bytes = (uint32_t)command_load(data + 8, 4);
    if (capacity.block_bytes < 512 || capacity.block_bytes > 65536 ||
        (capacity.block_bytes & (capacity.block_bytes - 1u)) != 0 || last >= UINT64_MAX / 65536u) {
        return VMB_ERR_MALFORMED;
    }
    capacity.block_count = last + 1;
    capacity.physical_block_bytes = capacity.block_bytes << (data[13] & 0x0Fu);
    capacity.can_unmap = (data[14] & 0x80u) != 0;
    capacity.unmapped_zeros = (data[14] & 0x40u) != 0;
    *out_capacity = capacity;
    return VMB_OK;
}

uint64_t vmb_stor_luns_decode(const uint8_t *data, uint32_t data_bytes)
{
    uint64_t luns = 0;
    uint64_t list;
    uint32_t at;

    if (data_bytes < 2 * COMMAND_LUN_BYTES) {
        return 0;
    }
    list = command_load(data, 4);
    if (list > data_bytes - COMMAND_LUN_BYTES) {
        list = data_bytes - COMMAND_LUN_BYTES;
    }
    for (at = COMMAND_LUN_BYTES; list >= COMMAND_LUN_BYTES; at += COMMAND_LUN_BYTES) {
        /* One level: either a bus number of 0 and the LUN, or flat space, which reads the same. */
        if ((data[at] & 0xBFu) == 0 && data[at + 1] < 64) {
            luns |= UINT64_C(1) << data[at + 1];
        }
        list -= COMMAND_LUN_BYTES;
    }
    return luns;
}

static vmb_status command_sense_fixed(const uint8_t *sense, uint32_t sense_bytes,
                                      struct vmb_stor_sense *out)
{
    if (sense_bytes < 14) {
        return VMB_ERR_MALFORMED;
    }
    out->key = sense[2] & 0x0Fu;
    out->asc = (uint16_t)(sense[12] << 8 | sense[13]);
    out->has_block = (sense[0] & 0x80u) != 0;
    out->block = out->has_block ? command_load(sense + 3, 4) : 0;
    return VMB_OK;
}

static vmb_status command_sense_descriptors(const uint8_t *sense, uint32_t sense_bytes,
                                            struct vmb_stor_sense *out)
{
    if (sense_bytes < 8) {
        return VMB_ERR_MALFORMED;
    }
    out->key = sense[1] & 0x0Fu;
    out->asc = (uint16_t)(sense[2] << 8 | sense[3]);
    /* The information descriptor comes first where there is one. */
    out->has_block = sense_bytes >= 20 && sense[8] == 0 && (sense[10] & 0x80u) != 0;
    out->block = out->has_block ? command_load(sense + 12, 8) : 0;
    return VMB_OK;
}

vmb_status vmb_stor_sense_decode(const uint8_t *sense, uint32_t sense_bytes,
                                 struct vmb_stor_sense *out_sense)
{
    uint8_t format = sense_bytes != 0 ? sense[0] & 0x7Fu : 0;

    if (format == 0x70u || format == 0x71u) {
        return command_sense_fixed(sense, sense_bytes, out_sense);
    }
    if (format == 0x72u || format == 0x73u) {
        return command_sense_descriptors(sense, sense_bytes, out_sense);
    }
    return VMB_ERR_MALFORMED;
}
