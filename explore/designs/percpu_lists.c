/* SPDX-License-Identifier: MIT */
#include "explore/designs/percpu_lists.h"

#define LIST_LENGTH 2u

/* A list is a few places, each holding a device or nothing. One writer moves; interrupts read. */
static vmb_atomic_ptr lists[WORLD_VPS][LIST_LENGTH];

void percpu_lists_begin(void)
{
    for (uint32_t vp = 0; vp < WORLD_VPS; vp++) {
        for (uint32_t i = 0; i < LIST_LENGTH; i++) {
            lists[vp][i].value = NULL;
            xpl_name(&lists[vp][i], "list of VP %u, place %u", vp, i);
        }
    }
}

void percpu_lists_add(struct world_device *device, uint32_t vp)
{
    for (uint32_t i = 0; i < LIST_LENGTH; i++) {
        if (vmb_atomic_load(&lists[vp][i], VMB_RELAXED) == NULL) {
            vmb_atomic_store(&lists[vp][i], (void *)device, VMB_RELEASE);
            xpl_name(device, "%s", device->name);
            return;
        }
    }
}

static void list_remove(const struct world_device *device, uint32_t vp)
{
    for (uint32_t i = 0; i < LIST_LENGTH; i++) {
        if (vmb_atomic_load(&lists[vp][i], VMB_RELAXED) == device) {
            vmb_atomic_store(&lists[vp][i], (void *)NULL, VMB_RELEASE);
        }
    }
}

void percpu_lists_move(struct world_device *device, uint32_t from, uint32_t to)
{
    vmb_atomic_store(&device->target, to, VMB_RELEASE);
    list_remove(device, from);
    percpu_lists_add(device, to);
}

static struct world_device *list_find(uint32_t relid, uint32_t vp)
{
    for (uint32_t i = 0; i < LIST_LENGTH; i++) {
        struct world_device *device = vmb_atomic_load(&lists[vp][i], VMB_ACQUIRE);

        if (device != NULL && device->relid == relid) {
            return device;
        }
    }
    return NULL;
}

void percpu_lists_vp(void *argument)
{
    const uint32_t vp = (uint32_t)(uintptr_t)argument;

    for (;;) {
        world_take_interrupt(vp);
        for (uint32_t first = 0; first < 128; first += 64) {
            uintptr_t bits = world_take_flags(first, vp);

            for (uint32_t relid = first; bits != 0; relid++, bits >>= 1) {
                struct world_device *device = (bits & 1) != 0 ? list_find(relid, vp) : NULL;

                if (device != NULL) {
                    device->seen = vmb_atomic_load(&device->produced, VMB_RELAXED);
                    xpl_note("handler of %s has seen %u", device->name, (unsigned)device->seen);
                } else if ((bits & 1) != 0) {
                    xpl_note("relid %u is on no list of this VP: dropped", relid);
                }
            }
        }
    }
}
