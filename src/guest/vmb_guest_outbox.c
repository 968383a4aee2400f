/* SPDX-License-Identifier: MIT */
/*
 * Messages to the host, in the order in which they were asked for. What is to be said stands in the
 * state of whoever queued, and is written down when its turn has come; so nothing is buffered and
 * nothing can overflow. A hypervisor short of buffers makes the first one wait, and all behind it.
 */
#include "guest/vmb_guest_state.h"

void vmbi_post_queue(struct vmb_guest *guest, struct vmb_post *post, uint32_t kind)
{
    VMB_ASSERT(!post->queued);
    post->kind = (uint8_t)kind;
    post->queued = true;
    post->words_sent = 0;
    post->next = NULL;
    if (guest->outbox_last == NULL) {
        guest->outbox_first = post;
    } else {
        guest->outbox_last->next = post;
    }
    guest->outbox_last = post;
}

/* Before all others: what ends a wait that holds them, or goes on with what has been begun. */
void vmbi_post_first(struct vmb_guest *guest, struct vmb_post *post, uint32_t kind)
{
    VMB_ASSERT(!post->queued);
    post->kind = (uint8_t)kind;
    post->queued = true;
    post->next = guest->outbox_first;
    guest->outbox_first = post;
    if (guest->outbox_last == NULL) {
        guest->outbox_last = post;
    }
}

void vmbi_post_cancel(struct vmb_guest *guest, struct vmb_post *post)
{
    struct vmb_post **link = &guest->outbox_first;
    struct vmb_post *before = NULL;

    if (!post->queued) {
        return;
    }
    while (*link != post) {
        before = *link;
        link = &before->next;
    }
    if (before == NULL) {
        guest->post_tries = 0; /* The tries were its, not its successor's. */
        guest->post_retry_ns = 0;
    }
    *link = post->next;
    if (guest->outbox_last == post) {
        guest->outbox_last = before;
    }
    post->queued = false;
}

/* CloseChannel and RelIdReleased name a relid and nothing else. */
static void outbox_name_relid(struct vmb_guest *guest, struct vmb_post *post,
                              struct vmb_message *message)
{
    (void)guest;
    message->u.close_channel.relid = VMBI_POST_OWNER(vmb_channel, post, post)->relid;
}

static void outbox_name_nothing(struct vmb_guest *guest, struct vmb_post *post,
                                struct vmb_message *message)
{
    (void)guest;
    (void)post;
    (void)message;
}

static void outbox_name_rings(struct vmb_guest *guest, struct vmb_post *post,
                              struct vmb_message *message)
{
    const struct vmb_channel *channel = VMBI_POST_OWNER(vmb_channel, post, post);

    (void)guest;
    message->u.gpadl_teardown.relid = channel->relid;
    message->u.gpadl_teardown.gpadl = channel->ring_handle;
}

/* What the core has to say: write it down; know that it is on its way, or never will be. */
struct outbox_kind {
    uint32_t number; /* If there is but one. */
    void (*build)(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message);
    void (*posted)(struct vmb_guest *guest, struct vmb_post *post, vmb_status status);
};

/* Index 0 is POST_CONTACT. */
static const struct outbox_kind outbox_kinds[] = {
    {VMB_MSG_INITIATE_CONTACT, vmbi_contact_build, vmbi_contact_posted},
    {VMB_MSG_REQUEST_OFFERS, outbox_name_nothing, vmbi_offers_requested},
    {VMB_MSG_UNLOAD, outbox_name_nothing, vmbi_unload_posted},
    {VMB_MSG_OPEN_CHANNEL, vmbi_open_build, vmbi_open_posted},
    {VMB_MSG_CLOSE_CHANNEL, outbox_name_relid, vmbi_close_posted},
    {VMB_MSG_RELID_RELEASED, outbox_name_relid, vmbi_release_posted},
    {0, vmbi_rings_build, vmbi_rings_posted},
    {VMB_MSG_GPADL_TEARDOWN, outbox_name_rings, vmbi_rings_teardown_posted},
};

static void outbox_build(struct vmb_guest *guest, struct vmb_post *post,
                         struct vmb_message *message)
{
    vmb_memset(message, 0, sizeof(*message));
    if (post->kind < PART_COUNT) {
        guest->parts[post->kind]->build(guest, post, message);
    } else {
        message->number = outbox_kinds[post->kind - POST_CONTACT].number;
        outbox_kinds[post->kind - POST_CONTACT].build(guest, post, message);
    }
}

static void outbox_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    if (post->kind < PART_COUNT) {
        guest->parts[post->kind]->posted(guest, post, status);
    } else {
        outbox_kinds[post->kind - POST_CONTACT].posted(guest, post, status);
    }
}

/* When to try again: the wait doubles from the first to the longest. */
static void outbox_back_off(struct vmb_guest *guest)
{
    uint64_t longest_ns = guest->options.post_retry_longest_ns;
    uint64_t wait_ns = guest->options.post_retry_first_ns;
    uint32_t doubling;

    for (doubling = 1; doubling < guest->post_tries; doubling++) {
        wait_ns = wait_ns >= longest_ns / 2 ? longest_ns : wait_ns * 2;
    }
    guest->counters.post_retries++;
    guest->post_retry_ns = vmbi_deadline(guest, wait_ns);
}

/* InitiateContact goes where the version that it asks for listens; the rest where we were told. */
static uint32_t outbox_connection(const struct vmb_guest *guest, const struct vmb_post *post)
{
    if (post->kind != POST_CONTACT) {
        return guest->message_connection;
    }
    return guest->asking_version >= VMB_VERSION_5_0 ? VMB_CONNECTION_MULTICLIENT
                                                    : VMB_CONNECTION_MESSAGE;
}

static vmb_status outbox_post(struct vmb_guest *guest, struct vmb_post *post)
{
    struct vmb_message message;

    outbox_build(guest, post, &message);
    return vmbi_post_message(guest, outbox_connection(guest, post), &message);
}

/* The host sends nothing and so is asked nothing, until the pause ends or the bus is left. */
static bool outbox_is_held(const struct vmb_guest *guest)
{
    return guest->pause == PAUSE_HELD && guest->outbox_first != &guest->resume_post &&
           guest->outbox_first != &guest->unload_post;
}

uint64_t vmbi_outbox_deadline_ns(const struct vmb_guest *guest)
{
    return guest->outbox_first == NULL || outbox_is_held(guest) ? VMB_NEVER : guest->post_retry_ns;
}

/* Post what is due. True: there is more, at once. */
bool vmbi_outbox_poll(struct vmb_guest *guest)
{
    uint32_t posted;

    for (posted = 0; guest->outbox_first != NULL; posted++) {
        struct vmb_post *post = guest->outbox_first;
        vmb_status status;

        if (posted == POLL_BATCH) {
            return true;
        }
        if (outbox_is_held(guest)) {
            return false;
        }
        if (guest->post_retry_ns != 0 &&
            guest->platform.now_ns(guest->platform.context) < guest->post_retry_ns) {
            return false;
        }
        /*
         * The owner's state moves on before the host can answer: an answer may come before the
         * hypercall returns, but it is only looked at by a later step of this control plane.
         */
        status = outbox_post(guest, post);
        if (status == VMB_ERR_INVALID_TARGET && post->kind != POST_CONTACT) {
            status = VMB_ERR_RETRY; /* Connected, so there is such a connection: post less often. */
        }
        if (status == VMB_ERR_RETRY && ++guest->post_tries < guest->options.post_retry_limit) {
            outbox_back_off(guest);
            return false;
        }
        if (status == VMB_OK) {
            guest->counters.messages_posted++;
        } else if (status != VMB_ERR_INVALID_TARGET) {
            vmbi_guest_log(guest, VMB_LOG_ERROR, "a message of kind # could not be posted",
                           post->kind, 0);
            status = VMB_ERR_PLATFORM;
        }
        vmbi_post_cancel(guest, post);
        outbox_posted(guest, post, status);
    }
    return false;
}
