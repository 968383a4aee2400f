/* SPDX-License-Identifier: MIT */
/*
 * Taking a message out of a SynIC slot. The five steps and their order are the whole point: get one
 * wrong and a message stays in the hypervisor's queue until something unrelated happens.
 */
#include <vmbus/hv.h>

#include "base/vmb_shm.h"

/* Size and flags share an aligned word: a byte of it cannot be read while the other is written. */
#define SLOT_WORD_SIZE(word) ((word)&0xFFu)
#define SLOT_WORD_PENDING    (VMB_HV_SLOT_FLAG_PENDING << 8)

VMB_STATIC_ASSERT(VMB_HV_SLOT_FLAGS == VMB_HV_SLOT_SIZE + 1, "the flags are the word's next byte");

bool vmb_hv_slot_occupied(void VMB_SHARED *slot)
{
    /* Relaxed: whoever wants the message takes it, and vmb_hv_slot_take() acquires it. */
    return vmbi_shm_load(slot, VMB_HV_SLOT_TYPE, VMB_RELAXED) != VMB_HV_MESSAGE_NONE;
}

vmb_status vmb_hv_slot_take(void VMB_SHARED *slot, struct vmb_hv_message *out_message,
                            bool *out_end_of_message)
{
    uint8_t origin[8];
    uint32_t seen;

    *out_end_of_message = false;

    /*
     * 1. Is there a message? Acquire: pairs with the hypervisor's release store of the type, which
     * is its last to the slot; what we copy next is the message that belongs to this type.
     */
    out_message->type = vmbi_shm_load(slot, VMB_HV_SLOT_TYPE, VMB_ACQUIRE);
    if (out_message->type == VMB_HV_MESSAGE_NONE) {
        return VMB_ERR_RING_EMPTY;
    }

    /* 2. Copy it out, once: whatever is checked later is checked on the copy. */
    out_message->claimed_size = SLOT_WORD_SIZE(vmbi_shm_load(slot, VMB_HV_SLOT_SIZE, VMB_RELAXED));
    out_message->payload_bytes = out_message->claimed_size > VMB_HV_MESSAGE_MAX
                                     ? (uint8_t)VMB_HV_MESSAGE_MAX
                                     : (uint8_t)out_message->claimed_size;
    vmbi_shm_copy_in(origin, (uint8_t VMB_SHARED *)slot + VMB_HV_SLOT_ORIGIN, sizeof(origin));
    out_message->origin = vmbi_le64(origin);
    vmbi_shm_copy_in(out_message->payload, (uint8_t VMB_SHARED *)slot + VMB_HV_SLOT_PAYLOAD,
                     out_message->payload_bytes);

    /*
     * 3. Free the slot, but only of the message that we copied: in a crash path the slot's owner
     * may have emptied it meanwhile and a message of another kind may be in it. Release: pairs with
     * the hypervisor's acquire load that finds the slot empty; it must not write before we have
     * read.
     */
    seen = vmbi_swap_le32(out_message->type);
    if (!vmb_atomic_compare_exchange(VMBI_SHM_U32(slot, VMB_HV_SLOT_TYPE), &seen, 0u, VMB_RELEASE,
                                     VMB_RELAXED)) {
        return VMB_ERR_BUSY;
    }

    /*
     * 4. The empty slot must be visible before the flags are read. Pairs with the hypervisor, which
     * sets the pending flag, then fences, then looks whether the slot is still full: either it sees
     * the slot empty and delivers, or we see the flag and write EOM. Without both fences neither
     * may happen.
     */
    vmb_atomic_fence(VMB_SEQ_CST);

    /* 5. Does anything wait behind it? The flag may be that of a newer message: EOM is harmless. */
    *out_end_of_message =
        (vmbi_shm_load(slot, VMB_HV_SLOT_SIZE, VMB_RELAXED) & SLOT_WORD_PENDING) != 0;
    return VMB_OK;
}
