/* SPDX-License-Identifier: MIT */
/* VPs coming into service and leaving it (R12): channels move away first, flags drain last. */
#include <vmbus/balance.h>
#include <vmbus/hv.h>
#include <vmbus/power.h>

#include "guest/vmb_guest_state.h"

static bool vp_page_good(const void VMB_SHARED *page)
{
    return page != NULL && (uintptr_t)page % VMB_PAGE_BYTES == 0;
}

static vmb_status vp_may_start(const struct vmb_guest *guest, uint32_t vp_index,
                               const void VMB_SHARED *message_page,
                               const void VMB_SHARED *event_page)
{
    if (vp_index >= guest->options.vp_count || !vp_page_good(message_page) ||
        !vp_page_good(event_page)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    return guest->vps[vp_index].service == VP_OUT ? VMB_OK : VMB_ERR_WRONG_STATE;
}

vmb_status vmb_guest_vp_start_paravisor(struct vmb_guest *guest, uint32_t vp_index,
                                        void VMB_SHARED *message_page, void VMB_SHARED *event_page,
                                        void VMB_SHARED *paravisor_message_page,
                                        void VMB_SHARED *paravisor_event_page)
{
    vmb_status status = vp_may_start(guest, vp_index, message_page, event_page);
    uint32_t sint = guest->options.sint;
    struct vmb_guest_vp *vp;

    if (status != VMB_OK) {
        return status;
    }
    if (!vp_page_good(paravisor_message_page) || !vp_page_good(paravisor_event_page)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    if (!vmbi_has_paravisor(guest)) {
        return VMB_ERR_WRONG_STATE;
    }
    vp = &guest->vps[vp_index];
    /*
     * Relaxed, as `beyond`: the release of the flags in vmb_guest_vp_start() publishes these too.
     * Whoever looks at these has loaded those with acquire.
     */
    vmb_atomic_store(&vp->paravisor_slot, (void *)vmb_hv_slot(paravisor_message_page, sint),
                     VMB_RELAXED);
    vmb_atomic_store(&vp->paravisor_flags, (void *)vmb_hv_event_flags(paravisor_event_page, sint),
                     VMB_RELAXED);
    vmbi_relid_look_beyond(vp);
    return vmb_guest_vp_start(guest, vp_index, message_page, event_page);
}

vmb_status vmb_guest_vp_start(struct vmb_guest *guest, uint32_t vp_index,
                              void VMB_SHARED *message_page, void VMB_SHARED *event_page)
{
    vmb_status status = vp_may_start(guest, vp_index, message_page, event_page);
    uint32_t sint = guest->options.sint;
    struct vmb_guest_vp *vp;

    if (status != VMB_OK) {
        return status;
    }
    vp = &guest->vps[vp_index];
    vp->service = VP_IN;
    vp->polled_slot = (void *)vmb_hv_slot(message_page, sint);
    vmb_atomic_store(&vp->slot, vp->polled_slot, VMB_RELAXED);
    /*
     * Last, with the acquire in vmb_guest_vp_on_interrupt(): whoever sees it sees the slot, and
     * both pages as they were cleared. The control plane, who alone looks at slots besides, is us.
     */
    vmb_atomic_store(&vp->flags, (void *)vmb_hv_event_flags(event_page, sint), VMB_RELEASE);
    /* A message may lie there already, left by firmware: its interrupt has long been taken. */
    vmb_atomic_store(&guest->message_waiting, 1, VMB_RELAXED);
    return VMB_OK;
}

static bool vp_is_target(const struct vmb_channel *channel, uint32_t vp)
{
    switch ((enum channel_phase)channel->phase) {
    case PHASE_OPEN_SHARING:
    case PHASE_OPEN_ASKING:
    case PHASE_OPEN:
        return channel->target_vp == vp ||
               (channel->modify != MODIFY_NONE && channel->wanted_vp == vp);
    default:
        return false; /* A closed channel's events are owed to nobody. */
    }
}

static bool vp_others_in_service(const struct vmb_guest *guest, uint32_t except)
{
    uint32_t index;

    for (index = 0; index < guest->options.vp_count; index++) {
        if (index != except && guest->vps[index].service == VP_IN) {
            return true;
        }
    }
    return false;
}

static void vp_stop_end(struct vmb_guest *guest, vmb_status status)
{
    uint32_t vp = guest->stopping_vp;

    guest->stopping_vp = VMB_VP_NONE;
    guest->vps[vp].service = status == VMB_OK ? VP_EMPTY : VP_IN;
    if (status == VMB_OK) {
        guest->counters.vps_stopped++;
    }
    if (guest->stop_done != NULL) {
        guest->stop_done(guest->stop_context, vp, status);
    }
}

/* One channel of the VP has moved, or not. */
static void vp_moved(void *context, struct vmb_channel *channel, vmb_status status)
{
    struct vmb_guest *guest = context;

    (void)channel;
    if (status != VMB_OK && status != VMB_ERR_GONE) {
        guest->stop_status = status; /* Its events may go on arriving there. */
    }
}

/* Move what is on the VP. True while something is. */
static bool vp_move_channels(struct vmb_guest *guest)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;
    bool some = false;

    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        uint32_t other;

        if (!vp_is_target(channel, guest->stopping_vp)) {
            continue;
        }
        some = true;
        if (channel->phase == PHASE_OPEN && channel->modify == MODIFY_NONE) {
            other = vmb_guest_choose_vp(guest, channel, NULL, NULL, 0);
            if (vmb_channel_set_target_vp(channel, other, vp_moved, guest) != VMB_OK) {
                guest->stop_status = VMB_ERR_VERSION;
            }
        } else if (channel->modify == MODIFY_LATE) {
            guest->stop_status = VMB_ERR_TIMEOUT; /* To here or from here: nobody knows. */
        } else if (channel->phase == PHASE_OPEN_SHARING) {
            /* The host has not been told of a VP yet. */
            channel->target_vp = vmb_guest_choose_vp(guest, channel, NULL, NULL, 0);
        }
    }
    return some;
}

static void vp_fence_torn_down(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    (void)context;
    (void)gpadl;
    (void)status; /* One page that stays the bus's in any case. */
}

/* The host has answered what came after the moves: it has done them. */
static void vp_fence_answered(void *context, struct vmb_gpadl *gpadl, vmb_status status)
{
    struct vmb_guest *guest = context;

    if (guest->stop_fencing) { /* Else it is the late end of a fence of an earlier stop. */
        guest->stop_fenced = status == VMB_OK || status == VMB_ERR_REFUSED;
        if (status == VMB_ERR_TIMEOUT || status == VMB_ERR_PLATFORM) {
            guest->stop_status = status;
        }
    }
    if (vmb_channel_gpadl_teardown(gpadl, vp_fence_torn_down, guest) != VMB_OK) {
        vp_fence_torn_down(guest, gpadl, status);
    }
}

/* A channel to talk about with the host; which one makes no difference. */
static struct vmb_channel *vp_fence_channel(struct vmb_guest *guest)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;

    while ((channel = vmb_guest_next_channel(guest, &cursor)) != NULL && channel->rescinded) {
    }
    return channel;
}

/*
 * Before 5.3 a move has no answer. The host handles messages in order, so the answer to one that
 * comes after the moves says that they are done: share a page of ours and take it back. Moves count
 * that were made before the VP was to be stopped.
 */
static bool vp_fence(struct vmb_guest *guest)
{
    struct vmb_guest_vp *vp = &guest->vps[guest->stopping_vp];
    struct vmb_channel *channel;

    if (guest->version >= VMB_VERSION_5_3 || !vp->unfenced) {
        return true;
    }
    if (guest->fence_gpadl.state != GPADL_NONE) {
        return false; /* Under way. */
    }
    if (guest->stop_fenced) {
        vp->unfenced = false; /* Nothing has come to this VP since. */
        return true;
    }
    channel = vp_fence_channel(guest);
    if (channel == NULL) {
        return true; /* What moved is gone, and events are owed to nobody. */
    }
    guest->stop_fencing = true;
    guest->fence_range.byte_count = VMB_PAGE_BYTES;
    guest->fence_range.first_gpn = guest->contact_pages.first_gpn;
    if (vmbi_gpadl_create(channel, &guest->fence_gpadl, &guest->fence_range, 1, vp_fence_answered,
                          guest) != VMB_OK) {
        guest->stop_status = VMB_ERR_PLATFORM;
        return true;
    }
    return false;
}

static void vp_stop_poll(struct vmb_guest *guest)
{
    if (guest->state != BUS_CONNECTED && guest->state != BUS_DISCONNECTED) {
        if (guest->state != BUS_CONTACTING) {
            vp_stop_end(guest, VMB_ERR_GONE);
        }
        return;
    }
    if (guest->stop_status != VMB_OK) {
        vp_stop_end(guest, guest->stop_status);
        return;
    }
    if (!vp_move_channels(guest) && guest->stop_status == VMB_OK && vp_fence(guest)) {
        vp_stop_end(guest, guest->stop_status);
    }
}

vmb_status vmb_guest_vp_stop(struct vmb_guest *guest, uint32_t vp, vmb_guest_vp_done done,
                             void *done_context)
{
    struct vmb_channel *channel;
    uint32_t cursor = 0;

    if (vp >= guest->options.vp_count || guest->vps[vp].service != VP_IN ||
        (guest->state != BUS_DISCONNECTED && vp == guest->options.connect_vp) ||
        !vp_others_in_service(guest, vp)) {
        return VMB_ERR_WRONG_STATE;
    }
    if (guest->stopping_vp != VMB_VP_NONE) {
        return VMB_ERR_BUSY;
    }
    while (guest->version < VMB_VERSION_4_1 &&
           (channel = vmb_guest_next_channel(guest, &cursor)) != NULL) {
        if (vp_is_target(channel, vp)) {
            return VMB_ERR_VERSION;
        }
    }
    guest->stopping_vp = vp;
    guest->stop_poll = vp_stop_poll;
    guest->stop_done = done;
    guest->stop_context = done_context;
    guest->stop_status = VMB_OK;
    guest->stop_fencing = false;
    guest->stop_fenced = false;
    guest->vps[vp].service = VP_STOPPING; /* From here on nothing new is sent there. */
    return VMB_OK;
}

static bool vp_hand_on_word(vmb_atomic_word *from, vmb_atomic_word *to)
{
    /* Relaxed: the VP has stopped, and whoever stopped it has seen all that it did. */
    uintptr_t bits = vmb_atomic_exchange(from, (uintptr_t)0, VMB_RELAXED);

    if (bits != 0) {
        /* Release, with the acquire in vmb_guest_run(), which may be under way there. */
        (void)vmb_atomic_fetch_or(to, bits, VMB_RELEASE);
    }
    return bits != 0;
}

/* What is due on a VP that will never run again is due on another one. */
static void vp_hand_on(struct vmb_guest *guest, struct vmb_guest_vp *vp, uint32_t to)
{
    bool some = false;
    uint32_t index;

    for (index = 0; index < RELID_WORDS; index++) {
        some = vp_hand_on_word(&vp->ready[index], &guest->vps[to].ready[index]) || some;
        some = vp_hand_on_word(&vp->arrived[index], &guest->vps[to].arrived[index]) || some;
    }
    if (some && guest->platform.run_ready != NULL) {
        guest->platform.run_ready(guest->platform.context, to);
    }
}

vmb_status vmb_guest_vp_stopped(struct vmb_guest *guest, uint32_t vp_index)
{
    struct vmb_guest_vp *vp;

    if (vp_index >= guest->options.vp_count) {
        return VMB_ERR_WRONG_STATE;
    }
    vp = &guest->vps[vp_index];
    if (vp->service != VP_EMPTY && !(vp->service == VP_IN && guest->state == BUS_DISCONNECTED)) {
        return VMB_ERR_WRONG_STATE;
    }
    if (guest->state != BUS_DISCONNECTED) {
        /* As its interrupt would: what the host set before it had heard of the moves. */
        (void)vmb_guest_on_interrupt(guest, vp_index);
        vp_hand_on(guest, vp, guest->options.connect_vp);
    }
    /* Relaxed: nobody looks but us until the VP starts again. */
    vmb_atomic_store(&vp->flags, (void *)NULL, VMB_RELAXED);
    vp->polled_slot = NULL;
    vmb_atomic_store(&vp->slot, (void *)NULL, VMB_RELAXED);
    vmb_atomic_store(&vp->paravisor_flags, (void *)NULL, VMB_RELAXED);
    vmb_atomic_store(&vp->paravisor_slot, (void *)NULL, VMB_RELAXED);
    vmbi_relid_look_beyond(vp);
    vp->service = VP_OUT;
    return VMB_OK;
}
