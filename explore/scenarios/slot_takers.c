/* SPDX-License-Identifier: MIT */
/*
 * A crash: the VP that owns a slot and the one that crashed both empty it, while the hypervisor
 * puts another message there. Each message is taken once; in particular nobody who has read the
 * first one frees the slot of the second. The two differ in their type, which is what the layout
 * lets a taker compare. Bug H3.
 */
#include <string.h>

#include <vmbus/hv.h>

#include "explore/scenarios/world.h"

#define MESSAGES 2u

static _Alignas(64) uint8_t slot[VMB_HV_SLOT_BYTES];
static uint32_t taken[2][MESSAGES + 1]; /* By whom, of which type. */
static uint32_t delivered;

static vmb_atomic_u32 *slot_type(void)
{
    return (vmb_atomic_u32 *)(void *)(slot + VMB_HV_SLOT_TYPE);
}

/* The second message only when the first one's slot is free, as the hypervisor does. */
static void hypervisor(void *argument)
{
    (void)argument;
    delivered = 1;
    vmb_atomic_store(slot_type(), 1u, VMB_RELEASE);
    if (vmb_atomic_load(slot_type(), VMB_ACQUIRE) == 0) {
        delivered = 2;
        vmb_atomic_store(slot_type(), 2u, VMB_RELEASE);
    }
}

static void take(uint32_t who)
{
    struct vmb_hv_message message;
    bool more;

    if (vmb_hv_slot_take(slot, &message, &more) == VMB_OK) {
        taken[who][message.type]++;
    }
}

static void owner(void *argument)
{
    (void)argument;
    take(0);
}

static void crashed(void *argument)
{
    (void)argument;
    take(1);
}

static void prepare(unsigned design)
{
    (void)design;
    memset(slot, 0, sizeof(slot));
    memset(taken, 0, sizeof(taken));
    xpl_keep(slot, sizeof(slot));
    delivered = 0;
    xpl_keep(taken, sizeof(taken));
    xpl_keep(&delivered, sizeof(delivered));
    xpl_name(slot, "slot: type");
    xpl_name(slot + VMB_HV_SLOT_SIZE, "slot: size, pending");
}

static void check(void)
{
    uint32_t total = 0, type;

    for (type = 1; type <= MESSAGES; type++) {
        xpl_expect(taken[0][type] + taken[1][type] <= 1, "message %u is taken twice", type);
        total += taken[0][type] + taken[1][type];
    }
    if (vmb_atomic_load(slot_type(), VMB_RELAXED) != 0) {
        total++; /* The last one is still there. */
    }
    xpl_expect(total == delivered, "%u delivered, %u taken", delivered, total);
}

const struct xpl_scenario scenario_slot_takers = {
    .name = "slot-takers",
    .shows = "two VPs that empty one slot erase no message unread and take none twice",
    .rules = "",
    .threads = {{.name = "hypervisor", .run = hypervisor},
                {.name = "owner", .run = owner},
                {.name = "crashed VP", .run = crashed}},
    .prepare = prepare,
    .check = check,
};
