/* SPDX-License-Identifier: MIT */
/*
 * Three messages through one slot: the hypervisor fills it if it is empty and otherwise keeps the
 * message and says so in the slot's flags; the guest empties it, looks at the flags, and asks for
 * the next with EOM. No message stays in the queue, and each is whole. Bugs H1 and H5.
 */
#include <string.h>

#include <vmbus/hv.h>

#include "explore/scenarios/world.h"

#define MESSAGES 3u

static _Alignas(64) uint8_t slot[VMB_HV_SLOT_BYTES];
static vmb_atomic_u32 lock = {1}; /* The hypervisor's: 1 is free. */
static vmb_atomic_u32 interrupt;
static uint32_t queued, delivered, received; /* The first two under the lock. */

static vmb_atomic_u32 *slot_word(uint32_t offset)
{
    return (vmb_atomic_u32 *)(void *)(slot + offset);
}

static void slot_fill(void)
{
    const uint32_t more = queued > 1 ? VMB_HV_SLOT_FLAG_PENDING << 8 : 0;
    const uint32_t number = ++delivered;

    queued--;
    memcpy(slot + VMB_HV_SLOT_PAYLOAD, &number, sizeof(number));
    vmb_atomic_store(slot_word(VMB_HV_SLOT_SIZE), (uint32_t)sizeof(number) | more, VMB_RELAXED);
    vmb_atomic_store(slot_word(VMB_HV_SLOT_TYPE), 1u, VMB_RELEASE);
    (void)vmb_atomic_fetch_or(&interrupt, 1u, VMB_RELEASE);
}

/* Something may have changed: deliver, or leave word that more is waiting. Under the lock. */
static void hypervisor_looks(void)
{
    if (queued == 0) {
        return;
    }
    if (vmb_atomic_load(slot_word(VMB_HV_SLOT_TYPE), VMB_ACQUIRE) != 0) {
        (void)vmb_atomic_fetch_or(slot_word(VMB_HV_SLOT_SIZE), VMB_HV_SLOT_FLAG_PENDING << 8,
                                  VMB_RELAXED);
        vmb_atomic_fence(VMB_SEQ_CST); /* With the guest's, between emptying and looking. */
        if (vmb_atomic_load(slot_word(VMB_HV_SLOT_TYPE), VMB_ACQUIRE) != 0) {
            return;
        }
    }
    slot_fill();
}

static void host(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        (void)xpl_await(&lock, VMB_ACQUIRE);
        queued++;
        hypervisor_looks();
        vmb_atomic_store(&lock, 1u, VMB_RELEASE);
    }
}

static void end_of_message(void)
{
    (void)xpl_await(&lock, VMB_ACQUIRE);
    hypervisor_looks();
    vmb_atomic_store(&lock, 1u, VMB_RELEASE);
}

static void vp(void *argument)
{
    (void)argument;
    for (;;) {
        struct vmb_hv_message message;
        bool more;

        (void)xpl_await(&interrupt, VMB_ACQUIRE);
        while (vmb_hv_slot_take(slot, &message, &more) == VMB_OK) {
            uint32_t number;

            memcpy(&number, message.payload, sizeof(number));
            xpl_expect(number == received + 1, "message %u arrives as %u", received + 1, number);
            received++;
            if (more) {
                end_of_message();
            }
        }
    }
}

static void prepare(unsigned design)
{
    (void)design;
    memset(slot, 0, sizeof(slot));
    lock.value = 1;
    interrupt.value = 0;
    queued = delivered = received = 0;
    xpl_keep(slot, sizeof(slot));
    xpl_keep(&queued, sizeof(queued));
    xpl_keep(&delivered, sizeof(delivered));
    xpl_keep(&received, sizeof(received));
    xpl_name(slot, "slot: type");
    xpl_name(slot + VMB_HV_SLOT_SIZE, "slot: size, pending");
    xpl_name(&lock, "hypervisor's lock");
    xpl_name(&interrupt, "interrupt");
}

static void check(void)
{
    xpl_expect(received == MESSAGES,
               "message %u stays in the hypervisor's queue: nobody asks for it", received + 1);
}

const struct xpl_scenario scenario_message_slot = {
    .name = "message-slot",
    .shows = "no message stays in the hypervisor's queue behind an empty slot",
    .rules = "",
    .threads = {{.name = "hypervisor", .run = host}, {.name = "VP", .run = vp, .service = true}},
    .prepare = prepare,
    .check = check,
};
