/* SPDX-License-Identifier: MIT */
#include "tools/vmbus/demo/percpu_lists.h"

#include <stdlib.h>

#include <vmbus/hv.h>

#define LISTS_BYTES (VMB_RELID_COUNT / 8u)

/*
 * A list as a set: bit r stands for the channel with relid r. Kernels have linked lists and locks
 * here; what is in a list at which moment, and so what is lost, is the same.
 */
struct percpu_list {
    vmb_atomic_u8 members[LISTS_BYTES];
    vmb_atomic_word dropped;
};

struct percpu_lists {
    struct vmb_sim_machine *machine;
    struct vmb_sim_machine_hooks next; /* Whom we stand in front of. */
    struct percpu_list lists[];
};

/* Take the events away whose channels are not in this VP's list, as a search that finds nothing. */
static void lists_search(struct percpu_list *list, vmb_atomic_u8 *flags)
{
    uint32_t index;

    for (index = 0; index < LISTS_BYTES; index++) {
        uint8_t set = vmb_atomic_load(&flags[index], VMB_RELAXED);
        uint8_t strangers = (uint8_t)(set & ~vmb_atomic_load(&list->members[index], VMB_ACQUIRE));

        if (strangers != 0) {
            uintptr_t dropped = vmb_atomic_load(&list->dropped, VMB_RELAXED);

            (void)vmb_atomic_fetch_and(&flags[index], (uint8_t)~strangers, VMB_ACQ_REL);
            vmb_atomic_store(&list->dropped, dropped + (uintptr_t)__builtin_popcount(strangers),
                             VMB_RELAXED);
        }
    }
}

static void lists_on_interrupt(void *context, uint32_t vp)
{
    struct percpu_lists *lists = context;
    uint8_t *event_page = (uint8_t *)lists->machine->vps[vp].pages.base + VMB_PAGE_BYTES;

    lists_search(&lists->lists[vp],
                 (vmb_atomic_u8 *)vmb_hv_event_flags(event_page, VMB_HV_SINT_VMBUS));
    lists->next.on_interrupt(lists->next.guest, vp);
}

static bool lists_run(void *context, uint32_t vp)
{
    struct percpu_lists *lists = context;

    return lists->next.run(lists->next.guest, vp);
}

struct percpu_lists *percpu_lists_new(struct vmb_sim_world *world)
{
    uint32_t vp_count = world->machine.options.vp_count;
    struct percpu_lists *lists = calloc(1, sizeof(*lists) + vp_count * sizeof(lists->lists[0]));

    if (lists == NULL) {
        return NULL;
    }
    lists->machine = &world->machine;
    lists->next = world->machine.hooks;
    world->machine.hooks.guest = lists;
    world->machine.hooks.on_interrupt = lists_on_interrupt;
    world->machine.hooks.run = lists_run;
    return lists;
}

void percpu_lists_free(struct percpu_lists *lists)
{
    free(lists);
}

void percpu_lists_move(struct percpu_lists *lists, uint32_t relid, uint32_t vp)
{
    uint32_t vp_count = lists->machine->options.vp_count;
    uint8_t bit = (uint8_t)(1u << relid % 8u);
    uint32_t other;

    if (relid >= VMB_RELID_COUNT) {
        return;
    }
    for (other = 0; other < vp_count; other++) {
        if (other != vp) {
            (void)vmb_atomic_fetch_and(&lists->lists[other].members[relid / 8u], (uint8_t)~bit,
                                       VMB_RELEASE);
        }
    }
    if (vp < vp_count) {
        (void)vmb_atomic_fetch_or(&lists->lists[vp].members[relid / 8u], bit, VMB_RELEASE);
    }
}

uint64_t percpu_lists_dropped(const struct percpu_lists *lists)
{
    uint64_t dropped = 0;
    uint32_t vp;

    for (vp = 0; vp < lists->machine->options.vp_count; vp++) {
        dropped += vmb_atomic_load(&lists->lists[vp].dropped, VMB_RELAXED);
    }
    return dropped;
}
