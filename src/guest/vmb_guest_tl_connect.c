/* SPDX-License-Identifier: MIT */
/* Sockets asked of the host: success has no answer but an offer. */
#include <vmbus/tl_connect.h>

#include <vmbus/proto/guid.h>

#include "guest/vmb_guest_state.h"

static void tl_end(struct vmb_tl_connect *connect, struct vmb_channel *channel, vmb_status status)
{
    struct vmb_guest *guest = connect->guest;
    struct vmb_tl_connect **link = &guest->tl_connects;

    vmbi_post_cancel(guest, &connect->post);
    while (*link != connect) {
        link = &(*link)->next;
    }
    *link = connect->next;
    if (connect->done != NULL) {
        connect->done(connect->done_context, connect, channel, status);
    }
}

static void tl_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message)
{
    const struct vmb_tl_connect *connect = VMBI_POST_OWNER(vmb_tl_connect, post, post);

    (void)guest;
    message->number = VMB_MSG_TL_CONNECT_REQUEST;
    message->u.tl_connect_request.endpoint_guid = connect->endpoint;
    message->u.tl_connect_request.service_guid = connect->service;
    message->u.tl_connect_request.silo_guid = connect->silo;
}

static void tl_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    struct vmb_tl_connect *connect = VMBI_POST_OWNER(vmb_tl_connect, post, post);

    if (status != VMB_OK) {
        tl_end(connect, NULL, status);
        return;
    }
    connect->deadline_ns = vmbi_answer_deadline(guest);
}

/* Is this offer the answer to a request of ours? Then whoever asked gets it. */
static bool tl_takes_offer(struct vmb_guest *guest, struct vmb_channel *channel)
{
    struct vmb_tl_connect *connect;

    if ((channel->offer.flags & VMB_OFFER_HVSOCK) == 0) {
        return false;
    }
    for (connect = guest->tl_connects; connect != NULL; connect = connect->next) {
        if (!connect->post.queued &&
            vmb_guid_equal(&connect->endpoint, &channel->offer.instance_guid) &&
            vmb_guid_equal(&connect->service, &channel->offer.interface_guid)) {
            bool told = connect->done != NULL; /* Else the channel is anybody's. */

            tl_end(connect, channel, VMB_OK);
            return told;
        }
    }
    return false;
}

static void tl_on_result(struct vmb_guest *guest, const struct vmb_message *message)
{
    const struct vmb_msg_tl_connect_result *result = &message->u.tl_connect_result;
    struct vmb_tl_connect *connect;

    for (connect = guest->tl_connects; connect != NULL; connect = connect->next) {
        if (!connect->post.queued && vmb_guid_equal(&connect->endpoint, &result->endpoint_guid) &&
            vmb_guid_equal(&connect->service, &result->service_guid)) {
            connect->host_status = result->status;
            tl_end(connect, NULL, VMB_ERR_REFUSED);
            return;
        }
    }
    vmbi_unexpected(guest, message->number, 0);
}

static uint64_t tl_timeouts(struct vmb_guest *guest, uint64_t now_ns, uint64_t earliest_ns)
{
    struct vmb_tl_connect *connect = guest->tl_connects;

    while (connect != NULL) {
        if (connect->deadline_ns <= now_ns) {
            guest->counters.requests_timed_out++;
            tl_end(connect, NULL, VMB_ERR_TIMEOUT);
            connect = guest->tl_connects; /* Whoever asked may have asked again. */
            continue;
        }
        earliest_ns = connect->deadline_ns < earliest_ns ? connect->deadline_ns : earliest_ns;
        connect = connect->next;
    }
    return earliest_ns;
}

/* The bus is gone. */
static void tl_forget(struct vmb_guest *guest)
{
    while (guest->tl_connects != NULL) {
        tl_end(guest->tl_connects, NULL, VMB_ERR_GONE);
    }
}

static const struct guest_part tl_part = {
    .answer = VMB_MSG_TL_CONNECT_RESULT,
    .on_answer = tl_on_result,
    .build = tl_build,
    .posted = tl_posted,
    .timeouts = tl_timeouts,
    .forget = tl_forget,
    .takes_offer = tl_takes_offer,
};

vmb_status vmb_guest_tl_connect(struct vmb_guest *guest, struct vmb_tl_connect *connect,
                                vmb_tl_connect_done done, void *done_context)
{
    if (guest->state != BUS_CONNECTED) {
        return VMB_ERR_WRONG_STATE;
    }
    if (guest->version < VMB_VERSION_4_0) {
        return VMB_ERR_VERSION;
    }
    guest->parts[PART_TL_CONNECT] = &tl_part;
    connect->host_status = 0;
    vmb_memset(&connect->post, 0, sizeof(connect->post));
    connect->guest = guest;
    connect->deadline_ns = VMB_NEVER;
    connect->done = done;
    connect->done_context = done_context;
    connect->next = guest->tl_connects;
    guest->tl_connects = connect;
    vmbi_post_queue(guest, &connect->post, PART_TL_CONNECT);
    return VMB_OK;
}
