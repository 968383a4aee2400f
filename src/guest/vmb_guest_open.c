/* SPDX-License-Identifier: MIT */
/*
 * Opening a channel: share the rings, hold the gate, ask the host, start the driver.
 *
 * The gate is opened before OpenChannel can reach the host, with the control plane as its owner: an
 * event that comes before the answer stays pending and starts the handler once the driver is ready.
 */
#include "guest/vmb_guest_moves.h"

#define OPEN_DEFAULT_PAGES 4u

static bool open_vp_allowed(const struct vmb_guest *guest, uint32_t vp)
{
    if (vp == VMB_VP_NONE) {
        return true;
    }
    return vp < guest->options.vp_count && guest->vps[vp].service == VP_IN;
}

static uint32_t open_pages(uint32_t wished, uint32_t of_driver)
{
    if (wished != 0) {
        return wished;
    }
    return of_driver != 0 ? of_driver : OPEN_DEFAULT_PAGES;
}

/* Tell the host that there is something for it. Any context in which the endpoint is used. */
static void open_ring_doorbell(void *context)
{
    struct vmb_channel *channel = context;
    struct vmb_guest *guest = channel->guest;
    const struct vmb_guest_platform *calls = vmbi_calls(guest, channel->private_ring);

    if (!channel->offer.is_dedicated) { /* Monitored or not: it is how the host knows which. */
        uint8_t *page = (uint8_t *)(void *)guest->contact_pages.base + LEGACY_HALF_BYTES;
        uint32_t relid = channel->relid;

        /* Release: the host that finds the bit finds the packet. */
        (void)vmbi_shm_fetch_or(page, relid / 32u * 4u, 1u << (relid % 32u), VMB_RELEASE);
    }
    if (vmbi_monitor_signal(channel)) {
        return;
    }
    calls->signal_event(calls->context, channel->offer.connection_id, 0);
}

/* The rings are ours again (or lost for good): the open has failed. */
static void open_failed(struct vmb_channel *channel, vmb_status status)
{
    vmbi_channel_move(channel, PHASE_OFFERED);
    vmbi_channel_tell(channel, status);
    if (channel->phase == PHASE_OFFERED && channel->rescinded) {
        vmbi_rescind_settled(channel);
    }
}

/* The host has been told of the rings, and has them if @status is VMB_OK. */
void vmbi_open_shared(struct vmb_channel *channel, vmb_status status)
{
    if (channel->guest->state != BUS_CONNECTED) {
        return; /* Leaving the bus ends everything at once, this open too. */
    }
    if (status == VMB_OK && !channel->rescinded) {
        vmbi_relid_forget_flags(channel->guest, channel->relid);
        vmb_atomic_store(&channel->home, VMB_VP_NONE, VMB_RELAXED);
        vmbi_gate_open_held(channel->gate);
        vmbi_channel_move(channel, PHASE_OPEN_ASKING);
        vmbi_post_queue(channel->guest, &channel->post, POST_OPEN);
        return;
    }
    if (status == VMB_OK || status == VMB_ERR_TIMEOUT) {
        /* The host has them, or may yet take them. */
        vmbi_close_unshare(channel, status == VMB_OK ? VMB_ERR_GONE : status);
        return;
    }
    vmbi_rings_leave(channel, true);
    open_failed(channel, channel->rescinded ? VMB_ERR_GONE : status);
}

static void open_take_wishes(struct vmb_channel *channel,
                             const struct vmb_channel_open_options *options)
{
    const struct vmb_driver *driver = options->driver;
    struct relid_slot *slot = &channel->guest->slots[channel->relid];

    channel->driver = driver;
    channel->device = options->device;
    slot->on_event = driver->on_event;
    slot->device = options->device;
    channel->notify = (uint8_t)driver->notify;
    channel->target_vp = options->target_vp;
    channel->monitored = options->monitored;
    channel->done = options->done;
    channel->done_context = options->done_context;
    channel->host_status = 0;
    channel->end_status = VMB_OK;
    channel->user_data = options->user_data;
    channel->user_data_bytes = (uint8_t)options->user_data_bytes;
    /* Hosts below 2.4 interrupt VP 0 only. */
    if (channel->guest->version < VMB_VERSION_2_4 && channel->target_vp != VMB_VP_NONE) {
        channel->target_vp = 0;
    }
}

vmb_status vmb_channel_open(struct vmb_channel *channel,
                            const struct vmb_channel_open_options *options)
{
    struct vmb_guest *guest = channel->guest;
    uint32_t tx_pages, rx_pages;
    vmb_status status;

    if (channel->phase != PHASE_OFFERED || channel->rescinded || guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    if (options->driver == NULL || options->driver->on_event == NULL ||
        options->user_data_bytes > VMB_USER_DEFINED_BYTES ||
        (uint32_t)options->driver->notify > VMB_NOTIFY_POLLED ||
        !open_vp_allowed(guest, options->target_vp)) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    tx_pages = open_pages(options->tx_pages, options->driver->tx_pages);
    rx_pages = open_pages(options->rx_pages, options->driver->rx_pages);
    if (tx_pages > VMB_GPADL_MAX_PAGES || rx_pages > VMB_GPADL_MAX_PAGES ||
        tx_pages + rx_pages + 2u > VMB_GPADL_MAX_PAGES) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    channel->tx_pages = (uint16_t)tx_pages;
    channel->rx_pages = (uint16_t)rx_pages;
    status = vmbi_rings_make(channel, open_ring_doorbell);
    if (status != VMB_OK) {
        return status;
    }
    open_take_wishes(channel, options);
    vmbi_channel_move(channel, PHASE_OPEN_SHARING);
    vmbi_rings_share(channel);
    return VMB_OK;
}

void vmbi_open_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message)
{
    const struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);
    struct vmb_msg_open_channel *open = &message->u.open_channel;

    open->relid = channel->relid;
    open->open_id = guest->next_open_id;
    open->ring_gpadl = channel->ring_handle;
    open->target_vp = channel->target_vp;
    open->downstream_page_offset = channel->tx_pages + 1u;
    if (channel->user_data_bytes != 0) { /* What lies behind it is zero already. */
        vmb_memcpy(open->user_defined, channel->user_data, channel->user_data_bytes);
    }
    open->connection_id = channel->offer.connection_id;
    open->event_flag = (uint16_t)channel->relid;
}

void vmbi_open_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    if (status != VMB_OK) {
        vmbi_gate_abandon(channel->gate);
        vmbi_close_unshare(channel, status);
        return;
    }
    channel->open_id = guest->next_open_id++;
    channel->deadline_ns = vmbi_answer_deadline(guest);
}

/*
 * The host agreed: the driver first, then every event that has come since it could. The driver may
 * close the channel at once, or leave the bus: that ends after the open has ended, and no handler
 * starts any more.
 */
static void open_succeeded(struct vmb_channel *channel)
{
    struct vmb_guest *guest = channel->guest;
    uint32_t vp = channel->target_vp < guest->options.vp_count ? channel->target_vp
                                                               : guest->options.connect_vp;
    vmb_channel_done done = channel->done;
    void *done_context = channel->done_context;

    vmbi_channel_move(channel, PHASE_OPEN);
    channel->done = NULL; /* From here on it is that of a close. */
    channel->opens++;
    vmbi_channel_settle_at(channel);
    vmbi_relid_defer(guest, channel->relid, channel->notify == VMB_NOTIFY_DEFERRED);
    if (channel->driver->opened != NULL) {
        channel->driver->opened(channel->device, &channel->endpoint);
    }
    /*
     * One start is owed in any case: the host may have filled the ring before it could signal, and
     * the driver may not have read what came while it was opened. We own the gate, so start here.
     */
    if (channel->target_vp != VMB_VP_NONE && channel->phase == PHASE_OPEN &&
        guest->state == BUS_CONNECTED) {
        vmbi_channel_start(guest, channel, vp);
    } else {
        (void)vmbi_gate_finish(channel->gate);
    }
    if (done != NULL) {
        done(done_context, channel, VMB_OK);
    }
}

void vmbi_on_open_result(struct vmb_guest *guest, const struct vmb_message *message)
{
    const struct vmb_msg_open_result *result = &message->u.open_result;
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, result->relid);

    /* Matched by its id as well: an answer to an attempt that was given up is nobody's. */
    if (channel == NULL || channel->phase != PHASE_OPEN_ASKING || channel->post.queued ||
        channel->open_id != result->open_id) {
        vmbi_unexpected(guest, message->number, result->relid);
        return;
    }
    channel->deadline_ns = VMB_NEVER;
    if (result->status == VMB_NTSTATUS_SUCCESS) {
        open_succeeded(channel);
        return;
    }
    channel->host_status = result->status;
    vmbi_gate_abandon(channel->gate);
    vmbi_close_unshare(channel, VMB_ERR_REFUSED);
}

/* Rescinded while the host was asked: there will be no result. */
void vmbi_open_rescinded(struct vmb_channel *channel)
{
    vmbi_post_cancel(channel->guest, &channel->post);
    channel->deadline_ns = VMB_NEVER;
    vmbi_gate_abandon(channel->gate);
    vmbi_close_unshare(channel, VMB_ERR_GONE);
}

/* No answer: take it back with a close, so that a late success does no harm. */
void vmbi_open_timeout(struct vmb_channel *channel)
{
    channel->deadline_ns = VMB_NEVER;
    vmbi_gate_abandon(channel->gate);
    channel->end_status = VMB_ERR_TIMEOUT;
    vmbi_channel_move(channel, PHASE_CLOSE_TELLING);
    vmbi_post_queue(channel->guest, &channel->post, POST_CLOSE);
}
