/* SPDX-License-Identifier: MIT */
/* See stor_ends.h. */
#include "stor_ends.h"

struct ends *ends;

static void ends_ready(void *context, vmb_status status)
{
    assert_ptr_equal(context, ends);
    ends->readies++;
    ends->ready = status;
}

static void ends_news(void *context)
{
    assert_ptr_equal(context, ends);
    ends->news++;
}

static void ends_failed(void *context, uint32_t channel, vmb_status status)
{
    assert_ptr_equal(context, ends);
    assert_int_equal(channel, 0);
    assert_int_equal(status, VMB_ERR_PEER);
    ends->failures++;
}

static void ends_wake(void *context, uint32_t channel)
{
    assert_ptr_equal(context, ends);
    ends->kit->pairs[channel]->guest.rung = true;
}

void ends_done(struct vmb_stor_request *request)
{
    assert_true(ends->done_count < sizeof(ends->order) / sizeof(ends->order[0]));
    ends->order[ends->done_count++] = request;
}

struct vmb_stor_guest_options ends_options(void)
{
    return (struct vmb_stor_guest_options){
        .struct_bytes = sizeof(struct vmb_stor_guest_options),
        .sub_channel_limit = KIT_CHANNELS - 1,
        .context = ends,
        .ready = ends_ready,
        .luns_changed = ends_news,
        .failed = ends_failed,
        .wake = ends_wake,
    };
}

void ends_new(const struct vmb_stor_guest_options *wishes, uint32_t ring_bytes)
{
    struct vmb_stor_guest_options options;
    size_t bytes;

    ends = calloc(1, sizeof(*ends));
    assert_non_null(ends);
    options = wishes != NULL ? *wishes : ends_options();
    options.context = ends;
    ends->kit = kit_new(ring_bytes, 0);
    bytes = vmb_stor_guest_memory_bytes(&options);
    assert_true(bytes != 0);
    ends->memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    assert_int_equal(vmb_stor_guest_init(ends->memory, bytes - 1, &options, &ends->guest),
                     VMB_ERR_TOO_SMALL);
    assert_int_equal(vmb_stor_guest_init(ends->memory, bytes, &options, &ends->guest), VMB_OK);
}

void ends_free(void)
{
    free(ends->memory);
    kit_free(ends->kit);
    free(ends);
}

void ends_run(void)
{
    bool any = true;

    for (uint32_t round = 0; any; round++) {
        assert_true(round < 100000);
        any = false;
        for (uint32_t i = 0; i < KIT_CHANNELS; i++) {
            struct pair_side *sides[] = {&ends->kit->pairs[i]->guest, &ends->kit->pairs[i]->host};

            for (uint32_t k = 0; k < 2; k++) {
                if (sides[k]->rung && sides[k]->driver != NULL) {
                    pair_deliver(sides[k]);
                    any = true;
                }
            }
        }
    }
}

void ends_open(uint32_t channel)
{
    pair_open(&ends->kit->pairs[channel]->guest, vmb_stor_guest_driver(),
              vmb_stor_guest_device(ends->guest, channel));
}

void ends_begin(void)
{
    struct vmb_stor_request request = {.command = vmb_stor_test_ready(), .done = ends_done};

    kit_open(ends->kit, 0);
    ends_open(0);
    ends_run();
    assert_int_equal(ends->readies, 1);
    assert_int_equal(ends->ready, VMB_OK);
    for (uint32_t i = 1; i < KIT_CHANNELS; i++) {
        kit_open(ends->kit, i);
        ends_open(i);
    }
    ends_run();
    assert_int_equal(vmb_stor_guest_submit(ends->guest, 0, &request), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 1);
    assert_int_equal(request.status, VMB_ERR_REFUSED);
    ends->done_count = 0;
}

void ends_make(void)
{
    ends_new(NULL, 65536);
    ends_begin();
}

vmb_status ends_do(uint32_t channel, struct vmb_stor_request *request)
{
    request->done = ends_done;
    ends->done_count = 0;
    assert_int_equal(vmb_stor_guest_submit(ends->guest, channel, request), VMB_OK);
    ends_run();
    assert_int_equal(ends->done_count, 1);
    assert_ptr_equal(ends->order[0], request);
    return request->status;
}

struct vmb_stor_request ends_request(struct vmb_stor_command command, vmb_gpa address)
{
    return (struct vmb_stor_request){
        .command = command,
        .data = {.first_gpn = address / VMB_PAGE_BYTES,
                 .byte_offset = (uint32_t)(address % VMB_PAGE_BYTES)},
    };
}

struct vmb_stor_guest_counters ends_counters(void)
{
    struct vmb_stor_guest_counters counters;

    vmb_stor_guest_read_counters(ends->guest, &counters);
    return counters;
}

struct vmb_endpoint *liar(void)
{
    return &ends->kit->pairs[0]->host.endpoint;
}

uint64_t liar_receive(uint8_t *packet)
{
    struct vmb_packet got;

    if (vmb_endpoint_receive(liar(), packet, VMB_STOR_PACKET_BYTES, &got) != VMB_OK) {
        return 0;
    }
    vmb_endpoint_release(liar());
    return got.transaction_id;
}

void liar_send(uint64_t id, const uint8_t *packet, uint32_t bytes)
{
    assert_int_equal(vmb_endpoint_complete(liar(), id, packet, bytes), VMB_OK);
    ends_run();
}

void liar_step(uint32_t operation, uint32_t nt_status, const struct vmb_stor_properties *properties)
{
    uint8_t packet[VMB_STOR_PACKET_BYTES];
    uint64_t id = liar_receive(packet);
    struct vmb_stor_header header;

    assert_true(id != 0);
    assert_int_equal(vmb_stor_header_decode(packet, sizeof(packet), &header), VMB_OK);
    assert_int_equal(header.operation, operation);
    if (properties != NULL) {
        vmb_stor_properties_encode(properties, packet);
    }
    vmb_stor_answer_encode(packet, nt_status);
    liar_send(id, packet, sizeof(packet));
}

void liar_go(uint32_t steps, uint32_t max_transfer_bytes)
{
    const struct vmb_stor_properties properties = {.max_transfer_bytes = max_transfer_bytes};

    ends_open(0);
    if (steps > 0) {
        liar_step(VMB_STOR_BEGIN_INIT, 0, NULL);
    }
    if (steps > 1) {
        liar_step(VMB_STOR_QUERY_VERSION, 0, NULL);
    }
    if (steps > 2) {
        liar_step(VMB_STOR_QUERY_PROPERTIES, 0, &properties);
    }
    if (steps > 3) {
        liar_step(VMB_STOR_END_INIT, 0, NULL);
        assert_int_equal(ends->ready, VMB_OK);
    }
}

void liar_begin(uint32_t steps)
{
    ends_new(NULL, 65536);
    liar_go(steps, 70000);
    assert_int_equal(vmb_stor_guest_transfer_limit_bytes(ends->guest), steps > 3 ? 69632 : 0);
}
