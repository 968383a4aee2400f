/* SPDX-License-Identifier: MIT */
/* Pause: a host that sends nothing for a while, so that somebody can save where the guest stands.
 */
#include <vmbus/monitor.h>

#include "guest/vmb_guest_state.h"

static void pause_tell(struct vmb_guest *guest, vmb_status status)
{
    vmb_guest_done done = guest->pause_done;

    guest->pause_done = NULL;
    guest->pause_deadline_ns = VMB_NEVER;
    if (done != NULL) {
        done(guest->pause_context, status);
    }
}

vmb_status vmb_guest_pause(struct vmb_guest *guest, vmb_guest_done done, void *done_context)
{
    if (guest->state != BUS_CONNECTED || guest->pause != PAUSE_NONE) {
        return VMB_ERR_WRONG_STATE;
    }
    if ((guest->features & VMB_FEATURE_PAUSE_RESUME) == 0) {
        return VMB_ERR_UNSUPPORTED;
    }
    guest->pause = PAUSE_ASKED;
    guest->pause_done = done;
    guest->pause_context = done_context;
    guest->pause_deadline_ns = VMB_NEVER;
    vmbi_post_queue(guest, &guest->pause_post, POST_PAUSE);
    return VMB_OK;
}

void vmbi_pause_posted(struct vmb_guest *guest, vmb_status status)
{
    if (status != VMB_OK) {
        guest->pause = PAUSE_NONE;
        pause_tell(guest, status);
        return;
    }
    /* A paused host takes nothing but Resume and Unload: what is behind us waits. */
    guest->pause = PAUSE_HELD;
    guest->pause_deadline_ns = vmbi_deadline(guest, guest->options.request_timeout_ns);
}

void vmbi_on_pause_response(struct vmb_guest *guest)
{
    if (guest->pause != PAUSE_HELD || guest->pause_done == NULL) {
        vmbi_unexpected(guest, VMB_MSG_PAUSE_RESPONSE, 0);
        return;
    }
    pause_tell(guest, VMB_OK);
}

vmb_status vmb_guest_continue(struct vmb_guest *guest)
{
    if (guest->state != BUS_CONNECTED || guest->pause != PAUSE_HELD || guest->resume_post.queued) {
        return VMB_ERR_WRONG_STATE;
    }
    vmbi_post_first(guest, &guest->resume_post, POST_RESUME);
    return VMB_OK;
}

void vmbi_resume_posted(struct vmb_guest *guest, vmb_status status)
{
    if (status == VMB_OK) {
        guest->pause = PAUSE_NONE;
    }
}

void vmbi_pause_timeout(struct vmb_guest *guest)
{
    guest->counters.requests_timed_out++;
    pause_tell(guest, VMB_ERR_TIMEOUT); /* Still held: it may have paused without saying so. */
}

void vmbi_pause_forget(struct vmb_guest *guest)
{
    vmbi_post_cancel(guest, &guest->pause_post);
    vmbi_post_cancel(guest, &guest->resume_post);
    guest->pause = PAUSE_NONE;
    pause_tell(guest, VMB_ERR_GONE);
}
