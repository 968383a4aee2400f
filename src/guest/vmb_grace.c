/* SPDX-License-Identifier: MIT */
/* Grace periods; the why is in vmb_grace.h. */
#include "guest/vmb_grace.h"

uint32_t vmbi_grace_begin(struct vmbi_grace *grace)
{
    /*
     * A period under way has noted its counts before the caller unmapped: it says nothing about
     * the caller. The next one will.
     */
    grace->wanted = grace->running + 1;
    return grace->wanted;
}

/* Note all counts: what has been unmapped so far is what this period is about. */
static void grace_note(struct vmbi_grace *grace,
                       vmbi_section *(*section_at)(void *context, uint32_t index), void *context)
{
    uint32_t index;

    vmb_atomic_fence(VMB_SEQ_CST); /* With the fence in section_enter(). */
    for (index = 0; index < grace->section_count; index++) {
        grace->noted[index] = vmb_atomic_load(section_at(context, index), VMB_ACQUIRE);
    }
    grace->first_waiting = 0;
    grace->running++;
}

bool vmbi_grace_poll(struct vmbi_grace *grace,
                     vmbi_section *(*section_at)(void *context, uint32_t index), void *context)
{
    for (;;) {
        if (grace->running == grace->completed) {
            if (grace->wanted == grace->completed) {
                return false;
            }
            grace_note(grace, section_at, context);
        }
        while (grace->first_waiting < grace->section_count) {
            uint32_t index = grace->first_waiting;

            if (!section_left(section_at(context, index), grace->noted[index])) {
                return true;
            }
            grace->first_waiting++;
        }
        grace->completed = grace->running;
    }
}
