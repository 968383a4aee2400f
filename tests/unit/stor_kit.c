/* SPDX-License-Identifier: MIT */
/* See stor_kit.h. */
#include "stor_kit.h"

#include "proto_hex.h"

#define KIT_DISK_BYTES (4u << 20)

static void VMB_SHARED *kit_guest_memory(void *context, vmb_gpn gpn, uint32_t offset,
                                         uint32_t bytes)
{
    struct kit *kit = context;

    assert_true(offset + bytes <= VMB_PAGE_BYTES && bytes > 0);
    return gpn == 0 || gpn >= KIT_PAGES ? NULL : kit->pages + gpn * VMB_PAGE_BYTES + offset;
}

static void kit_wake(void *context, uint32_t channel)
{
    ((struct kit *)context)->pairs[channel]->host.rung = true;
}

static void kit_poll_ready(void *context)
{
    ((struct kit *)context)->polls++;
}

static void kit_failed(void *context, vmb_status status)
{
    ((struct kit *)context)->failure = status;
}

struct kit *kit_new(uint32_t ring_bytes, uint32_t request_limit)
{
    struct kit *kit = calloc(1, sizeof(*kit));
    struct vmb_stor_host_options options = {
        .struct_bytes = sizeof(options),
        .guest_memory = kit_guest_memory,
        .context = kit,
        .sub_channel_limit = KIT_CHANNELS - 1,
        .request_limit = request_limit,
        .wake = kit_wake,
        .poll_ready = kit_poll_ready,
        .failed = kit_failed,
    };
    size_t bytes = vmb_stor_host_memory_bytes(&options);
    struct vmb_stor_disk disk;

    assert_non_null(kit);
    for (uint32_t i = 0; i < KIT_CHANNELS; i++) {
        kit->pairs[i] = pair_new(ring_bytes);
    }
    kit->pages = aligned_alloc(VMB_PAGE_BYTES, (size_t)KIT_PAGES * VMB_PAGE_BYTES);
    assert_non_null(kit->pages);
    memset(kit->pages, 0xEE, (size_t)KIT_PAGES * VMB_PAGE_BYTES);
    kit->memory = aligned_alloc(64, bytes);
    assert_int_equal(vmb_stor_host_init(kit->memory, bytes - 1, &options, &kit->host),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_stor_host_init(kit->memory, bytes, &options, &kit->host), VMB_OK);
    memory_disk_init(&kit->disk, KIT_DISK_BYTES);
    disk = memory_disk_describe(&kit->disk);
    assert_int_equal(vmb_stor_host_add(kit->host, 0, &disk), VMB_OK);
    kit->packet_bytes = VMB_STOR_PACKET_BYTES;
    return kit;
}

void kit_free(struct kit *kit)
{
    assert_int_equal(kit->disk.bad_jobs, 0);
    memory_disk_deinit(&kit->disk);
    for (uint32_t i = 0; i < KIT_CHANNELS; i++) {
        pair_free(kit->pairs[i]);
    }
    free(kit->memory);
    free(kit->pages);
    free(kit);
}

void kit_open(struct kit *kit, uint32_t channel)
{
    pair_open(&kit->pairs[channel]->host, vmb_stor_host_driver(),
              vmb_stor_host_device(kit->host, channel));
}

void kit_run(struct kit *kit)
{
    bool any = true;

    for (uint32_t round = 0; any; round++) {
        assert_true(round < 10000);
        any = false;
        for (uint32_t i = 0; i < KIT_CHANNELS; i++) {
            struct pair_side *side = &kit->pairs[i]->host;

            if (side->rung && side->driver != NULL) {
                pair_deliver(side);
                any = true;
            }
        }
    }
}

uint64_t kit_send(struct kit *kit, uint32_t channel, const uint8_t *packet, uint32_t packet_bytes,
                  const struct kit_range *ranges, uint32_t range_count)
{
    static uint8_t extra[65536];
    static vmb_gpn pages[8192];
    struct vmb_gpa_range wire[16];
    struct vmb_slice header = {extra, 0}, payload = {packet, packet_bytes};
    struct vmb_packet_out out = {.transaction_id = ++kit->last_id,
                                 .type =
                                     range_count != 0 ? VMB_PACKET_GPA_DIRECT : VMB_PACKET_IN_BAND,
                                 .flags = VMB_PACKET_WANTS_COMPLETION};
    uint32_t used = 0;

    for (uint32_t i = 0; i < range_count; i++) {
        uint32_t offset = (uint32_t)(ranges[i].address % VMB_PAGE_BYTES);
        uint32_t count = (offset + ranges[i].byte_count + VMB_PAGE_BYTES - 1) / VMB_PAGE_BYTES;

        wire[i] = (struct vmb_gpa_range){ranges[i].byte_count, offset, count, pages + used, NULL};
        for (uint32_t k = 0; k < count; k++) {
            pages[used++] = ranges[i].address / VMB_PAGE_BYTES + k;
        }
    }
    if (range_count != 0) {
        assert_int_equal(
            vmb_gpa_direct_encode(wire, range_count, extra, sizeof(extra), &header.byte_count),
            VMB_OK);
        out.header = &header;
        out.header_count = 1;
    }
    assert_int_equal(
        vmb_endpoint_stage_typed(&kit->pairs[channel]->guest.endpoint, &out, &payload, 1), VMB_OK);
    vmb_endpoint_flush(&kit->pairs[channel]->guest.endpoint);
    return kit->last_id;
}

bool kit_receive(struct kit *kit, uint32_t channel, struct kit_answer *answer)
{
    struct vmb_endpoint *endpoint = &kit->pairs[channel]->guest.endpoint;
    struct vmb_packet packet;
    vmb_status status;

    memset(answer, 0, sizeof(*answer));
    status = vmb_endpoint_receive(endpoint, answer->packet, sizeof(answer->packet), &packet);
    if (status == VMB_ERR_RING_EMPTY) {
        return false;
    }
    assert_int_equal(status, VMB_OK);
    vmb_endpoint_release(endpoint);
    answer->id = packet.transaction_id;
    answer->type = packet.type;
    answer->packet_bytes = packet.payload_bytes;
    assert_int_equal(vmb_stor_header_decode(answer->packet, answer->packet_bytes, &answer->header),
                     VMB_OK);
    if (packet.type == VMB_PACKET_COMPLETION) {
        assert_int_equal(answer->header.operation, VMB_STOR_COMPLETE);
        (void)!vmb_stor_srb_decode(answer->packet, answer->packet_bytes, true, &answer->srb);
    }
    return true;
}

uint32_t kit_operation(struct kit *kit, uint32_t operation, uint16_t argument)
{
    struct vmb_stor_header header = {operation, VMB_STOR_WANTS_COMPLETION, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct kit_answer answer;
    uint64_t id;

    vmb_stor_header_encode(&header, packet, kit->packet_bytes);
    vmb_stor_version_encode(argument, packet); /* The count of sub-channels stands there too. */
    id = kit_send(kit, 0, packet, kit->packet_bytes, NULL, 0);
    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_true(answer.id == id);
    assert_int_equal(answer.packet_bytes, kit->packet_bytes);
    return answer.header.status;
}

void kit_initialise(struct kit *kit, uint16_t version)
{
    assert_int_equal(kit_operation(kit, VMB_STOR_BEGIN_INIT, 0), 0);
    assert_int_equal(kit_operation(kit, VMB_STOR_QUERY_VERSION, version), 0);
    kit->packet_bytes = vmb_stor_packet_bytes(version);
    assert_int_equal(kit_operation(kit, VMB_STOR_QUERY_PROPERTIES, 0), 0);
    assert_int_equal(kit_operation(kit, VMB_STOR_END_INIT, 0), 0);
    assert_int_equal(vmb_stor_host_version(kit->host), version);
}

struct kit *kit_ready(void)
{
    struct kit *kit = kit_new(65536, 0);
    struct kit_answer answer;

    kit_open(kit, 0);
    kit_initialise(kit, VMB_STOR_VERSION_6_2);
    answer = kit_scsi(kit, 0, "000000000000", NULL, 0);
    assert_sense(&answer, 6, 0x2900);
    return kit;
}

uint64_t kit_send_scsi(struct kit *kit, uint32_t channel, uint8_t lun, const char *cdb,
                       const struct kit_range *ranges, uint32_t range_count)
{
    struct vmb_stor_header header = {VMB_STOR_EXECUTE_SRB, VMB_STOR_WANTS_COMPLETION, 0};
    struct vmb_stor_srb srb = {.lun = lun, .sense_bytes = 20};
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    srb.cdb_bytes = (uint8_t)proto_hex(cdb, srb.cdb_or_sense);
    for (uint32_t i = 0; i < range_count; i++) {
        srb.data_bytes += ranges[i].byte_count;
    }
    vmb_stor_header_encode(&header, packet, kit->packet_bytes);
    vmb_stor_srb_encode(&srb, packet, kit->packet_bytes);
    return kit_send(kit, channel, packet, kit->packet_bytes, ranges, range_count);
}

struct kit_answer kit_scsi(struct kit *kit, uint8_t lun, const char *cdb,
                           const struct kit_range *ranges, uint32_t range_count)
{
    struct kit_answer answer;
    uint64_t id = kit_send_scsi(kit, 0, lun, cdb, ranges, range_count);

    kit_run(kit);
    assert_true(kit_receive(kit, 0, &answer));
    assert_true(answer.id == id);
    assert_int_equal(answer.type, VMB_PACKET_COMPLETION);
    assert_int_equal(answer.packet_bytes, kit->packet_bytes);
    return answer;
}

uint32_t kit_ask(struct kit *kit, uint8_t lun, const char *cdb, uint8_t **out_data)
{
    struct kit_range range = {VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    struct kit_answer answer;

    memset(kit->pages + VMB_PAGE_BYTES, 0xEE, VMB_PAGE_BYTES);
    answer = kit_scsi(kit, lun, cdb, &range, 1);
    assert_int_equal(answer.srb.srb_status, VMB_STOR_SRB_SUCCESS);
    assert_int_equal(answer.srb.scsi_status, 0);
    *out_data = kit->pages + VMB_PAGE_BYTES;
    assert_int_equal((*out_data)[answer.srb.data_bytes], 0xEE);
    return answer.srb.data_bytes;
}

void assert_good(const struct kit_answer *answer, uint32_t moved_bytes)
{
    assert_int_equal(answer->header.status, VMB_STOR_STATUS_SUCCESS);
    assert_int_equal(answer->srb.srb_status, VMB_STOR_SRB_SUCCESS);
    assert_int_equal(answer->srb.scsi_status, VMB_STOR_SCSI_GOOD);
    assert_int_equal(answer->srb.data_bytes, moved_bytes);
}

void assert_sense(const struct kit_answer *answer, uint8_t key, uint16_t asc)
{
    const uint8_t *sense = answer->srb.cdb_or_sense;

    assert_int_equal(answer->header.status, VMB_STOR_STATUS_SUCCESS);
    assert_int_equal(answer->srb.srb_status, VMB_STOR_SRB_ERROR | VMB_STOR_SRB_SENSE_VALID);
    assert_int_equal(answer->srb.scsi_status, VMB_STOR_SCSI_CHECK_CONDITION);
    assert_int_equal(sense[0] & 0x7F, 0x70);
    assert_int_equal(sense[2], key);
    assert_int_equal(sense[12] << 8 | sense[13], asc);
    assert_int_equal(answer->srb.data_bytes, 0);
}

struct vmb_stor_host_counters kit_counters(const struct kit *kit)
{
    struct vmb_stor_host_counters counters;

    vmb_stor_host_read_counters(kit->host, &counters);
    return counters;
}
