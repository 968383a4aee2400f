/* SPDX-License-Identifier: MIT */
/*
 * Leaving the bus from a crashed kernel. Whatever the crash interrupted may be half done, so this
 * uses only what is constant, or a number that is right or wrong but never half: the version, the
 * connection to post to, and the VPs' pages.
 */
#include <vmbus/hv.h>
#include <vmbus/power.h>

#include "guest/vmb_guest_state.h"

/* Look into a slot. True if it held UnloadComplete; everything else is thrown away. */
static bool crash_look(struct vmb_guest *guest, uint32_t vp, bool paravisor)
{
    /* Relaxed: of a page that is shared with the host nothing is read but through the slot. */
    void *slot = paravisor ? vmb_atomic_load(&guest->vps[vp].paravisor_slot, VMB_RELAXED)
                           : vmb_atomic_load(&guest->vps[vp].slot, VMB_RELAXED);
    struct vmb_hv_message message;
    bool end_of_message = false;
    struct vmb_message decoded;

    if (slot == NULL || vmb_hv_slot_take(slot, &message, &end_of_message) != VMB_OK) {
        return false;
    }
    if (end_of_message) {
        /* Best effort: the register is the owner's, which may never run again. */
        vmbi_end_of_message(guest, vp, paravisor);
    }
    return paravisor == vmbi_has_paravisor(guest) && message.type == VMB_SYNIC_MESSAGE_TYPE &&
           vmb_message_decode(message.payload, message.payload_bytes, VMB_HOST_TO_GUEST,
                              guest->version, guest->features, &decoded) == VMB_OK &&
           decoded.number == VMB_MSG_UNLOAD_COMPLETE;
}

static vmb_status crash_say_unload(struct vmb_guest *guest)
{
    struct vmb_message message;
    vmb_status status;

    vmb_memset(&message, 0, sizeof(message));
    message.number = VMB_MSG_UNLOAD;
    status = vmbi_post_message(guest, guest->message_connection, &message);
    if (status == VMB_OK) {
        guest->crash_said = true;
    }
    /* Connected, so there is such a connection: as in vmbi_outbox_poll(). */
    return status == VMB_OK || status == VMB_ERR_RETRY || status == VMB_ERR_INVALID_TARGET
               ? VMB_ERR_RETRY
               : VMB_ERR_PLATFORM;
}

vmb_status vmb_guest_crash_unload(struct vmb_guest *guest)
{
    uint64_t now_ns = guest->platform.now_ns(guest->platform.context);
    bool done = false;
    uint32_t vp;

    if (guest->version == 0) {
        return VMB_OK; /* Never agreed with a host, or already left. */
    }
    if (guest->version < VMB_VERSION_3_0) {
        return VMB_ERR_VERSION;
    }
    if (guest->crash_deadline_ns == 0) {
        guest->crash_deadline_ns = vmbi_deadline(guest, guest->options.unload_timeout_ns);
    }
    for (vp = 0; vp < guest->options.vp_count; vp++) {
        done = crash_look(guest, vp, false) || done;
        done = crash_look(guest, vp, true) || done;
    }
    if (done && guest->crash_said) {
        guest->version = 0;
        return VMB_OK;
    }
    if (now_ns >= guest->crash_deadline_ns) {
        return VMB_ERR_TIMEOUT;
    }
    return guest->crash_said ? VMB_ERR_RETRY : crash_say_unload(guest);
}
