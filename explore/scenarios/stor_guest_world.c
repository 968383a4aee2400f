/* SPDX-License-Identifier: MIT */
#include "explore/scenarios/stor_guest_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus/driver.h>
#include <vmbus/endpoint.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/proto/stor.h>

#define BLOCK 512u

struct vmb_stor_guest *stor_guest_world;

static _Alignas(64) uint8_t memory[8192];
static _Alignas(4096) uint8_t rings[4][VMB_PAGE_BYTES]; /* Control and data, to the host first. */
static struct vmb_endpoint host, guest;
static vmb_atomic_u32 due; /* The controller wants the primary channel's handler to be run. */

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "explore: storage guest world: %s\n", what);
        exit(2);
    }
}

/* As a kick: what was done before it is seen by the handler that it has run. */
static void wake(void *context, uint32_t channel)
{
    (void)context;
    (void)channel;
    (void)vmb_atomic_fetch_or(&due, 1u, VMB_RELEASE);
}

static void ring_doorbell(void *context)
{
    (void)context; /* The host is played, and the guest's handler runs when a scenario says so. */
}

static void host_completes(uint64_t id, const uint8_t *packet)
{
    const struct vmb_slice payload = {packet, VMB_STOR_PACKET_BYTES};
    const struct vmb_packet_out out = {.transaction_id = id, .type = VMB_PACKET_COMPLETION};

    if (vmb_endpoint_stage_typed(&host, &out, &payload, 1) != VMB_OK) {
        xpl_fail("the host's ring is broken");
    }
    vmb_endpoint_flush(&host);
}

/* Of a table with one slot: its use, and the slot. */
static uint64_t id_of(uint32_t use)
{
    return (uint64_t)(2 * use + 1) << 32 | 1u;
}

static void host_initialises(void)
{
    const struct vmb_stor_properties properties = {.max_transfer_bytes = VMB_PAGE_BYTES};
    uint8_t packet[VMB_STOR_PACKET_BYTES];

    for (uint32_t step = 0; step < 4; step++) {
        memset(packet, 0, sizeof(packet));
        vmb_stor_answer_encode(packet, VMB_STOR_STATUS_SUCCESS);
        if (step == 2) {
            vmb_stor_properties_encode(&properties, packet);
        }
        host_completes(id_of(step), packet);
    }
}

void stor_guest_world_serve(void)
{
    const struct vmb_stor_srb srb = {.srb_status = VMB_STOR_SRB_SUCCESS, .data_bytes = BLOCK};
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    struct vmb_stor_header header;
    struct vmb_packet request;

    while (vmb_endpoint_receive(&host, packet, sizeof(packet), &request) == VMB_OK) {
        if (vmb_stor_header_decode(packet, request.payload_bytes, &header) == VMB_OK &&
            header.operation == VMB_STOR_EXECUTE_SRB) {
            memset(packet, 0, sizeof(packet));
            vmb_stor_answer_encode(packet, VMB_STOR_STATUS_SUCCESS);
            vmb_stor_srb_encode(&srb, packet, sizeof(packet));
            host_completes(request.transaction_id, packet);
        }
    }
    vmb_endpoint_release(&host);
}

void stor_guest_world_run(void)
{
    vmb_stor_guest_driver()->on_event(vmb_stor_guest_device(stor_guest_world, 0));
}

void stor_guest_world_await_wake(void)
{
    (void)xpl_await(&due, VMB_ACQUIRE);
}

static void done(struct vmb_stor_request *request)
{
    ++*(uint32_t *)request->context;
    request->data.first_gpn = 0; /* It is its owner's again. */
}

struct vmb_stor_request stor_guest_world_read(uint32_t *out_ended)
{
    return (struct vmb_stor_request){
        .command = {.cdb = {0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0},
                    .cdb_bytes = 10,
                    .direction = VMB_STOR_TO_GUEST,
                    .data_bytes = BLOCK},
        .data = {.first_gpn = 1},
        .done = done,
        .context = out_ended,
    };
}

void stor_guest_world_begin(bool kicks)
{
    const struct vmb_stor_guest_options options = {.struct_bytes = sizeof(options),
                                                   .sub_channel_limit = 1,
                                                   .request_limit = 1,
                                                   .transfer_limit_bytes = VMB_PAGE_BYTES,
                                                   .wake = kicks ? NULL : wake};
    const struct vmb_endpoint_rings to_host = {rings[0], rings[2], VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const struct vmb_endpoint_rings to_guest = {rings[2], rings[0], VMB_PAGE_BYTES, VMB_PAGE_BYTES};
    const size_t bytes = vmb_stor_guest_memory_bytes(&options);

    memset(rings, 0, sizeof(rings));
    must(bytes != 0 && bytes <= sizeof(memory) &&
             vmb_stor_guest_init(memory, bytes, &options, &stor_guest_world) == VMB_OK,
         "no controller");
    must(vmb_endpoint_init(&guest, &to_host, ring_doorbell, NULL) == VMB_OK &&
             vmb_endpoint_init(&host, &to_guest, ring_doorbell, NULL) == VMB_OK,
         "no rings");
    host_initialises();
    vmb_stor_guest_driver()->opened(vmb_stor_guest_device(stor_guest_world, 0), &guest);
    due.value = 0;
    xpl_name(&due, "the primary channel is to be run");
    xpl_keep_watched(memory, bytes);
    xpl_keep_watched(rings, sizeof(rings));
    xpl_keep_watched(&host, sizeof(host));
    xpl_keep_watched(&guest, sizeof(guest));
}
