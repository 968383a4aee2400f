/* SPDX-License-Identifier: MIT */
/* LUNs: disks that are held while requests use them, and what they must tell the guest once. */
#include "drivers/stor/vmb_stor_host_state.h"

struct vmbi_stor_unit *vmbi_stor_unit_hold(struct vmb_stor_host *host,
                                           const struct vmb_stor_srb *srb)
{
    struct vmbi_stor_unit *unit;
    uint32_t users;

    if (srb->path != 0 || srb->target != 0 || srb->lun >= VMB_STOR_LUN_COUNT) {
        return NULL;
    }
    unit = &host->units[srb->lun];
    users = vmb_atomic_load(&unit->users, VMB_RELAXED);
    do {
        if ((users & VMBI_STOR_UNIT_PRESENT) == 0) {
            return NULL;
        }
        /* Pairs with the release in vmb_stor_host_add(). */
    } while (
        !vmb_atomic_compare_exchange(&unit->users, &users, users + 1, VMB_ACQUIRE, VMB_RELAXED));
    return unit;
}

void vmbi_stor_unit_hold_again(struct vmbi_stor_unit *unit)
{
    vmb_atomic_fetch_add(&unit->users, 1, VMB_RELAXED);
}

void vmbi_stor_unit_release(struct vmbi_stor_unit *unit)
{
    /* Pairs with the acquire in vmb_stor_host_remove(): we do not look at the disk any more. */
    vmb_atomic_fetch_add(&unit->users, (uint32_t)-1, VMB_RELEASE);
}

uint64_t vmbi_stor_units_present(const struct vmb_stor_host *host)
{
    uint64_t present = 0;
    uint32_t i;

    for (i = 0; i < VMB_STOR_LUN_COUNT; i++) {
        if ((vmb_atomic_load(&host->units[i].users, VMB_RELAXED) & VMBI_STOR_UNIT_PRESENT) != 0) {
            present |= UINT64_C(1) << i;
        }
    }
    return present;
}

void vmbi_stor_unit_attend(struct vmbi_stor_unit *unit, uint32_t attention)
{
    vmb_atomic_fetch_or(&unit->attention, attention, VMB_RELAXED);
}

bool vmbi_stor_unit_attention(struct vmbi_stor_unit *unit, struct vmbi_sense *out_sense)
{
    static const uint16_t codes[] = {VMBI_ASC_POWER_ON, VMBI_ASC_BUS_RESET, VMBI_ASC_DEVICE_RESET,
                                     VMBI_ASC_LUNS_CHANGED};
    uint32_t pending = vmb_atomic_load(&unit->attention, VMB_RELAXED);
    uint32_t which;

    for (which = 0; pending != 0 && which < sizeof(codes) / sizeof(codes[0]); which++) {
        uint32_t bit = 1u << which;

        /* Of several channels at once, one reports it. */
        if ((pending & bit) != 0 &&
            (vmb_atomic_fetch_and(&unit->attention, ~bit, VMB_RELAXED) & bit) != 0) {
            *out_sense = (struct vmbi_sense){.key = VMBI_SENSE_UNIT_ATTENTION, .asc = codes[which]};
            return true;
        }
    }
    return false;
}
