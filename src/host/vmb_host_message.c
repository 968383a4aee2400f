/* SPDX-License-Identifier: MIT */
/* From the inbox to whoever acts on a message: which ones are legal now, and where they go. */
#include "base/vmb_le.h"
#include "host/vmb_host_internal.h"

static void message_act_connected(struct vmb_host *host, const struct vmb_message *message)
{
    switch (message->number) {
    case VMB_MSG_REQUEST_OFFERS:
        vmbi_host_request_offers(host);
        break;
    case VMB_MSG_OPEN_CHANNEL:
        vmbi_host_open(host, &message->u.open_channel);
        break;
    case VMB_MSG_CLOSE_CHANNEL:
        vmbi_host_close(host, message->u.close_channel.relid);
        break;
    case VMB_MSG_GPADL_HEADER:
        vmbi_host_gpadl_header(host, &message->u.gpadl_header);
        break;
    case VMB_MSG_GPADL_BODY:
        vmbi_host_gpadl_body(host, &message->u.gpadl_body);
        break;
    case VMB_MSG_GPADL_TEARDOWN:
        vmbi_host_gpadl_teardown(host, &message->u.gpadl_teardown);
        break;
    case VMB_MSG_RELID_RELEASED:
        vmbi_host_relid_released(host, message->u.relid_released.relid);
        break;
    case VMB_MSG_OPEN_RESERVED:
        vmbi_host_open_reserved(host, &message->u.open_reserved);
        break;
    case VMB_MSG_TL_CONNECT_REQUEST:
        vmbi_host_tl_connect(host, &message->u.tl_connect_request);
        break;
    case VMB_MSG_MODIFY_CHANNEL:
        vmbi_host_modify(host, &message->u.modify_channel);
        break;
    case VMB_MSG_MODIFY_CONNECTION:
        vmbi_host_modify_connection(host, &message->u.modify_connection);
        break;
    case VMB_MSG_PAUSE:
        vmbi_host_pause(host);
        break;
    default: /* Resume without a pause. */
        vmbi_host_unexpected(host, "Resume without a pause", VMBI_HOST_NONE);
        break;
    }
}

static void message_act(struct vmb_host *host, const struct vmb_message *message,
                        uint32_t connection_id)
{
    if (message->number == VMB_MSG_INITIATE_CONTACT) {
        vmbi_host_contact(host, &message->u.initiate_contact,
                          connection_id == VMB_CONNECTION_MULTICLIENT);
    } else if (message->number == VMB_MSG_UNLOAD) {
        vmbi_host_unload(host);
    } else if (host->connection.paused) {
        if (message->number == VMB_MSG_RESUME) {
            vmbi_host_resume(host);
        } else {
            vmbi_host_unexpected(host, "a message while paused: number", message->number);
        }
    } else if (message->number == VMB_MSG_CLOSE_RESERVED) {
        vmbi_host_close_reserved(host, &message->u.close_reserved);
    } else if (host->connection.state != VMBI_HOST_CONNECTED) {
        vmbi_host_unexpected(host, "a message of nobody connected: number", message->number);
    } else {
        message_act_connected(host, message);
    }
}

static void message_take(struct vmb_host *host, const struct vmbi_host_in *in)
{
    bool connected = host->connection.state == VMBI_HOST_CONNECTED;
    uint32_t number = in->byte_count >= VMB_MESSAGE_HEADER_BYTES ? vmbi_le32(in->bytes) : 0;
    struct vmb_message message;
    vmb_status status;

    if (vmbi_host_is_untrusted(host, in->trusted)) {
        host->counters.messages_untrusted++;
        vmbi_host_log(host, VMB_LOG_WARNING, "not the guest's own message: number", number);
        return;
    }
    host->acting_trusted = in->trusted;
    if (number == VMB_MSG_UNLOAD) { /* Legal in any state, also where there is no version. */
        message.number = number;
        status = VMB_OK;
    } else {
        status = vmb_message_decode(in->bytes, in->byte_count, VMB_GUEST_TO_HOST,
                                    connected ? host->connection.version : VMB_VERSION_NONE,
                                    host->connection.features, &message);
    }
    if (status == VMB_OK) {
        message_act(host, &message, in->connection_id);
    } else if (status == VMB_ERR_MALFORMED) {
        host->counters.messages_malformed++;
        vmbi_host_log(host, VMB_LOG_WARNING, "a message is too short: number", number);
    } else if (!connected && vmb_message_sender(number) == VMB_GUEST_TO_HOST) {
        vmbi_host_unexpected(host, "a message of nobody connected: number", number);
    } else {
        host->counters.messages_unknown++;
        vmbi_host_log(host, VMB_LOG_WARNING, "an unknown message: number", number);
    }
}

bool vmbi_host_take_messages(struct vmb_host *host)
{
    uint32_t budget;

    for (budget = VMBI_HOST_POLL_MESSAGES; budget > 0; budget--) {
        struct vmbi_host_in *cell = vmbi_host_inbox_peek(host);
        struct vmbi_host_in in;

        /* While paused nothing is answered, so Resume needs no room. */
        if (cell != NULL && !vmbi_host_outbox_room(host, VMBI_HOST_MESSAGE_ROOM) &&
            !host->connection.paused) {
            cell = vmbi_host_inbox_skip(host) ? vmbi_host_inbox_peek(host) : NULL;
        }
        if (cell == NULL) {
            return false;
        }
        in.connection_id = cell->connection_id;
        in.trusted = cell->trusted;
        in.byte_count = cell->byte_count;
        vmb_memcpy(in.bytes, cell->bytes, cell->byte_count);
        vmbi_host_inbox_drop(host);
        message_take(host, &in);
    }
    return vmbi_host_inbox_peek(host) != NULL;
}
