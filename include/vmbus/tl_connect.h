/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Asking the host for a socket (hv_sock), as far as the bus is concerned: the request, and the
 * channel that is its answer. What travels on the channel is the socket layer's.
 */
#ifndef VMB_TL_CONNECT_H
#define VMB_TL_CONNECT_H

#include <vmbus/channel.h>
#include <vmbus/guest.h>
#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** One request. The caller's memory, until its end has been told. */
struct vmb_tl_connect {
    struct vmb_guid endpoint; /**< Our end; the offer's instance GUID. */
    struct vmb_guid service;  /**< The host's service; the offer's interface GUID. */
    struct vmb_guid silo;     /**< From 5.2 on; zero for none. */
    uint32_t host_status;     /**< The NT status of a refusal. */

    /* Private from here on. */
    struct vmb_post post;
    struct vmb_guest *guest;
    struct vmb_tl_connect *next;
    uint64_t deadline_ns;
    void (*done)(void *context, struct vmb_tl_connect *connect, struct vmb_channel *channel,
                 vmb_status status);
    void *done_context;
};

/** Told once: VMB_OK and the channel to open, or NULL and why not. Control plane. */
typedef void (*vmb_tl_connect_done)(void *context, struct vmb_tl_connect *connect,
                                    struct vmb_channel *channel, vmb_status status);

/**
 * Ask the host to connect a socket of ours to a service of its.
 *
 * @param connect  Its endpoint and service filled in; not in use.
 *
 * @retval VMB_OK               Under way; `done`: VMB_OK with the channel (events.offered is not
 *                              told for it), VMB_ERR_REFUSED, VMB_ERR_TIMEOUT (an offer that comes
 *                              later goes to events.offered), VMB_ERR_GONE, VMB_ERR_PLATFORM.
 * @retval VMB_ERR_WRONG_STATE  Not connected.
 * @retval VMB_ERR_VERSION      The host is older than 4.0.
 *
 * Context: control plane. VMBus 4.0: TlConnectRequest; 4.1: TlConnectResult; 5.2: the silo.
 */
VMB_NODISCARD vmb_status vmb_guest_tl_connect(struct vmb_guest *guest,
                                              struct vmb_tl_connect *connect,
                                              vmb_tl_connect_done done, void *done_context);

VMB_END_DECLS

#endif /* VMB_TL_CONNECT_H */
