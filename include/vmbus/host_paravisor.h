/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A host that is a paravisor: it runs inside a confidential VM, and the guest trusts it.
 *
 * The mirror image of <vmbus/paravisor.h>. Messages reach such a host in two ways: from the guest
 * itself (trusted), or by way of the hypervisor (not trusted: anybody may have sent them). A
 * connection is what the message that began it was. On a trusted one
 *
 * - VMB_FEATURE_CONFIDENTIAL is granted if options.features has it, and on no other;
 * - messages that are not trusted are dropped and counted, InitiateContact and Unload as well;
 * - answers and offers go into the paravisor's own SynIC;
 * - a channel offered with VMB_OFFER_CONFIDENTIAL_RING has its rings in private memory and
 *   interrupts by the paravisor's SynIC; with VMB_OFFER_CONFIDENTIAL_MEMORY all of its GPADLs are
 *   private, without it they may be either.
 *
 * As openvmm's server has it; nothing else public says which SynIC a paravisor uses for what.
 */
#ifndef VMB_HOST_PARAVISOR_H
#define VMB_HOST_PARAVISOR_H

#include <vmbus/host.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** The second set of a host's callbacks, all required. Each as in struct vmb_host_platform. */
struct vmb_host_paravisor {
    uint32_t struct_bytes; /**< sizeof this struct. */
    void *context;         /**< Passed back first, untouched. */

    /** Into the slot of the paravisor's SynIC. */
    vmb_status (*post_message)(void *context, uint32_t vp, uint8_t sint, const void *message,
                               uint32_t message_bytes);
    /** In the event flags of the paravisor's SynIC. */
    void (*raise_event)(void *context, uint32_t vp, uint8_t sint, uint16_t flag);
    /** Private pages only: VMB_ERR_INVALID_ARGUMENT if one of them is visible to the host. */
    vmb_status (*map_pages)(void *context, const vmb_gpn *gpns, uint32_t page_count,
                            struct vmb_host_mapping *out_mapping);
    /** Undo this map_pages. */
    void (*unmap_pages)(void *context, const struct vmb_host_mapping *mapping, uint32_t page_count);
};

/**
 * Make the host a paravisor.
 *
 * @param paravisor  Copied.
 *
 * @retval VMB_OK                    vmb_host_on_trusted_message() may be called from now on.
 * @retval VMB_ERR_INVALID_ARGUMENT  A callback is NULL.
 * @retval VMB_ERR_WRONG_STATE       A guest is connected, or it is one already.
 *
 * Context: control plane, before the first message.
 */
VMB_NODISCARD vmb_status vmb_host_set_paravisor(struct vmb_host *host,
                                                const struct vmb_host_paravisor *paravisor);

/**
 * As vmb_host_on_message(), for a message that the guest itself has handed to the paravisor.
 *
 * @retval VMB_ERR_INVALID_TARGET  Also if the host is no paravisor.
 *
 * Context: any thread, several at once. Bounded; takes no lock.
 */
VMB_NODISCARD vmb_status vmb_host_on_trusted_message(struct vmb_host *host, uint32_t connection_id,
                                                     const void *bytes, uint32_t byte_count);

/**
 * Whether the connection that there is, is a trusted one.
 *
 * Context: control plane.
 */
bool vmb_host_is_trusted(const struct vmb_host *host);

VMB_END_DECLS

#endif /* VMB_HOST_PARAVISOR_H */
