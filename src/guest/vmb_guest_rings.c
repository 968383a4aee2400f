/* SPDX-License-Identifier: MIT */
/*
 * A channel's rings: their pages, and the GPADL under which the host knows them. It is one range
 * that we make and take back ourselves, so next to nothing of it is kept: where it is in its life,
 * the channel's phase says, and the request under way is the channel's. A channel that is open
 * keeps a handle and where its pages are (docs/DESIGN.md, "Memory of a channel").
 */
#include "guest/vmb_guest_moves.h"

static uint32_t rings_page_count(const struct vmb_channel *channel)
{
    return channel->tx_pages + channel->rx_pages + 2u;
}

struct vmb_channel *vmbi_rings_by_handle(struct vmb_guest *guest, uint32_t handle)
{
    struct vmb_channel *channel = vmb_guest_relid2channel(guest, handle % VMB_RELID_COUNT);

    return channel != NULL && channel->ring_handle == handle ? channel : NULL;
}

/* The count goes on where it was. */
static VMB_NOINLINE void rings_count_on(struct vmb_ring_counters *counters,
                                        const struct vmb_ring_counters *before)
{
    *counters = *before;
}

/* Both rings, new to the host and to us; what the endpoint has counted stays. */
vmb_status vmbi_rings_make(struct vmb_channel *channel, void (*ring_doorbell)(void *context))
{
    struct vmb_endpoint *endpoint = &channel->endpoint;
    struct vmb_endpoint before = *endpoint;
    struct vmb_endpoint_rings rings;
    struct vmb_pages pages;
    vmb_status status;
    uint8_t *tx, *rx;

    vmb_memset(&pages, 0, sizeof(pages));
    if (vmbi_pages_share(channel->guest, channel->private_ring, rings_page_count(channel),
                         &pages) != VMB_OK) {
        return VMB_ERR_NO_MEMORY;
    }
    tx = (uint8_t *)(void *)pages.base;
    rx = tx + (size_t)(channel->tx_pages + 1) * VMB_PAGE_BYTES;
    vmb_ring_format(tx);
    vmb_ring_format(rx);
    rings.tx_control = tx;
    rings.tx_data_bytes = channel->tx_pages * VMB_PAGE_BYTES;
    rings.rx_control = rx;
    rings.rx_data_bytes = channel->rx_pages * VMB_PAGE_BYTES;
    status = vmb_endpoint_init(endpoint, &rings, ring_doorbell, channel);
    rings_count_on(&endpoint->tx.counters, &before.tx.counters);
    rings_count_on(&endpoint->rx.counters, &before.rx.counters);
    endpoint->tx.full = before.tx.full;
    if (status != VMB_OK) {
        endpoint->tx.control = NULL;
        vmbi_pages_leave(channel->guest, channel->private_ring, &pages, true);
        return VMB_ERR_INVALID_ARGUMENT; /* The port's pages are not aligned. */
    }
    channel->ring_gpn = pages.first_gpn;
    channel->ring_owner = pages.owner;
    return VMB_OK;
}

/* The channel has no rings any more. What the host may still write is never used again. */
void vmbi_rings_leave(struct vmb_channel *channel, bool host_let_go)
{
    struct vmb_guest *guest = channel->guest;
    struct vmb_pages pages;

    if (channel->endpoint.tx.control == NULL) {
        return;
    }
    pages.base = channel->endpoint.tx.control;
    pages.first_gpn = channel->ring_gpn;
    pages.page_count = rings_page_count(channel);
    pages.owner = channel->ring_owner;
    channel->endpoint.tx.control = NULL;
    channel->endpoint.rx.control = NULL;
    vmbi_pages_leave(guest, channel->private_ring, &pages, host_let_go);
    if (!host_let_go) {
        guest->shares_lost = true;
        vmbi_guest_log(guest, VMB_LOG_WARNING, "relid #: the host may still hold the rings",
                       channel->relid, 0);
    }
}

/* ---- Telling the host ------------------------------------------------------------------------ */

void vmbi_rings_share(struct vmb_channel *channel)
{
    channel->ring_handle = vmbi_gpadl_new_handle(channel->guest, channel->relid);
    vmbi_post_queue(channel->guest, &channel->post, POST_RINGS);
}

/* One range's head, and its pages. */
static uint32_t rings_words(const struct vmb_channel *channel)
{
    return 1 + rings_page_count(channel);
}

static void rings_describe(const struct vmb_channel *channel, struct vmb_gpadl_range *out_range,
                           struct gpadl_words *out_words)
{
    out_range->byte_count = rings_page_count(channel) * VMB_PAGE_BYTES;
    out_range->byte_offset = 0;
    out_range->pages = NULL;
    out_range->first_gpn = channel->ring_gpn;
    out_words->relid = channel->relid;
    out_words->handle = channel->ring_handle;
    out_words->ranges = out_range;
    out_words->range_count = 1;
    out_words->total = rings_words(channel);
    out_words->sent = channel->post.words_sent;
}

void vmbi_rings_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message)
{
    const struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);
    struct vmb_gpadl_range range;
    struct gpadl_words words;

    (void)guest;
    rings_describe(channel, &range, &words);
    vmbi_gpadl_words_build(&words, message);
}

static void rings_await(struct vmb_channel *channel)
{
    channel->deadline_ns = vmbi_answer_deadline(channel->guest);
}

/* The host does not know them: without all of the data it never used them. */
static void rings_not_shared(struct vmb_channel *channel, vmb_status status)
{
    channel->ring_handle = 0;
    vmbi_open_shared(channel, status);
}

void vmbi_rings_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);
    uint32_t total = rings_words(channel);

    if (status != VMB_OK) {
        rings_not_shared(channel, status);
        return;
    }
    post->words_sent = vmbi_gpadl_words_next(total, post->words_sent);
    if (post->words_sent < total) {
        vmbi_post_first(guest, post, POST_RINGS); /* What it says is one sequence. */
    } else {
        rings_await(channel);
    }
}

/* About a GPADL that is not of rings: a device's? */
static void rings_not_ours(struct vmb_guest *guest, const struct vmb_message *message)
{
    if (guest->parts[PART_GPADL] != NULL) {
        guest->parts[PART_GPADL]->on_answer(guest, message);
    } else {
        vmbi_unexpected(guest, message->number, message->u.gpadl_created.relid); /* Or a handle. */
    }
}

void vmbi_on_gpadl_created(struct vmb_guest *guest, const struct vmb_message *message)
{
    const struct vmb_msg_gpadl_created *created = &message->u.gpadl_created;
    struct vmb_channel *channel = vmbi_rings_by_handle(guest, created->gpadl);
    bool refused = created->status != VMB_NTSTATUS_SUCCESS;

    if (channel == NULL) {
        rings_not_ours(guest, message);
        return;
    }
    if (channel->relid != created->relid || channel->phase != PHASE_OPEN_SHARING ||
        (channel->post.queued && !refused)) {
        vmbi_unexpected(guest, message->number, created->relid);
        return;
    }
    channel->deadline_ns = VMB_NEVER;
    if (refused) {
        vmbi_post_cancel(guest, &channel->post); /* Before it had heard everything. */
        channel->host_status = created->status;
        rings_not_shared(channel, VMB_ERR_REFUSED);
    } else {
        vmbi_open_shared(channel, VMB_OK);
    }
}

/* ---- Taking them back ------------------------------------------------------------------------ */

void vmbi_rings_unshare(struct vmb_channel *channel)
{
    vmbi_post_queue(channel->guest, &channel->post, POST_RINGS_TEARDOWN);
}

/* The host has let go, or never will. */
static void rings_back(struct vmb_channel *channel, vmb_status status)
{
    channel->deadline_ns = VMB_NEVER;
    if (channel->guest->state == BUS_CONNECTED) { /* Leaving the bus ends it all at once. */
        channel->ring_handle = 0;
        vmbi_close_unshared(channel, status);
    }
}

void vmbi_rings_teardown_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    (void)guest;
    if (status != VMB_OK) {
        rings_back(channel, VMB_ERR_STILL_SHARED);
    } else {
        rings_await(channel);
    }
}

void vmbi_on_gpadl_torndown(struct vmb_guest *guest, const struct vmb_message *message)
{
    struct vmb_channel *channel = vmbi_rings_by_handle(guest, message->u.gpadl_torndown.gpadl);

    if (channel == NULL) {
        rings_not_ours(guest, message);
        return;
    }
    if (channel->phase != PHASE_CLOSE_UNSHARING || channel->post.queued) {
        vmbi_unexpected(guest, message->number, channel->ring_handle);
        return;
    }
    rings_back(channel, VMB_OK);
}

/*
 * The host did not answer in time. Rings that it was to take it may still take, so they have to be
 * taken back; those that it was to let go of are its for good.
 */
void vmbi_rings_timeout(struct vmb_channel *channel)
{
    channel->deadline_ns = VMB_NEVER;
    if (channel->phase == PHASE_OPEN_SHARING) {
        vmbi_open_shared(channel, VMB_ERR_TIMEOUT);
    } else {
        rings_back(channel, VMB_ERR_STILL_SHARED);
    }
}
