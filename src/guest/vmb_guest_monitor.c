/* SPDX-License-Identifier: MIT */
/* Monitor pages: signalling through them, their latencies, and moving them (ModifyConnection). */
#include <vmbus/monitor.h>

#include <vmbus/proto/pages.h>

#include "guest/vmb_guest_state.h"

#define MONITOR_LATENCY_UNIT_NS 100u
/* Of a block of two: first the host's to us, then ours to the host. */
#define MONITOR_PAGES 2u

/* Does the channel have a monitor that we could use? Ids that cannot be are the host's mistake. */
static bool monitor_usable(const struct vmb_channel *channel)
{
    return channel->offer.monitor_allocated && channel->offer.monitor_id < VMB_MONITOR_COUNT &&
           vmb_atomic_load(&channel->guest->monitor_page, VMB_RELAXED) != NULL;
}

/* Signal through the page instead of by a hypercall. False: it has to be a hypercall. */
bool vmbi_monitor_signal(struct vmb_channel *channel)
{
    uint32_t id = channel->offer.monitor_id;
    void *page;

    if (!channel->monitored || channel->private_ring || !monitor_usable(channel)) {
        return false;
    }
    /* Relaxed: it was there before the channel was, and while it moves nobody signals. */
    page = vmb_atomic_load(&channel->guest->monitor_page, VMB_RELAXED);
    /* Release: whoever finds the bit finds the packet. If it was set already, the host is due. */
    (void)vmbi_shm_fetch_or(page, VMB_MONITOR_PENDING(id / 32u), 1u << (id % 32u), VMB_RELEASE);
    return true;
}

vmb_status vmb_channel_set_latency(struct vmb_channel *channel, uint32_t latency_ns)
{
    uint32_t units = (latency_ns + MONITOR_LATENCY_UNIT_NS / 2) / MONITOR_LATENCY_UNIT_NS;
    uint8_t bytes[2];
    uint8_t *page;

    if (!monitor_usable(channel)) {
        return VMB_ERR_UNSUPPORTED;
    }
    if (latency_ns > 0xFFFFu * MONITOR_LATENCY_UNIT_NS) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    page = vmb_atomic_load(&channel->guest->monitor_page, VMB_RELAXED);
    vmbi_put_le16(bytes, (uint16_t)units);
    vmbi_shm_copy_out(page + VMB_MONITOR_LATENCY(channel->offer.monitor_id), bytes, sizeof(bytes));
    return VMB_OK;
}

vmb_status vmb_channel_latency(const struct vmb_channel *channel, uint32_t *out_latency_ns)
{
    const uint8_t *page;
    uint8_t bytes[2];

    if (!monitor_usable(channel)) {
        return VMB_ERR_UNSUPPORTED;
    }
    page = vmb_atomic_load(&channel->guest->monitor_page, VMB_RELAXED);
    vmbi_shm_copy_in(bytes, page + VMB_MONITOR_LATENCY(channel->offer.monitor_id), sizeof(bytes));
    *out_latency_ns = vmbi_le16(bytes) * MONITOR_LATENCY_UNIT_NS;
    return VMB_OK;
}

/* ---- Moving -----------------------------------------------------------------------------------
 */

static void monitor_move_tell(struct vmb_guest *guest, vmb_status status)
{
    vmb_guest_done done = guest->move_done;

    guest->move_deadline_ns = VMB_NEVER;
    guest->move_done = NULL;
    if (done != NULL) {
        done(guest->move_context, status);
    }
}

static void monitor_move_end(struct vmb_guest *guest, vmb_status status)
{
    vmbi_post_cancel(guest, &guest->move_post);
    guest->moving_monitors = false;
    if (status == VMB_OK) {
        /* Relaxed: whoever signals next has heard that the move is over; see vmbus/monitor.h. */
        vmb_atomic_store(&guest->monitor_page,
                         (void *)((uint8_t *)(void *)guest->new_monitors.base + VMB_PAGE_BYTES),
                         VMB_RELAXED);
        vmbi_pages_leave(guest, false, &guest->monitors, true);
        guest->monitors = guest->new_monitors;
        guest->new_monitors.base = NULL;
    } else {
        /* Refused, or never told: the host does not use them. */
        vmbi_pages_leave(guest, false, &guest->new_monitors, true);
    }
    monitor_move_tell(guest, status);
}

static void monitor_move_build(struct vmb_guest *guest, struct vmb_post *post,
                               struct vmb_message *message)
{
    vmb_gpa first = guest->new_monitors.first_gpn << VMB_PAGE_SHIFT;

    (void)post;
    message->number = VMB_MSG_MODIFY_CONNECTION;
    message->u.modify_connection.parent_to_child_gpa = first;
    message->u.modify_connection.child_to_parent_gpa = first + VMB_PAGE_BYTES;
}

static void monitor_move_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    (void)post;
    if (status != VMB_OK) {
        monitor_move_end(guest, status);
        return;
    }
    guest->move_deadline_ns = vmbi_answer_deadline(guest);
}

static void monitor_on_moved(struct vmb_guest *guest, const struct vmb_message *message)
{
    uint8_t state = message->u.modify_connection_response.connection_state;

    if (!guest->moving_monitors || guest->move_post.queued) {
        vmbi_unexpected(guest, message->number, 0);
        return;
    }
    monitor_move_end(guest, state == VMB_CONNECTION_STATE_OK ? VMB_OK : VMB_ERR_REFUSED);
}

static uint64_t monitor_timeouts(struct vmb_guest *guest, uint64_t now_ns, uint64_t earliest_ns)
{
    if (guest->move_deadline_ns <= now_ns) {
        guest->counters.requests_timed_out++;
        /*
         * Which pages the host looks at only its late answer says, or the end of the bus: it names
         * nothing, so that there is no second move before.
         */
        monitor_move_tell(guest, VMB_ERR_TIMEOUT);
    }
    return guest->move_deadline_ns < earliest_ns ? guest->move_deadline_ns : earliest_ns;
}

/* The bus is being left: whoever waits is told; the pages follow the host's answer to Unload. */
static void monitor_forget(struct vmb_guest *guest)
{
    if (guest->moving_monitors) {
        struct vmb_pages pages = guest->new_monitors;

        guest->new_monitors.base = NULL;
        monitor_move_end(guest, VMB_ERR_GONE);
        guest->new_monitors = pages;
    }
}

static const struct guest_part monitor_part = {
    .answer = VMB_MSG_MODIFY_CONNECTION_RESPONSE,
    .on_answer = monitor_on_moved,
    .build = monitor_move_build,
    .posted = monitor_move_posted,
    .timeouts = monitor_timeouts,
    .forget = monitor_forget,
};

vmb_status vmb_guest_move_monitors(struct vmb_guest *guest, vmb_guest_done done, void *done_context)
{
    if (guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    if ((guest->features & VMB_FEATURE_MODIFY_CONNECTION) == 0 ||
        (guest->features & VMB_FEATURE_HOST_MONITOR_PAGES) != 0) {
        return VMB_ERR_UNSUPPORTED;
    }
    if (guest->moving_monitors) {
        return VMB_ERR_BUSY;
    }
    if (vmbi_pages_share(guest, false, MONITOR_PAGES, &guest->new_monitors) != VMB_OK) {
        return VMB_ERR_NO_MEMORY;
    }
    guest->parts[PART_MONITORS] = &monitor_part;
    guest->moving_monitors = true;
    guest->move_done = done;
    guest->move_context = done_context;
    guest->move_deadline_ns = VMB_NEVER;
    vmbi_post_queue(guest, &guest->move_post, PART_MONITORS);
    return VMB_OK;
}
