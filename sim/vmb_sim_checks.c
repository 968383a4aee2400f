/* SPDX-License-Identifier: MIT */
/* See vmb_sim_checks.h. */
#include "sim/vmb_sim_checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vmbus/proto/message.h>

enum checks_relid {
    CHECKS_FREE,
    CHECKS_OFFERED,
    CHECKS_RESCINDED
};

void vmb_sim_checks_init(struct vmb_sim_checks *checks)
{
    memset(checks, 0, sizeof(*checks));
}

void vmb_sim_violation(struct vmb_sim_checks *checks, const char *format, ...)
{
    va_list arguments;

    if (checks->count++ == 0) {
        va_start(arguments, format);
        (void)vsnprintf(checks->text, sizeof(checks->text), format, arguments);
        va_end(arguments);
    }
}

static void checks_from_host(struct vmb_sim_checks *checks, const struct vmb_message *message)
{
    uint32_t relid;

    if (checks->leaving) {
        return; /* Said to a guest that does not listen any more. */
    }
    if (message->number == VMB_MSG_OFFER_CHANNEL) {
        relid = message->u.offer.relid;
        if (relid == 0 || relid >= VMB_RELID_COUNT || checks->relids[relid] != CHECKS_FREE) {
            vmb_sim_violation(checks, "the host offers relid %u, which the guest has", relid);
            return;
        }
        checks->relids[relid] = CHECKS_OFFERED;
        checks->offers++;
    } else if (message->number == VMB_MSG_RESCIND_OFFER) {
        relid = message->u.rescind.relid;
        if (relid >= VMB_RELID_COUNT || checks->relids[relid] != CHECKS_OFFERED) {
            vmb_sim_violation(checks, "the host rescinds relid %u, which is not offered", relid);
            return;
        }
        checks->relids[relid] = CHECKS_RESCINDED;
        checks->rescinds++;
    }
}

static void checks_from_guest(struct vmb_sim_checks *checks, const struct vmb_message *message)
{
    uint32_t relid;

    if (checks->leaving && message->number != VMB_MSG_UNLOAD &&
        message->number != VMB_MSG_INITIATE_CONTACT) {
        vmb_sim_violation(checks, "the guest says %s after it has left",
                          vmb_message_name(message->number));
        return;
    }
    switch (message->number) {
    case VMB_MSG_RELID_RELEASED:
        relid = message->u.relid_released.relid;
        if (relid >= VMB_RELID_COUNT || checks->relids[relid] == CHECKS_FREE) {
            vmb_sim_violation(checks, "the guest releases relid %u, which it does not have", relid);
            return;
        }
        checks->relids[relid] = CHECKS_FREE;
        checks->releases++;
        return;
    case VMB_MSG_OPEN_CHANNEL:
        relid = message->u.open_channel.relid;
        break;
    case VMB_MSG_CLOSE_CHANNEL:
        relid = message->u.close_channel.relid;
        break;
    case VMB_MSG_GPADL_HEADER:
        relid = message->u.gpadl_header.relid;
        break;
    case VMB_MSG_GPADL_TEARDOWN:
        relid = message->u.gpadl_teardown.relid;
        break;
    case VMB_MSG_MODIFY_CHANNEL:
        relid = message->u.modify_channel.relid;
        break;
    case VMB_MSG_UNLOAD:
    case VMB_MSG_INITIATE_CONTACT:
        checks->leaving = true;
        return;
    default:
        return;
    }
    if (relid >= VMB_RELID_COUNT || checks->relids[relid] == CHECKS_FREE) {
        vmb_sim_violation(checks, "the guest says %s of relid %u, which it does not have",
                          vmb_message_name(message->number), relid);
    }
}

/* The host's answer to a contact or an unload: no relid of before means anything from now on. */
static void checks_note_answer(struct vmb_sim_checks *checks, bool to_guest, const void *bytes,
                               uint32_t byte_count)
{
    const uint8_t *number = bytes;

    if (to_guest && byte_count >= VMB_MESSAGE_HEADER_BYTES &&
        (number[0] == VMB_MSG_VERSION_RESPONSE || number[0] == VMB_MSG_UNLOAD_COMPLETE)) {
        memset(checks->relids, CHECKS_FREE, sizeof(checks->relids));
        checks->leaving = false;
    }
}

void vmb_sim_checks_message(struct vmb_sim_checks *checks, bool to_guest, const void *bytes,
                            uint32_t byte_count, uint32_t version, uint32_t features)
{
    struct vmb_message message;

    checks->messages++;
    checks_note_answer(checks, to_guest, bytes, byte_count);
    if (vmb_message_decode(bytes, byte_count, to_guest ? VMB_HOST_TO_GUEST : VMB_GUEST_TO_HOST,
                           version, features, &message) != VMB_OK) {
        return; /* Of a version that is being negotiated, or a response to one. */
    }
    if (to_guest) {
        checks_from_host(checks, &message);
    } else {
        checks_from_guest(checks, &message);
    }
}
