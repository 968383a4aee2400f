/* SPDX-License-Identifier: MIT */
/*
 * Messages to the host, in the order in which they were asked for. What is to be said stands in the
 * state of whoever queued, and is written down when its turn has come; so nothing is buffered and
 * nothing can overflow. A hypervisor short of buffers makes the first one wait, and all behind it.
 */
#include <vmbus/tl_connect.h>

#include "guest/vmb_guest_state.h"

#define OUTBOX_OWNER(type, member, post)                                                           \
    ((struct type *)(void *)((uint8_t *)(post)-offsetof(struct type, member)))

void vmbi_post_queue(struct vmb_guest *guest, struct vmb_post *post, enum post_kind kind)
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

/* Before all others: for what ends a wait that holds them. */
void vmbi_post_first(struct vmb_guest *guest, struct vmb_post *post, enum post_kind kind)
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

static struct vmb_channel *outbox_channel(struct vmb_post *post)
{
    return OUTBOX_OWNER(vmb_channel, post, post);
}

static void outbox_teardown(struct vmb_message *message, uint32_t relid, uint32_t handle)
{
    message->number = VMB_MSG_GPADL_TEARDOWN;
    message->u.gpadl_teardown.relid = relid;
    message->u.gpadl_teardown.gpadl = handle;
}

/* Write down what the post's owner has to say. */
static void outbox_build(struct vmb_guest *guest, struct vmb_post *post,
                         struct vmb_message *message)
{
    struct vmb_channel *channel;
    struct vmb_gpadl *gpadl;

    vmb_memset(message, 0, sizeof(*message));
    switch ((enum post_kind)post->kind) {
    case POST_CONTACT:
        vmbi_contact_build(guest, message);
        break;
    case POST_REQUEST_OFFERS:
        message->number = VMB_MSG_REQUEST_OFFERS;
        break;
    case POST_UNLOAD:
        message->number = VMB_MSG_UNLOAD;
        break;
    case POST_OPEN:
        vmbi_open_build(outbox_channel(post), message);
        break;
    case POST_CLOSE:
        message->number = VMB_MSG_CLOSE_CHANNEL;
        message->u.close_channel.relid = outbox_channel(post)->relid;
        break;
    case POST_RELEASE:
        message->number = VMB_MSG_RELID_RELEASED;
        message->u.relid_released.relid = outbox_channel(post)->relid;
        break;
    case POST_MODIFY:
        channel = outbox_channel(post);
        message->number = VMB_MSG_MODIFY_CHANNEL;
        message->u.modify_channel.relid = channel->relid;
        message->u.modify_channel.target_vp = channel->wanted_vp;
        break;
    case POST_RINGS:
        vmbi_rings_build(outbox_channel(post), message);
        break;
    case POST_RINGS_TEARDOWN:
        channel = outbox_channel(post);
        outbox_teardown(message, channel->relid, channel->ring_handle);
        break;
    case POST_GPADL:
        vmbi_gpadl_build(OUTBOX_OWNER(vmb_gpadl, post, post), message);
        break;
    case POST_GPADL_TEARDOWN:
        gpadl = OUTBOX_OWNER(vmb_gpadl, post, post);
        outbox_teardown(message, gpadl->channel->relid, gpadl->handle);
        break;
    case POST_TL_CONNECT:
        vmbi_tl_build(OUTBOX_OWNER(vmb_tl_connect, post, post), message);
        break;
    case POST_MODIFY_CONNECTION:
        vmbi_monitor_move_build(guest, message);
        break;
    case POST_PAUSE:
        message->number = VMB_MSG_PAUSE;
        break;
    case POST_RESUME:
        message->number = VMB_MSG_RESUME;
        break;
    }
}

/* Tell the owner that its message is on its way, or will never be. True: it has another one. */
static bool outbox_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    switch ((enum post_kind)post->kind) {
    case POST_CONTACT:
        vmbi_contact_posted(guest, status);
        return false;
    case POST_REQUEST_OFFERS:
        vmbi_offers_requested(guest, status);
        return false;
    case POST_UNLOAD:
        vmbi_unload_posted(guest, status);
        return false;
    case POST_OPEN:
        vmbi_open_posted(outbox_channel(post), status);
        return false;
    case POST_CLOSE:
        vmbi_close_posted(outbox_channel(post), status);
        return false;
    case POST_RELEASE:
        vmbi_release_posted(outbox_channel(post), status);
        return false;
    case POST_MODIFY:
        vmbi_modify_posted(outbox_channel(post), status);
        return false;
    case POST_RINGS:
        return vmbi_rings_posted(outbox_channel(post), status);
    case POST_RINGS_TEARDOWN:
        vmbi_rings_teardown_posted(outbox_channel(post), status);
        return false;
    case POST_GPADL:
        return vmbi_gpadl_posted(OUTBOX_OWNER(vmb_gpadl, post, post), status);
    case POST_GPADL_TEARDOWN:
        vmbi_gpadl_teardown_posted(OUTBOX_OWNER(vmb_gpadl, post, post), status);
        return false;
    case POST_TL_CONNECT:
        vmbi_tl_posted(OUTBOX_OWNER(vmb_tl_connect, post, post), status);
        return false;
    case POST_MODIFY_CONNECTION:
        vmbi_monitor_move_posted(guest, status);
        return false;
    case POST_PAUSE:
        vmbi_pause_posted(guest, status);
        return false;
    case POST_RESUME:
        vmbi_resume_posted(guest, status);
        return false;
    }
    return false;
}

/* When to try again: the wait doubles from the first to the longest. */
static void outbox_back_off(struct vmb_guest *guest)
{
    uint64_t wait_ns = guest->options.post_retry_first_ns;
    uint32_t doubling;

    for (doubling = 1; doubling < guest->post_tries; doubling++) {
        if (wait_ns >= guest->options.post_retry_longest_ns / 2) {
            wait_ns = guest->options.post_retry_longest_ns;
            break;
        }
        wait_ns *= 2;
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
    uint8_t bytes[VMB_MESSAGE_MAX_BYTES];
    uint32_t byte_count = 0;
    vmb_status status;

    outbox_build(guest, post, &message);
    status = vmb_message_encode(&message, guest->version, guest->features, bytes, sizeof(bytes),
                                &byte_count);
    if (status != VMB_OK) {
        return status;
    }
    return vmbi_post_message(guest, outbox_connection(guest, post), bytes, byte_count);
}

/* The host sends nothing and so is asked nothing, until the pause ends or the bus is left. */
static bool outbox_is_held(const struct vmb_guest *guest)
{
    return guest->pause == PAUSE_HELD && guest->outbox_first->kind != POST_RESUME &&
           guest->outbox_first->kind != POST_UNLOAD;
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
        if (outbox_posted(guest, post, status)) {
            struct vmb_post *behind = guest->outbox_first;

            /* Its next message goes first: what it says is one sequence. */
            post->queued = true;
            post->next = behind;
            guest->outbox_first = post;
            if (behind == NULL) {
                guest->outbox_last = post;
            }
        }
    }
    return false;
}
