/* SPDX-License-Identifier: MIT */
/*
 * Parts of a guest that not every guest has: memory for devices, moving channels to other VPs,
 * sockets asked of the host, moving monitor pages, pausing, sleeping, stopping VPs. The core names
 * none of them: a part hangs itself in when the first of its public functions is called, so a
 * kernel that calls none does not link it. Until then the core behaves as if the protocol had no
 * such messages. All of it is the control plane's.
 */
#ifndef VMB_GUEST_PART_H
#define VMB_GUEST_PART_H

#include <vmbus/channel.h>
#include <vmbus/guest.h>

/* Which part; also the kind of what it has in the outbox. */
enum guest_part_index {
    PART_GPADL = 0,
    PART_MODIFY,
    PART_TL_CONNECT,
    PART_MONITORS,
    PART_PAUSE,
    PART_COUNT
};

struct guest_part {
    /* The number of the message with which the host answers; 0: the core hands answers on. */
    uint32_t answer;
    void (*on_answer)(struct vmb_guest *guest, const struct vmb_message *message);
    /* Write down what a post of the part has to say. */
    void (*build)(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message);
    /* That message is on its way, or will never be. */
    void (*posted)(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);

    /* The others are there where a part has such a thing. */

    /* End the waits that have lasted too long. The end of the next one, if before @earliest_ns. */
    uint64_t (*timeouts)(struct vmb_guest *guest, uint64_t now_ns, uint64_t earliest_ns);
    /* What is asked for an open channel has lasted too long. */
    void (*channel_timeout)(struct vmb_channel *channel);
    /* The bus is being left: whoever waits is told. */
    void (*forget)(struct vmb_guest *guest);
    /* Is this offer the answer to a request of the part? */
    bool (*takes_offer)(struct vmb_guest *guest, struct vmb_channel *channel);
};

/* Suspending and resuming, from the first vmb_guest_suspend() on. */
struct guest_sleep {
    /* The bus has been left to sleep: what remains of a channel that was there. */
    void (*leave)(struct vmb_channel *channel);
    /* An offer while devices sleep. True if it is of one of them: its channel is there again. */
    bool (*takes_offer)(struct vmb_guest *guest, const struct vmb_msg_offer *offer);
    /* All that the host has is offered: who still sleeps was removed meanwhile. */
    void (*woken)(struct vmb_guest *guest);
    /* Nobody wants to wake up any more. */
    void (*give_up)(struct vmb_guest *guest);
};

#endif /* VMB_GUEST_PART_H */
