/* SPDX-License-Identifier: MIT */
/*
 * Storage packets and what disks answer: any bytes, and nothing is read behind their end. What is
 * taken is such as the header promises, and survives encoding.
 */
#include "fuzz.h"

#include <vmbus/drivers/stor_command.h>
#include <vmbus/proto/stor.h>

#define FUZZ_LONGEST 260 /* Bytes of an input. */

enum {
    LONGEST_ANSWER = 256
};

static uint8_t *page;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    page = fuzz_pages(1);
    return 0;
}

static void check_srb(const uint8_t *packet, uint32_t packet_bytes, bool is_answer)
{
    uint8_t *again = fuzz_tail(page, 1, VMB_STOR_PACKET_BYTES);
    struct vmb_stor_srb srb, second;

    if (vmb_stor_srb_decode(packet, packet_bytes, is_answer, &srb) != VMB_OK) {
        return;
    }
    if (srb.cdb_bytes > VMB_STOR_CDB_BYTES || srb.sense_bytes > VMB_STOR_SENSE_BYTES) {
        return; /* Of the other direction's field: nobody encodes that. */
    }
    memset(again, 0, VMB_STOR_PACKET_BYTES);
    vmb_stor_srb_encode(&srb, again, VMB_STOR_PACKET_BYTES);
    if (vmb_stor_srb_decode(again, VMB_STOR_PACKET_BYTES, is_answer, &second) == VMB_OK) {
        FUZZ_CHECK(second.data_bytes == srb.data_bytes && second.lun == srb.lun);
    }
}

static void check_answers(const uint8_t *bytes, uint32_t byte_count)
{
    struct vmb_stor_capacity capacity;
    struct vmb_stor_sense sense;

    if (vmb_stor_capacity_decode(bytes, byte_count, &capacity) == VMB_OK) {
        uint32_t block = capacity.block_bytes;

        FUZZ_CHECK(block >= 512u && block <= 65536u && (block & (block - 1u)) == 0);
        FUZZ_CHECK(capacity.block_count != 0 && capacity.block_count <= UINT64_MAX / block);
    }
    (void)vmb_stor_luns_decode(bytes, byte_count);
    (void)vmb_stor_sense_decode(bytes, byte_count, &sense);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    uint32_t shape = feed_u8(&feed);
    struct vmb_stor_header header;
    uint32_t byte_count = feed.left < LONGEST_ANSWER ? (uint32_t)feed.left : LONGEST_ANSWER;

    check_answers(feed.next, byte_count);
    if (vmb_stor_header_decode(feed.next, byte_count, &header) != VMB_OK) {
        return 0;
    }
    check_srb(feed.next, byte_count, (shape & 1u) != 0);
    return 0;
}
