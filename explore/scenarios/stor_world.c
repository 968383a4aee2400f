/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/stor_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/driver.h>
#include <vmbus/endpoint.h>

#define BLOCK   512u
#define PLACES  (VMB_PAGE_BYTES / BLOCK) /* Of requests' data, one behind the other. */
#define SECTION 2u                       /* Pages of a ring: control and data. */
#define GHOST   XPL_GHOST

/* CDBs. */
#define READ_10 0x28u
#define INQUIRY 0x12u
#define READY   0x00u
#define NOTHING 0x7Fu /* An INQUIRY's first byte: there is no disk. */

struct vmb_stor_host *stor_world;

static _Alignas(64) uint8_t memory[64 * 1024];
static _Alignas(4096) uint8_t rings[STOR_WORLD_CHANNELS][2 * SECTION][VMB_PAGE_BYTES];
static _Alignas(4096) uint8_t data[STOR_WORLD_CHANNELS][VMB_PAGE_BYTES];

/* A channel of the world: both ends of it, and the guest's count of what it has asked. */
static struct {
    struct vmb_endpoint host, guest;
    uint64_t asked;
} channels[STOR_WORLD_CHANNELS];

/* The controller wants a channel's handler to be run. */
static vmb_atomic_u32 due[STOR_WORLD_CHANNELS];

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "explore: storage world: %s\n", what);
        exit(2);
    }
}

/* --- What the controller calls ---------------------------------------------------------------- */

static void VMB_SHARED *guest_memory(void *context, vmb_gpn gpn, uint32_t offset, uint32_t bytes)
{
    (void)context;
    (void)bytes;
    return data[gpn - 1] + offset;
}

/* As a bus does: what was done before it is seen by the handler that it has run. */
static void wake(void *context, uint32_t channel)
{
    (void)context;
    (void)vmb_atomic_fetch_or(&due[channel], 1u, VMB_RELEASE);
}

static void ring_doorbell(void *context)
{
    (void)context; /* The guest looks by itself. */
}

static void disk_is_used(const struct stor_disk *disk)
{
    xpl_expect(!disk->removed, "a disk is used that has been removed");
}

static void disk_submit(void *context, struct vmb_stor_io *io)
{
    struct stor_disk *disk = context;

    disk_is_used(disk);
    (void)vmb_atomic_fetch_add(&disk->under_way, 1u, GHOST);
    if (disk->keeps) {
        const uint32_t at = vmb_atomic_load(&disk->kept_count, VMB_RELAXED);

        disk->kept[at] = io;
        vmb_atomic_store(&disk->kept_count, at + 1, VMB_RELEASE);
        return;
    }
    (void)vmb_atomic_fetch_add(&disk->under_way, UINT32_MAX, GHOST);
    vmb_stor_host_complete(io, VMB_STOR_DONE);
}

static void disk_submitted(void *context)
{
    disk_is_used(context);
}

struct vmb_stor_disk stor_world_describe(struct stor_disk *disk)
{
    static const struct vmb_stor_disk_ops ops = {.submit = disk_submit,
                                                 .submitted = disk_submitted};

    return (struct vmb_stor_disk){.ops = &ops, .context = disk, .block_count = 8};
}

void stor_world_end_job(struct stor_disk *disk)
{
    const uint32_t at = vmb_atomic_fetch_add(&disk->taken, 1u, GHOST);
    struct vmb_stor_io *io;

    if (vmb_atomic_load(&disk->kept_count, VMB_ACQUIRE) <= at) {
        (void)vmb_atomic_fetch_add(&disk->taken, UINT32_MAX, GHOST);
        return;
    }
    io = disk->kept[at];
    if (io->segment_count != 0) {
        xpl_plain_write(io->segments[0].base, 8);
    }
    (void)vmb_atomic_fetch_add(&disk->under_way, UINT32_MAX, GHOST);
    vmb_stor_host_complete(io, VMB_STOR_DONE);
}

/* --- The guest -------------------------------------------------------------------------------- */

static void send(uint32_t channel, const uint8_t *packet, const struct vmb_slice *header)
{
    const struct vmb_slice payload = {packet, VMB_STOR_PACKET_BYTES};
    const struct vmb_packet_out out = {.transaction_id = ++channels[channel].asked,
                                       .type = header != NULL ? VMB_PACKET_GPA_DIRECT
                                                              : VMB_PACKET_IN_BAND,
                                       .flags = VMB_PACKET_WANTS_COMPLETION,
                                       .header = header,
                                       .header_count = header != NULL ? 1 : 0};

    if (vmb_endpoint_stage_typed(&channels[channel].guest, &out, &payload, 1) != VMB_OK) {
        xpl_fail("the guest's ring is broken");
    }
    vmb_endpoint_flush(&channels[channel].guest);
}

void stor_world_ask(uint32_t operation, uint16_t argument)
{
    const struct vmb_stor_header header = {operation, VMB_STOR_WANTS_COMPLETION, 0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    vmb_stor_header_encode(&header, packet, sizeof(packet));
    vmb_stor_version_encode(argument, packet); /* The count of sub-channels stands there too. */
    send(0, packet, NULL);
}

static void send_scsi(uint32_t channel, uint8_t lun, const uint8_t *cdb, uint32_t data_bytes)
{
    const struct vmb_stor_header header = {VMB_STOR_EXECUTE_SRB, VMB_STOR_WANTS_COMPLETION, 0};
    const vmb_gpn page = 1 + channel;
    const uint32_t offset = (uint32_t)((channels[channel].asked + 1) % PLACES * BLOCK);
    const struct vmb_gpa_range range = {data_bytes, offset, 1, &page, NULL};
    struct vmb_stor_srb srb = {
        .lun = lun, .cdb_bytes = 10, .sense_bytes = 20, .data_bytes = data_bytes};
    uint8_t packet[VMB_STOR_PACKET_BYTES], words[64];
    struct vmb_slice slice = {words, 0};

    memcpy(srb.cdb_or_sense, cdb, srb.cdb_bytes);
    vmb_stor_header_encode(&header, packet, sizeof(packet));
    vmb_stor_srb_encode(&srb, packet, sizeof(packet));
    if (data_bytes != 0 &&
        vmb_gpa_direct_encode(&range, 1, words, sizeof(words), &slice.byte_count) != VMB_OK) {
        xpl_fail("no ranges");
    }
    send(channel, packet, data_bytes != 0 ? &slice : NULL);
}

void stor_world_read(uint32_t channel, uint8_t lun)
{
    static const uint8_t cdb[10] = {READ_10, 0, 0, 0, 0, 0, 0, 0, 1, 0};

    send_scsi(channel, lun, cdb, BLOCK);
}

void stor_world_inquire(uint32_t channel, uint8_t lun)
{
    static const uint8_t cdb[10] = {INQUIRY, 0, 0, 0, 36, 0};

    send_scsi(channel, lun, cdb, 36);
}

void stor_world_reset(uint32_t channel)
{
    const struct vmb_stor_header header = {VMB_STOR_RESET_BUS, VMB_STOR_WANTS_COMPLETION, 0};
    const struct vmb_stor_srb srb = {0};
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    vmb_stor_header_encode(&header, packet, sizeof(packet));
    vmb_stor_srb_encode(&srb, packet, sizeof(packet));
    send(channel, packet, NULL);
}

bool stor_world_hear(uint32_t channel, struct stor_answer *out_answer)
{
    struct vmb_endpoint *endpoint = &channels[channel].guest;
    uint8_t bytes[VMB_STOR_PACKET_BYTES];
    struct vmb_packet packet;

    if (vmb_endpoint_receive(endpoint, bytes, sizeof(bytes), &packet) != VMB_OK) {
        return false;
    }
    vmb_endpoint_release(endpoint);
    memset(out_answer, 0, sizeof(*out_answer));
    if (vmb_stor_header_decode(bytes, packet.payload_bytes, &out_answer->header) != VMB_OK) {
        xpl_fail("the controller says nonsense");
    }
    if (packet.type == VMB_PACKET_COMPLETION) {
        out_answer->id = packet.transaction_id;
        (void)!vmb_stor_srb_decode(bytes, packet.payload_bytes, true, &out_answer->srb);
        xpl_note("the guest hears of request %u", (unsigned)packet.transaction_id);
    }
    return true;
}

bool stor_world_found(uint32_t channel, uint64_t id)
{
    return data[channel][id % PLACES * BLOCK] != NOTHING;
}

void stor_world_use_data(uint32_t channel, uint64_t id)
{
    xpl_plain_write(data[channel] + id % PLACES * BLOCK, 8);
}

/* --- The bus ---------------------------------------------------------------------------------- */

bool stor_world_under_way(struct stor_disk *disk)
{
    return vmb_atomic_load(&disk->under_way, GHOST) != 0;
}

uint64_t stor_world_asked(uint32_t channel)
{
    return channels[channel].asked;
}

void stor_world_close(uint32_t channel)
{
    void *device = vmb_stor_host_device(stor_world, channel);

    if (vmb_stor_host_hooks()->close(device, NULL) != VMB_OK) {
        xpl_fail("a channel without jobs does not close");
    }
    vmb_stor_host_driver()->closed(device, VMB_OK);
}

void stor_world_run(uint32_t channel)
{
    vmb_stor_host_driver()->on_event(vmb_stor_host_device(stor_world, channel));
}

void stor_world_await_wake(uint32_t channel)
{
    (void)xpl_await(&due[channel], VMB_ACQUIRE);
}

/* --- Preparing -------------------------------------------------------------------------------- */

/* The guest's end of a channel, and the host's if no bus makes that. */
static void make_ends(uint32_t channel, uint8_t *to_host, uint8_t *to_guest)
{
    const struct vmb_endpoint_rings host = {to_guest, to_host, VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const struct vmb_endpoint_rings guest = {to_host, to_guest, VMB_PAGE_BYTES, VMB_PAGE_BYTES};

    must(vmb_endpoint_init(&channels[channel].host, &host, ring_doorbell, NULL) == VMB_OK &&
             vmb_endpoint_init(&channels[channel].guest, &guest, ring_doorbell, NULL) == VMB_OK,
         "no rings");
}

void stor_world_open(uint32_t channel)
{
    vmb_stor_host_driver()->opened(vmb_stor_host_device(stor_world, channel),
                                   &channels[channel].host);
}

static void begin(struct stor_disk *const *disks, bool kicks)
{
    const struct vmb_stor_host_options options = {.struct_bytes = sizeof(options),
                                                  .guest_memory = guest_memory,
                                                  .sub_channel_limit = STOR_WORLD_CHANNELS - 1,
                                                  .request_limit = 4,
                                                  .transfer_limit_bytes = VMB_PAGE_BYTES,
                                                  .wake = kicks ? NULL : wake};
    const size_t bytes = vmb_stor_host_memory_bytes(&options);

    memset(channels, 0, sizeof(channels));
    must(bytes != 0 && bytes <= sizeof(memory) &&
             vmb_stor_host_init(memory, bytes, &options, &stor_world) == VMB_OK,
         "no controller");
    for (uint32_t lun = 0; disks[lun] != NULL; lun++) {
        const struct vmb_stor_disk disk = stor_world_describe(disks[lun]);

        must(vmb_stor_host_add(stor_world, lun, &disk) == VMB_OK, "no disk");
        xpl_keep_watched(disks[lun], sizeof(*disks[lun]));
    }
    xpl_keep_watched(memory, bytes);
    xpl_keep_watched(data, sizeof(data));
    xpl_keep_watched(channels, sizeof(channels));
}

void stor_world_begin(struct stor_disk *const *disks)
{
    memset(rings, 0, sizeof(rings));
    begin(disks, false);
    xpl_keep_watched(rings, sizeof(rings));
    for (uint32_t i = 0; i < STOR_WORLD_CHANNELS; i++) {
        make_ends(i, rings[i][0], rings[i][SECTION]);
        due[i].value = 0;
        xpl_name(&due[i], "channel %u is to be run", i);
    }
}

void stor_world_begin_on_bus(struct stor_disk *const *disks, const struct vmb_driver *driver,
                             struct host_device *devices)
{
    begin(disks, true);
    host_world_begin(VMB_VERSION_5_0);
    for (uint32_t i = 0; i < STOR_WORLD_CHANNELS; i++) {
        devices[i].driver = driver;
        devices[i].hooks = vmb_stor_host_hooks();
        devices[i].context = vmb_stor_host_device(stor_world, i);
        host_world_offer(&devices[i]);
        make_ends(i, devices[i].rings, devices[i].rings + SECTION * VMB_PAGE_BYTES);
    }
}

static void must_be_answered(uint32_t channel)
{
    struct stor_answer answer;

    stor_world_run(channel);
    must(stor_world_hear(channel, &answer) && answer.id == channels[channel].asked, "no answer");
}

void stor_world_initialise(uint16_t version)
{
    stor_world_open(0);
    stor_world_ask(VMB_STOR_BEGIN_INIT, 0);
    must_be_answered(0);
    stor_world_ask(VMB_STOR_QUERY_VERSION, version);
    must_be_answered(0);
    stor_world_ask(VMB_STOR_QUERY_PROPERTIES, 0);
    must_be_answered(0);
    stor_world_ask(VMB_STOR_END_INIT, 0);
    must_be_answered(0);
}

void stor_world_ready(struct stor_disk *const *disks)
{
    static const uint8_t ready[10] = {READY};

    stor_world_initialise(VMB_STOR_VERSION_6_2);
    for (uint32_t lun = 0; disks[lun] != NULL; lun++) {
        send_scsi(0, (uint8_t)lun, ready, 0); /* It says that it is new. */
        must_be_answered(0);
    }
    stor_world_open(1);
    due[0].value = due[1].value = 0;
}
