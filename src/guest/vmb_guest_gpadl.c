/* SPDX-License-Identifier: MIT */
/*
 * GPADLs of devices: telling the host which guest pages it may use under one handle, and taking
 * them back. Those of rings are in vmb_guest_rings.c.
 */
#include "guest/vmb_guest_moves.h"

#include "base/vmb_number.h"

/* A GPADL's data is counted in bytes by a 16-bit number. */
#define GPADL_MAX_WORDS (0xFFFFu / 8u)

static void gpadl_unlink(struct vmb_guest *guest, struct vmb_gpadl *gpadl)
{
    struct vmb_gpadl **link = &guest->gpadls;

    while (*link != NULL && *link != gpadl) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = gpadl->next;
    }
    gpadl->next = NULL;
    gpadl->handle = 0;
    vmbi_gpadl_move(gpadl, GPADL_NONE);
    gpadl->channel->gpadl_count--;
}

/* Tell the owner; last, since it may use the struct again at once. */
static void gpadl_tell(struct vmb_gpadl *gpadl, vmb_status status)
{
    vmb_gpadl_done done = gpadl->done;
    void *context = gpadl->done_context;

    gpadl->done = NULL;
    if (done != NULL) {
        done(context, gpadl, status);
    }
}

/* The host does not know it (any more): the memory is the owner's, unless it says otherwise. */
static void gpadl_gone(struct vmb_gpadl *gpadl, vmb_status status)
{
    struct vmb_channel *channel = gpadl->channel;

    if (status != VMB_ERR_STILL_SHARED && channel->guest->state == BUS_CONNECTED) {
        vmbi_conceal(gpadl);
    }
    gpadl_unlink(channel->guest, gpadl);
    gpadl_tell(gpadl, status);
    if (channel->guest->state == BUS_CONNECTED) {
        vmbi_let_go_unasked(channel); /* It may have been the last that kept a rescinded channel. */
    }
}

/* Words of 8 bytes that describe the ranges; 0 if they are not allowed. */
static uint32_t gpadl_count_words(const struct vmb_gpadl_range *ranges, uint32_t range_count)
{
    uint32_t words = 0;
    uint32_t index;

    for (index = 0; index < range_count; index++) {
        const struct vmb_gpadl_range *range = &ranges[index];
        uint32_t pages = vmbi_pages_touched(range->byte_offset, range->byte_count);

        if (range->byte_count == 0 || range->byte_offset >= VMB_PAGE_BYTES ||
            pages > GPADL_MAX_WORDS || words + 1 + pages > GPADL_MAX_WORDS) {
            return 0;
        }
        words += 1 + pages;
    }
    return words;
}

static void gpadl_describe(const struct vmb_gpadl *gpadl, struct gpadl_words *out_words)
{
    out_words->relid = gpadl->channel->relid;
    out_words->handle = gpadl->handle;
    out_words->ranges = gpadl->ranges;
    out_words->range_count = gpadl->range_count;
    out_words->total = gpadl->words_total;
    out_words->sent = gpadl->post.words_sent;
}

static void gpadl_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message)
{
    const struct vmb_gpadl *gpadl = VMBI_POST_OWNER(vmb_gpadl, post, post);
    struct gpadl_words words;

    (void)guest;
    if (gpadl->state == GPADL_REVOKING) {
        message->number = VMB_MSG_GPADL_TEARDOWN;
        message->u.gpadl_teardown.relid = gpadl->channel->relid;
        message->u.gpadl_teardown.gpadl = gpadl->handle;
    } else {
        gpadl_describe(gpadl, &words);
        vmbi_gpadl_words_build(&words, message);
    }
}

static void gpadl_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_gpadl *gpadl = VMBI_POST_OWNER(vmb_gpadl, post, post);
    bool revoking = gpadl->state == GPADL_REVOKING;

    if (status != VMB_OK) {
        /* Without all of its data the host never uses it: the memory is ours. */
        gpadl_gone(gpadl, revoking ? VMB_ERR_STILL_SHARED : status);
        return;
    }
    if (revoking) {
        vmbi_gpadl_move(gpadl, GPADL_REVOKED);
    } else {
        post->words_sent = vmbi_gpadl_words_next(gpadl->words_total, post->words_sent);
        if (post->words_sent < gpadl->words_total) {
            vmbi_post_first(guest, post, PART_GPADL); /* What it says is one sequence. */
            return;
        }
        vmbi_gpadl_move(gpadl, GPADL_ASKED);
    }
    gpadl->deadline_ns = vmbi_answer_deadline(guest);
}

static void gpadl_created(struct vmb_guest *guest, const struct vmb_msg_gpadl_created *created)
{
    struct vmb_gpadl *gpadl = vmbi_gpadl_by_handle(guest, created->gpadl);
    bool refused = created->status != VMB_NTSTATUS_SUCCESS;
    struct vmb_channel *channel;

    if (gpadl == NULL || gpadl->channel->relid != created->relid ||
        (gpadl->state != GPADL_ASKED && !(gpadl->state == GPADL_TELLING && refused))) {
        vmbi_unexpected(guest, VMB_MSG_GPADL_CREATED, created->relid);
        return;
    }
    channel = gpadl->channel;
    gpadl->deadline_ns = VMB_NEVER;
    if (refused) {
        vmbi_post_cancel(guest, &gpadl->post); /* Before it had heard everything. */
        channel->host_status = created->status;
        gpadl_gone(gpadl, channel->rescinded ? VMB_ERR_GONE : VMB_ERR_REFUSED);
        return;
    }
    vmbi_gpadl_move(gpadl, GPADL_READY);
    gpadl_tell(gpadl, VMB_OK);
}

static void gpadl_on_answer(struct vmb_guest *guest, const struct vmb_message *message)
{
    struct vmb_gpadl *gpadl;

    if (message->number == VMB_MSG_GPADL_CREATED) {
        gpadl_created(guest, &message->u.gpadl_created);
        return;
    }
    gpadl = vmbi_gpadl_by_handle(guest, message->u.gpadl_torndown.gpadl);
    if (gpadl == NULL || gpadl->state != GPADL_REVOKED) {
        vmbi_unexpected(guest, message->number, message->u.gpadl_torndown.gpadl);
        return;
    }
    gpadl_gone(gpadl, VMB_OK);
}

/*
 * The host did not answer in time. One that was being created may still be accepted later, so it
 * stays and can be torn down; one that was being torn down stays with the host for good.
 */
static void gpadl_timed_out(struct vmb_gpadl *gpadl)
{
    gpadl->channel->guest->counters.requests_timed_out++;
    gpadl->deadline_ns = VMB_NEVER;
    if (gpadl->state == GPADL_REVOKED) {
        gpadl_gone(gpadl, VMB_ERR_STILL_SHARED);
        return;
    }
    vmbi_gpadl_move(gpadl, GPADL_READY);
    gpadl_tell(gpadl, VMB_ERR_TIMEOUT);
}

static uint64_t gpadl_timeouts(struct vmb_guest *guest, uint64_t now_ns, uint64_t earliest_ns)
{
    struct vmb_gpadl *gpadl = guest->gpadls;

    while (gpadl != NULL) {
        struct vmb_gpadl *next = gpadl->next;

        if (gpadl->deadline_ns <= now_ns) {
            gpadl_timed_out(gpadl);
            next = guest->gpadls; /* The owner may have changed the list. */
        } else if (gpadl->deadline_ns < earliest_ns) {
            earliest_ns = gpadl->deadline_ns;
        }
        gpadl = next;
    }
    return earliest_ns;
}

/* The bus is gone, and every handle with it. Those who wait are told; the others are not asked. */
static void gpadl_forget(struct vmb_guest *guest)
{
    while (guest->gpadls != NULL) {
        vmbi_post_cancel(guest, &guest->gpadls->post);
        gpadl_gone(guest->gpadls, VMB_ERR_GONE);
    }
}

static const struct guest_part gpadl_part = {
    .on_answer = gpadl_on_answer,
    .build = gpadl_build,
    .posted = gpadl_posted,
    .timeouts = gpadl_timeouts,
    .forget = gpadl_forget,
};

vmb_status vmbi_gpadl_create(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
                             const struct vmb_gpadl_range *ranges, uint32_t range_count,
                             vmb_gpadl_done done, void *done_context)
{
    struct vmb_guest *guest = channel->guest;
    uint32_t words = gpadl_count_words(ranges, range_count);

    if (words == 0) {
        return VMB_ERR_INVALID_ARGUMENT;
    }
    guest->parts[PART_GPADL] = &gpadl_part;
    vmb_memset(gpadl, 0, sizeof(*gpadl));
    gpadl->handle = vmbi_gpadl_new_handle(guest, channel->relid);
    vmbi_gpadl_move(gpadl, GPADL_TELLING);
    gpadl->channel = channel;
    gpadl->ranges = ranges;
    gpadl->range_count = range_count;
    gpadl->words_total = words;
    gpadl->done = done;
    gpadl->done_context = done_context;
    gpadl->deadline_ns = VMB_NEVER;
    gpadl->next = guest->gpadls;
    guest->gpadls = gpadl;
    channel->gpadl_count++;
    vmbi_post_queue(guest, &gpadl->post, PART_GPADL);
    return VMB_OK;
}

vmb_status vmb_channel_gpadl_create(struct vmb_channel *channel, struct vmb_gpadl *gpadl,
                                    const struct vmb_gpadl_range *ranges, uint32_t range_count,
                                    vmb_gpadl_done done, void *done_context)
{
    vmb_status status;

    if (channel->rescinded || channel->phase == PHASE_SUSPENDED ||
        channel->guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    status = vmbi_gpadl_create(channel, gpadl, ranges, range_count, done, done_context);
    if (status == VMB_OK) {
        status = vmbi_expose(gpadl);
        if (status != VMB_OK) {
            vmbi_post_cancel(channel->guest, &gpadl->post);
            gpadl_unlink(channel->guest, gpadl);
        }
    }
    return status;
}

vmb_status vmb_channel_gpadl_teardown(struct vmb_gpadl *gpadl, vmb_gpadl_done done,
                                      void *done_context)
{
    if (gpadl->state != GPADL_READY) {
        return VMB_ERR_WRONG_STATE;
    }
    vmbi_gpadl_move(gpadl, GPADL_REVOKING);
    gpadl->done = done;
    gpadl->done_context = done_context;
    vmbi_post_queue(gpadl->channel->guest, &gpadl->post, PART_GPADL);
    return VMB_OK;
}
