/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A SynIC as the hypervisor keeps it for one guest: registers, messages, event flags.
 *
 * For a simulator, and for a VMM whose kernel has no SynIC. The emulator does no I/O: it writes the
 * guest's two SynIC pages and tells you which interrupt to raise.
 *
 * What may run beside what:
 *
 * |                           | signal(v) | registers, post, EOI of v | of another VP |
 * |---------------------------|-----------|---------------------------|---------------|
 * | vmb_hv_synic_signal(v)    | yes       | yes                       | yes           |
 * | registers, post, EOI of v | yes       | one caller: your lock     | yes           |
 *
 * Where the TLFS leaves a choice, or hypervisors differ:
 *
 * - An event for a masked SINT is refused and its flag not set (TLFS 11.10; some hypervisors drop
 *   it silently). A message for a masked SINT is put into the slot and its interrupt is lost.
 * - With the SynIC or the page off, new messages and events are refused with INVALID_SYNIC_STATE;
 *   messages that were queued before stay queued.
 * - A queue is looked at again when the TLFS says so (another message, EOM, APIC EOI) and also when
 *   the guest switches on the SynIC or its message page.
 * - Setting a vector below 16 faults only if the SINT is unmasked, so that the reset value may be
 *   written back. Reading EOM gives 0.
 * - SCONTROL is 0 at reset.
 */
#ifndef VMB_HV_SYNIC_H
#define VMB_HV_SYNIC_H

#include <vmbus/hv.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The SynIC of all VPs of one guest. Opaque; lives in the memory given to vmb_hv_synic_init(). */
struct vmb_hv_synic;

/** What the emulator needs from you. Zero it, fill it; it is copied. */
struct vmb_hv_synic_platform {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /**
     * Deliver an edge interrupt. Any thread, several at once; must not block and must not touch
     * the registers of that VP. @p auto_eoi: the interrupt needs no EOI.
     */
    void (*raise_interrupt)(void *context, uint32_t vp, uint32_t vector, bool auto_eoi);
    /**
     * The page at a guest physical address, as an overlay or the RAM itself; zeroed if the VP has
     * not used it since its reset (TLFS 11.9). NULL: not a page of this guest; the VP then receives
     * nothing. From register writes only.
     */
    void VMB_SHARED *(*map_page)(void *context, uint32_t vp, vmb_gpa page);
    /** The emulator does not touch that page any more. May be NULL. From register writes only. */
    void (*unmap_page)(void *context, uint32_t vp, void VMB_SHARED *page);
};

/** Limits. Zero means the default. */
struct vmb_hv_synic_options {
    uint32_t struct_bytes;    /**< sizeof this struct. */
    uint32_t vp_count;        /**< 1 to 4096. Default 1. */
    uint32_t message_buffers; /**< Messages queued for one VP, 1 to 1024. Default 16 (TLFS 11.6). */
    bool arm64;               /**< Registers, vectors and auto-EOI as on ARM64. */
};

/** Counters of one VP; they only grow (modulo the machine word). */
struct vmb_hv_synic_counters {
    uintptr_t signals;            /**< Events accepted. */
    uintptr_t signals_merged;     /**< Of those: the flag was set already, no interrupt. */
    uintptr_t signals_refused;    /**< SINT masked, or SynIC or page off. */
    uintptr_t interrupts;         /**< Calls of raise_interrupt. */
    uintptr_t messages_accepted;  /**< Queued. */
    uintptr_t messages_delivered; /**< Put into a slot. */
    uintptr_t messages_refused;   /**< No buffer, or no usable SynIC. */
};

/**
 * The memory for a SynIC with these options.
 *
 * @return Bytes, aligned to 64; 0 if an option is out of its range.
 *
 * Context: any.
 */
size_t vmb_hv_synic_memory_bytes(const struct vmb_hv_synic_options *options);

/**
 * Make a SynIC: every VP in its reset state.
 *
 * @param memory  vmb_hv_synic_memory_bytes(), aligned to 64; yours again after deinit.
 *
 * @retval VMB_OK                    *out_synic is ready.
 * @retval VMB_ERR_INVALID_ARGUMENT  An option is out of range, a callback NULL, or memory
 * unaligned.
 * @retval VMB_ERR_TOO_SMALL         memory_bytes is too small.
 *
 * Context: any; nothing else runs on it yet.
 */
VMB_NODISCARD vmb_status vmb_hv_synic_init(void *memory, size_t memory_bytes,
                                           const struct vmb_hv_synic_options *options,
                                           const struct vmb_hv_synic_platform *platform,
                                           struct vmb_hv_synic **out_synic);

/**
 * The end: every page is unmapped. Queued messages are forgotten.
 *
 * Context: any; nothing else runs on it any more.
 */
void vmb_hv_synic_deinit(struct vmb_hv_synic *synic);

/**
 * Put a VP into its reset state: registers as at power-on, pages unmapped, queues empty.
 *
 * @retval VMB_ERR_INVALID_ARGUMENT  No such VP.
 *
 * Context: registers of @p vp.
 */
VMB_NODISCARD vmb_status vmb_hv_synic_reset_vp(struct vmb_hv_synic *synic, uint32_t vp);

/**
 * The guest reads a register.
 *
 * @param number  VMB_HV_MSR_*, or VMB_HV_ARM64_* with options.arm64.
 *
 * @retval VMB_OK                    *out_value goes to the guest.
 * @retval VMB_ERR_UNSUPPORTED       Not a SynIC register: yours.
 * @retval VMB_ERR_INVALID_ARGUMENT  No such VP.
 *
 * Context: registers of @p vp. TLFS 11.12.
 */
VMB_NODISCARD vmb_status vmb_hv_synic_read(const struct vmb_hv_synic *synic, uint32_t vp,
                                           uint32_t number, uint64_t *out_value);

/**
 * The guest writes a register. Once this has returned, nothing happens any more according to the
 * old value: no flag is set in an old page, no interrupt is raised with an old vector.
 *
 * @retval VMB_OK                    Done.
 * @retval VMB_ERR_UNSUPPORTED       Not a SynIC register: yours.
 * @retval VMB_ERR_INVALID_ARGUMENT  The guest must fault: SVERSION, a vector below 16. Or no such
 * VP.
 *
 * Context: registers of @p vp. Waits for signals of this VP that are under way: some instructions
 * and raise_interrupt. TLFS 11.12.
 */
VMB_NODISCARD vmb_status vmb_hv_synic_write(struct vmb_hv_synic *synic, uint32_t vp,
                                            uint32_t number, uint64_t value);

/**
 * The guest ended an interrupt at its interrupt controller: queues behind it are looked at again.
 *
 * Not needed for interrupts with auto-EOI. VPs out of range are ignored.
 *
 * Context: registers of @p vp. TLFS 11.9.3.
 */
void vmb_hv_synic_on_eoi(struct vmb_hv_synic *synic, uint32_t vp, uint32_t vector);

/**
 * Set an event flag and interrupt the VP if the flag was clear: HvSignalEventDirect, or what a
 * connection of the host does.
 *
 * @param out_newly_set  May be NULL. Written on SUCCESS: the flag was clear.
 *
 * @retval VMB_HV_SUCCESS              The guest has or will have the flag.
 * @retval VMB_HV_INVALID_VP_INDEX     No such VP.
 * @retval VMB_HV_INVALID_PARAMETER    SINT above 15 or flag above 2047.
 * @retval VMB_HV_INVALID_SYNIC_STATE  SynIC or page off, or SINT masked: the flag is not set.
 *
 * Context: any thread, all at once, without a lock. Bounded.
 */
vmb_hv_result vmb_hv_synic_signal(struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint,
                                  uint32_t flag, bool *out_newly_set);

/**
 * Queue a message and deliver it as soon as the slot is empty: HvPostMessageDirect, or what a
 * connection of the host does. Messages of one VP and SINT stay in order.
 *
 * @param type     Not 0.
 * @param payload  At most 240 bytes; copied.
 *
 * @retval VMB_HV_SUCCESS               Queued or delivered.
 * @retval VMB_HV_INVALID_VP_INDEX      No such VP.
 * @retval VMB_HV_INVALID_PARAMETER     SINT above 15, type 0, or too long.
 * @retval VMB_HV_INVALID_SYNIC_STATE   SynIC or message page off.
 * @retval VMB_HV_INSUFFICIENT_BUFFERS  All of the VP's buffers are in use: post again later.
 *
 * Context: registers of @p vp (see the table). TLFS 11.9.
 */
vmb_hv_result vmb_hv_synic_post(struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint,
                                uint32_t type, uint64_t origin, const void *payload,
                                uint32_t payload_bytes);

/**
 * How many messages wait for the slot of a SINT; 0 for a VP or SINT that does not exist.
 *
 * Context: registers of @p vp.
 */
uint32_t vmb_hv_synic_queued(const struct vmb_hv_synic *synic, uint32_t vp, uint32_t sint);

/**
 * Read a VP's counters. Each is exact; together they may be a moment apart.
 *
 * @retval VMB_ERR_INVALID_ARGUMENT  No such VP.
 *
 * Context: any.
 */
VMB_NODISCARD vmb_status vmb_hv_synic_read_counters(const struct vmb_hv_synic *synic, uint32_t vp,
                                                    struct vmb_hv_synic_counters *out_counters);

VMB_END_DECLS

#endif /* VMB_HV_SYNIC_H */
