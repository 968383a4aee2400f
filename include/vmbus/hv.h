/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The hypervisor as its guest sees it: what it can do, how it is called, how its messages are
 * taken.
 *
 * Nothing here executes an instruction of a machine. You read a CPUID leaf, a register or a result;
 * these functions say what it means and which number to write next. That makes them the same on
 * every CPU, in a guest, in a hypervisor and in a test. This file brings the others: features
 * (CPUID), registers, calls; what it has itself are the two SynIC pages. The hypervisor's own half
 * is <vmbus/hv_synic.h> and <vmbus/hv_ports.h>.
 */
#ifndef VMB_HV_H
#define VMB_HV_H

#include <vmbus/hv_call.h>
#include <vmbus/hv_features.h>
#include <vmbus/hv_registers.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** @name The two SynIC pages of a VP (TLFS 11.9). @{ */
#define VMB_HV_SINT_COUNT        16u  /**< Interrupt sources of a VP. */
#define VMB_HV_SINT_VMBUS        2u   /**< The source that VMBus uses. */
#define VMB_HV_SLOT_BYTES        256u /**< One message slot, or one group of event flags. */
#define VMB_HV_FLAGS_PER_SINT    2048u
#define VMB_HV_MESSAGE_MAX       240u /**< Payload bytes of a message. */

#define VMB_HV_SLOT_TYPE         0u /**< u32: 0 is an empty slot. */
#define VMB_HV_SLOT_SIZE         4u /**< u8: payload bytes. */
#define VMB_HV_SLOT_FLAGS        5u /**< u8: VMB_HV_SLOT_FLAG_PENDING. */
#define VMB_HV_SLOT_ORIGIN       8u /**< u64: the sender, or its port. */
#define VMB_HV_SLOT_PAYLOAD      16u
#define VMB_HV_SLOT_FLAG_PENDING 1u /**< More wait in the queue: write EOM. */
/** @} */

/** @name Message types (TLFS 11.8). The hypervisor's own have the top bit set. @{ */
#define VMB_HV_MESSAGE_NONE          0u
#define VMB_HV_MESSAGE_VMBUS         1u
#define VMB_HV_MESSAGE_TIMER_EXPIRED 0x80000010u
#define VMB_HV_MESSAGE_HYPERVISOR    0x80000000u
/** @} */

/** A message out of a slot: a private copy, which nobody changes any more. */
struct vmb_hv_message {
    uint32_t type;         /**< VMB_HV_MESSAGE_*; never _NONE. */
    uint32_t claimed_size; /**< What the slot said; above payload_bytes if it lied (at most 255). */
    uint8_t payload_bytes; /**< Bytes of payload that are valid, at most VMB_HV_MESSAGE_MAX. */
    uint64_t origin;       /**< The sender; VMBus ignores it. */
    uint8_t payload[VMB_HV_MESSAGE_MAX];
};

/**
 * The message slot of one SINT.
 *
 * @param message_page  The VP's message page (SIMP).
 * @param sint          Below VMB_HV_SINT_COUNT.
 *
 * Context: any.
 */
VMB_INLINE void VMB_SHARED *vmb_hv_slot(void VMB_SHARED *message_page, uint32_t sint)
{
    return (uint8_t VMB_SHARED *)message_page + sint * VMB_HV_SLOT_BYTES;
}

/**
 * The 2048 event flags of one SINT, flag k being bit k % 8 of byte k / 8.
 *
 * @param event_page  The VP's event-flags page (SIEFP).
 * @param sint        Below VMB_HV_SINT_COUNT.
 *
 * Context: any.
 */
VMB_INLINE void VMB_SHARED *vmb_hv_event_flags(void VMB_SHARED *event_page, uint32_t sint)
{
    return (uint8_t VMB_SHARED *)event_page + sint * VMB_HV_SLOT_BYTES;
}

/**
 * Whether a slot holds a message.
 *
 * Context: isr-ok; any number of callers.
 */
bool vmb_hv_slot_occupied(void VMB_SHARED *slot);

/**
 * Take the message out of a slot and free the slot.
 *
 * A slot belongs to its VP, and one caller at a time takes from it. A crash path may also empty the
 * slots of VPs that it stopped, wherever it stopped them: a slot is only ever freed of the type
 * that was read from it. That is as far as the layout goes: two VPs that both go on taking from one
 * slot cannot tell two messages of the same type apart.
 *
 * @param slot                 Of vmb_hv_slot().
 * @param out_message          Written on VMB_OK; @c payload only up to @c payload_bytes.
 * @param out_end_of_message   Always written. True: the slot's owner must write EOM now, or the
 *                             messages queued behind this one never come.
 *
 * @retval VMB_OK              One message taken. Look again only on the next interrupt or after
 *                             EOM. A size above 240 is capped; claimed_size tells.
 * @retval VMB_ERR_RING_EMPTY  The slot is empty. Nothing to do.
 * @retval VMB_ERR_BUSY        Another VP emptied the slot meanwhile. Nothing to do; it writes EOM.
 *
 * Context: isr-ok; one caller for each slot, as said above. Bounded: a copy of at most 240 bytes.
 * TLFS 11.8 (messages), 11.9.3 (end of message).
 */
VMB_NODISCARD vmb_status vmb_hv_slot_take(void VMB_SHARED *slot, struct vmb_hv_message *out_message,
                                          bool *out_end_of_message);

VMB_END_DECLS

#endif /* VMB_HV_H */
