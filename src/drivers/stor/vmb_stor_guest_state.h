/* SPDX-License-Identifier: MIT */
/*
 * What a guest's storage controller is made of.
 *
 * Who touches what: a channel belongs to its runner, and once its gate is closed to the control
 * plane. Requests come to it over its stack `submitted`, which any thread pushes to and which says
 * by its head whether it takes any. `ready`, `version` and the limit are written by the runner of
 * the primary channel before it lets requests in.
 */
#ifndef VMB_STOR_GUEST_STATE_H
#define VMB_STOR_GUEST_STATE_H

#include <vmbus/drivers/stor_guest.h>
#include <vmbus/platform/atomic.h>
#include <vmbus/request.h>

/* Members of struct vmb_stor_guest_counters, in its order. */
enum vmbi_stor_guest_counter {
    VMBI_STOR_GUEST_REQUESTS,
    VMBI_STOR_GUEST_ANSWERS,
    VMBI_STOR_GUEST_CONDITIONS,
    VMBI_STOR_GUEST_ABANDONED,
    VMBI_STOR_GUEST_BYTES_MOVED,
    VMBI_STOR_GUEST_WAITS,
    VMBI_STOR_GUEST_UNKNOWN,
    VMBI_STOR_GUEST_MALFORMED,
    VMBI_STOR_GUEST_LIES
};

struct vmbi_stor_guest_channel {
    struct vmb_stor_guest *guest;
    uint32_t index;
    struct vmb_endpoint *endpoint; /* NULL: not open, or broken. */
    /* Requests that nobody has taken yet, the last one first; the channel itself: takes none. */
    vmb_atomic_ptr submitted;
    struct vmb_stor_request *first; /* Those that wait for their turn, in order. */
    struct vmb_stor_request *last;
    struct vmb_request_table requests; /* Under way. Context: a vmb_stor_request, or the guest. */
    uint8_t *header;                   /* Room for a packet's ranges. */
    vmb_gpn *pages;                    /* Room for page numbers. */
    struct vmb_channel *bus_channel;   /* As given to vmb_stor_guest_open(), or NULL. */
    vmb_atomic_word counters[VMB_STOR_GUEST_COUNTER_COUNT];
};

struct vmb_stor_guest {
    struct vmb_stor_guest_options options;
    uint32_t channel_count;
    uint32_t header_bytes;
    uint32_t page_limit;
    uint32_t operation;     /* The step of the initialisation that is under way. */
    uint32_t version_index; /* Of vmb_stor_version(). */
    uint32_t packet_bytes;
    uint32_t sub_channels; /* To be asked for. */
    vmb_atomic_u32 ready;
    vmb_atomic_u32 version;
    vmb_atomic_u32 transfer_limit;
    struct vmbi_stor_guest_channel channels[]; /* channel_count. */
};

VMB_INLINE void vmbi_stor_guest_count(struct vmbi_stor_guest_channel *channel,
                                      enum vmbi_stor_guest_counter which, uint64_t amount)
{
    uintptr_t before = vmb_atomic_load(&channel->counters[which], VMB_RELAXED);

    vmb_atomic_store(&channel->counters[which], before + (uintptr_t)amount, VMB_RELAXED);
}

VMB_INLINE bool vmbi_stor_guest_is_ready(const struct vmb_stor_guest *guest)
{
    /* Pairs with the release at the end of the initialisation: version and limit are known. */
    return vmb_atomic_load(&guest->ready, VMB_ACQUIRE) != 0;
}

/* ---- Channel (runner) ------------------------------------------------------------------------ */

void vmbi_stor_guest_opened(void *device, struct vmb_endpoint *endpoint);
void vmbi_stor_guest_on_event(void *device);
void vmbi_stor_guest_closed(void *device, vmb_status reason);

/* Take requests from now on. */
void vmbi_stor_guest_let_in(struct vmbi_stor_guest_channel *channel);

/* Stage a packet under @context; its ranges are @header. VMB_ERR_RING_FULL: an event follows. */
VMB_NODISCARD vmb_status vmbi_stor_guest_stage(struct vmbi_stor_guest_channel *channel,
                                               const uint8_t *packet,
                                               const struct vmb_slice *header, void *context);

/* ---- Initialisation (runner of the primary channel) ------------------------------------------ */

/* The primary channel is open: the first step. */
void vmbi_stor_guest_begin(struct vmb_stor_guest *guest);

/* The answer to a step; @packet NULL: one that makes no sense. */
void vmbi_stor_guest_step(struct vmb_stor_guest *guest, const uint8_t *packet, uint32_t nt_status);

#endif /* VMB_STOR_GUEST_STATE_H */
