/* SPDX-License-Identifier: MIT */
/*
 * The least that a guest takes for a host: it answers every channel message at once and says yes to
 * everything. Tests of the guest's interrupts use it, so that what they find is the guest's.
 */
#ifndef SMALL_HOST_H
#define SMALL_HOST_H

#include <vmbus/proto/message.h>

#include "sim/vmb_sim_machine.h"

/* How a relid stands. The host actor's, but for target_vp. */
struct small_channel {
    bool known; /* To be offered. */
    bool shown; /* Offered, and not released. */
    bool open;
    bool rescinded;
    vmb_atomic_u32 target_vp;
};

/* Told as it happens, by the host actor. */
struct small_host_hooks {
    void *context;
    /* The guest asks to open; the answer has not been sent. */
    void (*opening)(void *context, uint32_t relid, uint32_t target_vp);
    /* The guest has given a relid back; it may be offered again. */
    void (*released)(void *context, uint32_t relid);
    /* Before each step; may call small_host_offer() and small_host_rescind(). True: more to do. */
    bool (*step)(void *context);
};

#define SMALL_HOST_QUEUE       8192u
#define SMALL_HOST_EVIL_OFFERS 4u

struct small_host {
    struct vmb_sim_machine *machine;
    struct small_host_hooks hooks;
    struct vmb_sim_actor actor;
    struct vmb_hv_message_port port;
    struct vmb_sim_random random;
    uint32_t max_version;
    uint32_t version; /* Agreed upon; VMB_VERSION_NONE before. */
    uint32_t message_vp;
    bool offers_asked;
    bool evil_offers;  /* Offer relids that are none, and one twice, besides. */
    uint64_t mistakes; /* Of the guest: messages that make no sense. */
    struct small_channel channels[VMB_RELID_COUNT];
    /* Encoded messages that wait for a buffer in the guest's SynIC. */
    struct {
        uint32_t bytes;
        uint8_t message[VMB_MESSAGE_MAX_BYTES];
    } queue[SMALL_HOST_QUEUE];
    uint32_t queue_head;
    uint32_t queue_tail;
    vmb_atomic_u32 dropped; /* The queue was full: a mistake in the test. */
};

void small_host_init(struct small_host *host, struct vmb_sim_machine *machine, uint32_t max_version,
                     const struct small_host_hooks *hooks);

/* Put this into the machine's hooks. */
void small_host_on_slot_free(void *host);

/* The host actor, or before it acts: */
void small_host_offer(struct small_host *host, uint32_t relid);
void small_host_rescind(struct small_host *host, uint32_t relid);

#endif /* SMALL_HOST_H */
