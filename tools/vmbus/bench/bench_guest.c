/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/bench/bench_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vmbus/hv.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/proto/message.h>

#include "tools/vmbus/bench/bench.h"

#define SINT     2u
#define VERSION  VMB_VERSION_5_3
#define ANSWERS  64u
#define VPS_MAX  16u
#define RING_GPN 4u /* Two rings of a page and its control page each. */

struct bench_guest {
    struct vmb_guest *guest;
    void *memory;
    size_t memory_bytes;
    uint32_t vps, channels;
    uint8_t *pages[VPS_MAX]; /* Message page, event page. */
    uint8_t *shared;         /* Free ones hang together by their first word. */
    size_t shared_bytes, shared_used;
    uint64_t shares;
    void *shared_free;
    struct vmb_message answers[ANSWERS];
    uint32_t answer_count;
    struct vmb_channel *channel[VMB_RELID_COUNT];
    struct bench_device devices[VMB_RELID_COUNT * 8];
    struct vmb_driver driver;
};

__attribute__((noinline)) void bench_on_event(void *device)
{
    ((struct bench_device *)device)->events++;
}

static void guest_die(const char *what)
{
    fprintf(stderr, "vmbus bench: the guest: %s\n", what);
    exit(3);
}

static struct vmb_message *guest_answer(struct bench_guest *self, uint32_t number)
{
    struct vmb_message *answer = &self->answers[self->answer_count];

    if (self->answer_count++ == ANSWERS) {
        guest_die("too many answers at once");
    }
    memset(answer, 0, sizeof(*answer));
    answer->number = number;
    return answer;
}

/* The played host. */
static vmb_status guest_post(void *context, uint32_t connection_id, const void *bytes,
                             uint32_t byte_count)
{
    struct bench_guest *self = context;
    struct vmb_message message, *answer;

    (void)connection_id;
    if (vmb_message_decode(bytes, byte_count, VMB_GUEST_TO_HOST, VERSION, 0, &message) != VMB_OK) {
        guest_die("a message that cannot be decoded");
    }
    switch (message.number) {
    case VMB_MSG_INITIATE_CONTACT:
        answer = guest_answer(self, VMB_MSG_VERSION_RESPONSE);
        answer->u.version_response.version_supported = true;
        answer->u.version_response.message_connection_id = 1;
        break;
    case VMB_MSG_REQUEST_OFFERS:
        (void)guest_answer(self, VMB_MSG_ALL_OFFERS_DELIVERED);
        break;
    case VMB_MSG_GPADL_HEADER:
        answer = guest_answer(self, VMB_MSG_GPADL_CREATED);
        answer->u.gpadl_created.relid = message.u.gpadl_header.relid;
        answer->u.gpadl_created.gpadl = message.u.gpadl_header.gpadl;
        break;
    case VMB_MSG_GPADL_TEARDOWN:
        answer = guest_answer(self, VMB_MSG_GPADL_TORNDOWN);
        answer->u.gpadl_torndown.gpadl = message.u.gpadl_teardown.gpadl;
        break;
    case VMB_MSG_OPEN_CHANNEL:
        answer = guest_answer(self, VMB_MSG_OPEN_RESULT);
        answer->u.open_result.relid = message.u.open_channel.relid;
        answer->u.open_result.open_id = message.u.open_channel.open_id;
        break;
    case VMB_MSG_MODIFY_CHANNEL:
        answer = guest_answer(self, VMB_MSG_MODIFY_CHANNEL_RESPONSE);
        answer->u.modify_channel_response.relid = message.u.modify_channel.relid;
        break;
    default:
        break; /* CloseChannel and the like: nothing to say. */
    }
    return VMB_OK;
}

static void guest_signal(void *context, uint32_t connection_id, uint16_t flag)
{
    (void)context;
    (void)connection_id;
    (void)flag;
}

static vmb_status guest_share(void *context, uint32_t page_count, struct vmb_pages *out_pages)
{
    struct bench_guest *self = context;
    uint8_t *base = self->shared_free;

    self->shares++;
    if (page_count == RING_GPN && base != NULL) {
        memcpy(&self->shared_free, base, sizeof(void *));
    } else {
        base = self->shared + self->shared_used;
        self->shared_used += (size_t)page_count * VMB_PAGE_BYTES;
        if (self->shared_used > self->shared_bytes) {
            return VMB_ERR_NO_MEMORY;
        }
    }
    out_pages->base = base;
    out_pages->first_gpn = 1 + (uint64_t)(base - self->shared) / VMB_PAGE_BYTES;
    out_pages->page_count = page_count;
    return VMB_OK;
}

static void guest_unshare(void *context, const struct vmb_pages *pages)
{
    struct bench_guest *self = context;

    if (pages->page_count == RING_GPN) {
        memcpy(pages->base, &self->shared_free, sizeof(void *));
        self->shared_free = pages->base;
    }
}

static uint64_t guest_now(void *context)
{
    (void)context;
    return bench_now_ns();
}

static void guest_end_of_message(void *context, uint32_t vp)
{
    (void)context;
    (void)vp;
}

static void guest_offered(void *context, struct vmb_channel *channel)
{
    ((struct bench_guest *)context)->channel[vmb_channel_relid(channel)] = channel;
}

/* The host's message goes into VP 0's slot, and the control plane takes it. */
static void guest_host_says(struct bench_guest *self, const struct vmb_message *message)
{
    uint8_t *slot = vmb_hv_slot(self->pages[0], SINT);
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count;

    if (vmb_message_encode(message, VERSION, 0, bytes, sizeof(bytes), &byte_count) != VMB_OK) {
        guest_die("a message that cannot be encoded");
    }
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, bytes, byte_count);
    slot[VMB_HV_SLOT_SIZE] = (uint8_t)byte_count;
    vmb_atomic_store((vmb_atomic_u32 *)(void *)(slot + VMB_HV_SLOT_TYPE), VMB_SYNIC_MESSAGE_TYPE,
                     VMB_RELEASE);
    do {
        (void)vmb_guest_on_interrupt(self->guest, 0);
        while (vmb_guest_poll(self->guest)) {
        }
    } while (vmb_hv_slot_occupied(slot));
}

void bench_guest_settle(struct bench_guest *self)
{
    struct vmb_message answers[ANSWERS];

    while (vmb_guest_poll(self->guest)) {
    }
    while (self->answer_count > 0) {
        uint32_t count = self->answer_count;

        memcpy(answers, self->answers, sizeof(answers[0]) * count);
        self->answer_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            guest_host_says(self, &answers[i]);
        }
    }
}

void bench_guest_open(struct bench_guest *self, uint32_t relid, uint32_t vp)
{
    const struct vmb_channel_open_options options = {.struct_bytes = sizeof(options),
                                                     .driver = &self->driver,
                                                     .device = bench_guest_device(self, relid),
                                                     .tx_pages = 1,
                                                     .rx_pages = 1,
                                                     .target_vp = vp};

    if (vmb_channel_open(self->channel[relid], &options) != VMB_OK) {
        guest_die("a channel that cannot be opened");
    }
    bench_guest_settle(self);
}

static void guest_connect(struct bench_guest *self)
{
    const struct vmb_guest_options options = {.struct_bytes = sizeof(options),
                                              .vp_count = self->vps,
                                              .channel_limit = self->channels,
                                              .max_version = VERSION,
                                              .min_version = VERSION};
    const struct vmb_guest_platform platform = {.struct_bytes = sizeof(platform),
                                                .context = self,
                                                .post_message = guest_post,
                                                .signal_event = guest_signal,
                                                .share_pages = guest_share,
                                                .unshare_pages = guest_unshare,
                                                .now_ns = guest_now,
                                                .end_of_message = guest_end_of_message};
    const struct vmb_guest_events events = {
        .struct_bytes = sizeof(events), .context = self, .offered = guest_offered};

    self->memory_bytes = vmb_guest_memory_bytes(&options);
    self->memory = bench_memory(64, self->memory_bytes);
    if (vmb_guest_init(self->memory, self->memory_bytes, &options, &platform, &events,
                       &self->guest) != VMB_OK) {
        guest_die("no guest");
    }
    for (uint32_t vp = 0; vp < self->vps; vp++) {
        self->pages[vp] = bench_memory(VMB_PAGE_BYTES, 2 * VMB_PAGE_BYTES);
        if (vmb_guest_vp_start(self->guest, vp, self->pages[vp],
                               self->pages[vp] + VMB_PAGE_BYTES) != VMB_OK) {
            guest_die("no VP");
        }
    }
    if (vmb_guest_connect(self->guest) != VMB_OK) {
        guest_die("no connection");
    }
    bench_guest_settle(self);
}

struct bench_guest *bench_guest_new(uint32_t vps, uint32_t channels, enum vmb_notify notify)
{
    struct bench_guest *self = bench_memory(64, sizeof(*self));

    self->vps = vps;
    self->channels = channels;
    self->driver.notify = notify;
    self->driver.on_event = bench_on_event;
    self->shared_bytes = ((size_t)channels * RING_GPN + 16) * VMB_PAGE_BYTES;
    self->shared = bench_shared(self->shared_bytes);
    guest_connect(self);
    for (uint32_t relid = 1; relid <= channels; relid++) {
        struct vmb_message offer = {.number = VMB_MSG_OFFER_CHANNEL};

        offer.u.offer.relid = relid;
        offer.u.offer.instance_guid.bytes[0] = (uint8_t)relid;
        offer.u.offer.instance_guid.bytes[1] = (uint8_t)(relid >> 8);
        offer.u.offer.is_dedicated = true;
        offer.u.offer.connection_id = relid;
        guest_host_says(self, &offer);
        bench_guest_open(self, relid, vps == 1 ? 0 : 1 + relid % (vps - 1));
    }
    bench_guest_forget_events(self);
    return self;
}

void bench_guest_free(struct bench_guest *self)
{
    for (uint32_t vp = 0; vp < self->vps; vp++) {
        free(self->pages[vp]);
    }
    bench_shared_free(self->shared, self->shared_bytes);
    free(self->memory);
    free(self);
}

struct vmb_guest *bench_guest_library(struct bench_guest *self)
{
    return self->guest;
}

struct vmb_channel *bench_guest_channel(struct bench_guest *self, uint32_t relid)
{
    return self->channel[relid];
}

struct bench_device *bench_guest_device(struct bench_guest *self, uint32_t relid)
{
    return &self->devices[self->vps == 1 ? relid : relid * 8];
}

void bench_guest_forget_events(struct bench_guest *self)
{
    memset(self->devices, 0, sizeof(self->devices));
}

uint64_t *bench_guest_flags(struct bench_guest *self, uint32_t vp)
{
    return (uint64_t *)(void *)vmb_hv_event_flags(self->pages[vp] + VMB_PAGE_BYTES, SINT);
}

size_t bench_guest_bytes(const struct bench_guest *self)
{
    return self->memory_bytes + self->shared_used -
           (size_t)self->channels * RING_GPN * VMB_PAGE_BYTES;
}

uint64_t bench_guest_shares(const struct bench_guest *self)
{
    return self->shares;
}
