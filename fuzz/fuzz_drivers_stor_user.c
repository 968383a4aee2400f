/* SPDX-License-Identifier: MIT */
/*
 * Storage over a hostile endpoint, as in drivers_stor.h, with a user who acts meanwhile: disks of
 * any kind come, go and fail, the controller is saved and another one goes on, in the guest any
 * command and any reset is under way. And options that cannot be: refused, and nothing is written.
 */
#include "drivers_stor.h"

#define FUZZ_LONGEST 1024 /* Bytes of an input. */

enum {
    LUNS = 3,
    SAVED_BYTES = 16384
};

static uint8_t *saved;
static uint32_t shape_of_disks;
static bool luns[LUNS]; /* A disk is there, or is being removed. */

/* ---- The host's user ------------------------------------------------------------------------- */

static void disks_submitted(void *context)
{
    (void)context;
}

static struct vmb_stor_disk some_disk(uint32_t lun)
{
    static const struct vmb_stor_disk_ops ops = {disk_submit, disks_submitted};
    uint32_t shape = shape_of_disks >> (lun & 3u);
    uint32_t block = (shape & 1u) != 0 ? 4096u : 512u;
    struct vmb_stor_disk disk = {.ops = &ops,
                                 .block_count = STOR_DISK_BYTES / block,
                                 .block_bytes = block,
                                 .physical_block_bytes = 4096,
                                 .discard_bytes = (shape & 2u) != 0 ? 0 : 4096u,
                                 .discard_zeroes = (shape & 4u) != 0,
                                 .read_only = lun == 1,
                                 .write_through = (shape & 8u) != 0,
                                 .rotates = (shape & 8u) != 0};

    if ((shape & 4u) != 0) {
        disk.unique_id = 0x600224800000ull + lun;
        memcpy(disk.serial, "serial\x01\x7F", 9);
        memcpy(disk.product, "product", 8);
    }
    return disk;
}

static void user_adds(uint32_t lun)
{
    struct vmb_stor_disk disk = some_disk(lun);
    vmb_status status = vmb_stor_host_add(host, lun, &disk);

    FUZZ_CHECK((status == VMB_OK) == (lun < LUNS && !luns[lun]));
    if (status == VMB_OK) {
        luns[lun] = true;
    }
}

static void user_removes(uint32_t lun)
{
    vmb_status status = vmb_stor_host_remove(host, lun);

    FUZZ_CHECK((status == VMB_ERR_WRONG_STATE) == (lun >= LUNS || !luns[lun]));
    if (status == VMB_OK) {
        luns[lun] = false;
    }
}

static void host_poll_ready(void *context)
{
    (void)context; /* There is no bus: nothing waits for it. */
}

static void user_makes_host(uint32_t shape)
{
    struct vmb_stor_host_options options = host_options;

    options.sub_channel_limit = 2;
    options.poll_ready = host_poll_ready;
    options.wake = (shape & 1u) != 0 ? host_wake : NULL;
    FUZZ_CHECK(vmb_stor_host_init(host_memory, host_bytes, &options, &host) == VMB_OK);
}

/* Every job ends and every answer is sent, or waits for room. */
static void host_quiet(void)
{
    uint32_t before;

    keeps = false;
    do {
        before = submitted_count;
        disk_go_on();
        bench_event();
    } while (submitted_count != before);
}

/* Another controller, with the disks of the one before, but the channel opened anew. */
static void host_begins(void)
{
    for (uint32_t lun = 0; lun < LUNS; lun++) {
        bool is_there = luns[lun];

        luns[lun] = false;
        if (is_there) {
            user_adds(lun);
        }
    }
}

/* The controller is saved; another one goes on with that, or with what was made of it. */
static void host_moves(struct feed *feed)
{
    const struct vmb_host_hooks *hooks = vmb_stor_host_hooks();
    uint32_t shape = feed_u8(feed), changes = shape & 7u, kind = shape_of_disks;
    void *device = vmb_stor_host_device(host, 0);
    uint8_t *bytes;
    size_t count = 0;
    vmb_status status = hooks->save(device, NULL, true, NULL, 0, &count);

    if (status == VMB_ERR_BUSY) {
        return;
    }
    FUZZ_CHECK(status == VMB_ERR_TOO_SMALL && count <= SAVED_BYTES && kept_count == 0);
    bytes = fuzz_tail(saved, SAVED_BYTES / VMB_PAGE_BYTES, count);
    FUZZ_CHECK(hooks->save(device, NULL, true, bytes, count, &count) == VMB_OK);
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t at = feed_u16(feed) % (uint32_t)count;

        bytes[at] = feed_u8(feed);
    }
    if ((shape & 8u) != 0) {
        count -= feed_u8(feed) % count;
    }
    shape_of_disks ^= (shape & 16u) != 0 ? 0xFFu : 0;
    luns[2] ^= (shape & 32u) != 0;
    for (uint32_t lun = 0; lun < LUNS; lun++) { /* What was being removed is gone. */
        luns[lun] = luns[lun] && ((shape & 32u) != 0 || vmb_stor_host_remove(host, lun) == VMB_OK);
    }
    user_makes_host(shape);
    host_begins();
    status = hooks->restore(vmb_stor_host_device(host, 0), NULL,
                            (shape & 64u) != 0 ? NULL : &bench.endpoint, bytes, count);
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_MALFORMED || status == VMB_ERR_MISMATCH ||
               status == VMB_ERR_LIMIT);
    FUZZ_CHECK((shape & 64u) == 0 || changes > 0 || status == VMB_ERR_MALFORMED);
    if (status != VMB_OK || (shape & 64u) != 0) { /* Then the guest opens it as at first. */
        shape_of_disks = kind;
        bench_open(vmb_stor_host_driver(), vmb_stor_host_device(host, 0));
    } else {
        bench.device = vmb_stor_host_device(host, 0);
        bench_event();
    }
}

/* Without a bus there is nothing to offer, whatever the guest asked for. */
static void host_counts(void)
{
    struct vmb_stor_host_counters before, after;

    vmb_stor_host_read_counters(host, &before);
    vmb_stor_host_poll(host);
    vmb_stor_host_read_counters(host, &after);
    FUZZ_CHECK(memcmp(&before, &after, sizeof(before)) == 0);
}

static void user_acts(struct feed *feed)
{
    uint32_t what = feed_u8(feed), which = what >> 4;

    switch (what & 7u) {
    case 0:
        user_removes(which < 4u ? which : 64u);
        break;
    case 1:
        user_adds(which < LUNS ? which : 64u);
        break;
    case 2:
        host_moves(feed);
        break;
    case 3:
        host_counts();
        break;
    case 4:
        disk_result = (enum vmb_stor_result)(which % 7u);
        break;
    case 5:
        scsi_form.cdb_bytes = (uint8_t)(1u + which);
        break;
    case 6: /* To another LUN, target or path; sense data are not wanted. */
        scsi_form.lun = which & 2u;
        scsi_form.target = which >> 2 & 1u;
        scsi_form.path = which >> 3 & 1u;
        scsi_form.srb_flags = (which & 1u) != 0 ? VMB_STOR_SRB_DISABLE_AUTOSENSE : 0;
        break;
    default:
        keeps = (which & 1u) != 0;
        disk_go_on();
        break;
    }
}

static void run_host_user(struct feed *feed, const uint8_t *form)
{
    shape_of_disks = feed_u8(feed);
    memset(luns, 0, sizeof(luns));
    luns[0] = luns[1] = true;
    kept_count = 0;
    keeps = false;
    disk_result = VMB_STOR_DONE;
    scsi_form = (struct vmb_stor_srb){.cdb_bytes = 16, .sense_bytes = 20};
    user_makes_host(1);
    host_begins();
    bench_open(vmb_stor_host_driver(), vmb_stor_host_device(host, 0));
    host_initialise();
    for (uint32_t step = 0; step < DRIVER_STEPS && feed->left > 0; step++) {
        uint32_t what = feed_u8(feed);

        if ((what & 3u) == 0) {
            user_acts(feed);
        } else if ((what & 3u) == 1) {
            bench_step(feed, form, VMB_STOR_PACKET_BYTES);
        } else {
            host_scsi(feed);
        }
    }
    host_quiet();
    bench.driver->closed(bench.device, VMB_OK);
    for (uint32_t lun = 0; lun < LUNS; lun++) {
        FUZZ_CHECK(!luns[lun] || vmb_stor_host_remove(host, lun) == VMB_OK);
    }
}

/* ---- The guest's user ------------------------------------------------------------------------ */

static void guest_ready(void *context, vmb_status status)
{
    (void)context;
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_VERSION || status == VMB_ERR_REFUSED ||
               status == VMB_ERR_PEER);
}

static void guest_luns_changed(void *context)
{
    (void)context;
}

static struct vmb_stor_command some_command(struct feed *feed)
{
    const struct vmb_stor_blocks blocks[2] = {{1, 2}, {3, 4}};
    uint32_t what = feed_u8(feed), block = feed_u8(feed);
    uint8_t list[VMB_STOR_UNMAP_BYTES(2)];

    switch (what & 7u) {
    case 0:
        return vmb_stor_test_ready();
    case 1:
        return vmb_stor_inquiry((what & 8u) != 0 ? (int)block : VMB_STOR_INQUIRY_STANDARD, 255);
    case 2:
        return vmb_stor_report_luns(16u + block);
    case 3:
        return vmb_stor_read_capacity();
    case 4:
        return vmb_stor_write_same(block, 8, 512, (what & 8u) != 0);
    case 5:
        vmb_stor_unmap_encode(blocks, 2, list);
        FUZZ_CHECK(list[1] == sizeof(list) - 2u && list[3] == 32 && list[8 + 7] == 1 &&
                   list[24 + 7] == 3 && list[24 + 11] == 4);
        return vmb_stor_unmap(2);
    case 6:
        return vmb_stor_flush();
    default:
        return vmb_stor_write(block, 1u + (what >> 3), 512, (what & 8u) != 0);
    }
}

static void user_submits(struct feed *feed)
{
    static const vmb_gpn scattered[STOR_PAGES] = {3, 1, 2, 0};
    uint32_t which = feed_below(feed, STOR_REQUESTS), shape = feed_u8(feed);
    struct vmb_stor_request *request = &requests[which];
    bool is_wrong = (shape & 0x80u) != 0;
    vmb_status status;

    if (pending[which]) {
        return;
    }
    memset(request, 0, sizeof(*request));
    request->kind = (enum vmb_stor_request_kind)((shape & 0x40u) != 0 ? shape & 3u : 0);
    request->command = some_command(feed);
    request->timeout_seconds = (shape & 4u) != 0 ? 5 : 0;
    request->data.pages =
        (shape & 8u) != 0 && request->command.data_bytes <= 4096 ? scattered : NULL;
    request->data.byte_offset = is_wrong && (shape & 7u) == 1u ? 4096u : 0;
    request->done = is_wrong && (shape & 7u) == 0 ? NULL : request_done;
    if (is_wrong && (shape & 7u) == 2u) {
        request->command.cdb_bytes = 0;
    } else if (is_wrong && (shape & 7u) == 3u) {
        request->command.cdb_bytes = VMB_STOR_CDB_BYTES + 1u;
    } else if (is_wrong && (shape & 7u) == 4u) {
        request->command.direction = VMB_STOR_NO_DATA + 1u;
    } else if (is_wrong && (shape & 7u) == 5u) {
        request->command.data_bytes = 1u << 24;
        request->command.direction = VMB_STOR_TO_GUEST;
    } else if (is_wrong && (shape & 7u) == 6u) {
        request->command.data_bytes ^= 512u;
        request->command.direction = VMB_STOR_NO_DATA;
        request->command.data_bytes |= 1u;
    }
    pending[which] = true;
    status = vmb_stor_guest_submit(guest, is_wrong && (shape & 7u) == 7u ? 9u : 0, request);
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_INVALID_ARGUMENT ||
               status == VMB_ERR_WRONG_STATE);
    FUZZ_CHECK(status != VMB_OK || !is_wrong || (shape & 0x40u) != 0);
    if (status != VMB_OK) {
        pending[which] = false;
    }
}

/* What a host would say to the guest's oldest packet; of a request, anything. */
static void host_answers(struct feed *feed, uint16_t version)
{
    struct vmb_stor_properties properties = {.max_sub_channels = 1, .flags = 1};
    uint8_t bytes[256] = {0};
    struct vmb_stor_header header;
    struct vmb_packet packet;
    struct vmb_stor_srb srb = {.srb_status = VMB_STOR_SRB_SUCCESS};
    uint32_t operation;

    if (vmb_endpoint_receive(&bench.peer, bytes, sizeof(bytes), &packet) != VMB_OK) {
        return;
    }
    vmb_endpoint_release(&bench.peer);
    if (vmb_stor_header_decode(bytes, packet.payload_bytes, &header) != VMB_OK) {
        return; /* The control page has been written over. */
    }
    operation = header.operation;
    header = (struct vmb_stor_header){.operation = VMB_STOR_COMPLETE};
    memset(bytes, 0, sizeof(bytes));
    if (operation == VMB_STOR_QUERY_VERSION) {
        vmb_stor_version_encode(version, bytes);
    } else if (operation == VMB_STOR_QUERY_PROPERTIES) {
        properties.max_sub_channels = feed_u8(feed) & 3u;
        properties.flags = feed_u8(feed) & 1u;
        properties.max_transfer_bytes = (uint32_t)feed_u8(feed) << 10;
        vmb_stor_properties_encode(&properties, bytes);
    } else if (operation == VMB_STOR_EXECUTE_SRB) {
        srb.srb_status = feed_u8(feed);
        srb.scsi_status = feed_u8(feed) & 2u;
        srb.sense_bytes = feed_u8(feed) % (VMB_STOR_SENSE_BYTES + 1u);
        srb.data_bytes = feed_u16(feed);
        vmb_stor_srb_encode(&srb, bytes, VMB_STOR_PACKET_BYTES);
    }
    header.status = (feed_u8(feed) & 0xF0u) == 0xF0u ? VMB_STOR_STATUS_UNSUCCESSFUL : 0;
    vmb_stor_header_encode(&header, bytes, VMB_STOR_PACKET_BYTES);
    (void)vmb_endpoint_complete(&bench.peer, packet.transaction_id, bytes, VMB_STOR_PACKET_BYTES);
    bench_event();
}

static void guest_counts(void)
{
    struct vmb_stor_guest_counters counters;
    uint32_t limit = vmb_stor_guest_transfer_limit_bytes(guest);

    vmb_stor_guest_read_counters(guest, &counters);
    FUZZ_CHECK(counters.answers >= counters.conditions);
    FUZZ_CHECK(limit <= guest_options.transfer_limit_bytes);
    FUZZ_CHECK(vmb_stor_guest_version(guest) != 0 || limit == 0);
}

static void run_guest_user(struct feed *feed, const uint8_t *form)
{
    struct vmb_stor_guest_options options = guest_options;
    uint32_t shape = feed_u8(feed);

    options.sub_channel_limit = shape & 1u;
    options.ready = guest_ready;
    options.luns_changed = guest_luns_changed;
    options.max_version = (shape & 2u) != 0 ? VMB_STOR_VERSION_6_0 : 0;
    options.min_version = (shape & 4u) != 0 ? VMB_STOR_VERSION_5_1 : 0;
    memset(pending, 0, sizeof(pending));
    FUZZ_CHECK(vmb_stor_guest_init(guest_memory, guest_bytes, &options, &guest) == VMB_OK);
    bench_open(vmb_stor_guest_driver(), vmb_stor_guest_device(guest, 0));
    for (uint32_t step = 0; step < DRIVER_STEPS && feed->left > 0; step++) {
        uint32_t what = feed_u8(feed);

        switch (what & 3u) {
        case 0:
            bench_step(feed, form, VMB_STOR_PACKET_BYTES);
            break;
        case 1:
            user_submits(feed);
            bench_event();
            break;
        case 2:
            guest_counts();
            break;
        default:
            host_answers(feed, VMB_STOR_VERSION_6_2);
            break;
        }
    }
    closed = true;
    bench.driver->closed(bench.device, feed_u8(feed) & 1u ? VMB_OK : VMB_ERR_GONE);
    for (uint32_t i = 0; i < STOR_REQUESTS; i++) {
        FUZZ_CHECK(!pending[i]);
    }
}

/* ---- Options that cannot be ------------------------------------------------------------------ */

static void user_errs(struct feed *feed)
{
    static const struct vmb_stor_disk_ops ops = {disk_submit, NULL}, none = {NULL, NULL};
    struct vmb_stor_guest_options of_guest = guest_options;
    struct vmb_stor_host_options of_host = host_options;
    uint32_t shape = feed_u8(feed), off = shape >> 7;
    struct vmb_stor_disk disk = {.ops = (shape & 4u) != 0   ? NULL
                                        : (shape & 8u) != 0 ? &none
                                                            : &ops};
    size_t needed;
    vmb_status status;

    of_guest.struct_bytes -= shape & 1u;
    of_guest.sub_channel_limit = of_host.sub_channel_limit = feed_u8(feed);
    of_guest.request_limit = of_host.request_limit = feed_u16(feed);
    of_guest.transfer_limit_bytes = of_host.transfer_limit_bytes = feed_u32(feed);
    of_guest.max_version = of_host.max_version = feed_u16(feed);
    of_guest.min_version = feed_u16(feed);
    of_host.struct_bytes -= shape & 1u;
    of_host.guest_memory = (shape & 2u) != 0 ? NULL : host_guest_memory;
    needed = vmb_stor_guest_memory_bytes(&of_guest);
    status = vmb_stor_guest_init(guest_memory + off, guest_bytes, &of_guest, &guest);
    FUZZ_CHECK(status != VMB_OK || (off == 0 && needed > 0 && needed <= guest_bytes));
    FUZZ_CHECK(status != VMB_ERR_TOO_SMALL || needed > guest_bytes);
    needed = vmb_stor_host_memory_bytes(&of_host);
    status = vmb_stor_host_init(host_memory + off, host_bytes, &of_host, &host);
    FUZZ_CHECK(status != VMB_OK || (off == 0 && needed > 0 && needed <= host_bytes));
    FUZZ_CHECK(status != VMB_ERR_TOO_SMALL || needed > host_bytes);
    user_makes_host(shape);
    disk.block_count = feed_u64(feed);
    disk.block_bytes = feed_u16(feed);
    disk.physical_block_bytes = feed_u32(feed);
    disk.discard_bytes = feed_u16(feed);
    status = vmb_stor_host_add(host, 0, &disk);
    FUZZ_CHECK(status == VMB_OK || status == VMB_ERR_INVALID_ARGUMENT);
    FUZZ_CHECK(status != VMB_OK || (disk.block_count != 0 && (shape & 12u) == 0 &&
                                    disk.block_count <= UINT64_MAX / 2 / 512u &&
                                    (disk.block_bytes & (disk.block_bytes - 1u)) == 0));
    FUZZ_CHECK(vmb_stor_host_version(host) == 0);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct vmb_stor_guest_options of_guest = guest_options;
    struct vmb_stor_host_options of_host = host_options;

    (void)argc;
    (void)argv;
    stor_make();
    of_guest.sub_channel_limit = 1;
    of_host.sub_channel_limit = 2;
    guest_bytes = vmb_stor_guest_memory_bytes(&of_guest);
    host_bytes = vmb_stor_host_memory_bytes(&of_host);
    guest_memory = fuzz_object(guest_bytes);
    host_memory = fuzz_object(host_bytes);
    saved = fuzz_pages(SAVED_BYTES / VMB_PAGE_BYTES);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = feed_of(data, size);
    uint8_t form[VMB_STOR_PACKET_BYTES] = {VMB_STOR_COMPLETE};
    uint32_t role = feed_u8(&feed) & 3u;

    closed = false;
    if (role == 0) {
        run_guest_user(&feed, form);
    } else if (role == 1) {
        user_errs(&feed);
    } else {
        form[0] = (uint8_t)feed_u8(&feed);
        run_host_user(&feed, form);
    }
    return 0;
}
