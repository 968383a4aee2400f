/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A guest above a paravisor: confidential VMBus (protocol 6.0, VMB_FEATURE_CONFIDENTIAL).
 *
 * In a confidential VM the hypervisor and the host are not trusted; a paravisor inside the VM may
 * be, and may serve VMBus itself. Then every VP has two SynICs, and the guest has two ways to call:
 *
 * |                               | hypervisor (vmb_guest_platform) | paravisor (this file)       |
 * |-------------------------------|---------------------------------|-----------------------------|
 * | SynIC pages                   | host-visible                    | private                     |
 * | event flags                   | scanned                         | scanned                     |
 * | message slot                  | emptied, not listened to        | the bus's messages          |
 * | post_message                  | not used                        | all messages                |
 * | signal_event, ring pages      | channels without the next flag  | VMB_OFFER_CONFIDENTIAL_RING |
 * | interrupt page, monitor pages | share_pages                     | never: signalled by calls   |
 *
 * CPUID tells whether there is one (vmb_hv_features.confidential_vmbus). Nothing public says what a
 * guest does with a message that comes in the hypervisor's slot while the paravisor serves the bus.
 * Here such messages are thrown away and counted: otherwise the host could speak as the paravisor.
 *
 * What else of the guest's memory a channel's device may see, vmb_channel_exposure() says. A GPADL
 * passes by vmb_guest_platform.expose(), which makes the pages visible or refuses. Memory named in
 * packets is the driver's to choose by the same rule: where it says HOST in a confidential VM,
 * bounce.
 */
#ifndef VMB_PARAVISOR_H
#define VMB_PARAVISOR_H

#include <vmbus/guest.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** What a guest needs of its port to talk to a paravisor. None may block. */
struct vmb_guest_paravisor {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /** As vmb_guest_platform.post_message, but the paravisor takes the call. Control plane. */
    vmb_status (*post_message)(void *context, uint32_t connection_id, const void *message,
                               uint32_t message_bytes);
    /** As vmb_guest_platform.signal_event, but the paravisor takes the call. */
    void (*signal_event)(void *context, uint32_t connection_id, uint16_t flag);
    /** Write EOM of the paravisor's SynIC of VP @p vp. Control plane. */
    void (*end_of_message)(void *context, uint32_t vp);
    /** As vmb_guest_platform.share_pages, but private: only the paravisor sees them. */
    vmb_status (*share_private_pages)(void *context, uint32_t page_count,
                                      struct vmb_pages *out_pages);
    /** Take such pages back. Control plane. */
    void (*unshare_private_pages)(void *context, const struct vmb_pages *pages);
};

/**
 * Tell the guest that a paravisor serves the bus. Ask for VMB_FEATURE_CONFIDENTIAL in the options
 * too; without this call that bit is not asked for.
 *
 * @param paravisor  Copied.
 *
 * @retval VMB_OK                    Set, for the rest of this guest's life.
 * @retval VMB_ERR_INVALID_ARGUMENT  A required callback is NULL.
 * @retval VMB_ERR_WRONG_STATE       A VP has been started, or there is one already.
 *
 * Context: control plane, before any vmb_guest_vp_start().
 */
VMB_NODISCARD vmb_status vmb_guest_set_paravisor(struct vmb_guest *guest,
                                                 const struct vmb_guest_paravisor *paravisor);

/**
 * Tell the guest the pages of both SynICs of a VP; instead of vmb_guest_vp_start(). The interrupts
 * of both go to vmb_guest_on_interrupt().
 *
 * @param message_page, event_page                      Of the hypervisor, as there.
 * @param paravisor_message_page, paravisor_event_page  Of the paravisor, private.
 *
 * @retval VMB_OK                    Events of this VP are dispatched, from both.
 * @retval VMB_ERR_INVALID_ARGUMENT  vp is too high, or a page is NULL or not aligned.
 * @retval VMB_ERR_WRONG_STATE       Already started, or no paravisor has been set.
 *
 * Context: control plane. Before the SINT of that VP is unmasked in either SynIC.
 */
VMB_NODISCARD vmb_status vmb_guest_vp_start_paravisor(struct vmb_guest *guest, uint32_t vp,
                                                      void VMB_SHARED *message_page,
                                                      void VMB_SHARED *event_page,
                                                      void VMB_SHARED *paravisor_message_page,
                                                      void VMB_SHARED *paravisor_event_page);

/**
 * Who sees the memory that is given to this channel's device, by GPADL or by packets, its rings
 * excepted. An offer's flag counts only if VMB_FEATURE_CONFIDENTIAL was granted.
 *
 * Context: control plane, driver callbacks.
 */
enum vmb_exposure vmb_channel_exposure(const struct vmb_channel *channel);

/**
 * Whether memory that is given to this channel's device must not move (VMB_FEATURE_PINNING).
 *
 * Context: control plane, driver callbacks.
 */
bool vmb_channel_pinned(const struct vmb_channel *channel);

VMB_END_DECLS

#endif /* VMB_PARAVISOR_H */
