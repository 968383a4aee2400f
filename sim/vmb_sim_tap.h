/* SPDX-License-Identifier: MIT */
/*
 * A tap on everything that passes between guest, hypervisor and host: whoever runs a world may see
 * it, count it, make one step fail, put an effect off, or let somebody else act in between.
 *
 * A live world has none.
 */
#ifndef VMB_SIM_TAP_H
#define VMB_SIM_TAP_H

#include <vmbus/status.h>
#include <vmbus/types.h>

/* Where a world may be stopped: whatever a guest or a host asks of its platform. */
enum vmb_sim_point {
    VMB_SIM_POINT_GUEST_POST,    /* Fails: any status that a hypercall has. */
    VMB_SIM_POINT_GUEST_SHARE,   /* Fails: VMB_ERR_NO_MEMORY. */
    VMB_SIM_POINT_VP_PAGES,      /* Fails: VMB_ERR_NO_MEMORY. */
    VMB_SIM_POINT_HOST_POST,     /* Fails: VMB_ERR_RETRY. */
    VMB_SIM_POINT_HOST_MAP,      /* Fails: VMB_ERR_NO_MEMORY. */
    VMB_SIM_POINT_HOST_DOORBELL, /* Fails: VMB_ERR_NO_MEMORY. */
    /* These cannot fail. */
    VMB_SIM_POINT_GUEST_UNSHARE,
    VMB_SIM_POINT_GUEST_SIGNAL,
    VMB_SIM_POINT_GUEST_EOM,
    VMB_SIM_POINT_GUEST_READY, /* Something was made ready; in an interrupt or outside. */
    VMB_SIM_POINT_HOST_EVENT,
    VMB_SIM_POINT_HOST_UNMAP,
    VMB_SIM_POINT_COUNT
};

/* A signal on its way. */
struct vmb_sim_effect {
    bool to_guest;
    uint32_t target; /* To the guest: the VP. To the host: the connection. */
    uint8_t sint;    /* To the guest. */
    uint16_t flag;
};

struct vmb_sim_tap {
    void *context;
    /* Before a step. Anything but VMB_OK: it fails with that. */
    vmb_status (*before)(void *context, enum vmb_sim_point point);
    /* After it, when nobody holds a lock of the machine: others may act here. */
    void (*after)(void *context, enum vmb_sim_point point);
    /* A message was accepted. */
    void (*message)(void *context, bool to_guest, const void *bytes, uint32_t byte_count);
    /* True: it is said to be done, and is not. For what is broken on purpose. */
    bool (*lose)(void *context, enum vmb_sim_point point);
    /* True: not now; the tap calls vmb_sim_guest_deliver() or vmb_sim_host_deliver() later. */
    bool (*put_off)(void *context, const struct vmb_sim_effect *effect);
};

VMB_INLINE vmb_status vmb_sim_tap_before(const struct vmb_sim_tap *tap, enum vmb_sim_point point)
{
    return tap != NULL ? tap->before(tap->context, point) : VMB_OK;
}

VMB_INLINE void vmb_sim_tap_after(const struct vmb_sim_tap *tap, enum vmb_sim_point point)
{
    if (tap != NULL) {
        tap->after(tap->context, point);
    }
}

VMB_INLINE void vmb_sim_tap_message(const struct vmb_sim_tap *tap, bool to_guest, const void *bytes,
                                    uint32_t byte_count)
{
    if (tap != NULL) {
        tap->message(tap->context, to_guest, bytes, byte_count);
    }
}

VMB_INLINE bool vmb_sim_tap_lose(const struct vmb_sim_tap *tap, enum vmb_sim_point point)
{
    return tap != NULL && tap->lose(tap->context, point);
}

VMB_INLINE bool vmb_sim_tap_put_off(const struct vmb_sim_tap *tap,
                                    const struct vmb_sim_effect *effect)
{
    return tap != NULL && tap->put_off(tap->context, effect);
}

#endif /* VMB_SIM_TAP_H */
