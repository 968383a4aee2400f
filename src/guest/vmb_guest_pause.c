/* SPDX-License-Identifier: MIT */
/* Pause: a host that sends nothing for a while, so that somebody can save where the guest stands.
 */
#include <vmbus/monitor.h>

#include "guest/vmb_guest_state.h"

/* The host has not answered yet, nor is its time over. */
static bool pause_waits(const struct vmb_guest *guest)
{
    return guest->pause_deadline_ns != VMB_NEVER;
}

static void pause_tell(struct vmb_guest *guest, vmb_status status)
{
    vmb_guest_done done = guest->pause_done;

    guest->pause_done = NULL;
    guest->pause_deadline_ns = VMB_NEVER;
    if (done != NULL) {
        done(guest->pause_context, status);
    }
}

static void pause_build(struct vmb_guest *guest, struct vmb_post *post, struct vmb_message *message)
{
    message->number = post == &guest->pause_post ? VMB_MSG_PAUSE : VMB_MSG_RESUME;
}

static void pause_posted(struct vmb_guest *guest, struct vmb_post *post, vmb_status status)
{
    if (post == &guest->resume_post) {
        if (status == VMB_OK) {
            guest->pause = PAUSE_NONE;
        }
    } else if (status != VMB_OK) {
        guest->pause = PAUSE_NONE;
        pause_tell(guest, status);
    } else {
        /* A paused host takes nothing but Resume and Unload: what is behind us waits. */
        guest->pause = PAUSE_HELD;
        guest->pauses_owed++;
        guest->pause_deadline_ns = vmbi_answer_deadline(guest);
    }
}

static void pause_on_response(struct vmb_guest *guest, const struct vmb_message *message)
{
    if (guest->pauses_owed == 0) {
        vmbi_unexpected(guest, message->number, 0);
    } else if (--guest->pauses_owed == 0 && pause_waits(guest)) {
        /* An answer names nothing. Those of pauses that were given up come before the last. */
        pause_tell(guest, VMB_OK);
    }
}

static uint64_t pause_timeouts(struct vmb_guest *guest, uint64_t now_ns, uint64_t earliest_ns)
{
    if (guest->pause_deadline_ns <= now_ns) {
        guest->counters.requests_timed_out++;
        pause_tell(guest, VMB_ERR_TIMEOUT); /* Still held: it may have paused without saying so. */
    }
    return guest->pause_deadline_ns < earliest_ns ? guest->pause_deadline_ns : earliest_ns;
}

static void pause_forget(struct vmb_guest *guest)
{
    vmbi_post_cancel(guest, &guest->pause_post);
    vmbi_post_cancel(guest, &guest->resume_post);
    guest->pause = PAUSE_NONE;
    guest->pauses_owed = 0;
    pause_tell(guest, VMB_ERR_GONE);
}

static const struct guest_part pause_part = {
    .answer = VMB_MSG_PAUSE_RESPONSE,
    .on_answer = pause_on_response,
    .build = pause_build,
    .posted = pause_posted,
    .timeouts = pause_timeouts,
    .forget = pause_forget,
};

vmb_status vmb_guest_pause(struct vmb_guest *guest, vmb_guest_done done, void *done_context)
{
    if (guest->state != BUS_CONNECTED || guest->pause != PAUSE_NONE) {
        return VMB_ERR_WRONG_STATE;
    }
    if ((guest->features & VMB_FEATURE_PAUSE_RESUME) == 0) {
        return VMB_ERR_UNSUPPORTED;
    }
    guest->parts[PART_PAUSE] = &pause_part;
    guest->pause = PAUSE_ASKED;
    guest->pause_done = done;
    guest->pause_context = done_context;
    guest->pause_deadline_ns = VMB_NEVER;
    vmbi_post_queue(guest, &guest->pause_post, PART_PAUSE);
    return VMB_OK;
}

vmb_status vmb_guest_continue(struct vmb_guest *guest)
{
    if (guest->state != BUS_CONNECTED || guest->pause != PAUSE_HELD) {
        return VMB_ERR_WRONG_STATE;
    }
    if (pause_waits(guest) || guest->resume_post.queued) {
        return VMB_ERR_BUSY; /* Not told yet that it has begun; or its end may still fail. */
    }
    vmbi_post_first(guest, &guest->resume_post, PART_PAUSE);
    return VMB_OK;
}
