/* SPDX-License-Identifier: MIT */
/*
 * Storage over a hostile endpoint, in either role, for the targets of that name. The guest has
 * requests of its own under way, each of which must end once; the host has disks in memory, whose
 * jobs must stay within them, and gets packets whose ranges name any memory.
 */
#ifndef VMB_FUZZ_DRIVERS_STOR_H
#define VMB_FUZZ_DRIVERS_STOR_H

#include "drivers.h"

#include <vmbus/drivers/stor_guest.h>
#include <vmbus/drivers/stor_host.h>
#include <vmbus/proto/packet.h>

enum {
    STOR_REQUESTS = 8,
    STOR_PAGES = 4,
    STOR_DISK_BYTES = 64 * 512,
    STOR_KEPT = 64
};

static struct vmb_stor_guest *guest;
static struct vmb_stor_host *host;
static uint8_t *guest_memory, *host_memory, *pages;
static size_t guest_bytes, host_bytes;
static bool closed;

/* ---- The guest's side ------------------------------------------------------------------------ */

static struct vmb_stor_request requests[STOR_REQUESTS];
static bool pending[STOR_REQUESTS];

static void request_done(struct vmb_stor_request *request)
{
    bool *mine = &pending[request - requests];

    FUZZ_CHECK(*mine);
    *mine = false;
    FUZZ_CHECK(request->moved_bytes <= request->command.data_bytes || closed);
    FUZZ_CHECK(request->sense_bytes <= VMB_STOR_SENSE_BYTES || closed);
}

static void guest_failed(void *context, uint32_t channel, vmb_status status)
{
    (void)context;
    FUZZ_CHECK(channel == 0 && status == VMB_ERR_PEER);
}

static void guest_wake(void *context, uint32_t channel)
{
    (void)context;
    FUZZ_CHECK(channel == 0); /* on_event follows each step. */
}

static const struct vmb_stor_guest_options guest_options = {
    .struct_bytes = sizeof(guest_options),
    .request_limit = 4,
    .transfer_limit_bytes = 16384,
    .failed = guest_failed,
    .wake = guest_wake,
};

static void guest_submit(struct feed *feed)
{
    uint32_t which = feed_below(feed, STOR_REQUESTS), blocks = 1 + feed_below(feed, 32);
    struct vmb_stor_request *request = &requests[which];

    if (pending[which]) {
        return;
    }
    memset(request, 0, sizeof(*request));
    request->kind = (enum vmb_stor_request_kind)(feed_u8(feed) % 16 == 1);
    request->command = (which & 1u) != 0 ? vmb_stor_read(which, blocks, 512)
                                         : vmb_stor_write(which, blocks, 512, false);
    request->data.first_gpn = which;
    request->data.byte_offset = feed_u16(feed) % VMB_PAGE_BYTES;
    request->done = request_done;
    pending[which] = true;
    if (vmb_stor_guest_submit(guest, 0, request) != VMB_OK) {
        pending[which] = false;
    }
}

/* ---- The host's side ------------------------------------------------------------------------- */

static uint8_t disk_bytes[STOR_DISK_BYTES];
static struct vmb_stor_io *kept[STOR_KEPT];
static uint32_t kept_count;
static uint32_t submitted_count;
static bool keeps;
static enum vmb_stor_result disk_result; /* Not done: what jobs end with. */
/* Where requests go, and what they say besides. */
static struct vmb_stor_srb scsi_form = {.cdb_bytes = 16, .sense_bytes = 20};

static void disk_do(struct vmb_stor_io *io)
{
    uint8_t *at = disk_bytes + io->offset_bytes;
    uint64_t sum = 0;

    FUZZ_CHECK(io->offset_bytes <= STOR_DISK_BYTES &&
               io->byte_count <= STOR_DISK_BYTES - io->offset_bytes);
    for (uint32_t i = 0; i < io->segment_count; i++) {
        const struct vmb_stor_segment *segment = &io->segments[i];
        const uint8_t *base = segment->base;

        FUZZ_CHECK(base >= pages && base + segment->byte_count <= pages + 4096 * STOR_PAGES);
        sum += segment->byte_count;
        FUZZ_CHECK(sum <= io->byte_count);
        if (io->operation == VMB_STOR_READ) {
            memcpy(segment->base, at, segment->byte_count);
        } else {
            memcpy(at, segment->base, segment->byte_count);
        }
        at += segment->byte_count;
    }
    FUZZ_CHECK(io->segment_count == 0 || sum == io->byte_count);
    if (disk_result != VMB_STOR_DONE) {
        io->error_offset_bytes = io->offset_bytes + 512u;
        vmb_stor_host_complete(io, disk_result);
        return;
    }
    vmb_stor_host_complete(io,
                           (io->offset_bytes & 1024u) != 0 ? VMB_STOR_MEDIA_ERROR : VMB_STOR_DONE);
}

static void disk_submit(void *context, struct vmb_stor_io *io)
{
    (void)context;
    submitted_count++;
    if (keeps && kept_count < STOR_KEPT) {
        kept[kept_count++] = io;
    } else {
        disk_do(io);
    }
}

static void disk_go_on(void)
{
    while (kept_count > 0) {
        disk_do(kept[--kept_count]);
    }
}

static void VMB_SHARED *host_guest_memory(void *context, vmb_gpn gpn, uint32_t offset,
                                          uint32_t bytes)
{
    (void)context;
    FUZZ_CHECK(bytes > 0 && offset + bytes <= VMB_PAGE_BYTES);
    return gpn < STOR_PAGES ? pages + gpn * VMB_PAGE_BYTES + offset : NULL;
}

static void host_wake(void *context, uint32_t channel)
{
    (void)context;
    (void)channel;
}

static const struct vmb_stor_host_options host_options = {
    .struct_bytes = sizeof(host_options),
    .guest_memory = host_guest_memory,
    .request_limit = 8,
    .transfer_limit_bytes = 16384,
    .wake = host_wake,
    .failed = bench_failed,
};

static void host_make(void)
{
    static const struct vmb_stor_disk_ops ops = {.submit = disk_submit};
    struct vmb_stor_disk disk = {.ops = &ops,
                                 .block_count = STOR_DISK_BYTES / 512,
                                 .discard_bytes = 4096,
                                 .discard_zeroes = true};

    FUZZ_CHECK(vmb_stor_host_init(host_memory, host_bytes, &host_options, &host) == VMB_OK);
    FUZZ_CHECK(vmb_stor_host_add(host, 0, &disk) == VMB_OK);
    disk.read_only = true;
    FUZZ_CHECK(vmb_stor_host_add(host, 1, &disk) == VMB_OK);
}

/* What a good guest sends first, so that SCSI requests are reached at once. */
static void host_initialise(void)
{
    static const uint32_t steps[] = {VMB_STOR_BEGIN_INIT, VMB_STOR_QUERY_VERSION,
                                     VMB_STOR_QUERY_PROPERTIES, VMB_STOR_END_INIT};

    for (uint32_t i = 0; i < 4; i++) {
        struct vmb_stor_header header = {steps[i], 1, 0};
        uint8_t packet[VMB_STOR_PACKET_BYTES];

        vmb_stor_header_encode(&header, packet, sizeof(packet));
        vmb_stor_version_encode(VMB_STOR_VERSION_6_2, packet);
        (void)vmb_endpoint_send(&bench.peer, packet, sizeof(packet), i + 1, true);
        bench_event();
    }
    FUZZ_CHECK(DRIVER_IS_REWRITTEN || vmb_stor_host_version(host) == VMB_STOR_VERSION_6_2);
}

/* A SCSI request: CDB, lengths, and ranges that are right, or bytes of the input. */
static void host_scsi(struct feed *feed)
{
    uint8_t packet[VMB_STOR_PACKET_BYTES], extra[64] = {0};
    const struct vmb_stor_header header = {VMB_STOR_EXECUTE_SRB, 1, 0};
    uint32_t shape = feed_u8(feed);
    struct vmb_stor_srb srb = scsi_form;
    struct vmb_slice ranges = {extra, 0}, payload = {packet, sizeof(packet)};
    struct vmb_packet_out out = {.transaction_id = feed_u8(feed),
                                 .type = VMB_PACKET_IN_BAND,
                                 .flags = VMB_PACKET_WANTS_COMPLETION};
    vmb_gpn list[STOR_PAGES] = {feed_u8(feed), 1, 2, 3};
    struct vmb_gpa_range range = {1 + feed_u16(feed) % 16384, feed_u16(feed) % 4096, 0, list, NULL};

    srb.lun |= (uint8_t)(shape & 1u);
    srb.direction = shape >> 1 & 3u;
    (void)feed_bytes(feed, srb.cdb_or_sense, 16);
    srb.data_bytes = (shape & 8u) != 0 ? feed_u32(feed) : range.byte_count;
    range.page_count = (range.byte_offset + range.byte_count + 4095) / 4096;
    if ((shape & 16u) != 0 && range.page_count <= STOR_PAGES &&
        vmb_gpa_direct_encode(&range, 1, extra, sizeof(extra), &ranges.byte_count) == VMB_OK) {
        if ((shape & 32u) != 0) {
            extra[feed_u8(feed) % ranges.byte_count] = feed_u8(feed);
        }
        out.type = VMB_PACKET_GPA_DIRECT;
        out.header = &ranges;
        out.header_count = 1;
    }
    vmb_stor_header_encode(&header, packet, sizeof(packet));
    vmb_stor_srb_encode(&srb, packet, sizeof(packet));
    (void)vmb_endpoint_stage_typed(&bench.peer, &out, &payload, 1);
    vmb_endpoint_flush(&bench.peer);
    bench_event();
}

/* ---- A session ------------------------------------------------------------------------------- */

static void stor_make(void)
{
    bench_make();
    guest_bytes = vmb_stor_guest_memory_bytes(&guest_options);
    host_bytes = vmb_stor_host_memory_bytes(&host_options);
    guest_memory = fuzz_object(guest_bytes);
    host_memory = fuzz_object(host_bytes);
    pages = fuzz_pages(STOR_PAGES);
#ifdef FUZZ_TOCTOU
    toctou_memory = pages;
    toctou_memory_bytes = (size_t)STOR_PAGES * VMB_PAGE_BYTES;
#endif
}

static void run_guest(struct feed *feed, const uint8_t *form)
{
    memset(pending, 0, sizeof(pending));
    FUZZ_CHECK(vmb_stor_guest_init(guest_memory, guest_bytes, &guest_options, &guest) == VMB_OK);
    bench_open(vmb_stor_guest_driver(), vmb_stor_guest_device(guest, 0));
    for (uint32_t step = 0; step < DRIVER_STEPS && feed->left > 0; step++) {
        if (vmb_stor_guest_version(guest) != 0 && (feed_u8(feed) & 1u) != 0) {
            guest_submit(feed);
        }
        bench_step(feed, form, VMB_STOR_PACKET_BYTES);
    }
    closed = true;
    bench.driver->closed(bench.device, feed_u8(feed) & 1u ? VMB_OK : VMB_ERR_GONE);
    for (uint32_t i = 0; i < STOR_REQUESTS; i++) {
        FUZZ_CHECK(!pending[i]);
    }
}

static void run_host(struct feed *feed, const uint8_t *form)
{
    uint32_t before;

    kept_count = 0;
    keeps = false;
    host_make();
    bench_open(vmb_stor_host_driver(), vmb_stor_host_device(host, 0));
    if ((feed_u8(feed) & 1u) != 0) {
        host_initialise();
    }
    for (uint32_t step = 0; step < DRIVER_STEPS && feed->left > 0; step++) {
        uint32_t what = feed_u8(feed);

        if ((what & 7u) == 7u) {
            keeps = (what & 8u) != 0;
            disk_go_on();
        }
        if ((what & 3u) != 0) {
            host_scsi(feed);
        } else {
            bench_step(feed, form, VMB_STOR_PACKET_BYTES);
        }
    }
    keeps = false;
    do {
        before = submitted_count;
        disk_go_on();
        bench_event(); /* Takes them home; a WRITE SAME goes on with its next block. */
    } while (submitted_count != before);
    bench.driver->closed(bench.device, VMB_OK);
    FUZZ_CHECK(vmb_stor_host_remove(host, 0) == VMB_OK);
    FUZZ_CHECK(vmb_stor_host_remove(host, 1) == VMB_OK);
}

FUZZ_UNUSED static void stor_session(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    uint8_t form[VMB_STOR_PACKET_BYTES] = {VMB_STOR_COMPLETE};
    uint32_t role = feed_u8(&feed) & 1u;

    closed = false;
    (void)feed_bytes(&feed, form + 1, feed_u8(&feed) & 31u);
    if (role == 0) {
        run_guest(&feed, form);
    } else {
        run_host(&feed, form);
    }
}

#endif /* VMB_FUZZ_DRIVERS_STOR_H */
